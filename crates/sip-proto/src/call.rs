//! Calls: INVITE sessions, as caller and as callee (RFC 3261 §13 to §15), over the events of an
//! [`Endpoint`](crate::endpoint::Endpoint). No media: session descriptions are carried, not read.
//!
//! Give every endpoint event to [`Calls::handle`]; what comes back is not about calls. Drain [`Calls::poll_event`] after
//! every call of a method. Each call ends with exactly one [`CallEvent::Ended`], save those that never began
//! ([`Calls::invite`] failed).

mod callee;
mod caller;
mod keys;
mod reason;
mod state;
mod within;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::auth::Login;
use crate::build::ResponseBuilder;
use crate::endpoint::{Endpoint, Event, SendError};
use crate::flow::{Source, Target};
use crate::message::Message;
use crate::name::HeaderName;
use crate::transaction::deadlines::Deadlines;
use crate::transaction::table::{Id, Table};
use crate::transaction::{ClientTx, ServerTx};
use crate::uri::{NameAddr, Uri};
use state::{Call, Pending};

pub use keys::key_of_info;
pub use reason::{Reason, reason_of};

/// The methods that a call's side answers, for Allow.
pub const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE";

/// Retry-After of a call that is refused only for now, in seconds.
const CALL_AGAIN_S: u32 = 5;
/// The same of a change.
const CHANGE_AGAIN_S: u32 = 1;

/// One call of one [`Calls`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKey(Id);

/// Our side's addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// `host` or `host:port` of our Via header fields.
    pub via_host: String,
    /// Where requests within a dialog reach us.
    pub contact: Uri,
}

/// Limits and names of a [`Calls`].
#[derive(Debug, Clone)]
pub struct CallsConfig {
    /// Our addresses for incoming calls, and for outgoing ones that name none.
    pub local: Local,
    /// For User-Agent and Server.
    pub product: String,
    /// Most calls at once; an INVITE beyond it is answered 503.
    pub max_calls: usize,
    /// T1, for repeating a 2xx, in milliseconds.
    pub t1_ms: u64,
    /// T2, for repeating a 2xx, in milliseconds.
    pub t2_ms: u64,
}

impl CallsConfig {
    /// With the timers of RFC 3261 and 20,000 calls.
    pub fn new(local: Local, product: impl Into<String>) -> Self {
        Self {
            local,
            product: product.into(),
            max_calls: 20_000,
            t1_ms: 500,
            t2_ms: 4_000,
        }
    }
}

/// A call to place.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The Request-URI.
    pub uri: Uri,
    /// To; `None`: the Request-URI.
    pub to: Option<NameAddr>,
    /// From, without tag.
    pub from: NameAddr,
    /// Where the INVITE goes.
    pub target: Target,
    /// The offer, `application/sdp`.
    pub offer: Bytes,
    /// For 401 and 407.
    pub login: Option<Login>,
    /// Our addresses; `None`: those of the configuration.
    pub local: Option<Local>,
    /// Header fields besides: Route, P-Asserted-Identity …
    pub headers: Vec<(HeaderName, String)>,
}

/// Why a call was not placed or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// [`CallsConfig::max_calls`] is reached.
    #[error("expected fewer calls, there are as many as allowed")]
    Full,
    /// The call is over, or not yet, or no longer, where this can be done.
    #[error("expected a call where this can be done, it stands elsewhere")]
    WrongState,
    /// The endpoint refused.
    #[error(transparent)]
    Send(#[from] SendError),
}

/// What happened to a call.
#[derive(Debug)]
pub enum CallEvent {
    /// Somebody calls: answer with [`Calls::ring`], [`Calls::answer`] or [`Calls::reject`].
    Incoming {
        /// Where the INVITE came from.
        source: Source,
        /// The INVITE.
        invite: Message,
        /// Its offer; `None`: the answer shall bring one.
        offer: Option<Bytes>,
    },
    /// Our INVITE was heard: 100 (Trying).
    Trying,
    /// A provisional response above 100 to our INVITE.
    Ringing {
        /// 180, 181, 182, 183 …
        status: u16,
        /// A session description in it: early media.
        early_sdp: Option<Bytes>,
    },
    /// Our INVITE was answered 2xx; the ACK is sent.
    Answered {
        /// The answer.
        sdp: Option<Bytes>,
    },
    /// The caller has acknowledged our 2xx.
    Confirmed {
        /// A session description in the ACK: the answer, which is never missing if our 2xx made the offer.
        sdp: Option<Bytes>,
    },
    /// The ACK of a change brought the answer to the offer that [`Calls::accept_change`] made.
    ChangeAnswered {
        /// The answer.
        sdp: Bytes,
    },
    /// The other side wants to change the session, by INVITE or UPDATE: answer with [`Calls::accept_change`] or
    /// [`Calls::reject_change`].
    Reinvite {
        /// Its offer; `None`: the answer shall bring one.
        offer: Option<Bytes>,
    },
    /// Our [`Calls::change`] was answered.
    Reinvited {
        /// Its final status; the session is unchanged unless it is 2xx. 491: try again after a while (§14.1).
        status: u16,
        /// The answer.
        sdp: Option<Bytes>,
    },
    /// What came of our [`Calls::probe`].
    Probed {
        /// As it came; 408 and 503 of our own for no answer at all and no way to send. 481 is told as the call's end.
        status: u16,
    },
    /// An INFO within the call, with nothing in it or what [`key_of_info`] reads; it is answered already.
    Info {
        /// Its Content-Type.
        content_type: String,
        /// Its body.
        body: Bytes,
    },
    /// The call is over; nothing more comes of it.
    Ended(Ended),
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Who ended it.
    pub by: EndedBy,
    /// The final status of the INVITE, if that is how it ended: as it came; 408 and 503 of our own for no answer at all and
    /// no way to send.
    pub status: Option<u16>,
    /// Cause of Q.850, from a Reason header field (RFC 3326).
    pub q850: Option<u8>,
    /// The other side's words: text of Reason, or the reason phrase.
    pub words: Option<String>,
}

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndedBy {
    /// We: [`Calls::hang_up`] or [`Calls::reject`].
    Us,
    /// The other side: BYE, CANCEL or a failure.
    Peer,
    /// Neither: no answer, no ACK, one without the answer that it should bring, no way to send.
    Network,
}

