//! Conferences and their legs as records: what was called, when it rang, was answered and ended, and why.

use convoke_types::leg::EndReason;
use convoke_types::media::StreamStats;
use convoke_types::report::{ConferenceEnd, ConferenceEndReason};
use convoke_types::{Aor, Cause, ConferenceId, LegId, LegKey, LegState, ParticipantId};
use rusqlite::{Connection, Row, params};

use crate::{Store, StoreError, UnixMs};

/// One conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConferenceRecord {
    /// Its id.
    pub id: ConferenceId,
    /// Who started it.
    pub owner: Aor,
    /// Its title, possibly empty.
    pub title: String,
    /// When it was made.
    pub created_at: UnixMs,
    /// When and why it ended.
    pub ended: Option<(UnixMs, ConferenceEnd)>,
}

/// When a leg reached its stages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LegTimes {
    /// The leg was made.
    pub created: UnixMs,
    /// The INVITE went out.
    pub dialled: Option<UnixMs>,
    /// It rang.
    pub ringing: Option<UnixMs>,
    /// It was answered.
    pub answered: Option<UnixMs>,
    /// It was in the mix.
    pub joined: Option<UnixMs>,
}

/// One leg's call detail record.
#[derive(Debug, Clone, PartialEq)]
pub struct LegRecord {
    /// The leg.
    pub key: LegKey,
    /// Whose leg it is.
    pub participant: ParticipantId,
    /// The name shown.
    pub name: String,
    /// The account, if the participant has one.
    pub user: Option<Aor>,
    /// The place that was called: `mobile`, `work` …
    pub place: String,
    /// The number or URI that was called.
    pub address: String,
    /// The trunk that it went over.
    pub trunk: Option<String>,
    /// The last state.
    pub state: LegState,
    /// When it reached its stages.
    pub times: LegTimes,
    /// When and why it ended.
    pub ended: Option<(UnixMs, Cause)>,
    /// What its stream amounted to.
    pub stats: StreamStats,
}

/// How many open records `close_open_records` closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedRecords {
    /// Conferences.
    pub conferences: usize,
    /// Legs.
    pub legs: usize,
}

impl Store {
    /// Stores a conference's record, new or changed.
    pub async fn save_conference(&self, record: ConferenceRecord) -> Result<(), StoreError> {
        self.write_one(move |conn| save_conference(conn, &record))
            .await
    }

    /// Stores a leg's record, new or changed. `Conflict` without its conference.
    pub async fn save_leg(&self, record: LegRecord) -> Result<(), StoreError> {
        self.write_one(move |conn| save_leg(conn, &record)).await
    }

    /// One conference.
    pub async fn conference(
        &self,
        id: &ConferenceId,
    ) -> Result<Option<ConferenceRecord>, StoreError> {
        let id = id.clone();
        self.read(move |conn| Ok(conferences(conn, "id = ?1", [id.as_str()])?.pop()))
            .await
    }

    /// Conferences made before `before`, newest first, up to `limit`.
    pub async fn conferences(
        &self,
        before: Option<UnixMs>,
        limit: usize,
    ) -> Result<Vec<ConferenceRecord>, StoreError> {
        let before = before.unwrap_or(UnixMs::MAX);
        let limit = i64::try_from(limit.min(crate::PAGE_MAX)).unwrap_or(i64::MAX);
        self.read(move |conn| {
            conferences(
                conn,
                "created_at < ?1 ORDER BY created_at DESC, id LIMIT ?2",
                params![before, limit],
            )
        })
        .await
    }

    /// The legs of a conference in the order they were made.
    pub async fn legs(&self, conference: &ConferenceId) -> Result<Vec<LegRecord>, StoreError> {
        let conference = conference.clone();
        self.read(move |conn| legs(conn, &conference, "")).await
    }

    /// The same, without those of people who were taken off the roster.
    pub async fn legs_on_roster(
        &self,
        conference: &ConferenceId,
    ) -> Result<Vec<LegRecord>, StoreError> {
        let conference = conference.clone();
        self.read(move |conn| legs(conn, &conference, "AND NOT removed"))
            .await
    }

