//! Telephones behind trunks are joined in one conference, and what happens to each is told.

use std::time::Duration;

use convoke_tests::peers::baresip::Telephone;
use convoke_tests::peers::sipp::{Sipp, Trunk};
use serde_json::json;
use testkit::GIVE_UP;

use super::stage::{Stage, baresips, behind, config, create, when};

const ALICE: &str = "+15550101";
const BOB: &str = "+15550201";
const CAROL: &str = "+15550301";

#[test]
fn telephones_of_a_sip_trunk_are_joined_in_one_conference() {
    let sipp = Sipp::start(Trunk {
        calls: 7,
        ..Trunk::default()
    })
    .unwrap();
    let mut stage = Stage::start(
        behind(&sipp),
        &[("alice", ALICE), ("bob", BOB), ("carol", CAROL)],
    );
    let others = [
        "bob",
        "carol",
        "+15550401",
        "+15550501",
        "+15550601",
        "+15550701",
    ];
    for number in &others[2..] {
        // Known telephones need not press 1.
        let user = number.replace("+1555", "user");
        let telephones = [("work", *number)];
        stage
            .administrator
            .person(&user, &user, &telephones)
            .unwrap();
    }
    let mut conference = stage.zeep.create(create("alice", &others)).unwrap();
    for name in ["alice"].iter().chain(&others) {
        conference
            .until_leg(&mut stage.zeep, name, "joined")
            .unwrap();
        assert_eq!(
            conference.states(name),
            ["queued", "dialling", "ringing", "answered", "joined"],
            "{name}"
        );
    }
    let now = stage
        .zeep
        .accepted("get", json!({ "conference": conference.id }))
        .unwrap();
    let roster = now["conference"]["participant"].as_array().unwrap();
    assert_eq!(roster.len(), 7);
    assert!(
        roster.iter().all(|one| one["leg"]["state"] == "joined"),
        "{roster:?}"
    );
    stage
        .zeep
        .accepted("end", json!({ "conference": conference.id }))
        .unwrap();
    assert_eq!(
        conference.until_ended(&mut stage.zeep).unwrap(),
        "by-command"
    );
    let outcome = sipp.finish(GIVE_UP).unwrap();
    assert_eq!(
        (outcome.ok, outcome.successful),
        (true, 7),
        "{}",
        outcome.errors
    );
}

/// T2, C9, T7 with baresip: it speaks, which is pushed as talking, and it hangs up.
#[test]
fn telephones_of_another_make_are_joined_talk_and_leave() {
    let telephone = |number, tone_hz| Telephone {
        number,
        tone_hz,
        ..Telephone::default()
    };
    let (config, [_alice, mut bob, mut carol]) = baresips(
        config(),
        [
            telephone(ALICE, 0.0),
            telephone(BOB, 700.0),
            telephone(CAROL, 0.0),
        ],
    );
    let people = [("alice", ALICE), ("bob", BOB), ("carol", CAROL)];
    let mut stage = Stage::start(config, &people);
    let zeep = &mut stage.zeep;
    let mut conference = zeep.create(create("alice", &["bob", "carol"])).unwrap();
    for name in ["alice", "bob", "carol"] {
        conference.until_leg(zeep, name, "joined").unwrap();
    }
    let talks = |report: &serde_json::Value, on: &str| {
        report["participant"]["name"] == "bob" && report["talking"] == on
    };
    conference
        .until(zeep, "bob talks", |report| talks(report, "on"))
        .unwrap();
    let silent = conference
        .reports
        .iter()
        .filter(|report| report["talking"] == "on");
    assert!(
        silent
            .clone()
            .all(|report| report["participant"]["name"] == "bob"),
        "only bob speaks: {:?}",
        silent.collect::<Vec<_>>()
    );
    let now = zeep
        .accepted("get", json!({ "conference": conference.id }))
        .unwrap();
    let talking: Vec<_> = now["conference"]["participant"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].as_str().unwrap(), one["talking"] == true))
        .collect();
    assert_eq!(talking, [("alice", false), ("bob", true), ("carol", false)]);

    carol.hang_up().unwrap();
    let at = conference.until_leg(zeep, "carol", "left").unwrap();
    assert_eq!(conference.reports[at]["leg"]["cause"]["reason"], "hung-up");
    bob.hang_up().unwrap();
    conference.until_leg(zeep, "bob", "left").unwrap();
    let now = zeep
        .accepted("get", json!({ "conference": conference.id }))
        .unwrap();
    let roster = now["conference"]["participant"].as_array().unwrap();
    let states: Vec<_> = roster.iter().map(|one| &one["leg"]["state"]).collect();
    assert_eq!(states, ["joined", "left", "left"]);
    assert_eq!(roster[1]["talking"], false);
    zeep.accepted("end", json!({ "conference": conference.id }))
        .unwrap();
    conference.until_ended(zeep).unwrap();
}

