//! MESSAGE (RFC 3428) up to the moment when it is durable: who sends it, to whom, of which kind, and whether it may go.
//!
//! Chat is between people: acknowledged with 202 once it is durable, relayed to all devices, and kept for the absent. Control
//! is what goes to or comes from a service: logged all the same, but relayed to who is there now, and the far end's answer goes
//! back; it is never kept (architecture, decision 7). That somebody is typing (RFC 3994) goes to who is there and nowhere else.

use std::sync::Arc;
use std::time::Instant;

use sip_proto::auth::Proof;
use sip_proto::events::Asked;
use sip_proto::uri::unescape;
use sip_proto::{HeaderName, Message, ParseError, Uri};

use crate::aor::key_of;
use crate::content::{Content, Opened};
use crate::date::parse_sip_date;
use crate::duplicates::{Mark, Progress};
use crate::encoding;
use crate::ports::{LoggedMessage, StoreOp};
use crate::registrar::FlowKey;
use crate::server::{ImServer, Request, Stop, Storing};

/// Longest `gr` parameter, in bytes.
const DEVICE_MAX_BYTES: usize = 256;
/// Longest Content-Type, in bytes.
const CONTENT_TYPE_MAX_BYTES: usize = 256;

/// What is to be done with a message.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The authenticated sender.
    pub from: Arc<str>,
    /// The sender is a service.
    pub from_service: bool,
    /// The recipient.
    pub to: Arc<str>,
    /// The one device that it is for.
    pub device: Option<Arc<str>>,
    /// To or from a service.
    pub control: bool,
    /// Of no interest to who is not there now, and not to the log either: that somebody is typing.
    pub passing: bool,
    /// What one person says to another.
    pub words: bool,
    /// The message as it was written, if it came compressed.
    pub unpacked: Option<Message>,
    /// What is in the envelope, if the message is one.
    pub opened: Option<Opened>,
    /// Kept until a device takes it. What says that it expires is not: it would come too late (RFC 3428 §7).
    pub keep: bool,
    /// The recipient is told who sends it (RFC 3325).
    pub assert: bool,
    /// The top Route is ours and ends here (RFC 3261 §16.4).
    pub strip_route: bool,
    /// Names the message if it comes again.
    pub mark: Mark,
    /// The size of the whole request.
    pub bytes: usize,
}

/// Who sends a request.
#[derive(Debug)]
pub(crate) struct Sender {
    pub aor: Arc<str>,
    /// It is a service.
    pub service: bool,
    /// What says so.
    pub proof: Proof,
    /// When that ends, if it does by itself.
    pub ends: Option<Instant>,
}

impl Sender {
    /// A life in seconds, shortened so that it does not outlast the proof.
    pub(crate) fn at_most(&self, seconds: u32, now: Instant) -> u32 {
        match self.ends {
            None => seconds,
            Some(ends) => {
                let left = ends.saturating_duration_since(now).as_secs();
                // 0 would be the wish to end.
                seconds.min(u32::try_from(left).unwrap_or(u32::MAX).max(1))
            }
        }
    }

    /// A subscription's life, shortened in the same way.
    pub(crate) fn shortened(&self, asked: &Asked, now: Instant) -> Asked {
        let mut asked = asked.clone();
        asked.at_most(self.at_most(u32::MAX, now));
        asked
    }
}

impl ImServer {
    pub(crate) fn on_message(&mut self, mut request: Request, now: Instant) {
        let mut plan = match self.plan_message(&request, now) {
            Ok(plan) => plan,
            Err(stop) => return self.stop(request, stop, now),
        };
        if let Some(message) = plan.unpacked.take() {
            request.message = message;
        }
        if !plan.keep || plan.device.is_some() {
            // Nobody is called later: absent is said at once, and so is what cannot be carried.
            let (forks, too_large) = self.targets(&request.message, &plan, now);
            if forks.is_empty() {
                return self.refuse(&request, if too_large.is_empty() { 480 } else { 513 }, now);
            }
        }
        let limits = &self.config.limits;
        if self.in_flight() >= limits.in_flight
            || !self.under_way.admits(&plan.from, plan.bytes, limits)
        {
            return self.refuse(&request, 503, now);
        }
        match self.duplicates.note(plan.mark, now) {
            None => {}
            Some(Progress::Durable(id)) if !plan.control => {
                let answer = self.accepted(&request.message, &plan, id);
                return self.respond(&request, answer, now);
            }
            // RFC 3261 §8.2.2.2: a request that came twice.
            Some(_) => return self.refuse(&request, 482, now),
        }
        if plan.passing {
            self.under_way
                .begin(&plan.from, plan.bytes, plan.from_service);
            let id = self.next_passing();
            self.duplicates.durable(plan.mark, id);
            return self.on_durable(&request, plan, id, now);
        }
        let logged = LoggedMessage {
            at_unix_ms: self.config.wall.unix_ms(now),
            from: plan.from.clone(),
            to: plan.to.clone(),
            device: plan.device.clone(),
            content_type: content_type_of(&request.message).to_owned(),
            body: request.message.body(),
            control: plan.control,
            keep: plan.keep,
        };
        self.under_way
            .begin(&plan.from, plan.bytes, plan.from_service);
        let storing = Storing::Message { request, plan };
        self.store(StoreOp::LogMessage(logged), storing);
    }

