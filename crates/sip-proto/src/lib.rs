//! SIP without sockets, clocks or tasks: messages, digest, SDP, transactions, dialogs, calls and a user agent.

pub mod auth;
pub mod flow;
pub mod sdp;

pub use flow::{FlowId, Source, Target, Transport};
