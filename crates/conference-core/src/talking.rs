//! At most `TALKING_CHANGES_MAX` reports of talking in any second of one conference.

use std::collections::VecDeque;
use std::time::Instant;

use crate::limits::{TALKING_CHANGES_MAX, TALKING_WINDOW};
use crate::timers::TimerId;

/// Whose change waits, and when the last ones were reported.
#[derive(Debug, Default)]
pub(crate) struct TalkingPace {
    recent: VecDeque<Instant>,
    waiting: VecDeque<u32>,
    /// Set while changes wait.
    pub(crate) timer: Option<TimerId>,
}

impl TalkingPace {
    /// Notes that a participant (by number) may have a change to report.
    pub(crate) fn wait(&mut self, participant: u32) {
        if !self.waiting.contains(&participant) {
            self.waiting.push_back(participant);
        }
    }

    /// The next participant who may have a change, while one may be reported.
    pub(crate) fn next(&mut self, now: Instant) -> Option<u32> {
        while self
            .recent
            .front()
            .is_some_and(|at| now.saturating_duration_since(*at) >= TALKING_WINDOW)
        {
            self.recent.pop_front();
        }
        if self.recent.len() < TALKING_CHANGES_MAX {
            self.waiting.pop_front()
        } else {
            None
        }
    }

    /// Notes that a change was reported.
    pub(crate) fn reported(&mut self, now: Instant) {
        self.recent.push_back(now);
    }

    /// When the next may be reported, if any waits.
    pub(crate) fn due(&self) -> Option<Instant> {
        let first = self.recent.front().filter(|_| !self.waiting.is_empty())?;
        Some(*first + TALKING_WINDOW)
    }
}
