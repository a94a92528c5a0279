//! The trunk and the bridge (item 7): digest, early media, races, both laws, keys and the voicemail guard.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::time::Duration;

use convoke_tests::again::on_time;
use convoke_tests::audio::{Law, RATE, level_dbfs};
use convoke_tests::convoke::{Convoke, may_have_own_mounts};
use convoke_tests::peers::baresip::Telephone;
use convoke_tests::peers::sipp::{Sipp, Trunk};
use convoke_tests::peers::zeep::is_leg;
use convoke_tests::skipped;
use serde_json::json;
use testkit::GIVE_UP;

use super::stage::{Stage, baresips, behind, config, create, likeness};

const ALICE: &str = "+15550101";
const BOB: &str = "+15550201";
const CAROL: &str = "+15550301";
/// A number of nobody here.
const OUTSIDE: &str = "+15550199";

fn telephone(number: &'static str, tone_hz: f64) -> Telephone {
    Telephone {
        number,
        tone_hz,
        ..Telephone::default()
    }
}

/// sipp's `verifyauth` checks the digest itself; the second trunk has the wrong password.
#[test]
fn the_trunk_is_paid_by_digest_and_a_wrong_password_is_told() {
    let sipp = Sipp::start(Trunk {
        calls: 3,
        ..Trunk::default()
    })
    .unwrap();
    let login = |password: &str| {
        [
            ("username", toml::Value::from("trunk")),
            ("password", toml::Value::from(password)),
        ]
    };
    // One trunk for each, since a call that one trunk refuses is tried over the next.
    let prefix = |prefix: &str| ("prefixes", toml::Value::from(vec![prefix.to_owned()]));
    let mut right = login("trunk-secret").to_vec();
    right.push(prefix("+1555"));
    let mut wrong = login("guessed").to_vec();
    wrong.push(prefix("+1666"));
    let config = config().trunk("right", sipp.addr(), "udp", &right).trunk(
        "wrong",
        sipp.addr(),
        "udp",
        &wrong,
    );
    let people = [
        ("alice", ALICE),
        ("bob", "+15550207"),
        ("carol", "+16660307"),
    ];
    let mut stage = Stage::start(config, &people);
    let zeep = &mut stage.zeep;
    let mut conference = zeep.create(create("alice", &["bob", "carol"])).unwrap();
    conference.until_leg(zeep, "bob", "joined").unwrap();
    let at = conference
        .until(zeep, "carol's end", |report| {
            report["participant"]["name"] == "carol" && !report["leg"]["cause"].is_null()
        })
        .unwrap();
    let leg = &conference.reports[at]["leg"];
    assert_eq!(
        (&leg["state"], &leg["cause"]["sip"]),
        (&json!("failed"), &json!(403)),
        "{leg}"
    );
    zeep.accepted("end", json!({ "conference": conference.id }))
        .unwrap();
    conference.until_ended(zeep).unwrap();
    let outcome = sipp.finish(GIVE_UP).unwrap();
    assert!(outcome.ok, "{}", outcome.errors);
    let secrets = outcome
        .messages
        .iter()
        .any(|spoken| format!("{:?}", spoken.message).contains("trunk-secret"));
    assert!(!secrets);
}

