//! Browsers of the load: WebRTC by `str0m`, Opus that was encoded beforehand. One thread for all of them, like [`crate::media`] for
//! telephones, and with the same way of counting.
//!
//! Each has a socket and a session of its own. Of the packets that come only the header is read once sound is known to pass: it is in
//! clear, and tells which packet it is; that they can be decrypted is seen before counting begins.

mod peer;
mod sound;
mod thread;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use runtime::clock;

use crate::media::Window;
use peer::{Identity, Peer};

/// What the thread is told, at most so much at a time.
const MAX_ASKS: usize = 4_096;
/// How often it is looked whether something is done.
const POLL: Duration = Duration::from_millis(10);
/// How long the thread may take beyond a window's end, and browsers to connect.
const GIVE_UP: Duration = Duration::from_secs(10);

/// What a browser does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Talks without a pause; what it hears is not counted, since who talks alone hears nothing.
    Talks,
    /// Listens; its microphone is on, but there is nothing to be heard (discontinuous transmission: a packet each 400 ms).
    Listens,
}

/// What the thread is told.
enum Ask {
    Add { number: usize, peer: Box<Peer> },
    Remove(usize),
    Window { warm_up: Duration, length: Duration },
}

/// What all know of each other.
#[derive(Debug, Default)]
struct Shared {
    /// Browsers that sound can pass to.
    connected: AtomicUsize,
    stop: AtomicBool,
}

/// The running browsers.
#[derive(Debug)]
pub struct Browsers {
    identity: Identity,
    asks: SyncSender<Ask>,
    answers: Receiver<Box<Window>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<()>>>,
    /// Offered, not yet answered.
    offered: Vec<(usize, Box<Peer>)>,
    next: usize,
}

impl Browsers {
    /// Starts the thread, which stays on `core`.
    ///
    /// # Errors
    /// When the system refuses a timer or the thread.
    pub fn start(core: usize) -> Result<Self> {
        let (asks, to_do) = sync_channel(MAX_ASKS);
        let (done, answers) = sync_channel(1);
        let shared = Arc::new(Shared::default());
        let worker = thread::Worker::new(core, to_do, done, Arc::clone(&shared))?;
        let thread = std::thread::Builder::new()
            .name("load-web".into())
            .spawn(move || worker.run())?;
        Ok(Self {
            identity: Identity::make()?,
            asks,
            answers,
            shared,
            thread: Some(thread),
            offered: Vec::new(),
            next: 0,
        })
    }

    /// Makes a browser: its number and its offer.
    ///
    /// # Errors
    /// When the system refuses a socket.
    pub fn offer(&mut self, manner: Manner) -> Result<(usize, String)> {
        let number = self.next;
        self.next += 1;
        let (peer, offer) = Peer::new(&self.identity, number, manner)?;
        self.offered.push((number, Box::new(peer)));
        Ok((number, offer))
    }

    /// Takes the answer to an offer; the browser connects.
    ///
    /// # Errors
    /// When the answer is none, or the thread has ended.
    pub fn answered(&mut self, number: usize, answer: &str) -> Result<()> {
        let place = self
            .offered
            .iter()
            .position(|(offered, _)| *offered == number);
        let place = place.with_context(|| format!("browser {number} has offered nothing"))?;
        let (_, mut peer) = self.offered.swap_remove(place);
        peer.answered(answer)?;
        self.ask(Ask::Add { number, peer })
    }

    /// A browser is gone.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn hang_up(&self, number: usize) -> Result<()> {
        self.ask(Ask::Remove(number))
    }

    /// Waits until so many are connected.
    ///
    /// # Errors
    /// When none has connected for a while.
    pub async fn connected(&self, wanted: usize) -> Result<()> {
        let (mut known, mut since) = (0, clock::now());
        loop {
            let connected = self.shared.connected.load(Ordering::Acquire);
            if connected >= wanted {
                return Ok(());
            }
            if connected != known {
                (known, since) = (connected, clock::now());
            }
            ensure!(
                clock::now() - since < GIVE_UP,
                "{connected} of {wanted} browsers have connected, and no more do"
            );
            clock::sleep(POLL).await;
        }
    }

    /// Counts what the listeners receive during `length`, after `warm_up`, as [`crate::media::Phones::window`] does.
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
        let asked = clock::now();
        loop {
            match self.answers.try_recv() {
                Ok(window) => return Ok((*window, ended)),
                Err(TryRecvError::Disconnected) => return Err(anyhow!("the thread has ended")),
                Err(TryRecvError::Empty) => {}
            }
            ensure!(clock::now() - asked < GIVE_UP, "the thread is overloaded");
            clock::sleep(POLL).await;
        }
    }

    fn ask(&self, ask: Ask) -> Result<()> {
        self.asks.try_send(ask).map_err(|error| match error {
            TrySendError::Full(_) => anyhow!("the thread does not keep up"),
            TrySendError::Disconnected(_) => anyhow!("the thread has ended"),
        })
    }
}

impl Drop for Browsers {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            match thread.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "the browsers' thread failed"),
                Err(_) => tracing::error!("the browsers' thread panicked"),
            }
        }
    }
}
