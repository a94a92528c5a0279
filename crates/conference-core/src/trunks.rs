//! Pacing: which leg may be dialled when, and over which trunk.
//!
//! A trunk lets a new call out at its rate (a bucket of one token, so that calls are evenly spaced) while it has a free
//! line; a line is held from the order to dial until the leg is over. Legs wait in one order for all conferences: owners
//! and moderators first, then by time. A leg waits at every trunk that its route names and takes the first that serves it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use convoke_types::{Address, LegKey};

use crate::config::{Config, Route};
use crate::limits;

/// A trunk's place in the configuration.
pub(crate) type TrunkIndex = usize;

/// How an address is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Path {
    /// Without a trunk.
    Direct,
    /// Nobody is dialled: the person's own client calls in.
    Client,
    /// Over one of these, in order of preference; never empty.
    Trunks(Vec<TrunkIndex>),
}

/// A place in the queue; the least goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket {
    priority: Priority,
    number: u64,
}

/// Who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// Owners and moderators.
    First,
    /// Everybody else.
    Then,
}

#[derive(Debug)]
struct Waiter {
    leg: LegKey,
    trunks: Vec<TrunkIndex>,
    since: Instant,
}

#[derive(Debug)]
struct Trunk {
    name: String,
    /// Domains of SIP addresses that it leads to.
    domains: Vec<String>,
    /// Time between two calls.
    interval: Duration,
    lines: u32,
    used: u32,
    /// When the next call may go out; `None` before the first.
    next_at: Option<Instant>,
    /// Since when no line is free.
    full_since: Option<Instant>,
    waiting: BTreeSet<Ticket>,
}

impl Trunk {
    fn may_dial(&self, now: Instant) -> bool {
        self.used < self.lines && self.next_at.is_none_or(|at| at <= now)
    }
}

/// All trunks and who waits for them.
#[derive(Debug)]
pub(crate) struct Trunks {
    trunks: Vec<Trunk>,
    routes: Vec<Route>,
    waiters: BTreeMap<Ticket, Waiter>,
    number: u64,
}

impl Trunks {
    pub(crate) fn new(config: &Config) -> Self {
        let trunks = config.trunks.iter().take(limits::TRUNKS_MAX);
        Self {
            trunks: trunks
                .map(|trunk| Trunk {
                    name: trunk.name.clone(),
                    domains: trunk.domains.clone(),
                    interval: interval(trunk.calls_per_second),
                    lines: trunk.lines.clamp(1, limits::LINES_MAX),
                    used: 0,
                    next_at: None,
                    full_since: None,
                    waiting: BTreeSet::new(),
                })
                .collect(),
            routes: config.routes.clone(),
            waiters: BTreeMap::new(),
            number: 0,
        }
    }

    /// The trunks for an address, or `None` where no route leads there.
    pub(crate) fn path(&self, address: &Address) -> Option<Path> {
        let number = match address {
            Address::Sip(uri) => return Some(self.path_to(host_of(uri))),
            Address::Client => return Some(Path::Client),
            Address::Number(number) => number.as_str(),
        };
        if self.routes.is_empty() {
            return (!self.trunks.is_empty())
                .then(|| Path::Trunks((0..self.trunks.len()).collect()));
        }
        let route = self
            .routes
            .iter()
            .filter(|route| number.starts_with(&route.prefix))
            .max_by_key(|route| route.prefix.len())?;
        let mut indices: Vec<TrunkIndex> = Vec::new();
        for name in &route.trunks {
            let known = self.trunks.iter().position(|trunk| trunk.name == *name);
            indices.extend(known.filter(|index| !indices.contains(index)));
        }
        (!indices.is_empty()).then_some(Path::Trunks(indices))
    }

    /// The trunks that lead to a domain.
    fn path_to(&self, host: &str) -> Path {
        let leads = |trunk: &&Trunk| {
            let mut domains = trunk.domains.iter();
            domains.any(|domain| domain.eq_ignore_ascii_case(host))
        };
        let leading = self.trunks.iter().enumerate();
        let indices: Vec<TrunkIndex> = leading
            .filter(|(_, trunk)| leads(trunk))
            .map(|(index, _)| index)
            .collect();
        match indices.is_empty() {
            true => Path::Direct,
            false => Path::Trunks(indices),
        }
    }

    /// A trunk's name.
    pub(crate) fn name(&self, index: TrunkIndex) -> Option<String> {
        self.trunks.get(index).map(|trunk| trunk.name.clone())
    }

