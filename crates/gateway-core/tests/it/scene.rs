//! The stage: a gateway in virtual time and what came out of it.
#![expect(clippy::unwrap_used, reason = "scenes fail by panicking")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use convoke_types::report::{Change, ParticipantRef, Report};
use convoke_types::{Aor, Fault, LegState, Role};
use gateway_core::{Config, Gateway, IncomingMessage, LogEntry, Output, ReportEnvelope};
use soap_proto::{
    Answer, ConferenceState, Create, Expires, Headers, LegSnapshot, Operation, OperationName,
    ParticipantSnapshot, Party, ReportMessage, Request, Response, Snapshot, UtcMillis, Who,
    parse_request, write_report, write_request, write_response,
};

/// 2026-11-20T15:00:00Z.
pub const START: UtcMillis = UtcMillis(1_795_186_800_000);
pub const ALICE_DEVICE: &str = "sip:alice@example.org;gr=urn:uuid:a1";

pub struct Scene {
    pub gateway: Gateway,
    pub now: Instant,
    began: Instant,
    tx: u64,
    pub answers: Vec<(u64, u16)>,
    pub calls: Vec<(u64, Request)>,
    pub sent: Vec<(u64, String, String)>,
    /// When each MESSAGE was given out.
    pub sent_at: std::collections::BTreeMap<u64, Instant>,
    pub logged: Vec<LogEntry>,
    pub report_answers: Vec<(u16, String)>,
    /// Outputs in their order, by name.
    pub order: Vec<&'static str>,
}

impl Scene {
    pub fn new() -> Self {
        Self::with_log(false)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "virtual time must begin somewhere"
    )]
    pub fn with_log(keep_log: bool) -> Self {
        let now = Instant::now();
        Self {
            gateway: Gateway::new(Config {
                identity: "conference@example.org".parse().unwrap(),
                keep_log,
                instance: "g1".to_owned(),
            }),
            now,
            began: now,
            tx: 0,
            answers: Vec::new(),
            calls: Vec::new(),
            sent: Vec::new(),
            sent_at: Default::default(),
            logged: Vec::new(),
            report_answers: Vec::new(),
            order: Vec::new(),
        }
    }

    pub fn wall(&self) -> UtcMillis {
        let passed = (self.now - self.began).as_millis();
        UtcMillis(START.0 + u64::try_from(passed).unwrap())
    }

    pub fn message(
        &mut self,
        user: &str,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> IncomingMessage {
        self.tx += 1;
        IncomingMessage {
            tx: self.tx,
            request_id: format!("r{}", self.tx).parse().unwrap(),
            trusted: true,
            asserted: Some(format!("<sip:{user}@example.org>")),
            from: format!("\"{user}\" <sip:{user}@example.org>;tag=1"),
            content_type: Some(content_type.to_owned()),
            body: body.into(),
            expires_s: None,
            sent: None,
            wall: self.wall(),
        }
    }

    /// Gives the message to the gateway and returns the SIP status of the answer.
    pub fn give(&mut self, message: IncomingMessage) -> u16 {
        let tx = message.tx;
        self.gateway.handle_message(message, self.now);
        self.drain();
        let answers: Vec<_> = self.answers.iter().filter(|(t, _)| *t == tx).collect();
        assert_eq!(answers.len(), 1, "every message is answered once");
        answers[0].1
    }

    pub fn says(&mut self, user: &str, words: &str) -> u16 {
        let message = self.message(user, "text/plain", words.to_owned());
        self.give(message)
    }

    pub fn sends(&mut self, user: &str, request: &Request) -> u16 {
        let message = self.message(
            user,
            "text/xml; charset=utf-8",
            write_request(request).unwrap(),
        );
        self.give(message)
    }

    /// The one call to the service that is waiting for its answer.
    pub fn call(&mut self) -> (u64, Request) {
        assert_eq!(self.calls.len(), 1, "{:?}", self.calls);
        self.calls.remove(0)
    }

    pub fn service_answers(
        &mut self,
        token: u64,
        request: &Request,
        outcome: Result<Answer, Fault>,
    ) {
        let status = if outcome.is_ok() { 200 } else { 500 };
        let body = write_response(&Response::to(&request.headers, outcome));
        self.service_says(token, status, &body);
    }

    pub fn service_says(&mut self, token: u64, status: u16, body: &[u8]) {
        self.gateway
            .handle_http_result(token, status, body, self.now);
        self.drain();
    }

    /// The conference service reports; returns the HTTP status.
    pub fn reports(&mut self, address: Option<&str>, reports: Vec<Report>) -> u16 {
        let message = ReportMessage {
            headers: Headers {
                relates_to: Some("m1".parse().unwrap()),
                ..Headers::default()
            },
            user: None,
            address: address.map(str::to_owned),
            reports,
        };
        self.report_bytes(write_report(&message).unwrap(), true)
    }

    pub fn report_bytes(&mut self, body: Vec<u8>, authenticated: bool) -> u16 {
        let envelope = ReportEnvelope {
            tx: 7,
            request_id: "rr".parse().unwrap(),
            authenticated,
            body: body.into(),
        };
        self.gateway.handle_report(envelope, self.now);
        self.drain();
        self.report_answers.last().unwrap().0
    }

    /// The one MESSAGE under way: token, receiver, body.
    pub fn outgoing(&mut self) -> (u64, String, String) {
        assert_eq!(self.sent.len(), 1, "{:#?}", self.sent);
        self.sent.remove(0)
    }

    /// Takes the one MESSAGE under way and delivers it: receiver and body.
    pub fn delivered(&mut self) -> (String, String) {
        let (token, to, body) = self.outgoing();
        self.result(token, 202);
        (to, body)
    }

    pub fn result(&mut self, token: u64, status: u16) {
        self.gateway.handle_message_result(token, status, self.now);
        self.drain();
    }

    pub fn wait(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        while let Some(at) = self.gateway.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.gateway.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        while let Some(output) = self.gateway.poll_output() {
            match output {
                Output::Log(entry) => {
                    self.order.push("log");
                    self.logged.push(entry);
                }
                Output::Answer { tx, status, .. } => {
                    self.order.push("answer");
                    self.answers.push((tx, status));
                }
                Output::HttpCall {
                    token,
                    envelope,
                    user,
                    ..
                } => {
                    self.order.push("call");
                    let request = parse_request(&envelope).unwrap();
                    assert_eq!(request.headers.asserted, Some(user));
                    self.calls.push((token, request));
                }
                Output::SendMessage {
                    token, to, body, ..
                } => {
                    self.order.push("send");
                    self.sent_at.insert(token, self.now);
                    self.sent
                        .push((token, to, String::from_utf8(body.to_vec()).unwrap()));
                }
                Output::ReportAnswer {
                    status, envelope, ..
                } => {
                    self.order.push("report-answer");
                    self.report_answers
                        .push((status, String::from_utf8(envelope).unwrap()));
                }
            }
        }
    }
}

