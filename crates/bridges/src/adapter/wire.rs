//! The connection to Janus, opened anew with growing pauses whenever it is lost or given up.

use std::sync::Arc;
use std::time::Duration;

use convoke_types::bridge_protocol::TEXT_MAX_BYTES;
use runtime::clock;
use runtime::tasks::Shutdown;
use runtime::websocket::{Heard, Wanted, WebSocket};
use rustls::ClientConfig;
use tokio::sync::mpsc;

use super::hub::Input;
use crate::janus::SUBPROTOCOL;
use crate::vigil::{self, Duty, Vigil, in_time};

/// The pause before the second attempt; it doubles with each.
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A connection that lasted so long was a good one.
const GOOD: Duration = Duration::from_secs(10);

/// What happens to the connection.
pub(super) enum WireEvent {
    /// It is open; texts for Janus go here. Dropping the queue gives it up.
    Open(mpsc::Sender<String>),
    /// Janus says something.
    Text(String),
    /// It is lost, or could not be opened.
    Lost(String),
}

/// Keeps the connection up.
pub(super) struct Wire {
    pub url: String,
    pub tls: Option<Arc<ClientConfig>>,
    pub inputs: mpsc::Sender<Input>,
    /// Texts that wait to be written to Janus. More means that it does not read, and the connection is given up.
    pub texts_max: usize,
    pub shutdown: Shutdown,
}

impl Wire {
    pub(super) async fn run(self) {
        let wanted = Wanted {
            url: self.url.clone(),
            subprotocol: SUBPROTOCOL,
            bearer: None,
            tls: self.tls.clone(),
            text_max_bytes: TEXT_MAX_BYTES,
        };
        let mut pause = PAUSE_MIN;
        loop {
            let begun = clock::now();
            let opening = self.shutdown.unless_cancelled(WebSocket::open(&wanted));
            let Some(opened) = opening.await else {
                return;
            };
            let lost = match opened {
                Ok(socket) => self.carry(socket).await,
                Err(error) => Some(error.to_string()),
            };
            if let Some(words) = lost
                && !self.tell(WireEvent::Lost(words)).await
            {
                return;
            }
            if clock::now().saturating_duration_since(begun) >= GOOD {
                pause = PAUSE_MIN;
            }
            let waited = self.shutdown.unless_cancelled(clock::sleep(pause)).await;
            if waited.is_none() {
                return;
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Carries texts both ways; gives why the connection was lost, or `None` where the hub gave it up.
    async fn carry(&self, mut socket: WebSocket) -> Option<String> {
        let (queue, mut texts) = mpsc::channel(self.texts_max);
        if !self.tell(WireEvent::Open(queue)).await {
            return None;
        }
        let mut vigil = Vigil::new(clock::now());
        loop {
            tokio::select! {
                // What has come counts before the time that it took: it may be ours that stood still.
                biased;
                came = socket.next() => {
                    match came {
                        Ok(Heard::Text(text)) => {
                            if !self.tell(WireEvent::Text(text)).await {
                                return None;
                            }
                        }
                        Ok(Heard::Alive) => {}
                        Err(ended) => return Some(ended.0),
                    }
                    // The time that the hub took is not Janus'.
                    vigil.hears(clock::now());
                }
                text = texts.recv() => {
                    let Some(text) = text else {
                        socket.close().await;
                        return None;
                    };
                    if let Err(words) = in_time(socket.send(text)).await {
                        return Some(words);
                    }
                }
                () = clock::sleep_until(vigil.due()) => match vigil.duty(clock::now()) {
                    Duty::GiveUp => return Some(vigil::silent()),
                    Duty::Ping => {
                        if let Err(words) = in_time(socket.ping()).await {
                            return Some(words);
                        }
                    }
                    Duty::Wait => {}
                },
            }
        }
    }

    async fn tell(&self, event: WireEvent) -> bool {
        self.inputs.send(Input::Wire(event)).await.is_ok()
    }
}
