//! `message/cpim` (RFC 3862), the envelope around a message whose sender wants to know what became of it (IMDN, RFC 5438).
//!
//! Within the body of a MESSAGE stand the message's own header fields, an empty line, the MIME header fields of what is wrapped,
//! an empty line, and the wrapped text itself.

use std::fmt::Write as _;

use bytes::Bytes;

use crate::text::{is_token, trim};

/// The envelope's type.
pub const CONTENT_TYPE: &str = "message/cpim";
/// The type of a notification of what became of a message (RFC 5438 §10).
pub const IMDN_CONTENT_TYPE: &str = "message/imdn+xml";
/// The type of the word that somebody is typing (RFC 3994).
pub const TYPING_CONTENT_TYPE: &str = "application/im-iscomposing+xml";
/// The namespace of RFC 5438's header fields.
const IMDN: &str = "urn:ietf:params:imdn";
/// What a wrapped part without Content-Type is (RFC 2045 §5.2).
const DEFAULT_TYPE: &str = "text/plain";
/// Largest head (both groups of header fields) that is read, in bytes.
const HEAD_MAX_BYTES: usize = 16 * 1024;
/// Most header fields that are read, of both groups.
const FIELDS_MAX: usize = 64;

/// Why a body is no `message/cpim`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CpimError {
    /// The two empty lines do not come in time.
    #[error(
        "expected two groups of header fields within {HEAD_MAX_BYTES} bytes, came no end of them"
    )]
    Unfinished,
    /// A head is not UTF-8.
    #[error("expected header fields in UTF-8, came other bytes")]
    NotUtf8,
    /// A line is no header field, or there are too many.
    #[error("expected at most {FIELDS_MAX} lines of the form name: value, came something else")]
    Field,
}

/// One header field.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    name: String,
    /// With its `;`, as in `;lang=fr`; seldom there.
    params: String,
    value: String,
}

/// An envelope with what it wraps. What is read and written again reads the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpim {
    fields: Vec<Field>,
    mime: Vec<Field>,
    content: Bytes,
}

/// What the sender of a message wants to be told (RFC 5438 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// That it came.
    pub positive_delivery: bool,
    /// That it did not.
    pub negative_delivery: bool,
    /// That somebody on the way deals with it.
    pub processing: bool,
    /// That it was shown.
    pub display: bool,
}

/// A wish, in a set of them.
type Wish = fn(&mut Wanted) -> &mut bool;

impl Wanted {
    const WORDS: [(&'static str, Wish); 4] = [
        ("positive-delivery", |w| &mut w.positive_delivery),
        ("negative-delivery", |w| &mut w.negative_delivery),
        ("processing", |w| &mut w.processing),
        ("display", |w| &mut w.display),
    ];

    fn of(value: &str) -> Self {
        let mut wanted = Self::default();
        for word in value.split(',') {
            // A parameter may follow (RFC 5438 §6.3): none is defined.
            let word = trim(word.split_once(';').map_or(word, |(word, _)| word));
            let known = Self::WORDS.iter().find(|(name, _)| *name == word);
            if let Some((_, field)) = known {
                *field(&mut wanted) = true;
            }
        }
        wanted
    }

    fn words(mut self) -> String {
        let mut words = Vec::new();
        for (name, field) in Self::WORDS {
            if *field(&mut self) {
                words.push(name);
            }
        }
        words.join(", ")
    }
}

/// What RFC 5438 adds to an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imdn {
    /// The sender's own name for the message; a notification repeats it.
    pub message_id: String,
    /// What they want to be told.
    pub wanted: Wanted,
}

impl Cpim {
    /// Reads a body. Bare line feeds are taken for line ends.
    ///
    /// # Errors
    /// See [`CpimError`].
    pub fn parse(body: &Bytes) -> Result<Self, CpimError> {
        let (fields, after) = group(body, 0, false, FIELDS_MAX)?;
        let left = FIELDS_MAX.saturating_sub(fields.len());
        let (mime, after) = group(body, after, true, left)?;
        Ok(Self {
            fields,
            mime,
            content: body.slice(after.min(body.len())..),
        })
    }