    /// A participant was taken off the roster, after their last leg had ended.
    pub async fn mark_removed(
        &self,
        conference: &ConferenceId,
        participant: &ParticipantId,
    ) -> Result<(), StoreError> {
        let (conference, participant) = (conference.to_string(), participant.to_string());
        self.write_one(move |conn| {
            conn.prepare_cached(
                "UPDATE legs SET removed = 1 WHERE conference = ?1 AND participant = ?2",
            )?
            .execute([&conference, &participant])?;
            Ok(())
        })
        .await
    }

    /// Ends every open record: after a crash, before anything new begins. Their last states stay visible in the times.
    pub async fn close_open_records(
        &self,
        at: UnixMs,
        words: &str,
    ) -> Result<ClosedRecords, StoreError> {
        let words = words.to_owned();
        self.write(move |cx| {
            let legs = cx.conn.execute(
                "UPDATE legs SET ended_at = ?1, state = ?2, end_reason = ?3, end_words = ?4
                 WHERE ended_at IS NULL",
                params![
                    at,
                    LegState::Failed.as_str(),
                    EndReason::Shutdown.as_str(),
                    words
                ],
            )?;
            let conferences = cx.conn.execute(
                "UPDATE conferences SET ended_at = ?1, end_reason = ?2, end_words = ?3
                 WHERE ended_at IS NULL",
                params![at, ConferenceEndReason::Shutdown.as_str(), words],
            )?;
            Ok(ClosedRecords { conferences, legs })
        })
        .await
    }
}

fn save_conference(conn: &Connection, record: &ConferenceRecord) -> Result<(), StoreError> {
    let (ended_at, end) = record
        .ended
        .as_ref()
        .map_or((None, None), |(at, end)| (Some(*at), Some(end)));
    conn.prepare_cached(
        "INSERT INTO conferences (id, owner, title, created_at, ended_at, end_reason, end_words)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, title = excluded.title,
             ended_at = excluded.ended_at, end_reason = excluded.end_reason,
             end_words = excluded.end_words",
    )?
    .execute(params![
        record.id.as_str(),
        record.owner.to_string(),
        record.title,
        record.created_at,
        ended_at,
        end.map(|end| end.reason.as_str()),
        end.map(|end| end.words.as_str()),
    ])?;
    Ok(())
}

fn save_leg(conn: &Connection, record: &LegRecord) -> Result<(), StoreError> {
    let (ended_at, cause) = record
        .ended
        .as_ref()
        .map_or((None, None), |(at, cause)| (Some(*at), Some(cause)));
    conn.prepare_cached(
        "INSERT INTO legs (conference, leg, participant, name, user, place, address, trunk, state,
             created_at, dialled_at, ringing_at, answered_at, joined_at, ended_at, end_reason, sip,
             q850, end_words, received, sent, lost, jitter_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
             ?19, ?20, ?21, ?22, ?23)
         ON CONFLICT (conference, leg) DO UPDATE SET name = excluded.name, user = excluded.user,
             place = excluded.place, address = excluded.address, trunk = excluded.trunk,
             state = excluded.state, dialled_at = excluded.dialled_at,
             ringing_at = excluded.ringing_at, answered_at = excluded.answered_at,
             joined_at = excluded.joined_at, ended_at = excluded.ended_at,
             end_reason = excluded.end_reason, sip = excluded.sip, q850 = excluded.q850,
             end_words = excluded.end_words, received = excluded.received, sent = excluded.sent,
             lost = excluded.lost, jitter_ms = excluded.jitter_ms",
    )?
    .execute(params![
        record.key.conference.as_str(),
        record.key.leg.as_str(),
        record.participant.as_str(),
        record.name,
        record.user.as_ref().map(ToString::to_string),
        record.place,
        record.address,
        record.trunk,
        record.state.as_str(),
        record.times.created,
        record.times.dialled,
        record.times.ringing,
        record.times.answered,
        record.times.joined,
        ended_at,
        cause.map(|cause| cause.reason.as_str()),
        cause.and_then(|cause| cause.sip),
        cause.and_then(|cause| cause.q850),
        cause.map(|cause| cause.words.as_str()),
        record.stats.received.cast_signed(),
        record.stats.sent.cast_signed(),
        record.stats.lost.cast_signed(),
        record.stats.jitter_ms,
    ])?;
    Ok(())
}

