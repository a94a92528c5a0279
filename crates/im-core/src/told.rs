//! What devices without connections were told of long messages that are kept, and the short texts that tell them of more.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::config::Limits;

/// Devices and senders of whom it is remembered what the device was told. When there are more, all is forgotten: then something is
/// told twice.
const REMEMBERED_MAX: usize = 100_000;

/// A device of a person, and somebody whose messages it is told of. One text is enough for all of them: its link leads to the whole
/// chat.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Telling {
    pub aor: Arc<str>,
    pub device: Arc<str>,
    pub from: Arc<str>,
}

/// The newest message that each device was told of, for each sender: a newer one of somebody else says nothing of those before it. And
/// the texts without an answer.
#[derive(Debug, Default)]
pub(crate) struct Told {
    newest: HashMap<Telling, i64>,
    under_way: HashSet<Telling>,
    senders: HashMap<Arc<str>, usize>,
}

impl Told {
    /// Whether the device was told neither of this message nor of one that came after it from the same sender.
    pub(crate) fn is_news(&self, telling: &Telling, id: i64) -> bool {
        self.newest.get(telling).is_none_or(|newest| id > *newest)
    }

    /// The device needs no text of this message.
    pub(crate) fn note(&mut self, telling: &Telling, id: i64) {
        if let Some(newest) = self.newest.get_mut(telling) {
            *newest = id.max(*newest);
            return;
        }
        if self.newest.len() >= REMEMBERED_MAX {
            self.newest.clear();
        }
        self.newest.insert(telling.clone(), id);
    }

    /// The device heard nothing of this message, nor of what came after it.
    pub(crate) fn take_back(&mut self, telling: &Telling, id: i64) {
        if let Some(newest) = self.newest.get_mut(telling) {
            *newest = id.saturating_sub(1).min(*newest);
        }
    }

    /// Whether a text of this sender to this device waits for its answer.
    pub(crate) fn is_under_way(&self, telling: &Telling) -> bool {
        self.under_way.contains(telling)
    }

    /// Whether one more text of this sender may wait for its answer, when so many messages are being stored or relayed.
    pub(crate) fn admits(&self, from: &str, in_flight: usize, limits: &Limits) -> bool {
        let of_sender = self.senders.get(from).copied().unwrap_or_default();
        of_sender < limits.in_flight_per_person
            && self.under_way.len().saturating_add(in_flight) < limits.in_flight
    }

    /// A text goes out.
    pub(crate) fn begin(&mut self, telling: &Telling) {
        if self.under_way.insert(telling.clone()) {
            let of_sender = self.senders.entry(telling.from.clone()).or_default();
            *of_sender = of_sender.saturating_add(1);
        }
    }

    /// It was answered, or never will be.
    pub(crate) fn end(&mut self, telling: &Telling) {
        if self.under_way.remove(telling)
            && let Some(of_sender) = self.senders.get_mut(&telling.from)
        {
            *of_sender = of_sender.saturating_sub(1);
            if *of_sender == 0 {
                self.senders.remove(&telling.from);
            }
        }
    }
}
