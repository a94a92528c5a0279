//! Where a message came from and where one shall go: transports, connections ("flows", RFC 5626 §2) and addresses.
//! The core names them; only `runtime` opens them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// How SIP travels (RFC 3261 §18, RFC 7118).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// Datagrams; messages over 1,300 bytes do not fit (RFC 3261 §18.1.1).
    Udp,
    /// A byte stream.
    Tcp,
    /// A byte stream under TLS.
    Tls,
    /// A WebSocket, one message a frame (RFC 7118). Only clients open one, so nothing goes there but over an open flow.
    Ws,
    /// A WebSocket under TLS.
    Wss,
}

impl Transport {
    const ALL: [Transport; 5] = [
        Transport::Udp,
        Transport::Tcp,
        Transport::Tls,
        Transport::Ws,
        Transport::Wss,
    ];

    /// The word in a Via header (RFC 3261 §20.42): `UDP`, `TCP`, `TLS`, `WS`, `WSS` (RFC 7118 §5.2.1).
    pub fn via_word(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
        }
    }
    /// The value of a URI's `transport` parameter (RFC 3261 §19.1.1): `udp`, `tcp`, `tls`, and `ws` with and without TLS:
    /// RFC 7118 §5.2.3 leaves the difference to `sips`.
    pub fn param_word(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Ws | Transport::Wss => "ws",
        }
    }
    /// Whether the transport itself retransmits (RFC 3261 §17.1.1.1 "reliable transport").
    pub fn is_reliable(self) -> bool {
        match self {
            Transport::Udp => false,
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => true,
        }
    }
    /// Whether what passes cannot be read on the way.
    pub fn is_secure(self) -> bool {
        matches!(self, Transport::Tls | Transport::Wss)
    }
    /// Whether it is a WebSocket.
    pub fn is_websocket(self) -> bool {
        matches!(self, Transport::Ws | Transport::Wss)
    }
    /// The port used where none is named (RFC 3261 §19.1.2, RFC 7118 §5.2.4).
    pub fn default_port(self) -> u16 {
        match self {
            Transport::Udp | Transport::Tcp => 5060,
            Transport::Tls => 5061,
            Transport::Ws => 80,
            Transport::Wss => 443,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Wss => "wss",
            other => other.param_word(),
        })
    }
}

/// Not the name of a transport that this build speaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected udp, tcp, tls, ws or wss, came another transport")]
pub struct UnknownTransport;

impl FromStr for Transport {
    type Err = UnknownTransport;
    /// Case-insensitive, as in Via headers and URI parameters.
    fn from_str(text: &str) -> Result<Self, UnknownTransport> {
        Transport::ALL
            .into_iter()
            .find(|transport| text.eq_ignore_ascii_case(transport.via_word()))
            .ok_or(UnknownTransport)
    }
}

/// One connection, or one bound datagram socket: given by `runtime`, never used twice within a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId(pub u64);

/// Bits of an IPv6 address that name somebody's network: a household or a rented machine has at least a /64 of its own
/// (RFC 6177 §2), and could come from another address of it each time.
const IPV6_NETWORK_BITS: u32 = 64;

/// The address as which a peer counts against limits: IPv4 also where IPv6 wraps it, and of IPv6 its network.
pub fn counted_as(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => {
            let mask = u128::MAX << (Ipv6Addr::BITS - IPV6_NETWORK_BITS);
            IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & mask))
        }
    }
}

/// Where a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source {
    /// How it came.
    pub transport: Transport,
    /// The peer's address as the kernel saw it.
    pub remote: SocketAddr,
    /// Our address that it came to.
    pub local: SocketAddr,
    /// The connection, or for UDP the socket.
    pub flow: FlowId,
}

impl Source {
    /// Back to where this came from, over the same flow.
    pub fn reply_target(&self) -> Target {
        Target {
            transport: self.transport,
            addr: self.remote,
            flow: Some(self.flow),
            server_name: None,
        }
    }
}

/// Where a message shall go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// How to send it.
    pub transport: Transport,
    /// To whom, and where to connect to when `flow` is closed or absent.
    pub addr: SocketAddr,
    /// Use this connection (or UDP socket) if it is still open.
    pub flow: Option<FlowId>,
    /// The name that the peer's TLS certificate must carry (RFC 5922); `None`: its address.
    pub server_name: Option<String>,
}

impl Target {
    /// A target without flow or name.
    pub fn new(transport: Transport, addr: SocketAddr) -> Self {
        Self {
            transport,
            addr,
            flow: None,
            server_name: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_of_one_ipv6_network_count_as_one() {
        let check = |ip: &str, expected: &str| {
            assert_eq!(counted_as(ip.parse().unwrap()).to_string(), expected);
        };
        check("192.0.2.7", "192.0.2.7");
        check("::ffff:192.0.2.7", "192.0.2.7");
        check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::");
        check("2001:db8:1:2:ffff::9", "2001:db8:1:2::");
        check("2001:db8:1:3::9", "2001:db8:1:3::");
    }

    #[test]
    fn transports_are_read_in_any_case_and_printed_in_theirs() {
        for transport in Transport::ALL {
            assert_eq!(transport.via_word().parse(), Ok(transport));
            assert_eq!(transport.to_string().parse(), Ok(transport));
        }
        assert_eq!(Transport::Wss.param_word(), "ws");
        assert_eq!("sctp".parse::<Transport>(), Err(UnknownTransport));
    }
}
