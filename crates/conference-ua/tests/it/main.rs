//! Conferences as a SIP user, in virtual time: alone with a scripted IM server, and together with ours.

#![expect(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod any_input;
mod calls;
mod faces;
mod letters;
mod phones;
mod pictures;
mod plain;
mod scene;
mod subscriptions;
mod with_im_server;
