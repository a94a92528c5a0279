//! The jitter buffer of one web leg: whole Opus packets in the order of their timestamps, 20 ms of which are due at each tick.
//!
//! What is due is first only weighed ([`OpusBuffer::due`]): by the audio level that the browser tells (RFC 6464), else by what
//! was heard last. Only who is loud enough to be heard is decoded ([`OpusBuffer::take`]); the others' packets are dropped
//! unread ([`OpusBuffer::skip`]), and their decoder starts anew when their turn comes.
//!
//! The delay is managed as for telephones (see [`crate::jitter`]), in the same units of 1/8000 s, to which the RTP clock of Opus
//! is divided down; moves are whole multiples of 2.5 ms, since libopus conceals no other lengths. A loss whose end is here is
//! mended from the redundancy of the packet that follows, if the browser sends it, and concealed otherwise, for 60 ms at most.
//! Where the sender itself was silent (discontinuous transmission) nothing is missing.

use std::collections::VecDeque;

use crate::delay::{Arrival, Delay, MOST_STEP};
use crate::opus::{self, DTX_BYTES, Decoder, MAX_PACKET_SAMPLES, WIDE_SAMPLES, WideFrame};
use crate::rtp::distance;
use crate::{FRAME_STEP, SampleClock};

/// How far ahead of play a packet may lie: 320 ms.
const AHEAD: i32 = 2_560;
/// How far behind play a packet is still known as late: 128 ms.
const BEHIND: i32 = 1_024;
/// Packets held; more are dropped, the farthest first. 320 ms of packets of 10 ms, and some.
const MAX_HELD: usize = 36;
/// Play is never moved back beyond this much held: 200 ms.
const MOST_DELAY: i32 = 1_600;
/// A packet should be here this long before the tick that needs it: 5 ms.
const SPARE: i32 = 40;
/// Packets far from all others in a row after which the stream is taken to have jumped.
const MOST_STRAYS: u8 = 3;
/// Ticks without any packet after which play stops, and begins anew with the next: 500 ms, more than the 400 ms between the
/// packets of a silent sender.
const STARVED_TICKS: u16 = 25;
/// Longest loss that is concealed: 60 ms.
const LONGEST_LOSS: u32 = 480;
/// Moves are multiples of this: 2.5 ms.
const GRAIN: i32 = 20;
/// Mean square under which a frame is quiet: −45 dBFS.
const QUIET: u32 = 34_000;
/// What a packet is taken to weigh of whose stream no level is told and nothing was heard: −30 dB under overload.
const PRESUMED: u32 = 1_073_741;
/// Wide samples of one of our clock.
const WIDE_PER_CLOCK: usize = 2;
/// Decoded samples that wait: one packet's rest, and concealment before it.
const MAX_DECODED: usize = MAX_PACKET_SAMPLES + LONGEST_LOSS as usize * WIDE_PER_CLOCK;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// Stored, in time.
    Stored,
    /// Came again; dropped.
    Duplicate,
    /// Came after its turn, in whole or in part.
    Late,
    /// No Opus packet, or far from everything else in the stream; dropped.
    Stray,
}

/// Counts for tests and metrics; samples at 8 kHz.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpusCounts {
    /// Samples made up for what was lost.
    pub concealed: u64,
    /// Samples mended from the redundancy of packets that followed.
    pub recovered: u64,
    /// Packets that came (partly) too late.
    pub late: u64,
    /// Packets decoded.
    pub decoded: u64,
    /// Times that the position of play was moved.
    pub moves: u64,
}

#[derive(Debug)]
struct Held<P> {
    at: u32,
    length: u32,
    power: Option<u32>,
    payload: P,
}

impl<P: AsRef<[u8]>> Held<P> {
    fn end(&self) -> u32 {
        self.at.wrapping_add(self.length)
    }
    fn is_dtx(&self) -> bool {
        self.payload.as_ref().len() <= DTX_BYTES
    }
}

