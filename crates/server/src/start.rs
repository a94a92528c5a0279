//! Starting and stopping: which parts run, in which order they begin and end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use api::{
    Accounts, ConferenceService, Keys, ReportingService, SecretDigest, Targets, VideoView, Webhooks,
};
use runtime::clock;
use runtime::sip::{BindError, SipTransports};
use runtime::tasks::{Shutdown, Tasks};
use runtime::tls::{self, TlsError};
use sip_proto::Transport;
use store::{Store, StoreError};

use crate::check::{Finding, Severity, check_sense};
use crate::config::{Config, Part, SecretError};
use crate::files::{self, ADMINISTRATOR_KEY_FILE, Addresses, FileError, SHARED_SECRET_FILE};
use crate::housekeeping;
use crate::http::{self, Proxies, websocket, websocket::Origins};
use crate::im_account::ImAccount;
use crate::metrics::{self, Metrics};
use crate::role_allocator;
use crate::role_conference::{self, ConferenceRole};
use crate::role_gateway::{self, GatewayRole, Surroundings};
use crate::role_im::{self, ImRole};
use crate::role_janus;
use crate::role_modes;

/// How long each part may take to end after its work is done.
const STAGE_END: Duration = Duration::from_secs(5);
/// Where the conference service is, under the server's URL.
const CONFERENCE_PATH: &str = "/soap/conference";
/// What the records of calls say that were under way when the process died.
const CRASH_WORDS: &str = "the server stopped while the call was under way";

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is not right.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Config(Vec<Finding>),
    /// A listener cannot be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The HTTP address cannot be listened on.
    #[error("cannot listen on {addr}/http: {error}")]
    Http {
        /// Which.
        addr: std::net::SocketAddr,
        /// Why not.
        error: std::io::Error,
    },
    /// A certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The data directory cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the data directory cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The system gave no randomness.
    #[error(transparent)]
    Randomness(#[from] runtime::seed::NoRandomness),
    /// An account that the server needs for itself could not be made.
    #[error("cannot make the account {account}: {words}")]
    Account {
        /// Which.
        account: String,
        /// Why not.
        words: String,
    },
    /// A part says in words why it cannot start.
    #[error("{part}: {words}")]
    Part {
        /// Which.
        part: &'static str,
        /// Why not.
        words: String,
    },
}

/// A running server.
pub struct Server {
    /// Where it listens.
    pub addresses: Addresses,
    /// The operations on accounts, as the administrator's key has them over REST.
    pub accounts: Accounts,
    /// What is stored.
    pub store: Store,
    /// Its conferences, where it has any.
    pub conferences: Option<ConferenceService>,
    config: Config,
    /// In the order in which they end: who commands before who carries.
    stages: Vec<(&'static str, Tasks)>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Starts the parts that the configuration names. Everything listens when this returns. Needs a tokio runtime.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::start_with(config, axum::Router::new()).await
    }

    /// As [`start`](Self::start), with further pages on the HTTP addresses. Their handlers find a [`Connection`](crate::Connection) in
    /// axum's `ConnectInfo`.
    pub async fn start_with(config: Config, pages: axum::Router) -> Result<Self, StartError> {
        let faults: Vec<Finding> = check_sense(&config)
            .into_iter()
            .filter(|finding| finding.severity == Severity::Error)
            .collect();
        if !faults.is_empty() {
            return Err(StartError::Config(faults));
        }
        tls::install_provider();
        let files = runtime::files::raise_open_files_limit();
        tracing::debug!(files, "most open files and sockets");
        let mut stages = Stages::default();
        match Self::start_parts(config, pages, &mut stages).await {
            Ok(mut server) => {
                server.stages = stages.0;
                server.addresses.write(&server.config.data_dir())?;
                Ok(server)
            }
            Err(error) => {
                for (_, tasks) in stages.0 {
                    // Nothing was under way yet.
                    let _ = tasks.finish(STAGE_END).await;
                }
                Err(error)
            }
        }
    }

    async fn start_parts(
        mut config: Config,
        pages: axum::Router,
        stages: &mut Stages,
    ) -> Result<Self, StartError> {
        let data_dir = config.data_dir();
        let store = open_store(&config).await?;
        let (administrator, _) = files::secret(&data_dir, ADMINISTRATOR_KEY_FILE)?;
        let shared = match &config.gateway.shared_secret {
            Some(secret) => secret.read(&config.base)?,
            None => files::secret(&data_dir, SHARED_SECRET_FILE)?.0,
        };
        let listen = config.http.listen;
        let http_error = |error| StartError::Http {
            addr: listen,
            error,
        };
        let listener = runtime::tcp::listen(listen).await.map_err(http_error)?;
        let http_addr = listener.local_addr().map_err(http_error)?;
        let url = match &config.http.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{http_addr}"),
        };

