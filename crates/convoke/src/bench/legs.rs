//! P1, P3 and P4: what a telephone leg costs, and how many legs fit on one core, of telephones and of browsers.

use std::time::Duration;

use anyhow::Result;
use load::janus::{self, Janus};
use load::machine::{Meter, Used};
use load::media::{Config, Phones, Window};
use load::report::{OURS, Run};
use runtime::clock;
use serde_json::{Value, json};

use super::browsers::{Crowd, Seating};
use super::conference::Conference;
use super::{IN_TIME_MIN, Series, ours};

/// P1: telephones of the one conference, and how many of them talk.
const LEGS: usize = 400;
const TALKERS: usize = 3;
const WARM_UP: Duration = Duration::from_secs(3);
const LENGTH: Duration = Duration::from_secs(12);

/// P3: where the search begins, how it grows, and how near it has to come.
const FIRST: usize = 2_000;
const LEGS_MAX: usize = 9_000;
const NEAR: f64 = 0.04;
/// Fewer legs are not looked at.
const LEGS_MIN: usize = 30;
const SEARCH_WARM_UP: Duration = Duration::from_secs(2);
const SEARCH_LENGTH: Duration = Duration::from_secs(5);
/// The last word on a number of legs.
const PROOF_LENGTH: Duration = Duration::from_secs(12);
/// One search may take so long.
const SEARCH_MAX: Duration = Duration::from_secs(85);

/// P4: the same for browsers.
const BROWSERS_FIRST: [usize; 2] = [240, 1_200];
const BROWSERS_MAX: usize = 6_000;

/// Files that are no telephones' sockets.
const OTHER_FILES: usize = 500;

/// P1.
pub async fn cost(series: &mut Series<'_>) -> Result<()> {
    let peer = janus::is_installed().then_some(janus::NAME);
    while series.goes_on(peer) {
        if peer.is_some() {
            let (window, used) = run_janus(series).await?;
            series.add(cost_of(janus::NAME, &window, used))?;
        }
        let config = phones(series, LEGS);
        let conference = Conference::start(series.cores, config, LEGS).await?;
        let (window, used) = conference.window(WARM_UP, LENGTH).await?;
        conference.stop().await?;
        series.add(cost_of(OURS, &window, used))?;
    }
    Ok(())
}

async fn run_janus(series: &Series<'_>) -> Result<(Window, Used)> {
    let phones = Phones::start(phones(series, LEGS))?;
    let directory = ours::scratch()?;
    let mut janus = Janus::start(directory.path(), series.cores.server).await?;
    let locals: Vec<_> = (0..LEGS).filter_map(|leg| phones.local(leg)).collect();
    for (leg, remote) in janus.join(&locals)?.into_iter().enumerate() {
        phones.connect(leg, remote)?;
    }
    janus.drain()?;
    let server = &janus.server;
    phones
        .window(
            WARM_UP,
            LENGTH,
            || Meter::start(server),
            |meter| meter.stop(server),
        )
        .await
}

fn phones(series: &Series<'_>, legs: usize) -> Config {
    Config {
        legs,
        talkers: TALKERS,
        prompt: false,
        core: series.cores.load,
    }
}

fn cost_of(who: &'static str, window: &Window, used: Used) -> Run {
    let cost = used.cpu.as_secs_f64() * 1e6 / window.leg_seconds();
    Run::new(
        who,
        cost,
        &window.faults(LEGS, IN_TIME_MIN),
        details(window, used),
    )
}

fn details(window: &Window, used: Used) -> Value {
    json!({
        "cpu_ms": used.cpu.as_secs_f64() * 1e3,
        "steal_ms": used.stolen.as_secs_f64() * 1e3,
        "in_time": window.in_time(),
        "window": window,
    })
}

/// P3: grows a conference until packets are late, then closes in on the number. Each search has a server of its own.
pub async fn capacity(series: &mut Series<'_>) -> Result<()> {
    let mut guess = None;
    for _ in 0..super::RUNS_MIN {
        let bounds = Bounds {
            first: FIRST,
            most: LEGS_MAX,
            step: 1,
        };
        let config = phones(series, telephones_max());
        let first = bounds.begin(guess);
        let conference = Conference::start(series.cores, config, first).await?;
        let run = search(Legs::Telephones(Box::new(conference)), bounds, guess).await?;
        if run.valid {
            guess = Some(run.value);
        }
        series.add(run)?;
    }
    Ok(())
}

/// P4a and P4b: the same with browsers, in conferences of three or in one.
pub async fn browsers(series: &mut Series<'_>, seating: Seating) -> Result<()> {
    let mut guess = None;
    let [threes, one] = BROWSERS_FIRST;
    let bounds = match seating {
        Seating::Threes => Bounds {
            first: threes,
            most: BROWSERS_MAX,
            step: 3,
        },
        Seating::One => Bounds {
            first: one,
            most: BROWSERS_MAX,
            step: 1,
        },
    };
    for _ in 0..super::RUNS_MIN {
        let crowd = Crowd::start(series.cores, seating, bounds.begin(guess)).await?;
        let run = search(Legs::Browsers(Box::new(crowd)), bounds, guess).await?;
        if run.valid {
            guess = Some(run.value);
        }
        series.add(run)?;
    }
    Ok(())
}

