//! The binary: reads the command line and runs one command.

mod cli;
mod embedded;
mod selftest;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("convoke: the system gives no threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli.command)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("convoke: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the command; `false` when it says itself what did not hold.
async fn run(command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Selftest(options) => selftest::run(options).await,
        _ => anyhow::bail!("not in this build"),
    }
}
