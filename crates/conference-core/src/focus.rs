//! The focus: all conferences, and the three calls that drive them.

mod checks;
mod moderation;
mod operations;

use std::collections::HashMap;
use std::time::Instant;

use convoke_types::bridge::{BridgeCommand, BridgeEvent, LegEvent};
use convoke_types::limits::CALL_MAX_BYTES;
use convoke_types::report::ParticipantRef;
use convoke_types::{Aor, ConferenceId, Fault, LegKey, ParticipantId};

use crate::authority::Right;
use crate::causes;
use crate::command::{Actor, Command, ConferenceState, Output, Snapshot};
use crate::conference::{Conference, Outline, Participant};
use crate::config::Config;
use crate::context::Context;
use crate::timers::Timer;
use crate::trunks::Trunks;
use checks::unknown_participant;

/// All conferences of one server. After every call of `handle_*` or `shutdown`, take outputs with `poll_output` until there
/// is none, and call `handle_timeout` when `poll_timeout` says. `now` must never go back.
#[derive(Debug)]
pub struct Focus {
    config: Config,
    conferences: HashMap<ConferenceId, Conference>,
    cx: Context,
    shutting_down: bool,
}

impl Focus {
    /// A focus without conferences. Values of the configuration out of their limits count as the nearest limit.
    pub fn new(config: Config, now: Instant) -> Self {
        let trunks = Trunks::new(&config);
        Self {
            config,
            conferences: HashMap::new(),
            cx: Context::new(now, trunks),
            shutting_down: false,
        }
    }

    /// Carries out a command; the first new output is its reply.
    pub fn handle_command(&mut self, command: Command, now: Instant) {
        self.cx.begin(now, Some(command.id.clone()));
        let conference = command.operation.conference().clone();
        let id = command.id.clone();
        let result = self.operate(command).map(|mut reply| {
            self.settle(&conference);
            // Taken here, after everything that the command led to.
            if let Some(after) = self.conferences.get(&conference) {
                reply.snapshot = after.snapshot(now);
            }
            reply
        });
        self.cx.reply(id, result);
        self.sweep(&conference);
        self.finish_input();
    }

    /// Takes in what the bridge tells. Events that fit no live leg, or not its state, change nothing; a call that the bridge
    /// goes on about although its leg is over is released again.
    pub fn handle_bridge(&mut self, event: BridgeEvent, now: Instant) {
        self.cx.begin(now, None);
        match event {
            BridgeEvent::Leg { leg, event } => self.leg_event(leg, event),
            BridgeEvent::Arrived {
                call,
                conference,
                user,
            } => self.arrived(call, &conference, &user),
            BridgeEvent::Mixes { conference, absent } => {
                if let Some(mixed) = self.conferences.get_mut(&conference) {
                    mixed.absent = absent;
                }
            }
            BridgeEvent::Moved { conference, words } => {
                if let Some(moved) = self.conferences.get_mut(&conference) {
                    moved.sound_moved(&mut self.cx, &words);
                }
            }
            BridgeEvent::Lost { conference, words } => {
                let ids = match conference {
                    Some(one) => vec![one],
                    None => self.conference_ids(),
                };
                for id in ids {
                    if let Some(conference) = self.conferences.get_mut(&id) {
                        conference.bridge_lost(&mut self.cx, &words);
                    }
                    self.settle(&id);
                    self.sweep(&id);
                }
            }
        }
        self.finish_input();
    }

