//! Linphone as somebody's IM client. Its console client registers and watches friends; its library (`tests/py/linphone.py`) chats, with the
//! notices that the console does not send.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::process::Program;

use super::python;

/// How often it is asked whether it is registered, at most, and at what pace.
const ASK_TRIES_MAX: usize = 400;
const ASK_EVERY: Duration = Duration::from_millis(25);

/// A running linphonec.
pub struct Linphone {
    program: Program,
    next: usize,
    dir: TempDir,
}

impl Linphone {
    /// Starts one as a device of this account, and waits until it is registered. Linphone 5.1 gives up when it is offered SHA-512-256.
    ///
    /// # Errors
    /// When it is not installed, or not let in.
    pub fn register(
        server: SocketAddr,
        domain: &str,
        user: &str,
        password: &str,
    ) -> anyhow::Result<Self> {
        let dir = home(server, domain, user, password)?;
        let mut command = Command::new("linphonec");
        command.env("HOME", dir.path()).current_dir(dir.path());
        command.arg("-c").arg(dir.path().join("config"));
        // What it says by SIP goes to its log.
        command.args(["-d", "6", "-l"]).arg(dir.path().join("log"));
        let program = Program::start(command).context("linphonec is not installed")?;
        let mut linphone = Self {
            program,
            next: 0,
            dir,
        };
        for _ in 0..ASK_TRIES_MAX {
            linphone.program.say("status register")?;
            let said = linphone.wait("registered")?;
            if said.contains("identity=") {
                return Ok(linphone);
            }
            thread::park_timeout(ASK_EVERY);
        }
        bail!("it is not registered:\n{}", linphone.log())
    }

    /// Adds a friend by this SIP URI, and watches them.
    ///
    /// # Errors
    /// When it takes no commands.
    pub fn add_friend(&mut self, name: &str, uri: &str) -> anyhow::Result<()> {
        Ok(self.program.say(&format!("friend add {name} {uri}"))?)
    }

    /// Waits until it shows that a friend is this (`Online`, `Offline` …).
    ///
    /// # Errors
    /// When it does not.
    pub fn until_friend(&mut self, uri: &str, is: &str) -> anyhow::Result<()> {
        self.wait(&format!("<{uri}> is {is}"))?;
        Ok(())
    }

    /// What it has said and was told by SIP so far.
    pub fn log(&self) -> String {
        let path: PathBuf = self.dir.path().join("log");
        let bytes = std::fs::read(path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The next line with these words.
    fn wait(&mut self, words: &str) -> anyhow::Result<String> {
        let came = self
            .program
            .wait_line_from(self.next, words, |line| line.text.contains(words));
        let (next, line) = came.with_context(|| self.log())?;
        self.next = next;
        Ok(line.text)
    }
}

/// A directory for one that is a device of this account, with its configuration.
fn home(server: SocketAddr, domain: &str, user: &str, password: &str) -> anyhow::Result<TempDir> {
    let dir = tempfile::tempdir()?;
    // Where it keeps its database; without the directory it complains.
    std::fs::create_dir_all(dir.path().join(".local/share/linphone"))?;
    let config = format!(
        "[sip]\ndefault_proxy=0\nsip_port=-1\nsip_tcp_port=-1\nsip_tls_port=-1\n\
         [proxy_0]\nreg_proxy=<sip:{server};transport=tcp>\nreg_route=<sip:{server};transport=tcp;lr>\n\
         reg_identity=sip:{user}@{domain}\nreg_expires=600\nreg_sendregister=1\npublish=0\n\
         [auth_info_0]\nusername={user}\npasswd={password}\nrealm={domain}\n"
    );
    std::fs::write(dir.path().join("config"), config)?;
    Ok(dir)
}

/// A chat of Linphone's library with one person.
pub struct Chat {
    program: Program,
    next: usize,
    _dir: TempDir,
}

impl Chat {
    /// Registers as a device of this account, to chat with a SIP URI.
    ///
    /// # Errors
    /// When it is not installed, or not let in.
    pub fn with(
        peer: &str,
        server: SocketAddr,
        domain: &str,
        user: &str,
        password: &str,
    ) -> anyhow::Result<Self> {
        let dir = home(server, domain, user, password)?;
        let config = dir.path().join("config");
        let config = config.to_str().context("a strange temporary directory")?;
        let home = [("HOME", dir.path())];
        let program = python::start_with("linphone.py", &[config, peer], &home)?;
        let mut chat = Self {
            program,
            next: 0,
            _dir: dir,
        };
        chat.until("registered", &json!(true))?;
        Ok(chat)
    }

    /// Sends a message.
    ///
    /// # Errors
    /// When it takes no commands.
    pub fn write(&mut self, text: &str) -> anyhow::Result<()> {
        self.say(&json!({ "write": text }))
    }

    /// Tells that somebody types here.
    ///
    /// # Errors
    /// When it takes no commands.
    pub fn types(&mut self) -> anyhow::Result<()> {
        self.say(&json!({ "types": true }))
    }

    /// Tells that what came was displayed.
    ///
    /// # Errors
    /// When it takes no commands.
    pub fn reads(&mut self) -> anyhow::Result<()> {
        self.say(&json!({ "reads": true }))
    }

    /// Waits until it says so, of what stands in `tests/py/linphone.py`.
    ///
    /// # Errors
    /// When it does not.
    pub fn until(&mut self, name: &str, is: &Value) -> anyhow::Result<()> {
        let said = json!({ name: is }).to_string();
        let fits = |text: &str| {
            let read: Result<Value, _> = serde_json::from_str(text);
            read.is_ok_and(|read| read[name] == *is)
        };
        let came = self
            .program
            .wait_line_from(self.next, &said, |line| line.stdout && fits(&line.text))?;
        self.next = came.0;
        Ok(())
    }

    fn say(&mut self, command: &Value) -> anyhow::Result<()> {
        Ok(self.program.say(&command.to_string())?)
    }
}
