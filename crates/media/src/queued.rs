//! Commands by a queue: whoever commands never waits for the media threads.

use std::sync::Arc;
use std::time::Duration;

use convoke_types::media::{MediaCommand, MediaEvent};
use runtime::clock;
use tokio::sync::mpsc;

use crate::{CommandError, Engine};

/// Pause before a command that found the media thread busy is tried again, and how often.
const RETRY: Duration = Duration::from_millis(5);
const TRIES: u32 = 200;

/// Hands commands over as they come, and tells by `refusals` what was not taken that is answered; the end of a leg is tried until it is
/// taken, so that none stays. Ends with the queue, and with it the engine and its threads.
pub async fn hand_over(
    engine: Arc<Engine>,
    commands: mpsc::Receiver<MediaCommand>,
    refusals: mpsc::Sender<MediaEvent>,
) {
    carry(|command| engine.command(command), commands, refusals).await;
    // Dropping the engine waits for its threads.
    if tokio::task::spawn_blocking(move || drop(engine))
        .await
        .is_err()
    {
        tracing::error!("the media threads did not end as they should");
    }
}

async fn carry(
    take: impl Fn(MediaCommand) -> Result<(), CommandError>,
    mut commands: mpsc::Receiver<MediaCommand>,
    refusals: mpsc::Sender<MediaEvent>,
) {
    // Ends that are still to be taken: of each leg and each conference one at most.
    let mut owed: Vec<MediaCommand> = Vec::new();
    loop {
        owed.retain(|end| take(end.clone()).is_err());
        let command = tokio::select! {
            command = commands.recv() => command,
            () = clock::sleep(RETRY), if !owed.is_empty() => continue,
        };
        let Some(command) = command else { return };
        let mut tries = 0;
        while let Err(error) = take(command.clone()) {
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
                if matches!(
                    command,
                    MediaCommand::Close { .. } | MediaCommand::CloseMix { .. }
                ) {
                    tracing::warn!(%error, "the end of a leg waits");
                    owed.push(command);
                } else {
                    tracing::error!(%error, "a media command was lost");
                }
                break;
            }
            clock::sleep(RETRY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use convoke_types::LegKey;

    use super::*;

    fn leg(name: &str) -> LegKey {
        LegKey {
            conference: "c".parse().unwrap(),
            leg: name.parse().unwrap(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_leg_is_never_lost() {
        let (busy, taken) = (AtomicBool::new(true), Mutex::new(Vec::new()));
        let take = |command: MediaCommand| {
            if busy.load(Ordering::Relaxed) {
                return Err(CommandError::Overloaded);
            }
            taken.lock().unwrap().push(command);
            Ok(())
        };
        let (sender, commands) = mpsc::channel(8);
        let (refusals, mut refused) = mpsc::channel(8);
        let join = MediaCommand::Join { leg: leg("a") };
        let closes = ["a", "b"].map(|name| MediaCommand::Close { leg: leg(name) });
        let open = MediaCommand::Open { leg: leg("c") };
        let giving = async {
            for command in [&join, &closes[0], &closes[1], &open] {
                sender.send(command.clone()).await.unwrap();
            }
            // What opens a leg is refused at once, when its turn comes; by then all others were tried for long enough.
            let words = "the media bridge is overloaded".to_owned();
            let failed = MediaEvent::Failed {
                leg: leg("c"),
                words,
            };
            assert_eq!(refused.recv().await, Some(failed));
            busy.store(false, Ordering::Relaxed);
            clock::sleep(2 * RETRY).await;
            drop(sender);
        };
        tokio::join!(carry(take, commands, refusals), giving);
        assert_eq!(*taken.lock().unwrap(), closes);
    }
}
