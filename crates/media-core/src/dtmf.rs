//! Telephone keys as named events (RFC 4733).
//!
//! An event is known by the RTP timestamp of its start, which all its packets share: the marker bit is not needed, the
//! three final packets are no repetitions, and a lost first or last packet changes nothing.

use crate::rtp::distance;

/// Events 0–15 are keys (RFC 4733 §3.2).
const KEYS: &[u8; 16] = b"0123456789*#ABCD";
/// Starts remembered, so that a packet that was overtaken by the next event does not press its key again.
const REMEMBERED: usize = 4;
/// A start this far back (5 s) is not a late packet.
const FORGET_SAMPLES: i32 = 40_000;
/// Longest duration that one segment can tell (RFC 4733 §2.5.1.3).
const SEGMENT_MAX: u32 = 0xFFFF;

/// Bytes of one event report.
pub const EVENT_BYTES: usize = 4;

/// Hears keys.
#[derive(Debug, Clone, Default)]
pub struct DtmfReceiver {
    starts: [Option<Start>; REMEMBERED],
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Start {
    timestamp: u32,
    event: u8,
    ended: bool,
}

impl DtmfReceiver {
    /// No key pressed yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one telephone-event packet; gives a key when it is the first seen of its event. Events that are no keys,
    /// and payloads too short, give nothing.
    pub fn packet(&mut self, timestamp: u32, payload: &[u8]) -> Option<char> {
        let &[event, flags, high, low] = payload.first_chunk::<EVENT_BYTES>()?;
        let ended = flags & 0x80 != 0;
        let key = char::from(*KEYS.get(usize::from(event))?);
        self.forget(timestamp);
        if let Some(known) = self
            .starts
            .iter_mut()
            .flatten()
            .find(|s| s.timestamp == timestamp)
        {
            known.ended |= ended;
            return None;
        }
        let duration = u32::from(u16::from_be_bytes([high, low]));
        let start = Start {
            timestamp,
            event,
            ended,
        };
        // RFC 4733 §2.5.1.3: an event longer than one segment can tell goes on under a timestamp that lies exactly
        // one full segment further.
        let before = timestamp.wrapping_sub(SEGMENT_MAX);
        let continues = self
            .starts
            .iter()
            .flatten()
            .any(|s| s.timestamp == before && s.event == event && !s.ended);
        // §2.5.2.2: nothing is pressed in a report of no duration that ends at once.
        let empty = duration == 0 && ended;
        self.starts[self.next] = Some(start);
        self.next = (self.next + 1) % REMEMBERED;
        (!continues && !empty).then_some(key)
    }

    /// The stream has started anew: timestamps mean nothing any more.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    fn forget(&mut self, now: u32) {
        for slot in &mut self.starts {
            if slot.is_some_and(|s| distance(now, s.timestamp).abs() > 2 * FORGET_SAMPLES) {
                *slot = None;
            }
        }
    }
}

/// One packet of a key that is being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPacket {
    /// Whether the RTP marker is set (first packet only).
    pub marker: bool,
    /// The RTP timestamp: the start of the event, in all packets.
    pub timestamp: u32,
    /// The payload.
    pub payload: [u8; EVENT_BYTES],
}

/// Sends one key press: a packet every 20 ms while it lasts, the last one three times (RFC 4733 §2.5.1.4).
#[derive(Debug, Clone)]
pub struct DtmfSender {
    event: u8,
    timestamp: u32,
    elapsed: u16,
    length: u16,
    ends_left: u8,
}

impl DtmfSender {
    /// Power of the tone that the event stands for, in −dBm0.
    const VOLUME: u8 = 10;
    /// Times that the end is told.
    const ENDS: u8 = 3;

