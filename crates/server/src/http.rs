//! The HTTP listeners, plain and under TLS: so many connections at once and no more, and none that is silent for long.

mod guarded;
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
use tokio::sync::Semaphore;

use guarded::{Guarded, Peer};

/// Most HTTP connections at once on one address, WebSockets not counted; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 1024;
/// After a failed accept (no file descriptors left) we wait, instead of failing again at once.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Serves until the group is shut down; requests under way are still answered.
pub(crate) fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
    tasks: &Tasks,
) {
    let shutdown = tasks.shutdown_token().clone();
    let limited = Limited {
        listener,
        tls,
        places: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
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
    places: Arc<Semaphore>,
}

impl Listener for Limited {
    type Io = Guarded;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guarded, SocketAddr) {
        loop {
            let Ok(place) = self.places.clone().acquire_owned().await else {
                // The semaphore is never closed.
                std::future::pending::<()>().await;
                continue;
            };
            match self.listener.accept().await {
                Ok((stream, remote)) => {
                    match Guarded::new(stream, self.tls.clone(), remote, place) {
                        Ok(guarded) => return (guarded, remote),
                        // It closed already.
                        Err(error) => tracing::debug!(%remote, %error, "lost"),
                    }
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
