//! Conferences that are there: their people are invited, their pictures kept, their presence published, until they are over.

use std::time::Instant;

use bytes::Bytes;
use convoke_types::report::{Change, Report};
use convoke_types::video::VideoGuest;
use convoke_types::{Aor, ConferenceId, Mode, VideoServerName};
use service_core::presence::{Face, Publication};
use service_core::words::Language;
use soap_proto::invitation::{self, Invitation, WayIn};
use soap_proto::{Applied, BROWSER, ConferenceState, Snapshot, UtcMillis, VideoAnswer};

use crate::allocator::{Allocator, Duty, Timer, WORDS_TYPE, wall_at};
use crate::asks::{Wanted, left_out};
use crate::config::{CONFERENCES_MAX, INVITATION_LIFE_S};
use crate::io::{Event, Output};
use crate::moving::{Seat, legs_of};
use crate::replies::requested;
use crate::speak;
use crate::ways::{How, Person};

/// Most questions for the state of conferences of a former run at once.
const STRANGE_MAX: usize = 64;

/// A conference.
#[derive(Debug)]
pub(crate) struct Running {
    pub people: Vec<Person>,
    pub server: VideoServerName,
    pub board: Snapshot,
    pub publication: Publication,
    /// Who asked for it; nobody of this run, where it was found running.
    wanted: Option<(Aor, Wanted)>,
    /// The asker knows of it, and the others are invited.
    told: bool,
    /// Where its pictures are.
    pub seat: Seat,
    /// Why they were lost last, as reports tell it: in English.
    pub why: String,
    /// It is over, and its presence is being taken back.
    pub over: bool,
    /// As the server was last told.
    pub guests: Vec<VideoGuest>,
    wall: UtcMillis,
    since: Instant,
}

impl Running {
    pub fn begin(
        asker: Aor,
        wanted: Wanted,
        people: Vec<Person>,
        server: VideoServerName,
        board: Snapshot,
        guests: Vec<VideoGuest>,
        (wall, now): (UtcMillis, Instant),
    ) -> Self {
        Self {
            people,
            server,
            board,
            publication: Publication::default(),
            wanted: Some((asker, wanted)),
            told: false,
            seat: Seat::There,
            why: String::new(),
            over: false,
            guests,
            wall,
            since: now,
        }
    }

    /// Its server has its room.
    pub fn has_pictures(&self) -> bool {
        matches!(self.seat, Seat::There)
    }

    /// As a server is to be told now. A roster that was cut says less than what is known already.
    pub fn guests_to_be(&self) -> Vec<VideoGuest> {
        match self.has_all() || self.guests.is_empty() {
            true => self.guests_now(),
            false => self.guests.clone(),
        }
    }

    pub fn wall_at(&self, now: Instant) -> UtcMillis {
        wall_at(self.wall, self.since, now)
    }

    /// Whether the roster is whole: one that was cut says nothing of those who are not in it.
    fn has_all(&self) -> bool {
        u32::try_from(self.board.participants.len()).is_ok_and(|len| len >= self.board.count)
    }

    /// Everybody on the roster, as the server is to know them: who has an account can show and see, by whatever way their sound goes, and so can video rooms. The
    /// conference role tells the server the same.
    fn guests_now(&self) -> Vec<VideoGuest> {
        let guest = |one: &soap_proto::ParticipantSnapshot| {
            let with_client = one.place == BROWSER;
            let planned = self.guests.iter().find(|guest| guest.participant == one.id);
            let mode = planned.map(|guest| guest.mode);
            let mode = mode.filter(|mode| (*mode == Mode::Computer) == with_client);
            let otherwise = match with_client {
                true => Mode::Computer,
                // A place that nobody has named is called as its mode.
                false => one.place.parse().unwrap_or(Mode::Pstn),
            };
            let mode = mode.unwrap_or(otherwise);
            let shows = one.user.is_some() || mode.may_be_room();
            VideoGuest {
                participant: one.id.clone(),
                name: one.name.clone(),
                mode,
                shows,
                sees: shows,
            }
        };
        self.board.participants.iter().map(guest).collect()
    }
}

