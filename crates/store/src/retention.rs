//! Forgetting what the message log has kept long enough.

use rusqlite::params;

use crate::engine::WriteContext;
use crate::messages::MessageId;
use crate::{Store, StoreError, UnixMs};

/// Rows looked at in one step: messages that wait to be logged meanwhile wait a few milliseconds.
const STEP_ROWS: usize = 500;

/// What one step of the purge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    /// Messages that are gone.
    pub count: usize,
    /// Where the next step begins; `None`: nothing more is old enough.
    pub next: Option<MessageId>,
}

struct Row {
    id: i64,
    at: UnixMs,
    sender: i64,
    recipient: i64,
    kept: bool,
}

impl Store {
    /// One step of forgetting messages that came before `before`, oldest first, above `after`. Chat that waits for its
    /// recipient stays, and so does the newest message: the next one's id follows from it. The room is used again.
    pub async fn purge_messages(
        &self,
        before: UnixMs,
        after: Option<MessageId>,
    ) -> Result<Purged, StoreError> {
        self.write(move |cx| purge(cx, before, after.map_or(0, |id| id.0), STEP_ROWS))
            .await
    }
}

fn purge(
    cx: &mut WriteContext<'_>,
    before: UnixMs,
    after: i64,
    most: usize,
) -> Result<Purged, StoreError> {
    let newest = cx.log.last();
    // What is kept stands in `pending`, or among the newer rows without a mark of delivery.
    let mut select = cx.conn.prepare_cached(
        "SELECT m.id, m.at, m.sender, m.recipient,
                CASE WHEN m.id <= ?4 THEN p.id IS NOT NULL
                     ELSE m.keep AND d.message IS NULL END
         FROM messages m
         LEFT JOIN pending p ON p.recipient = m.recipient AND p.id = m.id
         LEFT JOIN deliveries d ON d.message = m.id
         WHERE m.id > ?1 AND m.id < ?2 ORDER BY m.id LIMIT ?3",
    )?;
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let values = params![after, newest, limit, cx.log.indexed()];
    let rows = select.query_map(values, |row| {
        Ok(Row {
            id: row.get(0)?,
            at: row.get(1)?,
            sender: row.get(2)?,
            recipient: row.get(3)?,
            kept: row.get(4)?,
        })
    })?;
    let rows: Vec<Row> = rows.collect::<Result<_, _>>()?;
    let mut message = cx
        .conn
        .prepare_cached("DELETE FROM messages WHERE id = ?1")?;
    let mut delivery = cx
        .conn
        .prepare_cached("DELETE FROM deliveries WHERE message = ?1")?;
    let mut entry = cx
        .conn
        .prepare_cached("DELETE FROM message_index WHERE person = ?1 AND id = ?2")?;
    let mut count = 0;
    for row in rows.iter().filter(|row| row.at < before && !row.kept) {
        entry.execute([row.sender, row.id])?;
        entry.execute([row.recipient, row.id])?;
        crate::chats::forget(cx.conn, row.id, row.sender, row.recipient)?;
        delivery.execute([row.id])?;
        message.execute([row.id])?;
        count += 1;
    }
    // A clock that was put back leaves single rows out of order, so a step goes on as long as it sees anything old.
    let more = rows.len() >= most && rows.iter().any(|row| row.at < before);
    let next = rows.last().filter(|_| more).map(|row| MessageId(row.id));
    Ok(Purged { count, next })
}
