//! One SIP message: a lossless view over the bytes that it came in (RFC 3261 §7).

use crate::error::{ErrorKind, ParseError, Result};
use crate::name::{HeaderName, Known, Method};
use crate::scan::{Limits, Line, Scan, Start, scan_head};
use crate::text::{Elements, Text, is_lws, number, trim};
use crate::uri::{NameAddr, Uri};
use crate::via::Via;
use bytes::Bytes;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// CSeq of RFC 3261 §20.16.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CSeq {
    /// Below 2³¹ (§8.1.1.5).
    pub seq: u32,
    /// The method of the request that it counts.
    pub method: Method,
}

/// The first number that CSeq cannot hold (RFC 3261 §8.1.1.5).
const CSEQ_MAX: u32 = (1 << 31) - 1;

/// A message, immutable; cloning shares its bytes and its index.
///
/// What was parsed has a start line, well-formed framing, and each of Via, From, To, Call-ID and CSeq in readable form (and Max-Forwards
/// when there); every other header is as it came. The message inside a [`ParseError`] may lack any of them.
#[derive(Clone)]
pub struct Message {
    buf: Bytes,
    index: Arc<Index>,
}

/// Where things lie in the buffer.
pub(crate) struct Index {
    pub(crate) start: Start,
    pub(crate) lines: Vec<Line>,
    pub(crate) aux: Bytes,
    /// Bytes before the body.
    pub(crate) head_len: usize,
}

impl Message {
    /// Reads the message of a datagram (RFC 3261 §18.3): without Content-Length the rest of it is the body; what lies behind a shorter
    /// body is dropped; line ends before the start line are skipped (§7.5).
    pub fn parse_datagram(datagram: Bytes) -> Result<Message> {
        Message::parse_datagram_within(datagram, &Limits::default())
    }

    /// [`parse_datagram`](Message::parse_datagram) with other limits.
    pub fn parse_datagram_within(mut datagram: Bytes, limits: &Limits) -> Result<Message> {
        let skip = datagram
            .iter()
            .take_while(|b| matches!(b, b'\r' | b'\n'))
            .count();
        let _ = datagram.split_to(skip);
        // Some telephones keep their binding alive with NUL bytes.
        if datagram.iter().all(|b| *b == 0) {
            return Err(ParseError::new(ErrorKind::Empty, "a message", b""));
        }
        let end = memchr::memmem::find(&datagram, b"\r\n\r\n").map(|at| at.saturating_add(4));
        let head_len = end.unwrap_or(datagram.len()).min(limits.head_bytes);
        let head = datagram.get(..head_len).unwrap_or_default();
        let mut scan = scan_head(head, limits)?;
        let found = match end {
            None => Some(ParseError::new(
                ErrorKind::HeadUnfinished,
                "an empty line behind the headers",
                b"",
            )),
            Some(end) if end > limits.head_bytes => Some(ParseError::new(
                ErrorKind::HeadTooLarge,
                "a smaller head",
                b"",
            )),
            Some(_) => None,
        };
        let there = datagram.len().saturating_sub(head_len);
        let body_len = match (found, scan.content_length) {
            (Some(fault), _) => {
                scan.note(fault);
                0
            }
            (None, Some(said)) if said > there => {
                let came = format!("{there} of {said} bytes");
                scan.note(ParseError::new(
                    ErrorKind::BodyShort,
                    "as many bytes as Content-Length says",
                    came,
                ));
                0
            }
            (None, said) => said.unwrap_or(there),
        };
        if body_len > limits.body_bytes {
            let came = format!("{body_len} bytes");
            scan.note(ParseError::new(
                ErrorKind::BodyTooLarge,
                "a smaller body",
                came,
            ));
        }
        let body_len = if scan.fault.is_some() { 0 } else { body_len };
        datagram.truncate(head_len.saturating_add(body_len));
        Message::checked(datagram, scan, head_len)
    }

    /// Joins a buffer that ends with the body and what was found in its head, and checks what every role reads.
    pub(crate) fn checked(buf: Bytes, scan: Scan, head_len: usize) -> Result<Message> {
        let fault = scan.fault;
        let index = Index {
            start: scan.start,
            lines: scan.lines,
            aux: Bytes::from(scan.aux),
            head_len,
        };
        let message = Message::from_index(buf, index);
        match fault.map_or_else(|| message.check(), Err) {
            Ok(()) => Ok(message),
            Err(fault) if message.is_request() => Err(fault.with_message(message)),
            Err(fault) => Err(fault),
        }
    }