impl Allocator {
    /// A conference was created: the asker is told, then everybody else.
    pub(crate) fn run(&mut self, id: &ConferenceId, running: Running, now: Instant) {
        let server = running.server.clone();
        self.conferences.insert(id.clone(), running);
        // The ids on the roster are what the room was prepared with, unless the service counts otherwise.
        self.tell_guests(id);
        self.event(Event::Ready {
            conference: id.clone(),
            server: server.clone(),
        });
        let (uri, link) = (self.uri_of(id), self.link_of(id));
        let Some(running) = self.conferences.get_mut(id) else {
            return;
        };
        let Some((asker, wanted)) = running.wanted.take() else {
            return;
        };
        let language = running
            .people
            .first()
            .map_or(Language::English, |one| one.language);
        let outcome = requested(id.clone(), uri, server, link, &running.people, language);
        let outcome = VideoAnswer::Requested(outcome);
        let to = (&asker, &wanted, language);
        self.tell(to, Ok(outcome), Duty::Ready(id.clone()), now);
        if let Some(running) = self.conferences.get_mut(id) {
            running.wanted = Some((asker, wanted));
        }
    }

    /// The asker knows; or was not there any more, and all is taken back.
    pub(crate) fn on_asker_told(&mut self, id: &ConferenceId, good: bool, now: Instant) {
        let Some(running) = self.conferences.get_mut(id).filter(|one| !one.told) else {
            return;
        };
        if good {
            running.told = true;
            if !running.over {
                self.invite(id, now);
            }
            return self.publish(id, now);
        }
        let wall = running.wall_at(now);
        let (over, wanted) = (running.over, running.wanted.take());
        if let Some((_, wanted)) = &wanted {
            self.forget_reply(wanted);
        }
        self.event(Event::Refused {
            conference: id.clone(),
            words: "whoever asked for it is gone".to_owned(),
        });
        if !over {
            self.ask_end(id, wall, now);
            self.on_over(id, now);
        }
        self.publish(id, now);
    }

    /// Everybody but the asker: their own way in, or why there is none.
    fn invite(&mut self, id: &ConferenceId, now: Instant) {
        let (uri, link) = (self.uri_of(id), self.link_of(id));
        let Some(running) = self.conferences.get(id) else {
            return;
        };
        let Some((asker, wanted)) = &running.wanted else {
            return;
        };
        let asker_name = running
            .people
            .first()
            .map_or_else(|| asker.to_string(), |one| one.name.clone());
        let life_ms = u64::from(INVITATION_LIFE_S) * 1000;
        let expires = UtcMillis(running.wall_at(now).0.saturating_add(life_ms));
        let mut letters = Vec::new();
        for (n, person) in running.people.iter().enumerate().skip(1) {
            let (Some(user), Ok(way)) = (&person.user, &person.way) else {
                continue;
            };
            let link = link.as_deref();
            let way_in = speak::way_in(way, link, &uri, person.language);
            let invitation = Invitation {
                id: &format!("{id}-{n}"),
                conference: id,
                domain: self.config.identity.domain(),
                title: &wanted.title,
                rings: way.how != How::Browser,
                expires,
                from: (asker, &asker_name),
                inside: &[],
                way: Some(WayIn {
                    mode: way.mode,
                    link,
                    words: &way_in,
                }),
            };
            let body = invitation.write();
            let title = &wanted.title;
            let words = speak::invitation(&asker_name, title, way, link, &uri, person.language);
            letters.push((user.clone(), body, words));
        }
        let told = left_out(&running.people, asker);
        for (user, body, words) in letters {
            let duty = Duty::Invitation {
                conference: id.clone(),
                user: user.clone(),
                words: Some(words),
            };
            let life = Some(INVITATION_LIFE_S);
            let body = Bytes::from(body);
            self.send(
                user.to_uri(),
                invitation::CONTENT_TYPE,
                body,
                duty,
                life,
                now,
            );
        }
        for (user, words) in told {
            self.say(&user, words, now);
        }
    }

