//! Video servers: what each must do, tried on those that there are.

mod allocator;
mod both;
mod conference;
mod demo;
mod fifty;
mod gateways;
mod janus;
mod linphone;
mod loss;
mod modes;
mod own_client;
pub mod people;
mod rooms;
mod server;
mod together;
mod versions;
mod ways;
mod windows;
