//! One connection to a video server, as a browser has: by it a room's picture is shown, or those of the others are seen. Packets pass as they
//! are; nothing is decoded.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::config::DtlsCert;
use str0m::crypto::CryptoProvider;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};
use tokio::net::UdpSocket;

use super::rtp::Packet;
use super::switch::time_after;

/// Outputs taken after one input; the rest waits for the next.
const OUTPUTS_MAX: usize = 512;
/// The largest payload that is shown: with all headers and their encryption it must fit into the 2000 bytes that a connection has for a
/// packet (`DATAGRAM_MAX_PACKET_SIZE` of str0m, which panics beyond). Pictures are sent in far smaller ones, as networks carry.
const PAYLOAD_MAX: usize = 1_800;

/// Steps of numbers within which packets follow each other or overtake each other; what steps farther may have begun anew under the same
/// source (RFC 3550 §A.1).
const STEPS: std::ops::Range<i16> = -100..3_000;

/// What all connections share, so that making one takes no new key.
#[derive(Debug)]
pub(super) struct Identity {
    crypto: Arc<CryptoProvider>,
    certificate: DtlsCert,
}

impl Identity {
    pub fn make() -> Option<Self> {
        let crypto = str0m::crypto::from_feature_flags();
        let certificate = crypto.dtls_provider.generate_certificate()?;
        Some(Self {
            crypto: Arc::new(crypto),
            certificate,
        })
    }
}

/// What a connection tells.
#[derive(Debug)]
pub(super) enum Happened {
    /// Packets can pass.
    Connected,
    /// A whole picture is wanted of what we show.
    WholeWanted,
    /// A packet of a picture that we see.
    Seen {
        /// Its section.
        mid: String,
        marker: bool,
        sequence: u16,
        time: u32,
        payload: Arc<[u8]>,
    },
}

/// See the module.
pub(super) struct Session {
    rtc: Rtc,
    local: SocketAddr,
    pending: Option<(Mid, SdpPendingOffer)>,
    /// What we show, once that is agreed on.
    shows: Option<Mid>,
    deadline: Option<Instant>,
    last: Option<Last>,
}

/// The last packet that we showed, and how those of its source become ours.
#[derive(Debug, Clone, Copy)]
struct Last {
    /// The room's source.
    ssrc: u32,
    /// Its number, as it came, and as we counted it.
    came: u16,
    count: u64,
    /// The least number that packets of its source have.
    first: u64,
    /// The number after one that stepped too far: where that comes next, the stream has begun anew.
    astray: Option<u16>,
    /// Its time as we sent it, and the moment of its sending.
    sent: (u32, Instant),
    /// What is added to times.
    time: u32,
}

impl Session {
    /// One that is reached at `local`.
    pub fn new(identity: &Identity, local: SocketAddr, now: Instant) -> Result<Self, String> {
        let mut rtc = RtcConfig::new()
            .set_crypto_provider(Arc::clone(&identity.crypto))
            .set_dtls_cert(identity.certificate.clone())
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_h264(true)
            .build(now);
        let candidate = Candidate::host(local, "udp");
        rtc.add_local_candidate(candidate.map_err(|error| error.to_string())?);
        Ok(Self {
            rtc,
            local,
            pending: None,
            shows: None,
            deadline: Some(now),
            last: None,
        })
    }

    /// Offers to show a picture.
    pub fn offer(&mut self) -> Option<String> {
        let mut api = self.rtc.sdp_api();
        let mid = api.add_media(MediaKind::Video, Direction::SendOnly, None, None, None);
        let (offer, pending) = api.apply()?;
        self.pending = Some((mid, pending));
        Some(offer.to_sdp_string())
    }

    /// The answer to that.
    pub fn answered(&mut self, answer: &str) -> Result<(), String> {
        let answer = SdpAnswer::from_sdp_string(answer).map_err(|error| error.to_string())?;
        let Some((mid, pending)) = self.pending.take() else {
            return Err("it answers what nobody has offered".to_owned());
        };
        let accepted = self.rtc.sdp_api().accept_answer(pending, answer);
        accepted.map_err(|error| error.to_string())?;
        let media = self.rtc.media(mid);
        if media.is_none_or(|media| media.remote_pts().is_empty()) {
            return Err("it takes no H.264".to_owned());
        }
        self.shows = Some(mid);
        Ok(())
    }

