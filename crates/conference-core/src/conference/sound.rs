//! Who is heard: mute, talking, silence on the line, and the idle end.

use convoke_types::bridge::BridgeCommand;
use convoke_types::report::Change;
use convoke_types::{CommandId, Role};

use super::{Conference, Muted, Number, Participant, Seat};
use crate::command::ConferenceState;
use crate::context::Context;
use crate::timers::Timer;

impl Conference {
    /// Sets who muted somebody; reports and carries out what changes for the others.
    pub(crate) fn set_muted(
        &mut self,
        cx: &mut Context,
        number: Number,
        muted: Muted,
        command: Option<CommandId>,
    ) {
        if self.change_muted(cx, number, muted, command) {
            self.talking_changed(cx, number);
        }
    }

    /// Sets or lifts a moderator's mute for everybody of role participant.
    pub(crate) fn mute_all(&mut self, cx: &mut Context, on: bool, command: &CommandId) {
        let all = self.roster.iter();
        let participants: Vec<(Number, Muted)> = all
            .filter(|(_, one)| one.role == Role::Participant)
            .map(|(number, one)| (*number, one.muted))
            .collect();
        for (number, before) in participants {
            let muted = Muted {
                by_moderator: on,
                ..before
            };
            if self.change_muted(cx, number, muted, Some(command.clone()))
                && self.roster.get(&number).is_some_and(|one| one.leg.talking)
            {
                self.talking.wait(number);
            }
        }
        // Once for all: it looks at the whole roster.
        self.report_talking(cx);
        self.watch_idle(cx);
    }

    /// Whether anything changed for the others to hear.
    fn change_muted(
        &mut self,
        cx: &mut Context,
        number: Number,
        muted: Muted,
        command: Option<CommandId>,
    ) -> bool {
        let Some(participant) = self.roster.get_mut(&number) else {
            return false;
        };
        let on = muted.is_muted();
        let before = std::mem::replace(&mut participant.muted, muted);
        if before == muted {
            return false;
        }
        let by = muted.by();
        if before.is_muted() == on {
            // It is still the same to hear; who may lift it is another one.
            self.report(cx, Some(number), Change::Muted { on, by }, command);
            return false;
        }
        for seat in [Seat::current(number), Seat::moving(number)] {
            if let Some(leg) = self.leg(seat).filter(|leg| leg.stage.is_placed()) {
                let leg = self.key_of(leg);
                cx.bridge(BridgeCommand::Mute { leg, on });
            }
        }
        self.report(cx, Some(number), Change::Muted { on, by }, command);
        true
    }

    pub(super) fn bridge_says_talking(&mut self, cx: &mut Context, number: Number, on: bool) {
        if let Some(participant) = self.roster.get_mut(&number)
            && participant.leg.stage.is_in()
            && participant.leg.talking != on
        {
            participant.leg.talking = on;
            self.talking_changed(cx, number);
        }
    }

    pub(super) fn bridge_says_silent(&mut self, cx: &mut Context, number: Number, on: bool) {
        if let Some(participant) = self.roster.get_mut(&number)
            && participant.leg.stage.is_in()
            && participant.silent != on
        {
            participant.silent = on;
            self.report(cx, Some(number), Change::Silent { on }, None);
        }
    }

    fn talking_changed(&mut self, cx: &mut Context, number: Number) {
        self.talking.wait(number);
        self.report_talking(cx);
        self.watch_idle(cx);
    }

    /// Reports the changes of talking that wait, as far as their number in a second allows. The end of a leg is the end of
    /// its talking without a report of its own.
    pub(crate) fn report_talking(&mut self, cx: &mut Context) {
        while let Some(number) = self.talking.next(cx.now) {
            if let Some(participant) = self.roster.get_mut(&number)
                && participant.talking != participant.is_heard()
            {
                participant.talking = !participant.talking;
                let on = participant.talking;
                self.talking.reported(cx.now);
                self.report(cx, Some(number), Change::Talking { on }, None);
            }
        }
        cx.timers.cancel(&mut self.talking.timer);
        if let Some(at) = self.talking.due() {
            let wait = at.saturating_duration_since(cx.now);
            let timer = Timer::Talking(self.id.clone());
            self.talking.timer = Some(cx.timers.after(cx.now, wait, timer));
        }
    }

    /// Starts the idle time when nobody is heard, stops it when somebody is. It runs from the first join on.
    pub(super) fn watch_idle(&mut self, cx: &mut Context) {
        let runs = self.state == ConferenceState::Running
            && !self.policy.idle_end.is_zero()
            && !self.roster.values().any(Participant::is_heard);
        if !runs {
            cx.timers.cancel(&mut self.idle);
        } else if self.idle.is_none() {
            let timer = Timer::Idle(self.id.clone());
            self.idle = Some(cx.timers.after(cx.now, self.policy.idle_end, timer));
        }
    }
}
