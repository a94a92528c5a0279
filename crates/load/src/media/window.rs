//! What was counted.

use std::time::Duration;

use serde::Serialize;

/// Time between two packets of a stream.
pub(crate) const FRAME_NS: i64 = 20_000_000;
/// A sender that has not looked at its sockets for so long was held up.
const HELD_UP_NS: i64 = 5_000_000;
/// Share of a window for which it may be.
const HELD_MAX: f64 = 0.03;
/// Classes of lateness, of one millisecond each; the last holds all beyond.
const CLASSES: usize = 64;

/// What all telephones received in one window.
#[derive(Debug, Clone, Serialize)]
pub struct Window {
    /// Telephones in a call.
    pub legs: usize,
    /// Packets that they sent.
    pub sent: u64,
    /// Packets that could not be sent.
    pub send_errors: u64,
    /// Packets that came.
    pub received: u64,
    /// Numbers that never came.
    pub lost: u64,
    /// Packets more than 20 ms after their time.
    pub late: u64,
    /// The latest, in milliseconds.
    pub late_max_ms: f64,
    /// 99 % were no later than this, in milliseconds (rounded up).
    pub late_p99_ms: usize,
    /// The longest that the sender itself was behind its timer, in milliseconds.
    pub load_late_max_ms: f64,
    /// Time for which the sender was held up, so that it did not see when packets came, in milliseconds.
    pub load_held_ms: f64,
    /// Time for which the sender sent nothing, since it was held up for too long, in milliseconds.
    pub load_skipped_ms: u64,
    /// Length of the window.
    pub seconds: f64,
    #[serde(skip)]
    classes: [u64; CLASSES],
}

impl Window {
    pub(crate) fn new(length: Duration) -> Self {
        Self {
            legs: 0,
            sent: 0,
            send_errors: 0,
            received: 0,
            lost: 0,
            late: 0,
            late_max_ms: 0.0,
            late_p99_ms: 0,
            load_late_max_ms: 0.0,
            load_held_ms: 0.0,
            load_skipped_ms: 0,
            seconds: length.as_secs_f64(),
            classes: [0; CLASSES],
        }
    }

    /// The share of what should have come that came in time.
    pub fn in_time(&self) -> f64 {
        let expected = self.received + self.lost;
        if expected == 0 {
            return 0.0;
        }
        ratio(self.received - self.late, expected)
    }

    /// Seconds times legs.
    pub fn leg_seconds(&self) -> f64 {
        ratio(u64::try_from(self.legs).unwrap_or(0), 1) * self.seconds
    }

    /// What speaks against the run: `legs` telephones, `in_time_min` of their packets in time.
    pub fn faults(&self, legs: usize, in_time_min: f64) -> Vec<String> {
        let mut faults = Vec::new();
        if self.legs != legs {
            faults.push(format!(
                "{} of {legs} telephones were in the call",
                self.legs
            ));
        }
        if self.send_errors > 0 {
            faults.push(format!("{} packets could not be sent", self.send_errors));
        }
        if self.load_skipped_ms > 0 {
            let skipped = self.load_skipped_ms;
            faults.push(format!(
                "the load did not keep up and left out {skipped} ms"
            ));
        }
        if self.load_held_ms > self.seconds * 1e3 * HELD_MAX {
            let held = self.load_held_ms;
            faults.push(format!("the load was held up for {held:.0} ms"));
        }
        if self.in_time() < in_time_min {
            faults.push(format!(
                "{} packets lost and {} late of {} (in time {:.4} %, the load itself up to {:.1} ms behind)",
                self.lost,
                self.late,
                self.received + self.lost,
                self.in_time() * 100.0,
                self.load_late_max_ms
            ));
        }
        faults
    }

    /// The sender looked at its sockets `gap_ns` after it had last done so.
    pub(crate) fn note_gap(&mut self, gap_ns: i64) {
        if gap_ns > HELD_UP_NS {
            self.load_held_ms += ms(gap_ns);
        }
    }

    pub(crate) fn note_lateness(&mut self, late_ns: i64) {
        self.received += 1;
        let class = usize::try_from(late_ns / 1_000_000).unwrap_or(0);
        self.classes[class.min(CLASSES - 1)] += 1;
        if late_ns > FRAME_NS {
            self.late += 1;
        }
        self.late_max_ms = self.late_max_ms.max(ms(late_ns));
    }

    pub(crate) fn finish(&mut self) {
        let mut left = self.received / 100;
        for (class, count) in self.classes.iter().enumerate().rev() {
            if *count > left {
                self.late_p99_ms = class + 1;
                break;
            }
            left -= count;
        }
    }
}

/// When marks came back.
#[derive(Debug, Clone, Default)]
pub struct Delays {
    /// From the sending of the packet that held a mark to the reading of the packet that brings it, in microseconds.
    pub delays_us: Vec<u64>,
    /// Marks that did not come back within the time until the next.
    pub missed: u64,
    /// Marks that came when none was on its way.
    pub strays: u64,
    /// The longest that the sender itself was behind its timer, in milliseconds.
    pub load_late_max_ms: f64,
}

