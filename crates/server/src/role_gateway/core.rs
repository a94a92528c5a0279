//! The gateway's core and its user agent as one: SIP in and out, everything else to `Outside`.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;
use convoke_types::RequestId;
use gateway_core::{Gateway, IncomingMessage, LogEntry, Output, ReportEnvelope};
use runtime::clock;
use runtime::driver::{CoreOutput, SipCore};
use runtime::sip::TransportEvent;
use sip_proto::endpoint::{self, Endpoint, Event, ServerTx};
use sip_proto::ua::{self, MessageToken, Ua, UaConfig, UaEvent};
use sip_proto::{HeaderName, Message, Source, Target, Uri};
use soap_proto::UtcMillis;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::sync::oneshot;

use crate::im_account::Trust;

/// Reports that wait for their answer at most; the conference service has a few lanes only.
const REPORTS_MAX: usize = 4_096;

/// What the core is told by others.
pub(crate) enum Input {
    /// The conference service answered; status 0 when it did not.
    HttpResult {
        token: u64,
        status: u16,
        body: Bytes,
    },
    /// A POST to the reporting service.
    Report {
        authenticated: bool,
        body: Bytes,
        answer: oneshot::Sender<(u16, Vec<u8>)>,
    },
    /// The log entry of this number is durable, or could not be made so.
    Logged { number: u64, durable: bool },
    /// The IM server is to be found there.
    Target(Target),
    /// The server goes down.
    Drain,
}

/// What the core tells others.
pub(crate) enum Told {
    /// POST to the conference service.
    Call {
        token: u64,
        envelope: Vec<u8>,
        request_id: RequestId,
    },
    /// Write to the log, then tell that this number is durable.
    Log { number: u64, entry: LogEntry },
    /// Find the IM server, or its next address.
    FindServer,
    /// Nothing is under way any more.
    Drained,
}

/// What the core is made of.
pub(super) struct CoreConfig {
    pub gateway: gateway_core::Config,
    pub ua: UaConfig,
    pub seed: [u8; 32],
    /// Whose word on identities is believed.
    pub trust: Trust,
}

/// An incoming MESSAGE that waits for its answer.
struct Waiting {
    tx: ServerTx,
    message: Message,
}

pub(super) struct GatewayCore {
    endpoint: Endpoint,
    ua: Ua,
    gateway: Gateway,
    trust: Trust,
    instance: String,
    messages: HashMap<u64, Waiting>,
    reports: HashMap<u64, oneshot::Sender<(u16, Vec<u8>)>>,
    /// The gateway's names of the messages that it sends.
    sent: HashMap<MessageToken, u64>,
    next_tx: u64,
    next_log: u64,
    /// Log entries that are not durable yet, each with the answer that waits for it.
    logging: HashMap<u64, Option<(u64, u16, &'static str)>>,
    /// The log entry made last, whose answer comes next.
    last_log: Option<u64>,
    outputs: VecDeque<CoreOutput<Told>>,
    found: bool,
    draining: bool,
}

impl GatewayCore {
    pub fn new(config: CoreConfig) -> Self {
        let mut outputs = VecDeque::new();
        outputs.push_back(CoreOutput::App(Told::FindServer));
        Self {
            endpoint: Endpoint::new(config.seed, endpoint::Config::default()),
            ua: Ua::new(config.ua),
            instance: config.gateway.instance.clone(),
            gateway: Gateway::new(config.gateway),
            trust: config.trust,
            messages: HashMap::new(),
            reports: HashMap::new(),
            sent: HashMap::new(),
            next_tx: 0,
            next_log: 0,
            logging: HashMap::new(),
            last_log: None,
            outputs,
            found: false,
            draining: false,
        }
    }

