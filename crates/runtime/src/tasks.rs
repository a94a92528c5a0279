//! Tasks that somebody owns: spawned by name, told to stop by a token, awaited at the end. A panic is logged where it
//! happens and comes out as an error of the group.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock;

/// Most names of panicked tasks that a group remembers.
const PANICS_KEPT_MAX: usize = 32;

/// Tells tasks that they shall end. Clones are one token.
#[derive(Debug, Clone)]
pub struct Shutdown {
    state: Arc<watch::Sender<bool>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        Self {
            state: Arc::new(watch::Sender::new(false)),
        }
    }
    /// Tells all who wait. Cannot be taken back.
    pub fn cancel(&self) {
        self.state.send_replace(true);
    }
    /// Whether somebody has cancelled.
    pub fn is_cancelled(&self) -> bool {
        *self.state.borrow()
    }
    /// Waits until somebody cancels.
    pub async fn cancelled(&self) {
        let mut changes = self.state.subscribe();
        // An error would mean that the sender is gone, but `self` holds it.
        let _ = changes.wait_for(|cancelled| *cancelled).await;
    }
    /// Runs a future until it is done or somebody cancels (then `None`).
    pub async fn unless_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            () = self.cancelled() => None,
            output = future => Some(output),
        }
    }
}

/// What was wrong when a group of tasks ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TasksError {
    /// These tasks panicked; the log has the places.
    #[error("tasks panicked: {}", .0.join(", "))]
    Panicked(Vec<String>),
    /// These tasks did not end in time and were aborted.
    #[error("tasks did not end within {limit:?} and were aborted: {}", names.join(", "))]
    Overdue {
        /// The time they were given.
        limit: Duration,
        /// Their names.
        names: Vec<String>,
    },
}

/// A group of owned tasks. Clones are one group. Dropping the last clone aborts what still runs.
#[derive(Debug, Clone)]
pub struct Tasks {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    shutdown: Shutdown,
    set: Mutex<JoinSet<()>>,
    book: Arc<Mutex<Book>>,
}

#[derive(Debug, Default)]
struct Book {
    /// Names of running tasks, each with a number that makes it unique.
    running: BTreeSet<(String, u64)>,
    next: u64,
    panicked: Vec<String>,
    closed: bool,
}

impl Tasks {
    /// An empty group whose tasks watch `shutdown`.
    pub fn new(shutdown: Shutdown) -> Self {
        Self {
            shared: Arc::new(Shared {
                shutdown,
                set: Mutex::new(JoinSet::new()),
                book: Arc::default(),
            }),
        }
    }

    /// The token that ends this group.
    pub fn shutdown_token(&self) -> &Shutdown {
        &self.shared.shutdown
    }

    /// Starts a task. It should end soon after the group's token is cancelled. After `finish` nothing is started any more.
    pub fn spawn<F>(&self, name: impl Into<String>, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.start(name.into(), future, false);
    }

    /// Starts a task without which the process makes no sense: when it panics, the group's token is cancelled.
    pub fn spawn_vital<F>(&self, name: impl Into<String>, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.start(name.into(), future, true);
    }

    fn start<F>(&self, name: String, future: F, vital: bool)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let book = self.shared.book.clone();
        let number = {
            let mut pages = lock(&book);
            if pages.closed {
                tracing::debug!(task = name, "not started, the group has ended");
                return;
            }
            pages.next += 1;
            let number = pages.next;
            pages.running.insert((name.clone(), number));
            number
        };
        let shutdown = self.shared.shutdown.clone();
        let entry = Entry {
            book,
            key: (name, number),
        };
        let task = async move {
            let end = AssertUnwindSafe(future).catch_unwind().await;
            if end.is_err() {
                let name = &entry.key.0;
                tracing::error!(task = name, "panicked");
                let mut pages = lock(&entry.book);
                if pages.panicked.len() < PANICS_KEPT_MAX {
                    pages.panicked.push(name.clone());
                }
                if vital {
                    shutdown.cancel();
                }
            }
            drop(entry);
        };
        let mut set = lock(&self.shared.set);
        // Ended tasks are collected here, so that a group of many short tasks does not grow.
        while set.try_join_next().is_some() {}
        set.spawn(task);
    }

    /// How many tasks run.
    pub fn running(&self) -> usize {
        lock(&self.shared.book).running.len()
    }

    /// Cancels the token, waits for all tasks but not longer than `limit`, and aborts the rest.
    pub async fn finish(&self, limit: Duration) -> Result<(), TasksError> {
        self.shared.shutdown.cancel();
        lock(&self.shared.book).closed = true;
        let mut set = std::mem::take(&mut *lock(&self.shared.set));
        let all_ended = clock::within(limit, async { while set.join_next().await.is_some() {} })
            .await
            .is_ok();
        let names: Vec<String> = {
            let pages = lock(&self.shared.book);
            pages.running.iter().map(|(name, _)| name.clone()).collect()
        };
        if !all_ended {
            tracing::error!(tasks = ?names, ?limit, "aborted, they did not end in time");
            set.shutdown().await;
            return Err(TasksError::Overdue { limit, names });
        }
        let panicked = std::mem::take(&mut lock(&self.shared.book).panicked);
        if panicked.is_empty() {
            Ok(())
        } else {
            Err(TasksError::Panicked(panicked))
        }
    }
}

/// A running task's line in the book; dropped with the task, also when it is aborted.
struct Entry {
    book: Arc<Mutex<Book>>,
    key: (String, u64),
}

impl Drop for Entry {
    fn drop(&mut self) {
        lock(&self.book).running.remove(&self.key);
    }
}

/// A poisoned lock only means that a task panicked while it held it; these pages are valid between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn cancelling_ends_tasks_and_finish_awaits_them() {
        let tasks = Tasks::new(Shutdown::new());
        let token = tasks.shutdown_token().clone();
        let done = Arc::new(Mutex::new(false));
        let written = done.clone();
        tasks.spawn("waiter", async move {
            token.cancelled().await;
            *written.lock().unwrap() = true;
        });
        assert_eq!(tasks.running(), 1);
        assert_eq!(tasks.finish(SOON).await, Ok(()));
        assert!(*done.lock().unwrap());
        assert_eq!(tasks.running(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_an_error_of_the_group_and_a_vital_one_ends_it() {
        let tasks = Tasks::new(Shutdown::new());
        tasks.spawn_vital("heart", async { panic!("on purpose") });
        tasks.shutdown_token().cancelled().await;
        assert_eq!(
            tasks.finish(SOON).await,
            Err(TasksError::Panicked(vec!["heart".into()]))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_end_is_aborted_and_named() {
        let tasks = Tasks::new(Shutdown::new());
        tasks.spawn("deaf", std::future::pending());
        assert_eq!(
            tasks.finish(SOON).await,
            Err(TasksError::Overdue {
                limit: SOON,
                names: vec!["deaf".into()]
            })
        );
        tasks.spawn("late", async {});
        assert_eq!(tasks.running(), 0, "a group that has ended starts nothing");
    }
}
