//! The way of requests to conferences and back: we are a stateful proxy (RFC 3261 §16) between people and the one service that is
//! registered for conferences, and for nobody else.
//!
//! A first SUBSCRIBE or INVITE to `sip:conf-…` is authenticated, gets the sender's asserted identity (RFC 3325) and our Record-Route, and
//! goes over the connection on which the service registered; its Request-URI stays. The Record-Route holds a flow token (RFC 5626 §5.2), so
//! that what the service sends within the dialog goes over the client's connection, or, when that is gone, over the one on which the device
//! that its Contact names has registered since (GRUU, RFC 5627): a call outlives a connection. No address that anybody wrote into a request
//! is ever connected to.

mod flow_token;
mod table;

use std::sync::Arc;
use std::time::Instant;

use convoke_types::address::CONFERENCE_USER;
use sip_proto::endpoint::{ClientTx, ServerTx, UDP_REQUEST_MAX_BYTES};
use sip_proto::events::EventHeader;
use sip_proto::{
    Edit, FlowId, HeaderName, Message, Method, ParseError, Scheme, Source, Target, Uri,
};

use crate::aor::key_of;
use crate::message::{Sender, device_of};
use crate::registrar::{Binding, FlowKey};
use crate::relay::MAX_FORWARDS;
use crate::server::{ALLOW, ImServer, PRESENCE, Request, Stop};

pub(crate) use table::Forwards;
use table::{FURTHER_2XX, TIMER_C};

/// Bytes that our Via adds to a request at most.
const VIA_ROOM: usize = 160;

/// Where a request belongs.
enum Road {
    /// Not to conferences.
    Elsewhere,
    /// To a conference, and it begins something.
    First,
    /// Within a dialog whose Record-Route is ours: the client's end of it, and how many routes on top are ours.
    Within(Target, usize),
    /// Within a dialog that we know nothing of (any more).
    Lost,
}

/// How a request goes on.
struct Way {
    target: Target,
    /// Routes on top that are ours and end here (RFC 3261 §16.4).
    strip: usize,
    /// The client who sent it; `None`: the service.
    from: Option<Sender>,
    /// It makes a dialog that we stay in.
    record: bool,
    /// The road to the service, if it registered one (RFC 3327 §5.3).
    path: Vec<String>,
}

impl ImServer {
    /// Takes a request that is for conferences; gives back any other.
    pub(crate) fn pass_on(&mut self, request: Request, now: Instant) -> Option<Request> {
        let way = match self.road(&request.message) {
            Road::Elsewhere => return Some(request),
            Road::Lost => Err(Stop::Refuse(481)),
            Road::First => match request.message.method_ref() {
                Some(Method::Subscribe | Method::Invite) => self.first(&request, now),
                // What this server does is asked of it.
                Some(Method::Options) => return Some(request),
                _ => {
                    let answer = self
                        .reply(&request.message, 405)
                        .header(HeaderName::Allow, ALLOW);
                    self.respond_to_anybody(&request, answer, now);
                    return None;
                }
            },
            Road::Within(client, strip) => self.within(&request, client, strip, now),
        };
        match way {
            Ok(way) => self.forward(request, way, now),
            Err(stop) => self.stop(request, stop, now),
        }
        None
    }

    /// An ACK of a 2xx, which is in no transaction. What cannot go on is dropped: nobody may answer it.
    pub(crate) fn pass_ack(&mut self, source: Source, message: &Message, now: Instant) {
        let Road::Within(client, strip) = self.road(message) else {
            return;
        };
        if self.checks(message).is_err() {
            return;
        }
        let target = if self.is_service(&source, now) {
            self.client_target(client, message, now)
        } else if FlowKey::of_target(&client) == Some(FlowKey::of(&source))
            || self.may_send(&source, message, now)
        {
            self.service_target(message.uri().ok().as_ref(), now)
                .map(|(target, _)| target)
        } else {
            None
        };
        let Some(target) = target else { return };
        let way = Way {
            target,
            strip,
            from: None,
            record: false,
            path: Vec::new(),
        };
        let ack = self.onward(message, &source, &way);
        let host = self.config.via.of(way.target.transport);
        // Without room for a Via there is no way to say so.
        let _ = self.endpoint.send_ack_2xx(&ack, &way.target, host);
    }

    /// The caller gave up; the CANCEL is answered already.
    pub(crate) fn pass_cancel(&mut self, tx: ServerTx, cancel: &Message, now: Instant) {
        if let Some(onward) = self.forwards.onward(tx) {
            return self.endpoint.cancel(onward, now);
        }
        // The INVITE still waits for an account, and ends here.
        let Ok(cseq) = cancel.cseq() else { return };
        let like_invite = Edit::of(cancel)
            .set(HeaderName::CSeq, format_args!("{} INVITE", cseq.seq))
            .finish();
        let answer = self.reply(&like_invite, 487).build();
        self.endpoint.respond(tx, &answer, now);
    }

