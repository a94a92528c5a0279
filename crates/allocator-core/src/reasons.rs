//! Why there is no conference: kept as what happened until it is told, to the asker in their language and to the log in English.

use convoke_types::bridge_protocol::Announcement;
use convoke_types::video::Refusal;
use convoke_types::{Fault, FaultCode, VideoServerName};
use service_core::faults::{self, Whom};
use service_core::words::{Language, quoted};
use soap_proto::{INVITES_MAX, clean_words};

use crate::speak::{NAMED_MAX, no_way};
use crate::ways::NoWay;

/// Why a request comes to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    /// So many are invited.
    TooMany(usize),
    /// The asker has no way themselves.
    AskerOut(NoWay),
    /// Nobody is invited but the asker.
    Alone,
    /// None of the invited has a way; each by their name.
    AllOut(Vec<(String, NoWay)>),
    /// There are as many conferences as can be.
    Full,
    /// No video server takes it; none at all where none is configured.
    NoServer(Vec<(VideoServerName, NotTaken)>),
    /// The video server did not keep its room.
    RoomLost(VideoServerName, NotTaken),
    /// A service says nothing.
    Unanswered(Service, Silence),
    /// A service refuses, about somebody.
    Refused(Service, Fault, Whom),
}

/// Whom the allocator asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// The modes service, for people's modes.
    Modes,
    /// The modes service, for what may be called.
    Callable,
    Conference,
}

/// How a service says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Silence {
    /// There is no answer.
    Late,
    /// The question is answered by this status.
    Undelivered(u16),
}

/// Why a video server does not take a conference, or does not keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// It cannot be reached, in the words of who tries to.
    Away(String),
    /// It did not answer in time.
    Late,
    /// It says that it is not ready, in words alone.
    NotReady(String),
    /// It refuses, or is not ready for this reason, and says so in words, too.
    Refused(Refusal, String),
    /// It has lost the room, as it says.
    RoomGone(String),
    /// This product carries no pictures.
    NoPictures(String),
    /// It has no room for as many.
    NoRoom {
        product: String,
        room: u32,
        legs: u32,
    },
}

impl Reason {
    /// As people are told. `may_ring`: the conference service had been asked, and nobody knows what it did.
    pub fn words(&self, may_ring: bool, language: Language) -> String {
        let clause = || self.clause(language, |taken| taken.words(language));
        let text = match self {
            Self::Refused(_, fault, whom)
                if !matches!(fault.code, FaultCode::Overloaded | FaultCode::ShuttingDown) =>
            {
                faults::words(fault, whom, language)
            }
            Self::TooMany(_) => faults::words(&self.fault(language), &Whom::One, language),
            Self::AskerOut(_) | Self::Alone | Self::AllOut(_) => language.choose(
                format!("That cannot be: {}.", clause()),
                format!("Das geht nicht: {}.", clause()),
            ),
            Self::Full
            | Self::NoServer(_)
            | Self::RoomLost(..)
            | Self::Unanswered(..)
            | Self::Refused(..) => {
                let soon = match may_ring {
                    true => language.choose(
                        "If a telephone rings, it falls silent again; try again soon.",
                        "Falls ein Telefon klingelt, verstummt es wieder; versuch es gleich noch einmal.",
                    ),
                    false => language.choose(
                        "Nobody was called; try again soon.",
                        "Niemand wurde angerufen; versuch es gleich noch einmal.",
                    ),
                };
                language.choose(
                    format!("No video conference just now: {}. {soon}", clause()),
                    format!("Gerade geht keine Videokonferenz: {}. {soon}", clause()),
                )
            }
        };
        clean_words(&text)
    }

    /// As programs are told: what a service refuses, in its words; all else in the asker's language.
    pub fn fault(&self, language: Language) -> Fault {
        let (code, expected) = match self {
            Self::Refused(_, fault, _) => return fault.clone(),
            Self::TooMany(_) => {
                let expected = format!("at most {INVITES_MAX} people");
                (FaultCode::LimitReached, expected)
            }
            Self::AskerOut(_) | Self::Alone | Self::AllOut(_) => {
                let expected = "people who can take part".to_owned();
                (FaultCode::NoTelephone, expected)
            }
            Self::Full | Self::NoServer(_) => {
                let expected = "a video server with room".to_owned();
                (FaultCode::Overloaded, expected)
            }
            Self::RoomLost(..) => {
                let expected = "a video server that stays".to_owned();
                (FaultCode::Overloaded, expected)
            }
            Self::Unanswered(..) => (FaultCode::Overloaded, "an answer".to_owned()),
        };
        let came = self.clause(language, |taken| taken.words(language));
        Fault::new(code, expected, came)
    }

