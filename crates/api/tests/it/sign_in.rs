//! Signing in: passwords, cookies, tokens, and what ends them.

use api::Change;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::site::{Answer, KEY, PASSWORD, Site};

const OWN: &str = "X-Convoke: 1";

async fn sign_in(site: &Site, user: &str, password: &str, headers: &[&str]) -> Answer {
    let login = json!({ "user": user, "password": password }).to_string();
    site.request("POST /api/v1/session", headers, &login).await
}

async fn with_password(site: &Site, user: &str) {
    let body = json!({ "password": PASSWORD });
    let line = format!("PUT /api/v1/users/{user}/password");
    site.good(KEY, &line, body).await;
}

/// `Cookie:` with what the answer set.
fn cookie(answer: &Answer) -> String {
    let set = answer.header("Set-Cookie").unwrap();
    format!("Cookie: {}", set.split(';').next().unwrap())
}

fn token(answer: &Answer) -> String {
    answer.json()["token"].as_str().unwrap().to_owned()
}

async fn status_of(site: &Site, token: &str) -> u16 {
    site.ask(token, "GET /api/v1/me", Value::Null).await.status
}

#[tokio::test]
async fn a_password_gives_a_cookie_and_tokens_that_end_when_the_person_signs_out() {
    let site = Site::start().await;
    with_password(&site, "alice").await;
    let bobs = site.sign_in("bob").await;
    site.told.lock().unwrap().clear();
    let signed_in = sign_in(&site, "alice", PASSWORD, &[]).await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    let said = signed_in.json();
    assert_eq!(
        (
            &said["user"],
            &said["name"],
            &said["language"],
            &said["domain"],
            &said["sip"]
        ),
        (
            &json!("alice@example.org"),
            &json!("ALICE Test"),
            &json!("en"),
            &json!("example.org"),
            &json!("/sip")
        )
    );
    let left =
        said["expiresAt"].as_i64().unwrap() - runtime::clock::unix_ms(runtime::clock::wall());
    assert!((880_000..=900_000).contains(&left), "{left} ms");
    let set = signed_in.header("Set-Cookie").unwrap();
    let attributes = "; Path=/api/v1/session; HttpOnly; SameSite=Strict; Max-Age=2592000";
    assert!(
        set.starts_with("convoke_session=") && set.ends_with(attributes),
        "{set}"
    );
    assert_eq!(signed_in.header("Cache-Control"), Some("no-store"));
    let (first, cookie) = (token(&signed_in), cookie(&signed_in));
    assert_eq!(status_of(&site, &first).await, 200);

    let renewed = site
        .request("POST /api/v1/session/renew", &[OWN, &cookie], "")
        .await;
    assert_eq!(renewed.status, 200, "{renewed:?}");
    let second = token(&renewed);
    assert_ne!(first, second);
    assert_eq!(status_of(&site, &first).await, 200, "still good");
    assert_eq!(status_of(&site, &second).await, 200);
    let alice = site.accounts.aor("alice").unwrap();
    let tokens = site.store.session_tokens(&alice, 0).await.unwrap();
    assert_eq!(tokens.len(), 2, "what SIP accepts");
    let news = std::mem::take(&mut *site.told.lock().unwrap());
    assert_eq!(
        news,
        [
            (alice.clone(), Change::TokenAdded),
            (alice.clone(), Change::TokenAdded)
        ],
        "other devices need not prove themselves again"
    );

    let gone = site
        .request("DELETE /api/v1/session", &[OWN, &cookie], "")
        .await;
    assert_eq!(gone.status, 200, "{gone:?}");
    assert!(gone.header("Set-Cookie").unwrap().contains("Max-Age=0"));
    for ended in [&first, &second] {
        assert_eq!(status_of(&site, ended).await, 401);
    }
    let again = site
        .request("POST /api/v1/session/renew", &[OWN, &cookie], "")
        .await;
    assert_eq!(again.code(), (401, "unauthenticated".to_owned()));
    let gone = site
        .request("DELETE /api/v1/session", &[OWN, &cookie], "")
        .await;
    assert_eq!(gone.status, 401);
    assert!(gone.header("Set-Cookie").unwrap().contains("Max-Age=0"));
    let news = std::mem::take(&mut *site.told.lock().unwrap());
    let revoked = |n: usize| {
        (
            alice.clone(),
            Change::TokenRevoked {
                token: tokens[n].id,
            },
        )
    };
    assert_eq!(
        news,
        [revoked(0), revoked(1)],
        "so that SIP closes what they opened"
    );
    assert_eq!(
        status_of(&site, &bobs).await,
        200,
        "others are not concerned"
    );

    // A program without cookies ends its session by the token.
    let signed_in = sign_in(&site, "alice@example.org", PASSWORD, &[]).await;
    let bearer = format!("Authorization: Bearer {}", token(&signed_in));
    let gone = site
        .request("DELETE /api/v1/session", &[OWN, &bearer], "")
        .await;
    assert_eq!(gone.status, 200);
    assert_eq!(status_of(&site, &token(&signed_in)).await, 401);
}

