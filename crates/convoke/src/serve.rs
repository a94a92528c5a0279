//! `convoke serve`.

use std::io::{IsTerminal, Write};

use anyhow::{Context, Result, anyhow};
use server::Server;
use server::config::{self, Config};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Serve;

/// Runs the server until it is asked to stop. `false` when a part failed or did not end as it should.
pub async fn run(options: Serve) -> Result<bool> {
    let mut config = match &options.config {
        Some(path) => config::load(path)?,
        None => Config {
            base: std::env::current_dir().context("the working directory")?,
            ..Config::default()
        },
    };
    if let Some(data) = &options.data {
        config.server.data_dir = std::path::absolute(data)?;
    }
    server::logging::begin(&config.log)?;
    let mut stop = Stop::new()?;
    let data = config.data_dir();
    let server = tokio::select! {
        started = Server::start(config) => started.map_err(|error| anyhow!(
            "the server does not start: {error}\n`convoke check` examines the configuration"
        ))?,
        () = stop.asked() => return Ok(true),
    };
    if options.ready_line {
        ready(&server)?;
    } else if std::io::stdout().is_terminal() {
        println!(
            "Convoke runs for {} with data in {}. Ctrl-C ends it.",
            server.addresses.domain,
            data.display()
        );
    }
    let failed = tokio::select! {
        () = stop.asked() => false,
        () = server.failed() => true,
    };
    let clean = server.shutdown().await;
    if failed {
        return Err(anyhow!("a part of the server failed; its log says which"));
    }
    Ok(clean)
}

/// Tells programs that everything listens, and where.
pub fn ready(server: &Server) -> Result<()> {
    let line = serde_json::json!({ "ready": server.addresses });
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}

/// Waits for Ctrl-C or SIGTERM.
pub async fn stop_asked() {
    match Stop::new() {
        Ok(mut stop) => stop.asked().await,
        // Without signals only SIGKILL is left.
        Err(_) => std::future::pending().await,
    }
}

/// Ctrl-C, SIGTERM and a closed terminal, caught from when this is made.
pub struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Stop {
    /// Begins to catch them.
    pub fn new() -> Result<Self> {
        let catch = |kind| signal(kind).context("signals cannot be caught");
        Ok(Self {
            interrupt: catch(SignalKind::interrupt())?,
            terminate: catch(SignalKind::terminate())?,
            hangup: catch(SignalKind::hangup())?,
        })
    }

    /// Waits for one of them. Cancel-safe.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
