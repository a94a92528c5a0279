//! `video bob "Carol Jones" +1 555 0107 isdn:+49301` and the like, in English and German.

use convoke_types::{Mode, NetworkAddress};
use service_core::words::{Language, distance, parties, words};
use soap_proto::{BROWSER, Invite, Invited, Party, Who};

/// Most characters of a message that are read.
const SAID_MAX_CHARS: usize = 8_000;

/// What can be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// A video conference with these people.
    Video(Vec<Invite>),
    /// What can be said.
    Help,
}

/// What needs no conference to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// What can be said.
    Help,
    /// That it was not understood.
    Confused(Confusion),
    /// That it was no text.
    NotText,
}

/// What was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Confusion {
    /// The first word is none of ours.
    UnknownWord {
        /// The word.
        word: String,
        /// The nearest of ours.
        meant: Option<&'static str>,
    },
    /// The word needs to know whom.
    Whom,
    /// A quotation mark is never closed.
    OpenQuote,
    /// What stands behind the name of a network is no address of it.
    NoAddress {
        /// All of it, as it was written.
        said: String,
        /// The network.
        mode: Mode,
    },
}

/// Our words, each with the language that it is of; both languages have `video`.
const VIDEO: [(&str, Option<Language>); 6] = [
    ("video", None),
    ("videocall", Some(Language::English)),
    ("conference", Some(Language::English)),
    ("videokonferenz", Some(Language::German)),
    ("videoanruf", Some(Language::German)),
    ("konferenz", Some(Language::German)),
];
const HELP: [(&str, Option<Language>); 4] = [
    ("help", Some(Language::English)),
    ("?", None),
    ("hilfe", Some(Language::German)),
    ("was", Some(Language::German)),
];

/// Understands a message, and the language that its first word is of, if it is of one.
pub(crate) fn parse(text: &str) -> (Option<Language>, Result<Said, Confusion>) {
    let text: String = text.chars().take(SAID_MAX_CHARS).collect();
    let Ok(mut said) = words(&text) else {
        return (None, Err(Confusion::OpenQuote));
    };
    if said.is_empty() {
        return (None, Ok(Said::Help));
    }
    let first = said.remove(0);
    let bare = first.text.trim_start_matches('/').to_lowercase();
    let find = |all: &[(&'static str, Option<Language>)]| {
        let mut all = all.iter();
        all.find(|(name, _)| *name == bare && !first.quoted)
            .map(|(_, language)| *language)
    };
    if let Some(language) = find(&HELP) {
        return (language, Ok(Said::Help));
    }
    let Some(language) = find(&VIDEO) else {
        let all = VIDEO.iter().chain(&HELP).map(|(name, _)| *name);
        let meant = all.filter(|name| distance(&bare, name) <= 2);
        let confusion = Confusion::UnknownWord {
            meant: meant.min_by_key(|name| distance(&bare, name)),
            word: first.text,
        };
        return (None, Err(confusion));
    };
    let invites: Vec<Invite> = parties(said).into_iter().map(invite).collect();
    let understood = match invites.iter().find_map(no_address) {
        _ if invites.is_empty() => Err(Confusion::Whom),
        Some(confusion) => Err(confusion),
        None => Ok(Said::Video(invites)),
    };
    (language, understood)
}

/// What begins like an address of another network is none. Of `isdn:` the colon is gone already, as of what ends a sentence; who is called
/// like a network is written user@domain.
fn no_address(invite: &Invite) -> Option<Confusion> {
    let Invited::Person(said) = &invite.who else {
        return None;
    };
    let (scheme, _) = said.split_once(':').unwrap_or((said, ""));
    let mode: Mode = scheme.to_ascii_lowercase().parse().ok()?;
    mode.is_through_gateway().then(|| Confusion::NoAddress {
        said: said.clone(),
        mode,
    })
}

fn invite(party: Party) -> Invite {
    let who = match party.who {
        Who::Number(number) => Invited::Number(number),
        Who::Sip(uri) => Invited::Sip(uri),
        Who::Person(person) => match person.parse::<NetworkAddress>() {
            Ok(address) => Invited::Network(address),
            Err(_) => Invited::Person(person),
        },
    };
    let mode = party.place.as_deref().and_then(|place| match place {
        BROWSER => Some(Mode::Computer),
        place => place.parse().ok(),
    });
    Invite {
        who,
        name: party.name,
        mode,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invites(text: &str) -> Vec<Invite> {
        match parse(text).1 {
            Ok(Said::Video(invites)) => invites,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn no_address(said: &str, mode: Mode) -> Confusion {
        let said = said.to_owned();
        Confusion::NoAddress { said, mode }
    }

    #[test]
    fn people_numbers_rooms_and_other_networks_are_understood() {
        let said = invites(
            "video bob (mobile), \"Carol Jones\" and +1 555 0107 sip:room@v.example isdn:+493012345",
        );
        let who: Vec<&Invited> = said.iter().map(|invite| &invite.who).collect();
        assert_eq!(
            who,
            [
                &Invited::Person("bob".to_owned()),
                &Invited::Person("Carol Jones".to_owned()),
                &Invited::Number("+1 555 0107".to_owned()),
                &Invited::Sip("sip:room@v.example".to_owned()),
                &Invited::Network("isdn:+493012345".parse().unwrap()),
            ]
        );
        assert_eq!(said[0].mode, Some(Mode::Mobile));
        assert_eq!(invites("Video bob (browser)")[0].mode, Some(Mode::Computer));
    }

    #[test]
    fn both_languages_are_spoken() {
        for (text, language, said) in [
            ("help", Some(Language::English), Ok(Said::Help)),
            ("?", None, Ok(Said::Help)),
            ("Hilfe!", Some(Language::German), Ok(Said::Help)),
            ("", None, Ok(Said::Help)),
            (
                "videokonferenz",
                Some(Language::German),
                Err(Confusion::Whom),
            ),
            ("video", None, Err(Confusion::Whom)),
            ("video \"bob", None, Err(Confusion::OpenQuote)),
            (
                "video bob ATM:zz",
                None,
                Err(no_address("ATM:zz", Mode::Atm)),
            ),
            (
                "videoanruf isdn:",
                Some(Language::German),
                Err(no_address("isdn", Mode::Isdn)),
            ),
            (
                "vidoe bob",
                None,
                Err(Confusion::UnknownWord {
                    word: "vidoe".to_owned(),
                    meant: Some("video"),
                }),
            ),
        ] {
            assert_eq!(parse(text), (language, said), "{text}");
        }
    }
}
