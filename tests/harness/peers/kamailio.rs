//! Debian's Kamailio as an IM server that is not ours: digest, registrar with GRUU, MESSAGE relay, asserted identity.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use sip_proto::auth::Credential;
use tempfile::TempDir;
use testkit::ports::{self, Ports};
use testkit::process::Program;

use super::{fill, write_certificate};

/// Where Debian keeps the modules, by machine.
const MODULE_DIRS: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/kamailio/modules/",
    "/usr/lib/aarch64-linux-gnu/kamailio/modules/",
    "/usr/lib64/kamailio/modules/",
];
/// How often OPTIONS is repeated until it answers, at [`OPTIONS_EVERY`].
const OPTIONS_MAX: usize = 200;
const OPTIONS_EVERY: Duration = Duration::from_millis(100);

/// A running Kamailio.
pub struct Kamailio {
    program: Program,
    domain: String,
    sip: Ports,
    tls: Ports,
    dir: TempDir,
}

impl Kamailio {
    /// Starts one for `domain` with these people and passwords, and waits until it answers.
    pub fn start(domain: &str, people: &[(&str, &str)]) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let (sip, tls) = (ports::reserve()?, ports::reserve()?);
        write_certificate(dir.path(), domain)?;
        std::fs::create_dir(dir.path().join("db"))?;
        let mut rows = String::from("username(string) domain(string) ha1(string)\n");
        for (user, password) in people {
            let credential = Credential::from_password(user, domain, password);
            let ha1 = credential
                .ha1(sip_proto::auth::Algorithm::Md5)
                .context("no MD5 HA1")?;
            rows.push_str(&format!("{user}:{domain}:{ha1}\n"));
        }
        std::fs::write(dir.path().join("db/subscriber"), rows)?;
        let modules = MODULE_DIRS
            .iter()
            .find(|path| PathBuf::from(path).is_dir())
            .context("Kamailio's modules are not installed: run `make setup`")?;
        let config = dir.path().join("kamailio.cfg");
        let place = dir.path().to_string_lossy().into_owned();
        let words = [
            ("DOMAIN", domain),
            ("SIP_PORT", &sip.first().to_string()),
            ("TLS_PORT", &tls.first().to_string()),
            ("DIR", &place),
            ("MODULES", modules),
        ];
        fill("kamailio.cfg", &words, &config)?;
        let mut command = Command::new("kamailio");
        command
            .args(["-DD", "-E", "-m", "64", "-M", "8", "-Y"])
            .arg(dir.path())
            .arg("-f")
            .arg(&config);
        command.env("PATH", path_with_sbin());
        let program = Program::start(command)?;
        let kamailio = Self {
            program,
            domain: domain.to_owned(),
            sip,
            tls,
            dir,
        };
        kamailio.await_options()?;
        Ok(kamailio)
    }

    /// The domain it serves, also the realm.
    pub fn domain(&self) -> &str {
        &self.domain
    }
    /// Where it listens for UDP and TCP.
    pub fn sip(&self) -> SocketAddr {
        self.sip.addr()
    }
    /// Where it listens for TLS.
    pub fn tls(&self) -> SocketAddr {
        self.tls.addr()
    }
    /// The certificate to trust.
    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }
    /// The program, for its lines.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Sends OPTIONS, and again as SIP over UDP does, until a 200 comes.
    fn await_options(&self) -> anyhow::Result<()> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(OPTIONS_EVERY))?;
        let local = socket.local_addr()?;
        let options = format!(
            "OPTIONS sip:{} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKready\r\nMax-Forwards: 1\r\n\
             From: <sip:test@{local}>;tag=1\r\nTo: <sip:{}>\r\nCall-ID: ready@{local}\r\nCSeq: 1 OPTIONS\r\n\
             Content-Length: 0\r\n\r\n",
            self.domain, self.domain
        );
        let mut answer = [0; 4096];
        for _ in 0..OPTIONS_MAX {
            if self.program.status().is_some() {
                break;
            }
            socket.send_to(options.as_bytes(), self.sip())?;
            let answered = socket.recv_from(&mut answer);
            if answered.is_ok_and(|(length, _)| answer[..length].starts_with(b"SIP/2.0 200")) {
                return Ok(());
            }
        }
        bail!(
            self.program
                .unmet("Kamailio does not answer OPTIONS")
                .to_string()
        )
    }
}

/// Kamailio is in /usr/sbin, which is not in everybody's PATH.
fn path_with_sbin() -> String {
    format!(
        "{}:/usr/sbin:/sbin",
        std::env::var("PATH").unwrap_or_default()
    )
}
