//! The focus in virtual time.

mod authority;
mod conduct;
mod ends;
mod pacing;
mod property;
mod support;
