//! The conference web service as Python's zeep uses it, given only the WSDL and a token.

use std::time::Duration;

use convoke_tests::again::on_time;
use convoke_tests::peers::baresip::Telephone;
use convoke_tests::peers::sipp::{Outcome, Sipp, Trunk};
use convoke_tests::peers::zeep::{Followed, Zeep, is_leg};
use convoke_tests::rest;
use serde_json::json;
use testkit::GIVE_UP;

use super::stage::{DOMAIN, Stage, baresips, behind, config, create, when};

const ALICE: &str = "+15550101";
const BOB: &str = "+15550201";
const CAROL: &str = "+15550301";
const PEOPLE: [(&str, &str); 3] = [("alice", ALICE), ("bob", BOB), ("carol", CAROL)];

fn sipp(calls: u32) -> Sipp {
    Sipp::start(Trunk {
        calls,
        hangup_after: Duration::from_millis(1_500),
        ..Trunk::default()
    })
    .unwrap()
}

fn finished(sipp: Sipp, calls: u32) -> Outcome {
    let outcome = sipp.finish(GIVE_UP).unwrap();
    assert_eq!(
        (outcome.ok, outcome.successful),
        (true, calls),
        "{}",
        outcome.errors
    );
    outcome
}

/// C5, C7, C11: told at once, then every step; the initiator first, the others due together; ended in the right order.
#[test]
fn zeep_runs_a_whole_conference() {
    on_time(
        "calls::service::zeep_runs_a_whole_conference",
        run_a_whole_conference,
    );
}

fn run_a_whole_conference() {
    let sipp = sipp(3);
    let mut stage = Stage::start(behind(&sipp), &PEOPLE);
    let zeep = &mut stage.zeep;
    let mut conference = zeep.create(create("alice", &["bob", "carol"])).unwrap();
    let made = &conference.made;
    assert_eq!(made["state"], "starting", "{made}");
    let roles: Vec<_> = made["participant"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["role"])
        .collect();
    assert_eq!(roles, ["owner", "participant", "participant"]);
    for name in ["alice", "bob", "carol"] {
        conference.until_leg(zeep, name, "joined").unwrap();
        assert_eq!(
            conference.states(name),
            ["queued", "dialling", "ringing", "answered", "joined"]
        );
    }
    assert_eq!(
        conference.words()[..6],
        [
            "the conference created",
            "alice added",
            "alice queued",
            "bob added",
            "bob queued",
            "carol added",
        ]
    );
    let joined = conference.place("alice", "joined").unwrap();
    assert!(joined < conference.place("bob", "dialling").unwrap());
    assert!(joined < conference.place("carol", "dialling").unwrap());
    let versions: Vec<_> = conference
        .reports
        .iter()
        .map(|report| report["version"].as_u64().unwrap())
        .collect();
    let expected: Vec<_> = (1..=versions.len() as u64).collect();
    assert_eq!(versions, expected, "complete and in order");

    zeep.accepted("end", json!({ "conference": conference.id }))
        .unwrap();
    assert_eq!(conference.until_ended(zeep).unwrap(), "by-command");
    let words = conference.words();
    let mut others = words[words.len() - 4..words.len() - 2].to_vec();
    others.sort();
    assert_eq!(others, ["bob left", "carol left"]);
    assert_eq!(
        words[words.len() - 2..],
        ["alice left", "the conference ended: by-command"]
    );

    let outcome = finished(sipp, 3);
    let messages = &outcome.messages;
    let (bob, carol) = (
        when(messages, BOB, false, "INVITE"),
        when(messages, CAROL, false, "INVITE"),
    );
    assert!(when(messages, ALICE, false, "ACK") < bob.min(carol));
    assert!(
        bob.abs_diff(carol) < 100_000,
        "{} µs apart",
        bob.abs_diff(carol)
    );
    let owner = when(messages, ALICE, false, "BYE");
    assert!(when(messages, BOB, true, "SIP/2.0 200") < owner);
    assert!(
        when(messages, BOB, false, "BYE") < owner && when(messages, CAROL, false, "BYE") < owner
    );
}

/// C7: a trunk's rate spaces the INVITEs of those who are due together.
#[test]
fn a_trunks_rate_spaces_the_invites() {
    on_time(
        "calls::service::a_trunks_rate_spaces_the_invites",
        call_at_a_rate,
    );
}

