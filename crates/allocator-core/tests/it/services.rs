//! Services that do not answer, or refuse, while a request is worked on.

use convoke_types::FaultCode;

use crate::world::{Service, World, person, secs};

#[test]
fn a_conference_service_that_fails_is_told_and_its_work_taken_back() {
    for (service, code) in [
        (Service::Refuses, FaultCode::NumberRefused),
        (Service::Away, FaultCode::Overloaded),
        (Service::Mute, FaultCode::Overloaded),
    ] {
        let mut world = World::new();
        world.conference = service;
        let id = world.ask("alice", vec![person("bob")]);
        world.pass(secs(20));
        assert_eq!(world.refused(&id).code, code, "{service:?}");
        assert!(world.rooms.is_empty() && world.letters_to("bob").is_empty());
        assert!(
            world.running.is_empty(),
            "{service:?}: what was created is ended"
        );
    }
    // An answer that was lost is given once more.
    let mut world = World::new();
    world.conference = Service::Mute;
    let id = world.ask("alice", vec![person("bob")]);
    world.conference = Service::Good;
    world.pass(secs(7));
    assert_eq!(world.ready(&id).guests.len(), 2);
    assert_eq!(world.creates, 1);
}

#[test]
fn what_was_made_without_an_answer_is_ended_when_the_repeat_is_refused() {
    let mut world = World::new();
    world.conference = Service::Mute;
    let id = world.ask("alice", vec![person("bob")]);
    world.conference = Service::Refuses;
    world.pass(secs(7));
    world.refused(&id);
    world.conference = Service::Good;
    world.pass(secs(60));
    assert!(world.running.is_empty() && world.rooms.is_empty());
    assert_eq!(world.ended.len(), 1);
}

#[test]
fn a_modes_service_that_fails_is_told() {
    for service in [Service::Refuses, Service::Away, Service::Mute] {
        let mut world = World::new();
        world.modes = service;
        let id = world.ask("alice", vec![person("bob")]);
        world.pass(secs(6));
        world.refused(&id);
        assert!(world.rooms.is_empty() && world.creates == 0);
    }
}
