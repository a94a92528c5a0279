//! A browser: `str0m` as a full ICE agent that offers, with a socket of its own; it speaks and hears wide frames of 20 ms, paced
//! by its own clock.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use convoke_types::LegKey;
use convoke_types::media::{MediaCommand, MediaEvent};
use media_core::opus::{
    Decoder, Encoder, MAX_FRAME_BYTES, MAX_PACKET_SAMPLES, WIDE_SAMPLES, WideFrame,
};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::{Codec, FormatParams};
use str0m::media::{Direction, Frequency, MediaKind, Mid};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

use crate::phone::{Bridge, DEADLINE};

const OPUS: u8 = 111;
const EVENTS: u8 = 110;
const FRAME: Duration = Duration::from_millis(20);

/// How it reaches the bridge.
pub enum Way {
    Udp(UdpSocket),
    Tcp(TcpStream, Vec<u8>),
}

pub struct Browser {
    pub rtc: Rtc,
    pub way: Way,
    local: SocketAddr,
    pending: Option<SdpPendingOffer>,
    mid: Mid,
    pub connected: bool,
    encoder: Encoder,
    decoder: Decoder,
    /// Sound heard, by RTP time from the first packet on; what was not sent is zero.
    pub heard: Vec<i16>,
    first: Option<u32>,
    /// Sizes of the payloads that came, with the RTP time of each.
    pub packets: Vec<(u32, usize)>,
    sequence: u64,
    pub time: u32,
    due: Instant,
    /// The level that it tells with each packet, in decibels under the overload point.
    pub level: Option<i8>,
}

#[expect(clippy::disallowed_methods, reason = "a peer has a clock of its own")]
fn now() -> Instant {
    Instant::now()
}

fn config() -> RtcConfig {
    let mut config = RtcConfig::new()
        .set_rtp_mode(true)
        .clear_codecs()
        .enable_opus(true, false)
        .enable_vp8(true);
    let clock = Frequency::FORTY_EIGHT_KHZ;
    config.codec_config().add_config(
        EVENTS.into(),
        None,
        Codec::Tele,
        clock,
        None,
        FormatParams::default(),
    );
    config
}

