//! What the services say to each other, as Rust types. The schema's names are the fields' names in camel case.

use std::fmt;

use convoke_types::bridge_protocol::Feature;
use convoke_types::report::Report;
use convoke_types::{
    Aor, Cause, CommandId, ConferenceId, Fault, LegId, LegState, MutedBy, ParticipantId, Role,
    VideoServerName,
};

use crate::headers::Headers;
use crate::time::UtcMillis;

/// A request to the conference service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Command id, reply address, expiry, user.
    pub headers: Headers,
    /// What is asked.
    pub operation: Operation,
}

/// The operations of the conference service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Start a conference.
    Create(Create),
    /// Put more people on the roster and call them.
    Add {
        /// Which conference.
        conference: ConferenceId,
        /// Whom; 1 to 500.
        participants: Vec<Party>,
    },
    /// Call somebody on the roster again.
    Call {
        /// Which conference.
        conference: ConferenceId,
        /// Whom.
        participant: ParticipantId,
        /// Where, if not at the same place as before.
        at: Option<CallAt>,
    },
    /// Hang up one participant's leg; they stay on the roster.
    Disconnect {
        /// Which conference.
        conference: ConferenceId,
        /// Whom.
        participant: ParticipantId,
    },
    /// Hang up and take off the roster.
    Remove {
        /// Which conference.
        conference: ConferenceId,
        /// Whom.
        participant: ParticipantId,
    },
    /// Nobody hears them any more.
    Mute {
        /// Which conference.
        conference: ConferenceId,
        /// Whom.
        participant: ParticipantId,
    },
    /// They are heard again.
    Unmute {
        /// Which conference.
        conference: ConferenceId,
        /// Whom.
        participant: ParticipantId,
    },
    /// Nobody sees their pictures any more.
    Hide {
        /// Which conference.
        conference: ConferenceId,
        /// Whose.
        participant: ParticipantId,
    },
    /// They are seen again.
    Unhide {
        /// Which conference.
        conference: ConferenceId,
        /// Whose.
        participant: ParticipantId,
    },
    /// Join the queue of those who want to speak.
    RaiseHand {
        /// Which conference.
        conference: ConferenceId,
        /// Whose hand.
        participant: ParticipantId,
    },
    /// Leave that queue.
    LowerHand {
        /// Which conference.
        conference: ConferenceId,
        /// Whose hand.
        participant: ParticipantId,
    },
    /// Lower a hand and let its owner be heard.
    GiveFloor {
        /// Which conference.
        conference: ConferenceId,
        /// To whom.
        participant: ParticipantId,
    },
    /// Let participants add nobody any more.
    Lock {
        /// Which conference.
        conference: ConferenceId,
    },
    /// Take that back.
    Unlock {
        /// Which conference.
        conference: ConferenceId,
    },
    /// Give somebody a moderator's rights.
    MakeModerator {
        /// Which conference.
        conference: ConferenceId,
        /// Whom.
        participant: ParticipantId,
    },
    /// Make somebody who is in the owner.
    HandOver {
        /// Which conference.
        conference: ConferenceId,
        /// To whom.
        participant: ParticipantId,
    },
    /// Nobody of role participant is heard any more.
    MuteAll {
        /// Which conference.
        conference: ConferenceId,
    },
    /// Take that back.
    UnmuteAll {
        /// Which conference.
        conference: ConferenceId,
    },
    /// Hang up everybody's leg but the asker's, and the owner's when a moderator asks; all stay on the roster.
    DisconnectAll {
        /// Which conference.
        conference: ConferenceId,
    },
    /// Decline one's own call that is not answered yet.
    Decline {
        /// Which conference.
        conference: ConferenceId,
        /// Who declines.
        participant: ParticipantId,
        /// What they say to it.
        words: Option<String>,
    },
    /// End the conference for all.
    End {
        /// Which conference.
        conference: ConferenceId,
    },
    /// Which video server has the pictures from now on; from the video allocator alone.
    Pictures {
        /// Which conference.
        conference: ConferenceId,
        /// The server; `None`: they are lost.
        video: Option<VideoServerName>,
        /// What happened, for people.
        words: Option<String>,
    },
    /// The state now, and the reports after `since`.
    Get {
        /// Which conference.
        conference: ConferenceId,
        /// The last version that the asker has.
        since: Option<u64>,
        /// Wait up to so long for a report after `since`, 0 to 25000 ms.
        wait_ms: Option<u32>,
        /// Skip so many participants of the roster: a roster over 64 kB is answered in pages.
        first: Option<u32>,
    },
    /// The running conferences in which the asker owns or takes part.
    List,
}

