//! Conferences of a former process: the focus and the history know them no more, but their records tell how they ended.

use std::collections::HashMap;

use convoke_types::report::{Change, ParticipantRef, Report};
use convoke_types::{Aor, ConferenceId, ParticipantId, Role};
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
    for leg in legs_that_count(&legs) {
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

/// The legs, in the order they were made, without those at another place where somebody did not get in: they stayed where they were. That
/// they were in when it was made says so: after a crash all ends have one time.
pub(crate) fn legs_that_count(legs: &[LegRecord]) -> impl Iterator<Item = &LegRecord> {
    // Until when somebody was in by the legs so far.
    let mut in_until: HashMap<&ParticipantId, UnixMs> = HashMap::new();
    legs.iter().filter(move |leg| {
        let until = in_until.get(&leg.participant).copied();
        if leg.times.joined.is_none() {
            return until.is_none_or(|until| until < leg.times.created);
        }
        let ended = leg.ended.as_ref().map_or(UnixMs::MAX, |(at, _)| *at);
        let latest = until.map_or(ended, |until| until.max(ended));
        in_until.insert(&leg.participant, latest);
        true
    })
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

#[cfg(test)]
mod tests {
    use convoke_types::media::StreamStats;
    use convoke_types::{Cause, EndReason, LegState};
    use store::LegTimes;

    use super::*;

    /// A leg of bob's: made, perhaps joined, and ended at these times.
    fn leg(
        place: &str,
        (created, joined, ended): (UnixMs, Option<UnixMs>, UnixMs),
        state: LegState,
    ) -> LegRecord {
        let cause = Cause {
            reason: EndReason::Shutdown,
            sip: None,
            q850: None,
            words: String::new(),
        };
        LegRecord {
            key: convoke_types::LegKey {
                conference: "c1".parse().unwrap(),
                leg: format!("l{created}").parse().unwrap(),
            },
            participant: "p2".parse().unwrap(),
            name: "Bob".to_owned(),
            user: Some("bob@example.org".parse().unwrap()),
            place: place.to_owned(),
            address: "+15550107".to_owned(),
            trunk: None,
            state,
            times: LegTimes {
                created,
                dialled: None,
                ringing: None,
                answered: joined,
                joined,
            },
            ended: Some((ended, cause)),
            stats: StreamStats::default(),
        }
    }

    /// Bob is in by his mobile; his desk was busy, then his home rang when the server fell.
    fn moving() -> Vec<LegRecord> {
        vec![
            leg("mobile", (1_000, Some(2_000), 9_000), LegState::Failed),
            leg("desk", (3_000, None, 4_000), LegState::Busy),
            leg("home", (5_000, None, 9_000), LegState::Failed),
        ]
    }

    fn places(legs: &[LegRecord]) -> Vec<&str> {
        legs_that_count(legs)
            .map(|leg| leg.place.as_str())
            .collect()
    }

    #[test]
    fn who_was_called_elsewhere_in_vain_was_where_they_were() {
        assert_eq!(places(&moving()), ["mobile"]);
        // Called again after they had left, and there they got in.
        let mut legs = moving();
        legs.push(leg("work", (9_500, None, 9_900), LegState::NoAnswer));
        assert_eq!(places(&legs), ["mobile", "work"]);
        let mut legs = moving();
        legs.push(leg("work", (8_000, Some(9_000), 9_900), LegState::Left));
        assert_eq!(places(&legs), ["mobile", "work"]);
    }
}
