//! Accounts over REST: who may, how much, and what is written down of it.

use runtime::clock;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::site::{KEY, PATIENCE, Site};

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
        let body = json!({ "name": "x".repeat(chars) });
        let answer = site.ask(KEY, "PUT /api/v1/users/dave", body).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
}

#[tokio::test]
async fn passwords_and_tokens_are_written_down_when_they_are_made_and_taken_back() {
    let site = Site::start().await;
    let body = json!({ "label": "desk" });
    let device = site
        .ask(KEY, "POST /api/v1/users/bob/devices", body.clone())
        .await;
    assert_eq!(device.status, 201);
    let device = device.json();
    let token = site.good(KEY, "POST /api/v1/users/bob/tokens", body).await;
    let listed = site
        .good(KEY, "GET /api/v1/users/bob/devices", Value::Null)
        .await;
    assert_eq!(listed[0]["label"], "desk");
    assert!(
        !listed
            .to_string()
            .contains(device["password"].as_str().unwrap())
    );
    let id = &device["id"];
    let revoke = format!("DELETE /api/v1/users/bob/devices/{id}");
    assert_eq!(site.ask(KEY, &revoke, Value::Null).await.status, 200);
    assert_ne!(site.ask(KEY, &revoke, Value::Null).await.status, 200);
    let listed = site.good(KEY, "GET /api/v1/users/bob/devices", Value::Null);
    assert_eq!(listed.await, json!([]));
    let number = &token["id"];
    let revoke = format!("DELETE /api/v1/users/bob/tokens/{number}");
    site.good(KEY, &revoke, Value::Null).await;
    let password = site
        .good(KEY, "PUT /api/v1/users/bob/password", json!({}))
        .await;
    let password = &password["password"];

    let log = site.store.audit_log(None, 10).await.unwrap();
    let found: Vec<_> = log.iter().rev().map(|(_, entry)| entry).collect();
    let expected = [
        ("device.mint", format!("password {id} for desk")),
        (
            "token.mint",
            format!("token {number} until {} for desk", token["expiresAt"]),
        ),
        ("device.revoke", format!("password {id}")),
        ("token.revoke", format!("token {number}")),
        ("password.set", "the password for signing in".to_owned()),
    ];
    assert_eq!(found.len(), expected.len());
    for (entry, (action, detail)) in found.iter().zip(expected) {
        assert_eq!((entry.action.as_str(), &entry.detail), (action, &detail));
        assert_eq!(entry.target, "bob@example.org");
        assert_eq!(entry.actor, "administrator");
        for secret in [&device["password"], &token["token"], password] {
            assert!(!format!("{entry:?}").contains(secret.as_str().unwrap()));
        }
    }
}

#[tokio::test]
async fn a_programs_token_is_taken_back_by_its_person_and_by_the_administrator() {
    let site = Site::start().await;
    let (bob, eve) = (site.sign_in("bob").await, site.sign_in("carol").await);
    let (first, second) = (site.token("bob").await, site.token("bob").await);
    let status = async |token: &str| site.ask(token, "GET /api/v1/me", Value::Null).await.status;
    let mine = site.good(&bob, "GET /api/v1/me/tokens", Value::Null).await;
    let listed = site
        .good(KEY, "GET /api/v1/users/bob/tokens", Value::Null)
        .await;
    assert_eq!(mine, listed);
    assert_eq!(
        (mine.as_array().unwrap().len(), &mine[0]["label"]),
        (2, &json!("test"))
    );
    assert!(!mine.to_string().contains(&first));
    let ids = [&mine[0]["id"], &mine[1]["id"]];
    let own = format!("DELETE /api/v1/me/tokens/{}", ids[0]);
    assert_eq!(
        site.refused(&eve, &own, Value::Null).await.0,
        404,
        "not hers"
    );
    assert_eq!(
        site.refused(&first, &own, Value::Null).await.0,
        403,
        "a program"
    );
    let others = format!("DELETE /api/v1/users/bob/tokens/{}", ids[0]);
    assert_eq!(site.refused(&bob, &others, Value::Null).await.0, 403);
    site.good(&bob, &own, Value::Null).await;
    assert_eq!(site.refused(&bob, &own, Value::Null).await.0, 404);
    assert_eq!((status(&first).await, status(&second).await), (401, 200));
    // A new password keeps what programs have.
    let new = json!({ "password": "a new password" });
    site.good(KEY, "PUT /api/v1/users/bob/password", new).await;
    assert_eq!((status(&bob).await, status(&second).await), (401, 200));
    let second_id = format!("DELETE /api/v1/users/bob/tokens/{}", ids[1]);
    site.good(KEY, &second_id, Value::Null).await;
    assert_eq!(status(&second).await, 401);
}

