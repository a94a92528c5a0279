//! The telephone profile (requirement T11): each person's telephones, in the order in which they are to be tried.

use convoke_types::{Address, Aor, E164};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{Store, StoreError};

/// Most telephones in one profile.
pub const TELEPHONES_MAX: usize = 32;

/// What kind of place a telephone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TelephoneKind {
    /// At work.
    Work,
    /// At home.
    Home,
    /// Carried along.
    Mobile,
    /// Anything else.
    Other,
}

impl TelephoneKind {
    /// The identifier, as stored and shown in menus.
    pub fn as_str(self) -> &'static str {
        match self {
            TelephoneKind::Work => "work",
            TelephoneKind::Home => "home",
            TelephoneKind::Mobile => "mobile",
            TelephoneKind::Other => "other",
        }
    }
    pub(crate) fn from_stored(text: &str) -> Result<Self, StoreError> {
        match text {
            "work" => Ok(TelephoneKind::Work),
            "home" => Ok(TelephoneKind::Home),
            "mobile" => Ok(TelephoneKind::Mobile),
            "other" => Ok(TelephoneKind::Other),
            _ => Err(StoreError::Corrupt {
                what: "telephone kind",
            }),
        }
    }
}

/// One telephone of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telephone {
    /// What the person calls it.
    pub label: String,
    /// The number, or the SIP URI.
    pub address: Address,
    /// What kind of place it is.
    pub kind: TelephoneKind,
    /// Called unless another is asked for; the first one when none says so.
    pub is_default: bool,
    /// Ask for key 1 before joining: yes, no, or as the dial plan has it.
    pub guard: Option<bool>,
    /// When to use it, in the person's words.
    pub when_to_use: String,
}

impl Store {
    /// Replaces the telephones of an account, in this order. `Conflict` without the account, or with more than `TELEPHONES_MAX`.
    pub async fn save_telephones(
        &self,
        aor: &Aor,
        telephones: Vec<Telephone>,
    ) -> Result<(), StoreError> {
        if telephones.len() > TELEPHONES_MAX {
            return Err(StoreError::Conflict {
                what: "one more telephone",
            });
        }
        let aor = aor.to_string();
        self.write(move |cx| {
            replace(cx.conn, &aor, &telephones)?;
            crate::modes::of_profile(cx.conn, &aor, &telephones)
        })
        .await
    }

    /// The telephones of an account, in their order.
    pub async fn telephones(&self, aor: &Aor) -> Result<Vec<Telephone>, StoreError> {
        let aor = aor.to_string();
        self.read(move |conn| telephones(conn, &aor)).await
    }

    /// An account that has this number among its telephones; the first by address when several share it.
    pub async fn owner_of(&self, number: &E164) -> Result<Option<Aor>, StoreError> {
        let number = number.to_string();
        self.read(move |conn| {
            let owner: Option<String> = conn
                .prepare_cached(
                    "SELECT aor FROM telephones WHERE number = ?1 ORDER BY aor LIMIT 1",
                )?
                .query_row([number], |row| row.get(0))
                .optional()?;
            owner
                .map(|aor| {
                    aor.parse().map_err(|_| StoreError::Corrupt {
                        what: "address of record",
                    })
                })
                .transpose()
        })
        .await
    }
}

fn replace(conn: &Connection, aor: &str, telephones: &[Telephone]) -> Result<(), StoreError> {
    conn.execute("DELETE FROM telephones WHERE aor = ?1", [aor])?;
    for (position, telephone) in (0_i64..).zip(telephones) {
        let (number, sip_uri) = match &telephone.address {
            Address::Number(number) => (Some(number.as_str()), None),
            Address::Sip(uri) => (None, Some(uri.as_str())),
            Address::Client => {
                return Err(StoreError::Conflict {
                    what: "a client among the telephones",
                });
            }
        };
        conn.prepare_cached(
            "INSERT INTO telephones
                 (aor, position, label, number, sip_uri, kind, is_default, guard, when_to_use)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            aor,
            position,
            telephone.label,
            number,
            sip_uri,
            telephone.kind.as_str(),
            telephone.is_default,
            telephone.guard,
            telephone.when_to_use,
        ])?;
    }
    Ok(())
}

pub(crate) fn telephones(conn: &Connection, aor: &str) -> Result<Vec<Telephone>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT label, number, sip_uri, kind, is_default, guard, when_to_use FROM telephones
         WHERE aor = ?1 ORDER BY position",
    )?;
    let mut rows = statement.query([aor])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let address = match (
            row.get::<_, Option<String>>(1)?,
            row.get::<_, Option<String>>(2)?,
        ) {
            (Some(number), None) => {
                Address::Number(number.parse().map_err(|_| StoreError::Corrupt {
                    what: "telephone number",
                })?)
            }
            (None, Some(uri)) => Address::Sip(uri),
            _ => {
                return Err(StoreError::Corrupt {
                    what: "telephone address",
                });
            }
        };
        found.push(Telephone {
            label: row.get(0)?,
            address,
            kind: TelephoneKind::from_stored(&row.get::<_, String>(3)?)?,
            is_default: row.get(4)?,
            guard: row.get(5)?,
            when_to_use: row.get(6)?,
        });
    }
    Ok(found)
}
