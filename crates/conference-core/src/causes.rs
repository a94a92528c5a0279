//! The ends that the focus itself decides, in words for people.

use std::time::Duration;

use convoke_types::limits::DECLINE_MAX_CHARS;
use convoke_types::report::{ConferenceEnd, ConferenceEndReason};
use convoke_types::{Cause, EndReason, LegState};

use crate::leg::Outcome;

fn outcome(state: LegState, reason: EndReason, words: impl Into<String>) -> Outcome {
    Outcome {
        state,
        cause: Cause {
            reason,
            sip: None,
            q850: None,
            words: words.into(),
        },
    }
}

/// Somebody else ended the leg.
pub(crate) fn by_moderator(who: &str) -> Outcome {
    outcome(
        LegState::Left,
        EndReason::ByModerator,
        format!("disconnected by {who}"),
    )
}

/// The person themselves ended the leg, by command.
pub(crate) fn by_themselves() -> Outcome {
    outcome(LegState::Left, EndReason::HungUp, "hung up")
}

/// The person declined, in words of theirs where they gave any.
pub(crate) fn declined(words: Option<&str>) -> Outcome {
    let words: String = words
        .unwrap_or_default()
        .chars()
        .take(DECLINE_MAX_CHARS)
        .collect();
    let words = match words.trim() {
        "" => "declined".to_owned(),
        said => said.to_owned(),
    };
    outcome(LegState::Declined, EndReason::Declined, words)
}

/// The person is in at another place.
pub(crate) fn joined_elsewhere() -> Outcome {
    outcome(
        LegState::Left,
        EndReason::JoinedElsewhere,
        "joined from another place",
    )
}

/// Called, and given up for another place where they are to be called or call in from.
pub(crate) fn placed_elsewhere() -> Outcome {
    outcome(
        LegState::Left,
        EndReason::JoinedElsewhere,
        "another place was chosen instead",
    )
}

/// The conference ends, and the leg with it.
pub(crate) fn with_conference(end: &ConferenceEnd) -> Outcome {
    match end.reason {
        ConferenceEndReason::Shutdown => {
            outcome(LegState::Left, EndReason::Shutdown, end.words.clone())
        }
        ConferenceEndReason::ByCommand
        | ConferenceEndReason::OwnerLeft
        | ConferenceEndReason::Empty
        | ConferenceEndReason::Error => outcome(
            LegState::Left,
            EndReason::ConferenceEnded,
            format!("the conference ended: {}", end.words),
        ),
    }
}

/// No line of the trunks was free in time.
pub(crate) fn no_line(lines: u32) -> Outcome {
    let words = match lines {
        1 => "the only line is in use".to_owned(),
        lines => format!("all {lines} lines in use"),
    };
    outcome(LegState::Failed, EndReason::NoLine, words)
}

/// The bridge neither reported an answer nor an end in time.
pub(crate) fn rang_out() -> Outcome {
    outcome(
        LegState::NoAnswer,
        EndReason::RingTimeout,
        "nobody answered in time",
    )
}

/// Nobody pressed 1 in time.
pub(crate) fn not_confirmed() -> Outcome {
    outcome(
        LegState::NoAnswer,
        EndReason::Voicemail,
        "answered, but nobody pressed 1",
    )
}

/// Answered, but never in the mix.
pub(crate) fn never_joined() -> Outcome {
    outcome(
        LegState::Failed,
        EndReason::Media,
        "answered, but no sound could be set up",
    )
}

/// The bridge did not confirm the end of a leg.
pub(crate) fn not_confirmed_end() -> Outcome {
    outcome(
        LegState::Failed,
        EndReason::Bridge,
        "the bridge did not confirm that the call ended",
    )
}

/// The bridge is gone.
pub(crate) fn bridge_lost(words: &str) -> Outcome {
    outcome(
        LegState::Failed,
        EndReason::Bridge,
        format!("{}{words}", ConferenceEnd::BRIDGE_LOST),
    )
}

/// The end of a conference whose bridge is gone. Windows know it by these words (`web/app/src/board/end-words.ts`).
pub(crate) fn conference_bridge_lost(words: &str) -> ConferenceEnd {
    end(
        ConferenceEndReason::Error,
        format!("{}{words}", ConferenceEnd::BRIDGE_LOST),
    )
}

/// The end of a conference by command.
pub(crate) fn conference_by_command(who: &str) -> ConferenceEnd {
    end(ConferenceEndReason::ByCommand, format!("{who} ended it"))
}

/// The end of a conference whose owner hung up, or was never reached (`joined` is false; the outcome tells why).
/// Reports tell both alike, so the latter is known by its words ([`ConferenceEnd::owner_was_not_reached`]).
pub(crate) fn conference_owner_left(who: &str, joined: bool, how: &Outcome) -> ConferenceEnd {
    let words = if joined {
        format!("{who} left")
    } else {
        format!("{who}{}{}", ConferenceEnd::NOT_REACHED, how.cause.words)
    };
    end(ConferenceEndReason::OwnerLeft, words)
}

/// The end of a conference without legs.
pub(crate) fn conference_empty() -> ConferenceEnd {
    end(ConferenceEndReason::Empty, "everybody left")
}

/// The end of a conference in which nobody speaks. To programs it is an error (C12); windows know it by these words
/// (`web/app/src/board/end-words.ts`).
pub(crate) fn conference_idle(idle: Duration) -> ConferenceEnd {
    let minutes = idle.as_secs() / 60;
    let words = if minutes > 0 && idle.as_secs().is_multiple_of(60) {
        format!("{minutes} min")
    } else {
        format!("{} s", idle.as_secs())
    };
    let words = format!("{}{words}", ConferenceEnd::NOBODY_SPOKE);
    end(ConferenceEndReason::Error, words)
}

/// The end of a conference because the server goes down.
pub(crate) fn conference_shutdown() -> ConferenceEnd {
    end(ConferenceEndReason::Shutdown, "the server is going down")
}

fn end(reason: ConferenceEndReason, words: impl Into<String>) -> ConferenceEnd {
    ConferenceEnd {
        reason,
        words: words.into(),
    }
}
