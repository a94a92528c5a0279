//! Taking connections in.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use sip_proto::Transport;
use tokio::net::TcpListener;

use super::connection::{self, Opening};
use super::{Counts, Hub};
use crate::clock;

/// After a failed accept (no file descriptors left) we wait, instead of failing again at once.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Accepts until the shutdown. TLS handshakes run in each connection's own task.
pub(super) async fn accept(hub: Arc<Hub>, listener: TcpListener, tls: Option<Arc<ServerConfig>>) {
    let transport = match tls {
        Some(_) => Transport::Tls,
        None => Transport::Tcp,
    };
    let shutdown = hub.tasks.shutdown_token().clone();
    while let Some(accepted) = shutdown.unless_cancelled(listener.accept()).await {
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                clock::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let budget_bytes = hub.limits.write_budget_bytes;
        match hub.table.enter_accepted(transport, remote, budget_bytes) {
            Ok(connection) => {
                let opening = Opening::Accepted {
                    stream,
                    tls: tls.clone(),
                };
                let name = format!("sip {}", connection.flow.0);
                let served = connection::serve(hub.clone(), connection, opening);
                hub.tasks.spawn(name, served);
            }
            Err(denied) => {
                Counts::add(&hub.counts.refused);
                tracing::info!(peer = %remote, %denied, "connection refused");
            }
        }
    }
}
