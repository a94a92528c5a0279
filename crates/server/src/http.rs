//! The HTTP listener: so many connections at once and no more, and none that is silent for long.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use runtime::clock;
use runtime::tasks::Tasks;
use sip_proto::flow::counted_as;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// Most HTTP connections at once from other machines; further ones are closed.
const CONNECTIONS_MAX: usize = 1024;
/// Most of them from one address (IPv6: one /64).
const CONNECTIONS_PER_ADDRESS_MAX: usize = 128;
/// Most HTTP connections at once from this machine: gateway and conference service talk over them, whatever others do.
const LOCAL_CONNECTIONS_MAX: usize = 1024;
/// How long a connection may neither read nor write: longer than the longest `get` waits.
const SILENCE_MAX: Duration = Duration::from_secs(75);
/// After a failed accept (no file descriptors left) we wait, instead of failing again at once.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Serves until the group is shut down; requests under way are still answered.
pub(crate) fn serve(listener: TcpListener, router: Router, tasks: &Tasks) {
    let shutdown = tasks.shutdown_token().clone();
    let limited = Limited {
        listener,
        places: Arc::default(),
    };
    tasks.spawn_vital("http", async move {
        let served = axum::serve(limited, router)
            .with_graceful_shutdown(async move { shutdown.cancelled().await });
        if let Err(error) = served.await {
            tracing::error!(%error, "HTTP ended");
        }
    });
}

struct Limited {
    listener: TcpListener,
    places: Arc<Places>,
}

/// How many connections there are.
#[derive(Default)]
struct Places {
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    local: usize,
    others: usize,
    per_address: HashMap<IpAddr, usize>,
}

/// A connection's place, given back when it is dropped.
struct Place {
    places: Arc<Places>,
    /// `None`: this machine.
    address: Option<IpAddr>,
}

impl Places {
    /// A place for who connects from `remote` to our address `local`; `None` when there are too many.
    fn take(self: &Arc<Self>, remote: IpAddr, local: IpAddr) -> Option<Place> {
        let from_here = remote.to_canonical().is_loopback() || remote == local;
        let address = (!from_here).then(|| counted_as(remote));
        let mut taken = self.lock();
        match address {
            None if taken.local >= LOCAL_CONNECTIONS_MAX => return None,
            None => taken.local += 1,
            Some(address) => {
                let from_there = taken.per_address.get(&address).copied().unwrap_or(0);
                if taken.others >= CONNECTIONS_MAX || from_there >= CONNECTIONS_PER_ADDRESS_MAX {
                    return None;
                }
                taken.others += 1;
                taken.per_address.insert(address, from_there + 1);
            }
        }
        Some(Place {
            places: self.clone(),
            address,
        })
    }

    /// A poisoned lock only means that a task panicked while it held it; counts are valid between any two statements.
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        let Some(address) = self.address else {
            taken.local = taken.local.saturating_sub(1);
            return;
        };
        taken.others = taken.others.saturating_sub(1);
        if let Some(count) = taken.per_address.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.per_address.remove(&address);
            }
        }
    }
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
                    return (Guarded::new(stream, place), remote);
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

/// A connection that holds its place and fails when it is silent for too long.
struct Guarded {
    stream: TcpStream,
    silence: Pin<Box<dyn Future<Output = ()> + Send>>,
    _place: Place,
}

impl Guarded {
    fn new(stream: TcpStream, place: Place) -> Self {
        Self {
            stream,
            silence: Box::pin(clock::sleep(SILENCE_MAX)),
            _place: place,
        }
    }

    fn heard<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
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

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.heard(cx, poll)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.heard(cx, poll)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.heard(cx, poll)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_places_and_this_machine_has_its_own() {
        let places: Arc<Places> = Arc::default();
        let ours: IpAddr = "192.0.2.1".parse().unwrap();
        let take = |remote: IpAddr| places.take(remote, ours);
        let greedy: IpAddr = "2001:db8::1".parse().unwrap();
        let mut held: Vec<Place> = std::iter::from_fn(|| take(greedy)).collect();
        assert_eq!(held.len(), CONNECTIONS_PER_ADDRESS_MAX);
        for n in 0..=u8::MAX {
            let another = IpAddr::from([198, 51, 100, n]);
            held.extend(std::iter::from_fn(|| take(another)));
        }
        assert_eq!(held.len(), CONNECTIONS_MAX);
        let here: Vec<Place> = ["127.0.0.1", "::1", "192.0.2.1"]
            .iter()
            .filter_map(|ip| take(ip.parse().unwrap()))
            .collect();
        assert_eq!(here.len(), 3);
        drop(held);
        assert!(places.lock().per_address.is_empty());
        assert!(take(greedy).is_some());
    }
}
