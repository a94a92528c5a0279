//! What a program that we started writes: JSON lines.

use std::io::{BufRead, BufReader, Read};

use anyhow::Result;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

/// Lines that may wait; the program is not read when there are more, and waits.
const WAITING_MAX: usize = 4_096;

/// Reads lines until the program or whoever listens is gone; what is not a `T` is left out.
///
/// # Errors
/// When the system refuses a thread.
pub(crate) fn read<T: DeserializeOwned + Send + 'static>(
    output: impl Read + Send + 'static,
) -> Result<mpsc::Receiver<T>> {
    let (sender, lines) = mpsc::channel(WAITING_MAX);
    std::thread::Builder::new()
        .name("load-lines".to_owned())
        .spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let Ok(line) = serde_json::from_str(&line) else {
                    continue;
                };
                if sender.blocking_send(line).is_err() {
                    return;
                }
            }
        })?;
    Ok(lines)
}
