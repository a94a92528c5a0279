//! Somebody in Debian's Chromium who shows a camera and watches others, or speaks (`tests/peers/pictures.mjs`), without a window. Each camera shows a
//! number in a colour of its own, so that what arrives is recognised from the decoded picture.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::process::Program;

use super::tests_dir;

/// A picture's size.
pub(super) const WIDTH: usize = 320;
pub(super) const HEIGHT: usize = 240;
/// Frames a second.
const RATE: usize = 15;
/// Numbers that a camera can show.
pub const NUMBERS: std::ops::Range<u8> = 1..8;

/// A picture as it was decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The number in it.
    pub number: u8,
    /// The colour of its field, which is that of its number.
    pub colour: u8,
}

/// A running Chromium.
pub struct Pictures {
    program: Program,
    next: usize,
    _dir: TempDir,
}

impl Pictures {
    /// Starts one whose camera shows this number (of [`NUMBERS`]).
    ///
    /// # Errors
    /// When Chromium or playwright-core is not installed, or it does not start.
    pub fn start(number: u8) -> anyhow::Result<Self> {
        ensure!(NUMBERS.contains(&number), "no camera shows {number}");
        ensure!(
            tests_dir()
                .join("../web/node_modules/playwright-core")
                .exists(),
            "playwright-core is not installed: run `make setup`"
        );
        let dir = tempfile::tempdir()?;
        let camera = dir.path().join("camera.y4m");
        write_camera(&camera, number)?;
        let mut command = Command::new("node");
        command.arg(tests_dir().join("peers/pictures.mjs"));
        command.arg(json!({ "camera": camera }).to_string());
        // Its profile and the sockets of its parts, which it leaves behind when it is killed.
        command.env("TMPDIR", dir.path());
        let mut pictures = Self {
            program: Program::start(command)?,
            next: 0,
            _dir: dir,
        };
        pictures.answer("open")?;
        Ok(pictures)
    }

    /// An offer to show the camera by the connection of this name; with fresh ICE on one that is there.
    ///
    /// # Errors
    /// When the page cannot make one.
    pub fn offer(&mut self, name: &str) -> anyhow::Result<String> {
        self.text(json!({ "do": "offer", "name": name }))
    }

    /// The answer to it.
    ///
    /// # Errors
    /// When the browser does not take it.
    pub fn answered(&mut self, name: &str, sdp: &str) -> anyhow::Result<()> {
        self.ask(json!({ "do": "answered", "name": name, "sdp": sdp }))?;
        Ok(())
    }

    /// Takes an offer of pictures, and gives the answer.
    ///
    /// # Errors
    /// When the browser does not take it.
    pub fn answer_to(&mut self, name: &str, sdp: &str) -> anyhow::Result<String> {
        self.text(json!({ "do": "answer", "name": name, "sdp": sdp }))
    }

    /// Waits until five more frames have been decoded in a section, and gives what the last shows.
    ///
    /// # Errors
    /// When they do not come.
    pub fn see(&mut self, name: &str, mid: &str) -> anyhow::Result<Seen> {
        let seen = self.ask(json!({ "do": "seen", "name": name, "mid": mid, "frames": 5 }))?;
        ensure!(
            seen["width"] == WIDTH && seen["height"] == HEIGHT,
            "another size: {seen}"
        );
        let byte = |name: &str| u8::try_from(seen[name].as_u64().unwrap_or(255));
        Ok(Seen {
            number: byte("number")?,
            colour: byte("colour")?,
        })
    }

    /// How many frames have been decoded in a section.
    ///
    /// # Errors
    /// When there is no such section.
    pub fn frames(&mut self, name: &str, mid: &str) -> anyhow::Result<u64> {
        let frames = self.ask(json!({ "do": "frames", "name": name, "mid": mid }))?;
        Ok(frames.as_u64().unwrap_or_default())
    }

    /// An offer of sound, a tone of so many hertz at −10 dBFS, by the connection of this name. By one that is there it is an offer for which
    /// Chromium has restarted ICE (`RTCPeerConnection.restartIce`).
    ///
    /// # Errors
    /// When the browser makes none.
    pub fn voice(&mut self, name: &str, hertz: u16) -> anyhow::Result<String> {
        self.text(json!({ "do": "voice", "name": name, "hertz": hertz }))
    }

