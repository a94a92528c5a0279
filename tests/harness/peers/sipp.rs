//! sipp as a trunk with telephones of twelve tempers (`tests/peers/sipp/telephones.xml`).

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;
use testkit::peer::Spoken;
use testkit::ports::{self, Ports, Protocol};
use testkit::process::Program;
use testkit::sip_text::SipText;

use super::fill;
use crate::audio::{Law, tone, write_wav};

/// How many neighbouring ports sipp may use for RTP.
const RTP_PORTS: u16 = 64;

/// The telephones of the trunk, named by how they behave; the last two digits of a number choose one.
pub mod ending {
    /// Answers, speaks, and stays until the other side hangs up.
    pub const ANSWERS: &str = "01";
    /// Is busy.
    pub const BUSY: &str = "02";
    /// Rings and is never answered.
    pub const SILENT: &str = "03";
    /// Declines.
    pub const DECLINES: &str = "04";
    /// Answers and hangs up after [`super::Trunk::hangup_after`].
    pub const HANGS_UP: &str = "05";
    /// Rings for [`super::Trunk::rings_for`], then answers.
    pub const SLOW: &str = "06";
    /// Wants the digest of user `trunk`, password `trunk-secret`.
    pub const DIGEST: &str = "07";
    /// Sends early media before it answers.
    pub const EARLY: &str = "08";
    /// Rings, and its 200 crosses the CANCEL.
    pub const CROSSED: &str = "09";
    /// Is no number: 404.
    pub const NOBODY: &str = "10";
    /// Answers, puts the call on hold after [`super::Trunk::holds_after`], and takes it back after as long again.
    pub const HOLDS: &str = "11";
    /// The same, but leaves the offer to us when it takes the call back.
    pub const HOLDS_AND_ASKS: &str = "12";
}

/// What the trunk is like.
#[derive(Debug, Clone, Copy)]
pub struct Trunk {
    /// The number of calls after which it ends by itself.
    pub calls: u32,
    /// Over which transport it takes calls.
    pub protocol: Protocol,
    /// Which G.711 law it answers with.
    pub law: Law,
    /// What its telephones say: a tone of this frequency.
    pub tone_hz: f64,
    /// How long number …05 stays.
    pub hangup_after: Duration,
    /// How long number …06 rings.
    pub rings_for: Duration,
    /// How long numbers …11 and …12 talk before they put the call on hold, and how long they hold it.
    pub holds_after: Duration,
}

impl Default for Trunk {
    fn default() -> Self {
        Self {
            calls: 1,
            protocol: Protocol::Udp,
            law: Law::A,
            tone_hz: 1_000.0,
            hangup_after: Duration::from_secs(2),
            rings_for: Duration::from_millis(500),
            holds_after: Duration::from_millis(500),
        }
    }
}

/// A running sipp.
pub struct Sipp {
    program: Program,
    sip: Ports,
    rtp: Ports,
    dir: TempDir,
}

/// How a run of sipp went.
#[derive(Debug)]
pub struct Outcome {
    /// Every call went as its scenario wants (exit code 0).
    pub ok: bool,
    /// Calls that went as the scenario wants.
    pub successful: u32,
    /// Calls that did not.
    pub failed: u32,
    /// What sipp complained of.
    pub errors: String,
    /// Every message that it sent and received, oldest first.
    pub messages: Vec<Spoken>,
}

impl Sipp {
    /// Starts the trunk and waits until it takes calls.
    pub fn start(trunk: Trunk) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let (sip, rtp) = (ports::reserve()?, ports::reserve_run(RTP_PORTS)?);
        let wav = dir.path().join("tone.wav");
        write_wav(&wav, &tone(trunk.tone_hz, -10.0, 10), trunk.law)?;
        let (payload_type, codec) = match trunk.law {
            Law::Mu => ("0", "PCMU"),
            Law::A | Law::Linear => ("8", "PCMA"),
        };
        let scenario = dir.path().join("telephones.xml");
        let words = [
            (
                "TONE",
                wav.to_str().context("a strange temporary directory")?,
            ),
            ("PT", payload_type),
            ("CODEC", codec),
            ("HANGUP_MS", &trunk.hangup_after.as_millis().to_string()),
            ("RING_MS", &trunk.rings_for.as_millis().to_string()),
            ("HOLD_MS", &trunk.holds_after.as_millis().to_string()),
        ];
        fill("sipp/telephones.xml", &words, &scenario)?;
        let mut command = Command::new("sipp");
        command.current_dir(dir.path()).arg("-sf").arg(&scenario);
        command.args([
            "-i",
            "127.0.0.1",
            "-mi",
            "127.0.0.1",
            "-nostdin",
            "-skip_rlimit",
        ]);
        command.args([
            "-p",
            &sip.first().to_string(),
            "-mp",
            &rtp.first().to_string(),
        ]);
        command.args(["-m", &trunk.calls.to_string()]);
        command.args([
            "-t",
            if trunk.protocol == Protocol::Tcp {
                "t1"
            } else {
                "u1"
            },
        ]);
        command.args(["-trace_msg", "-message_file", "messages.log"]);
        command.args(["-trace_err", "-error_file", "errors.log"]);
        command.args(["-trace_stat", "-stf", "statistics.csv"]);
        command.env("TZ", "UTC");
        let program = Program::start(command)?;
        ports::await_listening(sip.addr(), trunk.protocol)
            .map_err(|error| anyhow::anyhow!(program.unmet(&error.to_string())))?;
        Ok(Self {
            program,
            sip,
            rtp,
            dir,
        })
    }

    /// Where it takes calls.
    pub fn addr(&self) -> SocketAddr {
        self.sip.addr()
    }

    /// Where the telephone of its only call has RTP.
    pub fn rtp(&self) -> SocketAddr {
        self.rtp.addr()
    }

    /// Waits until it has taken its calls, at most `limit`, and tells how it went.
    pub fn finish(self, limit: Duration) -> anyhow::Result<Outcome> {
        let status = self.program.wait_exit(limit).map_err(|error| {
            let errors = self.read("errors.log");
            anyhow::anyhow!("{error}\n{errors}")
        })?;
        let statistics = self.read("statistics.csv");
        let mut lines = statistics.lines();
        let names: Vec<_> = lines.next().unwrap_or_default().split(';').collect();
        let values: Vec<_> = lines.next_back().unwrap_or_default().split(';').collect();
        let count = |name: &str| {
            let at = names.iter().position(|found| *found == name)?;
            values.get(at)?.parse::<u32>().ok()
        };
        Ok(Outcome {
            ok: status.success(),
            successful: count("SuccessfulCall(C)").context("sipp's statistics lack a column")?,
            failed: count("FailedCall(C)").context("sipp's statistics lack a column")?,
            errors: self.read("errors.log"),
            messages: messages(&self.read("messages.log")),
        })
    }

    fn read(&self, name: &str) -> String {
        std::fs::read(self.dir.path().join(name))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }
}