    /// An envelope around this, without header fields yet.
    pub fn new(content_type: &str, content: impl Into<Bytes>) -> Self {
        let mime = Field {
            name: "Content-Type".to_owned(),
            params: String::new(),
            value: one_line(content_type),
        };
        Self {
            fields: Vec::new(),
            mime: vec![mime],
            content: content.into(),
        }
    }

    /// Adds a header field behind those that are there. A name that is no token adds nothing.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        if is_token(name.as_bytes()) {
            self.fields.push(Field {
                name: name.to_owned(),
                params: String::new(),
                value: trim(&escaped(value)).to_owned(),
            });
        }
        self
    }

    /// Adds what RFC 5438 §7.1.1 asks of a sender.
    #[must_use]
    pub fn with_imdn(self, imdn: &Imdn) -> Self {
        self.with("NS", &format!("imdn <{IMDN}>"))
            .with("imdn.Message-ID", &imdn.message_id)
            .with("imdn.Disposition-Notification", &imdn.wanted.words())
    }

    /// The value of the first header field of this name, unescaped. Names count in their case (RFC 3862 §2.1).
    pub fn header(&self, name: &str) -> Option<String> {
        let field = self.fields.iter().find(|field| field.name == name)?;
        Some(unescaped(&field.value))
    }

    /// The sender's name for the message and what they want to be told, if they gave it one; by whatever prefix the namespace is
    /// called.
    pub fn imdn(&self) -> Option<Imdn> {
        let message_id = self.in_namespace(IMDN, "Message-ID")?;
        let wanted = self.in_namespace(IMDN, "Disposition-Notification");
        Some(Imdn {
            message_id: unescaped(message_id),
            wanted: Wanted::of(wanted.unwrap_or_default()),
        })
    }

    /// The type of what is wrapped, with its parameters.
    pub fn content_type(&self) -> &str {
        let named = |field: &&Field| field.name.eq_ignore_ascii_case("Content-Type");
        let found = self.mime.iter().find(named);
        found.map_or(DEFAULT_TYPE, |field| field.value.as_str())
    }

    /// Whether it is `wanted` (such as `text/plain`), in any case and whatever its parameters.
    pub fn content_type_is(&self, wanted: &str) -> bool {
        let kind = self.content_type();
        let bare = kind.split_once(';').map_or(kind, |(bare, _)| bare);
        trim(bare).eq_ignore_ascii_case(wanted)
    }

    /// What is wrapped, sharing the body's bytes.
    pub fn content(&self) -> &Bytes {
        &self.content
    }

    /// The body of a MESSAGE.
    pub fn to_bytes(&self) -> Bytes {
        let mut head = String::new();
        for group in [&self.fields, &self.mime] {
            for field in group {
                let Field {
                    name,
                    params,
                    value,
                } = field;
                // Writing to a String does not fail.
                write!(head, "{name}:{params} {value}\r\n").unwrap_or_default();
            }
            head.push_str("\r\n");
        }
        let mut out = head.into_bytes();
        out.extend_from_slice(&self.content);
        out.into()
    }

    /// The value, as written, of a header field of a namespace (RFC 3862 §2.2.5): NS gives it a prefix, or, without one, makes it that
    /// of all names without prefix that follow.
    fn in_namespace(&self, namespace: &str, name: &str) -> Option<&str> {
        let mut prefixes: Vec<(&str, &str)> = Vec::new();
        for field in &self.fields {
            if field.name == "NS" {
                let Some((prefix, rest)) = field.value.split_once('<') else {
                    continue;
                };
                let uri = rest.split_once('>').map_or(rest, |(uri, _)| uri);
                prefixes.retain(|(known, _)| *known != trim(prefix));
                prefixes.push((trim(prefix), uri));
                continue;
            }
            let (prefix, bare) = field
                .name
                .split_once('.')
                .unwrap_or(("", field.name.as_str()));
            let is_theirs = prefixes
                .iter()
                .any(|(known, uri)| *known == prefix && *uri == namespace);
            if is_theirs && bare == name {
                return Some(&field.value);
            }
        }
        None
    }
}

