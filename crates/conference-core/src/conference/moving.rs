//! How somebody who is in goes on at another place: the leg they have stays until the new one joins, and if that one does not get in, they
//! are where they were.

use std::collections::BTreeMap;

use convoke_types::bridge::BridgeCommand;
use convoke_types::limits::MOVE_TOLD_MS;
use convoke_types::{Address, LegId, LegState};

use super::{Attempt, Conference, Leg, Number, Participant, ms_since};
use crate::causes;
use crate::command::{Destination, MovingView};
use crate::context::Context;
use crate::leg::{Outcome, Stage};

/// A leg by whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) number: Number,
    /// The leg that is to take the other one's place.
    pub(super) moving: bool,
}

impl Seat {
    /// The leg that somebody has, or had last.
    pub(crate) fn current(number: Number) -> Self {
        Self {
            number,
            moving: false,
        }
    }

    /// The leg with which they are to go on.
    pub(crate) fn moving(number: Number) -> Self {
        Self {
            number,
            moving: true,
        }
    }
}

/// Where else somebody who is in is being called; or why that came to nothing, which is shown for a while, until they leave or move again.
#[derive(Debug)]
pub(super) struct Moving {
    pub(super) leg: Leg,
    pub(super) at: Destination,
}

impl Conference {
    pub(super) fn leg(&self, seat: Seat) -> Option<&Leg> {
        self.roster.get(&seat.number)?.leg_at(seat)
    }

    pub(super) fn leg_mut(&mut self, seat: Seat) -> Option<&mut Leg> {
        self.roster.get_mut(&seat.number)?.leg_at_mut(seat)
    }

    /// Whose live leg this is.
    pub(crate) fn holder_of(&self, leg: &LegId) -> Option<Seat> {
        let number: u32 = leg.as_str().strip_prefix('l')?.parse().ok()?;
        let holder = *self.live.get(&number)?;
        let seats = [Seat::current(holder), Seat::moving(holder)];
        seats
            .into_iter()
            .find(|seat| self.leg(*seat).is_some_and(|found| found.id == *leg))
    }

    /// Somebody is to be called at another place. Who is in stays in until they answer there; a telephone that rings is given up at once.
    /// Which of their legs the new one is.
    pub(crate) fn change_place(
        &mut self,
        cx: &mut Context,
        number: Number,
        at: Destination,
        attempt: Attempt,
    ) -> Seat {
        let participant = self.roster.get(&number);
        if participant.is_some_and(|one| one.leg.stage.is_in()) {
            let seat = Seat::moving(number);
            self.displace(cx, seat, causes::placed_elsewhere());
            let leg = self.new_leg(cx.now, attempt);
            if let Some(participant) = self.roster.get_mut(&number) {
                participant.moving = Some(Moving { leg, at });
            }
            self.queued(cx, seat);
            seat
        } else {
            let seat = Seat::current(number);
            self.displace(cx, seat, causes::placed_elsewhere());
            self.readdress(number, at);
            self.redial(cx, seat, attempt);
            seat
        }
    }

    /// Ends a leg in whose place there is another one of the same person.
    fn displace(&mut self, cx: &mut Context, seat: Seat, outcome: Outcome) {
        let Some(leg) = self.leg(seat) else {
            return;
        };
        let outcome = match &leg.stage {
            // Why it is being released explains its end better.
            Stage::Releasing { outcome, .. } => outcome.clone(),
            stage => {
                if stage.is_placed() {
                    let leg = self.key_of(leg);
                    cx.bridge(BridgeCommand::Release { leg });
                }
                outcome
            }
        };
        self.give_up(cx, seat, outcome, true);
    }

    /// The leg with which somebody is to go on has joined: the other one ends at this moment, so that nobody is in twice.
    pub(super) fn take_place(&mut self, cx: &mut Context, number: Number) {
        let taken = self.roster.get_mut(&number);
        let Some(moving) = taken.and_then(|one| one.moving.take()) else {
            return;
        };
        self.displace(cx, Seat::current(number), causes::joined_elsewhere());
        self.put_in_place(number, moving);
    }

