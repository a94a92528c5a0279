//! The whole road: words to the gateway, telephones that ring over a real trunk, reports back, in words.

use api::TelephoneView;
use phones::{Act, Answer, Behaviour, Config as PhonesConfig, Law, Network, Phone, Says, What};
use runtime::tasks::{Shutdown, Tasks};
use testkit::peer::SipPeer;

use crate::bench::*;
use crate::gateway::{answer, when_registered};

pub const ALICE: &str = "+15550101";
pub const BOB: &str = "+15550102";
const BUSY: &str = "+15550104";

fn phone(number: &str, behaviour: Behaviour) -> Phone {
    Phone {
        number: number.parse().unwrap(),
        owner: String::new(),
        behaviour,
        law: Law::A,
    }
}

fn answers(hz: f32) -> Behaviour {
    Behaviour::Answer(Answer {
        after_ms: 50,
        early_media: false,
        says: Says::Tone { hz },
        presses: None,
        hangs_up_after_ms: None,
    })
}

/// A simulated network and a server with a trunk to it.
pub struct Road {
    pub bench: Bench,
    pub network: Network,
    tasks: Tasks,
}

impl Road {
    pub async fn start() -> Self {
        let tasks = Tasks::new(Shutdown::new());
        let phones = PhonesConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            phones: vec![
                phone(ALICE, answers(500.0)),
                phone(BOB, answers(700.0)),
                phone(BUSY, Behaviour::Busy),
            ],
            login: Some(sip_proto::auth::Login {
                username: "convoke".into(),
                password: "trunk password".into(),
            }),
        };
        let network = Network::start(phones, &tasks).await.unwrap();
        let port = network.addr().port();
        let trunk = format!(
            "[dialplan]\nhome_country = \"1\"\n[media]\nport_min = 41000\nport_max = 41999\n\
             [[trunk]]\nname = \"carrier\"\nserver = \"127.0.0.1\"\nport = {port}\nusername = \"convoke\"\n\
             password = \"trunk password\"\ncalls_per_second = 50.0\n"
        );
        let bench = Bench::start(&trunk).await;
        Self {
            bench,
            network,
            tasks,
        }
    }

    /// An account with a telephone, and its registered client.
    pub async fn person(&mut self, user: &str, number: &str) -> SipPeer {
        let peer = registered(self.bench.peer(user).await).await;
        let accounts = &self.bench.server.accounts;
        let telephone = TelephoneView {
            label: "mobile".into(),
            number: number.into(),
            default: true,
            guard: None,
            ..TelephoneView::default()
        };
        let aor = accounts.aor(user).unwrap();
        let saved = accounts.save_telephones(&aor, vec![telephone]).await;
        saved.unwrap();
        peer
    }

    pub async fn stop(self) {
        self.bench.stop().await;
        let limit = std::time::Duration::from_secs(5);
        self.tasks.finish(limit).await.unwrap();
    }
}

/// Takes words until these came; gives all of them.
pub fn until(peer: &mut SipPeer, expected: &str) -> String {
    let mut said = String::new();
    while !said.contains(expected) {
        said.push_str(&answer(peer));
        said.push('\n');
        assert!(said.len() < 100_000, "{expected:?} never came:\n{said}");
    }
    said
}

/// What is told of a conference, without the answer to the command.
fn order_of(said: &str, expected: &[&str]) {
    let mut rest = said;
    for words in expected {
        match rest.split_once(words) {
            Some((_, after)) => rest = after,
            None => panic!("expected {words:?} then, in:\n{said}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_rings_telephones_joins_them_and_reports() {
    let mut road = Road::start().await;
    let mut alice = road.person("alice", ALICE).await;
    let bob = road.person("bob", BOB).await;
    let (said, ended) = block(move || {
        when_registered(&mut alice, &format!("call bob {BUSY}"));
        let mut said = until(&mut alice, "bob is in the call");
        // Who comes first, the busy one or bob, is theirs.
        if !said.contains("busy") {
            said.push_str(&until(&mut alice, "busy"));
        }
        assert!(matches!(
            say(&mut alice, "conference", "end"),
            Some(200 | 202)
        ));
        (said, until(&mut alice, "conference has ended"))
    })
    .await;
    order_of(
        &said,
        &[
            "I ring you first",
            "alice: ringing",
            "alice is in the call",
            "bob: ringing",
            "bob is in the call",
        ],
    );
    order_of(&ended, &["bob", "alice", "conference has ended"]);
    drop(bob);

    let store = road.bench.server.store.clone();
    let conference = store.conferences(None, 10).await.unwrap().remove(0);
    assert!(conference.ended.is_some());
    let legs = store.legs(&conference.id).await.unwrap();
    assert_eq!(legs.len(), 3);
    assert!(legs.iter().all(|leg| leg.ended.is_some()), "{legs:?}");
    let log = store.log_newest(100).await.unwrap();
    assert!(log.len() > 5 && log.iter().all(|message| message.logged.control));
    road.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_initiator_hangs_up_the_conference_ends() {
    let mut road = Road::start().await;
    let mut alice = road.person("alice", ALICE).await;
    let _bob = road.person("bob", BOB).await;
    let mut alice = block(move || {
        when_registered(&mut alice, "call bob");
        until(&mut alice, "bob is in the call");
        alice
    })
    .await;
    road.network.act(&ALICE.parse().unwrap(), Act::HangUp).await;
    let said = block(move || until(&mut alice, "conference has ended")).await;
    order_of(&said, &["alice", "conference has ended"]);
    road.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn going_down_ends_calls_and_tells_clients() {
    let mut road = Road::start().await;
    let mut alice = road.person("alice", ALICE).await;
    let _bob = road.person("bob", BOB).await;
    let mut alice = block(move || {
        when_registered(&mut alice, "call bob");
        until(&mut alice, "bob is in the call");
        alice
    })
    .await;
    let told = tokio::task::spawn_blocking(move || until(&mut alice, "conference has ended"));
    let mut events = road.network.events();
    road.bench.stop().await;
    let mut ended = 0;
    while ended < 2 {
        let event = events.recv().await.unwrap();
        ended += usize::from(matches!(event.what, What::Ended(_)));
    }
    let told = told.await.unwrap();
    assert!(told.contains("the server is going down"), "{told}");
    let limit = std::time::Duration::from_secs(5);
    road.tasks.finish(limit).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_trunk_fails_the_call_in_words() {
    let refusing = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = refusing.local_addr().unwrap().port();
    drop(refusing);
    let trunk = format!(
        "[media]\nbind = \"0.0.0.0\"\nadvertised = \"127.0.0.1\"\n[dialplan]\nhome_country = \"1\"\n[[trunk]]\nname = \"gone\"\nserver = \"127.0.0.1\"\nport = {port}\n\
         transport = \"tcp\"\n[[trunk]]\nname = \"nameless\"\nserver = \"nowhere.invalid\"\n"
    );
    let mut bench = Bench::start(&trunk).await;
    let mut alice = registered(bench.peer("alice").await).await;
    let telephone = TelephoneView {
        label: "mobile".into(),
        number: ALICE.into(),
        default: true,
        guard: None,
        ..TelephoneView::default()
    };
    let aor = bench.server.accounts.aor("alice").unwrap();
    let saved = bench.server.accounts.save_telephones(&aor, vec![telephone]);
    saved.await.unwrap();
    let said = block(move || {
        when_registered(&mut alice, &format!("call {BOB}"));
        until(&mut alice, "conference has ended")
    })
    .await;
    assert!(said.contains("the telephone line does not work"), "{said}");
    bench.stop().await;
}
