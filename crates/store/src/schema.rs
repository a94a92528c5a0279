//! Opening connections, and the numbered migrations that bring a database to the newest schema.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::StoreError;

/// Every migration, in order; number `n` of the file's name is its place, starting at 1. A released one is never edited.
const MIGRATIONS: [Migration; 11] = [
    Migration::of(include_str!("../migrations/0001_first.sql")),
    Migration::of(include_str!("../migrations/0002_binding_password.sql")),
    Migration {
        sql: include_str!("../migrations/0003_account_names.sql"),
        then: crate::accounts::fill_name_keys,
    },
    Migration::of(include_str!("../migrations/0004_sign_in.sql")),
    Migration {
        sql: include_str!("../migrations/0005_people.sql"),
        then: crate::people::fill_words,
    },
    Migration {
        sql: include_str!("../migrations/0006_chats.sql"),
        then: crate::chats::fill,
    },
    Migration::of(include_str!("../migrations/0007_webhooks.sql")),
    Migration::of(include_str!("../migrations/0008_tokens.sql")),
    Migration::of(include_str!("../migrations/0009_removed.sql")),
    Migration {
        sql: include_str!("../migrations/0010_modes.sql"),
        then: crate::modes::fill,
    },
    Migration::of(include_str!("../migrations/0011_language.sql")),
];

/// One step from schema to schema.
struct Migration {
    sql: &'static str,
    /// What SQL cannot do, after it.
    then: fn(&Connection) -> Result<(), StoreError>,
}

impl Migration {
    const fn of(sql: &'static str) -> Self {
        Self {
            sql,
            then: |_| Ok(()),
        }
    }
}

/// How long a connection waits for another's lock. Only checkpoints make any wait, and briefly.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Statements kept prepared per connection; more than there are different ones.
const STATEMENT_CACHE: usize = 160;
/// Page cache of the writer, in KiB.
const WRITER_CACHE_KIB: u32 = 16 * 1024;
/// Page cache of a reader, in KiB.
const READER_CACHE_KIB: u32 = 4 * 1024;
/// Pages in the write-ahead log before its pages are copied into the database: the larger, the fewer times a page that
/// changes in every commit is written twice; 16 MiB.
const CHECKPOINT_PAGES: u32 = 4096;

/// Opens the one connection that writes: write-ahead log, and a COMMIT returns only when the log is on the disk.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let mut conn = Connection::open(path)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    conn.execute_batch(&format!(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA cache_size = -{WRITER_CACHE_KIB};
         PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};"
    ))?;
    migrate(&mut conn)?;
    Ok(conn)
}

/// Opens a connection that cannot write.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    conn.execute_batch(&format!("PRAGMA cache_size = -{READER_CACHE_KIB};"))?;
    Ok(conn)
}

fn migrate(conn: &mut Connection) -> Result<(), StoreError> {
    conn.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_version (
             version INTEGER PRIMARY KEY,
             applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
         );",
    )?;
    let came: u32 = conn.query_row(
        "SELECT COALESCE(MAX(version), 0) FROM schema_version",
        [],
        |row| row.get(0),
    )?;
    let mut version = 0;
    for migration in MIGRATIONS {
        version += 1;
        if version <= came {
            continue;
        }
        let step = conn.transaction()?;
        step.execute_batch(migration.sql)?;
        (migration.then)(&step)?;
        step.execute(
            "INSERT INTO schema_version (version) VALUES (?1)",
            [version],
        )?;
        step.commit()?;
    }
    if came > version {
        return Err(StoreError::NewerSchema {
            expected: version,
            came,
        });
    }
    Ok(())
}
