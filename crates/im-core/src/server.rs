//! The server's three calls, and what every kind of request goes through.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sip_proto::auth::{Bearer, Proof, Verifier};
use sip_proto::endpoint::{self, ClientTx, Endpoint, SendToken, ServerTx};
use sip_proto::events::{self, Notifier, Package};
use sip_proto::{FlowId, HeaderName, Message, Method, ParseError, ResponseBuilder, Source};
use sip_proto::{TokenSource, Uri};

use crate::accounts::{Accounts, TooManyWait};
use crate::authenticate::takes_tokens;
use crate::config::Config;
use crate::contact::Capabilities;
use crate::duplicates::Duplicates;
use crate::encoding;
use crate::failures::Failures;
use crate::kept::Session;
use crate::message::Plan;
use crate::ports::{
    AccountInfo, Event, Gone, LookupToken, Output, StoreFault, StoreOp, StoreToken, Stored,
};
use crate::presence::Publications;
use crate::proxy::Forwards;
use crate::registrar::Registrar;
use crate::relay::{Fork, Relay};
use crate::told::Told;
use crate::under_way::UnderWay;

/// What we do, for Allow (RFC 3261 §20.5).
pub(crate) const ALLOW: &str = "REGISTER, MESSAGE, OPTIONS, SUBSCRIBE, PUBLISH";
/// The event package of presence (RFC 3856).
pub(crate) const PRESENCE: &str = "presence";
/// Life of a subscription to presence that names none (RFC 3856 §6.4), and the longest, in seconds.
const SUBSCRIPTION_S: u32 = 3600;
/// The body types that the server carries: any; what it reads itself is none.
const ACCEPT: &str = "*/*";
/// The extensions that the registrar speaks: RFC 3327, RFC 5626, RFC 5627.
pub(crate) const SUPPORTED: &str = "path, outbound, gruu";
/// Look-ups that one request may need: sender and recipient, and each again when it was forgotten meanwhile.
const LOOKUPS_MAX: u8 = 4;

/// A request that is being dealt with.
#[derive(Debug)]
pub(crate) struct Request {
    pub tx: ServerTx,
    pub source: Source,
    pub message: Message,
    pub lookups: u8,
}

/// Why a request does not go on now.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Answer this.
    Refuse(u16),
    /// Ask who sends it: 401 by a server, 407 by a proxy (RFC 3261 §22.2, §22.3).
    Challenge { stale: bool, proxy: bool },
    /// Wait until this account is known.
    Lookup(Arc<str>),
    /// Answer 420 with these extensions (RFC 3261 §8.2.2.3).
    Unsupported(String),
}

/// What an answer of the store is for.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are messages; boxing would cost an allocation each"
)]
pub(crate) enum Storing {
    /// This message may be acknowledged and relayed once it is durable.
    Message { request: Request, plan: Plan },
    /// The messages kept for this person.
    Kept(Arc<str>),
    /// Nobody waits.
    Quiet,
}

/// The IM server: registrar, message relay and kept messages (requirements T1, C2). Drain `poll_output` after every call.
pub struct ImServer {
    pub(crate) config: Config,
    pub(crate) endpoint: Endpoint,
    pub(crate) verifier: Verifier,
    pub(crate) failures: Failures,
    pub(crate) accounts: Accounts,
    pub(crate) duplicates: Duplicates,
    pub(crate) registrar: Registrar,
    pub(crate) storing: HashMap<StoreToken, Storing>,
    pub(crate) relays: HashMap<i64, Relay>,
    /// The last number that was given to what is in no log.
    pub(crate) passing: i64,
    /// What is being stored or relayed.
    pub(crate) under_way: UnderWay,
    /// Copies on their way to other devices of their senders.
    pub(crate) own_copies: UnderWay,
    pub(crate) forks: HashMap<ClientTx, Fork>,
    /// Control requests in the order in which they went out, with the moment until which each waits for its answer.
    pub(crate) control_deadlines: VecDeque<(Instant, i64)>,
    pub(crate) sessions: HashMap<Arc<str>, Session>,
    /// People for whom something was kept since the process began.
    pub(crate) maybe_kept: HashSet<Arc<str>>,
    /// Of which kept messages devices without a connection know.
    pub(crate) told: Told,
    /// People for whom the store holds contacts.
    pub(crate) saved: HashSet<Arc<str>>,
    /// The service for conferences, `user@domain`.
    pub(crate) service: Option<Arc<str>>,
    /// Who publishes the presence of conferences, `user@domain`.
    pub(crate) allocator: Option<Arc<str>>,
    /// What flow tokens are made with.
    pub(crate) flow_key: [u8; 32],
    pub(crate) forwards: Forwards,
    pub(crate) publications: Publications,
    pub(crate) notifier: Notifier,
    /// People whose watchers have to be told.
    pub(crate) changed_presence: BTreeSet<Arc<str>>,
    outputs: VecDeque<Output>,
    next_token: u64,
}

