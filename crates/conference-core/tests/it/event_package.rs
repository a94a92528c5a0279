//! RFC 4575's documents: what a subscriber puts together from them is what the focus knows. The documents stand in
//! `tests/schema/samples`, where xmlschema judges them by the RFC's schema; `UPDATE=1` writes them anew.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use conference_core::event_package::{
    conference_of, deleted, disconnection_of, full, partial, status_of,
};
use conference_core::{Actor, Operation, PictureKind, PictureView, Snapshot};
use convoke_types::address::conference_uri;
use convoke_types::bridge::LegEvent;
use convoke_types::bridge_protocol::Feature;
use convoke_types::{EndReason, LegState, Mode};

use crate::on;
use crate::support::*;

const DOMAIN: &str = "example.org";

/// What a subscriber has put together (RFC 4575 §4.6): the conference's state, and each user's element.
#[derive(Debug, Default, PartialEq)]
struct Board {
    version: u32,
    state: String,
    users: BTreeMap<String, String>,
}

impl Board {
    fn apply(&mut self, document: &str) {
        let document = document.split_once("?>").unwrap().1;
        let version: u32 = between(document, " version=\"", "\"").parse().unwrap();
        let kind = between(document, " state=\"", "\"");
        if kind == "full" {
            self.users.clear();
        } else {
            assert_eq!(version, self.version + 1, "none was missed");
        }
        self.version = version;
        self.state = between(document, "<conference-state>", "</conference-state>").to_owned();
        for line in document.lines().filter(|l| l.starts_with("  <user ")) {
            let entity = between(line, "entity=\"", "\"").to_owned();
            match between(line, "state=\"", "\"") {
                "deleted" => assert!(self.users.remove(&entity).is_some()),
                _ => {
                    let inner = between(line, ">", "</user>").to_owned();
                    self.users.insert(entity, inner);
                }
            }
        }
    }
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let rest = text.split_once(begin).unwrap().1;
    rest.split_once(end).unwrap().0
}

/// A subscriber of conference `x`.
struct Subscriber {
    board: Board,
    told: Snapshot,
}

fn snapshot(world: &mut World) -> Snapshot {
    let get = Operation::Get {
        conference: conference("x"),
        since: None,
    };
    world.command(user("alice"), get).unwrap().snapshot
}

impl Subscriber {
    fn new(world: &mut World) -> Self {
        let told = snapshot(world);
        let mut board = Board::default();
        board.apply(&full(DOMAIN, 1, &told));
        Self { board, told }
    }

    /// Takes what changed, and finds that it knows what one knows who asks now.
    fn follow(&mut self, world: &mut World) -> String {
        let now = snapshot(world);
        let document = partial(DOMAIN, self.board.version + 1, &self.told, &now).unwrap();
        self.board.apply(&document);
        self.told = now;
        let mut fresh = Board::default();
        fresh.apply(&full(DOMAIN, self.board.version, &self.told));
        assert_eq!(self.board, fresh, "{document}");
        document
    }
}

fn sample(name: &str, document: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/schema/samples")
        .join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, document).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(there, document, "{name} is stale; run with UPDATE=1");
}

