//! WebSockets that we open (RFC 6455): to bridges, and to servers whose interface is one. Texts only; whoever sends bytes is told that
//! nobody understands them, by the end of the connection.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, Uri, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::clock;

/// How long it may take until a WebSocket is open: name, connection, TLS and upgrade together.
pub const OPEN_MAX: Duration = Duration::from_secs(5);
/// How long one text may take to be written before the peer is taken for gone.
pub const WRITE_MAX: Duration = Duration::from_secs(10);

/// What is to be opened.
#[derive(Clone)]
pub struct Wanted {
    /// `ws://host[:port]/path`, or `wss://…` where `tls` is given.
    pub url: String,
    /// The subprotocol, which the server must take (RFC 6455 §1.9).
    pub subprotocol: &'static str,
    /// A Bearer token (RFC 6750) that says who we are.
    pub bearer: Option<String>,
    /// Whom `wss` trusts.
    pub tls: Option<Arc<ClientConfig>>,
    /// Longest text that is read, in bytes; a longer one ends the connection.
    pub text_max_bytes: usize,
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wanted")
            .field("url", &self.url)
            .field("subprotocol", &self.subprotocol)
            .finish_non_exhaustive()
    }
}

/// Why a WebSocket did not open; what a person reads.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is none.
    #[error("expected ws://host[:port]/path or wss://…, came {0:?}")]
    Url(String),
    /// `wss` without roots to trust.
    #[error("wss needs certificates to trust, and none are configured")]
    NoTrust,
    /// Nobody takes the connection.
    #[error("nobody answers at {place}: {error}")]
    Unreachable {
        /// Host and port.
        place: String,
        /// What the system says.
        error: io::Error,
    },
    /// It took too long.
    #[error("no answer within {} s", OPEN_MAX.as_secs())]
    Late,
    /// The server does not believe us.
    #[error("it refuses our secret")]
    Unauthorized,
    /// The server answers with another status than 101.
    #[error("it answers {0} instead of opening a WebSocket")]
    Status(StatusCode),
    /// The server does not take our subprotocol.
    #[error("it does not speak {0}")]
    Subprotocol(&'static str),
    /// What it says is no WebSocket.
    #[error("what it answers is no WebSocket: {0}")]
    Nonsense(String),
}

/// Why an open WebSocket is at its end; what a person reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Ended(pub String);

/// What comes over a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A text.
    Text(String),
    /// A ping, which has been answered, or the answer to one: the peer is there.
    Alive,
}

/// What bytes go over.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// An open WebSocket.
pub struct WebSocket {
    socket: WebSocketStream<Box<dyn Wire>>,
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebSocket")
    }
}

impl WebSocket {
    /// Opens one, within [`OPEN_MAX`].
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open(wanted: &Wanted) -> Result<Self, OpenError> {
        let opened = clock::within(OPEN_MAX, open(wanted)).await;
        opened.unwrap_or(Err(OpenError::Late))
    }

    /// The next thing that comes. Nothing is lost when the wait for it is given up.
    ///
    /// # Errors
    /// When the connection is at its end.
    pub async fn next(&mut self) -> Result<Heard, Ended> {
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => Ok(Heard::Text(text.to_string())),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(Heard::Alive),
            Some(Ok(Message::Close(_))) | None => Err(Ended("it closed the connection".into())),
            Some(Ok(Message::Binary(_) | Message::Frame(_))) => {
                Err(Ended("it sends bytes where texts are expected".into()))
            }
            Some(Err(error)) => Err(Ended(words_of(&error))),
        }
    }

    /// Sends a text, within [`WRITE_MAX`].
    ///
    /// # Errors
    /// When the connection is at its end, or nobody reads at the other.
    pub async fn send(&mut self, text: String) -> Result<(), Ended> {
        self.write(Message::text(text)).await
    }

    /// Asks whether the peer is there; it answers by [`Heard::Alive`].
    ///
    /// # Errors
    /// When the connection is at its end, or nobody reads at the other.
    pub async fn ping(&mut self) -> Result<(), Ended> {
        self.write(Message::Ping(bytes::Bytes::new())).await
    }

    /// Ends it in order, if the peer lets us.
    pub async fn close(mut self) {
        // It is over either way.
        let _ = clock::within(Duration::from_secs(1), self.socket.close(None)).await;
    }

    async fn write(&mut self, message: Message) -> Result<(), Ended> {
        match clock::within(WRITE_MAX, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Ended(words_of(&error))),
            Err(_) => Err(Ended("nobody reads at its end".into())),
        }
    }
}

