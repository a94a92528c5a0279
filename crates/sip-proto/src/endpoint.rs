//! One sans-IO SIP endpoint: matches messages to transactions (RFC 3261 §17), repeats what was lost, answers what needs no
//! thought (100, CANCEL, overload), and tells its user the rest as [`Event`]s.
//!
//! Every operation takes constant or logarithmic time; the number of transactions is bounded, and what comes beyond the
//! bound is answered 503 without keeping anything. Drain [`Endpoint::poll_output`] after every call.

mod wire;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::error::ParseError;
use crate::flow::{FlowId, Source, Target};
use crate::message::Message;
use crate::name::Method;
use crate::token::TokenSource;
use crate::transaction::client::{self, Cancel, Client, OnFlow};
use crate::transaction::deadlines::Deadlines;
use crate::transaction::server::{self, Acked, Reply, Server};
use crate::transaction::table::Table;
use crate::transaction::{AnyTx, Kind, Timing};
pub use crate::transaction::{ClientTx, ServerTx};
use crate::via::Via;

/// Requests longer than this must not go by UDP (RFC 3261 §18.1.1); whoever chooses the target looks at it.
pub const UDP_REQUEST_MAX_BYTES: usize = 1_300;

/// Timers and limits.
#[derive(Debug, Clone)]
pub struct Config {
    /// T1, estimated round trip, in milliseconds.
    pub t1_ms: u64,
    /// T2, longest retransmission interval, in milliseconds.
    pub t2_ms: u64,
    /// T4, longest life of a message in the network, in milliseconds.
    pub t4_ms: u64,
    /// Most transactions, client and server together, completed ones too.
    pub max_transactions: usize,
    /// The Retry-After of 503 answers, in seconds.
    pub retry_after_s: u32,
}

impl Default for Config {
    /// The values of RFC 3261, table 4.
    fn default() -> Self {
        Self {
            t1_ms: 500,
            t2_ms: 4_000,
            t4_ms: 5_000,
            max_transactions: 500_000,
            retry_after_s: 5,
        }
    }
}

/// Names what was sent when [`Endpoint::handle_send_failed`] tells that it could not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SendToken(Option<AnyTx>);

/// What the endpoint wants.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes.
    Send {
        /// To whom.
        target: Target,
        /// A whole message.
        bytes: Bytes,
        /// For [`Endpoint::handle_send_failed`].
        token: SendToken,
    },
    /// Tell the user.
    Event(Event),
}

/// What the user has to know.
#[derive(Debug)]
pub enum Event {
    /// A new request, neither ACK nor CANCEL; to be answered with [`Endpoint::respond`]. Its top Via has `received` and
    /// `rport` filled in (RFC 3261 §18.2.1, RFC 3581 §4).
    Request {
        /// Its transaction.
        tx: ServerTx,
        /// Where it came from.
        source: Source,
        /// The request.
        message: Message,
    },
    /// An ACK that belongs to no transaction: that of a 2xx.
    Ack {
        /// Where it came from.
        source: Source,
        /// The ACK.
        message: Message,
    },
    /// The caller gave up; the CANCEL itself is answered already. Answer the INVITE 487.
    Cancel {
        /// The INVITE's transaction.
        tx: ServerTx,
        /// Where it came from.
        source: Source,
        /// The CANCEL.
        message: Message,
    },
    /// A response. After a final one no more come, save for further 2xx to an INVITE.
    Response {
        /// Its transaction.
        tx: ClientTx,
        /// Where it came from.
        source: Source,
        /// The response; its top Via is ours.
        message: Message,
    },
    /// No final response in time (timers B and F, or after CANCEL); the transaction is over.
    Timeout {
        /// The transaction.
        tx: ClientTx,
    },
    /// The request could not be sent, or its connection closed; the transaction is over.
    TransportError {
        /// The transaction.
        tx: ClientTx,
    },
    /// A failure answered to an INVITE was never acknowledged (timer H); the transaction is over.
    NotAcknowledged {
        /// The transaction.
        tx: ServerTx,
    },
    /// A response could not be sent.
    ReplyFailed {
        /// The transaction.
        tx: ServerTx,
    },
}

