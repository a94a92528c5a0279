//! SUBSCRIBE to a conference (RFC 4575 §3): who may, and what they are told. Whoever is on the roster may, in whatever state their leg
//! is; to all others there is no such conference.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use conference_core::{Snapshot, event_package};
use convoke_types::ConferenceId;
use sip_proto::auth::Proof;
use sip_proto::endpoint::{Endpoint, ServerTx};
use sip_proto::events::{self, Asked, End, Notifier, Package, Refusal, SubId, Wanted, Watch};
use sip_proto::{HeaderName, Message, ResponseBuilder, Source, Target};

use crate::documents::Documents;
use crate::ports::{Event, Limits, Output};

/// Life of a subscription that names none, and the longest, in seconds (RFC 4575 §3.4 leaves it to us).
const SUBSCRIPTION_S: u32 = 3600;
/// The shortest.
const SUBSCRIPTION_MIN_S: u32 = 60;
/// Time between two notifications of one subscription in the long run. What the focus tells of talking comes no more often than it
/// reports it, so the two together are within 200 ms.
const PACE: Duration = Duration::from_millis(80);
/// A telephone that is called, rings, answers and is in within a moment is seen to do so, and so are the next ones.
const BURST: u32 = 8;
/// What a watcher may accept for our documents to fit.
const ACCEPTED: [&str; 3] = [event_package::CONTENT_TYPE, "application/*", "*/*"];

/// A SUBSCRIBE with its transaction.
pub(crate) struct Request {
    pub tx: ServerTx,
    pub source: Source,
    pub message: Message,
}

/// One that waits until the focus has told what its conference is like.
struct Waiting {
    request: Request,
    asked: Asked,
    watcher: String,
}

/// What a subscriber was told last.
#[derive(Default)]
struct Told {
    version: u32,
    snapshot: Option<Arc<Snapshot>>,
}

/// See the module.
pub(crate) struct Subscriptions {
    domain: String,
    /// Where requests within a subscription reach us.
    contact: String,
    waiting_max: usize,
    notifier: Notifier,
    documents: Documents,
    told: HashMap<SubId, Told>,
    /// The conferences that the focus was asked for.
    watched: HashSet<ConferenceId>,
    snapshots: HashMap<ConferenceId, Arc<Snapshot>>,
    waiting: HashMap<ConferenceId, Vec<Waiting>>,
    waiting_count: usize,
    outputs: VecDeque<Output>,
}

