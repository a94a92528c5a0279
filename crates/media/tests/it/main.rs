//! The engine on real loopback sockets. Telephones are paced by the packets that the engine sends them every 20 ms, so
//! no test sleeps; what does not come in time fails on a socket's read timeout.

#![expect(clippy::unwrap_used, reason = "tests")]

mod browser;
mod phone;
mod signal;

mod conference;
mod control;
mod network;
mod web;
mod web_network;
