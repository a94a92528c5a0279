//! RFC 3261 §17 and RFC 6026 between two endpoints.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use sip_proto::endpoint::{Config, Endpoint, Event, Output, SendError};
use sip_proto::{
    ClientTx, Edit, FlowId, HeaderName, Message, Method, NameAddr, RequestBuilder, ResponseBuilder,
    ServerTx, Source, Target, Transport, Uri,
};

use crate::net::{Net, User, addr, some_instant};

const MINUTE: Duration = Duration::from_secs(60);

/// Notes what happens; answers requests with `status`, if any.
#[derive(Default)]
struct Recorder {
    status: Option<u16>,
    requests: Vec<(ServerTx, Message)>,
    responses: Vec<(ClientTx, u16)>,
    acks: usize,
    cancels: Vec<ServerTx>,
    timeouts: usize,
    transport_errors: usize,
    not_acknowledged: usize,
}

fn reply(request: &Message, status: u16) -> Message {
    ResponseBuilder::reply(request, status, "Words")
        .to_tag("there")
        .build()
}

impl User for Recorder {
    fn on_event(&mut self, endpoint: &mut Endpoint, event: Event, now: Instant) {
        match event {
            Event::Request { tx, message, .. } => {
                if let Some(status) = self.status {
                    endpoint.respond(tx, &reply(&message, status), now);
                }
                self.requests.push((tx, message));
            }
            Event::Ack { .. } => self.acks += 1,
            Event::Cancel { tx, .. } => self.cancels.push(tx),
            Event::Response { tx, message, .. } => {
                self.responses.push((tx, message.status().unwrap()));
            }
            Event::Timeout { .. } => self.timeouts += 1,
            Event::TransportError { .. } => self.transport_errors += 1,
            Event::NotAcknowledged { .. } => self.not_acknowledged += 1,
            Event::ReplyFailed { .. } => {}
        }
    }
}

fn endpoint(seed: u8) -> Endpoint {
    Endpoint::new([seed; 32], Config::default())
}

fn net(seed: u64, status: Option<u16>) -> Net<Recorder> {
    let server = Recorder {
        status,
        ..Recorder::default()
    };
    Net::new(
        seed,
        vec![(endpoint(1), Recorder::default()), (endpoint(2), server)],
    )
}

fn request(method: Method, seq: u32) -> Message {
    let uri = Uri::parse("sip:bob@192.0.2.2").unwrap();
    let address = NameAddr::new(&uri);
    RequestBuilder::new(method, &uri)
        .max_forwards(70)
        .from(&address.with_tag("here"))
        .to(&address)
        .call_id("call@192.0.2.1")
        .cseq(seq)
        .build()
}

fn send(net: &mut Net<Recorder>, method: Method, seq: u32) -> ClientTx {
    let (target, now) = (net.target(1), net.now);
    net.nodes[0]
        .endpoint
        .send_request(&request(method, seq), &target, "192.0.2.1:5060", now)
        .unwrap()
}

fn nothing_is_left(net: &Net<Recorder>) {
    for node in &net.nodes {
        assert_eq!(node.endpoint.transactions(), 0);
        assert_eq!(node.endpoint.poll_timeout(), None);
    }
}

#[test]
fn each_request_is_seen_once_and_answered_over_a_network_that_loses_a_third() {
    for seed in 0..20 {
        let mut net = net(seed, Some(200));
        net.loss_percent = 33;
        net.delay_max_ms = 700;
        let sent: Vec<_> = (1..=50)
            .map(|seq| send(&mut net, Method::Message, seq))
            .collect();
        net.run(5 * MINUTE);
        let client = &net.nodes[0].user;
        assert_eq!(client.responses.len() + client.timeouts, 50, "seed {seed}");
        assert!(client.timeouts <= 1, "seed {seed}");
        assert!(
            client
                .responses
                .iter()
                .all(|(tx, status)| sent.contains(tx) && *status == 200)
        );
        let requests = net.nodes[1].user.requests.iter();
        let seen: HashSet<_> = requests.map(|(_, m)| m.cseq().unwrap().seq).collect();
        assert_eq!(seen.len(), net.nodes[1].user.requests.len(), "seed {seed}");
        nothing_is_left(&net);
    }
}

