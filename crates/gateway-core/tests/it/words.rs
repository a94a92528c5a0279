//! What the gateway understands.

use gateway_core::words::Language;
use gateway_core::words::parse::{Command, Wrong, parse};
use soap_proto::{Party, Who};

fn person(name: &str) -> Party {
    Party::of(Who::Person(name.into()))
}
fn number(number: &str) -> Party {
    Party::of(Who::Number(number.into()))
}

fn check(text: &str, expected: Command) {
    match parse(text) {
        Ok(said) => assert_eq!(said.command, expected, "{text}"),
        Err(confusion) => panic!("{text}: {confusion:?}"),
    }
}

#[test]
fn people_are_called_by_name_number_and_uri() {
    let mobile = |name: &str| Party {
        place: Some("mobile".into()),
        ..person(name)
    };
    for (text, parties) in [
        (
            "call bob carol +15550107",
            vec![person("bob"), person("carol"), number("+15550107")],
        ),
        (
            "CALL Bob, Carol and dave!",
            vec![person("Bob"), person("Carol"), person("dave")],
        ),
        (
            "/call \"Carol Jones\" 'Al' “Ed X” „Jo Y“",
            vec![
                person("Carol Jones"),
                person("Al"),
                person("Ed X"),
                person("Jo Y"),
            ],
        ),
        (
            "call bob (Mobile) carol",
            vec![mobile("bob"), person("carol")],
        ),
        (
            "call +1 555 0107 +49-30-1234567",
            vec![number("+1 555 0107"), number("+49-30-1234567")],
        ),
        (
            "call (030) 1234567 bob",
            vec![number("(030) 1234567"), person("bob")],
        ),
        (
            "call 5550107 5550108",
            vec![number("5550107"), number("5550108")],
        ),
        (
            "call bob@example.org sip:room@example.org",
            vec![
                person("bob@example.org"),
                Party::of(Who::Sip("sip:room@example.org".into())),
            ],
        ),
        ("ruf bob und carol an", vec![person("bob"), person("carol")]),
        ("call\nbob\r\ncarol\t", vec![person("bob"), person("carol")]),
        ("call Jürgen 李", vec![person("Jürgen"), person("李")]),
    ] {
        check(text, Command::Call(parties));
    }
    check("add dave", Command::Add(vec![person("dave")]));
    check("hinzufügen dave", Command::Add(vec![person("dave")]));
}

#[test]
fn the_other_commands_take_one_name_with_or_without_quotes() {
    for (text, command) in [
        ("who", Command::Who),
        ("Who is in the call?", Command::Who),
        ("wer", Command::Who),
        ("mute Carol Jones", Command::Mute("Carol Jones".into())),
        ("stumm \"Carol Jones\"", Command::Mute("Carol Jones".into())),
        ("unmute bob", Command::Unmute("bob".into())),
        ("drop bob.", Command::Drop("bob".into())),
        ("disconnect bob", Command::Drop("bob".into())),
        ("remove bob", Command::Remove("bob".into())),
        ("redial bob", Command::Redial("bob".into())),
        ("end", Command::End),
        ("end the conference now", Command::End),
        ("Ende!", Command::End),
        ("help", Command::Help),
        ("?", Command::Help),
        ("", Command::Help),
        (" \n", Command::Help),
    ] {
        check(text, command);
    }
    let bob = || "bob".to_owned();
    for (text, command) in [
        ("hand", Command::RaiseHand),
        ("raise my hand", Command::RaiseHand),
        ("Melde mich!", Command::RaiseHand),
        ("melden", Command::RaiseHand),
        ("lower", Command::LowerHand(None)),
        ("lower my hand", Command::LowerHand(None)),
        ("senke meine Hand", Command::LowerHand(None)),
        ("lower bob's hand", Command::LowerHand(Some(bob()))),
        ("floor bob", Command::Floor(bob())),
        ("give the floor to bob", Command::Floor(bob())),
        ("wort bob", Command::Floor(bob())),
        ("gib bob das Wort", Command::Floor(bob())),
        ("lock", Command::Lock),
        ("lock the conference", Command::Lock),
        ("sperren", Command::Lock),
        ("unlock", Command::Unlock),
        ("öffne die Konferenz", Command::Unlock),
        ("moderator bob", Command::Promote(bob())),
        ("ernenne bob", Command::Promote(bob())),
        ("hand over to bob", Command::HandOver(bob())),
        ("handover bob", Command::HandOver(bob())),
        ("übergib an bob", Command::HandOver(bob())),
        ("mute all", Command::MuteAll),
        ("stumm alle", Command::MuteAll),
        ("mute \"all\"", Command::Mute("all".into())),
        ("mute all hands", Command::Mute("all hands".into())),
        ("unmute everybody", Command::UnmuteAll),
        ("laut alle", Command::UnmuteAll),
        ("disconnect all", Command::DropAll),
        ("trenne alle", Command::DropAll),
        ("decline", Command::Decline(None)),
        (
            "decline back in 5",
            Command::Decline(Some("back in 5".into())),
        ),
        (
            "ablehnen in einer Besprechung",
            Command::Decline(Some("in einer Besprechung".into())),
        ),
    ] {
        check(text, command);
    }
    assert_eq!(parse("decline in 2").unwrap().which, Some(2));
    assert_eq!(parse("übergib bob").unwrap().language, Language::German);
    assert_eq!(parse("mute bob in 2").unwrap().which, Some(2));
    assert_eq!(parse("end in #1").unwrap().which, Some(1));
    assert_eq!(parse("wer").unwrap().language, Language::German);
}

#[test]
fn what_is_not_understood_says_what_might_be_meant() {
    for (text, meant) in [
        ("cal bob", Some("call")),
        ("umute bob", Some("unmute")),
        ("hlep", Some("help")),
        ("xyzzy", None),
        ("\"call\" bob", Some("call")),
    ] {
        let Err(confusion) = parse(text) else {
            panic!("{text} was understood")
        };
        let Wrong::UnknownWord { meant: came, .. } = confusion.wrong else {
            panic!("{text}: {confusion:?}")
        };
        assert_eq!(came, meant, "{text}");
    }
    assert_eq!(
        parse("call").unwrap_err().wrong,
        Wrong::Whom { word: "call" }
    );
    assert_eq!(
        parse("call and").unwrap_err().wrong,
        Wrong::Whom { word: "call" }
    );
    assert_eq!(
        parse("mute").unwrap_err().wrong,
        Wrong::Whom { word: "mute" }
    );
    assert_eq!(
        parse("end bob").unwrap_err().wrong,
        Wrong::TooMuch { word: "bob".into() }
    );
    assert_eq!(parse("call \"bob").unwrap_err().wrong, Wrong::OpenQuote);
    assert_eq!(
        parse("raise bob's hand").unwrap_err().wrong,
        Wrong::OnlyYours { word: "bob".into() }
    );
    assert_eq!(
        parse("hand over").unwrap_err().wrong,
        Wrong::Whom { word: "hand" }
    );
    assert_eq!(
        parse("lock bob").unwrap_err().wrong,
        Wrong::TooMuch { word: "bob".into() }
    );
}

proptest::proptest! {
    #[test]
    fn any_text_is_understood_or_refused(text in ".{0,200}") {
        drop(parse(&text));
        drop(parse(&format!("call {text}")));
    }
}
