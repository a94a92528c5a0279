//! Janus through its adapter: the contract of a video server, with people in Chromium who decode each other's pictures.

use std::time::Duration;

use convoke_tests::again::alone;
use convoke_tests::clock::{Run, judge};
use convoke_tests::config::Config;
use convoke_tests::convoke::Convoke;
use convoke_tests::netns::{ALONE, Alone};
use convoke_tests::peers::janus::Janus;
use convoke_tests::peers::pictures::{Pictures, number};
use convoke_tests::skipped;
use convoke_types::bridge_protocol::Feature;
use convoke_types::media::{MediaCommand, MediaEvent};
use convoke_types::video::{Refusal, VideoCommand, VideoEvent};
use runtime::clock;

use super::server::{Owner, assert_sees, conference, leg, person, prepare, section};
use crate::bridges::look;

/// Runs a test in a namespace of its own.
pub fn in_a_network(path: &str, test: impl FnOnce()) {
    if Alone::inside() {
        return test();
    }
    let _alone = alone();
    match Alone::make() {
        Ok(network) => println!("{}", network.run_test(path).unwrap()),
        Err(why) => without_networks(path, &why),
    }
}

/// The same of a test that judges times, by runs of it (`clock::judge`).
pub fn judged_in_a_network(path: &str, late_max: Duration, run: impl FnOnce() -> Run) {
    if Alone::inside() {
        return run().tell();
    }
    let _alone = alone();
    match Alone::make() {
        Ok(network) => judge(late_max, || {
            let said = network.run_test(path).unwrap();
            println!("{said}");
            Run::told(&said).unwrap()
        }),
        Err(why) => without_networks(path, &why),
    }
}

fn without_networks(path: &str, why: &anyhow::Error) {
    skipped(
        &format!("it::{path}"),
        &format!("network namespaces cannot be made here: {why}"),
    );
}

struct Stage {
    janus: Janus,
    owner: Owner,
    convoke: Convoke,
}

/// Janus, and a process of ours that is nothing but its adapter.
fn stage(set: impl FnOnce(Config) -> Config) -> Stage {
    let janus = Janus::start(ALONE.parse().unwrap()).unwrap();
    let config = Config::new("example.test")
        .unwrap()
        .set("server", "roles", toml::Value::from(vec!["janus"]))
        .set("janus", "capacity", 200);
    let config = janus.commanded_by(config, "127.0.0.1:0");
    let convoke = Convoke::start(set(config)).unwrap();
    let owner = Owner::of(&convoke);
    Stage {
        janus,
        owner,
        convoke,
    }
}

