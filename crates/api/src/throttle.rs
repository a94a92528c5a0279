//! Wrong passwords, counted by who is tried from where: after a few, further ones are refused unread for a time that doubles.
//!
//! An attempt counts when it begins and is forgiven when it was right, so that attempts side by side gain nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use sip_proto::flow::counted_as;

/// The first refusal; each further failure doubles it.
const FIRST_BAN: Duration = Duration::from_secs(2);
/// The longest refusal of an address, or of a person from an address.
const LONGEST_BAN: Duration = Duration::from_secs(300);
/// The longest refusal of a person from everywhere: they themselves are refused meanwhile, so it is short.
const LONGEST_BAN_OF_PERSON: Duration = Duration::from_secs(8);
/// Failures are forgotten after so long without another.
const MEMORY: Duration = Duration::from_secs(900);
/// Wrong passwords that nobody minds: for a person from an address, from an address, for a person.
const FREE_OF_PAIR: u32 = 5;
const FREE_OF_ADDRESS: u32 = 50;
const FREE_OF_PERSON: u32 = 100;
/// Entries remembered. When it is full and nothing is old, all are forgotten: the table never grows beyond it.
const REMEMBERED_MAX: usize = 30_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Pair(IpAddr, Box<str>),
    Address(IpAddr),
    Person(Box<str>),
}

impl Key {
    fn all(address: IpAddr, person: &str) -> [Self; 3] {
        let address = counted_as(address);
        [
            Key::Pair(address, person.into()),
            Key::Address(address),
            Key::Person(person.into()),
        ]
    }
    fn free(&self) -> u32 {
        match self {
            Key::Pair(..) => FREE_OF_PAIR,
            Key::Address(_) => FREE_OF_ADDRESS,
            Key::Person(_) => FREE_OF_PERSON,
        }
    }
    fn longest_ban(&self) -> Duration {
        match self {
            Key::Pair(..) | Key::Address(_) => LONGEST_BAN,
            Key::Person(_) => LONGEST_BAN_OF_PERSON,
        }
    }
}

#[derive(Debug)]
struct Failures {
    count: u32,
    last: Instant,
    banned_until: Option<Instant>,
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    table: HashMap<Key, Failures>,
}

impl Throttle {
    /// Counts an attempt; `Err`: it is refused for so long.
    pub(crate) fn begin(
        &mut self,
        address: IpAddr,
        person: &str,
        now: Instant,
    ) -> Result<(), Duration> {
        let keys = Key::all(address, person);
        let banned = keys.iter().filter_map(|key| self.banned(key, now)).max();
        if let Some(wait) = banned {
            return Err(wait);
        }
        if self.table.len().saturating_add(keys.len()) > REMEMBERED_MAX {
            self.make_room(now);
        }
        for key in keys {
            self.count(key, now);
        }
        Ok(())
    }

    /// The attempt was right: it does not count, and what failed before from there neither.
    pub(crate) fn forgive(&mut self, address: IpAddr, person: &str) {
        self.undo(address, person);
        let [pair, ..] = Key::all(address, person);
        self.table.remove(&pair);
    }

    /// The attempt came to nothing: it does not count.
    pub(crate) fn undo(&mut self, address: IpAddr, person: &str) {
        for key in Key::all(address, person) {
            if let Some(failures) = self.table.get_mut(&key) {
                failures.count = failures.count.saturating_sub(1);
                failures.banned_until = None;
            }
        }
    }

    fn banned(&self, key: &Key, now: Instant) -> Option<Duration> {
        let until = self.table.get(key)?.banned_until?;
        until
            .checked_duration_since(now)
            .filter(|wait| !wait.is_zero())
    }

    fn count(&mut self, key: Key, now: Instant) {
        let (free, longest) = (key.free(), key.longest_ban());
        let failures = self.table.entry(key).or_insert(Failures {
            count: 0,
            last: now,
            banned_until: None,
        });
        if now.saturating_duration_since(failures.last) > MEMORY {
            failures.count = 0;
        }
        failures.last = now;
        failures.count = failures.count.saturating_add(1);
        if let Some(beyond) = failures.count.checked_sub(free) {
            let ban = FIRST_BAN.saturating_mul(1_u32.checked_shl(beyond).unwrap_or(u32::MAX));
            failures.banned_until = now.checked_add(ban.min(longest));
        }
    }

    fn make_room(&mut self, now: Instant) {
        self.table
            .retain(|_, failures| now.saturating_duration_since(failures.last) <= MEMORY);
        if self.table.len().saturating_add(3) > REMEMBERED_MAX {
            self.table.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn refusals_grow_and_end_and_a_right_password_is_forgiven() {
        let mut throttle = Throttle::default();
        let now = runtime::clock::now();
        for _ in 0..FREE_OF_PAIR {
            assert_eq!(throttle.begin(HERE, "bob", now), Ok(()));
        }
        assert_eq!(throttle.begin(HERE, "bob", now), Err(FIRST_BAN));
        assert_eq!(throttle.begin(HERE, "alice", now), Ok(()), "somebody else");
        let elsewhere: IpAddr = "192.0.2.1".parse().unwrap();
        assert_eq!(throttle.begin(elsewhere, "bob", now), Ok(()), "from there");
        let later = now + FIRST_BAN;
        assert_eq!(throttle.begin(HERE, "bob", later), Ok(()));
        assert_eq!(throttle.begin(HERE, "bob", later), Err(FIRST_BAN * 2));
        throttle.forgive(HERE, "bob");
        for _ in 0..FREE_OF_PAIR {
            assert_eq!(throttle.begin(HERE, "bob", later), Ok(()));
            throttle.undo(HERE, "bob");
        }
        assert_eq!(throttle.begin(HERE, "bob", later), Ok(()), "none counted");
    }

    #[test]
    fn neither_many_names_nor_many_addresses_help() {
        let mut throttle = Throttle::default();
        let now = runtime::clock::now();
        for n in 0..FREE_OF_ADDRESS {
            assert_eq!(throttle.begin(HERE, &n.to_string(), now), Ok(()));
        }
        assert_eq!(throttle.begin(HERE, "bob", now), Err(FIRST_BAN));
        let mut throttle = Throttle::default();
        let from = |n: u32| IpAddr::from((n << 8).to_be_bytes());
        for n in 0..FREE_OF_PERSON {
            assert_eq!(throttle.begin(from(n), "bob", now), Ok(()));
        }
        assert!(throttle.begin(from(1_000), "bob", now).is_err());
        assert_eq!(throttle.begin(from(1_000), "alice", now), Ok(()));
        for n in 0..100_000 {
            let _ = throttle.begin(from(n), "carol", now + MEMORY * n);
            assert!(throttle.table.len() <= REMEMBERED_MAX);
        }
    }
}
