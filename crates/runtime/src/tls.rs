//! TLS for SIP (RFC 3261 §26.2, RFC 5922): certificates from PEM files, a self-signed one for development, and trust in
//! peers by configured roots or by pinning one certificate.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};

/// Where Debian keeps the roots that the machine's owner trusts.
pub const SYSTEM_ROOTS_FILE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What is wrong with a certificate, a key or their use.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A file holds no such thing.
    #[error("{path}: expected {expected} in PEM form, came {came}", path = path.display())]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What was expected.
        expected: &'static str,
        /// What the parser says.
        came: String,
    },
    /// rustls refuses the combination.
    #[error("{path}: {error}", path = path.display())]
    Refused {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        error: rustls::Error,
    },
    /// Roots that cannot be used.
    #[error("no usable root certificate: {0}")]
    Roots(String),
    /// The development certificate could not be made.
    #[error("cannot make a development certificate: {0}")]
    Make(#[from] rcgen::Error),
}

/// A certificate chain and its key, as files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM, the server's certificate first, then intermediates.
    pub chain: PathBuf,
    /// PEM, PKCS #8, SEC 1 or PKCS #1.
    pub key: PathBuf,
}

/// Whom we trust as a client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientTrust {
    /// PEM files of root certificates. Empty: the machine's own roots.
    pub roots: Vec<PathBuf>,
    /// Peers that are trusted in another way, by the name (or address) that we connect to.
    pub peers: HashMap<String, PeerTrust>,
}

/// How one peer is trusted, other than by the roots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerTrust {
    /// Exactly the first certificate of this PEM file, whatever name it carries.
    Pinned(PathBuf),
    /// Anybody. For laboratories; never a default, and logged at every start.
    Insecure,
}

/// The side that accepts connections. With `client_roots`, a client that shows a certificate must show one signed by them;
/// clients without a certificate are welcome (they authenticate by digest).
pub fn server_config(
    files: &CertificateFiles,
    client_roots: &[PathBuf],
) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = read_chain(&files.chain)?;
    let key = read_key(&files.key)?;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Roots(error.to_string()))?;
    let builder = if client_roots.is_empty() {
        builder.with_no_client_auth()
    } else {
        let roots = Arc::new(read_roots(client_roots)?);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
            .allow_unauthenticated()
            .build()
            .map_err(|error| TlsError::Roots(error.to_string()))?;
        builder.with_client_cert_verifier(verifier)
    };
    let config = builder
        .with_single_cert(chain, key)
        .map_err(|error| TlsError::Refused {
            path: files.chain.clone(),
            error,
        })?;
    Ok(Arc::new(config))
}

