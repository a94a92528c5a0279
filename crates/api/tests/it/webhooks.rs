//! Webhooks over REST, posted to a program on a socket of its own.

use std::sync::Arc;

use api::{Targets, Webhooks, signature};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use convoke_types::bridge::LegEvent;
use convoke_types::report::Change;
use runtime::clock;
use runtime::tasks::{Shutdown, Tasks};
use serde_json::{Value, json};
use soap_proto::{Operation, Request};
use store::Store;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::site::{PATIENCE, Site};
use crate::stage::{Stage, create, people, snapshot};

type Heard = (HeaderMap, Bytes);

/// A program that takes what is posted; its URL, and what it hears.
async fn program() -> (String, mpsc::Receiver<Heard>) {
    let (tell, heard) = mpsc::channel(100);
    let take = |State(tell): State<mpsc::Sender<Heard>>, headers: HeaderMap, body: Bytes| async move {
        tell.send((headers, body)).await.unwrap();
        StatusCode::NO_CONTENT
    };
    let router = Router::new().route("/hook", post(take)).with_state(tell);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, heard)
}

async fn site(permits: bool) -> (Site, Stage, Tasks) {
    runtime::tls::install_provider();
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    people(&store).await;
    let tasks = Tasks::new(Shutdown::new());
    let targets = Targets::new(Arc::new(move |ip| permits && ip.is_loopback()));
    let webhooks = Webhooks::start(&store, targets, &tasks).await.unwrap();
    let stage = Stage::start_with(&store, Some(webhooks.clone()), None);
    let site = Site::serve(directory, store, "", Some(&stage), Some(webhooks)).await;
    (site, stage, tasks)
}

