//! Who takes part: a server, five simulated telephones, three people with their clients.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use client::{ConferenceClient, Config as ClientConfig, ImClient};
use convoke_types::{Aor, E164};
use phones::{Answer, Behaviour, Ear, Law, Phone, Says};
use runtime::tasks::{Shutdown, Tasks};
use sip_proto::auth::Login;
use sip_proto::{Target, Transport};

use crate::embedded::{Embedded, Setting};

/// A telephone with a tone of its own.
pub struct Tone {
    /// Its owner's user name.
    pub user: &'static str,
    /// Its number.
    pub number: &'static str,
    /// What it says, in hertz: no multiples or intermodulation products of each other.
    pub hz: f32,
    /// Its law, so that both are in one mix.
    pub law: Law,
}

/// The telephones that are joined.
pub const TONES: [Tone; 3] = [
    Tone {
        user: "alice",
        number: "+15550101",
        hz: 500.0,
        law: Law::Mu,
    },
    Tone {
        user: "bob",
        number: "+15550102",
        hz: 1_130.0,
        law: Law::A,
    },
    Tone {
        user: "carol",
        number: "+15550103",
        hz: 1_870.0,
        law: Law::Mu,
    },
];
/// A telephone that is busy.
pub const BUSY: &str = "+15550104";
/// A telephone that nobody answers.
pub const NO_ANSWER: &str = "+15550105";
/// How long telephones ring before they count as not answered, in seconds: the shortest that is allowed.
const RING_TIMEOUT_S: u64 = 5;
/// How long a telephone rings before it is picked up, in milliseconds.
const PICK_UP_MS: u64 = 300;

/// Everybody.
pub struct Cast {
    /// The server with its telephone network.
    pub embedded: Embedded,
    /// Alice's device: it commands.
    pub alice: ConferenceClient,
    /// Bob's device.
    pub bob: ImClient,
    /// Carol's device.
    pub carol: ImClient,
    /// How long the registrations took together.
    pub registered: Duration,
    clients: Tasks,
}

impl Cast {
    /// Starts everything; done when the three people are registered.
    pub async fn assemble(data: &Path) -> Result<Self> {
        let embedded = Embedded::start(Setting {
            data,
            phones: telephones(),
            ephemeral: true,
            carrier: SocketAddr::from(([127, 0, 0, 1], 0)),
            calls_per_second: 20.0,
            ring_timeout_s: RING_TIMEOUT_S,
            playground: false,
            password: None,
            video: false,
        })
        .await?;
        let clients = Tasks::new(Shutdown::new());
        let began = runtime::clock::now();
        let alice = connect(&embedded, &clients, "alice").await?;
        let bob = connect(&embedded, &clients, "bob").await?;
        let carol = connect(&embedded, &clients, "carol").await?;
        let registered = runtime::clock::now().duration_since(began);
        let service = Aor::new("conference", &embedded.server.addresses.domain)?;
        let alice = ConferenceClient::start(alice, &service, &clients)?;
        Ok(Self {
            embedded,
            alice,
            bob,
            carol,
            registered,
            clients,
        })
    }

    /// Somebody's address.
    pub fn uri(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.embedded.server.addresses.domain)
    }

    /// What a telephone hears.
    pub fn ear(&self, number: &str) -> Result<Ear, String> {
        let number = e164(number)?;
        self.embedded
            .network
            .ear(&number)
            .ok_or_else(|| format!("there is no telephone {number}"))
    }

    /// Everybody goes home. `false` when something did not end as it should.
    pub async fn dismiss(self) -> bool {
        self.alice.close().await;
        self.bob.close().await;
        self.carol.close().await;
        let clients = self.clients.finish(Duration::from_secs(5)).await.is_ok();
        self.embedded.shutdown().await && clients
    }
}

/// A number as a type.
pub fn e164(number: &str) -> Result<E164, String> {
    number.parse().map_err(|error| format!("{error}"))
}

fn telephones() -> Vec<Phone> {
    let tones = TONES.iter().map(|tone| {
        let answer = Answer {
            after_ms: PICK_UP_MS,
            early_media: false,
            says: Says::Tone { hz: tone.hz },
            presses: None,
            hangs_up_after_ms: None,
        };
        (tone.number, tone.law, Behaviour::Answer(answer))
    });
    let others = [
        (BUSY, Law::Mu, Behaviour::Busy),
        (NO_ANSWER, Law::Mu, Behaviour::NoAnswer),
    ];
    tones
        .chain(others)
        .filter_map(|(number, law, behaviour)| {
            Some(Phone {
                number: number.parse().ok()?,
                owner: String::new(),
                behaviour,
                law,
            })
        })
        .collect()
}

async fn connect(embedded: &Embedded, tasks: &Tasks, user: &str) -> Result<ImClient> {
    let in_words = |fault| anyhow!("{user}: {fault}");
    let aor = embedded.server.accounts.aor(user).map_err(in_words)?;
    let minted = embedded
        .server
        .accounts
        .mint_device(&aor, "selftest")
        .await
        .map_err(in_words)?;
    let addr = *embedded
        .server
        .addresses
        .sip_tcp
        .first()
        .context("the IM server has no TCP address")?;
    let login = Login {
        username: minted.username,
        password: minted.password,
    };
    let config = ClientConfig::new(aor, login, Target::new(Transport::Tcp, addr));
    ImClient::connect(config, tasks)
        .await
        .with_context(|| format!("{user} cannot register"))
}
