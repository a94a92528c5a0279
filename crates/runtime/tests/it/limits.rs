//! What one peer may not do to the others.

use std::time::Duration;

use runtime::clock;
use runtime::sip::{Config, Limits, SendError, TransportEvent};
use sip_proto::Transport;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::peers::*;

#[tokio::test]
async fn a_peer_that_stops_reading_is_closed_and_slows_nobody() {
    let mut bench = Bench::with_limits(Transport::Tcp, Limits::default()).await;
    let addr = bench.addr(Transport::Tcp);
    let mut deaf = TcpStream::connect(addr).await.unwrap();
    deaf.write_all(text("TCP", "deaf").as_bytes())
        .await
        .unwrap();
    let (to_deaf, _) = bench.message().await;
    let mut alert = TcpStream::connect(addr).await.unwrap();
    alert
        .write_all(text("TCP", "alert").as_bytes())
        .await
        .unwrap();
    let (to_alert, _) = bench.message().await;

    // More than the budget and all that kernels may buffer; each is answered by the other peer before the next.
    let large = "x".repeat(60_000);
    let mark = token();
    let mut rounds = 0;
    loop {
        rounds += 1;
        assert!(rounds < 2000, "the deaf peer is never closed");
        let target = to_deaf.reply_target();
        bench
            .transports
            .send(&target, bytes("TCP", &large), Some(mark));
        let target = to_alert.reply_target();
        let small = format!("n{rounds}.");
        bench.transports.send(&target, bytes("TCP", &small), None);
        read_until(&mut alert, &format!("\r\n\r\n{small}")).await;
        if bench.transports.stats().overrun > 0 {
            break;
        }
    }
    let (mut failed, mut closed) = (0, false);
    while !closed {
        match bench.event().await {
            TransportEvent::SendFailed { token, error } => {
                assert_eq!((token, error), (mark, SendError::Overrun));
                failed += 1;
            }
            TransportEvent::FlowClosed { flow } => {
                assert_eq!(flow, to_deaf.flow);
                closed = true;
            }
            other => panic!("unexpected {other:?}"),
        }
    }
    assert!(failed > 0, "what was not written is told");
    read_to_close(&mut deaf).await;
    bench.finish().await;
}

#[tokio::test]
async fn while_the_core_is_busy_reading_stops_and_writing_goes_on() {
    let limits = Limits {
        events_max: 1,
        ..Limits::default()
    };
    let mut bench = Bench::with_limits(Transport::Tcp, limits).await;
    let addr = bench.addr(Transport::Tcp);
    let mut peer = TcpStream::connect(addr).await.unwrap();
    peer.write_all(text("TCP", "first").as_bytes())
        .await
        .unwrap();
    let (source, _) = bench.message().await;
    let many: String = (0..200).map(|n| text("TCP", &format!("m{n}"))).collect();
    peer.write_all(many.as_bytes()).await.unwrap();
    bench
        .transports
        .send(&source.reply_target(), bytes("TCP", "still"), None);
    read_until(&mut peer, "\r\n\r\nstill").await;
    for n in 0..200 {
        assert_eq!(body(&bench.message().await.1), format!("m{n}"));
    }
    bench.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_stops_halfway_times_out() {
    let directory = tempfile::tempdir().unwrap();
    let (config, _) = tls_config(directory.path());
    let bench = Bench::new(config).await;
    let begin = clock::now();
    let mut peer = TcpStream::connect(bench.addr(Transport::Tls))
        .await
        .unwrap();
    // The header of a handshake record that never comes.
    peer.write_all(&[22, 3, 1, 1, 0]).await.unwrap();
    assert_eq!(read_to_close(&mut peer).await, 0);
    assert!(clock::now() - begin >= Limits::default().handshake_timeout);
    bench.finish().await;
}

#[tokio::test(start_paused = true)]
async fn silent_and_slow_peers_time_out_and_kept_ones_stay() {
    let limits = Limits::default();
    let bench = Bench::with_limits(Transport::Tcp, limits).await;
    let addr = bench.addr(Transport::Tcp);
    let lasts = async |begin: &[u8]| {
        let start = clock::now();
        let mut peer = TcpStream::connect(addr).await.unwrap();
        peer.write_all(begin).await.unwrap();
        read_to_close(&mut peer).await;
        clock::now() - start
    };
    let near = |came: Duration, expected: Duration| {
        assert!(
            came >= expected && came < expected * 2,
            "{came:?} {expected:?}"
        );
    };
    near(lasts(b"").await, limits.first_byte_timeout);
    near(
        lasts(b"MESSAGE sip:a@b SIP/2.0\r\n").await,
        limits.message_timeout,
    );
    near(lasts(b"\r\n\r\n").await, limits.idle_timeout);
    bench.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_outlives_silence() {
    let limits = Limits::default();
    let mut bench = Bench::with_limits(Transport::Tcp, limits).await;
    let mut peer = TcpStream::connect(bench.addr(Transport::Tcp))
        .await
        .unwrap();
    peer.write_all(text("TCP", "x").as_bytes()).await.unwrap();
    let (source, _) = bench.message().await;
    bench.transports.keep(source.flow, true);
    clock::sleep(limits.idle_timeout * 5).await;
    peer.write_all(text("TCP", "y").as_bytes()).await.unwrap();
    assert_eq!(body(&bench.message().await.1), "y");
    bench.transports.keep(source.flow, false);
    assert_eq!(bench.closed().await, source.flow);
    bench.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_we_open_is_kept_alive() {
    let bench = Bench::new(Config::default()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = sip_proto::Target::new(Transport::Tcp, listener.local_addr().unwrap());
    bench.transports.send(&target, bytes("TCP", "hello"), None);
    let (mut peer, _) = listener.accept().await.unwrap();
    read_until(&mut peer, "\r\n\r\nhello").await;
    let begin = clock::now();
    assert_eq!(read_until(&mut peer, "\r\n\r\n").await, "\r\n\r\n");
    assert!(clock::now() - begin >= Limits::default().keepalive_interval - Duration::from_secs(1));
    bench.finish().await;
}

#[tokio::test]
async fn one_address_gets_only_so_many_connections() {
    let limits = Limits {
        connections_per_ip_max: 2,
        ..Limits::default()
    };
    let mut bench = Bench::with_limits(Transport::Tcp, limits).await;
    let addr = bench.addr(Transport::Tcp);
    let mut first = TcpStream::connect(addr).await.unwrap();
    first.write_all(text("TCP", "1").as_bytes()).await.unwrap();
    bench.message().await;
    let mut second = TcpStream::connect(addr).await.unwrap();
    second.write_all(text("TCP", "2").as_bytes()).await.unwrap();
    bench.message().await;
    let mut third = TcpStream::connect(addr).await.unwrap();
    assert_eq!(read_to_close(&mut third).await, 0);
    assert_eq!(bench.transports.stats().refused, 1);
    // A place that becomes free is given again.
    drop(first);
    bench.closed().await;
    while bench.transports.stats().connections > 1 {
        tokio::task::yield_now().await;
    }
    let mut fourth = TcpStream::connect(addr).await.unwrap();
    fourth.write_all(text("TCP", "4").as_bytes()).await.unwrap();
    assert_eq!(body(&bench.message().await.1), "4");
    bench.finish().await;
}
