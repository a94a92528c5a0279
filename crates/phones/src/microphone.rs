//! What comes out of a telephone's microphone, frame by frame.

use media_core::g711::{self, Law};

use crate::behaviour::{Says, Voice};

/// Samples of one 20 ms frame at 8 kHz.
pub const FRAME_SAMPLES: usize = 160;
/// Peak of a tone at −10 dBFS.
const TONE_PEAK: f32 = 32_767.0 * 0.316_227_76;
/// Pause between two sayings of a sentence, in samples.
const PAUSE_SAMPLES: usize = 12_000;
/// Ring-back of North America (440 and 480 Hz, two seconds in six), quieter than speech.
const RINGBACK_HZ: (f32, f32) = (440.0, 480.0);
const RINGBACK_ON_SAMPLES: usize = 16_000;
const RINGBACK_PERIOD_SAMPLES: usize = 48_000;
const RATE_HZ: f32 = 8_000.0;

/// What is being said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sound {
    Says(Says),
    Ringback,
}

/// A source of frames.
#[derive(Debug)]
pub(crate) struct Microphone {
    sound: Sound,
    position: usize,
    /// Phase of a tone in turns, kept over frames so that there is no click.
    turns: (f32, f32),
}

impl Microphone {
    pub fn new(sound: Sound) -> Self {
        Self {
            sound,
            position: 0,
            turns: (0.0, 0.0),
        }
    }

    /// The next 20 ms.
    pub fn frame(&mut self) -> [i16; FRAME_SAMPLES] {
        let mut frame = [0; FRAME_SAMPLES];
        for sample in &mut frame {
            *sample = self.sample();
            self.position = self.position.wrapping_add(1);
        }
        frame
    }

    fn sample(&mut self) -> i16 {
        match self.sound {
            Sound::Says(Says::Nothing) => 0,
            Sound::Says(Says::Tone { hz }) => sine(&mut self.turns.0, hz, TONE_PEAK),
            Sound::Says(Says::Voice(voice)) => {
                let speech = speech(voice);
                let at = self.position % (speech.len() + PAUSE_SAMPLES);
                speech
                    .get(at)
                    .map_or(0, |code| g711::decode(Law::Mu, *code))
            }
            Sound::Ringback => {
                if self.position % RINGBACK_PERIOD_SAMPLES < RINGBACK_ON_SAMPLES {
                    sine(&mut self.turns.0, RINGBACK_HZ.0, 2_000.0)
                        + sine(&mut self.turns.1, RINGBACK_HZ.1, 2_000.0)
                } else {
                    0
                }
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the peak is below 32,767, and float casts saturate"
)]
fn sine(turns: &mut f32, hz: f32, peak: f32) -> i16 {
    let value = (*turns * std::f32::consts::TAU).sin() * peak;
    *turns = (*turns + hz / RATE_HZ).fract();
    value.round() as i16
}

/// µ-law speech at 8 kHz, spoken by espeak-ng (`tools/make-voices`).
fn speech(voice: Voice) -> &'static [u8] {
    match voice {
        Voice::Alice => include_bytes!("../voices/alice.ulaw"),
        Voice::Bob => include_bytes!("../voices/bob.ulaw"),
        Voice::Carol => include_bytes!("../voices/carol.ulaw"),
        Voice::Driver => include_bytes!("../voices/driver.ulaw"),
        Voice::Voicemail => include_bytes!("../voices/voicemail.ulaw"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_has_its_level_and_no_click_between_frames() {
        let mut microphone = Microphone::new(Sound::Says(Says::Tone { hz: 440.0 }));
        let samples: Vec<i16> = (0..50).flat_map(|_| microphone.frame()).collect();
        let peak = samples.iter().map(|s| s.abs()).max().unwrap();
        assert!((10_300..=10_370).contains(&peak), "{peak}");
        let steepest = samples
            .windows(2)
            .map(|w| (w[1] - w[0]).abs())
            .max()
            .unwrap();
        assert!(steepest < 3_700, "{steepest}");
    }

    #[test]
    fn a_voice_speaks_pauses_and_speaks_again() {
        let mut microphone = Microphone::new(Sound::Says(Says::Voice(Voice::Bob)));
        let samples: Vec<i16> = (0..1_000).flat_map(|_| microphone.frame()).collect();
        let length = speech(Voice::Bob).len();
        assert!(
            samples[length..length + PAUSE_SAMPLES]
                .iter()
                .all(|s| *s == 0)
        );
        assert_eq!(
            samples[..1_000],
            samples[length + PAUSE_SAMPLES..length + PAUSE_SAMPLES + 1_000]
        );
        assert!(samples[..length].iter().any(|s| s.abs() > 5_000));
    }
}
