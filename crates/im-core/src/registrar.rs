//! Who is reached where (RFC 3261 §10, RFC 5626): the contacts of each person, when they end, and which users a connection
//! speaks for.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use sip_proto::auth::Proof;
use sip_proto::{FlowId, NameAddr, Source, Target, Uri};

use crate::caps::ServiceCaps;

/// Entries of the heap of expiries per person above which those that count no more are swept; below the floor nothing is.
const EXPIRIES_PER_PERSON: usize = 4;
const EXPIRIES_FLOOR: usize = 1_024;

/// One contact of a person.
#[derive(Debug, Clone)]
pub(crate) struct Binding {
    /// Grows with every new contact and every change of flow; a mere renewal keeps it.
    pub id: u64,
    /// The Contact value as registered, without `expires`.
    pub address: NameAddr,
    /// What it says that the device can do.
    pub caps: ServiceCaps,
    /// `+sip.instance` without quotes and brackets.
    pub instance: Option<Arc<str>>,
    pub reg_id: Option<u32>,
    pub q_permille: u16,
    pub call_id: String,
    pub cseq: u32,
    pub expires: Instant,
    pub path: Vec<String>,
    pub target: Target,
    pub user_agent: String,
    /// What it was registered with, as far as known.
    pub proof: Option<Proof>,
}

impl Binding {
    /// RFC 5626 §6: with both, instance and reg-id name the contact; else its URI does (RFC 3261 §10.3, step 7).
    pub(crate) fn is_the_same(
        &self,
        uri: &Uri,
        instance: Option<&str>,
        reg_id: Option<u32>,
    ) -> bool {
        if self.reg_id.is_some()
            && self.instance.is_some()
            && reg_id.is_some()
            && instance.is_some()
        {
            return self.reg_id == reg_id && self.instance.as_deref() == instance;
        }
        self.address.uri().equivalent(uri)
    }

    /// What names the device in delivery marks.
    pub(crate) fn device(&self) -> Arc<str> {
        match &self.instance {
            Some(instance) => instance.clone(),
            None => Arc::from(self.address.uri().as_str()),
        }
    }

    pub(crate) fn flow_key(&self) -> Option<FlowKey> {
        FlowKey::of_target(&self.target)
    }
}

/// A connection, or a socket and the address that talks to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FlowKey {
    flow: FlowId,
    remote: Option<SocketAddr>,
}

impl FlowKey {
    pub(crate) fn of(source: &Source) -> Self {
        Self {
            flow: source.flow,
            remote: (!source.transport.is_reliable()).then_some(source.remote),
        }
    }

    /// That of a way to somebody over a flow that is there.
    pub(crate) fn of_target(target: &Target) -> Option<Self> {
        let remote = (!target.transport.is_reliable()).then_some(target.addr);
        Some(Self {
            flow: target.flow?,
            remote,
        })
    }

    /// That of a connection.
    pub(crate) fn of_connection(flow: FlowId) -> Self {
        Self { flow, remote: None }
    }
}

/// What is known of a user that a connection speaks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlowUser {
    pub until: Instant,
    pub service: bool,
    /// What says so.
    pub proof: Proof,
    /// When that ends, if it does by itself.
    pub proof_ends: Option<Instant>,
    /// Requests need no digest.
    pub trusted: bool,
}

/// Somebody with contacts.
#[derive(Debug)]
pub(crate) struct Person {
    pub bindings: Vec<Binding>,
    /// Whether kept messages were asked for since the process began.
    pub asked_for_kept: bool,
    /// The entry of the heap that counts.
    armed: Option<Instant>,
}

/// All contacts.
#[derive(Debug, Default)]
pub(crate) struct Registrar {
    people: HashMap<Arc<str>, Person>,
    expiries: BinaryHeap<Reverse<(Instant, Arc<str>)>>,
    flows: HashMap<FlowKey, HashMap<Arc<str>, FlowUser>>,
    /// Connections that gained their first user or lost their last one, in this order.
    keeps: VecDeque<(FlowId, bool)>,
    next_id: u64,
}

impl Registrar {
    pub(crate) fn len(&self) -> usize {
        self.people.len()
    }

