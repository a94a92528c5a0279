//! Webhooks over REST, posted to a program on a socket of its own.

use std::sync::Arc;

use api::{Targets, Webhooks, signature};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use convoke_types::bridge::LegEvent;
use runtime::clock;
use runtime::tasks::{Shutdown, Tasks};
use serde_json::{Value, json};
use store::Store;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::site::{PATIENCE, Site};
use crate::stage::{Stage, people};

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
    let stage = Stage::start_with(&store, Some(webhooks.clone()));
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
