//! RTP packets (RFC 3550 §5.1): parse, build, and sequence arithmetic.

/// Bytes of a header without CSRCs and extension: all that we send.
pub const HEADER_BYTES: usize = 12;

/// No larger datagram is read: 60 ms of G.711 with room for an extension and padding.
pub const MAX_PACKET_BYTES: usize = 1_500;

/// One received packet; borrows the datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    /// The marker bit: first packet after a silence, in the audio profile (RFC 3551 §4.1).
    pub marker: bool,
    /// Payload type, 0–127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Sampling instant of the first sample, in the payload's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// What is carried, without padding; may be empty.
    pub payload: &'a [u8],
}

/// Why a datagram is no RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RtpError {
    /// Header, CSRC list, extension or padding go beyond the datagram.
    #[error("expected {expected} bytes at least, came {came}")]
    Short {
        /// Bytes that the headers ask for.
        expected: usize,
        /// Bytes of the datagram.
        came: usize,
    },
    /// Not version 2.
    #[error("expected RTP version 2, came {came}")]
    Version {
        /// The version.
        came: u8,
    },
    /// The second byte is an RTCP packet type (RFC 5761 §4).
    #[error("expected RTP, came RTCP packet type {came}")]
    Rtcp {
        /// The packet type.
        came: u8,
    },
}

impl<'a> RtpPacket<'a> {
    /// Parses one datagram.
    ///
    /// # Errors
    /// [`RtpError`] when it is no RTP packet by RFC 3550 §A.1, or RTCP on the same port.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, RtpError> {
        let came = datagram.len();
        let Some((&[first, second, s1, s0, t3, t2, t1, t0, i3, i2, i1, i0], rest)) =
            datagram.split_first_chunk::<HEADER_BYTES>()
        else {
            return Err(RtpError::Short {
                expected: HEADER_BYTES,
                came,
            });
        };
        if first >> 6 != 2 {
            return Err(RtpError::Version { came: first >> 6 });
        }
        if (192..=223).contains(&second) {
            return Err(RtpError::Rtcp { came: second });
        }
        let short = |expected| RtpError::Short { expected, came };

        let csrc_bytes = usize::from(first & 0x0F) * 4;
        let mut body = rest
            .get(csrc_bytes..)
            .ok_or(short(HEADER_BYTES + csrc_bytes))?;
        if first & 0x10 != 0 {
            // RFC 3550 §5.3.1: a 16-bit length counts 32-bit words after the four-byte extension header.
            let (&[_, _, high, low], after) = body
                .split_first_chunk::<4>()
                .ok_or(short(came + 4 - body.len()))?;
            let words = usize::from(u16::from_be_bytes([high, low]));
            body = after
                .get(words * 4..)
                .ok_or(short(came + words * 4 - after.len()))?;
        }
        if first & 0x20 != 0 {
            // §5.1: the last octet of the padding says how many octets to ignore, itself included.
            let padding = usize::from(body.last().copied().unwrap_or(0));
            let kept = body.len().checked_sub(padding.max(1));
            body = kept
                .and_then(|kept| body.get(..kept))
                .ok_or(short(came + padding.max(1)))?;
        }
        Ok(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7F,
            sequence: u16::from_be_bytes([s1, s0]),
            timestamp: u32::from_be_bytes([t3, t2, t1, t0]),
            ssrc: u32::from_be_bytes([i3, i2, i1, i0]),
            payload: body,
        })
    }
}

/// The sending side of one stream: counts sequence numbers and timestamps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpSender {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    marker: bool,
}

impl RtpSender {
    /// A stream with its random start values (RFC 3550 §5.1); the first packet carries the marker.
    #[must_use]
    pub fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self {
            ssrc,
            sequence,
            timestamp,
            marker: true,
        }
    }

    /// The header of the next packet, which lasts `samples`.
    #[must_use]
    pub fn next_header(&mut self, payload_type: u8, samples: u32) -> [u8; HEADER_BYTES] {
        let header = header(
            self.marker,
            payload_type,
            self.sequence,
            self.timestamp,
            self.ssrc,
        );
        self.marker = false;
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(samples);
        header
    }

    /// The header of a packet that lasts no time of its own: a telephone event (RFC 4733 §2.5.1) keeps the timestamp
    /// of its start in all its packets.
    #[must_use]
    pub fn event_header(
        &mut self,
        payload_type: u8,
        marker: bool,
        timestamp: u32,
    ) -> [u8; HEADER_BYTES] {
        let header = header(marker, payload_type, self.sequence, timestamp, self.ssrc);
        self.sequence = self.sequence.wrapping_add(1);
        header
    }

    /// Lets time pass in which nothing is sent; the next packet carries the marker.
    pub fn pause(&mut self, samples: u32) {
        self.timestamp = self.timestamp.wrapping_add(samples);
        self.marker = true;
    }

    /// The timestamp that the next packet will carry.
    #[must_use]
    pub fn timestamp(&self) -> u32 {
        self.timestamp
    }
}

