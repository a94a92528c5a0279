//! Commands to the conference service by instant message, their answers, and reports.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use convoke_types::limits::COMMAND_MAX_LIFE_S;
use convoke_types::report::Report;
use convoke_types::{Aor, CommandId, ConferenceId, Fault};
use runtime::tasks::Tasks;
use runtime::{clock, seed};
use sip_proto::{HeaderName, TokenSource, Uri};
use soap_proto::invitation::{self, LIFE_S};
use soap_proto::{
    Answer, Expires, Operation, ParticipantSnapshot, Request, Response, Snapshot, SoapError,
    UtcMillis, names, parse_report, parse_response, write_request,
};
use tokio::sync::oneshot;

use crate::config::ConnectError;
use crate::follow::Followed;
use crate::im::{ImClient, SendError, uuid_urn};
use crate::inbox::{Inbox, Taken};
use crate::incoming::Incoming;

/// Reports and chat that may wait for [`ConferenceClient::next`]; the oldest go then, and [`Event::Missed`] tells.
const EVENTS_MAX: usize = 4_096;
/// Most further requests to catch up with one conference, or to read one roster.
const ROUNDS_MAX: usize = 64;

/// How long commands wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For an answer, before the same command is sent again with the same id.
    pub answer: Duration,
    /// After a failure to deliver that may pass.
    pub pause: Duration,
    /// For everything: less than the command's life, so that a late copy cannot ring anybody.
    pub whole: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(8),
            pause: Duration::from_secs(1),
            whole: Duration::from_secs(28),
        }
    }
}

/// What came without being asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A change of a conference.
    Report(Report),
    /// Reports or chat were dropped, since they were not read in time: ask for the state.
    Missed,
    /// Another message: chat, or words of the conference service.
    Chat(Incoming),
}

/// Why a command has no good answer.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The conference service refuses.
    #[error(transparent)]
    Fault(Fault),
    /// The message was not delivered, and will not be.
    #[error("the command was not delivered: {status} {words}")]
    NotDelivered {
        /// SIP status: 480, the conference service is not there; 404, there is none.
        status: u16,
        /// Its reason phrase.
        words: String,
    },
    /// Nothing came in time. Nobody's telephone rings for it any more.
    #[error("no answer within {} s", .0.as_secs())]
    NoAnswer(Duration),
    /// The registrar gives no device addresses (RFC 5627): replies could not reach this device alone.
    #[error(
        "the IM server gives this device no address of its own (GRUU), so no answer could reach it"
    )]
    NoGruu,
    /// The command cannot be said in the schema.
    #[error(transparent)]
    Write(#[from] SoapError),
    /// The answer is to something else.
    #[error("expected the answer to {expected}, came another")]
    WrongAnswer {
        /// What was asked.
        expected: &'static str,
    },
    /// The message could not be sent.
    #[error(transparent)]
    Send(#[from] SendError),
}

type Waiting = Mutex<HashMap<CommandId, oneshot::Sender<Response>>>;

struct Shared {
    im: ImClient,
    service: Uri,
    waiting: Waiting,
    inbox: Inbox<Event>,
    patience: Patience,
    words: Mutex<TokenSource>,
}

/// Commands conferences over an [`ImClient`], whose messages it reads. Clones are one.
#[derive(Clone)]
pub struct ConferenceClient {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for ConferenceClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConferenceClient")
            .field("im", &self.shared.im)
            .finish_non_exhaustive()
    }
}

impl ConferenceClient {
    /// Begins to read the client's messages. `service` is the gateway's address, `conference@DOMAIN`.
    ///
    /// # Errors
    /// `Address` and `Randomness`.
    pub fn start(im: ImClient, service: &Aor, tasks: &Tasks) -> Result<Self, ConnectError> {
        Self::start_with(im, service, Patience::default(), tasks)
    }

    /// As [`start`](Self::start), with other waits.
    ///
    /// # Errors
    /// `Address` and `Randomness`.
    pub fn start_with(
        im: ImClient,
        service: &Aor,
        patience: Patience,
        tasks: &Tasks,
    ) -> Result<Self, ConnectError> {
        let uri = Uri::parse(service.to_uri())
            .map_err(|error| ConnectError::Address(service.clone(), error.to_string()))?;
        let shared = Arc::new(Shared {
            im,
            service: uri,
            waiting: Mutex::default(),
            inbox: Inbox::new(EVENTS_MAX),
            patience,
            words: Mutex::new(TokenSource::new(seed::seed()?)),
        });
        let reader = shared.clone();
        let token = tasks.shutdown_token().clone();
        tasks.spawn("conference client", async move {
            let reading = async {
                while let Some(message) = reader.im.next().await {
                    reader.on_message(message);
                }
            };
            token.unless_cancelled(reading).await;
            reader.inbox.end();
        });
        Ok(Self { shared })
    }

    /// The client below.
    pub fn im(&self) -> &ImClient {
        &self.shared.im
    }

