//! Commands of people, in words: each becomes requests to the conference service, and its answer becomes words again.

use std::time::Instant;

use bytes::Bytes;
use convoke_types::{Fault, LegState, ParticipantId};
use soap_proto::{
    Answer, ConferenceState, Create, Expires, Operation, ParticipantSnapshot, Party, Request,
    Response, Snapshot, Who,
};

use crate::address::{Subscriber, words_address};
use crate::config::WORDS_LIFE_S;
use crate::device::Item;
use crate::gateway::{Call, Caller, Gateway, Purpose, as_text};
use crate::words::Language;
use crate::words::parse::{Command, Said, parse};
use crate::words::speak::{self, Did};

/// Most further pages of a long roster that are fetched to find one name.
const PAGES_MAX: usize = 20;

/// What the answer under way is for.
#[derive(Debug)]
pub(crate) enum Talk {
    /// `create` was sent.
    Create { language: Language },
    /// The user's conferences are being learnt, to find out which one and who is meant.
    Find {
        said: Said,
        conferences: Vec<Snapshot>,
        pages: usize,
    },
    /// The command itself was sent.
    Act { language: Language, did: Did },
}

impl Gateway {
    pub(crate) fn words_message(
        &mut self,
        caller: &Caller,
        body: &Bytes,
        late: bool,
        now: Instant,
    ) {
        self.devices.spoke(&caller.user.to_uri(), now);
        let Some(text) = as_text(body) else {
            return self.say(caller, speak::not_text(), now);
        };
        let said = match parse(text) {
            Ok(said) => said,
            Err(confusion) => return self.say(caller, speak::confusion(&confusion), now),
        };
        let language = said.language;
        if said.command == Command::Help {
            return self.say(caller, speak::help(language), now);
        }
        if late {
            return self.say(caller, speak::late(language), now);
        }
        let done = match &said.command {
            Command::Call(parties) => self.start(caller, language, parties.clone(), now),
            _ => {
                let find = Talk::Find {
                    said,
                    conferences: Vec::new(),
                    pages: 0,
                };
                self.ask(caller, Operation::List, language, find, now)
            }
        };
        if let Err(fault) = done {
            self.say(caller, speak::fault(&fault, language), now);
        }
    }

    pub(crate) fn words_result(
        &mut self,
        call: &Call,
        talk: &Talk,
        outcome: Result<Response, Fault>,
        now: Instant,
    ) {
        let caller = Caller {
            user: call.user.clone(),
            request_id: call.request_id.clone(),
            wall: call.wall_at(now),
        };
        let language = match talk {
            Talk::Create { language } | Talk::Act { language, .. } => *language,
            Talk::Find { said, .. } => said.language,
        };
        let done = outcome
            .and_then(|response| response.outcome)
            .and_then(|answer| self.words_answer(&caller, talk, answer, now));
        if let Err(fault) = done {
            self.say(&caller, speak::fault(&fault, language), now);
        }
    }

    fn words_answer(
        &mut self,
        caller: &Caller,
        talk: &Talk,
        answer: Answer,
        now: Instant,
    ) -> Result<(), Fault> {
        match (talk, answer) {
            (Talk::Create { language }, Answer::Done { conference, .. }) => {
                let subscriber = Subscriber::Person(caller.user.clone(), *language);
                self.subscribe(conference.id.clone(), subscriber, None);
                self.say(
                    caller,
                    speak::calling(&conference, &caller.user, *language),
                    now,
                );
                Ok(())
            }
            (Talk::Act { language, did }, Answer::Done { .. }) => {
                self.say(caller, speak::did(did, *language), now);
                Ok(())
            }
            (Talk::Find { said, pages, .. }, Answer::List { conferences }) => {
                let running = conferences
                    .into_iter()
                    .filter(|c| c.state != ConferenceState::Ended)
                    .collect();
                self.find(caller, said, running, *pages, now)
            }
            (
                Talk::Find {
                    said,
                    conferences,
                    pages,
                },
                Answer::Get { conference, .. },
            ) => {
                let mut conferences = conferences.clone();
                for known in conferences.iter_mut().filter(|c| c.id == conference.id) {
                    // An empty page ends the search even if somebody left meanwhile.
                    if conference.participants.is_empty() {
                        known.count = u32::try_from(known.participants.len()).unwrap_or(u32::MAX);
                    }
                    known
                        .participants
                        .extend(conference.participants.iter().cloned());
                }
                self.find(caller, said, conferences, pages.saturating_add(1), now)
            }
            (Talk::Create { .. } | Talk::Act { .. } | Talk::Find { .. }, _) => Err(Fault::new(
                convoke_types::FaultCode::Internal,
                "the answer to what was asked",
                "another one",
            )),
        }
    }

