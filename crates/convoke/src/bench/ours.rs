//! A real `convoke serve`, this very binary, as the server that is measured.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use api::TelephoneView;
use convoke_types::{Aor, CommandId};
use load::machine::{Cores, Server};
use runtime::{clock, seed};
use server::config::{Config, TrunkSettings};
use soap_proto::{Answer, Operation, Request, parse_response, write_request};
use tempfile::TempDir;

use crate::site::{Site, reachable};

/// The domain of all accounts.
pub const DOMAIN: &str = "bench.example";
/// The account that commands conferences.
pub const HOST: &str = "host";
/// What all numbers begin with; five digits follow.
pub const PREFIX: &str = "+4930100";
/// Where data is kept: on a disk, by the file hierarchy standard, which the temporary directory need not be.
const DISK: &str = "/var/tmp";
const START_MAX: Duration = Duration::from_secs(20);
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// The number of a telephone.
pub fn number(telephone: usize) -> String {
    format!("{PREFIX}{telephone:05}")
}

/// A running server.
pub struct Ours {
    /// Its process.
    pub server: Server,
    /// Its administration.
    pub site: Site,
    /// Where its files are.
    pub directory: TempDir,
    http: reqwest::Client,
    soap: String,
    token: String,
}

impl Ours {
    /// Starts one whose trunk is at `trunk`, with the account of the host.
    pub async fn start(cores: Cores, trunk: Option<SocketAddr>) -> Result<Self> {
        let directory = scratch()?;
        let data = directory.path().join("data");
        let path = directory.path().join("convoke.toml");
        std::fs::write(&path, toml::to_string(&config(trunk, data.clone()))?)?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("serve")
            .arg("--config")
            .arg(&path)
            .arg("--ready-line")
            .env_remove("CONVOKE_DATA")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(directory.path().join("log"))?);
        let mut server = Server::start(command, cores.server)?;
        let begin = clock::now();
        let site = loop {
            match Site::open(&data) {
                Ok(site) => break site,
                Err(error) => {
                    if !server.is_running() {
                        let log = std::fs::read_to_string(directory.path().join("log"));
                        bail!("the server ended at its start: {}", log.unwrap_or_default());
                    }
                    ensure!(
                        clock::now() - begin < START_MAX,
                        "the server does not start: {error}"
                    );
                }
            }
            clock::sleep(Duration::from_millis(10)).await;
        };
        let token = owner(&site, HOST, 0).await?;
        let http = site
            .addresses
            .http
            .context("the server has no HTTP address")?;
        Ok(Self {
            server,
            soap: format!("http://{}/soap/conference", reachable(http)),
            site,
            directory,
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(ANSWER_MAX)
                .build()?,
            token,
        })
    }

    /// Makes an account with a device password.
    pub async fn person(&self, user: &str) -> Result<String> {
        let aor: Aor = self.site.aor(user)?;
        self.site.save_user(&aor, user).await?;
        Ok(self.site.mint_device(&aor, "bench").await?.password)
    }

    /// Makes an account with a telephone; its token.
    pub async fn owner(&self, user: &str, telephone: usize) -> Result<String> {
        owner(&self.site, user, telephone).await
    }

    /// Where the window and REST are.
    pub fn http(&self) -> Result<String> {
        let http = self.site.addresses.http;
        let http = http.context("the server has no HTTP address")?;
        Ok(format!("http://{}", reachable(http)))
    }

    /// Commands the conference service by SOAP over HTTP, as the host.
    pub async fn command(&self, operation: Operation) -> Result<Answer> {
        self.command_as(&self.token, operation).await
    }

    /// The same as whoever a token is of.
    pub async fn command_as(&self, token: &str, operation: Operation) -> Result<Answer> {
        let request = write_request(&Request::new(operation, new_id()?))?;
        let response = self
            .http
            .post(&self.soap)
            .bearer_auth(token)
            .header("Content-Type", "text/xml; charset=utf-8")
            .body(request)
            .send()
            .await?;
        let body = response.bytes().await?;
        Ok(parse_response(&body)?.outcome?)
    }

    /// Where accounts register over TCP.
    pub fn tcp(&self) -> Result<SocketAddr> {
        let first = self.site.addresses.sip_tcp.first();
        first
            .copied()
            .context("the server listens on no TCP address")
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }
}

async fn owner(site: &Site, user: &str, telephone: usize) -> Result<String> {
    let aor = site.aor(user)?;
    site.save_user(&aor, user).await?;
    let telephone = TelephoneView {
        label: "work".to_owned(),
        number: number(telephone),
        default: true,
        guard: Some(false),
        ..TelephoneView::default()
    };
    site.save_telephones(&aor, &[telephone]).await?;
    Ok(site.mint_token(&aor, "bench", 1).await?.token)
}

/// A directory for one server, on a disk.
pub fn scratch() -> Result<TempDir> {
    let builder = tempfile::Builder::new()
        .prefix("convoke-bench-")
        .tempdir_in(DISK);
    Ok(match builder {
        Ok(directory) => directory,
        Err(_) => tempfile::tempdir()?,
    })
}

/// A new id for a command.
pub fn new_id() -> Result<CommandId> {
    Ok(seed::secret_hex()?.parse()?)
}

fn config(trunk: Option<SocketAddr>, data: PathBuf) -> Config {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut config = Config::default();
    config.server.domain = DOMAIN.to_owned();
    config.server.data_dir = data;
    config.server.drain_s = 1;
    config.im.udp = vec![any];
    config.im.tcp = vec![any];
    config.im.tls = vec![any];
    config.http.listen = any;
    config.sip.udp = vec![any];
    config.sip.tcp = vec![any];
    config.conference.initiator_first = false;
    config.conference.ends_with_owner = false;
    config.conference.guard_outside = false;
    config.conference.participants_max = 10_000;
    // Below the range that the system takes ports for others from.
    config.media.port_min = 10_000;
    config.media.port_max = 31_999;
    config.dialplan.home_country = Some("49".to_owned());
    config.log.level = "warn".to_owned();
    if let Some(addr) = trunk {
        let settings = TrunkSettings {
            name: "load".to_owned(),
            server: addr.ip().to_string(),
            port: Some(addr.port()),
            from_number: Some("+49301009999".to_owned()),
            calls_per_second: 1_000.0,
            lines: 10_000,
            ..TrunkSettings::default()
        };
        config.trunk = vec![settings];
    }
    config
}
