//! What who tells people something hands to whoever is their IM server's user, in the same process.

use crate::Aor;

/// A message to somebody's clients that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// To whom.
    pub to: Aor,
    /// The Content-Type of the body.
    pub content_type: &'static str,
    /// What it says.
    pub body: String,
    /// How long it is of use, in seconds.
    pub life_s: u32,
}