    /// For the log: the code, and all that is known.
    pub fn logged(&self) -> String {
        if let Self::Refused(_, fault, _) = self {
            return fault.to_string();
        }
        if let Self::AllOut(people) = self {
            // Who has no name is a number, which is nobody's business here.
            let named = |name: &str| match name.chars().any(char::is_alphabetic) {
                true => name.to_owned(),
                false => "a number".to_owned(),
            };
            let people = people.iter().take(NAMED_MAX);
            let why = people
                .map(|(name, why)| format!("{}: {}", named(name), no_way(why, Language::English)));
            let code = self.fault(Language::English).code;
            return format!("{code}: {}", why.collect::<Vec<_>>().join("; "));
        }
        let code = self.fault(Language::English).code;
        format!(
            "{code}: {}",
            self.clause(Language::English, NotTaken::logged)
        )
    }

    /// A part of a sentence; `told` tells why a video server is not the one.
    fn clause(&self, language: Language, told: impl Fn(&NotTaken) -> String) -> String {
        let words = match self {
            Self::TooMany(invited) => return invited.to_string(),
            Self::AskerOut(why) => {
                let why = no_way(why, language);
                return language.choose(
                    format!("you cannot take part yourself: {why}"),
                    format!("du kannst selbst nicht teilnehmen: {why}"),
                );
            }
            Self::AllOut(people) => {
                let people = people.iter().take(NAMED_MAX);
                let why = people.map(|(name, why)| format!("{name}: {}", no_way(why, language)));
                return why.collect::<Vec<_>>().join("; ");
            }
            Self::NoServer(servers) if !servers.is_empty() => {
                let servers = servers.iter();
                let why = servers.map(|(name, taken)| format!("{name}: {}", told(taken)));
                return why.collect::<Vec<_>>().join("; ");
            }
            Self::RoomLost(server, taken) => return format!("{server}: {}", told(taken)),
            Self::Unanswered(service, silence) => {
                return format!("{}: {}", service.name(language), silence.words(language));
            }
            Self::Refused(service, fault, _) => {
                let why = match fault.code {
                    FaultCode::ShuttingDown => {
                        language.choose("it is going down", "er wird gerade beendet")
                    }
                    _ => language.choose("it has too much to do", "er hat zu viel zu tun"),
                };
                return format!("{}: {why}", service.name(language));
            }
            Self::Alone => language.choose(
                "nobody but you is invited",
                "außer dir ist niemand eingeladen",
            ),
            Self::Full => language.choose(
                "there are as many conferences as can be",
                "es gibt schon so viele Konferenzen, wie sein können",
            ),
            Self::NoServer(_) => language.choose(
                "no video server is configured",
                "es ist kein Videoserver eingerichtet",
            ),
        };
        words.to_owned()
    }
}

impl Service {
    fn name(self, language: Language) -> &'static str {
        match self {
            Self::Modes => language.choose(
                "who knows how to reach people",
                "der Dienst, der weiß, wie man Leute erreicht",
            ),
            Self::Callable => language.choose(
                "who knows what may be called",
                "der Dienst, der weiß, was angerufen werden darf",
            ),
            Self::Conference => language.choose("the conference service", "der Konferenzdienst"),
        }
    }
}

impl Silence {
    fn words(self, language: Language) -> String {
        match self {
            Self::Late => language
                .choose("it does not answer", "er antwortet nicht")
                .to_owned(),
            Self::Undelivered(404 | 480) => language
                .choose("it is not there", "er ist nicht da")
                .to_owned(),
            Self::Undelivered(status) => language.choose(
                format!("it does not take messages ({status})"),
                format!("er nimmt keine Nachrichten an ({status})"),
            ),
        }
    }
}

impl NotTaken {
    /// Why a server cannot be used that says so of itself; `None`: it can.
    pub fn of(says: &Announcement) -> Option<Self> {
        let words = says.why.clone().unwrap_or_default();
        (!says.ready).then_some(match says.refusal {
            Some(refusal) => Self::Refused(refusal, words),
            None => Self::NotReady(words),
        })
    }

    /// For people. Of what is said in words they read those alone for which there are none of ours, as somebody else's.
    pub fn words(&self, language: Language) -> String {
        match self {
            Self::NotReady(said) | Self::Refused(Refusal::Unsuitable, said) if !said.is_empty() => {
                format!("{} ({})", self.kind(language), quoted(said, language))
            }
            _ => self.kind(language),
        }
    }

    /// For the log: also what others say of it.
    pub fn logged(&self) -> String {
        let kind = self.kind(Language::English);
        match self {
            Self::Away(said)
            | Self::NotReady(said)
            | Self::Refused(_, said)
            | Self::RoomGone(said)
                if !said.is_empty() =>
            {
                format!("{kind}: {said}")
            }
            _ => kind,
        }
    }

