//! Together with our IM server: each with its own core, over connections that take their time and break.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use conference_core::Snapshot;
use conference_ua::{Believes, ConferenceUa, Limits, Output};
use convoke_types::LegState::{Joined, Left, Ringing};
use im_core::pidf::{self, Activity};
use im_core::{AccountInfo, DevicePassword, ImServer, Wall};
use sip_proto::auth::{Credential, Login};
use sip_proto::endpoint::{self, Endpoint};
use sip_proto::ua::{Ua, UaConfig, UaEvent};
use sip_proto::{
    FlowId, HeaderName, Message, Method, ResponseBuilder, Source, Target, Transport, Uri,
};
use testkit::clock::epoch;
use testkit::net::Weather;
use testkit::sim::{Node, Simulation};

use crate::scene::{DOMAIN, Told, conference, config};

const IM: &str = "im";
const FOCUS: &str = "focus";
const MINUTE: Duration = Duration::from_secs(60);

fn addr_of(name: &str) -> SocketAddr {
    let host = name
        .bytes()
        .fold(1_u8, |sum, byte| sum.wrapping_mul(31) ^ byte);
    SocketAddr::from(([198, 51, 100, host], 5060))
}

/// The IM server with its people.
struct Im {
    server: ImServer,
    /// Whose end of each connection it is.
    flows: BTreeMap<FlowId, &'static str>,
    waiting: Vec<(&'static str, Bytes)>,
    next_flow: u64,
    now: Instant,
}

impl Im {
    fn new(seed: u8) -> Self {
        let wall = Wall {
            at: epoch(),
            unix_ms: 0,
        };
        let config = im_core::Config::new(DOMAIN, "192.0.2.1:5060", [seed; 32], wall);
        Self {
            server: ImServer::new(config, epoch()),
            flows: BTreeMap::new(),
            waiting: Vec::new(),
            next_flow: 0,
            now: epoch(),
        }
    }

    fn source(&mut self, from: &'static str) -> Source {
        let known = self.flows.iter().find(|(_, name)| **name == from);
        let flow = match known {
            Some((flow, _)) => *flow,
            None => {
                self.next_flow += 1;
                let flow = FlowId(self.next_flow);
                self.flows.insert(flow, from);
                flow
            }
        };
        Source {
            transport: Transport::Tcp,
            remote: addr_of(from),
            local: addr_of(IM),
            flow,
        }
    }

    fn close(&mut self, name: &str) {
        let closed = self.flows.iter().find(|(_, n)| **n == name);
        let Some(flow) = closed.map(|(flow, _)| *flow) else {
            return;
        };
        self.flows.remove(&flow);
        self.server.handle_flow_closed(flow, self.now);
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                im_core::Output::Send { target, bytes, .. } => {
                    let to = target.flow.and_then(|flow| self.flows.get(&flow));
                    self.waiting.extend(to.map(|to| (*to, bytes)));
                }
                im_core::Output::Lookup { token, aor } => {
                    let user = aor.split('@').next().unwrap();
                    let credential = Credential::from_password(user, DOMAIN, "secret");
                    let account = AccountInfo {
                        service: user == FOCUS,
                        name: String::new(),
                        language: None,
                        passwords: vec![DevicePassword { id: 1, credential }],
                        tokens: Vec::new(),
                    };
                    self.server
                        .handle_lookup(token, Ok(Some(account)), self.now);
                }
                im_core::Output::Store { token, .. } => {
                    let done = Ok(im_core::Stored::Pending(Vec::new()));
                    self.server.handle_stored(token, done, self.now);
                }
                im_core::Output::Keep { .. } | im_core::Output::Event(_) => {}
            }
        }
    }
}

/// Conferences, with a focus that knows one of them.
struct Focus {
    core: ConferenceUa,
    flow: u64,
    snapshot: Option<Snapshot>,
    watched: bool,
    waiting: Vec<Bytes>,
    now: Instant,
}

