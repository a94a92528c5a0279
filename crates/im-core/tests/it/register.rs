//! REGISTER: who, where, for how long.

use std::time::Duration;

use im_core::{Event, Gone};
use sip_proto::{HeaderName, Transport};

use crate::world::{DOMAIN, World, text};

#[test]
fn a_register_is_challenged_and_then_granted() {
    let mut world = World::new();
    let mut alice = world.device("alice", Transport::Tcp);
    let request = world.register_request(&mut alice, "<sip:a@10.0.0.9>", "");
    let challenge = world.ask(&alice, &request);
    assert_eq!(challenge.status(), Some(401));
    let offered: Vec<&str> = challenge.headers(HeaderName::WwwAuthenticate).collect();
    assert_eq!(offered.len(), 3);
    assert!(offered[0].contains("SHA-512-256") && offered[2].contains("MD5"));
    let granted = world.register(&mut alice, "Supported: gruu, outbound, path\r\n", 600);
    assert_eq!(granted.status(), Some(200));
    let contact = &granted.contacts().unwrap()[0];
    assert_eq!(contact.uri().as_str(), alice.uri());
    assert_eq!(contact.param("expires"), Some("600"));
    let instance = alice.instance.clone().unwrap();
    let gruu = format!("\"sip:alice@{DOMAIN};gr={instance}\"");
    assert_eq!(contact.param("pub-gruu"), Some(gruu.as_str()));
    assert!(granted.lists(HeaderName::Require, "outbound"));
    assert_eq!(
        granted.header(HeaderName::Date),
        Some("Thu, 01 Jan 2026 00:00:00 GMT")
    );
    // Without Supported: gruu there is none.
    let plain = world.register(&mut alice, "", 600);
    assert_eq!(plain.contacts().unwrap()[0].param("pub-gruu"), None);
    assert!(!plain.has(HeaderName::Require));
}

#[test]
fn a_wrong_password_is_refused_and_after_a_few_unread() {
    let mut world = World::new();
    let mut thief = world.device("alice", Transport::Udp);
    thief.password = "guess".to_owned();
    for _ in 0..4 {
        let answer = world.register(&mut thief, "", 600);
        assert_eq!(answer.status(), Some(401));
        assert!(thief.take_challenge(&answer) || world.server.registered() == 0);
    }
    let banned = world.register(&mut thief, "", 600);
    assert_eq!(banned.status(), Some(403));
    // Even the right password, from there, until the time is over.
    thief.password = "alice's password".to_owned();
    assert_eq!(world.register(&mut thief, "", 600).status(), Some(403));
    assert_eq!(world.server.registered(), 0);
    world.advance(Duration::from_secs(60));
    assert_eq!(world.register(&mut thief, "", 600).status(), Some(200));
    let wrong = |event: &&Event| matches!(event, Event::WrongPassword { .. });
    assert_eq!(world.events.iter().filter(wrong).count(), 5);
}

#[test]
fn who_forges_an_address_locks_nobody_out() {
    let mut world = World::new();
    let mut forger = world.device("alice", Transport::Udp);
    forger.password = "guessed".into();
    let refused = world.register(&mut forger, "", 600);
    assert_eq!(refused.status(), Some(401));
    // With a nonce that came to the forger's address, from what seems to be alice's.
    let mut alice = world.device("alice", Transport::Udp);
    alice.source.remote = "203.0.113.9:5060".parse().unwrap();
    world.events.clear();
    for _ in 0..20 {
        let contact = format!("<{}>", forger.uri());
        let forged = world.register_request(&mut forger, &contact, "");
        world.send(&alice.source, &forged);
    }
    assert_eq!(world.received(&alice).len(), 20);
    let wrong = |event: &Event| matches!(event, Event::WrongPassword { .. });
    assert!(!world.events.iter().any(wrong));
    assert_eq!(world.register(&mut alice, "", 600).status(), Some(200));
}

#[test]
fn an_unknown_user_looks_like_a_wrong_password() {
    let mut world = World::new();
    let mut nobody = world.device("nobody", Transport::Udp);
    assert_eq!(world.register(&mut nobody, "", 600).status(), Some(401));
}

#[test]
fn nobody_registers_for_somebody_else() {
    let mut world = World::new();
    let mut bob = world.registered("bob", Transport::Udp);
    let mut request = world.register_request(&mut bob, "<sip:b@10.0.0.9>", "");
    request = request.replace("To: <sip:bob@", "To: <sip:alice@");
    assert_eq!(world.ask(&bob, &request).status(), Some(403));
    let mut request = world.register_request(&mut bob, "<sip:b@10.0.0.9>", "");
    request = request.replace("sip:bob@", "sip:alice@");
    assert_eq!(world.ask(&bob, &request).status(), Some(403));
}

