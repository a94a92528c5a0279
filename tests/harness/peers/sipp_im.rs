//! sipp as IM clients: each registers by digest, sends its messages, and takes what is sent to it
//! (`tests/peers/sipp/im*.xml`). All share one TCP connection.

use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;
use testkit::peer::Spoken;
use testkit::ports::{self, Ports};
use testkit::process::Program;
use testkit::sip_text::SipText;

use super::{fill, sipp};

/// One client.
#[derive(Debug, Clone)]
pub struct Client {
    /// User part of its address.
    pub user: String,
    /// Its password.
    pub password: String,
    /// To whom it writes: the user part.
    pub to: String,
    /// Number of its device, see [`instance`].
    pub device: usize,
}

/// What every client sends: content type and body. `[field0]` in it is the client's user, `[field2]` the end of its instance.
#[derive(Debug, Clone)]
pub struct Text {
    /// Content-Type.
    pub content_type: String,
    /// The body.
    pub body: String,
}

/// Running clients.
pub struct ImClients {
    program: Program,
    _sip: Ports,
    dir: TempDir,
    lines: usize,
}

/// The instance URN of the device of this number.
pub fn instance(number: usize) -> String {
    format!("urn:uuid:00000000-0000-4000-8000-{number:012x}")
}

impl ImClients {
    /// Starts them. A client that stands there several times is one device that sends in several calls of sipp, whose number
    /// is `[call_number]` in a text: sipp as receiver needs that, for it tells messages apart by the call only.
    pub fn start(
        server: SocketAddr,
        domain: &str,
        clients: &[Client],
        texts: &[Text],
    ) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let sip = ports::reserve()?;
        let mut rows = "SEQUENTIAL\n".to_owned();
        for client in clients {
            let Client {
                user,
                password,
                to,
                device: number,
            } = client;
            // A keyword within a keyword is not replaced, so the whole digest is a field.
            let digest = format!("[authentication username={user} password={password}]");
            rows.push_str(&format!("{user};{digest};{number:012x};{to};\n"));
        }
        std::fs::write(dir.path().join("people.csv"), rows)?;
        let mut messages = String::new();
        for (at, text) in texts.iter().enumerate() {
            let path = dir.path().join("message.xml");
            let number = at.to_string();
            let words = [
                ("N", &*number),
                ("DOMAIN", domain),
                ("TYPE", &text.content_type),
                ("BODY", &text.body),
            ];
            fill("sipp/im-message.xml", &words, &path)?;
            messages.push_str(&std::fs::read_to_string(path)?);
        }
        let words = [("REPEAT", &*messages), ("DOMAIN", domain)];
        fill("sipp/im.xml", &words, &dir.path().join("im.xml"))?;
        fill(
            "sipp/im-incoming.xml",
            &[],
            &dir.path().join("incoming.xml"),
        )?;
        let mut command = Command::new("sipp");
        command.current_dir(dir.path()).arg(server.to_string());
        command.args([
            "-sf",
            "im.xml",
            "-oocsf",
            "incoming.xml",
            "-inf",
            "people.csv",
        ]);
        command.args([
            "-i",
            "127.0.0.1",
            "-p",
            &sip.first().to_string(),
            "-t",
            "t1",
        ]);
        command.args(["-m", &clients.len().to_string(), "-r", "50"]);
        command.args([
            "-nostdin",
            "-skip_rlimit",
            "-trace_msg",
            "-message_file",
            "messages.log",
        ]);
        command.args(["-trace_err", "-error_file", "errors.log"]);
        command.env("TZ", "UTC");
        let program = Program::start(command)?;
        Ok(Self {
            program,
            _sip: sip,
            dir,
            lines: 0,
        })
    }

    /// Waits until what was sent and received so far fits, and gives it.
    pub fn wait(
        &mut self,
        what: &str,
        fits: impl Fn(&[Spoken]) -> bool,
    ) -> anyhow::Result<Vec<Spoken>> {
        loop {
            let messages = self.messages();
            if fits(&messages) {
                return Ok(messages);
            }
            let heard = self
                .program
                .wait_line_from(self.lines, what, |line| line.text.contains("im-event"));
            let (lines, _) = heard.map_err(|error| {
                let errors = std::fs::read_to_string(self.dir.path().join("errors.log"));
                let said: Vec<_> = messages.iter().map(|m| m.message.start.clone()).collect();
                anyhow::anyhow!("{error}\n{}\n{said:#?}", errors.unwrap_or_default())
            })?;
            self.lines = lines;
        }
    }

    /// Everything they sent and received so far, oldest first.
    pub fn messages(&self) -> Vec<Spoken> {
        sipp::logged(self.dir.path())
    }

    /// The MESSAGEs that came to a user, oldest first.
    pub fn incoming(messages: &[Spoken], user: &str) -> Vec<SipText> {
        let to = format!("sip:{user}@");
        messages
            .iter()
            .filter(|spoken| !spoken.sent && spoken.message.method() == Some("MESSAGE"))
            .map(|spoken| spoken.message.clone())
            .filter(|message| message.uri().is_some_and(|uri| uri.starts_with(&to)))
            .collect()
    }
}
