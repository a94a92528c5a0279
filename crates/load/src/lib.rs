//! The load program and what benchmarks need around it: one media sender for every server, a trunk that servers call, Janus
//! and Kamailio as peers, a generator of instant messages, and the accounting of processor time.
//!
//! ```text
//!            INVITE (our server dials out, so the load is the trunk)
//!  server ◄──────────────────────────────► [`trunk`]    ┐
//!  Janus  ◄── its API over a Unix socket ─► [`janus`]    ├─ where to send, where to listen
//!     ▲                                                  ▼
//!     └─────────────── G.711 over RTP ────────────► [`media`]: one thread, the same for both
//!
//!  media bridge ◄─── its port in JSON lines ──────► [`bridge`]
//!     └─────────────── Opus over WebRTC ───────────► [`web`]: one thread
//!
//!  server or Kamailio ◄──── REGISTER, MESSAGE over TCP ────► [`messages`]: one thread, the same for both
//!
//!  server ◄── SIP over WebSocket ──► [`follower`]: the window's client library under Node
//! ```
//!
//! Servers run pinned to one core ([`machine`]), all of this on another. Everything is on the loopback.

pub mod bridge;
pub mod follower;
pub mod janus;
pub mod kamailio;
mod lines;
pub mod machine;
pub mod media;
pub mod messages;
pub mod report;
pub mod trunk;
pub mod web;
