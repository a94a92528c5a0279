//! Conferences over REST: the same authority, ids and history as over SOAP, and server-sent events.

use api::Caller;
use convoke_types::bridge::{BridgeCommand, LegEvent};
use convoke_types::media::StreamStats;
use convoke_types::report::{ConferenceEnd, ConferenceEndReason};
use convoke_types::{Cause, ConferenceId, EndReason, LegKey, LegState, ParticipantId};
use runtime::clock;
use serde_json::{Value, json};
use store::{ConferenceRecord, LegRecord, LegTimes, Store};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::site::{KEY, PATIENCE, Site};
use crate::stage::{Stage, aor, create};

pub fn hung_up() -> LegEvent {
    let cause = Cause {
        reason: EndReason::HungUp,
        sip: None,
        q850: None,
        words: "Hung up.".into(),
    };
    LegEvent::Ended {
        state: LegState::Left,
        cause,
    }
}

/// The parties of a conference of alice's.
pub fn new(others: &[&str]) -> Value {
    let others: Vec<Value> = others.iter().map(|who| json!({ "person": who })).collect();
    json!({ "title": "Plan", "participants": others })
}

/// Starts one and lets everybody join.
async fn running(site: &Site, stage: &mut Stage, token: &str) -> (String, Vec<LegKey>) {
    let made = site
        .good(token, "POST /api/v1/conferences", new(&["bob"]))
        .await;
    let id = made["conference"]["id"].as_str().unwrap().to_owned();
    let mut legs = Vec::new();
    for _ in 0..2 {
        let (leg, _) = stage.next_dial().await;
        stage.join(&leg).await;
        legs.push(leg);
    }
    (id, legs)
}

/// The events of one stream.
struct Events {
    lines: BufReader<TcpStream>,
    status: u16,
}

#[derive(Debug, Default)]
struct Event {
    name: String,
    id: Option<u64>,
    data: Value,
}

impl Events {
    async fn open(site: &Site, token: &str, id: &str, last: Option<u64>) -> Self {
        let line = format!("GET /api/v1/conferences/{id}/events");
        let mut headers = vec![format!("Authorization: Bearer {token}")];
        headers.extend(last.map(|last| format!("Last-Event-ID: {last}")));
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let mut lines = BufReader::new(site.open(&line, &headers, "").await);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = clock::within(PATIENCE, lines.read_line(&mut head)).await;
            assert_ne!(read.unwrap().unwrap(), 0, "{head}");
        }
        Self {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            lines,
        }
    }

    /// The next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        loop {
            let mut line = String::new();
            let read = clock::within(PATIENCE, self.lines.read_line(&mut line)).await;
            if read.expect("an event").unwrap() == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("event", name)) => event.name = name.to_owned(),
                Some(("id", id)) => event.id = id.parse().ok(),
                Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
                // Chunk sizes, comments, `retry`.
                _ if !event.name.is_empty() && line.trim_end().is_empty() => return Some(event),
                _ => {}
            }
        }
    }

    async fn until(&mut self, what: &str, fits: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut seen = Vec::new();
        loop {
            let Some(event) = self.next().await else {
                panic!("{what} never came: {seen:?}");
            };
            let found = fits(&event);
            seen.push(event);
            if found {
                return seen;
            }
        }
    }
}

fn is_leg(event: &Event, name: &str, state: &str) -> bool {
    event.data["participant"]["name"] == name && event.data["change"]["state"] == state
}

