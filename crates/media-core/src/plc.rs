//! Packet loss concealment: the last pitch periods go on, fading to silence by 60 ms.
//!
//! The idea is that of G.711 Appendix I (find the pitch, repeat one, then two, then three periods, overlap-add at the
//! seams), without its algorithmic delay: the first repeated period is bent onto the last sample that was heard.
//!
//! When what comes after a short loss is already in the buffer, the loss is bridged instead: the past is carried on by
//! linear prediction, the future is carried on backwards in the same way, and one is faded into the other.

use crate::predict::{self, LONGEST, ORDER};

/// Samples of the past that concealment looks at: three of the longest periods and the overlap.
pub(crate) const HISTORY: usize = 400;

/// Shortest and longest pitch period looked for, in samples: 250 Hz to 66 Hz (higher voices show a multiple).
const SHORTEST_PITCH: usize = 32;
const LONGEST_PITCH: usize = 120;
/// Samples that are compared with the past to find the pitch.
const WINDOW: usize = 80;
/// Concealed samples after which the fade begins (10 ms), and after which all is silent (60 ms).
const FADE_FROM: usize = 80;
pub(crate) const SILENT_FROM: usize = 480;
/// Samples after which one more period is repeated, so that a long loss does not buzz (20 ms).
const ONE_MORE_PERIOD: usize = 160;
/// Seam between one number of repeated periods and the next.
const SEAM: usize = 16;
/// Longest overlap with the samples that come after a loss.
const LONGEST_RESUME: usize = 80;

/// Longest loss that is bridged (40 ms), and the least and most samples after it that are looked at.
pub(crate) const LONGEST_BRIDGE: usize = 320;
pub(crate) const LEAST_FUTURE: usize = 80;
pub(crate) const MOST_FUTURE: usize = 160;
const _: () = assert!(LEAST_FUTURE >= ORDER && HISTORY >= LONGEST);

/// Mean square under which a sound is too faint to be worth a bridge: −50 dBFS. Since few talk at a time, this bounds
/// what a burst of losses on many legs at once can cost.
const FAINT: f32 = 10_000.0;

/// State of one concealment. Costs nothing until something is lost.
#[derive(Debug, Clone)]
pub(crate) struct Plc {
    history: [i16; HISTORY],
    /// The pitch period; zero while nobody asked for it.
    pitch: usize,
    concealed: usize,
    active: bool,
    silent: bool,
    bridge: [i16; LONGEST_BRIDGE],
    /// Samples of `bridge` that count; none when the loss is not bridged.
    bridged: usize,
    /// Some of the loss was concealed without knowing its end.
    blind: bool,
}

impl Plc {
    pub(crate) fn new() -> Self {
        Self {
            history: [0; HISTORY],
            pitch: 0,
            concealed: 0,
            active: false,
            silent: true,
            bridge: [0; LONGEST_BRIDGE],
            bridged: 0,
            blind: false,
        }
    }

    /// Whether samples are being concealed (or were, up to the last one).
    pub(crate) fn active(&self) -> bool {
        self.active
    }

    /// Begins; `history` holds what was heard last.
    pub(crate) fn begin(&mut self, history: [i16; HISTORY]) {
        self.silent = history[HISTORY - WINDOW..]
            .iter()
            .all(|s| s.unsigned_abs() <= 8);
        self.history = history;
        self.pitch = 0;
        self.concealed = 0;
        self.active = true;
        self.bridged = 0;
        self.blind = false;
    }

    /// Whether the rest of the loss is bridged.
    pub(crate) fn bridging(&self) -> bool {
        self.bridged > 0
    }

    /// From here on the loss lasts `gap` samples, up to [`LONGEST_BRIDGE`], and is followed by `future`, between
    /// [`LEAST_FUTURE`] and [`MOST_FUTURE`] samples; `history` holds what was heard up to here.
    pub(crate) fn bridge(&mut self, history: [i16; HISTORY], gap: usize, future: &[i16]) {
        let mut forward = [0.0; HISTORY + LONGEST_BRIDGE];
        let mut backward = [0.0; MOST_FUTURE + LONGEST_BRIDGE];
        for (to, from) in forward.iter_mut().zip(history) {
            *to = f32::from(from);
        }
        for (to, &from) in backward.iter_mut().zip(future.iter().rev()) {
            *to = f32::from(from);
        }
        let past = &forward[HISTORY - LONGEST..HISTORY];
        if is_faint(past) && is_faint(&backward[..future.len()]) {
            return;
        }
        carry_on(&mut forward[..HISTORY + gap], HISTORY);
        carry_on(&mut backward[..future.len() + gap], future.len());
        for k in 0..gap {
            let part = float(k + 1) / float(gap + 1);
            let weight = part * part * (3.0 - 2.0 * part);
            let (past, future) = (forward[HISTORY + k], backward[future.len() + gap - 1 - k]);
            self.bridge[k] = round(past + (future - past) * weight);
        }
        let blind = self.blind;
        self.begin(history);
        self.silent = false;
        self.bridged = gap;
        self.blind = blind;
    }

