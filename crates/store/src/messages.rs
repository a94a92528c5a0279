//! The message log, kept chat and its delivery marks, and history by person.
//!
//! A row is appended with one statement, and a delivery mark too; neither touches an index in the usual case. The index by
//! person, that by two people and the table of kept messages are filled in sorted bulk some thousand rows later (or when the writer is idle), and
//! queries look at both: the index up to `log_state.indexed`, the newer rows by scanning them.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::engine::WriteContext;
use crate::{Store, StoreError, UnixMs};

/// Newest rows left unindexed while traffic flows: most of their deliveries arrive before they would enter `pending`.
const UNINDEXED_LAG: i64 = 2048;
/// Rows indexed at once.
const INDEX_CHUNK: i64 = 2048;
/// Names remembered with their numbers; the cache starts anew when it is full.
const NAMES_MAX: usize = 100_000;
/// Messages kept for one person; beyond it the oldest are found in the history only.
const KEPT_MAX: i64 = 1000;
/// Most rows that one page of history or of kept messages holds.
pub const PAGE_MAX: usize = 500;

/// A message's place in the log: grows with time, never used twice, and stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub i64);

impl std::fmt::Display for MessageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Which way a message went, seen from the server that logs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From one client to another through the IM server.
    Relayed,
    /// To the gateway, behind an IM server that is not ours.
    Received,
    /// From the gateway, behind an IM server that is not ours.
    Sent,
}

impl Direction {
    fn number(self) -> i64 {
        match self {
            Direction::Relayed => 0,
            Direction::Received => 1,
            Direction::Sent => 2,
        }
    }
    fn from_number(number: i64) -> Self {
        match number {
            1 => Direction::Received,
            2 => Direction::Sent,
            _ => Direction::Relayed,
        }
    }
}

/// What is to be logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// When it was received.
    pub at: UnixMs,
    /// The authenticated sender, `user@domain`.
    pub from: Arc<str>,
    /// The recipient, `user@domain`.
    pub to: Arc<str>,
    /// The one device that it is meant for (the `gr` of its GRUU), if not all.
    pub device: Option<Arc<str>>,
    /// The Content-Type as it came.
    pub content_type: String,
    /// The body as it came.
    pub body: Bytes,
    /// Which way it went.
    pub direction: Direction,
    /// Commands, their answers and reports: logged, never kept.
    pub control: bool,
    /// Kept for the recipient until a device has taken it.
    pub keep: bool,
}

/// A logged message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its place in the log.
    pub id: MessageId,
    /// What was logged.
    pub logged: NewMessage,
    /// When the first device took it, as far as known.
    pub delivered_at: Option<UnixMs>,
}

impl Store {
    /// Logs a message and returns its id once it is on the disk. Refused as `Overloaded` when the queue is full.
    pub async fn log_message(&self, message: NewMessage) -> Result<MessageId, StoreError> {
        self.asked(|done| self.log_message_then(message, done))
            .await
    }

    /// `log_message` with an answer by function: after the COMMIT, or at once with `Overloaded`.
    pub fn log_message_then(
        &self,
        message: NewMessage,
        done: impl FnOnce(Result<MessageId, StoreError>) + Send + 'static,
    ) {
        self.engine()
            .write_one(move |cx| cx.log.append(cx.conn, &message), done);
    }

    /// Notes that a device took the message: it is no longer kept. A second mark changes nothing.
    pub async fn mark_delivered(
        &self,
        id: MessageId,
        device: &str,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        self.asked(|done| self.mark_delivered_then(id, device, at, done))
            .await
    }

    /// `mark_delivered` with an answer by function.
    pub fn mark_delivered_then(
        &self,
        id: MessageId,
        device: &str,
        at: UnixMs,
        done: impl FnOnce(Result<(), StoreError>) + Send + 'static,
    ) {
        let device = device.to_owned();
        self.engine()
            .write_one(move |cx| mark_delivered(cx, id, &device, at), done);
    }

    /// Up to `limit` messages kept for `recipient` with an id above `after`, oldest first.
    pub async fn pending_for(
        &self,
        recipient: &str,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        self.asked(|done| self.pending_for_then(recipient, after, limit, done))
            .await
    }

    /// `pending_for` with an answer by function.
    pub fn pending_for_then(
        &self,
        recipient: &str,
        after: Option<MessageId>,
        limit: usize,
        done: impl FnOnce(Result<Vec<Message>, StoreError>) + Send + 'static,
    ) {
        let recipient = recipient.to_owned();
        self.read_then(
            move |conn| pending_for(conn, &recipient, after, limit),
            done,
        );
    }

    /// Up to `limit` messages from or to `person` with an id below `before`, newest first: the next page starts below the
    /// last one's id.
    pub async fn history(
        &self,
        person: &str,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let person = person.to_owned();
        self.read(move |conn| history(conn, &person, before, limit))
            .await
    }