#[test]
fn a_replayed_digest_is_not_believed() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Udp);
    let request = world.register_request(&mut alice, "<sip:a@10.0.0.9>", "");
    assert_eq!(world.ask(&alice, &request).status(), Some(200));
    let repeated = request.replace("branch=z9hG4bK", "branch=z9hG4bKother");
    let answer = world.ask(&alice, &repeated);
    assert_eq!(answer.status(), Some(401));
    assert!(text(&answer).contains("stale=true"));
}

#[test]
fn expiry_has_bounds_and_an_end() {
    let mut world = World::new();
    let mut alice = world.device("alice", Transport::Udp);
    let brief = world.register(&mut alice, "", 10);
    assert_eq!(brief.status(), Some(423));
    assert_eq!(brief.header(HeaderName::MinExpires), Some("60"));
    let long = world.register(&mut alice, "", 999_999);
    assert_eq!(long.contacts().unwrap()[0].param("expires"), Some("7200"));
    world.register(&mut alice, "", 100);
    world.advance(Duration::from_secs(99));
    world.register(&mut alice, "", 100);
    world.advance(Duration::from_secs(99));
    assert_eq!(world.server.registered(), 1);
    world.advance(Duration::from_secs(2));
    assert_eq!(world.server.registered(), 0);
    assert!(matches!(
        world.events.last(),
        Some(Event::Unregistered {
            why: Gone::Expired,
            ..
        })
    ));
    assert!(world.bindings["alice@example.org"].is_empty());
}

#[test]
fn several_contacts_come_and_go() {
    let mut world = World::new();
    let mut alice = world.device("alice", Transport::Udp);
    let both = "<sip:a@1.2.3.4>;q=0.5, \"A\" <sip:a@5.6.7.8>;expires=120";
    let answer = world.register_contact(&mut alice, both, "Expires: 300\r\n");
    let life = |answer: &sip_proto::Message| -> Vec<String> {
        let contacts = answer.contacts().unwrap();
        let all = contacts
            .iter()
            .map(|c| c.param("expires").unwrap().to_owned());
        all.collect()
    };
    assert_eq!(life(&answer), ["300", "120"]);
    let answer = world.register_contact(&mut alice, "<sip:a@1.2.3.4>;expires=0", "");
    assert_eq!(life(&answer), ["120"]);
    let answer = world.register_contact(&mut alice, "*", "Expires: 10\r\n");
    assert_eq!(answer.status(), Some(400));
    let answer = world.register_contact(&mut alice, "*", "Expires: 0\r\n");
    assert_eq!(answer.status(), Some(200));
    assert_eq!(life(&answer), Vec::<String>::new());
    let many: Vec<String> = (0..17).map(|n| format!("<sip:a@10.0.0.{n}>")).collect();
    let answer = world.register_contact(&mut alice, &many.join(","), "");
    assert_eq!(answer.status(), Some(403));
    assert_eq!(world.server.registered(), 0);
}

#[test]
fn a_request_that_is_older_than_the_last_changes_nothing() {
    let mut world = World::new();
    let mut alice = world.device("alice", Transport::Udp);
    world.register(&mut alice, "", 300);
    let newer = world.register_request(&mut alice, "<sip:a@10.0.0.9>", "");
    assert_eq!(world.ask(&alice, &newer).status(), Some(200));
    let older = world.register_request(&mut alice, "<sip:a@10.0.0.9>;expires=0", "");
    let cseq = newer
        .split("CSeq: ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    let next: u32 = cseq.parse::<u32>().unwrap() + 1;
    let older = older.replace(&format!("CSeq: {next} "), &format!("CSeq: {cseq} "));
    assert_eq!(world.ask(&alice, &older).status(), Some(500));
}

#[test]
fn contacts_by_datagram_outlive_the_process_and_connections_do_not() {
    let mut world = World::new();
    let phone = world.registered("alice", Transport::Udp);
    let desktop = world.registered("alice", Transport::Tcp);
    let saved = world.bindings["alice@example.org"].clone();
    assert_eq!(saved.len(), 1);
    world.close(&desktop);
    let closed = Event::Unregistered {
        aor: "alice@example.org".into(),
        why: Gone::FlowClosed,
    };
    assert!(world.events.contains(&closed));

    let mut after = World::new();
    let saved = saved.into_iter().map(|b| ("alice@example.org".into(), b));
    after.server.restore_bindings(saved, after.now);
    let mut bob = after.registered("bob", Transport::Tcp);
    assert_eq!(
        after.say(&mut bob, "alice", "still there?").status(),
        Some(202)
    );
    let request = after.request(&phone);
    assert_eq!(request.request_uri(), Some(phone.uri().as_str()));
    after.advance(Duration::from_secs(3601));
    assert_eq!(after.server.registered(), 0);
}

#[test]
fn options_other_methods_and_unknown_extensions_are_answered() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let base = world.message(&mut alice, "bob", "", "");
    let as_method = |method: &str| {
        let text = base.replace("MESSAGE", method);
        text.replace("z9hG4bK", &format!("z9hG4bK{method}"))
    };
    let options = world.ask(&alice, &as_method("OPTIONS"));
    assert_eq!(options.status(), Some(200));
    assert!(options.lists(HeaderName::Allow, "MESSAGE"));
    for (method, status) in [("SUBSCRIBE", 489), ("INVITE", 405), ("FROBNICATE", 405)] {
        let answer = world.ask(&alice, &as_method(method));
        assert_eq!(answer.status(), Some(status), "{method}");
        assert!(answer.has(HeaderName::Allow));
    }
    world.send(&alice.source, &as_method("ACK"));
    assert!(world.received(&alice).is_empty());
    let strange = world.register(&mut alice, "Require: gruu, teleport\r\n", 600);
    assert_eq!(strange.status(), Some(420));
    assert_eq!(strange.header(HeaderName::Unsupported), Some("teleport"));
}

