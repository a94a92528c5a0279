//! The assembled server on the loopback, with scripted SIP peers.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on shall say where"
)]

mod allocator;
mod apart;
mod bench;
mod conference;
mod follow;
mod forged;
mod gateway;
mod im;
mod log;
mod presence;
mod rest;
mod web;
mod websocket;
