//! Conferences as rooms of VideoRoom: made for exactly those who were prepared for, and ended.

use std::collections::BTreeMap;

use convoke_types::video::{Refusal, VideoEvent, VideoGuest};
use convoke_types::{ConferenceId, LegKey, ParticipantId};

use super::core::{About, Janus};
use super::links::{Does, Leg};
use super::wire::{Body, Reply, code};
use super::words;

/// Pictures of one person at once: the camera, and the screen.
const PICTURES_EACH: usize = 2;
/// Legs of one person at once: each device that shows and watches has one of each.
const LEGS_EACH_MAX: usize = 8;
/// Most conferences at once.
const ROOMS_MAX: usize = 4096;
/// How often another number is tried where one is taken.
const NUMBERS_MAX: u8 = 3;
/// Codecs of pictures that a room takes, best first (RFC 7742 §5: browsers must know both).
const CODECS: &str = "vp8,h264";

/// A conference's room.
pub(super) struct Room {
    pub number: u64,
    pub secret: String,
    pub pin: String,
    pub stage: RoomStage,
    pub guests: BTreeMap<ParticipantId, VideoGuest>,
    title: String,
    /// How many may show themselves, as Janus knows it.
    publishers: usize,
    /// Janus is being told of another number.
    editing: bool,
    /// How often `Prepare` waits for its answer.
    waiting: usize,
    /// How many numbers were tried.
    tries: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RoomStage {
    Making,
    Ready,
    Ending,
}

impl Room {
    /// How many legs it may come to have.
    fn legs(&self) -> usize {
        legs_of(self.guests.values())
    }
}

fn legs_of<'a>(guests: impl Iterator<Item = &'a VideoGuest>) -> usize {
    guests
        .map(|guest| usize::from(guest.shows) + usize::from(guest.sees))
        .sum()
}

fn publishers_of(guests: &BTreeMap<ParticipantId, VideoGuest>) -> usize {
    let shown = guests.values().filter(|guest| guest.shows).count();
    (shown * PICTURES_EACH).max(1)
}

impl Janus {
    /// Legs that have been promised to conferences.
    pub(super) fn promised(&self) -> u32 {
        let legs: usize = self.rooms.values().map(Room::legs).sum();
        u32::try_from(legs).unwrap_or(u32::MAX)
    }

    pub(super) fn prepare(
        &mut self,
        conference: ConferenceId,
        title: String,
        guests: Vec<VideoGuest>,
    ) {
        let refuse = |refusal, words: String| VideoEvent::Refused {
            conference: conference.clone(),
            refusal,
            words,
        };
        if let Some((refusal, words)) = self.away() {
            return self.tell(refuse(refusal, words));
        }
        let known = self.rooms.get(&conference);
        if known.is_some_and(|room| room.stage == RoomStage::Ending) {
            let words = "the conference is just being ended".to_owned();
            return self.tell(refuse(Refusal::Unreachable, words));
        }
        let others = self.promised() as usize - known.map_or(0, Room::legs);
        let capacity = self.settings.capacity as usize;
        if others + legs_of(guests.iter()) > capacity
            || (known.is_none() && self.rooms.len() >= ROOMS_MAX)
        {
            let words =
                format!("Janus is full: it carries {capacity} legs, and {others} are promised");
            return self.tell(refuse(Refusal::Full, words));
        }
        let guests = guests
            .into_iter()
            .map(|guest| (guest.participant.clone(), guest))
            .collect();
        if let Some(room) = self.rooms.get_mut(&conference) {
            room.guests = guests;
            room.title = title;
            room.waiting += 1;
            self.drop_others(&conference);
            return self.settle(&conference);
        }
        let (number, secret, pin) = self.draw();
        let room = Room {
            number,
            secret,
            pin,
            stage: RoomStage::Making,
            publishers: publishers_of(&guests),
            guests,
            title,
            editing: false,
            waiting: 1,
            tries: 1,
        };
        self.rooms.insert(conference.clone(), room);
        self.make(conference);
    }

    fn make(&mut self, conference: ConferenceId) {
        let Some(room) = self.rooms.get(&conference) else {
            return;
        };
        let body = Body::Create {
            room: room.number,
            permanent: false,
            description: room.title.clone(),
            secret: room.secret.clone(),
            pin: room.pin.clone(),
            is_private: true,
            publishers: room.publishers,
            bitrate: self.settings.bitrate,
            bitrate_cap: true,
            videocodec: CODECS,
            audiolevel_ext: false,
            record: false,
            admin_key: self.settings.admin_key.clone(),
        };
        self.ask_control(About::Create(conference), &body);
    }