    fn kind(&self, language: Language) -> String {
        let words = match self {
            Self::Away(_) => language.choose("it cannot be reached", "er ist nicht zu erreichen"),
            Self::Late => language.choose(
                "it did not answer in time",
                "er hat nicht rechtzeitig geantwortet",
            ),
            Self::NotReady(_) => language.choose("it is not ready", "er ist nicht bereit"),
            Self::Refused(Refusal::Full, _) => language.choose("it is full", "er ist voll"),
            Self::Refused(Refusal::Unreachable, _) => language.choose(
                "what stands behind it does not answer",
                "was dahintersteht, antwortet nicht",
            ),
            Self::Refused(Refusal::Unsuitable, _) => {
                language.choose("it cannot be used", "er ist nicht zu gebrauchen")
            }
            Self::Refused(Refusal::Nonsense, _) => language.choose(
                "what it says makes no sense",
                "was er sagt, ergibt keinen Sinn",
            ),
            Self::RoomGone(_) => language.choose("its room is gone", "sein Raum ist weg"),
            Self::NoPictures(product) => {
                return language.choose(
                    format!("{product} carries no pictures"),
                    format!("{product} trägt keine Bilder"),
                );
            }
            Self::NoRoom {
                product,
                room,
                legs,
            } => {
                return language.choose(
                    format!("{product} has room for {room} of {legs} pictures"),
                    format!("{product} hat Platz für {room} von {legs} Bildern"),
                );
            }
        };
        words.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Language; 2] = [Language::English, Language::German];
    const SAID: &str = "words of theirs";

    fn name(text: &str) -> VideoServerName {
        text.parse().unwrap()
    }

    #[test]
    fn what_a_server_says_is_read_by_its_code_and_what_has_no_words_of_ours_in_quotation_marks() {
        let said = || SAID.to_owned();
        for (taken, english, german) in [
            (
                NotTaken::Away(said()),
                "it cannot be reached",
                "er ist nicht zu erreichen",
            ),
            (
                NotTaken::Refused(Refusal::Full, said()),
                "it is full",
                "er ist voll",
            ),
            (
                NotTaken::Refused(Refusal::Unreachable, said()),
                "what stands behind it does not answer",
                "was dahintersteht, antwortet nicht",
            ),
            (
                NotTaken::Refused(Refusal::Nonsense, said()),
                "what it says makes no sense",
                "was er sagt, ergibt keinen Sinn",
            ),
            (
                NotTaken::RoomGone(said()),
                "its room is gone",
                "sein Raum ist weg",
            ),
            (
                NotTaken::Refused(Refusal::Unsuitable, said()),
                "it cannot be used (“words of theirs”)",
                "er ist nicht zu gebrauchen („words of theirs“)",
            ),
            (
                NotTaken::NotReady(said()),
                "it is not ready (“words of theirs”)",
                "er ist nicht bereit („words of theirs“)",
            ),
        ] {
            assert_eq!(
                BOTH.map(|language| taken.words(language)),
                [english, german]
            );
            let logged = taken.logged();
            let kind = english.split(" (").next().unwrap();
            assert_eq!(logged, format!("{kind}: {SAID}"));
        }
        let silent = NotTaken::NotReady(String::new());
        assert_eq!(silent.words(Language::German), "er ist nicht bereit");
        assert_eq!(silent.logged(), "it is not ready");
    }

    #[test]
    fn people_are_told_in_their_language_and_the_log_in_english() {
        let full = || NotTaken::Refused(Refusal::Full, SAID.to_owned());
        let servers = vec![(name("one"), full()), (name("two"), NotTaken::Late)];
        let busy = Fault::new(FaultCode::Overloaded, "a command", "a full queue");
        let abroad = Fault::new(FaultCode::NumberRefused, "one at home", "•••07 abroad");
        for (reason, german, logged) in [
            (
                Reason::NoServer(servers),
                "Gerade geht keine Videokonferenz: one: er ist voll; two: er hat nicht rechtzeitig geantwortet. Niemand wurde angerufen; versuch es gleich noch einmal.",
                "overloaded: one: it is full: words of theirs; two: it did not answer in time",
            ),
            (
                Reason::Unanswered(Service::Conference, Silence::Undelivered(503)),
                "Gerade geht keine Videokonferenz: der Konferenzdienst: er nimmt keine Nachrichten an (503). Niemand wurde angerufen; versuch es gleich noch einmal.",
                "overloaded: the conference service: it does not take messages (503)",
            ),
            (
                Reason::Refused(Service::Conference, busy, Whom::One),
                "Gerade geht keine Videokonferenz: der Konferenzdienst: er hat zu viel zu tun. Niemand wurde angerufen; versuch es gleich noch einmal.",
                "overloaded: expected a command, came a full queue",
            ),
            (
                Reason::Refused(Service::Conference, abroad, Whom::Named("Bob".to_owned())),
                "Ich darf Bob nicht anrufen.",
                "number-refused: expected one at home, came •••07 abroad",
            ),
            (
                Reason::AllOut(vec![("Erin".to_owned(), NoWay::NoMode)]),
                "Das geht nicht: Erin: es ist nichts bekannt, womit sie teilnehmen könnten.",
                "no-telephone: Erin: nothing is known by which they could take part",
            ),
        ] {
            assert_eq!(reason.words(false, Language::German), german);
            assert_eq!(reason.logged(), logged);
        }
    }

    #[test]
    fn no_number_is_logged() {
        let reason = Reason::AllOut(vec![("+15550107".to_owned(), NoWay::NoMode)]);
        assert!(reason.words(false, Language::English).contains("+15550107"));
        let logged = reason.logged();
        assert!(logged.starts_with("no-telephone: a number: "), "{logged}");
    }
}
