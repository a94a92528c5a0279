//! Whether the other side of a connection is there still: it is asked often, and taken for gone when it has said nothing for long, or does
//! not read in time.

use std::time::{Duration, Instant};

use runtime::clock;
use runtime::websocket::Ended;

/// What is promised to whoever shows or sees: where a server is lost and another takes over, everybody is back within this, also where the
/// first falls silent and no connection breaks.
const BACK_MAX: Duration = Duration::from_secs(5);
/// What is left of that for all the rest: placing the conference anew, telling of it, and the new calls with their handshakes.
const REST: Duration = Duration::from_secs(2);
/// How long the other side may say nothing, not even an answer to whether it is there, and how long a text may take to be written.
pub(crate) const SILENCE_MAX: Duration = BACK_MAX.saturating_sub(REST);
/// How often it is asked. Whoever is there answers within milliseconds; an answer that is sent anew by TCP three times in a row comes
/// within two seconds still (RFC 6298), and ends nothing.
const PING_EVERY: Duration = Duration::from_millis(500);

/// What is to be done at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duty {
    /// Ask whether it is there.
    Ping,
    /// It is gone.
    GiveUp,
    /// Nothing before [`Vigil::due`].
    Wait,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Vigil {
    heard: Instant,
    ping: Instant,
}

impl Vigil {
    /// Begins with a connection that stands.
    pub fn new(now: Instant) -> Self {
        Self {
            heard: now,
            ping: now + PING_EVERY,
        }
    }

    /// The other side has said something.
    pub fn hears(&mut self, now: Instant) {
        self.heard = now;
    }

    /// When something is to be done.
    pub fn due(&self) -> Instant {
        self.ping.min(self.heard + SILENCE_MAX)
    }

    /// What is to be done now. A ping that it gives is taken for sent.
    pub fn duty(&mut self, now: Instant) -> Duty {
        if now >= self.heard + SILENCE_MAX {
            return Duty::GiveUp;
        }
        if now < self.ping {
            return Duty::Wait;
        }
        self.ping = now + PING_EVERY;
        Duty::Ping
    }
}

/// Writing ends with who does not read in time, in words.
pub(crate) async fn in_time(
    writing: impl Future<Output = Result<(), Ended>>,
) -> Result<(), String> {
    match clock::within(SILENCE_MAX, writing).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(ended)) => Err(ended.0),
        Err(_) => Err(silent()),
    }
}

/// Words for whoever fell silent.
pub(crate) fn silent() -> String {
    format!("nothing heard for {} s", SILENCE_MAX.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// The other side answers each ping after `delay`, and none that is asked from `silent` on; gives when it is taken for gone.
    fn watch(delay: Duration, silent: Duration, end: Duration) -> Option<Duration> {
        let begin = clock::now();
        let mut vigil = Vigil::new(begin);
        let mut answers: Vec<Instant> = Vec::new();
        let mut now = begin;
        while now < begin + end {
            let next = answers.first().copied().filter(|at| *at <= vigil.due());
            now = next.unwrap_or_else(|| vigil.due());
            if next.is_some() {
                answers.remove(0);
                vigil.hears(now);
                continue;
            }
            match vigil.duty(now) {
                Duty::GiveUp => return Some(now - begin),
                Duty::Ping if now < begin + silent => answers.push(now + delay),
                Duty::Ping | Duty::Wait => {}
            }
        }
        None
    }

    #[test]
    fn whoever_falls_silent_is_noticed_early_enough_for_all_the_rest() {
        for at in (0..4_000).step_by(37).map(|ms| ms * MS) {
            let noticed = watch(MS, at, Duration::from_secs(60)).unwrap();
            assert!(noticed <= at + MS + SILENCE_MAX, "{at:?}: {noticed:?}");
        }
    }

    #[test]
    fn who_is_slow_is_not_taken_for_gone() {
        let day = Duration::from_secs(24 * 3_600);
        for delay in [1, 200, 600, 1_400, 2_400].map(|ms| ms * MS) {
            assert_eq!(watch(delay, day, day), None, "{delay:?}");
        }
    }
}
