//! The media of one call of a simulated telephone: a real RTP socket that speaks every 20 ms and listens all the time.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use convoke_types::media::StreamParams;
use media_core::dtmf::{DtmfReceiver, DtmfSender};
use media_core::g711::{self, Law};
use media_core::rtp::{HEADER_BYTES, RtpPacket, RtpSender};
use runtime::clock;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use crate::ear::Ear;
use crate::microphone::{FRAME_SAMPLES, Microphone, Sound};
use crate::mouth::Mouth;

/// Length of a frame.
const FRAME: Duration = Duration::from_millis(20);
/// How long a pressed key lasts, in milliseconds.
const KEY_MS: u16 = 100;
/// Frames between two keys: 60 ms.
const REST_FRAMES: u8 = 3;
/// Keys that may wait; more are not pressed.
const KEYS_MAX: usize = 32;
/// Frames of sound after which a prompt counts as heard: one second.
const PROMPT_FRAMES: u32 = 50;
/// Mean square above which a frame is sound: −46 dBFS.
const SOUND_MEAN_SQUARE: u32 = 27_000;
/// Largest datagram read.
const DATAGRAM_MAX_BYTES: usize = 1_500;

/// What is asked of a line.
#[derive(Debug)]
pub(crate) enum Order {
    /// The media is agreed: speak and listen.
    Connect(StreamParams),
    /// Say something else from now on.
    Say(Sound),
    /// Press a key.
    Press(char),
    /// Press a key as soon as a prompt was heard.
    PressAfterPrompt(char),
}

/// What happened on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The other side pressed a key.
    Key(char),
    /// Sound arrived, for the first time.
    Sound,
}

/// One call's media.
pub(crate) struct Line {
    socket: UdpSocket,
    ear: Ear,
    mouth: Mouth,
    microphone: Microphone,
    params: Option<StreamParams>,
    sender: RtpSender,
    keys: DtmfReceiver,
    pressing: Option<DtmfSender>,
    /// Keys that wait until the one before is released; a finger is quicker than a key is long.
    to_press: VecDeque<char>,
    rest_frames: u8,
    after_prompt: Option<char>,
    sound_frames: u32,
}

impl Line {
    /// Opens the socket on this address; port 0 lets the system choose.
    pub async fn open(
        ip: std::net::IpAddr,
        (ear, mouth): (Ear, Mouth),
        sound: Sound,
        seed: [u8; 10],
    ) -> std::io::Result<(Self, SocketAddr)> {
        let socket = UdpSocket::bind((ip, 0)).await?;
        let local = socket.local_addr()?;
        let [a, b, c, d, e, f, g, h, i, j] = seed;
        let line = Self {
            socket,
            ear,
            mouth,
            microphone: Microphone::new(sound),
            params: None,
            sender: RtpSender::new(
                u32::from_be_bytes([a, b, c, d]),
                u16::from_be_bytes([e, f]),
                u32::from_be_bytes([g, h, i, j]),
            ),
            keys: DtmfReceiver::new(),
            pressing: None,
            to_press: VecDeque::new(),
            rest_frames: 0,
            after_prompt: None,
            sound_frames: 0,
        };
        Ok((line, local))
    }

    /// Runs until nobody can give orders any more.
    pub async fn run(mut self, mut orders: mpsc::Receiver<Order>, heard: impl Fn(Heard)) {
        let mut next: Instant = clock::now() + FRAME;
        let mut datagram = [0_u8; DATAGRAM_MAX_BYTES];
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    None => return,
                    Some(order) => self.order(order),
                },
                received = self.socket.recv_from(&mut datagram) => {
                    // An ICMP error of an earlier packet is no reason to stop listening.
                    if let Ok((length, _)) = received {
                        self.receive(datagram.get(..length).unwrap_or_default(), &heard);
                    }
                }
                () = clock::sleep_until(next) => {
                    self.speak().await;
                    next += FRAME;
                }
            }
        }
    }

    fn order(&mut self, order: Order) {
        match order {
            Order::Connect(params) => self.params = Some(params),
            Order::Say(sound) => self.microphone = Microphone::new(sound),
            Order::Press(key) => {
                if self.to_press.len() < KEYS_MAX {
                    self.to_press.push_back(key);
                }
            }
            Order::PressAfterPrompt(key) => {
                self.after_prompt = Some(key);
                self.sound_frames = 0;
            }
        }
    }

    fn receive(&mut self, datagram: &[u8], heard: &impl Fn(Heard)) {
        let (Some(params), Ok(packet)) = (&self.params, RtpPacket::parse(datagram)) else {
            return;
        };
        if Some(packet.payload_type) == params.dtmf_payload_type {
            if let Some(key) = self.keys.packet(packet.timestamp, packet.payload) {
                heard(Heard::Key(key));
            }
            return;
        }
        let law = match packet.payload_type {
            0 => Law::Mu,
            8 => Law::A,
            _ => return,
        };
        self.ear.hear(law, packet.payload);
        if g711::mean_square(law, packet.payload) < SOUND_MEAN_SQUARE {
            return;
        }
        self.sound_frames += 1;
        if self.sound_frames == 1 {
            heard(Heard::Sound);
        }
        if self.sound_frames >= PROMPT_FRAMES
            && let Some(key) = self.after_prompt.take()
        {
            self.order(Order::Press(key));
        }
    }

    async fn speak(&mut self) {
        // The built-in voice goes on silently meanwhile, as somebody who is talked over does.
        let built_in = self.microphone.frame();
        let frame = self.mouth.frame().unwrap_or(built_in);
        let Some(params) = self.params.clone() else {
            return;
        };
        let Some(law) = Law::of(params.codec).filter(|_| params.send) else {
            return;
        };
        let mut packet = [0_u8; HEADER_BYTES + FRAME_SAMPLES];
        let length = match self.key_packet(&params) {
            Some((header, payload)) => {
                let length = HEADER_BYTES + payload.len();
                put(&mut packet, &header, &payload);
                length
            }
            None => {
                let header = self.sender.next_header(params.payload_type, 160);
                let mut payload = [0_u8; FRAME_SAMPLES];
                g711::encode_into(law, &frame, &mut payload);
                put(&mut packet, &header, &payload);
                packet.len()
            }
        };
        // Lost on the way or not sent at all is the same to a telephone.
        let _ = self
            .socket
            .send_to(packet.get(..length).unwrap_or_default(), params.remote)
            .await;
    }

    fn key_packet(&mut self, params: &StreamParams) -> Option<([u8; HEADER_BYTES], [u8; 4])> {
        let payload_type = params.dtmf_payload_type?;
        if self.pressing.is_none() {
            self.rest_frames = self.rest_frames.saturating_sub(1);
            if self.rest_frames > 0 {
                return None;
            }
            let key = self.to_press.pop_front()?;
            self.pressing = DtmfSender::new(key, self.sender.timestamp(), KEY_MS);
        }
        let Some(packet) = self.pressing.as_mut()?.next_packet() else {
            self.pressing = None;
            self.rest_frames = REST_FRAMES;
            // The time that the key took has passed for the audio as well.
            self.sender.pause(u32::from(KEY_MS) * 8 + 320);
            return None;
        };
        Some((
            self.sender
                .event_header(payload_type, packet.marker, packet.timestamp),
            packet.payload,
        ))
    }
}

fn put(packet: &mut [u8], header: &[u8], payload: &[u8]) {
    let bytes = header.iter().chain(payload);
    for (place, byte) in packet.iter_mut().zip(bytes) {
        *place = *byte;
    }
}
