//! Random commands, and bridges that come and go: once all is answered, each leg is at one bridge, as it was asked to be.

use std::collections::{BTreeMap, VecDeque};

use convoke_types::LegKey;
use convoke_types::media::{MediaCommand, MediaEvent};
use sound_core::News;

use crate::stage::{Stage, key, local, params};

const BRIDGES: usize = 3;
const SEEDS: u64 = 300;
const STEPS: u32 = 200;

/// Numbers that look random (a linear congruential generator, Knuth's constants).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// A leg as a bridge has it.
#[derive(Debug, Default, Clone, PartialEq)]
struct There {
    made: bool,
    connected: bool,
    joined: bool,
    muted: bool,
}

/// A bridge that does as adapters do: what is not made yet joins nothing.
#[derive(Debug, Default)]
struct Bridge {
    up: bool,
    legs: BTreeMap<LegKey, There>,
    answers: VecDeque<MediaEvent>,
}

impl Bridge {
    fn take(&mut self, command: MediaCommand) {
        match command {
            MediaCommand::Open { leg } => {
                self.legs.insert(leg.clone(), There::default());
                let local = local(1);
                self.answers.push_back(MediaEvent::Opened { leg, local });
            }
            MediaCommand::OpenWeb { leg, .. } => {
                let there = There {
                    connected: true,
                    ..There::default()
                };
                self.legs.insert(leg.clone(), there);
                self.answer(leg);
            }
            MediaCommand::Reoffer { leg, .. } => {
                assert!(
                    self.legs.contains_key(&leg),
                    "a change of a leg that is not here"
                );
                self.answer(leg);
            }
            MediaCommand::Connect { leg, .. } => {
                self.change(&leg, |there| there.connected = there.made)
            }
            MediaCommand::Join { leg } => {
                self.change(&leg, |there| there.joined = there.connected && there.made)
            }
            MediaCommand::Mute { leg, on } => self.change(&leg, |there| there.muted = on),
            MediaCommand::Close { leg } => {
                self.legs.remove(&leg);
            }
            MediaCommand::CloseMix { conference } => {
                self.legs.retain(|leg, _| leg.conference != conference);
            }
            MediaCommand::Play { .. } => {}
        }
    }

    fn answer(&mut self, leg: LegKey) {
        let answer = "yes".into();
        self.answers
            .push_back(MediaEvent::OpenedWeb { leg, answer });
    }

    fn change(&mut self, leg: &LegKey, change: impl FnOnce(&mut There)) {
        if let Some(there) = self.legs.get_mut(leg) {
            change(there);
        }
    }
}

/// A leg as who owns its dialog wants it.
#[derive(Debug, Default)]
struct Wanted {
    web: bool,
    joined: bool,
    muted: bool,
    /// Answers that are owed.
    owed: usize,
}

struct Storm {
    dice: Dice,
    stage: Stage,
    bridges: [Bridge; BRIDGES],
    legs: BTreeMap<LegKey, Wanted>,
    named: usize,
    moves: usize,
}

impl Storm {
    fn step(&mut self) {
        let known: Vec<LegKey> = self.legs.keys().cloned().collect();
        let leg = (!known.is_empty()).then(|| known[self.dice.below(known.len())].clone());
        match (self.dice.below(12), leg) {
            (0 | 1, _) => {
                self.named += 1;
                let leg = key(&format!("{}.l{}", self.dice.below(4), self.named));
                let web = self.dice.below(2) == 0;
                let wanted = Wanted {
                    web,
                    owed: 1,
                    ..Wanted::default()
                };
                self.legs.insert(leg.clone(), wanted);
                self.command(match web {
                    true => MediaCommand::OpenWeb {
                        leg,
                        offer: "first".into(),
                    },
                    false => MediaCommand::Open { leg },
                });
            }
            (2, Some(leg)) => {
                let wanted = self.legs.get_mut(&leg).unwrap();
                wanted.muted = !wanted.muted;
                let on = wanted.muted;
                self.command(MediaCommand::Mute { leg, on });
            }
            (3, Some(leg)) => self.change(leg),
            (4, Some(leg)) if self.dice.below(4) == 0 => {
                self.legs.remove(&leg);
                self.command(MediaCommand::Close { leg });
            }
            (5, _) if self.dice.below(4) == 0 => self.turn(),
            _ => self.hear(),
        }
    }

    /// A telephone changes its session, a browser its network.
    fn change(&mut self, leg: LegKey) {
        let wanted = self.legs.get_mut(&leg).unwrap();
        if !wanted.joined {
            return;
        }
        if wanted.web {
            wanted.owed += 1;
            let offer = "change".into();
            return self.command(MediaCommand::Reoffer { leg, offer });
        }
        let params = params();
        self.command(MediaCommand::Connect { leg, params });
    }

    /// A bridge goes, or is there again.
    fn turn(&mut self) {
        let at = self.dice.below(BRIDGES);
        let up = !self.bridges[at].up;
        self.bridges[at] = Bridge {
            up,
            ..Bridge::default()
        };
        match up {
            true => self.stage.up(at, 50),
            false => self.stage.sound.handle_down(at, "cut"),
        }
        self.settle();
    }