#[test]
fn a_failed_invite_is_acknowledged_over_a_network_that_loses_a_third() {
    for seed in 0..20 {
        let mut net = net(seed, Some(486));
        net.loss_percent = 33;
        net.delay_max_ms = 700;
        send(&mut net, Method::Invite, 1);
        net.run(5 * MINUTE);
        assert_eq!(net.nodes[0].user.responses.len(), 1, "seed {seed}");
        let server = &net.nodes[1].user;
        assert_eq!((server.requests.len(), server.acks), (1, 0), "seed {seed}");
        assert_eq!(server.not_acknowledged, 0, "seed {seed}");
        nothing_is_left(&net);
    }
}

#[test]
fn who_answers_nothing_is_given_up_after_32_seconds() {
    // RFC 3261 §17.1.1.2: INVITE at 0, 500, 1500, 3500, 7500, 15500, 31500 ms; §17.1.2.2: others no further apart than 4 s.
    for (method, times) in [
        (
            Method::Invite,
            vec![0, 500, 1_500, 3_500, 7_500, 15_500, 31_500],
        ),
        (
            Method::Options,
            vec![
                0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
            ],
        ),
    ] {
        let mut net = net(1, None);
        net.loss_percent = 100;
        send(&mut net, method, 1);
        net.run(Duration::from_millis(31_999));
        assert_eq!(net.nodes[0].user.timeouts, 0);
        net.run(Duration::from_millis(1));
        assert_eq!(net.nodes[0].user.timeouts, 1);
        let sent: Vec<_> = net.sent.iter().map(|(at, ..)| *at).collect();
        assert_eq!(sent, times);
        nothing_is_left(&net);
    }
}

#[test]
fn streams_repeat_nothing_and_forget_at_once() {
    let mut net = net(1, Some(200));
    net.transport = Transport::Tcp;
    send(&mut net, Method::Message, 1);
    net.run(Duration::from_millis(10));
    assert_eq!(net.sent.len(), 2);
    assert_eq!(net.nodes[0].endpoint.transactions(), 0);
    assert_eq!(net.nodes[1].endpoint.transactions(), 0);
}

#[test]
fn an_invite_nobody_answers_at_once_gets_100_after_200_ms() {
    let mut net = net(1, None);
    send(&mut net, Method::Invite, 1);
    net.run(Duration::from_millis(150));
    assert_eq!(net.count(0, "SIP/2.0"), 0);
    net.run(MINUTE);
    assert_eq!(net.count(0, "SIP/2.0 100"), 1);
    assert_eq!(net.count(1, "INVITE"), 1);
    assert_eq!(
        net.nodes[0].user.timeouts, 0,
        "a proceeding INVITE waits for its user"
    );
}

#[test]
fn a_failure_without_ack_is_repeated_and_given_up() {
    let mut net = net(1, Some(486));
    send(&mut net, Method::Invite, 1);
    net.run(Duration::from_millis(1));
    // From here on nothing arrives.
    net.loss_percent = 100;
    net.run(2 * MINUTE);
    assert_eq!(net.nodes[1].user.not_acknowledged, 1);
    assert_eq!(net.count(0, "SIP/2.0 486"), 11);
    nothing_is_left(&net);
}

