//! Random commands, answers, silence and losses: nothing panics, whoever asks for a conference gets exactly one answer, and what is told of
//! each picture makes sense in order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bridges::janus::Input;
use convoke_types::video::{VideoCommand, VideoEvent};
use convoke_types::{ConferenceId, LegKey};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::scene::*;

/// Legs that Janus may carry here: often fewer than are wanted.
const CAPACITY: u32 = 9;
const PEOPLE: [&str; 4] = ["a", "b", "d", "e"];
const LEGS: [&str; 6] = ["l1", "l2", "l3", "l4", "l5", "l6"];
/// Longer than Janus may take for anything.
const LONG: Duration = Duration::from_secs(30);

/// What happens; the numbers choose among what there is.
#[derive(Debug, Clone)]
enum Step {
    Prepare {
        people: u8,
    },
    Publish {
        who: usize,
        leg: usize,
    },
    Watch {
        who: usize,
        leg: usize,
    },
    Answer {
        leg: usize,
    },
    Hide {
        leg: usize,
        on: bool,
    },
    Close {
        leg: usize,
    },
    End,
    /// Janus answers one of the requests that wait: as it should, or with this error.
    Reply {
        which: usize,
        error: Option<u32>,
    },
    /// Janus does not answer one of them.
    Swallow {
        which: usize,
    },
    /// Janus says something of a handle.
    Say {
        which: usize,
        what: usize,
    },
    Pass {
        ms: u64,
    },
    Lose,
}

fn step() -> impl Strategy<Value = Step> {
    let error = prop::option::weighted(0.2, prop::sample::select(vec![426, 427, 428, 432, 465]));
    prop_oneof![
        2 => (0..16_u8).prop_map(|people| Step::Prepare { people }),
        4 => (0..4_usize, 0..6_usize).prop_map(|(who, leg)| Step::Publish { who, leg }),
        4 => (0..4_usize, 0..6_usize).prop_map(|(who, leg)| Step::Watch { who, leg }),
        3 => (0..6_usize).prop_map(|leg| Step::Answer { leg }),
        2 => (0..6_usize, any::<bool>()).prop_map(|(leg, on)| Step::Hide { leg, on }),
        1 => (0..6_usize).prop_map(|leg| Step::Close { leg }),
        1 => Just(Step::End),
        20 => (any::<usize>(), error).prop_map(|(which, error)| Step::Reply { which, error }),
        1 => any::<usize>().prop_map(|which| Step::Swallow { which }),
        8 => (any::<usize>(), 0..8_usize).prop_map(|(which, what)| Step::Say { which, what }),
        2 => (0..6_000_u64).prop_map(|ms| Step::Pass { ms }),
        1 => Just(Step::Lose),
    ]
}

/// Sees only what is asked and told.
#[derive(Default)]
struct Judge {
    asked: usize,
    answered: usize,
    visible: BTreeSet<LegKey>,
    connected: BTreeSet<LegKey>,
}

impl Judge {
    fn hear(&mut self, scene: &mut Scene) {
        for event in scene.told() {
            match event {
                VideoEvent::Prepared { .. } | VideoEvent::Refused { .. } => self.answered += 1,
                VideoEvent::Visible { leg, on: true, .. } => {
                    assert!(self.connected.contains(&leg), "{leg} is seen unconnected");
                    assert!(self.visible.insert(leg.clone()), "{leg} is seen twice");
                }
                VideoEvent::Visible { leg, on: false, .. } => {
                    assert!(self.visible.remove(&leg), "{leg} was not seen");
                }
                VideoEvent::Connected { leg, on: true } => {
                    assert!(self.connected.insert(leg.clone()), "{leg} connects twice");
                }
                VideoEvent::Connected { leg, on: false } => {
                    assert!(self.connected.remove(&leg), "{leg} was not connected");
                }
                VideoEvent::Closed { leg } => {
                    assert!(!self.visible.contains(&leg), "{leg} is closed in sight");
                    self.connected.remove(&leg);
                }
                VideoEvent::Ended { conference, .. } => self.over(&conference),
                VideoEvent::Offered { leg, pictures, .. } => {
                    for picture in pictures {
                        assert_ne!(picture.leg, leg, "nobody watches their own leg");
                    }
                }
                VideoEvent::Answered { .. } | VideoEvent::Failed { .. } => {}
            }
            assert!(self.answered <= self.asked, "more answers than questions");
        }
        let announced = scene.announced.as_ref().unwrap();
        assert!(announced.legs <= CAPACITY, "more is promised than there is");
    }

    fn over(&mut self, conference: &ConferenceId) {
        self.visible.retain(|leg| leg.conference != *conference);
        self.connected.retain(|leg| leg.conference != *conference);
    }
}

/// Janus as it should be, as far as its answers go.
struct Answers {
    next: u64,
    handles: Vec<u64>,
    /// Whom each subscriber's sections show.
    sections: BTreeMap<u64, Vec<Value>>,
}

