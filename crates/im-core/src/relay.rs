//! A durable message on its way to devices (RFC 3261 §16.6, §16.7): one client transaction each, and what becomes of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use convoke_types::limits::COMMAND_MAX_LIFE_S;
use sip_proto::auth::Bearer;
use sip_proto::endpoint::{ClientTx, UDP_REQUEST_MAX_BYTES};
use sip_proto::{Edit, HeaderName, Message, NameAddr, ResponseBuilder, Target, Uri};

use crate::content::{Opened, OpenedText, takes_envelopes};
use crate::message::Plan;
use crate::ports::{Event, StoreOp};
use crate::registrar::Binding;
use crate::sent::SENT_TO;
use crate::server::{ImServer, Request, Storing};
use crate::told::Telling;

/// Carries the id of a chat message in the log, the same on every device and however often it is delivered.
pub const MESSAGE_ID: HeaderName = HeaderName::from_static("Convoke-Message-Id");
/// Max-Forwards of requests that came without one (RFC 3261 §16.6, step 3).
pub(crate) const MAX_FORWARDS: u8 = 70;
/// Bytes that the endpoint's Via adds at most, beside the host.
const VIA_ROOM: usize = 96;
/// Bytes that our other header fields add at most.
const HEADER_ROOM: usize = 160;

/// How long a control request waits for the far end: the life of a command, and less than the 64·T1 after which its client
/// hears nothing any more (RFC 3261 §17.1.2.2, RFC 4320 §4.2).
const ANSWER_MAX: Duration = Duration::from_secs(COMMAND_MAX_LIFE_S);

/// One device that a message goes to.
#[derive(Debug)]
pub(crate) struct Leg {
    pub binding: u64,
    pub device: Arc<str>,
    pub target: Target,
    pub uri: Uri,
    pub path: Vec<String>,
    /// It opens envelopes itself.
    pub envelopes: bool,
}

impl Leg {
    pub(crate) fn of(binding: &Binding) -> Self {
        Self {
            binding: binding.id,
            device: binding.device(),
            target: binding.target.clone(),
            uri: binding.address.uri().clone(),
            path: binding.path.clone(),
            envelopes: takes_envelopes(&binding.address),
        }
    }
}

/// What a client transaction belongs to.
#[derive(Debug)]
pub(crate) enum Fork {
    /// One copy of this message.
    Relay { id: i64, device: Arc<str> },
    /// The kept message that is being delivered to this person.
    Kept { aor: Arc<str>, device: Arc<str> },
    /// A copy of so many bytes for another device of its sender.
    Copy { from: Arc<str>, bytes: usize },
    /// Word to a device that this message is kept, which it could not take.
    ShortText { telling: Telling, id: i64 },
}

/// A message on its way.
#[derive(Debug)]
pub(crate) struct Relay {
    from: Arc<str>,
    /// The size of the whole request.
    bytes: usize,
    to: Arc<str>,
    /// Whether the log is told which device took it.
    marked: bool,
    keep: bool,
    /// The control request while it waits for the far end's answer; chat was answered already.
    waiting: Option<Request>,
    /// Copies without a final answer.
    open: usize,
    /// Whether a device took it.
    delivered: bool,
    /// The best refusal so far: its status, and the response unless it is ours.
    best: Option<(u16, Option<Message>)>,
    /// Contacts with higher ids came later.
    newest_binding: u64,
}

