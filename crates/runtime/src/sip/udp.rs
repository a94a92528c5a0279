//! One UDP socket: received in batches, sent at once, with a bounded queue for when the kernel's buffer is full.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sip_proto::{FlowId, Source, Transport};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::Notify;

use super::event::{SendError, SendToken};
use super::{Counts, Hub, TransportEvent, frame, wire};

/// Largest datagram (RFC 768: 65,535 less the headers).
const DATAGRAM_MAX_BYTES: usize = 65_507;
/// Kernel buffer that we ask for in each direction; the system may give less.
const KERNEL_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Datagrams taken from the socket before other tasks get their turn.
const BATCH: usize = 64;

/// What waits: to whom, what, and the sender's mark.
type Datagram = (SocketAddr, Bytes, Option<SendToken>);

pub(super) struct UdpPort {
    socket: UdpSocket,
    local: SocketAddr,
    flow: FlowId,
    waiting: Mutex<VecDeque<Datagram>>,
    some_wait: Notify,
    waiting_max: usize,
}

impl UdpPort {
    pub(super) fn bind(addr: SocketAddr, flow: FlowId, waiting_max: usize) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
        if addr.is_ipv6() {
            // IPv4 has listeners of its own; a socket for both would show mapped addresses.
            socket.set_only_v6(true)?;
        }
        socket.set_recv_buffer_size(KERNEL_BUFFER_BYTES)?;
        socket.set_send_buffer_size(KERNEL_BUFFER_BYTES)?;
        socket.set_nonblocking(true)?;
        socket.bind(&addr.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        Ok(Self {
            local: socket.local_addr()?,
            socket,
            flow,
            waiting: Mutex::default(),
            some_wait: Notify::new(),
            waiting_max,
        })
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(super) fn flow(&self) -> FlowId {
        self.flow
    }

    /// Sends now if nothing waits and the kernel takes it; otherwise queues.
    pub(super) fn send(
        &self,
        to: SocketAddr,
        bytes: Bytes,
        token: Option<SendToken>,
    ) -> Result<(), SendError> {
        if bytes.len() > DATAGRAM_MAX_BYTES {
            return Err(SendError::TooLarge);
        }
        let mut waiting = self.lock();
        if waiting.is_empty() {
            match self.socket.try_send_to(&bytes, to) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    tracing::debug!(%to, %error, "datagram refused");
                    return Err(SendError::Datagram);
                }
            }
        }
        if waiting.len() >= self.waiting_max {
            return Err(SendError::Overrun);
        }
        waiting.push_back((to, bytes, token));
        drop(waiting);
        self.some_wait.notify_one();
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Datagram>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The socket to reach an address from: of its family, and on the loopback exactly if the address is.
pub(super) fn best_port(ports: &[Arc<UdpPort>], to: IpAddr) -> Option<&Arc<UdpPort>> {
    let fits = |port: &&Arc<UdpPort>| port.local.is_ipv4() == to.is_ipv4();
    let exact = |port: &&Arc<UdpPort>| {
        let ip = port.local.ip();
        ip.is_unspecified() || ip.is_loopback() == to.is_loopback()
    };
    let of_family = ports.iter().filter(fits);
    of_family
        .clone()
        .find(exact)
        .or_else(|| of_family.clone().next())
}

/// Receives until the shutdown. While the core's queue is full, datagrams wait in the kernel, which drops what does not fit;
/// SIP over UDP retransmits.
pub(super) async fn receive(hub: Arc<Hub>, port: Arc<UdpPort>) {
    let shutdown = hub.tasks.shutdown_token().clone();
    let receiving = async {
        let mut buffer = vec![0; DATAGRAM_MAX_BYTES];
        loop {
            if let Err(error) = port.socket.readable().await {
                tracing::error!(%error, local = %port.local, "cannot receive");
                return;
            }
            for _ in 0..BATCH {
                let (length, remote) = match port.socket.try_recv_from(&mut buffer) {
                    Ok(received) => received,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // An ICMP error of an earlier datagram, reported here on some systems.
                    Err(error) => {
                        tracing::debug!(%error, local = %port.local, "receive");
                        continue;
                    }
                };
                let datagram = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
                if received(&hub, &port, remote, datagram).await.is_err() {
                    return;
                }
            }
            tokio::task::yield_now().await;
        }
    };
    shutdown.unless_cancelled(receiving).await;
}

async fn received(
    hub: &Hub,
    port: &UdpPort,
    remote: SocketAddr,
    datagram: Bytes,
) -> Result<(), super::event::Gone> {
    let source = Source {
        transport: Transport::Udp,
        remote,
        local: port.local,
        flow: port.flow,
    };
    let event = match frame::datagram(datagram) {
        Ok(None) => return Ok(()),
        Ok(Some(message)) => {
            Counts::add(&hub.counts.received);
            wire::received(&source, &message);
            TransportEvent::Message { source, message }
        }
        Err(error) => {
            Counts::add(&hub.counts.bad);
            tracing::debug!(peer = %remote, %error, "bad datagram");
            TransportEvent::Bad { source, error }
        }
    };
    hub.events.send(event).await
}

/// Sends what found the kernel's buffer full.
pub(super) async fn send_waiting(hub: Arc<Hub>, port: Arc<UdpPort>) {
    let shutdown = hub.tasks.shutdown_token().clone();
    let sending = async {
        loop {
            let Some((to, bytes, token)) = port.lock().front().cloned() else {
                port.some_wait.notified().await;
                continue;
            };
            let sent = port.socket.send_to(&bytes, to).await;
            // Only this task takes away from the front.
            port.lock().pop_front();
            if let Err(error) = sent {
                tracing::debug!(%to, %error, "datagram refused");
                hub.events.send_failed(token, SendError::Datagram);
            }
        }
    };
    shutdown.unless_cancelled(sending).await;
}
