//! A user agent for instant messages: registers (RFC 3261 §10, with RFC 5626's instance and RFC 5627's GRUU), stays
//! registered, sends and receives MESSAGE (RFC 3428).
//!
//! Works over an [`Endpoint`](crate::endpoint::Endpoint) that the caller owns: give every endpoint event to [`Ua::handle`];
//! what comes back is not for a user agent (give it to [`Calls`](crate::call::Calls), or to [`refuse`]). Drain
//! [`Ua::poll_event`] after every call of a method.

mod message;
mod register;

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use crate::auth::{ClientAuth, Login};
use crate::build::ResponseBuilder;
use crate::endpoint::{Endpoint, Event, SendError};
use crate::flow::{FlowId, Source, Target};
use crate::message::Message;
use crate::name::{HeaderName, Method};
use crate::transaction::{ClientTx, ServerTx};
use crate::uri::Uri;
use message::{Asked, Outstanding, Tells};
use register::Registration;

/// The methods that a user agent answers, for Allow.
pub const ALLOW: &str = "MESSAGE, OPTIONS";
/// Most messages that wait for their final response.
pub const MESSAGES_MAX: usize = 10_000;
/// Room for what is added to a request on its way to the wire (Via, Content-Length), in bytes.
const VIA_BYTES: usize = 160;

/// Who registers, where, and how.
#[derive(Debug, Clone)]
pub struct UaConfig {
    /// Address of record: `sip:alice@example.org`.
    pub aor: Uri,
    /// Where REGISTER and MESSAGE go: the server, over a stream transport unless all messages are short.
    pub target: Target,
    /// `host` or `host:port` of our Via header fields.
    pub via_host: String,
    /// Our Contact: `sip:alice@host:port;transport=tcp`.
    pub contact: Uri,
    /// Name and password for 401 and 407.
    pub login: Login,
    /// `urn:uuid:…`, the same for the life of the device (RFC 5626 §4.1).
    pub instance: String,
    /// How long a registration shall last, in seconds.
    pub expires_s: u32,
    /// For User-Agent and Server.
    pub product: String,
}

/// Names a message or another request until its [`UaEvent::MessageResult`] or [`UaEvent::Answered`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageToken(pub u64);

/// What a user agent tells.
#[derive(Debug)]
pub enum UaEvent {
    /// Registered, after not having been; refreshes are silent.
    Registered {
        /// Our public GRUU, if the registrar gave one (RFC 5627 §3.2).
        gruu: Option<Uri>,
        /// How long it lasts unless refreshed, in seconds.
        expires_s: u32,
    },
    /// Not registered; it is tried again by itself.
    RegistrationFailed {
        /// The registrar's status; 408 and 503 of our own for no answer and no way to send, 401 for a wrong password.
        status: u16,
        /// Its reason phrase, or ours.
        words: String,
        /// When it is tried again, in milliseconds from now.
        retry_in_ms: u64,
    },
    /// The registration is taken back, or the registrar did not answer that.
    Unregistered,
    /// Somebody sent a message: answer it with [`Ua::reply`].
    Message {
        /// Its transaction.
        tx: ServerTx,
        /// Where it came from.
        source: Source,
        /// The MESSAGE.
        message: Message,
    },
    /// A message of ours has its final response.
    MessageResult {
        /// Which.
        token: MessageToken,
        /// The status; 408 and 503 of our own for no answer and no way to send.
        status: u16,
        /// The reason phrase, or ours.
        words: String,
    },
    /// Another request of ours has its final response.
    Answered {
        /// Which.
        token: MessageToken,
        /// The status; 408 and 503 of our own for no answer and no way to send.
        status: u16,
        /// The response; `None` when the status is our own.
        response: Option<Message>,
    },
}

/// Why a message was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// [`MESSAGES_MAX`] wait already.
    #[error("expected fewer messages under way, there are as many as allowed")]
    Full,
    /// Over 1,300 bytes, and our server is reached by UDP (RFC 3428 §8).
    #[error("expected a message of at most 1,300 bytes over UDP, came a longer one")]
    TooLongForUdp,
    /// The endpoint refused.
    #[error(transparent)]
    Send(#[from] SendError),
}

/// See the module.
#[derive(Debug)]
pub struct Ua {
    config: UaConfig,
    registration: Registration,
    /// For MESSAGE; the registration has its own, since a proxy may ask apart from the registrar.
    auth: ClientAuth,
    outstanding: HashMap<ClientTx, Outstanding>,
    next_token: u64,
    events: VecDeque<UaEvent>,
}

impl Ua {
    /// Not registered yet: see [`register`](Self::register).
    pub fn new(config: UaConfig) -> Self {
        Self {
            registration: Registration::new(&config),
            auth: ClientAuth::new(config.login.clone()),
            config,
            outstanding: HashMap::new(),
            next_token: 1,
            events: VecDeque::new(),
        }
    }

    /// The configuration.
    pub fn config(&self) -> &UaConfig {
        &self.config
    }

