//! Structured logs. Every part logs with the field `request`, one id that follows a request through all parts. Bodies,
//! PINs and passwords are never fields.

use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{LogFormat, LogSettings};

/// The field that carries the request id in every part's log lines.
pub const REQUEST_FIELD: &str = "request";

/// Why logging cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The level is not one.
    #[error("log.level: {0}")]
    Level(String),
    /// Somebody has begun before.
    #[error("logging has begun already")]
    Twice,
}

/// Begins to write log lines to the standard error, for the whole process.
pub fn begin(settings: &LogSettings) -> Result<(), LoggingError> {
    let subscriber = subscriber(settings, std::io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LoggingError::Twice)
}

/// What writes log lines to `writer`; for tests, and for whoever wants them elsewhere.
pub fn subscriber<W>(
    settings: &LogSettings,
    writer: W,
) -> Result<Box<dyn tracing::Subscriber + Send + Sync>, LoggingError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = filter(&settings.level).map_err(LoggingError::Level)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer);
    Ok(match settings.format {
        LogFormat::Text => Box::new(builder.with_ansi(false).finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    })
}

/// Whether a text is a level, or a list of parts with levels.
pub fn check_level(level: &str) -> Result<(), String> {
    filter(level).map(drop)
}

fn filter(level: &str) -> Result<EnvFilter, String> {
    for directive in level.split(',') {
        let word = directive.rsplit('=').next().unwrap_or_default().trim();
        if word.is_empty() || tracing::level_filters::LevelFilter::from_str(word).is_err() {
            return Err(format!("{word:?} is not a level"));
        }
    }
    EnvFilter::builder()
        .parse(level)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn json_lines_carry_the_request_id_as_a_field() {
        let lines = Lines::default();
        let writer = lines.clone();
        let settings = LogSettings {
            format: LogFormat::Json,
            level: "info,server=debug".into(),
        };
        let subscriber = subscriber(&settings, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(request = "r-1", part = "gateway", "command");
            tracing::trace!("not this one");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line[REQUEST_FIELD], "r-1");
        assert_eq!(line["message"], "command");
    }

    #[test]
    fn levels_are_checked() {
        assert!(check_level("info").is_ok());
        assert!(check_level("warn,im_core=trace").is_ok());
        assert!(check_level("loud").is_err());
        assert!(check_level("").is_err());
    }
}
