//! Envelopes (`message/cpim`), notifications of what became of a message, and the word that somebody is typing.

use std::time::Duration;

use sip_proto::cpim::{self, Cpim};
use sip_proto::{HeaderName, Message, Transport};

use crate::world::{Device, World};

const NOTIFICATION: &str = "<imdn xmlns=\"urn:ietf:params:xml:ns:imdn\"><message-id>m1</message-id><datetime>2026-01-01T00:00:00Z</datetime>\
     <display-notification><status><displayed/></status></display-notification></imdn>";
const TYPING: &str = "<isComposing xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\"><state>active</state></isComposing>";

fn envelope(kind: &str, text: &str) -> String {
    format!(
        "From: <sip:alice@example.org>\r\nTo: <sip:bob@example.org>\r\nDateTime: 2026-01-01T00:00:00Z\r\n\
         NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: m1\r\n\
         imdn.Disposition-Notification: positive-delivery, display\r\n\r\nContent-Type: {kind}\r\n\r\n{text}"
    )
}

/// A device that opens envelopes itself, as the window does.
fn window(world: &mut World, user: &str) -> Device {
    world.registered_as(user, Transport::Wss, ";+g.convoke.cpim")
}

fn send(world: &mut World, from: &mut Device, kind: &str, headers: &str, body: &str) -> Message {
    let request = world.message_of(kind, from, "bob", headers, body);
    world.ask(from, &request)
}

#[test]
fn an_envelope_is_opened_for_devices_that_know_none() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let window = window(&mut world, "bob");
    let phone = world.registered("bob", Transport::Udp);
    // Too long for a datagram with its envelope, and not without.
    let body = envelope("text/plain; charset=utf-8", &"grüße ".repeat(60));
    assert_eq!(
        send(&mut world, &mut alice, cpim::CONTENT_TYPE, "", &body).status(),
        Some(202)
    );
    let whole = world.request(&window);
    assert!(whole.content_type_is(cpim::CONTENT_TYPE));
    assert_eq!(whole.body(), body.as_bytes());
    let opened = world.request(&phone);
    assert_eq!(opened.content_type(), Some("text/plain; charset=utf-8"));
    assert_eq!(opened.body(), "grüße ".repeat(60).as_bytes());
    assert_eq!(
        opened.header(HeaderName::ContentLength),
        Some(opened.body().len().to_string().as_str())
    );
    world.answer(&phone, &opened, 200);
    assert_eq!(world.log.len(), 1);
    assert_eq!(world.log[0].content_type, cpim::CONTENT_TYPE);
    assert_eq!(world.log[0].body, body.as_bytes(), "the log has the whole");
    assert_eq!(world.delivered.len(), 1);
}

#[test]
fn what_is_opened_goes_by_the_name_that_its_envelope_gave_it() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let named = envelope("text/plain", "now");
    // No token (RFC 5438 §6.3), and so no Call-ID.
    let strange = named.replace("m1", "m 1");
    let kind = cpim::CONTENT_TYPE;
    let answer = send(&mut world, &mut alice, kind, "", &named);
    assert_eq!(answer.status(), Some(202));
    // What was kept until a device came, and what goes to who is there.
    let phone = world.registered("bob", Transport::Tcp);
    let kept = world.request(&phone);
    assert_eq!(
        (kept.call_id(), &kept.body()[..]),
        (Some("m1"), &b"now"[..])
    );
    world.answer(&phone, &kept, 200);
    let window = window(&mut world, "bob");
    for (body, name) in [(&named, Some("m1")), (&strange, None)] {
        let request = world.message_of(kind, &mut alice, "bob", "", body);
        let answer = world.ask(&alice, &request);
        assert_eq!(answer.status(), Some(202));
        let whole = world.request(&window);
        assert_eq!(whole.call_id(), answer.call_id());
        let opened = world.request(&phone);
        assert_eq!(opened.call_id(), name.or(answer.call_id()));
        for (device, copy) in [(&window, whole), (&phone, opened)] {
            world.answer(device, &copy, 200);
        }
    }
    assert_eq!(world.server.in_flight(), 0);
}

#[test]
fn words_to_a_service_are_taken_out_of_their_envelope() {
    let mut world = World::new();
    let mut alice = window(&mut world, "alice");
    let gateway = world.registered("conference", Transport::Tcp);
    let body = envelope("text/plain", "who");
    let request = world.message_of(cpim::CONTENT_TYPE, &mut alice, "conference", "", &body);
    world.send(&alice.source, &request);
    let words = world.request(&gateway);
    assert_eq!(words.content_type(), Some("text/plain"));
    assert_eq!(words.body(), "who");
    world.answer(&gateway, &words, 200);
    let answers = world.received(&alice);
    assert_eq!(answers[0].status(), Some(200));
    assert!(request.contains(answers[0].call_id().unwrap()));
}

