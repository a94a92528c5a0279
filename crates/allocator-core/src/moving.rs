//! Conferences whose video server is lost: each is placed anew on another one, and the conference service is told where. Where no other
//! can be had they wait for the one they were at, or for any.
//!
//! ```text
//!            ┌──────────────── prepared, elsewhere ─────────────────┐
//!            ▼                                                      │
//!  there ─ server lost ─► moving: the best of those not tried ──────┤
//!    ▲                       ▲                  │ none is left      │
//!    │                       │ none answered    ▼                   │
//!    └── prepared, again ─ awaited at the server it was at ─ or ─► lost
//! ```

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use convoke_types::video::VideoGuest;
use convoke_types::{ConferenceId, VideoServerName};
use soap_proto::Operation;

use crate::allocator::{Allocator, Timer, after};
use crate::config::PREPARE_WAIT;
use crate::io::Event;
use crate::reasons::NotTaken;
use crate::running::Running;
use crate::services::Purpose;

/// Least time between two rounds of asking for a conference that nobody takes, unless a server is new there.
const ROUND_PAUSE: Duration = Duration::from_secs(5);

/// Where a conference's pictures are.
#[derive(Debug)]
pub(crate) enum Seat {
    /// Its server has its room.
    There,
    /// Its server is asked for its room, or will be when it is reached, and has until then.
    Awaited(Instant),
    /// Another server is asked for it.
    Moving(Move),
    /// Nobody has it. Those that refused are asked again from this moment on.
    Lost(Instant),
}

/// A conference on its way.
#[derive(Debug)]
pub(crate) struct Move {
    to: VideoServerName,
    until: Instant,
    round: Round,
}

/// Who was asked since it was lost.
#[derive(Debug, Clone, Default)]
struct Round {
    /// Servers that did not take it.
    tried: BTreeSet<VideoServerName>,
    /// The one it was at was asked for it again.
    again: bool,
}

impl Seat {
    /// The server that is asked for the conference instead of its own.
    pub fn goes_to(&self) -> Option<&VideoServerName> {
        match self {
            Seat::Moving(moving) => Some(&moving.to),
            Seat::There | Seat::Awaited(_) | Seat::Lost(_) => None,
        }
    }

    /// When something must have happened.
    fn until(&self) -> Option<Instant> {
        match self {
            Seat::There => None,
            Seat::Awaited(until) | Seat::Lost(until) => Some(*until),
            Seat::Moving(moving) => Some(moving.until),
        }
    }
}

/// Legs that a video server promises to these: the camera, the screen, and one that sees.
pub(crate) fn legs_of(guests: &[VideoGuest]) -> u32 {
    let each = |guest: &VideoGuest| 2 * u32::from(guest.shows) + u32::from(guest.sees);
    guests.iter().map(each).fold(0, u32::saturating_add)
}

impl Allocator {
    /// The pictures of a conference are lost with its server.
    pub(crate) fn lose(&mut self, id: &ConferenceId, why: &NotTaken, now: Instant) {
        let Some(running) = self.conferences.get_mut(id).filter(|one| !one.over) else {
            return;
        };
        let server = running.server.clone();
        let words = why.logged();
        running.why = format!("{server}: {words}");
        self.event(Event::PicturesLost {
            conference: id.clone(),
            words,
        });
        let round = Round {
            tried: BTreeSet::from([server]),
            again: false,
        };
        self.place_anew(id, round, now);
        self.publish(id, now);
    }

    /// The server that it was at does not make its room again.
    fn not_again(&mut self, id: &ConferenceId, why: &NotTaken, now: Instant) {
        let running = self.conferences.get(id);
        let Some(server) = running.map(|running| running.server.clone()) else {
            return;
        };
        self.event(Event::NotPlaced {
            conference: id.clone(),
            server: server.clone(),
            words: why.logged(),
        });
        let round = Round {
            tried: BTreeSet::from([server]),
            again: true,
        };
        self.place_anew(id, round, now);
    }

