//! How legs end: by us, by the other side, by time.

use std::time::Instant;

use convoke_types::bridge::{BridgeEvent, LegEvent};
use convoke_types::media::MediaCommand;
use convoke_types::{Cause, EndReason, LegKey, LegState};
use sip_proto::call::{Ended, EndedBy};

use super::Telephony;
use crate::cause;
use crate::leg::{Leg, Stage};

impl Telephony {
    /// Ends a leg from our side, wherever it stands.
    pub(super) fn give_up(&mut self, key: &LegKey, outcome: (LegState, Cause), now: Instant) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        if leg.outcome.is_none() {
            leg.outcome = Some(outcome);
        }
        let Some(call) = leg.call else {
            return self.over(key);
        };
        if matches!(leg.stage, Stage::Calling) {
            leg.stage = Stage::Cancelling;
        }
        self.set_deadline(key, None);
        self.set_move_due(key, None);
        self.calls.hang_up(
            &mut self.endpoint,
            call,
            Some("Q.850;cause=16;text=\"Normal call clearing\""),
            now,
        );
    }

    pub(super) fn overdue(&mut self, key: &LegKey, now: Instant) {
        if self.opens_without_sight(key, now) {
            return;
        }
        let unheard = self.legs.get(key).is_some_and(|leg| !leg.heard);
        if unheard && self.call_elsewhere(key, now) {
            return;
        }
        let Some(leg) = self.legs.get(key) else {
            return;
        };
        let outcome = match leg.stage {
            Stage::Calling if leg.rang => cause::own(
                LegState::NoAnswer,
                EndReason::RingTimeout,
                "Nobody answered.",
            ),
            Stage::Calling => cause::own(
                LegState::Unreachable,
                EndReason::Unreachable,
                "The telephone did not respond.",
            ),
            Stage::Guarding => voicemail(),
            Stage::Opening | Stage::Joining => cause::own(
                LegState::Failed,
                EndReason::Media,
                "The media bridge did not respond.",
            ),
            Stage::Cancelling | Stage::Joined => return,
        };
        self.give_up(key, outcome, now);
    }

    pub(super) fn ended(&mut self, key: &LegKey, ended: &Ended, now: Instant) {
        if self.is_not_there(key, ended) && self.call_elsewhere(key, now) {
            return;
        }
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        match &mut leg.outcome {
            None => leg.outcome = Some(outcome(leg, ended)),
            // Not even the CANCEL led to an answer: it is the trunk that is not there, not the telephone.
            Some((LegState::Unreachable, _)) if ended.by == EndedBy::Network => {
                leg.outcome = Some(outcome(leg, ended));
            }
            Some((_, cause)) => cause.sip = cause.sip.or(ended.status),
        }
        self.over(key);
    }

    /// Whether a server failed, of which the telephone has learned nothing (RFC 3263 §4.3): one that was heard of has passed the call on, and what
    /// rings there cannot be taken back over another.
    fn is_not_there(&self, key: &LegKey, ended: &Ended) -> bool {
        let Some(leg) = self.legs.get(key) else {
            return false;
        };
        match ended.by {
            EndedBy::Network => !leg.heard && ended.status != Some(502),
            // A 503 with the cause of a telephone is its answer.
            EndedBy::Peer if ended.status == Some(503) && !leg.rang => {
                let (_, cause) = cause::of_answer(503, ended.q850, false);
                matches!(cause.reason, EndReason::Trunk | EndReason::NoLine)
            }
            EndedBy::Peer | EndedBy::Us => false,
        }
    }

    /// The leg's last moment: media is freed, the focus is told.
    pub(super) fn over(&mut self, key: &LegKey) {
        self.set_deadline(key, None);
        self.set_move_due(key, None);
        self.close_sight(key);
        let Some(leg) = self.legs.remove(key) else {
            return;
        };
        if let Some(call) = leg.call {
            self.by_call.remove(&call);
        }
        self.media(MediaCommand::Close {
            leg: leg.key.clone(),
        });
        let (state, cause) = leg
            .outcome
            .unwrap_or_else(|| cause::own(LegState::Failed, EndReason::Network, "The call ended."));
        self.bridge(BridgeEvent::Leg {
            leg: leg.key,
            event: LegEvent::Ended { state, cause },
        });
    }
}

fn voicemail() -> (LegState, Cause) {
    cause::own(
        LegState::NoAnswer,
        EndReason::Voicemail,
        "Answered, but nobody pressed 1; perhaps a mailbox.",
    )
}

/// How a leg ended that its other side or the network ended.
fn outcome(leg: &Leg, ended: &Ended) -> (LegState, Cause) {
    let mut outcome = match (ended.by, ended.status) {
        _ if matches!(leg.stage, Stage::Guarding) => voicemail(),
        (EndedBy::Network, _) if !leg.is_answered() => cause::own(
            LegState::Failed,
            EndReason::Trunk,
            "The trunk does not answer.",
        ),
        (EndedBy::Network, _) => cause::own(
            LegState::Failed,
            EndReason::Network,
            "The connection to the trunk was lost.",
        ),
        (_, Some(status)) if !leg.is_answered() => {
            return cause::of_answer(status, ended.q850, leg.rang);
        }
        _ => cause::own(LegState::Left, EndReason::HungUp, "Hung up."),
    };
    outcome.1.sip = ended.status;
    outcome.1.q850 = ended.q850;
    outcome
}
