//! What outlives the process: accounts, the message log, command answers, bindings and records, in SQLite in the data directory.
//!
//! `Store::open` makes and locks the directory, brings the schema up to date and starts one writer and a few readers, each a
//! thread with its own connection. Every method is asynchronous and waits for its answer alone; a write is answered only once
//! it is on the disk (write-ahead log, `synchronous = FULL`). Writes that come together share one COMMIT. Every queue is
//! bounded: what finds it full gets `StoreError::Overloaded` at once. The store reads no clock: times are arguments.
//!
//! What the message relay needs exists a second time as `…_then`, with a function that is called with the answer from one of
//! the store's threads (or at once when the work is refused): a single task can so take all answers from one queue. Such a
//! function must neither block nor panic.

mod accounts;
mod audit;
mod bindings;
mod calls;
mod chats;
mod commands;
mod contacts;
mod content;
mod dir;
mod engine;
mod error;
mod invitations;
mod messages;
mod modes;
mod people;
mod profile;
mod records;
mod retention;
mod schema;
mod sessions;
mod tokens;
mod webhooks;

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::oneshot;

pub use accounts::{Account, AccountKind, Credentials, DEVICES_MAX, Device, Ha1, NewDevice};
pub use audit::AuditEntry;
pub use bindings::StoredBinding;
pub use calls::Call;
pub use chats::{ChatMessage, ChatSummary, UNREAD_MAX};
pub use commands::{Answered, CommandAnswer};
pub use contacts::{CONTACT_NUMBERS_MAX, CONTACTS_MAX, Contact, ContactKey, ContactNumber};
pub use content::Content;
pub use error::StoreError;
pub use invitations::Invited;
pub use messages::{Direction, Message, MessageId, NewMessage, PAGE_MAX};
pub use modes::{MODES_MAX, PersonMode, mode_of};
pub use people::Person;
pub use profile::{TELEPHONES_MAX, Telephone, TelephoneKind};
pub use records::{ClosedRecords, ConferenceRecord, LegRecord, LegTimes};
pub use retention::Purged;
pub use sessions::{
    NewPassword, NewSession, NewSessionToken, Opened, SESSION_TOKENS_MAX, SESSIONS_MAX,
    SessionToken,
};
pub use tokens::{ApiToken, TOKEN_HASH_BYTES};
pub use webhooks::{DELIVERIES_MAX, Delivery, NewWebhook, WEBHOOKS_MAX, Webhook};

use dir::DataDir;
use engine::{Engine, WriteContext};

/// Milliseconds since 1970-01-01 UTC, without leap seconds.
pub type UnixMs = i64;

/// The open database. Clones share it; it closes with the last of them, or by `close`.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    // Closed before the directory is unlocked: fields drop in this order.
    engine: Engine,
    _dir: DataDir,
}

impl Store {
    /// Opens (or makes) the store in a directory, which then belongs to this process alone. Blocks for the time of the
    /// migrations.
    ///
    /// # Errors
    /// `InUse` when another process serves from it, `Directory` when it cannot be made or protected, `NewerSchema` when a
    /// newer program wrote it.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let dir = DataDir::open(directory)?;
        let engine = Engine::start(&dir.database())?;
        Ok(Self {
            shared: Arc::new(Shared { engine, _dir: dir }),
        })
    }

    /// Does what is queued, checkpoints, and ends the threads; blocks until then. Later calls answer `Closed`.
    pub fn close(&self) {
        self.shared.engine.close();
    }

    fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    async fn asked<T>(
        &self,
        ask: impl FnOnce(Box<dyn FnOnce(Result<T, StoreError>) + Send>),
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        // Whoever asked may have stopped waiting; the work is done all the same.
        ask(Box::new(move |result| drop(sender.send(result))));
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Several statements that take effect together or not at all.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut WriteContext<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.asked(|done| self.engine().write(work, done)).await
    }

    /// One statement.
    async fn write_one<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.asked(|done| self.engine().write_one(move |cx| work(cx.conn), done))
            .await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.asked(|done| self.read_then(work, done)).await
    }

    fn read_then<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        done: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) {
        self.engine().read(Box::new(move |conn| {
            done(conn.and_then(work));
        }));
    }
}
