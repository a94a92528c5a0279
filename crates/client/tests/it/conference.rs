//! Commands and reports, with a conference service that the test plays: what is lost, repeated and refused on the way.

use std::time::Duration;

use client::{CommandError, ConferenceClient, Event, Followed, ImClient, Patience};
use convoke_types::report::{Change, Report};
use convoke_types::{Aor, Fault, FaultCode};
use runtime::clock;
use sip_proto::{Transport, Uri};
use soap_proto::{
    Answer, Headers, Operation, OperationName, ReportMessage, Request, Response, Snapshot, names,
    parse_request, write_report, write_response,
};
use store::AccountKind;

use crate::{Bench, DOMAIN, SOON, heard};

const QUICK: Patience = Patience {
    answer: Duration::from_millis(200),
    pause: Duration::from_millis(50),
    whole: Duration::from_secs(20),
};

/// The service's end of the line.
struct Service {
    im: ImClient,
}

impl Service {
    async fn start(bench: &Bench) -> Self {
        let config = bench.config("conference", Transport::Tcp).await;
        let accounts = &bench.server.accounts;
        accounts
            .save(&config.aor, "Conference", AccountKind::Service)
            .await
            .unwrap();
        let im = ImClient::connect(config, &bench.tasks).await.unwrap();
        Self { im }
    }

    async fn asked(&self) -> Request {
        parse_request(&heard(&self.im).await.body).unwrap()
    }

    async fn send(&self, to: &str, body: Vec<u8>) {
        let to = Uri::parse(to.to_owned()).unwrap();
        let sent = self.im.message(&to, names::CONTENT_TYPE, body, vec![]);
        assert!(sent.await.unwrap().is_success());
    }

    async fn answer(&self, request: &Request, outcome: Result<Answer, Fault>) {
        let to = request.headers.reply_to.clone().unwrap();
        let response = Response::to(&request.headers, outcome);
        self.send(&to, write_response(&response)).await;
    }
}

async fn commander(bench: &Bench) -> ConferenceClient {
    let im = bench.connect("alice", Transport::Tcp).await;
    let service = Aor::new("conference", DOMAIN).unwrap();
    ConferenceClient::start_with(im, &service, QUICK, &bench.tasks).unwrap()
}

fn end() -> Operation {
    Operation::End {
        conference: "c1".parse().unwrap(),
    }
}

fn state(version: u64) -> Snapshot {
    let mut state = Snapshot::begin("c1".parse().unwrap(), "Plan".to_owned());
    state.version = version;
    state
}

fn report(version: u64) -> Report {
    Report {
        conference: "c1".parse().unwrap(),
        version,
        participant: None,
        change: Change::Created,
        command: None,
    }
}

fn reports(versions: &[u64]) -> Vec<u8> {
    let message = ReportMessage {
        headers: Headers::default(),
        user: None,
        address: None,
        reports: versions.iter().copied().map(report).collect(),
    };
    write_report(&message).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_without_answer_is_sent_again_as_it_was() {
    let bench = Bench::start().await;
    let service = Service::start(&bench).await;
    let alice = commander(&bench).await;
    let play = async {
        let first = service.asked().await;
        let again = service.asked().await;
        assert_eq!(first, again, "the same id and the same content");
        let done = Answer::Done {
            operation: OperationName::End,
            conference: state(3),
        };
        service.answer(&again, Ok(done)).await;
    };
    let (answer, ()) = tokio::join!(alice.request(end()), play);
    assert_eq!(answer.unwrap().operation(), OperationName::End);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_and_an_absent_service_are_told_apart() {
    let bench = Bench::start().await;
    let service = Service::start(&bench).await;
    let alice = commander(&bench).await;
    let play = async {
        let request = service.asked().await;
        let fault = Fault::new(FaultCode::UnknownConference, "a running conference", "c1");
        service.answer(&request, Err(fault)).await;
    };
    let (answer, ()) = tokio::join!(alice.request(end()), play);
    match answer {
        Err(CommandError::Fault(fault)) => assert_eq!(fault.code, FaultCode::UnknownConference),
        other => panic!("{other:?}"),
    }
    service.im.close().await;
    match alice.request(end()).await {
        Err(CommandError::NotDelivered { status, .. }) => assert_eq!(status, 480),
        other => panic!("{other:?}"),
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_reports_are_asked_for_and_come_in_order() {
    let bench = Bench::start().await;
    let service = Service::start(&bench).await;
    let alice = commander(&bench).await;
    let gruu = alice.im().gruu().unwrap();
    service.send(&gruu, reports(&[1])).await;
    service.send(&gruu, reports(&[4])).await;
    let mut followed = Followed::begin(&state(1));
    for expected in [1, 4] {
        let event = clock::within(SOON, alice.next()).await.unwrap();
        assert_eq!(event, Some(Event::Report(report(expected))));
        followed.report(&report(expected), soap_proto::UtcMillis(1));
    }
    assert!(followed.is_behind());
    let play = async {
        let request = service.asked().await;
        let Operation::Get { since, .. } = &request.operation else {
            panic!("{request:?}");
        };
        assert_eq!(*since, Some(1));
        let answer = Answer::Get {
            conference: state(4),
            reports: vec![report(2), report(3), report(4)],
        };
        service.answer(&request, Ok(answer)).await;
    };
    let (caught, ()) = tokio::join!(alice.catch_up(&mut followed), play);
    let versions: Vec<u64> = caught.unwrap().iter().map(|r| r.version).collect();
    assert_eq!(versions, [2, 3, 4]);
    assert!(!followed.is_behind());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_comes_beside_answers() {
    let bench = Bench::start().await;
    let alice = commander(&bench).await;
    let bob = bench.connect("bob", Transport::Tcp).await;
    assert_eq!(crate::say(&bob, "alice", "hi").await, 202);
    match clock::within(SOON, alice.next()).await.unwrap() {
        Some(Event::Chat(message)) => assert_eq!(message.text(), "hi"),
        other => panic!("{other:?}"),
    }
    alice.close().await;
    assert_eq!(clock::within(SOON, alice.next()).await.unwrap(), None);
    bench.stop().await;
}
