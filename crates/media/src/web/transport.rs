//! One browser's transport: ICE-lite, DTLS-SRTP (`str0m`), the sockets beneath.
//!
//! Who sends to a web leg's port is unknown until he shows the credentials of the offer: `str0m` is given only what carries
//! them, or comes from where they came from before. Once the browser's address has proved itself the socket is connected to it,
//! so that the kernel keeps strangers' packets out; if nothing comes from there for a while it listens to all again.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use str0m::media::Pt;
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpPacket, RtpWrite, Ssrc};
use str0m::{Event, Input, Output, Rtc};

use super::framing::{Framed, TcpPeer};
use crate::config::Counters;

/// Outputs taken after one input; the rest waits for the next.
const MAX_OUTPUTS: usize = 64;
/// TCP connections of one leg; more are refused.
pub(crate) const MAX_TCP_PEERS: usize = 4;
/// Datagrams of a DTLS handshake that began before its sender had shown its credentials: the first flight of a browser.
const MAX_EARLY: usize = 4;
/// Packets from the address that voice is sent to, after which the socket is connected to it.
const PROVING_PACKETS: u16 = 25;
/// Ticks without any packet after which the socket listens to everybody again: 2 s, longer than the silence of a browser whose
/// microphone is off (400 ms).
const STALE_TICKS: u16 = 100;
/// The first byte of a DTLS record is between these (RFC 7983 §7).
const DTLS: std::ops::RangeInclusive<u8> = 20..=63;

/// What was agreed on with a browser.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Agreed {
    /// Our source.
    pub ssrc: Ssrc,
    pub opus: Pt,
    /// Payload type of telephone-event.
    pub events: Option<Pt>,
    pub send: bool,
    pub receive: bool,
}

/// Takes the packets of the stream.
pub(crate) trait Sink {
    fn packet(&mut self, packet: RtpPacket);
}

pub(crate) struct Transport {
    rtc: Rtc,
    socket: UdpSocket,
    /// Our addresses as the browser knows them.
    local: SocketAddr,
    local_tcp: Option<SocketAddr>,
    /// The name that its STUN requests call us by.
    pub ufrag: String,
    pub agreed: Agreed,
    peers: Vec<TcpPeer>,
    early: Vec<(SocketAddr, Vec<u8>)>,
    pub connected: bool,
    /// It can carry nothing any more.
    dead: bool,
    deadline: Option<Instant>,
    sequence: u64,
    /// Where voice is sent to over UDP, how many packets came from there, and whether the socket is connected to it.
    remote: Option<SocketAddr>,
    proved: u16,
    latched: bool,
    quiet_ticks: u16,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport")
            .field("local", &self.local)
            .field("connected", &self.connected)
            .field("dead", &self.dead)
            .finish_non_exhaustive()
    }
}

impl Transport {
    pub(crate) fn new(
        rtc: Rtc,
        socket: UdpSocket,
        (local, local_tcp): (SocketAddr, Option<SocketAddr>),
        ufrag: String,
        agreed: Agreed,
        sequence: u16,
    ) -> Self {
        Self {
            rtc,
            socket,
            local,
            local_tcp,
            ufrag,
            agreed,
            peers: Vec::with_capacity(MAX_TCP_PEERS),
            early: Vec::new(),
            connected: false,
            dead: false,
            deadline: None,
            // The upper half is left out, so that the first wrap is far from the first packets (RFC 3711 §3.3.1).
            sequence: u64::from(sequence >> 1),
            remote: None,
            proved: 0,
            latched: false,
            quiet_ticks: 0,
        }
    }

    pub(crate) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    pub(crate) fn peers(&self) -> &[TcpPeer] {
        &self.peers
    }

    /// Takes a TCP connection; false when there are too many.
    pub(crate) fn accept(&mut self, peer: TcpPeer) -> bool {
        self.peers.retain(|peer| !peer.over);
        let fits = self.peers.len() < MAX_TCP_PEERS;
        if fits {
            self.peers.push(peer);
        }
        fits
    }

