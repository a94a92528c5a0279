//! What the video servers tell: that they are there or not, that a room was prepared or is gone.

use std::time::Instant;

use convoke_types::bridge_protocol::Announcement;
use convoke_types::video::{VideoCommand, VideoEvent};
use convoke_types::{ConferenceId, Fault, FaultCode, VideoServerName};

use crate::allocator::Allocator;
use crate::asks::Stage;
use crate::io::{Event, Output};
use crate::running::Running;

impl Allocator {
    /// A server can be reached: what could not be ended there is, and what it should have is prepared again.
    pub(crate) fn on_announced(
        &mut self,
        server: &VideoServerName,
        says: Announcement,
        now: Instant,
    ) {
        for conference in self.servers.announced(server, says) {
            self.output(Output::Video {
                server: server.clone(),
                command: VideoCommand::End { conference },
            });
        }
        if !self.servers.is_ready(server) {
            return;
        }
        let without = |one: &Running| one.server == *server && !one.over && !one.pictures;
        let theirs = self.conferences.iter().filter(|(_, one)| without(one));
        let ids: Vec<ConferenceId> = theirs.map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.prepare_again(&id);
            self.publish(&id, now);
        }
    }

    /// A server cannot be reached any more.
    pub(crate) fn on_server_lost(&mut self, server: &VideoServerName, words: &str, now: Instant) {
        for id in self.servers.lost(server, words) {
            match self.asks.get(&id).map(|ask| ask.stage.clone()) {
                Some(Stage::Preparing(at)) if at == *server => {
                    self.not_placed(&id, server, words.to_owned(), true, now);
                }
                Some(Stage::Creating(at)) if at == *server => {
                    self.room_lost(&id, server, words, now)
                }
                Some(_) => {}
                None => self.pictures(&id, Err(words), now),
            }
        }
    }

    /// A room is not needed any more. `end`: something may be left there.
    pub(crate) fn free_room(&mut self, id: &ConferenceId, server: &VideoServerName, end: bool) {
        let reached = self.servers.release(server, id);
        if end {
            self.servers.give_up(server, id);
        }
        if reached && end {
            self.output(Output::Video {
                server: server.clone(),
                command: VideoCommand::End {
                    conference: id.clone(),
                },
            });
        }
    }

    /// The room of a request whose conference is being created is gone: all is taken back.
    fn room_lost(
        &mut self,
        id: &ConferenceId,
        server: &VideoServerName,
        words: &str,
        now: Instant,
    ) {
        let came = format!("{server}: {words}");
        let fault = Fault::new(FaultCode::Overloaded, "a video server that stays", came);
        self.on_not_created(id, fault, now);
    }

    fn pictures(&mut self, id: &ConferenceId, there: Result<(), &str>, now: Instant) {
        let Some(running) = self.conferences.get_mut(id).filter(|one| !one.over) else {
            return;
        };
        if running.pictures == there.is_ok() {
            return;
        }
        running.pictures = there.is_ok();
        if let Err(words) = there {
            self.event(Event::PicturesLost {
                conference: id.clone(),
                words: words.to_owned(),
            });
        }
        self.publish(id, now);
    }

    /// A server told something of a conference.
    pub(crate) fn on_video(&mut self, server: &VideoServerName, event: VideoEvent, now: Instant) {
        match event {
            VideoEvent::Prepared { conference } => self.on_room(&conference, server, now),
            VideoEvent::Refused {
                conference, words, ..
            } => match self.asks.get(&conference).map(|ask| &ask.stage) {
                Some(Stage::Preparing(at)) if at == server => {
                    self.not_placed(&conference, server, words, false, now);
                }
                // What it had before is as it was.
                _ => {}
            },
            VideoEvent::Ended {
                conference,
                lost: Some(words),
            } => match self.asks.get(&conference).map(|ask| &ask.stage) {
                Some(Stage::Preparing(at)) if at == server => {
                    self.not_placed(&conference, server, words, false, now);
                }
                Some(Stage::Creating(at)) if at == server => {
                    self.room_lost(&conference, server, &words, now);
                }
                _ => self.lost_room(&conference, server, &words, now),
            },
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

    /// A server has prepared a room. Every room is told to everybody who commands the server, and the conference role prepares rooms
    /// too: one that we do not know is somebody else's, and stays.
    fn on_room(&mut self, id: &ConferenceId, server: &VideoServerName, now: Instant) {
        let stage = self.asks.get(id).map(|ask| &ask.stage);
        let running = self.conferences.get(id).filter(|one| !one.over);
        match (stage, running) {
            (Some(Stage::Preparing(at)), _) if at == server => self.on_prepared(id, server, now),
            (None, Some(one)) if one.server == *server => self.pictures(id, Ok(()), now),
            // As soon as the conference service was asked, the conference role may have moved it here.
            (Some(Stage::Creating(_)), _) | (None, Some(_)) => {}
            // Too late: we gave this room up.
            _ if self.servers.was_given_up(server, id) => self.output(Output::Video {
                server: server.clone(),
                command: VideoCommand::End {
                    conference: id.clone(),
                },
            }),
            _ => {}
        }
    }

    fn lost_room(
        &mut self,
        id: &ConferenceId,
        server: &VideoServerName,
        words: &str,
        now: Instant,
    ) {
        let running = self.conferences.get(id);
        if running.is_none_or(|one| one.over || one.server != *server) {
            return;
        }
        self.pictures(id, Err(words), now);
        if self.servers.is_ready(server) {
            self.prepare_again(id);
        }
    }
}