#[test]
fn what_was_kept_is_opened_too() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    for (kind, text) in [
        ("text/plain", "first"),
        (cpim::IMDN_CONTENT_TYPE, NOTIFICATION),
        ("text/plain", "second"),
    ] {
        let body = envelope(kind, text);
        let answer = send(&mut world, &mut alice, cpim::CONTENT_TYPE, "", &body);
        assert_eq!(answer.status(), Some(202));
    }
    let phone = world.registered("bob", Transport::Tcp);
    for text in ["first", "second"] {
        let opened = world.request(&phone);
        assert_eq!(opened.content_type(), Some("text/plain"));
        assert_eq!(opened.body(), text);
        world.answer(&phone, &opened, 200);
    }
    assert!(world.received(&phone).is_empty());
    // The notification waits for a device that understands it.
    world.advance(Duration::from_secs(60));
    let window = window(&mut world, "bob");
    let kept = world.request(&window);
    assert!(kept.content_type_is(cpim::CONTENT_TYPE));
    assert!(
        Cpim::parse(&kept.body())
            .unwrap()
            .content_type_is(cpim::IMDN_CONTENT_TYPE)
    );
    world.answer(&window, &kept, 200);
    assert_eq!(world.delivered.len(), 3);
}

#[test]
fn notifications_are_kept_like_chat_and_in_envelopes_go_where_these_are_opened() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let phone = world.registered("bob", Transport::Tcp);
    let wrapped = envelope(cpim::IMDN_CONTENT_TYPE, NOTIFICATION);
    let answer = send(&mut world, &mut alice, cpim::CONTENT_TYPE, "", &wrapped);
    assert_eq!(answer.status(), Some(202));
    assert!(world.received(&phone).is_empty());
    assert!(world.log[0].keep && !world.log[0].control);
    // Whoever sends one without envelope means every device.
    let kind = cpim::IMDN_CONTENT_TYPE;
    let answer = send(&mut world, &mut alice, kind, "", NOTIFICATION);
    assert_eq!(answer.status(), Some(202));
    assert_eq!(world.request(&phone).body(), NOTIFICATION);
    assert!(world.log[1].keep);
}

#[test]
fn typing_goes_to_who_is_there_and_nowhere_else() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let wrapped = envelope(cpim::TYPING_CONTENT_TYPE, TYPING);
    let forms = [
        (cpim::TYPING_CONTENT_TYPE, TYPING.to_owned()),
        (cpim::CONTENT_TYPE, wrapped),
    ];
    for (kind, body) in &forms {
        let absent = send(&mut world, &mut alice, kind, "", body);
        assert_eq!(absent.status(), Some(480), "{kind}");
    }
    let window = window(&mut world, "bob");
    assert!(world.received(&window).is_empty(), "nothing was kept");
    for (kind, body) in &forms {
        let request = world.message_of(kind, &mut alice, "bob", "", body);
        let answer = world.ask(&alice, &request);
        assert_eq!(answer.status(), Some(202), "{kind}");
        assert!(!answer.has(im_core::MESSAGE_ID));
        // The same request in a new transaction is neither refused nor shown twice.
        let again = request.replacen("z9hG4bK", "z9hG4bKagain", 1);
        assert_eq!(world.ask(&alice, &again).status(), Some(202));
        let copy = world.request(&window);
        assert_eq!(copy.body(), body.as_bytes());
        assert!(!copy.has(im_core::MESSAGE_ID));
        world.answer(&window, &copy, 200);
    }
    // Linphone says that it is for now or never (RFC 3428 §7).
    let kind = cpim::TYPING_CONTENT_TYPE;
    let answer = send(&mut world, &mut alice, kind, "Expires: 0\r\n", TYPING);
    assert_eq!(answer.status(), Some(202));
    let copy = world.request(&window);
    assert_eq!(copy.body(), TYPING.as_bytes());
    world.answer(&window, &copy, 200);
    assert!(world.log.is_empty() && world.delivered.is_empty());
    assert_eq!(world.server.in_flight(), 0);

    // To a service it is control like everything.
    let _service = world.registered("conference", Transport::Tcp);
    let kind = cpim::TYPING_CONTENT_TYPE;
    let request = world.message_of(kind, &mut alice, "conference", "", TYPING);
    world.send(&alice.source, &request);
    assert!(world.log[0].control);
}

#[test]
fn what_only_claims_to_be_an_envelope_goes_on_as_it_is() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let phone = world.registered("bob", Transport::Tcp);
    let answer = send(
        &mut world,
        &mut alice,
        cpim::CONTENT_TYPE,
        "",
        "no envelope",
    );
    assert_eq!(answer.status(), Some(202));
    let copy = world.request(&phone);
    assert_eq!(copy.content_type(), Some(cpim::CONTENT_TYPE));
    assert_eq!(copy.body(), "no envelope");
}

#[test]
fn an_invitation_passes_like_chat_and_is_not_kept_when_it_expires() {
    const INVITATION: &str = "application/vnd.convoke.invitation+xml";
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let body = "<invitation xmlns=\"urn:convoke:invitation:1\"/>";
    let expires = "Expires: 45\r\n";
    let absent = send(&mut world, &mut alice, INVITATION, expires, body);
    assert_eq!(absent.status(), Some(480));
    let phone = world.registered("bob", Transport::Tcp);
    assert!(world.received(&phone).is_empty());
    let answer = send(&mut world, &mut alice, INVITATION, expires, body);
    assert_eq!(answer.status(), Some(202));
    let copy = world.request(&phone);
    assert_eq!(
        (copy.content_type(), &copy.body()[..]),
        (Some(INVITATION), body.as_bytes())
    );
    assert!(!world.log[0].control && !world.log[0].keep);
}
