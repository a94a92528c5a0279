//! A network in virtual time: seeded loss, delay and so reordering; nodes are driven until nothing more happens.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_proto::endpoint::{Endpoint, Event, Output};
use sip_proto::{FlowId, Message, Source, Target, Transport};

/// SplitMix64: small, seeded, good enough to lose packets.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}

/// What a node does with what its endpoint tells it.
pub trait User {
    fn on_event(&mut self, endpoint: &mut Endpoint, event: Event, now: Instant);
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
    fn on_timeout(&mut self, _endpoint: &mut Endpoint, _now: Instant) {}
}

pub struct Node<U> {
    pub endpoint: Endpoint,
    pub user: U,
    pub addr: SocketAddr,
}

type Packet = (Instant, u64, SocketAddr, SocketAddr);

pub struct Net<U> {
    pub nodes: Vec<Node<U>>,
    pub now: Instant,
    pub transport: Transport,
    /// Of 100 packets, how many are lost (datagrams only).
    pub loss_percent: u64,
    /// Longest delay, in milliseconds.
    pub delay_max_ms: u64,
    pub random: Random,
    /// First lines of everything sent, with the time since the start in milliseconds and the receiver.
    pub sent: Vec<(u64, SocketAddr, String)>,
    started: Instant,
    serial: u64,
    queue: BinaryHeap<Reverse<Packet>>,
    bodies: HashMap<u64, Bytes>,
}

/// Some instant to start from; from there on time is virtual.
#[expect(
    clippy::disallowed_methods,
    reason = "an Instant cannot be made otherwise"
)]
pub fn some_instant() -> Instant {
    Instant::now()
}

pub fn addr(index: usize) -> SocketAddr {
    format!("192.0.2.{}:5060", index + 1).parse().unwrap()
}

impl<U: User> Net<U> {
    pub fn new(seed: u64, users: Vec<(Endpoint, U)>) -> Self {
        let now = some_instant();
        let nodes = users
            .into_iter()
            .enumerate()
            .map(|(index, (endpoint, user))| Node {
                endpoint,
                user,
                addr: addr(index),
            })
            .collect();
        Net {
            nodes,
            now,
            transport: Transport::Udp,
            loss_percent: 0,
            delay_max_ms: 1,
            random: Random(seed),
            sent: Vec::new(),
            started: now,
            serial: 0,
            queue: BinaryHeap::new(),
            bodies: HashMap::new(),
        }
    }

    pub fn elapsed_ms(&self) -> u64 {
        u64::try_from((self.now - self.started).as_millis()).unwrap()
    }

    pub fn target(&self, node: usize) -> Target {
        Target::new(self.transport, addr(node))
    }

    /// How often a message starting with `line` was sent to a node.
    pub fn count(&self, node: usize, line: &str) -> usize {
        let to = addr(node);
        let starts =
            |(_, at, text): &&(u64, SocketAddr, String)| *at == to && text.starts_with(line);
        self.sent.iter().filter(starts).count()
    }

    /// Runs until nothing is on its way or due before `within` has passed.
    pub fn run(&mut self, within: Duration) {
        let end = self.now + within;
        loop {
            (0..self.nodes.len()).for_each(|node| self.drain(node));
            let due = self.nodes.iter().flat_map(|node| {
                [node.endpoint.poll_timeout(), node.user.poll_timeout()]
                    .into_iter()
                    .flatten()
            });
            let arriving = self.queue.peek().map(|Reverse(packet)| packet.0);
            let Some(next) = due.chain(arriving).min().filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            self.deliver();
            for node in &mut self.nodes {
                node.endpoint.handle_timeout(self.now);
                node.user.on_timeout(&mut node.endpoint, self.now);
            }
        }
        self.now = end;
    }

    fn deliver(&mut self) {
        while let Some(Reverse((_, serial, from, to))) = self
            .queue
            .peek()
            .filter(|Reverse(p)| p.0 <= self.now)
            .copied()
        {
            self.queue.pop();
            let bytes = self.bodies.remove(&serial).unwrap();
            let source = Source {
                transport: self.transport,
                remote: from,
                local: to,
                flow: FlowId(u64::from(from.port()) << 32 | 1),
            };
            let Some(node) = self.nodes.iter_mut().find(|node| node.addr == to) else {
                continue;
            };
            let message = Message::parse_datagram(bytes).expect("we send proper messages");
            node.endpoint.handle_message(source, message, self.now);
        }
    }

    fn drain(&mut self, index: usize) {
        while let Some(output) = self.nodes[index].endpoint.poll_output() {
            match output {
                Output::Event(event) => {
                    let node = &mut self.nodes[index];
                    node.user.on_event(&mut node.endpoint, event, self.now);
                }
                Output::Send { target, bytes, .. } => {
                    let from = self.nodes[index].addr;
                    self.post(from, target.addr, bytes);
                }
            }
        }
    }

    fn post(&mut self, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        let text = String::from_utf8_lossy(&bytes);
        let line = text.lines().next().unwrap_or_default().to_owned();
        self.sent.push((self.elapsed_ms(), to, line));
        let reliable = self.transport.is_reliable();
        if !reliable && self.random.below(100) < self.loss_percent {
            return;
        }
        let delay_ms = if reliable {
            self.delay_max_ms
        } else {
            1 + self.random.below(self.delay_max_ms)
        };
        self.serial += 1;
        self.bodies.insert(self.serial, bytes);
        let at = self.now + Duration::from_millis(delay_ms);
        self.queue.push(Reverse((at, self.serial, from, to)));
    }
}
