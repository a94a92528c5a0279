//! Two sides of a conversation in virtual time.

mod net;
mod transactions;