    /// A press of `key` that starts at `timestamp` and lasts `length_ms` (at most eight seconds; 20 at least). `None`
    /// for what is no key.
    #[must_use]
    pub fn new(key: char, timestamp: u32, length_ms: u16) -> Option<Self> {
        let wanted = key.to_ascii_uppercase();
        let event = KEYS.iter().position(|&k| char::from(k) == wanted)?;
        Some(Self {
            event: u8::try_from(event).ok()?,
            timestamp,
            elapsed: 0,
            length: length_ms.clamp(20, 8_000).saturating_mul(8),
            ends_left: Self::ENDS,
        })
    }

    /// The packet for the next 20 ms, `None` when the press is over. In the ticks of the repeated ends no audio need
    /// be sent.
    pub fn next_packet(&mut self) -> Option<EventPacket> {
        if self.ends_left == 0 {
            return None;
        }
        let marker = self.elapsed == 0;
        self.elapsed = self.elapsed.saturating_add(160).min(self.length);
        let ended = self.elapsed == self.length;
        if ended {
            self.ends_left -= 1;
        }
        let flags = Self::VOLUME | if ended { 0x80 } else { 0 };
        let [high, low] = self.elapsed.to_be_bytes();
        Some(EventPacket {
            marker,
            timestamp: self.timestamp,
            payload: [self.event, flags, high, low],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(key: char, timestamp: u32) -> Vec<EventPacket> {
        let mut sender = DtmfSender::new(key, timestamp, 100).unwrap();
        std::iter::from_fn(|| sender.next_packet()).collect()
    }

    fn heard<'a>(packets: impl IntoIterator<Item = &'a EventPacket>) -> String {
        let mut receiver = DtmfReceiver::new();
        packets
            .into_iter()
            .filter_map(|p| receiver.packet(p.timestamp, &p.payload))
            .collect()
    }

    #[test]
    fn a_press_is_heard_once_whatever_is_lost() {
        let packets = sent('1', 4_000);
        assert_eq!(packets.len(), 7);
        assert!(packets[0].marker && !packets[1].marker);
        for first in 0..packets.len() {
            for last in first..packets.len() {
                assert_eq!(heard(&packets[first..=last]), "1");
            }
        }
        assert_eq!(heard(packets.iter().rev()), "1");
    }

    #[test]
    fn every_key_is_told_and_the_same_key_twice_is_two_presses() {
        let mut timestamp = u32::MAX - 3_000;
        let mut all = Vec::new();
        for key in "0123456789*#ABCD11".chars() {
            all.extend(sent(key, timestamp));
            timestamp = timestamp.wrapping_add(1_600);
        }
        assert_eq!(heard(&all), "0123456789*#ABCD11");
    }

    #[test]
    fn packets_of_two_presses_may_overtake_each_other() {
        let (one, two) = (sent('1', 0), sent('2', 1_600));
        let order = [
            &one[0], &one[1], &two[0], &one[6], &two[1], &one[5], &two[6],
        ];
        assert_eq!(heard(order), "12");
    }

    #[test]
    fn a_long_press_in_segments_is_one() {
        let mut receiver = DtmfReceiver::new();
        assert_eq!(receiver.packet(1_000, &[5, 10, 0xFF, 0xFF]), Some('5'));
        assert_eq!(receiver.packet(1_000 + 0xFFFF, &[5, 10, 0, 160]), None);
        assert_eq!(receiver.packet(1_000 + 0xFFFF, &[5, 0x8A, 1, 0]), None);
        assert_eq!(
            receiver.packet(1_000 + 2 * 0xFFFF, &[5, 10, 0, 160]),
            Some('5')
        );
    }

    #[test]
    fn what_is_no_key_is_nothing() {
        let mut receiver = DtmfReceiver::new();
        assert_eq!(receiver.packet(0, &[]), None);
        assert_eq!(receiver.packet(0, &[1, 0, 0]), None);
        assert_eq!(receiver.packet(0, &[16, 0, 0, 160]), None);
        assert_eq!(DtmfSender::new('x', 0, 100).map(|_| ()), None);
    }
}
