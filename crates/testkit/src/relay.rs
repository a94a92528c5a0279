//! A UDP relay between two real sockets that loses and swaps packets by a seed: what the telephone network does to RTP.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::clock::now_us;
use crate::rng::Rng;

/// Largest datagram that passes.
const DATAGRAM_MAX_BYTES: usize = 65_536;

/// Most packets kept of each direction: five minutes of RTP.
const KEPT_MAX: usize = 15_000;

/// What the relay does to the packets of each direction.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spoil {
    /// Lost, in thousandths.
    pub loss_permille: u32,
    /// Most that are lost in a row; 0: no bound.
    pub loss_run_max: u32,
    /// Sent after the packet that follows, in thousandths.
    pub swap_permille: u32,
    /// Decides which.
    pub seed: u64,
}

/// Counts of one direction.
#[derive(Debug, Default)]
struct Counts {
    passed: AtomicU64,
    lost: AtomicU64,
    swapped: AtomicU64,
}

/// What became of the packets of one direction so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    /// Sent on.
    pub passed: u64,
    /// Dropped.
    pub lost: u64,
    /// Sent on after the packet that followed.
    pub swapped: u64,
}

/// A packet that passed.
#[derive(Debug, Clone)]
pub struct Kept {
    /// When, in microseconds since 1970.
    pub at_us: u64,
    /// The packet.
    pub packet: Vec<u8>,
}

/// Stands between whoever sends to [`UdpRelay::near`] and the far address.
#[derive(Debug)]
pub struct UdpRelay {
    near: SocketAddr,
    far_side: SocketAddr,
    to_far: Arc<Counts>,
    to_near: Arc<Counts>,
    kept: [Arc<Mutex<Vec<Kept>>>; 2],
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl UdpRelay {
    /// Relays between its own near port and `far`. The near peer is whoever sent to the near port last (symmetric RTP); until
    /// then, what comes from the far side is lost.
    ///
    /// # Errors
    /// When no socket can be had.
    pub fn start(far: SocketAddr, to_far: Spoil, to_near: Spoil) -> io::Result<Self> {
        let near_socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
        let far_socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
        let near_peer: Arc<Mutex<Option<SocketAddr>>> = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let counts = [Arc::new(Counts::default()), Arc::new(Counts::default())];
        let kept: [Arc<Mutex<Vec<Kept>>>; 2] = Default::default();

        let learn = Arc::clone(&near_peer);
        let outward = Direction {
            receive: Arc::clone(&near_socket),
            send: Arc::clone(&far_socket),
            spoil: to_far,
            counts: Arc::clone(&counts[0]),
            kept: Arc::clone(&kept[0]),
            stop: Arc::clone(&stop),
        };
        let inward = Direction {
            receive: Arc::clone(&far_socket),
            send: Arc::clone(&near_socket),
            spoil: to_near,
            counts: Arc::clone(&counts[1]),
            kept: Arc::clone(&kept[1]),
            stop: Arc::clone(&stop),
        };
        let relay_to_far = thread::spawn(move || {
            outward.run(|from| {
                *learn.lock().unwrap_or_else(PoisonError::into_inner) = Some(from);
                Some(far)
            });
        });
        let relay_to_near = thread::spawn(move || {
            inward.run(|_| *near_peer.lock().unwrap_or_else(PoisonError::into_inner));
        });
        let [to_far, to_near] = counts;
        Ok(Self {
            near: near_socket.local_addr()?,
            far_side: far_socket.local_addr()?,
            to_far,
            to_near,
            kept,
            stop,
            threads: vec![relay_to_far, relay_to_near],
        })
    }

    /// Where the near peer sends to.
    pub fn near(&self) -> SocketAddr {
        self.near
    }
    /// What the far peer sees as the sender, and answers to.
    pub fn far_side(&self) -> SocketAddr {
        self.far_side
    }
    /// What became of packets to the far peer.
    pub fn to_far(&self) -> Passed {
        self.to_far.read()
    }
    /// The packets that passed to the far peer, oldest first.
    pub fn kept_to_far(&self) -> Vec<Kept> {
        kept(&self.kept[0])
    }
    /// The packets that passed to the near peer.
    pub fn kept_to_near(&self) -> Vec<Kept> {
        kept(&self.kept[1])
    }
    /// What became of packets to the near peer.
    pub fn to_near(&self) -> Passed {
        self.to_near.read()
    }
}

impl Drop for UdpRelay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // An empty datagram wakes each thread out of its receive.
        if let Ok(waker) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
            for address in [self.near, self.far_side] {
                waker.send_to(&[], address).ok();
            }
        }
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}

impl Counts {
    fn write(&self, now: Passed) {
        self.passed.store(now.passed, Ordering::SeqCst);
        self.lost.store(now.lost, Ordering::SeqCst);
        self.swapped.store(now.swapped, Ordering::SeqCst);
    }
    fn read(&self) -> Passed {
        Passed {
            passed: self.passed.load(Ordering::SeqCst),
            lost: self.lost.load(Ordering::SeqCst),
            swapped: self.swapped.load(Ordering::SeqCst),
        }
    }
}

