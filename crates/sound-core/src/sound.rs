//! Commands to the bridge that has their conference, events back, and conferences that have to go elsewhere.

use std::collections::{BTreeMap, HashMap, VecDeque};

use convoke_types::bridge_protocol::{Announcement, Feature};
use convoke_types::media::{MediaCommand, MediaEvent};
use convoke_types::{ConferenceId, LegId, LegKey};

use crate::bridge::Bridge;
use crate::leg::{Leg, Stands};

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Ask this of a bridge. What cannot be asked is told by [`Sound::handle_event`] as refused, or with all else by [`Sound::handle_down`].
    Command {
        /// Which, by its place.
        bridge: usize,
        /// What.
        command: MediaCommand,
    },
    /// Tell who owns the dialogs.
    News(News),
}

/// What who owns the dialogs is told.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// Of a leg.
    Event(MediaEvent),
    /// A bridge has a conference's sound from now on.
    Mixes {
        /// Which.
        conference: ConferenceId,
        /// What the bridge cannot do, of [`Feature::OF_SOUND`].
        absent: Vec<Feature>,
    },
    /// A conference's bridge is lost, and another one mixes it: ports follow.
    Moved {
        /// Which.
        conference: ConferenceId,
        /// What happened; what a person reads.
        words: String,
    },
    /// A conference's bridge is lost, and there is no other: all its legs are over.
    Lost {
        /// Which.
        conference: ConferenceId,
        /// What happened; what a person reads.
        words: String,
    },
}

/// A conference on a bridge.
#[derive(Debug)]
struct Placed {
    bridge: usize,
    legs: BTreeMap<LegId, Leg>,
}

/// See the crate. After every `handle_*` take outputs with `poll_output` until there is none.
#[derive(Debug)]
pub struct Sound {
    bridges: Vec<Bridge>,
    conferences: HashMap<ConferenceId, Placed>,
    outputs: VecDeque<Output>,
}

impl Sound {
    /// With these bridges, which are known by their places from 0, and away until they say what they are; each by its name, and whether it
    /// is on standby: asked only while no other can be.
    pub fn new(bridges: impl IntoIterator<Item = (String, bool)>) -> Self {
        let bridges = bridges.into_iter();
        Self {
            bridges: bridges
                .map(|(name, standby)| Bridge::new(name, standby))
                .collect(),
            conferences: HashMap::new(),
            outputs: VecDeque::new(),
        }
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// A bridge is there, or says something else of itself.
    pub fn handle_announcement(&mut self, bridge: usize, announcement: Announcement) {
        if let Some(bridge) = self.bridges.get_mut(bridge) {
            bridge.up = Some(announcement);
        }
    }

    /// A bridge is not there, or no longer, with all that it carried.
    pub fn handle_down(&mut self, bridge: usize, words: &str) {
        if let Some(known) = self.bridges.get_mut(bridge) {
            known.up = None;
            known.away = format!("{} is lost: {words}", known.name);
            self.elsewhere(bridge);
        }
    }

    /// Who owns the dialogs asks for something.
    pub fn handle_command(&mut self, command: MediaCommand) {
        match &command {
            MediaCommand::Open { leg } => {
                let leg = leg.clone();
                self.open(leg, None, command);
            }
            MediaCommand::OpenWeb { leg, offer } => {
                let (leg, offer) = (leg.clone(), offer.clone());
                self.open(leg, Some(offer), command);
            }
            MediaCommand::CloseMix { conference } => {
                let Some(placed) = self.conferences.remove(conference) else {
                    return;
                };
                self.count(placed.bridge, |legs| {
                    legs.saturating_sub(u32::try_from(placed.legs.len()).unwrap_or(u32::MAX))
                });
                self.ask(placed.bridge, command);
            }
            MediaCommand::Close { leg } => {
                let Some(placed) = self.conferences.get_mut(&leg.conference) else {
                    return;
                };
                let bridge = placed.bridge;
                if placed.legs.remove(&leg.leg).is_some() {
                    self.count(bridge, |legs| legs.saturating_sub(1));
                }
                self.ask(bridge, command);
            }
            MediaCommand::Reoffer { leg, .. }
            | MediaCommand::Connect { leg, .. }
            | MediaCommand::Play { leg, .. }
            | MediaCommand::Join { leg }
            | MediaCommand::Mute { leg, .. } => {
                let leg = leg.clone();
                self.pass(&leg, command);
            }
        }
    }

    /// A bridge tells something, or a command did not reach it.
    pub fn handle_event(&mut self, bridge: usize, event: MediaEvent) {
        let Some(leg) = event.leg() else {
            if let (MediaEvent::Gone { words }, Some(known)) =
                (&event, self.bridges.get_mut(bridge))
            {
                // It may be there, without what it stands for; it says when that is back.
                if let Some(up) = &mut known.up {
                    up.ready = false;
                }
                known.away = format!("{} is lost: {words}", known.name);
                self.elsewhere(bridge);
            }
            return;
        };
        let Some(placed) = self.conferences.get_mut(&leg.conference) else {
            return self.tell(News::Event(event));
        };
        // Of what a bridge had that has no longer the conference nothing is told.
        if placed.bridge != bridge {
            return;
        }
        let known = placed.legs.get_mut(&leg.leg);
        let (commands, besides) = known.map_or_else(Default::default, |leg| leg.happened(&event));
        self.tell(News::Event(event));
        if let Some(event) = besides {
            self.tell(News::Event(event));
        }
        self.ask_all(bridge, commands);
    }
}

impl Sound {
    fn open(&mut self, leg: LegKey, offer: Option<String>, command: MediaCommand) {
        let here = self.conferences.get(&leg.conference);
        // Without anybody in it, it is nowhere.
        let here = here.filter(|placed| !placed.legs.is_empty());
        let here = here.map(|placed| placed.bridge);
        // One that is there, and cannot mix, says itself why.
        let there = || self.bridges.iter().position(|bridge| bridge.up.is_some());
        let Some(bridge) = here.or_else(|| self.best(1)).or_else(there) else {
            let away = self.bridges.iter().map(|bridge| &*bridge.away);
            let words = away.collect::<Vec<_>>().join("; ");
            return self.tell(News::Event(MediaEvent::Failed { leg, words }));
        };
        let empty = Placed {
            bridge,
            legs: BTreeMap::new(),
        };
        let conference = leg.conference.clone();
        let placed = self.conferences.entry(leg.conference).or_insert(empty);
        let before = std::mem::replace(&mut placed.bridge, bridge);
        if placed.legs.insert(leg.leg, Leg::new(offer)).is_none() {
            self.count(bridge, |legs| legs.saturating_add(1));
        }
        if here.is_none() {
            self.mixes(&conference, bridge);
        }
        if before != bridge {
            self.ask(before, MediaCommand::CloseMix { conference });
        }
        self.ask(bridge, command);
    }

