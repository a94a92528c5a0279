//! Requests on their way through us, and whom the connections speak for that dialogs go over.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sip_proto::auth::Proof;
use sip_proto::endpoint::{ClientTx, ServerTx};
use sip_proto::{FlowId, Source};

use crate::registrar::FlowKey;
use crate::server::Request;

/// How long an INVITE may go without a final response after its last provisional one: timer C (RFC 3261 §16.6, step 11: over three
/// minutes).
pub(super) const TIMER_C: Duration = Duration::from_secs(181);
/// How long further 2xx to an INVITE may come: 64·T1 (RFC 6026 §7.2).
pub(super) const FURTHER_2XX: Duration = Duration::from_secs(32);
/// How long a datagram's address may be written to after its client last proved who it is: longer than any subscription lasts.
const ADDRESS_LIFE: Duration = Duration::from_secs(2 * 3600);
/// How often those are looked for that count no more, when there is no room.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// A request that waits for its responses.
#[derive(Debug)]
pub(super) struct Forward {
    /// Its server side.
    pub request: Request,
    /// Who sent it, when a client did.
    person: Option<Arc<str>>,
    pub is_invite: bool,
    /// A 2xx was passed on.
    pub answered: bool,
    due: Option<Instant>,
}

/// That somebody proved on a connection who they are.
#[derive(Debug)]
struct Opening {
    proof: Proof,
    until: Option<Instant>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Forwards {
    by_client: HashMap<ClientTx, Forward>,
    by_server: HashMap<ServerTx, ClientTx>,
    /// INVITEs by the connection that they came over, until they end.
    calls: HashMap<FlowId, BTreeSet<ClientTx>>,
    people: HashMap<Arc<str>, usize>,
    deadlines: BTreeSet<(Instant, ClientTx)>,
    openings: HashMap<FlowKey, HashMap<Arc<str>, Opening>>,
    /// The connections of each person.
    opened_by: HashMap<Arc<str>, HashSet<FlowKey>>,
    openings_count: usize,
    /// When those that count no more were last looked for.
    swept: Option<Instant>,
}

impl Forwards {
    /// Number of requests on their way.
    pub(crate) fn len(&self) -> usize {
        self.by_client.len()
    }

    /// How many of them a person sent.
    pub(super) fn of(&self, person: &str) -> usize {
        self.people.get(person).copied().unwrap_or_default()
    }

    pub(super) fn begin(
        &mut self,
        tx: ClientTx,
        request: Request,
        person: Option<Arc<str>>,
        is_invite: bool,
        now: Instant,
    ) {
        if let Some(person) = &person {
            let count = self.people.entry(person.clone()).or_default();
            *count = count.saturating_add(1);
        }
        self.by_server.insert(request.tx, tx);
        if is_invite && request.source.transport.is_reliable() {
            self.calls
                .entry(request.source.flow)
                .or_default()
                .insert(tx);
        }
        let forward = Forward {
            request,
            person,
            is_invite,
            answered: false,
            due: None,
        };
        self.by_client.insert(tx, forward);
        if is_invite {
            self.set_due(tx, TIMER_C, now);
        }
    }

    pub(super) fn get_mut(&mut self, tx: ClientTx) -> Option<&mut Forward> {
        self.by_client.get_mut(&tx)
    }

    /// The way on of an INVITE that came in this transaction.
    pub(super) fn onward(&self, tx: ServerTx) -> Option<ClientTx> {
        self.by_server.get(&tx).copied()
    }

