//! Looks at what the machine would allow, without keeping anything: for `convoke check` and the demo.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

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

/// Where the kernel lists its routes and, among them, the machine's own addresses of IPv4.
const ROUTES: &str = "/proc/net/fib_trie";

/// An address (IPv4) at which this machine can be reached that is not its loopback's: the one that it would send from to the world, else any
/// that an interface has. `None`: there is the loopback alone.
pub fn own_address() -> Option<Ipv4Addr> {
    // RFC 5737: nobody's. Nothing is sent there.
    let world = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 9));
    match local_ip_towards(world) {
        Ok(IpAddr::V4(ip)) if !ip.is_loopback() && !ip.is_unspecified() => Some(ip),
        _ => {
            let routes = std::fs::read_to_string(ROUTES).unwrap_or_default();
            addresses_in(&routes).find(|ip| !ip.is_loopback())
        }
    }
}

/// Those that the kernel's routes call local: a line with the address, and below it one that ends in `host LOCAL`.
fn addresses_in(routes: &str) -> impl Iterator<Item = Ipv4Addr> {
    let lines = routes.lines().zip(routes.lines().skip(1));
    lines.filter_map(|(line, below)| {
        let address = line.trim_start().strip_prefix("|-- ")?;
        below
            .ends_with("host LOCAL")
            .then(|| address.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_interfaces_are_found_among_the_routes() {
        let routes = "Local:\n  +-- 0.0.0.0/1 2 0 2\n     |-- 10.78.0.0\n        /24 link UNICAST\n     |-- 10.78.0.1\n        \
                      /32 host LOCAL\n     |-- 10.78.0.255\n        /32 link BROADCAST\n     |-- 127.0.0.1\n        /32 host LOCAL\n";
        let found: Vec<_> = addresses_in(routes).collect();
        assert_eq!(found, [Ipv4Addr::new(10, 78, 0, 1), Ipv4Addr::LOCALHOST]);
        assert_eq!(addresses_in("nonsense").next(), None);
    }

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
