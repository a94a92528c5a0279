//! The database of communication modes (requirement V7): how each person can take part in a conference, in their own order. It fills by
//! itself, from what devices register, from telephone profiles and from conferences; people change the order and write in what nobody
//! could know, such as a video room or an address behind a gateway.

use convoke_types::{Address, Aor, Mode, ModeSource};
use rusqlite::{Connection, params};

use crate::profile::{Telephone, TelephoneKind};
use crate::{Store, StoreError, UnixMs};

/// Most modes of one person.
pub const MODES_MAX: usize = 64;

/// One way in which somebody can take part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonMode {
    /// Which mode.
    pub mode: Mode,
    /// Where: a number, a SIP URI, an address of another network; empty where the mode says it all.
    pub address: String,
    /// The label of the telephone in their profile, if it is one.
    pub place: String,
    /// How it became known.
    pub source: ModeSource,
    /// Whether it carries pictures.
    pub video: bool,
    /// When it was last heard of.
    pub last_seen: UnixMs,
}

impl Store {
    /// Somebody's modes, the one they like best first.
    pub async fn modes(&self, aor: &Aor) -> Result<Vec<PersonMode>, StoreError> {
        let aor = aor.to_string();
        self.read(move |conn| modes(conn, &aor)).await
    }

    /// Replaces somebody's modes, in this order. `Conflict` without the account, or with more than `MODES_MAX`.
    pub async fn save_modes(&self, aor: &Aor, modes: Vec<PersonMode>) -> Result<(), StoreError> {
        if modes.len() > MODES_MAX {
            return Err(StoreError::Conflict {
                what: "one more mode",
            });
        }
        let aor = aor.to_string();
        self.write(move |cx| {
            cx.conn
                .execute("DELETE FROM modes WHERE aor = ?1", [&aor])?;
            for (position, mode) in (0_i64..).zip(&modes) {
                insert(cx.conn, &aor, position, mode)?;
            }
            Ok(())
        })
        .await
    }

    /// A mode of somebody's was heard of. What is known already is only seen again, but for pictures, of which the newest word counts; a
    /// client of theirs comes first, whatever else is new comes last. Of somebody without an account nothing is kept.
    pub async fn note_mode(&self, aor: &Aor, mode: PersonMode) -> Result<(), StoreError> {
        let aor = aor.to_string();
        self.write(move |cx| note(cx.conn, &aor, &mode)).await
    }
}

fn note(conn: &Connection, aor: &str, mode: &PersonMode) -> Result<(), StoreError> {
    let seen = conn
        .prepare_cached(
            "UPDATE modes SET last_seen = ?4, video = CASE source WHEN 'by-hand' THEN video ELSE ?5 END
             WHERE aor = ?1 AND mode = ?2 AND address = ?3",
        )?
        .execute(params![aor, mode.mode.as_str(), mode.address, mode.last_seen, mode.video])?;
    let known: bool = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM accounts WHERE aor = ?1)")?
        .query_row([aor], |row| row.get(0))?;
    if seen > 0 || !known {
        return Ok(());
    }
    make_room(conn, aor)?;
    let edge = match mode.mode {
        Mode::Computer => "SELECT COALESCE(MIN(position), 0) - 1 FROM modes WHERE aor = ?1",
        _ => "SELECT COALESCE(MAX(position), 0) + 1 FROM modes WHERE aor = ?1",
    };
    let position: i64 = conn
        .prepare_cached(edge)?
        .query_row([aor], |row| row.get(0))?;
    insert(conn, aor, position, mode)
}

/// What nobody wrote down and was not heard of for longest goes.
fn make_room(conn: &Connection, aor: &str) -> Result<(), StoreError> {
    let most = i64::try_from(MODES_MAX).unwrap_or(i64::MAX);
    conn.prepare_cached(
        "DELETE FROM modes WHERE aor = ?1 AND (mode, address) IN (
             SELECT mode, address FROM modes WHERE aor = ?1 ORDER BY source = 'by-hand' DESC, last_seen DESC
             LIMIT -1 OFFSET ?2)",
    )?
    .execute(params![aor, most - 1])?;
    Ok(())
}

