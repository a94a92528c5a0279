//! Faults that show only on this machine: files, rights, ports.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use runtime::probe;
use runtime::tls::{self, CertificateFiles, ClientTrust, PeerTrust};
use sip_proto::Transport;

use super::Findings;
use crate::config::{Config, Part, Secret};

/// Ports below this need a right of their own.
const FIRST_FREE_PORT: u16 = 1024;

pub(super) fn check(config: &Config, findings: &mut Findings) {
    data_dir(&config.data_dir(), findings);
    certificates(config, findings);
    secrets(config, findings);
    ports(config, findings);
    open_files(config, findings);
}

/// Each connection and each leg is a socket; the database, threads and listeners are a few more.
fn open_files(config: &Config, findings: &mut Findings) {
    let Some(limit) = runtime::files::open_files_limit_max() else {
        return;
    };
    let lines: usize = config.trunk.iter().map(|trunk| trunk.lines).sum();
    let connections = if config.runs(Part::Im) {
        config.im.connections_max
    } else {
        0
    };
    let wanted = u64::try_from(connections.saturating_add(lines)).unwrap_or(u64::MAX);
    if limit < wanted {
        findings.warn(
            "im.connections_max",
            format!(
                "{wanted} connections and lines are configured, but only {limit} open files allowed"
            ),
            "raise the hard limit (LimitNOFILE= in the systemd unit, or limits.conf)",
        );
    }
}

fn data_dir(path: &Path, findings: &mut Findings) {
    let shown = path.display();
    let key = "server.data_dir";
    match fs::metadata(path) {
        Ok(there) if !there.is_dir() => {
            findings.error(key, format!("{shown} is not a directory"), "name another");
        }
        Ok(there) => {
            if let Err(error) = tempfile_in(path) {
                let words = format!("cannot write into {shown}: {error}");
                findings.error(key, words, "give it to the user that runs Convoke");
            }
            if there.permissions().mode() & 0o007 != 0 {
                let words = format!("everybody on this machine may look into {shown}");
                findings.warn(key, words, format!("chmod o= {shown}"));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let above = path.ancestors().skip(1).find(|above| above.exists());
            let above = above.unwrap_or(Path::new("."));
            if let Err(error) = tempfile_in(above) {
                let words = format!("{shown} is not there and cannot be made: {error}");
                findings.error(key, words, "make it for the user that runs Convoke");
            }
        }
        Err(error) => {
            let words = format!("cannot look at {shown}: {error}");
            findings.error(key, words, "give it to the user that runs Convoke");
        }
    }
}

/// Whether a file can be made in a directory; leaves none.
fn tempfile_in(directory: &Path) -> io::Result<()> {
    let directory = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    let name = format!(".convoke-check-{}", std::process::id());
    let path = directory.join(name);
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)?;
    fs::remove_file(path)
}

fn certificates(config: &Config, findings: &mut Findings) {
    if let (Some(chain), Some(key)) = (&config.im.tls_certificate, &config.im.tls_key) {
        let files = CertificateFiles {
            chain: config.path(chain),
            key: config.path(key),
        };
        if let Err(error) = tls::server_config(&files, &[]) {
            findings.error(
                "im.tls_certificate",
                error.to_string(),
                "name a PEM chain and its key, readable by the user that runs Convoke",
            );
        }
    }
    let (gateway, allocator) = (&config.gateway, &config.allocator);
    let conference = &config.conference;
    let mut trusted = vec![
        (
            "gateway.tls_roots".to_owned(),
            &gateway.tls_roots,
            gateway.tls_pin.as_ref(),
        ),
        (
            "conference.im_tls_roots".to_owned(),
            &conference.im_tls_roots,
            conference.im_tls_pin.as_ref(),
        ),
        (
            "allocator.tls_roots".to_owned(),
            &allocator.tls_roots,
            allocator.tls_pin.as_ref(),
        ),
        ("sip.tls_roots".to_owned(), &config.sip.tls_roots, None),
        ("janus.tls_roots".to_owned(), &config.janus.tls_roots, None),
    ];
    let none = Vec::new();
    for trunk in &config.trunk {
        let key = format!("trunk[{}].tls_pin", trunk.name);
        trusted.push((key, &none, trunk.tls_pin.as_ref()));
    }
    for bridge in &config.media_bridge {
        let key = format!("media_bridge[{}].tls_roots", bridge.name);
        trusted.push((key, &bridge.tls_roots, None));
    }
    for server in &config.video_server {
        let key = format!("video_server[{}].tls_roots", server.name);
        trusted.push((key, &server.tls_roots, None));
    }
    for (key, roots, pin) in trusted {
        if roots.is_empty() && pin.is_none() {
            continue;
        }
        let pinned = |path: &PathBuf| ("peer".to_owned(), PeerTrust::Pinned(config.path(path)));
        let trust = ClientTrust {
            roots: roots.iter().map(|path| config.path(path)).collect(),
            peers: pin.into_iter().map(pinned).collect(),
        };
        if let Err(error) = tls::client_config(&trust) {
            findings.error(key, error.to_string(), "name PEM files with certificates");
        }
    }
}

