//! The configured trunks in telephony's words: resolved addresses, logins, and where each trunk reaches us.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use convoke_types::media::Codec;
use runtime::dns::{SipResolver, Wanted};
use runtime::probe;
use runtime::sip::SipTransports;
use runtime::tls::{self, ClientTrust, PeerTrust};
use sip_proto::auth::Login;
use sip_proto::call::Local;
use sip_proto::{Target, Transport, Uri};

use crate::config::{Config, SipTransport, TrunkSettings};
use crate::start::StartError;

/// For User-Agent and Server.
pub(crate) const PRODUCT: &str = concat!("Convoke/", env!("CARGO_PKG_VERSION"));
/// User part of our Contact, and of From where a trunk names no number.
const USER: &str = "convoke";
/// Most legs at once.
pub(super) const LEGS_MAX: usize = 20_000;

/// What telephony is told.
pub(super) async fn telephony_config(
    config: &Config,
    transports: &SipTransports,
) -> Result<telephony::Config, StartError> {
    let resolver = SipResolver::system().map_err(|error| part(error.to_string()))?;
    let mut trunks = Vec::new();
    for settings in &config.trunk {
        trunks.push(trunk(config, settings, transports, &resolver).await?);
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

async fn trunk(
    config: &Config,
    settings: &TrunkSettings,
    transports: &SipTransports,
    resolver: &SipResolver,
) -> Result<telephony::Trunk, StartError> {
    let wanted = Wanted {
        host: settings.server.clone(),
        port: settings.port,
        transport: Some(settings.transport.into()),
        secure: is_tls(settings),
    };
    let failed = |words: String| part(format!("trunk {}: {words}", settings.name));
    let found = resolver.resolve(&wanted).await;
    let found = found.map_err(|error| failed(error.to_string()))?;
    let target: Target = found
        .into_iter()
        .next()
        .ok_or_else(|| failed("no address found".to_owned()))?;
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
        local: local_towards(config, transports, &target)?,
        codecs: vec![Codec::Pcma, Codec::Pcmu],
        target,
    })
}

fn local_towards(
    config: &Config,
    transports: &SipTransports,
    target: &Target,
) -> Result<Local, StartError> {
    // A trunk reaches us over TLS on the connection that we opened; the port that stands in Contact is that of TCP.
    let listening = match target.transport {
        Transport::Udp => Transport::Udp,
        Transport::Tcp | Transport::Tls => Transport::Tcp,
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
