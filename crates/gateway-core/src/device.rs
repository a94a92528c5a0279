//! What waits for each device. One MESSAGE is under way to a device at a time, so order is kept; reports that wait together
//! travel together; nothing waits for ever.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use convoke_types::report::{Change, Report};
use convoke_types::{Aor, CommandId};
use service_core::address::owner;
use soap_proto::{Headers, ReportMessage, names, write_report};

use crate::config::{
    DEVICE_QUEUE_MAX, DEVICES_MAX, DEVICES_PER_PERSON_MAX, REPORTS_PER_MESSAGE, RETRY_MS,
    SEND_DEADLINE_MS, STOPPED_MS, TALKING_GAP_MS, TRIES_MAX, WORDS_PER_MESSAGE_BYTES,
};

/// Content-Type of words.
pub(crate) const WORDS_TYPE: &str = "text/plain; charset=utf-8";

/// One thing for a device.
#[derive(Debug)]
pub(crate) enum Item {
    /// A whole SOAP envelope.
    Envelope(Vec<u8>),
    /// One report, to be put into an envelope with its neighbours.
    Report {
        report: Box<Report>,
        relates_to: Option<CommandId>,
    },
    /// A line of words, to be sent with its neighbours.
    Words(String),
}

impl Item {
    fn is_talking(&self) -> bool {
        matches!(self, Item::Report { report, .. } if matches!(report.change, Change::Talking { .. }))
    }
}

/// A MESSAGE to be sent.
#[derive(Debug)]
pub(crate) struct Sending {
    pub token: u64,
    pub to: String,
    pub content_type: &'static str,
    pub body: Bytes,
}

#[derive(Debug, Default)]
struct Device {
    owner: Option<Aor>,
    queue: VecDeque<Item>,
    /// The MESSAGE that is under way or will be tried again, and which try it is.
    current: Option<(&'static str, Bytes, u8)>,
    /// Names the MESSAGE while it is under way.
    token: Option<u64>,
    talking_free_at: Option<Instant>,
    stopped: bool,
    timer: Option<Instant>,
}

/// All devices with something to send, or lately not reached.
#[derive(Debug)]
pub(crate) struct Devices {
    instance: String,
    devices: BTreeMap<String, Device>,
    /// How many of `devices` are each person's.
    per_person: BTreeMap<Aor, usize>,
    tokens: BTreeMap<u64, String>,
    timers: BTreeSet<(Instant, String)>,
    next_token: u64,
    ready: VecDeque<Sending>,
}

impl Devices {
    pub(crate) fn new(instance: &str) -> Self {
        Self {
            instance: instance.to_owned(),
            devices: BTreeMap::new(),
            per_person: BTreeMap::new(),
            tokens: BTreeMap::new(),
            timers: BTreeSet::new(),
            next_token: 1,
            ready: VecDeque::new(),
        }
    }

    /// The device (or person) spoke: whatever was thought of it, it is there.
    pub(crate) fn spoke(&mut self, to: &str, now: Instant) {
        let Some(device) = self.devices.get_mut(to) else {
            return;
        };
        if !device.stopped {
            // The pause before another try was for one who is away; the answer would have to wait for it.
            if device.current.is_some() && device.token.is_none() {
                self.set_timer(to, None);
                self.pump(to, now);
            }
            return;
        }
        if device.token.is_none() {
            return self.forget(to);
        }
        // A MESSAGE from before is still under way; the next one waits for its end.
        device.stopped = false;
        self.set_timer(to, now.checked_add(Duration::from_millis(SEND_DEADLINE_MS)));
    }

    /// Queues one thing. When the queue is full the oldest report of talking goes; a device with 256 other things
    /// waiting is lost: it gets nothing more until it speaks and asks for the state. False: not queued.
    pub(crate) fn push(&mut self, to: &str, item: Item, now: Instant) -> bool {
        if !self.devices.contains_key(to) && !self.enter(to) {
            return false;
        }
        let Some(device) = self.devices.get_mut(to) else {
            return false;
        };
        if device.stopped {
            return false;
        }
        if device.queue.len() >= DEVICE_QUEUE_MAX {
            match device.queue.iter().position(Item::is_talking) {
                Some(oldest) => {
                    device.queue.remove(oldest);
                }
                None => {
                    self.stop(to, now);
                    return false;
                }
            }
        }
        device.queue.push_back(item);
        self.pump(to, now);
        true
    }