    /// Takes what is offered to be seen; gives the answer.
    pub fn answer(&mut self, offer: &str) -> Result<String, String> {
        let offer = SdpOffer::from_sdp_string(offer).map_err(|error| error.to_string())?;
        let answer = self.rtc.sdp_api().accept_offer(offer);
        Ok(answer.map_err(|error| error.to_string())?.to_sdp_string())
    }

    /// Whether pictures pass.
    pub fn is_connected(&self) -> bool {
        self.rtc.is_connected()
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// A packet from the network.
    pub fn take(&mut self, from: SocketAddr, datagram: &[u8], now: Instant) -> Result<(), String> {
        let Ok(received) = Receive::new(Protocol::Udp, from, self.local, datagram) else {
            return Ok(());
        };
        let input = Input::Receive(now, received);
        // Who does not know the credentials sends in vain.
        if !self.rtc.accepts(&input) {
            return Ok(());
        }
        let taken = self.rtc.handle_input(input);
        taken.map_err(|error| error.to_string())
    }

    /// Does what is due by the clock.
    pub fn tick(&mut self, now: Instant) -> Result<(), String> {
        let ticked = self.rtc.handle_input(Input::Timeout(now));
        ticked.map_err(|error| error.to_string())
    }

    /// Shows a packet of the room's picture; one that is too large for that is lost. Gives whether a stream began with it.
    pub fn show(&mut self, packet: &Packet<'_>, now: Instant) -> Result<bool, String> {
        if packet.payload.len() > PAYLOAD_MAX {
            return Ok(false);
        }
        let Some(mid) = self.shows.filter(|_| self.rtc.is_connected()) else {
            return Ok(false);
        };
        let media = self.rtc.media(mid);
        let Some(payload_type) = media.and_then(|media| media.remote_pts().first().copied()) else {
            return Ok(false);
        };
        let place = place(&mut self.last, packet);
        let Some((sequence, time)) = counted(&mut self.last, packet, place, now) else {
            return Ok(false);
        };
        let mut api = self.rtc.direct_api();
        if let Some(stream) = api.stream_tx_by_mid(mid, None) {
            let write = RtpWrite::new(payload_type, sequence.into(), time, now, packet.payload);
            stream.write_rtp(write.marker(packet.marker).nackable(true));
        }
        self.tick(now)?;
        Ok(place == Place::First)
    }

    /// Asks for a whole picture in a section.
    pub fn ask_whole(&mut self, mid: &str) {
        let mut api = self.rtc.direct_api();
        let stream = api.stream_rx_by_mid(Mid::from(mid), None);
        if let Some(ssrc) = stream.map(|stream| stream.ssrc()) {
            // Who only sees has no source of its own to be named as the sender (RFC 4585 §6.1), and Janus 1.1.2 tells by the sender which
            // of several pictures a request is about: it reads the source that is asked in reports alone.
            api.send_pli_feedback(ssrc, ssrc);
        }
    }

    /// Sends what is to be sent; gives what happened. An error is the end of the connection.
    pub fn drain(&mut self, socket: &UdpSocket) -> Result<Vec<Happened>, String> {
        let mut happened = Vec::new();
        for _ in 0..OUTPUTS_MAX {
            match self.rtc.poll_output().map_err(|error| error.to_string())? {
                Output::Timeout(at) => {
                    self.deadline = Some(at);
                    break;
                }
                Output::Transmit(transmit) => {
                    // What cannot be sent shows as lost.
                    let _sent = socket.try_send_to(&transmit.contents, transmit.destination);
                }
                Output::Event(Event::Connected) => happened.push(Happened::Connected),
                Output::Event(Event::KeyframeRequest(_)) => happened.push(Happened::WholeWanted),
                Output::Event(Event::RtpPacket(packet)) => {
                    let mut api = self.rtc.direct_api();
                    let Some(stream) = api.stream_rx(&packet.header.ssrc) else {
                        continue;
                    };
                    happened.push(Happened::Seen {
                        mid: stream.mid().to_string(),
                        marker: packet.header.marker,
                        sequence: packet.header.sequence_number,
                        time: packet.header.timestamp,
                        payload: packet.payload,
                    });
                }
                Output::Event(_) => {}
            }
        }
        match self.rtc.is_alive() {
            true => Ok(happened),
            false => Err("the connection is over".to_owned()),
        }
    }
}

/// How a packet stands to those that came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It begins a stream, or one anew.
    First,
    /// It is of the stream.
    Within,
    /// Late by far, or the first of what begins anew: that shows with the next.
    Astray,
}

