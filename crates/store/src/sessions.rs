//! Signing in: passwords of people, sessions with their long-lived cookies, and the short-lived tokens that these renew. Of
//! cookies and tokens only their SHA-256 is kept.

use convoke_types::Aor;
use rusqlite::{Connection, OptionalExtension, params};

use crate::tokens::TOKEN_HASH_BYTES;
use crate::{Store, StoreError, UnixMs};

/// Most sessions of one account at once; one more ends the oldest.
pub const SESSIONS_MAX: usize = 32;
/// Most tokens of one session in force at once (its tabs and their renewals); one more ends the oldest.
pub const SESSION_TOKENS_MAX: usize = 16;

/// SHA-256 of a cookie or token.
type Hash = [u8; TOKEN_HASH_BYTES];

/// A password to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPassword {
    /// As a PHC string.
    pub phc: String,
    /// The one that it replaces, as it is stored; `None`: whichever there is.
    pub replaces: Option<String>,
    /// The session that goes on.
    pub except: Option<i64>,
}

/// A session to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Whose.
    pub aor: Aor,
    /// The password that was checked, as it is stored.
    pub phc: String,
    /// SHA-256 of its cookie, which has at least 128 random bits.
    pub cookie: Hash,
    /// When it began.
    pub created_at: UnixMs,
    /// When it ends unless it is renewed.
    pub expires_at: UnixMs,
}

/// A token to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewSessionToken {
    /// SHA-256 of the token, which has at least 128 random bits.
    pub hash: Hash,
    /// When it ends.
    pub expires_at: UnixMs,
}

/// What opening or renewing a session led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Whose session it is.
    pub aor: Aor,
    /// The session's number.
    pub session: i64,
    /// The number of the new token.
    pub token: i64,
    /// Tokens that were in force until now and had to make room.
    pub ended: Vec<i64>,
}

/// A token in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionToken {
    /// Its number, for revocations.
    pub id: i64,
    /// SHA-256 of the token.
    pub hash: Hash,
    /// When it ends.
    pub expires_at: UnixMs,
    /// Its session's number.
    pub session: i64,
    /// Whose.
    pub aor: Aor,
}

impl Store {
    /// Sets somebody's password, and ends every session of theirs but one; gives the numbers of the tokens that were in force.
    /// `None`, and nothing is changed, when the password that it was to replace is no longer theirs. `Conflict` without the
    /// account.
    pub async fn save_password(
        &self,
        aor: &Aor,
        new: NewPassword,
        at: UnixMs,
    ) -> Result<Option<Vec<i64>>, StoreError> {
        let aor = aor.to_string();
        self.write(move |cx| {
            let conn = cx.conn;
            if new.replaces.is_some() && new.replaces != password(conn, &aor)? {
                return Ok(None);
            }
            conn.execute(
                "INSERT OR REPLACE INTO passwords (aor, phc, changed_at) VALUES (?1, ?2, ?3)",
                params![aor, new.phc, at],
            )?;
            let except = new.except.unwrap_or(0);
            let ended = take_out(
                conn,
                "session IN (SELECT id FROM sessions WHERE aor = ?1 AND id <> ?2)",
                params![aor, except],
                at,
            )?;
            conn.execute(
                "DELETE FROM sessions WHERE aor = ?1 AND id <> ?2",
                params![aor, except],
            )?;
            Ok(Some(ended))
        })
        .await
    }

    /// Somebody's password as a PHC string; `None` without an account or a password.
    pub async fn password(&self, aor: &Aor) -> Result<Option<String>, StoreError> {
        let aor = aor.to_string();
        self.read(move |conn| password(conn, &aor)).await
    }

    /// Begins a session with its first token; `None` when the password that was checked is no longer theirs.
    pub async fn open_session(
        &self,
        new: NewSession,
        token: NewSessionToken,
    ) -> Result<Option<Opened>, StoreError> {
        self.write(move |cx| {
            let (conn, aor) = (cx.conn, new.aor.to_string());
            // Checking takes a while, in which it may have been changed and every session been ended.
            if password(conn, &aor)?.as_ref() != Some(&new.phc) {
                return Ok(None);
            }
            conn.execute(
                "INSERT INTO sessions (aor, cookie, created_at, expires_at) VALUES (?1, ?2, ?3, ?4)",
                params![aor, new.cookie, new.created_at, new.expires_at],
            )?;
            let session = conn.last_insert_rowid();
            let ended = take_out(
                conn,
                "session IN (SELECT id FROM sessions WHERE aor = ?1 ORDER BY id DESC LIMIT -1 OFFSET ?2)",
                params![aor, limit_of(SESSIONS_MAX)],
                new.created_at,
            )?;
            conn.execute(
                "DELETE FROM sessions WHERE id IN
                     (SELECT id FROM sessions WHERE aor = ?1 ORDER BY id DESC LIMIT -1 OFFSET ?2)",
                params![aor, limit_of(SESSIONS_MAX)],
            )?;
            let token = add_token(conn, session, token)?;
            Ok(Some(Opened {
                aor: new.aor,
                session,
                token,
                ended,
            }))
        })
        .await
    }

