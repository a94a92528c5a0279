//! The presence of conferences that the video allocator did not make, as the IM server is told.

use std::time::Duration;

use conference_core::{ConferenceState, Outline};
use conference_ua::{Event, Limits};
use convoke_types::ConferenceId;
use sip_proto::{HeaderName, Message};

use crate::scene::*;

fn id() -> ConferenceId {
    "c1".parse().unwrap()
}

fn outline(inside: usize, talking: &[&str]) -> Outline {
    Outline {
        conference: id(),
        title: "Plan".to_owned(),
        state: ConferenceState::Running,
        locked: false,
        video: None,
        inside,
        talking: talking.iter().map(|&name| name.to_owned()).collect(),
    }
}

fn show(scene: &mut Scene, outline: &Outline) {
    scene.core.handle_outline(outline, scene.now);
    scene.run();
}

fn granted(scene: &mut Scene, request: &Message, tag: &str) {
    scene.answer_with(request, 200, &[("SIP-ETag", tag), ("Expires", "120")], None);
}

/// What our own IM server reads of it.
fn read(request: &Message) -> im_core::pidf::ConferencePresence {
    let presence = im_core::pidf::read(&request.body()).unwrap();
    assert_eq!(presence.open, Some(true));
    presence.conference.unwrap()
}

#[test]
fn a_conference_is_shown_from_its_beginning_to_its_end() {
    let mut scene = Scene::new();
    show(&mut scene, &outline(0, &[]));
    let made = scene.one("PUBLISH");
    assert_eq!(made.request_uri(), Some("sip:conf-c1@example.org"));
    assert_eq!(made.from().unwrap().uri().as_str(), "sip:focus@example.org");
    assert_eq!(made.header(HeaderName::Event), Some("presence"));
    let face = read(&made);
    assert_eq!((face.title.as_str(), face.count), ("Plan", 0));
    assert!(!face.video && !face.locked);
    // What changes while it is under way is told afterwards, once a second at most, and only the newest.
    show(&mut scene, &outline(1, &["Alice"]));
    show(&mut scene, &outline(2, &["Bob"]));
    scene.nothing();
    granted(&mut scene, &made, "t1");
    scene.nothing();
    scene.advance(Duration::from_secs(1));
    let changed = scene.one("PUBLISH");
    assert_eq!(changed.header(HeaderName::SipIfMatch), Some("t1"));
    let face = read(&changed);
    assert_eq!((face.count, face.talks), (2, vec!["Bob".to_owned()]));
    granted(&mut scene, &changed, "t2");
    // What looks the same is not told again.
    show(&mut scene, &outline(2, &["Bob"]));
    scene.nothing();
    scene.advance(Duration::from_secs(90));
    let renewed = scene.one("PUBLISH");
    assert!(renewed.body().is_empty());
    granted(&mut scene, &renewed, "t3");
    scene.core.handle_gone(&id(), scene.now);
    scene.run();
    let end = scene.one("PUBLISH");
    assert_eq!(end.header(HeaderName::Expires), Some("0"));
    assert_eq!(end.header(HeaderName::SipIfMatch), Some("t3"));
    scene.answer(&end, 200);
    scene.advance(Duration::from_secs(300));
    assert!(!scene.sent().iter().any(|m| m.has(HeaderName::SipIfMatch)));
}

#[test]
fn one_that_the_allocator_made_is_left_to_it() {
    let mut scene = Scene::new();
    let mut theirs = outline(1, &[]);
    theirs.video = Some("janus".parse().unwrap());
    show(&mut scene, &theirs);
    scene.core.handle_gone(&id(), scene.now);
    scene.run();
    scene.nothing();
}

