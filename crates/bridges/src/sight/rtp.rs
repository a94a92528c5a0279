//! The room's side: plain RTP and RTCP (RFC 3550). Pure.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use convoke_types::sight::SightParams;

/// A room that sends from elsewhere is believed when it was silent for so long where it sent from.
const MOVES_AFTER: Duration = Duration::from_secs(2);
/// Packets of one source from another host than was negotiated after which its address is taken for the room's (latching, RFC 7362 §4):
/// until then whoever knows the port could show pictures in its place, and have the others' sent elsewhere.
const PROVING_PACKETS: u16 = 50;
/// The time in which these must come: a room shows more than that, and who sends now and then only stands in its way.
const PROVING_WITHIN: Duration = Duration::from_secs(10);
/// Sources that may prove at the same time that they are the room. One of them is, if any.
const CLAIMANTS_MAX: usize = 8;
/// Kinds of RTCP packets (RFC 3550 §12.1, RFC 4585 §6.1), and of feedback on pictures (RFC 4585 §6.3, RFC 5104 §4.3).
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const PICTURE_FEEDBACK: u8 = 206;
const PICTURE_LOSS: u8 = 1;
const FULL_PICTURE: u8 = 4;
/// The name of a description's canonical name (RFC 3550 §6.5).
const CNAME: u8 = 1;

/// A packet of a picture.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub time: u32,
    pub ssrc: u32,
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads one; `None` where it is none.
    pub fn read(datagram: &'a [u8]) -> Option<Self> {
        let (head, rest) = datagram.split_at_checked(12)?;
        let [first, second, s1, s0, t3, t2, t1, t0, c3, c2, c1, c0] = *head else {
            return None;
        };
        if first >> 6 != 2 {
            return None;
        }
        let (_, mut rest) = rest.split_at_checked(usize::from(first & 0x0f) * 4)?;
        if first & 0x10 != 0 {
            let (extension, after) = rest.split_at_checked(4)?;
            let [_, _, high, low] = *extension else {
                return None;
            };
            let length = usize::from(u16::from_be_bytes([high, low])) * 4;
            (_, rest) = after.split_at_checked(length)?;
        }
        let padding = match first & 0x20 {
            0 => 0,
            _ => usize::from(*rest.last()?),
        };
        let payload = rest.get(..rest.len().checked_sub(padding)?)?;
        Some(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s1, s0]),
            time: u32::from_be_bytes([t3, t2, t1, t0]),
            ssrc: u32::from_be_bytes([c3, c2, c1, c0]),
            payload,
        })
    }

    /// Writes it in the place of what was there.
    pub fn write(&self, datagram: &mut Vec<u8>) {
        datagram.clear();
        let second = u8::from(self.marker) << 7 | (self.payload_type & 0x7f);
        datagram.extend_from_slice(&[0x80, second]);
        datagram.extend_from_slice(&self.sequence.to_be_bytes());
        datagram.extend_from_slice(&self.time.to_be_bytes());
        datagram.extend_from_slice(&self.ssrc.to_be_bytes());
        datagram.extend_from_slice(self.payload);
    }
}

/// Where a room is: as it said, or where it really sends from (symmetric RTP).
#[derive(Debug)]
pub(super) struct Remote {
    pub params: SightParams,
    seen: Option<(SocketAddr, Instant)>,
    /// Who sends from another host, and has not proved to be the room: each for itself, so that nobody keeps another one away.
    elsewhere: Vec<Claimant>,
}

#[derive(Debug, Clone, Copy)]
struct Claimant {
    from: SocketAddr,
    ssrc: u32,
    packets: u16,
    /// When the first of them came.
    since: Instant,
}

impl Remote {
    pub fn new(params: SightParams) -> Self {
        Self {
            params,
            seen: None,
            elsewhere: Vec::new(),
        }
    }

    /// Where pictures go to.
    pub fn rtp(&self) -> SocketAddr {
        self.seen.map_or(self.params.remote, |(seen, _)| seen)
    }

