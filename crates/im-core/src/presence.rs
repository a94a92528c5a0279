//! What is known of people's presence (RFC 3856, RFC 3903), and how it is put together from their devices.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use sip_proto::auth::Proof;
use sip_proto::{FlowId, NameAddr};

use crate::caps::ServiceCaps;
use crate::pidf::Presence;

/// A publication in force.
#[derive(Debug, Clone)]
pub(crate) struct Publication {
    pub aor: Arc<str>,
    /// Who published it: the person, or a service that says what it knows of them.
    pub by: Arc<str>,
    /// It is a conference's, whose service speaks for it.
    pub of_conference: bool,
    /// What it was published with.
    pub proof: Proof,
    pub says: Presence,
    pub until: Instant,
    /// Counts up with each change: the youngest note is the one that is shown.
    pub turn: u64,
    /// It ends with this connection: a tab that is gone is not busy.
    pub flow: Option<FlowId>,
}

/// All publications, found by their entity-tags.
#[derive(Debug, Default)]
pub(crate) struct Publications {
    by_tag: HashMap<Arc<str>, Publication>,
    of: HashMap<Arc<str>, BTreeSet<Arc<str>>>,
    ends: BTreeSet<(Instant, Arc<str>)>,
    by_flow: HashMap<FlowId, BTreeSet<Arc<str>>>,
    turns: u64,
}

impl Publications {
    pub(crate) fn len(&self) -> usize {
        self.by_tag.len()
    }

    pub(crate) fn of_person(&self, aor: &str) -> usize {
        self.of.get(aor).map_or(0, BTreeSet::len)
    }

    pub(crate) fn next_turn(&mut self) -> u64 {
        self.turns = self.turns.wrapping_add(1);
        self.turns
    }

    pub(crate) fn get(&self, tag: &str) -> Option<&Publication> {
        self.by_tag.get(tag)
    }

    pub(crate) fn insert(&mut self, tag: Arc<str>, publication: Publication) {
        self.of
            .entry(publication.aor.clone())
            .or_default()
            .insert(tag.clone());
        self.ends.insert((publication.until, tag.clone()));
        if let Some(flow) = publication.flow {
            self.by_flow.entry(flow).or_default().insert(tag.clone());
        }
        self.by_tag.insert(tag, publication);
    }

    pub(crate) fn remove(&mut self, tag: &str) -> Option<Publication> {
        let (tag, publication) = self.by_tag.remove_entry(tag)?;
        self.ends.remove(&(publication.until, tag.clone()));
        forget(&mut self.of, &publication.aor, &tag);
        if let Some(flow) = publication.flow {
            forget(&mut self.by_flow, &flow, &tag);
        }
        Some(publication)
    }

    pub(crate) fn next_end(&self) -> Option<Instant> {
        self.ends.first().map(|(at, _)| *at)
    }

    /// Takes a publication that ended; whose it was.
    pub(crate) fn expire_next(&mut self, now: Instant) -> Option<Arc<str>> {
        let (_, tag) = self.ends.first().filter(|(at, _)| *at <= now)?.clone();
        Some(self.remove(&tag)?.aor)
    }

    /// Takes what was published over this connection; whose it was.
    pub(crate) fn flow_closed(&mut self, flow: FlowId) -> Vec<Arc<str>> {
        let tags = self.by_flow.remove(&flow).unwrap_or_default();
        tags.iter()
            .filter_map(|tag| Some(self.remove(tag)?.aor))
            .collect()
    }

    /// Takes what was published with a password or token that is in force no more; whose it was.
    pub(crate) fn revoke_proof(&mut self, by: &str, proof: Proof) -> Vec<Arc<str>> {
        let published = self.by_tag.iter();
        let tags: Vec<Arc<str>> = published
            .filter(|(_, p)| p.proof == proof && &*p.by == by)
            .map(|(tag, _)| tag.clone())
            .collect();
        tags.iter()
            .filter_map(|tag| Some(self.remove(tag)?.aor))
            .collect()
    }

    /// What everybody may know of a person (RFC 4480 §2, RFC 4479 §3.3): they take messages when they say so themselves on any
    /// device, or say nothing and a registered device takes messages; they do all that any device or service says;
    /// they can what any of their devices can (RFC 5196); and the youngest note counts.
    pub(crate) fn compose(
        &self,
        aor: &str,
        device_takes_messages: bool,
        registered: ServiceCaps,
    ) -> Presence {
        let tags = self.of.get(aor).into_iter().flatten();
        let published: Vec<_> = tags.filter_map(|tag| self.by_tag.get(tag)).collect();
        let own = || {
            published
                .iter()
                .filter(|p| p.by == p.aor || p.of_conference)
        };
        let said: Vec<bool> = own().filter_map(|p| p.says.open).collect();
        let open = match said.as_slice() {
            [] => device_takes_messages,
            said => said.contains(&true),
        };
        let note = own()
            .filter(|p| p.says.note.is_some())
            .max_by_key(|p| p.turn)
            .and_then(|p| p.says.note.clone());
        Presence {
            open: Some(open),
            activities: published
                .iter()
                .flat_map(|p| p.says.activities.iter().copied())
                .collect(),
            note,
            caps: own().fold(registered, |mut caps, one| {
                caps.add(&one.says.caps);
                caps
            }),
            conference: own()
                .max_by_key(|p| p.turn)
                .and_then(|p| p.says.conference.clone()),
        }
    }
}

fn forget<K: std::hash::Hash + Eq>(
    map: &mut HashMap<K, BTreeSet<Arc<str>>>,
    key: &K,
    tag: &Arc<str>,
) {
    if let Some(tags) = map.get_mut(key) {
        tags.remove(tag);
        if tags.is_empty() {
            map.remove(key);
        }
    }
}

/// Whether a registered contact takes MESSAGE (RFC 3840 §10: `methods`; without it we believe that it does).
pub(crate) fn takes_messages(contact: &NameAddr) -> bool {
    let Some(methods) = contact.param("methods") else {
        return true;
    };
    let methods = methods.trim_matches('"');
    methods
        .split(',')
        .any(|method| method.trim().eq_ignore_ascii_case("MESSAGE"))
}
