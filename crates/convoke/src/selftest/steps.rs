//! The self-test's steps: their names are a promise, each is said with its time as it passes.

use std::time::Instant;

use runtime::clock;
use serde::Serialize;

/// Every step, in the order in which they are told.
pub const NAMES: [&str; 16] = [
    "im.register",
    "im.message",
    "gateway.command",
    "command.repeat",
    "leg.ringing",
    "leg.joined",
    "leg.busy",
    "leg.no-answer",
    "audio.others",
    "audio.not-self",
    "audio.mute",
    "talking",
    "leg.left",
    "owner.end-order",
    "report.order",
    "log",
];

/// How one step went.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// One of `NAMES`.
    pub name: &'static str,
    /// Whether it held.
    pub ok: bool,
    /// How long it took since the one before, in milliseconds.
    pub ms: u64,
    /// What was measured, or what was wrong.
    pub detail: String,
}

/// Collects steps and says them.
pub struct Steps {
    json: bool,
    since: Instant,
    done: Vec<Step>,
}

#[derive(Serialize)]
struct Summary<'a> {
    ok: bool,
    steps: &'a [Step],
}

impl Steps {
    /// Nothing done yet.
    #[must_use]
    pub fn new(json: bool) -> Self {
        Self {
            json,
            since: clock::now(),
            done: Vec::new(),
        }
    }

    /// A step is over: `Ok` with what was measured, or `Err` with what was wrong.
    pub fn step(&mut self, name: &'static str, outcome: Result<String, String>) {
        let now = clock::now();
        let ms = u64::try_from(now.duration_since(self.since).as_millis()).unwrap_or(u64::MAX);
        self.since = now;
        let (ok, detail) = match outcome {
            Ok(detail) => (true, detail),
            Err(detail) => (false, detail),
        };
        let step = Step {
            name,
            ok,
            ms,
            detail,
        };
        if self.json {
            println!("{}", serde_json::json!({ "step": step }));
        } else {
            let mark = if ok { "ok    " } else { "FAILED" };
            println!("{mark} {name:<16} {ms:>6} ms  {}", step.detail);
        }
        self.done.push(step);
    }

    /// Sums up; steps that were not reached count as failed. Whether all held, and everything was closed in order.
    pub fn finish(mut self, closed: bool) -> bool {
        for name in NAMES {
            if !self.done.iter().any(|step| step.name == name) {
                self.step(name, Err("not reached".to_owned()));
            }
        }
        let ok = closed && self.done.iter().all(|step| step.ok);
        if self.json {
            let summary = Summary {
                ok,
                steps: &self.done,
            };
            println!("{}", serde_json::to_string(&summary).unwrap_or_default());
        } else {
            let held = self.done.iter().filter(|step| step.ok).count();
            println!("{held} of {} steps hold", self.done.len());
        }
        ok
    }
}
