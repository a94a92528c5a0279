//! What comes in and what goes out: commands, answers, outputs.

use convoke_types::bridge::BridgeCommand;
use convoke_types::bridge_protocol::Feature;
use convoke_types::report::{ParticipantRef, Report};
use convoke_types::{
    Address, Aor, Cause, CommandId, ConferenceId, Fault, LegId, LegState, Mode, MutedBy,
    ParticipantId, VideoServerName,
};

use crate::config::PolicyOverrides;
use crate::record::LegRecord;

/// Somebody wants something. The caller has authenticated the actor, resolved people to addresses by telephone profile and
/// dial plan, and answers repeated ids itself; the focus decides who may do what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The client's id for it; the reports that it leads to carry it.
    pub id: CommandId,
    /// Who wants it.
    pub actor: Actor,
    /// What.
    pub operation: Operation,
}

/// Who commands. Without a user and not an administrator: nobody, answered with `unauthenticated`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The asserted account.
    pub user: Option<Aor>,
    /// Whether the caller runs the server (an administrator's token).
    pub administrator: bool,
}

impl Actor {
    /// An account.
    pub fn user(user: Aor) -> Self {
        Self {
            user: Some(user),
            administrator: false,
        }
    }
    /// Whoever runs the server.
    pub fn administrator() -> Self {
        Self {
            user: None,
            administrator: true,
        }
    }
}

/// The operations of the conference service.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "commands live briefly; boxing would cost an allocation each"
)]
pub enum Operation {
    /// Start a conference: the initiator is called first, then all others. Answered at once.
    Create(Create),
    /// Put people on the roster and call them. Somebody who is on the roster but not being called or in is called again
    /// (at the address given now). All or nobody.
    Add {
        /// The conference.
        conference: ConferenceId,
        /// Whom, at most `convoke_types::limits::PARTIES_MAX`.
        parties: Vec<Party>,
    },
    /// Call somebody on the roster again who is not being called or in; or, at another place, oneself: a leg that is in goes on until the new
    /// one joins, and stays if that one does not get in; one that is not in ends at once.
    Call {
        /// The conference.
        conference: ConferenceId,
        /// Whom.
        participant: ParticipantId,
        /// Where, from now on; `None`: at the same place as before.
        at: Option<Destination>,
    },
    /// End somebody's leg; they stay on the roster.
    Disconnect {
        /// The conference.
        conference: ConferenceId,
        /// Whom.
        participant: ParticipantId,
    },
    /// Take somebody off the roster, after ending their leg.
    Remove {
        /// The conference.
        conference: ConferenceId,
        /// Whom.
        participant: ParticipantId,
    },
    /// Let nobody hear them, from now on or from when they join.
    Mute {
        /// The conference.
        conference: ConferenceId,
        /// Whom.
        participant: ParticipantId,
    },
    /// Let them be heard again: who muted themselves unmutes themselves, whom a moderator muted is unmuted by moderators.
    Unmute {
        /// The conference.
        conference: ConferenceId,
        /// Whom.
        participant: ParticipantId,
    },
    /// Let nobody see their pictures, those that come later too. Who does not want to be seen shows none.
    Hide {
        /// The conference.
        conference: ConferenceId,
        /// Whose.
        participant: ParticipantId,
    },
    /// Let them be seen again.
    Unhide {
        /// The conference.
        conference: ConferenceId,
        /// Whose.
        participant: ParticipantId,
    },
    /// Join the queue of those who want to speak; whoever is in may. Raising a hand that is up changes nothing.
    RaiseHand {
        /// The conference.
        conference: ConferenceId,
        /// Whose.
        participant: ParticipantId,
    },
    /// Leave that queue.
    LowerHand {
        /// The conference.
        conference: ConferenceId,
        /// Whose.
        participant: ParticipantId,
    },
    /// Let somebody speak: lowers their hand and lifts a moderator's mute; their own as well if the hand was up, since asking
    /// to speak is the consent to be heard.
    GiveFloor {
        /// The conference.
        conference: ConferenceId,
        /// To whom.
        participant: ParticipantId,
    },
    /// Let participants add nobody any more.
    Lock {
        /// The conference.
        conference: ConferenceId,
    },
    /// Take that back.
    Unlock {
        /// The conference.
        conference: ConferenceId,
    },
    /// Give somebody a moderator's rights.
    MakeModerator {
        /// The conference.
        conference: ConferenceId,
        /// Whom.
        participant: ParticipantId,
    },
    /// Make somebody who is in the owner; needs an account. The former owner becomes a moderator.
    HandOver {
        /// The conference.
        conference: ConferenceId,
        /// To whom.
        participant: ParticipantId,
    },
    /// A moderator's mute for everybody of role participant who is on the roster now.
    MuteAll {
        /// The conference.
        conference: ConferenceId,
    },
    /// Lifts a moderator's mute from everybody of role participant who is on the roster now.
    UnmuteAll {
        /// The conference.
        conference: ConferenceId,
    },
    /// End every leg but the actor's own, and the owner's where a moderator asks; everybody stays on the roster.
    DisconnectAll {
        /// The conference.
        conference: ConferenceId,
    },
    /// Decline one's own call that is not answered yet; while one is in and called at another place, the call there.
    Decline {
        /// The conference.
        conference: ConferenceId,
        /// Who declines.
        participant: ParticipantId,
        /// What they say to it; cut at `convoke_types::limits::DECLINE_MAX_CHARS`.
        words: Option<String>,
    },
    /// End the conference for all: the others first, the owner last, then the end is reported.
    End {
        /// The conference.
        conference: ConferenceId,
    },
    /// Which video server has the pictures from now on.
    Pictures {
        /// The conference.
        conference: ConferenceId,
        /// The server; `None`: the pictures are lost, and those who show them wait for one.
        video: Option<VideoServerName>,
        /// What happened, for people; cut at `convoke_types::limits::BRIDGE_WORDS_MAX_CHARS`.
        words: Option<String>,
    },
    /// The state, and what changed since a version.
    Get {
        /// The conference.
        conference: ConferenceId,
        /// The last version that the asker has; `None` to get the state alone.
        since: Option<u64>,
    },
}

