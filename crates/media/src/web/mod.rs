//! Legs of browsers: WebRTC with Opus, in the same mix as the telephones'.
//!
//! A browser's offer is parsed, and its session made, on the tokio side ([`setup`]); the leg then lives on its conference's media
//! thread like any other. When the browser's network changes it offers a fresh transport: the leg has two for a moment, and
//! gives the old one up when the new one has connected.

mod answer;
mod framing;
mod leg;
mod listener;
mod setup;
mod transport;

pub(crate) use leg::WebLeg;
pub(crate) use listener::{Arrival, Listener};
pub(crate) use setup::{Made, Place, Setup};
pub(crate) use transport::Transport;
