//! A person whose client library (`web/packages/client`, under Node) follows a conference: `bench/follow.mjs`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use runtime::clock;
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::lines;
use crate::machine::Server;

/// Where the program and the library that it loads are, from the sources' directory.
const PROGRAM: &str = "bench/follow.mjs";
const LIBRARY: &str = "web/packages/client/dist/convoke.js";
/// How long signing in and the first document may take.
const START_MAX: Duration = Duration::from_secs(20);

/// What it writes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Following {},
    Joined(Joined),
}

/// The library told that somebody is in.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Joined {
    /// Id on the roster.
    pub participant: String,
    unix_ms: f64,
}

impl Joined {
    /// When it was told.
    pub fn at(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs_f64(self.unix_ms / 1e3)
    }
}

/// The running library; killed when it is dropped.
#[derive(Debug)]
pub struct Follower {
    lines: mpsc::Receiver<Line>,
    _process: Server,
}

impl Follower {
    /// Signs in at `server` (`http://…`) and follows a conference, on one core.
    ///
    /// # Errors
    /// When Node or the library is not there, or the server refuses.
    pub async fn start(
        [server, user, password, conference]: [&str; 4],
        core: usize,
    ) -> Result<Self> {
        ensure!(
            Path::new(PROGRAM).exists() && Path::new(LIBRARY).exists(),
            "it runs in the directory of the sources, after `npm --prefix web run build -w packages/client`"
        );
        let mut node = Command::new("node");
        node.args([PROGRAM, server, user, password, conference])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = Server::start(node, core)?;
        let (_, output) = process.pipes().context("node has no pipes")?;
        let mut lines = lines::read(output)?;
        match clock::within(START_MAX, lines.recv()).await {
            Ok(Some(Line::Following {})) => Ok(Self {
                lines,
                _process: process,
            }),
            Ok(_) => bail!("the client library does not follow the conference"),
            Err(_) => bail!("the client library does not follow within {START_MAX:?}"),
        }
    }

    /// The next one who came in.
    ///
    /// # Errors
    /// When nobody does within `limit`, or the program has ended.
    pub async fn joined(&mut self, limit: Duration) -> Result<Joined> {
        match clock::within(limit, self.lines.recv()).await {
            Ok(Some(Line::Joined(joined))) => Ok(joined),
            Ok(_) => bail!("the client library has ended"),
            Err(_) => bail!("the client library tells of nobody within {limit:?}"),
        }
    }
}
