//! Tones and WAV files: what telephones of other makes speak and hear.

use std::f64::consts::TAU;
use std::io;
use std::path::Path;

use realfft::RealFftPlanner;

/// Samples a second of every telephone here.
pub const RATE: u32 = 8_000;

/// A sine of `hz` (0: silence) at `dbfs` (0 is full scale) for `seconds`, 16 bits, 8 kHz.
pub fn tone(hz: f64, dbfs: f64, seconds: u32) -> Vec<i16> {
    let peak = f64::from(i16::MAX) * 10_f64.powf(dbfs / 20.0);
    (0..seconds * RATE)
        .map(|n| {
            #[expect(clippy::cast_possible_truncation, reason = "the peak is within i16")]
            let sample = (peak * (TAU * hz * f64::from(n) / f64::from(RATE)).sin()) as i16;
            sample
        })
        .collect()
}

/// G.711 law of a WAV file; `Linear` is 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    /// PCMA, payload type 8.
    A,
    /// PCMU, payload type 0.
    Mu,
    /// Not companded.
    Linear,
}

/// Writes a mono WAV file at 8 kHz. The companding is the textbook formula, independent of the product's tables.
pub fn write_wav(path: &Path, samples: &[i16], law: Law) -> io::Result<()> {
    let (format, bytes_each): (u16, u16) = match law {
        Law::Linear => (1, 2),
        Law::A => (6, 1),
        Law::Mu => (7, 1),
    };
    let data: Vec<u8> = match law {
        Law::Linear => samples
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect(),
        Law::A => samples.iter().map(|sample| a_law(*sample)).collect(),
        Law::Mu => samples.iter().map(|sample| mu_law(*sample)).collect(),
    };
    let length = u32::try_from(data.len()).map_err(io::Error::other)?;
    let mut wav = Vec::with_capacity(data.len() + 44);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + length).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16_u32.to_le_bytes());
    wav.extend_from_slice(&format.to_le_bytes());
    wav.extend_from_slice(&1_u16.to_le_bytes());
    wav.extend_from_slice(&RATE.to_le_bytes());
    wav.extend_from_slice(&(RATE * u32::from(bytes_each)).to_le_bytes());
    wav.extend_from_slice(&bytes_each.to_le_bytes());
    wav.extend_from_slice(&(bytes_each * 8).to_le_bytes());
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&length.to_le_bytes());
    wav.extend_from_slice(&data);
    std::fs::write(path, wav)
}

/// Reads the samples of a 16-bit mono WAV file that may still be written: the length in its header is not believed, and a file whose
/// header is not there yet has no samples yet.
pub fn read_wav(path: &Path) -> io::Result<Vec<i16>> {
    let bytes = std::fs::read(path)?;
    let data = bytes.windows(4).position(|four| four == b"data");
    let samples = data.and_then(|at| bytes.get(at + 8..)).unwrap_or(&[]);
    Ok(samples
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect())
}

/// The level of `hz` in dBFS within the first `RATE` × 2 samples or fewer, by a Hann window.
pub fn level_dbfs(samples: &[i16], hz: f64) -> f64 {
    level_at(samples, RATE, hz)
}

/// The same of samples at another rate: within the first two seconds or less.
pub fn level_at(samples: &[i16], rate: u32, hz: f64) -> f64 {
    let count = samples.len().min(2 * rate as usize);
    let length = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let mut input: Vec<f64> = samples[..count]
        .iter()
        .zip(0_u32..)
        .map(|(sample, n)| {
            let window = 0.5 - 0.5 * (TAU * f64::from(n) / length).cos();
            f64::from(*sample) / f64::from(i16::MAX) * window
        })
        .collect();
    let transform = RealFftPlanner::<f64>::new().plan_fft_forward(count);
    let mut output = transform.make_output_vec();
    transform
        .process(&mut input, &mut output)
        .expect("the buffers have the lengths that the plan asked for");
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a bin's number is small and positive"
    )]
    let bin = (hz * length / f64::from(rate)).round() as usize;
    let strongest = output[bin.saturating_sub(2)..(bin + 3).min(output.len())]
        .iter()
        .map(|value| value.norm())
        .fold(0.0, f64::max);
    20.0 * (strongest * 4.0 / length).max(1e-9).log10()
}

/// Zero crossings of the filter of [`to_telephone`] on each side.
const CROSSINGS: usize = 24;

