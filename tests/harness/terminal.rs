//! A terminal with a program of ours in it (`tests/py/terminal.py`): what is seen on it, and what is typed.

use anyhow::Context;
use serde_json::{Value, json};
use testkit::process::Program;

use crate::convoke::{Convoke, binary};
use crate::peers::python;

/// The key ↓, as terminals send it (ECMA-48: cursor down).
pub const DOWN: &str = "\u{1b}[B";
/// The key ⏎.
pub const ENTER: &str = "\r";

/// A terminal of 100 columns and 30 rows.
pub struct Terminal {
    program: Program,
    next_line: usize,
}

impl Terminal {
    /// Types a command of the binary into it, on the data of this server.
    ///
    /// # Errors
    /// When Python is not there.
    pub fn start(convoke: &Convoke, arguments: &[&str]) -> anyhow::Result<Self> {
        let (binary, data) = (binary(), convoke.data());
        let (binary, data) = (binary.to_string_lossy(), data.to_string_lossy());
        let words = [&[&*binary][..], arguments, &["--data", &data]].concat();
        Ok(Self {
            program: python::start("terminal.py", &words)?,
            next_line: 0,
        })
    }

    /// Waits for a picture, from the one that is seen now on, and gives its rows.
    ///
    /// # Errors
    /// When none came, or the program ended.
    pub fn until(
        &mut self,
        what: &str,
        fits: impl Fn(&[String]) -> bool,
    ) -> anyhow::Result<Vec<String>> {
        let (next, line) = self.program.wait_line_from(self.next_line, what, |line| {
            line.stdout && rows(&line.text).is_some_and(|rows| fits(&rows))
        })?;
        // The same picture may be what is waited for next.
        self.next_line = next.saturating_sub(1);
        rows(&line.text).context("no picture")
    }

    /// Waits until a row begins so and has this in it.
    ///
    /// # Errors
    /// As [`Terminal::until`].
    pub fn until_row(&mut self, begins: &str, has: &str) -> anyhow::Result<Vec<String>> {
        self.until(&format!("{begins:?} … {has:?}"), |rows| {
            let mut rows = rows.iter();
            rows.any(|row| row.starts_with(begins) && row.contains(has))
        })
    }

    /// Presses keys.
    ///
    /// # Errors
    /// When it is gone.
    pub fn press(&mut self, keys: &str) -> anyhow::Result<()> {
        Ok(self.program.say(&json!(keys).to_string())?)
    }

    /// Waits until the program has ended; gives its exit code, and what it said beside its pictures.
    ///
    /// # Errors
    /// When it goes on.
    pub fn end(self) -> anyhow::Result<(i64, Vec<String>)> {
        let line = self.program.wait_line("its end", |line| {
            line.stdout && line.text.starts_with("{\"code\"")
        })?;
        let end: Value = serde_json::from_str(&line.text)?;
        let said = end["said"].as_array().into_iter().flatten();
        let said = said.filter_map(|line| line.as_str().map(str::to_owned));
        let code = end["code"].as_i64().context("no exit code")?;
        Ok((code, said.collect()))
    }
}

/// The rows of a picture.
fn rows(line: &str) -> Option<Vec<String>> {
    let mut said: Value = serde_json::from_str(line).ok()?;
    serde_json::from_value(said["screen"].take()).ok()
}
