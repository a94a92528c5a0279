//! Deadlines in order: a heap with lazy deletion. Each owner keeps the one entry that counts for it ([`Armed`]); entries that
//! no longer count are skipped when they come up, and swept when they outnumber the owners.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// Below this many entries nothing is swept.
const SWEEP_FLOOR: usize = 1_024;
/// Entries per owner above which dead ones are swept: sweeping costs less than it took to push what is swept.
const ENTRIES_PER_OWNER: usize = 4;

/// The entry that counts for an owner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Armed(Option<Instant>);

#[derive(Debug)]
struct Entry<Id> {
    at: Instant,
    id: Id,
}

impl<Id> PartialEq for Entry<Id> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}
impl<Id> Eq for Entry<Id> {}
impl<Id> PartialOrd for Entry<Id> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<Id> Ord for Entry<Id> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

/// The heap.
#[derive(Debug)]
pub(crate) struct Deadlines<Id> {
    heap: BinaryHeap<Reverse<Entry<Id>>>,
}

impl<Id: Copy> Deadlines<Id> {
    /// Empty.
    pub fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
        }
    }

    /// Makes sure that `id` comes up no later than `at`. An earlier entry is left alone: when it comes up, the owner looks
    /// at its own deadline and arms again.
    pub fn arm(&mut self, armed: &mut Armed, id: Id, at: Option<Instant>) {
        let Some(at) = at else { return };
        if armed.0.is_none_or(|earlier| at < earlier) {
            armed.0 = Some(at);
            self.heap.push(Reverse(Entry { at, id }));
        }
    }

    /// The next time to look: a lower bound of every owner's deadline.
    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// Takes an entry that is due; the owner must show it to [`Armed::fires`].
    pub fn pop_due(&mut self, now: Instant) -> Option<(Instant, Id)> {
        let Reverse(entry) = self.heap.peek()?;
        if entry.at > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.id))
    }

    /// Drops the entries of owners that are gone, when there are too many entries for `owners`.
    pub fn sweep(&mut self, owners: usize, alive: impl Fn(Id) -> bool) {
        let most = owners
            .saturating_mul(ENTRIES_PER_OWNER)
            .saturating_add(SWEEP_FLOOR);
        if self.heap.len() > most {
            self.heap.retain(|Reverse(entry)| alive(entry.id));
        }
    }

    /// Number of entries, dead ones too.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.heap.len()
    }
}

impl Armed {
    /// Whether the entry that came up is the one that counts; if so it is used up.
    pub fn fires(&mut self, at: Instant) -> bool {
        let counts = self.0 == Some(at);
        if counts {
            self.0 = None;
        }
        counts
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test starts from some instant")]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_the_earliest_entry_of_an_owner_counts() {
        let now = Instant::now();
        let after = |ms| Some(now + Duration::from_millis(ms));
        let mut deadlines = Deadlines::new();
        let mut armed = Armed::default();
        deadlines.arm(&mut armed, 1, after(500));
        deadlines.arm(&mut armed, 1, after(900));
        deadlines.arm(&mut armed, 1, after(100));
        deadlines.arm(&mut armed, 1, None);
        assert_eq!(deadlines.len(), 2);
        assert_eq!(deadlines.next(), after(100));
        assert_eq!(deadlines.pop_due(now), None);
        let later = now + Duration::from_secs(1);
        let fired: Vec<_> = std::iter::from_fn(|| deadlines.pop_due(later))
            .map(|(at, _)| armed.fires(at))
            .collect();
        assert_eq!(fired, [true, false]);
    }

    #[test]
    fn entries_of_the_gone_are_swept() {
        let now = Instant::now();
        let mut deadlines = Deadlines::new();
        for id in 0..SWEEP_FLOOR + 5 {
            deadlines.arm(&mut Armed::default(), id, Some(now));
        }
        deadlines.sweep(1, |id| id == 7);
        assert_eq!(deadlines.len(), 1);
    }
}