    /// An invitation was not taken: who takes no such thing is told in words, others are not there.
    pub(crate) fn on_not_invited(
        &mut self,
        conference: ConferenceId,
        user: Aor,
        words: Option<String>,
        status: u16,
        now: Instant,
    ) {
        let words = words.filter(|_| matches!(status, 405 | 406 | 415 | 488 | 606));
        match words {
            Some(words) => {
                let to = user.to_uri();
                let duty = Duty::Invitation {
                    conference,
                    user,
                    words: None,
                };
                let life = Some(INVITATION_LIFE_S);
                self.send(to, WORDS_TYPE, Bytes::from(words), duty, life, now);
            }
            None => self.event(Event::NotReached {
                conference,
                user,
                status,
            }),
        }
    }

    /// A change of a conference.
    pub(crate) fn on_report(&mut self, report: &Report, wall: UtcMillis, now: Instant) {
        let id = &report.conference;
        if self.early_report(report) {
            return;
        }
        let Some(running) = self.conferences.get_mut(id) else {
            // Of a former run, perhaps.
            let over = matches!(report.change, Change::Ended { .. });
            if !over && self.questions.len() < STRANGE_MAX {
                self.ask_state(id, wall, now);
            }
            return;
        };
        match running.board.apply(report, wall) {
            Applied::Known => {}
            Applied::Gap => self.ask_state(id, wall, now),
            Applied::New if running.board.state == ConferenceState::Ended => self.on_over(id, now),
            Applied::New => self.publish(id, now),
        }
    }

    /// The state of a conference, as it was asked for.
    pub(crate) fn on_state(&mut self, snapshot: Snapshot, wall: UtcMillis, now: Instant) {
        let id = snapshot.id.clone();
        let over = snapshot.state == ConferenceState::Ended;
        let unwanted = over || self.is_ending(&id);
        match self.conferences.get_mut(&id) {
            Some(running) if snapshot.version >= running.board.version => running.board = snapshot,
            Some(_) => {}
            None if unwanted => return,
            None => self.adopt(snapshot, wall, now),
        }
        if over {
            return self.on_over(&id, now);
        }
        self.publish(&id, now);
        self.tell_pictures(&id, now);
    }

    /// The state of a conference that runs, as it is in an answer.
    pub(crate) fn learn(&mut self, snapshot: Snapshot, now: Instant) {
        let id = snapshot.id.clone();
        let over = snapshot.state == ConferenceState::Ended;
        let Some(running) = self.conferences.get_mut(&id) else {
            return;
        };
        if snapshot.version >= running.board.version {
            running.board = snapshot;
        }
        match over {
            true => self.on_over(&id, now),
            false => self.publish(&id, now),
        }
    }

    /// Conferences that ran before we did.
    pub(crate) fn on_what_runs(
        &mut self,
        conferences: Vec<Snapshot>,
        wall: UtcMillis,
        now: Instant,
    ) {
        for snapshot in conferences {
            if !self.asks.contains_key(&snapshot.id) {
                self.on_state(snapshot, wall, now);
            }
        }
    }

    /// Takes up a conference of a former run, which has its pictures at a server of ours.
    fn adopt(&mut self, snapshot: Snapshot, wall: UtcMillis, now: Instant) {
        let Some(server) = snapshot.video.clone() else {
            return;
        };
        let id = snapshot.id.clone();
        let room = self.conferences.len() < CONFERENCES_MAX && self.servers.is_known(&server);
        if !room || self.asks.contains_key(&id) {
            return;
        }
        let running = Running {
            people: Vec::new(),
            server: server.clone(),
            board: snapshot,
            publication: Publication::default(),
            wanted: None,
            told: true,
            seat: Seat::There,
            why: String::new(),
            over: false,
            guests: Vec::new(),
            wall,
            since: now,
        };
        let legs = legs_of(&running.guests_now());
        self.servers.reserve(&server, &id, legs);
        // Its room may be gone, so it is prepared again. Of a roster that was cut not all who may be in the room are known: it stays as
        // it is.
        let whole = running.has_all();
        let stays = !whole && self.servers.is_reached(&server);
        self.conferences.insert(id.clone(), running);
        if !stays {
            self.wait_for_home(&id, now);
        }
    }

