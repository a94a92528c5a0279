//! Who may do what: one table, operation × role, asked for every command (architecture, decision 6).
//!
//! Three things stand beside the table. Outsiders cannot tell a conference that exists from one that does not: they are
//! answered `unknown-conference` in both cases. Who muted somebody limits who may unmute them (see `Operation::Unmute`).
//! And while a conference is locked, the policy that lets participants add people is off.

use convoke_types::Role;

/// The rows. `Appoint` is an `add` or `create` that gives somebody a moderator's rights; owners appoint when they create.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Right {
    /// Start a conference; *themselves* is being its initiator.
    Create,
    /// Add people.
    Add,
    /// Add people as moderators.
    Appoint,
    /// Call somebody on the roster again.
    Call,
    /// End somebody's leg.
    Disconnect,
    /// Take somebody off the roster.
    Remove,
    /// Mute somebody.
    Mute,
    /// Unmute somebody.
    Unmute,
    /// Hide somebody's pictures.
    Hide,
    /// Let them be seen again.
    Unhide,
    /// Raise a hand.
    RaiseHand,
    /// Lower a hand.
    LowerHand,
    /// Lower a hand and unmute.
    GiveFloor,
    /// Lock the conference.
    Lock,
    /// Open it again.
    Unlock,
    /// Make somebody on the roster a moderator.
    MakeModerator,
    /// Make somebody else the owner.
    HandOver,
    /// Mute all participants.
    MuteAll,
    /// Lift that.
    UnmuteAll,
    /// End everybody's leg but the actor's; a moderator leaves the owner in.
    DisconnectAll,
    /// Decline a call that is not answered yet.
    Decline,
    /// End the conference for all.
    End,
    /// Read its state.
    Get,
    /// Say where its pictures are: the service lets nobody ask for it but the video allocator.
    Pictures,
}

impl Right {
    /// Every row.
    pub const ALL: [Right; 24] = [
        Right::Create,
        Right::Add,
        Right::Appoint,
        Right::Call,
        Right::Disconnect,
        Right::Remove,
        Right::Mute,
        Right::Unmute,
        Right::Hide,
        Right::Unhide,
        Right::RaiseHand,
        Right::LowerHand,
        Right::GiveFloor,
        Right::Lock,
        Right::Unlock,
        Right::MakeModerator,
        Right::HandOver,
        Right::MuteAll,
        Right::UnmuteAll,
        Right::DisconnectAll,
        Right::Decline,
        Right::End,
        Right::Get,
        Right::Pictures,
    ];

    /// What was attempted, for a fault's words.
    pub fn words(self) -> &'static str {
        match self {
            Right::Create => "start a conference in somebody else's name",
            Right::Add => "add people",
            Right::Appoint => "make somebody a moderator",
            Right::Call => "call somebody",
            Right::Disconnect => "disconnect somebody else",
            Right::Remove => "remove somebody else",
            Right::Mute => "mute somebody else",
            Right::Unmute => "unmute somebody else",
            Right::Hide => "hide pictures",
            Right::Unhide => "let hidden pictures be seen",
            Right::RaiseHand => "raise somebody else's hand",
            Right::LowerHand => "lower somebody else's hand",
            Right::GiveFloor => "give the floor",
            Right::Lock => "lock the conference",
            Right::Unlock => "open the conference",
            Right::MakeModerator => "make somebody a moderator",
            Right::HandOver => "hand the conference over",
            Right::MuteAll => "mute everybody",
            Right::UnmuteAll => "unmute everybody",
            Right::DisconnectAll => "disconnect everybody",
            Right::Decline => "decline somebody else's call",
            Right::End => "end the conference",
            Right::Get => "read the conference's state",
            Right::Pictures => "say where the conference's pictures are",
        }
    }
}

/// What a cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// Allowed.
    Yes,
    /// Allowed where the target is the actor.
    Themselves,
    /// Allowed where the target is the actor, and otherwise where `Policy::participants_may_add` says so.
    ByPolicy,
    /// Not allowed.
    No,
}

use Cell::{ByPolicy, No, Themselves, Yes};

/// The table. Columns: owner, moderator, participant, outsider, administrator.
pub const TABLE: [(Right, [Cell; 5]); 24] = [
    (
        Right::Create,
        [Themselves, Themselves, Themselves, Themselves, Yes],
    ),
    (Right::Add, [Yes, Yes, ByPolicy, No, Yes]),
    (Right::Appoint, [Yes, Yes, No, No, Yes]),
    (Right::Call, [Yes, Yes, ByPolicy, No, Yes]),
    (Right::Disconnect, [Yes, Yes, Themselves, No, Yes]),
    (Right::Remove, [Yes, Yes, Themselves, No, Yes]),
    (Right::Mute, [Yes, Yes, Themselves, No, Yes]),
    (Right::Unmute, [Yes, Yes, Themselves, No, Yes]),
    (Right::Hide, [Yes, Yes, No, No, Yes]),
    (Right::Unhide, [Yes, Yes, No, No, Yes]),
    (
        Right::RaiseHand,
        [Themselves, Themselves, Themselves, No, Themselves],
    ),
    (Right::LowerHand, [Yes, Yes, Themselves, No, Yes]),
    (Right::GiveFloor, [Yes, Yes, No, No, Yes]),
    (Right::Lock, [Yes, Yes, No, No, Yes]),
    (Right::Unlock, [Yes, Yes, No, No, Yes]),
    (Right::MakeModerator, [Yes, Yes, No, No, Yes]),
    (Right::HandOver, [Yes, No, No, No, Yes]),
    (Right::MuteAll, [Yes, Yes, No, No, Yes]),
    (Right::UnmuteAll, [Yes, Yes, No, No, Yes]),
    (Right::DisconnectAll, [Yes, Yes, No, No, Yes]),
    (
        Right::Decline,
        [Themselves, Themselves, Themselves, No, Themselves],
    ),
    (Right::End, [Yes, Yes, No, No, Yes]),
    (Right::Get, [Yes, Yes, Yes, No, Yes]),
    (Right::Pictures, [No, No, No, No, Yes]),
];

/// The cell of a role and a right.
pub fn cell(role: Role, right: Right) -> Cell {
    let [owner, moderator, participant, outsider, administrator] = TABLE
        .iter()
        .find(|(row, _)| *row == right)
        .map_or([No; 5], |(_, cells)| *cells);
    match role {
        Role::Owner => owner,
        Role::Moderator => moderator,
        Role::Participant => participant,
        Role::Outsider => outsider,
        Role::Administrator => administrator,
    }
}

/// Whether somebody of this role may do this. `target_is_self`: it concerns the actor alone;
/// `participants_may_add`: the conference's policy, as long as it is not locked.
pub fn may(role: Role, right: Right, target_is_self: bool, participants_may_add: bool) -> bool {
    match cell(role, right) {
        Yes => true,
        Themselves => target_is_self,
        ByPolicy => target_is_self || participants_may_add,
        No => false,
    }
}
