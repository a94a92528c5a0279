//! What a benchmark says: one JSON object for each run, and one that sums up (the form is that of the design's *Speed*).

use serde::Serialize;
use serde_json::{Map, Value, json};

/// Whether less or more is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Costs and delays.
    Lower,
    /// Numbers of things done.
    Higher,
}

/// One run of one server.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// `ours`, or the peer's name.
    pub who: &'static str,
    /// The value in the benchmark's unit.
    pub value: f64,
    /// Whether it counts.
    pub valid: bool,
    /// Why it does not.
    pub why: String,
    /// Whatever else was measured.
    #[serde(flatten)]
    pub details: Map<String, Value>,
}

/// The name of our own runs.
pub const OURS: &str = "ours";

impl Run {
    /// A run that counts unless one of the faults is given.
    pub fn new(who: &'static str, value: f64, faults: &[String], details: Value) -> Self {
        Self {
            who,
            value: rounded(value),
            valid: faults.is_empty(),
            why: faults.join("; "),
            details: match details {
                Value::Object(details) => details,
                _ => Map::new(),
            },
        }
    }
}

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    /// As in the table of targets.
    pub id: &'static str,
    /// Of the value.
    pub unit: &'static str,
    /// Direction.
    pub better: Better,
    /// The peer that the table names and that is installed.
    pub peer: Option<&'static str>,
    /// Runs of each that must be valid.
    pub runs_min: usize,
}

/// The object that sums up.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// As in the table of targets.
    pub id: &'static str,
    /// Median of our valid runs; `null` without one.
    pub value: Option<f64>,
    /// Of the value.
    pub unit: &'static str,
    /// Direction.
    pub better: Better,
    /// Whether enough runs were valid.
    pub valid: bool,
    /// Why not.
    pub why: String,
    /// The peer that ran beside us.
    pub peer: Option<&'static str>,
    /// Median of its valid runs.
    pub peer_value: Option<f64>,
    /// How many times better than the peer we are.
    pub ratio: Option<f64>,
    /// Every run, valid or not, in order.
    pub runs: Vec<Run>,
    /// How long all took.
    pub seconds: f64,
}

impl Summary {
    /// Sums runs up: medians of the valid ones, and the ratio between them.
    pub fn of(measure: Measure, runs: Vec<Run>, seconds: f64) -> Self {
        let values = |who: &str| -> Vec<f64> {
            let theirs = runs.iter().filter(|run| run.who == who && run.valid);
            theirs.map(|run| run.value).collect()
        };
        let ours = values(OURS);
        let theirs = measure.peer.map(values).unwrap_or_default();
        let mut faults = Vec::new();
        let wanted = std::iter::once((OURS, ours.len()))
            .chain(measure.peer.map(|peer| (peer, theirs.len())));
        for (who, count) in wanted {
            if count < measure.runs_min {
                let last = runs.iter().rev().find(|run| run.who == who && !run.valid);
                faults.push(format!(
                    "{who}: {count} valid runs, {} wanted{}",
                    measure.runs_min,
                    last.map(|run| format!("; {}", run.why)).unwrap_or_default()
                ));
            }
        }
        let (value, peer_value) = (median(ours), median(theirs));
        let ratio = value.zip(peer_value).map(|(value, peer)| {
            rounded(match measure.better {
                Better::Lower => peer / value,
                Better::Higher => value / peer,
            })
        });
        Self {
            id: measure.id,
            value,
            unit: measure.unit,
            better: measure.better,
            valid: faults.is_empty(),
            why: faults.join("; "),
            peer: measure.peer,
            peer_value,
            ratio: ratio.filter(|ratio| ratio.is_finite()),
            runs,
            seconds: rounded(seconds),
        }
    }

    /// For a benchmark that could not even run.
    pub fn failed(measure: Measure, runs: Vec<Run>, why: &str, seconds: f64) -> Self {
        let mut summary = Self::of(measure, runs, seconds);
        summary.valid = false;
        summary.why = why.to_owned();
        summary
    }
}

/// The middle one; the mean of the two in the middle of an even number.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied()?;
    let lower = values.get((values.len() - 1) / 2).copied()?;
    Some(rounded(f64::midpoint(lower, upper)))
}

/// The value that `share` of the sorted values do not exceed.
pub fn quantile(sorted: &[u64], share: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a list that fits into memory, from a share between 0 and 1"
    )]
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(place.clamp(1, sorted.len().max(1)) - 1).copied()
}

/// Four digits after the point are more than any of these measurements can tell.
pub fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// Three numbers that show how a set of delays lies, in milliseconds; the delays are sorted microseconds.
pub fn delays_ms(sorted_us: &[u64]) -> Value {
    let at = |share| quantile(sorted_us, share).map(ms_of_us);
    json!({ "p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": at(1.0), "count": sorted_us.len() })
}

/// Microseconds as milliseconds.
pub fn ms_of_us(us: u64) -> f64 {
    std::time::Duration::from_micros(us).as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURE: Measure = Measure {
        id: "P1",
        unit: "µs",
        better: Better::Lower,
        peer: Some("janus"),
        runs_min: 3,
    };

    fn run(who: &'static str, value: f64, fault: Option<&str>) -> Run {
        let faults: Vec<String> = fault.map(str::to_owned).into_iter().collect();
        Run::new(who, value, &faults, json!({ "legs": 400 }))
    }

    #[test]
    fn a_summary_compares_medians_of_valid_runs() {
        let mut runs = Vec::new();
        for value in [100.0, 300.0, 200.0] {
            runs.push(run("janus", value * 10.0, None));
            runs.push(run(OURS, value, None));
        }
        let summary = Summary::of(MEASURE, runs.clone(), 1.0);
        assert!(summary.valid, "{}", summary.why);
        assert_eq!(summary.value, Some(200.0));
        assert_eq!(summary.peer_value, Some(2_000.0));
        assert_eq!(summary.ratio, Some(10.0));
        let line = serde_json::to_value(&summary).unwrap();
        assert_eq!(line["runs"][0]["legs"], 400);
        assert_eq!(line["better"], "lower");

        runs[1] = run(OURS, 1.0, Some("3 packets were lost"));
        let summary = Summary::of(MEASURE, runs, 1.0);
        assert!(!summary.valid);
        assert_eq!(summary.value, Some(250.0));
        assert!(
            summary.why.contains("3 packets were lost"),
            "{}",
            summary.why
        );
    }

    #[test]
    fn without_a_peer_the_peer_is_null() {
        let measure = Measure {
            peer: None,
            better: Better::Higher,
            ..MEASURE
        };
        let runs = vec![
            run(OURS, 1.0, None),
            run(OURS, 2.0, None),
            run(OURS, 4.0, None),
        ];
        let line = serde_json::to_value(Summary::of(measure, runs, 2.0)).unwrap();
        assert_eq!(line["peer"], Value::Null);
        assert_eq!(line["ratio"], Value::Null);
        assert_eq!(line["valid"], true);
        assert_eq!(line["value"], 2.0);
    }

    #[test]
    fn quantiles_are_values_of_the_list() {
        let values: Vec<u64> = (1..=200).collect();
        assert_eq!(quantile(&values, 0.99), Some(198));
        assert_eq!(quantile(&values, 1.0), Some(200));
        assert_eq!(quantile(&[5], 0.5), Some(5));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
