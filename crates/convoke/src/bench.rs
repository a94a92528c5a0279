//! `convoke bench`: measures this build, and beside it the peers that are installed, in alternating runs. Every server gets a
//! data directory of its own and one core; the load (`crates/load`) has another.

mod board;
mod browsers;
mod commands;
mod conference;
mod delay;
mod legs;
mod messages;
mod ours;

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use load::machine::{Cores, Machine, pin_this_thread};
use load::report::{Better, Measure, Run, Summary};
use runtime::clock;
use serde::Serialize;
use serde_json::json;

use crate::cli::Bench;

/// No benchmark begins another run after this; one run takes less than what is left of 300 s.
const BEGIN_MAX: Duration = Duration::from_secs(210);
/// Valid runs of each server.
const RUNS_MIN: usize = 3;
/// Runs of each server that are tried at most for these.
const RUNS_MAX: usize = 6;
/// Share of the packets that has to come within 20 ms.
const IN_TIME_MIN: f64 = 0.9999;

/// Measures; `false` when the result is not valid.
pub async fn run(options: Bench) -> Result<bool> {
    // The load is one thread, so that it stays on its core and nothing of it runs on the server's.
    let worker = std::thread::Builder::new()
        .name("bench".into())
        .spawn(move || {
            let cores = Cores::choose();
            pin_this_thread(cores.load).context("the load cannot be kept on one core")?;
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?
                .block_on(measure(&options, cores))
        })?;
    tokio::task::spawn_blocking(move || worker.join())
        .await?
        .map_err(|_| anyhow!("the benchmark panicked"))?
}

async fn measure(options: &Bench, cores: Cores) -> Result<bool> {
    let out = Out { json: options.json };
    out.line(
        &json!({ "machine": Machine::this(), "cores": cores.count, "server_core": cores.server, "load_core": cores.load }),
        || format!("server on core {}, load on core {}", cores.server, cores.load),
    )?;
    let mut series = Series::new(&out, cores);
    let measure = measure_of(&options.id)?;
    let done = match measure.id {
        "P1" => legs::cost(&mut series).await,
        "P3" => legs::capacity(&mut series).await,
        "P4a" => legs::browsers(&mut series, browsers::Seating::Threes).await,
        "P4b" => legs::browsers(&mut series, browsers::Seating::One).await,
        "P5" => delay::measure(&mut series).await,
        "P8" => board::measure(&mut series).await,
        "P6a" => messages::measure(&mut series).await,
        _ => commands::measure(&mut series).await,
    };
    let seconds = (clock::now() - series.begin).as_secs_f64();
    let mut summary = match done {
        Ok(()) => Summary::of(measure, series.runs, seconds),
        Err(error) => Summary::failed(measure, series.runs, &format!("{error:#}"), seconds),
    };
    if cores.are_shared() {
        summary.valid = false;
        summary.why = "the machine has one core: server and load disturb each other".to_owned();
    }
    out.line(&summary, || said(&summary))?;
    Ok(summary.valid)
}

fn measure_of(id: &str) -> Result<Measure> {
    let janus = load::janus::is_installed().then_some(load::janus::NAME);
    let kamailio = load::kamailio::is_installed().then_some(load::kamailio::NAME);
    let (id, unit, better, peer) = match id {
        "P1" => ("P1", "µs of CPU a leg-second", Better::Lower, janus),
        "P3" => ("P3", "legs", Better::Higher, None),
        "P4a" => ("P4a", "legs", Better::Higher, None),
        "P4b" => ("P4b", "legs", Better::Higher, None),
        "P5" => ("P5", "ms", Better::Lower, None),
        "P6a" => ("P6a", "µs of CPU a message", Better::Lower, kamailio),
        "P8" => ("P8", "ms", Better::Lower, None),
        "P9a" => ("P9a", "ms", Better::Lower, None),
        other => return Err(anyhow!("there is no benchmark {other}")),
    };
    Ok(Measure {
        id,
        unit,
        better,
        peer,
        runs_min: RUNS_MIN,
    })
}

/// The runs of one benchmark.
struct Series<'a> {
    out: &'a Out,
    cores: Cores,
    begin: std::time::Instant,
    runs: Vec<Run>,
}

impl<'a> Series<'a> {
    fn new(out: &'a Out, cores: Cores) -> Self {
        Self {
            out,
            cores,
            begin: clock::now(),
            runs: Vec::new(),
        }
    }

    /// Keeps a run and shows it.
    fn add(&mut self, run: Run) -> Result<()> {
        self.out.line(&run, || {
            let why = if run.valid {
                String::new()
            } else {
                format!(" NOT VALID: {}", run.why)
            };
            format!("{:>9} {:>12}{why}", run.who, run.value)
        })?;
        self.runs.push(run);
        Ok(())
    }

    /// Whether another run (or pair, with a peer) is wanted and there is time for it.
    fn goes_on(&self, with: Option<&str>) -> bool {
        let valid = |who: &str| {
            self.runs
                .iter()
                .filter(|run| run.who == who && run.valid)
                .count()
        };
        let tried = self
            .runs
            .iter()
            .filter(|run| run.who == load::report::OURS)
            .count();
        let wanting = std::iter::once(load::report::OURS)
            .chain(with)
            .any(|who| valid(who) < RUNS_MIN);
        wanting && tried < RUNS_MAX && clock::now() - self.begin < BEGIN_MAX
    }
}

/// Standard output: JSON lines, or words.
struct Out {
    json: bool,
}

impl Out {
    fn line(&self, value: &impl Serialize, words: impl FnOnce() -> String) -> Result<()> {
        let line = if self.json {
            serde_json::to_string(value)?
        } else {
            words()
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}")?;
        Ok(out.flush()?)
    }
}

fn said(summary: &Summary) -> String {
    let value = summary
        .value
        .map_or("nothing".to_owned(), |value| value.to_string());
    let mut text = format!("{}: {value} {}", summary.id, summary.unit);
    if let (Some(peer), Some(value), Some(ratio)) =
        (summary.peer, summary.peer_value, summary.ratio)
    {
        text.push_str(&format!("; {peer}: {value}; {ratio:.2} times better"));
    }
    if !summary.valid {
        text.push_str(&format!("\nNOT VALID: {}", summary.why));
    }
    text
}