    /// Makes room for a device; false when there is none.
    fn enter(&mut self, to: &str) -> bool {
        let owner = owner(to);
        let theirs = owner.as_ref().and_then(|owner| self.per_person.get(owner));
        let theirs = theirs.copied().unwrap_or(0);
        if self.devices.len() >= DEVICES_MAX || theirs >= DEVICES_PER_PERSON_MAX {
            return false;
        }
        if let Some(owner) = &owner {
            self.per_person
                .insert(owner.clone(), theirs.saturating_add(1));
        }
        let device = Device {
            owner,
            ..Device::default()
        };
        self.devices.insert(to.to_owned(), device);
        true
    }

    /// The final status of a MESSAGE.
    pub(crate) fn result(&mut self, token: u64, status: u16, now: Instant) {
        let Some(to) = self.tokens.remove(&token) else {
            return;
        };
        let Some(device) = self.devices.get_mut(&to) else {
            return;
        };
        device.token = None;
        if device.stopped {
            return;
        }
        self.set_timer(&to, None);
        let Some(device) = self.devices.get_mut(&to) else {
            return;
        };
        // A device that is gone, or in trouble that may pass: tried again, then given up.
        let passing = device.current.is_some()
            && matches!(status, 404 | 408 | 410 | 430 | 480 | 491 | 500..=599);
        let tries = device.current.as_ref().map_or(TRIES_MAX, |c| c.2);
        if passing && tries >= TRIES_MAX {
            self.stop(&to, now);
            return;
        }
        if passing {
            let pause = RETRY_MS << (2 * u32::from(tries.saturating_sub(1)));
            self.set_timer(&to, now.checked_add(Duration::from_millis(pause)));
            return;
        }
        // Delivered; or refused for what it is, and would be again.
        device.current = None;
        self.pump(&to, now);
    }

    pub(crate) fn poll(&mut self) -> Option<Sending> {
        self.ready.pop_front()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, to)) = self.timers.first().cloned() {
            if at > now {
                return;
            }
            self.set_timer(&to, None);
            let Some(device) = self.devices.get(&to) else {
                continue;
            };
            match device.token {
                _ if device.stopped => self.forget(&to),
                Some(token) => self.result(token, 408, now),
                None => self.pump(&to, now),
            }
        }
    }

    fn stop(&mut self, to: &str, now: Instant) {
        if let Some(device) = self.devices.get_mut(to) {
            device.queue.clear();
            device.current = None;
            device.stopped = true;
            self.set_timer(to, now.checked_add(Duration::from_millis(STOPPED_MS)));
        }
    }

    fn forget(&mut self, to: &str) {
        self.set_timer(to, None);
        let Some(device) = self.devices.remove(to) else {
            return;
        };
        if let Some(token) = device.token {
            self.tokens.remove(&token);
        }
        let Some(owner) = device.owner else {
            return;
        };
        let left = self.per_person.remove(&owner).unwrap_or(0);
        if left > 1 {
            self.per_person.insert(owner, left.saturating_sub(1));
        }
    }

    fn set_timer(&mut self, to: &str, at: Option<Instant>) {
        let Some(device) = self.devices.get_mut(to) else {
            return;
        };
        if let Some(old) = std::mem::replace(&mut device.timer, at) {
            self.timers.remove(&(old, to.to_owned()));
        }
        if let Some(at) = at {
            self.timers.insert((at, to.to_owned()));
        }
    }

    /// Sends the next MESSAGE to a device that has none under way.
    fn pump(&mut self, to: &str, now: Instant) {
        let message_id = format!("{}-{}", self.instance, self.next_token);
        let Some(device) = self.devices.get_mut(to) else {
            return;
        };
        if device.token.is_some() || device.stopped {
            return;
        }
        // A pause before the next try is kept whatever else arrives.
        if device.current.is_some() && device.timer.is_some_and(|at| at > now) {
            return;
        }
        if device.current.is_none() {
            match device.next(to, &message_id, now) {
                Next::Body(content_type, body) => device.current = Some((content_type, body, 0)),
                Next::Wait(at) => return self.set_timer(to, Some(at)),
                Next::Nothing => {
                    // Kept while reports of talking must still be held apart.
                    match device.talking_free_at.filter(|at| *at > now) {
                        Some(at) => self.set_timer(to, Some(at)),
                        None => self.forget(to),
                    }
                    return;
                }
            }
        }
        let Some((content_type, body, tries)) = device.current.as_mut() else {
            return;
        };
        *tries = tries.saturating_add(1);
        let token = self.next_token;
        self.next_token = self.next_token.wrapping_add(1);
        device.token = Some(token);
        self.ready.push_back(Sending {
            token,
            to: to.to_owned(),
            content_type,
            body: body.clone(),
        });
        self.tokens.insert(token, to.to_owned());
        self.set_timer(to, now.checked_add(Duration::from_millis(SEND_DEADLINE_MS)));
    }
}

