//! Messages over UDP, TCP and TLS.

use runtime::sip::{Config, SendError, TransportEvent};
use runtime::tls::PeerTrust;
use sip_proto::{ErrorKind, ResponseBuilder, Target, Transport};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::peers::*;

#[tokio::test]
async fn datagrams_come_and_go_over_the_bound_port() {
    let mut bench = Bench::with_limits(Transport::Udp, Default::default()).await;
    let addr = bench.addr(Transport::Udp);
    assert_ne!(addr.port(), 0);
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    peer.send_to(b"\r\n\r\n", addr).await.unwrap();
    peer.send_to(b"\0", addr).await.unwrap();
    peer.send_to(text("UDP", "hello").as_bytes(), addr)
        .await
        .unwrap();
    let (source, message) = bench.message().await;
    assert_eq!(body(&message), "hello", "keep-alives are no messages");
    assert_eq!(source.remote, peer.local_addr().unwrap());
    assert_eq!(source.local, addr);

    let target = source.reply_target();
    bench.transports.send(&target, bytes("UDP", "back"), None);
    let mut buffer = [0; 2000];
    let (length, from) = peer.recv_from(&mut buffer).await.unwrap();
    assert_eq!(from, addr);
    assert!(buffer[..length].ends_with(b"back"));

    peer.send_to(b"NONSENSE", addr).await.unwrap();
    match bench.event().await {
        TransportEvent::Bad { error, .. } => assert!(error.message().is_none()),
        other => panic!("expected bad, came {other:?}"),
    }
    bench.finish().await;
}

#[tokio::test]
async fn split_and_coalesced_messages_are_framed_and_answered_over_the_same_flow() {
    let mut bench = Bench::with_limits(Transport::Tcp, Default::default()).await;
    let mut peer = TcpStream::connect(bench.addr(Transport::Tcp))
        .await
        .unwrap();
    let three = text("TCP", "one") + &text("TCP", "two") + &text("TCP", "three");
    let (begin, end) = three.as_bytes().split_at(three.len() - 2);
    peer.write_all(begin).await.unwrap();
    let (source, first) = bench.message().await;
    let (_, second) = bench.message().await;
    assert_eq!((body(&first), body(&second)), ("one".into(), "two".into()));
    peer.write_all(end).await.unwrap();
    assert_eq!(body(&bench.message().await.1), "three");

    let target = source.reply_target();
    bench.transports.send(&target, bytes("TCP", "back"), None);
    read_until(&mut peer, "\r\n\r\nback").await;
    let by_address = Target::new(Transport::Tcp, source.remote);
    bench
        .transports
        .send(&by_address, bytes("TCP", "again"), None);
    read_until(&mut peer, "\r\n\r\nagain").await;
    assert_eq!(
        bench.transports.stats().connections,
        1,
        "one connection for all"
    );

    drop(peer);
    assert_eq!(bench.closed().await, source.flow);
    bench.finish().await;
}

#[tokio::test]
async fn two_line_ends_are_answered_with_one() {
    let bench = Bench::with_limits(Transport::Tcp, Default::default()).await;
    let mut peer = TcpStream::connect(bench.addr(Transport::Tcp))
        .await
        .unwrap();
    peer.write_all(b"\r\n\r\n").await.unwrap();
    assert_eq!(read_until(&mut peer, "\r\n").await, "\r\n");
    bench.finish().await;
}

