//! The gateway's front: who may come in, what kind of message it is, and the way of calls and reports through it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use convoke_types::limits::{COMMAND_MAX_LIFE_S, SOAP_MAX_BYTES};
use convoke_types::{Aor, CommandId, ConferenceId, Fault, FaultCode, RequestId};
use soap_proto::{
    Headers, ReportAck, Request, Response, UtcMillis, names, parse_report, parse_response,
    write_report_ack, write_request,
};

use service_core::address::identity;

use crate::address::Subscriber;
use crate::config::{
    CALL_DEADLINE_MS, CALLS_MAX, CALLS_PER_USER_MAX, Config, OWN_COMMANDS_MAX, SUBSCRIPTIONS_MAX,
};
use crate::device::{Devices, Item};
use crate::io::{Direction, IncomingMessage, LogEntry, Output, ReportEnvelope};
use crate::soap::SoapCall;
use crate::talk::Talk;
use crate::words::reports;

/// The gateway. Give it inputs with the time, then take outputs until there are none, then wait for `poll_timeout`.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) config: Config,
    pub(crate) devices: Devices,
    calls: BTreeMap<u64, Call>,
    deadlines: BTreeSet<(Instant, u64)>,
    calls_of: HashMap<Aor, usize>,
    next_call: u64,
    subscriptions: BTreeMap<ConferenceId, (Subscriber, Option<CommandId>)>,
    subscription_order: VecDeque<ConferenceId>,
    own_commands: VecDeque<(CommandId, Aor)>,
    outputs: VecDeque<Output>,
}

/// A call to the conference service under way.
#[derive(Debug)]
pub(crate) struct Call {
    pub user: Aor,
    pub request_id: RequestId,
    /// When the MESSAGE came, by both clocks: the time of day now is `wall` and what has passed since.
    pub came: Instant,
    pub wall: UtcMillis,
    deadline: Instant,
    pub purpose: Purpose,
}

impl Call {
    pub(crate) fn wall_at(&self, now: Instant) -> UtcMillis {
        let passed = now.saturating_duration_since(self.came).as_millis();
        UtcMillis(
            self.wall
                .0
                .saturating_add(u64::try_from(passed).unwrap_or(0)),
        )
    }
}

/// What the answer is for.
#[derive(Debug)]
pub(crate) enum Purpose {
    Soap(SoapCall),
    Words(Talk),
}

/// A message from somebody who may speak to the gateway.
pub(crate) struct Caller {
    pub user: Aor,
    pub request_id: RequestId,
    pub wall: UtcMillis,
}

enum Kind {
    Soap,
    Words,
    /// Typing and delivery notices of IM clients: of no interest, and no mistake.
    Notice,
}

impl Gateway {
    /// A gateway that nobody has spoken to yet.
    pub fn new(config: Config) -> Self {
        let devices = Devices::new(&config.instance);
        Self {
            config,
            devices,
            calls: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            calls_of: HashMap::new(),
            next_call: 1,
            subscriptions: BTreeMap::new(),
            subscription_order: VecDeque::new(),
            own_commands: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    /// A MESSAGE came to the gateway's address. It is always answered.
    pub fn handle_message(&mut self, message: IncomingMessage, now: Instant) {
        match self.admit(&message) {
            Err((status, reason)) => self.answer(message.tx, status, reason),
            Ok((user, kind)) => {
                if self.config.keep_log {
                    self.outputs.push_back(Output::Log(LogEntry {
                        direction: Direction::In,
                        from: user.to_uri(),
                        to: self.config.identity.to_uri(),
                        content_type: message.content_type.clone().unwrap_or_default(),
                        body: message.body.clone(),
                    }));
                }
                // RFC 3428 §7: 202 says that it was taken, not that it was done.
                self.answer(message.tx, 202, "Accepted");
                let caller = Caller {
                    user,
                    request_id: message.request_id.clone(),
                    wall: message.wall,
                };
                match kind {
                    Kind::Soap => self.soap_message(&caller, &message.body, now),
                    Kind::Words => {
                        let late = is_late(&message);
                        self.words_message(&caller, &message.body, late, now);
                    }
                    Kind::Notice => {}
                }
            }
        }
        self.send();
    }

    /// The conference service answered a call: its HTTP status and body, or status 0 when it did not.
    pub fn handle_http_result(&mut self, token: u64, status: u16, body: &[u8], now: Instant) {
        let Some(call) = self.calls.remove(&token) else {
            return;
        };
        self.deadlines.remove(&(call.deadline, token));
        if let Some(count) = self.calls_of.get_mut(&call.user) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.calls_of.remove(&call.user);
            }
        }
        let outcome = service_outcome(status, body);
        match call.purpose {
            Purpose::Soap(ref soap) => self.soap_result(&call, soap, outcome, now),
            Purpose::Words(ref talk) => self.words_result(&call, talk, outcome, now),
        }
        self.send();
    }