#[tokio::test]
async fn a_program_starts_follows_mutes_and_ends_a_conference() {
    let (site, mut stage) = Site::with_conferences().await;
    let alice = site.token("alice").await;
    let made = site
        .ask(&alice, "POST /api/v1/conferences", new(&["bob"]))
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    let conference = &made.json()["conference"];
    let id = conference["id"].as_str().unwrap();
    let location = format!("/api/v1/conferences/{id}");
    assert_eq!(made.header("Location"), Some(location.as_str()));
    assert_eq!(
        (&conference["state"], &conference["count"]),
        (&json!("starting"), &json!(2))
    );
    assert_eq!(conference["participants"][0]["user"], "alice@example.org");
    assert_eq!(conference["participants"][0]["leg"]["words"], "Queued");

    let mut events = Events::open(&site, &alice, id, None).await;
    assert_eq!(events.status, 200);
    let first = events.next().await.unwrap();
    assert_eq!(
        (first.name.as_str(), first.id),
        ("snapshot", first.data["version"].as_u64())
    );
    assert_eq!(first.data["participants"].as_array().unwrap().len(), 2);
    let mut version = first.id.unwrap();
    let mut legs = Vec::new();
    for _ in 0..2 {
        let (leg, _) = stage.next_dial().await;
        stage.join(&leg).await;
        legs.push(leg);
    }
    let mut all = events
        .until("bob joined", |event| is_leg(event, "BOB Test", "joined"))
        .await;
    let state = site
        .good(&alice, &format!("GET {location}"), Value::Null)
        .await;
    let bob = state["conference"]["participants"][1]["id"]
        .as_str()
        .unwrap();
    assert_eq!(state["conference"]["state"], "running");
    assert_eq!(state["reports"], json!([]));

    let of_bob = format!("{location}/participants/{bob}");
    let muted = site
        .good(&alice, &format!("POST {of_bob}/mute"), Value::Null)
        .await;
    assert_eq!(muted["conference"]["participants"][1]["muted"], true);
    all.extend(
        events
            .until("muted", |event| event.data["change"]["what"] == "muted")
            .await,
    );
    site.good(&alice, &format!("POST {of_bob}/unmute"), json!({}))
        .await;
    let added = json!({ "participants": [{ "person": "carol", "name": "Caro" }] });
    site.good(&alice, &format!("POST {location}/participants"), added)
        .await;
    let (carol, number) = stage.next_dial().await;
    assert_eq!(number, "+15550103");
    stage.happen(&carol, LegEvent::Dialling).await;
    all.extend(
        events
            .until("carol is called", |event| is_leg(event, "Caro", "dialling"))
            .await,
    );
    let disconnected = format!("POST {location}/participants/p3/disconnect");
    site.good(&alice, &disconnected, Value::Null).await;
    stage.happen(&carol, hung_up()).await;
    all.extend(
        events
            .until("carol left", |event| is_leg(event, "Caro", "left"))
            .await,
    );
    let again = format!("POST {location}/participants/p3/call");
    site.good(&alice, &again, json!({ "place": "work" })).await;
    let (carol, _) = stage.next_dial().await;
    let removed = format!("DELETE {location}/participants/p3");
    site.good(&alice, &removed, Value::Null).await;
    stage.happen(&carol, hung_up()).await;
    all.extend(
        events
            .until("removed", |event| event.data["change"]["what"] == "removed")
            .await,
    );

    let since = format!("GET {location}?since={}", version);
    let reports = site.good(&alice, &since, Value::Null).await["reports"].clone();
    let told: Vec<&Value> = all.iter().map(|event| &event.data).collect();
    let reports: Vec<&Value> = reports.as_array().unwrap().iter().collect();
    assert_eq!(reports, told, "the same history");
    for event in &all {
        version += 1;
        assert_eq!(
            (event.name.as_str(), event.id),
            ("report", Some(version)),
            "no gap"
        );
        assert_eq!(event.data["version"], version);
    }
    let ended = site
        .good(&alice, &format!("POST {location}/end"), Value::Null)
        .await;
    assert_eq!(ended["conference"]["state"], "ending");
    for leg in [&legs[1], &legs[0]] {
        stage.happen(leg, hung_up()).await;
    }
    let last = events
        .until("the end", |event| event.data["change"]["what"] == "ended")
        .await;
    assert_eq!(
        last.last().unwrap().data["change"]["cause"]["reason"],
        "by-command"
    );
    assert!(
        events.next().await.is_none(),
        "the stream ends with the conference"
    );
    let after = site
        .good(&alice, &format!("GET {location}"), Value::Null)
        .await;
    assert_eq!(after["conference"]["state"], "ended");
    // Whom was removed it did not concern any more.
    let carol = site.token("carol").await;
    let late = format!("GET {location}");
    let late = site.refused(&carol, &late, Value::Null).await;
    assert_eq!(late, (404, "unknown-conference".to_owned()));
    let calls = site
        .store
        .calls(&aor("alice"), None, None, 10)
        .await
        .unwrap();
    assert_eq!(calls.len(), 1);
}

