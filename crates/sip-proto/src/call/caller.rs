//! The caller's side: INVITE, its responses, CANCEL, forks.

use std::time::Instant;

use super::state::{Auth, Call, Calling, Pending, Phase, Within};
use super::{
    ALLOW, CallError, CallEvent, CallKey, Calls, Ended, EndedBy, Outgoing, dialog_key, reason_of,
    sdp_of,
};
use crate::auth::ClientAuth;
use crate::build::RequestBuilder;
use crate::dialog::Dialog;
use crate::edit::Edit;
use crate::endpoint::Endpoint;
use crate::message::Message;
use crate::name::{HeaderName, Method};
use crate::transaction::ClientTx;
use crate::transaction::deadlines::Armed;
use crate::uri::NameAddr;

/// How often one request is answered to a challenge: once for the password, once more for a stale nonce.
pub(super) const CHALLENGES_MAX: u8 = 2;

impl Calls {
    /// Places a call: sends its INVITE.
    ///
    /// # Errors
    /// When there are too many calls or transactions; then there is no call and no event.
    pub fn invite(
        &mut self,
        endpoint: &mut Endpoint,
        outgoing: Outgoing,
        now: Instant,
    ) -> Result<CallKey, CallError> {
        if self.table.len() >= self.config.max_calls {
            return Err(CallError::Full);
        }
        let local = outgoing.local.unwrap_or_else(|| self.config.local.clone());
        let tag = endpoint.tokens().tag();
        let host = local.via_host.split(':').next().unwrap_or_default();
        let call_id = endpoint.tokens().call_id(host);
        let to = outgoing.to.unwrap_or_else(|| NameAddr::new(&outgoing.uri));
        let mut builder = RequestBuilder::new(Method::Invite, &outgoing.uri)
            .max_forwards(70)
            .from(&outgoing.from.with_tag(&tag))
            .to(&to)
            .call_id(&call_id)
            .cseq(1)
            .header(HeaderName::Contact, NameAddr::new(&local.contact))
            .header(HeaderName::Allow, ALLOW)
            .header(HeaderName::UserAgent, &self.config.product);
        for (name, value) in outgoing.headers {
            builder = builder.header(name, value);
        }
        let invite = builder.body("application/sdp", outgoing.offer).build();
        let tx = endpoint.send_request(&invite, &outgoing.target, &local.via_host, now)?;

        let dialog = dialog_key(&call_id, &tag);
        let key = CallKey(self.table.insert(Call {
            call_id: call_id.into(),
            local_tag: tag.into(),
            local: Box::new(local),
            target: outgoing.target,
            auth: outgoing.login.map(|login| {
                Box::new(Auth {
                    client: ClientAuth::new(login),
                    of_invite: None,
                })
            }),
            dialog: None,
            phase: Phase::Calling(Box::new(Calling {
                invite,
                hung_up: false,
            })),
            unacknowledged: None,
            asked: None,
            invite_tx: Some(tx),
            reinvite_tx: None,
            reinviting: false,
            armed: Armed::default(),
        }));
        self.dialogs.insert(dialog, key);
        self.pending.insert(tx, Pending::Invite(key, 0));
        Ok(key)
    }

    /// A response came; whether its request was ours.
    pub(super) fn on_response(
        &mut self,
        endpoint: &mut Endpoint,
        tx: ClientTx,
        response: &Message,
        now: Instant,
    ) -> bool {
        let status = response.status().unwrap_or(500);
        match self.pending.get(&tx) {
            None => return false,
            Some(Pending::Forget) => {
                if status >= 200 {
                    self.pending.remove(&tx);
                }
            }
            Some(Pending::Invite(key, challenged)) => {
                let (key, challenged) = (*key, *challenged);
                match status {
                    100..=199 => self.on_provisional(key, status, response),
                    200..=299 => self.on_invite_2xx(endpoint, key, response, now),
                    401 | 407 if challenged < CHALLENGES_MAX => {
                        self.pending.remove(&tx);
                        if !self.invite_again(endpoint, key, status, response, challenged, now) {
                            self.on_invite_failed(key, status, response);
                        }
                    }
                    _ => {
                        self.pending.remove(&tx);
                        self.on_invite_failed(key, status, response);
                    }
                }
            }
            Some(Pending::Within(..)) => self.on_within(endpoint, tx, status, response, now),
        }
        true
    }

    /// No response came, or the request could not be sent: `status` says which. Whether it was ours.
    pub(super) fn on_no_response(
        &mut self,
        endpoint: &mut Endpoint,
        tx: ClientTx,
        status: u16,
        now: Instant,
    ) -> bool {
        match self.pending.remove(&tx) {
            None => return false,
            Some(Pending::Forget) => {}
            Some(Pending::Invite(key, _)) => {
                self.end(key, EndedBy::Network, Some(status), None, None);
                self.forget(key);
            }
            Some(Pending::Within(key, within)) => {
                self.within_unanswered(endpoint, key, &within, status, now);
            }
        }
        true
    }