#[tokio::test]
async fn a_connection_that_we_open_is_used_again_and_carries_the_answer() {
    let mut bench = Bench::new(Config::default()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::new(Transport::Tcp, listener.local_addr().unwrap());
    bench.transports.send(&target, bytes("TCP", "one"), None);
    bench.transports.send(&target, bytes("TCP", "two"), None);
    let (mut peer, _) = listener.accept().await.unwrap();
    let came = read_until(&mut peer, "\r\n\r\ntwo").await;
    assert!(came.contains("\r\n\r\none"));
    assert_eq!(bench.transports.stats().connections, 1);
    peer.write_all(text("TCP", "answer").as_bytes())
        .await
        .unwrap();
    let (source, message) = bench.message().await;
    assert_eq!(body(&message), "answer");

    // Closed by the peer: told, and the next message opens another.
    drop(peer);
    assert_eq!(bench.closed().await, source.flow);
    bench
        .transports
        .send(&source.reply_target(), bytes("TCP", "three"), None);
    let (mut peer, _) = listener.accept().await.unwrap();
    read_until(&mut peer, "\r\n\r\nthree").await;
    bench.finish().await;
}

#[tokio::test]
async fn what_cannot_be_sent_is_told_when_asked() {
    let mut bench = Bench::new(Config::default()).await;
    let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = refusing.local_addr().unwrap();
    drop(refusing);
    for (transport, expected) in [
        (Transport::Tcp, SendError::Connect),
        (Transport::Udp, SendError::NoSocket),
        (Transport::Tls, SendError::NoTls),
    ] {
        let token = token();
        let target = Target::new(transport, addr);
        bench.transports.send(&target, bytes("TCP", "untold"), None);
        bench
            .transports
            .send(&target, bytes("TCP", "x"), Some(token));
        match bench.event().await {
            TransportEvent::SendFailed { token: told, error } => {
                assert_eq!((told, error), (token, expected));
            }
            other => panic!("expected a failure, came {other:?}"),
        }
    }
    bench.finish().await;
}

#[tokio::test]
async fn a_stream_that_is_no_sip_is_answered_and_closed() {
    let mut bench = Bench::with_limits(Transport::Tcp, Default::default()).await;
    let mut peer = TcpStream::connect(bench.addr(Transport::Tcp))
        .await
        .unwrap();
    let unframed = text("TCP", "x").replace("Content-Length: 1\r\n", "");
    peer.write_all(unframed.as_bytes()).await.unwrap();
    match bench.event().await {
        TransportEvent::Bad { source, error } => {
            assert!(matches!(error.kind(), ErrorKind::Missing(_)), "{error}");
            let request = error.message().unwrap();
            let answer = ResponseBuilder::reply(request, error.status(), &error.reason());
            let answer = answer.to_tag("t").build();
            bench
                .transports
                .send(&source.reply_target(), answer.as_bytes().clone(), None);
            read_until(&mut peer, "SIP/2.0 400 Missing Content-Length\r\n").await;
            read_to_close(&mut peer).await;
            assert_eq!(bench.closed().await, source.flow);
        }
        other => panic!("expected bad, came {other:?}"),
    }
    bench.finish().await;
}

#[tokio::test]
async fn tls_needs_a_trusted_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let (config, files) = tls_config(directory.path());
    let mut server = Bench::new(config).await;
    let addr = server.addr(Transport::Tls);
    let target = Target::new(Transport::Tls, addr);

    let pinned = PeerTrust::Pinned(files.chain.clone());
    let mut client = Bench::new(tls_client("127.0.0.1", pinned)).await;
    client.transports.send(&target, bytes("TLS", "hello"), None);
    let (source, message) = server.message().await;
    assert_eq!(body(&message), "hello");
    assert_eq!(source.transport, Transport::Tls);
    server
        .transports
        .send(&source.reply_target(), bytes("TLS", "back"), None);
    assert_eq!(body(&client.message().await.1), "back");
    client.finish().await;
    assert_eq!(server.closed().await, source.flow);

    let elsewhere = tempfile::tempdir().unwrap();
    let (_, other) = tls_config(elsewhere.path());
    let wrong_pin = PeerTrust::Pinned(other.chain);
    let mut client = Bench::new(tls_client("127.0.0.1", wrong_pin)).await;
    let token = token();
    client
        .transports
        .send(&target, bytes("TLS", "hello"), Some(token));
    match client.event().await {
        TransportEvent::SendFailed { error, .. } => assert_eq!(error, SendError::Handshake),
        other => panic!("expected a failure, came {other:?}"),
    }
    client.finish().await;
    server.finish().await;
}

#[tokio::test]
async fn a_tls_name_that_differs_is_refused_and_a_root_trusts_the_right_one() {
    use runtime::tls::{ClientTrust, client_config, development_certificate, server_config};
    let directory = tempfile::tempdir().unwrap();
    let files = development_certificate(directory.path(), &["im.example.org".into()]).unwrap();
    let mut server = Bench::new(Config {
        listeners: vec![listener(Transport::Tls)],
        tls_server: Some(server_config(&files, &[]).unwrap()),
        ..Config::default()
    })
    .await;
    let trust = ClientTrust {
        roots: vec![files.chain],
        peers: Default::default(),
    };
    let mut client = Bench::new(Config {
        tls_client: Some(client_config(&trust).unwrap()),
        ..Config::default()
    })
    .await;
    let mut target = Target::new(Transport::Tls, server.addr(Transport::Tls));
    target.server_name = Some("other.example.org".into());
    client
        .transports
        .send(&target, bytes("TLS", "x"), Some(token()));
    match client.event().await {
        TransportEvent::SendFailed { error, .. } => assert_eq!(error, SendError::Handshake),
        other => panic!("expected a failure, came {other:?}"),
    }
    target.server_name = Some("im.example.org".into());
    client.transports.send(&target, bytes("TLS", "y"), None);
    assert_eq!(body(&server.message().await.1), "y");
    client.finish().await;
    server.finish().await;
}
