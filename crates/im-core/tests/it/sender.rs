//! Who sends a MESSAGE, and what is not believed.

use im_core::StoreFault;
use sip_proto::{HeaderName, Transport};

use crate::world::{OTHER_PASSWORD, PASSWORD, World, text};

#[test]
fn a_registered_connection_needs_no_further_digest_and_a_datagram_does() {
    let mut world = World::new();
    let mut tcp = world.registered("alice", Transport::Tcp);
    let plain = world.message(&mut tcp, "bob", "", "hello");
    let plain = without_digest(&plain);
    assert_eq!(world.ask(&tcp, &plain).status(), Some(202));

    let mut udp = world.registered("alice", Transport::Udp);
    let plain = without_digest(&world.message(&mut udp, "bob", "", "hello"));
    assert_eq!(world.ask(&udp, &plain).status(), Some(407));
    assert_eq!(world.say(&mut udp, "bob", "hello").status(), Some(202));
    // The count goes up; the nonce serves on.
    assert_eq!(
        world.say(&mut udp, "bob", "hello again").status(),
        Some(202)
    );

    let mut trusting = World::with(|config| config.udp_address_authenticates = true);
    let mut udp = trusting.registered("alice", Transport::Udp);
    let plain = without_digest(&trusting.message(&mut udp, "bob", "", "hello"));
    assert_eq!(trusting.ask(&udp, &plain).status(), Some(202));
    let other = trusting.device("alice", Transport::Udp);
    assert_eq!(trusting.ask(&other, &again(&plain)).status(), Some(407));
}

fn without_digest(request: &str) -> String {
    let lines = request.split_inclusive("\r\n");
    let kept = lines.filter(|line| !line.starts_with("Proxy-Authorization"));
    kept.collect()
}

fn again(request: &str) -> String {
    request.replace("z9hG4bK", "z9hG4bKagain")
}

#[test]
fn a_forged_from_is_refused() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let forged = world.message(&mut alice, "bob", "", "I am bob");
    let forged = forged.replace("<sip:alice@", "<sip:bob@");
    // With alice's digest for bob's name …
    assert_eq!(world.ask(&alice, &forged).status(), Some(403));
    // … on alice's connection without any: bob would have to prove himself …
    let bare = again(&without_digest(&forged));
    assert_eq!(world.ask(&alice, &bare).status(), Some(407));
    // … and from another domain nobody can.
    let foreign = again(&again(&without_digest(&forged)))
        .replace("bob@example.org>;tag", "bob@example.net>;tag");
    assert_eq!(world.ask(&alice, &foreign).status(), Some(403));
    assert!(world.log.is_empty());
}

#[test]
fn an_asserted_identity_comes_from_us_alone_and_goes_to_services_alone() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let bob = world.registered("bob", Transport::Tcp);
    let service = world.registered("conference", Transport::Tcp);
    let forged = "P-Asserted-Identity: <sip:bob@example.org>\r\n\
                  P-Preferred-Identity: <sip:bob@example.org>\r\n";
    let request = world.message(&mut alice, "conference", forged, "call bob");
    world.send(&alice.source, &request);
    let command = world.request(&service);
    let asserted: Vec<&str> = command.headers(HeaderName::PAssertedIdentity).collect();
    assert_eq!(asserted, ["<sip:alice@example.org>"]);
    assert!(!command.has(HeaderName::PPreferredIdentity));
    assert!(!command.has(HeaderName::ProxyAuthorization));
    world.say_with(&mut alice, "bob", forged, "hello");
    let chat = world.request(&bob);
    assert!(!text(&chat).contains("Identity"));
}

#[test]
fn a_revoked_password_stops_its_connection() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    assert_eq!(world.say(&mut alice, "bob", "one").status(), Some(202));
    world.change_password("alice", "new");
    let plain = without_digest(&world.message(&mut alice, "bob", "", "two"));
    assert_eq!(world.ask(&alice, &plain).status(), Some(407));
    assert_eq!(world.say(&mut alice, "bob", "two").status(), Some(407));
    alice.password = "new".to_owned();
    assert_eq!(world.register(&mut alice, "", 300).status(), Some(200));
    assert_eq!(world.say(&mut alice, "bob", "three").status(), Some(202));
}

