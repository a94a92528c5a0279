//! Pictures in a conference, by calls beside that of the sound (RFC 3264: who sends offers): one shows a camera, one a screen, and one,
//! which begins without an offer, sees the others'. The dialogs are ours, the pictures a video server's.
//!
//! ```text
//!  INVITE with video alone ──► Publish ──► Answered ──► 200 OK
//!  INVITE without offer ─────► Watch ────► Offered ───► 200 OK with the offer ──► ACK with the answer ──► Answer
//!  re-INVITE ──► the same again in the same leg
//!  BYE, CANCEL ──► Close
//! ```
//!
//! Only who is in with sound shows and sees; with the sound the pictures end. The first call has the conference made ready (`Prepare`)
//! on the video server with the most room, for everybody on its roster, and the server learns when that changes. When a server is lost, its
//! pictures end and nothing else; the next call has the conference made ready anew, there or elsewhere. Where the video allocator has chosen
//! the server, it chooses the next one too, and for a moment calls wait for its word.
//!
//! When nobody shows anything there is nothing to offer: who wants to see is answered 480 and tries again when the conference's document
//! (RFC 4575) names a picture.

mod placing;
mod probes;
mod room;
mod rooms;
mod serving;
mod wish;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use conference_core::{PictureKind, PictureView, Snapshot};
use convoke_types::video::{VideoCommand, VideoEvent};
use convoke_types::{Aor, ConferenceId, LegKey, ParticipantId};
use sip_proto::call::{CallEvent, CallKey};
use sip_proto::text::quote;

use crate::calls::line::{Deadlines, Due, Line};
use crate::calls::{Arrival, PACE, TOO_SOON};
use crate::ports::Output;
use room::{Readiness, Room, Server};
use rooms::Brought;
use wish::label_of;
pub(crate) use wish::{Kind, Wish};

/// How long it may take until the conference is known and the caller's sound is in.
const ASK_MAX: Duration = Duration::from_secs(10);
/// How long a video server may take to make a conference ready: longer than an adapter waits, which asks two things one after the other
/// and waits 8 s for each, so that what is too late is told by its own words.
const PREPARE_MAX: Duration = Duration::from_secs(18);
/// How long it may take for an offer or an answer, for the same reason.
const VIDEO_MAX: Duration = Duration::from_secs(18);
/// How long others are asked first when a video server has refused a conference or said nothing to it.
const AVOIDED: Duration = Duration::from_secs(30);
/// How long a browser may take to connect after the 200.
const CONNECT_MAX: Duration = Duration::from_secs(30);
/// How long a call is kept whose browser is lost.
const LOST_MAX: Duration = Duration::from_secs(45);
/// Longest words that go out as a reason, in characters.
const WORDS_MAX_CHARS: usize = 120;

const NO_VIDEO: &str = "This server has no video";
const NOT_IN_IT: &str = "Join the conference first";
const NO_ANSWER: &str = "The video server does not answer";
const NOTHING_SHOWN: &str = "Nobody shows a picture";
const NONSENSE: &str = "The video server answered nonsense";
const MOVED: &str = "The pictures are at another video server now";
const REPLACED: &str = "Another call has taken its place";

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// What the conference is like is asked, or the caller's sound is on its way in.
    Asked,
    /// The video server makes the conference ready.
    Preparing,
    /// The video server is asked for an answer or an offer.
    Opening,
    /// Answered; the browser connects.
    Connecting,
    /// Pictures pass.
    Connected,
}

/// What an answer of a video server is to a call that has been answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// To the change that waits.
    Done,
    /// To one that it was too slow for.
    Stale,
    /// There is none.
    None,
}

