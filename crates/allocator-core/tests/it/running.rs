//! Conferences that run: their presence, their room and its people, their end, and a run of the allocator before this one.

use convoke_types::Mode;
use convoke_types::report::Change;

use crate::world::{World, mode, person, secs, server};

#[test]
fn its_presence_says_how_many_who_talks_and_is_gone_at_the_end() {
    let mut world = World::new();
    let id = world.ask("alice", vec![person("bob")]);
    let conference = world.ready(&id).conference;
    let uri = format!("sip:conf-{conference}@example.org");
    assert!(
        world.published[&uri].contains("0 in, video"),
        "{:?}",
        world.published
    );
    world.join(&conference, 0);
    world.join(&conference, 1);
    world.report(&conference, Some(1), Change::Talking { on: true });
    world.report(&conference, None, Change::Locked { on: true });
    world.pass(secs(2));
    let said = &world.published[&uri];
    assert!(said.contains("2 in, BOB talks, video, locked"), "{said}");
    assert!(
        said.contains("in=\"2\" media=\"video\" locked=\"true\""),
        "{said}"
    );
    // It is renewed for as long as it lasts.
    world.pass(secs(600));
    assert!(world.published.contains_key(&uri));
    world.end(&conference);
    assert!(world.published.is_empty() && world.rooms.is_empty());
    assert_eq!(world.allocator.conferences(), 0);
}

#[test]
fn an_end_that_nobody_reported_is_noticed() {
    let mut world = World::new();
    let id = world.ask("alice", vec![person("bob")]);
    let conference = world.ready(&id).conference;
    world.running.remove(&conference);
    world.pass(secs(130));
    assert!(world.rooms.is_empty() && world.published.is_empty());
}

#[test]
fn a_server_that_is_lost_takes_the_pictures_and_gives_them_back() {
    let mut world = World::new();
    world.server_lost("two");
    let id = world.ask("alice", vec![person("bob")]);
    let ready = world.ready(&id);
    world.server_lost("one");
    world.rooms.clear();
    world.pass(secs(2));
    assert!(
        world.published[&ready.uri].contains("audio"),
        "{:?}",
        world.published
    );
    world.server_up("one");
    world.pass(secs(2));
    assert!(world.published[&ready.uri].contains("video"));
    assert_eq!(world.rooms.len(), 1, "prepared again");
}

#[test]
fn what_is_prepared_again_is_the_roster_of_that_moment() {
    let mut world = World::new();
    world.server_lost("two");
    // Dora is on the telephone, and shows a camera beside it.
    let telephone = vec![mode(Mode::Mobile, true)];
    world.people.insert("dora".to_owned(), telephone);
    let invited = vec![person("bob"), person("dave"), person("dora")];
    let id = world.ask("alice", invited);
    let conference = world.ready(&id).conference;
    // Dave leaves his telephone for his computer, and Bob is taken off.
    let (_, snapshot) = world.running.get_mut(&conference).unwrap();
    snapshot.participants[2].place = "browser".to_owned();
    world.join(&conference, 2);
    world.report(&conference, Some(1), Change::Removed);
    world.server_lost("one");
    world.rooms.clear();
    world.server_up("one");
    let room = &world.rooms[&(server("one"), conference)];
    let told: Vec<_> = room
        .iter()
        .map(|guest| (guest.participant.as_str(), guest.mode, guest.sees))
        .collect();
    let computer = Mode::Computer;
    assert_eq!(
        told,
        [
            ("p1", computer, true),
            ("p3", computer, true),
            ("p4", Mode::Mobile, true)
        ]
    );
}

#[test]
fn what_a_former_run_left_is_taken_up_again() {
    let mut before = World::new();
    let id = before.ask("alice", vec![person("bob")]);
    let ready = before.ready(&id);
    let mut world = World::new();
    // Its room went with it.
    world.running = before.running;
    world.allocator.handle_unregistered();
    let (wall, now) = (world.wall(), world.now);
    world
        .allocator
        .handle_registered("sip:video@example.org;gr=urn:uuid:9", wall, now);
    world.pump();
    // That its room is there again is told with the next publication.
    world.pass(secs(1));
    assert!(
        world.published[&ready.uri].contains("in, video"),
        "{:?}",
        world.published
    );
    let room = &world.rooms[&(server("one"), ready.conference.clone())];
    assert_eq!(room.len(), 2, "prepared again");
    world.end(&ready.conference);
    assert!(world.rooms.is_empty() && world.published.is_empty());
}
