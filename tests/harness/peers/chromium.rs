//! The window in Debian's Chromium, used as a person does it (`tests/peers/chromium.mjs`), with a microphone that says what a test wants.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::process::Program;

use super::pictures::{NUMBERS, write_camera};
use super::tests_dir;
use crate::audio::{Law, write_wav};

/// The microphone.
#[derive(Debug, Clone)]
pub enum Microphone {
    /// Says these samples (8 kHz) once, from the moment it is opened; the browser treats them as the page asks it to.
    Says(Vec<i16>),
    /// The same of a tone, which the browser leaves alone whatever the page asks: its noise suppression takes tones away.
    Hums(Vec<i16>),
    /// Is not given to the page.
    Refused,
    /// What the sound server at this address has, which are tones.
    Of(String),
}

/// What the browser is like.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Where the server is: `http://127.0.0.1:8060`.
    pub url: String,
    /// What it hears.
    pub microphone: Microphone,
    /// The network namespace that it runs in, if not ours.
    pub namespace: Option<String>,
    /// Keeps what the microphone hears, too.
    pub own: bool,
    /// May send no UDP, as in networks that let none through.
    pub tcp_only: bool,
    /// The number that its camera shows (of [`NUMBERS`]), if it has one.
    pub camera: Option<u8>,
}

/// A running Chromium.
pub struct Chromium {
    program: Program,
    next: usize,
    dir: TempDir,
}

/// Somebody on the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The heading that they stand under.
    pub group: String,
    /// Their name.
    pub name: String,
    /// What the chip says: `joined`, `left` …
    pub state: String,
}

/// What the board shows.
#[derive(Debug, Clone)]
pub struct Board {
    /// The chip of the person's own row.
    pub me: String,
    /// Everybody else.
    pub rows: Vec<Row>,
    /// All its words.
    pub text: String,
}

/// What one track brought to the page.
#[derive(Debug, Clone)]
pub struct Sound {
    /// It is the microphone's.
    pub own: bool,
    /// Samples a second.
    pub rate: u32,
    /// The samples, without a gap.
    pub samples: Vec<i16>,
    /// When each block began, by the clock of the machine in milliseconds since 1970, and its place among the samples.
    pub blocks: Vec<(f64, usize)>,
}

impl Visit {
    /// To the window of the server at this address.
    pub fn to(url: impl Into<String>, microphone: Microphone) -> Self {
        Self {
            url: url.into(),
            microphone,
            namespace: None,
            own: false,
            tcp_only: false,
            camera: None,
        }
    }
}