    /// Fills `out` with what might have come. Returns false, leaving zeros, when that is silence.
    pub(crate) fn conceal(&mut self, out: &mut [i16]) -> bool {
        let silent = self.silent || self.concealed >= SILENT_FROM;
        self.blind |= !self.bridging();
        for sample in out.iter_mut() {
            *sample = if silent {
                0
            } else {
                self.sample(self.concealed)
            };
            self.concealed = self.concealed.saturating_add(1);
        }
        !silent
    }

    /// Blends the beginning of what came after the loss with the concealment going on, and ends it. Returns whether the
    /// end was known from the beginning.
    pub(crate) fn resume(&mut self, out: &mut [i16]) -> bool {
        self.active = false;
        if self.bridged > 0 && self.concealed == self.bridged {
            return !self.blind;
        }
        // The longer the loss, the longer the overlap: 4 ms more for each 10 ms (Appendix I's proportion).
        let overlap = (self.pitch / 4 + self.concealed / 80 * 16)
            .min(LONGEST_RESUME)
            .min(out.len());
        for (i, sample) in out.iter_mut().take(overlap).enumerate() {
            let going_on = if self.silent {
                0
            } else {
                self.sample(self.concealed + i)
            };
            *sample = blend(going_on, *sample, i + 1, overlap + 1);
        }
        !self.blind
    }

    fn sample(&mut self, k: usize) -> i16 {
        if let Some(&sample) = self.bridge[..self.bridged].get(k) {
            return sample;
        }
        if self.pitch == 0 {
            self.pitch = find_pitch(&self.history);
        }
        let value = self.unfaded(k);
        if k < FADE_FROM {
            return value;
        }
        let left = SILENT_FROM.saturating_sub(k);
        clamp(i32::from(value) * int(left) / int(SILENT_FROM - FADE_FROM))
    }

    fn unfaded(&self, k: usize) -> i16 {
        let periods = |k: usize| (k / ONE_MORE_PERIOD + 1).min(3);
        let now = periods(k);
        let mut value = self.repeated(k, now);
        if k >= ONE_MORE_PERIOD && k % ONE_MORE_PERIOD < SEAM && periods(k - SEAM) != now {
            value = blend(self.repeated(k, now - 1), value, k % ONE_MORE_PERIOD, SEAM);
        }
        let quarter = self.pitch / 4;
        if k < quarter {
            // Bend the first repeated samples onto the last one heard.
            let step = i32::from(self.history[HISTORY - 1])
                - i32::from(self.history[HISTORY - 1 - self.pitch]);
            value = clamp(i32::from(value) + step * int(quarter - k) / int(quarter + 1));
        }
        value
    }

    /// Sample `k` of the last `periods` periods in a loop, whose end is blended into its beginning.
    fn repeated(&self, k: usize, periods: usize) -> i16 {
        let length = self.pitch * periods;
        let index = HISTORY - length + k % length;
        let overlap = self.pitch / 4;
        let value = self.history[index];
        if index < HISTORY - overlap {
            return value;
        }
        blend(
            value,
            self.history[index - length],
            index + 1 - (HISTORY - overlap),
            overlap + 1,
        )
    }
}

/// The lag at which the last samples are most alike what came before them.
fn find_pitch(history: &[i16; HISTORY]) -> usize {
    let samples: [f32; HISTORY] = history.map(f32::from);
    let recent = &samples[HISTORY - WINDOW..];
    let mut best = (0.0_f32, SHORTEST_PITCH);
    for lag in SHORTEST_PITCH..=LONGEST_PITCH {
        let before = &samples[HISTORY - WINDOW - lag..HISTORY - lag];
        let (mut alike, mut power) = ([0.0_f32; 8], [0.0_f32; 8]);
        for (now, then) in recent.chunks_exact(8).zip(before.chunks_exact(8)) {
            for i in 0..8 {
                alike[i] += now[i] * then[i];
                power[i] += then[i] * then[i];
            }
        }
        let alike: f32 = alike.iter().sum();
        let power: f32 = power.iter().sum();
        let score = if alike > 0.0 {
            alike * alike / (power + 1.0)
        } else {
            0.0
        };
        if score > best.0 {
            best = (score, lag);
        }
    }
    best.1
}

