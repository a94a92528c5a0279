//! The conference web service as Python's zeep uses it, given only the WSDL and a token.

use std::time::Duration;

use convoke_tests::peers::sipp::{Outcome, Sipp, Trunk};
use convoke_tests::peers::zeep::Zeep;
use convoke_tests::rest;
use serde_json::json;
use testkit::GIVE_UP;

use super::stage::{DOMAIN, Stage, behind, config, create, when};

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
