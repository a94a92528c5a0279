//! Packet loss concealment: the last pitch periods go on, fading to silence by 60 ms.
//!
//! The idea is that of G.711 Appendix I (find the pitch, repeat one, then two, then three periods, overlap-add at the
//! seams), without its algorithmic delay: the first repeated period is bent onto the last sample that was heard.

/// Samples of the past that concealment looks at: three of the longest periods and the overlap.
pub(crate) const HISTORY: usize = 400;

/// Shortest and longest pitch period looked for, in samples: 200 Hz to 66 Hz (higher voices show a multiple).
const SHORTEST_PITCH: usize = 40;
const LONGEST_PITCH: usize = 120;
/// Samples that are compared with the past to find the pitch.
const WINDOW: usize = 160;
/// Concealed samples after which the fade begins (10 ms), and after which all is silent (60 ms).
const FADE_FROM: usize = 80;
pub(crate) const SILENT_FROM: usize = 480;
/// Seam between one number of repeated periods and the next.
const SEAM: usize = 16;
/// Longest overlap with the samples that come after a loss.
const LONGEST_RESUME: usize = 80;

/// State of one concealment. Costs nothing until something is lost.
#[derive(Debug, Clone)]
pub(crate) struct Plc {
    history: [i16; HISTORY],
    pitch: usize,
    concealed: usize,
    active: bool,
    silent: bool,
}

impl Plc {
    pub(crate) fn new() -> Self {
        Self {
            history: [0; HISTORY],
            pitch: SHORTEST_PITCH,
            concealed: 0,
            active: false,
            silent: true,
        }
    }

    /// Whether samples are being concealed (or were, up to the last one).
    pub(crate) fn active(&self) -> bool {
        self.active
    }

    /// Begins; `history` holds what was heard last.
    pub(crate) fn begin(&mut self, history: [i16; HISTORY]) {
        self.history = history;
        self.active = true;
        self.concealed = 0;
        self.silent = history[HISTORY - WINDOW..]
            .iter()
            .all(|s| s.unsigned_abs() <= 8);
        if !self.silent {
            self.pitch = find_pitch(&history);
        }
    }

    /// Fills `out` with what might have come. Returns false, leaving zeros, when that is silence.
    pub(crate) fn conceal(&mut self, out: &mut [i16]) -> bool {
        let silent = self.silent || self.concealed >= SILENT_FROM;
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

    /// Blends the beginning of what came after the loss with the concealment going on, and ends it.
    pub(crate) fn resume(&mut self, out: &mut [i16]) {
        self.active = false;
        // The longer the loss, the longer the overlap: 4 ms more for each 10 ms (Appendix I's proportion).
        let overlap = (self.pitch / 4 + self.concealed / 80 * 32)
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
    }

    fn sample(&self, k: usize) -> i16 {
        let periods = |k: usize| (k / FADE_FROM + 1).min(3);
        let now = periods(k);
        let mut value = self.repeated(k, now);
        if k >= FADE_FROM && k % FADE_FROM < SEAM && periods(k - SEAM) != now {
            value = blend(self.repeated(k, now - 1), value, k % FADE_FROM, SEAM);
        }
        let quarter = self.pitch / 4;
        if k < quarter {
            // Bend the first repeated samples onto the last one heard.
            let step = i32::from(self.history[HISTORY - 1])
                - i32::from(self.history[HISTORY - 1 - self.pitch]);
            value = clamp(i32::from(value) + step * int(quarter - k) / int(quarter + 1));
        }
        if k < FADE_FROM {
            return value;
        }
        let left = SILENT_FROM.saturating_sub(k);
        clamp(i32::from(value) * int(left) / int(SILENT_FROM - FADE_FROM))
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
