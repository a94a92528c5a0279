//! Each person's own list of contacts: accounts of this server, and others by their numbers.

use convoke_types::{Aor, E164};
use rusqlite::{Connection, params};

use crate::profile::TelephoneKind;
use crate::{Store, StoreError};

/// Most contacts of one person.
pub const CONTACTS_MAX: usize = 10_000;
/// Most numbers of one contact.
pub const CONTACT_NUMBERS_MAX: usize = 16;

/// Who a contact is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContactKey {
    /// An account.
    User(Aor),
    /// Somebody without one, by their first number.
    Number(E164),
}

impl std::fmt::Display for ContactKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ContactKey::User(aor) => aor.fmt(f),
            ContactKey::Number(number) => number.fmt(f),
        }
    }
}

/// A contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Who it is.
    pub key: ContactKey,
    /// What the owner calls them; empty: by the name of the account.
    pub name: String,
    /// Shown first.
    pub favourite: bool,
    /// Numbers that the owner knows of them.
    pub numbers: Vec<ContactNumber>,
}

/// A number of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactNumber {
    /// What the owner calls it.
    pub label: String,
    /// What kind of place it is.
    pub kind: TelephoneKind,
    /// The number.
    pub number: E164,
}

impl Store {
    /// Makes or replaces a contact. `Conflict` without the owner's account, or with too many contacts or numbers.
    pub async fn save_contact(&self, owner: &Aor, contact: Contact) -> Result<(), StoreError> {
        if contact.numbers.len() > CONTACT_NUMBERS_MAX {
            return Err(StoreError::Conflict {
                what: "one more number of a contact",
            });
        }
        let owner = owner.to_string();
        self.write(move |cx| save(cx.conn, &owner, &contact)).await
    }

    /// Somebody's contacts in the order of their keys, up to `limit` after `after`.
    pub async fn contacts(
        &self,
        owner: &Aor,
        after: Option<&ContactKey>,
        limit: usize,
    ) -> Result<Vec<Contact>, StoreError> {
        let owner = owner.to_string();
        let after = after.map_or_else(String::new, ToString::to_string);
        let limit = i64::try_from(limit.min(crate::PAGE_MAX)).unwrap_or(i64::MAX);
        self.read(move |conn| {
            let condition = "contact > ?2 ORDER BY contact LIMIT ?3";
            contacts(conn, &owner, condition, params![owner, after, limit])
        })
        .await
    }

    /// One contact.
    pub async fn contact(
        &self,
        owner: &Aor,
        key: &ContactKey,
    ) -> Result<Option<Contact>, StoreError> {
        let (owner, key) = (owner.to_string(), key.to_string());
        self.read(move |conn| {
            let found = contacts(conn, &owner, "contact = ?2", params![owner, key])?;
            Ok(found.into_iter().next())
        })
        .await
    }

    /// Takes a contact off the list; true when it was there.
    pub async fn remove_contact(&self, owner: &Aor, key: &ContactKey) -> Result<bool, StoreError> {
        let (owner, key) = (owner.to_string(), key.to_string());
        self.write_one(move |conn| {
            let gone = conn.execute(
                "DELETE FROM contacts WHERE owner = ?1 AND contact = ?2",
                [owner, key],
            )?;
            Ok(gone > 0)
        })
        .await
    }
}

fn save(conn: &Connection, owner: &str, contact: &Contact) -> Result<(), StoreError> {
    let key = contact.key.to_string();
    conn.execute(
        "DELETE FROM contacts WHERE owner = ?1 AND contact = ?2",
        [owner, &key],
    )?;
    let count: i64 = conn.query_row(
        "SELECT COUNT(*) FROM contacts WHERE owner = ?1",
        [owner],
        |row| row.get(0),
    )?;
    if usize::try_from(count).unwrap_or(usize::MAX) >= CONTACTS_MAX {
        return Err(StoreError::Conflict {
            what: "one more contact",
        });
    }
    conn.execute(
        "INSERT INTO contacts (owner, contact, name, favourite) VALUES (?1, ?2, ?3, ?4)",
        params![owner, key, contact.name, contact.favourite],
    )?;
    let mut insert = conn.prepare_cached(
        "INSERT INTO contact_numbers (owner, contact, position, label, kind, number)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (position, number) in (0_i64..).zip(&contact.numbers) {
        insert.execute(params![
            owner,
            key,
            position,
            number.label,
            number.kind.as_str(),
            number.number.as_str()
        ])?;
    }
    Ok(())
}

fn contacts(
    conn: &Connection,
    owner: &str,
    condition: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<Contact>, StoreError> {
    let snapshot = conn.unchecked_transaction()?;
    let mut select = snapshot.prepare_cached(&format!(
        "SELECT contact, name, favourite FROM contacts WHERE owner = ?1 AND {condition}"
    ))?;
    let rows = select.query_map(values, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let rows: Vec<(String, String, bool)> = rows.collect::<Result<_, _>>()?;
    let mut found = Vec::with_capacity(rows.len());
    for (key, name, favourite) in rows {
        found.push(Contact {
            numbers: numbers(&snapshot, owner, &key)?,
            key: key_of(&key)?,
            name,
            favourite,
        });
    }
    Ok(found)
}

fn numbers(conn: &Connection, owner: &str, key: &str) -> Result<Vec<ContactNumber>, StoreError> {
    let mut select = conn.prepare_cached(
        "SELECT label, kind, number FROM contact_numbers WHERE owner = ?1 AND contact = ?2
         ORDER BY position",
    )?;
    let mut rows = select.query([owner, key])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let number: String = row.get(2)?;
        found.push(ContactNumber {
            label: row.get(0)?,
            kind: TelephoneKind::from_stored(&row.get::<_, String>(1)?)?,
            number: number.parse().map_err(|_| StoreError::Corrupt {
                what: "telephone number",
            })?,
        });
    }
    Ok(found)
}

fn key_of(text: &str) -> Result<ContactKey, StoreError> {
    let key = match text.contains('@') {
        true => text.parse().ok().map(ContactKey::User),
        false => text.parse().ok().map(ContactKey::Number),
    };
    key.ok_or(StoreError::Corrupt { what: "contact" })
}