    fn start(
        &mut self,
        caller: &Caller,
        language: Language,
        participants: Vec<Party>,
        now: Instant,
    ) -> Result<(), Fault> {
        let create = Operation::Create(Create {
            title: None,
            initiator: Party::of(Who::Person(caller.user.to_string())),
            participants,
            policy: None,
            payer: None,
            account: None,
        });
        self.ask(caller, create, language, Talk::Create { language }, now)
    }

    /// With what is known of the user's conferences: asks for more of a roster, does what was said, or says why not.
    fn find(
        &mut self,
        caller: &Caller,
        said: &Said,
        conferences: Vec<Snapshot>,
        pages: usize,
        now: Instant,
    ) -> Result<(), Fault> {
        let language = said.language;
        let whole_roster = !matches!(
            said.command,
            Command::Add(_)
                | Command::End
                | Command::Lock
                | Command::Unlock
                | Command::MuteAll
                | Command::UnmuteAll
                | Command::DropAll
        );
        let cut = conferences.iter().find(|c| {
            let have = u32::try_from(c.participants.len()).unwrap_or(u32::MAX);
            have < c.count
        });
        if let Some(cut) = cut
            && whole_roster
            && pages < PAGES_MAX
        {
            let page = Operation::Get {
                conference: cut.id.clone(),
                since: None,
                wait_ms: None,
                first: u32::try_from(cut.participants.len()).ok(),
            };
            let find = Talk::Find {
                said: said.clone(),
                conferences,
                pages,
            };
            return self.ask(caller, page, language, find, now);
        }
        let words = match decide(said, &conferences, caller) {
            Decision::Do(operation, did) => {
                return self.ask(
                    caller,
                    operation,
                    language,
                    Talk::Act { language, did },
                    now,
                );
            }
            Decision::Say(words) => words,
        };
        self.say(caller, words, now);
        Ok(())
    }

    fn ask(
        &mut self,
        caller: &Caller,
        operation: Operation,
        language: Language,
        talk: Talk,
        now: Instant,
    ) -> Result<(), Fault> {
        let id = self.own_id().ok_or_else(|| {
            let expected = "an instance of letters and digits";
            Fault::new(convoke_types::FaultCode::Internal, expected, "another one")
        })?;
        let command = operation.name().is_command();
        let mut request = Request::new(operation, id.clone());
        request.headers.reply_to = Some(words_address(&caller.user, language));
        if command {
            self.remember_command(id, caller.user.clone());
            request.headers.expires = Some(Expires {
                sent: caller.wall,
                seconds: WORDS_LIFE_S,
            });
        }
        self.call(caller, request, Purpose::Words(talk), now)
    }

    /// Words go to the address of record: any of the person's devices may show them.
    fn say(&mut self, caller: &Caller, words: String, now: Instant) {
        self.devices
            .push(&caller.user.to_uri(), Item::Words(words), now);
    }
}

enum Decision {
    Do(Operation, Did),
    Say(String),
}

