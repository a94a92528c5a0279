//! Bodies that come compressed (Content-Encoding, RFC 3261 §20.12).

use bytes::Bytes;
use miniz_oxide::deflate::compress_to_vec_zlib;
use sip_proto::{HeaderName, Message, Transport, cpim};

use crate::world::{Device, World};

const NOTIFICATION: &str = "<imdn xmlns=\"urn:ietf:params:xml:ns:imdn\"><message-id>m1</message-id><datetime>2026-01-01T00:00:00Z</datetime>\
     <display-notification><status><displayed/></status></display-notification></imdn>";

/// A MESSAGE to bob whose body is these bytes, said to be in this encoding.
fn request(
    world: &mut World,
    from: &mut Device,
    kind: &str,
    encoding: &str,
    body: &[u8],
) -> Vec<u8> {
    let headers = format!("Content-Encoding: {encoding}\r\n");
    let room = "x".repeat(body.len());
    let text = world.message_of(kind, from, "bob", &headers, &room);
    let head = text.strip_suffix(&room).unwrap();
    [head.as_bytes(), body].concat()
}

/// Sends it, and takes the one answer.
fn ask(world: &mut World, from: &Device, request: &[u8]) -> Message {
    world.send_bytes(&from.source, Bytes::copy_from_slice(request));
    world.received(from).remove(0)
}

fn packed(text: &str) -> Vec<u8> {
    compress_to_vec_zlib(text.as_bytes(), 6)
}

#[test]
fn what_comes_compressed_is_kept_and_relayed_as_it_was_written() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let phone = world.registered("bob", Transport::Tcp);
    let kind = cpim::IMDN_CONTENT_TYPE;
    let sent = request(
        &mut world,
        &mut alice,
        kind,
        "Deflate",
        &packed(NOTIFICATION),
    );
    let answer = ask(&mut world, &alice, &sent);
    assert_eq!(answer.status(), Some(202));
    let copy = world.request(&phone);
    assert!(!copy.has(HeaderName::ContentEncoding));
    assert_eq!(copy.content_type(), Some(kind));
    assert_eq!(copy.body(), NOTIFICATION.as_bytes());
    assert_eq!(
        copy.header(HeaderName::ContentLength),
        Some(NOTIFICATION.len().to_string().as_str())
    );
    world.answer(&phone, &copy, 200);
    assert_eq!(world.log[0].body, NOTIFICATION.as_bytes());

    // The same in a new transaction is the same message.
    let at = sent.windows(7).position(|w| w == b"z9hG4bK").unwrap() + 7;
    let again = [&sent[..at], b"again", &sent[at..]].concat();
    let number = answer.header(im_core::MESSAGE_ID).unwrap();
    let answer = ask(&mut world, &alice, &again);
    assert_eq!(answer.status(), Some(202));
    assert_eq!(answer.header(im_core::MESSAGE_ID), Some(number));
    assert!(world.received(&phone).is_empty());

    // And an envelope is opened for a device that knows none.
    let envelope = "From: <sip:alice@example.org>\r\n\r\nContent-Type: text/plain\r\n\r\nhello";
    let sent = request(
        &mut world,
        &mut alice,
        cpim::CONTENT_TYPE,
        "deflate",
        &packed(envelope),
    );
    assert_eq!(ask(&mut world, &alice, &sent).status(), Some(202));
    let copy = world.request(&phone);
    assert_eq!(copy.content_type(), Some("text/plain"));
    assert_eq!(copy.body(), "hello");
    world.answer(&phone, &copy, 200);
    assert_eq!(world.log.len(), 2);
}

#[test]
fn what_cannot_be_unpacked_is_refused_with_what_can() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tcp);
    let _phone = world.registered("bob", Transport::Tcp);
    for encoding in ["gzip", "deflate, deflate", "br"] {
        let sent = request(
            &mut world,
            &mut alice,
            "text/plain",
            encoding,
            &packed("hello"),
        );
        let answer = ask(&mut world, &alice, &sent);
        assert_eq!(answer.status(), Some(415), "{encoding}");
        assert_eq!(answer.header(HeaderName::AcceptEncoding), Some("deflate"));
    }
    // RFC 9110 §8.4.1.2 means zlib's format; and neither a part of one nor more than a message may hold is taken.
    let hello = packed("hello");
    let much = packed(&"a".repeat(300 * 1024));
    assert!(much.len() < 1024);
    for (body, status) in [
        (&b"hello"[..], 400),
        (&[], 400),
        (&hello[..hello.len() - 5], 400),
        (&much, 413),
    ] {
        let sent = request(&mut world, &mut alice, "text/plain", "deflate", body);
        assert_eq!(ask(&mut world, &alice, &sent).status(), Some(status));
    }
    assert!(world.log.is_empty());
    let sent = request(&mut world, &mut alice, "text/plain", "identity", b"hello");
    assert_eq!(ask(&mut world, &alice, &sent).status(), Some(202));
    assert_eq!(world.log[0].body, "hello");
}
