//! How a leg comes to be, is dialled, follows what the bridge says, is released, and is over.

use std::time::Instant;

use convoke_types::bridge::{BridgeCommand, LegEvent};
use convoke_types::report::{Change, ParticipantRef};
use convoke_types::sight::Sight;
use convoke_types::{Cause, CommandId, EndReason, LegId, LegKey, LegState, Role};

use super::keys::Keys;
use super::{Attempt, Conference, Leg, Number, Participant, Seat, id};
use crate::causes;
use crate::command::ConferenceState;
use crate::context::Context;
use crate::leg::{Outcome, Stage, Step};
use crate::limits::{JOIN_WAIT, NO_LINE_WAIT, RELEASE_WAIT, SETUP_GRACE};
use crate::record::LegRecord;
use crate::timers::Timer;
use crate::trunks::{Path, Priority, TrunkIndex};

impl Conference {
    /// A leg that waits, not yet on anybody.
    pub(super) fn new_leg(&mut self, now: Instant, attempt: Attempt) -> Leg {
        self.last_leg += 1;
        let number = self.last_leg;
        Leg {
            stage: Stage::Waiting,
            number,
            id: id(format!("l{number}")),
            path: attempt.path,
            tried: attempt.tried,
            command: attempt.command,
            own: attempt.own,
            was_in: false,
            call: None,
            keys: Keys::default(),
            released_by: None,
            ticket: None,
            trunk: None,
            timer: None,
            talking: false,
            since: now,
            queued: now,
            dialled: None,
            answered: None,
            joined: None,
        }
    }

    /// Reports a participant's new leg as queued, and makes it due if it is its time.
    pub(super) fn queued(&mut self, cx: &mut Context, seat: Seat) {
        let Some(leg) = self.leg(seat) else {
            return;
        };
        let (leg, command) = (leg.number, leg.command.clone());
        self.live.insert(leg, seat.number);
        cx.timers.cancel(&mut self.linger);
        self.report_leg(cx, seat, command);
        if self.others_due || seat.number == self.owner {
            self.make_due(cx, seat);
        }
    }

    /// Begins a new leg where the last one is over.
    pub(crate) fn redial(&mut self, cx: &mut Context, seat: Seat, attempt: Attempt) {
        let leg = self.new_leg(cx.now, attempt);
        if let Some(last) = self.leg_mut(seat) {
            *last = leg;
            self.queued(cx, seat);
        }
    }

    /// From now on the leg waits for nothing but its trunk.
    fn make_due(&mut self, cx: &mut Context, seat: Seat) {
        let Some(participant) = self.roster.get_mut(&seat.number) else {
            return;
        };
        let priority = match participant.role {
            Role::Owner | Role::Moderator => Priority::First,
            Role::Participant | Role::Outsider | Role::Administrator => Priority::Then,
        };
        let Some(leg) = participant.leg_at_mut(seat) else {
            return;
        };
        if leg.stage != Stage::Waiting || leg.ticket.is_some() {
            return;
        }
        let mut trunks = match &leg.path {
            Path::Direct => return self.dial(cx, seat, None),
            Path::Client => return self.expect_client(cx, seat),
            Path::Trunks(trunks) => trunks.clone(),
        };
        trunks.retain(|trunk| !leg.tried.contains(trunk));
        let key = LegKey {
            conference: self.id.clone(),
            leg: leg.id.clone(),
        };
        let ticket = cx.trunks.wait(key.clone(), trunks, priority, cx.now);
        leg.ticket = Some(ticket);
        leg.timer = Some(cx.timers.after(cx.now, NO_LINE_WAIT, Timer::Leg(key)));
    }

    /// The owner is in: everybody else becomes due at this moment (C7).
    pub(super) fn make_others_due(&mut self, cx: &mut Context) {
        self.others_due = true;
        for seat in self.live_seats() {
            self.make_due(cx, seat);
        }
    }