/// The carrier's name leads to two addresses (RFC 3263 §4.3). Nothing answers at the first: it is left after 5 s, and not tried first again.
#[test]
fn a_trunk_is_called_over_the_next_address_of_its_name_when_one_is_silent() {
    let test =
        "it::calls::trunk::a_trunk_is_called_over_the_next_address_of_its_name_when_one_is_silent";
    if !may_have_own_mounts() {
        return skipped(test, "mount namespaces cannot be made here");
    }
    let sipp = Sipp::start(Trunk {
        calls: 2,
        ..Trunk::default()
    })
    .unwrap();
    let silent = UdpSocket::bind(("127.0.0.9", sipp.addr().port())).unwrap();
    let name = ("server", toml::Value::from("carrier.test"));
    // Sound from outside has to reach us as well, of which only this machine can be told.
    let config = config()
        .set("media", "bind", "0.0.0.0")
        .set("media", "advertised", "127.0.0.1")
        .trunk("carrier", sipp.addr(), "udp", &[name]);
    let hosts = "127.0.0.1 localhost\n127.0.0.9 carrier.test\n127.0.0.1 carrier.test\n";
    let convoke = Convoke::start_with_hosts(config, hosts).unwrap();
    let people = [("alice", ALICE), ("bob", BOB)];
    let mut stage = Stage::with(convoke, &people);
    let zeep = &mut stage.zeep;

    // Alice is the first who is called, so it is her leg that finds the way; bob's goes it at once.
    let mut conference = zeep.create(create("alice", &["bob"])).unwrap();
    for who in ["alice", "bob"] {
        conference.until_leg(zeep, who, "joined").unwrap();
        let states = conference.states(who);
        assert_eq!(states.last(), Some(&"joined".to_owned()), "{states:?}");
        let dialled = states.iter().filter(|state| *state == "dialling");
        assert_eq!(dialled.count(), 1, "{states:?}");
    }
    silent.set_nonblocking(true).unwrap();
    let mut calls = BTreeSet::new();
    let mut datagram = [0; 65_535];
    while let Ok(length) = silent.recv(&mut datagram) {
        let message = String::from_utf8_lossy(&datagram[..length]).into_owned();
        assert!(message.starts_with("INVITE "), "{message}");
        let call = message.lines().find(|line| line.starts_with("Call-ID"));
        calls.insert(call.unwrap().to_owned());
    }
    assert_eq!(calls.len(), 1, "{calls:?}");
    zeep.accepted("end", json!({ "conference": conference.id }))
        .unwrap();
    conference.until_ended(zeep).unwrap();
    let outcome = sipp.finish(GIVE_UP).unwrap();
    assert!(outcome.ok, "{}", outcome.errors);
}

/// 200 crosses CANCEL (RFC 3261 §15: the call is then ended by BYE), and a telephone that rings is cancelled.
#[test]
fn an_answer_that_crosses_the_cancel_is_hung_up_and_nobody_joins() {
    let sipp = Sipp::start(Trunk {
        calls: 3,
        ..Trunk::default()
    })
    .unwrap();
    let people = [
        ("alice", ALICE),
        ("crossed", "+15550109"),
        ("rings", "+15550103"),
    ];
    let mut stage = Stage::start(behind(&sipp), &people);
    let zeep = &mut stage.zeep;
    let mut conference = zeep.create(create("alice", &["crossed", "rings"])).unwrap();
    for name in ["crossed", "rings"] {
        conference.until_leg(zeep, name, "ringing").unwrap();
        let participant = conference.participant(name).unwrap();
        let of = json!({ "conference": conference.id, "participant": participant });
        zeep.accepted("disconnect", of).unwrap();
        let at = conference.until_leg(zeep, name, "left").unwrap();
        assert_eq!(
            conference.reports[at]["leg"]["cause"]["reason"],
            "by-moderator"
        );
        assert_eq!(
            conference.states(name),
            ["queued", "dialling", "ringing", "left"]
        );
    }
    zeep.accepted("end", json!({ "conference": conference.id }))
        .unwrap();
    conference.until_ended(zeep).unwrap();
    // The scenario itself demands CANCEL, ACK and BYE of the crossed call.
    let outcome = sipp.finish(GIVE_UP).unwrap();
    assert_eq!(
        (outcome.ok, outcome.successful),
        (true, 3),
        "{}",
        outcome.errors
    );
}

/// One makes the offer of its return itself, the other leaves it to us and answers it with its ACK.
#[test]
fn a_telephone_puts_the_call_on_hold_and_takes_it_back() {
    let sipp = Sipp::start(Trunk {
        calls: 3,
        ..Trunk::default()
    })
    .unwrap();
    let people = [
        ("alice", ALICE),
        ("bob", "+15550211"),
        ("carol", "+15550312"),
    ];
    let mut stage = Stage::start(behind(&sipp), &people);
    let zeep = &mut stage.zeep;
    let mut conference = zeep.create(create("alice", &["bob", "carol"])).unwrap();
    for name in ["bob", "carol"] {
        let held = conference.until_leg(zeep, name, "held").unwrap();
        let talks = |report: &serde_json::Value| is_leg(report, name, "joined");
        conference.until_from(zeep, held, name, talks).unwrap();
    }
    let end = json!({ "conference": conference.id });
    zeep.accepted("end", end).unwrap();
    conference.until_ended(zeep).unwrap();
    let outcome = sipp.finish(GIVE_UP).unwrap();
    assert!(outcome.ok, "{}", outcome.errors);
}

/// Where each whole second begins.
fn seconds(heard: &[i16]) -> impl Iterator<Item = &[i16]> {
    heard.chunks_exact(RATE as usize)
}