fn call_at_a_rate() {
    let sipp = sipp(4);
    let rate = ("calls_per_second", toml::Value::from(4.0));
    let config = config().trunk("sipp", sipp.addr(), "udp", &[rate]);
    let mut people = PEOPLE.to_vec();
    people.push(("dave", "+15550401"));
    let mut stage = Stage::start(config, &people);
    let zeep = &mut stage.zeep;
    let mut conference = zeep
        .create(create("alice", &["bob", "carol", "dave"]))
        .unwrap();
    for name in ["bob", "carol", "dave"] {
        conference.until_leg(zeep, name, "joined").unwrap();
    }
    zeep.accepted("end", json!({ "conference": conference.id }))
        .unwrap();
    conference.until_ended(zeep).unwrap();
    let outcome = finished(sipp, 4);
    let mut at =
        [BOB, CAROL, "+15550401"].map(|number| when(&outcome.messages, number, false, "INVITE"));
    at.sort_unstable();
    for pair in at.windows(2) {
        let apart = pair[1] - pair[0];
        assert!(
            (200_000..600_000).contains(&apart),
            "{apart} µs apart at four a second"
        );
    }
}

/// C8: at any time, by the same path.
#[test]
fn participants_are_added_called_again_and_removed_at_any_time() {
    let sipp = sipp(4);
    let mut stage = Stage::start(behind(&sipp), &PEOPLE);
    let zeep = &mut stage.zeep;
    let mut conference = zeep.create(create("alice", &[])).unwrap();
    let id = conference.id.clone();
    let add = |who: &str| json!({ "conference": id, "participant": [{ "person": who }] });
    // While the initiator still rings: bob waits for them like everybody.
    zeep.accepted("add", add("bob")).unwrap();
    conference.until_leg(zeep, "bob", "joined").unwrap();
    assert!(conference.place("alice", "joined") < conference.place("bob", "dialling"));
    zeep.accepted("add", add("carol")).unwrap();
    conference.until_leg(zeep, "carol", "joined").unwrap();
    let (bob, carol) = (
        conference.participant("bob").unwrap(),
        conference.participant("carol").unwrap(),
    );
    let of = |who: &str| json!({ "conference": id, "participant": who });

    zeep.accepted("mute", of(&bob)).unwrap();
    conference
        .until(zeep, "bob muted", |report| report["muted"] == "on")
        .unwrap();
    zeep.accepted("unmute", of(&bob)).unwrap();
    conference
        .until(zeep, "bob unmuted", |report| report["muted"] == "off")
        .unwrap();

    zeep.accepted("disconnect", of(&bob)).unwrap();
    let at = conference.until_leg(zeep, "bob", "left").unwrap();
    assert_eq!(
        conference.reports[at]["leg"]["cause"]["reason"],
        "by-moderator"
    );
    zeep.accepted("call", of(&bob)).unwrap();
    conference
        .until_from(zeep, at, "bob again", |report| {
            report["participant"]["name"] == "bob" && report["leg"]["state"] == "joined"
        })
        .unwrap();

    zeep.accepted("remove", of(&carol)).unwrap();
    conference
        .until(zeep, "carol removed", |report| !report["removed"].is_null())
        .unwrap();
    let words = conference.words();
    let place = |what: &str| words.iter().position(|one| one == what);
    assert!(place("carol left").is_some() && place("carol left") < place("carol removed"));
    let now = zeep.accepted("get", json!({ "conference": id })).unwrap();
    let names: Vec<_> = now["conference"]["participant"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["alice", "bob"]);
    zeep.accepted("end", json!({ "conference": id })).unwrap();
    conference.until_ended(zeep).unwrap();
    finished(sipp, 4);
}

/// C10: the initiator hangs up, by sipp's …05.
#[test]
fn when_the_initiators_telephone_hangs_up_the_conference_ends() {
    let sipp = sipp(2);
    let mut stage = Stage::start(behind(&sipp), &[("alice", "+15550105"), ("bob", BOB)]);
    let zeep = &mut stage.zeep;
    let mut conference = zeep.create(create("alice", &["bob"])).unwrap();
    conference.until_leg(zeep, "bob", "joined").unwrap();
    assert_eq!(conference.until_ended(zeep).unwrap(), "owner-left");
    let cause = |name: &str| {
        let at = conference.place(name, "left").unwrap();
        (at, conference.reports[at]["leg"]["cause"]["reason"].clone())
    };
    let ((alice, hung_up), (bob, ended)) = (cause("alice"), cause("bob"));
    assert!(alice < bob && bob < conference.reports.len() - 1);
    assert_eq!(
        (hung_up, ended),
        (json!("hung-up"), json!("conference-ended"))
    );
    let outcome = finished(sipp, 2);
    assert!(
        when(&outcome.messages, "+15550105", true, "BYE")
            < when(&outcome.messages, BOB, false, "BYE")
    );
}