impl ImServer {
    /// A server without contacts; `config.domains` must not be empty.
    pub fn new(config: Config, now: Instant) -> Self {
        let mut seeds = TokenSource::new(config.seed);
        let endpoint = Endpoint::new(seeds.bytes(), config.endpoint.clone());
        let digest = config.digest.clone();
        let verifier = Verifier::new(config.realm.clone(), seeds.bytes(), digest, now);
        let of_user = |user: &Option<String>| -> Option<Arc<str>> {
            let (user, domain) = (user.as_ref()?, config.domains.first()?);
            Some(Arc::from(format!("{user}@{domain}")))
        };
        let (service, allocator) = (of_user(&config.conferences), of_user(&config.allocator));
        Self {
            endpoint,
            verifier,
            failures: Failures::new(&config.limits),
            accounts: Accounts::new(config.limits.accounts_cached, config.limits.waiting),
            duplicates: Duplicates::new(now),
            registrar: Registrar::default(),
            storing: HashMap::new(),
            relays: HashMap::new(),
            passing: 0,
            under_way: UnderWay::default(),
            own_copies: UnderWay::default(),
            forks: HashMap::new(),
            control_deadlines: VecDeque::new(),
            sessions: HashMap::new(),
            maybe_kept: HashSet::new(),
            told: Told::default(),
            saved: HashSet::new(),
            service,
            allocator,
            flow_key: seeds.bytes(),
            forwards: Forwards::default(),
            publications: Publications::default(),
            notifier: notifier(&config.limits),
            changed_presence: BTreeSet::new(),
            outputs: VecDeque::new(),
            next_token: 0,
            config,
        }
    }

    /// Takes a message from the network.
    pub fn handle_message(&mut self, source: Source, message: Message, now: Instant) {
        self.endpoint.handle_message(source, message, now);
        self.pump(now);
    }

    /// Answers what is no proper message as its error says.
    pub fn handle_malformed(&mut self, source: Source, error: &ParseError, now: Instant) {
        self.endpoint.handle_malformed(source, error);
        self.pump(now);
    }

    /// Something that `Output::Send` asked for could not be sent.
    pub fn handle_send_failed(&mut self, token: SendToken, now: Instant) {
        self.endpoint.handle_send_failed(token, now);
        self.pump(now);
    }

    /// A connection closed: its contacts are gone, and what waited for an answer on it failed.
    pub fn handle_flow_closed(&mut self, flow: FlowId, now: Instant) {
        for aor in self.registrar.flow_closed(flow) {
            self.event(Event::Unregistered {
                aor,
                why: Gone::FlowClosed,
            });
        }
        self.notifier.flow_closed(flow);
        for aor in self.publications.flow_closed(flow) {
            self.presence_changed(&aor);
        }
        self.forwards_flow_closed(flow, now);
        self.endpoint.handle_flow_closed(flow, now);
        self.pump(now);
    }

    /// The store answered.
    pub fn handle_stored(
        &mut self,
        token: StoreToken,
        result: Result<Stored, StoreFault>,
        now: Instant,
    ) {
        match (self.storing.remove(&token), result) {
            (Some(Storing::Message { request, plan }), Ok(Stored::Logged(id))) => {
                self.duplicates.durable(plan.mark, id);
                self.on_durable(&request, plan, id, now);
            }
            (Some(Storing::Message { request, plan }), result) => {
                self.duplicates.forget(plan.mark);
                self.under_way.end(&plan.from, plan.bytes);
                let overloaded = result == Err(StoreFault::Overloaded);
                self.refuse(&request, if overloaded { 503 } else { 500 }, now);
            }
            (Some(Storing::Kept(aor)), Ok(Stored::Pending(messages))) => {
                self.on_kept(&aor, messages, now);
            }
            (Some(Storing::Kept(aor)), result) => {
                let fault = result.err().unwrap_or(StoreFault::Failed);
                self.end_session(&aor, true);
                self.event(Event::StoreFailed { fault });
            }
            (Some(Storing::Quiet), Err(fault)) => self.event(Event::StoreFailed { fault }),
            (Some(Storing::Quiet), Ok(_)) | (None, _) => {}
        }
        self.pump(now);
    }

