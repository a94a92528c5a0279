//! Webhooks: programs of people are told what happens in their conferences, by signed HTTP POST. What is to be told is queued
//! in the store, in order for each webhook, and tried again with growing pauses for a day.
//!
//! ```text
//!  sequencer ──see──► news (bounded) ──► store's queue ──► deliverer ──POST──► the program
//! ```

mod deliver;
mod schedule;
mod sign;
mod target;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use convoke_types::report::{Change, Report};
use convoke_types::{Aor, Fault, FaultCode};
use runtime::tasks::{Shutdown, Tasks};
use serde::{Deserialize, Serialize};
use store::{NewWebhook, Store, StoreError, WEBHOOKS_MAX};
use tokio::sync::mpsc;
use utoipa::ToSchema;

use crate::accounts::{now, random_text};
use crate::directory::store_fault;
use crate::rest::ReportView;

use deliver::{Post, Wall, run as deliver};
pub use sign::signature;
pub use target::{Permits, Targets};

/// Things to be told that wait for the store's queue; what finds it full is dropped with a warning: the conference does not
/// wait for programs that listen to it.
const NEWS_MAX: usize = 4_096;
/// Webhooks about which the deliverer has yet to learn that something waits; the queue waits for it when there are more.
const WAITING_MAX: usize = 4_096;
/// Random characters of a secret: 160 bits.
const SECRET_CHARS: usize = 32;

/// What a webhook can be told.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
pub enum WebhookEvent {
    /// A conference is under way.
    #[serde(rename = "conference.created")]
    ConferenceCreated,
    /// A conference is over.
    #[serde(rename = "conference.ended")]
    ConferenceEnded,
    /// Somebody is on the roster.
    #[serde(rename = "participant.added")]
    ParticipantAdded,
    /// The state of somebody's telephone.
    #[serde(rename = "participant.leg")]
    ParticipantLeg,
    /// Somebody was muted or unmuted.
    #[serde(rename = "participant.muted")]
    ParticipantMuted,
    /// Somebody is off the roster.
    #[serde(rename = "participant.removed")]
    ParticipantRemoved,
    /// Somebody asks to speak, or no more.
    #[serde(rename = "participant.hand")]
    ParticipantHand,
    /// Somebody has another role.
    #[serde(rename = "participant.role")]
    ParticipantRole,
    /// A conference was locked or opened.
    #[serde(rename = "conference.locked")]
    ConferenceLocked,
    /// The pictures of a conference moved to another video server, or are lost.
    #[serde(rename = "conference.pictures")]
    ConferencePictures,
    /// The sound of a conference moved to another bridge.
    #[serde(rename = "conference.sound")]
    ConferenceSound,
}

impl WebhookEvent {
    /// Every event.
    pub const ALL: [WebhookEvent; 11] = [
        WebhookEvent::ConferenceCreated,
        WebhookEvent::ConferenceEnded,
        WebhookEvent::ParticipantAdded,
        WebhookEvent::ParticipantLeg,
        WebhookEvent::ParticipantMuted,
        WebhookEvent::ParticipantRemoved,
        WebhookEvent::ParticipantHand,
        WebhookEvent::ParticipantRole,
        WebhookEvent::ConferenceLocked,
        WebhookEvent::ConferencePictures,
        WebhookEvent::ConferenceSound,
    ];

    /// The identifier.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            WebhookEvent::ConferenceCreated => "conference.created",
            WebhookEvent::ConferenceEnded => "conference.ended",
            WebhookEvent::ParticipantAdded => "participant.added",
            WebhookEvent::ParticipantLeg => "participant.leg",
            WebhookEvent::ParticipantMuted => "participant.muted",
            WebhookEvent::ParticipantRemoved => "participant.removed",
            WebhookEvent::ParticipantHand => "participant.hand",
            WebhookEvent::ParticipantRole => "participant.role",
            WebhookEvent::ConferenceLocked => "conference.locked",
            WebhookEvent::ConferencePictures => "conference.pictures",
            WebhookEvent::ConferenceSound => "conference.sound",
        }
    }

    /// What a report is to a webhook. Who talks is told nobody: that is for those who follow live.
    fn of(change: &Change) -> Option<Self> {
        match change {
            Change::Created => Some(WebhookEvent::ConferenceCreated),
            Change::Added => Some(WebhookEvent::ParticipantAdded),
            Change::Leg { .. } => Some(WebhookEvent::ParticipantLeg),
            Change::Muted { .. } => Some(WebhookEvent::ParticipantMuted),
            Change::Removed => Some(WebhookEvent::ParticipantRemoved),
            Change::Hand { .. } => Some(WebhookEvent::ParticipantHand),
            Change::Role => Some(WebhookEvent::ParticipantRole),
            Change::Locked { .. } => Some(WebhookEvent::ConferenceLocked),
            Change::Pictures { .. } => Some(WebhookEvent::ConferencePictures),
            Change::Sound { .. } => Some(WebhookEvent::ConferenceSound),
            Change::Ended { .. } => Some(WebhookEvent::ConferenceEnded),
            Change::Talking { .. } | Change::Silent { .. } | Change::Hidden { .. } => None,
        }
    }
}

