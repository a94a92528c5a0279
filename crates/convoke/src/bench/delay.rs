//! P5: from the arrival of the RTP packet that holds a sample to the departure of the mixed one.

use std::time::Duration;

use anyhow::Result;
use load::media::Config;
use load::report::{OURS, Run, delays_ms, ms_of_us, quantile};
use serde_json::json;

use super::Series;
use super::conference::Conference;

/// One telephone in each millisecond of the 20, so that all phases against the server's tick are met.
const LEGS: usize = 20;
const SETTLE: Duration = Duration::from_secs(3);
const LENGTH: Duration = Duration::from_secs(35);
/// Marks that must come back for a 99th percentile.
const MARKS_MIN: usize = 100;

/// P5: its value is the 99th percentile of each run.
pub async fn measure(series: &mut Series<'_>) -> Result<()> {
    while series.goes_on(None) {
        let phones = Config {
            legs: LEGS,
            talkers: 0,
            prompt: true,
            core: series.cores.load,
        };
        let conference = Conference::start(series.cores, phones, LEGS).await?;
        runtime::clock::sleep(SETTLE).await;
        let stolen = load::machine::stolen();
        let mut delays = conference.phones.delays(LENGTH).await?;
        let stolen = load::machine::stolen().saturating_sub(stolen);
        conference.stop().await?;
        delays.delays_us.sort_unstable();
        let mut faults = Vec::new();
        if delays.missed + delays.strays > 0 {
            faults.push(format!(
                "{} marks did not come back, {} came unasked",
                delays.missed, delays.strays
            ));
        }
        if delays.delays_us.len() < MARKS_MIN {
            faults.push(format!(
                "{} marks came back, {MARKS_MIN} wanted",
                delays.delays_us.len()
            ));
        }
        let p99 = quantile(&delays.delays_us, 0.99).map_or(0.0, ms_of_us);
        let details = json!({
            "delays_ms": delays_ms(&delays.delays_us), "legs": LEGS, "missed": delays.missed,
            "load_late_max_ms": delays.load_late_max_ms, "steal_ms": stolen.as_secs_f64() * 1e3,
        });
        series.add(Run::new(OURS, p99, &faults, details))?;
    }
    Ok(())
}