    /// The whole log from above `after` on, oldest first, up to `limit` rows: for `convoke log` and audits.
    pub async fn log_from(
        &self,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        self.read(move |conn| {
            select(
                conn,
                "m.id > ?1 ORDER BY m.id LIMIT ?2",
                params![after.map_or(0, |id| id.0), page(limit)],
            )
        })
        .await
    }

    /// The newest entries of the whole log, newest first, up to `limit`.
    pub async fn log_newest(&self, limit: usize) -> Result<Vec<Message>, StoreError> {
        self.read(move |conn| select(conn, "1 ORDER BY m.id DESC LIMIT ?1", params![page(limit)]))
            .await
    }

    /// One message.
    pub async fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        self.read(move |conn| Ok(select(conn, "m.id = ?1", [id.0])?.pop()))
            .await
    }
}

/// What the writer remembers about the log between commits.
pub(crate) struct LogWriter {
    names: HashMap<Arc<str>, i64>,
    last: i64,
    indexed: i64,
}

impl LogWriter {
    pub(crate) fn open(conn: &Connection) -> Result<Self, StoreError> {
        let mut log = Self {
            names: HashMap::new(),
            last: 0,
            indexed: 0,
        };
        log.reload(conn)?;
        Ok(log)
    }

    /// Forgets what a rollback may have undone.
    pub(crate) fn reload(&mut self, conn: &Connection) -> Result<(), StoreError> {
        self.names.clear();
        self.last = conn.query_row("SELECT COALESCE(MAX(id), 0) FROM messages", [], |row| {
            row.get(0)
        })?;
        self.indexed = indexed(conn)?;
        Ok(())
    }

    /// The highest id; 0 before the first message.
    pub(crate) fn last(&self) -> i64 {
        self.last
    }

    /// Up to which id the index by person and the table of kept messages are filled.
    pub(crate) fn indexed(&self) -> i64 {
        self.indexed
    }

    pub(crate) fn has_unindexed(&self) -> bool {
        self.last > self.indexed
    }

    fn append(&mut self, conn: &Connection, message: &NewMessage) -> Result<MessageId, StoreError> {
        let sender = self.number_of(conn, &message.from)?;
        let recipient = self.number_of(conn, &message.to)?;
        let id = self.last.saturating_add(1);
        conn.prepare_cached(
            "INSERT INTO messages
                 (id, at, sender, recipient, direction, control, keep, device, content_type, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            id,
            message.at,
            sender,
            recipient,
            message.direction.number(),
            message.control,
            message.keep,
            message.device.as_deref(),
            message.content_type,
            message.body.as_ref(),
        ])?;
        self.last = id;
        Ok(MessageId(id))
    }

    fn number_of(&mut self, conn: &Connection, name: &Arc<str>) -> Result<i64, StoreError> {
        if let Some(number) = self.names.get(name) {
            return Ok(*number);
        }
        let number = match number_of(conn, name)? {
            Some(number) => number,
            None => {
                conn.prepare_cached("INSERT INTO names (name) VALUES (?1)")?
                    .execute([name.as_ref()])?;
                conn.last_insert_rowid()
            }
        };
        if self.names.len() >= NAMES_MAX {
            self.names.clear();
        }
        self.names.insert(name.clone(), number);
        Ok(number)
    }

    /// Indexes older rows when enough have come together; part of a group's transaction.
    pub(crate) fn index_when_due(&mut self, conn: &Connection) -> Result<(), StoreError> {
        if self.last - self.indexed >= UNINDEXED_LAG + INDEX_CHUNK {
            self.index_to(conn, self.last - UNINDEXED_LAG)?;
        }
        Ok(())
    }

    /// Indexes every row.
    pub(crate) fn index_all(&mut self, conn: &Connection) -> Result<(), StoreError> {
        self.index_to(conn, self.last)
    }

    fn index_to(&mut self, conn: &Connection, upto: i64) -> Result<(), StoreError> {
        let range = [self.indexed, upto];
        // Sorted by person, so that each page of the index is touched once and not once a message.
        conn.prepare_cached(
            "INSERT OR IGNORE INTO message_index (person, id)
             SELECT sender, id FROM messages WHERE id > ?1 AND id <= ?2
             UNION ALL
             SELECT recipient, id FROM messages WHERE id > ?1 AND id <= ?2
             ORDER BY 1, 2",
        )?
        .execute(range)?;
        conn.prepare_cached(
            "INSERT OR IGNORE INTO pending (recipient, id)
             SELECT m.recipient, m.id FROM messages m LEFT JOIN deliveries d ON d.message = m.id
             WHERE m.id > ?1 AND m.id <= ?2 AND m.keep AND d.message IS NULL
             ORDER BY 1, 2",
        )?
        .execute(range)?;
        forget_oldest_kept(conn, range)?;
        crate::chats::index(conn, range)?;
        conn.prepare_cached("UPDATE log_state SET indexed = ?1")?
            .execute([upto])?;
        self.indexed = upto;
        Ok(())
    }
}

