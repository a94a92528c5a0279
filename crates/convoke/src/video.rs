//! The demo's video server: a Janus of its own, where one is installed.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use bridges::program::{self, Interface, Setup};
use runtime::tasks::{Shutdown, Tasks};
use runtime::{probe, seed};
use server::config::{Config, Part, Secret, VideoServerSettings};
use tempfile::TempDir;

/// How long it may take to end.
const END: Duration = Duration::from_secs(5);
/// After so long without a word Janus forgets a session, and what it made.
const SESSION_TIMEOUT_S: u32 = 60;

/// Why there is no video; the rest works without.
#[derive(Debug, thiserror::Error)]
pub enum Absent {
    /// There is no Janus.
    #[error("no video: Janus is not installed (apt install janus)")]
    NotInstalled,
    /// Browsers could not reach it: it never names the loopback.
    #[error("no video: it needs an address that is not the loopback's, and this machine has none")]
    NoAddress,
    /// It is there, but does not run.
    #[error("no video: {0}")]
    NotStarted(String),
}

/// A running Janus.
pub struct VideoServer {
    interface: SocketAddr,
    api_secret: String,
    rooms_key: String,
    tasks: Tasks,
    /// All that it reads and writes.
    _directory: TempDir,
}

impl VideoServer {
    /// Starts it where that can be done.
    pub async fn start() -> Result<Self, Absent> {
        let own = probe::own_address().ok_or(Absent::NoAddress)?;
        Self::start_at(own)
            .await
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => Absent::NotInstalled,
                _ => Absent::NotStarted(error.to_string()),
            })
    }

    /// With this address for browsers.
    async fn start_at(own: Ipv4Addr) -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        // It cannot choose a port by itself.
        let interface = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let secret = || seed::secret_hex().map_err(io::Error::other);
        let (api_secret, rooms_key) = (secret()?, secret()?);
        let setup = Setup {
            directory: directory.path().to_owned(),
            interface: Interface::WebSocket(interface),
            videoroom: true,
            audiobridge: None,
            ice: vec![own.to_string()],
            api_secret: Some(api_secret.clone()),
            rooms_key: Some(rooms_key.clone()),
            session_timeout_s: SESSION_TIMEOUT_S,
        };
        let tasks = Tasks::new(Shutdown::new());
        program::keep(setup, &tasks).await?;
        Ok(Self {
            interface,
            api_secret,
            rooms_key,
            tasks,
            _directory: directory,
        })
    }

    /// Has the server command it, and take requests for video conferences.
    pub fn serve(&self, config: &mut Config) {
        config.server.roles.extend([Part::Janus, Part::Allocator]);
        config.janus.url = format!("ws://{}", self.interface);
        config.janus.api_secret = Some(Secret::literal(&self.api_secret));
        config.janus.admin_key = Some(Secret::literal(&self.rooms_key));
        config.video_server = vec![VideoServerSettings {
            name: "janus".to_owned(),
            ..VideoServerSettings::default()
        }];
    }

    /// Ends it. `false` when it did not end as it should.
    pub async fn shutdown(self) -> bool {
        self.tasks.finish(END).await.is_ok()
    }
}
