//! The conference role's loop: one task owns the focus; a second one, the *sequencer*, carries its outputs out in order,
//! so that a command's answer is durable before its first INVITE while the focus goes on.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use conference_core::{Actor, Command, Focus, Operation, Output, Reply, RosterEntry};
use convoke_types::bridge::{BridgeCommand, BridgeEvent, LegEvent};
use convoke_types::report::{Change, ParticipantRef, Report};
use convoke_types::{
    Aor, Cause, CommandId, ConferenceId, EndReason, Fault, FaultCode, LegKey, LegState,
    ParticipantId,
};
use runtime::clock;
use runtime::tasks::Tasks;
use store::{Answered, CommandAnswer, Store};
use tokio::sync::{mpsc, oneshot};

use crate::convert;
use crate::directory::store_fault;
use crate::history::{self, History};
use crate::inviting::Inviting;
use crate::records::Records;
use crate::reporter::Reporter;
use crate::watching::{Phones, Watching};
use crate::webhooks::Webhooks;

/// Commands that may wait for the focus; more are refused with `overloaded`.
const COMMANDS_MAX: usize = 4_096;
/// Outputs that may wait for the sequencer. A full queue stops the focus until the disk has caught up; the bridge's events
/// wait in their own queue meanwhile.
const OUTPUTS_MAX: usize = 65_536;
/// Time between two states of conferences at least that are put together for those who watch; what changes meanwhile is in one.
const TELL_EVERY: Duration = Duration::from_millis(40);
/// Legs that are not dialled whose end the focus has yet to hear; those beyond end when their time to ring is over.
const REFUSED_MAX: usize = 4_096;

/// An encoded answer.
#[derive(Debug, Clone)]
pub struct Given {
    /// The envelope.
    pub envelope: Bytes,
    /// Whether it is a SOAP Fault (HTTP status 500, SOAP 1.1 §6.2).
    pub is_fault: bool,
}

/// What makes an answer: the focus's reply in the words of the request's protocol, and the moment it was made at.
pub(crate) type Encode = Box<dyn Fn(&Result<Reply, Fault>) -> Bytes + Send>;

/// A command on its way to the focus.
pub(crate) struct Ask {
    pub id: CommandId,
    pub actor: Actor,
    pub operation: Operation,
    pub encode: Encode,
    /// Present where the answer has to be durable before anything happens.
    pub durable: Option<Durable>,
    /// Whether those whom it calls are to be invited for the actor.
    pub invites: bool,
    pub answer: oneshot::Sender<Given>,
}

/// A question to the focus whom an actor wants to call.
pub(crate) struct Look {
    pub actor: Actor,
    pub conference: ConferenceId,
    pub participant: ParticipantId,
    pub answer: oneshot::Sender<Result<ParticipantRef, Fault>>,
}

/// What waits for the focus.
enum Asked {
    Command(Box<Ask>),
    Look(Look),
}

/// Under which key an answer is kept for repeats.
pub(crate) struct Durable {
    pub actor: Aor,
    pub fingerprint: Vec<u8>,
}

/// The way into the loop.
#[derive(Clone)]
pub(crate) struct FocusHandle {
    asks: mpsc::Sender<Asked>,
}

impl FocusHandle {
    /// Hands a command to the focus and waits for its encoded answer.
    ///
    /// # Errors
    /// `overloaded` when too many wait, `shutting-down` when the loop is gone.
    pub async fn ask(
        &self,
        make: impl FnOnce(oneshot::Sender<Given>) -> Ask,
    ) -> Result<Given, Fault> {
        let (answer, answered) = oneshot::channel();
        self.give(Asked::Command(Box::new(make(answer))))?;
        answered.await.map_err(|_| going_down())
    }

