//! SIP over WebSocket (RFC 7118), plain and under TLS, with a real WebSocket client.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use runtime::tls::{self, ClientTrust, PeerTrust};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use testkit::peer::SipPeer;

use crate::bench::*;

/// No wait is longer.
const GIVE_UP: Duration = Duration::from_secs(20);

fn http(bench: &Bench) -> SocketAddr {
    bench.server.addresses.http.unwrap()
}

async fn page(bench: &Bench, user: &str, seed: u64) -> SipPeer {
    let (identity, server) = (bench.identity(user).await, http(bench));
    block(move || SipPeer::websocket(identity, server, seed).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_goes_between_a_page_and_a_telephone() {
    let mut bench = Bench::start("").await;
    let mut alice = registered(page(&bench, "alice", 1).await).await;
    let mut bob = registered(bench.peer("bob").await).await;
    block(move || {
        assert_eq!(say(&mut alice, "bob", "from the page ✓"), Some(202));
        let message = bob.expect("MESSAGE").unwrap();
        assert!(message.text().ends_with("from the page ✓"));
        bob.reply(&message, 200, "OK", &[], b"").unwrap();

        assert_eq!(say(&mut bob, "alice", "to the page"), Some(202));
        let message = alice.expect("MESSAGE").unwrap();
        assert!(message.text().ends_with("to the page"));
        let via = message.header("Via").unwrap();
        assert!(via.starts_with("SIP/2.0/WS "), "{via}");
        // Not UTF-8: it comes as it was sent, in a binary frame.
        alice.reply(&message, 200, "OK", &[], b"").unwrap();
        let to = format!("sip:alice@{DOMAIN}");
        let kind = ["Content-Type: application/octet-stream"];
        let sent = bob.request("MESSAGE", &to, &to, &kind, &[0xff, 0xfe, 0]);
        assert_eq!(sent.unwrap().status(), Some(202));
        let message = alice.expect("MESSAGE").unwrap();
        alice.reply(&message, 200, "OK", &[], b"").unwrap();
        assert_eq!(message.body, [0xff, 0xfe, 0]);
    })
    .await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_while_the_page_is_away_comes_once_when_it_is_back() {
    let mut bench = Bench::start("").await;
    let alice = registered(page(&bench, "alice", 1).await).await;
    let mut bob = registered(bench.peer("bob").await).await;
    let identity = alice.identity().clone();
    drop(alice);
    let server = http(&bench);
    block(move || {
        // The server has noticed when nobody is left to take it: chat is then kept, and control refused.
        assert_eq!(say(&mut bob, "alice", "one"), Some(202));
        assert_eq!(say(&mut bob, "alice", "two"), Some(202));
        let mut alice = SipPeer::websocket(identity, server, 1).unwrap();
        assert_eq!(alice.register("").unwrap().status(), Some(200));
        let mut came = Vec::new();
        while came.len() < 2 {
            let message = alice.expect("MESSAGE").unwrap();
            alice.reply(&message, 200, "OK", &[], b"").unwrap();
            came.push(String::from_utf8(message.body.clone()).unwrap());
        }
        assert_eq!(came, ["one", "two"]);
    })
    .await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_alives_are_answered_and_a_message_needs_no_content_length() {
    let bench = Bench::start("").await;
    let mut alice = page(&bench, "alice", 1).await;
    block(move || {
        alice.send_raw(b"\r\n\r\n").unwrap();
        let options = format!(
            "OPTIONS sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bKo\r\nMax-Forwards: 70\r\n\
             From: <sip:alice@{DOMAIN}>;tag=1\r\nTo: <sip:{DOMAIN}>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\n\r\n"
        );
        alice.send_raw(options.as_bytes()).unwrap();
        let answer = alice.receive_within(GIVE_UP).unwrap();
        assert_eq!(answer.status(), Some(200));
        let via = answer.header("Via").unwrap();
        assert!(via.contains("x.invalid") && via.contains("received=127.0.0.1"), "{via}");
    })
    .await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_connects_under_tls() {
    let mut bench = Bench::start("").await;
    let directory = bench.stop().await;
    let rest = "[gateway]\ntransport = \"tcp\"\n";
    let text = config_text(rest).replace("[http]\n", "[http]\ntls = [\"127.0.0.1:0\"]\n");
    let config = server::config::parse(&text, directory.path()).unwrap();
    let server = server::Server::start(config).await.unwrap();
    bench = Bench::of(server, directory);
    let addr = bench.server.addresses.https[0];
    let certificate = bench.server.addresses.certificate.clone().unwrap();
    let trust = ClientTrust {
        roots: vec![],
        peers: [("127.0.0.1".to_owned(), PeerTrust::Pinned(certificate))].into(),
    };
    let client = tls::client_config(&trust).unwrap();
    let identity = bench.identity("alice").await;
    let mut bob = registered(bench.peer("bob").await).await;
    block(move || {
        let socket = TcpStream::connect(addr).unwrap();
        let below = socket.try_clone().unwrap();
        let name = ServerName::from(addr.ip());
        let tls = ClientConnection::new(Arc::clone(&client), name).unwrap();
        let stream = StreamOwned::new(tls, socket);
        let mut alice = SipPeer::websocket_over(identity, stream, below, true, 1).unwrap();
        assert_eq!(alice.register("").unwrap().status(), Some(200));
        assert_eq!(say(&mut bob, "alice", "under TLS"), Some(202));
        let message = alice.expect("MESSAGE").unwrap();
        assert!(message.header("Via").unwrap().starts_with("SIP/2.0/WSS "));
        alice.reply(&message, 200, "OK", &[], b"").unwrap();
    })
    .await;
    bench.stop().await;
}

/// What a proxy makes of a page's stream: it says in the request for whom it speaks.
struct Proxied {
    stream: TcpStream,
    says: Option<&'static str>,
}

impl Read for Proxied {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Proxied {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let Some(says) = self.says.take() else {
            return self.stream.write(bytes);
        };
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        self.stream.write_all(&bytes[..end])?;
        self.stream.write_all(says.as_bytes())?;
        self.stream.write_all(&bytes[end..])?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_behind_a_named_proxy_is_known_by_its_own_address() {
    let directory = Bench::start("").await.stop().await;
    let text = config_text("").replace("[http]\n", "[http]\nproxies = [\"127.0.0.1\"]\n");
    let config = server::config::parse(&text, directory.path()).unwrap();
    let server = server::Server::start(config).await.unwrap();
    let bench = Bench::of(server, directory);
    let (identity, addr) = (bench.identity("alice").await, http(&bench));
    block(move || {
        let socket = TcpStream::connect(addr).unwrap();
        let below = socket.try_clone().unwrap();
        let stream = Proxied {
            stream: socket,
            says: Some("X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n"),
        };
        let mut alice = SipPeer::websocket_over(identity, stream, below, false, 1).unwrap();
        let options = format!(
            "OPTIONS sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bKo\r\nMax-Forwards: 70\r\n\
             From: <sip:alice@{DOMAIN}>;tag=1\r\nTo: <sip:{DOMAIN}>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\n\r\n"
        );
        alice.send_raw(options.as_bytes()).unwrap();
        let answer = alice.receive_within(GIVE_UP).unwrap();
        let via = answer.header("Via").unwrap();
        assert!(via.contains("received=203.0.113.9"), "{via}");
    })
    .await;
    bench.stop().await;
}

/// The status line of an upgrade with these header lines.
fn knock(server: SocketAddr, lines: &str) -> String {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(GIVE_UP)).unwrap();
    let request = format!(
        "GET /sip HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut came = Vec::new();
    let mut byte = [0];
    while !came.ends_with(b"\r\n") && stream.read(&mut byte).unwrap() > 0 {
        came.push(byte[0]);
    }
    String::from_utf8(came).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn strange_pages_and_other_subprotocols_are_kept_out() {
    let bench = Bench::start("").await;
    let server = http(&bench);
    block(move || {
        let sip = "Sec-WebSocket-Protocol: sip\r\n";
        assert!(knock(server, sip).starts_with("HTTP/1.1 101"));
        let own = format!("{sip}Origin: http://{server}\r\n");
        assert!(knock(server, &own).starts_with("HTTP/1.1 101"));
        let evil = format!("{sip}Origin: https://evil.example\r\n");
        assert!(knock(server, &evil).starts_with("HTTP/1.1 403"));
        assert!(knock(server, "").starts_with("HTTP/1.1 400"));
        let other = "Sec-WebSocket-Protocol: chat\r\n";
        assert!(knock(server, other).starts_with("HTTP/1.1 400"));
    })
    .await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn places_are_counted_with_all_other_connections_and_given_back() {
    let bench = Bench::start("").await;
    let directory = bench.stop().await;
    let text = config_text("").replace(
        "[im]\n",
        "[im]\nconferences = \"\"\nmodes = \"\"\nconnections_per_ip_max = 4\n",
    );
    let config = server::config::parse(&text, directory.path()).unwrap();
    let bench = Bench::of(server::Server::start(config).await.unwrap(), directory);
    let server = http(&bench);
    let identity = bench.identity("alice").await;
    block(move || {
        let open = |seed| SipPeer::websocket(identity.clone(), server, seed);
        // One connection is the gateway's.
        let mut peers: Vec<SipPeer> = Vec::new();
        let refused = loop {
            match open(10) {
                Ok(peer) => peers.push(peer),
                Err(error) => break error,
            }
            assert!(peers.len() <= 4);
        };
        assert!(refused.to_string().contains("503"), "{refused}");
        assert_eq!(peers.len(), 3);
        let mut gone = peers.pop().unwrap();
        // What is no SIP at all ends the connection, and with it its place.
        gone.send_raw(b"this is not SIP").unwrap();
        while gone.receive_within(GIVE_UP).is_ok() {}
        let until = runtime::clock::now() + GIVE_UP;
        while open(11).is_err() {
            assert!(runtime::clock::now() < until);
        }
    })
    .await;
    bench.stop().await;
}
