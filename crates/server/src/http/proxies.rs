//! Who is behind a proxy: its word counts only when the operator names it, or anybody could count as anybody.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::HeaderMap;
use sip_proto::Transport;

use crate::config::Cidr;

/// The header to which each proxy appends who connected to it.
const FORWARDED_FOR: &str = "X-Forwarded-For";
/// The header in which a proxy says how they came to it: `https` or `http`.
const FORWARDED_PROTO: &str = "X-Forwarded-Proto";

/// The proxies that are believed. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies {
    networks: Arc<[Cidr]>,
}

/// Where a request comes from, whatever stands between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Who is counted: the nearest address that is none of the proxies.
    pub address: IpAddr,
    /// They came under TLS.
    pub secure: bool,
    /// A proxy on this machine hands it over and does not say how it came: as far as we know nobody has read it on the way.
    unsaid: bool,
}

impl Proxies {
    pub(crate) fn new(networks: &[Cidr]) -> Self {
        Self {
            networks: networks.into(),
        }
    }

    fn believed(&self, ip: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(ip))
    }

    /// Where a request comes from that `remote` hands us, under TLS or not.
    pub(crate) fn origin(&self, remote: IpAddr, secure: bool, headers: &HeaderMap) -> Origin {
        if !self.believed(remote) {
            return Origin {
                address: remote,
                secure,
                unsaid: false,
            };
        }
        let mut address = remote;
        for name in listed(headers, FORWARDED_FOR).into_iter().rev() {
            let Ok(ip) = name.parse() else {
                break;
            };
            address = ip;
            if !self.believed(ip) {
                break;
            }
        }
        let said = listed(headers, FORWARDED_PROTO).last().copied();
        Origin {
            address,
            secure: said.map_or(secure, |proto| proto.eq_ignore_ascii_case("https")),
            unsaid: said.is_none() && remote.to_canonical().is_loopback(),
        }
    }
}

impl Origin {
    /// What a WebSocket of theirs is to SIP. Whether tokens are believed that come over it depends on that, and the address alone
    /// no longer says that they passed only on this machine.
    pub(crate) fn websocket(self) -> Transport {
        match self.secure || (self.unsaid && !self.address.to_canonical().is_loopback()) {
            true => Transport::Wss,
            false => Transport::Ws,
        }
    }
}

/// The values of a header that is a list, in order.
fn listed<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h str> {
    let values = headers.get_all(name).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> Proxies {
        let networks = ["127.0.0.1".to_owned(), "10.0.0.0/8".to_owned()];
        Proxies::new(&networks.map(|text| Cidr::try_from(text).unwrap()))
    }

    #[test]
    fn only_named_proxies_are_believed_and_only_their_own_word() {
        let of = |remote: &str, forwarded: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append(FORWARDED_FOR, value.parse().unwrap());
            }
            let origin = proxies().origin(remote.parse().unwrap(), false, &headers);
            origin.address.to_string()
        };
        assert_eq!(of("192.0.2.1", &["203.0.113.9"]), "192.0.2.1", "a stranger");
        assert_eq!(of("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(of("127.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        let invented = ["1.1.1.1, 203.0.113.9", "10.0.0.7"];
        assert_eq!(
            of("127.0.0.1", &invented),
            "203.0.113.9",
            "what a client wrote"
        );
        assert_eq!(of("127.0.0.1", &["nonsense"]), "127.0.0.1");
    }

    #[test]
    fn a_proxy_says_whether_its_clients_came_under_tls() {
        let of = |remote: &str, tls: bool, client: Option<&str>, proto: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(client) = client {
                headers.append(FORWARDED_FOR, client.parse().unwrap());
            }
            if let Some(proto) = proto {
                headers.append(FORWARDED_PROTO, proto.parse().unwrap());
            }
            let origin = proxies().origin(remote.parse().unwrap(), tls, &headers);
            (origin.secure, origin.websocket())
        };
        let client = Some("203.0.113.9");
        let (ws, wss) = (Transport::Ws, Transport::Wss);
        assert_eq!(of("10.0.0.7", false, client, Some("https")), (true, wss));
        assert_eq!(of("10.0.0.7", false, client, None), (false, ws));
        assert_eq!(of("10.0.0.7", true, client, None), (true, wss));
        assert_eq!(of("10.0.0.7", true, client, Some("http")), (false, ws));
        // On this machine a silent one has always been believed.
        assert_eq!(of("127.0.0.1", false, client, None), (false, wss));
        assert_eq!(of("127.0.0.1", false, client, Some("http")), (false, ws));
        assert_eq!(of("127.0.0.1", false, None, None), (false, ws));
        // Nobody else is.
        assert_eq!(of("192.0.2.1", false, client, Some("https")), (false, ws));
        assert_eq!(of("192.0.2.1", true, None, None), (true, wss));
    }
}
