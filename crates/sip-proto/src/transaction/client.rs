//! The client's machines (RFC 3261 §17.1, RFC 6026 §7.2).

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::deadlines::Armed;
use super::{ClientTx, Kind, Timing};
use crate::flow::{FlowId, Target};
use crate::message::Message;

/// Timer D for unreliable transports: at least 32 s (§17.1.1.2).
const TIMER_D: Duration = Duration::from_secs(32);

/// Where a client transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// No response yet: "Calling" or "Trying".
    Sent,
    /// A provisional response came.
    Proceeding,
    /// INVITE only: a 2xx came; more may come, each is passed on (RFC 6026).
    Accepted,
    /// A final response came (INVITE: other than 2xx); retransmissions of it are absorbed.
    Completed,
}

/// Whether the INVITE is to be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancel {
    /// Not asked.
    No,
    /// As soon as a provisional response comes (§9.1).
    Wanted,
    /// Sent.
    Sent,
}

/// One client transaction.
#[derive(Debug)]
pub(crate) struct Client {
    kind: Kind,
    state: State,
    /// Where to.
    pub target: Target,
    /// The request as sent, for ACK and CANCEL (INVITE until its final response).
    pub request: Option<Message>,
    /// What is sent again: the request, later the ACK.
    bytes: Bytes,
    resend_at: Option<Instant>,
    resend_every: Duration,
    ends_at: Option<Instant>,
    /// See [`Cancel`].
    pub cancel: Cancel,
    /// Entry in the heap that counts.
    pub armed: Armed,
    /// Branch of our Via, the key.
    pub branch: Arc<str>,
    /// Whether this is a CANCEL, which shares its INVITE's branch; nobody is told of it.
    pub is_cancel: bool,
    /// Neighbours in the list of its flow.
    pub on_flow: Option<OnFlow>,
}

/// Place in the list of the transactions that use one flow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnFlow {
    /// The flow.
    pub flow: FlowId,
    /// The one before.
    pub previous: Option<ClientTx>,
    /// The one after.
    pub next: Option<ClientTx>,
}

/// What a response leads to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reaction {
    /// Pass it to the user.
    pub deliver: bool,
    /// Build the ACK of a non-2xx final response, keep and send it.
    pub acknowledge: bool,
    /// Send the kept bytes again.
    pub resend: bool,
    /// Now the CANCEL that was wanted may be sent.
    pub send_cancel: bool,
    /// The transaction is over.
    pub over: bool,
}

/// What a deadline leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing yet.
    Nothing,
    /// Send these again.
    Resend(Bytes),
    /// Nobody answered (timers B and F).
    TimedOut,
    /// Over, as it should be (timers D, K, M).
    Over,
}

impl Client {
    /// A transaction whose request is being sent for the first time.
    pub fn new(
        request: Message,
        bytes: Bytes,
        branch: Arc<str>,
        kind: Kind,
        target: Target,
        timing: Timing,
        now: Instant,
    ) -> Self {
        let resend_at = (!target.transport.is_reliable())
            .then(|| now.checked_add(timing.t1))
            .flatten();
        Self {
            kind,
            state: State::Sent,
            target,
            request: (kind == Kind::Invite).then_some(request),
            bytes,
            resend_at,
            resend_every: timing.t1,
            ends_at: now.checked_add(timing.give_up()),
            cancel: Cancel::No,
            armed: Armed::default(),
            branch,
            is_cancel: false,
            on_flow: None,
        }
    }

