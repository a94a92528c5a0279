//! A user agent against a registrar and relay that challenges everything.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_proto::auth::{Algorithm, Credential, DigestResponse, Login, Verifier, VerifierConfig};
use sip_proto::endpoint::{Config, Endpoint, Event};
use sip_proto::ua::{MessageError, MessageToken, Ua, UaConfig, UaEvent};
use sip_proto::{
    FlowId, HeaderName, Message, Method, NameAddr, RequestBuilder, ResponseBuilder, ServerTx,
    Target, Transport, Uri,
};

use crate::net::{Net, User, addr, some_instant};

const SECOND: Duration = Duration::from_secs(1);

/// Registrar and relay of one user, as its peer sees it.
struct Server {
    verifier: Verifier,
    /// Answered to REGISTER instead, each once.
    odd: Vec<(u16, Option<(HeaderName, &'static str)>)>,
    expires_s: u32,
    registers: Vec<Message>,
    messages: Vec<Message>,
    results: Vec<u16>,
}

impl Server {
    fn new(now: Instant) -> Self {
        let config = VerifierConfig {
            algorithms: vec![Algorithm::Md5, Algorithm::Sha256],
            ..VerifierConfig::default()
        };
        Server {
            verifier: Verifier::new("example.org", [5; 32], config, now),
            odd: Vec::new(),
            expires_s: 500,
            registers: Vec::new(),
            messages: Vec::new(),
            results: Vec::new(),
        }
    }

    fn admitted(&mut self, message: &Message, name: HeaderName, now: Instant) -> bool {
        let credential = Credential::from_password("alice", "example.org", "secret");
        message.header(name).is_some_and(|value| {
            let answer = DigestResponse::parse(value).unwrap();
            assert_eq!(answer.algorithm, Algorithm::Sha256);
            let method = message.method().unwrap();
            self.verifier
                .verify(&answer, method.as_str(), Some(&credential), now)
                .is_ok()
        })
    }

    fn challenge(&mut self, message: &Message, proxy: bool, now: Instant) -> Message {
        let (status, name) = if proxy {
            (407, HeaderName::ProxyAuthenticate)
        } else {
            (401, HeaderName::WwwAuthenticate)
        };
        let mut response = ResponseBuilder::reply(message, status, "Who?").to_tag("s");
        for value in self.verifier.challenges(false, now) {
            response = response.header(name.clone(), value);
        }
        response.build()
    }

    fn answer(&mut self, message: &Message, now: Instant) -> Message {
        let reply = |status| ResponseBuilder::reply(message, status, "Words").to_tag("s");
        let proxy = message.method_ref() == Some(&Method::Message);
        let name = if proxy {
            HeaderName::ProxyAuthorization
        } else {
            HeaderName::Authorization
        };
        if !self.admitted(message, name, now) {
            return self.challenge(message, proxy, now);
        }
        if proxy {
            self.messages.push(message.clone());
            return reply(202).build();
        }
        self.registers.push(message.clone());
        if let Some((status, header)) = self.odd.pop() {
            let mut response = reply(status);
            if let Some((name, value)) = header {
                response = response.header(name, value);
            }
            return response.build();
        }
        let contact = &message.contacts().unwrap()[0];
        if contact.param("expires") == Some("0") {
            return reply(200).build();
        }
        let other = "<sip:alice@198.51.100.9>;expires=17;+sip.instance=\"<urn:uuid:other>\"";
        let ours = contact
            .with_param("expires", &self.expires_s.to_string())
            .with_param("pub-gruu", "sip:alice@example.org;gr=urn:uuid:1");
        reply(200)
            .header(HeaderName::Contact, other)
            .header(HeaderName::Contact, ours)
            .header(HeaderName::ServiceRoute, "<sip:192.0.2.2;lr>")
            .build()
    }
}

enum Side {
    Device(Box<Ua>, Vec<UaEvent>),
    Server(Box<Server>),
}

impl Side {
    fn ua(&mut self) -> (&mut Ua, &mut Vec<UaEvent>) {
        match self {
            Side::Device(ua, events) => (ua, events),
            Side::Server(_) => panic!("a device expected"),
        }
    }
    fn server(&mut self) -> &mut Server {
        match self {
            Side::Server(server) => server,
            Side::Device(..) => panic!("a server expected"),
        }
    }
    fn drain(&mut self) {
        if let Side::Device(ua, events) = self {
            events.extend(std::iter::from_fn(|| ua.poll_event()));
        }
    }
}

impl User for Side {
    fn on_event(&mut self, endpoint: &mut Endpoint, event: Event, now: Instant) {
        match (&mut *self, event) {
            (Side::Device(ua, _), event) => {
                if let Some(rest) = ua.handle(endpoint, event, now) {
                    sip_proto::ua::refuse(endpoint, &rest, sip_proto::ua::ALLOW, now);
                }
            }
            (Side::Server(server), Event::Request { tx, message, .. }) => {
                let response = server.answer(&message, now);
                endpoint.respond(tx, &response, now);
            }
            (Side::Server(server), Event::Response { message, .. }) => {
                server.results.push(message.status().unwrap());
            }
            (Side::Server(_), _) => {}
        }
        self.drain();
    }
    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Side::Device(ua, _) => ua.poll_timeout(),
            Side::Server(_) => None,
        }
    }
    fn on_timeout(&mut self, endpoint: &mut Endpoint, now: Instant) {
        if let Side::Device(ua, _) = self {
            ua.handle_timeout(endpoint, now);
        }
        self.drain();
    }
}

