//! Who here wants to know what a conference is like: the focus is asked once for all of them.

use std::collections::HashMap;

use convoke_types::ConferenceId;

/// Who wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// People who follow the conference.
    Subscriptions,
    /// Calls with pictures.
    Pictures,
}

#[derive(Debug, Default)]
struct Wanted {
    subscriptions: bool,
    pictures: bool,
}

/// The conferences that somebody wants to know of.
#[derive(Debug, Default)]
pub(crate) struct Rosters(HashMap<ConferenceId, Wanted>);

impl Rosters {
    /// Somebody wants to know; true when nobody did before.
    pub(crate) fn want(&mut self, conference: &ConferenceId, who: Who) -> bool {
        let wanted = self.0.entry(conference.clone()).or_default();
        let first = !wanted.subscriptions && !wanted.pictures;
        *wanted.by(who) = true;
        first
    }

    /// Somebody does not any more; true when nobody does now, but did.
    pub(crate) fn leave(&mut self, conference: &ConferenceId, who: Who) -> bool {
        let Some(wanted) = self.0.get_mut(conference) else {
            return false;
        };
        *wanted.by(who) = false;
        if wanted.subscriptions || wanted.pictures {
            return false;
        }
        self.0.remove(conference);
        true
    }

    /// The conference is over.
    pub(crate) fn over(&mut self, conference: &ConferenceId) {
        self.0.remove(conference);
    }
}

impl Wanted {
    fn by(&mut self, who: Who) -> &mut bool {
        match who {
            Who::Subscriptions => &mut self.subscriptions,
            Who::Pictures => &mut self.pictures,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_focus_is_asked_by_the_first_and_left_by_the_last() {
        let conference: ConferenceId = "c1".parse().unwrap();
        let mut rosters = Rosters::default();
        assert!(!rosters.leave(&conference, Who::Pictures));
        assert!(rosters.want(&conference, Who::Pictures));
        assert!(!rosters.want(&conference, Who::Subscriptions));
        assert!(!rosters.leave(&conference, Who::Pictures));
        assert!(rosters.leave(&conference, Who::Subscriptions));
        assert!(rosters.want(&conference, Who::Subscriptions));
        rosters.over(&conference);
        assert!(!rosters.leave(&conference, Who::Subscriptions));
    }
}