    /// A response to a request that we passed on; false when it is to another.
    pub(crate) fn pass_back_response(
        &mut self,
        tx: ClientTx,
        response: &Message,
        now: Instant,
    ) -> bool {
        let status = response.status().unwrap_or_default();
        let Some(forward) = self.forwards.get_mut(tx) else {
            return false;
        };
        let server = forward.request.tx;
        match status {
            // RFC 3261 §16.7, step 4: ours was sent already.
            ..=100 => return true,
            101..=199 if forward.is_invite => self.forwards.set_due(tx, TIMER_C, now),
            101..=199 => {}
            200..=299 if forward.is_invite => {
                if !std::mem::replace(&mut forward.answered, true) {
                    self.forwards.set_due(tx, FURTHER_2XX, now);
                }
            }
            // A 503 of theirs is not ours: it would tell the client to leave us (step 6). Their words stay.
            503 => {
                if let Some(forward) = self.forwards.end(tx) {
                    let mut answer = self.refusal(&forward.request, 500);
                    if let Some(words) = response.reason() {
                        answer = answer.reason(&words);
                    }
                    if let Some(after) = response.header(HeaderName::RetryAfter) {
                        answer = answer.header(HeaderName::RetryAfter, after);
                    }
                    self.respond(&forward.request, answer, now);
                }
                return true;
            }
            _ => {
                self.forwards.end(tx);
            }
        }
        let answer = Edit::of(response)
            .remove_first(HeaderName::Via)
            .ensure_content_length()
            .finish();
        self.endpoint.respond(server, &answer, now);
        true
    }

    /// A request that we passed on got no final answer (408), or did not get out (503); false when it is another.
    pub(crate) fn pass_back_failure(&mut self, tx: ClientTx, status: u16, now: Instant) -> bool {
        let Some(forward) = self.forwards.end(tx) else {
            return false;
        };
        let status = match status {
            408 if forward.is_invite => 408,
            // RFC 4320 §4.2 keeps 408 from all other transactions.
            _ => 480,
        };
        self.refuse(&forward.request, status, now);
        true
    }

    /// A connection closed: calls that were set up over it are given up.
    pub(crate) fn forwards_flow_closed(&mut self, flow: FlowId, now: Instant) {
        for tx in self.forwards.calls_over(flow) {
            self.endpoint.cancel(tx, now);
        }
        self.forwards.close(flow);
    }

    /// Gives up INVITEs without an answer, and forgets those whose further answers would have come.
    pub(crate) fn end_overdue_forwards(&mut self, now: Instant) {
        while let Some(tx) = self.forwards.take_due(now) {
            let answered = self.forwards.get_mut(tx).is_none_or(|f| f.answered);
            if answered {
                self.forwards.end(tx);
            } else {
                self.endpoint.cancel(tx, now);
            }
        }
    }

    /// Whether a URI names a conference of ours.
    pub(crate) fn names_conference(&self, uri: &Uri) -> bool {
        let user = uri.user_decoded();
        self.service.is_some()
            && uri.is_sip()
            && user.is_some_and(|user| user.starts_with(CONFERENCE_USER))
            && self.serves(uri)
    }
}

/// Whether it is a SUBSCRIBE to presence (RFC 3856).
fn asks_for_presence(message: &Message) -> bool {
    message.method_ref() == Some(&Method::Subscribe)
        && EventHeader::of(message).is_some_and(|event| event.package == PRESENCE)
}

impl ImServer {
    fn road(&self, message: &Message) -> Road {
        if self.service.is_none() {
            return Road::Elsewhere;
        }
        let within = message.to().is_ok_and(|to| to.tag().is_some());
        let routes = match within {
            true => message.routes().unwrap_or_default(),
            false => Vec::new(),
        };
        if let Some(top) = routes.first()
            && let Some(token) = top.uri().user().filter(|_| self.is_us(top.uri()))
        {
            let ours = |uri: &Uri| uri.user() == Some(token) && self.is_us(uri);
            let strip = routes.iter().take_while(|r| ours(r.uri())).count();
            return match flow_token::open(&self.flow_key, token) {
                Some(client) => Road::Within(client, strip),
                None => Road::Lost,
            };
        }
        match message.uri() {
            // Their presence is kept here; it is the conference package that their service tells.
            Ok(uri) if self.names_conference(&uri) && asks_for_presence(message) => Road::Elsewhere,
            Ok(uri) if self.names_conference(&uri) && within => Road::Lost,
            Ok(uri) if self.names_conference(&uri) => Road::First,
            _ => Road::Elsewhere,
        }
    }

