//! Requests within a call, theirs and ours.

use std::borrow::Cow;
use std::time::Instant;

use bytes::Bytes;

use super::caller::CHALLENGES_MAX;
use super::state::{Asked, Call, Invited, Pending, Phase, Within};
use super::{
    ALLOW, CallError, CallEvent, CallKey, Calls, EndedBy, keys, reason_of, refused, sdp_of,
};
use crate::build::ResponseBuilder;
use crate::endpoint::{Endpoint, Event};
use crate::flow::Source;
use crate::message::Message;
use crate::name::{HeaderName, Method};
use crate::transaction::{ClientTx, ServerTx};
use crate::uri::NameAddr;

impl Calls {
    /// Offers a change of the session (re-INVITE, §14.1); answered by `Reinvited`.
    ///
    /// # Errors
    /// `WrongState` when the call is not answered, or a change is under way on either side.
    pub fn change(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        offer: Bytes,
        now: Instant,
    ) -> Result<(), CallError> {
        let call = self.table.get(key.0).ok_or(CallError::WrongState)?;
        let busy = call.reinviting || call.asked.is_some() || call.unacknowledged.is_some();
        if busy || !matches!(call.phase, Phase::Talking) {
            return Err(CallError::WrongState);
        }
        let mut within = Within::new(Method::Invite);
        within.content = Some((Cow::Borrowed("application/sdp"), offer));
        self.send_within(endpoint, key, within, now)
    }

    /// Sends INFO (RFC 6086); its answer is not reported.
    ///
    /// # Errors
    /// `WrongState` when the call is not answered.
    pub fn info(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        content_type: &str,
        body: Bytes,
        now: Instant,
    ) -> Result<(), CallError> {
        let call = self.table.get(key.0).ok_or(CallError::WrongState)?;
        if !matches!(call.phase, Phase::Talking) {
            return Err(CallError::WrongState);
        }
        let mut within = Within::new(Method::Info);
        within.content = Some((Cow::Owned(content_type.to_owned()), body));
        self.send_within(endpoint, key, within, now)
    }

    /// Asks whether the other side is there and knows of the call (OPTIONS, §11); answered by `Probed`. It changes nothing, and where no
    /// answer comes nothing but that is told: it may have been lost with a connection that was made anew.
    ///
    /// # Errors
    /// `WrongState` when the call is not answered.
    pub fn probe(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        now: Instant,
    ) -> Result<(), CallError> {
        let call = self.table.get(key.0).ok_or(CallError::WrongState)?;
        if !matches!(call.phase, Phase::Talking) {
            return Err(CallError::WrongState);
        }
        self.send_within(endpoint, key, Within::new(Method::Options), now)
    }

    /// Accepts a change (`Reinvite`) with the answer to its offer, or with an offer if it made none: the answer to that comes with the
    /// ACK (`ChangeAnswered`), and without it the call ends.
    ///
    /// # Errors
    /// `WrongState` when none waits for an answer.
    pub fn accept_change(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        sdp: Bytes,
        now: Instant,
    ) -> Result<(), CallError> {
        let call = self.table.get_mut(key.0).ok_or(CallError::WrongState)?;
        let asked = call.asked.take().ok_or(CallError::WrongState)?;
        let call = self.table.get(key.0).ok_or(CallError::WrongState)?;
        let ok = self.response(call, &asked.request, 200, "OK", Some(sdp));
        if asked.request.method_ref() == Some(&Method::Invite) {
            let to = Invited::of(asked.tx, &asked.request, false);
            self.send_2xx(endpoint, key, to, ok, now);
        } else {
            endpoint.respond(asked.tx, &ok, now);
        }
        Ok(())
    }

    /// Refuses a change (`Reinvite`); the session goes on as it was. 488 where the offer does not fit, 500 (with a Retry-After) where
    /// it came too soon.
    ///
    /// # Errors
    /// `WrongState` when none waits for an answer.
    pub fn reject_change(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        status: u16,
        reason: &str,
        now: Instant,
    ) -> Result<(), CallError> {
        let call = self.table.get_mut(key.0).ok_or(CallError::WrongState)?;
        let asked = call.asked.take().ok_or(CallError::WrongState)?;
        let response = refused(&asked.request, status.clamp(300, 699), reason);
        endpoint.respond(asked.tx, &response.build(), now);
        Ok(())
    }

    /// A request came: given back when it is not about a call.
    pub(super) fn on_request(
        &mut self,
        endpoint: &mut Endpoint,
        tx: ServerTx,
        source: Source,
        message: Message,
        now: Instant,
    ) -> Option<Event> {
        let method = message.method()?;
        let tagged = message.to().is_ok_and(|to| to.tag().is_some());
        if let Some(key) = self.call_of(&message) {
            self.on_their_request(endpoint, key, tx, &message, &method, now);
            return None;
        }
        match method {
            Method::Invite if !tagged => self.on_invite(endpoint, tx, source, message, now),
            // RFC 3261 §12.2.2, §15.1.2.
            Method::Invite | Method::Bye | Method::Update | Method::Info | Method::Prack => {
                let unknown =
                    ResponseBuilder::reply(&message, 481, "Call/Transaction Does Not Exist");
                let tag = endpoint.tokens().tag();
                endpoint.respond_and_forget(tx, &unknown.to_tag(&tag).build(), now);
            }
            _ => {
                return Some(Event::Request {
                    tx,
                    source,
                    message,
                });
            }
        }
        None
    }

