//! The conference service with a real store and a bridge whose events the test gives.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod rest;
mod service;
mod stage;
