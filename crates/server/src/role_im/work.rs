//! What the IM server's core asks of the store. The log is written by the store's own thread, whose answers come back without a
//! task for each message; the rest goes through a few lanes, in order for each person.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use convoke_types::{Aor, Mode, ModeSource};
use im_core::{
    AccountInfo, DevicePassword, Event, KeptMessage, LookupToken, SavedBinding, StoreFault,
    StoreOp, StoreToken, Stored, Token,
};
use runtime::clock;
use runtime::tasks::Tasks;
use sip_proto::FlowId;
use sip_proto::auth::Credential;
use store::{
    AccountKind, Direction, MessageId, NewMessage, PersonMode, Store, StoreError, StoredBinding,
};
use tokio::sync::mpsc;

use super::Input;

/// Lanes for questions other than the log's.
const LANES: usize = 8;
/// Questions that may wait in one lane; more are answered as overload at once.
const LANE_MAX: usize = 8_192;

/// What the core wants of others.
#[derive(Debug)]
pub(crate) enum Work {
    Store {
        token: StoreToken,
        op: StoreOp,
    },
    Lookup {
        token: LookupToken,
        aor: Arc<str>,
    },
    Event(Event),
    /// A connection that may be silent, or no longer.
    Keep {
        flow: FlowId,
        kept: bool,
    },
    /// Nothing is under way any more.
    Drained,
}

/// A question for a lane.
enum Question {
    Lookup {
        token: LookupToken,
        aor: Arc<str>,
    },
    Bindings {
        token: StoreToken,
        aor: Arc<str>,
        bindings: Vec<SavedBinding>,
    },
    Pending {
        token: StoreToken,
        aor: Arc<str>,
        after: Option<i64>,
        limit: usize,
    },
    /// A device of theirs that can call has registered (requirement V7). Nobody waits for it.
    Mode {
        aor: Arc<str>,
        video: bool,
        at: i64,
    },
}

/// Carries questions to the store and answers to the core.
pub(crate) struct StoreWork {
    store: Store,
    answers: mpsc::Sender<Input>,
    lanes: Vec<mpsc::Sender<Question>>,
}

impl StoreWork {
    pub(crate) fn start(store: Store, answers: mpsc::Sender<Input>, tasks: &Tasks) -> Self {
        let lanes = (0..LANES)
            .map(|number| {
                let (sender, receiver) = mpsc::channel(LANE_MAX);
                let lane = Lane {
                    store: store.clone(),
                    answers: answers.clone(),
                };
                tasks.spawn_vital(format!("im store lane {number}"), lane.run(receiver));
                sender
            })
            .collect();
        Self {
            store,
            answers,
            lanes,
        }
    }

    pub(crate) fn store(&self, token: StoreToken, op: StoreOp) {
        match op {
            StoreOp::LogMessage(logged) => {
                let answers = self.answers.clone();
                let message = NewMessage {
                    at: logged.at_unix_ms,
                    from: logged.from,
                    to: logged.to,
                    device: logged.device,
                    content_type: logged.content_type,
                    body: logged.body,
                    direction: Direction::Relayed,
                    control: logged.control,
                    keep: logged.keep,
                };
                self.store.log_message_then(message, move |result| {
                    let result = result.map(|MessageId(id)| Stored::Logged(id));
                    answer(&answers, Input::Stored(token, result.map_err(fault)));
                });
            }
            StoreOp::MarkDelivered {
                id,
                device,
                at_unix_ms,
            } => {
                let answers = self.answers.clone();
                self.store
                    .mark_delivered_then(MessageId(id), &device, at_unix_ms, move |result| {
                        let result = result.map(|()| Stored::Done);
                        answer(&answers, Input::Stored(token, result.map_err(fault)));
                    });
            }
            StoreOp::SaveBindings { aor, bindings } => self.ask(Question::Bindings {
                token,
                aor,
                bindings,
            }),
            StoreOp::FetchPending { aor, after, limit } => self.ask(Question::Pending {
                token,
                aor,
                after,
                limit,
            }),
        }
    }

    pub(crate) fn lookup(&self, token: LookupToken, aor: Arc<str>) {
        self.ask(Question::Lookup { token, aor });
    }

    /// What an event says of people's modes is written down.
    pub(crate) fn note(&self, event: &Event) {
        if let Event::Registered {
            aor,
            new: true,
            can,
            ..
        } = event
            && can.calls
        {
            self.ask(Question::Mode {
                aor: aor.clone(),
                video: can.video,
                at: clock::unix_ms(clock::wall()),
            });
        }
    }

    fn ask(&self, question: Question) {
        let mut hasher = DefaultHasher::new();
        question.aor().hash(&mut hasher);
        let lanes = u64::try_from(self.lanes.len()).unwrap_or(1).max(1);
        let number = usize::try_from(hasher.finish() % lanes).unwrap_or(0);
        let Some(lane) = self.lanes.get(number) else {
            return;
        };
        if let Err(refused) = lane.try_send(question)
            && let Some(overloaded) = refused.into_inner().refused(StoreFault::Overloaded)
        {
            answer(&self.answers, overloaded);
        }
    }
}

impl Question {
    fn aor(&self) -> &str {
        match self {
            Question::Lookup { aor, .. }
            | Question::Bindings { aor, .. }
            | Question::Pending { aor, .. }
            | Question::Mode { aor, .. } => aor,
        }
    }

