//! The side that tells (RFC 6665 §4.2): subscriptions in dialogs of their own, one NOTIFY under way in each, no more often than
//! the package's pace, and never one that says what the last one said.
//!
//! The notifier owns no endpoint: who has one hands it in. It asks for documents ([`Notifier::poll_wanted`]) when they are
//! due, so that nothing is written for nobody.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{End, EventHeader, Package, SubscriptionState};
use crate::auth::Proof;
use crate::build::ResponseBuilder;
use crate::dialog::Dialog;
use crate::endpoint::{ClientTx, Endpoint, ServerTx};
use crate::flow::{FlowId, Source, Target};
use crate::message::Message;
use crate::name::{HeaderName, Method};

/// Pause before a notification that could not be sent is sent again.
const SEND_AGAIN: Duration = Duration::from_secs(1);

/// Bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most subscriptions; one more is 503.
    pub subscriptions: usize,
    /// Most of one watcher; one more is 503.
    pub per_watcher: usize,
}

/// Names a subscription; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubId(u64);

/// Why a SUBSCRIBE is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No Event, or a package that is not ours: 489.
    #[error("expected one of our event packages")]
    BadEvent,
    /// A life that is too short: 423 with this Min-Expires.
    #[error("expected at least {0} s")]
    TooBrief(u32),
    /// Within a dialog that is not there (any more): 481.
    #[error("expected a subscription that is there")]
    Unknown,
    /// A CSeq lower than one before: 500.
    #[error("expected a higher CSeq")]
    OutOfOrder,
    /// It makes no dialog: 400.
    #[error("expected tags and a Contact")]
    Bad,
    /// Too many subscriptions: 503.
    #[error("expected fewer subscriptions")]
    Full,
}

impl Refusal {
    /// The status to answer.
    pub fn status(self) -> u16 {
        match self {
            Refusal::BadEvent => 489,
            Refusal::TooBrief(_) => 423,
            Refusal::Unknown => 481,
            Refusal::OutOfOrder => 500,
            Refusal::Bad => 400,
            Refusal::Full => 503,
        }
    }
}

/// What a SUBSCRIBE asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    package: usize,
    event: EventHeader,
    expires_s: u32,
    /// The subscription that it renews or ends.
    pub known: Option<SubId>,
}

impl Asked {
    /// The package's name.
    pub fn package(&self) -> &str {
        &self.event.package
    }

    /// Shortens the life that is asked for.
    pub fn at_most(&mut self, seconds: u32) {
        self.expires_s = self.expires_s.min(seconds);
    }
}

/// Who watches what, as the user of the notifier found out; `contact` is our own, `sip:…`.
#[derive(Debug, Clone)]
pub struct Watch {
    /// What is watched.
    pub resource: Arc<str>,
    /// Who watches.
    pub watcher: Arc<str>,
    /// What the watcher proved that with last, for [`Notifier::revoke`].
    pub proof: Proof,
    /// Where requests within the dialog reach us.
    pub contact: String,
}

/// A notification that is due: answer with [`Notifier::send`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Of this subscription.
    pub sub: SubId,
    /// The package's name.
    pub package: &'static str,
    /// What is watched.
    pub resource: Arc<str>,
    /// Who watches.
    pub watcher: Arc<str>,
    /// Where it goes.
    pub target: Target,
    /// The whole state is wanted: the first notification, one after a renewal, or after one that may not have come.
    pub full: bool,
}

#[derive(Debug)]
struct Subscription {
    package: usize,
    event: EventHeader,
    watch: Watch,
    dialog: Dialog,
    target: Target,
    until: Instant,
    /// Over with this notification.
    ending: Option<End>,
    /// The NOTIFY without an answer.
    pending: Option<ClientTx>,
    /// Something changed, or was asked for, since the last one.
    dirty: bool,
    /// To be sent whatever it says, and at once.
    forced: bool,
    /// The last one may not have come: the next says everything.
    whole: bool,
    /// The document is asked for.
    asked: bool,
    not_before: Instant,
    last: Option<u64>,
    armed: Option<Instant>,
}

type DialogKey = (Box<str>, Box<str>, Box<str>);

/// See the module.
#[derive(Debug)]
pub struct Notifier {
    packages: Vec<Package>,
    limits: Limits,
    next_id: u64,
    subscriptions: HashMap<SubId, Subscription>,
    by_dialog: HashMap<DialogKey, SubId>,
    by_resource: HashMap<Arc<str>, HashSet<SubId>>,
    by_watcher: HashMap<Arc<str>, usize>,
    by_flow: HashMap<FlowId, HashSet<SubId>>,
    by_tx: HashMap<ClientTx, SubId>,
    deadlines: BTreeSet<(Instant, SubId)>,
    wanted: VecDeque<SubId>,
}

