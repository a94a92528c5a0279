//! Debian's Janus as a program that is started for a while: by the demo, benchmarks and tests. It gets a directory with a configuration of
//! its own, in which everything that is not asked for is off.

mod keeper;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;

pub use keeper::keep;

/// How often its start is worth a try: now and then it finds its own transport not ready in time, and ends.
pub const START_TRIES: u32 = 4;

/// Where Debian keeps the program.
const PROGRAM: &str = "/usr/bin/janus";
/// Where Debian keeps its plugins and transports.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/janus",
    "/usr/lib/aarch64-linux-gnu/janus",
];
const VIDEOROOM: &str = "libjanus_videoroom.so";
const AUDIOBRIDGE: &str = "libjanus_audiobridge.so";
const WEBSOCKETS: &str = "libjanus_websockets.so";
const UNIX: &str = "libjanus_pfunix.so";

/// What its AudioBridge is to be like.
#[derive(Debug, Clone)]
pub struct AudioBridge {
    /// Where it receives plain RTP.
    pub local: IpAddr,
    /// Its ports for that.
    pub ports: RangeInclusive<u16>,
    /// A room that is there from the start: its number, at 8 kHz.
    pub room: Option<u32>,
}

/// Where its interface is.
#[derive(Debug, Clone)]
pub enum Interface {
    /// A WebSocket at this address.
    WebSocket(SocketAddr),
    /// A Unix socket (SOCK_SEQPACKET) at this path.
    Unix(PathBuf),
}

/// What it is to be like.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Where everything is that it reads and writes.
    pub directory: PathBuf,
    /// Where its interface is.
    pub interface: Interface,
    /// Whether it forwards pictures.
    pub videoroom: bool,
    /// Whether it mixes sound.
    pub audiobridge: Option<AudioBridge>,
    /// The network interfaces or addresses that browsers are told of; empty: all. Janus never names the loopback.
    pub ice: Vec<String>,
    /// What its interface wants to be shown.
    pub api_secret: Option<String>,
    /// What its VideoRoom and AudioBridge want of who makes rooms, or asks for all that there are.
    pub rooms_key: Option<String>,
    /// Seconds without a word after which it ends a session; 0: never.
    pub session_timeout_s: u32,
}

impl Setup {
    /// Whether it is installed with what this needs.
    pub fn is_installed(&self) -> bool {
        let there = |kind: &str, name: &str| {
            library().is_some_and(|library| library.join(kind).join(name).exists())
        };
        Path::new(PROGRAM).exists()
            && self.plugins().iter().all(|name| there("plugins", name))
            && there("transports", self.transport())
    }

    /// Writes its configuration, and gives the command that starts it.
    ///
    /// # Errors
    /// When it is not installed, or its directory cannot be written to.
    pub fn command(&self) -> io::Result<Command> {
        let library = library().filter(|_| self.is_installed());
        let library = library.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                "Janus is not installed (Debian's `janus`)",
            )
        })?;
        fs::create_dir_all(&self.directory)?;
        let write = |name: &str, text: String| fs::write(self.directory.join(name), text);
        write("janus.jcfg", self.general(&library)?)?;
        match &self.interface {
            Interface::WebSocket(addr) => write(
                "janus.transport.websockets.jcfg",
                format!(
                    "general: {{ json = \"compact\", ws = true, ws_ip = \"{}\", ws_port = {}, wss = false }}\n\
                     admin: {{ admin_ws = false, admin_wss = false }}\n",
                    addr.ip(),
                    addr.port()
                ),
            )?,
            Interface::Unix(path) => write(
                "janus.transport.pfunix.jcfg",
                format!(
                    "general: {{ enabled = true, json = \"compact\", type = \"SOCK_SEQPACKET\", path = {path:?} }}\n\
                     admin: {{ admin_enabled = false }}\n"
                ),
            )?,
        }
        if self.videoroom {
            let key = self.rooms_key.as_ref();
            let key = key.map(|key| format!(", admin_key = {key:?}"));
            let key = key.unwrap_or_default();
            let text = format!("general: {{ events = false{key} }}\n");
            write("janus.plugin.videoroom.jcfg", text)?;
        }
        if let Some(audiobridge) = &self.audiobridge {
            let text = audiobridge.text(self.rooms_key.as_deref());
            write("janus.plugin.audiobridge.jcfg", text)?;
        }
        let mut command = Command::new(PROGRAM);
        command
            .arg("-F")
            .arg(&self.directory)
            .arg("-C")
            .arg(self.directory.join("janus.jcfg"))
            .current_dir(&self.directory);
        Ok(command)
    }

    fn plugins(&self) -> Vec<&'static str> {
        let mut plugins = Vec::new();
        plugins.extend(self.videoroom.then_some(VIDEOROOM));
        plugins.extend(self.audiobridge.as_ref().map(|_| AUDIOBRIDGE));
        plugins
    }

    fn transport(&self) -> &'static str {
        match self.interface {
            Interface::WebSocket(_) => WEBSOCKETS,
            Interface::Unix(_) => UNIX,
        }
    }

    fn general(&self, library: &Path) -> io::Result<String> {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "general: {{ configs_folder = {:?}, plugins_folder = {:?}, transports_folder = {:?}, debug_level = 4, \
             session_timeout = {}",
            self.directory,
            library.join("plugins"),
            library.join("transports"),
            self.session_timeout_s,
        );
        if let Some(secret) = &self.api_secret {
            let _ = writeln!(text, ", api_secret = {secret:?}");
        }
        let _ = writeln!(
            text,
            "}}\nplugins: {{ disable = {:?} }}\ntransports: {{ disable = {:?} }}",
            others(&library.join("plugins"), &self.plugins())?,
            others(&library.join("transports"), &[self.transport()])?,
        );
        if !self.ice.is_empty() {
            let _ = writeln!(
                text,
                "nat: {{ ice_enforce_list = {:?} }}",
                self.ice.join(",")
            );
        }
        Ok(text)
    }
}

impl AudioBridge {
    fn text(&self, key: Option<&str>) -> String {
        let key = key.map(|key| format!(", admin_key = {key:?}"));
        let mut text = format!(
            "general: {{ events = false, local_ip = \"{}\", rtp_port_range = \"{}-{}\"{} }}\n",
            self.local,
            self.ports.start(),
            self.ports.end(),
            key.unwrap_or_default(),
        );
        if let Some(room) = self.room {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "room-{room}: {{ description = \"load\", sampling_rate = 8000, record = false, audiolevel_ext = false, \
                 audiolevel_event = false, allow_rtp_participants = true }}"
            );
        }
        text
    }
}

fn library() -> Option<PathBuf> {
    let mut libraries = LIBRARIES.iter().map(PathBuf::from);
    libraries.find(|path| path.is_dir())
}

/// The names of all libraries of a directory but the wanted ones.
fn others(directory: &Path, wanted: &[&str]) -> io::Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".so") && !wanted.contains(&&*name) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names.join(","))
}
