//! Conferences as a SIP user: registers at the IM server like any client, ours or another, and serves the conference event package
//! (RFC 4575) to who is on a conference's roster. It takes the calls of people's clients, with sound and with
//! pictures, tells the IM server who is on the phone and what each conference looks like from outside (RFC 3903, RFC 4480), and sends people
//! invitations. Pure: messages,
//! states of conferences and the time come in, messages and wishes go out.
//!
//! Who asks is the IM server's word (P-Asserted-Identity, RFC 3325), believed only where whoever runs this says so. What a conference is
//! like comes from its focus, for the conferences that somebody watches ([`Output::Watch`]); there is never more than the newest state of
//! one to be told, so that nothing piles up.

mod calls;
mod documents;
mod faces;
mod identity;
mod letters;
mod phones;
mod pictures;
mod ports;
mod probing;
mod rosters;
mod subscriptions;
mod ua;

pub use phones::on_the_phone;
pub use ports::{Config, Event, Limits, Output};
pub use ua::{Believes, ConferenceUa};
