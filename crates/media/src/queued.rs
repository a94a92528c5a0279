//! Commands by a queue: whoever commands never waits for the media threads.

use std::sync::Arc;
use std::time::Duration;

use convoke_types::media::{MediaCommand, MediaEvent};
use runtime::clock;
use tokio::sync::mpsc;

use crate::Engine;

/// Pause before a command that found the media thread busy is tried again, and how often.
const RETRY: Duration = Duration::from_millis(5);
const TRIES: u32 = 200;

/// Hands commands over as they come, and tells by `refusals` what was not taken that is answered. Ends with the queue, and with it the
/// engine and its threads.
pub async fn hand_over(
    engine: Arc<Engine>,
    mut commands: mpsc::Receiver<MediaCommand>,
    refusals: mpsc::Sender<MediaEvent>,
) {
    while let Some(command) = commands.recv().await {
        let mut tries = 0;
        while let Err(error) = engine.command(command.clone()) {
            tries += 1;
            if let Some(leg) = command.answered() {
                let failed = MediaEvent::Failed {
                    leg: leg.clone(),
                    words: "the media bridge is overloaded".to_owned(),
                };
                // Who gave the command may be gone, and then nobody waits for it.
                let _ = refusals.send(failed).await;
                break;
            }
            if tries > TRIES {
                tracing::error!(%error, "a media command was lost");
                break;
            }
            clock::sleep(RETRY).await;
        }
    }
    // Dropping the engine waits for its threads.
    if tokio::task::spawn_blocking(move || drop(engine))
        .await
        .is_err()
    {
        tracing::error!("the media threads did not end as they should");
    }
}
