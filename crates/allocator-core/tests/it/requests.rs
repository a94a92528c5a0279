//! Requests from their message to their end: a whole one, repeats, several at once, and askers who are gone.

use convoke_types::{FaultCode, Mode};
use soap_proto::{Invite, Invited, Who};

use crate::world::{Prepares, World, aor, device, person, secs, server};

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