    /// Tells the server of a roster that came out otherwise than it was prepared. How it changes later the conference role tells, which
    /// has the calls.
    fn tell_guests(&mut self, id: &ConferenceId) {
        let differs = self
            .conferences
            .get(id)
            .is_some_and(|running| running.has_all() && running.guests_now() != running.guests);
        if differs {
            self.prepare_again(id);
        }
    }

    pub(crate) fn prepare_again(&mut self, id: &ConferenceId) {
        let Some(running) = self.conferences.get_mut(id) else {
            return;
        };
        running.guests = running.guests_to_be();
        let server = running.server.clone();
        let (title, guests) = (running.board.title.clone(), running.guests.clone());
        if self.servers.is_reached(&server) {
            self.ask_room(id, &server, title, guests);
        }
    }

    /// A conference is over: its room is freed, its presence taken back.
    pub(crate) fn on_over(&mut self, id: &ConferenceId, now: Instant) {
        let Some(running) = self.conferences.get_mut(id).filter(|one| !one.over) else {
            return;
        };
        running.over = true;
        running.publication.end();
        let (server, other) = (running.server.clone(), running.seat.goes_to().cloned());
        running.seat = Seat::There;
        self.free_room(id, &server, true);
        if let Some(other) = other {
            self.free_room(id, &other, true);
        }
        self.event(Event::Over {
            conference: id.clone(),
        });
        self.publish(id, now);
    }

    /// Publishes what is to be published now.
    pub(crate) fn publish(&mut self, id: &ConferenceId, now: Instant) {
        let uri = self.uri_of(id);
        let registered = self.gruu.is_some();
        let Some(running) = self.conferences.get_mut(id) else {
            return;
        };
        if running.over && running.publication.is_over() && running.told_or_gone() {
            self.conferences.remove(id);
            return;
        }
        if running.told && !running.over {
            let face = face(&running.board, running.has_pictures());
            running.publication.say(face.document(&uri));
        }
        if !registered {
            return;
        }
        if let Some(publishing) = running.publication.poll(now) {
            // With each renewal it is made sure that it still runs.
            let renews = publishing.body.is_none() && publishing.life_s > 0;
            let wall = running.wall_at(now);
            let token = self.number();
            self.publishing.insert(token, id.clone());
            self.output(Output::Publish {
                token,
                uri,
                tag: publishing.tag,
                body: publishing.body.map(Bytes::from),
                life_s: publishing.life_s,
            });
            if renews {
                self.ask_state(id, wall, now);
            }
        }
        let due = self
            .conferences
            .get(id)
            .and_then(|one| one.publication.poll_timeout());
        if let Some(due) = due {
            self.set_timer(due, Timer::Presence(id.clone()));
        }
    }
}

impl Running {
    /// Nobody waits to be told of it.
    fn told_or_gone(&self) -> bool {
        self.told || self.wanted.is_none()
    }
}

/// What a conference looks like from outside.
fn face(board: &Snapshot, video: bool) -> Face {
    let people = || {
        let all = board.participants.iter();
        all.filter(|one| one.leg.as_ref().is_some_and(|leg| leg.state.is_in()))
    };
    let talks = people().filter(|one| one.talking);
    Face {
        title: board.title.clone(),
        count: people().count(),
        talks: talks.map(|one| one.name.clone()).collect(),
        video,
        locked: board.locked,
    }
}
