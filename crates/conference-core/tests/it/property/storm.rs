//! One random case: people command, telephones answer (or do not), time passes, things break; then everything is ended.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use conference_core::{
    Actor, Command, ConferenceState, Config, Create, Destination, Focus, OnOwnerLeft, Operation,
    Output, Party, PolicyOverrides,
};
use convoke_types::bridge::{BridgeCommand, BridgeEvent, LegEvent};
use convoke_types::{Address, CommandId, ConferenceId, EndReason, LegKey, LegState, ParticipantId};

use super::oracle::{Input, Oracle, SeenTrunk, Verdict};
use super::random::Random;
use crate::support::*;

/// Rounds of draining after which a case counts as hanging.
const DRAIN_ROUNDS: u32 = 2_000;

/// A call as the bridge knows it.
struct Call {
    key: LegKey,
    rank: usize,
    held: bool,
    talking: bool,
    released: bool,
    over: bool,
    /// Never says anything, not even that it has ended.
    deaf: bool,
}

pub struct Storm {
    random: Random,
    focus: Focus,
    oracle: Oracle,
    now: Instant,
    start: Instant,
    calls: Vec<Call>,
    commands: u32,
    conferences: u32,
    arrivals: u32,
    pub trace: Option<Vec<String>>,
}

impl Storm {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let lines = u32::try_from(1 + random.below(5)).unwrap();
        let mut config = Config::new(vec![trunk("a", 2.0, lines), trunk("b", 5.0, 2)]);
        config.routes = vec![route("", &["a", "b"]), route("+49", &["b"])];
        let now = epoch();
        Self {
            focus: Focus::new(config, now),
            oracle: Oracle::new(vec![
                SeenTrunk::new("a", lines, Duration::from_millis(500)),
                SeenTrunk::new("b", 2, Duration::from_millis(200)),
            ]),
            random,
            now,
            start: now,
            calls: Vec::new(),
            commands: 0,
            conferences: 0,
            arrivals: 0,
            trace: None,
        }
    }

    pub fn happened(&self) -> &BTreeMap<String, u64> {
        &self.oracle.happened
    }

    /// So many random steps, then the end of everything.
    pub fn run(&mut self, steps: u64) -> Verdict {
        self.create()?;
        for _ in 0..steps {
            match self.random.below(100) {
                0..=32 => self.command()?,
                33..=35 => self.arrive()?,
                36..=76 => self.telephone()?,
                77..=93 => self.time()?,
                94..=96 => self.nonsense()?,
                97 => self.move_sound()?,
                98 => self.lose()?,
                _ if self.random.percent(20) => self.shut_down()?,
                _ => self.create()?,
            }
        }
        self.drain()
    }

    /// The bridge of one conference, or of all.
    fn lose(&mut self) -> Verdict {
        let words = "pulled the plug".to_owned();
        let whose = match self.random.percent(50) {
            true => self.any_conference(),
            false => None,
        };
        let id = whose.as_ref().map(|name| name.parse().unwrap());
        for call in &mut self.calls {
            call.over |= id.as_ref().is_none_or(|id| call.key.conference == *id);
        }
        let lost = BridgeEvent::Lost {
            conference: id,
            words,
        };
        self.focus.handle_bridge(lost, self.now);
        self.take(&Input::Lost(whose.as_deref()), "lost")
    }

    fn move_sound(&mut self) -> Verdict {
        let Some(name) = self.any_conference() else {
            return self.create();
        };
        let moved = BridgeEvent::Moved {
            conference: name.parse().unwrap(),
            words: "mixed elsewhere".to_owned(),
        };
        self.focus.handle_bridge(moved, self.now);
        self.take(&Input::Moved(&name), "moved")
    }

    /// One that was begun, over or not.
    fn any_conference(&mut self) -> Option<String> {
        let names: Vec<String> = self.oracle.conferences.keys().cloned().collect();
        self.random.pick(&names).cloned()
    }

    fn shut_down(&mut self) -> Verdict {
        self.focus.shutdown(self.now);
        self.take(&Input::Shutdown, "shutdown")
    }

    fn person(&mut self) -> Party {
        let index = self.random.below(9);
        let mut one = party(&format!("u{index}"));
        match index {
            0..=4 => {}
            5 => one.address = number("+4989123456"),
            6 => one.address = Address::Sip("sip:desk@127.0.0.1".to_owned()),
            _ => {
                one.user = None;
                one.guard = true;
            }
        }
        if index < 5 && self.random.percent(10) {
            // Somebody at somebody else's telephone.
            one.address = party(&format!("u{}", self.random.below(9))).address;
        } else if index < 7 && self.random.percent(20) {
            one = at_browser(&one.name);
        }
        one.moderator = self.random.percent(30);
        one
    }

    fn people(&mut self, most: u64) -> Vec<Party> {
        let mut people: Vec<Party> = Vec::new();
        for _ in 0..self.random.below(most + 1) {
            let one = self.person();
            let known = people.iter().any(|other| other.name == one.name);
            if !known || self.random.percent(3) {
                people.push(one);
            }
        }
        people
    }

    fn create(&mut self) -> Verdict {
        let name = format!("u{}", self.random.below(3));
        let initiator = match self.random.percent(25) {
            true => at_browser(&name),
            false => party(&name),
        };
        let mut participants = self.people(5);
        if self.random.percent(97) {
            participants.retain(|one| one.name != initiator.name);
        }
        let last = self
            .oracle
            .conferences
            .get(&format!("x{}", self.conferences));
        let reused = last.is_some_and(|seen| !seen.ended) && self.random.percent(5);
        if !reused {
            self.conferences += 1;
        }
        let name = format!("x{}", self.conferences);
        let all_at_once = self.random.percent(30);
        let hand_over = self.random.percent(50);
        let idle_s = *self.random.pick(&[0, 20, 600]).unwrap();
        let linger_s = *self.random.pick(&[0, 0, 15]).unwrap();
        let policy = PolicyOverrides {
            call_all_at_once: Some(all_at_once),
            on_owner_left: Some(match hand_over {
                true => OnOwnerLeft::HandOver,
                false => OnOwnerLeft::End,
            }),
            participants_may_add: Some(self.random.percent(70)),
            idle_end: Some(Duration::from_secs(idle_s)),
            linger: Some(Duration::from_secs(linger_s)),
            ring_timeout: None,
        };
        if !self.oracle.conferences.contains_key(&name) {
            let seen = self.oracle.conferences.entry(name.clone()).or_default();
            seen.all_at_once = all_at_once;
        }
        let actor = user(&initiator.name);
        let create = Operation::Create(Create {
            policy,
            ..create(&name, initiator, participants)
        });
        let ok = self.give("create", actor, create)?;
        if !ok && self.oracle.conferences[&name].log.is_empty() {
            self.oracle.conferences.remove(&name);
        }
        Ok(())
    }

    fn command(&mut self) -> Verdict {
        let mut names: Vec<String> = self.oracle.conferences.keys().cloned().collect();
        if self.random.percent(90) {
            names.retain(|name| !self.oracle.conferences[name].ended);
        }
        let Some(name) = self.random.pick(&names).cloned() else {
            return self.create();
        };
        let roster = &self.oracle.conferences[&name].roster;
        let on_roster: Vec<String> = roster.keys().cloned().collect();
        let members = roster.values().filter_map(|one| one.user.clone());
        let members: Vec<String> = members.collect();
        let actor = match (self.random.below(10), self.random.pick(&members)) {
            (0, _) => Actor::administrator(),
            (1..=8, Some(member)) => Actor::user(member.parse().unwrap()),
            _ => user(&format!("u{}", self.random.below(9))),
        };
        let target = match self.random.pick(&on_roster) {
            Some(id) if self.random.percent(95) => id.clone(),
            _ => format!("p{}", 1 + self.random.below(9)),
        };
        let version = u64::try_from(self.oracle.conferences[&name].log.len()).unwrap();
        let (what, operation) = self.operation(conference(&name), participant(&target), version);
        self.give(what, actor, operation).map(|_| ())
    }

    fn operation(
        &mut self,
        conference: ConferenceId,
        participant: ParticipantId,
        version: u64,
    ) -> (&'static str, Operation) {
        /// The operation and its name.
        macro_rules! of {
            ($operation:ident, $name:literal) => {
                ($name, Operation::$operation { conference })
            };
            ($operation:ident, $name:literal, whom) => {
                (
                    $name,
                    Operation::$operation {
                        conference,
                        participant,
                    },
                )
            };
        }
        match self.random.below(150) {
            0..=17 => {
                let parties = self.people(3);
                (
                    "add",
                    Operation::Add {
                        conference,
                        parties,
                    },
                )
            }
            18..=29 => {
                let at = self.random.percent(30).then(|| self.destination());
                (
                    "call",
                    Operation::Call {
                        conference,
                        participant,
                        at,
                    },
                )
            }
            30..=41 => of!(Disconnect, "disconnect", whom),
            42..=50 => of!(Remove, "remove", whom),
            51..=64 => of!(Mute, "mute", whom),
            65..=78 => of!(Unmute, "unmute", whom),
            79..=83 => of!(End, "end"),
            84..=93 => of!(RaiseHand, "raiseHand", whom),
            94..=98 => of!(LowerHand, "lowerHand", whom),
            99..=104 => of!(GiveFloor, "giveFloor", whom),
            105..=107 => of!(Lock, "lock"),
            108..=110 => of!(Unlock, "unlock"),
            111..=113 => of!(MakeModerator, "makeModerator", whom),
            114..=119 => of!(HandOver, "handOver", whom),
            120..=123 => of!(MuteAll, "muteAll"),
            124..=126 => of!(UnmuteAll, "unmuteAll"),
            127..=128 => of!(DisconnectAll, "disconnectAll"),
            129..=133 => {
                let words = self.random.percent(50).then(|| "in a meeting".to_owned());
                (
                    "decline",
                    Operation::Decline {
                        conference,
                        participant,
                        words,
                    },
                )
            }
            134..=138 => {
                let video = match self.random.below(3) {
                    0 => None,
                    n => format!("server{n}").parse().ok(),
                };
                let words = Some("it is gone".to_owned());
                (
                    "pictures",
                    Operation::Pictures {
                        conference,
                        video,
                        words,
                    },
                )
            }
            139..=141 => of!(Hide, "hide", whom),
            142..=143 => of!(Unhide, "unhide", whom),
            _ => {
                let since = match self.random.below(3) {
                    0 => None,
                    _ => Some(self.random.below(version + 2)),
                };
                ("get", Operation::Get { conference, since })
            }
        }
    }

    fn destination(&mut self) -> Destination {
        let person = match self.random.percent(50) {
            true => at_browser("u0"),
            false => party(&format!("u{}", self.random.below(9))),
        };
        Destination {
            address: person.address,
            mode: person.mode,
            place: person.place,
            guard: person.guard.then_some(true),
            language: person.language,
        }
    }

    /// Somebody's client calls, mostly one of a conference's people and with a call that is new.
    fn arrive(&mut self) -> Verdict {
        let running = self.oracle.conferences.iter();
        let running: Vec<String> = running
            .filter(|(_, seen)| !seen.ended)
            .map(|(name, _)| name.clone())
            .collect();
        let Some(name) = self.random.pick(&running).cloned() else {
            return self.create();
        };
        let roster = &self.oracle.conferences[&name].roster;
        let members = roster.values().filter_map(|one| one.user.clone());
        let members: Vec<String> = members.collect();
        let who = match self.random.pick(&members) {
            Some(member) if self.random.percent(90) => member.parse().unwrap(),
            _ => aor(&format!("u{}", self.random.below(9))),
        };
        if self.arrivals == 0 || self.random.percent(90) {
            self.arrivals += 1;
        }
        let call = format!("a{}", self.arrivals);
        let words = match &self.trace {
            Some(_) => format!("{who} calls {name} as {call}"),
            None => String::new(),
        };
        let arrived = BridgeEvent::Arrived {
            call: call.clone(),
            conference: conference(&name),
            user: who,
        };
        self.focus.handle_bridge(arrived, self.now);
        self.take(&Input::Arrived(&call), &words)
    }

    /// Gives a command and judges what comes; whether it was carried out.
    fn give(&mut self, name: &str, actor: Actor, operation: Operation) -> Verdict<bool> {
        self.commands += 1;
        let id: CommandId = format!("c{}", self.commands).parse().unwrap();
        let words = match &self.trace {
            Some(_) => format!(
                "{:?}: {operation:?}",
                actor.user.as_ref().map(|one| one.user())
            ),
            None => String::new(),
        };
        let before = self.focus.snapshot(operation.conference(), self.now);
        let was_ending = before.is_some_and(|seen| seen.state == ConferenceState::Ending);
        let command = Command {
            id: id.clone(),
            actor: actor.clone(),
            operation,
        };
        self.focus.handle_command(command, self.now);
        let faults = self.faults();
        let input = Input::Command {
            id: &id,
            name,
            actor: &actor,
            was_ending,
        };
        self.take(&input, &words)?;
        Ok(self.faults() == faults)
    }

    fn faults(&self) -> u64 {
        let all = self.oracle.happened.iter();
        all.filter(|(what, _)| what.starts_with("fault"))
            .map(|(_, count)| count)
            .sum()
    }

    /// Something happens to one call, mostly what telephones do.
    fn telephone(&mut self) -> Verdict {
        let alive = self.calls.iter().enumerate();
        let alive: Vec<usize> = alive
            .filter(|(_, call)| !call.over && !call.deaf)
            .map(|(index, _)| index)
            .collect();
        let Some(index) = self.random.pick(&alive).copied() else {
            return self.time();
        };
        let call = &self.calls[index];
        let event = match (call.released, self.random.below(100)) {
            (true, 0..=69) | (false, 0..=4) => self.an_end(),
            (_, 70..=73) => LegEvent::Held { on: !call.held },
            (_, 74..=84) => LegEvent::Talking { on: !call.talking },
            (_, 85..=86) => LegEvent::Silent {
                on: self.random.percent(50),
            },
            // Two keys of a code, and others.
            (_, 87..=93) => return self.type_keys(index),
            (false, 5..=30) if call.rank < 5 => progress(5),
            _ if call.rank >= 5 => LegEvent::Talking { on: !call.talking },
            _ => {
                let skip = usize::from(self.random.percent(10));
                progress((call.rank + 1 + skip).min(5))
            }
        };
        self.say(index, event)
    }

    /// A code, or what is none.
    fn type_keys(&mut self, index: usize) -> Verdict {
        let code = *self
            .random
            .pick(&["*5", "*5", "*6", "*6", "*1", "*", "5", "**6", "*#"])
            .unwrap();
        for key in code.chars() {
            if self.random.percent(50) {
                let ms = self.random.below(900);
                self.pass(Duration::from_millis(ms))?;
            }
            if self.random.percent(2) {
                self.pass(Duration::from_secs(4))?;
            }
            if self.calls[index].over {
                return Ok(());
            }
            self.say(index, LegEvent::Key { key })?;
        }
        Ok(())
    }

    fn an_end(&mut self) -> LegEvent {
        let ends = [
            (LegState::Left, EndReason::HungUp, 200),
            (LegState::Left, EndReason::HungUp, 200),
            (LegState::Left, EndReason::HungUp, 200),
            (LegState::Busy, EndReason::Busy, 486),
            (LegState::NoAnswer, EndReason::RingTimeout, 487),
            (LegState::NoAnswer, EndReason::Voicemail, 200),
            (LegState::Declined, EndReason::Declined, 603),
            (LegState::Unreachable, EndReason::Unreachable, 404),
            (LegState::Failed, EndReason::Trunk, 503),
            (LegState::Failed, EndReason::Trunk, 503),
            (LegState::Failed, EndReason::Network, 500),
        ];
        let (state, reason, sip) = *self.random.pick(&ends).unwrap();
        LegEvent::Ended {
            state,
            cause: cause(reason, sip),
        }
    }

    /// The bridge tells of a call it has, and what it tells has to be passed on as it ought to be.
    fn say(&mut self, index: usize, event: LegEvent) -> Verdict {
        let call = &mut self.calls[index];
        let key = call.key.clone();
        let was_in = call.rank == 5 && !call.released;
        let mut expected = None;
        match &event {
            LegEvent::Ended { .. } => call.over = true,
            LegEvent::Held { on } if was_in => {
                expected = (call.held != *on).then_some(match on {
                    true => LegState::Held,
                    false => LegState::Joined,
                });
                call.held = *on;
            }
            LegEvent::Talking { on } if was_in => call.talking = *on,
            other => {
                if let Some(rank) = (1..=5).find(|rank| progress(*rank) == *other)
                    && rank > call.rank
                {
                    expected = (!call.released).then_some(STATES[rank]);
                    call.rank = rank;
                }
            }
        }
        let ended = call.over;
        let was_live = self.leg_state(&key).is_some_and(|state| !state.is_end());
        self.event(&key, event)?;
        let state = self.leg_state(&key);
        if was_live && ended && !state.is_some_and(LegState::is_end) {
            return Err(format!("{key} ended and nobody was told"));
        }
        if let (true, Some(expected)) = (was_live, expected)
            && state != Some(expected)
        {
            return Err(format!("{key} is {expected}, told {state:?}"));
        }
        Ok(())
    }

    fn leg_state(&self, key: &LegKey) -> Option<LegState> {
        let seen = self.oracle.conferences.get(key.conference.as_str())?;
        Some(seen.legs.get(key.leg.as_str())?.state)
    }

    fn event(&mut self, key: &LegKey, event: LegEvent) -> Verdict {
        let words = match &self.trace {
            Some(_) => format!("{key}: {event:?}"),
            None => String::new(),
        };
        let pressed = match &event {
            LegEvent::Key { key } => Some(*key),
            _ => None,
        };
        let told = BridgeEvent::Leg {
            leg: key.clone(),
            event,
        };
        self.focus.handle_bridge(told, self.now);
        self.take(&Input::Leg(key, pressed), &words)
    }

    /// Events for legs that are not dialled, over, or were never there.
    fn nonsense(&mut self) -> Verdict {
        let conference = format!("x{}", 1 + self.random.below(3));
        let leg = format!("l{}", 1 + self.random.below(12));
        let key = leg_key(&format!("{conference}/{leg}"));
        let seen = self.oracle.conferences.get(&conference);
        let seen = seen.and_then(|seen| seen.legs.get(&leg));
        if seen.is_some_and(|leg| leg.is_placed() && leg.is_live()) {
            return Ok(());
        }
        let before = self.leg_state(&key);
        let event = match self.random.below(8) {
            0 => LegEvent::Held { on: true },
            1 => LegEvent::Talking { on: true },
            2 => LegEvent::Key { key: '#' },
            3 => self.an_end(),
            _ => progress(1 + usize::try_from(self.random.below(5)).unwrap()),
        };
        self.event(&key, event)?;
        if self.leg_state(&key) != before {
            return Err(format!("{key} follows nonsense"));
        }
        Ok(())
    }

    fn time(&mut self) -> Verdict {
        match self.random.below(10) {
            0..=3 => {
                let ms = 1 + self.random.below(2_000);
                self.pass(Duration::from_millis(ms))
            }
            4..=6 => match self.focus.poll_timeout() {
                Some(at) if at < self.now + Duration::from_secs(6) => self.timeout_at(at),
                Some(at) if self.random.percent(15) => self.timeout_at(at),
                _ => Ok(()),
            },
            7 => {
                // A driver that comes late.
                let ms = 1 + self.random.below(10_000);
                self.timeout_at(self.now + Duration::from_millis(ms))
            }
            8 => {
                self.pass(Duration::from_secs(4))?;
                self.judge_talking()
            }
            _ => {
                let s = 1 + self.random.below(60);
                self.pass(Duration::from_secs(s))
            }
        }
    }

    /// Time passes with every timer at its moment.
    fn pass(&mut self, time: Duration) -> Verdict {
        let until = self.now + time;
        while let Some(at) = self.focus.poll_timeout().filter(|at| *at <= until) {
            self.timeout_at(at)?;
        }
        self.now = until;
        Ok(())
    }

    fn timeout_at(&mut self, at: Instant) -> Verdict {
        self.now = self.now.max(at);
        self.focus.handle_timeout(self.now);
        self.take(&Input::Timeout, "time")?;
        match self.focus.poll_timeout() {
            Some(next) if next <= self.now => Err("a timer that is due and not done".to_owned()),
            _ => Ok(()),
        }
    }

    /// After some quiet, who is heard is shown as talking, and nobody else.
    fn judge_talking(&mut self) -> Verdict {
        for call in &self.calls {
            let seen = self.oracle.conferences.get(call.key.conference.as_str());
            let leg = call.key.leg.as_str();
            let current = seen.and_then(|seen| seen.roster.values().find(|one| one.leg == leg));
            let live = self
                .leg_state(&call.key)
                .is_some_and(|state| !state.is_end());
            if let Some(participant) = current
                && live
                && participant.talking != (call.talking && !participant.muted)
            {
                return Err(format!("{} talks: {}", call.key, call.talking));
            }
        }
        Ok(())
    }

    /// Everything ends, one way or another, and nothing is left.
    fn drain(&mut self) -> Verdict {
        match self.random.below(3) {
            0 => self.shut_down()?,
            1 => {
                for id in self.focus.conference_ids() {
                    let end = Operation::End { conference: id };
                    self.give("end", Actor::administrator(), end)?;
                }
            }
            _ => {
                // Everybody hangs up; what is left (people being called, who do not answer) is ended after some time.
                for index in 0..self.calls.len() {
                    if !self.calls[index].over && !self.calls[index].deaf {
                        let end = self.an_end();
                        self.say(index, end)?;
                    }
                }
                self.pass(Duration::from_secs(300))?;
                self.shut_down()?;
            }
        }
        for _ in 0..DRAIN_ROUNDS {
            for index in 0..self.calls.len() {
                let call = &self.calls[index];
                if call.released && !call.over && !call.deaf {
                    let end = self.an_end();
                    self.say(index, end)?;
                }
            }
            match self.focus.poll_timeout() {
                Some(at) => self.timeout_at(at)?,
                None if self.focus.is_empty() => return self.judge_end(),
                None => return Err("conferences are left and no timer".to_owned()),
            }
        }
        Err("it hangs".to_owned())
    }

    fn judge_end(&self) -> Verdict {
        for name in ["a", "b"] {
            if self.focus.lines_in_use(name) != Some(0) {
                return Err(format!("lines of {name} leaked"));
            }
        }
        self.oracle.drained()
    }

    /// Takes the outputs of one input, lets the bridge follow them, and judges them.
    fn take(&mut self, input: &Input, what: &str) -> Verdict {
        let outputs: Vec<Output> = std::iter::from_fn(|| self.focus.poll_output()).collect();
        if let Some(trace) = &mut self.trace {
            let at = self.now - self.start;
            trace.push(format!("{at:?} {what}"));
            trace.extend(words(&outputs).iter().map(|word| format!("        {word}")));
        }
        for output in &outputs {
            match output {
                Output::Bridge(BridgeCommand::Dial { leg, .. }) => self.call_begins(leg),
                Output::Bridge(BridgeCommand::Admit { leg, .. })
                    if !self.calls.iter().any(|call| call.key == *leg) =>
                {
                    self.call_begins(leg);
                }
                Output::Bridge(BridgeCommand::Release { leg }) => {
                    if let Some(call) = self.calls.iter_mut().find(|call| call.key == *leg) {
                        call.released = true;
                    }
                }
                _ => {}
            }
        }
        self.oracle.judge(self.now, input, &outputs)?;
        // Whoever calls in begins where their leg stands.
        for output in &outputs {
            if let Output::Bridge(BridgeCommand::Admit { leg, .. }) = output {
                let state = self.leg_state(leg);
                let rank = STATES.iter().position(|shown| Some(*shown) == state);
                let call = self.calls.iter_mut().find(|call| call.key == *leg);
                if let (Some(call), Some(rank)) = (call, rank) {
                    call.rank = call.rank.max(rank);
                }
            }
        }
        Ok(())
    }

    fn call_begins(&mut self, leg: &LegKey) {
        let deaf = self.random.percent(4);
        self.calls.push(Call {
            key: leg.clone(),
            rank: 0,
            held: false,
            talking: false,
            released: false,
            over: false,
            deaf,
        });
    }
}

/// What shows at each rank of a call.
const STATES: [LegState; 6] = [
    LegState::Queued,
    LegState::Dialling,
    LegState::Ringing,
    LegState::Answered,
    LegState::Confirming,
    LegState::Joined,
];

/// The event that leads to a rank.
fn progress(rank: usize) -> LegEvent {
    match rank {
        1 => LegEvent::Dialling,
        2 => LegEvent::Ringing { sip: 180 },
        3 => LegEvent::Answered,
        4 => LegEvent::Confirming,
        _ => LegEvent::Joined,
    }
}
