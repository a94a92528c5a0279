//! Chat too large for a datagram: whoever has no connection is told of it, once, and led to it.

use std::sync::Arc;
use std::time::Duration;

use im_core::{Event, MESSAGE_ID};
use sip_proto::{HeaderName, Transport};

use crate::world::{World, text};

/// Over what may go by UDP (RFC 3261 §18.1.1).
fn long() -> String {
    "x".repeat(1400)
}

fn with_window() -> World {
    World::with(|config| config.window = Some("https://im.example.org/".to_owned()))
}

#[test]
fn every_telephone_gets_a_short_text_with_a_link() {
    let mut world = with_window();
    world.choose_language("bob", "de");
    let mut alice = world.registered("alice", Transport::Tcp);
    let phones = [(); 2].map(|()| world.registered("bob", Transport::Udp));
    assert_eq!(world.say(&mut alice, "bob", &long()).status(), Some(202));
    for phone in &phones {
        let told = world.request(phone);
        assert_eq!(
            told.body(),
            "Eine lange Nachricht von ALICE wartet auf dich: https://im.example.org/chat/alice@example.org"
        );
        assert_eq!(told.request_uri(), Some(phone.uri().as_str()));
        assert_eq!(told.content_type(), Some("text/plain; charset=utf-8"));
        // An answer goes to who wrote the message.
        assert_eq!(told.from().unwrap().uri().as_str(), "sip:alice@example.org");
        assert_eq!(told.to().unwrap().uri().as_str(), "sip:bob@example.org");
        // It is not the message.
        assert!(!told.has(MESSAGE_ID), "{}", text(&told));
        world.answer(phone, &told, 200);
    }
    let told = world
        .events
        .iter()
        .filter(|e| **e == Event::ToldOfKept { id: 1 });
    assert_eq!(told.count(), 2);
    assert!(world.delivered.is_empty());
    assert_eq!(world.log.len(), 1, "the short text is not in the log");
    assert_eq!(world.server.in_flight(), 0);
}

#[test]
fn nobody_is_told_twice() {
    let mut world = with_window();
    let mut alice = world.registered("alice", Transport::Tcp);
    let mut phone = world.registered("bob", Transport::Udp);
    world.say(&mut alice, "bob", &long());
    let told = world.request(&phone);
    world.answer(&phone, &told, 405);
    // It registers again: renewed, after it was gone, and after it was away for long.
    for (expires_s, later) in [(600, 0), (0, 0), (600, 0), (600, 3_000)] {
        world.advance(Duration::from_secs(later));
        world.register(&mut phone, "", expires_s);
        assert!(world.received(&phone).is_empty(), "{expires_s}, {later}");
    }
    // The next one is told of, and only that.
    world.say(&mut alice, "bob", &long());
    let told = world.request(&phone);
    world.answer(&phone, &told, 200);
    world.register(&mut phone, "", 600);
    assert!(world.received(&phone).is_empty());
}

#[test]
fn who_was_away_or_did_not_hear_it_is_told_at_the_next_registration() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    for _ in 0..3 {
        world.say(&mut alice, "bob", &long());
    }
    world.say(&mut alice, "bob", "and a short one");
    let mut phone = world.device("bob", Transport::Udp);
    world.register(&mut phone, "", 600);
    // One text for all that alice wrote; the short one follows as it is.
    let all = world.received(&phone);
    let bodies: Vec<_> = all.iter().map(|message| message.body()).collect();
    assert_eq!(
        bodies,
        [
            "A long message from ALICE is kept for you.",
            "and a short one"
        ]
    );
    world.answer(&phone, &all[1], 200);
    // The telephone heard nothing of the first.
    world.advance(Duration::from_secs(33));
    world.received(&phone);
    world.register(&mut phone, "", 600);
    let again = world.request(&phone);
    assert_eq!(again.body(), "A long message from ALICE is kept for you.");
    world.answer(&phone, &again, 200);
    world.register(&mut phone, "", 600);
    assert!(world.received(&phone).is_empty());
}

