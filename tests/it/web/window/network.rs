//! The network changes in mid-call: the way in use is pulled like a cable while another one is there.

use convoke_tests::again::alone;
use convoke_tests::audio::{LOOK_MS, RATE, longest_gap_ms, tone_in};
use convoke_tests::netns::{SERVER, TwoWays};
use convoke_tests::peers::chromium::Visit;
use convoke_tests::skipped;

use super::stage::{
    ALICE_HZ, DBFS, Stage, alices_tone, assert_faultless, assert_talking, bob, call_bob, config,
    hears, signed_in,
};

/// The path of the test, as cargo prints it.
const TEST: &str = "web::window::network::a_call_goes_on_over_another_way_when_its_own_is_gone";
/// Give-up limit: five times the two seconds that sound may be away.
const AWAY_MAX_MS: u32 = 5 * 2_000;

/// Sound is back within 2 s each way, in the same leg.
#[test]
fn a_call_goes_on_over_another_way_when_its_own_is_gone() {
    if let Some(ways) = TwoWays::inside() {
        return change(&ways);
    }
    let _alone = alone();
    match TwoWays::make() {
        Ok(ways) => println!("{}", ways.run_test(TEST).unwrap()),
        Err(why) => skipped(
            &format!("it::{TEST}"),
            &format!("network namespaces cannot be made here: {why}"),
        ),
    }
}

fn change(ways: &TwoWays) {
    let mut bob = bob();
    let tls = toml::Value::from(vec![format!("{SERVER}:0")]);
    // Over TLS, which is what a server that is not on this machine asks of a browser.
    let config = config()
        .set("http", "tls", tls)
        .set("media", "bind", SERVER);
    let stage = Stage::start(config, bob.sip());
    let https = stage.convoke.addr("https").unwrap();
    let mut alice = signed_in(&Visit {
        namespace: Some(ways.browser().to_owned()),
        ..Visit::to(format!("https://{https}"), alices_tone())
    });
    call_bob(&mut alice, &mut bob);
    let before = stage.legs();

    alice.forget().unwrap();
    let heard = bob.heard().unwrap().len();
    ways.take_down(1).unwrap();
    assert_talking(&mut alice, &bob);

    let page = longest_gap_ms(&hears(&alice.sounds().unwrap()));
    let telephone = bob.heard().unwrap();
    // With a second before the change, in which the tone is there.
    let from = heard.saturating_sub(RATE as usize);
    let telephone = longest_gap_ms(&tone_in(&telephone[from..], RATE, ALICE_HZ, DBFS));
    println!(
        "without sound: at the telephone {telephone} ms, in the page {page} ms (in steps of {LOOK_MS} ms)"
    );
    assert!(telephone < AWAY_MAX_MS && page < AWAY_MAX_MS);
    assert_eq!(stage.legs(), before, "the same legs, joined");
    assert_faultless(&mut alice);
}
