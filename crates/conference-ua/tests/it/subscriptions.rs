//! Following a conference.

use std::time::Duration;

use conference_core::event_package;
use conference_ua::{Event, Limits};
use convoke_types::LegState::{Joined, Left, Ringing};
use sip_proto::{FlowId, HeaderName, Method};

use crate::scene::*;

const CONFERENCE: &str = "sip:conf-c1@example.org";

#[test]
fn a_participant_is_told_everything_and_then_what_changed() {
    let mut scene = Scene::new();
    let before = conference(4, &[("alice", Joined, false), ("bob", Ringing, false)]);
    let first = scene.follow("bob", &before);
    assert_eq!(first.text, event_package::full(DOMAIN, 1, &before));
    assert_eq!(first.state, "active;expires=600");
    assert_eq!(scene.watched.len(), 1);
    let routes: Vec<_> = first.notify.headers(HeaderName::Route).collect();
    assert_eq!(routes, ["<sip:token@192.0.2.1:5060;transport=tcp;lr>"]);
    assert_eq!(
        first.notify.request_uri(),
        Some("sip:bob@x.invalid;transport=ws")
    );
    assert_eq!(first.notify.header(HeaderName::Event), Some("conference"));

    let after = conference(5, &[("alice", Joined, true), ("bob", Ringing, false)]);
    scene.snapshot(after.clone());
    scene.nothing();
    scene.advance(PACE);
    let next = scene.told();
    let expected = event_package::partial(DOMAIN, 2, &before, &after).unwrap();
    assert_eq!(next.text, expected);
    // The same again is nothing to tell.
    scene.snapshot(conference(
        5,
        &[("alice", Joined, true), ("bob", Ringing, false)],
    ));
    scene.advance(Duration::from_secs(10));
    scene.nothing();
}

#[test]
fn what_happens_while_somebody_is_slow_is_told_at_once_and_only_as_it_is_now() {
    let mut scene = Scene::new();
    let at = |version, talking| {
        conference(
            version,
            &[("alice", Joined, talking), ("bob", Joined, !talking)],
        )
    };
    scene.follow("bob", &at(1, false));
    scene.advance(PACE);
    scene.snapshot(at(2, true));
    let slow = scene.one("NOTIFY");
    for version in 3..50 {
        scene.snapshot(at(version, version % 2 == 0));
        scene.advance(PACE);
    }
    scene.nothing();
    scene.answer(&slow, 200);
    let told = scene.told();
    let expected = event_package::partial(DOMAIN, 3, &at(2, true), &at(49, false)).unwrap();
    assert_eq!(told.text, expected);
}

#[test]
fn what_happens_quickly_after_a_rest_is_told_at_once_until_the_pace_holds() {
    let mut scene = Scene::new();
    let at = |version, talking| {
        conference(
            version,
            &[("alice", Joined, talking), ("bob", Joined, !talking)],
        )
    };
    scene.follow("bob", &at(1, false));
    scene.advance(Duration::from_secs(10));
    for version in 2..10 {
        scene.snapshot(at(version, version % 2 == 0));
        scene.told();
    }
    scene.snapshot(at(10, true));
    scene.nothing();
    scene.advance(PACE);
    scene.told();
}

#[test]
fn to_strangers_there_is_no_conference() {
    let mut scene = Scene::new();
    let now = conference(
        1,
        &[("alice", Joined, false), ("+4930123456", Joined, false)],
    );
    assert!(scene.subscribe("mallory", EVENT).is_none(), "not known yet");
    scene.snapshot(now.clone());
    assert_eq!(scene.one("SIP/2.0 404").status(), Some(404));
    assert!(scene.watched.is_empty(), "nobody watches");
    // To nobody is the same told as to those who may not.
    assert!(scene.subscribe("alice", EVENT).is_none());
    scene.over();
    scene.one("SIP/2.0 404");

    scene.follow("alice", &now);
    assert_eq!(
        scene.subscribe("mallory", EVENT).unwrap().status(),
        Some(404)
    );
    for uri in [
        "sip:conf-@example.org",
        "sip:c1@example.org",
        "sip:focus@example.org",
        "sip:conf-c1@example.net",
        "sip:conf-c%201@example.org",
    ] {
        let request = scene.request("SUBSCRIBE", "alice", uri, uri, EVENT);
        scene.give(scene.flow, request);
        scene.one("SIP/2.0 404");
    }
    assert!(
        scene
            .events
            .iter()
            .any(|e| matches!(e, Event::Refused { status: 404, .. }))
    );
}