/// One group of header fields from `start` on, and where what follows its empty line begins.
fn group(
    body: &Bytes,
    start: usize,
    folded: bool,
    most: usize,
) -> Result<(Vec<Field>, usize), CpimError> {
    let mut fields: Vec<Field> = Vec::new();
    let mut at = start;
    loop {
        let rest = body.get(at..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest).ok_or(CpimError::Unfinished)?;
        let line = rest.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        at = at.saturating_add(end).saturating_add(1);
        if line.is_empty() {
            return Ok((fields, at));
        }
        if at > HEAD_MAX_BYTES {
            return Err(CpimError::Unfinished);
        }
        let line = std::str::from_utf8(line).map_err(|_| CpimError::NotUtf8)?;
        if line.chars().any(|c| c.is_control() && c != '\t') {
            return Err(CpimError::Field);
        }
        if folded && line.starts_with([' ', '\t']) {
            let last = fields.last_mut().ok_or(CpimError::Field)?;
            last.value.push(' ');
            last.value.push_str(trim(line));
            last.value = trim(&last.value).to_owned();
            continue;
        }
        if fields.len() >= most {
            return Err(CpimError::Field);
        }
        fields.push(field(line, folded)?);
    }
}

fn field(line: &str, mime: bool) -> Result<Field, CpimError> {
    let (name, rest) = line.split_once(':').ok_or(CpimError::Field)?;
    if !is_token(name.as_bytes()) {
        return Err(CpimError::Field);
    }
    // RFC 3862 §2.3: `Subject:;lang=fr beau temps`.
    let (params, value) = match rest.starts_with(';') && !mime {
        true => rest.split_once(' ').unwrap_or((rest, "")),
        false => ("", rest),
    };
    Ok(Field {
        name: name.to_owned(),
        params: params.to_owned(),
        value: trim(value).to_owned(),
    })
}

/// The text as a value may hold it (RFC 3862 §3.1): control characters and backslashes as escapes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => {
                write!(out, "\\u{:04x}", u32::from(c)).unwrap_or_default();
            }
            c => out.push(c),
        }
    }
    out
}

