//! Requests from their message to their end, and every way in which they can fail.

use std::time::Duration;

use allocator_core::{Event, IncomingMessage, Output};
use convoke_types::report::Change;
use convoke_types::{FaultCode, Mode};
use soap_proto::{Invite, Invited, Who};

use crate::world::{Prepares, Service, World, aor, device, mode, person, server};

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn a_conference_is_worked_out_prepared_created_and_everybody_is_told() {
    let mut world = World::new();
    let network = Invite {
        who: Invited::Network("isdn:+493012345".parse().unwrap()),
        name: Some("Berlin".to_owned()),
        mode: None,
    };
    let number = Invite {
        who: Invited::Number("+15550107".to_owned()),
        name: None,
        mode: None,
    };
    let id = world.ask(
        "alice",
        vec![person("bob"), person("dave"), number, network],
    );
    let ready = world.ready(&id);

    // The conference information: each in their own way, the asker first.
    let ways: Vec<(String, Mode)> = ready
        .guests
        .iter()
        .map(|guest| (guest.name.clone(), guest.way.as_ref().unwrap().mode))
        .collect();
    let expected = [
        ("ALICE", Mode::Computer),
        ("BOB", Mode::Computer),
        ("DAVE", Mode::Mobile),
        ("Number …07", Mode::Pstn),
        ("Berlin", Mode::Isdn),
    ];
    assert_eq!(ways, expected.map(|(name, mode)| (name.to_owned(), mode)));
    assert_eq!(
        ready.uri,
        format!("sip:conf-{}@example.org", ready.conference)
    );
    assert_eq!(
        ready.link,
        Some(format!("https://convoke.example/join/{}", ready.conference))
    );

    // Exactly that is what the video server was told: who has an account, or may be a video room, can show and see …
    let room = &world.rooms[&(server("one"), ready.conference.clone())];
    let told: Vec<(&str, Mode, bool)> = room
        .iter()
        .map(|guest| (guest.participant.as_str(), guest.mode, guest.sees))
        .collect();
    assert_eq!(
        told,
        [
            ("p1", Mode::Computer, true),
            ("p2", Mode::Computer, true),
            ("p3", Mode::Mobile, true),
            ("p4", Mode::Pstn, false),
            ("p5", Mode::Isdn, true),
        ]
    );
    // … and what the conference service was asked for, in Alice's name.
    let (create, _) = &world.running[&ready.conference];
    assert_eq!(create.owner, Some(aor("alice")));
    assert_eq!(create.video, Some(server("one")));
    assert_eq!(create.initiator.place.as_deref(), Some("browser"));
    let places: Vec<_> = create
        .participants
        .iter()
        .map(|party| party.place.as_deref())
        .collect();
    assert_eq!(
        places,
        [Some("browser"), Some("mobile"), None, Some("isdn")]
    );
    let gateway = Who::Sip("sip:493012345@gw.example".to_owned());
    assert_eq!(create.participants[3].who, gateway);

    // Everybody with an account is invited in person; Dave's telephone rings as well.
    for (user, kind, words) in [
        ("bob", "invite", "Join: "),
        ("dave", "call", "(mobile) rings"),
    ] {
        let letters = world.letters_to(user);
        assert_eq!(letters.len(), 1, "{user}: {letters:?}");
        assert_eq!(
            letters[0].content_type,
            "application/vnd.convoke.invitation+xml"
        );
        assert_eq!(letters[0].expires_s, Some(120));
        let text = letters[0].text();
        assert!(
            text.contains(&format!("kind=\"{kind}\"")) && text.contains(words),
            "{text}"
        );
        assert!(
            text.contains("<from user=\"alice@example.org\" name=\"ALICE\"/>"),
            "{text}"
        );
    }
    assert_eq!(world.allocator.asks_under_way(), 0);
}

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
fn a_server_that_cannot_take_it_is_passed_over() {
    for (bad, words) in [
        (Prepares::Full, "it is full"),
        (Prepares::Nonsense, "makes no sense"),
        (Prepares::Never, "did not answer in time"),
    ] {
        let mut world = World::new();
        world.prepares.insert(server("one"), bad);
        let id = world.ask("alice", vec![person("bob")]);
        world.pass(secs(3));
        assert_eq!(world.ready(&id).server, server("two"), "{bad:?}");
        assert_eq!(world.rooms.len(), 1, "nothing is left at the first");
        let passed = world.events.iter().any(
            |event| matches!(event, Event::NotPlaced { words: why, .. } if why.contains(words)),
        );
        assert!(passed, "{:?}", world.events);
    }
}