#[tokio::test]
async fn a_stream_goes_on_where_it_was_cut_off() {
    let (site, mut stage) = Site::with_conferences().await;
    let alice = site.token("alice").await;
    let (id, legs) = running(&site, &mut stage, &alice).await;
    let mut events = Events::open(&site, &alice, &id, None).await;
    let snapshot = events.next().await.unwrap();
    let mut last = snapshot.id.unwrap();
    if snapshot.data["participants"][1]["leg"]["state"] != "joined" {
        let joined = events
            .until("joined", |event| is_leg(event, "BOB Test", "joined"))
            .await;
        last = joined.last().unwrap().id.unwrap();
    }
    drop(events);
    let mute = format!("POST /api/v1/conferences/{id}/participants/p2/mute");
    site.good(&alice, &mute, Value::Null).await;
    let mut events = Events::open(&site, &alice, &id, Some(last)).await;
    let next = events.next().await.unwrap();
    assert_eq!(
        (next.name.as_str(), next.id),
        ("report", Some(last + 1)),
        "no snapshot"
    );
    assert_eq!(next.data["change"]["what"], "muted");
    // What is too old to be told in reports is told as a whole. (A version of the future is none that we told.)
    let mut anew = Events::open(&site, &alice, &id, Some(0)).await;
    let first = anew.next().await.unwrap();
    assert!(first.name == "snapshot" || first.id == Some(1), "{first:?}");
    for wrong in ["x", "-1"] {
        let line = format!("GET /api/v1/conferences/{id}/events");
        let header = format!("Last-Event-ID: {wrong}");
        let refused = site.ask_with(&alice, &line, &[&header], Value::Null).await;
        assert_eq!(refused.code(), (400, "bad-request".to_owned()));
    }
    site.good(
        &alice,
        &format!("POST /api/v1/conferences/{id}/end"),
        Value::Null,
    )
    .await;
    for leg in legs.iter().rev() {
        stage.happen(leg, hung_up()).await;
    }
    let end = events
        .until("the end", |event| event.data["change"]["what"] == "ended")
        .await;
    let end = end.last().unwrap();
    let over = Events::open(&site, &alice, &id, end.id).await;
    assert_eq!(over.status, 204, "a browser does not come again");
    let version = end.data["version"].as_u64().unwrap();
    let mut late = Events::open(&site, &alice, &id, Some(version - 1)).await;
    assert_eq!(late.next().await.unwrap().id, end.id);
    assert!(late.next().await.is_none());
}

/// The records of a conference that ended with a former process: alice's, who called bob, who was in until `removed`.
async fn recorded(store: &Store, id: &str, is_removed: bool) {
    let conference: ConferenceId = id.parse().unwrap();
    let end = ConferenceEnd {
        reason: ConferenceEndReason::Error,
        words: "it crashed".to_owned(),
    };
    let record = ConferenceRecord {
        id: conference.clone(),
        owner: aor("alice"),
        title: String::new(),
        created_at: 1_000,
        ended: Some((5_000, end)),
    };
    store.save_conference(record).await.unwrap();
    let cause = Cause {
        reason: EndReason::ByModerator,
        sip: None,
        q850: None,
        words: "removed".to_owned(),
    };
    let participant: ParticipantId = "p2".parse().unwrap();
    let leg = LegRecord {
        key: LegKey {
            conference: conference.clone(),
            leg: "l2".parse().unwrap(),
        },
        participant: participant.clone(),
        name: "Bob".to_owned(),
        user: Some(aor("bob")),
        place: "mobile".to_owned(),
        address: "+15550102".to_owned(),
        trunk: None,
        state: LegState::Left,
        times: LegTimes::default(),
        ended: Some((2_000, cause)),
        stats: StreamStats::default(),
    };
    store.save_leg(leg).await.unwrap();
    if is_removed {
        store.mark_removed(&conference, &participant).await.unwrap();
    }
}

#[tokio::test]
async fn the_end_of_a_former_process_is_told_once_and_not_to_whom_was_removed() {
    let (site, _stage) = Site::with_conferences().await;
    recorded(&site.store, "old1", false).await;
    recorded(&site.store, "old2", true).await;
    for (who, id) in [("alice", "old1"), ("bob", "old1"), ("alice", "old2")] {
        let token = site.token(who).await;
        for last in [None, Some(0), Some(40)] {
            let mut events = Events::open(&site, &token, id, last).await;
            let event = events.next().await.unwrap();
            let data = &event.data;
            assert!(data["state"] == "ended" || data["change"]["what"] == "ended");
            assert!(events.next().await.is_none(), "one event");
            let again = Events::open(&site, &token, id, event.id).await;
            assert_eq!(again.status, 204, "{who} has everything of {id}");
        }
    }
    let bob = site.token("bob").await;
    assert_eq!(Events::open(&site, &bob, "old2", None).await.status, 404);
}