    pub(crate) fn from_index(buf: Bytes, index: Index) -> Message {
        Message {
            buf,
            index: Arc::new(index),
        }
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// What every role has to be able to read (RFC 3261 §8.1.1, §16.3).
    fn check(&self) -> Result<()> {
        for name in [
            HeaderName::From,
            HeaderName::To,
            HeaderName::CallId,
            HeaderName::CSeq,
            HeaderName::MaxForwards,
        ] {
            if let Some(again) = self.lines_of(&name).nth(1) {
                let came = again.value.of(&self.buf);
                return Err(ParseError::new(ErrorKind::Repeated(name), "it once", came));
            }
        }
        self.top_via()?;
        self.from()?;
        self.to()?;
        let call_id = self.call_id().ok_or_else(|| missing(HeaderName::CallId))?;
        if call_id.is_empty()
            || call_id.contains(|c: char| is_lws(c) || c == char::REPLACEMENT_CHARACTER)
        {
            return Err(ParseError::new(
                ErrorKind::Header(HeaderName::CallId),
                "one word",
                call_id,
            ));
        }
        let cseq = self.cseq()?;
        if let Some(method) = self.method_ref() {
            if cseq.method != *method {
                return Err(ParseError::new(
                    ErrorKind::CSeqMethod,
                    "the request's method",
                    cseq.method.as_str(),
                ));
            }
            self.max_forwards()?;
            let uri = self.uri()?;
            // RFC 3261 §19.1.1: headers are not allowed in a Request-URI; to drop them would not be lossless, so they are refused.
            if uri.is_sip() && uri.headers().next().is_some() {
                return Err(ParseError::new(
                    ErrorKind::RequestUri,
                    "a Request-URI without headers",
                    uri.as_str(),
                ));
            }
        }
        Ok(())
    }

    /// Whether it is a request.
    pub fn is_request(&self) -> bool {
        matches!(self.index.start, Start::Request { .. })
    }

    /// Whether it is a response.
    pub fn is_response(&self) -> bool {
        !self.is_request()
    }

    /// A request's method.
    pub fn method(&self) -> Option<Method> {
        self.method_ref().cloned()
    }

    /// A request's method, lent.
    pub fn method_ref(&self) -> Option<&Method> {
        match &self.index.start {
            Start::Request { method, .. } => Some(method),
            Start::Status { .. } => None,
        }
    }

    /// A request's Request-URI as written.
    pub fn request_uri(&self) -> Option<&str> {
        match &self.index.start {
            Start::Request { uri, .. } => {
                Some(std::str::from_utf8(uri.of(&self.buf)).unwrap_or_default())
            }
            Start::Status { .. } => None,
        }
    }

    /// A request's Request-URI, read; an error for a response.
    pub fn uri(&self) -> Result<Uri> {
        let span = match &self.index.start {
            Start::Request { uri, .. } => *uri,
            Start::Status { .. } => {
                return Err(ParseError::new(ErrorKind::RequestUri, "a request", b""));
            }
        };
        let text = Text::from_utf8(self.buf.slice(span.range()))
            .ok_or_else(|| ParseError::new(ErrorKind::RequestUri, "UTF-8", span.of(&self.buf)))?;
        Uri::parse(text).map_err(|e| e.of_kind(ErrorKind::RequestUri))
    }

    /// A response's status, 100 to 699.
    pub fn status(&self) -> Option<u16> {
        match &self.index.start {
            Start::Request { .. } => None,
            Start::Status { code, .. } => Some(*code),
        }
    }

    /// A response's reason phrase; bytes that are not UTF-8 become U+FFFD.
    pub fn reason(&self) -> Option<Cow<'_, str>> {
        match &self.index.start {
            Start::Request { .. } => None,
            Start::Status { reason, .. } => Some(String::from_utf8_lossy(reason.of(&self.buf))),
        }
    }

