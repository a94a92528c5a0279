//! Chat: durable before it is acknowledged, on all devices, kept for the absent.

use std::time::Duration;

use im_core::{Event, MESSAGE_ID, StoreFault, StoreOp};
use sip_proto::{HeaderName, Transport};

use crate::world::{World, text};

#[test]
fn no_202_before_the_message_is_durable() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let bob = world.registered("bob", Transport::Udp);
    world.store_answers = false;
    let request = world.message(&mut alice, "bob", "", "hello");
    world.send(&alice.source, &request);
    assert!(world.received(&alice).is_empty());
    assert!(world.received(&bob).is_empty());
    // A repetition of the request changes nothing.
    world.send(&alice.source, &request);
    let ops: Vec<&StoreOp> = world.asked.iter().map(|(_, op)| op).collect();
    assert!(matches!(ops.as_slice(), [StoreOp::LogMessage(m)] if m.body == "hello" && m.keep));
    world.let_store_answer();
    let answers = world.received(&alice);
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].status(), Some(202));
    assert_eq!(answers[0].header(MESSAGE_ID), Some("1"));
    world.request(&bob);

    for (fault, status) in [(StoreFault::Overloaded, 503), (StoreFault::Failed, 500)] {
        let request = world.message(&mut alice, "bob", "", "lost");
        world.send(&alice.source, &request);
        world.fail_store(fault);
        let answers = world.received(&alice);
        assert_eq!(answers[0].status(), Some(status));
        assert_eq!(answers[0].has(HeaderName::RetryAfter), status == 503);
    }
    assert!(world.received(&bob).is_empty());
}

#[test]
fn every_device_gets_it_unchanged_and_the_first_2xx_counts() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let phone = world.registered("bob", Transport::Udp);
    let desk = world.registered("bob", Transport::Tls);
    let body = "héllo\r\n\0 there";
    assert_eq!(world.say(&mut alice, "bob", body).status(), Some(202));
    for device in [&phone, &desk] {
        let copy = world.request(device);
        assert_eq!(copy.request_uri(), Some(device.uri().as_str()));
        assert_eq!(copy.body(), body.as_bytes());
        assert!(text(&copy).contains("X-Strange: \u{1f980} kept  as it is\r\n"));
        assert!(text(&copy).contains("From: \"Me\" <sip:alice@example.org>;tag=m\r\n"));
        assert_eq!(copy.max_forwards().unwrap(), Some(69));
        assert_eq!(copy.header(MESSAGE_ID), Some("1"));
        assert_eq!(copy.vias().unwrap().len(), 2);
        assert_eq!(
            copy.top_via().unwrap().transport(),
            device.source.transport.via_word()
        );
        assert!(!copy.has(HeaderName::ProxyAuthorization));
        assert!(world.delivered.is_empty() || device.user == "bob");
        world.answer(device, &copy, 200);
    }
    assert_eq!(world.delivered.len(), 1);
    assert_eq!(
        world.delivered[&1].as_ref(),
        phone.instance.as_deref().unwrap()
    );
    assert_eq!(world.server.in_flight(), 0);
    // The sender has its answer; those of the devices are not passed on.
    assert!(world.received(&alice).is_empty());
}

#[test]
fn a_gruu_reaches_its_one_device() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let phone = world.registered("bob", Transport::Tcp);
    let desk = world.registered("bob", Transport::Tcp);
    let gruu = format!("sip:bob@example.org;gr={}", desk.instance.clone().unwrap());
    assert_eq!(world.say(&mut alice, &gruu, "you").status(), Some(202));
    assert!(world.received(&phone).is_empty());
    world.request(&desk);
    assert_eq!(world.log[0].device.as_deref(), desk.instance.as_deref());
    assert_eq!(world.log[0].to.as_ref(), "bob@example.org");
}

#[test]
fn a_device_with_two_flows_gets_one_copy_over_the_newer() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let first = world.registered("bob", Transport::Tcp);
    let mut second = world.device("bob", Transport::Tcp);
    second.instance = first.instance.clone();
    world.register_flow(&mut second, 2, "");
    world.say(&mut alice, "bob", "once");
    assert!(world.received(&first).is_empty());
    world.request(&second);
}

#[test]
fn chat_is_kept_for_the_absent_and_delivered_in_order() {
    let mut world = World::with(|config| config.limits.kept_page = 2);
    let mut alice = world.registered("alice", Transport::Tcp);
    for n in 1..=5 {
        let body = format!("message {n}");
        assert_eq!(world.say(&mut alice, "bob", &body).status(), Some(202));
        world.advance(Duration::from_secs(10));
    }
    let mut bob = world.device("bob", Transport::Tcp);
    let challenge = world.register(&mut bob, "", 600);
    assert_eq!(challenge.status(), Some(200));
    for n in 1..=5_i64 {
        let kept = world.request(&bob);
        assert_eq!(kept.body(), format!("message {n}").as_bytes());
        assert_eq!(kept.header(MESSAGE_ID), Some(n.to_string().as_str()));
        let date = format!("Thu, 01 Jan 2026 00:00:{:02} GMT", (n - 1) * 10);
        assert_eq!(kept.header(HeaderName::Date), Some(date.as_str()));
        assert_eq!(kept.from().unwrap().uri().as_str(), "sip:alice@example.org");
        world.answer(&bob, &kept, 200);
        assert_eq!(world.delivered.len(), usize::try_from(n).unwrap());
    }
    world.register(&mut bob, "", 600);
    assert!(world.received(&bob).is_empty());
}

