//! What is asked of video servers, and what comes of what they say.

use std::time::Instant;

use bytes::Bytes;
use convoke_types::video::{Picture, VideoCommand};
use convoke_types::{ConferenceId, LegKey, VideoServerName};
use sip_proto::call::CallKey;

use super::room::{Readiness, Standing, place};
use super::wish::{Kind, Labelled, labelled};
use super::{
    CONNECT_MAX, Call, LOST_MAX, NONSENSE, NOT_IN_IT, NOTHING_SHOWN, PREPARE_MAX, Pictures, Stage,
    VIDEO_MAX, brief,
};
use crate::calls::line::Line;
use crate::ports::{Event, Output};

impl Pictures {
    /// Lets a call in whose conference is known, or leaves it waiting until its sound is in.
    pub(super) fn consider(&mut self, line: &mut Line<'_>, key: CallKey) {
        let Some(call) = self.known.get_mut(&key) else {
            return;
        };
        let Some(room) = self.rooms.get(&call.conference) else {
            return;
        };
        let participant = match room.standing(&call.user) {
            Standing::In(participant) => participant,
            Standing::Coming => return,
            Standing::Out => return self.end(line, key, 403, NOT_IN_IT),
        };
        call.participant = Some(participant);
        let (conference, user, kind) = (call.conference.clone(), call.user.clone(), call.kind);
        for other in self.calls_of(&conference) {
            let same = |call: &Call| call.user == user && call.kind == kind;
            if other != key && self.known.get(&other).is_some_and(same) {
                self.end(line, other, 480, "Another call has taken its place");
            }
        }
        match self.rooms.get(&conference).map(|room| room.readiness) {
            Some(Readiness::Ready(server)) => self.open(key, server, line.now),
            Some(Readiness::Asked(_)) => self.wait_for_room(key, line.now),
            Some(Readiness::Nowhere) => match self.place(&conference) {
                Ok(server) => {
                    self.wait_for_room(key, line.now);
                    self.prepare(&conference, server);
                }
                Err(words) => self.end(line, key, 503, words),
            },
            None => {}
        }
    }

