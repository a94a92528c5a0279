//! Programs of others command conferences over REST (C17), and telephones are kept and handed out there (T11).

use std::time::Duration;

use convoke_tests::convoke::Convoke;
use convoke_tests::peers::python;
use convoke_tests::peers::sipp::{Sipp, Trunk};
use convoke_tests::rest::Administrator;
use serde_json::json;
use testkit::GIVE_UP;

use super::stage::{behind, when};

const ALICE: &str = "+15550101";
const BOB: &str = "+15550201";
const PASSWORD: &str = "correct horse";
/// Longer than the whole conversation takes.
const LIMIT: Duration = Duration::from_secs(120);
/// The pause before a webhook that failed is tried again, as `docs/rest.md` tells it.
const RETRIED_AFTER_S: f64 = 5.0;
/// How much later at least the second attempt is signed: that pause by clocks that show whole seconds.
const SIGNED_APART_S: i64 = 4;

/// C17 and T11: Python's requests signs in, puts the telephones in order, starts, follows, mutes and ends a conference whose
/// telephones are sipp's, and is told by a signed webhook, again what it did not take at first.
#[test]
fn a_program_of_another_language_starts_follows_and_manages_a_conference() {
    let sipp = Sipp::start(Trunk {
        calls: 2,
        ..Trunk::default()
    })
    .unwrap();
    let config = behind(&sipp).set("http", "webhook_networks", vec!["127.0.0.0/8"]);
    let convoke = Convoke::start(config).unwrap();
    let administrator = Administrator::of(&convoke).unwrap();
    for (user, number) in [("alice", ALICE), ("bob", BOB)] {
        administrator
            .person(user, user, &[("work", number)])
            .unwrap();
    }
    let password = json!({ "password": PASSWORD });
    administrator
        .call("PUT", "/api/v1/users/alice/password", &password)
        .unwrap();
    let url = convoke.ready()["url"].as_str().unwrap().to_owned();
    let arguments = [url.as_str(), "alice", PASSWORD, "bob"];
    let seen = python::run("rest_program.py", &arguments, LIMIT).unwrap();

    assert_eq!((&seen["wrong"], &seen["after"]), (&json!(401), &json!(401)));
    assert_eq!(seen["session"]["user"], "alice@example.test");
    assert_eq!(seen["session"]["sip"], "/sip");
    assert_eq!(
        seen["telephones"],
        json!([
            { "label": "pocket", "number": "+15551101", "kind": "mobile", "default": false,
              "guard": null, "whenToUse": "on the road" },
            { "label": "work", "number": ALICE, "kind": "work", "default": true,
              "guard": null, "whenToUse": "" },
        ])
    );
    assert_eq!(
        seen["directory"],
        json!([{ "user": "bob@example.test", "name": "bob",
                 "places": [{ "label": "work", "kind": "work", "default": true }] }]),
        "places, but nobody else's numbers"
    );
    assert_eq!(seen["roles"], json!(["owner", "participant"]));
    let told: Vec<_> = seen["told"].as_array().unwrap().iter().collect();
    let place = |words: &str| told.iter().position(|one| *one == words);
    assert!(place("alice joined") < place("bob dialling"), "{told:?}");
    for words in [
        "bob joined",
        "bob muted",
        "bob left",
        "alice left",
        "conference ended",
    ] {
        assert!(place(words).is_some(), "{words}: {told:?}");
    }
    assert!(place("bob left") < place("alice left"));
    assert_eq!(seen["ended"], "by-command");
    assert_eq!(
        seen["webhook"],
        json!([
            ["conference.created", true, 503],
            ["conference.created", true, 204],
            ["conference.ended", true, 204],
        ])
    );
    assert_eq!(
        seen["deliveries"],
        json!([0, 0, 2]),
        "the same comes again, and the next one after it"
    );
    let pause = seen["pause"].as_f64().unwrap();
    assert!(pause >= RETRIED_AFTER_S, "{pause} s");
    let apart = seen["signed_apart"].as_i64().unwrap();
    assert!(
        apart >= SIGNED_APART_S,
        "what comes again is signed anew, with its own time: {apart} s later"
    );
    assert_eq!(seen["calls"], json!([["By program", false, [true, true]]]));

    let outcome = sipp.finish(GIVE_UP).unwrap();
    assert_eq!(
        (outcome.ok, outcome.successful),
        (true, 2),
        "{}",
        outcome.errors
    );
    let (alice, bob) = (
        when(&outcome.messages, ALICE, false, "INVITE"),
        when(&outcome.messages, BOB, false, "INVITE"),
    );
    assert!(
        alice < bob,
        "the default telephone of the profile rang, first"
    );
}
