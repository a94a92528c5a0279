//! Who may do what: one table, operation × role, asked for every command (architecture, decision 6).
//!
//! Two things stand beside the table. Outsiders cannot tell a conference that exists from one that does not: they are
//! answered `unknown-conference` in both cases. And who muted somebody limits who may unmute them (see `Operation::Unmute`).

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
    /// End the conference for all.
    End,
    /// Read its state.
    Get,
}

impl Right {
    /// Every row.
    pub const ALL: [Right; 10] = [
        Right::Create,
        Right::Add,
        Right::Appoint,
        Right::Call,
        Right::Disconnect,
        Right::Remove,
        Right::Mute,
        Right::Unmute,
        Right::End,
        Right::Get,
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
            Right::End => "end the conference",
            Right::Get => "read the conference's state",
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
pub const TABLE: [(Right, [Cell; 5]); 10] = [
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
    (Right::End, [Yes, Yes, No, No, Yes]),
    (Right::Get, [Yes, Yes, Yes, No, Yes]),
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
/// `participants_may_add`: the conference's policy.
pub fn may(role: Role, right: Right, target_is_self: bool, participants_may_add: bool) -> bool {
    match cell(role, right) {
        Yes => true,
        Themselves => target_is_self,
        ByPolicy => target_is_self || participants_may_add,
        No => false,
    }
}
