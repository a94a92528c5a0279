//! A server with embedded defaults, the simulated telephone network behind its one trunk, and a video server where it is wanted and can be
//! had: what the demo and the self-test run.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use convoke_types::{Aor, Fault};
use phones::{Network, Phone};
use runtime::tasks::{Shutdown, Tasks};
use server::Server;
use server::config::{Config, Secret, TrunkSettings};
use sip_proto::auth::Login;

use crate::playground;
use crate::video::{Absent, VideoServer};

/// What the trunk asks for: so that digest is part of every call.
const TRUNK_USER: &str = "convoke";
const TRUNK: &str = "phones";
/// How long telephones may take to hang up at the end.
const PHONES_END: Duration = Duration::from_secs(5);
/// The number that called people see.
const CALLER: &str = "+15550100";

/// An account to be made.
pub struct Person {
    /// User part of the address.
    pub user: &'static str,
    /// The name that others see.
    pub name: &'static str,
    /// Telephones as label and number; the first is the default.
    pub telephones: &'static [(&'static str, &'static str)],
}

/// The people of the demo and the self-test.
pub const PEOPLE: [Person; 3] = [
    Person {
        user: "alice",
        name: "Alice Martin",
        telephones: &[("work", "+15550101")],
    },
    Person {
        user: "bob",
        name: "Bob Keller",
        telephones: &[("mobile", "+15550102"), ("home", "+15550105")],
    },
    Person {
        user: "carol",
        name: "Carol Diaz",
        telephones: &[("work", "+15550103")],
    },
];

/// How the embedded server differs from the defaults.
pub struct Setting<'a> {
    /// Its data directory.
    pub data: &'a Path,
    /// The simulated telephones.
    pub phones: Vec<Phone>,
    /// Let the system choose every port.
    pub ephemeral: bool,
    /// Where the carrier takes calls.
    pub carrier: SocketAddr,
    /// Calls started a second.
    pub calls_per_second: f64,
    /// How long telephones ring, in seconds.
    pub ring_timeout_s: u64,
    /// Serve `/phones/api`, where anybody who reaches the HTTP address may use the telephones.
    pub playground: bool,
    /// With what people sign in, unless they have a password already; without it they cannot.
    pub password: Option<&'a str>,
    /// Start a video server where that can be done.
    pub video: bool,
}

/// What runs.
pub struct Embedded {
    /// The server.
    pub server: Server,
    /// Its telephone network.
    pub network: Network,
    /// Its video server; `Err`: why there is none. `None`: none was wanted.
    pub video: Option<Result<VideoServer, Absent>>,
    phones: Tasks,
    /// Ends the pages that follow the telephones, which the server would wait for.
    pages: Shutdown,
}

impl Embedded {
    /// Starts telephone network and video server, then the server, then makes the accounts that are not there yet.
    pub async fn start(setting: Setting<'_>) -> Result<Self> {
        let password = runtime::seed::secret_hex()?;
        let login = Login {
            username: TRUNK_USER.to_owned(),
            password: password.clone(),
        };
        let phones = Tasks::new(Shutdown::new());
        let network = Network::start(
            phones::Config {
                listen: setting.carrier,
                phones: setting.phones.clone(),
                login: Some(login),
            },
            &phones,
        )
        .await
        .context("the simulated telephone network does not start")?;
        let video = match setting.video {
            true => Some(VideoServer::start().await),
            false => None,
        };
        let mut config = config(&setting, network.addr(), &password)?;
        if let Some(Ok(video)) = &video {
            video.serve(&mut config);
        }
        let boards = playground::Boards::default();
        let pages = Shutdown::new();
        let routes = match setting.playground {
            true => playground::routes(network.clone(), boards.clone(), pages.clone()),
            false => axum::Router::new(),
        };
        let server = Server::start_with(config, routes)
            .await
            .map_err(|error| anyhow!("the server does not start: {error}"))?;
        boards.follow(&server);
        make_people(&server, setting.password).await?;
        Ok(Self {
            server,
            network,
            video,
            phones,
            pages,
        })
    }

    /// Ends conferences, tells clients, stops. `false` when something did not end as it should.
    pub async fn shutdown(self) -> bool {
        self.pages.cancel();
        let clean = self.server.shutdown().await;
        let silent = self.phones.finish(PHONES_END).await.is_ok();
        let dark = match self.video {
            Some(Ok(video)) => video.shutdown().await,
            Some(Err(_)) | None => true,
        };
        clean && silent && dark
    }
}

