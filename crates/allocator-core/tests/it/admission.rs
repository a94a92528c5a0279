//! Who may speak to the allocator, and how much.

use allocator_core::{IncomingMessage, Output};
use convoke_types::Mode;

use crate::world::{Service, World, mode, person, secs};

#[test]
fn only_asserted_identities_are_believed() {
    let mut world = World::new();
    let bare = IncomingMessage {
        tx: 99,
        trusted: true,
        asserted: Some("<sip:alice@example.org>".to_owned()),
        from: "<sip:alice@example.org>;tag=1".to_owned(),
        content_type: Some("text/plain".to_owned()),
        body: "video bob".into(),
        wall: world.wall(),
    };
    let forged = [
        IncomingMessage {
            trusted: false,
            ..bare.clone()
        },
        IncomingMessage {
            asserted: None,
            ..bare.clone()
        },
        IncomingMessage {
            from: "<sip:bob@example.org>;tag=1".to_owned(),
            ..bare.clone()
        },
        IncomingMessage {
            asserted: Some("<sip:video@example.org>".to_owned()),
            ..bare.clone()
        },
    ];
    for message in forged {
        world.allocator.handle_message(message, world.now);
        let answer = world.allocator.poll_output().unwrap();
        assert!(
            matches!(
                answer,
                Output::Answer {
                    tx: 99,
                    status: 403,
                    ..
                }
            ),
            "{answer:?}"
        );
        assert!(world.allocator.poll_output().is_none());
    }
    let strange = IncomingMessage {
        content_type: Some("image/png".to_owned()),
        ..bare
    };
    world.allocator.handle_message(strange, world.now);
    let answer = world.allocator.poll_output();
    assert!(
        matches!(answer, Some(Output::Answer { status: 415, .. })),
        "{answer:?}"
    );
}

#[test]
fn one_person_cannot_take_all_room() {
    let mut world = World::new();
    world.modes = Service::Mute;
    for _ in 0..9 {
        world.ask("alice", vec![person("bob")]);
    }
    let statuses: Vec<u16> = world.answers.iter().map(|(_, status)| *status).collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 503).count(),
        1,
        "{statuses:?}"
    );
    world.ask("carol", vec![person("bob")]);
    assert_eq!(world.answers.last().map(|(_, status)| *status), Some(202));
    world
        .people
        .insert("alice".to_owned(), vec![mode(Mode::Mobile, true)]);
    world.modes = Service::Good;
    world.pass(secs(6));
    let id = world.ask("alice", vec![person("bob")]);
    assert_eq!(
        world.ready(&id).guests[0].way.as_ref().unwrap().mode,
        Mode::Mobile
    );
}
