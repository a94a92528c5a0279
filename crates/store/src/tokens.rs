//! Tokens for the web interfaces: only their SHA-256 is kept.

use convoke_types::Aor;
use rusqlite::{OptionalExtension, params};

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
    /// Stores a token. `Conflict` without the account.
    pub async fn add_token(&self, token: ApiToken) -> Result<(), StoreError> {
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
            Ok(())
        })
        .await
    }

    /// The token of this hash, unless it has expired at `now`.
    pub async fn token(
        &self,
        hash: [u8; TOKEN_HASH_BYTES],
        now: UnixMs,
    ) -> Result<Option<ApiToken>, StoreError> {
        self.read(move |conn| {
            let row = conn
                .prepare_cached(
                    "SELECT aor, label, scopes, created_at, expires_at FROM tokens
                     WHERE hash = ?1 AND (expires_at IS NULL OR expires_at > ?2)",
                )?
                .query_row(params![hash, now], |row| {
                    Ok((
                        row.get::<_, String>(0)?,
                        row.get(1)?,
                        row.get(2)?,
                        row.get(3)?,
                        row.get(4)?,
                    ))
                })
                .optional()?;
            let Some((aor, label, scopes, created_at, expires_at)) = row else {
                return Ok(None);
            };
            Ok(Some(ApiToken {
                hash,
                aor: aor
                    .parse()
                    .map_err(|_| StoreError::Corrupt { what: "address" })?,
                label,
                scopes,
                created_at,
                expires_at,
            }))
        })
        .await
    }

    /// Removes a token; true when there was one.
    pub async fn remove_token(&self, hash: [u8; TOKEN_HASH_BYTES]) -> Result<bool, StoreError> {
        self.write_one(move |conn| {
            Ok(conn.execute("DELETE FROM tokens WHERE hash = ?1", [hash])? > 0)
        })
        .await
    }
}
