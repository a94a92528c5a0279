//! What browsers say, encoded beforehand.

use std::f64::consts::TAU;
use std::sync::Arc;

use anyhow::Result;
use media_core::opus::{DTX_FRAME, Encoder, MAX_FRAME_BYTES, WIDE_SAMPLES};

/// Frames of a voice before it repeats: five seconds.
const VOICE_FRAMES: usize = 250;
/// Different voices.
const VOICES: u32 = 8;
/// A silent browser sends one frame in so many.
const REST_FRAMES: usize = 20;
/// Level that goes with a talker's packets, in decibels under the overload point (RFC 6464).
pub(super) const LEVEL: i8 = -20;

/// Peak of the noise in a voice; without it, Opus would need half the bits that it needs for people.
const BREATH: f64 = 1_000.0;

/// The sounds of all browsers.
pub(super) struct Sounds {
    voices: Vec<Vec<Arc<[u8]>>>,
    rest: Arc<[u8]>,
}

impl Sounds {
    pub(super) fn new() -> Result<Self> {
        let voices = (0..VOICES).map(voice).collect::<Result<_>>()?;
        Ok(Self {
            voices,
            rest: DTX_FRAME.into(),
        })
    }

    /// Frame `n` of a talker.
    pub(super) fn voice(&self, number: usize, n: usize) -> Option<Arc<[u8]>> {
        let voice = self.voices.get(number % self.voices.len().max(1))?;
        voice.get(n % VOICE_FRAMES).cloned()
    }

    /// What a listener sends as its frame `n`.
    pub(super) fn rest(&self, n: usize) -> Option<Arc<[u8]>> {
        n.is_multiple_of(REST_FRAMES)
            .then(|| Arc::clone(&self.rest))
    }
}

/// Overtones of a gliding pitch through a moving vowel, and breath; never quite silent.
fn voice(number: u32) -> Result<Vec<Arc<[u8]>>> {
    let mut encoder = Encoder::new()?;
    let pitch_hz = 105.0 + 23.0 * f64::from(number);
    let mut phase = 0.0;
    let mut random = number;
    let mut n = 0_u32;
    let mut frames = Vec::with_capacity(VOICE_FRAMES);
    for _ in 0..VOICE_FRAMES {
        let mut frame = [0; WIDE_SAMPLES];
        for sample in &mut frame {
            let seconds = f64::from(n) / 16_000.0;
            n += 1;
            phase += pitch_hz * (1.0 + 0.12 * (TAU * 0.4 * seconds).sin()) / 16_000.0;
            let vowel_hz = 500.0 + 250.0 * (TAU * 1.8 * seconds).sin();
            let overtones = (1..=24).map(|k| {
                let k = f64::from(k);
                let distance = (k * pitch_hz - vowel_hz) / 300.0;
                (TAU * k * phase).sin() * (0.15 + (-distance * distance).exp()) / k.sqrt()
            });
            let loudness = 0.4 + 0.6 * (TAU * 1.8 * seconds).sin().abs();
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let breath = (f64::from(random >> 16) / 32_768.0 - 1.0) * BREATH;
            let value = overtones.sum::<f64>() * loudness * 3_000.0 + breath;
            let value = value.clamp(-32_000.0, 32_000.0);
            #[expect(clippy::cast_possible_truncation, reason = "clamped")]
            let value = value as i16;
            *sample = value;
        }
        let mut bytes = [0; MAX_FRAME_BYTES];
        let packet = encoder.encode(&frame, &mut bytes).unwrap_or(&DTX_FRAME);
        frames.push(packet.into());
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_has_the_bit_rate_of_browsers_and_no_pause() {
        let sounds = Sounds::new().unwrap();
        let sizes: Vec<usize> = (0..VOICE_FRAMES)
            .map(|n| sounds.voice(3, n).unwrap().len())
            .collect();
        assert!(sizes.iter().all(|size| *size > 10), "{sizes:?}");
        let bits = sizes.iter().sum::<usize>() * 8 / 5;
        assert!((15_000..32_000).contains(&bits), "{bits}");
        assert_eq!((0..100).filter(|n| sounds.rest(*n).is_some()).count(), 5);
    }
}
