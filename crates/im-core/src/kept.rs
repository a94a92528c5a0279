//! Chat kept for the absent: delivered when a device of theirs registers, oldest first, one after the other.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use sip_proto::endpoint::UDP_REQUEST_MAX_BYTES;
use sip_proto::{HeaderName, Message, Method, NameAddr, RequestBuilder, Uri};

use crate::content::Opened;
use crate::date::sip_date;
use crate::ports::{Event, KeptMessage, StoreOp};
use crate::relay::{Fork, Leg, MESSAGE_ID};
use crate::server::{ImServer, Storing};
use crate::told::Telling;

/// Max-Forwards of a request that begins here (RFC 3261 §8.1.1.6).
const MAX_FORWARDS: u8 = 70;
/// Bytes that the endpoint's Via adds at most.
pub(crate) const VIA_ROOM: usize = 160;
/// People for whom it is remembered that something is kept; for others it is found when a device registers anew.
const REMEMBERED_MAX: usize = 200_000;

/// The delivery of kept messages to one device of a person.
#[derive(Debug)]
pub(crate) struct Session {
    binding: u64,
    queue: VecDeque<KeptMessage>,
    /// The message that waits for the device's answer.
    current: Option<Current>,
    /// The highest id that was fetched.
    after: Option<i64>,
    /// Whether the last page was full: there may be more.
    more: bool,
    /// Whether something could not be delivered and stays kept.
    left: bool,
    /// Of whose messages which device was told, since it cannot take them.
    told_of: HashSet<Telling>,
}

/// A kept message on its way.
#[derive(Debug, Clone, Copy)]
struct Current {
    id: i64,
    /// The contact that it was sent to.
    binding: u64,
}

impl ImServer {
    /// A device is there: what is kept for its person goes to it, unless another device is being served.
    pub(crate) fn offer_kept(&mut self, aor: &Arc<str>, binding: u64) {
        if let Some(session) = self.sessions.get_mut(aor) {
            // What follows goes to the device that came last; what is on its way now, too, if it fails.
            session.binding = binding;
            return;
        }
        self.maybe_kept.remove(aor);
        let session = Session {
            binding,
            queue: VecDeque::new(),
            current: None,
            after: None,
            more: false,
            left: false,
            told_of: HashSet::new(),
        };
        self.sessions.insert(aor.clone(), session);
        self.fetch(aor, None);
    }

    /// No device took a message: it stays kept, and goes to a device that came meanwhile.
    pub(crate) fn keep(&mut self, aor: &Arc<str>, newest_tried: u64, now: Instant) {
        let newer = self
            .registrar
            .find(aor, now)
            .and_then(|(_, bindings)| bindings.map(|b| b.id).max())
            .filter(|id| *id > newest_tried);
        match newer {
            Some(binding) => self.offer_kept(aor, binding),
            None => self.remember_kept(aor),
        }
    }

    pub(crate) fn remember_kept(&mut self, aor: &Arc<str>) {
        if self.maybe_kept.len() < REMEMBERED_MAX {
            self.maybe_kept.insert(aor.clone());
        }
    }

    /// The store answered with kept messages.
    pub(crate) fn on_kept(&mut self, aor: &Arc<str>, messages: Vec<KeptMessage>, now: Instant) {
        let page = self.config.limits.kept_page;
        let Some(session) = self.sessions.get_mut(aor) else {
            return;
        };
        session.more = messages.len() >= page;
        session.after = messages.last().map(|message| message.id).or(session.after);
        for message in messages {
            // What is on its way to a device now is not sent twice; if that fails, it is offered again.
            if !self.relays.contains_key(&message.id) {
                session.queue.push_back(message);
            }
        }
        self.deliver_next(aor, now);
    }

    /// A device answered a kept message.
    pub(crate) fn kept_answered(
        &mut self,
        aor: &Arc<str>,
        device: &Arc<str>,
        status: u16,
        now: Instant,
    ) {
        let Some(session) = self.sessions.get_mut(aor) else {
            return;
        };
        let Some(Current { id, binding }) = session.current.take() else {
            return;
        };
        match status {
            200..=299 => {
                self.mark_delivered(id, device, now);
                self.event(Event::Delivered { id, kept: true });
                self.deliver_next(aor, now);
            }
            // The device is away or busy: the others would fare no better.
            408 | 480 | 486 | 500..=599 => {
                let newer = Some(session.binding).filter(|newer| *newer != binding);
                self.event(Event::Undelivered { id, status });
                self.end_session(aor, true);
                if let Some(newer) = newer {
                    self.offer_kept(aor, newer);
                }
            }
            // It does not want this one.
            _ => {
                session.left = true;
                self.event(Event::Undelivered { id, status });
                self.deliver_next(aor, now);
            }
        }
    }

