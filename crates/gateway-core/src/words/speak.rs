//! What people are told, in words.

use std::fmt::Write as _;

use convoke_types::{Aor, EndReason, Fault, FaultCode, LegState, Role};
use soap_proto::{ParticipantSnapshot, Party, Snapshot, UtcMillis, Who};

use service_core::faults::{self, Whom};
use service_core::words::join;

use super::Language;
use super::parse::{Confusion, Wrong};

/// Most people named in one answer.
const NAMED_MAX: usize = 50;

/// What was done, to be told in the past tense or as under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Did {
    /// These are being called.
    Added(Vec<Party>),
    /// They are being called again.
    Redialled(String),
    /// They are not heard.
    Muted(String),
    /// They are heard.
    Unmuted(String),
    /// Their telephone is being hung up.
    Dropped(String),
    /// They are off the list.
    Removed(String),
    /// Nobody but owner and moderators is heard.
    MutedAll,
    /// All are heard.
    UnmutedAll,
    /// Everybody else's telephone is being hung up.
    DroppedAll,
    /// The receiver is in the queue.
    HandUp,
    /// They (`None`: the receiver) are out of it.
    HandDown(Option<String>),
    /// They have the word.
    Floor(String),
    /// It is locked.
    Locked,
    /// It is open again.
    Unlocked,
    /// They are a moderator.
    Promoted(String),
    /// They own it.
    HandedOver(String),
    /// The receiver is not called any more.
    Declined,
    /// It is ending.
    Ended,
}

/// The name to say for somebody.
pub(crate) fn name(p: &ParticipantSnapshot) -> String {
    if p.name.is_empty() {
        p.place.clone()
    } else {
        p.name.clone()
    }
}

fn named(p: &ParticipantSnapshot) -> String {
    let name = name(p);
    if p.place.is_empty() || p.place == name {
        name
    } else {
        format!("{name} ({})", p.place)
    }
}

pub(crate) fn calling(conference: &Snapshot, user: &Aor, language: Language) -> String {
    let others: Vec<String> = conference
        .participants
        .iter()
        .filter(|p| p.role != Role::Owner || p.user.as_ref().is_some_and(|u| u != user))
        .take(NAMED_MAX)
        .map(named)
        .collect();
    let shown = u32::try_from(others.len())
        .unwrap_or(u32::MAX)
        .saturating_add(1);
    let more = match conference.count.saturating_sub(shown) {
        0 => String::new(),
        n => language.choose(format!(" … {n} more"), format!(" … {n} weitere")),
    };
    let names = join(&others, language);
    language.choose(
        format!("Calling {names}{more}. I ring you first."),
        format!("Ich rufe {names}{more} an. Zuerst klingelt es bei dir."),
    )
}

