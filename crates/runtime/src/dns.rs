//! Where a SIP server is: RFC 3263, with NAPTR, SRV, A and AAAA. Gives a list to try in order (failover), never one address.
//! Asked by tasks of their own, never from where messages are dispatched.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::rdata::{NAPTR, SRV};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use sip_proto::{Target, Transport};

use crate::{clock, seed};

/// How long one resolution may take, all its queries together.
pub const RESOLVE_TIMEOUT: Duration = Duration::from_secs(8);
/// Most targets of one resolution.
pub const TARGETS_MAX: usize = 16;
/// Most SRV and NAPTR records that are looked at.
const RECORDS_MAX: usize = 32;

/// Why a host has no targets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// The names exist nowhere, or have no records of use.
    #[error("no address found for {host}")]
    NotFound {
        /// The host that was asked for.
        host: String,
    },
    /// Asking failed.
    #[error("cannot resolve {host}: {words}")]
    Failed {
        /// The host that was asked for.
        host: String,
        /// What the resolver says.
        words: String,
    },
}

/// What a URI says about where to send (RFC 3263 §4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Host name, IPv4 address, or IPv6 address with or without brackets.
    pub host: String,
    /// The port, where it is written.
    pub port: Option<u16>,
    /// The transport, where it is written.
    pub transport: Option<Transport>,
    /// A `sips` URI: TLS only.
    pub secure: bool,
}

/// Resolves SIP hosts.
#[derive(Clone)]
pub struct SipResolver {
    dns: TokioResolver,
}

impl std::fmt::Debug for SipResolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SipResolver")
    }
}