/// What a telephone would have of this: 8 kHz, through a filter that ends below 4 kHz.
pub fn to_telephone(samples: &[i16], rate: u32) -> Vec<i16> {
    if rate <= RATE {
        return samples.to_vec();
    }
    // A sinc under a Hann window, in each of the places that samples of the one rate have between those of the other.
    let common = greatest_common_divisor(rate, RATE);
    let (step, phases) = ((rate / common) as usize, (RATE / common) as usize);
    let cutoff = 0.95 * f64::from(RATE) / f64::from(rate);
    let reach = CROSSINGS * step.div_ceil(phases);
    let filters: Vec<Vec<f64>> = (0..phases)
        .map(|phase| {
            let weight = |tap: usize| {
                let n = tap as f64 - reach as f64 - phase as f64 / phases as f64;
                let x = std::f64::consts::PI * n * cutoff;
                let sinc = if x == 0.0 { 1.0 } else { x.sin() / x };
                let window = 0.5 + 0.5 * (std::f64::consts::PI * n / (reach + 1) as f64).cos();
                cutoff * sinc * window
            };
            (0..=2 * reach).map(weight).collect()
        })
        .collect();
    (0..samples.len() * phases / step)
        .map(|out| {
            let (centre, filter) = (out * step / phases, &filters[out * step % phases]);
            let sum: f64 = filter
                .iter()
                .enumerate()
                .filter_map(|(tap, weight)| {
                    let at = (centre + tap).checked_sub(reach)?;
                    Some(weight * f64::from(*samples.get(at)?))
                })
                .sum();
            #[expect(clippy::cast_possible_truncation, reason = "bounded to 16 bits")]
            let sample = sum.round().clamp(-32_768.0, 32_767.0) as i16;
            sample
        })
        .collect()
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

/// By how many samples what was heard is later than the reference: the peak of the cross-correlation.
pub fn lag(reference: &[i16], heard: &[i16]) -> isize {
    let size = (reference.len() + heard.len()).next_power_of_two();
    let mut planner = RealFftPlanner::<f64>::new();
    let (forward, back) = (
        planner.plan_fft_forward(size),
        planner.plan_fft_inverse(size),
    );
    let spectrum = |samples: &[i16]| {
        let mut input: Vec<f64> = samples.iter().map(|sample| f64::from(*sample)).collect();
        input.resize(size, 0.0);
        let mut output = forward.make_output_vec();
        forward
            .process(&mut input, &mut output)
            .expect("the buffers have the lengths that the plan asked for");
        output
    };
    let mut product: Vec<_> = spectrum(heard)
        .into_iter()
        .zip(spectrum(reference))
        .map(|(heard, reference)| heard * reference.conj())
        .collect();
    // What an inverse transform asks of the ends, and rounding spoils.
    for end in [0, size / 2] {
        product[end].im = 0.0;
    }
    let mut correlation = back.make_output_vec();
    back.process(&mut product, &mut correlation)
        .expect("the buffers have the lengths that the plan asked for");
    let peak = (0..size)
        .max_by(|a, b| correlation[*a].total_cmp(&correlation[*b]))
        .unwrap_or_default();
    let (peak, size) = (peak.cast_signed(), size.cast_signed());
    if peak > size / 2 { peak - size } else { peak }
}

/// How long one look at a tone is.
pub const LOOK_MS: u32 = 20;

/// Whether a tone is there, in each 20 ms: within 15 dB of `dbfs`.
pub fn tone_in(samples: &[i16], rate: u32, hz: f64, dbfs: f64) -> Vec<bool> {
    let look = (rate * LOOK_MS / 1_000) as usize;
    samples
        .chunks_exact(look)
        .map(|samples| {
            // The Goertzel algorithm, without its recursion.
            let (mut real, mut imaginary) = (0.0, 0.0);
            for (sample, n) in samples.iter().zip(0_u32..) {
                let angle = TAU * hz * f64::from(n) / f64::from(rate);
                let sample = f64::from(*sample) / f64::from(i16::MAX);
                real += sample * angle.cos();
                imaginary += sample * angle.sin();
            }
            let peak = 2.0 * f64::hypot(real, imaginary) / look as f64;
            20.0 * peak.max(1e-9).log10() > dbfs - 15.0
        })
        .collect()
}

/// The longest stretch without the tone between its first and its last look, in milliseconds.
pub fn longest_gap_ms(there: &[bool]) -> u32 {
    let begin = there.iter().position(|there| *there).unwrap_or(there.len());
    let end = there.iter().rposition(|there| *there).unwrap_or(begin);
    let gaps = there[begin..end].split(|there| *there).map(<[bool]>::len);
    LOOK_MS * u32::try_from(gaps.max().unwrap_or(0)).unwrap_or(u32::MAX)
}

/// The samples of µ-law bytes (ITU-T G.711, table 2a), such as the recorded voices of the simulated telephones.
pub fn from_mu_law(bytes: &[u8]) -> Vec<i16> {
    let one = |byte: u8| {
        let code = !byte;
        let magnitude = ((i16::from(code & 0x0f) << 3) + 132) << ((code >> 4) & 7);
        if code & 0x80 == 0 {
            magnitude - 132
        } else {
            132 - magnitude
        }
    };
    bytes.iter().map(|byte| one(*byte)).collect()
}

/// The samples of A-law bytes (ITU-T G.711, table 1a).
pub fn from_a_law(bytes: &[u8]) -> Vec<i16> {
    let one = |byte: u8| {
        let code = byte ^ 0x55;
        let (exponent, mantissa) = ((code >> 4) & 7, i16::from(code & 0x0f));
        let magnitude = match exponent {
            0 => (mantissa << 4) + 8,
            _ => ((mantissa << 4) + 264) << (exponent - 1),
        };
        if code & 0x80 == 0 {
            -magnitude
        } else {
            magnitude
        }
    };
    bytes.iter().map(|byte| one(*byte)).collect()
}

/// ITU-T G.711 A-law by its segments, all even bits inverted.
pub(crate) fn a_law(sample: i16) -> u8 {
    let sign = if sample >= 0 { 0x80 } else { 0 };
    let magnitude = (if sample >= 0 {
        i32::from(sample)
    } else {
        -1 - i32::from(sample)
    }) >> 3;
    let exponent = if magnitude < 32 {
        0
    } else {
        magnitude.ilog2() - 4
    };
    let mantissa = if exponent == 0 {
        magnitude >> 1
    } else {
        magnitude >> exponent
    } & 0x0f;
    let code = sign | (i32::try_from(exponent).unwrap_or(0) << 4) | mantissa;
    u8::try_from(code).unwrap_or(0) ^ 0x55
}

/// ITU-T G.711 µ-law by its segments, all bits inverted.
pub(crate) fn mu_law(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let biased = (i32::from(sample).abs().min(32_635)) + 132;
    let exponent = biased.ilog2() - 7;
    let mantissa = (biased >> (exponent + 3)) & 0x0f;
    let code = sign | (i32::try_from(exponent).unwrap_or(0) << 4) | mantissa;
    !u8::try_from(code).unwrap_or(0)
}

#[test]
fn a_tone_is_found_at_its_level_and_nowhere_else() {
    let samples = tone(440.0, -10.0, 2);
    assert!((level_dbfs(&samples, 440.0) + 10.0).abs() < 0.2);
    assert!(level_dbfs(&samples, 1_000.0) < -60.0);
}

#[test]
fn both_laws_come_back_within_their_steps() {
    for sample in (-32_000..32_000).step_by(37) {
        let back = [
            from_mu_law(&[mu_law(sample)])[0],
            from_a_law(&[a_law(sample)])[0],
        ];
        for back in back {
            let error = (i32::from(back) - i32::from(sample)).abs();
            assert!(
                error <= i32::from(sample).abs() / 16 + 9,
                "{sample} came back as {back}"
            );
        }
    }
}

#[test]
fn a_lag_is_found_through_another_rate() {
    let mut state = 1_u32;
    let noise: Vec<i16> = (0..48_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            i16::try_from(state >> 18).unwrap() - 8_192
        })
        .collect();
    let mut late = vec![0; 4_800];
    late.extend_from_slice(&noise);
    assert_eq!(lag(&noise, &late), 4_800);
    assert_eq!(lag(&late, &noise), -4_800);
    let (noise, late) = (to_telephone(&noise, 48_000), to_telephone(&late, 48_000));
    assert_eq!((noise.len(), lag(&noise, &late)), (8_000, 800));
    for rate in [44_100, 48_000] {
        let wide: Vec<i16> = (0..rate)
            .map(|n| {
                let angle = TAU * 440.0 * f64::from(n) / f64::from(rate);
                #[expect(clippy::cast_possible_truncation, reason = "within i16")]
                let sample = (10_362.0 * angle.sin()) as i16;
                sample
            })
            .collect();
        let narrow = to_telephone(&wide, rate);
        assert_eq!(narrow.len(), 8_000);
        assert!((level_dbfs(&narrow, 440.0) + 10.0).abs() < 0.3, "{rate}");
        assert!(level_dbfs(&narrow, 1_000.0) < -60.0, "{rate}");
    }
}

#[test]
fn gaps_in_a_tone_are_as_long_as_they_are() {
    let mut samples = tone(440.0, -10.0, 1);
    samples[3_200..4_000].fill(0);
    samples[6_400..6_560].fill(0);
    let there = tone_in(&samples, RATE, 440.0, -10.0);
    assert_eq!((there.len(), longest_gap_ms(&there)), (50, 100));
    assert!(
        tone_in(&samples, RATE, 1_700.0, -10.0)
            .iter()
            .all(|there| !there)
    );
    assert_eq!(longest_gap_ms(&[false, false]), 0);
}

/// Code words of ITU-T G.711 (tables 1a, 2a): full scale, zero and the smallest steps.
#[test]
fn g711_code_words_are_the_standards() {
    assert_eq!(
        [a_law(0), a_law(-1), a_law(32_767), a_law(-32_768)],
        [0xd5, 0x55, 0xaa, 0x2a]
    );
    assert_eq!(
        [mu_law(0), mu_law(32_767), mu_law(-32_768)],
        [0xff, 0x80, 0x00]
    );
}
