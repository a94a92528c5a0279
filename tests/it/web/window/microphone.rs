//! A microphone that the page may not have, and one that is unplugged in mid-call.

use convoke_tests::again::{alone, on_time};
use convoke_tests::peers::baresip::{Baresip, Telephone};
use convoke_tests::peers::chromium::{Microphone, Visit};
use convoke_tests::peers::pulse::Pulse;

use super::stage::{
    ALICE_HZ, Stage, assert_board, assert_faultless, await_conferences, bob, config, signed_in,
    until_alice_hears, until_bob_hears_some,
};
use crate::calls::stage::with_telephone;

const ALICE: &str = "+15550101";

/// Nobody is called by somebody who cannot speak: the window says so, and offers the telephone.
#[test]
fn without_leave_to_use_the_microphone_the_window_offers_the_telephone() {
    let _alone = alone();
    let mut bob = bob();
    let mut hers = Baresip::start(Telephone {
        number: ALICE,
        ..Telephone::default()
    })
    .unwrap();
    let stage = Stage::start(with_telephone(config(), ALICE, hers.sip()), bob.sip());
    let mut alice = signed_in(&Visit::to(stage.url(), Microphone::Refused));
    alice.call(&["bob"], "This browser").unwrap();
    alice
        .until_board("refuses the microphone to this page")
        .unwrap();
    alice
        .until_board("have a telephone of yours called")
        .unwrap();
    alice.call_me_at("Work").unwrap();
    alice.press("Call 1 person").unwrap();
    hers.wait_event("CALL_ESTABLISHED").unwrap();
    bob.wait_event("CALL_ESTABLISHED").unwrap();
    assert_board(&mut alice);
    assert_eq!(stage.legs().len(), 2, "one conference, of them both");
    assert_faultless(&mut alice);
}

/// The window says it, the call lives, and the voice returns with the microphone.
#[test]
fn a_microphone_may_be_unplugged_and_plugged_in_again_in_mid_call() {
    on_time(
        "web::window::microphone::a_microphone_may_be_unplugged_and_plugged_in_again_in_mid_call",
        unplug,
    );
}

fn unplug() {
    let pulse = Pulse::start().unwrap();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number"
    )]
    let plug_in = || pulse.plug_in(ALICE_HZ as u32).unwrap();
    let microphone = plug_in();
    let mut bob = bob();
    let stage = Stage::start(config(), bob.sip());
    await_conferences(&stage.convoke);
    let mut alice = signed_in(&Visit::to(stage.url(), Microphone::Of(pulse.server())));
    alice.call(&["bob"], "This browser").unwrap();
    bob.wait_event("CALL_ESTABLISHED").unwrap();
    until_alice_hears(&mut alice);
    until_bob_hears_some(&bob);
    assert_board(&mut alice);
    let before = stage.legs();

    pulse.unplug(&microphone).unwrap();
    alice.until_board("unplugged").unwrap();
    alice.forget().unwrap();
    until_alice_hears(&mut alice);
    assert_eq!(stage.legs(), before, "the call lives");

    plug_in();
    alice.until_board_not("unplugged").unwrap();
    until_bob_hears_some(&bob);
    assert_board(&mut alice);
    assert_eq!(stage.legs(), before);
    assert_faultless(&mut alice);
}
