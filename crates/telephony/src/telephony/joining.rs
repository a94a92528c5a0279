//! A leg from its answer into the mix, by way of the guard (key 1) where a mailbox could have answered.

use std::time::Instant;

use bytes::Bytes;
use convoke_types::bridge::LegEvent;
use convoke_types::media::{MediaCommand, Prompt};
use convoke_types::{EndReason, LegKey, LegState};
use sip_proto::sdp::{Moving, Sdp};

use super::Telephony;
use crate::cause;
use crate::config::{GUARD_GRACE, GUARD_MAX, GUARD_REPEATS, MEDIA_MAX};
use crate::leg::Stage;

impl Telephony {
    pub(super) fn answered(&mut self, key: &LegKey, answer: Option<&Bytes>, now: Instant) {
        let Some(leg) = self
            .legs
            .get_mut(key)
            .filter(|leg| matches!(leg.stage, Stage::Calling))
        else {
            return;
        };
        let answer = answer.and_then(|body| Sdp::parse(body).ok());
        let agreed = answer.and_then(|answer| leg.session.answered(&answer).ok());
        let Some(agreed) = agreed else {
            let outcome = cause::own(
                LegState::Failed,
                EndReason::Media,
                "The telephone answered without an audio format in common with us.",
            );
            return self.give_up(key, outcome, now);
        };
        let guard = leg.order.guard;
        self.tell(key, LegEvent::Answered);
        self.agreed(key, agreed, now);
        if let Some(leg) = self.legs.get_mut(key) {
            leg.stage = match guard {
                true => Stage::Guarding,
                false => Stage::Joining,
            };
        }
        if guard {
            self.ask_for_key(key, now);
            self.tell(key, LegEvent::Confirming);
        } else {
            self.join(key, now);
        }
        self.offer_elsewhere(key, now);
    }

    /// The guard's sentence, for as long as it may take.
    pub(super) fn ask_for_key(&mut self, key: &LegKey, now: Instant) {
        let Some(leg) = self.legs.get(key) else {
            return;
        };
        let language = leg.order.language.clone();
        self.set_deadline(key, Some(now + GUARD_MAX));
        self.media(MediaCommand::Play {
            leg: key.clone(),
            prompt: Prompt::PressOneToJoin,
            language,
            repeat: GUARD_REPEATS,
        });
    }

    pub(super) fn join(&mut self, key: &LegKey, now: Instant) {
        if let Some(leg) = self.legs.get_mut(key) {
            leg.stage = Stage::Joining;
            // While the sound moves nothing comes of it; then the time begins.
            let stays = leg.session.moving() == Moving::No;
            self.set_deadline(key, stays.then(|| now + MEDIA_MAX));
            self.media(MediaCommand::Join { leg: key.clone() });
        }
    }

    pub(super) fn joined(&mut self, key: &LegKey) {
        let Some(leg) = self
            .legs
            .get_mut(key)
            .filter(|leg| matches!(leg.stage, Stage::Joining))
        else {
            return;
        };
        leg.stage = Stage::Joined;
        let held = leg.session.is_held();
        self.set_deadline(key, None);
        self.tell(key, LegEvent::Joined);
        if held {
            self.tell(key, LegEvent::Held { on: true });
        }
    }

    pub(super) fn prompt_done(&mut self, key: &LegKey, now: Instant) {
        if self
            .legs
            .get(key)
            .is_some_and(|leg| matches!(leg.stage, Stage::Guarding))
        {
            self.set_deadline(key, Some(now + GUARD_GRACE));
        }
    }

    pub(super) fn key(&mut self, key: &LegKey, pressed: char, now: Instant) {
        let Some(leg) = self.legs.get(key) else {
            return;
        };
        match leg.stage {
            Stage::Guarding if pressed == '1' => self.join(key, now),
            Stage::Joined => self.tell(key, LegEvent::Key { key: pressed }),
            _ => {}
        }
    }

    pub(super) fn in_the_mix(&mut self, key: LegKey, event: LegEvent) {
        if self
            .legs
            .get(&key)
            .is_some_and(|leg| matches!(leg.stage, Stage::Joined))
        {
            self.tell(&key, event);
        }
    }

    /// Speaks a sentence to a leg in the mix. Before that the guard's sentence must not be replaced.
    pub(super) fn announce(&mut self, leg: LegKey, prompt: Prompt, language: String) {
        let known = self.legs.get(&leg);
        if known.is_some_and(|known| matches!(known.stage, Stage::Joined)) {
            self.media(MediaCommand::Play {
                leg,
                prompt,
                language,
                repeat: 1,
            });
        }
    }
}