    /// The value of the first line of this name, whole: trimmed, continuation lines joined by a space, bytes that are not UTF-8 as U+FFFD.
    /// For single values of a list header see [`headers`](Message::headers), for the bytes [`raw_headers`](Message::raw_headers).
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.lines_of(&name).next().map(|line| self.text_of(line))
    }

    /// Every value of this name, in order: the comma-separated elements of each line when the name allows a list (quotes and `<…>`
    /// respected), else each line as one.
    pub fn headers(&self, name: HeaderName) -> impl Iterator<Item = &str> {
        let list = name.is_list();
        self.owned_lines_of(name).flat_map(move |line| {
            let text = self.text_of(line);
            let (elements, whole) = match list {
                true => (Some(Elements::of(text)), None),
                false => (None, Some(Elements::whole(text))),
            };
            elements
                .into_iter()
                .flatten()
                .chain(whole.into_iter().flatten())
        })
    }

    /// Whether a line of this name is there.
    pub fn has(&self, name: HeaderName) -> bool {
        self.lines_of(&name).next().is_some()
    }

    /// Whether a list header such as Supported, Require or Allow names `token` (any case).
    pub fn lists(&self, name: HeaderName, token: &str) -> bool {
        self.headers(name)
            .any(|element| element.eq_ignore_ascii_case(token))
    }

    /// Every line in order: name and value as they came, white space around them taken off, folds left in.
    pub fn raw_headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.index
            .lines
            .iter()
            .map(|line| (line.name.of(&self.buf), line.value.of(&self.buf)))
    }

    /// The body, sharing the message's bytes.
    pub fn body(&self) -> Bytes {
        self.buf.slice(self.index.head_len.min(self.buf.len())..)
    }

    /// The message as it came, or as it was built.
    pub fn as_bytes(&self) -> &Bytes {
        &self.buf
    }

    /// The first Via.
    pub fn top_via(&self) -> Result<Via> {
        self.texts(HeaderName::Via)
            .next()
            .map_or_else(|| Err(missing(HeaderName::Via)), Via::parse)
    }

    /// Every Via, from the top.
    pub fn vias(&self) -> Result<Vec<Via>> {
        self.texts(HeaderName::Via).map(Via::parse).collect()
    }

    /// From.
    pub fn from(&self) -> Result<NameAddr> {
        self.address(HeaderName::From)
    }

    /// To.
    pub fn to(&self) -> Result<NameAddr> {
        self.address(HeaderName::To)
    }

    /// Call-ID, as it is: compared byte by byte (RFC 3261 §20.8).
    pub fn call_id(&self) -> Option<&str> {
        self.header(HeaderName::CallId)
    }

    /// CSeq.
    pub fn cseq(&self) -> Result<CSeq> {
        let value = self
            .header(HeaderName::CSeq)
            .ok_or_else(|| missing(HeaderName::CSeq))?;
        let fault = || {
            ParseError::new(
                ErrorKind::Header(HeaderName::CSeq),
                "a number below 2^31 and a method",
                value,
            )
        };
        let (seq, method) = value.split_once(is_lws).ok_or_else(fault)?;
        Ok(CSeq {
            seq: number(seq, CSEQ_MAX).ok_or_else(fault)?,
            method: Method::parse(trim(method)).ok_or_else(fault)?,
        })
    }

    /// Every Contact but `*`.
    pub fn contacts(&self) -> Result<Vec<NameAddr>> {
        self.addresses(HeaderName::Contact)
    }

    /// Whether Contact is `*`: every binding of a REGISTER (RFC 3261 §10.2.2).
    pub fn contact_is_wildcard(&self) -> bool {
        self.headers(HeaderName::Contact).any(|value| value == "*")
    }

    /// Every Route, from the top.
    pub fn routes(&self) -> Result<Vec<NameAddr>> {
        self.addresses(HeaderName::Route)
    }

    /// Every Record-Route, from the top.
    pub fn record_routes(&self) -> Result<Vec<NameAddr>> {
        self.addresses(HeaderName::RecordRoute)
    }

    /// Every value of a header that holds addresses (P-Asserted-Identity, Path, Refer-To …), `*` left out.
    pub fn addresses(&self, name: HeaderName) -> Result<Vec<NameAddr>> {
        let kind = ErrorKind::Header(name.clone());
        self.texts(name)
            .filter(|text| text.as_str() != "*")
            .map(|text| NameAddr::parse(text).map_err(|e| e.of_kind(kind.clone())))
            .collect()
    }

    /// Max-Forwards, 0 to 255 (RFC 3261 §20.22).
    pub fn max_forwards(&self) -> Result<Option<u8>> {
        let number = self.number(
            HeaderName::MaxForwards,
            u32::from(u8::MAX),
            "a number from 0 to 255",
        )?;
        Ok(number.and_then(|n| u8::try_from(n).ok()))
    }

    /// Expires, in seconds, below 2³² (RFC 3261 §20.19).
    pub fn expires(&self) -> Result<Option<u32>> {
        self.number(HeaderName::Expires, u32::MAX, "seconds below 2^32")
    }

    /// Any header that is a plain number, such as Min-Expires.
    pub fn number(
        &self,
        name: HeaderName,
        max: u32,
        expected: &'static str,
    ) -> Result<Option<u32>> {
        match self.header(name.clone()) {
            None => Ok(None),
            Some(value) => match number(value, max) {
                Some(n) => Ok(Some(n)),
                None => Err(ParseError::new(ErrorKind::Header(name), expected, value)),
            },
        }
    }

    /// Content-Type as written, parameters included.
    pub fn content_type(&self) -> Option<&str> {
        self.header(HeaderName::ContentType)
    }

    /// Whether Content-Type is `wanted` (such as `application/sdp`), in any case and whatever its parameters.
    pub fn content_type_is(&self, wanted: &str) -> bool {
        self.content_type().is_some_and(|t| {
            trim(t.split_once(';').map_or(t, |(t, _)| t)).eq_ignore_ascii_case(wanted)
        })
    }

    fn address(&self, name: HeaderName) -> Result<NameAddr> {
        let line = self
            .lines_of(&name)
            .next()
            .ok_or_else(|| missing(name.clone()))?;
        NameAddr::parse(self.shared_text_of(line)).map_err(|e| e.of_kind(ErrorKind::Header(name)))
    }

    /// Every value of this name as text that shares the message's bytes.
    fn texts(&self, name: HeaderName) -> impl Iterator<Item = Text> {
        let list = name.is_list();
        self.owned_lines_of(name).flat_map(move |line| {
            let text = self.shared_text_of(line);
            let spans: Vec<_> = match list {
                true => Elements::of(&text)
                    .map(|e| crate::text::Span::within(&text, e))
                    .collect(),
                false => vec![crate::text::Span::new(0, text.len())],
            };
            spans.into_iter().map(move |span| text.cut(span))
        })
    }

    pub(crate) fn lines_of<'a>(
        &'a self,
        name: &HeaderName,
    ) -> impl Iterator<Item = &'a Line> + use<'a> {
        self.owned_lines_of(name.clone())
    }

    fn owned_lines_of(&self, name: HeaderName) -> impl Iterator<Item = &Line> {
        let known = name.known();
        self.index
            .lines
            .iter()
            .filter(move |line| match (known, line.known) {
                (Some(wanted), found) => found == Some(wanted),
                (None, None) => line
                    .name
                    .of(&self.buf)
                    .eq_ignore_ascii_case(name.as_str().as_bytes()),
                (None, Some(found)) => HeaderName::from(found) == name,
            })
    }

    pub(crate) fn text_of(&self, line: &Line) -> &str {
        let from = if line.in_aux {
            &self.index.aux
        } else {
            &self.buf
        };
        std::str::from_utf8(line.text.of(from)).unwrap_or_default()
    }

    fn shared_text_of(&self, line: &Line) -> Text {
        let from = if line.in_aux {
            &self.index.aux
        } else {
            &self.buf
        };
        Text::from_utf8(from.slice(line.text.range())).unwrap_or_default()
    }
}

