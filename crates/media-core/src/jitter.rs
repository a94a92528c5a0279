//! The jitter buffer of one leg: a ring of coded samples keyed on RTP timestamps, pulled 20 ms at a time.
//!
//! Because G.711 has one byte a sample, a packet is written straight to where it belongs: order, duplicates and any
//! packet time (10 to 60 ms, mixed as well) need no further care. What is missing when its turn comes is concealed.
//!
//! **Delay.** The position of play is moved by whole steps only, and rarely: back (later) when packets come too late
//! again and again, or come too tight for a while; forward (earlier) when for ten seconds all came with time to spare.
//! Where packets get lost or overtaken, one packet more is held: a loss whose end is known is bridged much better than
//! one whose end is not, and an overtaken packet then comes in time. A stream begins so, and gives it up when its first
//! three seconds were clean. Moves are made in quiet frames where they can wait. A single packet that came late, in
//! order, moves nothing, so that one hiccup does not cost everybody's delay for ten seconds. Clock drift is the same
//! thing, slowly.

use crate::delay::{Arrival, Delay, MOST_STEP};
use crate::g711::Law;
use crate::plc::{HISTORY, LEAST_FUTURE, LONGEST_BRIDGE, MOST_FUTURE, Plc};
use crate::ring::{RING, SampleRing, count};
use crate::rtp::distance;
use crate::{FRAME_SAMPLES, FRAME_STEP, SampleClock, g711};

/// How far ahead of play a packet may lie: 320 ms.
const AHEAD: i32 = 2_560;
/// How far behind play a packet is still known as late or double: 128 ms. What the ring holds beyond both (64 ms) is
/// room for moving play back.
const BEHIND: i32 = 1_024;
const _: () = assert!(AHEAD + BEHIND + MOST_STEP <= count(RING).cast_signed());
/// Play is never moved back beyond this much held: 200 ms.
const MOST_DELAY: i32 = 1_600;
/// A packet should be here this long before the tick that needs it: 5 ms.
const SPARE: i32 = 40;
/// Packets outside the ring in a row after which the stream is taken to have jumped.
const MOST_STRAYS: u8 = 3;
/// Ticks without any sample after which play stops, and begins anew with the next packet: 500 ms.
const STARVED_TICKS: u16 = 25;
/// Mean square under which a frame is quiet: −45 dBFS.
const QUIET: u32 = 34_000;
/// Longest packet taken: 60 ms.
const LONGEST_PACKET: usize = 480;

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
    law: Law,
    ring: SampleRing,
    /// Timestamp of the next sample to be pulled.
    play: u32,
    /// Timestamp of the packet that was sent last, of all that came.
    newest: u32,
    playing: bool,
    /// Nothing of the stream has been heard yet.
    leading_in: bool,
    next_pull: SampleClock,
    strays: u8,
    starved: u16,
    plc: Plc,
    delay: Delay,
    counts: JitterCounts,
}

impl JitterBuffer {
    /// An empty buffer for codes of a law.
    #[must_use]
    pub fn new(law: Law) -> Self {
        Self {
            law,
            ring: SampleRing::new(g711::silence(law), 0),
            play: 0,
            newest: 0,
            playing: false,
            leading_in: false,
            next_pull: 0,
            strays: 0,
            starved: 0,
            plc: Plc::new(),
            delay: Delay::new(),
            counts: JitterCounts::default(),
        }
    }

    /// Forgets the stream; the next packet starts a new one.
    pub fn reset(&mut self, law: Law) {
        self.law = law;
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
        let payload = payload
            .get(..payload.len().min(LONGEST_PACKET))
            .unwrap_or_default();
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
        let last = timestamp.wrapping_add(count(payload.len() - 1));
        if self.ring.has(timestamp) && self.ring.has(last) {
            self.counts.duplicate += 1;
            return Pushed::Duplicate;
        }
        self.ring.store(timestamp, payload);
        let overtaken = distance(timestamp, self.newest) < 0;
        if !overtaken {
            self.newest = timestamp;
        }
        let late = offset < 0;
        let spare = offset
            - if wait >= SPARE {
                0
            } else {
                FRAME_STEP.cast_signed()
            };
        let back = self.delay.note(Arrival {
            spare,
            late,
            overtaken,
            at: now,
        });
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
        let mut something = true;
        if self.ring.has_all(self.play, FRAME_STEP) {
            self.ring.copy_out(self.play, frame);
            self.starved = 0;
            if self.plc.active() {
                self.resume(frame);
            }
        } else {
            something = self.pull_in_parts(frame);
        }
        self.advance(FRAME_STEP);
        let wanted = self.delay.wanted();
        let back = if wanted == 0 {
            0
        } else {
            let quiet = self.is_quiet(frame) && (wanted > 0 || self.is_quiet_ahead());
            self.delay.due(quiet)
        };
        if back != 0 {
            self.shift(back);
        }
        self.leading_in &= self.starved > 0;
        if self.starved >= STARVED_TICKS {
            self.playing = false;
        }
        if something {
            Pulled::Frame
        } else {
            Pulled::Nothing
        }
    }

