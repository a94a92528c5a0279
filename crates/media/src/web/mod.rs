//! Legs of browsers: WebRTC with Opus, in the same mix as the telephones'.
//!
//! A browser's offer is parsed, and its session made, on the tokio side ([`setup`]); the leg then lives on its conference's media
//! thread like any other. A further offer is compared with what was agreed ([`session`]): it changes the transport that is there, or
//! brings a fresh one, as after a change of network: then the leg has two for a moment, and gives the old one up when the new one
//! has connected.

mod answer;
mod framing;
mod leg;
mod listener;
mod session;
mod setup;
mod transport;

pub(crate) use answer::Offer;
pub(crate) use leg::WebLeg;
pub(crate) use listener::{Arrival, Listener};
pub(crate) use session::{Renewal, Session};
pub(crate) use setup::{Made, Place, Setup};
pub(crate) use transport::Transport;
