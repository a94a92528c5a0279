//! The pictures of video rooms: others bring them to the video servers, since a room's call is theirs. They stand in documents and offers
//! as everybody's, and whoever brings them is told who talks, and at which server the conference is.

use std::collections::{BTreeMap, BTreeSet};

use conference_core::{RosterEntry, Snapshot};
use convoke_types::sight::SightCommand;
use convoke_types::video::VideoCommand;
use convoke_types::{ConferenceId, LegId, LegKey, LegState, ParticipantId, VideoServerName};

use super::Pictures;
use super::room::{Readiness, Room, Server};
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

/// What others show, by conferences and their legs; of a conference without there is nothing.
#[derive(Debug, Default)]
pub(super) struct Brought {
    of: BTreeMap<ConferenceId, BTreeMap<LegId, Shown>>,
    /// In all conferences.
    count: usize,
}

impl Brought {
    /// Whether this is one of them.
    pub(super) fn has(&self, leg: &LegKey) -> bool {
        let theirs = self.of.get(&leg.conference);
        theirs.is_some_and(|theirs| theirs.contains_key(&leg.leg))
    }

    /// Whether there is one in a conference, be it hidden.
    pub(super) fn is_in(&self, conference: &ConferenceId) -> bool {
        self.of.contains_key(conference)
    }

    /// Whose can be seen in a conference.
    pub(super) fn to(&self, conference: &ConferenceId) -> impl Iterator<Item = &ParticipantId> {
        let theirs = self.of.get(conference).into_iter().flatten();
        let visible = theirs.filter(|(_, one)| one.visible);
        visible.map(|(_, one)| &one.participant)
    }

    fn get_mut(&mut self, leg: &LegKey) -> Option<&mut Shown> {
        self.of.get_mut(&leg.conference)?.get_mut(&leg.leg)
    }

    /// Adds one that is not among them; false when there are too many.
    fn add(&mut self, leg: LegKey, shown: Shown) -> bool {
        let room = self.count < BROUGHT_MAX;
        if room {
            self.of
                .entry(leg.conference)
                .or_default()
                .insert(leg.leg, shown);
            self.count += 1;
        }
        room
    }

    /// Keeps of a conference's what `keep` says.
    fn retain(&mut self, conference: &ConferenceId, keep: impl FnMut(&LegId, &mut Shown) -> bool) {
        let Some(theirs) = self.of.get_mut(conference) else {
            return;
        };
        let before = theirs.len();
        theirs.retain(keep);
        self.count -= before - theirs.len();
        if theirs.is_empty() {
            self.of.remove(conference);
        }
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
        let changed = match (self.brought.get_mut(&leg), on) {
            (Some(one), true) => {
                one.server = server;
                // It may be another one of the same name, which nobody has hidden yet.
                one.hidden = false;
                !std::mem::replace(&mut one.visible, true)
            }
            // The end where it was before.
            (Some(one), false) if one.server != server => false,
            (Some(one), false) if one.hidden => std::mem::replace(&mut one.visible, false),
            (Some(_), false) => {
                self.brought.retain(&conference, |id, _| *id != leg.leg);
                true
            }
            (None, true) => {
                let shown = Shown {
                    server,
                    participant,
                    visible: true,
                    hidden: false,
                };
                self.brought.add(leg, shown)
            }
            (None, false) => false,
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
        let concerned: Vec<ConferenceId> = match conference {
            Some(one) => vec![one.clone()],
            None => self.brought.of.keys().cloned().collect(),
        };
        for id in concerned {
            let mut changed = false;
            self.brought.retain(&id, |_, one| {
                if one.server != server {
                    return true;
                }
                changed = true;
                one.visible = false;
                one.hidden && conference.is_none()
            });
            if changed {
                self.tidy(&id);
                self.changed.push_back(id);
            }
        }
    }

    /// A conference is over, with all that was brought to it.
    pub(super) fn brought_over(&mut self, conference: &ConferenceId) {
        self.brought.retain(conference, |_, _| false);
    }

    /// A server is there (again): it is told what a moderator has wanted meanwhile.
    pub(super) fn obey_moderators_at(&mut self, server: usize) {
        let theirs =
            |shown: &BTreeMap<LegId, Shown>| shown.values().any(|one| one.server == server);
        let of = self.brought.of.iter().filter(|(_, shown)| theirs(shown));
        for conference in of.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.obey_moderator_of_rooms(&conference);
        }
    }

