//! Tokens of programs, for the web interfaces: only their SHA-256 is kept.

use convoke_types::Aor;
use rusqlite::{Connection, params};

use crate::{Store, StoreError, UnixMs};

/// Length of a token's hash, in bytes.
pub const TOKEN_HASH_BYTES: usize = 32;

/// A stored token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// SHA-256 of the token; the token itself has at least 128 random bits, so it needs no salt.
    pub hash: [u8; TOKEN_HASH_BYTES],
    /// Who acts with it.
    pub aor: Aor,
    /// What it is for, in the person's words.
    pub label: String,
    /// What it may do: words separated by spaces.
    pub scopes: String,
    /// When it was made.
    pub created_at: UnixMs,
    /// When it ends, if ever.
    pub expires_at: Option<UnixMs>,
}

impl Store {
    /// Stores a token and returns its number. `Conflict` without the account.
    pub async fn add_token(&self, token: ApiToken) -> Result<i64, StoreError> {
        self.write_one(move |conn| {
            conn.execute(
                "INSERT INTO tokens (hash, aor, label, scopes, created_at, expires_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    token.hash,
                    token.aor.to_string(),
                    token.label,
                    token.scopes,
                    token.created_at,
                    token.expires_at
                ],
            )?;
            Ok(conn.last_insert_rowid())
        })
        .await
    }

    /// The token of this hash with its number, unless it has expired at `now`.
    pub async fn token(
        &self,
        hash: [u8; TOKEN_HASH_BYTES],
        now: UnixMs,
    ) -> Result<Option<(i64, ApiToken)>, StoreError> {
        self.read(move |conn| Ok(tokens(conn, "hash = ?2", params![now, hash])?.pop()))
            .await
    }

    /// Somebody's tokens with their numbers, oldest first, but for those that have expired at `now`.
    pub async fn tokens(&self, aor: &Aor, now: UnixMs) -> Result<Vec<(i64, ApiToken)>, StoreError> {
        let aor = aor.to_string();
        self.read(move |conn| tokens(conn, "aor = ?2 ORDER BY id", params![now, aor]))
            .await
    }

    /// Takes somebody's token back, and with it the webhooks that it made; true when there was one.
    pub async fn remove_token(&self, aor: &Aor, id: i64) -> Result<bool, StoreError> {
        let aor = aor.to_string();
        self.write_one(move |conn| {
            let gone = conn.execute(
                "DELETE FROM tokens WHERE id = ?1 AND aor = ?2",
                params![id, aor],
            )?;
            Ok(gone > 0)
        })
        .await
    }
}

/// Those that are good at `?1` and fit a condition.
fn tokens(
    conn: &Connection,
    condition: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<(i64, ApiToken)>, StoreError> {
    let mut select = conn.prepare_cached(&format!(
        "SELECT id, hash, aor, label, scopes, created_at, expires_at FROM tokens
         WHERE (expires_at IS NULL OR expires_at > ?1) AND {condition}"
    ))?;
    let mut rows = select.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let aor: String = row.get(2)?;
        let token = ApiToken {
            hash: row.get(1)?,
            aor: aor
                .parse()
                .map_err(|_| StoreError::Corrupt { what: "address" })?,
            label: row.get(3)?,
            scopes: row.get(4)?,
            created_at: row.get(5)?,
            expires_at: row.get(6)?,
        };
        found.push((row.get(0)?, token));
    }
    Ok(found)
}
