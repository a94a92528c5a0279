//! On which video server a conference is, and who is let in there: what is asked of servers as a whole, and what comes of what they say.
//!
//! A server is asked one thing of a conference at a time. What it may still have of one when it should not is asked for to be ended, and
//! until it says so it is not asked for that conference again.

use std::time::Instant;

use convoke_types::ConferenceId;
use convoke_types::bridge_protocol::Announcement;
use convoke_types::video::VideoCommand;
use sip_proto::call::CallKey;

use super::room::{NoPlace, Readiness, Room, Server, place};
use super::{AVOIDED, MOVED, NO_ANSWER, Pictures, Stage, brief};
use crate::calls::line::Line;
use crate::ports::{Event, Output};

impl Pictures {
    /// A video server says what it is.
    pub(crate) fn announced(&mut self, line: &mut Line<'_>, server: usize, said: &Announcement) {
        let Some(at) = self.servers.get_mut(server) else {
            return;
        };
        let was_up = at.is_up();
        if !at.announce(said) {
            return self.lost(line, server, "The video server is away");
        }
        if !was_up {
            for conference in at.left().clone() {
                self.video(server, VideoCommand::End { conference });
            }
            for conference in self.nowhere() {
                self.place(line, &conference, None);
            }
            self.obey_moderators_at(server);
        }
    }

    /// The conferences that are on no server, in their order.
    fn nowhere(&self) -> Vec<ConferenceId> {
        let nowhere = |room: &&Room| room.readiness == Readiness::Nowhere;
        let rooms = self.rooms.iter().filter(|(_, room)| nowhere(room));
        let mut found: Vec<ConferenceId> =
            rooms.map(|(conference, _)| conference.clone()).collect();
        found.sort_unstable();
        found
    }

    /// A video server is away: pictures end, and nothing else.
    pub(crate) fn lost(&mut self, line: &mut Line<'_>, server: usize, words: &str) {
        self.brought_away(server, None);
        if let Some(server) = self.servers.get_mut(server) {
            server.lose(line.now);
        }
        let there = |room: &&Room| room.readiness.server() == Some(server);
        let rooms = self.rooms.iter().filter(|(_, room)| there(room));
        let mut lost: Vec<ConferenceId> = rooms.map(|(conference, _)| conference.clone()).collect();
        lost.sort_unstable();
        for conference in lost {
            // It may have them still, and others may keep it from ending them.
            if self.is_ours(&conference, server)
                && let Some(at) = self.servers.get_mut(server)
            {
                at.leave(&conference);
            }
            self.lose_room(line, &conference, words);
        }
        // Who waits until it has ended something waits no more for that.
        for conference in self.nowhere() {
            self.place(line, &conference, Some(words));
        }
    }

    /// Who chose a conference's server says something else of it now: that another one has the pictures, or that they are lost.
    pub(super) fn follow(&mut self, line: &mut Line<'_>, conference: &ConferenceId) {
        let room = self.rooms.get(conference);
        let Some((room, now)) = room.and_then(|room| Some((room, room.now.as_ref()?))) else {
            return;
        };
        let mut servers = self.servers.iter();
        let chosen = servers.position(|server| server.is_up() && server.is_chosen(now));
        if let (Some(server), Some(chosen)) = (room.readiness.server(), chosen)
            && server != chosen
        {
            self.lose_room(line, conference, MOVED);
            self.release(conference, server);
        }
        let room = self.rooms.get(conference);
        if room.is_some_and(|room| room.readiness == Readiness::Nowhere) {
            self.place(line, conference, None);
        }
    }

    /// There is no such conference, or no longer.
    pub(crate) fn over(&mut self, line: &mut Line<'_>, conference: &ConferenceId) {
        for key in self.calls_of(conference) {
            let Some(call) = self.known.get_mut(&key) else {
                continue;
            };
            // The end of the conference there is that of its legs: of many words the last might find no room.
            call.server = None;
            let (status, words) = match call.stage {
                Stage::Asked => (404, "Not Found"),
                _ => (410, "The conference has ended"),
            };
            self.end(line, key, status, words);
        }
        self.brought_over(conference);
        if let Some(room) = self.rooms.remove(conference)
            && let Some(server) = room.readiness.server()
        {
            self.release(conference, server);
        }
    }