    /// Lines in use on the trunk of this name.
    pub(crate) fn lines_in_use(&self, name: &str) -> Option<u32> {
        let trunk = self.trunks.iter().find(|trunk| trunk.name == name)?;
        Some(trunk.used)
    }

    /// The sum of these trunks' lines.
    pub(crate) fn lines<'i>(&self, indices: impl Iterator<Item = &'i TrunkIndex>) -> u32 {
        indices
            .filter_map(|index| self.trunks.get(*index))
            .map(|trunk| trunk.lines)
            .sum()
    }

    /// Queues a leg that is due.
    pub(crate) fn wait(
        &mut self,
        leg: LegKey,
        trunks: Vec<TrunkIndex>,
        priority: Priority,
        now: Instant,
    ) -> Ticket {
        self.number += 1;
        let ticket = Ticket {
            priority,
            number: self.number,
        };
        for index in &trunks {
            if let Some(trunk) = self.trunks.get_mut(*index) {
                trunk.waiting.insert(ticket);
            }
        }
        self.waiters.insert(
            ticket,
            Waiter {
                leg,
                trunks,
                since: now,
            },
        );
        ticket
    }

    /// Takes a leg out of the queue.
    pub(crate) fn leave(&mut self, ticket: Ticket) {
        self.take(ticket);
    }

    /// Since when a waiting leg has not had any free line; `None` while there is one (it waits for the rate, or its turn).
    pub(crate) fn lineless_since(&self, ticket: Ticket) -> Option<Instant> {
        let waiter = self.waiters.get(&ticket)?;
        let mut since = waiter.since;
        for index in &waiter.trunks {
            since = since.max(self.trunks.get(*index)?.full_since?);
        }
        Some(since)
    }

    /// When `dispatch` will next have a leg, unless a line becomes free or a leg due before.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.trunks
            .iter()
            .filter(|trunk| trunk.used < trunk.lines && !trunk.waiting.is_empty())
            .filter_map(|trunk| trunk.next_at)
            .min()
    }

    /// The next leg that may be dialled now, with the trunk it goes over; takes a line and the trunk's token.
    pub(crate) fn dispatch(&mut self, now: Instant) -> Option<(LegKey, TrunkIndex)> {
        let ticket = self
            .trunks
            .iter()
            .filter(|trunk| trunk.may_dial(now))
            .filter_map(|trunk| trunk.waiting.first())
            .min()
            .copied()?;
        let waiter = self.take(ticket)?;
        let may_dial = |index: &&TrunkIndex| {
            self.trunks
                .get(**index)
                .is_some_and(|trunk| trunk.may_dial(now))
        };
        let index = waiter.trunks.iter().find(may_dial).copied()?;
        let trunk = self.trunks.get_mut(index)?;
        trunk.used += 1;
        trunk.next_at = Some(now + trunk.interval);
        if trunk.used == trunk.lines {
            trunk.full_since = Some(now);
        }
        Some((waiter.leg, index))
    }

    /// Gives a line back.
    pub(crate) fn free(&mut self, index: TrunkIndex) {
        if let Some(trunk) = self.trunks.get_mut(index) {
            trunk.used = trunk.used.saturating_sub(1);
            trunk.full_since = None;
        }
    }

    fn take(&mut self, ticket: Ticket) -> Option<Waiter> {
        let waiter = self.waiters.remove(&ticket)?;
        for index in &waiter.trunks {
            if let Some(trunk) = self.trunks.get_mut(*index) {
                trunk.waiting.remove(&ticket);
            }
        }
        Some(waiter)
    }
}

/// The time between two calls, rounded up so that the rate is never exceeded.
fn interval(calls_per_second: f64) -> Duration {
    let rate = if calls_per_second.is_nan() {
        limits::CALLS_PER_SECOND
    } else {
        calls_per_second.clamp(limits::CALLS_PER_SECOND_MIN, limits::CALLS_PER_SECOND_MAX)
    };
    let whole = Duration::from_secs_f64(rate.recip());
    if whole.as_secs_f64() * rate < 1.0 {
        whole + Duration::from_nanos(1)
    } else {
        whole
    }
}

/// The host of a SIP URI (RFC 3261 §19.1.1), without port.
fn host_of(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let after_user = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let end = after_user.find([';', '?', '>']).unwrap_or(after_user.len());
    let host = after_user.get(..end).unwrap_or_default();
    match host.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}
