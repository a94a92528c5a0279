//! Copies of what a person writes, for their other devices.

use std::time::Duration;

use im_core::{MESSAGE_ID, SENT_TO, StoreFault};
use sip_proto::cpim;
use sip_proto::{Message, Transport};

use crate::world::{Device, World};

/// What a window says of itself.
const WINDOW: &str = ";+g.convoke.cpim;+g.convoke.sent";

fn window(world: &mut World, user: &str) -> Device {
    world.registered_as(user, Transport::Wss, WINDOW)
}

/// Alice's words to bob, as windows write them.
fn envelope(kind: &str, text: &str) -> String {
    format!(
        "From: <sip:alice@example.org>\r\nTo: <sip:bob@example.org>\r\nDateTime: 2026-01-01T00:00:00Z\r\n\
         NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: m1\r\n\r\nContent-Type: {kind}\r\n\r\n{text}"
    )
}

fn say(world: &mut World, from: &mut Device, text: &str) -> Message {
    let body = envelope("text/plain", text);
    let request = world.message_of(cpim::CONTENT_TYPE, from, "bob", "", &body);
    let answer = world.ask(from, &request);
    assert_eq!(answer.status(), Some(202));
    answer
}

/// A message that a device received, and took.
fn takes(world: &mut World, device: &Device) -> Message {
    let message = world.request(device);
    world.answer(device, &message, 200);
    message
}

#[test]
fn what_is_written_at_one_device_goes_to_those_others_that_take_copies() {
    let mut world = World::new();
    let mut here = window(&mut world, "alice");
    let there = window(&mut world, "alice");
    let phone = world.registered("alice", Transport::Tcp);
    let old_window = world.registered_as("alice", Transport::Wss, ";+g.convoke.cpim");
    let bob = window(&mut world, "bob");
    let body = envelope("text/plain", "on my way");
    let request = world.message_of(cpim::CONTENT_TYPE, &mut here, "bob", "", &body);
    let answer = world.ask(&here, &request);

    let copy = takes(&mut world, &there);
    assert_eq!(copy.header(SENT_TO), Some("<sip:bob@example.org>"));
    assert_eq!(copy.header(MESSAGE_ID), answer.header(MESSAGE_ID));
    assert_eq!(copy.request_uri(), Some(there.uri().as_str()));
    assert_eq!(copy.from().unwrap().uri().as_str(), "sip:alice@example.org");
    assert_eq!(copy.content_type(), Some(cpim::CONTENT_TYPE));
    assert_eq!(copy.body(), body.as_bytes());
    assert!(world.delivered.is_empty(), "only the other side's count");
    for other in [&here, &phone, &old_window] {
        assert!(world.received(other).is_empty());
    }

    let original = takes(&mut world, &bob);
    assert!(!original.has(SENT_TO));
    assert_eq!(world.delivered.len(), 1);
    // In another transaction it is the same message.
    let again = request.replacen("z9hG4bK", "z9hG4bKagain", 1);
    assert_eq!(world.ask(&here, &again).status(), Some(202));
    assert!(world.received(&there).is_empty());
    assert_eq!(world.log.len(), 1);
    assert_eq!(world.server.in_flight(), 0);
}

#[test]
fn clients_without_envelopes_write_and_take_copies_too() {
    let mut world = World::new();
    let mut phone = world.registered("alice", Transport::Tcp);
    let mut window = window(&mut world, "alice");
    let plain = world.registered_as("alice", Transport::Tcp, ";+g.convoke.sent");
    let datagrams = world.registered_as("alice", Transport::Udp, ";+g.convoke.sent");
    let bob = world.registered("bob", Transport::Tcp);
    // What others write there is worth nothing.
    let forged = "Convoke-Sent-To: <sip:carol@example.org>\r\n";
    let answer = world.say_with(&mut phone, "bob", forged, "from the road");
    assert_eq!(answer.status(), Some(202));
    assert!(!takes(&mut world, &bob).has(SENT_TO));
    for device in [&window, &plain, &datagrams] {
        let copy = takes(&mut world, device);
        assert_eq!(copy.header(SENT_TO), Some("<sip:bob@example.org>"));
        assert_eq!(copy.content_type(), Some("text/plain"));
        assert_eq!(copy.body(), "from the road");
    }
    say(&mut world, &mut window, "in an envelope");
    for device in [&plain, &datagrams] {
        let copy = takes(&mut world, device);
        assert_eq!(copy.body(), "in an envelope");
        assert_eq!(copy.call_id(), Some("m1"));
    }
    // Nobody is told of what does not fit: it is in the history.
    say(&mut world, &mut window, &"long ".repeat(300));
    takes(&mut world, &plain);
    assert!(world.received(&datagrams).is_empty());
    assert!(world.received(&phone).is_empty());
}

