//! A Janus that runs for as long as it is wanted: started anew when it ends by itself, and gone with this process, however that ends.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use runtime::clock;
use runtime::tasks::Tasks;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use super::{START_TRIES, Setup};

/// How long it may take until its interface is open.
const START_MAX: Duration = Duration::from_secs(15);
/// After so long it is tried again to start one that does not.
const START_AGAIN: Duration = Duration::from_secs(5);
/// What it says when its interface is open.
const OPEN: &str = "WebSockets thread started";
/// Of util-linux: has the kernel end a program with the one that started it.
const LEASH: &str = "/usr/bin/setpriv";

/// Starts one with a WebSocket as its interface, and is done when that is open. A task of the group keeps it from then on.
///
/// # Errors
/// When it is not installed, or does not start.
pub async fn keep(setup: Setup, tasks: &Tasks) -> io::Result<()> {
    let mut running = start(&setup).await?;
    let shutdown = tasks.shutdown_token().clone();
    tasks.spawn("janus", async move {
        let kept = async {
            loop {
                running.until_end().await;
                tracing::warn!("Janus has ended; it is started again");
                running = started(&setup).await;
            }
        };
        // What still runs is killed when it is dropped; who commands it has ended before.
        let _: Option<std::convert::Infallible> = shutdown.unless_cancelled(kept).await;
    });
    Ok(())
}

/// A program and what it says.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// Waits until it ends. What it says meanwhile is taken and forgotten, so that it need not wait for a reader.
    async fn until_end(&mut self) {
        // That need not be text.
        let mut nowhere = tokio::io::sink();
        if let Err(error) = tokio::io::copy(self.lines.get_mut(), &mut nowhere).await {
            tracing::warn!(%error, "what Janus says cannot be read");
        }
        if let Err(error) = self.child.wait().await {
            tracing::warn!(%error, "it is not known how Janus has ended");
        }
    }
}

/// Starts it, however often that takes.
async fn started(setup: &Setup) -> Running {
    loop {
        match start(setup).await {
            Ok(running) => return running,
            Err(error) => tracing::warn!(%error, "Janus is started again later"),
        }
        clock::sleep(START_AGAIN).await;
    }
}

async fn start(setup: &Setup) -> io::Result<Running> {
    let mut tries = 1;
    loop {
        match start_once(setup).await {
            Err(error) if tries < START_TRIES && error.kind() != io::ErrorKind::NotFound => {
                tracing::info!(%error, "Janus is started once more");
            }
            result => return result,
        }
        tries += 1;
    }
}

async fn start_once(setup: &Setup) -> io::Result<Running> {
    let mut command = tokio::process::Command::from(leashed(&setup.command()?));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // What is typed to end us must not end it before those who command it have taken leave.
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    let stdout = child.stdout.take();
    let stdout = stdout.ok_or_else(|| io::Error::other("Janus has no output"))?;
    let mut running = Running {
        child,
        lines: BufReader::new(stdout).lines(),
    };
    let opened = clock::within(START_MAX, async {
        let mut last = String::new();
        while let Some(line) = running.lines.next_line().await? {
            if line.contains(OPEN) {
                return Ok(());
            }
            last = line;
        }
        let words = format!("Janus ended at its start; it last said: {last}");
        Err(io::Error::other(words))
    });
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "Janus does not open its interface");
    opened.await.map_err(late)??;
    Ok(running)
}

/// The same program, ended by the kernel when the thread that starts it ends (those of the runtime last as long as it does); where nothing
/// can do that, as it is.
fn leashed(command: &Command) -> Command {
    let mut leashed = match Path::new(LEASH).exists() {
        true => {
            let mut leash = Command::new(LEASH);
            leash.args(["--pdeathsig", "KILL", "--"]);
            leash.arg(command.get_program());
            leash
        }
        false => Command::new(command.get_program()),
    };
    leashed.args(command.get_args());
    if let Some(directory) = command.get_current_dir() {
        leashed.current_dir(directory);
    }
    leashed
}
