//! Python programs of `tests/py` in the virtual environment that `make setup` builds from `tests/py/requirements.txt`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use testkit::process::Program;

use super::tests_dir;

/// The interpreter of the virtual environment.
pub fn interpreter() -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("CONVOKE_VENV")
        .map_or_else(|| tests_dir().join("../target/venv"), PathBuf::from)
        .join("bin/python");
    if !path.exists() {
        bail!("{} is not there: run `make setup`", path.display());
    }
    Ok(path)
}

/// Starts a program of `tests/py`.
pub fn start(script: &str, arguments: &[&str]) -> anyhow::Result<Program> {
    start_with(script, arguments, &[])
}

/// The same with these in its environment.
pub fn start_with(
    script: &str,
    arguments: &[&str],
    environment: &[(&str, &Path)],
) -> anyhow::Result<Program> {
    let mut command = Command::new(interpreter()?);
    command
        .arg("-u")
        .arg(tests_dir().join("py").join(script))
        .args(arguments)
        .envs(environment.iter().copied());
    Ok(Program::start(command)?)
}

/// Runs a program of `tests/py` to its end; its last line on standard output is JSON, and it must have exit code 0.
pub fn run(script: &str, arguments: &[&str], limit: Duration) -> anyhow::Result<Value> {
    let program = start(script, arguments)?;
    let status = program.wait_exit(limit)?;
    ensure!(
        status.success(),
        "{}",
        program.unmet(&format!("{script} failed: {status}"))
    );
    let lines = program.lines();
    let last = lines
        .iter()
        .rev()
        .find(|line| line.stdout)
        .context("no output")?;
    serde_json::from_str(&last.text).with_context(|| format!("{script} said {:?}", last.text))
}
