//! A focus with a clock of its own, a command line for tests, and readers of what comes out.

use std::time::{Duration, Instant};

use conference_core::{
    Actor, Command, Config, Create, Destination, Focus, LegRecord, Operation, Output, Party,
    PolicyOverrides, Reply, Route, TrunkConfig,
};
use convoke_types::bridge::{BridgeCommand, BridgeEvent, LegEvent};
use convoke_types::bridge_protocol::Feature;
use convoke_types::report::{Change, Report};
use convoke_types::{
    Address, Aor, Cause, CommandId, ConferenceId, EndReason, Fault, LegKey, LegState, Mode,
    MutedBy, ParticipantId,
};

/// Where virtual time begins.
pub fn epoch() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can only be had from the clock; the tests never look at it again"
    )]
    Instant::now()
}

pub fn aor(user: &str) -> Aor {
    Aor::new(user, "example.org").unwrap()
}

pub fn user(name: &str) -> Actor {
    Actor::user(aor(name))
}

pub fn conference(name: &str) -> ConferenceId {
    name.parse().unwrap()
}

pub fn participant(id: &str) -> ParticipantId {
    id.parse().unwrap()
}

pub fn number(digits: &str) -> Address {
    Address::Number(digits.parse().unwrap())
}

/// Somebody with an account, at a number of their own.
pub fn party(name: &str) -> Party {
    let sum: u32 = name.bytes().map(u32::from).sum();
    Party {
        name: name.to_owned(),
        user: Some(aor(name)),
        address: number(&format!("+1555{sum:07}")),
        mode: Mode::Mobile,
        place: "mobile".to_owned(),
        guard: false,
        language: "en".to_owned(),
        moderator: false,
    }
}

/// Somebody at their own clients.
pub fn at_browser(name: &str) -> Party {
    Party {
        address: Address::Client,
        mode: Mode::Computer,
        place: "browser".to_owned(),
        ..party(name)
    }
}

pub fn moderator(name: &str) -> Party {
    Party {
        moderator: true,
        ..party(name)
    }
}

/// A number without an account, guarded.
pub fn outside(digits: &str) -> Party {
    Party {
        name: format!("guest {digits}"),
        user: None,
        address: number(digits),
        guard: true,
        ..party("guest")
    }
}

/// A trunk fast and wide enough not to matter.
pub fn wide_trunk(name: &str) -> TrunkConfig {
    TrunkConfig {
        name: name.to_owned(),
        calls_per_second: 1_000.0,
        lines: 1_000,
        domains: Vec::new(),
    }
}

pub fn trunk(name: &str, calls_per_second: f64, lines: u32) -> TrunkConfig {
    TrunkConfig {
        name: name.to_owned(),
        calls_per_second,
        lines,
        domains: Vec::new(),
    }
}

pub fn route(prefix: &str, trunks: &[&str]) -> Route {
    Route {
        prefix: prefix.to_owned(),
        trunks: trunks.iter().map(|name| (*name).to_owned()).collect(),
    }
}

pub fn create(name: &str, initiator: Party, participants: Vec<Party>) -> Create {
    Create {
        conference: conference(name),
        title: String::new(),
        initiator,
        participants,
        policy: PolicyOverrides::default(),
        payer: None,
        account: None,
        video: None,
    }
}

pub fn cause(reason: EndReason, sip: u16) -> Cause {
    Cause {
        reason,
        sip: Some(sip),
        q850: None,
        words: format!("{} ({sip})", reason.as_str()),
    }
}

pub fn hung_up() -> LegEvent {
    LegEvent::Ended {
        state: LegState::Left,
        cause: cause(EndReason::HungUp, 200),
    }
}

pub fn busy() -> LegEvent {
    LegEvent::Ended {
        state: LegState::Busy,
        cause: cause(EndReason::Busy, 486),
    }
}

pub fn trunk_failed() -> LegEvent {
    LegEvent::Ended {
        state: LegState::Failed,
        cause: cause(EndReason::Trunk, 503),
    }
}

/// A focus, its clock, and what came out of the last input.
pub struct World {
    pub focus: Focus,
    pub now: Instant,
    pub start: Instant,
    pub out: Vec<Output>,
    commands: u32,
}

impl World {
    pub fn new(config: Config) -> Self {
        let now = epoch();
        Self {
            focus: Focus::new(config, now),
            now,
            start: now,
            out: Vec::new(),
            commands: 0,
        }
    }

    pub fn wide() -> Self {
        Self::new(Config::new(vec![wide_trunk("main")]))
    }

    fn take(&mut self) -> &[Output] {
        self.out = std::iter::from_fn(|| self.focus.poll_output()).collect();
        &self.out
    }