fn config(setting: &Setting<'_>, carrier: SocketAddr, password: &str) -> Result<Config> {
    let mut config = Config {
        base: std::env::current_dir()?,
        ..Config::default()
    };
    config.server.data_dir = setting.data.to_owned();
    config.conference.ring_timeout_s = setting.ring_timeout_s;
    config.dialplan.home_country = Some("1".to_owned());
    config.dialplan.national_prefix = "1".to_owned();
    config.dialplan.international_prefix = "011".to_owned();
    let trunk = TrunkSettings {
        name: TRUNK.to_owned(),
        server: carrier.ip().to_string(),
        port: Some(carrier.port()),
        username: Some(TRUNK_USER.to_owned()),
        password: Some(Secret::literal(password)),
        from_number: Some(CALLER.to_owned()),
        calls_per_second: setting.calls_per_second,
        ..TrunkSettings::default()
    };
    config.trunk = vec![trunk];
    if setting.ephemeral {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        config.im.udp = vec![any];
        config.im.tcp = vec![any];
        config.im.tls = vec![any];
        config.sip.udp = vec![any];
        config.sip.tcp = vec![any];
        config.http.listen = any;
        config.janus.listen = any;
    } else {
        // Invitations to video conferences lead there.
        config.allocator.window_url = Some(format!("http://{}", config.http.listen));
    }
    Ok(config)
}

/// Makes the accounts; telephones that somebody has changed meanwhile stay as they are.
async fn make_people(server: &Server, password: Option<&str>) -> Result<()> {
    let in_words = |fault: Fault| anyhow!("an account could not be made: {fault}");
    let known = server.accounts.list().await.map_err(in_words)?;
    let mut fresh = Vec::new();
    for person in &PEOPLE {
        let aor = server.accounts.aor(person.user).map_err(in_words)?;
        if !known.iter().any(|account| account.user == aor) {
            make_person(server, &aor, person).await.map_err(in_words)?;
            fresh.push(aor.clone());
        }
        let has_one = server.accounts.has_password(&aor).await.map_err(in_words)?;
        if let Some(password) = password.filter(|_| !has_one) {
            let set = server.accounts.set_password(&aor, password);
            set.await.map_err(in_words)?;
        }
    }
    // They know each other, as people who work together do.
    for owner in fresh {
        for person in PEOPLE.iter().filter(|person| person.user != owner.user()) {
            let contact = store::Contact {
                key: store::ContactKey::User(server.accounts.aor(person.user).map_err(in_words)?),
                name: String::new(),
                favourite: false,
                numbers: Vec::new(),
            };
            server.store.save_contact(&owner, contact).await?;
        }
    }
    Ok(())
}

async fn make_person(server: &Server, aor: &Aor, person: &Person) -> Result<(), Fault> {
    let accounts = &server.accounts;
    let kind = store::AccountKind::Person;
    accounts.save(aor, person.name, kind).await?;
    let telephones = person
        .telephones
        .iter()
        .enumerate()
        .map(|(position, (label, number))| api::TelephoneView {
            label: (*label).to_owned(),
            number: (*number).to_owned(),
            default: position == 0,
            ..api::TelephoneView::default()
        })
        .collect();
    accounts.save_telephones(aor, telephones).await
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_page_that_follows_the_telephones_does_not_hold_the_end_up() {
        let data = tempfile::tempdir().unwrap();
        let demo = Embedded::start(Setting {
            data: data.path(),
            phones: phones::demo_network(),
            ephemeral: true,
            carrier: SocketAddr::from(([127, 0, 0, 1], 0)),
            calls_per_second: 5.0,
            ring_timeout_s: 20,
            playground: true,
            password: None,
            video: false,
        });
        let demo = demo.await.unwrap();
        let addr = demo.server.addresses.http.unwrap();
        let mut page = tokio::net::TcpStream::connect(addr).await.unwrap();
        let request = format!("GET /phones/api HTTP/1.1\r\nHost: {addr}\r\n\r\n");
        page.write_all(request.as_bytes()).await.unwrap();
        let mut seen = [0; 15];
        page.read_exact(&mut seen).await.unwrap();
        assert_eq!(&seen, b"HTTP/1.1 200 OK");
        assert!(demo.shutdown().await, "everything ended in time");
    }
}
