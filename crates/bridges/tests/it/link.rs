//! The link against bridges that keep to the protocol, that do not, and that go away.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::{Message, WebSocket};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bridges::link::{Link, LinkConfig, LinkEvent, LinkSender, Unsent};
use convoke_types::bridge_protocol::{Announcement, FromBridge, SUBPROTOCOL, ToBridge};
use convoke_types::video::{VideoCommand, VideoEvent};
use runtime::clock;
use runtime::tasks::{Shutdown, Tasks};
use tokio::sync::mpsc;

const SECRET: &str = "open sesame";
/// Nothing here takes so long.
const LIMIT: Duration = Duration::from_secs(30);

/// A bridge: its sockets come out where a test can play with them.
struct Bridge {
    addr: SocketAddr,
    sockets: mpsc::Receiver<WebSocket>,
    tasks: Tasks,
}

impl Bridge {
    async fn start(addr: SocketAddr) -> Self {
        let listener = runtime::tcp::listen(addr).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, sockets) = mpsc::channel(8);
        let open = async move |headers: HeaderMap, upgrade: WebSocketUpgrade| -> Response {
            if headers["authorization"] != format!("Bearer {SECRET}") {
                return StatusCode::UNAUTHORIZED.into_response();
            }
            upgrade
                .protocols([SUBPROTOCOL])
                .on_upgrade(async move |socket| sender.send(socket).await.unwrap())
        };
        let router = Router::new().route("/bridge", any(open));
        let tasks = Tasks::new(Shutdown::new());
        let stop = tasks.shutdown_token().clone();
        tasks.spawn("bridge", async move {
            stop.unless_cancelled(async { axum::serve(listener, router).await.unwrap() })
                .await;
        });
        Self {
            addr,
            sockets,
            tasks,
        }
    }

    async fn socket(&mut self) -> WebSocket {
        let socket = clock::within(LIMIT, self.sockets.recv()).await;
        socket.expect("the link connects").unwrap()
    }

    /// A socket that has said what it is.
    async fn announced(&mut self) -> WebSocket {
        let mut socket = self.socket().await;
        say(&mut socket, &FromBridge::Announce(announcement())).await;
        socket
    }
}

fn announcement() -> Announcement {
    Announcement {
        product: "Test 1".into(),
        features: vec![],
        capacity: 10,
        legs: 0,
        ready: true,
        refusal: None,
        why: None,
    }
}

async fn say(socket: &mut WebSocket, what: &FromBridge) {
    let text = serde_json::to_string(what).unwrap();
    socket.send(Message::text(text)).await.unwrap();
}

