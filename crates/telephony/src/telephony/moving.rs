//! Another bridge goes on with a conference's sound: each telephone is offered the port that it has there, in the call that stands
//! (re-INVITE, RFC 3261 §14.1).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use convoke_types::bridge::BridgeEvent;
use convoke_types::{ConferenceId, EndReason, LegKey, LegState};
use sip_proto::sdp::{MOVE_MAX, Moving, OFFER_AGAIN, Sdp, is_for_the_moment};

use super::Telephony;
use crate::cause;
use crate::config::MEDIA_MAX;
use crate::leg::{Leg, Stage};

/// The pause after an offer that was refused for the moment; who began the call waits 2.1 to 4 s where both sides were told so (491, §14.1).
const AGAIN_AFTER_REFUSAL: Duration = Duration::from_millis(2_100);

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
                    leg.session.set_sound_at(None);
                    self.set_deadline(&key, soon);
                    continue;
                }
                Stage::Cancelling => continue,
                // Nothing comes of these meanwhile.
                Stage::Guarding | Stage::Joining => self.set_deadline(&key, None),
                Stage::Calling | Stage::Joined => {}
            }
            if let Some(leg) = self.legs.get_mut(&key) {
                leg.session.must_move();
                leg.move_until = None;
                self.set_move_due(&key, soon);
            }
        }
        self.settle(now);
    }

    /// The port is there of a leg whose call is out.
    pub(super) fn opened_elsewhere(&mut self, key: &LegKey, local: SocketAddr, now: Instant) {
        let leg = self.legs.get_mut(key);
        if leg.is_some_and(|leg| leg.session.opened_elsewhere(local)) {
            self.set_move_due(key, None);
            self.offer_elsewhere(key, now);
        }
    }

    /// Offers the port, if one is to be offered and the call is answered.
    pub(super) fn offer_elsewhere(&mut self, key: &LegKey, now: Instant) {
        let Some(leg) = self.legs.get_mut(key).filter(|leg| leg.is_answered()) else {
            return;
        };
        let Some(call) = leg.call else { return };
        let sent = leg.session.offer_elsewhere(|offer| {
            let body = Bytes::from(offer);
            let offered = self.calls.change(&mut self.endpoint, call, body, now);
            offered.is_ok()
        });
        let Some(sent) = sent else { return };
        let until = *leg.move_until.get_or_insert(now + MOVE_MAX);
        let due = match sent {
            true => until,
            // They change something, or our answer to that is on its way.
            false if now + OFFER_AGAIN < until => now + OFFER_AGAIN,
            false => return self.will_not_move(key, now),
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
        // One that is overtaken: the bridge at that port is lost too.
        let offered = |leg: &&mut Leg| leg.session.moving() == Moving::Offered;
        let Some(leg) = self.legs.get_mut(key).filter(offered) else {
            return;
        };
        let again = now + AGAIN_AFTER_REFUSAL;
        if is_for_the_moment(status) && leg.move_until.is_some_and(|until| again < until) {
            leg.session.postpone();
            return self.set_move_due(key, Some(again));
        }
        let answer = answer.filter(|_| (200..300).contains(&status));
        let answer = answer.and_then(|body| Sdp::parse(body).ok());
        match answer.and_then(|answer| leg.session.answered(&answer).ok()) {
            Some(agreed) => self.agreed(key, agreed, now),
            None => self.will_not_move(key, now),
        }
    }

    /// They know where the sound is received now.
    pub(super) fn has_followed(&mut self, key: &LegKey, now: Instant) {
        self.set_move_due(key, None);
        self.resume_stage(key, now);
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
        match leg.session.moving() {
            Moving::No => {}
            Moving::Due => self.offer_elsewhere(key, now),
            Moving::Awaited => {
                let words = "The media bridge did not respond.";
                let outcome = cause::own(LegState::Failed, EndReason::Media, words);
                self.give_up(key, outcome, now);
            }
            Moving::Offered => self.will_not_move(key, now),
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
