//! Where programs of people are told what happens, and the queue of what they have yet to be told: it outlives the process.

use convoke_types::Aor;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{Store, StoreError, UnixMs};

/// Most webhooks of one account.
pub const WEBHOOKS_MAX: usize = 16;
/// Most deliveries that wait for one webhook; one more drops the oldest.
pub const DELIVERIES_MAX: usize = 1_000;

/// A webhook to be.
#[derive(Clone, PartialEq, Eq)]
pub struct NewWebhook {
    /// Whose.
    pub aor: Aor,
    /// Where it is posted to.
    pub url: String,
    /// What it is told: words separated by spaces.
    pub events: String,
    /// What its deliveries are signed with; needed as it is, so it is kept as it is.
    pub secret: String,
    /// The number of the program's token with which it was made: it goes with that token.
    pub token: Option<i64>,
    /// When it was made.
    pub created_at: UnixMs,
}

impl std::fmt::Debug for NewWebhook {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewWebhook")
            .field("aor", &self.aor)
            .field("url", &self.url)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

/// A stored webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its number.
    pub id: i64,
    /// What was stored.
    pub hook: NewWebhook,
    /// Since when its deliveries fail, and how the last one did.
    pub failing: Option<(UnixMs, String)>,
    /// How many deliveries wait.
    pub waiting: u64,
}

/// Something that a webhook has yet to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number, the same at every attempt.
    pub id: i64,
    /// The body as it is posted.
    pub body: Vec<u8>,
    /// When it happened.
    pub created_at: UnixMs,
}

impl Store {
    /// Stores a webhook and returns its number. `Conflict` without the account or the token, or with `WEBHOOKS_MAX` of it.
    pub async fn add_webhook(&self, new: NewWebhook) -> Result<i64, StoreError> {
        self.write(move |cx| {
            let aor = new.aor.to_string();
            let count: i64 = cx.conn.query_row(
                "SELECT COUNT(*) FROM webhooks WHERE aor = ?1",
                [&aor],
                |row| row.get(0),
            )?;
            if usize::try_from(count).unwrap_or(usize::MAX) >= WEBHOOKS_MAX {
                return Err(StoreError::Conflict {
                    what: "one more webhook",
                });
            }
            cx.conn.execute(
                "INSERT INTO webhooks (aor, url, events, secret, created_at, token)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    aor,
                    new.url,
                    new.events,
                    new.secret,
                    new.created_at,
                    new.token
                ],
            )?;
            Ok(cx.conn.last_insert_rowid())
        })
        .await
    }

    /// Somebody's webhooks, oldest first.
    pub async fn webhooks(&self, aor: &Aor) -> Result<Vec<Webhook>, StoreError> {
        let aor = aor.to_string();
        self.read(move |conn| webhooks(conn, "w.aor = ?1 ORDER BY w.id", [aor]))
            .await
    }

    /// One webhook.
    pub async fn webhook(&self, id: i64) -> Result<Option<Webhook>, StoreError> {
        self.read(move |conn| Ok(webhooks(conn, "w.id = ?1", [id])?.pop()))
            .await
    }

    /// Everybody's webhooks: what a starting server begins with.
    pub async fn all_webhooks(&self) -> Result<Vec<Webhook>, StoreError> {
        self.read(|conn| webhooks(conn, "1 ORDER BY w.id", []))
            .await
    }

    /// Removes somebody's webhook with what waits for it; true when there was one.
    pub async fn remove_webhook(&self, aor: &Aor, id: i64) -> Result<bool, StoreError> {
        let aor = aor.to_string();
        self.write_one(move |conn| {
            let gone = conn.execute(
                "DELETE FROM webhooks WHERE id = ?1 AND aor = ?2",
                params![id, aor],
            )?;
            Ok(gone > 0)
        })
        .await
    }

    /// Queues something for a webhook; gives how many older ones were dropped for it. `Conflict` without the webhook.
    pub async fn queue_delivery(
        &self,
        webhook: i64,
        body: Vec<u8>,
        at: UnixMs,
    ) -> Result<usize, StoreError> {
        let most = i64::try_from(DELIVERIES_MAX).unwrap_or(i64::MAX);
        self.write(move |cx| {
            cx.conn
                .prepare_cached(
                    "INSERT INTO webhook_deliveries (webhook, body, created_at) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![webhook, body, at])?;
            Ok(cx
                .conn
                .prepare_cached(
                    "DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries
                         WHERE webhook = ?1 ORDER BY id DESC LIMIT -1 OFFSET ?2)",
                )?
                .execute([webhook, most])?)
        })
        .await
    }

    /// The oldest that waits for a webhook.
    pub async fn next_delivery(&self, webhook: i64) -> Result<Option<Delivery>, StoreError> {
        self.read(move |conn| {
            Ok(conn
                .prepare_cached(
                    "SELECT id, body, created_at FROM webhook_deliveries WHERE webhook = ?1
                     ORDER BY id LIMIT 1",
                )?
                .query_row([webhook], |row| {
                    Ok(Delivery {
                        id: row.get(0)?,
                        body: row.get(1)?,
                        created_at: row.get(2)?,
                    })
                })
                .optional()?)
        })
        .await
    }

    /// A delivery was taken, or given up: it waits no more. Its webhook works again, or fails in these words since `at`.
    pub async fn delivered(
        &self,
        webhook: i64,
        delivery: i64,
        failed: Option<String>,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        self.write(move |cx| {
            cx.conn
                .execute("DELETE FROM webhook_deliveries WHERE id = ?1", [delivery])?;
            mark(cx.conn, webhook, failed.as_deref(), at)
        })
        .await
    }

    /// A delivery failed in these words and waits for another attempt.
    pub async fn delivery_failed(
        &self,
        webhook: i64,
        words: String,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        self.write(move |cx| mark(cx.conn, webhook, Some(&words), at))
            .await
    }
}

fn mark(
    conn: &Connection,
    webhook: i64,
    failed: Option<&str>,
    at: UnixMs,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "UPDATE webhooks SET last_error = ?2,
             failing_since = CASE WHEN ?2 IS NULL THEN NULL ELSE COALESCE(failing_since, ?3) END
         WHERE id = ?1",
    )?
    .execute(params![webhook, failed, at])?;
    Ok(())
}

fn webhooks(
    conn: &Connection,
    condition: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<Webhook>, StoreError> {
    let mut select = conn.prepare_cached(&format!(
        "SELECT w.id, w.aor, w.url, w.events, w.secret, w.created_at, w.failing_since, w.last_error,
                (SELECT COUNT(*) FROM webhook_deliveries d WHERE d.webhook = w.id), w.token
         FROM webhooks w WHERE {condition}"
    ))?;
    let mut rows = select.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(webhook_of(row)?);
    }
    Ok(found)
}

fn webhook_of(row: &Row<'_>) -> Result<Webhook, StoreError> {
    let aor: String = row.get(1)?;
    let since: Option<UnixMs> = row.get(6)?;
    let words: Option<String> = row.get(7)?;
    Ok(Webhook {
        id: row.get(0)?,
        hook: NewWebhook {
            aor: aor
                .parse()
                .map_err(|_| StoreError::Corrupt { what: "address" })?,
            url: row.get(2)?,
            events: row.get(3)?,
            secret: row.get(4)?,
            created_at: row.get(5)?,
            token: row.get(9)?,
        },
        failing: since.zip(words),
        waiting: row.get::<_, i64>(8)?.cast_unsigned(),
    })
}