/// C10: by policy a moderator who is in becomes owner when the owner's telephone hangs up, and the conference goes on.
#[test]
fn by_policy_a_moderator_inherits_the_conference() {
    let (config, [mut alice]) = baresips(
        config(),
        [Telephone {
            number: ALICE,
            ..Telephone::default()
        }],
    );
    let sipp = sipp(2);
    let config = config.trunk("sipp", sipp.addr(), "udp", &[]);
    let mut stage = Stage::start(config, &PEOPLE);
    let zeep = &mut stage.zeep;
    let mut arguments = create("alice", &["bob", "carol"]);
    arguments["policy"] = json!({ "onOwnerLeft": "hand-over" });
    let mut conference = zeep.create(arguments).unwrap();
    for name in ["bob", "carol"] {
        conference.until_leg(zeep, name, "joined").unwrap();
    }
    let carol = conference.participant("carol").unwrap();
    let of = json!({ "conference": conference.id, "participant": carol });
    zeep.accepted("makeModerator", of).unwrap();
    alice.hang_up().unwrap();
    let owns = |report: &serde_json::Value, name: &str, role: &str| {
        let whom = &report["participant"];
        !report["role"].is_null() && whom["name"] == name && whom["role"] == role
    };
    conference
        .until(zeep, "carol owns it", |report| {
            owns(report, "carol", "owner")
        })
        .unwrap();
    let left = conference.place("alice", "left").unwrap();
    let words = conference.words();
    let told = |what: &str| words.iter().rposition(|one| one == what);
    assert!(told("alice is moderator").is_some() && told("alice left") < told("carol is owner"));
    assert_eq!(
        conference.reports[left]["leg"]["cause"]["reason"],
        "hung-up"
    );
    let now = zeep
        .accepted("get", json!({ "conference": conference.id }))
        .unwrap();
    assert_eq!(now["conference"]["state"], "running", "it goes on");
    let states: Vec<_> = now["conference"]["participant"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["role"], &one["leg"]["state"]))
        .map(|(role, state)| (role.as_str().unwrap(), state.as_str().unwrap()))
        .collect();
    assert_eq!(
        states,
        [
            ("moderator", "left"),
            ("participant", "joined"),
            ("owner", "joined")
        ]
    );
    // The new owner ends it.
    let token = stage.administrator.token("carol").unwrap();
    let mut carols = Zeep::start(&stage.convoke, &token).unwrap();
    carols
        .accepted("end", json!({ "conference": conference.id }))
        .unwrap();
    conference.until_ended(&mut carols).unwrap();
    finished(sipp, 2);
}

