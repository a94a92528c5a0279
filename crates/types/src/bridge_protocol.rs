//! The bridge protocol (architecture, decisions 8 and 10): JSON texts over one WebSocket with the subprotocol `convoke-bridge.1`, opened by
//! who commands, with the bridge's secret as a Bearer token. A bridge first says what it is; then commands go one way, events the other.

use serde::{Deserialize, Serialize};

use crate::media::{MediaCommand, MediaEvent};
use crate::video::{Refusal, VideoCommand, VideoEvent};

/// The WebSocket subprotocol; its number is that of the protocol's version.
pub const SUBPROTOCOL: &str = "convoke-bridge.1";

/// Longest text that either side reads, in bytes: an offer of some hundred pictures fits. A longer one ends the connection.
pub const TEXT_MAX_BYTES: usize = 512 * 1024;

/// What a bridge can do. What it does not name of [`Feature::OF_SOUND`], the window shows as absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// Mixes telephones (`MediaCommand`).
    Audio,
    /// Forwards pictures of browsers (`VideoCommand`).
    Video,
    /// Lets each listener hear a mix without their own voice.
    ListenerMix,
    /// Plays sentences to one leg alone.
    Prompts,
    /// Records.
    Recording,
}

impl Feature {
    /// What a bridge that mixes sound may have or lack.
    pub const OF_SOUND: [Feature; 3] = [Feature::ListenerMix, Feature::Prompts, Feature::Recording];
    /// What our own bridge, in our own process, can do.
    pub const OURS: [Feature; 3] = [Feature::Audio, Feature::ListenerMix, Feature::Prompts];

    /// Those of [`OF_SOUND`](Self::OF_SOUND) that are not among these.
    pub fn absent(there: &[Feature]) -> Vec<Feature> {
        let all = Self::OF_SOUND.into_iter();
        all.filter(|one| !there.contains(one)).collect()
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Feature::Audio => "audio",
            Feature::Video => "video",
            Feature::ListenerMix => "listener-mix",
            Feature::Prompts => "prompts",
            Feature::Recording => "recording",
        }
    }
}

/// What a bridge says of itself: first of all, and again whenever its load has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// What it is and its version, as a person reads it: `Janus 1.1.2`.
    pub product: String,
    /// What it can do.
    pub features: Vec<Feature>,
    /// Legs that it can carry, as far as it knows: measured, or for a foreign server as its operator has configured.
    pub capacity: u32,
    /// Legs that it carries, or has promised to conferences that were prepared.
    pub legs: u32,
    /// `false`: what it stands for is not reachable at the moment, or of no use.
    pub ready: bool,
    /// Why it is not ready, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// Why it is not ready, as a person reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Announcement {
    /// Why it is not ready; `None`: it is.
    pub fn not_ready(&self) -> Option<String> {
        let words = || match &self.why {
            Some(why) => why.clone(),
            None => format!("{} is not ready", self.product),
        };
        (!self.ready).then(words)
    }
}

/// To a bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToBridge {
    /// For its sound.
    Media(MediaCommand),
    /// For its pictures.
    Video(VideoCommand),
}

/// From a bridge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FromBridge {
    /// Of itself.
    Announce(Announcement),
    /// Of its sound.
    Media(MediaEvent),
    /// Of its pictures.
    Video(VideoEvent),
    /// A text that was not understood; nothing was done.
    Misunderstood {
        /// What was expected and what came, without content.
        words: String,
    },
}