fn missing(name: HeaderName) -> ParseError {
    debug_assert!(name.known() != Some(Known::MaxForwards), "it may be absent");
    ParseError::new(ErrorKind::Missing(name), "one in every message", b"")
}

impl fmt::Debug for Message {
    /// The start line and sizes only: headers may hold credentials, bodies what people say.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.index.start {
            Start::Request { method, .. } => write!(f, "Message({method}")?,
            Start::Status { code, .. } => write!(f, "Message({code}")?,
        }
        write!(
            f,
            ", {} header fields, {} bytes of body)",
            self.index.lines.len(),
            self.body().len()
        )
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Message) -> bool {
        self.buf == other.buf
    }
}

impl Eq for Message {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Message> {
        Message::parse_datagram(Bytes::from(text.replace('\n', "\r\n")))
    }

    const OPTIONS: &str = "OPTIONS sip:a@b SIP/2.0
v: SIP/2.0/UDP h1;branch=z9hG4bK1, SIP/2.0/UDP h2;branch=z9hG4bK2
Via: SIP/2.0/UDP h3
From: \"A, B\" <sip:c@d>;tag=1
t: sip:a@b
Call-ID: x@y
CSeq: 7
 OPTIONS
Supported: path, gruu
X-Odd: ;;,,
x-odd: 2
Max-Forwards: 0070
Content-Type: text/plain;charset=utf-8

hello";

