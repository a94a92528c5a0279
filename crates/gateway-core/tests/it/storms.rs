//! Anything in any order: nothing panics, every MESSAGE and POST is answered once, one MESSAGE at a time to a device, and
//! in the end nothing is left hanging.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use convoke_types::LegState;
use convoke_types::report::Change;
use proptest::prelude::*;
use soap_proto::{Answer, Operation, OperationName};

use crate::scene::{ALICE_DEVICE, Scene, command, conference, create, done, leg, report};

#[derive(Debug, Clone)]
enum Step {
    Says(usize, usize),
    Command(bool),
    Garbage(Vec<u8>),
    Service(prop::sample::Index, u8),
    Result(prop::sample::Index, u16),
    Report(bool, bool),
    Wait(u64),
}

const SAYINGS: [&str; 9] = [
    "call bob",
    "who",
    "mute bob",
    "end",
    "help",
    "drop bob",
    "add zoe",
    "nonsense",
    "ruf bob an",
];

fn step() -> impl Strategy<Value = Step> {
    let status = prop::sample::select(vec![
        200u16, 202, 202, 202, 403, 404, 408, 410, 480, 503, 600,
    ]);
    prop_oneof![
        4 => (0usize..3, 0usize..SAYINGS.len()).prop_map(|(who, what)| Step::Says(who, what)),
        2 => any::<bool>().prop_map(Step::Command),
        1 => prop::collection::vec(any::<u8>(), 0..60).prop_map(Step::Garbage),
        5 => (any::<prop::sample::Index>(), 0u8..5).prop_map(|(i, how)| Step::Service(i, how)),
        5 => (any::<prop::sample::Index>(), status).prop_map(|(i, s)| Step::Result(i, s)),
        4 => (any::<bool>(), any::<bool>()).prop_map(|(words, talking)| Step::Report(words, talking)),
        2 => (0u64..50_000).prop_map(Step::Wait),
    ]
}

/// Plays the conference service for one call.
fn serve(scene: &mut Scene, at: usize, how: u8) {
    let (token, request) = scene.calls.remove(at);
    let snapshot = conference("c1", &[("Bob", "mobile")]);
    let answer = match (&request.operation, how) {
        (_, 0) => return scene.service_says(token, 0, b""),
        (_, 1) => return scene.service_says(token, 200, b"<x/>"),
        (Operation::List, _) => Ok(Answer::List {
            conferences: vec![snapshot],
        }),
        (Operation::Get { .. }, _) => Ok(Answer::Get {
            conference: snapshot,
            reports: Vec::new(),
        }),
        // Also the answer to another question than the one asked.
        (_, 2) => done(OperationName::Mute, snapshot),
        (operation, _) => done(operation.name(), snapshot),
    };
    scene.service_answers(token, &request, answer);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_order_of_anything(steps in prop::collection::vec(step(), 30..120)) {
        let mut scene = Scene::new();
        let mut version = 0;
        let mut under_way: BTreeMap<u64, String> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for step in steps {
            match step {
                // `says` and `sends` check that there is exactly one answer.
                Step::Says(who, what) => { scene.says(["alice", "bob", "carol"][who], SAYINGS[what]); }
                Step::Command(good) => {
                    let mut request = command(&scene, create());
                    if !good { request.headers.reply_to = None; }
                    scene.sends("alice", &request);
                }
                Step::Garbage(bytes) => {
                    let message = scene.message("alice", "text/xml", bytes);
                    scene.give(message);
                }
                Step::Service(at, how) if !scene.calls.is_empty() => {
                    let at = at.index(scene.calls.len());
                    serve(&mut scene, at, how);
                }
                Step::Result(at, status) if !under_way.is_empty() => {
                    let token = *under_way.keys().nth(at.index(under_way.len())).unwrap();
                    under_way.remove(&token);
                    scene.result(token, status);
                }
                Step::Report(words, talking) => {
                    version += 1;
                    let change = if talking { Change::Talking { on: true } } else { leg(LegState::Ringing) };
                    let address = if words { "sip:alice@example.org;convoke-words=en" } else { ALICE_DEVICE };
                    let answers = scene.report_answers.len();
                    prop_assert_eq!(scene.reports(Some(address), vec![report(version, Some("Bob"), change)]), 200);
                    prop_assert_eq!(scene.report_answers.len(), answers + 1);
                }
                Step::Wait(ms) => {
                    scene.wait(ms);
                }
                Step::Service(..) | Step::Result(..) => {}
            }
            for (token, to, _) in std::mem::take(&mut scene.sent) {
                prop_assert!(seen.insert(token), "a token is used once");
                // After 40 s without a result the gateway takes a MESSAGE for lost.
                let given = scene.sent_at[&token];
                under_way.retain(|old, _| given - scene.sent_at[old] < Duration::from_secs(40));
                prop_assert!(!under_way.values().any(|o| *o == to), "two at once to {}", to);
                under_way.insert(token, to);
            }
        }
        // The service and the devices fall silent: everything ends by itself.
        scene.wait(3_600_000);
        prop_assert_eq!(scene.gateway.calls_under_way(), 0);
        prop_assert_eq!(scene.gateway.poll_timeout(), None);
    }
}
