//! What somebody says into a telephone by themselves, in place of what it would say: the demo's page speaks through it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::microphone::FRAME_SAMPLES;

/// Samples that may wait, half a second at 8 kHz; of more the oldest are dropped, so that what is said never lags further behind.
const WAITING_MAX_SAMPLES: usize = 4_000;
/// Samples that have to be there before speech begins or goes on after a gap: 60 ms, for a sender that is not quite even.
const CUSHION_SAMPLES: usize = 3 * FRAME_SAMPLES;

/// The mouthpiece of one telephone. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct Mouth {
    speech: Arc<Mutex<Speech>>,
}

#[derive(Debug, Default)]
struct Speech {
    /// Whose turn it is; 0: nobody's.
    speaker: u64,
    turns: u64,
    waiting: VecDeque<i16>,
    flowing: bool,
}

/// Somebody who speaks into a telephone until this is dropped, or somebody else takes it.
#[derive(Debug)]
pub struct Speaker {
    mouth: Mouth,
    turn: u64,
}

impl Mouth {
    /// Takes the telephone: from now on it says what the speaker says, and nothing while they are silent.
    #[must_use]
    pub fn take(&self) -> Speaker {
        let mut speech = self.lock();
        speech.turns += 1;
        let turn = speech.turns;
        speech.speaker = turn;
        speech.waiting.clear();
        speech.flowing = false;
        drop(speech);
        Speaker {
            mouth: self.clone(),
            turn,
        }
    }

    /// The next 20 ms of who speaks; `None` when nobody does.
    pub(crate) fn frame(&self) -> Option<[i16; FRAME_SAMPLES]> {
        let mut speech = self.lock();
        if speech.speaker == 0 {
            return None;
        }
        let mut frame = [0; FRAME_SAMPLES];
        let wanted = if speech.flowing {
            FRAME_SAMPLES
        } else {
            CUSHION_SAMPLES
        };
        speech.flowing = speech.waiting.len() >= wanted;
        if speech.flowing {
            for (place, sample) in frame.iter_mut().zip(speech.waiting.drain(..FRAME_SAMPLES)) {
                *place = sample;
            }
        }
        Some(frame)
    }

    fn lock(&self) -> MutexGuard<'_, Speech> {
        self.speech.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Speaker {
    /// Says this, 8,000 samples a second. False when somebody else has taken the telephone.
    pub fn say(&self, samples: impl IntoIterator<Item = i16>) -> bool {
        let mut speech = self.mouth.lock();
        if speech.speaker != self.turn {
            return false;
        }
        speech.waiting.extend(samples);
        let excess = speech.waiting.len().saturating_sub(WAITING_MAX_SAMPLES);
        speech.waiting.drain(..excess);
        true
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        let mut speech = self.mouth.lock();
        if speech.speaker == self.turn {
            speech.speaker = 0;
            speech.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_waits_for_its_cushion_and_comes_out_in_order() {
        let mouth = Mouth::default();
        assert_eq!(mouth.frame(), None, "nobody speaks");
        let speaker = mouth.take();
        speaker.say([1; FRAME_SAMPLES]);
        assert_eq!(mouth.frame(), Some([0; FRAME_SAMPLES]), "too little yet");
        speaker.say([2; FRAME_SAMPLES]);
        speaker.say([3; FRAME_SAMPLES]);
        for said in [1, 2, 3, 0] {
            assert_eq!(mouth.frame(), Some([said; FRAME_SAMPLES]));
        }
        speaker.say([4; FRAME_SAMPLES]);
        assert_eq!(
            mouth.frame(),
            Some([0; FRAME_SAMPLES]),
            "a gap needs a cushion again"
        );
    }

    #[test]
    fn the_last_to_take_it_speaks_and_much_is_not_kept() {
        let mouth = Mouth::default();
        let first = mouth.take();
        let second = mouth.take();
        assert!(!first.say([9; 480]));
        drop(first);
        assert!(second.say((0..10_000).map(|n| i16::try_from(n).unwrap())));
        let oldest = i16::try_from(10_000 - WAITING_MAX_SAMPLES).unwrap();
        assert_eq!(mouth.frame().map(|frame| frame[0]), Some(oldest));
        drop(second);
        assert_eq!(mouth.frame(), None);
    }
}
