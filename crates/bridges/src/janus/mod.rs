//! Janus as a video server and as a mixer of sound: its API and its plugins VideoRoom and AudioBridge as a pure protocol. Texts of Janus
//! and commands of the bridge protocol go in; texts for Janus and events of the bridge protocol come out. Who owns the socket is
//! [`crate::adapter`].
//!
//! A conference is a room with a secret and a PIN that nobody else knows; whoever shows a picture is a participant of it with a number of
//! their own, and whoever watches is a subscriber with one connection for all pictures. All stand in one session of Janus. That ends with
//! the connection, and all legs with it; rooms do not, so they are destroyed when Janus is there again.
//!
//! Facts of Janus 1.1.2 that this rests on: an event may come before the acknowledgement of its request; a session cannot be taken over by
//! another connection; a request that fails after its sender came in leaves it in, so the handle is given up; a picture that is shown again
//! needs a whole frame, which must be asked for; an offer of somebody who watches is answered before the next one is made.

mod core;
mod links;
mod promises;
mod publishing;
mod rooms;
mod session;
mod sound;
mod voices;
mod watching;
mod wire;
mod words;

use std::fmt;

use convoke_types::bridge_protocol::Announcement;
use convoke_types::video::{VideoCommand, VideoEvent};

pub use core::Janus;
pub use sound::{SoundCommand, SoundEvent};

/// The WebSocket subprotocol of Janus' API.
pub const SUBPROTOCOL: &str = "janus-protocol";

/// What the protocol is told once.
#[derive(Clone)]
pub struct Settings {
    /// The secret that Janus' API wants, if it wants one.
    pub api_secret: Option<String>,
    /// The key that its plugins want of those who make rooms, if they want one.
    pub admin_key: Option<String>,
    /// Legs that it may carry at once.
    pub capacity: u32,
    /// Most bits a second of one picture.
    pub bitrate: u32,
    /// Randomness for the secrets of rooms.
    pub seed: [u8; 32],
}

impl Settings {
    /// More texts for Janus, or for one who commands, than one moment can bring about, as when every conference ends: one for each room, and
    /// for each leg that it is lost, no longer seen and over.
    pub(crate) fn burst(&self) -> usize {
        rooms::ROOMS_MAX + 4 * self.capacity as usize
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("capacity", &self.capacity)
            .field("bitrate", &self.bitrate)
            .finish_non_exhaustive()
    }
}

/// What comes to the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A connection to Janus is open.
    Open,
    /// It is lost, or could not be opened.
    Lost {
        /// What a person reads: `nobody answers at 127.0.0.1:8188`.
        words: String,
    },
    /// Janus says something.
    Text(String),
    /// One of those who command asks for something.
    Command {
        /// Who.
        by: Asker,
        /// For what.
        command: VideoCommand,
    },
    /// Something is asked for of its mixes.
    Sound(SoundCommand),
    /// What stands between Janus' mixes and those who hear them has ended: there is no sound any more.
    SoundOver {
        /// What a person reads.
        words: String,
    },
}

/// One of those who command. The protocol tells them apart and knows nothing else of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asker(pub u64);

/// What the protocol wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Tell Janus.
    Send(String),
    /// Tell those who command.
    Event(VideoEvent),
    /// Tell the one who asked for a conference to be prepared, and nobody else: others may have asked for the same.
    Answer(Asker, VideoEvent),
    /// Tell of its mixes.
    Sound(SoundEvent),
    /// Tell who commands what this bridge is now.
    Announce(Announcement),
    /// Give this connection up and try again later.
    Drop {
        /// What is wrong, as a person reads it.
        words: String,
    },
}