fn secrets(config: &Config, findings: &mut Findings) {
    let mut all: Vec<(String, &Secret)> = Vec::new();
    let (gateway, janus) = (&config.gateway, &config.janus);
    let named = [
        ("gateway.password", &gateway.password),
        ("gateway.shared_secret", &gateway.shared_secret),
        ("conference.im_password", &config.conference.im_password),
        ("allocator.password", &config.allocator.password),
        ("janus.secret", &janus.secret),
        ("janus.api_secret", &janus.api_secret),
        ("janus.admin_key", &janus.admin_key),
    ];
    for (key, secret) in named {
        all.extend(secret.iter().map(|secret| (key.to_owned(), secret)));
    }
    for trunk in &config.trunk {
        let key = format!("trunk[{}].password", trunk.name);
        all.extend(trunk.password.iter().map(|secret| (key.clone(), secret)));
    }
    for bridge in &config.media_bridge {
        let key = format!("media_bridge[{}].secret", bridge.name);
        all.extend(bridge.secret.iter().map(|secret| (key.clone(), secret)));
    }
    for server in &config.video_server {
        let key = format!("video_server[{}].secret", server.name);
        all.extend(server.secret.iter().map(|secret| (key.clone(), secret)));
    }
    for (key, secret) in all {
        if let Err(error) = secret.read(&config.base) {
            let fix = "write the secret into this file, readable by the user that runs Convoke";
            findings.error(key, error.to_string(), fix);
            continue;
        }
        let mode = secret
            .file(&config.base)
            .and_then(|path| fs::metadata(path).ok())
            .map(|there| there.permissions().mode());
        if mode.is_some_and(|mode| mode & 0o007 != 0) {
            let words = "everybody on this machine may read the secret's file";
            findings.warn(key, words, "chmod o= it");
        }
    }
}

fn ports(config: &Config, findings: &mut Findings) {
    let mut wanted: Vec<(&str, Transport, SocketAddr)> = Vec::new();
    let mut add = |key, transport, addrs: &[SocketAddr]| {
        wanted.extend(addrs.iter().map(|addr| (key, transport, *addr)));
    };
    if config.runs(Part::Im) {
        add("im.udp", Transport::Udp, &config.im.udp);
        add("im.tcp", Transport::Tcp, &config.im.tcp);
        add("im.tls", Transport::Tls, &config.im.tls);
    }
    if config.runs(Part::Conference) {
        add("sip.udp", Transport::Udp, &config.sip.udp);
        add("sip.tcp", Transport::Tcp, &config.sip.tcp);
    }
    let ours = config.runs(Part::Conference) && config.mixes();
    if ours || config.runs(Part::Janus) || config.calls_rooms() {
        let rtp = SocketAddr::new(config.media.bind, 0);
        add("media.bind", Transport::Udp, &[rtp]);
    }
    if config.runs(Part::Conference) || config.runs(Part::Gateway) {
        add("http.listen", Transport::Tcp, &[config.http.listen]);
    }
    add("http.tls", Transport::Tcp, &config.http.tls);
    if config.runs(Part::Janus) {
        add("janus.listen", Transport::Tcp, &[config.janus.listen]);
    }
    let mut seen: Vec<(bool, SocketAddr, &str)> = Vec::new();
    for (key, transport, addr) in wanted {
        let is_udp = transport == Transport::Udp;
        let twice = seen
            .iter()
            .find(|(other_udp, other, _)| *other_udp == is_udp && *other == addr);
        if let Some((_, _, other)) = twice
            && addr.port() != 0
        {
            let words = format!("{addr} is already taken by {other}");
            findings.error(key, words, "use another port");
            continue;
        }
        seen.push((is_udp, addr, key));
        if let Err(error) = probe::can_listen(transport, addr) {
            listening_failed(key, addr, &error, findings);
        }
    }
}

fn listening_failed(key: &str, addr: SocketAddr, error: &io::Error, findings: &mut Findings) {
    match error.kind() {
        io::ErrorKind::AddrInUse => findings.warn(
            key,
            format!("{addr} is in use"),
            "right if Convoke is running; otherwise stop what uses it (ss -tulpn), or use another port",
        ),
        io::ErrorKind::PermissionDenied if addr.port() < FIRST_FREE_PORT => findings.error(
            key,
            format!("{addr}: ports below {FIRST_FREE_PORT} are reserved"),
            "use a higher port, or give the right with setcap cap_net_bind_service=+ep",
        ),
        io::ErrorKind::AddrNotAvailable => findings.error(
            key,
            format!("{} is no address of this machine", addr.ip()),
            "see `ip address`; behind NAT bind the inner address and advertise the outer one",
        ),
        _ => findings.error(key, format!("cannot listen on {addr}: {error}"), ""),
    }
}