#[test]
fn after_a_2xx_the_user_repeats_it_and_every_copy_and_ack_passes() {
    let mut net = net(1, None);
    let tx = send(&mut net, Method::Invite, 1);
    net.run(Duration::from_millis(10));
    let (server_tx, invite) = net.nodes[1].user.requests[0].clone();
    let ok = reply(&invite, 200);
    for _ in 0..3 {
        let now = net.now;
        net.nodes[1].endpoint.respond(server_tx, &ok, now);
        net.run(Duration::from_millis(500));
    }
    // RFC 6026 §7.1: a retransmitted INVITE is absorbed in "Accepted", a failure after it is not sent.
    let now = net.now;
    net.nodes[1]
        .endpoint
        .respond(server_tx, &reply(&invite, 500), now);
    assert_eq!(net.nodes[0].user.responses, [(tx, 200); 3]);
    let target = net.target(1);
    let ack = Edit::of(&request(Method::Ack, 1)).finish();
    net.nodes[0]
        .endpoint
        .send_ack_2xx(&ack, &target, "192.0.2.1:5060")
        .unwrap();
    net.run(2 * MINUTE);
    assert_eq!(net.nodes[1].user.acks, 1);
    assert_eq!(net.count(0, "SIP/2.0 500"), 0);
    assert_eq!(net.nodes[0].user.timeouts, 0);
    nothing_is_left(&net);
}

#[test]
fn a_cancel_waits_for_a_provisional_response_and_copies_the_invite() {
    let mut net = net(1, None);
    let tx = send(&mut net, Method::Invite, 1);
    let now = net.now;
    net.nodes[0].endpoint.cancel(tx, now);
    net.nodes[0].endpoint.cancel(tx, now);
    net.run(Duration::from_millis(199));
    assert_eq!(net.count(1, "CANCEL"), 0);
    net.run(Duration::from_millis(100));
    assert_eq!(net.count(1, "CANCEL sip:bob@192.0.2.2 "), 1);
    assert_eq!(net.count(0, "SIP/2.0 200"), 1);
    let (server_tx, invite) = net.nodes[1].user.requests[0].clone();
    assert_eq!(net.nodes[1].user.cancels, [server_tx]);
    let now = net.now;
    net.nodes[1]
        .endpoint
        .respond(server_tx, &reply(&invite, 487), now);
    net.run(2 * MINUTE);
    assert_eq!(net.nodes[0].user.responses, [(tx, 100), (tx, 487)]);
    nothing_is_left(&net);
}

#[test]
fn a_2xx_that_crosses_the_cancel_is_delivered() {
    let mut net = net(1, None);
    net.delay_max_ms = 20;
    let tx = send(&mut net, Method::Invite, 1);
    net.run(Duration::from_millis(400));
    let now = net.now;
    let (server_tx, invite) = net.nodes[1].user.requests[0].clone();
    net.nodes[1]
        .endpoint
        .respond(server_tx, &reply(&invite, 200), now);
    net.nodes[0].endpoint.cancel(tx, now);
    net.run(2 * MINUTE);
    assert_eq!(net.nodes[0].user.responses, [(tx, 100), (tx, 200)]);
    assert!(
        net.nodes[1].user.cancels.is_empty(),
        "answered already: the CANCEL means nothing"
    );
    assert_eq!(net.count(0, "SIP/2.0 200"), 2);
    nothing_is_left(&net);
}

#[test]
fn a_cancelled_invite_without_final_response_is_given_up() {
    let mut net = net(1, None);
    let tx = send(&mut net, Method::Invite, 1);
    net.run(Duration::from_millis(400));
    let now = net.now;
    net.nodes[0].endpoint.cancel(tx, now);
    net.run(MINUTE);
    assert_eq!(net.nodes[0].user.timeouts, 1);
    assert_eq!(net.nodes[0].endpoint.transactions(), 0);
}

#[test]
fn what_is_over_the_bound_gets_503_and_no_memory() {
    let config = Config {
        max_transactions: 2,
        ..Config::default()
    };
    let server = Endpoint::new([2; 32], config.clone());
    let client = Endpoint::new([1; 32], Config::default());
    let users = vec![(client, Recorder::default()), (server, Recorder::default())];
    let mut net = Net::new(1, users);
    for seq in 1..=5 {
        send(&mut net, Method::Message, seq);
    }
    net.run(Duration::from_millis(10));
    assert_eq!(net.nodes[1].endpoint.transactions(), 2);
    assert_eq!(net.count(0, "SIP/2.0 503"), 3);
    let mut full = Endpoint::new(
        [1; 32],
        Config {
            max_transactions: 0,
            ..config
        },
    );
    let result = full.send_request(&request(Method::Options, 1), &net.target(1), "h", net.now);
    assert_eq!(result, Err(SendError::Full));
}