impl Answers {
    fn reply(&mut self, scene: &mut Scene, request: &Value, error: Option<u32>) {
        if let Some(code) = error.filter(|_| request["janus"] == "message") {
            return scene.refuse(request, code, "no");
        }
        match request["janus"].as_str().unwrap() {
            "info" => scene.reply(request, server_info(1102, "1.1.2")),
            "create" => scene.reply(
                request,
                json!({ "janus": "success", "data": { "id": SESSION } }),
            ),
            "attach" => {
                self.next += 1;
                self.handles.push(self.next);
                let made = json!({ "janus": "success", "data": { "id": self.next } });
                scene.reply(request, made);
            }
            "message" => self.reply_room(scene, request),
            _ => scene.reply(request, json!({ "janus": "ack" })),
        }
    }

    fn reply_room(&mut self, scene: &mut Scene, request: &Value) {
        let body = &request["body"];
        let streams = |feeds: &Value, from: usize| -> Vec<Value> {
            let feeds = feeds.as_array().into_iter().flatten().enumerate();
            let stream = |(place, feed): (usize, &Value)| {
                let mid = (from + place).to_string();
                json!({ "mid": mid, "active": true, "feed_id": feed["feed"] })
            };
            feeds.map(stream).collect()
        };
        let handle = request["handle_id"].as_u64().unwrap();
        let known = self.sections.entry(handle).or_default();
        match body["request"].as_str().unwrap() {
            "create" => scene.made(request),
            "joinandconfigure" => scene.joined(request),
            "join" => {
                *known = streams(&body["streams"], 0);
                let data = json!({ "videoroom": "attached", "streams": known });
                scene.reply_room(request, data, Some(jsep("offer", "an offer")));
            }
            "update" => {
                for gone in body["unsubscribe"].as_array().into_iter().flatten() {
                    known.retain(|stream| stream["mid"] != gone["sub_mid"]);
                }
                let from = known.len() + 100;
                known.extend(streams(&body["subscribe"], from));
                let data = json!({ "videoroom": "updated", "streams": known });
                scene.reply_room(request, data, Some(jsep("offer", "an offer")));
            }
            "configure" => {
                let kind = if body["update"] == true {
                    "offer"
                } else {
                    "answer"
                };
                let data = json!({ "videoroom": "event", "configured": "ok" });
                scene.reply_room(request, data, Some(jsep(kind, "a description")));
            }
            "start" => {
                let data = json!({ "videoroom": "event", "started": "ok" });
                scene.reply_room(request, data, None);
            }
            _ => scene.reply_room(request, json!({ "videoroom": "success" }), None),
        }
    }
}

fn take(scene: &mut Scene, which: usize) -> Option<Value> {
    let requests = scene.requests();
    let count = requests.len();
    if count == 0 {
        return None;
    }
    requests.remove(which % count)
}

fn run(steps: Vec<Step>) {
    let mut scene = Scene::new(CAPACITY);
    scene.input(Input::Open);
    let mut judge = Judge::default();
    let mut janus = Answers {
        next: 1_000,
        handles: Vec::new(),
        sections: BTreeMap::new(),
    };
    for step in steps {
        match step {
            Step::Prepare { people } => {
                let on = |place: &usize| people & (1 << place) != 0;
                let chosen: Vec<&str> = (0..4).filter(on).map(|place| PEOPLE[place]).collect();
                judge.asked += 1;
                scene.command(prepare("c", &chosen));
            }
            Step::Publish { who, leg } => scene.command(publish(PEOPLE[who], LEGS[leg])),
            Step::Watch { who, leg } => scene.command(watch(PEOPLE[who], LEGS[leg])),
            Step::Answer { leg: name } => scene.command(VideoCommand::Answer {
                leg: leg(LEGS[name]),
                answer: "an answer".into(),
            }),
            Step::Hide { leg: name, on } => scene.command(VideoCommand::Hide {
                leg: leg(LEGS[name]),
                on,
            }),
            Step::Close { leg: name } => scene.command(VideoCommand::Close {
                leg: leg(LEGS[name]),
            }),
            Step::End => scene.command(VideoCommand::End {
                conference: "c".parse().unwrap(),
            }),
            Step::Reply { which, error } => {
                if let Some(request) = take(&mut scene, which) {
                    janus.reply(&mut scene, &request, error);
                }
            }
            Step::Swallow { which } => drop(take(&mut scene, which)),
            Step::Say { which, what } => {
                let count = janus.handles.len();
                if count > 0 {
                    let said = [
                        "webrtcup", "webrtcup", "webrtcup", "webrtcup", "media", "slowlink",
                    ];
                    let said = said.get(what).copied().unwrap_or("hangup");
                    scene.say(janus.handles[which % count], json!({ "janus": said }));
                }
            }
            Step::Pass { ms } => scene.pass(Duration::from_millis(ms)),
            Step::Lose => {
                scene.input(Input::Lost { words: "x".into() });
                scene.requests().clear();
                scene.input(Input::Open);
            }
        }
        judge.hear(&mut scene);
        if scene.dropped.take().is_some() {
            scene.requests().clear();
            scene.input(Input::Open);
        }
    }
    // Nobody answers any more: everything that waits is over in time.
    scene.pass(LONG);
    judge.hear(&mut scene);
    assert_eq!(
        judge.answered, judge.asked,
        "each conference is answered for"
    );
}

proptest! {
    #[test]
    fn whatever_happens_each_question_is_answered_once(steps in prop::collection::vec(step(), 0..200)) {
        run(steps);
    }
}