    /// Puts out whoever is in and not, or no longer so, on the list.
    fn drop_others(&mut self, conference: &ConferenceId) {
        let unwanted: Vec<LegKey> = self
            .legs_in(conference)
            .filter(|(_, leg)| self.may(conference, leg).is_err())
            .map(|(key, _)| key.clone())
            .collect();
        for key in unwanted {
            self.close(&key);
        }
    }

    /// Brings a room at Janus to what it shall be, and answers.
    fn settle(&mut self, conference: &ConferenceId) {
        let Some(room) = self.rooms.get_mut(conference) else {
            return;
        };
        if room.stage != RoomStage::Ready || room.editing {
            return;
        }
        let wanted = publishers_of(&room.guests);
        // Fewer need no word to Janus: nobody comes in but through us.
        if wanted > room.publishers {
            room.publishers = wanted;
            room.editing = true;
            let body = Body::Edit {
                room: room.number,
                secret: room.secret.clone(),
                new_publishers: wanted,
                permanent: false,
            };
            return self.ask_control(About::Edit(conference.clone()), &body);
        }
        for _ in 0..std::mem::take(&mut room.waiting) {
            self.tell(VideoEvent::Prepared {
                conference: conference.clone(),
            });
        }
    }

    pub(super) fn created(&mut self, conference: &ConferenceId, reply: &Reply) {
        let Some(room) = self.rooms.get_mut(conference) else {
            return;
        };
        match reply.refused() {
            None => {
                if reply.room_event().and_then(|event| event.room) != Some(room.number) {
                    return self.refuse_new(conference, Refusal::Nonsense, words::NONSENSE);
                }
                // Its end was asked for meanwhile.
                if room.stage == RoomStage::Ending {
                    return self.destroy(conference);
                }
                room.stage = RoomStage::Ready;
                self.settle(conference);
            }
            Some((code::ROOM_EXISTS, _)) if room.tries < NUMBERS_MAX => {
                let tries = room.tries + 1;
                let (number, secret, pin) = self.draw();
                if let Some(room) = self.rooms.get_mut(conference) {
                    (room.number, room.secret, room.pin) = (number, secret, pin);
                    room.tries = tries;
                }
                self.make(conference.clone());
            }
            Some((code, reason)) => {
                let words = words::refused(code, reason);
                self.refuse_new(conference, Refusal::Unsuitable, &words);
            }
        }
    }

    pub(super) fn edited(&mut self, conference: &ConferenceId, reply: &Reply) {
        match reply.refused() {
            None => {
                if let Some(room) = self.rooms.get_mut(conference) {
                    room.editing = false;
                }
                self.settle(conference);
            }
            Some((code::NO_SUCH_ROOM, _)) => self.ended_by_others(conference),
            Some((code, reason)) => {
                let words = words::refused(code, reason);
                self.edit_failed(conference, Refusal::Unsuitable, &words);
            }
        }
    }

    /// Refuses a conference that was to be made, and keeps nothing of it.
    pub(super) fn refuse_new(&mut self, conference: &ConferenceId, refusal: Refusal, words: &str) {
        if refusal != Refusal::Unsuitable {
            self.keep_for_sweep(conference);
        }
        self.refuse(conference, refusal, words);
        let ending = self.rooms.get(conference).map(|room| room.stage);
        // Whoever asked for its end waits for the answer to that.
        if ending == Some(RoomStage::Ending) {
            self.destroyed(conference.clone());
        }
        self.rooms.remove(conference);
    }

    /// Janus does not let as many show themselves as shall, or does not say so; it is told again with the next change.
    pub(super) fn edit_failed(&mut self, conference: &ConferenceId, refusal: Refusal, words: &str) {
        if let Some(room) = self.rooms.get_mut(conference) {
            (room.editing, room.publishers) = (false, 0);
        }
        self.refuse(conference, refusal, words);
    }

    /// Answers all who wait for a conference to be prepared.
    pub(super) fn refuse(&mut self, conference: &ConferenceId, refusal: Refusal, words: &str) {
        let Some(room) = self.rooms.get_mut(conference) else {
            return;
        };
        for _ in 0..std::mem::take(&mut room.waiting) {
            self.tell(VideoEvent::Refused {
                conference: conference.clone(),
                refusal,
                words: words.to_owned(),
            });
        }
    }

