//! The messages of the RFCs, properties of the parsers, and two sides of a conversation in virtual time.

mod corpus;
mod net;
mod properties;
mod torture;
mod transactions;