#[test]
fn a_server_that_is_lost_while_it_prepares_is_passed_over() {
    let mut world = World::new();
    world.prepares.insert(server("one"), Prepares::Never);
    let id = world.ask("alice", vec![person("bob")]);
    assert!(world.answers_to(&id).is_empty());
    world.server_lost("one");
    assert_eq!(world.ready(&id).server, server("two"));
    assert_eq!(world.rooms.len(), 2, "the first could not be told");
    world.server_up("one");
    assert_eq!(world.rooms.len(), 1, "and is told when it is back");
}

#[test]
fn with_no_server_the_asker_is_told_why_and_nothing_is_left_behind() {
    let mut world = World::new();
    world.server_lost("one");
    world.prepares.insert(server("two"), Prepares::Full);
    let id = world.ask("alice", vec![person("bob")]);
    let fault = world.refused(&id);
    assert_eq!(fault.code, FaultCode::Overloaded);
    assert!(fault.came.contains("one: connection refused"), "{fault}");
    assert!(fault.came.contains("two: it is full"), "{fault}");
    assert!(world.rooms.is_empty() && world.creates == 0 && world.letters_to("bob").is_empty());
    // In words as well.
    world.say("carol", "video bob");
    let said = world.letters_to("carol").pop().unwrap().text();
    assert!(
        said.contains("No video conference just now: one:")
            && said.contains("it is full. Nobody was called"),
        "{said}"
    );
}

#[test]
fn a_repeated_request_gets_the_same_answer() {
    let mut world = World::new();
    world.prepares.insert(server("one"), Prepares::Never);
    let id = world.ask("alice", vec![person("bob")]);
    // While it is under way, the answer is coming.
    world.ask_as("alice", vec![person("bob")], &id);
    world.pass(secs(3));
    let first = world.ready(&id);
    world.ask_as("alice", vec![person("bob")], &id);
    let answers = world.answers_to(&id);
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[1].as_ref().unwrap(), &first);
    assert_eq!((world.creates, world.letters_to("bob").len()), (1, 1));
    // The same id for something else is a mistake; somebody else's is their own.
    world.ask_as("alice", vec![person("carol")], &id);
    let third = world.answers_to(&id).pop().unwrap();
    assert_eq!(third.unwrap_err().code, FaultCode::CommandIdReused);
    world.ask_as("carol", vec![person("bob")], &id);
    assert_eq!(world.creates, 2);
    // After ten minutes it is a new one.
    world.pass(secs(601));
    world.ask_as("alice", vec![person("bob")], &id);
    assert_eq!(world.creates, 3);
}

#[test]
fn two_requests_for_the_same_people_at_once_are_both_served() {
    let mut world = World::new();
    world.prepares.insert(server("one"), Prepares::Never);
    let first = world.ask("alice", vec![person("bob"), person("carol")]);
    let second = world.ask("carol", vec![person("alice"), person("bob")]);
    world.pass(secs(3));
    let (first, second) = (world.ready(&first), world.ready(&second));
    assert_ne!(first.conference, second.conference);
    assert_eq!(world.running.len(), 2);
    assert_eq!(world.letters_to("bob").len(), 2);
    // Whoever is there already draws the next conference to the same server.
    let third = world.ask("bob", vec![person("alice")]);
    assert_eq!(world.ready(&third).server, second.server);
}

#[test]
fn an_asker_who_is_gone_before_it_is_ready_leaves_nothing_behind() {
    let mut world = World::new();
    world.prepares.insert(server("one"), Prepares::Never);
    let id = world.ask("alice", vec![person("bob")]);
    world.absent.insert(device("alice"), 480);
    world.pass(secs(3));
    assert!(world.answers_to(&id).is_empty());
    assert!(world.rooms.is_empty() && world.running.is_empty() && world.published.is_empty());
    assert!(
        world.letters_to("bob").is_empty(),
        "nobody is invited to it"
    );
    assert_eq!((world.ended.len(), world.allocator.conferences()), (1, 0));
    // Back again, the same request is a new one.
    world.absent.clear();
    world.ask_as("alice", vec![person("bob")], &id);
    world.pass(secs(3));
    assert_eq!(world.ready(&id).guests.len(), 2);
}

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
