//! `convoke serve`.

use std::io::{IsTerminal, Write};

use anyhow::{Context, Result, anyhow};
use server::config::{self, Config};
use server::{AllocatorAlone, Server};
use tokio::signal::unix::{Signal, SignalKind, signal};

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
    if AllocatorAlone::is_wanted(&config) {
        return allocator_alone(config, options.ready_line, stop).await;
    }
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

/// The video allocator by itself: it has no addresses that others need.
async fn allocator_alone(config: Config, ready_line: bool, mut stop: Stop) -> Result<bool> {
    let allocator = AllocatorAlone::start(config).await;
    let allocator =
        allocator.map_err(|error| anyhow!("the video allocator does not start: {error}"))?;
    if ready_line {
        say(&serde_json::json!({ "ready": {} }))?;
    }
    let failed = tokio::select! {
        () = stop.asked() => false,
        () = allocator.failed() => true,
    };
    let clean = allocator.shutdown().await;
    if failed {
        return Err(anyhow!("the video allocator failed; its log says why"));
    }
    Ok(clean)
}

/// Tells programs that everything listens, and where.
pub fn ready(server: &Server) -> Result<()> {
    say(&serde_json::json!({ "ready": server.addresses }))
}

fn say(line: &serde_json::Value) -> Result<()> {
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
    interrupt: Signal,
    terminate: Signal,
    /// `None`: whoever started us (nohup) wants us to outlive the terminal.
    hangup: Option<Signal>,
}

impl Stop {
    /// Begins to catch them.
    pub fn new() -> Result<Self> {
        let catch = |kind| signal(kind).context("signals cannot be caught");
        Ok(Self {
            interrupt: catch(SignalKind::interrupt())?,
            terminate: catch(SignalKind::terminate())?,
            hangup: match ignores_hangup() {
                true => None,
                false => Some(catch(SignalKind::hangup())?),
            },
        })
    }

    /// Waits for one of them. Cancel-safe.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = hung_up(self.hangup.as_mut()) => {}
        }
    }
}

async fn hung_up(hangup: Option<&mut Signal>) {
    match hangup {
        Some(hangup) => {
            hangup.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether SIGHUP was ignored when we were started.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored(&status).is_some_and(|signals| signals & 1 != 0)
}

/// The ignored signals in the text of `/proc/PID/status`, the first in the lowest bit (proc(5)).
fn ignored(status: &str) -> Option<u64> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        assert_eq!(
            ignored("Name:\tconvoke\nSigIgn:\t0000000000001001\nx"),
            Some(0x1001)
        );
        assert_eq!(ignored("Name:\tconvoke\n"), None);
    }
}
