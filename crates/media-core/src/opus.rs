//! Opus (RFC 6716) as the mix speaks it: one channel at 16 kHz, 20 ms a frame, by libopus.
//!
//! 16 kHz and not 48: what telephones and voices have to say lies under 8 kHz, and libopus spends on such a frame half of what
//! it spends on one of the full band. Decoders take what browsers send, of any band, and give 16 kHz all the same.

use opus::{Application, Bitrate, Channels, Signal};

/// Samples a second of a wide frame.
pub const WIDE_RATE_HZ: u32 = 16_000;
/// Samples of a wide frame of 20 ms.
pub const WIDE_SAMPLES: usize = 320;
/// A wide frame.
pub type WideFrame = [i16; WIDE_SAMPLES];

/// Steps of the RTP clock in a frame: Opus counts 48,000 a second whatever its band (RFC 7587 §4.1).
pub const RTP_STEP: u32 = 960;
/// Steps of the RTP clock in one of our sample clock.
pub const RTP_PER_CLOCK: u32 = 6;
/// Bits a second that we send, and ask browsers for.
pub const BITRATE: i32 = 24_000;
/// Bytes of the longest frame that our encoder makes.
pub const MAX_FRAME_BYTES: usize = 400;
/// Samples of the longest packet: 120 ms (RFC 6716 §3.1).
pub const MAX_PACKET_SAMPLES: usize = 1_920;
/// Payloads up to this long carry no sound: discontinuous transmission (RFC 7587 §3.1.3).
pub const DTX_BYTES: usize = 2;

/// 20 ms of silence that no encoder has to be asked for: one frame of the transform codec that says only *silent*.
pub const SILENT_FRAME: [u8; 3] = [0xF8, 0xFF, 0xFE];
/// 20 ms about which nothing is said (a frame of no length): silence goes on.
pub const DTX_FRAME: [u8; 1] = [0xF8];

/// What libopus spends on finding the best coding, of 10: at 5 speech sounds as at 10, for two thirds of the time.
const COMPLEXITY: i32 = 5;

/// Why a codec does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected libopus to {what}, came code {code}")]
pub struct OpusError {
    /// What was asked of it.
    pub what: &'static str,
    /// Its error code.
    pub code: i32,
}

fn failed(what: &'static str) -> impl Fn(opus::Error) -> OpusError {
    move |error| OpusError {
        what,
        code: error.code() as i32,
    }
}

/// Codes one stream.
#[derive(Debug)]
pub struct Encoder(opus::Encoder);

impl Encoder {
    /// For voices at [`BITRATE`].
    ///
    /// # Errors
    /// When memory is short.
    pub fn new() -> Result<Self, OpusError> {
        let rate = WIDE_RATE_HZ;
        let made = opus::Encoder::new(rate, Channels::Mono, Application::Voip);
        let mut encoder = made.map_err(failed("make an encoder"))?;
        let set = failed("set up an encoder");
        encoder
            .set_bitrate(Bitrate::Bits(BITRATE))
            .and_then(|()| encoder.set_complexity(COMPLEXITY))
            .and_then(|()| encoder.set_signal(Signal::Voice))
            .map_err(set)?;
        Ok(Self(encoder))
    }

    /// Forgets the past: the next frame stands for itself.
    pub fn reset(&mut self) {
        // It only writes into its own memory, and has no way to fail.
        let _cannot_fail = self.0.reset_state();
    }

    /// Codes a frame into `bytes`; `None` when libopus refuses, which it does for no frame of this length.
    pub fn encode<'a>(
        &mut self,
        frame: &WideFrame,
        bytes: &'a mut [u8; MAX_FRAME_BYTES],
    ) -> Option<&'a [u8]> {
        let length = self.0.encode(frame, bytes).ok()?;
        bytes.get(..length)
    }
}

/// Decodes one stream.
#[derive(Debug)]
pub struct Decoder(opus::Decoder);

impl Decoder {
    /// Knows nothing yet.
    ///
    /// # Errors
    /// When memory is short.
    pub fn new() -> Result<Self, OpusError> {
        opus::Decoder::new(WIDE_RATE_HZ, Channels::Mono)
            .map(Self)
            .map_err(failed("make a decoder"))
    }

    /// Forgets the past.
    pub fn reset(&mut self) {
        // As for the encoder.
        let _cannot_fail = self.0.reset_state();
    }

    /// Decodes a packet; gives the number of samples, 0 when it is none.
    pub fn decode(&mut self, packet: &[u8], samples: &mut [i16; MAX_PACKET_SAMPLES]) -> usize {
        if packet.is_empty() {
            return 0;
        }
        self.0.decode(packet, samples, false).unwrap_or(0)
    }

    /// Fills `samples` with what a lost packet before `next` held, as far as `next` tells (in-band redundancy), else with what
    /// may have come. A length that is no multiple of 2.5 ms gives silence.
    pub fn recover(&mut self, next: &[u8], samples: &mut [i16]) {
        let done = if next.is_empty() {
            0
        } else {
            self.0.decode(next, samples, true).unwrap_or(0)
        };
        silence_from(samples, done);
    }

