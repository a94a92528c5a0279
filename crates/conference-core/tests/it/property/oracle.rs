//! What must hold, judged from the outputs alone: a model of every conference is replayed from its reports, beside the
//! focus and without looking into it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use conference_core::limits::{
    ADMIT_WAIT, KEY_CODE_WAIT, KEY_CODES_GAP, OWNER_RELEASE_WAIT, SETUP_GRACE, TALKING_CHANGES_MAX,
    TALKING_WINDOW,
};
use conference_core::{Actor, Changes, LegRecord, Output, Reply};
use convoke_types::bridge::BridgeCommand;
use convoke_types::limits::{MOVE_TOLD_MS, RING_TIMEOUT_MS};
use convoke_types::media::Prompt;
use convoke_types::report::{Change, ConferenceEndReason, Report};
use convoke_types::{
    Address, Cause, CommandId, EndReason, Fault, LegKey, LegState, Role, VideoServerName,
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

    fn report(&mut self, now: Instant, report: &Report) -> Verdict {
        let name = report.conference.to_string();
        let Some(seen) = self.conferences.get_mut(&name) else {
            return Err(format!("a report of an unknown conference: {report:?}"));
        };
        hold!(!seen.ended, "a report after the end: {report:?}");
        let due = u64::try_from(seen.log.len()).unwrap() + 1;
        hold!(report.version == due, "version {due} expected: {report:?}");
        let is_first = matches!(report.change, Change::Created);
        hold!(is_first == (due == 1), "created is first, once: {report:?}");
        seen.log.push(report.clone());
        let Some(reference) = &report.participant else {
            return match &report.change {
                Change::Created => Ok(()),
                Change::Locked { on } => {
                    hold!(seen.locked != *on, "locked {on} twice");
                    seen.locked = *on;
                    self.note(if *on { "locked" } else { "open" });
                    Ok(())
                }
                Change::Pictures { video, words } => {
                    let lost = video.is_none();
                    let at = (video.clone().or(seen.pictures.0.clone()), lost);
                    hold!(seen.pictures != at, "pictures {video:?} twice");
                    hold!(words == "it is gone", "other words: {words}");
                    seen.pictures = at;
                    self.note(if lost {
                        "pictures lost"
                    } else {
                        "pictures moved"
                    });
                    Ok(())
                }
                Change::Sound { words } => {
                    hold!(words == "mixed elsewhere", "other words: {words}");
                    self.note("sound moved");
                    Ok(())
                }
                Change::Ended { cause } => {
                    seen.end(cause.reason)?;
                    hold!(!cause.words.is_empty(), "an end without words");
                    self.note(&format!("ended {}", cause.reason.as_str()));
                    Ok(())
                }
                other => Err(format!("nobody's change: {other:?}")),
            };
        };
        let id = reference.id.to_string();
        if let Change::Added = &report.change {
            hold!(!seen.roster.contains_key(&id), "{id} added twice");
            let participant = SeenParticipant {
                user: reference.user.clone(),
                role: Some(reference.role),
                ..SeenParticipant::default()
            };
            seen.roster.insert(id, participant);
            return Ok(());
        }
        let Some(participant) = seen.roster.get_mut(&id) else {
            return Err(format!("somebody not on the roster: {report:?}"));
        };
        let change = &report.change;
        if matches!(change, Change::Role) {
            hold!(
                participant.role != Some(reference.role),
                "{id} got the role that they have"
            );
            participant.role = Some(reference.role);
        }
        hold!(
            participant.role == Some(reference.role),
            "{id} is {:?}, told {:?}",
            reference.role,
            participant.role
        );
        match change {
            Change::Role => {
                let leg = seen.legs.get(&participant.leg);
                if reference.role == Role::Owner {
                    hold!(leg.is_some_and(SeenLeg::is_in), "an owner who is not in");
                    // What the others were waiting for.
                    seen.owner_joined = true;
                }
                self.note(&format!("role {}", reference.role.as_str()));
            }
            Change::Hand { on } => {
                let leg = seen.legs.get(&participant.leg);
                let place = seen.hands.iter().position(|whose| *whose == id);
                hold!(place.is_none() == *on, "{id} hand {on} twice");
                hold!(
                    !*on || leg.is_some_and(SeenLeg::is_in),
                    "a hand of somebody who is not in"
                );
                match place {
                    Some(place) => {
                        seen.hands.remove(place);
                    }
                    None => seen.hands.push(id),
                }
                self.note(if *on { "hand up" } else { "hand down" });
            }
            Change::Leg {
                leg,
                state,
                cause,
                moving,
            } => {
                let leg = leg.to_string();
                let is_owner = reference.role == Role::Owner;
                let news = LegChange {
                    key: &leg,
                    state: *state,
                    cause: cause.as_ref(),
                    client: reference.place == "browser",
                    moving: *moving,
                };
                let reason = cause.as_ref().map(|cause| cause.reason);
                let goes_on = *moving || reason == Some(EndReason::JoinedElsewhere);
                hold!(
                    goes_on || !state.is_end() || !seen.hands.contains(&id),
                    "{id} ends with a hand up"
                );
                let awaits = news.client && *state == LegState::Ringing;
                let what = seen.leg(now, &id, is_owner, news)?;
                if awaits {
                    self.note("awaited");
                }
                if let Some(trunk) = what.freed {
                    let trunk = self
                        .trunks
                        .iter_mut()
                        .find(|one| one.name == trunk)
                        .unwrap();
                    hold!(trunk.used > 0, "a line of {} freed twice", trunk.name);
                    trunk.used -= 1;
                }
                if reference.role == Role::Owner && id != "p1" {
                    self.note("handed over");
                }
                match cause {
                    Some(cause) => self.note(&format!("leg {state} {}", cause.reason.as_str())),
                    None => self.note(&format!("leg {state}")),
                }
                if *moving {
                    self.note(&format!("moving {state}"));
                }
                if let Some(moved) = what.moved {
                    self.note(moved);
                }
                if what.over_another_trunk {
                    self.note("called over another trunk");
                }
            }
            Change::Muted { on } => {
                hold!(participant.muted != *on, "muted {on} twice");
                participant.muted = *on;
            }
            Change::Talking { on } => {
                hold!(participant.talking != *on, "talking {on} twice");
                participant.talking = *on;
                seen.talked(now)?;
                self.note("talking");
            }
            Change::Hidden { on } => {
                hold!(participant.hidden != *on, "hidden {on} twice");
                participant.hidden = *on;
                self.note(if *on { "hidden" } else { "seen" });
            }
            Change::Silent { on } => {
                hold!(participant.silent != *on, "silent {on} twice");
                participant.silent = *on;
            }
            Change::Removed => {
                let live = seen
                    .legs
                    .get(&participant.leg)
                    .is_some_and(SeenLeg::is_live);
                hold!(!live, "removed with a live leg");
                seen.roster.remove(&id);
                self.note("removed");
            }
            Change::Created
            | Change::Added
            | Change::Locked { .. }
            | Change::Pictures { .. }
            | Change::Sound { .. }
            | Change::Ended { .. } => {
                return Err(format!("not a participant's change: {report:?}"));
            }
        }
        Ok(())
    }

    fn record(&mut self, now: Instant, record: &LegRecord) -> Verdict {
        let seen = self.conferences.get_mut(record.conference.as_str());
        let leg = seen.and_then(|seen| seen.legs.get_mut(record.leg.as_str()));
        let Some(leg) = leg else {
            return Err(format!("a record of an unknown leg: {record:?}"));
        };
        hold!(!leg.recorded, "a second record: {record:?}");
        leg.recorded = true;
        hold!(
            leg.state == record.state,
            "recorded {}, told {}",
            record.state,
            leg.state
        );
        hold!(
            leg.cause.as_ref() == Some(&record.cause),
            "another cause: {record:?}"
        );
        hold!(leg.trunk == record.trunk, "another trunk: {record:?}");
        hold!(record.ended == now, "ended at another time: {record:?}");
        let times = [
            Some(record.queued),
            record.dialled,
            record.answered,
            record.joined,
            Some(record.ended),
        ];
        let known: Vec<Instant> = times.into_iter().flatten().collect();
        hold!(known.is_sorted(), "times out of order: {record:?}");
        Ok(())
    }

    fn bridge(&mut self, now: Instant, input: &Input, command: &BridgeCommand) -> Verdict {
        match command {
            BridgeCommand::Dial { leg, to, trunk, .. } => self.dial(now, leg, to, trunk.as_deref()),
            BridgeCommand::Release { leg: key } => {
                let seen = self.conferences.get_mut(key.conference.as_str());
                let Some(seen) = seen else {
                    let ghost = matches!(input, Input::Leg(said, _) if *said == key);
                    hold!(ghost, "{key} of no conference released");
                    return Ok(());
                };
                seen.release(now, input, key)
            }
            BridgeCommand::Mute { leg: key, .. } => {
                let seen = self.conferences.get(key.conference.as_str());
                let leg = seen.and_then(|seen| seen.legs.get(key.leg.as_str()));
                let known = leg.is_some_and(|leg| leg.is_placed() && leg.is_live());
                hold!(known, "{key} is not there to be muted");
                Ok(())
            }
            BridgeCommand::Announce {
                leg: key, prompt, ..
            } => self.said(input, key, *prompt),
            BridgeCommand::Admit { call, leg: key, .. } => {
                hold!(
                    matches!(input, Input::Arrived(arrived) if arrived == call),
                    "{call} admitted, but it never came"
                );
                let seen = self.conferences.get_mut(key.conference.as_str());
                let leg = seen.and_then(|seen| seen.legs.get_mut(key.leg.as_str()));
                let Some(leg) = leg.filter(|leg| leg.is_live() && leg.client) else {
                    return Err(format!("{key} admitted, but not awaited"));
                };
                hold!(!leg.released, "{key} admitted while it is released");
                match &leg.admitted {
                    None => {
                        leg.admitted = Some(call.clone());
                        leg.since = Some(now);
                        self.note("admitted");
                    }
                    Some(before) => {
                        hold!(before == call, "{key} admitted twice");
                        self.note("admitted again");
                    }
                }
                Ok(())
            }
            BridgeCommand::Refuse { call, sip, words } => {
                hold!(
                    matches!(input, Input::Arrived(arrived) if arrived == call),
                    "{call} refused, but it never came"
                );
                hold!(!words.is_empty(), "refused without words");
                self.note(&format!("refused {sip}"));
                Ok(())
            }
            BridgeCommand::Close { conference } => {
                let Some(seen) = self.conferences.get_mut(conference.as_str()) else {
                    return Err(format!("unknown {conference} closed"));
                };
                hold!(
                    seen.ended && !seen.closed,
                    "{conference} closed at the wrong time"
                );
                seen.closed = true;
                Ok(())
            }
        }
    }

    /// A sentence is true when it is said, and said to who is in.
    fn said(&mut self, input: &Input, key: &LegKey, prompt: Prompt) -> Verdict {
        let seen = self.conferences.get(key.conference.as_str());
        let heard = seen.and_then(|seen| {
            let leg = seen.legs.get(key.leg.as_str())?;
            let participant = seen.roster.get(&leg.participant)?;
            Some((seen, leg, participant))
        });
        let Some((seen, leg, participant)) = heard else {
            return Err(format!("{prompt:?} said to nobody"));
        };
        hold!(leg.is_in() && !leg.released, "{prompt:?} said to {key}");
        let up = seen.hands.contains(&leg.participant);
        let holds = match prompt {
            Prompt::HandUp => up,
            Prompt::HandDown => !up,
            Prompt::Muted | Prompt::MutedByModerator => participant.muted,
            Prompt::Unmuted => !participant.muted,
            Prompt::KeyHelp => true,
            Prompt::PressOneToJoin | Prompt::Goodbye => false,
        };
        hold!(holds, "{prompt:?} said to {key}, which is not so");
        if let Input::Command { .. } = input {
            let tells = prompt == Prompt::Unmuted && !leg.client;
            hold!(tells, "{prompt:?} said to {key}");
        }
        self.note(&format!("said {prompt:?}"));
        Ok(())
    }

    fn dial(&mut self, now: Instant, key: &LegKey, to: &Address, trunk: Option<&str>) -> Verdict {
        let seen = self.conferences.get_mut(key.conference.as_str());
        let Some(seen) = seen.filter(|seen| !seen.ended) else {
            return Err(format!("{key} dialled in no conference"));
        };
        let may_go = seen.all_at_once || seen.owner_joined;
        let mut others = seen.legs.values();
        let same = others.any(|leg| leg.is_live() && leg.at.as_ref() == Some(to));
        hold!(!same, "{key}: {to} is being called already");
        let Some(leg) = seen.legs.get_mut(key.leg.as_str()) else {
            return Err(format!("{key} dialled, but never queued"));
        };
        hold!(*to != Address::Client, "{key}: a client was dialled");
        leg.at = Some(to.clone());
        leg.since = Some(now);
        hold!(!leg.dialled, "{key} dialled twice");
        hold!(
            leg.state == LegState::Queued,
            "{key} dialled while {}",
            leg.state
        );
        hold!(
            may_go || leg.participant == "p1",
            "{key} dialled before the owner joined"
        );
        leg.dialled = true;
        leg.trunk = trunk.map(str::to_owned);
        let Some(trunk) = trunk else {
            hold!(
                matches!(to, Address::Sip(_)),
                "{to} dialled without a trunk"
            );
            return Ok(());
        };
        let trunk = self
            .trunks
            .iter_mut()
            .find(|one| one.name == trunk)
            .unwrap();
        trunk.used += 1;
        hold!(
            trunk.used <= trunk.lines,
            "more calls than lines on {}",
            trunk.name
        );
        if let Some(last) = trunk.last_dial.replace(now) {
            let gap = now - last;
            hold!(
                gap >= trunk.interval,
                "{} dialled again after {gap:?}",
                trunk.name
            );
        }
        Ok(())
    }

    fn snapshot(&self, now: Instant, reply: &Reply) -> Verdict {
        let snapshot = &reply.snapshot;
        let Some(seen) = self.conferences.get(snapshot.conference.as_str()) else {
            return Err("a snapshot of an unknown conference".to_owned());
        };
        let version = u64::try_from(seen.log.len()).unwrap();
        hold!(
            snapshot.version == version,
            "version {} of {version}",
            snapshot.version
        );
        let ids = snapshot
            .roster
            .iter()
            .map(|entry| entry.participant.id.to_string());
        let mut ids: Vec<String> = ids.collect();
        ids.sort();
        hold!(
            snapshot.locked == seen.locked,
            "shown locked {}",
            snapshot.locked
        );
        // A removed owner stays in the last snapshot, since the conference ends with their removal.
        if !seen.ended {
            let known: Vec<String> = seen.roster.keys().cloned().collect();
            hold!(ids == known, "roster {ids:?}, told {known:?}");
        }
        for entry in &snapshot.roster {
            let id = entry.participant.id.as_str();
            let Some(known) = seen.roster.get(id) else {
                continue;
            };
            hold!(entry.muted == known.muted, "{id} muted {}", entry.muted);
            hold!(
                entry.talking == known.talking,
                "{id} talking {}",
                entry.talking
            );
            hold!(entry.silent == known.silent, "{id} silent {}", entry.silent);
            let place = seen.hands.iter().position(|whose| whose == id);
            let place = place.map(|place| u32::try_from(place).unwrap() + 1);
            hold!(entry.hand == place, "{id} hand {:?}", entry.hand);
            hold!(
                entry.hand.is_some() == entry.hand_ms.is_some(),
                "{id} hand since {:?}",
                entry.hand_ms
            );
            let role = Some(entry.participant.role);
            hold!(role == known.role, "{id} role {role:?}");
            hold!(
                entry.leg.id.as_str() == known.leg,
                "{id} has {}",
                entry.leg.id
            );
            let leg = &seen.legs[&known.leg];
            hold!(
                entry.leg.state == leg.state,
                "{id} shown {}",
                entry.leg.state
            );
            hold!(
                entry.leg.cause == leg.cause,
                "{id} shown {:?}",
                entry.leg.cause
            );
            let moving = entry.moving.as_ref();
            let moving = moving.map(|moving| (moving.leg.id.as_str(), moving.leg.state));
            // Why it came to nothing is let go after a while, and not before.
            let let_go = |leg: &SeenLeg| leg.ended.is_some_and(|at| now - at >= MOVE_TOLD);
            let told = known.moving.as_deref();
            let told = told.map(|leg| (leg, &seen.legs[leg]));
            let told = told.filter(|(_, leg)| !let_go(leg));
            let told = told.map(|(name, leg)| (name, leg.state));
            hold!(moving == told, "{id} moves {moving:?}, told {told:?}");
        }
        if let Changes::Since(changes) = &reply.changes {
            let from = seen.log.len() - changes.len();
            hold!(
                seen.log[from..] == changes[..],
                "changes that were not told so"
            );
        }
        Ok(())
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

impl Seen {
    fn leg(
        &mut self,
        now: Instant,
        id: &str,
        is_owner: bool,
        LegChange {
            key,
            state,
            cause,
            client,
            moving,
        }: LegChange,
    ) -> Verdict<LegNews> {
        hold!(
            cause.is_some() == state.is_end(),
            "{key} {state}: cause {cause:?}"
        );
        hold!(
            cause.is_none_or(|cause| !cause.words.is_empty()),
            "{key} ends without words"
        );
        let goes_on = !moving && self.legs.contains_key(key);
        if state == LegState::Queued && !goes_on {
            return self.new_leg(id, key, client, moving);
        }
        let Some(leg) = self.legs.get_mut(key) else {
            return Err(format!("{key} {state} before it was queued"));
        };
        hold!(
            leg.participant == id,
            "{key} is {}'s, not {id}'s",
            leg.participant
        );
        hold!(leg.is_live(), "{key} {state} after it ended {}", leg.state);
        let before = leg.state;
        let moved = self.moves(id, key, state, moving)?;
        let leg = self.legs.get_mut(key).unwrap();
        hold!(
            follows(before, state) || (moved == Some("goes on") && before == state),
            "{key} {state} after {before}"
        );
        let awaited = leg.client && matches!(state, LegState::Dialling | LegState::Ringing);
        if awaited {
            leg.since.get_or_insert(now);
        }
        let needs_bridge = !state.is_end() && !awaited && moved != Some("goes on");
        hold!(
            leg.is_placed() || !needs_bridge,
            "{key} {state}, and the bridge was never told"
        );
        leg.state = state;
        leg.cause = cause.cloned();
        leg.ended = cause.map(|_| now);
        let freed = leg.trunk.clone().filter(|_| state.is_end());
        if is_owner && state == LegState::Joined {
            self.owner_joined = true;
        }
        if let Some(cause) = cause {
            if let Some(participant) = self.roster.get_mut(id).filter(|_| !moving) {
                participant.talking = false;
                participant.silent = false;
            }
            if cause.reason == EndReason::ConferenceEnded && !moving {
                self.owner_goes_last(now, id, key)?;
            }
        }
        Ok(LegNews {
            freed,
            over_another_trunk: false,
            moved,
        })
    }

    /// Whether a leg may be told of as the one that somebody has, or as the one with which they are to go on. Nobody is in twice: one that
    /// joins has taken the other one's place.
    fn moves(
        &mut self,
        id: &str,
        key: &str,
        state: LegState,
        moving: bool,
    ) -> Verdict<Option<&'static str>> {
        let participant = self.roster.get_mut(id).unwrap();
        let is_theirs = participant.moving.as_deref() == Some(key);
        if moving {
            hold!(is_theirs, "{key} is not where {id} goes");
            let here = self.legs.get(&participant.leg);
            hold!(
                here.is_some_and(SeenLeg::is_live) || state.is_end(),
                "{id} goes from nowhere"
            );
            hold!(
                !matches!(state, LegState::Joined | LegState::Held),
                "{id} is in twice"
            );
            let stays = here.is_some_and(|here| here.is_in() && !here.released);
            let missed = state.is_end() && state != LegState::Left;
            if state == LegState::Left {
                participant.moving = None;
            }
            return Ok((missed && stays).then_some("stayed"));
        }
        if !is_theirs {
            hold!(participant.leg == key, "{key} is not {id}'s any more");
            let over = |leg: &String| self.legs.get(leg).is_none_or(|leg| !leg.is_live());
            if state.is_end() {
                participant.moving.take_if(|moving| over(moving));
            }
            return Ok(None);
        }
        let here = self.legs.get(&participant.leg);
        hold!(
            here.is_some_and(|here| !here.is_live()),
            "{id} has {key} beside {}",
            participant.leg
        );
        participant.moving = None;
        participant.leg = key.to_owned();
        Ok(Some(match state {
            LegState::Joined => "moved",
            _ => "goes on",
        }))
    }

    fn new_leg(&mut self, id: &str, key: &str, client: bool, moving: bool) -> Verdict<LegNews> {
        hold!(!self.legs.contains_key(key), "{key} queued twice");
        let participant = self.roster.get_mut(id).unwrap();
        if moving {
            let here = self.legs.get(&participant.leg);
            hold!(here.is_some_and(SeenLeg::is_live), "{id} goes from nowhere");
        }
        let last = match moving {
            true => participant
                .moving
                .as_ref()
                .and_then(|leg| self.legs.get(leg)),
            false => self.legs.get(&participant.leg),
        };
        hold!(
            last.is_none_or(|last| !last.is_live()),
            "{id} called while being called"
        );
        let reason = last
            .and_then(|last| last.cause.as_ref())
            .map(|cause| cause.reason);
        match moving {
            true => participant.moving = Some(key.to_owned()),
            false => participant.leg = key.to_owned(),
        }
        let leg = SeenLeg {
            participant: id.to_owned(),
            state: LegState::Queued,
            cause: None,
            dialled: false,
            admitted: None,
            client,
            star: None,
            code: None,
            released: false,
            taken_back: false,
            at: None,
            since: None,
            ended: None,
            trunk: None,
            recorded: false,
        };
        self.legs.insert(key.to_owned(), leg);
        Ok(LegNews {
            freed: None,
            over_another_trunk: reason == Some(EndReason::Trunk),
            moved: None,
        })
    }

    /// C11: ended by command, the owner's leg neither is released nor ends for it while others are still there
    /// (unless it was never picked up and its own time is over).
    fn owner_goes_last(&self, now: Instant, id: &str, key: &str) -> Verdict {
        let roster = self.roster.get(id);
        let moving = roster.and_then(|one| one.moving.as_deref()) == Some(key);
        if let Some((since, owner)) = &self.end_commanded
            && owner == id
            && !moving
            && !self.legs[key].taken_back
            && now - *since < OWNER_RELEASE_WAIT
            && !self.legs[key].rang_out(now)
        {
            let mut others = self.legs.iter();
            let left = others.find(|(_, leg)| leg.participant != id && leg.is_live());
            hold!(
                left.is_none(),
                "the owner goes before {:?}",
                left.map(|(other, _)| other)
            );
        }
        Ok(())
    }

    fn release(&mut self, now: Instant, input: &Input, key: &LegKey) -> Verdict {
        let said = matches!(input, Input::Leg(said, _) if *said == key);
        // Their legs are given up at once; that they are released lets whoever has the call hang up.
        let given_up = matches!(
            input,
            Input::Lost(_) | Input::Arrived(_) | Input::Command { name: "call", .. }
        );
        // Another leg of theirs has joined in its place.
        let replaced = match input {
            Input::Leg(joined, _) => {
                let of = |key: &LegKey| Some(&self.legs.get(key.leg.as_str())?.participant);
                let joined = self.legs.get(joined.leg.as_str()).filter(|leg| leg.is_in());
                joined.is_some_and(|joined| of(key) == Some(&joined.participant))
            }
            _ => false,
        };
        let participant = match self.legs.get_mut(key.leg.as_str()) {
            Some(leg) if leg.is_live() => {
                hold!(
                    leg.is_placed(),
                    "{key} released, but the bridge has no call"
                );
                hold!(!leg.released, "{key} released twice");
                leg.released = true;
                let roster = self.roster.get(&leg.participant);
                let moving = roster.and_then(|one| one.moving.as_deref());
                leg.taken_back = moving == Some(key.leg.as_str());
                leg.participant.clone()
            }
            _ => {
                hold!(said || given_up || replaced, "{key} released after its end");
                return Ok(());
            }
        };
        self.owner_goes_last(now, &participant, key.leg.as_str())
    }

    fn talked(&mut self, now: Instant) -> Verdict {
        self.talking.push(now);
        let count = self.talking.len();
        if let Some(before) = count.checked_sub(TALKING_CHANGES_MAX + 1) {
            let gap = now - self.talking[before];
            hold!(gap >= TALKING_WINDOW, "six changes of talking in {gap:?}");
        }
        Ok(())
    }

    fn end(&mut self, reason: ConferenceEndReason) -> Verdict {
        let live = self.legs.iter().find(|(_, leg)| leg.is_live());
        hold!(
            live.is_none(),
            "ended while {:?} is there",
            live.map(|(id, _)| id)
        );
        self.ended = true;
        if reason == ConferenceEndReason::OwnerLeft {
            let ends_for_it = |report: &Report| {
                matches!(&report.change,
                Change::Leg { cause: Some(cause), .. } if cause.reason == EndReason::ConferenceEnded)
            };
            let owner_ends = |report: &Report| {
                let is_owner =
                    |one: &convoke_types::report::ParticipantRef| one.role == Role::Owner;
                let is_end = matches!(&report.change, Change::Leg { state, .. } if state.is_end());
                report.participant.as_ref().is_some_and(is_owner) && is_end
            };
            let owner = self.log.iter().rposition(owner_ends);
            let others = self.log.iter().position(ends_for_it);
            hold!(owner.is_some(), "the owner left, but nobody was told");
            hold!(
                others.is_none_or(|at| Some(at) > owner),
                "others went before the owner left"
            );
        }
        Ok(())
    }
}

/// The legal paths, written out once more and apart from the focus.
fn follows(before: LegState, after: LegState) -> bool {
    use LegState::{Answered, Confirming, Dialling, Held, Joined, Queued, Ringing};
    let next: &[LegState] = match before {
        Queued => &[Dialling, Ringing, Answered, Confirming, Joined],
        Dialling => &[Ringing, Answered, Confirming, Joined],
        Ringing => &[Answered, Confirming, Joined],
        Answered => &[Confirming, Joined],
        Confirming => &[Joined],
        Joined => &[Held],
        Held => &[Joined],
        _ => return false,
    };
    after.is_end() || next.contains(&after)
}
