//! What people are told, in words.

use convoke_types::Mode;
use service_core::words::Language;

use crate::ways::{Chosen, How, NoWay, Person};
use crate::words::{Confusion, Word};

/// Most people named in one message.
pub(crate) const NAMED_MAX: usize = 30;

fn mode_name(mode: Mode, language: Language) -> &'static str {
    match mode {
        Mode::Pstn => language.choose("telephone", "Telefon"),
        Mode::Mobile => language.choose("mobile telephone", "Mobiltelefon"),
        Mode::Sip => "SIP",
        Mode::Computer => language.choose("computer", "Computer"),
        Mode::H323 => "H.323",
        Mode::Isdn => "ISDN",
        Mode::Atm => "ATM",
        Mode::Gateway => language.choose("gateway", "Gateway"),
    }
}

/// How somebody takes part, as others read it. An address is shown where the asker wrote it; those of people with an account are theirs
/// to tell.
pub(crate) fn way(person: &Person, chosen: &Chosen, language: Language) -> String {
    let mode = mode_name(chosen.mode, language);
    match &chosen.how {
        How::Browser => language
            .choose(
                "joins with their own client",
                "kommt mit dem eigenen Client dazu",
            )
            .to_owned(),
        How::Place(Some(place)) => language.choose(
            format!("is called on the telephone ({place})"),
            format!("wird auf dem Telefon ({place}) angerufen"),
        ),
        How::Sip(_) if person.user.is_some() => language.choose(
            format!("is called by {mode}"),
            format!("wird über {mode} angerufen"),
        ),
        How::Place(None) | How::Number(_) => language.choose(
            format!("is called on the {mode}"),
            format!("wird auf dem {mode} angerufen"),
        ),
        How::Sip(uri) if chosen.mode == Mode::Sip => language.choose(
            format!("is called as {uri}"),
            format!("wird als {uri} angerufen"),
        ),
        How::Sip(uri) => language.choose(
            format!("is called by {mode}, through the gateway as {uri}"),
            format!("wird über {mode} angerufen, durch das Gateway als {uri}"),
        ),
    }
}

/// Why somebody takes no part, as others read it.
pub(crate) fn no_way(why: &NoWay, language: Language) -> String {
    match why {
        NoWay::Unknown => language.choose(
            "nobody is called so, or several are; write user@domain",
            "so heißt niemand, oder mehrere; schreib name@domain",
        ),
        NoWay::NoMode => language.choose(
            "nothing is known by which they could take part",
            "es ist nichts bekannt, womit sie teilnehmen könnten",
        ),
        NoWay::NotCalled(mode) => {
            let mode = mode_name(*mode, language);
            return language.choose(
                format!("what is known ({mode}) may not be called from here"),
                format!("was bekannt ist ({mode}), darf von hier nicht angerufen werden"),
            );
        }
        NoWay::NotThere => language.choose(
            "no client of theirs is there, and no telephone is known",
            "kein Client ist angemeldet, und kein Telefon ist bekannt",
        ),
        NoWay::NoGateway(mode) => {
            let mode = mode_name(*mode, language);
            return language.choose(
                format!("no gateway leads to {mode}"),
                format!("kein Gateway führt zu {mode}"),
            );
        }
    }
    .to_owned()
}

/// The answer to who asked in words: the conference is ready.
pub(crate) fn ready(
    title: &str,
    people: &[Person],
    link: Option<&str>,
    uri: &str,
    language: Language,
) -> String {
    let mut text = match title.is_empty() {
        true => language
            .choose(
                "The video conference is ready.",
                "Die Videokonferenz ist bereit.",
            )
            .to_owned(),
        false => language.choose(
            format!("The video conference \"{title}\" is ready."),
            format!("Die Videokonferenz \"{title}\" ist bereit."),
        ),
    };
    if let Some(Ok(own)) = people.first().map(|asker| &asker.way) {
        text.push(' ');
        text.push_str(&way_in(own, link, uri, language));
    }
    for person in people.iter().skip(1).take(NAMED_MAX) {
        let how = match &person.way {
            Ok(chosen) => way(person, chosen, language),
            Err(why) => no_way(why, language),
        };
        text.push_str(&format!("\n{}: {how}", person.name));
    }
    text
}

/// How the reader themselves gets in.
pub(crate) fn way_in(chosen: &Chosen, link: Option<&str>, uri: &str, language: Language) -> String {
    match (&chosen.how, link) {
        (How::Browser, Some(link)) => language.choose(
            format!("Join: {link} or call {uri}"),
            format!("Hier geht es hinein: {link} oder ruf {uri} an"),
        ),
        (How::Browser, None) => language.choose(
            format!("To join, call {uri}"),
            format!("Um teilzunehmen, ruf {uri} an"),
        ),
        (How::Place(Some(place)), _) => language.choose(
            format!("Your telephone ({place}) rings."),
            format!("Dein Telefon ({place}) klingelt."),
        ),
        (How::Place(None) | How::Number(_), _) => language
            .choose("Your telephone rings.", "Dein Telefon klingelt.")
            .to_owned(),
        (How::Sip(uri), _) => language.choose(
            format!("You are called as {uri}."),
            format!("Du wirst als {uri} angerufen."),
        ),
    }
}