    /// The trunks' dispatcher gave this leg its line.
    pub(crate) fn dispatched(&mut self, cx: &mut Context, leg: &LegId, trunk: TrunkIndex) {
        match self.holder_of(leg) {
            Some(seat) => self.dial(cx, seat, Some(trunk)),
            None => cx.trunks.free(trunk),
        }
    }

    fn dial(&mut self, cx: &mut Context, seat: Seat, trunk: Option<TrunkIndex>) {
        let policy_ring = self.policy.ring_timeout;
        let video = self.video.clone();
        let Some(participant) = self.roster.get_mut(&seat.number) else {
            return;
        };
        let at = participant.destination(seat);
        let guard = at.is_guarded(seat);
        let server = video.filter(|_| at.mode.may_be_room());
        let Some(leg) = participant.leg_at_mut(seat) else {
            return;
        };
        if !leg.step(Step::Order) {
            return;
        }
        leg.ticket = None;
        leg.trunk = trunk;
        let key = LegKey {
            conference: self.id.clone(),
            leg: leg.id.clone(),
        };
        cx.timers.cancel(&mut leg.timer);
        let watch = Timer::Leg(key.clone());
        leg.timer = Some(cx.timers.after(cx.now, policy_ring + SETUP_GRACE, watch));
        cx.bridge(BridgeCommand::Dial {
            leg: key.clone(),
            to: at.address,
            trunk: trunk.and_then(|trunk| cx.trunks.name(trunk)),
            guard,
            inviter: participant.inviter.clone(),
            language: at.language,
            ring_timeout_ms: u64::try_from(policy_ring.as_millis()).unwrap_or(u64::MAX),
            sight: server.map(|server| Sight {
                participant: id(format!("p{}", seat.number)),
                server,
            }),
        });
        if participant.muted.is_muted() {
            cx.bridge(BridgeCommand::Mute { leg: key, on: true });
        }
    }

    /// The bridge says what happened to a live leg.
    pub(crate) fn leg_event(&mut self, cx: &mut Context, seat: Seat, event: LegEvent) {
        let number = seat.number;
        match event {
            LegEvent::Dialling => self.progress(cx, seat, Step::Dialling),
            LegEvent::Ringing { .. } => self.progress(cx, seat, Step::Ringing),
            LegEvent::Answered => self.progress(cx, seat, Step::Answered),
            LegEvent::Confirming => self.progress(cx, seat, Step::Confirming),
            LegEvent::Joined => self.progress(cx, seat, Step::Joined),
            LegEvent::Held { on: true } => self.progress(cx, seat, Step::Hold),
            LegEvent::Held { on: false } => self.progress(cx, seat, Step::Resume),
            LegEvent::Ended { state, cause } => self.bridge_says_ended(cx, seat, state, cause),
            // Of a leg that is not in yet there is nothing to be heard.
            _ if seat.moving => {}
            LegEvent::Talking { on } => self.bridge_says_talking(cx, number, on),
            LegEvent::Silent { on } => self.bridge_says_silent(cx, number, on),
            LegEvent::Key { key } => self.key(cx, number, key),
        }
    }

    fn progress(&mut self, cx: &mut Context, seat: Seat, step: Step) {
        let id = self.id.clone();
        let Some(participant) = self.roster.get_mut(&seat.number) else {
            return;
        };
        let muted = participant.muted.is_muted();
        let Some(leg) = participant.leg_at_mut(seat) else {
            return;
        };
        if !leg.step(step) {
            return;
        }
        leg.since = cx.now;
        leg.dialled.get_or_insert(cx.now);
        let key = LegKey {
            conference: id,
            leg: leg.id.clone(),
        };
        let state = leg.stage.shown();
        if state == LegState::Answered || state == LegState::Confirming {
            cx.timers.cancel(&mut leg.timer);
            leg.timer = Some(cx.timers.after(cx.now, JOIN_WAIT, Timer::Leg(key.clone())));
        }
        if matches!(
            state,
            LegState::Answered | LegState::Confirming | LegState::Joined
        ) {
            leg.answered.get_or_insert(cx.now);
        }
        let joins = state == LegState::Joined && leg.joined.is_none();
        if joins {
            cx.timers.cancel(&mut leg.timer);
            leg.joined = Some(cx.now);
            if muted {
                cx.bridge(BridgeCommand::Mute { leg: key, on: true });
            }
        }
        let command = leg.command.clone();
        let mut seat = seat;
        if joins && seat.moving {
            self.take_place(cx, seat.number);
            seat = Seat::current(seat.number);
        }
        self.report_leg(cx, seat, command);
        if joins {
            self.joined(cx, seat.number);
        }
    }