/// Bounds what is kept for each recipient of the messages in `range`.
fn forget_oldest_kept(conn: &Connection, range: [i64; 2]) -> Result<(), StoreError> {
    let mut recipients = conn.prepare_cached(
        "SELECT DISTINCT recipient FROM messages WHERE id > ?1 AND id <= ?2 AND keep",
    )?;
    let mut forget = conn.prepare_cached(
        "DELETE FROM pending WHERE recipient = ?1 AND id <=
             (SELECT id FROM pending WHERE recipient = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
    )?;
    let recipients: Vec<i64> = recipients
        .query_map(range, |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for recipient in recipients {
        forget.execute([recipient, KEPT_MAX])?;
    }
    Ok(())
}

fn mark_delivered(
    cx: &mut WriteContext<'_>,
    id: MessageId,
    device: &str,
    at: UnixMs,
) -> Result<(), StoreError> {
    cx.conn
        .prepare_cached(
            "INSERT OR IGNORE INTO deliveries (message, at, device) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![id.0, at, device])?;
    if id.0 <= cx.log.indexed {
        cx.conn
            .prepare_cached(
                "DELETE FROM pending WHERE id = ?1
                 AND recipient = (SELECT recipient FROM messages WHERE id = ?1)",
            )?
            .execute([id.0])?;
    }
    Ok(())
}

fn pending_for(
    conn: &Connection,
    recipient: &str,
    after: Option<MessageId>,
    limit: usize,
) -> Result<Vec<Message>, StoreError> {
    let Some(recipient) = number_of(conn, recipient)? else {
        return Ok(Vec::new());
    };
    // One snapshot for the mark and the rows on both sides of it.
    let snapshot = conn.unchecked_transaction()?;
    let indexed = indexed(&snapshot)?;
    let kept = select(
        &snapshot,
        "m.id IN (
             SELECT id FROM pending WHERE recipient = ?1 AND id > ?2
             UNION ALL
             SELECT t.id FROM messages t LEFT JOIN deliveries td ON td.message = t.id
             WHERE t.id > MAX(?2, ?3) AND t.recipient = ?1 AND t.keep AND td.message IS NULL)
         ORDER BY m.id LIMIT ?4",
        params![recipient, after.map_or(0, |id| id.0), indexed, page(limit)],
    )?;
    Ok(kept)
}

fn history(
    conn: &Connection,
    person: &str,
    before: Option<MessageId>,
    limit: usize,
) -> Result<Vec<Message>, StoreError> {
    let Some(person) = number_of(conn, person)? else {
        return Ok(Vec::new());
    };
    let snapshot = conn.unchecked_transaction()?;
    let indexed = indexed(&snapshot)?;
    let before = before.map_or(i64::MAX, |id| id.0);
    let limit = page(limit);
    let mut found = select(
        &snapshot,
        "m.id > ?1 AND m.id < ?2 AND (m.sender = ?3 OR m.recipient = ?3)
         ORDER BY m.id DESC LIMIT ?4",
        params![indexed, before, person, limit],
    )?;
    let rest = limit - i64::try_from(found.len()).unwrap_or(limit);
    if rest > 0 {
        found.extend(select(
            &snapshot,
            "m.id IN (SELECT id FROM message_index WHERE person = ?1 AND id < ?2 AND id <= ?3
                      ORDER BY id DESC LIMIT ?4)
             ORDER BY m.id DESC",
            params![person, before, indexed, rest],
        )?);
    }
    Ok(found)
}

pub(crate) fn page(limit: usize) -> i64 {
    i64::try_from(limit.min(PAGE_MAX)).unwrap_or(i64::MAX)
}

pub(crate) fn indexed(conn: &Connection) -> Result<i64, StoreError> {
    Ok(conn
        .prepare_cached("SELECT indexed FROM log_state")?
        .query_row([], |row| row.get(0))?)
}

pub(crate) fn number_of(conn: &Connection, name: &str) -> Result<Option<i64>, StoreError> {
    Ok(conn
        .prepare_cached("SELECT id FROM names WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?)
}

pub(crate) fn select(
    conn: &Connection,
    condition: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<Message>, StoreError> {
    let sql = format!(
        "SELECT m.id, m.at, s.name, r.name, m.device, m.content_type, m.body, m.direction,
                m.control, m.keep, d.at
         FROM messages m
         JOIN names s ON s.id = m.sender JOIN names r ON r.id = m.recipient
         LEFT JOIN deliveries d ON d.message = m.id
         WHERE {condition}"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(values, message_of)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(crate) fn message_of(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        id: MessageId(row.get(0)?),
        logged: NewMessage {
            at: row.get(1)?,
            from: row.get(2)?,
            to: row.get(3)?,
            device: row.get(4)?,
            content_type: row.get(5)?,
            body: Bytes::from(row.get::<_, Vec<u8>>(6)?),
            direction: Direction::from_number(row.get(7)?),
            control: row.get(8)?,
            keep: row.get(9)?,
        },
        delivered_at: row.get(10)?,
    })
}
