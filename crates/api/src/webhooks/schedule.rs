//! When which webhook is tried: one request of each at a time, the oldest first; after failures with pauses that grow.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The pause after the first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// The webhooks for which something waits.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    slots: BTreeMap<i64, Slot>,
}

#[derive(Debug)]
struct Slot {
    due: Instant,
    failures: u32,
    under_way: bool,
    /// Something came while a request was under way.
    more: bool,
}

impl Schedule {
    /// Something waits for a webhook.
    pub fn waits(&mut self, webhook: i64, now: Instant) {
        let slot = self.slots.entry(webhook).or_insert(Slot {
            due: now,
            failures: 0,
            under_way: false,
            more: false,
        });
        slot.more = slot.under_way;
    }

    /// When the next one is due.
    pub fn next_due(&self) -> Option<Instant> {
        let idle = self.slots.values().filter(|slot| !slot.under_way);
        idle.map(|slot| slot.due).min()
    }

    /// Some webhooks that are due, at most `most`; they are under way from now on.
    pub fn begin(&mut self, now: Instant, most: usize) -> Vec<i64> {
        let due = self
            .slots
            .iter_mut()
            .filter(|(_, slot)| !slot.under_way && slot.due <= now);
        due.take(most)
            .map(|(id, slot)| {
                slot.under_way = true;
                *id
            })
            .collect()
    }

    /// A delivery was taken: the next one is due at once.
    pub fn succeeded(&mut self, webhook: i64, now: Instant) {
        if let Some(slot) = self.slots.get_mut(&webhook) {
            *slot = Slot {
                due: now,
                failures: 0,
                under_way: false,
                more: false,
            };
        }
    }

    /// A delivery failed: the next attempt waits.
    pub fn failed(&mut self, webhook: i64, now: Instant) {
        if let Some(slot) = self.slots.get_mut(&webhook) {
            let pause = FIRST_PAUSE
                .saturating_mul(1_u32.checked_shl(slot.failures).unwrap_or(u32::MAX))
                .min(LONGEST_PAUSE);
            slot.failures = slot.failures.saturating_add(1);
            slot.due = now.checked_add(pause).unwrap_or(now);
            slot.under_way = false;
            slot.more = false;
        }
    }

    /// Nothing waits for it any more.
    pub fn empty(&mut self, webhook: i64, now: Instant) {
        let more = self.slots.get(&webhook).is_some_and(|slot| slot.more);
        self.slots.remove(&webhook);
        if more {
            self.waits(webhook, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_pauses_that_grow() {
        let mut schedule = Schedule::default();
        let mut now = runtime::clock::now();
        for id in [1, 2, 3] {
            schedule.waits(id, now);
        }
        assert_eq!(schedule.begin(now, 2), [1, 2]);
        assert_eq!(schedule.begin(now, 9), [3]);
        assert_eq!(schedule.next_due(), None, "all are under way");
        schedule.succeeded(1, now);
        assert_eq!(schedule.begin(now, 9), [1], "what waits next, at once");
        schedule.empty(1, now);
        schedule.waits(2, now);
        schedule.empty(2, now);
        assert_eq!(schedule.begin(now, 9), [2], "it came meanwhile");
        schedule.empty(2, now);

        let mut pauses = Vec::new();
        for _ in 0..12 {
            schedule.failed(3, now);
            let due = schedule.next_due().unwrap();
            pauses.push((due - now).as_secs());
            // What comes meanwhile changes nothing.
            schedule.waits(3, now);
            assert!(schedule.begin(now, 9).is_empty());
            now = due;
            assert_eq!(schedule.begin(now, 9), [3]);
        }
        assert_eq!(
            pauses,
            [5, 10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600, 3_600]
        );
        schedule.succeeded(3, now);
        assert_eq!(schedule.next_due(), Some(now));
    }
}
