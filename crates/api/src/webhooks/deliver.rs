//! The task that posts what waits: at most so many at once, few of one person, one at a time for each webhook, in order.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use convoke_types::{Aor, loggable};
use reqwest::Url;
use runtime::clock;
use runtime::tasks::Tasks;
use store::{Delivery, Store, StoreError, Webhook};
use tokio::sync::mpsc;

use super::schedule::Schedule;
use super::sign::{HEADER, signature};
use super::target::Targets;

/// Requests under way at once.
const AT_ONCE_MAX: usize = 16;
/// How long one request may take.
const REQUEST_MAX: Duration = Duration::from_secs(10);
/// How long a delivery is tried; then it is given up.
const TRIED_FOR_MS: i64 = 86_400_000;
/// The header with the delivery's number: a receiver that gets it twice knows it by that.
const DELIVERY_HEADER: &str = "Convoke-Delivery";

/// A request to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Posted {
    /// Where to.
    pub url: String,
    /// The number of the delivery.
    pub delivery: i64,
    /// Its signature.
    pub signature: String,
    /// What is posted.
    pub body: Vec<u8>,
}

/// Makes a request; `Err` says in words why it was not taken.
pub(super) type Post =
    Arc<dyn Fn(Posted) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;
/// The time of day, milliseconds since 1970.
pub(super) type Wall = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Posts over HTTP, to where `targets` permits: no redirects, no proxy, and no address but those that were checked.
pub(super) fn http_post(targets: Targets) -> Post {
    let client = reqwest::Client::builder()
        .timeout(REQUEST_MAX)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(0)
        .dns_resolver(Arc::new(targets.clone()))
        .build();
    Arc::new(move |posted| {
        let (client, targets) = (client.as_ref().ok().cloned(), targets.clone());
        Box::pin(async move {
            let client = client.ok_or("no HTTP client")?;
            let url: Url = posted.url.parse().map_err(|_| "not a URL")?;
            if !targets.admits_literal(&url) {
                return Err("an address that webhooks may not reach".to_owned());
            }
            let sent = client
                .post(url)
                .header("Content-Type", "application/json")
                .header("User-Agent", "Convoke")
                .header(DELIVERY_HEADER, posted.delivery.to_string())
                .header(HEADER, posted.signature)
                .body(posted.body)
                .send()
                .await;
            match sent {
                Ok(response) if response.status().is_success() => Ok(()),
                Ok(response) => Err(format!("the answer was {}", response.status())),
                Err(error) if error.is_timeout() => Err("no answer in time".to_owned()),
                Err(error) if error.is_connect() => Err("nobody could be connected to".to_owned()),
                Err(error) => Err(loggable(&error.without_url().to_string())),
            }
        })
    })
}

/// How an attempt went.
enum Attempt {
    /// Taken, or given up: the next one, if there is one.
    Done,
    Failed,
    /// Nothing waits.
    Empty,
}

/// Runs until the group is shut down; what waits then waits for the next process.
pub(super) async fn run(
    store: Store,
    begin: Vec<(i64, Aor)>,
    mut waiting: mpsc::Receiver<(i64, Aor)>,
    post: Post,
    wall: Wall,
    tasks: Tasks,
) {
    let shutdown = tasks.shutdown_token().clone();
    let mut schedule = Schedule::default();
    for (id, owner) in begin {
        schedule.waits(id, owner, clock::now());
    }
    // As many as there are requests under way, so that no task waits here.
    let (done, mut ended) = mpsc::channel::<(i64, Attempt)>(AT_ONCE_MAX);
    let mut under_way = 0_usize;
    let working = async {
        loop {
            let free = AT_ONCE_MAX.saturating_sub(under_way);
            for id in schedule.begin(clock::now(), free) {
                under_way += 1;
                let (store, post, wall) = (store.clone(), post.clone(), wall.clone());
                let (done, stop) = (done.clone(), shutdown.clone());
                tasks.spawn(format!("webhook {id}"), async move {
                    let attempt = stop.unless_cancelled(attempt(&store, id, &post, &wall));
                    if let Some(attempt) = attempt.await {
                        // The deliverer may have ended.
                        let _ = done.send((id, attempt)).await;
                    }
                });
            }
            let due = schedule.next_due().filter(|_| under_way < AT_ONCE_MAX);
            tokio::select! {
                Some((id, attempt)) = ended.recv() => {
                    under_way = under_way.saturating_sub(1);
                    let now = clock::now();
                    match attempt {
                        Attempt::Done => schedule.succeeded(id, now),
                        Attempt::Failed => schedule.failed(id, now),
                        Attempt::Empty => schedule.empty(id, now),
                    }
                }
                Some((id, owner)) = waiting.recv() => schedule.waits(id, owner, clock::now()),
                () = until(due) => {}
                else => return,
            }
        }
    };
    shutdown.unless_cancelled(working).await;
}