    fn on_their_request(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        tx: ServerTx,
        request: &Message,
        method: &Method,
        now: Instant,
    ) {
        let Some(call) = self.table.get_mut(key.0) else {
            return;
        };
        let mut answer = |status: u16, reason: &str| {
            let response = ResponseBuilder::reply(request, status, reason);
            endpoint.respond(tx, &response.build(), now);
        };
        if let Some(dialog) = call.dialog.as_mut() {
            if !dialog.owns(request) {
                return answer(481, "Call/Transaction Does Not Exist");
            }
            if let Err(error) = dialog.receive(request) {
                return answer(500, &error.to_string());
            }
        }
        match method {
            Method::Bye => {
                answer(200, "OK");
                self.on_bye(endpoint, key, request, now);
            }
            _ if call.is_over() => answer(481, "Call/Transaction Does Not Exist"),
            Method::Invite | Method::Update => {
                self.on_change(endpoint, key, tx, request, now);
            }
            // RFC 6086 §4.2.2.
            Method::Info
                if !request.body().is_empty() && !request.content_type_is(keys::CONTENT_TYPE) =>
            {
                let odd = ResponseBuilder::reply(request, 415, "Unsupported Media Type")
                    .header(HeaderName::Accept, keys::CONTENT_TYPE);
                endpoint.respond(tx, &odd.build(), now);
            }
            Method::Info => {
                answer(200, "OK");
                let content_type = request.content_type().unwrap_or_default().to_owned();
                let body = request.body();
                self.event(key, CallEvent::Info { content_type, body });
            }
            Method::Options => {
                let response = self.table.get(key.0).map(|call| {
                    let accept = ResponseBuilder::reply(request, 200, "OK")
                        .header(HeaderName::Accept, "application/sdp")
                        .header(HeaderName::Allow, ALLOW);
                    accept.to_tag(&call.local_tag).build()
                });
                if let Some(response) = response {
                    endpoint.respond(tx, &response, now);
                }
            }
            _ => {
                let refusal = ResponseBuilder::reply(request, 405, "Method Not Allowed");
                endpoint.respond(tx, &refusal.header(HeaderName::Allow, ALLOW).build(), now);
            }
        }
    }

    fn on_bye(&mut self, endpoint: &mut Endpoint, key: CallKey, bye: &Message, now: Instant) {
        let Some(call) = self.table.get_mut(key.0) else {
            return;
        };
        // §15.1.2: what they asked before and we have not answered is answered 487.
        let open = match (&call.phase, call.asked.take()) {
            (Phase::Incoming { tx, invite }, _) => Some((*tx, invite.clone())),
            (_, Some(asked)) => Some((asked.tx, asked.request)),
            _ => None,
        };
        if let Some((tx, request)) = open
            && let Some(call) = self.table.get(key.0)
        {
            let response = self.response(call, &request, 487, "Request Terminated", None);
            endpoint.respond(tx, &response, now);
            self.invites.remove(&tx);
        }
        // A BYE of ours is on its way too: its answer is of no interest any more.
        let reason = reason_of(bye);
        self.end(key, EndedBy::Peer, None, reason.q850, reason.text);
        self.forget(key);
    }

    /// A re-INVITE or UPDATE (§14.2, RFC 3311 §5.2).
    fn on_change(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        tx: ServerTx,
        request: &Message,
        now: Instant,
    ) {
        let Some(call) = self.table.get_mut(key.0) else {
            return;
        };
        let offer = sdp_of(request);
        let update = request.method_ref() == Some(&Method::Update);
        if update && offer.is_none() {
            let ok = self
                .table
                .get(key.0)
                .map(|call| self.response(call, request, 200, "OK", None));
            if let Some(ok) = ok {
                endpoint.respond(tx, &ok, now);
            }
            return;
        }
        if !update {
            // §14.1: who asks anew has done with what they asked before. Our answer to that is lost, with their connection perhaps, and its
            // ACK will never come.
            call.unacknowledged.take_if(|ok| !ok.to.first);
        }
        // An offer of ours is open until its ACK comes, and nothing can be offered before (RFC 3311 §5.2).
        let offered = call
            .unacknowledged
            .as_ref()
            .is_some_and(|ok| update && ok.to.without_offer);
        let refusal = if call.reinviting || offered || !matches!(call.phase, Phase::Talking) {
            Some(ResponseBuilder::reply(request, 491, "Request Pending"))
        } else if call.asked.is_some() || call.unacknowledged.is_some() {
            // The next try shall come within ten seconds, when it is not known which.
            Some(refused(request, 500, "Server Internal Error"))
        } else {
            None
        };
        if let Some(refusal) = refusal {
            endpoint.respond(tx, &refusal.build(), now);
            return;
        }
        call.asked = Some(Box::new(Asked {
            tx,
            request: request.clone(),
        }));
        self.event(key, CallEvent::Reinvite { offer });
    }

