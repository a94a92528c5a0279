//! Our own parts as users of the IM server: the gateway, whom people write to, and conferences, which they follow and enter. Both register
//! like any client, at our own server or at one elsewhere.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::Accounts;
use convoke_types::Aor;
use runtime::clock;
use runtime::dns::{SipResolver, Wanted};
use runtime::probe;
use runtime::sip::{self, Listener, SipTransports, TransportEvents};
use runtime::tasks::{Shutdown, Tasks};
use runtime::tls::{self, ClientTrust, PeerTrust};
use sip_proto::auth::Login;
use sip_proto::ua::UaConfig;
use sip_proto::{FlowId, Source, Target, Transport, Uri};
use store::{AccountKind, Store};
use tokio::sync::mpsc;

use crate::check::sense::host_of;
use crate::config::{Cidr, Config, Secret};
use crate::files::{
    self, ALLOCATOR_PASSWORD_FILE, FOCUS_PASSWORD_FILE, GATEWAY_PASSWORD_FILE, MODES_PASSWORD_FILE,
};
use crate::role_conference::PRODUCT;
use crate::start::StartError;

/// How long a registration shall last, in seconds.
const REGISTRATION_S: u32 = 600;
/// Pause before the IM server's name is resolved again.
const RESOLVE_PAUSE: Duration = Duration::from_secs(5);

/// Whom a part believes that always stands beside its IM server.
const LOOPBACK: &[Cidr] = &[Cidr::loopback_v4(), Cidr::loopback_v6()];

/// Where a part registers.
#[derive(Debug, Clone)]
pub(crate) enum ImServerAddress {
    /// At our own IM server.
    Ours(Target),
    /// At one elsewhere.
    Elsewhere(Wanted),
}

/// An account of ours, as configured.
pub(crate) struct ImAccount<'c> {
    config: &'c Config,
    /// The part's name in faults, and the label of its device password.
    part: &'static str,
    user: &'c str,
    /// What people see.
    name: &'static str,
    password_file: &'static str,
    /// The file that makes the part the same device after a restart.
    instance_file: &'static str,
    server: Option<&'c str>,
    transport: Transport,
    listen: SocketAddr,
    domain: Option<&'c str>,
    password: Option<&'c Secret>,
    trusted: &'c [Cidr],
    tls_roots: &'c [PathBuf],
    tls_pin: Option<&'c PathBuf>,
}

impl<'c> ImAccount<'c> {
    /// The gateway's.
    pub fn gateway(config: &'c Config) -> Self {
        let gateway = &config.gateway;
        Self {
            config,
            part: "gateway",
            user: &gateway.user,
            name: "Conferences",
            password_file: GATEWAY_PASSWORD_FILE,
            instance_file: "gateway.instance",
            server: gateway.im_server.as_deref(),
            transport: gateway.transport.into(),
            listen: gateway.listen,
            domain: gateway.domain.as_deref(),
            password: gateway.password.as_ref(),
            trusted: &gateway.trusted_servers,
            tls_roots: &gateway.tls_roots,
            tls_pin: gateway.tls_pin.as_ref(),
        }
    }

    /// That of conferences; `None` where there is to be none.
    pub fn conferences(config: &'c Config) -> Option<Self> {
        let conference = &config.conference;
        let account = Self {
            config,
            part: "conferences",
            user: &config.im.conferences,
            name: "Conferences",
            password_file: FOCUS_PASSWORD_FILE,
            instance_file: "focus.instance",
            server: conference.im_server.as_deref(),
            transport: conference.im_transport.into(),
            listen: conference.im_listen,
            domain: conference.im_domain.as_deref(),
            password: conference.im_password.as_ref(),
            trusted: &conference.im_trusted_servers,
            tls_roots: &conference.im_tls_roots,
            tls_pin: conference.im_tls_pin.as_ref(),
        };
        (!account.user.is_empty()).then_some(account)
    }

