//! Ports for programs that cannot be told to take any free one.
//!
//! They come from below the kernel's ephemeral range, so nobody who binds port 0 can take one in between; and among our own
//! test processes an abstract unix socket of the port's name is the lock, which the kernel drops with the process.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
use std::thread;
use std::time::Duration;

use crate::{GIVE_UP, uninterrupted};

/// The first port that may be reserved.
pub const FIRST_PORT: u16 = 20_000;
/// One past the last port that may be reserved (Linux gives out 32768 and up for port 0).
pub const END_PORT: u16 = 32_000;

/// Neighbouring ports on 127.0.0.1 that nobody else takes while this lives.
#[derive(Debug)]
pub struct Ports {
    first: u16,
    locks: Vec<UnixListener>,
}

impl Ports {
    /// The first (often the only) port.
    pub fn first(&self) -> u16 {
        self.first
    }
    /// The last port.
    pub fn last(&self) -> u16 {
        self.first + u16::try_from(self.locks.len()).unwrap_or(1) - 1
    }
    /// 127.0.0.1 and the first port.
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.first))
    }
}

/// Reserves one port, free for UDP and TCP.
///
/// # Errors
/// [`io::ErrorKind::AddrInUse`] when all are taken.
pub fn reserve() -> io::Result<Ports> {
    reserve_run(1)
}

/// Reserves `count` neighbouring ports, free for UDP and TCP, the first of them even (as RTP wants it, RFC 3550 §11).
///
/// # Errors
/// [`io::ErrorKind::AddrInUse`] when there is no such run.
pub fn reserve_run(count: u16) -> io::Result<Ports> {
    let slots = u32::from((END_PORT - FIRST_PORT) / 2);
    let start = std::process::id().wrapping_mul(7_919) % slots;
    for offset in 0..slots {
        let slot = u16::try_from((start + offset) % slots).unwrap_or(0);
        let first = FIRST_PORT + slot * 2;
        if first.saturating_add(count) > END_PORT {
            continue;
        }
        let locks: Option<Vec<_>> = (first..first + count).map(|port| take(port).ok()).collect();
        if let Some(locks) = locks {
            return Ok(Ports { first, locks });
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AddrInUse,
        "every port for tests is taken",
    ))
}

fn take(port: u16) -> io::Result<UnixListener> {
    let name = UnixAddr::from_abstract_name(format!("convoke-test-port-{port}"))?;
    let lock = UnixListener::bind_addr(&name)?;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
    Ok(lock)
}

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// Connections.
    Tcp,
}

/// How often a port is tried, at [`TRY_EVERY`], before giving up.
const TRIES_MAX: u128 = GIVE_UP.as_millis() / TRY_EVERY.as_millis();
const TRY_EVERY: Duration = Duration::from_millis(20);

/// Waits until somebody has this port, for a server that does not say so itself. TCP is tried by connecting; UDP by a keep-alive
/// (RFC 5626 §3.5.1), which a closed port refuses by ICMP.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] after [`GIVE_UP`].
pub fn await_listening(addr: SocketAddr, protocol: Protocol) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(addr)?;
    socket.set_read_timeout(Some(TRY_EVERY))?;
    let mut nothing = [0; 16];
    for _ in 0..TRIES_MAX {
        match protocol {
            Protocol::Tcp if TcpStream::connect(addr).is_ok() => return Ok(()),
            Protocol::Tcp => {
                thread::park_timeout(TRY_EVERY);
            }
            Protocol::Udp => {
                socket.send(b"\r\n\r\n").ok();
                match uninterrupted(|| socket.recv(&mut nothing)) {
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                        thread::park_timeout(TRY_EVERY);
                    }
                    _ => return Ok(()),
                }
            }
        }
    }
    Err(io::Error::new(
        io::ErrorKind::TimedOut,
        format!("nobody listens on {addr}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_port_is_given_twice_while_it_is_held() {
        let held: Vec<_> = (0..50).map(|_| reserve().unwrap()).collect();
        let distinct: BTreeSet<_> = held.iter().map(Ports::first).collect();
        assert_eq!(distinct.len(), 50);
    }

    #[test]
    fn a_run_is_contiguous_starts_even_and_is_free() {
        let run = reserve_run(6).unwrap();
        assert_eq!((run.first() % 2, run.last()), (0, run.first() + 5));
        for port in run.first()..=run.last() {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        }
    }

    #[test]
    fn a_port_in_use_by_somebody_else_is_passed_over() {
        let mine = reserve().unwrap();
        let somebody = UdpSocket::bind(mine.addr()).unwrap();
        drop(mine);
        let port = somebody.local_addr().unwrap().port();
        let next: Vec<_> = (0..20).map(|_| reserve().unwrap().first()).collect();
        assert!(!next.contains(&port));
    }
}