impl ImServer {
    /// The message is in the log: chat is acknowledged now, and everything goes out.
    pub(crate) fn on_durable(&mut self, request: &Request, plan: Plan, id: i64, now: Instant) {
        if !plan.control {
            let answer = self.accepted(&request.message, &plan, id);
            self.respond(request, answer, now);
        }
        let (legs, too_large) = self.targets(&request.message, &plan, now);
        let newest_binding = legs.iter().map(|leg| leg.binding).max().unwrap_or(0);
        let copies = self.copies(&request.message, &plan, id);
        let mut open = 0;
        for leg in legs {
            let message = addressed(opened(copies.clone(), &plan, &leg), &leg);
            let host = self.config.via.of(leg.target.transport);
            let sent = self.endpoint.send_request(&message, &leg.target, host, now);
            if let Ok(tx) = sent {
                let device = leg.device;
                self.forks.insert(tx, Fork::Relay { id, device });
                open += 1;
            }
        }
        self.copy_to_own_devices(request, &plan, &copies, now);
        self.event(Event::Relayed {
            id,
            from: plan.from.clone(),
            to: plan.to.clone(),
            control: plan.control,
            call_id: control_call_id(request, plan.control),
            devices: open,
        });
        if open == 0 {
            self.under_way.end(&plan.from, plan.bytes);
            if plan.control {
                let status = if too_large.is_empty() { 480 } else { 513 };
                self.refuse(request, status, now);
            } else if plan.keep {
                let name = self.remembered_name(&plan.from);
                for leg in &too_large {
                    let telling = Telling {
                        aor: plan.to.clone(),
                        device: leg.device.clone(),
                        from: plan.from.clone(),
                    };
                    self.tell_of_kept(&telling, &name, id, leg, now);
                }
                self.remember_kept(&plan.to);
            }
            return;
        }
        if plan.control
            && let Some(at) = now.checked_add(ANSWER_MAX)
        {
            self.control_deadlines.push_back((at, id));
            self.drop_answered_deadlines();
        }
        let waiting = plan.control.then(|| Request {
            tx: request.tx,
            source: request.source,
            message: request.message.clone(),
            lookups: 0,
        });
        let relay = Relay {
            from: plan.from,
            bytes: plan.bytes,
            to: plan.to,
            marked: !plan.control && !plan.passing,
            keep: plan.keep,
            waiting,
            open,
            delivered: false,
            best: None,
            newest_binding,
        };
        self.relays.insert(id, relay);
    }

    /// The 202 to chat; of what is in the log it tells the number there.
    pub(crate) fn accepted(&mut self, request: &Message, plan: &Plan, id: i64) -> ResponseBuilder {
        let answer = self.reply(request, 202);
        match plan.passing {
            true => answer,
            false => answer.header(MESSAGE_ID, id),
        }
    }

    /// A number for what is in no log; those of the log are above 0.
    pub(crate) fn next_passing(&mut self) -> i64 {
        self.passing = self.passing.checked_sub(1).unwrap_or(-1);
        self.passing
    }

    /// The devices that get the message, and those that are left out because it is too large for their transport (RFC 3261
    /// §18.1.1: such a client has to register over a connection).
    pub(crate) fn targets(
        &self,
        message: &Message,
        plan: &Plan,
        now: Instant,
    ) -> (Vec<Leg>, Vec<Leg>) {
        let Some((_, bindings)) = self.registrar.find(&plan.to, now) else {
            return (Vec::new(), Vec::new());
        };
        let bytes = copy_bytes(message) + VIA_ROOM + HEADER_ROOM + self.config.via.udp.len();
        let opened = match &plan.opened {
            Some(Opened::Text(OpenedText { text, call_id, .. })) => {
                let name = call_id.as_ref().map_or(0, String::len);
                bytes.saturating_sub(message.body().len()) + text.len() + name
            }
            Some(Opened::Other) | None => bytes,
        };
        let wanted = Preferences::of(message);
        let mut too_large = Vec::new();
        let mut chosen: Vec<&Binding> = Vec::new();
        for binding in bindings {
            if plan.device.is_some() && binding.instance != plan.device {
                continue;
            }
            if !wanted.admit(&binding.address) {
                continue;
            }
            let envelopes = takes_envelopes(&binding.address);
            if plan.opened == Some(Opened::Other) && !envelopes {
                continue;
            }
            let bytes = if envelopes { bytes } else { opened };
            if bytes > UDP_REQUEST_MAX_BYTES && !binding.target.transport.is_reliable() {
                too_large.push(Leg::of(binding));
                continue;
            }
            choose(&mut chosen, binding);
        }
        (chosen.into_iter().map(Leg::of).collect(), too_large)
    }

