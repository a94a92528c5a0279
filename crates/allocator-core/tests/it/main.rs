//! The allocator among scripted services, servers and people, in virtual time.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod beside;
mod ladder;
mod moving;
mod requests;
mod storm;
mod ways;
mod words;
mod world;