#[test]
fn what_no_device_took_is_offered_at_the_next_renewal() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let mut bob = world.registered("bob", Transport::Udp);
    world.say(&mut alice, "bob", "anybody?");
    // Nobody answers: repeated, then given up.
    world.advance(Duration::from_secs(33));
    let copies = world.received(&bob);
    assert!(copies.len() > 5 && copies.iter().all(|copy| copy.body() == "anybody?"));
    let undelivered = Event::Undelivered { id: 1, status: 408 };
    assert!(world.events.contains(&undelivered));
    let mut request = world.register(&mut bob, "", 600);
    assert_eq!(request.status(), Some(200));
    world.advance(Duration::from_millis(600));
    request = world.received(&bob).pop().unwrap();
    assert_eq!(request.body(), "anybody?");
    world.answer(&bob, &request, 200);
    assert_eq!(world.delivered.len(), 1);
}

#[test]
fn a_closed_connection_passes_its_message_to_the_device_that_came_meanwhile() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let old = world.registered("bob", Transport::Tcp);
    world.say(&mut alice, "bob", "hold on");
    world.request(&old);
    let new = world.registered("bob", Transport::Tcp);
    assert!(world.received(&new).is_empty());
    world.close(&old);
    let again = world.request(&new);
    assert_eq!(again.body(), "hold on");
    world.answer(&new, &again, 200);
    assert_eq!(world.delivered.len(), 1);
}

#[test]
fn too_large_for_a_datagram_waits_for_a_connection() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let udp = world.registered("bob", Transport::Udp);
    let long = "x".repeat(1400);
    assert_eq!(world.say(&mut alice, "bob", &long).status(), Some(202));
    let told = world.request(&udp);
    assert_eq!(told.body(), "A long message from ALICE is kept for you.");
    world.answer(&udp, &told, 200);
    // The sender's credentials do not count: they do not go on.
    let mut phone = world.registered("alice", Transport::Udp);
    let fits = "y".repeat(500);
    assert_eq!(world.say(&mut phone, "bob", &fits).status(), Some(202));
    let copy = world.request(&udp);
    assert!(copy.as_bytes().len() < 1300);
    world.answer(&udp, &copy, 200);
    assert!(
        !world.delivered.contains_key(&1),
        "what was told of is not delivered"
    );
    let tcp = world.device("bob", Transport::Tcp);
    let mut registering = tcp.clone();
    world.register(&mut registering, "", 600);
    let kept = world.received(&tcp).pop().unwrap();
    assert_eq!(kept.body(), long.as_bytes());
    assert_eq!(kept.header(MESSAGE_ID), Some("1"));
    world.answer(&tcp, &kept, 200);
    assert!(world.delivered.contains_key(&1));
}

#[test]
fn large_messages_fill_the_server_before_many_do() {
    let most = 20_000;
    let mut world = World::with(|config| config.limits.in_flight_bytes = most);
    let mut alice = world.registered("alice", Transport::Tls);
    let mut bob = world.registered("bob", Transport::Tls);
    world.store_answers = false;
    let large = "x".repeat(most / 2);
    for _ in 0..2 {
        let request = world.message(&mut alice, "bob", "", &large);
        world.send(&alice.source, &request);
    }
    assert_eq!(world.asked.len(), 1, "the second found no room");
    let refused = world.received(&alice).remove(0);
    assert_eq!(refused.status(), Some(503));
    assert!(refused.has(HeaderName::RetryAfter));
    assert_eq!(world.say(&mut bob, "alice", &large).status(), Some(503));
    let small = world.message(&mut bob, "alice", "", "hello");
    world.send(&bob.source, &small);
    assert_eq!(world.asked.len(), 2, "a small one has room");

    // However they end, their room is there again.
    world.fail_store(StoreFault::Failed);
    world.received(&alice);
    world.received(&bob);
    world.store_answers = true;
    for _ in 0..3 {
        assert_eq!(world.say(&mut alice, "bob", &large).status(), Some(202));
        let copy = world.request(&bob);
        world.answer(&bob, &copy, 200);
    }
}

#[test]
fn one_persons_large_messages_leave_room_for_others() {
    let most = 20_000;
    let mut world = World::with(|config| config.limits.in_flight_bytes_per_person = most);
    let mut alice = world.registered("alice", Transport::Tls);
    let mut bob = world.registered("bob", Transport::Tls);
    let large = "x".repeat(most / 2);
    assert_eq!(world.say(&mut alice, "bob", &large).status(), Some(202));
    let copy = world.request(&bob);
    assert_eq!(world.say(&mut alice, "bob", &large).status(), Some(503));
    assert_eq!(world.say(&mut bob, "alice", &large).status(), Some(202));
    world.answer(&bob, &copy, 200);
    assert_eq!(world.say(&mut alice, "bob", &large).status(), Some(202));
}

