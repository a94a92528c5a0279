//! Debian's Janus with its AudioBridge as a peer: a room at 8 kHz, so that it need not resample, and participants over plain
//! RTP with G.711 A-law. Its API is reached over a Unix socket; every other plugin and transport is off.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use bridges::program::{AudioBridge, Interface, START_TRIES, Setup};
use runtime::clock;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketType};
use rustix::time::Timespec;
use serde_json::{Value, json};

use crate::machine::Server;
use crate::media::PAYLOAD_TYPE;

/// The peer's name in results.
pub const NAME: &str = "janus";
const ROOM: u32 = 1234;
/// How long it may take to start, and to answer.
const START_MAX: Duration = Duration::from_secs(15);
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// So long after its last word it has no more to say.
const QUIET: Duration = Duration::from_millis(500);
/// Requests on their way at once, so that neither side's socket fills.
const PIPELINE: usize = 8;
/// Room for its longest answer: the list of 500 participants.
const ANSWER_MAX_BYTES: usize = 256 * 1024;

/// A running Janus.
pub struct Janus {
    /// Its process.
    pub server: Server,
    socket: OwnedFd,
    session: u64,
    handles: Vec<u64>,
    buffer: Vec<u8>,
}

/// Whether it is installed with what is needed.
pub fn is_installed() -> bool {
    setup(Path::new("")).is_installed()
}

/// Everything that it reads and writes is in this directory.
fn setup(directory: &Path) -> Setup {
    Setup {
        directory: directory.to_owned(),
        interface: Interface::Unix(directory.join("api.sock")),
        videoroom: false,
        audiobridge: Some(AudioBridge {
            local: Ipv4Addr::LOCALHOST.into(),
            ports: 10_000..=31_999,
            room: Some(ROOM),
        }),
        ice: Vec::new(),
        api_secret: None,
        rooms_key: None,
        session_timeout_s: 0,
    }
}

