//! End-to-end tests: the real binary among programs that were not built from this repository, and checks of the tree itself.
//!
//! Every test belongs to clauses of `tests/requirements.toml`, or guards an invariant of ARCHITECTURE.md.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends with the first thing that is not as it should be"
)]

mod bridges;
mod calls;
mod channel;
mod descriptions;
mod schemas;
mod trials;
mod video;
mod web;
mod workshop;
