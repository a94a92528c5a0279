//! People's own clients: they are not dialled but awaited, and call in.

use std::time::Duration;

use convoke_types::bridge::BridgeCommand;
use convoke_types::{Address, Aor, LegKey, LegState, Mode};

use super::{Attempt, Conference, Leg, Number, Seat};
use crate::command::{ConferenceState, Destination};
use crate::context::Context;
use crate::leg::{Stage, Step};
use crate::limits::ADMIT_WAIT;
use crate::timers::Timer;
use crate::trunks::Path;

/// How the place of a person's own client is called.
const PLACE: &str = "browser";

impl Conference {
    /// A leg at a person's own client has become due: nobody is dialled. Who asked for it sees it being set up, the clients of
    /// all others show that they are called.
    pub(super) fn expect_client(&mut self, cx: &mut Context, seat: Seat) {
        let ring = self.policy.ring_timeout;
        let Some(leg) = self.leg_mut(seat) else {
            return;
        };
        let shown = match leg.own {
            true => LegState::Dialling,
            false => LegState::Ringing,
        };
        if !leg.step(Step::Await(shown)) {
            return;
        }
        leg.since = cx.now;
        leg.dialled = Some(cx.now);
        self.watch(cx, seat, ring);
        self.report_current(cx, seat);
    }

    /// An authenticated user's client calls in; false if this is not somebody who can be let in.
    pub(crate) fn arrived(&mut self, cx: &mut Context, call: &str, user: &Aor) -> bool {
        let goes_on = matches!(
            self.state,
            ConferenceState::Starting | ConferenceState::Running
        );
        let theirs = self.roster.iter().filter(|(_, one)| {
            goes_on && one.party.user.as_ref() == Some(user) && one.removing.is_none()
        });
        let theirs: Vec<Number> = theirs.map(|(number, _)| *number).collect();
        let Some(first) = theirs.first() else {
            return false;
        };
        let seats = || {
            let both = |number: &Number| [Seat::current(*number), Seat::moving(*number)];
            theirs.iter().flat_map(both)
        };
        let is = |seat: &Seat, what: &dyn Fn(&Leg) -> bool| self.leg(*seat).is_some_and(what);
        // A repeat; the leg is told once more, and its stage stays.
        if let Some(seat) = seats().find(|seat| is(seat, &|leg| leg.admitted(call))) {
            self.answer(cx, seat, call);
            return true;
        }
        let awaited = seats().find(|seat| is(seat, &Leg::expects_client));
        let seat = awaited.unwrap_or_else(|| self.come_over(cx, *first));
        self.admit(cx, seat, call);
        true
    }

    /// Somebody calls in who was not awaited: the leg that is theirs.
    fn come_over(&mut self, cx: &mut Context, number: Number) -> Seat {
        let participant = self.roster.get(&number);
        let at = Destination {
            address: Address::Client,
            mode: Mode::Computer,
            place: PLACE.to_owned(),
            guard: None,
            language: participant.map_or_else(String::new, |one| one.party.language.clone()),
        };
        let attempt = Attempt {
            path: Path::Client,
            tried: Vec::new(),
            command: None,
            own: true,
        };
        self.change_place(cx, number, at, attempt)
    }

    fn admit(&mut self, cx: &mut Context, seat: Seat, call: &str) {
        let Some(leg) = self.leg_mut(seat) else {
            return;
        };
        let before = leg.stage.shown();
        if !leg.step(Step::Admit) {
            return;
        }
        leg.call = Some(call.to_owned());
        leg.dialled.get_or_insert(cx.now);
        let changes = leg.stage.shown() != before;
        if changes {
            leg.since = cx.now;
        }
        self.watch(cx, seat, ADMIT_WAIT);
        if changes {
            self.report_current(cx, seat);
        }
        self.answer(cx, seat, call);
    }

    /// Tells the bridge to take the call as this leg.
    fn answer(&self, cx: &mut Context, seat: Seat, call: &str) {
        let Some(participant) = self.roster.get(&seat.number) else {
            return;
        };
        let Some(leg) = self.leg(seat).map(|leg| self.key_of(leg)) else {
            return;
        };
        cx.bridge(BridgeCommand::Admit {
            call: call.to_owned(),
            leg: leg.clone(),
            language: participant.destination(seat).language,
        });
        if participant.muted.is_muted() {
            cx.bridge(BridgeCommand::Mute { leg, on: true });
        }
    }

    /// Sets how long the leg may stay where it is.
    fn watch(&mut self, cx: &mut Context, seat: Seat, wait: Duration) {
        let conference = self.id.clone();
        if let Some(leg) = self.leg_mut(seat) {
            cx.timers.cancel(&mut leg.timer);
            let key = LegKey {
                conference,
                leg: leg.id.clone(),
            };
            leg.timer = Some(cx.timers.after(cx.now, wait, Timer::Leg(key)));
        }
    }

    /// Reports the leg's state as the consequence of what had it called.
    fn report_current(&mut self, cx: &mut Context, seat: Seat) {
        let command = self.leg(seat).and_then(|leg| leg.command.clone());
        self.report_leg(cx, seat, command);
    }
}

impl Leg {
    /// Whether the person is to call in with a client and has not.
    fn expects_client(&self) -> bool {
        self.path == Path::Client && matches!(self.stage, Stage::Waiting | Stage::Awaited(_))
    }

    /// Whether this call was let in as this leg, which goes on.
    fn admitted(&self, call: &str) -> bool {
        let goes_on = self.stage.is_placed() && !matches!(self.stage, Stage::Releasing { .. });
        goes_on && self.call.as_deref() == Some(call)
    }
}
