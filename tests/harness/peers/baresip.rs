//! baresip as a telephone of another make: answers, speaks a tone, records what it hears, sends keys. UDP, TCP and TLS. With a picture it is
//! a video room (H.264), which shows a number and tells the one that it sees.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::ports::{self, Ports, Protocol};
use testkit::process::Program;
use testkit::{GIVE_UP, uninterrupted};

use super::pictures::Seen;
use super::{fill, room, write_certificate};
use crate::audio::{Law, RATE, read_wav, tone, write_wav};

/// Where Debian keeps the modules, by version.
const MODULE_DIRS: [&str; 3] = [
    "/usr/lib/baresip/modules",
    "/usr/lib/x86_64-linux-gnu/baresip/modules",
    "/usr/lib/aarch64-linux-gnu/baresip/modules",
];
/// One pair: RTP of its only call is on the first.
const RTP_PORTS: u16 = 2;
/// Of a video room: its sound, its pictures, and what else baresip asks for.
const ROOM_PORTS: u16 = 8;

/// How often its recording is looked at until it has grown, at [`LISTEN_EVERY`].
const LISTEN_TRIES_MAX: usize = 1_000;
const LISTEN_EVERY: Duration = Duration::from_millis(25);
const LISTEN_TRIES_A_SECOND: usize = 40;

/// What the telephone is like.
#[derive(Debug, Clone, Copy)]
pub struct Telephone {
    /// The user part that it takes calls for.
    pub number: &'static str,
    /// Answers by itself; otherwise [`Baresip::answer`].
    pub answers: bool,
    /// Sends early media (183) while it rings.
    pub early: bool,
    /// What it says: a tone of this frequency, at −10 dBFS; 0: digital silence.
    pub tone_hz: f64,
    /// The G.711 law it prefers.
    pub law: Law,
    /// It is a video room that shows this number.
    pub shows: Option<u8>,
}

impl Default for Telephone {
    fn default() -> Self {
        Self {
            number: "telephone",
            answers: true,
            early: false,
            tone_hz: 700.0,
            law: Law::A,
            shows: None,
        }
    }
}

/// A running baresip.
pub struct Baresip {
    program: Program,
    control: TcpStream,
    buffer: Vec<u8>,
    token: u32,
    /// Events that arrived while something else was awaited, oldest first.
    events: Vec<Value>,
    sip: Ports,
    rtp: Ports,
    _control: Ports,
    dir: TempDir,
}

/// An account at an IM server.
#[derive(Debug, Clone)]
pub struct Account {
    /// User part of the address.
    pub user: String,
    /// Domain of the address.
    pub domain: String,
    /// The device password.
    pub password: String,
    /// How the IM server is reached: "udp", "tcp" or "tls".
    pub transport: &'static str,
    /// Where it takes that.
    pub server: SocketAddr,
    /// The certificate to trust (PEM).
    pub certificate: PathBuf,
    /// Whom [`Baresip::write`] writes to.
    pub contact: String,
}

impl Baresip {
    /// Starts one and waits until it takes calls.
    pub fn start(telephone: Telephone) -> anyhow::Result<Self> {
        Self::start_with(telephone, &tone(telephone.tone_hz, -10.0, 120))
    }

    /// Starts one that says these samples; it hangs up at their end.
    pub fn start_with(telephone: Telephone, says: &[i16]) -> anyhow::Result<Self> {
        Self::launch(telephone, says, None)
    }

    /// Starts one as an IM client, and waits until it is registered.
    pub fn register(account: &Account) -> anyhow::Result<Self> {
        Self::try_register(account)?.registered(account)
    }

    /// Starts one as an IM client that calls as this telephone does, and waits until it is registered.
    pub fn register_as(account: &Account, telephone: Telephone) -> anyhow::Result<Self> {
        let says = tone(telephone.tone_hz, -10.0, 120);
        Self::launch(telephone, &says, Some(account))?.registered(account)
    }

    fn registered(self, account: &Account) -> anyhow::Result<Self> {
        let baresip = self;
        baresip.program.wait_line("its registration", |line| {
            line.text.contains("200 OK") && line.text.contains(&account.user)
        })?;
        Ok(baresip)
    }

    /// Starts one as an IM client, which may be refused.
    pub fn try_register(account: &Account) -> anyhow::Result<Self> {
        Self::launch(Telephone::default(), &tone(700.0, -10.0, 1), Some(account))
    }

