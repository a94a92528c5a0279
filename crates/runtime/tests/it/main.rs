//! The transports and the driver against real sockets on the loopback. No test sleeps; where a timeout is tested the
//! clock is paused and jumps.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on shall say where"
)]

mod cores;
mod limits;
mod peers;
mod transports;
mod websocket;
