//! Looks at what the machine would allow, without keeping anything: for `convoke check`.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use sip_proto::Transport;

/// Whether an address could be listened on now.
pub fn can_listen(transport: Transport, addr: SocketAddr) -> io::Result<()> {
    match transport {
        Transport::Udp => UdpSocket::bind(addr).map(drop),
        Transport::Tcp | Transport::Tls => TcpListener::bind(addr).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_told() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = taken.local_addr().unwrap();
        let error = can_listen(Transport::Tcp, addr).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(can_listen(Transport::Udp, "127.0.0.1:0".parse().unwrap()).is_ok());
    }
}