    /// Carries on until nothing more comes of what happened.
    fn pump(&mut self, now: Instant) {
        loop {
            if let Some(output) = self.endpoint.poll_output() {
                self.on_endpoint(output, now);
            } else if let Some(event) = self.ua.poll_event() {
                self.on_ua(event, now);
            } else if let Some(output) = self.gateway.poll_output() {
                self.on_gateway(output, now);
            } else {
                break;
            }
        }
        let idle = self.sent.is_empty() && self.messages.is_empty() && self.reports.is_empty();
        if self.draining && idle && self.ua.is_registered() {
            self.ua.unregister(&mut self.endpoint, now);
            while let Some(output) = self.endpoint.poll_output() {
                self.on_endpoint(output, now);
            }
        } else if self.draining && idle && !self.ua.is_registered() {
            self.outputs.push_back(CoreOutput::App(Told::Drained));
        }
    }

    fn on_endpoint(&mut self, output: endpoint::Output, now: Instant) {
        match output {
            endpoint::Output::Send {
                target,
                bytes,
                token,
            } => self.outputs.push_back(CoreOutput::Send {
                target,
                bytes,
                token: Some(token),
            }),
            endpoint::Output::Event(event) => {
                let event: Event = event;
                if let Some(other) = self.ua.handle(&mut self.endpoint, event, now) {
                    ua::refuse(&mut self.endpoint, &other, ua::ALLOW, now);
                }
            }
        }
    }

    fn on_ua(&mut self, event: UaEvent, now: Instant) {
        match event {
            UaEvent::Registered { gruu, expires_s } => {
                tracing::info!(
                    gruu = gruu.map(|gruu| gruu.to_string()),
                    expires_s,
                    "gateway registered"
                );
            }
            UaEvent::RegistrationFailed {
                status,
                words,
                retry_in_ms,
            } => {
                tracing::warn!(status, words, retry_in_ms, "gateway not registered");
                if !self.draining {
                    self.outputs.push_back(CoreOutput::App(Told::FindServer));
                }
            }
            UaEvent::Unregistered => tracing::info!("gateway unregistered"),
            UaEvent::Message {
                tx,
                source,
                message,
            } => self.on_message(tx, &source, message, now),
            // The gateway sends nothing but messages.
            UaEvent::Answered { .. } => {}
            UaEvent::MessageResult { token, status, .. } => {
                if let Some(token) = self.sent.remove(&token) {
                    self.gateway.handle_message_result(token, status, now);
                }
            }
        }
    }

    fn on_message(&mut self, tx: ServerTx, source: &Source, message: Message, now: Instant) {
        if self.draining {
            self.ua
                .reply(&mut self.endpoint, tx, &message, 503, "Shutting Down", now);
            return;
        }
        let trusted = self.trust.believes(source, self.ua.config().target.flow);
        if !trusted && self.trust.own_flow_only && !self.ua.is_registered() {
            // A refresh may just have failed, and the connection is our own server's all the same: as good as away.
            let words = "Temporarily Unavailable";
            self.ua
                .reply(&mut self.endpoint, tx, &message, 480, words, now);
            return;
        }
        self.next_tx += 1;
        let number = self.next_tx;
        let incoming = IncomingMessage {
            tx: number,
            request_id: request_id(&self.instance, number, &message),
            trusted,
            asserted: message
                .header(HeaderName::PAssertedIdentity)
                .map(str::to_owned),
            from: message
                .header(HeaderName::From)
                .unwrap_or_default()
                .to_owned(),
            content_type: message.content_type().map(str::to_owned),
            body: message.body(),
            expires_s: message.expires().ok().flatten(),
            sent: message.header(HeaderName::Date).and_then(date),
            wall: wall(),
        };
        tracing::info!(request = %incoming.request_id, from = %source.remote, trusted = incoming.trusted, "message to the gateway");
        self.messages.insert(number, Waiting { tx, message });
        self.gateway.handle_message(incoming, now);
    }

