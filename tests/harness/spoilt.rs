//! A line with losses between a server and one telephone: its SIP passes, its RTP goes through the seeded relay.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::audio::{RATE, from_a_law, from_mu_law};
use testkit::relay::{Kept, Passed, Spoil, UdpRelay};

/// Stands before a telephone: calls come to [`SpoiltLine::sip`]. Requests that follow the answer go to the telephone's own
/// Contact.
pub struct SpoiltLine {
    sip: SocketAddr,
    rtp: UdpRelay,
    stop: Arc<AtomicBool>,
    sockets: [Arc<UdpSocket>; 2],
    threads: Vec<JoinHandle<()>>,
}

impl SpoiltLine {
    /// Before the telephone that takes calls at `sip` and has RTP at `rtp`; `spoil` concerns what it says.
    pub fn before(sip: SocketAddr, rtp: SocketAddr, spoil: Spoil) -> io::Result<Self> {
        let rtp = UdpRelay::start(rtp, Spoil::default(), spoil)?;
        let near = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
        let far = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
        let server: Arc<Mutex<Option<SocketAddr>>> = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let (learn, learnt) = (Arc::clone(&server), server);
        let to_telephone = pass(&near, &far, rtp.far_side().port(), &stop, move |from| {
            *learn.lock().unwrap_or_else(PoisonError::into_inner) = Some(from);
            Some(sip)
        });
        let to_server = pass(&far, &near, rtp.near().port(), &stop, move |_| {
            *learnt.lock().unwrap_or_else(PoisonError::into_inner)
        });
        Ok(Self {
            sip: near.local_addr()?,
            rtp,
            stop,
            sockets: [near, far],
            threads: vec![to_telephone, to_server],
        })
    }

    /// Where the telephone is called.
    pub fn sip(&self) -> SocketAddr {
        self.sip
    }
    /// The RTP packets that came to the telephone.
    pub fn heard(&self) -> Vec<Kept> {
        self.rtp.kept_to_far()
    }
    /// Those in which it spoke.
    pub fn said(&self) -> Vec<Kept> {
        self.rtp.kept_to_near()
    }
    /// What became of the packets in which the telephone spoke.
    pub fn spoken(&self) -> Passed {
        self.rtp.to_near()
    }
}

impl Drop for SpoiltLine {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        for socket in &self.sockets {
            if let Ok(addr) = socket.local_addr() {
                // Wakes the thread that waits at it.
                socket.send_to(&[], addr).ok();
            }
        }
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}

/// How much later than its turn a packet of a stream came at most, measured against the one that came soonest.
pub fn latest(packets: &[Kept]) -> Duration {
    let mut first = None;
    let after_turn = packets.iter().filter_map(|kept| {
        let header = kept.packet.get(..12)?;
        let time = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        let place = time.wrapping_sub(*first.get_or_insert(time));
        // A packet that was swapped with the very first.
        let place = i64::from(i32::from_ne_bytes(place.to_ne_bytes()));
        let turn_us = place * 1_000_000 / i64::from(RATE);
        Some(i64::try_from(kept.at_us).ok()? - turn_us)
    });
    let after_turn: Vec<i64> = after_turn.collect();
    let soonest = after_turn.iter().min().copied().unwrap_or_default();
    let latest = after_turn.iter().max().copied().unwrap_or_default();
    Duration::from_micros(u64::try_from(latest - soonest).unwrap_or_default())
}

/// The sound of RTP packets in G.711: when it began (milliseconds since 1970, by the packet that came soonest after its turn), and its
/// samples; what did not come is silence.
pub fn rtp_sound(packets: &[Kept]) -> (f64, Vec<i16>) {
    let voice = packets.iter().filter_map(|kept| {
        let (header, payload) = kept.packet.split_at_checked(12)?;
        // RFC 3550 §5.1: version 2, no sources; what begins otherwise is not sound.
        let samples = match (header[0], header[1] & 0x7f) {
            (0x80, 0) => from_mu_law(payload),
            (0x80, 8) => from_a_law(payload),
            _ => return None,
        };
        let time = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        Some((kept.at_us, time, samples))
    });
    let mut first = None;
    let mut start_ms = f64::INFINITY;
    let mut samples = Vec::new();
    for (at_us, time, voice) in voice {
        let place = time.wrapping_sub(*first.get_or_insert(time)) as usize;
        let own_ms = place as f64 * 1_000.0 / f64::from(RATE);
        start_ms = start_ms.min(at_us as f64 / 1_000.0 - own_ms);
        if samples.len() < place + voice.len() {
            samples.resize(place + voice.len(), 0);
        }
        samples[place..place + voice.len()].copy_from_slice(&voice);
    }
    (start_ms, samples)
}

/// Passes datagrams on, with the audio port of a session description replaced (both have five digits, so lengths stay).
fn pass(
    from: &Arc<UdpSocket>,
    to: &Arc<UdpSocket>,
    audio_port: u16,
    stop: &Arc<AtomicBool>,
    target: impl Fn(SocketAddr) -> Option<SocketAddr> + Send + 'static,
) -> JoinHandle<()> {
    let (from, to, stop) = (Arc::clone(from), Arc::clone(to), Arc::clone(stop));
    thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while !stop.load(Ordering::SeqCst) {
            let Ok((length, sender)) = from.recv_from(&mut buffer) else {
                continue;
            };
            let Some(target) = target(sender) else {
                continue;
            };
            let mut datagram = buffer[..length].to_vec();
            let key = b"m=audio ";
            if let Some(at) = datagram.windows(key.len()).position(|part| part == key) {
                let digits = at + key.len()..at + key.len() + 5;
                datagram[digits].copy_from_slice(format!("{audio_port:05}").as_bytes());
            }
            to.send_to(&datagram, target).ok();
        }
    })
}

#[test]
fn how_late_packets_are_is_told_by_their_own_times() {
    let packet = |place: u32, at_ms: u64| {
        let time = u32::MAX.wrapping_sub(200).wrapping_add(place * 160);
        let mut packet = vec![0x80, 8, 0, 0];
        packet.extend(time.to_be_bytes());
        packet.extend([0; 164]);
        Kept {
            at_us: at_ms * 1_000,
            packet,
        }
    };
    let in_time = [packet(0, 1_000), packet(1, 1_020), packet(2, 1_040)];
    assert_eq!(latest(&in_time), Duration::ZERO);
    // The third waits for the fourth, which is 30 ms late.
    let late = [
        packet(0, 1_000),
        packet(1, 1_020),
        packet(3, 1_090),
        packet(2, 1_090),
    ];
    assert_eq!(latest(&late), Duration::from_millis(50));
    assert_eq!(latest(&[]), Duration::ZERO);
}
