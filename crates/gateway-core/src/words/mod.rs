//! Plain words, for people with any IM client: what they may say (`parse`) and what they are told (`speak`, of conferences `reports`).

pub mod parse;
pub(crate) mod reports;
pub mod speak;

pub use service_core::words::Language;
