//! The server's half: challenges, nonces, and the check of answers.
//!
//! A nonce is a number, its time and a keyed hash of both, so that unused nonces cost no memory. A nonce is kept only once
//! somebody who knows a password has used it: then its `nc` values are remembered in a sliding window.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::algorithm::{Algorithm, Credential, QopAuth, hex};
use super::params::{AuthError, Params, push_quoted, push_token};
use crate::flow::counted_as;

/// How many `nc` values below the highest seen one may still come, out of order.
const REPLAY_WINDOW: u32 = 64;
/// Length of our nonces: number, time (16 hexadecimal digits each), tag (32).
const NONCE_CHARS: usize = 64;

/// Limits of a [`Verifier`].
#[derive(Debug, Clone)]
pub struct VerifierConfig {
    /// How long a nonce is good, in milliseconds; then the client is told `stale` and repeats with a new one.
    pub nonce_life_ms: u64,
    /// Most nonces in use that are remembered; beyond it the oldest become stale early.
    pub nonces_max: usize,
    /// The algorithms that are offered.
    pub algorithms: Vec<Algorithm>,
}

impl Default for VerifierConfig {
    fn default() -> Self {
        Self {
            nonce_life_ms: 300_000,
            nonces_max: 200_000,
            algorithms: vec![Algorithm::Sha512_256, Algorithm::Sha256, Algorithm::Md5],
        }
    }
}

/// An Authorization or Proxy-Authorization header field, read but not checked.
#[derive(Clone)]
pub struct DigestResponse {
    /// Who claims to send.
    pub username: String,
    /// For which realm.
    pub realm: String,
    /// The `uri` parameter. Proxies may have changed the Request-URI since, so it need not be the same (RFC 3261 §22.4).
    pub uri: String,
    /// The algorithm used.
    pub algorithm: Algorithm,
    nonce: String,
    response: String,
    cnonce: String,
    nc: String,
    nc_value: u32,
}

impl std::fmt::Debug for DigestResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DigestResponse")
            .field("username", &self.username)
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

impl DigestResponse {
    /// Reads the header field's value.
    ///
    /// # Errors
    /// Anything that is not Digest with `qop=auth` and a known algorithm; to be answered 400, or ignored in favour of
    /// another header field of that name when it is `OtherScheme`.
    pub fn parse(value: &str) -> Result<Self, AuthError> {
        let mut params = Params::parse(value)?;
        let algorithm = match params.take("algorithm") {
            None => Algorithm::Md5,
            Some(word) => Algorithm::from_word(&word).ok_or(AuthError::Unsupported)?,
        };
        if !params.need("qop")?.eq_ignore_ascii_case("auth") {
            return Err(AuthError::Unsupported);
        }
        let nc = params.need("nc")?;
        // RFC 7616 §3.4: nc-value is exactly eight hexadecimal digits. (`from_str_radix` alone would take a sign.)
        if nc.len() != 8 || !nc.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(AuthError::Parameter("nc"));
        }
        let nc_value = u32::from_str_radix(&nc, 16).map_err(|_| AuthError::Parameter("nc"))?;
        Ok(Self {
            username: params.need("username")?,
            realm: params.need("realm")?,
            uri: params.need("uri")?,
            algorithm,
            nonce: params.need("nonce")?,
            response: params.need("response")?.to_ascii_lowercase(),
            cnonce: params.need("cnonce")?,
            nc,
            nc_value,
        })
    }
}

/// Why an answer does not authenticate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Right password, but the nonce is too old or not remembered: challenge again with `stale`.
    #[error("the nonce is stale")]
    Stale,
    /// Another realm's answer: look for another header field, or challenge.
    #[error("the answer is for another realm")]
    OtherRealm,
    /// Wrong password, unknown user, or an algorithm that is not offered: challenge again or 403.
    #[error("the answer is wrong")]
    Wrong,
    /// This `nc` was used before with this nonce: somebody repeats what they overheard.
    #[error("the answer was used before")]
    Replayed,
}

/// Issues challenges for one realm and checks their answers.
pub struct Verifier {
    realm: String,
    key: [u8; 32],
    config: VerifierConfig,
    started: Instant,
    /// Number of the next nonce.
    next: u64,
    /// By number, so that the first is the oldest.
    used: BTreeMap<u64, Window>,
    /// Nonces up to this number that are not in `used` are stale: their windows were dropped.
    dropped_to: Option<u64>,
}

/// Which `nc` values were seen: bit *i* of `seen` is `highest - i`.
#[derive(Debug, Clone, Copy)]
struct Window {
    highest: u32,
    seen: u64,
}

