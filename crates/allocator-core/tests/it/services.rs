//! Services that do not answer, or refuse, while a request is worked on.

use allocator_core::Event;
use convoke_types::{Fault, FaultCode, NumberRefusal};

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
        let refused = world.refused(&id);
        if service != Service::Refuses {
            assert_eq!(refused.code, FaultCode::Overloaded);
            let (who, _) = refused.came.split_once(": it ").unwrap();
            assert_eq!(who, "who knows how to reach people");
        }
        assert!(world.rooms.is_empty() && world.creates == 0);
    }
}

/// The conference service is asked for those alone who have a way.
#[test]
fn programs_are_told_of_whom_a_refusal_is_by_the_place_in_their_own_request() {
    let mut world = World::new();
    world.conference = Service::Refuses;
    world.refusal = Fault::new(FaultCode::UnknownPerson, "one person", "several").about(1);
    let id = world.ask("alice", vec![person("nobody"), person("bob")]);
    assert_eq!(world.refused(&id).index, Some(2));
}

#[test]
fn why_a_service_refuses_is_told_in_the_language_of_who_asks_and_logged_in_english() {
    let abroad = "a number at home or in a permitted country ([dialplan] abroad)";
    let telephone = "a person with a telephone in their profile";
    let none = || Fault::new(FaultCode::NoTelephone, telephone, "somebody without one");
    for (refusal, english, german) in [
        (
            Fault::number(NumberRefusal::Abroad, abroad, "•••07 abroad"),
            "I may not call one of them: the number is abroad, where nobody is called from here.",
            "Ich darf jemanden davon nicht anrufen: die Nummer liegt im Ausland, und dorthin wird von hier nicht angerufen.",
        ),
        (
            none().about(1),
            "No telephone is known for BOB.",
            "Für BOB ist kein Telefon bekannt.",
        ),
        (
            none().about(0),
            "No such telephone of yours is known; write one into your profile.",
            "So ein Telefon ist von dir nicht bekannt; trag eins in dein Profil ein.",
        ),
        (
            Fault::new(
                FaultCode::ShuttingDown,
                "a running server",
                "one that is going down",
            ),
            "No video conference just now: the conference service: it is going down. Nobody was called; try again soon.",
            "Gerade geht keine Videokonferenz: der Konferenzdienst: er wird gerade beendet. Niemand wurde angerufen; versuch es gleich noch einmal.",
        ),
    ] {
        for (language, expected) in [("en", english), ("de", german)] {
            let mut world = World::new();
            world.languages.insert("alice", language);
            world.conference = Service::Refuses;
            world.refusal = refusal.clone();
            world.say("alice", "video bob");
            let said = world.letters_to("alice").pop().unwrap().text();
            assert_eq!(said, expected);
            // Programs are told what the service said.
            let id = world.ask("alice", vec![person("bob")]);
            assert_eq!(world.refused(&id), refusal);
            let logged = world.events.iter().filter_map(|event| match event {
                Event::Refused { words, .. } => Some(words.clone()),
                _ => None,
            });
            assert_eq!(
                logged.collect::<Vec<_>>(),
                [refusal.to_string(), refusal.to_string()]
            );
        }
    }
}

#[test]
fn a_service_that_says_nothing_is_logged_in_english_whoever_asks() {
    let mut world = World::new();
    world.languages.insert("alice", "de");
    world.conference = Service::Away;
    world.say("alice", "video bob");
    let said = world.letters_to("alice").pop().unwrap().text();
    assert!(
        said.contains("der Konferenzdienst: er ist nicht da."),
        "{said}"
    );
    let logged = "overloaded: the conference service: it is not there";
    let refused = |event: &Event| matches!(event, Event::Refused { words, .. } if words == logged);
    assert!(world.events.iter().any(refused), "{:?}", world.events);
}
