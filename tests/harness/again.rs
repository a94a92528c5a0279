//! Runs a test of this binary once more, in a process of its own: in another network namespace, or with the right to be on time.

use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::ensure;
use testkit::process::Program;

use crate::convoke::binary;

/// Tells the process that it is the one, and what it is to know.
const INSIDE: &str = "CONVOKE_TEST_AGAIN";
/// How long it may take in all.
const TEST_MAX: Duration = Duration::from_secs(240);
/// Before the programs of everybody else; the kernel leaves those a twentieth of the time all the same.
const ON_TIME: [&str; 3] = ["chrt", "-r", "5"];

/// What the process that ran this one again said, if this is such a one.
pub fn inside() -> Option<String> {
    std::env::var(INSIDE).ok()
}

/// Runs the test of this path (as cargo prints it) by this command, on time where that is allowed; gives what it printed.
pub fn run(by: &[&str], path: &str, word: &str) -> anyhow::Result<String> {
    let mut words: Vec<&str> = by.to_vec();
    if may_be_on_time() {
        words.extend(ON_TIME);
    }
    let itself = std::env::current_exe()?;
    let itself = itself.to_string_lossy();
    words.push(&itself);
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .args([path, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, word)
        .env("CONVOKE_BIN", binary());
    let program = Program::start(command)?;
    let status = program.wait_exit(TEST_MAX)?;
    let lines = program.lines().into_iter().map(|line| line.text);
    let said = lines.collect::<Vec<_>>().join("\n");
    ensure!(status.success(), "{path} failed:\n{said}");
    // Of a path that names none it says that all is well.
    ensure!(said.contains("1 passed"), "{path} is no test:\n{said}");
    Ok(said)
}

/// Runs a test that judges sound, or moments that lie close together, with all the programs that it starts, on time: telephones and browsers
/// make and take it by the clock, and what a machine that is busy with other tests takes from them would be measured as if it were ours. Least
/// of all may another test run on time meanwhile, which leaves those that do not a twentieth of the machine. Where that is not allowed (it
/// wants root), the test runs as it is.
pub fn on_time(path: &str, test: impl FnOnce()) {
    if inside().is_some() || !may_be_on_time() {
        return test();
    }
    let _alone = alone();
    match run(&[], path, "on time") {
        Ok(said) => println!("{said}"),
        Err(error) => panic!("{error:#}"),
    }
}

/// Waits until no other test has this: those that judge sound or moments, and those with a browser, which take a small machine whole.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    // Who panicked with it has failed, and left nothing behind.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn may_be_on_time() -> bool {
    let tried = Command::new(ON_TIME[0])
        .args(&ON_TIME[1..])
        .arg("true")
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}