impl SipResolver {
    /// Asks the name servers of `/etc/resolv.conf`; without that file only numeric addresses and `/etc/hosts` are found.
    pub fn system() -> Result<Self, DnsError> {
        let builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
            tracing::warn!(%error, "no DNS configuration, only numeric addresses and /etc/hosts");
            let nobody = ResolverConfig::from_parts(None, vec![], vec![]);
            TokioResolver::builder_with_config(nobody, TokioRuntimeProvider::default())
        });
        let dns = builder.build().map_err(|error| failed("", &error))?;
        Ok(Self { dns })
    }

    /// Asks these name servers by UDP and TCP, on port `port`.
    pub fn with_servers(servers: &[IpAddr], port: u16) -> Result<Self, DnsError> {
        let servers = servers
            .iter()
            .map(|ip| {
                let mut server = NameServerConfig::udp_and_tcp(*ip);
                for connection in &mut server.connections {
                    connection.port = port;
                }
                server
            })
            .collect();
        let config = ResolverConfig::from_parts(None, vec![], servers);
        let provider = TokioRuntimeProvider::default();
        let dns = TokioResolver::builder_with_config(config, provider)
            .build()
            .map_err(|error| failed("", &error))?;
        Ok(Self { dns })
    }

    /// The targets to try, in this order. Never empty. TLS targets carry the host as the name to verify (RFC 5922 §4: the
    /// name from the URI, not one that DNS answered).
    pub async fn resolve(&self, wanted: &Wanted) -> Result<Vec<Target>, DnsError> {
        let limited = clock::within(RESOLVE_TIMEOUT, self.resolve_unlimited(wanted)).await;
        match limited {
            Ok(found) => found,
            Err(timed_out) => Err(DnsError::Failed {
                host: wanted.host.clone(),
                words: timed_out.to_string(),
            }),
        }
    }

    async fn resolve_unlimited(&self, wanted: &Wanted) -> Result<Vec<Target>, DnsError> {
        let host = wanted.host.trim_start_matches('[').trim_end_matches(']');
        let plain = if wanted.secure {
            Transport::Tls
        } else {
            Transport::Udp
        };
        // RFC 3263 §4.1: a numeric target, or a port that is written, needs no NAPTR and no SRV.
        if let Ok(ip) = host.parse::<IpAddr>() {
            let transport = wanted.transport.unwrap_or(plain);
            let port = wanted.port.unwrap_or(transport.default_port());
            return Ok(vec![target(transport, SocketAddr::new(ip, port), host)]);
        }
        let mut found = Vec::new();
        if let Some(port) = wanted.port {
            let transport = wanted.transport.unwrap_or(plain);
            self.addresses(host, host, transport, port, &mut found)
                .await?;
        } else {
            for (service, transport) in self.services(host, wanted).await? {
                self.by_srv(&service, host, transport, &mut found).await?;
            }
            if found.is_empty() {
                // §4.2: no SRV records: the domain itself, on the default port.
                let transport = wanted.transport.unwrap_or(plain);
                let port = transport.default_port();
                self.addresses(host, host, transport, port, &mut found)
                    .await?;
            }
        }
        found.truncate(TARGETS_MAX);
        if found.is_empty() {
            return Err(DnsError::NotFound {
                host: host.to_owned(),
            });
        }
        Ok(found)
    }

    /// The SRV names to ask, best first (§4.1).
    async fn services(
        &self,
        host: &str,
        wanted: &Wanted,
    ) -> Result<Vec<(String, Transport)>, DnsError> {
        if let Some(transport) = wanted.transport {
            return Ok(vec![(srv_name(transport, host), transport)]);
        }
        let mut pointers: Vec<(u16, u16, String, Transport)> = self
            .records(host, host, RecordType::NAPTR)
            .await?
            .iter()
            .filter_map(|data| match data {
                RData::NAPTR(naptr) => pointer(naptr),
                _ => None,
            })
            .filter(|(_, _, _, transport)| !wanted.secure || transport.is_secure())
            .collect();
        pointers.sort_by_key(|(order, preference, _, _)| (*order, *preference));
        if !pointers.is_empty() {
            let named = pointers.into_iter();
            return Ok(named.map(|(_, _, name, how)| (name, how)).collect());
        }
        let tried: &[Transport] = if wanted.secure {
            &[Transport::Tls]
        } else {
            &[Transport::Udp, Transport::Tcp, Transport::Tls]
        };
        Ok(tried
            .iter()
            .map(|transport| (srv_name(*transport, host), *transport))
            .collect())
    }

    async fn by_srv(
        &self,
        service: &str,
        host: &str,
        transport: Transport,
        found: &mut Vec<Target>,
    ) -> Result<(), DnsError> {
        let records = self.records(service, host, RecordType::SRV).await?;
        let servers: Vec<SRV> = records
            .into_iter()
            .filter_map(|data| match data {
                // RFC 2782: a target of "." says that the service is decidedly not available.
                RData::SRV(srv) if !srv.target.is_root() => Some(srv),
                _ => None,
            })
            .collect();
        for srv in by_weight(servers, &mut Dice::new()) {
            if found.len() >= TARGETS_MAX {
                return Ok(());
            }
            let name = srv.target.to_ascii();
            // One server without an address does not spoil the others.
            let asked = self
                .addresses(&name, host, transport, srv.port, found)
                .await;
            if let Err(error) = asked {
                tracing::debug!(%error, "skipped a server of an SRV record");
            }
        }
        Ok(())
    }

    async fn addresses(
        &self,
        name: &str,
        host: &str,
        transport: Transport,
        port: u16,
        found: &mut Vec<Target>,
    ) -> Result<(), DnsError> {
        if name.eq_ignore_ascii_case("localhost") {
            // RFC 6761 §6.3: always the loopback address, never a question to the network.
            let loopback = IpAddr::from([127, 0, 0, 1]);
            found.push(target(transport, SocketAddr::new(loopback, port), host));
            return Ok(());
        }
        match self.dns.lookup_ip(absolute(name)).await {
            Ok(ips) => {
                let room = TARGETS_MAX.saturating_sub(found.len());
                let addresses = ips.iter().take(room);
                found
                    .extend(addresses.map(|ip| target(transport, SocketAddr::new(ip, port), host)));
                Ok(())
            }
            Err(error) if error.is_no_records_found() => Ok(()),
            Err(error) => Err(failed(host, &error)),
        }
    }

    async fn records(
        &self,
        name: &str,
        host: &str,
        kind: RecordType,
    ) -> Result<Vec<RData>, DnsError> {
        if host.eq_ignore_ascii_case("localhost") {
            return Ok(Vec::new());
        }
        match self.dns.lookup(absolute(name), kind).await {
            Ok(lookup) => Ok(lookup
                .answers()
                .iter()
                .map(|record| record.data.clone())
                .take(RECORDS_MAX)
                .collect()),
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => Err(failed(host, &error)),
        }
    }
}

fn failed(host: &str, error: &NetError) -> DnsError {
    DnsError::Failed {
        host: host.to_owned(),
        words: error.to_string(),
    }
}

fn target(transport: Transport, addr: SocketAddr, host: &str) -> Target {
    Target {
        transport,
        addr,
        flow: None,
        server_name: transport.is_secure().then(|| host.to_owned()),
    }
}

