//! The conference web service: one request in, one answer out, the same over HTTP from the gateway and from SOAP toolkits.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conference_core::{Actor, Create, Focus, Operation};
use convoke_types::bridge::{BridgeCommand, BridgeEvent};
use convoke_types::{Aor, CommandId, ConferenceId, Fault, FaultCode, ParticipantId};
use runtime::clock;
use runtime::tasks::Tasks;
use sha2::{Digest, Sha256};
use soap_proto::{self as soap, Request, Response};
use store::{AccountKind, Store};
use tokio::sync::{mpsc, oneshot};

use crate::caller::{Acting, Caller};
use crate::convert;
use crate::directory::{Directory, store_fault};
use crate::history::{self, History};
use crate::in_flight::{Entered, InFlight, reused};
use crate::recorded;
use crate::records::Records;
use crate::reporter::{Reporter, ReportingService, Subscriber};
use crate::role::{self, Ask, Durable, FocusHandle, Given, Look, new_id};
use crate::watching::Watching;
use crate::webhooks::Webhooks;

/// Most conferences in the answer to `list` (the schema's bound).
const LIST_MAX: usize = 32;
/// Longest wait of a `get`, as the schema has it.
const WAIT_MAX: Duration = Duration::from_secs(25);
/// How long the last reports of a conference may take after the focus has gone.
const LAST_REPORTS_MAX: Duration = Duration::from_secs(2);

/// What the service is made of.
pub struct Config {
    /// The focus's own.
    pub focus: conference_core::Config,
    /// Names to numbers.
    pub directory: Directory,
    /// Where reports go.
    pub reporting: Option<ReportingService>,
    /// Programs that are told what happens.
    pub webhooks: Option<Webhooks>,
    /// The video allocator's account: it alone may ask for a conference in somebody else's name.
    pub allocator: Option<Aor>,
    /// How long conferences may take to end when the server goes down.
    pub drain: Duration,
}

/// The port to what connects the legs.
pub struct BridgePort {
    /// What the focus asks for.
    pub commands: mpsc::Sender<BridgeCommand>,
    /// What happens.
    pub events: mpsc::Receiver<BridgeEvent>,
}

/// The running service. Clones are one.
#[derive(Clone)]
pub struct ConferenceService {
    shared: Arc<Shared>,
}

struct Shared {
    tasks: Tasks,
    focus: FocusHandle,
    directory: Directory,
    store: Store,
    history: Arc<History>,
    reporter: Reporter,
    in_flight: InFlight,
    watching: Watching,
    allocator: Option<Aor>,
}

