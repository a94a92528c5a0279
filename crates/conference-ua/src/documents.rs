//! Documents for many at once: of a change that all watchers were at the same state before, the document is put together once, and for
//! each only its number is written in.

use std::sync::Arc;

use bytes::Bytes;
use conference_core::{Snapshot, event_package};

/// Documents remembered, over all conferences: watchers of one conference are served one after the other.
const REMEMBERED_MAX: usize = 8;
/// Where the number stands in a document that was made with number 0.
const NUMBER: &str = " version=\"0\">";

/// From which state to which.
struct Known {
    told: Option<Arc<Snapshot>>,
    now: Arc<Snapshot>,
    parts: Option<Parts>,
}

/// A document around its number.
#[derive(Clone)]
struct Parts {
    head: Arc<str>,
    tail: Arc<str>,
}

/// See the module.
pub(crate) struct Documents {
    domain: String,
    known: Vec<Known>,
}

impl Documents {
    pub(crate) fn new(domain: String) -> Self {
        Self {
            domain,
            known: Vec::new(),
        }
    }

    /// The whole state.
    pub(crate) fn full(&mut self, version: u32, now: &Arc<Snapshot>) -> Bytes {
        let make = |version| Some(event_package::full(&self.domain, version, now));
        let parts = match self.find(None, now) {
            Some(found) => found,
            None => self.remember(None, now, make(0)),
        };
        let document = parts.map(|parts| parts.numbered(version));
        document.unwrap_or_else(|| event_package::full(&self.domain, version, now).into())
    }

    /// What changed; `None` when nothing did.
    pub(crate) fn partial(
        &mut self,
        version: u32,
        told: &Arc<Snapshot>,
        now: &Arc<Snapshot>,
    ) -> Option<Bytes> {
        let parts = match self.find(Some(told), now) {
            Some(found) => found,
            None => {
                let made = event_package::partial(&self.domain, 0, told, now);
                self.remember(Some(told), now, made)
            }
        };
        Some(parts?.numbered(version))
    }

    /// That the conference is over.
    pub(crate) fn deleted(&self, version: u32, conference: &convoke_types::ConferenceId) -> Bytes {
        event_package::deleted(&self.domain, version, conference).into()
    }

    fn find(&self, told: Option<&Arc<Snapshot>>, now: &Arc<Snapshot>) -> Option<Option<Parts>> {
        let same = |a: Option<&Arc<Snapshot>>, b: Option<&Arc<Snapshot>>| match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        let mut known = self.known.iter();
        let found = known.find(|k| Arc::ptr_eq(&k.now, now) && same(k.told.as_ref(), told))?;
        Some(found.parts.clone())
    }

    fn remember(
        &mut self,
        told: Option<&Arc<Snapshot>>,
        now: &Arc<Snapshot>,
        document: Option<String>,
    ) -> Option<Parts> {
        let parts = document.and_then(|document| {
            // The number is the root element's last attribute, and no text before it can hold a quotation mark.
            let (head, tail) = document.split_once(NUMBER)?;
            Some(Parts {
                head: head.into(),
                tail: tail.into(),
            })
        });
        if self.known.len() >= REMEMBERED_MAX {
            self.known.remove(0);
        }
        self.known.push(Known {
            told: told.cloned(),
            now: now.clone(),
            parts: parts.clone(),
        });
        parts
    }
}

impl Parts {
    fn numbered(&self, version: u32) -> Bytes {
        let Self { head, tail } = self;
        format!("{head} version=\"{version}\">{tail}").into()
    }
}
