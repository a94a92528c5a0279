//! Messages to people's clients.

use conference_ua::{Event, Limits};
use convoke_types::Aor;
use convoke_types::letter::Letter;
use sip_proto::HeaderName;

use crate::scene::*;

fn post(scene: &mut Scene, user: &str) {
    let letter = Letter {
        to: Aor::new(user, DOMAIN).unwrap(),
        content_type: "application/vnd.convoke.invitation+xml",
        body: "<invitation/>".to_owned(),
        life_s: 45,
    };
    scene.core.handle_letter(letter, scene.now);
    scene.run();
}

#[test]
fn an_invitation_goes_out_once_and_lasts_as_long_as_a_telephone_rings() {
    let mut scene = Scene::new();
    post(&mut scene, "bob");
    let sent = scene.one("MESSAGE sip:bob@example.org");
    assert_eq!(sent.from().unwrap().uri().as_str(), "sip:focus@example.org");
    assert_eq!(sent.header(HeaderName::Expires), Some("45"));
    assert!(sent.content_type_is("application/vnd.convoke.invitation+xml"));
    assert_eq!(sent.body(), "<invitation/>");
    // Nobody is there; their record of calls tells them.
    scene.answer(&sent, 480);
    scene.nothing();
}

#[test]
fn so_many_are_under_way_and_so_many_wait() {
    let mut scene = Scene::with(Limits {
        publishing: 2,
        ..Limits::default()
    });
    for n in 0..4 {
        post(&mut scene, &format!("u{n}"));
    }
    let first = scene.sent();
    assert_eq!(first.len(), 2);
    scene.answer(&first[0], 200);
    scene.one("MESSAGE sip:u2@example.org");
    scene.answer(&first[1], 404);
    scene.one("MESSAGE sip:u3@example.org");
    for n in 0..1_001 {
        post(&mut scene, &format!("w{n}"));
    }
    assert_eq!(scene.events.last(), Some(&Event::NotSent));
    scene.nothing();
}
