//! The jitter buffer of one leg: a ring of coded samples keyed on RTP timestamps, pulled 20 ms at a time.
//!
//! Because G.711 has one byte a sample, a packet is written straight to where it belongs: order, duplicates and any
//! packet time (10 to 60 ms, mixed as well) need no further care. What is missing when its turn comes is concealed.
//!
//! **Delay.** The position of play is moved by whole steps only, and rarely: back (later) when packets come too late
//! again and again, or come too tight for a while; forward (earlier) when for ten seconds all came with time to spare.
//! So is the wish to hold one packet more where packets get lost, because a loss whose end is known is bridged much
//! better than one whose end is not. Moves are made in quiet frames where they can wait. A single late packet moves nothing, so that one hiccup does not
//! cost everybody's delay for ten seconds. Clock drift is the same thing, slowly.

use convoke_types::media::Codec;

use crate::plc::{HISTORY, LONGEST_BRIDGE, MOST_FUTURE, Plc};
use crate::rtp::distance;
use crate::{FRAME_SAMPLES, FRAME_STEP, SampleClock, g711};

/// Samples held, past and future together: 512 ms.
const RING: usize = 4_096;
/// How far ahead of play a packet may lie: 320 ms.
const AHEAD: i32 = 2_560;
/// How far behind play a packet is still known as late or double: 128 ms. What the ring holds beyond both (64 ms) is
/// room for moving play back.
const BEHIND: i32 = 1_024;
/// Play is never moved back beyond this much held: 200 ms.
const MOST_DELAY: i32 = 1_600;
/// Largest single step back: 60 ms.
const MOST_STEP: i32 = 480;
/// A packet should be here this long before the tick that needs it: 5 ms.
const SPARE: i32 = 40;
/// Packets outside the ring in a row after which the stream is taken to have jumped.
const MOST_STRAYS: u8 = 3;
/// Ticks without any sample after which play stops, and begins anew with the next packet: 500 ms.
const STARVED_TICKS: u16 = 25;
/// Packets over which the least spare time is watched before play moves forward (two such blocks: ten seconds).
const BLOCK_PACKETS: u16 = 250;
/// Packets that must all be tight before play moves back by itself: one second.
const TIGHT_PACKETS: u16 = 50;
/// Ticks that a wanted move waits for a quiet frame: ten seconds.
const PATIENCE_TICKS: u16 = 500;
/// Losses in ten seconds (1 %) for which one packet more is kept in hand.
const LOSING: u16 = 5;
/// Mean square under which a frame is quiet: −45 dBFS.
const QUIET: u32 = 34_000;
/// Late packets that arrive within this time of each other are one hiccup: 5 ms.
const BURST: u32 = 40;
/// Weights of the lateness score: a late packet after one in time, a late one after a late one, what stays of the
/// score with every packet (a half-life of 70), and the score at which play moves: two swapped packets in 1.4 s.
const LATE: f32 = 1.0;
const LATE_AGAIN: f32 = 0.55;
const FORGET: f32 = 0.99;
const TOO_LATE: f32 = 1.5;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// Stored, all of it in time.
    Stored,
    /// Came again; dropped.
    Duplicate,
    /// Some or all of it came after its turn.
    Late,
    /// Far from everything else in the stream; dropped.
    Stray,
}

/// What a pull gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulled {
    /// The frame was filled.
    Frame,
    /// There is nothing; the frame was not touched and means silence.
    Nothing,
}

/// Counts for tests and metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JitterCounts {
    /// Samples concealed.
    pub concealed: u64,
    /// Packets that came (partly) too late.
    pub late: u64,
    /// Packets that came again.
    pub duplicate: u64,
    /// Times that the position of play was moved.
    pub moves: u64,
}

/// Holds about 5 kB; never allocates after construction.
#[derive(Debug)]
pub struct JitterBuffer {
    codec: Codec,
    ring: [u8; RING],
    have: [u64; RING / 64],
    /// Timestamp of the next sample to be pulled.
    play: u32,
    /// Bits of the ring are cleared up to here.
    cleared: u32,
    playing: bool,
    next_pull: SampleClock,
    strays: u8,
    starved: u16,
    plc: Plc,
    delay: Delay,
    counts: JitterCounts,
}

/// The bookkeeping behind moves of the position of play; all in samples.
#[derive(Debug, Clone)]
struct Delay {
    late_score: f32,
    late_by: i32,
    was_late: bool,
    last_arrival: SampleClock,
    packets: u16,
    /// The least and second least spare time of this block; the second is what counts, one outlier is forgiven.
    least: [i32; 2],
    least_before: i32,
    tight_packets: u16,
    most: i32,
    /// A packet came late since the last concealment began: that was no loss.
    late_since_gap: bool,
    /// Losses in this block, and in the one before.
    lost: u16,
    lost_before: u16,
    last_spare: i32,
    /// Wanted: back (positive) or forward (negative), and since how many ticks.
    wanted: i32,
    waited: u16,
}

