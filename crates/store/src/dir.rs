//! The data directory: made with mode 0700, and locked so that one process at a time serves from it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::StoreError;

/// Only the owner may enter.
const DIRECTORY_MODE: u32 = 0o700;
/// Only the owner may read; SQLite gives its side files the mode of the database.
const FILE_MODE: u32 = 0o600;
const LOCK_FILE: &str = "lock";
const DATABASE_FILE: &str = "convoke.db";

/// The directory, locked for as long as this value lives (the system drops the lock of a killed process).
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory if it is missing, takes away the permissions of others, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let fault = |path: &Path| {
            let path = path.to_owned();
            move |error: std::io::Error| StoreError::Directory {
                path,
                words: error.to_string(),
            }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(path)
            .map_err(fault(path))?;
        fs::set_permissions(path, Permissions::from_mode(DIRECTORY_MODE)).map_err(fault(path))?;
        let lock_path = path.join(LOCK_FILE);
        let lock = open_private(&lock_path).map_err(fault(&lock_path))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(StoreError::InUse {
                    path: path.to_owned(),
                });
            }
            Err(error) => return Err(fault(&lock_path)(error.into())),
        }
        let database = path.join(DATABASE_FILE);
        open_private(&database).map_err(fault(&database))?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join(DATABASE_FILE)
    }
}

fn open_private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(FILE_MODE)
        .open(path)
}