    /// An account was looked up: `Ok(None)` when there is none of that name.
    pub fn handle_lookup(
        &mut self,
        token: LookupToken,
        result: Result<Option<AccountInfo>, StoreFault>,
        now: Instant,
    ) {
        let failed = result.as_ref().err().copied();
        let known = result.ok().map(|account| account.map(Arc::new));
        for request in self.accounts.answered(token, known) {
            match failed {
                None => self.dispatch(request, now),
                Some(StoreFault::Overloaded) => self.refuse(&request, 503, now),
                Some(StoreFault::Failed) => self.refuse(&request, 500, now),
            }
        }
        self.pump(now);
    }

    /// A password of an account was revoked: what was registered, subscribed to and published with it is gone at once, so that
    /// a stolen telephone gets nothing more.
    pub fn handle_password_revoked(&mut self, aor: &str, password: i64, now: Instant) {
        self.revoked(aor, Proof::Password(password), now);
    }

    /// A token of an account was revoked: as for passwords. Of one that ends by itself nothing need be said.
    pub fn handle_token_revoked(&mut self, aor: &str, token: i64, now: Instant) {
        self.revoked(aor, Proof::Token(token), now);
    }

    fn revoked(&mut self, aor: &str, proof: Proof, now: Instant) {
        self.accounts.forget(aor);
        let aor: Arc<str> = Arc::from(aor);
        self.notifier.revoke(&aor, proof);
        self.forwards.revoke(&aor, proof);
        for aor in self.publications.revoke_proof(&aor, proof) {
            self.presence_changed(&aor);
        }
        if self.registrar.revoke_proof(&aor, proof) {
            self.save_bindings(&aor, now);
            self.event(Event::Unregistered {
                aor,
                why: Gone::Revoked,
            });
        }
        self.pump(now);
    }

    /// An account was made, changed or removed, or got one more password: what is remembered of it does not count any more.
    /// Its contacts stay until they end.
    pub fn handle_account_changed(&mut self, aor: &str) {
        self.accounts.forget(aor);
        self.registrar.revoke_all(aor);
    }

    /// An account got a token, or one of its tokens lasts longer: nothing else of it changed. It is looked up at once, since from an
    /// address where others guess tokens only what is remembered gets in.
    pub fn handle_tokens_changed(&mut self, aor: &str) {
        self.accounts.forget(aor);
        let aor: Arc<str> = Arc::from(aor);
        if let Some(token) = self.accounts.ask(&aor) {
            self.outputs.push_back(Output::Lookup { token, aor });
        }
    }

    /// When to call `handle_timeout` at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [
            self.endpoint.poll_timeout(),
            self.registrar.next_expiry(),
            self.next_control_deadline(),
            self.notifier.poll_timeout(),
            self.publications.next_end(),
            self.forwards.next_due(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.end_silent_control(now);
        self.end_overdue_forwards(now);
        self.notifier.handle_timeout(now);
        while let Some(aor) = self.publications.expire_next(now) {
            self.presence_changed(&aor);
        }
        self.endpoint.handle_timeout(now);
        while let Some((aor, ended)) = self.registrar.expire_next(now) {
            if ended {
                self.save_bindings(&aor, now);
                self.event(Event::Unregistered {
                    aor,
                    why: Gone::Expired,
                });
            }
        }
        self.pump(now);
    }

    /// The next thing to do; `None` when there is nothing more.
    pub fn poll_output(&mut self) -> Option<Output> {
        let keep = |(flow, kept)| Output::Keep { flow, kept };
        let output = self.outputs.pop_front();
        output.or_else(|| self.registrar.next_keep().map(keep))
    }

    /// Number of people with contacts.
    pub fn registered(&self) -> usize {
        self.registrar.len()
    }

    /// How somebody's devices can take part in conferences now (RFC 3840).
    pub fn capabilities(&self, aor: &str, now: Instant) -> Capabilities {
        let bindings = self.registrar.find(aor, now);
        let all = bindings.into_iter().flat_map(|(_, bindings)| bindings);
        all.map(|one| Capabilities::of(&one.address, one.target.transport))
            .fold(Capabilities::default(), Capabilities::or)
    }

    /// Number of subscriptions to presence.
    pub fn watched(&self) -> usize {
        self.notifier.len()
    }

    /// Number of requests on their way to or from conferences.
    pub fn forwarding(&self) -> usize {
        self.forwards.len()
    }

    /// Number of messages being stored or relayed.
    pub fn in_flight(&self) -> usize {
        self.storing.len().saturating_add(self.relays.len())
    }
}

