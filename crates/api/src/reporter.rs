//! Reports on their way to the reporting service (C6): a few lanes, each in order; a conference keeps to one lane.
//! The subscriber is the device that created the conference or asked for its state; others ask `get`. Talking is told at most
//! twice a second ([`pace`]).

mod pace;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use convoke_types::report::{Change, Report};
use convoke_types::{Aor, CommandId, ConferenceId};
use runtime::clock;
use runtime::tasks::Tasks;
use soap_proto::{Headers, ReportMessage};
use tokio::sync::mpsc;

use crate::role;
use pace::{Batch, Pace};

/// Lanes to the reporting service: requests under way at once.
const LANES: usize = 4;
/// Reports that may wait in one lane; what finds it full is dropped with a warning, its receiver sees the gap and asks `get`.
const LANE_MAX: usize = 8_192;
/// Most reports in one envelope: the schema allows 100, a SIP message should stay small.
const BATCH_MAX: usize = 20;
/// Tries per envelope, and the pause before the second; it doubles.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection is kept for the next report: less than the 30 s after which our own HTTP server closes it.
const IDLE_MAX: Duration = Duration::from_secs(20);
/// Most devices that follow one conference.
const SUBSCRIBERS_MAX: usize = 32;

/// Where reports go.
#[derive(Clone)]
pub struct ReportingService {
    /// Its URL.
    pub url: String,
    /// The secret that proves to the gateway that we are the conference service.
    pub secret: String,
}

/// Who follows a conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscriber {
    pub user: Aor,
    pub address: String,
    /// The MessageID of the request that subscribed: reports relate to it.
    pub request: Option<CommandId>,
}

#[derive(Debug)]
struct Item {
    subscriber: Subscriber,
    report: Report,
}

/// Hands reports to the lanes. Clones are one reporter.
#[derive(Clone)]
pub(crate) struct Reporter {
    lanes: Vec<mpsc::Sender<Item>>,
    subscribers: Arc<Mutex<HashMap<ConferenceId, Vec<Subscriber>>>>,
}

impl Reporter {
    /// Starts the lanes; without a reporting service reports go nowhere and clients ask `get`.
    pub fn start(tasks: &Tasks, service: Option<ReportingService>) -> Self {
        let mut lanes = Vec::new();
        if let Some(service) = service {
            for number in 0..LANES {
                let (sender, items) = mpsc::channel(LANE_MAX);
                let lane = Lane {
                    service: service.clone(),
                    http: http_client(),
                    number,
                    sent: 0,
                };
                tasks.spawn_vital(format!("conference.report.{number}"), lane.run(items));
                lanes.push(sender);
            }
        }
        Self {
            lanes,
            subscribers: Arc::default(),
        }
    }

    /// The same subscriptions, but no way to send: the lanes end when nobody is left who could report.
    pub fn without_lanes(&self) -> Self {
        Self {
            lanes: Vec::new(),
            subscribers: self.subscribers.clone(),
        }
    }

    /// From now on this device gets the conference's reports.
    pub fn subscribe(&self, conference: &ConferenceId, subscriber: Subscriber) {
        let mut all = self
            .subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let of = all.entry(conference.clone()).or_default();
        of.retain(|known| known.address != subscriber.address);
        if of.len() == SUBSCRIBERS_MAX {
            // Somebody with many devices takes no place from others.
            let theirs = of.iter().position(|known| known.user == subscriber.user);
            of.remove(theirs.unwrap_or(0));
        }
        of.push(subscriber);
    }

    /// It was not created after all, or has ended.
    pub fn forget(&self, conference: &ConferenceId) {
        self.subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(conference);
    }

    /// Devices of others than these people get the conference's reports no more.
    pub fn keep(&self, conference: &ConferenceId, stays: impl Fn(&Aor) -> bool) {
        let mut all = self
            .subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(of) = all.get_mut(conference) {
            of.retain(|subscriber| stays(&subscriber.user));
        }
    }

    /// Sends a report to all who follow the conference; never blocks.
    pub fn report(&self, report: Report) {
        let subscribers = {
            let mut all = self
                .subscribers
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if matches!(report.change, Change::Ended { .. }) {
                all.remove(&report.conference)
            } else {
                all.get(&report.conference).cloned()
            }
        };
        let mut hash = DefaultHasher::new();
        report.conference.hash(&mut hash);
        let Some(lane) = usize::try_from(hash.finish() % LANES as u64)
            .ok()
            .and_then(|n| self.lanes.get(n))
        else {
            return;
        };
        for subscriber in subscribers.into_iter().flatten() {
            if lane
                .try_send(Item {
                    subscriber,
                    report: report.clone(),
                })
                .is_err()
            {
                tracing::warn!(conference = %report.conference, version = report.version, "a report was dropped: its lane is full");
            }
        }
    }
}

