//! Digest authentication of SIP (RFC 3261 §22, RFC 7616, RFC 8760): algorithms MD5, SHA-256 and SHA-512-256, `qop=auth`.
//!
//! [`Verifier`] is the server's half, [`ClientAuth`] the client's. Both take randomness and time from their caller. [`Bearer`] is the
//! other scheme, tokens (RFC 8898).

mod algorithm;
mod bearer;
mod client;
mod params;
mod server;

pub use algorithm::{Algorithm, Credential};
pub use bearer::Bearer;
pub use client::{Challenge, ClientAuth, Login, answer};
pub use params::AuthError;
pub use server::{DigestResponse, Refusal, Verifier, VerifierConfig, hmac_sha256};

/// What somebody proved with who they are, so that it can be taken back. Passwords and tokens are numbered apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proof {
    /// The device password of this number.
    Password(i64),
    /// The token of this number.
    Token(i64),
    /// Another server's word (RFC 3325).
    Asserted,
}