fn place(last: &mut Option<Last>, packet: &Packet<'_>) -> Place {
    let Some(last) = last.as_mut().filter(|last| last.ssrc == packet.ssrc) else {
        return Place::First;
    };
    let step = packet.sequence.wrapping_sub(last.came).cast_signed();
    if STEPS.contains(&step) {
        return Place::Within;
    }
    let next = packet.sequence.wrapping_add(1);
    match last.astray.replace(next) == Some(packet.sequence) {
        true => Place::First,
        false => Place::Astray,
    }
}

/// Counts on over the wrap, and where the room begins a stream anew, in which numbers and times are others (RFC 3550 §5.1): gives ours.
/// Numbers grow from a small one on, so that all know how often they have wrapped (RFC 3711 §3.3.1); what was sent before the first of
/// a stream has none.
fn counted(
    last: &mut Option<Last>,
    packet: &Packet<'_>,
    place: Place,
    now: Instant,
) -> Option<(u64, u32)> {
    /// Leaves room for what overtook the first.
    const FIRST: u64 = 1_000;
    let before = *last;
    let same = match place {
        Place::First => None,
        Place::Within => before,
        Place::Astray => return None,
    };
    let stream = same.unwrap_or_else(|| {
        let (first, count, time) = match before {
            None => (0, FIRST, packet.time),
            // No number is used twice.
            Some(before) => {
                let next = before.count + 1;
                (next, next, time_after(before.sent, now))
            }
        };
        Last {
            ssrc: packet.ssrc,
            came: packet.sequence,
            count,
            first,
            astray: None,
            sent: (time, now),
            time: time.wrapping_sub(packet.time),
        }
    });
    let step = i64::from(packet.sequence.wrapping_sub(stream.came).cast_signed());
    let count = stream.count.checked_add_signed(step)?;
    let time = packet.time.wrapping_add(stream.time);
    if count < stream.first {
        return None;
    }
    if step > 0 || same.is_none() {
        *last = Some(Last {
            came: packet.sequence,
            count,
            astray: None,
            sent: (time, now),
            ..stream
        });
    }
    Some((count, time))
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use runtime::clock;

    use super::*;

    /// Nothing here takes that long.
    const GIVE_UP: Duration = Duration::from_secs(30);

    fn packet(ssrc: u32, sequence: u16, time: u32) -> Packet<'static> {
        Packet {
            marker: false,
            payload_type: 96,
            sequence,
            time,
            ssrc,
            payload: &[],
        }
    }

    async fn socket() -> UdpSocket {
        UdpSocket::bind("127.0.0.1:0").await.unwrap()
    }

    /// What has come, and what is due.
    pub fn turn(session: &mut Session, socket: &UdpSocket) -> Vec<Happened> {
        let mut datagram = [0; 2_048];
        while let Ok((length, from)) = socket.try_recv_from(&mut datagram) {
            let taken = session.take(from, &datagram[..length], clock::now());
            taken.unwrap();
        }
        session.tick(clock::now()).unwrap();
        session.drain(socket).unwrap()
    }

    /// The first such thing that happens on one of two sides.
    async fn happens(
        sides: &mut [Session; 2],
        sockets: &[UdpSocket; 2],
        what: fn(&Happened) -> bool,
    ) -> Happened {
        let happening = async {
            loop {
                for (session, socket) in sides.iter_mut().zip(sockets) {
                    if let Some(happened) = turn(session, socket).into_iter().find(what) {
                        return happened;
                    }
                }
                let due = sides.iter().filter_map(Session::deadline).min();
                tokio::select! {
                    ready = sockets[0].readable() => ready.unwrap(),
                    ready = sockets[1].readable() => ready.unwrap(),
                    () = clock::sleep_until(due.unwrap()) => {}
                }
            }
        };
        clock::within(GIVE_UP, happening).await.unwrap()
    }

    /// Two that have connected, of which the first shows the second a picture.
    pub async fn connected() -> ([Session; 2], [UdpSocket; 2]) {
        let identity = Identity::make().unwrap();
        let sockets = [socket().await, socket().await];
        let mut sides = sockets.each_ref().map(|socket| {
            let local = socket.local_addr().unwrap();
            Session::new(&identity, local, clock::now()).unwrap()
        });
        let offer = sides[0].offer().unwrap();
        let answer = sides[1].answer(&offer).unwrap();
        sides[0].answered(&answer).unwrap();
        while !sides.iter().all(|side| side.rtc.is_connected()) {
            happens(&mut sides, &sockets, |one| {
                matches!(one, Happened::Connected)
            })
            .await;
        }
        (sides, sockets)
    }

    #[tokio::test]
    async fn what_is_too_large_to_be_shown_is_lost_and_nothing_else() {
        let (mut sides, sockets) = connected().await;
        // The largest that a datagram of a room may hold, and those about which it turns.
        let pictures = [2_036, PAYLOAD_MAX + 1, PAYLOAD_MAX];
        for (length, sequence) in pictures.into_iter().zip(1..) {
            let payload = vec![0x41; length];
            let packet = Packet {
                payload: &payload,
                ..packet(7, sequence, 90)
            };
            sides[0].show(&packet, clock::now()).unwrap();
            sides[0].drain(&sockets[0]).unwrap();
        }
        let seen = |one: &Happened| matches!(one, Happened::Seen { .. });
        let Happened::Seen { payload, .. } = happens(&mut sides, &sockets, seen).await else {
            unreachable!("it was waited for");
        };
        assert_eq!(payload.len(), PAYLOAD_MAX);
    }

    /// Ours of a packet.
    fn count(last: &mut Option<Last>, packet: &Packet<'_>, now: Instant) -> Option<(u64, u32)> {
        let place = place(last, packet);
        counted(last, packet, place, now)
    }

    #[test]
    fn numbers_are_counted_on_over_the_wrap() {
        let (mut last, now) = (None, runtime::clock::now());
        let counted: Vec<_> = [65_534, 65_533, 65_535, 1, 0, 2]
            .into_iter()
            .map(|sequence| count(&mut last, &packet(7, sequence, 5), now).unwrap())
            .collect();
        let expected = [1_000_u64, 999, 1_001, 1_003, 1_002, 1_004];
        assert_eq!(counted, expected.map(|number| (number, 5_u32)));
    }

    #[test]
    fn a_stream_that_begins_anew_goes_on_in_ours() {
        let begin = runtime::clock::now();
        let mut last = None;
        let mut at = |ms, ssrc, sequence, time| {
            let now = begin + Duration::from_millis(ms);
            count(&mut last, &packet(ssrc, sequence, time), now)
        };
        assert_eq!(at(0, 7, 40_000, 500), Some((1_000, 500)));
        assert_eq!(at(33, 7, 40_001, 3_500), Some((1_001, 3_500)));
        assert_eq!(at(133, 8, 9, 70_000), Some((1_002, 12_500)));
        // It has no number that another has.
        assert_eq!(at(134, 8, 8, 70_000), None);
        assert_eq!(at(166, 8, 11, 73_000), Some((1_004, 15_500)));
        assert_eq!(at(167, 8, 10, 70_000), Some((1_003, 12_500)));
    }

    #[test]
    fn a_room_that_begins_anew_under_the_same_source_is_seen_on() {
        let begin = clock::now();
        let mut last = None;
        let mut at = |ms, sequence, time| {
            let now = begin + Duration::from_millis(ms);
            let packet = packet(7, sequence, time);
            let place = place(&mut last, &packet);
            (place, counted(&mut last, &packet, place, now))
        };
        assert_eq!(at(0, 40_000, 500), (Place::First, Some((1_000, 500))));
        assert_eq!(at(1, 39_900, 400), (Place::Within, Some((900, 400))));
        // One that is late by far is nothing that begins, nor are two of which the other does not follow.
        assert_eq!(at(2, 39_899, 400), (Place::Astray, None));
        assert_eq!(at(3, 39_897, 400), (Place::Astray, None));
        let next = (Place::Within, Some((1_001, 3_500)));
        assert_eq!(at(33, 40_001, 3_500), next);
        assert_eq!(at(34, 39_898, 400), (Place::Astray, None));
        // Much lower, and on from there.
        assert_eq!(at(132, 10_020, 70_000), (Place::Astray, None));
        let first = (Place::First, Some((1_002, 12_500)));
        assert_eq!(at(133, 10_021, 70_000), first);
        let second = (Place::Within, Some((1_003, 15_500)));
        assert_eq!(at(166, 10_022, 73_000), second);
        // Much higher.
        assert_eq!(at(199, 15_000, 1), (Place::Astray, None));
        assert_eq!(at(200, 15_001, 1), (Place::First, Some((1_004, 18_560))));
    }
}
