//! Who is on the phone, told to the IM server (RFC 3903): one publication for each person with a leg in a conference, renewed while it
//! lasts, ended with the last leg.
//!
//! A publication ends with the connection that it was made over or by its time, so all are made anew after a registration over another
//! connection; of who hung up meanwhile there is nothing to take back. A registration that fails or is renewed while the connection
//! lasts changes nothing. Of each person only the newest state waits to be told.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use convoke_types::xml::escaped;
use sip_proto::endpoint::Endpoint;
use sip_proto::ua::{MessageError, MessageToken, Ua};
use sip_proto::{FlowId, HeaderName, Message, Method, Uri};

use crate::ports::Event;

/// Life of a publication, in seconds: short, since one that is lost must end by itself.
const LIFE_S: u32 = 600;
/// Longest life that a server may ask for, in seconds.
const LIFE_MAX_S: u32 = 3600;
/// First pause after a failure, doubled with each further one.
const AGAIN_FIRST: Duration = Duration::from_secs(5);
/// Longest pause after a failure.
const AGAIN_MAX: Duration = Duration::from_secs(300);
/// Doublings of the pause that are counted.
const DOUBLINGS_MAX: u32 = 8;

const CONTENT_TYPE: &str = "application/pidf+xml";

/// A request without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Makes or renews a publication.
    Lasts,
    /// Ends one.
    Ends,
}

/// What is published of somebody.
#[derive(Debug, Default)]
struct Line {
    /// They are on the phone.
    on: bool,
    /// The publication's name, as the server gave it.
    tag: Option<String>,
    /// It is to be renewed.
    renew: bool,
    /// It stands in the queue.
    waits: bool,
    /// The request that is under way.
    asked: Option<Asked>,
    failures: u32,
    /// When to renew, or to try again.
    due: Option<Instant>,
    /// The server knows nobody of this name.
    unknown: bool,
}

/// Everybody who is on the phone, or was until just now.
#[derive(Debug)]
pub(crate) struct Phones {
    lines: HashMap<Arc<str>, Line>,
    /// Whose line is to be looked at.
    waiting: VecDeque<Arc<str>>,
    under_way: HashMap<MessageToken, Arc<str>>,
    under_way_max: usize,
    due: BTreeSet<(Instant, Arc<str>)>,
    life_s: u32,
    /// Registered, at a server that takes presence as far as known.
    open: bool,
    /// The connection of the last registration at such a server.
    flow: Option<FlowId>,
}

impl Phones {
    pub(crate) fn new(under_way_max: usize) -> Self {
        Self {
            lines: HashMap::new(),
            waiting: VecDeque::new(),
            under_way: HashMap::new(),
            under_way_max: under_way_max.max(1),
            due: BTreeSet::new(),
            life_s: LIFE_S,
            open: false,
            flow: None,
        }
    }

    /// Number of publications without an answer.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Somebody is on the phone, or no longer.
    pub(crate) fn set(&mut self, person: &str, on: bool) {
        if !on && !self.lines.contains_key(person) {
            return;
        }
        let person: Arc<str> = Arc::from(person);
        let line = self.lines.entry(person.clone()).or_default();
        if line.on != on {
            line.on = on;
            line.unknown = false;
            self.look_at(person);
        }
    }

    fn look_at(&mut self, person: Arc<str>) {
        if let Some(line) = self.lines.get_mut(&person)
            && !std::mem::replace(&mut line.waits, true)
        {
            self.waiting.push_back(person);
        }
    }

    /// All are off the phone: the server goes down.
    pub(crate) fn clear(&mut self) {
        let mut all: Vec<Arc<str>> = self.lines.keys().cloned().collect();
        all.sort_unstable();
        for person in all {
            self.set(&person, false);
        }
    }

    /// Registered; over another connection than before, what was published is gone, and is published anew.
    pub(crate) fn registered(&mut self, flow: Option<FlowId>) {
        if self.flow != flow {
            self.forget_publications();
        }
        self.flow = flow;
        self.open = true;
    }

    /// Not registered: nothing can be told for now.
    pub(crate) fn unregistered(&mut self) {
        self.open = false;
    }

    fn forget_publications(&mut self) {
        self.due.clear();
        self.under_way.clear();
        self.lines.retain(|_, line| line.on);
        let mut all: Vec<Arc<str>> = self.lines.keys().cloned().collect();
        all.sort_unstable();
        for line in self.lines.values_mut() {
            *line = Line {
                on: true,
                waits: true,
                ..Line::default()
            };
        }
        self.waiting = all.into();
    }

