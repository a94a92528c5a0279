//! One browser's leg on its media thread.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Instant;

use convoke_types::media::StreamStats;
use media_core::SampleClock;
use media_core::dtmf::DtmfReceiver;
use media_core::opus::{DTX_FRAME, Decoder, RTP_PER_CLOCK, RTP_STEP, SILENT_FRAME, WideFrame};
use media_core::opus_jitter::OpusBuffer;
use media_core::stats::ReceiveStats;
use media_core::wide::WideSound;
use str0m::rtp::RtpPacket;

use super::framing::TcpPeer;
use super::session::Renewal;
use super::transport::{Agreed, Sink, Transport};
use crate::config::Counters;
use crate::queue::{ConferenceNumber, LegNumber};
use crate::seat::{SILENT_TICKS, Seat};

/// Silent frames after a sound, so that a lost one leaves no noise behind.
const SILENT_FRAMES: u16 = 3;
/// Ticks between the frames that a silent leg gets: 400 ms (RFC 7587 §3.1.3).
const REST_TICKS: u16 = 20;
/// Keys that wait to be told.
const MAX_KEYS: usize = 4;

/// What the leg says.
#[derive(Debug)]
struct Ear {
    buffer: OpusBuffer<Arc<[u8]>>,
    stats: ReceiveStats,
    keys: DtmfReceiver,
    pressed: Vec<char>,
    /// In the mix, and expected to say something.
    listening: bool,
    /// When what comes now has come.
    clock: SampleClock,
    agreed: Agreed,
    quiet_ticks: u16,
}

impl Sink for Ear {
    fn packet(&mut self, packet: RtpPacket) {
        let header = &packet.header;
        let is_key = self.agreed.events == Some(header.payload_type);
        if !is_key && header.payload_type != self.agreed.opus {
            return;
        }
        let ssrc = *header.ssrc;
        if self.stats.ssrc().is_some_and(|known| known != ssrc) {
            // Another source has its own timestamps.
            self.buffer.reset();
            self.keys.reset();
        }
        // The unwrapped timestamp divides without a seam.
        #[expect(clippy::cast_possible_truncation, reason = "our clock wraps")]
        let timestamp = (packet.time.numer() / u64::from(RTP_PER_CLOCK)) as u32;
        let counted = media_core::rtp::RtpPacket {
            marker: header.marker,
            payload_type: *header.payload_type,
            sequence: header.sequence_number,
            timestamp,
            ssrc,
            payload: &packet.payload,
        };
        self.stats.count(&counted, self.clock, !is_key);
        self.quiet_ticks = 0;
        if is_key {
            let key = self.keys.packet(header.timestamp, &packet.payload);
            if let Some(key) = key.filter(|_| self.pressed.len() < MAX_KEYS) {
                self.pressed.push(key);
            }
            return;
        }
        if self.listening {
            let level = header.ext_vals.audio_level.map(i8::unsigned_abs);
            self.buffer
                .push(timestamp, packet.payload, level, self.clock);
        }
    }
}

#[derive(Debug)]
pub(crate) struct WebLeg {
    pub seat: Seat,
    ear: Ear,
    current: Box<Transport>,
    next: Option<Box<Transport>>,
    /// Given up, to be freed where time does not matter.
    pub retired: Option<Box<Transport>>,
    /// What was told last about a lost connection.
    pub lost_told: bool,
    /// RTP time of the frame of this tick.
    time: u32,
    /// Ticks since the last sound was sent.
    rest: u16,
    silent_frame: Arc<[u8]>,
    rest_frame: Arc<[u8]>,
    sent: u64,
}

impl WebLeg {
    pub(crate) fn new(
        number: LegNumber,
        conference: ConferenceNumber,
        transport: Box<Transport>,
        decoder: Decoder,
        time: u32,
    ) -> Self {
        Self {
            seat: Seat::new(number, conference),
            ear: Ear {
                buffer: OpusBuffer::new(decoder),
                stats: ReceiveStats::new(),
                keys: DtmfReceiver::new(),
                pressed: Vec::with_capacity(MAX_KEYS),
                listening: false,
                clock: 0,
                agreed: transport.agreed,
                quiet_ticks: 0,
            },
            current: transport,
            next: None,
            retired: None,
            lost_told: false,
            time,
            rest: 0,
            silent_frame: SILENT_FRAME.into(),
            rest_frame: DTX_FRAME.into(),
            sent: 0,
        }
    }

    /// Its sockets, to be watched: those of UDP.
    pub(crate) fn socket(&self) -> &UdpSocket {
        self.current.socket()
    }

    pub(crate) fn transports(&self) -> impl Iterator<Item = &Transport> {
        std::iter::once(&*self.current).chain(self.next.as_deref())
    }

    /// Whether sound can pass.
    pub(crate) fn connected(&self) -> bool {
        self.current.connected
    }

    /// Whether all that can come is a handshake, which costs much.
    pub(crate) fn is_connecting(&self) -> bool {
        !self.connected() && self.transports().any(Transport::is_connecting)
    }

    /// Whether its connection is gone, and no other has come.
    pub(crate) fn is_lost(&self) -> bool {
        self.current.is_lost()
    }

    /// Puts the leg into the mix. What it said before is not heard, and it hears something at once.
    pub(crate) fn join(&mut self) {
        self.seat.join();
        self.ear.buffer.reset();
        self.listen();
    }

