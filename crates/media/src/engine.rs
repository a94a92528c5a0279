//! The tokio side of the bridge: starts the threads, turns commands into orders.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use convoke_types::LegKey;
use convoke_types::media::{MediaCommand, MediaEvent, StreamParams};
use media_core::SAMPLE_RATE_HZ;
use media_core::prompt::Player;
use media_core::rtp::RtpSender;
use rtrb::{Producer, RingBuffer};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::config::{Config, Counters, CountersSnapshot, StartError};
use crate::directory::Directory;
use crate::events::Events;
use crate::leg::{Leg, MAX_PACKET_SAMPLES};
use crate::ports::Ports;
use crate::prompts::PromptBook;
use crate::queue::{Bell, MAX_NOTICES, MAX_ORDERS, Order, Stream};
use crate::shard::Shard;

/// Threads at most, whatever is configured.
const MAX_THREADS: usize = 256;
/// Failures to open a leg that wait to be taken; when full, commands are refused.
const MAX_OWN_EVENTS: usize = 1_024;

/// Why a command was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The media thread has too much to do, or its events are not taken.
    #[error("expected room for a media command, came overload")]
    Overloaded,
}

/// What both directions share.
#[derive(Debug)]
pub(crate) struct Shared {
    directory: Mutex<Directory>,
    pub advertised_ip: IpAddr,
    ended: AtomicBool,
}

impl Shared {
    /// Names and numbers. Media threads never come here.
    pub(crate) fn directory(&self) -> MutexGuard<'_, Directory> {
        self.directory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

/// The orders' end of one media thread.
#[derive(Debug)]
struct ThreadEnd {
    orders: Producer<Order>,
    bell: Bell,
}

#[derive(Debug)]
struct Control {
    threads: Vec<ThreadEnd>,
    ports: Ports,
}

/// The running bridge. Dropping it stops the threads and frees all ports.
#[derive(Debug)]
pub struct Engine {
    control: Mutex<Control>,
    shared: Arc<Shared>,
    prompts: PromptBook,
    counters: Arc<Counters>,
    stop: Arc<AtomicBool>,
    notice_bell: Bell,
    handles: Vec<JoinHandle<()>>,
}

impl Engine {
    /// Starts the media threads.
    ///
    /// # Errors
    /// When the system refuses a thread or descriptor, or the port range is empty.
    pub fn start(config: &Config) -> Result<(Self, Events), StartError> {
        let cores = allowed_cores();
        let threads = match config.threads {
            0 => cores.len().saturating_sub(1).max(1),
            wanted => wanted.min(MAX_THREADS),
        };
        let shared = Arc::new(Shared {
            directory: Mutex::new(Directory::new(threads)),
            advertised_ip: config.advertised_ip.unwrap_or(config.bind_ip),
            ended: AtomicBool::new(false),
        });
        let notice_bell = Bell::new()?;
        let mut engine = Self {
            control: Mutex::new(Control {
                threads: Vec::new(),
                ports: Ports::new(config.bind_ip, config.port_range)?,
            }),
            shared: Arc::clone(&shared),
            prompts: PromptBook::new(&config.prompts),
            counters: Arc::default(),
            stop: Arc::default(),
            notice_bell: notice_bell.clone(),
            handles: Vec::new(),
        };
        let mut queues = Vec::new();
        for index in 0..threads {
            let (orders, order_end) = RingBuffer::new(MAX_ORDERS);
            let (notice_end, notices) = RingBuffer::new(MAX_NOTICES);
            let bell = Bell::new()?;
            let shard = Shard::new(
                order_end,
                bell.clone(),
                notice_end,
                notice_bell.clone(),
                Arc::clone(&engine.stop),
                Arc::clone(&engine.counters),
            )?;
            // From the last core down: the first ones are where interrupts and other tasks tend to be.
            let core = cores
                .len()
                .checked_sub(1 + index)
                .map(|i| cores[i])
                .filter(|_| config.pin);
            let handle = std::thread::Builder::new()
                .name(format!("media-{index}"))
                .spawn(move || {
                    pin(core);
                    shard.run();
                })
                .map_err(|error| StartError::System {
                    what: "a media thread",
                    error,
                })?;
            engine.handles.push(handle);
            engine.control().threads.push(ThreadEnd { orders, bell });
            queues.push(notices);
        }
        tracing::info!(threads, bind = %config.bind_ip, "media bridge started");
        Ok((
            engine,
            Events {
                shared,
                queues,
                bell: notice_bell,
                turn: 0,
            },
        ))
    }

