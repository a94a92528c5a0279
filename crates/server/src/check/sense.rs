//! Faults that show in the file alone.

use conference_core::limits;
use im_core::Limits as ImLimits;

use super::hosts::{self, address, is_host};
use super::{Findings, label, trunks};
use crate::config::{Cidr, Config, Part, Secret, SipTransport, TrunkSettings};

pub(super) fn check(config: &Config, findings: &mut Findings) {
    server(config, findings);
    accounts(config, findings);
    im(config, findings);
    conference(config, findings);
    gateway(config, findings);
    allocator(config, findings);
    http(config, findings);
    media(config, findings);
    signalling(config, findings);
    trunks::check(config, findings);
    janus(config, findings);
    video_servers(config, findings);
    media_bridges(config, findings);
    if let Err(words) = crate::logging::check_level(&config.log.level) {
        findings.error(
            "log.level",
            words,
            "write error, warn, info, debug or trace, or a list like info,runtime=debug",
        );
    }
}

/// Longest time that a server may take to go down, in seconds.
const DRAIN_MAX_S: u64 = 3_600;
/// Ring times that a carrier bears, in seconds.
const RING_S: std::ops::RangeInclusive<u64> = 5..=180;

/// Connections that a video server may carry: its adapter has room for what each may bring about at once.
const CAPACITY: std::ops::RangeInclusive<u32> = 1..=10_000;
/// Cores of one Janus that are believed.
const CORES: std::ops::RangeInclusive<u32> = 1..=256;
/// What a picture may take a second: less shows nothing, more no browser sends.
const PICTURE_KBIT: std::ops::RangeInclusive<u32> = 50..=20_000;

/// Media threads that any machine has cores for.
const THREADS_MAX: usize = 1_024;

fn server(config: &Config, findings: &mut Findings) {
    let server = &config.server;
    domain("server.domain", &server.domain, findings);
    if server.drain_s > DRAIN_MAX_S {
        let words = format!("{} s is longer than {DRAIN_MAX_S}", server.drain_s);
        findings.error("server.drain_s", words, "10 suits most servers");
    }
    if server.roles.is_empty() {
        let fix = "write roles = [\"im\", \"gateway\", \"conference\"] or leave the key away";
        findings.error("server.roles", "no part runs in this process", fix);
    }
}

/// What stands after the @ sign of accounts.
fn domain(key: &str, name: &str, findings: &mut Findings) {
    if !is_host(name) || convoke_types::Aor::new("user", name).is_err() {
        let words = format!("expected a domain name, came {name:?}");
        findings.error(key, words, "write a name like example.org");
    }
}

/// Each part has an account of its own, also where it runs in another process; an empty name is no account.
fn accounts(config: &Config, findings: &mut Findings) {
    let parts = [
        ("gateway.user", &config.gateway.user),
        ("im.conferences", &config.im.conferences),
        ("im.modes", &config.im.modes),
        ("allocator.user", &config.allocator.user),
    ];
    let mut taken: Vec<&str> = Vec::new();
    for (key, user) in parts {
        if !user.is_empty() && taken.contains(&user.as_str()) {
            let words = "another part has the same account";
            findings.error(key, words, "write another name");
        }
        taken.push(user);
    }
}

