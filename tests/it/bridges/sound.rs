//! The contract: one set of tests, on every bridge that mixes sound; then how each of them ends, and what Janus' says of itself.

use std::net::UdpSocket;
use std::time::Duration;

use convoke_tests::again::on_time;
use convoke_tests::audio::{Law, RATE, level_dbfs};
use convoke_types::bridge_protocol::{Feature, ToBridge};
use convoke_types::media::{MediaCommand, MediaEvent, Prompt};
use convoke_types::video::{Refusal, VideoCommand, VideoEvent};

use super::look;
use super::stage::{Bridge, UNHEARD_DBFS, assert_heard, conference, leg};
use crate::calls::stage::likeness;

/// Each test once for every bridge.
macro_rules! contract {
    ($($(#[$test:meta])* fn $name:ident();)*) => {
        mod embedded {
            $(
                $(#[$test])*
                fn $name() {
                    let path = concat!("bridges::sound::embedded::", stringify!($name));
                    super::on_time(path, || super::$name(super::Bridge::embedded()));
                }
            )*
        }
        mod janus {
            $(
                $(#[$test])*
                fn $name() {
                    let path = concat!("bridges::sound::janus::", stringify!($name));
                    super::on_time(path, || super::$name(super::Bridge::janus()));
                }
            )*
        }
    };
}

contract! {
    #[test]
    fn each_hears_all_others_and_not_themselves();
    #[test]
    fn who_is_muted_is_not_heard_and_hears();
    #[test]
    fn who_talks_is_told();
    #[test]
    fn who_is_dropped_is_out_and_the_others_stay();
    #[test]
    fn the_end_of_the_mix_frees_everything();
    #[test]
    fn keys_are_told_once_before_and_in_the_mix();
    #[test]
    fn a_sentence_is_for_one_alone_and_the_guard_holds();
}

const ALICE_HZ: f64 = 700.0;
const BOB_HZ: f64 = 1_100.0;
const CAROL_HZ: f64 = 1_900.0;

/// Create and join: with both laws, and with more than one conference.
fn each_hears_all_others_and_not_themselves(mut bridge: Bridge) {
    let alice = bridge.joined("a", Law::A, ALICE_HZ);
    let bob = bridge.joined("b", Law::Mu, BOB_HZ);
    let carol = bridge.joined("c", Law::Mu, CAROL_HZ);
    for name in ["a", "b", "c"] {
        bridge.until_talking(name, true);
    }
    // What a buffer held from before they all talked is over.
    carol.listen(0.5).unwrap();
    assert_heard(
        "alice",
        &alice.listen(1.0).unwrap(),
        &[BOB_HZ, CAROL_HZ],
        &[ALICE_HZ],
    );
    assert_heard(
        "bob",
        &bob.listen(1.0).unwrap(),
        &[ALICE_HZ, CAROL_HZ],
        &[BOB_HZ],
    );
    assert_heard(
        "carol",
        &carol.listen(1.0).unwrap(),
        &[ALICE_HZ, BOB_HZ],
        &[CAROL_HZ],
    );
}

fn who_is_muted_is_not_heard_and_hears(mut bridge: Bridge) {
    let alice = bridge.joined("a", Law::Mu, ALICE_HZ);
    let bob = bridge.joined("b", Law::A, BOB_HZ);
    bridge.until_talking("a", true);
    bridge.until_talking("b", true);
    let mute = |on| MediaCommand::Mute { leg: leg("a"), on };
    bridge.command(mute(true));
    bridge.until_talking("a", false);
    if let Some(janus) = bridge.program() {
        look::until_muted(janus, 1);
    }
    bob.listen(0.5).unwrap();
    let heard = bob.listen(1.0).unwrap();
    assert_heard("bob, while alice is muted,", &heard, &[], &[ALICE_HZ]);
    let heard = alice.listen(1.0).unwrap();
    assert_heard("alice, muted,", &heard, &[BOB_HZ], &[ALICE_HZ]);

    bridge.command(mute(false));
    bridge.until_talking("a", true);
    if let Some(janus) = bridge.program() {
        look::until_muted(janus, 0);
    }
    bob.listen(0.5).unwrap();
    assert_heard("bob", &bob.listen(1.0).unwrap(), &[ALICE_HZ], &[BOB_HZ]);

    // Muted from the beginning.
    let carol = bridge.call("c", Law::Mu, CAROL_HZ);
    let muted = MediaCommand::Mute {
        leg: leg("c"),
        on: true,
    };
    bridge.command(muted);
    bridge.join("c");
    carol.listen(0.5).unwrap();
    let heard = bob.listen(1.0).unwrap();
    assert_heard("bob", &heard, &[ALICE_HZ], &[CAROL_HZ]);
}

fn who_talks_is_told(mut bridge: Bridge) {
    let alice = bridge.joined("a", Law::Mu, 0.0);
    let _bob = bridge.joined("b", Law::Mu, 0.0);
    alice.listen(1.0).unwrap();
    let talks = |event: &MediaEvent| matches!(event, MediaEvent::Talking { .. });
    assert!(!bridge.has_told(talks), "nobody says anything");
    alice.say(ALICE_HZ);
    bridge.until_talking("a", true);
    alice.say(0.0);
    bridge.until_talking("a", false);
    assert!(!bridge.has_told(talks), "and nothing of bob");
}

/// Drop.
fn who_is_dropped_is_out_and_the_others_stay(mut bridge: Bridge) {
    let alice = bridge.joined("a", Law::Mu, ALICE_HZ);
    let bob = bridge.joined("b", Law::Mu, BOB_HZ);
    let _carol = bridge.joined("c", Law::A, CAROL_HZ);
    bridge.until_talking("c", true);
    bob.listen(0.5).unwrap();
    bridge.command(MediaCommand::Close { leg: leg("c") });
    let stats = bridge.closed("c");
    assert!(stats.received > 20 && stats.sent > 20, "{stats:?}");
    bob.listen(0.5).unwrap();
    let heard = bob.listen(1.0).unwrap();
    assert_heard("bob", &heard, &[ALICE_HZ], &[CAROL_HZ]);
    let heard = alice.listen(1.0).unwrap();
    assert_heard("alice", &heard, &[BOB_HZ], &[CAROL_HZ]);

    // Called again, under the next name.
    let _carol = bridge.joined("d", Law::A, CAROL_HZ);
    bridge.until_talking("d", true);
    bob.listen(0.5).unwrap();
    let heard = bob.listen(1.0).unwrap();
    assert_heard("bob", &heard, &[ALICE_HZ, CAROL_HZ], &[BOB_HZ]);
}

/// End.
fn the_end_of_the_mix_frees_everything(mut bridge: Bridge) {
    let alice = bridge.joined("a", Law::Mu, ALICE_HZ);
    alice.listen(0.5).unwrap();
    let bob = bridge.open("b");
    let conference = conference();
    bridge.command(MediaCommand::CloseMix { conference });
    assert!(bridge.closed("a").received > 0);
    assert_eq!(bridge.closed("b").received, 0);
    UdpSocket::bind(bob).expect("the port is free again");
    if let Some(janus) = bridge.program() {
        look::until_no_mix(janus);
    }
    // There may be another of that name.
    let alice = bridge.joined("c", Law::Mu, 0.0);
    let _bob = bridge.joined("d", Law::Mu, BOB_HZ);
    bridge.until_talking("d", true);
    alice.listen(0.5).unwrap();
    assert_heard("alice", &alice.listen(1.0).unwrap(), &[BOB_HZ], &[]);
}

/// RFC 4733.
fn keys_are_told_once_before_and_in_the_mix(mut bridge: Bridge) {
    let alice = bridge.call("a", Law::Mu, 0.0);
    let pressed = |event: &MediaEvent| match event {
        MediaEvent::Key { key, .. } => Some(*key),
        _ => None,
    };
    alice.listen(0.2).unwrap();
    alice.press('1');
    assert_eq!(bridge.wait("key", pressed), '1');
    bridge.join("a");
    alice.press('*');
    assert_eq!(bridge.wait("key", pressed), '*');
    alice.press('5');
    assert_eq!(bridge.wait("key", pressed), '5');
    alice.listen(0.5).unwrap();
    assert!(!bridge.has_told(|event| pressed(event).is_some()));
}

/// What the guard on outside numbers needs: before somebody joins they hear a sentence and nobody else, and nobody hears them; later a
/// sentence takes the place of the mix.
fn a_sentence_is_for_one_alone_and_the_guard_holds(mut bridge: Bridge) {
    let alice = bridge.joined("a", Law::Mu, ALICE_HZ);
    let bob = bridge.call("b", Law::A, BOB_HZ);
    bridge.until_talking("a", true);
    let play = |prompt| MediaCommand::Play {
        leg: leg("b"),
        prompt,
        language: "de".into(),
        repeat: 1,
    };
    bridge.command(play(Prompt::PressOneToJoin));
    bridge.expect(&MediaEvent::PromptDone { leg: leg("b") });
    let guard = bob.heard();
    assert!(likeness(&guard, "press-one-to-join", "de") > 0.9);
    let second = &guard[guard.len() - RATE as usize..];
    for heard in [second, &alice.listen(1.0).unwrap()] {
        let (alice, bob) = (level_dbfs(heard, ALICE_HZ), level_dbfs(heard, BOB_HZ));
        assert!(alice < UNHEARD_DBFS && bob < UNHEARD_DBFS, "{alice} {bob}");
    }

    bridge.join("b");
    bob.listen(0.5).unwrap();
    assert_heard("bob", &bob.listen(1.0).unwrap(), &[ALICE_HZ], &[BOB_HZ]);
    let before = (alice.heard().len(), bob.heard().len());
    bridge.command(play(Prompt::Muted));
    bridge.expect(&MediaEvent::PromptDone { leg: leg("b") });
    assert!(likeness(&bob.heard()[before.1..], "muted", "de") > 0.9);
    assert!(likeness(&alice.heard()[before.0..], "muted", "de") < 0.5);
}

/// Ours lives and dies with this process: what can be told is that its engine was dropped.
#[test]
fn our_engine_dropped_in_the_middle_of_a_conference_ends_its_events_within_two_seconds() {
    let path = "bridges::sound::our_engine_dropped_in_the_middle_of_a_conference_ends_its_events_within_two_seconds";
    on_time(path, || {
        let mut bridge = Bridge::embedded();
        let _alice = bridge.joined("a", Law::Mu, ALICE_HZ);
        let _bob = bridge.joined("b", Law::Mu, BOB_HZ);
        bridge.until_talking("b", true);
        assert_told_in_time(&bridge.end());
    });
}

/// Whoever owns the dialogs can end them all.
#[test]
fn a_crash_of_janus_or_of_its_adapter_is_told_within_two_seconds() {
    let path = "bridges::sound::a_crash_of_janus_or_of_its_adapter_is_told_within_two_seconds";
    on_time(path, || {
        let mut bridge = Bridge::janus();
        let alice = bridge.joined("a", Law::Mu, ALICE_HZ);
        let _bob = bridge.joined("b", Law::Mu, BOB_HZ);
        bridge.until_talking("b", true);
        assert_told_in_time(&bridge.end());
        drop(alice);
        bridge.until_ready(false);
        bridge.program().unwrap().restart().unwrap();
        bridge.until_ready(true);
        let alice = bridge.joined("c", Law::Mu, 0.0);
        let _bob = bridge.joined("d", Law::Mu, BOB_HZ);
        bridge.until_talking("d", true);
        alice.listen(0.5).unwrap();
        assert_heard("alice", &alice.listen(1.0).unwrap(), &[BOB_HZ], &[]);
        assert_told_in_time(&bridge.crash_adapter().unwrap());
    });
}

#[track_caller]
fn assert_told_in_time((words, took): &(String, Duration)) {
    println!("the end was told after {took:?}: {words}");
    assert!(*took < Duration::from_secs(2));
}

/// What Janus' adapter does not declare is refused. Recording has no command yet, so it is declared nowhere.
#[test]
fn what_janus_declares_to_be_absent_is_refused() {
    let path = "bridges::sound::what_janus_declares_to_be_absent_is_refused";
    on_time(path, || {
        let mut bridge = Bridge::janus();
        let features = bridge.features().unwrap();
        for needed in [Feature::Audio, Feature::ListenerMix, Feature::Prompts] {
            assert!(features.contains(&needed), "{features:?}");
        }
        assert!(!features.contains(&Feature::Recording), "{features:?}");
        assert!(!features.contains(&Feature::Video), "{features:?}");
        bridge.ask(ToBridge::Video(VideoCommand::Prepare {
            conference: conference(),
            serial: 7,
            title: "no pictures".into(),
            guests: vec![],
        }));
        let expected = VideoEvent::Refused {
            conference: conference(),
            serial: 7,
            refusal: Refusal::Unsuitable,
            words: "Janus has no VideoRoom plugin".into(),
        };
        assert_eq!(bridge.video(), expected);
    });
}
