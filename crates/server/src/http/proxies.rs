//! Who is behind a proxy: its word counts only when the operator names it, or anybody could count as anybody.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::HeaderMap;

use crate::config::Cidr;

/// The header to which each proxy appends who connected to it.
const FORWARDED_FOR: &str = "X-Forwarded-For";

/// The proxies that are believed. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies {
    networks: Arc<[Cidr]>,
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

    /// Where a request comes from that `remote` hands us: the nearest address that is none of the proxies.
    pub(crate) fn origin(&self, remote: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.believed(remote) {
            return remote;
        }
        let values = headers.get_all(FORWARDED_FOR).iter();
        let named: Vec<&str> = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        let mut nearest = remote;
        for name in named.into_iter().rev() {
            let Ok(ip) = name.trim().parse() else {
                break;
            };
            nearest = ip;
            if !self.believed(ip) {
                break;
            }
        }
        nearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_proxies_are_believed_and_only_their_own_word() {
        let networks = ["127.0.0.1".to_owned(), "10.0.0.0/8".to_owned()];
        let proxies = Proxies::new(&networks.map(|text| Cidr::try_from(text).unwrap()));
        let of = |remote: &str, forwarded: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append(FORWARDED_FOR, value.parse().unwrap());
            }
            proxies
                .origin(remote.parse().unwrap(), &headers)
                .to_string()
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
}
