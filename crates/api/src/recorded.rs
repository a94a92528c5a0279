//! Conferences of a former process: the focus and the history know them no more, but their records tell how they ended.

use convoke_types::report::{Change, ParticipantRef, Report};
use convoke_types::{Aor, ConferenceId, Role};
use soap_proto::{Snapshot, UtcMillis};
use store::{LegRecord, Store, StoreError, UnixMs};

/// An asker may say any number; versions have 18 digits at most, and the report has one more.
const VERSION_MAX: u64 = 999_999_999_999_999_998;

/// The last state and the last report of a conference that has ended, for those who were called into it and not removed. `since` is the version that the
/// asker has: the records do not know versions, so the report counts as the one after it.
pub(crate) async fn ended(
    store: &Store,
    id: &ConferenceId,
    since: Option<u64>,
    asker: Option<&Aor>,
) -> Result<Option<(Snapshot, Vec<Report>)>, StoreError> {
    let Some(record) = store.conference(id).await? else {
        return Ok(None);
    };
    let legs = store.legs_on_roster(id).await?;
    let took_part =
        |aor: &Aor| record.owner == *aor || legs.iter().any(|leg| leg.user.as_ref() == Some(aor));
    let Some((at, end)) = record.ended.filter(|_| asker.is_none_or(took_part)) else {
        return Ok(None);
    };
    let mut snapshot = Snapshot::begin(id.clone(), record.title);
    let ended_at = |leg: &LegRecord| leg.ended.as_ref().map_or(at, |(at, _)| *at);
    for (index, leg) in legs.iter().enumerate() {
        // Who was called at another place and did not get in there stayed where they were.
        let mut before = legs.iter().take(index);
        if before.any(|one| one.participant == leg.participant && ended_at(one) > ended_at(leg)) {
            continue;
        }
        let report = report_of(leg, snapshot.version + 1, &record.owner);
        snapshot.apply(&report, utc(ended_at(leg)));
    }
    let known = snapshot.version.max(since.unwrap_or(0));
    snapshot.version = known.min(VERSION_MAX);
    let last = Report {
        conference: id.clone(),
        version: snapshot.version + 1,
        participant: None,
        change: Change::Ended { cause: end },
        command: None,
    };
    snapshot.apply(&last, utc(at));
    Ok(Some((snapshot, vec![last])))
}

fn report_of(leg: &LegRecord, version: u64, owner: &Aor) -> Report {
    let is_owner = leg.user.as_ref() == Some(owner);
    Report {
        conference: leg.key.conference.clone(),
        version,
        participant: Some(ParticipantRef {
            id: leg.participant.clone(),
            name: leg.name.clone(),
            user: leg.user.as_ref().map(ToString::to_string),
            place: leg.place.clone(),
            role: if is_owner {
                Role::Owner
            } else {
                Role::Participant
            },
        }),
        change: Change::Leg {
            leg: leg.key.leg.clone(),
            state: leg.state,
            cause: leg.ended.as_ref().map(|(_, cause)| cause.clone()),
            moving: false,
        },
        command: None,
    }
}

fn utc(at: UnixMs) -> UtcMillis {
    UtcMillis(u64::try_from(at).unwrap_or(0)).clamped()
}
