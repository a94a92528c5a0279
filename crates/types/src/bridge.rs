//! The port between the conference's focus and what connects its legs: data, not traits (architecture, "The tree").
//! Embedded, Janus, remote focus and Parlay X bridges all take `BridgeCommand`s and give `BridgeEvent`s.

use serde::{Deserialize, Serialize};

use crate::bridge_protocol::Feature;
use crate::media::Prompt;
use crate::sight::Sight;
use crate::{Address, Aor, Cause, ConferenceId, LegKey};

/// What the focus asks for. Every command is idempotent; commands for a leg that is over are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum BridgeCommand {
    /// Call an address and, when it answers (and confirms, with `guard`), put it into the conference's mix.
    Dial {
        /// The leg to be.
        leg: LegKey,
        /// Whom to call.
        to: Address,
        /// The trunk that the focus took a line on; `None` for SIP addresses called directly.
        trunk: Option<String>,
        /// Ask for key 1 before joining (voicemail guard).
        guard: bool,
        /// Name of who invites, spoken or shown to the called person.
        inviter: String,
        /// Language of prompts, a BCP 47 tag (`en`, `de`).
        language: String,
        /// How long it may ring, in milliseconds.
        ring_timeout_ms: u64,
        /// Offer pictures too: the address may be that of a video room, and the conference has pictures.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sight: Option<Sight>,
    },
    /// End the leg: CANCEL or BYE, whichever fits; always answered by `BridgeEvent::Ended`.
    Release {
        /// The leg.
        leg: LegKey,
    },
    /// Stop or let pass what this leg says into the mix.
    Mute {
        /// The leg.
        leg: LegKey,
        /// True: nobody hears it.
        on: bool,
    },
    /// Speak a sentence to a leg that is in the mix, in place of the mix while it lasts; nobody else hears it.
    Announce {
        /// The leg.
        leg: LegKey,
        /// Which sentence.
        prompt: Prompt,
        /// In which language, a BCP 47 tag.
        language: String,
    },
    /// The call of `BridgeEvent::Arrived` is this leg: answer it and put it into the mix. Its events follow as those of a leg
    /// that was dialled, `Release` and `Mute` work on it likewise.
    Admit {
        /// The call, as it arrived.
        call: String,
        /// The leg that it is from now on.
        leg: LegKey,
        /// Language of prompts, a BCP 47 tag.
        language: String,
    },
    /// The call of `BridgeEvent::Arrived` is refused.
    Refuse {
        /// The call, as it arrived.
        call: String,
        /// The status to answer it with (RFC 3261 §21).
        sip: u16,
        /// What a person reads.
        words: String,
    },
    /// The conference is over; free what belongs to it. All its legs have ended before.
    Close {
        /// The conference.
        conference: ConferenceId,
    },
}

/// What happened to a leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum LegEvent {
    /// The INVITE is on the wire.
    Dialling,
    /// 180, or 183 with or without early media.
    Ringing {
        /// The status, 180 or 183.
        sip: u16,
    },
    /// 200 OK arrived.
    Answered,
    /// The prompt asks for key 1.
    Confirming,
    /// In the mix: the answer is negotiated and the first mixed packet was sent.
    Joined,
    /// Put on hold, or taken back.
    Held {
        /// True: on hold.
        on: bool,
    },
    /// Started or stopped talking (voice activity with hysteresis).
    Talking {
        /// True: talks.
        on: bool,
    },
    /// No RTP from this leg for five seconds, or again some.
    Silent {
        /// True: nothing arrives.
        on: bool,
    },
    /// A key was pressed in the conference.
    Key {
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        key: char,
    },
    /// The leg is over. Exactly one for every `Dial` and every `Admit`, and the last event of the leg.
    Ended {
        /// The end state: `Left` after an answer that was confirmed, otherwise as the far end answered.
        state: crate::LegState,
        /// Why.
        cause: Cause,
    },
}

/// What the bridge tells the focus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum BridgeEvent {
    /// Something happened to one leg.
    Leg {
        /// The leg.
        leg: LegKey,
        /// What.
        event: LegEvent,
    },
    /// An authenticated user's client calls a conference. Answered by exactly one `Admit` or `Refuse`.
    Arrived {
        /// What the bridge calls this call, at most `limits::CALL_MAX_BYTES`.
        call: String,
        /// The conference that it calls.
        conference: ConferenceId,
        /// Whose client it is.
        user: Aor,
    },
    /// A bridge has a conference's sound from now on.
    Mixes {
        /// The conference.
        conference: ConferenceId,
        /// What it cannot do, of [`Feature::OF_SOUND`].
        absent: Vec<Feature>,
    },
    /// The bridge that had a conference's sound is gone, and another one goes on with it. Legs stay.
    Moved {
        /// The conference.
        conference: ConferenceId,
        /// What a person reads.
        words: String,
    },
    /// The bridge is gone with all media, and legs that it carried with it.
    Lost {
        /// Whose media; `None`: everybody's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        conference: Option<ConferenceId>,
        /// What a person reads.
        words: String,
    },
}