    /// The next report or chat; `None` when the client is closed. 4,096 may wait, see [`Event::Missed`]. Cancel-safe; for
    /// one reader.
    pub async fn next(&self) -> Option<Event> {
        match self.shared.inbox.take().await {
            Taken::Item(event) => Some(event),
            Taken::Missing => Some(Event::Missed),
            Taken::End => None,
        }
    }

    /// Sends a command and waits for its answer, at most `Patience::whole` (28 s). What is not answered is sent again with the same id, which
    /// the service answers as it did the first time.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn request(&self, operation: Operation) -> Result<Answer, CommandError> {
        let id = self.shared.fresh_id();
        self.request_as(operation, id).await
    }

    /// An id for a command that nobody has had.
    pub fn fresh_id(&self) -> CommandId {
        self.shared.fresh_id()
    }

    /// As [`request`](Self::request), with an id of the caller's.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn request_as(
        &self,
        operation: Operation,
        id: CommandId,
    ) -> Result<Answer, CommandError> {
        let gruu = self.shared.im.gruu().ok_or(CommandError::NoGruu)?;
        let envelope: Bytes = write_request(&addressed(operation, id.clone(), gruu))?.into();
        let (sender, answer) = oneshot::channel();
        let _entry = Entry::new(&self.shared.waiting, id, sender);
        let asked = self.deliver(envelope, answer);
        let whole = self.shared.patience.whole;
        let response = clock::within(whole, asked)
            .await
            .map_err(|_| CommandError::NoAnswer(whole))??;
        response.outcome.map_err(CommandError::Fault)
    }

    async fn deliver(
        &self,
        envelope: Bytes,
        mut answer: oneshot::Receiver<Response>,
    ) -> Result<Response, CommandError> {
        let life = vec![(HeaderName::Expires, COMMAND_MAX_LIFE_S.to_string())];
        loop {
            let sending = self.shared.im.message(
                &self.shared.service,
                names::CONTENT_TYPE,
                envelope.clone(),
                life.clone(),
            );
            // The answer may overtake the status of the message that it answers.
            let status = tokio::select! {
                biased;
                Ok(response) = &mut answer => return Ok(response),
                status = sending => status?,
            };
            let wait = match status.code {
                200..=299 => self.shared.patience.answer,
                408 | 482 | 491 | 500 | 502..=504 => self.shared.patience.pause,
                _ => {
                    return Err(CommandError::NotDelivered {
                        status: status.code,
                        words: status.words,
                    });
                }
            };
            match clock::within(wait, &mut answer).await {
                Ok(Ok(response)) => return Ok(response),
                // The entry holds the sender, so the channel is not closed while we wait.
                Ok(Err(_)) => return Err(SendError::Closed.into()),
                Err(_) => tracing::debug!("no answer yet, the command is sent again"),
            }
        }
    }

    /// Shows an invitation in somebody's clients, as a window does for whom it calls (docs/messages.md). Where none is there it is sent once
    /// more to be kept: they see what they missed.
    ///
    /// # Errors
    /// See [`SendError`]; that nobody took it is no error.
    pub async fn invite(
        &self,
        whom: &ParticipantSnapshot,
        conference: &Snapshot,
    ) -> Result<(), SendError> {
        let Some(to) = whom.user.as_ref() else {
            return Ok(());
        };
        let Ok(uri) = Uri::parse(to.to_uri()) else {
            return Ok(());
        };
        let aor = self.shared.im.aor();
        let id = self.shared.fresh_id();
        let names = (id.as_str(), whom.place.as_str());
        let into = (conference, aor.domain());
        let body = Bytes::from(invitation::to_call(names, aor, into, now()));
        let life = vec![(HeaderName::Expires, LIFE_S.to_string())];
        let im = &self.shared.im;
        let status = im
            .message(&uri, invitation::CONTENT_TYPE, body.clone(), life)
            .await?;
        if status.code == 480 {
            im.message(&uri, invitation::CONTENT_TYPE, body, Vec::new())
                .await?;
        }
        Ok(())
    }

    /// The state of a conference with its whole roster.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn state(&self, conference: &ConferenceId) -> Result<Snapshot, CommandError> {
        let mut whole: Option<Snapshot> = None;
        for _ in 0..ROUNDS_MAX {
            let read = whole.as_ref().map_or(0, |s| s.participants.len());
            let first = u32::try_from(read).ok().filter(|first| *first > 0);
            let (page, _) = self.get(conference, None, first).await?;
            let whole = match &mut whole {
                // Pages of different versions do not fit together.
                Some(whole) if whole.version == page.version => {
                    whole.participants.extend(page.participants);
                    whole
                }
                other => {
                    if page.first > 0 {
                        *other = None;
                        continue;
                    }
                    other.insert(page)
                }
            };
            let count = usize::try_from(whole.count).unwrap_or(usize::MAX);
            if whole.participants.len() >= count {
                return Ok(whole.clone());
            }
        }
        whole.ok_or(CommandError::WrongAnswer { expected: "get" })
    }

    /// Asks for the reports that a followed conference misses; gives those that were new, in order. What the service has no
    /// longer is replaced by the state.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn catch_up(&self, followed: &mut Followed) -> Result<Vec<Report>, CommandError> {
        let conference = followed.snapshot().id.clone();
        let mut new = Vec::new();
        for _ in 0..ROUNDS_MAX {
            let since = followed.snapshot().version;
            let (state, reports) = self.get(&conference, Some(since), None).await?;
            followed.heard_of(&state);
            let at = now();
            for report in reports {
                if followed.report(&report, at) == soap_proto::Applied::New {
                    new.push(report);
                }
            }
            if !followed.is_behind() {
                break;
            }
            if followed.snapshot().version == since {
                // The reports are no longer kept.
                followed.adopt(self.state(&conference).await?);
                break;
            }
        }
        Ok(new)
    }

    /// `get`: the state, and the reports after `since`.
    async fn get(
        &self,
        conference: &ConferenceId,
        since: Option<u64>,
        first: Option<u32>,
    ) -> Result<(Snapshot, Vec<Report>), CommandError> {
        let asked = Operation::Get {
            conference: conference.clone(),
            since,
            wait_ms: None,
            first,
        };
        match self.request(asked).await? {
            Answer::Get {
                conference,
                reports,
            } => Ok((conference, reports)),
            Answer::Done { .. } | Answer::List { .. } => {
                Err(CommandError::WrongAnswer { expected: "get" })
            }
        }
    }

    /// Takes the registration back and ends.
    pub async fn close(&self) {
        self.shared.im.close().await;
    }
}

