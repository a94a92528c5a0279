//! A telephone conference whose sound Janus mixes in place of our own bridge: the whole server, with telephones of another make.

use std::time::Duration;

use convoke_tests::again::on_time;
use convoke_tests::audio::{Law, RATE, level_dbfs};
use convoke_tests::convoke::Convoke;
use convoke_tests::peers::baresip::{Baresip, Telephone};
use convoke_tests::peers::janus::Janus;
use runtime::clock;
use serde_json::{Value, json};

use super::look;
use super::stage::{UNHEARD_DBFS, adapter, mixed_by, mixer};
use crate::calls::stage::{Stage, baresips, config, create, likeness};

const ALICE: &str = "+15550101";
const BOB: &str = "+15550201";
const CAROL: &str = "+15550301";
/// A number of nobody here.
const OUTSIDE: &str = "+15550199";

const ALICE_HZ: f64 = 700.0;
const BOB_HZ: f64 = 1_100.0;
const CAROL_HZ: f64 = 1_900.0;

fn telephone(number: &'static str, tone_hz: f64, law: Law) -> Telephone {
    Telephone {
        number,
        tone_hz,
        law,
        ..Telephone::default()
    }
}

fn talks(name: &str, on: &str) -> impl Fn(&Value) -> bool {
    move |report| report["participant"]["name"] == name && report["talking"] == on
}

/// The second in which something is heard most.
fn loudest(heard: &[i16], hz: f64) -> &[i16] {
    let seconds = heard.chunks_exact(RATE as usize);
    let loudest = seconds.max_by(|a, b| level_dbfs(a, hz).total_cmp(&level_dbfs(b, hz)));
    loudest.expect("a second of sound")
}

/// In the loudest second the others are heard as they speak, and nobody hears themselves at any time.
#[track_caller]
fn assert_mixed(who: &str, heard: &[i16], own: f64, others: &[f64]) {
    for other in others {
        let level = level_dbfs(loudest(heard, *other), *other);
        println!("{who} hears {other} Hz at {level:.1} dBFS");
        assert!(
            (-13.0..-7.0).contains(&level),
            "{who}: {other} Hz at {level}"
        );
    }
    let echo = level_dbfs(loudest(heard, own), own);
    assert!(echo < UNHEARD_DBFS, "{who} hears itself at {echo} dBFS");
}

fn last_second(telephone: &Baresip) -> Vec<i16> {
    let heard = telephone.heard().unwrap();
    heard[heard.len() - RATE as usize..].to_vec()
}