/// With a dot at the end no search domain is tried.
fn absolute(name: &str) -> String {
    if name.ends_with('.') {
        name.to_owned()
    } else {
        format!("{name}.")
    }
}

fn srv_name(transport: Transport, host: &str) -> String {
    match transport {
        Transport::Udp => format!("_sip._udp.{host}"),
        Transport::Tcp => format!("_sip._tcp.{host}"),
        Transport::Tls => format!("_sips._tcp.{host}"),
        // RFC 7118 §5.3 finds servers by URI; the service name is that of the URI's scheme.
        Transport::Ws => format!("_sip._ws.{host}"),
        Transport::Wss => format!("_sips._ws.{host}"),
    }
}

/// A NAPTR record that leads to SRV records of a transport that we speak: order, preference, name, transport.
fn pointer(naptr: &NAPTR) -> Option<(u16, u16, String, Transport)> {
    let transport = match naptr.services.to_ascii_uppercase().as_slice() {
        b"SIP+D2U" => Transport::Udp,
        b"SIP+D2T" => Transport::Tcp,
        b"SIPS+D2T" => Transport::Tls,
        _ => return None,
    };
    let name: &Name = &naptr.replacement;
    let leads_to_srv = naptr.flags.eq_ignore_ascii_case(b"s") && !name.is_root();
    leads_to_srv.then(|| (naptr.order, naptr.preference, name.to_ascii(), transport))
}

/// RFC 2782: lower priority first; within one priority drawn by weight, without putting back.
fn by_weight(mut servers: Vec<SRV>, dice: &mut Dice) -> Vec<SRV> {
    let mut ordered = Vec::with_capacity(servers.len());
    // "Place records with weight 0 at the beginning".
    servers.sort_by_key(|srv| (srv.priority, srv.weight));
    while let Some(priority) = servers.first().map(|srv| srv.priority) {
        let group = servers.iter().take_while(|srv| srv.priority == priority);
        let total: u64 = group.map(|srv| u64::from(srv.weight)).sum();
        let drawn = dice.up_to(total);
        let mut sum = 0;
        let chosen = servers.iter().position(|srv| {
            sum += u64::from(srv.weight);
            sum >= drawn
        });
        ordered.push(servers.remove(chosen.unwrap_or(0)));
    }
    ordered
}