    /// The video allocator's; `None` where there is to be none.
    pub fn allocator(config: &'c Config) -> Option<Self> {
        let allocator = &config.allocator;
        let account = Self {
            config,
            part: "allocator",
            user: &allocator.user,
            name: "Video conferences",
            password_file: ALLOCATOR_PASSWORD_FILE,
            instance_file: "allocator.instance",
            server: allocator.im_server.as_deref(),
            transport: allocator.transport.into(),
            listen: allocator.listen,
            domain: allocator.domain.as_deref(),
            password: allocator.password.as_ref(),
            trusted: &allocator.trusted_servers,
            tls_roots: &allocator.tls_roots,
            tls_pin: allocator.tls_pin.as_ref(),
        };
        (!account.user.is_empty()).then_some(account)
    }

    /// That of what tells people's modes, which belongs to our own IM server; `None` where there is to be none.
    pub fn modes(config: &'c Config) -> Option<Self> {
        let account = Self {
            config,
            part: "modes",
            user: &config.im.modes,
            name: "How people can be reached",
            password_file: MODES_PASSWORD_FILE,
            instance_file: "modes.instance",
            server: None,
            transport: Transport::Tcp,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            domain: None,
            password: None,
            trusted: LOOPBACK,
            tls_roots: &[],
            tls_pin: None,
        };
        (!account.user.is_empty()).then_some(account)
    }

    /// Whether its IM server is not ours.
    pub fn is_elsewhere(&self) -> bool {
        self.server.is_some()
    }

    /// Its domain at the IM server.
    pub fn domain(&self) -> &str {
        self.domain.unwrap_or(&self.config.server.domain)
    }

    /// Its address of record.
    pub fn identity(&self) -> Result<Aor, StartError> {
        Aor::new(self.user, self.domain()).map_err(|error| self.fault(error.to_string()))
    }

    /// Its IM server; `ours`: that of this process.
    pub fn address(&self, ours: Option<&SipTransports>) -> Result<ImServerAddress, StartError> {
        if let Some(server) = self.server {
            let host = host_of(server);
            let port = server
                .strip_prefix(host)
                .and_then(|rest| rest.strip_prefix(':'));
            return Ok(ImServerAddress::Elsewhere(Wanted {
                host: host.to_owned(),
                port: port.and_then(|port| port.parse().ok()),
                transport: Some(self.transport),
                secure: self.transport.is_secure(),
            }));
        }
        let bound = ours.and_then(|ours| {
            let of = |transport| ours.local(transport).map(|addr| (transport, addr));
            of(self.transport)
                .or_else(|| of(Transport::Tcp))
                .or_else(|| of(Transport::Tls))
        });
        let (transport, mut addr) =
            bound.ok_or_else(|| self.fault("no address of our IM server for streams"))?;
        if addr.ip().is_unspecified() {
            let loopback = if addr.is_ipv4() { "127.0.0.1" } else { "::1" };
            addr.set_ip(
                loopback
                    .parse()
                    .map_err(|_| self.fault("no loopback address"))?,
            );
        }
        Ok(ImServerAddress::Ours(Target::new(transport, addr)))
    }

    /// Opens its own SIP address, and what leads from there to the IM server.
    pub async fn open(
        &self,
        server: &ImServerAddress,
        carriers: &Tasks,
    ) -> Result<(SipTransports, TransportEvents), StartError> {
        let config = sip::Config {
            listeners: vec![Listener {
                transport: Transport::Tcp,
                addr: self.listen,
            }],
            tls_server: None,
            tls_client: self.tls_client(server)?,
            limits: sip::Limits::default(),
        };
        Ok(SipTransports::bind(config, carriers).await?)
    }

    /// Whom it trusts over TLS: our own certificate, or what is configured for the server elsewhere.
    fn tls_client(
        &self,
        server: &ImServerAddress,
    ) -> Result<Option<Arc<rustls::ClientConfig>>, StartError> {
        let config = self.config;
        let (name, pin): (String, Option<PathBuf>) = match server {
            ImServerAddress::Ours(target) if target.transport.is_secure() => {
                let development = config
                    .data_dir()
                    .join(files::TLS_DIRECTORY)
                    .join("cert.pem");
                let chain = config.im.tls_certificate.as_ref();
                let chain = chain.map_or(development, |chain| config.path(chain));
                (target.addr.ip().to_string(), Some(chain))
            }
            ImServerAddress::Elsewhere(wanted) if wanted.secure => {
                let pin = self.tls_pin.map(|pin| config.path(pin));
                (wanted.host.clone(), pin)
            }
            ImServerAddress::Ours(_) | ImServerAddress::Elsewhere(_) => return Ok(None),
        };
        let peers: HashMap<String, PeerTrust> = pin
            .map(|pin| (name, PeerTrust::Pinned(pin)))
            .into_iter()
            .collect();
        let roots = self.tls_roots.iter().map(|root| config.path(root));
        let trust = ClientTrust {
            roots: roots.collect(),
            peers,
        };
        Ok(Some(tls::client_config(&trust)?))
    }