    /// Some bridge answers.
    fn hear(&mut self) {
        let at = self.dice.below(BRIDGES);
        let Some(event) = self.bridges[at].answers.pop_front() else {
            return;
        };
        if let MediaEvent::Opened { leg, .. } | MediaEvent::OpenedWeb { leg, .. } = &event {
            self.bridges[at].change(leg, |there| there.made = true);
        }
        let asked = self.stage.event(at, event);
        self.ask(asked);
        self.settle();
    }

    fn command(&mut self, command: MediaCommand) {
        let asked = self.stage.command(command);
        self.ask(asked);
        self.settle();
    }

    fn ask(&mut self, asked: Vec<(usize, MediaCommand)>) {
        for (at, command) in asked {
            if self.bridges[at].up {
                self.bridges[at].take(command);
            }
        }
    }

    /// Who owns the dialogs does what they do.
    fn settle(&mut self) {
        loop {
            let asked = self.stage.commands();
            self.ask(asked);
            let news = self.stage.news();
            if news.is_empty() {
                return;
            }
            for one in news {
                self.told(one);
            }
        }
    }

    fn told(&mut self, news: News) {
        let event = match news {
            News::Event(event) => event,
            News::Moved { .. } => {
                self.moves += 1;
                return;
            }
            News::Mixes { .. } => return,
            News::Lost { conference, .. } => {
                let all = self.legs.keys().filter(|leg| leg.conference == conference);
                for leg in all.cloned().collect::<Vec<_>>() {
                    self.legs.remove(&leg);
                    self.command(MediaCommand::Close { leg });
                }
                return;
            }
        };
        let Some(leg) = event.leg().cloned() else {
            return;
        };
        let Some(wanted) = self.legs.get_mut(&leg) else {
            return;
        };
        match event {
            MediaEvent::Opened { .. } => {
                wanted.owed = 0;
                // It goes on, at another port.
                let was_joined = std::mem::replace(&mut wanted.joined, true);
                let params = params();
                let connect = MediaCommand::Connect {
                    leg: leg.clone(),
                    params,
                };
                self.command(connect);
                if !was_joined {
                    self.command(MediaCommand::Join { leg });
                }
            }
            MediaEvent::OpenedWeb { .. } => {
                wanted.owed = wanted
                    .owed
                    .checked_sub(1)
                    .expect("more answers than offers");
                if !std::mem::replace(&mut wanted.joined, true) {
                    self.command(MediaCommand::Join { leg });
                }
            }
            MediaEvent::Failed { .. } if wanted.web && wanted.joined => {
                wanted.owed = wanted
                    .owed
                    .checked_sub(1)
                    .expect("more answers than offers");
            }
            MediaEvent::Failed { .. } => {
                self.legs.remove(&leg);
                self.command(MediaCommand::Close { leg });
            }
            MediaEvent::Lost { on: true, .. } => {
                wanted.owed += 1;
                let offer = "again".into();
                self.command(MediaCommand::Reoffer { leg, offer });
            }
            _ => {}
        }
    }

    /// All have answered: everybody is where they should be.
    fn check(&mut self) {
        while self.bridges.iter().any(|bridge| !bridge.answers.is_empty()) {
            self.hear();
        }
        let mut places = BTreeMap::new();
        for (leg, wanted) in &self.legs {
            let at: Vec<usize> = (0..BRIDGES)
                .filter(|at| self.bridges[*at].legs.contains_key(leg))
                .collect();
            assert_eq!(at.len(), 1, "{leg:?} {wanted:?} is at {at:?}");
            let there = &self.bridges[at[0]].legs[leg];
            let expected = There {
                made: true,
                connected: true,
                joined: wanted.joined,
                muted: wanted.muted,
            };
            assert_eq!(*there, expected, "{leg:?} {wanted:?}");
            assert_eq!(wanted.owed, 0, "{leg:?} {wanted:?}");
            let place = *places.entry(leg.conference.clone()).or_insert(at[0]);
            assert_eq!(place, at[0], "one conference, two bridges");
        }
        let carried: usize = self.bridges.iter().map(|bridge| bridge.legs.len()).sum();
        assert_eq!(carried, self.legs.len(), "nobody's legs stay anywhere");
    }
}

#[test]
fn whatever_bridges_do_each_leg_is_at_one_as_it_was_asked_to_be() {
    let (mut moves, mut legs) = (0, 0);
    for seed in 0..SEEDS {
        let mut storm = Storm {
            dice: Dice(seed),
            stage: Stage::new(["a", "b", "standby"]),
            bridges: Default::default(),
            legs: BTreeMap::new(),
            named: 0,
            moves: 0,
        };
        for at in 0..BRIDGES {
            storm.bridges[at].up = true;
            storm.stage.up(at, 50);
        }
        for _ in 0..STEPS {
            storm.step();
        }
        storm.check();
        moves += storm.moves;
        legs += storm.legs.len();
    }
    println!("{moves} moves, {legs} legs at the end");
    assert!(moves > 500 && legs > 500, "{moves} moves, {legs} legs");
}
