//! What end-to-end tests stand on: the real binary ([`convoke`], configured by
//! [`config`]), programs that were not built from this repository
//! ([`peers`]), the tones that telephones speak and hear ([`audio`]), telephones that are nothing but
//! their sound ([`telephone`]), a terminal to sit at ([`terminal`]), drawings of what was said ([`ladder`]), and what time it is ([`clock`]).

pub mod again;
pub mod audio;
pub mod clock;
pub mod config;
pub mod convoke;
pub mod cut;
pub mod ladder;
pub mod netns;
pub mod peers;
pub mod rest;
pub mod spoilt;
pub mod telephone;
pub mod terminal;

use std::io::Write;

/// Says that a test was not made and why, past whatever captures its output; tools/record counts it as ignored.
pub fn skipped(test: &str, why: &str) {
    // Where nothing can be written, nothing can be said.
    writeln!(std::io::stderr(), "\nskipped {test}: {why}").ok();
}
