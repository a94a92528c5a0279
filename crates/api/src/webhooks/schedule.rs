//! When which webhook is tried: one request of each at a time, those that wait longest first, a few of each person; after
//! failures with pauses that grow.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use convoke_types::Aor;

/// The pause after the first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);
/// Requests of one person under way at once: who listens slowly takes no place from others.
const OF_ONE_MAX: usize = 4;

/// The webhooks for which something waits.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    slots: BTreeMap<i64, Slot>,
}

#[derive(Debug)]
struct Slot {
    owner: Aor,
    due: Instant,
    failures: u32,
    under_way: bool,
    /// Something came while a request was under way.
    more: bool,
}

impl Schedule {
    /// Something waits for a webhook of this person.
    pub fn waits(&mut self, webhook: i64, owner: Aor, now: Instant) {
        let slot = self.slots.entry(webhook).or_insert(Slot {
            owner,
            due: now,
            failures: 0,
            under_way: false,
            more: false,
        });
        slot.more = slot.under_way;
    }

    /// When the next one is due that may be tried.
    pub fn next_due(&self) -> Option<Instant> {
        let busy = self.busy();
        let idle = self.slots.values().filter(|slot| !slot.under_way);
        let free = idle.filter(|slot| busy.get(&slot.owner).is_none_or(|n| *n < OF_ONE_MAX));
        free.map(|slot| slot.due).min()
    }

    /// Some webhooks that are due, at most `most`; they are under way from now on.
    pub fn begin(&mut self, now: Instant, most: usize) -> Vec<i64> {
        let mut busy = self.busy();
        let mut due: Vec<(&i64, &Slot)> = self
            .slots
            .iter()
            .filter(|(_, slot)| !slot.under_way && slot.due <= now)
            .collect();
        due.sort_by_key(|(_, slot)| slot.due);
        let mut begun = Vec::new();
        for (id, slot) in due {
            let theirs = busy.entry(&slot.owner).or_default();
            if begun.len() < most && *theirs < OF_ONE_MAX {
                *theirs += 1;
                begun.push(*id);
            }
        }
        for id in &begun {
            if let Some(slot) = self.slots.get_mut(id) {
                slot.under_way = true;
            }
        }
        begun
    }

    /// How many requests of each person are under way.
    fn busy(&self) -> HashMap<&Aor, usize> {
        let mut busy = HashMap::new();
        for slot in self.slots.values().filter(|slot| slot.under_way) {
            *busy.entry(&slot.owner).or_default() += 1;
        }
        busy
    }

    /// A delivery was taken: the next one is due at once.
    pub fn succeeded(&mut self, webhook: i64, now: Instant) {
        if let Some(slot) = self.slots.get_mut(&webhook) {
            slot.due = now;
            slot.failures = 0;
            slot.under_way = false;
            slot.more = false;
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
        if let Some(slot) = self.slots.remove(&webhook)
            && slot.more
        {
            self.waits(webhook, slot.owner, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aor(user: &str) -> Aor {
        Aor::new(user, "x").unwrap()
    }

    #[test]
    fn who_listens_slowly_takes_no_place_from_others_and_who_waits_longest_is_first() {
        let mut schedule = Schedule::default();
        let now = runtime::clock::now();
        for id in 1..=16 {
            schedule.waits(id, aor("eve"), now);
        }
        assert_eq!(schedule.begin(now, 16), [1, 2, 3, 4]);
        assert_eq!(schedule.next_due(), None, "none of hers may be tried");
        let later = now + Duration::from_secs(1);
        schedule.waits(17, aor("alice"), later);
        assert_eq!(schedule.begin(later, 1), [17]);
        for id in 1..=4 {
            schedule.succeeded(id, later);
        }
        assert_eq!(schedule.next_due(), Some(now));
        assert_eq!(
            schedule.begin(later, 16),
            [5, 6, 7, 8],
            "before the first again"
        );
    }

    #[test]
    fn one_at_a_time_and_pauses_that_grow() {
        let mut schedule = Schedule::default();
        let mut now = runtime::clock::now();
        for id in [1, 2, 3] {
            schedule.waits(id, aor("alice"), now);
        }
        assert_eq!(schedule.begin(now, 2), [1, 2]);
        assert_eq!(schedule.begin(now, 9), [3]);
        assert_eq!(schedule.next_due(), None, "all are under way");
        schedule.succeeded(1, now);
        assert_eq!(schedule.begin(now, 9), [1], "what waits next, at once");
        schedule.empty(1, now);
        schedule.waits(2, aor("alice"), now);
        schedule.empty(2, now);
        assert_eq!(schedule.begin(now, 9), [2], "it came meanwhile");
        schedule.empty(2, now);

        let mut pauses = Vec::new();
        for _ in 0..12 {
            schedule.failed(3, now);
            let due = schedule.next_due().unwrap();
            pauses.push((due - now).as_secs());
            // What comes meanwhile changes nothing.
            schedule.waits(3, aor("alice"), now);
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
