//! A telephone: a socket that answers each packet it gets with one of its own.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use convoke_types::LegKey;
use convoke_types::media::{Codec, MediaCommand, MediaEvent, StreamParams};
use media::{Config, Engine, Events};
use media_core::FRAME_SAMPLES;
use media_core::dtmf::DtmfSender;
use media_core::g711::{self, Law};
use media_core::rtp::{RtpPacket, RtpSender};

/// Nothing that a test waits for takes longer.
pub const DEADLINE: Duration = Duration::from_secs(10);

pub fn key(conference: &str, leg: &str) -> LegKey {
    LegKey {
        conference: conference.parse().unwrap(),
        leg: leg.parse().unwrap(),
    }
}

/// An engine with its events.
pub struct Bridge {
    pub engine: Engine,
    pub events: Events,
    /// Events that came while another one was waited for.
    pub seen: Vec<MediaEvent>,
}

impl Bridge {
    pub fn start() -> Self {
        Self::with(&Config {
            threads: 1,
            ..Config::default()
        })
    }

    pub fn with(config: &Config) -> Self {
        let (engine, events) = Engine::start(config).unwrap();
        Self {
            engine,
            events,
            seen: Vec::new(),
        }
    }

    pub fn command(&self, command: MediaCommand) {
        self.engine.command(command).unwrap();
    }

    /// Waits for the first event that fits, keeping the others.
    pub fn wait_for<T>(&mut self, mut fits: impl FnMut(&MediaEvent) -> Option<T>) -> T {
        if let Some(found) = self
            .seen
            .iter()
            .enumerate()
            .find_map(|(i, e)| Some((i, fits(e)?)))
        {
            self.seen.remove(found.0);
            return found.1;
        }
        loop {
            let event = self.events.wait(DEADLINE).expect("an event in time");
            if let Some(found) = fits(&event) {
                return found;
            }
            self.seen.push(event);
        }
    }

    pub fn open(&mut self, leg: &LegKey) -> SocketAddr {
        self.command(MediaCommand::Open { leg: leg.clone() });
        self.wait_for(|event| match event {
            MediaEvent::Opened { leg: opened, local } if opened == leg => Some(*local),
            _ => None,
        })
    }

    /// Opens and connects a leg to a new telephone.
    pub fn dial(&mut self, leg: &LegKey, codec: Codec) -> Phone {
        let local = self.open(leg);
        let phone = Phone::new(local, codec);
        self.command(MediaCommand::Connect {
            leg: leg.clone(),
            params: phone.params(),
        });
        phone
    }

    pub fn join(&mut self, leg: &LegKey) {
        self.command(MediaCommand::Join { leg: leg.clone() });
        self.wait_for(|event| (*event == MediaEvent::Joined { leg: leg.clone() }).then_some(()));
    }
}

pub struct Phone {
    pub socket: UdpSocket,
    pub codec: Codec,
    pub sender: RtpSender,
    pub bridge: SocketAddr,
    /// All samples heard, decoded.
    pub heard: Vec<i16>,
    pub sizes: Vec<usize>,
    /// Packets held back, to be sent after the next one.
    pub held: VecDeque<Vec<u8>>,
}

pub const DTMF: u8 = 101;

impl Phone {
    pub fn new(bridge: SocketAddr, codec: Codec) -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self {
            socket,
            codec,
            sender: RtpSender::new(7, 100, 5_000),
            bridge,
            heard: Vec::new(),
            sizes: Vec::new(),
            held: VecDeque::new(),
        }
    }

    fn law(&self) -> Law {
        Law::of(self.codec).unwrap()
    }

    pub fn payload_type(&self) -> u8 {
        match self.codec {
            Codec::Pcmu => 0,
            _ => 8,
        }
    }

    pub fn params(&self) -> StreamParams {
        StreamParams {
            remote: self.socket.local_addr().unwrap(),
            codec: self.codec,
            payload_type: self.payload_type(),
            dtmf_payload_type: Some(DTMF),
            ptime_ms: 20,
            send: true,
            receive: true,
        }
    }

    /// Waits for one packet and notes what it carries; gives the number of samples.
    pub fn hear(&mut self) -> usize {
        let mut datagram = [0; 2_000];
        let length = self.socket.recv(&mut datagram).expect("a packet in time");
        let packet = RtpPacket::parse(&datagram[..length]).unwrap();
        assert_eq!(packet.payload_type, self.payload_type());
        let law = self.law();
        let codes = packet.payload.iter();
        self.heard
            .extend(codes.map(|&code| g711::decode(law, code)));
        self.sizes.push(packet.payload.len());
        packet.payload.len()
    }

    pub fn packet(&mut self, samples: &[i16; FRAME_SAMPLES]) -> Vec<u8> {
        let mut packet = self.sender.next_header(self.payload_type(), 160).to_vec();
        let law = self.law();
        packet.extend(samples.iter().map(|&s| g711::encode(law, s)));
        packet
    }

    pub fn send(&self, packet: &[u8]) {
        self.socket.send_to(packet, self.bridge).unwrap();
    }

    pub fn say(&mut self, samples: &[i16; FRAME_SAMPLES]) {
        let packet = self.packet(samples);
        self.send(&packet);
    }

    /// For so many packets: hears one, says one.
    pub fn talk(&mut self, packets: usize, mut source: impl FnMut() -> [i16; FRAME_SAMPLES]) {
        for _ in 0..packets {
            self.hear();
            self.say(&source());
        }
    }

    /// Presses a key, with every other packet lost.
    pub fn press(&mut self, key: char) {
        let start = self.sender.timestamp();
        let mut sender = DtmfSender::new(key, start, 100).unwrap();
        let mut keep = false;
        while let Some(event) = sender.next_packet() {
            let mut packet = self
                .sender
                .event_header(DTMF, event.marker, event.timestamp)
                .to_vec();
            packet.extend_from_slice(&event.payload);
            if keep {
                self.send(&packet);
            }
            keep = !keep;
        }
        self.sender.pause(160 * 7);
    }
}
