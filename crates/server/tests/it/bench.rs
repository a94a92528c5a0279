//! A server with free ports and a data directory of its own.

use std::net::SocketAddr;
use std::path::Path;

use server::Server;
use server::config::{self, Config};
use store::AccountKind;
use tempfile::TempDir;
use testkit::peer::{Identity, SipPeer};

pub const DOMAIN: &str = "test.example";

pub struct Bench {
    pub server: Server,
    pub directory: TempDir,
    seed: u64,
}

/// Everything on free ports; `rest` is added to the file, whose last section is `[im]`.
pub fn config_text(rest: &str) -> String {
    format!(
        "[server]\ndomain = \"{DOMAIN}\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [sip]\nudp = [\"127.0.0.1:0\"]\ntcp = [\"127.0.0.1:0\"]\n\
         [im]\nudp = [\"127.0.0.1:0\"]\ntcp = [\"127.0.0.1:0\"]\ntls = [\"127.0.0.1:0\"]\n{rest}"
    )
}

pub fn config(directory: &Path, rest: &str) -> Config {
    config::parse(&config_text(rest), directory).unwrap()
}

impl Bench {
    pub async fn start(rest: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::start_in(directory, rest).await
    }

    pub async fn start_in(directory: TempDir, rest: &str) -> Self {
        if let Ok(level) = std::env::var("CONVOKE_TEST_LOG") {
            let settings = server::config::LogSettings {
                level,
                ..Default::default()
            };
            // Another test may have begun already.
            let _ = server::logging::begin(&settings);
        }
        let server = Server::start(config(directory.path(), rest)).await.unwrap();
        Self {
            server,
            directory,
            seed: 1,
        }
    }

    /// A server that was started in its own way.
    pub fn of(server: Server, directory: TempDir) -> Self {
        Self {
            server,
            directory,
            seed: 1,
        }
    }

    pub fn tcp(&self) -> SocketAddr {
        self.server.addresses.sip_tcp[0]
    }

    /// Makes the account, mints a device password for it and connects a peer by TCP.
    pub async fn peer(&mut self, user: &str) -> SipPeer {
        let identity = self.identity(user).await;
        let server = self.tcp();
        self.seed += 1;
        let seed = self.seed;
        block(move || SipPeer::tcp(identity, server, seed).unwrap()).await
    }

    pub async fn identity(&self, user: &str) -> Identity {
        let accounts = &self.server.accounts;
        let aor = accounts.aor(user).unwrap();
        let saved = accounts.save(&aor, user, AccountKind::Person).await;
        saved.unwrap();
        let device = accounts.mint_device(&aor, "test").await.unwrap();
        Identity::new(user, DOMAIN, &device.password)
    }

    /// Stops the server and gives the directory for another.
    pub async fn stop(self) -> TempDir {
        assert!(self.server.shutdown().await, "it did not end as it should");
        self.directory
    }
}

/// Peers block, so their work is done where blocking is allowed.
pub async fn block<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Registers a peer.
pub async fn registered(mut peer: SipPeer) -> SipPeer {
    block(move || {
        let response = peer.register("").unwrap();
        assert_eq!(response.status(), Some(200), "{}", response.text());
        peer
    })
    .await
}

/// Sends a text and gives the final status.
pub fn say(peer: &mut SipPeer, to: &str, body: &str) -> Option<u16> {
    let uri = format!("sip:{to}@{DOMAIN}");
    let extra = ["Content-Type: text/plain"];
    let response = peer
        .request("MESSAGE", &uri, &uri, &extra, body.as_bytes())
        .unwrap();
    response.status()
}