        let keys = Keys {
            gateway: SecretDigest::of(&shared),
            administrator: SecretDigest::of(&administrator),
            store: store.clone(),
        };

        let im_carriers = stages.add("im carriers");
        let im_tasks = stages.add("im");
        let im = match config.runs(Part::Im) {
            true => Some(ImRole::start(&config, &store, &im_tasks, &im_carriers).await?),
            false => None,
        };
        let janus_tasks = stages.add("janus");
        let bridge = match config.runs(Part::Janus) {
            true => Some(role_janus::start(&config, &janus_tasks).await?),
            false => None,
        };
        if let Some(adapter) = bridge {
            let ours = config.video_server.iter_mut();
            for server in ours.filter(|server| server.url.is_empty()) {
                server.url = format!("ws://{}{}", reachable(adapter), bridges::adapter::PATH);
            }
        }
        let domain = config.server.domain.clone();
        let changed = match &im {
            Some(im) => im.account_changed(),
            None => Arc::new(|_: &convoke_types::Aor, _: api::Change| {}),
        };
        let accounts = Accounts::new(store.clone(), domain.clone(), domain.clone(), changed);
        let ours = config.runs(Part::Im) || config.runs(Part::Gateway);
        let gateway_account = ImAccount::gateway(&config);
        let gateway_password = match ours {
            true => gateway_account.password(&store, &accounts).await?,
            false => String::new(),
        };
        // With an IM server here, it wants the account; with none, and none named, nobody could follow a conference.
        let focus = ImAccount::conferences(&config)
            .filter(|account| config.runs(Part::Im) || account.is_elsewhere());
        let focus = match focus {
            Some(account) => Some((account.password(&store, &accounts).await?, account)),
            None => None,
        };

        // Our IM server wants the accounts of its services also where they run elsewhere.
        let allocator_account = ImAccount::allocator(&config)
            .filter(|_| config.runs(Part::Im) || config.runs(Part::Allocator));
        let allocator_password = match &allocator_account {
            Some(account) => account.password(&store, &accounts).await?,
            None => String::new(),
        };
        // It tells the allocator and nobody else.
        let modes_account = ImAccount::modes(&config)
            .filter(|_| config.runs(Part::Im) && allocator_account.is_some());
        let modes_password = match &modes_account {
            Some(account) => account.password(&store, &accounts).await?,
            None => String::new(),
        };

