//! The registration: made, refreshed, made anew, taken back.

use std::time::{Duration, Instant};

use super::message::{authorization, take_challenge};
use super::{ALLOW, Ua, UaConfig, UaEvent};
use crate::auth::ClientAuth;
use crate::build::RequestBuilder;
use crate::endpoint::Endpoint;
use crate::flow::Source;
use crate::message::Message;
use crate::name::{HeaderName, Method};
use crate::text::unquote;
use crate::transaction::ClientTx;
use crate::uri::{NameAddr, Uri};

/// First wait after a failure, doubled with each further one.
const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// Longest wait after a failure, and longest Retry-After that is heeded.
const BACKOFF_MAX: Duration = Duration::from_secs(300);
/// Longest Min-Expires that is obeyed, in seconds.
const EXPIRES_MAX_S: u32 = 86_400;
/// Registrations at least this long, in seconds, are refreshed ten minutes before their end; shorter ones at half their life.
const LONG_S: u32 = 1_200;

/// Where the registration stands.
#[derive(Debug)]
pub(super) struct Registration {
    /// Whether the user wants it.
    wanted: bool,
    /// Whether the registrar has it.
    up: bool,
    /// The REGISTER under way, and whether it takes back.
    pub tx: Option<ClientTx>,
    taking_back: bool,
    challenged: u8,
    /// When to refresh or try again.
    pub due_at: Option<Instant>,
    failures: u32,
    auth: ClientAuth,
    call_id: String,
    seq: u32,
    expires_s: u32,
    /// Whether `outbound` is offered; not after a 439.
    outbound: bool,
    gruu: Option<Uri>,
    /// Route of our requests (RFC 3608).
    pub service_route: Vec<String>,
}

impl Registration {
    pub fn new(config: &UaConfig) -> Self {
        Self {
            wanted: false,
            up: false,
            tx: None,
            taking_back: false,
            challenged: 0,
            due_at: None,
            failures: 0,
            auth: ClientAuth::new(config.login.clone()),
            call_id: String::new(),
            seq: 0,
            expires_s: config.expires_s,
            outbound: true,
            gruu: None,
            service_route: Vec::new(),
        }
    }
}

impl Ua {
    /// Registers and stays registered.
    pub fn register(&mut self, endpoint: &mut Endpoint, now: Instant) {
        self.registration.wanted = true;
        if self.registration.tx.is_none() && !self.registration.up {
            self.start_register(endpoint, now);
        }
    }

    /// Takes the registration back; ends with [`UaEvent::Unregistered`].
    pub fn unregister(&mut self, endpoint: &mut Endpoint, now: Instant) {
        self.registration.wanted = false;
        self.registration.due_at = None;
        // What is under way is answered first.
        if self.registration.tx.is_some() {
            return;
        }
        if self.registration.up {
            self.start_register(endpoint, now);
        } else {
            self.events.push_back(UaEvent::Unregistered);
        }
    }

    /// Whether the registrar has us.
    pub fn is_registered(&self) -> bool {
        self.registration.up
    }

    /// Our public GRUU, if the registrar gave one.
    pub fn gruu(&self) -> Option<&Uri> {
        self.registration.gruu.as_ref()
    }

    /// Refreshes, or tries again.
    pub fn handle_timeout(&mut self, endpoint: &mut Endpoint, now: Instant) {
        if self.registration.due_at.is_some_and(|at| at <= now) {
            self.start_register(endpoint, now);
        }
    }

    pub(super) fn on_flow_lost(&mut self, endpoint: &mut Endpoint, now: Instant) {
        self.registration.up = false;
        // A REGISTER under way on that flow fails by itself, which makes the next try.
        if self.registration.wanted && self.registration.tx.is_none() {
            self.start_register(endpoint, now);
        }
    }

    fn start_register(&mut self, endpoint: &mut Endpoint, now: Instant) {
        self.registration.challenged = 0;
        self.registration.due_at = None;
        self.registration.taking_back = !self.registration.wanted;
        self.send_register(endpoint, now);
    }