impl Chromium {
    /// Starts one whose person has called from it before.
    pub fn start(visit: &Visit) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let driver = tests_dir().join("peers/chromium.mjs");
        ensure!(
            tests_dir()
                .join("../web/node_modules/playwright-core")
                .exists(),
            "playwright-core is not installed: run `make setup`"
        );
        let mut command = match &visit.namespace {
            None => Command::new("node"),
            Some(name) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name, "node"]);
                command
            }
        };
        let (mut arguments, granted) = microphone(&visit.microphone, dir.path())?;
        if visit.tcp_only {
            arguments.push("--webrtc-ip-handling-policy=disable_non_proxied_udp".into());
        }
        if let Some(number) = visit.camera {
            ensure!(NUMBERS.contains(&number), "no camera shows {number}");
            let camera = dir.path().join("camera.y4m");
            write_camera(&camera, number)?;
            arguments.push(format!(
                "--use-file-for-fake-video-capture={}",
                camera.display()
            ));
        }
        if let Microphone::Of(server) = &visit.microphone {
            command.env("PULSE_SERVER", server);
        }
        let options = json!({
            "url": visit.url,
            "args": arguments,
            "microphone": if granted { "granted" } else { "denied" },
            "untreated": matches!(visit.microphone, Microphone::Hums(_) | Microphone::Of(_)),
            // The test of the microphone is behind them.
            "storage": { "convoke.voice.checked": "yes" },
            "own": visit.own,
            "camera": visit.camera.is_some(),
        });
        command.arg(driver).arg(options.to_string());
        // Its profile and the sockets of its parts, which it leaves behind when it is killed.
        command.env("TMPDIR", dir.path());
        let program = Program::start(command)?;
        let mut chromium = Self {
            program,
            next: 0,
            dir,
        };
        chromium.answer("open")?;
        Ok(chromium)
    }

    /// Signs in at the window.
    pub fn sign_in(&mut self, user: &str, password: &str) -> anyhow::Result<()> {
        self.ask(json!({ "do": "signIn", "user": user, "password": password }))?;
        Ok(())
    }

    /// Calls people, being called oneself at a place by its words (`This browser`).
    pub fn call(&mut self, to: &[&str], at: &str) -> anyhow::Result<()> {
        self.ask(json!({ "do": "call", "to": to, "at": at }))?;
        Ok(())
    }

    /// Asks for a video conference with people.
    pub fn video(&mut self, to: &[&str]) -> anyhow::Result<()> {
        self.ask(json!({ "do": "video", "to": to }))?;
        Ok(())
    }

    /// Waits until somebody's picture moves, and shows this number.
    pub fn until_sees(&mut self, name: &str, number: u8) -> anyhow::Result<()> {
        self.ask(json!({ "do": "untilSees", "name": name, "number": number }))?;
        Ok(())
    }

    /// Chooses where one is called.
    pub fn call_me_at(&mut self, at: &str) -> anyhow::Result<()> {
        self.ask(json!({ "do": "callMeAt", "at": at }))?;
        Ok(())
    }

    /// Presses a button by its words.
    pub fn press(&mut self, button: &str) -> anyhow::Result<()> {
        self.ask(json!({ "do": "press", "button": button }))?;
        Ok(())
    }

    /// The browser tells its page that the network is back.
    pub fn online(&mut self) -> anyhow::Result<()> {
        self.ask(json!({ "do": "online" }))?;
        Ok(())
    }

    /// Loads the page anew.
    pub fn reload(&mut self) -> anyhow::Result<()> {
        self.ask(json!({ "do": "reload" }))?;
        Ok(())
    }

    /// Writes to somebody.
    pub fn write(&mut self, to: &str, text: &str) -> anyhow::Result<()> {
        self.ask(json!({ "do": "write", "to": to, "text": text }))?;
        Ok(())
    }

    /// Types to somebody whose chat is open, key by key, and sends nothing.
    pub fn types(&mut self, to: &str, text: &str) -> anyhow::Result<()> {
        self.ask(json!({ "do": "types", "to": to, "text": text }))?;
        Ok(())
    }

    /// Waits until the board says something that fits this regular expression.
    pub fn until_board(&mut self, says: &str) -> anyhow::Result<()> {
        self.ask(json!({ "do": "untilBoard", "says": says }))?;
        Ok(())
    }

    /// Waits until it does not any more.
    pub fn until_board_not(&mut self, says: &str) -> anyhow::Result<()> {
        self.ask(json!({ "do": "untilBoardNot", "says": says }))?;
        Ok(())
    }

    /// The same of the whole window.
    pub fn until_window(&mut self, says: &str) -> anyhow::Result<()> {
        self.ask(json!({ "do": "untilWindow", "says": says }))?;
        Ok(())
    }

    /// The same of the whole window.
    pub fn until_window_not(&mut self, says: &str) -> anyhow::Result<()> {
        self.ask(json!({ "do": "untilWindowNot", "says": says }))?;
        Ok(())
    }

    /// What the board shows.
    pub fn board(&mut self) -> anyhow::Result<Board> {
        let said = self.ask(json!({ "do": "board" }))?;
        let word = |of: &Value, name: &str| of[name].as_str().unwrap_or_default().to_owned();
        let rows = said["rows"].as_array().into_iter().flatten();
        Ok(Board {
            me: word(&said, "me"),
            rows: rows
                .map(|row| Row {
                    group: word(row, "group"),
                    name: word(row, "name"),
                    state: word(row, "state"),
                })
                .collect(),
            text: word(&said, "text"),
        })
    }

    /// Waits until it has heard so many seconds more than now.
    pub fn listen(&mut self, seconds: u32) -> anyhow::Result<()> {
        for _ in 0..seconds {
            self.ask(json!({ "do": "listen", "seconds": 1 }))?;
        }
        Ok(())
    }

    /// Forgets what it has heard.
    pub fn forget(&mut self) -> anyhow::Result<()> {
        self.ask(json!({ "do": "forget" }))?;
        Ok(())
    }

    /// What it has heard since the page was loaded, a track for each connection.
    pub fn sounds(&mut self) -> anyhow::Result<Vec<Sound>> {
        let file = self.dir.path().join("sound");
        let said = self.ask(json!({ "do": "sounds", "file": file }))?;
        let sounds = said.as_array().context("no sounds")?;
        sounds.iter().map(sound).collect()
    }

    /// By which protocol each connection of the page found its way: `udp` or `tcp`.
    pub fn ways(&mut self) -> anyhow::Result<Vec<String>> {
        let said = self.ask(json!({ "do": "ways" }))?;
        Ok(serde_json::from_value(said)?)
    }

    /// What went wrong in the page: exceptions, and what its Content-Security-Policy forbade.
    pub fn faults(&mut self) -> anyhow::Result<Vec<String>> {
        let said = self.ask(json!({ "do": "faults" }))?;
        Ok(serde_json::from_value(said)?)
    }

    fn ask(&mut self, command: Value) -> anyhow::Result<Value> {
        self.program.say(&command.to_string())?;
        self.answer(&command.to_string())
    }

    fn answer(&mut self, what: &str) -> anyhow::Result<Value> {
        let said = self
            .program
            .wait_line_from(self.next, what, |line| line.stdout)?;
        self.next = said.0;
        let mut said: Value = serde_json::from_str(&said.1.text)?;
        match said.get("failed").and_then(Value::as_str) {
            None => Ok(said["done"].take()),
            Some(words) => bail!(self.program.unmet(words).to_string()),
        }
    }
}