impl Notifier {
    /// A notifier of these packages.
    pub fn new(packages: Vec<Package>, limits: Limits) -> Self {
        Self {
            packages,
            limits,
            next_id: 0,
            subscriptions: HashMap::new(),
            by_dialog: HashMap::new(),
            by_resource: HashMap::new(),
            by_watcher: HashMap::new(),
            by_flow: HashMap::new(),
            by_tx: HashMap::new(),
            deadlines: BTreeSet::new(),
            wanted: VecDeque::new(),
        }
    }

    /// Number of subscriptions.
    pub fn len(&self) -> usize {
        self.subscriptions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.subscriptions.is_empty()
    }

    /// The value of Allow-Events.
    pub fn allow_events(&self) -> String {
        let names: Vec<_> = self.packages.iter().map(|package| package.name).collect();
        names.join(", ")
    }

    /// Who watches through this subscription.
    pub fn watch(&self, sub: SubId) -> Option<&Watch> {
        Some(&self.subscriptions.get(&sub)?.watch)
    }

    /// Whether anybody watches.
    pub fn is_watched(&self, resource: &str) -> bool {
        self.by_resource.contains_key(resource)
    }

    /// Reads a SUBSCRIBE; changes nothing.
    ///
    /// # Errors
    /// How to refuse it.
    pub fn read(&self, request: &Message) -> Result<Asked, Refusal> {
        let event = EventHeader::of(request).ok_or(Refusal::BadEvent)?;
        let mut packages = self.packages.iter();
        let package = packages.position(|package| package.name == event.package);
        let package = package.ok_or(Refusal::BadEvent)?;
        let rules = self.packages.get(package).ok_or(Refusal::BadEvent)?;
        let asked = request.expires().map_err(|_| Refusal::Bad)?;
        let expires_s = asked.unwrap_or(rules.default_s).min(rules.max_s);
        // RFC 6665 §4.2.1.1: 0 is never too short, it fetches or ends.
        if expires_s > 0 && expires_s < rules.min_s {
            return Err(Refusal::TooBrief(rules.min_s));
        }
        let to = request.to().map_err(|_| Refusal::Bad)?;
        let known = match to.tag() {
            None => None,
            Some(ours) => {
                let from = request.from().map_err(|_| Refusal::Bad)?;
                let theirs = from.tag().unwrap_or_default();
                let call_id = request.call_id().unwrap_or_default();
                let key = (call_id.into(), ours.into(), theirs.into());
                let sub = self.by_dialog.get(&key).copied().ok_or(Refusal::Unknown)?;
                let same = self.subscriptions.get(&sub);
                if same.is_none_or(|same| same.event != event || same.ending.is_some()) {
                    return Err(Refusal::Unknown);
                }
                Some(sub)
            }
        };
        Ok(Asked {
            package,
            event,
            expires_s,
            known,
        })
    }

    /// Takes a first SUBSCRIBE that its user allows: answers 200 and wants a notification at once (§4.2.1.2). With Expires 0
    /// that is the only one (§4.4.3).
    ///
    /// # Errors
    /// How to refuse it.
    pub fn subscribe(
        &mut self,
        endpoint: &mut Endpoint,
        (tx, source, request): (ServerTx, &Source, &Message),
        asked: &Asked,
        watch: Watch,
        now: Instant,
    ) -> Result<SubId, Refusal> {
        let of_watcher = self.by_watcher.get(&watch.watcher).copied().unwrap_or(0);
        if self.subscriptions.len() >= self.limits.subscriptions
            || of_watcher >= self.limits.per_watcher
        {
            return Err(Refusal::Full);
        }
        let from = request.from().map_err(|_| Refusal::Bad)?;
        from.tag().ok_or(Refusal::Bad)?;
        let tag = endpoint.tokens().tag();
        let dialog = Dialog::uas(request, &tag).map_err(|_| Refusal::Bad)?;
        self.next_id = self.next_id.wrapping_add(1);
        let sub = SubId(self.next_id);
        accept(endpoint, (tx, request), &tag, asked, &watch.contact, now);
        let count = self.by_watcher.entry(watch.watcher.clone()).or_default();
        *count = count.saturating_add(1);
        let watching = self.by_resource.entry(watch.resource.clone());
        watching.or_default().insert(sub);
        self.by_dialog.insert(key_of(&dialog), sub);
        let subscription = Subscription {
            package: asked.package,
            event: asked.event.clone(),
            watch,
            dialog,
            target: source.reply_target(),
            until: now,
            ending: None,
            pending: None,
            dirty: true,
            forced: true,
            whole: false,
            asked: false,
            not_before: now,
            last: None,
            armed: None,
        };
        self.on_flow(sub, Some(source.flow), None);
        self.subscriptions.insert(sub, subscription);
        self.renew(sub, asked.expires_s, now);
        Ok(sub)
    }