    /// Sends a request within the dialog.
    pub(super) fn send_within(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        within: Within,
        now: Instant,
    ) -> Result<(), CallError> {
        let call = self.table.get_mut(key.0).ok_or(CallError::WrongState)?;
        let message = within_message(call, endpoint, &within, &self.config.product)
            .ok_or(CallError::WrongState)?;
        let dialog = call.dialog.as_ref().ok_or(CallError::WrongState)?;
        let target = dialog.next_hop(&call.target);
        let tx = endpoint.send_request(&message, &target, &call.local.via_host, now)?;
        if within.method == Method::Invite {
            call.reinviting = true;
            if let Some(former) = call.reinvite_tx.replace(tx) {
                self.pending.remove(&former);
            }
        }
        self.pending.insert(tx, Pending::Within(key, within));
        Ok(())
    }

    /// A request of ours within the dialog was answered.
    pub(super) fn on_within(
        &mut self,
        endpoint: &mut Endpoint,
        tx: ClientTx,
        status: u16,
        response: &Message,
        now: Instant,
    ) {
        if status < 200 {
            return;
        }
        let Some(Pending::Within(key, within)) = self.pending.remove(&tx) else {
            return;
        };
        let Some(call) = self.table.get_mut(key.0) else {
            return;
        };
        if matches!(status, 401 | 407)
            && within.challenged < CHALLENGES_MAX
            && let Some(auth) = call.auth.as_mut()
            && auth.challenged(status, response, within.challenged)
        {
            let mut again = within.clone();
            again.challenged = again.challenged.saturating_add(1);
            if self.send_within(endpoint, key, again, now).is_ok() {
                return;
            }
        }
        match within.method {
            Method::Invite => self.on_reinvited(endpoint, key, tx, within, status, response, now),
            Method::Options if status != 481 => self.on_probed(key, status),
            _ if status == 481 || within.method == Method::Bye => {
                self.within_unanswered(endpoint, key, &within, status, now);
            }
            _ => {}
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one call, its transaction, what came and the clock"
    )]
    fn on_reinvited(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        tx: ClientTx,
        within: Within,
        status: u16,
        response: &Message,
        now: Instant,
    ) {
        let Some(call) = self.table.get_mut(key.0) else {
            return;
        };
        let first = std::mem::take(&mut call.reinviting);
        if status < 300 {
            if let Some(dialog) = call.dialog.as_mut() {
                dialog.refresh(response);
            }
            self.acknowledge(endpoint, key, response);
            // Kept for repeated 2xx.
            self.pending.insert(tx, Pending::Within(key, within));
        } else if matches!(status, 408 | 481) {
            // §12.2.1.2: the other side knows nothing of the dialog.
            self.within_unanswered(endpoint, key, &within, status, now);
            return;
        }
        let over = self.table.get(key.0).is_none_or(Call::is_over);
        if first && !over {
            let sdp = sdp_of(response);
            self.event(key, CallEvent::Reinvited { status, sdp });
        }
    }

    fn on_probed(&mut self, key: CallKey, status: u16) {
        let over = self.table.get(key.0).is_none_or(Call::is_over);
        if !over {
            self.event(key, CallEvent::Probed { status });
        }
    }

    /// A request within the dialog got no answer, or one that says that the dialog is gone.
    pub(super) fn within_unanswered(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        within: &Within,
        status: u16,
        now: Instant,
    ) {
        if within.method == Method::Bye {
            self.forget(key);
            return;
        }
        if within.method == Method::Options && status != 481 {
            return self.on_probed(key, status);
        }
        let over = self.table.get(key.0).is_none_or(Call::is_over);
        if !over {
            self.end(key, EndedBy::Network, Some(status), None, None);
            self.bye(endpoint, key, None, now);
        }
    }
}

fn within_message(
    call: &mut Call,
    endpoint: &mut Endpoint,
    within: &Within,
    product: &str,
) -> Option<Message> {
    let dialog = call.dialog.as_mut()?;
    let mut builder = dialog
        .request(within.method.clone())
        .header(HeaderName::UserAgent, product);
    if matches!(within.method, Method::Invite | Method::Update) {
        builder = builder
            .header(HeaderName::Contact, NameAddr::new(&call.local.contact))
            .header(HeaderName::Allow, ALLOW);
    }
    let uri = dialog.remote_target().as_str();
    if let Some(auth) = call.auth.as_mut()
        && let Some((name, value)) = auth.header(endpoint, &within.method, uri)
    {
        builder = builder.header(name, value);
    }
    for (name, value) in &within.headers {
        builder = builder.header(name.clone(), value);
    }
    if let Some((content_type, body)) = &within.content {
        builder = builder.body(content_type, body.clone());
    }
    Some(builder.build())
}
