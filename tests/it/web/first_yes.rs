//! Somebody is called at their telephone and in their client together: what they do in the client ends the ringing at once.

use std::time::Duration;

use convoke_tests::again::alone;
use convoke_tests::clock::{Lateness, Run, judge, now_us};
use convoke_tests::config::Config;
use convoke_tests::peers::sipp::{Sipp, Trunk};
use convoke_tests::rest::request;
use serde_json::json;
use testkit::GIVE_UP;

use super::calls::Browser;
use crate::calls::stage::{DOMAIN, Stage, create, when};

const ALICE: &str = "+15550101";
/// Rings until the call is cancelled.
const DAVE: &str = "+15550403";
/// Until the telephone is told that nobody needs it any more.
const CANCELLED_MAX_US: u64 = 500_000;
/// A machine that is itself later than this tells nothing of it.
const LATE: Duration = Duration::from_millis(100);

/// Dave's telephone rings; `act` gives when he did something about it, and what his leg at the telephone ends as.
fn ringing_ends(act: impl Fn(&mut Stage, &str, &str) -> u64) -> Run {
    let sipp = Sipp::start(Trunk {
        calls: 2,
        ..Trunk::default()
    })
    .unwrap();
    let config = Config::new(DOMAIN)
        .unwrap()
        .trunk("sipp", sipp.addr(), "udp", &[]);
    let mut stage = Stage::start(config, &[("alice", ALICE), ("dave", DAVE)]);
    let program = stage.convoke.program();
    let registered = program.wait_line("the registration of conferences", |line| {
        line.text.contains("conferences registered")
    });
    registered.unwrap();
    let mut conference = stage.zeep.create(create("alice", &["dave"])).unwrap();
    conference
        .until_leg(&mut stage.zeep, "dave", "ringing")
        .unwrap();
    let lateness = Lateness::watch();
    let dave = conference.participant("dave").unwrap();
    let acted = act(&mut stage, &conference.id, &dave);
    let cancelled = |report: &serde_json::Value| {
        let name = &report["participant"]["name"];
        name == "dave" && !report["leg"]["cause"].is_null()
    };
    conference
        .until(&mut stage.zeep, "the end of dave's telephone", cancelled)
        .unwrap();
    let late = lateness.end();
    let end = json!({ "conference": conference.id });
    stage.zeep.accepted("end", end).unwrap();
    conference.until_ended(&mut stage.zeep).unwrap();
    let outcome = sipp.finish(GIVE_UP).unwrap();
    assert!(outcome.ok, "{}", outcome.errors);
    let cancel = when(&outcome.messages, DAVE, false, "CANCEL");
    let after = cancel
        .checked_sub(acted)
        .expect("cancelled by what he did, not before");
    println!("the telephone was cancelled after {} ms", after / 1_000);
    let faults = (after > CANCELLED_MAX_US).then(|| format!("cancelled after {after} µs"));
    Run {
        faults: faults.into_iter().collect(),
        late,
    }
}

#[test]
fn the_telephone_is_cancelled_within_half_a_second_of_joining_in_the_client() {
    let _alone = alone();
    judge(LATE, || {
        ringing_ends(|stage, conference, _| {
            let mut dave = Browser::start(&stage.convoke, &stage.administrator, "dave");
            dave.call(conference);
            let invited = dave.invited_at();
            assert_eq!(dave.ask(&json!({ "hang_up": true }), "over"), 200);
            invited
        })
    });
}

#[test]
fn the_telephone_is_cancelled_within_half_a_second_of_declining_in_the_client() {
    let _alone = alone();
    judge(LATE, || {
        ringing_ends(|stage, conference, dave| {
            let token = stage.administrator.token("dave").unwrap();
            let authorization = format!("Authorization: Bearer {token}");
            let path = format!("/api/v1/conferences/{conference}/participants/{dave}/decline");
            let http = stage.convoke.addr("http").unwrap();
            let headers = [&*authorization, "Content-Type: application/json"];
            let declined = now_us();
            let answer = request(http, "POST", &path, &headers, b"{}").unwrap();
            assert_eq!(answer.status, 200, "{answer:?}");
            declined
        })
    });
}