    /// The message as every device gets it, but for its Request-URI. What is not named here goes on byte for byte.
    fn copies(&self, message: &Message, plan: &Plan, id: i64) -> Edit {
        let hops = message.max_forwards().ok().flatten();
        let hops = hops.map_or(MAX_FORWARDS, |hops| hops.saturating_sub(1));
        let mut edit = Edit::of(message).set(HeaderName::MaxForwards, hops);
        // RFC 3325 §5: what a client says of itself there is worth nothing. And our realm's credentials end here.
        for name in [
            HeaderName::PAssertedIdentity,
            HeaderName::PPreferredIdentity,
            HeaderName::ProxyAuthorization,
            MESSAGE_ID,
            SENT_TO,
        ] {
            if message.has(name.clone()) {
                edit = edit.remove_all(name);
            }
        }
        // Authorization is the recipient's affair, but a token that was put there by mistake would be theirs to use.
        let mut authorizations = message.headers(HeaderName::Authorization);
        if authorizations.any(|value| Bearer::parse(value).is_some()) {
            edit = edit.remove_all(HeaderName::Authorization);
        }
        if plan.strip_route {
            edit = edit.remove_first(HeaderName::Route);
        }
        if plan.assert {
            let identity = format!("<sip:{}>", plan.from);
            edit = edit.append(HeaderName::PAssertedIdentity, identity);
        }
        // What a service says in words stands in the log, too, and is known by its number there.
        if !plan.passing {
            edit = edit.append(MESSAGE_ID, id);
        }
        edit.ensure_content_length()
    }

    /// A copy got its final answer: `response`, or none within the time (408) or on the way (503).
    pub(crate) fn fork_ended(
        &mut self,
        tx: ClientTx,
        status: u16,
        response: Option<&Message>,
        now: Instant,
    ) {
        match self.forks.remove(&tx) {
            Some(Fork::Relay { id, device }) => {
                self.relay_answered(id, &device, status, response, now);
            }
            Some(Fork::Copy { from, bytes }) => self.own_copies.end(&from, bytes),
            Some(Fork::Kept { aor, device }) => self.kept_answered(&aor, &device, status, now),
            Some(Fork::ShortText { telling, id }) => {
                self.short_text_answered(&telling, id, response.is_some());
            }
            None => {}
        }
    }

    fn relay_answered(
        &mut self,
        id: i64,
        device: &Arc<str>,
        status: u16,
        response: Option<&Message>,
        now: Instant,
    ) {
        let Some(relay) = self.relays.get_mut(&id) else {
            return;
        };
        relay.open = relay.open.saturating_sub(1);
        let open = relay.open;
        if (200..300).contains(&status) {
            let first = !relay.delivered;
            relay.delivered = true;
            if first {
                let (marked, waiting) = (relay.marked, relay.waiting.take());
                if let Some(request) = waiting {
                    self.pass_back(&request, status, response, now);
                }
                if marked {
                    self.mark_delivered(id, device, now);
                }
                self.event(Event::Delivered { id, kept: false });
            }
        } else if better(status, relay.best.as_ref()) {
            relay.best = Some((status, response.cloned()));
        }
        if open > 0 {
            return;
        }
        let Some(relay) = self.relays.remove(&id) else {
            return;
        };
        self.under_way.end(&relay.from, relay.bytes);
        if relay.delivered {
            return;
        }
        let (status, response) = relay.best.unwrap_or((408, None));
        self.event(Event::Undelivered { id, status });
        if let Some(request) = relay.waiting {
            self.pass_back(&request, status, response.as_ref(), now);
        }
        if relay.keep {
            self.keep(&relay.to, relay.newest_binding, now);
        }
    }

    /// When the next control request has waited long enough.
    pub(crate) fn next_control_deadline(&self) -> Option<Instant> {
        self.control_deadlines.front().map(|(at, _)| *at)
    }

    /// Keeps the queue as short as there are requests: the answered ones at its front go at once, those behind a silent one
    /// when there are too many.
    fn drop_answered_deadlines(&mut self) {
        let relays = &self.relays;
        // The last one is about to be put into `relays`.
        let last = self.control_deadlines.pop_back();
        let waits = |id: &i64| relays.get(id).is_some_and(|relay| relay.waiting.is_some());
        while self
            .control_deadlines
            .front()
            .is_some_and(|(_, id)| !waits(id))
        {
            self.control_deadlines.pop_front();
        }
        if self.control_deadlines.len() > self.config.limits.in_flight.saturating_mul(2) {
            self.control_deadlines.retain(|(_, id)| waits(id));
        }
        self.control_deadlines.extend(last);
    }

    /// Answers the control requests whose far end has been silent too long.
    pub(crate) fn end_silent_control(&mut self, now: Instant) {
        while let Some((_, id)) = self
            .control_deadlines
            .front()
            .copied()
            .filter(|(at, _)| *at <= now)
        {
            self.control_deadlines.pop_front();
            let waiting = self.relays.get_mut(&id).and_then(|r| r.waiting.take());
            if let Some(request) = waiting {
                self.refuse(&request, 480, now);
            }
        }
    }

