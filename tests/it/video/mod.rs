//! Video servers: what each must do, tried on those that there are.

mod conference;
mod janus;
mod people;
mod server;
