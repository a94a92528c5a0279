//! One TCP or TLS connection, and what it shares with WebSockets: opened, served by one task that reads and writes independently, and closed with everything
//! accounted for.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use sip_proto::{FlowId, Frame, Side, Source, StreamParser, Transport};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::event::SendError;
use super::outgoing::{Closing, Next, Outgoing};
use super::{Counts, Hub, TransportEvent, wire};
use crate::clock;

/// Bytes read at once.
const READ_BYTES: usize = 8 * 1024;
/// Silence after which the kernel probes whether the peer's host is still there.
const PROBE_AFTER: Duration = Duration::from_secs(120);
/// RFC 5626 §3.5.1: the ping is two CRLFs.
const PING: &[u8] = b"\r\n\r\n";
/// RFC 5626 §4.4.1: the pong is one.
pub(super) const PONG: &[u8] = b"\r\n";

/// What others know of a connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) flow: FlowId,
    pub(super) transport: Transport,
    pub(super) remote: SocketAddr,
    /// Under what it can be found, besides its flow.
    pub(super) peer: Option<(Transport, SocketAddr, Option<String>)>,
    /// Came in, rather than being opened by us.
    pub(super) accepted: bool,
    pub(super) queue: Outgoing,
    kept: AtomicBool,
}

impl Connection {
    pub(super) fn new(
        flow: FlowId,
        transport: Transport,
        remote: SocketAddr,
        peer: Option<(Transport, SocketAddr, Option<String>)>,
        accepted: bool,
        budget_bytes: usize,
    ) -> Self {
        Self {
            flow,
            transport,
            remote,
            peer,
            accepted,
            queue: if transport.is_websocket() {
                Outgoing::one_by_one(budget_bytes)
            } else {
                Outgoing::new(budget_bytes)
            },
            kept: AtomicBool::new(false),
        }
    }

    /// Whether the idle timeout spares it.
    pub(super) fn keep(&self, kept: bool) {
        self.kept.store(kept, Ordering::Relaxed);
    }
}

/// How a connection comes to be.
pub(super) enum Opening {
    Accepted {
        stream: TcpStream,
        tls: Option<Arc<ServerConfig>>,
    },
    Connect {
        tls: Option<Arc<ClientConfig>>,
        server_name: Option<String>,
    },
}

/// A byte stream, plain or under TLS.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Opens and serves a connection until it ends, and takes it out of the table.
pub(super) async fn serve(hub: Arc<Hub>, connection: Arc<Connection>, opening: Opening) {
    let shutdown = hub.tasks.shutdown_token().clone();
    let flow = connection.flow.0;
    let peer = connection.remote;
    let mut opened = false;
    let mut error = SendError::Closed;
    match shutdown
        .unless_cancelled(open(&hub, &connection, opening))
        .await
    {
        None => {}
        Some(Err(failed)) => {
            tracing::info!(flow, %peer, transport = %connection.transport, words = failed.words, "not opened");
            error = failed.error;
        }
        Some(Ok((stream, local))) => {
            opened = true;
            tracing::debug!(flow, %peer, transport = %connection.transport, "open");
            let end = run(&hub, &connection, stream, local).await;
            tracing::debug!(flow, %peer, ?end, "closed");
            if end == End::Overrun {
                error = SendError::Overrun;
            }
        }
    }
    account(&hub, &connection, opened, error).await;
}

/// Takes a connection out of the table: what was not sent is told, and so is its end when it was ever open.
pub(super) async fn account(
    hub: &Hub,
    connection: &Arc<Connection>,
    opened: bool,
    error: SendError,
) {
    let shutdown = hub.tasks.shutdown_token().clone();
    hub.table.retire(connection);
    for token in connection.queue.abandon() {
        hub.events.send_failed(token, error);
    }
    if opened {
        let flow = connection.flow;
        let told = hub.events.send(TransportEvent::FlowClosed { flow });
        // While the core shuts down nobody may take events any more.
        let _ = shutdown.unless_cancelled(told).await;
    }
    hub.table.leave(connection);
}

struct Failed {
    error: SendError,
    words: String,
}

fn failed(error: SendError, words: impl ToString) -> Failed {
    Failed {
        error,
        words: words.to_string(),
    }
}