/// Hands, the floor, the lock, roles, everybody at once, and where somebody is called: each operation by an ordinary toolkit, each
/// seen in the reports and in the state.
#[test]
fn zeep_moderates_a_conference() {
    let sipp = sipp(8);
    let people = [("alice", ALICE), ("bob", BOB), ("carol", "+15550303")];
    let mut stage = Stage::start(behind(&sipp), &people);
    let zeep = &mut stage.zeep;
    let mut conference = zeep.create(create("alice", &["bob", "carol"])).unwrap();
    let id = conference.id.clone();
    let token = stage.administrator.token("bob").unwrap();
    let mut bobs = Zeep::start(&stage.convoke, &token).unwrap();
    let token = stage.administrator.token("carol").unwrap();
    let mut carols = Zeep::start(&stage.convoke, &token).unwrap();
    conference.until_leg(zeep, "bob", "joined").unwrap();
    conference.until_leg(zeep, "carol", "ringing").unwrap();
    let alice = conference.participant("alice").unwrap();
    let bob = conference.participant("bob").unwrap();
    let carol = conference.participant("carol").unwrap();
    let all = || json!({ "conference": id });
    let of = |who: &str| json!({ "conference": id, "participant": who });
    let code = |zeep: &mut Zeep, operation: &str, arguments| {
        let fault = zeep.ask(operation, arguments).unwrap().unwrap_err();
        fault.code
    };
    let place = |conference: &Followed, what: &str| {
        let words = conference.words();
        words.iter().rposition(|one| one == what)
    };

    // Her telephone rings; she says what is the matter instead.
    let mut words = of(&carol);
    words["words"] = "in a meeting".into();
    assert_eq!(code(&mut bobs, "decline", words.clone()), "not-allowed");
    carols.accepted("decline", words).unwrap();
    let at = conference.until_leg(zeep, "carol", "declined").unwrap();
    assert_eq!(
        conference.reports[at]["leg"]["cause"]["words"],
        "in a meeting"
    );

    // The queue of hands, and the floor.
    zeep.accepted("muteAll", all()).unwrap();
    bobs.accepted("raiseHand", of(&bob)).unwrap();
    zeep.accepted("raiseHand", of(&alice)).unwrap();
    let hands = |now: &serde_json::Value| -> Vec<Option<u64>> {
        let people = now["participant"].as_array().unwrap();
        assert!(
            people
                .iter()
                .all(|one| one["hand"].is_null() == one["handSince"].is_null())
        );
        people.iter().map(|one| one["hand"].as_u64()).collect()
    };
    let now = bobs.accepted("get", all()).unwrap();
    assert_eq!(hands(&now["conference"]), [Some(2), Some(1), None]);
    assert_eq!(code(&mut bobs, "giveFloor", of(&bob)), "not-allowed");
    assert_eq!(code(&mut bobs, "unmute", of(&bob)), "not-allowed");
    zeep.accepted("lowerHand", of(&alice)).unwrap();
    let now = zeep.accepted("giveFloor", of(&bob)).unwrap();
    assert_eq!(hands(&now), [None; 3]);
    assert_eq!(now["participant"][1]["muted"], false);
    zeep.accepted("unmuteAll", all()).unwrap();

    // The lock.
    let add = json!({ "conference": id, "participant": [{ "number": "+15550601" }] });
    assert_eq!(zeep.accepted("lock", all()).unwrap()["locked"], true);
    assert_eq!(code(&mut bobs, "add", add), "not-allowed");
    assert_eq!(zeep.accepted("unlock", all()).unwrap()["locked"], false);

    // Where somebody is called: at another number, and with a client of theirs, which nobody dials.
    let mut elsewhere = of(&carol);
    elsewhere["number"] = "555-0301".into();
    carols.accepted("call", elsewhere).unwrap();
    conference
        .until_from(zeep, at, "carol confirms", |report| {
            is_leg(report, "carol", "confirming")
        })
        .unwrap();
    zeep.accepted("disconnectAll", all()).unwrap();
    // Where they were; what rang elsewhere ends as well.
    let gone = |report: &serde_json::Value, name: &str| {
        let leg = &report["leg"];
        report["participant"]["name"] == name
            && leg["cause"]["reason"] == "by-moderator"
            && leg["moving"].is_null()
    };
    for name in ["bob", "carol"] {
        conference
            .until_from(zeep, at, "the others' end", |report| gone(report, name))
            .unwrap();
    }
    let mut browser = of(&carol);
    browser["place"] = "browser".into();
    let now = zeep.accepted("call", browser).unwrap();
    let carols_leg = &now["participant"][2];
    assert_eq!(
        (&carols_leg["place"], &carols_leg["leg"]["state"]),
        (&json!("browser"), &json!("ringing"))
    );

    // Roles.
    zeep.accepted("call", of(&bob)).unwrap();
    conference
        .until_from(zeep, at, "bob again", |report| {
            is_leg(report, "bob", "joined")
        })
        .unwrap();
    assert_eq!(code(&mut bobs, "makeModerator", of(&bob)), "not-allowed");
    zeep.accepted("makeModerator", of(&bob)).unwrap();
    assert_eq!(code(&mut bobs, "handOver", of(&bob)), "not-allowed");
    assert_eq!(code(zeep, "handOver", of(&carol)), "wrong-state");
    let now = zeep.accepted("handOver", of(&bob)).unwrap();
    let roles: Vec<_> = now["participant"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["role"])
        .collect();
    assert_eq!(roles, ["moderator", "owner", "participant"]);

    bobs.accepted("end", all()).unwrap();
    conference.until_ended(&mut bobs).unwrap();
    for what in [
        "bob muted: on",
        "bob hand: on",
        "bob hand: off",
        "bob muted: off",
        "alice hand: on",
        "alice hand: off",
        "the conference locked: on",
        "the conference locked: off",
        "bob is moderator",
        "bob is owner",
        "alice is moderator",
    ] {
        assert!(
            place(&conference, what).is_some(),
            "{what} was not told: {:#?}",
            conference.words()
        );
    }
    let versions = conference.reports.iter();
    let versions: Vec<_> = versions
        .map(|one| one["version"].as_u64().unwrap())
        .collect();
    let expected: Vec<_> = (1..=versions.len() as u64).collect();
    assert_eq!(versions, expected, "complete and in order");
    drop(sipp);
}