    fn joined(&mut self, cx: &mut Context, number: Number) {
        if self.state == ConferenceState::Starting {
            self.state = ConferenceState::Running;
            self.watch_idle(cx);
        }
        if number == self.owner && !self.others_due {
            self.make_others_due(cx);
        }
    }

    fn bridge_says_ended(&mut self, cx: &mut Context, seat: Seat, state: LegState, cause: Cause) {
        let Some(leg) = self.leg_mut(seat) else {
            return;
        };
        let was_in = leg.stage.is_in();
        let next = leg.next_trunks(state, &cause);
        let state = end_state(state, was_in);
        if !leg.step(Step::End(Outcome { state, cause })) {
            return;
        }
        let was_in = leg.was_in;
        let again = next.map(|tried| Attempt {
            path: leg.path.clone(),
            tried,
            command: leg.command.clone(),
            own: leg.own,
        });
        let again = again.filter(|_| self.ending.is_none());
        self.over(cx, seat, again.is_some());
        if let Some(attempt) = again {
            self.redial(cx, seat, attempt);
            if let Some(leg) = self.leg_mut(seat) {
                leg.was_in = was_in;
            }
        }
    }

    /// Has whatever legs somebody has end like this. False if they are over or released already.
    pub(crate) fn release(
        &mut self,
        cx: &mut Context,
        number: Number,
        outcome: Outcome,
        command: Option<CommandId>,
    ) -> bool {
        // The one that is not in first, or it would be taken for the one that they go on with.
        let moving = Seat::moving(number);
        let moved = self.release_leg(cx, moving, outcome.clone(), command.clone());
        self.release_leg(cx, Seat::current(number), outcome, command) || moved
    }

    /// Has a leg end like this; at once, if the bridge does not know of it yet. False if it is over or released already.
    pub(crate) fn release_leg(
        &mut self,
        cx: &mut Context,
        seat: Seat,
        outcome: Outcome,
        command: Option<CommandId>,
    ) -> bool {
        let id = self.id.clone();
        let Some(leg) = self.leg_mut(seat) else {
            return false;
        };
        if !leg.step(Step::Release(outcome)) {
            return false;
        }
        leg.released_by = command;
        if leg.stage.is_over() {
            self.over(cx, seat, false);
            return true;
        }
        let key = LegKey {
            conference: id,
            leg: leg.id.clone(),
        };
        cx.timers.cancel(&mut leg.timer);
        let watch = Timer::Leg(key.clone());
        leg.timer = Some(cx.timers.after(cx.now, RELEASE_WAIT, watch));
        cx.bridge(BridgeCommand::Release { leg: key });
        true
    }

    /// Ends a leg without waiting for the bridge's word. `again`: another leg of theirs goes on in its place.
    pub(super) fn give_up(&mut self, cx: &mut Context, seat: Seat, outcome: Outcome, again: bool) {
        if let Some(leg) = self.leg_mut(seat)
            && leg.step(Step::GiveUp(outcome))
        {
            self.over(cx, seat, again);
        }
    }