async fn open(
    hub: &Hub,
    connection: &Connection,
    opening: Opening,
) -> Result<(Box<dyn Stream>, SocketAddr), Failed> {
    let limits = &hub.limits;
    let late = |error: SendError| move |timed_out: clock::TimedOut| failed(error, timed_out);
    let broken = |error: SendError| move |broken: std::io::Error| failed(error, broken);
    match opening {
        Opening::Accepted { stream, tls } => {
            let local = prepare(&stream).map_err(broken(SendError::Closed))?;
            let Some(tls) = tls else {
                return Ok((Box::new(stream), local));
            };
            let handshake = TlsAcceptor::from(tls).accept(stream);
            let stream = clock::within(limits.handshake_timeout, handshake)
                .await
                .map_err(late(SendError::Handshake))?
                .map_err(broken(SendError::Handshake))?;
            Ok((Box::new(stream), local))
        }
        Opening::Connect { tls, server_name } => {
            let connecting = TcpStream::connect(connection.remote);
            let stream = clock::within(limits.connect_timeout, connecting)
                .await
                .map_err(late(SendError::Connect))?
                .map_err(broken(SendError::Connect))?;
            let local = prepare(&stream).map_err(broken(SendError::Connect))?;
            let Some(tls) = tls else {
                return Ok((Box::new(stream), local));
            };
            let name = match server_name {
                Some(name) => ServerName::try_from(name)
                    .map_err(|error| failed(SendError::Handshake, error))?,
                None => ServerName::from(connection.remote.ip()),
            };
            let handshake = TlsConnector::from(tls).connect(name, stream);
            let stream = clock::within(limits.handshake_timeout, handshake)
                .await
                .map_err(late(SendError::Handshake))?
                .map_err(broken(SendError::Handshake))?;
            Ok((Box::new(stream), local))
        }
    }
}

fn prepare(stream: &TcpStream) -> std::io::Result<SocketAddr> {
    stream.set_nodelay(true)?;
    // A host that vanished is noticed by the kernel, also on connections that are kept.
    let probes = TcpKeepalive::new().with_time(PROBE_AFTER);
    SockRef::from(stream).set_tcp_keepalive(&probes)?;
    stream.local_addr()
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The peer closed, or its host vanished.
    Peer,
    /// We closed it on purpose.
    Ours,
    /// The peer did not read.
    Overrun,
    /// Nothing came for too long.
    Silent,
    /// A message began and did not end.
    Slow,
    /// What came was not SIP.
    Bad,
    /// The core or the process is going.
    Shutdown,
}

async fn run(
    hub: &Hub,
    connection: &Connection,
    stream: Box<dyn Stream>,
    local: SocketAddr,
) -> End {
    let (reading, writing) = tokio::io::split(stream);
    let writer = write(hub, &connection.queue, writing);
    let reader = read(hub, connection, reading, local);
    run_halves(hub, connection, writer, reader).await
}

/// Reads and writes until one of them ends, and writes what waits then.
pub(super) async fn run_halves(
    hub: &Hub,
    connection: &Connection,
    writer: impl Future<Output = End>,
    reader: impl Future<Output = End>,
) -> End {
    let queue = &connection.queue;
    let mut writer = pin!(writer);
    let end = tokio::select! {
        biased;
        () = hub.tasks.shutdown_token().cancelled() => End::Shutdown,
        () = queue.overrun() => End::Overrun,
        end = &mut writer => return end,
        end = reader => end,
    };
    if end == End::Overrun {
        return end;
    }
    if end == End::Bad {
        // The core answers over this connection before it closes.
        tokio::select! {
            _ = &mut writer => return end,
            () = clock::sleep(hub.limits.refusal_timeout) => {}
        }
    }
    // What waits, an answer to bad framing for one, still goes out; a peer that does not read cannot hold us up.
    queue.close();
    let drained = clock::within(hub.limits.drain_timeout, async {
        tokio::select! {
            () = queue.overrun() => {}
            _ = &mut writer => {}
        }
    });
    let _ = drained.await;
    end
}

/// Writes what is queued until the queue closes.
async fn write(hub: &Hub, queue: &Outgoing, mut writing: impl AsyncWrite + Unpin) -> End {
    loop {
        let batch = match queue.next().await {
            Next::Batch(batch) => batch,
            Next::Close(Closing::Overrun) => return End::Overrun,
            Next::Close(Closing::Gently) => {
                let _ = writing.shutdown().await;
                return End::Ours;
            }
        };
        let written = clock::within(hub.limits.message_timeout, async {
            writing.write_all(&batch).await?;
            writing.flush().await
        });
        match written.await {
            Ok(Ok(())) => queue.written(&batch),
            Ok(Err(_)) => return End::Peer,
            Err(_) => return End::Overrun,
        }
    }
}