    /// Takes an endpoint's event; gives it back when it is not for a user agent.
    pub fn handle(&mut self, endpoint: &mut Endpoint, event: Event, now: Instant) -> Option<Event> {
        match event {
            Event::Request {
                tx,
                source,
                message,
            } => self.on_request(endpoint, tx, source, message, now),
            Event::Response {
                tx,
                source,
                message,
            } => {
                let ours = self.on_register_response(endpoint, tx, source, &message, now)
                    || self.on_message_response(endpoint, tx, &message, now);
                (!ours).then_some(Event::Response {
                    tx,
                    source,
                    message,
                })
            }
            Event::Timeout { tx } => {
                let ours = self.on_no_response(endpoint, tx, 408, "No Response", now);
                (!ours).then_some(Event::Timeout { tx })
            }
            Event::TransportError { tx } => {
                let ours = self.on_no_response(endpoint, tx, 503, "Server Not Reachable", now);
                (!ours).then_some(Event::TransportError { tx })
            }
            other @ (Event::Ack { .. }
            | Event::Cancel { .. }
            | Event::NotAcknowledged { .. }
            | Event::ReplyFailed { .. }) => Some(other),
        }
    }

    /// The next event, in order.
    pub fn poll_event(&mut self) -> Option<UaEvent> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.registration.due_at
    }

    /// Answers a request of [`UaEvent::Message`]: 200 when it is shown or stored, else a failure.
    pub fn reply(
        &self,
        endpoint: &mut Endpoint,
        tx: ServerTx,
        request: &Message,
        status: u16,
        reason: &str,
        now: Instant,
    ) {
        let tag = endpoint.tokens().tag();
        let response = ResponseBuilder::reply(request, status, reason)
            .to_tag(&tag)
            .header(HeaderName::Server, &self.config.product)
            .build();
        endpoint.respond(tx, &response, now);
    }

    /// Our server is to be reached elsewhere, or under another Contact, from the next request on.
    pub fn set_target(&mut self, target: Target, via_host: String, contact: Uri) {
        self.config.target = target;
        self.config.via_host = via_host;
        self.config.contact = contact;
    }

    /// A connection is gone: if ours, the registration is made anew over another. Tell the endpoint as well.
    pub fn handle_flow_closed(&mut self, endpoint: &mut Endpoint, flow: FlowId, now: Instant) {
        if self.config.target.flow == Some(flow) {
            self.config.target.flow = None;
            self.on_flow_lost(endpoint, now);
        }
    }

    fn on_request(
        &mut self,
        endpoint: &mut Endpoint,
        tx: ServerTx,
        source: Source,
        message: Message,
        now: Instant,
    ) -> Option<Event> {
        match message.method_ref() {
            Some(Method::Message) => {
                self.events.push_back(UaEvent::Message {
                    tx,
                    source,
                    message,
                });
                None
            }
            // Within a call OPTIONS belongs to it.
            Some(Method::Options) if message.to().is_ok_and(|to| to.tag().is_none()) => {
                let tag = endpoint.tokens().tag();
                let response = ResponseBuilder::reply(&message, 200, "OK")
                    .to_tag(&tag)
                    .header(HeaderName::Allow, ALLOW)
                    .header(HeaderName::Accept, "text/plain")
                    .header(HeaderName::Server, &self.config.product)
                    .build();
                endpoint.respond(tx, &response, now);
                None
            }
            _ => Some(Event::Request {
                tx,
                source,
                message,
            }),
        }
    }

    fn on_no_response(
        &mut self,
        endpoint: &mut Endpoint,
        tx: ClientTx,
        status: u16,
        words: &str,
        now: Instant,
    ) -> bool {
        if self.registration.tx == Some(tx) {
            self.on_register_failed(endpoint, status, words.to_owned(), None, now);
            return true;
        }
        self.on_message_lost(tx, status, words)
    }
}

/// Answers a request that nobody took 405 (RFC 3261 §8.2.1); other events are dropped.
pub fn refuse(endpoint: &mut Endpoint, event: &Event, allow: &str, now: Instant) {
    if let Event::Request { tx, message, .. } = event {
        let tag = endpoint.tokens().tag();
        let response = ResponseBuilder::reply(message, 405, "Method Not Allowed")
            .to_tag(&tag)
            .header(HeaderName::Allow, allow)
            .build();
        endpoint.respond(*tx, &response, now);
    }
}

/// A further header field of a message.
pub type Extra<'a> = (HeaderName, &'a str);

impl Ua {
    /// Sends a message. Its result comes as [`UaEvent::MessageResult`]; the status 202 says that it is kept for later.
    ///
    /// # Errors
    /// See [`MessageError`]; then there is no result event.
    pub fn message(
        &mut self,
        endpoint: &mut Endpoint,
        to: &Uri,
        content_type: &str,
        body: Bytes,
        extra: &[Extra<'_>],
        now: Instant,
    ) -> Result<MessageToken, MessageError> {
        let asked = Asked {
            method: Method::Message,
            tells: Tells::Result,
            body: Some((content_type, body)),
        };
        self.send(endpoint, to, asked, extra, now)
    }

    /// Sends another request out of dialogs, such as PUBLISH (RFC 3903), to `uri`. Its final response comes as
    /// [`UaEvent::Answered`].
    ///
    /// # Errors
    /// See [`MessageError`]; then there is no event.
    pub fn request(
        &mut self,
        endpoint: &mut Endpoint,
        method: Method,
        uri: &Uri,
        body: Option<(&str, Bytes)>,
        extra: &[Extra<'_>],
        now: Instant,
    ) -> Result<MessageToken, MessageError> {
        let asked = Asked {
            method,
            tells: Tells::Answer,
            body,
        };
        self.send(endpoint, uri, asked, extra, now)
    }
}