fn kept(packets: &Mutex<Vec<Kept>>) -> Vec<Kept> {
    packets
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

struct Direction {
    receive: Arc<UdpSocket>,
    send: Arc<UdpSocket>,
    spoil: Spoil,
    counts: Arc<Counts>,
    kept: Arc<Mutex<Vec<Kept>>>,
    stop: Arc<AtomicBool>,
}

impl Direction {
    fn run(self, target: impl Fn(SocketAddr) -> Option<SocketAddr>) {
        let mut fate = Fate::new(self.spoil);
        let mut buffer = vec![0; DATAGRAM_MAX_BYTES];
        while !self.stop.load(Ordering::SeqCst) {
            // A refused port of the other side shows up here as an error (ICMP); the peer may come back.
            let Ok((length, from)) = self.receive.recv_from(&mut buffer) else {
                continue;
            };
            if self.stop.load(Ordering::SeqCst) {
                break;
            }
            let Some(to) = target(from) else {
                continue;
            };
            let leaving = fate.decide(buffer.get(..length).unwrap_or_default());
            for packet in leaving.into_iter().flatten() {
                self.send.send_to(&packet, to).ok();
                let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() < KEPT_MAX {
                    let at_us = now_us();
                    kept.push(Kept { at_us, packet });
                }
            }
            self.counts.write(fate.passed);
        }
    }
}

/// Decides what becomes of each packet of one direction.
struct Fate {
    spoil: Spoil,
    rng: Rng,
    held: Option<Vec<u8>>,
    /// How many were lost since the last that was not.
    run: u32,
    passed: Passed,
}

impl Fate {
    fn new(spoil: Spoil) -> Self {
        Self {
            spoil,
            rng: Rng::new(spoil.seed),
            held: None,
            run: 0,
            passed: Passed::default(),
        }
    }

    /// The packets that leave now that this one came, in their order.
    fn decide(&mut self, packet: &[u8]) -> [Option<Vec<u8>>; 2] {
        let bounded = self.spoil.loss_run_max > 0 && self.run >= self.spoil.loss_run_max;
        if self.rng.chance(self.spoil.loss_permille) && !bounded {
            self.run += 1;
            self.passed.lost += 1;
            return [None, None];
        }
        self.run = 0;
        if self.held.is_none() && self.rng.chance(self.spoil.swap_permille) {
            self.passed.swapped += 1;
            self.held = Some(packet.to_vec());
            return [None, None];
        }
        let late = self.held.take();
        self.passed.passed += 1 + u64::from(late.is_some());
        [Some(packet.to_vec()), late]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GIVE_UP;

    fn socket() -> UdpSocket {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(GIVE_UP)).unwrap();
        socket
    }

    #[test]
    fn without_spoiling_everything_passes_both_ways() {
        let (near, far) = (socket(), socket());
        let relay = UdpRelay::start(
            far.local_addr().unwrap(),
            Spoil::default(),
            Spoil::default(),
        )
        .unwrap();
        let mut buffer = [0; 16];
        for number in 0..500_u16 {
            near.send_to(&number.to_be_bytes(), relay.near()).unwrap();
            let (length, from) = far.recv_from(&mut buffer).unwrap();
            assert_eq!(
                (&buffer[..length], from),
                (&number.to_be_bytes()[..], relay.far_side())
            );
            far.send_to(b"back", from).unwrap();
            let (length, from) = near.recv_from(&mut buffer).unwrap();
            assert_eq!((&buffer[..length], from), (&b"back"[..], relay.near()));
        }
    }

    #[test]
    fn what_is_lost_never_arrives() {
        let (near, far) = (socket(), socket());
        let half = Spoil {
            loss_permille: 500,
            seed: 9,
            ..Spoil::default()
        };
        let relay = UdpRelay::start(far.local_addr().unwrap(), half, Spoil::default()).unwrap();
        let mut expected = Fate::new(half);
        let mut buffer = [0; 16];
        for number in 0..200_u16 {
            near.send_to(&number.to_be_bytes(), relay.near()).unwrap();
            if expected.decide(&number.to_be_bytes())[0].is_some() {
                let (length, _) = far.recv_from(&mut buffer).unwrap();
                assert_eq!(&buffer[..length], &number.to_be_bytes());
            }
        }
        assert!(expected.passed.lost > 50);
    }

    #[test]
    fn a_run_of_losses_has_a_bound_if_wanted() {
        let spoil = Spoil {
            loss_permille: 900,
            loss_run_max: 2,
            seed: 3,
            ..Spoil::default()
        };
        let (seen, passed) = order(spoil);
        assert!(passed.lost > 500);
        assert!(seen.windows(2).all(|pair| pair[1] - pair[0] <= 3));
    }

    fn order(spoil: Spoil) -> (Vec<u16>, Passed) {
        let mut fate = Fate::new(spoil);
        let mut seen = Vec::new();
        for number in 0..1_000_u16 {
            for packet in fate.decide(&number.to_be_bytes()).into_iter().flatten() {
                seen.push(u16::from_be_bytes([packet[0], packet[1]]));
            }
        }
        (seen, fate.passed)
    }

    #[test]
    fn loss_and_swaps_are_decided_by_the_seed_alone() {
        let spoil = Spoil {
            loss_permille: 30,
            swap_permille: 20,
            seed: 5,
            ..Spoil::default()
        };
        let (seen, passed) = order(spoil);
        assert!((12..=55).contains(&passed.lost), "{passed:?}");
        assert!((6..=40).contains(&passed.swapped), "{passed:?}");
        let descents = seen.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert_eq!(u64::try_from(descents).unwrap(), passed.swapped);
        assert_eq!(seen, order(spoil).0, "same seed, same fate");
        assert_ne!(seen, order(Spoil { seed: 6, ..spoil }).0);
    }
}
