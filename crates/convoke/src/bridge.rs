//! `convoke bridge`: the media bridge alone, its port in JSON lines on standard input and output. Benchmarks measure it so.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use convoke_types::media::{MediaCommand, MediaEvent};
use media::{CommandError, Config, Engine};
use runtime::clock;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::cli::Bridge;

/// Tries of a command that finds the media thread busy, and the pause between.
const TRIES: u32 = 400;
const PAUSE: Duration = Duration::from_millis(5);

/// Runs until standard input ends.
pub async fn run(options: Bridge) -> Result<bool> {
    // A leg has a socket or two.
    runtime::files::raise_open_files_limit();
    let config = Config {
        threads: options.threads,
        pin: false,
        bind_ip: options.bind,
        tcp_port: options.tcp_port,
        ..Config::default()
    };
    let (engine, events) = Engine::start(&config)?;
    let mut events = events.into_async()?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        tokio::select! {
            line = lines.next_line() => {
                let Some(line) = line? else { break };
                let command = serde_json::from_str(&line);
                let command = command.with_context(|| format!("expected a media command, came {line:?}"))?;
                carry_out(&engine, command).await?;
            }
            event = events.next() => match event {
                Some(event) => tell(&event)?,
                None => break,
            },
        }
    }
    tokio::task::spawn_blocking(move || engine.stop()).await?;
    Ok(true)
}

async fn carry_out(engine: &Engine, command: MediaCommand) -> Result<()> {
    for _ in 0..TRIES {
        match engine.command(command.clone()) {
            Ok(()) => return Ok(()),
            Err(CommandError::Overloaded) => clock::sleep(PAUSE).await,
        }
    }
    bail!("the media thread does not keep up")
}

fn tell(event: &MediaEvent) -> Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, event)?;
    writeln!(out)?;
    Ok(out.flush()?)
}