    fn on_provisional(&mut self, key: CallKey, status: u16, response: &Message) {
        let Some(call) = self.table.get(key.0) else {
            return;
        };
        if let Phase::Calling(calling) = &call.phase
            && !calling.hung_up
        {
            let early_sdp = sdp_of(response);
            self.event(
                key,
                match status {
                    100 => CallEvent::Trying,
                    _ => CallEvent::Ringing { status, early_sdp },
                },
            );
        }
    }

    fn on_invite_2xx(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        response: &Message,
        now: Instant,
    ) {
        let Some(call) = self.table.get_mut(key.0) else {
            return;
        };
        let Phase::Calling(calling) = &call.phase else {
            self.on_another_2xx(endpoint, key, response, now);
            return;
        };
        let hung_up = calling.hung_up;
        match Dialog::uac(&calling.invite, response) {
            Ok(dialog) => {
                call.dialog = Some(Box::new(dialog));
                call.phase = Phase::Talking;
            }
            Err(error) => {
                let words = Some(error.to_string());
                self.end(key, EndedBy::Network, Some(502), None, words);
                self.forget(key);
                return;
            }
        }
        self.acknowledge(endpoint, key, response);
        if hung_up {
            // The answer crossed our CANCEL (§15): the call is there, so it ends by BYE.
            self.hang_up_any(endpoint, key, None, now);
        } else {
            let sdp = sdp_of(response);
            self.event(key, CallEvent::Answered { sdp });
        }
    }

    /// A 2xx after the first: repeated, because our ACK was lost, or of another fork, which is ended (§13.2.2.4).
    fn on_another_2xx(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        response: &Message,
        now: Instant,
    ) {
        let Some(call) = self.table.get_mut(key.0) else {
            return;
        };
        let Some(dialog) = call.dialog.as_ref() else {
            return;
        };
        if dialog.owns(response) {
            self.acknowledge(endpoint, key, response);
            return;
        }
        // What Dialog::uac reads of the request (From, CSeq) stands in the response as well.
        let Ok(mut fork) = Dialog::of_fork(response) else {
            return;
        };
        let seq = response.cseq().map_or(1, |cseq| cseq.seq);
        let target = fork.next_hop(&call.target);
        let via_host = &call.local.via_host;
        let ack = fork.ack(seq).build();
        if endpoint.send_ack_2xx(&ack, &target, via_host).is_err() {
            return;
        }
        let bye = fork.request(Method::Bye).build();
        if let Ok(tx) = endpoint.send_request(&bye, &target, via_host, now) {
            self.pending.insert(tx, Pending::Forget);
        }
    }

    fn on_invite_failed(&mut self, key: CallKey, status: u16, response: &Message) {
        let Some(call) = self.table.get(key.0) else {
            return;
        };
        let Phase::Calling(calling) = &call.phase else {
            return;
        };
        let by = if calling.hung_up {
            EndedBy::Us
        } else {
            EndedBy::Peer
        };
        let reason = reason_of(response);
        let words = reason
            .text
            .or_else(|| response.reason().map(|words| words.into_owned()));
        self.end(key, by, Some(status), reason.q850, words);
        self.forget(key);
    }

    /// Answers a challenge of the first INVITE with a new one (§22.2); false when that cannot be.
    fn invite_again(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        status: u16,
        response: &Message,
        challenged: u8,
        now: Instant,
    ) -> bool {
        let Some(call) = self.table.get_mut(key.0) else {
            return false;
        };
        let (Phase::Calling(calling), Some(auth)) = (&mut call.phase, call.auth.as_mut()) else {
            return false;
        };
        if calling.hung_up || !auth.challenged(status, response, challenged) {
            return false;
        }
        let uri = calling.invite.request_uri().unwrap_or_default();
        let Some((name, value)) = auth.header(endpoint, &Method::Invite, uri) else {
            return false;
        };
        let seq = calling
            .invite
            .cseq()
            .map_or(1, |cseq| cseq.seq)
            .saturating_add(1);
        calling.invite = Edit::of(&calling.invite)
            .set(HeaderName::CSeq, format_args!("{seq} INVITE"))
            .set(name, value)
            .finish();
        let sent = endpoint.send_request(&calling.invite, &call.target, &call.local.via_host, now);
        let Ok(tx) = sent else { return false };
        call.invite_tx = Some(tx);
        self.pending
            .insert(tx, Pending::Invite(key, challenged.saturating_add(1)));
        true
    }

