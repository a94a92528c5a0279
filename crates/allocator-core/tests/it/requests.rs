//! Requests from their message to their end, and every way in which they can fail.

use std::time::Duration;

use allocator_core::{Event, IncomingMessage, Output};
use convoke_types::report::Change;
use convoke_types::{FaultCode, Mode};
use soap_proto::{Invite, Invited, KnownMode, NoWay, VideoAnswer, Who, WhyNoWay};

use crate::world::{Prepares, Service, World, aor, device, mode, person, server};

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn ways_are_told_beforehand_without_calling_or_telling_anybody() {
    let mut world = World::new();
    let answer = world.ask_ways("alice", vec![person("bob"), person("dave"), person("zoe")]);
    let VideoAnswer::Ways(guests) = answer.unwrap() else {
        panic!("another answer");
    };
    let ways: Vec<_> = guests
        .iter()
        .map(|guest| (guest.name.as_str(), guest.way.as_ref().map(|way| way.mode)))
        .collect();
    assert_eq!(
        ways[..3],
        [
            ("ALICE", Ok(Mode::Computer)),
            ("BOB", Ok(Mode::Computer)),
            ("DAVE", Ok(Mode::Mobile)),
        ]
    );
    // Who has no way is named with the reason, and is not told that they were thought of.
    let (name, way) = &ways[3];
    assert_eq!(*name, "zoe");
    assert!(way.is_err());
    assert!(world.rooms.is_empty() && world.running.is_empty());
    for user in ["bob", "dave", "zoe"] {
        assert!(world.letters_to(user).is_empty(), "{user}");
    }
    assert_eq!(world.allocator.asks_under_way(), 0);
    // What comes after it is a request like any other.
    let id = world.ask("alice", vec![person("bob")]);
    assert_eq!(world.ready(&id).guests.len(), 2);
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
fn who_has_no_way_is_told_and_the_asker_is_told_why() {
    let mut world = World::new();
    let id = world.ask(
        "alice",
        vec![person("bob"), person("erin"), person("nobody")],
    );
    let ready = world.ready(&id);
    let none: Vec<&NoWay> = ready
        .guests
        .iter()
        .filter_map(|guest| guest.way.as_ref().err())
        .collect();
    assert!(none[0].words.contains("nothing is known"), "{none:?}");
    assert_eq!(none[0].why, Some(WhyNoWay::NoMode));
    assert!(none[1].words.contains("nobody is called so"), "{none:?}");
    assert_eq!(none[1].why, Some(WhyNoWay::Unknown));
    assert_eq!(world.running[&ready.conference].0.participants.len(), 1);
    let said = world.letters_to("erin").pop().unwrap().text();
    assert!(
        said.contains("ALICE wanted you in a video conference"),
        "{said}"
    );

    // When nobody is left there is no conference, and all who were wanted know.
    let id = world.ask("alice", vec![person("erin")]);
    let fault = world.refused(&id);
    assert_eq!(fault.code, FaultCode::NoTelephone);
    assert!(fault.came.contains("ERIN: nothing is known"), "{fault}");
    assert_eq!(world.letters_to("erin").len(), 2);
    let id = world.ask("erin", vec![person("bob")]);
    assert!(
        world
            .refused(&id)
            .came
            .contains("you cannot take part yourself")
    );
    let id = world.ask("alice", vec![person("alice")]);
    assert!(world.refused(&id).came.contains("nobody but you"));
    assert_eq!(world.rooms.len(), 1);
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
fn who_stands_behind_a_gateway_that_no_trunk_leads_to_is_left_out_and_told() {
    for late in [false, true] {
        let mut world = World::new();
        world.refused = Some("gw.example");
        world.refused_late = late;
        let isdn = KnownMode {
            address: Some("isdn:+49302".to_owned()),
            ..mode(Mode::Isdn, true)
        };
        world.people.insert("frank".to_owned(), vec![isdn]);
        let id = world.ask("alice", vec![person("bob"), person("frank")]);
        let ready = world.ready(&id);
        let ways: Vec<bool> = ready.guests.iter().map(|guest| guest.way.is_ok()).collect();
        assert_eq!(ways, [true, true, false]);
        let none = ready.guests[2].way.as_ref().unwrap_err();
        assert!(
            none.words.contains("may not be called from here"),
            "{none:?}"
        );
        assert_eq!(none.why, Some(WhyNoWay::NotCalled));
        assert_eq!(none.mode, Some(Mode::Isdn));
        let told = world.letters_to("frank").pop().unwrap().text();
        assert!(told.contains("ALICE wanted you"), "{told}");
        let room = &world.rooms[&(server("one"), ready.conference)];
        assert_eq!(room.len(), 2, "prepared for those who come");
        // And where nobody else is left, it comes to nothing.
        let id = world.ask("carol", vec![person("frank")]);
        let fault = world.refused(&id);
        assert_eq!(fault.code, FaultCode::NoTelephone);
        assert_eq!(world.rooms.len(), 1);
    }
}

/// What is told beforehand is what becomes of the request.
#[test]
fn what_may_not_be_called_is_no_way_beforehand_either() {
    let invite = |who| Invite {
        who,
        name: None,
        mode: None,
    };
    let mut world = World::new();
    world.refused = Some("gw.example");
    // Frank has another way beside the one that cannot be had.
    let isdn = KnownMode {
        address: Some("isdn:+49302".to_owned()),
        ..mode(Mode::Isdn, true)
    };
    let modes = vec![isdn, mode(Mode::Mobile, true)];
    world.people.insert("frank".to_owned(), modes);
    let asked = || {
        vec![
            person("frank"),
            invite(Invited::Network("isdn:+4930".parse().unwrap())),
            invite(Invited::Sip("sip:room@gw.example".to_owned())),
            invite(Invited::Sip("sip:room@v.example".to_owned())),
        ]
    };
    let expected = [
        Ok(Mode::Computer),
        Ok(Mode::Mobile),
        Err((Some(WhyNoWay::NotCalled), Some(Mode::Isdn))),
        Err((Some(WhyNoWay::NotCalled), Some(Mode::Sip))),
        Ok(Mode::Sip),
    ];
    let told = |guests: &[soap_proto::Guest]| {
        let way = |one: &soap_proto::Guest| match &one.way {
            Ok(way) => Ok(way.mode),
            Err(none) => Err((none.why, none.mode)),
        };
        guests.iter().map(way).collect::<Vec<_>>()
    };
    let Ok(VideoAnswer::Ways(guests)) = world.ask_ways("alice", asked()) else {
        panic!("another answer");
    };
    assert_eq!(told(&guests), expected);
    let id = world.ask("alice", asked());
    assert_eq!(told(&world.ready(&id).guests), expected);
    // The conference service had nothing to refuse.
    assert_eq!(world.creates, 1);
}

#[test]
fn a_number_that_may_not_be_called_is_named_as_it_was_written() {
    let number = || Invite {
        who: Invited::Number("+1 900 555".to_owned()),
        name: None,
        mode: None,
    };
    let mut world = World::new();
    world.refused = Some("+1 900");
    // Beforehand, too.
    let Ok(VideoAnswer::Ways(guests)) = world.ask_ways("alice", vec![number()]) else {
        panic!("another answer");
    };
    assert_eq!(guests[1].name, "+1 900 555");
    let none = guests[1].way.as_ref().unwrap_err();
    assert_eq!(none.why, Some(WhyNoWay::NotCalled));
    // And where only the conference service knows.
    world.refused_late = true;
    let id = world.ask("alice", vec![person("bob"), number()]);
    assert_eq!(world.ready(&id).guests[2].name, "+1 900 555");
    world.refused_late = false;
    // Beside one who can be had …
    let id = world.ask("alice", vec![person("bob"), number()]);
    let ready = world.ready(&id);
    assert_eq!(ready.guests[2].name, "+1 900 555");
    assert!(ready.guests[2].way.is_err());
    // … or with nobody left.
    let id = world.ask("alice", vec![number()]);
    let came = world.refused(&id).came;
    assert!(came.starts_with("+1 900 555: what is known"), "{came}");
    for (words, expected) in [
        ("video +1 900 555", "That cannot be: +1 900 555: what is"),
        (
            "videokonferenz +1 900 555",
            "Das geht nicht: +1 900 555: was",
        ),
        ("video bob +1 900 555", "\n+1 900 555: what is known (tele"),
    ] {
        world.say("alice", words);
        let said = world.letters_to("alice").pop().unwrap().text();
        assert!(said.contains(expected), "{words}: {said}");
    }
    // One with a name keeps it.
    let named = Invite {
        name: Some("Hotline".to_owned()),
        ..number()
    };
    let id = world.ask("alice", vec![named]);
    assert!(world.refused(&id).came.starts_with("Hotline: "));
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
fn people_speak_with_it_in_their_own_words() {
    let mut world = World::new();
    world.say("alice", "hilfe");
    assert!(
        world
            .letters_to("alice")
            .pop()
            .unwrap()
            .text()
            .contains("videokonferenz bob")
    );
    world.say("alice", "vidoe bob");
    assert!(
        world
            .letters_to("alice")
            .pop()
            .unwrap()
            .text()
            .contains("Did you mean \"video\"")
    );
    // Of a network that is known nobody is called; what its addresses look like is said.
    for (words, answer) in [
        ("video bob atm:zz", "40 hexadecimal digits"),
        (
            "videoanruf isdn:",
            "So sieht eine aus: isdn:+493012345, eine Nummer",
        ),
    ] {
        world.say("alice", words);
        let said = world.letters_to("alice").pop().unwrap().text();
        assert!(said.contains(answer), "{said}");
    }
    world.say("alice", "videokonferenz bob dave");
    let said = world.letters_to("alice").pop().unwrap().text();
    assert!(said.contains("Die Videokonferenz ist bereit."), "{said}");
    assert!(
        said.contains("DAVE: wird auf dem Telefon (mobile) angerufen"),
        "{said}"
    );
    // A client that takes no invitations is told in words.
    world.absent.insert(aor("bob").to_uri(), 415);
    world.say("alice", "video bob");
    let not_reached = world
        .events
        .iter()
        .any(|event| matches!(event, Event::NotReached { .. }));
    assert!(not_reached, "neither was taken here");
}

#[test]
fn a_word_of_both_languages_is_answered_in_that_of_the_person() {
    let mut world = World::new();
    world.languages.insert("alice", "de");
    for (words, expected) in [
        ("video dave", "Die Videokonferenz ist bereit."),
        ("video erin", "Das geht nicht: ERIN: es ist nichts bekannt"),
        ("?", "videokonferenz bob"),
        ("", "videokonferenz bob"),
        ("video", "Wen? Sag zum Beispiel"),
        (
            "vidoe bob",
            "\"vidoe\" kenne ich nicht. Meintest du \"video\"?",
        ),
        ("video \"bob", "Ein Anführungszeichen wird nie geschlossen."),
        // A word of one language chooses.
        ("help", "video bob \"Carol Jones\""),
        ("conference", "Whom? Say"),
        ("conference dave", "The video conference is ready."),
    ] {
        world.say("alice", words);
        let said = world.letters_to("alice").pop().unwrap().text();
        assert!(said.contains(expected), "{words}: {said}");
    }
    world.write(&aor("alice"), "text/plain", vec![0xff].into());
    let said = world.letters_to("alice").pop().unwrap().text();
    assert_eq!(said, "Ich lese nur Wörter in UTF-8.");
    let many: Vec<String> = (0..101).map(|n| format!("nobody{n}")).collect();
    world.say("alice", &format!("video {}", many.join(" ")));
    let said = world.letters_to("alice").pop().unwrap().text();
    assert_eq!(said, "Das ist zu viel: 101 statt höchstens 100.");
    for (words, expected) in [
        ("video dave", "The video conference is ready."),
        ("?", "video bob \"Carol Jones\""),
    ] {
        world.say("bob", words);
        let said = world.letters_to("bob").pop().unwrap().text();
        assert!(said.contains(expected), "{words}: {said}");
    }
    assert_eq!(world.allocator.asks_under_way(), 0);
    // No server takes it, and who asks is told in their own language.
    for name in ["one", "two"] {
        world.server_lost(name);
    }
    world.say("alice", "video bob");
    let said = world.letters_to("alice").pop().unwrap().text();
    assert!(
        said.contains("Gerade geht keine Videokonferenz: "),
        "{said}"
    );
    // One whose language cannot be learnt is answered all the same.
    world.modes = Service::Away;
    world.say("alice", "?");
    let said = world.letters_to("alice").pop().unwrap().text();
    assert!(said.contains("video bob"), "{said}");
    world.say("alice", "videokonferenz bob");
    let said = world.letters_to("alice").pop().unwrap().text();
    let expected = "der Dienst, der weiß, wie man Leute erreicht: er ist nicht da";
    assert!(said.contains(expected), "{said}");
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
