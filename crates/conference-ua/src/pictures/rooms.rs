//! The pictures of video rooms: others bring them to the video servers, since a room's call is theirs. They stand in documents and offers
//! as everybody's, and whoever brings them is told who talks.

use std::collections::HashMap;

use conference_core::{RosterEntry, Snapshot};
use convoke_types::sight::SightCommand;
use convoke_types::{ConferenceId, LegKey, LegState, ParticipantId};

use super::Pictures;
use crate::ports::Output;

/// Pictures that others bring, at most; of further ones nobody is told.
const BROUGHT_MAX: usize = 4_096;

/// What others show at the moment, by their legs, with the server that says so.
#[derive(Debug, Default)]
pub(super) struct Brought(HashMap<LegKey, (usize, ParticipantId)>);

impl Brought {
    /// Whether this is one of them.
    pub(super) fn has(&self, leg: &LegKey) -> bool {
        self.0.contains_key(leg)
    }

    /// Whose there are in a conference.
    pub(super) fn to(&self, conference: &ConferenceId) -> impl Iterator<Item = &ParticipantId> {
        let theirs = self.0.iter();
        let theirs = theirs.filter(move |(leg, _)| leg.conference == *conference);
        theirs.map(|(_, (_, participant))| participant)
    }
}

impl Pictures {
    /// A picture that nobody's call here shows can be seen, or no longer.
    pub(super) fn brought_picture(
        &mut self,
        server: usize,
        leg: LegKey,
        participant: ParticipantId,
        on: bool,
    ) {
        let conference = leg.conference.clone();
        let changed = match on {
            false => self.brought.0.remove(&leg).is_some(),
            true if self.brought.0.len() >= BROUGHT_MAX => false,
            true => self.brought.0.insert(leg, (server, participant)).is_none(),
        };
        if !changed {
            return;
        }
        match on {
            // Whoever brings it is to know who talks, also while nobody's browser calls.
            true => {
                self.watched(&conference);
            }
            false => self.tidy(&conference),
        }
        self.changed.push_back(conference);
    }

    /// A server has lost a conference, or all.
    pub(super) fn brought_away(&mut self, server: usize, conference: Option<&ConferenceId>) {
        let gone = |leg: &LegKey, of: usize| {
            of == server && conference.is_none_or(|conference| leg.conference == *conference)
        };
        let mut changed = Vec::new();
        self.brought.0.retain(|leg, (of, _)| {
            let gone = gone(leg, *of);
            if gone {
                changed.push(leg.conference.clone());
            }
            !gone
        });
        for conference in changed {
            self.tidy(&conference);
            self.changed.push_back(conference);
        }
    }

    /// Tells who talks, when it is somebody else: who goes on talking stays the speaker.
    pub(super) fn tell_speaker(&mut self, snapshot: &Snapshot) {
        let conference = &snapshot.conference;
        let Some(room) = self.rooms.get_mut(conference) else {
            return;
        };
        let is_in = |entry: &&RosterEntry| {
            entry.leg.mode.may_be_room() && entry.leg.state == LegState::Joined
        };
        let rooms = snapshot.roster.iter().filter(is_in).count();
        if std::mem::replace(&mut room.video_rooms, rooms) < rooms {
            // Who has come knows of nobody.
            room.speaker = None;
        }
        if rooms == 0 {
            return;
        }
        let talks = |entry: &&RosterEntry| {
            entry.talking && !entry.muted && entry.leg.state == LegState::Joined
        };
        let talking: Vec<&ParticipantId> = snapshot
            .roster
            .iter()
            .filter(talks)
            .map(|entry| &entry.participant.id)
            .collect();
        if room
            .speaker
            .as_ref()
            .is_some_and(|id| talking.contains(&id))
        {
            return;
        }
        let Some(speaker) = talking.first() else {
            return;
        };
        room.speaker = Some((*speaker).clone());
        self.outputs.push_back(Output::Sight(SightCommand::Speaker {
            conference: conference.clone(),
            participant: (*speaker).clone(),
        }));
    }
}
