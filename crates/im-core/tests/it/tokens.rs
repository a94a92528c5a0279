//! Tokens in place of passwords (RFC 8898): where they are believed, for how long, and what their end ends.

use std::time::Duration;

use im_core::{Event, Gone};
use sip_proto::{HeaderName, Message, Transport};

use crate::world::*;

const TOKEN: &str = "c2Vzc2lvbi10b2tlbi1vZi1hbGljZQ";
const MINUTE: Duration = Duration::from_secs(60);

/// A device of alice's that has a token and no password.
fn page(world: &mut World, transport: Transport) -> Device {
    let mut device = world.device("alice", transport);
    device.password = "none".to_owned();
    device.token = Some(TOKEN.to_owned());
    device
}

fn challenges(answer: &Message) -> Vec<String> {
    let name = match answer.status() {
        Some(401) => HeaderName::WwwAuthenticate,
        _ => HeaderName::ProxyAuthenticate,
    };
    answer.headers(name).map(str::to_owned).collect()
}

fn asks_for_a_token(answer: &Message) -> bool {
    challenges(answer).last().unwrap().starts_with("Bearer ")
}

#[test]
fn a_token_is_as_good_as_a_password_where_nobody_can_read_it() {
    for (transport, loopback, believed) in [
        (Transport::Wss, false, true),
        (Transport::Tls, false, true),
        (Transport::Ws, true, true),
        (Transport::Tcp, true, true),
        (Transport::Udp, true, true),
        (Transport::Ws, false, false),
        (Transport::Tcp, false, false),
        (Transport::Udp, false, false),
    ] {
        let mut world = World::new();
        world.mint("alice", 1, TOKEN, 15 * MINUTE);
        let mut alice = page(&mut world, transport);
        if loopback {
            alice.source.remote.set_ip([127, 0, 0, 1].into());
        }
        let answer = world.register(&mut alice, "", 600);
        let expected = if believed { 200 } else { 401 };
        assert_eq!(answer.status(), Some(expected), "{transport} {loopback}");
        let bob = world.registered("bob", Transport::Tcp);
        let request = world.message(&mut alice, "bob", "", "hello");
        let answer = world.ask(&alice, &request);
        let expected = if believed { 202 } else { 407 };
        assert_eq!(answer.status(), Some(expected), "{transport} {loopback}");
        if believed {
            let copy = world.request(&bob);
            assert!(!text(&copy).contains(TOKEN), "it goes no further");
        } else {
            let no_token = challenges(&answer).iter().all(|c| c.starts_with("Digest "));
            assert!(
                no_token,
                "it would be read again: {:?}",
                challenges(&answer)
            );
        }
    }
}

#[test]
fn pages_are_asked_for_a_token_and_telephones_are_not() {
    let mut world = World::with(|config| {
        config.token_server = Some("https://example.org/api/v1/session".to_owned());
    });
    for (transport, asked) in [
        (Transport::Wss, true),
        (Transport::Tls, false),
        (Transport::Udp, false),
    ] {
        let mut device = world.device("alice", transport);
        let contact = format!("<{}>", device.uri());
        let request = world.register_request(&mut device, &contact, "");
        let answer = world.ask(&device, &request);
        assert_eq!(answer.status(), Some(401));
        assert_eq!(asks_for_a_token(&answer), asked, "{transport}");
        assert!(challenges(&answer)[0].starts_with("Digest "));
        if asked {
            assert_eq!(
                challenges(&answer).last().unwrap(),
                "Bearer realm=\"example.org\", authz_server=\"https://example.org/api/v1/session\""
            );
        }
    }
    // Who comes with one knows them.
    let mut wrong = page(&mut world, Transport::Tls);
    let answer = world.register(&mut wrong, "", 600);
    assert!(
        challenges(&answer)
            .last()
            .unwrap()
            .ends_with("error=\"invalid_token\"")
    );
}

