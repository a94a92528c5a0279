//! What people say to the allocator in words, and in which language it answers.

use allocator_core::Event;

use crate::world::{Service, World, aor};

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
