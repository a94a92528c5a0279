//! The core and an IM server that does what the test says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use conference_core::{ConferenceState, LegView, RosterEntry, Snapshot};
use conference_ua::{ConferenceUa, Config, Event, Limits, Output};
use convoke_types::bridge::BridgeEvent;
use convoke_types::media::MediaCommand;
use convoke_types::report::ParticipantRef;
use convoke_types::sight::SightCommand;
use convoke_types::video::VideoCommand;
use convoke_types::{ConferenceId, LegState, Mode, Role};
use sip_proto::auth::Login;
use sip_proto::ua::UaConfig;
use sip_proto::{
    FlowId, HeaderName, Message, Method, ResponseBuilder, Source, Target, Transport, Uri, endpoint,
};
use testkit::clock::epoch;

pub const DOMAIN: &str = "example.org";
pub const PACE: Duration = Duration::from_millis(80);
const SERVER: ([u8; 4], u16) = ([192, 0, 2, 1], 5060);

pub struct Scene {
    pub core: ConferenceUa,
    pub now: Instant,
    /// What was sent, with the connection that it was for, and not looked at yet.
    pub sent: Vec<(Option<FlowId>, Message)>,
    pub events: Vec<Event>,
    /// The conferences that are watched.
    pub watched: Vec<ConferenceId>,
    pub drained: bool,
    /// What the focus was told, and the media bridge asked.
    pub bridge: Vec<BridgeEvent>,
    pub media: Vec<MediaCommand>,
    /// What the video servers were asked, by their places.
    pub video: Vec<(usize, VideoCommand)>,
    /// The numbers of the questions by which servers were asked last to prepare the conference.
    pub serials: BTreeMap<usize, u32>,
    /// What clients that are asked whether they are there are answered for; `None`: nothing comes.
    pub there: Option<u16>,
    /// How often they were asked.
    pub probes: usize,
    /// What was told who carry the pictures of video rooms.
    pub sight: Vec<SightCommand>,
    /// The connection on which it is registered.
    pub flow: FlowId,
    /// Renewals of the registration are for the test to answer.
    pub refreshes_kept: bool,
    next: u32,
}

pub fn config(limits: Limits) -> Config {
    let uri = |text: &str| Uri::parse(text).unwrap();
    Config {
        domain: DOMAIN.to_owned(),
        ua: UaConfig {
            aor: uri("sip:focus@example.org"),
            target: Target::new(Transport::Tcp, SocketAddr::from(SERVER)),
            via_host: "192.0.2.2:5070".to_owned(),
            contact: uri("sip:focus@192.0.2.2:5070;transport=tcp"),
            login: Login {
                username: "focus".to_owned(),
                password: "secret".to_owned(),
            },
            instance: "urn:uuid:00000000-0000-4000-8000-000000000000".to_owned(),
            expires_s: 600,
            product: "Test/1".to_owned(),
        },
        seed: [5; 32],
        endpoint: endpoint::Config::default(),
        limits,
        video_servers: Vec::new(),
    }
}

impl Scene {
    /// Registered.
    pub fn new() -> Self {
        Self::with(Limits::default())
    }

    pub fn with(limits: Limits) -> Self {
        let mut scene = Self::before_registration(limits);
        scene.register();
        scene
    }

    /// Registered, with so few transactions at a time.
    pub fn crowded(transactions: usize) -> Self {
        let mut config = config(Limits::default());
        config.endpoint.max_transactions = transactions;
        let mut scene = Self::of(config);
        scene.register();
        scene
    }

    /// Registered, with so many video servers.
    pub fn with_video(servers: usize) -> Self {
        let mut config = config(Limits::default());
        config.video_servers = (0..servers).map(|n| format!("v{n}")).collect();
        let mut scene = Self::of(config);
        scene.register();
        scene
    }

    pub fn before_registration(limits: Limits) -> Self {
        Self::of(config(limits))
    }

    fn of(config: Config) -> Self {
        let server = config.ua.target.clone();
        let believes = |source: &Source, own: Option<FlowId>| own == Some(source.flow);
        let mut scene = Self {
            core: ConferenceUa::new(config, Box::new(believes)),
            now: epoch(),
            sent: Vec::new(),
            events: Vec::new(),
            watched: Vec::new(),
            drained: false,
            bridge: Vec::new(),
            media: Vec::new(),
            video: Vec::new(),
            serials: BTreeMap::new(),
            there: Some(200),
            probes: 0,
            sight: Vec::new(),
            flow: FlowId(1),
            refreshes_kept: false,
            next: 0,
        };
        scene.core.set_server(server, scene.now);
        scene.run();
        scene
    }

    /// Answers the REGISTER that is there.
    pub fn register(&mut self) {
        let register = self.one("REGISTER");
        self.answer_with(&register, 200, &[("Expires", "600")], None);
    }

    /// The connection breaks, and the next one has another number.
    pub fn break_connection(&mut self) {
        let closed = self.flow;
        self.flow = FlowId(closed.0 + 1);
        self.core.handle_flow_closed(closed, self.now);
        self.run();
    }

