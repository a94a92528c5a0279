//! What the tests share: transports under test, and peers that are plain sockets.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use runtime::sip::{
    Config, Limits, Listener, SendToken, SipTransports, TransportEvent, TransportEvents,
};
use runtime::tasks::{Shutdown, Tasks};
use runtime::tls::{self, CertificateFiles, ClientTrust, PeerTrust};
use sip_proto::endpoint::{Endpoint, Output};
use sip_proto::{FlowId, Message, Source, Target, Transport};
use tokio::io::{AsyncRead, AsyncReadExt};

/// No wait in these tests is longer, in the time of the machine or in virtual time.
pub const GIVE_UP: Duration = Duration::from_secs(3600);

/// Transports under test.
pub struct Bench {
    pub transports: SipTransports,
    pub events: TransportEvents,
    pub tasks: Tasks,
}

impl Bench {
    pub async fn new(config: Config) -> Self {
        let tasks = Tasks::new(Shutdown::new());
        let (transports, events) = SipTransports::bind(config, &tasks).await.unwrap();
        Self {
            transports,
            events,
            tasks,
        }
    }

    pub async fn with_limits(transport: Transport, limits: Limits) -> Self {
        Self::new(Config {
            listeners: vec![listener(transport)],
            limits,
            ..Config::default()
        })
        .await
    }

    pub fn addr(&self, transport: Transport) -> SocketAddr {
        self.transports.local(transport).unwrap()
    }

    pub async fn event(&mut self) -> TransportEvent {
        let event = runtime::clock::within(GIVE_UP, self.events.recv()).await;
        event.expect("an event").expect("open transports")
    }

    pub async fn message(&mut self) -> (Source, Message) {
        match self.event().await {
            TransportEvent::Message { source, message } => (source, message),
            other => panic!("expected a message, came {other:?}"),
        }
    }

    pub async fn closed(&mut self) -> FlowId {
        match self.event().await {
            TransportEvent::FlowClosed { flow } => flow,
            other => panic!("expected a closed flow, came {other:?}"),
        }
    }

    pub async fn finish(self) {
        self.tasks.finish(Duration::from_secs(30)).await.unwrap();
    }
}

pub fn listener(transport: Transport) -> Listener {
    Listener {
        transport,
        addr: "127.0.0.1:0".parse().unwrap(),
    }
}

/// A MESSAGE with this body.
pub fn text(via: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "MESSAGE sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/{via} 127.0.0.1;branch=z9hG4bK{body}\r\nMax-Forwards: 70\r\n\
         From: <sip:alice@example.org>;tag=1\r\nTo: <sip:bob@example.org>\r\nCall-ID: {body}\r\nCSeq: 1 MESSAGE\r\n\
         Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

pub fn bytes(via: &str, body: &str) -> Bytes {
    Bytes::from(text(via, body))
}

pub fn body(message: &Message) -> String {
    String::from_utf8(message.body().to_vec()).unwrap()
}

/// A token, as only an endpoint gives them.
pub fn token() -> SendToken {
    let mut endpoint = Endpoint::new([7; 32], sip_proto::endpoint::Config::default());
    let message = Message::parse_datagram(bytes("UDP", "x")).unwrap();
    let target = Target::new(Transport::Udp, "127.0.0.1:9".parse().unwrap());
    let sent = endpoint.send_request(&message, &target, "127.0.0.1", runtime::clock::now());
    sent.unwrap();
    match endpoint.poll_output() {
        Some(Output::Send { token, .. }) => token,
        other => panic!("expected a request to send, came {other:?}"),
    }
}

/// Reads until the text came, and gives all that came.
pub async fn read_until(stream: &mut (impl AsyncRead + Unpin), expected: &str) -> String {
    let mut came = Vec::new();
    while !String::from_utf8_lossy(&came).contains(expected) {
        let length = stream.read_buf(&mut came).await.unwrap();
        assert_ne!(length, 0, "closed before {expected:?}");
    }
    String::from_utf8(came).unwrap()
}

/// Reads until the peer closes; whether by FIN or RST does not matter.
pub async fn read_to_close(stream: &mut (impl AsyncRead + Unpin)) -> usize {
    let mut buffer = vec![0; 64 * 1024];
    let mut total = 0;
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return total,
            Ok(length) => total += length,
        }
    }
}

/// A TLS server for 127.0.0.1 whose certificate is in `directory`.
pub fn tls_config(directory: &Path) -> (Config, CertificateFiles) {
    let files = tls::development_certificate(directory, &["127.0.0.1".into()]).unwrap();
    let config = Config {
        listeners: vec![listener(Transport::Tls)],
        tls_server: Some(tls::server_config(&files, &[]).unwrap()),
        ..Config::default()
    };
    (config, files)
}

/// A TLS client that trusts this peer in this way.
pub fn tls_client(name: &str, trust: PeerTrust) -> Config {
    let trust = ClientTrust {
        roots: vec![],
        peers: [(name.to_owned(), trust)].into(),
    };
    Config {
        tls_client: Some(tls::client_config(&trust).unwrap()),
        ..Config::default()
    }
}