    pub(super) fn end(&mut self, tx: ClientTx) -> Option<Forward> {
        let forward = self.by_client.remove(&tx)?;
        self.by_server.remove(&forward.request.tx);
        let flow = forward.request.source.flow;
        if let Some(calls) = self.calls.get_mut(&flow) {
            calls.remove(&tx);
            if calls.is_empty() {
                self.calls.remove(&flow);
            }
        }
        if let Some(at) = forward.due {
            self.deadlines.remove(&(at, tx));
        }
        if let Some(person) = &forward.person
            && let Some(count) = self.people.get_mut(person)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.people.remove(person);
            }
        }
        Some(forward)
    }

    pub(super) fn set_due(&mut self, tx: ClientTx, after: Duration, now: Instant) {
        let Some(forward) = self.by_client.get_mut(&tx) else {
            return;
        };
        if let Some(before) = forward.due.take() {
            self.deadlines.remove(&(before, tx));
        }
        forward.due = now.checked_add(after);
        self.deadlines.extend(forward.due.map(|at| (at, tx)));
    }

    /// When `take_due` gives something next.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    pub(super) fn take_due(&mut self, now: Instant) -> Option<ClientTx> {
        let (at, tx) = self
            .deadlines
            .first()
            .copied()
            .filter(|(at, _)| *at <= now)?;
        self.deadlines.remove(&(at, tx));
        if let Some(forward) = self.by_client.get_mut(&tx) {
            forward.due = None;
        }
        Some(tx)
    }

    /// INVITEs that came over this connection and have no final response.
    pub(super) fn calls_over(&self, flow: FlowId) -> Vec<ClientTx> {
        let calls = self.calls.get(&flow).into_iter().flatten();
        let waits = |tx: &&ClientTx| self.by_client.get(tx).is_some_and(|f| !f.answered);
        calls.filter(waits).copied().collect()
    }

    /// Somebody proved on this connection who they are; false when too many are remembered.
    pub(super) fn open(
        &mut self,
        source: &Source,
        person: &Arc<str>,
        (proof, ends): (Proof, Option<Instant>),
        most: usize,
        now: Instant,
    ) -> bool {
        let key = FlowKey::of(source);
        let known = self.openings.get(&key);
        let is_new = known.is_none_or(|people| !people.contains_key(person));
        if is_new && self.openings_count >= most {
            self.forget_old(now);
            if self.openings_count >= most {
                return false;
            }
        }
        let life = match source.transport.is_reliable() {
            true => None,
            false => now.checked_add(ADDRESS_LIFE),
        };
        let until = ends.into_iter().chain(life).min();
        let flows = self.opened_by.entry(person.clone()).or_default();
        flows.insert(key);
        let people = self.openings.entry(key).or_default();
        people.insert(person.clone(), Opening { proof, until });
        self.openings_count = self.openings_count.saturating_add(usize::from(is_new));
        true
    }

    /// Whether this person proved on this connection who they are, and it still counts.
    pub(super) fn is_open(&self, key: FlowKey, person: &str, now: Instant) -> bool {
        let opening = self
            .openings
            .get(&key)
            .and_then(|people| people.get(person));
        opening.is_some_and(|opening| opening.until.is_none_or(|until| until > now))
    }

    /// A connection closed.
    pub(super) fn close(&mut self, flow: FlowId) {
        let key = FlowKey::of_connection(flow);
        let people = self.openings.get(&key).into_iter().flatten();
        let people: Vec<Arc<str>> = people.map(|(person, _)| person.clone()).collect();
        for person in people {
            self.shut(key, &person);
        }
    }

    /// What a person proved with this counts no more.
    pub(crate) fn revoke(&mut self, person: &str, proof: Proof) {
        let opening = |key: &FlowKey| self.openings.get(key)?.get(person);
        let flows = self.opened_by.get(person).into_iter().flatten();
        let flows = flows.filter(|key| opening(key).is_some_and(|opening| opening.proof == proof));
        let flows: Vec<FlowKey> = flows.copied().collect();
        for key in flows {
            self.shut(key, person);
        }
    }

    /// This person speaks no longer for this connection.
    fn shut(&mut self, key: FlowKey, person: &str) {
        if let Some(people) = self.openings.get_mut(&key)
            && people.remove(person).is_some()
        {
            self.openings_count = self.openings_count.saturating_sub(1);
            if people.is_empty() {
                self.openings.remove(&key);
            }
        }
        if let Some(flows) = self.opened_by.get_mut(person) {
            flows.remove(&key);
            if flows.is_empty() {
                self.opened_by.remove(person);
            }
        }
    }

    fn forget_old(&mut self, now: Instant) {
        let swept = |at: Instant| now.saturating_duration_since(at) < SWEEP_EVERY;
        if self.swept.is_some_and(swept) {
            return;
        }
        self.swept = Some(now);
        let all = self.openings.iter();
        let all = all.flat_map(|(key, people)| people.iter().map(|(who, how)| (*key, who, how)));
        let old = all.filter(|(.., how)| how.until.is_some_and(|until| until <= now));
        let old: Vec<_> = old.map(|(key, who, _)| (key, who.clone())).collect();
        for (key, person) in old {
            self.shut(key, &person);
        }
    }
}
