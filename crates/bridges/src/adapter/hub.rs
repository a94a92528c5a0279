//! The hub: feeds the protocol with what comes from both sides and carries out what it wants. It never waits for anybody: who does not
//! take what is said to them is cut off.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use axum::extract::ws::Utf8Bytes;
use convoke_types::bridge_protocol::{FromBridge, ToBridge};
use convoke_types::media::{MediaCommand, MediaEvent};
use convoke_types::video::{VideoCommand, VideoEvent};
use convoke_types::{ConferenceId, LegKey};
use runtime::clock;
use runtime::tasks::Shutdown;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::clients::{ClientEvent, ClientId, text_of};
use super::edge::Edge;
use super::wire::WireEvent;
use crate::janus::{self, Janus, Output};

/// How long Janus may take to end conferences when we go down.
const DRAIN: Duration = Duration::from_secs(2);
/// How long a conference outlasts the last of those who prepared it.
const DESERTED: Duration = Duration::from_secs(60);

/// What comes to the hub.
pub(super) enum Input {
    Wire(WireEvent),
    Client(ClientId, ClientEvent),
    /// Our media bridge tells something.
    Engine(MediaEvent),
    /// It has ended.
    EngineGone,
}

/// Owns the protocol.
pub(super) struct Hub {
    core: Janus,
    wire: Option<mpsc::Sender<String>>,
    clients: BTreeMap<ClientId, mpsc::Sender<Utf8Bytes>>,
    /// Who made which leg: theirs end with them.
    legs: BTreeMap<LegKey, ClientId>,
    /// Who has prepared which conference.
    prepared: BTreeMap<ConferenceId, Prepared>,
    /// Whether Janus was there when that was last told.
    ready: bool,
    /// Legs of sound.
    edge: Edge,
    /// To our media bridge.
    engine: mpsc::Sender<MediaCommand>,
    /// Ends of halves of legs for which it had no room; each ends once.
    owed: VecDeque<MediaCommand>,
    /// Who made which leg of sound.
    voices: BTreeMap<LegKey, ClientId>,
}

/// A conference's owners.
#[derive(Default)]
struct Prepared {
    by: BTreeSet<ClientId>,
    /// Since when all of them are gone.
    deserted: Option<Instant>,
}

impl Hub {
    pub(super) fn new(core: Janus, edge: Edge, engine: mpsc::Sender<MediaCommand>) -> Self {
        Self {
            core,
            wire: None,
            clients: BTreeMap::new(),
            legs: BTreeMap::new(),
            prepared: BTreeMap::new(),
            ready: false,
            edge,
            engine,
            owed: VecDeque::new(),
            voices: BTreeMap::new(),
        }
    }

