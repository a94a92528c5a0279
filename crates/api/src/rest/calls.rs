//! One's own calls: who took part, for how long, and what was missed.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use convoke_types::{Aor, EndReason, Fault, FaultCode, loggable};
use serde::{Deserialize, Serialize};
use store::{Call, LegRecord};
use utoipa::{IntoParams, ToSchema};

use super::Rest;
use super::answer::{Asked, Refusal};
use super::me::page;
use super::who::Person;
use crate::directory::store_fault;
use crate::recorded::legs_that_count;

/// Calls in one answer unless another number is asked for, and at most.
const CALLS_DEFAULT: usize = 50;
const CALLS_MAX: usize = 200;

/// Which calls.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CallsQuery {
    /// Only those with this person too.
    with: Option<String>,
    /// Only those after this place: the `next` of the page before. A time alone, milliseconds since 1970: those that began earlier.
    #[param(pattern = "^[0-9]+(-.*)?$")]
    before: Option<String>,
    /// How many.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// Calls.
#[derive(Serialize, ToSchema)]
pub(crate) struct Calls {
    /// The newest first.
    calls: Vec<CallView>,
    /// For `before`, where there may be more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A call.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CallRecord)]
pub(crate) struct CallView {
    /// The conference's id.
    conference: String,
    /// Its title, possibly empty.
    title: String,
    /// Who started it.
    #[schema(value_type = String)]
    started_by: Aor,
    /// When.
    started_at: i64,
    /// When it ended; not yet, where it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<i64>,
    /// How long somebody was in it, in milliseconds; 0: nobody ever was.
    duration_ms: i64,
    /// I was called and nobody of mine answered; declining is no missing.
    missed: bool,
    /// Who was called.
    people: Vec<CalledView>,
}

/// Somebody who was called.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Called)]
pub(crate) struct CalledView {
    /// The name shown.
    name: String,
    /// The account, if they have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    user: Option<Aor>,
    /// Whether they were in it.
    joined: bool,
    /// For how long, in milliseconds.
    in_ms: i64,
    /// The last state of their telephone.
    state: &'static str,
}

fn in_ms(leg: &LegRecord) -> i64 {
    let ended = leg.ended.as_ref().map(|(at, _)| *at);
    leg.times
        .joined
        .zip(ended)
        .map_or(0, |(joined, ended)| ended.saturating_sub(joined).max(0))
}

fn view(call: Call, me: &Aor) -> CallView {
    let Call { conference, legs } = call;
    let ended_at = conference.ended.as_ref().map(|(at, _)| *at);
    let first_joined = legs.iter().filter_map(|leg| leg.times.joined).min();
    let of_mine = || legs.iter().filter(|leg| leg.user.as_ref() == Some(me));
    let refused = |leg: &LegRecord| {
        let reason = leg.ended.as_ref().map(|(_, cause)| cause.reason);
        // Given up for another place (`joined-elsewhere`) is not declined: were they in there, a leg says so.
        reason == Some(EndReason::Declined)
    };
    let missed = conference.owner != *me
        && ended_at.is_some()
        && of_mine().next().is_some()
        && of_mine().all(|leg| leg.times.joined.is_none() && !refused(leg));
    // A redial is another leg of the same person.
    let mut people: BTreeMap<(usize, &str), CalledView> = BTreeMap::new();
    for leg in legs_that_count(&legs) {
        let id = leg.participant.as_str();
        let called = people.entry((id.len(), id)).or_insert_with(|| CalledView {
            name: leg.name.clone(),
            user: leg.user.clone(),
            joined: false,
            in_ms: 0,
            state: leg.state.as_str(),
        });
        called.joined |= leg.times.joined.is_some();
        called.in_ms = called.in_ms.saturating_add(in_ms(leg));
        called.state = leg.state.as_str();
    }
    CallView {
        conference: conference.id.to_string(),
        title: conference.title,
        started_by: conference.owner,
        started_at: conference.created_at,
        ended_at,
        duration_ms: first_joined
            .zip(ended_at)
            .map_or(0, |(joined, ended)| ended.saturating_sub(joined).max(0)),
        missed,
        people: people.into_values().collect(),
    }
}

/// A place among calls: when one began, and its id, for several may begin at once.
fn place(text: &str) -> Result<(i64, String), Fault> {
    let (at, id) = text.split_once('-').unwrap_or((text, ""));
    match at.parse() {
        Ok(at) if at >= 0 => Ok((at, id.to_owned())),
        _ => Err(Fault::new(
            FaultCode::BadRequest,
            "before: the next of a page, or milliseconds since 1970",
            loggable(text),
        )),
    }
}

/// My calls.
#[utoipa::path(get, path = "/api/v1/me/calls", operation_id = "listCalls", tag = "me", params(CallsQuery),
    responses((status = 200, description = "A page of them", body = Calls), Refusal))]