impl Browser {
    pub fn new() -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        let local = socket.local_addr().unwrap();
        let mut rtc = config().build(now());
        rtc.add_local_candidate(Candidate::host(local, "udp").unwrap());
        Self::over(Way::Udp(socket), local, rtc)
    }

    /// One that reaches the bridge over TCP only.
    pub fn over_tcp(bridge: SocketAddr) -> Self {
        let socket = TcpStream::connect(bridge).unwrap();
        let local = socket.local_addr().unwrap();
        let mut rtc = config().build(now());
        let candidate = Candidate::builder()
            .tcp()
            .host(local)
            .tcptype(TcpType::Active)
            .build();
        rtc.add_local_candidate(candidate.unwrap());
        Self::over(Way::Tcp(socket, Vec::new()), local, rtc)
    }

    fn over(way: Way, local: SocketAddr, rtc: Rtc) -> Self {
        Self {
            rtc,
            way,
            local,
            pending: None,
            mid: Mid::new(),
            connected: false,
            encoder: Encoder::new().unwrap(),
            decoder: Decoder::new().unwrap(),
            heard: Vec::new(),
            first: None,
            packets: Vec::new(),
            sequence: 100,
            time: 5_000_000,
            due: now(),
            level: None,
        }
    }

    /// An offer of a microphone, and of a camera if wanted.
    pub fn offer(&mut self, video: bool) -> String {
        let mut api = self.rtc.sdp_api();
        self.mid = api.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        if video {
            api.add_media(MediaKind::Video, Direction::SendRecv, None, None, None);
        }
        let (offer, pending) = api.apply().unwrap();
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    /// An offer of the same session, with another direction.
    pub fn turn(&mut self, direction: Direction) -> String {
        let mut api = self.rtc.sdp_api();
        api.set_direction(self.mid, direction);
        let (offer, pending) = api.apply().unwrap();
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    /// An offer of the same session from another address: an ICE restart.
    pub fn move_on(&mut self) -> String {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        self.local = socket.local_addr().unwrap();
        self.way = Way::Udp(socket);
        let mut api = self.rtc.sdp_api();
        api.ice_restart(false);
        let (offer, pending) = api.apply().unwrap();
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    /// Tells the bridge that it goes.
    pub fn close(&mut self) {
        self.rtc.close().unwrap();
        self.rtc.handle_input(Input::Timeout(now())).unwrap();
        self.drain();
    }

    /// Whether something comes within so long, while it sends nothing more than what is due now.
    pub fn is_answered_within(&mut self, wait: Duration) -> bool {
        self.run_until(now() + Duration::from_millis(5));
        self.receive(wait).is_some()
    }

    pub fn answered(&mut self, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        let pending = self.pending.take().unwrap();
        self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
    }

    /// Makes a leg of a new browser, and waits until sound can pass.
    pub fn dial(bridge: &mut Bridge, leg: &LegKey) -> Self {
        let mut browser = Self::new();
        let answer = bridge.open_web(leg, &browser.offer(false));
        browser.answered(&answer);
        browser.connect();
        browser
    }

    pub fn connect(&mut self) {
        let begin = now();
        while !self.connected {
            assert!(now() - begin < DEADLINE, "the browser does not connect");
            self.run_until(now() + FRAME);
        }
        self.due = now();
    }

    /// The answer to its move has come: a quarter of a second in which it finds its way.
    pub fn arrive(&mut self) {
        let candidate = Candidate::host(self.local, "udp").unwrap();
        self.rtc.add_local_candidate(candidate);
        self.run_until(now() + Duration::from_millis(250));
        self.due = now();
    }

    /// Says and hears a frame in each of so many steps of 20 ms; says nothing where `source` gives nothing.
    pub fn talk(&mut self, frames: usize, mut source: impl FnMut() -> Option<WideFrame>) {
        for _ in 0..frames {
            self.due += FRAME;
            self.run_until(self.due);
            self.time = self.time.wrapping_add(960);
            if let Some(frame) = source() {
                let mut bytes = [0; MAX_FRAME_BYTES];
                let packet = self.encoder.encode(&frame, &mut bytes).unwrap().to_vec();
                self.send(OPUS, self.time, packet);
            }
        }
    }

    pub fn send(&mut self, payload_type: u8, time: u32, payload: Vec<u8>) {
        let now = now();
        let sequence = self.sequence;
        self.sequence += 1;
        let values = ExtensionValues {
            audio_level: self.level,
            voice_activity: self.level.map(|_| true),
            ..ExtensionValues::default()
        };
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(self.mid, None).unwrap();
        let write = RtpWrite::new(payload_type.into(), sequence.into(), time, now, payload);
        stream.write_rtp(write.ext_vals(values));
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
        self.drain();
    }

    /// Presses a key for 100 ms, sent at once.
    pub fn press(&mut self, key: u8) {
        for (duration, end) in [
            (960_u16, 0),
            (2_880, 0),
            (4_800, 0x80),
            (4_800, 0x80),
            (4_800, 0x80),
        ] {
            let [high, low] = duration.to_be_bytes();
            self.send(EVENTS, self.time, vec![key, end | 10, high, low]);
        }
    }

    /// Takes what comes until then.
    pub fn run_until(&mut self, end: Instant) {
        loop {
            let wake = self.drain().min(end);
            let now = now();
            if now >= end {
                return;
            }
            let wait = wake
                .saturating_duration_since(now)
                .max(Duration::from_micros(100));
            if let Some((source, packet)) = self.receive(wait) {
                let proto = match self.way {
                    Way::Udp(_) => Protocol::Udp,
                    Way::Tcp(..) => Protocol::Tcp,
                };
                if let Ok(received) = Receive::new(proto, source, self.local, &packet) {
                    let input = Input::Receive(self::now(), received);
                    self.rtc.handle_input(input).unwrap();
                }
            } else {
                self.rtc.handle_input(Input::Timeout(self::now())).unwrap();
            }
        }
    }

    fn receive(&mut self, wait: Duration) -> Option<(SocketAddr, Vec<u8>)> {
        let mut buffer = [0; 2_000];
        match &mut self.way {
            Way::Udp(socket) => {
                socket.set_read_timeout(Some(wait)).unwrap();
                let (length, from) = socket.recv_from(&mut buffer).ok()?;
                Some((from, buffer[..length].to_vec()))
            }
            Way::Tcp(socket, read) => {
                socket.set_read_timeout(Some(wait)).unwrap();
                match socket.read(&mut buffer) {
                    Ok(0) => panic!("the bridge has hung up"),
                    Ok(length) => read.extend_from_slice(&buffer[..length]),
                    Err(error) => assert!(
                        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
                        "{error}"
                    ),
                }
                let length = usize::from(u16::from_be_bytes(*read.first_chunk()?));
                if read.len() < 2 + length {
                    return None;
                }
                let packet = read[2..2 + length].to_vec();
                read.drain(..2 + length);
                Some((socket.peer_addr().unwrap(), packet))
            }
        }
    }

    fn drain(&mut self) -> Instant {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(at) => return at,
                Output::Transmit(transmit) => match &mut self.way {
                    Way::Udp(socket) => {
                        // A port that is closed meanwhile is told here.
                        let _refused = socket.send_to(&transmit.contents, transmit.destination);
                    }
                    Way::Tcp(socket, _) => {
                        let length = u16::try_from(transmit.contents.len()).unwrap();
                        socket.write_all(&length.to_be_bytes()).unwrap();
                        socket.write_all(&transmit.contents).unwrap();
                    }
                },
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(Event::RtpPacket(packet)) => self.hear(&packet),
                Output::Event(_) => {}
            }
        }
    }

    fn hear(&mut self, packet: &RtpPacket) {
        assert_eq!(*packet.header.payload_type, OPUS);
        let time = packet.header.timestamp;
        self.packets.push((time, packet.payload.len()));
        let mut samples = [0; MAX_PACKET_SAMPLES];
        assert_eq!(
            self.decoder.decode(&packet.payload, &mut samples),
            WIDE_SAMPLES
        );
        let first = *self.first.get_or_insert(time);
        let place = usize::try_from(time.wrapping_sub(first)).unwrap() / 3;
        if self.heard.len() < place + WIDE_SAMPLES {
            self.heard.resize(place + WIDE_SAMPLES, 0);
        }
        self.heard[place..place + WIDE_SAMPLES].copy_from_slice(&samples[..WIDE_SAMPLES]);
    }

    /// Goes on with a fresh connection, as after a change of network; the offer is for the bridge.
    pub fn fresh(&mut self) -> (Self, String) {
        let mut fresh = Self::new();
        fresh.time = self.time;
        let offer = fresh.offer(false);
        (fresh, offer)
    }
}

impl Bridge {
    pub fn open_web(&mut self, leg: &LegKey, offer: &str) -> String {
        self.command(MediaCommand::OpenWeb {
            leg: leg.clone(),
            offer: offer.to_owned(),
        });
        self.answer_for(leg)
    }

    pub fn reoffer(&mut self, leg: &LegKey, offer: &str) -> String {
        self.command(MediaCommand::Reoffer {
            leg: leg.clone(),
            offer: offer.to_owned(),
        });
        self.answer_for(leg)
    }

    /// Where the engine takes TCP connections.
    pub fn tcp(&self) -> SocketAddr {
        let port = self.engine.tcp_port().expect("a port for TCP");
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn answer_for(&mut self, leg: &LegKey) -> String {
        self.wait_for(|event| match event {
            MediaEvent::OpenedWeb {
                leg: opened,
                answer,
            } if opened == leg => Some(answer.clone()),
            _ => None,
        })
    }
}