/// The buffer, over payloads of any kind that it need not copy; with the stream's decoder.
#[derive(Debug)]
pub struct OpusBuffer<P> {
    held: VecDeque<Held<P>>,
    decoder: Decoder,
    /// Decoded samples not yet taken.
    ready: VecDeque<i16>,
    /// Timestamp of what is to be decoded next.
    next: u32,
    /// So much is to be made up before it, since play was moved back.
    stretch: u32,
    playing: bool,
    /// The decoder knows nothing of what came before.
    fresh: bool,
    /// The sender said that it is silent.
    resting: bool,
    /// So much was lost in a row so far.
    losing: u32,
    /// Power of the last frame that was decoded, while there was no other since.
    measured: Option<u32>,
    newest: u32,
    next_pull: SampleClock,
    strays: u8,
    starved: u16,
    delay: Delay,
    counts: OpusCounts,
}

impl<P: AsRef<[u8]>> OpusBuffer<P> {
    /// Empty.
    #[must_use]
    pub fn new(decoder: Decoder) -> Self {
        Self {
            held: VecDeque::with_capacity(MAX_HELD),
            decoder,
            ready: VecDeque::with_capacity(MAX_DECODED),
            next: 0,
            stretch: 0,
            playing: false,
            fresh: true,
            resting: false,
            losing: 0,
            measured: None,
            newest: 0,
            next_pull: 0,
            strays: 0,
            starved: 0,
            delay: Delay::new(),
            counts: OpusCounts::default(),
        }
    }

    /// Forgets the stream; the next packet starts a new one.
    pub fn reset(&mut self) {
        self.held.clear();
        self.ready.clear();
        self.playing = false;
        self.strays = 0;
        self.forget_sound();
    }

    /// Counts since construction.
    #[must_use]
    pub fn counts(&self) -> OpusCounts {
        self.counts
    }

    /// Takes a packet that arrived at `now`; `timestamp` is in our clock (the RTP timestamp, unwrapped, by
    /// [`opus::RTP_PER_CLOCK`]), `level` what the sender tells of it (RFC 6464).
    pub fn push(
        &mut self,
        timestamp: u32,
        payload: P,
        level: Option<u8>,
        now: SampleClock,
    ) -> Pushed {
        let Some(length) = opus::duration(payload.as_ref()) else {
            return Pushed::Stray;
        };
        let wait = match distance(self.next_pull, now) {
            wait if (0..=FRAME_STEP.cast_signed()).contains(&wait) => wait,
            // Not pulled yet, or not lately: nothing is known of the ticks.
            _ => FRAME_STEP.cast_signed() / 2,
        };
        if !self.playing {
            self.start(timestamp, wait);
        }
        let mut offset = distance(timestamp, self.play());
        if !(-BEHIND..=AHEAD).contains(&offset) {
            self.strays += 1;
            if self.strays < MOST_STRAYS && !self.held.is_empty() {
                return Pushed::Stray;
            }
            self.start(timestamp, wait);
            offset = distance(timestamp, self.play());
        }
        self.strays = 0;
        let place = self.held.partition_point(|h| distance(h.at, timestamp) < 0);
        if self.held.get(place).is_some_and(|h| h.at == timestamp) {
            return Pushed::Duplicate;
        }
        let overtaken = distance(timestamp, self.newest) < 0;
        if !overtaken {
            self.newest = timestamp;
        }
        let late = distance(timestamp, self.next) < 0;
        let spare = offset
            - if wait >= SPARE {
                0
            } else {
                FRAME_STEP.cast_signed()
            };
        let held = Held {
            at: timestamp,
            length,
            power: level.map(opus::power_of_level),
            payload,
        };
        if distance(held.end(), self.next) > 0 {
            if self.held.len() >= MAX_HELD {
                self.held.pop_back();
            }
            self.held.insert(place.min(self.held.len()), held);
        }
        let arrival = Arrival {
            spare,
            late,
            overtaken,
            at: now,
        };
        let back = self.delay.note(arrival);
        if back > 0 && offset > back - MOST_DELAY {
            self.shift(back);
        }
        if late {
            self.counts.late += 1;
            return Pushed::Late;
        }
        Pushed::Stored
    }

