//! SIP over WebSockets (RFC 7118): an HTTP server upgrades a connection to the subprotocol `sip` and hands its frames over.
//! From then on it is a connection like any other: found by its flow, counted, with the same budget and timeouts.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use sip_proto::{BODY_BYTES_MAX, HEAD_BYTES_MAX, Source, Transport};

use super::connection::{self, Connection, End, PONG, Watch};
use super::event::SendError;
use super::outgoing::{Closing, Next, Outgoing};
use super::table::Denied;
use super::{Counts, Hub, SipTransports, TransportEvent, frame, wire};
use crate::clock;

/// A frame, or a message put together of several, as far as SIP is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WsFrame {
    /// Text or binary: one whole SIP message, or a keep-alive of line ends (RFC 7118 §5).
    Data(Bytes),
    /// A ping. One that comes has been answered by whoever reads the frames.
    Ping,
    /// The answer to a ping.
    Pong,
    /// The end.
    Close,
}

/// Why a WebSocket is not let in: answer 503.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many connections")]
pub struct WsDenied;

/// A place among the connections, held while the upgrade is under way; dropping it gives it back.
pub struct WsPlace {
    hub: Arc<Hub>,
    connection: Arc<Connection>,
    local: SocketAddr,
    served: bool,
}

impl std::fmt::Debug for WsPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WsPlace")
            .field("flow", &self.connection.flow)
            .finish_non_exhaustive()
    }
}

impl SipTransports {
    /// The largest SIP message that a WebSocket may carry, in bytes; a larger one must end the connection while it is read.
    pub const WEBSOCKET_MESSAGE_MAX: usize = HEAD_BYTES_MAX + BODY_BYTES_MAX;

    /// Asks for a place for a WebSocket that is about to be accepted. `transport` is `Ws` or `Wss`.
    ///
    /// # Errors
    /// When as many connections are open as may be, in all or from this address.
    pub fn admit_websocket(
        &self,
        transport: Transport,
        remote: SocketAddr,
        local: SocketAddr,
    ) -> Result<WsPlace, WsDenied> {
        let hub = self.hub.clone();
        let budget_bytes = hub.limits.write_budget_bytes;
        match hub.table.enter_accepted(transport, remote, budget_bytes) {
            Ok(connection) => Ok(WsPlace {
                hub,
                connection,
                local,
                served: false,
            }),
            Err(denied) => {
                let _: Denied = denied;
                Counts::add(&hub.counts.refused);
                tracing::info!(peer = %remote, %denied, "WebSocket refused");
                Err(WsDenied)
            }
        }
    }
}

impl WsPlace {
    /// Serves the upgraded connection in a task of the transports, until it ends.
    pub fn serve<R, W, E>(mut self, reading: R, writing: W)
    where
        R: Stream<Item = Result<WsFrame, E>> + Send + 'static,
        W: Sink<WsFrame> + Send + 'static,
        E: Send,
    {
        self.served = true;
        let (hub, connection, local) = (self.hub.clone(), self.connection.clone(), self.local);
        let name = format!("sip {}", connection.flow.0);
        self.hub.tasks.spawn(name, async move {
            let (flow, peer) = (connection.flow.0, connection.remote);
            tracing::debug!(flow, %peer, transport = %connection.transport, "open");
            let writer = write(&hub, &connection.queue, writing);
            let reader = read(&hub, &connection, reading, local);
            let end = connection::run_halves(&hub, &connection, writer, reader).await;
            tracing::debug!(flow, %peer, ?end, "closed");
            let error = match end {
                End::Overrun => SendError::Overrun,
                _ => SendError::Closed,
            };
            connection::account(&hub, &connection, true, error).await;
        });
    }
}

impl Drop for WsPlace {
    fn drop(&mut self) {
        if !self.served {
            self.hub.table.leave(&self.connection);
        }
    }
}

