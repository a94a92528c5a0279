//! Nothing from the network stops the server.

use proptest::prelude::*;
use sip_proto::{Message, Transport};

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
}
