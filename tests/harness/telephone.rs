//! A telephone that is nothing but its RTP: for bridges, which know no SIP. It answers each packet that it gets with one of its own, so
//! the bridge is its clock.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use testkit::{GIVE_UP, uninterrupted};

use crate::audio::{Law, RATE, a_law, from_a_law, from_mu_law, mu_law, tone};

/// Samples of one packet: 20 ms.
const PACKET: usize = 160;
/// Payload type of telephone-event (RFC 4733).
pub const DTMF: u8 = 101;
/// An RTP header without anything that may be absent (RFC 3550 §5.1).
const HEADER: usize = 12;
/// How long a key is pressed, in packets of 20 ms, and how often its end is told (RFC 4733 §2.5.1.4).
const KEY_PACKETS: u16 = 5;
const KEY_ENDS: u16 = 3;
/// What it says is at this level.
pub const LEVEL_DBFS: f64 = -10.0;

/// A telephone.
pub struct Telephone {
    local: SocketAddr,
    law: Law,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Default)]
struct State {
    /// What it says, over and over.
    says: Vec<i16>,
    said: usize,
    heard: Vec<i16>,
    /// Keys to be pressed.
    keys: Vec<u8>,
    over: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Telephone {
    /// Takes a call whose other end is there; says a tone (0: silence).
    ///
    /// # Errors
    /// When there is no port for it.
    pub fn answer(bridge: SocketAddr, law: Law, tone_hz: f64) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(GIVE_UP))?;
        let telephone = Self {
            local: socket.local_addr()?,
            law,
            shared: Arc::default(),
        };
        telephone.say(tone_hz);
        let shared = Arc::clone(&telephone.shared);
        thread::spawn(move || {
            talk(&socket, bridge, law, &shared);
            shared.state().over = true;
            shared.more.notify_all();
        });
        Ok(telephone)
    }

    /// Where it hears.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Which law it speaks.
    pub fn law(&self) -> Law {
        self.law
    }

    /// From now on it says this tone (0: silence).
    pub fn say(&self, tone_hz: f64) {
        let mut state = self.shared.state();
        state.says = tone(tone_hz, LEVEL_DBFS, 1);
        state.said = 0;
    }

    /// Presses a key: `0`–`9`, `*`, `#`.
    ///
    /// # Panics
    /// At any other.
    pub fn press(&self, key: char) {
        let code = "0123456789*#".chars().position(|known| known == key);
        let code = code.and_then(|code| u8::try_from(code).ok());
        self.shared.state().keys.push(code.expect("a key"));
    }

    /// What it hears in so many seconds from now.
    ///
    /// # Errors
    /// When nothing comes any more.
    pub fn listen(&self, seconds: f64) -> anyhow::Result<Vec<i16>> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a few seconds"
        )]
        let wanted = (seconds * f64::from(RATE)) as usize;
        let mut state = self.shared.state();
        let begin = state.heard.len();
        while state.heard.len() < begin + wanted {
            let waited = self.shared.more.wait_timeout(state, GIVE_UP);
            let (next, late) = waited.unwrap_or_else(PoisonError::into_inner);
            state = next;
            anyhow::ensure!(
                !late.timed_out() && !state.over,
                "nothing is heard any more"
            );
        }
        Ok(state.heard[begin..begin + wanted].to_vec())
    }

    /// Everything that it has heard.
    pub fn heard(&self) -> Vec<i16> {
        self.shared.state().heard.clone()
    }
}

impl Drop for Telephone {
    fn drop(&mut self) {
        self.shared.state().over = true;
        // Whoever waits for a packet gets one.
        if let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
            socket.send_to(&[], self.local).ok();
        }
    }
}

/// Until it is over, or nothing has come for long.
fn talk(socket: &UdpSocket, bridge: SocketAddr, law: Law, shared: &Shared) {
    let mut stream = Stream {
        sequence: 100,
        timestamp: 5_000,
        key: None,
    };
    let mut datagram = [0; 2_000];
    loop {
        let length = match uninterrupted(|| socket.recv(&mut datagram)) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
            Err(_) => return,
        };
        let mut state = shared.state();
        if state.over {
            return;
        }
        if length <= HEADER || datagram[1] & 0x7f != payload_type(law) {
            continue;
        }
        let payload = &datagram[HEADER..length];
        state.heard.extend(match law {
            Law::A => from_a_law(payload),
            Law::Mu | Law::Linear => from_mu_law(payload),
        });
        shared.more.notify_all();
        if stream.key.is_none() && !state.keys.is_empty() {
            let code = state.keys.remove(0);
            stream.key = Some((code, 0, stream.timestamp));
        }
        let packet = match stream.key_packet() {
            Some(packet) => packet,
            None => {
                let at = state.said;
                state.said = (at + PACKET) % RATE as usize;
                stream.packet(&state.says[at..at + PACKET], law)
            }
        };
        drop(state);
        socket.send_to(&packet, bridge).ok();
    }
}

fn payload_type(law: Law) -> u8 {
    match law {
        Law::A => 8,
        Law::Mu | Law::Linear => 0,
    }
}

struct Stream {
    sequence: u16,
    timestamp: u32,
    /// The key being pressed: its code, how many packets of it were sent, and when it began.
    key: Option<(u8, u16, u32)>,
}

impl Stream {
    fn header(&mut self, payload_type: u8, marker: bool, timestamp: u32) -> Vec<u8> {
        let mut packet = vec![0x80, payload_type | u8::from(marker) << 7];
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        packet.extend_from_slice(&timestamp.to_be_bytes());
        packet.extend_from_slice(&[0, 0, 0, 7]);
        self.sequence = self.sequence.wrapping_add(1);
        packet
    }

    fn packet(&mut self, samples: &[i16], law: Law) -> Vec<u8> {
        let mut packet = self.header(payload_type(law), false, self.timestamp);
        packet.extend(samples.iter().map(|sample| match law {
            Law::A => a_law(*sample),
            Law::Mu | Law::Linear => mu_law(*sample),
        }));
        self.timestamp = self.timestamp.wrapping_add(160);
        packet
    }

    /// The next packet of the key that is pressed (RFC 4733 §2.3): all have the time at which it began.
    fn key_packet(&mut self) -> Option<Vec<u8>> {
        let (code, sent, begin) = self.key?;
        let mut packet = self.header(DTMF, sent == 0, begin);
        let ends = sent >= KEY_PACKETS;
        let duration = 160 * (sent + 1).min(KEY_PACKETS);
        packet.extend_from_slice(&[code, u8::from(ends) << 7 | 10]);
        packet.extend_from_slice(&duration.to_be_bytes());
        self.timestamp = self.timestamp.wrapping_add(160);
        let sent = sent + 1;
        self.key = (sent < KEY_PACKETS + KEY_ENDS).then_some((code, sent, begin));
        Some(packet)
    }
}
