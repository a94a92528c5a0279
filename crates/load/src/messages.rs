//! A generator of instant messages over TCP, the same for every IM server: half of the users write, the other half receive and
//! answer 200. One thread, so that it stays on its core.
//!
//! A message is done when its writer has a 2xx and its reader has the message: a server may acknowledge before it delivers, or
//! after.

mod client;
mod wire;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use runtime::clock;
use rustix::event::epoll;
use rustix::time::Timespec;
use sip_proto::{Message, Method, ResponseBuilder};

pub use client::Client;
pub use wire::User;
use wire::Wire;

/// Sockets asked for at a time.
const BATCH: usize = 128;
/// How long the loop waits for something to happen before it looks whether something is to be sent.
const TICK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 1_000_000,
};
/// How long messages may take after the last was sent.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How fast messages are sent.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// So many a second, evenly.
    Rate(u32),
    /// As fast as the server does them, with so many under way.
    Window(usize),
}

/// What was counted.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Messages sent.
    pub sent: u64,
    /// Acknowledged with a 2xx.
    pub acknowledged: u64,
    /// Distinct messages that arrived at their readers.
    pub delivered: u64,
    /// Arrived more than once.
    pub repeated: u64,
    /// Answered with anything but a 2xx.
    pub refused: u64,
    /// The first status among them.
    pub refused_with: Option<u16>,
    /// From the sending to the reader, in microseconds, sorted.
    pub delivery_us: Vec<u64>,
    /// Numbers of the acknowledged messages: each body begins with its number.
    pub acknowledged_numbers: Vec<u64>,
    /// From the first sent to the last done.
    pub wall: Duration,
}

impl Counts {
    /// What speaks against the run.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.refused > 0 {
            let status = self.refused_with.unwrap_or(0);
            faults.push(format!("{} messages were refused ({status})", self.refused));
        }
        let unanswered = self.sent - self.acknowledged - self.refused;
        if unanswered > 0 {
            faults.push(format!("{unanswered} messages were not acknowledged"));
        }
        if self.delivered < self.acknowledged {
            let lost = self.acknowledged - self.delivered;
            faults.push(format!("{lost} messages were not delivered"));
        }
        faults
    }
}

/// Registered users on their connections.
pub struct Crowd {
    domain: String,
    wires: Vec<Wire>,
    epoll: OwnedFd,
    next_number: u64,
}

/// One message under way.
#[derive(Debug, Clone, Copy)]
struct Fate {
    at: Instant,
    answered: bool,
    delivered: bool,
}

impl Crowd {
    /// Connects and registers users; the first half will write to the second.
    ///
    /// # Errors
    /// When one is refused.
    pub fn register(server: SocketAddr, domain: &str, users: &[User]) -> Result<Self> {
        ensure!(
            users.len() >= 2 && users.len().is_multiple_of(2),
            "users come in pairs"
        );
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut wires = Vec::new();
        for (place, user) in users.iter().enumerate() {
            let (wire, _) = Wire::register(server, domain, user, None)
                .with_context(|| format!("{} cannot register", user.name))?;
            let data = epoll::EventData::new_u64(place as u64);
            epoll::add(&epoll, wire.socket(), data, epoll::EventFlags::IN)?;
            wires.push(wire);
        }
        Ok(Self {
            domain: domain.to_owned(),
            wires,
            epoll,
            next_number: 1,
        })
    }

    /// Sends messages for a while, and waits until all are done.
    ///
    /// # Errors
    /// When a connection fails.
    pub fn send(&mut self, pace: Pace, length: Duration) -> Result<Counts> {
        let mut counts = Counts::default();
        let mut fates: HashMap<u64, Fate> = HashMap::new();
        let begin = clock::now();
        let end = begin + length;
        let first_number = self.next_number;
        loop {
            let now = clock::now();
            let wanted = match pace {
                _ if now >= end => 0,
                Pace::Rate(rate) => {
                    let due = (now - begin).as_micros() * u128::from(rate) / 1_000_000;
                    usize::try_from(due)?.saturating_sub(usize::try_from(counts.sent)?)
                }
                Pace::Window(window) => window.saturating_sub(fates.len()),
            };
            for _ in 0..wanted {
                self.write(&mut fates)?;
                counts.sent += 1;
            }
            for wire in &mut self.wires {
                wire.flush()?;
            }
            self.read(&mut fates, &mut counts, first_number)?;
            if now >= end && (fates.is_empty() || now >= end + DRAIN_MAX) {
                break;
            }
        }
        counts.wall = clock::now() - begin;
        counts.delivery_us.sort_unstable();
        Ok(counts)
    }

