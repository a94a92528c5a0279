//! The allocator's front: who may come in, what kind of message it is, and what is due when.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use convoke_types::address::conference_uri;
use convoke_types::limits::SOAP_MAX_BYTES;
use convoke_types::{Aor, CommandId, ConferenceId, VideoServerName};
use service_core::address::identity;
use service_core::presence::Answer;
use sha2::{Digest, Sha256};
use soap_proto::{UtcMillis, names};

use crate::asks::{Ask, Stage};
use crate::config::{ASKS_MAX, ASKS_PER_PERSON_MAX, Config, SENDING_MAX};
use crate::ending::Ending;
use crate::io::{Event, IncomingMessage, Output, ServerNews};
use crate::placement::Servers;
use crate::replies::Replies;
use crate::running::Running;
use crate::services::{Purpose, Question};

/// Content-Type of words.
pub(crate) const WORDS_TYPE: &str = "text/plain; charset=utf-8";

/// The allocator. Give it inputs with the time, then take outputs until there are none, then wait for `poll_timeout`.
#[derive(Debug)]
pub struct Allocator {
    pub(crate) config: Config,
    pub(crate) servers: Servers,
    /// Our own GRUU, as long as we are registered.
    pub(crate) gruu: Option<String>,
    /// Requests that are worked on, by the conference to be.
    pub(crate) asks: BTreeMap<ConferenceId, Ask>,
    asks_of: HashMap<Aor, usize>,
    pub(crate) conferences: BTreeMap<ConferenceId, Running>,
    /// Conferences that nobody is told of, until they are ended.
    pub(crate) ending: BTreeMap<ConferenceId, Ending>,
    pub(crate) replies: Replies,
    /// Questions to the services that wait for their answer.
    pub(crate) questions: BTreeMap<CommandId, Question>,
    /// MESSAGEs that wait for their final response.
    pub(crate) sending: BTreeMap<u64, Sent>,
    pub(crate) publishing: BTreeMap<u64, ConferenceId>,
    /// What is due; what it is about may have gone or have another time by then.
    timers: BTreeSet<(Instant, Timer)>,
    next: u64,
    outputs: VecDeque<Output>,
}

/// A MESSAGE under way.
#[derive(Debug)]
pub(crate) struct Sent {
    pub purpose: Duty,
    deadline: Instant,
}

/// What a MESSAGE is for.
#[derive(Debug)]
pub(crate) enum Duty {
    /// It carries this question to a service.
    Question(CommandId),
    /// It tells the asker that the conference is ready.
    Ready(ConferenceId),
    /// It invites somebody; the words are for clients that do not take the invitation.
    Invitation {
        conference: ConferenceId,
        user: Aor,
        words: Option<String>,
    },
    /// Nothing depends on it.
    Word,
}

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    Ask(ConferenceId),
    Question(CommandId),
    Sent(u64),
    Presence(ConferenceId),
    End(ConferenceId),
    Seat(ConferenceId),
}

/// A person who may speak to us.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub user: Aor,
    pub wall: UtcMillis,
}

enum Kind {
    Soap,
    Words,
    /// Typing and delivery notices of IM clients: of no interest, and no mistake.
    Notice,
}

impl Allocator {
    /// An allocator that nobody has spoken to yet.
    pub fn new(config: Config) -> Self {
        Self {
            servers: Servers::new(&config.servers),
            config,
            gruu: None,
            asks: BTreeMap::new(),
            asks_of: HashMap::new(),
            conferences: BTreeMap::new(),
            ending: BTreeMap::new(),
            replies: Replies::default(),
            questions: BTreeMap::new(),
            sending: BTreeMap::new(),
            publishing: BTreeMap::new(),
            timers: BTreeSet::new(),
            next: 1,
            outputs: VecDeque::new(),
        }
    }

    /// A MESSAGE came to the allocator's address. It is always answered.
    pub fn handle_message(&mut self, message: IncomingMessage, now: Instant) {
        self.replies.expire(now);
        let (user, kind) = match self.admit(&message) {
            Ok(admitted) => admitted,
            Err((status, reason)) => return self.answer(message.tx, status, reason),
        };
        let caller = Caller {
            user,
            wall: message.wall,
        };
        // The services' answers and reports.
        if caller.user == self.config.conference || caller.user == self.config.modes {
            self.answer(message.tx, 200, "OK");
            if matches!(kind, Kind::Soap) {
                self.on_service(&caller, &message.body, now);
            }
            return;
        }
        let theirs = self.asks_of.get(&caller.user).copied().unwrap_or(0);
        if self.asks.len() >= ASKS_MAX
            || theirs >= ASKS_PER_PERSON_MAX
            || self.sending.len() >= SENDING_MAX
        {
            return self.answer(message.tx, 503, "Too Many Requests Under Way");
        }
        // RFC 3428 §7: 202 says that it was taken, not that it was done.
        self.answer(message.tx, 202, "Accepted");
        match kind {
            Kind::Soap => self.on_soap(&caller, &message.body, now),
            Kind::Words => self.on_words(&caller, &message.body, now),
            Kind::Notice => {}
        }
    }

