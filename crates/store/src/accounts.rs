//! Accounts and the passwords of their devices.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use convoke_types::Aor;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{Store, StoreError, UnixMs};

/// Most device passwords in force for one account: every one may have to be tried for a digest.
pub const DEVICES_MAX: usize = 32;

/// What an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountKind {
    /// Somebody.
    Person,
    /// A program that is trusted with asserted identities, such as the gateway.
    Service,
    /// Runs the server.
    Administrator,
}

impl AccountKind {
    /// The identifier, as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            AccountKind::Person => "person",
            AccountKind::Service => "service",
            AccountKind::Administrator => "administrator",
        }
    }
    fn from_stored(text: &str) -> Result<Self, StoreError> {
        match text {
            "person" => Ok(AccountKind::Person),
            "service" => Ok(AccountKind::Service),
            "administrator" => Ok(AccountKind::Administrator),
            _ => Err(StoreError::Corrupt {
                what: "account kind",
            }),
        }
    }
}

/// One person or service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Address of record.
    pub aor: Aor,
    /// The name that others see.
    pub display_name: String,
    /// What it is for.
    pub kind: AccountKind,
    /// Language of prompts and words to this account, a BCP 47 tag; `None`: nobody has chosen one.
    pub language: Option<String>,
    /// How many telephone legs its conferences may have at once.
    pub ports: u32,
    /// When it was made.
    pub created_at: UnixMs,
}

/// The hashed forms of one password: `H(user:realm:password)`, in lower-case hexadecimal (RFC 7616 §3.4.2).
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1 {
    /// For the algorithm MD5.
    pub md5: String,
    /// For SHA-256.
    pub sha256: String,
    /// For SHA-512-256.
    pub sha512_256: String,
}

impl std::fmt::Debug for Ha1 {
    /// As good as a password, so never printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ha1(…)")
    }
}

/// A device password to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDevice {
    /// Whose.
    pub aor: Aor,
    /// What the person calls the device.
    pub label: String,
    /// The hashed password.
    pub ha1: Ha1,
    /// When it was made.
    pub created_at: UnixMs,
}

/// A stored device password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its number, for revoking.
    pub id: i64,
    /// What was stored.
    pub device: NewDevice,
    /// When it was revoked, if it was.
    pub revoked_at: Option<UnixMs>,
}

/// An account and its passwords in force with their numbers.
pub type Credentials = (Account, Vec<(i64, Ha1)>);

impl Store {
    /// Makes an account, or replaces everything but the creation time of the one with this address.
    pub async fn save_account(&self, account: Account) -> Result<(), StoreError> {
        self.write(move |cx| {
            let conn = cx.conn;
            conn.prepare_cached(
                "INSERT INTO accounts
                     (aor, display_name, kind, language, ports, created_at, name_key)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (aor) DO UPDATE SET display_name = excluded.display_name,
                     name_key = excluded.name_key, kind = excluded.kind, language = excluded.language, ports = excluded.ports",
            )?
            .execute(params![
                account.aor.to_string(),
                account.display_name,
                account.kind.as_str(),
                account.language.as_deref().unwrap_or_default(),
                account.ports,
                account.created_at,
                name_key(&account.display_name),
            ])?;
            crate::people::save_words(conn, &account.aor, &account.display_name)
        })
        .await
    }

    /// The account of this address.
    pub async fn account(&self, aor: &Aor) -> Result<Option<Account>, StoreError> {
        let aor = aor.to_string();
        self.read(move |conn| account(conn, &aor)).await
    }

    /// The names that accounts have, by their addresses `user@domain`; of those that are no accounts nothing is told.
    pub async fn display_names(
        &self,
        aors: BTreeSet<Arc<str>>,
    ) -> Result<BTreeMap<Arc<str>, String>, StoreError> {
        self.read(move |conn| {
            let mut names = BTreeMap::new();
            let mut statement =
                conn.prepare_cached("SELECT display_name FROM accounts WHERE aor = ?1")?;
            for aor in aors {
                let name = statement.query_row([&*aor], |row| row.get(0)).optional()?;
                names.extend(name.map(|name| (aor, name)));
            }
            Ok(names)
        })
        .await
    }

