//! A bounded queue that never holds its writer up: what is too much is dropped, and the reader is told that something is missing.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

/// What the reader gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken<T> {
    Item(T),
    /// Things were dropped here.
    Missing,
    /// Nothing more comes.
    End,
}

pub(crate) struct Inbox<T> {
    state: Mutex<State<T>>,
    change: Notify,
    max: usize,
}

struct State<T> {
    waiting: VecDeque<T>,
    missing: bool,
    ended: bool,
}

impl<T> Inbox<T> {
    pub fn new(max: usize) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                missing: false,
                ended: false,
            }),
            change: Notify::new(),
            max,
        }
    }

    /// Adds something; when full, the oldest goes and the reader is told.
    pub fn put(&self, item: T) {
        let mut state = self.lock();
        if state.waiting.len() >= self.max {
            state.waiting.pop_front();
            state.missing = true;
        }
        state.waiting.push_back(item);
        drop(state);
        self.change.notify_one();
    }

    /// Nothing more comes.
    pub fn end(&self) {
        self.lock().ended = true;
        self.change.notify_one();
    }

    /// The next thing. Cancel-safe. For one reader.
    pub async fn take(&self) -> Taken<T> {
        loop {
            {
                let mut state = self.lock();
                if std::mem::take(&mut state.missing) {
                    return Taken::Missing;
                }
                if let Some(item) = state.waiting.pop_front() {
                    return Taken::Item(item);
                }
                if state.ended {
                    return Taken::End;
                }
            }
            self.change.notified().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State<T>> {
        // A poisoned lock only means that somebody panicked; the state is valid between any two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_goes_and_it_is_told() {
        let inbox = Inbox::new(2);
        for n in 1..=3 {
            inbox.put(n);
        }
        inbox.end();
        assert_eq!(inbox.take().await, Taken::Missing);
        assert_eq!(inbox.take().await, Taken::Item(2));
        assert_eq!(inbox.take().await, Taken::Item(3));
        assert_eq!(inbox.take().await, Taken::End);
    }
}