#[test]
fn telephones_are_joined_muted_and_dropped_by_janus_in_place_of_our_own_bridge() {
    let path = "bridges::telephones::telephones_are_joined_muted_and_dropped_by_janus_in_place_of_our_own_bridge";
    on_time(path, || {
        let (janus, adapter) = mixer();
        let telephones = [
            telephone(ALICE, ALICE_HZ, Law::A),
            telephone(BOB, BOB_HZ, Law::Mu),
            telephone(CAROL, CAROL_HZ, Law::A),
        ];
        let (config, [mut alice, mut bob, mut carol]) = baresips(config(), telephones);
        let people = [("alice", ALICE), ("bob", BOB), ("carol", CAROL)];
        let mut stage = Stage::start(mixed_by(config, &adapter), &people);
        let zeep = &mut stage.zeep;
        let mut conference = zeep.create(create("alice", &["bob", "carol"])).unwrap();
        for (name, _) in people {
            conference.until(zeep, name, talks(name, "on")).unwrap();
        }
        assert_eq!(look::rooms(&janus, "janus.plugin.audiobridge"), 1);
        for telephone in [&alice, &bob, &carol] {
            telephone.listen(2).unwrap();
        }

        // Mute.
        let of =
            |conference: &str, who: String| json!({ "conference": conference, "participant": who });
        let bobs = conference.participant("bob").unwrap();
        zeep.accepted("mute", of(&conference.id, bobs.clone()))
            .unwrap();
        look::until_muted(&janus, 1);
        conference
            .until(zeep, "bob is quiet", talks("bob", "off"))
            .unwrap();
        alice.listen(2).unwrap();
        let heard = last_second(&alice);
        let (muted, other) = (level_dbfs(&heard, BOB_HZ), level_dbfs(&heard, CAROL_HZ));
        assert!(muted < UNHEARD_DBFS && other > -13.0, "{muted} {other}");
        let from = conference.reports.len();
        zeep.accepted("unmute", of(&conference.id, bobs)).unwrap();
        conference
            .until_from(zeep, from, "bob talks again", talks("bob", "on"))
            .unwrap();

        // Drop.
        let carols = conference.participant("carol").unwrap();
        zeep.accepted("disconnect", of(&conference.id, carols))
            .unwrap();
        conference.until_leg(zeep, "carol", "left").unwrap();
        carol.wait_event("CALL_CLOSED").unwrap();
        alice.listen(2).unwrap();
        let heard = last_second(&alice);
        let (dropped, other) = (level_dbfs(&heard, CAROL_HZ), level_dbfs(&heard, BOB_HZ));
        assert!(dropped < UNHEARD_DBFS && other > -13.0, "{dropped} {other}");

        // End.
        zeep.accepted("end", json!({ "conference": conference.id }))
            .unwrap();
        assert_eq!(conference.until_ended(zeep).unwrap(), "by-command");
        for telephone in [&mut alice, &mut bob] {
            telephone.wait_event("CALL_CLOSED").unwrap();
        }
        look::until_no_mix(&janus);
        let all = [ALICE_HZ, BOB_HZ, CAROL_HZ];
        for (telephone, who, own) in [
            (&alice, "alice (A-law)", ALICE_HZ),
            (&bob, "bob (µ-law)", BOB_HZ),
            (&carol, "carol (A-law)", CAROL_HZ),
        ] {
            let others: Vec<f64> = all.into_iter().filter(|hz| *hz != own).collect();
            assert_mixed(who, &telephone.heard().unwrap(), own, &others);
        }
    });
}

/// What the guard says and hears is not Janus', and holds with it: nobody is in the mix before they press 1.
#[test]
fn an_outside_number_passes_the_guard_into_the_mix_of_janus() {
    let path = "bridges::telephones::an_outside_number_passes_the_guard_into_the_mix_of_janus";
    on_time(path, || {
        let (_janus, adapter) = mixer();
        let telephones = [
            telephone(ALICE, ALICE_HZ, Law::A),
            telephone(OUTSIDE, BOB_HZ, Law::Mu),
        ];
        let (config, [alice, mut person]) = baresips(config(), telephones);
        let mut stage = Stage::start(mixed_by(config, &adapter), &[("alice", ALICE)]);
        let zeep = &mut stage.zeep;
        let mut conference = zeep.create(create("alice", &[OUTSIDE])).unwrap();
        conference.until_leg(zeep, OUTSIDE, "confirming").unwrap();
        person.listen(4).unwrap();
        let before = person.heard().unwrap();
        assert!(likeness(&before, "press-one-to-join", "en") > 0.9);
        let leak = level_dbfs(loudest(&before, ALICE_HZ), ALICE_HZ);
        assert!(
            leak < UNHEARD_DBFS,
            "before key 1 nobody is heard: {leak} dBFS"
        );
        let leak = level_dbfs(&last_second(&alice), BOB_HZ);
        assert!(leak < UNHEARD_DBFS, "nor do others hear them: {leak} dBFS");

        person.press('1').unwrap();
        conference.until_leg(zeep, OUTSIDE, "joined").unwrap();
        person.listen(2).unwrap();
        let level = level_dbfs(&last_second(&person), ALICE_HZ);
        assert!((-13.0..-7.0).contains(&level), "{level} dBFS");
        zeep.accepted("end", json!({ "conference": conference.id }))
            .unwrap();
        conference.until_ended(zeep).unwrap();
        person.wait_event("CALL_CLOSED").unwrap();
    });
}