#[derive(Debug)]
struct Call {
    /// The later it came, the higher.
    number: u64,
    conference: ConferenceId,
    user: Aor,
    kind: Kind,
    leg: LegKey,
    stage: Stage,
    /// It waits for who chose the conference's server, which is lost, until its deadline.
    held: bool,
    /// Whose it is, once that is known.
    participant: Option<ParticipantId>,
    /// Theirs, until it is passed on.
    offer: String,
    /// The server that knows of the leg.
    server: Option<usize>,
    /// Others can see it.
    visible: bool,
    /// The server was told to hide it.
    hidden: bool,
    /// When the client may ask for a change again.
    change_from: Instant,
    deadline: Option<Instant>,
    /// A change waits for the video server, until then.
    changing: Option<Instant>,
    /// When its client is asked next whether it is there.
    probe: Option<Instant>,
    /// When it was asked first of those times of which it has not answered any; or was asked last, until it has.
    unheard: Option<Instant>,
    /// Answers to offers of theirs that nobody waits for any more: those to changes that the video server was too slow for. (What it
    /// offers is always what there is now, so that comes in time for the next change, too.)
    stale: u32,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Pictures {
    servers: Vec<Server>,
    max: usize,
    rooms: HashMap<ConferenceId, Room>,
    known: HashMap<CallKey, Call>,
    by_leg: HashMap<LegKey, CallKey>,
    /// What others bring to the video servers: the pictures of video rooms.
    brought: Brought,
    deadlines: Deadlines,
    next_leg: u64,
    /// The number of the last question to a server.
    serial: u32,
    changed: VecDeque<ConferenceId>,
    outputs: VecDeque<Output>,
}

impl Pictures {
    /// With these video servers, all away at first, and at most so many calls.
    pub(crate) fn new(servers: Vec<String>, max: usize) -> Self {
        Self {
            servers: servers.into_iter().map(Server::called).collect(),
            max,
            rooms: HashMap::new(),
            known: HashMap::new(),
            by_leg: HashMap::new(),
            brought: Brought::default(),
            deadlines: Deadlines::default(),
            next_leg: 0,
            serial: 0,
            changed: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// A conference whose pictures are not what they were.
    pub(crate) fn poll_changed(&mut self) -> Option<ConferenceId> {
        self.changed.pop_front()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// The calls, and the conferences that are kept for them or that a video server has, or may have, still.
    pub(crate) fn held(&self) -> usize {
        let left: usize = self.servers.iter().map(|server| server.left().len()).sum();
        self.known.len().max(self.by_leg.len()) + self.rooms.len() + left
    }

    pub(crate) fn has(&self, key: CallKey) -> bool {
        self.known.contains_key(&key)
    }

    /// What a conference was like last, where that is known here.
    pub(crate) fn snapshot(&self, conference: &ConferenceId) -> Option<&Snapshot> {
        self.rooms.get(conference)?.now.as_ref()
    }

    /// Whether somebody can be seen in a conference.
    pub(crate) fn are_in(&self, conference: &ConferenceId) -> bool {
        let room = self.rooms.get(conference).into_iter();
        let mut calls = room.flat_map(|room| &room.calls);
        let seen = |key| self.known.get(key).is_some_and(|call| call.visible);
        calls.any(seen) || self.brought.to(conference).next().is_some()
    }

    /// Writes into a snapshot who shows what.
    pub(crate) fn draw(&self, snapshot: &mut Snapshot) {
        let mut shown: Vec<(&ParticipantId, PictureView)> = Vec::new();
        let room = self.rooms.get(&snapshot.conference).into_iter();
        let calls = room.flat_map(|room| &room.calls);
        let calls = calls.filter_map(|key| self.known.get(key));
        for call in calls.filter(|call| call.visible) {
            let kind = match call.kind {
                Kind::Camera => PictureKind::Camera,
                Kind::Screen => PictureKind::Screen,
                Kind::Watch => continue,
            };
            if let Some(participant) = &call.participant {
                let label = label_of(participant, call.kind);
                shown.push((participant, PictureView { label, kind }));
            }
        }
        for participant in self.brought.to(&snapshot.conference) {
            let label = label_of(participant, Kind::Camera);
            let kind = PictureKind::Camera;
            shown.push((participant, PictureView { label, kind }));
        }
        for entry in &mut snapshot.roster {
            let id = &entry.participant.id;
            let theirs = shown.iter().filter(|(participant, _)| *participant == id);
            entry.pictures = theirs.map(|(_, picture)| picture.clone()).collect();
            entry.pictures.sort_unstable();
        }
    }

    pub(crate) fn handle_timeout(&mut self, line: &mut Line<'_>) {
        while let Some((key, what)) = self.deadlines.pop(line.now) {
            let Some(call) = self.known.get_mut(&key) else {
                continue;
            };
            if what == Due::Probe {
                call.probe = None;
                self.probe(line, key);
                continue;
            }
            if what == Due::Change {
                call.changing = None;
                call.stale += u32::from(call.kind != Kind::Watch);
                line.reject_change(key, 503, NO_ANSWER);
                continue;
            }
            call.deadline = None;
            if call.held {
                let conference = call.conference.clone();
                self.wait_for_room(key, line.now);
                self.place(line, &conference, None);
                continue;
            }
            let (status, words) = match call.stage {
                Stage::Asked => (403, NOT_IN_IT),
                Stage::Preparing | Stage::Opening => (503, NO_ANSWER),
                Stage::Connecting => (408, "The browser did not connect"),
                Stage::Connected => (408, "The connection was lost"),
            };
            let asked = (call.stage == Stage::Preparing).then(|| call.conference.clone());
            self.end(line, key, status, words);
            if let Some(conference) = asked {
                self.forget_server(line, &conference);
            }
        }
    }

    /// Somebody calls to show or to see.
    pub(crate) fn arrived(&mut self, line: &mut Line<'_>, key: CallKey, arrival: Arrival) {
        if self.servers.is_empty() {
            return line.reject(key, 488, NO_VIDEO);
        }
        if self.known.len() >= self.max {
            return line.reject(key, 503, "Service Unavailable");
        }
        let (kind, offer) = match arrival.wish {
            Wish::Show(kind, offer) => (kind, offer),
            Wish::See => (Kind::Watch, String::new()),
            Wish::BeHeard(_) => return,
        };
        let conference = arrival.conference;
        self.next_leg = self.next_leg.wrapping_add(1);
        let Ok(leg) = format!("v{}", self.next_leg).parse() else {
            return line.reject(key, 500, "Server Internal Error");
        };
        let leg = LegKey {
            conference: conference.clone(),
            leg,
        };
        let call = Call {
            number: self.next_leg,
            conference: conference.clone(),
            user: arrival.user,
            kind,
            leg: leg.clone(),
            stage: Stage::Asked,
            held: false,
            participant: None,
            offer,
            server: None,
            visible: false,
            hidden: false,
            change_from: line.now,
            deadline: None,
            changing: None,
            probe: None,
            unheard: None,
            stale: 0,
        };
        self.known.insert(key, call);
        self.by_leg.insert(leg, key);
        self.set_deadline(key, line.now.checked_add(ASK_MAX));
        let room = self.watched(&conference);
        room.calls.insert(key);
        if room.now.is_some() {
            self.consider(line, key);
        }
    }

    /// Something about a call of ours.
    pub(crate) fn on_call(&mut self, line: &mut Line<'_>, key: CallKey, event: CallEvent) {
        match event {
            CallEvent::Reinvite { offer } => self.asked_to_change(line, key, offer.as_ref()),
            CallEvent::Confirmed { sdp: Some(answer) }
            | CallEvent::ChangeAnswered { sdp: answer } => {
                self.answered(line, key, &answer);
            }
            CallEvent::Probed { status } => self.probed(line, key, status),
            CallEvent::Ended(_) => self.ended(key),
            CallEvent::Incoming { .. }
            | CallEvent::Confirmed { sdp: None }
            | CallEvent::Trying
            | CallEvent::Ringing { .. }
            | CallEvent::Answered { .. }
            | CallEvent::Reinvited { .. }
            | CallEvent::Info { .. } => {}
        }
    }

    /// What a conference is like now.
    pub(crate) fn conference(&mut self, line: &mut Line<'_>, snapshot: &Snapshot) {
        let conference = &snapshot.conference;
        let Some(room) = self.rooms.get_mut(conference) else {
            return;
        };
        let place = |of: &Snapshot| (of.video.clone(), of.pictures_lost);
        let before = room.now.replace(snapshot.clone());
        let moves = before.is_some_and(|before| place(&before) != place(snapshot));
        for key in self.calls_of(conference) {
            let (call, room) = (self.known.get(&key), self.rooms.get(conference));
            let Some((call, room)) = call.zip(room) else {
                continue;
            };
            match &call.participant {
                None => self.consider(line, key),
                Some(participant) if !room.has(participant) => {
                    self.end(line, key, 410, "You have left the conference");
                }
                Some(_) => {}
            }
        }
        for key in self.calls_of(conference) {
            self.obey_moderator(key);
        }
        if moves {
            self.follow(line, conference);
        }
        self.tell_guests(conference);
        self.tell_speaker(snapshot);
        self.tell_hidden(snapshot);
        self.tell_server(conference);
        self.obey_moderator_of_rooms(conference);
    }

    /// What a video server tells.
    pub(crate) fn video_event(&mut self, line: &mut Line<'_>, server: usize, event: VideoEvent) {
        match event {
            VideoEvent::Prepared { conference, serial } => {
                self.prepared(line, server, &conference, serial);
            }
            VideoEvent::Refused {
                conference,
                serial,
                words,
                ..
            } => self.refused(line, server, (&conference, serial), &words),
            VideoEvent::Ended { conference, lost } => {
                self.brought_away(server, Some(&conference));
                let is_lost = lost.is_some();
                let words = match lost {
                    Some(words) => format!("The video server is lost: {words}"),
                    None => "The video server has ended it".to_owned(),
                };
                self.gone(line, server, &conference, (&words, is_lost));
            }
            VideoEvent::Answered { leg, answer } => self.opened(line, &leg, answer),
            VideoEvent::Offered {
                leg,
                offer,
                pictures,
            } => self.offered(line, &leg, &offer, &pictures),
            VideoEvent::Failed { leg, words } => self.failed(line, &leg, &words),
            VideoEvent::Connected { leg, on } => self.connected(&leg, on, line.now),
            VideoEvent::Visible {
                leg,
                on,
                participant,
            } => match self.call_of(&leg) {
                Some((_, call)) => {
                    if std::mem::replace(&mut call.visible, on) != on {
                        self.changed.push_back(leg.conference);
                    }
                }
                None => self.brought_picture(server, leg, participant, on),
            },
            VideoEvent::Closed { leg } => {
                if let Some((key, call)) = self.call_of(&leg) {
                    call.server = None;
                    self.end(line, key, 480, "The video server has ended it");
                }
            }
        }
    }
}

impl Pictures {
    /// The client offers a change, or asks for a new offer.
    fn asked_to_change(&mut self, line: &mut Line<'_>, key: CallKey, offer: Option<&Bytes>) {
        let Some(call) = self.known.get_mut(&key) else {
            return;
        };
        let (Some(server), Some(participant)) = (call.server, call.participant.clone()) else {
            return line.reject_change(key, 488, "Not Acceptable Here");
        };
        let leg = call.leg.clone();
        let command = match (Wish::of(offer), call.kind) {
            (Ok(Wish::See), Kind::Watch) => VideoCommand::Watch { leg, participant },
            (Ok(Wish::Show(kind, offer)), before) if kind == before => VideoCommand::Publish {
                leg,
                participant,
                offer,
            },
            (Err((status, words)), _) => return line.reject_change(key, status, words),
            _ => return line.reject_change(key, 488, "A call keeps its kind"),
        };
        if line.now < call.change_from {
            return line.reject_change(key, 500, TOO_SOON);
        }
        call.change_from = line.now.checked_add(PACE).unwrap_or(line.now);
        self.set_changing(key, line.now.checked_add(VIDEO_MAX));
        self.video(server, command);
    }

    /// Ends a call from our side, wherever it stands.
    fn end(&mut self, line: &mut Line<'_>, key: CallKey, status: u16, words: &str) {
        let words = brief(words);
        match self.known.get(&key).map(|call| call.stage) {
            None => {}
            Some(Stage::Asked | Stage::Preparing | Stage::Opening) => {
                line.reject(key, status, &words);
            }
            Some(Stage::Connecting | Stage::Connected) => {
                let reason = format!("SIP;cause={status};text={}", quote(&words));
                line.hang_up(key, &reason);
            }
        }
        // Its end is told by the dialog too, and nothing comes of it any more.
        self.ended(key);
    }

    fn ended(&mut self, key: CallKey) {
        self.set_deadline(key, None);
        self.set_changing(key, None);
        self.set_probe(key, None);
        let Some(call) = self.known.remove(&key) else {
            return;
        };
        self.by_leg.remove(&call.leg);
        if let Some(room) = self.rooms.get_mut(&call.conference) {
            room.calls.remove(&key);
        }
        if let Some(server) = call.server {
            self.video(server, VideoCommand::Close { leg: call.leg });
        }
        if call.visible {
            self.changed.push_back(call.conference.clone());
        }
        self.tidy(&call.conference);
    }

    /// A conference, which is watched from now on.
    fn watched(&mut self, conference: &ConferenceId) -> &mut Room {
        if !self.rooms.contains_key(conference) {
            self.outputs.push_back(Output::Watch(conference.clone()));
        }
        self.rooms.entry(conference.clone()).or_default()
    }

    /// Forgets a conference that nobody calls, that is on no server, to which nobody brings a video room's picture, and of which no video
    /// room is to be told where it is.
    fn tidy(&mut self, conference: &ConferenceId) {
        let brought = self.brought.is_in(conference);
        let idle = |room: &Room| {
            room.calls.is_empty()
                && room.readiness == Readiness::Nowhere
                && !brought
                && !room.has_video_rooms()
        };
        if self.rooms.get(conference).is_some_and(idle) {
            self.rooms.remove(conference);
            self.outputs.push_back(Output::Unwatch(conference.clone()));
        }
    }

    fn calls_of(&self, conference: &ConferenceId) -> Vec<CallKey> {
        let room = self.rooms.get(conference);
        room.map(|room| room.calls.iter().copied().collect())
            .unwrap_or_default()
    }

    fn call_of(&mut self, leg: &LegKey) -> Option<(CallKey, &mut Call)> {
        let key = *self.by_leg.get(leg)?;
        Some((key, self.known.get_mut(&key)?))
    }

    fn set_deadline(&mut self, key: CallKey, at: Option<Instant>) {
        if let Some(call) = self.known.get_mut(&key) {
            self.deadlines.set(&mut call.deadline, (key, Due::Call), at);
        }
    }

    /// Sets until when a change waits; tells whether one did.
    fn set_changing(&mut self, key: CallKey, until: Option<Instant>) -> bool {
        let Some(call) = self.known.get_mut(&key) else {
            return false;
        };
        let what = (key, Due::Change);
        self.deadlines.set(&mut call.changing, what, until)
    }

    /// The video server, which answers offers in their order, has answered one.
    fn change_is_done(&mut self, key: CallKey) -> Change {
        if let Some(call) = self.known.get_mut(&key)
            && call.stale > 0
        {
            call.stale -= 1;
            return Change::Stale;
        }
        match self.set_changing(key, None) {
            true => Change::Done,
            false => Change::None,
        }
    }

    fn video(&mut self, server: usize, command: VideoCommand) {
        self.outputs.push_back(Output::Video { server, command });
    }
}

/// Words as they may stand in a line of a message.
fn brief(words: &str) -> String {
    let printed = |c: char| if c.is_control() { ' ' } else { c };
    words.chars().take(WORDS_MAX_CHARS).map(printed).collect()
}
