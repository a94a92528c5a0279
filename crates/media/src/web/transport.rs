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
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};

use super::framing::{Framed, TcpPeer};
use super::session::Renewal;
use crate::config::Counters;
use crate::seat::SILENT_TICKS;

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
    candidates: Vec<Candidate>,
    /// The name that its STUN requests call us by.
    pub ufrag: String,
    pub agreed: Agreed,
    peers: Vec<TcpPeer>,
    early: Vec<(Protocol, SocketAddr, Vec<u8>)>,
    pub connected: bool,
    /// It can carry nothing any more.
    pub dead: bool,
    /// The browser has not asked for 15 s whether we are there (ICE).
    unasked: bool,
    deadline: Option<Instant>,
    sequence: u64,
    /// Where voice is sent to over UDP, how many packets came from there, and whether the socket is connected to it.
    remote: Option<SocketAddr>,
    proved: u16,
    latched: bool,
    quiet_ticks: u16,
    /// The same for packets over UDP and TCP.
    unheard_ticks: u16,
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
        candidates: Vec<Candidate>,
        ufrag: String,
        agreed: Agreed,
        sequence: u16,
    ) -> Self {
        Self {
            rtc,
            socket,
            local,
            local_tcp,
            candidates,
            ufrag,
            agreed,
            peers: Vec::with_capacity(MAX_TCP_PEERS),
            early: Vec::new(),
            connected: false,
            dead: false,
            unasked: false,
            deadline: None,
            // The upper half is left out, so that the first wrap is far from the first packets (RFC 3711 §3.3.1).
            sequence: u64::from(sequence >> 1),
            remote: None,
            proved: 0,
            latched: false,
            quiet_ticks: 0,
            unheard_ticks: 0,
        }
    }

    pub(crate) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    pub(crate) fn peers(&self) -> &[TcpPeer] {
        &self.peers
    }

    /// Whether the browser is gone. Who still sends is there, also if they keep no consent alive (RFC 7675).
    pub(crate) fn is_lost(&self) -> bool {
        self.dead || (self.unasked && self.unheard_ticks >= SILENT_TICKS)
    }

    /// Whether a handshake may come.
    pub(crate) fn is_connecting(&self) -> bool {
        !self.connected && !self.dead
    }

    /// Goes on as agreed anew; false when it can carry nothing any more: only a fresh one helps then.
    pub(crate) fn renew(
        &mut self,
        renewal: Renewal,
        now: Instant,
        sink: &mut impl Sink,
        counters: &Counters,
    ) -> bool {
        if self.dead {
            return false;
        }
        self.agreed.send = renewal.send;
        self.agreed.receive = renewal.receive;
        let Some((ours, theirs)) = renewal.restart else {
            return true;
        };
        self.ufrag.clone_from(&ours.ufrag);
        // The next nomination may be of any address; until it comes sound goes where it went.
        self.listen_to_all();
        let candidates = std::mem::take(&mut self.candidates);
        self.drive(now, sink, counters, |rtc| {
            let mut api = rtc.direct_api();
            api.set_local_ice_credentials(ours);
            api.set_remote_ice_credentials(theirs);
            for candidate in &candidates {
                // What was nominated is forgotten (RFC 8445 §9) by taking the candidate away and giving it again.
                rtc.direct_api().invalidate_candidate(candidate);
                rtc.add_local_candidate(candidate.clone());
            }
            rtc.handle_input(Input::Timeout(now))
        });
        self.candidates = candidates;
        !self.dead
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

    /// Reads what has come, `budget` packets at most.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        budget: usize,
        buffer: &mut [u8],
        sink: &mut impl Sink,
        counters: &Counters,
    ) {
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
        self.unheard_ticks = self.unheard_ticks.saturating_add(1);
        self.quiet_ticks = self.quiet_ticks.saturating_add(1);
        if self.quiet_ticks == STALE_TICKS {
            self.listen_to_all();
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
        let Some(input) = self.input(now, proto, from, packet) else {
            Counters::add(&counters.malformed, 1);
            return;
        };
        if !self.accepts(&input) {
            let first = packet.first().copied().unwrap_or(0);
            if DTLS.contains(&first) && !self.connected && self.early.len() < MAX_EARLY {
                // The browser's first handshake packet has overtaken the STUN request that shows who he is. Without it he
                // would try again a second later.
                self.early.push((proto, from, packet.to_vec()));
            } else {
                Counters::add(&counters.unexpected, 1);
            }
            return;
        }
        self.unheard_ticks = 0;
        if proto == Protocol::Udp {
            self.quiet_ticks = 0;
            if self.remote == Some(from) {
                self.prove(from);
            }
        }
        self.drive(now, sink, counters, |rtc| rtc.handle_input(input));
        self.replay(now, sink, counters);
    }

    /// Gives what came too early, if its sender is known by now.
    fn replay(&mut self, now: Instant, sink: &mut impl Sink, counters: &Counters) {
        if self.early.is_empty() {
            return;
        }
        for (proto, from, packet) in std::mem::take(&mut self.early) {
            let Some(input) = self.input(now, proto, from, &packet) else {
                continue;
            };
            if self.accepts(&input) {
                self.drive(now, sink, counters, |rtc| rtc.handle_input(input));
            } else {
                self.early.push((proto, from, packet));
            }
        }
    }

    /// A packet as the session takes it; `None` when it is nothing that browsers send.
    fn input<'p>(
        &self,
        now: Instant,
        proto: Protocol,
        from: SocketAddr,
        packet: &'p [u8],
    ) -> Option<Input<'p>> {
        let local = match proto {
            Protocol::Udp => Some(self.local),
            _ => self.local_tcp,
        };
        let received = Receive::new(proto, from, local?, packet).ok()?;
        Some(Input::Receive(now, received))
    }

    /// Who speaks has to prove himself again.
    fn listen_to_all(&mut self) {
        self.proved = 0;
        if self.latched {
            self.latched = rustix::net::connect_unspec(&self.socket).is_err();
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
                Ok(Output::Event(Event::IceConnectionStateChange(state))) => match state {
                    IceConnectionState::Disconnected => self.unasked = true,
                    IceConnectionState::Connected | IceConnectionState::Completed => {
                        self.unasked = false;
                    }
                    IceConnectionState::New | IceConnectionState::Checking => {}
                },
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
            self.listen_to_all();
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::web::{Place, Setup};
    use str0m::media::{Direction, MediaKind};

    struct Deaf;

    impl Sink for Deaf {
        fn packet(&mut self, _: RtpPacket) {}
    }

    /// A browser and our end, in a time of their own.
    struct Scene {
        browser: Rtc,
        socket: UdpSocket,
        transport: Box<Transport>,
        now: Instant,
    }

    fn bound() -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        (socket, address)
    }

    impl Scene {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        fn new() -> Self {
            let now = Instant::now();
            let (socket, address) = bound();
            let mut browser = str0m::RtcConfig::new().set_rtp_mode(true).build(now);
            browser.add_local_candidate(Candidate::host(address, "udp").unwrap());
            let mut api = browser.sdp_api();
            api.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
            let (offer, pending) = api.apply().unwrap();
            let setup = Setup::default();
            let offer = setup.parse(&offer.to_sdp_string()).unwrap();
            let (ours, local) = bound();
            let place = Place {
                socket: ours,
                local,
                local_tcp: None,
            };
            let made = setup.make(&offer, place, None, now, 7).unwrap();
            let answer = str0m::change::SdpAnswer::from_sdp_string(&made.answer).unwrap();
            browser.sdp_api().accept_answer(pending, answer).unwrap();
            let transport = made.transport;
            Self {
                browser,
                socket,
                transport,
                now,
            }
        }

        /// 20 ms for us.
        fn tick(&mut self) {
            self.now += Duration::from_millis(20);
            let counters = Counters::default();
            let mut buffer = [0; 2_000];
            self.transport
                .receive(self.now, 100, &mut buffer, &mut Deaf, &counters);
            self.transport.tick(self.now, &mut Deaf, &counters);
        }

        /// The same for the browser.
        fn browse(&mut self) {
            let mut buffer = [0; 2_000];
            while let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
                let to = self.socket.local_addr().unwrap();
                let received = Receive::new(Protocol::Udp, from, to, &buffer[..length]).unwrap();
                let input = Input::Receive(self.now, received);
                self.browser.handle_input(input).unwrap();
            }
            let input = Input::Timeout(self.now);
            self.browser.handle_input(input).unwrap();
            loop {
                match self.browser.poll_output().unwrap() {
                    Output::Timeout(_) => return,
                    Output::Transmit(transmit) => {
                        let to = transmit.destination;
                        self.socket.send_to(&transmit.contents, to).unwrap();
                    }
                    Output::Event(_) => {}
                }
            }
        }
    }

    #[test]
    fn a_browser_that_asks_no_more_whether_we_are_there_is_lost() {
        let mut scene = Scene::new();
        for _ in 0..500 {
            scene.browse();
            scene.tick();
        }
        assert!(scene.transport.connected && !scene.transport.is_lost());
        // A minute in which it says nothing but that.
        for _ in 0..3_000 {
            scene.browse();
            scene.tick();
        }
        assert!(!scene.transport.is_lost());
        for _ in 0..1_000 {
            scene.tick();
        }
        assert!(scene.transport.is_lost());
    }
}