#[test]
fn a_closed_connection_fails_what_waits_on_it_and_nothing_else() {
    let mut endpoint = endpoint(1);
    let now = some_instant();
    let mut target = Target::new(Transport::Tcp, addr(1));
    let mut on_flow = |flow| {
        target.flow = flow;
        let request = request(Method::Message, 1);
        endpoint
            .send_request(&request, &target, "192.0.2.1", now)
            .unwrap()
    };
    let first: Vec<_> = (0..5).map(|_| on_flow(Some(FlowId(1)))).collect();
    let other = on_flow(Some(FlowId(2)));
    let loose = on_flow(None);
    let mut tokens = Vec::new();
    while let Some(output) = endpoint.poll_output() {
        if let Output::Send { token, .. } = output {
            tokens.push(token);
        }
    }
    let failed = |endpoint: &mut Endpoint| {
        let mut failed: Vec<_> = std::iter::from_fn(|| endpoint.poll_output())
            .filter_map(|output| match output {
                Output::Event(Event::TransportError { tx }) => Some(tx),
                _ => None,
            })
            .collect();
        failed.sort_unstable();
        failed
    };
    endpoint.handle_send_failed(tokens[2], now);
    assert_eq!(failed(&mut endpoint), [first[2]]);
    endpoint.handle_flow_closed(FlowId(1), now);
    assert_eq!(
        failed(&mut endpoint),
        [first[0], first[1], first[3], first[4]]
    );
    endpoint.handle_flow_closed(FlowId(1), now);
    endpoint.handle_flow_closed(FlowId(2), now);
    assert_eq!(failed(&mut endpoint), [other]);
    endpoint.handle_send_failed(tokens[6], now);
    assert_eq!(failed(&mut endpoint), [loose]);
    assert_eq!(endpoint.transactions(), 0);
}

fn source() -> Source {
    Source {
        transport: Transport::Udp,
        remote: "198.51.100.7:40000".parse().unwrap(),
        local: addr(0),
        flow: FlowId(1),
    }
}

fn from_network(endpoint: &mut Endpoint, text: &str) -> Vec<Output> {
    let message = Message::parse_datagram(Bytes::from(text.to_owned())).unwrap();
    endpoint.handle_message(source(), message, some_instant());
    std::iter::from_fn(|| endpoint.poll_output()).collect()
}

#[test]
fn responses_go_where_the_top_via_says() {
    for (via, to, stamped) in [
        (
            "192.0.2.9:5070;branch=z9hG4bKa",
            "198.51.100.7:5070",
            "received=198.51.100.7",
        ),
        (
            "192.0.2.9;branch=z9hG4bKb",
            "198.51.100.7:5060",
            "received=198.51.100.7",
        ),
        (
            "192.0.2.9;rport;branch=z9hG4bKc",
            "198.51.100.7:40000",
            "rport=40000",
        ),
    ] {
        let mut endpoint = endpoint(1);
        let outputs = from_network(
            &mut endpoint,
            &format!(
                "CANCEL sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP {via}\r\nFrom: <sip:a@b>;tag=1\r\n\
                 To: <sip:x@y>\r\nCall-ID: c\r\nCSeq: 1 CANCEL\r\n\r\n"
            ),
        );
        let [Output::Send { target, bytes, .. }] = outputs.as_slice() else {
            panic!("one answer expected");
        };
        assert_eq!(target.addr, to.parse().unwrap());
        let text = String::from_utf8_lossy(bytes);
        assert!(text.starts_with("SIP/2.0 481 "), "{text}");
        assert!(text.contains(stamped), "{text}");
    }
}

