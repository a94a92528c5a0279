//! What a telephone network's answer means for the person who called: SIP status and Q.850 cause to end state, reason
//! and words (RFC 3261 §21, RFC 3398 §8.2.6.1, ITU-T Q.850 §2.2.7).

use convoke_types::{Cause, EndReason, LegState};

/// Q.850 cause values that decide over a status that says less.
mod q850 {
    pub const UNALLOCATED: u8 = 1;
    pub const USER_BUSY: u8 = 17;
    pub const NO_USER_RESPONDING: u8 = 18;
    pub const NO_ANSWER: u8 = 19;
    pub const REJECTED: u8 = 21;
    pub const NUMBER_CHANGED: u8 = 22;
    pub const OUT_OF_ORDER: u8 = 27;
    pub const INVALID_FORMAT: u8 = 28;
    pub const NO_CIRCUIT: u8 = 34;
}

/// Maps the final answer to an INVITE (300–699) to the leg's end. `rang` tells whether the telephone was heard ringing.
#[must_use]
pub fn of_answer(status: u16, q850: Option<u8>, rang: bool) -> (LegState, Cause) {
    let (state, reason, words) = by_q850(q850).unwrap_or_else(|| by_status(status, rang));
    (
        state,
        Cause {
            reason,
            sip: Some(status),
            q850: q850.or_else(|| implied_q850(status)),
            words: words.to_owned(),
        },
    )
}

/// The end of a leg that no answer of the network caused.
#[must_use]
pub fn own(state: LegState, reason: EndReason, words: &str) -> (LegState, Cause) {
    (
        state,
        Cause {
            reason,
            sip: None,
            q850: None,
            words: words.to_owned(),
        },
    )
}

type Row = (LegState, EndReason, &'static str);

fn by_q850(cause: Option<u8>) -> Option<Row> {
    Some(match cause? {
        q850::USER_BUSY => (LegState::Busy, EndReason::Busy, "The line is busy."),
        q850::NO_USER_RESPONDING | q850::NO_ANSWER => (
            LegState::NoAnswer,
            EndReason::RingTimeout,
            "Nobody answered.",
        ),
        q850::REJECTED => (
            LegState::Declined,
            EndReason::Declined,
            "The call was declined.",
        ),
        q850::UNALLOCATED | q850::NUMBER_CHANGED | q850::INVALID_FORMAT => (
            LegState::Unreachable,
            EndReason::Unreachable,
            "This number does not exist.",
        ),
        q850::OUT_OF_ORDER => (
            LegState::Unreachable,
            EndReason::Unreachable,
            "The telephone cannot be reached now.",
        ),
        q850::NO_CIRCUIT => (
            LegState::Failed,
            EndReason::Trunk,
            "The telephone network has no free line.",
        ),
        _ => return None,
    })
}

fn by_status(status: u16, rang: bool) -> Row {
    match status {
        486 | 600 => (LegState::Busy, EndReason::Busy, "The line is busy."),
        603 => (
            LegState::Declined,
            EndReason::Declined,
            "The call was declined.",
        ),
        408 if rang => (
            LegState::NoAnswer,
            EndReason::RingTimeout,
            "Nobody answered.",
        ),
        408 => (
            LegState::Unreachable,
            EndReason::Unreachable,
            "The telephone did not respond.",
        ),
        404 | 410 | 484 | 485 | 604 => (
            LegState::Unreachable,
            EndReason::Unreachable,
            "This number does not exist.",
        ),
        480 => (
            LegState::Unreachable,
            EndReason::Unreachable,
            "The telephone cannot be reached now.",
        ),
        415 | 488 | 606 => (
            LegState::Failed,
            EndReason::Media,
            "The telephone has no audio format in common with us.",
        ),
        401 | 403 | 407 => (
            LegState::Failed,
            EndReason::Trunk,
            "The trunk refuses the call; check its user name, password and rights.",
        ),
        500..=599 => (
            LegState::Failed,
            EndReason::Trunk,
            "The telephone network could not put the call through.",
        ),
        300..=399 => (
            LegState::Failed,
            EndReason::Network,
            "The call was forwarded to another address, which is not followed.",
        ),
        _ => (
            LegState::Failed,
            EndReason::Network,
            "The telephone network refused the call.",
        ),
    }
}

/// The Q.850 cause that RFC 3398 §8.2.6.1 gives a status that carried no Reason header.
fn implied_q850(status: u16) -> Option<u8> {
    Some(match status {
        404 | 604 => 1,
        486 | 600 => 17,
        480 => 18,
        401 | 403 | 407 | 603 => 21,
        410 => 22,
        484 => 28,
        408 | 504 => 102,
        500 | 503 => 41,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, q850: Option<u8>, rang: bool, state: LegState, reason: EndReason) {
        let (came_state, cause) = of_answer(status, q850, rang);
        assert_eq!(
            (came_state, cause.reason),
            (state, reason),
            "{status} {q850:?} rang={rang}"
        );
        assert_eq!(cause.sip, Some(status));
        assert!(cause.words.ends_with('.'));
    }

    #[test]
    fn the_status_decides_where_no_cause_came() {
        check(486, None, true, LegState::Busy, EndReason::Busy);
        check(600, None, false, LegState::Busy, EndReason::Busy);
        check(603, None, true, LegState::Declined, EndReason::Declined);
        check(
            404,
            None,
            false,
            LegState::Unreachable,
            EndReason::Unreachable,
        );
        check(
            480,
            None,
            true,
            LegState::Unreachable,
            EndReason::Unreachable,
        );
        check(408, None, true, LegState::NoAnswer, EndReason::RingTimeout);
        check(
            408,
            None,
            false,
            LegState::Unreachable,
            EndReason::Unreachable,
        );
        check(488, None, false, LegState::Failed, EndReason::Media);
        check(503, None, false, LegState::Failed, EndReason::Trunk);
        check(407, None, false, LegState::Failed, EndReason::Trunk);
        check(302, None, false, LegState::Failed, EndReason::Network);
    }

    #[test]
    fn a_cause_of_the_network_tells_more_than_the_status() {
        check(
            480,
            Some(19),
            true,
            LegState::NoAnswer,
            EndReason::RingTimeout,
        );
        check(480, Some(21), true, LegState::Declined, EndReason::Declined);
        check(503, Some(34), false, LegState::Failed, EndReason::Trunk);
        check(500, Some(17), false, LegState::Busy, EndReason::Busy);
        check(486, Some(31), false, LegState::Busy, EndReason::Busy);
    }

    #[test]
    fn every_final_status_ends_the_leg() {
        for status in 300..700 {
            for rang in [false, true] {
                assert!(of_answer(status, None, rang).0.is_end(), "{status}");
            }
        }
    }
}
