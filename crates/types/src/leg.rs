//! The one leg state machine's words (architecture, decision 5): the same identifiers in SOAP, REST, records and logs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a leg stands. The transitions live in `conference-core`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LegState {
    /// Waits for its turn: for the initiator, the trunk's rate, or a free line.
    Queued,
    /// The INVITE is out, nothing heard yet.
    Dialling,
    /// The telephone rings (180) or the network makes progress (183).
    Ringing,
    /// Picked up; media is being set up.
    Answered,
    /// Hears who invites and is asked to press 1; hears no one and is heard by no one.
    Confirming,
    /// In the mix, and the first mixed packet was sent.
    Joined,
    /// Put itself on hold.
    Held,
    /// Was in, or was taken out before it got in; the cause tells.
    Left,
    /// Busy (486, 600).
    Busy,
    /// Rang until the ring time was over, or was never confirmed.
    NoAnswer,
    /// Refused by the called person (603, 403 from the far end's device …).
    Declined,
    /// No such number, or nobody there (404, 410, 480, 484 …).
    Unreachable,
    /// The network or we failed.
    Failed,
}

impl LegState {
    /// Every state, in the order of a call's life.
    pub const ALL: [LegState; 13] = [
        LegState::Queued,
        LegState::Dialling,
        LegState::Ringing,
        LegState::Answered,
        LegState::Confirming,
        LegState::Joined,
        LegState::Held,
        LegState::Left,
        LegState::Busy,
        LegState::NoAnswer,
        LegState::Declined,
        LegState::Unreachable,
        LegState::Failed,
    ];

    /// Whether the person is in the conference, be it on hold.
    pub fn is_in(self) -> bool {
        matches!(self, LegState::Joined | LegState::Held)
    }

    /// Whether the leg is over for good.
    pub fn is_end(self) -> bool {
        matches!(
            self,
            LegState::Left
                | LegState::Busy
                | LegState::NoAnswer
                | LegState::Declined
                | LegState::Unreachable
                | LegState::Failed
        )
    }

    /// The identifier, as in SOAP, REST and records.
    pub fn as_str(self) -> &'static str {
        match self {
            LegState::Queued => "queued",
            LegState::Dialling => "dialling",
            LegState::Ringing => "ringing",
            LegState::Answered => "answered",
            LegState::Confirming => "confirming",
            LegState::Joined => "joined",
            LegState::Held => "held",
            LegState::Left => "left",
            LegState::Busy => "busy",
            LegState::NoAnswer => "no-answer",
            LegState::Declined => "declined",
            LegState::Unreachable => "unreachable",
            LegState::Failed => "failed",
        }
    }

    /// The words that a person reads (window, board, plain-word answers).
    pub fn words(self) -> &'static str {
        match self {
            LegState::Queued => "Queued",
            LegState::Dialling => "Calling",
            LegState::Ringing => "Ringing",
            LegState::Answered => "Connecting",
            LegState::Confirming => "Confirming",
            LegState::Joined => "In the call",
            LegState::Held => "On hold",
            LegState::Left => "Left",
            LegState::Busy => "Busy",
            LegState::NoAnswer => "No answer",
            LegState::Declined => "Declined",
            LegState::Unreachable => "Unreachable",
            LegState::Failed => "Failed",
        }
    }
}

impl fmt::Display for LegState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a leg ended, beyond its end state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndReason {
    /// The person hung up.
    HungUp,
    /// A moderator (or who may) disconnected or removed them.
    ByModerator,
    /// The same person came in on another leg.
    JoinedElsewhere,
    /// The conference ended.
    ConferenceEnded,
    /// The far end said busy.
    Busy,
    /// The ring time was over.
    RingTimeout,
    /// Answered, but nobody pressed 1.
    Voicemail,
    /// The far end declined.
    Declined,
    /// The number does not exist or is not reachable now.
    Unreachable,
    /// The dial plan or a permission refuses this address.
    NotPermitted,
    /// No free line on the trunk for the wait time.
    NoLine,
    /// The trunk does not answer or refuses us.
    Trunk,
    /// No common codec or bad SDP.
    Media,
    /// The bridge was lost.
    Bridge,
    /// The server is going down.
    Shutdown,
    /// Anything else that the far end answered.
    Network,
}

impl EndReason {
    /// The identifier, as in SOAP, REST and records.
    pub fn as_str(self) -> &'static str {
        match self {
            EndReason::HungUp => "hung-up",
            EndReason::ByModerator => "by-moderator",
            EndReason::JoinedElsewhere => "joined-elsewhere",
            EndReason::ConferenceEnded => "conference-ended",
            EndReason::Busy => "busy",
            EndReason::RingTimeout => "ring-timeout",
            EndReason::Voicemail => "voicemail",
            EndReason::Declined => "declined",
            EndReason::Unreachable => "unreachable",
            EndReason::NotPermitted => "not-permitted",
            EndReason::NoLine => "no-line",
            EndReason::Trunk => "trunk",
            EndReason::Media => "media",
            EndReason::Bridge => "bridge",
            EndReason::Shutdown => "shutdown",
            EndReason::Network => "network",
        }
    }
    /// Every reason.
    pub const ALL: [EndReason; 16] = [
        EndReason::HungUp,
        EndReason::ByModerator,
        EndReason::JoinedElsewhere,
        EndReason::ConferenceEnded,
        EndReason::Busy,
        EndReason::RingTimeout,
        EndReason::Voicemail,
        EndReason::Declined,
        EndReason::Unreachable,
        EndReason::NotPermitted,
        EndReason::NoLine,
        EndReason::Trunk,
        EndReason::Media,
        EndReason::Bridge,
        EndReason::Shutdown,
        EndReason::Network,
    ];
}

/// Why a leg ended: reason, protocol codes, and words for a person.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cause {
    /// The reason, one of a closed list.
    pub reason: EndReason,
    /// The SIP status code that told us, if any (RFC 3261 §21).
    pub sip: Option<u16>,
    /// The Q.850 cause value, from a Reason header (RFC 3326) or mapped (RFC 3398).
    pub q850: Option<u8>,
    /// What a person reads: what happened and, where it helps, what to do.
    pub words: String,
}

/// Who muted somebody. A moderator's mute is any moderator's to lift; their own theirs alone, unless they raised a hand and are
/// given the floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MutedBy {
    /// A moderator: they cannot unmute themselves.
    Moderator,
    /// They themselves: no moderator's command to unmute lifts it.
    Themselves,
    /// Both: as long as the moderator's holds, theirs is lifted by `*6` alone.
    Both,
}

impl MutedBy {
    /// All.
    pub const ALL: [MutedBy; 3] = [MutedBy::Moderator, MutedBy::Themselves, MutedBy::Both];
    /// The identifier, as in SOAP, REST and event documents.
    pub fn as_str(self) -> &'static str {
        match self {
            MutedBy::Moderator => "moderator",
            MutedBy::Themselves => "themselves",
            MutedBy::Both => "both",
        }
    }
}

/// What somebody is in a conference. `Outsider` and `Administrator` are not on the roster; the authority table names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Started the conference, or was handed it.
    Owner,
    /// May control it.
    Moderator,
    /// Takes part.
    Participant,
    /// An account that is not on the roster.
    Outsider,
    /// Runs the server.
    Administrator,
}

impl Role {
    /// The roles on a roster.
    pub const ON_ROSTER: [Role; 3] = [Role::Owner, Role::Moderator, Role::Participant];
    /// The identifier, as in SOAP, REST and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Moderator => "moderator",
            Role::Participant => "participant",
            Role::Outsider => "outsider",
            Role::Administrator => "administrator",
        }
    }
}