#[test]
fn the_key_is_branch_sent_by_and_method_or_what_rfc_2543_had() {
    for via in ["h;branch=z9hG4bKx", "h"] {
        let mut endpoint = endpoint(1);
        let text = |method: &str, via: &str, to: &str| {
            format!(
                "{method} sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP {via}\r\nFrom: <sip:a@b>;tag=1\r\n\
                 To: <sip:x@y>{to}\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n\r\n"
            )
        };
        let outputs = from_network(&mut endpoint, &text("INVITE", via, ""));
        let [Output::Event(Event::Request { tx, message, .. })] = outputs.as_slice() else {
            panic!("a request expected");
        };
        assert!(from_network(&mut endpoint, &text("INVITE", via, "")).is_empty());
        let other = via.replace('h', "i");
        assert_eq!(
            from_network(&mut endpoint, &text("INVITE", &other, "")).len(),
            1
        );
        assert_eq!(
            from_network(&mut endpoint, &text("OPTIONS", via, "")).len(),
            1
        );
        endpoint.respond(*tx, &reply(message, 404), some_instant());
        assert_eq!(std::iter::from_fn(|| endpoint.poll_output()).count(), 1);
        let again = from_network(&mut endpoint, &text("INVITE", via, ""));
        assert!(matches!(again.as_slice(), [Output::Send { .. }]));
        assert!(from_network(&mut endpoint, &text("ACK", via, ";tag=there")).is_empty());
        assert!(from_network(&mut endpoint, &text("INVITE", via, "")).is_empty());
    }
}

#[test]
fn a_malformed_request_is_answered_and_nothing_kept() {
    let text = "INVITE sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n\
                To: <sip:x@y>\r\nCall-ID: c\r\nCSeq: none INVITE\r\n\r\n";
    let error = Message::parse_datagram(Bytes::from_static(text.as_bytes())).unwrap_err();
    let mut endpoint = endpoint(1);
    endpoint.handle_malformed(source(), &error);
    let Some(Output::Send { bytes, .. }) = endpoint.poll_output() else {
        panic!("an answer expected");
    };
    assert!(bytes.starts_with(b"SIP/2.0 400 "));
    assert_eq!(endpoint.transactions(), 0);
}

#[derive(Debug, Clone)]
enum Step {
    Receive(String),
    Send(bool),
    Respond(usize, u16),
    Cancel(usize),
    Wait(u64),
    CloseFlow,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let method = prop_oneof![
        Just("INVITE"),
        Just("ACK"),
        Just("CANCEL"),
        Just("BYE"),
        Just("x")
    ];
    let start = prop_oneof![
        method.clone().prop_map(|m| format!("{m} sip:x@y SIP/2.0")),
        (100u16..700).prop_map(|s| format!("SIP/2.0 {s} Words")),
    ];
    let received =
        (start, method, 0u8..4, "[ -~]{0,12}").prop_map(|(start, method, branch, odd)| {
            let method = if start.starts_with("SIP") {
                method
            } else {
                start.split(' ').next().unwrap()
            };
            Step::Receive(format!(
                "{start}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{branch}\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:x@y>\r\nCall-ID: c\r\nCSeq: {branch} {method}\r\nX-Odd: {odd}\r\n\r\n"
            ))
        });
    let step = prop_oneof![
        4 => received,
        1 => any::<bool>().prop_map(Step::Send),
        2 => (0usize..8, 100u16..700).prop_map(|(i, s)| Step::Respond(i, s)),
        1 => (0usize..8).prop_map(Step::Cancel),
        1 => (0u64..40_000).prop_map(Step::Wait),
        1 => Just(Step::CloseFlow),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #[test]
    fn no_sequence_panics_or_leaves_a_transaction_for_ever(steps in steps()) {
        let mut endpoint = endpoint(1);
        let mut now = some_instant();
        let (mut clients, mut servers, mut pending) = (Vec::new(), Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Receive(text) => {
                    if let Ok(message) = Message::parse_datagram(Bytes::from(text)) {
                        endpoint.handle_message(source(), message, now);
                    }
                }
                Step::Send(invite) => {
                    let method = if invite { Method::Invite } else { Method::Info };
                    let mut target = Target::new(Transport::Tcp, addr(1));
                    target.flow = Some(FlowId(1));
                    clients.push(endpoint.send_request(&request(method, 1), &target, "h", now).unwrap());
                }
                Step::Respond(index, status) => {
                    if let Some((tx, message)) = servers.get(index) {
                        endpoint.respond(*tx, &reply(message, status), now);
                    }
                }
                Step::Cancel(index) => {
                    if let Some(tx) = clients.get(index) {
                        endpoint.cancel(*tx, now);
                    }
                }
                Step::Wait(ms) => {
                    now += Duration::from_millis(ms);
                    endpoint.handle_timeout(now);
                }
                Step::CloseFlow => endpoint.handle_flow_closed(FlowId(1), now),
            }
            while let Some(output) = endpoint.poll_output() {
                if let Output::Event(Event::Request { tx, message, .. }) = output {
                    if message.method() == Some(Method::Invite) {
                        pending.push((tx, message.clone()));
                    }
                    servers.push((tx, message));
                }
            }
        }
        for (tx, message) in pending {
            endpoint.respond(tx, &reply(&message, 500), now);
        }
        endpoint.handle_flow_closed(FlowId(1), now);
        for _ in 0..200 {
            now += Duration::from_secs(1);
            endpoint.handle_timeout(now);
        }
        prop_assert_eq!(endpoint.transactions(), 0);
    }

