//! The hub's part in sound: between who commands, the edge with our media bridge, and Janus.

use std::collections::BTreeSet;

use convoke_types::LegKey;
use convoke_types::bridge_protocol::FromBridge;
use convoke_types::media::{MediaCommand, MediaEvent};
use runtime::clock;
use tokio::sync::mpsc::error::TrySendError;

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
                let owner = self.voices.get(leg);
                // It may be theirs of before their connection broke.
                match owner.filter(|_| !(opens && self.edge.is_closing(leg))) {
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
            self.tell_gone(words);
        }
        self.edge.sound_event(event);
    }

    /// Our media bridge has ended, and all legs of sound with it; there can be no others. Pictures go on.
    pub(super) fn engine_gone(&mut self) {
        let words = "the media bridge of Janus' adapter has ended";
        tracing::error!("{words}");
        self.tell_gone(words);
        self.edge.engine_gone();
        let words = words.to_owned();
        let input = janus::Input::SoundOver { words };
        self.core.handle_input(input, clock::now());
    }

    /// All who have legs hear that these are over.
    fn tell_gone(&mut self, words: &str) {
        let words = words.to_owned();
        let said = text_of(&FromBridge::Media(MediaEvent::Gone { words }));
        let owners = self.voices.values().copied();
        for owner in owners.collect::<BTreeSet<_>>() {
            self.tell(owner, said.clone());
        }
    }

    /// Carries out what the edge wants; `false` where it wants nothing.
    pub(super) fn carry_out_edge(&mut self) -> bool {
        let Some(output) = self.edge.poll_output() else {
            return false;
        };
        match output {
            EdgeOutput::Engine(command) => match self.engine.try_send(command) {
                Ok(()) => {}
                Err(TrySendError::Full(end @ MediaCommand::Close { .. })) => {
                    self.owed.push_back(end);
                }
                Err(TrySendError::Full(command)) => {
                    tracing::error!("a media command found no room, and its leg is given up");
                    self.edge.overloaded(command);
                }
                // It has ended, which is just being told.
                Err(TrySendError::Closed(_)) => {}
            },
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
