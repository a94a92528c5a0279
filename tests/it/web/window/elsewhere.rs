//! A conference whose sound Janus mixes in place of our own bridge, with a browser in it.

use std::time::Duration;

use convoke_tests::again::on_time;
use convoke_tests::audio::LOOK_MS;
use convoke_tests::peers::chromium::Visit;
use runtime::clock;

use super::stage::{
    Stage, alices_tone, assert_faultless, assert_talking, bob, bob_hears, call_bob, config, hears,
    signed_in,
};
use crate::bridges::look;
use crate::bridges::stage::{await_bridge, mixed_by, mixed_by_all, mixer};
use crate::bridges::telephones::TOLD_WITHIN;

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
    await_bridge(&stage.convoke, "janus");
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

/// What is promised to whoever was in when a bridge is lost (V8).
const BACK_WITHIN: Duration = Duration::from_secs(5);

/// The Janus that has the sound dies: the window makes an offer to the other one by itself, the telephone is called back by nobody, and
/// both are in as they were.
#[test]
fn a_window_and_a_telephone_hear_each_other_again_by_another_janus() {
    on_time(
        "web::window::elsewhere::a_window_and_a_telephone_hear_each_other_again_by_another_janus",
        go_on,
    );
}

fn go_on() {
    let (first, adapter) = mixer();
    let (second, other) = mixer();
    let mut bob = bob();
    let config = mixed_by_all(config(), &[("one", &adapter), ("two", &other)]);
    let stage = Stage::start(config, bob.sip());
    for bridge in ["one", "two"] {
        await_bridge(&stage.convoke, bridge);
    }
    let mut alice = signed_in(&Visit::to(stage.url(), alices_tone()));
    call_bob(&mut alice, &mut bob);
    let rooms = |janus| look::rooms(janus, "janus.plugin.audiobridge");
    assert_eq!((rooms(&first), rooms(&second)), (1, 0));
    let before = stage.legs();

    first.crash().unwrap();
    alice.until_board("The sound was interrupted").unwrap();
    assert_talking(&mut alice, &bob);
    assert_eq!(rooms(&second), 1);
    assert_eq!(stage.legs(), before, "the legs are those that they were");
    for (who, there) in [
        ("alice", hears(&alice.sounds().unwrap())),
        ("bob", bob_hears(&bob)),
    ] {
        let missed = away(&there);
        println!("{who} heard nothing for {missed:?}");
        assert!(missed < BACK_WITHIN, "{who} heard nothing for {missed:?}");
    }

    stage.end();
    bob.wait_event("CALL_CLOSED").unwrap();
    look::until_no_mix(&second);
    assert_faultless(&mut alice);
}

/// C12: there is no other Janus. The board says that the call is over and by which error, and the telephone is on the hook.
#[test]
fn a_window_and_a_telephone_are_told_within_two_seconds_that_their_only_janus_died() {
    let path = "web::window::elsewhere::a_window_and_a_telephone_are_told_within_two_seconds_that_their_only_janus_died";
    on_time(path, lose);
}

fn lose() {
    let (janus, adapter) = mixer();
    let mut bob = bob();
    let stage = Stage::start(mixed_by(config(), &adapter), bob.sip());
    await_bridge(&stage.convoke, "janus");
    let mut alice = signed_in(&Visit::to(stage.url(), alices_tone()));
    call_bob(&mut alice, &mut bob);

    let begin = clock::now();
    janus.crash().unwrap();
    alice
        .until_board("The connection to the bridge was lost: .")
        .unwrap();
    let told = clock::now() - begin;
    bob.wait_event("CALL_CLOSED").unwrap();
    let released = clock::now() - begin;
    println!("the board said it after {told:?}, the telephone was released after {released:?}");
    for took in [told, released] {
        assert!(took < TOLD_WITHIN, "{took:?}");
    }
    let board = alice.board().unwrap();
    assert!(!board.text.contains("in the call"), "{}", board.text);
    assert_faultless(&mut alice);
}

/// The longest time in which a tone was away that was there before.
fn away(there: &[bool]) -> Duration {
    let first = there.iter().position(|heard| *heard).unwrap();
    let longest = there[first..]
        .split(|heard| *heard)
        .map(<[bool]>::len)
        .max();
    Duration::from_millis(LOOK_MS.into()) * u32::try_from(longest.unwrap_or_default()).unwrap()
}
