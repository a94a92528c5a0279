//! The gateway: the IM user `sip:conference@DOMAIN` who takes commands out of SIP MESSAGEs, calls the conference service
//! with them, and carries its answers and reports back as MESSAGEs. Pure (sans I/O): `handle_*` in, `poll_output` out.
//!
//! Whoever drives it does the SIP (REGISTER, receiving and sending MESSAGE) and the HTTP (client of the conference service,
//! server of the reporting service), and holds to this:
//!
//! * Outputs are carried out in their order. `Output::Log` (only behind an IM server that keeps no log of its own) must be
//!   durable before the `Output::Answer` that follows it is sent.
//! * Every `HttpCall` and `SendMessage` is answered once with its token, a failure to connect or a timeout as status 0
//!   (HTTP) or 408 (SIP).
//! * `IncomingMessage::trusted` is true only for a message that came from the configured IM server over TLS or loopback.
//!
//! Two kinds of people talk to it. A *program* sends a SOAP envelope (`text/xml`) whose `wsa:ReplyTo` is the GRUU of the
//! very device; answers and reports go there and nowhere else. A *person* with any IM client sends words (`text/plain`);
//! answers and reports go in words to the address of record. A conference remembers which it was in the ReplyTo that the
//! service keeps, so that a restarted gateway goes on.

mod address;
mod config;
mod device;
mod gateway;
mod io;
mod soap;
mod talk;
pub mod words;

pub use address::{reply_address, words_address};
pub use config::Config;
pub use gateway::Gateway;
pub use io::{Direction, IncomingMessage, LogEntry, Output, ReportEnvelope};
