//! The hub's part in sound: between who commands, the edge with our media bridge, and Janus.

use convoke_types::LegKey;
use convoke_types::bridge_protocol::FromBridge;
use convoke_types::media::{MediaCommand, MediaEvent};
use runtime::clock;

use super::{ClientId, Hub, text_of};
use crate::adapter::edge::EdgeOutput;
use crate::janus::{self, SoundEvent};

impl Hub {
    /// Somebody asks for something of sound.
    pub(super) fn obey_media(&mut self, id: ClientId, command: MediaCommand) {
        match &command {
            MediaCommand::Open { leg }
            | MediaCommand::OpenWeb { leg, .. }
            | MediaCommand::Reoffer { leg, .. }
            | MediaCommand::Connect { leg, .. }
            | MediaCommand::Play { leg, .. }
            | MediaCommand::Join { leg }
            | MediaCommand::Mute { leg, .. }
            | MediaCommand::Close { leg } => {
                let opens = matches!(
                    command,
                    MediaCommand::Open { .. } | MediaCommand::OpenWeb { .. }
                );
                match self.voices.get(leg) {
                    Some(owner) if *owner != id => {
                        let words = "somebody else who commands has this leg";
                        return self.refuse_leg(id, leg.clone(), words.into());
                    }
                    None if opens => {
                        if let Some(words) = self.core.sound_refused() {
                            return self.refuse_leg(id, leg.clone(), words);
                        }
                        self.voices.insert(leg.clone(), id);
                    }
                    Some(_) => {}
                    None if matches!(command, MediaCommand::Reoffer { .. }) => {
                        return self.refuse_leg(id, leg.clone(), "there is no such leg".into());
                    }
                    None => return,
                }
                self.edge.command(command);
            }
            // Each has their own legs in it.
            MediaCommand::CloseMix { conference } => {
                for leg in self.edge.legs_of(conference) {
                    if self.voices.get(&leg) == Some(&id) {
                        self.edge.command(MediaCommand::Close { leg });
                    }
                }
            }
        }
    }

    fn refuse_leg(&mut self, id: ClientId, leg: LegKey, words: String) {
        let said = FromBridge::Media(MediaEvent::Failed { leg, words });
        self.tell(id, text_of(&said));
    }

    /// Whoever commanded is gone: their legs end.
    pub(super) fn close_voices(&mut self, id: ClientId) {
        let theirs = self.voices.iter().filter(|(_, owner)| **owner == id);
        for leg in theirs.map(|(leg, _)| leg.clone()).collect::<Vec<_>>() {
            self.edge.command(MediaCommand::Close { leg });
        }
    }

    /// We go down: all legs end.
    pub(super) fn close_all_voices(&mut self) {
        for leg in self.voices.keys().cloned().collect::<Vec<_>>() {
            self.edge.command(MediaCommand::Close { leg });
        }
    }

    /// Janus tells something of its mixes.
    pub(super) fn sound(&mut self, event: SoundEvent) {
        if let SoundEvent::Gone { words } = &event {
            let said = FromBridge::Media(MediaEvent::Gone {
                words: words.clone(),
            });
            let owners = self.voices.values().copied();
            for owner in owners.collect::<std::collections::BTreeSet<_>>() {
                self.tell(owner, text_of(&said));
            }
        }
        self.edge.sound_event(event);
    }

    /// Carries out what the edge wants; `false` where it wants nothing.
    pub(super) fn carry_out_edge(&mut self) -> bool {
        let Some(output) = self.edge.poll_output() else {
            return false;
        };
        match output {
            EdgeOutput::Engine(command) => {
                if self.engine.try_send(command).is_err() {
                    tracing::error!("a media command found no room");
                }
            }
            EdgeOutput::Janus(command) => {
                let input = janus::Input::Sound(command);
                self.core.handle_input(input, clock::now());
            }
            EdgeOutput::Tell(event) => {
                if let Some(owner) = event.leg().and_then(|leg| self.voices.get(leg)) {
                    self.tell(*owner, text_of(&FromBridge::Media(event)));
                }
            }
            EdgeOutput::Over(leg) => {
                self.voices.remove(&leg);
            }
        }
        true
    }
}
