//! The connection to Janus: what it is, its session, requests with their time-outs, and who gets what it says.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use convoke_types::bridge_protocol::{Announcement, Feature};
use convoke_types::video::{Refusal, VideoCommand, VideoEvent};
use convoke_types::{ConferenceId, LegKey};
use sha2::{Digest, Sha256};

use super::links::Leg;
use super::rooms::{Room, Waiting};
use super::sound::{self, Sound, SoundAbout};
use super::wire::{Asks, Body, Jsep, Reply, Request, VIDEOROOM, Verb, code};
use super::{Asker, Input, Output, Settings, words};

/// How long Janus may take for an answer.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(8);
/// How often Janus hears of us, so that it keeps the session (60 s by default) and we learn that it is stuck.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(10);

const NOT_YET: &str = "Janus was not reached yet";

/// The protocol. All calls return at once.
pub struct Janus {
    pub(super) settings: Settings,
    drawn: u64,
    pub(super) link: Link,
    pub(super) product: String,
    /// Why it could not be used last: it is told until it can be, and so does not change while it is greeted again and again.
    pub(super) lost: (Refusal, String),
    /// What it had when it was last asked; before that, pictures are what it is most likely there for.
    pub(super) plugins: Plugins,
    pub(super) asked: BTreeMap<u64, Asked>,
    next: u64,
    pub(super) keep_alive: Option<Instant>,
    pub(super) rooms: BTreeMap<ConferenceId, Room>,
    pub(super) legs: BTreeMap<LegKey, Leg>,
    /// Legs by their numbers, and the numbers by Janus' handles.
    pub(super) numbers: BTreeMap<u64, LegKey>,
    pub(super) handles: BTreeMap<u64, u64>,
    /// Rooms that may still be at Janus although nobody needs them, with their secrets.
    pub(super) left: BTreeMap<u64, String>,
    /// What AudioBridge has.
    pub(super) sound: Sound,
    pub(super) outputs: VecDeque<Output>,
    announced: Option<Announcement>,
    pub(super) now: Instant,
}

/// How things stand with Janus.
pub(super) enum Link {
    /// It is not there, or of no use.
    Away,
    /// It is asked what it is; then for a session and, for each plugin that it has, a handle to make rooms with.
    Greeting {
        session: Option<u64>,
        control: Option<u64>,
    },
    /// It can be used: pictures where there is a `control`, sound where there is a `mixer`.
    Up {
        session: u64,
        control: Option<u64>,
        mixer: Option<u64>,
    },
}

/// Which plugins that are of use here Janus has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Plugins {
    pub pictures: bool,
    pub sound: bool,
}

pub(super) struct Asked {
    about: About,
    until: Instant,
}

/// What a request was about. Legs stand by their number, since another may have taken the name meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum About {
    Info,
    Session,
    Control,
    Alive,
    /// Nobody waits for what comes of it.
    Nothing,
    Create(ConferenceId),
    /// Another room may have the name when the answer comes.
    Edit {
        conference: ConferenceId,
        room: u64,
    },
    Destroy(ConferenceId),
    /// A room that a former connection left.
    Sweep(u64),
    Attach(u64),
    Show(u64),
    Change(u64),
    Hide {
        leg: u64,
        on: bool,
    },
    Look(u64),
    Start(u64),
    /// Of AudioBridge.
    Sound(SoundAbout),
}

impl Janus {
    /// Not connected.
    pub fn new(settings: Settings, now: Instant) -> Self {
        let mut janus = Self {
            settings,
            drawn: 0,
            link: Link::Away,
            product: "Janus".into(),
            lost: (Refusal::Unreachable, NOT_YET.into()),
            plugins: Plugins {
                pictures: true,
                sound: false,
            },
            asked: BTreeMap::new(),
            next: 0,
            keep_alive: None,
            rooms: BTreeMap::new(),
            legs: BTreeMap::new(),
            numbers: BTreeMap::new(),
            handles: BTreeMap::new(),
            left: BTreeMap::new(),
            sound: Sound::default(),
            outputs: VecDeque::new(),
            announced: None,
            now,
        };
        janus.announce();
        janus
    }