    /// Gives the far end's final answer to who asked (RFC 3261 §16.7, steps 5 to 9).
    fn pass_back(
        &mut self,
        request: &Request,
        status: u16,
        response: Option<&Message>,
        now: Instant,
    ) {
        match response {
            Some(response) if status != 503 => {
                let answer = Edit::of(response)
                    .remove_first(HeaderName::Via)
                    .ensure_content_length()
                    .finish();
                self.endpoint.respond(request.tx, &answer, now);
            }
            // A 503 of theirs is not ours: it would tell the client to leave us (step 6).
            Some(_) => self.refuse(request, 500, now),
            // Not 408: RFC 4320 §4.2 keeps it from transactions other than INVITE.
            None => self.refuse(request, 480, now),
        }
    }

    pub(crate) fn mark_delivered(&mut self, id: i64, device: &Arc<str>, now: Instant) {
        let op = StoreOp::MarkDelivered {
            id,
            device: device.clone(),
            at_unix_ms: self.config.wall.unix_ms(now),
        };
        self.store(op, Storing::Quiet);
    }
}

/// Adds a contact. RFC 5626 §7: one device with several flows gets one copy, over its newest.
pub(crate) fn choose<'b>(chosen: &mut Vec<&'b Binding>, binding: &'b Binding) {
    let same = chosen
        .iter_mut()
        .find(|other| other.instance.is_some() && other.instance == binding.instance);
    match same {
        Some(other) if other.id < binding.id => *other = binding,
        Some(_) => {}
        None => chosen.push(binding),
    }
}

/// What is in the envelope, for a device that knows none.
pub(crate) fn opened(copy: Edit, plan: &Plan, leg: &Leg) -> Edit {
    let Some(Opened::Text(opened)) = plan.opened.as_ref().filter(|_| !leg.envelopes) else {
        return copy;
    };
    let copy = copy.body(&opened.kind, opened.text.clone());
    // Answers to control go back to where the request's own is known.
    match opened.call_id.as_ref().filter(|_| !plan.control) {
        Some(name) => copy.set(HeaderName::CallId, name),
        None => copy,
    }
}

/// A copy for one device: its contact as Request-URI, and the road there as Route (RFC 3327 §5.3).
pub(crate) fn addressed(copy: Edit, leg: &Leg) -> Message {
    let mut edit = copy.request_uri(&leg.uri);
    for path in leg.path.iter().rev() {
        edit = edit.push_front(HeaderName::Route, path);
    }
    edit.finish()
}

/// The message's size without the credentials, which do not go on.
fn copy_bytes(message: &Message) -> usize {
    let credentials: usize = message
        .headers(HeaderName::ProxyAuthorization)
        .map(str::len)
        .sum();
    message.as_bytes().len().saturating_sub(credentials)
}

/// Whether `status` says more than the best so far (RFC 3261 §16.7, step 6): an answer of a device before our own, 6xx before
/// others, and the lowest class.
fn better(status: u16, best: Option<&(u16, Option<Message>)>) -> bool {
    let rank = |status: u16| match status {
        600.. => 0,
        408 | 503 => 1000,
        other => other,
    };
    best.is_none_or(|(other, _)| rank(status) < rank(*other))
}

/// Which devices the sender wants (RFC 3841, the part that is used here: feature tags that a contact must have).
struct Preferences<'m> {
    required: Vec<&'m str>,
}

impl<'m> Preferences<'m> {
    fn of(message: &'m Message) -> Self {
        let mut required = Vec::new();
        if message.has(HeaderName::AcceptContact) {
            for value in message.headers(HeaderName::AcceptContact) {
                let params = sip_proto::text::Params::of(value);
                if params
                    .clone()
                    .any(|(name, _)| name.eq_ignore_ascii_case("require"))
                {
                    required.extend(params.map(|(name, _)| name).filter(|n| n.starts_with('+')));
                }
            }
        }
        Self { required }
    }

    fn admit(&self, contact: &NameAddr) -> bool {
        self.required.iter().all(|tag| contact.param(tag).is_some())
    }
}

/// Only for control: chat is told apart by its id, and needs no allocation for this.
fn control_call_id(request: &Request, control: bool) -> Option<String> {
    let call_id = request.message.call_id().filter(|_| control)?;
    Some(call_id.to_owned())
}