    /// Has a conference that is on no server made ready on one for those who wait, if there are any. Where it cannot be, they are
    /// refused; the words are those of the server that was asked last.
    pub(super) fn place(
        &mut self,
        line: &mut Line<'_>,
        conference: &ConferenceId,
        words: Option<&str>,
    ) {
        let Some(room) = self.rooms.get_mut(conference) else {
            return;
        };
        let waits = |key: &CallKey| {
            let call = self.known.get(key);
            call.is_some_and(|call| call.stage == Stage::Preparing)
        };
        let waiting: Vec<CallKey> = room.calls.iter().copied().filter(waits).collect();
        if waiting.is_empty() {
            room.tried.clear();
            return self.tidy(conference);
        }
        let room = &*room;
        match place(&self.servers, conference, room, line.now) {
            Ok(server) => {
                for key in waiting {
                    self.wait_for_room(key, line.now);
                }
                self.prepare(conference, server);
            }
            Err(NoPlace::Until(until)) => {
                for key in waiting {
                    self.hold(key, until);
                }
            }
            // It is placed as soon as the former is gone there.
            Err(_) if self.is_being_ended(conference) => {}
            Err(NoPlace::Words(why)) => {
                let words = match words {
                    Some(words) => {
                        self.without_pictures(conference, words);
                        words
                    }
                    None => why,
                };
                if let Some(room) = self.rooms.get_mut(conference) {
                    room.tried.clear();
                }
                for key in waiting {
                    self.end(line, key, 503, words);
                }
                self.tidy(conference);
            }
        }
    }

    /// Whether a server that has not been asked in vain is about to be rid of what it had of a conference.
    fn is_being_ended(&self, conference: &ConferenceId) -> bool {
        let room = self.rooms.get(conference);
        let mut servers = self.servers.iter().enumerate();
        servers.any(|(at, server)| {
            let tried = room.is_some_and(|room| room.tried.contains(&at));
            server.is_up() && server.left().contains(conference) && !tried
        })
    }

    fn prepare(&mut self, conference: &ConferenceId, server: usize) {
        let Some(room) = self.rooms.get_mut(conference) else {
            return;
        };
        if room.readiness == Readiness::Nowhere {
            room.readiness = Readiness::Asked(server);
        }
        let guests = room.guests_now();
        self.serial = self.serial.wrapping_add(1);
        let serial = self.serial;
        room.asked = Some((serial, guests.clone()));
        let prepare = VideoCommand::Prepare {
            conference: conference.clone(),
            serial,
            title: room.title(),
            guests,
        };
        self.video(server, prepare);
    }

    /// Tells the server who is there now, if that is not what it knows, and if it has answered to what it was told last.
    pub(super) fn tell_guests(&mut self, conference: &ConferenceId) {
        let Some(room) = self.rooms.get(conference) else {
            return;
        };
        let (Some(server), None) = (room.readiness.server(), &room.asked) else {
            return;
        };
        let now = room.guests_now();
        if room.guests != now && room.refused.as_ref() != Some(&now) {
            self.prepare(conference, server);
        }
    }

    pub(super) fn prepared(
        &mut self,
        line: &Line<'_>,
        server: usize,
        conference: &ConferenceId,
        serial: u32,
    ) {
        let left = |server: &Server| server.left().contains(conference);
        if self.servers.get(server).is_none_or(left) {
            return;
        }
        let Some(room) = self.rooms.get_mut(conference) else {
            return;
        };
        if room.readiness.server() != Some(server) {
            // Servers tell all who command them: it may be somebody else who has asked for it.
            if room.now.as_ref().is_some_and(|now| now.video.is_none()) {
                self.release(conference, server);
            }
            return;
        }
        let Some((_, guests)) = room.asked.take_if(|(asked, _)| *asked == serial) else {
            return;
        };
        room.readiness = Readiness::Ready(server);
        room.guests = guests;
        room.refused = None;
        room.tried.clear();
        for key in self.waiting(conference, true) {
            self.open(key, server, line.now);
        }
        self.tell_guests(conference);
        self.tell_server(conference);
    }