    /// Gives a conference to the best server that was not tried yet, or else to the one that it was at, or leaves it lost.
    fn place_anew(&mut self, id: &ConferenceId, round: Round, now: Instant) {
        let Some(running) = self.conferences.get(id) else {
            return;
        };
        let (home, guests) = (running.server.clone(), running.guests_to_be());
        let near = self.near_running(id);
        let is_tried = |server: &VideoServerName| round.tried.contains(server);
        let to = self.servers.place(legs_of(&guests), is_tried, &near);
        match to {
            Some(to) if to != home => self.ask_to_take(id, to, round, now),
            Some(_) => self.wait_for_home(id, now),
            None if !round.again && self.servers.is_ready(&home) => self.wait_for_home(id, now),
            None => {
                self.take_seat(id, Seat::Lost(after(now, ROUND_PAUSE)));
                self.tell_pictures(id, now);
            }
        }
    }

    fn ask_to_take(&mut self, id: &ConferenceId, to: VideoServerName, round: Round, now: Instant) {
        let Some(running) = self.conferences.get_mut(id) else {
            return;
        };
        running.guests = running.guests_to_be();
        let (title, guests) = (running.board.title.clone(), running.guests.clone());
        let legs = legs_of(&guests);
        self.servers.reserve(&to, id, legs);
        let until = after(now, PREPARE_WAIT);
        let server = to.clone();
        self.take_seat(id, Seat::Moving(Move { to, until, round }));
        self.ask_room(id, &server, title, guests);
    }

    /// Its room is to be where it was, at once or as soon as that server is reached.
    pub(crate) fn wait_for_home(&mut self, id: &ConferenceId, now: Instant) {
        self.take_seat(id, Seat::Awaited(after(now, PREPARE_WAIT)));
        self.prepare_again(id);
    }

    fn take_seat(&mut self, id: &ConferenceId, seat: Seat) {
        if let Some(until) = seat.until() {
            self.set_timer(until, Timer::Seat(id.clone()));
        }
        if let Some(running) = self.conferences.get_mut(id) {
            running.seat = seat;
        }
    }

    /// A server has made a room for a conference that runs; whether it was asked to.
    pub(crate) fn on_seat(&mut self, id: &ConferenceId, server: &VideoServerName, now: Instant) {
        let Some(running) = self.conferences.get(id) else {
            return;
        };
        let former = running.server.clone();
        match &running.seat {
            Seat::Moving(moving) if moving.to == *server => {
                self.take_seat(id, Seat::There);
                if let Some(running) = self.conferences.get_mut(id) {
                    running.server = server.clone();
                }
                self.free_room(id, &former, true);
                self.event(Event::Moved {
                    conference: id.clone(),
                    from: former,
                    to: server.clone(),
                });
            }
            Seat::Awaited(_) | Seat::Lost(_) if former == *server => {
                self.take_seat(id, Seat::There);
            }
            Seat::There | Seat::Awaited(_) | Seat::Moving(_) | Seat::Lost(_) => return,
        }
        self.publish(id, now);
        self.tell_pictures(id, now);
    }

    /// A server does not make, or does not keep, the room that a conference was to move to, or to have again. `end`: something may have
    /// been left there.
    pub(crate) fn on_no_seat(
        &mut self,
        id: &ConferenceId,
        server: &VideoServerName,
        why: &NotTaken,
        end: bool,
        now: Instant,
    ) {
        let Some(running) = self.conferences.get(id).filter(|one| !one.over) else {
            return;
        };
        match &running.seat {
            Seat::Moving(moving) if moving.to == *server => {
                let mut round = moving.round.clone();
                round.tried.insert(server.clone());
                self.event(Event::NotPlaced {
                    conference: id.clone(),
                    server: server.clone(),
                    words: why.logged(),
                });
                self.free_room(id, server, end);
                self.place_anew(id, round, now);
            }
            Seat::Awaited(_) if running.server == *server => self.not_again(id, why, now),
            Seat::There | Seat::Awaited(_) | Seat::Moving(_) | Seat::Lost(_) => {}
        }
    }

