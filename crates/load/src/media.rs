//! The media sender and receiver, the same for every server: one thread, G.711 A-law that was encoded beforehand, 50 packets a
//! second a leg, spread over the 20 ms. It allocates nothing, takes no lock and writes no log while it runs.
//!
//! What a server sends is held against its own raster: packet *n* of a stream is due 20 ms after packet *n − 1*, counted from
//! the most punctual packet of the window. A packet that comes more than 20 ms after that is late; a number that never comes
//! is lost. Stamps are taken when this thread reads a packet, so its own delays count against the server.

mod sound;
mod thread;
pub(crate) mod window;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use runtime::clock;

pub use window::{Delays, Window};

/// RTP payload type of G.711 A-law (RFC 3551 §6).
pub const PAYLOAD_TYPE: u8 = 8;
/// How often it is looked whether a window is over.
const POLL: Duration = Duration::from_millis(10);
/// How long the thread may take beyond a window's end.
const GIVE_UP: Duration = Duration::from_secs(10);

/// What the sender is started with.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// Telephones; each has a socket from the start.
    pub legs: usize,
    /// How many of them, the first ones, talk; the others send the noise of a quiet line.
    pub talkers: usize,
    /// Wake for every packet instead of once a millisecond: for measuring delays with few legs.
    pub prompt: bool,
    /// The core that the thread stays on.
    pub core: usize,
}

/// What the thread is asked.
#[derive(Debug, Clone, Copy)]
enum Ask {
    /// Count what comes during `length` after `warm_up`.
    Window { warm_up: Duration, length: Duration },
    /// Send marks for so long, and measure when they come back.
    Marks { length: Duration },
}

/// What it answers.
#[derive(Debug)]
enum Answer {
    Window(Box<Window>),
    Marks(Delays),
}

/// One telephone's socket and whether it is in a call.
#[derive(Debug)]
struct Telephone {
    socket: UdpSocket,
    local: SocketAddr,
    state: AtomicU8,
}

const IDLE: u8 = 0;
const IN_CALL: u8 = 1;

/// The running sender.
#[derive(Debug)]
pub struct Phones {
    telephones: Arc<[Telephone]>,
    asks: SyncSender<Ask>,
    answers: Receiver<Answer>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Phones {
    /// Opens the sockets and starts the thread.
    ///
    /// # Errors
    /// When the system refuses sockets (4,000 legs need as many descriptors), a timer or the thread.
    pub fn start(config: Config) -> Result<Self> {
        let mut telephones = Vec::with_capacity(config.legs);
        for leg in 0..config.legs {
            let opened = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
            let socket = opened.with_context(|| format!("no socket for telephone {leg}"))?;
            socket.set_nonblocking(true)?;
            let local = socket.local_addr()?;
            telephones.push(Telephone {
                socket,
                local,
                state: AtomicU8::new(IDLE),
            });
        }
        let telephones: Arc<[Telephone]> = telephones.into();
        let (asks, to_do) = sync_channel(1);
        let (done, answers) = sync_channel(1);
        let stop = Arc::new(AtomicBool::new(false));
        let worker = thread::Worker::new(config, telephones.clone(), to_do, done, stop.clone())?;
        let thread = std::thread::Builder::new()
            .name("load-media".into())
            .spawn(move || worker.run())?;
        Ok(Self {
            telephones,
            asks,
            answers,
            stop,
            thread: Some(thread),
        })
    }

    /// Number of telephones.
    pub fn len(&self) -> usize {
        self.telephones.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.telephones.is_empty()
    }

    /// Where a telephone receives; `None` if there is no such one.
    pub fn local(&self, leg: usize) -> Option<SocketAddr> {
        self.telephones.get(leg).map(|telephone| telephone.local)
    }

    /// A telephone is in a call: it sends to `remote` from now on.
    ///
    /// # Errors
    /// When there is no such telephone, or no way there.
    pub fn connect(&self, leg: usize, remote: SocketAddr) -> Result<()> {
        let telephone = self.telephones.get(leg);
        let telephone = telephone.with_context(|| format!("there is no telephone {leg}"))?;
        telephone.socket.connect(remote)?;
        telephone.state.store(IN_CALL, Ordering::Release);
        Ok(())
    }

    /// A telephone's call is over.
    pub fn disconnect(&self, leg: usize) {
        if let Some(telephone) = self.telephones.get(leg) {
            telephone.state.store(IDLE, Ordering::Release);
        }
    }

    /// Telephones in a call.
    pub fn connected(&self) -> usize {
        let states = self
            .telephones
            .iter()
            .map(|t| t.state.load(Ordering::Acquire));
        states.filter(|state| *state == IN_CALL).count()
    }

    /// Counts what all telephones that are in a call receive during `length`, after `warm_up`. `at_begin` and `at_end` are
    /// called when counting begins and ends.
    ///
    /// # Errors
    /// When the thread has failed.
    pub async fn window<A, B>(
        &self,
        warm_up: Duration,
        length: Duration,
        at_begin: impl FnOnce() -> Result<A>,
        at_end: impl FnOnce(A) -> Result<B>,
    ) -> Result<(Window, B)> {
        self.ask(Ask::Window { warm_up, length })?;
        let begin = clock::now() + warm_up;
        clock::sleep_until(begin).await;
        let begun = at_begin()?;
        clock::sleep_until(begin + length).await;
        let ended = at_end(begun)?;
        match self.answer().await? {
            Answer::Window(window) => Ok((*window, ended)),
            Answer::Marks(_) => Err(anyhow!("the media thread answered another question")),
        }
    }

    /// Lets telephones in turn say something loud in the midst of silence, and measures when the next one hears it.
    ///
    /// # Errors
    /// When the thread has failed.
    pub async fn delays(&self, length: Duration) -> Result<Delays> {
        self.ask(Ask::Marks { length })?;
        clock::sleep(length).await;
        match self.answer().await? {
            Answer::Marks(delays) => Ok(delays),
            Answer::Window(_) => Err(anyhow!("the media thread answered another question")),
        }
    }

    fn ask(&self, ask: Ask) -> Result<()> {
        self.asks.try_send(ask).map_err(|error| match error {
            TrySendError::Full(_) => anyhow!("the media thread still counts"),
            TrySendError::Disconnected(_) => anyhow!("the media thread has ended"),
        })
    }

    async fn answer(&self) -> Result<Answer> {
        let begin = clock::now();
        loop {
            match self.answers.try_recv() {
                Ok(answer) => return Ok(answer),
                Err(std::sync::mpsc::TryRecvError::Disconnected) => {
                    return Err(anyhow!("the media thread has ended"));
                }
                Err(std::sync::mpsc::TryRecvError::Empty) => {
                    ensure!(
                        clock::now() - begin < GIVE_UP,
                        "the media thread is overloaded"
                    );
                    clock::sleep(POLL).await;
                }
            }
        }
    }
}

impl Drop for Phones {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            match thread.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "the media thread failed"),
                Err(_) => tracing::error!("the media thread panicked"),
            }
        }
    }
}