#[test]
fn a_stranger_who_came_first_does_not_end_it_for_who_came_second() {
    let mut scene = Scene::new();
    assert!(scene.subscribe("mallory", EVENT).is_none());
    assert!(scene.subscribe("bob", EVENT).is_none());
    scene.snapshot(conference(1, &[("bob", Ringing, false)]));
    let sent = scene.sent();
    let answers: Vec<_> = sent.iter().filter_map(|message| message.status()).collect();
    assert_eq!(answers, [404, 200]);
    assert_eq!(scene.watched.len(), 1, "it is still watched");
}

#[test]
fn an_identity_counts_only_from_our_own_server() {
    let mut scene = Scene::new();
    let now = conference(1, &[("alice", Joined, false)]);
    scene.follow("alice", &now);
    let request = scene.request("SUBSCRIBE", "alice", CONFERENCE, "other-flow", EVENT);
    scene.give(FlowId(99), request);
    scene.one("SIP/2.0 403");
    for identity in ["", "P-Asserted-Identity: <sip:alice@example.net>\r\n"] {
        let request = scene.request("SUBSCRIBE", "alice", CONFERENCE, "none", EVENT);
        let text = String::from_utf8(request.to_vec()).unwrap();
        let theirs = "P-Asserted-Identity: <sip:alice@example.org>\r\n";
        let text = text.replace(theirs, identity);
        scene.give(scene.flow, text.into());
        scene.one("SIP/2.0 403");
    }
}

#[test]
fn what_cannot_be_subscribed_to_is_refused_as_rfc_6665_says() {
    let mut scene = Scene::new();
    let other = scene.subscribe("alice", "Event: presence\r\n").unwrap();
    assert_eq!(other.status(), Some(489));
    assert_eq!(other.header(HeaderName::AllowEvents), Some("conference"));
    let brief = scene
        .subscribe("alice", "Event: conference\r\nExpires: 5\r\n")
        .unwrap();
    assert_eq!(brief.status(), Some(423));
    assert_eq!(brief.header(HeaderName::MinExpires), Some("60"));
    let rest = "Event: conference\r\nAccept: application/pidf+xml\r\n";
    assert_eq!(scene.subscribe("alice", rest).unwrap().status(), Some(406));
    let lost = "<sip:conf-c1@example.org>;tag=gone";
    let request = scene.request("SUBSCRIBE", "alice", lost, "gone", EVENT);
    scene.give(scene.flow, request);
    scene.one("SIP/2.0 481");
    assert!(scene.watched.is_empty());
}

#[test]
fn the_end_of_a_conference_is_the_last_that_is_told() {
    let mut scene = Scene::new();
    scene.follow("alice", &conference(1, &[("alice", Joined, false)]));
    scene.over();
    let last = scene.told();
    assert_eq!((last.kind.as_str(), last.version), ("deleted", 2));
    assert_eq!(last.state, "terminated;reason=noresource");
    assert_eq!(scene.core.watched(), 0);
    // A late state of it is nobody's.
    scene.snapshot(conference(2, &[("alice", Joined, false)]));
    scene.advance(Duration::from_secs(1));
    scene.nothing();
}

#[test]
fn who_is_removed_is_told_no_more() {
    let mut scene = Scene::new();
    scene.follow(
        "alice",
        &conference(1, &[("alice", Joined, false), ("bob", Left, false)]),
    );
    scene.follow("bob", &conference(1, &[]));
    scene.advance(PACE);
    scene.snapshot(conference(2, &[("alice", Joined, false)]));
    let sent = scene.sent();
    assert_eq!(sent.len(), 2);
    for notify in &sent {
        let told = Told::of(notify);
        if notify.request_uri().unwrap().contains("bob") {
            assert_eq!(told.state, "terminated;reason=rejected");
            assert!(told.text.is_empty());
        } else {
            assert!(told.text.contains("state=\"deleted\""), "{}", told.text);
            scene.answer(notify, 200);
        }
    }
    assert_eq!(scene.core.watched(), 1);
    assert_eq!(scene.subscribe("bob", EVENT).unwrap().status(), Some(404));
}

