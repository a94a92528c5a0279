//! The sound of a conference goes on at another bridge when its own is lost, and with it the telephones, in the calls that stand (V8).

use std::time::Duration;

use convoke_tests::again::on_time;
use convoke_tests::audio::{Law, RATE, level_dbfs};
use convoke_tests::peers::baresip::{Baresip, Telephone};
use convoke_tests::peers::zeep::{Followed, Zeep};
use runtime::clock;
use serde_json::{Value, json};
use toml::Value as Toml;

use super::look;
use super::stage::{UNHEARD_DBFS, await_bridge, mixed_by_all, mixer};
use crate::calls::own_clients::client;
use crate::calls::stage::{DOMAIN, Stage, baresips, config, create};

const PEOPLE: [(&str, &str, f64); 3] = [
    ("alice", "+15550101", 700.0),
    ("bob", "+15550201", 1_100.0),
    ("carol", "+15550301", 1_900.0),
];
/// What everybody is promised who was in.
const BACK_WITHIN: Duration = Duration::from_secs(5);
/// Of a second that is listened to, in samples.
const SLICE: usize = RATE as usize / 20;

fn talks(name: &str) -> impl Fn(&Value) -> bool {
    move |report| report["participant"]["name"] == name && report["talking"] == "on"
}

/// How long a tone was away at most, between two times at which it was heard.
fn away(heard: &[i16], hz: f64) -> Duration {
    let slices = heard.chunks_exact(SLICE);
    let there: Vec<bool> = slices.map(|slice| level_dbfs(slice, hz) > -20.0).collect();
    let first = there.iter().position(|heard| *heard).expect("it was heard");
    let longest = there[first..]
        .split(|heard| *heard)
        .map(<[bool]>::len)
        .max();
    let slices = u32::try_from(longest.unwrap_or_default()).unwrap();
    Duration::from_millis(50) * slices
}