    /// Asks the focus whom an actor wants to call; what was commanded before counts.
    ///
    /// # Errors
    /// As `ask`, and what the focus refuses.
    pub async fn look(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<ParticipantRef, Fault>>) -> Look,
    ) -> Result<ParticipantRef, Fault> {
        let (answer, answered) = oneshot::channel();
        self.give(Asked::Look(make(answer)))?;
        answered.await.map_err(|_| going_down())?
    }

    fn give(&self, asked: Asked) -> Result<(), Fault> {
        self.asks.try_send(asked).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Fault::new(
                FaultCode::Overloaded,
                "a command in a quieter moment",
                "a full queue",
            ),
            mpsc::error::TrySendError::Closed(_) => going_down(),
        })
    }
}

pub(crate) fn going_down() -> Fault {
    Fault::new(
        FaultCode::ShuttingDown,
        "a running server",
        "one that is going down",
    )
}

/// What the loop works with.
pub(crate) struct Parts {
    pub focus: Focus,
    pub store: Store,
    pub history: Arc<History>,
    pub reporter: Reporter,
    pub webhooks: Option<Webhooks>,
    pub records: Records,
    pub bridge_commands: mpsc::Sender<BridgeCommand>,
    pub bridge_events: mpsc::Receiver<BridgeEvent>,
    /// How long conferences may take to end when the server goes down.
    pub drain: Duration,
    pub watching: Watching,
    /// The domain of conferences and people.
    pub domain: String,
}

/// Starts the loop and its sequencer.
pub(crate) fn start(tasks: &Tasks, parts: Parts) -> FocusHandle {
    let (asks, asked) = mpsc::channel(COMMANDS_MAX);
    let (steps, to_do) = mpsc::channel(OUTPUTS_MAX);
    let (refusals, refused) = mpsc::channel(REFUSED_MAX);
    let shutdown = tasks.shutdown_token().clone();
    let sequencer = Sequencer {
        store: parts.store,
        history: parts.history.clone(),
        reporter: parts.reporter,
        webhooks: parts.webhooks,
        records: parts.records,
        bridge: parts.bridge_commands,
        watching: parts.watching.clone(),
        inviting: Inviting::default(),
        domain: parts.domain,
        refusals,
        refused: HashSet::new(),
    };
    tasks.spawn_vital("conference.sequencer", sequencer.run(to_do));
    tasks.spawn_vital(
        "conference.focus",
        FocusLoop {
            focus: parts.focus,
            history: parts.history,
            steps,
            drain: parts.drain,
            watching: parts.watching,
            phones: Phones::default(),
            changed: BTreeSet::new(),
            told: None,
        }
        .run(asked, parts.bridge_events, refused, shutdown),
    );
    FocusHandle { asks }
}

/// One output on its way to the world.
enum Step {
    Answer(Box<Answer>),
    Report(Report),
    Bridge(BridgeCommand),
    Record(Box<conference_core::LegRecord>),
}

/// Who invites those whom a command calls.
enum Inviter {
    /// The client of who commands, or nobody where it calls nobody.
    Client,
    /// We, in the name of who commands, where that is known.
    Service(Option<Aor>),
}

struct Answer {
    id: CommandId,
    result: Result<Reply, Fault>,
    encode: Encode,
    durable: Option<Durable>,
    /// Whether telephones ring when it is given.
    calls: bool,
    inviter: Inviter,
    to: oneshot::Sender<Given>,
}

/// What an `Ask` leaves behind while the focus has it.
struct Pending {
    id: CommandId,
    encode: Encode,
    durable: Option<Durable>,
    calls: bool,
    inviter: Inviter,
    to: oneshot::Sender<Given>,
}

struct FocusLoop {
    focus: Focus,
    history: Arc<History>,
    steps: mpsc::Sender<Step>,
    drain: Duration,
    watching: Watching,
    phones: Phones,
    /// Conferences that changed since those who watch were told.
    changed: BTreeSet<ConferenceId>,
    /// When that was.
    told: Option<Instant>,
}

