//! What it is started with, what it asks for, and what it tells.

use std::net::IpAddr;

use bytes::Bytes;
use convoke_types::ConferenceId;
use convoke_types::bridge::BridgeEvent;
use convoke_types::media::MediaCommand;
use convoke_types::sight::SightCommand;
use convoke_types::video::VideoCommand;
use sip_proto::Target;
use sip_proto::endpoint::{self, SendToken};
use sip_proto::ua::UaConfig;

/// What it is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The domain of conferences and people: `sip:conf-ID@DOMAIN`.
    pub domain: String,
    /// Its account at the IM server.
    pub ua: UaConfig,
    /// Secret randomness, drawn once per start.
    pub seed: [u8; 32],
    /// Timers and bounds of transactions.
    pub endpoint: endpoint::Config,
    /// Bounds.
    pub limits: Limits,
    /// What video servers there are, by name; they are known by their places from 0, and away until they say what they are.
    pub video_servers: Vec<String>,
}

/// Bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most subscriptions; one more is 503.
    pub subscriptions: usize,
    /// Most of one person; one more is 503.
    pub subscriptions_per_person: usize,
    /// Most that wait until the focus has told what their conference is like; one more is 503.
    pub waiting: usize,
    /// Most calls with sound at once; one more is 503.
    pub calls: usize,
    /// Most calls with pictures at once; one more is 503.
    pub pictures: usize,
    /// Most publications without an answer, and most messages; others wait their turn, of each person only the newest state.
    pub publishing: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            subscriptions: 50_000,
            subscriptions_per_person: 64,
            waiting: 1_000,
            calls: 10_000,
            pictures: 10_000,
            publishing: 64,
        }
    }
}

/// What it wants.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes.
    Send {
        /// To whom.
        target: Target,
        /// A whole message.
        bytes: Bytes,
        /// For `handle_send_failed`.
        token: SendToken,
    },
    /// Tell what this conference is like, with `handle_snapshot` now and after each change, or that there is none (any more), with
    /// `handle_over`.
    Watch(ConferenceId),
    /// Nobody watches it any more.
    Unwatch(ConferenceId),
    /// For the focus: calls of people's clients. What it answers comes by `handle_bridge`.
    Bridge(BridgeEvent),
    /// For the media bridge. What it tells comes by `handle_media`.
    Media(MediaCommand),
    /// For a video server. What it tells comes by `handle_video`.
    Video {
        /// Which.
        server: usize,
        /// What is asked of it.
        command: VideoCommand,
    },
    /// For who carries the pictures of video rooms: who talks.
    Sight(SightCommand),
    /// For logs and for whoever looks for the IM server.
    Event(Event),
    /// Nothing is under way any more: the answer to `handle_drain`.
    Drained,
}

/// What happened. Holds no bodies and no credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Registered, after not having been.
    Registered {
        /// For how long, in seconds.
        expires_s: u32,
    },
    /// Not registered; it is tried again by itself. Another address of the IM server may help.
    NotRegistered {
        /// The registrar's status, 408 or 503 of our own.
        status: u16,
        /// What a person reads.
        words: String,
        /// When it is tried again, in milliseconds.
        retry_in_ms: u64,
    },
    /// The registration is taken back.
    Unregistered,
    /// Somebody watches a conference.
    Subscribed {
        /// Which.
        conference: ConferenceId,
        /// `user@domain`.
        watcher: String,
    },
    /// A request was refused.
    Refused {
        /// From where.
        address: IpAddr,
        /// The status answered.
        status: u16,
    },
    /// A conference has lost its pictures with its video server, or got none there, or not for all.
    NoPictures {
        /// Which.
        conference: ConferenceId,
        /// What a person reads.
        words: String,
    },
    /// Somebody was not invited: too many messages wait.
    NotSent,
    /// The IM server takes no presence; it is tried again after the next registration.
    NoPresence {
        /// What it answered.
        status: u16,
    },
}
