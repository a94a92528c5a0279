//! Telephony against a callee of the same SIP core, in virtual time, with the media bridge's part spoken by the test.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod legs;
mod moving;
mod servers;
mod sight;
mod stage;
