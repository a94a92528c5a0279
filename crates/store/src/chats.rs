//! Chats: what two people wrote to each other, newest first, what of it is unread, and what became of what one wrote.
//!
//! The index by the two people is filled with the other indexes of the log; rows that are newer are found by scanning. Control
//! messages, notifications and typing are not in it; words to a service and its words back are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use crate::content::{Content, Parsed, parse};
use crate::messages::{Message, MessageId, indexed, message_of, number_of, page, select};
use crate::{Store, StoreError, UnixMs};

/// Unread messages of one chat that are counted; beyond it stands the same number.
pub const UNREAD_MAX: u32 = 1_000;
/// Rows that a migration indexes at once.
const FILL_CHUNK: i64 = 2_048;

/// A message of a chat, as one of the two sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatMessage {
    /// As it was logged.
    pub message: Message,
    /// What it says.
    pub content: Content,
    /// By which name notifications speak of it.
    pub imdn: Option<String>,
    /// When it was delivered, as far as known.
    pub delivered_at: Option<UnixMs>,
    /// Whether its recipient has read it.
    pub read: bool,
}

/// A chat in the list of chats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatSummary {
    /// The other one, `user@domain`.
    pub with: Arc<str>,
    /// Its newest message.
    pub last: ChatMessage,
    /// How many messages of the other one are not read, at most `UNREAD_MAX`.
    pub unread: u32,
}