    /// A leg has been long enough where it is.
    pub(crate) fn leg_timeout(&mut self, cx: &mut Context, seat: Seat) {
        let Some(leg) = self.leg_mut(seat) else {
            return;
        };
        leg.timer = None;
        match &leg.stage {
            Stage::Waiting => self.line_wait_over(cx, seat),
            Stage::Awaited(_) => self.give_up(cx, seat, causes::rang_out(), false),
            Stage::Ordered | Stage::Dialling | Stage::Ringing if leg.call.is_some() => {
                self.release_leg(cx, seat, causes::never_joined(), None);
            }
            Stage::Ordered | Stage::Dialling | Stage::Ringing => {
                self.release_leg(cx, seat, causes::rang_out(), None);
            }
            Stage::Answered => {
                self.release_leg(cx, seat, causes::never_joined(), None);
            }
            Stage::Confirming => {
                self.release_leg(cx, seat, causes::not_confirmed(), None);
            }
            Stage::Releasing { .. } => {
                self.give_up(cx, seat, causes::not_confirmed_end(), false);
            }
            Stage::Joined | Stage::Held | Stage::Over(_) => {}
        }
    }

    /// Fails a leg that has had no free line for `NO_LINE_WAIT`, or looks again at the earliest time that this can be so.
    fn line_wait_over(&mut self, cx: &mut Context, seat: Seat) {
        let id = self.id.clone();
        let Some(leg) = self.leg_mut(seat) else {
            return;
        };
        let Some(ticket) = leg.ticket else {
            return;
        };
        let since = cx.trunks.lineless_since(ticket).unwrap_or(cx.now);
        let waited = cx.now.saturating_duration_since(since);
        if let Some(rest) = NO_LINE_WAIT
            .checked_sub(waited)
            .filter(|rest| !rest.is_zero())
        {
            let key = LegKey {
                conference: id,
                leg: leg.id.clone(),
            };
            leg.timer = Some(cx.timers.after(cx.now, rest, Timer::Leg(key)));
            return;
        }
        let lines = match &leg.path {
            Path::Direct | Path::Client => 0,
            Path::Trunks(all) => {
                let untried = all.iter().filter(|trunk| !leg.tried.contains(trunk));
                cx.trunks.lines(untried)
            }
        };
        self.give_up(cx, seat, causes::no_line(lines), false);
    }

    /// What every end of a leg leads to: line, place in the queue and timer given back, end reported and recorded.
    /// `again`: they go on with another leg.
    fn over(&mut self, cx: &mut Context, seat: Seat, again: bool) {
        let number = seat.number;
        let Some(leg) = self.leg(seat) else {
            return;
        };
        let released_by = leg.released_by.clone();
        let command = released_by.clone().or(leg.command.clone());
        let reason = leg.stage.outcome().map(|how| how.cause.reason);
        if !seat.moving {
            // Who goes on at another place waits for the floor as before.
            if reason != Some(EndReason::JoinedElsewhere) {
                self.lower_hand(cx, number, released_by);
            }
            if let Some(participant) = self.roster.get_mut(&number) {
                participant.talking = false;
                participant.silent = false;
            }
        }
        let Some(participant) = self.roster.get_mut(&number) else {
            return;
        };
        let Some(leg) = participant.leg_at_mut(seat) else {
            return;
        };
        leg.talking = false;
        leg.since = cx.now;
        let leg_number = leg.number;
        cx.timers.cancel(&mut leg.timer);
        if let Some(ticket) = leg.ticket.take() {
            cx.trunks.leave(ticket);
        }
        if let Some(trunk) = leg.trunk {
            cx.trunks.free(trunk);
        }
        self.live.remove(&leg_number);
        self.report_leg(cx, seat, command);
        self.record(cx, seat);
        if seat.moving {
            return self.stays(number, again);
        }
        let goes_on = self.go_on(cx, number, again);
        if number == self.owner && !goes_on {
            self.owner_left = true;
        }
        self.strike_removed(cx, number);
        self.watch_idle(cx);
    }