impl Focus {
    fn new() -> Self {
        let config = config(Limits::default());
        let server = config.ua.target.clone();
        let believes: Believes = Box::new(|source, own| own == Some(source.flow));
        let mut core = ConferenceUa::new(config, believes);
        core.set_server(server, epoch());
        let mut focus = Self {
            core,
            flow: 1,
            snapshot: None,
            watched: false,
            waiting: Vec::new(),
            now: epoch(),
        };
        focus.collect();
        focus
    }

    fn is_like(&mut self, snapshot: Snapshot) {
        self.snapshot = Some(snapshot.clone());
        if self.watched {
            self.core.handle_snapshot(snapshot, self.now);
        }
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                // What is for a connection that has closed is lost.
                Output::Send { target, bytes, .. }
                    if target.flow.is_none_or(|flow| flow.0 == self.flow) =>
                {
                    self.waiting.push(bytes);
                }
                Output::Watch(conference) => {
                    self.watched = true;
                    match self.snapshot.clone() {
                        Some(now) if now.conference == conference => {
                            self.core.handle_snapshot(now, self.now);
                        }
                        _ => self.core.handle_over(&conference, self.now),
                    }
                }
                Output::Unwatch(_) => self.watched = false,
                Output::Send { .. }
                | Output::Event(_)
                | Output::Drained
                | Output::Bridge(_)
                | Output::Media(_)
                | Output::Video { .. }
                | Output::Sight(_) => {}
            }
        }
    }
}

/// A client that registers, asks what the test says, and takes notifications.
struct Person {
    endpoint: Endpoint,
    ua: Ua,
    flow: u64,
    notified: Vec<Message>,
    answers: Vec<u16>,
    waiting: Vec<Bytes>,
    now: Instant,
}

impl Person {
    fn new(name: &str, seed: u8) -> Self {
        let uri = |text: String| Uri::parse(text.as_str()).unwrap();
        let ua = UaConfig {
            aor: uri(format!("sip:{name}@{DOMAIN}")),
            target: Target::new(Transport::Tcp, addr_of(IM)),
            via_host: format!("{name}.invalid"),
            contact: uri(format!("sip:{name}@{name}.invalid;transport=tcp")),
            login: Login {
                username: name.to_owned(),
                password: "secret".to_owned(),
            },
            instance: format!("urn:uuid:00000000-0000-4000-8000-0000000000{seed:02}"),
            expires_s: 3600,
            product: "Test/1".to_owned(),
        };
        let mut person = Self {
            endpoint: Endpoint::new([seed; 32], endpoint::Config::default()),
            ua: Ua::new(ua),
            flow: 1,
            notified: Vec::new(),
            answers: Vec::new(),
            waiting: Vec::new(),
            now: epoch(),
        };
        person.ua.register(&mut person.endpoint, epoch());
        person.collect();
        person
    }

    fn subscribe(&mut self, event: &str, to: &str) {
        let contact = format!("<{}>", self.ua.config().contact);
        let extra = [
            (HeaderName::Event, event),
            (HeaderName::Contact, contact.as_str()),
            (HeaderName::Expires, "3600"),
        ];
        let uri = Uri::parse(to).unwrap();
        let asked = self.ua.request(
            &mut self.endpoint,
            Method::Subscribe,
            &uri,
            None,
            &extra,
            self.now,
        );
        asked.unwrap();
        self.collect();
    }

    fn collect(&mut self) {
        loop {
            if let Some(output) = self.endpoint.poll_output() {
                match output {
                    endpoint::Output::Send { bytes, .. } => self.waiting.push(bytes),
                    endpoint::Output::Event(event) => self.on_event(event),
                }
            } else if let Some(event) = self.ua.poll_event() {
                if let UaEvent::Answered { status, .. } = event {
                    self.answers.push(status);
                }
            } else {
                return;
            }
        }
    }