/// Begins an entry of sipp's message log; a time follows.
const RULE: &str = "----------------------------------------------- ";

/// The messages that a sipp which still runs has logged in its directory. An entry has a line end of its own after the message: the last one is
/// being written as long as it has none. (One that is cut at the end of one of its lines passes as whole.)
pub(super) fn logged(dir: &Path) -> Vec<Spoken> {
    let log = std::fs::read(dir.join("messages.log")).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let whole = match log.ends_with('\n') {
        true => &*log,
        false => log.rsplit_once(RULE).map_or("", |(whole, _)| whole),
    };
    // The log ends every line in its own way, so a length would be wrong: the body is the rest.
    let lines = whole
        .lines()
        .filter(|line| !line.starts_with("Content-Length:"));
    messages(&lines.collect::<Vec<_>>().join("\n"))
}

/// Reads sipp's message log: a line of dashes and a time, a line that says which way, an empty line, the message.
fn messages(log: &str) -> Vec<Spoken> {
    log.split(RULE)
        .filter_map(|entry| {
            let (head, message) = entry.split_once("\n\n")?;
            let (time, way) = head.split_once('\n')?;
            let lines: Vec<_> = message.trim_end().lines().collect();
            let mut wire = format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes();
            Some(Spoken {
                at_us: unix_us(time)?,
                sent: way.contains("sent"),
                message: SipText::take(&mut wire)?,
            })
        })
        .collect()
}

/// `2026-11-20 15:29:43.802518` (UTC) in microseconds since 1970.
fn unix_us(text: &str) -> Option<u64> {
    let numbers: Vec<u64> = text
        .trim()
        .split(|c: char| !c.is_ascii_digit())
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let [year, month, day, hour, minute, second, micros] = numbers[..] else {
        return None;
    };
    // Days of the years counted from 1 March, so that a leap day is the last day of its year.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

#[test]
fn a_message_that_is_being_logged_is_not_there_yet() {
    let dir = tempfile::tempdir().unwrap();
    let heads = [
        "2026-11-20 15:29:43.802518\nTCP message received [40] bytes :\n\n",
        "2026-11-20 15:29:44.000001\nTCP message sent (40 bytes):\n\n",
    ];
    let message = "MESSAGE sip:a@b SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 9\r\n\r\n<a>\n</a>\n";
    let log = heads
        .map(|head| format!("{RULE}{head}{message}\n"))
        .concat();
    let there = |length: usize| {
        let written = &log.as_bytes()[..length];
        std::fs::write(dir.path().join("messages.log"), written).unwrap();
        let body = |spoken: Spoken| (spoken.sent, spoken.message.text().trim_end().to_owned());
        logged(dir.path()).into_iter().map(body).collect::<Vec<_>>()
    };
    let of = |sent| (sent, "<a>\r\n</a>".to_owned());
    assert_eq!(there(log.len()), [of(false), of(true)]);
    assert_eq!(there(log.len() - "a>\n\n".len()), [of(false)]);
    assert_eq!(there(30), []);
}

#[test]
fn times_of_the_log_are_unix_times() {
    assert_eq!(unix_us("1970-01-01 00:00:00.000001"), Some(1));
    assert_eq!(
        unix_us("2026-11-20\t15:28:24.212620"),
        Some(1_795_188_504_212_620)
    );
    assert_eq!(
        unix_us("2024-02-29 00:00:00.000000"),
        Some(1_709_164_800_000_000)
    );
    assert_eq!(unix_us("yesterday"), None);
}