/// A header without CSRCs, extension and padding.
#[must_use]
pub fn header(
    marker: bool,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
) -> [u8; HEADER_BYTES] {
    let second = (payload_type & 0x7F) | if marker { 0x80 } else { 0 };
    let [s1, s0] = sequence.to_be_bytes();
    let [t3, t2, t1, t0] = timestamp.to_be_bytes();
    let [i3, i2, i1, i0] = ssrc.to_be_bytes();
    [0x80, second, s1, s0, t3, t2, t1, t0, i3, i2, i1, i0]
}

/// How far `later` lies behind `earlier` in a wrapping 32-bit count; negative when it lies before.
#[must_use]
#[inline]
#[expect(
    clippy::cast_possible_wrap,
    reason = "the wrap is the meaning: serial number arithmetic"
)]
pub const fn distance(later: u32, earlier: u32) -> i32 {
    later.wrapping_sub(earlier) as i32
}

/// The same for sequence numbers.
#[must_use]
#[inline]
#[expect(
    clippy::cast_possible_wrap,
    reason = "the wrap is the meaning: serial number arithmetic"
)]
pub const fn sequence_distance(later: u16, earlier: u16) -> i16 {
    later.wrapping_sub(earlier) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_what_it_parses() {
        let mut sender = RtpSender::new(0xDEAD_BEEF, 65_535, u32::MAX - 10);
        let mut datagram = sender.next_header(8, 160).to_vec();
        datagram.extend_from_slice(&[1, 2, 3]);
        let packet = RtpPacket::parse(&datagram).unwrap();
        assert_eq!(
            packet,
            RtpPacket {
                marker: true,
                payload_type: 8,
                sequence: 65_535,
                timestamp: u32::MAX - 10,
                ssrc: 0xDEAD_BEEF,
                payload: &[1, 2, 3],
            }
        );
        let next = sender.next_header(8, 160);
        let packet = RtpPacket::parse(&next).unwrap();
        assert_eq!(
            (packet.marker, packet.sequence, packet.timestamp),
            (false, 0, 149)
        );
    }

    #[test]
    fn skips_csrcs_extension_and_padding() {
        let mut datagram = vec![0b1011_0001, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        datagram.extend_from_slice(&[9; 4]); // CSRC
        datagram.extend_from_slice(&[0xBE, 0xDE, 0, 1, 7, 7, 7, 7]); // extension of one word
        datagram.extend_from_slice(&[0x55; 5]);
        datagram.extend_from_slice(&[0, 0, 3]); // padding
        assert_eq!(RtpPacket::parse(&datagram).unwrap().payload, &[0x55; 5]);
    }

    #[test]
    fn refuses_what_is_not_rtp() {
        let check = |datagram: &[u8], error| assert_eq!(RtpPacket::parse(datagram), Err(error));
        check(
            b"",
            RtpError::Short {
                expected: 12,
                came: 0,
            },
        );
        check(&[0x40; 12], RtpError::Version { came: 1 });
        let mut packet = header(false, 0, 1, 1, 1);
        packet[1] = 200;
        check(&packet, RtpError::Rtcp { came: 200 });
        packet[1] = 0;
        packet[0] = 0x81;
        check(
            &packet,
            RtpError::Short {
                expected: 16,
                came: 12,
            },
        );
        packet[0] = 0x90;
        check(
            &packet,
            RtpError::Short {
                expected: 16,
                came: 12,
            },
        );
        packet[0] = 0xA0;
        check(
            &packet,
            RtpError::Short {
                expected: 13,
                came: 12,
            },
        );
    }

    #[test]
    fn distances_wrap() {
        assert_eq!(distance(5, u32::MAX), 6);
        assert_eq!(distance(u32::MAX, 5), -6);
        assert_eq!(sequence_distance(0, 65_535), 1);
        assert_eq!(sequence_distance(65_535, 0), -1);
    }
}
