//! The only place that reads a clock. Pure cores get the time as a parameter; edges ask here.

use std::time::{Duration, Instant, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The monotonic time. Follows tokio's paused clock, so tests of edges can run in virtual time.
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The time of day, for what people and other machines read; never for measuring.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the wall clock"
)]
pub fn wall() -> SystemTime {
    SystemTime::now()
}

/// The time of day as RFC 3339 text in UTC with milliseconds: `2026-01-31T12:00:00.123Z`.
pub fn wall_rfc3339() -> String {
    rfc3339(wall())
}

/// A time of day as RFC 3339 text in UTC with milliseconds.
pub fn rfc3339(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    let to_ms = at.replace_millisecond(at.millisecond()).unwrap_or(at);
    to_ms.format(&Rfc3339).unwrap_or_default()
}

/// Milliseconds since 1970-01-01T00:00:00Z; negative before.
pub fn unix_ms(at: SystemTime) -> i64 {
    let (duration, sign) = match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => (after, 1),
        Err(before) => (before.duration(), -1),
    };
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX) * sign
}

/// Waits until a moment of the monotonic time.
pub async fn sleep_until(at: Instant) {
    tokio::time::sleep_until(at.into()).await;
}

/// Waits for a span.
pub async fn sleep(span: Duration) {
    sleep_until(now() + span).await;
}

/// What a bounded wait came to when its time was over first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("timed out after {0:?}")]
pub struct TimedOut(pub Duration);

/// Waits for a future, but not longer than `limit`.
pub async fn within<F: Future>(limit: Duration, future: F) -> Result<F::Output, TimedOut> {
    tokio::time::timeout(limit, future)
        .await
        .map_err(|_| TimedOut(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_print_as_rfc_3339_in_utc() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456);
        assert_eq!(rfc3339(at), "2023-11-14T22:13:20.123Z");
        assert_eq!(unix_ms(at), 1_700_000_000_123);
        assert_eq!(
            unix_ms(SystemTime::UNIX_EPOCH - Duration::from_secs(1)),
            -1000
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_monotonic_time_follows_a_paused_clock() {
        let before = now();
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(now() - before, Duration::from_secs(3600));
        let late = within(Duration::from_secs(5), std::future::pending::<()>()).await;
        assert_eq!(late, Err(TimedOut(Duration::from_secs(5))));
    }
}
