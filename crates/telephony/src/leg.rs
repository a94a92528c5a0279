//! One leg on its way: from the reserved port to the end of its call.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use convoke_types::sight::{Sight, SightParams};
use convoke_types::{Cause, LegKey, LegState};
use sip_proto::Target;
use sip_proto::call::CallKey;
use sip_proto::sdp::{Sdp, SessionId};

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

/// The pictures of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pictures {
    /// It has sound only.
    None,
    /// A port for them is being reserved.
    Awaited,
    /// They are received there, or would be.
    At(SocketAddr),
}

/// The sound of a leg, which another bridge goes on with.
#[derive(Debug)]
pub(crate) enum Moving {
    /// It stays.
    No,
    /// The other bridge reserves a port.
    Awaited,
    /// The port is there, and has to be offered as soon as the call lets us.
    Due,
    /// It is offered.
    Offered(Sdp),
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
    pub session: SessionId,
    /// Where its sound is received, once that is known.
    pub sound_at: Option<SocketAddr>,
    pub moving: Moving,
    /// When that is looked at next.
    pub move_due: Option<Instant>,
    /// When it is too late.
    pub move_until: Option<Instant>,
    pub pictures: Pictures,
    /// How they passed last.
    pub seen: Option<SightParams>,
    /// Our description in force: the offer, later the last answer.
    pub ours: Option<Sdp>,
    /// 18x was heard.
    pub rang: bool,
    pub held: bool,
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
