//! One sans-IO SIP endpoint: matches messages to transactions (RFC 3261 §17), repeats what was lost, answers what needs no
//! thought (100, CANCEL, overload), and tells its user the rest as [`Event`]s.
//!
//! Every operation takes constant or logarithmic time; the number of transactions is bounded, and what comes beyond the
//! bound is answered 503 without keeping anything. Drain [`Endpoint::poll_output`] after every call.

mod client;
mod server;
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
use crate::transaction::client::{Cancel, Client};
use crate::transaction::deadlines::Deadlines;
use crate::transaction::server::Server;
use crate::transaction::table::Table;
use crate::transaction::{AnyTx, Kind, Timing};
pub use crate::transaction::{ClientTx, ServerTx};

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
    /// A new request, neither ACK nor CANCEL; to be answered with [`Endpoint::respond`]: within 64·T1, save for an INVITE,
    /// which waits as long as its user does. Its top Via has `received` and
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

    /// Answers finally and forgets the request, as a stateless server does (RFC 3261 §8.2.7): if it comes again it is a new
    /// one. For refusals of whom nobody knows yet (§26.3.2.4): they take no memory, and of an INVITE from a forged address
    /// the refusal goes there once.
    pub fn respond_and_forget(&mut self, tx: ServerTx, response: &Message, now: Instant) {
        self.respond(tx, response, now);
        self.end_server(tx);
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
