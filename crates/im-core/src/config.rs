//! What a server is started with, and its bounds.

use std::time::Instant;

use sip_proto::Transport;
use sip_proto::auth::VerifierConfig;
use sip_proto::endpoint;

/// Bytes of messages under way by default: some hundred at the largest, and more small ones than may be under way.
const IN_FLIGHT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Those of one person: some thirty of the largest.
const IN_FLIGHT_BYTES_PER_PERSON_MAX: usize = 8 * 1024 * 1024;

/// What the server is started with.
#[derive(Clone)]
pub struct Config {
    /// The domains whose people are served, in lower case; at least one. The first names the server.
    pub domains: Vec<String>,
    /// The realm of digests; device passwords are hashed with it.
    pub realm: String,
    /// Secret randomness, drawn once per start.
    pub seed: [u8; 32],
    /// What the clock on the wall said at one moment.
    pub wall: Wall,
    /// What stands in our Via.
    pub via: ViaHosts,
    /// Timers and bounds of transactions.
    pub endpoint: endpoint::Config,
    /// Nonces and algorithms.
    pub digest: VerifierConfig,
    /// The user of the service's account whose registered contact gets what is for conferences, `sip:conf-…`; `None`: nobody does.
    pub conferences: Option<String>,
    /// The user of the account that publishes the presence of conferences; `None`: nobody does.
    pub allocator: Option<String>,
    /// Where people get tokens, `https://…`; told with the challenge for one (RFC 8898 §4).
    pub token_server: Option<String>,
    /// The base URL of the window, for links to chats in short texts; `None`: these have none.
    pub window: Option<String>,
    /// Language of short texts to people who chose none: "en" or "de".
    pub language: String,
    /// A datagram from an address that registered counts as from the registered person. Off by default: the source address
    /// of a datagram can be forged, so each MESSAGE over UDP needs a digest.
    pub udp_address_authenticates: bool,
    /// Bounds.
    pub limits: Limits,
}

impl Config {
    /// A server of one domain, which is also the realm, with the usual bounds. `host` (`host` or `host:port`) stands in Via.
    pub fn new(domain: &str, host: &str, seed: [u8; 32], wall: Wall) -> Self {
        let domain = domain.to_ascii_lowercase();
        Self {
            realm: domain.clone(),
            domains: vec![domain],
            seed,
            wall,
            via: ViaHosts {
                udp: host.to_owned(),
                tcp: host.to_owned(),
                tls: host.to_owned(),
                ws: host.to_owned(),
            },
            endpoint: endpoint::Config::default(),
            digest: VerifierConfig::default(),
            conferences: Some("focus".to_owned()),
            allocator: Some("video".to_owned()),
            token_server: None,
            window: None,
            language: "en".to_owned(),
            udp_address_authenticates: false,
            limits: Limits::default(),
        }
    }
}

/// A moment on both clocks: the core counts in `Instant`s and writes dates from them.
#[derive(Debug, Clone, Copy)]
pub struct Wall {
    /// The moment.
    pub at: Instant,
    /// The same moment in milliseconds since 1970 UTC.
    pub unix_ms: i64,
}

impl Wall {
    /// Milliseconds since 1970 UTC at `now`.
    pub fn unix_ms(&self, now: Instant) -> i64 {
        let since = i64::try_from(now.saturating_duration_since(self.at).as_millis());
        let before = i64::try_from(self.at.saturating_duration_since(now).as_millis());
        self.unix_ms
            .saturating_add(since.unwrap_or(i64::MAX))
            .saturating_sub(before.unwrap_or(i64::MAX))
    }
}

/// Where responses reach us, per transport: `host` or `host:port`.
#[derive(Debug, Clone)]
pub struct ViaHosts {
    /// For datagrams.
    pub udp: String,
    /// For plain connections.
    pub tcp: String,
    /// For encrypted connections.
    pub tls: String,
    /// For WebSockets, with and without TLS.
    pub ws: String,
}

impl ViaHosts {
    /// The one for this transport.
    pub fn of(&self, transport: Transport) -> &str {
        match transport {
            Transport::Udp => &self.udp,
            Transport::Tcp => &self.tcp,
            Transport::Tls => &self.tls,
            Transport::Ws | Transport::Wss => &self.ws,
        }
    }
}

/// Bounds of everything that outsiders can make grow.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest body of a MESSAGE, in bytes; a larger one is 413.
    pub body_bytes: usize,
    /// Shortest registration, in seconds; a shorter wish is 423 (RFC 3261 §10.3).
    pub min_expires_s: u32,
    /// Registration when the client names no time, in seconds.
    pub default_expires_s: u32,
    /// Longest registration, in seconds; a longer wish is shortened.
    pub max_expires_s: u32,
    /// Most contacts of one person; one more is 403.
    pub bindings_per_aor: usize,
    /// Most people registered; one more is 503.
    pub registered: usize,
    /// Most users who register over one connection; one more is 503.
    pub users_per_flow: usize,
    /// Most messages being stored or relayed; one more is 503.
    pub in_flight: usize,
    /// Most of them from one person; one more is 503. Services write to many, and are bounded by what they are asked.
    pub in_flight_per_person: usize,
    /// Most bytes of messages being stored or relayed, each counted once; more is 503.
    pub in_flight_bytes: usize,
    /// Most of them from one person; more is 503.
    pub in_flight_bytes_per_person: usize,
    /// Most requests to and from conferences on their way; one more is 503.
    pub forwards: usize,
    /// Most of them from one person; one more is 503.
    pub forwards_per_person: usize,
    /// Most people on connections that dialogs with conferences go over; one more is 503.
    pub dialog_flows: usize,
    /// Most requests waiting for an account; one more is 503.
    pub waiting: usize,
    /// Accounts remembered, half of them recently used.
    pub accounts_cached: usize,
    /// Kept messages fetched and delivered at a time.
    pub kept_page: usize,
    /// Wrong passwords from one address for one user before they are refused unread for a while.
    pub failures_per_user: u32,
    /// The same for one address and any user.
    pub failures_per_address: u32,
    /// Addresses and users whose failures are remembered.
    pub failures_remembered: usize,
    /// Most publications of presence; one more is 503.
    pub publications: usize,
    /// Most subscriptions to presence; one more is 503.
    pub subscriptions: usize,
    /// Most subscriptions of one watcher; one more is 503.
    pub subscriptions_per_watcher: usize,
    /// Time between two notifications of one subscription, in milliseconds.
    pub notify_pace_ms: u64,
    /// The Retry-After of 503, in seconds.
    pub retry_after_s: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 256 * 1024,
            min_expires_s: 60,
            default_expires_s: 3600,
            max_expires_s: 7200,
            bindings_per_aor: 16,
            registered: 1_000_000,
            users_per_flow: 100_000,
            in_flight: 50_000,
            in_flight_per_person: 1_000,
            in_flight_bytes: IN_FLIGHT_BYTES_MAX,
            in_flight_bytes_per_person: IN_FLIGHT_BYTES_PER_PERSON_MAX,
            forwards: 20_000,
            forwards_per_person: 200,
            dialog_flows: 500_000,
            waiting: 20_000,
            accounts_cached: 100_000,
            kept_page: 50,
            failures_per_user: 5,
            failures_per_address: 50,
            failures_remembered: 20_000,
            publications: 200_000,
            subscriptions: 500_000,
            subscriptions_per_watcher: 5_000,
            notify_pace_ms: 1_000,
            retry_after_s: 5,
        }
    }
}