        let http_tasks = stages.add("http");
        let carriers = stages.add("carriers");
        let gateway_tasks = stages.add("gateway");
        let ua_tasks = stages.add("conference ua");
        let conference_tasks = stages.add("conference");
        let modes_tasks = stages.add("modes");
        let allocator_tasks = stages.add("allocator");
        let mut routes = axum::Router::new();
        let mut counted = Metrics {
            keys: keys.clone(),
            transports: vec![],
            media: None,
        };
        counted
            .transports
            .extend(im.as_ref().map(|im| ("im", im.transports.clone())));
        if config.runs(Part::Gateway) {
            let ours = im.as_ref().map(|im| &im.transports);
            let around = Surroundings {
                im_server: gateway_account.address(ours)?,
                conference_url: match &config.gateway.conference_url {
                    Some(url) => url.clone(),
                    None => format!("{}{CONFERENCE_PATH}", local_url(http_addr)),
                },
                password: gateway_password,
                shared_secret: shared.clone(),
            };
            let gateway =
                GatewayRole::start(&config, &store, around, &gateway_tasks, &carriers).await?;
            counted
                .transports
                .push(("gateway", gateway.transports.clone()));
            routes = routes.merge(role_gateway::router(keys.clone(), gateway.inputs(), &url));
        }
        let mut webhooks = None;
        let mut conference = if config.runs(Part::Conference) {
            let reporting = reporting(&config, http_addr, shared);
            // They end after the conferences, whose ends they are told.
            let started = Webhooks::start(&store, webhook_targets(&config), &http_tasks).await?;
            let told = role_conference::Told {
                reporting,
                webhooks: started.clone(),
            };
            webhooks = Some(started);
            let role = ConferenceRole::start(&config, &store, told, &conference_tasks, &carriers);
            Some(role.await?)
        } else {
            None
        };
        if let Some(role) = &mut conference {
            counted
                .transports
                .push(("conference", role.transports.clone()));
            counted.media = Some(role.media.clone());
            let ours = im.as_ref().map(|im| &im.transports);
            if let (Some((password, account)), Some(browsers)) = (focus, role.browsers.take()) {
                let server = account.address(ours)?;
                let watching = role.service.watching();
                let started = role_conference::ua::start(
                    &account, server, password, watching, browsers, &ua_tasks, &carriers,
                );
                counted.transports.push(("conference ua", started.await?));
            } else {
                tracing::info!("conferences cannot be followed by SIP: no IM server for them");
            }
        }
        if let (Some(account), Some(im), Some(allocator)) =
            (&modes_account, &im, &allocator_account)
        {
            let sources = role_modes::Sources {
                store: store.clone(),
                directory: role_conference::plan::directory(&config, &store),
                im: im.inputs(),
                allocator: allocator.identity()?,
            };
            let server = account.address(Some(&im.transports))?;
            let started = role_modes::start(
                account,
                server,
                modes_password,
                sources,
                &modes_tasks,
                &carriers,
            );
            counted.transports.push(("modes", started.await?));
        }
        if let Some(account) = allocator_account.filter(|_| config.runs(Part::Allocator)) {
            let server = account.address(im.as_ref().map(|im| &im.transports))?;
            // Its password is all that it is handed.
            let started = role_allocator::start(
                &config,
                &account,
                (server, allocator_password),
                &allocator_tasks,
                &carriers,
            );
            counted.transports.push(("allocator", started.await?));
        }
        routes = routes.merge(metrics::router(counted));
        let allocator = ImAccount::allocator(&config).map(|account| account.identity());
        let allocator = allocator.transpose()?;
        // Without a trunk nobody dials anything, and no plan need be configured.
        let dialplan =
            (!config.trunk.is_empty()).then(|| role_conference::plan::dial_plan(&config.dialplan));
        let conferences = ImAccount::conferences(&config).map(|account| account.identity());
        let conferences = conferences.transpose()?;
        let video = (!config.video_server.is_empty()).then_some(VideoView { allocator });
        let allocator = video.as_ref().and_then(|video| video.allocator.clone());
        let router = api::router(api::Http {
            keys,
            conference: conference.as_ref().map(|role| role.service.clone()),
            accounts: accounts.clone(),
            webhooks,
            public_url: url.clone(),
            origins: config.http.origins.clone(),
            video,
            conferences,
            dialplan,
            shutdown: http_tasks.shutdown_token().clone(),
        });
        let mut router = router.merge(routes).merge(pages);
        if let Some(im) = &im {
            let origins = Origins::new(&config.http.origins, &url);
            router = router.merge(websocket::router(im.transports.clone(), origins));
        }
        let places = Arc::default();
        let https = listen_tls(&config, &places, &router, &http_tasks).await?;
        let proxies = Proxies::new(&config.http.proxies);
        http::serve(listener, None, &places, &proxies, router, &http_tasks);
        housekeeping::start(&store, config.im.log_days, &http_tasks);

