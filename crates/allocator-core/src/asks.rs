//! One request on its way to a conference, and back, whatever fails: its state, how it begins and how it is refused. Between the two,
//! each in a file of its own: [`learning`], [`people`], [`placing`], [`creating`].

mod creating;
mod learning;
mod people;
mod placing;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use convoke_types::report::Report;
use convoke_types::{Aor, ConferenceId, VideoServerName};
use service_core::words::Language;
use soap_proto::{Callee, INVITES_MAX, Invite, Invited, KnownPerson, MODES_PEOPLE_MAX, UtcMillis};

use self::learning::asked_name;
use crate::allocator::{Allocator, Caller, Duty, wall_at};
use crate::io::Event;
use crate::reasons::{NotTaken, Reason};
use crate::replies::Reply;
use crate::speak;
use crate::ways::Person;
use crate::words::Word;

pub(crate) use self::people::left_out;
/// What somebody wants to have of those whom they name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Goal {
    /// A conference with them.
    Conference,
    /// Everybody's way into one, and no conference.
    Ways,
    /// They named nobody, and are told this in their own language.
    Word(Word),
}

/// What somebody wants.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub title: String,
    pub invites: Vec<Invite>,
    pub reply: Reply,
    /// The conference service was asked and did not answer: telephones may ring already.
    pub may_ring: bool,
    pub goal: Goal,
}

/// A request that is worked on.
#[derive(Debug)]
pub(crate) struct Ask {
    pub asker: Aor,
    /// In which they are answered: until it is learnt, that of their words, or English.
    pub language: Language,
    pub wanted: Wanted,
    came: Instant,
    wall: UtcMillis,
    pub stage: Stage,
    pub deadline: Option<Instant>,
    /// Answers of the modes service that are still to come.
    pub waiting: usize,
    pub known: BTreeMap<String, Option<KnownPerson>>,
    /// What may not be called.
    pub refused: BTreeSet<Callee>,
    /// The asker first.
    people: Vec<Person>,
    legs: u32,
    /// Servers that did not take it, and why.
    tried: BTreeMap<VideoServerName, NotTaken>,
    reports: Vec<Report>,
}

/// Where a request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The modes of its people are being learnt, and what may be called.
    Modes,
    /// This server prepares it.
    Preparing(VideoServerName),
    /// It is prepared there, and the conference service is asked for it.
    Creating(VideoServerName),
}

impl Ask {
    pub fn wall_at(&self, now: Instant) -> UtcMillis {
        wall_at(self.wall, self.came, now)
    }
}

impl Allocator {
    /// A request begins: the modes of its people are asked for.
    pub(crate) fn begin(&mut self, caller: &Caller, wanted: Wanted, now: Instant) {
        let id = self.conference_id();
        let mut people = vec![caller.user.to_string()];
        let invited = wanted.invites.len();
        // Of who names too many only the language is wanted.
        for invite in wanted.invites.iter().filter(|_| invited <= INVITES_MAX) {
            if let Invited::Person(person) = &invite.who
                && !people.contains(&asked_name(person))
            {
                people.push(asked_name(person));
            }
        }
        let ask = Ask {
            asker: caller.user.clone(),
            language: wanted.reply.language(),
            wanted,
            came: now,
            wall: caller.wall,
            stage: Stage::Modes,
            deadline: None,
            waiting: people.len().div_ceil(MODES_PEOPLE_MAX),
            known: BTreeMap::new(),
            refused: BTreeSet::new(),
            people: Vec::new(),
            legs: 0,
            tried: BTreeMap::new(),
            reports: Vec::new(),
        };
        let goal = ask.wanted.goal.clone();
        self.enter(id.clone(), ask);
        if goal == Goal::Conference {
            self.event(Event::Asked {
                asker: caller.user.clone(),
                conference: id.clone(),
                invited,
            });
        }
        for some in people.chunks(MODES_PEOPLE_MAX) {
            self.ask_modes(&id, some.to_vec(), now);
        }
    }

    /// The request comes to nothing: its room is freed, and the asker is told why.
    pub(crate) fn refuse_ask(&mut self, id: &ConferenceId, reason: Reason, now: Instant) {
        let Some(ask) = self.leave(id) else {
            return;
        };
        if let Stage::Preparing(server) | Stage::Creating(server) = &ask.stage {
            self.free_room(id, server, true);
        }
        match &ask.wanted.goal {
            Goal::Conference => self.event(Event::Refused {
                conference: id.clone(),
                words: reason.logged(),
            }),
            Goal::Ways => {}
            // Their language is not to be had, and no reason to say nothing.
            Goal::Word(word) => {
                let words = speak::word(word, ask.language);
                return self.say(&ask.asker, words, now);
            }
        }
        let to = (&ask.asker, &ask.wanted, ask.language);
        self.tell(to, Err(reason), Duty::Word, now);
    }
}
