//! Legs of sound, as participants of a room: how they come in, are muted, and leave.

use std::net::{IpAddr, SocketAddr};

use convoke_types::LegKey;

use super::core::{About, Janus};
use super::sound::{SoundAbout, SoundEvent, Stage};
use super::wire::{Reply, RtpTo, SoundBody, Verb, code};
use super::words;

impl Janus {
    /// Brings a leg in, once it has a handle and a room.
    pub(super) fn enter_mix(&mut self, leg: &LegKey) {
        let mix = self.sound.mixes.get(&leg.conference);
        let (Some(voice), Some(mix)) = (self.sound.voices.get_mut(leg), mix) else {
            return;
        };
        let (Some(handle), true, Stage::Waiting) = (voice.handle, mix.ready, voice.stage) else {
            return;
        };
        voice.stage = Stage::Joining;
        voice.told = voice.mute;
        let body = SoundBody::Join {
            room: mix.number,
            id: voice.number,
            pin: mix.pin.clone(),
            codec: "pcmu",
            muted: voice.mute,
            rtp: RtpTo {
                ip: voice.to.ip(),
                port: voice.to.port(),
            },
        };
        let about = SoundAbout::Join(voice.number);
        self.ask_sound(about, Verb::Message, Some(handle), Some(&body));
    }

    pub(super) fn settle_mute(&mut self, leg: &LegKey) {
        let Some(voice) = self.sound.voices.get_mut(leg) else {
            return;
        };
        if voice.stage != Stage::In || voice.muting || voice.told == voice.mute {
            return;
        }
        (voice.muting, voice.told) = (true, voice.mute);
        let (number, on, handle) = (voice.number, voice.mute, voice.handle);
        let body = SoundBody::Configure { muted: on };
        let about = SoundAbout::Mute { leg: number, on };
        self.ask_sound(about, Verb::Message, handle, Some(&body));
    }

    pub(super) fn leave_mix(&mut self, leg: &LegKey) {
        let Some(voice) = self.sound.voices.remove(leg) else {
            return;
        };
        self.sound.numbers.remove(&voice.number);
        if let Some(handle) = voice.handle {
            // Whoever gives the handle up leaves the room.
            self.sound.handles.remove(&handle);
            self.ask(About::Nothing, Verb::Detach, Some(handle), None, None);
        }
        self.end_empty(&leg.conference);
    }

    pub(super) fn voice_attached(&mut self, number: u64, reply: &Reply) {
        let made = reply.data.as_ref().map(|made| made.id);
        let Some(leg) = self.sound.numbers.get(&number).cloned() else {
            // It left meanwhile.
            if let Some(handle) = made {
                self.ask(About::Nothing, Verb::Detach, Some(handle), None, None);
            }
            return;
        };
        match (made, reply.refused()) {
            (Some(handle), None) => {
                self.sound.handles.insert(handle, number);
                if let Some(voice) = self.sound.voices.get_mut(&leg) {
                    voice.handle = Some(handle);
                }
                self.enter_mix(&leg);
            }
            (_, refused) => self.fail_voice(number, told(refused)),
        }
    }

    pub(super) fn voice_joined(&mut self, number: u64, reply: &Reply) {
        let Some(leg) = self.sound.numbers.get(&number).cloned() else {
            return;
        };
        if let refused @ Some(_) = reply.refused() {
            return self.fail_voice(number, told(refused));
        }
        let event = reply.room_event();
        if event.and_then(|event| event.audiobridge.as_deref()) != Some("joined") {
            return self.fail_voice(number, words::NONSENSE.into());
        }
        let at = event.and_then(|event| event.rtp.as_ref());
        let at = at.filter(|at| at.port != 0 && sendable(at.ip));
        let Some(at) = at.map(|at| SocketAddr::new(at.ip, at.port)) else {
            let words = "Janus has no free port for RTP, or does not say at which address it is";
            return self.fail_voice(number, words.into());
        };
        if let Some(voice) = self.sound.voices.get_mut(&leg) {
            voice.stage = Stage::In;
        }
        self.settle_mute(&leg);
        self.tell_sound(SoundEvent::Joined { leg, at });
    }

    pub(super) fn voice_muted(&mut self, number: u64, on: bool, reply: &Reply) {
        if let refused @ Some(_) = reply.refused() {
            return self.fail_voice(number, told(refused));
        }
        let Some(leg) = self.sound.numbers.get(&number).cloned() else {
            return;
        };
        if let Some(voice) = self.sound.voices.get_mut(&leg) {
            (voice.muting, voice.told) = (false, on);
        }
        self.settle_mute(&leg);
    }

    pub(super) fn fail_voice(&mut self, number: u64, words: String) {
        if let Some(leg) = self.sound.numbers.get(&number).cloned() {
            self.leave_mix(&leg);
            self.tell_sound(SoundEvent::Failed { leg, words });
        }
    }
}

fn told(refused: Option<(u32, &str)>) -> String {
    match refused {
        Some((code::NO_SUCH_PLUGIN, _)) => "Janus has no AudioBridge plugin".into(),
        Some((code, reason)) => words::refused(code, reason),
        None => words::NONSENSE.into(),
    }
}

/// Whether RTP can be sent there.
fn sendable(ip: IpAddr) -> bool {
    !ip.is_unspecified() && !ip.is_multicast()
}