#[tokio::test]
async fn a_program_is_told_what_happens_and_can_tell_that_it_is_true() {
    let (site, mut stage, tasks) = site(true).await;
    let (url, mut heard) = program().await;
    let (alice, bob) = (site.token("alice").await, site.token("bob").await);
    let line = "POST /api/v1/me/webhooks";
    let body = json!({ "url": url, "events": ["conference.created", "participant.leg", "participant.leg"] });
    let made = site.ask(&bob, line, body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let secret = made["secret"].as_str().unwrap();
    let list = site
        .good(&bob, "GET /api/v1/me/webhooks", Value::Null)
        .await;
    let shown = &list["webhooks"][0];
    assert_eq!(
        shown["events"],
        json!(["conference.created", "participant.leg"])
    );
    assert_eq!((&shown["url"], shown.get("secret")), (&json!(url), None));

    let create = json!({ "participants": [{ "person": "bob" }] });
    let conference = site.good(&alice, "POST /api/v1/conferences", create).await;
    let (leg, _) = stage.next_dial().await;
    stage.happen(&leg, LegEvent::Ringing { sip: 180 }).await;
    let mut told = Vec::new();
    let mut deliveries = Vec::new();
    while told.last() != Some(&"ringing".to_owned()) {
        let next = clock::within(PATIENCE, heard.recv()).await;
        let (headers, body) = next.unwrap().unwrap();
        let text = |name: &str| headers.get(name).unwrap().to_str().unwrap().to_owned();
        let signed = text("Convoke-Signature");
        let time = signed
            .strip_prefix("t=")
            .unwrap()
            .split(',')
            .next()
            .unwrap();
        assert_eq!(signed, signature(secret, time.parse().unwrap(), &body));
        assert_eq!(text("Content-Type"), "application/json");
        deliveries.push(text("Convoke-Delivery").parse::<u64>().unwrap());
        let notice: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(notice["user"], "bob@example.org");
        assert_eq!(
            notice["report"]["conference"],
            conference["conference"]["id"]
        );
        let change = &notice["report"]["change"];
        let word = change["state"]
            .as_str()
            .unwrap_or(notice["event"].as_str().unwrap());
        told.push(word.to_owned());
    }
    // Bob is told from the moment that he is on the roster.
    assert_eq!(told, ["queued", "ringing"], "in order");
    assert!(deliveries.is_sorted());

    let remove = format!("DELETE /api/v1/me/webhooks/{}", made["id"]);
    assert_eq!(
        site.refused(&alice, &remove, Value::Null).await.0,
        404,
        "not hers"
    );
    site.good(&bob, &remove, Value::Null).await;
    assert_eq!(site.refused(&bob, &remove, Value::Null).await.0, 404);
    tasks.finish(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a_webhook_of_a_programs_token_goes_with_it_and_a_persons_stays() {
    let (site, _stage, _tasks) = site(true).await;
    let bob = site.sign_in("bob").await;
    let program = site.token("bob").await;
    let body = json!({ "url": "http://127.0.0.1:9/", "events": ["conference.ended"] });
    let line = "POST /api/v1/me/webhooks";
    let stays = site.good(&bob, line, body.clone()).await;
    site.good(&program, line, body).await;
    let tokens = site.good(&bob, "GET /api/v1/me/tokens", Value::Null).await;
    let revoke = format!("DELETE /api/v1/me/tokens/{}", tokens[0]["id"]);
    site.good(&bob, &revoke, Value::Null).await;
    let left = site
        .good(&bob, "GET /api/v1/me/webhooks", Value::Null)
        .await;
    let left = left["webhooks"].as_array().unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["id"], stays["id"]);
}

/// Devices that follow over SOAP, as webhooks do.
#[tokio::test]
async fn a_device_of_who_was_removed_is_told_that_and_nothing_more() {
    runtime::tls::install_provider();
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    people(&store).await;
    let (url, mut heard) = program().await;
    let secret = "s".to_owned();
    let reporting = Some(api::ReportingService { url, secret });
    let mut stage = Stage::start_with(&store, None, reporting);
    let by = |operation: Operation, user: &str, id: &str| {
        let mut request = Request::new(operation, id.parse().unwrap());
        request.headers.reply_to = Some(format!("sip:{user}@example.org;gr=1"));
        request
    };
    let Operation::Create(create) = create("c-1", &["bob"]).operation else {
        panic!("expected a create");
    };
    let create = by(Operation::Create(create), "alice", "c-1");
    let conference = snapshot(stage.ask(&create, "alice").await).id;
    stage.next_dial().await;
    let get = Operation::Get {
        conference: conference.clone(),
        since: None,
        wait_ms: None,
        first: None,
    };
    stage
        .ask(&by(get, "bob", "g-1"), "bob")
        .await
        .outcome
        .unwrap();
    let remove = Operation::Remove {
        conference: conference.clone(),
        participant: "p2".parse().unwrap(),
    };
    let lock = Operation::Lock {
        conference: conference.clone(),
    };
    let unlock = Operation::Unlock { conference };
    let mut of_bob = Vec::new();
    // What is sent together is sent in any order: when the last is heard, all that was sent with the one before is there.
    for (id, operation, on) in [
        ("r-1", remove, None),
        ("l-1", lock, Some(true)),
        ("u-1", unlock, Some(false)),
    ] {
        let command = Request::new(operation, id.parse().unwrap());
        stage.ask(&command, "alice").await.outcome.unwrap();
        let mut waits = on.is_some();
        while waits {
            let next = clock::within(PATIENCE, heard.recv()).await.unwrap();
            let message = soap_proto::parse_report(&next.unwrap().1).unwrap();
            let changes = message.reports.into_iter().map(|report| report.change);
            match message.user.unwrap().user() {
                "bob" => of_bob.extend(changes),
                _ => {
                    waits = !changes
                        .into_iter()
                        .any(|it| Some(it) == on.map(|on| Change::Locked { on }))
                }
            }
        }
    }
    assert_eq!(of_bob.last(), Some(&Change::Removed), "{of_bob:?}");
}

#[tokio::test]
async fn who_was_removed_is_told_that_and_nothing_more() {
    let (site, mut stage, tasks) = site(true).await;
    let (url, mut heard) = program().await;
    let (alice, bob) = (site.token("alice").await, site.token("bob").await);
    let events = [
        "participant.added",
        "participant.removed",
        "conference.locked",
    ];
    let body = json!({ "url": url, "events": events });
    let line = "POST /api/v1/me/webhooks";
    site.good(&bob, line, body.clone()).await;
    let create = json!({ "participants": [{ "person": "bob" }] });
    let made = site.good(&alice, "POST /api/v1/conferences", create).await;
    let at = format!(
        "/api/v1/conferences/{}",
        made["conference"]["id"].as_str().unwrap()
    );
    stage.next_dial().await;
    let remove = format!("DELETE {at}/participants/p2");
    site.good(&alice, &remove, Value::Null).await;
    let mut told = Vec::new();
    while told.len() < 3 {
        let next = clock::within(PATIENCE, heard.recv()).await;
        let notice: Value = serde_json::from_slice(&next.unwrap().unwrap().1).unwrap();
        let words = [&notice["user"], &notice["event"]];
        told.push(words.map(|word| word.as_str().unwrap().to_owned()));
        // Before, alice would be told of the removal too.
        if told.len() == 2 {
            site.good(&alice, line, body.clone()).await;
            let lock = format!("POST {at}/lock");
            site.good(&alice, &lock, Value::Null).await;
        }
    }
    told.sort();
    let expected = [
        ["alice@example.org", "conference.locked"],
        ["bob@example.org", "participant.added"],
        ["bob@example.org", "participant.removed"],
    ];
    assert_eq!(told, expected);
    // What else was to be told would be under way, or wait behind what is.
    tasks.finish(PATIENCE).await.unwrap();
    assert!(heard.try_recv().is_err());
    let webhooks = site
        .store
        .webhooks(&crate::stage::aor("bob"))
        .await
        .unwrap();
    if let Some(next) = site.store.next_delivery(webhooks[0].id).await.unwrap() {
        let next: Value = serde_json::from_slice(&next.body).unwrap();
        assert_eq!(
            (&next["event"], webhooks[0].waiting),
            (&json!("participant.removed"), 1)
        );
    }
}

#[tokio::test]
async fn nobody_uses_webhooks_to_reach_what_only_the_server_can_reach() {
    let (site, _stage, _tasks) = site(false).await;
    let (url, _heard) = program().await;
    let alice = site.token("alice").await;
    let line = "POST /api/v1/me/webhooks";
    for target in [
        url.as_str(),
        "http://localhost/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "https://10.1.2.3/",
        "gopher://8.8.8.8/",
        "not a url",
    ] {
        let body = json!({ "url": target, "events": ["conference.ended"] });
        let refused = site.refused(&alice, line, body).await;
        assert_eq!(refused, (400, "bad-request".to_owned()), "{target}");
    }
    for events in [json!([]), json!(["everything"])] {
        let body = json!({ "url": "https://8.8.8.8/", "events": events });
        assert_eq!(site.refused(&alice, line, body).await.0, 400);
    }
    // One that was stored when it was permitted is not posted to when it no longer is.
    let id = site
        .store
        .add_webhook(store::NewWebhook {
            aor: crate::stage::aor("alice"),
            url,
            events: "conference.created".into(),
            secret: "s".into(),
            token: None,
            created_at: 1,
        })
        .await
        .unwrap();
    let now = clock::unix_ms(clock::wall());
    site.store
        .queue_delivery(id, "{}".into(), now)
        .await
        .unwrap();
    let tasks = Tasks::new(Shutdown::new());
    let targets = Targets::new(Arc::new(|_| false));
    let _webhooks = Webhooks::start(&site.store, targets, &tasks).await.unwrap();
    let failing = async {
        loop {
            let hooks = site.store.webhooks(&crate::stage::aor("alice")).await;
            if let Some((_, words)) = hooks.unwrap()[0].failing.clone() {
                break words;
            }
            tokio::task::yield_now().await;
        }
    };
    let words = clock::within(PATIENCE, failing).await.unwrap();
    assert_eq!(words, "an address that webhooks may not reach");
    tasks.finish(PATIENCE).await.unwrap();
}