#[test]
fn what_a_token_opened_does_not_outlast_it() {
    let mut world = World::new();
    world.mint("alice", 1, TOKEN, 2 * MINUTE);
    let mut alice = page(&mut world, Transport::Wss);
    let answer = world.register(&mut alice, "", 3600);
    assert_eq!(answer.status(), Some(200));
    let contact = &answer.contacts().unwrap()[0];
    assert_eq!(contact.param("expires"), Some("120"));
    let subscribe = subscription(&mut world, &alice, 1);
    let answer = world.ask(&alice, &subscribe);
    assert_eq!(answer.header(HeaderName::Expires), Some("120"));
    let notify = world.request(&alice);
    world.answer(&alice, &notify, 200);
    let publish = publication(&mut world, &alice);
    let answer = world.ask(&alice, &publish);
    assert_eq!(answer.header(HeaderName::Expires), Some("120"));

    world.advance(2 * MINUTE);
    assert_eq!(world.server.registered(), 0);
    let last = world.request(&alice);
    assert_eq!(
        last.header(HeaderName::SubscriptionState),
        Some("terminated;reason=timeout")
    );
    let plain = world.message(&mut alice, "bob", "", "hello");
    let answer = world.ask(&alice, &plain);
    assert_eq!(answer.status(), Some(407));
    assert!(asks_for_a_token(&answer));
    assert!(
        world
            .events
            .iter()
            .any(|event| matches!(event, Event::WrongToken { .. }))
    );

    // A new token goes on; the server learns of it when it comes.
    world.mint("alice", 2, "a-new-one", 15 * MINUTE);
    alice.token = Some("a-new-one".to_owned());
    assert_eq!(world.register(&mut alice, "", 3600).status(), Some(200));
}

#[test]
fn a_revoked_token_takes_along_what_it_opened_and_nothing_else() {
    let mut world = World::new();
    // The numbers of tokens and passwords are apart.
    world.mint("alice", PASSWORD, TOKEN, 15 * MINUTE);
    let mut alice = page(&mut world, Transport::Wss);
    assert_eq!(world.register(&mut alice, "", 600).status(), Some(200));
    let phone = world.registered("alice", Transport::Tls);
    let mut bob = world.registered("bob", Transport::Tcp);
    let subscribe = subscription(&mut world, &alice, 1);
    world.send(&alice.source, &subscribe);
    for notify in world.received(&alice).iter().filter(|m| m.is_request()) {
        world.answer(&alice, notify, 200);
    }
    assert_eq!(world.server.watched(), 1);

    world.revoke_token("alice", PASSWORD);
    assert_eq!(world.server.watched(), 0);
    let gone = Event::Unregistered {
        aor: "alice@example.org".into(),
        why: Gone::Revoked,
    };
    assert!(world.events.contains(&gone));
    assert_eq!(world.say(&mut bob, "alice", "hello").status(), Some(202));
    assert!(world.received(&alice).is_empty());
    world.request(&phone);
    let plain = world.message(&mut alice, "bob", "", "still me");
    assert_eq!(world.ask(&alice, &plain).status(), Some(407));

    // And the other way round.
    world.mint("alice", PASSWORD, "another", 15 * MINUTE);
    alice.token = Some("another".to_owned());
    assert_eq!(world.register(&mut alice, "", 600).status(), Some(200));
    world.revoke("alice", PASSWORD);
    world.say(&mut bob, "alice", "to the page");
    world.request(&alice);
    assert!(world.received(&phone).is_empty());
}

#[test]
fn old_tokens_lock_out_tokens_and_no_passwords() {
    let mut world = World::with(|config| {
        config.limits.failures_per_address = 3;
        config.limits.failures_per_user = 3;
    });
    let mut old = page(&mut world, Transport::Wss);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(world.register(&mut old, "", 600).status().unwrap());
    }
    // `register` tries twice at a 401.
    assert_eq!(statuses.last(), Some(&403));
    world.mint("alice", 1, TOKEN, 15 * MINUTE);
    assert_eq!(world.register(&mut old, "", 600).status(), Some(403));
    let _phone = world.registered("alice", Transport::Tls);
    world.advance(10 * MINUTE);
    assert_eq!(world.register(&mut old, "", 600).status(), Some(200));
}

