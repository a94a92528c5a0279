//! The simple types of the schema: what a text must look like, and how free text is made fit to be written.

use std::str::FromStr;

use convoke_types::{Aor, NetworkAddress};

use crate::names::{
    NAME_MAX_CHARS, NUMBER_MAX_CHARS, PERSON_MAX_CHARS, URI_MAX_CHARS, WORDS_MAX_CHARS,
};
use crate::xml::{is_space, is_xml_char};

/// White space as the schema's `token` sees it (XML Schema part 2 §4.3.6): runs become one space, none at the ends.
pub(crate) fn collapse(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split(is_space).filter(|w| !w.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// Makes any text fit to be written: collapsed, without characters that XML cannot carry, at most `max` characters.
pub fn clean(text: &str, max: usize) -> String {
    let lawful: String = text
        .chars()
        .map(|c| {
            if is_xml_char(c) && !c.is_control() {
                c
            } else {
                ' '
            }
        })
        .collect();
    let cut: String = collapse(&lawful).chars().take(max).collect();
    cut.trim_end_matches(' ').to_owned()
}

/// `clean` for names of people, places and conferences.
pub fn clean_name(text: &str) -> String {
    clean(text, NAME_MAX_CHARS)
}

/// `clean` for sentences.
pub fn clean_words(text: &str) -> String {
    clean(text, WORDS_MAX_CHARS)
}

/// Bounded, and without control characters (`\P{Cc}*`): these texts reach terminals.
fn length(text: String, min: usize, max: usize) -> Option<String> {
    let fits = (min..=max).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then_some(text)
}

/// Schema type `Name`: 0 to 64 characters.
pub(crate) fn name(text: &str) -> Option<String> {
    length(collapse(text), 0, NAME_MAX_CHARS)
}
/// Schema type `Place` and `Label`: 1 to 64 characters.
pub(crate) fn label(text: &str) -> Option<String> {
    length(collapse(text), 1, NAME_MAX_CHARS)
}
/// Schema type `Words`: 0 to 512 characters.
pub(crate) fn words(text: &str) -> Option<String> {
    length(collapse(text), 0, WORDS_MAX_CHARS)
}
/// Schema type `Person`: 1 to 320 characters.
pub(crate) fn person(text: &str) -> Option<String> {
    length(collapse(text), 1, PERSON_MAX_CHARS)
}
/// Schema type `Number`: `[+0-9(][0-9 .()/-]{0,39}`.
pub(crate) fn number(text: &str) -> Option<String> {
    let text = length(collapse(text), 1, NUMBER_MAX_CHARS)?;
    let mut chars = text.chars();
    let first = chars
        .next()
        .is_some_and(|c| c.is_ascii_digit() || c == '+' || c == '(');
    let rest = chars.all(|c| c.is_ascii_digit() || " .()/-".contains(c));
    (first && rest).then_some(text)
}
/// Schema type `Uri`: 1 to 512 visible ASCII characters.
pub(crate) fn uri(text: &str) -> Option<String> {
    let text = length(collapse(text), 1, URI_MAX_CHARS)?;
    text.bytes().all(|b| b.is_ascii_graphic()).then_some(text)
}
/// Schema type `SipUri`: `sips?:` and 1 to 250 visible ASCII characters.
pub(crate) fn sip_uri(text: &str) -> Option<String> {
    let text = uri(text)?;
    let rest = text
        .strip_prefix("sip:")
        .or_else(|| text.strip_prefix("sips:"))?;
    (1..=250).contains(&rest.len()).then_some(text)
}
/// The identifiers of `convoke_types`.
pub(crate) fn id<T: FromStr>(text: &str) -> Option<T> {
    collapse(text).parse().ok()
}
/// Schema type `Aor`: `user@domain`, without scheme.
pub(crate) fn aor(text: &str) -> Option<Aor> {
    let text = collapse(text);
    let (user, domain) = text.split_once('@')?;
    Aor::new(user, domain).ok()
}
/// Schema type `NetworkAddress`: as `convoke_types` has it, with a scheme in small letters.
pub(crate) fn network_address(text: &str) -> Option<NetworkAddress> {
    let text = collapse(text);
    let address: NetworkAddress = text.parse().ok()?;
    (address.to_string() == text).then_some(address)
}
/// Schema type `Language`: 1 to 35 letters, digits and hyphens.
pub(crate) fn language(text: &str) -> Option<String> {
    let text = length(collapse(text), 1, 35)?;
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    text.bytes().all(fits).then_some(text)
}
/// The schema's own `boolean`.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match collapse(text).as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}
/// Digits only, `1..=digits` of them, from `min` to `max`.
pub(crate) fn integer(text: &str, digits: usize, min: u64, max: u64) -> Option<u64> {
    let text = collapse(text);
    let shape = (1..=digits).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if !shape {
        return None;
    }
    text.parse().ok().filter(|n| (min..=max).contains(n))
}