/// Each end of a telephone connection with its cause, as sipp plays it (T3, item 7), and C9 against sipp.
#[test]
fn every_way_that_a_call_can_end_is_told_with_its_cause() {
    let sipp = Sipp::start(Trunk {
        calls: 7,
        hangup_after: Duration::from_millis(800),
        ..Trunk::default()
    })
    .unwrap();
    let people = [
        ("alice", ALICE),
        ("busy", "+15550102"),
        ("absent", "+15550103"),
        ("declines", "+15550104"),
        ("short", "+15550105"),
        ("slow", "+15550106"),
        ("nobody", "+15550110"),
    ];
    let others = people[1..]
        .iter()
        .map(|(user, _)| *user)
        .collect::<Vec<_>>();
    let mut stage = Stage::start(
        behind(&sipp).set("conference", "ring_timeout_s", 5),
        &people,
    );
    let zeep = &mut stage.zeep;
    let mut conference = zeep.create(create("alice", &others)).unwrap();
    for (name, state, reason, sip) in [
        ("busy", "busy", "busy", Some(486)),
        ("absent", "no-answer", "ring-timeout", None),
        ("declines", "declined", "declined", Some(603)),
        ("short", "left", "hung-up", None),
        ("nobody", "unreachable", "unreachable", Some(404)),
    ] {
        let at = conference.until_leg(zeep, name, state).unwrap();
        let cause = &conference.reports[at]["leg"]["cause"];
        assert_eq!(cause["reason"], reason, "{cause}");
        if let Some(sip) = sip {
            assert_eq!(cause["sip"], sip, "{cause}");
        }
        assert!(cause["words"].as_str().unwrap().len() > 5, "{cause}");
    }
    conference.until_leg(zeep, "slow", "joined").unwrap();
    assert_eq!(
        conference.states("short"),
        [
            "queued", "dialling", "ringing", "answered", "joined", "left"
        ]
    );
    assert_eq!(
        conference.states("busy"),
        ["queued", "dialling", "ringing", "busy"]
    );
    zeep.accepted("end", json!({ "conference": conference.id }))
        .unwrap();
    conference.until_ended(zeep).unwrap();
    let outcome = sipp.finish(GIVE_UP).unwrap();
    assert_eq!(
        (outcome.ok, outcome.successful),
        (true, 7),
        "{}",
        outcome.errors
    );
    let rang_us = when(&outcome.messages, "+15550103", false, "CANCEL")
        - when(&outcome.messages, "+15550103", true, "SIP/2.0 180");
    assert!((4_800_000..6_500_000).contains(&rang_us), "{rang_us} µs");
}

/// T5: the person chooses, in the command or in their profile.
#[test]
fn the_telephone_that_the_user_chose_rings() {
    let sipp = Sipp::start(Trunk {
        calls: 4,
        ..Trunk::default()
    })
    .unwrap();
    let (work, mobile) = ("+15551001", "+15551101");
    let mut stage = Stage::start(behind(&sipp), &[("alice", work), ("bob", BOB)]);
    let two = [("work", work), ("mobile", mobile)];
    stage.administrator.person("alice", "alice", &two).unwrap();
    let zeep = &mut stage.zeep;
    let mut places = Vec::new();
    let mut call = |zeep: &mut convoke_tests::peers::zeep::Zeep, place: Option<&str>| {
        let mut initiator = json!({ "person": "alice" });
        if let Some(place) = place {
            initiator["place"] = place.into();
        }
        let mut conference = zeep.create(json!({ "initiator": initiator })).unwrap();
        let at = conference.until_leg(zeep, "alice", "joined").unwrap();
        places.push(conference.reports[at]["participant"]["place"].clone());
        zeep.accepted("end", json!({ "conference": conference.id }))
            .unwrap();
        conference.until_ended(zeep).unwrap();
    };
    call(zeep, None);
    call(zeep, Some("mobile"));
    let other = [("mobile", mobile), ("work", work)];
    stage
        .administrator
        .person("alice", "alice", &other)
        .unwrap();
    call(zeep, None);
    call(zeep, Some("work"));
    assert_eq!(places, ["work", "mobile", "mobile", "work"]);
    let outcome = sipp.finish(GIVE_UP).unwrap();
    let rang: Vec<_> = outcome
        .messages
        .iter()
        .filter(|spoken| !spoken.sent && spoken.message.method() == Some("INVITE"))
        .map(|spoken| {
            let uri = spoken.message.uri().unwrap();
            uri.split(['@', ':']).nth(1).unwrap().to_owned()
        })
        .collect();
    assert_eq!(rang, [work, mobile, mobile, work]);
}