enum Next {
    Body(&'static str, Bytes),
    Wait(Instant),
    Nothing,
}

impl Device {
    fn next(&mut self, to: &str, message_id: &str, now: Instant) -> Next {
        loop {
            return match self.queue.front() {
                None => Next::Nothing,
                Some(Item::Envelope(_)) => match self.queue.pop_front() {
                    Some(Item::Envelope(bytes)) => Next::Body(names::CONTENT_TYPE, bytes.into()),
                    _ => continue,
                },
                Some(Item::Words(_)) => Next::Body(WORDS_TYPE, self.words().into()),
                Some(Item::Report { .. }) => {
                    let only_talking = self.queue.iter().all(Item::is_talking);
                    match self.talking_free_at.filter(|at| only_talking && *at > now) {
                        Some(at) => Next::Wait(at),
                        None => {
                            if only_talking {
                                let gap = Duration::from_millis(TALKING_GAP_MS);
                                self.talking_free_at = now.checked_add(gap);
                            }
                            match self.reports(to, message_id) {
                                Some(bytes) => Next::Body(names::CONTENT_TYPE, bytes.into()),
                                None => continue,
                            }
                        }
                    }
                }
            };
        }
    }

    fn words(&mut self) -> String {
        let mut text = String::new();
        while let Some(Item::Words(line)) = self.queue.front() {
            if !text.is_empty() {
                if text.len() + line.len() >= WORDS_PER_MESSAGE_BYTES {
                    break;
                }
                text.push('\n');
            }
            text.push_str(line);
            self.queue.pop_front();
        }
        text
    }

    /// As many reports from the front as belong together and fit; `None` when the first alone does not fit and is dropped.
    fn reports(&mut self, to: &str, message_id: &str) -> Option<Vec<u8>> {
        let mut reports: Vec<Report> = Vec::new();
        let mut first_relates: Option<Option<CommandId>> = None;
        for item in self.queue.iter().take(REPORTS_PER_MESSAGE) {
            let Item::Report { report, relates_to } = item else {
                break;
            };
            if first_relates.get_or_insert_with(|| relates_to.clone()) != relates_to {
                break;
            }
            reports.push(Report::clone(report));
        }
        let mut message = ReportMessage {
            headers: Headers {
                message_id: message_id.parse().ok(),
                relates_to: first_relates.flatten(),
                to: Some(to.to_owned()),
                action: Some(format!("{}/report", names::REPORT_NS)),
                ..Headers::default()
            },
            user: None,
            address: None,
            reports,
        };
        loop {
            let count = message.reports.len();
            let written = write_report(&message).ok();
            if written.is_some() || count <= 1 {
                self.queue.drain(..count.min(self.queue.len()));
                return written;
            }
            message.reports.truncate(count / 2);
        }
    }
}
