//! One telephone leg on its media thread: its socket, what arrives, what leaves.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use convoke_types::media::StreamStats;
use media_core::dtmf::DtmfReceiver;
use media_core::g711::Law;
use media_core::jitter::JitterBuffer;
use media_core::mixer::Packet;
use media_core::prompt::Played;
use media_core::rtp::{HEADER_BYTES, MAX_PACKET_BYTES, RtpPacket, RtpSender};
use media_core::stats::ReceiveStats;
use media_core::{FRAME_SAMPLES, FRAME_STEP, SampleClock};

use crate::config::Counters;
use crate::queue::{ConferenceNumber, LegNumber, Stream};
use crate::seat::{SILENT_TICKS, Seat};

/// Longest packet sent: 60 ms.
pub(crate) const MAX_PACKET_SAMPLES: usize = 480;
/// Datagrams of before the stream was negotiated that are thrown away at its start.
const MAX_STALE: usize = 512;

/// Packets from elsewhere than negotiated after which that is taken for the peer's address for good: one second. Until
/// then the peer can still show up where it was expected.
const PROVING_PACKETS: u16 = 50;

/// Ticks without a packet after which another such address may take its place: 200 ms. The last packets of a peer that
/// was replaced may still be on their way.
const HANDOVER_TICKS: u16 = 10;

/// What one datagram amounted to, for the thread to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing to tell.
    Nothing,
    /// A key was pressed.
    Key(char),
}

#[derive(Debug)]
pub(crate) struct Leg {
    pub seat: Seat,
    pub stream: Option<Stream>,
    socket: UdpSocket,
    /// Connected to where packets come from (symmetric RTP).
    latched: bool,
    /// The synchronisation source that was settled on.
    source: Option<u32>,
    /// Where packets come from that is not where was negotiated, and how many came.
    elsewhere: Option<(SocketAddr, u16)>,
    jitter: JitterBuffer,
    stats: ReceiveStats,
    keys: DtmfReceiver,
    sender: RtpSender,
    sent: u64,
    quiet_ticks: u16,
    /// Gathers frames for packets that are not 20 ms long; the first bytes are the header's.
    gather: [u8; HEADER_BYTES + MAX_PACKET_SAMPLES + FRAME_SAMPLES],
    gathered: usize,
}

impl Leg {
    pub(crate) fn new(
        number: LegNumber,
        conference: ConferenceNumber,
        socket: UdpSocket,
        sender: RtpSender,
    ) -> Self {
        Self {
            seat: Seat::new(number, conference),
            stream: None,
            socket,
            latched: false,
            source: None,
            elsewhere: None,
            jitter: JitterBuffer::new(Law::Mu),
            stats: ReceiveStats::new(),
            keys: DtmfReceiver::new(),
            sender,
            sent: 0,
            quiet_ticks: 0,
            gather: [0; HEADER_BYTES + MAX_PACKET_SAMPLES + FRAME_SAMPLES],
            gathered: 0,
        }
    }

    pub(crate) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Port that the socket is bound to.
    pub(crate) fn port(&self) -> u16 {
        self.socket.local_addr().map_or(0, |address| address.port())
    }

    /// Starts or changes the stream.
    pub(crate) fn connect(&mut self, stream: Stream) {
        let before = self.stream.replace(stream);
        match before {
            None => {
                // What came before the answer is seconds old by now.
                let mut datagram = [0; MAX_PACKET_BYTES];
                for _ in 0..MAX_STALE {
                    if self.socket.recv(&mut datagram).is_err() {
                        break;
                    }
                }
                self.jitter.reset(stream.law);
            }
            Some(before) => {
                if before.law != stream.law {
                    self.jitter.reset(stream.law);
                    self.gathered = 0;
                }
                if before.remote != stream.remote {
                    self.unlatch();
                    // Whoever answers there may be another source, and behind another address as well.
                    self.source = None;
                }
            }
        }
        self.quiet_ticks = 0;
    }

    /// Puts the leg into the mix. What it said before is not heard.
    pub(crate) fn join(&mut self) {
        self.seat.join();
        if let Some(stream) = self.stream {
            self.jitter.reset(stream.law);
        }
    }

    pub(crate) fn summary(&self) -> StreamStats {
        self.stats.summary(self.sent)
    }

    /// Reads one datagram, if there is one.
    pub(crate) fn receive(
        &mut self,
        now: SampleClock,
        buffer: &mut [u8; MAX_PACKET_BYTES],
        counters: &Counters,
    ) -> Heard {
        let received = if self.latched {
            self.socket.recv(buffer).map(|length| (length, None))
        } else {
            self.socket
                .recv_from(buffer)
                .map(|(length, from)| (length, Some(from)))
        };
        let (length, from) = match received {
            Ok(received) => received,
            Err(error) => {
                if error.kind() != io::ErrorKind::WouldBlock {
                    Counters::add(&counters.receive_errors, 1);
                }
                return Heard::Nothing;
            }
        };
        let Some(stream) = self.stream else {
            return Heard::Nothing;
        };
        let Some(packet) = buffer.get(..length).and_then(|d| RtpPacket::parse(d).ok()) else {
            Counters::add(&counters.malformed, 1);
            return Heard::Nothing;
        };
        let is_key = stream.dtmf_payload_type == Some(packet.payload_type);
        let known = is_key || packet.payload_type == stream.payload_type;
        if !known || from.is_some_and(|from| !self.latch(from, packet.ssrc, &stream)) {
            Counters::add(&counters.unexpected, 1);
            return Heard::Nothing;
        }
        if self.stats.ssrc().is_some_and(|ssrc| ssrc != packet.ssrc) {
            // Another source has its own timestamps.
            self.jitter.reset(stream.law);
            self.keys.reset();
        }
        self.stats.count(&packet, now, !is_key);
        self.quiet_ticks = 0;
        if is_key {
            return self
                .keys
                .packet(packet.timestamp, packet.payload)
                .map_or(Heard::Nothing, Heard::Key);
        }
        if self.seat.joined && stream.receive {
            self.jitter.push(packet.timestamp, packet.payload, now);
        }
        Heard::Nothing
    }