/// Where somebody is to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallAt {
    /// On one of their telephones (`mobile`, `work` …), or with their own clients ([`BROWSER`]).
    Place(String),
    /// At a number, E.164 or as one dials it in the home country.
    Number(String),
}

/// The place that means a person's own clients, in any case of letters: they are not called but call in.
pub const BROWSER: &str = "browser";

/// Names of the operations, for logs, dispatch and the authority table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are documented at `Operation`")]
pub enum OperationName {
    Create,
    Add,
    Call,
    Disconnect,
    Remove,
    Mute,
    Unmute,
    Hide,
    Unhide,
    RaiseHand,
    LowerHand,
    GiveFloor,
    Lock,
    Unlock,
    MakeModerator,
    HandOver,
    MuteAll,
    UnmuteAll,
    DisconnectAll,
    Decline,
    End,
    Pictures,
    Get,
    List,
}

impl OperationName {
    /// Every operation, in the order of the WSDL.
    pub const ALL: [OperationName; 24] = [
        OperationName::Create,
        OperationName::Add,
        OperationName::Call,
        OperationName::Disconnect,
        OperationName::Remove,
        OperationName::Mute,
        OperationName::Unmute,
        OperationName::Hide,
        OperationName::Unhide,
        OperationName::RaiseHand,
        OperationName::LowerHand,
        OperationName::GiveFloor,
        OperationName::Lock,
        OperationName::Unlock,
        OperationName::MakeModerator,
        OperationName::HandOver,
        OperationName::MuteAll,
        OperationName::UnmuteAll,
        OperationName::DisconnectAll,
        OperationName::Decline,
        OperationName::End,
        OperationName::Pictures,
        OperationName::Get,
        OperationName::List,
    ];
    /// The local name of the request element.
    pub fn as_str(self) -> &'static str {
        match self {
            OperationName::Create => "create",
            OperationName::Add => "add",
            OperationName::Call => "call",
            OperationName::Disconnect => "disconnect",
            OperationName::Remove => "remove",
            OperationName::Mute => "mute",
            OperationName::Unmute => "unmute",
            OperationName::Hide => "hide",
            OperationName::Unhide => "unhide",
            OperationName::RaiseHand => "raiseHand",
            OperationName::LowerHand => "lowerHand",
            OperationName::GiveFloor => "giveFloor",
            OperationName::Lock => "lock",
            OperationName::Unlock => "unlock",
            OperationName::MakeModerator => "makeModerator",
            OperationName::HandOver => "handOver",
            OperationName::MuteAll => "muteAll",
            OperationName::UnmuteAll => "unmuteAll",
            OperationName::DisconnectAll => "disconnectAll",
            OperationName::Decline => "decline",
            OperationName::End => "end",
            OperationName::Pictures => "pictures",
            OperationName::Get => "get",
            OperationName::List => "list",
        }
    }
    /// Whether it changes anything; such a command needs an id and an expiry on its way through the IM server.
    pub fn is_command(self) -> bool {
        !matches!(self, OperationName::Get | OperationName::List)
    }
}

impl fmt::Display for OperationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Operation {
    /// Which one it is.
    pub fn name(&self) -> OperationName {
        match self {
            Operation::Create(_) => OperationName::Create,
            Operation::Add { .. } => OperationName::Add,
            Operation::Call { .. } => OperationName::Call,
            Operation::Disconnect { .. } => OperationName::Disconnect,
            Operation::Remove { .. } => OperationName::Remove,
            Operation::Mute { .. } => OperationName::Mute,
            Operation::Unmute { .. } => OperationName::Unmute,
            Operation::Hide { .. } => OperationName::Hide,
            Operation::Unhide { .. } => OperationName::Unhide,
            Operation::RaiseHand { .. } => OperationName::RaiseHand,
            Operation::LowerHand { .. } => OperationName::LowerHand,
            Operation::GiveFloor { .. } => OperationName::GiveFloor,
            Operation::Lock { .. } => OperationName::Lock,
            Operation::Unlock { .. } => OperationName::Unlock,
            Operation::MakeModerator { .. } => OperationName::MakeModerator,
            Operation::HandOver { .. } => OperationName::HandOver,
            Operation::MuteAll { .. } => OperationName::MuteAll,
            Operation::UnmuteAll { .. } => OperationName::UnmuteAll,
            Operation::DisconnectAll { .. } => OperationName::DisconnectAll,
            Operation::Decline { .. } => OperationName::Decline,
            Operation::End { .. } => OperationName::End,
            Operation::Pictures { .. } => OperationName::Pictures,
            Operation::Get { .. } => OperationName::Get,
            Operation::List => OperationName::List,
        }
    }
    /// The conference it is about, if it exists already.
    pub fn conference(&self) -> Option<&ConferenceId> {
        match self {
            Operation::Create(_) | Operation::List => None,
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
            | Operation::Get { conference, .. } => Some(conference),
        }
    }
}