    fn send_register(&mut self, endpoint: &mut Endpoint, now: Instant) {
        let Some(request) = self.register_request(endpoint) else {
            let words = String::from("the address of record is no SIP address");
            self.on_register_failed(endpoint, 400, words, None, now);
            return;
        };
        let sent = endpoint.send_request(&request, &self.config.target, &self.config.via_host, now);
        match sent {
            Ok(tx) => self.registration.tx = Some(tx),
            Err(error) => {
                self.on_register_failed(endpoint, 503, error.to_string(), None, now);
            }
        }
    }

    fn register_request(&mut self, endpoint: &mut Endpoint) -> Option<Message> {
        let config = &self.config;
        let registration = &mut self.registration;
        // RFC 3261 §10.2: the Request-URI names the domain alone, without user.
        let domain = match config.aor.port() {
            Some(port) => format!("{}:{}:{port}", config.aor.scheme_text(), config.aor.host()),
            None => format!("{}:{}", config.aor.scheme_text(), config.aor.host()),
        };
        let domain = Uri::parse(domain.as_str()).ok()?;
        if registration.call_id.is_empty() {
            let host = config.via_host.split(':').next().unwrap_or_default();
            registration.call_id = endpoint.tokens().call_id(host);
        }
        registration.seq = registration.seq.saturating_add(1);
        let expires_s = if registration.taking_back {
            0
        } else {
            registration.expires_s
        };
        let mut contact = format!(
            "<{}>;expires={expires_s};+sip.instance=\"<{}>\"",
            config.contact, config.instance
        );
        if registration.outbound {
            contact.push_str(";reg-id=1");
        }
        let supported = if registration.outbound {
            "gruu, path, outbound"
        } else {
            "gruu, path"
        };
        let tag = endpoint.tokens().tag();
        let aor = NameAddr::new(&config.aor);
        let mut builder = RequestBuilder::new(Method::Register, &domain)
            .max_forwards(70)
            .from(&aor.with_tag(&tag))
            .to(&aor)
            .call_id(&registration.call_id)
            .cseq(registration.seq)
            .header(HeaderName::Contact, contact)
            .header(HeaderName::Expires, expires_s)
            .header(HeaderName::Supported, supported)
            .header(HeaderName::Allow, ALLOW)
            .header(HeaderName::UserAgent, &config.product);
        if let Some((name, value)) = authorization(
            &mut registration.auth,
            endpoint,
            &Method::Register,
            domain.as_str(),
        ) {
            builder = builder.header(name, value);
        }
        Some(builder.build())
    }

    /// Whether the response was to our REGISTER.
    pub(super) fn on_register_response(
        &mut self,
        endpoint: &mut Endpoint,
        tx: ClientTx,
        source: Source,
        response: &Message,
        now: Instant,
    ) -> bool {
        if self.registration.tx != Some(tx) {
            return false;
        }
        let status = response.status().unwrap_or(500);
        if status < 200 {
            return true;
        }
        self.registration.tx = None;
        if status < 300 {
            self.config.target.flow = Some(source.flow);
            self.on_registered(endpoint, response, now);
        } else if !self.mend(endpoint, status, response, now) {
            let words = response.reason().unwrap_or_default().into_owned();
            let retry_after = retry_after(response);
            self.on_register_failed(endpoint, status, words, retry_after, now);
        }
        true
    }

    fn on_registered(&mut self, endpoint: &mut Endpoint, response: &Message, now: Instant) {
        let registration = &mut self.registration;
        registration.failures = 0;
        if registration.taking_back {
            registration.up = false;
            registration.gruu = None;
            if registration.wanted {
                self.start_register(endpoint, now);
            } else {
                self.events.push_back(UaEvent::Unregistered);
            }
            return;
        }
        let ours = our_contact(response, &self.config);
        let param = |name: &str| ours.as_ref()?.param(name).map(unquote);
        let expires_s = param("expires")
            .and_then(|text| text.parse().ok())
            .or_else(|| response.expires().ok().flatten())
            .unwrap_or(registration.expires_s)
            .max(1);
        registration.gruu = param("pub-gruu").and_then(|text| Uri::parse(text.as_str()).ok());
        registration.service_route = response
            .headers(HeaderName::ServiceRoute)
            .map(str::to_owned)
            .collect();
        let refresh_ms = if expires_s >= LONG_S {
            u64::from(expires_s)
                .saturating_sub(600)
                .saturating_mul(1_000)
        } else {
            u64::from(expires_s).saturating_mul(500)
        };
        let before = std::mem::replace(&mut registration.up, true);
        if !registration.wanted {
            // It was taken back meanwhile.
            self.start_register(endpoint, now);
            return;
        }
        registration.due_at = now.checked_add(Duration::from_millis(refresh_ms));
        if !before {
            let gruu = registration.gruu.clone();
            self.events
                .push_back(UaEvent::Registered { gruu, expires_s });
        }
    }

