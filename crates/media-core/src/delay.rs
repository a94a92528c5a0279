//! When the position of play of a jitter buffer is to be moved, and how far. All in samples.

use crate::{FRAME_STEP, SampleClock};

/// Largest single step back: 60 ms.
pub(crate) const MOST_STEP: i32 = 480;
/// Packets of a stream after which, if nothing was amiss with any, the one packet more is given up: three seconds.
const TRIAL_PACKETS: u16 = 150;
/// Packets over which the least spare time is watched before play moves forward (two such blocks: ten seconds).
const BLOCK_PACKETS: u16 = 250;
/// Packets that must all be tight before play moves back by itself: one second.
const TIGHT_PACKETS: u16 = 50;
/// Ticks that a wanted move waits for a quiet frame: ten seconds.
const PATIENCE_TICKS: u16 = 500;
/// Ticks that are quiet in a pause: 200 ms.
const PAUSE_TICKS: u16 = 10;
/// Losses and overtaken packets in ten seconds (1 %) for which one packet more is kept in hand.
const LOSING: u16 = 5;
/// Late packets that arrive within this time of each other are one hiccup: 5 ms.
const BURST: u32 = 40;
/// Weights of the lateness score: a late packet after one in time, a late one after a late one, what stays of the
/// score with every packet (a half-life of 70), and the score at which play moves: two late packets in 1.4 s.
const LATE: f32 = 1.0;
const LATE_AGAIN: f32 = 0.55;
const FORGET: f32 = 0.99;
const TOO_LATE: f32 = 1.5;
/// One packet more, in samples.
const ONE_MORE: i32 = FRAME_STEP.cast_signed();

/// The bookkeeping behind moves of the position of play.
#[derive(Debug, Clone)]
pub(crate) struct Delay {
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
    /// Losses and overtaken packets in this block, and in the one before.
    troubles: u16,
    troubles_before: u16,
    /// Of the last packet that was not overtaken.
    last_spare: i32,
    /// One packet more is to be in hand when play begins. So it is for a stream of which nothing is known.
    careful: bool,
    /// Packets that are left of the trial.
    trial: u16,
    /// Wanted: back (positive) or forward (negative), and since how many ticks.
    wanted: i32,
    waited: u16,
    quiet_ticks: u16,
}

/// What is known of one packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// How many samples later it could have come.
    pub spare: i32,
    /// Some of it came after its turn.
    pub late: bool,
    /// A packet that was sent after it came before it.
    pub overtaken: bool,
    /// When it came.
    pub at: SampleClock,
}