pub(crate) fn did(did: &Did, language: Language) -> String {
    match did {
        Did::Added(parties) => {
            let names: Vec<String> = parties.iter().take(NAMED_MAX).map(party).collect();
            let names = join(&names, language);
            language.choose(
                format!("Calling {names} too."),
                format!("Ich rufe auch {names} an."),
            )
        }
        Did::Redialled(name) => language.choose(
            format!("Calling {name} again."),
            format!("Ich rufe {name} noch einmal an."),
        ),
        Did::Muted(name) => {
            language.choose(format!("{name} is muted."), format!("{name} ist stumm."))
        }
        Did::Unmuted(name) => language.choose(
            format!("{name} can be heard again, unless they muted themselves."),
            format!("{name} ist wieder zu hören, außer bei eigener Stummschaltung."),
        ),
        Did::Dropped(name) => language.choose(
            format!("Hanging up on {name}."),
            format!("Ich trenne {name}."),
        ),
        Did::Removed(name) => language.choose(
            format!("{name} is off the list."),
            format!("{name} ist von der Liste."),
        ),
        Did::MutedAll => language
            .choose("All participants are muted.", "Alle Teilnehmer sind stumm.")
            .to_owned(),
        Did::UnmutedAll => language
            .choose(
                "All participants can be heard again, but for those who muted themselves.",
                "Alle Teilnehmer sind wieder zu hören, außer bei eigener Stummschaltung.",
            )
            .to_owned(),
        Did::DroppedAll => language
            .choose("Hanging up on everybody else.", "Ich trenne alle anderen.")
            .to_owned(),
        Did::HandUp => language
            .choose("Your hand is up.", "Deine Hand ist oben.")
            .to_owned(),
        Did::HandDown(None) => language
            .choose("Your hand is down.", "Deine Hand ist unten.")
            .to_owned(),
        Did::HandDown(Some(name)) => language.choose(
            format!("{name}'s hand is down."),
            format!("{name} meldet sich nicht mehr."),
        ),
        Did::Floor(name) => language.choose(
            format!("{name} has the floor."),
            format!("{name} hat das Wort."),
        ),
        Did::Locked => language
            .choose("The conference is locked.", "Die Konferenz ist gesperrt.")
            .to_owned(),
        Did::Unlocked => language
            .choose("The conference is open.", "Die Konferenz ist offen.")
            .to_owned(),
        Did::Promoted(name) => language.choose(
            format!("{name} is a moderator now."),
            format!("{name} moderiert jetzt mit."),
        ),
        Did::HandedOver(name) => language.choose(
            format!("The conference is {name}'s now."),
            format!("Die Konferenz gehört jetzt {name}."),
        ),
        Did::Declined => language
            .choose(
                "You are not called any more.",
                "Du wirst nicht mehr angerufen.",
            )
            .to_owned(),
        Did::Ended => language
            .choose("Ending the conference.", "Ich beende die Konferenz.")
            .to_owned(),
    }
}

pub(crate) fn party(party: &Party) -> String {
    let who = match &party.who {
        Who::Person(text) | Who::Number(text) | Who::Sip(text) => text,
    };
    match &party.place {
        Some(place) => format!("{who} ({place})"),
        None => who.clone(),
    }
}

pub(crate) fn who(conferences: &[&Snapshot], now: UtcMillis, language: Language) -> String {
    let mut text = String::new();
    for (n, conference) in conferences.iter().enumerate() {
        let title = title(conference, language);
        let title = match conference.locked {
            true => format!("{title} ({})", language.choose("locked", "gesperrt")),
            false => title.to_owned(),
        };
        if conferences.len() > 1 {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}. {title}:", n + 1);
        } else {
            let _ = writeln!(text, "{title}:");
        }
        for p in conference.participants.iter().take(NAMED_MAX) {
            let _ = writeln!(text, "  {}", line(p, now, language));
        }
        let listed = conference.participants.len().min(NAMED_MAX);
        let listed = u32::try_from(listed).unwrap_or(u32::MAX);
        if let Some(more @ 1..) = conference.count.checked_sub(listed) {
            let _ = writeln!(text, "  … {more} {}", language.choose("more", "weitere"));
        }
    }
    text.trim_end().to_owned()
}

fn title(conference: &Snapshot, language: Language) -> &str {
    match conference.title.as_str() {
        "" => language.choose("Conference", "Konferenz"),
        title => title,
    }
}

fn line(p: &ParticipantSnapshot, now: UtcMillis, language: Language) -> String {
    let mut text = named(p);
    match &p.leg {
        None => text.push_str(language.choose(": not called", ": nicht angerufen")),
        Some(leg) => {
            let seconds = now.0.saturating_sub(leg.since.0) / 1000;
            let state = state(leg.state, leg.cause.as_ref().map(|c| c.reason), language);
            let _ = write!(text, ": {state} {}:{:02}", seconds / 60, seconds % 60);
        }
    }
    for (on, english, german) in [
        (p.muted, ", muted", ", stumm"),
        (p.talking, ", talking", ", spricht"),
        (p.silent, ", no sound from them", ", kein Ton"),
    ] {
        if on {
            text.push_str(language.choose(english, german));
        }
    }
    if let Some(place) = p.hand {
        let _ = write!(
            text,
            ", {} ({place})",
            language.choose("hand up", "meldet sich")
        );
    }
    // That it came to nothing was told when it did.
    if let Some(moving) = &p.moving
        && !moving.leg.state.is_end()
    {
        let reason = moving.leg.cause.as_ref().map(|cause| cause.reason);
        let state = state(moving.leg.state, reason, language);
        let _ = write!(text, ", {}: {state}", moving.place);
    }
    text
}

