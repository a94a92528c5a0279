//! Puts the parts together: configuration, roles, wiring, logs and metrics.

mod alone;
pub mod check;
pub mod config;
pub mod files;
mod housekeeping;
mod http;
mod im_account;
mod im_user;
pub mod logging;
mod metrics;
mod role_allocator;
mod role_conference;
mod role_gateway;
mod role_im;
mod role_janus;
mod role_modes;
mod start;
mod video_servers;

pub use alone::AllocatorAlone;
pub use http::Connection;
pub use start::{Server, StartError};