    /// Of a leg that is there.
    fn pass(&mut self, key: &LegKey, command: MediaCommand) {
        let Some(placed) = self.conferences.get_mut(&key.conference) else {
            return;
        };
        let bridge = placed.bridge;
        let Some(leg) = placed.legs.get_mut(&key.leg) else {
            return;
        };
        leg.commanded(&command);
        match (&leg.stands, command) {
            (Stands::Awaited, MediaCommand::Reoffer { leg: key, offer }) => {
                leg.changing = None;
                leg.stands = Stands::Offered(offer.clone());
                self.ask(bridge, MediaCommand::OpenWeb { leg: key, offer });
            }
            (Stands::Elsewhere, command @ MediaCommand::Connect { .. }) => {
                leg.stands = Stands::Made;
                let again = leg.again(key);
                self.ask(bridge, command);
                self.ask_all(bridge, again);
            }
            // The bridge has the former offer before this one.
            (Stands::Offered(_), command @ MediaCommand::Reoffer { .. }) => {
                self.ask(bridge, command);
            }
            // It is asked for when the leg is there.
            _ if !leg.is_there() => {}
            (_, command) => self.ask(bridge, command),
        }
    }

    /// Finds a place for all that a bridge had, which is lost.
    fn elsewhere(&mut self, lost: usize) {
        self.count(lost, |_| 0);
        let had = self.conferences.iter();
        let had = had.filter(|(_, placed)| placed.bridge == lost);
        let mut had: Vec<ConferenceId> = had.map(|(id, _)| id.clone()).collect();
        had.sort_unstable();
        for conference in had {
            self.place_anew(conference, lost);
        }
    }

    fn place_anew(&mut self, conference: ConferenceId, lost: usize) {
        let placed = self.conferences.remove(&conference);
        // One without anybody in it has nothing to lose.
        let Some(mut placed) = placed.filter(|placed| !placed.legs.is_empty()) else {
            return;
        };
        let legs = u32::try_from(placed.legs.len()).unwrap_or(u32::MAX);
        let why = self.bridges.get(lost).map(|bridge| bridge.away.clone());
        let why = why.unwrap_or_default();
        let best = self.best(legs).filter(|best| *best != lost);
        let Some((bridge, there)) = best.and_then(|at| Some((at, self.bridges.get(at)?))) else {
            return self.tell(News::Lost {
                conference,
                words: why,
            });
        };
        let words = format!("{why}; {} mixes now", there.name);
        self.mixes(&conference, bridge);
        self.tell(News::Moved {
            conference: conference.clone(),
            words,
        });
        placed.bridge = bridge;
        self.count(bridge, |had| had.saturating_add(legs));
        for (id, leg) in &mut placed.legs {
            let key = LegKey {
                conference: conference.clone(),
                leg: id.clone(),
            };
            let (command, told) = leg.moved(&key);
            for event in told {
                self.tell(News::Event(event));
            }
            if let Some(command) = command {
                self.ask(bridge, command);
            }
        }
        self.conferences.insert(conference, placed);
    }

    /// The bridge that a further conference of so many legs shall have.
    fn best(&self, legs: u32) -> Option<usize> {
        let fit = self.bridges.iter().enumerate();
        let fit = fit.filter_map(|(place, bridge)| Some((bridge.fitness(legs)?, place)));
        // Of two that are alike the first.
        let best = fit.max_by(|(one, at), (other, place)| one.cmp(other).then(place.cmp(at)));
        best.map(|(_, place)| place)
    }

    /// Tells that this bridge has the conference, and what it cannot do.
    fn mixes(&mut self, conference: &ConferenceId, bridge: usize) {
        let says = self.bridges.get(bridge).and_then(|one| one.up.as_ref());
        let there = says.map_or(&[][..], |says| &says.features);
        self.tell(News::Mixes {
            conference: conference.clone(),
            absent: Feature::absent(there),
        });
    }

    fn count(&mut self, bridge: usize, change: impl FnOnce(u32) -> u32) {
        if let Some(bridge) = self.bridges.get_mut(bridge) {
            bridge.legs = change(bridge.legs);
        }
    }

    fn ask_all(&mut self, bridge: usize, commands: Vec<MediaCommand>) {
        for command in commands {
            self.ask(bridge, command);
        }
    }

    fn ask(&mut self, bridge: usize, command: MediaCommand) {
        self.outputs.push_back(Output::Command { bridge, command });
    }

    fn tell(&mut self, news: News) {
        self.outputs.push_back(Output::News(news));
    }
}
