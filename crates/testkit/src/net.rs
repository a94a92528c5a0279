//! A network in memory: datagrams that are lost, doubled, delayed and overtaken, by a seed and in virtual time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::rng::Rng;

/// Most datagrams on their way at once; further ones are lost and counted, as by a full router.
pub const IN_FLIGHT_MAX: usize = 100_000;

/// What a network does to datagrams.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// Lost, in thousandths.
    pub loss_permille: u32,
    /// Delivered twice, in thousandths.
    pub duplicate_permille: u32,
    /// Held back so that later ones overtake, in thousandths.
    pub reorder_permille: u32,
    /// Shortest time on the way.
    pub delay_min: Duration,
    /// Longest time on the way, of one that is not held back.
    pub delay_max: Duration,
    /// How much longer one that is held back takes.
    pub held_back: Duration,
}

impl Weather {
    /// Nothing is lost and everything arrives after 1 ms, in order.
    pub fn fair() -> Self {
        let delay = Duration::from_millis(1);
        Self {
            loss_permille: 0,
            duplicate_permille: 0,
            reorder_permille: 0,
            delay_min: delay,
            delay_max: delay,
            held_back: Duration::ZERO,
        }
    }
    /// A bad line: 10 % lost, 5 % doubled, 10 % overtaken by what was sent up to 300 ms later, 5 to 150 ms on the way.
    pub fn storm() -> Self {
        Self {
            loss_permille: 100,
            duplicate_permille: 50,
            reorder_permille: 100,
            delay_min: Duration::from_millis(5),
            delay_max: Duration::from_millis(150),
            held_back: Duration::from_millis(300),
        }
    }
}

/// One datagram at its destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery<A, P> {
    /// Who sent it.
    pub from: A,
    /// For whom it is.
    pub to: A,
    /// What it holds.
    pub packet: P,
}

/// What happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Handed to the network.
    pub sent: u64,
    /// Lost by the weather.
    pub lost: u64,
    /// Doubled by the weather.
    pub doubled: u64,
    /// Held back by the weather.
    pub held_back: u64,
    /// Lost because [`IN_FLIGHT_MAX`] were on their way.
    pub overflowed: u64,
    /// Handed to receivers.
    pub delivered: u64,
}

/// The network; `A` is what it takes for an address, `P` for a datagram.
#[derive(Debug)]
pub struct Network<A, P> {
    weather: Weather,
    rng: Rng,
    /// By time of arrival, then by order of sending, so that equal seeds give equal runs.
    in_flight: BTreeMap<(Instant, u64), Delivery<A, P>>,
    serial: u64,
    tally: Tally,
}

impl<A, P: Clone> Network<A, P>
where
    A: Clone,
{
    /// A network with this weather, decided by `seed`.
    pub fn new(weather: Weather, seed: u64) -> Self {
        Self {
            weather,
            rng: Rng::new(seed),
            in_flight: BTreeMap::new(),
            serial: 0,
            tally: Tally::default(),
        }
    }

    /// Changes the weather for what is sent from now on.
    pub fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// Sends one datagram.
    pub fn send(&mut self, from: A, to: A, packet: P, now: Instant) {
        self.tally.sent += 1;
        if self.rng.chance(self.weather.loss_permille) {
            self.tally.lost += 1;
            return;
        }
        let delivery = Delivery { from, to, packet };
        if self.rng.chance(self.weather.duplicate_permille) {
            self.tally.doubled += 1;
            self.launch(delivery.clone(), now);
        }
        self.launch(delivery, now);
    }

    fn launch(&mut self, delivery: Delivery<A, P>, now: Instant) {
        if self.in_flight.len() >= IN_FLIGHT_MAX {
            self.tally.overflowed += 1;
            return;
        }
        let spread = self
            .weather
            .delay_max
            .saturating_sub(self.weather.delay_min);
        let spread_us = u64::try_from(spread.as_micros()).unwrap_or(u64::MAX - 1);
        let jitter = Duration::from_micros(self.rng.below(spread_us.saturating_add(1)));
        let mut due = now + self.weather.delay_min + jitter;
        if self.rng.chance(self.weather.reorder_permille) {
            self.tally.held_back += 1;
            due += self.weather.held_back;
        }
        self.serial += 1;
        self.in_flight.insert((due, self.serial), delivery);
    }

    /// When the next datagram arrives.
    pub fn next_due(&self) -> Option<Instant> {
        self.in_flight.keys().next().map(|(due, _)| *due)
    }

    /// Takes the next datagram that has arrived by `now`.
    pub fn receive(&mut self, now: Instant) -> Option<Delivery<A, P>> {
        let entry = self.in_flight.first_entry()?;
        if entry.key().0 > now {
            return None;
        }
        self.tally.delivered += 1;
        Some(entry.remove())
    }

    /// How many datagrams are on their way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// What happened so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::epoch;

    fn run(weather: Weather, seed: u64) -> (Vec<u32>, Tally) {
        let mut network = Network::new(weather, seed);
        let mut order = Vec::new();
        for n in 0..2_000_u32 {
            network.send('a', 'b', n, epoch() + Duration::from_millis(20) * n);
        }
        while let Some(due) = network.next_due() {
            order.extend(network.receive(due).map(|delivery| delivery.packet));
        }
        (order, network.tally())
    }

    #[test]
    fn fair_weather_delivers_everything_in_order() {
        let (order, tally) = run(Weather::fair(), 1);
        assert_eq!(order, (0..2_000).collect::<Vec<_>>());
        assert_eq!((tally.lost, tally.doubled, tally.delivered), (0, 0, 2_000));
    }

    #[test]
    fn a_storm_loses_doubles_and_reorders_the_same_way_for_the_same_seed() {
        let (order, tally) = run(Weather::storm(), 42);
        assert_eq!(order, run(Weather::storm(), 42).0);
        assert_ne!(order, run(Weather::storm(), 43).0);
        assert!((140..=260).contains(&tally.lost), "{tally:?}");
        assert!((60..=140).contains(&tally.doubled), "{tally:?}");
        assert!(order.windows(2).any(|pair| pair[0] > pair[1]));
        assert_eq!(tally.delivered, tally.sent - tally.lost + tally.doubled);
    }

    #[test]
    fn nothing_arrives_before_its_time() {
        let mut network = Network::new(Weather::fair(), 1);
        network.send('a', 'b', (), epoch());
        assert_eq!(network.receive(epoch()), None);
        assert!(
            network
                .receive(epoch() + Duration::from_millis(1))
                .is_some()
        );
        assert_eq!((network.in_flight(), network.next_due()), (0, None));
    }
}
