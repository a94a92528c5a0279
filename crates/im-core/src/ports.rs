//! What the server asks of the rest of the program and what it is told in return: data only.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use sip_proto::auth::Credential;
use sip_proto::endpoint::SendToken;
use sip_proto::{FlowId, Target, Transport};

use crate::contact::Capabilities;

/// Names a question to the store; its answer comes back with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoreToken(pub(crate) u64);

/// Names a question for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LookupToken(pub(crate) u64);

/// What the server wants done, in this order.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes.
    Send {
        /// To whom.
        target: Target,
        /// A whole message.
        bytes: Bytes,
        /// For `handle_send_failed`.
        token: SendToken,
    },
    /// Ask the store; answer with `handle_stored`.
    Store {
        /// The question.
        token: StoreToken,
        /// What to do.
        op: StoreOp,
    },
    /// Find an account; answer with `handle_lookup`.
    Lookup {
        /// The question.
        token: LookupToken,
        /// `user@domain`.
        aor: Arc<str>,
    },
    /// Somebody registered on this connection, or nobody is registered on it any more. Of a connection that closed nothing
    /// is said.
    Keep {
        /// The connection.
        flow: FlowId,
        /// Whether it may be silent for as long as it likes.
        kept: bool,
    },
    /// For logs and counters.
    Event(Event),
}

/// What the store shall do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreOp {
    /// Write a message to the log; answered by `Stored::Logged` once it is durable.
    LogMessage(LoggedMessage),
    /// A device took the message. Answered by `Stored::Done`.
    MarkDelivered {
        /// The message's id in the log.
        id: i64,
        /// The device: its instance, or its contact.
        device: Arc<str>,
        /// Milliseconds since 1970 UTC.
        at_unix_ms: i64,
    },
    /// These are all contacts of this person that a restart may bring back. Answered by `Stored::Done`.
    SaveBindings {
        /// `user@domain`.
        aor: Arc<str>,
        /// The contacts; those over connections are left out, since their flows end with the process.
        bindings: Vec<SavedBinding>,
    },
    /// Read the messages kept for a person, oldest first. Answered by `Stored::Pending`.
    FetchPending {
        /// `user@domain`.
        aor: Arc<str>,
        /// Only ids above this one.
        after: Option<i64>,
        /// At most so many.
        limit: usize,
    },
}

/// A message for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedMessage {
    /// When it came, in milliseconds since 1970 UTC.
    pub at_unix_ms: i64,
    /// The authenticated sender, `user@domain`.
    pub from: Arc<str>,
    /// The recipient, `user@domain`.
    pub to: Arc<str>,
    /// The instance of the one device that it is for, if not all.
    pub device: Option<Arc<str>>,
    /// Content-Type as it came.
    pub content_type: String,
    /// The body as it came.
    pub body: Bytes,
    /// A command, an answer or a report: never kept.
    pub control: bool,
    /// Kept until a device has taken it.
    pub keep: bool,
}

/// A message that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptMessage {
    /// Its id in the log.
    pub id: i64,
    /// When it came, in milliseconds since 1970 UTC.
    pub at_unix_ms: i64,
    /// Who sent it, `user@domain`.
    pub from: Arc<str>,
    /// The name that the sender's account has now; empty without one.
    pub name: String,
    /// Content-Type as it came.
    pub content_type: String,
    /// The body as it came.
    pub body: Bytes,
}

/// A contact as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedBinding {
    /// The Contact value as registered, without `expires`.
    pub contact: String,
    /// `+sip.instance` without quotes and brackets, empty without one.
    pub instance: String,
    /// `reg-id`.
    pub reg_id: Option<u32>,
    /// Preference in thousandths.
    pub q_permille: u16,
    /// Call-ID of the REGISTER.
    pub call_id: String,
    /// CSeq of the REGISTER.
    pub cseq: u32,
    /// When it ends, in milliseconds since 1970 UTC.
    pub expires_at_unix_ms: i64,
    /// Path values, joined by commas.
    pub path: String,
    /// The address that it registered from, `address:port`.
    pub flow: String,
    /// User-Agent.
    pub user_agent: String,
    /// The device password that it registered with; unknown of those that an earlier version saved.
    pub password: Option<i64>,
}

