//! `convoke call`: calls people into one conference and shows it until it ends: on a board that commands it, or without a
//! terminal line by line, or as JSON.

mod board;
mod model;
mod paint;
mod parties;
mod screen;
mod tell;

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use client::{CommandError, ConferenceClient, Connection, Event, Followed};
use convoke_types::report::{ConferenceEndReason, Report};
use convoke_types::{Aor, CommandId, Fault, FaultCode, ParticipantId};
use runtime::clock;
use runtime::tasks::Tasks;
use soap_proto::invitation::Expected;
use soap_proto::{Answer, Applied, Operation, Snapshot, UtcMillis};
use tokio::sync::mpsc;

use crate::cli::Call;
use crate::serve::Stop;
use crate::session::Session;
use crate::words;
use model::{Model, Wish};
use screen::{Screen, Typed};

/// How often times on the board are brought forward and reports that are missing are asked for.
const TICK: Duration = Duration::from_millis(500);
/// Ticks between two looks whether reports got lost without a trace.
const LOOK_TICKS: u32 = 40;
/// Chat messages that are repeated when the board is gone.
const CHAT_MAX: usize = 200;
/// Commands under way at once; more keys are not heeded meanwhile.
const COMMANDS_MAX: usize = 8;

/// Calls, shows, and gives the device password back.
pub async fn run(options: Call) -> Result<bool> {
    if options.parties.iter().any(|party| party.trim().is_empty()) {
        bail!("expected names and numbers, came an empty one");
    }
    let mut stop = Stop::new()?;
    let session = Session::open(&options.installation, &options.as_user, "call").await?;
    let done = conference(&session, &options, &mut stop).await;
    session.close().await;
    done
}

async fn conference(session: &Session, options: &Call, stop: &mut Stop) -> Result<bool> {
    let service = session.service()?;
    let client = ConferenceClient::start(session.im.clone(), &service, &session.tasks)?;
    let began = now();
    let create = parties::create(options, &session.im.aor().to_string());
    let command = client.fresh_id();
    let asked = client.request_as(Operation::Create(create), command.clone());
    let answer = tokio::select! {
        answer = asked => answer,
        () = stop.asked() => bail!("interrupted before the conference service answered; telephones may ring all the same"),
    };
    let snapshot = match answer {
        Ok(Answer::Done { conference, .. }) => conference,
        Ok(_) => bail!("the conference service answered something else than was asked"),
        Err(error) => {
            if let (true, CommandError::Fault(fault)) = (options.json, &error) {
                tell::print(&tell::fault(fault).to_string())?;
            }
            return Err(in_words(error));
        }
    };
    let view = if options.json {
        tell::print(&tell::answer(&snapshot).to_string())?;
        View::Json
    } else if std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
        View::Board(Box::new(Screen::open()?))
    } else {
        View::Lines
    };
    let (results, done) = mpsc::channel(COMMANDS_MAX + 1);
    let mut watching = Watching {
        client,
        tasks: session.tasks.clone(),
        model: Model::new(Followed::begin(&snapshot), began, session.im.aor().clone()),
        view,
        results,
        expected: expected(&snapshot, session.im.aor(), &command),
        commands: 0,
        catching_up: false,
        to_end: format!(
            "convoke send {} end --as {}{}",
            service.user(),
            options.as_user,
            options.installation.flag()
        ),
        chat: vec![],
    };
    let end = watching.watch(done, stop).await;
    watching.finish(end).await
}

enum View {
    Board(Box<Screen>),
    Lines,
    Json,
}

/// Why we no longer watch.
enum End {
    /// The conference is over.
    Over,
    /// We were asked to stop.
    Left,
}

/// What was asked for in the background.
enum Done {
    Command {
        result: Result<Answer, CommandError>,
        /// Whom it calls.
        called: Option<(ParticipantId, CommandId)>,
    },
    CaughtUp(Box<Followed>, Result<Vec<Report>, CommandError>),
}