/// The invitation, for clients that show words alone.
pub(crate) fn invitation(
    asker: &str,
    title: &str,
    chosen: &Chosen,
    link: Option<&str>,
    uri: &str,
    language: Language,
) -> String {
    let into = way_in(chosen, link, uri, language);
    let title = match title.is_empty() {
        true => String::new(),
        false => format!(" \"{title}\""),
    };
    language.choose(
        format!("{asker} invites you to the video conference{title}. {into}"),
        format!("{asker} lädt dich zur Videokonferenz{title} ein. {into}"),
    )
}

/// For somebody who was wanted and has no way.
pub(crate) fn left_out(asker: &str, why: &NoWay, language: Language) -> String {
    let why = match why {
        NoWay::NoGateway(_) | NoWay::NotCalled(_) => no_way(why, language),
        NoWay::Unknown | NoWay::NoMode | NoWay::NotThere => language
            .choose(
                "register a client that takes calls and messages, or write a telephone into your profile",
                "melde einen Client an, der Anrufe und Nachrichten annimmt, oder trag ein Telefon in dein Profil ein",
            )
            .to_owned(),
    };
    language.choose(
        format!(
            "{asker} wanted you in a video conference, but there was no way to reach you: {why}."
        ),
        format!(
            "{asker} wollte dich in einer Videokonferenz, aber du bist nicht zu erreichen: {why}."
        ),
    )
}

/// The answer to what needs no conference.
pub(crate) fn word(word: &Word, language: Language) -> String {
    match word {
        Word::Help => help(language),
        Word::Confused(confused) => confusion(confused, language),
        Word::NotText => not_text(language),
    }
}

fn confusion(confusion: &Confusion, language: Language) -> String {
    match confusion {
        Confusion::UnknownWord { word, meant } => {
            let word = soap_proto::clean(word, 40);
            match meant {
                Some(meant) => language.choose(
                    format!("I do not know \"{word}\". Did you mean \"{meant}\"?"),
                    format!("\"{word}\" kenne ich nicht. Meintest du \"{meant}\"?"),
                ),
                None => language.choose(
                    format!("I do not know \"{word}\". Say \"help\" to see what I know (auf Deutsch: \"hilfe\")."),
                    format!("\"{word}\" kenne ich nicht. Sag \"hilfe\" (in English: \"help\")."),
                ),
            }
        }
        Confusion::Whom => language
            .choose("Whom? Say for example: video bob", "Wen? Sag zum Beispiel: video bob")
            .to_owned(),
        Confusion::OpenQuote => language
            .choose(
                "A quotation mark is never closed. Say for example: video \"Carol Jones\" bob",
                "Ein Anführungszeichen wird nie geschlossen. Sag zum Beispiel: video \"Carla Jansen\" bob",
            )
            .to_owned(),
        Confusion::NoAddress { said, mode } => {
            let said = soap_proto::clean(said, 40);
            let (name, like) = (mode_name(*mode, language), address_like(*mode, language));
            language.choose(
                format!("\"{said}\" is no address of this kind ({name}). Such a one looks like {like}."),
                format!("\"{said}\" ist keine Adresse dieser Art ({name}). So sieht eine aus: {like}."),
            )
        }
    }
}

/// What an address of a network that only a gateway leads to looks like (`NetworkAddress`).
fn address_like(mode: Mode, language: Language) -> &'static str {
    match mode {
        Mode::H323 => language.choose(
            "h323:room@example.org, or h323: and an alias",
            "h323:raum@example.org, oder h323: und ein Alias",
        ),
        Mode::Atm => language.choose(
            "atm:+493012345, or atm: and the 40 hexadecimal digits of an NSAP address",
            "atm:+493012345, oder atm: und die 40 Hexadezimalziffern einer NSAP-Adresse",
        ),
        Mode::Gateway => language.choose(
            "gateway:27*4711, letters, digits and . _ + - @ # * as that gateway wants them",
            "gateway:27*4711, Buchstaben, Ziffern und . _ + - @ # *, wie das Gateway sie will",
        ),
        // The others need no gateway, and nobody asks for what they look like.
        Mode::Isdn | Mode::Pstn | Mode::Mobile | Mode::Sip | Mode::Computer => language.choose(
            "isdn:+493012345, a number of 3 to 20 digits",
            "isdn:+493012345, eine Nummer mit 3 bis 20 Ziffern",
        ),
    }
}

fn help(language: Language) -> String {
    language
        .choose(
            "video bob \"Carol Jones\" +15550107 – a video conference with them; each gets in as they can\n\
             Behind a name, the way: video bob (mobile)\n\
             Rooms and gateways: sip:room@example.org isdn:+4930123 h323:room@example.org\n\
             (auf Deutsch: hilfe)",
            "videokonferenz bob \"Carla Jansen\" +15550107 – eine Videokonferenz; jeder kommt hinein, wie es geht\n\
             Hinter einem Namen der Weg: videokonferenz bob (mobile)\n\
             Räume und Gateways: sip:raum@example.org isdn:+4930123 h323:raum@example.org\n\
             (in English: help)",
        )
        .to_owned()
}

fn not_text(language: Language) -> String {
    language
        .choose(
            "I read words in UTF-8 only.",
            "Ich lese nur Wörter in UTF-8.",
        )
        .to_owned()
}
