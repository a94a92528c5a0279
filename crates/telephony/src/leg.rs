//! One leg on its way: from the reserved port to the end of its call.

use std::collections::VecDeque;
use std::time::Instant;

use convoke_types::sight::{Sight, SightParams};
use convoke_types::{Cause, LegKey, LegState};
use sip_proto::Target;
use sip_proto::call::CallKey;
use sip_proto::sdp::Session;

use crate::config::Server;

/// What `Dial` asked for, as far as it is needed later.
#[derive(Debug)]
pub(crate) struct Order {
    pub to: Dialled,
    pub trunk: usize,
    pub guard: bool,
    pub inviter: String,
    pub language: String,
    pub ring_timeout_ms: u64,
    /// Pictures are to be offered; taken when a port for them is asked for.
    pub sight: Option<Sight>,
}

/// What is dialled over a trunk.
#[derive(Debug)]
pub(crate) enum Dialled {
    /// A number: the user part of a URI at the trunk's domain.
    Number(String),
    /// A SIP URI that the trunk leads to.
    Uri(String),
}

/// Where a leg stands.
#[derive(Debug)]
pub(crate) enum Stage {
    /// The media bridge reserves a port.
    Opening,
    /// The INVITE is out.
    Calling,
    /// Given up before an answer: the INVITE is being cancelled. The outcome is told when its final response is there.
    Cancelling,
    /// Answered; the prompt asks for key 1.
    Guarding,
    /// Answered; the first mixed packet is awaited.
    Joining,
    /// In the mix.
    Joined,
}

/// One leg.
#[derive(Debug)]
pub(crate) struct Leg {
    pub key: LegKey,
    pub order: Order,
    pub stage: Stage,
    pub call: Option<CallKey>,
    /// The servers that are left to try, the next one first.
    pub servers: VecDeque<Server>,
    /// The one that is called.
    pub server: Option<Target>,
    /// It has said something.
    pub heard: bool,
    /// Until when the telephone may ring.
    pub rings_until: Option<Instant>,
    /// Its sound and its pictures.
    pub session: Session,
    /// When a move of its sound is looked at next.
    pub move_due: Option<Instant>,
    /// When it is too late for that.
    pub move_until: Option<Instant>,
    /// A port for pictures is being reserved.
    pub sight_awaited: bool,
    /// How pictures passed last.
    pub seen: Option<SightParams>,
    /// 18x was heard.
    pub rang: bool,
    /// How the leg will have ended when its call is over; set by whoever ends it.
    pub outcome: Option<(LegState, Cause)>,
    /// When the stage has lasted too long.
    pub deadline: Option<Instant>,
}

impl Leg {
    /// Whether the call was picked up.
    pub fn is_answered(&self) -> bool {
        matches!(self.stage, Stage::Guarding | Stage::Joining | Stage::Joined)
    }
}
