//! Video servers are lost with conferences running: these are placed anew, and everybody is told where.

use allocator_core::Event;
use convoke_types::ConferenceId;
use convoke_types::report::Change;

use crate::world::{Prepares, Service, World, person, secs, server};

/// Conferences of Alice, all at server one.
fn at_one(world: &mut World, count: usize) -> Vec<ConferenceId> {
    let made = (0..count).map(|_| {
        let id = world.ask("alice", vec![person("bob")]);
        let ready = world.ready(&id);
        assert_eq!(ready.server, server("one"));
        ready.conference
    });
    made.collect()
}

/// What the conference service was told of one of them: server or `lost`, and why.
fn told(world: &World, id: &ConferenceId) -> Vec<(String, String)> {
    let theirs = world.told.iter().filter(|(of, _)| of == id);
    let words = theirs.map(|(_, change)| match change {
        Change::Pictures { video, words } => {
            let at = video.as_ref().map(ToString::to_string);
            (at.unwrap_or_else(|| "lost".to_owned()), words.clone())
        }
        other => panic!("another change: {other:?}"),
    });
    words.collect()
}

#[test]
fn all_conferences_of_a_server_that_dies_are_placed_on_another_at_once() {
    for dies in [World::server_crashed, World::server_lost] {
        let mut world = World::new();
        let ids = at_one(&mut world, 3);
        dies(&mut world, "one");
        // No time has passed.
        for id in &ids {
            assert!(world.rooms_at("two").contains(id));
            assert_eq!(world.shown_at(id).as_deref(), Some("two"));
            let told = told(&world, id);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].1.starts_with("one: "), "{told:?}");
            let room = &world.rooms[&(server("two"), id.clone())];
            let guests: Vec<_> = room.iter().map(|one| one.participant.as_str()).collect();
            assert_eq!(guests, ["p1", "p2"]);
        }
        world.pass(secs(2));
        for document in world.published.values() {
            assert!(document.contains("in, video"), "{document}");
        }
        // Back again, the first has nothing of them, and they stay where they are.
        world.server_up("one");
        world.pass(secs(10));
        assert_eq!(world.rooms_at("one"), []);
        assert_eq!(world.rooms_at("two").len(), 3);
        // New ones of the same people come to them.
        let id = world.ask("alice", vec![person("bob")]);
        assert_eq!(world.ready(&id).server, server("two"));
        for id in ids {
            world.end(&id);
        }
        assert_eq!(world.rooms_at("two").len(), 1);
    }
}

#[test]
fn without_another_server_the_loss_is_told_and_the_return_too() {
    let mut world = World::new();
    world.server_lost("two");
    let id = at_one(&mut world, 1).remove(0);
    world.server_crashed("one");
    assert_eq!(world.shown_at(&id), None);
    let lost = (
        "lost".to_owned(),
        "one: its room is gone: the connection broke".to_owned(),
    );
    assert_eq!(told(&world, &id), [lost]);
    world.pass(secs(600));
    assert_eq!(told(&world, &id).len(), 1, "once");
    world.server_up("one");
    assert_eq!(world.shown_at(&id).as_deref(), Some("one"));
    assert_eq!(world.rooms_at("one"), std::slice::from_ref(&id));
    // Or any other takes it.
    world.server_crashed("one");
    assert_eq!(world.shown_at(&id), None);
    world.server_up("two");
    assert_eq!(world.shown_at(&id).as_deref(), Some("two"));
    assert_eq!(world.rooms_at("two"), std::slice::from_ref(&id));
    world.server_up("one");
    world.pass(secs(10));
    assert_eq!(world.rooms_at("one"), []);
}

#[test]
fn a_server_that_does_not_take_it_is_passed_over() {
    for how in [Prepares::Never, Prepares::Full, Prepares::Nonsense] {
        let mut world = World::new();
        let id = at_one(&mut world, 1).remove(0);
        world.prepares.insert(server("two"), how);
        world.server_crashed("one");
        world.pass(secs(4));
        assert_eq!(world.shown_at(&id), None, "{how:?}");
        assert_eq!(world.rooms_at("two"), [], "{how:?}");
        // It comes to its senses, and is asked again by and by.
        world.prepares.clear();
        world.pass(secs(6));
        assert_eq!(world.shown_at(&id).as_deref(), Some("two"), "{how:?}");
        assert_eq!(world.rooms_at("two"), [id]);
    }
}

#[test]
fn a_late_answer_is_not_taken_for_that_to_a_later_question() {
    let mut world = World::new();
    let id = at_one(&mut world, 1).remove(0);
    world.prepares.insert(server("two"), Prepares::Never);
    let asked = world.serials.len();
    world.server_crashed("one");
    world.pass(secs(9));
    let [first, second] = world.serials[asked..] else {
        panic!("{:?}", world.serials);
    };
    world.answered("two", &id, first);
    assert_eq!(world.shown_at(&id), None);
    assert_eq!(
        world.rooms_at("two"),
        std::slice::from_ref(&id),
        "it is awaited"
    );
    world.answered("two", &id, second);
    assert_eq!(world.shown_at(&id).as_deref(), Some("two"));
}

#[test]
fn a_room_that_is_lost_alone_is_made_again_where_there_is_no_other_server() {
    use allocator_core::ServerNews;
    use convoke_types::video::VideoEvent;

    let mut world = World::new();
    world.server_lost("two");
    let id = at_one(&mut world, 1).remove(0);
    world.rooms.clear();
    let news = ServerNews::Event(VideoEvent::Ended {
        conference: id.clone(),
        lost: Some("Janus has ended the conference's room".to_owned()),
    });
    let now = world.now;
    world.allocator.handle_server(&server("one"), news, now);
    world.pump();
    assert_eq!(world.rooms_at("one"), std::slice::from_ref(&id));
    assert_eq!(told(&world, &id), [], "nothing has changed");
}

#[test]
fn a_conference_that_ends_on_the_way_leaves_no_room() {
    let mut world = World::new();
    let id = at_one(&mut world, 1).remove(0);
    world.prepares.insert(server("two"), Prepares::Never);
    world.server_lost("one");
    assert_eq!(
        world.rooms_at("two"),
        std::slice::from_ref(&id),
        "made, and not told"
    );
    world.end(&id);
    assert_eq!(world.rooms_at("two"), []);
    world.server_up("one");
    assert!(world.rooms.is_empty());
}

#[test]
fn what_the_conference_service_did_not_hear_is_told_again() {
    for service in [Service::Away, Service::Mute, Service::Refuses] {
        let mut world = World::new();
        let id = at_one(&mut world, 1).remove(0);
        world.conference = service;
        world.server_crashed("one");
        world.pass(secs(30));
        world.conference = Service::Good;
        world.pass(secs(120));
        assert_eq!(world.shown_at(&id).as_deref(), Some("two"), "{service:?}");
    }
}

#[test]
fn what_a_former_run_left_on_a_server_that_is_gone_is_placed_on_another() {
    let mut before = World::new();
    let id = at_one(&mut before, 1).remove(0);
    let mut world = World::new();
    world.server_lost("one");
    world.running = before.running;
    let (wall, now) = (world.wall(), world.now);
    let gruu = "sip:video@example.org;gr=urn:uuid:9";
    world.allocator.handle_registered(gruu, wall, now);
    world.pump();
    // It may only be on its way still.
    world.pass(secs(4));
    assert_eq!(world.shown_at(&id).as_deref(), Some("two"));
    assert_eq!(world.rooms_at("two"), [id]);
    let moved = |event: &Event| matches!(event, Event::Moved { .. });
    assert!(world.events.iter().any(moved));
}