    fn on_event(&mut self, event: endpoint::Event) {
        let other = self.ua.handle(&mut self.endpoint, event, self.now);
        if let Some(endpoint::Event::Request { tx, message, .. }) = other {
            let answer = ResponseBuilder::reply(&message, 200, "OK").build();
            self.endpoint.respond(tx, &answer, self.now);
            self.notified.push(message);
        }
    }

    fn conference(&self) -> Vec<Told> {
        let theirs = |m: &&Message| m.header(HeaderName::Event) == Some("conference");
        self.notified.iter().filter(theirs).map(Told::of).collect()
    }

    /// Whether the last notification of presence says that they are on the phone.
    fn sees_telephoning(&self) -> bool {
        let theirs = |m: &&Message| m.header(HeaderName::Event) == Some("presence");
        let last = self.notified.iter().rfind(theirs).unwrap();
        let presence = pidf::read(&last.body()).unwrap();
        presence.activities.contains(&Activity::OnThePhone)
    }
}

enum Part {
    Im(Box<Im>),
    Focus(Box<Focus>),
    Person(Box<Person>),
}

impl Node<&'static str, Bytes> for Part {
    fn handle(&mut self, from: &'static str, packet: Bytes, now: Instant) {
        let message = Message::parse_datagram(packet).unwrap();
        match self {
            Part::Im(im) => {
                im.now = now;
                let source = im.source(from);
                im.server.handle_message(source, message, now);
                im.collect();
            }
            Part::Focus(focus) => {
                focus.now = now;
                let source = from_im(focus.flow);
                focus.core.handle_message(source, message, now);
                focus.collect();
            }
            Part::Person(person) => {
                person.now = now;
                let source = from_im(person.flow);
                person.endpoint.handle_message(source, message, now);
                person.collect();
            }
        }
    }

    fn poll_output(&mut self) -> Option<(&'static str, Bytes)> {
        let first = |waiting: &mut Vec<Bytes>| (!waiting.is_empty()).then(|| waiting.remove(0));
        match self {
            Part::Im(im) => (!im.waiting.is_empty()).then(|| im.waiting.remove(0)),
            Part::Focus(focus) => first(&mut focus.waiting).map(|bytes| (IM, bytes)),
            Part::Person(person) => first(&mut person.waiting).map(|bytes| (IM, bytes)),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Part::Im(im) => im.server.poll_timeout(),
            Part::Focus(focus) => focus.core.poll_timeout(),
            Part::Person(person) => {
                let timeout = person.endpoint.poll_timeout();
                timeout.into_iter().chain(person.ua.poll_timeout()).min()
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Part::Im(im) => {
                im.now = now;
                im.server.handle_timeout(now);
                im.collect();
            }
            Part::Focus(focus) => {
                focus.now = now;
                focus.core.handle_timeout(now);
                focus.collect();
            }
            Part::Person(person) => {
                person.now = now;
                person.endpoint.handle_timeout(now);
                if person.ua.poll_timeout().is_some_and(|at| at <= now) {
                    person.ua.handle_timeout(&mut person.endpoint, now);
                }
                person.collect();
            }
        }
    }
}

fn from_im(flow: u64) -> Source {
    Source {
        transport: Transport::Tcp,
        remote: addr_of(IM),
        local: addr_of(FOCUS),
        flow: FlowId(flow),
    }
}

struct World {
    sim: Simulation<&'static str, Bytes, Part>,
}

