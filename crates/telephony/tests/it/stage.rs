//! A trunk at the other end of a wire, and a clock that jumps from one thing to do to the next.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use convoke_types::bridge::{BridgeCommand, BridgeEvent, LegEvent};
use convoke_types::media::{Codec, MediaCommand, MediaEvent};
use convoke_types::sight::{SightCommand, SightEvent};
use convoke_types::{Address, LegKey};
use sip_proto::call::{CallEvent, CallKey, Calls, CallsConfig, Local};
use sip_proto::endpoint::{self, Endpoint, SendToken};
use sip_proto::{Edit, FlowId, HeaderName, Message, Method, Source, Target, Transport, Uri};
use telephony::{Config, Output, Server, Telephony, Trunk};

pub const PHONE_SDP: &str = "v=0\r\no=- 9 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 7000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n";

pub struct Stage {
    pub now: Instant,
    pub ours: Telephony,
    pub endpoint: Endpoint,
    pub trunk: Calls,
    pub trunk_events: Vec<(CallKey, CallEvent)>,
    pub media: Vec<MediaCommand>,
    /// What was asked who carry pictures.
    pub sight: Vec<SightCommand>,
    pub events: Vec<LegEvent>,
    /// Nothing that we send arrives.
    pub cut: bool,
    /// Where what we send does not arrive.
    pub dead: Vec<SocketAddr>,
    /// Where our INVITEs went.
    pub invited: Vec<SocketAddr>,
    /// What the last of them is known by to whoever carries it.
    invite: Option<SendToken>,
    /// The Reason of the trunk's refusals.
    reason: Option<&'static str>,
}

pub fn leg() -> LegKey {
    LegKey {
        conference: "c1".parse().unwrap(),
        leg: "l1".parse().unwrap(),
    }
}

pub fn addr(last: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, last], 5060))
}

fn source(from: u8, to: u8) -> Source {
    Source {
        transport: Transport::Udp,
        remote: addr(from),
        local: addr(to),
        flow: FlowId(u64::from(to)),
    }
}

fn server(last: u8) -> Server {
    Server {
        target: Target::new(Transport::Udp, addr(last)),
        local: local(1),
    }
}

fn local(last: u8) -> Local {
    let host = format!("127.0.0.{last}:5060");
    Local {
        contact: Uri::sip(Some("x"), &host).unwrap(),
        via_host: host,
    }
}

impl Stage {
    pub fn new() -> Self {
        Self::over(&[2])
    }

    /// The trunk has these servers.
    #[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
    pub fn over(servers: &[u8]) -> Self {
        let trunk = Trunk {
            name: "carrier".into(),
            servers: servers.iter().map(|last| server(*last)).collect(),
            domain: "127.0.0.2".into(),
            login: None,
            caller: "+15550100".into(),
            codecs: vec![Codec::Pcmu, Codec::Pcma],
        };
        let config = Config {
            trunks: vec![trunk],
            local: local(1),
            product: "Convoke".into(),
            legs_max: 10,
        };
        Self {
            now: Instant::now(),
            ours: Telephony::new([1; 32], config),
            endpoint: Endpoint::new([2; 32], endpoint::Config::default()),
            trunk: Calls::new(CallsConfig::new(local(2), "trunk")),
            trunk_events: Vec::new(),
            media: Vec::new(),
            sight: Vec::new(),
            events: Vec::new(),
            cut: false,
            dead: Vec::new(),
            invited: Vec::new(),
            invite: None,
            reason: None,
        }
    }

    pub fn dial(&mut self, guard: bool) {
        self.dial_for(guard, 45_000);
    }

    pub fn dial_for(&mut self, guard: bool, ring_timeout_ms: u64) {
        let number = Address::Number("+15550102".parse().unwrap());
        self.dial_to(number, guard, ring_timeout_ms);
    }

