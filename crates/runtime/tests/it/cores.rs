//! The driver with a real core: an endpoint that answers every request.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use runtime::driver::{CoreOutput, SipCore, Stopped, drive};
use runtime::sip::{Config, TransportEvent};
use sip_proto::endpoint::{self, Endpoint, Event, Output};
use sip_proto::{Message, ResponseBuilder, Target, Transport};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use crate::peers::*;

/// Answers 200 to everything, and sends what it is told to; tells what became of it.
struct Answering {
    endpoint: Endpoint,
    told: VecDeque<String>,
}

impl SipCore for Answering {
    type Input = (Message, Target);
    type Output = String;

    fn handle_transport(&mut self, event: TransportEvent, now: Instant) {
        match event {
            TransportEvent::Message { source, message } => {
                self.endpoint.handle_message(source, message, now);
            }
            TransportEvent::Bad { source, error } => {
                self.endpoint.handle_malformed(source, &error);
            }
            TransportEvent::FlowClosed { flow } => self.endpoint.handle_flow_closed(flow, now),
            TransportEvent::SendFailed { token, .. } => {
                self.endpoint.handle_send_failed(token, now);
            }
        }
    }
    fn handle_input(&mut self, (message, target): Self::Input, now: Instant) {
        let sent = self
            .endpoint
            .send_request(&message, &target, "127.0.0.1", now);
        sent.unwrap();
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
    }
    fn poll_timeout(&mut self) -> Option<Instant> {
        self.endpoint.poll_timeout()
    }
    fn poll_output(&mut self) -> Option<CoreOutput<String>> {
        loop {
            if let Some(words) = self.told.pop_front() {
                return Some(CoreOutput::App(words));
            }
            match self.endpoint.poll_output()? {
                Output::Send {
                    target,
                    bytes,
                    token,
                } => {
                    return Some(CoreOutput::Send {
                        target,
                        bytes,
                        token: Some(token),
                    });
                }
                Output::Event(Event::Request { tx, message, .. }) => {
                    let answer = ResponseBuilder::reply(&message, 200, "OK")
                        .to_tag("t")
                        .build();
                    self.endpoint.respond(tx, &answer, runtime::clock::now());
                }
                Output::Event(Event::Response { message, .. }) => {
                    self.told.push_back(format!("{:?}", message.status()));
                }
                Output::Event(Event::Timeout { .. }) => self.told.push_back("timeout".into()),
                Output::Event(Event::TransportError { .. }) => {
                    self.told.push_back("transport error".into());
                }
                Output::Event(_) => {}
            }
        }
    }
}

fn answering(seed: u8) -> Answering {
    Answering {
        endpoint: Endpoint::new([seed; 32], endpoint::Config::default()),
        told: VecDeque::new(),
    }
}

/// Runs a core until it tells something.
async fn first_told(bench: &mut Bench, message: Message, target: Target) -> String {
    let (inputs, mut receiver) = mpsc::channel(4);
    let (told, mut tells) = mpsc::channel(4);
    inputs.send((message, target)).await.unwrap();
    let mut core = answering(1);
    let shutdown = bench.tasks.shutdown_token().clone();
    let running = drive(
        &mut core,
        &bench.transports,
        &mut bench.events,
        &mut receiver,
        &shutdown,
        |words, _| told.try_send(words).unwrap(),
    );
    tokio::select! {
        stopped = running => panic!("{stopped:?}"),
        words = tells.recv() => words.unwrap(),
    }
}

fn request() -> Message {
    let text = text("UDP", "x");
    let without_via = text.replace("Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\n", "");
    // A request is parsed with its Via; the endpoint puts its own above.
    assert_ne!(text, without_via);
    Message::parse_datagram(text.into()).unwrap()
}

#[tokio::test]
async fn two_cores_talk() {
    let mut server = Bench::with_limits(Transport::Tcp, Default::default()).await;
    let target = Target::new(Transport::Tcp, server.addr(Transport::Tcp));
    let shutdown = server.tasks.shutdown_token().clone();
    let serving = async {
        let (_inputs, mut receiver) = mpsc::channel(1);
        let mut core = answering(2);
        drive(
            &mut core,
            &server.transports,
            &mut server.events,
            &mut receiver,
            &shutdown,
            |_, _| {},
        )
        .await
    };
    let asking = async {
        let mut client = Bench::new(Config::default()).await;
        let words = first_told(&mut client, request(), target).await;
        client.finish().await;
        shutdown.cancel();
        words
    };
    let (stopped, words) = tokio::join!(serving, asking);
    assert_eq!(words, "Some(200)");
    assert_eq!(stopped, Stopped::Shutdown);
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn the_time_drives_retransmission_and_timeout() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut bench = Bench::with_limits(Transport::Udp, Default::default()).await;
    let target = Target::new(Transport::Udp, silent.local_addr().unwrap());
    let begin = runtime::clock::now();
    assert_eq!(first_told(&mut bench, request(), target).await, "timeout");
    assert_eq!(
        (runtime::clock::now() - begin).as_secs(),
        32,
        "timer F, 64·T1"
    );
    let mut count = 0;
    let mut buffer = [0; 2000];
    while silent.try_recv(&mut buffer).is_ok() {
        count += 1;
    }
    assert_eq!(
        count, 11,
        "the request and ten repetitions (RFC 3261 §17.1.2.2)"
    );
    bench.finish().await;
}

#[tokio::test]
async fn a_connection_that_fails_ends_the_transaction_at_once() {
    let refusing = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::new(Transport::Tcp, refusing.local_addr().unwrap());
    drop(refusing);
    let mut bench = Bench::new(Config::default()).await;
    let words = runtime::clock::within(
        Duration::from_secs(20),
        first_told(&mut bench, request(), target),
    );
    assert_eq!(words.await.unwrap(), "transport error");
    bench.finish().await;
}