    /// Where feedback goes to: the port after it.
    pub fn rtcp(&self) -> SocketAddr {
        let rtp = self.rtp();
        SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1))
    }

    /// Whether a packet from there is the room's: from where it was negotiated or seen, or, where nothing comes from there, from where
    /// somebody else has proved to be it. What comes before the proof is not shown.
    pub fn accepts(&mut self, from: SocketAddr, packet: &Packet<'_>, now: Instant) -> bool {
        if !self.params.receive || packet.payload_type != self.params.comes_as {
            return false;
        }
        let stands = |(seen, at): (SocketAddr, Instant)| {
            seen != from && from != self.params.remote && now < at + MOVES_AFTER
        };
        if self.seen.is_some_and(stands) {
            return false;
        }
        let seen = self.seen.is_some_and(|(seen, _)| seen == from);
        if !seen && from.ip() != self.params.remote.ip() && !self.proves(from, packet.ssrc, now) {
            return false;
        }
        self.seen = Some((from, now));
        self.elsewhere.clear();
        true
    }

    /// Counts a packet of who may be the room.
    fn proves(&mut self, from: SocketAddr, ssrc: u32, now: Instant) -> bool {
        self.elsewhere
            .retain(|one| now < one.since + PROVING_WITHIN);
        let same = |one: &&mut Claimant| one.from == from && one.ssrc == ssrc;
        if let Some(one) = self.elsewhere.iter_mut().find(same) {
            one.packets += 1;
            return one.packets >= PROVING_PACKETS;
        }
        if self.elsewhere.len() >= CLAIMANTS_MAX {
            // Who has sent the least is the least likely to be the room.
            let least = self.elsewhere.iter().enumerate();
            let least = least.min_by_key(|(_, one)| one.packets).map(|(at, _)| at);
            self.elsewhere.swap_remove(least.unwrap_or_default());
        }
        self.elsewhere.push(Claimant {
            from,
            ssrc,
            packets: 1,
            since: now,
        });
        false
    }
}

/// Whether RTCP from a room asks for a whole picture.
pub(super) fn asks_for_whole(mut compound: &[u8]) -> bool {
    while let [first, kind, high, low, rest @ ..] = compound {
        let length = usize::from(u16::from_be_bytes([*high, *low])) * 4;
        let Some((_, after)) = rest.split_at_checked(length) else {
            return false;
        };
        let about = first & 0x1f;
        if first >> 6 == 2
            && *kind == PICTURE_FEEDBACK
            && (about == PICTURE_LOSS || about == FULL_PICTURE)
        {
            return true;
        }
        compound = after;
    }
    false
}

