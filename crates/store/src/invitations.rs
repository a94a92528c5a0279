//! Invitations into conferences that came lately, whoever sent them, and the answers that were given: for a window that begins anew while a
//! telephone rings. The conference service and the video allocator invite too, and of what services send chats show words alone.

use rusqlite::{Connection, params};

use crate::content::{Content, parse};
use crate::messages::{Message, indexed, number_of, select};
use crate::{Store, StoreError, UnixMs};

/// Messages of the person that are looked through, at most, since envelopes have to be opened: who gets so many in that time may miss an
/// old one.
const LOOKED_MAX: usize = 500;

/// An invitation, or the answer to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invited {
    /// As it was logged.
    pub message: Message,
    /// The XML document, out of its envelope.
    pub document: String,
}

impl Store {
    /// Invitations that `person` got since then and answers that they gave, newest first, up to `limit`.
    pub async fn invitations(
        &self,
        person: &str,
        since: UnixMs,
        limit: usize,
    ) -> Result<Vec<Invited>, StoreError> {
        let person = person.to_owned();
        let limit = limit.min(crate::PAGE_MAX);
        self.read(move |conn| {
            let snapshot = conn.unchecked_transaction()?;
            invitations(&snapshot, &person, since, limit)
        })
        .await
    }
}

fn invitations(
    conn: &Connection,
    person: &str,
    since: UnixMs,
    limit: usize,
) -> Result<Vec<Invited>, StoreError> {
    let Some(number) = number_of(conn, person)? else {
        return Ok(Vec::new());
    };
    let indexed = indexed(conn)?;
    let mut found = Vec::new();
    let mut looked = 0;
    for messages in [
        "SELECT m.id, m.at, m.content_type FROM messages m
         WHERE m.id > ?1 AND (m.sender = ?2 OR m.recipient = ?2) ORDER BY m.id DESC",
        "SELECT m.id, m.at, m.content_type FROM message_index i JOIN messages m ON m.id = i.id
         WHERE i.person = ?2 AND i.id <= ?1 ORDER BY i.id DESC",
    ] {
        let mut statement = conn.prepare_cached(messages)?;
        let mut rows = statement.query(params![indexed, number])?;
        while let Some(row) = rows.next()? {
            let (id, at): (i64, UnixMs) = (row.get(0)?, row.get(1)?);
            looked += 1;
            if at < since || looked > LOOKED_MAX || found.len() >= limit {
                return Ok(found);
            }
            if may_invite(row.get_ref(2)?.as_str().unwrap_or_default()) {
                let message = select(conn, "m.id = ?1", [id])?.pop();
                found.extend(message.and_then(|message| invited(message, person)));
            }
        }
    }
    Ok(found)
}

/// Whether a body of this Content-Type is looked at.
fn may_invite(content_type: &str) -> bool {
    let bare = content_type.split(';').next().unwrap_or_default().trim();
    bare.eq_ignore_ascii_case("message/cpim")
        || bare.eq_ignore_ascii_case("application/vnd.convoke.invitation+xml")
}

/// The document, of an invitation to `person` or an answer of theirs.
fn invited(message: Message, person: &str) -> Option<Invited> {
    let logged = &message.logged;
    let document = match parse(&logged.content_type, &logged.body).content {
        Content::Invitation(document) if *logged.to == *person => document,
        Content::InvitationAnswer(document) if *logged.from == *person => document,
        Content::Text(_)
        | Content::Invitation(_)
        | Content::InvitationAnswer(_)
        | Content::Other
        | Content::Receipt { .. }
        | Content::Nothing => return None,
    };
    Some(Invited { message, document })
}
