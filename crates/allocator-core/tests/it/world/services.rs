//! The services beside the allocator: of modes, of conferences, and the video servers, as far as a test lets them work.

use allocator_core::ServerNews;
use bytes::Bytes;
use convoke_types::report::{Change, Report};
use convoke_types::video::{Refusal, VideoCommand, VideoEvent};
use convoke_types::{CommandId, Fault, FaultCode, Role, VideoServerName};
use soap_proto::{
    Answer, AskedPerson, Callee, ConferenceState, Create, KnownPerson, Operation,
    ParticipantSnapshot, Request, Response, Snapshot, UtcMillis, VideoAnswer, VideoOperation,
    VideoRequest, VideoResponse, Who, names, parse_request, parse_video_request, write_response,
    write_video_response,
};

use super::*;

impl World {
    pub(super) fn modes_asked(&mut self, body: &[u8]) {
        let request = parse_video_request(body).unwrap();
        assert_eq!(request.headers.reply_to.as_deref(), Some(GRUU));
        let asked = match &request.operation {
            VideoOperation::Modes(asked) => asked,
            VideoOperation::Callable(callees) => return self.callable_asked(&request, callees),
            other => panic!("the modes service was asked for {}", other.name()),
        };
        let known = |name: &String| {
            let bare = name.split('@').next().unwrap();
            let modes = self.people.get(bare)?;
            Some(KnownPerson {
                user: aor(bare),
                name: bare.to_uppercase(),
                language: (*self.languages.get(bare).unwrap_or(&"en")).to_owned(),
                modes: modes.clone(),
            })
        };
        let people = asked.iter().map(|name| AskedPerson {
            asked: name.clone(),
            known: known(name),
        });
        let outcome = match self.modes {
            Service::Good => Ok(VideoAnswer::Modes(people.collect())),
            Service::Refuses => Err(Fault::new(FaultCode::Internal, "a database", "none")),
            Service::Mute | Service::Away => return,
        };
        let body = write_video_response(&VideoResponse::to(&request.headers, outcome));
        self.take(&aor("modes"), names::CONTENT_TYPE, body.into());
    }

    pub(super) fn callable_asked(&mut self, request: &VideoRequest, callees: &[Callee]) {
        let known = self.refused.filter(|_| !self.refused_late);
        let may = |callee: &Callee| match (callee, known) {
            (Callee::Sip(uri), Some(host)) => !uri.contains(host),
            (Callee::Number(number), Some(prefix)) => !number.starts_with(prefix),
            (_, None) => true,
        };
        let outcome = Ok(VideoAnswer::Callable(callees.iter().map(may).collect()));
        let body = write_video_response(&VideoResponse::to(&request.headers, outcome));
        self.take(&aor("modes"), names::CONTENT_TYPE, body.into());
    }

    pub(super) fn conference_asked(&mut self, body: &[u8]) {
        let request = parse_request(body).unwrap();
        let id = request.headers.message_id.clone().unwrap();
        if self.conference == Service::Refuses {
            let fault = self.refusal.clone();
            return self.answer_conference(
                &id,
                &write_response(&Response::to(&request.headers, Err(fault))),
            );
        }
        if let Some(before) = self.answered.get(&id).cloned() {
            return self.answer_conference(&id, &before);
        }
        let outcome = self.operate(&request);
        let answer = write_response(&Response::to(&request.headers, outcome));
        self.answered.insert(id.clone(), answer.clone());
        self.answer_conference(&id, &answer);
    }

    pub(super) fn answer_conference(&mut self, _id: &CommandId, answer: &[u8]) {
        if self.conference != Service::Mute {
            let body = Bytes::copy_from_slice(answer);
            self.take(&aor("conference"), names::CONTENT_TYPE, body);
        }
    }

