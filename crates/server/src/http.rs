//! The HTTP listeners, plain and under TLS: so many connections at once and no more, none that is silent for long, and none whose
//! requests trickle in.

mod guarded;
mod places;
mod proxies;
pub(crate) mod websocket;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::{BoxError, Router, middleware};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use runtime::clock;
use runtime::tasks::{Shutdown, Tasks};
use rustls::ServerConfig;
use tokio::net::TcpListener;

pub use guarded::Connection;
use guarded::Guarded;
pub(crate) use places::Places;
pub(crate) use proxies::Proxies;

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

/// Serves until the group is shut down; requests under way are still answered. All listeners share `places`.
pub(crate) fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    places: &Arc<Places>,
    proxies: &Proxies,
    router: Router,
    tasks: &Tasks,
) {
    let times = Times {
        head: HEAD_TIME_MAX,
        body: BODY_TIME_MAX,
    };
    let limited = Limited {
        listener,
        tls,
        places: places.clone(),
        proxies: proxies.clone(),
    };
    let listening = listen(limited, router, times, tasks.clone());
    tasks.spawn_vital("http", listening);
}

async fn listen(limited: Limited, router: Router, times: Times, tasks: Tasks) {
    let shutdown = tasks.shutdown_token().clone();
    let limit_body = move |request: Request| async move { in_time(request, times.body) };
    let router = router.layer(middleware::map_request(limit_body));
    while let Some((stream, remote)) = shutdown.unless_cancelled(limited.accept()).await {
        let (router, proxies) = (router.clone(), limited.proxies.clone());
        let served = serve_one(stream, router, proxies, times.head, shutdown.clone());
        tasks.spawn(format!("http {remote}"), served);
    }
}

/// Serves one connection until it ends, or becomes a WebSocket, which others serve.
async fn serve_one(
    stream: Guarded,
    router: Router,
    proxies: Proxies,
    head: Duration,
    shutdown: Shutdown,
) {
    let connection = stream.connection().clone();
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let origin = proxies.origin(connection.remote.ip(), connection.secure, request.headers());
        let told = api::Peer {
            address: origin.address,
            secure: origin.secure,
        };
        let extensions = request.extensions_mut();
        extensions.insert(told);
        extensions.insert(origin);
        extensions.insert(ConnectInfo(connection.clone()));
        router.call(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
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
    tls: Option<Arc<ServerConfig>>,
    places: Arc<Places>,
    proxies: Proxies,
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
}

#[cfg(test)]
mod tests {
    use axum::routing::post;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    const SHORT: Duration = Duration::from_millis(200);
    /// Longer than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn plain(listener: TcpListener) -> Limited {
        Limited {
            listener,
            tls: None,
            places: Arc::default(),
            proxies: Proxies::default(),
        }
    }

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
        tasks.spawn(
            "http",
            listen(plain(listener), router, times, tasks.clone()),
        );
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
        tasks.spawn(
            "http",
            listen(plain(listener), router, times, tasks.clone()),
        );
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let request = "POST / HTTP/1.1\r\nHost: convoke\r\nContent-Length: 5\r\n\r\nhello";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut heard = String::new();
        let read = clock::within(PATIENCE, stream.read_to_string(&mut heard)).await;
        read.expect("the end").unwrap();
        assert!(heard.starts_with("HTTP/1.1 200 ") && heard.ends_with("hello"));
        tasks.finish(PATIENCE).await.unwrap();
    }
}
