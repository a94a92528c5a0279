//! The HTTP listeners, plain and under TLS: so many connections at once and no more, and none that is silent for long.

mod guarded;
mod places;
pub(crate) mod websocket;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use runtime::clock;
use runtime::tasks::Tasks;
use rustls::ServerConfig;
use tokio::net::TcpListener;

use guarded::{Guarded, Peer};
pub(crate) use places::Places;

/// After a failed accept (no file descriptors left) we wait, instead of failing again at once.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Serves until the group is shut down; requests under way are still answered. All listeners share `places`.
pub(crate) fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    places: &Arc<Places>,
    router: Router,
    tasks: &Tasks,
) {
    let shutdown = tasks.shutdown_token().clone();
    let limited = Limited {
        listener,
        tls,
        places: places.clone(),
    };
    tasks.spawn_vital("http", async move {
        let service = router.into_make_service_with_connect_info::<Peer>();
        let served = axum::serve(limited, service)
            .with_graceful_shutdown(async move { shutdown.cancelled().await });
        if let Err(error) = served.await {
            tracing::error!(%error, "HTTP ended");
        }
    });
}

struct Limited {
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    places: Arc<Places>,
}

impl Listener for Limited {
    type Io = Guarded;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guarded, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, remote)) => {
                    // An error is that of a connection already closed.
                    let Ok(local) = stream.local_addr() else {
                        continue;
                    };
                    let Some(place) = self.places.take(remote.ip(), local.ip()) else {
                        tracing::debug!(%remote, "HTTP connection refused, there are too many");
                        continue;
                    };
                    // Without it answers wait for acknowledgements; an error is that of a connection already closed.
                    let _ = stream.set_nodelay(true);
                    let guarded = Guarded::new(stream, self.tls.clone(), (remote, local), place);
                    return (guarded, remote);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept HTTP");
                    clock::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Limited>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Limited>) -> Self {
        stream.io().peer().clone()
    }
}