/// A-law and µ-law in one call: each hears the other's tone at its level and not its own.
#[test]
fn both_laws_are_mixed_in_one_call() {
    let bob = Telephone {
        law: Law::Mu,
        ..telephone(BOB, 1_100.0)
    };
    let (config, [mut alice, mut bob]) = baresips(config(), [telephone(ALICE, 700.0), bob]);
    let mut stage = Stage::start(config, &[("alice", ALICE), ("bob", BOB)]);
    let zeep = &mut stage.zeep;
    let mut conference = zeep.create(create("alice", &["bob"])).unwrap();
    let talks = |name: &'static str| {
        move |report: &serde_json::Value| {
            report["participant"]["name"] == name && report["talking"] == "on"
        }
    };
    conference
        .until(zeep, "alice talks", talks("alice"))
        .unwrap();
    conference.until(zeep, "bob talks", talks("bob")).unwrap();
    alice.listen(2).unwrap();
    bob.listen(1).unwrap();
    zeep.accepted("end", json!({ "conference": conference.id }))
        .unwrap();
    conference.until_ended(zeep).unwrap();
    for (telephone, name, own, other) in [
        (&mut alice, "alice (A-law)", 700.0, 1_100.0),
        (&mut bob, "bob (µ-law)", 1_100.0, 700.0),
    ] {
        telephone.wait_event("CALL_CLOSED").unwrap();
        let heard = telephone.heard().unwrap();
        let loudest = seconds(&heard)
            .max_by(|a, b| level_dbfs(a, other).total_cmp(&level_dbfs(b, other)))
            .unwrap();
        let (theirs, mine) = (level_dbfs(loudest, other), level_dbfs(loudest, own));
        println!("{name}: the other at {theirs:.1} dBFS, itself at {mine:.1} dBFS");
        assert!(
            (-13.0..-7.0).contains(&theirs),
            "{name} hears the other at {theirs} dBFS"
        );
        assert!(mine < -50.0, "{name} hears itself at {mine} dBFS");
    }
}

/// Early media (183 with sound) counts as ringing and is passed to nobody.
#[test]
fn early_media_is_heard_by_nobody() {
    let sipp = Sipp::start(Trunk {
        calls: 1,
        rings_for: Duration::from_millis(2_500),
        ..Trunk::default()
    })
    .unwrap();
    let early = Telephone {
        answers: false,
        early: true,
        ..telephone(CAROL, 1_900.0)
    };
    let (config, [mut alice, mut carol]) = baresips(config(), [telephone(ALICE, 0.0), early]);
    let config = config.trunk("sipp", sipp.addr(), "udp", &[]);
    let bob = "+15550206";
    let mut stage = Stage::start(config, &[("alice", ALICE), ("bob", bob), ("carol", CAROL)]);
    let zeep = &mut stage.zeep;
    let mut conference = zeep.create(create("alice", &["carol", "bob"])).unwrap();
    conference.until_leg(zeep, "carol", "ringing").unwrap();
    // Bob rings for 2.5 s; once his tone is in the call, carol has made sound for that long.
    conference
        .until(zeep, "bob talks", |report| {
            report["participant"]["name"] == "bob" && report["talking"] == "on"
        })
        .unwrap();
    alice.listen(1).unwrap();
    let early: Vec<_> = conference.states("carol");
    assert_eq!(early, ["queued", "dialling", "ringing"]);
    carol.answer().unwrap();
    conference
        .until(zeep, "carol talks", |report| {
            report["participant"]["name"] == "carol" && report["talking"] == "on"
        })
        .unwrap();
    zeep.accepted(
        "get",
        json!({ "conference": conference.id, "since": 9_999, "waitMs": 1_500 }),
    )
    .ok();
    zeep.accepted("end", json!({ "conference": conference.id }))
        .unwrap();
    conference.until_ended(zeep).unwrap();
    alice.wait_event("CALL_CLOSED").unwrap();
    let heard = alice.heard().unwrap();
    let tenths: Vec<_> = heard.chunks_exact(RATE as usize / 5).collect();
    let first = |hz: f64| tenths.iter().position(|part| level_dbfs(part, hz) > -30.0);
    let (bob, carol) = (
        first(1_000.0).expect("bob was heard"),
        first(1_900.0).expect("carol was heard"),
    );
    assert!(
        bob < carol,
        "carol's early media was heard: {carol}, bob at {bob}"
    );
    for part in &tenths[..carol - 1] {
        let level = level_dbfs(part, 1_900.0);
        assert!(level < -50.0, "{level} dBFS of early media");
    }
}

