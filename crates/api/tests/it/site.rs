//! The HTTP face on a socket of its own, and a bare client.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::{Accounts, Change, DialPlan, Http, Keys, Peer, SecretDigest, Webhooks};
use axum::extract::Request;
use axum::middleware::map_request;
use convoke_types::Aor;
use runtime::clock;
use runtime::tasks::Shutdown;
use serde_json::{Value, json};
use store::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::stage::{Stage, people};

pub const KEY: &str = "administrators-key";
pub const PASSWORD: &str = "correct horse";
/// Longer than any answer takes, so that a server which waits for more is found out.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Who was told that an account changed.
pub type Told = Arc<Mutex<Vec<(Aor, Change)>>>;

pub struct Site {
    pub store: Store,
    pub addr: SocketAddr,
    pub accounts: Accounts,
    pub told: Told,
    pub shutdown: Shutdown,
    pub directory: tempfile::TempDir,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
    /// The code of a refusal.
    pub fn code(&self) -> (u16, String) {
        let code = &self.json()["error"]["code"];
        (self.status, code.as_str().unwrap_or_default().to_owned())
    }
}

impl Site {
    pub async fn start() -> Self {
        Self::start_at("http://convoke.test").await
    }

    pub async fn start_at(url: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        people(&store).await;
        Self::serve(directory, store, url, None, None).await
    }

    /// With a conference service whose bridge the test plays.
    pub async fn with_conferences() -> (Self, Stage) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        people(&store).await;
        let stage = Stage::start(&store);
        let site = Self::serve(directory, store, "", Some(&stage), None).await;
        (site, stage)
    }

    pub async fn serve(
        directory: tempfile::TempDir,
        store: Store,
        url: &str,
        stage: Option<&Stage>,
        webhooks: Option<Webhooks>,
    ) -> Self {
        let keys = Keys {
            gateway: SecretDigest::of("the gateway's secret"),
            administrator: SecretDigest::of(KEY),
            store: store.clone(),
        };
        let domain = "example.org".to_owned();
        let told = Told::default();
        let tell = told.clone();
        let changed: api::Changed =
            Arc::new(move |aor, change| tell.lock().unwrap().push((aor.clone(), change)));
        let accounts = Accounts::new(store.clone(), domain.clone(), domain, changed);
        let shutdown = Shutdown::new();
        let router = api::router(Http {
            keys,
            conference: stage.map(|stage| stage.service.clone()),
            accounts: accounts.clone(),
            webhooks,
            public_url: url.to_owned(),
            origins: vec!["https://Intranet.example".to_owned()],
            video: None,
            conferences: None,
            dialplan: Some(DialPlan {
                home_country_code: Some("1".to_owned()),
                allowed: vec!["+44".to_owned()],
                ..DialPlan::default()
            }),
            shutdown: shutdown.clone(),
        });
        let router = router.layer(map_request(from));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            store,
            addr,
            accounts,
            told,
            shutdown,
            directory,
        }
    }

    /// One request; `headers` are whole lines.
    pub async fn request(&self, line: &str, headers: &[&str], body: &str) -> Answer {
        let mut stream = self.open(line, headers, body).await;
        let mut answer = String::new();
        let read = clock::within(PATIENCE, stream.read_to_string(&mut answer)).await;
        read.unwrap().unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// Sends a request and leaves the answer to the caller.
    pub async fn open(&self, line: &str, headers: &[&str], body: &str) -> TcpStream {
        let length = body.len();
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let kind = match body {
            "" => "",
            _ => "Content-Type: application/json\r\n",
        };
        let request = format!(
            "{line} HTTP/1.1\r\nHost: convoke\r\nConnection: close\r\n{headers}{kind}\
             Content-Length: {length}\r\n\r\n{body}"
        );
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// A request with a token; `Null` is no body.
    pub async fn ask(&self, token: &str, line: &str, body: Value) -> Answer {
        self.ask_with(token, line, &[], body).await
    }

    pub async fn ask_with(&self, token: &str, line: &str, headers: &[&str], body: Value) -> Answer {
        let authorization = format!("Authorization: Bearer {token}");
        let mut all = vec![authorization.as_str()];
        all.extend(headers);
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.request(line, &all, &body).await
    }

    /// An answer that must be a success.
    pub async fn good(&self, token: &str, line: &str, body: Value) -> Value {
        let answer = self.ask(token, line, body).await;
        assert!((200..300).contains(&answer.status), "{line}: {answer:?}");
        answer.json()
    }

    /// The refusal of what must not be a success.
    pub async fn refused(&self, token: &str, line: &str, body: Value) -> (u16, String) {
        let answer = self.ask(token, line, body).await;
        assert!(answer.status >= 400, "{line}: {answer:?}");
        answer.code()
    }

    /// Gives a person the password and signs them in.
    pub async fn sign_in(&self, user: &str) -> String {
        let aor = self.accounts.aor(user).unwrap();
        if !self.accounts.has_password(&aor).await.unwrap() {
            let set = self.accounts.set_password(&aor, PASSWORD).await;
            set.unwrap();
        }
        let login = json!({ "user": user, "password": PASSWORD }).to_string();
        let answer = self.request("POST /api/v1/session", &[], &login).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// A program's token.
    pub async fn token(&self, user: &str) -> String {
        let aor = self.accounts.aor(user).unwrap();
        let minted = self.accounts.mint_token(&aor, "test", 1).await;
        minted.unwrap().token
    }
}

/// Requests come from where their header says, as if from there.
async fn from(mut request: Request) -> Request {
    let named = request.headers().get("X-Test-Peer");
    let peer = named.and_then(|value| value.to_str().ok()).map(|value| {
        let (address, scheme) = value.split_once(' ').unwrap_or((value, "http"));
        Peer {
            address: address.parse::<IpAddr>().unwrap(),
            secure: scheme == "https",
        }
    });
    if let Some(peer) = peer {
        request.extensions_mut().insert(peer);
    }
    request
}
