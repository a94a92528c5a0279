//! Chromium restarts the ICE of its sound in mid-call, as a client other than our window may: the bridge takes it, and sound goes on by the
//! new pair of addresses.

use std::time::Duration;

use convoke_tests::again::alone;
use convoke_tests::audio::{RATE, longest_gap_ms, tone_in};
use convoke_tests::peers::baresip::Telephone;
use convoke_tests::peers::pictures::Pictures;
use serde_json::json;

use super::calls::{ALICE_HZ, BOB_HZ};
use super::window::stage::{BOB, DBFS, until_bob_hears};
use crate::calls::stage::{Stage, baresips, config, party};
use crate::video::people::Person;

/// How long the pause may be that bob hears, in milliseconds: as long as is promised of one who comes from another network.
const PAUSE_MAX_MS: u32 = 2_000;

fn attribute<'a>(sdp: &'a str, name: &str) -> &'a str {
    let mut lines = sdp.lines();
    let value = lines.find_map(|line| line.strip_prefix(name));
    value.expect("the attribute is there")
}

/// `RTCPeerConnection.restartIce()`, an offer and its answer, three times in one call.
#[test]
fn chromium_restarts_ice_and_its_sound_goes_on() {
    let _alone = alone();
    let telephone = Telephone {
        number: BOB,
        tone_hz: BOB_HZ.into(),
        ..Telephone::default()
    };
    let (config, [bob]) = baresips(config(), [telephone]);
    let people = [("alice", "+15550101"), ("bob", BOB)];
    let Stage {
        convoke,
        administrator,
        mut zeep,
    } = Stage::start(config, &people);
    let alice = json!({ "person": "alice", "place": "browser" });
    let parties = json!({ "initiator": alice, "participant": [party("bob")] });
    let mut conference = zeep.create(parties).unwrap();
    let mut alice = Person::enter(&convoke, &administrator, "alice", &conference.id);
    let mut browser = Pictures::start(1).unwrap();
    let mut offer = browser.voice("sound", ALICE_HZ).unwrap();
    let mut answer = alice.invite_in_time("sound", Some(&offer)).sdp;
    browser.answered("sound", &answer).unwrap();
    let took = browser.heard("sound").unwrap();
    println!("bob was heard {took:?} after the first offer was begun");
    until_bob_hears(&bob);

    for round in 1..=3 {
        let before = bob.heard().unwrap().len();
        let again = browser.voice("sound", ALICE_HZ).unwrap();
        let to_it = alice.invite_in_time("sound", Some(&again)).sdp;
        browser.answered("sound", &to_it).unwrap();
        for name in ["a=ice-ufrag:", "a=ice-pwd:"] {
            assert_ne!(attribute(&offer, name), attribute(&again, name));
            assert_ne!(attribute(&answer, name), attribute(&to_it, name));
        }
        // The keys stay: it is the same association (RFC 8842 §4).
        let keys = "a=fingerprint:";
        assert_eq!(attribute(&offer, keys), attribute(&again, keys));
        assert_eq!(attribute(&answer, keys), attribute(&to_it, keys));
        let took = browser.heard("sound").unwrap();
        until_bob_hears(&bob);
        let heard = bob.heard().unwrap();
        let there = tone_in(&heard[before..], RATE, ALICE_HZ.into(), DBFS);
        let pause = longest_gap_ms(&there);
        println!(
            "restart {round}: bob was heard by the new pair {took:?} after it was begun; he heard nothing for {pause} ms"
        );
        assert!(pause < PAUSE_MAX_MS, "{pause} ms");
        assert!(took < Duration::from_secs(10), "{took:?}");
        (offer, answer) = (again, to_it);
    }
    let end = json!({ "conference": conference.id });
    zeep.accepted("end", end).unwrap();
    conference.until_ended(&mut zeep).unwrap();
}
