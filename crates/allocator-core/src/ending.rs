//! Conferences that nobody is told of: they are ended, again and again until the conference service has done it, or does not know them.

use std::time::Instant;

use convoke_types::ConferenceId;
use soap_proto::{Operation, UtcMillis};

use crate::allocator::{Allocator, Timer, after, wall_at};
use crate::config::{END_PAUSE, END_TRIES, ENDING_MAX};
use crate::services::Purpose;

/// A conference that is to be ended.
#[derive(Debug)]
pub(crate) struct Ending {
    tries: u8,
    /// When that began, by both clocks.
    wall: UtcMillis,
    since: Instant,
    /// When it is tried again; `None` while an answer is awaited.
    due: Option<Instant>,
}

impl Allocator {
    /// A conference that nobody is told of is ended, if it is there at all.
    pub(crate) fn ask_end(&mut self, conference: &ConferenceId, wall: UtcMillis, now: Instant) {
        if self.ending.len() < ENDING_MAX {
            let ending = Ending {
                tries: 0,
                wall,
                since: now,
                due: None,
            };
            self.ending.entry(conference.clone()).or_insert(ending);
        }
        self.send_end(conference, wall, now);
    }

    fn send_end(&mut self, conference: &ConferenceId, wall: UtcMillis, now: Instant) {
        let end = Operation::End {
            conference: conference.clone(),
        };
        // An identifier always fits.
        let _ = self.command(end, Purpose::End(conference.clone()), wall, now);
    }

    pub(crate) fn is_ending(&self, conference: &ConferenceId) -> bool {
        self.ending.contains_key(conference)
    }

    /// The conference service has ended it, or does not know it.
    pub(crate) fn on_ended(&mut self, conference: &ConferenceId) {
        self.ending.remove(conference);
    }

    /// It did not: a while later it is asked again.
    pub(crate) fn on_not_ended(&mut self, conference: &ConferenceId, now: Instant) {
        let Some(ending) = self.ending.get_mut(conference) else {
            return;
        };
        ending.tries = ending.tries.saturating_add(1);
        if ending.tries >= END_TRIES {
            self.ending.remove(conference);
            return;
        }
        let due = after(now, END_PAUSE);
        ending.due = Some(due);
        self.set_timer(due, Timer::End(conference.clone()));
    }

    /// It is time to ask again.
    pub(crate) fn on_end_due(&mut self, conference: &ConferenceId, now: Instant) {
        let ending = self.ending.get_mut(conference);
        let Some(ending) = ending.filter(|one| one.due.is_some_and(|due| due <= now)) else {
            return;
        };
        ending.due = None;
        let wall = wall_at(ending.wall, ending.since, now);
        self.send_end(conference, wall, now);
    }
}