    fn launch(
        telephone: Telephone,
        says: &[i16],
        account: Option<&Account>,
    ) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        // TLS listens on the port after that of UDP and TCP.
        let (sip, control, rtp) = (
            ports::reserve_run(2)?,
            ports::reserve()?,
            ports::reserve_run(match telephone.shows {
                Some(_) => ROOM_PORTS,
                None => RTP_PORTS,
            })?,
        );
        write_certificate(dir.path(), "telephone.test")?;
        write_wav(&dir.path().join("tone.wav"), says, Law::Linear)?;
        let modules = MODULE_DIRS
            .iter()
            .find(|path| PathBuf::from(path).is_dir())
            .context("baresip's modules are not installed: run `make setup`")?;
        let place = dir.path().to_string_lossy().into_owned();
        let words = [
            ("SIP", &*sip.addr().to_string()),
            ("CONTROL", &control.addr().to_string()),
            ("RTP", &format!("{}-{}", rtp.first(), rtp.last())),
            ("DIR", &place),
            ("MODULES", modules),
        ];
        fill("baresip.config", &words, &dir.path().join("config"))?;
        if let Some(number) = telephone.shows {
            room::add_pictures(dir.path(), number)?;
        }
        let codecs = if telephone.law == Law::Mu {
            "pcmu,pcma"
        } else {
            "pcma,pcmu"
        };
        let mode = match (telephone.answers, telephone.early) {
            (true, _) => "auto",
            (false, true) => "early",
            (false, false) => "manual",
        };
        let line = match account {
            None => format!(
                "<sip:{}@{}>;regint=0;answermode={mode};audio_codecs={codecs}\n",
                telephone.number,
                sip.addr()
            ),
            Some(account) => {
                add_im(dir.path(), account)?;
                format!(
                    "<sip:{user}@{domain};transport={transport}>;auth_user={user};auth_pass={password};regint=600;audio_codecs={codecs};\
                     outbound=\"sip:{server};transport={transport}\"\n",
                    transport = account.transport,
                    user = account.user,
                    domain = account.domain,
                    password = account.password,
                    server = account.server,
                )
            }
        };
        std::fs::write(dir.path().join("accounts"), line)?;
        let mut command = Command::new("baresip");
        command.current_dir(dir.path()).arg("-f").arg(dir.path());
        if account.is_some() {
            // What it says by SIP, for when a test fails.
            command.arg("-s");
        }
        let program = Program::start(command)?;
        program.wait_line("baresip is ready", |line| {
            line.text.contains("baresip is ready")
        })?;
        ports::await_listening(control.addr(), Protocol::Tcp)?;
        let stream = TcpStream::connect(control.addr())?;
        stream.set_read_timeout(Some(GIVE_UP))?;
        Ok(Self {
            program,
            control: stream,
            buffer: Vec::new(),
            token: 0,
            events: Vec::new(),
            sip,
            rtp,
            _control: control,
            dir,
        })
    }

    /// Where it takes calls over UDP and TCP.
    pub fn sip(&self) -> SocketAddr {
        self.sip.addr()
    }
    /// Where it hears and speaks.
    pub fn rtp(&self) -> SocketAddr {
        self.rtp.addr()
    }
    /// Where it takes calls over TLS.
    pub fn tls(&self) -> SocketAddr {
        SocketAddr::new(self.sip.addr().ip(), self.sip.last())
    }
    /// The certificate to trust for TLS.
    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }
    /// The program, for its lines.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Answers the incoming call.
    pub fn answer(&mut self) -> anyhow::Result<()> {
        self.command("accept", "")
    }
    /// Hangs up.
    pub fn hang_up(&mut self) -> anyhow::Result<()> {
        self.command("hangup", "")
    }
    /// Puts the call on hold.
    pub fn hold(&mut self) -> anyhow::Result<()> {
        self.command("hold", "")
    }
    /// Takes it back.
    pub fn resume(&mut self) -> anyhow::Result<()> {
        self.command("resume", "")
    }
    /// Presses a key of the keypad (RFC 4733).
    pub fn press(&mut self, key: char) -> anyhow::Result<()> {
        self.command("sndcode", &key.to_string())
    }
    /// Types a code, key by key.
    pub fn type_code(&mut self, code: &str) -> anyhow::Result<()> {
        code.chars().try_for_each(|key| self.press(key))
    }
    /// Calls this URI.
    pub fn dial(&mut self, uri: &str) -> anyhow::Result<()> {
        self.command("dial", uri)
    }

    /// Writes to the contact of its account.
    pub fn write(&mut self, text: &str) -> anyhow::Result<()> {
        self.command("message", text)
    }

    /// Of a video room: waits for a picture that comes now, and tells what it shows.
    pub fn see(&mut self) -> anyhow::Result<Seen> {
        let from = self.program.lines().len();
        self.command("snapshot", "")?;
        let wrote = "png: wrote snapshot-recv";
        let told = self
            .program
            .wait_line_from(from, wrote, |line| line.text.contains(wrote))?;
        room::read_picture(self.dir.path(), &told.1.text)
    }

    /// Waits for an event of this type (`CALL_INCOMING`, `CALL_ESTABLISHED`, `CALL_RTPESTAB`, `CALL_CLOSED` …).
    pub fn wait_event(&mut self, kind: &str) -> anyhow::Result<Value> {
        if let Some(at) = self.events.iter().position(|event| event["type"] == kind) {
            return Ok(self.events.remove(at));
        }
        loop {
            let message = self
                .next_message()
                .with_context(|| self.program.unmet(&format!("no event {kind}")).to_string())?;
            if message["type"] == kind {
                return Ok(message);
            }
            self.events.push(message);
        }
    }

    /// Everything it heard in its calls so far, at 8 kHz; whole after `CALL_CLOSED`.
    pub fn heard(&self) -> anyhow::Result<Vec<i16>> {
        let mut samples = Vec::new();
        let mut files: Vec<_> = std::fs::read_dir(self.dir.path())?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.to_string_lossy().ends_with("-dec.wav"))
            .collect();
        files.sort();
        for file in files {
            samples.extend(read_wav(&file)?);
        }
        Ok(samples)
    }

    /// Waits until it has heard so many seconds more than now.
    pub fn listen(&self, seconds: usize) -> anyhow::Result<()> {
        let before = self.heard()?.len();
        // What is to be heard takes its time; so long nothing may come beside that.
        for _ in 0..LISTEN_TRIES_MAX + seconds * LISTEN_TRIES_A_SECOND {
            if self.heard()?.len() >= before + seconds * RATE as usize {
                return Ok(());
            }
            thread::park_timeout(LISTEN_EVERY);
        }
        bail!(self.program.unmet("it hears nothing").to_string())
    }

    /// Gives one command of baresip, as typed after a slash.
    fn command(&mut self, command: &str, params: &str) -> anyhow::Result<()> {
        self.token += 1;
        let token = self.token.to_string();
        let text = json!({"command": command, "params": params, "token": token}).to_string();
        write!(self.control, "{}:{text},", text.len())?;
        loop {
            let message = self.next_message()?;
            if message["token"] == token {
                if message["ok"] == true {
                    return Ok(());
                }
                bail!("baresip refuses {command}: {message}");
            }
            self.events.push(message);
        }
    }

    /// The next netstring of the control connection.
    fn next_message(&mut self) -> anyhow::Result<Value> {
        loop {
            if let Some(colon) = self.buffer.iter().position(|byte| *byte == b':') {
                let length: usize = std::str::from_utf8(&self.buffer[..colon])?.parse()?;
                if self.buffer.len() > colon + 1 + length {
                    let text: Vec<u8> = self
                        .buffer
                        .drain(..colon + 2 + length)
                        .skip(colon + 1)
                        .take(length)
                        .collect();
                    return Ok(serde_json::from_slice(&text)?);
                }
            }
            let mut chunk = [0; 8192];
            match uninterrupted(|| self.control.read(&mut chunk)) {
                Ok(0) => bail!("baresip closed its control connection"),
                Ok(length) => self.buffer.extend_from_slice(&chunk[..length]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    bail!("baresip said nothing for {GIVE_UP:?}")
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// For tests that must show that nothing arrives: whether an event of this type comes within `limit`.
    pub fn event_within(&mut self, kind: &str, limit: Duration) -> anyhow::Result<bool> {
        self.control.set_read_timeout(Some(limit))?;
        let came = self.wait_event(kind).is_ok();
        self.control.set_read_timeout(Some(GIVE_UP))?;
        Ok(came)
    }
}

/// What an IM client needs beside a telephone: a contact, and whom it trusts.
fn add_im(dir: &Path, account: &Account) -> anyhow::Result<()> {
    let contact = format!("\"Contact\" <sip:{}@{}>\n", account.contact, account.domain);
    std::fs::write(dir.join("contacts"), contact)?;
    let path = dir.join("config");
    let config = std::fs::read_to_string(&path)?;
    let trusted = account.certificate.display();
    std::fs::write(
        &path,
        format!("{config}\nmodule_app contact.so\nsip_cafile {trusted}\n"),
    )?;
    Ok(())
}
