//! What tests stand on: virtual time, a seeded network, and peers on real sockets that follow a script.
//!
//! For the pure cores: [`clock`], [`net`] and [`sim`] run several of them against each other in virtual time, over a network that loses,
//! doubles, delays and reorders by a seed. For whole programs: [`ports`] reserves ports for servers that cannot take
//! port 0, [`process`] runs them, [`peer`] is a SIP peer that says and expects exactly what a test tells it, and
//! [`relay`] spoils RTP between two real sockets, [`ws_relay`] changes what a program tells another by WebSocket. Nothing here sleeps; every wait is for an event and has an end.

pub mod call;
pub mod clock;
pub mod namespace;
pub mod net;
pub mod peer;
pub mod ports;
pub mod process;
pub mod relay;
pub mod rng;
pub mod sim;
pub mod sip_text;
mod websocket;
pub mod ws_relay;

use std::time::Duration;

/// How long a test waits for something from a real program before it gives up: five times and more what any of them
/// needs on two busy cores.
pub const GIVE_UP: Duration = Duration::from_secs(20);