/// Their addresses are those of conferences.
#[tokio::test]
async fn nobody_is_named_as_conferences_are() {
    let site = Site::start().await;
    let name = json!({ "name": "Eve" });
    let refused = site.refused(KEY, "PUT /api/v1/users/conf-1", name.clone());
    assert_eq!(refused.await, (400, "bad-request".to_owned()));
    site.good(KEY, "PUT /api/v1/users/conference1", name).await;
}

/// A service may say who asks: nobody makes one of a person, nor a person of one, by the way.
#[tokio::test]
async fn a_services_account_is_not_renamed() {
    let site = Site::start().await;
    let gateway = site.accounts.aor("conference").unwrap();
    let service = store::AccountKind::Service;
    let saved = site.accounts.save(&gateway, "Gateway", service).await;
    saved.unwrap();
    let renamed = json!({ "name": "Eve" });
    let line = "PUT /api/v1/users/conference";
    assert_eq!(site.refused(KEY, line, renamed).await.0, 403);
    let account = site.store.account(&gateway).await.unwrap().unwrap();
    assert_eq!(
        (account.kind, account.display_name.as_str()),
        (service, "Gateway")
    );
    let all = site.good(KEY, "GET /api/v1/users", Value::Null).await;
    let services = all.as_array().unwrap().iter();
    let services: Vec<_> = services.filter(|one| one["service"] == true).collect();
    assert_eq!(services.len(), 1, "{all}");
    assert_eq!(services[0]["user"], gateway.to_string());
}

#[tokio::test]
async fn renaming_an_account_leaves_its_language_alone() {
    let site = Site::start().await;
    let bob = site.accounts.aor("bob").unwrap();
    let chosen = site.accounts.save_profile(&bob, "Bob", Some("de"));
    chosen.await.unwrap();
    let renamed = json!({ "name": "Robert" });
    site.good(KEY, "PUT /api/v1/users/bob", renamed).await;
    let account = site.store.account(&bob).await.unwrap().unwrap();
    assert_eq!(
        (account.display_name.as_str(), account.language.as_deref()),
        ("Robert", Some("de"))
    );
}

#[tokio::test]
async fn what_is_no_path_or_no_json_is_refused_as_everything_else() {
    let site = Site::start().await;
    for (line, body, expected) in [
        (
            "GET /api/v1/nothing",
            Value::Null,
            (404, "unknown-operation"),
        ),
        ("GET /api/v2/users", Value::Null, (404, "unknown-operation")),
        (
            "PUT /api/v1/users/bob",
            json!({ "nam": "x" }),
            (400, "bad-request"),
        ),
        ("PUT /api/v1/users/bob", json!("x"), (400, "bad-request")),
        (
            "PUT /api/v1/users/b%20b",
            json!({ "name": "x" }),
            (400, "bad-request"),
        ),
        (
            "GET /api/v1/messages?limit=x",
            Value::Null,
            (400, "bad-request"),
        ),
        (
            "DELETE /api/v1/users/bob/devices/x",
            Value::Null,
            (400, "bad-request"),
        ),
        (
            "PUT /api/v1/users/bob/password",
            json!({ "password": "short" }),
            (400, "bad-request"),
        ),
        (
            "PUT /api/v1/users/nobody/password",
            json!({}),
            (404, "unknown-person"),
        ),
    ] {
        let (status, code) = site.refused(KEY, line, body).await;
        assert_eq!((status, code.as_str()), expected, "{line}");
    }
    let unsaid = site
        .request(
            "PUT /api/v1/users/bob",
            &[&format!("Authorization: Bearer {KEY}")],
            "",
        )
        .await;
    assert_eq!(unsaid.code(), (415, "bad-request".to_owned()));
    let answer = site.ask(KEY, "GET /api/v1/users", Value::Null).await;
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
}

