//! What the data directory holds besides the database: keys and secrets that the server makes for itself, and where it listens.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use convoke_types::Aor;
use runtime::seed;
use serde::{Deserialize, Serialize};

/// The administrator's key: whoever can read it may make accounts and device passwords.
pub const ADMINISTRATOR_KEY_FILE: &str = "administrator.key";
/// The secret that gateway and conference service share.
pub const SHARED_SECRET_FILE: &str = "gateway-conference.secret";
/// The gateway's password at our own IM server.
pub const GATEWAY_PASSWORD_FILE: &str = "gateway.password";
/// The password of conferences at our own IM server.
pub const FOCUS_PASSWORD_FILE: &str = "focus.password";
/// The secret that whoever commands our bridges shows.
pub const BRIDGE_SECRET_FILE: &str = "bridge.secret";
/// The video allocator's password at our own IM server.
pub const ALLOCATOR_PASSWORD_FILE: &str = "allocator.password";
/// The password at our own IM server of what tells people's modes.
pub const MODES_PASSWORD_FILE: &str = "modes.password";
/// What a core forwards of pictures, by kinds of processors.
pub const FORWARDING_FILE: &str = "forwarding.json";
/// Where the running server listens.
pub const ADDRESSES_FILE: &str = "addresses.json";
/// The directory of the self-signed certificate for development.
pub const TLS_DIRECTORY: &str = "tls";

/// Why a file of the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Reading or writing failed.
    #[error("{path}: {error}", path = path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The system gave no random bytes for a new secret.
    #[error(transparent)]
    Randomness(#[from] seed::NoRandomness),
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |error| FileError::Io { path, error }
}

/// Makes the data directory of a process without a database, for its user alone.
pub fn make(directory: &Path) -> Result<(), FileError> {
    let mut builder = fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(directory);
    made.map_err(io_error(directory))
}

/// A secret of the data directory: 256 random bits in hexadecimal, made when the file is not there yet. `true`: just made.
pub fn secret(directory: &Path, name: &str) -> Result<(String, bool), FileError> {
    let path = directory.join(name);
    match fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok((text.trim().to_owned(), false)),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io_error(&path)(error)),
    }
    let secret = seed::secret_hex()?;
    write_private(&path, &format!("{secret}\n"))?;
    Ok((secret, true))
}

/// Where the running server listens; written to `addresses.json` for the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// The domain of the accounts.
    pub domain: String,
    /// The gateway's address of record: to whom conferences are commanded.
    pub gateway: Option<Aor>,
    /// The video allocator's address of record: of whom video conferences are asked. Absent where nobody is.
    #[serde(default)]
    pub allocator: Option<Aor>,
    /// SIP for clients over UDP.
    pub sip_udp: Vec<SocketAddr>,
    /// SIP for clients over TCP.
    pub sip_tcp: Vec<SocketAddr>,
    /// SIP for clients over TLS.
    pub sip_tls: Vec<SocketAddr>,
    /// SIP towards trunks over UDP.
    pub trunk_udp: Vec<SocketAddr>,
    /// SIP towards trunks over TCP.
    pub trunk_tcp: Vec<SocketAddr>,
    /// HTTP.
    pub http: Option<SocketAddr>,
    /// HTTPS.
    #[serde(default)]
    pub https: Vec<SocketAddr>,
    /// The bridge protocol, where an adapter speaks it.
    #[serde(default)]
    pub bridge: Option<SocketAddr>,
    /// The base URL of HTTP.
    pub url: String,
    /// The certificate that TLS shows (PEM); clients on this machine may pin it.
    pub certificate: Option<PathBuf>,
}

impl Addresses {
    /// Writes the file.
    pub fn write(&self, directory: &Path) -> Result<(), FileError> {
        let path = directory.join(ADDRESSES_FILE);
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| io_error(&path)(io::Error::other(error)))?;
        write_private(&path, &text)
    }
    /// Reads the file of a running server.
    pub fn read(directory: &Path) -> Result<Self, FileError> {
        let path = directory.join(ADDRESSES_FILE);
        let text = fs::read_to_string(&path).map_err(io_error(&path))?;
        serde_json::from_str(&text).map_err(|error| io_error(&path)(io::Error::other(error)))
    }
    /// Takes the file away: nobody listens any more.
    pub fn remove(directory: &Path) {
        // A file that is gone already is what we want.
        let _ = fs::remove_file(directory.join(ADDRESSES_FILE));
    }
}

fn write_private(path: &Path, text: &str) -> Result<(), FileError> {
    let write = || -> io::Result<()> {
        let new = path.with_extension("new");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(new, path)
    };
    write().map_err(io_error(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_made_once_and_is_private() {
        let directory = tempfile::tempdir().unwrap();
        let (made, new) = secret(directory.path(), "s").unwrap();
        assert!(new && made.len() == 64);
        assert_eq!(secret(directory.path(), "s").unwrap(), (made, false));
        let mode = fs::metadata(directory.path().join("s"))
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }

    #[test]
    fn addresses_are_read_as_they_were_written() {
        let directory = tempfile::tempdir().unwrap();
        let addresses = Addresses {
            domain: "x".into(),
            gateway: Some("rooms@x".parse().unwrap()),
            sip_tcp: vec!["127.0.0.1:5060".parse().unwrap()],
            ..Addresses::default()
        };
        addresses.write(directory.path()).unwrap();
        assert_eq!(Addresses::read(directory.path()).unwrap(), addresses);
        Addresses::remove(directory.path());
        assert!(Addresses::read(directory.path()).is_err());
    }
}