#[tokio::test]
async fn another_sites_page_can_neither_renew_nor_end_a_session() {
    let site = Site::start().await;
    with_password(&site, "alice").await;
    let signed_in = sign_in(&site, "alice", PASSWORD, &[]).await;
    let cookie = cookie(&signed_in);
    for line in ["POST /api/v1/session/renew", "DELETE /api/v1/session"] {
        for headers in [&[cookie.as_str()][..], &[&cookie, "X-Convoke: yes"]] {
            let refused = site.request(line, headers, "").await;
            assert_eq!(refused.code(), (403, "not-allowed".to_owned()), "{line}");
        }
    }
    assert_eq!(status_of(&site, &token(&signed_in)).await, 200);
    // A form of another page cannot send this type (and a script of it not without asking first).
    let form = "Content-Type: text/plain";
    let login = json!({ "user": "alice", "password": PASSWORD }).to_string();
    let length = format!("Content-Length: {}", login.len());
    let mut stream = site
        .open("POST /api/v1/session", &[form, &length], "")
        .await;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    stream.write_all(login.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    assert_ne!(&head[9..], b"200");
}

#[tokio::test]
async fn wrong_passwords_are_alike_and_limited_by_person_and_address() {
    let site = Site::start().await;
    with_password(&site, "alice").await;
    let from = |address: &str| format!("X-Test-Peer: {address}");
    let (here, there) = (from("192.0.2.1"), from("198.51.100.7"));
    let wrong = sign_in(&site, "alice", "wrong", &[&here]).await;
    let nobody = sign_in(&site, "nobody", "wrong", &[&here]).await;
    let without = sign_in(&site, "bob", "wrong", &[&here]).await;
    assert_eq!(wrong.code(), (401, "unauthenticated".to_owned()));
    for alike in [&nobody, &without] {
        assert_eq!((alike.status, &alike.body), (401, &wrong.body));
        assert_eq!(alike.header("Set-Cookie"), None);
    }
    let long = sign_in(&site, "carol", &"x".repeat(10_000), &[&here]).await;
    assert_eq!(long.status, 401);
    for _ in 0..4 {
        assert_eq!(sign_in(&site, "alice", "wrong", &[&here]).await.status, 401);
    }
    let refused = sign_in(&site, "alice", PASSWORD, &[&here]).await;
    assert_eq!(
        refused.code(),
        (429, "limit-reached".to_owned()),
        "even the right one"
    );
    let wait: u64 = refused.header("Retry-After").unwrap().parse().unwrap();
    assert!((1..=3).contains(&wait));
    assert_eq!(
        sign_in(&site, "alice", PASSWORD, &[&there]).await.status,
        200
    );
    let many = (0..60).map(|n| format!("user{n}"));
    let mut statuses = Vec::new();
    for user in many {
        statuses.push(sign_in(&site, &user, "wrong", &[&there]).await.status);
    }
    assert!(
        statuses.ends_with(&[429; 5]),
        "one address tries many people: {statuses:?}"
    );
}

/// Checking takes a while: what was right when it began may be wrong when it ends.
#[tokio::test]
async fn who_signs_in_while_the_password_changes_is_not_signed_in() {
    let site = Site::start().await;
    with_password(&site, "alice").await;
    let alice = site.accounts.aor("alice").unwrap();
    let attempt = |from: String| {
        let site = &site;
        async move { sign_in(site, "alice", PASSWORD, &[&from]).await }
    };
    let attempts = join_all((1..=12).map(|n| attempt(format!("X-Test-Peer: 192.0.2.{n}"))));
    let change = site.accounts.set_password(&alice, "a new password");
    let (answers, changed) = tokio::join!(attempts, change);
    changed.unwrap();
    for answer in &answers {
        match answer.status {
            200 => assert_eq!(status_of(&site, &token(answer)).await, 401),
            other => assert_eq!(other, 401, "{answer:?}"),
        }
    }
    let there = site.store.session_tokens(&alice, 0).await.unwrap();
    assert_eq!(there, []);
}

/// Nobody looked at their passwords.
#[tokio::test]
async fn sign_ins_that_the_server_could_not_check_are_no_wrong_passwords() {
    let site = Site::start().await;
    let store = site.store.clone();
    let closed = tokio::task::spawn_blocking(move || store.close());
    closed.await.unwrap();
    for _ in 0..20 {
        let refused = sign_in(&site, "alice", PASSWORD, &[]).await;
        assert!(refused.status >= 500, "{refused:?}");
    }
}

#[tokio::test]
async fn passwords_are_measured_in_characters() {
    let site = Site::start().await;
    let set = async |chars: usize| {
        let body = json!({ "password": "ä".repeat(chars) });
        let line = "PUT /api/v1/users/alice/password";
        site.ask(KEY, line, body).await.status
    };
    assert_eq!((set(7).await, set(257).await), (400, 400));
    assert_eq!(set(256).await, 200);
    let answer = sign_in(&site, "alice", &"ä".repeat(256), &[]).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn under_tls_the_cookie_goes_nowhere_else() {
    let site = Site::start_at("https://convoke.example/base").await;
    with_password(&site, "alice").await;
    let set = |answer: &Answer| answer.header("Set-Cookie").unwrap().to_owned();
    let behind_proxy = set(&sign_in(&site, "alice", PASSWORD, &[]).await);
    assert!(behind_proxy.ends_with("; Secure"), "{behind_proxy}");
    assert!(behind_proxy.contains("; Path=/base/api/v1/session;"));
    let site = Site::start().await;
    with_password(&site, "alice").await;
    let direct = ["X-Test-Peer: 192.0.2.1 https"];
    let direct = set(&sign_in(&site, "alice", PASSWORD, &direct).await);
    assert!(direct.ends_with("; Secure"), "{direct}");
}

#[tokio::test]
async fn a_token_ends_by_itself_and_the_cookie_brings_another() {
    let site = Site::start().await;
    with_password(&site, "alice").await;
    let signed_in = sign_in(&site, "alice", PASSWORD, &[]).await;
    let file = site.directory.path().join("convoke.db");
    let database = rusqlite::Connection::open(file).unwrap();
    database
        .execute("UPDATE session_tokens SET expires_at = 1", [])
        .unwrap();
    let ended = site
        .ask(&token(&signed_in), "GET /api/v1/me", Value::Null)
        .await;
    assert_eq!(ended.code(), (401, "unauthenticated".to_owned()));
    assert!(
        ended
            .header("WWW-Authenticate")
            .unwrap()
            .starts_with("Bearer")
    );
    let cookie = cookie(&signed_in);
    let renewed = site
        .request("POST /api/v1/session/renew", &[OWN, &cookie], "")
        .await;
    assert_eq!(status_of(&site, &token(&renewed)).await, 200);
    database
        .execute("UPDATE sessions SET expires_at = 1", [])
        .unwrap();
    let late = site
        .request("POST /api/v1/session/renew", &[OWN, &cookie], "")
        .await;
    assert_eq!(late.status, 401);
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let site = Site::start().await;
    let (mine, other) = (site.sign_in("alice").await, site.sign_in("alice").await);
    let line = "PUT /api/v1/me/password";
    let change = |current: &str, new: &str| json!({ "current": current, "new": new });
    let wrong = site
        .refused(&mine, line, change("wrong", "a new password"))
        .await;
    assert_eq!(wrong.0, 401);
    let short = site.refused(&mine, line, change(PASSWORD, "short")).await;
    assert_eq!(short, (400, "bad-request".to_owned()));
    site.good(&mine, line, change(PASSWORD, "a new password"))
        .await;
    assert_eq!(status_of(&site, &mine).await, 200);
    assert_eq!(status_of(&site, &other).await, 401);
    assert_eq!(sign_in(&site, "alice", PASSWORD, &[]).await.status, 401);
    let again = sign_in(&site, "alice", "a new password", &[]).await;
    assert_eq!(again.status, 200);
    with_password(&site, "alice").await;
    assert_eq!(
        status_of(&site, &mine).await,
        401,
        "the administrator's ends all"
    );
    let made = site
        .good(KEY, "PUT /api/v1/users/alice/password", json!({}))
        .await;
    let made = made["password"].as_str().unwrap();
    assert_eq!(sign_in(&site, "alice", made, &[]).await.status, 200);
}

#[tokio::test]
async fn a_programs_token_is_good_for_conferences_and_not_for_what_is_private() {
    let site = Site::start().await;
    let program = site.token("alice").await;
    for line in [
        "GET /api/v1/me",
        "GET /api/v1/directory",
        "GET /api/v1/me/webhooks",
    ] {
        site.good(&program, line, Value::Null).await;
    }
    for line in [
        "GET /api/v1/me/chats",
        "GET /api/v1/me/calls",
        "GET /api/v1/me/contacts",
        "GET /api/v1/me/telephones",
        "GET /api/v1/users",
    ] {
        let refused = site.refused(&program, line, Value::Null).await;
        assert_eq!(refused, (403, "not-allowed".to_owned()), "{line}");
        let nobody = site.refused("cvs_guessed", line, Value::Null).await;
        assert_eq!(nobody, (401, "unauthenticated".to_owned()), "{line}");
    }
    // Neither the gateway nor the administrator is a person.
    for key in [KEY, "the gateway's secret"] {
        let refused = site.refused(key, "GET /api/v1/me/chats", Value::Null).await;
        assert_eq!(refused.0, 403);
    }
}