#[test]
fn a_subscription_is_renewed_and_given_up_by_its_watcher_alone() {
    let mut scene = Scene::new();
    let now = conference(1, &[("alice", Joined, false), ("bob", Joined, false)]);
    let first = scene.follow("alice", &now);
    scene.advance(PACE);
    let tag = first.notify.from().unwrap().tag().unwrap().to_owned();
    let to = format!("<{CONFERENCE}>;tag={tag}");
    let request = scene.request("SUBSCRIBE", "alice", &to, "alice", EVENT);
    scene.give(scene.flow, request);
    let sent = scene.sent();
    assert_eq!(sent[0].status(), Some(200));
    let again = Told::of(&sent[1]);
    assert_eq!((again.kind.as_str(), again.version), ("full", 2));
    scene.answer(&sent[1], 200);

    // Bob knows the dialog and is somebody else.
    let request = scene.request("SUBSCRIBE", "alice", &to, "alice", EVENT);
    let as_bob = String::from_utf8(request.to_vec()).unwrap();
    let as_bob = as_bob.replace("Identity: <sip:alice@", "Identity: <sip:bob@");
    scene.give(scene.flow, as_bob.into());
    scene.one("SIP/2.0 403");

    let end = "Event: conference\r\nExpires: 0\r\n";
    let request = scene.request("SUBSCRIBE", "alice", &to, "alice", end);
    scene.give(scene.flow, request);
    let sent = scene.sent();
    assert_eq!(sent[0].status(), Some(200));
    assert_eq!(Told::of(&sent[1]).state, "terminated;reason=timeout");
    assert!(scene.watched.is_empty());

    // Fetching is a subscription that ends at once.
    assert!(scene.subscribe("bob", end).is_none());
    scene.snapshot(now);
    let sent = scene.sent();
    assert_eq!(sent[0].status(), Some(200));
    assert_eq!(Told::of(&sent[1]).kind, "full");
    assert!(scene.watched.is_empty());

    // Who does not renew hears that too.
    scene.follow("bob", &conference(1, &[("bob", Joined, false)]));
    scene.advance(Duration::from_secs(601));
    let sent = scene.sent();
    let last = sent
        .iter()
        .rfind(|m| m.method_ref() == Some(&Method::Notify));
    assert_eq!(Told::of(last.unwrap()).state, "terminated;reason=timeout");
}

#[test]
fn many_are_told_the_same_each_with_its_own_numbers() {
    let mut scene = Scene::new();
    let people: Vec<String> = (0..20).map(|n| format!("u{n}")).collect();
    let roster = |talking: bool| -> Vec<_> {
        people
            .iter()
            .map(|user| (user.as_str(), Joined, talking))
            .collect()
    };
    let before = conference(1, &roster(false));
    for (at, user) in people.iter().enumerate() {
        let told = scene.follow(user, &before);
        assert_eq!(told.text, event_package::full(DOMAIN, 1, &before));
        if at == 0 {
            // The first one is a number ahead of the others from now on.
            scene.advance(PACE);
            let to = told.notify.from().unwrap().to_string();
            let request = scene.request("SUBSCRIBE", user, &to, user, EVENT);
            scene.give(scene.flow, request);
            let sent = scene.sent();
            scene.answer(&sent[1], 200);
        }
    }
    scene.advance(PACE);
    let after = conference(2, &roster(true));
    scene.snapshot(after.clone());
    let sent = scene.sent();
    assert_eq!(sent.len(), people.len());
    for notify in &sent {
        let told = Told::of(notify);
        let first = notify.request_uri().unwrap().contains("u0@");
        let version = if first { 3 } else { 2 };
        let expected = event_package::partial(DOMAIN, version, &before, &after).unwrap();
        assert_eq!(told.text, expected);
    }
}

#[test]
fn what_waits_for_the_focus_is_bounded_and_asked_for_once() {
    let limits = Limits {
        waiting: 2,
        subscriptions: 3,
        subscriptions_per_person: 2,
        ..Limits::default()
    };
    let mut scene = Scene::with(limits);
    assert!(scene.subscribe("alice", EVENT).is_none());
    assert!(scene.subscribe("bob", EVENT).is_none());
    assert_eq!(scene.watched.len(), 1);
    assert_eq!(scene.subscribe("carol", EVENT).unwrap().status(), Some(503));
    let everybody = [
        ("alice", Joined, false),
        ("bob", Joined, false),
        ("carol", Joined, false),
    ];
    scene.snapshot(conference(1, &everybody));
    let sent = scene.sent();
    assert_eq!(sent.iter().filter(|m| m.status() == Some(200)).count(), 2);
    let mut again = |user: &str, call: &str| {
        let request = scene.request("SUBSCRIBE", user, CONFERENCE, call, EVENT);
        scene.give(scene.flow, request);
        let sent = scene.sent();
        sent.iter().find_map(|message| message.status())
    };
    assert_eq!(again("alice", "second"), Some(200));
    assert_eq!(again("alice", "third"), Some(503), "of one person");
    assert_eq!(again("carol", "fourth"), Some(503), "of all");
}

