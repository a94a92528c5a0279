//! What is promised to conferences, so that it is there when their guests come.

use std::collections::BTreeSet;

use convoke_types::video::VideoGuest;
use convoke_types::{ConferenceId, ParticipantId};

use super::core::Janus;
use super::rooms::{Guests, Room};

/// Pictures of one person at once: the camera, and the screen.
const PICTURES_EACH: usize = 2;
/// For a moment there is one more: the picture that is about to take the place of either.
const COMING_EACH: usize = 1;
/// Legs of one person at once: further devices can watch too, as long as nobody else needs the place.
const LEGS_EACH_MAX: usize = 8;

/// What is promised to guests: what they show, and one connection to watch with.
pub(super) fn legs_of(guests: &Guests) -> usize {
    let each =
        |guest: &VideoGuest| PICTURES_EACH * usize::from(guest.shows) + usize::from(guest.sees);
    guests.values().map(each).sum()
}

/// How many pictures they may show together, those that take another's place included.
pub(super) fn publishers_of(guests: &Guests) -> usize {
    let shown = guests.values().filter(|guest| guest.shows).count();
    (shown * (PICTURES_EACH + COMING_EACH)).max(1)
}

impl Janus {
    /// Legs that have been promised to conferences, those that are there beyond that, and those of sound.
    pub(super) fn promised(&self) -> u32 {
        let legs: usize = self.rooms.values().map(Room::legs).sum();
        u32::try_from(legs + self.beyond() + self.sound.legs()).unwrap_or(u32::MAX)
    }

    /// Legs beyond what was promised: second devices that watch.
    fn beyond(&self) -> usize {
        let mut watchers = BTreeSet::new();
        let watch = self.legs.iter().filter(|(_, leg)| !leg.shows());
        watch
            .filter(|(key, leg)| !watchers.insert((&key.conference, &leg.participant)))
            .count()
    }

    /// Whether there is a place for one more leg of this person who is admitted. What was promised to them there always is.
    pub(super) fn place(
        &self,
        conference: &ConferenceId,
        participant: &ParticipantId,
        shows: bool,
    ) -> Result<(), String> {
        let theirs = self.legs_in(conference);
        let theirs = theirs.filter(|(_, leg)| leg.participant == *participant);
        let (show, watch): (Vec<_>, Vec<_>) = theirs.partition(|(_, leg)| leg.shows());
        if shows {
            // A further one would take the place of somebody else's.
            return match show.len() < PICTURES_EACH + COMING_EACH {
                true => Ok(()),
                false => Err("they show as many pictures already as they may".into()),
            };
        }
        if show.len() + watch.len() >= LEGS_EACH_MAX {
            return Err("they have too many connections already".into());
        }
        if !watch.is_empty() && self.promised() >= self.settings.capacity {
            return Err("Janus is full".into());
        }
        Ok(())
    }
}
