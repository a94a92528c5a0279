//! The configured trunks in telephony's words: resolved addresses, logins, and where each trunk reaches us.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use convoke_types::media::Codec;
use runtime::clock;
use runtime::dns::{DnsError, SipResolver, Wanted};
use runtime::probe;
use runtime::sip::SipTransports;
use runtime::tls::{self, ClientTrust, PeerTrust};
use sip_proto::auth::Login;
use sip_proto::call::Local;
use sip_proto::{Target, Transport, Uri};
use tokio::sync::mpsc;

use super::bridge::Input;
use crate::config::{Config, SipTransport, TrunkSettings};
use crate::start::StartError;

/// For User-Agent and Server.
pub(crate) const PRODUCT: &str = concat!("Convoke/", env!("CARGO_PKG_VERSION"));
/// User part of our Contact, and of From where a trunk names no number.
const USER: &str = "convoke";
/// How often the names of trunks are resolved again.
const LOOK_AGAIN: Duration = Duration::from_secs(300);
/// The same while one of them is not found.
const LOOK_FOR_LOST: Duration = Duration::from_secs(15);
/// Most legs at once.
pub(super) const LEGS_MAX: usize = 20_000;

/// What telephony is told at the start. A trunk whose name cannot be resolved now is left out until it can be (`watch`).
pub(super) async fn telephony_config(
    config: &Config,
    transports: &SipTransports,
) -> Result<telephony::Config, StartError> {
    let resolver = resolver()?;
    let mut trunks = Vec::new();
    for settings in &config.trunk {
        match targets_of(settings, &resolver).await {
            Ok(targets) => trunks.push(trunk(config, settings, transports, targets)?),
            Err(error) => tracing::warn!(trunk = settings.name, %error, "trunk not found"),
        }
    }
    let bound = transports.bound().first().map(|bound| bound.addr);
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let local = local(config, Transport::Udp, bound.unwrap_or(nowhere))?;
    Ok(telephony::Config {
        trunks,
        local,
        product: PRODUCT.to_owned(),
        legs_max: LEGS_MAX,
    })
}

/// Looks again and again where trunks with names are, and tells when that has changed.
pub(super) async fn watch(
    config: Config,
    transports: SipTransports,
    known: Vec<(String, Vec<Target>)>,
    tell: mpsc::Sender<Input>,
) {
    let Ok(resolver) = resolver() else { return };
    let mut known: HashMap<String, Vec<Target>> = known.into_iter().collect();
    let named: Vec<&TrunkSettings> = config
        .trunk
        .iter()
        .filter(|trunk| trunk.server.parse::<IpAddr>().is_err())
        .collect();
    while !named.is_empty() {
        let all_found = named.iter().all(|trunk| known.contains_key(&trunk.name));
        clock::sleep(if all_found { LOOK_AGAIN } else { LOOK_FOR_LOST }).await;
        for settings in &named {
            let targets = match targets_of(settings, &resolver).await {
                Ok(targets) => targets,
                Err(error) => {
                    tracing::warn!(trunk = settings.name, %error, "trunk not found");
                    continue;
                }
            };
            if known.get(&settings.name) == Some(&targets) {
                continue;
            }
            // Of the same weight they come in another order each time.
            let found = known.get(&settings.name);
            if !found.is_some_and(|found| same(found, &targets)) {
                let addrs: Vec<SocketAddr> = targets.iter().map(|target| target.addr).collect();
                tracing::info!(trunk = settings.name, ?addrs, "trunk found");
            }
            known.insert(settings.name.clone(), targets.clone());
            match trunk(&config, settings, &transports, targets) {
                Ok(trunk) => {
                    if tell.send(Input::Trunk(trunk)).await.is_err() {
                        return;
                    }
                }
                Err(error) => tracing::warn!(trunk = settings.name, %error, "trunk not usable"),
            }
        }
    }
}

fn resolver() -> Result<SipResolver, StartError> {
    SipResolver::system().map_err(|error| part(error.to_string()))
}

/// Whom we trust over TLS; none where no trunk uses it.
pub(super) fn tls_client(config: &Config) -> Result<Option<Arc<rustls::ClientConfig>>, StartError> {
    let mut over_tls = config.trunk.iter().filter(|trunk| is_tls(trunk)).peekable();
    if over_tls.peek().is_none() {
        return Ok(None);
    }
    let pinned = over_tls.filter_map(|trunk| {
        let pin = trunk.tls_pin.as_ref()?;
        let name = trunk.server.to_ascii_lowercase();
        Some((name, PeerTrust::Pinned(config.path(pin))))
    });
    let trust = ClientTrust {
        roots: config
            .sip
            .tls_roots
            .iter()
            .map(|root| config.path(root))
            .collect(),
        peers: pinned.collect::<HashMap<_, _>>(),
    };
    Ok(Some(tls::client_config(&trust)?))
}

fn is_tls(trunk: &TrunkSettings) -> bool {
    trunk.transport == SipTransport::Tls
}

