//! The presence of conferences that nobody else publishes (V9): of each, what it looks like from outside is told to the IM server while it
//! lasts. Those that the video allocator made have their presence from it.
//!
//! As with people on the phone, publications end with the connection that they were made over, so all are made anew after a registration over
//! another one, and of each conference only the newest look waits to be told. One that is over is kept only while there is something of it to
//! take back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use bytes::Bytes;
use conference_core::{ConferenceState, Outline};
use convoke_types::ConferenceId;
use convoke_types::address::conference_uri;
use service_core::presence::{Answer, Face, Publication};
use sip_proto::endpoint::Endpoint;
use sip_proto::ua::{MessageToken, Ua};
use sip_proto::{FlowId, HeaderName, Message, Method, Uri};

use crate::ports::Event;

const CONTENT_TYPE: &str = "application/pidf+xml";

/// A conference that is shown.
#[derive(Debug, Default)]
struct Shown {
    /// What it looks like.
    face: Face,
    publication: Publication,
}

impl Shown {
    fn say(&mut self, uri: &str) {
        self.publication.say(self.face.document(uri));
    }
}

/// All conferences that are shown, or were until just now.
#[derive(Debug)]
pub(crate) struct Faces {
    domain: String,
    all: BTreeMap<ConferenceId, Shown>,
    /// Which are to be looked at.
    waiting: BTreeSet<ConferenceId>,
    due: BTreeMap<ConferenceId, Instant>,
    by_time: BTreeSet<(Instant, ConferenceId)>,
    under_way: HashMap<MessageToken, ConferenceId>,
    under_way_max: usize,
    registered: bool,
    /// The server takes no such thing; asked again over another connection.
    refused: bool,
    /// The connection of the last registration; `None`: there was none yet.
    flow: Option<Option<FlowId>>,
}

impl Faces {
    pub(crate) fn new(domain: &str, under_way_max: usize) -> Self {
        Self {
            domain: domain.to_owned(),
            all: BTreeMap::new(),
            waiting: BTreeSet::new(),
            due: BTreeMap::new(),
            by_time: BTreeSet::new(),
            under_way: HashMap::new(),
            under_way_max: under_way_max.max(1),
            registered: false,
            refused: false,
            flow: None,
        }
    }

    /// Number of publications without an answer.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// How many conferences are kept, wherever that is most.
    pub(crate) fn held(&self) -> usize {
        let all = self.all.len().max(self.waiting.len());
        let due = self.due.len().max(self.by_time.len());
        all.max(due).max(self.under_way.len())
    }

    /// What a conference looks like now, and whether somebody can be seen in it.
    pub(crate) fn set(&mut self, outline: &Outline, video: bool) {
        if outline.video.is_some() {
            return;
        }
        if !matches!(
            outline.state,
            ConferenceState::Starting | ConferenceState::Running
        ) {
            return self.over(&outline.conference);
        }
        let face = Face {
            title: outline.title.clone(),
            count: outline.inside,
            talks: outline.talking.clone(),
            video,
            locked: outline.locked,
        };
        let id = &outline.conference;
        let shown = self.all.entry(id.clone()).or_default();
        shown.face = face;
        shown.say(&conference_uri(id, &self.domain));
        self.waiting.insert(id.clone());
    }

    /// Whether somebody can be seen in a conference now; tells whether that is to be shown.
    pub(crate) fn set_video(&mut self, id: &ConferenceId, video: bool) -> bool {
        let Some(shown) = self.all.get_mut(id) else {
            return false;
        };
        let changed = std::mem::replace(&mut shown.face.video, video) != video;
        if changed {
            shown.say(&conference_uri(id, &self.domain));
            self.waiting.insert(id.clone());
        }
        changed
    }

    /// It is over.
    pub(crate) fn over(&mut self, conference: &ConferenceId) {
        if let Some(shown) = self.all.get_mut(conference) {
            shown.publication.end();
            self.look_at(conference);
        }
    }

    /// All are over: the server goes down.
    pub(crate) fn clear(&mut self) {
        for conference in self.all.keys().cloned().collect::<Vec<_>>() {
            self.over(&conference);
        }
    }

