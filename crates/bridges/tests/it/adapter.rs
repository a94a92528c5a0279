//! The adapter over real sockets: those who command it, and a Janus that hangs.

use std::time::Duration;

use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::WebSocket;
use axum::routing::any;
use bridges::adapter::{self, AdapterConfig};
use bridges::janus::{SUBPROTOCOL, Settings};
use runtime::clock;
use runtime::tasks::{Shutdown, Tasks};
use tokio::sync::mpsc;

/// Nothing here takes so long.
const LIMIT: Duration = Duration::from_secs(30);

/// A peer that takes WebSockets and never reads from them.
async fn hung(tasks: &Tasks) -> (String, mpsc::Receiver<WebSocket>) {
    let listener = runtime::tcp::listen(([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let (sender, sockets) = mpsc::channel(8);
    let open = async move |upgrade: WebSocketUpgrade| {
        upgrade
            .protocols([SUBPROTOCOL])
            .on_upgrade(async move |socket| sender.send(socket).await.unwrap())
    };
    let router = Router::new().route("/", any(open));
    let stop = tasks.shutdown_token().clone();
    tasks.spawn("a Janus that hangs", async move {
        stop.unless_cancelled(async { axum::serve(listener, router).await.unwrap() })
            .await;
    });
    (url, sockets)
}

#[tokio::test]
async fn a_janus_that_hangs_is_given_up_within_five_seconds() {
    let tasks = Tasks::new(Shutdown::new());
    let (janus_url, mut sockets) = hung(&tasks).await;
    let config = AdapterConfig {
        janus_url,
        tls: None,
        secret: "open sesame".into(),
        settings: Settings {
            api_secret: None,
            admin_key: None,
            capacity: 10,
            bitrate: 1_000_000,
            seed: [7; 32],
        },
        media: media::Config {
            threads: 1,
            ..media::Config::default()
        },
        beside: [127, 0, 0, 1].into(),
    };
    let _router = adapter::start(config, &tasks).unwrap();
    let first = clock::within(LIMIT, sockets.recv()).await.unwrap();
    let begin = clock::now();
    let second = clock::within(LIMIT, sockets.recv()).await.unwrap();
    let took = clock::now() - begin;
    assert!(first.is_some() && second.is_some());
    assert!(took < Duration::from_secs(5), "{took:?}");
    tasks.finish(LIMIT).await.unwrap();
}
