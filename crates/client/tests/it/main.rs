//! The client against the assembled server, on free ports of the loopback.

#![expect(clippy::unwrap_used, reason = "the bench is part of the tests")]

mod conference;

use std::time::Duration;

use client::{Config, ConnectError, Connection, ImClient, Incoming};
use convoke_types::Aor;
use runtime::clock;
use runtime::tasks::{Shutdown, Tasks};
use runtime::tls::PeerTrust;
use server::Server;
use sip_proto::auth::Login;
use sip_proto::{Target, Transport, Uri};
use store::AccountKind;
use tempfile::TempDir;

const DOMAIN: &str = "test.example";
const SOON: Duration = Duration::from_secs(10);

struct Bench {
    server: Server,
    tasks: Tasks,
    _directory: TempDir,
}

impl Bench {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let text = format!(
            "[server]\ndomain = \"{DOMAIN}\"\nroles = [\"im\"]\n[im]\nudp = [\"127.0.0.1:0\"]\ntcp = [\"127.0.0.1:0\"]\n\
             tls = [\"127.0.0.1:0\"]\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [sip]\nudp = [\"127.0.0.1:0\"]\ntcp = [\"127.0.0.1:0\"]\n"
        );
        let config = server::config::parse(&text, directory.path()).unwrap();
        Self {
            server: Server::start(config).await.unwrap(),
            tasks: Tasks::new(Shutdown::new()),
            _directory: directory,
        }
    }

    /// How to connect as this user, with a new device password.
    async fn config(&self, user: &str, transport: Transport) -> Config {
        let accounts = &self.server.accounts;
        let aor = accounts.aor(user).unwrap();
        accounts
            .save(&aor, user, AccountKind::Person)
            .await
            .unwrap();
        let device = accounts.mint_device(&aor, "test").await.unwrap();
        let login = Login {
            username: device.username,
            password: device.password,
        };
        let bound = &self.server.addresses;
        let mut target = Target::new(
            transport,
            match transport {
                Transport::Udp => bound.sip_udp[0],
                Transport::Tcp => bound.sip_tcp[0],
                Transport::Tls => bound.sip_tls[0],
                Transport::Ws | Transport::Wss => bound.http.unwrap(),
            },
        );
        target.server_name = (transport == Transport::Tls).then(|| DOMAIN.to_owned());
        let mut config = Config::new(aor, login, target);
        if let Some(pin) = &bound.certificate {
            let pinned = PeerTrust::Pinned(pin.clone());
            config.trust.peers.insert(DOMAIN.to_owned(), pinned);
        }
        config
    }

    async fn connect(&self, user: &str, transport: Transport) -> ImClient {
        let config = self.config(user, transport).await;
        ImClient::connect(config, &self.tasks).await.unwrap()
    }

    async fn stop(self) {
        self.tasks.finish(SOON).await.unwrap();
        assert!(self.server.shutdown().await);
    }
}

fn uri(user: &str) -> Uri {
    let aor = Aor::new(user, DOMAIN).unwrap();
    Uri::parse(aor.to_uri()).unwrap()
}

async fn say(from: &ImClient, to: &str, text: &str) -> u16 {
    let body = text.to_owned();
    let sent = from.message(&uri(to), "text/plain", body, vec![]).await;
    sent.unwrap().code
}

async fn heard(by: &ImClient) -> Incoming {
    clock::within(SOON, by.next()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_goes_over_every_transport() {
    let bench = Bench::start().await;
    let alice = bench.connect("alice", Transport::Tcp).await;
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let bob = bench.connect("bob", transport).await;
        let gruu = bob.gruu().unwrap();
        assert!(
            gruu.contains("bob@test.example") && gruu.contains("gr="),
            "{gruu}"
        );
        assert_eq!(say(&alice, "bob", "hello").await, 202);
        let message = heard(&bob).await;
        assert_eq!(
            (message.sender(), message.text().as_str()),
            ("alice@test.example", "hello")
        );
        assert!(message.is_type("text/plain") && message.message_id.is_some());
        assert_eq!(say(&bob, "alice", "hello yourself").await, 202);
        assert_eq!(heard(&alice).await.text(), "hello yourself");
        bob.close().await;
        assert_eq!(*bob.connection().borrow(), Connection::Closed);
        assert_eq!(bob.next().await, None);
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_closing_chat_is_kept_until_the_next_time() {
    let bench = Bench::start().await;
    let alice = bench.connect("alice", Transport::Tcp).await;
    let bob = bench.config("bob", Transport::Tcp).await;
    let first = ImClient::connect(bob.clone(), &bench.tasks).await.unwrap();
    first.close().await;
    assert_eq!(say(&alice, "bob", "later").await, 202);
    let again = ImClient::connect(bob, &bench.tasks).await.unwrap();
    assert_eq!(heard(&again).await.text(), "later");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_as_such() {
    let bench = Bench::start().await;
    let mut config = bench.config("alice", Transport::Tcp).await;
    config.login.password.push('x');
    let error = ImClient::connect(config, &bench.tasks).await.unwrap_err();
    assert!(matches!(error, ConnectError::WrongPassword(_)), "{error}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_for_udp_is_not_sent() {
    let bench = Bench::start().await;
    let alice = bench.connect("alice", Transport::Udp).await;
    let sent = alice
        .message(&uri("alice"), "text/plain", "x".repeat(2_000), vec![])
        .await;
    let words = sent.unwrap_err().to_string();
    assert!(words.contains("1,300 bytes"), "{words}");
    bench.stop().await;
}