pub(crate) fn conferences(
    conn: &Connection,
    condition: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<ConferenceRecord>, StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT id, owner, title, created_at, ended_at, end_reason, end_words FROM conferences
         WHERE {condition}"
    ))?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let ended = match row.get::<_, Option<UnixMs>>(4)? {
            None => None,
            Some(at) => Some((
                at,
                ConferenceEnd {
                    reason: conference_end_of(&row.get::<_, String>(5)?)?,
                    words: row.get(6)?,
                },
            )),
        };
        found.push(ConferenceRecord {
            id: parsed(row.get(0)?, "conference id")?,
            owner: parsed(row.get(1)?, "address")?,
            title: row.get(2)?,
            created_at: row.get(3)?,
            ended,
        });
    }
    Ok(found)
}

pub(crate) fn legs(
    conn: &Connection,
    conference: &ConferenceId,
    condition: &'static str,
) -> Result<Vec<LegRecord>, StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT leg, participant, name, user, place, address, trunk, state, created_at, dialled_at,
                ringing_at, answered_at, joined_at, ended_at, end_reason, sip, q850, end_words,
                received, sent, lost, jitter_ms
         FROM legs WHERE conference = ?1 {condition} ORDER BY created_at, length(leg), leg"
    ))?;
    let mut rows = statement.query([conference.as_str()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(leg_of(conference, row)?);
    }
    Ok(found)
}

fn leg_of(conference: &ConferenceId, row: &Row<'_>) -> Result<LegRecord, StoreError> {
    let ended = match row.get::<_, Option<UnixMs>>(13)? {
        None => None,
        Some(at) => Some((
            at,
            Cause {
                reason: end_reason_of(&row.get::<_, String>(14)?)?,
                sip: row.get(15)?,
                q850: row.get(16)?,
                words: row.get(17)?,
            },
        )),
    };
    let leg: LegId = parsed(row.get(0)?, "leg id")?;
    let user: Option<String> = row.get(3)?;
    Ok(LegRecord {
        key: LegKey {
            conference: conference.clone(),
            leg,
        },
        participant: parsed(row.get(1)?, "participant id")?,
        name: row.get(2)?,
        user: user.map(|user| parsed(user, "address")).transpose()?,
        place: row.get(4)?,
        address: row.get(5)?,
        trunk: row.get(6)?,
        state: leg_state_of(&row.get::<_, String>(7)?)?,
        times: LegTimes {
            created: row.get(8)?,
            dialled: row.get(9)?,
            ringing: row.get(10)?,
            answered: row.get(11)?,
            joined: row.get(12)?,
        },
        ended,
        stats: StreamStats {
            received: row.get::<_, i64>(18)?.cast_unsigned(),
            sent: row.get::<_, i64>(19)?.cast_unsigned(),
            lost: row.get::<_, i64>(20)?.cast_unsigned(),
            jitter_ms: row.get(21)?,
        },
    })
}

fn parsed<T: std::str::FromStr>(text: String, what: &'static str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt { what })
}

fn leg_state_of(text: &str) -> Result<LegState, StoreError> {
    LegState::ALL
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or(StoreError::Corrupt { what: "leg state" })
}

fn end_reason_of(text: &str) -> Result<EndReason, StoreError> {
    EndReason::ALL
        .into_iter()
        .find(|reason| reason.as_str() == text)
        .ok_or(StoreError::Corrupt { what: "end reason" })
}

fn conference_end_of(text: &str) -> Result<ConferenceEndReason, StoreError> {
    [
        ConferenceEndReason::ByCommand,
        ConferenceEndReason::OwnerLeft,
        ConferenceEndReason::Empty,
        ConferenceEndReason::Error,
        ConferenceEndReason::Shutdown,
    ]
    .into_iter()
    .find(|reason| reason.as_str() == text)
    .ok_or(StoreError::Corrupt {
        what: "conference end",
    })
}
