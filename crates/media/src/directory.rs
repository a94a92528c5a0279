//! Names of legs and conferences, their numbers, and the media thread that owns them. Only the tokio side looks here.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use convoke_types::media::MediaEvent;
use convoke_types::{ConferenceId, LegKey};

use crate::queue::{ConferenceNumber, LegNumber};
use crate::web::Session;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LegPlace {
    pub leg: LegNumber,
    pub shard: usize,
}

#[derive(Debug)]
struct ConferencePlace {
    number: ConferenceNumber,
    shard: usize,
    legs: Vec<LegKey>,
    /// Its mix is ready for browsers.
    wide: bool,
}

/// A leg of a browser.
#[derive(Debug)]
struct WebPlace {
    /// As agreed on last.
    session: Session,
    /// The names that its transports go by: until each is retired, also that which it has while a fresh one connects.
    names: Vec<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Directory {
    legs: HashMap<LegKey, LegPlace>,
    names: HashMap<LegNumber, LegKey>,
    /// Web legs by the names that browsers call them by in STUN requests, and the same the other way round.
    by_ufrag: HashMap<String, LegPlace>,
    webs: HashMap<LegNumber, WebPlace>,
    conferences: HashMap<ConferenceId, ConferencePlace>,
    /// Legs and conferences of each media thread.
    load: Vec<(usize, usize)>,
    next_number: u64,
    /// Events that come from this side of the queues.
    pub own_events: VecDeque<MediaEvent>,
}

impl Directory {
    pub(crate) fn new(shards: usize) -> Self {
        Self {
            load: vec![(0, 0); shards],
            ..Self::default()
        }
    }

    pub(crate) fn find(&self, key: &LegKey) -> Option<LegPlace> {
        self.legs.get(key).copied()
    }

    pub(crate) fn name(&self, leg: LegNumber) -> Option<LegKey> {
        self.names.get(&leg).cloned()
    }

    pub(crate) fn legs_of(&self, conference: &ConferenceId) -> &[LegKey] {
        self.conferences.get(conference).map_or(&[], |c| &c.legs)
    }

    /// The media thread that has or would get the conference: that of the others, else the one with the least to do.
    pub(crate) fn shard_for(&self, conference: &ConferenceId) -> usize {
        let least = || {
            let loads = self.load.iter().enumerate();
            loads
                .min_by_key(|(_, load)| **load)
                .map_or(0, |(shard, _)| shard)
        };
        self.conferences
            .get(conference)
            .map_or_else(least, |c| c.shard)
    }

    /// Notes a new leg of a thread; gives its number and its conference's.
    pub(crate) fn insert(&mut self, key: &LegKey, shard: usize) -> (LegNumber, ConferenceNumber) {
        self.next_number += 2;
        let leg = self.next_number;
        let fresh = leg + 1;
        let load = &mut self.load[shard];
        let conference = self
            .conferences
            .entry(key.conference.clone())
            .or_insert_with(|| {
                load.1 += 1;
                ConferencePlace {
                    number: fresh,
                    shard,
                    legs: Vec::new(),
                    wide: false,
                }
            });
        conference.legs.push(key.clone());
        load.0 += 1;
        self.legs.insert(key.clone(), LegPlace { leg, shard });
        self.names.insert(leg, key.clone());
        (leg, conference.number)
    }

    /// Notes that a conference's mix is made ready for browsers; true if it was not before.
    pub(crate) fn widen(&mut self, conference: &ConferenceId) -> bool {
        let conference = self.conferences.get_mut(conference);
        conference.is_some_and(|c| !std::mem::replace(&mut c.wide, true))
    }

    /// Notes what was agreed on with a browser; the transport is called by the name in it from now on.
    pub(crate) fn agree(&mut self, place: LegPlace, session: Session) {
        if !self.names.contains_key(&place.leg) {
            return;
        }
        let name = session.creds.ufrag.clone();
        self.by_ufrag.insert(name.clone(), place);
        match self.webs.entry(place.leg) {
            Entry::Vacant(vacant) => {
                let names = vec![name];
                vacant.insert(WebPlace { session, names });
            }
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.session = session;
                if !known.names.contains(&name) {
                    known.names.push(name);
                }
            }
        }
    }

