//! Those who watch: one connection for the pictures of all others, offered by Janus.

use std::collections::BTreeSet;

use convoke_types::video::{Picture, VideoEvent};
use convoke_types::{LegKey, ParticipantId};

use super::core::{About, Janus};
use super::links::{Does, Leg, WatchStage, Watching};
use super::wire::{Body, Feed, Jsep, Reply, Section, code};
use super::words;

/// How often is looked anew where somebody left meanwhile.
const TRIES_MAX: u8 = 3;

impl Janus {
    pub(super) fn watch(&mut self, key: LegKey, participant: ParticipantId) {
        let admitted = self.admitted(&key.conference, &participant, false);
        let known = self.legs.get(&key);
        let allowed = admitted.map(drop).and_then(|()| match known {
            None => self.place(&key.conference, &participant, false),
            Some(leg) if leg.participant != participant => {
                Err("this leg is somebody else's".into())
            }
            Some(leg) if !matches!(leg.does, Does::Watch(_)) => {
                Err("this leg shows a picture".into())
            }
            Some(_) => Ok(()),
        });
        if let Err(words) = allowed {
            return self.tell(VideoEvent::Failed { leg: key, words });
        }
        if known.is_none() {
            self.enter(key.clone(), |number| Leg {
                number,
                participant,
                handle: None,
                up: false,
                does: Does::Watch(Watching::default()),
            });
        }
        self.look(&key);
    }

    /// Asks Janus for an offer of what there is to see now.
    pub(super) fn look(&mut self, key: &LegKey) {
        let Some(leg) = self.legs.get(key) else {
            return;
        };
        let wanted = self.visible_to(key, &leg.participant);
        let (number, handle) = (leg.number, leg.handle);
        let room = self.rooms.get(&key.conference);
        let place = room.map(|room| (room.number, room.pin.clone()));
        let (Some(leg), Some((room, pin))) = (self.legs.get_mut(key), place) else {
            return;
        };
        let Does::Watch(watching) = &mut leg.does else {
            return;
        };
        match (watching.stage, handle) {
            // That one's answer is this one's, too.
            (WatchStage::Asking, _) | (WatchStage::Attaching, None) => return,
            // Janus makes no other offer before this one is answered.
            (WatchStage::Offered, _) => return self.offer(key),
            (WatchStage::Answering, _) => {
                watching.again = true;
                return;
            }
            (WatchStage::Quiet | WatchStage::Attaching, _) => {}
        }
        if wanted.is_empty() && !watching.joined {
            watching.stage = WatchStage::Quiet;
            return self.offer(key);
        }
        let Some(handle) = handle else {
            watching.stage = WatchStage::Attaching;
            return self.attach(number);
        };
        let body = if watching.joined {
            change(watching, &wanted)
        } else {
            Body::Join {
                ptype: "subscriber",
                room,
                pin,
                use_msid: true,
                // Offers are made when they are asked for.
                autoupdate: false,
                streams: wanted.iter().map(|feed| Feed { feed: *feed }).collect(),
            }
        };
        watching.stage = WatchStage::Asking;
        self.ask_room(About::Look(number), handle, &body, None);
    }

    /// The numbers of what this person can watch now.
    fn visible_to(&self, key: &LegKey, participant: &ParticipantId) -> BTreeSet<u64> {
        self.legs_in(&key.conference)
            .filter(|(_, leg)| leg.visible() && leg.participant != *participant)
            .map(|(_, leg)| leg.number)
            .collect()
    }

    /// What became of a look.
    pub(super) fn looked(&mut self, number: u64, mut reply: Reply) {
        let Some(key) = self.key(number) else {
            return;
        };
        if let Some((code, reason)) = reply.refused() {
            let words = words::refused(code, reason);
            return match code {
                code::NO_SUCH_ROOM => self.ended_by_others(&key.conference),
                code::NO_SUCH_FEED if self.may_retry(&key) => self.look(&key),
                _ => self.fail_look(number, words),
            };
        }
        let postponed = reply
            .room_event()
            .is_some_and(|event| event.videoroom.as_deref() == Some("updating"));
        let offer = reply.described("offer");
        let Some(leg) = self.legs.get_mut(&key) else {
            return;
        };
        let Does::Watch(watching) = &mut leg.does else {
            return;
        };
        // Janus has taken the change and makes its offer whenever it likes: the two no longer agree on what is there.
        let Some(offer) = offer.filter(|_| !postponed) else {
            return self.lose_watch(number, words::NONSENSE.into());
        };
        let streams = reply.plugindata.map(|plugin| plugin.data.streams);
        let streams = streams.unwrap_or_default();
        // An offer of what there is anyway comes without the list.
        if !streams.is_empty() {
            let shown = streams.into_iter().filter(|stream| stream.active);
            let sections = shown.filter_map(|stream| Some((stream.mid, stream.feed_id?)));
            watching.sections = sections.collect();
        }
        watching.joined = true;
        watching.offer = offer;
        watching.stage = WatchStage::Offered;
        watching.tries = 0;
        self.offer(&key);
    }

