//! sipp as somebody's telephone that registers with what it can, over UDP, and takes its registration back
//! (`tests/peers/sipp/register.xml`).

use std::net::SocketAddr;
use std::process::Command;

use testkit::GIVE_UP;
use testkit::ports::{self, Ports};
use testkit::process::Program;

use super::fill;

/// How long it wants to be registered, in seconds.
const EXPIRES_S: u32 = 600;

/// A telephone of another make.
pub struct Registrant {
    server: SocketAddr,
    domain: String,
    user: String,
    password: String,
    can: String,
    sip: Ports,
}

impl Registrant {
    /// Somebody's, by user part and password of their device; `can`: parameters of its Contact, such as `;audio`.
    pub fn new(
        server: SocketAddr,
        domain: &str,
        (user, password): (&str, &str),
        can: &str,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            server,
            domain: domain.to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
            can: can.to_owned(),
            sip: ports::reserve()?,
        })
    }

    /// Registers, and has been answered 200.
    pub fn register(&self) -> anyhow::Result<()> {
        self.run(EXPIRES_S)
    }

    /// Takes the registration back, and has been answered 200.
    pub fn leave(&self) -> anyhow::Result<()> {
        self.run(0)
    }

    fn run(&self, expires_s: u32) -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let Self { user, password, .. } = self;
        let digest = format!("[authentication username={user} password={password}]");
        let fields = format!("SEQUENTIAL\n{digest};\n");
        std::fs::write(dir.path().join("digest.csv"), fields)?;
        let words = [
            ("DOMAIN", &*self.domain),
            ("USER", user),
            ("CAN", &self.can),
            ("EXPIRES", &expires_s.to_string()),
        ];
        fill(
            "sipp/register.xml",
            &words,
            &dir.path().join("register.xml"),
        )?;
        let mut command = Command::new("sipp");
        command.current_dir(dir.path()).arg(self.server.to_string());
        command.args(["-sf", "register.xml", "-inf", "digest.csv", "-m", "1"]);
        command.args(["-i", "127.0.0.1", "-p", &self.sip.first().to_string()]);
        command.args(["-t", "u1", "-nostdin", "-skip_rlimit"]);
        command.args(["-trace_err", "-error_file", "errors.log"]);
        let program = Program::start(command)?;
        let status = program.wait_exit(GIVE_UP)?;
        let errors = std::fs::read_to_string(dir.path().join("errors.log"));
        anyhow::ensure!(status.success(), "{status}: {}", errors.unwrap_or_default());
        Ok(())
    }
}