    /// Takes a fresh transport; gives back one that is not needed any more.
    pub(crate) fn reoffer(&mut self, transport: Box<Transport>) -> Option<Box<Transport>> {
        self.next.replace(transport)
    }

    /// Changes the transport that was agreed on last; false when that one has ended.
    pub(crate) fn renew(&mut self, renewal: Renewal, now: Instant, counters: &Counters) -> bool {
        let transport = self.next.as_mut().unwrap_or(&mut self.current);
        let goes_on = transport.renew(renewal, now, &mut self.ear, counters);
        self.listen();
        goes_on
    }

    /// Takes a TCP connection of the transport that is called so; gives back what is to be watched, if it was taken.
    pub(crate) fn accept(&mut self, ufrag: &str, peer: TcpPeer) -> Option<&TcpPeer> {
        let mut transports = std::iter::once(&mut self.current).chain(self.next.as_mut());
        let transport = transports.find(|transport| transport.ufrag == ufrag)?;
        if !transport.accept(peer) {
            return None;
        }
        transport.peers().last()
    }

    pub(crate) fn summary(&self) -> StreamStats {
        self.ear.stats.summary(self.sent)
    }

    /// A key that was pressed.
    pub(crate) fn take_key(&mut self) -> Option<char> {
        (!self.ear.pressed.is_empty()).then(|| self.ear.pressed.remove(0))
    }

    /// Reads what has come, at most so many packets of each transport.
    pub(crate) fn receive(
        &mut self,
        (clock, now): (SampleClock, Instant),
        budget: usize,
        buffer: &mut [u8],
        counters: &Counters,
    ) {
        self.ear.clock = clock;
        self.ear.agreed = self.current.agreed;
        self.current
            .receive(now, budget, buffer, &mut self.ear, counters);
        if let Some(next) = &mut self.next {
            self.ear.agreed = next.agreed;
            next.receive(now, budget, buffer, &mut self.ear, counters);
            self.settle();
        }
    }

    /// Gives the old transport up when the new one has connected.
    fn settle(&mut self) {
        if self.next.as_ref().is_some_and(|next| next.connected)
            && let Some(next) = self.next.take()
        {
            self.retired = Some(std::mem::replace(&mut self.current, next));
            self.listen();
        }
        self.ear.agreed = self.current.agreed;
    }

    /// Hears and is heard as agreed; something is sent at once.
    fn listen(&mut self) {
        self.ear.agreed = self.current.agreed;
        self.ear.listening = self.seat.joined && self.current.agreed.receive;
        self.rest = 0;
    }

    /// Weighs what it says in this tick; one of `take` and `skip` has to follow.
    pub(crate) fn due(&mut self, clock: SampleClock) -> Option<u32> {
        self.ear.buffer.due(clock)
    }

    pub(crate) fn take(&mut self, frame: &mut WideFrame) -> bool {
        self.ear.buffer.take(frame)
    }

    pub(crate) fn skip(&mut self) {
        self.ear.buffer.skip();
    }

    /// Counts a tick without a packet. Returns what is to be told about silence, if that differs from what was told.
    pub(crate) fn count_quiet(&mut self) -> Option<bool> {
        self.ear.quiet_ticks = if self.current.agreed.receive {
            self.ear.quiet_ticks.saturating_add(1)
        } else {
            0
        };
        let silent = self.ear.quiet_ticks >= SILENT_TICKS;
        (silent != self.seat.silent_told).then_some(silent)
    }

    /// What is played to this leg alone; `None` when it is to hear what the mix has.
    pub(crate) fn play_frame(&mut self) -> Option<WideSound> {
        let player = self.seat.player.as_mut()?;
        let sound = player.next_wide();
        if sound.is_none() {
            self.seat.player = None;
            self.seat.prompt_done = true;
        }
        sound
    }

    /// Sends 20 ms, and does what is due by the clock.
    pub(crate) fn send(&mut self, sound: WideSound, now: Instant, counters: &Counters) {
        self.time = self.time.wrapping_add(RTP_STEP);
        let marker = self.rest > 0;
        let frame = match sound {
            WideSound::Frame(frame) => {
                self.rest = 0;
                Some((frame, marker))
            }
            WideSound::Silence => {
                self.rest = self.rest.saturating_add(1);
                if self.rest <= SILENT_FRAMES {
                    Some((Arc::clone(&self.silent_frame), false))
                } else if self.rest == SILENT_FRAMES + 1 || self.rest.is_multiple_of(REST_TICKS) {
                    Some((Arc::clone(&self.rest_frame), false))
                } else {
                    None
                }
            }
        };
        let current = &mut self.current;
        if let Some((frame, marker)) = frame.filter(|_| current.connected && current.agreed.send) {
            current.send(now, self.time, marker, frame, &mut self.ear, counters);
            self.sent += 1;
        }
        current.tick(now, &mut self.ear, counters);
        if let Some(next) = &mut self.next {
            self.ear.agreed = next.agreed;
            next.tick(now, &mut self.ear, counters);
            self.settle();
        }
    }

    /// Says goodbye.
    pub(crate) fn close(&mut self, now: Instant, counters: &Counters) {
        self.current.close(now, &mut self.ear, counters);
    }
}