    /// The leg that somebody had is over: the one with which they are to go on, if it is not over as well, is theirs now. `again`: they go on
    /// with yet another one.
    pub(super) fn go_on(&mut self, cx: &mut Context, number: Number, again: bool) -> bool {
        let Some(participant) = self.roster.get_mut(&number) else {
            return again;
        };
        if again && participant.is_moving() {
            return true;
        }
        let moving = participant.moving.take();
        let Some(mut moving) = moving.filter(|moving| !moving.leg.stage.is_over()) else {
            return again;
        };
        moving.leg.was_in = true;
        let command = moving.leg.command.clone();
        self.put_in_place(number, moving);
        self.report_leg(cx, Seat::current(number), command);
        true
    }

    fn put_in_place(&mut self, number: Number, moving: Moving) {
        self.readdress(number, moving.at);
        if let Some(participant) = self.roster.get_mut(&number) {
            participant.leg = moving.leg;
        }
    }

    /// The leg with which somebody was to go on is over. Why it did not get in stays to be seen.
    pub(super) fn stays(&mut self, number: Number, again: bool) {
        if let Some(participant) = self.roster.get_mut(&number)
            && let Some(moving) = &participant.moving
            && moving.leg.stage.shown() == LegState::Left
            && !again
        {
            participant.moving = None;
        }
    }

    /// Every leg that is not over, in the order they were queued.
    pub(super) fn live_seats(&self) -> Vec<Seat> {
        let seats: BTreeMap<u32, Seat> = self
            .live
            .values()
            .flat_map(|number| [Seat::current(*number), Seat::moving(*number)])
            .filter_map(|seat| Some((self.leg(seat)?, seat)))
            .filter(|(leg, _)| !leg.stage.is_over())
            .map(|(leg, seat)| (leg.number, seat))
            .collect();
        seats.into_values().collect()
    }
}

impl Destination {
    /// Whether whoever answers has to press 1. A mailbox that answers for somebody who is in elsewhere must not put them out of there.
    pub(super) fn is_guarded(&self, seat: Seat) -> bool {
        let takes_place = seat.moving && matches!(self.address, Address::Number(_));
        self.guard.unwrap_or(takes_place)
    }
}

impl Participant {
    fn leg_at(&self, seat: Seat) -> Option<&Leg> {
        match seat.moving {
            false => Some(&self.leg),
            true => self.moving.as_ref().map(|moving| &moving.leg),
        }
    }

    pub(super) fn leg_at_mut(&mut self, seat: Seat) -> Option<&mut Leg> {
        match seat.moving {
            false => Some(&mut self.leg),
            true => self.moving.as_mut().map(|moving| &mut moving.leg),
        }
    }

    /// Where a leg of theirs leads.
    pub(super) fn destination(&self, seat: Seat) -> Destination {
        match &self.moving {
            Some(moving) if seat.moving => moving.at.clone(),
            _ => Destination {
                address: self.party.address.clone(),
                mode: self.party.mode,
                place: self.party.place.clone(),
                guard: Some(self.party.guard),
                language: self.party.language.clone(),
            },
        }
    }

    /// Whether they are being called at another place than the one they are at.
    pub(crate) fn is_moving(&self) -> bool {
        let moving = self.moving.as_ref();
        moving.is_some_and(|moving| !moving.leg.stage.is_over())
    }

    /// Whether a leg of theirs leads, or led last, to this address.
    pub(crate) fn is_at(&self, address: &Address) -> bool {
        let moving = self.moving.as_ref().filter(|_| self.is_moving());
        self.party.address == *address || moving.is_some_and(|moving| moving.at.address == *address)
    }

    /// Where else they are being called; why that came to nothing, for a while.
    pub(super) fn moving_view(&self, now: std::time::Instant) -> Option<MovingView> {
        let moving = self.moving.as_ref()?;
        if moving.leg.stage.is_over() && ms_since(now, moving.leg.since) >= MOVE_TOLD_MS {
            return None;
        }
        Some(MovingView {
            place: moving.at.place.clone(),
            leg: moving.leg.view(moving.at.mode, now),
        })
    }
}
