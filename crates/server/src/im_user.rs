//! A user of the IM server as a pure core: its registration, the MESSAGEs that come and go, and other requests of its own. What the video
//! allocator and the modes service are, beside what they do.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;
use runtime::clock;
use runtime::driver::CoreOutput;
use runtime::sip::TransportEvent;
use sip_proto::endpoint::{self, Endpoint, Event, ServerTx};
use sip_proto::ua::{self, Extra, MessageError, MessageToken, Ua, UaConfig, UaEvent};
use sip_proto::{HeaderName, Message, Method, Source, Target, Uri};
use soap_proto::UtcMillis;

use crate::im_account::Trust;

/// Messages that may wait for their answer; more are answered 503.
const WAITING_MAX: usize = 4_096;

/// A MESSAGE that came, to be answered under its number.
#[derive(Debug)]
pub(crate) struct Received {
    pub number: u64,
    /// The IM server vouches for who sends it.
    pub trusted: bool,
    pub asserted: Option<String>,
    pub from: String,
    pub content_type: Option<String>,
    pub body: Bytes,
    pub wall: UtcMillis,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum Happened {
    Message(Received),
    /// The final status of a MESSAGE of ours.
    Sent {
        token: u64,
        status: u16,
    },
    /// The final response to another request of ours.
    Answered {
        token: u64,
        status: u16,
        response: Option<Message>,
    },
    Registered {
        gruu: Option<String>,
    },
    NotRegistered {
        status: u16,
        words: String,
    },
    Unregistered,
}

/// See the module. Drain `poll_happened`, then `poll_send`, after every call.
pub(crate) struct ImUser {
    endpoint: Endpoint,
    ua: Ua,
    trust: Trust,
    waiting: HashMap<u64, (ServerTx, Message)>,
    under_way: HashMap<MessageToken, u64>,
    next: u64,
    found: bool,
    leaving: bool,
    happened: VecDeque<Happened>,
    sends: VecDeque<(Target, Bytes, endpoint::SendToken)>,
}

impl ImUser {
    pub fn new(ua: UaConfig, trust: Trust, seed: [u8; 32]) -> Self {
        Self {
            endpoint: Endpoint::new(seed, endpoint::Config::default()),
            ua: Ua::new(ua),
            trust,
            waiting: HashMap::new(),
            under_way: HashMap::new(),
            next: 0,
            found: false,
            leaving: false,
            happened: VecDeque::new(),
            sends: VecDeque::new(),
        }
    }

    /// The IM server is to be found there.
    pub fn set_server(&mut self, target: Target, now: Instant) {
        let config = self.ua.config();
        let (via_host, contact) = (config.via_host.clone(), config.contact.clone());
        self.ua.set_target(target, via_host, contact);
        if !std::mem::replace(&mut self.found, true) {
            self.ua.register(&mut self.endpoint, now);
        }
        self.pump(now);
    }

    /// Takes the registration back; no further message is taken.
    pub fn leave(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.leaving, true) && self.ua.is_registered() {
            self.ua.unregister(&mut self.endpoint, now);
        }
        self.pump(now);
    }

    pub fn is_registered(&self) -> bool {
        self.ua.is_registered()
    }

    pub fn handle_transport(&mut self, event: TransportEvent, now: Instant) {
        match event {
            TransportEvent::Message { source, message } => {
                self.endpoint.handle_message(source, message, now);
            }
            TransportEvent::Bad { source, error } => self.endpoint.handle_malformed(source, &error),
            TransportEvent::FlowClosed { flow } => {
                self.endpoint.handle_flow_closed(flow, now);
                self.ua.handle_flow_closed(&mut self.endpoint, flow, now);
            }
            TransportEvent::SendFailed { token, .. } => {
                self.endpoint.handle_send_failed(token, now)
            }
        }
        self.pump(now);
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        if self.ua.poll_timeout().is_some_and(|at| at <= now) {
            self.ua.handle_timeout(&mut self.endpoint, now);
        }
        self.pump(now);
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = [self.endpoint.poll_timeout(), self.ua.poll_timeout()];
        due.into_iter().flatten().min()
    }

    pub fn poll_happened(&mut self) -> Option<Happened> {
        self.happened.pop_front()
    }

    pub fn poll_send<Output>(&mut self) -> Option<CoreOutput<Output>> {
        let (target, bytes, token) = self.sends.pop_front()?;
        Some(CoreOutput::Send {
            target,
            bytes,
            token: Some(token),
        })
    }

    /// Answers a message.
    pub fn answer(&mut self, number: u64, status: u16, reason: &str, now: Instant) {
        if let Some((tx, message)) = self.waiting.remove(&number) {
            self.ua
                .reply(&mut self.endpoint, tx, &message, status, reason, now);
        }
        self.pump(now);
    }