    pub fn source(&self, flow: FlowId) -> Source {
        Source {
            transport: Transport::Tcp,
            remote: SocketAddr::from(SERVER),
            local: SocketAddr::from(([192, 0, 2, 2], 5070)),
            flow,
        }
    }

    pub fn run(&mut self) {
        let (mut refreshes, mut probes) = (Vec::new(), Vec::new());
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Send { target, bytes, .. } => {
                    // Answers to what could not be read repeat what could not be read.
                    let Ok(message) = Message::parse_datagram(bytes) else {
                        continue;
                    };
                    assert!(message.is_response() || target.addr == SocketAddr::from(SERVER));
                    if message.method_ref() == Some(&Method::Options) {
                        probes.push(message);
                        continue;
                    }
                    let on_it = target.flow == Some(self.flow);
                    let registers = message.method_ref() == Some(&Method::Register);
                    let answers = registers && on_it && !self.refreshes_kept;
                    if answers && message.expires().unwrap() != Some(0) {
                        refreshes.push(message);
                    } else {
                        self.sent.push((target.flow, message));
                    }
                }
                Output::Watch(conference) => self.watched.push(conference),
                Output::Unwatch(conference) => {
                    let at = self.watched.iter().position(|one| *one == conference);
                    self.watched.remove(at.unwrap());
                }
                Output::Event(event) => self.events.push(event),
                Output::Drained => self.drained = true,
                Output::Bridge(event) => self.bridge.push(event),
                Output::Media(command) => self.media.push(command),
                Output::Video { server, command } => {
                    if let VideoCommand::Prepare { serial, .. } = &command {
                        self.serials.insert(server, *serial);
                    }
                    self.video.push((server, command));
                }
                Output::Sight(command) => self.sight.push(command),
            }
        }
        self.probes += probes.len();
        for (probe, status) in probes.into_iter().zip(std::iter::repeat(self.there)) {
            if let Some(status) = status {
                self.answer(&probe, status);
            }
        }
        for register in refreshes {
            self.answer_with(&register, 200, &[("Expires", "600")], None);
        }
    }

    /// The focus tells that conference `c1` is over.
    pub fn over(&mut self) {
        let conference = "c1".parse().unwrap();
        self.watched.retain(|watched| *watched != conference);
        self.core.handle_over(&conference, self.now);
        self.run();
    }

    pub fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some(at) = self.core.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.core.handle_timeout(self.now);
            self.run();
        }
        self.now = end;
    }

    pub fn give(&mut self, flow: FlowId, bytes: Bytes) {
        let source = self.source(flow);
        match Message::parse_datagram(bytes) {
            Ok(message) => self.core.handle_message(source, message, self.now),
            Err(error) => self.core.handle_malformed(source, &error, self.now),
        }
        self.run();
    }

    /// What was sent since last time.
    pub fn sent(&mut self) -> Vec<Message> {
        let sent = std::mem::take(&mut self.sent);
        sent.into_iter().map(|(_, message)| message).collect()
    }

    /// The one message that was sent, over the connection on which it is registered.
    pub fn one(&mut self, what: &str) -> Message {
        let sent = std::mem::take(&mut self.sent);
        let said: Vec<_> = sent.iter().map(|(_, m)| start(m)).collect();
        assert_eq!(sent.len(), 1, "one {what}: {said:?}");
        let (flow, message) = sent.into_iter().next().unwrap();
        assert!(start(&message).starts_with(what), "{what}: {said:?}");
        let registers = message.method_ref() == Some(&Method::Register);
        let anywhere = registers || message.is_response();
        assert!(anywhere || flow == Some(self.flow), "{what} over {flow:?}");
        message
    }

    pub fn nothing(&mut self) {
        let said: Vec<_> = self.sent().iter().map(start).collect();
        assert!(said.is_empty(), "{said:?}");
    }

    pub fn answer(&mut self, request: &Message, status: u16) {
        self.answer_with(request, status, &[], None);
    }

    pub fn answer_with(
        &mut self,
        request: &Message,
        status: u16,
        lines: &[(&str, &str)],
        flow: Option<FlowId>,
    ) {
        let mut answer = ResponseBuilder::reply(request, status, "As It Is").to_tag("server");
        for (name, value) in lines {
            answer = answer.header(HeaderName::parse(name).unwrap(), value);
        }
        let bytes = answer.build().as_bytes().clone();
        self.give(flow.unwrap_or(self.flow), bytes);
    }

    /// A request of somebody, as the IM server passes it on; `to` may have a tag.
    pub fn request(&mut self, method: &str, user: &str, to: &str, call: &str, rest: &str) -> Bytes {
        self.next += 1;
        let (n, uri) = (
            self.next,
            to.split(['<', '>']).nth(1).unwrap_or(to).to_owned(),
        );
        let to = if to.contains('<') {
            to.to_owned()
        } else {
            format!("<{to}>")
        };
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bK{n}\r\n\
             Via: SIP/2.0/WSS x.invalid;branch=z9hG4bKc{n}\r\n\
             Record-Route: <sip:token@192.0.2.1:5060;transport=tcp;lr>\r\nFrom: <sip:{user}@{DOMAIN}>;tag={user}\r\nTo: {to}\r\n\
             Call-ID: {call}\r\nCSeq: {n} {method}\r\nMax-Forwards: 69\r\nContact: <sip:{user}@x.invalid;transport=ws>\r\n\
             P-Asserted-Identity: <sip:{user}@{DOMAIN}>\r\n{rest}Content-Length: 0\r\n\r\n"
        );
        Bytes::from(text)
    }

    /// Somebody subscribes to conference `c1`: the answer, if there is one yet.
    pub fn subscribe(&mut self, user: &str, rest: &str) -> Option<Message> {
        let request = self.request("SUBSCRIBE", user, "sip:conf-c1@example.org", user, rest);
        self.give(self.flow, request);
        let (answers, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.sent)
            .into_iter()
            .partition(|(_, message)| message.is_response());
        self.sent = others;
        answers.into_iter().next().map(|(_, message)| message)
    }

    /// Somebody follows conference `c1`, which is like this: what they were told first.
    pub fn follow(&mut self, user: &str, now: &Snapshot) -> Told {
        let mut answer = self.subscribe(user, EVENT);
        if answer.is_none() {
            self.core.handle_snapshot(now.clone(), self.now);
            self.run();
            let (answers, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.sent)
                .into_iter()
                .partition(|(_, message)| message.is_response());
            self.sent = others;
            answer = answers.into_iter().next().map(|(_, message)| message);
        }
        assert_eq!(answer.unwrap().status(), Some(200));
        self.told()
    }

    pub fn snapshot(&mut self, snapshot: Snapshot) {
        self.core.handle_snapshot(snapshot, self.now);
        self.run();
    }

    /// The one NOTIFY that was sent, answered 200.
    pub fn told(&mut self) -> Told {
        let notify = self.one("NOTIFY");
        self.answer(&notify, 200);
        Told::of(&notify)
    }
}

