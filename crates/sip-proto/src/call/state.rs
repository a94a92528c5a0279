//! What is kept of a call.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{CallKey, Local, sdp_of};
use crate::auth::ClientAuth;
use crate::dialog::Dialog;
use crate::flow::Target;
use crate::message::Message;
use crate::name::{HeaderName, Method};
use crate::transaction::deadlines::Armed;
use crate::transaction::{ClientTx, ServerTx};

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    pub call_id: Box<str>,
    pub local_tag: Box<str>,
    pub local: Box<Local>,
    /// Where the dialog began; see [`Dialog::next_hop`].
    pub target: Target,
    pub auth: Option<Box<Auth>>,
    /// The callee's from the start, the caller's from the 2xx.
    pub dialog: Option<Box<Dialog>>,
    pub phase: Phase,
    /// A 2xx of ours that waits for its ACK.
    pub unacknowledged: Option<Box<Unacknowledged>>,
    /// A change that the other side asked for and our user has not answered.
    pub asked: Option<Box<Asked>>,
    /// Our INVITE, and the last one within the dialog: their 2xx may be repeated.
    pub invite_tx: Option<ClientTx>,
    pub reinvite_tx: Option<ClientTx>,
    /// Whether that last one has no final response yet.
    pub reinviting: bool,
    /// Entry in the heap that counts.
    pub armed: Armed,
}

/// Where a call stands.
#[derive(Debug)]
pub(super) enum Phase {
    /// Our INVITE has no final response.
    Calling(Box<Calling>),
    /// Their INVITE has no final response.
    Incoming { tx: ServerTx, invite: Message },
    /// Answered.
    Talking,
    /// Answered by us, not yet acknowledged, and already to be ended: BYE follows the ACK (§15).
    EndWhenAcknowledged { reason: Option<String> },
    /// The user was told that it is over; the answer to our BYE is awaited.
    Ending,
}

/// A caller's INVITE.
#[derive(Debug)]
pub(super) struct Calling {
    /// As built, without Via.
    pub invite: Message,
    pub hung_up: bool,
}

/// Credentials, and the header field of the last INVITE: its ACK carries the same (§22.1).
#[derive(Debug)]
pub(super) struct Auth {
    pub client: ClientAuth,
    pub of_invite: Option<(HeaderName, String)>,
}

/// A 2xx that is repeated until its ACK comes.
#[derive(Debug)]
pub(super) struct Unacknowledged {
    pub to: Invited,
    pub ok: Message,
    pub next_at: Option<Instant>,
    pub every: Duration,
    pub until: Option<Instant>,
}

/// The INVITE that a 2xx answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Invited {
    pub tx: ServerTx,
    pub seq: u32,
    /// It is the call's first one.
    pub first: bool,
    /// It made no offer, so the 2xx makes it, and the ACK brings the answer (§13.2.1).
    pub without_offer: bool,
}

impl Invited {
    pub fn of(tx: ServerTx, invite: &Message, first: bool) -> Self {
        Self {
            tx,
            seq: invite.cseq().map_or(0, |cseq| cseq.seq),
            first,
            without_offer: sdp_of(invite).is_none(),
        }
    }
}

/// A re-INVITE or UPDATE to be answered.
#[derive(Debug)]
pub(super) struct Asked {
    pub tx: ServerTx,
    pub request: Message,
}

/// A request within the dialog, as far as it is needed to send it again with credentials.
#[derive(Debug, Clone)]
pub(super) struct Within {
    pub method: Method,
    pub content: Option<(Cow<'static, str>, Bytes)>,
    pub headers: Vec<(HeaderName, String)>,
    /// How often it was challenged.
    pub challenged: u8,
}

/// What a client transaction is for.
#[derive(Debug)]
pub(super) enum Pending {
    /// A call's first INVITE; how often it was challenged.
    Invite(CallKey, u8),
    /// A request within a call.
    Within(CallKey, Within),
    /// Something whose answer interests nobody.
    Forget,
}

impl Within {
    pub fn new(method: Method) -> Self {
        Self {
            method,
            content: None,
            headers: Vec::new(),
            challenged: 0,
        }
    }
}

impl Call {
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ending)
    }
}