    /// Takes somebody off the roster who is to be removed and has no leg any more.
    pub(crate) fn strike_removed(&mut self, cx: &mut Context, number: Number) {
        if let Some(participant) = self.roster.get(&number)
            && participant.leg.stage.is_over()
            && let Some(command) = participant.removing.clone()
        {
            // The conference ends with its owner, who is taken off last.
            if number == self.owner {
                self.owner_left = true;
                return;
            }
            self.report(cx, Some(number), Change::Removed, Some(command));
            self.roster.remove(&number);
        }
    }

    pub(super) fn report_leg(&mut self, cx: &mut Context, seat: Seat, command: Option<CommandId>) {
        if let Some(participant) = self.roster.get(&seat.number)
            && let Some(leg) = self.leg(seat)
        {
            let change = Change::Leg {
                leg: leg.id.clone(),
                state: leg.stage.shown(),
                cause: leg.stage.outcome().map(|how| how.cause.clone()),
                moving: seat.moving,
            };
            let whom = ParticipantRef {
                place: participant.destination(seat).place,
                ..participant.reference()
            };
            self.report_of(cx, Some(whom), change, command);
        }
    }

    fn record(&self, cx: &mut Context, seat: Seat) {
        if let Some(participant) = self.roster.get(&seat.number)
            && let Some(leg) = self.leg(seat)
            && let Some(outcome) = leg.stage.outcome()
        {
            let owner = self.roster.get(&self.owner);
            let at = participant.destination(seat);
            let record = LegRecord {
                conference: self.id.clone(),
                leg: leg.id.clone(),
                participant: participant.id.clone(),
                name: participant.party.name.clone(),
                user: participant.party.user.clone(),
                owner: owner.and_then(|owner| owner.party.user.clone()),
                whom: at.address,
                place: at.place,
                mode: at.mode,
                trunk: leg.trunk.and_then(|index| cx.trunks.name(index)),
                account: self.account.clone(),
                payer: self.payer.clone(),
                command: leg.command.clone(),
                queued: leg.queued,
                dialled: leg.dialled,
                answered: leg.answered,
                joined: leg.joined,
                ended: cx.now,
                state: outcome.state,
                cause: outcome.cause.clone(),
            };
            cx.record(record);
        }
    }
}

/// The end state that a bridge's word stands for: who was in can only have left or been lost, and an end has to be one.
fn end_state(said: LegState, was_in: bool) -> LegState {
    let fits = said == LegState::Left || said == LegState::Failed || !was_in;
    match (said.is_end(), fits) {
        (true, true) => said,
        (true, false) => LegState::Left,
        (false, _) => LegState::Failed,
    }
}

impl Participant {
    /// How their last leg ended, and whether it had been in.
    pub(super) fn last_end(&self) -> Option<(&Outcome, bool)> {
        let outcome = self.leg.stage.outcome()?;
        Some((outcome, self.leg.joined.is_some() || self.leg.was_in))
    }
}

impl Leg {
    /// Takes a step; false, and nothing changed, if it is illegal.
    pub(super) fn step(&mut self, step: Step) -> bool {
        let stage = std::mem::replace(&mut self.stage, Stage::Waiting);
        match stage.next(step) {
            Ok(next) => {
                self.stage = next;
                true
            }
            Err(same) => {
                self.stage = same;
                false
            }
        }
    }

    /// When a trunk failed before the telephone rang and another one is left: those tried by now.
    fn next_trunks(&self, state: LegState, cause: &Cause) -> Option<Vec<TrunkIndex>> {
        let trunk_failed = state == LegState::Failed
            && cause.reason == EndReason::Trunk
            && matches!(self.stage, Stage::Ordered | Stage::Dialling);
        let mut tried = self.tried.clone();
        tried.extend(self.trunk.filter(|_| trunk_failed));
        match &self.path {
            Path::Trunks(trunks) if trunk_failed => trunks
                .iter()
                .any(|trunk| !tried.contains(trunk))
                .then_some(tried),
            Path::Trunks(_) | Path::Direct | Path::Client => None,
        }
    }
}