    /// Its password at an IM server elsewhere, as configured.
    pub fn given_password(&self) -> Result<String, StartError> {
        let missing = || self.fault("no password for its account at the IM server");
        let password = self.password.ok_or_else(missing)?;
        Ok(password.read(&self.config.base)?)
    }

    /// Its password at the IM server. At our own it gets an account with it: the configured one, or one that is made. Our IM server wants
    /// the account also when the part runs elsewhere or not at all: what is written to a service is never kept until it comes
    /// (architecture, decision 7).
    pub async fn password(&self, store: &Store, accounts: &Accounts) -> Result<String, StartError> {
        let password = match self.password {
            Some(password) => password.read(&self.config.base)?,
            None => files::secret(&self.config.data_dir(), self.password_file)?.0,
        };
        let aor = self.identity()?;
        let account = store.account(&aor).await?;
        // Its devices would stay valid, and could do whatever the service can.
        if let Some(account) = &account
            && account.kind != AccountKind::Service
        {
            let words = format!(
                "the account {aor} is a person's ({}): write another name for the service in the configuration",
                account.display_name
            );
            return Err(self.fault(words));
        }
        if self.is_elsewhere() {
            return Ok(password);
        }
        let failed = |error: &dyn std::fmt::Display| StartError::Account {
            account: aor.to_string(),
            words: error.to_string(),
        };
        let ha1 = accounts.ha1(&aor, &password);
        let devices: Vec<_> = store.devices(&aor).await?;
        let theirs = || {
            devices
                .iter()
                .filter(|device| device.revoked_at.is_none() && device.device.label == self.part)
        };
        if account.is_some() && theirs().any(|device| device.device.ha1 == ha1) {
            return Ok(password);
        }
        let saved = accounts.save(&aor, self.name, AccountKind::Service).await;
        saved.map_err(|fault| failed(&fault))?;
        for device in theirs() {
            let revoked = accounts.revoke_device(&aor, device.id).await;
            revoked.map_err(|fault| failed(&fault))?;
        }
        let saved = accounts.save_device(&aor, self.part, &password).await;
        saved.map_err(|fault| failed(&fault))?;
        Ok(password)
    }

    /// The user agent's configuration.
    pub fn ua(
        &self,
        server: &ImServerAddress,
        transports: &SipTransports,
        password: String,
    ) -> Result<UaConfig, StartError> {
        let identity = self.identity()?;
        let target = match server {
            ImServerAddress::Ours(target) => target.clone(),
            // A place that is never used: the first target comes from the resolver, and only then is anything sent.
            ImServerAddress::Elsewhere(wanted) => {
                let transport = wanted.transport.unwrap_or(Transport::Tcp);
                Target::new(transport, SocketAddr::from(([127, 0, 0, 1], 9)))
            }
        };
        let mut local = transports
            .local(Transport::Tcp)
            .ok_or_else(|| self.fault("no address of its own"))?;
        if local.ip().is_unspecified() {
            let ip = probe::local_ip_towards(target.addr);
            local.set_ip(ip.map_err(|error| self.fault(error.to_string()))?);
        }
        let uri =
            |text: String| Uri::parse(text.as_str()).map_err(|error| self.fault(error.to_string()));
        let transport = target.transport.param_word();
        Ok(UaConfig {
            aor: uri(identity.to_uri())?,
            via_host: local.to_string(),
            contact: uri(format!(
                "sip:{}@{local};transport={transport}",
                identity.user()
            ))?,
            login: Login {
                username: identity.user().to_owned(),
                password,
            },
            instance: self.instance_urn()?,
            expires_s: REGISTRATION_S,
            product: PRODUCT.to_owned(),
            target,
        })
    }

