//! What goes in and what comes out: data.

use bytes::Bytes;
use convoke_types::bridge_protocol::Announcement;
use convoke_types::video::{VideoCommand, VideoEvent};
use convoke_types::{Aor, ConferenceId, VideoServerName};
use soap_proto::UtcMillis;

/// A MESSAGE that came to the allocator's address.
#[derive(Debug, Clone)]
pub struct IncomingMessage {
    /// The server transaction, to answer.
    pub tx: u64,
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
    /// The time of day when it came.
    pub wall: UtcMillis,
}

/// What a video server's link tells.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerNews {
    /// It can be reached, and says what it is; also whenever its load has changed.
    Announced(Announcement),
    /// It cannot be reached (any more), and why, for the log.
    Lost(String),
    /// Of a conference.
    Event(VideoEvent),
}

/// What the driver shall do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Answer a MESSAGE.
    Answer {
        /// Which.
        tx: u64,
        /// SIP status.
        status: u16,
        /// Reason phrase.
        reason: &'static str,
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
        /// The value of Expires, in seconds: of no use later.
        expires_s: Option<u32>,
    },
    /// PUBLISH a conference's presence (RFC 3903); the final status comes back by `handle_published`.
    Publish {
        /// Names the publication in its result.
        token: u64,
        /// Whose presence: `sip:conf-ID@DOMAIN`.
        uri: String,
        /// The value of SIP-If-Match, if it is there already.
        tag: Option<String>,
        /// The document; `None`: what was said goes on, or ends.
        body: Option<Bytes>,
        /// The value of Expires, in seconds; 0 ends it.
        life_s: u32,
    },
    /// Tell a video server.
    Video {
        /// Which.
        server: VideoServerName,
        /// What.
        command: VideoCommand,
    },
    /// For logs.
    Event(Event),
}

/// What happened, in English. Holds no bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody asks for a video conference.
    Asked {
        /// Who.
        asker: Aor,
        /// The conference to be.
        conference: ConferenceId,
        /// How many are invited.
        invited: usize,
    },
    /// A video server did not take a conference.
    NotPlaced {
        /// The conference.
        conference: ConferenceId,
        /// Which.
        server: VideoServerName,
        /// Why not.
        words: String,
    },
    /// A conference is ready.
    Ready {
        /// Which.
        conference: ConferenceId,
        /// Where its pictures are.
        server: VideoServerName,
    },
    /// A request came to nothing.
    Refused {
        /// The conference that it would have been.
        conference: ConferenceId,
        /// Why.
        words: String,
    },
    /// A conference has lost its pictures.
    PicturesLost {
        /// Which.
        conference: ConferenceId,
        /// Why.
        words: String,
    },
    /// A conference has its pictures at another server now.
    Moved {
        /// Which.
        conference: ConferenceId,
        /// Where they were.
        from: VideoServerName,
        /// Where they are.
        to: VideoServerName,
    },
    /// A conference is over.
    Over {
        /// Which.
        conference: ConferenceId,
    },
    /// Somebody was not reached by their invitation.
    NotReached {
        /// The conference.
        conference: ConferenceId,
        /// Who.
        user: Aor,
        /// The status.
        status: u16,
    },
}