/// What is posted.
#[derive(Serialize, ToSchema)]
pub(crate) struct Notice<'a> {
    /// What happened.
    event: WebhookEvent,
    /// When, milliseconds since 1970.
    at: i64,
    /// Whose webhook it is.
    #[schema(value_type = String)]
    user: &'a Aor,
    /// The report.
    report: &'a ReportView,
}

/// The webhooks. Clones are one.
#[derive(Clone)]
pub struct Webhooks {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    targets: Targets,
    book: Arc<Book>,
    news: mpsc::Sender<News>,
}

/// Who has which webhooks; locked for a few instructions at a time.
#[derive(Default)]
struct Book(Mutex<HashMap<Aor, Vec<Hook>>>);

impl Book {
    fn lock(&self) -> MutexGuard<'_, HashMap<Aor, Vec<Hook>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, aor: &Aor, id: i64) {
        let mut book = self.lock();
        if let Some(hooks) = book.get_mut(aor) {
            hooks.retain(|hook| hook.id != id);
            if hooks.is_empty() {
                book.remove(aor);
            }
        }
    }
}

struct Hook {
    id: i64,
    events: BTreeSet<WebhookEvent>,
}

/// Something to be told to a person's webhooks.
struct News {
    user: Aor,
    webhooks: Vec<i64>,
    body: Vec<u8>,
    at: i64,
}

/// A webhook as it was made.
pub(crate) struct Made {
    pub id: i64,
    pub secret: String,
}

impl Webhooks {
    /// Reads the webhooks and starts the tasks that tell them. Deliveries go to `targets` only.
    ///
    /// # Errors
    /// From the store.
    pub async fn start(store: &Store, targets: Targets, tasks: &Tasks) -> Result<Self, StoreError> {
        let post = deliver::http_post(targets.clone());
        Self::start_with(store, targets, post, Arc::new(now), tasks).await
    }

    async fn start_with(
        store: &Store,
        targets: Targets,
        post: Post,
        wall: Wall,
        tasks: &Tasks,
    ) -> Result<Self, StoreError> {
        let book = Arc::<Book>::default();
        let mut begin = Vec::new();
        for webhook in store.all_webhooks().await? {
            if webhook.waiting > 0 {
                begin.push((webhook.id, webhook.hook.aor.clone()));
            }
            let hook = Hook {
                id: webhook.id,
                events: events_of(&webhook.hook.events),
            };
            let mut book = book.lock();
            book.entry(webhook.hook.aor).or_default().push(hook);
        }
        let (news, to_queue) = mpsc::channel(NEWS_MAX);
        let (waiting, to_deliver) = mpsc::channel(WAITING_MAX);
        let shutdown = tasks.shutdown_token().clone();
        tasks.spawn_vital(
            "webhook queue",
            queue(store.clone(), book.clone(), to_queue, waiting, shutdown),
        );
        tasks.spawn_vital(
            "webhook deliverer",
            deliver(store.clone(), begin, to_deliver, post, wall, tasks.clone()),
        );
        Ok(Self {
            shared: Arc::new(Shared {
                store: store.clone(),
                targets,
                book,
                news,
            }),
        })
    }