    /// Sends the ACK of a 2xx to an INVITE of ours.
    pub(super) fn acknowledge(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        response: &Message,
    ) {
        let Some(call) = self.table.get(key.0) else {
            return;
        };
        let (Some(dialog), Ok(cseq)) = (call.dialog.as_ref(), response.cseq()) else {
            return;
        };
        let mut builder = dialog.ack(cseq.seq);
        if let Some((name, value)) = call.auth.as_ref().and_then(|auth| auth.of_invite.as_ref()) {
            builder = builder.header(name.clone(), value);
        }
        let target = dialog.next_hop(&call.target);
        // It can fail only for a Via host that the INVITE has already passed with.
        let _ = endpoint.send_ack_2xx(&builder.build(), &target, &call.local.via_host);
    }

    /// See [`Calls::hang_up`].
    pub(super) fn hang_up_any(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        reason: Option<&str>,
        now: Instant,
    ) {
        let Some(call) = self.table.get_mut(key.0) else {
            return;
        };
        match &mut call.phase {
            Phase::Calling(calling) => {
                calling.hung_up = true;
                if let Some(tx) = call.invite_tx {
                    endpoint.cancel(tx, now);
                }
            }
            Phase::Incoming { .. } => {
                let _ = self.reject(endpoint, key, 603, "Decline", now);
            }
            Phase::Talking if call.unacknowledged.as_ref().is_some_and(|ok| ok.to.first) => {
                let reason = reason.map(str::to_owned);
                call.phase = Phase::EndWhenAcknowledged { reason };
                self.end_event(key, EndedBy::Us, None, None, None);
            }
            Phase::Talking => {
                self.end(key, EndedBy::Us, None, None, None);
                self.bye(endpoint, key, reason, now);
            }
            Phase::EndWhenAcknowledged { .. } | Phase::Ending => {}
        }
    }

    /// Sends BYE for a call that the user knows is over.
    pub(super) fn bye(
        &mut self,
        endpoint: &mut Endpoint,
        key: CallKey,
        reason: Option<&str>,
        now: Instant,
    ) {
        let mut bye = Within::new(Method::Bye);
        if let Some(reason) = reason {
            bye.headers.push((HeaderName::Reason, reason.to_owned()));
        }
        if self.send_within(endpoint, key, bye, now).is_err() {
            self.forget(key);
        }
    }

    /// Tells the user that the call is over; what remains is silent.
    pub(super) fn end(
        &mut self,
        key: CallKey,
        by: EndedBy,
        status: Option<u16>,
        q850: Option<u8>,
        words: Option<String>,
    ) {
        let Some(call) = self.table.get_mut(key.0) else {
            return;
        };
        let told = matches!(
            call.phase,
            Phase::Ending | Phase::EndWhenAcknowledged { .. }
        );
        call.phase = Phase::Ending;
        call.asked = None;
        call.unacknowledged = None;
        if !told {
            self.end_event(key, by, status, q850, words);
        }
    }

    fn end_event(
        &mut self,
        key: CallKey,
        by: EndedBy,
        status: Option<u16>,
        q850: Option<u8>,
        words: Option<String>,
    ) {
        let ended = Ended {
            by,
            status,
            q850,
            words,
        };
        self.event(key, CallEvent::Ended(ended));
    }

    /// Removes a call and everything that leads to it.
    pub(super) fn forget(&mut self, key: CallKey) {
        let Some(call) = self.table.remove(key.0) else {
            return;
        };
        self.dialogs
            .remove(&dialog_key(&call.call_id, &call.local_tag));
        for tx in [call.invite_tx, call.reinvite_tx].into_iter().flatten() {
            self.pending.remove(&tx);
        }
        if let Phase::Incoming { tx, .. } = &call.phase {
            self.invites.remove(tx);
        }
        let table = &self.table;
        self.deadlines
            .sweep(table.len(), |key| table.get(key.0).is_some());
    }

    pub(super) fn event(&mut self, key: CallKey, event: CallEvent) {
        self.events.push_back((key, event));
    }
}

impl Auth {
    /// Takes the challenges of a 401 or 407; false when they cannot be answered, or the password was wrong.
    pub(super) fn challenged(&mut self, status: u16, response: &Message, before: u8) -> bool {
        let proxy = status == 407;
        let name = if proxy {
            HeaderName::ProxyAuthenticate
        } else {
            HeaderName::WwwAuthenticate
        };
        let known = self
            .client
            .challenged(response.headers(name), proxy)
            .is_ok();
        known && (before == 0 || self.client.was_stale())
    }

    /// The header field that authorises a request, kept for the ACK of an INVITE.
    pub(super) fn header(
        &mut self,
        endpoint: &mut Endpoint,
        method: &Method,
        uri: &str,
    ) -> Option<(HeaderName, String)> {
        let cnonce = endpoint.tokens().tag();
        let (name, value) = self.client.authorize(method.as_str(), uri, &cnonce)?;
        let header = (HeaderName::parse(name)?, value);
        if *method == Method::Invite {
            self.of_invite = Some(header.clone());
        }
        Some(header)
    }
}