pub(crate) async fn calls(
    Person(me): Person,
    State(rest): State<Rest>,
    Asked(query): Asked<CallsQuery>,
) -> Result<Json<Calls>, Refusal> {
    let limit = page(query.limit, CALLS_DEFAULT, CALLS_MAX)?;
    let accounts = &rest.http.accounts;
    let with = match &query.with {
        Some(user) => Some(accounts.aor(user)?),
        None => None,
    };
    let before = query.before.as_deref().map(place).transpose()?;
    let found = accounts.store().calls(&me, with.as_ref(), before, limit);
    let calls: Vec<CallView> = found
        .await
        .map_err(store_fault)?
        .into_iter()
        .map(|call| view(call, &me))
        .collect();
    let last = calls.last().filter(|_| calls.len() == limit);
    Ok(Json(Calls {
        next: last.map(|call| format!("{}-{}", call.started_at, call.conference)),
        calls,
    }))
}

#[cfg(test)]
mod tests {
    use convoke_types::media::StreamStats;
    use convoke_types::report::{ConferenceEnd, ConferenceEndReason};
    use convoke_types::{Cause, LegKey, LegState};
    use store::{ConferenceRecord, LegTimes};

    use super::*;

    fn leg(
        id: &str,
        participant: &str,
        user: &str,
        joined: Option<i64>,
        reason: EndReason,
    ) -> LegRecord {
        LegRecord {
            key: LegKey {
                conference: "c1".parse().unwrap(),
                leg: id.parse().unwrap(),
            },
            participant: participant.parse().unwrap(),
            name: user.to_owned(),
            user: Some(Aor::new(user, "x").unwrap()),
            place: "work".to_owned(),
            address: "+15550101".to_owned(),
            trunk: None,
            state: joined.map_or(LegState::NoAnswer, |_| LegState::Left),
            times: LegTimes {
                created: 1,
                joined,
                ..LegTimes::default()
            },
            ended: Some((
                100,
                Cause {
                    reason,
                    sip: None,
                    q850: None,
                    words: String::new(),
                },
            )),
            stats: StreamStats::default(),
        }
    }

    #[test]
    fn a_call_that_nobody_of_mine_answered_is_missed() {
        let call = |bobs: Vec<LegRecord>| {
            let mut legs = vec![leg("l1", "p1", "alice", Some(10), EndReason::HungUp)];
            legs.extend(bobs);
            Call {
                conference: ConferenceRecord {
                    id: "c1".parse().unwrap(),
                    owner: Aor::new("alice", "x").unwrap(),
                    title: String::new(),
                    created_at: 1,
                    ended: Some((
                        100,
                        ConferenceEnd {
                            reason: ConferenceEndReason::Empty,
                            words: String::new(),
                        },
                    )),
                },
                legs,
            }
        };
        let bob = Aor::new("bob", "x").unwrap();
        let missed = |legs| view(call(legs), &bob).missed;
        let unanswered = leg("l2", "p2", "bob", None, EndReason::RingTimeout);
        let declined = leg("l3", "p2", "bob", None, EndReason::Declined);
        let joined = leg("l3", "p2", "bob", Some(50), EndReason::HungUp);
        assert!(missed(vec![unanswered.clone()]));
        assert!(!missed(vec![unanswered.clone(), declined]));
        assert!(!missed(vec![]), "never called");
        let elsewhere = leg("l2", "p2", "bob", None, EndReason::JoinedElsewhere);
        assert!(missed(vec![elsewhere.clone(), unanswered.clone()]));
        assert!(!missed(vec![elsewhere, joined.clone()]));
        let again = view(call(vec![unanswered, joined]), &bob);
        assert!(!again.missed);
        assert_eq!(again.duration_ms, 90);
        let people: Vec<_> = again
            .people
            .iter()
            .map(|one| (one.joined, one.in_ms))
            .collect();
        assert_eq!(people, [(true, 90), (true, 50)], "one row a person");
    }

    #[test]
    fn who_was_called_elsewhere_in_vain_has_the_state_of_where_they_were() {
        let call = Call {
            conference: ConferenceRecord {
                id: "c1".parse().unwrap(),
                owner: Aor::new("alice", "x").unwrap(),
                title: String::new(),
                created_at: 1,
                ended: None,
            },
            legs: vec![
                leg("l1", "p2", "bob", Some(10), EndReason::HungUp),
                leg("l2", "p2", "bob", None, EndReason::RingTimeout),
            ],
        };
        let [bob] = &view(call, &Aor::new("bob", "x").unwrap()).people[..] else {
            panic!("one person");
        };
        assert_eq!((bob.joined, bob.state), (true, "left"));
    }
}
