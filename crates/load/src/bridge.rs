//! The media bridge as a process of its own (`convoke bridge`): its port in JSON lines, commands in, events out.

use std::io::Write;
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use convoke_types::LegKey;
use convoke_types::media::{MediaCommand, MediaEvent};
use tokio::sync::mpsc;

use crate::lines;
use crate::machine::Server;

/// How long nothing may come.
const QUIET_MAX: Duration = Duration::from_secs(20);

/// The running bridge.
pub struct Bridge {
    /// Its process.
    pub server: Server,
    commands: ChildStdin,
    events: mpsc::Receiver<MediaEvent>,
}

impl Bridge {
    /// Starts `program bridge`, which stays on one core.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(mut program: Command, core: usize) -> Result<Self> {
        program
            .arg("bridge")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut server = Server::start(program, core)?;
        let (commands, output) = server.pipes().context("the bridge has no pipes")?;
        let events = lines::read(output)?;
        Ok(Self {
            server,
            commands,
            events,
        })
    }

    /// Gives a command.
    ///
    /// # Errors
    /// When the bridge has ended.
    pub fn command(&mut self, command: &MediaCommand) -> Result<()> {
        let line = serde_json::to_string(command)?;
        writeln!(self.commands, "{line}").context("the bridge has ended")
    }

    /// Offers for a leg; the answer.
    ///
    /// # Errors
    /// When the offer is refused, or nothing comes.
    pub async fn open_web(&mut self, leg: &LegKey, offer: String) -> Result<String> {
        self.command(&MediaCommand::OpenWeb {
            leg: leg.clone(),
            offer,
        })?;
        loop {
            match self.next().await? {
                MediaEvent::OpenedWeb {
                    leg: opened,
                    answer,
                } if opened == *leg => return Ok(answer),
                MediaEvent::Failed { words, .. } => {
                    bail!("the bridge does not take the offer: {words}")
                }
                _ => {}
            }
        }
    }

    /// Takes what it has told, so that it never waits.
    pub fn drain(&mut self) {
        while self.events.try_recv().is_ok() {}
    }

    async fn next(&mut self) -> Result<MediaEvent> {
        let event = tokio::time::timeout(QUIET_MAX, self.events.recv());
        let event = event
            .await
            .map_err(|_| anyhow!("the bridge says nothing"))?;
        event.context("the bridge has ended")
    }
}