    /// What this bridge is now.
    pub fn announcement(&self) -> Announcement {
        let (refusal, why) = match &self.link {
            Link::Up { .. } => (None, None),
            Link::Greeting { .. } | Link::Away => (Some(self.lost.0), Some(self.lost.1.clone())),
        };
        Announcement {
            product: self.product.clone(),
            features: self.features(),
            capacity: self.settings.capacity,
            legs: self.promised(),
            ready: matches!(self.link, Link::Up { .. }),
            refusal,
            why,
        }
    }

    fn features(&self) -> Vec<Feature> {
        let Plugins { pictures, sound } = self.plugins;
        let sound = sound && self.sound.over.is_none();
        let mut features = Vec::new();
        if sound {
            features.push(Feature::Audio);
        }
        if pictures {
            features.push(Feature::Video);
        }
        if sound {
            features.extend([Feature::ListenerMix, Feature::Prompts]);
        }
        features
    }

    /// Something comes.
    pub fn handle_input(&mut self, input: Input, now: Instant) {
        self.now = now;
        match input {
            Input::Open => self.greet(),
            Input::Lost { words } => self.lose(Refusal::Unreachable, &words),
            Input::Text(text) => self.hear(&text),
            Input::Command { by, command } => self.obey(by, command),
            Input::Sound(command) => self.obey_sound(command),
            Input::SoundOver { words } => self.sound.over = Some(words),
        }
        self.announce();
    }

