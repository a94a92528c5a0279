//! The hub: feeds the protocol with what comes from both sides and carries out what it wants. It never waits for anybody: who does not
//! take what is said to them is cut off.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::extract::ws::Utf8Bytes;
use convoke_types::LegKey;
use convoke_types::bridge_protocol::{FromBridge, ToBridge};
use convoke_types::media::{MediaCommand, MediaEvent};
use convoke_types::video::{VideoCommand, VideoEvent};
use runtime::clock;
use runtime::tasks::Shutdown;
use tokio::sync::mpsc;

use super::clients::{ClientEvent, ClientId, text_of};
use super::wire::WireEvent;
use crate::janus::{self, Janus, Output};

/// How long Janus may take to end conferences when we go down.
const DRAIN: Duration = Duration::from_secs(2);
/// How long conferences outlast the last one who commands.
const DESERTED: Duration = Duration::from_secs(60);

/// What comes to the hub.
pub(super) enum Input {
    Wire(WireEvent),
    Client(ClientId, ClientEvent),
}

/// Owns the protocol.
pub(super) struct Hub {
    core: Janus,
    wire: Option<mpsc::Sender<String>>,
    clients: BTreeMap<ClientId, mpsc::Sender<Utf8Bytes>>,
    /// Who made which leg: theirs end with them.
    legs: BTreeMap<LegKey, ClientId>,
    /// Since when nobody commands.
    deserted: Option<Instant>,
}

impl Hub {
    pub(super) fn new(core: Janus) -> Self {
        Self {
            core,
            wire: None,
            clients: BTreeMap::new(),
            legs: BTreeMap::new(),
            deserted: None,
        }
    }

    /// Runs until the token is cancelled and the conferences at Janus have ended.
    pub(super) async fn run(mut self, mut inputs: mpsc::Receiver<Input>, stop: Shutdown) {
        let mut until: Option<Instant> = None;
        loop {
            self.carry_out();
            if until.is_some() && self.core.conferences().is_empty() {
                break;
            }
            let deserted = self.deserted.map(|since| since + DESERTED);
            let due = [self.core.poll_timeout(), deserted, until];
            let due = due.into_iter().flatten().min();
            tokio::select! {
                biased;
                () = stop.cancelled(), if until.is_none() => {
                    until = Some(clock::now() + DRAIN);
                    self.end_all();
                }
                input = inputs.recv() => match input {
                    Some(Input::Wire(event)) => self.wire(event),
                    Some(Input::Client(id, event)) => self.client(id, event),
                    None => break,
                },
                () = sleep_until(due) => {
                    let now = clock::now();
                    if until.is_some_and(|until| until <= now) {
                        tracing::warn!("Janus did not end its conferences in time");
                        break;
                    }
                    if self.deserted.is_some_and(|since| since + DESERTED <= now) {
                        self.deserted = None;
                        self.end_all();
                    }
                    self.core.handle_timeout(now);
                }
            }
        }
    }

    fn wire(&mut self, event: WireEvent) {
        let now = clock::now();
        match event {
            WireEvent::Open(queue) => {
                self.wire = Some(queue);
                self.core.handle_input(janus::Input::Open, now);
            }
            // What comes from a connection that was given up is of no interest.
            WireEvent::Text(text) => {
                if self.wire.is_some() {
                    self.core.handle_input(janus::Input::Text(text), now);
                }
            }
            WireEvent::Lost(words) => {
                self.wire = None;
                self.core.handle_input(janus::Input::Lost { words }, now);
            }
        }
    }

    fn client(&mut self, id: ClientId, event: ClientEvent) {
        match event {
            ClientEvent::Here(queue) => {
                self.deserted = None;
                let said = FromBridge::Announce(self.core.announcement());
                // The queue is new, so there is room.
                let _ = queue.try_send(text_of(&said));
                self.clients.insert(id, queue);
            }
            ClientEvent::Asks(ToBridge::Video(command)) => self.obey(id, command),
            ClientEvent::Asks(ToBridge::Media(command)) => self.decline(id, command),
            ClientEvent::Gone => self.gone(id),
        }
    }

    fn obey(&mut self, id: ClientId, command: VideoCommand) {
        if let VideoCommand::Publish { leg, .. } | VideoCommand::Watch { leg, .. } = &command {
            self.legs.entry(leg.clone()).or_insert(id);
        }
        self.command(command);
    }

    fn command(&mut self, command: VideoCommand) {
        let input = janus::Input::Command(command);
        self.core.handle_input(input, clock::now());
    }

    /// Sound is mixed elsewhere.
    fn decline(&mut self, id: ClientId, command: MediaCommand) {
        let (MediaCommand::Open { leg }
        | MediaCommand::OpenWeb { leg, .. }
        | MediaCommand::Reoffer { leg, .. }) = command
        else {
            return;
        };
        let words = "this server carries pictures only".to_owned();
        let said = FromBridge::Media(MediaEvent::Failed { leg, words });
        self.tell(id, text_of(&said));
    }

    fn gone(&mut self, id: ClientId) {
        self.clients.remove(&id);
        let theirs = self.legs.iter().filter(|(_, owner)| **owner == id);
        for leg in theirs.map(|(leg, _)| leg.clone()).collect::<Vec<_>>() {
            self.legs.remove(&leg);
            self.command(VideoCommand::Close { leg });
        }
        if self.clients.is_empty() {
            self.deserted = Some(clock::now());
        }
    }

    fn end_all(&mut self) {
        for conference in self.core.conferences() {
            self.command(VideoCommand::End { conference });
        }
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Send(text) => {
                    let full = self
                        .wire
                        .as_ref()
                        .is_some_and(|wire| wire.try_send(text).is_err());
                    if full {
                        self.wire = None;
                        let words = "Janus does not keep up with what it is told".to_owned();
                        let lost = janus::Input::Lost { words };
                        self.core.handle_input(lost, clock::now());
                    }
                }
                Output::Event(event) => {
                    self.note(&event);
                    self.tell_all(&FromBridge::Video(event));
                }
                Output::Announce(announcement) => {
                    self.tell_all(&FromBridge::Announce(announcement));
                }
                Output::Drop { words } => {
                    tracing::warn!(%words, "connection to Janus given up");
                    self.wire = None;
                }
            }
        }
    }

    /// Keeps the book of legs.
    fn note(&mut self, event: &VideoEvent) {
        match event {
            VideoEvent::Closed { leg } => {
                self.legs.remove(leg);
            }
            VideoEvent::Failed { leg, .. } if !self.core.has(leg) => {
                self.legs.remove(leg);
            }
            VideoEvent::Ended { conference, .. } => {
                self.legs.retain(|leg, _| leg.conference != *conference);
            }
            _ => {}
        }
    }

    fn tell_all(&mut self, said: &FromBridge) {
        let text = text_of(said);
        for id in self.clients.keys().copied().collect::<Vec<_>>() {
            self.tell(id, text.clone());
        }
    }

    fn tell(&mut self, id: ClientId, text: Utf8Bytes) {
        let told = self.clients.get(&id).map(|queue| queue.try_send(text));
        if let Some(Err(_)) = told {
            // Their connection ends with the queue, and they are told gone by it.
            self.clients.remove(&id);
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => clock::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
