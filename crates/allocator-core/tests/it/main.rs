//! The allocator among scripted services, servers and people, in virtual time.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod admission;
mod beside;
mod ladder;
mod moving;
mod placing;
mod requests;
mod running;
mod services;
mod storm;
mod ways;
mod words;
mod world;