#[tokio::test]
async fn a_stream_ends_with_its_place_in_the_conference_and_with_the_server() {
    let (site, mut stage) = Site::with_conferences().await;
    let (alice, bob) = (site.token("alice").await, site.token("bob").await);
    let (id, legs) = running(&site, &mut stage, &alice).await;
    let mut of_bob = Events::open(&site, &bob, &id, None).await;
    of_bob.next().await.unwrap();
    let remove = format!("DELETE /api/v1/conferences/{id}/participants/p2");
    site.good(&alice, &remove, Value::Null).await;
    stage.happen(&legs[1], hung_up()).await;
    let heard = of_bob
        .until("a refusal", |event| event.name == "error")
        .await;
    assert_eq!(heard.last().unwrap().data["code"], "unknown-conference");
    assert!(of_bob.next().await.is_none());
    let mut of_alice = Events::open(&site, &alice, &id, None).await;
    of_alice.next().await.unwrap();
    site.shutdown.cancel();
    while of_alice.next().await.is_some() {}
}

#[tokio::test]
async fn the_authority_and_the_ids_of_commands_are_those_of_the_conference_service() {
    let (site, mut stage) = Site::with_conferences().await;
    let (alice, carol) = (site.token("alice").await, site.sign_in("carol").await);
    let key = ["Idempotency-Key: m-1"];
    let post = "POST /api/v1/conferences";
    let first = site.ask_with(&alice, post, &key, new(&["bob"])).await;
    let again = site.ask_with(&alice, post, &key, new(&["bob"])).await;
    assert_eq!((first.status, &first.body), (201, &again.body));
    let other = site.ask_with(&alice, post, &key, new(&[])).await;
    assert_eq!(other.code(), (409, "command-id-reused".to_owned()));
    stage.next_dial().await;
    assert!(stage.dialled.try_recv().is_err(), "nobody is called twice");
    // Over SOAP the same id is the same command.
    let mut soap = create("m-1", &["bob"]);
    if let soap_proto::Operation::Create(create) = &mut soap.operation {
        create.initiator.who = soap_proto::Who::Person("alice@example.org".into());
    }
    let by_token = Caller::Person {
        aor: aor("alice"),
        scopes: vec![api::SCOPE_CONFERENCE.into()],
        token: None,
    };
    let answer = stage.raw(&soap, by_token).await;
    let answer = soap_proto::parse_response(&answer.envelope).unwrap();
    let made = first.json()["conference"]["id"].clone();
    assert_eq!(
        crate::stage::snapshot(answer).id.as_str(),
        made.as_str().unwrap()
    );

    let id = made.as_str().unwrap();
    let at = format!("/api/v1/conferences/{id}");
    for line in [
        format!("GET {at}"),
        format!("GET {at}/events"),
        format!("POST {at}/end"),
        format!("POST {at}/participants/p2/mute"),
        format!("DELETE {at}/participants/p2"),
    ] {
        let refused = site.refused(&carol, &line, Value::Null).await;
        assert_eq!(
            refused,
            (404, "unknown-conference".to_owned()),
            "an outsider: {line}"
        );
    }
    let bob = site.sign_in("bob").await;
    let refused = site
        .refused(&bob, &format!("POST {at}/end"), Value::Null)
        .await;
    assert_eq!(refused, (403, "not-allowed".to_owned()));
    assert_eq!(
        site.good(&bob, "GET /api/v1/conferences", Value::Null)
            .await["conferences"][0]["id"],
        made
    );
    assert_eq!(
        site.good(&carol, "GET /api/v1/conferences", Value::Null)
            .await,
        json!({ "conferences": [] })
    );
    for (line, body, expected) in [
        (post.to_owned(), new(&["zoe"]), (404, "unknown-person")),
        (
            post.to_owned(),
            json!({ "participants": [{}] }),
            (400, "bad-request"),
        ),
        (
            post.to_owned(),
            json!({ "participants": [{ "person": "bob", "number": "+15550102" }] }),
            (400, "bad-request"),
        ),
        (
            post.to_owned(),
            json!({ "participants": [{ "number": "+4420555" }] }),
            (422, "number-refused"),
        ),
        (
            post.to_owned(),
            json!({ "initiator": { "person": "bob" } }),
            (403, "not-allowed"),
        ),
        (
            format!("POST {at}/participants"),
            json!({ "participants": [] }),
            (400, "bad-request"),
        ),
        (
            format!("POST {at}/participants/p9/mute"),
            Value::Null,
            (404, "unknown-participant"),
        ),
        (
            format!("POST {at}/participants/p1/tickle"),
            Value::Null,
            (400, "bad-request"),
        ),
        (
            format!("POST {at}/explode"),
            Value::Null,
            (400, "bad-request"),
        ),
        (
            "GET /api/v1/conferences/none".to_owned(),
            Value::Null,
            (404, "unknown-conference"),
        ),
    ] {
        let (status, code) = site.refused(&alice, &line, body).await;
        assert_eq!((status, code.as_str()), expected, "{line}");
    }
    let bad = site
        .ask_with(&alice, post, &["Idempotency-Key: a b"], new(&[]))
        .await;
    assert_eq!(bad.code().0, 400);
    // The administrator sees all, and asserts nobody.
    site.good(KEY, &format!("GET {at}"), Value::Null).await;
    assert_eq!(site.refused(KEY, post, new(&[])).await.0, 400);
    site.good(KEY, &format!("POST {at}/end"), Value::Null).await;
    let gateway = site
        .refused("the gateway's secret", &format!("GET {at}"), Value::Null)
        .await;
    assert_eq!(gateway, (401, "unauthenticated".to_owned()));
}

