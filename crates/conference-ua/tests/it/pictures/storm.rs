//! Whatever comes in whatever order: each leg that a video server was asked for is closed once, or lost with it; a server that is there is
//! asked one thing of a conference at a time; and nothing stays, there or here.

use std::collections::BTreeMap;
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
    Cancel(usize),
    People(usize, usize),
    Prepared(usize),
    Refused(usize),
    Leg(usize, usize),
    Server(usize, bool),
    Ended(usize, bool),
    Wait(u64),
    Chosen(usize, bool),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (0_usize..2, 0_usize..4).prop_map(|(user, body)| Act::Invite(user, body)),
        2 => (0_usize..8, 0_usize..4).prop_map(|(call, body)| Act::Again(call, body)),
        3 => (0_usize..8, any::<bool>()).prop_map(|(call, answer)| Act::Ack(call, answer)),
        1 => (0_usize..8).prop_map(Act::Bye),
        3 => (0_usize..2, 0_usize..4).prop_map(|(user, state)| Act::People(user, state)),
        1 => (0_usize..8).prop_map(Act::Cancel),
        4 => (0_usize..SERVERS).prop_map(Act::Prepared),
        2 => (0_usize..SERVERS).prop_map(Act::Refused),
        6 => (0_usize..8, 0_usize..7).prop_map(|(leg, event)| Act::Leg(leg, event)),
        1 => (0_usize..SERVERS, any::<bool>()).prop_map(|(at, on)| Act::Server(at, on)),
        1 => (0_usize..SERVERS, any::<bool>()).prop_map(|(at, lost)| Act::Ended(at, lost)),
        3 => (0_u64..20_000).prop_map(Act::Wait),
        1 => (0_usize..SERVERS, any::<bool>()).prop_map(|(at, lost)| Act::Chosen(at, lost)),
    ];
    prop::collection::vec(act, 1..60)
}

const SERVERS: usize = 2;

/// A video server, as it has to be treated.
#[derive(Default)]
struct Server {
    up: bool,
    /// It owes an answer to a `Prepare`, or to an `End`.
    asked: bool,
    ending: bool,
}

struct Storm {
    stage: Stage,
    dialogs: Vec<Dialog>,
    servers: [Server; SERVERS],
    /// What the servers have, and all that they ever had.
    open: BTreeMap<LegKey, usize>,
    legs: Vec<(LegKey, usize)>,
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
            Act::Cancel(call) => {
                if let Some(dialog) = self.dialogs.get(call) {
                    self.stage.cancel(dialog);
                }
            }
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
            Act::Prepared(at) => {
                self.servers[at].asked = false;
                self.stage.ready(at);
            }
            Act::Refused(at) => {
                self.servers[at].asked = false;
                self.stage.refuse(at, "full");
            }
            Act::Leg(at, event) => self.leg(at, event),
            Act::Server(at, true) => {
                self.servers[at].up = true;
                self.stage.announce(at, u32::try_from(at).unwrap());
            }
            Act::Server(at, false) => {
                self.open.retain(|_, server| *server != at);
                self.servers[at] = Server::default();
                self.stage.lose(at);
            }
            Act::Ended(at, lost) => self.ended(at, lost),
            Act::Chosen(at, lost) => {
                self.stage.video = format!("v{at}").parse().ok();
                self.stage.lost = lost;
                // What a server owes that was, or is, chosen is for who chose it.
                self.servers.iter_mut().for_each(|one| one.asked = false);
                self.stage.tell();
            }
            Act::Wait(ms) => self.stage.scene.advance(Duration::from_millis(ms)),
        }
        self.settle();
    }

    fn ended(&mut self, at: usize, lost: bool) {
        self.open.retain(|_, server| *server != at);
        self.servers[at].asked = false;
        self.servers[at].ending = false;
        let lost = lost.then(|| "gone".to_owned());
        let conference = c1();
        self.stage.event(at, VideoEvent::Ended { conference, lost });
    }

    fn within(&mut self, call: usize, method: &str, body: &str) {
        if let Some(dialog) = self.dialogs.get_mut(call)
            && dialog.to.contains("tag=")
        {
            self.stage.request(dialog, method, body);
        }
    }

    fn leg(&mut self, at: usize, event: usize) {
        let Some((leg, server)) = self.legs.iter().rev().nth(at).cloned() else {
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
                    .map(|(mid, (leg, _))| Picture {
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
        self.stage.event(server, event);
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
        let chosen = self.stage.video.as_ref().map(ToString::to_string);
        for (server, command) in std::mem::take(&mut self.stage.scene.video) {
            // What the chosen one has not answered it is not asked to end: that is for who chose it.
            let may_owe = chosen.as_ref() == Some(&format!("v{server}"));
            let at = &mut self.servers[server];
            assert!(at.up, "it is away");
            match command {
                VideoCommand::Publish { leg, .. } | VideoCommand::Watch { leg, .. } => {
                    if !self.legs.contains(&(leg.clone(), server)) {
                        self.legs.push((leg.clone(), server));
                        self.open.insert(leg.clone(), server);
                    }
                    let open = self.open.get(&leg);
                    assert_eq!(open, Some(&server), "a leg is used after its end");
                }
                VideoCommand::Answer { leg, .. } => {
                    assert_eq!(self.open.get(&leg), Some(&server));
                }
                VideoCommand::Close { leg } => {
                    let was = self.open.remove(&leg);
                    assert_eq!(was, Some(server), "closed twice, or elsewhere");
                }
                VideoCommand::Prepare { .. } => {
                    assert!(!at.asked && !at.ending, "it owes an answer");
                    at.asked = !may_owe;
                }
                VideoCommand::End { .. } => {
                    at.ending = true;
                    at.asked = false;
                    self.open.retain(|_, at| *at != server);
                }
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
            stage: Stage::away(SERVERS),
            dialogs: Vec::new(),
            servers: Default::default(),
            open: BTreeMap::new(),
            legs: Vec::new(),
        };
        storm.act(&Act::Server(0, true));
        storm.act(&Act::Server(1, true));
        for act in &acts {
            storm.act(act);
        }
        storm.stage.scene.over();
        storm.settle();
        prop_assert!(storm.open.is_empty(), "left open: {:?}", storm.open);
        prop_assert!(storm.stage.scene.watched.is_empty());
        storm.stage.scene.advance(Duration::from_secs(200));
        storm.settle();
        for at in 0..SERVERS {
            storm.act(&Act::Server(at, true));
            if storm.servers[at].ending {
                storm.ended(at, false);
                storm.settle();
            }
        }
        prop_assert_eq!(storm.stage.scene.core.pictures(), 0, "kept here");
    }
}