impl World {
    fn new(people: &[&'static str]) -> Self {
        let delay = Duration::from_millis(40);
        // Connections: slow, and in order.
        let weather = Weather {
            delay_min: delay,
            delay_max: delay,
            ..Weather::fair()
        };
        let mut sim = Simulation::new(weather, 1);
        sim.nodes.insert(IM, Part::Im(Box::new(Im::new(1))));
        sim.nodes.insert(FOCUS, Part::Focus(Box::new(Focus::new())));
        for (name, seed) in people.iter().zip(10..) {
            let person = Person::new(name, seed);
            sim.nodes.insert(name, Part::Person(Box::new(person)));
        }
        let mut world = Self { sim };
        world.pass(Duration::from_secs(1));
        assert!(world.focus().core.is_registered());
        world
    }

    fn pass(&mut self, time: Duration) {
        self.sim.run_until(time, |_| false);
        let now = self.sim.clock.now();
        for node in self.sim.nodes.values_mut() {
            match node {
                Part::Im(im) => im.now = now,
                Part::Focus(focus) => focus.now = now,
                Part::Person(person) => person.now = now,
            }
        }
    }

    fn im(&mut self) -> &mut Im {
        match self.sim.nodes.get_mut(IM) {
            Some(Part::Im(im)) => im,
            _ => panic!("no IM server"),
        }
    }

    fn focus(&mut self) -> &mut Focus {
        match self.sim.nodes.get_mut(FOCUS) {
            Some(Part::Focus(focus)) => focus,
            _ => panic!("no focus"),
        }
    }

    fn person(&mut self, name: &str) -> &mut Person {
        match self.sim.nodes.get_mut(name) {
            Some(Part::Person(person)) => person,
            _ => panic!("no {name}"),
        }
    }

    fn telephones(&mut self, user: &str, on: bool) {
        let focus = self.focus();
        let now = focus.now;
        focus
            .core
            .handle_phone(&format!("{user}@{DOMAIN}"), on, now);
        focus.collect();
    }

    /// The connection between the focus and the IM server breaks.
    fn break_focus(&mut self) {
        self.im().close(FOCUS);
        let focus = self.focus();
        let (closed, now) = (FlowId(focus.flow), focus.now);
        focus.flow += 1;
        focus.core.handle_flow_closed(closed, now);
        focus.collect();
    }

    fn break_person(&mut self, name: &str) {
        self.im().close(name);
        let person = self.person(name);
        let (closed, now) = (FlowId(person.flow), person.now);
        person.flow += 1;
        person.endpoint.handle_flow_closed(closed, now);
        person
            .ua
            .handle_flow_closed(&mut person.endpoint, closed, now);
        person.collect();
    }
}

const CONFERENCE: &str = "sip:conf-c1@example.org";

#[test]
fn participants_follow_strangers_do_not_and_friends_see_the_telephone() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    let at =
        |version, state| conference(version, &[("alice", Joined, false), ("bob", state, false)]);
    world.focus().is_like(at(1, Ringing));
    for name in ["alice", "bob", "carol"] {
        world.person(name).subscribe("conference", CONFERENCE);
    }
    world
        .person("carol")
        .subscribe("presence", "sip:bob@example.org");
    world.pass(Duration::from_secs(2));
    let mut answers = world.person("carol").answers.clone();
    answers.sort_unstable();
    assert_eq!(answers, [200, 404]);
    assert_eq!(world.person("alice").answers, [200]);
    assert!(!world.person("carol").sees_telephoning());

    world.focus().is_like(at(2, Joined));
    world.telephones("bob", true);
    world.pass(Duration::from_secs(2));
    assert!(world.person("carol").sees_telephoning());
    for name in ["alice", "bob"] {
        let told = world.person(name).conference();
        let kinds: Vec<_> = told.iter().map(|t| (t.kind.clone(), t.version)).collect();
        assert_eq!(
            kinds,
            [("full".to_owned(), 1), ("partial".to_owned(), 2)],
            "{name}"
        );
        assert!(told[1].text.contains("state=\"joined\""));
    }
    // It is renewed for as long as it lasts, and gone when it ends.
    world.pass(30 * MINUTE);
    assert!(world.person("carol").sees_telephoning());
    world.focus().is_like(at(3, Left));
    world.telephones("bob", false);
    world.pass(Duration::from_secs(2));
    assert!(!world.person("carol").sees_telephoning());
    assert_eq!(
        world.person("bob").conference().len(),
        3,
        "on the roster still"
    );
    assert!(world.person("carol").conference().is_empty());
}

