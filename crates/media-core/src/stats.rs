//! What a received stream amounts to: loss (RFC 3550 §A.1, §A.3) and interarrival jitter (§A.8).

use convoke_types::media::StreamStats;

use crate::SampleClock;
use crate::rtp::{RtpPacket, distance};

/// A jump forward of this many packets is taken as a restart once it repeats (RFC 3550 §A.1, `MAX_DROPOUT`).
const MAX_DROPOUT: u16 = 3_000;
/// A packet this many behind is late, not a restart (RFC 3550 §A.1, `MAX_MISORDER`).
const MAX_MISORDER: u16 = 100;
/// Samples in a millisecond.
const SAMPLES_PER_MS: f32 = 8.0;

/// Counts one direction's reception.
#[derive(Debug, Clone, Default)]
pub struct ReceiveStats {
    started: bool,
    ssrc: u32,
    base: u16,
    highest: u16,
    cycles: u64,
    bad: Option<u16>,
    /// Packets of this source since its start.
    received: u64,
    /// Sums over sources that came before.
    past_received: u64,
    past_lost: u64,
    transit: Option<u32>,
    jitter_samples: f32,
}

impl ReceiveStats {
    /// Nothing received yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a packet that arrived at `now`. `timed` is false for packets whose timestamp does not tell when they
    /// were sent (telephone events).
    pub fn count(&mut self, packet: &RtpPacket<'_>, now: SampleClock, timed: bool) {
        if !self.started || packet.ssrc != self.ssrc {
            self.restart(packet);
        } else {
            self.count_sequence(packet.sequence);
        }
        self.received += 1;
        if timed {
            self.count_jitter(now.wrapping_sub(packet.timestamp));
        }
    }

    /// What a call detail record wants; `sent` is the caller's.
    #[must_use]
    pub fn summary(&self, sent: u64) -> StreamStats {
        StreamStats {
            received: self.past_received + self.received,
            sent,
            lost: self.past_lost + self.lost(),
            jitter_ms: self.jitter_samples / SAMPLES_PER_MS,
        }
    }

    /// Source of the stream, once there is one.
    #[must_use]
    pub fn ssrc(&self) -> Option<u32> {
        self.started.then_some(self.ssrc)
    }

    fn restart(&mut self, packet: &RtpPacket<'_>) {
        self.past_lost += self.lost();
        self.past_received += self.received;
        self.received = 0;
        self.started = true;
        self.ssrc = packet.ssrc;
        self.base = packet.sequence;
        self.highest = packet.sequence;
        self.cycles = 0;
        self.bad = None;
        self.transit = None;
    }

    fn count_sequence(&mut self, sequence: u16) {
        let ahead = sequence.wrapping_sub(self.highest);
        if ahead < MAX_DROPOUT {
            if sequence < self.highest {
                self.cycles += 1 << 16;
            }
            self.highest = sequence;
        } else if ahead <= u16::MAX - MAX_MISORDER {
            // §A.1: two packets in a row of the new numbering, and the other side has started again.
            if self.bad == Some(sequence) {
                self.past_lost += self.lost();
                self.past_received += self.received;
                self.received = 0;
                self.base = sequence;
                self.highest = sequence;
                self.cycles = 0;
                self.bad = None;
                self.transit = None;
            } else {
                self.bad = Some(sequence.wrapping_add(1));
            }
        }
    }

    /// §A.3: expected less received; duplicates can make that negative, which counts as none.
    fn lost(&self) -> u64 {
        if !self.started {
            return 0;
        }
        let expected = self.cycles + u64::from(self.highest) + 1 - u64::from(self.base);
        expected.saturating_sub(self.received)
    }

    fn count_jitter(&mut self, transit: u32) {
        if let Some(last) = self.transit {
            let difference = distance(transit, last).unsigned_abs();
            // A stream that starts anew under the same source would spoil the mean for a minute.
            if difference < crate::SAMPLE_RATE_HZ {
                #[expect(clippy::cast_precision_loss, reason = "below 8000")]
                let difference = difference as f32;
                self.jitter_samples += (difference - self.jitter_samples) / 16.0;
            }
        }
        self.transit = Some(transit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16, timestamp: u32) -> RtpPacket<'static> {
        RtpPacket {
            marker: false,
            payload_type: 0,
            sequence,
            timestamp,
            ssrc: 7,
            payload: &[],
        }
    }

    #[test]
    fn counts_loss_across_the_wrap() {
        let mut stats = ReceiveStats::new();
        for (i, sequence) in [65_533_u16, 65_534, 1, 0, 2].into_iter().enumerate() {
            stats.count(&packet(sequence, 0), u32::try_from(i).unwrap(), true);
        }
        let summary = stats.summary(3);
        assert_eq!((summary.received, summary.lost, summary.sent), (5, 1, 3));
    }

    #[test]
    fn duplicates_are_no_negative_loss() {
        let mut stats = ReceiveStats::new();
        for _ in 0..4 {
            stats.count(&packet(9, 0), 0, true);
        }
        assert_eq!(stats.summary(0).lost, 0);
    }

    #[test]
    fn jitter_follows_the_formula() {
        let mut stats = ReceiveStats::new();
        let mut expected = 0.0_f32;
        for i in 0..200_u32 {
            let wobble = if i % 2 == 0 { 0 } else { 80 };
            stats.count(
                &packet(u16::try_from(i).unwrap(), i * 160),
                i * 160 + wobble,
                true,
            );
            if i > 0 {
                expected += (80.0 - expected) / 16.0;
            }
        }
        assert!((stats.summary(0).jitter_ms - expected / 8.0).abs() < 1e-3);
        assert!((stats.summary(0).jitter_ms - 10.0).abs() < 0.1);
    }

    #[test]
    fn steady_arrivals_have_no_jitter_and_a_restart_is_followed() {
        let mut stats = ReceiveStats::new();
        for i in 0..50_u32 {
            stats.count(&packet(u16::try_from(i).unwrap(), i * 160), i * 160, true);
        }
        for i in 0..50_u32 {
            let sequence = 30_000 + u16::try_from(i).unwrap();
            stats.count(&packet(sequence, i * 160), 8_000 + i * 160, true);
        }
        let summary = stats.summary(0);
        assert!(summary.lost <= 1, "{summary:?}");
        assert!(summary.jitter_ms < 0.5, "{summary:?}");
    }
}