fn config(password: &str) -> UaConfig {
    UaConfig {
        aor: Uri::parse("sip:alice@example.org").unwrap(),
        target: Target::new(Transport::Tcp, addr(1)),
        via_host: "192.0.2.1:5060".into(),
        contact: Uri::parse("sip:alice@192.0.2.1:5060;transport=tcp").unwrap(),
        login: Login {
            username: "alice".into(),
            password: password.into(),
        },
        instance: "urn:uuid:00000000-0000-4000-8000-000000000001".into(),
        expires_s: 3_600,
        product: "test".into(),
    }
}

fn net(password: &str) -> Net<Side> {
    let endpoint = |seed| Endpoint::new([seed; 32], Config::default());
    let device = Side::Device(Box::new(Ua::new(config(password))), Vec::new());
    let server = Side::Server(Box::new(Server::new(some_instant())));
    let mut net = Net::new(1, vec![(endpoint(1), device), (endpoint(2), server)]);
    net.transport = Transport::Tcp;
    net
}

fn device<T>(net: &mut Net<Side>, what: impl FnOnce(&mut Ua, &mut Endpoint, Instant) -> T) -> T {
    let now = net.now;
    let node = &mut net.nodes[0];
    let done = what(node.user.ua().0, &mut node.endpoint, now);
    node.user.drain();
    done
}

fn events(net: &mut Net<Side>) -> Vec<UaEvent> {
    std::mem::take(net.nodes[0].user.ua().1)
}

fn registered(net: &mut Net<Side>) {
    device(net, |ua, ep, now| ua.register(ep, now));
    net.run(SECOND);
    let events = events(net);
    assert!(
        matches!(events.as_slice(), [UaEvent::Registered { .. }]),
        "{events:?}"
    );
}