    fn may_retry(&mut self, key: &LegKey) -> bool {
        let Some(leg) = self.legs.get_mut(key) else {
            return false;
        };
        let Does::Watch(watching) = &mut leg.does else {
            return false;
        };
        watching.stage = WatchStage::Quiet;
        watching.tries = watching.tries.saturating_add(1);
        watching.tries < TRIES_MAX
    }

    /// Tells the last offer, and whose picture is where in it.
    fn offer(&mut self, key: &LegKey) {
        let Some(leg) = self.legs.get(key) else {
            return;
        };
        let Does::Watch(watching) = &leg.does else {
            return;
        };
        let picture = |(mid, number): (&String, &u64)| {
            let leg = self.key(*number)?;
            Some(Picture {
                mid: mid.clone(),
                participant: self.legs.get(&leg)?.participant.clone(),
                leg,
            })
        };
        let event = VideoEvent::Offered {
            leg: key.clone(),
            offer: watching.offer.clone(),
            pictures: watching.sections.iter().filter_map(picture).collect(),
        };
        self.tell(event);
    }

    pub(super) fn answer(&mut self, key: &LegKey, answer: String) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let (number, handle) = (leg.number, leg.handle);
        let Does::Watch(watching) = &mut leg.does else {
            return;
        };
        let (WatchStage::Offered, Some(handle)) = (watching.stage, handle) else {
            let words = "there is no offer that waits for an answer".to_owned();
            let leg = key.clone();
            return self.tell(VideoEvent::Failed { leg, words });
        };
        if words::has_controls(&answer) {
            // The offer waits for another.
            return self.fail(number, words::CONTROLS.into());
        }
        watching.stage = WatchStage::Answering;
        let jsep = Jsep::answer(answer);
        self.ask_room(About::Start(number), handle, &Body::Start {}, Some(&jsep));
    }

    /// What became of an answer.
    pub(super) fn started(&mut self, number: u64, reply: &Reply) {
        if let Some((code, reason)) = reply.refused() {
            return self.fail_start(number, words::refused(code, reason));
        }
        self.watch_stage(number, WatchStage::Quiet);
        self.look_again(number);
    }

    /// An answer was not taken: the offer waits for another.
    pub(super) fn fail_start(&mut self, number: u64, words: String) {
        self.watch_stage(number, WatchStage::Offered);
        self.fail(number, words);
        self.look_again(number);
    }

    /// Looks for those who asked to while their answer was on its way.
    fn look_again(&mut self, number: u64) {
        let Some(key) = self.key(number) else {
            return;
        };
        let leg = self.legs.get_mut(&key);
        let again = leg.is_some_and(|leg| match &mut leg.does {
            Does::Watch(watching) => std::mem::take(&mut watching.again),
            Does::Show(_) => false,
        });
        if again {
            self.look(&key);
        }
    }

    /// There is no offer. Who had none before has no leg.
    pub(super) fn fail_look(&mut self, number: u64, words: String) {
        let leg = self.key(number).and_then(|key| self.legs.get(&key));
        let joined =
            leg.is_some_and(|leg| matches!(&leg.does, Does::Watch(watching) if watching.joined));
        if !joined {
            return self.fail_new(number, words);
        }
        self.watch_stage(number, WatchStage::Quiet);
        self.fail(number, words);
    }

    /// What became of a look or an answer is not known, and so neither whether Janus waits for something: the leg cannot go on.
    pub(super) fn lose_watch(&mut self, number: u64, words: String) {
        self.fail_look(number, words);
        if let Some(key) = self.key(number) {
            self.over(&key);
        }
    }

    fn watch_stage(&mut self, number: u64, stage: WatchStage) {
        let Some(leg) = self.key(number).and_then(|key| self.legs.get_mut(&key)) else {
            return;
        };
        if let Does::Watch(watching) = &mut leg.does {
            watching.stage = stage;
            // Whatever is asked next is asked for the first time.
            watching.tries = 0;
        }
    }
}

/// What must change of what somebody watches; where nothing must, an offer of what there is.
fn change(watching: &Watching, wanted: &BTreeSet<u64>) -> Body {
    let sections = &watching.sections;
    let subscribe: Vec<Feed> = wanted
        .iter()
        .filter(|feed| !sections.values().any(|seen| seen == *feed))
        .map(|feed| Feed { feed: *feed })
        .collect();
    let unsubscribe: Vec<Section> = sections
        .iter()
        .filter(|(_, feed)| !wanted.contains(feed))
        .map(|(mid, _)| Section {
            sub_mid: mid.clone(),
        })
        .collect();
    if subscribe.is_empty() && unsubscribe.is_empty() {
        return Body::Configure {
            keyframe: false,
            update: true,
        };
    }
    Body::Update {
        subscribe,
        unsubscribe,
    }
}
