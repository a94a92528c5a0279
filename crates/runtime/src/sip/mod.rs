//! SIP's transports (RFC 3261 §18): UDP sockets, TCP and TLS connections, in and out, and WebSockets that an HTTP server
//! accepted (RFC 7118). They frame and parse; what a message means is for the core behind them.
//!
//! Nothing that a caller does here waits: every connection has its own queue with a budget in bytes and its own task, so a
//! peer that stops reading loses its connection and slows nobody. The one queue towards the core is bounded too: while it
//! is full, connections are not read (their peers feel TCP's backpressure) and datagrams wait in the kernel, but writing goes on.

mod accept;
mod connection;
mod event;
mod frame;
mod outgoing;
mod table;
mod udp;
mod websocket;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rustls::{ClientConfig, ServerConfig};
use sip_proto::{FlowId, Target, Transport};
use tokio::net::TcpListener;

use crate::tasks::Tasks;

pub use event::{SendError, SendToken, TransportEvent, TransportEvents};
pub use websocket::{WsDenied, WsFrame, WsPlace};

use connection::{Connection, Opening};
use event::{EventSender, event_queue};
use table::{Denied, Table};
use udp::UdpPort;

/// Bounds of the transports. The defaults suit a server on the open network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most connections at once, in both directions.
    pub connections_max: usize,
    /// Most connections accepted from one IP address (IPv6: one /64).
    pub connections_per_ip_max: usize,
    /// Bytes that may wait to be written to one connection; over it the connection is closed.
    pub write_budget_bytes: usize,
    /// Datagrams that may wait for one socket; over it they are dropped and reported as not sent.
    pub datagrams_waiting_max: usize,
    /// Events that may wait for the core; over it nothing more is read.
    pub events_max: usize,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long an accepted connection may say nothing at all.
    pub first_byte_timeout: Duration,
    /// How long a message may take from its first byte to its last.
    pub message_timeout: Duration,
    /// How long a connection may be silent, unless it is kept.
    pub idle_timeout: Duration,
    /// After this silence a connection that we opened gets a CRLF CRLF (RFC 5626 §3.5.1: between 95 and 120 s for streams).
    pub keepalive_interval: Duration,
    /// How long a stream that holds no SIP stays open for the answer.
    pub refusal_timeout: Duration,
    /// How long a connection that is closed on purpose may take to write what waits.
    pub drain_timeout: Duration,
    /// How often a WebSocket gets a ping (RFC 6455 §5.5.2): browsers answer by themselves, so that a tab that has gone is noticed.
    pub websocket_ping_interval: Duration,
    /// How long a WebSocket may answer no ping and send nothing.
    pub websocket_silence_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 20_000,
            connections_per_ip_max: 1_000,
            write_budget_bytes: 1024 * 1024,
            datagrams_waiting_max: 1024,
            events_max: 4096,
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            first_byte_timeout: Duration::from_secs(30),
            message_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(600),
            keepalive_interval: Duration::from_secs(95),
            refusal_timeout: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(2),
            websocket_ping_interval: Duration::from_secs(30),
            websocket_silence_timeout: Duration::from_secs(75),
        }
    }
}

/// An address to listen on; port 0 lets the system choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Listener {
    /// UDP, TCP or TLS.
    pub transport: Transport,
    /// Where.
    pub addr: SocketAddr,
}

/// What to open.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Addresses to listen on. To send by UDP there has to be a UDP listener.
    pub listeners: Vec<Listener>,
    /// For TLS listeners: our certificate.
    pub tls_server: Option<Arc<ServerConfig>>,
    /// For connecting by TLS: whom we trust.
    pub tls_client: Option<Arc<ClientConfig>>,
    /// Bounds.
    pub limits: Limits,
}

/// Why the transports could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// An address cannot be listened on.
    #[error("cannot listen on {}/{}: {error}", listener.addr, listener.transport)]
    Address {
        /// Which.
        listener: Listener,
        /// Why not.
        error: io::Error,
    },
    /// WebSockets come in through an HTTP server: `SipTransports::admit_websocket`.
    #[error("cannot listen on {addr}: a WebSocket needs an HTTP server", addr = .0)]
    WebSocket(SocketAddr),
    /// A TLS listener without a certificate.
    #[error("cannot listen on {addr}/tls: no certificate is configured", addr = .0)]
    NoCertificate(SocketAddr),
}