#[test]
fn a_stolen_telephone_gets_nothing_once_its_password_is_revoked() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let stolen = [Transport::Udp, Transport::Tls].map(|kind| world.registered("bob", kind));
    let mut other = world.device("bob", Transport::Tcp);
    other.password = "another device's".to_owned();
    assert_eq!(world.register(&mut other, "", 600).status(), Some(200));
    let mut pocket = world.device("bob", Transport::Udp);
    pocket.password = "another device's".to_owned();
    assert_eq!(world.register(&mut pocket, "", 600).status(), Some(200));

    world.revoke("bob", PASSWORD);
    assert_eq!(
        world.say(&mut alice, "bob", "between us").status(),
        Some(202)
    );
    for mut phone in stolen {
        assert!(world.received(&phone).is_empty());
        let plain = without_digest(&world.message(&mut phone, "alice", "", "I am bob"));
        assert_eq!(world.ask(&phone, &plain).status(), Some(407));
        assert_eq!(world.register(&mut phone, "", 600).status(), Some(401));
    }
    // Devices with other passwords notice nothing.
    world.request(&pocket);
    world.request(&other);
    let plain = without_digest(&world.message(&mut other, "alice", "", "it is me"));
    assert_eq!(world.ask(&other, &plain).status(), Some(202));
    // A restart does not bring it back.
    let saved = &world.bindings["bob@example.org"];
    assert_eq!(saved.len(), 1);
    assert_eq!(saved[0].password, Some(OTHER_PASSWORD));

    world.revoke("bob", OTHER_PASSWORD);
    assert_eq!(world.server.registered(), 1, "alice is left");
    assert!(world.bindings["bob@example.org"].is_empty());
}

#[test]
fn what_cannot_go_is_refused_with_its_own_status() {
    let mut world = World::with(|config| config.limits.body_bytes = 2000);
    let mut alice = world.registered("alice", Transport::Tcp);
    for (to, headers, body_bytes, status) in [
        ("nobody", "", 5, 404),
        ("sip:bob@elsewhere.net", "", 5, 403),
        ("tel:+15550107", "", 5, 416),
        ("sip:bob@example.org;gr", "", 5, 404),
        ("sip:bob@example.org;gr=urn:uuid:gone", "", 5, 480),
        ("sip:example.org", "", 5, 404),
        ("bob", "", 2001, 413),
        ("bob", "Route: <sip:elsewhere.net;lr>\r\n", 5, 403),
        ("bob", "Route: <sip:192.0.2.1;lr>\r\n", 5, 202),
        ("bob", "Expires: 0\r\n", 5, 408),
        ("bob", "Expires: 30\r\n", 5, 480),
        (
            "bob",
            "Expires: 30\r\nDate: Wed, 31 Dec 2025 23:59:20 GMT\r\n",
            5,
            408,
        ),
        ("bob", "Proxy-Require: magic\r\n", 5, 420),
    ] {
        let answer = world.say_with(&mut alice, to, headers, &"x".repeat(body_bytes));
        assert_eq!(answer.status(), Some(status), "{to} {headers}");
    }
    let request = world.message(&mut alice, "bob", "", "far");
    let request = request.replace("Max-Forwards: 70", "Max-Forwards: 0");
    assert_eq!(world.ask(&alice, &request).status(), Some(483));
    let broken = world
        .message(&mut alice, "bob", "", "x")
        .replace("CSeq: 1 MESSAGE", "CSeq: one");
    world.send(&alice.source, &broken);
    assert!(world.unreadable[0].starts_with(b"SIP/2.0 400 "));
}

#[test]
fn an_answer_from_before_a_change_of_password_is_not_believed() {
    let mut world = World::new();
    let mut alice = world.device("alice", Transport::Tcp);
    let request = world.register_request(&mut alice, "<sip:a@10.0.0.9>", "");
    let challenge = world.ask(&alice, &request);
    alice.take_challenge(&challenge);
    world.accounts_answer = false;
    let request = world.register_request(&mut alice, "<sip:a@10.0.0.9>", "");
    world.send(&alice.source, &request);
    assert!(world.received(&alice).is_empty());
    world.change_password_late("alice", "new");
    world.let_accounts_answer();
    assert_eq!(world.received(&alice)[0].status(), Some(401));
    assert_eq!(world.server.registered(), 0);
}

#[test]
fn an_account_that_cannot_be_looked_up_is_our_fault() {
    let mut world = World::new();
    let mut alice = world.device("alice", Transport::Tcp);
    let request = world.register_request(&mut alice, "<sip:a@10.0.0.9>", "");
    let challenge = world.ask(&alice, &request);
    alice.take_challenge(&challenge);
    for (fault, status) in [(StoreFault::Overloaded, 503), (StoreFault::Failed, 500)] {
        world.accounts_answer = false;
        let request = world.register_request(&mut alice, "<sip:a@10.0.0.9>", "");
        world.send(&alice.source, &request);
        world.fail_accounts(fault);
        assert_eq!(world.received(&alice)[0].status(), Some(status));
    }
    world.accounts_answer = true;
    assert_eq!(world.register(&mut alice, "", 600).status(), Some(200));
}
