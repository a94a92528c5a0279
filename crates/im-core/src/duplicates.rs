//! Messages that came lately, so that one which its client sends again in a new transaction (over a new connection, say) is
//! neither stored nor shown twice.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use sip_proto::{HeaderName, Message};

/// How long at least a message is remembered: the life of its transaction (RFC 3261 §17.1.2.2, timer F).
const MEMORY: Duration = Duration::from_secs(32);
/// Bytes of a body that tell it from others.
const BODY_LOOKED_AT: usize = 2048;
/// Messages remembered per half; a fuller half is turned over early.
const HALF_MAX: usize = 1_000_000;

/// What names a message of one sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Mark(u64);

impl Mark {
    /// RFC 3261 §8.2.2.2: From, Call-ID and CSeq are the same in every copy of a request. Recipient and text are looked at
    /// as well: a careless client may use the same numbers again for something else, and that must not be lost. The sender is
    /// authenticated, so a crafted collision suppresses nobody's messages but the crafter's own.
    pub(crate) fn of(from: &str, message: &Message) -> Self {
        let mut hasher = DefaultHasher::new();
        from.hash(&mut hasher);
        message.call_id().hash(&mut hasher);
        message.header(HeaderName::CSeq).hash(&mut hasher);
        message.request_uri().hash(&mut hasher);
        let body = message.body();
        body.len().hash(&mut hasher);
        body.get(..body.len().min(BODY_LOOKED_AT)).hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It is being stored.
    Storing,
    /// It is durable under this id.
    Durable(i64),
}

/// Two halves: the older is dropped whole when the younger has lasted its time.
#[derive(Debug)]
pub(crate) struct Duplicates {
    young: HashMap<Mark, Progress>,
    old: HashMap<Mark, Progress>,
    turned: Instant,
}

impl Duplicates {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            turned: now,
        }
    }

    /// Notes a new message; gives back how far it is when it is not new.
    pub(crate) fn note(&mut self, mark: Mark, now: Instant) -> Option<Progress> {
        if now.saturating_duration_since(self.turned) >= MEMORY || self.young.len() >= HALF_MAX {
            // Twice the time without any: what is in the younger half is too old as well.
            self.old = std::mem::take(&mut self.young);
            if now.saturating_duration_since(self.turned) >= MEMORY.saturating_mul(2) {
                self.old.clear();
            }
            self.turned = now;
        }
        let before = self
            .young
            .get(&mark)
            .or_else(|| self.old.get(&mark))
            .copied();
        if before.is_none() {
            self.young.insert(mark, Progress::Storing);
        }
        before
    }

    /// The message is durable.
    pub(crate) fn durable(&mut self, mark: Mark, id: i64) {
        for half in [&mut self.young, &mut self.old] {
            if let Some(progress) = half.get_mut(&mark) {
                *progress = Progress::Durable(id);
            }
        }
    }

    /// The message was not stored after all: it may come again.
    pub(crate) fn forget(&mut self, mark: Mark) {
        self.young.remove(&mark);
        self.old.remove(&mark);
    }
}