fn im(config: &Config, findings: &mut Findings) {
    let im = &config.im;
    if !config.runs(Part::Im) {
        return;
    }
    let focus = &im.conferences;
    if !focus.is_empty() && convoke_types::Aor::new(focus, "example.org").is_err() {
        let words = format!("{focus:?} cannot be the user of a SIP address");
        findings.error("im.conferences", words, "write letters and digits");
    }
    if !im.modes.is_empty() && convoke_types::Aor::new(&im.modes, "example.org").is_err() {
        let words = format!("{:?} cannot be the user of a SIP address", im.modes);
        findings.error("im.modes", words, "write letters and digits");
    }
    if im.udp.is_empty() && im.tcp.is_empty() && im.tls.is_empty() {
        findings.error("im", "nobody can connect", "set udp, tcp or tls");
    }
    if im.digest.is_empty() {
        let fix = "leave the key away, or write [\"md5\"] for old telephones";
        findings.error("im.digest", "nobody could prove who they are", fix);
    }
    above_zero(
        &[
            ("im.connections_max", im.connections_max),
            ("im.connections_per_ip_max", im.connections_per_ip_max),
        ],
        findings,
    );
    // A client that wants less is told to ask for so much (RFC 3261 §10.3), and would get less still.
    let least = ImLimits::default().min_expires_s;
    if im.registration_max_s < least {
        let words = format!(
            "{} s is shorter than the shortest registration, {least} s",
            im.registration_max_s
        );
        findings.error("im.registration_max_s", words, "3600 suits most clients");
    }
    if im.idle_s == 0 {
        let words = "0 s closes every connection before anybody can register on it";
        findings.error("im.idle_s", words, "120 suits most clients");
    }
    let has_stream = !im.tcp.is_empty() || !im.tls.is_empty();
    let gateway = config.runs(Part::Gateway) && config.gateway.im_server.is_none();
    let conference = config.runs(Part::Conference)
        && config.conference.im_server.is_none()
        && !config.im.conferences.is_empty();
    if !has_stream && (gateway || conference) {
        let words =
            "commands and reports do not fit into datagrams, and there is no tcp or tls address";
        findings.error("im.tcp", words, "set im.tcp or im.tls");
    }
    if im.tls_certificate.is_some() != im.tls_key.is_some() {
        let words = "a certificate and its key belong together, only one is set";
        findings.error(
            "im.tls_certificate",
            words,
            "set tls_certificate and tls_key",
        );
    }
    let open = im.udp.iter().chain(&im.tcp);
    if let Some(addr) = open.into_iter().find(|addr| !addr.ip().is_loopback()) {
        let words =
            format!("{addr} is open to others, and what passes there can be read on the way");
        findings.add(
            super::Severity::Note,
            "im.tcp",
            words,
            "prefer im.tls outside of trusted networks",
        );
    }
}

/// Tells of bounds that let nothing through.
fn above_zero(bounds: &[(&str, usize)], findings: &mut Findings) {
    for (key, _) in bounds.iter().filter(|(_, most)| *most == 0) {
        findings.error(*key, "0 allows nothing", "write a number above 0");
    }
}

/// Where the conferences run here too, a trunk must lead to the gateway, or nobody is called through it.
fn gateway_is_reached(config: &Config, n: usize, template: &str, findings: &mut Findings) {
    let host = template.rsplit('@').next().unwrap_or_default();
    let host = host.split([';', '?']).next().unwrap_or_default();
    let host = host_of(host);
    let mut domains = config.trunk.iter().flat_map(|trunk| &trunk.sip_domains);
    let unknown = !domains.any(|domain| domain.eq_ignore_ascii_case(host));
    // A host that the address brings along is not known before.
    if config.runs(Part::Conference) && !host.contains('{') && unknown {
        findings.add(
            super::Severity::Warning,
            format!("gateway_route[{}].template", n + 1),
            format!("no trunk leads to {host:?}, so nobody is called through this gateway"),
            "name it in sip_domains of a [[trunk]]",
        );
    }
}

fn allocator(config: &Config, findings: &mut Findings) {
    for (n, route) in config.gateway_route.iter().enumerate() {
        let made = allocator_core::GatewayRoute::new(&route.mode, &route.prefix, &route.template);
        if let Err(error) = made {
            let fix = "write like mode = \"isdn\", template = \"sip:{number}@gw.example.org\"";
            findings.error(format!("gateway_route[{}]", n + 1), error.to_string(), fix);
        } else {
            gateway_is_reached(config, n, &route.template, findings);
        }
    }
    if !config.runs(Part::Allocator) {
        return;
    }
    let allocator = &config.allocator;
    if convoke_types::Aor::new(&allocator.user, "example.org").is_err() {
        let words = format!("{:?} cannot be the user of a SIP address", allocator.user);
        findings.error("allocator.user", words, "write letters and digits");
    }
    if allocator.im_server.is_none() && !config.runs(Part::Im) {
        let words = "no IM server runs in this process, and none is named";
        findings.error("allocator.im_server", words, "write its host, or host:port");
    }
    im_account(
        "allocator.",
        &AccountSettings {
            server: allocator.im_server.as_deref(),
            domain: allocator.domain.as_deref(),
            transport: allocator.transport,
            password: allocator.password.as_ref(),
            trusted: &allocator.trusted_servers,
            listen: allocator.listen,
        },
        findings,
    );
    let window = allocator.window_url.as_deref();
    web_url("allocator.window_url", window, findings);
    if config.im.modes.is_empty() {
        let words = "the allocator asks it how people can take part";
        findings.error("im.modes", words, "leave the key away");
    }
    if config.video_server.is_empty() {
        let words = "the allocator has no video server: every request is refused";
        findings.warn("video_server", words, "add a section [[video_server]]");
    }
}