/// One bound address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bound {
    /// UDP, TCP or TLS.
    pub transport: Transport,
    /// The address with the port that it really has.
    pub addr: SocketAddr,
    /// For UDP: the flow that sends from this socket.
    pub flow: Option<FlowId>,
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections that are open or being opened.
    pub connections: usize,
    /// Messages that were read whole.
    pub received: u64,
    /// Messages that were taken for sending.
    pub sent: u64,
    /// Connections that were refused for a limit.
    pub refused: u64,
    /// Connections that were closed because their peer did not read.
    pub overrun: u64,
    /// What could not be read as SIP.
    pub bad: u64,
    /// Datagrams that found their socket's queue full.
    pub datagrams_dropped: u64,
}

/// The open transports. Clones are one.
#[derive(Clone)]
pub struct SipTransports {
    hub: Arc<Hub>,
}

impl std::fmt::Debug for SipTransports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SipTransports")
            .field("bound", &self.hub.bound)
            .finish_non_exhaustive()
    }
}

/// What all tasks of the transports share.
struct Hub {
    limits: Limits,
    events: EventSender,
    table: Table,
    udp: Vec<Arc<UdpPort>>,
    bound: Vec<Bound>,
    tls_client: Option<Arc<ClientConfig>>,
    tasks: Tasks,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    received: AtomicU64,
    sent: AtomicU64,
    refused: AtomicU64,
    overrun: AtomicU64,
    bad: AtomicU64,
    datagrams_dropped: AtomicU64,
}

impl Counts {
    fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl SipTransports {
    /// Opens all listeners, or none. Their tasks belong to `tasks` and end with it: what waits is still written, within
    /// `Limits::drain_timeout`.
    pub async fn bind(config: Config, tasks: &Tasks) -> Result<(Self, TransportEvents), BindError> {
        let flows = AtomicU64::new(1);
        let mut udp = Vec::new();
        let mut streams = Vec::new();
        let mut bound = Vec::new();
        for listener in config.listeners {
            let failed = |error| BindError::Address { listener, error };
            let transport = listener.transport;
            match transport {
                Transport::Udp => {
                    let flow = FlowId(flows.fetch_add(1, Ordering::Relaxed));
                    let waiting_max = config.limits.datagrams_waiting_max;
                    let port = UdpPort::bind(listener.addr, flow, waiting_max).map_err(failed)?;
                    bound.push(Bound {
                        transport,
                        addr: port.local(),
                        flow: Some(flow),
                    });
                    udp.push(Arc::new(port));
                }
                Transport::Tcp | Transport::Tls => {
                    let acceptor = match (transport, &config.tls_server) {
                        (Transport::Tls, None) => {
                            return Err(BindError::NoCertificate(listener.addr));
                        }
                        (Transport::Tls, Some(tls)) => Some(tls.clone()),
                        (_, _) => None,
                    };
                    let socket = TcpListener::bind(listener.addr).await.map_err(failed)?;
                    bound.push(Bound {
                        transport,
                        addr: socket.local_addr().map_err(failed)?,
                        flow: None,
                    });
                    streams.push((socket, acceptor));
                }
                Transport::Ws | Transport::Wss => {
                    return Err(BindError::WebSocket(listener.addr));
                }
            }
        }
        let (events, receiver) = event_queue(config.limits.events_max);
        let hub = Arc::new(Hub {
            limits: config.limits,
            events,
            table: Table::new(
                flows.into_inner(),
                config.limits.connections_max,
                config.limits.connections_per_ip_max,
            ),
            udp,
            bound,
            tls_client: config.tls_client,
            tasks: tasks.clone(),
            counts: Counts::default(),
        });
        for port in &hub.udp {
            let name = format!("sip udp {}", port.local());
            tasks.spawn_vital(name.clone(), udp::receive(hub.clone(), port.clone()));
            tasks.spawn_vital(name + " send", udp::send_waiting(hub.clone(), port.clone()));
        }
        for (socket, tls) in streams {
            let name = format!("sip listener {:?}", socket.local_addr().ok());
            tasks.spawn_vital(name, accept::accept(hub.clone(), socket, tls));
        }
        Ok((Self { hub }, receiver))
    }

    /// What is listened on, in the order of the configuration.
    pub fn bound(&self) -> &[Bound] {
        &self.hub.bound
    }

    /// The first bound address of a transport.
    pub fn local(&self, transport: Transport) -> Option<SocketAddr> {
        let mut bound = self.hub.bound.iter();
        bound
            .find(|bound| bound.transport == transport)
            .map(|bound| bound.addr)
    }

    /// Sends one message. Never waits. Over an open flow where the target names one, otherwise over the connection that is
    /// open to this address (and name), otherwise over a new one. When it turns out that the message was not sent and `token`
    /// is there, `TransportEvent::SendFailed` tells; a message that was written may still be lost on the way.
    pub fn send(&self, target: &Target, bytes: Bytes, token: Option<SendToken>) {
        Counts::add(&self.hub.counts.sent);
        let result = match target.transport {
            Transport::Udp => self.hub.send_datagram(target, bytes, token),
            _ => self.hub.send_stream(target, bytes, token),
        };
        if let Err(error) = result {
            self.hub.events.send_failed(token, error);
        }
    }

    /// Exempts a connection from the idle timeout, or makes it subject to it again: for flows that somebody is registered on.
    pub fn keep(&self, flow: FlowId, kept: bool) {
        if let Some(connection) = self.hub.table.by_flow(flow) {
            connection.keep(kept);
        }
    }

    /// Closes a connection after what waits is written.
    pub fn close(&self, flow: FlowId) {
        if let Some(connection) = self.hub.table.by_flow(flow) {
            connection.queue.close();
        }
    }

    /// Counts since the start.
    pub fn stats(&self) -> Stats {
        let counts = &self.hub.counts;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            connections: self.hub.table.len(),
            received: read(&counts.received),
            sent: read(&counts.sent),
            refused: read(&counts.refused),
            overrun: read(&counts.overrun),
            bad: read(&counts.bad),
            datagrams_dropped: read(&counts.datagrams_dropped),
        }
    }
}

