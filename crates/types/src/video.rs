//! The port to a video server (architecture, decisions 8 to 10): what the allocator asks it to prepare, and what the owner of a
//! conference's dialogs asks it to do with each picture. Sound is no part of it: that is mixed by the media bridge ([`crate::media`]).
//!
//! A browser that shows itself and sees others has two legs here, since who sends offers and who receives is offered to: one made by
//! [`VideoCommand::Publish`], one by [`VideoCommand::Watch`].

use serde::{Deserialize, Serialize};

use crate::{ConferenceId, LegKey, Mode, ParticipantId};

/// One whom the allocator wants served, and how this person can take part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoGuest {
    /// Who, on the conference's roster.
    pub participant: ParticipantId,
    /// What the others see.
    pub name: String,
    /// The way that was chosen.
    pub mode: Mode,
    /// Whether a picture may come from there.
    pub shows: bool,
    /// Whether pictures shall go there.
    pub sees: bool,
}

/// What is asked of a video server. Commands for unknown legs and conferences are ignored, except that `Publish` and `Watch` are
/// answered by `Failed` where nothing was prepared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum VideoCommand {
    /// Make the conference ready for exactly these people; answered by `Prepared` or `Refused`. Again: the list takes the place of the
    /// former, and whoever is in and not on it is dropped (`Closed`).
    Prepare {
        /// The conference.
        conference: ConferenceId,
        /// The asker's number of this question, which stands in its answer: what comes late is told apart by it from the answer to a later
        /// question about the same conference.
        serial: u32,
        /// What it is about.
        title: String,
        /// Who can take part, and how.
        guests: Vec<VideoGuest>,
    },
    /// A browser's offer to send a picture (camera or screen) and nothing else; answered by `Answered` or `Failed`. Again: a change of
    /// what is there, as after an ICE restart.
    Publish {
        /// The leg.
        leg: LegKey,
        /// Whose picture.
        participant: ParticipantId,
        /// The offer's session description.
        offer: String,
    },
    /// Wants to see all others; answered by `Offered` or `Failed`. Again: an offer of what there is to see now, or once more the last one
    /// while that waits for its answer.
    Watch {
        /// The leg.
        leg: LegKey,
        /// Whose own pictures are left out.
        participant: ParticipantId,
    },
    /// The browser's answer to the last `Offered`.
    Answer {
        /// The leg.
        leg: LegKey,
        /// The answer's session description.
        answer: String,
    },
    /// Hides a picture from everybody, or shows it again.
    Hide {
        /// The leg that publishes.
        leg: LegKey,
        /// True: nobody sees it.
        on: bool,
    },
    /// Ends one leg; answered by `Closed`.
    Close {
        /// The leg.
        leg: LegKey,
    },
    /// Frees everything of a conference; answered by `Ended`.
    End {
        /// The conference.
        conference: ConferenceId,
    },
}

/// One picture that an offer carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Its media section in the offer (RFC 8843 `a=mid`).
    pub mid: String,
    /// Whose it is.
    pub participant: ParticipantId,
    /// The leg that publishes it.
    pub leg: LegKey,
}

/// Why a video server did not take a conference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// Its capacity is used up.
    Full,
    /// Nobody answers there, or not in time.
    Unreachable,
    /// It is of a version, or lacks a part, that we cannot work with.
    Unsuitable,
    /// What it says makes no sense.
    Nonsense,
}

/// What a video server tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum VideoEvent {
    /// Ready.
    Prepared {
        /// The conference.
        conference: ConferenceId,
        /// That of the `Prepare`.
        serial: u32,
    },
    /// Not ready, and nothing of it is kept; what a former `Prepare` made is as it was.
    Refused {
        /// The conference.
        conference: ConferenceId,
        /// That of the `Prepare`.
        serial: u32,
        /// Why.
        refusal: Refusal,
        /// What a person reads.
        words: String,
    },
    /// A published picture's answer.
    Answered {
        /// The leg.
        leg: LegKey,
        /// The answer's session description.
        answer: String,
    },
    /// What there is to see. While there never was a picture, there is nothing to offer: `offer` is then empty, and wants no answer.
    Offered {
        /// The leg.
        leg: LegKey,
        /// The offer's session description.
        offer: String,
        /// Whose picture is in which section.
        pictures: Vec<Picture>,
    },
    /// It cannot be done; the leg is as it was before: one that was to be made is not there. Where nobody knows how it is, `Closed` follows.
    Failed {
        /// The leg.
        leg: LegKey,
        /// What a person reads.
        words: String,
    },
    /// The leg's transport (ICE, DTLS) is there, or is lost. With Janus a lost one is over, so `Closed` follows.
    Connected {
        /// The leg.
        leg: LegKey,
        /// False: nothing can pass.
        on: bool,
    },
    /// A picture can be seen by others from now on, or no longer.
    Visible {
        /// The leg that publishes.
        leg: LegKey,
        /// Whose picture.
        participant: ParticipantId,
        /// True: it can be watched.
        on: bool,
    },
    /// The leg is over.
    Closed {
        /// The leg.
        leg: LegKey,
    },
    /// The conference is no more on this server: asked for, or lost with it. Its legs are over without further word.
    Ended {
        /// The conference.
        conference: ConferenceId,
        /// What a person reads; `None` where it was asked for.
        lost: Option<String>,
    },
}