impl Janus {
    /// Starts it on one core with a room; everything that it reads and writes is in `directory`.
    ///
    /// # Errors
    /// When it does not start or answer.
    pub async fn start(directory: &Path, core: usize) -> Result<Self> {
        let setup = setup(directory);
        let api = directory.join("api.sock");
        let log = directory.join("log");
        let mut tries = 1;
        let (server, socket) = loop {
            match launch(&setup, &log, &api, core).await {
                Ok(running) => break running,
                Err(error) if tries >= START_TRIES => return Err(error),
                Err(error) => tracing::warn!(%error, "once more"),
            }
            tries += 1;
            fs::remove_file(&api).or_else(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })?;
        };
        let mut janus = Self {
            server,
            socket,
            session: 0,
            handles: Vec::new(),
            buffer: vec![0; ANSWER_MAX_BYTES],
        };
        janus.send(&json!({ "janus": "create", "transaction": "create" }))?;
        let created = janus.wait(|answer| answer["transaction"] == "create")?;
        janus.session = created["data"]["id"]
            .as_u64()
            .context("Janus gave no session")?;
        Ok(janus)
    }

    /// Lets telephones join the room; `remotes` is where each receives. Gives where Janus receives from each.
    ///
    /// # Errors
    /// When one cannot join.
    pub fn join(&mut self, remotes: &[SocketAddr]) -> Result<Vec<SocketAddr>> {
        let session = self.session;
        let attach = |n: usize| {
            json!({
                "janus": "attach", "session_id": session, "transaction": n.to_string(),
                "plugin": "janus.plugin.audiobridge",
            })
        };
        let attached = self.pipelined(remotes.len(), attach, |answer| {
            (answer["janus"] == "success")
                .then(|| answer["data"]["id"].as_u64())
                .flatten()
        })?;
        let join = |n: usize| {
            let remote = remotes.get(n);
            json!({
                "janus": "message", "session_id": session, "handle_id": attached.get(n),
                "transaction": n.to_string(),
                "body": {
                    "request": "join", "room": ROOM, "codec": "pcma", "display": n.to_string(),
                    "rtp": {
                        "ip": remote.map(|addr| addr.ip().to_string()),
                        "port": remote.map(SocketAddr::port),
                        "payload_type": PAYLOAD_TYPE,
                    },
                },
            })
        };
        let joined = self.pipelined(remotes.len(), join, |answer| {
            let rtp = &answer["plugindata"]["data"]["rtp"];
            let ip = rtp["ip"].as_str()?.parse().ok()?;
            Some(SocketAddr::new(
                ip,
                u16::try_from(rtp["port"].as_u64()?).ok()?,
            ))
        })?;
        self.handles.extend(&attached);
        Ok(joined)
    }

    /// Takes what Janus tells until it has nothing more to say: it tells everybody in the room of each who joins, and while
    /// nobody takes that, nothing is mixed.
    ///
    /// # Errors
    /// When its socket fails.
    pub fn drain(&mut self) -> Result<()> {
        while self.receive(QUIET)?.is_some() {}
        Ok(())
    }

    /// Sends `count` requests, a few at a time, and takes of each answer what `read` finds in it; answers in which it finds
    /// nothing (acknowledgements, news of others) are passed over.
    fn pipelined<T: Clone>(
        &mut self,
        count: usize,
        request: impl Fn(usize) -> Value,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>> {
        let mut found: Vec<Option<T>> = vec![None; count];
        let (mut sent, mut done) = (0, 0);
        while done < count {
            while sent < count && sent - done < PIPELINE {
                self.send(&request(sent))?;
                sent += 1;
            }
            let answer = self.receive(ANSWER_MAX)?.context("Janus does not answer")?;
            let failed =
                answer["janus"] == "error" || !answer["plugindata"]["data"]["error"].is_null();
            ensure!(!failed, "Janus refused: {answer}");
            let transaction = answer["transaction"].as_str();
            let place = transaction.and_then(|text| text.parse::<usize>().ok());
            let Some(place) = place
                .and_then(|n| found.get_mut(n))
                .filter(|place| place.is_none())
            else {
                continue;
            };
            if let Some(value) = read(&answer) {
                *place = Some(value);
                done += 1;
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        loop {
            let answer = self.receive(ANSWER_MAX)?.context("Janus does not answer")?;
            if answer["janus"] == "error" {
                bail!("Janus refused: {answer}");
            }
            if wanted(&answer) {
                return Ok(answer);
            }
        }
    }

    fn send(&self, request: &Value) -> Result<()> {
        rustix::net::send(
            &self.socket,
            request.to_string().as_bytes(),
            SendFlags::empty(),
        )?;
        Ok(())
    }

    fn receive(&mut self, limit: Duration) -> Result<Option<Value>> {
        let deadline: Instant = clock::now() + limit;
        let left = Timespec::try_from(deadline.saturating_duration_since(clock::now()))?;
        let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
        if poll(&mut fds, Some(&left))? == 0 {
            return Ok(None);
        }
        let (_, length) =
            rustix::net::recv(&self.socket, &mut self.buffer[..], RecvFlags::empty())?;
        ensure!(length > 0, "Janus closed its socket");
        let text = self.buffer.get(..length).unwrap_or_default();
        serde_json::from_slice(text)
            .map(Some)
            .map_err(|error| anyhow!("Janus sent no JSON: {error}"))
    }
}

/// Starts the program, and waits until it takes a connection.
async fn launch(setup: &Setup, log: &Path, api: &Path, core: usize) -> Result<(Server, OwnedFd)> {
    let mut command = setup.command()?;
    command
        .stdin(Stdio::null())
        .stdout(fs::File::create(log)?)
        .stderr(Stdio::null());
    let mut server = Server::start(command, core)?;
    let begin = clock::now();
    loop {
        match connect(api) {
            Ok(socket) => return Ok((server, socket)),
            Err(error) => {
                ensure!(
                    server.is_running(),
                    "Janus ended at its start: {}",
                    fs::read_to_string(log).unwrap_or_default()
                );
                ensure!(
                    clock::now() - begin < START_MAX,
                    "Janus does not listen: {error}"
                );
            }
        }
        clock::sleep(Duration::from_millis(20)).await;
    }
}

fn connect(path: &Path) -> Result<OwnedFd> {
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::SEQPACKET, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}