    /// The final status of a `SendMessage`; 408 when there was none.
    pub fn handle_message_result(&mut self, token: u64, status: u16, now: Instant) {
        let Some(sent) = self.sending.remove(&token) else {
            return;
        };
        let good = (200..300).contains(&status);
        match sent.purpose {
            Duty::Question(id) if !good => self.on_question_undelivered(&id, status, now),
            Duty::Ready(conference) => self.on_asker_told(&conference, good, now),
            Duty::Invitation {
                conference,
                user,
                words,
            } if !good => self.on_not_invited(conference, user, words, status, now),
            Duty::Question(_) | Duty::Invitation { .. } | Duty::Word => {}
        }
    }

    /// The answer to a `Publish`.
    pub fn handle_published(&mut self, token: u64, answer: Answer, now: Instant) {
        let Some(conference) = self.publishing.remove(&token) else {
            return;
        };
        if let Some(running) = self.conferences.get_mut(&conference) {
            running.publication.answered(answer, now);
        }
        self.publish(&conference, now);
    }

    /// We are registered at the IM server, after not having been, and this is our GRUU. What was published before is gone there, so it is
    /// published anew; conferences that run already are learnt, and those that ended meanwhile.
    pub fn handle_registered(&mut self, gruu: &str, wall: UtcMillis, now: Instant) {
        self.gruu = Some(gruu.to_owned());
        self.publishing.clear();
        let running: Vec<ConferenceId> = self.conferences.keys().cloned().collect();
        for id in running {
            if let Some(one) = self.conferences.get_mut(&id) {
                one.publication.forgotten();
            }
            self.publish(&id, now);
            if self.conferences.contains_key(&id) {
                self.ask_state(&id, wall, now);
            }
        }
        self.ask_what_runs(wall, now);
    }

    /// We are not registered any more.
    pub fn handle_unregistered(&mut self) {
        self.gruu = None;
    }

    /// A video server's link told something.
    pub fn handle_server(&mut self, server: &VideoServerName, news: ServerNews, now: Instant) {
        if !self.servers.is_known(server) {
            return;
        }
        match news {
            ServerNews::Announced(says) => self.on_announced(server, says, now),
            ServerNews::Lost(words) => self.on_server_lost(server, &words, now),
            ServerNews::Event(event) => self.on_video(server, event, now),
        }
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, timer)) = self.timers.first().cloned() {
            if at > now {
                break;
            }
            self.timers.remove(&(at, timer.clone()));
            match timer {
                Timer::Ask(conference) => {
                    let due = self.asks.get(&conference).and_then(|ask| ask.deadline);
                    if due.is_some_and(|due| due <= now) {
                        self.on_ask_late(&conference, now);
                    }
                }
                Timer::Question(id) => {
                    let due = self.questions.get(&id).map(|question| question.deadline);
                    if due.is_some_and(|due| due <= now) {
                        self.on_question_late(&id, now);
                    }
                }
                Timer::Sent(token) => {
                    if self
                        .sending
                        .get(&token)
                        .is_some_and(|sent| sent.deadline <= now)
                    {
                        self.handle_message_result(token, 408, now);
                    }
                }
                Timer::Presence(conference) => self.publish(&conference, now),
                Timer::End(conference) => self.on_end_due(&conference, now),
                Timer::Seat(conference) => self.on_seat_due(&conference, now),
            }
        }
        self.replies.expire(now);
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When `handle_timeout` must be called at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Requests that are worked on: none when it may be shut down.
    pub fn asks_under_way(&self) -> usize {
        self.asks.len()
    }

    /// Conferences that run.
    pub fn conferences(&self) -> usize {
        self.conferences.len()
    }

    fn admit(&self, message: &IncomingMessage) -> Result<(Aor, Kind), (u16, &'static str)> {
        // Architecture, decision 6: only an identity that the configured IM server asserts.
        let asserted = message.asserted.as_deref().and_then(identity);
        let user = match asserted {
            Some(user) if message.trusted => user,
            _ => return Err((403, "No Asserted Identity")),
        };
        if identity(&message.from).as_ref() != Some(&user) {
            return Err((403, "From Is Not The Asserted Identity"));
        }
        if user == self.config.identity {
            return Err((403, "Will Not Talk To Myself"));
        }
        if message.body.len() > SOAP_MAX_BYTES {
            return Err((413, "Message Too Large"));
        }
        let content_type = message.content_type.as_deref().unwrap_or("text/plain");
        let bare = content_type.split(';').next().unwrap_or_default();
        let kind = match bare.trim().to_ascii_lowercase().as_str() {
            "text/xml" => Kind::Soap,
            "text/plain" => Kind::Words,
            "application/im-iscomposing+xml" | "message/imdn+xml" => Kind::Notice,
            _ => return Err((415, "Unsupported Media Type")),
        };
        Ok((user, kind))
    }
}