pub(super) fn state(
    state: LegState,
    reason: Option<EndReason>,
    language: Language,
) -> &'static str {
    match (state, reason) {
        (LegState::NoAnswer, Some(EndReason::Voicemail)) => {
            language.choose("voicemail", "Anrufbeantworter")
        }
        (LegState::Queued, _) => language.choose("waiting", "wartet"),
        (LegState::Dialling, _) => language.choose("calling", "wird gewählt"),
        (LegState::Ringing, _) => language.choose("ringing", "es klingelt"),
        (LegState::Answered, _) => language.choose("connecting", "verbindet"),
        (LegState::Confirming, _) => language.choose("asked to press 1", "soll die 1 drücken"),
        (LegState::Joined, _) => language.choose("in the call", "im Gespräch"),
        (LegState::Held, _) => language.choose("on hold", "hält"),
        (LegState::Left, _) => language.choose("left", "weg"),
        (LegState::Busy, _) => language.choose("busy", "besetzt"),
        (LegState::NoAnswer, _) => language.choose("no answer", "antwortet nicht"),
        (LegState::Declined, _) => language.choose("declined", "hat abgelehnt"),
        (LegState::Unreachable, _) => language.choose("unreachable", "nicht erreichbar"),
        (LegState::Failed, _) => language.choose("failed", "gescheitert"),
    }
}

/// Why the conference service does not do it, or did not.
pub(crate) fn fault(fault: &Fault, whom: &Whom, language: Language) -> String {
    let text = match fault.code {
        FaultCode::NotAllowed => language.choose(
            "You may not do that in this conference.",
            "Das darfst du in dieser Konferenz nicht.",
        ),
        FaultCode::UnknownConference => return no_conference(language),
        FaultCode::Expired => return late(language),
        FaultCode::WrongState => language.choose(
            "That does not fit just now. Say \"who\" to see who is in and who is called.",
            "Das passt gerade nicht. Sag \"wer\", dann siehst du, wer dabei ist und wer angerufen wird.",
        ),
        FaultCode::Overloaded | FaultCode::ShuttingDown => language.choose(
            "The conference service does not answer just now. Nobody was called; try again soon.",
            "Der Konferenzdienst antwortet gerade nicht. Niemand wurde angerufen; versuch es gleich noch einmal.",
        ),
        _ => return soap_proto::clean_words(&faults::words(fault, whom, language)),
    };
    text.to_owned()
}

pub(crate) fn confusion(confusion: &Confusion) -> String {
    let language = confusion.language;
    match &confusion.wrong {
        Wrong::UnknownWord { word, meant } => {
            let word = soap_proto::clean(word, 40);
            match meant {
                Some(meant) => format!(
                    "I do not know \"{word}\". Did you mean \"{meant}\"? \"help\" lists what I know."
                ),
                None => format!(
                    "I do not know \"{word}\". Say \"help\" to see what I know (auf Deutsch: \"hilfe\")."
                ),
            }
        }
        Wrong::Whom { word } => language.choose(
            format!("Whom? Say for example: {word} bob"),
            format!("Wen? Sag zum Beispiel: {word} bob"),
        ),
        Wrong::OnlyYours { word } => {
            let word = soap_proto::clean(word, 40);
            language.choose(
                format!("Only {word} can do that. To raise your own hand: hand"),
                format!("Das kann nur {word} selbst. Um dich zu melden: melden"),
            )
        }
        Wrong::TooMuch { word } => {
            let word = soap_proto::clean(word, 40);
            language.choose(
                format!("\"end\" ends it for all, \"lock\" locks it. To hang up one person: drop {word}"),
                format!("\"ende\" beendet sie für alle, \"sperre\" sperrt sie. Um jemanden zu trennen: trenne {word}"),
            )
        }
        Wrong::OpenQuote => {
            "A quotation mark is never closed. Say for example: call \"Carol Jones\" bob".to_owned()
        }
    }
}

