//! REST on the assembled server: one session for everything, and streams that do not hold the server up.

use serde_json::{Value, json};

use crate::bench::{DOMAIN, block};
use crate::conference::{ALICE, BOB, Road};
use crate::follow::follow;
use crate::gateway::answer;

const PASSWORD: &str = "correct horse";

/// Reads a stream until this is in it; gives what was read.
async fn until(stream: &mut reqwest::Response, seen: &mut String, expected: &str) {
    while !seen.contains(expected) {
        let chunk = stream.chunk().await.unwrap();
        let chunk = chunk.unwrap_or_else(|| panic!("{expected} never came: {seen}"));
        seen.push_str(&String::from_utf8_lossy(&chunk));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_good_for_rest_and_soap_and_an_open_stream_hears_the_server_end() {
    let mut road = Road::start().await;
    let _alice = road.person("alice", ALICE).await;
    let _bob = road.person("bob", BOB).await;
    let accounts = road.bench.server.accounts.clone();
    let alice = accounts.aor("alice").unwrap();
    accounts.set_password(&alice, PASSWORD).await.unwrap();
    let url = road.bench.server.addresses.url.clone();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = |path: &str, body: Value| {
        let request = http.post(format!("{url}{path}"));
        request
            .header("Content-Type", "application/json")
            .body(body.to_string())
    };
    let login = json!({ "user": "alice", "password": PASSWORD });
    let signed_in = post("/api/v1/session", login).send().await.unwrap();
    let signed_in: Value = serde_json::from_str(&signed_in.text().await.unwrap()).unwrap();
    let token = signed_in["token"].as_str().unwrap();

    let list = soap_proto::Request::new(soap_proto::Operation::List, "l1".parse().unwrap());
    let soap = http
        .post(format!("{url}/soap/conference"))
        .bearer_auth(token)
        .body(soap_proto::write_request(&list).unwrap());
    assert_eq!(soap.send().await.unwrap().status(), 200);

    let create = json!({ "participants": [{ "person": "bob" }] });
    let made = post("/api/v1/conferences", create)
        .bearer_auth(token)
        .send();
    let made: Value = serde_json::from_str(&made.await.unwrap().text().await.unwrap()).unwrap();
    let id = made["conference"]["id"].as_str().unwrap();
    let events = http.get(format!("{url}/api/v1/conferences/{id}/events"));
    let mut stream = events.bearer_auth(token).send().await.unwrap();
    let mut seen = String::new();
    let joined = "\"user\":\"bob@test.example\",\"place\":\"mobile\",\"role\":\"participant\"},\"change\":{\"what\":\"leg\",\"leg\":\"l2\",\"state\":\"joined\"";
    until(&mut stream, &mut seen, joined).await;
    let following = async {
        until(&mut stream, &mut seen, "\"what\":\"ended\"").await;
        while stream.chunk().await.unwrap().is_some() {}
    };
    tokio::join!(following, road.stop());
    assert!(seen.contains("\"reason\":\"shutdown\""), "{seen}");
}

/// Bob's window may be begun anew while his telephone rings: what the conference service told the former one is there for the next.
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_of_the_service_is_there_for_a_window_that_begins_anew() {
    let mut road = Road::start().await;
    let _alice = road.person("alice", ALICE).await;
    let mut bob = road.person("bob", BOB).await;
    let accounts = road.bench.server.accounts.clone();
    let url = road.bench.server.addresses.url.clone();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let sign_in = async |user: &str| {
        let aor = accounts.aor(user).unwrap();
        accounts.set_password(&aor, PASSWORD).await.unwrap();
        let login = json!({ "user": user, "password": PASSWORD });
        let signed_in = http
            .post(format!("{url}/api/v1/session"))
            .header("Content-Type", "application/json")
            .body(login.to_string());
        let signed_in = signed_in.send().await.unwrap().text().await.unwrap();
        let signed_in: Value = serde_json::from_str(&signed_in).unwrap();
        signed_in["token"].as_str().unwrap().to_owned()
    };
    let (alice, of_bob) = (sign_in("alice").await, sign_in("bob").await);
    // The account that invites has to be there.
    let mut bob = block(move || {
        let nobodys = format!("sip:conf-none@{DOMAIN}");
        assert_eq!(follow(&mut bob, &nobodys, "conference"), Some(404));
        bob
    })
    .await;
    let create = json!({ "title": "Gate check", "participants": [{ "person": "bob" }] });
    let made = http
        .post(format!("{url}/api/v1/conferences"))
        .header("Content-Type", "application/json")
        .bearer_auth(&alice)
        .body(create.to_string());
    assert_eq!(made.send().await.unwrap().status(), 201);
    let document = block(move || answer(&mut bob)).await;
    assert!(document.contains("title=\"Gate check\""), "{document}");

    let get = async |path: &str| -> Value {
        let asked = http
            .get(format!("{url}/api/v1/{path}"))
            .bearer_auth(&of_bob);
        let told = asked.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&told).unwrap()
    };
    let told = get("me/invitations").await;
    let [invitation] = told["invitations"].as_array().unwrap().as_slice() else {
        panic!("not one: {told}");
    };
    assert_eq!(invitation["document"], document);
    // From the account that a signed-in window is told to believe; nobody has a chat with it.
    let sender = invitation["from"].as_str().unwrap();
    assert!(!sender.starts_with("alice@"), "{told}");
    assert_eq!(get("me/chats").await, json!({ "chats": [] }));
    road.stop().await;
}
