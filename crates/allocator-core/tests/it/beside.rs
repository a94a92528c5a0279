//! What others do beside a conference: rooms of theirs, a conference service that has a bad moment; and what others may know of people.

use allocator_core::Event;
use convoke_types::{FaultCode, Mode};
use soap_proto::KnownMode;

use crate::world::{Prepares, Service, World, mode, person, secs, server};

#[test]
fn rooms_that_others_made_are_left_alone() {
    let mut world = World::new();
    let before = world.ladder.len();
    world.prepared("one", &"5tranger".parse().unwrap());
    assert_eq!(world.ladder.len(), before, "nothing comes of it");
    assert_eq!(world.rooms.len(), 1);
    world.rooms.clear();
    // Nor is a conference of ours ended where the conference role moves it.
    let id = world.ask("alice", vec![person("bob")]);
    let conference = world.ready(&id).conference;
    world.prepared("two", &conference);
    assert_eq!(world.rooms.len(), 2);
    world.end(&conference);
    world.rooms.clear();
    // What this run gave up and comes late is its own to end.
    for name in ["one", "two"] {
        world.prepares.insert(server(name), Prepares::Never);
    }
    let id = world.ask("alice", vec![person("bob")]);
    world.pass(secs(6));
    world.refused(&id);
    let given_up = world.events.iter().find_map(|event| match event {
        Event::Refused { conference, .. } => Some(conference.clone()),
        _ => None,
    });
    world.prepared("one", &given_up.unwrap());
    assert!(world.rooms.is_empty(), "{:?}", world.rooms);
}

#[test]
fn a_passing_fault_of_the_conference_service_ends_nothing() {
    for code in [FaultCode::Overloaded, FaultCode::Internal] {
        let mut world = World::new();
        let id = world.ask("alice", vec![person("bob")]);
        let ready = world.ready(&id);
        world.get_fault = Some(code);
        world.pass(secs(300));
        assert_eq!(world.rooms.len(), 1, "{code}");
        assert!(world.published[&ready.uri].contains("video"), "{code}");
        world.get_fault = None;
        world.running.clear();
        world.pass(secs(130));
        assert!(world.rooms.is_empty(), "it is asked again: {code}");
    }
}

#[test]
fn addresses_of_people_are_theirs_to_tell() {
    let mut world = World::new();
    let isdn = KnownMode {
        address: Some("isdn:+493099".to_owned()),
        ..mode(Mode::Isdn, true)
    };
    let sip = KnownMode {
        address: Some("sip:secret@room.example".to_owned()),
        ..mode(Mode::Sip, true)
    };
    world.people.insert("bob".to_owned(), vec![isdn]);
    world.people.insert("carol".to_owned(), vec![sip]);
    world.say("alice", "video bob carol sip:own@room.example");
    let said = world.letters_to("alice").pop().unwrap().text();
    assert!(said.contains("BOB: is called by ISDN\n"), "{said}");
    assert!(said.contains("CAROL: is called by SIP\n"), "{said}");
    assert!(
        !said.contains("493099") && !said.contains("secret"),
        "{said}"
    );
    assert!(said.contains("is called as sip:own@room.example"), "{said}");
    let id = world.ask("alice", vec![person("bob")]);
    let words = world.ready(&id).guests[1].way.clone().unwrap().words;
    assert_eq!(words, "is called by ISDN");
}

#[test]
fn an_end_that_failed_is_repeated_and_the_asker_is_not_told_that_nobody_was_called() {
    let mut world = World::new();
    world.conference = Service::Mute;
    world.say("alice", "video bob");
    assert_eq!(world.running.len(), 1);
    world.conference = Service::Away;
    world.pass(secs(20));
    let said = world.letters_to("alice").pop().unwrap().text();
    assert!(said.contains("If a telephone rings"), "{said}");
    assert!(!said.contains("Nobody was called"), "{said}");
    assert_eq!(world.running.len(), 1, "it could not be ended");
    world.conference = Service::Good;
    world.pass(secs(60));
    assert!(world.running.is_empty());
}