/// What a Janus lacks is said where its operator looks and to who calls.
#[test]
fn a_janus_without_audiobridge_is_named_to_its_operator_and_to_who_calls() {
    let janus = Janus::start("127.0.0.1".parse().unwrap()).unwrap();
    let config_of_adapter = adapter(&janus).set("janus", "capacity", 200);
    let adapter = Convoke::start(config_of_adapter).unwrap();
    let telephones = [
        telephone(ALICE, ALICE_HZ, Law::A),
        telephone(BOB, BOB_HZ, Law::Mu),
    ];
    let (config, [_alice, _bob]) = baresips(config(), telephones);
    let people = [("alice", ALICE), ("bob", BOB)];
    let mut stage = Stage::start(mixed_by(config, &adapter), &people);
    let words = "the media bridge mixes no sound";
    let program = stage.convoke.program();
    let told = program.wait_line(words, |line| line.text.contains(words));
    assert!(told.unwrap().text.contains("Janus 1."));
    let zeep = &mut stage.zeep;
    let mut refused = zeep.create(create("alice", &["bob"])).unwrap();
    refused.until_ended(zeep).unwrap();
    let text = json!(refused.reports).to_string();
    assert!(text.contains("Janus has no AudioBridge plugin"), "{text}");
    assert_eq!(refused.states("alice"), ["queued", "failed"]);
}

/// What is promised of a bridge that is lost while there is no other (C12).
pub const TOLD_WITHIN: Duration = Duration::from_secs(2);

/// C12: the conference has no other bridge, so it ends by the error, everybody is told which, and the telephones are released.
#[test]
fn a_killed_janus_ends_the_conference_by_an_error_within_two_seconds() {
    let path =
        "bridges::telephones::a_killed_janus_ends_the_conference_by_an_error_within_two_seconds";
    on_time(path, || {
        let (mut janus, adapter) = mixer();
        let telephones = [
            telephone(ALICE, ALICE_HZ, Law::A),
            telephone(BOB, BOB_HZ, Law::Mu),
        ];
        let (config, [mut alice, mut bob]) = baresips(config(), telephones);
        let mut stage = Stage::start(
            mixed_by(config, &adapter),
            &[("alice", ALICE), ("bob", BOB)],
        );
        let zeep = &mut stage.zeep;
        for round in ["Janus", "its adapter"] {
            let mut conference = zeep.create(create("alice", &["bob"])).unwrap();
            for name in ["alice", "bob"] {
                conference.until(zeep, name, talks(name, "on")).unwrap();
            }
            let begin = clock::now();
            match round {
                "Janus" => janus.crash().unwrap(),
                _ => adapter.program().kill(),
            }
            assert_eq!(conference.until_ended(zeep).unwrap(), "error");
            let told = clock::now() - begin;
            for telephone in [&mut alice, &mut bob] {
                telephone.wait_event("CALL_CLOSED").unwrap();
            }
            let released = clock::now() - begin;
            let ended = &conference.reports[conference.reports.len() - 1]["ended"];
            println!(
                "{round} was killed, that was told after {told:?}, and the telephones were released after {released:?}: {ended}"
            );
            for took in [told, released] {
                assert!(took < TOLD_WITHIN, "{took:?}");
            }
            let words = ended["words"].as_str().unwrap();
            let lost = "the connection to the bridge was lost: ";
            assert!(
                words.starts_with(lost) && words.len() > lost.len(),
                "{words}"
            );
            for name in ["alice", "bob"] {
                let at = conference.reports.iter().rposition(|report| {
                    report["participant"]["name"] == name && !report["leg"]["cause"].is_null()
                });
                let cause = &conference.reports[at.expect(name)]["leg"]["cause"];
                assert_eq!(cause["reason"], "bridge", "{cause}");
            }
            if round == "Janus" {
                // While it is away nobody is called, and why is said.
                let mut refused = zeep.create(create("alice", &["bob"])).unwrap();
                refused.until_ended(zeep).unwrap();
                let text = json!(refused.reports).to_string();
                assert!(text.contains(r#""reason":"media""#), "{text}");
                assert_eq!(refused.states("alice"), ["queued", "failed"]);
                let program = stage.convoke.program();
                let from = program.lines().len();
                janus.restart().unwrap();
                let ready = "the media bridge is ready";
                program
                    .wait_line_from(from, ready, |line| line.text.contains(ready))
                    .unwrap();
            }
        }
    });
}