async fn until(due: Option<std::time::Instant>) {
    match due {
        Some(at) => clock::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn attempt(store: &Store, id: i64, post: &Post, wall: &Wall) -> Attempt {
    match try_next(store, id, post, wall).await {
        Ok(attempt) => attempt,
        Err(error) => {
            tracing::error!(%error, webhook = id, "the queue of webhooks");
            Attempt::Failed
        }
    }
}

async fn try_next(store: &Store, id: i64, post: &Post, wall: &Wall) -> Result<Attempt, StoreError> {
    let (Some(webhook), Some(next)) = (store.webhook(id).await?, store.next_delivery(id).await?)
    else {
        return Ok(Attempt::Empty);
    };
    let now = wall();
    if now.saturating_sub(next.created_at) >= TRIED_FOR_MS {
        let words = "given up after a day".to_owned();
        tracing::warn!(webhook = id, delivery = next.id, "a delivery is given up");
        store.delivered(id, next.id, Some(words), now).await?;
        return Ok(Attempt::Done);
    }
    match post(posted(&webhook, &next, now)).await {
        Ok(()) => {
            store.delivered(id, next.id, None, wall()).await?;
            Ok(Attempt::Done)
        }
        Err(words) => {
            tracing::info!(webhook = id, delivery = next.id, words, "a delivery failed");
            store.delivery_failed(id, words, wall()).await?;
            Ok(Attempt::Failed)
        }
    }
}

fn posted(webhook: &Webhook, next: &Delivery, now_ms: i64) -> Posted {
    Posted {
        url: webhook.hook.url.clone(),
        delivery: next.id,
        signature: signature(&webhook.hook.secret, now_ms / 1_000, &next.body),
        body: next.body.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Instant;

    use convoke_types::MutedBy;
    use convoke_types::report::{Change, Report};
    use runtime::tasks::Shutdown;
    use store::{Account, AccountKind};

    use super::super::{WebhookEvent, Webhooks};
    use super::*;

    /// A program that listens: what it got and when, and what it answers next.
    #[derive(Clone, Default)]
    struct Program {
        got: Arc<Mutex<Vec<(Duration, Posted)>>>,
        refuses: Arc<Mutex<usize>>,
    }

    impl Program {
        fn post(&self, begun: Instant, heard: mpsc::Sender<()>) -> Post {
            let program = self.clone();
            Arc::new(move |posted| {
                let (program, heard) = (program.clone(), heard.clone());
                Box::pin(async move {
                    let at = clock::now() - begun;
                    program.got.lock().unwrap().push((at, posted));
                    heard.send(()).await.unwrap();
                    let mut refuses = program.refuses.lock().unwrap();
                    if *refuses == 0 {
                        return Ok(());
                    }
                    *refuses -= 1;
                    Err("busy".to_owned())
                })
            })
        }
    }

    fn report(version: u64, change: Change) -> Report {
        Report {
            conference: "c1".parse().unwrap(),
            version,
            participant: None,
            change,
            command: None,
        }
    }

    struct Stage {
        store: Store,
        webhooks: Webhooks,
        program: Program,
        heard: mpsc::Receiver<()>,
        tasks: Tasks,
    }

    /// In virtual time: the wall's time goes with the runtime's.
    async fn stage(store: &Store, program: Program) -> Stage {
        let begun = clock::now();
        let (tell, heard) = mpsc::channel(100);
        let tasks = Tasks::new(Shutdown::new());
        let wall: Wall = Arc::new(move || {
            let gone = i64::try_from((clock::now() - begun).as_millis()).unwrap();
            crate::accounts::now() + gone
        });
        let targets = Targets::new(Arc::new(|_| true));
        let post = program.post(begun, tell);
        let webhooks = Webhooks::start_with(store, targets, post, wall, &tasks);
        Stage {
            store: store.clone(),
            webhooks: webhooks.await.unwrap(),
            program,
            heard,
            tasks,
        }
    }

    async fn open(directory: &tempfile::TempDir) -> Store {
        let store = Store::open(directory.path()).unwrap();
        store
            .save_account(Account {
                aor: alice(),
                display_name: "Alice".into(),
                kind: AccountKind::Person,
                language: None,
                ports: 1,
                created_at: 1,
            })
            .await
            .unwrap();
        store
    }

    fn alice() -> Aor {
        "alice@x".parse().unwrap()
    }

    impl Stage {
        fn see(&self, version: u64, change: Change) {
            let report = report(version, change);
            self.webhooks
                .see(&report, || [alice(), "bob@x".parse().unwrap()].into());
        }
        async fn attempts(&mut self, count: usize) -> Vec<(u64, Posted)> {
            for _ in 0..count {
                self.heard.recv().await.unwrap();
            }
            let got = self.program.got.lock().unwrap();
            got.iter()
                .map(|(at, posted)| (at.as_secs(), posted.clone()))
                .collect()
        }
        /// Virtual time does not wait for the store, so questions are counted.
        async fn nothing_waits(&self) {
            for _ in 0..100_000 {
                if self.waiting().await == 0 {
                    return;
                }
                clock::sleep(Duration::from_secs(60)).await;
            }
            panic!("something still waits");
        }
        async fn waiting(&self) -> u64 {
            self.store.webhooks(&alice()).await.unwrap()[0].waiting
        }
    }

    const EVENTS: [WebhookEvent; 2] = [
        WebhookEvent::ConferenceCreated,
        WebhookEvent::ParticipantMuted,
    ];

    #[tokio::test(start_paused = true)]
    async fn what_fails_is_tried_again_in_order_with_growing_pauses() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory).await;
        let program = Program::default();
        *program.refuses.lock().unwrap() = 3;
        let mut stage = stage(&store, program).await;
        let made = stage
            .webhooks
            .add(&alice(), None, "http://127.0.0.1:9/hook", EVENTS.into())
            .await
            .unwrap();
        stage.see(1, Change::Created);
        stage.see(2, Change::Added);
        stage.see(
            3,
            Change::Muted {
                on: true,
                by: Some(MutedBy::Themselves),
            },
        );
        let got = stage.attempts(5).await;
        let first = &got[0].1;
        let text: serde_json::Value = serde_json::from_slice(&first.body).unwrap();
        assert_eq!(text["event"], "conference.created");
        assert_eq!(text["user"], "alice@x");
        assert_eq!(text["report"]["version"], 1);
        assert_eq!(first.url, "http://127.0.0.1:9/hook");
        for (_, posted) in &got[..4] {
            assert_eq!(
                (posted.delivery, &posted.body),
                (first.delivery, &first.body)
            );
            let (time, _) = posted.signature.split_once(',').unwrap();
            let time = time.strip_prefix("t=").unwrap().parse().unwrap();
            let expected = signature(&made.secret, time, &posted.body);
            assert_eq!(posted.signature, expected);
        }
        let at: Vec<u64> = got.iter().map(|(at, _)| *at).collect();
        let pauses: Vec<u64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(pauses, [5, 10, 20, 0], "then the next one, at once");
        assert_ne!(got[0].1.signature, got[1].1.signature, "the time is signed");
        let last: serde_json::Value = serde_json::from_slice(&got[4].1.body).unwrap();
        assert_eq!(last["report"]["change"]["what"], "muted");
        stage.nothing_waits().await;
        stage.tasks.finish(Duration::from_secs(5)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_never_taken_is_given_up_after_a_day() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory).await;
        let program = Program::default();
        *program.refuses.lock().unwrap() = usize::MAX;
        let mut stage = stage(&store, program).await;
        let url = "http://127.0.0.1:9/hook";
        stage
            .webhooks
            .add(&alice(), None, url, EVENTS.into())
            .await
            .unwrap();
        stage.see(1, Change::Created);
        // Ten pauses below an hour, then one each hour: 33 attempts in a day.
        let got = stage.attempts(33).await;
        let (last, _) = got.last().unwrap();
        assert!((82_800..86_400).contains(last), "{last}");
        stage.nothing_waits().await;
        let hooks = store.webhooks(&alice()).await.unwrap();
        let (_, words) = hooks[0].failing.clone().unwrap();
        assert_eq!(words, "given up after a day");
        let got = stage.program.got.lock().unwrap().len();
        assert!(got <= 34, "{got}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_is_told_by_the_next_process_and_not_after_removal() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory).await;
        let program = Program::default();
        *program.refuses.lock().unwrap() = usize::MAX;
        let mut first = stage(&store, program).await;
        let url = "http://127.0.0.1:9/hook";
        let made = first
            .webhooks
            .add(&alice(), None, url, EVENTS.into())
            .await
            .unwrap();
        first.see(1, Change::Created);
        first.attempts(1).await;
        first.tasks.finish(Duration::from_secs(5)).await.unwrap();
        assert_eq!(first.waiting().await, 1);

        let mut second = stage(&store, Program::default()).await;
        assert_eq!(second.attempts(1).await.len(), 1);
        second.nothing_waits().await;
        second.webhooks.remove(&alice(), made.id).await.unwrap();
        assert!(second.webhooks.remove(&alice(), made.id).await.is_err());
        second.see(2, Change::Created);
        second.tasks.finish(Duration::from_secs(5)).await.unwrap();
        assert_eq!(second.program.got.lock().unwrap().len(), 1);
    }
    /// Whose webhooks are in memory, and how many each has.
    fn remembered(stage: &Stage) -> Vec<(Aor, usize)> {
        let book = stage.webhooks.shared.book.lock();
        let mut all: Vec<(Aor, usize)> = book
            .iter()
            .map(|(aor, hooks)| (aor.clone(), hooks.len()))
            .collect();
        all.sort();
        all
    }

    #[tokio::test(start_paused = true)]
    async fn webhooks_that_went_with_their_token_are_not_remembered() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory).await;
        let token = store::ApiToken {
            hash: [7; 32],
            aor: alice(),
            label: "a program".into(),
            scopes: "conference".into(),
            created_at: 1,
            expires_at: None,
        };
        let token = store.add_token(token).await.unwrap();
        let mut stage = stage(&store, Program::default()).await;
        let url = "http://127.0.0.1:9/hook";
        for of in [Some(token), Some(token), None] {
            let made = stage.webhooks.add(&alice(), of, url, EVENTS.into()).await;
            made.unwrap();
        }
        assert_eq!(remembered(&stage), [(alice(), 3)]);
        assert!(store.remove_token(&alice(), token).await.unwrap());
        // The first report that meets them finds that they are gone; the one that stays is told.
        stage.see(1, Change::Created);
        assert_eq!(stage.attempts(1).await.len(), 1);
        stage.see(2, Change::Created);
        stage.attempts(1).await;
        // The store has a thread of its own: time that stands still would jump to the limit while that works.
        tokio::time::resume();
        stage.tasks.finish(Duration::from_secs(5)).await.unwrap();
        assert_eq!(remembered(&stage), [(alice(), 1)]);
        assert_eq!(stage.program.got.lock().unwrap().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_remembered_whose_last_webhook_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory).await;
        let stage = stage(&store, Program::default()).await;
        let url = "http://127.0.0.1:9/hook";
        let made = stage.webhooks.add(&alice(), None, url, EVENTS.into()).await;
        stage
            .webhooks
            .remove(&alice(), made.unwrap().id)
            .await
            .unwrap();
        assert_eq!(remembered(&stage), []);
        stage.tasks.finish(Duration::from_secs(5)).await.unwrap();
    }
}