/// Arguments for the microphone, and whether the page may have it.
fn microphone(microphone: &Microphone, dir: &Path) -> anyhow::Result<(Vec<String>, bool)> {
    let says = match microphone {
        Microphone::Says(says) | Microphone::Hums(says) => says,
        Microphone::Refused => {
            return Ok((vec!["--use-fake-device-for-media-stream".into()], false));
        }
        Microphone::Of(_) => return Ok((Vec::new(), true)),
    };
    let file: PathBuf = dir.join("says.wav");
    write_wav(&file, says, Law::Linear)?;
    let file = format!(
        "--use-file-for-fake-audio-capture={}%noloop",
        file.display()
    );
    Ok((
        vec!["--use-fake-device-for-media-stream".into(), file],
        true,
    ))
}

fn sound(said: &Value) -> anyhow::Result<Sound> {
    let file = said["file"].as_str().context("a sound without a file")?;
    let samples = std::fs::read(file)?;
    let samples = samples
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
    #[expect(clippy::cast_possible_truncation, reason = "bounded to 16 bits")]
    let samples = samples
        .map(|sample| (sample * 32_768.0).clamp(-32_768.0, 32_767.0) as i16)
        .collect();
    let rate = u32::try_from(said["rate"].as_u64().unwrap_or_default())?;
    Ok(Sound {
        own: said["kind"] == "own",
        rate,
        blocks: placed(
            &serde_json::from_value::<Vec<Block>>(said["blocks"].clone())?,
            rate,
        ),
        samples,
    })
}

/// When a block came, in milliseconds, and how many samples it has.
type Block = (f64, usize);

/// After so long without a block the sound begins anew.
const PAUSE_MS: f64 = 100.0;

/// When each block began. One is read when the page has time for it: the soonest of all that follow each other shows how they lie.
fn placed(blocks: &[Block], rate: u32) -> Vec<(f64, usize)> {
    let length_ms = |samples: usize| samples as f64 * 1_000.0 / f64::from(rate.max(1));
    let mut at = 0;
    let mut placed = Vec::with_capacity(blocks.len());
    for run in blocks.chunk_by(|a, b| b.0 - a.0 < PAUSE_MS) {
        let mut later = 0;
        let mut start = f64::INFINITY;
        for (came, samples) in run {
            start = start.min(came - length_ms(later));
            later += samples;
        }
        later = 0;
        for (_, samples) in run {
            placed.push((start + length_ms(later), at + later));
            later += samples;
        }
        at += later;
    }
    placed
}

#[test]
fn blocks_are_placed_by_the_soonest_of_those_that_follow_each_other() {
    let blocks = [(1_000.0, 80), (1_013.0, 80), (1_040.0, 80), (2_000.0, 80)];
    assert_eq!(
        placed(&blocks, 8_000),
        [(1_000.0, 0), (1_010.0, 80), (1_020.0, 160), (2_000.0, 240)]
    );
}
