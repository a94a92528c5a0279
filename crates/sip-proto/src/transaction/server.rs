//! The server's machines (RFC 3261 §17.2, RFC 6026 §7.1).

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::deadlines::Armed;
use super::{Kind, Timing};
use crate::flow::Target;
use crate::message::Message;

/// An INVITE is answered 100 when its user says nothing for this long (§17.2.1).
const TRYING_AFTER: Duration = Duration::from_millis(200);

/// Where a server transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing answered yet.
    Received,
    /// Answered provisionally.
    Proceeding,
    /// INVITE only: answered 2xx; the user repeats the 2xx, we absorb the INVITE's retransmissions (RFC 6026).
    Accepted,
    /// Answered finally (INVITE: other than 2xx).
    Completed,
    /// INVITE only: the failure is acknowledged.
    Confirmed,
}

/// One server transaction.
#[derive(Debug)]
pub(crate) struct Server {
    kind: Kind,
    state: State,
    /// Where responses go.
    pub target: Target,
    /// The INVITE, until it is answered: what a 100 is built of.
    pub request: Option<Message>,
    reply: Option<Bytes>,
    resend_at: Option<Instant>,
    resend_every: Duration,
    ends_at: Option<Instant>,
    /// Entry in the heap that counts.
    pub armed: Armed,
    /// Its key.
    pub key: Arc<str>,
}

/// What a response of the user leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Send it.
    Send,
    /// Send it; the transaction is over.
    SendAndEnd,
    /// It comes too late.
    Drop,
}

/// What an ACK leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acked {
    /// Pass it on: it belongs to a 2xx.
    Deliver,
    /// Absorb it.
    Absorb,
    /// Absorb it; the transaction is over.
    End,
}

/// What a deadline leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing yet.
    Nothing,
    /// Answer the INVITE 100.
    Trying,
    /// Send these again.
    Resend(Bytes),
    /// No ACK came (timer H).
    NotAcknowledged,
    /// Over, as it should be (timers I, J, L).
    Over,
}

impl Server {
    /// A transaction whose request has just come.
    pub fn new(
        request: &Message,
        key: Arc<str>,
        kind: Kind,
        target: Target,
        timing: Timing,
        now: Instant,
    ) -> Self {
        let (request, resend_at, ends_at) = match kind {
            Kind::Invite => (Some(request.clone()), now.checked_add(TRYING_AFTER), None),
            // The client gives up after 64·T1 (timer F), so a later answer helps nobody (RFC 4320 §4.2).
            Kind::Other => (None, None, now.checked_add(timing.give_up())),
        };
        Self {
            kind,
            state: State::Received,
            target,
            request,
            reply: None,
            resend_at,
            resend_every: timing.t1,
            ends_at,
            armed: Armed::default(),
            key,
        }
    }

    /// The next time to call [`due`](Self::due).
    pub fn deadline(&self) -> Option<Instant> {
        match (self.resend_at, self.ends_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Whether the user has not answered finally.
    pub fn is_pending(&self) -> bool {
        matches!(self.state, State::Received | State::Proceeding)
    }

    /// The request came again: what to answer.
    pub fn on_retransmission(&self) -> Option<Bytes> {
        match self.state {
            State::Received | State::Proceeding | State::Completed => self.reply.clone(),
            State::Accepted | State::Confirmed => None,
        }
    }

    /// The user answers with `status`.
    pub fn on_reply(&mut self, status: u16, bytes: &Bytes, timing: Timing, now: Instant) -> Reply {
        if self.state == State::Accepted && (200..=299).contains(&status) {
            return Reply::Send;
        }
        if !self.is_pending() {
            return Reply::Drop;
        }
        self.request = None;
        self.resend_at = None;
        // A copy of its exact size: for half a minute after the end it is all that is kept.
        self.reply = Some(Bytes::copy_from_slice(bytes));
        let reliable = self.target.transport.is_reliable();
        match (self.kind, status) {
            (_, 100..=199) => {
                self.state = State::Proceeding;
                return Reply::Send;
            }
            (Kind::Invite, 200..=299) => {
                self.state = State::Accepted;
                self.reply = None;
            }
            (Kind::Invite, _) => {
                self.state = State::Completed;
                self.resend_every = timing.t1;
                self.resend_at = (!reliable).then(|| now.checked_add(timing.t1)).flatten();
            }
            (Kind::Other, _) => {
                self.state = State::Completed;
                if reliable {
                    return Reply::SendAndEnd;
                }
            }
        }
        self.ends_at = now.checked_add(timing.give_up());
        Reply::Send
    }

    /// An ACK with this transaction's key came.
    pub fn on_ack(&mut self, timing: Timing, now: Instant) -> Acked {
        match self.state {
            State::Accepted => Acked::Deliver,
            State::Completed => {
                self.state = State::Confirmed;
                self.resend_at = None;
                self.reply = None;
                if self.target.transport.is_reliable() {
                    return Acked::End;
                }
                self.ends_at = now.checked_add(timing.t4);
                Acked::Absorb
            }
            State::Received | State::Proceeding | State::Confirmed => Acked::Absorb,
        }
    }

    /// Does what is due.
    pub fn due(&mut self, timing: Timing, now: Instant) -> Due {
        if self.ends_at.is_some_and(|at| at <= now) {
            let unheard = self.kind == Kind::Invite && self.state == State::Completed;
            return if unheard {
                Due::NotAcknowledged
            } else {
                Due::Over
            };
        }
        if self.resend_at.is_none_or(|at| at > now) {
            return Due::Nothing;
        }
        match &self.reply {
            None => {
                self.resend_at = None;
                Due::Trying
            }
            Some(reply) => {
                // Timer G.
                self.resend_every = timing.longer(self.resend_every);
                self.resend_at = now.checked_add(self.resend_every);
                Due::Resend(reply.clone())
            }
        }
    }
}