    /// Takes a SUBSCRIBE within a dialog (`asked.known`), proved with `proof`: renews, or ends with Expires 0.
    ///
    /// # Errors
    /// How to refuse it.
    pub fn refresh(
        &mut self,
        endpoint: &mut Endpoint,
        (tx, source, request): (ServerTx, &Source, &Message),
        asked: &Asked,
        proof: Proof,
        now: Instant,
    ) -> Result<(), Refusal> {
        let sub = asked.known.ok_or(Refusal::Unknown)?;
        let found = self.subscriptions.get_mut(&sub).ok_or(Refusal::Unknown)?;
        let in_order = found.dialog.receive(request);
        in_order.map_err(|_| Refusal::OutOfOrder)?;
        // RFC 6665 §4.4.1: SUBSCRIBE is a target refresh request.
        found.dialog.refresh(request);
        let before = found.target.flow;
        found.target = source.reply_target();
        found.watch.proof = proof;
        found.forced = true;
        found.dirty = true;
        let (tag, contact) = (
            found.dialog.local_tag().to_owned(),
            found.watch.contact.clone(),
        );
        self.on_flow(sub, Some(source.flow), before);
        accept(endpoint, (tx, request), &tag, asked, &contact, now);
        self.renew(sub, asked.expires_s, now);
        Ok(())
    }

    /// Something about this changed: its watchers are told when their pace allows.
    pub fn changed(&mut self, resource: &str, now: Instant) {
        let watching = self.by_resource.get(resource);
        let mut subs: Vec<SubId> = watching.into_iter().flatten().copied().collect();
        // In the order in which they came, whatever the hash says.
        subs.sort_unstable();
        for sub in subs {
            if let Some(found) = self.subscriptions.get_mut(&sub) {
                found.dirty = true;
            }
            self.consider(sub, now);
        }
    }

    /// The subscriptions to this, each with who watches, in the order in which they came.
    pub fn watchers(&self, resource: &str) -> Vec<(SubId, Arc<str>)> {
        let watching = self.by_resource.get(resource);
        let subs = watching.into_iter().flatten();
        let with_watcher = subs.filter_map(|sub| Some((*sub, self.watch(*sub)?.watcher.clone())));
        let mut all: Vec<_> = with_watcher.collect();
        all.sort_unstable();
        all
    }

    /// All subscriptions go over another connection from now on: for a user agent whose only way out is its own server.
    pub fn retarget(&mut self, target: &Target) {
        let subs: Vec<SubId> = self.subscriptions.keys().copied().collect();
        for sub in subs {
            if let Some(found) = self.subscriptions.get_mut(&sub) {
                let before = found.target.flow;
                found.target = target.clone();
                self.on_flow(sub, target.flow, before);
            }
        }
    }

    /// Ends all subscriptions to this, with a last notification.
    pub fn end_all(&mut self, resource: &str, end: End, now: Instant) {
        let watching = self.by_resource.get(resource);
        let subs: Vec<SubId> = watching.into_iter().flatten().copied().collect();
        for sub in subs {
            self.end(sub, end, now);
        }
    }

    /// The next notification that is due.
    pub fn poll_wanted(&mut self) -> Option<Wanted> {
        loop {
            let sub = self.wanted.pop_front()?;
            let Some(found) = self.subscriptions.get(&sub) else {
                continue;
            };
            let Some(package) = self.packages.get(found.package) else {
                continue;
            };
            return Some(Wanted {
                sub,
                package: package.name,
                resource: found.watch.resource.clone(),
                watcher: found.watch.watcher.clone(),
                target: found.target.clone(),
                full: found.forced || found.whole,
            });
        }
    }

    /// There is nothing to tell, so nothing is sent. Not for one that has to go whatever it says.
    pub fn nothing(&mut self, sub: SubId) {
        if let Some(found) = self.subscriptions.get_mut(&sub) {
            found.asked = false;
            found.dirty = false;
        }
        self.arm(sub);
    }

