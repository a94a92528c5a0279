//! Who commands a bridge: one WebSocket with the bridge protocol, opened anew with growing pauses whenever it is lost.
//!
//! What the bridge held is gone with the connection, as far as the owner of dialogs is concerned: after [`LinkEvent::Down`] everything
//! is prepared anew, there or elsewhere. So nothing is kept for later: a command that cannot go out now is refused now.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use convoke_types::bridge_protocol::{
    Announcement, FromBridge, SUBPROTOCOL, TEXT_MAX_BYTES, ToBridge,
};
use convoke_types::media::{MediaCommand, MediaEvent};
use convoke_types::video::{VideoCommand, VideoEvent};
use runtime::clock;
use runtime::tasks::{Shutdown, Tasks};
use runtime::websocket::{Heard, Wanted, WebSocket};
use rustls::ClientConfig;
use tokio::sync::mpsc;

use crate::vigil::{self, Duty, Vigil, in_time};

/// Commands that wait to be written: when another bridge is lost, one for each of its legs at once. More means that the bridge does not
/// read: the connection ends.
const COMMANDS_MAX: usize = 8 * 1024;
/// Events that wait for the owner. While it is full nothing is read, and the bridge gives the connection up.
const EVENTS_MAX: usize = 1024;
/// The pause before the second attempt; it doubles with each.
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// A connection that lasted so long was a good one: the next attempt follows soon.
const GOOD: Duration = Duration::from_secs(10);
/// How long it may take to say what it is.
const ANNOUNCE_MAX: Duration = Duration::from_secs(5);

/// Why a connection ends whose commands are more than its bridge reads.
const BEHIND: &str = "it does not keep up with what it is told";

/// Where a bridge is.
#[derive(Clone)]
pub struct LinkConfig {
    /// What it is called, in words and logs.
    pub name: String,
    /// `ws://host:port/bridge`, or `wss://…` where `tls` is given.
    pub url: String,
    /// The bridge's secret.
    pub secret: String,
    /// Whom `wss` trusts ([`runtime::tls::client_config`]).
    pub tls: Option<Arc<ClientConfig>>,
}

impl fmt::Debug for LinkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkConfig")
            .field("name", &self.name)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// What a link tells its owner.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkEvent {
    /// The bridge is there and says what it is. It knows nothing of us: whatever it shall carry is asked for from here on.
    Up(Announcement),
    /// What it says of itself has changed.
    Announce(Announcement),
    /// Of its sound.
    Media(MediaEvent),
    /// Of its pictures.
    Video(VideoEvent),
    /// It is not there, or no longer: whatever it carried is gone. Told when it is lost, when the first attempt fails, and when the
    /// reason changes. Attempts go on.
    Down {
        /// What a person reads.
        words: String,
    },
}

/// Why a command was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// The bridge is not there.
    #[error("the bridge is not there")]
    Down,
    /// It does not read what it is told.
    #[error("the bridge does not keep up with what it is told")]
    Full,
}

/// The way in for commands. Clones are one way.
#[derive(Debug, Clone)]
pub struct LinkSender {
    door: Arc<Door>,
}

/// The connection that stands, if one does.
#[derive(Debug, Default)]
struct Door(Mutex<Option<Standing>>);

#[derive(Debug)]
struct Standing {
    queue: mpsc::Sender<ToBridge>,
    /// Ends it.
    cut: Shutdown,
}

impl Door {
    fn set(&self, standing: Option<Standing>) {
        // What is behind the lock is whole between any two statements.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }
}

impl LinkSender {
    /// Hands a command over; never waits. What was handed over may still be lost with the connection, of which `Down` tells.
    ///
    /// # Errors
    /// When the bridge is not there, or does not read. The command is then gone, and with it the connection: a bridge that has missed a
    /// command has what its owner does not know of, so all of it is given up, and `Down` tells so.
    pub fn send(&self, command: ToBridge) -> Result<(), Unsent> {
        let mut door = self.door.0.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = door.as_ref().ok_or(Unsent::Down)?;
        let Err(error) = standing.queue.try_send(command) else {
            return Ok(());
        };
        standing.cut.cancel();
        *door = None;
        Err(match error {
            mpsc::error::TrySendError::Full(_) => Unsent::Full,
            mpsc::error::TrySendError::Closed(_) => Unsent::Down,
        })
    }

