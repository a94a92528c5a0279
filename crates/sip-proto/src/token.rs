//! Unpredictable words for tags, branches and Call-IDs, from a seed that the runtime draws once.

use sha2::{Digest, Sha256};

/// What every branch of RFC 3261 starts with (§8.1.1.7).
pub const BRANCH_COOKIE: &str = "z9hG4bK";

/// Letters and digits of a tag: 16 of 62 signs hold 95 bits (RFC 3261 §19.3 asks for 32).
const TAG_LEN: usize = 16;
/// Letters and digits of a branch after the cookie: 119 bits, unique across space and time.
const BRANCH_LEN: usize = 20;
/// Letters and digits of a Call-ID before its host.
const CALL_ID_LEN: usize = 24;

const SIGNS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// The largest multiple of 62 in a byte: bytes from here on are thrown away, so that every sign is equally likely.
const FAIR_BELOW: u8 = 248;

/// A source of words that nobody can guess without its seed, and that never repeats one: SHA-256 of seed and counter.
///
/// The seed comes from the system's random source, once per source; equal seeds give equal words, which is what tests use.
pub struct TokenSource {
    seed: [u8; 32],
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl TokenSource {
    /// A source that starts at the seed's first word.
    pub fn new(seed: [u8; 32]) -> TokenSource {
        TokenSource {
            seed,
            counter: 0,
            block: [0; 32],
            used: 32,
        }
    }

    /// A word of `len` letters and digits.
    pub fn token(&mut self, len: usize) -> String {
        let mut out = String::with_capacity(len);
        self.extend(&mut out, len);
        out
    }

    /// A branch for a Via: the cookie and 20 signs.
    pub fn branch(&mut self) -> String {
        let mut out = String::with_capacity(BRANCH_COOKIE.len() + BRANCH_LEN);
        out.push_str(BRANCH_COOKIE);
        self.extend(&mut out, BRANCH_LEN);
        out
    }

    /// A tag for From or To.
    pub fn tag(&mut self) -> String {
        self.token(TAG_LEN)
    }

    /// A Call-ID: 24 signs, `@`, `host`.
    pub fn call_id(&mut self, host: &str) -> String {
        let word = self.token(CALL_ID_LEN);
        format!("{word}@{host}")
    }

    /// 32 fresh bytes, such as the seed of another source or a key.
    pub fn bytes(&mut self) -> [u8; 32] {
        self.refill();
        self.used = self.block.len();
        self.block
    }

    fn extend(&mut self, out: &mut String, len: usize) {
        let wanted = out.len().saturating_add(len);
        while out.len() < wanted {
            let byte = match self.block.get(self.used) {
                Some(byte) => *byte,
                None => {
                    self.refill();
                    continue;
                }
            };
            self.used = self.used.saturating_add(1);
            if byte < FAIR_BELOW {
                let sign = SIGNS.get(usize::from(byte % 62)).copied().unwrap_or(b'A');
                out.push(char::from(sign));
            }
        }
    }

    fn refill(&mut self) {
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(self.counter.to_be_bytes());
        self.block = hash.finalize().into();
        self.counter = self.counter.wrapping_add(1);
        self.used = 0;
    }
}

impl std::fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The seed would give away every word to come.
        f.debug_struct("TokenSource")
            .field("counter", &self.counter)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn words_never_repeat_and_follow_the_seed() {
        let (mut a, mut b) = (TokenSource::new([7; 32]), TokenSource::new([7; 32]));
        let words: HashSet<_> = (0..10_000).map(|_| a.tag()).collect();
        assert_eq!(words.len(), 10_000);
        assert!(words.contains(&b.tag()));
        assert!(
            words
                .iter()
                .all(|w| w.len() == 16 && w.bytes().all(|b| b.is_ascii_alphanumeric()))
        );
    }

    #[test]
    fn branch_and_call_id_have_their_form() {
        let mut source = TokenSource::new([1; 32]);
        assert!(source.branch().starts_with("z9hG4bK"));
        assert!(source.call_id("example.org").ends_with("@example.org"));
        assert_ne!(source.bytes(), source.bytes());
    }
}
