//! The audit log: who did what to whom, for administrators. It only grows.

use rusqlite::params;

use crate::{Store, StoreError, UnixMs};

/// One deed. Never holds a body, a PIN or a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: UnixMs,
    /// Who: an address of record, or a part of the system.
    pub actor: String,
    /// What, one of the names of operations.
    pub action: String,
    /// To whom or what.
    pub target: String,
    /// What a person reads.
    pub detail: String,
    /// The request id that the logs of all parts share.
    pub request: Option<String>,
}

impl Store {
    /// Appends an entry and returns its number.
    pub async fn audit(&self, entry: AuditEntry) -> Result<i64, StoreError> {
        self.write_one(move |conn| {
            conn.prepare_cached(
                "INSERT INTO audit (at, actor, action, target, detail, request)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                entry.at,
                entry.actor,
                entry.action,
                entry.target,
                entry.detail,
                entry.request
            ])?;
            Ok(conn.last_insert_rowid())
        })
        .await
    }

    /// Entries with their numbers below `before`, newest first, up to `limit`.
    pub async fn audit_log(
        &self,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<(i64, AuditEntry)>, StoreError> {
        let before = before.unwrap_or(i64::MAX);
        let limit = i64::try_from(limit.min(crate::PAGE_MAX)).unwrap_or(i64::MAX);
        self.read(move |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT id, at, actor, action, target, detail, request FROM audit
                 WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
            )?;
            let rows = statement.query_map(params![before, limit], |row| {
                Ok((
                    row.get(0)?,
                    AuditEntry {
                        at: row.get(1)?,
                        actor: row.get(2)?,
                        action: row.get(3)?,
                        target: row.get(4)?,
                        detail: row.get(5)?,
                        request: row.get(6)?,
                    },
                ))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}