impl Delay {
    fn new() -> Self {
        Self {
            late_score: 0.0,
            late_by: 0,
            was_late: false,
            last_arrival: 0,
            packets: 0,
            least: [i32::MAX; 2],
            // The first block of a stream moves nothing forward: it has no block before it.
            least_before: 0,
            tight_packets: 0,
            most: i32::MIN,
            late_since_gap: false,
            lost: 0,
            lost_before: 0,
            last_spare: 0,
            wanted: 0,
            waited: 0,
        }
    }

    /// Notes a packet that arrived at `now` and could have come `spare` samples later; returns how far play must go
    /// back at once.
    fn note(&mut self, spare: i32, late: bool, now: SampleClock) -> i32 {
        self.late_score *= FORGET;
        let burst = self.was_late && now.wrapping_sub(self.last_arrival) < BURST;
        self.last_arrival = now;
        if late {
            self.late_score += match (self.was_late, burst) {
                (false, _) => LATE,
                (true, false) => LATE_AGAIN,
                (true, true) => 0.0,
            };
            self.late_by = self.late_by.max(-spare);
        } else if self.late_score < 0.5 {
            self.late_by = 0;
        }
        self.was_late = late;
        self.late_since_gap |= late;
        self.last_spare = spare;

        if spare < self.least[0] {
            self.least = [spare, self.least[0]];
        } else {
            self.least[1] = self.least[1].min(spare);
        }
        self.packets += 1;
        if self.packets >= BLOCK_PACKETS {
            let floor = self.least[1].min(self.least_before);
            let losing = self.lost + self.lost_before >= LOSING;
            let kept = if losing { FRAME_STEP.cast_signed() } else { 0 };
            if floor - kept >= FRAME_STEP.cast_signed() / 2 && self.wanted == 0 {
                self.want(kept - floor);
            }
            self.lost_before = std::mem::take(&mut self.lost);
            self.least_before = self.least[1];
            self.least = [i32::MAX; 2];
            self.packets = 0;
        }
        self.most = self.most.max(spare);
        self.tight_packets += 1;
        if self.tight_packets >= TIGHT_PACKETS {
            if self.most < 0 && self.wanted == 0 {
                self.want(-self.most);
            }
            self.most = i32::MIN;
            self.tight_packets = 0;
        }

        if late && self.late_score >= TOO_LATE && self.late_by > 0 {
            self.late_by.min(MOST_STEP)
        } else {
            0
        }
    }

    /// Notes a loss that was concealed without knowing its end.
    fn lose(&mut self) {
        if self.wanted == 0 && self.last_spare < FRAME_STEP.cast_signed() {
            self.want(FRAME_STEP.cast_signed());
        }
    }

    fn want(&mut self, step: i32) {
        self.wanted = step;
        self.waited = 0;
    }

    /// Play was moved: what was noted of times before no longer tells anything.
    fn moved(&mut self) {
        *self = Self {
            late_since_gap: self.late_since_gap,
            lost: self.lost,
            lost_before: self.lost_before,
            ..Self::new()
        };
    }
}

