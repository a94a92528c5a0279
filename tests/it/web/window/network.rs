//! The network changes in mid-call: the way in use is pulled like a cable while another one is there.

use std::time::Duration;

use convoke_tests::again::alone;
use convoke_tests::audio::{LOOK_MS, RATE, longest_gap_ms, tone_in};
use convoke_tests::clock::Lateness;
use convoke_tests::netns::{SERVER, TwoWays};
use convoke_tests::peers::chromium::Visit;
use convoke_tests::skipped;

use super::stage::{
    ALICE_HZ, DBFS, Stage, alices_tone, assert_faultless, assert_talking, bob, call_bob, config,
    hears, signed_in,
};

/// The path of the test, as cargo prints it.
const TEST: &str = "web::window::network::a_call_goes_on_over_another_way_when_its_own_is_gone";
/// How long sound may be away.
const AWAY_MAX_MS: u32 = 2_000;
/// What is measured on a machine that is itself later than this with what is due says nothing of the call.
const LATE: Duration = Duration::from_millis(100);
/// Runs at most, on such a machine.
const RUNS: usize = 3;
/// Said by a run on such a machine.
const WAS_LATE: &str = "this machine was late";

/// Sound is back within 2 s each way, in the same leg.
#[test]
fn a_call_goes_on_over_another_way_when_its_own_is_gone() {
    if let Some(ways) = TwoWays::inside() {
        return change(&ways);
    }
    let _alone = alone();
    for runs_left in (0..RUNS).rev() {
        let ways = match TwoWays::make() {
            Ok(ways) => ways,
            Err(why) => {
                let why = format!("network namespaces cannot be made here: {why}");
                return skipped(&format!("it::{TEST}"), &why);
            }
        };
        match ways.run_test(TEST) {
            Ok(said) => return println!("{said}"),
            Err(error) => {
                let error = format!("{error:#}");
                assert!(runs_left > 0 && error.contains(WAS_LATE), "{error}");
                println!("once more: {error}");
            }
        }
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

    let lateness = Lateness::watch();
    alice.forget().unwrap();
    let heard = bob.heard().unwrap().len();
    ways.take_down(1).unwrap();
    assert_talking(&mut alice, &bob);
    let late = lateness.end();

    let page = longest_gap_ms(&hears(&alice.sounds().unwrap()));
    let telephone = bob.heard().unwrap();
    // With a second before the change, in which the tone is there.
    let from = heard.saturating_sub(RATE as usize);
    let telephone = longest_gap_ms(&tone_in(&telephone[from..], RATE, ALICE_HZ, DBFS));
    println!(
        "without sound: at the telephone {telephone} ms, in the page {page} ms (in steps of {LOOK_MS} ms)"
    );
    assert!(
        telephone < AWAY_MAX_MS && page < AWAY_MAX_MS,
        "{telephone} ms and {page} ms without sound{}",
        if late > LATE {
            format!("; {WAS_LATE} by {late:?}")
        } else {
            String::new()
        }
    );
    assert_eq!(stage.legs(), before, "the same legs, joined");
    assert_faultless(&mut alice);
}