#[test]
fn nothing_but_words_between_people_is_copied() {
    const TYPING: &str = "<isComposing xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\"><state>active</state></isComposing>";
    const NOTIFICATION: &str = "<imdn xmlns=\"urn:ietf:params:xml:ns:imdn\"/>";
    let mut world = World::new();
    let mut alice = window(&mut world, "alice");
    let other = window(&mut world, "alice");
    let bob = window(&mut world, "bob");
    let mut service = world.registered("conference", Transport::Tcp);
    let typing = envelope(cpim::TYPING_CONTENT_TYPE, TYPING);
    let notification = envelope(cpim::IMDN_CONTENT_TYPE, NOTIFICATION);
    let invitation = "application/vnd.convoke.invitation+xml";
    for (kind, body) in [
        (cpim::CONTENT_TYPE, typing.as_str()),
        (cpim::TYPING_CONTENT_TYPE, TYPING),
        (cpim::CONTENT_TYPE, &notification),
        (cpim::IMDN_CONTENT_TYPE, NOTIFICATION),
        (invitation, "<invitation/>"),
        ("text/xml", "<a/>"),
        (cpim::CONTENT_TYPE, "no envelope"),
    ] {
        let request = world.message_of(kind, &mut alice, "bob", "", body);
        assert_eq!(world.ask(&alice, &request).status(), Some(202), "{kind}");
        takes(&mut world, &bob);
        assert!(world.received(&other).is_empty(), "{kind}");
    }
    // Words to and from services are control.
    let request = world.message(&mut alice, "conference", "", "who");
    world.send(&alice.source, &request);
    takes(&mut world, &service);
    let request = world.message(&mut service, "alice", "", "nobody");
    world.send(&service.source, &request);
    for window in [&alice, &other] {
        let came = world.received(window).pop().unwrap();
        assert!(!came.has(SENT_TO));
        world.answer(window, &came, 200);
    }
    // Who writes to themselves has it already, and once.
    let answer = world.say(&mut alice, "alice", "a note");
    assert_eq!(answer.status(), Some(202));
    assert!(!takes(&mut world, &other).has(SENT_TO));
    world.received(&alice);
    // What was not stored was not sent.
    world.store_answers = false;
    let request = world.message(&mut alice, "bob", "", "lost");
    world.send(&alice.source, &request);
    assert!(world.received(&other).is_empty());
    world.fail_store(StoreFault::Failed);
    assert!(world.received(&other).is_empty());
}

#[test]
fn a_copy_is_neither_kept_nor_does_it_keep_the_message_from_who_is_absent() {
    let mut world = World::new();
    let mut here = window(&mut world, "alice");
    let mut silent = window(&mut world, "alice");
    say(&mut world, &mut here, "are you there?");
    assert_eq!(world.request(&silent).header(MESSAGE_ID), Some("1"));
    assert_eq!(world.server.in_flight(), 0);
    // Bob has it as if there were no copies, while one is on its way.
    let bob = window(&mut world, "bob");
    let kept = takes(&mut world, &bob);
    assert_eq!(
        (kept.header(MESSAGE_ID), kept.has(SENT_TO)),
        (Some("1"), false)
    );
    world.advance(Duration::from_secs(33));
    world.register_flow(&mut silent, 1, WINDOW);
    assert!(world.received(&silent).is_empty());
    // Nor is it offered to a device that comes later.
    let late = window(&mut world, "alice");
    assert!(world.received(&late).is_empty());
    assert_eq!(world.log.len(), 1);
    assert_eq!(world.delivered.len(), 1);
}

#[test]
fn a_device_with_two_flows_gets_one_copy_and_none_of_what_it_wrote() {
    let mut world = World::new();
    let mut first = window(&mut world, "alice");
    let mut second = world.device("alice", Transport::Wss);
    second.instance = first.instance.clone();
    world.register_flow(&mut second, 2, WINDOW);
    let mut other = window(&mut world, "alice");
    say(&mut world, &mut other, "once");
    assert!(world.received(&first).is_empty());
    takes(&mut world, &second);
    for flow in [&mut first, &mut second] {
        say(&mut world, flow, "not to me");
        takes(&mut world, &other);
    }
    assert!(world.received(&first).is_empty());
    assert!(world.received(&second).is_empty());
}

#[test]
fn copies_that_nobody_answers_are_bounded_and_take_no_room_from_messages() {
    let mut world = World::with(|config| config.limits.in_flight_per_person = 2);
    let mut here = window(&mut world, "alice");
    let silent = window(&mut world, "alice");
    let bob = window(&mut world, "bob");
    for _ in 0..3 {
        say(&mut world, &mut here, "hello");
        takes(&mut world, &bob);
    }
    let copies = world.received(&silent);
    assert_eq!(copies.len(), 2, "the third found no room");
    world.answer(&silent, &copies[0], 200);
    say(&mut world, &mut here, "hello");
    takes(&mut world, &bob);
    assert_eq!(world.received(&silent).len(), 1);
    // However they end, their room is there again.
    world.close(&silent);
    let other = window(&mut world, "alice");
    for _ in 0..2 {
        say(&mut world, &mut here, "hello");
        takes(&mut world, &bob);
    }
    assert_eq!(world.received(&other).len(), 2);
}
