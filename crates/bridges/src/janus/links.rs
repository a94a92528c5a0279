//! One leg: somebody shows a picture, or watches those of others.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use convoke_types::ParticipantId;

use super::Asker;

/// A leg, as far as Janus has it.
pub(super) struct Leg {
    /// Its own for ever, also as the number of its picture in the room: a later leg of the same name is another one.
    pub number: u64,
    pub participant: ParticipantId,
    /// What it is at Janus, from the moment that is known.
    pub handle: Option<u64>,
    /// Its transport stands.
    pub up: bool,
    pub does: Does,
}

/// Which way its pictures go.
pub(super) enum Does {
    Show(Showing),
    Watch(Watching),
}

/// A picture that comes from a browser.
pub(super) struct Showing {
    pub stage: ShowStage,
    /// The sections of its offer, once Janus has taken it.
    pub mids: Vec<String>,
    pub hidden: bool,
    /// What was asked for last: Janus works at several requests at a time, so one is sent when the former is answered.
    pub hide: bool,
    /// Who has asked for it and waits: where Janus refuses, they are told.
    pub hide_by: BTreeSet<Asker>,
    /// Answers that are still to come, one for each section.
    pub hiding: usize,
    /// The sections of which nothing arrives at Janus.
    pub silent: BTreeSet<String>,
    /// Since when that is so of all, although the picture is shown.
    pub silent_since: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum ShowStage {
    /// A handle is asked for; the offer waits.
    Attaching { offer: String },
    /// The offer is with Janus.
    Joining,
    /// It was answered.
    Live,
    /// A further offer is with Janus.
    Changing,
}

/// Pictures that go to a browser.
#[derive(Default)]
pub(super) struct Watching {
    pub stage: WatchStage,
    /// Janus has made offers: it is a subscriber.
    pub joined: bool,
    /// The last offer, with whose picture is in which section; empty before the first.
    pub offer: String,
    pub sections: BTreeMap<String, u64>,
    /// They want to look once more, when their answer is with Janus.
    pub again: bool,
    /// How often Janus was asked anew because somebody had left meanwhile.
    pub tries: u8,
}

#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
pub(super) enum WatchStage {
    /// There is nothing under way.
    #[default]
    Quiet,
    /// A handle is asked for.
    Attaching,
    /// An offer is asked for.
    Asking,
    /// An offer waits for its answer.
    Offered,
    /// The answer is with Janus.
    Answering,
}

impl Showing {
    /// Nothing of the picture arrives, although it should.
    pub(super) fn is_silent(&self) -> bool {
        !self.hidden
            && !self.mids.is_empty()
            && self.mids.iter().all(|mid| self.silent.contains(mid))
    }

    /// Counts its silence from the moment that it began.
    pub(super) fn count_silence(&mut self, now: Instant) {
        self.silent_since = self.is_silent().then(|| self.silent_since.unwrap_or(now));
    }
}

impl Leg {
    /// Whether it shows a picture; otherwise it watches.
    pub(super) fn shows(&self) -> bool {
        matches!(self.does, Does::Show(_))
    }

    /// Whether Janus has taken its offer, or made one: only then can its transport stand.
    pub(super) fn answered(&self) -> bool {
        match &self.does {
            Does::Show(showing) => {
                matches!(showing.stage, ShowStage::Live | ShowStage::Changing)
            }
            Does::Watch(watching) => watching.joined,
        }
    }

    /// Whether others can watch it now.
    pub(super) fn visible(&self) -> bool {
        match &self.does {
            Does::Show(showing) => self.up && !showing.hidden,
            Does::Watch(_) => false,
        }
    }
}
