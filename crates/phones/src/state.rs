//! What each telephone is doing now, for whoever shows them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use convoke_types::E164;
use runtime::clock;
use sip_proto::call::CallKey;

use crate::behaviour::{Behaviour, Phone};
use crate::carrier::What;

/// What happened is remembered so often; the oldest is forgotten first.
const LOG_MAX: usize = 50;

/// One telephone.
#[derive(Debug, Clone, PartialEq)]
pub struct PhoneState {
    /// Its number.
    pub number: E164,
    /// Who owns it.
    pub owner: String,
    /// What it does when it is called next.
    pub behaviour: Behaviour,
    /// What it is doing.
    pub doing: Doing,
    /// Who calls or called, as shown; empty while idle.
    pub caller: String,
    /// Since when.
    pub since: SystemTime,
}

/// What a telephone is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Nothing.
    Idle,
    /// It rings.
    Ringing,
    /// Somebody, or a machine, has picked it up.
    InCall,
}

/// Something that a telephone did, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// The time of day.
    pub at: SystemTime,
    /// Which telephone.
    pub number: E164,
    /// What it did.
    pub what: What,
    /// Whether it had been picked up before.
    pub was_answered: bool,
}

#[derive(Debug, Default)]
struct Book {
    known: Vec<Known>,
    log: VecDeque<Happening>,
}

#[derive(Debug)]
struct Known {
    phone: Phone,
    /// Calls that ring or are up, the newest last: that is the one that is shown.
    calls: Vec<(CallKey, Doing, String, SystemTime)>,
    idle_since: SystemTime,
}

/// All telephones. Clones are one.
#[derive(Debug, Clone)]
pub(crate) struct States {
    book: Arc<Mutex<Book>>,
}

impl States {
    pub(crate) fn new(phones: &[Phone]) -> Self {
        let known = phones.iter().map(|phone| Known {
            phone: phone.clone(),
            calls: Vec::new(),
            idle_since: clock::wall(),
        });
        let book = Book {
            known: known.collect(),
            log: VecDeque::new(),
        };
        Self {
            book: Arc::new(Mutex::new(book)),
        }
    }

    /// Something happened on a telephone.
    pub(crate) fn see(&self, call: Option<CallKey>, number: &E164, what: &What) {
        let mut book = self.lock();
        let Book { known, log } = &mut *book;
        let Some(known) = known.iter_mut().find(|known| known.phone.number == *number) else {
            return;
        };
        let now = clock::wall();
        let of_call = |known: &&(CallKey, Doing, String, SystemTime)| Some(known.0) == call;
        let before = known.calls.iter().find(of_call);
        if log.len() == LOG_MAX {
            log.pop_front();
        }
        log.push_back(Happening {
            at: now,
            number: number.clone(),
            what: what.clone(),
            was_answered: before.is_some_and(|known| known.1 == Doing::InCall),
        });
        match (call, what) {
            (_, What::Became(behaviour)) => known.phone.behaviour = behaviour.clone(),
            (Some(call), What::Rings { caller }) => {
                let ringing = (call, Doing::Ringing, caller.clone(), now);
                known.calls.push(ringing);
            }
            (Some(call), What::Answered) => {
                let theirs = known.calls.iter_mut().filter(|known| known.0 == call);
                for known in theirs {
                    (known.1, known.3) = (Doing::InCall, now);
                }
            }
            (Some(call), What::Ended(_)) => {
                known.calls.retain(|known| known.0 != call);
                known.idle_since = now;
            }
            (_, _) => {}
        }
    }

    pub(crate) fn all(&self) -> Vec<PhoneState> {
        let book = self.lock();
        let shown = book.known.iter().map(|known| {
            let phone = known.phone.clone();
            let (doing, caller, since) = match known.calls.last() {
                Some((_, doing, caller, since)) => (*doing, caller.clone(), *since),
                None => (Doing::Idle, String::new(), known.idle_since),
            };
            PhoneState {
                number: phone.number,
                owner: phone.owner,
                behaviour: phone.behaviour,
                doing,
                caller,
                since,
            }
        });
        shown.collect()
    }

    /// What happened, the oldest first.
    pub(crate) fn log(&self) -> Vec<Happening> {
        self.lock().log.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