#[test]
fn senders_of_whom_nothing_is_remembered_are_told_by_name() {
    let mut world = World::new();
    let mut carol = world.registered("carol", Transport::Tcp);
    world.say(&mut carol, "bob", &long());
    // Kept since before the process began, by somebody who has not been there since, and by an account that is gone.
    for from in ["alice@example.org", "gone@example.org"] {
        let mut kept = world.log[0].clone();
        kept.from = Arc::from(from);
        world.log.push(kept);
    }
    let mut phone = world.device("bob", Transport::Udp);
    world.register(&mut phone, "", 600);
    let all = world.received(&phone);
    let bodies: Vec<_> = all.iter().map(|message| message.body()).collect();
    let expected = ["CAROL", "ALICE", "gone"];
    let expected = expected.map(|name| format!("A long message from {name} is kept for you."));
    assert_eq!(bodies, expected);
}

#[test]
fn a_text_of_one_sender_hides_none_of_another() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let mut carol = world.registered("carol", Transport::Tcp);
    let mut phone = world.registered("bob", Transport::Udp);
    // The telephone is out of reach until it is known that it heard nothing.
    world.say(&mut carol, "bob", &long());
    world.advance(Duration::from_secs(33));
    world.received(&phone);
    world.say(&mut alice, "bob", &long());
    let told = world.request(&phone);
    assert_eq!(told.body(), "A long message from ALICE is kept for you.");
    world.answer(&phone, &told, 200);
    world.register(&mut phone, "", 600);
    let told = world.request(&phone);
    assert_eq!(told.body(), "A long message from CAROL is kept for you.");
    world.answer(&phone, &told, 200);
    world.register(&mut phone, "", 600);
    assert!(world.received(&phone).is_empty());
}

#[test]
fn a_text_that_is_answered_while_kept_messages_are_fetched_hides_none_of_another() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let mut carol = world.registered("carol", Transport::Tcp);
    world.say(&mut carol, "bob", &long());
    world.store_answers = false;
    let mut phone = world.device("bob", Transport::Udp);
    world.register(&mut phone, "", 600);
    let fetch = std::mem::take(&mut world.asked);
    // What is written meanwhile is stored at once.
    world.store_answers = true;
    world.say(&mut alice, "bob", &long());
    let told = world.request(&phone);
    assert_eq!(told.body(), "A long message from ALICE is kept for you.");
    world.answer(&phone, &told, 200);
    world.asked = fetch;
    world.let_store_answer();
    let told = world.request(&phone);
    assert_eq!(told.body(), "A long message from CAROL is kept for you.");
}

#[test]
fn a_telephone_that_comes_while_another_is_told_is_told_as_well() {
    let mut world = World::new();
    let mut carol = world.registered("carol", Transport::Tcp);
    for body in [&long(), "a short one", &long()] {
        world.say(&mut carol, "bob", body);
    }
    let mut first = world.device("bob", Transport::Udp);
    world.register(&mut first, "", 600);
    let all = world.received(&first);
    let bodies: Vec<_> = all.iter().map(|message| message.body()).collect();
    let words = "A long message from CAROL is kept for you.";
    assert_eq!(bodies, [words, "a short one"]);
    // What follows the short one goes to who came last.
    let mut second = world.device("bob", Transport::Udp);
    world.register(&mut second, "", 600);
    world.answer(&first, &all[0], 200);
    world.answer(&first, &all[1], 200);
    let told = world.request(&second);
    assert_eq!(told.body(), words);
    world.answer(&second, &told, 200);
    world.register(&mut second, "", 600);
    assert!(world.received(&second).is_empty());
}