/// RTCP for a room: that we are there, and, of `whole`, that a whole picture is wanted (RFC 4585 §6.3.1). Every compound packet begins with
/// a report and has a name (RFC 3550 §6.1).
pub(super) fn report(ssrc: u32, name: &str, whole: Option<u32>) -> Vec<u8> {
    let mut out = vec![0x80, RECEIVER_REPORT, 0, 1];
    out.extend_from_slice(&ssrc.to_be_bytes());
    let name: Vec<u8> = name.bytes().take(200).collect();
    let mut chunk = ssrc.to_be_bytes().to_vec();
    chunk.extend_from_slice(&[CNAME, u8::try_from(name.len()).unwrap_or_default()]);
    chunk.extend_from_slice(&name);
    // A zero ends the list, and more fill the word.
    chunk.resize(chunk.len() / 4 * 4 + 4, 0);
    let words = u16::try_from(chunk.len() / 4).unwrap_or_default();
    out.extend_from_slice(&[0x81, DESCRIPTION]);
    out.extend_from_slice(&words.to_be_bytes());
    out.extend_from_slice(&chunk);
    if let Some(theirs) = whole {
        out.extend_from_slice(&[0x80 | PICTURE_LOSS, PICTURE_FEEDBACK, 0, 2]);
        out.extend_from_slice(&ssrc.to_be_bytes());
        out.extend_from_slice(&theirs.to_be_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_read_past_what_is_not_the_picture() {
        let plain = Packet {
            marker: true,
            payload_type: 97,
            sequence: 513,
            time: 70_000,
            ssrc: 9,
            payload: &[1, 2, 3],
        };
        let mut datagram = Vec::new();
        plain.write(&mut datagram);
        assert_eq!(Packet::read(&datagram), Some(plain));
        // A source, an extension of one word, two bytes of padding.
        let mut full = datagram[..12].to_vec();
        full[0] = 0xb1;
        full.extend_from_slice(&[0, 0, 0, 1, 0xbe, 0xde, 0, 1, 5, 5, 5, 5, 1, 2, 3, 0, 2]);
        assert_eq!(Packet::read(&full).unwrap().payload, [1, 2, 3]);
        for length in 0..full.len() {
            // Whatever is cut is read as nothing or as less, and nothing panics.
            if let Some(cut) = Packet::read(&full[..length]) {
                assert!(cut.payload.len() < full.len());
            }
        }
        assert_eq!(Packet::read(&[0x40; 20]), None);
    }

    #[test]
    fn a_room_is_where_it_sends_from() {
        let params = SightParams {
            remote: "192.0.2.9:7002".parse().unwrap(),
            sent_as: 97,
            comes_as: 97,
            send: true,
            receive: true,
        };
        let packet = |payload_type| Packet {
            marker: false,
            payload_type,
            sequence: 1,
            time: 1,
            ssrc: 1,
            payload: &[],
        };
        let now = runtime::clock::now();
        let mut remote = Remote::new(params);
        assert_eq!(remote.rtcp(), "192.0.2.9:7003".parse().unwrap());
        let nat = "198.51.100.1:40000".parse().unwrap();
        let stranger = "203.0.113.1:1".parse().unwrap();
        assert!(!remote.accepts(nat, &packet(96), now));
        // It has to prove that it is the room before its picture is shown and anything goes there; a source proves for itself.
        for _ in 1..PROVING_PACKETS {
            assert!(!remote.accepts(nat, &packet(97), now));
            let other = Packet {
                ssrc: 2,
                ..packet(97)
            };
            assert!(!remote.accepts(nat, &other, now));
            assert_eq!(remote.rtp(), params.remote);
        }
        assert!(remote.accepts(nat, &packet(97), now));
        assert_eq!(remote.rtp(), nat);
        assert!(!remote.accepts(stranger, &packet(97), now));
        let later = now + MOVES_AFTER;
        for _ in 1..PROVING_PACKETS {
            assert!(!remote.accepts(stranger, &packet(97), later));
            assert_eq!(remote.rtp(), nat);
        }
        // Whoever is where it was negotiated has nothing to prove, from whatever port.
        assert!(remote.accepts(params.remote, &packet(97), later));
        assert_eq!(remote.rtp(), params.remote);
        assert!(!remote.accepts(stranger, &packet(97), later));
        let port = "192.0.2.9:9000".parse().unwrap();
        assert!(!remote.accepts(port, &packet(97), later));
        assert!(remote.accepts(port, &packet(97), later + MOVES_AFTER));
        assert_eq!(remote.rtp(), port);
    }

    /// A room behind a router, which sends from elsewhere than it says, and strangers who know the port and were there first.
    #[test]
    fn strangers_do_not_keep_a_room_away() {
        let params = SightParams {
            remote: "192.0.2.9:7002".parse().unwrap(),
            sent_as: 97,
            comes_as: 97,
            send: true,
            receive: true,
        };
        let of = |ssrc| Packet {
            marker: false,
            payload_type: 97,
            sequence: 1,
            time: 1,
            ssrc,
            payload: &[1],
        };
        let room = "198.51.100.1:40000".parse().unwrap();
        let begin = runtime::clock::now();
        let ms = Duration::from_millis;
        for strangers in [1, 3, 20] {
            let mut remote = Remote::new(params);
            let mut shown = None;
            // The room shows 30 pictures a second; each stranger sends four packets a second, for ever.
            for at in 0..3_000 {
                let now = begin + ms(at);
                if at % 250 == 0 {
                    for n in 0..strangers {
                        let from = SocketAddr::new("203.0.113.1".parse().unwrap(), 5_000 + n);
                        assert!(!remote.accepts(from, &of(100 + u32::from(n)), now));
                    }
                }
                if at >= 20 && at % 33 == 0 && remote.accepts(room, &of(1), now) {
                    shown.get_or_insert(at);
                }
            }
            let shown = shown.expect("the room is shown");
            assert!(
                shown < 2_000,
                "of {strangers} strangers only after {shown} ms"
            );
            assert_eq!(remote.rtp(), room);
        }
        // Who sends too slowly to be a room never is one, however long it goes on.
        let mut remote = Remote::new(params);
        for second in 0..200 {
            let stranger = "203.0.113.1:1".parse().unwrap();
            let now = begin + Duration::from_secs(second);
            assert!(!remote.accepts(stranger, &of(100), now));
        }
        assert_eq!(remote.rtp(), params.remote);
        // Where the room has been seen, a flood from anywhere else changes nothing.
        assert!(remote.accepts(params.remote, &of(1), begin));
        for n in 0..1_000 {
            let stranger = SocketAddr::new("203.0.113.2".parse().unwrap(), 1_024 + n);
            assert!(!remote.accepts(stranger, &of(2), begin));
        }
        assert_eq!(remote.rtp(), params.remote);
    }

    #[test]
    fn what_we_ask_of_rooms_is_what_we_understand_of_them() {
        let name = "room@example.test";
        assert!(asks_for_whole(&report(7, name, Some(8))));
        assert!(!asks_for_whole(&report(7, name, None)));
        for length in 0..8 {
            let report = report(7, &"x".repeat(length), Some(8));
            assert!(report.len().is_multiple_of(4) && asks_for_whole(&report));
            assert!(!asks_for_whole(&report[..report.len() - 1]));
        }
        assert!(asks_for_whole(&[
            0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0
        ]));
        assert!(!asks_for_whole(&[0x8f, 206, 0, 0]));
    }
}
