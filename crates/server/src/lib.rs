//! Puts the parts together: configuration, roles, wiring, logs and metrics.

pub mod check;
pub mod config;
pub mod logging;