/// Waits until who speaks is known to do so by the bridge that mixes now, and gives what was told of the move.
#[track_caller]
fn moved(zeep: &mut Zeep, conference: &mut Followed, from: usize, speak: &[&str]) -> String {
    let sound = |report: &Value| !report["sound"].is_null();
    conference
        .until_from(zeep, from, "the sound has moved", sound)
        .unwrap();
    let at = conference.reports[from..].iter().position(sound).unwrap() + from;
    for name in speak {
        conference.until_from(zeep, at, name, talks(name)).unwrap();
    }
    conference.reports[at]["sound"]["words"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Everybody hears whoever speaks, and nobody else.
#[track_caller]
fn assert_hear(telephones: &[Baresip; 3], speak: &[&str]) {
    for telephone in telephones {
        telephone.listen(2).unwrap();
    }
    for (telephone, (who, _, own)) in telephones.iter().zip(PEOPLE) {
        let heard = telephone.heard().unwrap();
        let last = &heard[heard.len() - RATE as usize..];
        for (name, _, hz) in PEOPLE {
            let level = level_dbfs(last, hz);
            match speak.contains(&name) && hz != own {
                true => assert!(
                    (-13.0..-7.0).contains(&level),
                    "{who} hears {name} at {level}"
                ),
                false => assert!(level < UNHEARD_DBFS, "{who} hears {name} at {level}"),
            }
        }
    }
}

#[test]
fn telephones_go_on_at_another_bridge_within_five_seconds_of_its_loss_and_at_a_third_one() {
    let path = "bridges::moving::telephones_go_on_at_another_bridge_within_five_seconds_of_its_loss_and_at_a_third_one";
    on_time(path, || {
        let (first, adapter) = mixer();
        let (second, other) = mixer();
        let telephones = PEOPLE.map(|(_, number, tone_hz)| Telephone {
            number,
            tone_hz,
            law: Law::A,
            ..Telephone::default()
        });
        let (config, mut telephones) = baresips(config(), telephones);
        let config = mixed_by_all(config, &[("one", &adapter), ("two", &other)]);
        let config = config.entry("media_bridge", &[("name", Toml::from("our own"))]);
        let mut stage = Stage::start(config, &PEOPLE.map(|(name, number, _)| (name, number)));
        for bridge in ["one", "two"] {
            await_bridge(&stage.convoke, bridge);
        }
        let zeep = &mut stage.zeep;
        let mut conference = zeep.create(create("alice", &["bob", "carol"])).unwrap();
        for (name, _, _) in PEOPLE {
            conference.until(zeep, name, talks(name)).unwrap();
        }
        let rooms = |janus| look::rooms(janus, "janus.plugin.audiobridge");
        assert_eq!(
            (rooms(&first), rooms(&second)),
            (1, 0),
            "of two alike the first"
        );
        let carols = conference.participant("carol").unwrap();
        let mute = json!({ "conference": conference.id, "participant": carols });
        zeep.accepted("mute", mute).unwrap();
        look::until_muted(&first, 1);
        let speak = ["alice", "bob"];
        assert_hear(&telephones, &speak);

        for (round, words) in [
            ("Janus", "one is lost"),
            ("the other's adapter", "two is lost"),
        ] {
            let from = conference.reports.len();
            let begin = clock::now();
            match round {
                "Janus" => first.crash().unwrap(),
                _ => other.program().kill(),
            }
            let told = moved(zeep, &mut conference, from, &speak);
            let took = clock::now() - begin;
            println!("{round} was killed; all spoke at the next bridge {took:?} later: {told}");
            assert!(told.starts_with(words), "{told}");
            assert!(took < BACK_WITHIN, "{took:?}");
            if round == "Janus" {
                assert_eq!(rooms(&second), 1);
                // Who was muted is.
                look::until_muted(&second, 1);
            }
            assert_hear(&telephones, &speak);
        }
        // Each is in the call that it had, and has missed no more than was promised.
        for (telephone, (who, _, own)) in telephones.iter().zip(PEOPLE) {
            let heard = telephone.heard().unwrap();
            for (name, _, hz) in PEOPLE.iter().filter(|(name, ..)| speak.contains(name)) {
                if *hz != own {
                    let missed = away(&heard, *hz);
                    println!("{who} missed {name} for {missed:?}");
                    assert!(missed < BACK_WITHIN, "{who} missed {name} for {missed:?}");
                }
            }
        }
        for (name, _, _) in PEOPLE {
            assert_eq!(
                conference.states(name).last().map(String::as_str),
                Some("joined")
            );
        }
        let now = zeep
            .accepted("get", json!({ "conference": conference.id }))
            .unwrap();
        assert_eq!(now["conference"]["soundMoves"], 2, "{now}");

        zeep.accepted("end", json!({ "conference": conference.id }))
            .unwrap();
        assert_eq!(conference.until_ended(zeep).unwrap(), "by-command");
        for telephone in &mut telephones {
            telephone.wait_event("CALL_CLOSED").unwrap();
        }
    });
}

/// A SIP client that called in by itself follows its sound as a telephone does that was called.
#[test]
fn a_client_that_called_over_plain_rtp_goes_on_at_another_bridge() {
    let path = "bridges::moving::a_client_that_called_over_plain_rtp_goes_on_at_another_bridge";
    on_time(path, || {
        let (janus, adapter) = mixer();
        let [(_, alices, alices_hz), (_, number, tone_hz), _] = PEOPLE;
        let telephone = Telephone {
            number,
            tone_hz,
            ..Telephone::default()
        };
        let (config, [bob]) = baresips(config(), [telephone]);
        let config = mixed_by_all(config, &[("one", &adapter)])
            .entry("media_bridge", &[("name", Toml::from("our own"))])
            .set("im", "digest", vec!["md5"]);
        let mut stage = Stage::start(config, &[("alice", alices), ("bob", number)]);
        await_bridge(&stage.convoke, "one");
        let mut alice = client(&stage, "alice", "tls", alices_hz, Law::A);
        let zeep = &mut stage.zeep;
        let wanted = json!({ "initiator": { "person": "alice", "place": "browser" }, "participant": [{ "person": "bob" }] });
        let mut conference = zeep.create(wanted).unwrap();
        alice
            .dial(&format!("sip:conf-{}@{DOMAIN}", conference.id))
            .unwrap();
        let both = ["alice", "bob"];
        for name in both {
            conference.until(zeep, name, talks(name)).unwrap();
        }
        assert_eq!(look::rooms(&janus, "janus.plugin.audiobridge"), 1);
        let from = conference.reports.len();
        let begin = clock::now();
        janus.crash().unwrap();
        let told = moved(zeep, &mut conference, from, &both);
        let took = clock::now() - begin;
        println!("both spoke at the next bridge {took:?} later: {told}");
        assert!(took < BACK_WITHIN, "{took:?}");
        alice.listen(2).unwrap();
        bob.listen(2).unwrap();
        for (telephone, hz) in [(&alice, tone_hz), (&bob, alices_hz)] {
            let heard = telephone.heard().unwrap();
            let level = level_dbfs(&heard[heard.len() - RATE as usize..], hz);
            assert!((-13.0..-7.0).contains(&level), "{hz} Hz at {level}");
            assert!(away(&heard, hz) < BACK_WITHIN);
        }
        alice.hang_up().unwrap();
        conference.until_ended(zeep).unwrap();
    });
}
