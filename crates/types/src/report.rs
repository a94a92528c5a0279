//! What the conference service reports (requirement C6): one entry a change, numbered without gaps within a conference.

use serde::{Deserialize, Serialize};

use crate::{
    Cause, CommandId, ConferenceId, LegId, LegState, MutedBy, ParticipantId, Role, VideoServerName,
};

/// One change of a conference. `version` starts at 1 and grows by 1; a client that misses one asks `get` from the last it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The conference.
    pub conference: ConferenceId,
    /// Number of this change within the conference.
    pub version: u64,
    /// Whom it concerns; `None` for the conference as a whole.
    pub participant: Option<ParticipantRef>,
    /// What changed.
    pub change: Change,
    /// The command that led to it, if one did.
    pub command: Option<CommandId>,
}

/// A participant as others may see them: the number itself is never here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParticipantRef {
    /// Id on the roster.
    pub id: ParticipantId,
    /// Name to show.
    pub name: String,
    /// Account, `user@domain`, if the participant has one.
    pub user: Option<String>,
    /// The place that is called: `mobile`, `work`, `number …07`.
    pub place: String,
    /// Role in the conference.
    pub role: Role,
}

/// The changes, in the words of requirement C6.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Change {
    /// The conference exists and its creation is under way.
    Created,
    /// On the roster.
    Added,
    /// The leg's state: `queued` … `joined`, `held`, and the ends with their cause.
    Leg {
        /// The leg.
        leg: LegId,
        /// The new state.
        state: LegState,
        /// Why, at an end.
        cause: Option<Cause>,
        /// Of somebody who is in with another leg and stays so until this one joins; its end changes nothing else. Once this is the leg they
        /// have, it is reported without.
        #[serde(default)]
        moving: bool,
    },
    /// Muted or unmuted; also told when they are muted as before, but by somebody else.
    Muted {
        /// True: muted.
        on: bool,
        /// By whom, while they are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<MutedBy>,
    },
    /// Talks or stopped.
    Talking {
        /// True: talks.
        on: bool,
    },
    /// A moderator lets nobody see their pictures, or again everybody.
    Hidden {
        /// True: nobody sees them.
        on: bool,
    },
    /// No sound arrives from them, or again some.
    Silent {
        /// True: none.
        on: bool,
    },
    /// Raised or lowered a hand. The end of a leg lowers it by a report of its own, before that of the end.
    Hand {
        /// True: up, at the end of the queue.
        on: bool,
    },
    /// The role changed; the participant's is the new one.
    Role,
    /// The conference was locked, or opened again.
    Locked {
        /// True: locked.
        on: bool,
    },
    /// The pictures are at another video server now, or are lost.
    Pictures {
        /// The video server that has them; `None`: they are lost, and come back when one can be had.
        video: Option<VideoServerName>,
        /// What happened, for people; may be empty.
        words: String,
    },
    /// The sound is mixed by another bridge now, since the one that had it is lost. Legs stay, and what was said meanwhile is lost.
    Sound {
        /// What happened, for people; may be empty.
        words: String,
    },
    /// Off the roster.
    Removed,
    /// The conference is over; the last report.
    Ended {
        /// Why.
        cause: ConferenceEnd,
    },
}

/// Why a conference ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConferenceEnd {
    /// For programs.
    pub reason: ConferenceEndReason,
    /// For people.
    pub words: String,
}

impl ConferenceEnd {
    /// What stands between who owned it and why they were not reached, in the words of an end by [`ConferenceEndReason::OwnerLeft`]: reports
    /// tell such an owner from one who left by nothing else. The window knows it too (`web/app/src/board/end-words.ts`).
    pub const NOT_REACHED: &str = " was not reached: ";

    /// What stands before why, in the words of an end by [`ConferenceEndReason::Error`] because the bridge that mixes was lost. The window
    /// knows it, too.
    pub const BRIDGE_LOST: &str = "the connection to the bridge was lost: ";
    /// What stands before for how long, in the words of such an end because nobody spoke. The window knows it, too.
    pub const NOBODY_SPOKE: &str = "nobody spoke for ";

    /// Whether it ended because its owner was never reached, and so never was in it.
    #[must_use]
    pub fn owner_was_not_reached(&self) -> bool {
        self.reason == ConferenceEndReason::OwnerLeft && self.words.contains(Self::NOT_REACHED)
    }

    /// Whether it ended because the bridge that mixes was lost.
    #[must_use]
    pub fn bridge_was_lost(&self) -> bool {
        self.reason == ConferenceEndReason::Error && self.words.starts_with(Self::BRIDGE_LOST)
    }

    /// For how long nobody spoke, where it ended because of that: `10 min` or `30 s`.
    #[must_use]
    pub fn nobody_spoke_for(&self) -> Option<&str> {
        let fault = self.reason == ConferenceEndReason::Error;
        self.words
            .strip_prefix(Self::NOBODY_SPOKE)
            .filter(|_| fault)
    }
}

/// Why a conference ended, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConferenceEndReason {
    /// Somebody with the right to do so ended it.
    ByCommand,
    /// The owner hung up or was never reached.
    OwnerLeft,
    /// The last leg left.
    Empty,
    /// A fatal error; the words say which.
    Error,
    /// The server is going down.
    Shutdown,
}

impl ConferenceEndReason {
    /// Every reason.
    pub const ALL: [ConferenceEndReason; 5] = [
        ConferenceEndReason::ByCommand,
        ConferenceEndReason::OwnerLeft,
        ConferenceEndReason::Empty,
        ConferenceEndReason::Error,
        ConferenceEndReason::Shutdown,
    ];
    /// The identifier, as in SOAP, REST and records.
    pub fn as_str(self) -> &'static str {
        match self {
            ConferenceEndReason::ByCommand => "by-command",
            ConferenceEndReason::OwnerLeft => "owner-left",
            ConferenceEndReason::Empty => "empty",
            ConferenceEndReason::Error => "error",
            ConferenceEndReason::Shutdown => "shutdown",
        }
    }
}
