//! What is asked of video servers for one call, and what comes of what they say.

use std::time::Instant;

use bytes::Bytes;
use convoke_types::LegKey;
use convoke_types::video::{Picture, VideoCommand};
use sip_proto::call::CallKey;

use super::room::{Readiness, Standing};
use super::wish::{Kind, Labelled, description, labelled};
use super::{
    CONNECT_MAX, Call, Change, LOST_MAX, NONSENSE, NOT_IN_IT, NOTHING_SHOWN, PREPARE_MAX, Pictures,
    REPLACED, Stage, VIDEO_MAX, brief,
};
use crate::calls::line::Line;

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
        let serves = room.serves(&participant);
        call.participant = Some(participant);
        let conference = call.conference.clone();
        // Of those who wait, the youngest stays: it is what the person did last. What they show already ends when this is taken in.
        for (other, call, is_younger) in self.of_same_kind(key) {
            match (is_younger, call) {
                (true, _) => return self.end(line, key, 480, REPLACED),
                (false, Stage::Asked | Stage::Preparing | Stage::Opening) => {
                    self.end(line, other, 480, REPLACED);
                }
                (false, Stage::Connecting | Stage::Connected) => {}
            }
        }
        match self.rooms.get_mut(&conference) {
            None => {}
            Some(room) => match room.readiness {
                Readiness::Ready(server) if serves => self.open(key, server, line.now),
                Readiness::Ready(_) => {
                    // It may be able to serve more now than when it refused to.
                    room.refused = None;
                    self.wait_for_room(key, line.now);
                    self.tell_guests(&conference);
                }
                Readiness::Asked(_) => self.wait_for_room(key, line.now),
                Readiness::Nowhere => {
                    let waits = |key: &CallKey| {
                        let call = self.known.get(key);
                        call.is_some_and(|call| call.stage == Stage::Preparing)
                    };
                    if !room.calls.iter().any(waits) {
                        room.tried.clear();
                    }
                    self.wait_for_room(key, line.now);
                    self.place(line, &conference, None);
                }
            },
        }
    }

    /// Calls for the same of the same person, with their stages, and whether they are younger.
    fn of_same_kind(&self, key: CallKey) -> Vec<(CallKey, Stage, bool)> {
        let Some(call) = self.known.get(&key) else {
            return Vec::new();
        };
        let same = |other: &&Call| other.user == call.user && other.kind == call.kind;
        let others = self.calls_of(&call.conference).into_iter();
        let others = others.filter(|other| *other != key);
        let others = others.filter_map(|other| Some((other, self.known.get(&other).filter(same)?)));
        others
            .map(|(key, other)| (key, other.stage, other.number > call.number))
            .collect()
    }

    /// Lets a call wait for who chose the conference's server, which is lost.
    pub(super) fn hold(&mut self, key: CallKey, until: Instant) {
        if let Some(call) = self.known.get_mut(&key) {
            call.stage = Stage::Preparing;
            call.held = true;
            self.set_deadline(key, Some(until));
        }
    }

    pub(super) fn wait_for_room(&mut self, key: CallKey, now: Instant) {
        if let Some(call) = self.known.get_mut(&key) {
            call.stage = Stage::Preparing;
            call.held = false;
            self.set_deadline(key, now.checked_add(PREPARE_MAX));
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
        self.obey_moderator(key);
    }

    /// The video server has answered an offer.
    pub(super) fn opened(&mut self, line: &mut Line<'_>, leg: &LegKey, answer: String) {
        let Some((key, call)) = self.call_of(leg) else {
            return;
        };
        if call.stage == Stage::Opening {
            self.take_in(line, key, answer);
        } else if self.change_is_done(key) == Change::Done {
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
        if !first && self.change_is_done(key) != Change::Done {
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
        let call = self.by_leg.get(&picture.leg);
        let call = call.and_then(|key| self.known.get(key));
        // What others bring shows a room.
        let brought = self.brought.has(&picture.leg).then_some(Kind::Camera);
        Some(Labelled {
            mid: &picture.mid,
            participant: &picture.participant,
            kind: call.map(|call| call.kind).or(brought)?,
        })
    }

    /// Answers a call 200.
    pub(super) fn take_in(&mut self, line: &mut Line<'_>, key: CallKey, sdp: String) {
        let Some(call) = self.known.get_mut(&key) else {
            return;
        };
        call.stage = Stage::Connecting;
        // Cancelled at this moment, its end is told next.
        if !line.answer(key, sdp) {
            return;
        }
        self.set_deadline(key, line.now.checked_add(CONNECT_MAX));
        for (other, _, is_younger) in self.of_same_kind(key) {
            if !is_younger {
                self.end(line, other, 480, REPLACED);
            }
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
        match description(answer) {
            Ok(answer) => self.video(server, VideoCommand::Answer { leg, answer }),
            Err(words) => self.end(line, key, 488, words),
        }
    }

    /// Hides what somebody shows, or lets it be seen again, as a moderator wants it.
    pub(super) fn obey_moderator(&mut self, key: CallKey) {
        let Some(call) = self.known.get_mut(&key) else {
            return;
        };
        let room = self.rooms.get(&call.conference);
        let participant = call.participant.as_ref();
        let hidden = room
            .zip(participant)
            .is_some_and(|(room, one)| room.hides(one));
        let Some(server) = call.server.filter(|_| call.kind != Kind::Watch) else {
            return;
        };
        if call.hidden != hidden {
            call.hidden = hidden;
            let leg = call.leg.clone();
            self.video(server, VideoCommand::Hide { leg, on: hidden });
        }
    }

    pub(super) fn failed(&mut self, line: &mut Line<'_>, leg: &LegKey, words: &str) {
        let Some((key, call)) = self.call_of(leg) else {
            return;
        };
        let change = match call.stage {
            Stage::Opening => Change::None,
            _ => self.change_is_done(key),
        };
        match change {
            Change::Done => line.reject_change(key, 488, &brief(words)),
            Change::Stale => {}
            // Its offer, or the answer that came with the ACK, cannot be used.
            Change::None => self.end(line, key, 488, words),
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
                self.begin_probes(key, now);
            }
            // Who has not connected yet has a deadline already.
            (Stage::Connected, false) => self.set_deadline(key, now.checked_add(LOST_MAX)),
            _ => {}
        }
    }
}
