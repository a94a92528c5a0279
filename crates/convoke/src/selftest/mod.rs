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
use steps::Steps;

/// What the whole test may take.
const LIMIT: Duration = Duration::from_secs(115);

/// Runs every step; `false` when one did not hold.
pub async fn run(options: Selftest) -> Result<bool> {
    let mut steps = Steps::new(options.json);
    let directory = tempfile::tempdir()?;
    let cast = match Cast::assemble(directory.path()).await {
        Ok(cast) => cast,
        Err(error) => {
            steps.step("im.register", Err(format!("{error:#}")));
            return Ok(steps.finish());
        }
    };
    if clock::within(LIMIT, scenes::play(&cast, &mut steps))
        .await
        .is_err()
        && !options.json
    {
        println!("stopped: the limit of {} s is over", LIMIT.as_secs());
    }
    let ok = steps.finish();
    Ok(cast.dismiss().await && ok)
}
