//! The endpoint's server side: requests that come, our responses, ACK and CANCEL.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::{Endpoint, Event, wire};
use crate::flow::Source;
use crate::message::Message;
use crate::name::Method;
use crate::transaction::server::{Acked, Due, Reply, Server};
use crate::transaction::{AnyTx, Kind, ServerTx};
use crate::via::Via;

impl Endpoint {
    pub(super) fn on_request(
        &mut self,
        source: Source,
        message: Message,
        via: &Via,
        method: &Method,
        now: Instant,
    ) {
        wire::key(&mut self.scratch, &message, via, method);
        if let Some(tx) = self.by_key.get(self.scratch.as_str()).copied() {
            self.on_retransmission(tx);
            return;
        }
        if self.transactions() >= self.config.max_transactions {
            let retry_after = Some(self.config.retry_after_s);
            self.answer_statelessly(source, &message, 503, "Service Unavailable", retry_after);
            return;
        }
        let message = wire::stamped(message, via, source.remote);
        let kind = if *method == Method::Invite {
            Kind::Invite
        } else {
            Kind::Other
        };
        let tx = self.start_server(source, &message, via, kind, now);
        self.event(Event::Request {
            tx,
            source,
            message,
        });
    }

    /// Starts a transaction under the key in `scratch`.
    pub(super) fn start_server(
        &mut self,
        source: Source,
        message: &Message,
        via: &Via,
        kind: Kind,
        now: Instant,
    ) -> ServerTx {
        let key: Arc<str> = self.scratch.as_str().into();
        let target = wire::reply_target(source, via);
        let server = Server::new(message, key.clone(), kind, target, self.timing, now);
        let tx = ServerTx(self.servers.insert(server));
        self.by_key.insert(key, tx);
        self.arm_server(tx);
        tx
    }

    pub(super) fn on_retransmission(&mut self, tx: ServerTx) {
        let Some(server) = self.servers.get(tx.0) else {
            return;
        };
        if let Some(bytes) = server.on_retransmission() {
            let target = server.target.clone();
            self.send(target, bytes, Some(AnyTx::Server(tx)));
        }
    }

    pub(super) fn on_ack(&mut self, source: Source, message: Message, via: &Via, now: Instant) {
        wire::key(&mut self.scratch, &message, via, &Method::Invite);
        let Some(tx) = self.by_key.get(self.scratch.as_str()).copied() else {
            self.event(Event::Ack { source, message });
            return;
        };
        let Some(server) = self.servers.get_mut(tx.0) else {
            return;
        };
        match server.on_ack(self.timing, now) {
            Acked::Deliver => self.event(Event::Ack { source, message }),
            Acked::Absorb => self.arm_server(tx),
            Acked::End => self.end_server(tx),
        }
    }

    pub(super) fn on_cancel(&mut self, source: Source, message: Message, via: &Via, now: Instant) {
        wire::key(&mut self.scratch, &message, via, &Method::Invite);
        let invite = self.by_key.get(self.scratch.as_str()).copied();
        wire::key(&mut self.scratch, &message, via, &Method::Cancel);
        if let Some(tx) = self.by_key.get(self.scratch.as_str()).copied() {
            self.on_retransmission(tx);
            return;
        }
        let message = wire::stamped(message, via, source.remote);
        // RFC 3261 §9.2: 200 whenever the INVITE is known, 481 otherwise.
        let (status, reason) = match invite {
            Some(_) => (200, "OK"),
            None => (481, "Call/Transaction Does Not Exist"),
        };
        let tag = self.tokens.tag();
        let answer = wire::reply(&message, status, reason, Some(&tag), None);
        if self.transactions() >= self.config.max_transactions {
            let target = wire::reply_target(source, via);
            self.send(target, answer.as_bytes().clone(), None);
        } else {
            let tx = self.start_server(source, &message, via, Kind::Other, now);
            self.respond(tx, &answer, now);
        }
        if let Some(tx) = invite.filter(|tx| self.is_pending(*tx)) {
            self.event(Event::Cancel {
                tx,
                source,
                message,
            });
        }
    }

    pub(super) fn respond_bytes(&mut self, tx: ServerTx, status: u16, bytes: Bytes, now: Instant) {
        let Some(server) = self.servers.get_mut(tx.0) else {
            return;
        };
        let reply = server.on_reply(status, &bytes, self.timing, now);
        if reply == Reply::Drop {
            return;
        }
        let target = server.target.clone();
        self.send(target, bytes, Some(AnyTx::Server(tx)));
        match reply {
            Reply::SendAndEnd => self.end_server(tx),
            Reply::Send | Reply::Drop => self.arm_server(tx),
        }
    }

    pub(super) fn server_due(&mut self, tx: ServerTx, at: Instant, now: Instant) {
        let Some(server) = self.servers.get_mut(tx.0) else {
            return;
        };
        if !server.armed.fires(at) {
            return;
        }
        match server.due(self.timing, now) {
            Due::Nothing => self.arm_server(tx),
            Due::Resend(bytes) => {
                let target = server.target.clone();
                self.arm_server(tx);
                self.send(target, bytes, Some(AnyTx::Server(tx)));
            }
            Due::Trying => {
                let request = server.request.take();
                self.arm_server(tx);
                if let Some(request) = request {
                    let trying = wire::reply(&request, 100, "Trying", None, None);
                    self.respond(tx, &trying, now);
                }
            }
            Due::NotAcknowledged => {
                self.end_server(tx);
                self.event(Event::NotAcknowledged { tx });
            }
            Due::Over => self.end_server(tx),
        }
    }

    pub(super) fn end_server(&mut self, tx: ServerTx) {
        if let Some(server) = self.servers.remove(tx.0) {
            self.by_key.remove(&server.key);
            self.sweep();
        }
    }

    pub(super) fn arm_server(&mut self, tx: ServerTx) {
        if let Some(server) = self.servers.get_mut(tx.0) {
            let at = server.deadline();
            self.deadlines.arm(&mut server.armed, AnyTx::Server(tx), at);
        }
    }

    pub(super) fn answer_statelessly(
        &mut self,
        source: Source,
        request: &Message,
        status: u16,
        reason: &str,
        retry_after_s: Option<u32>,
    ) {
        let Ok(via) = request.top_via() else { return };
        let tag = self.tokens.tag();
        let request = wire::stamped(request.clone(), &via, source.remote);
        let answer = wire::reply(&request, status, reason, Some(&tag), retry_after_s);
        let target = wire::reply_target(source, &via);
        self.send(target, answer.as_bytes().clone(), None);
    }
}
