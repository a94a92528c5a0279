//! A conference as server-sent events (HTML, *Server-sent events*): a snapshot first, then every report with its version as
//! the event's id, until the end, whose id is beyond all versions. Who was cut off goes on with `Last-Event-ID`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use convoke_types::report::{Change, Report};
use convoke_types::{Aor, ConferenceId, Fault, FaultCode};
use futures_util::stream;
use runtime::clock;
use serde::Serialize;
use soap_proto::ConferenceState;

use super::Rest;
use super::answer::{Place, Refusal};
use super::conferences::StateQuery;
use super::view::{ConferenceView, ReportView};
use super::who::Anyone;
use crate::caller::{Caller, SCOPE_CONFERENCE};
use crate::http::authorization;

/// Streams of one person at once; one more is refused.
const STREAMS_OF_PERSON_MAX: usize = 16;
/// Streams at once in all, so that other requests still find a connection; one more is refused.
const STREAMS_MAX: usize = 512;
/// How long one waits for a report before a comment says that the connection is alive; shorter than proxies bear silence.
const WAIT: Duration = Duration::from_secs(15);
/// How long a browser waits before it connects again.
const RECONNECT_MS: u32 = 1_000;
/// The id of what is told last, after which nothing comes: whoever asks with it is not told again. It is the largest whole number
/// that JavaScript knows (ECMA-262, `Number.MAX_SAFE_INTEGER`), beyond every version; records of former processes know none.
const LAST: u64 = (1 << 53) - 1;
/// `first` beyond every roster: the states behind a report need none.
const NO_ROSTER: u32 = 99_999;

/// How many streams there are.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    taken: Mutex<HashMap<Option<Aor>, usize>>,
}

/// A stream's place, given back when it is dropped.
struct Taken {
    streams: Arc<Streams>,
    whose: Option<Aor>,
}

impl Streams {
    fn lock(&self) -> MutexGuard<'_, HashMap<Option<Aor>, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: &Arc<Self>, whose: Option<&Aor>) -> Result<Taken, Fault> {
        let mut taken = self.lock();
        let whose = whose.cloned();
        let theirs = taken.get(&whose).copied().unwrap_or(0);
        let limit =
            |expected: String| Err(Fault::new(FaultCode::LimitReached, expected, "one more"));
        if theirs >= STREAMS_OF_PERSON_MAX {
            return limit(format!(
                "at most {STREAMS_OF_PERSON_MAX} streams of yours at once"
            ));
        }
        if taken.values().sum::<usize>() >= STREAMS_MAX {
            return limit(format!(
                "at most {STREAMS_MAX} streams of everybody's at once"
            ));
        }
        taken.insert(whose.clone(), theirs + 1);
        Ok(Taken {
            streams: self.clone(),
            whose,
        })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut taken = self.streams.lock();
        if let Some(count) = taken.get_mut(&self.whose) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.whose);
            }
        }
    }
}

/// Follow a conference.
///
/// Server-sent events: `snapshot` (a Conference), then `report` (a Report) for each change, with the version as its id. Another
/// `snapshot` comes in place of reports that are forgotten already. A refusal that comes later is the event `error` (a Fault).
/// The stream ends with the conference, whose last event has the id 9007199254740991, and when the token does.
#[utoipa::path(get, path = "/api/v1/conferences/{id}/events", operation_id = "followConference", tag = "conferences",
    params(("id" = String, Path, description = "The conference"),
        ("Last-Event-ID" = Option<u64>, Header, description = "The last version that the asker has: reports go on from there, while they are remembered")),
    responses((status = 200, description = "The events", body = String, content_type = "text/event-stream"),
        (status = 204, description = "It has ended, and the asker has everything"), Refusal))]
pub(crate) async fn events(
    Anyone(caller): Anyone,
    State(rest): State<Rest>,
    Place(conference): Place<ConferenceId>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let taken = rest.streams.take(caller.person(SCOPE_CONFERENCE))?;
    let last = last_event(&headers)?;
    let mut follower = Follower {
        authorization: authorization(&headers).map(str::to_owned),
        checked: clock::now(),
        rest,
        caller,
        conference,
        since: last.unwrap_or(0),
        over: false,
        _taken: taken,
    };
    let mut first = format!("retry: {RECONNECT_MS}\n\n");
    match last {
        None => first.push_str(&follower.snapshot().await?),
        Some(_) => first.push_str(&follower.news(Duration::ZERO).await?),
    }
    if follower.over && last == Some(LAST) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let shutdown = follower.rest.http.shutdown.clone();
    let begin = (Some(first), follower);
    let body = stream::unfold(begin, move |(first, mut follower)| {
        let shutdown = shutdown.clone();
        async move {
            if let Some(first) = first {
                return Some((Ok::<_, Fault>(Bytes::from(first)), (None, follower)));
            }
            if follower.over {
                return None;
            }
            // At the shutdown all conferences have ended before; what is left hears nothing more.
            let text = shutdown.unless_cancelled(follower.next()).await?;
            Some((Ok(Bytes::from(text)), (None, follower)))
        }
    });
    let form = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((form, Body::from_stream(body)).into_response())
}