#[test]
fn who_is_called_at_another_place_has_two_endpoints() {
    let mut world = two();
    let mut subscriber = Subscriber::new(&mut world);
    let home = at("p2", number("+15558888888"), Mode::Pstn, "home");
    world.command(user("bob"), home).unwrap();
    world.leg("x/l3", LegEvent::Dialling);
    world.leg("x/l3", LegEvent::Ringing { sip: 180 });
    world.leg("x/l2", LegEvent::Talking { on: true });
    let document = subscriber.follow(&mut world);
    sample("conference-moving.xml", &document);
    let endpoints: Vec<&str> = document.split("<endpoint ").skip(1).collect();
    assert_eq!(endpoints.len(), 2);
    let [there, here] = endpoints[..] else {
        unreachable!()
    };
    for words in [
        "leg=l3",
        ">home<",
        ">alerting<",
        "state=\"ringing\" moving=\"true\"",
    ] {
        assert!(there.contains(words), "{words}: {there}");
    }
    for words in ["leg=l2", ">mobile<", ">connected<", "talking=\"true\""] {
        assert!(here.contains(words), "{words}: {here}");
    }
    assert!(!here.contains("moving") && !there.contains("talking"));
    // They count once.
    assert!(document.contains("<user-count>2</user-count>"));
    world.leg("x/l3", busy());
    let document = subscriber.follow(&mut world);
    assert!(document.contains("<disconnection-method>busy</disconnection-method>"));
    assert!(document.contains("state=\"busy\" reason=\"busy\" sip=\"486\" moving=\"true\""));
    assert!(document.contains("<status>connected</status>"));
}

#[test]
fn partial_documents_add_up_to_the_whole() {
    let mut world = World::wide();
    let mut create = create(
        "x",
        party("alice"),
        vec![party("bob"), moderator("carol"), outside("+4930123456")],
    );
    create.title = "Budget <2027> & \"more\"\u{1}".to_owned();
    world.create(create);
    let mut subscriber = Subscriber::new(&mut world);
    sample("conference-full.xml", &full(DOMAIN, 1, &subscriber.told));
    world.leg("x/l1", LegEvent::Dialling);
    subscriber.follow(&mut world);
    world.leg("x/l1", LegEvent::Ringing { sip: 180 });
    let ringing = subscriber.follow(&mut world);
    assert_eq!(ringing.matches("<user ").count(), 1, "only who changed");
    sample("conference-partial.xml", &ringing);
    assert_eq!(
        partial(DOMAIN, 9, &subscriber.told, &snapshot(&mut world)),
        None,
        "nothing changed"
    );
    world.join("x/l1");
    world.pass(Duration::from_secs(1));
    world.join("x/l2");
    subscriber.follow(&mut world);
    world.leg("x/l2", LegEvent::Talking { on: true });
    assert!(subscriber.follow(&mut world).contains("talking=\"true\""));
    let mute = Operation::Mute {
        conference: conference("x"),
        participant: participant("p2"),
    };
    world.command(user("alice"), mute).unwrap();
    let muted = subscriber.follow(&mut world);
    assert!(muted.contains("<status>muted-via-focus</status>"));
    world.leg("x/l3", LegEvent::Dialling);
    world.leg("x/l3", busy());
    let busy = subscriber.follow(&mut world);
    assert!(busy.contains("<disconnection-method>busy</disconnection-method>"));
    world.leg("x/l2", hung_up());
    let left = subscriber.follow(&mut world);
    assert!(left.contains("<disconnection-method>departed</disconnection-method>"));
    sample("conference-left.xml", &left);
    let remove = Operation::Remove {
        conference: conference("x"),
        participant: participant("p2"),
    };
    world.command(user("alice"), remove).unwrap();
    let removed = subscriber.follow(&mut world);
    assert!(removed.contains("participant=p2\" state=\"deleted\"/>"));
    sample("conference-removed.xml", &removed);
    sample(
        "conference-deleted.xml",
        &deleted(DOMAIN, 20, &conference("x")),
    );
}

