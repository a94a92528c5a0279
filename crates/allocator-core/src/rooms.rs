//! What the video servers tell: that they are there or not, that a room was prepared or is gone.

use std::time::Instant;

use convoke_types::bridge_protocol::Announcement;
use convoke_types::video::{VideoCommand, VideoEvent, VideoGuest};
use convoke_types::{ConferenceId, VideoServerName};

use crate::allocator::Allocator;
use crate::asks::Stage;
use crate::io::Output;
use crate::reasons::{NotTaken, Reason};

impl Allocator {
    /// A server can be reached: what could not be ended there is, and what it should have is prepared again.
    pub(crate) fn on_announced(
        &mut self,
        server: &VideoServerName,
        says: Announcement,
        now: Instant,
    ) {
        let was_ready = self.servers.is_ready(server);
        let why = NotTaken::of(&says);
        for conference in self.servers.announced(server, says) {
            self.end_room(&conference, server);
        }
        let Some(why) = why else {
            return self.seat_the_lost(server, !was_ready, now);
        };
        // What it stands for is gone. Of its rooms it says that too, or has: whichever comes first.
        for id in self.servers.rooms_of(server) {
            self.room_gone(&id, server, why.clone(), false, now);
        }
    }

    /// A server cannot be reached any more.
    pub(crate) fn on_server_lost(&mut self, server: &VideoServerName, words: &str, now: Instant) {
        for id in self.servers.lost(server, words) {
            self.room_gone(&id, server, NotTaken::Away(words.to_owned()), true, now);
        }
    }

    /// A server does not have a room (any more). `left`: it may have it all the same.
    fn room_gone(
        &mut self,
        id: &ConferenceId,
        server: &VideoServerName,
        why: NotTaken,
        left: bool,
        now: Instant,
    ) {
        match self.asks.get(id).map(|ask| ask.stage.clone()) {
            Some(Stage::Preparing(at)) if at == *server => {
                self.not_placed(id, server, why, left, now);
            }
            // The conference is being created: all is taken back.
            Some(Stage::Creating(at)) if at == *server => {
                self.on_not_created(id, Reason::RoomLost(at, why), now);
            }
            Some(_) => {}
            None => match self.conferences.get(id) {
                Some(running) if running.server == *server && running.has_pictures() => {
                    self.lose(id, &why, now);
                }
                Some(_) => self.on_no_seat(id, server, &why, left, now),
                None => {}
            },
        }
    }

    /// A room is not needed any more. `end`: something may be left there.
    pub(crate) fn free_room(&mut self, id: &ConferenceId, server: &VideoServerName, end: bool) {
        let reached = self.servers.release(server, id);
        if end {
            self.servers.give_up(server, id);
        }
        if reached && end {
            self.end_room(id, server);
        }
    }

    /// Asks a server for a room for exactly these people.
    pub(crate) fn ask_room(
        &mut self,
        id: &ConferenceId,
        server: &VideoServerName,
        title: String,
        guests: Vec<VideoGuest>,
    ) {
        let command = VideoCommand::Prepare {
            conference: id.clone(),
            serial: self.servers.ask(server, id),
            title,
            guests,
        };
        self.command_server(server, command);
    }

    fn end_room(&mut self, id: &ConferenceId, server: &VideoServerName) {
        let conference = id.clone();
        self.command_server(server, VideoCommand::End { conference });
    }

    fn command_server(&mut self, server: &VideoServerName, command: VideoCommand) {
        let server = server.clone();
        self.output(Output::Video { server, command });
    }

    /// A server told something of a conference.
    pub(crate) fn on_video(&mut self, server: &VideoServerName, event: VideoEvent, now: Instant) {
        match event {
            VideoEvent::Prepared { conference, serial } => {
                let answers = self.servers.is_asked(server, &conference, serial);
                self.on_room(&conference, server, answers, now);
            }
            // To what was asked before.
            VideoEvent::Refused {
                conference, serial, ..
            } if !self.servers.is_asked(server, &conference, serial) => {}
            VideoEvent::Refused {
                conference,
                refusal,
                words,
                ..
            } => {
                let why = NotTaken::Refused(refusal, words);
                match self.asks.get(&conference).map(|ask| &ask.stage) {
                    Some(Stage::Preparing(at)) if at == server => {
                        self.not_placed(&conference, server, why, false, now);
                    }
                    Some(_) => {}
                    // Nothing of what it refuses is left there; what waits for a place there has to have another.
                    None => self.on_no_seat(&conference, server, &why, false, now),
                }
            }
            VideoEvent::Ended {
                conference,
                lost: Some(words),
            } => self.room_gone(&conference, server, NotTaken::RoomGone(words), false, now),
            // The owner of the dialogs has to do with these.
            VideoEvent::Answered { .. }
            | VideoEvent::Offered { .. }
            | VideoEvent::Failed { .. }
            | VideoEvent::Connected { .. }
            | VideoEvent::Visible { .. }
            | VideoEvent::Closed { .. }
            | VideoEvent::Ended { lost: None, .. } => {}
        }
    }

    /// A server has prepared a room. A server may tell everybody who commands it, and the conference role prepares rooms too: one that we
    /// do not know is somebody else's, and stays. `answers`: it was asked for that last, and not for another list of people since.
    fn on_room(
        &mut self,
        id: &ConferenceId,
        server: &VideoServerName,
        answers: bool,
        now: Instant,
    ) {
        let stage = self.asks.get(id).map(|ask| &ask.stage);
        let running = self.conferences.get(id).filter(|one| !one.over);
        let awaited = match (stage, running) {
            (Some(Stage::Preparing(at)), _) => at == server,
            (None, Some(one)) => one.server == *server || one.seat.goes_to() == Some(server),
            (Some(Stage::Modes | Stage::Creating(_)), _) | (None, None) => false,
        };
        match (stage, running) {
            _ if awaited && !answers => {}
            (Some(_), _) if awaited => self.on_prepared(id, server, now),
            (None, _) if awaited => self.on_seat(id, server, now),
            // As soon as the conference service was asked, the conference role may have moved it here.
            (Some(Stage::Creating(_)), _) | (None, Some(_)) => {}
            // Too late: we gave this room up.
            _ if self.servers.was_given_up(server, id) => self.end_room(id, server),
            _ => {}
        }
    }
}
