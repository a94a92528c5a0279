//! The call detail record of one leg, as far as the focus knows it (codec, loss and jitter come from the media bridge).

use std::time::Instant;

use convoke_types::{
    Address, Aor, Cause, CommandId, ConferenceId, LegId, LegState, Mode, ParticipantId,
};

/// One leg, from its queueing to its end; made exactly once for every leg, also for one that was never dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegRecord {
    /// The conference.
    pub conference: ConferenceId,
    /// The leg.
    pub leg: LegId,
    /// On the roster.
    pub participant: ParticipantId,
    /// Name of the called person.
    pub name: String,
    /// Their account, if any.
    pub user: Option<Aor>,
    /// The account of the conference's owner, for whom the call was made.
    pub owner: Option<Aor>,
    /// Where they were called.
    pub whom: Address,
    /// The place, as shown.
    pub place: String,
    /// How the address is reached.
    pub mode: Mode,
    /// The trunk it went over; `None` when called directly or never dialled.
    pub trunk: Option<String>,
    /// The bridge account (C14).
    pub account: Option<String>,
    /// Who pays (C14).
    pub payer: Option<String>,
    /// The command that had it called; `None` when the person called in by themselves.
    pub command: Option<CommandId>,
    /// When it was queued.
    pub queued: Instant,
    /// When the INVITE went out.
    pub dialled: Option<Instant>,
    /// When it was picked up.
    pub answered: Option<Instant>,
    /// When it was in the mix.
    pub joined: Option<Instant>,
    /// When it ended.
    pub ended: Instant,
    /// Its end state.
    pub state: LegState,
    /// Why it ended.
    pub cause: Cause,
}