async fn open(wanted: &Wanted) -> Result<WebSocket, OpenError> {
    let bad_url = || OpenError::Url(wanted.url.chars().take(200).collect());
    let uri: Uri = wanted.url.parse().map_err(|_| bad_url())?;
    let secure = match uri.scheme_str() {
        Some("ws") => false,
        Some("wss") => true,
        _ => return Err(bad_url()),
    };
    let host = uri.host().ok_or_else(bad_url)?;
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });

    let mut request = uri.into_client_request().map_err(|_| bad_url())?;
    let headers = request.headers_mut();
    headers.insert(
        header::SEC_WEBSOCKET_PROTOCOL,
        HeaderValue::from_static(wanted.subprotocol),
    );
    if let Some(bearer) = &wanted.bearer {
        let mut value = HeaderValue::try_from(format!("Bearer {bearer}"))
            .map_err(|_| OpenError::Unauthorized)?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }

    let wire = dial(&host, port, secure.then_some(&wanted.tls)).await?;
    let limits = WebSocketConfig::default()
        .max_message_size(Some(wanted.text_max_bytes))
        .max_frame_size(Some(wanted.text_max_bytes));
    let upgraded = client_async_with_config(request, wire, Some(limits)).await;
    let (socket, answer) = upgraded.map_err(|error| refusal(&error, wanted.subprotocol))?;
    let taken = answer.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
    if taken.is_none_or(|taken| taken.as_bytes() != wanted.subprotocol.as_bytes()) {
        return Err(OpenError::Subprotocol(wanted.subprotocol));
    }
    Ok(WebSocket { socket })
}

/// The connection below; `tls` is `Some` where one under TLS is wanted.
async fn dial(
    host: &str,
    port: u16,
    tls: Option<&Option<Arc<ClientConfig>>>,
) -> Result<Box<dyn Wire>, OpenError> {
    let unreachable = |error| OpenError::Unreachable {
        place: format!("{host}:{port}"),
        error,
    };
    let tcp = TcpStream::connect((host, port))
        .await
        .map_err(unreachable)?;
    // Texts are short and waited for.
    tcp.set_nodelay(true).map_err(unreachable)?;
    let Some(trust) = tls else {
        return Ok(Box::new(tcp));
    };
    let trust = trust.clone().ok_or(OpenError::NoTrust)?;
    let name =
        ServerName::try_from(host.to_owned()).map_err(|_| OpenError::Url(host.to_owned()))?;
    let stream = TlsConnector::from(trust).connect(name, tcp).await;
    Ok(Box::new(stream.map_err(unreachable)?))
}

fn refusal(error: &Error, subprotocol: &'static str) -> OpenError {
    match error {
        Error::Http(answer) if answer.status() == StatusCode::UNAUTHORIZED => {
            OpenError::Unauthorized
        }
        Error::Http(answer) => OpenError::Status(answer.status()),
        // RFC 6455 §4.1: a server that names no subprotocol, or another one, is no server of ours.
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) => {
            OpenError::Subprotocol(subprotocol)
        }
        other => OpenError::Nonsense(words_of(other)),
    }
}

/// Without what the peer said: that may be anything.
fn words_of(error: &Error) -> String {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => "the connection is closed".into(),
        Error::Io(error) => format!("the connection broke: {error}"),
        Error::Capacity(_) => "it sends a longer text than is read here".into(),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            "the connection broke".into()
        }
        Error::Protocol(error) => error.to_string(),
        Error::Utf8(_) => "it sends a text that is none (UTF-8)".into(),
        _ => "the connection cannot be used any longer".into(),
    }
}
