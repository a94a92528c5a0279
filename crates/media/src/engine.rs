//! The tokio side of the bridge: starts the threads, turns commands into orders.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use convoke_types::LegKey;
use convoke_types::media::{MediaCommand, MediaEvent, StreamParams};
use media_core::SAMPLE_RATE_HZ;
use media_core::g711::Law;
use media_core::opus::Decoder;
use media_core::prompt::Player;
use media_core::rtp::RtpSender;
use media_core::wide::Wide;
use rtrb::{Producer, RingBuffer};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::config::{Config, Counters, CountersSnapshot, StartError};
use crate::directory::{Directory, LegPlace};
use crate::events::Events;
use crate::leg::{Leg, MAX_PACKET_SAMPLES};
use crate::ports::Ports;
use crate::prompts::PromptBook;
use crate::queue::{Bell, MAX_NOTICES, MAX_ORDERS, Order, Stream};
use crate::shard::Shard;
use crate::web::{
    Arrival, Listener, Made, Offer, Place, Renewal, Session, Setup, Transport, WebLeg,
};

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
    control: Arc<Mutex<Control>>,
    shared: Arc<Shared>,
    prompts: PromptBook,
    web: Setup,
    /// Port of the listener for TCP.
    tcp_port: Option<u16>,
    tcp_bell: Bell,
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
            control: Arc::new(Mutex::new(Control {
                threads: Vec::new(),
                ports: Ports::new(config.bind_ip, config.port_range)?,
            })),
            shared: Arc::clone(&shared),
            prompts: PromptBook::new(&config.prompts),
            web: Setup::default(),
            tcp_port: None,
            tcp_bell: Bell::new()?,
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
        if let Some(port) = config.tcp_port {
            engine.listen(SocketAddr::new(config.bind_ip, port))?;
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
                let Some(stream) = stream(&params) else {
                    tracing::error!(%leg, "a telephone's leg cannot have the codec of browsers");
                    return Ok(());
                };
                self.order(&leg, |number| Order::Connect(number, stream))
            }
            MediaCommand::OpenWeb { leg, offer } => self.open_web(&leg, &offer),
            MediaCommand::Reoffer { leg, offer } => self.reoffer(&leg, &offer),
            MediaCommand::Play {
                leg,
                prompt,
                language,
                repeat,
            } => {
                let player = Player::new(self.prompts.find(prompt, &language), repeat);
                let place = self.shared.directory().find(&leg);
                let is_web = |place: LegPlace| self.shared.directory().session(place.leg).is_some();
                if place.is_some_and(is_web) {
                    player.clip().prepare_wide();
                }
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

    /// Port on which browsers are taken over TCP, if they are.
    #[must_use]
    pub fn tcp_port(&self) -> Option<u16> {
        self.tcp_port
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
                drop(directory);
                self.fail(key, no_port(&error))
            }
        }
    }

    /// Tells that a leg could not be opened.
    fn fail(&self, key: &LegKey, words: String) -> Result<(), CommandError> {
        let mut directory = self.shared.directory();
        if directory.own_events.len() >= MAX_OWN_EVENTS {
            return Err(CommandError::Overloaded);
        }
        directory.own_events.push_back(MediaEvent::Failed {
            leg: key.clone(),
            words,
        });
        self.notice_bell.ring();
        Ok(())
    }

    /// A leg of a browser.
    fn open_web(&self, key: &LegKey, offer: &str) -> Result<(), CommandError> {
        if self.shared.directory().find(key).is_some() {
            return Ok(());
        }
        let offer = self.web.parse(offer);
        let made = match offer.and_then(|offer| self.make_web(&offer, None)) {
            Ok(made) => made,
            Err(words) => return self.fail(key, words),
        };
        let decoder = match Decoder::new() {
            Ok(decoder) => decoder,
            Err(error) => return self.fail(key, error.to_string()),
        };
        let mut control = self.control();
        let mut directory = self.shared.directory();
        let shard = directory.shard_for(&key.conference);
        let end = control.threads.get_mut(shard);
        let end = end.filter(|end| !end.orders.is_full());
        let end = end.ok_or(CommandError::Overloaded)?;
        let (leg, conference) = directory.insert(key, shard);
        let wide = if directory.widen(&key.conference) {
            match Wide::new() {
                Ok(wide) => Some(Box::new(wide)),
                Err(error) => {
                    directory.remove(leg);
                    drop(directory);
                    return self.fail(key, error.to_string());
                }
            }
        } else {
            None
        };
        directory.agree(LegPlace { leg, shard }, made.session);
        let [time, ..] = random().map(u32::from);
        let time = time.wrapping_mul(0x0101_0101);
        let leg = WebLeg::new(leg, conference, made.transport, decoder, time);
        let order = Order::OpenWeb(Box::new(leg), made.answer, wide);
        let pushed = end.orders.push(order);
        end.bell.ring();
        pushed.map_err(|_| CommandError::Overloaded)
    }

    /// A browser offers a change: of the transport that it has, or a fresh one.
    fn reoffer(&self, key: &LegKey, offer: &str) -> Result<(), CommandError> {
        let (place, before) = {
            let directory = self.shared.directory();
            let place = directory.find(key);
            let known = place.and_then(|place| Some((place, directory.session(place.leg)?)));
            let Some((place, session)) = known else {
                return Ok(());
            };
            (place, session.clone())
        };
        let offer = self.web.parse(offer);
        let (session, change, answer) = match offer.and_then(|o| self.change(&o, &before)) {
            Ok(change) => change,
            Err(words) => return self.fail(key, words),
        };
        let (name, former) = (session.creds.ufrag.clone(), before.creds.ufrag.clone());
        // Before the answer can be out: then the browser may connect by its name.
        self.shared.directory().agree(place, session);
        let renews = matches!(change, Change::Renew(_));
        let ordered = self.order(key, |leg| match change {
            Change::Renew(renewal) => Order::Renew(leg, renewal, answer),
            Change::Fresh(transport) => Order::Reoffer(leg, transport, answer),
        });
        let mut directory = self.shared.directory();
        if name != former && ordered.is_err() {
            directory.forget(&name);
        } else if name != former && renews {
            directory.forget(&former);
        }
        if ordered.is_err() {
            directory.agree(place, before);
        }
        ordered
    }

    /// What an offer amounts to, with what is agreed on then and the answer.
    fn change(&self, offer: &Offer, before: &Session) -> Result<(Session, Change, String), String> {
        let mut session = before.clone();
        if let Some(renewal) = session.renew(offer)? {
            let answer = session.answer(offer);
            return Ok((session, Change::Renew(Box::new(renewal)), answer));
        }
        let made = self.make_web(offer, Some(before))?;
        Ok((made.session, Change::Fresh(made.transport), made.answer))
    }

    fn make_web(&self, offer: &Offer, before: Option<&Session>) -> Result<Made, String> {
        let socket = self
            .control()
            .ports
            .bind()
            .map_err(|error| no_port(&error))?;
        let port = socket.local_addr().map_or(0, |address| address.port());
        let ip = self.shared.advertised_ip;
        let place = Place {
            socket,
            local: SocketAddr::new(ip, port),
            local_tcp: self.tcp_port.map(|port| SocketAddr::new(ip, port)),
        };
        self.web
            .make(offer, place, before, now(), u64::from_le_bytes(random()))
    }

    /// Starts the thread that takes browsers' TCP connections.
    fn listen(&mut self, address: SocketAddr) -> Result<(), StartError> {
        let failed = |what| move |error| StartError::System { what, error };
        let listener = Listener::bind(address).map_err(failed("the TCP port of [media]"))?;
        self.tcp_port = Some(listener.port());
        let (control, shared) = (Arc::clone(&self.control), Arc::clone(&self.shared));
        let (bell, stop) = (self.tcp_bell.clone(), Arc::clone(&self.stop));
        let handle = std::thread::Builder::new()
            .name("media-tcp".to_owned())
            .spawn(move || {
                listener.run(&bell, &stop, |arrival| {
                    hand_over(&control, &shared, arrival)
                })
            })
            .map_err(failed("a thread for TCP"))?;
        self.handles.push(handle);
        Ok(())
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

/// What an offer changes about a leg of a browser.
enum Change {
    Renew(Box<Renewal>),
    Fresh(Box<Transport>),
}

/// Gives a TCP connection to the thread of its leg, or closes it.
fn hand_over(control: &Mutex<Control>, shared: &Shared, arrival: Arrival) {
    let Some(place) = shared.directory().called(&arrival.ufrag) else {
        return;
    };
    let mut control = control.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(end) = control.threads.get_mut(place.shard) {
        // A thread with too much to do takes no more connections.
        let _closed_if_full = end.orders.push(Order::Accept(place.leg, arrival));
        end.bell.ring();
    }
}

fn no_port(error: &std::io::Error) -> String {
    format!("no port for sound is free: {error}")
}

#[expect(
    clippy::disallowed_methods,
    reason = "an edge: a session's clock starts here"
)]
fn now() -> Instant {
    Instant::now()
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        for end in &self.control().threads {
            end.bell.ring();
        }
        self.tcp_bell.ring();
        for handle in self.handles.drain(..) {
            if handle.join().is_err() {
                tracing::error!("a media thread had panicked");
            }
        }
        self.shared.ended.store(true, Ordering::Release);
        self.notice_bell.ring();
    }
}

