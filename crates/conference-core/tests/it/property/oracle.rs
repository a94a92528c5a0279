//! What must hold, judged from the outputs alone: a model of every conference is replayed from its reports, beside the
//! focus and without looking into it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use conference_core::limits::{ADMIT_WAIT, KEY_CODE_WAIT, KEY_CODES_GAP, SETUP_GRACE};
use conference_core::{Actor, Changes, Output, Reply};
use convoke_types::bridge::BridgeCommand;
use convoke_types::limits::{MOVE_TOLD_MS, RING_TIMEOUT_MS};
use convoke_types::report::{Change, Report};
use convoke_types::{
    Address, Cause, CommandId, Fault, LegKey, LegState, MutedBy, Role, VideoServerName,
};

pub type Verdict<T = ()> = Result<T, String>;

/// How long it is told why somebody's moving came to nothing.
const MOVE_TOLD: Duration = Duration::from_millis(MOVE_TOLD_MS);

macro_rules! hold {
    ($holds:expr, $($words:tt)*) => {
        if !$holds {
            return Err(format!($($words)*));
        }
    };
}

// After the macro, so that they have it.
mod outputs;
mod seen;
mod snapshot;

/// What the focus was given.
pub enum Input<'i> {
    /// A command, with the operation's name and whether the conference was ending before.
    Command {
        id: &'i CommandId,
        name: &'i str,
        actor: &'i Actor,
        was_ending: bool,
    },
    /// An event of one leg, and the key if it is one.
    Leg(&'i LegKey, Option<char>),
    /// A client calls.
    Arrived(&'i str),
    /// The bridge of this conference is lost, or that of all.
    Lost(Option<&'i str>),
    /// Another bridge has this conference's sound.
    Moved(&'i str),
    Timeout,
    Shutdown,
}

/// A trunk as configured, and what is seen of it.
pub struct SeenTrunk {
    pub name: &'static str,
    pub lines: u32,
    pub interval: Duration,
    last_dial: Option<Instant>,
    used: u32,
}

impl SeenTrunk {
    pub fn new(name: &'static str, lines: u32, interval: Duration) -> Self {
        Self {
            name,
            lines,
            interval,
            last_dial: None,
            used: 0,
        }
    }
}

#[derive(Default)]
pub struct Seen {
    pub log: Vec<Report>,
    pub roster: BTreeMap<String, SeenParticipant>,
    pub legs: BTreeMap<String, SeenLeg>,
    pub all_at_once: bool,
    pub ended: bool,
    closed: bool,
    owner_joined: bool,
    end_commanded: Option<(Instant, String)>,
    talking: Vec<Instant>,
    locked: bool,
    /// Where the pictures are, or were, and whether they are lost.
    pictures: (Option<VideoServerName>, bool),
    /// Whose hands are up, in order.
    hands: Vec<String>,
}

#[derive(Default)]
pub struct SeenParticipant {
    pub leg: String,
    /// The leg with which they are to go on while they are in.
    moving: Option<String>,
    pub user: Option<String>,
    pub muted: bool,
    pub muted_by: Option<MutedBy>,
    pub talking: bool,
    silent: bool,
    hidden: bool,
    role: Option<Role>,
}

pub struct SeenLeg {
    participant: String,
    pub state: LegState,
    cause: Option<Cause>,
    pub dialled: bool,
    /// The call that was admitted for it.
    admitted: Option<String>,
    /// At a client, by its place.
    client: bool,
    pub released: bool,
    /// Released while they were in with another one.
    taken_back: bool,
    /// When a star was pressed that waits, and when the last code was complete.
    star: Option<Instant>,
    code: Option<Instant>,
    at: Option<Address>,
    since: Option<Instant>,
    ended: Option<Instant>,
    trunk: Option<String>,
    recorded: bool,
}

impl SeenLeg {
    pub fn is_live(&self) -> bool {
        !self.state.is_end()
    }

    /// Whether the bridge knows of it.
    pub fn is_placed(&self) -> bool {
        self.dialled || self.admitted.is_some()
    }

    fn is_in(&self) -> bool {
        matches!(self.state, LegState::Joined | LegState::Held)
    }

    fn rang_out(&self, now: Instant) -> bool {
        let ring_time = match self.admitted {
            Some(_) => ADMIT_WAIT,
            None => Duration::from_millis(RING_TIMEOUT_MS) + SETUP_GRACE,
        };
        !self.is_in() && self.since.is_some_and(|since| now - since >= ring_time)
    }
}

/// A report of a leg.
struct LegChange<'r> {
    key: &'r str,
    state: LegState,
    cause: Option<&'r Cause>,
    client: bool,
    moving: bool,
}

struct LegNews {
    freed: Option<String>,
    over_another_trunk: bool,
    /// What became of somebody's moving.
    moved: Option<&'static str>,
}

pub struct Oracle {
    pub trunks: Vec<SeenTrunk>,
    pub conferences: BTreeMap<String, Seen>,
    pub happened: BTreeMap<String, u64>,
}

impl Oracle {
    pub fn new(trunks: Vec<SeenTrunk>) -> Self {
        Self {
            trunks,
            conferences: BTreeMap::new(),
            happened: BTreeMap::new(),
        }
    }

    pub fn note(&mut self, what: &str) {
        match self.happened.get_mut(what) {
            Some(count) => *count += 1,
            None => {
                self.happened.insert(what.to_owned(), 1);
            }
        }
    }

    /// Judges everything that came out of one input.
    pub fn judge(&mut self, now: Instant, input: &Input, outputs: &[Output]) -> Verdict {
        if let Input::Lost(whose) = input {
            // A lost bridge takes everybody at once; there is no order of releases any more.
            for (name, seen) in &mut self.conferences {
                if whose.is_none_or(|whose| whose == name) {
                    seen.end_commanded = None;
                }
            }
        }
        if let Input::Moved(name) = input {
            hold!(outputs.len() <= 1, "more than told: {outputs:?}");
            let told = matches!(
                outputs,
                [Output::Report(Report { conference, change: Change::Sound { .. }, .. })] if conference.as_str() == *name
            );
            hold!(told || outputs.is_empty(), "something else: {outputs:?}");
        }
        let code = self.code(now, input);
        let mut said = 0;
        let mut answered = 0;
        let mut reply = None;
        let mut rank = 0;
        for (index, output) in outputs.iter().enumerate() {
            let this = match output {
                Output::Reply { .. } => 0,
                Output::Report(_) | Output::Record(_) => 1,
                Output::Bridge(_) => 2,
            };
            hold!(this >= rank, "outputs out of order: {output:?}");
            rank = this;
            match output {
                Output::Reply { command, result } => {
                    let Input::Command {
                        id,
                        name,
                        was_ending,
                        ..
                    } = input
                    else {
                        return Err("a reply to no command".to_owned());
                    };
                    hold!(index == 0 && command == *id, "a reply to {command}");
                    self.replied(now, name, *was_ending, result);
                    reply = Some(result);
                }
                Output::Report(report) => {
                    self.may_add(input, report)?;
                    self.report(now, report)?;
                }
                Output::Record(record) => self.record(now, record)?,
                Output::Bridge(command) => {
                    said += u32::from(matches!(command, BridgeCommand::Announce { .. }));
                    answered += u32::from(matches!(
                        command,
                        BridgeCommand::Admit { .. } | BridgeCommand::Refuse { .. }
                    ));
                    self.bridge(now, input, command)?;
                }
            }
        }
        let arrived = matches!(input, Input::Arrived(_));
        hold!(
            answered == u32::from(arrived),
            "{answered} answers to an arrival"
        );
        let floor = matches!(
            input,
            Input::Command {
                name: "giveFloor",
                ..
            }
        );
        hold!(
            said == u32::from(code) || (floor && said == 1),
            "{said} sentences, code {code}"
        );
        self.whole()?;
        let wants_reply = matches!(input, Input::Command { .. });
        hold!(reply.is_some() == wants_reply, "a command without a reply");
        if let Some(Ok(reply)) = reply {
            self.snapshot(now, reply)?;
        }
        Ok(())
    }

    /// Whether the input completes a code of somebody who is in.
    fn code(&mut self, now: Instant, input: &Input) -> bool {
        let Input::Leg(key, Some(pressed)) = input else {
            return false;
        };
        let seen = self.conferences.get_mut(key.conference.as_str());
        let leg = seen.and_then(|seen| seen.legs.get_mut(key.leg.as_str()));
        let Some(leg) = leg.filter(|leg| leg.is_in() && !leg.released) else {
            return false;
        };
        let star = leg.star.take();
        if *pressed == '*' {
            leg.star = Some(now);
            return false;
        }
        let in_time = star.is_some_and(|at| now - at <= KEY_CODE_WAIT);
        let too_soon = leg.code.is_some_and(|at| now - at < KEY_CODES_GAP);
        let complete = in_time && !too_soon && "156".contains(*pressed);
        if complete {
            leg.code = Some(now);
        }
        complete
    }

    /// While it is locked, only who moderates puts people on the roster.
    fn may_add(&self, input: &Input, report: &Report) -> Verdict {
        let seen = self.conferences.get(report.conference.as_str());
        if let (Change::Added, Some(seen)) = (&report.change, seen)
            && seen.locked
        {
            let Input::Command { actor, .. } = input else {
                return Err("somebody was added by nobody".to_owned());
            };
            let user = actor.user.as_ref().map(ToString::to_string);
            let mut theirs = seen.roster.values().filter(|one| one.user == user);
            let moderates =
                theirs.any(|one| matches!(one.role, Some(Role::Owner | Role::Moderator)));
            hold!(
                actor.administrator || moderates,
                "added to a locked conference by {user:?}"
            );
        }
        Ok(())
    }

    /// What holds between inputs.
    fn whole(&self) -> Verdict {
        for (name, seen) in self.conferences.iter().filter(|(_, seen)| !seen.ended) {
            let mut owners = seen.roster.values();
            let owned = owners.clone().count() == 0
                || owners
                    .by_ref()
                    .filter(|one| one.role == Some(Role::Owner))
                    .count()
                    == 1;
            hold!(owned, "{name} has not one owner");
            for (id, leg) in &seen.legs {
                // Who is neither due nor let in is not being called.
                let early = leg.client
                    && leg.is_live()
                    && leg.state != LegState::Queued
                    && leg.admitted.is_none()
                    && leg.participant != "p1"
                    && !(seen.all_at_once || seen.owner_joined);
                hold!(!early, "{name}/{id} rings before the owner joined");
            }
        }
        Ok(())
    }

    /// Judges the end of a case.
    pub fn drained(&self) -> Verdict {
        for (name, seen) in &self.conferences {
            hold!(seen.ended, "conference {name} never ended");
            hold!(seen.closed, "the bridge was never told that {name} is over");
            for (id, leg) in &seen.legs {
                hold!(leg.recorded, "leg {name}/{id} has no record");
            }
        }
        for trunk in &self.trunks {
            hold!(
                trunk.used == 0,
                "{} lines of {} leaked",
                trunk.used,
                trunk.name
            );
        }
        Ok(())
    }

    fn replied(
        &mut self,
        now: Instant,
        name: &str,
        was_ending: bool,
        result: &Result<Reply, Fault>,
    ) {
        match result {
            Ok(reply) => {
                self.note(&format!("reply {name}"));
                let snapshot = &reply.snapshot;
                if name == "create" {
                    self.conferences
                        .entry(snapshot.conference.to_string())
                        .or_default();
                }
                if name == "end"
                    && !was_ending
                    && let Some(seen) = self.conferences.get_mut(snapshot.conference.as_str())
                {
                    let owner = snapshot.owner.to_string();
                    seen.end_commanded.get_or_insert((now, owner));
                }
                if matches!(&reply.changes, Changes::Since(changes) if !changes.is_empty()) {
                    self.note("get since");
                }
            }
            Err(fault) => self.note(&format!("fault {}", fault.code)),
        }
    }
}
