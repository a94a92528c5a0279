//! The IM server: registrar, relay of messages, log and kept chat, presence, and the assertion of identities to services. Pure: bytes
//! and answers in, bytes and questions out; the time is an argument. Between people and the service for conferences it is a proxy.
//!
//! One call's road: `handle_message` with a MESSAGE gives `Output::Store(LogMessage)`; `handle_stored` with its id gives the
//! 202 and a copy for each device. Nothing is acknowledged before the store says that it is durable. Where a message exceeds
//! what may go by UDP (RFC 3261 §18.1.1) and its receiver has no connection, control is answered 513; of chat the receiver is told
//! by a short text with a link, and the message stays kept until they register over a connection.

mod accounts;
mod aor;
mod authenticate;
mod caps;
mod config;
mod contact;
mod content;
mod date;
mod duplicates;
mod encoding;
mod failures;
mod kept;
mod message;
pub mod pidf;
mod ports;
mod presence;
mod proxy;
mod publish;
mod register;
mod registrar;
mod relay;
mod saved;
mod sent;
mod server;
mod short_text;
mod told;
mod under_way;
mod watch;

pub use caps::{Feature, ServiceCaps};
pub use config::{Config, Limits, ViaHosts, Wall};
pub use contact::Capabilities;
pub use ports::{
    AccountInfo, DevicePassword, Event, Gone, KeptMessage, LoggedMessage, LookupToken, Output,
    SavedBinding, StoreFault, StoreOp, StoreToken, Stored, Token,
};
pub use relay::MESSAGE_ID;
pub use sent::SENT_TO;
pub use server::ImServer;