/// Who is in: telephones called by a server, or browsers at a bridge.
enum Legs {
    Telephones(Box<Conference>),
    Browsers(Box<Crowd>),
}

impl Legs {
    async fn window(&mut self, warm_up: Duration, length: Duration) -> Result<(Window, Used)> {
        match self {
            Legs::Telephones(conference) => conference.window(warm_up, length).await,
            Legs::Browsers(crowd) => crowd.window(warm_up, length).await,
        }
    }

    async fn move_to(&mut self, legs: usize, next: usize) -> Result<()> {
        match self {
            Legs::Telephones(conference) if next > legs => conference.grow(next).await,
            Legs::Telephones(conference) => conference.shrink(next).await,
            Legs::Browsers(crowd) => crowd.move_to(next).await,
        }
    }

    async fn stop(self) -> Result<()> {
        match self {
            Legs::Telephones(conference) => conference.stop().await,
            Legs::Browsers(crowd) => {
                drop(crowd);
                Ok(())
            }
        }
    }
}

/// Where a search may go.
#[derive(Clone, Copy)]
struct Bounds {
    first: usize,
    most: usize,
    /// Numbers of legs are multiples of this.
    step: usize,
}

impl Bounds {
    fn begin(self, guess: Option<f64>) -> usize {
        guess.map_or(self.first, |guess| self.whole(scaled(guess, 0.85)))
    }
    fn whole(self, legs: usize) -> usize {
        legs / self.step * self.step
    }
}

async fn search(mut who: Legs, bounds: Bounds, guess: Option<f64>) -> Result<Run> {
    let begin = clock::now();
    let first = bounds.begin(guess);
    let factor = if guess.is_some() { 1.12 } else { 1.4 };
    let mut steps = Vec::new();
    let (mut good, mut bad) = (0, bounds.most + 1);
    let mut legs = first;
    // Grow while it holds, halve the gap when it does not.
    loop {
        let (window, used) = who.window(SEARCH_WARM_UP, SEARCH_LENGTH).await?;
        let holds = window.faults(legs, IN_TIME_MIN).is_empty();
        steps.push(step(legs, holds, &window, used));
        if holds {
            good = legs;
        } else {
            bad = legs;
        }
        let out_of_time = clock::now() - begin > SEARCH_MAX;
        let next = bounds.whole(match (good, bad) {
            (0, bad) => scaled(lossless(bad), 0.7),
            (good, bad) if bad > bounds.most => scaled(lossless(good), factor).min(bounds.most),
            (good, bad) => good.midpoint(bad),
        });
        let near = bad.abs_diff(good) <= scaled(lossless(good), NEAR);
        if out_of_time || near || next == good || next < LEGS_MIN {
            break;
        }
        who.move_to(legs, next).await?;
        legs = next;
    }
    if good == 0 {
        who.stop().await?;
        let faults = ["no number of legs held".to_owned()];
        return Ok(Run::new(OURS, 0.0, &faults, json!({ "steps": steps })));
    }
    // What held for a moment has to hold for a while; if it does not, a little less has to.
    let mut proof = good;
    loop {
        who.move_to(legs, proof).await?;
        legs = proof;
        let (window, used) = who.window(SEARCH_WARM_UP, PROOF_LENGTH).await?;
        let faults = window.faults(legs, IN_TIME_MIN);
        steps.push(step(legs, faults.is_empty(), &window, used));
        if faults.is_empty() || clock::now() - begin > SEARCH_MAX {
            who.stop().await?;
            return Ok(Run::new(
                OURS,
                lossless(legs),
                &faults,
                json!({ "steps": steps }),
            ));
        }
        proof = bounds.whole(scaled(lossless(legs), 0.93));
    }
}

/// Sockets for the load of P3: more than legs, since no number is called twice, and as many as the system allows.
fn telephones_max() -> usize {
    let files =
        runtime::files::raise_open_files_limit().and_then(|limit| usize::try_from(limit).ok());
    let rest = files.map_or(usize::MAX, |files| files.saturating_sub(OTHER_FILES));
    rest.min(LEGS_MAX + LEGS_MAX / 4)
}

fn step(legs: usize, holds: bool, window: &Window, used: Used) -> Value {
    json!({
        "legs": legs, "holds": holds, "in_time": window.in_time(), "lost": window.lost, "late": window.late,
        "late_max_ms": window.late_max_ms, "load_late_max_ms": window.load_late_max_ms,
        "cpu_ms": used.cpu.as_secs_f64() * 1e3, "seconds": window.seconds, "steal_ms": used.stolen.as_secs_f64() * 1e3,
    })
}

/// A number of legs as a value.
fn lossless(legs: usize) -> f64 {
    f64::from(u32::try_from(legs).unwrap_or(u32::MAX))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of legs, positive and far below 2^32"
)]
fn scaled(legs: f64, factor: f64) -> usize {
    (legs * factor) as usize
}