#[test]
fn it_registers_with_digest_learns_its_gruu_and_refreshes_in_time() {
    let mut net = net("secret");
    device(&mut net, |ua, ep, now| ua.register(ep, now));
    net.run(SECOND);
    let [
        UaEvent::Registered {
            gruu,
            expires_s: 500,
        },
    ] = &events(&mut net)[..]
    else {
        panic!("registered for what the registrar said");
    };
    assert_eq!(
        gruu.as_ref().unwrap().as_str(),
        "sip:alice@example.org;gr=urn:uuid:1"
    );
    let register = net.nodes[1].user.server().registers[0].clone();
    assert_eq!(register.request_uri(), Some("sip:example.org"));
    assert!(
        ["gruu", "path", "outbound"]
            .iter()
            .all(|t| register.lists(HeaderName::Supported, t))
    );
    let contact = &register.contacts().unwrap()[0];
    assert_eq!(contact.param("reg-id"), Some("1"));
    assert!(
        contact
            .param("+sip.instance")
            .unwrap()
            .contains("urn:uuid:0000")
    );
    // Half of 500 s; the nonce is used again, so no challenge comes.
    net.run(Duration::from_secs(248));
    assert_eq!(net.count(1, "REGISTER"), 2);
    net.run(Duration::from_secs(2));
    assert_eq!(net.count(1, "REGISTER"), 3);
    let seqs: Vec<_> = net.nodes[1]
        .user
        .server()
        .registers
        .iter()
        .map(|m| m.cseq().unwrap().seq)
        .collect();
    assert_eq!(seqs, [2, 3]);
    assert!(events(&mut net).is_empty(), "refreshes are silent");
    // The nonce is older than five minutes now: stale, challenged again, still silent.
    net.run(Duration::from_secs(600));
    assert!(events(&mut net).is_empty());
    device(&mut net, |ua, ep, now| ua.unregister(ep, now));
    net.run(SECOND);
    assert!(matches!(events(&mut net)[..], [UaEvent::Unregistered]));
    let last = net.nodes[1].user.server().registers.last().unwrap().clone();
    assert_eq!(last.contacts().unwrap()[0].param("expires"), Some("0"));
    assert_eq!(net.nodes[0].user.ua().0.poll_timeout(), None);
}