fn decide(said: &Said, conferences: &[Snapshot], caller: &Caller) -> Decision {
    let language = said.language;
    if conferences.is_empty() {
        return Decision::Say(speak::no_conference(language));
    }
    let chosen: Vec<&Snapshot> = match said.which {
        Some(n) => conferences
            .iter()
            .skip(n.saturating_sub(1))
            .take(1)
            .collect(),
        None => conferences.iter().collect(),
    };
    let one = match chosen.as_slice() {
        [] => return Decision::Say(speak::which(conferences, language)),
        [one] => Some(*one),
        _ => None,
    };
    match (&said.command, one) {
        (Command::Who, _) => Decision::Say(speak::who(&chosen, caller.wall, language)),
        (Command::Add(parties), Some(one)) => Decision::Do(
            Operation::Add {
                conference: one.id.clone(),
                participants: parties.clone(),
            },
            Did::Added(parties.clone()),
        ),
        (
            Command::End
            | Command::Lock
            | Command::Unlock
            | Command::MuteAll
            | Command::UnmuteAll
            | Command::DropAll,
            Some(one),
        ) => whole(&said.command, one),
        (
            Command::Add(_)
            | Command::End
            | Command::Lock
            | Command::Unlock
            | Command::MuteAll
            | Command::UnmuteAll
            | Command::DropAll,
            None,
        ) => Decision::Say(speak::which(conferences, language)),
        (Command::RaiseHand | Command::LowerHand(None) | Command::Decline(_), _) => {
            own(&said.command, &chosen, conferences, caller, language)
        }
        (
            Command::Redial(name)
            | Command::Mute(name)
            | Command::Unmute(name)
            | Command::Drop(name)
            | Command::Remove(name)
            | Command::LowerHand(Some(name))
            | Command::Floor(name)
            | Command::Promote(name)
            | Command::HandOver(name),
            _,
        ) => {
            let found: Vec<(&Snapshot, &ParticipantSnapshot)> = chosen
                .iter()
                .flat_map(|c| matches(c, name, caller).into_iter().map(move |p| (*c, p)))
                .collect();
            match found.as_slice() {
                [(conference, participant)] => act(&said.command, conference, participant),
                [] => Decision::Say(speak::nobody(name, &chosen, language)),
                [(a, _), (b, _), ..] if a.id != b.id => {
                    Decision::Say(speak::which(conferences, language))
                }
                several => {
                    let people: Vec<_> = several.iter().map(|(_, p)| *p).collect();
                    Decision::Say(speak::several(name, &people, language))
                }
            }
        }
        // These need no conference and never come here.
        (Command::Call(_) | Command::Help, _) => Decision::Say(speak::help(language)),
    }
}

/// What is done to a conference as a whole.
fn whole(command: &Command, conference: &Snapshot) -> Decision {
    let conference = conference.id.clone();
    let (operation, did) = match command {
        Command::Lock => (Operation::Lock { conference }, Did::Locked),
        Command::Unlock => (Operation::Unlock { conference }, Did::Unlocked),
        Command::MuteAll => (Operation::MuteAll { conference }, Did::MutedAll),
        Command::UnmuteAll => (Operation::UnmuteAll { conference }, Did::UnmutedAll),
        Command::DropAll => (Operation::DisconnectAll { conference }, Did::DroppedAll),
        _ => (Operation::End { conference }, Did::Ended),
    };
    Decision::Do(operation, did)
}

/// What the speaker does about their own place: in the conference where it fits, which then needs not be said.
fn own(
    command: &Command,
    chosen: &[&Snapshot],
    conferences: &[Snapshot],
    caller: &Caller,
    language: Language,
) -> Decision {
    let fits = |p: &&ParticipantSnapshot| match (command, &p.leg) {
        (Command::Decline(_), Some(leg)) => matches!(
            leg.state,
            LegState::Queued | LegState::Dialling | LegState::Ringing
        ),
        (Command::RaiseHand, Some(leg)) => {
            matches!(leg.state, LegState::Joined | LegState::Held)
        }
        _ => p.hand.is_some(),
    };
    let mine = chosen.iter().filter_map(|conference| {
        let mut mine = conference.participants.iter();
        let mine = mine.find(|p| p.user.as_ref() == Some(&caller.user) && fits(p))?;
        Some((*conference, mine.id.clone()))
    });
    let mine: Vec<(&Snapshot, ParticipantId)> = mine.collect();
    let (conference, participant) = match mine.as_slice() {
        [(conference, id)] => (conference.id.clone(), id.clone()),
        [] => return Decision::Say(speak::not_now(command, language)),
        _ => return Decision::Say(speak::which(conferences, language)),
    };
    let (operation, did) = match command {
        Command::RaiseHand => (
            Operation::RaiseHand {
                conference,
                participant,
            },
            Did::HandUp,
        ),
        Command::Decline(words) => (
            Operation::Decline {
                conference,
                participant,
                words: words.clone(),
            },
            Did::Declined,
        ),
        _ => (
            Operation::LowerHand {
                conference,
                participant,
            },
            Did::HandDown(None),
        ),
    };
    Decision::Do(operation, did)
}