impl JitterBuffer {
    /// An empty buffer for a codec.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            ring: [g711::silence(codec); RING],
            have: [0; RING / 64],
            play: 0,
            cleared: 0,
            playing: false,
            next_pull: 0,
            strays: 0,
            starved: 0,
            plc: Plc::new(),
            delay: Delay::new(),
            counts: JitterCounts::default(),
        }
    }

    /// Forgets the stream; the next packet starts a new one.
    pub fn reset(&mut self, codec: Codec) {
        self.codec = codec;
        self.playing = false;
        self.strays = 0;
        self.plc = Plc::new();
    }

    /// Counts since construction.
    #[must_use]
    pub fn counts(&self) -> JitterCounts {
        self.counts
    }

    /// Takes a packet's coded samples, of any number up to 60 ms (more is cut), that arrived at `now`.
    pub fn push(&mut self, timestamp: u32, payload: &[u8], now: SampleClock) -> Pushed {
        let payload = payload.get(..payload.len().min(480)).unwrap_or_default();
        if payload.is_empty() {
            return Pushed::Stray;
        }
        let wait = match distance(self.next_pull, now) {
            wait if (0..=FRAME_STEP.cast_signed()).contains(&wait) => wait,
            // Not pulled yet, or not lately: nothing is known of the ticks.
            _ => FRAME_STEP.cast_signed() / 2,
        };
        if !self.playing {
            self.start(timestamp, wait);
        }
        let mut offset = distance(timestamp, self.play);
        if !(-BEHIND..=AHEAD - length(payload)).contains(&offset) {
            self.strays += 1;
            // Nothing is left to be heard of the old numbering: follow at once.
            if self.strays < MOST_STRAYS && self.holds_anything() {
                return Pushed::Stray;
            }
            self.start(timestamp, wait);
            offset = distance(timestamp, self.play);
        }
        self.strays = 0;
        if self.has(timestamp) && self.has(timestamp.wrapping_add(step(payload.len() - 1))) {
            self.counts.duplicate += 1;
            return Pushed::Duplicate;
        }
        self.store(timestamp, payload);
        let late = offset < 0;
        let spare = offset
            - if wait >= SPARE {
                0
            } else {
                FRAME_STEP.cast_signed()
            };
        let back = self.delay.note(spare, late, now);
        if back > 0 && offset > back - MOST_DELAY {
            self.shift(back);
        }
        if late {
            self.counts.late += 1;
            return Pushed::Late;
        }
        Pushed::Stored
    }

    /// Gives the next 20 ms at the tick of time `now`, and moves on.
    pub fn pull(&mut self, now: SampleClock, frame: &mut [u8; FRAME_SAMPLES]) -> Pulled {
        self.next_pull = now.wrapping_add(FRAME_STEP);
        if !self.playing {
            return Pulled::Nothing;
        }
        let whole = words(self.play, FRAME_STEP).all(|(word, mask)| self.have[word] & mask == mask);
        let mut something = true;
        if whole {
            self.copy_out(self.play, frame);
            self.starved = 0;
            if self.plc.active() {
                self.resume(frame);
            }
        } else {
            something = self.pull_in_parts(frame);
        }
        self.advance(FRAME_STEP);
        if self.delay.wanted != 0 {
            self.move_when_quiet(frame);
        }
        if self.starved >= STARVED_TICKS {
            self.playing = false;
        }
        if something {
            Pulled::Frame
        } else {
            Pulled::Nothing
        }
    }

    /// Begins at `timestamp`, one frame later if the next tick is too near.
    fn start(&mut self, timestamp: u32, wait: i32) {
        let extra = if wait < SPARE { FRAME_STEP } else { 0 };
        self.ring = [g711::silence(self.codec); RING];
        self.have = [0; RING / 64];
        self.play = timestamp.wrapping_sub(extra);
        self.cleared = self.play.wrapping_add(AHEAD.cast_unsigned());
        self.playing = true;
        self.strays = 0;
        self.starved = 0;
        self.plc = Plc::new();
        self.delay = Delay::new();
    }

    /// A frame of which some is missing: runs of what is there, and concealment between.
    fn pull_in_parts(&mut self, frame: &mut [u8; FRAME_SAMPLES]) -> bool {
        let mut something = false;
        let mut present = false;
        let mut begin = 0;
        while begin < FRAME_SAMPLES {
            let first = self.play.wrapping_add(step(begin));
            let here = self.has(first);
            let run = (1..FRAME_SAMPLES - begin)
                .find(|&i| self.has(first.wrapping_add(step(i))) != here)
                .unwrap_or(FRAME_SAMPLES - begin);
            let part = &mut frame[begin..begin + run];
            if here {
                self.copy_out(first, part);
                if self.plc.active() {
                    self.resume(part);
                }
                present = true;
                something = true;
            } else {
                something |= self.conceal(first, part);
            }
            begin += run;
        }
        self.starved = if present {
            0
        } else {
            self.starved.saturating_add(1)
        };
        something
    }

    fn conceal(&mut self, first: u32, part: &mut [u8]) -> bool {
        if !self.plc.active() {
            let mut codes = [0; HISTORY];
            self.copy_out(first.wrapping_sub(step(HISTORY)), &mut codes);
            let mut history = [0; HISTORY];
            g711::decode_into(self.codec, &codes, &mut history);
            self.plc.begin(history);
            self.bridge(first);
            self.delay.late_since_gap = false;
        }
        let mut samples = [0; FRAME_SAMPLES];
        let samples = &mut samples[..part.len()];
        let sounds = self.plc.conceal(samples);
        if sounds {
            g711::encode_into(self.codec, samples, part);
        } else {
            part.fill(g711::silence(self.codec));
        }
        self.counts.concealed += u64::from(step(part.len()));
        // What was heard is the past of the next loss.
        self.copy_in(first, part);
        sounds
    }

    /// Tells the concealment how long the loss is and what comes after it, as far as that is here.
    fn bridge(&mut self, first: u32) {
        let Some(gap) = (1..=LONGEST_BRIDGE).find(|&i| self.has(first.wrapping_add(step(i))))
        else {
            return;
        };
        let after = first.wrapping_add(step(gap));
        let held = (0..MOST_FUTURE)
            .take_while(|&i| self.has(after.wrapping_add(step(i))))
            .count();
        let (mut codes, mut future) = ([0; MOST_FUTURE], [0; MOST_FUTURE]);
        self.copy_out(after, &mut codes[..held]);
        g711::decode_into(self.codec, &codes[..held], &mut future);
        self.plc.bridge_to(gap, &future[..held]);
    }

    fn resume(&mut self, part: &mut [u8]) {
        if !self.delay.late_since_gap {
            self.delay.lost = self.delay.lost.saturating_add(1);
            if self.plc.missed_bridge() {
                self.delay.lose();
            }
        }
        let mut samples = [0; FRAME_SAMPLES];
        let samples = &mut samples[..part.len()];
        g711::decode_into(self.codec, part, samples);
        self.plc.resume(samples);
        g711::encode_into(self.codec, samples, part);
    }

    fn move_when_quiet(&mut self, frame: &[u8; FRAME_SAMPLES]) {
        self.delay.waited = self.delay.waited.saturating_add(1);
        let quiet = g711::mean_square(self.codec, frame) < QUIET;
        if quiet || self.delay.waited >= PATIENCE_TICKS {
            let wanted = self.delay.wanted.clamp(-MOST_STEP, MOST_STEP);
            self.shift(wanted);
        }
    }

    /// Moves play back (positive: later) or forward.
    fn shift(&mut self, back: i32) {
        if back > 0 {
            self.play = self.play.wrapping_sub(back.unsigned_abs());
        } else {
            self.advance(back.unsigned_abs());
        }
        self.counts.moves += 1;
        self.delay.moved();
    }

    /// Moves play forward and clears the ring for what may then come.
    fn advance(&mut self, samples: u32) {
        self.play = self.play.wrapping_add(samples);
        let target = self.play.wrapping_add(AHEAD.cast_unsigned());
        let stale = distance(target, self.cleared);
        if stale > 0 {
            for (word, mask) in words(self.cleared, stale.unsigned_abs()) {
                self.have[word] &= !mask;
            }
            self.cleared = target;
        }
    }

    fn store(&mut self, timestamp: u32, payload: &[u8]) {
        self.copy_in(timestamp, payload);
        for (word, mask) in words(timestamp, step(payload.len())) {
            self.have[word] |= mask;
        }
    }

    fn copy_in(&mut self, timestamp: u32, codes: &[u8]) {
        let begin = slot(timestamp);
        let head = codes.len().min(RING - begin);
        let (first, rest) = codes.split_at(head);
        self.ring[begin..begin + head].copy_from_slice(first);
        self.ring[..rest.len()].copy_from_slice(rest);
    }

    fn copy_out(&self, timestamp: u32, codes: &mut [u8]) {
        let begin = slot(timestamp);
        let head = codes.len().min(RING - begin);
        let (first, rest) = codes.split_at_mut(head);
        first.copy_from_slice(&self.ring[begin..begin + head]);
        rest.copy_from_slice(&self.ring[..rest.len()]);
    }

    #[inline]
    fn has(&self, timestamp: u32) -> bool {
        let index = slot(timestamp);
        self.have[index / 64] >> (index % 64) & 1 != 0
    }

    fn holds_anything(&self) -> bool {
        (0..AHEAD.cast_unsigned())
            .step_by(40)
            .any(|i| self.has(self.play.wrapping_add(i)))
    }
}

/// The words of the ring's bit map, and the bits in each, for so many samples from a timestamp.
fn words(timestamp: u32, samples: u32) -> impl Iterator<Item = (usize, u64)> {
    let mut at = timestamp;
    let mut left = samples.min(step(RING));
    std::iter::from_fn(move || {
        if left == 0 {
            return None;
        }
        let bit = at % 64;
        let count = left.min(64 - bit);
        let mask = (u64::MAX >> (64 - count)) << bit;
        let word = slot(at) / 64;
        at = at.wrapping_add(count);
        left -= count;
        Some((word, mask))
    })
}

fn slot(timestamp: u32) -> usize {
    timestamp as usize % RING
}

#[expect(clippy::cast_possible_truncation, reason = "lengths within the ring")]
const fn step(samples: usize) -> u32 {
    samples as u32
}

const fn length(payload: &[u8]) -> i32 {
    step(payload.len()).cast_signed()
}

#[cfg(test)]
#[path = "jitter_tests.rs"]
mod tests;