/// What `create` carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    /// Title of the conference.
    pub title: Option<String>,
    /// Who owns it and is called first.
    pub initiator: Party,
    /// The others; 0 to 500.
    pub participants: Vec<Party>,
    /// Departures from the usual rules.
    pub policy: Option<Policy>,
    /// Who pays, for the call detail records (C14).
    pub payer: Option<String>,
    /// Which bridge account to use, for the call detail records (C14).
    pub account: Option<String>,
    /// The conference's id, where the allocator has prepared it elsewhere already; from nobody else.
    pub conference: Option<ConferenceId>,
    /// Whose conference it is, where the allocator asks for somebody else; from nobody else.
    pub owner: Option<Aor>,
    /// The video server that has the pictures; from the allocator alone.
    pub video: Option<VideoServerName>,
}

/// Somebody to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Who it is, or only where.
    pub who: Who,
    /// Name to show, if not the account's or the number's.
    pub name: Option<String>,
    /// Which of their telephones: `mobile`, `work` …; or [`BROWSER`].
    pub place: Option<String>,
}

/// How a request names somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A name of an account or address-book entry, or `user@domain`.
    Person(String),
    /// A number, E.164 or as one dials it in the home country.
    Number(String),
    /// A SIP URI that is called directly.
    Sip(String),
}

impl Party {
    /// A party of this kind without name or place.
    pub fn of(who: Who) -> Self {
        Self {
            who,
            name: None,
            place: None,
        }
    }
}

/// Departures from the usual rules of a conference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// Call everybody at once instead of the initiator first.
    pub call_all_at_once: Option<bool>,
    /// What happens when the owner leaves; the usual rule is `End`.
    pub on_owner_left: Option<OnOwnerLeft>,
}

/// What happens when the owner leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnOwnerLeft {
    /// The conference ends.
    End,
    /// Somebody else becomes the owner.
    HandOver,
}

impl OnOwnerLeft {
    /// The identifier.
    pub fn as_str(self) -> &'static str {
        match self {
            OnOwnerLeft::End => "end",
            OnOwnerLeft::HandOver => "hand-over",
        }
    }
}

/// What the conference service answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// RelatesTo and so on.
    pub headers: Headers,
    /// The answer, or a SOAP Fault.
    pub outcome: Result<Answer, Fault>,
}

/// A good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To every operation but `get` and `list`: the conference as the command left it.
    Done {
        /// The operation; never `Get` or `List`.
        operation: OperationName,
        /// The state.
        conference: Snapshot,
    },
    /// To `get`.
    Get {
        /// The state.
        conference: Snapshot,
        /// The changes after `since`, as many as fit; the next `get` goes on from the last one.
        reports: Vec<Report>,
    },
    /// To `list`.
    List {
        /// The running conferences, at most 32.
        conferences: Vec<Snapshot>,
    },
}

impl Answer {
    /// The operation that it answers.
    pub fn operation(&self) -> OperationName {
        match self {
            Answer::Done { operation, .. } => *operation,
            Answer::Get { .. } => OperationName::Get,
            Answer::List { .. } => OperationName::List,
        }
    }
}

/// A conference at one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The conference.
    pub id: ConferenceId,
    /// Its title; may be empty.
    pub title: String,
    /// Where it stands.
    pub state: ConferenceState,
    /// Whether participants may add nobody.
    pub locked: bool,
    /// The video server that has the pictures, or had them when they were lost; `None`: there are none.
    pub video: Option<VideoServerName>,
    /// That server is lost, and no other can be had.
    pub pictures_lost: bool,
    /// How often the sound has gone to another bridge.
    pub sound_moves: u32,
    /// What the bridge that has the sound now cannot do, of [`Feature::OF_SOUND`].
    pub absent: Vec<Feature>,
    /// The number of the last report that is in this state.
    pub version: u64,
    /// Participants on the whole roster.
    pub count: u32,
    /// How many of them come before the ones here.
    pub first: u32,
    /// The participants from `first` on, as many as fit.
    pub participants: Vec<ParticipantSnapshot>,
}

