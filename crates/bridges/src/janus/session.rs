//! The session with Janus: how it begins, what Janus tells in it without being asked, and how it ends.

use convoke_types::video::Refusal;

use super::core::{About, Janus, KEEP_ALIVE, Link, Plugins};
use super::rooms::ROOMS_MAX;
use super::sound::SoundAbout;
use super::wire::{AUDIOBRIDGE, Body, Reply, VIDEOROOM, Verb};
use super::{Output, words};

/// The first version whose connections carry several streams.
const VERSION_MIN: u32 = 1000;
/// Rooms of lost connections that are remembered to be destroyed.
const LEFT_MAX: usize = ROOMS_MAX;

impl Janus {
    pub(super) fn greet(&mut self) {
        self.link = Link::Greeting {
            session: None,
            control: None,
        };
        self.ask(About::Info, Verb::Info, None, None, None);
    }

    /// What Janus is.
    pub(super) fn learn(&mut self, reply: &Reply) {
        if let refused @ Some(_) = reply.refused() {
            return self.unsuitable(refused);
        }
        let (Some(version), Some(plugins)) = (reply.version, &reply.plugins) else {
            return self.give_up(Refusal::Nonsense, words::NONSENSE);
        };
        let named = reply.version_string.as_deref().unwrap_or("of no version");
        let named = convoke_types::loggable(named);
        self.product = format!("Janus {named}");
        if version < VERSION_MIN {
            let words = format!("Janus {named} is too old: 1.0 or later is needed");
            return self.give_up(Refusal::Unsuitable, &words);
        }
        let has = Plugins {
            pictures: plugins.contains_key(VIDEOROOM),
            sound: plugins.contains_key(AUDIOBRIDGE),
        };
        self.plugins = has;
        if has == Plugins::default() {
            let words = "Janus has neither VideoRoom nor AudioBridge";
            return self.give_up(Refusal::Unsuitable, words);
        }
        if reply.accepting == Some(false) {
            return self.give_up(Refusal::Unsuitable, "Janus takes nobody at the moment");
        }
        self.ask(About::Session, Verb::Create, None, None, None);
    }

    pub(super) fn session_made(&mut self, reply: &Reply) {
        match (&reply.data, reply.refused(), &mut self.link) {
            (Some(made), None, Link::Greeting { session, .. }) => {
                *session = Some(made.id);
                self.ask_handles();
            }
            (_, refused, _) => self.unsuitable(refused),
        }
    }

    /// A handle for pictures is there.
    pub(super) fn control_made(&mut self, reply: &Reply) {
        match (&reply.data, reply.refused(), &mut self.link) {
            (Some(made), None, Link::Greeting { control, .. }) => {
                *control = Some(made.id);
                self.ask_handles();
            }
            (_, refused, _) => self.unsuitable(refused),
        }
    }

    /// A handle for sound is there, which is asked for last.
    pub(super) fn mixer_made(&mut self, reply: &Reply) {
        match (&reply.data, reply.refused()) {
            (Some(made), None) => self.up(Some(made.id)),
            (_, refused) => self.unsuitable(refused),
        }
    }

    /// Asks for the next handle to make rooms with, until there is one for each plugin.
    fn ask_handles(&mut self) {
        let Link::Greeting { control, .. } = self.link else {
            return;
        };
        if self.plugins.pictures && control.is_none() {
            self.ask(About::Control, Verb::Attach, None, None, None);
        } else if self.plugins.sound {
            self.ask_sound(SoundAbout::Control, Verb::Attach, None, None);
        } else {
            self.up(None);
        }
    }

    fn up(&mut self, mixer: Option<u64>) {
        let Link::Greeting {
            session: Some(session),
            control,
            ..
        } = self.link
        else {
            return;
        };
        self.link = Link::Up {
            session,
            control,
            mixer,
        };
        self.keep_alive = Some(self.now + KEEP_ALIVE);
        self.sweep();
        self.sweep_mixes();
    }

