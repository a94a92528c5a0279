//! What the allocator asks the modes service and the conference service, and what they answer and report.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use convoke_types::{CommandId, ConferenceId, Fault, FaultCode, VideoServerName};
use service_core::faults::Whom;
use soap_proto::{
    Answer, Callee, Create, Expires, Headers, Operation, Request, UtcMillis, VideoAnswer,
    VideoOperation, VideoRequest, names, parse_report, parse_response, parse_video_response,
    write_request, write_video_request,
};

use crate::allocator::{Allocator, Caller, Duty, Timer, after};
use crate::config::{COMMAND_LIFE_S, CREATE_TRIES, CREATE_WAIT, MODES_WAIT};
use crate::reasons::{Reason, Service, Silence};

/// A question that waits for its answer.
#[derive(Debug)]
pub(crate) struct Question {
    pub purpose: Purpose,
    /// As it was sent, to be sent again under the same id.
    pub envelope: Bytes,
    pub tries: u8,
    pub deadline: Instant,
}

/// What an answer is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// How people can take part in this conference to be.
    Modes(ConferenceId),
    /// Whether these may be called, for this conference to be.
    Callable(ConferenceId, Vec<Callee>),
    /// It shall be created.
    Create(ConferenceId),
    /// It shall be ended: nothing may be left behind.
    End(ConferenceId),
    /// It shall know that its pictures are at this server, or lost.
    Pictures(ConferenceId, Option<VideoServerName>),
    /// Its state.
    Get(ConferenceId),
    /// What runs already.
    List,
}

impl Allocator {
    /// Something of the conference service or of the modes service.
    pub(crate) fn on_service(&mut self, caller: &Caller, body: &[u8], now: Instant) {
        if caller.user == self.config.modes {
            let Ok(response) = parse_video_response(body) else {
                return;
            };
            let Some((purpose, _)) = self.take(&response.headers) else {
                return;
            };
            return self.on_modes_service(purpose, response.outcome, now);
        }
        if let Ok(message) = parse_report(body) {
            for report in &message.reports {
                self.on_report(report, caller.wall, now);
            }
            return;
        }
        let Ok(response) = parse_response(body) else {
            return;
        };
        let Some((purpose, question)) = self.take(&response.headers) else {
            return;
        };
        match purpose {
            Purpose::Create(conference) => {
                let created = response.outcome.and_then(|answer| match answer {
                    Answer::Done { conference, .. } => Ok(conference),
                    Answer::Get { .. } | Answer::List { .. } => Err(another_answer()),
                });
                match created {
                    // What became of the first time nobody knows.
                    Err(fault) if question.tries > 1 => {
                        let reason = self.create_refused(&conference, fault);
                        self.on_not_created(&conference, reason, now)
                    }
                    created => self.on_created(&conference, created, caller.wall, now),
                }
            }
            Purpose::Get(conference) => match response.outcome {
                Ok(Answer::Get { conference, .. }) => self.on_state(conference, caller.wall, now),
                // It is no more, or was never ours.
                Err(fault) if is_gone(&fault) => self.on_over(&conference, now),
                // A passing fault says nothing of the conference: it is asked again when its presence is renewed.
                Err(_) => {}
                Ok(Answer::Done { .. } | Answer::List { .. }) => {}
            },
            Purpose::List => {
                if let Ok(Answer::List { conferences }) = response.outcome {
                    self.on_what_runs(conferences, caller.wall, now);
                }
            }
            Purpose::Pictures(conference, told) => match response.outcome {
                Ok(Answer::Done {
                    conference: state, ..
                }) => {
                    self.learn(state, now);
                    self.on_pictures_told(&conference, &told, now);
                }
                Err(fault) if is_gone(&fault) => self.ask_state(&conference, caller.wall, now),
                // It is told again when its presence is renewed.
                Err(_) | Ok(Answer::Get { .. } | Answer::List { .. }) => {}
            },
            Purpose::End(conference) => match response.outcome {
                Err(fault) if !is_gone(&fault) => self.on_not_ended(&conference, now),
                Ok(_) | Err(_) => self.on_ended(&conference),
            },
            Purpose::Modes(_) | Purpose::Callable(..) => {}
        }
    }

    fn on_modes_service(
        &mut self,
        purpose: Purpose,
        outcome: Result<VideoAnswer, Fault>,
        now: Instant,
    ) {
        match purpose {
            Purpose::Modes(conference) => {
                let people = outcome.and_then(|answer| match answer {
                    VideoAnswer::Modes(people) => Ok(people),
                    _ => Err(another_answer()),
                });
                let people = people.map_err(|fault| modes_refused(Service::Modes, fault));
                self.on_modes(&conference, people, now);
            }
            Purpose::Callable(conference, callees) => {
                let judged = outcome.and_then(|answer| match answer {
                    VideoAnswer::Callable(all) if all.len() == callees.len() => {
                        Ok(callees.into_iter().zip(all).collect::<BTreeMap<_, _>>())
                    }
                    _ => Err(another_answer()),
                });
                let judged = judged.map_err(|fault| modes_refused(Service::Callable, fault));
                self.on_callable(&conference, judged, now);
            }
            // It is not asked for these.
            Purpose::Create(_)
            | Purpose::End(_)
            | Purpose::Pictures(..)
            | Purpose::Get(_)
            | Purpose::List => {}
        }
    }

    /// The question that this answers.
    fn take(&mut self, headers: &Headers) -> Option<(Purpose, Question)> {
        let question = self.questions.remove(headers.relates_to.as_ref()?)?;
        Some((question.purpose.clone(), question))
    }