    /// The port is asked for, and not there yet.
    pub fn ask_for_port(&mut self, guard: bool) {
        self.dialled(Address::Number("+15550102".parse().unwrap()), guard, 45_000);
    }

    fn dialled(&mut self, to: Address, guard: bool, ring_timeout_ms: u64) {
        let command = BridgeCommand::Dial {
            leg: leg(),
            to,
            trunk: Some("carrier".into()),
            guard,
            inviter: "Alice".into(),
            language: "en".into(),
            ring_timeout_ms,
            sight: None,
        };
        self.ours.handle_command(command, self.now);
        self.pump();
        assert_eq!(self.media, [MediaCommand::Open { leg: leg() }]);
    }

    pub fn dial_to(&mut self, to: Address, guard: bool, ring_timeout_ms: u64) {
        self.dialled(to, guard, ring_timeout_ms);
        self.media(MediaEvent::Opened {
            leg: leg(),
            local: SocketAddr::from(([127, 0, 0, 1], 6000)),
        });
    }

    pub fn sight(&mut self, event: SightEvent) {
        self.ours.handle_sight(event, self.now);
        self.pump();
    }

    pub fn command(&mut self, command: BridgeCommand) {
        self.ours.handle_command(command, self.now);
        self.pump();
    }

    pub fn media(&mut self, event: MediaEvent) {
        self.ours.handle_media(event, self.now);
        self.pump();
    }

    /// Another bridge has the conference.
    pub fn moved(&mut self, words: &str) {
        let conference = leg().conference;
        self.ours.handle_media_moved(&conference, words, self.now);
        self.pump();
    }

    /// What we send when a stranger sends this, at once and as long as something is due.
    pub fn stranger(&mut self, request: &str) -> Vec<Message> {
        let request = Message::parse_datagram(request.to_owned().into()).unwrap();
        self.ours.handle_message(source(9, 1), request, self.now);
        let mut sent = Vec::new();
        loop {
            while let Some(output) = self.ours.poll_output() {
                if let Output::Send { bytes, .. } = output {
                    sent.push(Message::parse_datagram(bytes).unwrap());
                }
            }
            let Some(due) = self.ours.poll_timeout() else {
                return sent;
            };
            self.now = due.max(self.now);
            self.ours.handle_timeout(self.now);
        }
    }