impl Verifier {
    /// `key` must be random and secret; `now` is the zero of this verifier's nonces.
    pub fn new(
        realm: impl Into<String>,
        key: [u8; 32],
        config: VerifierConfig,
        now: Instant,
    ) -> Self {
        Self {
            realm: realm.into(),
            key,
            config,
            started: now,
            next: 0,
            used: BTreeMap::new(),
            dropped_to: None,
        }
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The values of the WWW-Authenticate or Proxy-Authenticate header fields of a challenge, strongest first, as
    /// RFC 8760 §2.3 wants them; each stands in a header field of its own.
    pub fn challenges(&mut self, stale: bool, now: Instant) -> Vec<String> {
        self.challenges_to(None, stale, now)
    }

    /// [`challenges`](Self::challenges) whose nonce is good for this address only: who answers with it has received it there.
    pub fn challenges_to(
        &mut self,
        peer: Option<IpAddr>,
        stale: bool,
        now: Instant,
    ) -> Vec<String> {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let nonce = self.nonce(number, self.elapsed_ms(now), peer);
        let mut algorithms = self.config.algorithms.clone();
        algorithms.sort_unstable();
        algorithms
            .iter()
            .rev()
            .map(|algorithm| {
                let mut out = String::with_capacity(192);
                push_quoted(&mut out, "realm", &self.realm);
                push_quoted(&mut out, "nonce", &nonce);
                push_token(&mut out, "algorithm", algorithm.as_str());
                push_quoted(&mut out, "qop", "auth");
                if stale {
                    push_token(&mut out, "stale", "true");
                }
                out
            })
            .collect()
    }

    /// Checks an answer of `method` against what is kept of the user's password (`None`: no such user; the time taken
    /// is the same).
    ///
    /// # Errors
    /// See [`Refusal`]; an answer is used up only when it was right.
    pub fn verify(
        &mut self,
        answer: &DigestResponse,
        method: &str,
        credential: Option<&Credential>,
        now: Instant,
    ) -> Result<(), Refusal> {
        self.verify_from(None, answer, method, credential, now)
    }

    /// Whether the nonce is one of ours, given to this address, and still good. Known without any password, and true of no
    /// answer whose sender's address is forged.
    pub fn is_challenged(
        &self,
        peer: Option<IpAddr>,
        answer: &DigestResponse,
        now: Instant,
    ) -> bool {
        self.check_nonce(&answer.nonce, peer, now).is_some()
    }

    /// [`verify`](Self::verify) for the answer to a challenge [to an address](Self::challenges_to).
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn verify_from(
        &mut self,
        peer: Option<IpAddr>,
        answer: &DigestResponse,
        method: &str,
        credential: Option<&Credential>,
        now: Instant,
    ) -> Result<(), Refusal> {
        if answer.realm != self.realm {
            return Err(Refusal::OtherRealm);
        }
        let ha1 = credential.and_then(|c| c.ha1(answer.algorithm));
        let expected = answer.algorithm.response(
            ha1.unwrap_or("0"),
            &answer.nonce,
            Some(QopAuth {
                nc: &answer.nc,
                cnonce: &answer.cnonce,
            }),
            method,
            &answer.uri,
        );
        let equal = bool::from(expected.as_bytes().ct_eq(answer.response.as_bytes()));
        if !equal || ha1.is_none() || !self.config.algorithms.contains(&answer.algorithm) {
            return Err(Refusal::Wrong);
        }
        let number = self.check_nonce(&answer.nonce, peer, now);
        let number = number.ok_or(Refusal::Stale)?;
        self.use_up(number, answer.nc_value)
    }

    /// Number of nonces that are remembered.
    pub fn nonces_in_use(&self) -> usize {
        self.used.len()
    }

    fn elapsed_ms(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.started).as_millis();
        u64::try_from(elapsed).unwrap_or(u64::MAX)
    }

    fn nonce(&self, number: u64, at_ms: u64, peer: Option<IpAddr>) -> String {
        let mut nonce = format!("{number:016x}{at_ms:016x}");
        let peer = peer.map_or_else(String::new, |peer| format!(" {}", counted_as(peer)));
        let parts = [nonce.as_bytes(), self.realm.as_bytes(), peer.as_bytes()];
        let tag = hmac_sha256(&self.key, &parts);
        nonce.push_str(&hex(tag.get(..16).unwrap_or(&tag)));
        nonce
    }

