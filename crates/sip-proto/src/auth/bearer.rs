//! Tokens (RFC 8898, RFC 6750 §2.1): who has one need not know a password. A server keeps its hash alone.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::params::push_quoted;

/// Longest token that is looked at, in bytes.
const TOKEN_MAX_BYTES: usize = 1_024;

/// An Authorization or Proxy-Authorization header field of scheme `Bearer`, read but not checked.
#[derive(Clone, Copy)]
pub struct Bearer<'a>(&'a str);

impl std::fmt::Debug for Bearer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bearer(…)")
    }
}

impl<'a> Bearer<'a> {
    /// Reads the header field's value; `None` when it is of another scheme or holds no token (RFC 6750 §2.1, `b64token`).
    pub fn parse(value: &'a str) -> Option<Self> {
        let (scheme, token) = value.trim().split_once(|c: char| c.is_ascii_whitespace())?;
        let token = token.trim();
        let body = token.trim_end_matches('=');
        let is_token = !body.is_empty()
            && token.len() <= TOKEN_MAX_BYTES
            && body
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b));
        (scheme.eq_ignore_ascii_case("bearer") && is_token).then_some(Self(token))
    }

    /// Whether it is the token of this SHA-256; takes as long whether it is or not.
    pub fn is(&self, sha256: &[u8; 32]) -> bool {
        let ours: [u8; 32] = Sha256::digest(self.0).into();
        bool::from(ours.ct_eq(sha256))
    }

    /// The value of a WWW-Authenticate or Proxy-Authenticate header field that asks for a token (RFC 8898 §4). `server` is where
    /// one gets it; `refused`: one came, and is not good (any more).
    pub fn challenge(realm: &str, server: Option<&str>, refused: bool) -> String {
        let mut out = String::from("Bearer realm=\"");
        out.extend(
            realm
                .chars()
                .filter(|c| !c.is_control() && !matches!(c, '"' | '\\')),
        );
        out.push('"');
        if let Some(server) = server {
            push_quoted(&mut out, "authz_server", server);
        }
        if refused {
            push_quoted(&mut out, "error", "invalid_token");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_and_compared_by_their_hash() {
        let sha256: [u8; 32] = Sha256::digest("abc.DEF-1_2~3+4/5==").into();
        let bearer = Bearer::parse(" bearer \t abc.DEF-1_2~3+4/5== ").unwrap();
        assert!(bearer.is(&sha256));
        assert!(!Bearer::parse("Bearer abc").unwrap().is(&sha256));
        assert_eq!(format!("{bearer:?}"), "Bearer(…)");
        let long = format!("Bearer {}", "a".repeat(TOKEN_MAX_BYTES + 1));
        for other in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer =",
            "Bearer a\"b",
            "Bearer ä",
            "Digest abc",
            "Bearerabc",
            &long,
        ] {
            assert!(Bearer::parse(other).is_none(), "{other:.40}");
        }
    }

    #[test]
    fn a_challenge_says_where_tokens_are_and_what_was_wrong() {
        assert_eq!(
            Bearer::challenge("example.org", None, false),
            "Bearer realm=\"example.org\""
        );
        assert_eq!(
            Bearer::challenge("a\"\r\nb", Some("https://x/y"), true),
            "Bearer realm=\"ab\", authz_server=\"https://x/y\", error=\"invalid_token\""
        );
    }
}
