//! `convoke`: the server, its administration, a small instant-messaging client that calls conferences, and the self-test.

mod bench;
mod bridge;
mod call;
mod check;
mod cli;
mod demo;
mod embedded;
mod log;
mod playground;
mod selftest;
mod send;
mod serve;
mod session;
mod site;
mod telephones;
mod user;
mod video;
mod watch;
mod words;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use cli::{Cli, Command};
use server::config::LogSettings;

/// Environment variable with the log level of the commands that are not servers: `debug`, `info,runtime=trace` …
const LOG_VARIABLE: &str = "CONVOKE_LOG";

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // A reader that has gone (`convoke log | head`) is no fault of anybody's.
            if !is_broken_pipe(&error) {
                eprintln!("convoke: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Carries a command out; `false` when what it says about itself was not good.
fn run(command: Command) -> Result<bool> {
    runtime::tls::install_provider();
    begin_log(&command)?;
    let work = async {
        match command {
            Command::Serve(options) => serve::run(options).await,
            Command::Demo(options) => demo::run(options).await,
            Command::Selftest(options) => selftest::run(options).await,
            Command::Check(options) => check::run(&options),
            Command::Call(options) => call::run(options).await,
            Command::Watch(options) => watch::run(options).await,
            Command::Send(options) => send::run(options).await,
            Command::User(options) => user::run(options).await,
            Command::Phones(options) => telephones::run(options).await,
            Command::Log(options) => log::run(options).await,
            Command::Bench(options) => bench::run(options).await,
            Command::Bridge(options) => bridge::run(options).await,
        }
    };
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime does not start")?
        .block_on(work)
}

/// `serve` logs as its configuration says, later; the others only on request, and what goes wrong in the demo.
fn begin_log(command: &Command) -> Result<()> {
    let usual = match command {
        Command::Serve(_) => return Ok(()),
        Command::Demo(_) | Command::Phones(_) => "warn",
        Command::Selftest(_)
        | Command::Check(_)
        | Command::Call(_)
        | Command::Watch(_)
        | Command::Send(_)
        | Command::User(_)
        | Command::Log(_)
        | Command::Bench(_)
        | Command::Bridge(_) => "off",
    };
    let level = std::env::var(LOG_VARIABLE).unwrap_or_else(|_| usual.to_owned());
    let settings = LogSettings {
        level,
        ..LogSettings::default()
    };
    server::logging::begin(&settings).context(LOG_VARIABLE)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
