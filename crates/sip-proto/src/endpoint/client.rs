//! The endpoint's client side: requests of ours, their responses, the connections that they wait on.

use std::time::Instant;

use super::{Endpoint, Event, SendError, wire};
use crate::flow::{FlowId, Source, Target};
use crate::message::Message;
use crate::name::Method;
use crate::transaction::client::{Client, Due, OnFlow};
use crate::transaction::{AnyTx, ClientTx, Kind};
use crate::via::Via;

impl Endpoint {
    pub(super) fn under_new_via(
        &mut self,
        message: &Message,
        target: &Target,
        via_host: &str,
    ) -> Result<(Message, String), SendError> {
        let branch = self.tokens.branch();
        let via = Via::new(target.transport.via_word(), via_host, &branch, true)
            .map_err(|_| SendError::ViaHost)?;
        Ok((wire::under_via(message, &via), branch))
    }

    pub(super) fn start_client(&mut self, client: Client) -> ClientTx {
        let branch = client.branch.clone();
        let is_cancel = client.is_cancel;
        let (target, bytes) = (client.target.clone(), client.bytes().clone());
        let tx = ClientTx(self.clients.insert(client));
        if is_cancel {
            self.cancels.insert(branch, tx);
        } else {
            self.by_branch.insert(branch, tx);
        }
        if let Some(flow) = target.flow.filter(|_| target.transport.is_reliable()) {
            self.link(tx, flow);
        }
        self.arm_client(tx);
        self.send(target, bytes, Some(AnyTx::Client(tx)));
        tx
    }

    pub(super) fn on_response(&mut self, source: Source, message: Message, now: Instant) {
        let Some(status) = message.status() else {
            return;
        };
        let (Ok(via), Ok(cseq)) = (message.top_via(), message.cseq()) else {
            return;
        };
        let Some(branch) = via.branch() else { return };
        let map = if cseq.method == Method::Cancel {
            &self.cancels
        } else {
            &self.by_branch
        };
        // What matches nothing is dropped; RFC 6026 §7.3 forbids to forward it.
        let Some(tx) = map.get(branch).copied() else {
            return;
        };
        let Some(client) = self.clients.get_mut(tx.0) else {
            return;
        };
        let reaction = client.on_response(status, self.timing, now);
        if reaction.acknowledge
            && let Some(ack) = client
                .request
                .as_ref()
                .and_then(|invite| wire::ack_for(invite, &message))
        {
            let bytes = ack.as_bytes().clone();
            client.keep_ack(bytes.clone());
            let target = client.target.clone();
            self.send(target, bytes, Some(AnyTx::Client(tx)));
        } else if reaction.resend {
            let (target, bytes) = (client.target.clone(), client.bytes().clone());
            self.send(target, bytes, None);
        }
        let silent = self.clients.get(tx.0).is_none_or(|c| c.is_cancel);
        if reaction.deliver && !silent {
            self.event(Event::Response {
                tx,
                source,
                message,
            });
        }
        if reaction.over {
            self.end_client(tx);
            return;
        }
        self.arm_client(tx);
        if reaction.send_cancel {
            self.send_cancel(tx, now);
        }
    }

    pub(super) fn send_cancel(&mut self, tx: ClientTx, now: Instant) {
        let Some(client) = self.clients.get_mut(tx.0) else {
            return;
        };
        let Some(message) = client.request.as_ref().and_then(wire::cancel_for) else {
            return;
        };
        client.cancel_sent(self.timing, now);
        let bytes = message.as_bytes().clone();
        let mut cancel = Client::new(
            message,
            bytes,
            client.branch.clone(),
            Kind::Other,
            client.target.clone(),
            self.timing,
            now,
        );
        cancel.is_cancel = true;
        self.arm_client(tx);
        // Not counted against the limit: an INVITE that is there must be able to end.
        self.start_client(cancel);
    }

    pub(super) fn client_due(&mut self, tx: ClientTx, at: Instant, now: Instant) {
        let Some(client) = self.clients.get_mut(tx.0) else {
            return;
        };
        if !client.armed.fires(at) {
            return;
        }
        match client.due(self.timing, now) {
            Due::Nothing => self.arm_client(tx),
            Due::Resend(bytes) => {
                let target = client.target.clone();
                self.arm_client(tx);
                self.send(target, bytes, Some(AnyTx::Client(tx)));
            }
            Due::TimedOut => {
                if !client.is_cancel {
                    self.event(Event::Timeout { tx });
                }
                self.end_client(tx);
            }
            Due::Over => self.end_client(tx),
        }
    }

    pub(super) fn fail_client(&mut self, tx: ClientTx) {
        let Some(client) = self.clients.get(tx.0) else {
            return;
        };
        if !client.is_pending() {
            return;
        }
        if !client.is_cancel {
            self.event(Event::TransportError { tx });
        }
        self.end_client(tx);
    }

    pub(super) fn end_client(&mut self, tx: ClientTx) {
        self.unlink(tx);
        let Some(client) = self.clients.remove(tx.0) else {
            return;
        };
        if client.is_cancel {
            self.cancels.remove(&client.branch);
        } else {
            self.by_branch.remove(&client.branch);
        }
        self.sweep();
    }

    pub(super) fn arm_client(&mut self, tx: ClientTx) {
        if let Some(client) = self.clients.get_mut(tx.0) {
            let at = client.deadline();
            self.deadlines.arm(&mut client.armed, AnyTx::Client(tx), at);
        }
    }

    /// Puts a transaction at the head of its flow's list.
    pub(super) fn link(&mut self, tx: ClientTx, flow: FlowId) {
        let next = self.flows.insert(flow, tx);
        if let Some(client) = self.clients.get_mut(tx.0) {
            client.on_flow = Some(OnFlow {
                flow,
                previous: None,
                next,
            });
        }
        if let Some(place) = next.and_then(|next| self.place_on_flow(next)) {
            place.previous = Some(tx);
        }
    }

    /// Takes a transaction out of its flow's list.
    pub(super) fn unlink(&mut self, tx: ClientTx) {
        let client = self.clients.get_mut(tx.0);
        let Some(place) = client.and_then(|client| client.on_flow.take()) else {
            return;
        };
        if let Some(next) = place.next.and_then(|next| self.place_on_flow(next)) {
            next.previous = place.previous;
        }
        match (place.previous, place.next) {
            (Some(previous), next) => {
                if let Some(previous) = self.place_on_flow(previous) {
                    previous.next = next;
                }
            }
            (None, Some(next)) => {
                self.flows.insert(place.flow, next);
            }
            (None, None) => {
                self.flows.remove(&place.flow);
            }
        }
    }

    pub(super) fn place_on_flow(&mut self, tx: ClientTx) -> Option<&mut OnFlow> {
        self.clients.get_mut(tx.0)?.on_flow.as_mut()
    }
}
