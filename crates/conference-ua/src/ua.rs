//! Its three calls, and what every message goes through.

use std::collections::VecDeque;
use std::time::Instant;

use conference_core::{Outline, Snapshot};
use convoke_types::ConferenceId;
use convoke_types::bridge::BridgeCommand;
use convoke_types::bridge_protocol::Announcement;
use convoke_types::letter::Letter;
use convoke_types::media::MediaEvent;
use convoke_types::video::VideoEvent;
use sip_proto::call::{ALLOW as ALLOW_CALLS, Local};
use sip_proto::endpoint::{self, Endpoint, SendToken};
use sip_proto::ua::{Ua, UaEvent, refuse};
use sip_proto::{FlowId, Message, Method, ParseError, Source, Target};

use crate::calls::Calls;
use crate::faces::Faces;
use crate::identity::asserted;
use crate::letters::Letters;
use crate::phones::Phones;
use crate::ports::{Config, Event, Output};
use crate::rosters::{Rosters, Who};
use crate::subscriptions::{Request, Subscriptions};

/// What it answers besides calls, for Allow.
const ALLOW: &str = "SUBSCRIBE";
/// For Server.
const PRODUCT: &str = "Convoke";

/// Whether who sent a message over this connection is believed to say who asks. Given is also the connection on which we registered.
pub type Believes = Box<dyn Fn(&Source, Option<FlowId>) -> bool + Send>;

/// See the crate. Drain `poll_output` after every call.
pub struct ConferenceUa {
    domain: String,
    endpoint: Endpoint,
    ua: Ua,
    believes: Believes,
    subscriptions: Subscriptions,
    phones: Phones,
    faces: Faces,
    letters: Letters,
    calls: Calls,
    rosters: Rosters,
    outputs: VecDeque<Output>,
    found: bool,
    draining: bool,
    drained: bool,
}

impl ConferenceUa {
    /// Not registered yet: see [`set_server`](Self::set_server).
    pub fn new(config: Config, believes: Believes) -> Self {
        let contact = config.ua.contact.to_string();
        let local = Local {
            via_host: config.ua.via_host.clone(),
            contact: config.ua.contact.clone(),
        };
        Self {
            calls: Calls::new(
                &config.domain,
                local,
                PRODUCT,
                &config.limits,
                config.video_servers.clone(),
            ),
            rosters: Rosters::default(),
            endpoint: Endpoint::new(config.seed, config.endpoint.clone()),
            subscriptions: Subscriptions::new(&config.domain, contact, &config.limits),
            phones: Phones::new(config.limits.publishing),
            faces: Faces::new(&config.domain, config.limits.publishing),
            letters: Letters::new(config.limits.publishing),
            domain: config.domain,
            ua: Ua::new(config.ua),
            believes,
            outputs: VecDeque::new(),
            found: false,
            draining: false,
            drained: false,
        }
    }

    /// The IM server is to be reached there; with the first address it registers.
    pub fn set_server(&mut self, target: Target, now: Instant) {
        let config = self.ua.config();
        let (via_host, contact) = (config.via_host.clone(), config.contact.clone());
        self.ua.set_target(target, via_host, contact);
        if !std::mem::replace(&mut self.found, true) {
            self.ua.register(&mut self.endpoint, now);
        }
        self.pump(now);
    }

    /// Takes a message from the network.
    pub fn handle_message(&mut self, source: Source, message: Message, now: Instant) {
        self.endpoint.handle_message(source, message, now);
        self.pump(now);
    }

    /// Answers what is no proper message as its error says.
    pub fn handle_malformed(&mut self, source: Source, error: &ParseError, now: Instant) {
        self.endpoint.handle_malformed(source, error);
        self.pump(now);
    }

    /// Something that `Output::Send` asked for could not be sent.
    pub fn handle_send_failed(&mut self, token: SendToken, now: Instant) {
        self.endpoint.handle_send_failed(token, now);
        self.pump(now);
    }

    /// A connection closed. Subscriptions stay: what they are to be told goes over the next one.
    pub fn handle_flow_closed(&mut self, flow: FlowId, now: Instant) {
        self.endpoint.handle_flow_closed(flow, now);
        self.ua.handle_flow_closed(&mut self.endpoint, flow, now);
        self.pump(now);
    }

