//! The pictures of video rooms: others bring them to the video servers, since a room's call is theirs. They stand in documents and offers
//! as everybody's, and whoever brings them is told who talks.

use std::collections::BTreeMap;

use conference_core::{RosterEntry, Snapshot};
use convoke_types::sight::SightCommand;
use convoke_types::video::VideoCommand;
use convoke_types::{ConferenceId, LegKey, LegState, ParticipantId};

use super::Pictures;
use super::room::Room;
use crate::ports::Output;

/// Pictures that others bring, at most; of further ones nobody is told.
const BROUGHT_MAX: usize = 4_096;

/// A picture that others bring.
#[derive(Debug)]
struct Shown {
    /// Which server says so.
    server: usize,
    participant: ParticipantId,
    /// It can be seen.
    visible: bool,
    /// The server was told to hide it. It is kept then also where it cannot be seen: its end is told only to who brings it.
    hidden: bool,
}

/// What others show, by their legs.
#[derive(Debug, Default)]
pub(super) struct Brought(BTreeMap<LegKey, Shown>);

impl Brought {
    /// Whether this is one of them.
    pub(super) fn has(&self, leg: &LegKey) -> bool {
        self.0.contains_key(leg)
    }

    /// Whether there is one in a conference, be it hidden.
    pub(super) fn is_in(&self, conference: &ConferenceId) -> bool {
        self.0.keys().any(|leg| leg.conference == *conference)
    }

    /// Whose can be seen in a conference.
    pub(super) fn to(&self, conference: &ConferenceId) -> impl Iterator<Item = &ParticipantId> {
        let theirs = self.0.iter();
        let theirs = theirs.filter(move |(leg, one)| leg.conference == *conference && one.visible);
        theirs.map(|(_, one)| &one.participant)
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
        let full = self.brought.0.len() >= BROUGHT_MAX;
        let changed = match (self.brought.0.get_mut(&leg), on) {
            (Some(one), true) => {
                one.server = server;
                // It may be another one of the same name, which nobody has hidden yet.
                one.hidden = false;
                !std::mem::replace(&mut one.visible, true)
            }
            (Some(one), false) if one.hidden => std::mem::replace(&mut one.visible, false),
            (Some(_), false) => self.brought.0.remove(&leg).is_some(),
            (None, true) if !full => {
                let shown = Shown {
                    server,
                    participant,
                    visible: true,
                    hidden: false,
                };
                self.brought.0.insert(leg, shown).is_none()
            }
            (None, _) => false,
        };
        if on {
            self.obey_moderator_of_rooms(&conference);
        }
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

    /// A server has lost a conference, or all that it had, unless only the way to it is lost: what is hidden there may still be.
    pub(super) fn brought_away(&mut self, server: usize, conference: Option<&ConferenceId>) {
        let mut changed = Vec::new();
        self.brought.0.retain(|leg, one| {
            let gone = conference.is_none_or(|conference| leg.conference == *conference);
            if one.server != server || !gone {
                return true;
            }
            changed.push(leg.conference.clone());
            one.visible = false;
            one.hidden && conference.is_none()
        });
        for conference in changed {
            self.tidy(&conference);
            self.changed.push_back(conference);
        }
    }

    /// A conference is over, with all that was brought to it.
    pub(super) fn brought_over(&mut self, conference: &ConferenceId) {
        self.brought
            .0
            .retain(|leg, _| leg.conference != *conference);
    }

    /// Hides what others bring, or lets it be seen again, as a moderator wants it. What is hidden is forgotten with whose it is.
    pub(super) fn obey_moderator_of_rooms(&mut self, conference: &ConferenceId) {
        let known = |room: &&Room| room.now.is_some();
        let Some(room) = self.rooms.get(conference).filter(known) else {
            return;
        };
        let mut commands = Vec::new();
        self.brought.0.retain(|leg, one| {
            if leg.conference != *conference {
                return true;
            }
            let on = room.hides(&one.participant);
            if std::mem::replace(&mut one.hidden, on) != on {
                let leg = leg.clone();
                commands.push((one.server, VideoCommand::Hide { leg, on }));
            }
            one.visible || room.has(&one.participant)
        });
        for (server, command) in commands {
            self.video(server, command);
        }
        self.tidy(conference);
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