fn http_client() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(REQUEST_TIMEOUT)
        .pool_idle_timeout(IDLE_MAX)
        .build()
        .unwrap_or_default()
}

struct Lane {
    service: ReportingService,
    http: reqwest::Client,
    number: usize,
    sent: u64,
}

impl Lane {
    async fn run(mut self, mut items: mpsc::Receiver<Item>) {
        let mut pace = Pace::default();
        let mut waiting: Vec<Item> = Vec::new();
        loop {
            let more = tokio::select! {
                biased;
                count = items.recv_many(&mut waiting, BATCH_MAX) => count > 0,
                () = role::wait(pace.next()) => true,
            };
            if !more {
                break;
            }
            let now = clock::now();
            let taken = waiting.drain(..).filter_map(|item| pace.take(item, now));
            let mut ready: Vec<Batch> = taken.collect();
            ready.extend(pace.due(now));
            for batch in by_subscriber(ready) {
                self.deliver(batch).await;
            }
        }
        for batch in by_subscriber(pace.rest()) {
            self.deliver(batch).await;
        }
    }

    async fn deliver(&mut self, (subscriber, reports): Batch) {
        self.sent += 1;
        let id = format!("report-{}-{}", self.number, self.sent).parse().ok();
        let message = ReportMessage {
            headers: Headers {
                message_id: id,
                relates_to: subscriber.request,
                ..Headers::default()
            },
            user: Some(subscriber.user),
            address: Some(subscriber.address),
            reports,
        };
        let body = match soap_proto::write_report(&message) {
            Ok(body) => body,
            Err(error) => return tracing::error!(%error, "a report could not be written"),
        };
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=TRIES {
            let failed = match self.post(body.clone()).await {
                Ok(status) if status.is_success() => return,
                // The gateway understood and refuses: a repeat would be refused as well.
                Ok(status) if status.is_client_error() => {
                    return tracing::warn!(%status, "the reporting service refuses a report");
                }
                Ok(status) => status.to_string(),
                Err(error) => error.without_url().to_string(),
            };
            if attempt == TRIES {
                return tracing::warn!(%failed, "a report was given up");
            }
            clock::sleep(pause).await;
            pause *= 2;
        }
    }

    async fn post(&self, body: Vec<u8>) -> Result<reqwest::StatusCode, reqwest::Error> {
        let sent = self
            .http
            .post(&self.service.url)
            .bearer_auth(&self.service.secret)
            .header("Content-Type", "text/xml; charset=utf-8")
            .header("SOAPAction", "\"\"")
            .body(body)
            .send()
            .await?;
        Ok(sent.status())
    }
}

/// Puts together what goes to one subscriber, as far as it fits; the order of each subscriber's reports stays.
fn by_subscriber(ready: Vec<Batch>) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    for (subscriber, reports) in ready {
        for report in reports {
            let mut theirs = batches.iter_mut().rev();
            let last = theirs.find(|(known, _)| *known == subscriber);
            match last.filter(|(_, reports)| reports.len() < BATCH_MAX) {
                Some((_, reports)) => reports.push(report),
                None => batches.push((subscriber.clone(), vec![report])),
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use runtime::tasks::Shutdown;

    use super::*;

    #[tokio::test]
    async fn nobody_takes_the_places_of_others() {
        let reporter = Reporter::start(&Tasks::new(Shutdown::new()), None);
        let conference: ConferenceId = "c1".parse().unwrap();
        let subscriber = |user: &str, device: usize| Subscriber {
            user: user.parse().unwrap(),
            address: format!("sip:{user};gr={device}"),
            request: None,
        };
        reporter.subscribe(&conference, subscriber("alice@x", 1));
        for device in 0..100 {
            reporter.subscribe(&conference, subscriber("eve@x", device));
        }
        let all = reporter.subscribers.lock().unwrap();
        let of = all.get(&conference).unwrap();
        assert_eq!(of.len(), SUBSCRIBERS_MAX);
        assert_eq!(of.first(), Some(&subscriber("alice@x", 1)));
        assert_eq!(of.last(), Some(&subscriber("eve@x", 99)));
    }
}
