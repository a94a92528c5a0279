//! Levels of tones in what a telephone heard: a Hann-windowed FFT of two seconds.

use realfft::RealFftPlanner;

/// Samples of one judgement: two seconds at 8 kHz, so that a bin is half a hertz.
pub const WINDOW_SAMPLES: usize = 16_000;
/// Bins of a half hertz on each side of a tone that belong to it (the Hann window's main lobe is two bins wide).
const SIDE_BINS: usize = 4;
/// Peak of full scale.
const FULL_SCALE: f64 = 32_768.0;

/// The spectrum of two seconds, in dBFS of a sine's peak (0 dBFS: a sine that just fits 16 bits).
pub struct Spectrum {
    bins_dbfs: Vec<f64>,
}

impl Spectrum {
    /// Of `WINDOW_SAMPLES` samples; fewer count as silence at the end.
    #[must_use]
    pub fn of(samples: &[i16]) -> Self {
        let mut planner = RealFftPlanner::<f64>::new();
        let fft = planner.plan_fft_forward(WINDOW_SAMPLES);
        let mut input = fft.make_input_vec();
        for (index, (slot, sample)) in input.iter_mut().zip(samples).enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "below 16,000")]
            let turn = index as f64 / WINDOW_SAMPLES as f64;
            let hann = 0.5 - 0.5 * (turn * std::f64::consts::TAU).cos();
            *slot = f64::from(*sample) / FULL_SCALE * hann;
        }
        let mut output = fft.make_output_vec();
        // The lengths are the plan's own, so this cannot fail; silence would fail the judgement anyway.
        let done = fft.process(&mut input, &mut output).is_ok();
        #[expect(clippy::cast_precision_loss, reason = "16,000")]
        let scale = 4.0 / WINDOW_SAMPLES as f64;
        let bins_dbfs = output
            .iter()
            .map(|bin| {
                if done {
                    20.0 * (bin.norm() * scale).max(1e-9).log10()
                } else {
                    -180.0
                }
            })
            .collect();
        Self { bins_dbfs }
    }

    /// The level of a tone.
    #[must_use]
    pub fn tone_dbfs(&self, hz: f32) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a frequency below 4 kHz, doubled"
        )]
        let bin = (f64::from(hz) * 2.0).round() as usize;
        let from = bin.saturating_sub(SIDE_BINS);
        self.bins_dbfs
            .iter()
            .skip(from)
            .take(2 * SIDE_BINS + 1)
            .copied()
            .fold(-180.0, f64::max)
    }

    /// The median bin.
    #[must_use]
    pub fn median_dbfs(&self) -> f64 {
        let mut sorted = self.bins_dbfs.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(-180.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::cast_possible_truncation, reason = "below full scale")]
    fn sine(hz: f64, dbfs: f64) -> Vec<i16> {
        let peak = 32_768.0 * 10_f64.powf(dbfs / 20.0);
        (0..WINDOW_SAMPLES)
            .map(|n| {
                (peak * (n as f64 * hz / 8_000.0 * std::f64::consts::TAU).sin()).round() as i16
            })
            .collect()
    }

    #[test]
    fn a_tone_has_its_level_and_the_rest_is_far_below() {
        let spectrum = Spectrum::of(&sine(500.0, -10.0));
        assert!(
            (spectrum.tone_dbfs(500.0) + 10.0).abs() < 0.1,
            "{}",
            spectrum.tone_dbfs(500.0)
        );
        assert!(spectrum.tone_dbfs(900.0) < -80.0);
        assert!(spectrum.median_dbfs() < -100.0);
    }

    #[test]
    fn a_tone_between_two_bins_is_found_as_well() {
        let spectrum = Spectrum::of(&sine(500.25, -10.0));
        assert!(
            (spectrum.tone_dbfs(500.25) + 10.0).abs() < 1.5,
            "{}",
            spectrum.tone_dbfs(500.25)
        );
    }
}
