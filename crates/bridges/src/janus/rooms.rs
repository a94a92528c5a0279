//! Conferences as rooms of VideoRoom: made for exactly those who were prepared for, and ended.

use std::collections::BTreeMap;

use convoke_types::video::{Refusal, VideoEvent, VideoGuest};
use convoke_types::{ConferenceId, LegKey, ParticipantId};

use super::Asker;
use super::core::{About, Janus, Link};
use super::links::Leg;
use super::promises::{legs_of, publishers_of};
use super::wire::{Body, Reply, code};
use super::words;

/// Most conferences at once.
pub(super) const ROOMS_MAX: usize = 4096;
/// Most answers about one conference that are waited for.
const WAITING_MAX: usize = 64;
/// How often another number is tried where one is taken.
const NUMBERS_MAX: u8 = 3;
/// Codecs of pictures that a room takes, best first (RFC 7742 §5: browsers must know both).
const CODECS: &str = "vp8,h264";
/// The same where a video room is among the guests.
const CODEC_OF_ROOMS: &str = "h264";

/// A conference's room.
pub(super) struct Room {
    pub number: u64,
    pub secret: String,
    pub pin: String,
    pub stage: RoomStage,
    pub guests: Guests,
    title: String,
    /// How many may show themselves, as Janus has agreed.
    publishers: usize,
    /// Who waits for it to be made.
    waiting: Vec<Waiting>,
    /// The list that shall take the place of the guests, once Janus has made room for it; of one that is being ended, with which it is
    /// made anew.
    wish: Option<Wish>,
    /// The number that Janus is being told.
    editing: Option<usize>,
    /// How many numbers were tried.
    tries: u8,
}

/// Who may take part, by their names on the roster.
pub(super) type Guests = BTreeMap<ParticipantId, VideoGuest>;

/// Who waits for an answer, and to which question of theirs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    pub by: Asker,
    pub serial: u32,
}

/// A further list of guests.
struct Wish {
    guests: Guests,
    title: String,
    /// Who waits for it, and for those that it took the place of.
    waiting: Vec<Waiting>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RoomStage {
    Making,
    Ready,
    Ending,
}

impl Room {
    /// How many legs it may come to have.
    pub(super) fn legs(&self) -> usize {
        let wished = self.wish.as_ref().map_or(0, |wish| legs_of(&wish.guests));
        legs_of(&self.guests).max(wished)
    }

    fn waiting(&self) -> usize {
        let wish = self.wish.as_ref();
        self.waiting.len() + wish.map_or(0, |wish| wish.waiting.len())
    }
}

/// What is shown there: video rooms know H.264 alone. One that comes later is seen all the same, and sees whoever shows in it.
fn codecs(guests: &Guests) -> &'static str {
    let room = |guest: &VideoGuest| guest.sees && guest.mode.may_be_room();
    match guests.values().any(room) {
        true => CODEC_OF_ROOMS,
        false => CODECS,
    }
}

impl Janus {
    pub(super) fn prepare(
        &mut self,
        asked: Waiting,
        conference: ConferenceId,
        title: String,
        guests: Vec<VideoGuest>,
    ) {
        let refuse = |refusal, words: String| VideoEvent::Refused {
            conference: conference.clone(),
            serial: asked.serial,
            refusal,
            words,
        };
        if let Some((refusal, words)) = self.away() {
            return self.tell_asker(asked.by, refuse(refusal, words));
        }
        if matches!(self.link, Link::Up { control: None, .. }) {
            let words = words::NO_VIDEOROOM.to_owned();
            return self.tell_asker(asked.by, refuse(Refusal::Unsuitable, words));
        }
        let known = self.rooms.get(&conference);
        if known.is_some_and(|room| room.waiting() >= WAITING_MAX) {
            let words = "too many wait already for an answer about it".to_owned();
            return self.tell_asker(asked.by, refuse(Refusal::Unreachable, words));
        }
        let guests: Guests = guests
            .into_iter()
            .map(|guest| (guest.participant.clone(), guest))
            .collect();
        let others = self.promised() as usize - known.map_or(0, Room::legs);
        let capacity = self.settings.capacity as usize;
        if others + legs_of(&guests) > capacity
            || (known.is_none() && self.rooms.len() >= ROOMS_MAX)
        {
            let words =
                format!("Janus is full: it carries {capacity} legs, and {others} are promised");
            return self.tell_asker(asked.by, refuse(Refusal::Full, words));
        }
        if let Some(room) = self.rooms.get_mut(&conference) {
            let before = room.wish.take();
            let mut waiting = before.map(|wish| wish.waiting).unwrap_or_default();
            waiting.push(asked);
            room.wish = Some(Wish {
                guests,
                title,
                waiting,
            });
            // One that is just being ended is made anew when it has.
            return self.settle(&conference);
        }
        self.begin(conference, guests, title, vec![asked]);
    }