#[test]
fn hands_roles_the_lock_and_clients_are_in_the_documents() {
    let mut world = World::wide();
    let others = vec![party("bob"), moderator("carol"), at_browser("dave")];
    world.create(create("x", at_browser("alice"), others));
    let document = full(DOMAIN, 1, &snapshot(&mut world));
    assert!(document.contains("<status>dialing-in</status>"));
    assert!(document.contains("<joining-method>dialed-in</joining-method>"));
    world.arrive("c1", "alice");
    world.join("x/l1");
    world.pass(Duration::from_secs(1));
    world.join("x/l2");
    world.join("x/l3");
    let mut subscriber = Subscriber::new(&mut world);
    world.command(user("bob"), on!(RaiseHand, "p2")).unwrap();
    world.command(user("carol"), on!(RaiseHand, "p3")).unwrap();
    world.command(user("carol"), on!(Lock)).unwrap();
    let locked = subscriber.follow(&mut world);
    assert!(locked.contains("hand=\"1\"") && locked.contains("hand=\"2\""));
    assert!(locked.contains("locked=\"true\""));
    sample("conference-hands.xml", &locked);
    // The queue moves up: carol's place has changed as well.
    world.command(user("carol"), on!(GiveFloor, "p2")).unwrap();
    let floor = subscriber.follow(&mut world);
    assert_eq!(floor.matches("<user ").count(), 2, "{floor}");
    assert!(floor.contains("hand=\"1\"") && !floor.contains("hand=\"2\""));
    world.command(user("carol"), on!(Unlock)).unwrap();
    assert!(!subscriber.follow(&mut world).contains("locked"));
    let pictures = |video: Option<&str>| conference_core::Operation::Pictures {
        conference: conference("x"),
        video: video.map(|name| name.parse().unwrap()),
        words: None,
    };
    let told = [
        (Some("two"), "video=\"two\"/>"),
        (None, "video=\"two\" pictures-lost=\"true\"/>"),
    ];
    for (video, shown) in told {
        world
            .command(Actor::administrator(), pictures(video))
            .unwrap();
        let document = subscriber.follow(&mut world);
        assert!(document.contains(shown), "{document}");
        if video.is_none() {
            sample("conference-pictures-lost.xml", &document);
        }
    }
    world.command(user("alice"), on!(HandOver, "p3")).unwrap();
    let roles = subscriber.follow(&mut world);
    assert!(roles.contains("<roles><entry>owner</entry></roles>"));
    assert_eq!(roles.matches("<user ").count(), 2, "{roles}");
}

#[test]
fn what_the_bridge_cannot_do_is_in_the_documents_and_follows_the_sound() {
    let mut world = two();
    let mut subscriber = Subscriber::new(&mut world);
    // Our own bridge, until another one has it.
    let whole = full(DOMAIN, 1, &subscriber.told);
    assert!(whole.contains(" absent=\"recording\""), "{whole}");
    for (absent, shown) in [
        (
            &[Feature::ListenerMix, Feature::Recording][..],
            " absent=\"listener-mix recording\" sound-moves=\"1\"/>",
        ),
        (&[], "\" sound-moves=\"2\"/>"),
    ] {
        assert!(world.mixes("x", absent).is_empty());
        world.moved("x", "another mixes now");
        let document = subscriber.follow(&mut world);
        assert!(document.contains(shown), "{document}");
        assert_eq!(document.contains(" absent="), !absent.is_empty());
        if !absent.is_empty() {
            sample("conference-absent.xml", &document);
        }
    }
}

#[test]
fn who_shows_a_picture_is_in_the_documents_with_its_label() {
    let mut world = World::wide();
    world.create(create("x", party("alice"), vec![party("bob")]));
    world.join("x/l1");
    let told = snapshot(&mut world);
    let mut now = told.clone();
    for (label, kind) in [("p1-1", PictureKind::Camera), ("p1-2", PictureKind::Screen)] {
        let label = label.to_owned();
        now.roster[0].pictures.push(PictureView { label, kind });
    }
    let document = partial(DOMAIN, 2, &told, &now).unwrap();
    assert_eq!(document.matches("<user ").count(), 1, "{document}");
    let media = "<media id=\"p1-2\"><display-text>Slides</display-text><type>video</type><label>p1-2</label>\
                 <status>sendonly</status></media>";
    assert!(document.contains(media), "{document}");
    sample("conference-pictures.xml", &document);
    let gone = partial(DOMAIN, 3, &now, &told).unwrap();
    assert!(!gone.contains("<media "), "{gone}");
}