    /// The conference service posted reports.
    pub fn handle_report(&mut self, envelope: ReportEnvelope, now: Instant) {
        let (headers, outcome) = self.take_reports(&envelope, now);
        // SOAP 1.1 §6.2: a fault travels with 500.
        let status = if outcome.is_ok() { 200 } else { 500 };
        let ack = ReportAck {
            headers: Headers {
                relates_to: headers.message_id,
                action: Some(format!("{}/reportAck", names::REPORT_NS)),
                ..Headers::default()
            },
            outcome,
        };
        self.outputs.push_back(Output::ReportAnswer {
            tx: envelope.tx,
            status,
            envelope: write_report_ack(&ack),
        });
        self.send();
    }

    /// The final status of a `SendMessage`; 408 when there was none.
    pub fn handle_message_result(&mut self, token: u64, status: u16, now: Instant) {
        self.devices.result(token, status, now);
        self.send();
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, token)) = self.deadlines.first().copied() {
            if at > now {
                break;
            }
            self.handle_http_result(token, 0, b"", now);
            self.deadlines.remove(&(at, token));
        }
        self.devices.handle_timeout(now);
        self.send();
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When `handle_timeout` must be called at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        deadline
            .into_iter()
            .chain(self.devices.poll_timeout())
            .min()
    }

    /// Calls to the conference service that are under way: none when it may be shut down.
    pub fn calls_under_way(&self) -> usize {
        self.calls.len()
    }

    fn admit(&self, message: &IncomingMessage) -> Result<(Aor, Kind), (u16, &'static str)> {
        // Architecture, decision 6: only an identity that the configured IM server asserts.
        let asserted = message.asserted.as_deref().and_then(identity);
        let user = match asserted {
            Some(user) if message.trusted => user,
            _ => return Err((403, "No Asserted Identity")),
        };
        if identity(&message.from).as_ref() != Some(&user) {
            return Err((403, "From Is Not The Asserted Identity"));
        }
        if user == self.config.identity {
            return Err((403, "Will Not Talk To Myself"));
        }
        if message.body.len() > SOAP_MAX_BYTES {
            return Err((413, "Message Too Large"));
        }
        let kind =
            match media_type(message.content_type.as_deref().unwrap_or("text/plain")).as_str() {
                "text/xml" => Kind::Soap,
                "text/plain" => Kind::Words,
                "application/im-iscomposing+xml" | "message/imdn+xml" => Kind::Notice,
                _ => return Err((415, "Unsupported Media Type")),
            };
        let under_way = self.calls_of.get(&user).copied().unwrap_or(0);
        if self.calls.len() >= CALLS_MAX || under_way >= CALLS_PER_USER_MAX {
            return Err((503, "Too Many Requests Under Way"));
        }
        Ok((user, kind))
    }

    /// Calls the conference service. The envelope's user is the asserted one.
    pub(crate) fn call(
        &mut self,
        caller: &Caller,
        mut request: Request,
        purpose: Purpose,
        now: Instant,
    ) -> Result<(), Fault> {
        request.headers.asserted = Some(caller.user.clone());
        let envelope = write_request(&request).map_err(Fault::from)?;
        let token = self.next_call;
        self.next_call = self.next_call.wrapping_add(1);
        let deadline = now + Duration::from_millis(CALL_DEADLINE_MS);
        self.deadlines.insert((deadline, token));
        *self.calls_of.entry(caller.user.clone()).or_default() += 1;
        self.outputs.push_back(Output::HttpCall {
            token,
            envelope,
            user: caller.user.clone(),
            request_id: caller.request_id.clone(),
        });
        let call = Call {
            user: caller.user.clone(),
            request_id: caller.request_id.clone(),
            came: now,
            wall: caller.wall,
            deadline,
            purpose,
        };
        self.calls.insert(token, call);
        Ok(())
    }

    /// An id for something of our own; unique as long as `Config::instance` is.
    pub(crate) fn own_id(&mut self) -> Option<CommandId> {
        let id = format!("{}-c{}", self.config.instance, self.next_call);
        id.parse().ok()
    }

    /// Remembers a command that was given in words, whose effect its sender is told in the answer.
    pub(crate) fn remember_command(&mut self, id: CommandId, user: Aor) {
        if self.own_commands.len() >= OWN_COMMANDS_MAX {
            self.own_commands.pop_front();
        }
        self.own_commands.push_back((id, user));
    }

    /// Remembers who is told about a conference; the oldest is forgotten when there are too many.
    pub(crate) fn subscribe(
        &mut self,
        conference: ConferenceId,
        subscriber: Subscriber,
        create: Option<CommandId>,
    ) {
        if !self.subscriptions.contains_key(&conference) {
            if self.subscription_order.len() >= SUBSCRIPTIONS_MAX
                && let Some(oldest) = self.subscription_order.pop_front()
            {
                self.subscriptions.remove(&oldest);
            }
            self.subscription_order.push_back(conference.clone());
        }
        self.subscriptions.insert(conference, (subscriber, create));
    }

    fn take_reports(
        &mut self,
        envelope: &ReportEnvelope,
        now: Instant,
    ) -> (Headers, Result<u32, Fault>) {
        if !envelope.authenticated {
            let fault = Fault::new(
                FaultCode::Unauthenticated,
                "the conference service",
                "somebody",
            );
            return (Headers::default(), Err(fault));
        }
        let message = match parse_report(&envelope.body) {
            Ok(message) => message,
            Err(error) => {
                let headers = error.headers.clone().map(|h| *h).unwrap_or_default();
                return (headers, Err(error.into()));
            }
        };
        let named = match &message.address {
            Some(address) => match Subscriber::of(address, message.user.as_ref()) {
                Some(subscriber) => Some(subscriber),
                None => {
                    let expected = "the ReplyTo of the user's create";
                    let fault = Fault::new(FaultCode::NoReplyTo, expected, "another address");
                    return (message.headers, Err(fault));
                }
            },
            None => None,
        };
        let mut taken = 0;
        for report in &message.reports {
            let known = self.subscriptions.get(&report.conference);
            let relates_to = message
                .headers
                .relates_to
                .clone()
                .or_else(|| known.and_then(|(_, create)| create.clone()));
            let Some(subscriber) = named.clone().or_else(|| known.map(|(s, _)| s.clone())) else {
                continue;
            };
            taken += 1;
            match subscriber {
                Subscriber::Device(address) => {
                    let report = Box::new(report.clone());
                    let item = Item::Report { report, relates_to };
                    self.devices.push(&address, item, now);
                }
                Subscriber::Person(user, language) => {
                    let told = report.command.as_ref().is_some_and(|command| {
                        let own = |(id, by): &(CommandId, Aor)| id == command && *by == user;
                        relates_to.as_ref() == Some(command) || self.own_commands.iter().any(own)
                    });
                    if let Some(words) = reports::report(report, told, language) {
                        self.devices.push(&user.to_uri(), Item::Words(words), now);
                    }
                }
            }
        }
        if taken == 0 {
            let fault = Fault::new(
                FaultCode::NoReplyTo,
                "an address, or a known conference",
                "neither",
            );
            return (message.headers, Err(fault));
        }
        (message.headers, Ok(taken))
    }

    fn answer(&mut self, tx: u64, status: u16, reason: &'static str) {
        self.outputs
            .push_back(Output::Answer { tx, status, reason });
    }

    /// Moves what the devices' queues gave out to the outputs.
    fn send(&mut self) {
        while let Some(sending) = self.devices.poll() {
            if self.config.keep_log {
                self.outputs.push_back(Output::Log(LogEntry {
                    direction: Direction::Out,
                    from: self.config.identity.to_uri(),
                    to: sending.to.clone(),
                    content_type: sending.content_type.to_owned(),
                    body: sending.body.clone(),
                }));
            }
            self.outputs.push_back(Output::SendMessage {
                token: sending.token,
                to: sending.to,
                content_type: sending.content_type,
                body: sending.body,
            });
        }
    }
}