#[test]
fn over_a_new_connection_it_is_shown_anew() {
    let mut scene = Scene::new();
    show(&mut scene, &outline(1, &[]));
    let made = scene.one("PUBLISH");
    granted(&mut scene, &made, "t1");
    scene.break_connection();
    scene.register();
    // Not twice within a second, over whatever connection.
    scene.advance(Duration::from_secs(1));
    let anew = scene.one("PUBLISH");
    assert!(!anew.has(HeaderName::SipIfMatch) && !anew.body().is_empty());
}

/// Conferences that begin and end, each seen once.
fn begin_and_end(scene: &mut Scene, ids: std::ops::Range<usize>) {
    for n in ids {
        let mut one = outline(1, &[]);
        one.conference = format!("n{n}").parse().unwrap();
        show(scene, &one);
        scene.core.handle_gone(&one.conference, scene.now);
        scene.run();
    }
}

#[test]
fn a_server_that_takes_no_such_thing_is_not_asked_again_and_nothing_is_kept_for_it() {
    let mut scene = Scene::new();
    show(&mut scene, &outline(1, &[]));
    let made = scene.one("PUBLISH");
    let mut other = outline(1, &[]);
    other.conference = "c2".parse().unwrap();
    show(&mut scene, &other);
    let another = scene.one("PUBLISH");
    scene.answer(&made, 489);
    scene.answer(&another, 489);
    show(&mut scene, &outline(2, &[]));
    scene.advance(Duration::from_secs(60));
    scene.nothing();
    assert!(scene.core.is_registered());
    let no_presence = Event::NoPresence { status: 489 };
    let told = scene.events.iter().filter(|event| **event == no_presence);
    assert_eq!(told.count(), 1);
    begin_and_end(&mut scene, 0..1_000);
    scene.nothing();
    assert_eq!(scene.core.faces(), 2);
    for over in [&id(), &other.conference] {
        scene.core.handle_gone(over, scene.now);
        scene.run();
    }
    assert_eq!(scene.core.faces(), 0);
}

#[test]
fn of_conferences_that_end_while_nothing_can_be_told_nothing_is_kept() {
    let mut scene = Scene::before_registration(Limits::default());
    let register = scene.one("REGISTER");
    begin_and_end(&mut scene, 0..1_000);
    assert_eq!(scene.core.faces(), 0);
    // Nor of those whose end comes before the answer to their beginning.
    scene.answer_with(&register, 200, &[("Expires", "600")], None);
    begin_and_end(&mut scene, 1_000..1_001);
    let made = scene.one("PUBLISH");
    scene.answer(&made, 489);
    assert_eq!(scene.core.faces(), 0);
}

#[test]
fn what_is_refused_of_one_conference_silences_no_other() {
    let mut scene = Scene::new();
    show(&mut scene, &outline(1, &[]));
    let made = scene.one("PUBLISH");
    scene.answer(&made, 403);
    let mut other = outline(1, &[]);
    other.conference = "c2".parse().unwrap();
    show(&mut scene, &other);
    let made = scene.one("PUBLISH");
    assert_eq!(made.request_uri(), Some("sip:conf-c2@example.org"));
    granted(&mut scene, &made, "t1");
    scene.advance(Duration::from_secs(9));
    scene.nothing();
    scene.advance(Duration::from_secs(1));
    let again = scene.one("PUBLISH");
    assert_eq!(again.request_uri(), Some("sip:conf-c1@example.org"));
}

#[test]
fn who_goes_down_takes_back_what_is_shown_first() {
    let mut scene = Scene::new();
    show(&mut scene, &outline(1, &[]));
    let made = scene.one("PUBLISH");
    granted(&mut scene, &made, "t1");
    scene.core.handle_drain(scene.now);
    scene.run();
    let end = scene.one("PUBLISH");
    assert_eq!(end.header(HeaderName::Expires), Some("0"));
    show(&mut scene, &outline(2, &[]));
    scene.nothing();
    scene.answer(&end, 200);
    let unregister = scene.one("REGISTER");
    assert_eq!(unregister.header(HeaderName::Expires), Some("0"));
    scene.answer(&unregister, 200);
    assert!(scene.drained);
}