    /// What a conference waits for did not come in time, or another round may begin.
    pub(crate) fn on_seat_due(&mut self, id: &ConferenceId, now: Instant) {
        let running = self.conferences.get(id).filter(|one| !one.over);
        let due = |seat: &Seat| seat.until().is_some_and(|until| until <= now);
        let Some(running) = running.filter(|one| due(&one.seat)) else {
            return;
        };
        match &running.seat {
            Seat::Awaited(_) => self.not_again(id, &NotTaken::Late, now),
            Seat::Moving(moving) => {
                let to = moving.to.clone();
                self.on_no_seat(id, &to, &NotTaken::Late, true, now);
            }
            Seat::Lost(_) => self.seek(id, now),
            Seat::There => {}
        }
    }

    /// A server is there: it may have conferences that nobody has. `fresh`: it was not before.
    pub(crate) fn seat_the_lost(&mut self, server: &VideoServerName, fresh: bool, now: Instant) {
        let waits = |one: &Running| match &one.seat {
            _ if one.over => false,
            Seat::Lost(next) => fresh || *next <= now,
            Seat::Awaited(_) => fresh && one.server == *server,
            Seat::There | Seat::Moving(_) => false,
        };
        let waiting = self.conferences.iter().filter(|(_, one)| waits(one));
        let waiting: Vec<ConferenceId> = waiting.map(|(id, _)| id.clone()).collect();
        for id in waiting {
            let running = self.conferences.get(&id);
            match running.is_some_and(|running| running.server == *server) {
                true => self.wait_for_home(&id, now),
                false => self.seek(&id, now),
            }
        }
    }

    /// Another round, if there is anybody to ask.
    fn seek(&mut self, id: &ConferenceId, now: Instant) {
        let Some(running) = self.conferences.get(id) else {
            return;
        };
        let legs = legs_of(&running.guests_to_be());
        let near = self.near_running(id);
        if self.servers.place(legs, |_| false, &near).is_some() {
            self.place_anew(id, Round::default(), now);
        }
    }

    /// Servers that have other conferences of the same people.
    fn near_running(&self, id: &ConferenceId) -> BTreeSet<VideoServerName> {
        let people = self.conferences.get(id).into_iter();
        let people = people.flat_map(|running| &running.board.participants);
        self.near(people.filter_map(|one| one.user.as_ref()).collect())
    }

    /// Tells the conference service where the pictures are, where it thinks otherwise.
    pub(crate) fn tell_pictures(&mut self, id: &ConferenceId, now: Instant) {
        let running = self.conferences.get(id).filter(|one| !one.over);
        let Some((running, video)) = running.and_then(|one| Some((one, one.video()?))) else {
            return;
        };
        let board = &running.board;
        let known = match &video {
            Some(_) => board.video == video && !board.pictures_lost,
            None => board.pictures_lost,
        };
        let told = |purpose: &Purpose| matches!(purpose, Purpose::Pictures(of, _) if of == id);
        let mut questions = self.questions.values();
        if known || questions.any(|question| told(&question.purpose)) {
            return;
        }
        let words = Some(running.why.clone()).filter(|words| !words.is_empty());
        let (wall, conference) = (running.wall_at(now), id.clone());
        let purpose = Purpose::Pictures(id.clone(), video.clone());
        let operation = Operation::Pictures {
            conference,
            video,
            words,
        };
        // What is too long was cut, and an identifier always fits.
        let _ = self.command(operation, purpose, wall, now);
    }

    /// It was told. What has changed meanwhile is told now.
    pub(crate) fn on_pictures_told(
        &mut self,
        id: &ConferenceId,
        told: &Option<VideoServerName>,
        now: Instant,
    ) {
        let running = self.conferences.get(id);
        let now_at = running.and_then(Running::video);
        if now_at.is_some_and(|video| video != *told) {
            self.tell_pictures(id, now);
        }
    }
}

impl Running {
    /// What the conference service should know: the server that has the pictures, `Some(None)` while they are lost, and `None` while
    /// that is open.
    fn video(&self) -> Option<Option<VideoServerName>> {
        match self.seat {
            Seat::There => Some(Some(self.server.clone())),
            Seat::Lost(_) => Some(None),
            Seat::Awaited(_) | Seat::Moving(_) => None,
        }
    }
}