    #[test]
    fn no_bytes_panic_the_endpoint(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut endpoint = endpoint(1);
        match Message::parse_datagram(Bytes::from(bytes)) {
            Ok(message) => endpoint.handle_message(source(), message, some_instant()),
            Err(error) => endpoint.handle_malformed(source(), &error),
        }
    }
}

#[test]
fn a_header_of_a_relayed_request_stays_below_ours() {
    let mut endpoint = endpoint(1);
    let relayed = Edit::of(&request(Method::Message, 1))
        .push_front(HeaderName::Via, "SIP/2.0/TCP other;branch=z9hG4bKo")
        .finish();
    let target = Target::new(Transport::Udp, addr(1));
    endpoint
        .send_request(&relayed, &target, "h:5070", some_instant())
        .unwrap();
    let Some(Output::Send { bytes, .. }) = endpoint.poll_output() else {
        panic!("a request expected");
    };
    let vias = Message::parse_datagram(bytes).unwrap().vias().unwrap();
    assert_eq!(
        (vias[0].host(), vias[0].port(), vias[0].rport()),
        ("h", Some(5070), Some(None))
    );
    assert_eq!(vias[1].host(), "other");
}

#[test]
fn what_is_answered_and_forgotten_takes_no_memory_and_is_not_repeated() {
    let mut endpoint = endpoint(1);
    let now = some_instant();
    let invite = Edit::of(&request(Method::Invite, 1))
        .push_front(HeaderName::Via, "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1")
        .finish();
    let source = Source {
        transport: Transport::Udp,
        remote: addr(0),
        local: addr(1),
        flow: FlowId(1),
    };
    let mut sent = 0;
    for _ in 0..2 {
        endpoint.handle_message(source, invite.clone(), now);
        while let Some(output) = endpoint.poll_output() {
            match output {
                Output::Event(Event::Request { tx, message, .. }) => {
                    endpoint.respond_and_forget(tx, &reply(&message, 405), now);
                }
                Output::Send { .. } => sent += 1,
                Output::Event(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(endpoint.transactions(), 0);
    }
    while let Some(at) = endpoint.poll_timeout() {
        endpoint.handle_timeout(at);
    }
    assert!(endpoint.poll_output().is_none());
    assert_eq!(sent, 2, "one for each time that it came");
}
