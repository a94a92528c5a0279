//! What one relayed and logged chat message costs the core, without sockets and disk: `relay_cost [messages]`. Each is read, stored (at
//! once), acknowledged, copied to one device, and that device's
//! 200 read; the other side's work is not counted.

use std::time::{Duration, Instant};

use bytes::Bytes;
use im_core::{AccountInfo, Config, DevicePassword, ImServer, Output, StoreOp, Stored, Wall};
use sip_proto::auth::{Challenge, Credential, Login, answer};
use sip_proto::{FlowId, HeaderName, Message, ResponseBuilder, Source, Transport};

const PEOPLE: usize = 1000;

#[expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a measurement of real time, outside of the product"
)]
fn main() {
    let count: usize = std::env::args()
        .nth(1)
        .and_then(|arg| arg.parse().ok())
        .unwrap_or(200_000);
    let start = Instant::now();
    let wall = Wall {
        at: start,
        unix_ms: 0,
    };
    let config = Config::new("example.org", "192.0.2.1:5060", [1; 32], wall);
    let mut server = ImServer::new(config, start);
    let mut outputs = Vec::new();
    for n in 0..PEOPLE {
        let source = source(n);
        server.handle_message(source, register(n, ""), start);
        drain(&mut server, &mut outputs, start);
        let challenge = Message::parse_datagram(outputs.pop().unwrap()).unwrap();
        let challenges: Vec<Challenge> = challenge
            .headers(HeaderName::WwwAuthenticate)
            .map(|value| Challenge::parse(value).unwrap())
            .collect();
        let login = Login {
            username: format!("u{n}"),
            password: "p".to_owned(),
        };
        let value = answer(&challenges, &login, "REGISTER", "sip:example.org", "c", 1).unwrap();
        let header = format!("Authorization: {value}\r\n");
        server.handle_message(source, register(n, &header), start);
        drain(&mut server, &mut outputs, start);
        assert!(outputs.pop().unwrap().starts_with(b"SIP/2.0 200 "));
    }
    let texts: Vec<Bytes> = (0..count).map(message).collect();
    let mut spent = Duration::ZERO;
    for (n, text) in texts.into_iter().enumerate() {
        let now = Instant::now();
        let request = Message::parse_datagram(text).unwrap();
        server.handle_message(source(n % PEOPLE), request, now);
        drain(&mut server, &mut outputs, now);
        spent += now.elapsed();
        assert_eq!(outputs.len(), 2);
        let copy = Message::parse_datagram(outputs.pop().unwrap()).unwrap();
        outputs.clear();
        let ok = ResponseBuilder::reply(&copy, 200, "OK").to_tag("t").build();
        let now = Instant::now();
        let ok = Message::parse_datagram(ok.as_bytes().clone()).unwrap();
        server.handle_message(source((n + 1) % PEOPLE), ok, now);
        drain(&mut server, &mut outputs, now);
        server.handle_timeout(now);
        spent += now.elapsed();
    }
    let micros = spent.as_secs_f64() * 1e6 / f64::from(u32::try_from(count).unwrap());
    println!("{count} messages: {micros:.2} µs each");
}

/// Answers the store and the account look-ups, and collects what is sent.
fn drain(server: &mut ImServer, sent: &mut Vec<Bytes>, now: Instant) {
    while let Some(output) = server.poll_output() {
        match output {
            Output::Send { bytes, .. } => sent.push(bytes),
            Output::Store { token, op } => {
                let stored = match op {
                    // One message is under way at a time, so one id is enough.
                    StoreOp::LogMessage(_) => Stored::Logged(1),
                    StoreOp::FetchPending { .. } => Stored::Pending(Vec::new()),
                    StoreOp::MarkDelivered { .. } | StoreOp::SaveBindings { .. } => Stored::Done,
                };
                server.handle_stored(token, Ok(stored), now);
            }
            Output::Lookup { token, aor } => {
                let user = aor.split('@').next().unwrap_or_default();
                let account = AccountInfo {
                    service: false,
                    name: String::new(),
                    language: None,
                    passwords: vec![DevicePassword {
                        id: 1,
                        credential: Credential::from_password(user, "example.org", "p"),
                    }],
                    tokens: Vec::new(),
                };
                server.handle_lookup(token, Ok(Some(account)), now);
            }
            Output::Keep { .. } | Output::Event(_) => {}
        }
    }
}

fn source(n: usize) -> Source {
    let n = u16::try_from(n).unwrap_or(0);
    Source {
        transport: Transport::Tcp,
        remote: ([198, 51, 100, 1], 10_000 + n).into(),
        local: ([192, 0, 2, 1], 5060).into(),
        flow: FlowId(u64::from(n)),
    }
}

fn register(n: usize, header: &str) -> Message {
    let cseq = 1 + header.len();
    let text = format!(
        "REGISTER sip:example.org SIP/2.0\r\n\
         Via: SIP/2.0/TCP 198.51.100.1:{n};branch=z9hG4bKr{n}x{cseq};rport\r\n\
         From: <sip:u{n}@example.org>;tag=1\r\nTo: <sip:u{n}@example.org>\r\nCall-ID: r{n}\r\n\
         CSeq: {cseq} REGISTER\r\nContact: <sip:u{n}@198.51.100.1:{n};transport=tcp>\r\n\
         {header}Content-Length: 0\r\n\r\n"
    );
    Message::parse_datagram(text.into()).unwrap_or_else(|error| panic!("{error}"))
}

fn message(n: usize) -> Bytes {
    let (from, to) = (n % PEOPLE, (n + 1) % PEOPLE);
    let body = "x".repeat(100);
    Bytes::from(format!(
        "MESSAGE sip:u{to}@example.org SIP/2.0\r\n\
         Via: SIP/2.0/TCP 198.51.100.1:{from};branch=z9hG4bKm{n};rport\r\n\
         From: <sip:u{from}@example.org>;tag=1\r\nTo: <sip:u{to}@example.org>\r\n\
         Call-ID: m{n}@198.51.100.1\r\nCSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\n\
         User-Agent: load/1\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n{body}"
    ))
}