    pub(super) fn operate(&mut self, request: &Request) -> Result<Answer, Fault> {
        let unknown = || Fault::new(FaultCode::UnknownConference, "a conference", "none");
        match &request.operation {
            Operation::Create(create) => {
                let refused = |party: &soap_proto::Party| match (&party.who, self.refused) {
                    (Who::Sip(uri), Some(host)) => uri.contains(host),
                    (Who::Number(number), Some(prefix)) => number.starts_with(prefix),
                    _ => false,
                };
                if let Some(n) = create.participants.iter().position(refused) {
                    let came = format!("an address with {}", self.refused.unwrap());
                    let expected = "what may be called from here";
                    let fault = Fault::new(FaultCode::NumberRefused, expected, came);
                    // The initiator comes first.
                    return Err(fault.about(1 + n));
                }
                self.creates += 1;
                let snapshot = made(create);
                let id = snapshot.id.clone();
                self.running.insert(id, (create.clone(), snapshot.clone()));
                Ok(Answer::Done {
                    operation: soap_proto::OperationName::Create,
                    conference: snapshot,
                })
            }
            Operation::End { conference } => {
                let (_, snapshot) = self.running.remove(conference).ok_or_else(unknown)?;
                self.ended.insert(conference.clone());
                Ok(Answer::Done {
                    operation: soap_proto::OperationName::End,
                    conference: snapshot,
                })
            }
            Operation::Pictures {
                conference,
                video,
                words,
            } => {
                let change = Change::Pictures {
                    video: video.clone(),
                    words: words.clone().unwrap_or_default(),
                };
                self.told.push((conference.clone(), change.clone()));
                let (_, snapshot) = self.running.get_mut(conference).ok_or_else(unknown)?;
                let report = Report {
                    conference: conference.clone(),
                    version: snapshot.version + 1,
                    participant: None,
                    change,
                    command: None,
                };
                snapshot.apply(&report, UtcMillis(0));
                Ok(Answer::Done {
                    operation: soap_proto::OperationName::Pictures,
                    conference: snapshot.clone(),
                })
            }
            Operation::Get { conference, .. } => {
                if let Some(code) = self.get_fault {
                    return Err(Fault::new(code, "a state", "none"));
                }
                let (_, snapshot) = self.running.get(conference).ok_or_else(unknown)?;
                Ok(Answer::Get {
                    conference: snapshot.clone(),
                    reports: vec![],
                })
            }
            Operation::List => {
                let all = self.running.values().map(|(_, snapshot)| snapshot.clone());
                Ok(Answer::List {
                    conferences: all.collect(),
                })
            }
            other => panic!("the allocator asks for {}", other.name()),
        }
    }

    pub(super) fn video(&mut self, at: &VideoServerName, command: VideoCommand) {
        if !self.up.contains(at) {
            return;
        }
        let event = match command {
            VideoCommand::Prepare {
                conference,
                serial,
                guests,
                ..
            } => {
                self.serials.push(serial);
                match self.prepares.get(at).copied().unwrap_or(Prepares::Well) {
                    Prepares::Well => {
                        self.rooms.insert((at.clone(), conference.clone()), guests);
                        VideoEvent::Prepared { conference, serial }
                    }
                    Prepares::Never => {
                        // It may have made the room all the same.
                        self.rooms.insert((at.clone(), conference), guests);
                        return;
                    }
                    Prepares::Full => VideoEvent::Refused {
                        conference,
                        serial,
                        refusal: Refusal::Full,
                        words: "it is full".to_owned(),
                    },
                    Prepares::Nonsense => VideoEvent::Refused {
                        conference,
                        serial,
                        refusal: Refusal::Nonsense,
                        words: "what it says makes no sense".to_owned(),
                    },
                    Prepares::Unsuitable => VideoEvent::Refused {
                        conference,
                        serial,
                        refusal: Refusal::Unsuitable,
                        words: "Test 0 is too old".to_owned(),
                    },
                }
            }
            VideoCommand::End { conference } => {
                self.rooms.remove(&(at.clone(), conference.clone()));
                VideoEvent::Ended {
                    conference,
                    lost: None,
                }
            }
            other => panic!("the allocator commands {other:?}"),
        };
        self.step("video server", "allocator", event_name(&event));
        self.allocator
            .handle_server(at, ServerNews::Event(event), self.now);
    }
}

/// The conference that a `create` makes.
pub(super) fn made(create: &Create) -> Snapshot {
    let parties = std::iter::once(&create.initiator).chain(&create.participants);
    let participant = |(n, party): (usize, &soap_proto::Party)| ParticipantSnapshot {
        id: format!("p{}", n + 1).parse().unwrap(),
        name: party
            .name
            .clone()
            .unwrap_or_else(|| "Number …07".to_owned()),
        user: match &party.who {
            Who::Person(person) => person.parse().ok(),
            Who::Number(_) | Who::Sip(_) => None,
        },
        place: party.place.clone().unwrap_or_else(|| "work".to_owned()),
        role: if n == 0 {
            Role::Owner
        } else {
            Role::Participant
        },
        muted: false,
        muted_by: None,
        talking: false,
        silent: false,
        hidden: false,
        hand: None,
        hand_since: None,
        leg: None,
        moving: None,
    };
    let participants: Vec<_> = parties.enumerate().map(participant).collect();
    Snapshot {
        id: create.conference.clone().unwrap(),
        title: create.title.clone().unwrap_or_default(),
        state: ConferenceState::Starting,
        locked: false,
        pictures_lost: false,
        sound_moves: 0,
        absent: vec![],
        video: create.video.clone(),
        version: 3,
        count: u32::try_from(participants.len()).unwrap(),
        first: 0,
        participants,
    }
}
