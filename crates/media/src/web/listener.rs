//! ICE over TCP: takes connections, reads who each is for, and hands it to the leg's media thread.
//!
//! A thread of its own, since the first packet of a connection may take its time: it waits for all of them at once.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;
use str0m::ice::StunMessage;

use super::framing::TcpPeer;
use crate::queue::Bell;

/// Connections of which nobody knows yet whose they are; for one more the oldest is closed: a browser says it at once.
const MAX_PENDING: usize = 128;
/// A connection says so within this time.
const FIRST_PACKET_MAX: Duration = Duration::from_secs(5);
/// The first packet is a STUN request with a name and a checksum; no longer one is read.
const MAX_FIRST_BYTES: usize = 600;
/// How often connections that have said nothing are looked at.
const LOOK: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};
/// After a failed accept (no file descriptors left) we wait, instead of failing again at once: 100 ms.
const ACCEPT_RETRY: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// A connection that has said whose it is.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// The name in its first request: ours.
    pub ufrag: String,
    pub peer: TcpPeer,
}

#[derive(Debug)]
struct Pending {
    socket: TcpStream,
    remote: SocketAddr,
    since: Instant,
    read: Vec<u8>,
}

/// What became of a connection.
enum Said {
    NotYet,
    Name(String),
    Nonsense,
}

/// The listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    /// The last accept failed.
    failed: bool,
    pending: Vec<Pending>,
}

impl Listener {
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            failed: false,
            pending: Vec::with_capacity(MAX_PENDING),
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.socket.local_addr().map_or(0, |address| address.port())
    }

    /// Runs until told to stop; `bell` rings for that.
    pub(crate) fn run(mut self, bell: &Bell, stop: &Arc<AtomicBool>, hand_over: impl Fn(Arrival)) {
        while !stop.load(Ordering::Acquire) {
            let ready = self.wait(bell);
            if stop.load(Ordering::Acquire) {
                return;
            }
            let now = now();
            for (index, ready) in ready.into_iter().enumerate().rev() {
                let old = now.duration_since(self.pending[index].since) > FIRST_PACKET_MAX;
                if !ready && !old {
                    continue;
                }
                let said = if ready {
                    self.pending[index].read()
                } else {
                    Said::NotYet
                };
                match said {
                    Said::NotYet if !old => {}
                    Said::NotYet | Said::Nonsense => drop(self.pending.remove(index)),
                    Said::Name(ufrag) => {
                        let pending = self.pending.remove(index);
                        let peer = TcpPeer::new(pending.socket, pending.remote, pending.read);
                        hand_over(Arrival { ufrag, peer });
                    }
                }
            }
            self.accept(now);
        }
    }

    /// Waits; gives which of the pending have something to say.
    fn wait(&self, bell: &Bell) -> Vec<bool> {
        let wanted = match self.failed {
            true => PollFlags::empty(),
            false => PollFlags::IN,
        };
        let mut fds = vec![
            PollFd::new(bell.fd(), PollFlags::IN),
            PollFd::new(&self.socket, wanted),
        ];
        fds.extend(
            self.pending
                .iter()
                .map(|p| PollFd::new(&p.socket, PollFlags::IN)),
        );
        let limit = match self.failed {
            true => Some(ACCEPT_RETRY),
            false => (!self.pending.is_empty()).then_some(LOOK),
        };
        // Interrupted by a signal is as good as nothing.
        let _count = poll(&mut fds, limit.as_ref());
        fds[2..].iter().map(|fd| !fd.revents().is_empty()).collect()
    }

    fn accept(&mut self, now: Instant) {
        // The connections of one moment; more come with the next.
        for _ in 0..MAX_PENDING {
            let accepted = self.socket.accept();
            self.failed = accepted
                .as_ref()
                .is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock);
            let Ok((socket, remote)) = accepted else {
                return;
            };
            let made = socket
                .set_nonblocking(true)
                .and_then(|()| socket.set_nodelay(true));
            if made.is_err() {
                continue;
            }
            if self.pending.len() == MAX_PENDING {
                // They stand in the order in which they came.
                self.pending.remove(0);
            }
            self.pending.push(Pending {
                socket,
                remote,
                since: now,
                read: Vec::with_capacity(MAX_FIRST_BYTES),
            });
        }
    }
}

impl Pending {
    fn read(&mut self) -> Said {
        let mut bytes = [0; MAX_FIRST_BYTES];
        let room = MAX_FIRST_BYTES - self.read.len();
        match self.socket.read(&mut bytes[..room]) {
            Ok(0) => return Said::Nonsense,
            Ok(length) => self.read.extend_from_slice(&bytes[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Said::NotYet,
            Err(_) => return Said::Nonsense,
        }
        let Some((head, rest)) = self.read.split_first_chunk::<2>() else {
            return Said::NotYet;
        };
        let length = usize::from(u16::from_be_bytes(*head));
        if length > MAX_FIRST_BYTES - 2 {
            return Said::Nonsense;
        }
        let Some(packet) = rest.get(..length) else {
            return Said::NotYet;
        };
        name_in(packet).map_or(Said::Nonsense, Said::Name)
    }
}

/// Our name in a STUN binding request (RFC 8445 §7.2.2: `ours:theirs`).
fn name_in(packet: &[u8]) -> Option<String> {
    // Parsed by foreign code; what it makes of nonsense must not end the thread.
    let name = std::panic::catch_unwind(|| {
        let message = StunMessage::parse(packet).ok()?;
        let is_request = message.is_binding_request();
        let name = message.username()?.split_once(':')?.0.to_owned();
        is_request.then_some(name)
    });
    name.ok().flatten()
}

#[expect(
    clippy::disallowed_methods,
    reason = "an edge: nothing below it reads the clock"
)]
fn now() -> Instant {
    Instant::now()
}