    /// Weighs what is due at the tick of time `now`: its power, or `None` when there is nothing to be heard. One of
    /// [`take`](Self::take) and [`skip`](Self::skip) has to follow.
    pub fn due(&mut self, now: SampleClock) -> Option<u32> {
        self.next_pull = now.wrapping_add(FRAME_STEP);
        if !self.playing {
            return None;
        }
        let end = self.play().wrapping_add(FRAME_STEP);
        let packet = self.held.front().filter(|h| distance(h.at, end) < 0);
        let power = match packet {
            Some(packet) if packet.is_dtx() => 0,
            Some(packet) => packet.power.or(self.measured).unwrap_or(PRESUMED),
            // The rest of a longer packet, or what goes on over a loss.
            None if !self.ready.is_empty() => self.measured.unwrap_or(0),
            None if self.may_conceal() => self.measured.unwrap_or(0),
            None => 0,
        };
        (power > 0).then_some(power)
    }

    /// Decodes what is due, and moves on; false, leaving silence, when that is nothing.
    pub fn take(&mut self, frame: &mut WideFrame) -> bool {
        if !self.playing {
            frame.fill(0);
            return false;
        }
        let mut came = false;
        // Each round makes some samples ready or ends; a packet has 20 samples at 8 kHz at least.
        for _ in 0..WIDE_SAMPLES {
            let missing = WIDE_SAMPLES.saturating_sub(self.ready.len());
            if missing == 0 {
                break;
            }
            came |= self.make_ready(missing);
        }
        for sample in frame.iter_mut() {
            *sample = self.ready.pop_front().unwrap_or(0);
        }
        let power = opus::mean_square(frame);
        self.measured = Some(power);
        self.move_on(came, power);
        power > 0
    }

    /// Drops what is due unread, and moves on.
    pub fn skip(&mut self) {
        if !self.playing {
            return;
        }
        self.next = self.play().wrapping_add(FRAME_STEP);
        self.ready.clear();
        self.stretch = 0;
        self.forget_sound();
        let mut power = 0;
        let mut came = false;
        while let Some(packet) = self.held.front() {
            if distance(packet.end(), self.next) > 0 {
                break;
            }
            came = true;
            power = power.max(packet.power.unwrap_or(0));
            self.resting = packet.is_dtx();
            self.held.pop_front();
        }
        // A long packet of which some is over is no loss either.
        came |= self
            .held
            .front()
            .is_some_and(|h| distance(h.at, self.next) < 0);
        self.move_on(came, power);
    }

    /// Timestamp of the next sample to be heard.
    fn play(&self) -> u32 {
        let waiting = u32::try_from(self.ready.len() / WIDE_PER_CLOCK).unwrap_or(0);
        self.next.wrapping_sub(waiting).wrapping_sub(self.stretch)
    }

    /// Begins at `timestamp`: one frame later if the next tick is too near, or one packet more is to be in hand.
    fn start(&mut self, timestamp: u32, wait: i32) {
        let extra = if wait < SPARE || self.delay.careful() {
            FRAME_STEP
        } else {
            0
        };
        self.held.clear();
        self.ready.clear();
        self.next = timestamp.wrapping_sub(extra);
        self.newest = timestamp;
        self.stretch = 0;
        self.playing = true;
        self.resting = false;
        self.strays = 0;
        self.starved = 0;
        self.forget_sound();
        self.delay.moved();
    }

    fn forget_sound(&mut self) {
        self.fresh = true;
        self.losing = 0;
        self.measured = None;
    }

    fn may_conceal(&self) -> bool {
        !self.fresh && !self.resting && self.losing < LONGEST_LOSS
    }

    /// Makes some of what comes next ready, `missing` samples of which are wanted. Returns whether a packet was used.
    fn make_ready(&mut self, missing: usize) -> bool {
        let wanted = u32::try_from(missing / WIDE_PER_CLOCK).unwrap_or(FRAME_STEP);
        if self.stretch > 0 {
            let length = self.stretch.min(wanted.max(1));
            self.stretch -= length;
            self.make_up(length);
            return false;
        }
        let Some(front) = self.held.front() else {
            self.lose(wanted.max(1));
            return false;
        };
        let gap = distance(front.at, self.next);
        if gap > 0 {
            let gap = gap.unsigned_abs();
            let mendable = self.may_conceal() && gap <= LONGEST_LOSS - self.losing;
            if mendable && !front.is_dtx() {
                self.mend(gap);
            } else {
                self.lose(gap.min(wanted.max(1)));
            }
            return false;
        }
        let Some(packet) = self.held.pop_front() else {
            return false;
        };
        self.decode(&packet, gap.unsigned_abs());
        true
    }