    /// Where the conference shall be made ready.
    fn place(&self, conference: &ConferenceId) -> Result<usize, &'static str> {
        let now = self
            .rooms
            .get(conference)
            .and_then(|room| room.now.as_ref());
        let chosen = now.and_then(|now| now.video.as_ref());
        place(&self.servers, chosen.map(VideoServerName::as_str))
    }

    pub(super) fn wait_for_room(&mut self, key: CallKey, now: Instant) {
        if let Some(call) = self.known.get_mut(&key) {
            call.stage = Stage::Preparing;
            self.set_deadline(key, now.checked_add(PREPARE_MAX));
        }
    }

    pub(super) fn prepare(&mut self, conference: &ConferenceId, server: usize) {
        let Some(room) = self.rooms.get_mut(conference) else {
            return;
        };
        if room.readiness == Readiness::Nowhere {
            room.readiness = Readiness::Asked(server);
        }
        room.guests = room.guests_now();
        let prepare = VideoCommand::Prepare {
            conference: conference.clone(),
            title: room.title(),
            guests: room.guests.clone(),
        };
        self.video(server, prepare);
    }

    /// Tells the server who is there now, if that is not what it knows.
    pub(super) fn tell_guests(&mut self, conference: &ConferenceId) {
        let Some(room) = self.rooms.get(conference) else {
            return;
        };
        if let Some(server) = room.readiness.server()
            && room.guests != room.guests_now()
        {
            self.prepare(conference, server);
        }
    }

    pub(super) fn prepared(&mut self, line: &Line<'_>, server: usize, conference: &ConferenceId) {
        let Some(room) = self.rooms.get_mut(conference) else {
            return;
        };
        if room.readiness != Readiness::Asked(server) {
            return;
        }
        room.readiness = Readiness::Ready(server);
        for key in self.calls_of(conference) {
            let stage = self.known.get(&key).map(|call| call.stage);
            if stage == Some(Stage::Preparing) {
                self.open(key, server, line.now);
            }
        }
    }

    /// Asks the video server for the answer to an offer, or for an offer.
    pub(super) fn open(&mut self, key: CallKey, server: usize, now: Instant) {
        let Some(call) = self.known.get_mut(&key) else {
            return;
        };
        let Some(participant) = call.participant.clone() else {
            return;
        };
        call.stage = Stage::Opening;
        call.server = Some(server);
        let leg = call.leg.clone();
        let command = match call.kind {
            Kind::Watch => VideoCommand::Watch { leg, participant },
            Kind::Camera | Kind::Screen => VideoCommand::Publish {
                leg,
                participant,
                offer: std::mem::take(&mut call.offer),
            },
        };
        self.set_deadline(key, now.checked_add(VIDEO_MAX));
        self.video(server, command);
    }

    /// The video server has answered an offer.
    pub(super) fn opened(&mut self, line: &mut Line<'_>, leg: &LegKey, answer: String) {
        let Some((key, call)) = self.call_of(leg) else {
            return;
        };
        if call.stage == Stage::Opening {
            self.take_in(line, key, answer);
        } else if self.set_changing(key, None) {
            line.accept_change(key, answer);
        }
    }

    /// The video server offers what there is to see.
    pub(super) fn offered(
        &mut self,
        line: &mut Line<'_>,
        leg: &LegKey,
        offer: &str,
        pictures: &[Picture],
    ) {
        // What has gone meanwhile has no label.
        let section = |picture| self.section(picture);
        let sections: Vec<Labelled<'_>> = pictures.iter().filter_map(section).collect();
        let labelled = labelled(offer, &sections);
        let Some((key, call)) = self.call_of(leg) else {
            return;
        };
        let first = call.stage == Stage::Opening;
        let result = match labelled {
            _ if offer.is_empty() => Err((480, NOTHING_SHOWN)),
            None => Err((503, NONSENSE)),
            Some(offer) => Ok(offer),
        };
        if !first && !self.set_changing(key, None) {
            return;
        }
        match result {
            Ok(offer) if first => self.take_in(line, key, offer),
            Ok(offer) => line.accept_change(key, offer),
            Err((status, words)) if first => self.end(line, key, status, words),
            Err((status, words)) => line.reject_change(key, status, words),
        }
    }

    fn section<'a>(&self, picture: &'a Picture) -> Option<Labelled<'a>> {
        let call = self.known.get(self.by_leg.get(&picture.leg)?)?;
        Some(Labelled {
            mid: &picture.mid,
            participant: &picture.participant,
            kind: call.kind,
        })
    }

    /// Answers a call 200.
    pub(super) fn take_in(&mut self, line: &mut Line<'_>, key: CallKey, sdp: String) {
        let Some(call) = self.known.get_mut(&key) else {
            return;
        };
        call.stage = Stage::Connecting;
        // Cancelled at this moment, its end is told next.
        if line.answer(key, sdp) {
            self.set_deadline(key, line.now.checked_add(CONNECT_MAX));
        }
    }

    /// The ACK has brought the answer to an offer.
    pub(super) fn answered(&mut self, line: &mut Line<'_>, key: CallKey, answer: &Bytes) {
        let Some(call) = self.known.get(&key) else {
            return;
        };
        let (leg, server) = (call.leg.clone(), call.server);
        // Only who sees is offered something.
        let Some(server) = server.filter(|_| call.kind == Kind::Watch) else {
            return;
        };
        match String::from_utf8(answer.to_vec()) {
            Ok(answer) => self.video(server, VideoCommand::Answer { leg, answer }),
            Err(_) => self.end(line, key, 488, "The answer cannot be read"),
        }
    }

    pub(super) fn failed(&mut self, line: &mut Line<'_>, leg: &LegKey, words: &str) {
        let Some((key, call)) = self.call_of(leg) else {
            return;
        };
        if call.stage != Stage::Opening && self.set_changing(key, None) {
            let words = brief(words);
            line.reject_change(key, 488, &words);
        } else {
            // Its offer, or the answer that came with the ACK, cannot be used.
            self.end(line, key, 488, words);
        }
    }

    pub(super) fn connected(&mut self, leg: &LegKey, on: bool, now: Instant) {
        let Some((key, call)) = self.call_of(leg) else {
            return;
        };
        match (call.stage, on) {
            (Stage::Connecting | Stage::Connected, true) => {
                call.stage = Stage::Connected;
                self.set_deadline(key, None);
            }
            // Who has not connected yet has a deadline already.
            (Stage::Connected, false) => self.set_deadline(key, now.checked_add(LOST_MAX)),
            _ => {}
        }
    }

    /// A server has not made a conference ready. Where it had before, all is as it was, and only who has come since is not let in.
    pub(super) fn refused(
        &mut self,
        line: &mut Line<'_>,
        server: usize,
        conference: &ConferenceId,
        words: &str,
    ) {
        let readiness = self.rooms.get(conference).map(|room| room.readiness);
        if readiness == Some(Readiness::Asked(server)) {
            self.lose_room(line, conference, words);
        } else if readiness == Some(Readiness::Ready(server)) {
            self.outputs.push_back(Output::Event(Event::NoPictures {
                conference: conference.clone(),
                words: brief(words),
            }));
        }
    }

    /// A conference is no more on a server.
    pub(super) fn gone(
        &mut self,
        line: &mut Line<'_>,
        server: usize,
        conference: &ConferenceId,
        words: &str,
    ) {
        let room = self.rooms.get(conference);
        if room.and_then(|room| room.readiness.server()) == Some(server) {
            self.lose_room(line, conference, words);
        }
    }

    pub(super) fn lose_room(
        &mut self,
        line: &mut Line<'_>,
        conference: &ConferenceId,
        words: &str,
    ) {
        self.outputs.push_back(Output::Event(Event::NoPictures {
            conference: conference.clone(),
            words: brief(words),
        }));
        if let Some(room) = self.rooms.get_mut(conference) {
            room.readiness = Readiness::Nowhere;
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
    pub(super) fn forget_server(&mut self, conference: &ConferenceId) {
        if let Some(room) = self.rooms.get_mut(conference)
            && let Readiness::Asked(server) = room.readiness
        {
            room.readiness = Readiness::Nowhere;
            let conference = conference.clone();
            self.video(server, VideoCommand::End { conference });
        }
        self.tidy(conference);
    }
}