/// T6, the dialled part, and C8: somebody who is no user, added by number while the conference runs.
#[test]
fn somebody_without_a_client_is_dialled_in() {
    let outside = "+15550199";
    let (config, [mut friend]) = baresips(
        config(),
        [Telephone {
            number: outside,
            ..Telephone::default()
        }],
    );
    let sipp = Sipp::start(Trunk::default()).unwrap();
    let config = config.trunk("sipp", sipp.addr(), "udp", &[]);
    let mut stage = Stage::start(config, &[("alice", ALICE)]);
    let zeep = &mut stage.zeep;
    let mut conference = zeep.create(create("alice", &[])).unwrap();
    conference.until_leg(zeep, "alice", "joined").unwrap();
    let abroad =
        json!({ "conference": conference.id, "participant": [{ "number": "+44 20 7946 0199" }] });
    assert_eq!(
        zeep.ask("add", abroad).unwrap().unwrap_err().code,
        "number-refused"
    );
    // As one dials it at home.
    let add = json!({ "conference": conference.id, "participant": [{ "number": "555-0199", "name": "Friend" }] });
    zeep.accepted("add", add).unwrap();
    conference.until_leg(zeep, "Friend", "confirming").unwrap();
    friend.press('1').unwrap();
    let at = conference.until_leg(zeep, "Friend", "joined").unwrap();
    let who = &conference.reports[at]["participant"];
    assert!(who["user"].is_null(), "{who}");
    assert!(
        !who.to_string().contains("5550199"),
        "a number is nobody else's business: {who}"
    );
    zeep.accepted("end", json!({ "conference": conference.id }))
        .unwrap();
    conference.until_ended(zeep).unwrap();
    friend.wait_event("CALL_CLOSED").unwrap();
}

/// C12: two telephones in which nobody speaks; the shortest idle time that can be configured is a minute, so this one takes longer
/// than others, doing nothing.
#[test]
fn a_conference_in_which_nobody_speaks_ends_by_itself() {
    let telephone = |number| Telephone {
        number,
        tone_hz: 0.0,
        ..Telephone::default()
    };
    let (config, [mut alice, mut bob]) = baresips(config(), [telephone(ALICE), telephone(BOB)]);
    let config = config.set("conference", "idle_end_min", 1);
    let mut stage = Stage::start(config, &[("alice", ALICE), ("bob", BOB)]);
    let zeep = &mut stage.zeep;
    let mut conference = zeep.create(create("alice", &["bob"])).unwrap();
    let joined = conference.until_leg(zeep, "bob", "joined").unwrap();
    for _ in 0..3 {
        let wait = json!({ "conference": conference.id, "since": conference.reports.len(), "waitMs": 15_000 });
        let answer = zeep.accepted("get", wait).unwrap();
        assert_eq!(
            answer["conference"]["state"], "running",
            "it has not ended yet"
        );
    }
    let reason = conference.until_ended(zeep).unwrap();
    let ended = &conference.reports[conference.reports.len() - 1]["ended"];
    assert_eq!(reason, "error", "{ended}");
    assert!(ended["words"] == "nobody spoke for 1 min", "{ended}");
    for name in ["alice", "bob"] {
        assert!(
            conference.place(name, "left") > Some(joined),
            "{name} was released"
        );
    }
    alice.wait_event("CALL_CLOSED").unwrap();
    bob.wait_event("CALL_CLOSED").unwrap();
}
