//! Scenes in virtual time: devices that register and write to each other, a store that answers when the scene lets it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod any_input;
mod chat;
mod conferences;
mod control;
mod dialogs;
mod encodings;
mod envelopes;
mod presence;
mod register;
mod sender;
mod sent;
mod short_text;
mod tokens;
mod world;