#[test]
fn too_much_at_once_is_503() {
    let mut world = World::with(|config| config.limits.in_flight = 3);
    let mut alice = world.registered("alice", Transport::Tcp);
    world.store_answers = false;
    for _ in 0..3 {
        let request = world.message(&mut alice, "bob", "", "hello");
        world.send(&alice.source, &request);
    }
    let refused = world.say(&mut alice, "bob", "hello");
    assert_eq!(refused.status(), Some(503));
    assert_eq!(refused.header(HeaderName::RetryAfter), Some("5"));
    world.let_store_answer();
    assert_eq!(world.received(&alice).len(), 3);
}

#[test]
fn one_person_cannot_take_all_room_from_others() {
    let mut world = World::with(|config| config.limits.in_flight_per_person = 3);
    let mut alice = world.registered("alice", Transport::Tcp);
    // A device that never answers keeps each message under way.
    let mut silent = world.registered("alice", Transport::Tcp);
    let mut bob = world.registered("bob", Transport::Tcp);
    for _ in 0..3 {
        assert_eq!(world.say(&mut alice, "bob", "hello").status(), Some(202));
    }
    assert_eq!(world.say(&mut alice, "bob", "hello").status(), Some(503));
    assert_eq!(world.say(&mut silent, "bob", "hello").status(), Some(503));
    let to_bob = world.received(&bob);
    assert_eq!(to_bob.len(), 3);
    assert_eq!(world.say(&mut bob, "alice", "hello").status(), Some(202));
    world.answer(&bob, &to_bob[0], 200);
    assert_eq!(world.say(&mut alice, "bob", "hello").status(), Some(202));
    // What failed, and what is kept, is under way no more.
    world.close(&bob);
    for _ in 0..9 {
        assert_eq!(world.say(&mut alice, "bob", "hello").status(), Some(202));
    }
    world.store_answers = false;
    for _ in 0..3 {
        let request = world.message(&mut alice, "bob", "", "hello");
        world.send(&alice.source, &request);
        world.fail_store(im_core::StoreFault::Failed);
    }
    world.store_answers = true;
    world.received(&alice);
    assert_eq!(world.say(&mut alice, "bob", "hello").status(), Some(202));
}

#[test]
fn a_message_that_comes_again_in_another_transaction_is_stored_once() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let bob = world.registered("bob", Transport::Tcp);
    let request = world.message(&mut alice, "bob", "", "once");
    let again = request.replace("branch=z9hG4bK", "branch=z9hG4bKagain");
    world.store_answers = false;
    world.send(&alice.source, &request);
    assert_eq!(world.ask(&alice, &again).status(), Some(482));
    world.let_store_answer();
    assert_eq!(world.received(&alice)[0].header(MESSAGE_ID), Some("1"));
    let once_more = again.replace("again", "and-again");
    let answer = world.ask(&alice, &once_more);
    assert_eq!(answer.status(), Some(202));
    assert_eq!(answer.header(MESSAGE_ID), Some("1"));
    assert_eq!(world.log.len(), 1);
    world.request(&bob);
    // The same numbers for something else.
    world.store_answers = true;
    let other = again.replace("again", "other").replace("once", "else");
    assert_eq!(world.ask(&alice, &other).status(), Some(202));
    assert_eq!(world.request(&bob).body(), "else");
    world.advance(Duration::from_secs(100));
    let much_later = again.replace("again", "later");
    assert_eq!(world.ask(&alice, &much_later).status(), Some(202));
    assert_eq!(world.log.len(), 3);
}

#[test]
fn what_was_stored_never_may_come_again() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    world.store_answers = false;
    let request = world.message(&mut alice, "bob", "", "hello");
    world.send(&alice.source, &request);
    world.fail_store(StoreFault::Failed);
    assert_eq!(world.received(&alice)[0].status(), Some(500));
    world.store_answers = true;
    let again = request.replace("branch=z9hG4bK", "branch=z9hG4bKagain");
    assert_eq!(world.ask(&alice, &again).status(), Some(202));
}

#[test]
fn kept_messages_follow_a_device_to_its_new_connection() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    world.say(&mut alice, "bob", "one");
    world.say(&mut alice, "bob", "two");
    let first = world.registered("bob", Transport::Tcp);
    assert_eq!(world.request(&first).body(), "one");
    let second = world.registered("bob", Transport::Tcp);
    assert!(world.received(&second).is_empty());
    world.close(&first);
    for body in ["one", "two"] {
        let kept = world.request(&second);
        assert_eq!(kept.body(), body);
        world.answer(&second, &kept, 200);
    }
    assert_eq!(world.delivered.len(), 2);
}
