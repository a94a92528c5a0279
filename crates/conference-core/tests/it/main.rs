//! The focus in virtual time.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests too may stop at what cannot be"
)]

mod arrivals;
mod authority;
mod conduct;
mod ends;
mod event_package;
mod keys;
mod moderation;
mod moving;
mod pacing;
mod property;
mod support;
