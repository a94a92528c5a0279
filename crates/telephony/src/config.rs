//! What telephony is told once.

use std::time::Duration;

use convoke_types::media::Codec;
use sip_proto::Target;
use sip_proto::auth::Login;
use sip_proto::call::Local;

/// How often the guard's prompt is played before an answered call counts as voicemail.
pub const GUARD_REPEATS: u8 = 3;
/// How long after the last prompt key 1 is still awaited.
pub const GUARD_GRACE: Duration = Duration::from_secs(6);
/// A guard that hears no end of its prompt gives up after this.
pub const GUARD_MAX: Duration = Duration::from_secs(90);
/// How long the media bridge may take to reserve a port, or to send the first mixed packet.
pub const MEDIA_MAX: Duration = Duration::from_secs(5);

/// How long a server may take to say anything where another one is left to try. It answers 100 within 200 ms (RFC 3261 §17.2.1), or is
/// not there; the 32 s of timer B (§17.1.1.2) are too long for whoever waits.
pub const SILENT_MAX: Duration = Duration::from_secs(5);
/// How long a server that failed is tried after the others only.
pub const AVOIDED_FOR: Duration = Duration::from_secs(60);
/// Most servers of a trunk that one leg tries.
pub const SERVERS_MAX: usize = 3;

/// One way into the telephone network.
#[derive(Debug, Clone)]
pub struct Trunk {
    /// Its name, as in `Dial`.
    pub name: String,
    /// Where its INVITEs go: one after the other, until one is there (RFC 3263 §4.3). Never empty.
    pub servers: Vec<Server>,
    /// Host (and port) of its Request-URIs and of our From.
    pub domain: String,
    /// For its digest challenges.
    pub login: Option<Login>,
    /// User part of our From: the number that called people see.
    pub caller: String,
    /// Codecs to offer, best first.
    pub codecs: Vec<Codec>,
}

/// One server of a trunk.
#[derive(Debug, Clone)]
pub struct Server {
    /// Where it is.
    pub target: Target,
    /// Our addresses towards it.
    pub local: Local,
}

/// Everything that telephony needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// The trunks.
    pub trunks: Vec<Trunk>,
    /// Our addresses where no trunk says otherwise.
    pub local: Local,
    /// For User-Agent and Server.
    pub product: String,
    /// Most legs at once; more end as failed at once.
    pub legs_max: usize,
}
