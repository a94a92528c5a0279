//! Why a service did not do what somebody wanted, as they read it: by the fault's code. What a fault says of itself is English, for logs and
//! for programs.

use convoke_types::{Fault, FaultCode, NumberRefusal};

use crate::words::{Language, quoted};

/// Whom a fault is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// Who reads it.
    You,
    /// Somebody, as who reads it named them.
    Named(String),
    /// One of those whom they named.
    One,
}

/// Why, in a sentence or two.
pub fn words(fault: &Fault, whom: &Whom, language: Language) -> String {
    let text = match fault.code {
        FaultCode::UnknownPerson => return unknown_person(whom, language),
        FaultCode::NoTelephone => return no_telephone(whom, language),
        FaultCode::NumberRefused => return number_refused(fault.why, whom, language),
        FaultCode::LimitReached => return limit_reached(fault, language),
        FaultCode::BadRequest => {
            let Fault { expected, came, .. } = fault;
            let said = quoted(&format!("expected {expected}, came {came}"), language);
            return language.choose(
                format!("As it was said it cannot be done: {said}"),
                format!("So, wie es gesagt wurde, geht es nicht: {said}"),
            );
        }
        FaultCode::NotAllowed => {
            language.choose("That is not allowed here.", "Das ist hier nicht erlaubt.")
        }
        FaultCode::UnknownConference => language.choose(
            "That conference is not there any more.",
            "Diese Konferenz gibt es nicht mehr.",
        ),
        FaultCode::UnknownParticipant => language.choose(
            "Who is meant is not on the list any more.",
            "Wer gemeint ist, steht nicht mehr auf der Liste.",
        ),
        FaultCode::Expired => language.choose(
            "That came too late, so nothing was done. Please try again.",
            "Das kam zu spät, darum geschah nichts. Bitte versuch es noch einmal.",
        ),
        FaultCode::WrongState => language.choose(
            "That does not fit any more: something has changed meanwhile.",
            "Das passt nicht mehr: inzwischen hat sich etwas geändert.",
        ),
        FaultCode::Overloaded => language.choose(
            "There is too much to do just now; try again soon.",
            "Gerade ist zu viel zu tun; versuch es gleich noch einmal.",
        ),
        FaultCode::ShuttingDown => language.choose(
            "The service is going down; try again soon.",
            "Der Dienst wird gerade beendet; versuch es gleich noch einmal.",
        ),
        FaultCode::Internal => language.choose(
            "That did not work, by a fault of the service. If it stays so, tell the administrator.",
            "Das ging nicht, durch einen Fehler des Dienstes. Bleibt es so, sag es der Verwaltung.",
        ),
        // Of these no person can make anything: two of our programs, or a program of theirs, do not fit together.
        FaultCode::UnknownOperation
        | FaultCode::VersionMismatch
        | FaultCode::MustUnderstand
        | FaultCode::Unauthenticated
        | FaultCode::CommandIdReused
        | FaultCode::NoReplyTo => {
            return language.choose(
                format!(
                    "That did not work ({}). Tell the administrator.",
                    fault.code
                ),
                format!("Das ging nicht ({}). Sag es der Verwaltung.", fault.code),
            );
        }
    };
    text.to_owned()
}

fn unknown_person(whom: &Whom, language: Language) -> String {
    let nobody = match whom {
        Whom::Named(name) => language.choose(
            format!("I know nobody called {name}, or several people."),
            format!("Ich kenne niemanden namens {name}, oder mehrere."),
        ),
        Whom::You | Whom::One => language
            .choose(
                "One of the names is nobody's that I know, or several people's.",
                "Einen der Namen hat niemand, den ich kenne, oder es haben ihn mehrere.",
            )
            .to_owned(),
    };
    language.choose(
        format!("{nobody} Try user@domain, or a number with +."),
        format!("{nobody} Versuch es mit name@domain oder einer Nummer mit +."),
    )
}

fn no_telephone(whom: &Whom, language: Language) -> String {
    match whom {
        Whom::You => language
            .choose(
                "No such telephone of yours is known; write one into your profile.",
                "So ein Telefon ist von dir nicht bekannt; trag eins in dein Profil ein.",
            )
            .to_owned(),
        Whom::Named(name) => language.choose(
            format!("No telephone is known for {name}."),
            format!("Für {name} ist kein Telefon bekannt."),
        ),
        Whom::One => language
            .choose(
                "Of one of them no telephone is known.",
                "Von jemandem davon ist kein Telefon bekannt.",
            )
            .to_owned(),
    }
}

fn number_refused(why: Option<NumberRefusal>, whom: &Whom, language: Language) -> String {
    let whom = match whom {
        Whom::You => language.choose("you", "dich"),
        Whom::Named(name) => name,
        Whom::One => language.choose("one of them", "jemanden davon"),
    };
    let why = why.map_or("", |why| number_refusal(why, language));
    language.choose(
        format!("I may not call {whom}{why}."),
        format!("Ich darf {whom} nicht anrufen{why}."),
    )
}

