//! Random commands, bridge events and time: nothing hangs, nothing is told twice, late, or out of order.
//!
//! `CONVOKE_SEED=n` begins with the case that a failure named; `CONVOKE_LONG=1` runs a million cases.

mod oracle;
mod random;
mod storm;

use std::collections::BTreeMap;
use std::env;
use std::hash::{BuildHasher, RandomState};
use std::thread;

use storm::Storm;

const CASES: u64 = 10_000;
const CASES_LONG: u64 = 1_000_000;
/// Fewest and most steps of a case, before everything is ended and drained.
const STEPS: (u64, u64) = (30, 60);

/// What has to have happened at least once in a run, or the run proves nothing about it.
const MUST_HAPPEN: [&str; 74] = [
    "reply create",
    "reply add",
    "reply call",
    "reply disconnect",
    "reply remove",
    "reply mute",
    "reply unmute",
    "reply end",
    "reply get",
    "fault not-allowed",
    "fault unknown-conference",
    "fault wrong-state",
    "leg joined",
    "leg held",
    "leg left hung-up",
    "leg left by-moderator",
    "leg left conference-ended",
    "leg left shutdown",
    "leg busy busy",
    "leg failed no-line",
    "leg failed trunk",
    "leg failed bridge",
    "leg no-answer ring-timeout",
    "leg no-answer voicemail",
    "ended by-command",
    "ended owner-left",
    "ended empty",
    "ended error",
    "ended shutdown",
    "removed",
    "talking",
    "handed over",
    "called over another trunk",
    "get since",
    "reply raiseHand",
    "reply lowerHand",
    "reply giveFloor",
    "reply lock",
    "reply unlock",
    "reply makeModerator",
    "reply handOver",
    "reply muteAll",
    "reply unmuteAll",
    "reply disconnectAll",
    "reply decline",
    "reply hide",
    "reply unhide",
    "hidden",
    "seen",
    "reply pictures",
    "pictures moved",
    "pictures lost",
    "leg left joined-elsewhere",
    "moving ringing",
    "moved",
    "stayed",
    "goes on",
    "moving left",
    "leg declined declined",
    "hand up",
    "hand down",
    "locked",
    "open",
    "role owner",
    "role moderator",
    "admitted",
    "admitted again",
    "refused 404",
    "awaited",
    "said HandUp",
    "said HandDown",
    "said Muted",
    "said Unmuted",
    "said MutedByModerator",
];

#[test]
fn no_sequence_hangs_and_reports_are_complete_and_in_order() {
    let cases = match env::var_os("CONVOKE_LONG") {
        Some(_) => CASES_LONG,
        None => CASES,
    };
    let first = match env::var("CONVOKE_SEED") {
        Ok(seed) => seed.parse().expect("CONVOKE_SEED is a number"),
        Err(_) => RandomState::new().hash_one(0) >> 16,
    };
    println!("{cases} cases from CONVOKE_SEED={first}");
    let workers = thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let happened = thread::scope(|scope| {
        let run = |worker| {
            scope.spawn(move || {
                let mut happened = BTreeMap::new();
                for case in (worker..cases).step_by(usize::try_from(workers).unwrap()) {
                    run_case(first + case, &mut happened);
                }
                happened
            })
        };
        let running: Vec<_> = (0..workers).map(run).collect();
        let mut all: BTreeMap<String, u64> = BTreeMap::new();
        for worker in running {
            let part = worker
                .join()
                .expect("a case failed; its seed and trace stand above");
            for (what, count) in part {
                *all.entry(what).or_default() += count;
            }
        }
        all
    });
    println!("{happened:#?}");
    for what in MUST_HAPPEN {
        assert!(happened.contains_key(what), "never happened: {what}");
    }
}

fn run_case(seed: u64, happened: &mut BTreeMap<String, u64>) {
    let steps = STEPS.0 + seed % (STEPS.1 - STEPS.0 + 1);
    let mut storm = Storm::new(seed);
    match storm.run(steps) {
        Ok(()) => {
            for (what, count) in storm.happened() {
                *happened.entry(what.clone()).or_default() += count;
            }
        }
        Err(_) => explain(seed, steps),
    }
}

/// Finds the shortest beginning of a failing case that still fails, and prints it.
fn explain(seed: u64, steps: u64) -> ! {
    for shorter in 0..=steps {
        let mut storm = Storm::new(seed);
        storm.trace = Some(Vec::new());
        if let Err(fault) = storm.run(shorter) {
            for line in storm.trace.iter().flatten() {
                println!("{line}");
            }
            panic!("CONVOKE_SEED={seed}, after {shorter} steps: {fault}");
        }
    }
    panic!("CONVOKE_SEED={seed} failed once and not again");
}
