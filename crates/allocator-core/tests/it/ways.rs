//! How each person takes part: what is told beforehand, what may not be called, and who has no way.

use convoke_types::{FaultCode, Mode};
use soap_proto::{Invite, Invited, KnownMode, NoWay, VideoAnswer, WhyNoWay};

use crate::world::{World, mode, person, server};

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
