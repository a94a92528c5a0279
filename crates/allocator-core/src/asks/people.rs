//! The request's people: everybody's way, who is left out, and whether there can be a conference with those who are not.

use std::collections::BTreeMap;
use std::time::Instant;

use convoke_types::video::VideoGuest;
use convoke_types::{Aor, ConferenceId, ParticipantId, VideoServerName};
use service_core::words::Language;
use soap_proto::{Invite, Invited, KnownPerson, VideoAnswer};

use super::learning::asked_name;
use super::{Ask, Goal};
use crate::allocator::{Allocator, Duty};
use crate::moving::legs_of;
use crate::plan::Plan;
use crate::reasons::Reason;
use crate::replies::guests;
use crate::speak;
use crate::ways::{self, NoWay, Person};

impl Ask {
    /// The people who have a way, with the ids that they get on the roster: the initiator first, then in the order of the request.
    pub(super) fn roster(&self) -> Vec<(ParticipantId, &Person)> {
        let with_way = self.people.iter().filter(|person| person.way.is_ok());
        let number = |(n, person)| Some((format!("p{}", n + 1).parse().ok()?, person));
        with_way.enumerate().filter_map(number).collect()
    }

    pub(super) fn guests(&self) -> Vec<VideoGuest> {
        ways::guests(&self.roster())
    }

    /// Who is at this place among those whom [`create`](Self::create) names.
    pub(super) fn named(&self, index: Option<u32>) -> Option<&Person> {
        let mut named = self.people.iter().filter(|person| person.way.is_ok());
        named.nth(usize::try_from(index?).ok()?)
    }

    /// Has no way for who is at this place among those whom [`create`](Self::create) names; false: there is none.
    pub(super) fn leave_out(&mut self, index: Option<u32>) -> bool {
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
}

/// The name that the asker gives somebody.
fn named(invite: &Invite) -> Option<String> {
    invite.name.clone().filter(|name| !name.is_empty())
}

impl Allocator {
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
        let person =
            |place: u32, known: Option<KnownPerson>, invite: Option<&Invite>, name: &str| {
                let named = invite.and_then(named);
                let wanted = invite.and_then(|invite| invite.mode);
                let Some(known) = known else {
                    return Person {
                        place,
                        name: named.unwrap_or_else(|| name.to_owned()),
                        user: None,
                        language: Language::default(),
                        way: Err(NoWay::Unknown),
                    };
                };
                Person {
                    place,
                    name: named.unwrap_or_else(|| known.name.clone()),
                    user: Some(known.user.clone()),
                    language: Language::of(&known.language),
                    way: ways::of_person(&known, wanted, &plan),
                }
            };
        let own = ask.asker.to_string();
        let mut people = vec![person(0, find(&ask.known, &own), None, &own)];
        for (invite, place) in ask.wanted.invites.iter().zip(1_u32..) {
            let one = match (&invite.who, ways::of_address(&invite.who, &plan)) {
                (Invited::Person(name), _) => {
                    person(place, find(&ask.known, name), Some(invite), name)
                }
                (who, Some(way)) => Person {
                    place,
                    name: named(invite).unwrap_or_else(|| match who {
                        // The conference service finds a name that says no more to the others than it should; for who is not in it finds none.
                        Invited::Number(_) if way.is_ok() => String::new(),
                        Invited::Sip(text) | Invited::Number(text) | Invited::Person(text) => {
                            text.clone()
                        }
                        Invited::Network(address) => address.to_string(),
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
    pub(super) fn judge(&mut self, id: &ConferenceId, at: Option<VideoServerName>, now: Instant) {
        let Some(ask) = self.asks.get_mut(id) else {
            return;
        };
        ask.legs = legs_of(&ask.guests());
        let people = &ask.people;
        if ask.wanted.goal == Goal::Ways {
            let answer = VideoAnswer::Ways(guests(people, ask.language));
            let Some(ask) = self.leave(id) else { return };
            let to = (&ask.asker, &ask.wanted, ask.language);
            return self.tell(to, Ok(answer), Duty::Word, now);
        }
        let out = |person: &Person| Some((person.name.clone(), person.way.clone().err()?));
        let asker_out = people.first().and_then(|asker| asker.way.clone().err());
        let others = people.get(1..).unwrap_or_default();
        let reason = match asker_out {
            Some(why) => Some(Reason::AskerOut(why)),
            None if others.is_empty() => Some(Reason::Alone),
            None if others.iter().all(|person| person.way.is_err()) => {
                Some(Reason::AllOut(others.iter().filter_map(out).collect()))
            }
            None => None,
        };
        match (reason, at) {
            (Some(reason), _) => {
                self.tell_left_out(id, now);
                self.refuse_ask(id, reason, now);
            }
            (None, Some(server)) => self.prepare_at(id, server, now),
            (None, None) => self.place(id, now),
        }
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