/// Writes what is queued, each message a frame, and pings, until the queue closes.
async fn write(hub: &Hub, queue: &Outgoing, writing: impl Sink<WsFrame>) -> End {
    let mut writing = pin!(writing);
    let limits = &hub.limits;
    let ping_after = || clock::now() + limits.websocket_ping_interval;
    let mut ping = pin!(tokio::time::sleep_until(ping_after().into()));
    loop {
        let (frame, batch) = tokio::select! {
            biased;
            () = &mut ping => {
                ping.as_mut().reset(ping_after().into());
                (WsFrame::Ping, None)
            }
            next = queue.next() => match next {
                Next::Batch(batch) => (WsFrame::Data(batch.clone()), Some(batch)),
                Next::Close(Closing::Overrun) => return End::Overrun,
                Next::Close(Closing::Gently) => {
                    let _ = writing.send(WsFrame::Close).await;
                    let _ = writing.close().await;
                    return End::Ours;
                }
            },
        };
        match clock::within(limits.message_timeout, writing.send(frame)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return End::Peer,
            Err(_) => return End::Overrun,
        }
        if let Some(batch) = batch {
            queue.written(&batch);
        }
    }
}

/// Reads until the connection shall end.
async fn read<E>(
    hub: &Hub,
    connection: &Connection,
    reading: impl Stream<Item = Result<WsFrame, E>>,
    local: SocketAddr,
) -> End {
    let source = Source {
        transport: connection.transport,
        remote: connection.remote,
        local,
        flow: connection.flow,
    };
    let mut reading = pin!(reading);
    let mut watch = Watch::new(hub, connection);
    let alive_until = || clock::now() + hub.limits.websocket_silence_timeout;
    let mut alive = alive_until();
    let due = |watch: &Watch<'_>, alive: Instant| watch.due().min(alive).into();
    let mut timer = pin!(tokio::time::sleep_until(due(&watch, alive)));
    loop {
        let frame = tokio::select! {
            biased;
            frame = reading.next() => frame,
            () = &mut timer => {
                if clock::now() >= alive {
                    return End::Silent;
                }
                if let Some(end) = watch.ring() {
                    return end;
                }
                timer.as_mut().reset(due(&watch, alive));
                continue;
            }
        };
        match frame {
            Some(Ok(WsFrame::Data(bytes))) => {
                if let Err(end) = take(hub, connection, source, bytes).await {
                    return end;
                }
                // Pongs do not count here: a page that only holds the connection open is idle.
                watch.heard(false, true);
            }
            Some(Ok(WsFrame::Ping | WsFrame::Pong)) => {}
            Some(Ok(WsFrame::Close) | Err(_)) | None => return End::Peer,
        }
        // Time that the core took is not the peer's. The timer is never late: it is set anew when it comes up.
        alive = alive_until();
    }
}

/// Hands on one frame's message.
async fn take(hub: &Hub, connection: &Connection, source: Source, bytes: Bytes) -> Result<(), End> {
    let is_ping = bytes.len() >= 4;
    let event = match frame::datagram(bytes) {
        Ok(Some(message)) => {
            wire::received(&source, &message);
            Counts::add(&hub.counts.received);
            TransportEvent::Message { source, message }
        }
        Ok(None) => {
            if is_ping {
                // RFC 5626 §4.4.1, as on streams. A full queue ends the connection by itself.
                let _ = connection.queue.push(Bytes::from_static(PONG), None);
            }
            return Ok(());
        }
        Err(error) => {
            Counts::add(&hub.counts.bad);
            tracing::debug!(flow = connection.flow.0, %error, "bad message");
            // The frames still tell where the next message begins, so what can be answered ends nothing.
            let hopeless = error
                .message()
                .is_none_or(|message| message.top_via().is_err());
            let told = hub.events.send(TransportEvent::Bad { source, error }).await;
            told.map_err(|_| End::Shutdown)?;
            return if hopeless { Err(End::Bad) } else { Ok(()) };
        }
    };
    hub.events.send(event).await.map_err(|_| End::Shutdown)
}