pub(crate) fn help(language: Language) -> String {
    language
        .choose(
            "call bob \"Carol Jones\" (work) +15550107 – ring us all and join us\n\
             add dave · redial bob\n\
             who – who is in, who rings\n\
             mute bob · unmute bob\n\
             drop bob – hang up on bob · remove bob – and forget him\n\
             hand – ask to speak · lower · floor bob – let him speak\n\
             mute all · unmute all · drop all · lock · unlock\n\
             moderator bob · hand over to bob · decline in a meeting\n\
             end – end it for all\n\
             With several conferences: mute bob in 2 (auf Deutsch: hilfe)",
            "ruf bob \"Carla Jansen\" (work) +15550107 an – alle anrufen und verbinden\n\
             dazu dave · nochmal bob\n\
             wer – wer dabei ist, bei wem es klingelt\n\
             stumm bob · laut bob\n\
             trenne bob – bob auflegen · entferne bob – und von der Liste nehmen\n\
             melden – ums Wort bitten · senken · wort bob – ihn sprechen lassen\n\
             stumm alle · laut alle · trenne alle · sperre · öffne\n\
             ernenne bob – moderiert mit · übergib bob · ablehnen in einer Besprechung\n\
             ende – für alle beenden\n\
             Bei mehreren Konferenzen: stumm bob in 2 (in English: help)",
        )
        .to_owned()
}

pub(crate) fn not_text() -> String {
    "I read words in UTF-8 only. Say \"help\" to see what I know.".to_owned()
}

pub(crate) fn late(language: Language) -> String {
    language
        .choose(
            "That reached me too late, so I did nothing. Please say it again.",
            "Das kam zu spät an, ich habe nichts getan. Bitte sag es noch einmal.",
        )
        .to_owned()
}

pub(crate) fn no_conference(language: Language) -> String {
    language
        .choose(
            "You are in no conference. Start one: call bob",
            "Du bist in keiner Konferenz. Beginne eine: ruf bob an",
        )
        .to_owned()
}

/// That the speaker's own command fits none of their conferences.
pub(crate) fn nobody_calls(language: Language) -> String {
    let text = language.choose("Nobody is calling you.", "Dich ruft gerade niemand an.");
    text.to_owned()
}

pub(crate) fn not_in_a_call(language: Language) -> String {
    let text = language.choose(
        "You are not in a call; your hand can be seen once you are.",
        "Du bist in keinem Gespräch; deine Hand sieht man erst dort.",
    );
    text.to_owned()
}

pub(crate) fn no_hand_up(language: Language) -> String {
    let text = language.choose("Your hand is not up.", "Deine Hand ist nicht oben.");
    text.to_owned()
}

pub(crate) fn which(conferences: &[Snapshot], language: Language) -> String {
    let mut text = language
        .choose(
            "You are in several conferences; say which, for example \"in 1\" at the end:",
            "Du bist in mehreren Konferenzen; sag welche, zum Beispiel \"in 1\" am Ende:",
        )
        .to_owned();
    for (n, conference) in conferences.iter().enumerate() {
        let names: Vec<String> = conference.participants.iter().take(5).map(name).collect();
        let _ = write!(
            text,
            "\n{}. {} ({})",
            n + 1,
            title(conference, language),
            names.join(", ")
        );
    }
    text
}

pub(crate) fn nobody(wanted: &str, conferences: &[&Snapshot], language: Language) -> String {
    let names: Vec<String> = conferences
        .iter()
        .flat_map(|c| c.participants.iter())
        .take(NAMED_MAX)
        .map(name)
        .collect();
    let wanted = soap_proto::clean(wanted, 40);
    let names = names.join(", ");
    language.choose(
        format!("Nobody here is called \"{wanted}\". There are: {names}"),
        format!("Hier heißt niemand \"{wanted}\". Es gibt: {names}"),
    )
}

pub(crate) fn several(wanted: &str, people: &[&ParticipantSnapshot], language: Language) -> String {
    let wanted = soap_proto::clean(wanted, 40);
    let mut text = language.choose(
        format!("Several are called \"{wanted}\"; say one of these instead:"),
        format!("Mehrere heißen \"{wanted}\"; sag stattdessen eins von diesen:"),
    );
    for p in people.iter().take(NAMED_MAX) {
        let _ = write!(text, "\n{} – {}", p.id, named(p));
    }
    text
}
