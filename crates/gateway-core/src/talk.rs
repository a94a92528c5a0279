//! Commands of people, in words: each becomes requests to the conference service, and its answer becomes words again.

use std::time::Instant;

use bytes::Bytes;
use convoke_types::{ConferenceId, Fault, LegState, ParticipantId};
use service_core::faults::Whom;
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
    /// `create` was sent, for these.
    Create {
        language: Language,
        participants: Vec<Party>,
    },
    /// The user's conferences are being learnt, to find out which one and who is meant.
    Find {
        said: Said,
        conferences: Vec<Snapshot>,
        pages: usize,
    },
    /// The command itself was sent.
    Act { language: Language, did: Did },
}

impl Talk {
    /// Whom a fault of the answer is about, as they were named.
    fn whom(&self, fault: &Fault) -> Whom {
        let at = fault.index.and_then(|index| usize::try_from(index).ok());
        let named = |participants: &[Party], at: Option<usize>| {
            let party = at.and_then(|at| participants.get(at));
            party.map_or(Whom::One, |party| Whom::Named(speak::party(party)))
        };
        match (self, at) {
            // The initiator comes first.
            (Talk::Create { .. }, Some(0)) => Whom::You,
            (Talk::Create { participants, .. }, at) => {
                named(participants, at.and_then(|at| at.checked_sub(1)))
            }
            (
                Talk::Act {
                    did: Did::Added(participants),
                    ..
                },
                at,
            ) => named(participants, at),
            (
                Talk::Act {
                    did: Did::Redialled(name),
                    ..
                },
                _,
            ) => Whom::Named(name.clone()),
            (Talk::Act { .. } | Talk::Find { .. }, _) => Whom::One,
        }
    }
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
            self.say(caller, speak::fault(&fault, &Whom::One, language), now);
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
            Talk::Create { language, .. } | Talk::Act { language, .. } => *language,
            Talk::Find { said, .. } => said.language,
        };
        let done = outcome
            .and_then(|response| response.outcome)
            .and_then(|answer| self.words_answer(&caller, talk, answer, now));
        if let Err(fault) = done {
            let words = speak::fault(&fault, &talk.whom(&fault), language);
            self.say(&caller, words, now);
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
            (Talk::Create { language, .. }, Answer::Done { conference, .. }) => {
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
        let talk = Talk::Create {
            language,
            participants: participants.clone(),
        };
        let create = Operation::Create(Create {
            title: None,
            initiator: Party::of(Who::Person(caller.user.to_string())),
            participants,
            policy: None,
            payer: None,
            account: None,
            conference: None,
            owner: None,
            video: None,
        });
        self.ask(caller, create, language, talk, now)
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
                    *operation,
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
    Do(Box<Operation>, Did),
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
    let done = |operation: Operation, did: Did| Decision::Do(Box::new(operation), did);
    macro_rules! whole {
        ($one:expr, $operation:ident, $did:ident) => {{
            let conference = $one.id.clone();
            done(Operation::$operation { conference }, Did::$did)
        }};
    }
    let about = |name: &str, act: Act| one_of(name, &chosen, conferences, caller, language, act);
    macro_rules! about {
        ($name:expr, $operation:ident, $did:ident) => {
            about($name, |conference, participant, name| {
                let operation = Operation::$operation {
                    conference,
                    participant,
                };
                (operation, Did::$did(name))
            })
        };
    }
    let own = |own: Own| own_place(own, &chosen, conferences, caller, language);
    match (&said.command, one) {
        (Command::Who, _) => Decision::Say(speak::who(&chosen, caller.wall, language)),
        (Command::Add(parties), Some(one)) => done(
            Operation::Add {
                conference: one.id.clone(),
                participants: parties.clone(),
            },
            Did::Added(parties.clone()),
        ),
        (Command::End, Some(one)) => whole!(one, End, Ended),
        (Command::Lock, Some(one)) => whole!(one, Lock, Locked),
        (Command::Unlock, Some(one)) => whole!(one, Unlock, Unlocked),
        (Command::MuteAll, Some(one)) => whole!(one, MuteAll, MutedAll),
        (Command::UnmuteAll, Some(one)) => whole!(one, UnmuteAll, UnmutedAll),
        (Command::DropAll, Some(one)) => whole!(one, DisconnectAll, DroppedAll),
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
        (Command::RaiseHand, _) => own(Own::RaiseHand),
        (Command::LowerHand(None), _) => own(Own::LowerHand),
        (Command::Decline(words), _) => own(Own::Decline(words.clone())),
        (Command::Redial(name), _) => about(name, |conference, participant, name| {
            let operation = Operation::Call {
                conference,
                participant,
                at: None,
            };
            (operation, Did::Redialled(name))
        }),
        (Command::LowerHand(Some(name)), _) => about(name, |conference, participant, name| {
            let operation = Operation::LowerHand {
                conference,
                participant,
            };
            (operation, Did::HandDown(Some(name)))
        }),
        (Command::Mute(name), _) => about!(name, Mute, Muted),
        (Command::Unmute(name), _) => about!(name, Unmute, Unmuted),
        (Command::Drop(name), _) => about!(name, Disconnect, Dropped),
        (Command::Remove(name), _) => about!(name, Remove, Removed),
        (Command::Floor(name), _) => about!(name, GiveFloor, Floor),
        (Command::Promote(name), _) => about!(name, MakeModerator, Promoted),
        (Command::HandOver(name), _) => about!(name, HandOver, HandedOver),
        // These need no conference and never come here.
        (Command::Call(_) | Command::Help, _) => Decision::Say(speak::help(language)),
    }
}

/// What the speaker does about their own place.
enum Own {
    RaiseHand,
    LowerHand,
    Decline(Option<String>),
}

/// In the conference where it fits, which then needs not be said.
fn own_place(
    own: Own,
    chosen: &[&Snapshot],
    conferences: &[Snapshot],
    caller: &Caller,
    language: Language,
) -> Decision {
    let fits = |p: &&ParticipantSnapshot| {
        let state = p.leg.as_ref().map(|leg| leg.state);
        match own {
            Own::Decline(_) => {
                let moving = p
                    .moving
                    .as_ref()
                    .filter(|moving| !moving.leg.state.is_end());
                let called = matches!(
                    state,
                    Some(LegState::Queued | LegState::Dialling | LegState::Ringing)
                );
                called || moving.is_some()
            }
            Own::RaiseHand => state.is_some_and(LegState::is_in),
            Own::LowerHand => p.hand.is_some(),
        }
    };
    let mine = chosen.iter().filter_map(|conference| {
        let mut mine = conference.participants.iter();
        let mine = mine.find(|p| p.user.as_ref() == Some(&caller.user) && fits(p))?;
        Some((*conference, mine.id.clone()))
    });
    let mine: Vec<(&Snapshot, ParticipantId)> = mine.collect();
    let (conference, participant) = match mine.as_slice() {
        [(conference, id)] => (conference.id.clone(), id.clone()),
        [] => {
            let words = match own {
                Own::RaiseHand => speak::not_in_a_call(language),
                Own::LowerHand => speak::no_hand_up(language),
                Own::Decline(_) => speak::nobody_calls(language),
            };
            return Decision::Say(words);
        }
        _ => return Decision::Say(speak::which(conferences, language)),
    };
    let (operation, did) = match own {
        Own::RaiseHand => (
            Operation::RaiseHand {
                conference,
                participant,
            },
            Did::HandUp,
        ),
        Own::Decline(words) => (
            Operation::Decline {
                conference,
                participant,
                words,
            },
            Did::Declined,
        ),
        Own::LowerHand => (
            Operation::LowerHand {
                conference,
                participant,
            },
            Did::HandDown(None),
        ),
    };
    Decision::Do(Box::new(operation), did)
}

/// Makes of a conference, somebody in it, and their name what is to be done.
type Act = fn(ConferenceId, ParticipantId, String) -> (Operation, Did);

/// Does something about the one whom a name means, or asks who is meant.
fn one_of(
    name: &str,
    chosen: &[&Snapshot],
    conferences: &[Snapshot],
    caller: &Caller,
    language: Language,
    act: Act,
) -> Decision {
    let found: Vec<(&Snapshot, &ParticipantSnapshot)> = chosen
        .iter()
        .flat_map(|c| matches(c, name, caller).into_iter().map(move |p| (*c, p)))
        .collect();
    match found.as_slice() {
        [(conference, whom)] => {
            let (operation, did) = act(conference.id.clone(), whom.id.clone(), speak::name(whom));
            Decision::Do(Box::new(operation), did)
        }
        [] => Decision::Say(speak::nobody(name, chosen, language)),
        [(a, _), (b, _), ..] if a.id != b.id => Decision::Say(speak::which(conferences, language)),
        several => {
            let people: Vec<_> = several.iter().map(|(_, p)| *p).collect();
            Decision::Say(speak::several(name, &people, language))
        }
    }
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
