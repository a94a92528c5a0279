//! The callee's side: their INVITE, our responses, the repeated 2xx, CANCEL and ACK.

use std::time::Instant;

use bytes::Bytes;

use super::state::{Call, Invited, Phase, Unacknowledged};
use super::{
    ALLOW, CallError, CallEvent, CallKey, Calls, EndedBy, dialog_key, reason_of, refused, sdp_of,
};
use crate::build::ResponseBuilder;
use crate::dialog::Dialog;
use crate::endpoint::{Endpoint, Event};
use crate::flow::Source;
use crate::message::Message;
use crate::name::HeaderName;
use crate::transaction::ServerTx;
use crate::transaction::deadlines::Armed;
use crate::uri::NameAddr;

/// Reason of the BYE to a call whose ACK should have brought an answer (RFC 3326).
const NO_ANSWER: &str = "SIP;cause=488;text=\"No answer came in the ACK\"";

impl Calls {
    /// Answers an incoming call provisionally: 180, or 183 with early media.
    ///
    /// # Errors
    /// `WrongState` when it is not incoming any more.
    pub fn ring(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        status: u16,
        early_sdp: Option<Bytes>,
        now: Instant,
    ) -> Result<(), CallError> {
        let call = self.table.get(key.0).ok_or(CallError::WrongState)?;
        let Phase::Incoming { tx, invite } = &call.phase else {
            return Err(CallError::WrongState);
        };
        let reason = match status {
            180 => "Ringing",
            181 => "Call Is Being Forwarded",
            182 => "Queued",
            _ => "Session Progress",
        };
        let response = self.response(call, invite, status.clamp(101, 199), reason, early_sdp);
        endpoint.respond(*tx, &response, now);
        Ok(())
    }

    /// Answers an incoming call 200 and repeats that until the ACK comes (`Confirmed`); without one the call ends. When the INVITE made
    /// no offer, `sdp` is one (RFC 3261 §13.2.1), and the call ends unless the ACK brings the answer.
    ///
    /// # Errors
    /// `WrongState` when it is not incoming any more.
    pub fn answer(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        sdp: Bytes,
        now: Instant,
    ) -> Result<(), CallError> {
        let call = self.table.get(key.0).ok_or(CallError::WrongState)?;
        let Phase::Incoming { tx, invite } = &call.phase else {
            return Err(CallError::WrongState);
        };
        let to = Invited::of(*tx, invite, true);
        let ok = self.response(call, invite, 200, "OK", Some(sdp));
        self.invites.remove(&to.tx);
        if let Some(call) = self.table.get_mut(key.0) {
            call.phase = Phase::Talking;
        }
        self.send_2xx(endpoint, key, to, ok, now);
        Ok(())
    }

    /// Answers an incoming call with a failure, 503 with a Retry-After; `Ended` follows.
    ///
    /// # Errors
    /// `WrongState` when it is not incoming any more.
    pub fn reject(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        status: u16,
        reason: &str,
        now: Instant,
    ) -> Result<(), CallError> {
        let call = self.table.get(key.0).ok_or(CallError::WrongState)?;
        let Phase::Incoming { tx, invite } = &call.phase else {
            return Err(CallError::WrongState);
        };
        let (tx, status) = (*tx, status.clamp(300, 699));
        let response = refused(invite, status, reason)
            .to_tag(&call.local_tag)
            .header(HeaderName::Server, &self.config.product)
            .build();
        endpoint.respond(tx, &response, now);
        self.invites.remove(&tx);
        self.end(key, EndedBy::Us, Some(status), None, None);
        self.forget(key);
        Ok(())
    }

    /// An INVITE without To tag came.
    pub(super) fn on_invite(
        &mut self,
        endpoint: &mut Endpoint,
        tx: ServerTx,
        source: Source,
        invite: Message,
        now: Instant,
    ) {
        let tag = endpoint.tokens().tag();
        if let Some(refusal) = self.refusal(&invite) {
            endpoint.respond(tx, &refusal.to_tag(&tag).build(), now);
            return;
        }
        let dialog = match Dialog::uas(&invite, &tag) {
            Ok(dialog) => dialog,
            Err(error) => {
                let refusal = ResponseBuilder::reply(&invite, 400, &error.to_string());
                endpoint.respond(tx, &refusal.to_tag(&tag).build(), now);
                return;
            }
        };
        let name = dialog_key(dialog.call_id(), &tag);
        let key = CallKey(self.table.insert(Call {
            call_id: dialog.call_id().into(),
            local_tag: tag.into(),
            local: Box::new(self.config.local.clone()),
            target: source.reply_target(),
            auth: None,
            dialog: Some(Box::new(dialog)),
            phase: Phase::Incoming {
                tx,
                invite: invite.clone(),
            },
            unacknowledged: None,
            asked: None,
            invite_tx: None,
            reinvite_tx: None,
            reinviting: false,
            armed: Armed::default(),
        }));
        self.dialogs.insert(name, key);
        self.invites.insert(tx, key);
        let offer = sdp_of(&invite);
        self.event(
            key,
            CallEvent::Incoming {
                source,
                invite,
                offer,
            },
        );
    }

    /// Why an INVITE is refused without asking the user (RFC 3261 §8.2).
    fn refusal(&self, invite: &Message) -> Option<ResponseBuilder> {
        if self.table.len() >= self.config.max_calls {
            return Some(refused(invite, 503, "Service Unavailable"));
        }
        let required: Vec<_> = invite.headers(HeaderName::Require).collect();
        if !required.is_empty() {
            let bad = ResponseBuilder::reply(invite, 420, "Bad Extension");
            return Some(bad.header(HeaderName::Unsupported, required.join(", ")));
        }
        if !invite.body().is_empty() && sdp_of(invite).is_none() {
            let odd = ResponseBuilder::reply(invite, 415, "Unsupported Media Type");
            return Some(odd.header(HeaderName::Accept, "application/sdp"));
        }
        None
    }