    /// The frame to be mixed at this tick; false when there is none.
    pub(crate) fn pull(&mut self, now: SampleClock, frame: &mut [u8; FRAME_SAMPLES]) -> bool {
        self.jitter.pull(now, frame) == media_core::jitter::Pulled::Frame
    }

    /// Counts a tick without a packet. Returns what is to be told about silence, if that differs from what was told.
    pub(crate) fn count_quiet(&mut self) -> Option<bool> {
        let expected = self.stream.is_some_and(|s| s.receive);
        self.quiet_ticks = if expected {
            self.quiet_ticks.saturating_add(1)
        } else {
            0
        };
        let silent = self.quiet_ticks >= SILENT_TICKS;
        if silent && self.latched && !self.seat.silent_told {
            // The peer may have moved (a router between us was restarted): listen to its source from anywhere.
            self.unlatch();
        }
        (silent != self.seat.silent_told).then_some(silent)
    }

    /// Fills the codes of `scratch` with what is played to this leg alone; false when it is to hear what the mix has.
    pub(crate) fn play_frame(&mut self, scratch: &mut Packet, silence: u8) -> bool {
        let (Some(player), Some(stream)) = (&mut self.seat.player, &self.stream) else {
            return false;
        };
        let codes = &mut scratch[HEADER_BYTES..];
        match player.next_frame(stream.law) {
            Played::Frame(frame) => codes.copy_from_slice(frame),
            Played::Pause => codes.fill(silence),
            Played::Done => {
                self.seat.player = None;
                self.seat.prompt_done = true;
                return false;
            }
        }
        true
    }

    /// Sends 20 ms; the header of `packet` is overwritten.
    pub(crate) fn send(&mut self, packet: &mut Packet, counters: &Counters) {
        let Some(stream) = self.stream else { return };
        if !stream.send {
            self.sender.pause(FRAME_STEP);
            self.gathered = 0;
            return;
        }
        if stream.packet_samples == FRAME_SAMPLES {
            let header = self.sender.next_header(stream.payload_type, FRAME_STEP);
            packet[..HEADER_BYTES].copy_from_slice(&header);
            self.put_on_wire(packet, &stream, counters);
            return;
        }
        let begin = HEADER_BYTES + self.gathered;
        self.gather[begin..begin + FRAME_SAMPLES].copy_from_slice(&packet[HEADER_BYTES..]);
        self.gathered += FRAME_SAMPLES;
        let samples = stream.packet_samples;
        while self.gathered >= samples {
            let step = u32::try_from(samples).unwrap_or(FRAME_STEP);
            let header = self.sender.next_header(stream.payload_type, step);
            self.gather[..HEADER_BYTES].copy_from_slice(&header);
            let gather = self.gather;
            self.put_on_wire(&gather[..HEADER_BYTES + samples], &stream, counters);
            let end = HEADER_BYTES + self.gathered;
            self.gather
                .copy_within(HEADER_BYTES + samples..end, HEADER_BYTES);
            self.gathered -= samples;
        }
    }

    fn put_on_wire(&mut self, packet: &[u8], stream: &Stream, counters: &Counters) {
        let result = if self.latched {
            self.socket.send(packet)
        } else if let Some((address, _)) = self.elsewhere {
            self.socket.send_to(packet, address)
        } else if stream.remote.ip().is_unspecified() || stream.remote.port() == 0 {
            // RFC 3264 §8.4: the old way to be put on hold; there is nowhere to send.
            return;
        } else {
            self.socket.send_to(packet, stream.remote)
        };
        match result {
            Ok(_) => self.sent += 1,
            Err(_) => Counters::add(&counters.send_errors, 1),
        }
    }

    /// Symmetric RTP: valid packets decide where the peer is, at once if they come from the negotiated address, whoever
    /// may have come before them; after a while if not. Returns whether the packet counts.
    fn latch(&mut self, from: SocketAddr, ssrc: u32, stream: &Stream) -> bool {
        if from.ip() == stream.remote.ip() {
            self.settle(from, ssrc);
            return true;
        }
        // Once a source is settled on, only it may move.
        if self.source.is_some_and(|known| known != ssrc) {
            return false;
        }
        let packets = match self.elsewhere {
            Some((address, packets)) if address == from => packets + 1,
            Some(_) if self.quiet_ticks < HANDOVER_TICKS => return false,
            _ => 1,
        };
        self.elsewhere = Some((from, packets));
        if packets >= PROVING_PACKETS {
            self.settle(from, ssrc);
        }
        true
    }

    fn settle(&mut self, peer: SocketAddr, ssrc: u32) {
        self.latched = self.socket.connect(peer).is_ok();
        self.source = Some(ssrc);
        self.elsewhere = None;
    }

    fn unlatch(&mut self) {
        self.elsewhere = None;
        if self.latched {
            self.latched = rustix::net::connect_unspec(&self.socket).is_err();
        }
    }
}
