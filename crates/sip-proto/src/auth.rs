//! Digest authentication of SIP (RFC 3261 §22, RFC 7616, RFC 8760): algorithms MD5, SHA-256 and SHA-512-256, `qop=auth`.
//!
//! [`Verifier`] is the server's half, [`ClientAuth`] the client's. Both take randomness and time from their caller.

mod algorithm;
mod client;
mod params;
mod server;

pub use algorithm::{Algorithm, Credential};
pub use client::{Challenge, ClientAuth, Login, answer};
pub use params::AuthError;
pub use server::{DigestResponse, Refusal, Verifier, VerifierConfig};