    /// One more token for the session of this cookie, which lasts until `expires_at` from now on; `None` when it has ended.
    pub async fn renew_session(
        &self,
        cookie: Hash,
        token: NewSessionToken,
        now: UnixMs,
        expires_at: UnixMs,
    ) -> Result<Option<Opened>, StoreError> {
        self.write(move |cx| {
            let conn = cx.conn;
            let Some((session, aor)) = session_of(conn, cookie, now)? else {
                return Ok(None);
            };
            conn.execute(
                "UPDATE sessions SET expires_at = MAX(expires_at, ?2) WHERE id = ?1",
                params![session, expires_at],
            )?;
            let token = add_token(conn, session, token)?;
            let ended = take_out(
                conn,
                "id IN (SELECT id FROM session_tokens WHERE session = ?1 ORDER BY id DESC LIMIT -1 OFFSET ?2)",
                params![session, limit_of(SESSION_TOKENS_MAX)],
                now,
            )?;
            Ok(Some(Opened {
                aor,
                session,
                token,
                ended,
            }))
        })
        .await
    }

    /// The number and the person of the session of this cookie, unless it has ended.
    pub async fn session_of(
        &self,
        cookie: Hash,
        now: UnixMs,
    ) -> Result<Option<(i64, Aor)>, StoreError> {
        self.read(move |conn| session_of(conn, cookie, now)).await
    }

    /// The token of this hash, unless it has ended.
    pub async fn session_token(
        &self,
        hash: Hash,
        now: UnixMs,
    ) -> Result<Option<SessionToken>, StoreError> {
        self.read(move |conn| {
            let found = tokens(
                conn,
                "t.hash = ?1 AND t.expires_at > ?2",
                params![hash, now],
            )?;
            Ok(found.into_iter().next())
        })
        .await
    }

    /// Every token of a person's sessions that is in force: what SIP accepts beside device passwords.
    pub async fn session_tokens(
        &self,
        aor: &Aor,
        now: UnixMs,
    ) -> Result<Vec<SessionToken>, StoreError> {
        let aor = aor.to_string();
        self.read(move |conn| {
            tokens(
                conn,
                "s.aor = ?1 AND t.expires_at > ?2 ORDER BY t.id",
                params![aor, now],
            )
        })
        .await
    }

    /// Ends a session; gives the numbers of its tokens that were in force.
    pub async fn end_session(&self, session: i64, now: UnixMs) -> Result<Vec<i64>, StoreError> {
        self.write(move |cx| {
            let ended = take_out(cx.conn, "session = ?1", [session], now)?;
            cx.conn
                .execute("DELETE FROM sessions WHERE id = ?1", [session])?;
            Ok(ended)
        })
        .await
    }

    /// Forgets the sessions and tokens, also those of programs, that ended by `now`; returns how many.
    pub async fn purge_sessions(&self, now: UnixMs) -> Result<usize, StoreError> {
        self.write(move |cx| {
            let tokens = cx
                .conn
                .execute("DELETE FROM session_tokens WHERE expires_at <= ?1", [now])?;
            let sessions = cx
                .conn
                .execute("DELETE FROM sessions WHERE expires_at <= ?1", [now])?;
            let programs = cx
                .conn
                .execute("DELETE FROM tokens WHERE expires_at <= ?1", [now])?;
            Ok(tokens + sessions + programs)
        })
        .await
    }
}

fn password(conn: &Connection, aor: &str) -> Result<Option<String>, StoreError> {
    Ok(conn
        .prepare_cached("SELECT phc FROM passwords WHERE aor = ?1")?
        .query_row([aor], |row| row.get(0))
        .optional()?)
}

fn limit_of(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn session_of(
    conn: &Connection,
    cookie: Hash,
    now: UnixMs,
) -> Result<Option<(i64, Aor)>, StoreError> {
    let row = conn
        .prepare_cached("SELECT id, aor FROM sessions WHERE cookie = ?1 AND expires_at > ?2")?
        .query_row(params![cookie, now], |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?))
        })
        .optional()?;
    row.map(|(id, aor)| Ok((id, address(&aor)?))).transpose()
}

fn add_token(conn: &Connection, session: i64, token: NewSessionToken) -> Result<i64, StoreError> {
    conn.prepare_cached(
        "INSERT INTO session_tokens (session, hash, expires_at) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![session, token.hash, token.expires_at])?;
    Ok(conn.last_insert_rowid())
}

/// Deletes tokens; gives the numbers of those that were in force at `now`.
fn take_out(
    conn: &Connection,
    condition: &str,
    values: impl rusqlite::Params,
    now: UnixMs,
) -> Result<Vec<i64>, StoreError> {
    let mut delete = conn.prepare_cached(&format!(
        "DELETE FROM session_tokens WHERE {condition} RETURNING id, expires_at"
    ))?;
    let gone = delete.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let gone: Vec<(i64, UnixMs)> = gone.collect::<Result<_, _>>()?;
    let live = gone.into_iter().filter(|(_, expires_at)| *expires_at > now);
    Ok(live.map(|(id, _)| id).collect())
}

fn tokens(
    conn: &Connection,
    condition: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<SessionToken>, StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT t.id, t.hash, t.expires_at, t.session, s.aor
         FROM session_tokens t JOIN sessions s ON s.id = t.session WHERE {condition}"
    ))?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(SessionToken {
            id: row.get(0)?,
            hash: row.get(1)?,
            expires_at: row.get(2)?,
            session: row.get(3)?,
            aor: address(&row.get::<_, String>(4)?)?,
        });
    }
    Ok(found)
}

fn address(text: &str) -> Result<Aor, StoreError> {
    text.parse()
        .map_err(|_| StoreError::Corrupt { what: "address" })
}
