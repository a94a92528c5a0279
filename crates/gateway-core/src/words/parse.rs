//! `call bob "Carol Jones" (mobile) +1 555 0107` and the like, case-insensitive, in English and German.

use soap_proto::Party;

use super::Language;
use service_core::words::{Word, distance, parties, words};

/// Most characters of a message that are read.
pub const SAID_MAX_CHARS: usize = 8000;

/// What somebody said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What they want.
    pub command: Command,
    /// In which language.
    pub language: Language,
    /// `in 2`: the second of their conferences, counted as `who` counts them.
    pub which: Option<usize>,
}

/// What can be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Start a conference with these people.
    Call(Vec<Party>),
    /// Add people to it.
    Add(Vec<Party>),
    /// Call somebody in it again.
    Redial(String),
    /// Who is in it.
    Who,
    /// Nobody shall hear them.
    Mute(String),
    /// They shall be heard again.
    Unmute(String),
    /// Hang up their telephone.
    Drop(String),
    /// Hang up and take them off the list.
    Remove(String),
    /// Nobody shall hear anybody but owner and moderators.
    MuteAll,
    /// All shall be heard again.
    UnmuteAll,
    /// Hang up everybody's telephone but the speaker's.
    DropAll,
    /// The speaker wants to say something.
    RaiseHand,
    /// Somebody (`None`: the speaker) does not want to any more.
    LowerHand(Option<String>),
    /// They have the word.
    Floor(String),
    /// Nobody shall be added.
    Lock,
    /// People may be added again.
    Unlock,
    /// They shall be a moderator.
    Promote(String),
    /// They shall own it.
    HandOver(String),
    /// The speaker does not want to be called, and perhaps says why.
    Decline(Option<String>),
    /// End it for all.
    End,
    /// What can be said.
    Help,
}

/// What was not understood, with what might have been meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    /// The language to answer in.
    pub language: Language,
    /// What is wrong.
    pub wrong: Wrong,
}

/// Kinds of misunderstanding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// The first word is none of ours.
    UnknownWord {
        /// The word.
        word: String,
        /// The nearest of ours.
        meant: Option<&'static str>,
    },
    /// The word needs to know whom.
    Whom {
        /// The word.
        word: &'static str,
    },
    /// Nobody raises the hand of somebody else.
    OnlyYours {
        /// The first word too many.
        word: String,
    },
    /// More words than the command takes.
    TooMuch {
        /// The first word too many.
        word: String,
    },
    /// A quotation mark is never closed.
    OpenQuote,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Call,
    Add,
    Redial,
    Who,
    Mute,
    Unmute,
    Drop,
    Remove,
    Hand,
    Lower,
    Floor,
    Lock,
    Unlock,
    Promote,
    HandOver,
    Decline,
    End,
    Help,
}

use Language::{English, German};