struct Watching {
    client: ConferenceClient,
    tasks: Tasks,
    model: Model,
    view: View,
    results: mpsc::Sender<Done>,
    /// Those whom we called and who are not invited yet.
    expected: Expected<()>,
    commands: usize,
    catching_up: bool,
    /// The command line that ends the conference from elsewhere.
    to_end: String,
    /// What was said on the board, for when it is gone.
    chat: Vec<String>,
}

impl Watching {
    async fn watch(&mut self, mut done: mpsc::Receiver<Done>, stop: &mut Stop) -> Result<End> {
        let client = self.client.clone();
        let mut connection = client.im().connection();
        connection.mark_unchanged();
        let mut ticks = 0_u32;
        let mut next_tick = clock::now() + TICK;
        loop {
            self.draw()?;
            if self.model.followed.is_over() {
                return Ok(End::Over);
            }
            tokio::select! {
                event = client.next() => match event {
                    Some(event) => self.on_event(event)?,
                    None => bail!("the connection to the IM server has ended; the conference goes on without this window"),
                },
                Some(done) = done.recv() => self.on_done(done)?,
                typed = typed(&mut self.view) => match typed {
                    Typed::Key(key) => match self.model.key(key) {
                        Some(Wish::Leave) => return Ok(End::Left),
                        Some(Wish::Command(operation)) => self.command(operation),
                        None => {}
                    },
                    Typed::Gone => return Ok(End::Left),
                    Typed::Resized | Typed::Other => {}
                },
                Ok(()) = connection.changed() => {
                    let state = connection.borrow_and_update().clone();
                    self.on_connection(state);
                }
                () = clock::sleep_until(next_tick) => {
                    next_tick = clock::now() + TICK;
                    ticks = ticks.wrapping_add(1);
                    if self.model.followed.is_behind() || ticks.is_multiple_of(LOOK_TICKS) {
                        self.catch_up();
                    }
                }
                () = stop.asked() => return Ok(End::Left),
            }
        }
    }

