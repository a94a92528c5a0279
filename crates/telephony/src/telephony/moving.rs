//! Another bridge goes on with a conference's sound: each telephone is offered the port that it has there, in the call that stands
//! (re-INVITE, RFC 3261 §14.1).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use convoke_types::bridge::{BridgeEvent, LegEvent};
use convoke_types::media::MediaCommand;
use convoke_types::{ConferenceId, EndReason, LegKey, LegState};
use sip_proto::sdp::{self, Sdp, Side};

use super::Telephony;
use crate::cause;
use crate::config::MEDIA_MAX;
use crate::leg::{Moving, Stage};

/// The pause before an offer that a change of theirs stood in the way of.
const AGAIN: Duration = Duration::from_millis(500);
/// The pause after an offer that was refused for the moment; who began the call waits 2.1 to 4 s where both sides were told so (491, §14.1).
const AGAIN_AFTER_REFUSAL: Duration = Duration::from_millis(2_100);
/// How long a telephone may take to follow, from the first time that it could be offered its port.
const MOVE_MAX: Duration = Duration::from_secs(32);

impl Telephony {
    /// Another bridge has a conference's sound. Of each leg a port follows, by `MediaEvent::Opened`.
    pub fn handle_media_moved(&mut self, conference: &ConferenceId, words: &str, now: Instant) {
        self.bridge(BridgeEvent::Moved {
            conference: conference.clone(),
            words: words.to_owned(),
        });
        let of_it = |leg: &&LegKey| leg.conference == *conference;
        let legs: Vec<LegKey> = self.legs.keys().filter(of_it).cloned().collect();
        for key in legs {
            let Some(leg) = self.legs.get_mut(&key) else {
                continue;
            };
            let soon = Some(now + MEDIA_MAX);
            match leg.stage {
                Stage::Opening => {
                    leg.sound_at = None;
                    self.set_deadline(&key, soon);
                    continue;
                }
                Stage::Cancelling => continue,
                // Nothing comes of these meanwhile.
                Stage::Guarding | Stage::Joining => self.set_deadline(&key, None),
                Stage::Calling | Stage::Joined => {}
            }
            if let Some(leg) = self.legs.get_mut(&key) {
                leg.moving = Moving::Awaited;
                leg.move_until = None;
                self.set_move_due(&key, soon);
            }
        }
        self.settle(now);
    }

    /// The port is there of a leg whose call is out.
    pub(super) fn opened_elsewhere(&mut self, key: &LegKey, local: SocketAddr, now: Instant) {
        let moved = self.legs.get_mut(key);
        let Some(leg) = moved.filter(|leg| matches!(leg.moving, Moving::Awaited)) else {
            return;
        };
        leg.sound_at = Some(local);
        leg.moving = Moving::Due;
        self.set_move_due(key, None);
        self.offer_elsewhere(key, now);
    }

    /// Offers the port, if one is to be offered and the call is answered.
    pub(super) fn offer_elsewhere(&mut self, key: &LegKey, now: Instant) {
        let Some(leg) = self
            .legs
            .get_mut(key)
            .filter(|leg| matches!(leg.moving, Moving::Due) && leg.is_answered())
        else {
            return;
        };
        let (Some(call), Some(local), Some(ours)) = (leg.call, leg.sound_at, &leg.ours) else {
            return;
        };
        let until = *leg.move_until.get_or_insert(now + MOVE_MAX);
        let session = leg.session.next();
        let mut offer = sdp::received_at(ours, local, session);
        if leg.pictures.at().is_none() {
            sdp::refuse_pictures(&mut offer);
        }
        let body = Bytes::from(offer.to_string());
        let offered = self.calls.change(&mut self.endpoint, call, body, now);
        let due = match offered {
            Ok(()) => {
                leg.session = session;
                leg.moving = Moving::Offered(offer);
                until
            }
            // They change something, or our answer to that is on its way.
            Err(_) if now + AGAIN < until => now + AGAIN,
            Err(_) => return self.will_not_move(key, now),
        };
        self.set_move_due(key, Some(due));
    }

