//! Control: to or from a service, logged, relayed now or not at all.

use sip_proto::Transport;
use std::time::Duration;

use crate::world::World;

#[test]
fn a_command_is_durable_before_it_goes_and_its_answer_is_passed_back() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let service = world.registered("conference", Transport::Tcp);
    world.store_answers = false;
    let request = world.message(&mut alice, "conference", "Expires: 30\r\n", "call bob");
    world.send(&alice.source, &request);
    assert!(world.received(&service).is_empty());
    world.let_store_answer();
    assert!(world.log[0].control && !world.log[0].keep);
    let command = world.request(&service);
    // As history knows it: what services say in words is shown there, too.
    assert_eq!(command.header(im_core::MESSAGE_ID), Some("1"));
    assert!(world.received(&alice).is_empty());
    world.answer(&service, &command, 202);
    let answers = world.received(&alice);
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].status(), Some(202));
    assert_eq!(answers[0].to().unwrap().tag(), Some("device"));
    assert_eq!(answers[0].vias().unwrap().len(), 1);
    assert_eq!(world.server.in_flight(), 0);
}

#[test]
fn refusals_are_passed_back_but_not_a_503() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let service = world.registered("conference", Transport::Tcp);
    for (theirs, ours) in [(403, 403), (480, 480), (603, 603), (503, 500)] {
        let request = world.message(&mut alice, "conference", "", "call bob");
        world.send(&alice.source, &request);
        let command = world.request(&service);
        world.answer(&service, &command, theirs);
        assert_eq!(world.received(&alice)[0].status(), Some(ours));
    }
}

#[test]
fn control_is_never_kept() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    // The gateway is away: said at once, and nobody's telephone rings later.
    let answer = world.say(&mut alice, "conference", "call bob");
    assert_eq!(answer.status(), Some(480));
    let mut service = world.registered("conference", Transport::Tcp);
    assert!(world.received(&service).is_empty());
    // A report to somebody who is away.
    let answer = world.say(&mut service, "bob", "bob is ringing");
    assert_eq!(answer.status(), Some(480));
    let bob = world.registered("bob", Transport::Tcp);
    assert!(world.received(&bob).is_empty());
    // The gateway's connection closes under a command.
    let request = world.message(&mut alice, "conference", "", "call bob");
    world.send(&alice.source, &request);
    world.request(&service);
    world.close(&service);
    assert_eq!(world.received(&alice)[0].status(), Some(480));
    let back = world.registered("conference", Transport::Tcp);
    assert!(world.received(&back).is_empty());
}

#[test]
fn a_report_to_a_gruu_reaches_that_device_and_a_silent_one_is_480() {
    let mut world = World::new();
    let mut service = world.registered("conference", Transport::Tcp);
    let asked = world.registered("bob", Transport::Tcp);
    let other = world.registered("bob", Transport::Tcp);
    let gruu = format!("sip:bob@example.org;gr={}", asked.instance.clone().unwrap());
    let report = world.message(&mut service, &gruu, "", "ringing");
    world.send(&service.source, &report);
    assert!(world.received(&other).is_empty());
    world.request(&asked);
    world.advance(Duration::from_secs(33));
    assert_eq!(world.received(&service)[0].status(), Some(480));
}

#[test]
fn feature_tags_choose_devices() {
    let mut world = World::new();
    let mut service = world.registered("conference", Transport::Tcp);
    let plain = world.registered("bob", Transport::Tcp);
    let mut able = world.device("bob", Transport::Tcp);
    let contact = format!("<{}>;+org.convoke.soap", able.uri());
    world.register_contact(&mut able, &contact, "");
    let wish = "Accept-Contact: *;+org.convoke.soap;require;explicit\r\n";
    let report = world.message(&mut service, "bob", wish, "<report/>");
    world.send(&service.source, &report);
    assert!(world.received(&plain).is_empty());
    assert_eq!(world.received(&able).last().unwrap().body(), "<report/>");
}

#[test]
fn too_large_for_a_datagram_is_513() {
    let mut world = World::new();
    let mut service = world.registered("conference", Transport::Tcp);
    let bob = world.registered("bob", Transport::Udp);
    let answer = world.say(&mut service, "bob", &"x".repeat(1400));
    assert_eq!(answer.status(), Some(513));
    assert!(world.received(&bob).is_empty());
    assert!(world.log.is_empty());
}