/// Where a conference stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConferenceState {
    /// Nobody has joined yet.
    Starting,
    /// Somebody is or was in.
    Running,
    /// Legs are being released.
    Ending,
    /// Over.
    Ended,
}

impl ConferenceState {
    /// Every state.
    pub const ALL: [ConferenceState; 4] = [
        ConferenceState::Starting,
        ConferenceState::Running,
        ConferenceState::Ending,
        ConferenceState::Ended,
    ];
    /// The identifier.
    pub fn as_str(self) -> &'static str {
        match self {
            ConferenceState::Starting => "starting",
            ConferenceState::Running => "running",
            ConferenceState::Ending => "ending",
            ConferenceState::Ended => "ended",
        }
    }
}

/// One participant as others may see them: never a whole number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticipantSnapshot {
    /// Id on the roster.
    pub id: ParticipantId,
    /// Name to show.
    pub name: String,
    /// Account, if they have one.
    pub user: Option<Aor>,
    /// The place that is called.
    pub place: String,
    /// Role in the conference.
    pub role: Role,
    /// Not heard.
    pub muted: bool,
    /// Who muted them, while they are muted.
    pub muted_by: Option<MutedBy>,
    /// Talks now.
    pub talking: bool,
    /// No sound arrives from them.
    pub silent: bool,
    /// A moderator lets nobody see their pictures.
    pub hidden: bool,
    /// The place in the queue of raised hands, from 1, while theirs is up.
    pub hand: Option<u32>,
    /// Since when it is up.
    pub hand_since: Option<UtcMillis>,
    /// The last leg, if there was one.
    pub leg: Option<LegSnapshot>,
    /// Where else they are being called while they are in, or, for a minute, why that came to nothing.
    pub moving: Option<MovingSnapshot>,
}

/// Somebody who is in is being called at another place, and goes on there once they answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovingSnapshot {
    /// The other place.
    pub place: String,
    /// The leg there. When it has ended, they stay where they are.
    pub leg: LegSnapshot,
}

/// The last attempt to connect a participant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegSnapshot {
    /// The leg.
    pub id: LegId,
    /// Where it stands. (On the wire with its words, `LegState::words`.)
    pub state: LegState,
    /// Why, at an end.
    pub cause: Option<Cause>,
    /// Since when it is in this state.
    pub since: UtcMillis,
}

/// What the conference service tells the reporting service: changes of one or more conferences for one subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportMessage {
    /// `relates_to` is the MessageID of the `create`.
    pub headers: Headers,
    /// The subscriber.
    pub user: Option<Aor>,
    /// The ReplyTo of the subscriber's `create`.
    pub address: Option<String>,
    /// The changes, in order; 1 to 100.
    pub reports: Vec<Report>,
}

/// The reporting service's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportAck {
    /// `relates_to` is the MessageID of the report.
    pub headers: Headers,
    /// How many reports were taken, or why none were.
    pub outcome: Result<u32, Fault>,
}

/// The URI of `wsa:Action` for an operation.
pub(crate) fn action(operation: OperationName) -> String {
    format!("{}/{}", crate::names::CONFERENCE_NS, operation.as_str())
}

impl Request {
    /// A request with a command id and its action.
    pub fn new(operation: Operation, message_id: CommandId) -> Self {
        Self {
            headers: Headers {
                message_id: Some(message_id),
                action: Some(action(operation.name())),
                ..Headers::default()
            },
            operation,
        }
    }
}

impl Response {
    /// The response to a request: RelatesTo and To are set from it.
    pub fn to(request: &Headers, outcome: Result<Answer, Fault>) -> Self {
        let action = match &outcome {
            Ok(answer) => format!("{}Response", action(answer.operation())),
            // WS-Addressing SOAP binding §6: the action of faults that are not its own.
            Err(_) => format!("{}/soap/fault", crate::names::WSA_NS),
        };
        Self {
            headers: Headers {
                relates_to: request.message_id.clone(),
                to: request.reply_to.clone(),
                action: Some(action),
                ..Headers::default()
            },
            outcome,
        }
    }
}