impl Delay {
    pub(crate) fn new() -> Self {
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
            troubles: 0,
            troubles_before: 0,
            last_spare: 0,
            careful: true,
            trial: TRIAL_PACKETS,
            wanted: 0,
            waited: 0,
            quiet_ticks: 0,
        }
    }

    /// Whether one packet more is to be in hand when play begins.
    pub(crate) fn careful(&self) -> bool {
        self.careful
    }

    /// Notes a packet; returns how far play must go back at once.
    pub(crate) fn note(&mut self, packet: Arrival) -> i32 {
        self.note_lateness(packet);
        if packet.overtaken {
            self.trouble();
        } else {
            self.last_spare = packet.spare;
        }
        self.note_block(packet.spare);
        self.note_trial();
        self.note_tightness(packet.spare);
        if packet.late && self.late_score >= TOO_LATE && self.late_by > 0 {
            self.late_by.min(MOST_STEP)
        } else {
            0
        }
    }

    /// Concealment begins.
    pub(crate) fn begin_gap(&mut self) {
        self.late_since_gap = false;
    }

    /// Concealment has ended; `bridged` if it knew its end.
    pub(crate) fn end_gap(&mut self, bridged: bool) {
        if self.late_since_gap {
            return;
        }
        if bridged {
            self.troubles = self.troubles.saturating_add(1);
        } else {
            self.trouble();
        }
    }

    /// How far play should move when that is not heard: back (positive), forward (negative), or not (mostly).
    pub(crate) fn wanted(&self) -> i32 {
        self.wanted
    }

    /// How far to move now, after a tick in which a move would be heard or not (`quiet`).
    pub(crate) fn due(&mut self, quiet: bool) -> i32 {
        self.waited = self.waited.saturating_add(1);
        self.quiet_ticks = if quiet { self.quiet_ticks + 1 } else { 0 };
        // Back is for what is wrong at the moment, forward can wait for a pause between sentences.
        let enough = if self.wanted > 0 { 1 } else { PAUSE_TICKS };
        if self.waited < PATIENCE_TICKS && self.quiet_ticks < enough {
            return 0;
        }
        self.wanted.clamp(-MOST_STEP, MOST_STEP)
    }

    /// Play was moved or begins anew: what was noted of times before no longer tells anything.
    pub(crate) fn moved(&mut self) {
        *self = Self {
            late_since_gap: self.late_since_gap,
            troubles: self.troubles,
            troubles_before: self.troubles_before,
            careful: self.careful,
            trial: self.trial,
            ..Self::new()
        };
    }

    /// Something that one packet more in hand would have mended.
    fn trouble(&mut self) {
        self.troubles = self.troubles.saturating_add(1);
        if self.wanted <= 0 && self.last_spare < ONE_MORE {
            self.want(ONE_MORE);
        }
    }

    fn note_lateness(&mut self, packet: Arrival) {
        self.late_score *= FORGET;
        let burst = self.was_late && packet.at.wrapping_sub(self.last_arrival) < BURST;
        self.last_arrival = packet.at;
        if packet.late {
            self.late_score += match (self.was_late, burst) {
                (false, _) => LATE,
                (true, false) => LATE_AGAIN,
                (true, true) => 0.0,
            };
            self.late_by = self.late_by.max(-packet.spare);
        } else if self.late_score < 0.5 {
            self.late_by = 0;
        }
        self.was_late = packet.late;
        self.late_since_gap |= packet.late;
    }

    /// Over many packets: play moves forward when all came with time to spare.
    fn note_block(&mut self, spare: i32) {
        if spare < self.least[0] {
            self.least = [spare, self.least[0]];
        } else {
            self.least[1] = self.least[1].min(spare);
        }
        self.packets += 1;
        if self.packets < BLOCK_PACKETS {
            return;
        }
        let floor = self.least[1].min(self.least_before);
        let losing = self.troubles + self.troubles_before >= LOSING;
        let kept = if losing { ONE_MORE } else { 0 };
        if floor - kept >= ONE_MORE / 2 && self.wanted == 0 {
            self.want(kept - floor);
        }
        self.careful = losing;
        self.troubles_before = std::mem::take(&mut self.troubles);
        self.least_before = self.least[1];
        self.least = [i32::MAX; 2];
        self.packets = 0;
    }

    /// Over the beginning of a stream: play moves forward when nothing was amiss.
    fn note_trial(&mut self) {
        if self.trial == 0 {
            return;
        }
        self.trial -= 1;
        if self.trial == 0 && self.troubles == 0 {
            self.careful = false;
            if self.least[1] >= ONE_MORE / 2 && self.wanted == 0 {
                self.want(-self.least[1].min(ONE_MORE));
            }
        }
    }

    /// Over a second: play moves back when all came tight.
    fn note_tightness(&mut self, spare: i32) {
        self.most = self.most.max(spare);
        self.tight_packets += 1;
        if self.tight_packets < TIGHT_PACKETS {
            return;
        }
        if self.most < 0 && self.wanted == 0 {
            self.want(-self.most);
        }
        self.most = i32::MIN;
        self.tight_packets = 0;
    }

    fn want(&mut self, step: i32) {
        self.wanted = step;
        self.waited = 0;
        self.quiet_ticks = 0;
    }
}
