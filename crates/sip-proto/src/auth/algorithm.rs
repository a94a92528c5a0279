//! The hash algorithms, and what is kept of a password.

use std::fmt;

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};

/// A digest algorithm (RFC 8760 §2.1), weakest first, so that `max` chooses the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// `MD5`, for old telephones.
    Md5,
    /// `SHA-256`.
    Sha256,
    /// `SHA-512-256`.
    Sha512_256,
}

impl Algorithm {
    /// All, weakest first.
    pub const ALL: [Algorithm; 3] = [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512_256];

    /// The word of the `algorithm` parameter.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha512_256 => "SHA-512-256",
        }
    }

    /// Reads the parameter, in any case; `-sess` variants and others are unknown.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| word.eq_ignore_ascii_case(algorithm.as_str()))
    }

    /// Lower-case hexadecimal digest of the parts joined by colons: 32 or 64 characters.
    pub(super) fn hash(self, parts: &[&str]) -> String {
        match self {
            Algorithm::Md5 => joined::<Md5>(parts),
            Algorithm::Sha256 => joined::<Sha256>(parts),
            Algorithm::Sha512_256 => joined::<Sha512_256>(parts),
        }
    }

    /// H(A1), what is stored instead of the password (RFC 7616 §3.4.2).
    pub(super) fn ha1(self, username: &str, realm: &str, password: &str) -> String {
        self.hash(&[username, realm, password])
    }

    /// The `response` for `qop=auth` (RFC 7616 §3.4.1), or, without qop, the older form (RFC 2617 §3.2.2.1).
    pub(super) fn response(
        self,
        ha1: &str,
        nonce: &str,
        qop: Option<QopAuth<'_>>,
        method: &str,
        uri: &str,
    ) -> String {
        let ha2 = self.hash(&[method, uri]);
        match qop {
            Some(qop) => self.hash(&[ha1, nonce, qop.nc, qop.cnonce, "auth", &ha2]),
            None => self.hash(&[ha1, nonce, &ha2]),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What `qop=auth` adds to the hash.
#[derive(Clone, Copy)]
pub(super) struct QopAuth<'a> {
    /// Eight hexadecimal digits, as sent.
    pub nc: &'a str,
    /// The client's nonce, as sent.
    pub cnonce: &'a str,
}

fn joined<H: Digest>(parts: &[&str]) -> String {
    let mut hasher = H::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hasher.update(b":");
        }
        hasher.update(part.as_bytes());
    }
    hex(&hasher.finalize())
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(*DIGITS.get(usize::from(nibble)).unwrap_or(&b'0'));
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

/// What a server keeps of one person's or device's password: H(A1) by algorithm, 32 or 64 lower-case hexadecimal digits.
/// Bound to user name and realm. As good as the password within the realm, so never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credential {
    /// For `MD5`.
    pub md5: Option<String>,
    /// For `SHA-256`.
    pub sha256: Option<String>,
    /// For `SHA-512-256`.
    pub sha512_256: Option<String>,
}

impl Credential {
    /// Computes all three.
    pub fn from_password(username: &str, realm: &str, password: &str) -> Self {
        let ha1 = |algorithm: Algorithm| Some(algorithm.ha1(username, realm, password));
        Self {
            md5: ha1(Algorithm::Md5),
            sha256: ha1(Algorithm::Sha256),
            sha512_256: ha1(Algorithm::Sha512_256),
        }
    }
    /// H(A1) for this algorithm, if kept.
    pub fn ha1(&self, algorithm: Algorithm) -> Option<&str> {
        match algorithm {
            Algorithm::Md5 => self.md5.as_deref(),
            Algorithm::Sha256 => self.sha256.as_deref(),
            Algorithm::Sha512_256 => self.sha512_256.as_deref(),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}