    /// RFC 3261 §16.3, as far as every request is concerned.
    fn checks(&self, message: &Message) -> Result<Uri, Stop> {
        let bad = |_: ParseError| Stop::Refuse(400);
        let uri = message.uri().map_err(bad)?;
        // The way to the service need not be secure from end to end, as `sips` would promise (RFC 5630 §3).
        if uri.scheme() != Scheme::Sip {
            return Err(Stop::Refuse(416));
        }
        if message.max_forwards().map_err(bad)? == Some(0) {
            return Err(Stop::Refuse(483));
        }
        if let Some(extensions) = message.header(HeaderName::ProxyRequire) {
            return Err(Stop::Unsupported(extensions.to_owned()));
        }
        Ok(uri)
    }

    /// The way of a request that begins something.
    fn first(&mut self, request: &Request, now: Instant) -> Result<Way, Stop> {
        self.checks(&request.message)?;
        let strip = usize::from(self.own_route(&request.message)?);
        let sender = self.client(request, now)?;
        let (target, path) = self.service_target(None, now).ok_or(Stop::Refuse(480))?;
        let most = self.config.limits.dialog_flows;
        let proof = (sender.proof, sender.ends);
        if !self
            .forwards
            .open(&request.source, &sender.aor, proof, most, now)
        {
            return Err(Stop::Refuse(503));
        }
        Ok(Way {
            target,
            strip,
            from: Some(sender),
            record: true,
            path,
        })
    }

    /// The way of a request within a dialog: from the service to the client, or from the client to the service.
    fn within(
        &mut self,
        request: &Request,
        client: Target,
        strip: usize,
        now: Instant,
    ) -> Result<Way, Stop> {
        let message = &request.message;
        let uri = self.checks(message)?;
        if self.is_service(&request.source, now) {
            let client = self
                .client_target(client, message, now)
                .ok_or(Stop::Refuse(430))?;
            let bytes = message.as_bytes().len().saturating_add(VIA_ROOM);
            if bytes > UDP_REQUEST_MAX_BYTES && !client.transport.is_reliable() {
                return Err(Stop::Refuse(513));
            }
            return Ok(Way {
                target: client,
                strip,
                from: None,
                record: false,
                path: Vec::new(),
            });
        }
        let sender = self.client(request, now)?;
        let (target, _) = self
            .service_target(Some(&uri), now)
            .ok_or(Stop::Refuse(480))?;
        if FlowKey::of_target(&client) == Some(FlowKey::of(&request.source)) {
            let most = self.config.limits.dialog_flows;
            let proof = (sender.proof, sender.ends);
            self.forwards
                .open(&request.source, &sender.aor, proof, most, now);
        }
        Ok(Way {
            target,
            strip,
            from: Some(sender),
            record: false,
            path: Vec::new(),
        })
    }

    /// The client who sends a request. It is asked as by a proxy, unless it answers as to a server.
    fn client(&mut self, request: &Request, now: Instant) -> Result<Sender, Stop> {
        let message = &request.message;
        // What the service sends may be larger: the state of a conference with many people in it.
        if message.body().len() > self.config.limits.body_bytes {
            return Err(Stop::Refuse(413));
        }
        let as_to_server =
            message.has(HeaderName::Authorization) && !message.has(HeaderName::ProxyAuthorization);
        let credentials = match as_to_server {
            true => HeaderName::Authorization,
            false => HeaderName::ProxyAuthorization,
        };
        self.sender(request, credentials, now)
    }

    /// Whether a request came over a connection on which the service registered.
    fn is_service(&self, source: &Source, now: Instant) -> bool {
        let Some(service) = &self.service else {
            return false;
        };
        let key = FlowKey::of(source);
        let known = self.registrar.authenticated(key, service, now);
        known.is_some_and(|(_, user)| user.service)
    }

    /// Whether what the service sends to a client may go over this connection: the client must have proved on it who they are, and
    /// that must still count.
    fn may_reach(&self, client: &Target, message: &Message, now: Instant) -> bool {
        let to = message.to();
        let person = to.ok().and_then(|to| key_of(to.uri()));
        let (Some(key), Some(person)) = (FlowKey::of_target(client), person) else {
            return false;
        };
        self.registrar.authenticated(key, &person, now).is_some()
            || self.forwards.is_open(key, &person, now)
    }

    /// The way to the client of a dialog: the connection it began on, or the one that its device has moved to. RFC 5626 §5.3 has us fail the
    /// request where the flow is gone; but we are the registrar of the GRUU in the Request-URI as well, and that leads on (RFC 5627 §5.1).
    fn client_target(&self, began: Target, message: &Message, now: Instant) -> Option<Target> {
        if self.may_reach(&began, message, now) {
            return Some(began);
        }
        let uri = message.uri().ok()?;
        let person = key_of(&uri)?;
        let device = device_of(&uri).ok().flatten()?;
        let (_, bindings) = self.registrar.find(&person, now)?;
        let newest = bindings
            .filter(|binding| binding.instance.as_ref() == Some(&device))
            .max_by_key(|binding| binding.id)?;
        Some(newest.target.clone()).filter(|target| self.may_reach(target, message, now))
    }