    /// Runs until the token is cancelled and the conferences at Janus have ended.
    pub(super) async fn run(mut self, mut inputs: mpsc::Receiver<Input>, stop: Shutdown) {
        let mut until: Option<Instant> = None;
        let engine = self.engine.clone();
        loop {
            self.carry_out();
            if until.is_some() && self.core.is_over() && self.voices.is_empty() {
                break;
            }
            let deserted = self.deserted_until();
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
                    Some(Input::Engine(event)) => self.edge.engine_event(event),
                    Some(Input::EngineGone) => self.engine_gone(),
                    None => break,
                },
                room = engine.reserve(), if !self.owed.is_empty() => match room {
                    Ok(room) => {
                        if let Some(end) = self.owed.pop_front() {
                            room.send(end);
                        }
                    }
                    // It has ended, and all legs with it.
                    Err(_) => self.owed.clear(),
                },
                () = sleep_until(due) => {
                    let now = clock::now();
                    if until.is_some_and(|until| until <= now) {
                        tracing::warn!("Janus did not end its conferences in time");
                        break;
                    }
                    self.end_deserted(now);
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
                let announcement = FromBridge::Announce(self.core.announcement());
                // What the others were told before they came.
                let visible = self.core.visible().into_iter().map(FromBridge::Video);
                for said in std::iter::once(announcement).chain(visible) {
                    // The queue is new, so there is room.
                    let _ = queue.try_send(text_of(&said));
                }
                self.clients.insert(id, queue);
            }
            ClientEvent::Asks(ToBridge::Video(command)) => self.obey(id, command),
            ClientEvent::Asks(ToBridge::Media(command)) => self.obey_media(id, command),
            ClientEvent::Gone => self.gone(id),
        }
    }

    fn obey(&mut self, id: ClientId, command: VideoCommand) {
        match &command {
            VideoCommand::Publish { leg, .. }
            | VideoCommand::Watch { leg, .. }
            | VideoCommand::Answer { leg, .. }
            | VideoCommand::Close { leg } => {
                let makes = matches!(
                    command,
                    VideoCommand::Publish { .. } | VideoCommand::Watch { .. }
                );
                match self.legs.get(leg) {
                    None if makes => {
                        self.legs.insert(leg.clone(), id);
                    }
                    Some(owner) if *owner != id => {
                        let words = "somebody else who commands has this leg".to_owned();
                        let leg = leg.clone();
                        let said = FromBridge::Video(VideoEvent::Failed { leg, words });
                        return self.tell(id, text_of(&said));
                    }
                    _ => {}
                }
            }
            // A moderator's word is for what anybody shows.
            VideoCommand::Hide { .. } | VideoCommand::Prepare { .. } | VideoCommand::End { .. } => {
            }
        }
        self.command(id, command);
    }

    fn command(&mut self, by: ClientId, command: VideoCommand) {
        let by = by.asker();
        let input = janus::Input::Command { by, command };
        self.core.handle_input(input, clock::now());
    }

    fn gone(&mut self, id: ClientId) {
        self.clients.remove(&id);
        let theirs = self.legs.iter().filter(|(_, owner)| **owner == id);
        for leg in theirs.map(|(leg, _)| leg.clone()).collect::<Vec<_>>() {
            self.legs.remove(&leg);
            self.command(id, VideoCommand::Close { leg });
        }
        self.close_voices(id);
        let now = clock::now();
        for prepared in self.prepared.values_mut() {
            if prepared.by.remove(&id) && prepared.by.is_empty() {
                prepared.deserted = Some(now);
            }
        }
    }

    /// A conference is prepared for somebody, if they are still there.
    fn hold(&mut self, id: ClientId, conference: ConferenceId) {
        let prepared = self.prepared.entry(conference).or_default();
        if self.clients.contains_key(&id) {
            prepared.by.insert(id);
            prepared.deserted = None;
        } else if prepared.by.is_empty() {
            prepared.deserted = Some(clock::now());
        }
    }

    /// When the first conference has outlasted all who prepared it for long enough.
    fn deserted_until(&self) -> Option<Instant> {
        let since = self.prepared.values().filter_map(|one| one.deserted);
        Some(since.min()? + DESERTED)
    }

    fn end_deserted(&mut self, now: Instant) {
        let over = |one: &Prepared| one.deserted.is_some_and(|since| since + DESERTED <= now);
        let ended = self.prepared.iter().filter(|(_, one)| over(one));
        for conference in ended.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.prepared.remove(&conference);
            self.command(ClientId::NOBODY, VideoCommand::End { conference });
        }
    }

    fn end_all(&mut self) {
        for conference in self.core.conferences() {
            self.command(ClientId::NOBODY, VideoCommand::End { conference });
        }
        self.close_all_voices();
    }

    /// Each may want something of the other.
    fn carry_out(&mut self) {
        loop {
            self.carry_out_core();
            if !self.carry_out_edge() {
                break;
            }
        }
    }

    fn carry_out_core(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Send(text) => {
                    let sent = self.wire.as_ref().map(|wire| wire.try_send(text));
                    match sent {
                        Some(Err(TrySendError::Full(_))) => {
                            self.wire = None;
                            let words = "Janus does not keep up with what it is told".to_owned();
                            let lost = janus::Input::Lost { words };
                            self.core.handle_input(lost, clock::now());
                        }
                        // The connection is over, and why is just being told.
                        Some(Err(TrySendError::Closed(_))) => self.wire = None,
                        Some(Ok(())) | None => {}
                    }
                }
                Output::Event(event) => self.pass_on(event),
                Output::Sound(event) => self.sound(event),
                Output::Answer(asker, event) => {
                    let id = ClientId::of(asker);
                    if let VideoEvent::Prepared { conference, .. } = &event {
                        self.hold(id, conference.clone());
                    }
                    self.tell(id, text_of(&FromBridge::Video(event)));
                }
                Output::Announce(announcement) => {
                    if announcement.ready != self.ready {
                        self.ready = announcement.ready;
                        match self.ready {
                            true => {
                                let (product, features) =
                                    (&announcement.product, &announcement.features);
                                tracing::info!(product, ?features, "Janus is there");
                            }
                            false => tracing::warn!("Janus is away"),
                        }
                    }
                    self.tell_all(&FromBridge::Announce(announcement));
                }
                Output::Drop { words } => {
                    tracing::warn!(%words, "connection to Janus given up");
                    self.wire = None;
                }
            }
        }
    }

    /// What concerns a leg is for who made it; all hear what can be seen and what is over.
    fn pass_on(&mut self, event: VideoEvent) {
        let owner = match &event {
            VideoEvent::Answered { leg, .. }
            | VideoEvent::Offered { leg, .. }
            | VideoEvent::Failed { leg, .. }
            | VideoEvent::Connected { leg, .. }
            | VideoEvent::Closed { leg } => Some(self.legs.get(leg).copied()),
            VideoEvent::Visible { .. } | VideoEvent::Ended { .. } => None,
            VideoEvent::Prepared { .. } | VideoEvent::Refused { .. } => Some(None),
        };
        self.note(&event);
        match owner {
            None => self.tell_all(&FromBridge::Video(event)),
            Some(Some(owner)) => self.tell(owner, text_of(&FromBridge::Video(event))),
            // They are gone.
            Some(None) => {}
        }
    }

    /// Keeps the books.
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
                self.prepared.remove(conference);
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

mod sound;
#[cfg(test)]
mod tests;

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => clock::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