#[test]
fn a_wrong_password_backs_off_instead_of_hammering() {
    let mut net = net("wrong");
    device(&mut net, |ua, ep, now| ua.register(ep, now));
    net.run(Duration::from_secs(3_600));
    let events = events(&mut net);
    let waits: Vec<_> = events
        .iter()
        .map(|event| match event {
            UaEvent::RegistrationFailed {
                status: 401,
                retry_in_ms,
                ..
            } => *retry_in_ms,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!((500..=1_000).contains(&waits[0]));
    assert!((10..=30).contains(&waits.len()), "{waits:?}");
    assert!(waits.iter().all(|ms| *ms <= 300_000));
    assert_eq!(net.count(1, "REGISTER"), 2 * waits.len());
}

#[test]
fn it_obeys_423_439_and_retry_after() {
    let mut net = net("secret");
    net.nodes[1].user.server().odd = vec![
        (503, Some((HeaderName::RetryAfter, "20 (busy)"))),
        (439, None),
        (423, Some((HeaderName::MinExpires, "7200"))),
    ];
    device(&mut net, |ua, ep, now| ua.register(ep, now));
    net.run(Duration::from_secs(19));
    let [
        UaEvent::RegistrationFailed {
            status: 503,
            retry_in_ms: 20_000,
            ..
        },
    ] = &events(&mut net)[..]
    else {
        panic!("503 expected");
    };
    net.run(Duration::from_secs(2));
    assert!(matches!(events(&mut net)[..], [UaEvent::Registered { .. }]));
    let last = net.nodes[1].user.server().registers.last().unwrap().clone();
    assert_eq!(last.expires().unwrap(), Some(7_200));
    assert!(!last.lists(HeaderName::Supported, "outbound"));
}

#[test]
fn a_lost_connection_is_replaced_and_a_dead_server_waited_for() {
    let mut net = net("secret");
    registered(&mut net);
    let flow = device(&mut net, |ua, _, _| ua.config().target.flow.unwrap());
    device(&mut net, |ua, ep, now| {
        ua.handle_flow_closed(ep, FlowId(99), now);
        assert!(ua.is_registered());
        ua.handle_flow_closed(ep, flow, now);
        assert!(!ua.is_registered());
    });
    net.run(SECOND);
    assert!(matches!(events(&mut net)[..], [UaEvent::Registered { .. }]));
}

#[test]
fn messages_are_sent_with_credentials_by_the_service_route_and_told_their_result() {
    let mut net = net("secret");
    registered(&mut net);
    let to = Uri::parse("sip:bob@example.org").unwrap();
    let send = |net: &mut Net<Side>, words: &'static str| -> MessageToken {
        device(net, |ua, ep, now| {
            let extra = [(HeaderName::parse("X-Request").unwrap(), "r1\r\nEvil: x")];
            ua.message(
                ep,
                &to,
                "text/plain",
                Bytes::from_static(words.as_bytes()),
                &extra,
                now,
            )
        })
        .unwrap()
    };
    let first = send(&mut net, "one");
    net.run(SECOND);
    let second = send(&mut net, "two");
    net.run(SECOND);
    let results: Vec<_> = events(&mut net)
        .into_iter()
        .map(|event| match event {
            UaEvent::MessageResult { token, status, .. } => (token, status),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(results, [(first, 202), (second, 202)]);
    assert_eq!(
        net.count(1, "MESSAGE"),
        3,
        "the second goes with credentials at once"
    );
    let server = net.nodes[1].user.server();
    assert_eq!(server.messages[0].body(), "one");
    assert_eq!(
        server.messages[0].header(HeaderName::Route),
        Some("<sip:192.0.2.2;lr>")
    );
    assert!(!server.messages[0].has(HeaderName::parse("Evil").unwrap()));
}

#[test]
fn a_message_that_nobody_answers_is_408_and_one_too_long_for_udp_is_refused() {
    let mut net = net("secret");
    registered(&mut net);
    net.nodes[0].user.ua().0.set_target(
        Target::new(Transport::Udp, addr(7)),
        "192.0.2.1:5060".into(),
        Uri::parse("sip:alice@192.0.2.1").unwrap(),
    );
    let to = Uri::parse("sip:bob@example.org").unwrap();
    let send = |net: &mut Net<Side>, body: Bytes| {
        device(net, |ua, ep, now| {
            ua.message(ep, &to, "text/plain", body, &[], now)
        })
    };
    let long = Bytes::from(vec![b'x'; 1_300]);
    assert_eq!(send(&mut net, long), Err(MessageError::TooLongForUdp));
    let token = send(&mut net, Bytes::from_static(b"x")).unwrap();
    net.run(Duration::from_secs(40));
    let result = events(&mut net).pop();
    assert!(
        matches!(result, Some(UaEvent::MessageResult { token: t, status: 408, .. }) if t == token)
    );
}

#[test]
fn incoming_messages_are_handed_over_options_answered_and_others_refused() {
    let mut net = net("secret");
    registered(&mut net);
    for method in [Method::Message, Method::Options, Method::Invite] {
        let uri = Uri::parse("sip:alice@192.0.2.1:5060").unwrap();
        let request = RequestBuilder::new(method, &uri)
            .max_forwards(70)
            .from(&NameAddr::parse("<sip:bob@example.org>;tag=b").unwrap())
            .to(&NameAddr::new(&uri))
            .call_id("c")
            .cseq(1)
            .header(HeaderName::Contact, "<sip:bob@192.0.2.9>")
            .body("text/plain", "hello")
            .build();
        let (target, now) = (net.target(0), net.now);
        net.nodes[1]
            .endpoint
            .send_request(&request, &target, "192.0.2.2", now)
            .unwrap();
        net.run(Duration::from_millis(50));
    }
    let Some(UaEvent::Message { tx, message, .. }) = events(&mut net).pop() else {
        panic!("a message expected");
    };
    assert_eq!(message.body(), "hello");
    let answer = |net: &mut Net<Side>, tx: ServerTx| {
        device(net, |ua, ep, now| {
            ua.reply(ep, tx, &message, 200, "OK", now)
        });
    };
    answer(&mut net, tx);
    net.run(SECOND);
    assert_eq!(net.nodes[1].user.server().results, [200, 405, 200]);
}
