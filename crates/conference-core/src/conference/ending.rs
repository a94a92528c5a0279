//! How a conference ends: the others first, the owner last, then the report (C10, C11, C12).

use convoke_types::CommandId;
use convoke_types::bridge::BridgeCommand;
use convoke_types::report::{Change, ConferenceEnd};

use super::{Conference, Ending, Number, Seat};
use crate::causes;
use crate::command::ConferenceState;
use crate::config::OnOwnerLeft;
use crate::context::Context;
use crate::limits::OWNER_RELEASE_WAIT;
use crate::timers::Timer;

impl Conference {
    /// Begins the end, unless it has begun: nobody is called any more, and everybody but the owner is released.
    pub(crate) fn end(&mut self, cx: &mut Context, end: ConferenceEnd, command: Option<CommandId>) {
        if self.ending.is_some() {
            return;
        }
        self.state = ConferenceState::Ending;
        cx.timers.cancel(&mut self.idle);
        cx.timers.cancel(&mut self.linger);
        let outcome = causes::with_conference(&end);
        let timer = Timer::OwnerRelease(self.id.clone());
        self.ending = Some(Ending {
            end,
            command: command.clone(),
            owner_wait: Some(cx.timers.after(cx.now, OWNER_RELEASE_WAIT, timer)),
            owner_may_go: false,
        });
        for number in self.others_live() {
            self.release(cx, number, outcome.clone(), command.clone());
        }
        // The owner goes last, and to no other place any more.
        let moving = Seat::moving(self.owner);
        self.release_leg(cx, moving, outcome, command);
    }

    /// The bridge is gone, and every leg with it (C12). Legs are over at once; that they are released as well lets whoever
    /// still has a dialog with a telephone hang up.
    pub(crate) fn bridge_lost(&mut self, cx: &mut Context, words: &str) {
        self.end(cx, causes::conference_bridge_lost(words), None);
        let mut lost = self.others_live();
        lost.push(self.owner);
        for number in lost {
            self.release(cx, number, causes::bridge_lost(words), None);
            for seat in [Seat::moving(number), Seat::current(number)] {
                self.give_up(cx, seat, causes::bridge_lost(words), false);
            }
        }
    }

    /// The owner's leg has waited long enough for the others to end.
    pub(crate) fn owner_wait_over(&mut self) {
        if let Some(ending) = &mut self.ending {
            ending.owner_wait = None;
            ending.owner_may_go = true;
        }
    }

    /// No leg has come for the linger time.
    pub(crate) fn linger_over(&mut self, cx: &mut Context) {
        self.linger = None;
        self.end(cx, causes::conference_empty(), None);
    }

    /// Nobody has spoken for the idle time.
    pub(crate) fn idle_over(&mut self, cx: &mut Context) {
        self.idle = None;
        self.end(cx, causes::conference_idle(self.policy.idle_end), None);
    }

    /// Draws the consequences of what an input changed; called once at the end of each.
    pub(crate) fn settle(&mut self, cx: &mut Context) {
        if std::mem::take(&mut self.owner_left) && self.ending.is_none() {
            self.after_owner(cx);
        }
        if self.ending.is_some() {
            self.go_on_ending(cx);
        } else if self.live.is_empty() && self.linger.is_none() {
            self.after_last(cx);
        }
    }

    fn after_owner(&mut self, cx: &mut Context) {
        let former = self.owner;
        if self.policy.on_owner_left == OnOwnerLeft::HandOver {
            if let Some(heir) = self.heir() {
                let owner = self.roster.get(&former);
                let command = owner.and_then(|owner| owner.leg.released_by.clone());
                return self.pass_on(cx, heir, command);
            }
            if self.live.is_empty() {
                return;
            }
        }
        if let Some(owner) = self.roster.get(&former)
            && let Some((outcome, joined)) = owner.last_end()
        {
            let end = causes::conference_owner_left(&owner.party.name, joined, outcome);
            let command = owner.leg.released_by.clone();
            self.end(cx, end, command);
        }
    }

    fn after_last(&mut self, cx: &mut Context) {
        if self.policy.linger.is_zero() {
            self.end(cx, causes::conference_empty(), None);
            self.go_on_ending(cx);
        } else {
            let timer = Timer::Linger(self.id.clone());
            self.linger = Some(cx.timers.after(cx.now, self.policy.linger, timer));
        }
    }

    fn go_on_ending(&mut self, cx: &mut Context) {
        let others_live = self.live.values().any(|number| *number != self.owner);
        let Some(ending) = &self.ending else {
            return;
        };
        if !others_live || ending.owner_may_go {
            let outcome = causes::with_conference(&ending.end);
            let command = ending.command.clone();
            self.release(cx, self.owner, outcome, command);
        }
        if self.live.is_empty() {
            self.finish(cx);
        }
    }

    fn finish(&mut self, cx: &mut Context) {
        let Some(mut ending) = self.ending.take() else {
            return;
        };
        cx.timers.cancel(&mut ending.owner_wait);
        cx.timers.cancel(&mut self.talking.timer);
        cx.timers.cancel(&mut self.idle);
        let owner = self.roster.get(&self.owner);
        if let Some(command) = owner.and_then(|owner| owner.removing.clone()) {
            self.report(cx, Some(self.owner), Change::Removed, Some(command));
        }
        self.state = ConferenceState::Ended;
        let change = Change::Ended { cause: ending.end };
        self.report(cx, None, change, ending.command);
        cx.bridge(BridgeCommand::Close {
            conference: self.id.clone(),
        });
    }

    /// Those other than the owner whose legs are not over, in the order they were queued.
    pub(crate) fn others_live(&self) -> Vec<Number> {
        let mut others: Vec<Number> = Vec::new();
        for number in self.live.values() {
            if *number != self.owner && !others.contains(number) {
                others.push(*number);
            }
        }
        others
    }
}
