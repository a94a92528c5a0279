//! The wide half of a mix, for conferences that browsers take part in.
//!
//! There are two buses. Telephones' voices are added at 8 kHz as ever, browsers' at 16 kHz; then the sum of each goes through
//! one filter to the other. So no voice passes a filter on its way to its own kind, nobody's own voice passes one before it is
//! taken out again, and a conference needs two filters however many take part.
//!
//! Every listener hears one shared stream, coded once; each of the few that are heard has a stream of its own, since he hears
//! the mix without himself. An encoder is never asked about silence: a leg that hears none is told so ([`WideSound::Silence`])
//! and what it sends instead is its own matter. A stream that was left out for a tick begins anew.

use std::sync::Arc;

use crate::FRAME_SAMPLES;
use crate::g711::IDLE_MAGNITUDE;
use crate::mixer::MAX_HEARD;
use crate::opus::{Encoder, MAX_FRAME_BYTES, OpusError, WIDE_SAMPLES, WideFrame};
use crate::resample::{Downsampler, Upsampler};

/// What a wide leg hears in a tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WideSound {
    /// Nothing.
    Silence,
    /// This Opus frame, which others may hear as well.
    Frame(Arc<[u8]>),
}

/// One stream of frames.
#[derive(Debug)]
struct Stream {
    encoder: Encoder,
    /// The tick of the last frame.
    last: u64,
}

impl Stream {
    fn new() -> Result<Self, OpusError> {
        Ok(Self {
            encoder: Encoder::new()?,
            last: 0,
        })
    }

    fn code(&mut self, tick: u64, frame: &WideFrame) -> WideSound {
        if frame
            .iter()
            .all(|s| (-IDLE_MAGNITUDE..=IDLE_MAGNITUDE).contains(s))
        {
            return WideSound::Silence;
        }
        if self.last + 1 != tick {
            self.encoder.reset();
        }
        self.last = tick;
        let mut bytes = [0; MAX_FRAME_BYTES];
        self.encoder
            .encode(frame, &mut bytes)
            .map_or(WideSound::Silence, |frame| WideSound::Frame(frame.into()))
    }
}

/// Made outside of the mix, since its encoders take some memory; given to [`crate::mixer::Mixer::widen`].
#[derive(Debug)]
pub struct Wide {
    /// Wide slots of the mix.
    pub(crate) slots: usize,
    /// Decoded frames of the heard, by place; those of telephones are not used.
    pub(crate) samples: [WideFrame; MAX_HEARD],
    /// Which places are wide and have a frame in this tick.
    pub(crate) present: [bool; MAX_HEARD],
    /// The sum of wide voices, then of all.
    bus: [i32; WIDE_SAMPLES],
    up: Upsampler,
    down: Downsampler,
    /// Whether sound went through the filters in the last tick, so that they hold some of it.
    up_active: bool,
    down_active: bool,
    shared: Stream,
    own: [Stream; MAX_HEARD],
    /// Whose stream each of `own` is.
    owners: [Option<usize>; MAX_HEARD],
    shared_sound: Option<WideSound>,
    tick: u64,
}

impl Wide {
    /// With all its encoders.
    ///
    /// # Errors
    /// When memory is short.
    pub fn new() -> Result<Self, OpusError> {
        Ok(Self {
            slots: 0,
            samples: [[0; WIDE_SAMPLES]; MAX_HEARD],
            present: [false; MAX_HEARD],
            bus: [0; WIDE_SAMPLES],
            up: Upsampler::new(),
            down: Downsampler::new(),
            up_active: false,
            down_active: false,
            shared: Stream::new()?,
            own: [
                Stream::new()?,
                Stream::new()?,
                Stream::new()?,
                Stream::new()?,
                Stream::new()?,
            ],
            owners: [None; MAX_HEARD],
            shared_sound: None,
            // A stream's first frame must not look like the one after tick 0.
            tick: 1,
        })
    }