/// Nanoseconds as milliseconds.
pub(crate) fn ms(ns: i64) -> f64 {
    Duration::from_nanos(u64::try_from(ns).unwrap_or(0)).as_secs_f64() * 1e3
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of packets lie far below 2^52"
)]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b as f64
}

/// What one telephone hears in one window.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ear {
    /// Highest number so far, counted on over the wrap; `None` before the first packet.
    highest: Option<i64>,
    /// When packet 0 would have come in the raster of the most punctual packet.
    raster_ns: i64,
    /// The first number that is due in the window, and how many came of those.
    first: Option<i64>,
    heard: i64,
}

/// When counting begins and ends; a packet belongs where it is due, not where it comes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub begin_ns: i64,
    pub end_ns: i64,
}

impl Ear {
    /// A packet was read, which came after `earliest_ns`; what it means for the window is returned: by how much it was late
    /// at least, if it belongs there.
    pub(crate) fn hear(
        &mut self,
        sequence: u16,
        earliest_ns: i64,
        at_ns: i64,
        span: Span,
    ) -> Option<i64> {
        let number = match self.highest {
            None => i64::from(sequence),
            Some(highest) => {
                let [.., high, low] = highest.to_be_bytes();
                let step =
                    media_core::rtp::sequence_distance(sequence, u16::from_be_bytes([high, low]));
                highest + i64::from(step)
            }
        };
        let raster = at_ns - number * FRAME_NS;
        if self.highest.is_none() || raster < self.raster_ns {
            self.raster_ns = raster;
        }
        self.highest = Some(self.highest.map_or(number, |highest| highest.max(number)));
        let due_ns = self.raster_ns + number * FRAME_NS;
        if self.first.is_none() && due_ns >= span.begin_ns {
            self.first = Some(number);
        }
        let first = self.first?;
        if due_ns >= span.end_ns || number < first {
            return None;
        }
        self.heard += 1;
        Some((earliest_ns - due_ns).max(0))
    }

    /// Numbers that were due in the window and did not come.
    pub(crate) fn lost(&self, span: Span) -> u64 {
        let Some(first) = self.first else {
            return u64::try_from((span.end_ns - span.begin_ns) / FRAME_NS).unwrap_or(0);
        };
        // The first number that is not due any more.
        let end = (span.end_ns - self.raster_ns + FRAME_NS - 1).div_euclid(FRAME_NS);
        u64::try_from(end - first - self.heard).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Span = Span {
        begin_ns: 0,
        end_ns: 1_000_000_000,
    };

    /// Hears these (number, milliseconds) in a window that ends when the next packet would be due, and gives what was lost
    /// and late.
    fn check(packets: &[(u16, i64)], end_ms: i64, lost: u64, late: u64) {
        let mut ear = Ear::default();
        let mut window = Window::new(Duration::from_secs(1));
        let span = Span {
            begin_ns: 0,
            end_ns: end_ms * 1_000_000,
        };
        for (number, at_ms) in packets {
            let at = at_ms * 1_000_000;
            if let Some(late_ns) = ear.hear(*number, at, at, span) {
                window.note_lateness(late_ns);
            }
        }
        assert_eq!((ear.lost(span), window.late), (lost, late), "{packets:?}");
    }

    #[test]
    fn losses_and_late_packets_are_counted_across_the_wrap() {
        check(&[(65_534, 0), (65_535, 20), (0, 40), (1, 60)], 80, 0, 0);
        check(&[(65_534, 0), (65_535, 20), (1, 60)], 80, 1, 0);
        check(&[(7, 0), (8, 45), (9, 46), (10, 60)], 80, 0, 1);
        // The first packet was late itself: the second shows it.
        check(&[(7, 30), (8, 21), (9, 41)], 60, 0, 0);
        // What is due in the window belongs there, however late it comes.
        check(&[(7, 0), (8, 90), (9, 91)], 40, 0, 1);
        check(&[], 1_000, 50, 0);
    }

    #[test]
    fn a_stream_that_stops_is_lost() {
        let mut ear = Ear::default();
        assert_eq!(ear.hear(1, 0, 0, SECOND), Some(0));
        assert_eq!(ear.lost(SECOND), 49);
    }

    #[test]
    fn what_waited_for_a_sender_that_was_held_up_is_not_late() {
        let mut ear = Ear::default();
        assert_eq!(ear.hear(0, 0, 0, SECOND), Some(0));
        let read = FRAME_NS + 70_000_000;
        assert_eq!(ear.hear(1, FRAME_NS - 1, read, SECOND), Some(0));
        // Nor does it shift the raster.
        assert_eq!(ear.hear(2, FRAME_NS * 2, FRAME_NS * 2, SECOND), Some(0));
        let late = ear.hear(3, FRAME_NS * 5, FRAME_NS * 5, SECOND);
        assert_eq!(late, Some(FRAME_NS * 2));
    }

    #[test]
    fn a_server_that_skips_time_stays_late() {
        let mut ear = Ear::default();
        for n in 0..10 {
            let at = i64::from(n) * FRAME_NS;
            assert_eq!(ear.hear(n, at, at, SECOND), Some(0));
        }
        for n in 10..20 {
            let at = i64::from(n) * FRAME_NS + 100_000_000;
            assert_eq!(ear.hear(n, at, at, SECOND), Some(100_000_000));
        }
    }
}
