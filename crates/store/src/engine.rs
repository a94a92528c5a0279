//! The threads behind the store. One writer commits in groups: whatever queued up while the last COMMIT waited for the disk
//! shares the next one, and each caller hears only after the COMMIT that holds its rows. Readers have their own connections.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use crate::StoreError;
use crate::messages::LogWriter;
use crate::schema;

/// Writes waiting for the writer; one more is refused as `Overloaded`.
const WRITE_QUEUE: usize = 16 * 1024;
/// Most writes in one COMMIT: bounds how long the first of them waits.
const BATCH_MAX: usize = 2048;
/// Reads waiting for one reader; one more is refused as `Overloaded`.
const READ_QUEUE: usize = 1024;
/// Reader threads, each with its own connection.
const READERS: usize = 2;
/// Quiet time after which the writer brings the indexes of the message log up to date.
const IDLE_BEFORE_INDEXING: Duration = Duration::from_millis(200);

/// What a write job works with.
pub(crate) struct WriteContext<'c> {
    pub(crate) conn: &'c Connection,
    pub(crate) log: &'c mut LogWriter,
}

/// One write: done within the group's transaction, answered after its COMMIT.
trait WriteJob: Send {
    /// Does the work and keeps the result; true when it failed.
    fn run(&mut self, cx: &mut WriteContext<'_>) -> bool;
    /// Gives the result away, or the error that undid it.
    fn answer(self: Box<Self>, undone: Option<StoreError>);
}

struct Write<W, T, D> {
    work: Option<W>,
    result: Option<Result<T, StoreError>>,
    done: D,
    /// Whether the work is several statements, which must be undone together when one fails.
    several: bool,
}

impl<W, T, D> WriteJob for Write<W, T, D>
where
    W: FnOnce(&mut WriteContext<'_>) -> Result<T, StoreError> + Send,
    T: Send,
    D: FnOnce(Result<T, StoreError>) + Send,
{
    fn run(&mut self, cx: &mut WriteContext<'_>) -> bool {
        let Some(work) = self.work.take() else {
            return false;
        };
        let result = if self.several {
            within_savepoint(cx, work)
        } else {
            work(cx)
        };
        let failed = result.is_err();
        self.result = Some(result);
        failed
    }

    fn answer(self: Box<Self>, undone: Option<StoreError>) {
        let result = match (self.result, undone) {
            // Its own error says more than the one that undid the others.
            (Some(Err(own)), _) => Err(own),
            (_, Some(error)) => Err(error),
            (Some(done), None) => done,
            (None, None) => Err(StoreError::Closed),
        };
        (self.done)(result);
    }
}

fn within_savepoint<T>(
    cx: &mut WriteContext<'_>,
    work: impl FnOnce(&mut WriteContext<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let conn = cx.conn;
    conn.prepare_cached("SAVEPOINT job")?.execute([])?;
    let result = work(cx);
    // After an error that ended the whole transaction there is no savepoint to go back to.
    if result.is_err() && !conn.is_autocommit() {
        conn.prepare_cached("ROLLBACK TO job")?.execute([])?;
    }
    if !conn.is_autocommit() {
        conn.prepare_cached("RELEASE job")?.execute([])?;
    }
    result
}

enum ToWriter {
    Job(Box<dyn WriteJob>),
    Close,
}

/// A read and what is done with its result; or, when it is refused, with the error.
type ReadJob = Box<dyn FnOnce(Result<&Connection, StoreError>) + Send>;

enum ToReader {
    Job(ReadJob),
    Close,
}

/// The handles of the threads.
pub(crate) struct Engine {
    writer: SyncSender<ToWriter>,
    readers: Vec<SyncSender<ToReader>>,
    next_reader: AtomicUsize,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    /// Opens the database, brings its schema up to date and starts the threads.
    pub(crate) fn start(path: &Path) -> Result<Self, StoreError> {
        let conn = schema::open_writer(path)?;
        let log = LogWriter::open(&conn)?;
        let mut threads = Vec::with_capacity(READERS + 1);
        let (writer, jobs) = sync_channel(WRITE_QUEUE);
        threads.push(spawn("store-writer", move || {
            write_until_closed(&conn, log, &jobs);
        })?);
        let mut readers = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            let conn = schema::open_reader(path)?;
            let (sender, jobs) = sync_channel(READ_QUEUE);
            threads.push(spawn("store-reader", move || {
                read_until_closed(&conn, &jobs);
            })?);
            readers.push(sender);
        }
        Ok(Self {
            writer,
            readers,
            next_reader: AtomicUsize::new(0),
            threads: Mutex::new(threads),
        })
    }

    /// Queues a write of several statements, which take effect together or not at all.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut WriteContext<'_>) -> Result<T, StoreError> + Send + 'static,
        done: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) {
        self.queue_write(work, done, true);
    }

    /// Queues a write that needs no undoing of its own: one statement, or statements that may stay when a later one fails.
    pub(crate) fn write_one<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut WriteContext<'_>) -> Result<T, StoreError> + Send + 'static,
        done: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) {
        self.queue_write(work, done, false);
    }

