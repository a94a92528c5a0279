//! A conference whose sound Janus mixes in place of our own bridge, with a browser in it.

use convoke_tests::again::on_time;
use convoke_tests::peers::chromium::Visit;

use super::stage::{
    Stage, alices_tone, assert_faultless, assert_talking, bob, call_bob, config, signed_in,
};
use crate::bridges::look;
use crate::bridges::stage::{mixed_by, mixer};

/// Both hear each other by Janus, also after the window was loaded anew, and Janus has nothing of it afterwards.
#[test]
fn a_window_and_a_telephone_hear_each_other_by_janus() {
    on_time(
        "web::window::elsewhere::a_window_and_a_telephone_hear_each_other_by_janus",
        hear,
    );
}

fn hear() {
    let (janus, adapter) = mixer();
    let mut bob = bob();
    let stage = Stage::start(mixed_by(config(), &adapter), bob.sip());
    let ready = "the media bridge is ready";
    let program = stage.convoke.program();
    program
        .wait_line(ready, |line| line.text.contains(ready))
        .unwrap();
    let mut alice = signed_in(&Visit::to(stage.url(), alices_tone()));
    call_bob(&mut alice, &mut bob);
    assert_eq!(look::rooms(&janus, "janus.plugin.audiobridge"), 1);

    alice.reload().unwrap();
    assert_talking(&mut alice, &bob);
    let states = stage.legs().into_iter().map(|(_, _, state)| state);
    assert_eq!(states.collect::<Vec<_>>(), ["joined"; 2]);

    stage.end();
    bob.wait_event("CALL_CLOSED").unwrap();
    look::until_no_mix(&janus);
    assert_faultless(&mut alice);
}
