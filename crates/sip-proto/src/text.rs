//! Small pieces that every parser of this crate uses: shared text, spans, characters of RFC 3261 §25.

use bytes::Bytes;
use std::fmt;
use std::ops::Deref;

/// A shared piece of UTF-8 text: a slice of the buffer that it was read from, so cloning it copies nothing.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(Bytes);

impl Text {
    /// Takes bytes as text; `None` when they are not UTF-8.
    pub fn from_utf8(bytes: Bytes) -> Option<Text> {
        match std::str::from_utf8(&bytes) {
            Ok(_) => Some(Text(bytes)),
            Err(_) => None,
        }
    }

    /// A constant text.
    pub const fn from_static(text: &'static str) -> Text {
        Text(Bytes::from_static(text.as_bytes()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // Only UTF-8 gets in, and only cut at character borders, so the check never fails.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The bytes that hold the text, shared.
    pub fn shared(&self) -> &Bytes {
        &self.0
    }

    /// The piece at `span` as text of its own, sharing the bytes; empty when the span does not lie inside.
    pub(crate) fn cut(&self, span: Span) -> Text {
        match self.as_str().get(span.range()) {
            Some(_) => Text(self.0.slice(span.range())),
            None => Text::default(),
        }
    }

    /// The piece at `span`; empty when the span does not lie inside.
    pub(crate) fn at(&self, span: Span) -> &str {
        self.0
            .get(span.range())
            .and_then(|b| std::str::from_utf8(b).ok())
            .unwrap_or_default()
    }
}

impl Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(Bytes::from(text))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Where a piece lies in a buffer. Buffers are far smaller than 4 GiB: every parser caps them first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The span `start..end`, in bytes.
    pub(crate) fn new(start: usize, end: usize) -> Span {
        let fit = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span {
            start: fit(start),
            end: fit(end.max(start)),
        }
    }

    pub(crate) fn start(self) -> usize {
        usize::try_from(self.start).unwrap_or(usize::MAX)
    }

    pub(crate) fn end(self) -> usize {
        usize::try_from(self.end).unwrap_or(usize::MAX)
    }

    pub(crate) fn range(self) -> std::ops::Range<usize> {
        self.start()..self.end()
    }

    /// The bytes at this span; empty when it does not lie inside.
    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.range()).unwrap_or_default()
    }

    /// Where `part`, a slice of `whole`, lies in it.
    pub(crate) fn within(whole: &str, part: &str) -> Span {
        let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
        Span::new(start, start.saturating_add(part.len()))
    }
}

/// Whether the byte may stand in a token (RFC 3261 §25.1).
pub(crate) fn is_token_byte(byte: u8) -> bool {
    TOKEN_BYTES
        .get(usize::from(byte))
        .copied()
        .unwrap_or_default()
}

static TOKEN_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        let mark = matches!(
            byte,
            b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
        );
        table[byte as usize] = byte.is_ascii_alphanumeric() || mark;
        byte += 1;
    }
    table
};

/// Whether the text is a token: at least one byte, all of them of the token set.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token_byte)
}

/// White space inside a header value, once unfolded. CR and LF are here for text that was not read from a message.
pub(crate) fn is_lws(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Takes white space off both ends.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(is_lws)
}

/// Takes spaces and tabs off both ends.
pub(crate) fn trim_bytes(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t' | b'\r' | b'\n'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The byte offset of the first of `stops` that stands outside quotes and angle brackets.
pub(crate) fn find_outside(text: &str, stops: &[u8]) -> Option<usize> {
    let (mut quoted, mut escaped, mut angle) = (false, false, false);
    for (at, byte) in text.bytes().enumerate() {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        if !angle && stops.contains(&byte) {
            return Some(at);
        }
        match byte {
            // A quote inside <…> belongs to the URI, where it is not allowed and opens nothing.
            b'"' if !angle => quoted = true,
            b'<' => angle = true,
            b'>' => angle = false,
            _ => {}
        }
    }
    None
}

/// Elements of a comma-separated header value, trimmed; commas inside quotes and `<…>` do not separate, empty elements are skipped.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: Option<&'a str>,
}