/// A good command of alice's window.
pub fn command(scene: &Scene, operation: Operation) -> Request {
    let mut request = Request::new(operation, "m1".parse().unwrap());
    request.headers.reply_to = Some(ALICE_DEVICE.to_owned());
    request.headers.expires = Some(Expires {
        sent: scene.wall(),
        seconds: 30,
    });
    request
}

pub fn create() -> Operation {
    Operation::Create(Create {
        title: None,
        initiator: Party::of(Who::Person("alice@example.org".into())),
        participants: vec![Party::of(Who::Person("bob".into()))],
        policy: None,
        payer: None,
        account: None,
        conference: None,
        owner: None,
        video: None,
    })
}

pub fn participant(n: usize, name: &str, place: &str, role: Role) -> ParticipantSnapshot {
    let user = format!("{}@example.org", name.to_lowercase().replace(' ', "."));
    ParticipantSnapshot {
        id: format!("p{n}").parse().unwrap(),
        name: name.to_owned(),
        user: user.parse::<Aor>().ok(),
        place: place.to_owned(),
        role,
        muted: false,
        muted_by: None,
        talking: false,
        silent: false,
        hidden: false,
        hand: None,
        hand_since: None,
        leg: None,
        moving: None,
    }
}

/// A conference of alice with these people.
pub fn conference(id: &str, people: &[(&str, &str)]) -> Snapshot {
    let mut participants = vec![participant(1, "Alice", "mobile", Role::Owner)];
    for (n, (name, place)) in people.iter().enumerate() {
        participants.push(participant(n + 2, name, place, Role::Participant));
    }
    Snapshot {
        id: id.parse().unwrap(),
        title: String::new(),
        state: ConferenceState::Running,
        locked: false,
        pictures_lost: false,
        sound_moves: 0,
        absent: vec![],
        video: None,
        version: 5,
        count: u32::try_from(participants.len()).unwrap(),
        first: 0,
        participants,
    }
}

pub fn with_leg(
    mut p: ParticipantSnapshot,
    state: LegState,
    since: UtcMillis,
) -> ParticipantSnapshot {
    p.leg = Some(LegSnapshot {
        id: "l1".parse().unwrap(),
        state,
        cause: None,
        since,
    });
    p
}

pub fn done(operation: OperationName, conference: Snapshot) -> Result<Answer, Fault> {
    Ok(Answer::Done {
        operation,
        conference,
    })
}

pub fn report(version: u64, who: Option<&str>, change: Change) -> Report {
    Report {
        conference: "c1".parse().unwrap(),
        version,
        participant: who.map(|name| ParticipantRef {
            id: "p2".parse().unwrap(),
            name: name.to_owned(),
            user: None,
            place: "mobile".to_owned(),
            role: Role::Participant,
        }),
        change,
        command: None,
    }
}

pub fn leg(state: LegState) -> Change {
    Change::Leg {
        leg: "l2".parse().unwrap(),
        state,
        cause: None,
        moving: false,
    }
}