fn http(config: &Config, findings: &mut Findings) {
    let listen = config.http.listen;
    if !listen.ip().is_loopback() {
        findings.add(
            super::Severity::Note,
            "http.listen",
            format!(
                "{listen} is open to others, and tokens that pass there can be read on the way"
            ),
            "keep it on the loopback behind a proxy that speaks TLS, or set http.tls",
        );
    }
    let proxies = &config.http.proxies;
    let mut addresses = proxies.iter().map(|network| network.parts().0);
    if let Some(elsewhere) = addresses.find(|address| !address.is_loopback()) {
        findings.add(
            super::Severity::Note,
            "http.proxies",
            format!(
                "pages behind {elsewhere} sign in to chat only if it says that they came under TLS"
            ),
            "have the proxy set X-Forwarded-Proto to https",
        );
    }
    for origin in &config.http.origins {
        hosts::origin("http.origins", origin, findings);
    }
    web_url("http.url", config.http.url.as_deref(), findings);
    let url = config.http.url.as_deref().unwrap_or_default();
    if url.starts_with("https://") && config.http.tls.is_empty() && proxies.is_empty() {
        findings.warn(
            "http.proxies",
            "http.url is that of a proxy, and whoever comes through one that is not named counts as the proxy",
            "name the proxy's address, so that one stranger's wrong passwords lock out nobody else",
        );
    }
}

fn conference(config: &Config, findings: &mut Findings) {
    let conference = &config.conference;
    if !["en", "de"].contains(&conference.language.as_str()) {
        let words = format!("there are no prompts in {:?}", conference.language);
        findings.error("conference.language", words, "write \"en\" or \"de\"");
    }
    if !RING_S.contains(&conference.ring_timeout_s) {
        let words = format!("{} s is not within {RING_S:?}", conference.ring_timeout_s);
        findings.error(
            "conference.ring_timeout_s",
            words,
            "45 suits most telephones",
        );
    }
    if config.runs(Part::Conference) {
        im_account(
            "conference.im_",
            &AccountSettings {
                server: conference.im_server.as_deref(),
                domain: conference.im_domain.as_deref(),
                transport: conference.im_transport,
                password: conference.im_password.as_ref(),
                trusted: &conference.im_trusted_servers,
                listen: conference.im_listen,
            },
            findings,
        );
    }
    above_zero(
        &[
            ("conference.participants_max", conference.participants_max),
            ("conference.conferences_max", conference.conferences_max),
        ],
        findings,
    );
    let capped = [
        (
            "conference.idle_end_min",
            conference.idle_end_min,
            limits::IDLE_END_MAX.as_secs() / 60,
        ),
        (
            "conference.linger_s",
            conference.linger_s,
            limits::LINGER_MAX.as_secs(),
        ),
        (
            "conference.participants_max",
            saturated(conference.participants_max),
            saturated(limits::PARTICIPANTS_MAX),
        ),
        (
            "conference.conferences_max",
            saturated(conference.conferences_max),
            saturated(limits::CONFERENCES_MAX),
        ),
    ];
    for (key, came, most) in capped {
        if came > most {
            let words = format!("{came} counts as {most}, the most that there can be");
            findings.warn(key, words, format!("write {most} or less"));
        }
    }
}

fn gateway(config: &Config, findings: &mut Findings) {
    let gateway = &config.gateway;
    if !config.runs(Part::Gateway) {
        return;
    }
    if convoke_types::Aor::new(&gateway.user, "example.org").is_err() {
        let words = format!("{:?} cannot be the user of a SIP address", gateway.user);
        findings.error("gateway.user", words, "write letters and digits");
    }
    im_account(
        "gateway.",
        &AccountSettings {
            server: gateway.im_server.as_deref(),
            domain: gateway.domain.as_deref(),
            transport: gateway.transport,
            password: gateway.password.as_ref(),
            trusted: &gateway.trusted_servers,
            listen: gateway.listen,
        },
        findings,
    );
    if gateway.im_server.is_none() && !config.runs(Part::Im) {
        findings.error(
            "gateway.im_server",
            "no IM server runs in this process, and none is named",
            "name it, or add \"im\" to server.roles",
        );
    }
    if gateway.conference_url.is_none() && !config.runs(Part::Conference) {
        findings.error(
            "gateway.conference_url",
            "no conference service runs in this process, and none is named",
            "name its URL, or add \"conference\" to server.roles",
        );
    }
    for (key, url) in [
        ("gateway.conference_url", &gateway.conference_url),
        ("gateway.reporting_url", &gateway.reporting_url),
    ] {
        web_url(key, url.as_deref(), findings);
    }
}

/// A URL by which others reach a part over HTTP.
fn web_url(key: &str, url: Option<&str>, findings: &mut Findings) {
    if let Some(url) = url {
        let fix = "write the whole URL";
        hosts::url(key, url, ["http", "https"], fix, findings);
    }
}