    /// Waits until sound comes by another pair of addresses than before the last offer, and gives how long that took from when it was begun.
    ///
    /// # Errors
    /// When none comes.
    pub fn heard(&mut self, name: &str) -> anyhow::Result<Duration> {
        let took = self.ask(json!({ "do": "heard", "name": name }))?;
        let ms = took.as_f64().context("no time")?;
        Ok(Duration::from_secs_f64(ms / 1_000.0))
    }

    /// Closes a connection.
    ///
    /// # Errors
    /// When the page does not answer.
    pub fn close(&mut self, name: &str) -> anyhow::Result<()> {
        self.ask(json!({ "do": "close", "name": name }))?;
        Ok(())
    }

    fn text(&mut self, command: Value) -> anyhow::Result<String> {
        match self.ask(command)? {
            Value::String(text) => Ok(text),
            other => bail!("expected a text, came {other}"),
        }
    }

    fn ask(&mut self, command: Value) -> anyhow::Result<Value> {
        self.program.say(&command.to_string())?;
        let what = command["do"].as_str().unwrap_or_default().to_owned();
        self.answer(&what)
    }

    fn answer(&mut self, what: &str) -> anyhow::Result<Value> {
        let said = self
            .program
            .wait_line_from(self.next, what, |line| line.stdout)?;
        self.next = said.0;
        let mut said: Value = serde_json::from_str(&said.1.text)?;
        match said.get("failed").and_then(Value::as_str) {
            None => Ok(said["done"].take()),
            Some(words) => bail!("{what}: {words}"),
        }
    }
}

/// What a camera with this number looks like when it arrives.
pub fn number(number: u8) -> Seen {
    Seen {
        number,
        colour: number,
    }
}

/// Writes a second of a camera that shows a number: four squares in a row, white for a one, on a field whose red, green and blue are its bits,
/// from the lowest; a bar at the bottom moves.
///
/// # Errors
/// When it cannot be written.
pub fn write_camera(path: &Path, number: u8) -> anyhow::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    writeln!(
        file,
        "YUV4MPEG2 W{WIDTH} H{HEIGHT} F{RATE}:1 Ip A1:1 C420jpeg"
    )?;
    let strength = |bit: u8| if number & bit != 0 { 190.0 } else { 40.0 };
    let field = yuv(strength(1), strength(2), strength(4));
    let (white, black) = (yuv(255.0, 255.0, 255.0), yuv(0.0, 0.0, 0.0));
    let colour = |frame: usize, x: usize, y: usize| {
        let square = x / 80;
        if (70..170).contains(&y) && (10..70).contains(&(x % 80)) {
            let one = number & (8 >> square) != 0;
            return if one { white } else { black };
        }
        let bar = frame * WIDTH / RATE;
        if y >= 220 && (bar..bar + 20).contains(&x) {
            return white;
        }
        field
    };
    for frame in 0..RATE {
        writeln!(file, "FRAME")?;
        for y in 0..HEIGHT {
            let row: Vec<u8> = (0..WIDTH).map(|x| colour(frame, x, y).0).collect();
            file.write_all(&row)?;
        }
        for plane in [1, 2] {
            for y in (0..HEIGHT).step_by(2) {
                let of = |x| {
                    let (_, u, v) = colour(frame, x, y);
                    if plane == 1 { u } else { v }
                };
                let row: Vec<u8> = (0..WIDTH).step_by(2).map(of).collect();
                file.write_all(&row)?;
            }
        }
    }
    file.flush()?;
    Ok(())
}

/// ITU-R BT.601 with the full range, as JPEG has it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "each is clamped to a byte"
)]
fn yuv(red: f64, green: f64, blue: f64) -> (u8, u8, u8) {
    let byte = |value: f64| value.round().clamp(0.0, 255.0) as u8;
    (
        byte(0.299 * red + 0.587 * green + 0.114 * blue),
        byte(128.0 - 0.168_736 * red - 0.331_264 * green + 0.5 * blue),
        byte(128.0 + 0.5 * red - 0.418_688 * green - 0.081_312 * blue),
    )
}