/// A body that says not what it is might say anything.
#[tokio::test]
async fn what_a_command_says_is_read_or_refused() {
    let (site, mut stage) = Site::with_conferences().await;
    let alice = site.token("alice").await;
    let (id, _) = running(&site, &mut stage, &alice).await;
    let line = format!("POST /api/v1/conferences/{id}/participants/p2/mute");
    let authorization = format!("Authorization: Bearer {alice}");
    for (type_of_it, status) in [
        ("X-Nothing: 1", 415),
        ("Content-Type: text/plain", 415),
        ("Content-Type: application/json", 200),
    ] {
        let head = [
            authorization.as_str(),
            type_of_it,
            "Transfer-Encoding: chunked",
        ];
        let head = head.join("\r\n");
        let request = format!(
            "{line} HTTP/1.1\r\nHost: convoke\r\nConnection: close\r\n{head}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
        );
        let mut stream = TcpStream::connect(site.addr).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        let read = clock::within(PATIENCE, stream.read_exact(&mut answer)).await;
        read.unwrap().unwrap();
        let expected = format!("HTTP/1.1 {status}");
        assert_eq!(answer, expected.as_bytes(), "{type_of_it}");
    }
}

#[tokio::test]
async fn a_repeat_of_the_administrators_calls_nobody_twice() {
    let (site, mut stage) = Site::with_conferences().await;
    let (post, key) = ("POST /api/v1/conferences", ["Idempotency-Key: a-1"]);
    let create = |others: &[&str]| {
        let mut body = new(others);
        body["initiator"] = json!({ "person": "alice" });
        body
    };
    let first = site.ask_with(KEY, post, &key, create(&["bob"])).await;
    let again = site.ask_with(KEY, post, &key, create(&["bob"])).await;
    assert_eq!((first.status, &first.body), (201, &again.body));
    let other = site.ask_with(KEY, post, &key, create(&[])).await;
    assert_eq!(other.code(), (409, "command-id-reused".to_owned()));
    stage.next_dial().await;
    assert!(stage.dialled.try_recv().is_err(), "nobody is called twice");
    // Ids are each one's own.
    let alice = site.token("alice").await;
    let hers = site.ask_with(&alice, post, &key, new(&["bob"])).await;
    assert_eq!(hers.status, 201);
    assert_ne!(
        hers.json()["conference"]["id"],
        first.json()["conference"]["id"]
    );
}

/// Who has taken themselves off a roster sees nothing more of it, but what they asked for was done.
#[tokio::test]
async fn what_was_carried_out_is_not_said_to_have_failed() {
    let (site, _stage) = Site::with_conferences().await;
    let (alice, bob) = (site.token("alice").await, site.token("bob").await);
    let mut others: Vec<Value> = (0..400)
        .map(|n| json!({ "number": format!("+1555{n:07}"), "name": format!("Somebody called number {n}") }))
        .collect();
    others.insert(0, json!({ "person": "bob" }));
    let body = json!({ "participants": others });
    let made = site.good(&alice, "POST /api/v1/conferences", body).await;
    let id = made["conference"]["id"].as_str().unwrap();
    let remove = format!("DELETE /api/v1/conferences/{id}/participants/p2");
    let answer = site.good(&bob, &remove, Value::Null).await;
    assert_eq!(answer["conference"]["id"], id);
    let list = site.good(&bob, "GET /api/v1/conferences", Value::Null);
    assert_eq!(list.await, json!({ "conferences": [] }));
}

