//! `message/cpim` (RFC 3862), the envelope around a message whose sender wants to know what became of it (IMDN, RFC 5438).
//!
//! Within the body of a MESSAGE stand the message's own header fields, an empty line, the MIME header fields of what is wrapped,
//! an empty line, and the wrapped text itself.

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
/// Longest name of a message that is taken for a Call-ID, in bytes.
const CALL_ID_MAX_BYTES: usize = 256;
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
    value: String,
}

/// What an envelope wraps, and the name that it goes by. What else its header fields say is between its sender and receiver; here
/// they only have to be some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpim {
    message_id: Option<String>,
    mime: Vec<Field>,
    content: Bytes,
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
            message_id: in_namespace(&fields, IMDN, "Message-ID").map(unescaped),
            mime,
            content: body.slice(after.min(body.len())..),
        })
    }

    /// The sender's own name for the message, which notifications of what became of it repeat (RFC 5438 §6.3).
    pub fn message_id(&self) -> Option<&str> {
        self.message_id.as_deref()
    }

    /// The same where it may be a Call-ID, too: RFC 5438 §6.3 has a token, and RFC 3261 §25.1 takes every token for a Call-ID.
    pub fn message_id_as_call_id(&self) -> Option<&str> {
        self.message_id()
            .filter(|id| id.len() <= CALL_ID_MAX_BYTES && is_token(id.as_bytes()))
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
}

/// The field of this name, by whatever prefix the header fields before it call its namespace (RFC 3862 §3.4).
fn in_namespace<'a>(fields: &'a [Field], namespace: &str, name: &str) -> Option<&'a str> {
    let mut prefixes: Vec<(&str, &str)> = Vec::new();
    for field in fields {
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
        fields.push(field(line)?);
    }
}

fn field(line: &str) -> Result<Field, CpimError> {
    let (name, value) = line.split_once(':').ok_or(CpimError::Field)?;
    if !is_token(name.as_bytes()) {
        return Err(CpimError::Field);
    }
    Ok(Field {
        name: name.to_owned(),
        value: trim(value).to_owned(),
    })
}

/// A value without its escapes (RFC 3862 §2.3.1); what is no escape stays as it is.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Cpim, CpimError> {
        Cpim::parse(&Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn the_example_of_the_rfcs_is_read() {
        // RFC 3862 §5 with RFC 5438 §7.1.1.1.
        let text = "From: Alice <im:alice@example.com>\r\nTo: Bob <im:bob@example.com>\r\nSubject: the weather will be fine today\r\n\
             Subject:;lang=fr beau temps prevu pour aujourd'hui\r\nNS: imdn <urn:ietf:params:imdn>\r\n\
             imdn.Message-ID: 34jk324j\r\nDateTime: 2006-04-04T12:16:49-05:00\r\n\
             imdn.Disposition-Notification: positive-delivery, negative-delivery\r\n\r\n\
             Content-type: text/plain;\r\n charset=utf-8\r\nContent-length: 12\r\n\r\nHello World\r\n\r\nagain";
        let cpim = read(text).unwrap();
        assert_eq!(cpim.message_id(), Some("34jk324j"));
        assert_eq!(cpim.content_type(), "text/plain; charset=utf-8");
        assert!(cpim.content_type_is("Text/Plain"));
        assert_eq!(cpim.content(), "Hello World\r\n\r\nagain");
    }

    #[test]
    fn a_name_is_found_by_its_namespace_and_read_without_escapes() {
        let named = |head: &str| {
            let cpim = read(&format!("{head}\r\n\r\n\r\n\r\n")).unwrap();
            cpim.message_id().map(str::to_owned)
        };
        let ns = "NS: m <urn:ietf:params:imdn>";
        assert_eq!(named(&format!("{ns}\r\nm.Message-ID: 1")).unwrap(), "1");
        let escaped = format!("{ns}\r\nm.Message-ID: a\\\\b\\u0041\\x");
        assert_eq!(named(&escaped).unwrap(), "a\\bA\\x");
        assert_eq!(named(&format!("m.Message-ID: 1\r\n{ns}")), None);
        assert_eq!(
            named("NS: m <urn:other>\r\nm.Message-ID: 1"),
            None,
            "of another namespace"
        );
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
