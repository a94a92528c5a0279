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

use std::io;
use std::time::Duration;

/// How long a test waits for something from a real program before it gives up: five times and more what any of them
/// needs on two busy cores.
pub const GIVE_UP: Duration = Duration::from_secs(20);

/// Reads from a socket that has a limit for it, and again where that was interrupted: by a signal, or since the process, or the whole machine,
/// was stopped for a moment and went on (signal(7)). Without a limit the kernel does that by itself.
///
/// # Errors
/// What reading gave otherwise.
pub fn uninterrupted<T>(mut read: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[test]
fn what_was_interrupted_is_read_again_and_what_failed_is_not() {
    let mut left = [
        Err(io::ErrorKind::Interrupted),
        Ok(7),
        Err(io::ErrorKind::TimedOut),
    ]
    .into_iter();
    let mut read = || left.next().unwrap().map_err(io::Error::from);
    assert_eq!(uninterrupted(&mut read).unwrap(), 7);
    let failed = uninterrupted(&mut read).unwrap_err();
    assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
}