impl Operation {
    /// The conference that it concerns.
    pub fn conference(&self) -> &ConferenceId {
        match self {
            Operation::Create(create) => &create.conference,
            Operation::Add { conference, .. }
            | Operation::Call { conference, .. }
            | Operation::Disconnect { conference, .. }
            | Operation::Remove { conference, .. }
            | Operation::Mute { conference, .. }
            | Operation::Unmute { conference, .. }
            | Operation::Hide { conference, .. }
            | Operation::Unhide { conference, .. }
            | Operation::RaiseHand { conference, .. }
            | Operation::LowerHand { conference, .. }
            | Operation::GiveFloor { conference, .. }
            | Operation::Lock { conference }
            | Operation::Unlock { conference }
            | Operation::MakeModerator { conference, .. }
            | Operation::HandOver { conference, .. }
            | Operation::MuteAll { conference }
            | Operation::UnmuteAll { conference }
            | Operation::DisconnectAll { conference }
            | Operation::Decline { conference, .. }
            | Operation::End { conference }
            | Operation::Pictures { conference, .. }
            | Operation::Get { conference, .. } => conference,
        }
    }
}

/// A conference to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    /// Its id, made by the caller and never used before (the focus refuses one that is in use and forgets those that ended).
    pub conference: ConferenceId,
    /// What to call it; may be empty.
    pub title: String,
    /// Its owner, called first. Must be the actor, unless an administrator creates it.
    pub initiator: Party,
    /// Everybody else, each once.
    pub participants: Vec<Party>,
    /// What is to be different from the default policy.
    pub policy: PolicyOverrides,
    /// Who pays (C14); copied to every leg's record.
    pub payer: Option<String>,
    /// Which bridge account to use (C14); copied to every leg's record.
    pub account: Option<String>,
    /// The video server that has the pictures, where there are any.
    pub video: Option<VideoServerName>,
}

/// Somebody to be called, with everything already resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Name to show.
    pub name: String,
    /// Their account, if they have one.
    pub user: Option<Aor>,
    /// Where they are called.
    pub address: Address,
    /// How that is reached; for the record.
    pub mode: Mode,
    /// The place as others may see it: `mobile`, `work`, `number …07`.
    pub place: String,
    /// Ask for key 1 before joining.
    pub guard: bool,
    /// Language of prompts, a BCP 47 tag.
    pub language: String,
    /// Whether they get a moderator's rights (only owner, moderators and administrators may give them). Not read for initiators.
    pub moderator: bool,
}

/// Where somebody on the roster is to be called, with everything already resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Where they are called.
    pub address: Address,
    /// How that is reached; for the record.
    pub mode: Mode,
    /// The place as others may see it.
    pub place: String,
    /// Ask for key 1 before joining. `None`: nobody has said so; asked of a number where somebody would otherwise give up a place that
    /// they are at, for it may be a mailbox that answers.
    pub guard: Option<bool>,
    /// Language of prompts, a BCP 47 tag.
    pub language: String,
}

