//! Nothing from the network stops the server.

use proptest::prelude::*;
use sip_proto::{HeaderName, Message, ResponseBuilder, Transport};

use crate::world::World;

/// Replaces a piece of a good request by something else.
fn spoiled() -> impl Strategy<Value = (bool, usize, usize, Vec<u8>)> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..20),
        "[;=<>@:,\"*%\r\n a-z0-9]{0,30}".prop_map(String::into_bytes),
    ];
    (any::<bool>(), 0_usize..600, 0_usize..40, piece)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn spoiled_requests_and_answers(all in proptest::collection::vec(spoiled(), 1..8)) {
        let mut world = World::new();
        let mut alice = world.registered("alice", Transport::Udp);
        let bob = world.registered("bob", Transport::Tcp);
        for (register, at, length, piece) in all {
            let request = if register {
                let contact = "<sip:a@10.0.0.9>;q=0.5;+sip.instance=\"<urn:uuid:1>\";reg-id=1";
                world.register_request(&mut alice, contact, "Supported: gruu\r\n")
            } else {
                world.message(&mut alice, "bob", "Expires: 20\r\nRoute: <sip:example.org;lr>\r\n", "x")
            };
            let mut bytes = request.into_bytes();
            let at = at.min(bytes.len());
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, piece);
            world.send_bytes(&alice.source, bytes.into());
            for copy in world.received(&bob) {
                if copy.is_request() {
                    world.answer(&bob, &copy, 200);
                }
            }
            for answer in world.received(&alice) {
                // Our own answers come back to us.
                let back = Message::parse_datagram(answer.as_bytes().clone()).unwrap();
                world.send_bytes(&alice.source, back.as_bytes().clone());
            }
        }
        world.advance(std::time::Duration::from_secs(100_000));
        prop_assert_eq!(world.server.in_flight(), 0);
        prop_assert_eq!(world.server.registered(), 0);
    }

    #[test]
    fn spoiled_requests_to_conferences(all in proptest::collection::vec((0_usize..4, spoiled()), 1..10)) {
        let mut world = World::new();
        let service = world.registered("focus", Transport::Tcp);
        let alice = world.registered("alice", Transport::Wss);
        let mut routes = "Route: <sip:00ff@192.0.2.1:5060;lr>\r\n".to_owned();
        for (kind, (from_service, at, length, piece)) in all {
            let method = ["SUBSCRIBE", "INVITE", "ACK", "CANCEL"][kind];
            let source = if from_service { service.source } else { alice.source };
            let (via, word) = (world.via(&source), world.word());
            let tag = if word % 2 == 0 { ";tag=t" } else { "" };
            let request = format!(
                "{method} sip:conf-c@example.org SIP/2.0\r\n{via}{routes}From: <sip:alice@example.org>;tag=a\r\n\
                 To: <sip:conf-c@example.org>{tag}\r\nCall-ID: c\r\nCSeq: {word} {method}\r\nMax-Forwards: 70\r\n\
                 Contact: <sip:alice@192.0.2.9>\r\nEvent: conference\r\nContent-Length: 0\r\n\r\n"
            );
            let mut bytes = request.into_bytes();
            let at = at.min(bytes.len());
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, piece);
            world.send_bytes(&source, bytes.into());
            for got in world.received(&service) {
                // What we wrote ourselves is tried from then on.
                if let Some(route) = got.header(HeaderName::RecordRoute) {
                    routes = format!("Route: {route}\r\n");
                }
                if got.is_request() {
                    let answer = ResponseBuilder::reply(&got, 200, "OK").to_tag("s").record_route().build();
                    world.send_bytes(&service.source, answer.as_bytes().clone());
                }
            }
            world.received(&alice);
        }
        world.advance(std::time::Duration::from_secs(100_000));
        prop_assert_eq!(world.server.forwarding(), 0);
        prop_assert_eq!(world.server.registered(), 0);
    }

    #[test]
    fn spoiled_envelopes(all in proptest::collection::vec(spoiled(), 1..8)) {
        let mut world = World::new();
        let mut alice = world.registered("alice", Transport::Tcp);
        let bob = world.registered("bob", Transport::Tcp);
        for (typing, at, length, piece) in all {
            let kind = if typing { "application/im-iscomposing+xml" } else { "text/plain" };
            let body = format!("From: <sip:a@b>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: 1\r\n\r\nContent-Type: {kind}\r\n\r\nhello");
            let mut body = body.into_bytes();
            let at = at.min(body.len());
            let end = (at + length).min(body.len());
            body.splice(at..end, piece);
            let head = world.message_of("message/cpim", &mut alice, "bob", "", "");
            let head = head.replace("Content-Length: 0\r\n", &format!("Content-Length: {}\r\n", body.len()));
            let mut bytes = head.into_bytes();
            bytes.extend(body);
            world.send_bytes(&alice.source, bytes.into());
            world.received(&alice);
            for copy in world.received(&bob) {
                world.answer(&bob, &copy, 200);
            }
        }
        world.advance(std::time::Duration::from_secs(100_000));
        prop_assert_eq!(world.server.in_flight(), 0);
    }
}