impl FocusLoop {
    async fn run(
        mut self,
        mut asked: mpsc::Receiver<Asked>,
        mut events: mpsc::Receiver<BridgeEvent>,
        mut refused: mpsc::Receiver<BridgeEvent>,
        shutdown: runtime::tasks::Shutdown,
    ) {
        let mut draining: Option<Instant> = None;
        loop {
            // What is due does not wait for the queues to be empty, which a flood of commands could prevent for ever.
            let now = clock::now();
            if self.focus.poll_timeout().is_some_and(|at| at <= now) {
                self.focus.handle_timeout(now);
                self.drain(None).await;
            }
            let due = self.focus.poll_timeout().into_iter();
            let wake = due.chain(draining).chain(self.next_telling()).min();
            tokio::select! {
                biased;
                () = shutdown.cancelled(), if draining.is_none() => {
                    draining = Some(clock::now() + self.drain);
                    self.focus.shutdown(clock::now());
                }
                Some(event) = events.recv() => {
                    // No report tells it.
                    if let BridgeEvent::Mixes { conference, absent } = &event {
                        self.history.mixes(conference, absent);
                    }
                    self.focus.handle_bridge(event, clock::now());
                }
                Some(event) = refused.recv() => self.focus.handle_bridge(event, clock::now()),
                Some(asked) = asked.recv() => match asked {
                    Asked::Command(ask) => self.command(*ask).await,
                    Asked::Look(look) => {
                        let found =
                            self.focus.callable(&look.actor, &look.conference, &look.participant);
                        // Nobody may wait for it any more.
                        let _ = look.answer.send(found);
                    }
                },
                () = self.watching.asked() => {}
                () = wait(wake) => self.focus.handle_timeout(clock::now()),
                else => break,
            }
            self.drain(None).await;
            self.tell_watchers();
            let overdue = draining.is_some_and(|end| clock::now() >= end);
            if draining.is_some() && (self.focus.is_empty() || overdue) {
                break;
            }
        }
        self.watching.close();
    }

    fn next_telling(&self) -> Option<Instant> {
        let next = self.told.map(|told| told + TELL_EVERY);
        next.filter(|_| !self.changed.is_empty())
    }

    /// Puts together what watched conferences are like that changed, or of which somebody asks for the first time; and what all that changed
    /// look like from outside.
    fn tell_watchers(&mut self) {
        let now = clock::now();
        let mut concerned: BTreeSet<_> = self.watching.take_asked().into_iter().collect();
        if self.next_telling().is_none_or(|at| at <= now) && !self.changed.is_empty() {
            let followed = self.watching.is_followed();
            for conference in std::mem::take(&mut self.changed) {
                if followed {
                    let outline = self.focus.outline(&conference);
                    self.watching.tell_outline(conference.clone(), outline);
                }
                if self.watching.is_watched(&conference) {
                    concerned.insert(conference);
                }
            }
            self.told = Some(now);
        }
        for conference in concerned {
            let snapshot = self.focus.snapshot(&conference, now);
            self.watching.tell(conference, snapshot);
        }
    }

    async fn command(&mut self, ask: Ask) {
        let Ask {
            id,
            actor,
            operation,
            encode,
            durable,
            invites,
            answer: to,
        } = ask;
        let calls = calls_somebody(&operation);
        let inviter = match invites && calls {
            true => Inviter::Service(actor.user.clone()),
            false => Inviter::Client,
        };
        self.focus.handle_command(
            Command {
                id: id.clone(),
                actor,
                operation,
            },
            clock::now(),
        );
        self.drain(Some(Pending {
            id,
            encode,
            durable,
            calls,
            inviter,
            to,
        }))
        .await;
    }

