//! The media bridge: threads that receive, mix and send RTP for the legs of telephones and browsers.
//!
//! ```text
//!  tokio side                         a media thread (one per core, pinned)
//!  ──────────                         ─────────────────────────────────────
//!  Engine::command ──rtrb + eventfd──► Shard: timerfd every 2.5 ms while any leg is connected
//!  (names → numbers,                    · reads the sockets that have something (epoll)
//!   binds sockets)                      · ticks the conferences of this phase (each every 20 ms)
//!  Events::next   ◄──rtrb + eventfd──
//!  (numbers → names, drops what is closed)
//! ```
//!
//! A media thread takes no lock, does not allocate in a tick, and never waits for a socket. Everything that costs time
//! (binding and closing sockets, names, making and freeing legs) happens on the other side of the queues. Browsers' legs
//! ([`web`]) are an exception in two points: their sessions (`str0m`) allocate for each packet and want the time, which is read
//! once a phase for all of them. A conference without browsers has neither.

mod conference;
mod config;
mod directory;
mod engine;
mod events;
pub mod forwarding;
mod leg;
mod ports;
mod prompts;
mod queue;
mod queued;
mod seat;
mod shard;
mod web;

pub use config::{Config, CountersSnapshot, StartError};
pub use engine::{CommandError, Engine};
pub use events::{AsyncEvents, Events};
pub use queued::hand_over;