    /// One that stands, and whatever is sent by it.
    #[cfg(test)]
    pub(crate) fn standing() -> (Self, mpsc::Receiver<ToBridge>) {
        let (queue, sent) = mpsc::channel(8);
        let cut = Shutdown::new();
        let door = Door(Mutex::new(Some(Standing { queue, cut })));
        let door = Arc::new(door);
        (Self { door }, sent)
    }

    /// A command for its pictures.
    ///
    /// # Errors
    /// As [`LinkSender::send`].
    pub fn video(&self, command: VideoCommand) -> Result<(), Unsent> {
        self.send(ToBridge::Video(command))
    }

    /// A command for its sound.
    ///
    /// # Errors
    /// As [`LinkSender::send`].
    pub fn media(&self, command: MediaCommand) -> Result<(), Unsent> {
        self.send(ToBridge::Media(command))
    }
}

/// A link to a bridge, kept up by a task until the group's token is cancelled or nobody takes its events any more.
#[derive(Debug)]
pub struct Link;

impl Link {
    /// Opens it. The first attempt is made at once; what becomes of it is told by the first event.
    pub fn open(config: LinkConfig, tasks: &Tasks) -> (LinkSender, mpsc::Receiver<LinkEvent>) {
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let door = Arc::new(Door::default());
        let sender = LinkSender { door: door.clone() };
        let shutdown = tasks.shutdown_token().clone();
        let name = format!("link to {}", config.name);
        let keeper = Keeper {
            config,
            door,
            events,
            shutdown,
        };
        tasks.spawn(name, keeper.run());
        (sender, receiver)
    }
}

/// Why one connection is over.
enum End {
    /// This process goes down, or nobody takes events.
    Ours,
    /// It is lost; what a person reads, and whether it had been up.
    Lost { words: String, was_up: bool },
}

/// Keeps the link up.
struct Keeper {
    config: LinkConfig,
    door: Arc<Door>,
    events: mpsc::Sender<LinkEvent>,
    shutdown: Shutdown,
}

impl Keeper {
    async fn run(self) {
        let name = &*self.config.name;
        let mut pause = PAUSE_MIN;
        let mut told: Option<String> = None;
        loop {
            let begun = clock::now();
            let end = self.shutdown.unless_cancelled(self.connect()).await;
            self.door.set(None);
            let Some(End::Lost { words, was_up }) = end else {
                break;
            };
            if was_up {
                told = None;
            }
            if was_up && clock::now().saturating_duration_since(begun) >= GOOD {
                pause = PAUSE_MIN;
            }
            if told.as_ref() != Some(&words) {
                tracing::warn!(bridge = name, %words, "bridge is not there");
                let down = LinkEvent::Down {
                    words: words.clone(),
                };
                if !self.tell(down).await {
                    break;
                }
                told = Some(words);
            }
            let waited = self.shutdown.unless_cancelled(clock::sleep(pause)).await;
            if waited.is_none() || self.events.is_closed() {
                break;
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
        tracing::debug!(bridge = name, "link ends");
    }

    /// One connection, from its opening to its end.
    async fn connect(&self) -> End {
        let lost = |words: String| End::Lost {
            words,
            was_up: false,
        };
        let wanted = Wanted {
            url: self.config.url.clone(),
            subprotocol: SUBPROTOCOL,
            bearer: Some(self.config.secret.clone()),
            tls: self.config.tls.clone(),
            text_max_bytes: TEXT_MAX_BYTES,
        };
        let mut socket = match WebSocket::open(&wanted).await {
            Ok(socket) => socket,
            Err(error) => return lost(error.to_string()),
        };
        let first = clock::within(ANNOUNCE_MAX, announcement(&mut socket)).await;
        let announcement = match first {
            Ok(Ok(announcement)) => announcement,
            Ok(Err(words)) => return lost(words),
            Err(_) => return lost("it does not say what it is".into()),
        };
        tracing::info!(
            bridge = self.config.name,
            product = announcement.product,
            "bridge is there"
        );
        let (queue, commands) = mpsc::channel(COMMANDS_MAX);
        // Before the event: who hears of it may command at once.
        let cut = Shutdown::new();
        self.door.set(Some(Standing {
            queue,
            cut: cut.clone(),
        }));
        if !self.tell(LinkEvent::Up(announcement)).await {
            return End::Ours;
        }
        let carried = cut.unless_cancelled(self.carry(socket, commands)).await;
        carried.unwrap_or_else(|| End::Lost {
            words: BEHIND.into(),
            was_up: true,
        })
    }

    /// Carries commands and events until the connection ends.
    async fn carry(&self, mut socket: WebSocket, mut commands: mpsc::Receiver<ToBridge>) -> End {
        let lost = |words: String| End::Lost {
            words,
            was_up: true,
        };
        let mut vigil = Vigil::new(clock::now());
        loop {
            tokio::select! {
                // What has come counts before the time that it took: it may be ours that stood still.
                biased;
                came = socket.next() => {
                    let taken = match came {
                        Ok(Heard::Text(text)) => self.take(&text).await,
                        Ok(Heard::Alive) => Ok(true),
                        Err(ended) => return lost(ended.0),
                    };
                    match taken {
                        // The time that our owner took is not the bridge's.
                        Ok(true) => vigil.hears(clock::now()),
                        Ok(false) => return End::Ours,
                        Err(words) => return lost(words),
                    }
                }
                () = self.events.closed() => return End::Ours,
                command = commands.recv() => {
                    // The door keeps the queue for as long as it may be used.
                    let Some(command) = command else { return lost(BEHIND.into()) };
                    if let Err(ended) = write(&mut socket, &command).await {
                        return lost(ended);
                    }
                }
                () = clock::sleep_until(vigil.due()) => match vigil.duty(clock::now()) {
                    Duty::GiveUp => return lost(vigil::silent()),
                    Duty::Ping => {
                        if let Err(words) = in_time(socket.ping()).await {
                            return lost(words);
                        }
                    }
                    Duty::Wait => {}
                },
            }
        }
    }

    /// Hands on one text; `false` when nobody takes events any more.
    async fn take(&self, text: &str) -> Result<bool, String> {
        let event = match serde_json::from_str(text) {
            Ok(FromBridge::Announce(announcement)) => LinkEvent::Announce(announcement),
            Ok(FromBridge::Media(event)) => LinkEvent::Media(event),
            Ok(FromBridge::Video(event)) => LinkEvent::Video(event),
            Ok(FromBridge::Misunderstood { words }) => {
                tracing::error!(bridge = self.config.name, %words, "bridge did not understand us");
                return Ok(true);
            }
            Err(error) => return Err(not_understood(&error)),
        };
        Ok(self.tell(event).await)
    }

    async fn tell(&self, event: LinkEvent) -> bool {
        self.events.send(event).await.is_ok()
    }
}

async fn write(socket: &mut WebSocket, command: &ToBridge) -> Result<(), String> {
    // Our own types always have a text.
    let text = serde_json::to_string(command).map_err(|error| error.to_string())?;
    in_time(socket.send(text)).await
}

/// The bridge's first text.
async fn announcement(socket: &mut WebSocket) -> Result<Announcement, String> {
    loop {
        match socket.next().await {
            Ok(Heard::Text(text)) => {
                return match serde_json::from_str(&text) {
                    Ok(FromBridge::Announce(announcement)) => Ok(announcement),
                    Ok(_) => Err("it does not begin with what it is".into()),
                    Err(error) => Err(not_understood(&error)),
                };
            }
            Ok(Heard::Alive) => {}
            Err(ended) => return Err(ended.0),
        }
    }
}

/// Where a text leaves the protocol, without what it says.
fn not_understood(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Data => "other content than the bridge protocol has",
        _ => "no JSON",
    };
    format!("it sends {kind} (at byte {})", error.column())
}