fn insert(
    conn: &Connection,
    aor: &str,
    position: i64,
    mode: &PersonMode,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO modes (aor, mode, address, place, source, video, position, last_seen)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        aor,
        mode.mode.as_str(),
        mode.address,
        mode.place,
        mode.source.as_str(),
        mode.video,
        position,
        mode.last_seen
    ])?;
    Ok(())
}

fn modes(conn: &Connection, aor: &str) -> Result<Vec<PersonMode>, StoreError> {
    let corrupt = |what| StoreError::Corrupt { what };
    let mut statement = conn.prepare_cached(
        "SELECT mode, address, place, source, video, last_seen FROM modes WHERE aor = ?1 ORDER BY position, mode, address",
    )?;
    let mut rows = statement.query([aor])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (mode, source): (String, String) = (row.get(0)?, row.get(3)?);
        found.push(PersonMode {
            mode: mode.parse().map_err(|_| corrupt("mode"))?,
            address: row.get(1)?,
            place: row.get(2)?,
            source: source.parse().map_err(|_| corrupt("source of a mode"))?,
            video: row.get(4)?,
            last_seen: row.get(5)?,
        });
    }
    Ok(found)
}

/// The modes of a telephone profile take the place of those of the former one; what stays keeps its position.
pub(crate) fn of_profile(
    conn: &Connection,
    aor: &str,
    telephones: &[Telephone],
) -> Result<(), StoreError> {
    let before = modes(conn, aor)?;
    // The default is tried first.
    let mut sorted: Vec<&Telephone> = telephones.iter().collect();
    sorted.sort_by_key(|telephone| !telephone.is_default);
    let of_profile: Vec<PersonMode> = sorted.into_iter().filter_map(mode_of).collect();
    let same = |a: &PersonMode, b: &PersonMode| a.mode == b.mode && a.address == b.address;
    let mut after: Vec<PersonMode> = Vec::new();
    for mode in &before {
        match of_profile.iter().find(|new| same(new, mode)) {
            Some(new) => after.push(new.clone()),
            None if mode.source == ModeSource::Profile => {}
            None => after.push(mode.clone()),
        }
    }
    for mode in of_profile {
        if !after.iter().any(|known| same(known, &mode)) {
            after.push(mode);
        }
    }
    after.truncate(MODES_MAX);
    conn.execute("DELETE FROM modes WHERE aor = ?1", [aor])?;
    for (position, mode) in (0_i64..).zip(&after) {
        insert(conn, aor, position, mode)?;
    }
    Ok(())
}

/// As which way in a telephone of the profile counts; none where it is the person's own client.
pub fn mode_of(telephone: &Telephone) -> Option<PersonMode> {
    let mode = match (&telephone.address, telephone.kind) {
        (Address::Client, _) => return None,
        (Address::Sip(_), _) => Mode::Sip,
        (Address::Number(_), TelephoneKind::Mobile) => Mode::Mobile,
        (Address::Number(_), TelephoneKind::Work | TelephoneKind::Home | TelephoneKind::Other) => {
            Mode::Pstn
        }
    };
    Some(PersonMode {
        mode,
        address: telephone.address.to_string(),
        place: telephone.label.clone(),
        source: ModeSource::Profile,
        video: mode == Mode::Sip,
        last_seen: 0,
    })
}

/// Fills the table from the profiles that there are.
pub(crate) fn fill(conn: &Connection) -> Result<(), StoreError> {
    let mut statement = conn.prepare("SELECT DISTINCT aor FROM telephones")?;
    let people = statement.query_map([], |row| row.get::<_, String>(0))?;
    for aor in people.collect::<Result<Vec<_>, _>>()? {
        let telephones = crate::profile::telephones(conn, &aor)?;
        of_profile(conn, &aor, &telephones)?;
    }
    Ok(())
}