    /// Sends a notification that was wanted, with a document or, when there is nothing to tell, without one. What says the same
    /// as the last one is left out, unless it was asked for.
    pub fn send(
        &mut self,
        endpoint: &mut Endpoint,
        sub: SubId,
        document: Option<(&str, Bytes)>,
        via_host: &str,
        now: Instant,
    ) {
        let Some(found) = self.subscriptions.get_mut(&sub) else {
            return;
        };
        let package = self.packages.get(found.package);
        let pace = package.map_or(Duration::ZERO, |package| package.pace);
        let burst = package.map_or(1, |package| package.burst);
        let said = document.as_ref().map(|(_, body)| hash_of(body));
        let same = found.last.is_some() && found.last == said;
        found.asked = false;
        found.dirty = false;
        if same && !found.forced && !found.whole && found.ending.is_none() {
            return self.arm(sub);
        }
        found.forced = false;
        found.whole = false;
        found.last = said;
        found.not_before = next_allowed(found.not_before, now, pace, burst);
        let left = found.until.saturating_duration_since(now).as_secs();
        let state = match found.ending {
            Some(end) => SubscriptionState::Terminated(end),
            None => SubscriptionState::Active(u32::try_from(left).unwrap_or(u32::MAX)),
        };
        let mut notify = found
            .dialog
            .request(Method::Notify)
            .header(HeaderName::Contact, format!("<{}>", found.watch.contact))
            .header(HeaderName::Event, &found.event)
            .header(HeaderName::SubscriptionState, state);
        if let Some((content_type, body)) = document {
            notify = notify.body(content_type, body);
        }
        let sent = endpoint.send_request(&notify.build(), &found.target, via_host, now);
        match sent {
            // Its answer matters to nobody.
            Ok(_) if found.ending.is_some() => self.remove(sub),
            Ok(tx) => {
                found.pending = Some(tx);
                self.by_tx.insert(tx, sub);
                self.arm(sub);
            }
            // Too much under way: later, and then everything, since the watcher has missed this.
            Err(_) if found.ending.is_none() => {
                found.again(now);
                self.arm(sub);
            }
            Err(_) => self.remove(sub),
        }
    }

    /// A final answer to a NOTIFY, or 408 when none came; false when the transaction is not ours.
    pub fn on_answer(&mut self, tx: ClientTx, status: u16, now: Instant) -> bool {
        let Some(sub) = self.by_tx.remove(&tx) else {
            return false;
        };
        if let Some(found) = self.subscriptions.get_mut(&sub) {
            found.pending = None;
        }
        if (200..300).contains(&status) {
            self.consider(sub, now);
        } else {
            // RFC 6665 §4.2.2: whoever does not know the subscription, or does not answer, has none.
            self.remove(sub);
        }
        true
    }

    /// A NOTIFY did not get out, or its connection closed before its answer came: it goes again after a while, and says everything. False
    /// when the transaction is not ours.
    pub fn on_lost(&mut self, tx: ClientTx, now: Instant) -> bool {
        let Some(sub) = self.by_tx.remove(&tx) else {
            return false;
        };
        if let Some(found) = self.subscriptions.get_mut(&sub) {
            found.pending = None;
            found.again(now);
        }
        self.consider(sub, now);
        true
    }

    /// A connection closed: nobody hears over it any more.
    pub fn flow_closed(&mut self, flow: FlowId) {
        for sub in self.by_flow.remove(&flow).unwrap_or_default() {
            self.remove(sub);
        }
    }

    /// What this watcher proved with this counts no more: these subscriptions are over, and nothing is sent to them
    /// any more, not even that.
    pub fn revoke(&mut self, watcher: &str, proof: Proof) {
        if !self.by_watcher.contains_key(watcher) {
            return;
        }
        let found = self.subscriptions.iter();
        let subs: Vec<SubId> = found
            .filter(|(_, s)| s.watch.proof == proof && &*s.watch.watcher == watcher)
            .map(|(sub, _)| *sub)
            .collect();
        for sub in subs {
            self.remove(sub);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, sub)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            self.deadlines.remove(&(at, sub));
            let Some(found) = self.subscriptions.get_mut(&sub) else {
                continue;
            };
            found.armed = None;
            if found.until <= now && found.ending.is_none() {
                self.end(sub, End::Timeout, now);
            } else {
                self.consider(sub, now);
            }
        }
    }
}