/// What the conference service said, or a fault in its name.
fn service_outcome(status: u16, body: &[u8]) -> Result<Response, Fault> {
    let fault = |code, came: String| {
        Err(Fault::new(
            code,
            "an answer of the conference service",
            came,
        ))
    };
    match status {
        // SOAP 1.1 §6.2: 200 with an answer, 500 with a fault.
        200 | 500 => match parse_response(body) {
            Ok(response) => Ok(response),
            Err(error) => fault(FaultCode::Internal, format!("HTTP {status} with {error}")),
        },
        0 => fault(FaultCode::Overloaded, "none in time".to_owned()),
        502..=504 | 429 => fault(FaultCode::Overloaded, format!("HTTP {status}")),
        _ => fault(FaultCode::Internal, format!("HTTP {status}")),
    }
}

/// Words carry no expiry of their own. A server that keeps messages may deliver them much later; Date and Expires tell
/// when it does (RFC 3428 §7), and then nobody's telephone rings.
fn is_late(message: &IncomingMessage) -> bool {
    let life_s = message
        .expires_s
        .map_or(COMMAND_MAX_LIFE_S, |s| u64::from(s).min(COMMAND_MAX_LIFE_S));
    message
        .sent
        .is_some_and(|sent| message.wall.0 > sent.0.saturating_add(life_s.max(1) * 1000))
}

/// `Text/XML; charset=utf-8` → `text/xml`.
fn media_type(value: &str) -> String {
    let bare = value.split(';').next().unwrap_or_default();
    bare.trim().to_ascii_lowercase()
}

/// A body that is words.
pub(crate) fn as_text(body: &Bytes) -> Option<&str> {
    std::str::from_utf8(body).ok()
}