    /// What a conference is like now.
    pub fn handle_snapshot(&mut self, snapshot: Snapshot, now: Instant) {
        self.calls
            .pictures(&mut self.endpoint, now, |pictures, line| {
                pictures.conference(line, &snapshot);
            });
        self.follow(snapshot, now);
        self.pump(now);
    }

    /// There is no such conference, or no longer.
    pub fn handle_over(&mut self, conference: &ConferenceId, now: Instant) {
        self.rosters.over(conference);
        self.calls
            .pictures(&mut self.endpoint, now, |pictures, line| {
                pictures.over(line, conference);
            });
        self.subscriptions.over(&mut self.endpoint, conference, now);
        self.pump(now);
    }

    /// What a conference looks like from outside now. Those that the video allocator made are published by it.
    pub fn handle_outline(&mut self, outline: &Outline, now: Instant) {
        if !self.draining {
            let video = self.calls.pictures.are_in(&outline.conference);
            self.faces.set(outline, video);
        }
        self.pump(now);
    }

    /// A conference is over.
    pub fn handle_gone(&mut self, conference: &ConferenceId, now: Instant) {
        self.faces.over(conference);
        self.pump(now);
    }

    /// An account (`user@domain`) has a leg in a conference, or has none any more.
    pub fn handle_phone(&mut self, person: &str, on: bool, now: Instant) {
        self.phones.set(person, on && !self.draining);
        self.pump(now);
    }

    /// A message to somebody's clients. While too many wait it is not sent: [`Event::NotSent`].
    pub fn handle_letter(&mut self, letter: Letter, now: Instant) {
        if !self.draining && !self.letters.post(letter) {
            self.tell(Event::NotSent);
        }
        self.pump(now);
    }

    /// What the focus asks for, of calls of people's clients.
    pub fn handle_bridge(&mut self, command: BridgeCommand, now: Instant) {
        self.calls.command(&mut self.endpoint, command, now);
        self.pump(now);
    }

    /// What the media bridge tells.
    pub fn handle_media(&mut self, event: MediaEvent, now: Instant) {
        if let MediaEvent::Gone { words } = event {
            return self.handle_media_lost(None, &words, now);
        }
        self.calls.media_event(&mut self.endpoint, event, now);
        self.pump(now);
    }

    /// Another media bridge has a conference's sound. A call that was answered by the former is told to be lost by itself.
    pub fn handle_media_moved(&mut self, conference: &ConferenceId, now: Instant) {
        self.calls.bridge_moved(&mut self.endpoint, conference, now);
        self.pump(now);
    }

    /// The media bridge is gone, for one conference or for all: their calls with sound end.
    pub fn handle_media_lost(
        &mut self,
        conference: Option<&ConferenceId>,
        words: &str,
        now: Instant,
    ) {
        self.calls
            .bridge_lost(&mut self.endpoint, conference, words, now);
        self.pump(now);
    }

    /// What a video server says of itself. Those without pictures, or not ready, are as good as away.
    pub fn handle_video_announced(&mut self, server: usize, said: &Announcement, now: Instant) {
        self.calls
            .pictures(&mut self.endpoint, now, |pictures, line| {
                pictures.announced(line, server, said);
            });
        self.pump(now);
    }

    /// What a video server tells.
    pub fn handle_video(&mut self, server: usize, event: VideoEvent, now: Instant) {
        self.calls
            .pictures(&mut self.endpoint, now, |pictures, line| {
                pictures.video_event(line, server, event);
            });
        self.pump(now);
    }

    /// A video server is away: its pictures end, and nothing else.
    pub fn handle_video_lost(&mut self, server: usize, words: &str, now: Instant) {
        self.calls
            .pictures(&mut self.endpoint, now, |pictures, line| {
                pictures.lost(line, server, words);
            });
        self.pump(now);
    }

    /// Takes no more calls and subscriptions, takes back what is published and the registration; then comes [`Output::Drained`].
    pub fn handle_drain(&mut self, now: Instant) {
        self.draining = true;
        self.phones.clear();
        self.faces.clear();
        self.pump(now);
    }