    /// The next time to call [`due`](Self::due).
    pub fn deadline(&self) -> Option<Instant> {
        match (self.resend_at, self.ends_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Whether it waits for a final response.
    pub fn is_pending(&self) -> bool {
        matches!(self.state, State::Sent | State::Proceeding)
    }

    /// Takes a response's status.
    pub fn on_response(&mut self, status: u16, timing: Timing, now: Instant) -> Reaction {
        match (self.kind, status) {
            (_, 100..=199) => self.on_provisional(timing, now),
            (Kind::Invite, 200..=299) => self.on_invite_2xx(timing, now),
            (Kind::Invite, _) => self.on_invite_failure(now),
            (Kind::Other, _) => self.on_other_final(timing, now),
        }
    }

    /// Keeps the ACK instead of the INVITE.
    pub fn keep_ack(&mut self, ack: Bytes) {
        self.bytes = ack;
        self.request = None;
    }

    /// What is sent again.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The CANCEL is sent: without a final response within 64·T1 the INVITE is taken for cancelled (§9.1).
    pub fn cancel_sent(&mut self, timing: Timing, now: Instant) {
        self.cancel = Cancel::Sent;
        self.ends_at = now.checked_add(timing.give_up());
    }

    /// Whether a CANCEL would be heard now.
    pub fn may_cancel(&self) -> bool {
        self.kind == Kind::Invite && self.state == State::Proceeding
    }

    /// Does what is due.
    pub fn due(&mut self, timing: Timing, now: Instant) -> Due {
        if self.ends_at.is_some_and(|at| at <= now) {
            return if self.is_pending() {
                Due::TimedOut
            } else {
                Due::Over
            };
        }
        if self.resend_at.is_none_or(|at| at > now) {
            return Due::Nothing;
        }
        // Timer A doubles without end, timer E up to T2, and T2 at once after a provisional response.
        self.resend_every = match (self.kind, self.state) {
            (Kind::Invite, _) => self.resend_every.saturating_mul(2),
            (Kind::Other, State::Sent) => timing.longer(self.resend_every),
            (Kind::Other, _) => timing.t2,
        };
        self.resend_at = now.checked_add(self.resend_every);
        Due::Resend(self.bytes.clone())
    }

    fn on_provisional(&mut self, timing: Timing, now: Instant) -> Reaction {
        if !self.is_pending() {
            return Reaction::default();
        }
        let first = self.state == State::Sent;
        self.state = State::Proceeding;
        match self.kind {
            Kind::Invite => {
                self.resend_at = None;
                if self.cancel != Cancel::Sent {
                    self.ends_at = None;
                }
            }
            Kind::Other => {
                if first && self.resend_at.is_some() {
                    self.resend_every = timing.t2;
                    self.resend_at = now.checked_add(timing.t2);
                }
            }
        }
        Reaction {
            deliver: true,
            send_cancel: self.kind == Kind::Invite && self.cancel == Cancel::Wanted,
            ..Reaction::default()
        }
    }

    fn on_invite_2xx(&mut self, timing: Timing, now: Instant) -> Reaction {
        match self.state {
            State::Sent | State::Proceeding => {
                self.state = State::Accepted;
                self.resend_at = None;
                self.ends_at = now.checked_add(timing.give_up());
                self.request = None;
                self.bytes = Bytes::new();
            }
            State::Accepted => {}
            State::Completed => return Reaction::default(),
        }
        Reaction {
            deliver: true,
            ..Reaction::default()
        }
    }

    fn on_invite_failure(&mut self, now: Instant) -> Reaction {
        match self.state {
            State::Sent | State::Proceeding => {
                self.state = State::Completed;
                self.resend_at = None;
                let reliable = self.target.transport.is_reliable();
                self.ends_at = now.checked_add(TIMER_D);
                Reaction {
                    deliver: true,
                    acknowledge: true,
                    over: reliable,
                    ..Reaction::default()
                }
            }
            State::Completed => Reaction {
                resend: true,
                ..Reaction::default()
            },
            State::Accepted => Reaction::default(),
        }
    }

    fn on_other_final(&mut self, timing: Timing, now: Instant) -> Reaction {
        if !self.is_pending() {
            return Reaction::default();
        }
        self.state = State::Completed;
        self.resend_at = None;
        self.ends_at = now.checked_add(timing.t4);
        self.bytes = Bytes::new();
        Reaction {
            deliver: true,
            over: self.target.transport.is_reliable(),
            ..Reaction::default()
        }
    }
}
