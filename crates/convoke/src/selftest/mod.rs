//! `convoke selftest`: the whole road for real on loopback, with ephemeral ports and data: IM users, the gateway, the
//! conference service, the media bridge, and simulated telephones that each say a tone of their own.

mod audio;
mod cast;
mod reports;
mod scenes;
mod spectrum;
mod steps;

use std::time::Duration;

use anyhow::Result;
use runtime::clock;

use crate::cli::Selftest;
use cast::Cast;
use steps::{NAMES, Steps};

/// What all steps together may take, from the first moment; with `CLOSING_MAX` the two minutes that are promised.
const LIMIT: Duration = Duration::from_secs(110);
/// What is left for closing everything.
const CLOSING_MAX: Duration = Duration::from_secs(9);

/// Runs every step; `false` when one did not hold.
pub async fn run(options: Selftest) -> Result<bool> {
    let began = clock::now();
    let mut steps = Steps::new(options.json);
    let directory = match tempfile::tempdir() {
        Ok(directory) => directory,
        Err(error) => return Ok(not_begun(steps, format!("no temporary directory: {error}"))),
    };
    let cast = match clock::within(LIMIT, Cast::assemble(directory.path())).await {
        Ok(Ok(cast)) => cast,
        Ok(Err(error)) => return Ok(not_begun(steps, format!("{error:#}"))),
        Err(_) => return Ok(not_begun(steps, over())),
    };
    let left = LIMIT.saturating_sub(clock::now().duration_since(began));
    let played = clock::within(left, scenes::play(&cast, &mut steps)).await;
    if played.is_err() && !options.json {
        println!("stopped: {}", over());
    }
    let closed = clock::within(CLOSING_MAX, cast.dismiss()).await;
    let closed = closed.unwrap_or(false);
    if !closed {
        eprintln!("not everything could be closed in order");
    }
    Ok(steps.finish(closed))
}

/// Nothing could be tried at all.
fn not_begun(mut steps: Steps, why: String) -> bool {
    steps.step(NAMES[0], Err(why));
    steps.finish(true)
}

fn over() -> String {
    format!("the limit of {} s is over", LIMIT.as_secs())
}
