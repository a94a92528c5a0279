//! Looks at what the machine would allow, without keeping anything: for `convoke check`.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use sip_proto::Transport;

/// Whether an address could be listened on now.
pub fn can_listen(transport: Transport, addr: SocketAddr) -> io::Result<()> {
    match transport {
        Transport::Udp => UdpSocket::bind(addr).map(drop),
        Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
            TcpListener::bind(addr).map(drop)
        }
    }
}

/// The address that this machine would send from to reach another; sends nothing.
pub fn local_ip_towards(remote: SocketAddr) -> io::Result<IpAddr> {
    let any = if remote.is_ipv4() {
        SocketAddr::from(([0, 0, 0, 0], 0))
    } else {
        SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
    };
    let socket = UdpSocket::bind(any)?;
    // Connecting a datagram socket only chooses the route.
    socket.connect(remote)?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_reached_from_the_loopback() {
        let local = local_ip_towards("127.0.0.1:9".parse().unwrap()).unwrap();
        assert!(local.is_loopback());
    }

    #[test]
    fn a_port_in_use_is_told() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = taken.local_addr().unwrap();
        let error = can_listen(Transport::Tcp, addr).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(can_listen(Transport::Udp, "127.0.0.1:0".parse().unwrap()).is_ok());
    }
}