#[test]
fn a_strangers_wrong_tokens_lock_out_nobody_who_is_known_at_the_same_address() {
    let mut world = World::with(|config| config.limits.failures_per_address = 3);
    world.mint("alice", 1, TOKEN, 15 * MINUTE);
    let mut alice = page(&mut world, Transport::Wss);
    assert_eq!(world.register(&mut alice, "", 600).status(), Some(200));
    let mut stranger = page(&mut world, Transport::Wss);
    stranger.source.remote.set_ip(alice.source.remote.ip());
    stranger.token = Some("guessed".to_owned());
    let mut status = None;
    for _ in 0..4 {
        status = world.register(&mut stranger, "", 600).status();
    }
    assert_eq!(status, Some(403));
    let lookups = world.lookups;
    assert_eq!(world.register(&mut stranger, "", 600).status(), Some(403));
    assert_eq!(world.lookups, lookups, "nothing is looked up for it");
    assert_eq!(world.register(&mut alice, "", 600).status(), Some(200));
    for _ in 0..4 {
        status = world.register(&mut stranger, "", 600).status();
    }
    assert_eq!(status, Some(403));
    // Her session is renewed: what was remembered is asked for anew, though not for anybody at that address.
    world.renew("alice", 2, "renewed", 15 * MINUTE);
    alice.token = Some("renewed".to_owned());
    assert_eq!(world.register(&mut alice, "", 600).status(), Some(200));
}

#[test]
fn a_token_over_datagrams_is_not_saved_for_a_restart() {
    let mut world = World::new();
    world.mint("alice", 1, TOKEN, 15 * MINUTE);
    let mut alice = page(&mut world, Transport::Udp);
    alice.source.remote.set_ip([127, 0, 0, 1].into());
    assert_eq!(world.register(&mut alice, "", 600).status(), Some(200));
    assert!(world.bindings.values().all(Vec::is_empty));
}

#[test]
fn a_token_that_stands_where_others_would_read_it_is_taken_out() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tls);
    let bob = world.registered("bob", Transport::Tcp);
    let header = format!("Authorization: Bearer {TOKEN}\r\n");
    world.say_with(&mut alice, "bob", &header, "oops");
    assert!(!text(&world.request(&bob)).contains(TOKEN));
}

/// A SUBSCRIBE to bob's presence without credentials.
fn subscription(world: &mut World, device: &Device, call: u32) -> String {
    let (via, user, own) = (world.via(&device.source), &device.user, device.uri());
    format!(
        "SUBSCRIBE sip:bob@{DOMAIN} SIP/2.0\r\n{via}From: <sip:{user}@{DOMAIN}>;tag=w{call}\r\nTo: <sip:bob@{DOMAIN}>\r\n\
         Call-ID: watch-{call}\r\nCSeq: 1 SUBSCRIBE\r\nMax-Forwards: 70\r\nContact: <{own}>\r\nEvent: presence\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

fn publication(world: &mut World, device: &Device) -> String {
    let (via, user) = (world.via(&device.source), &device.user);
    let body = im_core::pidf::write(&format!("{user}@{DOMAIN}"), &Default::default());
    let length = body.len();
    format!(
        "PUBLISH sip:{user}@{DOMAIN} SIP/2.0\r\n{via}From: <sip:{user}@{DOMAIN}>;tag=p\r\nTo: <sip:{user}@{DOMAIN}>\r\n\
         Call-ID: publish\r\nCSeq: 1 PUBLISH\r\nMax-Forwards: 70\r\nEvent: presence\r\nContent-Type: application/pidf+xml\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}
