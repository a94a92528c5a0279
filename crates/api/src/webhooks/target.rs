//! Where may be posted to: nobody uses this server to reach what only it can reach (server-side request forgery). Addresses of
//! this machine and of private networks are refused unless the operator permits them, both when a webhook is made and, since
//! names change, at every delivery: the address that is checked is the address that is connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use convoke_types::{Fault, FaultCode, loggable};
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use runtime::clock;
use tokio::sync::Semaphore;

/// Longest URL, in bytes.
const URL_MAX_BYTES: usize = 2_048;
/// How long finding the addresses of a name may take, waiting for others' included.
const RESOLVE_MAX: Duration = Duration::from_secs(5);
/// Names of webhooks to be that are looked up at once.
const AT_ONCE_MAX: usize = 4;

/// Whether the operator permits an address that is not public.
pub type Permits = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// The rule. Clones are one.
#[derive(Clone)]
pub struct Targets {
    permits: Permits,
    at_once: Arc<Semaphore>,
}

impl Targets {
    /// Public addresses, and those that `permits` admits.
    #[must_use]
    pub fn new(permits: Permits) -> Self {
        Self {
            permits,
            at_once: Arc::new(Semaphore::new(AT_ONCE_MAX)),
        }
    }

    fn admits(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        is_public(ip) || (self.permits)(ip)
    }

    /// The URL, when it may be posted to now.
    ///
    /// # Errors
    /// `bad-request`.
    pub(super) async fn check(&self, text: &str) -> Result<Url, Fault> {
        let refused = |came: &str| {
            Fault::new(
                FaultCode::BadRequest,
                "an http or https URL of a public address, or of one in [http] webhook_networks",
                came,
            )
        };
        if text.len() > URL_MAX_BYTES {
            return Err(refused("a very long one"));
        }
        let url = Url::parse(text).map_err(|_| refused(&loggable(text)))?;
        let proper = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none();
        let port = url.port_or_known_default();
        let (true, Some(host), Some(port)) = (proper, url.host_str(), port) else {
            return Err(refused(&loggable(text)));
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let admitted = match bare.parse::<IpAddr>() {
            Ok(ip) => self.admits(ip),
            Err(_) => {
                let found = async {
                    // The semaphore is never closed.
                    let _turn = self.at_once.acquire().await;
                    self.addresses(host.to_owned(), port).await
                };
                let found = clock::within(RESOLVE_MAX, found).await;
                matches!(found, Ok(Ok(found)) if !found.is_empty())
            }
        };
        match admitted {
            true => Ok(url),
            // Not a word of which addresses a name has inside.
            false => Err(refused("another")),
        }
    }

    /// Whether what stands in a URL instead of a name may be connected to.
    pub(super) fn admits_literal(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare.parse::<IpAddr>().map_or(true, |ip| self.admits(ip))
    }

    /// The addresses of a name, when every one of them is admitted.
    async fn addresses(
        &self,
        host: String,
        port: u16,
    ) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
        match found.iter().all(|addr| self.admits(addr.ip())) {
            true => Ok(found),
            false => Err("an address that webhooks may not reach".into()),
        }
    }
}

impl Resolve for Targets {
    fn resolve(&self, name: Name) -> Resolving {
        let targets = self.clone();
        Box::pin(async move {
            let found = targets.addresses(name.as_str().to_owned(), 0).await?;
            let addrs: Addrs = Box::new(found.into_iter());
            Ok(addrs)
        })
    }
}

/// Whether an address is one of the public Internet (IANA's registries of special-purpose addresses, RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        // RFC 6598: between a carrier and its customers.
        || (a == 100 && b & 0b1100_0000 == 64)
        || (a, b, c) == (192, 0, 0)
        // RFC 2544: measurements.
        || (a == 198 && b & 0b1111_1110 == 18);
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let v4 = |high: u16, low: u16| {
        let bits = (u32::from(high) << 16) | u32::from(low);
        is_public_v4(Ipv4Addr::from_bits(bits))
    };
    match (a, b, c, d, e, f) {
        // RFC 6052: IPv4 behind a translator; RFC 3056: 6to4.
        (0x64, 0xff9b, 0, 0, 0, 0) => v4(g, h),
        (0x2002, ..) => v4(b, c),
        // RFC 4380 (Teredo), and documentation (RFC 3849, RFC 9637).
        (0x2001, 0 | 0xdb8, ..) | (0x3fff, ..) => false,
        // Everything public is in 2000::/3.
        _ => a & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for public in [
            "8.8.8.8",
            "100.128.0.1",
            "198.20.0.1",
            "172.32.0.1",
            "2606:4700::1111",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for special in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::1",
            "2001::1",
            "2001:db8::1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
    }

    #[tokio::test]
    async fn urls_of_this_machine_are_refused_in_every_spelling() {
        let nobody = Targets::new(Arc::new(|_| false));
        for refused in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.0.0.1/",
            "http://[::1]:8060/",
            "http://[::ffff:127.0.0.1]/",
            "http://localhost:8060/",
            "http://10.0.0.1/",
            "http://169.254.169.254/latest/meta-data",
            "https://user:password@8.8.8.8/",
            "ftp://8.8.8.8/",
            "file:///etc/passwd",
            "8.8.8.8",
            "",
        ] {
            let fault = nobody.check(refused).await.unwrap_err();
            assert_eq!(fault.code, FaultCode::BadRequest, "{refused}");
            let literal = Url::parse(refused).ok().filter(|url| url.has_host());
            if let Some(url) = literal.filter(|url| !url.as_str().contains("localhost"))
                && url.password().is_none()
                && url.scheme() == "http"
            {
                assert!(!nobody.admits_literal(&url), "{refused}");
            }
        }
        assert!(nobody.check("https://8.8.8.8/hook").await.is_ok());
        let loopback = Targets::new(Arc::new(|ip| ip.is_loopback()));
        assert!(loopback.check("http://127.0.0.1:1/").await.is_ok());
        assert!(loopback.check("http://[::ffff:127.0.0.1]/").await.is_ok());
        assert!(loopback.check("http://localhost:1/").await.is_ok());
        assert!(loopback.check("http://10.0.0.1/").await.is_err());
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_connected_to() {
        let nobody = Targets::new(Arc::new(|_| false));
        let found = nobody.resolve("localhost".parse().unwrap()).await;
        assert!(found.is_err());
    }
}