#[test]
fn documents_say_who_muted_somebody() {
    let mut world = two();
    let mut subscriber = Subscriber::new(&mut world);
    world.press("x/l2", "*6");
    let document = subscriber.follow(&mut world);
    assert!(
        document.contains("muted=\"true\" muted-by=\"themselves\""),
        "{document}"
    );
    world.command(user("alice"), on!(Mute, "p2")).unwrap();
    let document = subscriber.follow(&mut world);
    assert!(document.contains("muted-by=\"both\""), "{document}");
    // At the telephone their own is lifted; the moderator's stays.
    world.press("x/l2", "*6");
    let document = subscriber.follow(&mut world);
    assert!(document.contains("muted-by=\"moderator\""), "{document}");
    world.command(user("alice"), on!(Unmute, "p2")).unwrap();
    assert!(!subscriber.follow(&mut world).contains("muted"));
}

#[test]
fn a_room_that_has_sound_only_is_told_where_others_have_pictures() {
    let mut world = World::wide();
    world.create(create("x", party("alice"), vec![party("bob")]));
    world.join("x/l1");
    let mut now = snapshot(&mut world);
    let media = "<media id=\"p1-1\"><display-text>Camera</display-text><type>video</type><label>p1-1</label>\
                 <status>inactive</status></media>";
    now.video = "janus".parse().ok();
    assert!(
        !full(DOMAIN, 1, &now).contains(media),
        "a telephone has none"
    );
    now.roster[0].leg.mode = Mode::H323;
    assert!(full(DOMAIN, 1, &now).contains(media));
    // A picture that a moderator hides is no answer with sound only.
    now.roster[0].hidden = true;
    assert!(!full(DOMAIN, 1, &now).contains(media));
    now.roster[0].hidden = false;
    let sound = Snapshot {
        video: None,
        ..now.clone()
    };
    assert!(!full(DOMAIN, 1, &sound).contains(media));
    let seen = PictureView {
        label: "p1-1".to_owned(),
        kind: PictureKind::Camera,
    };
    now.roster[0].pictures.push(seen);
    assert!(!full(DOMAIN, 1, &now).contains("inactive"));
}

#[test]
fn no_document_says_a_number() {
    let mut world = World::wide();
    let mut guest = outside("+4930123456");
    guest.name = "a guest".to_owned();
    world.create(create("x", party("alice"), vec![guest]));
    let document = full(DOMAIN, 1, &snapshot(&mut world));
    assert!(!document.contains("30123456"), "{document}");
}

#[test]
fn every_state_has_a_status_and_every_end_a_method() {
    let statuses = [
        "pending",
        "dialing-out",
        "alerting",
        "connected",
        "muted-via-focus",
        "on-hold",
        "disconnected",
    ];
    for state in LegState::ALL {
        for muted in [false, true] {
            let status = status_of(state, muted);
            assert!(statuses.contains(&status));
            assert_eq!(status == "disconnected", state.is_end(), "{state}");
        }
        for reason in EndReason::ALL.into_iter().map(Some).chain([None]) {
            let method = disconnection_of(state, reason);
            assert_eq!(method.is_some(), state.is_end(), "{state}");
        }
    }
    let left = |reason| disconnection_of(LegState::Left, Some(reason));
    assert_eq!(left(EndReason::HungUp), Some("departed"));
    assert_eq!(left(EndReason::ByModerator), Some("booted"));
    assert_eq!(left(EndReason::Bridge), Some("failed"));
}

#[test]
fn a_conference_is_found_by_its_uri() {
    assert_eq!(
        conference_uri(&conference("c-1"), DOMAIN),
        "sip:conf-c-1@example.org"
    );
    assert_eq!(
        conference_uri(&conference("a@b:c"), DOMAIN),
        "sip:conf-a%40b%3Ac@example.org"
    );
    assert_eq!(conference_of("conf-a@b:c"), Some(conference("a@b:c")));
    assert_eq!(conference_of("conf-"), None);
    assert_eq!(conference_of("alice"), None);
}