    /// The telephone has answered the offer.
    pub(super) fn moved(
        &mut self,
        key: &LegKey,
        status: u16,
        answer: Option<&Bytes>,
        now: Instant,
    ) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        // One that is overtaken: the bridge at that port is lost too.
        if !matches!(leg.moving, Moving::Offered(_)) {
            return;
        }
        let Moving::Offered(offer) = std::mem::replace(&mut leg.moving, Moving::No) else {
            return;
        };
        // §14.1, §21.5.1, §21.5.4: they are busy with a change of their own, or with other calls.
        let again = now + AGAIN_AFTER_REFUSAL;
        if matches!(status, 491 | 500 | 503) && leg.move_until.is_some_and(|until| again < until) {
            leg.moving = Moving::Due;
            return self.set_move_due(key, Some(again));
        }
        let answer = answer.filter(|_| (200..300).contains(&status));
        let answer = answer.and_then(|body| Sdp::parse(body).ok());
        let params = answer
            .as_ref()
            .and_then(|answer| sdp::negotiated(&offer, answer, Side::Offerer).ok());
        let Some((params, answer)) = params.zip(answer) else {
            return self.will_not_move(key, now);
        };
        let held = answer.is_hold();
        let changed = std::mem::replace(&mut leg.held, held) != held;
        leg.ours = Some(offer.clone());
        let tells = changed && matches!(leg.stage, Stage::Joined);
        self.set_move_due(key, None);
        self.media(MediaCommand::Connect {
            leg: key.clone(),
            params,
        });
        self.connect_sight(key, &offer, &answer, Side::Offerer);
        self.resume_stage(key, now);
        if tells {
            self.tell(key, LegEvent::Held { on: held });
        }
    }

    /// A change of theirs was answered, and the answer has told where the sound is received now.
    pub(super) fn moved_by_answer(&mut self, key: &LegKey, now: Instant) {
        let moved = self.legs.get_mut(key);
        if let Some(leg) = moved.filter(|leg| matches!(leg.moving, Moving::Due)) {
            leg.moving = Moving::No;
            self.set_move_due(key, None);
            self.resume_stage(key, now);
        }
    }

    /// What a leg waited for when its sound was lost it waits for from now on; who was asked for a key is asked again.
    fn resume_stage(&mut self, key: &LegKey, now: Instant) {
        let Some(leg) = self.legs.get(key) else {
            return;
        };
        match leg.stage {
            Stage::Guarding => self.ask_for_key(key, now),
            Stage::Joining => self.set_deadline(key, Some(now + MEDIA_MAX)),
            _ => {}
        }
    }

    /// It is time to look at a leg whose sound moves.
    pub(super) fn move_is_due(&mut self, key: &LegKey, now: Instant) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        leg.move_due = None;
        match leg.moving {
            Moving::No => {}
            Moving::Due => self.offer_elsewhere(key, now),
            Moving::Awaited => {
                let words = "The media bridge did not respond.";
                let outcome = cause::own(LegState::Failed, EndReason::Media, words);
                self.give_up(key, outcome, now);
            }
            Moving::Offered(_) => self.will_not_move(key, now),
        }
    }

    fn will_not_move(&mut self, key: &LegKey, now: Instant) {
        let words = "The telephone did not follow its sound to another media bridge.";
        let outcome = cause::own(LegState::Failed, EndReason::Media, words);
        self.give_up(key, outcome, now);
    }

    pub(super) fn set_move_due(&mut self, key: &LegKey, at: Option<Instant>) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        if let Some(before) = std::mem::replace(&mut leg.move_due, at) {
            self.moves.remove(&(before, key.clone()));
        }
        if let Some(at) = at {
            self.moves.insert((at, key.clone()));
        }
    }
}
