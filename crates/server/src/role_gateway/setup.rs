//! What the gateway is told at its start, from the configuration and from what runs beside it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use api::Accounts;
use convoke_types::Aor;
use runtime::dns::Wanted;
use runtime::probe;
use runtime::seed;
use runtime::sip::SipTransports;
use runtime::tls::{self, ClientTrust, PeerTrust};
use sip_proto::auth::Login;
use sip_proto::ua::UaConfig;
use sip_proto::{Target, Transport, Uri};
use store::{AccountKind, Store};

use super::Surroundings;
use super::core::CoreConfig;
use crate::check::sense::host_of;
use crate::config::Config;
use crate::files::{self, GATEWAY_PASSWORD_FILE};
use crate::role_conference::PRODUCT;
use crate::start::StartError;

/// How long a registration shall last, in seconds.
const REGISTRATION_S: u32 = 600;
/// The file that makes the gateway the same device after a restart.
const INSTANCE_FILE: &str = "gateway.instance";
/// Label of the gateway's device password at our own IM server.
const DEVICE_LABEL: &str = "gateway";

/// Where the gateway registers.
#[derive(Debug, Clone)]
pub(crate) enum ImServerAddress {
    /// At our own IM server.
    Ours(Target),
    /// At one elsewhere.
    Elsewhere(Wanted),
}

impl ImServerAddress {
    /// As configured; `ours`: the IM server of this process.
    pub fn of(config: &Config, ours: Option<&SipTransports>) -> Result<Self, StartError> {
        let gateway = &config.gateway;
        let transport: Transport = gateway.transport.into();
        if let Some(server) = &gateway.im_server {
            let host = host_of(server);
            let port = server
                .strip_prefix(host)
                .and_then(|rest| rest.strip_prefix(':'));
            return Ok(ImServerAddress::Elsewhere(Wanted {
                host: host.to_owned(),
                port: port.and_then(|port| port.parse().ok()),
                transport: Some(transport),
                secure: transport.is_secure(),
            }));
        }
        let bound = ours.and_then(|ours| {
            let of = |transport| ours.local(transport).map(|addr| (transport, addr));
            of(transport)
                .or_else(|| of(Transport::Tcp))
                .or_else(|| of(Transport::Tls))
        });
        let (transport, mut addr) =
            bound.ok_or_else(|| part("no address of our IM server for streams"))?;
        if addr.ip().is_unspecified() {
            let loopback = if addr.is_ipv4() { "127.0.0.1" } else { "::1" };
            addr.set_ip(loopback.parse().map_err(|_| part("no loopback address"))?);
        }
        Ok(ImServerAddress::Ours(Target::new(transport, addr)))
    }

    /// Whom the gateway trusts over TLS: our own certificate, or what is configured for the server elsewhere.
    pub fn tls_client(
        &self,
        config: &Config,
    ) -> Result<Option<Arc<rustls::ClientConfig>>, StartError> {
        let gateway = &config.gateway;
        let (name, pin): (String, Option<PathBuf>) = match self {
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
                let pin = gateway.tls_pin.as_ref().map(|pin| config.path(pin));
                (wanted.host.clone(), pin)
            }
            ImServerAddress::Ours(_) | ImServerAddress::Elsewhere(_) => return Ok(None),
        };
        let peers: HashMap<String, PeerTrust> = pin
            .map(|pin| (name, PeerTrust::Pinned(pin)))
            .into_iter()
            .collect();
        let roots = gateway.tls_roots.iter().map(|root| config.path(root));
        let trust = ClientTrust {
            roots: roots.collect(),
            peers,
        };
        Ok(Some(tls::client_config(&trust)?))
    }
}

/// The gateway's address of record.
pub(crate) fn identity(config: &Config) -> Result<Aor, StartError> {
    let domain = config
        .gateway
        .domain
        .as_ref()
        .unwrap_or(&config.server.domain);
    Aor::new(&config.gateway.user, domain).map_err(|error| part(error.to_string()))
}

