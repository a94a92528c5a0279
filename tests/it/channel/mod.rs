//! The channel between clients and conferences: the IM server (ours, or Kamailio as somebody else's), the gateway, chat, events,
//! the log, and what happens when any of them meets faults.

mod chat;
mod client;
mod control;
mod faults;
mod follow;
mod log;
mod malformed;
mod reports;
pub mod soap;
mod stage;
mod trunk;
mod watching;
mod words;
