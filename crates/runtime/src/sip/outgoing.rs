//! What waits to be written to one connection: any number of messages, up to a budget in bytes.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;

use super::event::{SendError, SendToken};

/// Bytes that are handed to the socket at once.
const BATCH_BYTES: usize = 64 * 1024;

/// A queue with one writer task. `push` never waits.
#[derive(Debug)]
pub(super) struct Outgoing<Mark = SendToken> {
    state: Mutex<State<Mark>>,
    change: Notify,
    broken: Notify,
    budget_bytes: usize,
    /// Bytes that are handed to the socket at once; 0: one message at a time.
    batch_bytes: usize,
}

#[derive(Debug)]
struct State<Mark> {
    waiting: VecDeque<(Bytes, Option<Mark>)>,
    /// Marks of the batch that is being written.
    writing: Vec<Mark>,
    /// Bytes in `waiting` and in the batch that is being written.
    bytes: usize,
    closed: Option<Closing>,
}

/// How the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// After what waits is written.
    Gently,
    /// At once: the peer does not read.
    Overrun,
}

/// What the writer shall do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Write this, then call `written`.
    Batch(Bytes),
    /// End the connection.
    Close(Closing),
}

impl<Mark> Outgoing<Mark> {
    pub(super) fn new(budget_bytes: usize) -> Self {
        Self::batched(budget_bytes, BATCH_BYTES)
    }

    /// For transports that frame: each batch is one message.
    pub(super) fn one_by_one(budget_bytes: usize) -> Self {
        Self::batched(budget_bytes, 0)
    }

    fn batched(budget_bytes: usize, batch_bytes: usize) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                writing: Vec::new(),
                bytes: 0,
                closed: None,
            }),
            change: Notify::new(),
            broken: Notify::new(),
            budget_bytes,
            batch_bytes,
        }
    }

    /// Adds a message. Over the budget the connection ends at once (`Overrun`).
    pub(super) fn push(&self, bytes: Bytes, token: Option<Mark>) -> Result<(), SendError> {
        let mut state = self.lock();
        if state.closed.is_some() {
            return Err(SendError::Closed);
        }
        let outcome = if state.bytes.saturating_add(bytes.len()) > self.budget_bytes {
            state.closed = Some(Closing::Overrun);
            self.broken.notify_one();
            Err(SendError::Overrun)
        } else {
            state.bytes += bytes.len();
            state.waiting.push_back((bytes, token));
            Ok(())
        };
        drop(state);
        self.change.notify_one();
        outcome
    }

    /// Takes no more; what waits is still written.
    pub(super) fn close(&self) {
        self.lock().closed.get_or_insert(Closing::Gently);
        self.change.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed.is_some()
    }

    /// Waits for something to do. Cancel-safe. For one caller.
    pub(super) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.try_next() {
                return next;
            }
            self.change.notified().await;
        }
    }

    /// Waits until the peer is found not to read. For one caller.
    pub(super) async fn overrun(&self) {
        while self.lock().closed != Some(Closing::Overrun) {
            self.broken.notified().await;
        }
    }

    fn try_next(&self) -> Option<Next> {
        let mut state = self.lock();
        if state.closed == Some(Closing::Overrun) {
            return Some(Next::Close(Closing::Overrun));
        }
        let Some((first, token)) = state.waiting.pop_front() else {
            return state.closed.map(Next::Close);
        };
        state.writing.extend(token);
        let fits = |state: &State<Mark>, length: usize| {
            let next = state.waiting.front();
            next.is_some_and(|(bytes, _)| length + bytes.len() <= self.batch_bytes)
        };
        if !fits(&state, first.len()) {
            return Some(Next::Batch(first));
        }
        let mut joined = BytesMut::from(first.as_ref());
        while fits(&state, joined.len()) {
            if let Some((bytes, token)) = state.waiting.pop_front() {
                joined.extend_from_slice(&bytes);
                state.writing.extend(token);
            }
        }
        Some(Next::Batch(joined.freeze()))
    }

    /// The batch is with the kernel and counts no more.
    pub(super) fn written(&self, batch: &Bytes) {
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_sub(batch.len());
        state.writing.clear();
    }

    /// Closes and gives the marks of all that was not written whole.
    pub(super) fn abandon(&self) -> Vec<Mark> {
        let mut state = self.lock();
        state.closed.get_or_insert(Closing::Gently);
        state.bytes = 0;
        let mut tokens = std::mem::take(&mut state.writing);
        tokens.extend(state.waiting.drain(..).filter_map(|(_, token)| token));
        tokens
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State<Mark>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn small_messages_are_joined_and_counted_until_written() {
        let queue = Outgoing::new(10);
        queue.push(Bytes::from_static(b"1234"), Some(1)).unwrap();
        queue.push(Bytes::from_static(b"5678"), Some(2)).unwrap();
        let Next::Batch(batch) = queue.next().await else {
            panic!("expected a batch");
        };
        assert_eq!(batch, "12345678");
        queue.written(&batch);
        queue
            .push(Bytes::from_static(b"1234567890"), Some(3))
            .unwrap();
        queue.close();
        assert_eq!(queue.push(Bytes::new(), Some(4)), Err(SendError::Closed));
        assert!(matches!(queue.next().await, Next::Batch(_)));
        assert_eq!(queue.next().await, Next::Close(Closing::Gently));
        assert_eq!(queue.abandon(), [3], "it was never said to be written");
    }

    #[tokio::test]
    async fn over_the_budget_the_connection_ends_at_once() {
        let queue = Outgoing::new(10);
        queue
            .push(Bytes::from_static(b"12345678"), Some(1))
            .unwrap();
        let pushed = queue.push(Bytes::from_static(b"90a"), Some(2));
        assert_eq!(pushed, Err(SendError::Overrun));
        queue.overrun().await;
        assert_eq!(queue.next().await, Next::Close(Closing::Overrun));
        assert_eq!(queue.abandon(), [1]);
    }
}
