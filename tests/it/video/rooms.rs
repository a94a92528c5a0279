//! A SIP video room (baresip, H.264) in a conference that the allocator made: it is seen by all, and sees who talks.

use convoke_tests::clock::{Lateness, Run};
use convoke_tests::config::Config;
use convoke_tests::convoke::Convoke;
use convoke_tests::netns::ALONE;
use convoke_tests::peers::baresip::{Baresip, Telephone};
use convoke_tests::peers::janus::Janus;
use convoke_tests::peers::pictures::{Pictures, Seen, number};
use convoke_tests::peers::sipp::{Sipp, Trunk};
use convoke_tests::rest::{Administrator, request};
use runtime::clock;
use serde_json::{Value, json};
use soap_proto::Invited;
use testkit::peer::{Identity, SipPeer};
use testkit::ports::{self, Ports};

use super::allocator::ask_for;
use super::janus::{in_a_network, judged_in_a_network};
use super::loss::{self, LATE, Server};
use super::people::{DOMAIN, Person};

const ALICE: &str = "+15550101";
const BOB: &str = "+15550201";
/// How often a room is looked at until it sees somebody else.
const LOOKS_MAX: usize = 60;

/// Everything but the video servers in one process; people's sound goes over sipp's telephones, which always talk.
struct Stage {
    convoke: Convoke,
    administrator: Administrator,
    token: String,
    _telephones: Sipp,
}

impl Stage {
    /// With a trunk that leads to a room, and with the adapter for a Janus in the same process.
    fn with_janus(room: &Baresip, janus: &Janus, bridge: &Ports) -> Self {
        let stage = Self::start(room, &["janus"], &["janus"], |config| {
            let config = config.video_server("janus", bridge.addr());
            janus.commanded_by(config, &bridge.addr().to_string())
        });
        let there = "Janus is there";
        let program = stage.convoke.program();
        let told = program.wait_line(there, |line| line.text.contains(there));
        told.unwrap();
        stage
    }

