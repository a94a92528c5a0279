//! Prompts: short sentences, coded once at the start (for browsers, when one is first played to a browser) and then only
//! copied.

use std::sync::{Arc, OnceLock};

use crate::FRAME_SAMPLES;
use crate::g711::{self, Law};
use crate::opus::{Encoder, MAX_FRAME_BYTES, SILENT_FRAME, WIDE_SAMPLES};
use crate::resample::Upsampler;
use crate::wide::{WideSound, saturate};

/// Frames of silence before each repetition: 1 s.
const PAUSE_FRAMES: u32 = 50;

/// A sentence in both laws, and in Opus once that was asked for.
#[derive(Debug)]
pub struct Clip {
    ulaw: Vec<u8>,
    alaw: Vec<u8>,
    opus: OnceLock<Vec<Arc<[u8]>>>,
}

impl Clip {
    /// Codes linear samples at 8 kHz; the last frame is filled up with silence.
    #[must_use]
    pub fn new(samples: &[i16]) -> Self {
        Self {
            ulaw: code(Law::Mu, samples),
            alaw: code(Law::A, samples),
            opus: OnceLock::new(),
        }
    }

    /// Codes the sentence for browsers, unless that was done; takes about a tenth of a millisecond a frame the first time.
    pub fn prepare_wide(&self) {
        self.opus.get_or_init(|| code_opus(&self.ulaw));
    }

    /// Number of 20 ms frames.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.ulaw.len() / FRAME_SAMPLES
    }

    fn frame(&self, law: Law, index: usize) -> Option<&[u8; FRAME_SAMPLES]> {
        let codes = match law {
            Law::Mu => &self.ulaw,
            Law::A => &self.alaw,
        };
        codes.get(index * FRAME_SAMPLES..)?.first_chunk()
    }
}

fn code_opus(codes: &[u8]) -> Vec<Arc<[u8]>> {
    // Without an encoder there is no sound to be played; memory is short then.
    let Ok(mut encoder) = Encoder::new() else {
        return Vec::new();
    };
    let mut filter = Upsampler::new();
    let frames = codes.chunks_exact(FRAME_SAMPLES);
    frames
        .map(|codes| {
            let (mut narrow, mut wide) = ([0; FRAME_SAMPLES], [0; WIDE_SAMPLES]);
            for (sample, &code) in narrow.iter_mut().zip(codes) {
                *sample = i32::from(g711::decode(Law::Mu, code));
            }
            filter.process(&narrow, &mut wide);
            let mut bytes = [0; MAX_FRAME_BYTES];
            let frame = encoder.encode(&wide.map(saturate), &mut bytes);
            frame.unwrap_or(&SILENT_FRAME).into()
        })
        .collect()
}

fn code(law: Law, samples: &[i16]) -> Vec<u8> {
    let whole = samples.len().div_ceil(FRAME_SAMPLES) * FRAME_SAMPLES;
    let mut codes = vec![g711::silence(law); whole];
    g711::encode_into(law, samples, &mut codes);
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

    /// The next 20 ms for a telephone.
    pub fn next_frame(&mut self, law: Law) -> Played<'_> {
        match self.step() {
            Step::Frame(index) => self
                .clip
                .frame(law, index)
                .map_or(Played::Done, Played::Frame),
            Step::Pause => Played::Pause,
            Step::Done => Played::Done,
        }
    }

    /// The next 20 ms for a browser, `None` when the prompt is over; silence throughout unless the clip was prepared.
    pub fn next_wide(&mut self) -> Option<WideSound> {
        match self.step() {
            Step::Frame(index) => {
                let frame = self.clip.opus.get().and_then(|frames| frames.get(index));
                Some(frame.map_or(WideSound::Silence, |f| WideSound::Frame(Arc::clone(f))))
            }
            Step::Pause => Some(WideSound::Silence),
            Step::Done => None,
        }
    }

    /// The clip, to be prepared.
    #[must_use]
    pub fn clip(&self) -> &Clip {
        &self.clip
    }

    fn step(&mut self) -> Step {
        if self.pause > 0 {
            self.pause -= 1;
            return Step::Pause;
        }
        if self.position >= self.clip.frames() {
            self.left = self.left.saturating_sub(1);
            if self.left == 0 || self.clip.frames() == 0 {
                return Step::Done;
            }
            self.position = 0;
            self.pause = PAUSE_FRAMES - 1;
            return Step::Pause;
        }
        self.position += 1;
        Step::Frame(self.position - 1)
    }
}

/// What a tick brings.
enum Step {
    Frame(usize),
    Pause,
    Done,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plays_so_many_times_with_pauses_and_ends() {
        let samples: Vec<i16> = (0..400).map(|i| i * 50).collect();
        let clip = Arc::new(Clip::new(&samples));
        assert_eq!(clip.frames(), 3);
        for law in [Law::A, Law::Mu] {
            let mut player = Player::new(Arc::clone(&clip), 2);
            let mut heard = Vec::new();
            let mut pauses = 0;
            loop {
                match player.next_frame(law) {
                    Played::Frame(frame) => heard.extend_from_slice(frame),
                    Played::Pause => pauses += 1,
                    Played::Done => break,
                }
            }
            assert_eq!(pauses, PAUSE_FRAMES);
            assert_eq!(heard.len(), 6 * FRAME_SAMPLES);
            assert_eq!(heard[399], g711::encode(law, samples[399]));
            assert_eq!(heard[400], g711::silence(law));
            assert_eq!(heard[480], g711::encode(law, 0));
        }
    }

    #[test]
    fn browsers_hear_the_same_sentence() {
        let samples: Vec<i16> = (0..1_600)
            .map(|i| if i / 8 % 2 == 0 { 9_000 } else { -9_000 })
            .collect();
        let clip = Arc::new(Clip::new(&samples));
        clip.prepare_wide();
        let mut player = Player::new(Arc::clone(&clip), 2);
        let mut decoder = crate::opus::Decoder::new().unwrap();
        let (mut loud, mut silent) = (0, 0);
        while let Some(sound) = player.next_wide() {
            match sound {
                WideSound::Silence => silent += 1,
                WideSound::Frame(frame) => {
                    let mut samples = [0; crate::opus::MAX_PACKET_SAMPLES];
                    decoder.decode(&frame, &mut samples);
                    let power = crate::opus::mean_square(samples.first_chunk().unwrap());
                    loud += u32::from(power > 10_000_000);
                }
            }
        }
        assert_eq!(silent, PAUSE_FRAMES);
        assert!(loud >= 17, "{loud}");
    }

    #[test]
    fn an_empty_clip_is_over_at_once() {
        let mut player = Player::new(Arc::new(Clip::new(&[])), 3);
        assert_eq!(player.next_frame(Law::A), Played::Done);
    }
}
