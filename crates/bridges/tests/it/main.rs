//! What the crate does over real sockets.

mod document;
mod janus;
mod link;