    /// A server has not made a conference ready. Where it had before, all is as it was, and only who has come since is not let in.
    pub(super) fn refused(
        &mut self,
        line: &mut Line<'_>,
        server: usize,
        (conference, serial): (&ConferenceId, u32),
        words: &str,
    ) {
        let left = |server: &Server| server.left().contains(conference);
        if self.servers.get(server).is_none_or(left) {
            return;
        }
        let Some(room) = self.rooms.get_mut(conference) else {
            return;
        };
        if room
            .asked
            .as_ref()
            .is_none_or(|(asked, _)| *asked != serial)
        {
            return;
        }
        match room.readiness {
            Readiness::Asked(at) if at == server => {
                self.not_there(conference, server, line.now);
                self.place(line, conference, Some(words));
            }
            Readiness::Ready(at) if at == server => {
                let Some((_, asked)) = room.asked.take() else {
                    return;
                };
                room.refused = Some(asked);
                self.without_pictures(conference, words);
                for key in self.waiting(conference, false) {
                    self.end(line, key, 503, words);
                }
                self.tell_guests(conference);
            }
            _ => {}
        }
    }

    /// A server was asked for a conference in vain.
    fn not_there(&mut self, conference: &ConferenceId, server: usize, now: Instant) {
        if let Some(room) = self.rooms.get_mut(conference) {
            room.nowhere();
            room.tried.insert(server);
        }
        if let Some(server) = self.servers.get_mut(server) {
            server.avoid(now.checked_add(AVOIDED));
        }
    }

    /// Those who wait for the conference's server, and are on its list or not.
    fn waiting(&self, conference: &ConferenceId, served: bool) -> Vec<CallKey> {
        let Some(room) = self.rooms.get(conference) else {
            return Vec::new();
        };
        let waits = |key: &CallKey| {
            let call = self.known.get(key);
            let call = call.filter(|call| call.stage == Stage::Preparing);
            let participant = call.and_then(|call| call.participant.as_ref());
            participant.is_some_and(|participant| room.serves(participant) == served)
        };
        room.calls.iter().copied().filter(waits).collect()
    }

    /// Has a server give a conference up; one that is away is told when it is back.
    fn release(&mut self, conference: &ConferenceId, server: usize) {
        let Some(at) = self.servers.get_mut(server) else {
            return;
        };
        at.leave(conference);
        if at.is_up() {
            let conference = conference.clone();
            self.video(server, VideoCommand::End { conference });
        }
    }

    /// Whether nobody but us has asked for a conference on this server.
    fn is_ours(&self, conference: &ConferenceId, server: usize) -> bool {
        let now = self
            .rooms
            .get(conference)
            .and_then(|room| room.now.as_ref());
        let chosen = self.servers.get(server).zip(now);
        !chosen.is_some_and(|(server, now)| server.is_chosen(now))
    }

    /// A conference is no more on a server.
    pub(super) fn gone(
        &mut self,
        line: &mut Line<'_>,
        server: usize,
        conference: &ConferenceId,
        (words, lost): (&str, bool),
    ) {
        if self
            .servers
            .get_mut(server)
            .is_some_and(|at| at.rid(conference))
        {
            let readiness = self.rooms.get(conference).map(|room| room.readiness);
            if readiness == Some(Readiness::Nowhere) {
                self.place(line, conference, None);
            }
            return;
        }
        let readiness = self.rooms.get(conference).map(|room| room.readiness);
        // Somebody else had ended it before it was asked for anew: what was asked for comes still.
        if readiness == Some(Readiness::Asked(server)) && !lost {
            return;
        }
        if readiness.and_then(Readiness::server) == Some(server) {
            self.lose_room(line, conference, words);
        }
    }

    pub(super) fn lose_room(
        &mut self,
        line: &mut Line<'_>,
        conference: &ConferenceId,
        words: &str,
    ) {
        self.without_pictures(conference, words);
        if let Some(room) = self.rooms.get_mut(conference) {
            room.nowhere();
            room.tried.clear();
        }
        for key in self.calls_of(conference) {
            if let Some(call) = self.known.get_mut(&key)
                && call.stage != Stage::Asked
            {
                call.server = None;
                self.end(line, key, 503, words);
            }
        }
        self.tidy(conference);
    }

    /// A server has not made a conference ready in time: what it says of it later is nothing to us.
    pub(super) fn forget_server(&mut self, line: &mut Line<'_>, conference: &ConferenceId) {
        let readiness = self.rooms.get(conference).map(|room| room.readiness);
        let Some(Readiness::Asked(server)) = readiness else {
            return;
        };
        self.not_there(conference, server, line.now);
        if self.is_ours(conference, server) {
            self.release(conference, server);
        }
        self.place(line, conference, Some(NO_ANSWER));
    }

    fn without_pictures(&mut self, conference: &ConferenceId, words: &str) {
        self.outputs.push_back(Output::Event(Event::NoPictures {
            conference: conference.clone(),
            words: brief(words),
        }));
    }
}
