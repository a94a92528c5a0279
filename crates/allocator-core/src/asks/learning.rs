//! What is learnt first: how the request's people can take part, and what language the asker speaks.

use std::time::Instant;

use convoke_types::ConferenceId;
use service_core::words::Language;
use soap_proto::{AskedPerson, INVITES_MAX, clean, names};

use super::{Ask, Goal, Stage};
use crate::allocator::Allocator;
use crate::reasons::Reason;
use crate::speak;

/// How a person is named in the question to the modes service.
pub(super) fn asked_name(person: &str) -> String {
    clean(person, names::PERSON_MAX_CHARS)
}

impl Allocator {
    /// One that waits for the modes service still.
    pub(crate) fn learning(&mut self, id: &ConferenceId) -> Option<&mut Ask> {
        let ask = self.asks.get_mut(id);
        ask.filter(|ask| ask.stage == Stage::Modes)
    }

    /// The modes service answered, or did not.
    pub(crate) fn on_modes(
        &mut self,
        id: &ConferenceId,
        answer: Result<Vec<AskedPerson>, Reason>,
        now: Instant,
    ) {
        let Some(ask) = self.learning(id) else {
            return;
        };
        match answer {
            Err(reason) => self.refuse_ask(id, reason, now),
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
                self.refuse_ask(id, Reason::TooMany(invited), now);
            }
            Goal::Conference | Goal::Ways => self.judge_callees(id, now),
        }
    }
}
