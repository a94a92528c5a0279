//! What goes in and what comes out: data.

use bytes::Bytes;
use convoke_types::{Aor, RequestId};
use soap_proto::UtcMillis;

/// A MESSAGE that came to the gateway's address.
#[derive(Debug, Clone)]
pub struct IncomingMessage {
    /// The server transaction, to answer.
    pub tx: u64,
    /// Follows the request through every part's log.
    pub request_id: RequestId,
    /// It came from the configured IM server over TLS or loopback (architecture, decision 6).
    pub trusted: bool,
    /// The value of P-Asserted-Identity (RFC 3325 §9.1), as it came.
    pub asserted: Option<String>,
    /// The value of From, as it came.
    pub from: String,
    /// The value of Content-Type, as it came.
    pub content_type: Option<String>,
    /// The body.
    pub body: Bytes,
    /// The value of Expires in seconds (RFC 3428 §7).
    pub expires_s: Option<u32>,
    /// The value of Date (RFC 3261 §20.17).
    pub sent: Option<UtcMillis>,
    /// The time of day when it came.
    pub wall: UtcMillis,
}

/// A POST to the reporting service.
#[derive(Debug, Clone)]
pub struct ReportEnvelope {
    /// The HTTP request, to answer.
    pub tx: u64,
    /// Follows the request through every part's log.
    pub request_id: RequestId,
    /// The caller proved to be the conference service (shared secret or mutual TLS).
    pub authenticated: bool,
    /// The body.
    pub body: Bytes,
}

/// What the driver shall do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Write to the log of control traffic; durable before the `Answer` that follows.
    Log(LogEntry),
    /// Answer a MESSAGE.
    Answer {
        /// Which.
        tx: u64,
        /// SIP status.
        status: u16,
        /// Reason phrase.
        reason: &'static str,
    },
    /// POST to the conference service; the result comes back by `handle_http_result`.
    HttpCall {
        /// Names the call in its result.
        token: u64,
        /// The SOAP envelope, with the user in its header.
        envelope: Vec<u8>,
        /// For whom.
        user: Aor,
        /// For the log.
        request_id: RequestId,
    },
    /// Send a MESSAGE; the final status comes back by `handle_message_result`.
    SendMessage {
        /// Names the message in its result.
        token: u64,
        /// Request-URI and To: a GRUU or an address of record.
        to: String,
        /// Content-Type.
        content_type: &'static str,
        /// The body.
        body: Bytes,
    },
    /// Answer a POST to the reporting service.
    ReportAnswer {
        /// Which.
        tx: u64,
        /// HTTP status.
        status: u16,
        /// The SOAP envelope.
        envelope: Vec<u8>,
    },
}

/// Where a logged message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the gateway.
    In,
    /// From the gateway.
    Out,
}

/// One message of the control traffic's log. The log is the product's; none of this may reach a program log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Which way.
    pub direction: Direction,
    /// The asserted sender, or the gateway.
    pub from: String,
    /// The gateway, or the receiver.
    pub to: String,
    /// Content-Type.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
}