    /// Begins at `timestamp`: one frame later if the next tick is too near, or one packet more is to be in hand.
    fn start(&mut self, timestamp: u32, wait: i32) {
        let extra = if wait < SPARE || self.delay.careful() {
            FRAME_STEP
        } else {
            0
        };
        self.play = timestamp.wrapping_sub(extra);
        let until = self.play.wrapping_add(AHEAD.cast_unsigned());
        self.ring = SampleRing::new(g711::silence(self.law), until);
        self.newest = timestamp;
        self.playing = true;
        self.leading_in = true;
        self.strays = 0;
        self.starved = 0;
        self.plc = Plc::new();
        self.delay.moved();
    }

    /// A frame of which some is missing: runs of what is there, and concealment between.
    fn pull_in_parts(&mut self, frame: &mut [u8; FRAME_SAMPLES]) -> bool {
        let mut something = false;
        let mut present = false;
        let mut begin = 0;
        while begin < FRAME_SAMPLES {
            let first = self.play.wrapping_add(count(begin));
            let here = self.ring.has(first);
            let run = self.ring.run(first, FRAME_SAMPLES - begin);
            let part = &mut frame[begin..begin + run];
            if here {
                self.ring.copy_out(first, part);
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
        if self.leading_in {
            // The time before the first packet is no loss.
            part.fill(g711::silence(self.law));
            return false;
        }
        if !self.plc.active() {
            self.delay.begin_gap();
            let history = self.history(first);
            self.plc.begin(history);
        }
        if !self.plc.bridging() {
            self.bridge(first);
        }
        let mut samples = [0; FRAME_SAMPLES];
        let samples = &mut samples[..part.len()];
        let sounds = self.plc.conceal(samples);
        if sounds {
            g711::encode_into(self.law, samples, part);
        } else {
            part.fill(g711::silence(self.law));
        }
        self.counts.concealed += u64::from(count(part.len()));
        // What was heard is the past of the next loss.
        self.ring.copy_in(first, part);
        sounds
    }

    /// What was heard last before a timestamp.
    fn history(&self, first: u32) -> [i16; HISTORY] {
        let (mut codes, mut history) = ([0; HISTORY], [0; HISTORY]);
        let begin = first.wrapping_sub(count(HISTORY));
        self.ring.copy_out(begin, &mut codes);
        g711::decode_into(self.law, &codes, &mut history);
        history
    }

    /// Tells the concealment how long the loss still is and what comes after it, if that is here.
    fn bridge(&mut self, first: u32) {
        let gap = self.ring.run(first, LONGEST_BRIDGE + 1);
        let after = first.wrapping_add(count(gap));
        if gap > LONGEST_BRIDGE || !self.ring.has_all(after, count(LEAST_FUTURE)) {
            return;
        }
        let held = self.ring.run(after, MOST_FUTURE);
        let (mut codes, mut future) = ([0; MOST_FUTURE], [0; MOST_FUTURE]);
        self.ring.copy_out(after, &mut codes[..held]);
        g711::decode_into(self.law, &codes[..held], &mut future);
        let history = self.history(first);
        self.plc.bridge(history, gap, &future[..held]);
    }

    fn resume(&mut self, part: &mut [u8]) {
        let mut samples = [0; FRAME_SAMPLES];
        let samples = &mut samples[..part.len()];
        g711::decode_into(self.law, part, samples);
        let mended = self.plc.resume(samples);
        self.delay.end_gap(mended);
        g711::encode_into(self.law, samples, part);
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

    /// Moves play forward and makes room for what may then come.
    fn advance(&mut self, samples: u32) {
        self.play = self.play.wrapping_add(samples);
        let until = self.play.wrapping_add(AHEAD.cast_unsigned());
        self.ring.open_until(until);
    }

    fn is_quiet(&self, frame: &[u8; FRAME_SAMPLES]) -> bool {
        g711::mean_square(self.law, frame) < QUIET
    }

    /// Whether what would be left out by moving forward is quiet, as far as one frame tells.
    fn is_quiet_ahead(&self) -> bool {
        let mut ahead = [0; FRAME_SAMPLES];
        self.ring.copy_out(self.play, &mut ahead);
        self.ring.has_all(self.play, FRAME_STEP) && self.is_quiet(&ahead)
    }

    fn holds_anything(&self) -> bool {
        (0..AHEAD.cast_unsigned())
            .step_by(40)
            .any(|i| self.ring.has(self.play.wrapping_add(i)))
    }
}

const fn length(payload: &[u8]) -> i32 {
    count(payload.len()).cast_signed()
}

#[cfg(test)]
#[path = "jitter_tests.rs"]
mod tests;
