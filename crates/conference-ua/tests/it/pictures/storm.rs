//! Whatever comes in whatever order: each leg that a video server was asked for is closed once, or lost with it, and nothing stays.

use std::collections::BTreeSet;
use std::time::Duration;

use convoke_types::LegKey;
use convoke_types::LegState::{Dialling, Joined, Left};
use convoke_types::video::{Picture, VideoCommand, VideoEvent};
use proptest::prelude::*;
use sip_proto::Method;

use super::stage::*;

#[derive(Debug, Clone)]
enum Act {
    Invite(usize, usize),
    Again(usize, usize),
    Ack(usize, bool),
    Bye(usize),
    People(usize, usize),
    Prepared,
    Leg(usize, usize),
    Server(bool),
    Ended,
    Wait(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (0_usize..2, 0_usize..4).prop_map(|(user, body)| Act::Invite(user, body)),
        2 => (0_usize..8, 0_usize..4).prop_map(|(call, body)| Act::Again(call, body)),
        3 => (0_usize..8, any::<bool>()).prop_map(|(call, answer)| Act::Ack(call, answer)),
        1 => (0_usize..8).prop_map(Act::Bye),
        3 => (0_usize..2, 0_usize..4).prop_map(|(user, state)| Act::People(user, state)),
        3 => Just(Act::Prepared),
        6 => (0_usize..8, 0_usize..7).prop_map(|(leg, event)| Act::Leg(leg, event)),
        1 => any::<bool>().prop_map(Act::Server),
        1 => Just(Act::Ended),
        3 => (0_u64..9_000).prop_map(Act::Wait),
    ];
    prop::collection::vec(act, 1..60)
}

struct Storm {
    stage: Stage,
    dialogs: Vec<Dialog>,
    /// What the server has, and all that it ever had.
    open: BTreeSet<LegKey>,
    legs: Vec<LegKey>,
}

impl Storm {
    fn act(&mut self, act: &Act) {
        let bodies = [
            picture(""),
            picture("a=content:slides\r\n"),
            String::new(),
            picture("a=mid:9\r\n"),
        ];
        match *act {
            Act::Invite(user, body) => {
                let dialog = self.stage.invite(["alice", "bob"][user], &bodies[body]);
                self.dialogs.push(dialog);
            }
            Act::Again(call, body) => self.within(call, "INVITE", &bodies[body]),
            Act::Ack(call, answer) => {
                let body = if answer { ANSWER } else { "" };
                self.within(call, "ACK", body);
            }
            Act::Bye(call) => self.within(call, "BYE", ""),
            Act::People(user, state) => {
                let user = ["alice", "bob"][user];
                match [Some(Joined), Some(Dialling), Some(Left), None][state] {
                    Some(state) if self.stage.people.iter().any(|one| one.0 == user) => {
                        self.stage.set(user, state);
                    }
                    Some(state) => {
                        self.stage.people.push((user, state, false));
                        self.stage.tell();
                    }
                    None => {
                        self.stage.people.retain(|one| one.0 != user);
                        self.stage.tell();
                    }
                }
            }
            Act::Prepared => {
                let conference = c1();
                self.stage.event(0, VideoEvent::Prepared { conference });
            }
            Act::Leg(at, event) => self.leg(at, event),
            Act::Server(true) => self.stage.announce(0, 0),
            Act::Server(false) => {
                self.open.clear();
                self.stage.lose(0);
            }
            Act::Ended => {
                self.open.clear();
                let lost = Some("gone".to_owned());
                let conference = c1();
                self.stage.event(0, VideoEvent::Ended { conference, lost });
            }
            Act::Wait(ms) => self.stage.scene.advance(Duration::from_millis(ms)),
        }
        self.settle();
    }

    fn within(&mut self, call: usize, method: &str, body: &str) {
        if let Some(dialog) = self.dialogs.get_mut(call)
            && dialog.to.contains("tag=")
        {
            self.stage.request(dialog, method, body);
        }
    }

    fn leg(&mut self, at: usize, event: usize) {
        let Some(leg) = self.legs.iter().rev().nth(at).cloned() else {
            return;
        };
        let participant = "p1".parse().unwrap();
        let event = match event {
            0 => VideoEvent::Answered {
                leg,
                answer: ANSWER.to_owned(),
            },
            1 => VideoEvent::Offered {
                pictures: self
                    .legs
                    .iter()
                    .take(2)
                    .enumerate()
                    .map(|(mid, leg)| Picture {
                        mid: mid.to_string(),
                        participant: "p1".parse().unwrap(),
                        leg: leg.clone(),
                    })
                    .collect(),
                leg,
                offer: SEEN.to_owned(),
            },
            2 => VideoEvent::Failed {
                leg,
                words: "no".to_owned(),
            },
            3 => VideoEvent::Visible {
                leg,
                participant,
                on: true,
            },
            4 => VideoEvent::Connected { leg, on: true },
            5 => VideoEvent::Connected { leg, on: false },
            _ => {
                self.open.remove(&leg);
                VideoEvent::Closed { leg }
            }
        };
        self.stage.event(0, event);
    }

    fn settle(&mut self) {
        for message in self.stage.scene.sent() {
            if message.method_ref() == Some(&Method::Bye) {
                self.stage.scene.answer(&message, 200);
            }
            let tag = message.to().ok().and_then(|to| to.tag().map(str::to_owned));
            let of = |dialog: &&mut Dialog| message.call_id() == Some(&*dialog.call);
            if message.status() == Some(200)
                && let Some(tag) = tag
                && let Some(dialog) = self.dialogs.iter_mut().find(of)
            {
                dialog.to = format!("<{CONFERENCE}>;tag={tag}");
            }
        }
        for (server, command) in std::mem::take(&mut self.stage.scene.video) {
            assert_eq!(server, 0);
            match command {
                VideoCommand::Publish { leg, .. } | VideoCommand::Watch { leg, .. } => {
                    if !self.legs.contains(&leg) {
                        self.legs.push(leg.clone());
                        self.open.insert(leg.clone());
                    }
                    assert!(self.open.contains(&leg), "a leg is used after its end");
                }
                VideoCommand::Answer { leg, .. } => assert!(self.open.contains(&leg)),
                VideoCommand::Close { leg } => assert!(self.open.remove(&leg), "closed twice"),
                VideoCommand::Prepare { .. } => {}
                VideoCommand::End { .. } => self.open.clear(),
                VideoCommand::Hide { .. } => panic!("nobody hid anything"),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn each_leg_ends_once_and_nothing_stays(acts in acts()) {
        let mut storm = Storm {
            stage: Stage::new(),
            dialogs: Vec::new(),
            open: BTreeSet::new(),
            legs: Vec::new(),
        };
        for act in &acts {
            storm.act(act);
        }
        storm.stage.scene.over();
        storm.settle();
        prop_assert!(storm.open.is_empty(), "left open: {:?}", storm.open);
        prop_assert!(storm.stage.scene.watched.is_empty());
        storm.stage.scene.advance(Duration::from_secs(200));
        storm.settle();
    }
}
