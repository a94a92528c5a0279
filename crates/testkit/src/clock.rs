//! Virtual time: an `Instant` that moves only when the test says so.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The moment at which every virtual clock of this process starts.
pub fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    #[expect(
        clippy::disallowed_methods,
        reason = "std has no other way to make the first Instant; it is never compared with the real time"
    )]
    *EPOCH.get_or_init(Instant::now)
}

/// A clock that the test moves.
#[derive(Debug, Clone)]
pub struct VirtualClock {
    now: Instant,
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self { now: epoch() }
    }
}

impl VirtualClock {
    /// A clock at [`epoch`].
    pub fn new() -> Self {
        Self::default()
    }
    /// The virtual moment.
    pub fn now(&self) -> Instant {
        self.now
    }
    /// How long ago the epoch was.
    pub fn elapsed(&self) -> Duration {
        self.now.duration_since(epoch())
    }
    /// Moves forward by `step`.
    pub fn advance(&mut self, step: Duration) -> Instant {
        self.now += step;
        self.now
    }
    /// Moves forward to `moment`; a moment in the past leaves the clock where it is.
    pub fn advance_to(&mut self, moment: Instant) -> Instant {
        self.now = self.now.max(moment);
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_moves_forward_only_and_only_when_told() {
        let mut clock = VirtualClock::new();
        assert_eq!(clock.now(), epoch());
        clock.advance(Duration::from_secs(2));
        clock.advance_to(epoch());
        assert_eq!(clock.elapsed(), Duration::from_secs(2));
    }
}
