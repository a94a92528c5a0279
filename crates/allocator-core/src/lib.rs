//! The video-conference allocator: the IM user `sip:video@DOMAIN` whom people ask for a video conference, by SOAP or in plain words. It
//! learns how each person can take part, works out everybody's way in, prepares the conference on a video server, asks the conference
//! service for the conference itself, tells everybody how to get in, and publishes the conference's presence. Pure (sans I/O).
//!
//! It has two channels and no other (architecture, decision 10): SIP to the IM server, over which it reaches the people, the modes
//! service and the conference service, and the bridge protocol to the video servers.
//!
//! ```text
//!  asked ─► modes ─► placed ─► prepared ─► created ─► asker told ─► people invited ─► runs ─► over
//!             │         ▲ │        │           │            │
//!             │         │ └─ next ─┘           │            └ nobody there: taken back
//!             └─────────┴──────────────────────┴ the asker is told why, nothing is left behind
//! ```
//!
//! A conference that runs is placed anew when its video server is lost.
//!
//! Whoever drives it holds to this:
//!
//! * Outputs are carried out in their order.
//! * Every `SendMessage` and `Publish` is answered once with its token, a failure to send as 503, no answer as 408.
//! * `IncomingMessage::trusted` is true only for a message that came from the configured IM server over TLS or loopback.

mod allocator;
mod asks;
mod config;
mod ending;
mod gateways;
mod io;
mod moving;
mod placement;
mod plan;
mod reasons;
mod replies;
mod rooms;
mod running;
mod services;
mod speak;
mod ways;
mod words;

pub use allocator::Allocator;
pub use config::Config;
pub use gateways::{BadRoute, GatewayRoute, dial_string};
pub use io::{Event, IncomingMessage, Output, ServerNews};
