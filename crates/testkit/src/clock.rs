//! Virtual time: an `Instant` that moves only when the test says so; and the time of day, for what other programs say of it.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The moment at which every virtual clock of this process starts.
pub fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    #[expect(
        clippy::disallowed_methods,
        reason = "std has no other way to make the first Instant; it is never compared with the real time"
    )]
    *EPOCH.get_or_init(Instant::now)
}

/// The time of day in microseconds since 1970, as packets and the messages that peers keep are marked with.
pub fn now_us() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "it is compared with what other programs say of this machine's clock"
    )]
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
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
