//! The binary under test, as an operator runs it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, ensure};
use serde_json::Value;
use tempfile::TempDir;
use testkit::process::Program;

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

/// A running `convoke serve`.
pub struct Convoke {
    program: Program,
    ready: Value,
    dir: TempDir,
}

impl Convoke {
    /// Starts it with this configuration and a fresh data directory; `@DIR@` in the configuration is a directory of its own.
    pub fn start(config: &str) -> anyhow::Result<Self> {
        Self::start_in(tempfile::tempdir()?, config)
    }

    /// The same in a directory that was used before: a restart.
    pub fn start_in(dir: TempDir, config: &str) -> anyhow::Result<Self> {
        let file = dir.path().join("convoke.toml");
        std::fs::write(
            &file,
            config.replace("@DIR@", &dir.path().to_string_lossy()),
        )?;
        let mut command = command(&["serve", "--ready-line", "--config"]);
        command
            .arg(&file)
            .arg("--data")
            .arg(dir.path().join("data"));
        let program = Program::start(command)?;
        let line = program.wait_line("its ready line", |line| {
            line.stdout && line.text.starts_with("{\"ready\"")
        })?;
        let mut ready: Value = serde_json::from_str(&line.text)?;
        Ok(Self {
            program,
            ready: ready["ready"].take(),
            dir,
        })
    }

    /// A bound address of the ready line: `im_udp`, `im_tcp`, `im_tls`, `http`, …
    pub fn addr(&self, name: &str) -> anyhow::Result<SocketAddr> {
        self.ready[name]
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
        self.dir.path().join("data")
    }
    /// Its directory: configuration, data.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
    /// The program, for its lines, signals and end.
    pub fn program(&self) -> &Program {
        &self.program
    }
    /// Ends it as a crash would, and gives its directory for a restart.
    pub fn crash(self) -> TempDir {
        self.program.kill();
        drop(self.program);
        self.dir
    }
}