    /// Adds the wide voices up, lets each sum pass to the other side, and begins the next tick. `narrow` holds the sum of the
    /// telephones' voices; `narrow_heard` whether there are any, `narrow_slots` whether a telephone listens.
    pub(crate) fn mix(
        &mut self,
        narrow: &mut [i32; FRAME_SAMPLES],
        narrow_heard: bool,
        narrow_slots: bool,
    ) {
        self.tick += 1;
        self.shared_sound = None;
        self.bus = [0; WIDE_SAMPLES];
        let mut wide_heard = false;
        for (samples, present) in self.samples.iter().zip(&self.present) {
            if *present {
                wide_heard = true;
                for (sum, &sample) in self.bus.iter_mut().zip(samples) {
                    *sum += i32::from(sample);
                }
            }
        }
        let mut across = [0; FRAME_SAMPLES];
        if narrow_slots && (wide_heard || self.down_active) {
            self.down.process(&self.bus, &mut across);
            self.down_active = wide_heard;
        } else if !narrow_slots {
            self.down_active = false;
            self.down.reset();
        }
        if narrow_heard || self.up_active {
            let mut upward = [0; WIDE_SAMPLES];
            self.up.process(narrow, &mut upward);
            self.up_active = narrow_heard;
            for (sum, upward) in self.bus.iter_mut().zip(upward) {
                *sum += upward;
            }
        }
        for (sum, across) in narrow.iter_mut().zip(across) {
            *sum += across;
        }
    }

    /// Takes note of a leg that is gone.
    pub(crate) fn forget(&mut self, slot: usize) {
        for owner in &mut self.owners {
            if *owner == Some(slot) {
                *owner = None;
            }
        }
    }

    /// The streams of legs that are not heard any more are free for others.
    pub(crate) fn release(&mut self, is_heard: impl Fn(usize) -> bool) {
        for owner in &mut self.owners {
            if owner.is_some_and(|slot| !is_heard(slot)) {
                *owner = None;
            }
        }
    }

    /// What those hear who are not heard.
    pub(crate) fn listen(&mut self) -> WideSound {
        if let Some(sound) = &self.shared_sound {
            return sound.clone();
        }
        let frame = std::array::from_fn(|i| self.bus.get(i).map_or(0, |&sum| saturate(sum)));
        let sound = self.shared.code(self.tick, &frame);
        self.shared_sound = Some(sound.clone());
        sound
    }

    /// What the leg at this place hears: all but himself.
    pub(crate) fn listen_without(&mut self, slot: usize, place: usize) -> WideSound {
        let present = self.present.get(place).copied().unwrap_or(false);
        let Some(own) = self.samples.get(place).filter(|_| present) else {
            // Nothing of it is in the mix in this tick; the stream stays its own.
            let frame = std::array::from_fn(|i| self.bus.get(i).map_or(0, |&sum| saturate(sum)));
            return self.code_own(slot, &frame);
        };
        let mut frame = [0; WIDE_SAMPLES];
        for ((sample, &sum), &own) in frame.iter_mut().zip(&self.bus).zip(own) {
            *sample = saturate(sum - i32::from(own));
        }
        self.code_own(slot, &frame)
    }

    fn code_own(&mut self, slot: usize, frame: &WideFrame) -> WideSound {
        let known = self.owners.iter().position(|o| *o == Some(slot));
        let index = known.or_else(|| self.owners.iter().position(Option::is_none));
        // There are as many streams as can be heard at the same time, so one is always free.
        let Some((owner, stream)) =
            index.and_then(|i| Some((self.owners.get_mut(i)?, self.own.get_mut(i)?)))
        else {
            return WideSound::Silence;
        };
        if *owner != Some(slot) {
            *owner = Some(slot);
            stream.last = 0;
        }
        stream.code(self.tick, frame)
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "clamped")]
pub(crate) fn saturate(sum: i32) -> i16 {
    sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}
