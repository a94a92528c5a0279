//! Who connects, where and how, and why it did not work.

use std::net::SocketAddr;

use convoke_types::Aor;
use runtime::seed::NoRandomness;
use runtime::sip::BindError;
use runtime::tls::{ClientTrust, TlsError};
use sip_proto::Target;
use sip_proto::auth::Login;

/// How long a registration shall last, in seconds, unless the registrar gives less.
const EXPIRES_S: u32 = 600;

/// What [`ImClient::connect`](crate::ImClient::connect) must be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address of record.
    pub aor: Aor,
    /// User name and (device) password for digest authentication.
    pub login: Login,
    /// The IM server. By UDP only short messages go: SOAP does not fit.
    pub server: Target,
    /// Whom we trust; read when `server` is reached by TLS.
    pub trust: ClientTrust,
    /// `urn:uuid:…`, the same for the life of the device (RFC 5626 §4.1); drawn afresh when `None`.
    pub instance: Option<String>,
    /// Where we listen, for servers that open connections to their clients; a free port of the address that the server
    /// is reached from when `None`. Not used with TLS, where the server must answer over our own connection.
    pub listen: Option<SocketAddr>,
    /// How long a registration shall last, in seconds.
    pub expires_s: u32,
    /// For User-Agent.
    pub product: String,
}

impl Config {
    /// The usual values.
    pub fn new(aor: Aor, login: Login, server: Target) -> Self {
        Self {
            aor,
            login,
            server,
            trust: ClientTrust::default(),
            instance: None,
            listen: None,
            expires_s: EXPIRES_S,
            product: concat!("Convoke/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// Why the client is not registered.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server cannot be reached, or does not answer.
    #[error("the IM server at {server} is not reachable: {words}")]
    Unreachable {
        /// `address/transport`.
        server: String,
        /// What happened.
        words: String,
    },
    /// The server does not take the password.
    #[error("the IM server refuses the password of {0}")]
    WrongPassword(Aor),
    /// The server knows no such account.
    #[error("the IM server knows no account {0}")]
    UnknownAccount(Aor),
    /// The server answers something else.
    #[error("the IM server refuses the registration: {status} {words}")]
    Refused {
        /// SIP status (RFC 3261 §21).
        status: u16,
        /// Its reason phrase.
        words: String,
    },
    /// No socket could be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// No route to the server.
    #[error("no address of this machine reaches {server}: {error}")]
    NoRoute {
        /// The server.
        server: SocketAddr,
        /// Why not.
        error: std::io::Error,
    },
    /// TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system gave no randomness.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The address of record makes no SIP URI.
    #[error("{0} makes no SIP address: {1}")]
    Address(Aor, String),
    /// The tasks of the client have ended.
    #[error("the program is going down")]
    Closed,
}
