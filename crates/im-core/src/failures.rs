//! Wrong passwords, counted by address and user: after a few, further ones are refused unread for a time that doubles.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use sip_proto::flow::counted_as;

use crate::config::Limits;

/// The first ban; each further failure doubles it.
const FIRST_BAN: Duration = Duration::from_secs(2);
/// The longest ban.
const LONGEST_BAN: Duration = Duration::from_secs(300);
/// Failures are forgotten after so long without another.
const MEMORY: Duration = Duration::from_secs(900);

/// The user under which the tokens of an address are counted; no account has a space in its name.
const TOKENS: &str = " ";

#[derive(Debug)]
struct Failure {
    count: u32,
    last: Instant,
    banned_until: Option<Instant>,
}

/// The table.
#[derive(Debug)]
pub(crate) struct Failures {
    per_user: u32,
    per_address: u32,
    remembered: usize,
    /// The empty user stands for all of an address, a space for its tokens.
    table: HashMap<(IpAddr, Box<str>), Failure>,
}

impl Failures {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            per_user: limits.failures_per_user.max(1),
            per_address: limits.failures_per_address.max(1),
            remembered: limits.failures_remembered.max(2),
            table: HashMap::new(),
        }
    }

    /// Whether passwords for this user from this address are refused now.
    pub(crate) fn is_banned(&self, address: IpAddr, user: &str, now: Instant) -> bool {
        if self.table.is_empty() {
            return false;
        }
        let address = counted_as(address);
        let banned = |user: &str| {
            self.table
                .get(&(address, user.into()))
                .and_then(|failure| failure.banned_until)
                .is_some_and(|until| now < until)
        };
        banned(user) || banned("")
    }

    /// Counts a wrong password; true when further ones are refused for a while.
    pub(crate) fn note(&mut self, address: IpAddr, user: &str, now: Instant) -> bool {
        if self.table.len().saturating_add(2) > self.remembered {
            self.make_room(now);
        }
        let address = counted_as(address);
        let of_user = self.count(address, user, self.per_user, now);
        let of_address = self.count(address, "", self.per_address, now);
        of_user || of_address
    }

    /// A right password: its user's failures from there are forgiven.
    pub(crate) fn forgive(&mut self, address: IpAddr, user: &str) {
        if !self.table.is_empty() {
            self.table.remove(&(counted_as(address), user.into()));
        }
    }

    /// Whether tokens from this address are refused now.
    pub(crate) fn bans_tokens(&self, address: IpAddr, now: Instant) -> bool {
        let failure = self.table.get(&(counted_as(address), TOKENS.into()));
        let until = failure.and_then(|failure| failure.banned_until);
        until.is_some_and(|until| now < until)
    }

    /// Counts a wrong token; true when further ones from there are refused for a while. Nobody guesses one, so passwords are not
    /// concerned: a page with an old token must not keep its user from signing in.
    pub(crate) fn note_token(&mut self, address: IpAddr, now: Instant) -> bool {
        if self.table.len() >= self.remembered {
            self.make_room(now);
        }
        self.count(counted_as(address), TOKENS, self.per_address, now)
    }

    /// A right token: the wrong ones from there are forgiven.
    pub(crate) fn forgive_tokens(&mut self, address: IpAddr) {
        self.forgive(address, TOKENS);
    }

    fn count(&mut self, address: IpAddr, user: &str, allowed: u32, now: Instant) -> bool {
        let failure = self.table.entry((address, user.into())).or_insert(Failure {
            count: 0,
            last: now,
            banned_until: None,
        });
        if now.saturating_duration_since(failure.last) > MEMORY {
            failure.count = 0;
        }
        failure.last = now;
        failure.count = failure.count.saturating_add(1);
        let Some(beyond) = failure.count.checked_sub(allowed) else {
            return false;
        };
        let ban = FIRST_BAN
            .saturating_mul(1_u32.checked_shl(beyond).unwrap_or(u32::MAX))
            .min(LONGEST_BAN);
        failure.banned_until = now.checked_add(ban);
        true
    }

    /// Forgets what is old, and when nothing is, everything: the table never grows beyond its bound.
    fn make_room(&mut self, now: Instant) {
        self.table
            .retain(|_, failure| now.saturating_duration_since(failure.last) <= MEMORY);
        if self.table.len().saturating_add(2) > self.remembered {
            self.table.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn bans_grow_and_end_and_the_table_is_bounded() {
        let limits = Limits {
            failures_per_user: 3,
            failures_per_address: 100,
            failures_remembered: 10,
            ..Limits::default()
        };
        let mut failures = Failures::new(&limits);
        let here: IpAddr = [127, 0, 0, 1].into();
        let now = Instant::now();
        assert!(!failures.note(here, "bob", now));
        assert!(!failures.note(here, "bob", now));
        assert!(failures.note(here, "bob", now));
        assert!(failures.is_banned(here, "bob", now));
        assert!(!failures.is_banned(here, "alice", now));
        assert!(!failures.is_banned([127, 0, 0, 2].into(), "bob", now));
        let later = now + FIRST_BAN;
        assert!(!failures.is_banned(here, "bob", later));
        assert!(failures.note(here, "bob", later));
        assert!(failures.is_banned(here, "bob", later + FIRST_BAN));
        failures.forgive(here, "bob");
        assert!(!failures.is_banned(here, "bob", later));
        let near: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
        for _ in 0..3 {
            failures.note(near, "bob", now);
        }
        assert!(failures.is_banned(neighbour, "bob", now), "one network");
        for n in 0..200 {
            failures.note(here, &n.to_string(), now);
            assert!(failures.table.len() <= 10);
        }
    }
}