/// Why a request was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// [`Config::max_transactions`] is reached.
    #[error("expected fewer transactions, there are as many as allowed")]
    Full,
    /// `via_host` is not `host` or `host:port`.
    #[error("expected host or host:port for Via, came something else")]
    ViaHost,
    /// A response, an ACK ([`Endpoint::send_ack_2xx`]) or a CANCEL ([`Endpoint::cancel`]).
    #[error("expected a request that is neither ACK nor CANCEL, came another message")]
    NotARequest,
}

/// See the module.
#[derive(Debug)]
pub struct Endpoint {
    timing: Timing,
    config: Config,
    tokens: TokenSource,
    clients: Table<Client>,
    servers: Table<Server>,
    by_branch: HashMap<Arc<str>, ClientTx>,
    /// CANCELs, which share the branch of their INVITE.
    cancels: HashMap<Arc<str>, ClientTx>,
    by_key: HashMap<Arc<str>, ServerTx>,
    /// The first of the list of client transactions that use a flow.
    flows: HashMap<FlowId, ClientTx>,
    deadlines: Deadlines<AnyTx>,
    outputs: VecDeque<Output>,
    /// Where keys are composed for look-up.
    scratch: String,
}

impl Endpoint {
    /// `seed` is secret randomness for branches and tags.
    pub fn new(seed: [u8; 32], config: Config) -> Self {
        let timing = Timing {
            // A zero interval would come due for ever.
            t1: Duration::from_millis(config.t1_ms.max(1)),
            t2: Duration::from_millis(config.t2_ms.max(1)),
            t4: Duration::from_millis(config.t4_ms),
        };
        Self {
            timing,
            config,
            tokens: TokenSource::new(seed),
            clients: Table::new(),
            servers: Table::new(),
            by_branch: HashMap::new(),
            cancels: HashMap::new(),
            by_key: HashMap::new(),
            flows: HashMap::new(),
            deadlines: Deadlines::new(),
            outputs: VecDeque::new(),
            scratch: String::new(),
        }
    }

    /// Words for tags, Call-IDs and cnonces.
    pub fn tokens(&mut self) -> &mut TokenSource {
        &mut self.tokens
    }

    /// Number of transactions, completed ones too.
    pub fn transactions(&self) -> usize {
        self.clients.len().saturating_add(self.servers.len())
    }

    /// Takes a message from the network.
    pub fn handle_message(&mut self, source: Source, message: Message, now: Instant) {
        let Some(method) = message.method() else {
            self.on_response(source, message, now);
            return;
        };
        let Ok(via) = message.top_via() else { return };
        match method {
            Method::Ack => self.on_ack(source, message, &via, now),
            Method::Cancel => self.on_cancel(source, message, &via, now),
            ref method => self.on_request(source, message, &via, method, now),
        }
    }

    /// Answers text that is no proper request as its error says (400 …), when enough of it could be read, and keeps nothing.
    pub fn handle_malformed(&mut self, source: Source, error: &ParseError) {
        let Some(request) = error.message() else {
            return;
        };
        if request.method_ref() == Some(&Method::Ack) {
            return;
        }
        self.answer_statelessly(source, request, error.status(), &error.reason(), None);
    }

    /// Bytes could not be sent.
    pub fn handle_send_failed(&mut self, token: SendToken, _now: Instant) {
        match token.0 {
            Some(AnyTx::Client(tx)) => self.fail_client(tx),
            Some(AnyTx::Server(tx)) if self.servers.get(tx.0).is_some() => {
                self.event(Event::ReplyFailed { tx });
            }
            Some(AnyTx::Server(_)) | None => {}
        }
    }