    /// Decodes a packet whose first `passed` samples are over.
    fn decode(&mut self, packet: &Held<P>, passed: u32) {
        let mut samples = [0; MAX_PACKET_SAMPLES];
        let length = wide(packet.length).min(MAX_PACKET_SAMPLES);
        if packet.is_dtx() {
            // A mix needs no comfort noise; and after the rest the encoder's past is silence.
            self.fresh = true;
        } else {
            if std::mem::take(&mut self.fresh) {
                self.decoder.reset();
            }
            // What libopus refuses is heard as silence.
            let _decoded = self.decoder.decode(packet.payload.as_ref(), &mut samples);
            self.counts.decoded += 1;
        }
        let samples = samples.get(wide(passed)..length).unwrap_or_default();
        self.ready.extend(samples);
        self.next = packet.end();
        self.end_loss(true);
        self.resting = packet.is_dtx();
    }

    /// Mends a loss that ends with the packet in front.
    fn mend(&mut self, gap: u32) {
        let Some(front) = self.held.front() else {
            return;
        };
        if self.losing == 0 {
            self.delay.begin_gap();
        }
        let mut samples = [0; LONGEST_LOSS as usize * WIDE_PER_CLOCK];
        let samples = samples.get_mut(..wide(gap)).unwrap_or_default();
        self.decoder.recover(front.payload.as_ref(), samples);
        self.ready.extend(samples.iter());
        self.next = front.at;
        self.counts.recovered += u64::from(gap);
        // It was known how it ends, unless some of it was made up before.
        self.delay.end_gap(self.losing == 0);
        self.losing = 0;
    }

    /// `length` samples are not there.
    fn lose(&mut self, length: u32) {
        self.next = self.next.wrapping_add(length);
        if !self.may_conceal() {
            self.ready.extend(std::iter::repeat_n(0, wide(length)));
            return;
        }
        if self.losing == 0 {
            self.delay.begin_gap();
        }
        self.losing += length;
        self.make_up(length);
    }

    fn end_loss(&mut self, blind: bool) {
        if std::mem::take(&mut self.losing) > 0 {
            self.delay.end_gap(!blind);
        }
    }

    /// Makes `length` samples of nothing but the past.
    fn make_up(&mut self, length: u32) {
        let mut samples = [0; WIDE_SAMPLES];
        let samples = samples.get_mut(..wide(length)).unwrap_or_default();
        if !self.fresh && !self.resting {
            self.decoder.conceal(samples);
            self.counts.concealed += u64::from(length);
        }
        self.ready.extend(samples.iter());
    }

    /// After a tick in which packets came or not, and a sound of this power.
    fn move_on(&mut self, came: bool, power: u32) {
        self.starved = if came {
            0
        } else {
            self.starved.saturating_add(1)
        };
        let wanted = self.delay.wanted();
        if wanted != 0 {
            let ahead = self.held.front().and_then(|h| h.power).unwrap_or(0);
            let quiet = power < QUIET && (wanted > 0 || ahead < QUIET);
            let due = self.delay.due(quiet);
            if due != 0 {
                self.shift(due);
            }
        }
        if self.starved >= STARVED_TICKS {
            self.playing = false;
            self.held.clear();
            self.ready.clear();
        }
    }

    /// Moves play back (positive: later) or forward.
    fn shift(&mut self, back: i32) {
        if back > 0 {
            let grains = (back.min(MOST_STEP) + GRAIN - 1) / GRAIN;
            self.stretch += (grains * GRAIN).unsigned_abs();
        } else {
            let mut forward = (back / GRAIN * GRAIN).unsigned_abs();
            let less = forward.min(self.stretch);
            self.stretch -= less;
            forward -= less;
            let ready = forward.min(u32::try_from(self.ready.len() / WIDE_PER_CLOCK).unwrap_or(0));
            self.ready.drain(..wide(ready));
            self.next = self.next.wrapping_add(forward - ready);
            while let Some(packet) = self.held.front() {
                if distance(packet.end(), self.next) > 0 {
                    break;
                }
                self.held.pop_front();
            }
        }
        self.counts.moves += 1;
        self.delay.moved();
    }
}

/// A length of our clock in wide samples.
const fn wide(length: u32) -> usize {
    length as usize * WIDE_PER_CLOCK
}

#[cfg(test)]
#[path = "opus_jitter_tests.rs"]
mod tests;
