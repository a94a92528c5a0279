//! G.711 A-law and µ-law by own tables, equal to the ITU-T reference (G.191 software tools) in every code.
//!
//! Linear samples are 16 bit. The reference takes negative samples by one's complement, so a code depends only on the
//! upper 14 (µ) or 12 (A) bits of the sample, which is why the encoder tables are that small.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "compile-time tables: every value was proved in range by the tests over all codes and samples"
)]

use convoke_types::media::Codec;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// µ-law.
    Mu,
    /// A-law.
    A,
}

impl Law {
    /// The law of a codec; `None` for codecs that are not G.711.
    #[must_use]
    pub const fn of(codec: Codec) -> Option<Self> {
        match codec {
            Codec::Pcmu => Some(Law::Mu),
            Codec::Pcma => Some(Law::A),
            Codec::Opus => None,
        }
    }
}

/// The µ-law code of a zero sample (positive zero).
pub const ULAW_SILENCE: u8 = 0xFF;
/// The A-law code of the smallest positive sample (there is no zero in A-law).
pub const ALAW_SILENCE: u8 = 0xD5;

/// Samples up to this magnitude count as no sound at all: the two smallest A-law codes, and µ-law's zeros and first
/// steps. It is 72 dB under full scale and under any telephone's own noise, so it gates nobody.
pub const IDLE_MAGNITUDE: i16 = 8;

static ULAW_DECODE: [i16; 256] = ulaw_decode_table();
static ALAW_DECODE: [i16; 256] = alaw_decode_table();
static ULAW_ENCODE: [u8; 1 << 14] = ulaw_encode_table();
static ALAW_ENCODE: [u8; 1 << 12] = alaw_encode_table();
static ULAW_POWER: [u32; 256] = power_table(&ULAW_DECODE_CONST);
static ALAW_POWER: [u32; 256] = power_table(&ALAW_DECODE_CONST);
const ULAW_DECODE_CONST: [i16; 256] = ulaw_decode_table();
const ALAW_DECODE_CONST: [i16; 256] = alaw_decode_table();

/// The code that stands for silence.
#[must_use]
pub const fn silence(law: Law) -> u8 {
    match law {
        Law::Mu => ULAW_SILENCE,
        Law::A => ALAW_SILENCE,
    }
}

/// One code to a 16-bit linear sample.
#[must_use]
#[inline]
pub fn decode(law: Law, code: u8) -> i16 {
    decode_table(law)[usize::from(code)]
}

/// One 16-bit linear sample to a code.
#[must_use]
#[inline]
pub fn encode(law: Law, sample: i16) -> u8 {
    match law {
        Law::Mu => encode_ulaw(sample),
        Law::A => encode_alaw(sample),
    }
}

/// Decodes as many codes as both slices hold.
pub fn decode_into(law: Law, codes: &[u8], samples: &mut [i16]) {
    let table = decode_table(law);
    for (sample, &code) in samples.iter_mut().zip(codes) {
        *sample = table[usize::from(code)];
    }
}

/// Encodes as many samples as both slices hold.
pub fn encode_into(law: Law, samples: &[i16], codes: &mut [u8]) {
    match law {
        Law::Mu => {
            for (code, &sample) in codes.iter_mut().zip(samples) {
                *code = encode_ulaw(sample);
            }
        }
        Law::A => {
            for (code, &sample) in codes.iter_mut().zip(samples) {
                *code = encode_alaw(sample);
            }
        }
    }
}

/// Mean square of a coded frame in squared 16-bit units, without decoding it; samples of idle codes count as zero, so
/// digital silence is exactly 0. An empty frame is 0.
#[must_use]
pub fn mean_square(law: Law, codes: &[u8]) -> u32 {
    let quiet = silence(law);
    // The whole frame is one idle code in most packets of most legs; comparing is several times cheaper than summing.
    if codes.iter().fold(0_u8, |acc, &code| acc | (code ^ quiet)) == 0 {
        return 0;
    }
    let table = match law {
        Law::Mu => &ULAW_POWER,
        Law::A => &ALAW_POWER,
    };
    let sum: u64 = codes
        .iter()
        .map(|&code| u64::from(table[usize::from(code)]))
        .sum();
    let count = codes.len().max(1) as u64;
    (sum / count) as u32
}

fn decode_table(law: Law) -> &'static [i16; 256] {
    match law {
        Law::Mu => &ULAW_DECODE,
        Law::A => &ALAW_DECODE,
    }
}

#[inline]
fn encode_ulaw(sample: i16) -> u8 {
    ULAW_ENCODE[usize::from((sample as u16) >> 2)]
}

#[inline]
fn encode_alaw(sample: i16) -> u8 {
    ALAW_ENCODE[usize::from((sample as u16) >> 4)]
}

const fn ulaw_decode_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let inverted = !(code as u8);
        let exponent = (inverted >> 4) & 7;
        let mantissa = (inverted & 15) as i32;
        let step = 8_i32 << exponent;
        let magnitude = (0x80_i32 << exponent) + step * mantissa + step / 2 - 4 * 33;
        table[code] = if inverted & 0x80 == 0 {
            magnitude as i16
        } else {
            -magnitude as i16
        };
        code += 1;
    }
    table
}

const fn alaw_decode_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let plain = (code as u8) ^ 0x55;
        let exponent = (plain >> 4) & 7;
        let mut magnitude = (((plain & 15) as i32) << 4) + 8;
        if exponent > 0 {
            magnitude = (magnitude + 256) << (exponent - 1);
        }
        table[code] = if plain & 0x80 != 0 {
            magnitude as i16
        } else {
            -magnitude as i16
        };
        code += 1;
    }
    table
}

