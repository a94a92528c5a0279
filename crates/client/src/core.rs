//! The client's core: a user agent on its endpoint, as the driver runs it.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;
use runtime::driver::{CoreOutput, SipCore};
use runtime::sip::{SendError as WireError, TransportEvent};
use sip_proto::endpoint::{Config as EndpointConfig, Endpoint, Output};
use sip_proto::ua::{self, ALLOW, MessageToken, Ua, UaConfig, UaEvent};
use sip_proto::{HeaderName, Uri};
use tokio::sync::{mpsc, oneshot};

use crate::im::{SendError, Status};
use crate::incoming::Incoming;

/// Most transactions at once; a client has few.
const TRANSACTIONS_MAX: usize = 4_096;
/// Ids of messages that are remembered, so that none is shown twice.
const SEEN_MAX: usize = 256;

/// What the client's handles tell the core.
#[derive(Debug)]
pub(crate) enum Input {
    Message(Outgoing),
    /// Take the registration back.
    Close,
}

/// A message to be sent.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub to: Uri,
    pub content_type: String,
    pub body: Bytes,
    pub headers: Vec<(HeaderName, String)>,
    pub done: oneshot::Sender<Result<Status, SendError>>,
}

/// What the core tells of its registration.
#[derive(Debug)]
pub(crate) enum News {
    Registered {
        gruu: Option<String>,
    },
    Failed {
        status: u16,
        words: String,
        /// Why the server was not reached, if it was not.
        wire: Option<WireError>,
    },
    Unregistered,
}

pub(crate) struct Core {
    endpoint: Endpoint,
    ua: Ua,
    waiting: HashMap<MessageToken, oneshot::Sender<Result<Status, SendError>>>,
    inbox: mpsc::Sender<Incoming>,
    /// The IM server's ids of the last messages that were taken: chat may come a second time, as kept (architecture, decision 11).
    seen: VecDeque<String>,
    outputs: VecDeque<CoreOutput<News>>,
    /// The last message that did not get onto the wire.
    wire: Option<WireError>,
}

impl Core {
    /// A core that is about to register. What comes is put into `inbox`; while that is full messages are answered 480, and
    /// the server keeps what is chat.
    pub fn new(
        config: UaConfig,
        seed: [u8; 32],
        inbox: mpsc::Sender<Incoming>,
        now: Instant,
    ) -> Self {
        let limits = EndpointConfig {
            max_transactions: TRANSACTIONS_MAX,
            ..EndpointConfig::default()
        };
        let mut core = Self {
            endpoint: Endpoint::new(seed, limits),
            ua: Ua::new(config),
            waiting: HashMap::new(),
            inbox,
            seen: VecDeque::new(),
            outputs: VecDeque::new(),
            wire: None,
        };
        core.ua.register(&mut core.endpoint, now);
        core.turn(now);
        core
    }

    /// Hands a message on, unless it was taken before; the status to answer.
    fn take(&mut self, incoming: Incoming) -> (u16, &'static str) {
        let id = incoming.message_id.clone();
        if id.as_ref().is_some_and(|id| self.seen.contains(id)) {
            return (200, "OK");
        }
        if self.inbox.try_send(incoming).is_err() {
            return (480, "Too Many Unread Messages");
        }
        if self.seen.len() == SEEN_MAX {
            self.seen.pop_front();
        }
        self.seen.extend(id);
        (200, "OK")
    }

    /// Gives what one part puts out to the other until both are quiet.
    fn turn(&mut self, now: Instant) {
        loop {
            while let Some(event) = self.ua.poll_event() {
                self.on_event(event, now);
            }
            match self.endpoint.poll_output() {
                None => return,
                Some(Output::Send {
                    target,
                    bytes,
                    token,
                }) => self.outputs.push_back(CoreOutput::Send {
                    target,
                    bytes,
                    token: Some(token),
                }),
                Some(Output::Event(event)) => {
                    if let Some(other) = self.ua.handle(&mut self.endpoint, event, now) {
                        ua::refuse(&mut self.endpoint, &other, ALLOW, now);
                    }
                }
            }
        }
    }

    fn on_event(&mut self, event: UaEvent, now: Instant) {
        match event {
            UaEvent::Registered { gruu, .. } => {
                self.wire = None;
                let gruu = gruu.map(|uri| uri.as_str().to_owned());
                self.news(News::Registered { gruu });
            }
            UaEvent::RegistrationFailed { status, words, .. } => {
                let wire = self.wire.take();
                self.news(News::Failed {
                    status,
                    words,
                    wire,
                });
            }
            UaEvent::Unregistered => self.news(News::Unregistered),
            UaEvent::Message { tx, message, .. } => {
                let (status, reason) = match Incoming::of(&message) {
                    None => (400, "Bad Request"),
                    Some(incoming) => self.take(incoming),
                };
                self.ua
                    .reply(&mut self.endpoint, tx, &message, status, reason, now);
            }
            // A client sends nothing but messages.
            UaEvent::Answered { .. } => {}
            UaEvent::MessageResult {
                token,
                status,
                words,
            } => {
                if let Some(done) = self.waiting.remove(&token) {
                    // Whoever asked may have stopped waiting.
                    let _ = done.send(Ok(Status {
                        code: status,
                        words,
                    }));
                }
            }
        }
    }

    fn news(&mut self, news: News) {
        self.outputs.push_back(CoreOutput::App(news));
    }

    fn send(&mut self, outgoing: Outgoing, now: Instant) {
        let headers: Vec<_> = outgoing
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str()))
            .collect();
        let sent = self.ua.message(
            &mut self.endpoint,
            &outgoing.to,
            &outgoing.content_type,
            outgoing.body,
            &headers,
            now,
        );
        match sent {
            Ok(token) => {
                self.waiting.insert(token, outgoing.done);
            }
            Err(error) => {
                let _ = outgoing.done.send(Err(error.into()));
            }
        }
    }
}

impl SipCore for Core {
    type Input = Input;
    type Output = News;

    fn handle_transport(&mut self, event: TransportEvent, now: Instant) {
        match event {
            TransportEvent::Message { source, message } => {
                self.endpoint.handle_message(source, message, now);
            }
            TransportEvent::Bad { source, error } => {
                self.endpoint.handle_malformed(source, &error);
            }
            TransportEvent::FlowClosed { flow } => {
                self.endpoint.handle_flow_closed(flow, now);
                // What waited on the connection fails first.
                self.turn(now);
                self.ua.handle_flow_closed(&mut self.endpoint, flow, now);
            }
            TransportEvent::SendFailed { token, error } => {
                self.wire = Some(error);
                self.endpoint.handle_send_failed(token, now);
            }
        }
        self.turn(now);
    }

    fn handle_input(&mut self, input: Input, now: Instant) {
        match input {
            Input::Message(outgoing) => self.send(outgoing, now),
            Input::Close => self.ua.unregister(&mut self.endpoint, now),
        }
        self.turn(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.ua.handle_timeout(&mut self.endpoint, now);
        self.turn(now);
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let due = self.endpoint.poll_timeout();
        due.into_iter().chain(self.ua.poll_timeout()).min()
    }

    fn poll_output(&mut self) -> Option<CoreOutput<News>> {
        self.outputs.pop_front()
    }
}
