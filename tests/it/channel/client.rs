//! Our client against somebody else's IM server: what it makes of a request is authenticated, routed and answered there.

use std::collections::HashMap;

use client::{ConferenceClient, Config, Event, ImClient};
use convoke_tests::peers::sipp::{Sipp, Trunk};
use convoke_types::report::{Change, Report};
use convoke_types::{Aor, LegState};
use runtime::tasks::{Shutdown, Tasks};
use runtime::tls::{ClientTrust, PeerTrust};
use sip_proto::auth::Login;
use sip_proto::{Target, Transport};
use soap_proto::{Answer, Create, Operation, Party, Who};
use testkit::GIVE_UP;

use super::stage::{DOMAIN, ImServer, Stage};

/// Our client, registered at Kamailio by TLS.
async fn connect(stage: &Stage, user: &str, tasks: &Tasks) -> ConferenceClient {
    let identity = stage.identity(user);
    let login = Login {
        username: identity.user,
        password: identity.password,
    };
    let theirs = stage.kamailio.as_ref().unwrap();
    let aor = Aor::new(user, DOMAIN).unwrap();
    let mut config = Config::new(aor, login, Target::new(Transport::Tls, theirs.tls()));
    let pinned = PeerTrust::Pinned(theirs.certificate());
    config.trust = ClientTrust {
        roots: Vec::new(),
        peers: HashMap::from([(theirs.tls().ip().to_string(), pinned)]),
    };
    let im = ImClient::connect(config, tasks).await.unwrap();
    let service = Aor::new("conference", DOMAIN).unwrap();
    ConferenceClient::start(im, &service, tasks).unwrap()
}

/// Takes reports until one fits.
async fn until(client: &ConferenceClient, fits: impl Fn(&Report) -> bool) {
    let waited = runtime::clock::within(GIVE_UP, async {
        while let Some(event) = client.next().await {
            if let Event::Report(report) = event
                && fits(&report)
            {
                return;
            }
        }
        panic!("the client was closed");
    });
    waited.await.unwrap();
}

fn joined(report: &Report, name: &str) -> bool {
    let theirs = report
        .participant
        .as_ref()
        .is_some_and(|whom| whom.name == name);
    let state = matches!(&report.change, Change::Leg { state, .. } if *state == LegState::Joined);
    theirs && state
}

fn create(others: &[&str]) -> Operation {
    let party = |name: &str| Party::of(Who::Person(name.to_owned()));
    Operation::Create(Create {
        title: None,
        initiator: party("alice"),
        participants: others.iter().map(|name| party(name)).collect(),
        policy: None,
        payer: None,
        account: None,
        conference: None,
        owner: None,
        video: None,
    })
}

/// One call for these requests: for alice alone, then for alice and others.
fn our_client_commands_through_kamailio(others: &[&str]) {
    let calls = u32::try_from(others.len()).unwrap() + 1;
    let sipp = Sipp::start(Trunk {
        calls,
        ..Trunk::default()
    })
    .unwrap();
    let stage = Stage::start(ImServer::Kamailio, sipp.addr());
    runtime::tls::install_provider();
    let tokio = tokio::runtime::Runtime::new().unwrap();
    tokio.block_on(async {
        let tasks = Tasks::new(Shutdown::new());
        let alice = connect(&stage, "alice", &tasks).await;
        let Answer::Done { conference, .. } = alice.request(create(others)).await.unwrap() else {
            panic!("create was answered with something else");
        };
        for name in ["alice"].iter().chain(others) {
            until(&alice, |report| joined(report, name)).await;
        }
        let end = Operation::End {
            conference: conference.id,
        };
        alice.request(end).await.unwrap();
        until(&alice, |report| {
            matches!(report.change, Change::Ended { .. })
        })
        .await;
        alice.close().await;
        tasks.finish(GIVE_UP).await.unwrap();
    });
    let outcome = sipp.finish(GIVE_UP).unwrap();
    assert_eq!(
        (outcome.ok, outcome.successful),
        (true, calls),
        "{}",
        outcome.errors
    );
}

#[test]
fn our_client_asks_kamailio_to_call_the_initiator_alone() {
    our_client_commands_through_kamailio(&[]);
}

#[test]
fn our_client_asks_kamailio_to_call_any_number_of_participants() {
    our_client_commands_through_kamailio(&["bob", "carol", "dave"]);
}