    fn write(&mut self, fates: &mut HashMap<u64, Fate>) -> Result<()> {
        let number = self.next_number;
        self.next_number += 1;
        let pairs = self.wires.len() / 2;
        let writer = usize::try_from(number)? % pairs;
        let reader = self.wires.get(pairs + writer).map(|wire| wire.name.clone());
        let reader = reader.context("a writer without a reader")?;
        let wire = self
            .wires
            .get_mut(writer)
            .context("a pair without a writer")?;
        wire.message(number, &reader, &self.domain);
        let fate = Fate {
            at: clock::now(),
            answered: false,
            delivered: false,
        };
        fates.insert(number, fate);
        Ok(())
    }

    fn read(
        &mut self,
        fates: &mut HashMap<u64, Fate>,
        counts: &mut Counts,
        first_number: u64,
    ) -> Result<()> {
        let nothing = epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        };
        let mut ready = [nothing; BATCH];
        let count = match epoll::wait(&self.epoll, &mut ready[..], Some(&TICK)) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for event in ready.iter().take(count) {
            let place = usize::try_from(event.data.u64())?;
            let Some(wire) = self.wires.get_mut(place) else {
                continue;
            };
            wire.receive()?;
            while let Some(message) = wire.next()? {
                let Some(number) = number_of(&message) else {
                    continue;
                };
                // What belongs to a run before this one was counted as lost there.
                if number < first_number {
                    continue;
                }
                if message.method_ref() == Some(&Method::Message) {
                    wire.queue(
                        ResponseBuilder::reply(&message, 200, "OK")
                            .to_tag("load")
                            .build()
                            .as_bytes(),
                    );
                    delivered(fates, counts, number);
                } else if let Some(status) = message.status() {
                    answered(fates, counts, number, status);
                }
                let done = |fate: &Fate| fate.answered && fate.delivered;
                if fates.get(&number).is_some_and(done) {
                    fates.remove(&number);
                }
            }
        }
        Ok(())
    }
}

fn delivered(fates: &mut HashMap<u64, Fate>, counts: &mut Counts, number: u64) {
    match fates.get_mut(&number) {
        Some(fate) if !fate.delivered => {
            fate.delivered = true;
            counts.delivered += 1;
            let us = (clock::now() - fate.at).as_micros();
            counts
                .delivery_us
                .push(u64::try_from(us).unwrap_or(u64::MAX));
        }
        _ => counts.repeated += 1,
    }
}

fn answered(fates: &mut HashMap<u64, Fate>, counts: &mut Counts, number: u64, status: u16) {
    let Some(fate) = fates.get_mut(&number).filter(|_| status >= 200) else {
        return;
    };
    if status < 300 {
        fate.answered = true;
        counts.acknowledged += 1;
        counts.acknowledged_numbers.push(number);
    } else {
        counts.refused += 1;
        counts.refused_with.get_or_insert(status);
        fates.remove(&number);
    }
}

/// Our Call-IDs begin with the message's number.
fn number_of(message: &Message) -> Option<u64> {
    message.call_id()?.split('@').next()?.parse().ok()
}

/// The number that a message's body begins with, for looking into a server's log.
///
/// # Errors
/// When the body is none of ours.
pub fn number_in(body: &[u8]) -> Result<u64> {
    let text = std::str::from_utf8(body).context("the body is no text")?;
    let Some(number) = text.split(' ').next().and_then(|word| word.parse().ok()) else {
        bail!("the body begins with no number");
    };
    Ok(number)
}