    fn refused(&self, fault: StoreFault) -> Option<Input> {
        match self {
            Question::Lookup { token, .. } => Some(Input::LookedUp(*token, Err(fault))),
            Question::Bindings { token, .. } | Question::Pending { token, .. } => {
                Some(Input::Stored(*token, Err(fault)))
            }
            // It is noted at the next registration.
            Question::Mode { .. } => None,
        }
    }
}

struct Lane {
    store: Store,
    answers: mpsc::Sender<Input>,
}

impl Lane {
    /// Ends when the core has ended, after the last question: what was registered is stored.
    async fn run(self, mut questions: mpsc::Receiver<Question>) {
        while let Some(question) = questions.recv().await {
            let input = match question {
                Question::Lookup { token, aor } => {
                    Input::LookedUp(token, self.account(&aor).await.map_err(fault))
                }
                Question::Bindings {
                    token,
                    aor,
                    bindings,
                } => {
                    let saved = self.save_bindings(&aor, bindings).await;
                    Input::Stored(token, saved.map(|()| Stored::Done).map_err(fault))
                }
                Question::Pending {
                    token,
                    aor,
                    after,
                    limit,
                } => {
                    let pending = self.pending(&aor, after, limit).await;
                    Input::Stored(token, pending.map(Stored::Pending).map_err(fault))
                }
                Question::Mode { aor, video, at } => {
                    self.note_mode(&aor, video, at).await;
                    continue;
                }
            };
            answer(&self.answers, input);
        }
    }

    async fn account(&self, aor: &str) -> Result<Option<AccountInfo>, StoreError> {
        let Ok(aor) = aor.parse::<Aor>() else {
            return Ok(None);
        };
        let Some((account, passwords)) = self.store.credentials(&aor).await? else {
            return Ok(None);
        };
        let passwords = passwords.into_iter().map(|(id, ha1)| DevicePassword {
            id,
            credential: Credential {
                md5: Some(ha1.md5),
                sha256: Some(ha1.sha256),
                sha512_256: Some(ha1.sha512_256),
            },
        });
        // Read after the account: one that is revoked in between is told as a change, after which the account is read anew.
        let now = clock::unix_ms(clock::wall());
        let tokens = self.store.session_tokens(&aor, now).await?;
        let tokens = tokens.into_iter().map(|token| Token {
            id: token.id,
            sha256: token.hash,
            until_unix_ms: token.expires_at,
        });
        Ok(Some(AccountInfo {
            service: account.kind == AccountKind::Service,
            name: account.display_name,
            language: account.language,
            passwords: passwords.collect(),
            tokens: tokens.collect(),
        }))
    }

    async fn note_mode(&self, aor: &str, video: bool, at: i64) {
        let Ok(aor) = aor.parse::<Aor>() else {
            return;
        };
        let mode = PersonMode {
            mode: Mode::Computer,
            address: String::new(),
            place: String::new(),
            source: ModeSource::Registration,
            video,
            last_seen: at,
        };
        if let Err(error) = self.store.note_mode(&aor, mode).await {
            tracing::warn!(%error, "a mode was not noted");
        }
    }

    async fn save_bindings(
        &self,
        aor: &str,
        bindings: Vec<SavedBinding>,
    ) -> Result<(), StoreError> {
        let Ok(aor) = aor.parse::<Aor>() else {
            return Ok(());
        };
        let rows = bindings.into_iter().map(|saved| StoredBinding {
            contact: saved.contact,
            instance: saved.instance,
            reg_id: saved.reg_id,
            q_permille: saved.q_permille,
            call_id: saved.call_id,
            cseq: saved.cseq,
            expires_at: saved.expires_at_unix_ms,
            path: saved.path,
            flow: saved.flow,
            user_agent: saved.user_agent,
            password: saved.password,
        });
        self.store.save_bindings(&aor, rows.collect()).await
    }

    async fn pending(
        &self,
        aor: &str,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Vec<KeptMessage>, StoreError> {
        let pending = self.store.pending_for(aor, after.map(MessageId), limit);
        let pending = pending.await?;
        let senders: BTreeSet<_> = pending.iter().map(|m| m.logged.from.clone()).collect();
        let names = match senders.is_empty() {
            true => BTreeMap::new(),
            false => self.store.display_names(senders).await?,
        };
        let kept = pending.into_iter().map(|message| KeptMessage {
            id: message.id.0,
            at_unix_ms: message.logged.at,
            name: names.get(&message.logged.from).cloned().unwrap_or_default(),
            from: message.logged.from,
            content_type: message.logged.content_type,
            body: message.logged.body,
        });
        Ok(kept.collect())
    }
}

/// A binding that a former process saved, in the core's words.
pub(crate) fn saved_binding((aor, stored): (Aor, StoredBinding)) -> (Arc<str>, SavedBinding) {
    let saved = SavedBinding {
        contact: stored.contact,
        instance: stored.instance,
        reg_id: stored.reg_id,
        q_permille: stored.q_permille,
        call_id: stored.call_id,
        cseq: stored.cseq,
        expires_at_unix_ms: stored.expires_at,
        path: stored.path,
        flow: stored.flow,
        user_agent: stored.user_agent,
        password: stored.password,
    };
    (aor.to_string().into(), saved)
}

/// The queue holds more than the core has questions under way, so it is full only when the core has stopped.
fn answer(answers: &mpsc::Sender<Input>, input: Input) {
    if answers.try_send(input).is_err() {
        tracing::debug!("an answer of the store found the IM server gone");
    }
}

fn fault(error: StoreError) -> StoreFault {
    match error {
        StoreError::Overloaded => StoreFault::Overloaded,
        other => {
            tracing::error!(error = %other, "store");
            StoreFault::Failed
        }
    }
}
