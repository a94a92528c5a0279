//! Plain words, for people with any IM client: what they may say (`parse`) and what they are told (`speak`).

pub mod parse;
pub mod speak;

pub use service_core::words::Language;