    /// A change of a conference, for those of `audience` who want to be told. Never waits.
    pub(crate) fn see(&self, report: &Report, audience: impl FnOnce() -> BTreeSet<Aor>) {
        let Some(event) = WebhookEvent::of(&report.change) else {
            return;
        };
        if self.shared.book.lock().is_empty() {
            return;
        }
        let audience = audience();
        let told: Vec<(Aor, Vec<i64>)> = {
            let book = self.shared.book.lock();
            let wants = |aor: Aor| {
                let hooks = book.get(&aor)?.iter();
                let ids: Vec<i64> = hooks
                    .filter(|hook| hook.events.contains(&event))
                    .map(|hook| hook.id)
                    .collect();
                (!ids.is_empty()).then_some((aor, ids))
            };
            audience.into_iter().filter_map(wants).collect()
        };
        if told.is_empty() {
            return;
        }
        let view = ReportView::from(report.clone());
        let at = now();
        for (user, webhooks) in told {
            let notice = Notice {
                event,
                at,
                user: &user,
                report: &view,
            };
            // Plain data always has a form as JSON.
            let body = serde_json::to_vec(&notice).unwrap_or_default();
            let news = News {
                user,
                webhooks,
                body,
                at,
            };
            if let Err(unsent) = self.shared.news.try_send(news) {
                let user = unsent.into_inner().user;
                tracing::warn!(%user, event = event.as_str(), "a webhook is not told: too much waits");
            }
        }
    }

    /// Makes a webhook; its secret is shown this once. That of a program's token goes with the token.
    ///
    /// # Errors
    /// `bad-request` for a URL that is not posted to, `limit-reached`, and from the store.
    pub(crate) async fn add(
        &self,
        aor: &Aor,
        token: Option<i64>,
        url: &str,
        events: BTreeSet<WebhookEvent>,
    ) -> Result<Made, Fault> {
        if events.is_empty() {
            let expected = "at least one event";
            return Err(Fault::new(FaultCode::BadRequest, expected, "none"));
        }
        let full = || {
            let limit = format!("at most {WEBHOOKS_MAX} webhooks");
            Fault::new(FaultCode::LimitReached, limit, "one more")
        };
        // Before any name is looked up for them.
        let theirs = self.shared.store.webhooks(aor).await;
        if theirs.map_err(store_fault)?.len() >= WEBHOOKS_MAX {
            return Err(full());
        }
        let url = self.shared.targets.check(url).await?;
        let secret = random_text(SECRET_CHARS)?;
        let words: Vec<&str> = events.iter().map(|event| event.as_str()).collect();
        let new = NewWebhook {
            aor: aor.clone(),
            url: url.to_string(),
            events: words.join(" "),
            secret: secret.clone(),
            token,
            created_at: now(),
        };
        let added = self.shared.store.add_webhook(new).await;
        let id = added.map_err(|error| match error {
            StoreError::Conflict { .. } => full(),
            other => store_fault(other),
        })?;
        let hook = Hook { id, events };
        let mut book = self.shared.book.lock();
        book.entry(aor.clone()).or_default().push(hook);
        Ok(Made { id, secret })
    }

    /// Removes a webhook with what waits for it.
    ///
    /// # Errors
    /// `unknown-operation` when there is none of that number, and from the store.
    pub(crate) async fn remove(&self, aor: &Aor, id: i64) -> Result<(), Fault> {
        let removed = self.shared.store.remove_webhook(aor, id).await;
        if !removed.map_err(store_fault)? {
            return Err(Fault::new(
                FaultCode::UnknownOperation,
                "a webhook of yours",
                id.to_string(),
            ));
        }
        self.shared.book.forget(aor, id);
        Ok(())
    }
}

/// The events that a stored text names; those of a newer version are left out.
fn events_of(text: &str) -> BTreeSet<WebhookEvent> {
    let known = |word| {
        let mut all = WebhookEvent::ALL.into_iter();
        all.find(|event| event.as_str() == word)
    };
    text.split_whitespace().filter_map(known).collect()
}

/// Brings what is to be told into the store's queue. At the shutdown what came before is still queued.
async fn queue(
    store: Store,
    book: Arc<Book>,
    mut news: mpsc::Receiver<News>,
    waiting: mpsc::Sender<(i64, Aor)>,
    shutdown: Shutdown,
) {
    loop {
        let next = shutdown.unless_cancelled(news.recv()).await;
        let Some(next) = next.unwrap_or_else(|| news.try_recv().ok()) else {
            return;
        };
        for id in next.webhooks {
            let queued = store.queue_delivery(id, next.body.clone(), next.at).await;
            match queued {
                Ok(0) => {}
                Ok(dropped) => {
                    tracing::warn!(webhook = id, dropped, "a webhook has too much waiting");
                }
                // It was removed meanwhile, or went with the token that it belonged to.
                Err(StoreError::Conflict { .. }) => {
                    book.forget(&next.user, id);
                    continue;
                }
                Err(error) => {
                    tracing::error!(%error, webhook = id, "a webhook is not told");
                    continue;
                }
            }
            // At the shutdown nobody delivers any more; the next process does.
            let _ = waiting.send((id, next.user.clone())).await;
        }
    }
}