        let clients = im.as_ref().map(|im| &im.transports);
        let trunks = conference.as_ref().map(|role| &role.transports);
        let addresses = Addresses {
            gateway: Some(ImAccount::gateway(&config).identity()?),
            allocator,
            domain,
            sip_udp: bound(clients, Transport::Udp),
            sip_tcp: bound(clients, Transport::Tcp),
            sip_tls: bound(clients, Transport::Tls),
            trunk_udp: bound(trunks, Transport::Udp),
            trunk_tcp: bound(trunks, Transport::Tcp),
            http: Some(http_addr),
            https,
            bridge,
            url,
            certificate: im.and_then(|im| im.certificate).map(|files| files.chain),
        };
        Ok(Self {
            addresses,
            accounts,
            store,
            conferences: conference.map(|role| role.service),
            config,
            stages: vec![],
        })
    }

    /// Waits until a part without which the server makes no sense has failed.
    pub async fn failed(&self) {
        let mut waits = self
            .stages
            .iter()
            .map(|(_, tasks)| Box::pin(tasks.shutdown_token().cancelled()))
            .collect::<Vec<_>>();
        std::future::poll_fn(|cx| {
            use std::future::Future;
            let ended = waits
                .iter_mut()
                .any(|wait| wait.as_mut().poll(cx).is_ready());
            if ended {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
    }

    /// Ends conferences, tells clients, and stops: each part after those that need it. Takes at most the configured
    /// drain time and a few seconds; `false` when something did not end as it should (the log says what).
    pub async fn shutdown(self) -> bool {
        tracing::info!("going down");
        Addresses::remove(&self.config.data_dir());
        let mut clean = true;
        let mut limit = Duration::from_secs(self.config.server.drain_s) + STAGE_END;
        for (name, tasks) in self.stages.iter().rev() {
            if let Err(error) = tasks.finish(limit).await {
                tracing::error!(stage = name, %error, "did not end as it should");
                clean = false;
            }
            limit = STAGE_END;
        }
        let store = self.store.clone();
        // Closing waits for the disk, so it is done where waiting is allowed.
        if tokio::task::spawn_blocking(move || store.close())
            .await
            .is_err()
        {
            clean = false;
        }
        tracing::info!(clean, "down");
        clean
    }
}

/// The groups of tasks, in the order of their start; they end in reverse.
#[derive(Default)]
struct Stages(Vec<(&'static str, Tasks)>);

impl Stages {
    fn add(&mut self, name: &'static str) -> Tasks {
        let tasks = Tasks::new(Shutdown::new());
        self.0.push((name, tasks.clone()));
        tasks
    }
}

/// Opens the addresses for HTTPS; gives back where they are.
async fn listen_tls(
    config: &Config,
    places: &Arc<http::Places>,
    router: &axum::Router,
    tasks: &Tasks,
) -> Result<Vec<SocketAddr>, StartError> {
    if config.http.tls.is_empty() {
        return Ok(vec![]);
    }
    let files = role_im::certificate(config)?;
    let tls = tls::server_config(&files, &[])?;
    let proxies = Proxies::new(&config.http.proxies);
    let mut bound = Vec::new();
    for addr in config.http.tls.iter().copied() {
        let http_error = |error| StartError::Http { addr, error };
        let listener = runtime::tcp::listen(addr).await.map_err(http_error)?;
        bound.push(listener.local_addr().map_err(http_error)?);
        let (tls, router) = (Some(tls.clone()), router.clone());
        http::serve(listener, tls, places, &proxies, router, tasks);
    }
    Ok(bound)
}

fn bound(transports: Option<&SipTransports>, transport: Transport) -> Vec<SocketAddr> {
    let bound = transports.into_iter().flat_map(SipTransports::bound);
    bound
        .filter(|bound| bound.transport == transport)
        .map(|bound| bound.addr)
        .collect()
}

/// Where reports go: to the gateway of this process, or to where one is named.
fn reporting(config: &Config, http: SocketAddr, secret: String) -> Option<ReportingService> {
    let url = match &config.gateway.reporting_url {
        Some(url) => url.clone(),
        None if config.runs(Part::Gateway) => {
            format!("{}{}", local_url(http), role_gateway::REPORTING_PATH)
        }
        None => return None,
    };
    Some(ReportingService { url, secret })
}

/// Where webhooks may be posted to.
fn webhook_targets(config: &Config) -> Targets {
    let networks = config.http.webhook_networks.clone();
    Targets::new(Arc::new(move |ip| {
        networks.iter().any(|network| network.contains(ip))
    }))
}

/// How the parts of this process reach its HTTP address.
fn local_url(addr: SocketAddr) -> String {
    format!("http://{}", reachable(addr))
}

/// How the parts of this process reach an address that it listens on.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(ip, addr.port())
}

async fn open_store(config: &Config) -> Result<Store, StartError> {
    let directory = config.data_dir();
    // Opening waits for the disk, so it is done where waiting is allowed.
    let opened = tokio::task::spawn_blocking(move || Store::open(&directory));
    let store = opened.await.map_err(|error| StartError::Part {
        part: "store",
        words: error.to_string(),
    })??;
    let now = clock::unix_ms(clock::wall());
    let closed = store.close_open_records(now, CRASH_WORDS).await?;
    if closed.conferences + closed.legs > 0 {
        tracing::warn!(
            conferences = closed.conferences,
            legs = closed.legs,
            "closed the records of calls that a former process left"
        );
    }
    Ok(store)
}
