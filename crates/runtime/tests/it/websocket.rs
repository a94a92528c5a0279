//! WebSockets that an HTTP server handed over: frames, keep-alives and limits, in virtual time.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{sink, stream};
use runtime::sip::{Config, Limits, SendError, TransportEvent, WsFrame};
use sip_proto::{Target, Transport};
use tokio::sync::mpsc;

use crate::peers::*;

const PAGE: &str = "192.0.2.9:50000";

/// The browser's side of an open WebSocket.
struct Page {
    frames: mpsc::Receiver<WsFrame>,
    send: mpsc::Sender<Result<WsFrame, ()>>,
}

impl Page {
    /// Opens one; at most `unread` frames fit between.
    fn open(bench: &Bench, unread: usize) -> Self {
        let admitted = bench.transports.admit_websocket(
            Transport::Ws,
            PAGE.parse().unwrap(),
            "192.0.2.1:80".parse().unwrap(),
        );
        let (to_page, frames) = mpsc::channel(unread);
        let (send, from_page) = mpsc::channel(16);
        let writing = sink::unfold(to_page, |to_page, frame| async {
            to_page.send(frame).await.map_err(|_| ())?;
            Ok::<_, ()>(to_page)
        });
        let reading = stream::unfold(from_page, |mut from_page| async {
            Some((from_page.recv().await?, from_page))
        });
        admitted.unwrap().serve(reading, writing);
        Self { frames, send }
    }

    async fn say(&self, bytes: impl Into<Bytes>) {
        let frame = WsFrame::Data(bytes.into());
        self.send.send(Ok(frame)).await.unwrap();
    }

    async fn hear(&mut self) -> Option<WsFrame> {
        self.frames.recv().await
    }
}

async fn bench(limits: Limits) -> Bench {
    Bench::new(Config {
        limits,
        ..Config::default()
    })
    .await
}

fn data(bytes: &'static [u8]) -> Option<WsFrame> {
    Some(WsFrame::Data(Bytes::from_static(bytes)))
}

#[tokio::test(start_paused = true)]
async fn each_message_is_a_frame_both_ways() {
    let mut bench = bench(Limits::default()).await;
    let mut page = Page::open(&bench, 16);
    let without_length = text("WS", "one").replace("Content-Length: 3\r\n", "");
    page.say(without_length).await;
    let (source, message) = bench.message().await;
    assert_eq!(body(&message), "one");
    assert_eq!(source.transport, Transport::Ws);
    assert_eq!(source.remote, PAGE.parse().unwrap());
    let target = source.reply_target();
    bench.transports.send(&target, bytes("WS", "a"), None);
    bench.transports.send(&target, bytes("WS", "b"), None);
    for expected in ["a", "b"] {
        assert_eq!(
            page.hear().await,
            Some(WsFrame::Data(bytes("WS", expected)))
        );
    }
    page.say(&b"\r\n\r\n"[..]).await;
    assert_eq!(page.hear().await, data(b"\r\n"), "RFC 5626's pong");
    page.say(&b"\r\n"[..]).await;
    // A message that can be answered ends nothing; the next frame begins a new one.
    page.say(text("WS", "bad").replace("CSeq: 1 MESSAGE", "CSeq: one"))
        .await;
    assert!(matches!(bench.event().await, TransportEvent::Bad { .. }));
    page.say(text("WS", "two")).await;
    assert_eq!(body(&bench.message().await.1), "two");
    // What is no SIP at all does.
    page.say("GET / HTTP/1.1\r\n\r\n").await;
    assert!(matches!(bench.event().await, TransportEvent::Bad { .. }));
    assert_eq!(bench.closed().await, source.flow);
    assert_eq!(page.hear().await, Some(WsFrame::Close));
    bench.finish().await;
}