    /// Takes a command; what comes of it is told by [`Events`]. Commands for unknown legs, and `Open` for a leg that
    /// is open, are ignored.
    ///
    /// # Errors
    /// [`CommandError::Overloaded`]: nothing was done; of `CloseMix` perhaps a part, and it can be given again.
    pub fn command(&self, command: MediaCommand) -> Result<(), CommandError> {
        match command {
            MediaCommand::Open { leg } => self.open(&leg),
            MediaCommand::Connect { leg, params } => {
                let stream = stream(&params);
                self.order(&leg, |number| Order::Connect(number, stream))
            }
            MediaCommand::Play {
                leg,
                prompt,
                language,
                repeat,
            } => {
                let player = Player::new(self.prompts.find(prompt, &language), repeat);
                self.order(&leg, |number| Order::Play(number, player))
            }
            MediaCommand::Join { leg } => self.order(&leg, Order::Join),
            MediaCommand::Mute { leg, on } => self.order(&leg, |number| Order::Mute(number, on)),
            MediaCommand::Close { leg } => self.order(&leg, Order::Close),
            MediaCommand::CloseMix { conference } => {
                // A conference's mix goes with its last leg.
                let legs = self.shared.directory().legs_of(&conference).to_vec();
                legs.iter()
                    .try_for_each(|leg| self.order(leg, Order::Close))
            }
        }
    }

    /// What was counted since the start.
    #[must_use]
    pub fn counters(&self) -> CountersSnapshot {
        self.counters.snapshot()
    }

    /// Stops the threads and waits for them; the same happens on drop. Events that were told can still be taken.
    pub fn stop(self) {
        drop(self);
    }

    fn open(&self, key: &LegKey) -> Result<(), CommandError> {
        let mut control = self.control();
        let mut directory = self.shared.directory();
        if directory.find(key).is_some() {
            return Ok(());
        }
        let shard = directory.shard_for(&key.conference);
        let Control { threads, ports } = &mut *control;
        let end = threads.get_mut(shard).filter(|end| !end.orders.is_full());
        let end = end.ok_or(CommandError::Overloaded)?;
        match ports.bind() {
            Ok(socket) => {
                let (leg, conference) = directory.insert(key, shard);
                let leg = Box::new(Leg::new(leg, conference, socket, random_sender()));
                let pushed = end.orders.push(Order::Open(leg));
                end.bell.ring();
                pushed.map_err(|_| CommandError::Overloaded)
            }
            Err(error) => {
                if directory.own_events.len() >= MAX_OWN_EVENTS {
                    return Err(CommandError::Overloaded);
                }
                directory.own_events.push_back(MediaEvent::Failed {
                    leg: key.clone(),
                    words: format!("no port for sound is free: {error}"),
                });
                self.notice_bell.ring();
                Ok(())
            }
        }
    }

    fn order(
        &self,
        key: &LegKey,
        order: impl FnOnce(crate::queue::LegNumber) -> Order,
    ) -> Result<(), CommandError> {
        let Some(place) = self.shared.directory().find(key) else {
            return Ok(());
        };
        let mut control = self.control();
        let Some(end) = control.threads.get_mut(place.shard) else {
            return Ok(());
        };
        end.orders
            .push(order(place.leg))
            .map_err(|_| CommandError::Overloaded)?;
        end.bell.ring();
        Ok(())
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        for end in &self.control().threads {
            end.bell.ring();
        }
        for handle in self.handles.drain(..) {
            if handle.join().is_err() {
                tracing::error!("a media thread had panicked");
            }
        }
        self.shared.ended.store(true, Ordering::Release);
        self.notice_bell.ring();
    }
}

fn stream(params: &StreamParams) -> Stream {
    let samples_per_ms = usize::try_from(SAMPLE_RATE_HZ / 1_000).unwrap_or(8);
    let wanted = usize::from(params.ptime_ms / 10) * 10 * samples_per_ms;
    Stream {
        remote: params.remote,
        codec: params.codec,
        payload_type: params.payload_type & 0x7F,
        dtmf_payload_type: params.dtmf_payload_type,
        packet_samples: wanted.clamp(10 * samples_per_ms, MAX_PACKET_SAMPLES),
        send: params.send,
        receive: params.receive,
    }
}

/// RFC 3550 §5.1: source, first sequence number and first timestamp are random.
fn random_sender() -> RtpSender {
    let random = || {
        getrandom::u64()
            .unwrap_or(0x9E37_79B9_7F4A_7C15)
            .to_le_bytes()
    };
    let [a, b, c, d, e, f, _, _] = random();
    let [g, h, i, j, ..] = random();
    RtpSender::new(
        u32::from_le_bytes([a, b, c, d]),
        u16::from_le_bytes([e, f]),
        u32::from_le_bytes([g, h, i, j]),
    )
}

/// The cores that this process may use.
fn allowed_cores() -> Vec<usize> {
    let set = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|&core| set.is_set(core))
        .collect();
    if cores.is_empty() { vec![0] } else { cores }
}

fn pin(core: Option<usize>) {
    let Some(core) = core else { return };
    let mut set = CpuSet::new();
    set.set(core);
    if let Err(error) = sched_setaffinity(None, &set) {
        tracing::warn!(%error, core, "a media thread could not be pinned");
    }
}