impl<'a> Elements<'a> {
    /// Splits `value` at its commas.
    pub fn of(value: &'a str) -> Elements<'a> {
        Elements { rest: Some(value) }
    }

    /// The whole value as its one element.
    pub(crate) fn whole(value: &'a str) -> std::iter::Once<&'a str> {
        std::iter::once(trim(value))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;
    fn next(&mut self) -> Option<&'a str> {
        while let Some(rest) = self.rest {
            let (element, after) = match find_outside(rest, b",") {
                Some(at) => (
                    rest.get(..at).unwrap_or_default(),
                    rest.get(at.saturating_add(1)..),
                ),
                None => (rest, None),
            };
            self.rest = after;
            let element = trim(element);
            if !element.is_empty() {
                return Some(element);
            }
        }
        None
    }
}

/// Parameters as `;name=value;flag`, in order, trimmed; a flag's value is `None`, a quoted value keeps its quotes.
#[derive(Clone, Debug)]
pub struct Params<'a> {
    rest: Option<&'a str>,
}

impl<'a> Params<'a> {
    /// Reads `text` that starts at its first `;` (anything before that is skipped).
    pub fn of(text: &'a str) -> Params<'a> {
        Params {
            rest: find_outside(text, b";").and_then(|at| text.get(at.saturating_add(1)..)),
        }
    }

    /// The value of the first parameter called `name` (any case): `""` for a flag.
    pub fn value_of(mut self, name: &str) -> Option<&'a str> {
        self.find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.unwrap_or_default())
    }

    /// What is wrong with the parameters, if anything: an empty or non-token name, an unfinished quote.
    pub(crate) fn fault(self) -> Option<&'a str> {
        for (name, value) in self {
            let value_fine = value.is_none_or(|value| match value.strip_prefix('"') {
                Some(_) => closes_quote(value),
                None => {
                    !value.is_empty()
                        && !value.contains(|c: char| {
                            is_lws(c) || c.is_ascii_control() || matches!(c, '"' | '<' | '>' | ',')
                        })
                }
            });
            if !is_token(name.as_bytes()) || !value_fine {
                return Some(if value_fine {
                    name
                } else {
                    value.unwrap_or(name)
                });
            }
        }
        None
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = (&'a str, Option<&'a str>);
    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        let (one, after) = match find_outside(rest, b";") {
            Some(at) => (
                rest.get(..at).unwrap_or_default(),
                rest.get(at.saturating_add(1)..),
            ),
            None => (rest, None),
        };
        self.rest = after;
        Some(match one.split_once('=') {
            Some((name, value)) => (trim(name), Some(trim(value))),
            None => (trim(one), None),
        })
    }
}

/// Whether the text is one whole quoted string, quotes included.
fn closes_quote(text: &str) -> bool {
    quoted_end(text) == Some(text.len())
}

/// Where the quoted string that `text` starts with ends (offset after the closing quote); `None` when it does not.
pub(crate) fn quoted_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    let mut bytes = text.bytes().enumerate();
    if bytes.next().map(|(_, b)| b) != Some(b'"') {
        return None;
    }
    for (at, byte) in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at.saturating_add(1)),
            _ => {}
        }
    }
    None
}

/// The text of a quoted string without its quotes and escapes; any other text as it is.
pub fn unquote(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}

/// The text as a quoted string (RFC 3261 §25.1); CR and LF, which no quoted string can hold, become spaces.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\r' | '\n' => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A decimal number of digits alone that is at most `max`.
pub(crate) fn number(text: &str, max: u32) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse::<u32>().ok().filter(|n| *n <= max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_and_brackets_do_not_separate() {
        let all: Vec<_> = Elements::of(r#"<sip:a,b@c>, "x, \"y" <sip:d@e> ,, sip:f@g"#).collect();
        assert_eq!(all, ["<sip:a,b@c>", r#""x, \"y" <sip:d@e>"#, "sip:f@g"]);
    }

    #[test]
    fn params_keep_order_flags_and_quotes() {
        let all: Vec<_> = Params::of(r#"x; a = 1;lr ;q="a;b""#).collect();
        assert_eq!(
            all,
            [("a", Some("1")), ("lr", None), ("q", Some(r#""a;b""#))]
        );
        assert_eq!(Params::of(";LR;tag=x").value_of("lr"), Some(""));
    }

    #[test]
    fn quoting_turns_back() {
        for text in ["", "plain", r#"a "b" \c"#, "ünï"] {
            assert_eq!(unquote(&quote(text)), text);
        }
        assert_eq!(quote("a\r\nb"), "\"a  b\"");
    }
}