#[tokio::test(start_paused = true)]
async fn nobody_is_called_back_when_the_page_has_gone() {
    let mut bench = bench(Limits::default()).await;
    let page = Page::open(&bench, 16);
    page.say(text("WS", "one")).await;
    let (source, _) = bench.message().await;
    drop(page);
    assert_eq!(bench.closed().await, source.flow);
    let by_address = Target::new(Transport::Ws, source.remote);
    for target in [source.reply_target(), by_address] {
        let mark = token();
        bench.transports.send(&target, bytes("WS", "x"), Some(mark));
        match bench.event().await {
            TransportEvent::SendFailed { token, error } => {
                assert_eq!((token, error), (mark, SendError::Closed));
            }
            other => panic!("expected a failure, came {other:?}"),
        }
    }
    assert_eq!(bench.transports.stats().connections, 0);
    bench.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_page_that_answers_pings_stays_and_one_that_does_not_goes() {
    let mut bench = bench(Limits::default()).await;
    let limits = Limits::default();
    let mut page = Page::open(&bench, 16);
    let began = tokio::time::Instant::now();
    page.say(text("WS", "hello")).await;
    let (source, _) = bench.message().await;
    for _ in 0..10 {
        assert_eq!(page.hear().await, Some(WsFrame::Ping));
        page.send.send(Ok(WsFrame::Pong)).await.unwrap();
    }
    assert!(began.elapsed() >= 10 * limits.websocket_ping_interval);
    let silent = tokio::time::Instant::now();
    assert_eq!(bench.closed().await, source.flow);
    let lasted = silent.elapsed();
    let short = limits.websocket_silence_timeout;
    assert!(
        lasted >= short && lasted < short + Duration::from_secs(5),
        "{lasted:?}"
    );
    bench.finish().await;
}

#[tokio::test(start_paused = true)]
async fn pongs_alone_keep_no_place() {
    let mut bench = bench(Limits::default()).await;
    let limits = Limits::default();
    // Never a SIP message.
    let mut page = Page::open(&bench, 16);
    let began = tokio::time::Instant::now();
    while let Some(frame) = page.hear().await {
        if frame == WsFrame::Ping && page.send.send(Ok(WsFrame::Pong)).await.is_err() {
            break;
        }
    }
    bench.closed().await;
    let most = limits.first_byte_timeout + limits.drain_timeout + Duration::from_secs(1);
    assert!(began.elapsed() <= most, "{:?}", began.elapsed());
    // One, and then none until the idle timeout.
    let mut page = Page::open(&bench, 16);
    page.say(text("WS", "hello")).await;
    bench.message().await;
    let began = tokio::time::Instant::now();
    while let Some(frame) = page.hear().await {
        if frame == WsFrame::Ping && page.send.send(Ok(WsFrame::Pong)).await.is_err() {
            break;
        }
    }
    bench.closed().await;
    let lasted = began.elapsed();
    assert!(lasted >= limits.idle_timeout, "{lasted:?}");
    assert!(
        lasted <= limits.idle_timeout + Duration::from_secs(5),
        "{lasted:?}"
    );
    bench.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_kept_page_may_be_silent_until_it_is_kept_no_more() {
    let limits = Limits::default();
    let mut bench = bench(limits).await;
    let mut page = Page::open(&bench, 16);
    page.say(text("WS", "hello")).await;
    let (source, _) = bench.message().await;
    bench.transports.keep(source.flow, true);
    let began = tokio::time::Instant::now();
    while began.elapsed() < limits.idle_timeout * 3 {
        assert_eq!(page.hear().await, Some(WsFrame::Ping));
        page.send.send(Ok(WsFrame::Pong)).await.unwrap();
    }
    bench.transports.keep(source.flow, false);
    while let Some(frame) = page.hear().await {
        if frame == WsFrame::Ping && page.send.send(Ok(WsFrame::Pong)).await.is_err() {
            break;
        }
    }
    assert_eq!(bench.closed().await, source.flow);
    bench.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_page_that_does_not_read_loses_its_connection() {
    let limits = Limits {
        write_budget_bytes: 2_000,
        ..Limits::default()
    };
    let mut bench = bench(limits).await;
    let page = Page::open(&bench, 1);
    page.say(text("WS", "hello")).await;
    let (source, _) = bench.message().await;
    let target = source.reply_target();
    let mark = token();
    for _ in 0..20 {
        bench
            .transports
            .send(&target, bytes("WS", "flood"), Some(mark));
    }
    let mut failed = 0;
    loop {
        match bench.event().await {
            TransportEvent::SendFailed { error, .. } => {
                assert!(matches!(error, SendError::Overrun | SendError::Closed));
                failed += 1;
            }
            TransportEvent::FlowClosed { flow } => break assert_eq!(flow, source.flow),
            other => panic!("expected failures, came {other:?}"),
        }
    }
    assert!(failed > 10);
    assert_eq!(bench.transports.stats().overrun, 1);
    drop(page);
    bench.finish().await;
}