fn last_event(headers: &HeaderMap) -> Result<Option<u64>, Fault> {
    let Some(value) = headers.get("Last-Event-ID") else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    let version = text.parse().map_err(|_| {
        Fault::new(
            FaultCode::BadRequest,
            "Last-Event-ID with a version",
            convoke_types::loggable(text),
        )
    });
    version.map(Some)
}

/// One stream.
struct Follower {
    rest: Rest,
    caller: Caller,
    authorization: Option<String>,
    /// When the authorization was looked at last.
    checked: Instant,
    conference: ConferenceId,
    /// The last version that was told.
    since: u64,
    /// Nothing more will come.
    over: bool,
    _taken: Taken,
}

impl Follower {
    /// What comes next: reports, or a comment when nothing happened for a while.
    async fn next(&mut self) -> String {
        match self.authorized_news().await {
            Ok(text) if text.is_empty() => ":\n\n".to_owned(),
            Ok(text) => text,
            Err(fault) => {
                self.over = true;
                event("error", None, &fault)
            }
        }
    }

    /// A token that has ended or was revoked ends what was begun with it.
    async fn authorized_news(&mut self) -> Result<String, Fault> {
        let text = self.news(WAIT).await?;
        // Reports in quick succession need not ask the store each time.
        let now = clock::now();
        if now.saturating_duration_since(self.checked) >= WAIT {
            let keys = &self.rest.http.keys;
            keys.caller(self.authorization.as_deref()).await?;
            self.checked = now;
        }
        Ok(text)
    }

    async fn snapshot(&mut self) -> Result<String, Fault> {
        let (caller, id) = (&self.caller, self.conference.clone());
        let now = StateQuery::default();
        let (mut snapshot, _) = self.rest.state(caller, id, now, None).await?;
        self.rest.whole(caller, &mut snapshot).await?;
        self.over = snapshot.state == ConferenceState::Ended;
        self.since = snapshot.version;
        let id = if self.over { LAST } else { self.since };
        let view = ConferenceView::from(snapshot);
        Ok(event("snapshot", Some(id), &view))
    }

    /// The reports after `since`, waited for; where they are forgotten already, a new snapshot.
    async fn news(&mut self, wait: Duration) -> Result<String, Fault> {
        let asked = StateQuery {
            since: Some(self.since),
            wait_ms: Some(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)),
        };
        let id = self.conference.clone();
        let state = self.rest.state(&self.caller, id, asked, Some(NO_ROSTER));
        let (snapshot, reports) = state.await?;
        if snapshot.version > self.since && !goes_on(&reports, self.since) {
            return self.snapshot().await;
        }
        let mut text = String::new();
        for report in reports {
            self.since = report.version;
            let is_last = matches!(report.change, Change::Ended { .. });
            self.over |= is_last;
            let id = if is_last { LAST } else { report.version };
            text.push_str(&event("report", Some(id), &ReportView::from(report)));
        }
        self.over |= snapshot.state == ConferenceState::Ended && snapshot.version <= self.since;
        Ok(text)
    }
}

/// Whether the reports follow what was told already.
fn goes_on(reports: &[Report], since: u64) -> bool {
    reports
        .first()
        .is_some_and(|report| report.version == since.saturating_add(1))
}

fn event(name: &str, id: Option<u64>, data: &impl Serialize) -> String {
    // JSON of plain data has one line.
    let data = serde_json::to_string(data).unwrap_or_default();
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    format!("event: {name}\n{id}data: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_bounded_for_each_and_given_back() {
        let streams: Arc<Streams> = Arc::default();
        let alice: Aor = "alice@x".parse().unwrap();
        let take = |whose: Option<&Aor>| streams.take(whose);
        let mut held: Vec<Taken> = (0..STREAMS_OF_PERSON_MAX)
            .map(|_| take(Some(&alice)).unwrap())
            .collect();
        assert!(take(Some(&alice)).is_err());
        let bob: Aor = "bob@x".parse().unwrap();
        drop(take(Some(&bob)).unwrap());
        held.pop();
        assert!(take(Some(&alice)).is_ok());
        drop(held);
        assert!(streams.lock().is_empty());
    }
}