    pub(super) fn end(&mut self, conference: ConferenceId) {
        let Some(room) = self.rooms.get_mut(&conference) else {
            return self.tell(VideoEvent::Ended {
                conference,
                lost: None,
            });
        };
        let before = std::mem::replace(&mut room.stage, RoomStage::Ending);
        let words = "the conference was ended";
        self.refuse(&conference, Refusal::Unreachable, words);
        self.forget_all(&conference);
        // Janus works at several requests at a time: what is not made yet cannot be destroyed.
        if before == RoomStage::Ready {
            self.destroy(&conference);
        }
    }

    fn destroy(&mut self, conference: &ConferenceId) {
        if let Some(room) = self.rooms.get(conference) {
            let body = Body::Destroy {
                room: room.number,
                secret: room.secret.clone(),
                permanent: false,
            };
            self.ask_control(About::Destroy(conference.clone()), &body);
        }
    }

    pub(super) fn destroyed(&mut self, conference: ConferenceId) {
        if self.rooms.remove(&conference).is_some() {
            self.tell(VideoEvent::Ended {
                conference,
                lost: None,
            });
        }
    }

    /// Janus, or somebody else who may, has ended the room.
    pub(super) fn ended_by_others(&mut self, conference: &ConferenceId) {
        let words = "Janus has ended the conference's room";
        if self
            .rooms
            .get(conference)
            .is_none_or(|room| room.stage == RoomStage::Ending)
        {
            return;
        }
        self.refuse(conference, Refusal::Unreachable, words);
        self.forget_all(conference);
        self.rooms.remove(conference);
        self.tell(VideoEvent::Ended {
            conference: conference.clone(),
            lost: Some(words.into()),
        });
    }

    /// The connection is lost: all conferences are.
    pub(super) fn lose_rooms(&mut self, refusal: Refusal, words: &str) {
        for conference in self.rooms.keys().cloned().collect::<Vec<_>>() {
            self.keep_for_sweep(&conference);
            self.refuse(&conference, refusal, words);
            let Some(room) = self.rooms.remove(&conference) else {
                continue;
            };
            let lost = (room.stage != RoomStage::Ending).then(|| words.to_owned());
            // What was never ready was refused above.
            if room.stage != RoomStage::Making {
                self.tell(VideoEvent::Ended { conference, lost });
            }
        }
    }

    /// The room may be at Janus, now or later.
    pub(super) fn keep_for_sweep(&mut self, conference: &ConferenceId) {
        if let Some(room) = self.rooms.get(conference) {
            let (number, secret) = (room.number, room.secret.clone());
            self.leave(number, secret);
        }
    }

    fn forget_all(&mut self, conference: &ConferenceId) {
        let keys: Vec<LegKey> = self
            .legs_in(conference)
            .map(|(key, _)| key.clone())
            .collect();
        for key in keys {
            self.forget(&key);
        }
    }

    /// The legs of one conference.
    pub(super) fn legs_in<'a>(
        &'a self,
        conference: &'a ConferenceId,
    ) -> impl Iterator<Item = (&'a LegKey, &'a Leg)> {
        let legs = self.legs.iter();
        legs.filter(move |(key, _)| key.conference == *conference)
    }

    /// Whether a leg may be in the conference as it is prepared now.
    fn may(&self, conference: &ConferenceId, leg: &Leg) -> Result<&Room, String> {
        let shows = matches!(leg.does, Does::Show(_));
        self.admitted(conference, &leg.participant, shows)
    }

    /// The room, if it is ready for this person to show something or, if not that, to watch.
    pub(super) fn admitted(
        &self,
        conference: &ConferenceId,
        participant: &ParticipantId,
        shows: bool,
    ) -> Result<&Room, String> {
        if let Some((_, words)) = self.away() {
            return Err(words);
        }
        let ready = |room: &&Room| room.stage == RoomStage::Ready;
        let room = self.rooms.get(conference).filter(ready);
        let room = room.ok_or("the conference was not prepared for pictures")?;
        let guest = room.guests.get(participant);
        let guest = guest.ok_or("nobody of that name was prepared for")?;
        match shows {
            true if !guest.shows => Err("no picture of theirs was prepared for".into()),
            false if !guest.sees => Err("no pictures for them were prepared for".into()),
            _ => Ok(room),
        }
    }

    /// Whether there is a place for one more leg of this person.
    pub(super) fn place(
        &self,
        conference: &ConferenceId,
        participant: &ParticipantId,
    ) -> Result<(), String> {
        let theirs = self.legs_in(conference);
        let theirs = theirs.filter(|(_, leg)| leg.participant == *participant);
        if theirs.count() >= LEGS_EACH_MAX {
            return Err("they have too many connections already".into());
        }
        if self.legs.len() >= self.settings.capacity as usize {
            return Err("Janus is full".into());
        }
        Ok(())
    }
}
