//! Plain words, for people with any IM client: the languages, words and names that all our services understand alike.

use soap_proto::{Party, Who};

/// The languages that our services speak. The first word of a command chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
}

impl Language {
    /// The BCP 47 tag.
    pub fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::German => "de",
        }
    }
    /// By BCP 47 tag, of which the language itself comes first (`de-CH`); English for any other.
    pub fn of(tag: &str) -> Self {
        let language = tag.split('-').next().unwrap_or_default();
        if language.eq_ignore_ascii_case("de") {
            Language::German
        } else {
            Language::English
        }
    }
    /// One of two, as it fits.
    pub fn choose<T>(self, english: T, german: T) -> T {
        match self {
            Language::English => english,
            Language::German => german,
        }
    }
}

/// A quotation mark is never closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenQuote;

/// Names as people list them.
pub fn join(names: &[String], language: Language) -> String {
    let and = language.choose("and", "und");
    match names {
        [] => language.choose("nobody", "niemand").to_owned(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} {and} {last}", all.join(", ")),
    }
}

/// What somebody else said, as theirs: it may be of any language.
pub fn quoted(text: &str, language: Language) -> String {
    language.choose(format!("“{text}”"), format!("„{text}“"))
}

/// Words between names that mean nothing.
const FILLERS: [&str; 6] = ["and", "und", "with", "mit", "&", "to"];

/// One word, or what stood in quotation marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The word without its quotation marks.
    pub text: String,
    /// Whether it stood in some.
    pub quoted: bool,
}

impl Word {
    /// Whether it is this word, unquoted and in any case of letters.
    pub fn is(&self, other: &str) -> bool {
        !self.quoted && self.text.eq_ignore_ascii_case(other)
    }
    fn is_number(&self) -> bool {
        let mut chars = self.text.chars();
        let first = chars
            .next()
            .is_some_and(|c| c.is_ascii_digit() || c == '+' || c == '(');
        !self.quoted
            && first
            && self.text.chars().any(|c| c.is_ascii_digit())
            && chars.all(|c| c.is_ascii_digit() || "-.()/".contains(c))
    }
    fn digits(&self) -> usize {
        self.text.chars().filter(char::is_ascii_digit).count()
    }
}

/// Splits at white space and commas; text in quotation marks of any kind is one word.
///
/// # Errors
/// When a quotation mark is never closed.
pub fn words(text: &str) -> Result<Vec<Word>, OpenQuote> {
    let mut out = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',' || c == ';');
        let Some(first) = rest.chars().next() else {
            return Ok(out);
        };
        let closes: &[char] = match first {
            '"' => &['"'],
            '“' | '”' | '„' => &['“', '”', '"'],
            '«' => &['»'],
            '\'' => &['\''],
            _ => &[],
        };
        if closes.is_empty() {
            let end = rest
                .find(|c: char| c.is_whitespace() || c == ',' || c == ';' || c == '"')
                .unwrap_or(rest.len());
            let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            let trimmed = word.trim_end_matches(['.', '!', '?', ':']);
            let word = if trimmed.is_empty() { word } else { trimmed };
            out.push(Word {
                text: word.to_owned(),
                quoted: false,
            });
            rest = after;
        } else {
            let inner = rest.strip_prefix(first).unwrap_or_default();
            let (word, after) = inner.split_once(closes).ok_or(OpenQuote)?;
            if !word.trim().is_empty() {
                out.push(Word {
                    text: word.trim().to_owned(),
                    quoted: true,
                });
            }
            rest = after;
        }
    }
}

/// Names, numbers and URIs; `(mobile)` behind a name says which telephone.
pub fn parties(words: Vec<Word>) -> Vec<Party> {
    let mut out: Vec<Party> = Vec::new();
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        if FILLERS.iter().any(|filler| word.is(filler)) {
            continue;
        }
        let place = word
            .text
            .strip_prefix('(')
            .and_then(|w| w.strip_suffix(')'))
            .filter(|w| !word.quoted && w.chars().any(char::is_alphabetic));
        if let (Some(place), Some(party)) = (place, out.last_mut()) {
            party.place = Some(place.to_lowercase());
            continue;
        }
        if word.is_number() {
            let mut number = word.text.clone();
            let mut digits = word.digits();
            // "+1 555 0107" and "(030) 123" are one number; a piece that is a whole number by itself begins the next.
            while let Some(next) = words.peek() {
                let whole = digits >= 7 || next.text.starts_with(['+', '(']);
                if whole || !next.is_number() || digits + next.digits() > 15 {
                    break;
                }
                digits += next.digits();
                number.push(' ');
                number.push_str(&next.text);
                words.next();
            }
            out.push(Party::of(Who::Number(number)));
        } else if word.text.starts_with("sip:") || word.text.starts_with("sips:") {
            out.push(Party::of(Who::Sip(word.text)));
        } else {
            out.push(Party::of(Who::Person(word.text)));
        }
    }
    out
}

/// Levenshtein distance, of short words.
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(32).enumerate() {
        let mut left = i + 1;
        let mut diagonal = i;
        let mut next = vec![left];
        for (cb, above) in b.iter().zip(row.iter().skip(1)) {
            let cost = usize::from(ca != *cb);
            left = (diagonal + cost).min(above + 1).min(left + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