    /// A connection is gone: requests that wait for a response on it have failed.
    pub fn handle_flow_closed(&mut self, flow: FlowId, _now: Instant) {
        while let Some(tx) = self.flows.get(&flow).copied() {
            self.unlink(tx);
            self.fail_client(tx);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest; being early does no harm.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, id)) = self.deadlines.pop_due(now) {
            match id {
                AnyTx::Client(tx) => self.client_due(tx, at, now),
                AnyTx::Server(tx) => self.server_due(tx, at, now),
            }
        }
    }

    /// The next thing to do, in order; `None` when there is nothing more.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Sends a request in a transaction of its own, under a new Via with `via_host` (`host` or `host:port`, where responses
    /// can reach us). Via header fields that are there stay below it.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send_request(
        &mut self,
        message: &Message,
        target: &Target,
        via_host: &str,
        now: Instant,
    ) -> Result<ClientTx, SendError> {
        let kind = match message.method_ref() {
            None | Some(Method::Ack | Method::Cancel) => return Err(SendError::NotARequest),
            Some(Method::Invite) => Kind::Invite,
            Some(_) => Kind::Other,
        };
        if self.transactions() >= self.config.max_transactions {
            return Err(SendError::Full);
        }
        let (message, branch) = self.under_new_via(message, target, via_host)?;
        let bytes = message.as_bytes().clone();
        let client = Client::new(
            message,
            bytes,
            branch.into(),
            kind,
            target.clone(),
            self.timing,
            now,
        );
        Ok(self.start_client(client))
    }

    /// Sends the ACK of a 2xx, which is in no transaction (RFC 3261 §13.2.2.4).
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send_ack_2xx(
        &mut self,
        message: &Message,
        target: &Target,
        via_host: &str,
    ) -> Result<(), SendError> {
        if message.method_ref() != Some(&Method::Ack) {
            return Err(SendError::NotARequest);
        }
        let (message, _) = self.under_new_via(message, target, via_host)?;
        self.send(target.clone(), message.as_bytes().clone(), None);
        Ok(())
    }

    /// Answers a request with a whole response (Via and so on copied from the request). What comes too late is dropped; a
    /// 2xx to an INVITE may be given again to repeat it.
    pub fn respond(&mut self, tx: ServerTx, response: &Message, now: Instant) {
        let Some(status) = response.status() else {
            return;
        };
        self.respond_bytes(tx, status, response.as_bytes().clone(), now);
    }

    /// Whether the request still waits for its final response.
    pub fn is_pending(&self, tx: ServerTx) -> bool {
        self.servers.get(tx.0).is_some_and(Server::is_pending)
    }

    /// Cancels an INVITE (RFC 3261 §9.1): at once if a provisional response came, else when one comes; nothing after a final
    /// one. The INVITE's final response, often 487 but perhaps 2xx, comes as an event, or `Timeout` 64·T1 after the CANCEL.
    pub fn cancel(&mut self, tx: ClientTx, now: Instant) {
        let Some(client) = self.clients.get_mut(tx.0) else {
            return;
        };
        if client.cancel != Cancel::No || !client.is_pending() {
            return;
        }
        client.cancel = Cancel::Wanted;
        if client.may_cancel() {
            self.send_cancel(tx, now);
        }
    }
}

