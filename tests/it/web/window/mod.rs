//! The window in Debian's Chromium, at the real server, with a telephone of another make: how voices get through, and what becomes of a
//! call when something breaks.

mod elsewhere;
mod interruptions;
mod linphone;
mod microphone;
mod network;
mod speech;
pub mod stage;
mod without_udp;
