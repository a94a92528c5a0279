//! The port between who owns the dialogs of SIP video rooms, and of gateways that lead to such, and who carries their pictures: a room's
//! picture goes to the conference's video server as that of anybody who shows a camera, and the picture of whoever talks comes back. Sound
//! is no part of it: that is mixed by the media bridge ([`crate::media`]).

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{ConferenceId, LegKey, ParticipantId, VideoServerName};

/// Whose picture it is, and where all pictures of the conference are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    /// Who, on the conference's roster.
    pub participant: ParticipantId,
    /// The video server that has the conference.
    pub server: VideoServerName,
}

/// What was negotiated for the pictures of one leg: H.264 (RFC 6184) over plain RTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SightParams {
    /// Where to send RTP, until it comes from elsewhere (symmetric RTP); RTCP goes to the port after it.
    pub remote: SocketAddr,
    /// The payload type that we send with.
    pub sent_as: u8,
    /// The payload type that they send with.
    pub comes_as: u8,
    /// Whether we may send.
    pub send: bool,
    /// Whether we expect to receive.
    pub receive: bool,
}

/// What is asked. Commands for unknown legs are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum SightCommand {
    /// Reserve a port for a leg's pictures, and the one after it; answered by `Opened` or `Failed`.
    Open {
        /// The leg.
        leg: LegKey,
        /// Whose pictures, and where they belong.
        sight: Sight,
    },
    /// Carry them, or carry them differently.
    Connect {
        /// The leg.
        leg: LegKey,
        /// What was negotiated.
        params: SightParams,
    },
    /// The video server that has all pictures of a conference from now on: its rooms show and see there. What was negotiated with them
    /// stays as it is.
    Server {
        /// The conference.
        conference: ConferenceId,
        /// The video server.
        server: VideoServerName,
    },
    /// Whose picture the rooms of a conference see from now on, if that person shows one.
    Speaker {
        /// The conference.
        conference: ConferenceId,
        /// Who talks.
        participant: ParticipantId,
    },
    /// A moderator lets nobody see the picture of this participant's room, or lets it be seen again: that goes for whatever the room shows
    /// from now on, at any video server.
    Hide {
        /// The conference.
        conference: ConferenceId,
        /// Whose picture.
        participant: ParticipantId,
        /// Whether it is hidden.
        on: bool,
    },
    /// No pictures (any more); the ports are free.
    Close {
        /// The leg.
        leg: LegKey,
    },
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum SightEvent {
    /// The ports are reserved.
    Opened {
        /// The leg.
        leg: LegKey,
        /// Where the room shall send RTP.
        local: SocketAddr,
    },
    /// There will be no pictures, or no more.
    Failed {
        /// The leg.
        leg: LegKey,
        /// What a person reads.
        words: String,
    },
}
