//! The descriptions of the web services and of REST, read by toolkits that know nothing of this repository.

use std::time::Duration;

use convoke_tests::config::Config;
use convoke_tests::convoke::Convoke;
use convoke_tests::peers::{python, tests_dir};
use convoke_tests::rest::Administrator;
use serde_json::json;
use testkit::GIVE_UP;

/// Longer than the judge's own bounds.
const JUDGE_LIMIT: Duration = Duration::from_secs(120);

#[test]
fn zeep_reads_the_wsdl_of_every_service() {
    for (file, service, port, operations) in [
        (
            "conference.wsdl",
            "ConferenceService",
            "Conference",
            &[
                "create",
                "add",
                "disconnect",
                "remove",
                "mute",
                "unmute",
                "hide",
                "unhide",
                "raiseHand",
                "lowerHand",
                "giveFloor",
                "lock",
                "unlock",
                "makeModerator",
                "handOver",
                "muteAll",
                "unmuteAll",
                "disconnectAll",
                "decline",
                "end",
                "pictures",
                "get",
            ][..],
        ),
        ("report.wsdl", "ReportingService", "Reporting", &["report"]),
    ] {
        let path = tests_dir().join("../docs/wsdl").join(file);
        let said = python::run("wsdl.py", &[path.to_str().unwrap()], GIVE_UP).unwrap();
        let offered = &said["services"][service][port]["operations"];
        for operation in operations {
            assert!(
                offered[operation].is_string(),
                "{file} lacks {operation}: {said}"
            );
        }
    }
    // Those of the allocator travel in MESSAGEs (RFC 3428), a binding that no toolkit knows: their port types are what it reads.
    let path = tests_dir().join("../docs/wsdl/video.wsdl");
    let said = python::run("wsdl.py", &[path.to_str().unwrap()], GIVE_UP).unwrap();
    for (port, operation, takes) in [
        ("VideoAllocator", "request", "invite"),
        ("VideoAllocator", "ways", "invite"),
        ("Modes", "modes", "person"),
        ("Modes", "callable", "number"),
    ] {
        let offered = said["portTypes"][port][operation].to_string();
        assert!(offered.contains(takes), "{operation}: {offered}");
    }
}

/// The document is valid, and what the server answers to good and bad requests is what the document says.
#[test]
fn rest_answers_as_its_openapi_document_says() {
    let convoke = Convoke::start(Config::new("example.test").unwrap()).unwrap();
    let administrator = Administrator::of(&convoke).unwrap();
    let telephones = [("work", "+15550101")];
    administrator.person("alice", "Alice", &telephones).unwrap();
    let token = administrator.signs_in(&convoke, "alice").unwrap();
    let key = std::fs::read_to_string(convoke.data().join("administrator.key")).unwrap();
    let url = convoke.ready()["url"].as_str().unwrap();
    let arguments = [url, &*token, key.trim()];
    let judged = python::run("openapi_judge.py", &arguments, JUDGE_LIMIT).unwrap();
    assert_eq!(judged["document"], json!([]));
    assert_eq!(judged["runs"], json!({ "person": 0, "administrator": 0 }));
}