/// The gateway's password at the IM server. At our own it gets an account with it: the configured one, or one that is made.
/// Our IM server wants the account also when the gateway runs elsewhere or not at all, for what is written to a service is
/// never kept until it comes (architecture, decision 7).
pub(crate) async fn account(
    config: &Config,
    store: &Store,
    accounts: &Accounts,
) -> Result<String, StartError> {
    let gateway = &config.gateway;
    let password = match &gateway.password {
        Some(password) => password.read(&config.base)?,
        None => files::secret(&config.data_dir(), GATEWAY_PASSWORD_FILE)?.0,
    };
    if gateway.im_server.is_some() {
        return Ok(password);
    }
    let aor = identity(config)?;
    let failed = |error: &dyn std::fmt::Display| StartError::Account {
        account: aor.to_string(),
        words: error.to_string(),
    };
    let ha1 = accounts.ha1(&aor, &password);
    let devices: Vec<_> = store.devices(&aor).await?;
    let theirs = || {
        devices
            .iter()
            .filter(|device| device.revoked_at.is_none() && device.device.label == DEVICE_LABEL)
    };
    let account = store.account(&aor).await?;
    let is_service = account.is_some_and(|account| account.kind == AccountKind::Service);
    if is_service && theirs().any(|device| device.device.ha1 == ha1) {
        return Ok(password);
    }
    let saved = accounts
        .save(&aor, "Conferences", AccountKind::Service)
        .await;
    saved.map_err(|fault| failed(&fault))?;
    for device in theirs() {
        let revoked = accounts.revoke_device(&aor, device.id).await;
        revoked.map_err(|fault| failed(&fault))?;
    }
    let saved = accounts.save_device(&aor, DEVICE_LABEL, &password).await;
    saved.map_err(|fault| failed(&fault))?;
    Ok(password)
}

pub(super) fn core_config(
    config: &Config,
    around: &Surroundings,
    transports: &SipTransports,
) -> Result<CoreConfig, StartError> {
    let identity = identity(config)?;
    // Printed in ids, so it is no part of the secret randomness.
    let instance = seed::seed()?
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let target = match &around.im_server {
        ImServerAddress::Ours(target) => target.clone(),
        // A place that is never used: the first target comes from the resolver, and only then is anything sent.
        ImServerAddress::Elsewhere(wanted) => {
            let transport = wanted.transport.unwrap_or(Transport::Tcp);
            Target::new(transport, SocketAddr::from(([127, 0, 0, 1], 9)))
        }
    };
    let mut local = transports
        .local(Transport::Tcp)
        .ok_or_else(|| part("no address of its own"))?;
    if local.ip().is_unspecified() {
        let ip = probe::local_ip_towards(target.addr);
        local.set_ip(ip.map_err(|error| part(error.to_string()))?);
    }
    let uri = |text: String| Uri::parse(text.as_str()).map_err(|error| part(error.to_string()));
    let transport = target.transport.param_word();
    let ua = UaConfig {
        aor: uri(identity.to_uri())?,
        via_host: local.to_string(),
        contact: uri(format!(
            "sip:{}@{local};transport={transport}",
            identity.user()
        ))?,
        login: Login {
            username: identity.user().to_owned(),
            password: around.password.clone(),
        },
        instance: instance_urn(config)?,
        expires_s: REGISTRATION_S,
        product: PRODUCT.to_owned(),
        target,
    };
    Ok(CoreConfig {
        gateway: gateway_core::Config {
            identity,
            keep_log: config.gateway.foreign,
            instance,
        },
        tls_only: ua.target.transport.is_secure(),
        own_flow_only: matches!(around.im_server, ImServerAddress::Ours(_)),
        ua,
        seed: seed::seed()?,
        trusted: config.gateway.trusted_servers.clone(),
    })
}

/// RFC 5626 §4.1: a UUID URN that stays the same across restarts (RFC 9562 §5.4: version 4, variant 10).
fn instance_urn(config: &Config) -> Result<String, StartError> {
    let (hex, _) = files::secret(&config.data_dir(), INSTANCE_FILE)?;
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

fn part(words: impl Into<String>) -> StartError {
    StartError::Part {
        part: "gateway",
        words: words.into(),
    }
}