/// What our own parts' accounts at the IM server have in common.
struct AccountSettings<'c> {
    server: Option<&'c str>,
    domain: Option<&'c str>,
    transport: SipTransport,
    password: Option<&'c Secret>,
    trusted: &'c [Cidr],
    listen: std::net::SocketAddr,
}

fn im_account(prefix: &str, account: &AccountSettings<'_>, findings: &mut Findings) {
    // The keys of conferences all begin so.
    let server = if prefix == "conference.im_" {
        "server"
    } else {
        "im_server"
    };
    let key = |name: &str| format!("{prefix}{name}");
    if let Some(named) = account.server {
        hosts::host_and_port(key(server), named, findings);
    }
    if let Some(name) = account.domain {
        domain(&key("domain"), name, findings);
    }
    if account.trusted.iter().any(|net| net.parts().1 == 0) {
        findings.error(
            key("trusted_servers"),
            "identities asserted by the whole internet would be believed",
            "name the IM server's address",
        );
    }
    if account.transport == SipTransport::Udp {
        findings.error(
            key("transport"),
            "commands, reports and documents do not fit into datagrams",
            "write \"tcp\" or \"tls\"",
        );
    }
    if account.server.is_some() && account.password.is_none() {
        findings.error(
            key("password"),
            format!(
                "{} names an IM server elsewhere, and there is no password for it",
                key(server)
            ),
            "make an account there and write its password to a file",
        );
    }
    let elsewhere = account.server.is_some_and(|host| !is_local(host_of(host)));
    if elsewhere && account.listen.ip().is_loopback() {
        findings.warn(
            key("listen"),
            format!("the IM server cannot reach {}", account.listen.ip()),
            "right if it always answers over our connection; otherwise write this machine's address",
        );
    }
}

fn media(config: &Config, findings: &mut Findings) {
    let media = &config.media;
    // With a bridge elsewhere our own sockets are for an adapter, and for the pictures of video rooms; where others receive sound, it tells
    // itself.
    let all = config.mixes() || config.runs(Part::Janus);
    let rooms = config.calls_rooms();
    let trunks = || {
        let trunks = config.trunk.iter();
        trunks.filter(move |trunk| all || (rooms && !trunk.sip_domains.is_empty()))
    };
    if !all && !rooms {
        return;
    }
    if media.threads > THREADS_MAX {
        let words = format!("{} is more than {THREADS_MAX}", media.threads);
        findings.error("media.threads", words, "write 0: one for each core");
    }
    if media.port_min == 0 {
        let words = "0 is no port that a telephone could send to";
        findings.error("media.port_min", words, "20000 suits most machines");
        return;
    }
    if media.port_max <= media.port_min {
        let words = format!(
            "{} is not above port_min, {}",
            media.port_max, media.port_min
        );
        findings.error("media.port_max", words, "leave room, two ports a leg");
        return;
    }
    let legs = usize::from(media.port_max - media.port_min).div_ceil(2);
    let lines: usize = trunks().map(|trunk| trunk.lines).sum();
    if legs < lines {
        let words = format!("ports for {legs} legs, but the trunks have {lines} lines");
        findings.warn("media.port_max", words, "widen port_min to port_max");
    }
    let has_trunk_elsewhere = trunks().any(|trunk| !is_local(&trunk.server));
    let what = if all {
        "sound"
    } else {
        "a video room's picture"
    };
    if has_trunk_elsewhere && media.bind.is_loopback() {
        findings.error(
            "media.bind",
            format!(
                "{what} is bound to {}, which nobody elsewhere reaches",
                media.bind
            ),
            "write this machine's address, and behind NAT the outer one as media.advertised",
        );
    }
    if media.bind.is_unspecified() && media.advertised.is_none() && trunks().next().is_some() {
        findings.error(
            "media.advertised",
            format!(
                "{} is no address that a telephone or a video room could send to",
                media.bind
            ),
            "write the address under which this machine is reached",
        );
    }
}

/// A call by UDP leaves from the address that is listened on; a connection is opened from any, and answers come back over it.
fn signalling(config: &Config, findings: &mut Findings) {
    if let Some(advertised) = &config.sip.advertised {
        hosts::host_and_port("sip.advertised", advertised, findings);
    }
    let udp = &config.sip.udp;
    let elsewhere =
        |trunk: &&TrunkSettings| trunk.transport == SipTransport::Udp && !is_local(&trunk.server);
    let Some(trunk) = config.trunk.iter().find(elsewhere) else {
        return;
    };
    if udp.iter().any(|addr| !addr.ip().is_loopback()) {
        return;
    }
    // A name may lead to this machine all the same.
    let severity = match address(&trunk.server) {
        Some(_) => super::Severity::Error,
        None => super::Severity::Warning,
    };
    findings.add(
        severity,
        "sip.udp",
        format!(
            "trunk {:?} is elsewhere, and calls from the loopback do not get there",
            trunk.name
        ),
        "write this machine's address, and behind NAT the outer one as sip.advertised",
    );
}