/// Chance for the load balancing of SRV records; predictable when the system gives none, which only unbalances.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let seed = seed::seed().unwrap_or([1; 32]);
        let [a, b, c, d, e, f, g, h, ..] = seed;
        Self(u64::from_le_bytes([a, b, c, d, e, f, g, h]) | 1)
    }
    /// 0 to `most`, both included.
    fn up_to(&mut self, most: u64) -> u64 {
        // xorshift64, Marsaglia 2003.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % (most + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
    use hickory_resolver::proto::rr::Record;
    use hickory_resolver::proto::rr::rdata::{A, AAAA};
    use std::net::Ipv4Addr;

    /// A name server on loopback that answers from a short table, by UDP.
    async fn server(table: Vec<(&'static str, RData)>) -> (SipResolver, tokio::task::JoinSet<()>) {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let mut set = tokio::task::JoinSet::new();
        set.spawn(async move {
            let mut buffer = [0; 2048];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let question = Message::from_vec(&buffer[..length]).unwrap();
                let query = question.queries[0].clone();
                let mut answer = Message::response(question.metadata.id, OpCode::Query);
                answer.add_query(query.clone());
                for (name, data) in &table {
                    let name = Name::from_ascii(name).unwrap();
                    if name == *query.name() && data.record_type() == query.query_type() {
                        answer.add_answer(Record::from_rdata(name, 60, data.clone()));
                    }
                }
                if answer.answers.is_empty() {
                    answer.metadata.response_code = ResponseCode::NXDomain;
                }
                socket
                    .send_to(&answer.to_vec().unwrap(), from)
                    .await
                    .unwrap();
            }
        });
        let resolver = SipResolver::with_servers(&["127.0.0.1".parse().unwrap()], port).unwrap();
        (resolver, set)
    }

    fn wanted(host: &str) -> Wanted {
        Wanted {
            host: host.into(),
            port: None,
            transport: None,
            secure: false,
        }
    }

    fn a(last: u8) -> RData {
        RData::A(A(Ipv4Addr::new(192, 0, 2, last)))
    }

    fn srv(priority: u16, weight: u16, port: u16, target: &str) -> RData {
        RData::SRV(SRV::new(
            priority,
            weight,
            port,
            Name::from_ascii(target).unwrap(),
        ))
    }

    fn naptr(order: u16, service: &str, replacement: &str) -> RData {
        RData::NAPTR(NAPTR::new(
            order,
            1,
            b"s".to_vec().into_boxed_slice(),
            service.as_bytes().to_vec().into_boxed_slice(),
            Box::default(),
            Name::from_ascii(replacement).unwrap(),
        ))
    }

    fn lines(targets: &[Target]) -> Vec<String> {
        let line = |t: &Target| {
            let name = t.server_name.as_deref().unwrap_or("-");
            format!("{} {} {name}", t.transport, t.addr)
        };
        targets.iter().map(line).collect()
    }

    #[tokio::test]
    async fn numeric_hosts_and_localhost_ask_nobody() {
        let (resolver, _server) = server(vec![]).await;
        let mut numeric = wanted("[2001:db8::1]");
        numeric.secure = true;
        let found = resolver.resolve(&numeric).await.unwrap();
        assert_eq!(lines(&found), ["tls [2001:db8::1]:5061 2001:db8::1"]);
        let mut local = wanted("localhost");
        local.transport = Some(Transport::Tcp);
        let found = resolver.resolve(&local).await.unwrap();
        assert_eq!(lines(&found), ["tcp 127.0.0.1:5060 -"]);
    }

    #[tokio::test]
    async fn naptr_leads_to_srv_leads_to_addresses_in_order() {
        let (resolver, _server) = server(vec![
            (
                "example.org.",
                naptr(20, "SIP+D2U", "_sip._udp.example.org."),
            ),
            (
                "example.org.",
                naptr(10, "SIPS+D2T", "_sips._tcp.example.org."),
            ),
            ("example.org.", naptr(5, "E2U+email", "mail.example.org.")),
            ("_sips._tcp.example.org.", srv(2, 0, 5071, "b.example.org.")),
            ("_sips._tcp.example.org.", srv(1, 5, 5061, "a.example.org.")),
            ("_sip._udp.example.org.", srv(1, 5, 5060, "b.example.org.")),
            ("a.example.org.", a(1)),
            ("b.example.org.", a(2)),
            (
                "b.example.org.",
                RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)),
            ),
        ])
        .await;
        let found = resolver.resolve(&wanted("example.org")).await.unwrap();
        let found = lines(&found);
        assert_eq!(found.first().unwrap(), "tls 192.0.2.1:5061 example.org");
        assert!(found.contains(&"tls 192.0.2.2:5071 example.org".to_owned()));
        assert!(found.last().unwrap().starts_with("udp "), "{found:?}");
        let mut secure = wanted("example.org");
        secure.secure = true;
        let found = resolver.resolve(&secure).await.unwrap();
        assert!(
            found
                .iter()
                .all(|target| target.transport == Transport::Tls)
        );
    }

    #[tokio::test]
    async fn a_bare_address_gets_the_default_port_and_a_written_port_skips_srv() {
        let (resolver, _server) = server(vec![
            ("pbx.example.org.", a(7)),
            (
                "_sip._tcp.pbx.example.org.",
                srv(1, 1, 9, "pbx.example.org."),
            ),
        ])
        .await;
        let mut with_port = wanted("pbx.example.org");
        with_port.port = Some(5080);
        let found = resolver.resolve(&with_port).await.unwrap();
        assert_eq!(lines(&found), ["udp 192.0.2.7:5080 -"]);
        let mut by_udp = wanted("pbx.example.org");
        by_udp.transport = Some(Transport::Udp);
        let found = resolver.resolve(&by_udp).await.unwrap();
        assert_eq!(lines(&found), ["udp 192.0.2.7:5060 -"]);
        let missing = resolver.resolve(&wanted("nowhere.example.org")).await;
        assert!(
            matches!(missing, Err(DnsError::NotFound { .. })),
            "{missing:?}"
        );
    }

    #[test]
    fn weights_divide_the_load_and_priorities_order_it() {
        let name = Name::from_ascii("x.").unwrap();
        let servers: Vec<SRV> = [(1, 90, 1), (1, 10, 2), (2, 100, 3)]
            .map(|(priority, weight, port)| SRV::new(priority, weight, port, name.clone()))
            .into();
        let mut dice = Dice(42);
        let mut first_is_heavy = 0;
        for _ in 0..1000 {
            let ordered = by_weight(servers.clone(), &mut dice);
            assert_eq!(ordered[2].port, 3);
            first_is_heavy += usize::from(ordered[0].port == 1);
        }
        assert!((850..950).contains(&first_is_heavy), "{first_is_heavy}");
    }
}