impl ConferenceService {
    /// Starts the conference role's tasks in the group. They end conferences and then themselves when it is shut down.
    #[must_use]
    pub fn start(tasks: &Tasks, config: Config, bridge: BridgePort) -> Self {
        let store = config.directory.store.clone();
        let history = Arc::new(History::default());
        let reporter = Reporter::start(tasks, config.reporting);
        let watching = Watching::default();
        let focus = role::start(
            tasks,
            role::Parts {
                focus: Focus::new(config.focus, clock::now()),
                store: store.clone(),
                history: history.clone(),
                reporter: reporter.clone(),
                webhooks: config.webhooks,
                records: Records::new(store.clone(), history.clone()),
                bridge_commands: bridge.commands,
                bridge_events: bridge.events,
                drain: config.drain,
                watching: watching.clone(),
                domain: config.directory.domain.clone(),
            },
        );
        let shared = Shared {
            tasks: tasks.clone(),
            focus,
            directory: config.directory,
            store,
            history,
            reporter: reporter.without_lanes(),
            in_flight: InFlight::default(),
            watching,
            allocator: config.allocator,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The mailbox for whoever tells participants and friends what happens. For one reader.
    pub fn watching(&self) -> Watching {
        self.shared.watching.follow();
        self.shared.watching.clone()
    }

    /// Conferences that run, whoever's they are. For whoever runs the server: nobody else may see them all.
    #[must_use]
    pub fn running(&self) -> Vec<soap::Snapshot> {
        self.shared.history.running_of_all(LIST_MAX)
    }

    /// Answers one envelope; the answer is an envelope too, a SOAP Fault where the request is refused.
    pub async fn handle(&self, body: &[u8], caller: Result<Caller, Fault>) -> Given {
        let request = match soap::parse_request(body) {
            Ok(request) => request,
            Err(error) => {
                let headers = error
                    .headers
                    .clone()
                    .map(|headers| *headers)
                    .unwrap_or_default();
                return refusal(&headers, error.into());
            }
        };
        let acting = caller.and_then(|caller| caller.acting(&request.headers));
        let answered = match acting {
            Ok(acting) => match self.known(acting).await {
                Ok(acting) => self.operate(&request, acting).await,
                Err(fault) => Err(fault),
            },
            Err(fault) => Err(fault),
        };
        answered.unwrap_or_else(|fault| refusal(&request.headers, fault))
    }

    /// Finds out whether it is the video allocator. A person may have had its name before it had: they stay a person.
    async fn known(&self, acting: Acting) -> Result<Acting, Fault> {
        let named = acting
            .user
            .as_ref()
            .filter(|_| acting.user == self.shared.allocator);
        let Some(user) = named else {
            return Ok(acting);
        };
        let account = self.shared.store.account(user).await.map_err(store_fault)?;
        // Behind another IM server it has no account here.
        let allocator = account.is_none_or(|account| account.kind == AccountKind::Service);
        Ok(Acting {
            allocator,
            ..acting
        })
    }

    async fn operate(&self, request: &Request, acting: Acting) -> Result<Given, Fault> {
        match &request.operation {
            soap::Operation::List => {
                in_time(request)?;
                Ok(self.list(request, &acting))
            }
            soap::Operation::Get {
                conference,
                since,
                wait_ms,
                ..
            } => {
                in_time(request)?;
                let wait = Duration::from_millis(u64::from(wait_ms.unwrap_or(0))).min(WAIT_MAX);
                self.get(request, &acting, conference, *since, wait).await
            }
            _ => self.to_its_end(request, acting).await,
        }
    }

    /// A command has a task of its own: whoever asked may hang up, which ends the asking future, but what was begun comes to
    /// its end, and a repeat finds its answer.
    async fn to_its_end(&self, request: &Request, acting: Acting) -> Result<Given, Fault> {
        let (service, request) = (self.clone(), request.clone());
        let (tell, told) = oneshot::channel();
        self.shared.tasks.spawn("conference command", async move {
            // Nobody may wait for it any more.
            let _ = tell.send(service.command(&request, acting).await);
        });
        // A group that has ended starts nothing.
        told.await.unwrap_or_else(|_| Err(role::going_down()))
    }

    fn list(&self, request: &Request, acting: &Acting) -> Given {
        let conferences = acting.user.as_ref().map_or_else(Vec::new, |user| {
            self.shared.history.running_of(user, LIST_MAX)
        });
        good(request, soap::Answer::List { conferences })
    }

    async fn get(
        &self,
        request: &Request,
        acting: &Acting,
        conference: &ConferenceId,
        since: Option<u64>,
        wait: Duration,
    ) -> Result<Given, Fault> {
        // Nobody waits for what they may not see.
        let history = &self.shared.history;
        let may = |user: &Aor| history.concerns(conference, user);
        if let (Some(since), Some(mut versions)) = (since, history.versions(conference))
            && acting.user.as_ref().is_none_or(may)
        {
            // Too long a wait is answered with the state as it is.
            let _ = clock::within(wait, versions.wait_for(|version| *version > since)).await;
        }
        if let Some(ended) = self.get_ended(request, acting, conference, since) {
            return Ok(ended);
        }
        let operation = Operation::Get {
            conference: conference.clone(),
            since,
        };
        let id = request
            .headers
            .message_id
            .clone()
            .map_or_else(|| new_id("get-"), Ok)?;
        let answer = match self.ask(request, acting, id, operation, None).await {
            Err(fault) if fault.code == FaultCode::ShuttingDown => {
                self.until_ended(conference).await;
                let ended = self.get_ended(request, acting, conference, since);
                return ended.ok_or(fault);
            }
            asked => asked?,
        };
        if answer.is_fault {
            // It may have ended just now: the answer came after the last reports, so the history has them.
            let ended = match self.get_ended(request, acting, conference, since) {
                // Whom the history does not tell was removed.
                None if !self.shared.history.knows(conference) => {
                    self.get_recorded(request, acting, conference, since).await
                }
                known => known,
            };
            return Ok(ended.unwrap_or(answer));
        }
        self.follow(request, acting, conference);
        Ok(answer)
    }

    /// At the shutdown the focus is gone while its last reports are still on their way into the history.
    async fn until_ended(&self, conference: &ConferenceId) {
        let history = &self.shared.history;
        let Some(mut versions) = history.versions(conference) else {
            return;
        };
        let ended =
            async { while history.is_running(conference) && versions.changed().await.is_ok() {} };
        // What never ended is told as the shutdown that it is.
        let _ = clock::within(LAST_REPORTS_MAX, ended).await;
    }

    fn get_ended(
        &self,
        request: &Request,
        acting: &Acting,
        conference: &ConferenceId,
        since: Option<u64>,
    ) -> Option<Given> {
        let (conference, reports) =
            self.shared
                .history
                .ended(conference, since, acting.user.as_ref())?;
        Some(good(
            request,
            soap::Answer::Get {
                conference,
                reports,
            },
        ))
    }

    /// Before the last start it ran, perhaps: clients that were in it come back and ask what became of it.
    async fn get_recorded(
        &self,
        request: &Request,
        acting: &Acting,
        conference: &ConferenceId,
        since: Option<u64>,
    ) -> Option<Given> {
        let store = &self.shared.store;
        let found = recorded::ended(store, conference, since, acting.user.as_ref()).await;
        let (conference, reports) = found
            .inspect_err(|error| tracing::error!(%error, "a record could not be read"))
            .ok()??;
        Some(good(
            request,
            soap::Answer::Get {
                conference,
                reports,
            },
        ))
    }

    /// A device that created or asks for a conference gets its reports from now on.
    fn follow(&self, request: &Request, acting: &Acting, conference: &ConferenceId) {
        if let (Some(user), Some(address)) = (&acting.user, &request.headers.reply_to)
            && address.starts_with("sip")
        {
            let subscriber = Subscriber {
                user: user.clone(),
                address: address.clone(),
                request: request.headers.message_id.clone(),
            };
            let Shared {
                history, reporter, ..
            } = &*self.shared;
            reporter.subscribe(conference, subscriber);
            // When it ended, or they were removed, just now, nobody would forget this one any more.
            if !history.is_running(conference) {
                reporter.forget(conference);
            } else if !history.concerns(conference, user) {
                reporter.keep(conference, |user| history.concerns(conference, user));
            }
        }
    }

    async fn command(&self, request: &Request, acting: Acting) -> Result<Given, Fault> {
        let Some(id) = request.headers.message_id.clone() else {
            return self.first_answer(request, &acting, None).await;
        };
        let fingerprint = fingerprint(request);
        let actor = kept_under(&acting)?;
        let key = (id.clone(), actor.clone());
        let place = match self.shared.in_flight.enter(&key, &fingerprint)? {
            Entered::First(place) => place,
            Entered::Repeat(mut answer) => {
                let ready = answer.wait_for(Option::is_some).await;
                return ready
                    .ok()
                    .and_then(|bytes| bytes.clone())
                    .ok_or_else(interrupted);
            }
        };
        let answer = self
            .remembered_or_first(request, &acting, &id, Durable { actor, fingerprint })
            .await;
        if let Ok(bytes) = &answer {
            place.answered(bytes.clone());
        }
        answer
    }

    async fn remembered_or_first(
        &self,
        request: &Request,
        acting: &Acting,
        id: &CommandId,
        durable: Durable,
    ) -> Result<Given, Fault> {
        let now = clock::unix_ms(clock::wall());
        if let Some(before) = self
            .shared
            .store
            .answer(id, &durable.actor, now)
            .await
            .map_err(store_fault)?
        {
            if before.fingerprint != durable.fingerprint {
                return Err(reused());
            }
            tracing::info!(command = %id, "a repeated command gets its first answer");
            return Ok(role::remembered(before.answer));
        }
        self.first_answer(request, acting, Some(durable)).await
    }

    async fn first_answer(
        &self,
        request: &Request,
        acting: &Acting,
        durable: Option<Durable>,
    ) -> Result<Given, Fault> {
        in_time(request)?;
        let id = request
            .headers
            .message_id
            .clone()
            .map_or_else(|| new_id("command-"), Ok)?;
        let operation = match self.resolve(request, acting).await {
            Ok(operation) => operation,
            Err(fault) => return self.refused_by_names(request, fault, id, durable).await,
        };
        // Finding telephones may have waited for a busy store.
        in_time(request)?;
        let created = match &operation {
            Operation::Create(create) => {
                let owner = create
                    .initiator
                    .user
                    .clone()
                    .or(acting.user.clone())
                    .ok_or_else(|| {
                        Fault::new(
                            FaultCode::UnknownPerson,
                            "an initiator with an account",
                            "a bare number",
                        )
                    })?;
                self.begin(request, acting, create, &owner)?;
                self.follow(request, acting, &create.conference);
                Some(create.conference.clone())
            }
            _ => None,
        };
        let answer = self.ask(request, acting, id, operation, durable).await;
        if let Some(conference) = created
            && answer.as_ref().map_or(true, |given| given.is_fault)
        {
            self.shared.history.forget(&conference);
            self.shared.reporter.forget(&conference);
        }
        answer
    }

    /// A refusal before the focus saw the command is an answer as well: a repeat gets it again.
    async fn refused_by_names(
        &self,
        request: &Request,
        fault: Fault,
        id: CommandId,
        durable: Option<Durable>,
    ) -> Result<Given, Fault> {
        let durable = durable.filter(|_| !convert::is_passing(&fault));
        let envelope = encode(request, Err(fault));
        let before = role::keep(&self.shared.store, &id, durable, &envelope).await?;
        Ok(before.unwrap_or(Given {
            envelope,
            is_fault: true,
        }))
    }

    async fn ask(
        &self,
        request: &Request,
        acting: &Acting,
        id: CommandId,
        operation: Operation,
        durable: Option<Durable>,
    ) -> Result<Given, Fault> {
        let actor = self.actor(acting, request, &operation);
        let answered = request.clone();
        let name = request.operation.name();
        let encode = Box::new(move |result: &Result<conference_core::Reply, Fault>| {
            let outcome = result
                .as_ref()
                .map(|reply| convert::answer(name, reply, history::now().0));
            encode(&answered, outcome.map_err(Clone::clone))
        });
        self.shared
            .focus
            .ask(|answer| Ask {
                id,
                actor,
                operation,
                encode,
                durable,
                invites: !acting.by_message,
                answer,
            })
            .await
    }

    async fn resolve(&self, request: &Request, acting: &Acting) -> Result<Operation, Fault> {
        let directory = &self.shared.directory;
        Ok(match &request.operation {
            soap::Operation::Pictures { .. } if !acting.allocator => {
                let expected = "the video allocator";
                return Err(Fault::new(FaultCode::NotAllowed, expected, "somebody else"));
            }
            soap::Operation::Create(create) => {
                let initiator = match Self::owner(create, acting)? {
                    Some(owner) => directory.initiator(&create.initiator, owner).await,
                    None => directory.party(&create.initiator).await,
                };
                let initiator = initiator.map_err(|fault| fault.about(0))?;
                let conference = create.conference.clone();
                Operation::Create(Create {
                    conference: conference.map_or_else(|| new_id(""), Ok)?,
                    title: create.title.clone().unwrap_or_default(),
                    initiator,
                    participants: self.parties(&create.participants, 1).await?,
                    policy: convert::policy(create.policy),
                    payer: create.payer.clone(),
                    account: create.account.clone(),
                    video: create.video.clone(),
                })
            }
            soap::Operation::Add {
                conference,
                participants,
            } => Operation::Add {
                conference: conference.clone(),
                parties: self.parties(participants, 0).await?,
            },
            soap::Operation::Call {
                conference,
                participant,
                at,
            } => Operation::Call {
                conference: conference.clone(),
                participant: participant.clone(),
                at: match at {
                    Some(at) => Some(
                        self.destination(acting, conference, participant, at)
                            .await?,
                    ),
                    None => None,
                },
            },
            other => convert::plain(other)
                .ok_or_else(|| Fault::new(FaultCode::Internal, "a command", "list"))?,
        })
    }

    /// Where somebody on the roster is called who is called elsewhere than before. Who may not call them learns nothing of
    /// their telephones.
    async fn destination(
        &self,
        acting: &Acting,
        conference: &ConferenceId,
        participant: &ParticipantId,
        at: &soap::CallAt,
    ) -> Result<conference_core::Destination, Fault> {
        let look = |answer| Look {
            actor: actor(acting),
            conference: conference.clone(),
            participant: participant.clone(),
            answer,
        };
        let whom = self.shared.focus.look(look).await?;
        let user = whom.user.as_deref().and_then(|user| user.parse().ok());
        self.shared.directory.destination(user.as_ref(), at).await
    }

    /// Whose a conference to be is: the asker's, or, where the video allocator asks, of whom it names.
    fn owner<'a>(create: &'a soap::Create, acting: &'a Acting) -> Result<Option<&'a Aor>, Fault> {
        let for_others =
            create.conference.is_some() || create.owner.is_some() || create.video.is_some();
        match (acting.allocator, &create.owner) {
            (true, Some(owner)) => Ok(Some(owner)),
            (true, None) => Err(Fault::new(
                FaultCode::BadRequest,
                "c:owner, from the video allocator",
                "none",
            )),
            (false, _) if for_others => Err(Fault::new(
                FaultCode::NotAllowed,
                "no c:conference, c:owner or c:video: they are the video allocator's alone",
                "one of them from somebody else",
            )),
            (false, _) => Ok(acting.user.as_ref()),
        }
    }

    /// Who acts, in the focus's eyes. The video allocator speaks for the owner of a conference to be; of those that it asked for it
    /// may read the state, say where their pictures are, and end them.
    fn actor(&self, acting: &Acting, request: &Request, operation: &Operation) -> Actor {
        if let (true, Some(service)) = (acting.allocator, &acting.user) {
            let owner = match &request.operation {
                soap::Operation::Create(create) => create.owner.clone(),
                _ => None,
            };
            match operation {
                Operation::Create(_) => {
                    return Actor {
                        user: owner,
                        administrator: false,
                    };
                }
                Operation::Get { conference, .. }
                | Operation::End { conference }
                | Operation::Pictures { conference, .. }
                    if self.shared.history.is_allocated_by(conference, service) =>
                {
                    return Actor {
                        user: None,
                        administrator: true,
                    };
                }
                _ => {}
            }
        }
        actor(acting)
    }

    fn begin(
        &self,
        request: &Request,
        acting: &Acting,
        create: &Create,
        owner: &Aor,
    ) -> Result<(), Fault> {
        let history = &self.shared.history;
        if !history.begin(&create.conference, &create.title, owner) {
            let expected = "a conference id that was not in use";
            let came = create.conference.as_str();
            return Err(Fault::new(FaultCode::WrongState, expected, came));
        }
        if let (soap::Operation::Create(asked), Some(service)) = (&request.operation, &acting.user)
            && asked.owner.is_some()
        {
            history.allocated(&create.conference, service, create.video.as_ref());
        }
        Ok(())
    }

    /// `first`: how many the request names before these.
    async fn parties(
        &self,
        asked: &[soap::Party],
        first: usize,
    ) -> Result<Vec<conference_core::Party>, Fault> {
        let mut parties = Vec::with_capacity(asked.len());
        for (at, party) in asked.iter().enumerate() {
            let party = self.shared.directory.party(party).await;
            parties.push(party.map_err(|fault| fault.about(first + at))?);
        }
        Ok(parties)
    }
}

fn actor(acting: &Acting) -> Actor {
    Actor {
        user: acting.user.clone(),
        administrator: acting.administrator,
    }
}

/// Under whom answers are kept. Who runs the server has no account; `invalid` is nobody's domain (RFC 2606 §2).
fn kept_under(acting: &Acting) -> Result<Aor, Fault> {
    let administrator = || Aor::new("administrator", "convoke.invalid");
    let reserved = |_| Fault::new(FaultCode::Internal, "a reserved address", "another");
    acting
        .user
        .clone()
        .map_or_else(administrator, Ok)
        .map_err(reserved)
}

/// Refuses what comes too late; the one place where that is judged. A repeat is answered before this is asked: it does
/// nothing, and its sender learns what the first one did.
fn in_time(request: &Request) -> Result<(), Fault> {
    let now = history::now();
    match request.headers.expires {
        Some(expires) if expires.is_over(now) => {
            let (sent, ends) = (expires.sent, expires.ends());
            let expected = format!("a time between {sent} and {ends} on our clock");
            Err(Fault::new(FaultCode::Expired, expected, now.to_string()))
        }
        _ => Ok(()),
    }
}

fn refusal(headers: &soap::Headers, fault: Fault) -> Given {
    tracing::info!(code = %fault.code, "a request was refused");
    let envelope = soap::write_response(&Response::to(headers, Err(fault))).into();
    Given {
        envelope,
        is_fault: true,
    }
}

fn good(request: &Request, answer: soap::Answer) -> Given {
    Given {
        envelope: encode(request, Ok(answer)),
        is_fault: false,
    }
}

fn encode(request: &Request, outcome: Result<soap::Answer, Fault>) -> Bytes {
    let outcome = outcome.map(|answer| convert::paged(answer, &request.operation));
    soap::write_response(&Response::to(&request.headers, outcome)).into()
}

/// What makes two requests the same command: everything but when it was sent.
fn fingerprint(request: &Request) -> Vec<u8> {
    let mut bare = request.clone();
    bare.headers.expires = None;
    let written = soap::write_request(&bare).unwrap_or_default();
    Sha256::digest(&written).to_vec()
}

/// The process ended between a command and its answer.
fn interrupted() -> Fault {
    Fault::new(
        FaultCode::Internal,
        "the first answer of this command",
        "an interruption; ask again",
    )
}