    /// Hands the outputs of one input to the sequencer. A command's reply is the first of them.
    async fn drain(&mut self, mut pending: Option<Pending>) {
        while let Some(output) = self.focus.poll_output() {
            let step = match output {
                Output::Reply { result, .. } => match pending.take() {
                    Some(Pending {
                        id,
                        encode,
                        durable,
                        calls,
                        inviter,
                        to,
                    }) => Step::Answer(Box::new(Answer {
                        id,
                        result,
                        encode,
                        durable,
                        calls,
                        inviter,
                        to,
                    })),
                    None => continue,
                },
                Output::Report(report) => {
                    if let Some((user, on)) = self.phones.see(&report) {
                        self.watching.tell_phone(user, on);
                    }
                    self.changed.insert(report.conference.clone());
                    Step::Report(report)
                }
                Output::Bridge(command) => Step::Bridge(command),
                Output::Record(record) => Step::Record(Box::new(record)),
            };
            if self.steps.send(step).await.is_err() {
                return;
            }
        }
    }
}

fn calls_somebody(operation: &Operation) -> bool {
    match operation {
        Operation::Create(_) | Operation::Add { .. } | Operation::Call { .. } => true,
        Operation::Disconnect { .. }
        | Operation::Remove { .. }
        | Operation::Mute { .. }
        | Operation::Unmute { .. }
        | Operation::Hide { .. }
        | Operation::Unhide { .. }
        | Operation::RaiseHand { .. }
        | Operation::LowerHand { .. }
        | Operation::GiveFloor { .. }
        | Operation::Lock { .. }
        | Operation::Unlock { .. }
        | Operation::MakeModerator { .. }
        | Operation::HandOver { .. }
        | Operation::MuteAll { .. }
        | Operation::UnmuteAll { .. }
        | Operation::DisconnectAll { .. }
        | Operation::Decline { .. }
        | Operation::End { .. }
        | Operation::Pictures { .. }
        | Operation::Get { .. } => false,
    }
}