    pub fn command(&mut self, actor: Actor, operation: Operation) -> Result<Reply, Fault> {
        self.commands += 1;
        let id: CommandId = format!("c{}", self.commands).parse().unwrap();
        let command = Command {
            id: id.clone(),
            actor,
            operation,
        };
        self.focus.handle_command(command, self.now);
        match self.take().first() {
            Some(Output::Reply { command, result }) if *command == id => result.clone(),
            other => panic!("expected the reply first, came {other:?}"),
        }
    }

    pub fn create(&mut self, create: Create) -> Reply {
        let actor = user(&create.initiator.name);
        self.command(actor, Operation::Create(create)).unwrap()
    }

    pub fn leg(&mut self, key: &str, event: LegEvent) -> &[Output] {
        let leg = leg_key(key);
        let event = BridgeEvent::Leg { leg, event };
        self.focus.handle_bridge(event, self.now);
        self.take()
    }

    /// A client of this user calls conference `x`.
    pub fn arrive(&mut self, call: &str, user: &str) -> &[Output] {
        self.arrive_at("x", call, user)
    }

    pub fn arrive_at(&mut self, name: &str, call: &str, user: &str) -> &[Output] {
        let event = BridgeEvent::Arrived {
            call: call.to_owned(),
            conference: conference(name),
            user: aor(user),
        };
        self.focus.handle_bridge(event, self.now);
        self.take()
    }

    /// A key code on a telephone, as fast as a hand types it; what came of its last key.
    pub fn press(&mut self, key: &str, code: &str) -> &[Output] {
        self.pass(Duration::from_secs(1));
        for pressed in code.chars() {
            self.leg(key, LegEvent::Key { key: pressed });
        }
        &self.out
    }

    pub fn lost(&mut self, words: &str) -> &[Output] {
        self.bridge(BridgeEvent::Lost {
            conference: None,
            words: words.to_owned(),
        })
    }

    /// The bridge of one conference is.
    pub fn lost_in(&mut self, id: &str, words: &str) -> &[Output] {
        self.bridge(BridgeEvent::Lost {
            conference: Some(conference(id)),
            words: words.to_owned(),
        })
    }

    /// A bridge has its sound that cannot do this.
    pub fn mixes(&mut self, id: &str, absent: &[Feature]) -> &[Output] {
        self.bridge(BridgeEvent::Mixes {
            conference: conference(id),
            absent: absent.to_vec(),
        })
    }

    /// Another bridge has its sound.
    pub fn moved(&mut self, id: &str, words: &str) -> &[Output] {
        self.bridge(BridgeEvent::Moved {
            conference: conference(id),
            words: words.to_owned(),
        })
    }

    fn bridge(&mut self, event: BridgeEvent) -> &[Output] {
        self.focus.handle_bridge(event, self.now);
        self.take()
    }

    /// Everything a telephone does that is picked up.
    pub fn join(&mut self, key: &str) -> Vec<Output> {
        let mut all = Vec::new();
        for event in [
            LegEvent::Dialling,
            LegEvent::Ringing { sip: 180 },
            LegEvent::Answered,
            LegEvent::Joined,
        ] {
            all.extend_from_slice(self.leg(key, event));
        }
        self.out = all.clone();
        all
    }

    pub fn shutdown(&mut self) -> &[Output] {
        self.focus.shutdown(self.now);
        self.take()
    }

    /// Lets time pass, with every timer at its own moment; what came out, with when.
    pub fn pass(&mut self, time: Duration) -> Vec<(Duration, Output)> {
        let until = self.now + time;
        let mut all = Vec::new();
        while let Some(at) = self.focus.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.focus.handle_timeout(self.now);
            let now = self.now - self.start;
            all.extend(self.take().iter().map(|output| (now, output.clone())));
        }
        self.now = until;
        self.out = all.iter().map(|(_, output)| output.clone()).collect();
        all
    }
}

pub fn leg_key(key: &str) -> LegKey {
    let (conference, leg) = key.split_once('/').unwrap();
    LegKey {
        conference: conference.parse().unwrap(),
        leg: leg.parse().unwrap(),
    }
}

/// Outputs in a few words each: `p1 l1 joined`, `p1 l2 ringing (moving)`, `dial l1`, `record l1 busy`, `ended by-command`.
pub fn words(outputs: &[Output]) -> Vec<String> {
    outputs.iter().map(word).collect()
}