#[tokio::test]
async fn a_new_name_changes_nothing_else_of_an_account() {
    let site = Site::start().await;
    let aor = "rooms@example.org".parse().unwrap();
    let rooms = store::Account {
        aor,
        display_name: "Conferences".to_owned(),
        kind: store::AccountKind::Person,
        language: Some("de".to_owned()),
        ports: 7,
        created_at: 1,
    };
    site.store.save_account(rooms.clone()).await.unwrap();
    let body = json!({ "name": "Rooms" });
    site.good(KEY, "PUT /api/v1/users/rooms", body).await;
    let renamed = store::Account {
        display_name: "Rooms".to_owned(),
        ..rooms.clone()
    };
    assert_eq!(site.store.account(&rooms.aor).await, Ok(Some(renamed)));
}

#[tokio::test]
async fn too_many_device_passwords_are_refused_in_words_and_those_of_dead_sessions_give_way() {
    let site = Site::start().await;
    let line = "POST /api/v1/users/bob/devices";
    let (session, desk) = (
        json!({ "label": "convoke call (1)" }),
        json!({ "label": "desk" }),
    );
    assert_eq!(site.ask(KEY, line, session.clone()).await.status, 201);
    for _ in 1..store::DEVICES_MAX {
        assert_eq!(site.ask(KEY, line, desk.clone()).await.status, 201);
    }
    // The session that was killed gives way once; all others are telephones.
    assert_eq!(site.ask(KEY, line, desk).await.status, 201);
    let (_, fault) = site.refused(KEY, line, session).await;
    assert_eq!(fault, "limit-reached");
}

#[tokio::test]
async fn accounts_beyond_a_page_of_the_store_are_listed_too() {
    let site = Site::start().await;
    let count = |users: &Value| users.as_array().unwrap().len();
    let before = count(&site.good(KEY, "GET /api/v1/users", Value::Null).await);
    for n in 0..store::PAGE_MAX {
        let person = store::Account {
            aor: format!("zoe{n:04}@example.org").parse().unwrap(),
            display_name: "Zoe".to_owned(),
            kind: store::AccountKind::Person,
            language: Some("en".to_owned()),
            ports: 1,
            created_at: 1,
        };
        site.store.save_account(person).await.unwrap();
    }
    let all = site.good(KEY, "GET /api/v1/users", Value::Null).await;
    assert_eq!(count(&all), before + store::PAGE_MAX);
    let last = site
        .good(KEY, "GET /api/v1/users/zoe0499", Value::Null)
        .await;
    assert_eq!(last["user"], "zoe0499@example.org");
    let (status, _) = site
        .refused(KEY, "GET /api/v1/users/yves", Value::Null)
        .await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn names_and_labels_that_nobody_could_use_are_refused() {
    let site = Site::start().await;
    let name = json!({ "name": "Bob" });
    assert_eq!(
        site.refused(KEY, "PUT /api/v1/users/BOB", name).await.0,
        400
    );
    let telephones = json!([{ "label": " ", "number": "+15550109" }]);
    let line = "PUT /api/v1/users/bob/telephones";
    assert_eq!(site.refused(KEY, line, telephones).await.0, 400);
}
