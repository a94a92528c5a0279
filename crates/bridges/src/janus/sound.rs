//! Conferences as rooms of AudioBridge, and legs as participants that speak plain RTP. A room is there as long as it has legs.
//!
//! Facts of Janus 1.1.2 that this rests on: where it shall send to stands in the request to come in, and nowhere else; the port at which
//! it receives is told in the answer; it sends from the moment that it has received something; it takes G.711 in packets of 20 ms only,
//! and reads neither keys nor levels of plain RTP. So each leg here is one of ours, next to Janus ([`crate::adapter`]), which knows all of
//! that of the telephone behind it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use convoke_types::{ConferenceId, LegKey};

use super::core::{About, Janus, Link};
use super::rooms::ROOMS_MAX;
use super::wire::{AUDIOBRIDGE, Asks, Reply, SoundBody, Verb, code};
use super::{Output, words};

/// What a room is mixed at, in Hz: that of the telephone network.
const RATE_HZ: u32 = 8_000;
/// Packets of 20 ms that Janus keeps of each leg before it mixes them. They come from beside it, in step.
const PREBUFFERED: u8 = 3;
/// How often another number is tried where one is taken.
const NUMBERS_MAX: u8 = 3;

/// What is asked of AudioBridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SoundCommand {
    /// Bring a leg into its conference; answered by `Joined` or `Failed`.
    Join {
        /// The leg.
        leg: LegKey,
        /// Where Janus shall send G.711 µ-law (RFC 3551, payload type 0).
        to: SocketAddr,
    },
    /// Take what it says out of the mix, or let it in again.
    Mute {
        /// The leg.
        leg: LegKey,
        /// True: not heard.
        on: bool,
    },
    /// Take it out.
    Leave {
        /// The leg.
        leg: LegKey,
    },
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SoundEvent {
    /// The leg is in, and has its mix as soon as it has sent something.
    Joined {
        /// The leg.
        leg: LegKey,
        /// Where Janus receives.
        at: SocketAddr,
    },
    /// The leg is not in, or no longer.
    Failed {
        /// The leg.
        leg: LegKey,
        /// What a person reads.
        words: String,
    },
    /// Nobody is in any more.
    Gone {
        /// What a person reads.
        words: String,
    },
}

/// What a request was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SoundAbout {
    Control,
    Create { conference: ConferenceId, room: u64 },
    Sweep(u64),
    Attach(u64),
    Join(u64),
    Mute { leg: u64, on: bool },
}

/// All mixes.
#[derive(Default)]
pub(super) struct Sound {
    pub(super) mixes: BTreeMap<ConferenceId, Mix>,
    pub(super) voices: BTreeMap<LegKey, Voice>,
    /// Legs by their numbers, and the numbers by Janus' handles.
    pub(super) numbers: BTreeMap<u64, LegKey>,
    pub(super) handles: BTreeMap<u64, u64>,
    /// Rooms that may still be at Janus although nobody is in them, with their secrets.
    left: BTreeMap<u64, String>,
    /// Why there can be no legs any more.
    pub(super) over: Option<String>,
}

/// A conference's room.
pub(super) struct Mix {
    pub number: u64,
    secret: String,
    pub pin: String,
    pub ready: bool,
    /// How many numbers were tried.
    tries: u8,
}

/// A leg, as far as Janus has it.
pub(super) struct Voice {
    /// Its own for ever, also as a participant's: a later leg of the same name is another one.
    pub number: u64,
    pub handle: Option<u64>,
    pub stage: Stage,
    pub to: SocketAddr,
    pub mute: bool,
    /// What Janus knows of that.
    pub told: bool,
    /// Janus has not answered yet: it works at several requests at a time, so one is sent when the former is answered.
    pub muting: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its handle or its room is not there yet.
    Waiting,
    Joining,
    In,
}

impl Sound {
    pub(super) fn legs(&self) -> usize {
        self.voices.len()
    }

    pub(super) fn has_mixes(&self) -> bool {
        !self.mixes.is_empty()
    }

    /// Remembers a room that may still be at Janus.
    fn leave(&mut self, room: u64, secret: String) {
        if self.left.len() < ROOMS_MAX {
            self.left.insert(room, secret);
        }
    }

    pub(super) fn has_handle(&self, handle: u64) -> bool {
        self.handles.contains_key(&handle)
    }
}

impl Janus {
    pub(super) fn obey_sound(&mut self, command: SoundCommand) {
        match command {
            SoundCommand::Join { leg, to } => self.join_mix(leg, to),
            SoundCommand::Mute { leg, on } => {
                if let Some(voice) = self.sound.voices.get_mut(&leg) {
                    voice.mute = on;
                    self.settle_mute(&leg);
                }
            }
            SoundCommand::Leave { leg } => self.leave_mix(&leg),
        }
    }

