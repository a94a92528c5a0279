//! Programs that were not built from this repository, started for a test and ended with it. `make setup` installs them.

pub mod baresip;
pub mod chromium;
pub mod janus;
pub mod kamailio;
pub mod linphone;
pub mod pictures;
pub mod pulse;
pub mod python;
mod room;
pub mod sipp;
pub mod sipp_im;
pub mod sipp_register;
pub mod sipp_watch;
pub mod zeep;

use std::path::{Path, PathBuf};

use anyhow::Context;

/// The directory of the package of tests.
pub fn tests_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A template of `tests/peers` with every `@NAME@` of `words` replaced, written to `to`.
pub fn fill(template: &str, words: &[(&str, &str)], to: &Path) -> anyhow::Result<()> {
    let path = tests_dir().join("peers").join(template);
    let mut text =
        std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    for (name, value) in words {
        text = text.replace(&format!("@{name}@"), value);
    }
    std::fs::write(to, text).with_context(|| format!("writing {}", to.display()))
}

/// A fresh certificate for `domain` and 127.0.0.1: writes `cert.pem`, `key.pem` and `both.pem` to `dir`.
pub fn write_certificate(dir: &Path, domain: &str) -> anyhow::Result<()> {
    let names = vec![
        domain.to_owned(),
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
    ];
    let made = rcgen::generate_simple_self_signed(names)?;
    let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    std::fs::write(dir.join("cert.pem"), &cert)?;
    std::fs::write(dir.join("key.pem"), &key)?;
    std::fs::write(dir.join("both.pem"), format!("{key}{cert}"))?;
    Ok(())
}
