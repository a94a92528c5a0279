//! The edges: with `media`'s threads the only place that reads the clock, opens sockets and spawns tasks. Pure cores
//! are run here (`driver`), fed by SIP's transports (`sip`).

pub mod clock;
pub mod dns;
pub mod driver;
pub mod files;
pub mod probe;
pub mod seed;
pub mod sip;
pub mod tasks;
pub mod tcp;
pub mod tls;
pub mod websocket;
