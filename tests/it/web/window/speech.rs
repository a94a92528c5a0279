//! Known speech both ways between the window and a telephone: how good it arrives, how loud, and when. The browser treats the microphone as the
//! window asks it to for everybody: echo cancellation, noise suppression and gain control are on.

use std::path::Path;
use std::time::Duration;

use convoke_tests::again::on_time;
use convoke_tests::audio::{Law, RATE, lag, to_telephone, write_wav};
use convoke_tests::peers::baresip::{Baresip, Telephone};
use convoke_tests::peers::chromium::{Microphone, Sound, Visit};
use convoke_tests::peers::python;
use convoke_tests::spoilt::{SpoiltLine, rtp_sound};
use testkit::relay::Spoil;

use super::stage::{BOB, Stage, assert_faultless, config, signed_in, silence, speech};
use crate::calls::stage::with_telephone;
use convoke_tests::convoke::Convoke;

/// Silence of the microphone before anything is said: Chromium's microphone settles, too.
const ALICE_WAITS_S: usize = 2;
/// What alice says before the speech that is judged, with which both are in and the telephone has answered. The gain control and noise
/// suppression learn her voice and her level from it, as they do in every call; in Chromium's first ten seconds PESQ is 3.5 and the level 6 dB higher.
/// Her speech has −24 dBov (ITU-T P.56), a usual level, which is not changed for the test.
const ALICE_BEGINS: [&str; 2] = ["voicemail", "bob"];
/// Silence of the telephone from its answer on: alice's turn, so that her echo cancellation has nothing to do while she is judged.
const BOB_WAITS_S: usize = 24;
/// Silence of the telephone after its speech, until it has come. It hangs up then.
const BOB_STAYS_S: usize = 2;

/// The path of the test, as cargo prints it.
const TEST: &str = "web::window::speech::speech_passes_between_the_browser_and_a_telephone";

/// C9: PESQ, level and delay, at the telephone's socket and in the page.
#[test]
fn speech_passes_between_the_browser_and_a_telephone() {
    on_time(TEST, speak);
}

fn speak() {
    let (alices, bobs) = (speech(&["alice", "driver"]), speech(&["bob", "carol"]));
    let telephone = Telephone {
        number: BOB,
        ..Telephone::default()
    };
    let says = [silence(BOB_WAITS_S), bobs.clone(), silence(BOB_STAYS_S)].concat();
    let mut bob = Baresip::start_with(telephone, &says).unwrap();
    // Loses nothing; it tells when each packet passes.
    let line = SpoiltLine::before(bob.sip(), bob.rtp(), Spoil::default()).unwrap();
    let stage = Stage::of(Convoke::start(with_telephone(config(), BOB, line.sip())).unwrap());
    let begins = speech(&ALICE_BEGINS);
    let says = [silence(ALICE_WAITS_S), begins, alices.clone()].concat();
    let mut alice = signed_in(&Visit {
        own: true,
        ..Visit::to(stage.url(), Microphone::Says(says))
    });
    alice.call(&["bob"], "This browser").unwrap();
    bob.wait_event("CALL_ESTABLISHED").unwrap();
    alice.until_board("2 in the call").unwrap();
    bob.listen(BOB_WAITS_S + bobs.len() / RATE as usize)
        .unwrap();
    bob.wait_event("CALL_CLOSED").unwrap();
    let sounds = alice.sounds().unwrap();
    let heard = longest(&sounds, false);
    let own = longest(&sounds, true);

    let (at_socket_ms, at_socket) = rtp_sound(&line.heard());
    let to_bob = Ends {
        said: start_of(&alices, own.blocks[0].0, &at_telephone(own)),
        heard: start_of(&alices, at_socket_ms, &at_socket),
    };
    let to_alice = Ends {
        said: {
            let (start_ms, samples) = rtp_sound(&line.said());
            start_of(&bobs, start_ms, &samples)
        },
        heard: start_of(&bobs, heard.blocks[0].0, &at_telephone(heard)),
    };
    let results = [
        judge("browser to telephone", &alices, &at_socket, &to_bob),
        judge(
            "the same, as the telephone played it",
            &alices,
            &bob.heard().unwrap(),
            &to_bob,
        ),
        judge(
            "telephone to browser",
            &bobs,
            &at_telephone(heard),
            &to_alice,
        ),
    ];
    let faults: Vec<_> = results.into_iter().flatten().collect();
    assert!(faults.is_empty(), "{faults:#?}");
    assert_faultless(&mut alice);
}

/// When the speech began at its two ends, in milliseconds since 1970.
struct Ends {
    said: f64,
    heard: f64,
}

/// Scores what was heard; what is not good enough, if anything.
fn judge(way: &str, said: &[i16], heard: &[i16], ends: &Ends) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str, samples: &[i16]| {
        let path = dir.path().join(name);
        write_wav(&path, samples, Law::Linear).unwrap();
        path
    };
    let score = score(&path("said.wav", said), &path("heard.wav", heard));
    let (pesq, level) = (
        score["pesq"].as_f64().unwrap(),
        score["level_db"].as_f64().unwrap(),
    );
    let words = format!(
        "{way}: PESQ {pesq:.2}, level {level:+.1} dB, longest gap {} ms, delay {:.0} ms",
        score["longest_gap_ms"],
        ends.heard - ends.said
    );
    println!(
        "{words} (between the microphone's track and the telephone's socket, or the telephone's socket and the track that is played)"
    );
    (pesq < 3.5 || level.abs() > 3.0).then_some(words)
}

fn score(said: &Path, heard: &Path) -> serde_json::Value {
    let paths = [said.to_str().unwrap(), heard.to_str().unwrap()];
    python::run("pesq_score.py", &paths, Duration::from_secs(60)).unwrap()
}

fn longest(sounds: &[Sound], own: bool) -> &Sound {
    let of_kind = sounds.iter().filter(|sound| sound.own == own);
    of_kind
        .max_by_key(|sound| sound.samples.len())
        .expect("a track brought sound")
}

fn at_telephone(sound: &Sound) -> Vec<i16> {
    to_telephone(&sound.samples, sound.rate)
}

/// When a speech begins in what began at `start_ms`.
fn start_of(speech: &[i16], start_ms: f64, samples: &[i16]) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a place in a recording of seconds"
    )]
    let later = lag(speech, samples) as f64;
    start_ms + later * 1_000.0 / f64::from(RATE)
}