    pub(crate) fn end_session(&mut self, aor: &Arc<str>, left: bool) {
        if self.sessions.remove(aor).is_some() && left {
            self.remember_kept(aor);
        }
    }

    fn deliver_next(&mut self, aor: &Arc<str>, now: Instant) {
        loop {
            let Some(session) = self.sessions.get_mut(aor) else {
                return;
            };
            let Some(kept) = session.queue.pop_front() else {
                let (more, after, left) = (session.more, session.after, session.left);
                if more {
                    self.fetch(aor, after);
                } else {
                    self.end_session(aor, left);
                }
                return;
            };
            let leg = self.registrar.binding(aor, session.binding).map(Leg::of);
            let Some(leg) = leg else {
                self.end_session(aor, true);
                return;
            };
            let Some(message) = self.rebuilt(aor, &kept, &leg) else {
                self.skip(aor);
                continue;
            };
            let room = message.as_bytes().len() + VIA_ROOM;
            if room > UDP_REQUEST_MAX_BYTES && !leg.target.transport.is_reliable() {
                self.tell_once_for_sender(aor, &kept, &leg, now);
                self.skip(aor);
                continue;
            }
            let host = self.config.via.of(leg.target.transport);
            let Ok(tx) = self.endpoint.send_request(&message, &leg.target, host, now) else {
                self.end_session(aor, true);
                return;
            };
            if let Some(session) = self.sessions.get_mut(aor) {
                session.current = Some(Current {
                    id: kept.id,
                    binding: leg.binding,
                });
            }
            let fork = Fork::Kept {
                aor: aor.clone(),
                device: leg.device,
            };
            self.forks.insert(tx, fork);
            return;
        }
    }

    /// One text is enough for all that a sender wrote meanwhile: its link leads to the whole chat.
    fn tell_once_for_sender(
        &mut self,
        aor: &Arc<str>,
        kept: &KeptMessage,
        leg: &Leg,
        now: Instant,
    ) {
        let telling = Telling {
            aor: aor.clone(),
            device: leg.device.clone(),
            from: kept.from.clone(),
        };
        let session = self.sessions.get(aor);
        if session.is_some_and(|session| session.told_of.contains(&telling)) {
            self.told.note(&telling, kept.id);
        } else if self.tell_of_kept(&telling, &kept.name, kept.id, leg, now)
            && let Some(session) = self.sessions.get_mut(aor)
        {
            session.told_of.insert(telling);
        }
    }

    fn skip(&mut self, aor: &Arc<str>) {
        if let Some(session) = self.sessions.get_mut(aor) {
            session.left = true;
        }
    }

    fn fetch(&mut self, aor: &Arc<str>, after: Option<i64>) {
        let op = StoreOp::FetchPending {
            aor: aor.clone(),
            after,
            limit: self.config.limits.kept_page,
        };
        self.store(op, Storing::Kept(aor.clone()));
    }

    /// The message as a new request of ours in its sender's name, with the date on which it came; `None` when it is nothing for this
    /// device.
    fn rebuilt(&mut self, aor: &str, kept: &KeptMessage, leg: &Leg) -> Option<Message> {
        let (mut kind, mut body) = (kept.content_type.clone(), kept.body.clone());
        let mut call_id = None;
        if !leg.envelopes {
            match Opened::of_kept(&kind, &body) {
                Some(Opened::Text(opened)) => {
                    (kind, body, call_id) = (opened.kind, opened.text, opened.call_id);
                }
                Some(Opened::Other) => return None,
                None => {}
            }
        }
        let request = self
            .request_of(aor, &kept.from, call_id.as_deref(), leg)?
            .header(HeaderName::Date, sip_date(kept.at_unix_ms))
            .header(MESSAGE_ID, kept.id)
            .body(&kind, body);
        Some(request.build())
    }

    /// A new MESSAGE of ours to a device, in somebody's name and with this Call-ID or a new one, that holds nothing yet.
    pub(crate) fn request_of(
        &mut self,
        aor: &str,
        from: &str,
        call_id: Option<&str>,
        leg: &Leg,
    ) -> Option<RequestBuilder> {
        let from = Uri::parse(format!("sip:{from}")).ok()?;
        let to = Uri::parse(format!("sip:{aor}")).ok()?;
        let domain = self.config.domains.first()?.clone();
        let tag = self.endpoint.tokens().tag();
        let call_id = match call_id {
            Some(call_id) => call_id.to_owned(),
            None => self.endpoint.tokens().call_id(&domain),
        };
        let mut request = RequestBuilder::new(Method::Message, &leg.uri).max_forwards(MAX_FORWARDS);
        for path in &leg.path {
            request = request.header(HeaderName::Route, path);
        }
        let request = request
            .from(&NameAddr::new(&from).with_tag(&tag))
            .to(&NameAddr::new(&to))
            .call_id(&call_id)
            .cseq(1);
        Some(request)
    }
}
