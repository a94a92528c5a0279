//! The pictures of video rooms, in the call of their sound: a port for them before the INVITE, and what became of the offer. Whatever is
//! amiss with them, the sound is joined all the same.

use std::time::Instant;

use convoke_types::LegKey;
use convoke_types::sight::{SightCommand, SightEvent, SightParams};

use super::{Output, Telephony};
use crate::config::MEDIA_MAX;
use crate::leg::{Leg, Stage};

impl Telephony {
    /// Takes in what is told of pictures.
    pub fn handle_sight(&mut self, event: SightEvent, now: Instant) {
        let (key, at) = match event {
            SightEvent::Opened { leg, local } => (leg, Some(local)),
            SightEvent::Failed { leg, .. } => (leg, None),
        };
        match self.legs.get_mut(&key) {
            Some(leg) if leg.sight_awaited => {
                leg.sight_awaited = false;
                leg.session.set_pictures_at(at);
                self.invite(&key, now);
            }
            // Those that it had are given up.
            Some(leg) if at.is_none() => leg.session.set_pictures_at(None),
            _ => {}
        }
        self.settle(now);
    }

    /// Nobody carries pictures any more; later calls have sound only.
    pub fn handle_sight_lost(&mut self, now: Instant) {
        self.sight_lost = true;
        let waits = |(_, leg): &(_, &Leg)| leg.sight_awaited;
        let waiting = self.legs.iter().filter(waits);
        let waiting: Vec<LegKey> = waiting.map(|(key, _)| key.clone()).collect();
        for leg in self.legs.values_mut() {
            leg.sight_awaited = false;
            leg.session.set_pictures_at(None);
        }
        for key in waiting {
            self.invite(&key, now);
        }
        self.settle(now);
    }

    /// Asks for a port for pictures, where some are to be offered.
    pub(super) fn open_sight(&mut self, key: &LegKey) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let sight = leg.order.sight.take();
        if let Some(sight) = sight.filter(|_| !self.sight_lost) {
            leg.sight_awaited = true;
            let leg = key.clone();
            self.sight(SightCommand::Open { leg, sight });
        }
    }

    /// A leg is overdue: where only pictures are awaited still, it is called with sound. Gives whether that was so.
    pub(super) fn opens_without_sight(&mut self, key: &LegKey, now: Instant) -> bool {
        let waits = |leg: &Leg| {
            matches!(leg.stage, Stage::Opening)
                && leg.sight_awaited
                && leg.session.sound_at().is_some()
        };
        if !self.legs.get(key).is_some_and(waits) {
            return false;
        }
        self.close_sight(key);
        self.set_deadline(key, Some(now + MEDIA_MAX));
        self.invite(key, now);
        true
    }

    /// Both descriptions are there: pictures pass as they agree, or not at all. Those that passed before may come back with a later offer,
    /// since some rooms refuse the stream for as long as they hold: their ports are kept.
    pub(super) fn connect_sight(&mut self, key: &LegKey, agreed: Option<SightParams>) {
        let with_pictures = |leg: &&mut Leg| leg.session.pictures_at().is_some();
        let Some(leg) = self.legs.get_mut(key).filter(with_pictures) else {
            return;
        };
        let held = || {
            leg.seen.map(|params| SightParams {
                send: false,
                receive: false,
                ..params
            })
        };
        let params = agreed.or_else(held);
        leg.seen = params;
        match params {
            Some(params) => self.sight(SightCommand::Connect {
                leg: key.clone(),
                params,
            }),
            None => self.close_sight(key),
        }
    }

    /// There are no pictures, or no longer.
    pub(super) fn close_sight(&mut self, key: &LegKey) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let awaited = std::mem::replace(&mut leg.sight_awaited, false);
        if awaited || leg.session.pictures_at().is_some() {
            leg.session.set_pictures_at(None);
            let leg = key.clone();
            self.sight(SightCommand::Close { leg });
        }
    }

    fn sight(&mut self, command: SightCommand) {
        self.outputs.push_back(Output::Sight(command));
    }
}