fn same(one: &[Target], other: &[Target]) -> bool {
    one.len() == other.len() && one.iter().all(|target| other.contains(target))
}

/// Where a trunk is now: its servers in the order to try.
async fn targets_of(
    settings: &TrunkSettings,
    resolver: &SipResolver,
) -> Result<Vec<Target>, DnsError> {
    let wanted = Wanted {
        host: settings.server.clone(),
        port: settings.port,
        transport: Some(settings.transport.into()),
        secure: is_tls(settings),
    };
    resolver.resolve(&wanted).await
}

fn trunk(
    config: &Config,
    settings: &TrunkSettings,
    transports: &SipTransports,
    targets: Vec<Target>,
) -> Result<telephony::Trunk, StartError> {
    let login = match (&settings.username, &settings.password) {
        (Some(username), Some(password)) => Some(Login {
            username: username.clone(),
            password: password.read(&config.base)?,
        }),
        _ => None,
    };
    let port = settings.port.map(|port| format!(":{port}"));
    let server = format!(
        "{}{}",
        bracketed(&settings.server),
        port.unwrap_or_default()
    );
    Ok(telephony::Trunk {
        name: settings.name.clone(),
        domain: settings.domain.clone().unwrap_or(server),
        login,
        caller: settings
            .from_number
            .clone()
            .unwrap_or_else(|| USER.to_owned()),
        codecs: vec![Codec::Pcma, Codec::Pcmu],
        servers: servers(config, settings, transports, targets)?,
    })
}

/// Those of the servers that we have a way to; an error where there is none.
fn servers(
    config: &Config,
    settings: &TrunkSettings,
    transports: &SipTransports,
    targets: Vec<Target>,
) -> Result<Vec<telephony::Server>, StartError> {
    let mut servers = Vec::new();
    let mut failed = None;
    for target in targets {
        match local_towards(config, transports, &target) {
            Ok(local) => servers.push(telephony::Server { target, local }),
            Err(error) => {
                tracing::debug!(trunk = settings.name, %error, "a server of a trunk is out of reach");
                failed = Some(error);
            }
        }
    }
    match failed {
        Some(error) if servers.is_empty() => Err(error),
        _ => Ok(servers),
    }
}

fn local_towards(
    config: &Config,
    transports: &SipTransports,
    target: &Target,
) -> Result<Local, StartError> {
    // A trunk reaches us over TLS on the connection that we opened; the port that stands in Contact is that of TCP.
    let listening = match target.transport {
        Transport::Udp => Transport::Udp,
        Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => Transport::Tcp,
    };
    let bound = transports.bound().iter();
    let fits = |bound: &&runtime::sip::Bound| {
        bound.transport == listening && bound.addr.is_ipv4() == target.addr.is_ipv4()
    };
    let mut addr = match bound.clone().find(fits) {
        Some(bound) => bound.addr,
        None if listening == Transport::Tcp => SocketAddr::new(target.addr.ip(), 0),
        None => {
            let family = if target.addr.is_ipv4() {
                "IPv4"
            } else {
                "IPv6"
            };
            return Err(part(format!(
                "no {family} address in sip.udp to reach {}",
                target.addr
            )));
        }
    };
    if addr.ip().is_unspecified() || addr.port() == 0 {
        let ip = probe::local_ip_towards(target.addr);
        addr.set_ip(ip.map_err(|error| part(format!("no way to {}: {error}", target.addr)))?);
    }
    local(config, target.transport, addr)
}

fn local(config: &Config, transport: Transport, addr: SocketAddr) -> Result<Local, StartError> {
    let via_host = match &config.sip.advertised {
        Some(host) if has_port(host) => host.clone(),
        Some(host) => format!("{}:{}", bracketed(host), addr.port()),
        None => addr.to_string(),
    };
    let contact = format!("sip:{USER}@{via_host};transport={}", transport.param_word());
    let contact =
        Uri::parse(contact.as_str()).map_err(|error| part(format!("sip.advertised: {error}")))?;
    Ok(Local { via_host, contact })
}

fn has_port(host: &str) -> bool {
    host.parse::<std::net::IpAddr>().is_err()
        && host
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}

/// IPv6 addresses stand in brackets (RFC 3261 §19.1.1).
fn bracketed(host: &str) -> String {
    if host.parse::<std::net::Ipv6Addr>().is_ok() {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

fn part(words: String) -> StartError {
    StartError::Part {
        part: "telephony",
        words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advertised_hosts_get_the_bound_port_unless_they_have_one() {
        let check = |advertised: Option<&str>, expected: &str| {
            let mut config = Config::default();
            config.sip.advertised = advertised.map(str::to_owned);
            let addr = "192.0.2.1:5070".parse().unwrap();
            let local = local(&config, Transport::Udp, addr).unwrap();
            assert_eq!(local.via_host, expected);
        };
        check(None, "192.0.2.1:5070");
        check(Some("203.0.113.7"), "203.0.113.7:5070");
        check(Some("sip.example.org:5080"), "sip.example.org:5080");
        check(Some("2001:db8::1"), "[2001:db8::1]:5070");
    }
}