    /// When to call `handle_timeout` at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let registered = self.ua.is_registered();
        let subscriptions = self.subscriptions.poll_timeout();
        [
            self.endpoint.poll_timeout(),
            self.ua.poll_timeout(),
            subscriptions.filter(|_| registered),
            self.calls.poll_timeout(),
            self.phones.poll_timeout(),
            self.faces.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        if self.ua.poll_timeout().is_some_and(|at| at <= now) {
            self.ua.handle_timeout(&mut self.endpoint, now);
        }
        self.subscriptions.handle_timeout(now);
        self.calls.handle_timeout(&mut self.endpoint, now);
        self.phones.handle_timeout(now);
        self.faces.handle_timeout(now);
        self.pump(now);
    }

    /// The next thing to do; `None` when there is nothing more.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Number of subscriptions.
    pub fn watched(&self) -> usize {
        self.subscriptions.len()
    }

    /// How much is kept of pictures: calls, and the conferences that are known for them or still to be ended at a video server.
    pub fn pictures(&self) -> usize {
        self.calls.pictures.held()
    }

    /// How many conferences are kept for their presence.
    pub fn faces(&self) -> usize {
        self.faces.held()
    }

    /// Whether the IM server has us.
    pub fn is_registered(&self) -> bool {
        self.ua.is_registered()
    }
}

impl ConferenceUa {
    /// Carries on until nothing more comes of what happened.
    fn pump(&mut self, now: Instant) {
        loop {
            self.exchange(now);
            if !self.pass_on(now) {
                break;
            }
        }
        self.go_down(now);
    }

    fn exchange(&mut self, now: Instant) {
        loop {
            self.drain(now);
            if !self.ua.is_registered() {
                return;
            }
            let via_host = self.ua.config().via_host.clone();
            self.subscriptions
                .notify(&mut self.endpoint, &via_host, now);
            self.phones.publish(&mut self.ua, &mut self.endpoint, now);
            self.faces.publish(&mut self.ua, &mut self.endpoint, now);
            self.letters.send(&mut self.ua, &mut self.endpoint, now);
            if !self.drain(now) {
                return;
            }
        }
    }

    /// Gives out what the parts want; whether one of them has learnt something of another.
    fn pass_on(&mut self, now: Instant) -> bool {
        let mut learnt = false;
        while let Some(output) = self.subscriptions.poll_output() {
            learnt |= self.pass(Who::Subscriptions, output, now);
        }
        while let Some(output) = self.calls.poll_output() {
            learnt |= self.pass(Who::Pictures, output, now);
        }
        while let Some(conference) = self.calls.pictures.poll_changed() {
            let video = self.calls.pictures.are_in(&conference);
            learnt |= self.faces.set_video(&conference, video);
            if let Some(snapshot) = self.subscriptions.known(&conference) {
                self.follow(snapshot, now);
                learnt = true;
            }
        }
        learnt
    }

    fn pass(&mut self, who: Who, output: Output, now: Instant) -> bool {
        match output {
            Output::Watch(conference) => {
                if self.rosters.want(&conference, who) {
                    self.outputs.push_back(Output::Watch(conference));
                    return false;
                }
                // The other may know already; if not, both are told.
                let known = match who {
                    Who::Subscriptions => self.calls.pictures.snapshot(&conference).cloned(),
                    Who::Pictures => self.subscriptions.known(&conference),
                };
                let Some(snapshot) = known else { return false };
                match who {
                    Who::Subscriptions => self.follow(snapshot, now),
                    Who::Pictures => self.calls.pictures(&mut self.endpoint, now, |all, line| {
                        all.conference(line, &snapshot);
                    }),
                }
                return true;
            }
            Output::Unwatch(conference) => {
                if self.rosters.leave(&conference, who) {
                    self.outputs.push_back(Output::Unwatch(conference));
                }
            }
            other => self.outputs.push_back(other),
        }
        false
    }

    /// Tells those who follow a conference what it is like, with who shows what.
    fn follow(&mut self, mut snapshot: Snapshot, now: Instant) {
        self.calls.pictures.draw(&mut snapshot);
        self.subscriptions
            .snapshot(&mut self.endpoint, snapshot, now);
    }

    /// Deals with what endpoint and user agent say; whether they said anything.
    fn drain(&mut self, now: Instant) -> bool {
        let mut said = false;
        loop {
            if let Some(output) = self.endpoint.poll_output() {
                self.on_endpoint(output, now);
            } else if let Some(event) = self.ua.poll_event() {
                self.on_ua(event, now);
            } else {
                return said;
            }
            said = true;
        }
    }