/// RFC 4733 key 1 passes the guard; a mailbox that presses nothing does not. The prompt is English by default.
#[test]
fn a_person_presses_one_and_a_mailbox_is_taken_for_what_it_is() {
    on_time(
        "calls::trunk::a_person_presses_one_and_a_mailbox_is_taken_for_what_it_is",
        press_one_or_nothing,
    );
}

fn press_one_or_nothing() {
    let sipp = Sipp::start(Trunk::default()).unwrap();
    let (config, [mut alice, mut person]) =
        baresips(config(), [telephone(ALICE, 700.0), telephone(OUTSIDE, 0.0)]);
    let config = config.trunk("sipp", sipp.addr(), "udp", &[]);
    let mut stage = Stage::start(config, &[("alice", ALICE)]);
    let zeep = &mut stage.zeep;
    let mailbox = "+15550901";
    let mut conference = zeep.create(create("alice", &[OUTSIDE, mailbox])).unwrap();
    conference.until_leg(zeep, mailbox, "confirming").unwrap();
    conference.until_leg(zeep, OUTSIDE, "confirming").unwrap();
    // Another key is not the one.
    person.press('2').unwrap();
    let at = conference.until_leg(zeep, mailbox, "no-answer").unwrap();
    let cause = &conference.reports[at]["leg"]["cause"];
    assert_eq!(cause["reason"], "voicemail", "{cause}");
    assert!(conference.place(mailbox, "joined").is_none());
    assert!(conference.place(OUTSIDE, "joined").is_none());
    zeep.accepted("end", json!({ "conference": conference.id }))
        .unwrap();
    conference.until_ended(zeep).unwrap();
    for telephone in [&mut alice, &mut person] {
        telephone.wait_event("CALL_CLOSED").unwrap();
    }
    let heard = person.heard().unwrap();
    let loudest = seconds(&heard)
        .map(|part| level_dbfs(part, 700.0))
        .fold(-90.0, f64::max);
    assert!(
        loudest < -45.0,
        "before key 1 nobody is heard: {loudest} dBFS"
    );
    let mailbox_tone = seconds(&alice.heard().unwrap())
        .map(|part| level_dbfs(part, 1_000.0))
        .fold(-90.0, f64::max);
    assert!(
        mailbox_tone < -50.0,
        "nor does anybody hear them: {mailbox_tone} dBFS"
    );
    assert!(guard(&heard, "en") > 0.9 && guard(&heard, "de") < 0.5);
    assert!(sipp.finish(GIVE_UP).unwrap().ok);
}

/// The prompt in the configured language, and key 1 at once: then the other is heard.
#[test]
fn the_prompt_is_german_by_configuration() {
    on_time(
        "calls::trunk::the_prompt_is_german_by_configuration",
        prompt_in_german,
    );
}

fn prompt_in_german() {
    let (config, [_alice, mut person]) =
        baresips(config(), [telephone(ALICE, 700.0), telephone(OUTSIDE, 0.0)]);
    let mut stage = Stage::start(
        config.set("conference", "language", "de"),
        &[("alice", ALICE)],
    );
    let zeep = &mut stage.zeep;
    let mut conference = zeep.create(create("alice", &[OUTSIDE])).unwrap();
    conference.until_leg(zeep, OUTSIDE, "confirming").unwrap();
    person.listen(3).unwrap();
    person.press('1').unwrap();
    conference.until_leg(zeep, OUTSIDE, "joined").unwrap();
    person.listen(2).unwrap();
    zeep.accepted("end", json!({ "conference": conference.id }))
        .unwrap();
    conference.until_ended(zeep).unwrap();
    person.wait_event("CALL_CLOSED").unwrap();
    let heard = person.heard().unwrap();
    let (german, english) = (guard(&heard, "de"), guard(&heard, "en"));
    assert!(
        german > 0.9 && english < 0.5,
        "like the German prompt {german:.2}, like the English {english:.2}"
    );
    let tone = seconds(&heard)
        .map(|part| level_dbfs(part, 700.0))
        .fold(-90.0, f64::max);
    assert!(
        (-13.0..-7.0).contains(&tone),
        "after key 1 alice is heard: {tone} dBFS"
    );
}

/// How like the guard's prompt something in the first seconds is.
fn guard(heard: &[i16], language: &str) -> f64 {
    let beginning = heard.len().min(6 * RATE as usize);
    likeness(&heard[..beginning], "press-one-to-join", language)
}
