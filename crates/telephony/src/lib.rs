//! Telephone legs: SIP dialogs to trunks, and what they ask of a media bridge (architecture, decision 8: who owns the
//! dialogs does not own the media, so that media can move to another bridge while the call goes on).
//!
//! Pure: SIP messages, bridge commands and media events go in with their time; datagrams, media commands and bridge events
//! come out.

mod cause;
mod config;
mod incoming;
mod leg;
mod telephony;

pub use cause::of_answer;
pub use config::{Config, Server, Trunk};
pub use telephony::{Output, Telephony};