/// The inverse; what is no escape stays as it is.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let mut chars = after.chars();
        let plain = match chars.next() {
            Some(same @ ('\\' | '"' | '\'')) => Some(same),
            Some('b') => Some('\u{8}'),
            Some('t') => Some('\t'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('u') => {
                let hex = chars.as_str().get(..4);
                let code = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok());
                let found = code.and_then(char::from_u32);
                if found.is_some() {
                    chars = chars.as_str().get(4..).unwrap_or_default().chars();
                }
                found
            }
            _ => None,
        };
        match plain {
            Some(plain) => {
                out.push(plain);
                rest = chars.as_str();
            }
            None => {
                out.push('\\');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// A MIME value on one line.
fn one_line(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    trim(&plain).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Cpim, CpimError> {
        Cpim::parse(&Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn the_examples_of_the_rfcs_are_read() {
        // RFC 3862 §5 with RFC 5438 §7.1.1.1.
        let text = "From: Alice <im:alice@example.com>\r\nTo: Bob <im:bob@example.com>\r\nSubject: the weather will be fine today\r\n\
             Subject:;lang=fr beau temps prevu pour aujourd'hui\r\nNS: imdn <urn:ietf:params:imdn>\r\n\
             imdn.Message-ID: 34jk324j\r\nDateTime: 2006-04-04T12:16:49-05:00\r\n\
             imdn.Disposition-Notification: positive-delivery, negative-delivery\r\n\r\n\
             Content-type: text/plain;\r\n charset=utf-8\r\nContent-length: 12\r\n\r\nHello World\r\n\r\nagain";
        let cpim = read(text).unwrap();
        assert_eq!(
            cpim.header("From").as_deref(),
            Some("Alice <im:alice@example.com>")
        );
        assert_eq!(
            cpim.header("Subject").as_deref(),
            Some("the weather will be fine today")
        );
        assert_eq!(cpim.header("from"), None, "names count in their case");
        let imdn = cpim.imdn().unwrap();
        assert_eq!(imdn.message_id, "34jk324j");
        let wanted = Wanted {
            positive_delivery: true,
            negative_delivery: true,
            ..Wanted::default()
        };
        assert_eq!(imdn.wanted, wanted);
        assert_eq!(cpim.content_type(), "text/plain; charset=utf-8");
        assert!(cpim.content_type_is("Text/Plain"));
        assert_eq!(cpim.content(), "Hello World\r\n\r\nagain");
        assert_eq!(Cpim::parse(&cpim.to_bytes()), Ok(cpim));
    }

    #[test]
    fn a_namespace_counts_by_its_name_and_not_by_its_prefix() {
        let by = |ns: &str, name: &str| {
            read(&format!("NS: {ns}\r\n{name}: x\r\n\r\n\r\n"))
                .unwrap()
                .imdn()
                .map(|imdn| imdn.message_id)
        };
        let theirs = Some("x".to_owned());
        assert_eq!(by("d <urn:ietf:params:imdn>", "d.Message-ID"), theirs);
        assert_eq!(by("<urn:ietf:params:imdn>", "Message-ID"), theirs);
        assert_eq!(by("imdn <urn:other>", "imdn.Message-ID"), None);
        assert_eq!(by("d <urn:ietf:params:imdn>", "imdn.Message-ID"), None);
        assert_eq!(by("d <urn:ietf:params:imdn>", "Message-ID"), None);
    }

    #[test]
    fn what_is_built_reads_as_built() {
        let imdn = Imdn {
            message_id: "a\\b\r\nc: d \u{1}".to_owned(),
            wanted: Wanted {
                positive_delivery: true,
                display: true,
                ..Wanted::default()
            },
        };
        let built = Cpim::new("text/plain; charset=utf-8\r\nX: y", "hé")
            .with("From", "<sip:alice@example.org>")
            .with("no name", "is left out")
            .with_imdn(&imdn);
        let again = Cpim::parse(&built.to_bytes()).unwrap();
        assert_eq!(again, built);
        assert_eq!(again.imdn(), Some(imdn));
        assert_eq!(again.content(), "hé".as_bytes());
        assert_eq!(again.fields.len(), 4);
    }

    #[test]
    fn bare_line_feeds_and_no_header_fields_are_taken() {
        let cpim = read("From: x\n\nContent-Type: text/html\n\nhi\n").unwrap();
        assert_eq!(
            (cpim.content_type(), &cpim.content()[..]),
            ("text/html", &b"hi\n"[..])
        );
        let bare = read("\r\n\r\nhi").unwrap();
        assert_eq!(
            (bare.content_type(), &bare.content()[..]),
            ("text/plain", &b"hi"[..])
        );
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        let many = format!("{}\r\n\r\n", "A: b\r\n".repeat(FIELDS_MAX + 1));
        let long = format!("A: {}\r\n\r\n\r\n", "b".repeat(HEAD_MAX_BYTES));
        for (text, error) in [
            ("", CpimError::Unfinished),
            ("hello", CpimError::Unfinished),
            ("From: x\r\n\r\n", CpimError::Unfinished),
            (
                "From: x\r\n\r\nContent-Type: text/plain\r\n",
                CpimError::Unfinished,
            ),
            ("hello\r\n\r\n\r\n", CpimError::Field),
            ("a b: c\r\n\r\n\r\n", CpimError::Field),
            (": c\r\n\r\n\r\n", CpimError::Field),
            ("A: b\u{1}\r\n\r\n\r\n", CpimError::Field),
            ("\r\n folded: without a first\r\n\r\n", CpimError::Field),
            (&many, CpimError::Field),
            (&long, CpimError::Unfinished),
        ] {
            assert_eq!(read(text), Err(error), "{text:.40}");
        }
        let bytes = Bytes::from_static(b"A: \xff\r\n\r\n\r\n");
        assert_eq!(Cpim::parse(&bytes), Err(CpimError::NotUtf8));
    }
}