/// Every word that begins a command. The first of a language is the one that help names.
const VERBS: [(&str, Verb, Language); 73] = [
    ("call", Verb::Call, English),
    ("dial", Verb::Call, English),
    ("ring", Verb::Call, English),
    ("conference", Verb::Call, English),
    ("ruf", Verb::Call, German),
    ("rufe", Verb::Call, German),
    ("anrufen", Verb::Call, German),
    ("konferenz", Verb::Call, German),
    ("add", Verb::Add, English),
    ("invite", Verb::Add, English),
    ("dazu", Verb::Add, German),
    ("hinzufügen", Verb::Add, German),
    ("hinzu", Verb::Add, German),
    ("redial", Verb::Redial, English),
    ("again", Verb::Redial, English),
    ("nochmal", Verb::Redial, German),
    ("who", Verb::Who, English),
    ("list", Verb::Who, English),
    ("status", Verb::Who, English),
    ("wer", Verb::Who, German),
    ("liste", Verb::Who, German),
    ("mute", Verb::Mute, English),
    ("silence", Verb::Mute, English),
    ("stumm", Verb::Mute, German),
    ("unmute", Verb::Unmute, English),
    ("laut", Verb::Unmute, German),
    ("drop", Verb::Drop, English),
    ("disconnect", Verb::Drop, English),
    ("hangup", Verb::Drop, English),
    ("trenne", Verb::Drop, German),
    ("trennen", Verb::Drop, German),
    ("auflegen", Verb::Drop, German),
    ("remove", Verb::Remove, English),
    ("kick", Verb::Remove, English),
    ("entferne", Verb::Remove, German),
    ("entfernen", Verb::Remove, German),
    ("raus", Verb::Remove, German),
    ("raise", Verb::Hand, English),
    ("hand", Verb::Hand, English),
    ("melde", Verb::Hand, German),
    ("melden", Verb::Hand, German),
    ("lower", Verb::Lower, English),
    ("senke", Verb::Lower, German),
    ("senken", Verb::Lower, German),
    ("floor", Verb::Floor, English),
    ("give", Verb::Floor, English),
    ("wort", Verb::Floor, German),
    ("gib", Verb::Floor, German),
    ("lock", Verb::Lock, English),
    ("sperre", Verb::Lock, German),
    ("sperren", Verb::Lock, German),
    ("unlock", Verb::Unlock, English),
    ("open", Verb::Unlock, English),
    ("öffne", Verb::Unlock, German),
    ("öffnen", Verb::Unlock, German),
    ("moderator", Verb::Promote, English),
    ("promote", Verb::Promote, English),
    ("ernenne", Verb::Promote, German),
    ("handover", Verb::HandOver, English),
    ("übergib", Verb::HandOver, German),
    ("übergebe", Verb::HandOver, German),
    ("decline", Verb::Decline, English),
    ("ablehnen", Verb::Decline, German),
    ("end", Verb::End, English),
    ("stop", Verb::End, English),
    ("ende", Verb::End, German),
    ("beende", Verb::End, German),
    ("beenden", Verb::End, German),
    ("schluss", Verb::End, German),
    ("help", Verb::Help, English),
    ("?", Verb::Help, English),
    ("hilfe", Verb::Help, German),
    ("was", Verb::Help, German),
];

/// Words that mean everybody, where one person is expected.
const EVERYBODY: [&str; 5] = ["all", "everybody", "everyone", "alle", "allen"];

/// Understands a message.
pub fn parse(text: &str) -> Result<Said, Confusion> {
    let text: String = text.chars().take(SAID_MAX_CHARS).collect();
    let mut words = words(&text).map_err(|_| Confusion {
        language: Language::default(),
        wrong: Wrong::OpenQuote,
    })?;
    if words.is_empty() {
        return Ok(Said {
            command: Command::Help,
            language: Language::default(),
            which: None,
        });
    }
    let first = words.remove(0);
    let bare = first.text.trim_start_matches('/').to_lowercase();
    let Some((name, verb, language)) = VERBS
        .into_iter()
        .find(|(name, _, _)| *name == bare && !first.quoted)
    else {
        return Err(Confusion {
            language: Language::default(),
            wrong: Wrong::UnknownWord {
                meant: nearest(&bare),
                word: first.text,
            },
        });
    };
    // "decline in 2" says which; "decline I am back in 5" says why.
    let says_why = verb == Verb::Decline && words.len() > 2;
    let which = match says_why {
        true => None,
        false => take_which(&mut words),
    };
    command(verb, name, words)
        .map(|command| Said {
            command,
            language,
            which,
        })
        .map_err(|wrong| Confusion { language, wrong })
}