impl Subscriptions {
    pub(crate) fn new(domain: &str, contact: String, limits: &Limits) -> Self {
        let package = Package {
            name: event_package::PACKAGE,
            default_s: SUBSCRIPTION_S,
            min_s: SUBSCRIPTION_MIN_S,
            max_s: SUBSCRIPTION_S,
            pace: PACE,
            burst: BURST,
        };
        let bounds = events::Limits {
            subscriptions: limits.subscriptions,
            per_watcher: limits.subscriptions_per_person,
        };
        Self {
            domain: domain.to_ascii_lowercase(),
            contact,
            waiting_max: limits.waiting,
            notifier: Notifier::new(vec![package], bounds),
            documents: Documents::new(domain.to_ascii_lowercase()),
            told: HashMap::new(),
            watched: HashSet::new(),
            snapshots: HashMap::new(),
            waiting: HashMap::new(),
            waiting_count: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Number of subscriptions.
    pub(crate) fn len(&self) -> usize {
        self.notifier.len()
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.notifier.poll_timeout()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.notifier.handle_timeout(now);
    }

    /// Takes a SUBSCRIBE whose sender is known (`user@domain`), or is not to be known.
    pub(crate) fn subscribe(
        &mut self,
        endpoint: &mut Endpoint,
        request: Request,
        watcher: Option<String>,
        now: Instant,
    ) {
        let asked = match self.notifier.read(&request.message) {
            Ok(asked) => asked,
            Err(refusal) => return self.refuse_as(endpoint, &request, refusal, now),
        };
        let Some(watcher) = watcher else {
            return self.refuse(endpoint, &request, 403, "Forbidden", now);
        };
        if let Some(sub) = asked.known {
            let known = self.notifier.watch(sub);
            if known.is_none_or(|watch| *watch.watcher != *watcher) {
                return self.refuse(endpoint, &request, 403, "Forbidden", now);
            }
            let parts = (request.tx, &request.source, &request.message);
            let renewed = self
                .notifier
                .refresh(endpoint, parts, &asked, Proof::Asserted, now);
            if let Err(refusal) = renewed {
                self.refuse_as(endpoint, &request, refusal, now);
            }
            return;
        }
        let Some(conference) = self.conference_of(&request.message) else {
            return self.refuse(endpoint, &request, 404, "Not Found", now);
        };
        let accepts = !request.message.has(HeaderName::Accept)
            || ACCEPTED
                .iter()
                .any(|kind| request.message.lists(HeaderName::Accept, kind));
        if !accepts {
            return self.refuse(endpoint, &request, 406, "Not Acceptable", now);
        }
        let waiting = Waiting {
            request,
            asked,
            watcher,
        };
        if let Some(snapshot) = self.snapshots.get(&conference).cloned() {
            return self.decide(endpoint, &conference, waiting, Some(&snapshot), now);
        }
        if self.waiting_count >= self.waiting_max {
            return self.refuse(endpoint, &waiting.request, 503, "Service Unavailable", now);
        }
        self.waiting_count = self.waiting_count.saturating_add(1);
        let others = self.waiting.entry(conference.clone()).or_default();
        others.push(waiting);
        if self.watched.insert(conference.clone()) {
            self.outputs.push_back(Output::Watch(conference));
        }
    }

    /// Refuses a SUBSCRIBE because the server goes down.
    pub(crate) fn go_away(&mut self, endpoint: &mut Endpoint, request: &Request, now: Instant) {
        self.refuse(endpoint, request, 503, "Service Unavailable", now);
    }

    /// What a conference is like now.
    pub(crate) fn snapshot(&mut self, endpoint: &mut Endpoint, snapshot: Snapshot, now: Instant) {
        let conference = snapshot.conference.clone();
        if !self.watched.contains(&conference) {
            return;
        }
        let snapshot = Arc::new(snapshot);
        self.snapshots.insert(conference.clone(), snapshot.clone());
        for (sub, watcher) in self.notifier.watchers(conference.as_str()) {
            if !is_on_roster(&snapshot, &watcher) {
                self.notifier.end(sub, End::Rejected, now);
            }
        }
        self.notifier.changed(conference.as_str(), now);
        for waiting in self.take_waiting(&conference) {
            self.decide(endpoint, &conference, waiting, Some(&snapshot), now);
        }
        // Not before all are decided on: who is refused may stand before who is let in.
        self.unwatch_if_nobody_does(&conference);
    }

    /// What a conference was like last, where that is known here.
    pub(crate) fn known(&self, conference: &ConferenceId) -> Option<Snapshot> {
        self.snapshots.get(conference).map(|now| (**now).clone())
    }

    /// There is no such conference (any more).
    pub(crate) fn over(
        &mut self,
        endpoint: &mut Endpoint,
        conference: &ConferenceId,
        now: Instant,
    ) {
        self.watched.remove(conference);
        self.snapshots.remove(conference);
        self.notifier
            .end_all(conference.as_str(), End::NoResource, now);
        for waiting in self.take_waiting(conference) {
            self.decide(endpoint, conference, waiting, None, now);
        }
    }

    /// The final answer to a NOTIFY; false when the transaction is none of ours.
    pub(crate) fn answered(&mut self, tx: sip_proto::ClientTx, status: u16, now: Instant) -> bool {
        self.notifier.on_answer(tx, status, now)
    }

    /// A NOTIFY did not get out; false when the transaction is none of ours.
    pub(crate) fn lost(&mut self, tx: sip_proto::ClientTx, now: Instant) -> bool {
        self.notifier.on_lost(tx, now)
    }

    /// Everything goes over the connection on which we registered.
    pub(crate) fn registered(&mut self, target: &Target) {
        self.notifier.retarget(target);
    }

    /// Sends the notifications that are due. Not while nobody would believe that they are ours: when not registered.
    pub(crate) fn notify(&mut self, endpoint: &mut Endpoint, via_host: &str, now: Instant) {
        while let Some(wanted) = self.notifier.poll_wanted() {
            let document = match self.document(&wanted) {
                Due::Nothing => {
                    self.notifier.nothing(wanted.sub);
                    continue;
                }
                Due::Empty => None,
                Due::Document(document) => Some((event_package::CONTENT_TYPE, document)),
            };
            self.notifier
                .send(endpoint, wanted.sub, document, via_host, now);
        }
        self.forget_ended();
    }
}

/// What a notification says.
enum Due {
    Nothing,
    Empty,
    Document(Bytes),
}

impl Subscriptions {
    fn conference_of(&self, request: &Message) -> Option<ConferenceId> {
        let uri = request.uri().ok()?;
        let ours = uri.is_sip() && uri.host().eq_ignore_ascii_case(&self.domain);
        let user = uri.user_decoded().filter(|_| ours)?;
        event_package::conference_of(&user)
    }

    fn take_waiting(&mut self, conference: &ConferenceId) -> Vec<Waiting> {
        let waiting = self.waiting.remove(conference).unwrap_or_default();
        self.waiting_count = self.waiting_count.saturating_sub(waiting.len());
        waiting
    }

    /// Answers a first SUBSCRIBE, now that it is known what there is.
    fn decide(
        &mut self,
        endpoint: &mut Endpoint,
        conference: &ConferenceId,
        waiting: Waiting,
        snapshot: Option<&Snapshot>,
        now: Instant,
    ) {
        let Waiting {
            request,
            asked,
            watcher,
        } = waiting;
        if !snapshot.is_some_and(|snapshot| is_on_roster(snapshot, &watcher)) {
            return self.refuse(endpoint, &request, 404, "Not Found", now);
        }
        let watch = Watch {
            resource: conference.as_str().into(),
            watcher: watcher.as_str().into(),
            proof: Proof::Asserted,
            contact: self.contact.clone(),
        };
        let parts = (request.tx, &request.source, &request.message);
        match self.notifier.subscribe(endpoint, parts, &asked, watch, now) {
            Ok(sub) => {
                self.told.insert(sub, Told::default());
                self.outputs.push_back(Output::Event(Event::Subscribed {
                    conference: conference.clone(),
                    watcher,
                }));
            }
            Err(refusal) => self.refuse_as(endpoint, &request, refusal, now),
        }
    }

    fn document(&mut self, wanted: &Wanted) -> Due {
        let Some(told) = self.told.get_mut(&wanted.sub) else {
            return Due::Empty;
        };
        let Ok(conference) = wanted.resource.parse::<ConferenceId>() else {
            return Due::Empty;
        };
        let version = told.version.wrapping_add(1);
        let document = match (self.snapshots.get(&conference), &told.snapshot) {
            // It is over (RFC 4575 §4.1.2).
            (None, _) => self.documents.deleted(version, &conference),
            // Of what somebody is not part of any more they are told no more.
            (Some(now), _) if !is_on_roster(now, &wanted.watcher) => return Due::Empty,
            (Some(now), Some(before)) if !wanted.full => {
                match self.documents.partial(version, before, now) {
                    Some(document) => document,
                    None => return Due::Nothing,
                }
            }
            (Some(now), _) => self.documents.full(version, now),
        };
        told.version = version;
        told.snapshot = self.snapshots.get(&conference).cloned();
        Due::Document(document)
    }

    /// Forgets what was told through subscriptions that are over, and conferences that nobody watches any more.
    fn forget_ended(&mut self) {
        // There is one entry for each subscription.
        if self.told.len() <= self.notifier.len() {
            return;
        }
        self.told
            .retain(|sub, _| self.notifier.watch(*sub).is_some());
        let mut all: Vec<ConferenceId> = self.watched.iter().cloned().collect();
        all.sort_unstable();
        for conference in all {
            self.unwatch_if_nobody_does(&conference);
        }
    }

    fn unwatch_if_nobody_does(&mut self, conference: &ConferenceId) {
        let nobody = !self.notifier.is_watched(conference.as_str())
            && !self.waiting.contains_key(conference);
        if nobody && self.watched.remove(conference) {
            self.snapshots.remove(conference);
            self.outputs.push_back(Output::Unwatch(conference.clone()));
        }
    }

    fn refuse_as(
        &mut self,
        endpoint: &mut Endpoint,
        request: &Request,
        refusal: Refusal,
        now: Instant,
    ) {
        let reason = match refusal {
            Refusal::BadEvent => "Bad Event",
            Refusal::TooBrief(_) => "Interval Too Brief",
            Refusal::Unknown => "Subscription Does Not Exist",
            Refusal::OutOfOrder => "Server Internal Error",
            Refusal::Bad => "Bad Request",
            Refusal::Full => "Service Unavailable",
        };
        let mut answer = reply(endpoint, request, refusal.status(), reason);
        match refusal {
            // RFC 6665 §8.3.2.
            Refusal::BadEvent => {
                answer = answer.header(HeaderName::AllowEvents, self.notifier.allow_events());
            }
            Refusal::TooBrief(least) => answer = answer.header(HeaderName::MinExpires, least),
            Refusal::Unknown | Refusal::OutOfOrder | Refusal::Bad | Refusal::Full => {}
        }
        self.answer(endpoint, request, refusal.status(), answer, now);
    }

    fn refuse(
        &mut self,
        endpoint: &mut Endpoint,
        request: &Request,
        status: u16,
        reason: &str,
        now: Instant,
    ) {
        let answer = reply(endpoint, request, status, reason);
        self.answer(endpoint, request, status, answer, now);
    }

    fn answer(
        &mut self,
        endpoint: &mut Endpoint,
        request: &Request,
        status: u16,
        answer: ResponseBuilder,
        now: Instant,
    ) {
        endpoint.respond(request.tx, &answer.build(), now);
        self.outputs.push_back(Output::Event(Event::Refused {
            address: request.source.remote.ip(),
            status,
        }));
    }
}

fn reply(endpoint: &mut Endpoint, request: &Request, status: u16, reason: &str) -> ResponseBuilder {
    let tag = endpoint.tokens().tag();
    ResponseBuilder::reply(&request.message, status, reason).to_tag(&tag)
}

fn is_on_roster(snapshot: &Snapshot, person: &str) -> bool {
    let mut accounts = snapshot
        .roster
        .iter()
        .filter_map(|entry| entry.participant.user.as_deref());
    accounts.any(|account| account == person)
}