/// What the focus gives out, in this order for one command: its reply, then reports and records, then bridge commands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "outputs live briefly in one queue; boxing would cost an allocation each"
)]
pub enum Output {
    /// The answer to a command; exactly one each. It has to be durable before the bridge commands that follow are carried out.
    Reply {
        /// The command.
        command: CommandId,
        /// What came of it.
        result: Result<Reply, Fault>,
    },
    /// Something changed.
    Report(Report),
    /// For the bridge.
    Bridge(BridgeCommand),
    /// A leg is over; exactly one each, after the report of its end.
    Record(LegRecord),
}

/// The good answer to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The conference as it is after the command. Reports of the command itself follow and have versions up to `snapshot.version`.
    pub snapshot: Snapshot,
    /// Whom the command named, in its order (`create`: the initiator first).
    pub participants: Vec<ParticipantId>,
    /// For `get`: what changed.
    pub changes: Changes,
}

/// What changed since the version that `get` named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// It named none, or the operation was another.
    NotAsked,
    /// All of these, in order and without gaps.
    Since(Vec<Report>),
    /// The version is older than the reports kept (or from the future): only the snapshot helps.
    TooOld,
}

/// The state of a conference at one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The conference.
    pub conference: ConferenceId,
    /// Its title.
    pub title: String,
    /// Where it stands.
    pub state: ConferenceState,
    /// The version of its last report.
    pub version: u64,
    /// Who owns it.
    pub owner: ParticipantId,
    /// How long ago it was created, in milliseconds.
    pub age_ms: u64,
    /// Whether participants may add nobody.
    pub locked: bool,
    /// The video server that has the pictures, or had them when they were lost; `None`: there are none.
    pub video: Option<VideoServerName>,
    /// That server is lost, and no other can be had.
    pub pictures_lost: bool,
    /// How often the sound has gone to another bridge.
    pub sound_moves: u32,
    /// What the bridge that has the sound cannot do, of [`Feature::OF_SOUND`].
    pub absent: Vec<Feature>,
    /// Everybody, in the order they were added.
    pub roster: Vec<RosterEntry>,
}

/// Where a conference stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConferenceState {
    /// The initiator is being called; nobody has joined yet.
    Starting,
    /// Somebody has joined.
    Running,
    /// Being ended; legs are being released.
    Ending,
    /// Over. Seen only in the answer to the command that ended it at once.
    Ended,
}

impl ConferenceState {
    /// The identifier, as in SOAP and REST.
    pub fn as_str(self) -> &'static str {
        match self {
            ConferenceState::Starting => "starting",
            ConferenceState::Running => "running",
            ConferenceState::Ending => "ending",
            ConferenceState::Ended => "ended",
        }
    }
}

/// One participant in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterEntry {
    /// Who, with role and place.
    pub participant: ParticipantRef,
    /// Not heard.
    pub muted: bool,
    /// By whom, while they are.
    pub muted_by: Option<MutedBy>,
    /// A moderator lets nobody see their pictures.
    pub hidden: bool,
    /// Talks now (as last reported).
    pub talking: bool,
    /// Nothing has arrived from them for a while.
    pub silent: bool,
    /// The place in the queue of raised hands, from 1, while theirs is up.
    pub hand: Option<u32>,
    /// How long it has been up, in milliseconds.
    pub hand_ms: Option<u64>,
    /// Their current leg, or the last one.
    pub leg: LegView,
    /// Where else they are being called while they are in, or, for a minute, why that came to nothing.
    pub moving: Option<MovingView>,
    /// What they show: the focus knows of none, who has the pictures writes it in.
    pub pictures: Vec<PictureView>,
}

/// Somebody who is in is being called at another place, and goes on there once they answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovingView {
    /// The other place.
    pub place: String,
    /// The leg there. When it has ended, they stay where they are.
    pub leg: LegView,
}

/// A picture in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PictureView {
    /// By which its section in an offer is known (RFC 4574).
    pub label: String,
    /// What it shows.
    pub kind: PictureKind,
}

/// What a picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PictureKind {
    /// What a camera sees.
    Camera,
    /// A screen.
    Screen,
}

/// A leg in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegView {
    /// Which.
    pub id: LegId,
    /// How its place is reached.
    pub mode: Mode,
    /// Its state.
    pub state: LegState,
    /// Why it ended, if it did.
    pub cause: Option<Cause>,
    /// How long it has been in this state, in milliseconds.
    pub since_ms: u64,
    /// How long ago it joined, in milliseconds, if it did.
    pub joined_ms: Option<u64>,
}
