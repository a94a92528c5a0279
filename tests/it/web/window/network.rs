//! The network changes in mid-call: the way in use is pulled like a cable while another one is there.

use std::time::Duration;

use convoke_tests::again::alone;
use convoke_tests::audio::{LOOK_MS, RATE, longest_gap_ms, tone_in};
use convoke_tests::clock::{Lateness, Run, judge};
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

/// Sound is back within 2 s each way, in the same leg.
#[test]
fn a_call_goes_on_over_another_way_when_its_own_is_gone() {
    if let Some(ways) = TwoWays::inside() {
        return change(&ways).tell();
    }
    let _alone = alone();
    // Whether they can be made at all.
    if let Err(why) = TwoWays::make() {
        let why = format!("network namespaces cannot be made here: {why}");
        return skipped(&format!("it::{TEST}"), &why);
    }
    judge(LATE, || {
        // One of them is gone after each run.
        let said = TwoWays::make().unwrap().run_test(TEST).unwrap();
        println!("{said}");
        Run::told(&said).unwrap()
    });
}

fn change(ways: &TwoWays) -> Run {
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
    assert_eq!(stage.legs(), before, "the same legs, joined");
    assert_faultless(&mut alice);
    let lost = [("at the telephone", telephone), ("in the page", page)];
    let faults = lost.into_iter().filter(|(_, ms)| *ms >= AWAY_MAX_MS);
    Run {
        faults: faults
            .map(|(place, ms)| format!("{ms} ms without sound {place}"))
            .collect(),
        late,
    }
}
