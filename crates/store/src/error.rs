//! What can go wrong between a caller and the disk.

use std::path::PathBuf;

/// Why the store did not do what was asked. Nothing was changed whenever one of these is returned for a write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The queue to the writer or a reader is full; the caller should answer 503 and be asked again later.
    #[error("the store has more work queued than it accepts")]
    Overloaded,
    /// The store was closed, or its thread is gone.
    #[error("the store is closed")]
    Closed,
    /// Another process serves from this data directory.
    #[error("the data directory {} is in use by another process", path.display())]
    InUse {
        /// The data directory.
        path: PathBuf,
    },
    /// The data directory could not be made, opened or protected.
    #[error("the data directory {}: {words}", path.display())]
    Directory {
        /// The file or directory concerned.
        path: PathBuf,
        /// What the system said.
        words: String,
    },
    /// The database was written by a newer version.
    #[error("the database has schema version {came}, this program knows up to {expected}")]
    NewerSchema {
        /// The newest version that this program knows.
        expected: u32,
        /// The version found.
        came: u32,
    },
    /// A row of that key exists, or one that it must refer to does not.
    #[error("{what} conflicts with what is stored")]
    Conflict {
        /// What was to be written.
        what: &'static str,
    },
    /// A stored value does not have the form that it was written in.
    #[error("a stored {what} is not readable")]
    Corrupt {
        /// Which kind of value.
        what: &'static str,
    },
    /// The database engine failed (disk full, I/O error …).
    #[error("the database failed: {words}")]
    Engine {
        /// What the engine said; it names no values.
        words: String,
    },
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) {
            return StoreError::Conflict { what: "the row" };
        }
        StoreError::Engine {
            words: error.to_string(),
        }
    }
}