    /// An ACK in no transaction came: given back when no call waits for it.
    pub(super) fn on_ack(
        &mut self,
        endpoint: &mut Endpoint,
        source: Source,
        message: Message,
        now: Instant,
    ) -> Option<Event> {
        let Some(key) = self.call_of(&message) else {
            return Some(Event::Ack { source, message });
        };
        let call = self.table.get_mut(key.0)?;
        let seq = message.cseq().ok()?.seq;
        // A repeated ACK finds none.
        let to = call.unacknowledged.take_if(|ok| ok.to.seq == seq)?.to;
        let reason = match &mut call.phase {
            Phase::EndWhenAcknowledged { reason } => Some(reason.take()),
            _ => None,
        };
        if let Some(reason) = reason {
            self.end(key, EndedBy::Us, None, None, None);
            self.bye(endpoint, key, reason.as_deref(), now);
            return None;
        }
        let answer = sdp_of(&message);
        if to.without_offer && answer.is_none() {
            let words = Some(String::from("no answer came in the ACK"));
            self.end(key, EndedBy::Network, Some(488), None, words);
            self.bye(endpoint, key, Some(NO_ANSWER), now);
        } else if to.first {
            self.event(key, CallEvent::Confirmed { sdp: answer });
        } else if let Some(sdp) = answer.filter(|_| to.without_offer) {
            self.event(key, CallEvent::ChangeAnswered { sdp });
        }
        None
    }

    /// The caller cancelled an INVITE; whether it was a call's.
    pub(super) fn on_cancel(
        &mut self,
        endpoint: &mut Endpoint,
        tx: ServerTx,
        cancel: &Message,
        now: Instant,
    ) -> bool {
        if let Some(key) = self.invites.remove(&tx) {
            if let Some(call) = self.table.get(key.0)
                && let Phase::Incoming { invite, .. } = &call.phase
            {
                let response = self.response(call, invite, 487, "Request Terminated", None);
                endpoint.respond(tx, &response, now);
                let reason = reason_of(cancel);
                self.end(key, EndedBy::Peer, Some(487), reason.q850, reason.text);
                self.forget(key);
            }
            return true;
        }
        // A re-INVITE that our user has not answered.
        let Some(key) = self.call_of(cancel) else {
            return false;
        };
        let asked = self
            .table
            .get_mut(key.0)
            .and_then(|call| call.asked.take_if(|asked| asked.tx == tx));
        if let Some(asked) = asked {
            let response = ResponseBuilder::reply(&asked.request, 487, "Request Terminated");
            endpoint.respond(tx, &response.build(), now);
        }
        true
    }

    /// Sends a 2xx to an INVITE and keeps it until its ACK comes.
    pub(super) fn send_2xx(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        to: Invited,
        ok: Message,
        now: Instant,
    ) {
        endpoint.respond(to.tx, &ok, now);
        if let Some(call) = self.table.get_mut(key.0) {
            call.unacknowledged = Some(Box::new(Unacknowledged {
                to,
                ok,
                next_at: now.checked_add(self.t1),
                every: self.t1,
                until: now.checked_add(self.t1.saturating_mul(64)),
            }));
        }
        self.arm(key);
    }

    /// Repeats a 2xx (§13.3.1.4: T1, doubled up to T2, over any transport), or gives up.
    pub(super) fn repeat_2xx(&mut self, endpoint: &mut Endpoint, key: CallKey, now: Instant) {
        let Some(call) = self.table.get_mut(key.0) else {
            return;
        };
        let Some(ok) = call.unacknowledged.as_mut() else {
            return;
        };
        if ok.until.is_some_and(|until| until <= now) {
            // "… the dialog is confirmed, but the session SHOULD be terminated" by BYE.
            let words = Some(String::from("no ACK came"));
            self.end(key, EndedBy::Network, Some(408), None, words);
            self.bye(endpoint, key, None, now);
            return;
        }
        if ok.next_at.is_some_and(|at| at <= now) {
            ok.every = ok.every.saturating_mul(2).min(self.t2);
            ok.next_at = now.checked_add(ok.every);
            endpoint.respond(ok.to.tx, &ok.ok, now);
        }
        self.arm(key);
    }

    fn arm(&mut self, key: CallKey) {
        if let Some(call) = self.table.get_mut(key.0)
            && let Some(ok) = &call.unacknowledged
        {
            let at = ok.next_at.min(ok.until);
            self.deadlines.arm(&mut call.armed, key, at);
        }
    }

    /// A response of this call, with our tag; those that make or keep a dialog carry Contact and Record-Route.
    pub(super) fn response(
        &self,
        call: &Call,
        request: &Message,
        status: u16,
        reason: &str,
        sdp: Option<Bytes>,
    ) -> Message {
        let mut builder = ResponseBuilder::reply(request, status, reason)
            .to_tag(&call.local_tag)
            .header(HeaderName::Server, &self.config.product);
        if status < 300 {
            builder = builder
                .record_route()
                .header(HeaderName::Contact, NameAddr::new(&call.local.contact))
                .header(HeaderName::Allow, ALLOW);
        }
        match sdp {
            Some(sdp) => builder.body("application/sdp", sdp).build(),
            None => builder.build(),
        }
    }

    /// The call to whose dialog a request with our tag belongs.
    pub(super) fn call_of(&self, request: &Message) -> Option<CallKey> {
        let to = request.to().ok()?;
        let name = dialog_key(request.call_id()?, to.tag()?);
        self.dialogs.get(&name).copied()
    }
}