fn word(output: &Output) -> String {
    match output {
        Output::Reply { result: Ok(_), .. } => "reply".to_owned(),
        Output::Reply {
            result: Err(fault), ..
        } => format!("fault {}", fault.code),
        Output::Report(report) => report_word(report),
        Output::Bridge(BridgeCommand::Dial { leg, trunk, .. }) => match trunk.as_deref() {
            Some("main") | None => format!("dial {}", leg.leg),
            Some(trunk) => format!("dial {} {trunk}", leg.leg),
        },
        Output::Bridge(BridgeCommand::Release { leg }) => format!("release {}", leg.leg),
        Output::Bridge(BridgeCommand::Mute { leg, on }) => format!("mute {} {on}", leg.leg),
        Output::Bridge(BridgeCommand::Announce { leg, prompt, .. }) => {
            format!("say {} {prompt:?}", leg.leg)
        }
        Output::Bridge(BridgeCommand::Admit { call, leg, .. }) => {
            format!("admit {call} {}", leg.leg)
        }
        Output::Bridge(BridgeCommand::Refuse { call, sip, .. }) => format!("refuse {call} {sip}"),
        Output::Bridge(BridgeCommand::Close { conference }) => format!("close {conference}"),
        Output::Record(LegRecord { leg, state, .. }) => format!("record {leg} {state}"),
    }
}

fn report_word(report: &Report) -> String {
    let who = match &report.participant {
        Some(participant) => format!("{} ", participant.id),
        None => String::new(),
    };
    let what = match &report.change {
        Change::Created => "created".to_owned(),
        Change::Added => "added".to_owned(),
        Change::Leg {
            leg,
            state,
            cause,
            moving,
        } => {
            let moving = if *moving { " (moving)" } else { "" };
            match cause {
                Some(cause) => format!("{leg} {state} {}{moving}", cause.reason.as_str()),
                None => format!("{leg} {state}{moving}"),
            }
        }
        Change::Muted { by, .. } => format!("muted {}", by.map_or("false", MutedBy::as_str)),
        Change::Talking { on } => format!("talking {on}"),
        Change::Hidden { on } => format!("hidden {on}"),
        Change::Silent { on } => format!("silent {on}"),
        Change::Hand { on } => format!("hand {on}"),
        Change::Role => {
            let role = report.participant.as_ref().map(|one| one.role.as_str());
            format!("role {}", role.unwrap_or("of nobody"))
        }
        Change::Locked { on } => format!("locked {on}"),
        Change::Pictures { video, words } => {
            let at = video.as_ref().map_or("lost", |name| name.as_str());
            format!("pictures {at} ({words})")
        }
        Change::Sound { words } => format!("sound ({words})"),
        Change::Removed => "removed".to_owned(),
        Change::Ended { cause } => format!("ended {}", cause.reason.as_str()),
    };
    format!("{who}{what}")
}

/// Asserts what came out, in words.
#[track_caller]
pub fn check(outputs: &[Output], expected: &[&str]) {
    assert_eq!(words(outputs), expected);
}

/// When which leg was dialled over which trunk, in milliseconds since the start.
pub fn dials(timed: &[(Duration, Output)]) -> Vec<(u128, String, String)> {
    timed
        .iter()
        .filter_map(|(at, output)| match output {
            Output::Bridge(BridgeCommand::Dial { leg, trunk, .. }) => Some((
                at.as_millis(),
                leg.leg.to_string(),
                trunk.clone().unwrap_or_default(),
            )),
            _ => None,
        })
        .collect()
}

/// An operation of conference `x` about one participant, or about all.
#[macro_export]
macro_rules! on {
    ($operation:ident) => {
        conference_core::Operation::$operation {
            conference: $crate::support::conference("x"),
        }
    };
    ($operation:ident, $who:expr) => {
        conference_core::Operation::$operation {
            conference: $crate::support::conference("x"),
            participant: $crate::support::participant($who),
        }
    };
}

/// Calls somebody of conference `x` where they were called before.
pub fn call(who: &str) -> Operation {
    Operation::Call {
        conference: conference("x"),
        participant: participant(who),
        at: None,
    }
}

/// Somebody of conference `x` declines.
pub fn decline(who: &str, words: Option<&str>) -> Operation {
    Operation::Decline {
        conference: conference("x"),
        participant: participant(who),
        words: words.map(str::to_owned),
    }
}

/// Somebody wants to be called at another place.
pub fn at(who: &str, address: Address, mode: Mode, place: &str) -> Operation {
    Operation::Call {
        conference: conference("x"),
        participant: participant(who),
        at: Some(Destination {
            address,
            mode,
            place: place.to_owned(),
            guard: None,
            language: "en".to_owned(),
        }),
    }
}

/// A client or telephone is picked up.
pub fn get_in(world: &mut World, key: &str) {
    world.leg(key, LegEvent::Answered);
    world.leg(key, LegEvent::Joined);
}

/// Alice (owner, p1) and bob (p2), both in by telephone.
pub fn two() -> World {
    let mut world = World::wide();
    world.create(create("x", party("alice"), vec![party("bob")]));
    world.join("x/l1");
    world.pass(Duration::from_secs(1));
    world.join("x/l2");
    world
}