    fn plan_message(&mut self, request: &Request, now: Instant) -> Result<Plan, Stop> {
        let message = &request.message;
        let bad = |_: ParseError| Stop::Refuse(400);
        // RFC 3261 §16.3: the checks of a proxy, in the RFC's order.
        let to = message.uri().map_err(bad)?;
        if !to.is_sip() {
            return Err(Stop::Refuse(416));
        }
        if message.max_forwards().map_err(bad)? == Some(0) {
            return Err(Stop::Refuse(483));
        }
        if let Some(extensions) = message.header(HeaderName::ProxyRequire) {
            return Err(Stop::Unsupported(extensions.to_owned()));
        }
        if message.body().len() > self.config.limits.body_bytes {
            return Err(Stop::Refuse(413));
        }
        if content_type_of(message).len() > CONTENT_TYPE_MAX_BYTES {
            return Err(Stop::Refuse(400));
        }
        let strip_route = self.own_route(message)?;
        // No relay: neither from elsewhere nor to elsewhere.
        if !self.serves(&to) {
            return Err(Stop::Refuse(403));
        }
        // Nobody takes messages there.
        if self.names_conference(&to) {
            return Err(Stop::Refuse(404));
        }
        let sender = self.sender(request, HeaderName::ProxyAuthorization, now)?;
        let (from, from_service) = (sender.aor, sender.service);
        let to_key = key_of(&to).ok_or(Stop::Refuse(404))?;
        let to_service = match self.accounts.get(&to_key) {
            None => return Err(Stop::Lookup(Arc::from(to_key))),
            Some(None) => return Err(Stop::Refuse(404)),
            Some(Some(account)) => account.service,
        };
        let to_key = match self.registrar.find(&to_key, now) {
            Some((key, _)) => key.clone(),
            None => Arc::from(to_key),
        };
        let control = from_service || to_service;
        // A request that comes again is known by what came.
        let mark = Mark::of(&from, message);
        let kind = content_type_of(message);
        let unpacked = encoding::unpacked(message, kind, self.config.limits.body_bytes)?;
        let message = unpacked.as_ref().unwrap_or(message);
        // What a service sends goes as it is; words to one may come in an envelope, as a window sends them.
        let mut content = match from_service {
            true => Content::default(),
            false => Content::of(message),
        };
        content.typing &= !control;
        // That somebody types is for now or never, and Linphone says so by 0.
        let for_now = content.typing && matches!(message.expires(), Ok(Some(0)));
        if !for_now && self.has_expired(message, now) {
            return Err(Stop::Refuse(408));
        }
        Ok(Plan {
            mark,
            bytes: message.as_bytes().len(),
            from,
            from_service,
            to: to_key,
            device: device_of(&to)?,
            control,
            keep: !control && !content.typing && !message.has(HeaderName::Expires),
            passing: content.typing,
            words: !control && content.words,
            opened: content.opened,
            unpacked,
            assert: to_service,
            strip_route,
        })
    }

    /// The authenticated sender, who must also stand in From. A digest or token stands in `credentials`.
    pub(crate) fn sender(
        &mut self,
        request: &Request,
        credentials: HeaderName,
        now: Instant,
    ) -> Result<Sender, Stop> {
        let from = request.message.from().map_err(|_| Stop::Refuse(400))?;
        let key = key_of(from.uri())
            .filter(|_| self.serves(from.uri()))
            .ok_or(Stop::Refuse(403))?;
        let flow = FlowKey::of(&request.source);
        if let Some((aor, user)) = self.registrar.authenticated(flow, &key, now) {
            return Ok(Sender {
                aor: aor.clone(),
                service: user.service,
                proof: user.proof,
                ends: user.proof_ends,
            });
        }
        let known = self.authenticate(request, credentials, &key, now)?;
        Ok(Sender {
            aor: Arc::from(key),
            service: known.account.service,
            proof: known.proof,
            ends: known.ends,
        })
    }

    /// Whether a URI names this server.
    pub(crate) fn is_us(&self, uri: &Uri) -> bool {
        let via = &self.config.via;
        let hosts = [&via.udp, &via.tcp, &via.tls, &via.ws];
        self.serves(uri) || hosts.into_iter().any(|host| host_of(host) == uri.host())
    }

    /// Whether the top Route names us; a Route to anybody else would be a relay.
    pub(crate) fn own_route(&self, message: &Message) -> Result<bool, Stop> {
        if !message.has(HeaderName::Route) {
            return Ok(false);
        }
        let routes = message.routes().map_err(|_| Stop::Refuse(400))?;
        match routes.as_slice() {
            [] => Ok(false),
            [only] if self.is_us(only.uri()) => Ok(true),
            _ => Err(Stop::Refuse(403)),
        }
    }

    /// RFC 3428 §7: Expires counts from Date, and without one from now.
    fn has_expired(&self, message: &Message, now: Instant) -> bool {
        let Ok(Some(life_s)) = message.expires() else {
            return false;
        };
        let wall_now = self.config.wall.unix_ms(now);
        let sent = message
            .header(HeaderName::Date)
            .and_then(parse_sip_date)
            .unwrap_or(wall_now);
        sent.saturating_add(i64::from(life_s).saturating_mul(1000)) <= wall_now
    }
}

/// The device that a GRUU names (RFC 5627 §3.1.1); a temporary one, `gr` without a value, is none of ours.
pub(crate) fn device_of(uri: &Uri) -> Result<Option<Arc<str>>, Stop> {
    match uri.param("gr") {
        None => Ok(None),
        Some(text) if text.is_empty() || text.len() > DEVICE_MAX_BYTES => Err(Stop::Refuse(404)),
        Some(text) => Ok(Some(Arc::from(unescape(text).as_ref()))),
    }
}

/// RFC 3261 §20.15 lets only an empty body be without a type; what is sent without one all the same is text.
fn content_type_of(message: &Message) -> &str {
    message.content_type().unwrap_or("text/plain")
}

/// The host of `host` or `host:port`, IPv6 in brackets.
fn host_of(host: &str) -> &str {
    if host.ends_with(']') {
        return host;
    }
    host.rsplit_once(':').map_or(host, |(host, _)| host)
}
