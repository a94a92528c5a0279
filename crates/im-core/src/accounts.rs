//! Accounts remembered between look-ups, and the requests that wait for one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::ports::{AccountInfo, LookupToken};
use crate::server::Request;

/// An account as remembered; `None`: there is none of that name.
pub(crate) type Known = Option<Arc<AccountInfo>>;

/// The request that cannot wait, given back.
pub(crate) struct TooManyWait(pub Box<Request>);

/// The cache has two halves: what is found in the older one moves to the younger, and when the younger is full the older is
/// dropped whole. So the recently used stay, and nothing is ever searched for what to drop.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    half: usize,
    young: HashMap<Arc<str>, Known>,
    old: HashMap<Arc<str>, Known>,
    next_token: u64,
    asked: HashMap<LookupToken, Arc<str>>,
    waiting: HashMap<Arc<str>, Vec<Request>>,
    waiting_count: usize,
    waiting_max: usize,
    /// Accounts that changed while they were asked for: the answer may be from before.
    changed: HashSet<Arc<str>>,
}

impl Accounts {
    pub(crate) fn new(cached: usize, waiting_max: usize) -> Self {
        Self {
            half: (cached / 2).max(16),
            waiting_max,
            ..Self::default()
        }
    }

    /// What is remembered of this account.
    pub(crate) fn get(&mut self, aor: &str) -> Option<Known> {
        if let Some(known) = self.young.get(aor) {
            return Some(known.clone());
        }
        let (aor, known) = self.old.remove_entry(aor)?;
        self.remember(aor, known.clone());
        Some(known)
    }

    /// Lets a request wait for the account: the token to ask with when nobody asks yet, or the request back when too many wait.
    pub(crate) fn wait(
        &mut self,
        aor: &Arc<str>,
        request: Request,
    ) -> Result<Option<LookupToken>, TooManyWait> {
        if self.waiting_count >= self.waiting_max {
            return Err(TooManyWait(Box::new(request)));
        }
        self.waiting_count += 1;
        if let Some(others) = self.waiting.get_mut(aor) {
            others.push(request);
            return Ok(None);
        }
        let token = self.ask(aor);
        self.waiting.entry(aor.clone()).or_default().push(request);
        Ok(token)
    }

    /// Asks for an account for which nobody waits yet; `None` when somebody does.
    pub(crate) fn ask(&mut self, aor: &Arc<str>) -> Option<LookupToken> {
        if self.waiting.contains_key(aor) {
            return None;
        }
        self.waiting.insert(aor.clone(), Vec::new());
        let token = LookupToken(self.next_token);
        self.next_token = self.next_token.wrapping_add(1);
        self.asked.insert(token, aor.clone());
        Some(token)
    }

    /// Takes an answer; gives back who waited for it.
    pub(crate) fn answered(&mut self, token: LookupToken, known: Option<Known>) -> Vec<Request> {
        let Some(aor) = self.asked.remove(&token) else {
            return Vec::new();
        };
        let changed = self.changed.remove(&aor);
        // Whoever waited asks again when the answer may be an old one.
        if let Some(known) = known.filter(|_| !changed) {
            self.remember(aor.clone(), known);
        }
        let waited = self.waiting.remove(&aor).unwrap_or_default();
        self.waiting_count = self.waiting_count.saturating_sub(waited.len());
        waited
    }

    /// Forgets an account: it was changed.
    pub(crate) fn forget(&mut self, aor: &str) {
        if let Some((aor, _)) = self.waiting.get_key_value(aor) {
            self.changed.insert(aor.clone());
        }
        self.young.remove(aor);
        self.old.remove(aor);
    }

    /// Asks anew for an account that did not change as far as we know.
    pub(crate) fn ask_again(&mut self, aor: &str) {
        self.young.remove(aor);
        self.old.remove(aor);
    }

    fn remember(&mut self, aor: Arc<str>, known: Known) {
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(aor, known);
    }
}