async fn hear(socket: &mut WebSocket) -> ToBridge {
    loop {
        let message = clock::within(LIMIT, socket.recv()).await.unwrap();
        if let Message::Text(text) = message.unwrap().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

struct Owner {
    sender: LinkSender,
    events: mpsc::Receiver<LinkEvent>,
    tasks: Tasks,
}

impl Owner {
    fn of(addr: SocketAddr, secret: &str) -> Self {
        let tasks = Tasks::new(Shutdown::new());
        let config = LinkConfig {
            name: "test".into(),
            url: format!("ws://{addr}/bridge"),
            secret: secret.into(),
            tls: None,
        };
        let (sender, events) = Link::open(config, &tasks);
        Self {
            sender,
            events,
            tasks,
        }
    }

    async fn event(&mut self) -> LinkEvent {
        let event = clock::within(LIMIT, self.events.recv()).await;
        event.expect("an event comes").unwrap()
    }

    async fn down(&mut self) -> String {
        match self.event().await {
            LinkEvent::Down { words } => words,
            other => panic!("{other:?}"),
        }
    }
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn end(id: &str) -> VideoCommand {
    VideoCommand::End {
        conference: id.parse().unwrap(),
    }
}

#[tokio::test]
async fn commands_go_out_events_come_in_and_a_lost_bridge_is_found_again() {
    let mut bridge = Bridge::start(any_port()).await;
    let mut owner = Owner::of(bridge.addr, SECRET);
    let mut socket = bridge.announced().await;
    assert_eq!(owner.event().await, LinkEvent::Up(announcement()));

    owner.sender.video(end("c1")).unwrap();
    assert_eq!(hear(&mut socket).await, ToBridge::Video(end("c1")));
    let ended = VideoEvent::Ended {
        conference: "c1".parse().unwrap(),
        lost: None,
    };
    say(&mut socket, &FromBridge::Video(ended.clone())).await;
    assert_eq!(owner.event().await, LinkEvent::Video(ended));

    drop(socket);
    assert!(owner.down().await.contains("connection"));
    assert_eq!(owner.sender.video(end("c2")), Err(Unsent::Down));

    let mut socket = bridge.announced().await;
    assert_eq!(owner.event().await, LinkEvent::Up(announcement()));
    owner.sender.video(end("c3")).unwrap();
    let first = hear(&mut socket).await;
    assert_eq!(first, ToBridge::Video(end("c3")), "c2 was not kept");
    owner.tasks.finish(LIMIT).await.unwrap();
    assert_eq!(owner.sender.video(end("c4")), Err(Unsent::Down));
    bridge.tasks.finish(LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_bridge_that_misses_a_command_is_begun_with_anew() {
    let mut bridge = Bridge::start(any_port()).await;
    let mut owner = Owner::of(bridge.addr, SECRET);
    let _socket = bridge.announced().await;
    assert_eq!(owner.event().await, LinkEvent::Up(announcement()));
    // Nothing is written while nobody waits here.
    let refused = (0..100_000).find_map(|_| owner.sender.video(end("c1")).err());
    assert_eq!(refused, Some(Unsent::Full));
    assert_eq!(owner.sender.video(end("c2")), Err(Unsent::Down));
    assert!(owner.down().await.contains("does not keep up"));
    let mut socket = bridge.announced().await;
    assert_eq!(owner.event().await, LinkEvent::Up(announcement()));
    owner.sender.video(end("c3")).unwrap();
    assert_eq!(hear(&mut socket).await, ToBridge::Video(end("c3")));
    owner.tasks.finish(LIMIT).await.unwrap();
    bridge.tasks.finish(LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_bridge_that_does_not_believe_us_or_is_not_there_is_told_in_words() {
    let bridge = Bridge::start(any_port()).await;
    let mut owner = Owner::of(bridge.addr, "guess");
    assert_eq!(owner.down().await, "it refuses our secret");
    bridge.tasks.finish(LIMIT).await.unwrap();
    // While it goes, a connection may still be taken and then broken.
    while !owner.down().await.contains("nobody answers at 127.0.0.1") {}

    // It comes up where it was looked for.
    let mut again = Bridge::start(bridge.addr).await;
    let mut owner = Owner::of(again.addr, SECRET);
    let _socket = again.announced().await;
    assert_eq!(owner.event().await, LinkEvent::Up(announcement()));
}

#[tokio::test]
async fn nonsense_ends_the_connection_and_its_content_is_not_told() {
    let mut bridge = Bridge::start(any_port()).await;
    let mut owner = Owner::of(bridge.addr, SECRET);
    let mut socket = bridge.socket().await;
    socket.send(Message::text("hush hush")).await.unwrap();
    let words = owner.down().await;
    assert!(
        words.contains("no JSON") && !words.contains("hush"),
        "{words}"
    );

    let mut socket = bridge.announced().await;
    assert_eq!(owner.event().await, LinkEvent::Up(announcement()));
    socket
        .send(Message::text(r#"{"video":{"is":"hush"}}"#))
        .await
        .unwrap();
    let words = owner.down().await;
    assert!(
        words.contains("bridge protocol") && !words.contains("hush"),
        "{words}"
    );
}

#[tokio::test]
async fn a_bridge_that_announces_itself_and_breaks_is_tried_less_and_less_often() {
    let mut bridge = Bridge::start(any_port()).await;
    let mut owner = Owner::of(bridge.addr, SECRET);
    let begin = clock::now();
    for _ in 0..4 {
        drop(bridge.announced().await);
        assert_eq!(owner.event().await, LinkEvent::Up(announcement()));
        owner.down().await;
    }
    let took = clock::now() - begin;
    // Pauses of a quarter, a half and one second.
    assert!(took >= Duration::from_millis(1_750), "{took:?}");
}

#[tokio::test]
async fn another_protocol_is_told_in_words() {
    let listener = runtime::tcp::listen(any_port()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let tasks = Tasks::new(Shutdown::new());
    tasks.spawn("server", async move {
        let open = async |upgrade: WebSocketUpgrade| {
            upgrade
                .protocols(["convoke-bridge.2"])
                .on_upgrade(async |_| {})
        };
        let router = Router::new().route("/bridge", any(open));
        axum::serve(listener, router).await.unwrap();
    });
    let mut owner = Owner::of(addr, SECRET);
    assert_eq!(
        owner.down().await,
        format!("it does not speak {SUBPROTOCOL}")
    );
}
