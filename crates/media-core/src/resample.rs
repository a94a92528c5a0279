//! Between the telephone's 8 kHz and the wide 16 kHz: one half-band filter, used both ways.
//!
//! 63 taps, of which every second one but the middle is zero; flat to 3.4 kHz, 70 dB down from 4.6 kHz on. It delays by 2 ms.
//! Both directions are linear, so that voices can be added before, and no voice needs a filter of its own.

use crate::FRAME_SAMPLES;
use crate::opus::WIDE_SAMPLES;

/// Different taps beside the middle one.
const TAPS: usize = 16;
/// Samples of the past that each direction needs.
const PAST_NARROW: usize = 2 * TAPS - 1;
const PAST_WIDE: usize = 4 * TAPS - 2;
/// Shape of the window (Kaiser): 70 dB.
const BETA: f64 = 6.8;

/// The taps at distances 1, 3, 5 … from the middle, whose own is ½.
type Half = [f32; TAPS];

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "filter design: small counts, and single precision is enough for 16-bit sound"
)]
fn design() -> Half {
    let taps: [f64; TAPS] = std::array::from_fn(|k| {
        let distance = (2 * k + 1) as f64;
        let ideal =
            (std::f64::consts::FRAC_PI_2 * distance).sin() / (std::f64::consts::PI * distance);
        let place = distance / (2 * TAPS) as f64;
        ideal * bessel(BETA * (1.0 - place * place).sqrt()) / bessel(BETA)
    });
    // Both sides together have to let a constant pass with the other ½.
    let sum: f64 = taps.iter().sum();
    taps.map(|tap| (tap / sum / 4.0) as f32)
}

/// The modified Bessel function of order 0.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..40_u32 {
        let factor = x / 2.0 / f64::from(k);
        term *= factor * factor;
        sum += term;
    }
    sum
}

/// 8 kHz to 16 kHz.
#[derive(Debug)]
pub struct Upsampler {
    taps: Half,
    past: [f32; PAST_NARROW],
}

impl Default for Upsampler {
    fn default() -> Self {
        Self::new()
    }
}

impl Upsampler {
    /// After silence.
    #[must_use]
    pub fn new() -> Self {
        Self {
            taps: design(),
            past: [0.0; PAST_NARROW],
        }
    }

    /// As after silence.
    pub fn reset(&mut self) {
        self.past = [0.0; PAST_NARROW];
    }

    /// The next 20 ms.
    pub fn process(&mut self, narrow: &[i32; FRAME_SAMPLES], wide: &mut [i32; WIDE_SAMPLES]) {
        let mut samples = [0.0_f32; PAST_NARROW + FRAME_SAMPLES];
        let (past, present) = samples.split_at_mut(PAST_NARROW);
        past.copy_from_slice(&self.past);
        for (to, &from) in present.iter_mut().zip(narrow) {
            *to = float(from);
        }
        let windows = samples.windows(2 * TAPS);
        for (window, out) in windows.zip(wide.chunks_exact_mut(2)) {
            let (before, after) = window.split_at(TAPS);
            let mut between = 0.0;
            for ((tap, left), right) in self.taps.iter().zip(before.iter().rev()).zip(after) {
                between += tap * (left + right);
            }
            if let ([.., middle], [first, second]) = (before, out) {
                *first = round(*middle);
                *second = round(between * 2.0);
            }
        }
        if let Some(last) = samples.last_chunk() {
            self.past = *last;
        }
    }
}

/// 16 kHz to 8 kHz.
#[derive(Debug)]
pub struct Downsampler {
    taps: Half,
    past: [f32; PAST_WIDE],
}

impl Default for Downsampler {
    fn default() -> Self {
        Self::new()
    }
}

impl Downsampler {
    /// After silence.
    #[must_use]
    pub fn new() -> Self {
        Self {
            taps: design(),
            past: [0.0; PAST_WIDE],
        }
    }

    /// As after silence.
    pub fn reset(&mut self) {
        self.past = [0.0; PAST_WIDE];
    }