/// C4: every refusal is a typed fault to an ordinary toolkit, and commands are idempotent by their id.
#[test]
fn refusals_are_typed_faults_and_a_repeated_command_is_one() {
    let sipp = sipp(1);
    let mut stage = Stage::start(behind(&sipp), &PEOPLE);
    let zeep = &mut stage.zeep;
    let code = |zeep: &mut Zeep, operation: &str, arguments| {
        let fault = zeep.ask(operation, arguments).unwrap().unwrap_err();
        assert!(
            !fault.expected.is_empty() && !fault.came.is_empty(),
            "{fault:?}"
        );
        fault.code
    };
    let nothing = json!({ "conference": "none" });
    assert_eq!(code(zeep, "get", nothing.clone()), "unknown-conference");
    assert_eq!(code(zeep, "end", nothing), "unknown-conference");
    assert_eq!(
        code(zeep, "create", create("alice", &["mallory"])),
        "unknown-person"
    );
    assert_eq!(
        code(zeep, "create", create("alice", &["+19005550100"])),
        "number-refused"
    );
    assert_eq!(
        code(zeep, "create", create("alice", &["+442079460199"])),
        "number-refused"
    );
    let place = json!({ "initiator": { "person": "alice", "place": "yacht" } });
    assert_eq!(code(zeep, "create", place), "no-telephone");
    let number =
        json!({ "initiator": { "person": "alice" }, "participant": [{ "number": "12a" }] });
    assert_eq!(code(zeep, "create", number), "bad-request");
    assert_eq!(code(zeep, "create", create("bob", &[])), "not-allowed");

    let once = Some("urn:uuid:0e3f4d52-7b5c-4a6e-9d7d-2f0c8f6f6b11");
    let made = zeep
        .ask_as("create", create("alice", &[]), once)
        .unwrap()
        .unwrap();
    let again = zeep
        .ask_as("create", create("alice", &[]), once)
        .unwrap()
        .unwrap();
    assert_eq!(made["id"], again["id"]);
    let other = zeep
        .ask_as("create", create("alice", &["bob"]), once)
        .unwrap()
        .unwrap_err();
    assert_eq!(other.code, "command-id-reused");

    let mut eve =
        Zeep::start(&stage.convoke, &stage.administrator.token("carol").unwrap()).unwrap();
    let id = made["id"].as_str().unwrap();
    // To an outsider it is as if it were not there.
    assert_eq!(
        code(&mut eve, "end", json!({ "conference": id })),
        "unknown-conference"
    );
    let missing = json!({ "conference": id, "participant": "p99" });
    assert_eq!(code(zeep, "mute", missing), "unknown-participant");
    let mut nobody = Zeep::start(&stage.convoke, "cvk_guessed").unwrap();
    assert_eq!(code(&mut nobody, "list", json!({})), "unauthenticated");
    zeep.accepted("end", json!({ "conference": id })).unwrap();
    finished(sipp, 1);
}

/// The description that a toolkit loads has the address that serves it, and the service answers nothing without a token.
#[test]
fn the_description_is_served_with_its_own_address() {
    let stage = Stage::start(config(), &[("alice", ALICE)]);
    let http = stage.convoke.addr("http").unwrap();
    let wsdl = rest::request(http, "GET", "/soap/conference?wsdl", &[], b"").unwrap();
    assert_eq!(wsdl.status, 200);
    assert!(
        wsdl.body
            .contains(&format!("location=\"http://{http}/soap/conference\"")),
        "{}",
        wsdl.body
    );
    let naked = rest::request(
        http,
        "POST",
        "/soap/conference",
        &["Content-Type: text/xml"],
        b"<x/>",
    )
    .unwrap();
    assert_eq!(naked.status, 401, "{naked:?}");
    assert!(
        naked
            .head
            .to_lowercase()
            .contains("www-authenticate: bearer"),
        "{naked:?}"
    );
    let root = rest::request(http, "GET", "/", &[], b"").unwrap();
    assert_eq!(root.status, 200);
    assert!(
        root.body.contains("Convoke") && root.body.contains("<!doctype html>"),
        "{root:?}"
    );
    assert!(stage.convoke.ready()["domain"] == DOMAIN);
}
