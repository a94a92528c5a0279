//! The clock of the machine that the tests and their programs share, and how late it lets them be.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};

pub use testkit::clock::now_us;

/// Runs of a test that judges times, at most.
const RUNS: usize = 3;
/// How often the machine is asked.
const PERIOD: Duration = Duration::from_millis(5);
/// Stands before a run on the line by which one process tells it to another.
const TOLD: &str = "convoke-run ";

/// Watches by how much this machine is late with what is due at a time.
pub struct Lateness {
    stop: Sender<()>,
    watching: JoinHandle<Duration>,
}

impl Lateness {
    /// Begins to watch.
    pub fn watch() -> Self {
        let (stop, stopped) = mpsc::channel();
        let watching = thread::spawn(move || {
            #[expect(
                clippy::disallowed_methods,
                reason = "the machine's own time is what is watched"
            )]
            let now = Instant::now;
            let mut most = Duration::ZERO;
            loop {
                let due = now() + PERIOD;
                if stopped.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout) {
                    return most;
                }
                most = most.max(now().saturating_duration_since(due));
            }
        });
        Self { stop, watching }
    }

    /// Ends it, and gives the most that it was late by.
    pub fn end(self) -> Duration {
        drop(self.stop);
        self.watching.join().unwrap_or(Duration::MAX)
    }
}

/// What a run showed: what was not as promised, and by how much the machine was late meanwhile.
pub struct Run {
    /// Each in words; none, and the run was good.
    pub faults: Vec<String>,
    /// The most.
    pub late: Duration,
}

impl Run {
    /// Tells it to the process that started this one for it (`again`).
    pub fn tell(&self) {
        let late_us = u64::try_from(self.late.as_micros()).unwrap_or(u64::MAX);
        println!(
            "{TOLD}{}",
            json!({ "faults": self.faults, "late_us": late_us })
        );
    }

    /// The run of a process that printed this.
    ///
    /// # Errors
    /// It told none.
    pub fn told(said: &str) -> anyhow::Result<Self> {
        // libtest may have begun the line.
        let mut lines = said.lines().rev();
        let run = lines.find_map(|line| line.split_once(TOLD));
        let run: Value = serde_json::from_str(run.context("no run was told")?.1)?;
        let faults = run["faults"].as_array().context("a run without faults")?;
        let late_us = run["late_us"].as_u64().context("a run without lateness")?;
        Ok(Self {
            faults: faults.iter().map(said_of).collect(),
            late: Duration::from_micros(late_us),
        })
    }
}

fn said_of(fault: &Value) -> String {
    fault.as_str().unwrap_or_default().to_owned()
}

/// Judges promises that are about time. A run is good when all of them were kept. One that is not, on a machine that was itself late by more
/// than `limit`, says nothing of what is tested: there is another then, a few times. No run passes without what was promised.
///
/// # Panics
/// When promises were not kept and the machine was in time, or never was.
pub fn judge(limit: Duration, run: impl Fn() -> Run) {
    for runs_left in (0..RUNS).rev() {
        let Run { faults, late } = run();
        if faults.is_empty() {
            return;
        }
        assert!(
            late > limit && runs_left > 0,
            "{faults:#?}; this machine was up to {late:?} late"
        );
        println!("once more, as this machine was up to {late:?} late: {faults:#?}");
    }
}

#[test]
fn a_fault_counts_unless_the_machine_was_late_and_never_passes() {
    use std::cell::Cell;
    let runs = Cell::new(0);
    let limit = Duration::from_millis(50);
    let run = |late_ms: u64, good_at: u32| {
        runs.set(runs.get() + 1);
        Run {
            faults: if runs.get() == good_at {
                vec![]
            } else {
                vec!["no".to_owned()]
            },
            late: Duration::from_millis(late_ms),
        }
    };
    judge(limit, || run(0, 1));
    assert_eq!(runs.replace(0), 1);
    judge(limit, || run(60, 3));
    assert_eq!(runs.replace(0), 3);
    for late_ms in [0, 50, 60] {
        let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            judge(limit, || run(late_ms, 0))
        }));
        assert!(judged.is_err());
        assert_eq!(runs.replace(0), if late_ms == 60 { 3 } else { 1 });
    }
}

#[test]
fn a_run_is_told_from_process_to_process() {
    let said =
        "running 1 test\ntest x::y ... convoke-run {\"faults\":[\"6 s\"],\"late_us\":70000}\nok\n";
    let run = Run::told(said).unwrap();
    assert_eq!(run.faults, ["6 s"]);
    assert_eq!(run.late, Duration::from_millis(70));
    assert!(Run::told("test x::y ... ok").is_err());
}

#[test]
fn lateness_is_watched_until_its_end() {
    let watch = Lateness::watch();
    assert!(watch.end() < Duration::from_secs(20));
}