    fn on_gateway(&mut self, output: Output, now: Instant) {
        match output {
            Output::Log(entry) => {
                self.next_log += 1;
                let number = self.next_log;
                self.logging.insert(number, None);
                self.last_log = Some(number);
                self.outputs
                    .push_back(CoreOutput::App(Told::Log { number, entry }));
            }
            Output::Answer { tx, status, reason } => {
                let waits = self.last_log.take();
                match waits.and_then(|number| self.logging.get_mut(&number)) {
                    Some(answer) => *answer = Some((tx, status, reason)),
                    None => self.answer(tx, status, reason, now),
                }
            }
            Output::HttpCall {
                token,
                envelope,
                user,
                request_id,
            } => {
                tracing::info!(request = %request_id, %user, "command to the conference service");
                self.outputs.push_back(CoreOutput::App(Told::Call {
                    token,
                    envelope,
                    request_id,
                }));
            }
            Output::SendMessage {
                token,
                to,
                content_type,
                body,
            } => self.send_message(token, &to, content_type, body, now),
            Output::ReportAnswer {
                tx,
                status,
                envelope,
            } => {
                if let Some(answer) = self.reports.remove(&tx) {
                    // Whoever posted may have gone.
                    let _ = answer.send((status, envelope));
                }
            }
        }
    }

    fn answer(&mut self, tx: u64, status: u16, reason: &str, now: Instant) {
        let Some(waiting) = self.messages.remove(&tx) else {
            return;
        };
        let endpoint = &mut self.endpoint;
        self.ua
            .reply(endpoint, waiting.tx, &waiting.message, status, reason, now);
    }

    fn send_message(
        &mut self,
        token: u64,
        to: &str,
        content_type: &str,
        body: Bytes,
        now: Instant,
    ) {
        // The same statuses that the network would have given.
        let failed = match Uri::parse(to) {
            Err(_) => Some(416),
            Ok(uri) => {
                let sent = self
                    .ua
                    .message(&mut self.endpoint, &uri, content_type, body, &[], now);
                match sent {
                    Ok(name) => {
                        self.sent.insert(name, token);
                        None
                    }
                    Err(ua::MessageError::TooLongForUdp) => Some(513),
                    Err(error) => {
                        tracing::warn!(%error, "a message of the gateway was not sent");
                        Some(503)
                    }
                }
            }
        };
        if let Some(status) = failed {
            self.gateway.handle_message_result(token, status, now);
        }
    }

    fn logged(&mut self, number: u64, durable: bool, now: Instant) {
        if self.last_log == Some(number) {
            self.last_log = None;
        }
        if let Some(Some((tx, status, reason))) = self.logging.remove(&number) {
            if durable {
                self.answer(tx, status, reason, now);
            } else {
                self.answer(tx, 500, "Not Logged", now);
            }
        }
    }
}

impl SipCore for GatewayCore {
    type Input = Input;
    type Output = Told;

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
                self.ua.handle_flow_closed(&mut self.endpoint, flow, now);
            }
            TransportEvent::SendFailed { token, .. } => {
                self.endpoint.handle_send_failed(token, now);
            }
        }
        self.pump(now);
    }

    fn handle_input(&mut self, input: Input, now: Instant) {
        match input {
            Input::HttpResult {
                token,
                status,
                body,
            } => self.gateway.handle_http_result(token, status, &body, now),
            Input::Report {
                authenticated,
                body,
                answer,
            } => {
                if self.reports.len() >= REPORTS_MAX {
                    // Dropping the sender answers 503.
                    return;
                }
                self.next_tx += 1;
                let tx = self.next_tx;
                self.reports.insert(tx, answer);
                let envelope = ReportEnvelope {
                    tx,
                    request_id: own_request_id(&self.instance, tx),
                    authenticated,
                    body,
                };
                self.gateway.handle_report(envelope, now);
            }
            Input::Logged { number, durable } => self.logged(number, durable, now),
            Input::Target(target) => {
                let config = self.ua.config();
                let (via_host, contact) = (config.via_host.clone(), config.contact.clone());
                self.ua.set_target(target, via_host, contact);
                if !self.found {
                    self.found = true;
                    self.ua.register(&mut self.endpoint, now);
                }
            }
            Input::Drain => self.draining = true,
        }
        self.pump(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        if self.ua.poll_timeout().is_some_and(|at| at <= now) {
            self.ua.handle_timeout(&mut self.endpoint, now);
        }
        self.gateway.handle_timeout(now);
        self.pump(now);
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let endpoint = self.endpoint.poll_timeout();
        let others = self
            .ua
            .poll_timeout()
            .into_iter()
            .chain(self.gateway.poll_timeout());
        endpoint.into_iter().chain(others).min()
    }

    fn poll_output(&mut self) -> Option<CoreOutput<Told>> {
        self.outputs.pop_front()
    }
}