fn act(command: &Command, conference: &Snapshot, participant: &ParticipantSnapshot) -> Decision {
    let conference = conference.id.clone();
    let name = speak::name(participant);
    let participant: ParticipantId = participant.id.clone();
    macro_rules! done {
        ($operation:ident, $did:ident) => {
            (
                Operation::$operation {
                    conference,
                    participant,
                },
                Did::$did(name),
            )
        };
    }
    let (operation, did) = match command {
        Command::Redial(_) => (
            Operation::Call {
                conference,
                participant,
                at: None,
            },
            Did::Redialled(name),
        ),
        Command::Mute(_) => done!(Mute, Muted),
        Command::Unmute(_) => done!(Unmute, Unmuted),
        Command::Drop(_) => done!(Disconnect, Dropped),
        Command::Floor(_) => done!(GiveFloor, Floor),
        Command::Promote(_) => done!(MakeModerator, Promoted),
        Command::HandOver(_) => done!(HandOver, HandedOver),
        Command::LowerHand(_) => (
            Operation::LowerHand {
                conference,
                participant,
            },
            Did::HandDown(Some(name)),
        ),
        _ => done!(Remove, Removed),
    };
    Decision::Do(operation, did)
}

/// Whom a name means: the best kind of match that anybody fits.
fn matches<'a>(
    conference: &'a Snapshot,
    name: &str,
    caller: &Caller,
) -> Vec<&'a ParticipantSnapshot> {
    let wanted = name.to_lowercase();
    let wanted = wanted.trim();
    let me = ["me", "myself", "ich", "mich", "mir"].contains(&wanted);
    let digits: String = wanted.chars().filter(char::is_ascii_digit).collect();
    let number = !digits.is_empty() && wanted.chars().all(|c| !c.is_alphabetic());
    type Test<'t> = Box<dyn Fn(&ParticipantSnapshot) -> bool + 't>;
    let tests: [Test<'_>; 5] = [
        Box::new(|p| me && p.user.as_ref() == Some(&caller.user)),
        Box::new(|p| {
            p.name.to_lowercase() == wanted
                || p.id.as_str() == wanted
                || p.user.as_ref().is_some_and(|user| {
                    user.user().to_lowercase() == wanted || user.to_string() == wanted
                })
        }),
        Box::new(|p| {
            p.name
                .to_lowercase()
                .split_whitespace()
                .any(|w| w == wanted)
        }),
        Box::new(|p| !wanted.is_empty() && p.name.to_lowercase().starts_with(wanted)),
        // Numbers are shown masked, by their last two digits: in the place, or in the name of who has no other.
        Box::new(|p| {
            let outside = p.user.is_none().then_some(&p.name);
            let ends_so = |shown: &String| {
                let shown: String = shown.chars().filter(char::is_ascii_digit).collect();
                shown.len() >= 2 && digits.ends_with(&shown)
            };
            number && [Some(&p.place), outside].into_iter().flatten().any(ends_so)
        }),
    ];
    tests
        .iter()
        .map(|test| {
            conference
                .participants
                .iter()
                .filter(|p| test(p))
                .collect::<Vec<_>>()
        })
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}