impl Allocator {
    pub(crate) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn answer(&mut self, tx: u64, status: u16, reason: &'static str) {
        self.output(Output::Answer { tx, status, reason });
    }

    pub(crate) fn set_timer(&mut self, at: Instant, timer: Timer) {
        self.timers.insert((at, timer));
    }

    /// Sends a MESSAGE; what becomes of it is told to `purpose`.
    pub(crate) fn send(
        &mut self,
        to: String,
        content_type: &'static str,
        body: Bytes,
        purpose: Duty,
        expires_s: Option<u32>,
        now: Instant,
    ) {
        let token = self.number();
        let deadline = after(now, crate::config::SEND_WAIT);
        self.sending.insert(token, Sent { purpose, deadline });
        self.set_timer(deadline, Timer::Sent(token));
        self.output(Output::SendMessage {
            token,
            to,
            content_type,
            body,
            expires_s,
        });
    }

    /// A few words to somebody; of no consequence.
    pub(crate) fn say(&mut self, user: &Aor, words: String, now: Instant) {
        let body = Bytes::from(words);
        self.send(user.to_uri(), WORDS_TYPE, body, Duty::Word, None, now);
    }

    /// An envelope to a service; the answer comes by the question of this id.
    pub(crate) fn question(
        &mut self,
        to: &Aor,
        id: CommandId,
        envelope: Bytes,
        purpose: Purpose,
        (wait, now): (Duration, Instant),
    ) {
        let deadline = after(now, wait);
        let question = Question {
            purpose,
            envelope: envelope.clone(),
            tries: 1,
            deadline,
        };
        self.questions.insert(id.clone(), question);
        self.set_timer(deadline, Timer::Question(id.clone()));
        let duty = Duty::Question(id);
        self.send(to.to_uri(), names::CONTENT_TYPE, envelope, duty, None, now);
    }

    pub(crate) fn number(&mut self) -> u64 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        number
    }

    /// An id for a message of ours; unique as long as `Config::instance` is.
    #[expect(
        clippy::unwrap_used,
        reason = "letters, digits and a hyphen of bounded length are an id"
    )]
    pub(crate) fn own_id(&mut self) -> CommandId {
        let number = self.number();
        format!("{}-v{number}", self.config.instance)
            .parse()
            .unwrap()
    }

    /// An id for a conference, which nobody can guess.
    #[expect(clippy::unwrap_used, reason = "hexadecimal digits are an id")]
    pub(crate) fn conference_id(&mut self) -> ConferenceId {
        let number = self.number();
        let digest = Sha256::new()
            .chain_update(self.config.seed)
            .chain_update(number.to_be_bytes())
            .finalize();
        let hex: String = digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        hex.parse().unwrap()
    }

    /// A conference's SIP address.
    pub(crate) fn uri_of(&self, conference: &ConferenceId) -> String {
        conference_uri(conference, self.config.identity.domain())
    }

    /// The page by which a browser joins.
    pub(crate) fn link_of(&self, conference: &ConferenceId) -> Option<String> {
        let window = self.config.window.as_deref()?.trim_end_matches('/');
        Some(format!("{window}/join/{conference}"))
    }

    /// Takes up a request.
    pub(crate) fn enter(&mut self, id: ConferenceId, ask: Ask) {
        *self.asks_of.entry(ask.asker.clone()).or_default() += 1;
        self.asks.insert(id, ask);
    }

    /// A request is no longer worked on.
    pub(crate) fn leave(&mut self, id: &ConferenceId) -> Option<Ask> {
        let ask = self.asks.remove(id)?;
        if let Some(count) = self.asks_of.get_mut(&ask.asker) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.asks_of.remove(&ask.asker);
            }
        }
        Some(ask)
    }

    /// Moves a request on, with a time by which something must have happened.
    pub(crate) fn stage(
        &mut self,
        id: &ConferenceId,
        stage: Stage,
        wait: Option<Duration>,
        now: Instant,
    ) {
        let deadline = wait.map(|wait| after(now, wait));
        if let Some(ask) = self.asks.get_mut(id) {
            ask.stage = stage;
            ask.deadline = deadline;
        }
        if let Some(deadline) = deadline {
            self.set_timer(deadline, Timer::Ask(id.clone()));
        }
    }
}

pub(crate) fn after(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait).unwrap_or(now)
}

/// The time of day now: that of some moment, and what has passed since.
pub(crate) fn wall_at(wall: UtcMillis, then: Instant, now: Instant) -> UtcMillis {
    let passed = now.saturating_duration_since(then).as_millis();
    UtcMillis(wall.0.saturating_add(u64::try_from(passed).unwrap_or(0)))
}
