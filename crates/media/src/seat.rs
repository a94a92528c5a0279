//! What every leg has, whatever it speaks: its place in a conference, and what is told of it.

use media_core::mixer::SlotId;
use media_core::prompt::Player;

use crate::leg::Leg;
use crate::queue::{ConferenceNumber, LegNumber};
use crate::web::WebLeg;

/// Ticks without a packet after which a leg counts as silent: 5 s.
pub(crate) const SILENT_TICKS: u16 = 250;

#[derive(Debug)]
pub(crate) struct Seat {
    pub number: LegNumber,
    pub conference: ConferenceNumber,
    pub slot: Option<SlotId>,
    pub muted: bool,
    /// In the mix by order, and whether that has been told.
    pub joined: bool,
    pub joined_told: bool,
    pub player: Option<Player>,
    /// A prompt has ended and that has not been told yet.
    pub prompt_done: bool,
    /// What was told last about silence.
    pub silent_told: bool,
}

impl Seat {
    pub(crate) fn new(number: LegNumber, conference: ConferenceNumber) -> Self {
        Self {
            number,
            conference,
            slot: None,
            muted: false,
            joined: false,
            joined_told: false,
            player: None,
            prompt_done: false,
            silent_told: false,
        }
    }

    pub(crate) fn play(&mut self, player: Player) {
        self.player = Some(player);
        self.prompt_done = false;
    }

    pub(crate) fn join(&mut self) {
        self.joined = true;
        self.player = None;
        self.prompt_done = false;
    }
}

/// A leg of either kind.
#[derive(Debug)]
pub(crate) enum Member {
    Phone(Box<Leg>),
    Web(Box<WebLeg>),
}

impl Member {
    pub(crate) fn seat(&self) -> &Seat {
        match self {
            Member::Phone(leg) => &leg.seat,
            Member::Web(leg) => &leg.seat,
        }
    }

    pub(crate) fn seat_mut(&mut self) -> &mut Seat {
        match self {
            Member::Phone(leg) => &mut leg.seat,
            Member::Web(leg) => &mut leg.seat,
        }
    }

    /// Puts the leg into the mix. What it said before is not heard.
    pub(crate) fn join(&mut self) {
        match self {
            Member::Phone(leg) => leg.join(),
            Member::Web(leg) => leg.join(),
        }
    }

    pub(crate) fn summary(&self) -> convoke_types::media::StreamStats {
        match self {
            Member::Phone(leg) => leg.summary(),
            Member::Web(leg) => leg.summary(),
        }
    }
}