    /// Has a conference wait for its turn, unless nothing of it is published and nothing will be.
    fn look_at(&mut self, id: &ConferenceId) {
        let shown = self.all.get(id);
        if shown.is_none_or(|shown| shown.publication.is_over()) {
            self.set_due(id, None);
            self.waiting.remove(id);
            self.all.remove(id);
        } else {
            self.waiting.insert(id.clone());
        }
    }

    /// Registered; over another connection than before, what was published is gone, and is published anew.
    pub(crate) fn registered(&mut self, flow: Option<FlowId>) {
        self.registered = true;
        if self.flow.replace(flow) != Some(flow) {
            self.refused = false;
            self.under_way.clear();
            for shown in self.all.values_mut() {
                shown.publication.forgotten();
            }
            for id in self.all.keys().cloned().collect::<Vec<_>>() {
                self.look_at(&id);
            }
        }
    }

    /// Not registered: nothing can be told for now.
    pub(crate) fn unregistered(&mut self) {
        self.registered = false;
    }

    fn is_open(&self) -> bool {
        self.registered && !self.refused
    }

    /// When `handle_timeout` is to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let first = self.by_time.first().map(|(at, _)| *at);
        first.filter(|_| self.is_open())
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while self.is_open()
            && let Some((_, id)) = self.by_time.first().filter(|(at, _)| *at <= now).cloned()
        {
            self.set_due(&id, None);
            self.waiting.insert(id);
        }
    }

    /// Sends what is to be told.
    pub(crate) fn publish(&mut self, ua: &mut Ua, endpoint: &mut Endpoint, now: Instant) {
        while self.is_open() && self.under_way.len() < self.under_way_max {
            let Some(id) = self.waiting.pop_first() else {
                return;
            };
            self.publish_one(&id, ua, endpoint, now);
        }
    }

    fn publish_one(
        &mut self,
        id: &ConferenceId,
        ua: &mut Ua,
        endpoint: &mut Endpoint,
        now: Instant,
    ) {
        let Some(Shown { publication, .. }) = self.all.get_mut(id) else {
            return;
        };
        if let Some(publishing) = publication.poll(now)
            && let Ok(uri) = Uri::parse(conference_uri(id, &self.domain))
        {
            let life = publishing.life_s.to_string();
            let mut extra = vec![
                (HeaderName::Event, "presence"),
                (HeaderName::Expires, &life),
            ];
            let tag = publishing.tag.as_deref();
            extra.extend(tag.map(|tag| (HeaderName::SipIfMatch, tag)));
            let body = publishing
                .body
                .map(|document| (CONTENT_TYPE, Bytes::from(document)));
            match ua.request(endpoint, Method::Publish, &uri, body, &extra, now) {
                Ok(token) => {
                    self.under_way.insert(token, id.clone());
                }
                // Too much under way in the endpoint: after a pause.
                Err(_) => publication.answered(Answer::read(503, None), now),
            }
        }
        let due = publication.poll_timeout();
        self.set_due(id, due);
    }

    /// Whether this is one of ours.
    pub(crate) fn has(&self, token: MessageToken) -> bool {
        self.under_way.contains_key(&token)
    }

    /// Takes the answer to one of ours; gives back what is worth telling.
    pub(crate) fn answered(
        &mut self,
        token: MessageToken,
        status: u16,
        response: Option<&Message>,
        now: Instant,
    ) -> Option<Event> {
        let id = self.under_way.remove(&token)?;
        let publication = &mut self.all.get_mut(&id)?.publication;
        publication.answered(Answer::read(status, response), now);
        self.look_at(&id);
        // What is said of one conference alone is no more than a failure: that one is asked for again after a pause.
        let takes_none = matches!(status, 405 | 415 | 489 | 501);
        let is_new = takes_none && !self.refused;
        self.refused |= takes_none;
        is_new.then_some(Event::NoPresence { status })
    }

    fn set_due(&mut self, id: &ConferenceId, at: Option<Instant>) {
        let before = match at {
            Some(at) => self.due.insert(id.clone(), at),
            None => self.due.remove(id),
        };
        if let Some(before) = before {
            self.by_time.remove(&(before, id.clone()));
        }
        self.by_time.extend(at.map(|at| (at, id.clone())));
    }
}
