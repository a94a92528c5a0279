//! A bridge, as far as conferences are placed by it.

use std::cmp::Reverse;

use convoke_types::bridge_protocol::{Announcement, Feature};

/// One that can be commanded.
#[derive(Debug)]
pub(crate) struct Bridge {
    /// As the configuration calls it.
    pub name: String,
    /// Asked only while no other can be.
    pub standby: bool,
    /// What it says of itself, while it is there.
    pub up: Option<Announcement>,
    /// Why it is not; what a person reads.
    pub away: String,
    /// Legs that were asked of it and are not over.
    pub legs: u32,
}

impl Bridge {
    pub fn new(name: String, standby: bool) -> Self {
        Self {
            away: format!("{name} was not reached yet"),
            name,
            standby,
            up: None,
            legs: 0,
        }
    }

    /// How well a conference of so many legs is here; the greatest is taken. `None`: not at all.
    pub fn fitness(&self, needed: u32) -> Option<(bool, bool, bool, u32, Reverse<u32>)> {
        let up = self.up.as_ref()?;
        if !up.ready || !up.features.contains(&Feature::Audio) {
            return None;
        }
        // It tells of its load when that has changed, which is after we have asked.
        let legs = up.legs.max(self.legs);
        let free = up.capacity.saturating_sub(legs);
        // Whoever may be a mailbox passes no guard that cannot speak.
        let speaks = up.features.contains(&Feature::Prompts);
        let fits = free >= needed;
        Some((fits, !self.standby, speaks, free, Reverse(legs)))
    }
}
