//! Who is on the phone, as the IM server is told.

use std::path::Path;
use std::time::Duration;

use conference_ua::{Event, Limits, on_the_phone};
use sip_proto::{HeaderName, Message};

use crate::scene::*;

fn set(scene: &mut Scene, user: &str, on: bool) {
    let person = format!("{user}@{DOMAIN}");
    scene.core.handle_phone(&person, on, scene.now);
    scene.run();
}

fn granted(scene: &mut Scene, request: &Message, tag: &str) {
    scene.answer_with(request, 200, &[("SIP-ETag", tag), ("Expires", "600")], None);
}

#[test]
fn the_document_is_judged_by_the_rfcs_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/schema/samples/presence-on-the-phone.xml");
    let document = on_the_phone("bob&co@example.org");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(there, document, "the sample is stale; run with UPDATE=1");
    // Our own server reads of it what it says.
    let presence = im_core::pidf::read(document.as_bytes()).unwrap();
    assert_eq!(presence.open, None);
    assert_eq!(
        presence.activities,
        [im_core::pidf::Activity::OnThePhone].into()
    );
}

#[test]
fn a_publication_is_made_renewed_and_ended() {
    let mut scene = Scene::new();
    set(&mut scene, "bob", true);
    let made = scene.one("PUBLISH");
    assert_eq!(made.request_uri(), Some("sip:bob@example.org"));
    assert_eq!(made.from().unwrap().uri().as_str(), "sip:focus@example.org");
    assert_eq!(made.header(HeaderName::Event), Some("presence"));
    assert_eq!(made.header(HeaderName::Expires), Some("600"));
    assert!(made.content_type_is("application/pidf+xml") && !made.has(HeaderName::SipIfMatch));
    assert_eq!(made.body(), on_the_phone("bob@example.org"));
    granted(&mut scene, &made, "t1");
    // Saying it again is nothing new.
    set(&mut scene, "bob", true);
    scene.nothing();

    scene.advance(Duration::from_secs(450));
    let all = scene.sent();
    let renewed = all.iter().find(|m| m.has(HeaderName::SipIfMatch)).unwrap();
    assert_eq!(renewed.header(HeaderName::SipIfMatch), Some("t1"));
    assert!(renewed.body().is_empty());
    granted(&mut scene, renewed, "t2");

    set(&mut scene, "bob", false);
    let ended = scene.one("PUBLISH");
    assert_eq!(ended.header(HeaderName::SipIfMatch), Some("t2"));
    assert_eq!(ended.header(HeaderName::Expires), Some("0"));
    granted(&mut scene, &ended, "t3");
    scene.nothing();
    set(&mut scene, "nobody", false);
    scene.nothing();
}

#[test]
fn what_changes_while_a_request_is_under_way_is_told_afterwards() {
    let mut scene = Scene::new();
    // Off again before the first is answered.
    set(&mut scene, "bob", true);
    let made = scene.one("PUBLISH");
    set(&mut scene, "bob", false);
    scene.nothing();
    granted(&mut scene, &made, "t1");
    let ended = scene.one("PUBLISH");
    assert_eq!(ended.header(HeaderName::Expires), Some("0"));
    // And on again before the end is answered: a new publication.
    set(&mut scene, "bob", true);
    granted(&mut scene, &ended, "t2");
    let made = scene.one("PUBLISH");
    assert!(!made.has(HeaderName::SipIfMatch));
    granted(&mut scene, &made, "t3");
    // Off while it is being renewed.
    scene.advance(Duration::from_secs(450));
    let all = scene.sent();
    let renewed = all.iter().find(|m| m.has(HeaderName::SipIfMatch)).unwrap();
    set(&mut scene, "bob", false);
    granted(&mut scene, renewed, "t4");
    let ended = scene.one("PUBLISH");
    assert_eq!(ended.header(HeaderName::SipIfMatch), Some("t4"));
    assert_eq!(ended.header(HeaderName::Expires), Some("0"));
}

#[test]
fn every_answer_has_its_consequence() {
    let mut scene = Scene::new();
    set(&mut scene, "bob", true);
    let brief = scene.one("PUBLISH");
    scene.answer_with(&brief, 423, &[("Min-Expires", "900")], None);
    scene.advance(Duration::from_secs(5));
    let made = scene.one("PUBLISH");
    assert_eq!(made.header(HeaderName::Expires), Some("900"));
    scene.answer_with(&made, 200, &[("SIP-ETag", "t1"), ("Expires", "900")], None);
    // It ended before: made anew.
    scene.advance(Duration::from_secs(675));
    let all = scene.sent();
    let renewed = all.iter().find(|m| m.has(HeaderName::SipIfMatch)).unwrap();
    scene.answer(renewed, 412);
    let made = scene.one("PUBLISH");
    assert!(!made.has(HeaderName::SipIfMatch) && !made.body().is_empty());
    // Overload passes; the pauses grow.
    scene.answer(&made, 503);
    scene.advance(Duration::from_secs(4));
    scene.nothing();
    scene.advance(Duration::from_secs(1));
    let made = scene.one("PUBLISH");
    scene.answer(&made, 503);
    scene.advance(Duration::from_secs(9));
    scene.nothing();
    scene.advance(Duration::from_secs(1));
    let made = scene.one("PUBLISH");
    // Somebody whom the server does not know is let be until they telephone again.
    scene.answer(&made, 404);
    scene.advance(Duration::from_secs(60));
    scene.nothing();
    set(&mut scene, "bob", false);
    scene.nothing();
    set(&mut scene, "bob", true);
    let made = scene.one("PUBLISH");
    // A server that takes no presence is not asked again before the next registration.
    scene.answer(&made, 489);
    assert!(scene.events.contains(&Event::NoPresence { status: 489 }));
    set(&mut scene, "carol", true);
    scene.advance(Duration::from_secs(60));
    scene.nothing();
    scene.break_connection();
    scene.register();
    let sent = scene.sent();
    assert_eq!(sent.len(), 2, "bob and carol");
}