pub const EVENT: &str =
    "Event: conference\r\nAccept: application/conference-info+xml\r\nExpires: 600\r\n";

/// What a NOTIFY says.
#[derive(Debug)]
pub struct Told {
    pub state: String,
    pub kind: String,
    pub version: u32,
    pub text: String,
    pub notify: Message,
}

impl Told {
    pub fn of(notify: &Message) -> Self {
        let text = String::from_utf8(notify.body().to_vec()).unwrap();
        let root = text
            .split_once("<conference-info")
            .map_or("", |(_, rest)| rest);
        let value = |name: &str| {
            let after = root
                .split_once(&format!(" {name}=\""))
                .map_or("", |(_, v)| v);
            after.split('"').next().unwrap_or_default().to_owned()
        };
        if !text.is_empty() {
            assert!(notify.content_type_is("application/conference-info+xml"));
        }
        let state = notify.header(HeaderName::SubscriptionState).unwrap();
        Self {
            state: state.to_owned(),
            kind: value("state"),
            version: value("version").parse().unwrap_or_default(),
            notify: notify.clone(),
            text,
        }
    }
}

fn start(message: &Message) -> String {
    let text = String::from_utf8_lossy(message.as_bytes()).into_owned();
    text.lines().next().unwrap_or_default().to_owned()
}

/// Conference `c1` with these people, the state of each one's leg, and whether they talk. Who begins with # is a video room.
pub fn conference(version: u64, people: &[(&str, LegState, bool)]) -> Snapshot {
    let entry = |(at, (user, state, talking)): (usize, &(&str, LegState, bool))| RosterEntry {
        participant: ParticipantRef {
            id: format!("p{}", at + 1).parse().unwrap(),
            name: (*user).to_owned(),
            user: user
                .contains(char::is_alphabetic)
                .then(|| format!("{user}@{DOMAIN}")),
            place: "mobile".to_owned(),
            role: if at == 0 {
                Role::Owner
            } else {
                Role::Participant
            },
        },
        muted: false,
        muted_by: None,
        talking: *talking,
        silent: false,
        hidden: false,
        hand: None,
        hand_ms: None,
        leg: LegView {
            id: format!("l{}", at + 1).parse().unwrap(),
            state: *state,
            mode: match user.starts_with('#') {
                true => Mode::Sip,
                false => Mode::Mobile,
            },
            cause: None,
            since_ms: 0,
            joined_ms: None,
        },
        moving: None,
        pictures: Vec::new(),
    };
    Snapshot {
        conference: "c1".parse().unwrap(),
        title: "Budget".to_owned(),
        state: ConferenceState::Running,
        locked: false,
        pictures_lost: false,
        sound_moves: 0,
        absent: Vec::new(),
        video: None,
        version,
        owner: "p1".parse().unwrap(),
        age_ms: 0,
        roster: people.iter().enumerate().map(entry).collect(),
    }
}
