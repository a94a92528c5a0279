//! Several cores in one virtual world: each is told what arrives and when its timers are due, until nothing is left to do.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::clock::VirtualClock;
use crate::net::{Network, Weather};

/// Most outputs one node may give in a row without time moving; more is a loop, and the test fails.
pub const OUTPUT_BURST_MAX: usize = 10_000;

/// A core as the simulation sees it: the three calls of every pure core.
pub trait Node<A, P> {
    /// A datagram has arrived.
    fn handle(&mut self, from: A, packet: P, now: Instant);
    /// The next datagram to send, and for whom; `None` when there is nothing to say.
    fn poll_output(&mut self) -> Option<(A, P)>;
    /// When [`Node::handle_timeout`] is to be called next.
    fn poll_timeout(&self) -> Option<Instant>;
    /// The moment of [`Node::poll_timeout`] has come.
    fn handle_timeout(&mut self, now: Instant);
}

/// The world: clock, network and the nodes by their addresses.
pub struct Simulation<A, P, N> {
    /// Virtual time; starts at [`crate::clock::epoch`].
    pub clock: VirtualClock,
    /// The network between the nodes.
    pub network: Network<A, P>,
    /// The nodes.
    pub nodes: BTreeMap<A, N>,
}

impl<A: Ord + Clone, P: Clone, N: Node<A, P>> Simulation<A, P, N> {
    /// An empty world.
    pub fn new(weather: Weather, seed: u64) -> Self {
        Self {
            clock: VirtualClock::new(),
            network: Network::new(weather, seed),
            nodes: BTreeMap::new(),
        }
    }

    /// Runs until `done` holds, nothing is left to happen, or `limit` of virtual time has passed. Returns whether `done` held.
    ///
    /// # Panics
    /// When a node gives more than [`OUTPUT_BURST_MAX`] outputs without time moving, or asks again and again for a
    /// timeout that is already past.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.clock.now() + limit;
        let mut steps_now = 0_usize;
        loop {
            self.collect();
            if done(self) {
                return true;
            }
            let Some(next) = self.next_moment() else {
                return false;
            };
            if next > end {
                self.clock.advance_to(end);
                return false;
            }
            steps_now = if next > self.clock.now() {
                0
            } else {
                steps_now + 1
            };
            assert!(
                steps_now < OUTPUT_BURST_MAX,
                "time stands still: a node's timeout stays in the past"
            );
            let now = self.clock.advance_to(next);
            self.deliver(now);
            for node in self.nodes.values_mut() {
                if node.poll_timeout().is_some_and(|due| due <= now) {
                    node.handle_timeout(now);
                }
            }
        }
    }

    /// Runs until nothing is left to happen, or `limit` of virtual time has passed. Returns whether all is quiet.
    pub fn run_to_quiet(&mut self, limit: Duration) -> bool {
        self.run_until(limit, |_| false);
        self.next_moment().is_none()
    }

    fn next_moment(&self) -> Option<Instant> {
        let timers = self.nodes.values().filter_map(Node::poll_timeout);
        timers.chain(self.network.next_due()).min()
    }

    fn collect(&mut self) {
        let now = self.clock.now();
        for (address, node) in &mut self.nodes {
            let mut burst = 0;
            while let Some((to, packet)) = node.poll_output() {
                burst += 1;
                assert!(burst <= OUTPUT_BURST_MAX, "a node never stops talking");
                self.network.send(address.clone(), to, packet, now);
            }
        }
    }

    /// What is for an address that nobody has is lost, as on a real network.
    fn deliver(&mut self, now: Instant) {
        while let Some(delivery) = self.network.receive(now) {
            if let Some(node) = self.nodes.get_mut(&delivery.to) {
                node.handle(delivery.from, delivery.packet, now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends numbered packets until each is acknowledged, as simply as can be.
    #[derive(Default)]
    struct Stubborn {
        waiting: BTreeMap<u32, Instant>,
        seen: Vec<u32>,
        out: Vec<(char, (bool, u32))>,
    }

    impl Node<char, (bool, u32)> for Stubborn {
        fn handle(&mut self, from: char, (is_ack, number): (bool, u32), _: Instant) {
            if is_ack {
                self.waiting.remove(&number);
            } else {
                if !self.seen.contains(&number) {
                    self.seen.push(number);
                }
                self.out.push((from, (true, number)));
            }
        }
        fn poll_output(&mut self) -> Option<(char, (bool, u32))> {
            self.out.pop()
        }
        fn poll_timeout(&self) -> Option<Instant> {
            self.waiting.values().min().copied()
        }
        fn handle_timeout(&mut self, now: Instant) {
            for (number, due) in &mut self.waiting {
                if *due <= now {
                    self.out.push(('b', (false, *number)));
                    *due = now + Duration::from_millis(500);
                }
            }
        }
    }

    #[test]
    fn two_nodes_get_everything_through_a_storm_in_virtual_time() {
        let mut world = Simulation::new(Weather::storm(), 11);
        let start = world.clock.now();
        let mut sender = Stubborn::default();
        sender
            .waiting
            .extend((0..200).map(|number| (number, start)));
        world.nodes.insert('a', sender);
        world.nodes.insert('b', Stubborn::default());
        assert!(world.run_to_quiet(Duration::from_secs(60)));
        assert_eq!(world.nodes[&'b'].seen.len(), 200);
        assert!(world.network.tally().lost > 0);
        assert!(world.clock.elapsed() > Duration::from_millis(500));
    }

    #[test]
    fn the_limit_ends_what_never_ends() {
        let mut world = Simulation::new(Weather::fair(), 1);
        let mut sender = Stubborn::default();
        sender.waiting.insert(1, world.clock.now());
        world.nodes.insert('a', sender);
        assert!(!world.run_until(Duration::from_secs(5), |_| false));
        assert_eq!(world.clock.elapsed(), Duration::from_secs(5));
    }
}