    /// With these roles as well, and with video servers of these names.
    fn start(
        room: &Baresip,
        roles: &[&'static str],
        names: &[&str],
        servers: impl FnOnce(Config) -> Config,
    ) -> Self {
        let telephones = Sipp::start(Trunk {
            calls: 2,
            ..Trunk::default()
        });
        let telephones = telephones.unwrap();
        let roles = [&["im", "gateway", "conference", "allocator"], roles].concat();
        let leads = ("sip_domains", vec!["rooms.example"].into());
        let config = Config::new(DOMAIN)
            .unwrap()
            .set("server", "roles", toml::Value::from(roles))
            // Where Janus can reach it.
            .set("media", "bind", ALONE)
            .trunk("rooms", room.sip(), "udp", &[leads])
            .trunk("telephones", telephones.addr(), "udp", &[]);
        let convoke = Convoke::start(servers(config)).unwrap();
        let administrator = Administrator::of(&convoke).unwrap();
        for (user, number) in [("alice", ALICE), ("bob", BOB)] {
            let telephones = [("work", number)];
            administrator.person(user, user, &telephones).unwrap();
        }
        for line in [
            "conferences registered",
            "allocator registered",
            "modes service registered",
        ] {
            let program = convoke.program();
            let came = program.wait_line(line, |said| said.text.contains(line));
            came.unwrap();
        }
        loss::await_links(&convoke, names, 2);
        let token = administrator.token("alice").unwrap();
        Self {
            convoke,
            administrator,
            token,
            _telephones: telephones,
        }
    }

    /// Alice asks for a conference with bob and the room; gives its id.
    fn ask(&self) -> String {
        let password = self.administrator.device("alice").unwrap();
        let identity = Identity::new("alice", DOMAIN, &password);
        let server = self.convoke.addr("sip_tcp").unwrap();
        let mut alice = SipPeer::tcp(identity, server, 1).unwrap();
        assert_eq!(alice.register("").unwrap().status(), Some(200));
        let people = vec![
            Invited::Person("bob".to_owned()),
            Invited::Sip("sip:room@rooms.example".to_owned()),
        ];
        let ready = ask_for(&mut alice, "ask-1", people).unwrap();
        ready.conference.to_string()
    }

    /// What alice does over REST to somebody in the conference.
    #[track_caller]
    fn act(&self, conference: &str, participant: &str, what: &str) -> Value {
        let bearer = format!("Authorization: Bearer {}", self.token);
        let headers = [&*bearer, "Content-Type: application/json"];
        let server = self.convoke.addr("http").unwrap();
        let path = format!("/api/v1/conferences/{conference}/participants/{participant}/{what}");
        let body = json!({}).to_string();
        let answer = request(server, "POST", &path, &headers, body.as_bytes()).unwrap();
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        answer.json().unwrap()
    }
}

fn room() -> Baresip {
    Baresip::start(Telephone {
        number: "room",
        tone_hz: 0.0,
        shows: Some(5),
        ..Telephone::default()
    })
    .unwrap()
}

/// Waits until the room sees this; what it saw before may stay for a moment.
#[track_caller]
fn assert_comes_to_see(room: &mut Baresip, expected: Seen) {
    let mut looks = (0..LOOKS_MAX).map(|_| room.see().unwrap());
    let last = looks.by_ref().find(|seen| *seen == expected);
    assert_eq!(last, Some(expected));
}

/// V6: everybody decodes the room's number, and the room that of who talks.
#[test]
fn a_sip_video_room_is_seen_by_all_and_sees_who_talks() {
    let path = "video::rooms::a_sip_video_room_is_seen_by_all_and_sees_who_talks";
    in_a_network(path, || {
        let mut room = room();
        let janus = Janus::start(ALONE.parse().unwrap()).unwrap();
        let bridge = ports::reserve().unwrap();
        let stage = Stage::with_janus(&room, &janus, &bridge);
        let id = stage.ask();
        let enter = |user| Person::enter(&stage.convoke, &stage.administrator, user, &id);
        let (mut alice, mut bob) = (enter("alice"), enter("bob"));
        for person in [&mut alice, &mut bob] {
            person.until("sound", |person| person.joined() == ["p1", "p2", "p3"]);
            person.until("the room's picture", |person| person.labels() == ["p3-1"]);
        }
        let (mut her, mut his) = (Pictures::start(3).unwrap(), Pictures::start(6).unwrap());
        let hers = alice.look(&mut her);
        assert_eq!(her.see("watch", &hers["p3-1"]).unwrap(), number(5));

        // Who talks is seen by the room.
        stage.act(&id, "p2", "mute");
        alice.show(&mut her);
        bob.show(&mut his);
        let all = ["p1-1", "p2-1", "p3-1"];
        for person in [&mut alice, &mut bob] {
            person.until("pictures", |person| person.labels() == all);
        }
        assert_comes_to_see(&mut room, number(3));
        let his_view = bob.look(&mut his);
        assert_eq!(his.see("watch", &his_view["p3-1"]).unwrap(), number(5));
        assert_eq!(his.see("watch", &his_view["p1-1"]).unwrap(), number(3));
        stage.act(&id, "p2", "unmute");
        stage.act(&id, "p1", "mute");
        assert_comes_to_see(&mut room, number(6));

        // It hangs up, and is seen no more; what is said goes on.
        room.hang_up().unwrap();
        alice.until("the room is gone", |alice| {
            alice.labels() == ["p1-1", "p2-1"] && alice.joined() == ["p1", "p2"]
        });
    });
}

/// The room's call goes on as it is, and its pictures by another Janus: one dies, and the other falls silent.
#[test]
fn a_sip_video_room_follows_its_conference_to_another_video_server() {
    let path = "video::rooms::a_sip_video_room_follows_its_conference_to_another_video_server";
    judged_in_a_network(path, LATE, || {
        let mut room = room();
        // The larger one has it.
        let (mut one, two) = (Server::start(200), Server::start(100));
        let stage = Stage::start(&room, &[], &["one", "two"], |config| {
            two.entry(one.entry(config, "one"), "two")
        });
        let id = stage.ask();
        let mut alice = Person::enter(&stage.convoke, &stage.administrator, "alice", &id);
        alice.until("sound", |alice| alice.joined() == ["p1", "p2", "p3"]);
        alice.until("the room's picture", |alice| alice.labels() == ["p3-1"]);
        assert!(alice.whole.contains("video=\"one\""), "{}", alice.whole);
        stage.act(&id, "p2", "mute");
        let (mut her, mut later) = (Pictures::start(3).unwrap(), Pictures::start(6).unwrap());
        alice.show(&mut her);
        alice.until("pictures", |alice| alice.labels() == ["p1-1", "p3-1"]);
        let hers = alice.look(&mut her);
        assert_eq!(her.see("watch", &hers["p3-1"]).unwrap(), number(5));
        assert_comes_to_see(&mut room, number(3));

        // By another camera each time, so that nothing is taken for new that came before.
        one.janus.crash().unwrap();
        let died = back(&mut alice, &mut room, &mut later, 6);
        assert!(alice.whole.contains("video=\"two\""), "{}", alice.whole);

        let there = |one: &Server, from| {
            let line = "Janus is there";
            let came = one
                .adapter
                .program()
                .wait_line_from(from, line, |said| said.text.contains(line));
            came.unwrap().0
        };
        let before = there(&one, 0);
        one.janus.restart().unwrap();
        there(&one, before);
        two.adapter.program().hold();
        for does in ["show", "watch"] {
            her.close(does).unwrap();
        }
        let silent = back(&mut alice, &mut room, &mut her, 3);
        assert!(alice.whole.contains("video=\"one\""), "{}", alice.whole);
        two.adapter.program().go_on();
        Run {
            faults: [died.faults, silent.faults].concat(),
            late: died.late.max(silent.late),
        }
    });
}

/// The video server is gone: alice shows by this camera, which has this number, sees the room again and is seen by it.
#[track_caller]
fn back(alice: &mut Person, room: &mut Baresip, camera: &mut Pictures, shows: u8) -> Run {
    let (begin, lateness) = (clock::now(), Lateness::watch());
    alice.until("the end", |alice| alice.ended.len() == 2);
    alice.ended.clear();
    println!("the loss was told after {:?}", clock::now() - begin);
    alice.until("the loss", |alice| !alice.labels().contains(&"p1-1"));
    alice.show(camera);
    alice.until("pictures again", |alice| alice.labels() == ["p1-1", "p3-1"]);
    let seen = alice.look(camera);
    assert_eq!(camera.see("watch", &seen["p3-1"]).unwrap(), number(5));
    println!("the room was seen after {:?}", clock::now() - begin);
    assert_comes_to_see(room, number(shows));
    let run = loss::back(clock::now() - begin, lateness.end());
    assert_eq!(alice.joined(), ["p1", "p2", "p3"]);
    run
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for line in self.convoke.program().lines() {
                println!("{}", line.text);
            }
        }
    }
}
