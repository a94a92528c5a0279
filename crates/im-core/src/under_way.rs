//! How much is being stored or relayed: in messages and in bytes, overall and for each person.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::Limits;

/// What is under way. Services are not counted by person: they write to many, and are bounded by what they are asked.
#[derive(Debug, Default)]
pub(crate) struct UnderWay {
    bytes: usize,
    people: HashMap<Arc<str>, Share>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Share {
    messages: usize,
    bytes: usize,
}

impl UnderWay {
    /// Whether a message of so many bytes from this sender may be taken.
    pub(crate) fn admits(&self, from: &str, bytes: usize, limits: &Limits) -> bool {
        let share = self.people.get(from).copied().unwrap_or_default();
        share.messages < limits.in_flight_per_person
            && share.bytes.saturating_add(bytes) <= limits.in_flight_bytes_per_person
            && self.bytes.saturating_add(bytes) <= limits.in_flight_bytes
    }

    /// A message is taken. `is_service` says of its sender.
    pub(crate) fn begin(&mut self, from: &Arc<str>, bytes: usize, is_service: bool) {
        self.bytes = self.bytes.saturating_add(bytes);
        if !is_service {
            let share = self.people.entry(from.clone()).or_default();
            share.messages = share.messages.saturating_add(1);
            share.bytes = share.bytes.saturating_add(bytes);
        }
    }

    /// It is relayed, kept or given up.
    pub(crate) fn end(&mut self, from: &str, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(share) = self.people.get_mut(from) {
            share.messages = share.messages.saturating_sub(1);
            share.bytes = share.bytes.saturating_sub(bytes);
            if share.messages == 0 {
                self.people.remove(from);
            }
        }
    }
}
