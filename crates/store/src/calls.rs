//! Somebody's own calls: the records of the conferences that they started or were called into.

use convoke_types::Aor;
use rusqlite::params;

use crate::records::{ConferenceRecord, LegRecord, conferences, legs};
use crate::{Store, StoreError, UnixMs};

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The conference.
    pub conference: ConferenceRecord,
    /// Its legs, in the order they were made.
    pub legs: Vec<LegRecord>,
}

impl Store {
    /// Somebody's calls, newest first, up to `limit` that come after the call `before`, by its time and id (in a time without an
    /// id: that began earlier); with another person: those with both.
    pub async fn calls(
        &self,
        person: &Aor,
        with: Option<&Aor>,
        before: Option<(UnixMs, String)>,
        limit: usize,
    ) -> Result<Vec<Call>, StoreError> {
        const THEIRS: &str = "id IN (SELECT id FROM conferences WHERE owner = ?1
             UNION SELECT conference FROM legs WHERE user = ?1)";
        const WITH: &str = "id IN (SELECT id FROM conferences WHERE owner = ?5
             UNION SELECT conference FROM legs WHERE user = ?5)";
        const ORDER: &str =
            "(created_at, id) < (?2, ?3) ORDER BY created_at DESC, id DESC LIMIT ?4";
        let (person, with) = (person.to_string(), with.map(ToString::to_string));
        let (at, id) = before.unwrap_or((UnixMs::MAX, String::new()));
        let limit = i64::try_from(limit.min(crate::PAGE_MAX)).unwrap_or(i64::MAX);
        self.read(move |conn| {
            let snapshot = conn.unchecked_transaction()?;
            let records = match &with {
                None => {
                    let condition = format!("{THEIRS} AND {ORDER}");
                    conferences(&snapshot, &condition, params![person, at, id, limit])?
                }
                Some(with) => {
                    let condition = format!("{THEIRS} AND {WITH} AND {ORDER}");
                    let values = params![person, at, id, limit, with];
                    conferences(&snapshot, &condition, values)?
                }
            };
            let with_legs = |conference: ConferenceRecord| {
                let legs = legs(&snapshot, &conference.id, "")?;
                Ok(Call { conference, legs })
            };
            records.into_iter().map(with_legs).collect()
        })
        .await
    }
}