    /// Sends the REGISTER again as the response asks; false when that is of no use.
    fn mend(
        &mut self,
        endpoint: &mut Endpoint,
        status: u16,
        response: &Message,
        now: Instant,
    ) -> bool {
        let registration = &mut self.registration;
        let mended = match status {
            401 | 407 => take_challenge(
                &mut registration.auth,
                status,
                response,
                registration.challenged,
            ),
            // Interval Too Brief (RFC 3261 §10.2.8).
            423 => {
                let least = response
                    .number(HeaderName::MinExpires, EXPIRES_MAX_S, "seconds")
                    .ok()
                    .flatten()
                    .filter(|least| *least > registration.expires_s);
                registration.expires_s = least.unwrap_or(registration.expires_s);
                least.is_some()
            }
            // First Hop Lacks Outbound Support (RFC 5626 §11.6).
            439 => std::mem::take(&mut registration.outbound),
            _ => false,
        };
        if mended {
            if matches!(status, 401 | 407) {
                registration.challenged = registration.challenged.saturating_add(1);
            }
            self.send_register(endpoint, now);
        }
        mended
    }

    pub(super) fn on_register_failed(
        &mut self,
        endpoint: &mut Endpoint,
        status: u16,
        words: String,
        retry_after: Option<Duration>,
        now: Instant,
    ) {
        let registration = &mut self.registration;
        registration.tx = None;
        registration.up = false;
        registration.gruu = None;
        if !registration.wanted {
            self.events.push_back(UaEvent::Unregistered);
            return;
        }
        if matches!(status, 401 | 407) {
            // The next try starts without the answer that was refused.
            registration.auth.forget();
        }
        let doubled = BACKOFF_FIRST.saturating_mul(1 << registration.failures.min(16));
        registration.failures = registration.failures.saturating_add(1);
        let most = doubled.min(BACKOFF_MAX);
        // RFC 5626 §4.5: a random part, so that not all come back at once after a server's restart.
        let random = endpoint.tokens().bytes()[0];
        let jittered = most.saturating_mul(128 + u32::from(random) / 2) / 256;
        let wait = jittered.max(retry_after.unwrap_or_default());
        registration.due_at = now.checked_add(wait);
        self.events.push_back(UaEvent::RegistrationFailed {
            status,
            words,
            retry_in_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
        });
    }
}

/// The binding of ours among those that the registrar lists.
fn our_contact(response: &Message, config: &UaConfig) -> Option<NameAddr> {
    let instance = format!("<{}>", config.instance);
    let contacts = response.contacts().ok()?;
    let by_instance = contacts.iter().find(|contact| {
        contact
            .param("+sip.instance")
            .is_some_and(|value| unquote(value).eq_ignore_ascii_case(&instance))
    });
    by_instance
        .or_else(|| {
            contacts
                .iter()
                .find(|contact| contact.uri().equivalent(&config.contact))
        })
        .cloned()
}

/// Retry-After (RFC 3261 §20.33), without its comment and parameters.
fn retry_after(response: &Message) -> Option<Duration> {
    let value = response.header(HeaderName::RetryAfter)?;
    let digits = value.split(|c: char| !c.is_ascii_digit()).next()?;
    let wait = Duration::from_secs(digits.parse().ok()?);
    Some(wait.min(BACKOFF_MAX))
}
