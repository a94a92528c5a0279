//! Voice activity: frame energy over an adaptive noise floor, with hysteresis in level and time.

/// Frames that must be loud in a row before a leg counts as talking: 60 ms, well inside the 200 ms it may take.
const ON_FRAMES: u8 = 3;
/// Frames that must be quiet in a row before it counts as silent again: 500 ms, longer than a pause between words.
const OFF_FRAMES: u8 = 25;
/// Loud is this much power over the floor when silent (9 dB) …
const ON_RATIO: f32 = 8.0;
/// … and this much when talking (5 dB).
const STAY_RATIO: f32 = 3.2;
/// Mean square of −50 dBFS (of a full-scale square): nothing under it is speech.
const LEAST_SPEECH: f32 = 10_737.0;
/// The floor never rises over −38 dBFS, so that a steady loud sound is not taken for noise.
const HIGHEST_FLOOR: f32 = 170_000.0;
/// The floor never falls under −70 dBFS.
const LOWEST_FLOOR: f32 = 107.0;
/// The floor rises by a factor of 1.3 a second (over 50 frames) while the sound lies over it.
const RISE: f32 = 1.005_26;
/// It falls to a quieter frame by this part of the way.
const FALL: f32 = 0.2;

/// The detector of one leg.
#[derive(Debug, Clone)]
pub struct Vad {
    floor: f32,
    talking: bool,
    run: u8,
}

impl Default for Vad {
    fn default() -> Self {
        Self::new()
    }
}

impl Vad {
    /// Silent, with a quiet room's floor.
    #[must_use]
    pub fn new() -> Self {
        Self {
            floor: LEAST_SPEECH / ON_RATIO,
            talking: false,
            run: 0,
        }
    }

    /// Takes the mean square of one 20 ms frame (squared 16-bit units) and says whether the leg talks.
    pub fn frame(&mut self, mean_square: u32) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "a level, compared in decibels")]
        let level = mean_square as f32;
        let ratio = if self.talking { STAY_RATIO } else { ON_RATIO };
        let loud = level > (self.floor * ratio).max(LEAST_SPEECH);
        if level < self.floor {
            self.floor = (self.floor + (level - self.floor) * FALL).max(LOWEST_FLOOR);
        } else {
            self.floor = (self.floor * RISE).min(HIGHEST_FLOOR);
        }
        if loud == self.talking {
            self.run = 0;
            return self.talking;
        }
        self.run = self.run.saturating_add(1);
        if self.run >= if self.talking { OFF_FRAMES } else { ON_FRAMES } {
            self.talking = loud;
            self.run = 0;
        }
        self.talking
    }

    /// Whether the leg talks, as of the last frame.
    #[must_use]
    pub fn talking(&self) -> bool {
        self.talking
    }

    /// Says silent at once (the leg was muted or its stream ended); the floor stays.
    pub fn hush(&mut self) {
        self.talking = false;
        self.run = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean square at so many dB under full scale.
    fn level(dbfs: f32) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "test levels fit"
        )]
        let power = (32_768.0_f32.powi(2) * 10_f32.powf(dbfs / 10.0)) as u32;
        power
    }

    fn frames_until(vad: &mut Vad, dbfs: f32, talking: bool) -> usize {
        (1..=1_000)
            .find(|_| vad.frame(level(dbfs)) == talking)
            .unwrap()
    }

    #[test]
    fn speech_is_reported_within_200_ms_and_ends_after_a_pause() {
        let mut vad = Vad::new();
        assert!((0..200).all(|_| !vad.frame(level(-65.0))));
        assert!(frames_until(&mut vad, -25.0, true) <= 10);
        assert!(
            (0..20).all(|_| vad.frame(level(-65.0))),
            "a pause between words"
        );
        assert!(frames_until(&mut vad, -65.0, false) <= 10);
    }

    #[test]
    fn a_click_is_not_speech() {
        let mut vad = Vad::new();
        for _ in 0..20 {
            assert!(!vad.frame(level(-10.0)));
            assert!(!vad.frame(0));
        }
    }

    #[test]
    fn steady_noise_becomes_the_floor_but_a_loud_tone_stays_talk() {
        let mut vad = Vad::new();
        for _ in 0..2_000 {
            vad.frame(level(-45.0));
        }
        assert!(!vad.talking());
        assert!(frames_until(&mut vad, -30.0, true) <= 10);
        let mut vad = Vad::new();
        for _ in 0..20_000 {
            vad.frame(level(-10.0));
        }
        assert!(vad.talking());
    }

    #[test]
    fn a_quiet_speaker_in_a_quiet_room_is_seen() {
        let mut vad = Vad::new();
        for _ in 0..500 {
            vad.frame(0);
        }
        assert!(frames_until(&mut vad, -46.0, true) <= 10);
    }
}