    fn queue_write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut WriteContext<'_>) -> Result<T, StoreError> + Send + 'static,
        done: impl FnOnce(Result<T, StoreError>) + Send + 'static,
        several: bool,
    ) {
        let job = Box::new(Write {
            work: Some(work),
            result: None,
            done,
            several,
        });
        let refused = match self.writer.try_send(ToWriter::Job(job)) {
            Ok(()) => return,
            Err(TrySendError::Full(job)) => (job, StoreError::Overloaded),
            Err(TrySendError::Disconnected(job)) => (job, StoreError::Closed),
        };
        if let (ToWriter::Job(job), error) = refused {
            job.answer(Some(error));
        }
    }

    /// Queues a read; it sees every write that was answered before it was queued.
    pub(crate) fn read(&self, job: ReadJob) {
        let first = self.next_reader.fetch_add(1, Ordering::Relaxed);
        let mut job = ToReader::Job(job);
        let mut error = StoreError::Closed;
        for turn in 0..self.readers.len() {
            let Some(reader) = self
                .readers
                .get((first.wrapping_add(turn)) % self.readers.len())
            else {
                break;
            };
            job = match reader.try_send(job) {
                Ok(()) => return,
                Err(TrySendError::Full(job)) => {
                    error = StoreError::Overloaded;
                    job
                }
                Err(TrySendError::Disconnected(job)) => job,
            };
        }
        if let ToReader::Job(job) = job {
            job(Err(error));
        }
    }

    /// Does everything queued, then ends the threads and waits for them.
    pub(crate) fn close(&self) {
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        // The last handle may live in an answer, which is dropped by one of the threads: it cannot wait for itself, and ends
        // because its channel does.
        let own = std::thread::current().id();
        if threads.iter().any(|thread| thread.thread().id() == own) {
            return;
        }
        // A thread that is gone already needs no notice: its channel says so.
        drop(self.writer.send(ToWriter::Close));
        for reader in &self.readers {
            drop(reader.send(ToReader::Close));
        }
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|error| StoreError::Engine {
            words: error.to_string(),
        })
}

fn read_until_closed(conn: &Connection, jobs: &Receiver<ToReader>) {
    while let Ok(ToReader::Job(job)) = jobs.recv() {
        job(Ok(conn));
    }
}

fn write_until_closed(conn: &Connection, mut log: LogWriter, jobs: &Receiver<ToWriter>) {
    let mut batch: Vec<Box<dyn WriteJob>> = Vec::with_capacity(BATCH_MAX);
    loop {
        let first = if log.has_unindexed() {
            match jobs.recv_timeout(IDLE_BEFORE_INDEXING) {
                Err(RecvTimeoutError::Timeout) => {
                    index_when_idle(conn, &mut log);
                    continue;
                }
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Disconnected) => None,
            }
        } else {
            jobs.recv().ok()
        };
        let Some(ToWriter::Job(first)) = first else {
            break;
        };
        let closing = commit_group(conn, &mut log, jobs, first, &mut batch);
        if closing {
            break;
        }
    }
    if let Err(error) = conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);") {
        tracing::warn!(%error, "the last checkpoint failed; the next start does it");
    }
}

/// Runs `first` and whatever else waits in one transaction; true when the end of the queue was met.
fn commit_group(
    conn: &Connection,
    log: &mut LogWriter,
    jobs: &Receiver<ToWriter>,
    first: Box<dyn WriteJob>,
    batch: &mut Vec<Box<dyn WriteJob>>,
) -> bool {
    let mut closing = false;
    let mut failure = begin(conn).err();
    let mut next = Some(first);
    while let Some(mut job) = next.take() {
        let failed = failure.is_none() && job.run(&mut WriteContext { conn, log });
        batch.push(job);
        // A full disk or an I/O error ends the transaction, and with it the work of the whole group.
        if failed && conn.is_autocommit() {
            failure = Some(StoreError::Engine {
                words: "the transaction was ended by an error".to_owned(),
            });
        }
        if failure.is_some() || batch.len() >= BATCH_MAX {
            break;
        }
        match jobs.try_recv() {
            Ok(ToWriter::Job(job)) => next = Some(job),
            Ok(ToWriter::Close) => closing = true,
            Err(_) => {}
        }
    }
    if failure.is_none() {
        failure = log.index_when_due(conn).and_then(|()| commit(conn)).err();
    }
    if let Some(error) = &failure {
        tracing::error!(%error, writes = batch.len(), "a group of writes failed");
        roll_back(conn, log);
    }
    for job in batch.drain(..) {
        job.answer(failure.clone());
    }
    closing
}

fn index_when_idle(conn: &Connection, log: &mut LogWriter) {
    let done = begin(conn)
        .and_then(|()| log.index_all(conn))
        .and_then(|()| commit(conn));
    if let Err(error) = done {
        tracing::error!(%error, "indexing the message log failed");
        roll_back(conn, log);
    }
}

fn begin(conn: &Connection) -> Result<(), StoreError> {
    conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    Ok(())
}

fn commit(conn: &Connection) -> Result<(), StoreError> {
    conn.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}

fn roll_back(conn: &Connection, log: &mut LogWriter) {
    if !conn.is_autocommit()
        && let Err(error) = conn.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "the rollback failed");
    }
    if let Err(error) = log.reload(conn) {
        tracing::error!(%error, "the state of the message log could not be read again");
    }
}
