//! The channel between clients and conferences: the IM server (ours, or Kamailio as somebody else's), the gateway, chat,
//! the log, and what happens when any of them meets faults.

mod control;
mod log;
mod soap;
mod stage;
mod words;
