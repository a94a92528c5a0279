//! A WebSocket relay between two real programs that changes what one tells the other: how a server of another version would answer.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use tungstenite::client::ClientRequestBuilder;
use tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tungstenite::http::HeaderValue;
use tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tungstenite::{Error, Message, WebSocket};

use crate::uninterrupted;

/// What a text of the far side becomes.
type Change = dyn Fn(&str) -> String + Send + Sync;

/// Stands between whoever connects to [`WsRelay::near`] and the far address. Its threads end with their connections; that which takes
/// new ones lives as long as the process.
#[derive(Debug)]
pub struct WsRelay {
    near: SocketAddr,
}

impl WsRelay {
    /// Relays to `far`, by the same subprotocol. Each text from there is told as `change` makes it; all else passes as it is.
    ///
    /// # Errors
    /// When no socket can be had.
    pub fn start(
        far: SocketAddr,
        change: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let near = listener.local_addr()?;
        let change: Arc<Change> = Arc::new(change);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let change = Arc::clone(&change);
                // A connection that breaks is closed on both sides by that.
                thread::spawn(move || pass(stream, far, &*change));
            }
        });
        Ok(Self { near })
    }

    /// Where it is connected to.
    pub fn near(&self) -> SocketAddr {
        self.near
    }
}

/// Agrees to the subprotocol that is asked for.
#[derive(Default)]
struct Agree {
    asked: Arc<OnceLock<HeaderValue>>,
}

impl Callback for Agree {
    fn on_request(
        self,
        request: &Request,
        mut response: Response,
    ) -> Result<Response, ErrorResponse> {
        if let Some(protocol) = request.headers().get(SEC_WEBSOCKET_PROTOCOL) {
            let headers = response.headers_mut();
            headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol.clone());
            // Nobody else sets it.
            let _ = self.asked.set(protocol.clone());
        }
        Ok(response)
    }
}

fn pass(near: TcpStream, far: SocketAddr, change: &Change) -> io::Result<()> {
    let agree = Agree::default();
    let asked = Arc::clone(&agree.asked);
    let near = tungstenite::accept_hdr(near, agree);
    let mut near = near.map_err(|error| io::Error::other(error.to_string()))?;
    let uri = format!("ws://{far}/").parse().map_err(io::Error::other)?;
    let mut request = ClientRequestBuilder::new(uri);
    if let Some(protocol) = asked.get().and_then(|name| name.to_str().ok()) {
        request = request.with_sub_protocol(protocol);
    }
    let opened = tungstenite::client(request, TcpStream::connect(far)?);
    let (mut far, _) = opened.map_err(|error| io::Error::other(error.to_string()))?;
    for side in [&near, &far] {
        side.get_ref().set_nonblocking(true)?;
    }
    loop {
        hand_on(&mut near, &mut far, str::to_owned)?;
        hand_on(&mut far, &mut near, change)?;
        let mut sides = [
            PollFd::new(near.get_ref(), PollFlags::IN),
            PollFd::new(far.get_ref(), PollFlags::IN),
        ];
        uninterrupted(|| Ok(poll(&mut sides, None)?))?;
    }
}

/// Everything that has come.
fn hand_on(
    from: &mut WebSocket<TcpStream>,
    to: &mut WebSocket<TcpStream>,
    change: impl Fn(&str) -> String,
) -> io::Result<()> {
    loop {
        let message = match from.read() {
            Ok(Message::Text(text)) => Message::text(change(&text)),
            // Each side answers pings by itself.
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
            Ok(other) => other,
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(io::Error::other(error)),
        };
        to.send(message).map_err(io::Error::other)?;
    }
}