    /// Whether the sender of an ACK, of whom nobody may ask anything, has proved on this connection who they are.
    fn may_send(&self, source: &Source, message: &Message, now: Instant) -> bool {
        let from = message.from();
        let person = from.ok().and_then(|from| key_of(from.uri()));
        person.is_some_and(|person| {
            let key = FlowKey::of(source);
            self.registrar.authenticated(key, &person, now).is_some()
                || self.forwards.is_open(key, &person, now)
        })
    }

    /// The way to the service: to the contact that a request within a dialog names, or else to the newest.
    fn service_target(&self, uri: Option<&Uri>, now: Instant) -> Option<(Target, Vec<String>)> {
        let service = self.service.as_ref()?;
        let (_, bindings) = self.registrar.find(service, now)?;
        let mut usable: Vec<&Binding> = bindings
            .filter(|binding| {
                let key = FlowKey::of_target(&binding.target);
                let known = key.and_then(|key| self.registrar.authenticated(key, service, now));
                known.is_some_and(|(_, user)| user.service)
            })
            .collect();
        usable.sort_unstable_by_key(|binding| binding.id);
        let named = uri.and_then(|uri| {
            let is_it = |contact: &Uri| {
                contact.host().eq_ignore_ascii_case(uri.host()) && contact.port() == uri.port()
            };
            usable.iter().rfind(|b| is_it(b.address.uri()))
        });
        let binding = named.or_else(|| usable.last())?;
        Some((binding.target.clone(), binding.path.clone()))
    }

    /// Sends a request on, in a transaction of its own.
    fn forward(&mut self, request: Request, way: Way, now: Instant) {
        let is_invite = request.message.method_ref() == Some(&Method::Invite);
        // Given up while it waited for an account.
        if is_invite && !self.endpoint.is_pending(request.tx) {
            return;
        }
        let limits = &self.config.limits;
        let person = way.from.as_ref().map(|sender| sender.aor.clone());
        let of_person = person.as_ref().map_or(0, |p| self.forwards.of(p));
        if self.forwards.len() >= limits.forwards || of_person >= limits.forwards_per_person {
            return self.refuse(&request, 503, now);
        }
        let message = self.onward(&request.message, &request.source, &way);
        let host = self.config.via.of(way.target.transport);
        match self.endpoint.send_request(&message, &way.target, host, now) {
            Ok(tx) => self.forwards.begin(tx, request, person, is_invite, now),
            Err(_) => self.refuse(&request, 503, now),
        }
    }

    /// The request as it goes on (RFC 3261 §16.6). What is not named here stays byte for byte.
    fn onward(&self, message: &Message, source: &Source, way: &Way) -> Message {
        let hops = message.max_forwards().ok().flatten();
        let hops = hops.map_or(MAX_FORWARDS, |hops| hops.saturating_sub(1));
        let mut edit = Edit::of(message).set(HeaderName::MaxForwards, hops);
        for _ in 0..way.strip {
            edit = edit.remove_first(HeaderName::Route);
        }
        // RFC 3325 §5: what anybody but us says there is worth nothing. Credentials end here: who is behind asks for none.
        for name in [
            HeaderName::PAssertedIdentity,
            HeaderName::PPreferredIdentity,
            HeaderName::ProxyAuthorization,
            HeaderName::Authorization,
        ] {
            if message.has(name.clone()) {
                edit = edit.remove_all(name);
            }
        }
        for path in way.path.iter().rev() {
            edit = edit.push_front(HeaderName::Route, path);
        }
        if let Some(sender) = &way.from {
            edit = edit.append(HeaderName::PAssertedIdentity, asserted(&sender.aor));
        }
        if way.record {
            edit = self.recorded(edit, source, &way.target);
        }
        edit.finish()
    }

    /// Puts our Record-Route in (§16.6, step 4); one for each side where these are reached in different ways (RFC 5658).
    fn recorded(&self, edit: Edit, source: &Source, target: &Target) -> Edit {
        let token = flow_token::seal(&self.flow_key, source);
        let route = |transport: sip_proto::Transport| {
            let host = self.config.via.of(transport);
            format!(
                "<sip:{token}@{host};transport={};lr>",
                transport.param_word()
            )
        };
        let (near, far) = (route(source.transport), route(target.transport));
        let differs = near != far;
        let edit = edit.push_front(HeaderName::RecordRoute, near);
        match differs {
            true => edit.push_front(HeaderName::RecordRoute, far),
            false => edit,
        }
    }
}

fn asserted(aor: &Arc<str>) -> String {
    format!("<sip:{aor}>")
}
