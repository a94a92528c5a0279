//! The SIP side of calls, and the time: what both kinds of calls act with.

use std::collections::BTreeSet;
use std::time::Instant;

use bytes::Bytes;
use sip_proto::call::{CallKey, Calls};
use sip_proto::endpoint::Endpoint;

/// See the module. What comes too late, since the caller has gone meanwhile, is dropped: the call's end tells the rest.
pub(crate) struct Line<'a> {
    pub calls: &'a mut Calls,
    pub endpoint: &'a mut Endpoint,
    pub now: Instant,
}

impl Line<'_> {
    /// Answers a call 200; false when it is over at this moment.
    pub(crate) fn answer(&mut self, key: CallKey, sdp: String) -> bool {
        let sdp = Bytes::from(sdp);
        let answered = self.calls.answer(self.endpoint, key, sdp, self.now);
        answered.is_ok()
    }

    /// Refuses a call.
    pub(crate) fn reject(&mut self, key: CallKey, status: u16, words: &str) {
        let _ = self
            .calls
            .reject(self.endpoint, key, status, words, self.now);
    }

    /// Answers a change 200.
    pub(crate) fn accept_change(&mut self, key: CallKey, sdp: String) {
        let sdp = Bytes::from(sdp);
        let _ = self.calls.accept_change(self.endpoint, key, sdp, self.now);
    }

    /// Refuses a change; all stays as it is.
    pub(crate) fn reject_change(&mut self, key: CallKey, status: u16, words: &str) {
        let _ = self
            .calls
            .reject_change(self.endpoint, key, status, words, self.now);
    }

    /// Offers a change; false while another one is under way on either side.
    pub(crate) fn change(&mut self, key: CallKey, sdp: String) -> bool {
        let sdp = Bytes::from(sdp);
        let offered = self.calls.change(self.endpoint, key, sdp, self.now);
        offered.is_ok()
    }

    /// Asks whether the caller is there still; false when that cannot be asked.
    pub(crate) fn probe(&mut self, key: CallKey) -> bool {
        self.calls.probe(self.endpoint, key, self.now).is_ok()
    }

    /// Ends a call, wherever it stands. `reason` is that of the BYE (RFC 3326).
    pub(crate) fn hang_up(&mut self, key: CallKey, reason: &str) {
        self.calls
            .hang_up(self.endpoint, key, Some(reason), self.now);
    }
}

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// The call itself.
    Call,
    /// A change of it.
    Change,
    /// Whether its caller is there still.
    Probe,
}

/// The deadlines of many calls. Each call keeps its own beside, so that it can be taken back.
#[derive(Debug, Default)]
pub(crate) struct Deadlines(BTreeSet<(Instant, CallKey, Due)>);

impl Deadlines {
    /// Sets a deadline in the place of the former; tells whether there was one.
    pub(crate) fn set(
        &mut self,
        kept: &mut Option<Instant>,
        (key, due): (CallKey, Due),
        at: Option<Instant>,
    ) -> bool {
        let before = std::mem::replace(kept, at);
        if let Some(before) = before {
            self.0.remove(&(before, key, due));
        }
        self.0.extend(at.map(|at| (at, key, due)));
        before.is_some()
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.first().map(|(at, ..)| *at)
    }

    /// The next one that has passed.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<(CallKey, Due)> {
        let due = self.0.first().copied().filter(|(at, ..)| *at <= now)?;
        self.0.remove(&due);
        Some((due.1, due.2))
    }
}