/// What the store did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// The message is durable under this id.
    Logged(i64),
    /// Done.
    Done,
    /// The messages asked for.
    Pending(Vec<KeptMessage>),
}

/// Why the store did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFault {
    /// Too much to do: 503.
    Overloaded,
    /// Anything else: 500.
    Failed,
}

/// What the server must know of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountInfo {
    /// A service: messages to and from it are control, and it is told who sends.
    pub service: bool,
    /// The person's name as others see it; empty: unknown.
    pub name: String,
    /// The language that they chose ("en", "de"), if any.
    pub language: Option<String>,
    /// The device passwords in force.
    pub passwords: Vec<DevicePassword>,
    /// The tokens in force that are good for SIP.
    pub tokens: Vec<Token>,
}

/// A device password in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevicePassword {
    /// Its number, for `handle_password_revoked`.
    pub id: i64,
    /// What digests are checked against.
    pub credential: Credential,
}

/// A token in force (RFC 8898). Numbered apart from passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its number, for `handle_token_revoked`.
    pub id: i64,
    /// The SHA-256 of its text.
    pub sha256: [u8; 32],
    /// When it ends, in milliseconds since 1970 UTC.
    pub until_unix_ms: i64,
}

/// What happened, for logs and counters. Holds no bodies and no credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A contact was added or renewed.
    Registered {
        /// `user@domain`.
        aor: Arc<str>,
        /// How it is reached.
        transport: Transport,
        /// From where.
        remote: SocketAddr,
        /// For how long, in seconds.
        expires_s: u32,
        /// False: renewed.
        new: bool,
        /// What the device says that it can do.
        can: Capabilities,
    },
    /// A contact is gone.
    Unregistered {
        /// `user@domain`.
        aor: Arc<str>,
        /// Why.
        why: Gone,
    },
    /// A digest was wrong.
    WrongPassword {
        /// From where.
        address: IpAddr,
        /// The user name that was tried, cut to a loggable length.
        user: String,
        /// True: further ones are refused for a while.
        banned: bool,
    },
    /// A token was unknown, or over.
    WrongToken {
        /// From where.
        address: IpAddr,
        /// Who it was said to be, cut to a loggable length.
        user: String,
        /// True: tokens from there are refused for a while.
        banned: bool,
    },
    /// A request was refused.
    Refused {
        /// From where.
        address: IpAddr,
        /// The status answered.
        status: u16,
    },
    /// A message was stored and is on its way.
    Relayed {
        /// Its id in the log.
        id: i64,
        /// `user@domain`.
        from: Arc<str>,
        /// `user@domain`.
        to: Arc<str>,
        /// Whether it is control.
        control: bool,
        /// Its Call-ID, which follows it through every part's log; for control only.
        call_id: Option<String>,
        /// To how many devices it goes now; 0: kept.
        devices: usize,
    },
    /// A device took a message.
    Delivered {
        /// Its id in the log.
        id: i64,
        /// Whether it had been kept before.
        kept: bool,
    },
    /// No device took a message; chat stays kept.
    Undelivered {
        /// Its id in the log.
        id: i64,
        /// The best answer; 408 when none came.
        status: u16,
    },
    /// A device without a connection is told that a message is kept which is too large for it.
    ToldOfKept {
        /// The message's id in the log.
        id: i64,
    },
    /// The store did not do what was not anybody's to wait for (a mark, bindings, reading kept messages).
    StoreFailed {
        /// How.
        fault: StoreFault,
    },
}

/// Why a contact is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// Its client said so.
    Removed,
    /// It was not renewed.
    Expired,
    /// Its connection closed.
    FlowClosed,
    /// The password that it registered with was revoked.
    Revoked,
}
