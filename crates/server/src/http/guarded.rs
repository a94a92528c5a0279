//! One HTTP connection, plain or under TLS: it holds a place, and fails when it is silent for too long, until it becomes a
//! WebSocket, which has bounds of its own.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use runtime::clock;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

use super::places::Place;

/// How long a connection may neither read nor write: longer than the longest `get` waits.
const SILENCE_MAX: Duration = Duration::from_secs(75);

/// The connection that a request came over, for handlers (axum's `ConnectInfo`). Who is behind a proxy is another matter:
/// [`api::Peer`].
#[derive(Debug, Clone)]
pub struct Connection {
    /// The address of its other end.
    pub remote: SocketAddr,
    /// Ours, that they connected to.
    pub local: SocketAddr,
    /// Under TLS.
    pub secure: bool,
    hold: Arc<Hold>,
}

impl Connection {
    /// The connection is a WebSocket from now on: it gives back its place, and may be silent.
    pub fn upgraded(&self) {
        self.hold.upgraded.store(true, Ordering::Relaxed);
        let mut place = self
            .hold
            .place
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        place.take();
    }
}

#[derive(Debug)]
struct Hold {
    place: Mutex<Option<Place>>,
    upgraded: AtomicBool,
}

/// See the module.
pub(crate) struct Guarded {
    stream: Stream,
    silence: Pin<Box<dyn Future<Output = ()> + Send>>,
    connection: Connection,
}

/// The handshake is done by whoever reads or writes first, which is the connection's own task.
enum Stream {
    Plain(TcpStream),
    Handshake(Box<Accept<TcpStream>>),
    Tls(Box<TlsStream<TcpStream>>),
    /// The handshake failed. It is over then, however often it is asked: HTTP flushes and closes what it could not read.
    Failed,
}

impl Guarded {
    pub(crate) fn new(
        stream: TcpStream,
        tls: Option<Arc<ServerConfig>>,
        (remote, local): (SocketAddr, SocketAddr),
        place: Place,
    ) -> Self {
        let connection = Connection {
            remote,
            local,
            secure: tls.is_some(),
            hold: Arc::new(Hold {
                place: Mutex::new(Some(place)),
                upgraded: AtomicBool::new(false),
            }),
        };
        Self {
            stream: match tls {
                Some(tls) => Stream::Handshake(Box::new(TlsAcceptor::from(tls).accept(stream))),
                None => Stream::Plain(stream),
            },
            silence: Box::pin(clock::sleep(SILENCE_MAX)),
            connection,
        }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    fn heard<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if self.connection.hold.upgraded.load(Ordering::Relaxed) {
            return poll;
        }
        if poll.is_ready() {
            self.silence = Box::pin(clock::sleep(SILENCE_MAX));
            return poll;
        }
        match self.silence.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// What can be read and written.
trait Both: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Both for T {}

impl Stream {
    /// The stream once its handshake is done.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&mut dyn Both>> {
        if let Stream::Handshake(accept) = self {
            let done = ready!(Pin::new(accept.as_mut()).poll(cx));
            match done {
                Ok(stream) => *self = Stream::Tls(Box::new(stream)),
                Err(error) => {
                    *self = Stream::Failed;
                    return Poll::Ready(Err(error));
                }
            }
        }
        match self {
            Stream::Plain(stream) => Poll::Ready(Ok(stream)),
            Stream::Tls(stream) => Poll::Ready(Ok(stream.as_mut())),
            Stream::Handshake(_) => Poll::Pending,
            Stream::Failed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let poll = match self.stream.poll_open(cx) {
            Poll::Ready(Ok(stream)) => Pin::new(stream).poll_read(cx, buf),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        };
        self.heard(cx, poll)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = match self.stream.poll_open(cx) {
            Poll::Ready(Ok(stream)) => Pin::new(stream).poll_write(cx, buf),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        };
        self.heard(cx, poll)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(ready!(self.stream.poll_open(cx))?).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(ready!(self.stream.poll_open(cx))?).poll_shutdown(cx)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = match self.stream.poll_open(cx) {
            Poll::Ready(Ok(stream)) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        };
        self.heard(cx, poll)
    }
    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Handshake(_) | Stream::Failed => false,
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