#[test]
fn who_does_not_know_the_subscription_has_none() {
    let mut scene = Scene::new();
    for status in [481, 430, 500] {
        assert!(scene.subscribe("alice", EVENT).is_none());
        scene.snapshot(conference(1, &[("alice", Joined, false)]));
        let sent = scene.sent();
        scene.answer(&sent[1], status);
        assert_eq!(scene.core.watched(), 0, "{status}");
        assert!(scene.watched.is_empty(), "{status}");
    }
}

#[test]
fn a_broken_connection_costs_nobody_their_subscription() {
    let mut scene = Scene::new();
    let at = |version, talking| conference(version, &[("alice", Joined, talking)]);
    scene.follow("alice", &at(1, false));
    scene.advance(PACE);
    scene.snapshot(at(2, true));
    let unanswered = scene.one("NOTIFY");
    scene.break_connection();
    // Nothing goes out before the server knows again who we are.
    scene.snapshot(at(3, false));
    scene.advance(Duration::from_secs(5));
    let register = scene.one("REGISTER");
    scene.answer_with(&register, 200, &[("Expires", "600")], None);
    scene.advance(Duration::from_secs(2));
    // What may not have come is told whole.
    let told = scene.told();
    assert_eq!((told.kind.as_str(), told.version), ("full", 3));
    assert_eq!(told.text, event_package::full(DOMAIN, 3, &at(3, false)));
    assert_eq!(
        told.notify.cseq().unwrap().seq,
        unanswered.cseq().unwrap().seq + 1
    );
    scene.advance(PACE);
    scene.snapshot(at(4, true));
    assert_eq!(scene.told().kind, "partial");
}

#[test]
fn calls_and_messages_are_not_taken() {
    let mut scene = Scene::new();
    let within = "<sip:conf-c1@example.org>;tag=t";
    for (method, to, status) in [
        ("INVITE", CONFERENCE, "SIP/2.0 488"),
        ("INVITE", within, "SIP/2.0 481"),
        ("BYE", within, "SIP/2.0 481"),
        ("UPDATE", within, "SIP/2.0 481"),
        ("INFO", within, "SIP/2.0 481"),
        ("MESSAGE", CONFERENCE, "SIP/2.0 405"),
        ("PUBLISH", CONFERENCE, "SIP/2.0 405"),
        ("FOO", CONFERENCE, "SIP/2.0 405"),
    ] {
        let call = format!("{method}-{}", to.len());
        let request = scene.request(method, "alice", to, &call, "");
        scene.give(scene.flow, request);
        scene.one(status);
    }
    let ack = scene.request("ACK", "alice", within, "ack", "");
    scene.give(scene.flow, ack);
    scene.nothing();
}

#[test]
fn going_down_takes_the_registration_back() {
    let mut scene = Scene::new();
    scene.follow("alice", &conference(1, &[("alice", Joined, false)]));
    scene.over();
    scene.core.handle_drain(scene.now);
    scene.run();
    let sent = scene.sent();
    assert_eq!(Told::of(&sent[0]).kind, "deleted");
    assert_eq!(sent[1].header(HeaderName::Expires), Some("0"));
    assert!(!scene.drained);
    scene.answer(&sent[1], 200);
    assert!(scene.drained);
    assert_eq!(scene.events.last(), Some(&Event::Unregistered));
    // Whoever still comes is asked to go.
    let request = scene.request("SUBSCRIBE", "alice", CONFERENCE, "late", EVENT);
    scene.give(scene.flow, request);
    scene.one("SIP/2.0 503");
}

#[test]
fn what_finds_no_room_is_told_whole_after_a_while() {
    let mut scene = Scene::crowded(4);
    scene.follow("alice", &conference(1, &[("alice", Joined, false)]));
    for user in ["a", "b", "c", "d"] {
        let person = format!("{user}@{DOMAIN}");
        scene.core.handle_phone(&person, true, scene.now);
    }
    scene.run();
    let under_way = scene.sent();
    assert_eq!(under_way.len(), 4);
    let both = [("alice", Joined, false), ("bob", Ringing, false)];
    scene.snapshot(conference(2, &both));
    scene.advance(2 * PACE);
    scene.nothing();
    for publish in under_way {
        scene.answer_with(
            &publish,
            200,
            &[("SIP-ETag", "t"), ("Expires", "600")],
            None,
        );
    }
    scene.advance(Duration::from_secs(1));
    let told = scene.told();
    assert_eq!(told.kind, "full");
    assert!(told.text.contains("sip:bob@example.org"), "{}", told.text);
}
