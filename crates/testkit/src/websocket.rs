//! A WebSocket for SIP (RFC 7118), blocking, with an end to every wait.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tungstenite::client::ClientRequestBuilder;
use tungstenite::{Bytes, Error, Message, Utf8Bytes, WebSocket};

use crate::uninterrupted;

/// A byte stream.
trait Duplex: Read + Write + Send {}
impl<T: Read + Write + Send> Duplex for T {}

/// The open WebSocket.
pub(crate) struct Ws {
    socket: WebSocket<Box<dyn Duplex>>,
    /// The socket below, for its timeout.
    below: TcpStream,
    secure: bool,
}

impl Ws {
    pub(crate) fn open(
        stream: impl Read + Write + Send + 'static,
        below: TcpStream,
        secure: bool,
    ) -> io::Result<Self> {
        let host = below.peer_addr()?;
        let scheme = if secure { "wss" } else { "ws" };
        let uri = format!("{scheme}://{host}/sip");
        let uri = uri.parse().map_err(io::Error::other)?;
        let request = ClientRequestBuilder::new(uri).with_sub_protocol("sip");
        let stream: Box<dyn Duplex> = Box::new(stream);
        let opened = tungstenite::client(request, stream);
        let (socket, _) = opened.map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self {
            socket,
            below,
            secure,
        })
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.secure
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let bytes = Bytes::copy_from_slice(bytes);
        let message = match Utf8Bytes::try_from(bytes.clone()) {
            Ok(text) => Message::Text(text),
            Err(_) => Message::Binary(bytes),
        };
        self.socket.send(message).map_err(of)
    }

    /// The next message's bytes.
    pub(crate) fn receive_within(&mut self, limit: Duration) -> io::Result<Bytes> {
        self.below.set_read_timeout(Some(limit))?;
        loop {
            match uninterrupted(|| self.socket.read().map_err(of))? {
                Message::Text(text) => return Ok(text.into()),
                Message::Binary(bytes) => return Ok(bytes),
                Message::Close(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }
}

fn of(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::ConnectionClosed | Error::AlreadyClosed => io::ErrorKind::UnexpectedEof.into(),
        other => io::Error::other(other.to_string()),
    }
}