    /// Whose word on identities it believes.
    pub fn trust(&self, server: &ImServerAddress, ua: &UaConfig) -> Trust {
        Trust {
            networks: self.trusted.to_vec(),
            tls_only: ua.target.transport.is_secure(),
            own_flow_only: matches!(server, ImServerAddress::Ours(_)),
        }
    }

    /// RFC 5626 §4.1: a UUID URN that stays the same across restarts (RFC 9562 §5.4: version 4, variant 10).
    fn instance_urn(&self) -> Result<String, StartError> {
        let (hex, _) = files::secret(&self.config.data_dir(), self.instance_file)?;
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or("0");
        let (a, b, c, d, e) = (
            part(0, 8),
            part(8, 12),
            part(13, 16),
            part(17, 20),
            part(20, 32),
        );
        Ok(format!("urn:uuid:{a}-{b}-4{c}-8{d}-{e}"))
    }

    fn fault(&self, words: impl Into<String>) -> StartError {
        StartError::Part {
            part: self.part,
            words: words.into(),
        }
    }
}

/// Whose word on identities (RFC 3325) is believed.
#[derive(Debug, Clone)]
pub(crate) struct Trust {
    /// Networks from where it is.
    pub networks: Vec<Cidr>,
    /// The IM server is reached over TLS: then nothing that comes otherwise is from it.
    pub tls_only: bool,
    /// The IM server is ours: it sends over the connection that we registered over, and what comes otherwise is not from it.
    pub own_flow_only: bool,
}

impl Trust {
    /// Architecture, decision 6: over TLS or loopback, from a configured server. Whoever runs programs on this machine could
    /// connect to our listener from the loopback, so beside our own IM server the address is not enough.
    pub fn believes(&self, source: &Source, own: Option<FlowId>) -> bool {
        if self.own_flow_only && own != Some(source.flow) {
            return false;
        }
        let ip = source.remote.ip().to_canonical();
        let protected = source.transport.is_secure() || (ip.is_loopback() && !self.tls_only);
        protected && self.networks.iter().any(|net| net.contains(ip))
    }
}

/// The search for the IM server's addresses (RFC 3263 §4.3): each time it is asked it gives the next one.
pub(crate) struct ServerSearch(mpsc::Sender<()>);

impl ServerSearch {
    /// Starts it for a part; what it finds goes to `inputs`.
    pub fn start<Input: Send + 'static>(
        part: &str,
        server: ImServerAddress,
        inputs: mpsc::Sender<Input>,
        input: fn(Target) -> Input,
        tasks: &Tasks,
    ) -> Self {
        let (find, wanted) = mpsc::channel(1);
        let shutdown = tasks.shutdown_token().clone();
        let finding = find_server(server, wanted, inputs, input, shutdown);
        tasks.spawn_vital(format!("{part} finds its server"), finding);
        Self(find)
    }

    /// Asks for an address. One search at a time is enough.
    pub fn ask(&self) {
        let _ = self.0.try_send(());
    }
}

async fn find_server<Input>(
    server: ImServerAddress,
    mut wanted: mpsc::Receiver<()>,
    inputs: mpsc::Sender<Input>,
    input: fn(Target) -> Input,
    shutdown: Shutdown,
) {
    let searching = async {
        let mut list: Vec<Target> = Vec::new();
        while wanted.recv().await.is_some() {
            while list.is_empty() {
                list = match server.resolve().await {
                    Ok(targets) => targets,
                    Err(words) => {
                        tracing::warn!(words, "the IM server is not found");
                        clock::sleep(RESOLVE_PAUSE).await;
                        continue;
                    }
                };
            }
            let target = list.remove(0);
            tracing::debug!(target = %target.addr, transport = %target.transport, "IM server");
            if inputs.send(input(target)).await.is_err() {
                return;
            }
        }
    };
    shutdown.unless_cancelled(searching).await;
}

impl ImServerAddress {
    async fn resolve(&self) -> Result<Vec<Target>, String> {
        match self {
            ImServerAddress::Ours(target) => Ok(vec![target.clone()]),
            ImServerAddress::Elsewhere(wanted) => {
                let resolver = SipResolver::system().map_err(|error| error.to_string())?;
                resolver
                    .resolve(wanted)
                    .await
                    .map_err(|error| error.to_string())
            }
        }
    }
}
