//! Video servers: what each must do, tried on those that there are.

mod janus;
mod server;
