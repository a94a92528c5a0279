//! Nothing from the network stops it.

use std::time::Duration;

use convoke_types::LegState::Joined;
use proptest::prelude::*;
use sip_proto::ResponseBuilder;

use crate::scene::*;

/// Replaces a piece of a good request by something else.
fn spoiled() -> impl Strategy<Value = (usize, usize, usize, Vec<u8>)> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..20),
        "[;=<>@:,\"*%\r\n a-z0-9]{0,30}".prop_map(String::into_bytes),
    ];
    (0_usize..5, 0_usize..600, 0_usize..40, piece)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn spoiled_requests_and_answers(all in proptest::collection::vec(spoiled(), 1..10)) {
        let mut scene = Scene::new();
        scene.follow("alice", &conference(1, &[("alice", Joined, false)]));
        for (at_request, (kind, at, length, piece)) in all.into_iter().enumerate() {
            let bytes = match kind {
                0..4 => {
                    let method = ["SUBSCRIBE", "INVITE", "ACK", "CANCEL"][kind];
                    scene.request(method, "alice", "sip:conf-c1@example.org", "any", EVENT)
                }
                // The answer to a notification.
                _ => {
                    let on = at_request % 2 == 0;
                    scene.snapshot(conference(2, &[("alice", Joined, on)]));
                    scene.advance(PACE);
                    let notify = scene.sent().into_iter().find(|m| m.is_request());
                    let Some(notify) = notify else { continue };
                    let answer = ResponseBuilder::reply(&notify, 200, "OK").to_tag("x").build();
                    answer.as_bytes().clone()
                }
            };
            let mut bytes = bytes.to_vec();
            let at = at.min(bytes.len());
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, piece);
            scene.give(scene.flow, bytes.into());
        }
        scene.advance(Duration::from_secs(10_000));
        for conference in std::mem::take(&mut scene.watched) {
            scene.core.handle_over(&conference, scene.now);
            scene.run();
        }
        prop_assert_eq!(scene.core.watched(), 0);
    }
}
