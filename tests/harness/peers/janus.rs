//! Debian's Janus as a video server, and as a mixer of sound.

use std::net::IpAddr;

use bridges::program::{AudioBridge, Interface, START_TRIES, Setup};
use serde_json::Value;
use tempfile::TempDir;
use testkit::GIVE_UP;
use testkit::ports::{self, Ports};
use testkit::process::Program;
use testkit::ws_relay::WsRelay;

use crate::config::Config;

/// The secret of its interface.
pub const API_SECRET: &str = "sesame";

/// What it wants to be shown by who makes rooms, or asks for all.
pub const ROOMS_KEY: &str = "open the rooms";

/// A running Janus.
pub struct Janus {
    program: Program,
    setup: Setup,
    /// Its interface: it cannot choose a port by itself, and comes back to this one after a crash.
    interface: Ports,
    /// Stands before its interface.
    relay: Option<WsRelay>,
    _rtp: Option<Ports>,
    _dir: TempDir,
}

/// Ports of one that mixes; a leg needs two.
const RTP_PORTS: u16 = 64;

impl Janus {
    /// Starts one whose browsers reach it at this address, and waits until its interface is open.
    ///
    /// # Errors
    /// When it is not installed, or does not start.
    pub fn start(browsers: IpAddr) -> anyhow::Result<Self> {
        Self::start_with(Some(browsers), None)
    }

    /// Starts one that mixes sound and has no pictures.
    ///
    /// # Errors
    /// When it is not installed, or does not start.
    pub fn mixer() -> anyhow::Result<Self> {
        Self::start_with(None, Some(ports::reserve_run(RTP_PORTS)?))
    }

    /// Starts one that does both.
    ///
    /// # Errors
    /// When it is not installed, or does not start.
    pub fn both(browsers: IpAddr) -> anyhow::Result<Self> {
        Self::start_with(Some(browsers), Some(ports::reserve_run(RTP_PORTS)?))
    }

    fn start_with(browsers: Option<IpAddr>, rtp: Option<Ports>) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let interface = ports::reserve()?;
        let setup = Setup {
            directory: dir.path().to_owned(),
            interface: Interface::WebSocket(interface.addr()),
            videoroom: browsers.is_some(),
            audiobridge: rtp.as_ref().map(|rtp| AudioBridge {
                local: rtp.addr().ip(),
                ports: rtp.first()..=rtp.last(),
                room: None,
            }),
            ice: browsers.iter().map(IpAddr::to_string).collect(),
            api_secret: Some(API_SECRET.into()),
            rooms_key: Some(ROOMS_KEY.into()),
            session_timeout_s: 60,
        };
        let program = run(&setup)?;
        Ok(Self {
            program,
            setup,
            interface,
            relay: None,
            _rtp: rtp,
            _dir: dir,
        })
    }

    /// What it says of itself (`server_info`) is told otherwise from now on: as one of another version, or with other plugins.
    ///
    /// # Errors
    /// When no socket can be had.
    pub fn pretend(
        mut self,
        change: impl Fn(&mut Value) + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let relay = WsRelay::start(self.interface.addr(), move |text| {
            let mut said: Value = serde_json::from_str(text).unwrap_or_default();
            if said["janus"] != "server_info" {
                return text.to_owned();
            }
            change(&mut said);
            said.to_string()
        })?;
        self.relay = Some(relay);
        Ok(self)
    }

    /// Where its WebSocket API is.
    pub fn url(&self) -> String {
        let relay = self.relay.as_ref();
        let at = relay.map_or_else(|| self.interface.addr(), WsRelay::near);
        format!("ws://{at}")
    }

    /// Has it commanded by an adapter of this configuration, which is commanded itself where it listens.
    #[must_use]
    pub fn commanded_by(&self, config: Config, listen: &str) -> Config {
        config
            .set("janus", "listen", listen)
            .set("janus", "url", self.url())
            .set("janus", "api_secret", API_SECRET)
            .set("janus", "admin_key", ROOMS_KEY)
    }

    /// The program, for its lines and signals.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Ends it as a crash would (SIGKILL).
    ///
    /// # Errors
    /// When it does not end.
    pub fn crash(&self) -> anyhow::Result<()> {
        self.program.kill();
        self.program.wait_exit(GIVE_UP)?;
        Ok(())
    }

    /// Starts it anew where it was.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.program = run(&self.setup)?;
        Ok(())
    }
}

fn run(setup: &Setup) -> anyhow::Result<Program> {
    let mut tries = 1;
    loop {
        match run_once(setup) {
            Err(error) if tries < START_TRIES => println!("Janus is started again: {error:#}"),
            result => return result,
        }
        tries += 1;
    }
}

fn run_once(setup: &Setup) -> anyhow::Result<Program> {
    let program = Program::start(setup.command()?)?;
    program.wait_line("that its WebSocket is open", |line| {
        line.text.contains("WebSockets thread started")
    })?;
    Ok(program)
}