/// The request's id in every part's log: the Call-ID tells it apart at the IM server as well.
fn request_id(instance: &str, number: u64, message: &Message) -> RequestId {
    let call_id: String = message
        .call_id()
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "._~:+-@".contains(*c))
        .take(64)
        .collect();
    call_id
        .parse()
        .unwrap_or_else(|_| own_request_id(instance, number))
}

#[expect(
    clippy::unwrap_used,
    reason = "letters and digits of bounded length are an id"
)]
fn own_request_id(instance: &str, number: u64) -> RequestId {
    format!("{instance}-{number}").parse().unwrap()
}

/// RFC 3261 §20.17: the date in the form of RFC 1123, always GMT.
fn date(value: &str) -> Option<UtcMillis> {
    let at = OffsetDateTime::parse(value, &Rfc2822).ok()?;
    let ms = at.unix_timestamp().checked_mul(1000)?;
    u64::try_from(ms).ok().map(UtcMillis)
}

fn wall() -> UtcMillis {
    UtcMillis(u64::try_from(clock::unix_ms(clock::wall())).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use sip_proto::auth::Login;
    use sip_proto::{FlowId, Transport};

    use super::*;
    use crate::config::Cidr;
    use crate::im_account::Trust;

    fn beside_our_own_server() -> GatewayCore {
        let uri = |text: &str| Uri::parse(text).unwrap();
        let server = "127.0.0.1:5060".parse().unwrap();
        GatewayCore::new(CoreConfig {
            gateway: gateway_core::Config {
                identity: "conference@test.example".parse().unwrap(),
                keep_log: false,
                instance: "i".to_owned(),
            },
            ua: UaConfig {
                aor: uri("sip:conference@test.example"),
                via_host: "127.0.0.1:5070".to_owned(),
                contact: uri("sip:conference@127.0.0.1:5070;transport=tcp"),
                login: Login {
                    username: "conference".to_owned(),
                    password: "secret".to_owned(),
                },
                instance: "urn:uuid:0".to_owned(),
                expires_s: 600,
                product: "test".to_owned(),
                target: Target::new(Transport::Tcp, server),
            },
            seed: [1; 32],
            trust: Trust {
                networks: vec![Cidr::loopback_v4()],
                tls_only: false,
                own_flow_only: true,
            },
        })
    }

    #[test]
    fn a_gateway_that_is_not_registered_is_away_not_forbidding() {
        let mut core = beside_our_own_server();
        let text = "MESSAGE sip:conference@127.0.0.1:5070 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK1\r\n\
                    From: <sip:alice@test.example>;tag=1\r\nTo: <sip:conference@test.example>\r\nCall-ID: 1\r\n\
                    CSeq: 1 MESSAGE\r\nP-Asserted-Identity: <sip:alice@test.example>\r\nContent-Length: 3\r\n\r\nwho";
        let addr = "127.0.0.1:5060".parse().unwrap();
        let source = Source {
            transport: Transport::Tcp,
            remote: addr,
            local: addr,
            flow: FlowId(7),
        };
        let message = Message::parse_datagram(text.into()).unwrap();
        core.handle_transport(TransportEvent::Message { source, message }, clock::now());
        let statuses: Vec<_> = std::iter::from_fn(|| core.poll_output())
            .filter_map(|output| match output {
                CoreOutput::Send { bytes, .. } => Message::parse_datagram(bytes).unwrap().status(),
                CoreOutput::App(_) => None,
            })
            .collect();
        assert_eq!(statuses, [480]);
    }

    #[test]
    fn dates_are_read_as_rfc_3261_writes_them() {
        let read = date("Sat, 13 Nov 2010 23:29:00 GMT");
        assert_eq!(read, Some(UtcMillis(1_289_690_940_000)));
        assert_eq!(date("tomorrow"), None);
    }
}
