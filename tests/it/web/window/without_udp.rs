//! A browser in a network that lets no UDP through: its sound goes by TCP (RFC 6544), to the port that is configured for that.

use convoke_tests::peers::chromium::Visit;

use super::stage::{Stage, alices_tone, assert_faultless, bob, call_bob, config, signed_in};

#[test]
fn a_browser_that_may_send_no_udp_talks_over_tcp() {
    let mut bob = bob();
    let stage = Stage::start(config().set("media", "tcp_port", 0), bob.sip());
    let mut alice = signed_in(&Visit {
        tcp_only: true,
        ..Visit::to(stage.url(), alices_tone())
    });
    call_bob(&mut alice, &mut bob);
    assert_eq!(alice.ways().unwrap(), ["tcp"]);
    assert_faultless(&mut alice);
}
