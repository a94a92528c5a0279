//! Which video server gets a request, and what becomes of it where none does.

use allocator_core::Event;
use convoke_types::FaultCode;

use crate::world::{Prepares, World, person, secs, server};

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
    assert!(fault.came.contains("one: it cannot be reached"), "{fault}");
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
fn why_no_server_takes_it_is_told_in_the_language_of_who_asks_and_logged_in_english() {
    for (language, words, one, two) in [
        (
            "en",
            "No video conference just now",
            "one: it cannot be used (“Test 0 is too old”)",
            "two: it cannot be reached",
        ),
        (
            "de",
            "Gerade geht keine Videokonferenz",
            "one: er ist nicht zu gebrauchen („Test 0 is too old“)",
            "two: er ist nicht zu erreichen",
        ),
    ] {
        let mut world = World::new();
        world.languages.insert("alice", language);
        world.prepares.insert(server("one"), Prepares::Unsuitable);
        world.server_lost("two");
        let expected = format!("{one}; {two}");
        world.say("alice", "video bob");
        let said = world.letters_to("alice").pop().unwrap().text();
        assert!(said.starts_with(&format!("{words}: {expected}.")), "{said}");
        let id = world.ask("alice", vec![person("bob")]);
        assert_eq!(world.refused(&id).came, expected);
        // Whoever asks, the log has all of it in one language.
        let not_placed = "it cannot be used: Test 0 is too old";
        let refused =
            format!("overloaded: one: {not_placed}; two: it cannot be reached: connection refused");
        let logged: Vec<&str> = world.events.iter().filter_map(why).collect();
        assert_eq!(logged, [not_placed, &refused].repeat(2));
    }
}

/// What an event says in words.
fn why(event: &Event) -> Option<&str> {
    match event {
        Event::NotPlaced { words, .. } | Event::Refused { words, .. } => Some(words),
        _ => None,
    }
}