    pub(super) fn unsuitable(&mut self, refused: Option<(u32, &str)>) {
        match refused {
            Some((code, reason)) => {
                let words = words::refused(code, reason);
                self.give_up(Refusal::Unsuitable, &words);
            }
            None => self.give_up(Refusal::Nonsense, words::NONSENSE),
        }
    }

    /// What Janus tells without being asked.
    pub(super) fn told(&mut self, reply: &Reply) {
        let ours = match self.link {
            Link::Up { session, .. } => reply.session_id == Some(session),
            Link::Greeting { .. } | Link::Away => false,
        };
        match &*reply.janus {
            "timeout" if ours => {
                return self.give_up(Refusal::Unreachable, "Janus has let our session expire");
            }
            // It did not understand us, and cannot say what: whoever asked that is answered when their time is up. Who is only just being
            // greeted cannot be worked with.
            "error" if reply.transaction.is_none() => {
                if !matches!(self.link, Link::Up { .. }) {
                    self.give_up(Refusal::Nonsense, words::NONSENSE);
                }
                return;
            }
            // A handle for a leg that was given up while it was awaited. One that is in use was told twice.
            "success" => {
                if let (true, Some(made)) = (ours, &reply.data)
                    && !self.is_in_use(made.id)
                {
                    self.detach(made.id);
                }
                return;
            }
            _ => {}
        }
        if self.sound_told(reply) {
            return;
        }
        let number = reply.sender.and_then(|handle| self.handles.get(&handle));
        let Some(key) = number.and_then(|number| self.numbers.get(number)).cloned() else {
            return;
        };
        match &*reply.janus {
            "webrtcup" => self.connected(&key),
            "media" => self.heard_media(&key, reply),
            "hangup" | "detached" => self.over(&key),
            "event" => {
                let Some(event) = reply.room_event() else {
                    return;
                };
                if event.videoroom.as_deref() == Some("destroyed") {
                    self.ended_by_others(&key.conference);
                } else if event.leaving.as_ref().is_some_and(|who| who == "ok") {
                    self.over(&key);
                }
            }
            _ => {}
        }
    }

    /// Whether a handle is a leg's, or the one that makes rooms.
    fn is_in_use(&self, handle: u64) -> bool {
        let makes = match self.link {
            Link::Up { control, mixer, .. } => [control, mixer].contains(&Some(handle)),
            Link::Greeting { .. } | Link::Away => false,
        };
        makes || self.handles.contains_key(&handle) || self.sound.has_handle(handle)
    }

    /// Nothing more is expected of this connection.
    pub(super) fn give_up(&mut self, refusal: Refusal, words: &str) {
        self.outputs.push_back(Output::Drop {
            words: words.to_owned(),
        });
        self.lose(refusal, words);
    }

    pub(super) fn lose(&mut self, refusal: Refusal, words: &str) {
        self.link = Link::Away;
        self.lost = (refusal, words.to_owned());
        self.asked.clear();
        self.keep_alive = None;
        self.legs.clear();
        self.numbers.clear();
        self.handles.clear();
        self.lose_sound(words);
        self.lose_rooms(refusal, words);
    }

    /// Destroys what a former connection left, where Janus still has it. Each is remembered until Janus has said what became of it.
    pub(super) fn sweep(&mut self) {
        for (room, secret) in self.left.clone() {
            let body = Body::Destroy {
                room,
                secret,
                permanent: false,
            };
            self.ask_control(About::Sweep(room), &body);
        }
    }

    /// Remembers a room that may still be at Janus.
    pub(super) fn leave(&mut self, room: u64, secret: String) {
        if self.left.len() < LEFT_MAX {
            self.left.insert(room, secret);
        }
    }

    /// Why Janus cannot be used at the moment.
    pub(super) fn away(&self) -> Option<(Refusal, String)> {
        match &self.link {
            Link::Up { .. } => None,
            Link::Greeting { .. } => Some((
                Refusal::Unreachable,
                "Janus is only just being connected to".into(),
            )),
            Link::Away => Some(self.lost.clone()),
        }
    }
}