/// Reads until the connection shall end.
async fn read(
    hub: &Hub,
    connection: &Connection,
    mut reading: impl AsyncRead + Unpin,
    local: SocketAddr,
) -> End {
    let source = Source {
        transport: connection.transport,
        remote: connection.remote,
        local,
        flow: connection.flow,
    };
    let side = if connection.accepted {
        Side::Accepted
    } else {
        Side::Opened
    };
    let mut parser = StreamParser::new(side);
    let mut buffer = BytesMut::with_capacity(READ_BYTES);
    let mut watch = Watch::new(hub, connection);
    let mut timer = pin!(tokio::time::sleep_until(watch.due().into()));
    loop {
        let length = tokio::select! {
            biased;
            read = reading.read_buf(&mut buffer) => match read {
                Ok(0) | Err(_) => return End::Peer,
                Ok(length) => length,
            },
            () = &mut timer => {
                if let Some(end) = watch.ring() {
                    return end;
                }
                timer.as_mut().reset(watch.due().into());
                continue;
            }
        };
        tracing::trace!(flow = connection.flow.0, length, "read");
        parser.push(&buffer);
        buffer.clear();
        let was_due = watch.due();
        let whole = match take(hub, connection, source, &mut parser).await {
            Ok(whole) => whole,
            Err(end) => return end,
        };
        // Time that the core took is not the peer's.
        watch.heard(parser.buffered() > 0, whole > 0);
        if watch.due() < was_due {
            timer.as_mut().reset(watch.due().into());
        }
    }
}

/// Hands on everything that the parser holds whole, and says how much that was.
async fn take(
    hub: &Hub,
    connection: &Connection,
    source: Source,
    parser: &mut StreamParser,
) -> Result<usize, End> {
    let mut whole = 0;
    loop {
        let frame = match parser.next() {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(whole),
            Err(error) => {
                Counts::add(&hub.counts.bad);
                tracing::debug!(flow = connection.flow.0, %error, "bad message");
                let told = hub.events.send(TransportEvent::Bad { source, error });
                told.await.map_err(|_| End::Shutdown)?;
                return Err(End::Bad);
            }
        };
        whole += 1;
        let event = match frame {
            Frame::Ping => {
                // RFC 5626 §4.4.1: "MUST … respond with a single CRLF". A full queue ends the connection by itself.
                let _ = connection.queue.push(Bytes::from_static(PONG), None);
                continue;
            }
            Frame::Pong => continue,
            Frame::Message(message) => {
                wire::received(&source, &message);
                TransportEvent::Message { source, message }
            }
        };
        Counts::add(&hub.counts.received);
        hub.events.send(event).await.map_err(|_| End::Shutdown)?;
    }
}

/// The timeouts of a connection, kept so that hearing something costs no timer.
pub(super) struct Watch<'a> {
    hub: &'a Hub,
    connection: &'a Connection,
    heard: Option<Instant>,
    since: Instant,
    message_began: Option<Instant>,
    pinged: Instant,
}

impl<'a> Watch<'a> {
    pub(super) fn new(hub: &'a Hub, connection: &'a Connection) -> Self {
        let now = clock::now();
        Self {
            hub,
            connection,
            heard: None,
            since: now,
            message_began: None,
            pinged: now,
        }
    }

    /// Something came. `midway`: a message has begun; `whole`: another one ended before it.
    pub(super) fn heard(&mut self, midway: bool, whole: bool) {
        let now = clock::now();
        self.heard = Some(now);
        let began = self.message_began.filter(|_| !whole).unwrap_or(now);
        self.message_began = midway.then_some(began);
    }

    /// When something is due at the earliest.
    pub(super) fn due(&self) -> Instant {
        let silent = self.silent_until();
        let slow = self
            .message_began
            .map(|began| began + self.hub.limits.message_timeout);
        let ping = (!self.connection.accepted).then(|| self.ping_at());
        [slow, ping]
            .into_iter()
            .flatten()
            .fold(silent, Instant::min)
    }

    /// Does what is due.
    pub(super) fn ring(&mut self) -> Option<End> {
        let now = clock::now();
        let limits = &self.hub.limits;
        let late = |began: Instant| now >= began + limits.message_timeout;
        if self.message_began.is_some_and(late) {
            return Some(End::Slow);
        }
        if !self.connection.accepted && now >= self.ping_at() {
            self.pinged = now;
            let _ = self.connection.queue.push(Bytes::from_static(PING), None);
        }
        if now >= self.silent_until() {
            if !self.connection.kept.load(Ordering::Relaxed) {
                return Some(End::Silent);
            }
            self.since = now;
            self.heard = self.heard.map(|_| now);
        }
        None
    }

    fn silent_until(&self) -> Instant {
        let limits = &self.hub.limits;
        match self.heard {
            Some(at) => at + limits.idle_timeout,
            // A connection that we opened may wait for its answer as long as for anything else.
            None if self.connection.accepted => self.since + limits.first_byte_timeout,
            None => self.since + limits.idle_timeout,
        }
    }

    fn ping_at(&self) -> Instant {
        let last = self
            .heard
            .map_or(self.pinged, |heard| heard.max(self.pinged));
        last + self.hub.limits.keepalive_interval
    }
}