fn janus(config: &Config, findings: &mut Findings) {
    let janus = &config.janus;
    if !config.runs(Part::Janus) {
        return;
    }
    let fix = "write the URL of its WebSocket API";
    hosts::url("janus.url", &janus.url, ["ws", "wss"], fix, findings);
    if let Some(capacity) = janus.capacity.filter(|one| !CAPACITY.contains(one)) {
        let fix = "write how many connections it may carry, three for each person";
        let words = format!("{capacity} is not within {CAPACITY:?}");
        findings.error("janus.capacity", words, fix);
    }
    if !CORES.contains(&janus.cores) {
        let words = format!("{} is not within {CORES:?}", janus.cores);
        findings.error("janus.cores", words, "write how many cores Janus has");
    }
    if !PICTURE_KBIT.contains(&janus.picture_kbit) {
        let words = format!("{} is not within {PICTURE_KBIT:?}", janus.picture_kbit);
        findings.error("janus.picture_kbit", words, "1000 suits most pictures");
    }
    if config.media.bind.is_unspecified() && janus.rtp.is_none() {
        let words = format!(
            "{} is no address that Janus could send to",
            config.media.bind
        );
        let fix = "write 127.0.0.1 where Janus runs on this machine";
        findings.error("janus.rtp", words, fix);
    }
    if !janus.listen.ip().is_loopback() {
        findings.add(
            super::Severity::Note,
            "janus.listen",
            format!(
                "{} is open to others, and the secret that passes there can be read on the way",
                janus.listen
            ),
            "keep it on the loopback or in a trusted network, or behind a proxy that speaks TLS",
        );
    }
}

fn media_bridges(config: &Config, findings: &mut Findings) {
    let mut names: Vec<&str> = Vec::new();
    for (index, bridge) in config.media_bridge.iter().enumerate() {
        let key = |name: &str| format!("media_bridge[{}].{name}", label(&bridge.name, index));
        if bridge.name.is_empty() {
            let fix = "give it one, by which people may know it";
            findings.error(key("name"), "a bridge needs a name", fix);
        } else if names.contains(&bridge.name.as_str()) {
            let fix = "give each its own";
            findings.error(key("name"), "two bridges have this name", fix);
        }
        names.push(&bridge.name);
        let before = config.media_bridge.iter().take(index);
        if bridge.url.is_empty() {
            if before.filter(|other| other.url.is_empty()).count() > 0 {
                let words = "our own bridge stands here twice";
                findings.error(key("url"), words, "take one of them out");
            }
        } else {
            bridge_url(key("url"), &bridge.url, findings);
        }
    }
}

fn bridge_url(key: String, url: &str, findings: &mut Findings) {
    let fix = "write where it speaks the bridge protocol: ws://HOST:PORT/bridge";
    hosts::url(key, url, ["ws", "wss"], fix, findings);
}

fn video_servers(config: &Config, findings: &mut Findings) {
    let mut names: Vec<&str> = Vec::new();
    for (index, server) in config.video_server.iter().enumerate() {
        let key = |name: &str| format!("video_server[{}].{name}", label(&server.name, index));
        if server
            .name
            .parse::<convoke_types::VideoServerName>()
            .is_err()
        {
            let words = "a video server needs a name of letters, digits and hyphens";
            let fix = "give it one, the same wherever it is commanded from";
            findings.error(key("name"), words, fix);
        } else if names.contains(&server.name.as_str()) {
            let fix = "give each its own";
            findings.error(key("name"), "two video servers have this name", fix);
        }
        names.push(&server.name);
        let is_ours = server.url.is_empty() && config.runs(Part::Janus);
        if !is_ours {
            bridge_url(key("url"), &server.url, findings);
        }
    }
}

fn saturated(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The host of `host` or `host:port`.
pub(crate) fn host_of(text: &str) -> &str {
    if text.parse::<std::net::IpAddr>().is_ok() {
        return text;
    }
    match text.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        Some(_) | None => text,
    }
}

fn is_local(host: &str) -> bool {
    host == "localhost" || address(host).is_some_and(|ip| ip.is_loopback())
}