    /// Accounts in the order of their addresses, up to `limit` after `after`.
    pub async fn accounts(
        &self,
        after: Option<&Aor>,
        limit: usize,
    ) -> Result<Vec<Account>, StoreError> {
        let after = after.map_or_else(String::new, ToString::to_string);
        let limit = i64::try_from(limit.min(crate::PAGE_MAX)).unwrap_or(i64::MAX);
        self.read(move |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT aor, display_name, kind, language, ports, created_at FROM accounts
                 WHERE aor > ?1 ORDER BY aor LIMIT ?2",
            )?;
            let rows = statement.query_map(params![after, limit], raw_account)?;
            rows.map(|row| account_of(row?)).collect()
        })
        .await
    }

    /// Accounts of this display name in whatever case, other than services, in the order of their addresses, up to `limit`.
    pub async fn accounts_named(
        &self,
        name: &str,
        limit: usize,
    ) -> Result<Vec<Account>, StoreError> {
        let key = name_key(name);
        let limit = i64::try_from(limit.min(crate::PAGE_MAX)).unwrap_or(i64::MAX);
        self.read(move |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT aor, display_name, kind, language, ports, created_at FROM accounts
                 WHERE name_key = ?1 AND kind <> 'service' ORDER BY aor LIMIT ?2",
            )?;
            let rows = statement.query_map(params![key, limit], raw_account)?;
            rows.map(|row| account_of(row?)).collect()
        })
        .await
    }

    /// Removes an account with its passwords, telephones, tokens, sessions, contacts and webhooks; true when there was one. Its messages and records stay.
    pub async fn remove_account(&self, aor: &Aor) -> Result<bool, StoreError> {
        let aor = aor.to_string();
        self.write_one(move |conn| {
            let removed = conn.execute("DELETE FROM accounts WHERE aor = ?1", [aor])?;
            Ok(removed > 0)
        })
        .await
    }

    /// Stores a device password and returns its number. `Conflict` without the account, or with `DEVICES_MAX` in force.
    pub async fn add_device(&self, device: NewDevice) -> Result<i64, StoreError> {
        self.write(move |cx| {
            let aor = device.aor.to_string();
            let in_force: i64 = cx.conn.query_row(
                "SELECT COUNT(*) FROM devices WHERE aor = ?1 AND revoked_at IS NULL",
                [&aor],
                |row| row.get(0),
            )?;
            if usize::try_from(in_force).unwrap_or(usize::MAX) >= DEVICES_MAX {
                return Err(StoreError::Conflict {
                    what: "one more device password",
                });
            }
            cx.conn.execute(
                "INSERT INTO devices (aor, label, md5, sha256, sha512_256, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    aor,
                    device.label,
                    device.ha1.md5,
                    device.ha1.sha256,
                    device.ha1.sha512_256,
                    device.created_at
                ],
            )?;
            Ok(cx.conn.last_insert_rowid())
        })
        .await
    }

    /// Takes a device password out of force; true when it was in force.
    pub async fn revoke_device(&self, id: i64, at: UnixMs) -> Result<bool, StoreError> {
        self.write_one(move |conn| {
            let changed = conn.execute(
                "UPDATE devices SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
                params![id, at],
            )?;
            Ok(changed > 0)
        })
        .await
    }

    /// Every device password of an account, also the revoked ones, oldest first.
    pub async fn devices(&self, aor: &Aor) -> Result<Vec<Device>, StoreError> {
        let owner = aor.clone();
        self.read(move |conn| devices(conn, &owner)).await
    }

    /// An account and its passwords in force with their numbers, from one snapshot: what a digest is checked against.
    pub async fn credentials(&self, aor: &Aor) -> Result<Option<Credentials>, StoreError> {
        self.asked(|done| self.credentials_then(aor, done)).await
    }

    /// `credentials` with an answer by function.
    pub fn credentials_then(
        &self,
        aor: &Aor,
        done: impl FnOnce(Result<Option<Credentials>, StoreError>) + Send + 'static,
    ) {
        let owner = aor.clone();
        let work = move |conn: &Connection| {
            let snapshot = conn.unchecked_transaction()?;
            let Some(account) = account(&snapshot, &owner.to_string())? else {
                return Ok(None);
            };
            let in_force = devices(&snapshot, &owner)?
                .into_iter()
                .filter(|device| device.revoked_at.is_none())
                .map(|device| (device.id, device.device.ha1))
                .collect();
            Ok(Some((account, in_force)))
        };
        self.read_then(work, done);
    }
}

/// What is the same for names that differ in case only.
fn name_key(name: &str) -> String {
    name.to_lowercase()
}

/// Migration 3: the keys of names with letters beyond ASCII.
pub(crate) fn fill_name_keys(conn: &Connection) -> Result<(), StoreError> {
    let mut select = conn.prepare("SELECT aor, display_name, name_key FROM accounts")?;
    let mut update = conn.prepare("UPDATE accounts SET name_key = ?2 WHERE aor = ?1")?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let rows: Vec<(String, String, String)> = rows.collect::<Result<_, _>>()?;
    for (aor, name, filled) in rows {
        let key = name_key(&name);
        if key != filled {
            update.execute([aor, key])?;
        }
    }
    Ok(())
}

fn account(conn: &Connection, aor: &str) -> Result<Option<Account>, StoreError> {
    conn.prepare_cached(
        "SELECT aor, display_name, kind, language, ports, created_at FROM accounts WHERE aor = ?1",
    )?
    .query_row([aor], raw_account)
    .optional()?
    .map(account_of)
    .transpose()
}

pub(crate) type RawAccount = (String, String, String, String, u32, UnixMs);

pub(crate) fn raw_account(row: &Row<'_>) -> rusqlite::Result<RawAccount> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
    ))
}

pub(crate) fn account_of(raw: RawAccount) -> Result<Account, StoreError> {
    let (aor, display_name, kind, language, ports, created_at) = raw;
    Ok(Account {
        aor: aor
            .parse()
            .map_err(|_| StoreError::Corrupt { what: "address" })?,
        display_name,
        kind: AccountKind::from_stored(&kind)?,
        language: Some(language).filter(|language| !language.is_empty()),
        ports,
        created_at,
    })
}

fn devices(conn: &Connection, aor: &Aor) -> Result<Vec<Device>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT id, label, md5, sha256, sha512_256, created_at, revoked_at FROM devices
         WHERE aor = ?1 ORDER BY id",
    )?;
    let rows = statement.query_map([aor.to_string()], |row| {
        Ok(Device {
            id: row.get(0)?,
            device: NewDevice {
                aor: aor.clone(),
                label: row.get(1)?,
                ha1: Ha1 {
                    md5: row.get(2)?,
                    sha256: row.get(3)?,
                    sha512_256: row.get(4)?,
                },
                created_at: row.get(5)?,
            },
            revoked_at: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
