//! Prompts: short sentences, coded once at the start and then only copied.

use std::sync::Arc;

use convoke_types::media::Codec;

use crate::{FRAME_SAMPLES, g711};

/// Frames of silence before each repetition: 1 s.
const PAUSE_FRAMES: u32 = 50;

/// A sentence in both codecs.
#[derive(Debug)]
pub struct Clip {
    ulaw: Vec<u8>,
    alaw: Vec<u8>,
}

impl Clip {
    /// Codes linear samples at 8 kHz; the last frame is filled up with silence.
    #[must_use]
    pub fn new(samples: &[i16]) -> Self {
        Self {
            ulaw: code(Codec::Pcmu, samples),
            alaw: code(Codec::Pcma, samples),
        }
    }

    /// Number of 20 ms frames.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.ulaw.len() / FRAME_SAMPLES
    }

    fn frame(&self, codec: Codec, index: usize) -> Option<&[u8; FRAME_SAMPLES]> {
        let codes = match codec {
            Codec::Pcmu => &self.ulaw,
            Codec::Pcma => &self.alaw,
        };
        codes.get(index * FRAME_SAMPLES..)?.first_chunk()
    }
}

fn code(codec: Codec, samples: &[i16]) -> Vec<u8> {
    let whole = samples.len().div_ceil(FRAME_SAMPLES) * FRAME_SAMPLES;
    let mut codes = vec![g711::silence(codec); whole];
    g711::encode_into(codec, samples, &mut codes);
    codes
}

/// Plays a clip to one leg, frame by frame.
#[derive(Debug, Clone)]
pub struct Player {
    clip: Arc<Clip>,
    position: usize,
    pause: u32,
    left: u8,
}

/// What a leg hears from its player in one tick.
#[derive(Debug, PartialEq, Eq)]
pub enum Played<'a> {
    /// This frame.
    Frame(&'a [u8; FRAME_SAMPLES]),
    /// Silence, between repetitions.
    Pause,
    /// The prompt is over.
    Done,
}

impl Player {
    /// Plays `repeat` times (once at least), with a pause between.
    #[must_use]
    pub fn new(clip: Arc<Clip>, repeat: u8) -> Self {
        Self {
            clip,
            position: 0,
            pause: 0,
            left: repeat.max(1),
        }
    }

    /// The next 20 ms.
    pub fn next_frame(&mut self, codec: Codec) -> Played<'_> {
        if self.pause > 0 {
            self.pause -= 1;
            return Played::Pause;
        }
        if self.position >= self.clip.frames() {
            self.left = self.left.saturating_sub(1);
            if self.left == 0 || self.clip.frames() == 0 {
                return Played::Done;
            }
            self.position = 0;
            self.pause = PAUSE_FRAMES - 1;
            return Played::Pause;
        }
        self.position += 1;
        self.clip
            .frame(codec, self.position - 1)
            .map_or(Played::Done, Played::Frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plays_so_many_times_with_pauses_and_ends() {
        let samples: Vec<i16> = (0..400).map(|i| i * 50).collect();
        let clip = Arc::new(Clip::new(&samples));
        assert_eq!(clip.frames(), 3);
        for codec in [Codec::Pcma, Codec::Pcmu] {
            let mut player = Player::new(Arc::clone(&clip), 2);
            let mut heard = Vec::new();
            let mut pauses = 0;
            loop {
                match player.next_frame(codec) {
                    Played::Frame(frame) => heard.extend_from_slice(frame),
                    Played::Pause => pauses += 1,
                    Played::Done => break,
                }
            }
            assert_eq!(pauses, PAUSE_FRAMES);
            assert_eq!(heard.len(), 6 * FRAME_SAMPLES);
            assert_eq!(heard[399], g711::encode(codec, samples[399]));
            assert_eq!(heard[400], g711::silence(codec));
            assert_eq!(heard[480], g711::encode(codec, 0));
        }
    }

    #[test]
    fn an_empty_clip_is_over_at_once() {
        let mut player = Player::new(Arc::new(Clip::new(&[])), 3);
        assert_eq!(player.next_frame(Codec::Pcma), Played::Done);
    }
}