#[test]
fn a_device_that_keeps_changing_its_address_makes_room_for_itself() {
    let mut world = World::new();
    let mut alice = world.device("alice", Transport::Udp);
    for n in 0..40 {
        let contact = format!("<sip:alice@10.0.0.{n}>;+sip.instance=\"<urn:uuid:1>\"");
        let answer = world.register_contact(&mut alice, &contact, "");
        assert_eq!(answer.status(), Some(200), "{n}");
    }
    let mut bob = world.registered("bob", Transport::Tcp);
    world.say(&mut bob, "alice", "once");
    let copy = world.request(&alice);
    assert_eq!(copy.request_uri(), Some("sip:alice@10.0.0.39"));
}

#[test]
fn a_stranger_is_refused_once_and_nothing_is_kept_of_them() {
    let mut world = World::new();
    let mut stranger = world.device("alice", Transport::Udp);
    let text = world.message(&mut stranger, "bob", "", "");
    let invite = text.replace("MESSAGE", "INVITE");
    assert_eq!(world.ask(&stranger, &invite).status(), Some(405));
    // RFC 3261 §17.2.1 would repeat it to a perhaps forged address until an ACK comes.
    world.advance(std::time::Duration::from_secs(40));
    assert!(world.received(&stranger).is_empty());

    let nonce = |answer: &sip_proto::Message| {
        let challenge = answer.header(HeaderName::ProxyAuthenticate).unwrap();
        challenge.split("nonce").nth(1).unwrap().to_owned()
    };
    let first = nonce(&world.ask(&stranger, &text));
    let again = nonce(&world.ask(&stranger, &text));
    assert_ne!(first, again, "a repeat is a new request");
}

#[test]
fn connections_that_somebody_is_registered_on_may_be_silent_and_no_others() {
    let mut world = World::new();
    let mut stranger = world.device("alice", Transport::Tcp);
    let request = world.message(&mut stranger, "bob", "", "let me in");
    assert_eq!(world.ask(&stranger, &request).status(), Some(407));
    world.registered("bob", Transport::Udp);
    assert!(world.kept.is_empty());

    // Two users over one connection: it is let go with the last of them.
    let mut alice = world.registered("alice", Transport::Tls);
    let mut bob = world.device("bob", Transport::Tls);
    bob.source = alice.source;
    assert_eq!(world.register(&mut bob, "", 600).status(), Some(200));
    let kept = [alice.source.flow];
    assert!(world.kept.iter().eq(&kept));
    assert_eq!(world.register(&mut alice, "", 0).status(), Some(200));
    assert!(world.kept.iter().eq(&kept));
    world.advance(Duration::from_secs(601));
    assert!(world.kept.is_empty());

    // One that closed is nobody's business any more.
    let mut alice = world.registered("alice", Transport::Tcp);
    assert_eq!(world.kept.len(), 1);
    world.close(&alice);
    assert!(world.kept.is_empty());
    // Whoever comes over another connection leaves the former.
    assert_eq!(world.register(&mut alice, "", 600).status(), Some(200));
    let former = alice.source.flow;
    alice.source = world.device("alice", Transport::Tcp).source;
    assert_eq!(world.register(&mut alice, "", 600).status(), Some(200));
    assert!(!world.kept.contains(&former));
    assert!(world.kept.contains(&alice.source.flow));
}
