//! The transports and the driver against real sockets on the loopback. No test sleeps; where a timeout is tested the
//! clock is paused and jumps.

mod cores;
mod limits;
mod peers;
mod transports;