impl Store {
    /// Somebody's chats, those with the newest messages first, up to `limit` whose newest message has an id below `before`.
    pub async fn chats(
        &self,
        person: &str,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<ChatSummary>, StoreError> {
        let person = person.to_owned();
        let limit = limit.min(crate::PAGE_MAX);
        self.read(move |conn| {
            let snapshot = conn.unchecked_transaction()?;
            chats(&snapshot, &person, before, limit)
        })
        .await
    }

    /// Up to `limit` messages between two people with an id below `before`, newest first, as `person` sees them.
    pub async fn chat(
        &self,
        person: &str,
        other: &str,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<ChatMessage>, StoreError> {
        let (person, other) = (person.to_owned(), other.to_owned());
        let limit = limit.min(crate::PAGE_MAX);
        self.read(move |conn| {
            let snapshot = conn.unchecked_transaction()?;
            let Some(pair) = Pair::find(&snapshot, &person, &other)? else {
                return Ok(Vec::new());
            };
            let found = newest(&snapshot, pair, before, limit)?;
            let new = fresh(&snapshot, [indexed(&snapshot)?, i64::MAX], Some(pair.other))?;
            seen(&snapshot, pair, found, &new)
        })
        .await
    }

    /// Notes that `person` has read the chat with `other` up to a message; an earlier one changes nothing.
    pub async fn mark_chat_read(
        &self,
        person: &str,
        other: &str,
        up_to: MessageId,
    ) -> Result<(), StoreError> {
        let (person, other) = (person.to_owned(), other.to_owned());
        self.write(move |cx| {
            // Who never wrote or got anything has nothing to read.
            let Some(pair) = Pair::find(cx.conn, &person, &other)? else {
                return Ok(());
            };
            // What is still to come is not read.
            let up_to = up_to.0.min(cx.log.last());
            cx.conn
                .prepare_cached(
                    "INSERT INTO chat_reads (person, other, up_to) VALUES (?1, ?2, ?3)
                 ON CONFLICT (person, other) DO UPDATE SET up_to = MAX(up_to, excluded.up_to)",
                )?
                .execute(params![pair.person, pair.other, up_to])?;
            Ok(())
        })
        .await
    }
}

/// Two people by their numbers in the log, as one of them sees it.
#[derive(Debug, Clone, Copy)]
struct Pair {
    person: i64,
    other: i64,
}

impl Pair {
    fn find(conn: &Connection, person: &str, other: &str) -> Result<Option<Self>, StoreError> {
        let (person, other) = (number_of(conn, person)?, number_of(conn, other)?);
        Ok(person
            .zip(other)
            .map(|(person, other)| Self { person, other }))
    }
    fn low(self) -> i64 {
        self.person.min(self.other)
    }
    fn high(self) -> i64 {
        self.person.max(self.other)
    }
}

/// A row that no index has yet.
struct Fresh {
    id: i64,
    sender: i64,
    recipient: i64,
    at: UnixMs,
    parsed: Parsed,
}

/// Of rows `m` of the log those that people may see: no control, but for words, bare or in an envelope.
macro_rules! for_people {
    () => {
        "(NOT m.control OR m.content_type LIKE 'text/plain%' OR m.content_type LIKE 'message/cpim%')"
    };
}

/// Rows of the log with an id from above `range.0` up to `range.1` that are for people, with what they say. Words are not
/// read for it.
fn fresh(conn: &Connection, range: [i64; 2], of: Option<i64>) -> Result<Vec<Fresh>, StoreError> {
    let mut statement = conn.prepare_cached(concat!(
        "SELECT id, at, sender, recipient, content_type,
                CASE WHEN content_type LIKE 'text/%' THEN x'' ELSE body END
         FROM messages m WHERE id > ?1 AND id <= ?2 AND ",
        for_people!(),
        " AND (?3 IS NULL OR sender = ?3 OR recipient = ?3) ORDER BY id",
    ))?;
    let [after, up_to] = range;
    let mut rows = statement.query(params![after, up_to, of])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let content_type: String = row.get(4)?;
        let body: Vec<u8> = row.get(5)?;
        found.push(Fresh {
            id: row.get(0)?,
            at: row.get(1)?,
            sender: row.get(2)?,
            recipient: row.get(3)?,
            parsed: parse(&content_type, &body.into()),
        });
    }
    Ok(found)
}

/// Fills the index by two people, the list of who has a chat with whom, and what notifications said.
pub(crate) fn index(conn: &Connection, range: [i64; 2]) -> Result<(), StoreError> {
    let mut entries = Vec::new();
    let mut pairs = BTreeSet::new();
    for row in fresh(conn, range, None)? {
        match &row.parsed.content {
            Content::Receipt { imdn, displayed } => {
                conn.prepare_cached(
                    "INSERT OR IGNORE INTO receipts (message, at, recipient, sender, imdn, displayed)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![row.id, row.at, row.recipient, row.sender, imdn, displayed])?;
            }
            content if content.is_shown() => {
                let low = row.sender.min(row.recipient);
                let high = row.sender.max(row.recipient);
                entries.push((low, high, row.id, row.sender == low, content.counts()));
                pairs.extend([(low, high), (high, low)]);
            }
            _ => {}
        }
    }
    // Sorted, so that each page of the index is touched once and not once a message.
    entries.sort_unstable();
    let mut insert = conn.prepare_cached(
        "INSERT OR IGNORE INTO chat_index (low, high, id, from_low, counts) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (low, high, id, from_low, counts) in entries {
        insert.execute(params![low, high, id, from_low, counts])?;
    }
    let mut insert =
        conn.prepare_cached("INSERT OR IGNORE INTO chat_pairs (person, other) VALUES (?1, ?2)")?;
    for (person, other) in pairs {
        insert.execute([person, other])?;
    }
    Ok(())
}

/// Migration 6: the rows that the other indexes have already.
pub(crate) fn fill(conn: &Connection) -> Result<(), StoreError> {
    let up_to = indexed(conn)?;
    let mut after = 0;
    while after < up_to {
        let next = up_to.min(after + FILL_CHUNK);
        index(conn, [after, next])?;
        after = next;
    }
    Ok(())
}

/// A message leaves the log.
pub(crate) fn forget(
    conn: &Connection,
    id: i64,
    sender: i64,
    recipient: i64,
) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM chat_index WHERE low = ?1 AND high = ?2 AND id = ?3")?
        .execute([sender.min(recipient), sender.max(recipient), id])?;
    conn.prepare_cached("DELETE FROM receipts WHERE message = ?1")?
        .execute([id])?;
    Ok(())
}

/// The newest messages that are shown, newest first.
fn newest(
    conn: &Connection,
    pair: Pair,
    before: Option<MessageId>,
    limit: usize,
) -> Result<Vec<(Message, Parsed)>, StoreError> {
    let indexed = indexed(conn)?;
    let before = before.map_or(i64::MAX, |id| id.0);
    let mut found = Vec::new();
    // One by one: some of these rows are not shown, and no more are read than are needed.
    let mut statement = conn.prepare_cached(concat!(
        "SELECT m.id, m.at, s.name, r.name, m.device, m.content_type, m.body, m.direction,
                m.control, m.keep, d.at
         FROM messages m
         JOIN names s ON s.id = m.sender JOIN names r ON r.id = m.recipient
         LEFT JOIN deliveries d ON d.message = m.id
         WHERE m.id > ?1 AND m.id < ?2 AND ",
        for_people!(),
        " AND ((m.sender = ?3 AND m.recipient = ?4) OR (m.sender = ?4 AND m.recipient = ?3))
         ORDER BY m.id DESC",
    ))?;
    let mut rows = statement.query(params![indexed, before, pair.person, pair.other])?;
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        let message = message_of(row)?;
        let parsed = parse(&message.logged.content_type, &message.logged.body);
        if parsed.content.is_shown() {
            found.push((message, parsed));
        }
    }
    if found.len() < limit {
        let older = select(
            conn,
            "m.id IN (SELECT id FROM chat_index WHERE low = ?1 AND high = ?2 AND id < ?3 AND id <= ?4
                      ORDER BY id DESC LIMIT ?5)
             ORDER BY m.id DESC",
            params![
                pair.low(),
                pair.high(),
                before,
                indexed,
                page(limit - found.len())
            ],
        )?;
        found.extend(older.into_iter().map(|message| {
            let parsed = parse(&message.logged.content_type, &message.logged.body);
            (message, parsed)
        }));
    }
    Ok(found)
}