/// Predicts what comes in `samples` from `from` on out of what is before.
fn carry_on(samples: &mut [f32], from: usize) {
    let coefficients = predict::coefficients(&samples[..from]);
    predict::carry_on(&coefficients, samples, from);
}

fn is_faint(samples: &[f32]) -> bool {
    samples.iter().map(|s| s * s).sum::<f32>() < FAINT * float(samples.len())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a few hundred samples"
)]
const fn float(count: usize) -> f32 {
    count as f32
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates, as is wanted"
)]
fn round(value: f32) -> i16 {
    value.round() as i16
}

/// Goes from `from` to `to` as `step` goes from 0 to `steps`.
fn blend(from: i16, to: i16, step: usize, steps: usize) -> i16 {
    let (step, steps) = (int(step.min(steps)), int(steps.max(1)));
    clamp((i32::from(from) * (steps - step) + i32::from(to) * step) / steps)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "counts of a few hundred samples"
)]
const fn int(count: usize) -> i32 {
    count as i32
}

#[expect(clippy::cast_possible_truncation, reason = "clamped")]
fn clamp(value: i32) -> i16 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "test signal"
    )]
    fn tone(k: usize, period: f32) -> i16 {
        (8_000.0 * (k as f32 / period * std::f32::consts::TAU).sin()) as i16
    }

    fn history(period: f32) -> [i16; HISTORY] {
        std::array::from_fn(|k| tone(k, period))
    }

    #[test]
    fn a_voice_goes_on_in_phase() {
        let mut plc = Plc::new();
        plc.begin(history(64.0));
        let mut out = [0; 160];
        assert!(plc.conceal(&mut out));
        for (k, &sample) in out.iter().enumerate().take(80) {
            let wanted = tone(HISTORY + k, 64.0);
            assert!(
                (i32::from(sample) - i32::from(wanted)).abs() < 400,
                "{k}: {sample} {wanted}"
            );
        }
    }

    #[test]
    fn fades_to_silence_by_60_ms() {
        let mut plc = Plc::new();
        plc.begin(history(50.0));
        let mut out = [0; 480];
        plc.conceal(&mut out);
        let peak = |part: &[i16]| part.iter().map(|s| s.unsigned_abs()).max().unwrap();
        assert!(peak(&out[..80]) > 7_900);
        assert!(peak(&out[160..240]) < 7_000);
        assert!(peak(&out[440..]) < 1_000);
        assert!(!plc.conceal(&mut out));
        assert!(out.iter().all(|&s| s == 0));
    }

    #[test]
    fn a_loss_between_two_tones_is_bridged_in_phase() {
        // The pitch has glided by 5 %, so that the past would arrive out of phase.
        let glide = |k: usize| {
            #[expect(clippy::cast_precision_loss, reason = "test signal")]
            let at = k as f32;
            let phase = at / 80.0 + 0.05 / 80.0 / 400.0 * (at - 400.0).max(0.0).powi(2);
            round(8_000.0 * (phase * std::f32::consts::TAU).sin())
        };
        let mut plc = Plc::new();
        plc.begin(std::array::from_fn(glide));
        let future: Vec<i16> = (0..160).map(|k| glide(HISTORY + 160 + k)).collect();
        plc.bridge(std::array::from_fn(glide), 160, &future);
        let mut out = [0; 160];
        assert!(plc.conceal(&mut out));
        let error: f32 = (0..160)
            .map(|k| f32::from(out[k]) - f32::from(glide(HISTORY + k)))
            .map(|e| e * e)
            .sum::<f32>()
            / 160.0;
        assert!(error.sqrt() < 800.0, "{}", error.sqrt());
        let mut after: [i16; 160] = future.clone().try_into().unwrap();
        plc.resume(&mut after);
        assert_eq!(after.as_slice(), future);
    }

    #[test]
    fn nothing_is_made_out_of_silence() {
        let mut plc = Plc::new();
        plc.begin([0; HISTORY]);
        let mut out = [1; 160];
        assert!(!plc.conceal(&mut out));
        assert!(out.iter().all(|&s| s == 0));
    }

    #[test]
    fn seams_have_no_clicks() {
        let mut plc = Plc::new();
        plc.begin(history(71.5));
        let mut out = vec![tone(HISTORY - 1, 71.5); 1];
        let mut lost = [0; 160];
        plc.conceal(&mut lost);
        out.extend_from_slice(&lost);
        let mut after: Vec<i16> = (0..160).map(|k| tone(HISTORY + 160 + k, 71.5)).collect();
        plc.resume(&mut after);
        out.extend_from_slice(&after);
        for pair in out.windows(2) {
            let step = (i32::from(pair[1]) - i32::from(pair[0])).abs();
            assert!(step < 1_600, "{pair:?}");
        }
    }
}
