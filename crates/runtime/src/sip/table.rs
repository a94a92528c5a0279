//! Which connections there are, found by flow and by where they lead, and counted against the limits.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use sip_proto::flow::counted_as;
use sip_proto::{FlowId, Target, Transport};

use super::connection::Connection;

/// Why a connection is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Denied {
    #[error("the table of connections is full")]
    Full,
    #[error("too many connections from this address")]
    FullForAddress,
}

/// Where a connection leads; TLS connections are shared only under the name that was verified.
type Peer = (Transport, SocketAddr, Option<String>);

pub(super) struct Table {
    inner: Mutex<Inner>,
    connections_max: usize,
    per_ip_max: usize,
}

struct Inner {
    next_flow: u64,
    by_flow: HashMap<FlowId, Arc<Connection>>,
    by_peer: HashMap<Peer, FlowId>,
    accepted_per_ip: HashMap<IpAddr, usize>,
    count: usize,
}

impl Table {
    pub(super) fn new(next_flow: u64, connections_max: usize, per_ip_max: usize) -> Self {
        Self {
            inner: Mutex::new(Inner {
                next_flow,
                by_flow: HashMap::new(),
                by_peer: HashMap::new(),
                accepted_per_ip: HashMap::new(),
                count: 0,
            }),
            connections_max,
            per_ip_max,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().count
    }

    pub(super) fn by_flow(&self, flow: FlowId) -> Option<Arc<Connection>> {
        self.lock().by_flow.get(&flow).cloned()
    }

    pub(super) fn by_target(&self, target: &Target) -> Option<Arc<Connection>> {
        let peer = (target.transport, target.addr, target.server_name.clone());
        let inner = self.lock();
        let flow = inner.by_peer.get(&peer)?;
        inner.by_flow.get(flow).cloned()
    }

    /// Enters a connection that was accepted. TCP connections can be found by their peer's address; TLS ones cannot, since
    /// nobody has verified who that is.
    pub(super) fn enter_accepted(
        &self,
        transport: Transport,
        remote: SocketAddr,
        budget_bytes: usize,
    ) -> Result<Arc<Connection>, Denied> {
        let mut inner = self.lock();
        if inner.count >= self.connections_max {
            return Err(Denied::Full);
        }
        let ip = counted_as(remote.ip());
        let from_ip = inner.accepted_per_ip.entry(ip).or_default();
        if *from_ip >= self.per_ip_max {
            return Err(Denied::FullForAddress);
        }
        *from_ip += 1;
        let peer = (transport == Transport::Tcp).then_some((transport, remote, None));
        Ok(inner.enter(transport, remote, peer, true, budget_bytes))
    }

    /// Enters a connection that is to be opened; messages may be queued on it at once.
    pub(super) fn enter_outgoing(
        &self,
        target: &Target,
        budget_bytes: usize,
    ) -> Result<Arc<Connection>, Denied> {
        let mut inner = self.lock();
        if inner.count >= self.connections_max {
            return Err(Denied::Full);
        }
        let peer = (target.transport, target.addr, target.server_name.clone());
        Ok(inner.enter(
            target.transport,
            target.addr,
            Some(peer),
            false,
            budget_bytes,
        ))
    }

    /// The connection can no longer be found, but still counts.
    pub(super) fn retire(&self, connection: &Connection) {
        let mut inner = self.lock();
        inner.by_flow.remove(&connection.flow);
        if let Some(peer) = &connection.peer
            && inner.by_peer.get(peer) == Some(&connection.flow)
        {
            inner.by_peer.remove(peer);
        }
    }

    /// The connection counts no more. Once for each that was entered.
    pub(super) fn leave(&self, connection: &Connection) {
        self.retire(connection);
        let mut inner = self.lock();
        inner.count = inner.count.saturating_sub(1);
        if connection.accepted {
            let ip = counted_as(connection.remote.ip());
            if let Some(count) = inner.accepted_per_ip.get_mut(&ip) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    inner.accepted_per_ip.remove(&ip);
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn enter(
        &mut self,
        transport: Transport,
        remote: SocketAddr,
        peer: Option<Peer>,
        accepted: bool,
        budget_bytes: usize,
    ) -> Arc<Connection> {
        let flow = FlowId(self.next_flow);
        self.next_flow += 1;
        self.count += 1;
        let connection = Arc::new(Connection::new(
            flow,
            transport,
            remote,
            peer.clone(),
            accepted,
            budget_bytes,
        ));
        self.by_flow.insert(flow, connection.clone());
        if let Some(peer) = peer {
            self.by_peer.insert(peer, flow);
        }
        connection
    }
}
