//! Puts the parts together: configuration, roles, wiring, logs and metrics.

pub mod check;
pub mod config;
pub mod files;
mod housekeeping;
mod http;
mod im_account;
pub mod logging;
mod metrics;
mod role_conference;
mod role_gateway;
mod role_im;
mod role_janus;
mod start;
mod video_servers;

pub use http::Connection;
pub use start::{Server, StartError};
