//! The port between who owns the telephone dialogs and who owns the media (architecture, decision 8): a media bridge
//! allocates ports, sends and receives RTP, mixes, plays prompts, hears keys; it knows no SIP. What browsers offer (WebRTC) is
//! answered by the bridge itself, since the answer is made of the bridge's own secrets and addresses.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{ConferenceId, LegKey};

/// Audio codecs that this build mixes: those of the telephone network (RFC 3551 §4.5.14, static payload types 0 and 8), and
/// that of browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Codec {
    /// G.711 µ-law, payload type 0.
    Pcmu,
    /// G.711 A-law, payload type 8.
    Pcma,
    /// Opus (RFC 6716, RFC 7587), of web legs only: their offers and answers are the media bridge's own.
    Opus,
}

/// What was negotiated for one leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamParams {
    /// Where to send RTP; symmetric RTP may move it to where packets come from.
    pub remote: SocketAddr,
    /// The codec in both directions.
    pub codec: Codec,
    /// The RTP payload type agreed for it.
    pub payload_type: u8,
    /// Payload type of telephone-event (RFC 4733), if agreed.
    pub dtmf_payload_type: Option<u8>,
    /// Packet time that we send, in milliseconds (20 unless the peer asked for another multiple of 10).
    pub ptime_ms: u8,
    /// Whether we may send (false while the peer holds us or offers recvonly/inactive on its side).
    pub send: bool,
    /// Whether we expect to receive.
    pub receive: bool,
}

/// Short sounds and sentences shipped with the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prompt {
    /// "You are invited to a conference. Press 1 to join."
    PressOneToJoin,
    /// "Goodbye."
    Goodbye,
    /// "You are muted."
    Muted,
    /// "You can be heard."
    Unmuted,
    /// "A moderator has muted you. Press star 5 to raise your hand."
    MutedByModerator,
    /// "Your hand is up."
    HandUp,
    /// "Your hand is down."
    HandDown,
    /// "Star 5: raise or lower your hand. Star 6: mute or unmute yourself."
    KeyHelp,
}

impl Prompt {
    /// Every sentence.
    pub const ALL: [Prompt; 8] = [
        Prompt::PressOneToJoin,
        Prompt::Goodbye,
        Prompt::Muted,
        Prompt::Unmuted,
        Prompt::MutedByModerator,
        Prompt::HandUp,
        Prompt::HandDown,
        Prompt::KeyHelp,
    ];
}

/// What the dialog owner asks of the media bridge. Commands for unknown legs are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum MediaCommand {
    /// Reserve an RTP port; answered by `Opened` or `Failed`.
    Open {
        /// The leg.
        leg: LegKey,
    },
    /// Make a leg of a browser's offer (WebRTC, RFC 8829: ICE, DTLS-SRTP, Opus); answered by `OpenedWeb` or `Failed`. Its stream
    /// starts by itself when the browser has connected.
    OpenWeb {
        /// The leg.
        leg: LegKey,
        /// The offer's session description.
        offer: String,
    },
    /// The browser offers a change; answered by `OpenedWeb`, or by `Failed`, which leaves the leg as it is. With the transport that
    /// it has, its directions change, or it goes on from another network (ICE restart); a fresh one takes the place of the old one
    /// when it has connected. The leg keeps its place in the mix.
    Reoffer {
        /// The leg.
        leg: LegKey,
        /// The offer's session description.
        offer: String,
    },
    /// Start (or, again, change) the stream. The leg is in no mix yet.
    Connect {
        /// The leg.
        leg: LegKey,
        /// What was negotiated.
        params: StreamParams,
    },
    /// Play a prompt to this leg alone, `repeat` times with a pause; ends by `PromptDone`. A new one replaces it. A leg in the
    /// mix hears it in place of the mix, and is heard meanwhile.
    Play {
        /// The leg.
        leg: LegKey,
        /// Which sentence.
        prompt: Prompt,
        /// BCP 47 tag.
        language: String,
        /// How many times.
        repeat: u8,
    },
    /// Put the leg into its conference's mix; stops a prompt; answered by `Joined` when the first mixed packet is out.
    Join {
        /// The leg.
        leg: LegKey,
    },
    /// Take what this leg says out of the mix, or let it in again.
    Mute {
        /// The leg.
        leg: LegKey,
        /// True: not heard.
        on: bool,
    },
    /// Stop the stream and free the port.
    Close {
        /// The leg.
        leg: LegKey,
    },
    /// Free the mix of a conference.
    CloseMix {
        /// The conference.
        conference: ConferenceId,
    },
}

