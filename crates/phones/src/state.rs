//! What each telephone is doing now, for whoever shows them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use convoke_types::E164;
use runtime::clock;
use sip_proto::call::CallKey;

use crate::behaviour::{Behaviour, Phone};
use crate::carrier::What;

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
    pub since: Instant,
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

#[derive(Debug)]
struct Known {
    phone: Phone,
    /// Calls that ring or are up, the newest last: that is the one that is shown.
    calls: Vec<(CallKey, Doing, String, Instant)>,
    idle_since: Instant,
}

/// All telephones. Clones are one.
#[derive(Debug, Clone)]
pub(crate) struct States {
    known: Arc<Mutex<Vec<Known>>>,
}

impl States {
    pub(crate) fn new(phones: &[Phone]) -> Self {
        let known = phones.iter().map(|phone| Known {
            phone: phone.clone(),
            calls: Vec::new(),
            idle_since: clock::now(),
        });
        Self {
            known: Arc::new(Mutex::new(known.collect())),
        }
    }

    /// Something happened on a telephone.
    pub(crate) fn see(&self, call: Option<CallKey>, number: &E164, what: &What) {
        let mut all = self.lock();
        let Some(known) = all.iter_mut().find(|known| known.phone.number == *number) else {
            return;
        };
        let now = clock::now();
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
            (Some(call), What::Ended) => {
                known.calls.retain(|known| known.0 != call);
                known.idle_since = now;
            }
            (_, _) => {}
        }
    }

    pub(crate) fn all(&self) -> Vec<PhoneState> {
        let all = self.lock();
        let shown = all.iter().map(|known| {
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

    fn lock(&self) -> MutexGuard<'_, Vec<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
