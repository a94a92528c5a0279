//! Those who show a picture, and what happens to legs of both kinds.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use convoke_types::video::VideoEvent;
use convoke_types::{LegKey, ParticipantId};

use super::Asker;
use super::core::{About, Janus};
use super::links::{Does, Leg, ShowStage, Showing};
use super::wire::{Body, Jsep, Reply, code};
use super::words;

/// How long nothing may arrive of a picture that is shown. Of a screen on which nothing moves a browser sends a frame each second.
const SILENCE_MAX: Duration = Duration::from_secs(10);

impl Janus {
    pub(super) fn publish(&mut self, key: LegKey, participant: ParticipantId, offer: String) {
        if let Err(words) = self.may_publish(&key, &participant, &offer) {
            return self.tell(VideoEvent::Failed { leg: key, words });
        }
        let Some(leg) = self.legs.get_mut(&key) else {
            let number = self.enter(key, |number| Leg {
                number,
                participant,
                handle: None,
                up: false,
                does: Does::Show(Showing {
                    stage: ShowStage::Attaching { offer },
                    mids: Vec::new(),
                    hidden: false,
                    hide: false,
                    hide_by: BTreeSet::new(),
                    hiding: 0,
                    silent: BTreeSet::new(),
                    silent_since: None,
                }),
            });
            return self.attach(number);
        };
        let (number, handle) = (leg.number, leg.handle);
        let Does::Show(showing) = &mut leg.does else {
            return;
        };
        match (&showing.stage, handle) {
            (ShowStage::Live, Some(handle)) => {
                showing.stage = ShowStage::Changing;
                let body = Body::Configure {
                    keyframe: false,
                    update: false,
                };
                let jsep = Jsep::offer(offer, true);
                self.ask_room(About::Change(number), handle, &body, Some(&jsep));
            }
            _ => {
                let words = "another offer of theirs is still being answered".to_owned();
                self.tell(VideoEvent::Failed { leg: key, words });
            }
        }
    }

    fn may_publish(
        &self,
        key: &LegKey,
        participant: &ParticipantId,
        offer: &str,
    ) -> Result<(), String> {
        self.admitted(&key.conference, participant, true)?;
        if words::has_controls(offer) {
            return Err(words::CONTROLS.into());
        }
        match self.legs.get(key) {
            None => self.place(&key.conference, participant, true)?,
            Some(leg) if leg.participant != *participant => {
                return Err("this leg is somebody else's".into());
            }
            Some(leg) if !matches!(leg.does, Does::Show(_)) => {
                return Err("this leg watches".into());
            }
            Some(_) => {}
        }
        // Sound is mixed elsewhere, and would be forwarded here past the mix.
        let mut sections = offer.lines().filter(|line| line.starts_with("m="));
        if sections.any(|line| !line.starts_with("m=video ")) {
            return Err("only pictures are taken here, and the offer has something else".into());
        }
        Ok(())
    }

    /// A handle for a leg, of either kind.
    pub(super) fn attached(&mut self, number: u64, reply: &Reply) {
        let Some(made) = &reply.data else {
            let words = match reply.refused() {
                Some((code, reason)) => words::refused(code, reason),
                None => words::NONSENSE.into(),
            };
            return self.fail_new(number, words);
        };
        let Some(key) = self.key(number) else {
            // It was closed meanwhile.
            return self.detach(made.id);
        };
        self.bind(made.id, number);
        let room = self.rooms.get(&key.conference);
        let place = room.map(|room| (room.number, room.pin.clone(), &room.guests));
        let (Some(leg), Some((room, pin, guests))) = (self.legs.get_mut(&key), place) else {
            return;
        };
        leg.handle = Some(made.id);
        let Does::Show(showing) = &mut leg.does else {
            return self.look(&key);
        };
        let ShowStage::Attaching { offer } = &mut showing.stage else {
            return;
        };
        let jsep = Jsep::offer(std::mem::take(offer), false);
        showing.stage = ShowStage::Joining;
        let display = guests.get(&leg.participant);
        let body = Body::JoinAndConfigure {
            ptype: "publisher",
            room,
            id: number,
            display: display
                .map(|guest| words::printable(&guest.name))
                .unwrap_or_default(),
            pin,
        };
        self.ask_room(About::Show(number), made.id, &body, Some(&jsep));
    }