    /// Why no leg can be brought into a mix at the moment.
    pub fn sound_refused(&self) -> Option<String> {
        if let over @ Some(_) = &self.sound.over {
            return over.clone();
        }
        if let Some((_, words)) = self.away() {
            return Some(words);
        }
        match self.link {
            Link::Up { mixer: None, .. } => return Some("Janus has no AudioBridge plugin".into()),
            Link::Up { .. } | Link::Greeting { .. } | Link::Away => {}
        }
        let (capacity, promised) = (self.settings.capacity, self.promised());
        (promised >= capacity).then(|| {
            format!("Janus is full: it carries {capacity} legs, and {promised} are promised")
        })
    }

    fn join_mix(&mut self, leg: LegKey, to: SocketAddr) {
        if self.sound.voices.contains_key(&leg) {
            return;
        }
        let known = self.sound.mixes.contains_key(&leg.conference);
        let full = !known && self.sound.mixes.len() >= ROOMS_MAX;
        let full = full.then(|| "Janus has as many conferences as it may".to_owned());
        if let Some(words) = self.sound_refused().or(full) {
            return self.tell_sound(SoundEvent::Failed { leg, words });
        }
        let number = self.number();
        self.sound.numbers.insert(number, leg.clone());
        let conference = leg.conference.clone();
        let voice = Voice {
            number,
            handle: None,
            stage: Stage::Waiting,
            to,
            mute: false,
            told: false,
            muting: false,
        };
        self.sound.voices.insert(leg, voice);
        if !known {
            self.make_mix(conference, 1);
        }
        self.ask_sound(SoundAbout::Attach(number), Verb::Attach, None, None);
    }

    fn make_mix(&mut self, conference: ConferenceId, tries: u8) {
        let (number, secret, pin) = self.draw();
        let body = SoundBody::Create {
            room: number,
            permanent: false,
            secret: secret.clone(),
            pin: pin.clone(),
            is_private: true,
            sampling_rate: RATE_HZ,
            default_prebuffering: PREBUFFERED,
            allow_rtp_participants: true,
            audiolevel_ext: false,
            record: false,
            admin_key: self.settings.admin_key.clone(),
        };
        let mix = Mix {
            number,
            secret,
            pin,
            ready: false,
            tries,
        };
        self.sound.mixes.insert(conference.clone(), mix);
        let about = SoundAbout::Create {
            conference,
            room: number,
        };
        self.ask_mixer(about, &body);
    }

    /// Ends a room in which nobody is or will be. Janus works at several requests at a time: what is not made yet cannot be destroyed.
    pub(super) fn end_empty(&mut self, conference: &ConferenceId) {
        let mut legs = self.sound.voices.keys();
        let ready = self
            .sound
            .mixes
            .get(conference)
            .is_some_and(|mix| mix.ready);
        if !ready || legs.any(|leg| leg.conference == *conference) {
            return;
        }
        if let Some(mix) = self.sound.mixes.remove(conference) {
            self.sound.leave(mix.number, mix.secret.clone());
            self.sweep_mix(mix.number, mix.secret);
        }
    }

    fn sweep_mix(&mut self, room: u64, secret: String) {
        let body = SoundBody::Destroy {
            room,
            secret,
            permanent: false,
        };
        self.ask_mixer(SoundAbout::Sweep(room), &body);
    }

    /// Destroys what a former connection left, where Janus still has it.
    pub(super) fn sweep_mixes(&mut self) {
        for (room, secret) in self.sound.left.clone() {
            self.sweep_mix(room, secret);
        }
    }

    // What comes back.

    pub(super) fn sound_answered(&mut self, about: SoundAbout, reply: &Reply) {
        match about {
            SoundAbout::Control => self.mixer_made(reply),
            SoundAbout::Create { conference, room } => self.mix_made(&conference, room, reply),
            // Gone, or never there: it is what was wanted.
            SoundAbout::Sweep(room) => {
                self.sound.left.remove(&room);
            }
            SoundAbout::Attach(leg) => self.voice_attached(leg, reply),
            SoundAbout::Join(leg) => self.voice_joined(leg, reply),
            SoundAbout::Mute { leg, on } => self.voice_muted(leg, on, reply),
        }
    }

    /// A request has not been answered in time; gives what Janus is given up for, where it is of no use without.
    pub(super) fn sound_late(&mut self, about: SoundAbout, words: String) -> Option<String> {
        match about {
            SoundAbout::Control => return Some(words),
            SoundAbout::Create { conference, room } => {
                let mix = self.mix_numbered(&conference, room);
                if let Some(secret) = mix.map(|mix| mix.secret.clone()) {
                    self.sound.leave(room, secret);
                }
                self.fail_mix(&conference, room, &words);
            }
            // The next connection looks after it.
            SoundAbout::Sweep(_) => {}
            SoundAbout::Attach(leg) | SoundAbout::Join(leg) | SoundAbout::Mute { leg, .. } => {
                self.fail_voice(leg, words);
            }
        }
        None
    }