    /// Sends a MESSAGE; `Happened::Sent` follows.
    pub fn message(
        &mut self,
        token: u64,
        to: &str,
        (content_type, body): (&str, Bytes),
        expires_s: Option<u32>,
        now: Instant,
    ) {
        let expires = expires_s.map(|seconds| seconds.to_string());
        let extra: Vec<Extra<'_>> = expires
            .iter()
            .map(|seconds| (HeaderName::Expires, seconds.as_str()))
            .collect();
        // The same statuses that the network would have given.
        let sent = match Uri::parse(to) {
            Err(_) => Err(416),
            Ok(uri) => self
                .ua
                .message(&mut self.endpoint, &uri, content_type, body, &extra, now)
                .map_err(status_of),
        };
        match sent {
            Ok(name) => {
                self.under_way.insert(name, token);
            }
            Err(status) => self.happened.push_back(Happened::Sent { token, status }),
        }
        self.pump(now);
    }

    /// Sends another request out of dialogs; `Happened::Answered` follows.
    pub fn request(
        &mut self,
        token: u64,
        method: Method,
        uri: &str,
        body: Option<(&str, Bytes)>,
        extra: &[Extra<'_>],
        now: Instant,
    ) {
        let sent = match Uri::parse(uri) {
            Err(_) => Err(416),
            Ok(uri) => self
                .ua
                .request(&mut self.endpoint, method, &uri, body, extra, now)
                .map_err(status_of),
        };
        match sent {
            Ok(name) => {
                self.under_way.insert(name, token);
            }
            Err(status) => self.happened.push_back(Happened::Answered {
                token,
                status,
                response: None,
            }),
        }
        self.pump(now);
    }

    fn pump(&mut self, now: Instant) {
        loop {
            if let Some(output) = self.endpoint.poll_output() {
                match output {
                    endpoint::Output::Send {
                        target,
                        bytes,
                        token,
                    } => self.sends.push_back((target, bytes, token)),
                    endpoint::Output::Event(event) => self.on_event(event, now),
                }
            } else if let Some(event) = self.ua.poll_event() {
                self.on_ua(event, now);
            } else {
                return;
            }
        }
    }

    fn on_event(&mut self, event: Event, now: Instant) {
        if let Some(other) = self.ua.handle(&mut self.endpoint, event, now) {
            ua::refuse(&mut self.endpoint, &other, ua::ALLOW, now);
        }
    }

    fn on_ua(&mut self, event: UaEvent, now: Instant) {
        let happened = match event {
            UaEvent::Registered { gruu, .. } => Happened::Registered {
                gruu: gruu.map(|gruu| gruu.to_string()),
            },
            UaEvent::RegistrationFailed { status, words, .. } => {
                Happened::NotRegistered { status, words }
            }
            UaEvent::Unregistered => Happened::Unregistered,
            UaEvent::Message {
                tx,
                source,
                message,
            } => return self.on_message(tx, &source, message, now),
            UaEvent::MessageResult { token, status, .. } => match self.under_way.remove(&token) {
                Some(token) => Happened::Sent { token, status },
                None => return,
            },
            UaEvent::Answered {
                token,
                status,
                response,
            } => match self.under_way.remove(&token) {
                Some(token) => Happened::Answered {
                    token,
                    status,
                    response,
                },
                None => return,
            },
        };
        self.happened.push_back(happened);
    }

    fn on_message(&mut self, tx: ServerTx, source: &Source, message: Message, now: Instant) {
        let trusted = self.trust.believes(source, self.ua.config().target.flow);
        let refusal = if self.leaving {
            Some((503, "Shutting Down"))
        } else if !trusted && self.trust.own_flow_only && !self.ua.is_registered() {
            // A refresh may just have failed, and the connection is our own server's all the same: as good as away.
            Some((480, "Temporarily Unavailable"))
        } else if self.waiting.len() >= WAITING_MAX {
            Some((503, "Too Many Messages"))
        } else {
            None
        };
        if let Some((status, reason)) = refusal {
            return self
                .ua
                .reply(&mut self.endpoint, tx, &message, status, reason, now);
        }
        self.next += 1;
        let number = self.next;
        let header = |name| message.header(name).map(str::to_owned);
        self.happened.push_back(Happened::Message(Received {
            number,
            trusted,
            asserted: header(HeaderName::PAssertedIdentity),
            from: header(HeaderName::From).unwrap_or_default(),
            content_type: message.content_type().map(str::to_owned),
            body: message.body(),
            wall: wall(),
        }));
        self.waiting.insert(number, (tx, message));
    }
}

/// The time of day.
pub(crate) fn wall() -> UtcMillis {
    UtcMillis(u64::try_from(clock::unix_ms(clock::wall())).unwrap_or_default())
}

fn status_of(error: MessageError) -> u16 {
    match error {
        MessageError::TooLongForUdp => 513,
        MessageError::Full | MessageError::Send(_) => 503,
    }
}
