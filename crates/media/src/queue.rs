//! What crosses between the tokio side and a media thread: numbers instead of names, boxes instead of allocations.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use convoke_types::media::StreamStats;
use media_core::g711::Law;
use media_core::prompt::Player;
use media_core::wide::Wide;
use rustix::event::{EventfdFlags, eventfd};

use crate::config::StartError;
use crate::leg::Leg;
use crate::seat::Member;
use crate::web::{Arrival, Renewal, Transport, WebLeg};

/// Orders waiting for one media thread; when full, a command is refused as overload.
pub(crate) const MAX_ORDERS: usize = 8_192;
/// Notices waiting for the tokio side; when full, no order is taken, and what a tick tells is told later.
pub(crate) const MAX_NOTICES: usize = 8_192;

/// A leg's number, never used twice.
pub(crate) type LegNumber = u64;
/// A conference's number, never used twice.
pub(crate) type ConferenceNumber = u64;

/// What was negotiated, as a media thread needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stream {
    pub remote: SocketAddr,
    pub law: Law,
    pub payload_type: u8,
    pub dtmf_payload_type: Option<u8>,
    /// Samples in each packet that we send.
    pub packet_samples: usize,
    pub send: bool,
    pub receive: bool,
}

/// To a media thread.
#[derive(Debug)]
pub(crate) enum Order {
    Open(Box<Leg>),
    Connect(LegNumber, Stream),
    /// With the answer to the offer, and the wide half of the conference's mix if this is its first leg of a browser.
    OpenWeb(Box<WebLeg>, String, Option<Box<Wide>>),
    /// A fresh transport for a leg of a browser.
    Reoffer(LegNumber, Box<Transport>, String),
    /// A change of the one that was agreed on last.
    Renew(LegNumber, Box<Renewal>, String),
    /// A TCP connection for a web leg.
    Accept(LegNumber, Arrival),
    Play(LegNumber, Player),
    Join(LegNumber),
    Mute(LegNumber, bool),
    Close(LegNumber),
}

/// From a media thread.
#[derive(Debug)]
pub(crate) enum Notice {
    Opened(LegNumber, u16),
    OpenedWeb(LegNumber, String),
    /// An offer was for a transport that has ended.
    Ended(LegNumber),
    Joined(LegNumber),
    PromptDone(LegNumber),
    Key(LegNumber, char),
    Talking(LegNumber, bool),
    Silent(LegNumber, bool),
    Lost(LegNumber, bool),
    /// A web leg's old transport, or one that nobody wants, comes back to be freed (its sockets closed) where time does not
    /// matter.
    Retired(Box<Transport>),
    /// So does a leg.
    Closed(Member, StreamStats),
}

/// An eventfd: rings the other side of a queue awake.
#[derive(Debug, Clone)]
pub(crate) struct Bell(Arc<OwnedFd>);

impl Bell {
    pub(crate) fn new() -> Result<Self, StartError> {
        let fd = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).map_err(|error| {
            StartError::System {
                what: "an eventfd",
                error: error.into(),
            }
        })?;
        Ok(Self(Arc::new(fd)))
    }

    pub(crate) fn ring(&self) {
        // A full counter (EAGAIN) means that it rings already.
        let _already_rings = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }

    /// Stops the ringing; call before looking into the queue.
    pub(crate) fn quiet(&self) {
        // Not ringing (EAGAIN) is as good.
        let _did_not_ring = rustix::io::read(&*self.0, &mut [0_u8; 8]);
    }

    pub(crate) fn fd(&self) -> &Arc<OwnedFd> {
        &self.0
    }
}