    /// When `handle_timeout` is to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let first = self.due.first().map(|(at, _)| *at);
        first.filter(|_| self.open)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while self.open
            && let Some((_, person)) = self.due.first().filter(|(at, _)| *at <= now).cloned()
        {
            self.set_due(&person, None);
            if let Some(line) = self.lines.get_mut(&person) {
                line.renew = line.tag.is_some();
                self.look_at(person);
            }
        }
    }

    /// Sends what is to be told.
    pub(crate) fn publish(&mut self, ua: &mut Ua, endpoint: &mut Endpoint, now: Instant) {
        while self.open && self.under_way.len() < self.under_way_max {
            let Some(person) = self.waiting.pop_front() else {
                return;
            };
            self.publish_one(&person, ua, endpoint, now);
        }
    }

    fn publish_one(
        &mut self,
        person: &Arc<str>,
        ua: &mut Ua,
        endpoint: &mut Endpoint,
        now: Instant,
    ) {
        let Some(line) = self.lines.get_mut(person) else {
            return;
        };
        line.waits = false;
        // Its answer looks at the line again.
        if line.asked.is_some() || (line.unknown && line.on) {
            return;
        }
        let (life_s, says) = match (line.on, &line.tag) {
            (true, None) => (self.life_s, true),
            (true, Some(_)) if line.renew => (self.life_s, false),
            (true, Some(_)) => return,
            (false, Some(_)) => (0, false),
            (false, None) => {
                self.set_due(person, None);
                self.lines.remove(person);
                return;
            }
        };
        let Ok(uri) = Uri::parse(format!("sip:{person}")) else {
            line.unknown = true;
            return;
        };
        let life = life_s.to_string();
        let mut extra = vec![
            (HeaderName::Event, "presence"),
            (HeaderName::Expires, &life),
        ];
        let tag = line.tag.clone();
        extra.extend(tag.iter().map(|tag| (HeaderName::SipIfMatch, tag.as_str())));
        let body = says.then(|| (CONTENT_TYPE, Bytes::from(on_the_phone(person))));
        let sent = ua.request(endpoint, Method::Publish, &uri, body, &extra, now);
        match sent {
            Ok(token) => {
                line.asked = Some(if life_s == 0 {
                    Asked::Ends
                } else {
                    Asked::Lasts
                });
                self.under_way.insert(token, person.clone());
            }
            // Too much under way in the endpoint.
            Err(MessageError::Full | MessageError::Send(_) | MessageError::TooLongForUdp) => {
                self.again(person, now);
            }
        }
    }

    /// The answer to a publication; gives back what is worth telling. What is not ours is nobody's: all requests are.
    pub(crate) fn answered(
        &mut self,
        token: MessageToken,
        status: u16,
        response: Option<&Message>,
        now: Instant,
    ) -> Option<Event> {
        // One of before a new registration counts no more.
        let person = self.under_way.remove(&token)?;
        let line = self.lines.get_mut(&person)?;
        let ended = line.asked.take() == Some(Asked::Ends);
        match status {
            200..=299 => {
                let tag = response.and_then(|response| response.header(HeaderName::SipEtag));
                line.tag = tag.filter(|_| !ended).map(str::to_owned);
                line.renew = false;
                line.failures = 0;
                let granted = response.and_then(|response| response.expires().ok().flatten());
                // At three quarters of its life: a lost renewal can be repeated.
                let life_s = u64::from(granted.unwrap_or(self.life_s).clamp(1, LIFE_MAX_S));
                let due = now.checked_add(Duration::from_millis(life_s.saturating_mul(750)));
                let is_open = line.tag.is_some();
                self.set_due(&person, due.filter(|_| is_open));
                self.look_at(person);
                None
            }
            // Conditional Request Failed (RFC 3903 §11.2.1): it ended before.
            412 => {
                line.tag = None;
                self.look_at(person);
                None
            }
            // Interval Too Brief.
            423 => {
                let least = response.and_then(|response| {
                    let least = response.number(HeaderName::MinExpires, LIFE_MAX_S, "seconds");
                    least.ok().flatten()
                });
                self.life_s = self.life_s.max(least.unwrap_or(LIFE_MAX_S));
                self.again(&person, now);
                None
            }
            403 | 404 | 410 => {
                line.unknown = true;
                line.tag = None;
                if !line.on {
                    self.look_at(person);
                }
                None
            }
            405 | 415 | 489 | 501 => {
                self.unregistered();
                self.flow = None;
                Some(Event::NoPresence { status })
            }
            _ => {
                self.again(&person, now);
                None
            }
        }
    }

    fn again(&mut self, person: &Arc<str>, now: Instant) {
        let Some(line) = self.lines.get_mut(person) else {
            return;
        };
        // An end that could not be told comes by itself.
        if !line.on && line.failures > 0 {
            line.tag = None;
            self.look_at(person.clone());
            return;
        }
        let pause = AGAIN_FIRST.saturating_mul(1 << line.failures.min(DOUBLINGS_MAX));
        line.failures = line.failures.saturating_add(1);
        let due = now.checked_add(pause.min(AGAIN_MAX));
        self.set_due(person, due);
    }

    fn set_due(&mut self, person: &Arc<str>, at: Option<Instant>) {
        let Some(line) = self.lines.get_mut(person) else {
            return;
        };
        if let Some(before) = std::mem::replace(&mut line.due, at) {
            self.due.remove(&(before, person.clone()));
        }
        self.due.extend(at.map(|at| (at, person.clone())));
    }
}

/// The document that says of somebody (`user@domain`) that they are on the phone, and nothing else (RFC 3863, RFC 4479, RFC 4480).
pub fn on_the_phone(person: &str) -> String {
    let entity = escaped(&format!("sip:{person}"));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"{entity}\">\n \
         <dm:person id=\"phone\"><rpid:activities><rpid:on-the-phone/></rpid:activities></dm:person>\n</presence>\n"
    )
}
