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

/// Reads the samples of a 16-bit mono WAV file; the length in a header that was never finished is not believed.
pub fn read_wav(path: &Path) -> io::Result<Vec<i16>> {
    let bytes = std::fs::read(path)?;
    let at = bytes
        .windows(4)
        .position(|four| four == b"data")
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no data in the WAV file"))?;
    Ok(bytes[at + 8..]
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

/// ITU-T G.711 A-law by its segments, all even bits inverted.
fn a_law(sample: i16) -> u8 {
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
fn mu_law(sample: i16) -> u8 {
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
fn mu_law_comes_back_within_its_steps() {
    for sample in (-32_000..32_000).step_by(37) {
        let back = from_mu_law(&[mu_law(sample)])[0];
        let error = (i32::from(back) - i32::from(sample)).abs();
        assert!(
            error <= i32::from(sample).abs() / 16 + 8,
            "{sample} came back as {back}"
        );
    }
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
