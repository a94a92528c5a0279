//! Talking comes often and is worth little: it goes to each subscriber at most twice a second, all that changed meanwhile in
//! one envelope. Any other report is never held back and takes what is held with it, so that order and numbers stay.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use convoke_types::ConferenceId;
use convoke_types::report::{Change, Report};

use super::{Item, Subscriber};

/// Shortest time between two envelopes that talking causes, for one conference and subscriber.
const TALKING_GAP: Duration = Duration::from_millis(500);

/// What is held, by conference and subscriber's address. Holds no more than the focus reports in `TALKING_GAP` for each,
/// and forgets who has been told nothing for as long.
#[derive(Debug, Default)]
pub(super) struct Pace {
    subscribers: HashMap<(ConferenceId, String), Held>,
}

#[derive(Debug)]
struct Held {
    subscriber: Subscriber,
    reports: Vec<Report>,
    /// When talking was last sent.
    told: Option<Instant>,
}

/// Reports that are to be sent to somebody now.
pub(super) type Batch = (Subscriber, Vec<Report>);

impl Pace {
    /// Takes a report; gives it back, after all that were held, unless it is to wait.
    pub(super) fn take(&mut self, item: Item, now: Instant) -> Option<Batch> {
        let Item { subscriber, report } = item;
        let waits = is_talking(&report);
        let key = (report.conference.clone(), subscriber.address.clone());
        let held = self.subscribers.entry(key).or_insert_with(|| Held {
            subscriber: subscriber.clone(),
            reports: Vec::new(),
            told: None,
        });
        held.subscriber = subscriber;
        held.reports.push(report);
        if waits && held.due() > Some(now) {
            return None;
        }
        Some(held.send(now))
    }

    /// What has waited long enough.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Batch> {
        let mut due = Vec::new();
        for held in self.subscribers.values_mut() {
            if !held.reports.is_empty() && held.due() <= Some(now) {
                due.push(held.send(now));
            }
        }
        self.subscribers
            .retain(|_, held| !held.reports.is_empty() || held.due() > Some(now));
        due
    }

    /// When something will have waited long enough.
    pub(super) fn next(&self) -> Option<Instant> {
        let waiting = self
            .subscribers
            .values()
            .filter(|held| !held.reports.is_empty());
        waiting.filter_map(Held::due).min()
    }

    /// Everything that is held.
    pub(super) fn rest(self) -> Vec<Batch> {
        let waiting = self.subscribers.into_values();
        let waiting = waiting.filter(|held| !held.reports.is_empty());
        waiting
            .map(|held| (held.subscriber, held.reports))
            .collect()
    }
}

impl Held {
    /// When talking may be sent again; `None`: at any time.
    fn due(&self) -> Option<Instant> {
        self.told.map(|told| told + TALKING_GAP)
    }

    fn send(&mut self, now: Instant) -> Batch {
        if self.reports.iter().any(is_talking) {
            self.told = Some(now);
        }
        (self.subscriber.clone(), std::mem::take(&mut self.reports))
    }
}

fn is_talking(report: &Report) -> bool {
    matches!(report.change, Change::Talking { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: [[u64; 0]; 0] = [];

    fn item(address: &str, version: u64, change: Change) -> Item {
        Item {
            subscriber: Subscriber {
                user: "alice@x".parse().unwrap(),
                address: address.to_owned(),
                request: None,
            },
            report: Report {
                conference: "c1".parse().unwrap(),
                version,
                participant: None,
                change,
                command: None,
            },
        }
    }

    fn talks(version: u64) -> Item {
        item(
            "sip:a",
            version,
            Change::Talking {
                on: version.is_multiple_of(2),
            },
        )
    }

    fn versions(batches: impl IntoIterator<Item = Batch>) -> Vec<Vec<u64>> {
        let batches = batches.into_iter();
        let numbers = batches.map(|(_, reports)| reports.iter().map(|one| one.version).collect());
        numbers.collect()
    }

    #[test]
    fn talking_is_sent_twice_a_second_and_nothing_else_waits() {
        let start = runtime::clock::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut pace = Pace::default();
        assert_eq!(
            versions(pace.take(talks(1), at(0))),
            [[1]],
            "the first at once"
        );
        assert_eq!(versions(pace.take(talks(2), at(100))), NOTHING);
        assert_eq!(versions(pace.take(talks(3), at(200))), NOTHING);
        assert_eq!(pace.next(), Some(at(500)));
        assert!(pace.due(at(499)).is_empty());
        assert_eq!(versions(pace.due(at(500))), [[2, 3]]);
        assert_eq!(pace.next(), None);
        assert_eq!(versions(pace.take(talks(4), at(600))), NOTHING);
        let other = item("sip:a", 5, Change::Muted { on: true, by: None });
        assert_eq!(
            versions(pace.take(other, at(601))),
            [[4, 5]],
            "in order, at once"
        );
        assert_eq!(versions(pace.take(talks(6), at(602))), NOTHING);
        let elsewhere = item("sip:b", 6, Change::Talking { on: true });
        assert_eq!(
            versions(pace.take(elsewhere, at(603))),
            [[6]],
            "each on their own"
        );
        assert_eq!(versions(pace.due(at(1_101))), [[6]]);
        assert_eq!(versions(pace.due(at(5_000))), NOTHING);
        assert!(pace.subscribers.is_empty(), "forgotten");
        assert_eq!(versions(pace.take(talks(7), at(5_001))), [[7]]);
        assert_eq!(versions(pace.take(talks(8), at(5_002))), NOTHING);
        assert_eq!(versions(pace.rest()), [[8]]);
    }
}
