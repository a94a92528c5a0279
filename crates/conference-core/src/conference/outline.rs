//! What a conference looks like from outside.

use convoke_types::{ConferenceId, VideoServerName};

use super::Conference;
use crate::command::ConferenceState;

/// What everybody may know of a conference who knows its address: nobody on its roster, but who talks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// Which.
    pub conference: ConferenceId,
    /// Its title; may be empty.
    pub title: String,
    /// Where it stands.
    pub state: ConferenceState,
    /// Whether participants may add nobody.
    pub locked: bool,
    /// The video server that has its pictures, where the video allocator made it.
    pub video: Option<VideoServerName>,
    /// How many are in.
    pub inside: usize,
    /// Who talks, by the names on the roster.
    pub talking: Vec<String>,
}

impl Conference {
    /// As it is now.
    pub(crate) fn outline(&self) -> Outline {
        let all = self.roster.values();
        let inside: Vec<_> = all.filter(|one| one.leg.stage.shown().is_in()).collect();
        let talking = inside.iter().filter(|one| one.talking);
        Outline {
            conference: self.id.clone(),
            title: self.title.clone(),
            state: self.state,
            locked: self.locked,
            video: self.video.clone(),
            inside: inside.len(),
            talking: talking.map(|one| one.reference().name).collect(),
        }
    }
}