impl ImServer {
    /// Deals with what the endpoint says, then tells the watchers, which may make the endpoint say more.
    fn pump(&mut self, now: Instant) {
        self.drain(now);
        self.notify(now);
        self.drain(now);
    }

    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                endpoint::Output::Send {
                    target,
                    bytes,
                    token,
                } => self.outputs.push_back(Output::Send {
                    target,
                    bytes,
                    token,
                }),
                endpoint::Output::Event(event) => self.on_event(event, now),
            }
        }
    }

    fn on_event(&mut self, event: endpoint::Event, now: Instant) {
        match event {
            endpoint::Event::Request {
                tx,
                source,
                message,
            } => self.dispatch(
                Request {
                    tx,
                    source,
                    message,
                    lookups: 0,
                },
                now,
            ),
            endpoint::Event::Response { tx, message, .. } => {
                if self.pass_back_response(tx, &message, now) {
                    return;
                }
                if let Some(status) = message.status().filter(|status| *status >= 200)
                    && !self.notifier.on_answer(tx, status, now)
                {
                    self.fork_ended(tx, status, Some(&message), now);
                }
            }
            endpoint::Event::Timeout { tx } => self.request_failed(tx, 408, now),
            endpoint::Event::TransportError { tx } => self.request_failed(tx, 503, now),
            endpoint::Event::Ack { source, message } => self.pass_ack(source, &message, now),
            endpoint::Event::Cancel { tx, message, .. } => self.pass_cancel(tx, &message, now),
            endpoint::Event::NotAcknowledged { .. } | endpoint::Event::ReplyFailed { .. } => {}
        }
    }

    fn request_failed(&mut self, tx: ClientTx, status: u16, now: Instant) {
        if !self.pass_back_failure(tx, status, now) && !self.notifier.on_answer(tx, status, now) {
            self.fork_ended(tx, status, None, now);
        }
    }

    fn dispatch(&mut self, request: Request, now: Instant) {
        let ends_here = matches!(
            request.message.method_ref(),
            None | Some(Method::Message | Method::Register | Method::Publish)
        );
        let request = match ends_here {
            true => Some(request),
            false => self.pass_on(request, now),
        };
        let Some(request) = request else { return };
        let Some(method) = request.message.method_ref() else {
            return;
        };
        match method {
            Method::Message => self.on_message(request, now),
            Method::Register => self.on_register(request, now),
            Method::Options => {
                let answer = self
                    .reply(&request.message, 200)
                    .header(HeaderName::Allow, ALLOW)
                    .header(HeaderName::AllowEvents, self.notifier.allow_events())
                    .header(HeaderName::Accept, ACCEPT)
                    .header(HeaderName::Supported, SUPPORTED);
                self.respond_to_anybody(&request, answer, now);
            }
            Method::Subscribe => self.on_subscribe(request, now),
            Method::Publish => self.on_publish(request, now),
            Method::Invite
            | Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Notify
            | Method::Refer
            | Method::Info
            | Method::Update
            | Method::Prack
            | Method::Extension(_) => {
                let answer = self
                    .reply(&request.message, 405)
                    .header(HeaderName::Allow, ALLOW);
                self.respond_to_anybody(&request, answer, now);
            }
        }
    }

    /// Ends or delays a request as `stop` says.
    pub(crate) fn stop(&mut self, mut request: Request, stop: Stop, now: Instant) {
        match stop {
            Stop::Refuse(status) => self.refuse_anybody(&request, status, now),
            Stop::Unsupported(extensions) => {
                let answer = self
                    .reply(&request.message, 420)
                    .header(HeaderName::Unsupported, extensions);
                self.respond_to_anybody(&request, answer, now);
            }
            Stop::Challenge { stale, proxy } => {
                // What ends here is asked as by a server, what passes as by a proxy.
                let (status, name) = match proxy {
                    false => (401, HeaderName::WwwAuthenticate),
                    true => (407, HeaderName::ProxyAuthenticate),
                };
                let mut answer = self.reply(&request.message, status);
                let peer = Some(request.source.remote.ip());
                for challenge in self.verifier.challenges_to(peer, stale, now) {
                    answer = answer.header(name.clone(), challenge);
                }
                if let Some(challenge) = self.token_challenge(&request) {
                    answer = answer.header(name, challenge);
                }
                self.respond_to_anybody(&request, answer, now);
            }
            Stop::Lookup(_) if request.lookups >= LOOKUPS_MAX => {
                self.refuse_anybody(&request, 503, now);
            }
            Stop::Lookup(aor) => {
                request.lookups += 1;
                match self.accounts.wait(&aor, request) {
                    Ok(Some(token)) => self.outputs.push_back(Output::Lookup { token, aor }),
                    Ok(None) => {}
                    Err(TooManyWait(request)) => self.refuse_anybody(&request, 503, now),
                }
            }
        }
    }

    /// The challenge for a token, last among the others: for pages, and for who came with one. Telephones know no tokens, and old
    /// ones give up at a scheme that they do not know.
    fn token_challenge(&self, request: &Request) -> Option<String> {
        let source = &request.source;
        let names = [HeaderName::Authorization, HeaderName::ProxyAuthorization];
        let mut came = names
            .into_iter()
            .flat_map(|name| request.message.headers(name));
        let refused = came.any(|value| Bearer::parse(value).is_some());
        let wanted = refused || source.transport.is_websocket();
        let server = self.config.token_server.as_deref();
        (wanted && takes_tokens(source))
            .then(|| Bearer::challenge(&self.config.realm, server, refused))
    }

    /// An answer with a tag of ours.
    pub(crate) fn reply(&mut self, request: &Message, status: u16) -> ResponseBuilder {
        let tag = self.endpoint.tokens().tag();
        ResponseBuilder::reply(request, status, reason_of(status)).to_tag(&tag)
    }

    pub(crate) fn respond(&mut self, request: &Request, answer: ResponseBuilder, now: Instant) {
        self.endpoint.respond(request.tx, &answer.build(), now);
    }

    /// Answers what may come from anybody, also from a forged address: nothing is kept of it.
    pub(crate) fn respond_to_anybody(
        &mut self,
        request: &Request,
        answer: ResponseBuilder,
        now: Instant,
    ) {
        self.endpoint
            .respond_and_forget(request.tx, &answer.build(), now);
    }

    pub(crate) fn refuse(&mut self, request: &Request, status: u16, now: Instant) {
        let answer = self.refusal(request, status);
        self.respond(request, answer, now);
    }

    fn refuse_anybody(&mut self, request: &Request, status: u16, now: Instant) {
        let answer = self.refusal(request, status);
        self.respond_to_anybody(request, answer, now);
    }

    pub(crate) fn refusal(&mut self, request: &Request, status: u16) -> ResponseBuilder {
        let mut answer = self.reply(&request.message, status);
        match status {
            503 => {
                let seconds = self.config.limits.retry_after_s;
                answer = answer.header(HeaderName::RetryAfter, seconds);
            }
            // RFC 3261 §8.2.3.
            415 => answer = answer.header(HeaderName::AcceptEncoding, encoding::ACCEPTED),
            // RFC 6665 §8.3.2.
            489 => {
                let events = self.notifier.allow_events();
                answer = answer
                    .header(HeaderName::Allow, ALLOW)
                    .header(HeaderName::AllowEvents, events);
            }
            _ => {}
        }
        self.event(Event::Refused {
            address: request.source.remote.ip(),
            status,
        });
        answer
    }

    pub(crate) fn event(&mut self, event: Event) {
        if let Event::Registered { aor, .. } | Event::Unregistered { aor, .. } = &event {
            self.presence_changed(aor);
        }
        self.outputs.push_back(Output::Event(event));
    }

    pub(crate) fn store(&mut self, op: StoreOp, storing: Storing) {
        let token = StoreToken(self.next_token);
        self.next_token = self.next_token.wrapping_add(1);
        self.storing.insert(token, storing);
        self.outputs.push_back(Output::Store { token, op });
    }

    /// Whether a URI is of a domain that we serve.
    pub(crate) fn serves(&self, uri: &Uri) -> bool {
        let host = uri.host();
        let mut domains = self.config.domains.iter();
        domains.any(|domain| domain.eq_ignore_ascii_case(host))
    }
}

fn notifier(limits: &crate::config::Limits) -> Notifier {
    let presence = Package {
        name: PRESENCE,
        default_s: SUBSCRIPTION_S,
        min_s: limits.min_expires_s,
        max_s: SUBSCRIPTION_S,
        pace: Duration::from_millis(limits.notify_pace_ms),
        burst: 1,
    };
    let bounds = events::Limits {
        subscriptions: limits.subscriptions,
        per_watcher: limits.subscriptions_per_watcher,
    };
    Notifier::new(vec![presence], bounds)
}

/// The reason phrases of RFC 3261 §21 that we use.
fn reason_of(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        412 => "Conditional Request Failed",
        413 => "Request Entity Too Large",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        423 => "Interval Too Brief",
        430 => "Flow Failed",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        487 => "Request Terminated",
        489 => "Bad Event",
        503 => "Service Unavailable",
        513 => "Message Too Large",
        _ => "Server Internal Error",
    }
}