    /// The nonce's number, if it is ours for this peer, not too old, and its window was not dropped.
    fn check_nonce(&self, nonce: &str, peer: Option<IpAddr>, now: Instant) -> Option<u64> {
        if nonce.len() != NONCE_CHARS {
            return None;
        }
        let field = |range| u64::from_str_radix(nonce.get(range)?, 16).ok();
        let (number, at_ms) = (field(0..16)?, field(16..32)?);
        let ours = self.nonce(number, at_ms, peer);
        if !bool::from(ours.as_bytes().ct_eq(nonce.as_bytes())) {
            return None;
        }
        let age_ms = self.elapsed_ms(now).saturating_sub(at_ms);
        let forgotten = self.dropped_to.is_some_and(|dropped| number <= dropped);
        if age_ms > self.config.nonce_life_ms || (forgotten && !self.used.contains_key(&number)) {
            return None;
        }
        Some(number)
    }

    fn use_up(&mut self, number: u64, nc: u32) -> Result<(), Refusal> {
        if let Some(window) = self.used.get_mut(&number) {
            return if window.admit(nc) {
                Ok(())
            } else {
                Err(Refusal::Replayed)
            };
        }
        let window = Window {
            highest: nc,
            seen: 1,
        };
        self.used.insert(number, window);
        while self.used.len() > self.config.nonces_max.max(1) {
            if let Some((oldest, _)) = self.used.pop_first() {
                self.dropped_to = self.dropped_to.max(Some(oldest));
            }
        }
        Ok(())
    }
}

impl Window {
    /// Notes `nc`; false when it was seen before or is too far back to know.
    fn admit(&mut self, nc: u32) -> bool {
        if let Some(ahead) = nc.checked_sub(self.highest).filter(|ahead| *ahead > 0) {
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = nc;
            return true;
        }
        let behind = self.highest.saturating_sub(nc);
        if behind >= REPLAY_WINDOW {
            return false;
        }
        let bit = 1u64.checked_shl(behind).unwrap_or(0);
        let fresh = self.seen & bit == 0;
        self.seen |= bit;
        fresh
    }
}