/// The end of a sentence.
fn number_refusal(why: NumberRefusal, language: Language) -> &'static str {
    match why {
        NumberRefusal::NoNumber => language.choose(
            ": that is no telephone number",
            ": das ist keine Telefonnummer",
        ),
        NumberRefusal::Emergency => language.choose(
            ": an emergency number is dialled on one's own telephone",
            ": eine Notrufnummer wählt man am eigenen Telefon",
        ),
        NumberRefusal::National => language.choose(
            ": the number lacks its country; begin with + and the country's code",
            ": der Nummer fehlt das Land; beginn mit + und der Landesvorwahl",
        ),
        NumberRefusal::Premium => language.choose(
            ": premium numbers and the like are not called from here",
            ": Mehrwertnummern und ähnliche werden von hier nicht angerufen",
        ),
        NumberRefusal::Abroad => language.choose(
            ": the number is abroad, where nobody is called from here",
            ": die Nummer liegt im Ausland, und dorthin wird von hier nicht angerufen",
        ),
        NumberRefusal::NoRoute => language.choose(
            ": no line leads there from here",
            ": dorthin führt von hier keine Leitung",
        ),
    }
}

fn limit_reached(fault: &Fault, language: Language) -> String {
    match numbers(fault) {
        Some((most, came)) => language.choose(
            format!("That is too much: {}, and it is {came}.", fault.expected),
            format!("Das ist zu viel: {came} statt höchstens {most}."),
        ),
        None => language
            .choose("A limit is reached.", "Eine Grenze ist erreicht.")
            .to_owned(),
    }
}

/// Both numbers of a limit that a service counts: "at most 100 people", and how many came.
fn numbers(fault: &Fault) -> Option<(u64, u64)> {
    let most = fault.expected.strip_prefix("at most ")?.split(' ').next()?;
    Some((most.parse().ok()?, fault.came.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Language; 2] = [Language::English, Language::German];

    #[test]
    fn every_code_is_told_in_either_language_without_what_the_fault_says() {
        for code in FaultCode::ALL {
            let mut fault = Fault::new(code, "an expectation", "another thing");
            let whys = NumberRefusal::ALL.map(Some);
            for why in whys.into_iter().chain([None]) {
                fault.why = why;
                for whom in [Whom::You, Whom::Named("Bob".to_owned()), Whom::One] {
                    let [english, german] = BOTH.map(|language| words(&fault, &whom, language));
                    assert_ne!(english, german, "{code}");
                    for said in [english, german] {
                        let raw = ["an expectation", "another thing"].map(|raw| said.contains(raw));
                        // What cannot be read may be anything, so it is quoted.
                        assert_eq!(raw, [code == FaultCode::BadRequest; 2], "{said}");
                    }
                }
            }
        }
        let fault = Fault::new(FaultCode::BadRequest, "a name", "none");
        let said = BOTH.map(|language| words(&fault, &Whom::One, language));
        assert_eq!(
            said,
            [
                "As it was said it cannot be done: “expected a name, came none”",
                "So, wie es gesagt wurde, geht es nicht: „expected a name, came none“",
            ]
        );
    }

    #[test]
    fn who_is_refused_is_named_as_they_were_and_why() {
        let emergency = Fault::number(NumberRefusal::Emergency, "another", "an emergency number");
        let unknown = Fault::new(FaultCode::UnknownPerson, "one", "a name of several people");
        let none = Fault::new(FaultCode::NoTelephone, "one", "bob@example.org without one");
        let named = Whom::Named("112".to_owned());
        for (fault, whom, english, german) in [
            (
                &emergency,
                &named,
                "I may not call 112: an emergency number is dialled on one's own telephone.",
                "Ich darf 112 nicht anrufen: eine Notrufnummer wählt man am eigenen Telefon.",
            ),
            (
                &unknown,
                &Whom::Named("bob".to_owned()),
                "I know nobody called bob, or several people. Try user@domain, or a number with +.",
                "Ich kenne niemanden namens bob, oder mehrere. Versuch es mit name@domain oder einer Nummer mit +.",
            ),
            (
                &none,
                &Whom::You,
                "No such telephone of yours is known; write one into your profile.",
                "So ein Telefon ist von dir nicht bekannt; trag eins in dein Profil ein.",
            ),
        ] {
            let said = BOTH.map(|language| words(fault, whom, language));
            assert_eq!(said, [english, german]);
        }
    }

    #[test]
    fn a_limit_is_told_by_its_numbers_where_it_has_any() {
        let counted = Fault::new(FaultCode::LimitReached, "at most 9 participants", "10");
        let other = Fault::new(FaultCode::LimitReached, "fewer of all", "one more");
        let said = |fault| BOTH.map(|language| words(fault, &Whom::One, language));
        assert_eq!(
            said(&counted),
            [
                "That is too much: at most 9 participants, and it is 10.",
                "Das ist zu viel: 10 statt höchstens 9.",
            ]
        );
        assert_eq!(
            said(&other),
            ["A limit is reached.", "Eine Grenze ist erreicht."]
        );
    }
}