    /// The service does not take the question now: as good as no answer.
    pub(crate) fn on_question_undelivered(&mut self, id: &CommandId, status: u16, now: Instant) {
        if let Some(question) = self.questions.remove(id) {
            self.unanswered(question.purpose, Silence::Undelivered(status), now);
        }
    }

    /// The service does not answer. A command is sent once more: its first answer may have been lost.
    pub(crate) fn on_question_late(&mut self, id: &CommandId, now: Instant) {
        let Some(question) = self.questions.get_mut(id) else {
            return;
        };
        let repeats = matches!(
            question.purpose,
            Purpose::Create(_) | Purpose::End(_) | Purpose::Pictures(..)
        );
        if repeats && question.tries < CREATE_TRIES {
            question.tries = question.tries.saturating_add(1);
            question.deadline = after(now, CREATE_WAIT);
            let (deadline, envelope) = (question.deadline, question.envelope.clone());
            self.set_timer(deadline, Timer::Question(id.clone()));
            let to = self.config.conference.to_uri();
            let duty = Duty::Question(id.clone());
            self.send(to, names::CONTENT_TYPE, envelope, duty, None, now);
            return;
        }
        if let Some(question) = self.questions.remove(id) {
            self.unanswered(question.purpose, Silence::Late, now);
        }
    }

    fn unanswered(&mut self, purpose: Purpose, silence: Silence, now: Instant) {
        let by = |service| Reason::Unanswered(service, silence);
        match purpose {
            Purpose::Modes(conference) => {
                self.on_modes(&conference, Err(by(Service::Modes)), now);
            }
            Purpose::Callable(conference, _) => {
                self.on_callable(&conference, Err(by(Service::Callable)), now);
            }
            Purpose::Create(conference) => {
                self.on_not_created(&conference, by(Service::Conference), now);
            }
            Purpose::End(conference) => self.on_not_ended(&conference, now),
            // It is asked, and told, again when its presence is renewed.
            Purpose::Get(_) | Purpose::List | Purpose::Pictures(..) => {}
        }
    }

    pub(crate) fn ask_modes(
        &mut self,
        conference: &ConferenceId,
        people: Vec<String>,
        now: Instant,
    ) {
        let purpose = Purpose::Modes(conference.clone());
        if let Err(fault) = self.ask_modes_service(VideoOperation::Modes(people), purpose, now) {
            self.on_modes(conference, Err(modes_refused(Service::Modes, fault)), now);
        }
    }

    pub(crate) fn ask_callable(
        &mut self,
        conference: &ConferenceId,
        callees: Vec<Callee>,
        now: Instant,
    ) {
        let purpose = Purpose::Callable(conference.clone(), callees.clone());
        if let Err(fault) = self.ask_modes_service(VideoOperation::Callable(callees), purpose, now)
        {
            let refused = modes_refused(Service::Callable, fault);
            self.on_callable(conference, Err(refused), now);
        }
    }

    fn ask_modes_service(
        &mut self,
        operation: VideoOperation,
        purpose: Purpose,
        now: Instant,
    ) -> Result<(), Fault> {
        let id = self.own_id();
        let mut request = VideoRequest::new(operation, id.clone());
        request.headers.reply_to = self.gruu.clone();
        let envelope = write_video_request(&request).map_err(Fault::from)?;
        let to = self.config.modes.clone();
        self.question(&to, id, envelope.into(), purpose, (MODES_WAIT, now));
        Ok(())
    }

    pub(crate) fn ask_create(
        &mut self,
        conference: &ConferenceId,
        create: Create,
        wall: UtcMillis,
        now: Instant,
    ) {
        let purpose = Purpose::Create(conference.clone());
        if let Err(fault) = self.command(Operation::Create(create), purpose, wall, now) {
            let reason = self.create_refused(conference, fault);
            self.on_not_created(conference, reason, now);
        }
    }

    pub(crate) fn ask_state(&mut self, conference: &ConferenceId, wall: UtcMillis, now: Instant) {
        let purpose = Purpose::Get(conference.clone());
        if self
            .questions
            .values()
            .any(|question| question.purpose == purpose)
        {
            return;
        }
        let get = Operation::Get {
            conference: conference.clone(),
            since: None,
            wait_ms: None,
            first: None,
        };
        let _ = self.command(get, purpose, wall, now);
    }

    pub(crate) fn ask_what_runs(&mut self, wall: UtcMillis, now: Instant) {
        let _ = self.command(Operation::List, Purpose::List, wall, now);
    }

    pub(crate) fn command(
        &mut self,
        operation: Operation,
        purpose: Purpose,
        wall: UtcMillis,
        now: Instant,
    ) -> Result<(), Fault> {
        let id = self.own_id();
        let is_command = operation.name().is_command();
        let mut request = Request::new(operation, id.clone());
        request.headers.reply_to = self.gruu.clone();
        request.headers.expires = is_command.then_some(Expires {
            sent: wall,
            seconds: COMMAND_LIFE_S,
        });
        let envelope = write_request(&request).map_err(Fault::from)?;
        let to = self.config.conference.clone();
        self.question(&to, id, envelope.into(), purpose, (CREATE_WAIT, now));
        Ok(())
    }
}

/// The modes service refuses, which is told by itself about nobody of whom it was asked.
fn modes_refused(service: Service, fault: Fault) -> Reason {
    Reason::Refused(service, fault, Whom::One)
}

/// Whether the conference service does not know the conference, or not as ours.
fn is_gone(fault: &Fault) -> bool {
    matches!(
        fault.code,
        FaultCode::UnknownConference | FaultCode::NotAllowed
    )
}

fn another_answer() -> Fault {
    Fault::new(
        FaultCode::Internal,
        "the answer to what was asked",
        "another one",
    )
}
