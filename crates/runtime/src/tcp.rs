//! Plain TCP listeners for other protocols than SIP, and for scripts of tests.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

/// Listens on an address; port 0 lets the system choose.
pub async fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(addr).await
}
