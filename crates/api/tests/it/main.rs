//! The conference service with a real store and a bridge whose events the test gives; REST over real sockets.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod administration;
mod allocated;
mod conferences;
mod me;
mod moderation;
mod openapi;
mod service;
mod sign_in;
mod site;
mod stage;
mod webhooks;
