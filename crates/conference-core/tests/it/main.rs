//! The focus in virtual time.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests too may stop at what cannot be"
)]

mod authority;
mod conduct;
mod ends;
mod event_package;
mod pacing;
mod property;
mod support;