const fn ulaw_encode_table() -> [u8; 1 << 14] {
    let mut table = [0; 1 << 14];
    let mut index = 0;
    while index < table.len() {
        let linear = ((index << 2) as u16 as i16) >> 2;
        let magnitude = if linear < 0 { !linear } else { linear };
        let mut biased = magnitude + 33;
        if biased > 0x1FFF {
            biased = 0x1FFF;
        }
        let mut segment = 1;
        while biased >> (5 + segment) != 0 {
            segment += 1;
        }
        let high = (8 - segment) as u8;
        let low = 15 - ((biased >> segment) & 15) as u8;
        let sign = if linear >= 0 { 0x80 } else { 0 };
        table[index] = sign | (high << 4) | low;
        index += 1;
    }
    table
}

const fn alaw_encode_table() -> [u8; 1 << 12] {
    let mut table = [0; 1 << 12];
    let mut index = 0;
    while index < table.len() {
        let linear = ((index << 4) as u16 as i16) >> 4;
        let mut magnitude = if linear < 0 { !linear } else { linear };
        if magnitude > 15 {
            let mut exponent = 1;
            while magnitude > 31 {
                magnitude >>= 1;
                exponent += 1;
            }
            magnitude = magnitude - 16 + (exponent << 4);
        }
        let sign = if linear >= 0 { 0x80 } else { 0 };
        table[index] = (sign | magnitude as u8) ^ 0x55;
        index += 1;
    }
    table
}

const fn power_table(decoded: &[i16; 256]) -> [u32; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let sample = decoded[code] as i32;
        if sample > IDLE_MAGNITUDE as i32 || sample < -(IDLE_MAGNITUDE as i32) {
            table[code] = (sample * sample) as u32;
        }
        code += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G.711 table 1a by its decision values: segment 1 and 2 have steps of 2 (of 4096), each further one doubles.
    fn alaw_by_definition(sample: i16) -> u8 {
        let positive = sample >= 0;
        let magnitude = i32::from(if positive { sample } else { !sample }) >> 4; // of 2048
        let mut lower = 0;
        let mut code = 0_u8;
        for number in 0..128 {
            let step = if number < 32 {
                1
            } else {
                1 << ((number - 16) / 16)
            };
            if magnitude >= lower {
                code = number as u8;
            }
            lower += step;
        }
        (code | if positive { 0x80 } else { 0 }) ^ 0x55
    }

    /// G.711 table 2a by its decision values: 0, 1, 3, 5 … 31, 35 … 95, 103 … 8159 (of 8192).
    fn ulaw_by_definition(sample: i16) -> u8 {
        let positive = sample >= 0;
        let magnitude = i32::from(if positive { sample } else { !sample }) >> 2;
        let mut lower = 0;
        let mut code = 0_u8;
        for number in 0..128 {
            if magnitude >= lower {
                code = number as u8;
            }
            lower += if number == 0 { 1 } else { 2 << (number / 16) };
        }
        let inverted = !code & 0x7F;
        inverted | if positive { 0x80 } else { 0 }
    }

    #[test]
    fn every_sample_encodes_by_the_definition() {
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(
                encode(Law::A, sample),
                alaw_by_definition(sample),
                "A-law {sample}"
            );
            assert_eq!(
                encode(Law::Mu, sample),
                ulaw_by_definition(sample),
                "µ-law {sample}"
            );
        }
    }

    #[test]
    fn every_code_decodes_to_the_middle_of_its_interval() {
        for law in [Law::A, Law::Mu] {
            for code in 0..=u8::MAX {
                let all: Vec<i32> = (i16::MIN..=i16::MAX)
                    .filter(|&s| encode(law, s) == code)
                    .map(i32::from)
                    .collect();
                let (low, high) = (all[0], all[all.len() - 1] + 1);
                let value = i32::from(decode(law, code));
                // Table 2a gives the outermost µ-law level as 8031 and the innermost as 0, which clipping at 8159 and
                // the half-width first interval move off the middle of the 16-bit interval.
                let special = law == Law::Mu && (matches!(code & 0x7F, 0x7F | 0x00));
                if special {
                    assert_eq!(value.abs(), if code & 0x7F == 0 { 4 * 8031 } else { 0 });
                } else {
                    assert_eq!(value, i32::midpoint(low, high), "{law:?} {code:#x}");
                }
            }
        }
    }

    #[test]
    fn well_known_codes() {
        assert_eq!(encode(Law::A, 0), ALAW_SILENCE);
        assert_eq!(encode(Law::Mu, 0), ULAW_SILENCE);
        assert_eq!(decode(Law::A, 0xAA), 32_256);
        assert_eq!(decode(Law::Mu, 0x80), 32_124);
    }

    #[test]
    fn codes_survive_a_round_trip() {
        for code in 0..=u8::MAX {
            assert_eq!(encode(Law::A, decode(Law::A, code)), code);
            let again = encode(Law::Mu, decode(Law::Mu, code));
            assert!(
                again == code || (code == 0x7F && again == 0xFF),
                "{code:#x} {again:#x}"
            );
        }
    }

    #[test]
    fn power_by_table_equals_power_of_the_decoded_samples() {
        let codes: Vec<u8> = (0..=255).collect();
        for law in [Law::A, Law::Mu] {
            let sum: u64 = codes
                .iter()
                .map(|&c| i64::from(decode(law, c)))
                .filter(|s| s.abs() > i64::from(IDLE_MAGNITUDE))
                .map(|s| (s * s) as u64)
                .sum();
            assert_eq!(u64::from(mean_square(law, &codes)), sum / 256);
            assert_eq!(mean_square(law, &[silence(law); 160]), 0);
        }
        assert_eq!(mean_square(Law::A, &[0xD5, 0x55, 0xD5, 0x55]), 0);
        assert_eq!(mean_square(Law::Mu, &[]), 0);
    }
}