#[test]
fn a_connection_that_breaks_between_the_servers_is_mended_behind_everybodys_back() {
    let mut world = World::new(&["alice", "carol"]);
    let at = |version, talking| conference(version, &[("alice", Joined, talking)]);
    world.focus().is_like(at(1, false));
    world.person("alice").subscribe("conference", CONFERENCE);
    world
        .person("carol")
        .subscribe("presence", "sip:alice@example.org");
    world.telephones("alice", true);
    world.pass(Duration::from_secs(2));
    assert!(world.person("carol").sees_telephoning());

    world.focus().is_like(at(2, true));
    world.break_focus();
    world.focus().is_like(at(3, false));
    world.pass(Duration::from_secs(5));
    assert!(world.focus().core.is_registered());
    let told = world.person("alice").conference();
    let last = told.last().unwrap();
    assert_eq!(
        last.kind, "full",
        "whole, since something may have been lost"
    );
    assert!(!last.text.contains("talking"));
    assert_eq!(world.focus().core.watched(), 1);
    assert!(world.person("carol").sees_telephoning(), "published anew");
    world.focus().is_like(at(4, true));
    world.pass(Duration::from_secs(1));
    let told = world.person("alice").conference();
    assert!(told.last().unwrap().text.contains("talking=\"true\""));
}

#[test]
fn a_client_that_is_gone_is_forgotten() {
    let mut world = World::new(&["alice", "bob"]);
    let at = |version, talking| {
        conference(
            version,
            &[("alice", Joined, talking), ("bob", Joined, false)],
        )
    };
    world.focus().is_like(at(1, false));
    for name in ["alice", "bob"] {
        world.person(name).subscribe("conference", CONFERENCE);
    }
    world.pass(Duration::from_secs(2));
    assert_eq!(world.focus().core.watched(), 2);
    world.break_person("alice");
    world.focus().is_like(at(2, true));
    world.pass(Duration::from_secs(2));
    assert_eq!(
        world.focus().core.watched(),
        1,
        "its next notification found nobody"
    );
    // It comes back by itself, and follows anew.
    world.person("alice").subscribe("conference", CONFERENCE);
    world.pass(Duration::from_secs(2));
    assert_eq!(world.focus().core.watched(), 2);
    assert_eq!(
        world.person("alice").conference().last().unwrap().kind,
        "full"
    );
}

#[test]
fn after_a_restart_of_the_im_server_everybody_begins_anew() {
    let mut world = World::new(&["alice", "carol"]);
    let at = |version, talking| conference(version, &[("alice", Joined, talking)]);
    world.focus().is_like(at(1, false));
    world.person("alice").subscribe("conference", CONFERENCE);
    world.telephones("alice", true);
    world.pass(Duration::from_secs(2));

    for name in ["alice", "carol"] {
        world.break_person(name);
    }
    world.break_focus();
    let now = world.sim.clock.now();
    let mut fresh = Im::new(2);
    (fresh.now, fresh.next_flow) = (now, 100);
    world.sim.nodes.insert(IM, Part::Im(Box::new(fresh)));
    world.pass(Duration::from_secs(5));
    world.focus().is_like(at(2, true));
    world.pass(Duration::from_secs(5));
    // Its key is another: nobody is reached by the old words.
    assert_eq!(world.focus().core.watched(), 0);
    world.person("alice").subscribe("conference", CONFERENCE);
    world
        .person("carol")
        .subscribe("presence", "sip:alice@example.org");
    world.pass(Duration::from_secs(2));
    assert_eq!(world.person("alice").answers, [200, 200]);
    assert!(world.person("carol").sees_telephoning());
    assert_eq!(world.focus().core.watched(), 1);
}