#[test]
fn people_see_each_other_hide_leave_and_are_put_out() {
    let path = "video::janus::people_see_each_other_hide_leave_and_are_put_out";
    in_a_network(path, || {
        let Stage {
            mut owner,
            janus: _janus,
            convoke: _convoke,
        } = stage(|config| config);
        assert_eq!(owner.announced.product, "Janus 1.1.2");
        assert_eq!(owner.announced.features, [Feature::Video]);
        let mut alice = Pictures::start(3).unwrap();
        let mut bob = Pictures::start(6).unwrap();

        // Create and join: each decodes the other's number.
        owner.prepare(&["alice", "bob"]);
        let before = owner.publish(&mut alice, "alice", "a1");
        owner.until_visible("alice", "a1", true);
        let to_bob = owner.watch(&mut bob, "bob", "b2");
        owner.until_connected("b2");
        let mid = section(&to_bob, "a1");
        assert_sees(&mut bob, "b2", &mid, number(3));
        owner.publish(&mut bob, "bob", "b1");
        owner.until_visible("bob", "b1", true);
        let to_alice = owner.watch(&mut alice, "alice", "a2");
        assert_eq!(to_alice.len(), 1, "not her own: {to_alice:?}");
        assert_sees(&mut alice, "a2", &section(&to_alice, "b1"), number(6));

        // Mute: nobody sees it, and again from a whole frame on.
        let hide = |on| VideoCommand::Hide { leg: leg("a1"), on };
        owner.command(hide(true));
        owner.until_visible("alice", "a1", false);
        // What was on its way has come once some frames of the other picture have.
        let other = section(&to_alice, "b1");
        assert_sees(&mut alice, "a2", &other, number(6));
        let still = bob.frames("b2", &mid).unwrap();
        assert_sees(&mut alice, "a2", &other, number(6));
        let after = bob.frames("b2", &mid).unwrap();
        assert_eq!(after, still);
        owner.command(hide(false));
        owner.until_visible("alice", "a1", true);
        assert_sees(&mut bob, "b2", &mid, number(3));

        // From another network: fresh ICE on the leg that is there.
        let after = owner.publish(&mut alice, "alice", "a1");
        for side in [0, 1] {
            assert_ne!(
                before[side], after[side],
                "its ICE is fresh (RFC 8839 §4.4.1.1)"
            );
        }
        assert_sees(&mut bob, "b2", &mid, number(3));

        // One leaves, and comes again; who watches looks anew.
        owner.command(VideoCommand::Close { leg: leg("a1") });
        owner.until_visible("alice", "a1", false);
        owner.expect(&VideoEvent::Closed { leg: leg("a1") });
        alice.close("a1").unwrap();
        assert_eq!(owner.watch(&mut bob, "bob", "b2"), []);
        owner.publish(&mut alice, "alice", "a3");
        owner.until_visible("alice", "a3", true);
        let to_bob = owner.watch(&mut bob, "bob", "b2");
        assert_sees(&mut bob, "b2", &section(&to_bob, "a3"), number(3));

        // Drop: prepared for bob alone, alice is put out, and does not come in again.
        owner.prepare(&["bob"]);
        owner.until_visible("alice", "a3", false);
        owner.expect(&VideoEvent::Closed { leg: leg("a3") });
        owner.expect(&VideoEvent::Closed { leg: leg("a2") });
        owner.command(VideoCommand::Watch {
            leg: leg("a4"),
            participant: person("alice"),
        });
        let words = owner.wait("refusal", |event| match event {
            VideoEvent::Failed { leg: of, words } if *of == leg("a4") => Some(words.clone()),
            _ => None,
        });
        assert_eq!(words, "nobody of that name was prepared for");

        // A browser that goes without a word.
        bob.close("b1").unwrap();
        owner.until_visible("bob", "b1", false);
        owner.expect(&VideoEvent::Closed { leg: leg("b1") });

        // End.
        owner.command(VideoCommand::End {
            conference: conference(),
        });
        owner.expect(&VideoEvent::Ended {
            conference: conference(),
            lost: None,
        });
    });
}

#[test]
fn a_crash_is_told_within_two_seconds_and_conferences_begin_anew() {
    let path = "video::janus::a_crash_is_told_within_two_seconds_and_conferences_begin_anew";
    in_a_network(path, || {
        let Stage {
            mut janus,
            mut owner,
            convoke,
        } = stage(|config| config);
        let mut alice = Pictures::start(5).unwrap();
        owner.prepare(&["alice"]);
        owner.publish(&mut alice, "alice", "a1");
        owner.until_visible("alice", "a1", true);

        let begin = clock::now();
        janus.crash().unwrap();
        let words = owner.wait("end", |event| match event {
            VideoEvent::Ended {
                lost: Some(words), ..
            } => Some(words.clone()),
            _ => None,
        });
        let took = clock::now() - begin;
        println!("the crash was told after {took:?}: {words}");
        assert!(took < Duration::from_secs(2));
        owner.until_ready(false);

        // While it is away, that is said.
        owner.command(prepare(&["alice"]));
        let (refusal, words) = refused(&mut owner);
        assert_eq!(refusal, Refusal::Unreachable, "{words}");

        janus.restart().unwrap();
        owner.until_ready(true);
        owner.prepare(&["alice", "bob"]);
        alice.close("a1").unwrap();
        owner.publish(&mut alice, "alice", "a1");
        owner.until_visible("alice", "a1", true);

        // Our own end leaves no room behind.
        assert_eq!(rooms(&janus), 1);
        let (code, _place) = convoke.stop().unwrap();
        assert_eq!(code, Some(0));
        owner.expect(&VideoEvent::Ended {
            conference: conference(),
            lost: None,
        });
        assert_eq!(rooms(&janus), 0);
    });
}

