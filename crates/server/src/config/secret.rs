//! Secrets of the configuration: written there, or better in a file of their own.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Largest secret file, in bytes.
const SECRET_MAX_BYTES: u64 = 4096;

/// A password, or `file:PATH` where it stands. Never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// Why a secret cannot be read. Never quotes it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// The file holds nothing, too much, or not one line of text.
    #[error("{path}: expected one line of at most {SECRET_MAX_BYTES} bytes", path = path.display())]
    Form {
        /// Which.
        path: PathBuf,
    },
}

impl Secret {
    /// The secret itself.
    pub fn literal(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }
    /// The file that it stands in, seen from `base`.
    pub fn file(&self, base: &Path) -> Option<PathBuf> {
        self.0.strip_prefix("file:").map(|path| base.join(path))
    }
    /// The secret, read from its file if it stands in one. Paths start from `base`.
    pub fn read(&self, base: &Path) -> Result<String, SecretError> {
        let Some(path) = self.file(base) else {
            return Ok(self.0.clone());
        };
        let failed = |error| SecretError::File {
            path: path.clone(),
            error,
        };
        let form = || SecretError::Form { path: path.clone() };
        if std::fs::metadata(&path).map_err(failed)?.len() > SECRET_MAX_BYTES {
            return Err(form());
        }
        let bytes = std::fs::read(&path).map_err(failed)?;
        let text = String::from_utf8(bytes).map_err(|_| form())?;
        let line = text.trim_end_matches(['\r', '\n']);
        if line.is_empty() || line.contains(['\r', '\n']) {
            return Err(form());
        }
        Ok(line.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_come_from_files_and_are_never_printed() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("s"), "hush\n").unwrap();
        let secret = Secret::literal("file:s");
        assert_eq!(secret.read(directory.path()).unwrap(), "hush");
        assert_eq!(
            Secret::literal("plain").read(Path::new("")).unwrap(),
            "plain"
        );
        assert!(!format!("{:?}", Secret::literal("plain")).contains("plain"));
        std::fs::write(directory.path().join("s"), "two\nlines\n").unwrap();
        let error = secret.read(directory.path()).unwrap_err().to_string();
        assert!(
            error.contains("one line") && !error.contains("two"),
            "{error}"
        );
        let error = Secret::literal("file:none").read(directory.path());
        assert!(error.unwrap_err().to_string().contains("none"));
    }
}
