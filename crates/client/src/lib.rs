//! An instant-messaging client for programs: registers at a SIP server and stays registered, sends and receives MESSAGE
//! (RFC 3428), and commands conferences by SOAP in messages. The command line, the self-test and tests are made of it.
//!
//! [`ImClient`] is plain chat; [`ConferenceClient`] works over one, parts what comes (answers go to who asked, reports and
//! chat to [`ConferenceClient::next`]) and repeats commands that got no answer. [`Followed`] is one conference as reports
//! build it up.

mod conference;
mod config;
mod core;
mod follow;
mod im;
mod inbox;
mod incoming;

pub use conference::{CommandError, ConferenceClient, Event, Patience};
pub use config::{Config, ConnectError};
pub use follow::Followed;
pub use im::{Connection, ImClient, SendError, Status};
pub use incoming::Incoming;