pub(crate) async fn wait(until: Option<Instant>) {
    match until {
        Some(at) => clock::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// A kept answer as it was given.
pub(crate) fn remembered(envelope: Vec<u8>) -> Given {
    let is_fault =
        soap_proto::parse_response(&envelope).is_ok_and(|response| response.outcome.is_err());
    Given {
        envelope: envelope.into(),
        is_fault,
    }
}

struct Sequencer {
    store: Store,
    history: Arc<History>,
    reporter: Reporter,
    webhooks: Option<Webhooks>,
    records: Records,
    bridge: mpsc::Sender<BridgeCommand>,
    watching: Watching,
    inviting: Inviting,
    domain: String,
    /// Tells the focus that a leg was not dialled.
    refusals: mpsc::Sender<BridgeEvent>,
    /// Legs of commands whose answers could not be stored: no telephone may ring for them.
    refused: HashSet<LegKey>,
}

impl Sequencer {
    async fn run(mut self, mut steps: mpsc::Receiver<Step>) {
        while let Some(step) = steps.recv().await {
            match step {
                Step::Answer(answer) => self.answer(*answer).await,
                Step::Report(report) => {
                    // The history first: the record's heading and whoever waits for this version read it there.
                    self.history.see(&report);
                    self.records.see(&report).await;
                    if matches!(report.change, Change::Ended { .. }) {
                        let over = &report.conference;
                        self.refused.retain(|leg| leg.conference != *over);
                    }
                    if let Some(webhooks) = &self.webhooks {
                        webhooks.see(&report, || self.history.audience(&report));
                    }
                    self.invite(&report);
                    let removed =
                        (report.change == Change::Removed).then(|| report.conference.clone());
                    self.reporter.report(report);
                    if let Some(conference) = removed {
                        let stays = |user: &Aor| self.history.concerns(&conference, user);
                        self.reporter.keep(&conference, stays);
                    }
                }
                Step::Bridge(command) => self.bridge(command).await,
                Step::Record(record) => self.records.leg(*record).await,
            }
        }
    }

    async fn bridge(&mut self, command: BridgeCommand) {
        let command = match command {
            BridgeCommand::Dial { leg, .. } if self.refused.remove(&leg) => {
                tracing::error!(%leg, "not dialled: its command could not be stored");
                return self.not_dialled(leg);
            }
            // Each call that arrived is answered.
            BridgeCommand::Admit { call, leg, .. } if self.refused.remove(&leg) => {
                tracing::error!(%leg, "not admitted: its command could not be stored");
                self.not_dialled(leg);
                BridgeCommand::Refuse {
                    call,
                    sip: 500,
                    words: "the command could not be stored".to_owned(),
                }
            }
            command => command,
        };
        self.records.placed(&command).await;
        if self.bridge.send(command).await.is_err() {
            tracing::error!("the bridge is gone");
        }
    }

    /// Makes an answer durable, then gives it; whom a command calls that cannot be made durable is not dialled.
    async fn answer(&mut self, answer: Answer) {
        let envelope = (answer.encode)(&answer.result);
        let passing = answer.result.as_ref().is_err_and(convert::is_passing);
        let durable = answer.durable.filter(|_| !passing);
        let given = match keep(&self.store, &answer.id, durable, &envelope).await {
            Ok(None) => {
                if let (Ok(reply), Inviter::Service(by)) = (&answer.result, &answer.inviter) {
                    self.expect(&answer.id, reply, by.as_ref());
                }
                Given {
                    envelope,
                    is_fault: answer.result.is_err(),
                }
            }
            Ok(Some(before)) => before,
            Err(fault) => {
                if let Ok(reply) = &answer.result
                    && answer.calls
                {
                    self.refused.extend(legs_of(reply));
                }
                Given {
                    envelope: (answer.encode)(&Err(fault)),
                    is_fault: true,
                }
            }
        };
        // An asker that is gone asks `get` later.
        let _ = answer.to.send(given);
    }

    /// Those whom a command calls are invited when it is their turn: by the actor, else by the owner.
    fn expect(&mut self, command: &CommandId, reply: &Reply, by: Option<&Aor>) {
        let snapshot = &reply.snapshot;
        let account = |entry: &RosterEntry| entry.participant.user.as_deref()?.parse::<Aor>().ok();
        let mut roster = snapshot.roster.iter();
        let owner = roster.find(|entry| entry.participant.id == snapshot.owner);
        let Some(by) = by.cloned().or_else(|| owner.and_then(account)) else {
            return;
        };
        for entry in &snapshot.roster {
            if reply.participants.contains(&entry.participant.id)
                && let Some(user) = account(entry)
            {
                let whom = (&entry.participant.id, &user);
                self.inviting
                    .expect(&snapshot.conference, (command, &by), whom);
            }
        }
    }

    fn invite(&mut self, report: &Report) {
        let known = &self.history;
        let letter = self.inviting.see(
            report,
            || known.snapshot(&report.conference),
            &self.domain,
            (|| new_id("invitation-").ok(), history::now()),
        );
        if let Some(letter) = letter {
            self.watching.post(letter);
        }
    }

    /// The leg is over as far as the focus is concerned. Not by the trunk's fault: nobody tries another.
    fn not_dialled(&self, leg: LegKey) {
        let cause = Cause {
            reason: EndReason::Bridge,
            sip: None,
            q850: None,
            words: "Not called: the server could not store the command.".to_owned(),
        };
        let state = LegState::Failed;
        let event = LegEvent::Ended { state, cause };
        if self
            .refusals
            .try_send(BridgeEvent::Leg { leg, event })
            .is_err()
        {
            tracing::error!("the focus does not hear that a leg was not dialled");
        }
    }
}

/// A random identifier that begins so.
///
/// # Errors
/// `internal`: the system has no randomness.
pub(crate) fn new_id<T: std::str::FromStr>(prefix: &str) -> Result<T, Fault> {
    let internal = || Fault::new(FaultCode::Internal, "random bytes", "none from the system");
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(|_| internal())?;
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{prefix}{hex}").parse().map_err(|_| internal())
}

/// The legs of those whom a command named: of who is in and called at another place, the one there.
fn legs_of(reply: &Reply) -> impl Iterator<Item = LegKey> {
    let named = |entry: &&RosterEntry| reply.participants.contains(&entry.participant.id);
    let entries = reply.snapshot.roster.iter().filter(named);
    entries.map(|entry| LegKey {
        conference: reply.snapshot.conference.clone(),
        leg: match &entry.moving {
            Some(moving) if !moving.leg.state.is_end() => moving.leg.id.clone(),
            _ => entry.leg.id.clone(),
        },
    })
}

/// Makes an answer durable; gives the first one back where the command was answered before.
pub(crate) async fn keep(
    store: &Store,
    id: &CommandId,
    durable: Option<Durable>,
    envelope: &Bytes,
) -> Result<Option<Given>, Fault> {
    let Some(durable) = durable else {
        return Ok(None);
    };
    let saved = store
        .save_answer(CommandAnswer {
            command: id.clone(),
            actor: durable.actor,
            fingerprint: durable.fingerprint,
            answer: envelope.to_vec(),
            at: clock::unix_ms(clock::wall()),
        })
        .await;
    match saved {
        Ok(Answered::First) => Ok(None),
        Ok(Answered::Before(before)) => Ok(Some(remembered(before.answer))),
        Err(error) => {
            tracing::error!(%error, command = %id, "an answer could not be stored");
            Err(store_fault(error))
        }
    }
}

#[cfg(test)]
mod tests {
    use conference_core::{Config, Create, Party, PolicyOverrides, TrunkConfig};
    use convoke_types::{Address, Mode};
    use runtime::tasks::Shutdown;

    use super::*;

    const COMMANDS: usize = 1_000;

    fn a_conference() -> Command {
        let alice: Aor = "alice@example.org".parse().unwrap();
        let initiator = Party {
            name: "Alice".to_owned(),
            user: Some(alice.clone()),
            address: Address::Number("+15550101".parse().unwrap()),
            mode: Mode::Pstn,
            place: "work".to_owned(),
            guard: false,
            language: "en".to_owned(),
            moderator: false,
        };
        Command {
            id: "c1".parse().unwrap(),
            actor: Actor::user(alice),
            operation: Operation::Create(Create {
                conference: "k1".parse().unwrap(),
                title: String::new(),
                initiator,
                participants: vec![],
                policy: PolicyOverrides::default(),
                payer: None,
                account: None,
                video: None,
            }),
        }
    }

    fn a_get() -> Ask {
        let (answer, _) = oneshot::channel();
        Ask {
            id: "c2".parse().unwrap(),
            actor: Actor::administrator(),
            operation: Operation::Get {
                conference: "k2".parse().unwrap(),
                since: None,
            },
            encode: Box::new(|_| Bytes::new()),
            durable: None,
            invites: false,
            answer,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_due_comes_before_the_commands_that_wait() {
        let config = Config::new(vec![TrunkConfig::new("carrier")]);
        let mut focus = Focus::new(config, clock::now());
        focus.handle_command(a_conference(), clock::now());
        while focus.poll_output().is_some() {}
        // Far beyond the time that a telephone may ring.
        clock::sleep(Duration::from_secs(600)).await;
        let (asks, asked) = mpsc::channel(COMMANDS);
        for _ in 0..COMMANDS {
            let command = Asked::Command(Box::new(a_get()));
            assert!(asks.try_send(command).is_ok());
        }
        let (_bridge, events) = mpsc::channel(1);
        let (_refusals, refused) = mpsc::channel(1);
        let (steps, mut to_do) = mpsc::channel(OUTPUTS_MAX);
        let tasks = Tasks::new(Shutdown::new());
        let focus = FocusLoop {
            focus,
            history: Arc::default(),
            steps,
            drain: Duration::from_secs(1),
            watching: Watching::default(),
            phones: Phones::default(),
            changed: BTreeSet::new(),
            told: None,
        };
        let shutdown = tasks.shutdown_token().clone();
        tasks.spawn("focus", focus.run(asked, events, refused, shutdown));
        let first = to_do.recv().await.unwrap();
        assert!(!matches!(first, Step::Answer(_)));
        tasks.finish(Duration::from_secs(60)).await.unwrap();
    }
}