#[tokio::test]
async fn who_has_missed_more_than_is_remembered_is_told_everything_anew() {
    let (site, mut stage) = Site::with_conferences().await;
    let alice = site.token("alice").await;
    let (id, legs) = running(&site, &mut stage, &alice).await;
    let line = format!("GET /api/v1/conferences/{id}");
    let state = site.good(&alice, &line, Value::Null).await;
    let before = state["conference"]["version"].as_u64().unwrap();
    let kept = u64::try_from(conference_core::limits::REPORTS_KEPT).unwrap();
    for n in 0..2 * kept {
        let silent = LegEvent::Silent { on: n % 2 == 0 };
        stage.happen(&legs[0], silent).await;
    }
    let wait = format!("{line}?since={}&waitMs=25000", before + 2 * kept - 1);
    site.good(&alice, &wait, Value::Null).await;
    let mut events = Events::open(&site, &alice, &id, Some(before)).await;
    let first = events.next().await.unwrap();
    assert_eq!(first.name, "snapshot");
    let version = first.data["version"].as_u64();
    assert!(
        first.id == version && version > Some(before + kept),
        "{version:?}"
    );
    let mute = format!("POST /api/v1/conferences/{id}/participants/p2/mute");
    site.good(&alice, &mute, Value::Null).await;
    let next = events.next().await.unwrap();
    let after = version.map(|version| version + 1);
    assert_eq!((next.name.as_str(), next.id), ("report", after));
}

/// Of a conference that is none of theirs, they learn nothing by how long the answer takes.
#[tokio::test]
async fn outsiders_do_not_wait() {
    let (site, mut stage) = Site::with_conferences().await;
    let (alice, carol) = (site.token("alice").await, site.token("carol").await);
    let (id, _) = running(&site, &mut stage, &alice).await;
    let line = format!("GET /api/v1/conferences/{id}?since=99999&waitMs=25000");
    let refused = clock::within(PATIENCE, site.refused(&carol, &line, Value::Null)).await;
    assert_eq!(refused.unwrap(), (404, "unknown-conference".to_owned()));
}

#[tokio::test]
async fn a_roster_beyond_one_envelope_comes_whole() {
    let (site, _stage) = Site::with_conferences().await;
    let alice = site.token("alice").await;
    let others: Vec<Value> = (0..400)
        .map(|n| json!({ "number": format!("+1555{:07}", n), "name": format!("Somebody called number {n}") }))
        .collect();
    let body = json!({ "participants": others });
    let made = site.good(&alice, "POST /api/v1/conferences", body).await;
    let of = |state: &Value| {
        let ids = state["conference"]["participants"].as_array().unwrap();
        ids.iter().map(|one| one["id"].clone()).collect::<Vec<_>>()
    };
    let expected: Vec<Value> = (1..=401).map(|n| json!(format!("p{n}"))).collect();
    assert_eq!(of(&made), expected);
    let id = made["conference"]["id"].as_str().unwrap();
    let line = format!("GET /api/v1/conferences/{id}");
    assert_eq!(of(&site.good(&alice, &line, Value::Null).await), expected);
}

#[tokio::test]
async fn without_a_conference_service_there_are_no_conferences() {
    let site = Site::start().await;
    let alice = site.token("alice").await;
    let refused = site
        .refused(&alice, "GET /api/v1/conferences", Value::Null)
        .await;
    assert_eq!(refused, (404, "unknown-operation".to_owned()));
    let hook = json!({ "url": "https://8.8.8.8/", "events": ["conference.ended"] });
    let refused = site.refused(&alice, "POST /api/v1/me/webhooks", hook).await;
    assert_eq!(refused, (404, "unknown-operation".to_owned()));
}

#[tokio::test]
async fn leaving_is_told_to_the_bridge() {
    let (site, mut stage) = Site::with_conferences().await;
    let alice = site.token("alice").await;
    let (id, legs) = running(&site, &mut stage, &alice).await;
    let line = format!("POST /api/v1/conferences/{id}/participants/p2/disconnect");
    site.good(&alice, &line, Value::Null).await;
    loop {
        if let BridgeCommand::Release { leg } = stage.dialled.recv().await.unwrap() {
            assert_eq!(leg, legs[1]);
            break;
        }
    }
}