impl Hub {
    fn send_datagram(
        &self,
        target: &Target,
        bytes: Bytes,
        token: Option<SendToken>,
    ) -> Result<(), SendError> {
        let named = target
            .flow
            .and_then(|flow| self.udp.iter().find(|port| port.flow() == flow));
        let port = named
            .or_else(|| udp::best_port(&self.udp, target.addr.ip()))
            .ok_or(SendError::NoSocket)?;
        let sent = port.send(target.addr, bytes, token);
        if sent == Err(SendError::Overrun) {
            Counts::add(&self.counts.datagrams_dropped);
        }
        sent
    }

    fn send_stream(
        self: &Arc<Self>,
        target: &Target,
        bytes: Bytes,
        token: Option<SendToken>,
    ) -> Result<(), SendError> {
        let open = target
            .flow
            .and_then(|flow| self.table.by_flow(flow))
            .or_else(|| self.table.by_target(target))
            .filter(|connection| !connection.queue.is_closed());
        let connection = match open {
            Some(connection) => connection,
            None => self.connect(target)?,
        };
        let pushed = connection.queue.push(bytes, token);
        if pushed == Err(SendError::Overrun) {
            Counts::add(&self.counts.overrun);
            let flow = connection.flow.0;
            tracing::info!(flow, peer = %connection.remote, "closed, the peer does not read");
        }
        pushed
    }

    /// Enters a connection into the table and starts the task that opens and serves it.
    fn connect(self: &Arc<Self>, target: &Target) -> Result<Arc<Connection>, SendError> {
        let tls = match target.transport {
            Transport::Tls => Some(self.tls_client.clone().ok_or(SendError::NoTls)?),
            Transport::Udp | Transport::Tcp => None,
            // RFC 7118 §5: only clients open WebSockets; theirs is gone.
            Transport::Ws | Transport::Wss => return Err(SendError::Closed),
        };
        let connection = self
            .table
            .enter_outgoing(target, self.limits.write_budget_bytes)
            .map_err(|denied: Denied| {
                Counts::add(&self.counts.refused);
                tracing::warn!(peer = %target.addr, %denied, "not connected");
                SendError::TooMany
            })?;
        let opening = Opening::Connect {
            tls,
            server_name: target.server_name.clone(),
        };
        let name = format!("sip {}", connection.flow.0);
        let served = connection::serve(self.clone(), connection.clone(), opening);
        self.tasks.spawn(name, served);
        Ok(connection)
    }
}
