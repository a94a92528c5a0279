//! What telephones do with their keys, and what is said to who pressed them.

use std::time::Duration;

use conference_core::Output;
use convoke_types::bridge::{BridgeCommand, LegEvent};

use crate::on;
use crate::support::*;

/// Alice (owner, p1) and bob (p2), both joined.
fn two() -> World {
    let mut world = World::wide();
    let mut bob = party("bob");
    bob.language = "de".to_owned();
    world.create(create("x", party("alice"), vec![bob]));
    world.join("x/l1");
    world.pass(Duration::from_secs(1));
    world.join("x/l2");
    world
}

#[test]
fn star_five_raises_and_lowers_the_hand() {
    let mut world = two();
    check(
        world.press("x/l2", "*5"),
        &["p2 hand true", "say l2 HandUp"],
    );
    match world.out.last() {
        Some(Output::Bridge(BridgeCommand::Announce { language, .. })) => {
            assert_eq!(language, "de");
        }
        other => panic!("{other:?}"),
    }
    check(
        world.press("x/l2", "*5"),
        &["p2 hand false", "say l2 HandDown"],
    );
}

#[test]
fn star_six_mutes_and_unmutes_oneself() {
    let mut world = two();
    check(
        world.press("x/l2", "*6"),
        &["p2 muted themselves", "mute l2 true", "say l2 Muted"],
    );
    check(
        world.press("x/l2", "*6"),
        &["p2 muted false", "mute l2 false", "say l2 Unmuted"],
    );
}

#[test]
fn a_moderators_mute_stays_and_is_said() {
    let mut world = two();
    world.command(user("alice"), on!(Mute, "p2")).unwrap();
    check(world.press("x/l2", "*6"), &["say l2 MutedByModerator"]);
    // Muted by both: their own is lifted, they stay unheard.
    world.command(user("bob"), on!(Mute, "p2")).unwrap();
    check(
        world.press("x/l2", "*6"),
        &["p2 muted moderator", "say l2 MutedByModerator"],
    );
    world.command(user("alice"), on!(Unmute, "p2")).unwrap();
    check(&world.out, &["reply", "p2 muted false", "mute l2 false"]);
    // Who moderates lifts both.
    world
        .command(conference_core::Actor::administrator(), on!(Mute, "p1"))
        .unwrap();
    check(
        world.press("x/l1", "*6"),
        &["p1 muted false", "mute l1 false", "say l1 Unmuted"],
    );
}

#[test]
fn star_one_helps_and_other_keys_mean_nothing() {
    let mut world = two();
    check(world.press("x/l2", "*1"), &["say l2 KeyHelp"]);
    for code in ["5", "#", "*9", "*#5", "A6", "*"] {
        check(world.press("x/l2", code), &[]);
    }
    // The star of before is too old by now.
    world.pass(Duration::from_secs(3));
    check(world.press("x/l2", "5"), &[]);
}

#[test]
fn keys_of_who_is_not_in_mean_nothing() {
    let mut world = two();
    world.command(user("alice"), on!(Disconnect, "p2")).unwrap();
    check(world.press("x/l2", "*5"), &[]);
    world.leg("x/l2", hung_up());
    world.command(user("alice"), call("p2")).unwrap();
    world.leg("x/l3", LegEvent::Confirming);
    check(world.press("x/l3", "*6"), &[]);
    world.leg("x/l3", LegEvent::Joined);
    // Of the code, only the star came before they were in.
    check(world.press("x/l3", "6"), &[]);
}

#[test]
fn a_program_that_types_faster_than_a_hand_is_not_followed() {
    let mut world = two();
    world.pass(Duration::from_secs(1));
    let mut said = 0;
    for _ in 0..1_000 {
        world.pass(Duration::from_millis(1));
        for key in ['*', '6'] {
            said += world.leg("x/l2", LegEvent::Key { key }).len();
        }
    }
    assert!(said <= 4 * 3, "{said}");
}