    /// Fills `samples` with what may have come.
    pub fn conceal(&mut self, samples: &mut [i16]) {
        let done = self.0.decode(&[], samples, false).unwrap_or(0);
        silence_from(samples, done);
    }
}

fn silence_from(samples: &mut [i16], begin: usize) {
    if let Some(rest) = samples.get_mut(begin..) {
        rest.fill(0);
    }
}

/// How long a packet lasts, in samples at 8 kHz, by its first two bytes (RFC 6716 §3.1); `None` when it is none.
#[must_use]
pub fn duration(packet: &[u8]) -> Option<u32> {
    let &toc = packet.first()?;
    let config = toc >> 3;
    // Hundreds of microseconds.
    let frame = match config {
        // The linear prediction codec: 10, 20, 40 or 60 ms.
        0..=11 => [100, 200, 400, 600][usize::from(config & 3)],
        // The hybrid: 10 or 20 ms.
        12..=15 => [100, 200][usize::from(config & 1)],
        // The transform codec: 2.5, 5, 10 or 20 ms.
        _ => [25, 50, 100, 200][usize::from(config & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3F),
    };
    let whole = frame * frames;
    (whole > 0 && whole <= 1_200).then_some(whole * 4 / 5)
}

/// Power (mean square in 16-bit units) of an audio level (RFC 6464): decibels under the overload point.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 2^30"
)]
pub fn power_of_level(decibels: u8) -> u32 {
    (32_768.0_f32.powi(2) * 10_f32.powf(-f32::from(decibels.min(127)) / 10.0)) as u32
}

/// Mean square of a wide frame in 16-bit units; samples that count as idle in G.711 count as none here as well.
#[must_use]
pub fn mean_square(frame: &WideFrame) -> u32 {
    let sum: u64 = frame
        .iter()
        .map(|s| u64::from(s.unsigned_abs()))
        .filter(|&s| s > u64::from(crate::g711::IDLE_MAGNITUDE.unsigned_abs()))
        .map(|s| s * s)
        .sum();
    u32::try_from(sum / 320).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "test signal"
    )]
    fn tone(frame: usize) -> WideFrame {
        std::array::from_fn(|i| {
            let at = (frame * WIDE_SAMPLES + i) as f32 / 16_000.0;
            (8_000.0 * (440.0 * std::f32::consts::TAU * at).sin()) as i16
        })
    }

    #[test]
    fn a_tone_keeps_its_level() {
        let (mut encoder, mut decoder) = (Encoder::new().unwrap(), Decoder::new().unwrap());
        let (mut bytes, mut samples) = ([0; MAX_FRAME_BYTES], [0; MAX_PACKET_SAMPLES]);
        let mut powers = Vec::new();
        for n in 0..50 {
            let packet = encoder.encode(&tone(n), &mut bytes).unwrap();
            assert_eq!(duration(packet), Some(160));
            assert_eq!(decoder.decode(packet, &mut samples), WIDE_SAMPLES);
            powers.push(mean_square(samples.first_chunk().unwrap()));
        }
        let wanted = mean_square(&tone(0));
        for power in &powers[10..] {
            let ratio = f64::from(*power) / f64::from(wanted);
            assert!((0.8..1.25).contains(&ratio), "{power} {wanted}");
        }
    }

    #[test]
    fn silence_is_known_without_an_encoder() {
        let mut decoder = Decoder::new().unwrap();
        let mut samples = [1; MAX_PACKET_SAMPLES];
        for frame in [&SILENT_FRAME[..], &SILENT_FRAME, &DTX_FRAME, &DTX_FRAME] {
            assert_eq!(duration(frame), Some(160));
            assert_eq!(decoder.decode(frame, &mut samples), WIDE_SAMPLES);
            assert_eq!(mean_square(samples.first_chunk().unwrap()), 0);
        }
    }

    #[test]
    fn durations_agree_with_libopus() {
        for toc in 0..=u8::MAX {
            for second in [0, 1, 2, 3, 6, 12, 24, 48, 63] {
                let packet = [toc, second, 0, 0, 0, 0];
                let theirs = opus::packet::get_nb_samples(&packet, 8_000).ok();
                let ours = duration(&packet);
                let theirs = theirs.filter(|&samples| samples > 0 && samples <= 960);
                assert_eq!(
                    ours,
                    theirs.map(|s| u32::try_from(s).unwrap()),
                    "{packet:?}"
                );
            }
        }
        assert_eq!(duration(&[]), None);
        assert_eq!(duration(&[3]), None);
    }

    #[test]
    fn rubbish_is_no_sound_and_no_panic() {
        let mut decoder = Decoder::new().unwrap();
        let mut samples = [0; MAX_PACKET_SAMPLES];
        let mut state = 1_u32;
        for length in 0..300 {
            let packet: Vec<u8> = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state.to_be_bytes()[0]
                })
                .collect();
            assert!(decoder.decode(&packet, &mut samples) <= MAX_PACKET_SAMPLES);
            decoder.recover(&packet, &mut samples[..320]);
            decoder.conceal(&mut samples[..320]);
        }
    }

    #[test]
    fn levels_are_decibels() {
        assert_eq!(power_of_level(0), 1 << 30);
        assert_eq!(power_of_level(127), 0);
        assert!((105_000..110_000).contains(&power_of_level(40)));
    }
}
