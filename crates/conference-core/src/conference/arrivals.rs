//! People's own clients: they are not dialled but awaited, and call in. And how somebody who has a leg gets another in its place.

use std::time::Duration;

use convoke_types::bridge::BridgeCommand;
use convoke_types::{Address, Aor, LegKey, LegState, Mode};

use super::{Attempt, Conference, Number, Participant};
use crate::causes;
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
    pub(super) fn expect_client(&mut self, cx: &mut Context, number: Number) {
        let ring = self.policy.ring_timeout;
        let Some(participant) = self.roster.get_mut(&number) else {
            return;
        };
        let leg = &mut participant.leg;
        let shown = match leg.own {
            true => LegState::Dialling,
            false => LegState::Ringing,
        };
        if !leg.step(Step::Await(shown)) {
            return;
        }
        leg.since = cx.now;
        leg.dialled = Some(cx.now);
        self.watch(cx, number, ring);
        self.report_current(cx, number);
    }

    /// An authenticated user's client calls in; false if this is not somebody who can be let in.
    pub(crate) fn arrived(&mut self, cx: &mut Context, call: &str, user: &Aor) -> bool {
        let goes_on = matches!(
            self.state,
            ConferenceState::Starting | ConferenceState::Running
        );
        let Some(number) = self.expected(user).filter(|_| goes_on) else {
            return false;
        };
        let Some(participant) = self.roster.get(&number) else {
            return false;
        };
        let leg = &participant.leg;
        let admitted = leg.stage.is_placed() && leg.call.as_deref() == Some(call);
        // A repeat; the leg is told once more, and its stage stays.
        if admitted && !matches!(leg.stage, Stage::Releasing { .. }) {
            self.answer(cx, number, call);
            return true;
        }
        if !participant.expects_client() {
            self.come_over(cx, number);
        }
        self.admit(cx, number, call);
        true
    }

    /// Which of those on the roster with this account calls in: who is awaited at a client, else the first.
    fn expected(&self, user: &Aor) -> Option<Number> {
        let theirs = || {
            let all = self.roster.iter();
            all.filter(|(_, one)| one.party.user.as_ref() == Some(user) && one.removing.is_none())
        };
        let awaited = theirs().find(|(_, one)| one.expects_client());
        let found = awaited.or_else(|| theirs().next());
        found.map(|(number, _)| *number)
    }

    /// Somebody calls in who was not awaited.
    fn come_over(&mut self, cx: &mut Context, number: Number) {
        let Some(participant) = self.roster.get(&number) else {
            return;
        };
        let at = Destination {
            address: Address::Client,
            mode: Mode::Computer,
            place: PLACE.to_owned(),
            guard: false,
            language: participant.party.language.clone(),
        };
        let attempt = Attempt {
            path: Path::Client,
            tried: Vec::new(),
            command: None,
            own: true,
        };
        self.change_place(cx, number, at, attempt);
    }

    /// Whatever leg somebody has ends at once, so that nobody is in twice and no telephone rings on, and a new one takes its place.
    pub(crate) fn change_place(
        &mut self,
        cx: &mut Context,
        number: Number,
        at: Destination,
        attempt: Attempt,
    ) {
        let Some(participant) = self.roster.get_mut(&number) else {
            return;
        };
        participant.moving |= participant.leg.stage.is_in();
        let Some(participant) = self.roster.get(&number) else {
            return;
        };
        let leg = &participant.leg;
        let outcome = match &leg.stage {
            // Why it is being released explains its end better.
            Stage::Releasing { outcome, .. } => outcome.clone(),
            stage => {
                if stage.is_placed() {
                    let leg = self.key_of(leg);
                    cx.bridge(BridgeCommand::Release { leg });
                }
                causes::joined_elsewhere()
            }
        };
        self.give_up(cx, number, outcome, true);
        self.readdress(number, at);
        self.redial(cx, number, attempt);
    }

    fn admit(&mut self, cx: &mut Context, number: Number, call: &str) {
        let Some(participant) = self.roster.get_mut(&number) else {
            return;
        };
        let leg = &mut participant.leg;
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
        self.watch(cx, number, ADMIT_WAIT);
        if changes {
            self.report_current(cx, number);
        }
        self.answer(cx, number, call);
    }

    /// Tells the bridge to take the call as this leg.
    fn answer(&self, cx: &mut Context, number: Number, call: &str) {
        let Some(participant) = self.roster.get(&number) else {
            return;
        };
        let leg = self.key_of(&participant.leg);
        cx.bridge(BridgeCommand::Admit {
            call: call.to_owned(),
            leg: leg.clone(),
            language: participant.party.language.clone(),
        });
        if participant.muted.is_muted() {
            cx.bridge(BridgeCommand::Mute { leg, on: true });
        }
    }

    /// Sets how long the leg may stay where it is.
    fn watch(&mut self, cx: &mut Context, number: Number, wait: Duration) {
        let id = self.id.clone();
        if let Some(participant) = self.roster.get_mut(&number) {
            let leg = &mut participant.leg;
            cx.timers.cancel(&mut leg.timer);
            let key = LegKey {
                conference: id,
                leg: leg.id.clone(),
            };
            leg.timer = Some(cx.timers.after(cx.now, wait, Timer::Leg(key)));
        }
    }

    /// Reports the leg's state as the consequence of what had it called.
    fn report_current(&mut self, cx: &mut Context, number: Number) {
        let participant = self.roster.get(&number);
        let command = participant.and_then(|one| one.leg.command.clone());
        self.report_leg(cx, number, command);
    }
}

impl Participant {
    /// Whether they are to call in with a client and have not.
    fn expects_client(&self) -> bool {
        self.leg.path == Path::Client
            && matches!(self.leg.stage, Stage::Waiting | Stage::Awaited(_))
    }
}