    fn mix_numbered(&mut self, conference: &ConferenceId, number: u64) -> Option<&mut Mix> {
        let mix = self.sound.mixes.get_mut(conference);
        mix.filter(|mix| mix.number == number)
    }

    fn mix_made(&mut self, conference: &ConferenceId, room: u64, reply: &Reply) {
        let Some(mix) = self.mix_numbered(conference, room) else {
            return;
        };
        match reply.refused() {
            None if reply.room_event().and_then(|event| event.room) == Some(room) => {
                mix.ready = true;
                for leg in self.voices_in(conference) {
                    self.enter_mix(&leg);
                }
                self.end_empty(conference);
            }
            None => self.fail_mix(conference, room, words::NONSENSE),
            Some((code::MIX_EXISTS, _)) if mix.tries < NUMBERS_MAX => {
                let tries = mix.tries + 1;
                self.make_mix(conference.clone(), tries);
            }
            Some((code, reason)) => {
                let words = words::refused(code, reason);
                self.fail_mix(conference, room, &words);
            }
        }
    }

    fn voices_in(&self, conference: &ConferenceId) -> Vec<LegKey> {
        let legs = self.sound.voices.keys();
        let legs = legs.filter(|leg| leg.conference == *conference);
        legs.cloned().collect()
    }

    /// A room is not there, or no longer: nobody of the conference is in.
    fn fail_mix(&mut self, conference: &ConferenceId, room: u64, words: &str) {
        if self.mix_numbered(conference, room).is_none() {
            return;
        }
        self.sound.mixes.remove(conference);
        for leg in self.voices_in(conference) {
            self.leave_mix(&leg);
            let words = words.to_owned();
            self.tell_sound(SoundEvent::Failed { leg, words });
        }
    }

    /// What Janus tells of a leg without being asked; `false` where it is of none.
    pub(super) fn sound_told(&mut self, reply: &Reply) -> bool {
        let number = reply
            .sender
            .and_then(|handle| self.sound.handles.get(&handle));
        let Some(number) = number.copied() else {
            return false;
        };
        let event = reply.room_event();
        let says = event.and_then(|event| event.audiobridge.as_deref());
        match (&*reply.janus, says) {
            ("hangup" | "detached", _) => {
                self.fail_voice(number, "Janus has put the leg out".into());
            }
            ("event", Some("destroyed")) => {
                let leg = self.sound.numbers.get(&number);
                let of = leg.map(|leg| leg.conference.clone());
                let room = of.as_ref().and_then(|of| self.sound.mixes.get(of));
                if let (Some(room), Some(of)) = (room.map(|mix| mix.number), of) {
                    self.fail_mix(&of, room, "Janus has ended the conference's room");
                }
            }
            ("event", _) => {
                let kicked = event.and_then(|event| event.kicked.as_ref());
                if kicked.and_then(serde_json::Value::as_u64) == Some(number) {
                    self.fail_voice(number, "Janus has put the leg out".into());
                }
            }
            _ => {}
        }
        true
    }

    /// The connection is lost: nobody is in any more, and the rooms are looked after by the next one.
    pub(super) fn lose_sound(&mut self, words: &str) {
        for mix in std::mem::take(&mut self.sound.mixes).into_values() {
            self.sound.leave(mix.number, mix.secret);
        }
        self.sound.numbers.clear();
        self.sound.handles.clear();
        if !std::mem::take(&mut self.sound.voices).is_empty() {
            let words = words.to_owned();
            self.tell_sound(SoundEvent::Gone { words });
        }
    }

    pub(super) fn tell_sound(&mut self, event: SoundEvent) {
        self.outputs.push_back(Output::Sound(event));
    }

    /// Asks something through the handle that makes rooms. Without a connection nothing is asked.
    fn ask_mixer(&mut self, about: SoundAbout, body: &SoundBody) {
        if let Link::Up {
            mixer: Some(mixer), ..
        } = self.link
        {
            self.ask_sound(about, Verb::Message, Some(mixer), Some(body));
        }
    }

    pub(super) fn ask_sound(
        &mut self,
        about: SoundAbout,
        verb: Verb,
        handle: Option<u64>,
        body: Option<&SoundBody>,
    ) {
        let body = body.map(Asks::Mixes);
        self.ask(About::Sound(about), verb, handle, body, None);
    }
}

/// The plugin that is asked for a handle.
pub(super) const PLUGIN: &str = AUDIOBRIDGE;
