//! The pure half of the media bridge: G.711 and Opus, RTP, jitter buffers with loss concealment, RFC 4733 keys, voice
//! activity and the mixer. No clock, socket, thread or log inside; nothing allocates between two ticks, but for the frames of
//! browsers, which are shared by reference.
//!
//! Time is a count of samples at 8 kHz ([`SampleClock`]) handed in by the caller; a tick is [`FRAME_SAMPLES`] long.

mod delay;
pub mod dtmf;
pub mod g711;
pub mod jitter;
pub mod mixer;
pub mod opus;
pub mod opus_jitter;
mod plc;
mod predict;
pub mod prompt;
pub mod resample;
mod ring;
pub mod rtp;
pub mod stats;
pub mod vad;
pub mod wide;

/// Samples a second of telephones, and of our clock.
pub const SAMPLE_RATE_HZ: u32 = 8_000;

/// Samples in one tick of 20 ms.
pub const FRAME_SAMPLES: usize = 160;

/// The same, as a step of the RTP timestamp.
pub const FRAME_STEP: u32 = 160;

/// One tick in milliseconds.
pub const FRAME_MS: u32 = 20;

/// A local clock in samples (1/8000 s), wrapping, of any origin.
pub type SampleClock = u32;