    /// Reads what has come, `budget` packets at most; gives how many were read.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        budget: usize,
        buffer: &mut [u8],
        sink: &mut impl Sink,
        counters: &Counters,
    ) -> usize {
        let mut read = 0;
        while read < budget {
            let received = if self.latched {
                self.socket.recv(buffer).map(|length| (length, None))
            } else {
                self.socket
                    .recv_from(buffer)
                    .map(|(length, from)| (length, Some(from)))
            };
            match received {
                Ok((length, from)) => {
                    read += 1;
                    let Some(from) = from.or(self.remote) else {
                        continue;
                    };
                    let datagram = buffer.get(..length).unwrap_or_default();
                    self.take(now, Protocol::Udp, from, datagram, sink, counters);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    read += 1;
                    Counters::add(&counters.receive_errors, 1);
                }
            }
        }
        for index in 0..self.peers.len() {
            while read < budget
                && let Some(peer) = self.peers.get_mut(index)
                && let Framed::Packet(length) = peer.read(buffer)
            {
                read += 1;
                let remote = peer.remote;
                let packet = buffer.get(..length).unwrap_or_default();
                self.take(now, Protocol::Tcp, remote, packet, sink, counters);
            }
        }
        self.peers.retain(|peer| !peer.over);
        read
    }

    /// Sends a frame of the stream.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        time: u32,
        marker: bool,
        frame: Arc<[u8]>,
        sink: &mut impl Sink,
        counters: &Counters,
    ) {
        let Agreed { ssrc, opus, .. } = self.agreed;
        let sequence = self.sequence;
        self.sequence += 1;
        self.drive(now, sink, counters, |rtc| {
            if let Some(stream) = rtc.direct_api().stream_tx(&ssrc) {
                let write = RtpWrite::new(opus, sequence.into(), time, now, frame);
                stream.write_rtp(write.marker(marker));
            }
            rtc.handle_input(Input::Timeout(now))
        });
    }

    /// Once each 20 ms: what is due by the clock.
    pub(crate) fn tick(&mut self, now: Instant, sink: &mut impl Sink, counters: &Counters) {
        self.quiet_ticks = self.quiet_ticks.saturating_add(1);
        if self.quiet_ticks == STALE_TICKS {
            self.proved = 0;
            if self.latched {
                self.latched = rustix::net::connect_unspec(&self.socket).is_err();
            }
        }
        for peer in &mut self.peers {
            peer.flush();
        }
        if self.deadline.is_none_or(|deadline| deadline <= now) {
            self.drive(now, sink, counters, |rtc| {
                rtc.handle_input(Input::Timeout(now))
            });
        }
    }

    /// Says goodbye, as far as that can be done at once.
    pub(crate) fn close(&mut self, now: Instant, sink: &mut impl Sink, counters: &Counters) {
        self.drive(now, sink, counters, |rtc| {
            rtc.close()?;
            rtc.handle_input(Input::Timeout(now))
        });
    }

    /// A packet from somewhere.
    fn take(
        &mut self,
        now: Instant,
        proto: Protocol,
        from: SocketAddr,
        packet: &[u8],
        sink: &mut impl Sink,
        counters: &Counters,
    ) {
        let local = match proto {
            Protocol::Udp => Some(self.local),
            _ => self.local_tcp,
        };
        let received = local.and_then(|local| Receive::new(proto, from, local, packet).ok());
        let Some(received) = received else {
            Counters::add(&counters.malformed, 1);
            return;
        };
        let input = Input::Receive(now, received);
        if !self.accepts(&input) {
            let first = packet.first().copied().unwrap_or(0);
            if DTLS.contains(&first) && !self.connected && self.early.len() < MAX_EARLY {
                // The browser's first handshake packet has overtaken the STUN request that shows who he is. Without it he
                // would try again a second later.
                self.early.push((from, packet.to_vec()));
            } else {
                Counters::add(&counters.unexpected, 1);
            }
            return;
        }
        if proto == Protocol::Udp {
            self.quiet_ticks = 0;
            if self.remote == Some(from) {
                self.prove(from);
            }
        }
        self.drive(now, sink, counters, |rtc| rtc.handle_input(input));
        self.replay(now, proto, sink, counters);
    }

    /// Gives what came too early, if its sender is known by now.
    fn replay(&mut self, now: Instant, proto: Protocol, sink: &mut impl Sink, counters: &Counters) {
        if self.early.is_empty() {
            return;
        }
        for (from, packet) in std::mem::take(&mut self.early) {
            let local = if proto == Protocol::Udp {
                Some(self.local)
            } else {
                self.local_tcp
            };
            let received = local.and_then(|local| Receive::new(proto, from, local, &packet).ok());
            let Some(received) = received else { continue };
            let input = Input::Receive(now, received);
            if self.accepts(&input) {
                self.drive(now, sink, counters, |rtc| rtc.handle_input(input));
            } else {
                self.early.push((from, packet));
            }
        }
    }

    fn prove(&mut self, from: SocketAddr) {
        self.proved = self.proved.saturating_add(1);
        if self.proved >= PROVING_PACKETS && !self.latched && self.connected {
            self.latched = self.socket.connect(from).is_ok();
        }
    }

    fn accepts(&mut self, input: &Input<'_>) -> bool {
        let rtc = &self.rtc;
        !self.dead && guarded(|| rtc.accepts(input)).unwrap_or(false)
    }

    /// Does something with the session and takes what comes of it.
    fn drive(
        &mut self,
        now: Instant,
        sink: &mut impl Sink,
        counters: &Counters,
        act: impl FnOnce(&mut Rtc) -> Result<(), str0m::RtcError>,
    ) {
        if self.dead {
            return;
        }
        let done = guarded(|| {
            // What a peer sends wrongly is its own fault and ends nothing; whether the session is over, it says itself.
            if let Err(error) = act(&mut self.rtc) {
                tracing::debug!(%error, "a web leg's input was not taken");
            }
            self.outputs(now, sink, counters);
        });
        if done.is_none() || !self.rtc.is_alive() {
            self.dead = true;
            self.connected = false;
            self.deadline = None;
        }
    }

    fn outputs(&mut self, now: Instant, sink: &mut impl Sink, counters: &Counters) {
        for _ in 0..MAX_OUTPUTS {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    self.deadline = Some(at);
                    return;
                }
                Ok(Output::Transmit(transmit)) => {
                    let (proto, to) = (transmit.proto, transmit.destination);
                    self.transmit(proto, to, &transmit.contents, counters);
                }
                Ok(Output::Event(Event::Connected)) => self.connected = true,
                Ok(Output::Event(Event::RtpPacket(packet))) => sink.packet(packet),
                Ok(Output::Event(_)) => {}
                Err(error) => {
                    tracing::debug!(%error, "a web leg's session failed");
                    return;
                }
            }
        }
        // There is more; it is taken with the next tick.
        self.deadline = Some(now);
    }

    fn transmit(&mut self, proto: Protocol, to: SocketAddr, packet: &[u8], counters: &Counters) {
        if proto != Protocol::Udp {
            let peer = self.peers.iter_mut().find(|peer| peer.remote == to);
            if !peer.is_some_and(|peer| peer.write(packet)) {
                Counters::add(&counters.send_errors, 1);
            }
            return;
        }
        // Voice goes where ICE says; when that changes, the new address has to prove itself.
        if packet.first().is_some_and(|first| *first >= 128) && self.remote != Some(to) {
            self.remote = Some(to);
            self.proved = 0;
            if self.latched {
                self.latched = rustix::net::connect_unspec(&self.socket).is_err();
            }
        }
        let result = if self.latched && self.remote == Some(to) {
            self.socket.send(packet)
        } else {
            self.socket.send_to(packet, to)
        };
        if result.is_err() {
            Counters::add(&counters.send_errors, 1);
        }
    }
}

/// `str0m` parses what strangers send, on a thread that many conferences share. Should it panic, that costs one leg.
fn guarded<T>(act: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(act))
        .inspect_err(|_| tracing::error!("a web leg's session has panicked"))
        .ok()
}