impl Notifier {
    fn renew(&mut self, sub: SubId, expires_s: u32, now: Instant) {
        let Some(found) = self.subscriptions.get_mut(&sub) else {
            return;
        };
        let life = Duration::from_secs(u64::from(expires_s));
        found.until = now.checked_add(life).unwrap_or(now);
        if expires_s == 0 {
            self.end(sub, End::Timeout, now);
        } else {
            self.consider(sub, now);
        }
    }

    /// Ends one subscription, with a last notification.
    pub fn end(&mut self, sub: SubId, end: End, now: Instant) {
        if let Some(found) = self.subscriptions.get_mut(&sub) {
            found.ending.get_or_insert(end);
            found.forced = true;
            found.dirty = true;
        }
        self.consider(sub, now);
    }

    /// Asks for the document when it may go now.
    fn consider(&mut self, sub: SubId, now: Instant) {
        let Some(found) = self.subscriptions.get_mut(&sub) else {
            return;
        };
        // The last word waits for no answer: nothing comes after it.
        let free = found.pending.is_none() || found.ending.is_some();
        let due = found.forced || found.not_before <= now;
        if found.dirty && free && due && !found.asked {
            found.asked = true;
            self.wanted.push_back(sub);
        }
        self.arm(sub);
    }

    fn arm(&mut self, sub: SubId) {
        let Some(found) = self.subscriptions.get_mut(&sub) else {
            return;
        };
        let waits = found.dirty && found.pending.is_none() && !found.asked;
        let next = waits.then_some(found.not_before.min(found.until));
        let next = next.or_else(|| found.ending.is_none().then_some(found.until));
        if found.armed == next {
            return;
        }
        if let Some(before) = found.armed {
            self.deadlines.remove(&(before, sub));
        }
        found.armed = next;
        self.deadlines.extend(next.map(|at| (at, sub)));
    }

    fn on_flow(&mut self, sub: SubId, now_on: Option<FlowId>, before: Option<FlowId>) {
        if now_on == before {
            return;
        }
        if let Some(flow) = before
            && let Some(subs) = self.by_flow.get_mut(&flow)
        {
            subs.remove(&sub);
            if subs.is_empty() {
                self.by_flow.remove(&flow);
            }
        }
        if let Some(flow) = now_on {
            self.by_flow.entry(flow).or_default().insert(sub);
        }
    }

    fn remove(&mut self, sub: SubId) {
        let Some(found) = self.subscriptions.remove(&sub) else {
            return;
        };
        self.by_dialog.remove(&key_of(&found.dialog));
        self.on_flow(sub, None, found.target.flow);
        if let Some(at) = found.armed {
            self.deadlines.remove(&(at, sub));
        }
        if let Some(tx) = found.pending {
            self.by_tx.remove(&tx);
        }
        if let Some(subs) = self.by_resource.get_mut(&found.watch.resource) {
            subs.remove(&sub);
            if subs.is_empty() {
                self.by_resource.remove(&found.watch.resource);
            }
        }
        if let Some(count) = self.by_watcher.get_mut(&found.watch.watcher) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_watcher.remove(&found.watch.watcher);
            }
        }
    }
}

impl Subscription {
    /// What was to be told did not get out: it is told after a while.
    fn again(&mut self, now: Instant) {
        self.whole = true;
        self.dirty = true;
        self.not_before = now.checked_add(SEND_AGAIN).unwrap_or(now);
    }
}

fn accept(
    endpoint: &mut Endpoint,
    (tx, request): (ServerTx, &Message),
    tag: &str,
    asked: &Asked,
    contact: &str,
    now: Instant,
) {
    let answer = ResponseBuilder::reply(request, 200, "OK")
        .to_tag(tag)
        .record_route()
        .header(HeaderName::Contact, format!("<{contact}>"))
        .header(HeaderName::Expires, asked.expires_s)
        .build();
    endpoint.respond(tx, &answer, now);
}

fn key_of(dialog: &Dialog) -> DialogKey {
    (
        dialog.call_id().into(),
        dialog.local_tag().into(),
        dialog.remote_tag().into(),
    )
}

/// When the next notification may go after one at `now` that was allowed from `allowed` on: each takes one pace of what a rest has
/// saved up, which is at most a burst, and it is never waited for more than a pace.
fn next_allowed(allowed: Instant, now: Instant, pace: Duration, burst: u32) -> Instant {
    let saved = pace.saturating_mul(burst.saturating_sub(1));
    let earliest = now.checked_sub(saved).unwrap_or(now);
    let next = allowed.max(earliest).checked_add(pace).unwrap_or(now);
    next.min(now.checked_add(pace).unwrap_or(now))
}

fn hash_of(body: &Bytes) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}