#[test]
fn a_full_server_and_one_that_was_told_another_secret_say_so() {
    let path = "video::janus::a_full_server_and_one_that_was_told_another_secret_say_so";
    in_a_network(path, || {
        let Stage {
            mut owner,
            janus: _janus,
            convoke: _convoke,
        } = stage(|config| config.set("janus", "capacity", 3));
        owner.command(prepare(&["alice", "bob"]));
        let (refusal, words) = refused(&mut owner);
        assert_eq!(refusal, Refusal::Full);
        assert_eq!(
            words,
            "Janus is full: it carries 3 legs, and 0 are promised"
        );
        owner.prepare(&["alice"]);

        let janus = Janus::start(ALONE.parse().unwrap()).unwrap();
        let config = Config::new("example.test")
            .unwrap()
            .set("server", "roles", toml::Value::from(vec!["janus"]))
            .set("janus", "listen", "127.0.0.1:0")
            .set("janus", "url", janus.url())
            .set("janus", "api_secret", "guess");
        let convoke = Convoke::start(config).unwrap();
        let told = "look at janus.api_secret";
        let program = convoke.program();
        program
            .wait_line(told, |line| line.text.contains(told))
            .unwrap();
    });
}

#[test]
fn several_may_command_and_what_one_made_ends_with_them() {
    let path = "video::janus::several_may_command_and_what_one_made_ends_with_them";
    in_a_network(path, || {
        let Stage {
            mut owner,
            janus: _janus,
            convoke,
        } = stage(|config| config);
        let mut stranger = Owner::with(&convoke, "guess");
        assert_eq!(stranger.until_down(), "it refuses our secret");

        // One prepares, the other has the dialogs, and both hear what can be seen.
        let mut other = Owner::of(&convoke);
        owner.prepare(&["alice"]);
        let mut alice = Pictures::start(2).unwrap();
        other.publish(&mut alice, "alice", "a1");
        other.until_visible("alice", "a1", true);
        owner.until_visible("alice", "a1", true);

        // Sound is elsewhere, and who asks for it is told.
        let told = owner.ask_media(MediaCommand::Open { leg: leg("t1") });
        let words = "Janus has no AudioBridge plugin".into();
        assert_eq!(
            told,
            MediaEvent::Failed {
                leg: leg("t1"),
                words
            }
        );

        drop(other);
        owner.until_visible("alice", "a1", false);
    });
}

#[test]
fn a_janus_that_hangs_is_told_within_five_seconds() {
    let path = "video::janus::a_janus_that_hangs_is_told_within_five_seconds";
    in_a_network(path, || {
        let Stage {
            janus,
            mut owner,
            convoke: _convoke,
        } = stage(|config| config);
        owner.prepare(&["alice"]);
        let begin = clock::now();
        janus.program().hold();
        let words = owner.wait("end", |event| match event {
            VideoEvent::Ended {
                lost: Some(words), ..
            } => Some(words.clone()),
            _ => None,
        });
        let took = clock::now() - begin;
        println!("the hang was told after {took:?}: {words}");
        assert!(took < Duration::from_secs(5));
        owner.until_ready(false);

        janus.program().go_on();
        owner.until_ready(true);
        owner.prepare(&["alice"]);
        // What it had before it hung is swept away.
        assert_eq!(rooms(&janus), 1);
    });
}

/// How many conferences it has, from itself.
#[track_caller]
fn rooms(janus: &Janus) -> usize {
    look::rooms(janus, "janus.plugin.videoroom")
}

#[track_caller]
fn refused(owner: &mut Owner) -> (Refusal, String) {
    owner.wait("refusal", |event| match event {
        VideoEvent::Refused { refusal, words, .. } => Some((*refusal, words.clone())),
        _ => None,
    })
}