    /// The next 20 ms.
    pub fn process(&mut self, wide: &[i32; WIDE_SAMPLES], narrow: &mut [i32; FRAME_SAMPLES]) {
        let mut samples = [0.0_f32; PAST_WIDE + WIDE_SAMPLES];
        let (past, present) = samples.split_at_mut(PAST_WIDE);
        past.copy_from_slice(&self.past);
        for (to, &from) in present.iter_mut().zip(wide) {
            *to = float(from);
        }
        let windows = samples.windows(PAST_WIDE + 1).step_by(2);
        for (window, out) in windows.zip(narrow) {
            let (before, rest) = window.split_at(PAST_WIDE / 2);
            let (middle, after) = rest.split_at(1);
            let mut sum = middle.iter().sum::<f32>() / 2.0;
            let pairs = before.iter().rev().zip(after).step_by(2);
            for (tap, (left, right)) in self.taps.iter().zip(pairs) {
                sum += tap * (left + right);
            }
            *out = round(sum);
        }
        if let Some(last) = samples.last_chunk() {
            self.past = *last;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "sums of a few 16-bit samples")]
const fn float(sample: i32) -> f32 {
    sample as f32
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "sums of a few 16-bit samples"
)]
fn round(sample: f32) -> i32 {
    sample.round() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tone of 10,000 at a rate, frame by frame.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "test signal"
    )]
    fn tone<const N: usize>(hertz: f64, rate: f64, frame: usize) -> [i32; N] {
        std::array::from_fn(|i| {
            let at = (frame * N + i) as f64 / rate;
            (10_000.0 * (hertz * std::f64::consts::TAU * at).sin()).round() as i32
        })
    }

    fn decibels<const N: usize>(frames: &[[i32; N]]) -> f64 {
        let all = frames.iter().flatten();
        let sum: f64 = all.map(|&s| f64::from(s) * f64::from(s)).sum();
        let count = f64::from(u32::try_from(frames.len() * N).unwrap());
        10.0 * (sum / count / 5e7 + 1e-12).log10()
    }

    fn up(hertz: f64) -> Vec<[i32; WIDE_SAMPLES]> {
        let mut upsampler = Upsampler::new();
        (0..20)
            .map(|n| {
                let mut wide = [0; WIDE_SAMPLES];
                upsampler.process(&tone(hertz, 8_000.0, n), &mut wide);
                wide
            })
            .collect()
    }

    fn down(hertz: f64) -> Vec<[i32; FRAME_SAMPLES]> {
        let mut downsampler = Downsampler::new();
        (0..20)
            .map(|n| {
                let mut narrow = [0; FRAME_SAMPLES];
                downsampler.process(&tone(hertz, 16_000.0, n), &mut narrow);
                narrow
            })
            .collect()
    }

    #[test]
    fn the_telephone_band_passes_and_what_lies_above_does_not() {
        for hertz in [60.0, 300.0, 1_000.0, 2_500.0, 3_400.0] {
            assert!(decibels(&up(hertz)[2..]).abs() < 0.1, "{hertz}");
            assert!(decibels(&down(hertz)[2..]).abs() < 0.1, "{hertz}");
        }
        for hertz in [4_650.0, 5_500.0, 7_500.0] {
            assert!(decibels(&down(hertz)[2..]) < -60.0, "{hertz}");
        }
    }

    #[test]
    fn there_is_no_image_in_the_upper_half() {
        // What is left after the tone itself (delayed by 31 wide samples, fitted in both phases) is taken away.
        let all: Vec<f64> = up(3_000.0)[2..]
            .iter()
            .flatten()
            .map(|&s| f64::from(s))
            .collect();
        let (mut sine, mut cosine) = (0.0, 0.0);
        let phase = |i: usize| {
            f64::from(u32::try_from(i).unwrap()) * 3_000.0 / 16_000.0 * std::f64::consts::TAU
        };
        for (i, s) in all.iter().enumerate() {
            sine += s * phase(i).sin();
            cosine += s * phase(i).cos();
        }
        let half = f64::from(u32::try_from(all.len()).unwrap()) / 2.0;
        let (sine, cosine) = (sine / half, cosine / half);
        let rest: f64 = all
            .iter()
            .enumerate()
            .map(|(i, s)| s - sine * phase(i).sin() - cosine * phase(i).cos())
            .map(|rest| rest * rest)
            .sum();
        assert!(10.0 * (rest / half / 2.0 / 5e7).log10() < -60.0);
    }

    #[test]
    fn up_and_down_again_is_the_same_four_milliseconds_later() {
        let (mut up, mut down) = (Upsampler::new(), Downsampler::new());
        let (mut went, mut came) = (Vec::new(), Vec::new());
        for n in 0..10 {
            let narrow: [i32; FRAME_SAMPLES] = tone(700.0, 8_000.0, n);
            let (mut wide, mut back) = ([0; WIDE_SAMPLES], [0; FRAME_SAMPLES]);
            up.process(&narrow, &mut wide);
            down.process(&wide, &mut back);
            went.extend(narrow);
            came.extend(back);
        }
        // 16 samples one way; the way back takes 15½, of which the even ones are the input's own.
        let shift = (27..37)
            .min_by_key(|shift| {
                let pairs = went[400..1_000].iter().zip(&came[400 + shift..]);
                pairs.map(|(a, b)| (a - b).unsigned_abs()).max().unwrap()
            })
            .unwrap();
        assert!((30..=33).contains(&shift), "{shift}");
    }
}