    fn on_event(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Report(report) => self.on_report(&report)?,
            Event::Missed => self.catch_up(),
            Event::Chat(message) => {
                let from = words::one_line(message.sender());
                let text = words::one_line(&message.text());
                match self.view {
                    View::Board(_) => {
                        let line = format!("{from}: {text}");
                        if self.chat.len() < CHAT_MAX {
                            self.chat.push(line.clone());
                        }
                        self.model.say(line);
                    }
                    View::Lines => {
                        for line in words::safe(&message.text()).lines() {
                            tell::print(&format!("{}  {from}: {line}", self.elapsed()))?;
                        }
                    }
                    View::Json => tell::print(&tell::message(&from, &message.text()).to_string())?,
                }
            }
        }
        Ok(())
    }

    fn on_report(&mut self, report: &Report) -> Result<()> {
        match self.model.followed.report(report, now()) {
            Applied::New => {
                if let (Some(()), Some(whom)) = (self.expected.see(report), &report.participant) {
                    self.invite(&whom.id);
                }
                self.show(report)
            }
            Applied::Known => Ok(()),
            Applied::Gap => {
                self.catch_up();
                Ok(())
            }
        }
    }

    fn show(&mut self, report: &Report) -> Result<()> {
        match self.view {
            View::Board(_) => Ok(()),
            View::Lines => tell::print(&format!("{}  {}", self.elapsed(), words::report(report))),
            View::Json => tell::print(&tell::report(report)?.to_string()),
        }
    }

    fn on_done(&mut self, done: Done) -> Result<()> {
        match done {
            Done::Command { result, called } => {
                self.commands = self.commands.saturating_sub(1);
                match result {
                    Ok(Answer::Done { conference, .. }) => {
                        if let Some((called, command)) = called {
                            self.expect(called, command, &conference);
                        }
                        self.model.followed.heard_of(&conference);
                        // Their reports may have overtaken the answer.
                        self.look();
                        self.model.notice = None;
                    }
                    Ok(_) => self.model.notice = None,
                    Err(error) => self.model.complain(format!("{:#}", in_words(error))),
                }
            }
            Done::CaughtUp(ahead, result) => {
                self.catching_up = false;
                for report in result.as_deref().unwrap_or_default() {
                    self.on_report(report)?;
                }
                self.model.followed.adopt(ahead.snapshot().clone());
                self.look();
                if let Err(CommandError::Fault(Fault {
                    code: FaultCode::UnknownConference,
                    ..
                })) = result
                {
                    bail!("the conference is over, and the service no longer knows how it ended");
                }
            }
        }
        Ok(())
    }

    fn on_connection(&mut self, state: Connection) {
        let before = self.model.offline.take();
        match state {
            Connection::Down { words, wire, .. } => {
                let why = wire.map_or(words, |error| error.to_string());
                if before.is_none() && matches!(self.view, View::Lines | View::Json) {
                    eprintln!("convoke: the connection is lost ({why}); trying again");
                }
                self.model.offline = Some(why);
            }
            // Reports may have passed meanwhile.
            Connection::Up { .. } => self.catch_up(),
            Connection::Connecting | Connection::Closed => {}
        }
    }

    fn command(&mut self, operation: Operation) {
        if self.commands >= COMMANDS_MAX {
            self.model
                .complain("Too many commands are under way; wait for an answer.");
            return;
        }
        self.commands += 1;
        let (client, results) = (self.client.clone(), self.results.clone());
        self.background("command", async move {
            let id = client.fresh_id();
            let called = match &operation {
                Operation::Call { participant, .. } => Some((participant.clone(), id.clone())),
                _ => None,
            };
            let result = client.request_as(operation, id).await;
            // Nobody watches any more.
            let _ = results.send(Done::Command { result, called }).await;
        });
    }

    /// Whom a command of ours calls is invited when it is their turn.
    fn expect(&mut self, called: ParticipantId, command: CommandId, conference: &Snapshot) {
        let mut people = conference.participants.iter();
        let whom = people.find(|one| one.id == called);
        let user = whom.and_then(|one| one.user.as_ref());
        if user.is_some_and(|user| user != self.client.im().aor()) {
            self.expected.expect(called, command, ());
        }
    }

    /// Lets the windows of those ring whose turn it is by the board.
    fn look(&mut self) {
        if self.expected.is_empty() {
            return;
        }
        let mut due = Vec::new();
        for one in &self.model.followed.snapshot().participants {
            if let Some(leg) = &one.leg
                && self.expected.look(&one.id, leg.state).is_some()
            {
                due.push(one.id.clone());
            }
        }
        for whom in due {
            self.invite(&whom);
        }
    }

    /// Lets their windows ring.
    fn invite(&self, whom: &ParticipantId) {
        let board = self.model.followed.snapshot();
        let mut people = board.participants.iter();
        let Some(whom) = people.find(|one| one.id == *whom).cloned() else {
            return;
        };
        let (client, board) = (self.client.clone(), board.clone());
        self.background("invite", async move {
            if let Err(error) = client.invite(&whom, &board).await {
                tracing::debug!(%error, "somebody was not invited");
            }
        });
    }

    /// Asks for the reports that are missing, in the background: the board goes on.
    fn catch_up(&mut self) {
        if std::mem::replace(&mut self.catching_up, true) {
            return;
        }
        let (client, results) = (self.client.clone(), self.results.clone());
        let mut ahead = Box::new(self.model.followed.clone());
        self.background("catch up", async move {
            let result = client.catch_up(&mut ahead).await;
            let _ = results.send(Done::CaughtUp(ahead, result)).await;
        });
    }

    /// Runs until it is done or the session ends.
    fn background(&self, name: &str, work: impl Future<Output = ()> + Send + 'static) {
        let token = self.tasks.shutdown_token().clone();
        self.tasks.spawn(name, async move {
            token.unless_cancelled(work).await;
        });
    }

    fn draw(&mut self) -> Result<()> {
        if let View::Board(screen) = &mut self.view {
            let lines = board::board(&self.model, now(), screen.size());
            screen.draw(&lines).context("the terminal")?;
        }
        Ok(())
    }

    fn elapsed(&self) -> String {
        words::span(self.lasted_ms())
    }

    fn lasted_ms(&self) -> u64 {
        now().0.saturating_sub(self.model.began.0)
    }

    /// Gives the terminal back and says how it ended.
    async fn finish(mut self, end: Result<End>) -> Result<bool> {
        let lasted = self.lasted_ms();
        let is_json = matches!(self.view, View::Json);
        if let View::Board(_) = self.view {
            self.view = View::Lines;
        }
        for line in &self.chat {
            tell::print(line)?;
        }
        // Chat that this device has taken is on no other: all of it is shown.
        self.client.close().await;
        while let Some(event) = self.client.next().await {
            if let Event::Chat(_) = event {
                self.on_event(event)?;
            }
        }
        let followed = &self.model.followed;
        match end? {
            End::Left if is_json => tell::print(&tell::left(followed.snapshot()).to_string())?,
            End::Left => {
                tell::print(&format!(
                    "The conference goes on. To end it: {}",
                    self.to_end
                ))?;
            }
            End::Over if is_json => tell::print(&tell::ended(followed).to_string())?,
            End::Over => {
                for line in tell::summary(followed, lasted) {
                    tell::print(&line)?;
                }
            }
        }
        match followed.ended() {
            Some(end) if !is_normal(end.reason) => {
                bail!("the conference was ended by a fault: {}", end.words)
            }
            _ => Ok(true),
        }
    }
}