    pub(crate) fn new_id(&mut self) -> u64 {
        self.next_id = self.next_id.wrapping_add(1);
        self.next_id
    }

    /// The contacts of a person that are in force at `now`, with the person's key.
    pub(crate) fn find<'r>(
        &'r self,
        aor: &str,
        now: Instant,
    ) -> Option<(&'r Arc<str>, impl Iterator<Item = &'r Binding> + use<'r>)> {
        let (key, person) = self.people.get_key_value(aor)?;
        let in_force = person.bindings.iter().filter(move |b| b.expires > now);
        Some((key, in_force))
    }

    pub(crate) fn binding(&self, aor: &str, id: u64) -> Option<&Binding> {
        let person = self.people.get(aor)?;
        person.bindings.iter().find(|binding| binding.id == id)
    }

    pub(crate) fn get(&self, aor: &str) -> Option<&Person> {
        self.people.get(aor)
    }

    /// The person's contacts to be changed; call `settle` afterwards.
    pub(crate) fn entry(&mut self, aor: &Arc<str>) -> &mut Person {
        self.people.entry(aor.clone()).or_insert_with(|| Person {
            bindings: Vec::new(),
            asked_for_kept: false,
            armed: None,
        })
    }

    /// After a change of contacts: forgets a person without any, what connections without a contact speak for, and sets the
    /// next expiry.
    pub(crate) fn settle(&mut self, aor: &Arc<str>, removed: &[Binding]) {
        for key in removed.iter().filter_map(Binding::flow_key) {
            let still_used = self
                .people
                .get(aor)
                .is_some_and(|person| person.bindings.iter().any(|b| b.flow_key() == Some(key)));
            if !still_used {
                self.revoke(key, aor);
            }
        }
        let Some(person) = self.people.get_mut(aor) else {
            return;
        };
        let Some(first) = person.bindings.iter().map(|b| b.expires).min() else {
            self.people.remove(aor);
            return;
        };
        // An earlier entry is left alone: when it comes up, it is set anew.
        if person.armed.is_none_or(|armed| first < armed) {
            person.armed = Some(first);
            self.expiries.push(Reverse((first, aor.clone())));
            self.sweep_expiries();
        }
    }

    /// Who comes and goes again and again leaves an entry each time.
    fn sweep_expiries(&mut self) {
        let people = &self.people;
        let most = people.len().saturating_mul(EXPIRIES_PER_PERSON);
        if self.expiries.len() > most.saturating_add(EXPIRIES_FLOOR) {
            self.expiries.retain(|Reverse((at, aor))| {
                people
                    .get(aor)
                    .is_some_and(|person| person.armed == Some(*at))
            });
        }
    }

    /// Whether no more users may register over this connection.
    pub(crate) fn is_full(&self, key: FlowKey, aor: &str, users_max: usize) -> bool {
        let users = self.flows.get(&key);
        users.is_some_and(|users| users.len() >= users_max && !users.contains_key(aor))
    }

    /// From now until `user.until` requests on this connection are this user's.
    pub(crate) fn authenticate(&mut self, key: FlowKey, aor: &Arc<str>, user: FlowUser) {
        let users = self.flows.entry(key).or_default();
        if users.is_empty() && key.remote.is_none() {
            self.keeps.push_back((key.flow, true));
        }
        users.insert(aor.clone(), user);
    }

    /// The next connection that somebody is now registered on (true) or nobody any more.
    pub(crate) fn next_keep(&mut self) -> Option<(FlowId, bool)> {
        self.keeps.pop_front()
    }

    /// Whether requests on this connection are this user's.
    pub(crate) fn authenticated(
        &self,
        key: FlowKey,
        aor: &str,
        now: Instant,
    ) -> Option<(&Arc<str>, FlowUser)> {
        let (aor, user) = self.flows.get(&key)?.get_key_value(aor)?;
        (user.trusted && user.until > now).then_some((aor, *user))
    }

    /// A password or token is in force no more: what was registered with it is gone, and no connection speaks for the person by it.
    /// Gives back whether contacts are gone. Those of whom it is not known are gone with any password: tokens are not saved.
    pub(crate) fn revoke_proof(&mut self, aor: &Arc<str>, proof: Proof) -> bool {
        let person = self.people.get(aor);
        let bindings = person.iter().flat_map(|person| &person.bindings);
        for key in bindings.filter_map(Binding::flow_key) {
            let users = self.flows.get_mut(&key);
            if let Some(user) = users.and_then(|users| users.get_mut(aor)) {
                user.trusted &= user.proof != proof;
            }
        }
        let is_password = matches!(proof, Proof::Password(_));
        self.take(aor, |b| b.proof.map_or(is_password, |with| with == proof)) > 0
    }

    /// The account changed: no connection speaks for it until it registers again.
    pub(crate) fn revoke_all(&mut self, aor: &str) {
        let Some(person) = self.people.get(aor) else {
            return;
        };
        for key in person.bindings.iter().filter_map(Binding::flow_key) {
            if let Some(user) = self
                .flows
                .get_mut(&key)
                .and_then(|users| users.get_mut(aor))
            {
                user.trusted = false;
            }
        }
    }

    /// A connection closed: nobody is reached over it any more. Gives back who lost contacts.
    pub(crate) fn flow_closed(&mut self, flow: FlowId) -> Vec<Arc<str>> {
        let Some(users) = self.flows.remove(&FlowKey::of_connection(flow)) else {
            return Vec::new();
        };
        let mut lost = Vec::new();
        for aor in users.into_keys() {
            let on_it = |b: &Binding| b.target.flow == Some(flow);
            if self.take(&aor, on_it) > 0 {
                lost.push(aor);
            }
        }
        lost
    }

    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.expiries.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the next person some of whose contacts ended by `now`; true when there were such.
    pub(crate) fn expire_next(&mut self, now: Instant) -> Option<(Arc<str>, bool)> {
        let Reverse((at, _)) = self.expiries.peek()?;
        if *at > now {
            return None;
        }
        let Reverse((at, aor)) = self.expiries.pop()?;
        let Some(person) = self.people.get_mut(&aor).filter(|p| p.armed == Some(at)) else {
            return Some((aor, false));
        };
        person.armed = None;
        let ended = self.take(&aor, |b| b.expires <= now);
        Some((aor, ended > 0))
    }

    /// Removes contacts of a person; how many.
    fn take(&mut self, aor: &Arc<str>, which: impl Fn(&Binding) -> bool) -> usize {
        let Some(person) = self.people.get_mut(aor) else {
            return 0;
        };
        let (gone, kept) = std::mem::take(&mut person.bindings)
            .into_iter()
            .partition::<Vec<_>, _>(|b| which(b));
        person.bindings = kept;
        self.settle(aor, &gone);
        gone.len()
    }

    fn revoke(&mut self, key: FlowKey, aor: &str) {
        if let Some(users) = self.flows.get_mut(&key) {
            users.remove(aor);
            if users.is_empty() {
                self.flows.remove(&key);
                if key.remote.is_none() {
                    self.keeps.push_back((key.flow, false));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sip_proto::Transport;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn who_comes_and_goes_leaves_no_trail() {
        let (now, mut registrar) = (Instant::now(), Registrar::default());
        let aor: Arc<str> = Arc::from("alice@example.org");
        let remote = SocketAddr::from(([192, 0, 2, 9], 5060));
        let mut binding = Binding {
            id: 1,
            address: NameAddr::parse("<sip:alice@192.0.2.9>".to_owned()).unwrap(),
            caps: ServiceCaps::default(),
            instance: None,
            reg_id: None,
            q_permille: 1000,
            call_id: String::new(),
            cseq: 1,
            expires: now,
            path: Vec::new(),
            target: Target::new(Transport::Udp, remote),
            user_agent: String::new(),
            proof: None,
        };
        for n in 0..10_000 {
            binding.expires = now + Duration::from_secs(n);
            registrar.entry(&aor).bindings.push(binding.clone());
            registrar.settle(&aor, &[]);
            let gone = std::mem::take(&mut registrar.entry(&aor).bindings);
            registrar.settle(&aor, &gone);
        }
        assert_eq!(registrar.len(), 0);
        let most = EXPIRIES_FLOOR + EXPIRIES_PER_PERSON;
        assert!(registrar.expiries.len() <= most);
    }
}