/// Client side.
impl Endpoint {
    fn under_new_via(
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

    fn start_client(&mut self, client: Client) -> ClientTx {
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

    fn on_response(&mut self, source: Source, message: Message, now: Instant) {
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

    fn send_cancel(&mut self, tx: ClientTx, now: Instant) {
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

    fn client_due(&mut self, tx: ClientTx, at: Instant, now: Instant) {
        let Some(client) = self.clients.get_mut(tx.0) else {
            return;
        };
        if !client.armed.fires(at) {
            return;
        }
        match client.due(self.timing, now) {
            client::Due::Nothing => self.arm_client(tx),
            client::Due::Resend(bytes) => {
                let target = client.target.clone();
                self.arm_client(tx);
                self.send(target, bytes, Some(AnyTx::Client(tx)));
            }
            client::Due::TimedOut => {
                if !client.is_cancel {
                    self.event(Event::Timeout { tx });
                }
                self.end_client(tx);
            }
            client::Due::Over => self.end_client(tx),
        }
    }

    fn fail_client(&mut self, tx: ClientTx) {
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

    fn end_client(&mut self, tx: ClientTx) {
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

    fn arm_client(&mut self, tx: ClientTx) {
        if let Some(client) = self.clients.get_mut(tx.0) {
            let at = client.deadline();
            self.deadlines.arm(&mut client.armed, AnyTx::Client(tx), at);
        }
    }

    /// Puts a transaction at the head of its flow's list.
    fn link(&mut self, tx: ClientTx, flow: FlowId) {
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
    fn unlink(&mut self, tx: ClientTx) {
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

    fn place_on_flow(&mut self, tx: ClientTx) -> Option<&mut OnFlow> {
        self.clients.get_mut(tx.0)?.on_flow.as_mut()
    }
}

/// Server side.
impl Endpoint {
    fn on_request(
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
    fn start_server(
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

    fn on_retransmission(&mut self, tx: ServerTx) {
        let Some(server) = self.servers.get(tx.0) else {
            return;
        };
        if let Some(bytes) = server.on_retransmission() {
            let target = server.target.clone();
            self.send(target, bytes, Some(AnyTx::Server(tx)));
        }
    }

    fn on_ack(&mut self, source: Source, message: Message, via: &Via, now: Instant) {
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

    fn on_cancel(&mut self, source: Source, message: Message, via: &Via, now: Instant) {
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

    fn respond_bytes(&mut self, tx: ServerTx, status: u16, bytes: Bytes, now: Instant) {
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

    fn server_due(&mut self, tx: ServerTx, at: Instant, now: Instant) {
        let Some(server) = self.servers.get_mut(tx.0) else {
            return;
        };
        if !server.armed.fires(at) {
            return;
        }
        match server.due(self.timing, now) {
            server::Due::Nothing => self.arm_server(tx),
            server::Due::Resend(bytes) => {
                let target = server.target.clone();
                self.arm_server(tx);
                self.send(target, bytes, Some(AnyTx::Server(tx)));
            }
            server::Due::Trying => {
                let request = server.request.take();
                self.arm_server(tx);
                if let Some(request) = request {
                    let trying = wire::reply(&request, 100, "Trying", None, None);
                    self.respond(tx, &trying, now);
                }
            }
            server::Due::NotAcknowledged => {
                self.end_server(tx);
                self.event(Event::NotAcknowledged { tx });
            }
            server::Due::Over => self.end_server(tx),
        }
    }

    fn end_server(&mut self, tx: ServerTx) {
        if let Some(server) = self.servers.remove(tx.0) {
            self.by_key.remove(&server.key);
            self.sweep();
        }
    }

    fn arm_server(&mut self, tx: ServerTx) {
        if let Some(server) = self.servers.get_mut(tx.0) {
            let at = server.deadline();
            self.deadlines.arm(&mut server.armed, AnyTx::Server(tx), at);
        }
    }

    fn answer_statelessly(
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

impl Endpoint {
    fn send(&mut self, target: Target, bytes: Bytes, tx: Option<AnyTx>) {
        self.outputs.push_back(Output::Send {
            target,
            bytes,
            token: SendToken(tx),
        });
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn sweep(&mut self) {
        let (clients, servers) = (&self.clients, &self.servers);
        let owners = clients.len().saturating_add(servers.len());
        self.deadlines.sweep(owners, |id| match id {
            AnyTx::Client(tx) => clients.get(tx.0).is_some(),
            AnyTx::Server(tx) => servers.get(tx.0).is_some(),
        });
    }
}
