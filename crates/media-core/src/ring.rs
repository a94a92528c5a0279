//! A ring of coded samples keyed on RTP timestamps, with a bit for each that is there.

use crate::rtp::distance;

/// Samples held: 512 ms.
pub(crate) const RING: usize = 4_096;

/// Which samples are there is known from where play was last up to `known_until`; what is older is only sound.
#[derive(Debug)]
pub(crate) struct SampleRing {
    codes: [u8; RING],
    have: [u64; RING / 64],
    known_until: u32,
}

impl SampleRing {
    /// Holds silence only, and nothing that counts as there.
    pub(crate) fn new(silence: u8, known_until: u32) -> Self {
        Self {
            codes: [silence; RING],
            have: [0; RING / 64],
            known_until,
        }
    }

    /// Makes room for samples up to a timestamp.
    pub(crate) fn open_until(&mut self, timestamp: u32) {
        let fresh = distance(timestamp, self.known_until);
        if fresh > 0 {
            for (word, mask) in words(self.known_until, fresh.unsigned_abs()) {
                self.have[word] &= !mask;
            }
            self.known_until = timestamp;
        }
    }

    /// Stores samples as there.
    pub(crate) fn store(&mut self, timestamp: u32, codes: &[u8]) {
        self.copy_in(timestamp, codes);
        for (word, mask) in words(timestamp, count(codes.len())) {
            self.have[word] |= mask;
        }
    }

    /// Writes samples without counting them as there.
    pub(crate) fn copy_in(&mut self, timestamp: u32, codes: &[u8]) {
        let begin = slot(timestamp);
        let head = codes.len().min(RING - begin);
        let (first, rest) = codes.split_at(head);
        self.codes[begin..begin + head].copy_from_slice(first);
        self.codes[..rest.len()].copy_from_slice(rest);
    }

    /// Reads samples, there or not.
    pub(crate) fn copy_out(&self, timestamp: u32, codes: &mut [u8]) {
        let begin = slot(timestamp);
        let head = codes.len().min(RING - begin);
        let (first, rest) = codes.split_at_mut(head);
        first.copy_from_slice(&self.codes[begin..begin + head]);
        rest.copy_from_slice(&self.codes[..rest.len()]);
    }

    /// Whether a sample is there.
    #[inline]
    pub(crate) fn has(&self, timestamp: u32) -> bool {
        let index = slot(timestamp);
        self.have[index / 64] >> (index % 64) & 1 != 0
    }

    /// Whether so many samples are there without a gap.
    pub(crate) fn has_all(&self, timestamp: u32, samples: u32) -> bool {
        words(timestamp, samples).all(|(word, mask)| self.have[word] & mask == mask)
    }

    /// How many samples from here on (`most` at most) are there, or missing, like the first.
    pub(crate) fn run(&self, timestamp: u32, most: usize) -> usize {
        let here = self.has(timestamp);
        (1..most)
            .find(|&i| self.has(timestamp.wrapping_add(count(i))) != here)
            .unwrap_or(most)
    }
}

/// The words of the ring's bit map, and the bits in each, for so many samples from a timestamp.
fn words(timestamp: u32, samples: u32) -> impl Iterator<Item = (usize, u64)> {
    let mut at = timestamp;
    let mut left = samples.min(count(RING));
    std::iter::from_fn(move || {
        if left == 0 {
            return None;
        }
        let bit = at % 64;
        let bits = left.min(64 - bit);
        let mask = (u64::MAX >> (64 - bits)) << bit;
        let word = slot(at) / 64;
        at = at.wrapping_add(bits);
        left -= bits;
        Some((word, mask))
    })
}

fn slot(timestamp: u32) -> usize {
    timestamp as usize % RING
}

/// A length within the ring as a distance between timestamps.
#[expect(clippy::cast_possible_truncation, reason = "lengths within the ring")]
pub(crate) const fn count(samples: usize) -> u32 {
    samples as u32
}