/// Those whom the command that made the conference calls besides us.
fn expected(conference: &Snapshot, me: &Aor, command: &CommandId) -> Expected<()> {
    let mut expected = Expected::default();
    for one in &conference.participants {
        if one.user.as_ref().is_some_and(|user| user != me) {
            expected.expect(one.id.clone(), command.clone(), ());
        }
    }
    expected
}

fn is_normal(reason: ConferenceEndReason) -> bool {
    match reason {
        ConferenceEndReason::ByCommand
        | ConferenceEndReason::OwnerLeft
        | ConferenceEndReason::Empty => true,
        ConferenceEndReason::Error | ConferenceEndReason::Shutdown => false,
    }
}

/// The next thing typed; never anything without a board.
async fn typed(view: &mut View) -> Typed {
    match view {
        View::Board(screen) => screen.typed().await,
        View::Lines | View::Json => std::future::pending().await,
    }
}

/// A refusal with what to do about it.
fn in_words(error: CommandError) -> anyhow::Error {
    let fault = match error {
        CommandError::Fault(fault) => fault,
        CommandError::NotDelivered { status: 480, .. } => {
            return anyhow!(
                "the conference service is not there now, so nobody is called; does the server run with the roles gateway and conference?"
            );
        }
        other => return other.into(),
    };
    let came = words::one_line(&fault.came);
    let expected = words::one_line(&fault.expected);
    match fault.code {
        FaultCode::UnknownPerson => {
            anyhow!(
                "nobody is known as {came}: expected {expected} (`convoke user list` shows who there is)"
            )
        }
        FaultCode::NoTelephone => {
            anyhow!(
                "expected {expected}, came {came}; add one with `convoke user telephone NAME +NUMBER`"
            )
        }
        FaultCode::NumberRefused => {
            anyhow!("this number is not called: expected {expected}, came {came}")
        }
        FaultCode::WrongState => anyhow!("that does not fit now: expected {expected}, came {came}"),
        FaultCode::NotAllowed => anyhow!("that is not allowed: expected {expected}, came {came}"),
        FaultCode::Overloaded | FaultCode::ShuttingDown => {
            anyhow!("the conference service cannot do that now ({came}); try again soon")
        }
        _ => fault.into(),
    }
}

fn now() -> UtcMillis {
    UtcMillis(u64::try_from(clock::unix_ms(clock::wall())).unwrap_or(0))
}