    /// The time that `poll_timeout` named has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        let late: Vec<u64> = self
            .asked
            .iter()
            .filter(|(_, asked)| asked.until <= now)
            .map(|(transaction, _)| *transaction)
            .collect();
        for transaction in late {
            // An earlier one may have ended the connection, and all requests with it.
            if let Some(asked) = self.asked.remove(&transaction) {
                self.late(asked.about);
            }
        }
        self.end_silent();
        if self.keep_alive.is_some_and(|at| at <= now) {
            self.keep_alive = Some(now + KEEP_ALIVE);
            self.ask(About::Alive, Verb::Keepalive, None, None, None);
        }
        self.announce();
    }

    /// When `handle_timeout` shall be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let requests = self.asked.values().map(|asked| asked.until);
        requests
            .chain(self.keep_alive)
            .chain(self.silent_until())
            .min()
    }

    /// The next thing to do; asked until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The conferences that are made, are being made, or are being ended.
    pub fn conferences(&self) -> Vec<ConferenceId> {
        self.rooms.keys().cloned().collect()
    }

    /// Whether nothing is at Janus any more, as far as Janus has said.
    pub fn is_over(&self) -> bool {
        let sweeps = |asked: &Asked| matches!(asked.about, About::Sound(SoundAbout::Sweep(_)));
        self.rooms.is_empty() && !self.sound.has_mixes() && !self.asked.values().any(sweeps)
    }

    /// Whether there is such a leg of pictures.
    pub fn has(&self, leg: &LegKey) -> bool {
        self.legs.contains_key(leg)
    }

    /// The pictures that can be seen now, as was told when they came.
    pub fn visible(&self) -> Vec<VideoEvent> {
        let visible = self.legs.iter().filter(|(_, leg)| leg.visible());
        let told = |(key, leg): (&LegKey, &Leg)| VideoEvent::Visible {
            leg: key.clone(),
            participant: leg.participant.clone(),
            on: true,
        };
        visible.map(told).collect()
    }

    fn obey(&mut self, by: Asker, command: VideoCommand) {
        match command {
            VideoCommand::Prepare {
                conference,
                serial,
                title,
                guests,
            } => self.prepare(Waiting { by, serial }, conference, title, guests),
            VideoCommand::Publish {
                leg,
                participant,
                offer,
            } => self.publish(leg, participant, offer),
            VideoCommand::Watch { leg, participant } => self.watch(leg, participant),
            VideoCommand::Answer { leg, answer } => self.answer(&leg, answer),
            VideoCommand::Hide { leg, on } => self.hide(by, &leg, on),
            VideoCommand::Close { leg } => self.close(&leg),
            VideoCommand::End { conference } => self.end(conference),
        }
    }

    // What is asked.

    /// Asks something of VideoRoom through a handle.
    pub(super) fn ask_room(&mut self, about: About, handle: u64, body: &Body, jsep: Option<&Jsep>) {
        let body = Some(Asks::Rooms(body));
        self.ask(about, Verb::Message, Some(handle), body, jsep);
    }

    /// Asks something of VideoRoom through the handle that makes rooms. Without a connection nothing is asked.
    pub(super) fn ask_control(&mut self, about: About, body: &Body) {
        if let Link::Up {
            control: Some(control),
            ..
        } = self.link
        {
            self.ask_room(about, control, body, None);
        }
    }

    /// Asks for a handle for a leg.
    pub(super) fn attach(&mut self, number: u64) {
        self.ask(About::Attach(number), Verb::Attach, None, None, None);
    }

    /// Gives a handle up; whatever it showed or watched ends.
    pub(super) fn detach(&mut self, handle: u64) {
        self.handles.remove(&handle);
        self.ask(About::Nothing, Verb::Detach, Some(handle), None, None);
    }

    pub(super) fn ask(
        &mut self,
        about: About,
        verb: Verb,
        handle: Option<u64>,
        body: Option<Asks<'_>>,
        jsep: Option<&Jsep>,
    ) {
        self.next += 1;
        let session = match self.link {
            Link::Up { session, .. } => Some(session),
            Link::Greeting { session, .. } => session,
            Link::Away => return,
        };
        let plugin = match about {
            About::Sound(_) => sound::PLUGIN,
            _ => VIDEOROOM,
        };
        let request = Request {
            janus: verb,
            transaction: self.next.to_string(),
            apisecret: self.settings.api_secret.as_deref(),
            session_id: session,
            handle_id: handle,
            plugin: (verb == Verb::Attach).then_some(plugin),
            body,
            jsep,
        };
        // Our own types always have a text.
        let text = serde_json::to_string(&request).unwrap_or_default();
        self.outputs.push_back(Output::Send(text));
        let until = self.now + ANSWER_MAX;
        self.asked.insert(self.next, Asked { about, until });
    }

    // What comes back.

    fn hear(&mut self, text: &str) {
        if matches!(self.link, Link::Away) {
            return;
        }
        let Ok(reply) = serde_json::from_str::<Reply>(text) else {
            return self.give_up(Refusal::Nonsense, words::NONSENSE);
        };
        let transaction = reply.transaction.as_ref();
        let transaction = transaction.and_then(|text| text.parse::<u64>().ok());
        let asked = transaction.and_then(|number| Some((number, self.asked.get(&number)?)));
        match asked {
            // What comes of it follows, or came before.
            Some((number, asked)) if reply.janus == "ack" => {
                if asked.about == About::Alive {
                    self.asked.remove(&number);
                }
            }
            Some((number, asked)) => {
                let about = asked.about.clone();
                self.asked.remove(&number);
                self.answered(about, reply);
            }
            None => self.told(&reply),
        }
    }

    fn answered(&mut self, about: About, reply: Reply) {
        if reply
            .refused()
            .is_some_and(|(code, _)| code == code::NO_SUCH_SESSION)
        {
            return self.give_up(Refusal::Unreachable, "Janus no longer knows our session");
        }
        match about {
            About::Info => self.learn(&reply),
            About::Session => self.session_made(&reply),
            About::Control => self.control_made(&reply),
            About::Alive | About::Nothing => {}
            About::Create(conference) => self.created(&conference, &reply),
            About::Edit { conference, room } => self.edited(&conference, room, &reply),
            // Gone, or never there: it is what was wanted.
            About::Destroy(conference) => self.destroyed(conference),
            About::Sweep(room) => {
                self.left.remove(&room);
            }
            About::Attach(leg) => self.attached(leg, &reply),
            About::Show(leg) => self.shown(leg, reply),
            About::Change(leg) => self.changed(leg, reply),
            About::Hide { leg, on } => {
                let refused = reply.refused();
                let words = refused.map(|(code, reason)| words::refused(code, reason));
                self.hidden(leg, on, words);
            }
            About::Look(leg) => self.looked(leg, reply),
            About::Start(leg) => self.started(leg, &reply),
            About::Sound(about) => self.sound_answered(about, &reply),
        }
    }

    /// A request has not been answered in time.
    fn late(&mut self, about: About) {
        let words = words::late(ANSWER_MAX);
        match about {
            About::Info | About::Session | About::Control | About::Alive => {
                self.give_up(Refusal::Unreachable, &words);
            }
            // What a former connection left is looked after by the next one.
            About::Nothing | About::Sweep(_) => {}
            About::Create(conference) => self.refuse_new(&conference, Refusal::Unreachable, &words),
            About::Edit { conference, room } => {
                self.edit_failed(&conference, room, Refusal::Unreachable, &words);
            }
            About::Destroy(conference) => {
                self.keep_for_sweep(&conference);
                self.destroyed(conference);
            }
            About::Attach(leg) | About::Show(leg) => self.fail_new(leg, words),
            About::Change(leg) => self.fail_change(leg, words),
            About::Hide { leg, on } => self.hidden(leg, on, Some(words)),
            About::Look(leg) | About::Start(leg) => self.lose_watch(leg, words),
            About::Sound(about) => {
                if let Some(words) = self.sound_late(about, words) {
                    self.give_up(Refusal::Unreachable, &words);
                }
            }
        }
    }

    // What others of this module need.

    pub(super) fn tell(&mut self, event: VideoEvent) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(super) fn tell_asker(&mut self, asker: Asker, event: VideoEvent) {
        self.outputs.push_back(Output::Answer(asker, event));
    }

    /// Enters a leg, and gives its number.
    pub(super) fn enter(&mut self, key: LegKey, make: impl FnOnce(u64) -> Leg) -> u64 {
        let number = self.number();
        self.numbers.insert(number, key.clone());
        self.legs.insert(key, make(number));
        number
    }

    /// A number that nothing else has.
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Takes a leg out, and gives its handle up.
    pub(super) fn forget(&mut self, key: &LegKey) -> Option<Leg> {
        let leg = self.legs.remove(key)?;
        self.numbers.remove(&leg.number);
        if let Some(handle) = leg.handle {
            self.detach(handle);
        }
        Some(leg)
    }

    /// The name of the leg with this number, if it is still there.
    pub(super) fn key(&self, number: u64) -> Option<LegKey> {
        self.numbers.get(&number).cloned()
    }

    /// Janus has given a leg this handle.
    pub(super) fn bind(&mut self, handle: u64, number: u64) {
        self.handles.insert(handle, number);
    }

    /// A number and two secrets that nobody can guess.
    pub(super) fn draw(&mut self) -> (u64, String, String) {
        let mut word = || {
            self.drawn += 1;
            let mut hash = Sha256::new();
            hash.update(self.settings.seed);
            hash.update(self.drawn.to_be_bytes());
            <[u8; 32]>::from(hash.finalize())
        };
        let number = word();
        let mut first = [0; 8];
        first.copy_from_slice(&number[..8]);
        // JSON numbers are exact up to 53 bits everywhere.
        let number = (u64::from_be_bytes(first) >> 11).max(1);
        let text = |bytes: [u8; 32]| bytes[..16].iter().map(|b| format!("{b:02x}")).collect();
        (number, text(word()), text(word()))
    }

    fn announce(&mut self) {
        let now = self.announcement();
        if self.announced.as_ref() != Some(&now) {
            self.announced = Some(now.clone());
            self.outputs.push_back(Output::Announce(now));
        }
    }
}
