//! The binary under test, as an operator runs it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, ensure};
use serde_json::Value;
use tempfile::TempDir;
use testkit::GIVE_UP;
use testkit::ports::Ports;
use testkit::process::Program;

use crate::config::Config;
use crate::netns::Bare;
use crate::peers::tests_dir;

/// The binary: `CONVOKE_BIN` (which `make test` sets), or built here once by cargo.
pub fn binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY
        .get_or_init(|| {
            std::env::var_os("CONVOKE_BIN")
                .map_or_else(|| build().expect("convoke builds"), PathBuf::from)
        })
        .clone()
}

fn build() -> anyhow::Result<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .args(["build", "-q", "-p", "convoke", "--message-format=json"])
        .current_dir(tests_dir())
        .output()?;
    ensure!(
        output.status.success(),
        "building convoke failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "convoke")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo built no executable")
}

/// A command of the binary.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments);
    command
}

/// A running `convoke serve` or `convoke demo`.
pub struct Convoke {
    program: Program,
    ready: Value,
    place: Place,
}

/// Where an installation lives: it outlasts a crash, so that a restart finds what was there.
pub struct Place {
    dir: TempDir,
    _rtp: Option<Ports>,
}

/// A directory in memory where there is one: builds beside the tests can keep a disk busy for so many seconds that every
/// acknowledgement waits. What a killed *process* leaves is the same on both.
fn place() -> std::io::Result<TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

/// For a command with mounts that nobody else sees.
fn own_mounts() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private"]);
    command
}

/// Whether this machine lets us have mounts of our own.
pub fn may_have_own_mounts() -> bool {
    let tried = own_mounts().arg("true").output();
    tried.is_ok_and(|tried| tried.status.success())
}

impl Place {
    /// A fresh one with this configuration.
    fn of(config: Config) -> anyhow::Result<Self> {
        let dir = place()?;
        let (text, rtp) = config.finish();
        std::fs::write(dir.path().join("convoke.toml"), text)?;
        Ok(Self {
            dir,
            _rtp: Some(rtp),
        })
    }
}

fn serve(place: &Place) -> Command {
    let hosts = place.dir.path().join("hosts");
    let mut command = if hosts.exists() {
        let mut command = own_mounts();
        let with_hosts = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
        command.args(["sh", "-c", with_hosts]);
        command.arg(hosts).arg(binary());
        command
    } else {
        Command::new(binary())
    };
    command.args(["serve", "--ready-line", "--config"]);
    command.arg(place.dir.path().join("convoke.toml"));
    command
}

impl Convoke {
    /// Starts it with this configuration and a fresh data directory, and waits until everything listens.
    pub fn start(config: Config) -> anyhow::Result<Self> {
        Self::restart(Place::of(config)?)
    }

    /// Starts it in a network that has nothing but what the test puts there.
    pub fn start_in(network: &Bare, config: Config) -> anyhow::Result<Self> {
        let place = Place::of(config)?;
        Self::run(network.own(&serve(&place)), place)
    }

    /// Starts it where names lead to other addresses: with an `/etc/hosts` of its own, in a mount namespace of its own.
    pub fn start_with_hosts(config: Config, hosts: &str) -> anyhow::Result<Self> {
        let place = Place::of(config)?;
        std::fs::write(place.dir.path().join("hosts"), hosts)?;
        Self::restart(place)
    }

    /// Starts it again where it was before.
    pub fn restart(place: Place) -> anyhow::Result<Self> {
        Self::run(serve(&place), place)
    }

    /// Starts the demo: its people, and its simulated telephones behind the trunk.
    pub fn demo() -> anyhow::Result<Self> {
        let place = Place {
            dir: place()?,
            _rtp: None,
        };
        Self::run(command(&["demo", "--any-ports", "--ready-line"]), place)
    }

    fn run(mut command: Command, place: Place) -> anyhow::Result<Self> {
        command.arg("--data").arg(place.dir.path().join("data"));
        let program = Program::start(command)?;
        let line = program.wait_line("its ready line", |line| {
            line.stdout && line.text.starts_with("{\"ready\"")
        })?;
        let mut ready: Value = serde_json::from_str(&line.text)?;
        Ok(Self {
            program,
            ready: ready["ready"].take(),
            place,
        })
    }

    /// The first bound address of this name in the ready line: `sip_udp`, `sip_tcp`, `sip_tls`, `trunk_udp`, `http` …
    pub fn addr(&self, name: &str) -> anyhow::Result<SocketAddr> {
        let entry = &self.ready[name];
        let first = entry.get(0).unwrap_or(entry);
        first
            .as_str()
            .and_then(|text| text.parse().ok())
            .with_context(|| format!("no address {name} in {}", self.ready))
    }
    /// Everything of the ready line.
    pub fn ready(&self) -> &Value {
        &self.ready
    }
    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.place.dir.path().join("data")
    }
    /// The program, for its lines, signals and end.
    pub fn program(&self) -> &Program {
        &self.program
    }
    /// Runs another command of the binary on the same data directory (`user`, `call`, `log` …).
    pub fn command(&self, arguments: &[&str]) -> anyhow::Result<Program> {
        let mut command = command(arguments);
        command.arg("--data").arg(self.data());
        Ok(Program::start(command)?)
    }
    /// Ends it as a crash would (SIGKILL).
    pub fn crash(self) -> anyhow::Result<Place> {
        self.program.kill();
        self.program.wait_exit(GIVE_UP)?;
        Ok(self.place)
    }
    /// Asks it to end (SIGTERM), and gives its exit code once it has.
    pub fn stop(self) -> anyhow::Result<(Option<i32>, Place)> {
        self.program.terminate();
        let status = self.program.wait_exit(GIVE_UP)?;
        Ok((status.code(), self.place))
    }
}