    /// Hides what others bring, or lets it be seen again, as a moderator wants it: at a server that is away, once that is there again. What
    /// is hidden is forgotten with whose it is.
    pub(super) fn obey_moderator_of_rooms(&mut self, conference: &ConferenceId) {
        let known = |room: &&Room| room.now.is_some();
        let Some(room) = self.rooms.get(conference).filter(known) else {
            return;
        };
        let mut commands = Vec::new();
        self.brought.retain(conference, |leg, one| {
            let on = room.hides(&one.participant);
            let up = self.servers.get(one.server).is_some_and(Server::is_up);
            if up && std::mem::replace(&mut one.hidden, on) != on {
                let leg = LegKey {
                    conference: conference.clone(),
                    leg: leg.clone(),
                };
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
        // Who holds the call may show and see all the same.
        let is_in = |entry: &&RosterEntry| entry.leg.mode.may_be_room() && entry.leg.state.is_in();
        let roster = snapshot.roster.iter().filter(is_in);
        let rooms: BTreeSet<LegId> = roster.map(|entry| entry.leg.id.clone()).collect();
        if !rooms.is_subset(&room.video_rooms) {
            // Who has come knows of nobody, and only where it was when they were called.
            (room.speaker, room.told) = (None, None);
        }
        room.video_rooms = rooms;
        if room.video_rooms.is_empty() {
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

    /// Tells whose pictures a moderator hides, so that they are hidden before anything is seen of them, whenever and wherever they are shown
    /// anew.
    pub(super) fn tell_hidden(&mut self, snapshot: &Snapshot) {
        let conference = &snapshot.conference;
        let Some(room) = self.rooms.get_mut(conference) else {
            return;
        };
        let is_hidden = |entry: &&RosterEntry| {
            entry.hidden && entry.leg.mode.may_be_room() && entry.leg.state.is_in()
        };
        let hidden = snapshot.roster.iter().filter(is_hidden);
        let hidden: BTreeSet<(LegId, ParticipantId)> = hidden
            .map(|entry| (entry.leg.id.clone(), entry.participant.id.clone()))
            .collect();
        let before = std::mem::replace(&mut room.hidden, hidden.clone());
        for (_, participant) in hidden.symmetric_difference(&before) {
            self.outputs.push_back(Output::Sight(SightCommand::Hide {
                conference: conference.clone(),
                participant: participant.clone(),
                on: hidden.iter().any(|(_, one)| one == participant),
            }));
        }
    }

    /// Tells at which server video rooms are to show and see, when it is another one. While none has the conference they stay.
    pub(super) fn tell_server(&mut self, conference: &ConferenceId) {
        let Some(room) = self.rooms.get_mut(conference) else {
            return;
        };
        let now = room.now.as_ref().filter(|_| room.has_video_rooms());
        let Some(now) = now else {
            return;
        };
        let server = match room.readiness {
            Readiness::Ready(server) => self.servers.get(server).map(Server::name),
            // Whoever chose it has had it made ready there.
            Readiness::Nowhere if !now.pictures_lost => {
                now.video.as_ref().map(VideoServerName::as_str)
            }
            Readiness::Nowhere | Readiness::Asked(_) => None,
        };
        let server = server.and_then(|name| name.parse::<VideoServerName>().ok());
        if server.is_none() || server == room.told {
            return;
        }
        room.told.clone_from(&server);
        if let Some(server) = server {
            self.outputs.push_back(Output::Sight(SightCommand::Server {
                conference: conference.clone(),
                server,
            }));
        }
    }
}