    fn go_down(&mut self, now: Instant) {
        let under_way = self.phones.under_way() + self.faces.under_way();
        if !self.draining || self.drained || under_way > 0 {
            return;
        }
        if self.ua.is_registered() {
            self.ua.unregister(&mut self.endpoint, now);
            self.drain(now);
        } else {
            self.drained = true;
            self.outputs.push_back(Output::Drained);
        }
    }

    fn on_endpoint(&mut self, output: endpoint::Output, now: Instant) {
        match output {
            endpoint::Output::Send {
                target,
                bytes,
                token,
            } => self.outputs.push_back(Output::Send {
                target,
                bytes,
                token,
            }),
            endpoint::Output::Event(event) => {
                let Some(event) = self.ua.handle(&mut self.endpoint, event, now) else {
                    return;
                };
                let own = self.ua.config().target.flow;
                let believes = |source: &Source| (self.believes)(source, own);
                let (endpoint, draining) = (&mut self.endpoint, self.draining);
                let event = self.calls.handle(endpoint, event, believes, draining, now);
                if let Some(event) = event {
                    self.on_event(event, now);
                }
            }
        }
    }

    fn on_event(&mut self, event: endpoint::Event, now: Instant) {
        match event {
            endpoint::Event::Request {
                tx,
                source,
                message,
            } => {
                let request = Request {
                    tx,
                    source,
                    message,
                };
                self.on_request(request, now);
            }
            endpoint::Event::Response { tx, message, .. } => {
                if let Some(status) = message.status().filter(|status| *status >= 200) {
                    self.subscriptions.answered(tx, status, now);
                }
            }
            endpoint::Event::Timeout { tx } => {
                self.subscriptions.answered(tx, 408, now);
            }
            endpoint::Event::TransportError { tx } => {
                self.subscriptions.lost(tx, now);
            }
            endpoint::Event::Ack { .. }
            | endpoint::Event::Cancel { .. }
            | endpoint::Event::NotAcknowledged { .. }
            | endpoint::Event::ReplyFailed { .. } => {}
        }
    }

    fn on_request(&mut self, request: Request, now: Instant) {
        if request.message.method_ref() == Some(&Method::Subscribe) {
            if self.draining {
                return self
                    .subscriptions
                    .go_away(&mut self.endpoint, &request, now);
            }
            let own = self.ua.config().target.flow;
            let believed = (self.believes)(&request.source, own);
            let watcher = match believed {
                true => asserted(&request.message, &self.domain),
                false => None,
            };
            return self
                .subscriptions
                .subscribe(&mut self.endpoint, request, watcher, now);
        }
        let Request {
            tx,
            source,
            message,
        } = request;
        let event = endpoint::Event::Request {
            tx,
            source,
            message,
        };
        let allow = format!("{ALLOW_CALLS}, {ALLOW}");
        refuse(&mut self.endpoint, &event, &allow, now);
    }

    fn on_ua(&mut self, event: UaEvent, now: Instant) {
        match event {
            UaEvent::Registered { expires_s, .. } => {
                let target = &self.ua.config().target;
                self.subscriptions.registered(target);
                self.phones.registered(target.flow);
                self.faces.registered(target.flow);
                self.tell(Event::Registered { expires_s });
            }
            UaEvent::RegistrationFailed {
                status,
                words,
                retry_in_ms,
            } => {
                self.phones.unregistered();
                self.faces.unregistered();
                self.tell(Event::NotRegistered {
                    status,
                    words,
                    retry_in_ms,
                });
            }
            UaEvent::Unregistered => {
                self.phones.unregistered();
                self.faces.unregistered();
                self.tell(Event::Unregistered);
            }
            // People write to the gateway; nobody reads here.
            UaEvent::Message { tx, message, .. } => {
                let endpoint = &mut self.endpoint;
                self.ua
                    .reply(endpoint, tx, &message, 405, "Method Not Allowed", now);
            }
            UaEvent::Answered {
                token,
                status,
                response,
            } => {
                let response = response.as_ref();
                let told = match self.faces.has(token) {
                    true => self.faces.answered(token, status, response, now),
                    false => self.phones.answered(token, status, response, now),
                };
                if let Some(event) = told {
                    self.tell(event);
                }
            }
            UaEvent::MessageResult { token, .. } => self.letters.answered(token),
        }
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}
