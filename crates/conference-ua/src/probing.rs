//! Whether a client is there still of which nothing shows it: it is asked within its call (OPTIONS, RFC 3261 §11) now and then.

use std::time::Duration;

/// How often a client is asked.
pub(crate) const PROBE_EVERY: Duration = Duration::from_secs(30);
/// And how soon again when it has not answered.
pub(crate) const PROBE_AGAIN: Duration = Duration::from_secs(5);

/// What comes in place of a client's own answer where it is not reached: from us (408) or the IM server. Other failures are its own, or of a
/// server that is in trouble itself, and say nothing of the client.
pub(crate) fn is_away(status: u16) -> bool {
    matches!(status, 404 | 408 | 410 | 430 | 480)
}