    fn begin(
        &mut self,
        conference: ConferenceId,
        guests: Guests,
        title: String,
        waiting: Vec<Waiting>,
    ) {
        let (number, secret, pin) = self.draw();
        let room = Room {
            number,
            secret,
            pin,
            stage: RoomStage::Making,
            publishers: publishers_of(&guests),
            guests,
            title,
            waiting,
            wish: None,
            editing: None,
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
            description: words::printable(&room.title),
            secret: room.secret.clone(),
            pin: room.pin.clone(),
            is_private: true,
            publishers: room.publishers,
            bitrate: self.settings.bitrate,
            bitrate_cap: true,
            videocodec: codecs(&room.guests),
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

    /// Brings a room to what is wished, as soon as Janus agrees, and answers. Till then everything is as it was.
    fn settle(&mut self, conference: &ConferenceId) {
        let Some(room) = self.rooms.get_mut(conference) else {
            return;
        };
        if room.stage != RoomStage::Ready || room.editing.is_some() {
            return;
        }
        let waiting = std::mem::take(&mut room.waiting);
        let Some(wish) = &room.wish else {
            return self.tell_prepared(conference, waiting);
        };
        let wanted = publishers_of(&wish.guests);
        // Fewer need no word to Janus: nobody comes in but through us.
        if wanted > room.publishers {
            room.editing = Some(wanted);
            let body = Body::Edit {
                room: room.number,
                secret: room.secret.clone(),
                new_publishers: wanted,
                permanent: false,
            };
            let about = About::Edit {
                conference: conference.clone(),
                room: room.number,
            };
            self.ask_control(about, &body);
            return self.tell_prepared(conference, waiting);
        }
        if let Some(wish) = room.wish.take() {
            (room.guests, room.title) = (wish.guests, wish.title);
            self.drop_others(conference);
            self.tell_prepared(conference, waiting.into_iter().chain(wish.waiting));
        }
    }

    fn tell_prepared(
        &mut self,
        conference: &ConferenceId,
        waiting: impl IntoIterator<Item = Waiting>,
    ) {
        for Waiting { by, serial } in waiting {
            let conference = conference.clone();
            self.tell_asker(by, VideoEvent::Prepared { conference, serial });
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

    /// What became of the number of a room: of this one, since another may have the conference's name by now.
    pub(super) fn edited(&mut self, conference: &ConferenceId, number: u64, reply: &Reply) {
        let Some(room) = self.room_numbered(conference, number) else {
            return;
        };
        match reply.refused() {
            None => {
                room.publishers = room.editing.take().unwrap_or(room.publishers);
                self.settle(conference);
            }
            Some((code::NO_SUCH_ROOM, _)) => self.ended_by_others(conference),
            Some((code, reason)) => {
                let words = words::refused(code, reason);
                self.edit_failed(conference, number, Refusal::Unsuitable, &words);
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

    /// Janus does not let as many show themselves as shall, or does not say so: the list that needs them is not taken.
    pub(super) fn edit_failed(
        &mut self,
        conference: &ConferenceId,
        number: u64,
        refusal: Refusal,
        words: &str,
    ) {
        let Some(room) = self.room_numbered(conference, number) else {
            return;
        };
        room.editing = None;
        let fits = |wish: &Wish| publishers_of(&wish.guests) <= room.publishers;
        // A later list may do without.
        if room.wish.as_ref().is_some_and(fits) {
            return self.settle(conference);
        }
        self.refuse(conference, refusal, words);
    }

    fn room_numbered(&mut self, conference: &ConferenceId, number: u64) -> Option<&mut Room> {
        let room = self.rooms.get_mut(conference);
        room.filter(|room| room.number == number)
    }

    /// Answers all who wait for a conference to be prepared.
    pub(super) fn refuse(&mut self, conference: &ConferenceId, refusal: Refusal, words: &str) {
        let Some(room) = self.rooms.get_mut(conference) else {
            return;
        };
        let wished = room.wish.take().map(|wish| wish.waiting);
        let waiting = std::mem::take(&mut room.waiting);
        for Waiting { by, serial } in waiting.into_iter().chain(wished.into_iter().flatten()) {
            let refused = VideoEvent::Refused {
                conference: conference.clone(),
                serial,
                refusal,
                words: words.to_owned(),
            };
            self.tell_asker(by, refused);
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
        let Some(room) = self.rooms.remove(&conference) else {
            return;
        };
        self.tell(VideoEvent::Ended {
            conference: conference.clone(),
            lost: None,
        });
        // It was asked for again meanwhile.
        if let Some(wish) = room.wish {
            self.begin(conference, wish.guests, wish.title, wish.waiting);
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
        self.admitted(conference, &leg.participant, leg.shows())
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
}