/// See the module.
#[derive(Debug)]
pub struct Calls {
    config: CallsConfig,
    t1: Duration,
    t2: Duration,
    table: Table<Call>,
    /// Requests of ours that wait for an answer; the INVITE's stays while its call lasts, for repeated 2xx.
    pending: HashMap<ClientTx, Pending>,
    /// Calls by the INVITE that may be cancelled.
    invites: HashMap<ServerTx, CallKey>,
    /// Calls by Call-ID and our tag, with a space between.
    dialogs: HashMap<Box<str>, CallKey>,
    deadlines: Deadlines<CallKey>,
    events: VecDeque<(CallKey, CallEvent)>,
}

impl Calls {
    /// No calls yet.
    pub fn new(config: CallsConfig) -> Self {
        Self {
            t1: Duration::from_millis(config.t1_ms.max(1)),
            t2: Duration::from_millis(config.t2_ms.max(1)),
            config,
            table: Table::new(),
            pending: HashMap::new(),
            invites: HashMap::new(),
            dialogs: HashMap::new(),
            deadlines: Deadlines::new(),
            events: VecDeque::new(),
        }
    }

    /// Number of calls, those included whose BYE still waits for its answer.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The Call-ID header field of a call that is not over.
    pub fn call_id(&self, key: CallKey) -> Option<&str> {
        self.table.get(key.0).map(|call| call.call_id.as_ref())
    }

    /// Takes an endpoint's event; gives it back when it is not about a call.
    pub fn handle(&mut self, endpoint: &mut Endpoint, event: Event, now: Instant) -> Option<Event> {
        match event {
            Event::Request {
                tx,
                source,
                message,
            } => self.on_request(endpoint, tx, source, message, now),
            Event::Ack { source, message } => self.on_ack(endpoint, source, message, now),
            Event::Cancel {
                tx,
                source,
                message,
            } => {
                if self.on_cancel(endpoint, tx, &message, now) {
                    None
                } else {
                    Some(Event::Cancel {
                        tx,
                        source,
                        message,
                    })
                }
            }
            Event::Response {
                tx,
                source,
                message,
            } => {
                if self.on_response(endpoint, tx, &message, now) {
                    None
                } else {
                    Some(Event::Response {
                        tx,
                        source,
                        message,
                    })
                }
            }
            Event::Timeout { tx } => {
                let ours = self.on_no_response(endpoint, tx, 408, now);
                (!ours).then_some(Event::Timeout { tx })
            }
            Event::TransportError { tx } => {
                let ours = self.on_no_response(endpoint, tx, 503, now);
                (!ours).then_some(Event::TransportError { tx })
            }
            Event::NotAcknowledged { tx } => Some(Event::NotAcknowledged { tx }),
            Event::ReplyFailed { tx } => Some(Event::ReplyFailed { tx }),
        }
    }

    /// The next event, in order.
    pub fn poll_event(&mut self) -> Option<(CallKey, CallEvent)> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Repeats 2xx responses that nobody acknowledged (§13.3.1.4), and gives up after 64·T1.
    pub fn handle_timeout(&mut self, endpoint: &mut Endpoint, now: Instant) {
        while let Some((at, key)) = self.deadlines.pop_due(now) {
            let fires = self
                .table
                .get_mut(key.0)
                .is_some_and(|call| call.armed.fires(at));
            if fires {
                self.repeat_2xx(endpoint, key, now);
            }
        }
    }

    /// Ends a call, wherever it stands: CANCEL, a failure, or BYE. `reason` is the value of a Reason header field for the BYE.
    /// `Ended` comes at once, or, when the INVITE is being cancelled, with its final response.
    pub fn hang_up(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        reason: Option<&str>,
        now: Instant,
    ) {
        self.hang_up_any(endpoint, key, reason, now);
    }
}

/// A failure; one that is only for now says when to try again (RFC 3261 §20.33).
fn refused(request: &Message, status: u16, reason: &str) -> ResponseBuilder {
    let refusal = ResponseBuilder::reply(request, status, reason);
    match status {
        500 => refusal.header(HeaderName::RetryAfter, CHANGE_AGAIN_S),
        503 => refusal.header(HeaderName::RetryAfter, CALL_AGAIN_S),
        _ => refusal,
    }
}

fn sdp_of(message: &Message) -> Option<Bytes> {
    let body = message.body();
    (!body.is_empty() && message.content_type_is("application/sdp")).then_some(body)
}

fn dialog_key(call_id: &str, local_tag: &str) -> Box<str> {
    format!("{call_id} {local_tag}").into()
}
