//! What a telephone hears, and what was asked of it meanwhile: kept so that tests can measure and people can listen.

use std::sync::{Arc, Mutex, PoisonError};

use media_core::g711::{self, Law};

/// Samples kept, eight seconds at 8 kHz.
const KEPT_SAMPLES: usize = 64_000;

/// The last seconds that arrived at one telephone's socket, in the order and at the pace they arrived. Clones are one ear.
#[derive(Debug, Clone, Default)]
pub struct Ear {
    heard: Arc<Mutex<Heard>>,
}

#[derive(Debug, Default)]
struct Heard {
    samples: std::collections::VecDeque<i16>,
    /// Samples ever heard.
    total: u64,
    packets: u64,
}

impl Ear {
    /// Another packet's payload.
    pub(crate) fn hear(&self, law: Law, payload: &[u8]) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.packets += 1;
        for code in payload {
            if heard.samples.len() == KEPT_SAMPLES {
                heard.samples.pop_front();
            }
            heard.samples.push_back(g711::decode(law, *code));
            heard.total += 1;
        }
    }

    /// Samples heard so far, also those that are no longer kept: a position in time, 8,000 to a second.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .total
    }

    /// Packets that arrived so far.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .packets
    }

    /// The mean square of the last `count` samples, fewer if fewer were heard; 0 before any.
    #[must_use]
    pub fn loudness(&self, count: usize) -> u64 {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let last = heard.samples.iter().rev().take(count);
        let squares = last.map(|sample| u64::from(sample.unsigned_abs()).pow(2));
        squares.sum::<u64>() / u64::try_from(count.max(1)).unwrap_or(1)
    }

    /// The `count` samples from a position on; `None` while they are not all there, or no longer.
    #[must_use]
    pub fn samples(&self, from: u64, count: usize) -> Option<Vec<i16>> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let first_kept = heard.total - heard.samples.len() as u64;
        let skip = usize::try_from(from.checked_sub(first_kept)?).ok()?;
        if heard.samples.len() < skip.checked_add(count)? {
            return None;
        }
        Some(
            heard
                .samples
                .iter()
                .skip(skip)
                .take(count)
                .copied()
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_stay_true_when_old_samples_go() {
        let ear = Ear::default();
        assert_eq!(ear.samples(0, 1), None);
        for n in 0..500_u16 {
            let code = u8::try_from(n % 100).unwrap();
            ear.hear(Law::Mu, &[code; 160]);
        }
        assert_eq!((ear.position(), ear.packets()), (80_000, 500));
        assert_eq!(ear.samples(0, 160), None, "gone");
        let last = ear.samples(80_000 - 160, 160).unwrap();
        assert!(last.iter().all(|s| *s == g711::decode(Law::Mu, 99)));
        assert_eq!(ear.samples(80_000 - 160, 161), None, "not yet");
    }
}