/// HMAC-SHA-256 (RFC 2104) for a key of one hash length.
pub fn hmac_sha256(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let pad = |with: u8| {
        let mut block = [with; 64];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        block
    };
    let mut inner = Sha256::new_with_prefix(pad(0x36));
    for part in parts {
        inner.update(part);
    }
    let mut outer = Sha256::new_with_prefix(pad(0x5c));
    outer.update(inner.finalize());
    outer.finalize().into()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test starts from some instant")]
mod tests {
    use std::time::Duration;

    use super::super::client::{Challenge, Login, answer};
    use super::*;

    fn verifier(config: VerifierConfig) -> (Verifier, Instant) {
        let now = Instant::now();
        (Verifier::new("example.org", [7; 32], config, now), now)
    }

    fn login(password: &str) -> Login {
        Login {
            username: "alice".into(),
            password: password.into(),
        }
    }

    fn reply(challenges: &[String], password: &str, nc: u32) -> DigestResponse {
        let known: Vec<_> = challenges
            .iter()
            .map(|value| Challenge::parse(value).unwrap())
            .collect();
        let value = answer(
            &known,
            &login(password),
            "MESSAGE",
            "sip:b@example.org",
            "c",
            nc,
        );
        DigestResponse::parse(&value.unwrap()).unwrap()
    }

    #[test]
    fn a_right_answer_passes_once_and_a_wrong_one_never() {
        let credential = Credential::from_password("alice", "example.org", "pw");
        for algorithm in Algorithm::ALL {
            let (mut verifier, now) = verifier(VerifierConfig {
                algorithms: vec![algorithm],
                ..VerifierConfig::default()
            });
            let challenges = verifier.challenges(false, now);
            let right = reply(&challenges, "pw", 1);
            assert_eq!(right.algorithm, algorithm);
            let wrong = reply(&challenges, "pW", 1);
            let mut check =
                |answer, credential| verifier.verify(answer, "MESSAGE", credential, now);
            assert_eq!(check(&wrong, Some(&credential)), Err(Refusal::Wrong));
            assert_eq!(check(&right, None), Err(Refusal::Wrong));
            assert_eq!(check(&right, Some(&credential)), Ok(()));
            assert_eq!(check(&right, Some(&credential)), Err(Refusal::Replayed));
            assert_eq!(
                verifier.verify(&right, "INVITE", Some(&credential), now),
                Err(Refusal::Wrong)
            );
        }
    }

    #[test]
    fn a_nonce_for_one_address_is_worth_nothing_elsewhere() {
        let credential = Credential::from_password("alice", "example.org", "pw");
        let (mut verifier, now) = verifier(VerifierConfig::default());
        let here: Option<IpAddr> = "192.0.2.1".parse().ok();
        let there: Option<IpAddr> = "192.0.2.2".parse().ok();
        let right = reply(&verifier.challenges_to(here, false, now), "pw", 1);
        assert!(verifier.is_challenged(here, &right, now));
        for peer in [there, None] {
            assert!(!verifier.is_challenged(peer, &right, now));
            assert_eq!(
                verifier.verify_from(peer, &right, "MESSAGE", Some(&credential), now),
                Err(Refusal::Stale)
            );
        }
        let late = now + Duration::from_secs(301);
        assert!(!verifier.is_challenged(here, &right, late));
        assert_eq!(
            verifier.verify_from(here, &right, "MESSAGE", Some(&credential), now),
            Ok(())
        );
    }

    #[test]
    fn the_strongest_algorithm_stands_first() {
        let (mut verifier, now) = verifier(VerifierConfig::default());
        let challenges = verifier.challenges(true, now);
        let algorithms: Vec<_> = challenges
            .iter()
            .map(|value| Challenge::parse(value).unwrap())
            .inspect(|challenge| assert!(challenge.stale))
            .map(|challenge| challenge.algorithm)
            .collect();
        assert_eq!(
            algorithms,
            [Algorithm::Sha512_256, Algorithm::Sha256, Algorithm::Md5]
        );
    }

    #[test]
    fn counts_may_come_out_of_order_within_the_window_but_not_twice() {
        let credential = Credential::from_password("alice", "example.org", "pw");
        let (mut verifier, now) = verifier(VerifierConfig::default());
        let challenges = verifier.challenges(false, now);
        let mut check = |nc| {
            verifier.verify(
                &reply(&challenges, "pw", nc),
                "MESSAGE",
                Some(&credential),
                now,
            )
        };
        assert_eq!(check(3), Ok(()));
        assert_eq!(check(1), Ok(()));
        assert_eq!(check(3), Err(Refusal::Replayed));
        assert_eq!(check(1), Err(Refusal::Replayed));
        assert_eq!(check(200), Ok(()));
        assert_eq!(check(4), Err(Refusal::Replayed));
        assert_eq!(check(137), Ok(()));
        assert_eq!(check(136), Err(Refusal::Replayed));
        assert_eq!(check(u32::MAX), Ok(()));
        assert_eq!(check(200), Err(Refusal::Replayed));
    }

    #[test]
    fn old_foreign_and_forgotten_nonces_are_stale_and_the_table_is_bounded() {
        let credential = Credential::from_password("alice", "example.org", "pw");
        let (mut verifier, now) = verifier(VerifierConfig {
            nonce_life_ms: 1_000,
            nonces_max: 2,
            ..VerifierConfig::default()
        });
        let rounds: Vec<_> = (0..4).map(|_| verifier.challenges(false, now)).collect();
        let mut check = |challenges: &[String], nc, at| {
            verifier.verify(
                &reply(challenges, "pw", nc),
                "MESSAGE",
                Some(&credential),
                at,
            )
        };
        for challenges in &rounds[1..] {
            assert_eq!(check(challenges, 1, now), Ok(()));
        }
        // The window of the second was dropped; the first was never used, but is older.
        assert_eq!(check(&rounds[1], 2, now), Err(Refusal::Stale));
        assert_eq!(check(&rounds[0], 1, now), Err(Refusal::Stale));
        assert_eq!(check(&rounds[3], 2, now), Ok(()));
        let later = now + Duration::from_millis(1_001);
        assert_eq!(check(&rounds[3], 3, later), Err(Refusal::Stale));
        let forged = format!(
            "Digest realm=\"example.org\", nonce=\"{:064x}\", qop=\"auth\"",
            5
        );
        assert_eq!(check(&[forged], 1, now), Err(Refusal::Stale));
        assert_eq!(verifier.nonces_in_use(), 2);
    }

    #[test]
    fn the_count_is_exactly_eight_hexadecimal_digits() {
        for nc in ["1", "0000001", "000000001", "+0000001", "0000000g"] {
            let value = format!(
                "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"0\", \
                 qop=auth, cnonce=\"c\", nc={nc}"
            );
            assert_eq!(
                DigestResponse::parse(&value).err(),
                Some(AuthError::Parameter("nc")),
                "{nc}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_header_field_panics(value in "(Digest )?[ -~\\r\\n\\\\\"é]{0,200}") {
            drop(DigestResponse::parse(&value));
            drop(Challenge::parse(&value));
        }
    }
}
