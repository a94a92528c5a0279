//! What telephones say, encoded beforehand.

use std::f64::consts::TAU;

use media_core::g711::{self, Law};

/// Samples of a frame of 20 ms.
pub(super) const FRAME_SAMPLES: usize = 160;
/// One encoded frame.
pub(super) type Frame = [u8; FRAME_SAMPLES];

const RATE_HZ: f64 = 8_000.0;
const LAW: Law = Law::A;
/// Level of the noise on a quiet line: −60 dBFS.
const NOISE_PEAK: f64 = 56.0;
/// Frames of noise before it repeats.
const NOISE_FRAMES: usize = 64;
/// Frames of a voice before it repeats: ten seconds.
const VOICE_FRAMES: usize = 500;
/// Peak of a voice, about −20 dBFS on average.
const VOICE_PEAK: f64 = 9_000.0;
/// A mark: eight loud samples in the middle of a frame.
const MARK_PLACE: usize = 76;
const MARK_SAMPLES: usize = 8;
const MARK_PEAK: i16 = 28_000;
/// Above this a sample belongs to a mark.
const MARK_MIN: i16 = 7_000;

/// The sounds of all telephones.
pub(super) struct Sounds {
    noise: Vec<Frame>,
    voices: Vec<Vec<Frame>>,
    mark: Frame,
    loud: [bool; 256],
}

impl Sounds {
    pub(super) fn new(voices: usize) -> Self {
        let mut random = Random(0x2545_F491_4F6C_DD1D);
        let noise = frames(NOISE_FRAMES, |_| random.unit() * NOISE_PEAK);
        let mut mark = noise[0];
        for (n, code) in mark[MARK_PLACE..MARK_PLACE + MARK_SAMPLES]
            .iter_mut()
            .enumerate()
        {
            let sample = if n % 2 == 0 { MARK_PEAK } else { -MARK_PEAK };
            *code = g711::encode(LAW, sample);
        }
        let mut loud = [false; 256];
        for (code, loud) in (0_u8..=255).zip(&mut loud) {
            *loud = g711::decode(LAW, code).saturating_abs() > MARK_MIN;
        }
        Self {
            noise,
            voices: (0..voices).map(voice).collect(),
            mark,
            loud,
        }
    }

    /// Frame `n` of a leg: a voice, or noise.
    pub(super) fn frame(&self, leg: usize, n: usize) -> &Frame {
        match self.voices.get(leg) {
            Some(voice) => &voice[n % VOICE_FRAMES],
            None => &self.noise[(n + leg) % NOISE_FRAMES],
        }
    }

    /// A frame with a mark in it.
    pub(super) fn mark(&self) -> &Frame {
        &self.mark
    }

    /// Whether there is a mark in these codes.
    pub(super) fn has_mark(&self, codes: &[u8]) -> bool {
        codes.iter().any(|code| self.loud[usize::from(*code)])
    }
}

/// Something with the rhythm and the overtones of a voice: vowels of changing pitch, about four syllables a second.
fn voice(number: usize) -> Vec<Frame> {
    let number = u32::try_from(number).unwrap_or(0);
    let pitch_hz = 105.0 + 23.0 * f64::from(number % 7);
    let syllables_hz = 3.6 + 0.3 * f64::from(number % 4);
    let mut phase = 0.0;
    frames(VOICE_FRAMES, |seconds| {
        let glide = 1.0 + 0.12 * (TAU * 0.4 * seconds).sin();
        phase += pitch_hz * glide / RATE_HZ;
        let vowel_hz = 500.0 + 250.0 * (TAU * syllables_hz / 2.0 * seconds).sin();
        let overtones = (1..=16).map(|k| {
            let k = f64::from(k);
            let distance = (k * pitch_hz - vowel_hz) / 300.0;
            (TAU * k * phase).sin() * (0.15 + (-distance * distance).exp()) / k.sqrt()
        });
        let envelope = (TAU * syllables_hz / 2.0 * seconds).sin().abs();
        overtones.sum::<f64>() * envelope * VOICE_PEAK / 3.0
    })
}

fn frames(count: usize, mut sample: impl FnMut(f64) -> f64) -> Vec<Frame> {
    let mut n = 0_u32;
    (0..count)
        .map(|_| {
            let mut frame = [0; FRAME_SAMPLES];
            for code in &mut frame {
                let value = sample(f64::from(n) / RATE_HZ).clamp(-32_000.0, 32_000.0);
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "clamped to the range of i16"
                )]
                let value = value as i16;
                *code = g711::encode(LAW, value);
                n += 1;
            }
            frame
        })
        .collect()
}

/// Marsaglia's xorshift; noise needs no more.
pub(super) struct Random(pub u64);

impl Random {
    pub(super) fn bits(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 >> 32).unwrap_or(0)
    }
    /// Between −1 and 1.
    fn unit(&mut self) -> f64 {
        f64::from(self.bits()) / f64::from(u32::MAX) * 2.0 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_in_nothing_else() {
        let sounds = Sounds::new(0);
        assert!(sounds.has_mark(sounds.mark()));
        assert!((0..200).all(|n| !sounds.has_mark(sounds.frame(n, n))));
    }

    #[test]
    fn voices_are_speech_loud_and_noise_is_not() {
        let sounds = Sounds::new(3);
        let loudness = |leg| {
            let squares = (0..100).map(|n| u64::from(g711::mean_square(LAW, sounds.frame(leg, n))));
            squares.sum::<u64>() / 100
        };
        for leg in 0..3 {
            // −26 to −12 dBFS.
            assert!(
                (2_500_000..60_000_000).contains(&loudness(leg)),
                "{}",
                loudness(leg)
            );
        }
        assert!(loudness(3) < 2_000, "{}", loudness(3));
    }
}