#[test]
fn an_end_that_cannot_be_told_is_not_told_for_ever() {
    let mut scene = Scene::new();
    set(&mut scene, "bob", true);
    let made = scene.one("PUBLISH");
    granted(&mut scene, &made, "t1");
    set(&mut scene, "bob", false);
    for _ in 0..2 {
        let ended = scene.one("PUBLISH");
        assert_eq!(ended.header(HeaderName::Expires), Some("0"));
        scene.answer(&ended, 500);
        scene.advance(Duration::from_secs(5));
    }
    scene.advance(Duration::from_secs(100));
    scene.nothing();
}

#[test]
fn requests_under_way_are_bounded_and_all_get_their_turn() {
    let limits = Limits {
        publishing: 3,
        ..Limits::default()
    };
    let mut scene = Scene::with(limits);
    let people: Vec<String> = (0..20).map(|n| format!("u{n}")).collect();
    for user in &people {
        set(&mut scene, user, true);
        // Of who comes and goes meanwhile only the last state is told.
        set(&mut scene, user, false);
        set(&mut scene, user, true);
    }
    let mut open = scene.sent();
    let mut published = 0;
    while !open.is_empty() {
        assert!(open.len() <= 3);
        for request in std::mem::take(&mut open) {
            assert!(!request.has(HeaderName::SipIfMatch));
            granted(&mut scene, &request, &format!("t{published}"));
            published += 1;
            open.extend(scene.sent());
        }
    }
    assert_eq!(published, people.len());
}

#[test]
fn after_a_new_registration_everything_is_published_anew() {
    let mut scene = Scene::before_registration(Limits::default());
    scene.sent();
    set(&mut scene, "bob", true);
    scene.nothing();
    let mut scene = Scene::new();
    for user in ["alice", "bob"] {
        set(&mut scene, user, true);
        let made = scene.one("PUBLISH");
        granted(&mut scene, &made, user);
    }
    scene.break_connection();
    set(&mut scene, "alice", false);
    let register = scene.one("REGISTER");
    scene.answer_with(&register, 200, &[("Expires", "600")], None);
    let made = scene.one("PUBLISH");
    assert_eq!(made.request_uri(), Some("sip:bob@example.org"));
    assert!(
        !made.has(HeaderName::SipIfMatch),
        "its connection took it along"
    );
}

#[test]
fn a_registration_that_fails_while_the_connection_lasts_loses_no_publication() {
    let mut scene = Scene::new();
    for user in ["alice", "bob"] {
        set(&mut scene, user, true);
        let made = scene.one("PUBLISH");
        granted(&mut scene, &made, user);
    }
    // The next REGISTER; what is published meanwhile is granted, with the person's name for a tag.
    scene.refreshes_kept = true;
    let register = |scene: &mut Scene| loop {
        scene.advance(Duration::from_secs(5));
        for request in scene.sent() {
            match request.uri().unwrap().user() {
                None => return request,
                Some(user) => granted(scene, &request, user),
            }
        }
    };
    let refresh = register(&mut scene);
    scene.answer(&refresh, 500);
    set(&mut scene, "alice", false);
    scene.nothing();
    let again = register(&mut scene);
    scene.answer_with(&again, 200, &[("Expires", "600")], None);
    let ended = scene.one("PUBLISH");
    assert_eq!(ended.request_uri(), Some("sip:alice@example.org"));
    assert_eq!(ended.header(HeaderName::SipIfMatch), Some("alice"));
    assert_eq!(ended.header(HeaderName::Expires), Some("0"));
}

#[test]
fn going_down_takes_everybody_off_the_phone() {
    let mut scene = Scene::new();
    set(&mut scene, "bob", true);
    let made = scene.one("PUBLISH");
    granted(&mut scene, &made, "t1");
    scene.core.handle_drain(scene.now);
    scene.run();
    let ended = scene.one("PUBLISH");
    assert_eq!(ended.header(HeaderName::Expires), Some("0"));
    granted(&mut scene, &ended, "t2");
    let register = scene.one("REGISTER");
    assert_eq!(register.header(HeaderName::Expires), Some("0"));
    scene.answer(&register, 200);
    assert!(scene.drained);
}

#[test]
fn a_challenge_is_answered() {
    let mut scene = Scene::new();
    set(&mut scene, "bob", true);
    let made = scene.one("PUBLISH");
    let challenge = "Digest realm=\"example.org\", nonce=\"n\", qop=\"auth\"";
    scene.answer_with(&made, 401, &[("WWW-Authenticate", challenge)], None);
    let proved = scene.one("PUBLISH");
    assert!(proved.has(HeaderName::Authorization));
    assert_eq!(proved.cseq().unwrap().seq, 2);
    assert_eq!(proved.body(), made.body());
}
