//! What the crate does over real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends with the first thing that is not as it should be"
)]

mod adapter;
mod document;
mod janus;
mod link;
