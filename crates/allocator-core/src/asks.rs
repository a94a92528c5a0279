//! One request on its way to a conference: modes, place, room, conference; and back, whatever fails.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use convoke_types::report::Report;
use convoke_types::video::{VideoCommand, VideoGuest};
use convoke_types::{
    Aor, CommandId, ConferenceId, Fault, FaultCode, ParticipantId, VideoServerName,
};
use service_core::words::Language;
use soap_proto::{
    AskedPerson, Callee, Create, INVITES_MAX, Invite, Invited, KnownPerson, MODES_PEOPLE_MAX,
    Snapshot, UtcMillis, VideoAnswer, clean, names,
};

use crate::allocator::{Allocator, Caller, Duty, wall_at};
use crate::config::{CONFERENCES_MAX, PREPARE_WAIT};
use crate::io::{Event, Output};
use crate::moving::legs_of;
use crate::plan::Plan;
use crate::replies::{Reply, guests, words_of};
use crate::speak;
use crate::ways::{self, NoWay, Person};
use crate::words::Word;

/// Reports that may come before the answer that a conference was created.
const EARLY_REPORTS_MAX: usize = 256;

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
    /// The asker and the command's id; words have none.
    pub key: Option<(Aor, CommandId)>,
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
    tried: BTreeMap<VideoServerName, String>,
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

    /// The people who have a way, with the ids that they get on the roster: the initiator first, then in the order of the request.
    fn roster(&self) -> Vec<(ParticipantId, &Person)> {
        let with_way = self.people.iter().filter(|person| person.way.is_ok());
        let number = |(n, person)| Some((format!("p{}", n + 1).parse().ok()?, person));
        with_way.enumerate().filter_map(number).collect()
    }

    fn guests(&self) -> Vec<VideoGuest> {
        ways::guests(&self.roster())
    }

    /// Has no way for who is at this place among those whom [`create`](Self::create) names; false: there is none.
    fn leave_out(&mut self, index: Option<u32>) -> bool {
        let named = self.people.iter_mut().filter(|person| person.way.is_ok());
        let mut at_index = named.zip(0_u32..).filter(|(_, n)| Some(*n) == index);
        let Some((person, _)) = at_index.next() else {
            return false;
        };
        if let Ok(chosen) = &person.way {
            // Nobody else finds a name for who is not in.
            let (name, mode) = (person.shown().to_owned(), chosen.mode);
            person.name = name;
            person.way = Err(NoWay::NotCalled(mode));
        }
        true
    }

    fn create(&self, conference: &ConferenceId, server: &VideoServerName) -> Option<Create> {
        let mut parties = self.people.iter().filter_map(|person| {
            let way = person.way.as_ref().ok()?;
            Some(way.party(person))
        });
        Some(Create {
            title: Some(self.wanted.title.clone()).filter(|title| !title.is_empty()),
            initiator: parties.next()?,
            participants: parties.collect(),
            policy: None,
            payer: None,
            account: None,
            conference: Some(conference.clone()),
            owner: Some(self.asker.clone()),
            video: Some(server.clone()),
        })
    }
}

/// The name that the asker gives somebody.
fn named(invite: &Invite) -> Option<String> {
    invite.name.clone().filter(|name| !name.is_empty())
}

