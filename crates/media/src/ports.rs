//! Ports and sockets for legs.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use socket2::SockRef;

use crate::config::StartError;

/// Expedited forwarding (RFC 3246) for voice, as the old type-of-service byte.
const TOS_VOICE: u32 = 0xB8;

/// Free ports tried, when others take them at the same moment.
const BIND_ATTEMPTS: usize = 16;

/// Hands out bound sockets.
#[derive(Debug)]
pub(crate) struct Ports {
    ip: IpAddr,
    /// First even port, number of even ports, and which to try next.
    range: Option<(u16, u16, u16)>,
}

impl Ports {
    pub(crate) fn new(ip: IpAddr, range: Option<(u16, u16)>) -> Result<Self, StartError> {
        let range = match range {
            None => None,
            Some((low, high)) => {
                let first = low
                    .checked_next_multiple_of(2)
                    .filter(|&f| f <= high && f > 0);
                let first = first.ok_or(StartError::PortRange(low, high))?;
                Some((first, (high - first) / 2 + 1, 0))
            }
        };
        Ok(Self { ip, range })
    }

    /// A bound, non-blocking socket. Ports of a range are taken in turn, so that a port rests as long as possible
    /// before another leg gets it.
    pub(crate) fn bind(&mut self) -> io::Result<UdpSocket> {
        let socket = match &mut self.range {
            None => bind_any(self.ip)?,
            Some((first, count, next)) => {
                let mut last_error = io::Error::from(io::ErrorKind::AddrInUse);
                let mut found = None;
                for _ in 0..*count {
                    let port = *first + 2 * *next;
                    *next = (*next + 1) % *count;
                    match UdpSocket::bind(SocketAddr::new(self.ip, port)) {
                        Ok(socket) => {
                            found = Some(socket);
                            break;
                        }
                        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                            last_error = error
                        }
                        Err(error) => return Err(error),
                    }
                }
                found.ok_or(last_error)?
            }
        };
        socket.set_nonblocking(true)?;
        if self.ip.is_ipv4() {
            // Without the mark voice still flows; some systems forbid it.
            let _unmarked = SockRef::from(&socket).set_tos_v4(TOS_VOICE);
        }
        Ok(socket)
    }
}

/// A socket on any free port. Linux gives such a port up when the socket is disconnected (as a leg's is to follow a peer
/// that moved), unless it was asked for by number; so it is asked for again by number.
fn bind_any(ip: IpAddr) -> io::Result<UdpSocket> {
    let mut last_error = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..BIND_ATTEMPTS {
        let free = UdpSocket::bind(SocketAddr::new(ip, 0))?.local_addr()?;
        match UdpSocket::bind(free) {
            Ok(socket) => return Ok(socket),
            // Somebody else was given the port in between.
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn takes_even_ports_in_turn_and_says_when_all_are_taken() {
        // A range around whatever is free at the moment.
        let free = UdpSocket::bind((LOOPBACK, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port()
            & !1;
        let mut ports = Ports::new(LOOPBACK, Some((free - 1, free + 1))).unwrap();
        let socket = ports.bind().unwrap();
        assert_eq!(socket.local_addr().unwrap().port(), free);
        assert_eq!(ports.bind().unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(socket);
        assert!(ports.bind().is_ok());
    }

    #[test]
    fn a_range_without_even_ports_is_refused() {
        assert!(Ports::new(LOOPBACK, Some((7, 7))).is_err());
        assert!(Ports::new(LOOPBACK, Some((10, 8))).is_err());
        assert!(Ports::new(LOOPBACK, Some((65_535, 65_535))).is_err());
        assert!(Ports::new(LOOPBACK, Some((0, 1))).is_err());
    }
}