/// `None` for a codec that telephones do not have.
fn stream(params: &StreamParams) -> Option<Stream> {
    let samples_per_ms = usize::try_from(SAMPLE_RATE_HZ / 1_000).unwrap_or(8);
    let wanted = usize::from(params.ptime_ms / 10) * 10 * samples_per_ms;
    Some(Stream {
        remote: params.remote,
        law: Law::of(params.codec)?,
        payload_type: params.payload_type & 0x7F,
        dtmf_payload_type: params.dtmf_payload_type,
        packet_samples: wanted.clamp(10 * samples_per_ms, MAX_PACKET_SAMPLES),
        send: params.send,
        receive: params.receive,
    })
}

fn random() -> [u8; 8] {
    getrandom::u64()
        .unwrap_or(0x9E37_79B9_7F4A_7C15)
        .to_le_bytes()
}

/// RFC 3550 §5.1: source, first sequence number and first timestamp are random.
fn random_sender() -> RtpSender {
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

/// Pins this thread to one of the cores that it may use.
pub(crate) fn pin_to_one() {
    pin(allowed_cores().first().copied());
}

fn pin(core: Option<usize>) {
    let Some(core) = core else { return };
    let mut set = CpuSet::new();
    set.set(core);
    if let Err(error) = sched_setaffinity(None, &set) {
        tracing::warn!(%error, core, "a media thread could not be pinned");
    }
}