impl MediaCommand {
    /// The leg, of a command that is answered by `Failed` where it cannot be done.
    pub fn answered(&self) -> Option<&LegKey> {
        match self {
            Self::Open { leg } | Self::OpenWeb { leg, .. } | Self::Reoffer { leg, .. } => Some(leg),
            Self::Connect { .. }
            | Self::Play { .. }
            | Self::Join { .. }
            | Self::Mute { .. }
            | Self::Close { .. }
            | Self::CloseMix { .. } => None,
        }
    }
}

/// What a leg's stream amounted to, for its call detail record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamStats {
    /// RTP packets received.
    pub received: u64,
    /// RTP packets sent.
    pub sent: u64,
    /// Packets lost, by sequence numbers (RFC 3550 §A.3).
    pub lost: u64,
    /// Interarrival jitter in milliseconds (RFC 3550 §A.8).
    pub jitter_ms: f32,
}

/// What the media bridge tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum MediaEvent {
    /// The port is reserved. Where there are several bridges, who owns the dialog hears it again when another one has to carry the leg.
    Opened {
        /// The leg.
        leg: LegKey,
        /// Where the peer shall send RTP (the advertised address).
        local: SocketAddr,
    },
    /// A browser's offer was taken.
    OpenedWeb {
        /// The leg.
        leg: LegKey,
        /// The answer's session description.
        answer: String,
    },
    /// The port could not be reserved, or the offer not be taken.
    Failed {
        /// The leg.
        leg: LegKey,
        /// What a person reads.
        words: String,
    },
    /// The first mixed packet was sent to this leg.
    Joined {
        /// The leg.
        leg: LegKey,
    },
    /// The prompt was played to its end.
    PromptDone {
        /// The leg.
        leg: LegKey,
    },
    /// A key, by RFC 4733, once per press.
    Key {
        /// The leg.
        leg: LegKey,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        key: char,
    },
    /// Talks, or stopped.
    Talking {
        /// The leg.
        leg: LegKey,
        /// True: talks.
        on: bool,
    },
    /// No RTP for five seconds, or again some.
    Silent {
        /// The leg.
        leg: LegKey,
        /// True: nothing arrives.
        on: bool,
    },
    /// A browser's connection is gone, or is back.
    Lost {
        /// The leg.
        leg: LegKey,
        /// True: nothing can pass.
        on: bool,
    },
    /// The stream is closed.
    Closed {
        /// The leg.
        leg: LegKey,
        /// What it amounted to.
        stats: StreamStats,
    },
    /// What mixed is gone: all legs that were opened here are over without further word. The bridge itself may be there, and can be
    /// asked again.
    Gone {
        /// What a person reads.
        words: String,
    },
}

impl MediaEvent {
    /// The leg that it is about; `None` where it is about all.
    pub fn leg(&self) -> Option<&LegKey> {
        match self {
            Self::Opened { leg, .. }
            | Self::OpenedWeb { leg, .. }
            | Self::Failed { leg, .. }
            | Self::Joined { leg }
            | Self::PromptDone { leg }
            | Self::Key { leg, .. }
            | Self::Talking { leg, .. }
            | Self::Silent { leg, .. }
            | Self::Lost { leg, .. }
            | Self::Closed { leg, .. } => Some(leg),
            Self::Gone { .. } => None,
        }
    }
}