fn command(verb: Verb, name: &'static str, mut words: Vec<Word>) -> Result<Command, Wrong> {
    let whom = Wrong::Whom { word: name };
    match verb {
        Verb::Call | Verb::Add => {
            // "ruf bob an"
            if verb == Verb::Call && words.last().is_some_and(|w| w.is("an")) {
                words.pop();
            }
            let parties = parties(words);
            match (parties.is_empty(), verb == Verb::Call) {
                (true, _) => Err(whom),
                (false, true) => Ok(Command::Call(parties)),
                (false, false) => Ok(Command::Add(parties)),
            }
        }
        // "who is in the call?", "end the conference" are as good as the first word alone.
        Verb::Who => Ok(Command::Who),
        Verb::Help => Ok(Command::Help),
        // "end bob" is more likely a slip than the wish to end it for all.
        Verb::End => alone(words, Command::End),
        Verb::Lock => alone(words, Command::Lock),
        Verb::Unlock => alone(words, Command::Unlock),
        Verb::Hand => {
            words.retain(|word| !is_own_hand(word));
            let over = words.first().is_some_and(|word| word.is("over"));
            // "hand over to bob"
            match (over && name == "hand", words.first()) {
                (true, _) => whole_name(words.split_off(1))
                    .map(Command::HandOver)
                    .ok_or(whom),
                (false, None) => Ok(Command::RaiseHand),
                (false, Some(word)) => Err(Wrong::OnlyYours { word: bare(word) }),
            }
        }
        Verb::Lower => {
            words.retain(|word| !is_own_hand(word));
            if let Some(last) = words.last_mut() {
                last.text = bare(last);
            }
            Ok(Command::LowerHand(whole_name(words)))
        }
        Verb::Decline => Ok(Command::Decline(text_of(words))),
        Verb::Mute if is_everybody(&words) => Ok(Command::MuteAll),
        Verb::Unmute if is_everybody(&words) => Ok(Command::UnmuteAll),
        Verb::Drop if is_everybody(&words) => Ok(Command::DropAll),
        Verb::Floor => {
            // "give the floor to bob", "gib bob das Wort"
            let floor = ["the", "floor", "to", "das", "wort"];
            words.retain(|word| !floor.iter().any(|small| word.is(small)));
            whole_name(words).map(Command::Floor).ok_or(whom)
        }
        Verb::Redial => whole_name(words).map(Command::Redial).ok_or(whom),
        Verb::Mute => whole_name(words).map(Command::Mute).ok_or(whom),
        Verb::Unmute => whole_name(words).map(Command::Unmute).ok_or(whom),
        Verb::Drop => whole_name(words).map(Command::Drop).ok_or(whom),
        Verb::Remove => whole_name(words).map(Command::Remove).ok_or(whom),
        Verb::Promote => whole_name(words).map(Command::Promote).ok_or(whom),
        Verb::HandOver => whole_name(words).map(Command::HandOver).ok_or(whom),
    }
}

/// A command that takes no name.
fn alone(words: Vec<Word>, command: Command) -> Result<Command, Wrong> {
    match words.into_iter().find(|word| !is_small_talk(word)) {
        Some(word) => Err(Wrong::TooMuch { word: word.text }),
        None => Ok(command),
    }
}

/// A name of several words needs no quotes where there is only one; "to" before it means nothing.
fn whole_name(mut words: Vec<Word>) -> Option<String> {
    if words.len() > 1
        && words
            .first()
            .is_some_and(|word| word.is("to") || word.is("an"))
    {
        words.remove(0);
    }
    text_of(words)
}

/// "bob's" is bob.
fn bare(word: &Word) -> String {
    let text = word.text.as_str();
    let owner = text.strip_suffix("'s").or_else(|| text.strip_suffix("’s"));
    owner.filter(|_| !word.quoted).unwrap_or(text).to_owned()
}

fn text_of(words: Vec<Word>) -> Option<String> {
    let texts: Vec<String> = words.into_iter().map(|word| word.text).collect();
    let text = texts.join(" ");
    (!text.is_empty()).then_some(text)
}

fn is_everybody(words: &[Word]) -> bool {
    matches!(words, [only] if EVERYBODY.iter().any(|everybody| only.is(everybody)))
}

/// "raise my hand", "melde mich", "senke meine Hand": whose it is goes without saying.
fn is_own_hand(word: &Word) -> bool {
    ["my", "hand", "the", "mich", "meine", "die", "up"]
        .iter()
        .any(|small| word.is(small))
}
fn is_small_talk(word: &Word) -> bool {
    [
        "the",
        "call",
        "conference",
        "it",
        "for",
        "all",
        "everybody",
        "die",
        "das",
        "gespräch",
        "konferenz",
        "für",
        "alle",
        "now",
        "jetzt",
        "please",
        "bitte",
    ]
    .iter()
    .any(|w| word.text.to_lowercase() == **w)
}

/// Takes a trailing `in 2` off.
fn take_which(words: &mut Vec<Word>) -> Option<usize> {
    let [.., before, last] = words.as_slice() else {
        return None;
    };
    let number = last.text.trim_start_matches('#').parse().ok()?;
    if !before.is("in") || last.quoted || !(1..=99).contains(&number) {
        return None;
    }
    words.truncate(words.len().saturating_sub(2));
    Some(number)
}

/// The word of ours that is at most two slips away.
fn nearest(word: &str) -> Option<&'static str> {
    let slips_max = if word.chars().count() <= 3 { 1 } else { 2 };
    VERBS
        .iter()
        .map(|(name, _, _)| (distance(word, name), *name))
        .filter(|(slips, _)| *slips <= slips_max)
        .min_by_key(|(slips, name)| (*slips, std::cmp::Reverse(name.len())))
        .map(|(_, name)| name)
}