    /// What was agreed on last with the browser of a leg; `None` for a telephone's.
    pub(crate) fn session(&self, leg: LegNumber) -> Option<&Session> {
        self.webs.get(&leg).map(|web| &web.session)
    }

    /// A transport of this name is there no more.
    pub(crate) fn forget(&mut self, ufrag: &str) {
        let place = self.by_ufrag.remove(ufrag);
        if let Some(web) = place.and_then(|place| self.webs.get_mut(&place.leg)) {
            web.names.retain(|name| name != ufrag);
        }
    }

    /// The web leg whose transport is called so.
    pub(crate) fn called(&self, ufrag: &str) -> Option<LegPlace> {
        self.by_ufrag.get(ufrag).copied()
    }

    /// Forgets a closed leg, and its conference with the last of them; gives its name.
    pub(crate) fn remove(&mut self, leg: LegNumber) -> Option<LegKey> {
        let key = self.names.remove(&leg)?;
        let place = self.legs.remove(&key)?;
        if let Some(web) = self.webs.remove(&leg) {
            for name in &web.names {
                self.by_ufrag.remove(name);
            }
        }
        let load = &mut self.load[place.shard];
        load.0 -= 1;
        if let Some(conference) = self.conferences.get_mut(&key.conference) {
            conference.legs.retain(|k| *k != key);
            if conference.legs.is_empty() {
                self.conferences.remove(&key.conference);
                load.1 -= 1;
            }
        }
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(conference: &str, leg: &str) -> LegKey {
        LegKey {
            conference: conference.parse().unwrap(),
            leg: leg.parse().unwrap(),
        }
    }

    #[test]
    fn conferences_stay_together_and_spread_over_threads() {
        let mut directory = Directory::new(2);
        let mut add = |k: &LegKey| {
            let shard = directory.shard_for(&k.conference);
            let (leg, conference) = directory.insert(k, shard);
            (shard, leg, conference)
        };
        let (a1, b1, a2) = (
            add(&key("a", "l1")),
            add(&key("b", "l1")),
            add(&key("a", "l2")),
        );
        assert_eq!((a1.0, a1.2), (a2.0, a2.2));
        assert_ne!(a1.0, b1.0);
        assert_eq!(add(&key("c", "l1")).0, b1.0);
        assert_eq!(directory.remove(a1.1), Some(key("a", "l1")));
        assert_eq!(directory.remove(a1.1), None);
        assert_eq!(directory.legs_of(&"a".parse().unwrap()), [key("a", "l2")]);
        directory.remove(a2.1);
        assert!(directory.legs_of(&"a".parse().unwrap()).is_empty());
        assert_eq!(directory.load[a1.0], (0, 0));
    }

    #[test]
    fn web_legs_are_found_by_the_names_of_their_transports_and_go_with_them() {
        let mut directory = Directory::new(1);
        let (leg, _) = directory.insert(&key("a", "l1"), 0);
        let place = LegPlace { leg, shard: 0 };
        assert!(directory.session(leg).is_none());
        for name in ["in use", "given up", "offered"] {
            directory.agree(place, Session::of(name));
        }
        directory.forget("given up");
        assert_eq!(directory.called("given up"), None);
        assert_eq!(directory.called("in use"), Some(place));
        assert_eq!(directory.called("offered"), Some(place));
        assert_eq!(directory.session(leg).unwrap().creds.ufrag, "offered");
        assert!(directory.widen(&"a".parse().unwrap()));
        assert!(!directory.widen(&"a".parse().unwrap()));
        directory.remove(leg);
        assert!(directory.by_ufrag.is_empty() && directory.webs.is_empty());
        assert!(!directory.widen(&"a".parse().unwrap()));
    }
}