    #[test]
    fn a_message_is_read() {
        let m = parse(OPTIONS).unwrap();
        assert_eq!(
            (m.method(), m.request_uri(), m.status()),
            (Some(Method::Options), Some("sip:a@b"), None)
        );
        assert_eq!(
            m.vias().unwrap().iter().map(Via::host).collect::<Vec<_>>(),
            ["h1", "h2", "h3"]
        );
        assert_eq!(
            m.cseq().unwrap(),
            CSeq {
                seq: 7,
                method: Method::Options
            }
        );
        assert_eq!(m.from().unwrap().tag(), Some("1"));
        assert_eq!(
            m.headers(HeaderName::Supported).collect::<Vec<_>>(),
            ["path", "gruu"]
        );
        let odd = HeaderName::parse("X-ODD").unwrap();
        assert_eq!(m.headers(odd).collect::<Vec<_>>(), [";;,,", "2"]);
        assert_eq!(m.max_forwards().unwrap(), Some(70));
        assert!(m.content_type_is("TEXT/plain"));
        assert_eq!(m.body(), "hello");
        assert_eq!(
            m.raw_headers().nth(5).unwrap(),
            (&b"CSeq"[..], &b"7\r\n OPTIONS"[..])
        );
    }

    #[test]
    fn faults_are_typed_and_keep_the_message() {
        let check = |from: &str, to: &str, kind: ErrorKind, status: u16| {
            assert!(OPTIONS.contains(from), "{from}");
            let error = parse(&OPTIONS.replace(from, to)).unwrap_err();
            assert_eq!((error.kind(), error.status()), (&kind, status), "{error}");
            assert_eq!(
                error.message().unwrap().call_id().is_some(),
                kind != ErrorKind::Missing(HeaderName::CallId)
            );
        };
        check("SIP/2.0\nv", "SIP/7.0\nv", ErrorKind::Version, 505);
        check("sip:a@b SIP", "<sip:a@b> SIP", ErrorKind::RequestUri, 400);
        check("sip:a@b SIP", "sip:a@b  SIP", ErrorKind::RequestUri, 400);
        check(
            "Call-ID: x@y\n",
            "",
            ErrorKind::Missing(HeaderName::CallId),
            400,
        );
        check(
            "7\n OPTIONS",
            "2147483648 OPTIONS",
            ErrorKind::Header(HeaderName::CSeq),
            400,
        );
        check("7\n OPTIONS", "7 INVITE", ErrorKind::CSeqMethod, 400);
        check(
            "0070",
            "256",
            ErrorKind::Header(HeaderName::MaxForwards),
            400,
        );
        check(
            "x-odd: 2",
            "t: sip:b@c",
            ErrorKind::Repeated(HeaderName::To),
            400,
        );
        check("x-odd: 2", "odd", ErrorKind::HeaderLine, 400);
        check("x-odd: 2", "l: 6", ErrorKind::BodyShort, 400);
        check(
            "x-odd: 2",
            "l: -1",
            ErrorKind::Header(HeaderName::ContentLength),
            400,
        );
        check(
            "x-odd: 2",
            "l: 5\nl: 5",
            ErrorKind::Repeated(HeaderName::ContentLength),
            400,
        );
        check("x-odd: 2", "x: a\rb", ErrorKind::HeaderLine, 400);
        check("\n\nhello", "\n", ErrorKind::HeadUnfinished, 400);
    }

    #[test]
    fn the_body_ends_where_content_length_says() {
        let m = parse(&OPTIONS.replace("x-odd: 2", "l: 2")).unwrap();
        assert_eq!(m.body(), "he");
        assert!(m.as_bytes().ends_with(b"\r\n\r\nhe"));
    }

    #[test]
    fn keep_alives_are_no_messages() {
        for text in ["", "\r\n\r\n", "\0\0"] {
            let error = Message::parse_datagram(Bytes::from_static(text.as_bytes())).unwrap_err();
            assert_eq!(error.kind(), &ErrorKind::Empty);
        }
    }
}