impl Shared {
    fn on_message(&self, message: Incoming) {
        // What windows tell each other; the conference itself reports what comes of it.
        if message.is_type(invitation::CONTENT_TYPE) {
            return;
        }
        if !message.is_type("text/xml") {
            return self.inbox.put(Event::Chat(message));
        }
        if let Ok(reports) = parse_report(&message.body) {
            for report in reports.reports {
                self.inbox.put(Event::Report(report));
            }
            return;
        }
        match parse_response(&message.body) {
            Ok(response) => self.on_response(response),
            Err(error) => {
                tracing::warn!(from = %message.sender(), %error, "XML that is no answer and no report")
            }
        }
    }

    fn on_response(&self, response: Response) {
        let asked = response.headers.relates_to.as_ref();
        let waiting = asked.and_then(|id| lock(&self.waiting).remove(id));
        match waiting {
            // Whoever asked may have stopped waiting.
            Some(sender) => drop(sender.send(response)),
            None => tracing::debug!(?asked, "an answer that nobody waits for"),
        }
    }

    fn fresh_id(&self) -> CommandId {
        loop {
            // A UUID is an identifier, so this is done once.
            if let Ok(id) = uuid_urn(lock(&self.words).bytes()).parse() {
                return id;
            }
        }
    }
}

fn addressed(operation: Operation, id: CommandId, reply_to: String) -> Request {
    let life = u32::try_from(COMMAND_MAX_LIFE_S).unwrap_or(30);
    let mut request = Request::new(operation, id);
    request.headers.reply_to = Some(reply_to);
    request.headers.expires = Some(Expires {
        sent: now(),
        seconds: life,
    });
    request
}

fn now() -> UtcMillis {
    UtcMillis(u64::try_from(clock::unix_ms(clock::wall())).unwrap_or(0))
}

/// A command that waits; forgotten when dropped.
struct Entry<'a> {
    waiting: &'a Waiting,
    id: CommandId,
}

impl<'a> Entry<'a> {
    fn new(waiting: &'a Waiting, id: CommandId, sender: oneshot::Sender<Response>) -> Self {
        lock(waiting).insert(id.clone(), sender);
        Self { waiting, id }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        lock(self.waiting).remove(&self.id);
    }
}

/// A poisoned lock only means that somebody panicked while holding it; these values are valid between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use soap_proto::parse_request;

    #[test]
    fn a_command_says_who_gets_the_answer_and_until_when() {
        let id: CommandId = "urn:uuid:1".parse().unwrap();
        let gruu = "sip:alice@example.org;gr=urn:uuid:2".to_owned();
        let operation = Operation::End {
            conference: "c1".parse().unwrap(),
        };
        let written = write_request(&addressed(operation, id.clone(), gruu.clone())).unwrap();
        let read = parse_request(&written).unwrap();
        assert_eq!(read.headers.message_id, Some(id));
        assert_eq!(read.headers.reply_to, Some(gruu));
        let expires = read.headers.expires.unwrap();
        assert_eq!(expires.seconds, 30);
        assert!(!expires.is_over(now()));
        assert_eq!(read.headers.asserted, None);
    }
}