    /// What became of a first offer.
    pub(super) fn shown(&mut self, number: u64, reply: Reply) {
        let Some((key, answer)) = self.take_answer(number, reply, Janus::fail_new) else {
            return;
        };
        let leg = key.clone();
        self.tell(VideoEvent::Answered { leg, answer });
        // It may have been hidden before Janus knew it.
        self.moderate(&key);
    }

    /// What became of a further offer.
    pub(super) fn changed(&mut self, number: u64, reply: Reply) {
        if let Some((leg, answer)) = self.take_answer(number, reply, Janus::fail_change) {
            self.tell(VideoEvent::Answered { leg, answer });
        }
    }

    fn take_answer(
        &mut self,
        number: u64,
        mut reply: Reply,
        fail: impl FnOnce(&mut Self, u64, String),
    ) -> Option<(LegKey, String)> {
        let key = self.key(number)?;
        if let Some((code, reason)) = reply.refused() {
            if code == code::NO_SUCH_ROOM {
                self.ended_by_others(&key.conference);
            } else {
                fail(self, number, words::refused(code, reason));
            }
            return None;
        }
        let Some(answer) = reply.described("answer") else {
            fail(self, number, words::NONSENSE.into());
            return None;
        };
        if let Some(leg) = self.legs.get_mut(&key)
            && let Does::Show(showing) = &mut leg.does
        {
            showing.stage = ShowStage::Live;
            let streams = reply.plugindata.map(|plugin| plugin.data.streams);
            let streams = streams.unwrap_or_default();
            if !streams.is_empty() {
                showing.mids = streams.into_iter().map(|stream| stream.mid).collect();
            }
            // It may come over another network now, and has to begin there first.
            showing.silent.clear();
            showing.silent_since = None;
        }
        Some((key, answer))
    }

    pub(super) fn hide(&mut self, by: Asker, key: &LegKey, on: bool) {
        if let Some(showing) = self.showing(key) {
            showing.hide = on;
            showing.hide_by.insert(by);
            self.moderate(key);
        }
    }

    /// Asks Janus to hide each stream of a picture, or to show it again, if that is not as it was asked for last.
    fn moderate(&mut self, key: &LegKey) {
        let room = self.rooms.get(&key.conference);
        let Some((room, secret)) = room.map(|room| (room.number, room.secret.clone())) else {
            return;
        };
        let number = self.legs.get(key).map_or(0, |leg| leg.number);
        let Some(showing) = self.showing(key) else {
            return;
        };
        if showing.hiding > 0 {
            return;
        }
        if showing.hide == showing.hidden {
            showing.hide_by.clear();
            return;
        }
        let (on, mids) = (showing.hide, showing.mids.clone());
        // Before Janus knows the picture there are none.
        showing.hiding = mids.len();
        for mid in mids {
            let body = Body::Moderate {
                room,
                secret: secret.clone(),
                id: number,
                mid,
                mute: on,
            };
            self.ask_control(About::Hide { leg: number, on }, &body);
        }
    }

    fn showing(&mut self, key: &LegKey) -> Option<&mut Showing> {
        match &mut self.legs.get_mut(key)?.does {
            Does::Show(showing) => Some(showing),
            Does::Watch(_) => None,
        }
    }

    /// What became of a stream that was to be hidden or shown again.
    pub(super) fn hidden(&mut self, number: u64, on: bool, refused: Option<String>) {
        let Some(key) = self.key(number) else {
            return;
        };
        let Some(leg) = self.legs.get_mut(&key) else {
            return;
        };
        let before = leg.visible();
        let Does::Show(showing) = &mut leg.does else {
            return;
        };
        showing.hiding = showing.hiding.saturating_sub(1);
        if let Some(words) = refused {
            showing.hide = showing.hidden;
            // It is no matter of who shows it, whose picture goes on as it is.
            for by in std::mem::take(&mut showing.hide_by) {
                let (leg, words) = (key.clone(), words.clone());
                self.tell_asker(by, VideoEvent::Failed { leg, words });
            }
            return;
        }
        if showing.hiding > 0 {
            return;
        }
        showing.hidden = on;
        showing.count_silence(self.now);
        let (after, handle) = (leg.visible(), leg.handle);
        let participant = leg.participant.clone();
        if let (false, Some(handle)) = (on, handle) {
            // Those who watch can begin with a whole frame only.
            let body = Body::Configure {
                keyframe: true,
                update: false,
            };
            self.ask_room(About::Nothing, handle, &body, None);
        }
        if before != after {
            self.tell(VideoEvent::Visible {
                leg: key.clone(),
                participant,
                on: after,
            });
        }
        self.moderate(&key);
    }

