//! What is forgotten now and then: registrations, sessions and answers that ended, and messages that the log has kept long enough.

use std::time::Duration;

use runtime::clock;
use runtime::tasks::{Shutdown, Tasks};
use store::{Store, StoreError};

/// The pause between two rounds.
const PAUSE: Duration = Duration::from_secs(600);
const DAY_MS: i64 = 86_400_000;

/// Starts the rounds. `log_days`: how long the log keeps messages, 0 for ever.
pub(crate) fn start(store: &Store, log_days: u32, tasks: &Tasks) {
    let store = store.clone();
    let shutdown = tasks.shutdown_token().clone();
    tasks.spawn("housekeeping", async move {
        while shutdown
            .unless_cancelled(clock::sleep(PAUSE))
            .await
            .is_some()
        {
            round(&store, log_days, clock::unix_ms(clock::wall()), &shutdown).await;
        }
    });
}

async fn round(store: &Store, log_days: u32, now: i64, shutdown: &Shutdown) {
    for (what, purged) in [
        ("bindings", store.purge_bindings(now).await),
        ("answers", store.purge_answers(now).await),
        ("sessions", store.purge_sessions(now).await),
        ("messages", purge_log(store, log_days, now, shutdown).await),
    ] {
        match purged {
            Ok(count) => tracing::debug!(what, count, "purged"),
            Err(error) => tracing::warn!(what, %error, "not purged"),
        }
    }
}

/// In small steps, between which others write.
async fn purge_log(
    store: &Store,
    log_days: u32,
    now: i64,
    shutdown: &Shutdown,
) -> Result<usize, StoreError> {
    if log_days == 0 {
        return Ok(0);
    }
    let before = now.saturating_sub(DAY_MS.saturating_mul(i64::from(log_days)));
    let (mut after, mut count) = (None, 0_usize);
    while !shutdown.is_cancelled() {
        let step = store.purge_messages(before, after).await?;
        count = count.saturating_add(step.count);
        after = step.next;
        if after.is_none() {
            break;
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use store::{Direction, NewMessage};

    use super::*;

    fn message(at: i64) -> NewMessage {
        NewMessage {
            at,
            from: Arc::from("a@x"),
            to: Arc::from("b@x"),
            device: None,
            content_type: "text/plain".to_owned(),
            body: "hello".into(),
            direction: Direction::Relayed,
            control: false,
            keep: false,
        }
    }

    #[tokio::test]
    async fn the_log_keeps_messages_for_its_days() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        // Ten days of eighty messages each, written together.
        for n in 0..799 {
            store.log_message_then(message(n / 80 * DAY_MS), |_| {});
        }
        store.log_message(message(9 * DAY_MS)).await.unwrap();
        let shutdown = Shutdown::new();
        let purge = |days, now| round(&store, days, now, &shutdown);
        let oldest = async || store.log_from(None, 1).await.unwrap()[0].id.0;
        purge(0, 1_000 * DAY_MS).await;
        assert_eq!(oldest().await, 1, "for ever");
        purge(365, 9 * DAY_MS).await;
        assert_eq!(oldest().await, 1, "nothing is old");
        purge(2, 9 * DAY_MS).await;
        assert_eq!(oldest().await, 561, "days 7, 8 and 9 are left");
        purge(2, 1_000 * DAY_MS).await;
        assert_eq!(oldest().await, 800, "the newest stays");
    }
}