/// How a person is named in the question to the modes service.
fn asked_name(person: &str) -> String {
    clean(person, names::PERSON_MAX_CHARS)
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

    /// One that waits for the modes service still.
    pub(crate) fn learning(&mut self, id: &ConferenceId) -> Option<&mut Ask> {
        let ask = self.asks.get_mut(id);
        ask.filter(|ask| ask.stage == Stage::Modes)
    }

    /// The modes service answered, or did not.
    pub(crate) fn on_modes(
        &mut self,
        id: &ConferenceId,
        answer: Result<Vec<AskedPerson>, Fault>,
        now: Instant,
    ) {
        let Some(ask) = self.learning(id) else {
            return;
        };
        match answer {
            Err(fault) => self.refuse_ask(id, fault, now),
            Ok(people) => {
                ask.waiting = ask.waiting.saturating_sub(1);
                for person in people {
                    ask.known.insert(person.asked, person.known);
                }
                if ask.waiting == 0 {
                    self.on_asker_known(id, now);
                }
            }
        }
    }

    /// It is known what language the asker speaks: what needs no more than that is answered.
    fn on_asker_known(&mut self, id: &ConferenceId, now: Instant) {
        let Some(ask) = self.asks.get_mut(id) else {
            return;
        };
        let own = ask.known.get(&asked_name(&ask.asker.to_string()));
        let own = own.and_then(Option::as_ref);
        let own = own.map_or(Language::default(), |own| Language::of(&own.language));
        ask.language = ask.wanted.reply.learn(own);
        let invited = ask.wanted.invites.len();
        match &ask.wanted.goal {
            Goal::Word(word) => {
                let words = speak::word(word, ask.language);
                let Some(ask) = self.leave(id) else { return };
                self.say(&ask.asker, words, now);
            }
            Goal::Conference | Goal::Ways if invited > INVITES_MAX => {
                let expected = format!("at most {INVITES_MAX} people");
                let fault = Fault::new(FaultCode::LimitReached, expected, invited.to_string());
                self.refuse_ask(id, fault, now);
            }
            Goal::Conference | Goal::Ways => self.judge_callees(id, now),
        }
    }

    /// The conference information: everybody's way.
    pub(crate) fn work_out(&mut self, id: &ConferenceId, now: Instant) {
        let Some(ask) = self.asks.get_mut(id) else {
            return;
        };
        let plan = Plan {
            gateways: self.config.gateways.clone(),
            refused: ask.refused.clone(),
        };
        let find = |known: &BTreeMap<String, Option<KnownPerson>>, name: &str| {
            known.get(&asked_name(name)).cloned().flatten()
        };
        let person = |known: Option<KnownPerson>, invite: Option<&Invite>, name: &str| {
            let named = invite.and_then(named);
            let wanted = invite.and_then(|invite| invite.mode);
            let Some(known) = known else {
                return Person {
                    name: named.unwrap_or_else(|| name.to_owned()),
                    user: None,
                    language: Language::default(),
                    way: Err(NoWay::Unknown),
                };
            };
            Person {
                name: named.unwrap_or_else(|| known.name.clone()),
                user: Some(known.user.clone()),
                language: Language::of(&known.language),
                way: ways::of_person(&known, wanted, &plan),
            }
        };
        let own = ask.asker.to_string();
        let mut people = vec![person(find(&ask.known, &own), None, &own)];
        for invite in &ask.wanted.invites {
            let one = match (&invite.who, ways::of_address(&invite.who, &plan)) {
                (Invited::Person(name), _) => person(find(&ask.known, name), Some(invite), name),
                (Invited::Number(number), Some(way)) => Person {
                    // The conference service finds a name that says no more to the others than it should; for who is not in it finds none.
                    name: named(invite).unwrap_or_else(|| match way {
                        Ok(_) => String::new(),
                        Err(_) => number.clone(),
                    }),
                    user: None,
                    language: Language::default(),
                    way,
                },
                (who, Some(way)) => Person {
                    name: named(invite).unwrap_or_else(|| match who {
                        Invited::Sip(uri) => uri.clone(),
                        Invited::Network(address) => address.to_string(),
                        Invited::Person(name) | Invited::Number(name) => name.clone(),
                    }),
                    user: None,
                    language: Language::default(),
                    way,
                },
                (_, None) => continue,
            };
            // Nobody is in twice, and who asks is in already.
            let twice = people.iter().any(|other| {
                (one.user.is_some() && other.user == one.user)
                    || (one.user.is_none() && one.way.is_ok() && other.way == one.way)
            });
            if !twice {
                people.push(one);
            }
        }
        if let Some(asker) = people.first_mut() {
            asker.language = ask.language;
        }
        ask.people = people;
        self.judge(id, None, now);
    }

    /// Whether it can be had with these people: then a server is asked to prepare it, the one that has it already where there is one.
    fn judge(&mut self, id: &ConferenceId, at: Option<VideoServerName>, now: Instant) {
        let Some(ask) = self.asks.get_mut(id) else {
            return;
        };
        ask.legs = legs_of(&ask.guests());
        let people = &ask.people;
        let asker_language = ask.language;
        if ask.wanted.goal == Goal::Ways {
            let answer = VideoAnswer::Ways(guests(people, asker_language));
            let Some(ask) = self.leave(id) else { return };
            return self.tell(&ask.asker, &ask.wanted, Ok(answer), Duty::Word, now);
        }
        let no_way = people.first().and_then(|asker| asker.way.as_ref().err());
        let fault = match no_way {
            Some(why) => {
                let why = speak::no_way(why, asker_language);
                let came = asker_language.choose(
                    format!("you cannot take part yourself: {why}"),
                    format!("du kannst selbst nicht teilnehmen: {why}"),
                );
                Some(came)
            }
            None if people.iter().skip(1).all(|person| person.way.is_err()) => {
                Some(match people.len() {
                    1 => asker_language
                        .choose(
                            "nobody but you is invited",
                            "außer dir ist niemand eingeladen",
                        )
                        .to_owned(),
                    _ => speak::nobody(people, asker_language),
                })
            }
            None => None,
        };
        match fault {
            Some(came) => {
                self.tell_left_out(id, now);
                let fault = Fault::new(FaultCode::NoTelephone, "people who can take part", came);
                self.refuse_ask(id, fault, now);
            }
            None => match at {
                Some(server) => self.prepare_at(id, server, now),
                None => self.place(id, now),
            },
        }
    }

    /// The conference service calls nobody where it was asked to call one of them, and has made nothing: who is meant is left out, and told.
    /// False: it does not say who.
    fn without_refused(&mut self, id: &ConferenceId, fault: &Fault, now: Instant) -> bool {
        let Some(ask) = self.asks.get_mut(id) else {
            return false;
        };
        let Stage::Creating(server) = ask.stage.clone() else {
            return false;
        };
        if !ask.leave_out(fault.index) {
            return false;
        }
        self.judge(id, Some(server), now);
        true
    }

    /// Who was wanted and has no way is told so: nobody shall wonder.
    fn tell_left_out(&mut self, id: &ConferenceId, now: Instant) {
        let Some(ask) = self.asks.get(id) else {
            return;
        };
        let told = left_out(&ask.people, &ask.asker);
        for (user, words) in told {
            self.say(&user, words, now);
        }
    }

    /// Gives the request to the best server that was not tried yet.
    fn place(&mut self, id: &ConferenceId, now: Instant) {
        let Some(ask) = self.asks.get(id) else {
            return;
        };
        let people = ask.people.iter();
        let near = self.near(people.filter_map(|one| one.user.as_ref()).collect());
        let (legs, tried) = (ask.legs, &ask.tried);
        let full = self.conferences.len() >= CONFERENCES_MAX;
        let server = self.servers.place(legs, tried, &near).filter(|_| !full);
        let Some(server) = server else {
            let came = match full {
                true => ask
                    .language
                    .choose(
                        "there are as many conferences as can be",
                        "es gibt schon so viele Konferenzen, wie sein können",
                    )
                    .to_owned(),
                false => self.servers.why_not(legs, tried, ask.language),
            };
            let fault = Fault::new(FaultCode::Overloaded, "a video server with room", came);
            return self.refuse_ask(id, fault, now);
        };
        self.prepare_at(id, server, now);
    }

    fn prepare_at(&mut self, id: &ConferenceId, server: VideoServerName, now: Instant) {
        let Some(ask) = self.asks.get(id) else {
            return;
        };
        let prepare = VideoCommand::Prepare {
            conference: id.clone(),
            serial: self.servers.ask(&server, id),
            title: ask.wanted.title.clone(),
            guests: ask.guests(),
        };
        self.servers.reserve(&server, id, ask.legs);
        self.stage(
            id,
            Stage::Preparing(server.clone()),
            Some(PREPARE_WAIT),
            now,
        );
        self.output(Output::Video {
            server,
            command: prepare,
        });
    }

    /// Servers that have conferences with some of these people.
    pub(crate) fn near(&self, users: BTreeSet<&Aor>) -> BTreeSet<VideoServerName> {
        let there = self.conferences.values();
        let there = there.filter(|running| running.has_pictures());
        let shared = there.filter(|running| {
            let mut in_it = running.board.participants.iter();
            in_it.any(|one| one.user.as_ref().is_some_and(|user| users.contains(user)))
        });
        shared.map(|running| running.server.clone()).collect()
    }

    /// The language of whoever asked for this conference to be.
    pub(crate) fn language_of(&self, id: &ConferenceId) -> Language {
        let ask = self.asks.get(id);
        ask.map_or(Language::default(), |ask| ask.language)
    }

    /// A server has prepared the request.
    pub(crate) fn on_prepared(
        &mut self,
        id: &ConferenceId,
        server: &VideoServerName,
        now: Instant,
    ) {
        let Some(ask) = self.asks.get(id) else {
            return;
        };
        let (create, wall) = (ask.create(id, server), ask.wall_at(now));
        self.stage(id, Stage::Creating(server.clone()), None, now);
        if let Some(create) = create {
            self.ask_create(id, create, wall, now);
        }
    }

    /// A server did not take the request: the next one is tried. `end`: something may have been left there.
    pub(crate) fn not_placed(
        &mut self,
        id: &ConferenceId,
        server: &VideoServerName,
        words: String,
        end: bool,
        now: Instant,
    ) {
        if let Some(ask) = self.asks.get_mut(id) {
            ask.tried.insert(server.clone(), words.clone());
        }
        self.event(Event::NotPlaced {
            conference: id.clone(),
            server: server.clone(),
            words,
        });
        self.free_room(id, server, end);
        self.place(id, now);
    }

    /// What a request waits for took too long.
    pub(crate) fn on_ask_late(&mut self, id: &ConferenceId, now: Instant) {
        let stage = self.asks.get(id).map(|ask| ask.stage.clone());
        if let Some(Stage::Preparing(server)) = stage {
            let words = self.language_of(id).choose(
                "it did not answer in time",
                "er hat nicht rechtzeitig geantwortet",
            );
            let words = words.to_owned();
            self.not_placed(id, &server, words, true, now);
        }
    }

    /// The conference service answered.
    pub(crate) fn on_created(
        &mut self,
        id: &ConferenceId,
        answer: Result<Snapshot, Fault>,
        wall: UtcMillis,
        now: Instant,
    ) {
        let is_creating = |ask: &&Ask| matches!(ask.stage, Stage::Creating(_));
        if self.asks.get(id).filter(is_creating).is_none() {
            // It was given up meanwhile.
            if answer.is_ok() {
                self.ask_end(id, wall, now);
            }
            return;
        }
        match answer {
            Err(fault) => {
                let refused = fault.code == FaultCode::NumberRefused;
                if !refused || !self.without_refused(id, &fault, now) {
                    self.refuse_ask(id, fault, now);
                }
            }
            Ok(snapshot) => {
                let Some(ask) = self.leave(id) else { return };
                let Stage::Creating(server) = ask.stage.clone() else {
                    return;
                };
                let guests = ask.guests();
                let reports = ask.reports.clone();
                self.run(id, ask.into_running(server, snapshot, guests, now), now);
                for report in &reports {
                    self.on_report(report, wall, now);
                }
            }
        }
    }

    /// The conference service did not answer: whatever it did is taken back.
    pub(crate) fn on_not_created(&mut self, id: &ConferenceId, fault: Fault, now: Instant) {
        let Some(ask) = self.asks.get_mut(id) else {
            return;
        };
        ask.wanted.may_ring = true;
        let wall = ask.wall_at(now);
        self.refuse_ask(id, fault, now);
        self.ask_end(id, wall, now);
    }

    /// A report of a conference whose creation was not answered yet.
    pub(crate) fn early_report(&mut self, report: &Report) -> bool {
        let Some(ask) = self.asks.get_mut(&report.conference) else {
            return false;
        };
        if ask.reports.len() < EARLY_REPORTS_MAX {
            ask.reports.push(report.clone());
        }
        true
    }

    /// The request comes to nothing: its room is freed, and the asker is told why.
    pub(crate) fn refuse_ask(&mut self, id: &ConferenceId, fault: Fault, now: Instant) {
        let Some(ask) = self.leave(id) else {
            return;
        };
        if let Stage::Preparing(server) | Stage::Creating(server) = &ask.stage {
            self.free_room(id, server, true);
        }
        match &ask.wanted.goal {
            Goal::Conference => self.event(Event::Refused {
                conference: id.clone(),
                words: words_of(&fault),
            }),
            Goal::Ways => {}
            // Their language is not to be had, and no reason to say nothing.
            Goal::Word(word) => {
                let words = speak::word(word, ask.language);
                return self.say(&ask.asker, words, now);
            }
        }
        self.tell(&ask.asker, &ask.wanted, Err(fault), Duty::Word, now);
    }
}

/// Those who have an account and no way, each with what they are told.
pub(crate) fn left_out(people: &[Person], asker: &Aor) -> Vec<(Aor, String)> {
    let name = people.first().map(|one| one.name.clone());
    let name = name.unwrap_or_else(|| asker.to_string());
    let told = |person: &Person| {
        let (user, why) = (person.user.clone()?, person.way.as_ref().err()?);
        Some((user, speak::left_out(&name, why, person.language)))
    };
    people.iter().skip(1).filter_map(told).collect()
}

impl Ask {
    fn into_running(
        self,
        server: VideoServerName,
        board: Snapshot,
        guests: Vec<VideoGuest>,
        now: Instant,
    ) -> crate::running::Running {
        let wall = self.wall_at(now);
        let mut people = self.people;
        // Whom only a number names has got a name.
        let with_way = people.iter_mut().filter(|person| person.way.is_ok());
        for (person, on_roster) in with_way.zip(&board.participants) {
            if person.name.is_empty() {
                person.name.clone_from(&on_roster.name);
            }
        }
        crate::running::Running::begin(
            self.asker,
            self.wanted,
            people,
            server,
            board,
            guests,
            (wall, now),
        )
    }
}