/// With what became of the messages; `new` are the rows of one of the two that no index has yet.
fn seen(
    conn: &Connection,
    pair: Pair,
    found: Vec<(Message, Parsed)>,
    new: &[Fresh],
) -> Result<Vec<ChatMessage>, StoreError> {
    let read_up_to = read_up_to(conn, pair)?;
    let receipts = fresh_receipts(pair, new);
    let mut select = conn.prepare_cached(
        "SELECT MIN(CASE WHEN displayed THEN NULL ELSE at END), MIN(CASE WHEN displayed THEN at END)
         FROM receipts WHERE recipient = ?1 AND sender = ?2 AND imdn = ?3",
    )?;
    let own: Option<Arc<str>> = conn
        .prepare_cached("SELECT name FROM names WHERE id = ?1")?
        .query_row([pair.person], |row| row.get(0))
        .optional()?;
    let mut messages = Vec::with_capacity(found.len());
    for (message, parsed) in found {
        let mine = own.as_deref() == Some(&*message.logged.from);
        let (mut delivered, mut displayed) = (message.delivered_at, None);
        if let Some(imdn) = parsed.imdn.as_ref().filter(|_| mine) {
            let (by_receipt, shown): (Option<UnixMs>, Option<UnixMs>) = select
                .query_row(params![pair.person, pair.other, imdn], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
            let new = receipts.get(imdn.as_str()).copied().unwrap_or_default();
            displayed = shown.or(new.displayed);
            delivered = delivered.or(by_receipt).or(new.delivered).or(displayed);
        }
        messages.push(ChatMessage {
            read: match mine {
                true => displayed.is_some(),
                false => message.id.0 <= read_up_to,
            },
            delivered_at: delivered,
            message,
            content: parsed.content,
            imdn: parsed.imdn,
        });
    }
    Ok(messages)
}

/// What notifications say that no index has yet.
#[derive(Debug, Clone, Copy, Default)]
struct Receipts {
    delivered: Option<UnixMs>,
    displayed: Option<UnixMs>,
}

fn fresh_receipts(pair: Pair, new: &[Fresh]) -> BTreeMap<&str, Receipts> {
    let mut receipts: BTreeMap<&str, Receipts> = BTreeMap::new();
    for row in new {
        if row.sender != pair.other || row.recipient != pair.person {
            continue;
        }
        if let Content::Receipt { imdn, displayed } = &row.parsed.content {
            let known = receipts.entry(imdn).or_default();
            let time = match displayed {
                true => &mut known.displayed,
                false => &mut known.delivered,
            };
            time.get_or_insert(row.at);
        }
    }
    receipts
}

fn read_up_to(conn: &Connection, pair: Pair) -> Result<i64, StoreError> {
    Ok(conn
        .prepare_cached("SELECT up_to FROM chat_reads WHERE person = ?1 AND other = ?2")?
        .query_row([pair.person, pair.other], |row| row.get(0))
        .optional()?
        .unwrap_or(0))
}

fn chats(
    conn: &Connection,
    person: &str,
    before: Option<MessageId>,
    limit: usize,
) -> Result<Vec<ChatSummary>, StoreError> {
    let Some(person) = number_of(conn, person)? else {
        return Ok(Vec::new());
    };
    let indexed = indexed(conn)?;
    let mut statement = conn.prepare_cached(
        "SELECT p.other, (SELECT MAX(c.id) FROM chat_index c
                          WHERE c.low = MIN(?1, p.other) AND c.high = MAX(?1, p.other) AND c.id <= ?2)
         FROM chat_pairs p WHERE p.person = ?1",
    )?;
    let rows = statement.query_map([person, indexed], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows: Vec<(i64, Option<i64>)> = rows.collect::<Result<_, _>>()?;
    let mut newest_of: BTreeMap<i64, i64> = rows
        .into_iter()
        // Of a chat that the log has forgotten nothing is left.
        .filter_map(|(other, last)| Some((other, last?)))
        .collect();
    let new = fresh(conn, [indexed, i64::MAX], Some(person))?;
    for row in new.iter().filter(|row| row.parsed.content.is_shown()) {
        let other = if row.sender == person {
            row.recipient
        } else {
            row.sender
        };
        newest_of.insert(other, row.id);
    }
    let mut list: Vec<(i64, i64)> = newest_of
        .into_iter()
        .map(|(other, id)| (id, other))
        .collect();
    list.retain(|(id, _)| before.is_none_or(|before| *id < before.0));
    list.sort_unstable_by(|a, b| b.cmp(a));
    list.truncate(limit);
    let mut found = Vec::with_capacity(list.len());
    for (id, other) in list {
        let pair = Pair { person, other };
        let Some(message) = select(conn, "m.id = ?1", [id])?.pop() else {
            continue;
        };
        let parsed = parse(&message.logged.content_type, &message.logged.body);
        let with: Arc<str> = conn
            .prepare_cached("SELECT name FROM names WHERE id = ?1")?
            .query_row([other], |row| row.get(0))?;
        let last = seen(conn, pair, vec![(message, parsed)], &new)?.pop();
        if let Some(last) = last {
            let unread = unread(conn, pair, &new)?;
            found.push(ChatSummary { with, last, unread });
        }
    }
    Ok(found)
}

fn unread(conn: &Connection, pair: Pair, new: &[Fresh]) -> Result<u32, StoreError> {
    if pair.person == pair.other {
        return Ok(0);
    }
    let read_up_to = read_up_to(conn, pair)?;
    let counted: u32 = conn
        .prepare_cached(
            "SELECT COUNT(*) FROM (SELECT 1 FROM chat_index WHERE low = ?1 AND high = ?2 AND id > ?3
                  AND from_low = ?4 AND counts LIMIT ?5)",
        )?
        .query_row(
            params![
                pair.low(),
                pair.high(),
                read_up_to,
                pair.other == pair.low(),
                UNREAD_MAX
            ],
            |row| row.get(0),
        )?;
    let fresh = new.iter().filter(|row| {
        let theirs = row.sender == pair.other && row.recipient == pair.person;
        theirs && row.id > read_up_to && row.parsed.content.counts()
    });
    let fresh = u32::try_from(fresh.count()).unwrap_or(u32::MAX);
    Ok(counted.saturating_add(fresh).min(UNREAD_MAX))
}