/// The side that connects. Without any readable root and without pins every connection would be refused, which is an error here.
pub fn client_config(trust: &ClientTrust) -> Result<Arc<ClientConfig>, TlsError> {
    let by_roots = match roots_of(trust)? {
        Some(roots) => Some(
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
                .build()
                .map_err(|error| TlsError::Roots(error.to_string()))?,
        ),
        None => None,
    };
    let mut peers = HashMap::new();
    for (name, peer) in &trust.peers {
        let known = match peer {
            PeerTrust::Pinned(path) => KnownPeer::Pinned(first(path)?),
            PeerTrust::Insecure => {
                tracing::warn!(peer = name, "TLS certificate of this peer is not verified");
                KnownPeer::Insecure
            }
        };
        peers.insert(name.to_ascii_lowercase(), known);
    }
    let verifier = PeerVerifier {
        by_roots,
        peers,
        provider: provider(),
    };
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Roots(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The certificate for development in `directory` (`cert.pem`, `key.pem`), made when it is not there yet; valid for `names`
/// (host names or addresses). Peers trust it by pinning or by naming it as a root.
pub fn development_certificate(
    directory: &Path,
    names: &[String],
) -> Result<CertificateFiles, TlsError> {
    let files = CertificateFiles {
        chain: directory.join("cert.pem"),
        key: directory.join("key.pem"),
    };
    if files.chain.exists() && files.key.exists() {
        return Ok(files);
    }
    let made = rcgen::generate_simple_self_signed(names)?;
    fs::create_dir_all(directory).map_err(|error| TlsError::File {
        path: directory.to_owned(),
        error,
    })?;
    write_new(&files.key, &made.signing_key.serialize_pem(), 0o600)?;
    write_new(&files.chain, &made.cert.pem(), 0o644)?;
    Ok(files)
}

/// One place for the choice of cryptography: ring.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Makes ring the choice of libraries that ask the process for one (the HTTP client). Calling it again changes nothing.
pub fn install_provider() {
    // An error says that a choice was made before, and there is only this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn roots_of(trust: &ClientTrust) -> Result<Option<RootCertStore>, TlsError> {
    if !trust.roots.is_empty() {
        return read_roots(&trust.roots).map(Some);
    }
    let system = PathBuf::from(SYSTEM_ROOTS_FILE);
    if system.exists() {
        return read_roots(&[system]).map(Some);
    }
    if trust.peers.is_empty() {
        return Err(TlsError::Roots(format!(
            "no roots are configured, and there is no {SYSTEM_ROOTS_FILE}"
        )));
    }
    Ok(None)
}

fn read_roots(paths: &[PathBuf]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for path in paths {
        // The machine's own bundle may hold certificates that webpki cannot use; they are skipped.
        let (added, _skipped) = roots.add_parsable_certificates(read_chain(path)?);
        if added == 0 {
            return Err(TlsError::Roots(format!("{}", path.display())));
        }
    }
    Ok(roots)
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let expected = "at least one certificate";
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(pem_error(path, expected, "none")),
        Err(error) => Err(pem_error(path, expected, &error.to_string())),
    }
}

fn first(path: &Path) -> Result<CertificateDer<'static>, TlsError> {
    read_chain(path)?
        .into_iter()
        .next()
        .ok_or_else(|| pem_error(path, "a certificate", "none"))
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    // The parser's error never quotes the key.
    PrivateKeyDer::from_pem_slice(&read(path)?)
        .map_err(|error| pem_error(path, "a private key", &error.to_string()))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| TlsError::File {
        path: path.to_owned(),
        error,
    })
}

fn pem_error(path: &Path, expected: &'static str, came: &str) -> TlsError {
    TlsError::Pem {
        path: path.to_owned(),
        expected,
        came: came.to_owned(),
    }
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), TlsError> {
    use std::os::unix::fs::OpenOptionsExt;
    let write = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error| TlsError::File {
        path: path.to_owned(),
        error,
    })
}

#[derive(Debug)]
enum KnownPeer {
    Pinned(CertificateDer<'static>),
    Insecure,
}

/// Roots for everybody, except for peers that are named.
#[derive(Debug)]
struct PeerVerifier {
    by_roots: Option<Arc<WebPkiServerVerifier>>,
    peers: HashMap<String, KnownPeer>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let name = server_name.to_str().to_ascii_lowercase();
        match self.peers.get(&name) {
            Some(KnownPeer::Insecure) => Ok(ServerCertVerified::assertion()),
            Some(KnownPeer::Pinned(pin)) if pin.as_ref() == end_entity.as_ref() => {
                Ok(ServerCertVerified::assertion())
            }
            Some(KnownPeer::Pinned(_)) => Err(rustls::Error::General(format!(
                "{name} shows another certificate than the pinned one"
            ))),
            None => match &self.by_roots {
                Some(verifier) => verifier.verify_server_cert(
                    end_entity,
                    intermediates,
                    server_name,
                    ocsp_response,
                    now,
                ),
                None => Err(rustls::Error::General(format!(
                    "no roots are configured to verify {name}"
                ))),
            },
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_development_certificate_is_made_once_and_its_key_is_private() {
        let directory = tempfile::tempdir().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let files = development_certificate(directory.path(), &names).unwrap();
        let first = fs::read(&files.chain).unwrap();
        let again = development_certificate(directory.path(), &names).unwrap();
        assert_eq!(fs::read(&again.chain).unwrap(), first);
        let mode = fs::metadata(&files.key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(server_config(&files, std::slice::from_ref(&files.chain)).is_ok());
    }

    #[test]
    fn errors_name_the_file_and_never_the_key() {
        let directory = tempfile::tempdir().unwrap();
        let files = CertificateFiles {
            chain: directory.path().join("c.pem"),
            key: directory.path().join("k.pem"),
        };
        let error = server_config(&files, &[]).unwrap_err();
        assert!(error.to_string().contains("c.pem"), "{error}");
        fs::write(&files.chain, "nothing").unwrap();
        let error = server_config(&files, &[]).unwrap_err();
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}