    /// Lets the clock run for a span, stopping wherever something is due.
    pub fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let due = [
                self.ours.poll_timeout(),
                self.endpoint.poll_timeout(),
                self.trunk.poll_timeout(),
            ];
            let next = due.into_iter().flatten().min().filter(|at| *at <= end);
            self.now = next.unwrap_or(end).max(self.now);
            if next.is_none() {
                return;
            }
            self.ours.handle_timeout(self.now);
            self.endpoint.handle_timeout(self.now);
            self.trunk.handle_timeout(&mut self.endpoint, self.now);
            self.pump();
        }
    }

    pub fn pump(&mut self) {
        loop {
            let mut moved = false;
            while let Some(output) = self.ours.poll_output() {
                moved = true;
                match output {
                    Output::Send {
                        target,
                        bytes,
                        token,
                    } if !self.cut => {
                        let message = Message::parse_datagram(bytes).unwrap();
                        if message.method_ref() == Some(&Method::Invite) {
                            self.invited.push(target.addr);
                            self.invite = Some(token);
                        }
                        if self.dead.contains(&target.addr) {
                            continue;
                        }
                        self.endpoint
                            .handle_message(source(1, 2), message, self.now);
                    }
                    Output::Send { .. } => {}
                    Output::Media(command) => self.media.push(command),
                    Output::Sight(command) => self.sight.push(command),
                    Output::Bridge(BridgeEvent::Leg { event, .. }) => self.events.push(event),
                    Output::Bridge(BridgeEvent::Moved { conference, .. }) => {
                        assert_eq!(conference, leg().conference);
                    }
                    Output::Bridge(BridgeEvent::Lost { .. }) => {
                        let ended = |event: &LegEvent| matches!(event, LegEvent::Ended { .. });
                        assert!(!self.events.iter().any(ended), "the conference ends first");
                    }
                    Output::Bridge(
                        other @ (BridgeEvent::Arrived { .. } | BridgeEvent::Mixes { .. }),
                    ) => panic!("it is for others to tell: {other:?}"),
                }
            }
            while let Some(output) = self.endpoint.poll_output() {
                moved = true;
                match output {
                    endpoint::Output::Send { bytes, .. } => {
                        let mut message = Message::parse_datagram(bytes).unwrap();
                        let refuses = message.status().is_some_and(|status| status >= 300);
                        if let Some(reason) = self.reason.filter(|_| refuses) {
                            message = Edit::of(&message).set(HeaderName::Reason, reason).finish();
                        }
                        self.ours.handle_message(source(2, 1), message, self.now);
                    }
                    endpoint::Output::Event(event) => {
                        self.trunk.handle(&mut self.endpoint, event, self.now);
                    }
                }
            }
            while let Some(event) = self.trunk.poll_event() {
                moved = true;
                self.trunk_events.push(event);
            }
            if !moved {
                return;
            }
        }
    }

    /// The call as the trunk sees it; the last one.
    pub fn call(&self) -> CallKey {
        let incoming = self
            .trunk_events
            .iter()
            .rfind(|(_, event)| matches!(event, CallEvent::Incoming { .. }));
        incoming.unwrap().0
    }

    pub fn trunk_rings(&mut self, status: u16) {
        let call = self.call();
        self.trunk
            .ring(&mut self.endpoint, call, status, None, self.now)
            .unwrap();
        self.pump();
    }

    pub fn trunk_answers(&mut self) {
        self.trunk_answers_with("");
    }

    /// With these streams beside the sound.
    pub fn trunk_answers_with(&mut self, streams: &str) {
        let (call, answer) = (self.call(), format!("{PHONE_SDP}{streams}"));
        self.trunk
            .answer(&mut self.endpoint, call, answer.into(), self.now)
            .unwrap();
        self.pump();
    }

    /// Offers a change of the call: the sound with this, and these streams beside it.
    pub fn trunk_changes(&mut self, version: u64, streams: &str) {
        let offer = PHONE_SDP.replace("o=- 9 1", &format!("o=- 9 {version}"));
        self.trunk_offers(format!("{offer}{streams}").into());
    }

    pub fn trunk_rejects(&mut self, status: u16) {
        let call = self.call();
        self.trunk
            .reject(&mut self.endpoint, call, status, "No", self.now)
            .unwrap();
        self.pump();
    }

    pub fn trunk_rejects_because(&mut self, status: u16, reason: Option<&'static str>) {
        self.reason = reason;
        self.trunk_rejects(status);
    }

    /// The connection that carries our last INVITE breaks, or cannot be made.
    pub fn lose_connection(&mut self) {
        let token = self.invite.take().unwrap();
        self.ours.handle_send_failed(token, self.now);
        self.pump();
    }

    /// The telephone takes our change.
    pub fn trunk_accepts(&mut self, answer: Bytes) {
        let call = self.call();
        self.trunk
            .accept_change(&mut self.endpoint, call, answer, self.now)
            .unwrap();
        self.pump();
    }

    pub fn trunk_rejects_change(&mut self, status: u16) {
        let call = self.call();
        self.trunk
            .reject_change(&mut self.endpoint, call, status, "No", self.now)
            .unwrap();
        self.pump();
    }

    /// Offers this as a change of the call.
    pub fn trunk_offers(&mut self, offer: Bytes) {
        let call = self.call();
        self.trunk
            .change(&mut self.endpoint, call, offer, self.now)
            .unwrap();
        self.pump();
    }

    pub fn trunk_hangs_up(&mut self) {
        let call = self.call();
        self.trunk.hang_up(&mut self.endpoint, call, None, self.now);
        self.pump();
    }
}
