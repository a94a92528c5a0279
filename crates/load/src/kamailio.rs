//! Debian's Kamailio as a peer for instant messages: registrar in memory and a stateful relay, without digest, log and
//! database, in the few processes that suit one core.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use runtime::clock;

use crate::machine::Server;

/// The peer's name in results.
pub const NAME: &str = "kamailio";
const PROGRAMS: [&str; 2] = ["/usr/sbin/kamailio", "/usr/local/sbin/kamailio"];
const MODULE_DIRS: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/kamailio/modules/",
    "/usr/lib/aarch64-linux-gnu/kamailio/modules/",
    "/usr/lib64/kamailio/modules/",
];
const START_MAX: Duration = Duration::from_secs(15);

/// A running Kamailio.
pub struct Kamailio {
    /// Its main process.
    pub server: Server,
    /// Where it takes TCP.
    pub addr: SocketAddr,
}

fn program() -> Option<PathBuf> {
    PROGRAMS
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
}

/// Whether it is installed.
pub fn is_installed() -> bool {
    program().is_some() && MODULE_DIRS.iter().any(|path| Path::new(path).is_dir())
}

impl Kamailio {
    /// Starts it on one core, for one domain; everything that it reads and writes is in `directory`.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(directory: &Path, domain: &str, core: usize) -> Result<Self> {
        let program = program().context("Kamailio is not installed")?;
        let modules = MODULE_DIRS.iter().find(|path| Path::new(path).is_dir());
        let modules = modules.context("Kamailio's modules are not installed")?;
        // The port is free when it is looked for, and given to Kamailio at once.
        let addr = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let config = directory.join("kamailio.cfg");
        let text = CONFIG
            .replace("@ADDR@", &addr.to_string())
            .replace("@DOMAIN@", domain)
            .replace("@MODULES@", modules);
        fs::write(&config, text)?;
        let log = directory.join("log");
        let mut command = Command::new(program);
        command
            .args(["-DD", "-E", "-m", "1024", "-M", "16", "-Y"])
            .arg(directory)
            .arg("-f")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log)?);
        let mut server = Server::start(command, core)?;
        let begin = clock::now();
        while TcpStream::connect(addr).is_err() {
            ensure!(
                server.is_running(),
                "Kamailio ended at its start: {}",
                fs::read_to_string(&log).unwrap_or_default()
            );
            ensure!(clock::now() - begin < START_MAX, "Kamailio does not listen");
            clock::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { server, addr })
    }
}

const CONFIG: &str = r#"#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=1
tcp_children=2
auto_aliases=no
alias="@DOMAIN@"
listen=udp:@ADDR@
listen=tcp:@ADDR@
tcp_connection_lifetime=3605
tcp_accept_no_cl=no
dns=no
rev_dns=no
use_dns_cache=no
server_signature=no

mpath="@MODULES@"
loadmodule "kex.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "nathelper.so"

modparam("usrloc", "db_mode", 0)
modparam("usrloc", "use_domain", 1)
modparam("registrar", "max_expires", 3600)
modparam("registrar", "received_avp", "$avp(received)")
modparam("nathelper", "received_avp", "$avp(received)")
modparam("tm", "fr_timer", 5000)

request_route {
	if (!mf_process_maxfwd_header("10")) {
		sl_send_reply("483", "Too Many Hops");
		exit;
	}
	if (method == "REGISTER") {
		fix_nated_register();
		if (!save("location")) sl_reply_error();
		exit;
	}
	if (method != "MESSAGE") {
		sl_send_reply("405", "Method Not Allowed");
		exit;
	}
	if (!lookup("location")) {
		sl_send_reply("480", "Temporarily Unavailable");
		exit;
	}
	if (!t_relay()) sl_reply_error();
	exit;
}
"#;
