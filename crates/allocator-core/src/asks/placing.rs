//! Which video server prepares the request: the best one, and the next when that does not.

use std::collections::BTreeSet;
use std::time::Instant;

use convoke_types::{Aor, ConferenceId, VideoServerName};

use super::Stage;
use crate::allocator::Allocator;
use crate::config::{CONFERENCES_MAX, PREPARE_WAIT};
use crate::io::Event;
use crate::reasons::{NotTaken, Reason};

impl Allocator {
    /// Gives the request to the best server that was not tried yet.
    pub(super) fn place(&mut self, id: &ConferenceId, now: Instant) {
        let Some(ask) = self.asks.get(id) else {
            return;
        };
        let people = ask.people.iter();
        let near = self.near(people.filter_map(|one| one.user.as_ref()).collect());
        let (legs, tried) = (ask.legs, &ask.tried);
        let full = self.conferences.len() >= CONFERENCES_MAX;
        let is_tried = |server: &VideoServerName| tried.contains_key(server);
        let server = self.servers.place(legs, is_tried, &near);
        let server = server.filter(|_| !full);
        let Some(server) = server else {
            let reason = match full {
                true => Reason::Full,
                false => Reason::NoServer(self.servers.why_not(legs, tried)),
            };
            return self.refuse_ask(id, reason, now);
        };
        self.prepare_at(id, server, now);
    }

    pub(super) fn prepare_at(&mut self, id: &ConferenceId, server: VideoServerName, now: Instant) {
        let Some(ask) = self.asks.get(id) else {
            return;
        };
        let (title, guests) = (ask.wanted.title.clone(), ask.guests());
        self.servers.reserve(&server, id, ask.legs);
        self.stage(
            id,
            Stage::Preparing(server.clone()),
            Some(PREPARE_WAIT),
            now,
        );
        self.ask_room(id, &server, title, guests);
    }

    /// Servers that have conferences with some of these people.
    pub(crate) fn near(&self, users: BTreeSet<&Aor>) -> BTreeSet<VideoServerName> {
        let there = self.conferences.values();
        let there = there.filter(|running| running.has_pictures());
        let shared = there.filter(|running| {
            let mut in_it = running.board.participants.iter();
            in_it.any(|one| one.user.as_ref().is_some_and(|user| users.contains(user)))
        });
        shared.map(|running| running.server.clone()).collect()
    }

    /// A server did not take the request: the next one is tried. `end`: something may have been left there.
    pub(crate) fn not_placed(
        &mut self,
        id: &ConferenceId,
        server: &VideoServerName,
        why: NotTaken,
        end: bool,
        now: Instant,
    ) {
        self.event(Event::NotPlaced {
            conference: id.clone(),
            server: server.clone(),
            words: why.logged(),
        });
        if let Some(ask) = self.asks.get_mut(id) {
            ask.tried.insert(server.clone(), why);
        }
        self.free_room(id, server, end);
        self.place(id, now);
    }

    /// What a request waits for took too long.
    pub(crate) fn on_ask_late(&mut self, id: &ConferenceId, now: Instant) {
        let stage = self.asks.get(id).map(|ask| ask.stage.clone());
        if let Some(Stage::Preparing(server)) = stage {
            self.not_placed(id, &server, NotTaken::Late, true, now);
        }
    }
}
