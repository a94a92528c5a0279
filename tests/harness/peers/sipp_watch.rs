//! sipp as a client that watches: it subscribes to one event of one address and takes what it is told
//! (`tests/peers/sipp/watch.xml`).

use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;
use testkit::peer::Spoken;
use testkit::ports::{self, Ports};
use testkit::process::Program;
use testkit::sip_text::SipText;

use super::{fill, sipp};

/// Who watches what.
#[derive(Debug, Clone, Copy)]
pub struct Watch<'a> {
    /// User part of the watcher's address.
    pub user: &'a str,
    /// Their password.
    pub password: &'a str,
    /// The address that is watched.
    pub target: &'a str,
    /// The event package.
    pub event: &'a str,
    /// The type of its documents.
    pub accept: &'a str,
}

/// A running watcher.
pub struct Watcher {
    program: Program,
    _sip: Ports,
    dir: TempDir,
    lines: usize,
}

impl Watcher {
    /// Starts one at a server, over TCP. It says of itself to be alice, which must not help it.
    pub fn start(server: SocketAddr, domain: &str, watch: Watch<'_>) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let sip = ports::reserve()?;
        let Watch { user, password, .. } = watch;
        let digest = format!("[authentication username={user} password={password}]");
        std::fs::write(
            dir.path().join("digest.csv"),
            format!("SEQUENTIAL\n{digest};\n"),
        )?;
        let words = [
            ("DOMAIN", domain),
            ("USER", user),
            ("TARGET", watch.target),
            ("EVENT", watch.event),
            ("ACCEPT", watch.accept),
        ];
        fill("sipp/watch.xml", &words, &dir.path().join("watch.xml"))?;
        let mut command = Command::new("sipp");
        command.current_dir(dir.path()).arg(server.to_string());
        command.args(["-sf", "watch.xml", "-inf", "digest.csv", "-m", "1"]);
        command.args(["-i", "127.0.0.1", "-p", &sip.first().to_string()]);
        command.args(["-t", "t1", "-nostdin", "-skip_rlimit"]);
        command.args(["-trace_msg", "-message_file", "messages.log"]);
        command.args(["-trace_err", "-error_file", "errors.log"]);
        command.env("TZ", "UTC");
        Ok(Self {
            program: Program::start(command)?,
            _sip: sip,
            dir,
            lines: 0,
        })
    }

    /// Waits until what it was told so far fits, and gives it: the notifications, oldest first.
    pub fn wait(
        &mut self,
        what: &str,
        fits: impl Fn(&[SipText]) -> bool,
    ) -> anyhow::Result<Vec<SipText>> {
        loop {
            let told = self.told();
            if fits(&told) {
                return Ok(told);
            }
            self.event(what, "watch-event")?;
        }
    }

    /// Waits until its subscription is refused with 404.
    pub fn refused(&mut self) -> anyhow::Result<()> {
        self.event("that it is refused", "watch-event refused")
    }

    /// Waits until it may watch.
    pub fn subscribed(&mut self) -> anyhow::Result<()> {
        self.event("that it may watch", "watch-event subscribed")
    }

    fn event(&mut self, what: &str, words: &str) -> anyhow::Result<()> {
        let heard = self
            .program
            .wait_line_from(self.lines, what, |line| line.text.contains(words));
        let (lines, _) = heard.map_err(|error| {
            let errors = std::fs::read_to_string(self.dir.path().join("errors.log"));
            let said: Vec<_> = self.messages().into_iter().map(|m| m.message).collect();
            anyhow::anyhow!("{error}\n{}\n{said:#?}", errors.unwrap_or_default())
        })?;
        self.lines = lines;
        Ok(())
    }

    fn told(&self) -> Vec<SipText> {
        let all = self.messages().into_iter();
        all.filter(|spoken| !spoken.sent && spoken.message.method() == Some("NOTIFY"))
            .map(|spoken| spoken.message)
            .collect()
    }

    fn messages(&self) -> Vec<Spoken> {
        sipp::logged(self.dir.path())
    }
}