    /// Does what is due by now.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.cx.begin(now, None);
        while let Some((_, timer)) = self.cx.timers.pop(now) {
            self.timeout(&timer);
        }
        self.finish_input();
    }

    /// Ends every conference and from now on refuses commands other than `get` and `end`. Done when `is_empty` says so.
    pub fn shutdown(&mut self, now: Instant) {
        self.cx.begin(now, None);
        self.shutting_down = true;
        for id in self.conference_ids() {
            if let Some(conference) = self.conferences.get_mut(&id) {
                conference.end(&mut self.cx, causes::conference_shutdown(), None);
            }
            self.settle(&id);
            self.sweep(&id);
        }
        self.finish_input();
    }

    /// When `handle_timeout` is to be called; `None` while nothing is to happen by itself.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let timer = self.cx.timers.next();
        let trunk = self.cx.trunks.next();
        timer.into_iter().chain(trunk).min()
    }

    /// The next output, in the order in which they have to be carried out.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.cx.poll()
    }

    /// Whether there is no conference.
    pub fn is_empty(&self) -> bool {
        self.conferences.is_empty()
    }

    /// The conferences that have not ended, in the order of their ids.
    pub fn conference_ids(&self) -> Vec<ConferenceId> {
        let mut ids: Vec<_> = self.conferences.keys().cloned().collect();
        ids.sort();
        ids
    }

    /// One conference as it is now; asks nobody's permission.
    pub fn snapshot(&self, conference: &ConferenceId, now: Instant) -> Option<Snapshot> {
        let found = self.conferences.get(conference)?;
        Some(found.snapshot(now))
    }

    /// What one conference looks like from outside.
    pub fn outline(&self, conference: &ConferenceId) -> Option<Outline> {
        Some(self.conferences.get(conference)?.outline())
    }

    /// Whom an actor wants to call again, so that the caller can find where. Refused as `Operation::Call` would be.
    ///
    /// # Errors
    /// As `Operation::Call`, as far as it does not depend on the place.
    pub fn callable(
        &self,
        actor: &Actor,
        conference: &ConferenceId,
        participant: &ParticipantId,
    ) -> Result<ParticipantRef, Fault> {
        let (found, _) = self.permitted(actor, conference, participant, Right::Call)?;
        let conference = self.conferences.get(conference);
        let whom = conference.and_then(|conference| conference.roster.get(&found));
        whom.map(Participant::reference)
            .ok_or_else(|| unknown_participant(participant))
    }

    /// Lines in use on a trunk; `None` if there is none of this name.
    pub fn lines_in_use(&self, trunk: &str) -> Option<u32> {
        self.cx.trunks.lines_in_use(trunk)
    }

    fn leg_event(&mut self, leg: LegKey, event: LegEvent) {
        let conference = self.conferences.get_mut(&leg.conference);
        let live = conference.and_then(|found| {
            let seat = found.holder_of(&leg.leg)?;
            Some((found, seat))
        });
        if let Some((conference, seat)) = live {
            conference.leg_event(&mut self.cx, seat, event);
            self.settle(&leg.conference);
            self.sweep(&leg.conference);
        } else if is_call(&event) {
            self.cx.bridge(BridgeCommand::Release { leg });
        }
    }

    /// A user's client calls. Who is not on the roster is told what they would be told if there were no such conference.
    fn arrived(&mut self, call: String, conference: &ConferenceId, user: &Aor) {
        let too_long = call.is_empty() || call.len() > CALL_MAX_BYTES;
        let found = self.conferences.get_mut(conference);
        let admitted =
            !too_long && found.is_some_and(|found| found.arrived(&mut self.cx, &call, user));
        if admitted {
            self.settle(conference);
            self.sweep(conference);
            return;
        }
        let (sip, words) = match too_long {
            true => (400, "a call without a name of its own"),
            false => (
                404,
                "no conference that is going on and that you are part of",
            ),
        };
        self.cx.bridge(BridgeCommand::Refuse {
            call,
            sip,
            words: words.to_owned(),
        });
    }

    fn timeout(&mut self, timer: &Timer) {
        let id = match timer {
            Timer::Leg(leg) => &leg.conference,
            Timer::Idle(id) | Timer::Linger(id) | Timer::Talking(id) | Timer::OwnerRelease(id) => {
                id
            }
        };
        let Some(conference) = self.conferences.get_mut(id) else {
            return;
        };
        let cx = &mut self.cx;
        match timer {
            Timer::Leg(leg) => {
                if let Some(seat) = conference.holder_of(&leg.leg) {
                    conference.leg_timeout(cx, seat);
                }
            }
            Timer::Idle(_) => conference.idle_over(cx),
            Timer::Linger(_) => conference.linger_over(cx),
            Timer::Talking(_) => conference.report_talking(cx),
            Timer::OwnerRelease(_) => conference.owner_wait_over(),
        }
        self.settle(id);
        self.sweep(id);
    }

    /// Draws a conference's consequences of the input.
    fn settle(&mut self, id: &ConferenceId) {
        if let Some(conference) = self.conferences.get_mut(id) {
            conference.settle(&mut self.cx);
        }
    }

    /// Forgets a conference that has ended.
    fn sweep(&mut self, id: &ConferenceId) {
        let state = self.conferences.get(id).map(|found| found.state);
        if state == Some(ConferenceState::Ended) {
            self.conferences.remove(id);
        }
    }

    /// Hands out lines that have become free and legs that have become due, then lets the outputs go.
    fn finish_input(&mut self) {
        while let Some((leg, trunk)) = self.cx.trunks.dispatch(self.cx.now) {
            match self.conferences.get_mut(&leg.conference) {
                Some(conference) => conference.dispatched(&mut self.cx, &leg.leg, trunk),
                None => self.cx.trunks.free(trunk),
            }
        }
        self.cx.flush();
    }
}

/// Whether the event tells of a call that is up or being set up.
fn is_call(event: &LegEvent) -> bool {
    match event {
        LegEvent::Dialling
        | LegEvent::Ringing { .. }
        | LegEvent::Answered
        | LegEvent::Confirming
        | LegEvent::Joined => true,
        LegEvent::Held { .. }
        | LegEvent::Talking { .. }
        | LegEvent::Silent { .. }
        | LegEvent::Key { .. }
        | LegEvent::Ended { .. } => false,
    }
}