    /// The transport of a leg stands.
    pub(super) fn connected(&mut self, key: &LegKey) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        if !leg.answered() || std::mem::replace(&mut leg.up, true) {
            return;
        }
        let (visible, participant) = (leg.visible(), leg.participant.clone());
        let leg = key.clone();
        self.tell(VideoEvent::Connected { leg, on: true });
        if visible {
            self.tell(VideoEvent::Visible {
                leg: key.clone(),
                participant,
                on: true,
            });
        }
    }

    /// Janus tells whether anything arrives from somebody who shows a picture.
    pub(super) fn heard_media(&mut self, key: &LegKey, said: &Reply) {
        let now = self.now;
        let (Some(mid), Some(receiving)) = (&said.mid, said.receiving) else {
            return;
        };
        let Some(showing) = self.showing(key) else {
            return;
        };
        if receiving {
            showing.silent.remove(mid);
        } else if showing.mids.contains(mid) {
            showing.silent.insert(mid.clone());
        }
        showing.count_silence(now);
    }

    /// When the first of those that have fallen silent is taken for gone.
    pub(super) fn silent_until(&self) -> Option<Instant> {
        let since = self.legs.values().filter_map(silent_since);
        Some(since.min()? + SILENCE_MAX)
    }

    /// Ends legs from which nothing has come for long: Janus does not notice when a browser is gone without a word.
    pub(super) fn end_silent(&mut self) {
        let now = self.now;
        let gone = |leg: &Leg| silent_since(leg).is_some_and(|since| since + SILENCE_MAX <= now);
        let legs = self.legs.iter().filter(|(_, leg)| gone(leg));
        for key in legs.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            self.over(&key);
        }
    }

    /// Janus has ended a leg, or its transport is gone: it cannot come back without a new offer.
    pub(super) fn over(&mut self, key: &LegKey) {
        if self.legs.get(key).is_some_and(|leg| leg.up) {
            let leg = key.clone();
            self.tell(VideoEvent::Connected { leg, on: false });
        }
        self.close(key);
    }

    pub(super) fn close(&mut self, key: &LegKey) {
        let Some(leg) = self.forget(key) else {
            return;
        };
        if leg.visible() {
            self.tell(VideoEvent::Visible {
                leg: key.clone(),
                participant: leg.participant,
                on: false,
            });
        }
        self.tell(VideoEvent::Closed { leg: key.clone() });
    }

    /// Something cannot be done; the leg stays as it is.
    pub(super) fn fail(&mut self, number: u64, words: String) {
        if let Some(leg) = self.key(number) {
            self.tell(VideoEvent::Failed { leg, words });
        }
    }

    /// A leg cannot be made.
    pub(super) fn fail_new(&mut self, number: u64, words: String) {
        if let Some(key) = self.key(number) {
            self.forget(&key);
            self.tell(VideoEvent::Failed { leg: key, words });
        }
    }

    /// A further offer was not taken.
    pub(super) fn fail_change(&mut self, number: u64, words: String) {
        let Some(key) = self.key(number) else {
            return;
        };
        if let Some(leg) = self.legs.get_mut(&key)
            && let Does::Show(showing) = &mut leg.does
        {
            showing.stage = ShowStage::Live;
        }
        self.tell(VideoEvent::Failed { leg: key, words });
    }
}

fn silent_since(leg: &Leg) -> Option<Instant> {
    match &leg.does {
        Does::Show(showing) => showing.silent_since,
        Does::Watch(_) => None,
    }
}
