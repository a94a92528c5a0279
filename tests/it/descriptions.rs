//! The descriptions of the two web services, read by a toolkit that knows nothing of this repository.

use convoke_tests::peers::{python, tests_dir};
use testkit::GIVE_UP;

#[test]
fn zeep_reads_the_wsdl_of_both_services() {
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
                "get",
            ][..],
        ),
        ("report.wsdl", "ReportingService", "Reporting", &["report"]),
    ] {
        let path = tests_dir().join("../docs/wsdl").join(file);
        let said = python::run("wsdl.py", &[path.to_str().unwrap()], GIVE_UP).unwrap();
        let offered = &said[service][port]["operations"];
        for operation in operations {
            assert!(
                offered[operation].is_string(),
                "{file} lacks {operation}: {said}"
            );
        }
    }
}
