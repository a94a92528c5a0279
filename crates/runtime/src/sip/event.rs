//! What the transports tell the core.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use sip_proto::{FlowId, Message, ParseError, Source};
use tokio::sync::{Notify, mpsc};

/// Most reports of failed sending that wait. Over it they are dropped: the transaction's own timer ends what they would have ended.
const FAILURES_WAITING_MAX: usize = 65_536;

pub use sip_proto::endpoint::SendToken;

/// What happened.
#[derive(Debug, Clone)]
pub enum TransportEvent {
    /// A whole message arrived.
    Message {
        /// From where.
        source: Source,
        /// What.
        message: Message,
    },
    /// Something arrived that is not SIP, or not all of it. A request of which enough could be read is to be answered; a
    /// stream is closed after a moment for that answer.
    Bad {
        /// From where.
        source: Source,
        /// What is wrong.
        error: ParseError,
    },
    /// A connection is gone. Nothing comes from this flow after it.
    FlowClosed {
        /// Which.
        flow: FlowId,
    },
    /// A message was not sent.
    SendFailed {
        /// The sender's mark of the message.
        token: SendToken,
        /// Why.
        error: SendError,
    },
}

/// Why a message was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No UDP socket of this address family is bound.
    #[error("no UDP socket to send from")]
    NoSocket,
    /// TLS without a configuration of whom to trust.
    #[error("TLS is not configured")]
    NoTls,
    /// The table of connections is full.
    #[error("too many connections")]
    TooMany,
    /// More waits than the budget allows: the peer does not read.
    #[error("the peer does not read")]
    Overrun,
    /// The connection was closed before the message was written.
    #[error("the connection is closed")]
    Closed,
    /// Nobody answers at this address, or not in time.
    #[error("cannot connect")]
    Connect,
    /// TLS could not be agreed, or the peer's certificate is not trusted.
    #[error("no TLS connection")]
    Handshake,
    /// The kernel refused the datagram.
    #[error("the datagram was refused")]
    Datagram,
    /// The message does not fit into a datagram.
    #[error("larger than a datagram")]
    TooLarge,
}

/// The transports' side of the queue.
#[derive(Clone)]
pub(super) struct EventSender {
    events: mpsc::Sender<TransportEvent>,
    failures: Arc<Failures>,
}

#[derive(Default)]
struct Failures {
    waiting: Mutex<VecDeque<(SendToken, SendError)>>,
    some: Notify,
}

/// The core's side of the queue.
pub struct TransportEvents {
    events: mpsc::Receiver<TransportEvent>,
    failures: Arc<Failures>,
}

impl std::fmt::Debug for TransportEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TransportEvents")
    }
}

/// A queue for `events_max` events.
pub(super) fn event_queue(events_max: usize) -> (EventSender, TransportEvents) {
    let (events, receiver) = mpsc::channel(events_max);
    let failures = Arc::new(Failures::default());
    let sender = EventSender {
        events,
        failures: failures.clone(),
    };
    (
        sender,
        TransportEvents {
            events: receiver,
            failures,
        },
    )
}

impl EventSender {
    /// Waits for room. An error means that the core is gone.
    pub(super) async fn send(&self, event: TransportEvent) -> Result<(), Gone> {
        self.events.send(event).await.map_err(|_| Gone)
    }

    /// Reports a failure without waiting, if a report is asked for.
    pub(super) fn send_failed(&self, token: impl Into<Option<SendToken>>, error: SendError) {
        let Some(token) = token.into() else { return };
        let mut waiting = lock(&self.failures.waiting);
        if waiting.len() < FAILURES_WAITING_MAX {
            waiting.push_back((token, error));
        }
        drop(waiting);
        self.failures.some.notify_one();
    }
}

/// The core has gone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gone;

impl TransportEvents {
    /// The next event; `None` when the transports are gone. Cancel-safe.
    pub async fn recv(&mut self) -> Option<TransportEvent> {
        loop {
            if let Some(failed) = self.failed() {
                return Some(failed);
            }
            tokio::select! {
                biased;
                () = self.failures.some.notified() => {}
                event = self.events.recv() => return event,
            }
        }
    }

    /// The next event that waits already.
    pub fn try_recv(&mut self) -> Option<TransportEvent> {
        self.failed().or_else(|| self.events.try_recv().ok())
    }

    fn failed(&mut self) -> Option<TransportEvent> {
        let (token, error) = lock(&self.failures.waiting).pop_front()?;
        Some(TransportEvent::SendFailed { token, error })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
