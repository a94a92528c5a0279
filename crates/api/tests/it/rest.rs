//! Accounts over REST: who may, how much, and what is written down of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::{Accounts, Http, Keys, SecretDigest};
use runtime::clock;
use serde_json::{Value, json};
use store::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::stage::people;

const KEY: &str = "administrators-key";
/// Longer than any answer takes, so that a server which waits for more is found out.
const PATIENCE: Duration = Duration::from_secs(10);

struct Site {
    store: Store,
    addr: SocketAddr,
    _directory: tempfile::TempDir,
}

impl Site {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        people(&store).await;
        let keys = Keys {
            gateway: SecretDigest::of("the gateway's secret"),
            administrator: SecretDigest::of(KEY),
            store: store.clone(),
        };
        let domain = "example.org".to_owned();
        let accounts = Accounts::new(store.clone(), domain.clone(), domain, Arc::new(|_, _| {}));
        let router = api::router(Http {
            keys,
            conference: None,
            accounts,
            public_url: String::new(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            store,
            addr,
            _directory: directory,
        }
    }

    /// Status and body of the answer.
    async fn ask(&self, line: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let request = format!(
            "{line} HTTP/1.1\r\nHost: convoke\r\nConnection: close\r\nAuthorization: Bearer {KEY}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = clock::within(PATIENCE, stream.read_to_string(&mut answer)).await;
        read.unwrap().unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }
}

#[tokio::test]
async fn strangers_are_refused_before_their_bodies_are_read() {
    let site = Site::start().await;
    for authorization in ["", "Authorization: Bearer wrong\r\n"] {
        for line in [
            "PUT /api/v1/users/eve",
            "PUT /api/v1/users/bob/telephones",
            "POST /api/v1/users/bob/devices",
            "POST /api/v1/users/bob/tokens",
        ] {
            let mut stream = TcpStream::connect(site.addr).await.unwrap();
            let head = format!(
                "{line} HTTP/1.1\r\nHost: convoke\r\nContent-Type: application/json\r\n\
                 {authorization}Content-Length: 20\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = [0; 12];
            let read = clock::within(PATIENCE, stream.read_exact(&mut answer)).await;
            read.expect("an answer without the body").unwrap();
            assert_eq!(&answer, b"HTTP/1.1 401", "{line}");
        }
    }
}

#[tokio::test]
async fn a_body_beyond_64_kilobytes_is_refused() {
    let site = Site::start().await;
    for (chars, status) in [(1_000, 200), (64 * 1024, 413)] {
        let body = json!({ "name": "x".repeat(chars) }).to_string();
        let answer = site.ask("PUT /api/v1/users/dave", &body).await;
        assert_eq!(answer.0, status, "{}", answer.1);
    }
}

#[tokio::test]
async fn passwords_and_tokens_are_written_down_when_they_are_made_and_taken_back() {
    let site = Site::start().await;
    let body = json!({ "label": "desk" }).to_string();
    let (status, device) = site.ask("POST /api/v1/users/bob/devices", &body).await;
    assert_eq!(status, 201);
    let device: Value = serde_json::from_str(&device).unwrap();
    let (_, token) = site.ask("POST /api/v1/users/bob/tokens", &body).await;
    let token: Value = serde_json::from_str(&token).unwrap();
    let id = &device["id"];
    let revoke = format!("DELETE /api/v1/users/bob/devices/{id}");
    assert_eq!(site.ask(&revoke, "").await.0, 200);
    assert_ne!(site.ask(&revoke, "").await.0, 200);

    let log = site.store.audit_log(None, 10).await.unwrap();
    let found: Vec<_> = log.iter().rev().map(|(_, entry)| entry).collect();
    let expected = [
        ("device.mint", format!("password {id} for desk")),
        (
            "token.mint",
            format!("until {} for desk", token["expires_at"]),
        ),
        ("device.revoke", format!("password {id}")),
    ];
    assert_eq!(found.len(), expected.len());
    for (entry, (action, detail)) in found.iter().zip(expected) {
        assert_eq!((entry.action.as_str(), &entry.detail), (action, &detail));
        assert_eq!(entry.target, "bob@example.org");
        assert_eq!(entry.actor, "administrator");
        for secret in [&device["password"], &token["token"]] {
            assert!(!format!("{entry:?}").contains(secret.as_str().unwrap()));
        }
    }
}

#[tokio::test]
async fn a_new_name_changes_nothing_else_of_an_account() {
    let site = Site::start().await;
    let aor = "rooms@example.org".parse().unwrap();
    let rooms = store::Account {
        aor,
        display_name: "Conferences".to_owned(),
        kind: store::AccountKind::Service,
        language: "de".to_owned(),
        ports: 7,
        created_at: 1,
    };
    site.store.save_account(rooms.clone()).await.unwrap();
    let body = json!({ "name": "Rooms" }).to_string();
    assert_eq!(site.ask("PUT /api/v1/users/rooms", &body).await.0, 200);
    let renamed = store::Account {
        display_name: "Rooms".to_owned(),
        ..rooms.clone()
    };
    assert_eq!(site.store.account(&rooms.aor).await, Ok(Some(renamed)));
}

#[tokio::test]
async fn too_many_device_passwords_are_refused_in_words_and_those_of_dead_sessions_give_way() {
    let site = Site::start().await;
    let mint = |label: &str| json!({ "label": label }).to_string();
    let line = "POST /api/v1/users/bob/devices";
    let session = mint("convoke call (1)");
    assert_eq!(site.ask(line, &session).await.0, 201);
    for _ in 1..store::DEVICES_MAX {
        assert_eq!(site.ask(line, &mint("desk")).await.0, 201);
    }
    // The session that was killed gives way once; all others are telephones.
    assert_eq!(site.ask(line, &mint("desk")).await.0, 201);
    let (status, fault) = site.ask(line, &session).await;
    assert_ne!(status, 500);
    assert!(
        fault.contains("limit-reached") && fault.contains("32"),
        "{fault}"
    );
}

#[tokio::test]
async fn accounts_beyond_a_page_of_the_store_are_listed_too() {
    let site = Site::start().await;
    let before: Value = serde_json::from_str(&site.ask("GET /api/v1/users", "").await.1).unwrap();
    for n in 0..store::PAGE_MAX {
        let person = store::Account {
            aor: format!("zoe{n:04}@example.org").parse().unwrap(),
            display_name: "Zoe".to_owned(),
            kind: store::AccountKind::Person,
            language: "en".to_owned(),
            ports: 1,
            created_at: 1,
        };
        site.store.save_account(person).await.unwrap();
    }
    let all: Value = serde_json::from_str(&site.ask("GET /api/v1/users", "").await.1).unwrap();
    let count = |users: &Value| users.as_array().unwrap().len();
    assert_eq!(count(&all), count(&before) + store::PAGE_MAX);
    let (status, last) = site.ask("GET /api/v1/users/zoe0499", "").await;
    assert_eq!(status, 200);
    assert!(last.contains("zoe0499@example.org"), "{last}");
    assert_eq!(site.ask("GET /api/v1/users/yves", "").await.0, 404);
}

#[tokio::test]
async fn names_and_labels_that_nobody_could_use_are_refused() {
    let site = Site::start().await;
    let name = json!({ "name": "Bob" }).to_string();
    let (status, fault) = site.ask("PUT /api/v1/users/BOB", &name).await;
    assert_eq!(status, 400, "{fault}");
    let telephones = json!([{ "label": " ", "number": "+15550109" }]).to_string();
    let line = "PUT /api/v1/users/bob/telephones";
    let (status, fault) = site.ask(line, &telephones).await;
    assert_eq!(status, 400, "{fault}");
}
