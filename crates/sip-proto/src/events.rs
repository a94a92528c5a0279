//! Event notification (RFC 6665): who wants to know what (SUBSCRIBE), and telling them (NOTIFY).

mod notifier;
mod words;

pub use notifier::{Asked, Limits, Notifier, Refusal, SubId, Wanted, Watch};
pub use words::{End, EventHeader, SubscriptionState};

/// An event package as the notifier keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package {
    /// Its name in Event: `presence`, `conference`.
    pub name: &'static str,
    /// Life of a subscription that names none, in seconds.
    pub default_s: u32,
    /// The shortest life; a shorter wish is 423 (RFC 6665 §4.2.1.1).
    pub min_s: u32,
    /// The longest; a longer wish is shortened.
    pub max_s: u32,
    /// Time between two notifications of one subscription in the long run; what changes meanwhile goes in one.
    pub pace: std::time::Duration,
    /// Notifications that may go without that pause after a rest, so that what happens quickly is seen at once; 1 for none.
    pub burst: u32,
}
