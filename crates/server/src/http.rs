//! The HTTP listener: so many connections at once and no more, none that is silent for long, and none whose requests trickle in.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::{BoxError, Router, middleware};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use runtime::clock;
use runtime::tasks::{Shutdown, Tasks};
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
/// How long the head of a request may take from the moment that it may come: also how long a connection may wait for its next
/// request. Our own clients let go of theirs before, after `CLIENT_IDLE_MAX`.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);
/// How long our own HTTP clients keep a connection for their next request.
pub(crate) const CLIENT_IDLE_MAX: Duration = Duration::from_secs(20);
/// How long the body of a request may take.
const BODY_TIME_MAX: Duration = Duration::from_secs(30);
/// After a failed accept (no file descriptors left) we wait, instead of failing again at once.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// How long the parts of a request may take.
#[derive(Debug, Clone, Copy)]
struct Times {
    head: Duration,
    body: Duration,
}

/// Serves until the group is shut down; requests under way are still answered.
pub(crate) fn serve(listener: TcpListener, router: Router, tasks: &Tasks) {
    let times = Times {
        head: HEAD_TIME_MAX,
        body: BODY_TIME_MAX,
    };
    let listening = listen(listener, router, times, tasks.clone());
    tasks.spawn_vital("http", listening);
}

async fn listen(listener: TcpListener, router: Router, times: Times, tasks: Tasks) {
    let shutdown = tasks.shutdown_token().clone();
    let limit_body = move |request: Request| async move { in_time(request, times.body) };
    let router = router.layer(middleware::map_request(limit_body));
    let limited = Limited {
        listener,
        places: Arc::default(),
    };
    while let Some((stream, remote)) = shutdown.unless_cancelled(limited.accept()).await {
        let served = connection(stream, router.clone(), times.head, shutdown.clone());
        tasks.spawn(format!("http {remote}"), served);
    }
}

async fn connection(stream: Guarded, router: Router, head: Duration, shutdown: Shutdown) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = shutdown.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP connection broke");
    }
}

/// The request, whose body fails when it is not whole in time.
fn in_time(request: Request, limit: Duration) -> Request {
    request.map(|body| {
        if body.is_end_stream() {
            return body;
        }
        let over = Box::pin(clock::sleep(limit));
        Body::new(Timely { body, over })
    })
}

/// A body with an end of its time.
struct Timely {
    body: Body,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl HttpBody for Timely {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        // First of all the time: a body that trickles in always has something more.
        if self.over.as_mut().poll(cx).is_ready() {
            let late = io::Error::from(io::ErrorKind::TimedOut);
            return Poll::Ready(Some(Err(late.into())));
        }
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        frame.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
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

impl Limited {
    async fn accept(&self) -> (Guarded, SocketAddr) {
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
    use axum::routing::post;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const SHORT: Duration = Duration::from_millis(200);
    /// Longer than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// What a client hears that sends `head` and then a byte every now and then, until it is cut off.
    async fn trickle(head: &str, byte: &[u8]) -> String {
        let tasks = Tasks::new(Shutdown::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let taken = |body: Bytes| async move { body };
        let router = Router::new().route("/", post(taken));
        let times = Times {
            head: SHORT,
            body: SHORT,
        };
        tasks.spawn("http", listen(listener, router, times, tasks.clone()));
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut read, mut write) = stream.into_split();
        let byte = byte.to_vec();
        tasks.spawn("trickle", async move {
            while write.write_all(&byte).await.is_ok() {
                clock::sleep(SHORT / 10).await;
            }
        });
        let mut heard = Vec::new();
        // A connection that is cut off may end with an error.
        let _ = clock::within(PATIENCE, read.read_to_end(&mut heard))
            .await
            .expect("cut off");
        tasks.finish(PATIENCE).await.unwrap();
        String::from_utf8(heard).unwrap()
    }

    #[tokio::test]
    async fn requests_that_trickle_in_are_cut_off() {
        let head = "POST / HTTP/1.1\r\nHost: convoke\r\n";
        assert_eq!(trickle(head, b"X-Slow: 1\r\n").await, "");
        let heard = trickle(&format!("{head}Content-Length: 1000\r\n\r\n"), b"x").await;
        assert!(heard.starts_with("HTTP/1.1 400 "), "{heard}");
        let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
        let heard = trickle(&chunked, b"1\r\nx\r\n").await;
        assert!(heard.starts_with("HTTP/1.1 400 "), "{heard}");
    }

    #[tokio::test]
    async fn silence_between_requests_ends_a_connection_and_a_slow_answer_does_not() {
        let tasks = Tasks::new(Shutdown::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let slow = |body: Bytes| async move {
            clock::sleep(SHORT * 3).await;
            body
        };
        let router = Router::new().route("/", post(slow));
        let times = Times {
            head: SHORT,
            body: SHORT,
        };
        tasks.spawn("http", listen(listener, router, times, tasks.clone()));
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let request = "POST / HTTP/1.1\r\nHost: convoke\r\nContent-Length: 5\r\n\r\nhello";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut heard = String::new();
        let read = clock::within(PATIENCE, stream.read_to_string(&mut heard)).await;
        read.expect("the end").unwrap();
        assert!(heard.starts_with("HTTP/1.1 200 ") && heard.ends_with("hello"));
        tasks.finish(PATIENCE).await.unwrap();
    }

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
