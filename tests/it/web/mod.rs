//! Browsers' legs.

pub mod calls;
mod first_yes;
mod ice_restart;
mod media;
mod secure;
pub mod window;

use serde_json::Value;
use testkit::process::Program;

/// What a program says of this, from a line on; and the line after it.
fn word(program: &Program, name: &str, from: usize) -> (Value, usize) {
    let begin = format!("{{\"{name}\"");
    let said = program.wait_line_from(from, name, |line| {
        line.stdout && line.text.starts_with(&begin)
    });
    let (next, line) = said.unwrap();
    let value: Value = serde_json::from_str(&line.text).unwrap();
    (value[name].clone(), next)
}
