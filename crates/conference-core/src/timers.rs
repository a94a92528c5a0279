//! What is to happen when: one ordered list for all conferences.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use convoke_types::{ConferenceId, LegKey};

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Timer {
    /// A leg has stayed long enough where it is.
    Leg(LegKey),
    /// Nobody has spoken for the idle time.
    Idle(ConferenceId),
    /// No leg has come for the linger time.
    Linger(ConferenceId),
    /// Talking may be reported again.
    Talking(ConferenceId),
    /// The owner's leg has waited long enough for the others to end.
    OwnerRelease(ConferenceId),
}

/// Names a timer that is set, for cancelling it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerId {
    at: Instant,
    number: u64,
}

/// All timers that are set; at most one a leg and four a conference.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    set: BTreeMap<TimerId, Timer>,
    number: u64,
}

impl Timers {
    /// Sets a timer.
    pub(crate) fn after(&mut self, now: Instant, wait: Duration, timer: Timer) -> TimerId {
        self.number += 1;
        let id = TimerId {
            at: now + wait,
            number: self.number,
        };
        self.set.insert(id, timer);
        id
    }

    /// Cancels one, if it is still set, and forgets its name.
    pub(crate) fn cancel(&mut self, id: &mut Option<TimerId>) {
        if let Some(id) = id.take() {
            self.set.remove(&id);
        }
    }

    /// When the next is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.set.first_key_value().map(|(id, _)| id.at)
    }

    /// Takes the next that is due by now.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<(TimerId, Timer)> {
        let first = self.set.first_entry()?;
        (first.key().at <= now).then(|| first.remove_entry())
    }
}