#[test]
fn while_a_text_is_unanswered_no_other_of_its_sender_goes_out() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let mut phone = world.registered("bob", Transport::Udp);
    let say_twenty = |world: &mut World, alice: &mut _| {
        for _ in 0..20 {
            let answer = world.say(alice, "bob", &long());
            assert_eq!(answer.status(), Some(202));
        }
    };
    say_twenty(&mut world, &mut alice);
    let told = world.request(&phone);
    world.answer(&phone, &told, 200);
    world.register(&mut phone, "", 600);
    assert!(world.received(&phone).is_empty(), "it was told of all");
    // A text that nobody heard told of none of them.
    say_twenty(&mut world, &mut alice);
    world.request(&phone);
    world.advance(Duration::from_secs(33));
    world.received(&phone);
    world.register(&mut phone, "", 600);
    let again = world.request(&phone);
    world.answer(&phone, &again, 200);
    world.register(&mut phone, "", 600);
    assert!(world.received(&phone).is_empty());
}

#[test]
fn texts_without_an_answer_are_bounded_and_the_rest_is_told_later() {
    let mut world = World::with(|config| config.limits.in_flight_per_person = 2);
    let mut alice = world.registered("alice", Transport::Tcp);
    let mut carol = world.registered("carol", Transport::Tcp);
    let mut phones = [(); 3].map(|()| world.registered("bob", Transport::Udp));
    world.say(&mut alice, "bob", &long());
    let told = phones.each_ref().map(|phone| world.received(phone));
    assert_eq!(told.each_ref().map(Vec::len), [1, 1, 0]);
    // Others are not in the way of others, nor of chat itself.
    world.say(&mut carol, "bob", &long());
    assert_eq!(world.received(&phones[0]).len(), 1);
    assert_eq!(world.say(&mut alice, "bob", &long()).status(), Some(202));
    for (phone, told) in phones.iter().zip(&told) {
        for message in told {
            world.answer(phone, message, 200);
        }
    }
    world.register(&mut phones[2], "", 600);
    let later = world.received(&phones[2]);
    let from_alice = "A long message from ALICE is kept for you.";
    assert!(later.iter().any(|message| message.body() == from_alice));
}

#[test]
fn who_has_a_connection_gets_the_message_and_no_word_of_it() {
    let mut world = with_window();
    let mut alice = world.registered("alice", Transport::Tcp);
    let phone = world.registered("bob", Transport::Udp);
    let window = world.registered("bob", Transport::Wss);
    world.say(&mut alice, "bob", &long());
    assert_eq!(world.request(&window).body(), long().as_bytes());
    assert!(world.received(&phone).is_empty());
}

#[test]
fn only_chat_that_is_kept_is_told_of() {
    let mut world = with_window();
    let mut alice = world.registered("alice", Transport::Tcp);
    let mut service = world.registered("conference", Transport::Tcp);
    let phone = world.registered("bob", Transport::Udp);
    // Control, what is of no use later, and what is for one device: the sender learns it at once.
    assert_eq!(world.say(&mut service, "bob", &long()).status(), Some(513));
    let expires = world.say_with(&mut alice, "bob", "Expires: 60\r\n", &long());
    assert_eq!(expires.status(), Some(513));
    let gruu = format!("sip:bob@example.org;gr={}", phone.instance.clone().unwrap());
    assert_eq!(world.say(&mut alice, &gruu, &long()).status(), Some(513));
    assert!(world.received(&phone).is_empty());
}

#[test]
fn a_link_that_does_not_fit_is_left_out() {
    let mut world = World::with(|config| {
        config.window = Some(format!("https://im.example.org/{}", "w".repeat(1_200)));
    });
    let mut alice = world.registered("alice", Transport::Tcp);
    let phone = world.registered("bob", Transport::Udp);
    world.say(&mut alice, "bob", &long());
    let told = world.request(&phone);
    assert_eq!(told.body(), "A long message from ALICE is kept for you.");
    assert_eq!(told.header(HeaderName::MaxForwards), Some("70"));
}
