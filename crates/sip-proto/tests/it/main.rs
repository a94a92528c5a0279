//! The messages of the RFCs, properties of the parsers, and two sides of a conversation in virtual time.

#![expect(clippy::unwrap_used, reason = "what cannot be read fails the test")]

mod calls;
mod corpus;
mod delayed_offer;
mod net;
mod phones;
mod properties;
mod torture;
mod transactions;
mod ua;
