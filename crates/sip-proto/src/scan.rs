//! Finds the lines of a message's head. A fault does not stop it: what can still be read is kept, so that a 400 can be answered.

use crate::error::{ErrorKind, ParseError};
use crate::name::{HeaderName, Known, Method};
use crate::text::{Span, is_token, number, trim, trim_bytes};
use memchr::{memchr, memchr2, memrchr};

/// How large a message may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the head: start line, header lines, empty line.
    pub head_bytes: usize,
    /// Header fields, continuation lines not counted.
    pub header_lines: usize,
    /// Bytes of the body.
    pub body_bytes: usize,
}

/// The largest head: 64 kB.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The most header fields.
pub const HEADER_LINES_MAX: usize = 128;
/// The largest body: 1 MiB.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head_bytes: HEAD_BYTES_MAX,
            header_lines: HEADER_LINES_MAX,
            body_bytes: BODY_BYTES_MAX,
        }
    }
}

/// The first line.
#[derive(Clone, Debug)]
pub(crate) enum Start {
    Request { method: Method, uri: Span },
    Status { code: u16, reason: Span },
}

/// One header field and its continuation lines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) known: Option<Known>,
    /// The name, in the buffer.
    pub(crate) name: Span,
    /// The value as written, trimmed, in the buffer.
    pub(crate) value: Span,
    /// The value as text: in the buffer, or in `aux` when it was folded or is not UTF-8.
    pub(crate) text: Span,
    pub(crate) in_aux: bool,
    /// The whole field with its last CRLF, in the buffer.
    pub(crate) whole: Span,
}

/// What a head holds.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) start: Start,
    pub(crate) lines: Vec<Line>,
    /// Texts of values that do not stand in the buffer as they are.
    pub(crate) aux: Vec<u8>,
    pub(crate) content_length: Option<usize>,
    /// The first fault found.
    pub(crate) fault: Option<ParseError>,
}

/// Header fields that are expected in one message; more let the list grow.
const LINES_EXPECTED: usize = 16;

/// Reads `head`, from the start line to the empty line (or as far as it came). `Err` when not even the start line can be used.
pub(crate) fn scan_head(head: &[u8], limits: &Limits) -> Result<Scan, ParseError> {
    let mut lines = Lines { head, at: 0 };
    let first = match lines.next() {
        Some(Ok(line)) => line,
        Some(Err(error)) => return Err(error),
        None => {
            return Err(ParseError::new(
                ErrorKind::StartLine,
                "a start line that ends in CRLF",
                head,
            ));
        }
    };
    let (start, start_fault) = start_line(head, first)?;
    let mut scan = Scan {
        start,
        lines: Vec::with_capacity(LINES_EXPECTED),
        aux: Vec::new(),
        content_length: None,
        fault: start_fault,
    };
    for line in lines {
        let fault = match line {
            Ok(line) if line.range().is_empty() => break,
            Ok(_) if scan.lines.len() >= limits.header_lines => {
                scan.note(ParseError::new(
                    ErrorKind::HeadTooLarge,
                    "fewer header fields",
                    b"",
                ));
                break;
            }
            Ok(line) => scan.add(head, line),
            Err(fault) => Some(fault),
        };
        if let Some(fault) = fault {
            scan.note(fault);
        }
    }
    scan.read_content_length(head);
    Ok(scan)
}

impl Scan {
    /// Keeps the first fault.
    pub(crate) fn note(&mut self, fault: ParseError) {
        self.fault.get_or_insert(fault);
    }

    fn add(&mut self, head: &[u8], field: Span) -> Option<ParseError> {
        let bytes = field.of(head);
        let fault = |expected| Some(ParseError::new(ErrorKind::HeaderLine, expected, bytes));
        let Some(colon) = memchr(b':', bytes) else {
            return fault("a header name and a colon");
        };
        let (name, value) = bytes.split_at_checked(colon).unwrap_or_default();
        // HCOLON = *( SP / HTAB ) ":" SWS, so white space before the colon only, none before the name.
        let name = name.trim_ascii_end();
        if !is_token(name) {
            return fault("a header name that is a token");
        }
        let start = field.start();
        let value_at = start.saturating_add(colon).saturating_add(1);
        let value = value.get(1..).unwrap_or_default();
        let lead = value.len().saturating_sub(trim_start(value).len());
        let trimmed = trim_bytes(value);
        let value_start = value_at.saturating_add(lead).min(field.end());
        let value_span = Span::new(value_start, value_start.saturating_add(trimmed.len()));
        let as_is = memchr(b'\n', trimmed).is_none() && std::str::from_utf8(trimmed).is_ok();
        let (text, in_aux) = if as_is {
            (value_span, false)
        } else {
            (self.keep_text(trimmed), true)
        };
        self.lines.push(Line {
            known: Known::find(name),
            name: Span::new(start, start.saturating_add(name.len())),
            value: value_span,
            text,
            in_aux,
            whole: Span::new(start, field.end().saturating_add(2)),
        });
        None
    }

    /// RFC 3261 §7.3.1: a line end with the white space around it means one space.
    fn keep_text(&mut self, value: &[u8]) -> Span {
        let start = self.aux.len();
        let text = String::from_utf8_lossy(value);
        for (n, part) in text
            .split("\r\n")
            .map(trim)
            .filter(|part| !part.is_empty())
            .enumerate()
        {
            if n > 0 {
                self.aux.push(b' ');
            }
            self.aux.extend_from_slice(part.as_bytes());
        }
        Span::new(start, self.aux.len())
    }

    fn read_content_length(&mut self, head: &[u8]) {
        let mut found = self
            .lines
            .iter()
            .filter(|line| line.known == Some(Known::ContentLength));
        let Some(line) = found.next() else { return };
        let again = found.next().map(|again| again.value.of(head));
        let value = line.value.of(head);
        let length = std::str::from_utf8(value)
            .ok()
            .and_then(|v| number(v, u32::MAX));
        self.content_length = length.and_then(|n| usize::try_from(n).ok());
        if self.content_length.is_none() {
            let kind = ErrorKind::Header(HeaderName::ContentLength);
            self.note(ParseError::new(kind, "a number of bytes", value));
        }
        // Two of them, equal or not, are how one message is smuggled inside another.
        if let Some(again) = again {
            self.content_length = None;
            let kind = ErrorKind::Repeated(HeaderName::ContentLength);
            self.note(ParseError::new(kind, "one Content-Length", again));
        }
    }
}

fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// Fields of a head: each with its continuation lines, without the last CRLF; the empty line comes as an empty span.
struct Lines<'a> {
    head: &'a [u8],
    at: usize,
}

impl Lines<'_> {
    /// The offset of the next CRLF from `from`; a CR or LF that stands alone is skipped and reported.
    fn line_end(&self, from: usize) -> Option<(usize, bool)> {
        let (mut at, mut clean) = (from, true);
        loop {
            let rest = self.head.get(at..)?;
            let found = at.saturating_add(memchr2(b'\r', b'\n', rest)?);
            match self.head.get(found..) {
                Some([b'\r', b'\n', ..]) => return Some((found, clean)),
                _ => {
                    clean = false;
                    at = found.saturating_add(1);
                }
            }
        }
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Span, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let (mut end, mut clean) = self.line_end(start)?;
        // The empty line has no continuation, whatever follows.
        if end > start {
            while let Some(b' ' | b'\t') = self.head.get(end.saturating_add(2)) {
                match self.line_end(end.saturating_add(2)) {
                    Some((next, fine)) => (end, clean) = (next, clean && fine),
                    None => break,
                }
            }
        }
        self.at = end.saturating_add(2);
        let span = Span::new(start, end);
        if clean {
            return Some(Ok(span));
        }
        let expected = "CR and LF together, at the end of a line";
        Some(Err(ParseError::new(
            ErrorKind::HeaderLine,
            expected,
            span.of(self.head),
        )))
    }
}

/// Reads the start line: what can be used of it, and its fault.
fn start_line(head: &[u8], line: Span) -> Result<(Start, Option<ParseError>), ParseError> {
    let bytes = line.of(head);
    if bytes
        .get(..4)
        .is_some_and(|b| b.eq_ignore_ascii_case(b"SIP/"))
    {
        return status_line(bytes, line.start());
    }
    let fault = |kind, expected| ParseError::new(kind, expected, bytes);
    let unusable = || fault(ErrorKind::StartLine, "METHOD Request-URI SIP/2.0");
    let first = memchr(b' ', bytes).ok_or_else(unusable)?;
    let method = bytes
        .get(..first)
        .and_then(|m| std::str::from_utf8(m).ok())
        .and_then(Method::parse);
    let method = method.ok_or_else(unusable)?;
    let last = memrchr(b' ', bytes).unwrap_or(first);
    let (uri_start, uri_end) = (first.saturating_add(1), last.max(first.saturating_add(1)));
    let version = bytes.get(last.saturating_add(1)..).unwrap_or_default();
    let uri = bytes.get(uri_start..uri_end).unwrap_or_default();
    let found = if last == first
        || !version
            .get(..4)
            .is_some_and(|v| v.eq_ignore_ascii_case(b"SIP/"))
    {
        Some(fault(ErrorKind::StartLine, "METHOD Request-URI SIP/2.0"))
    } else if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        Some(ParseError::new(ErrorKind::Version, "SIP/2.0", version))
    } else if uri.is_empty() || uri.iter().any(|b| !b.is_ascii_graphic()) {
        Some(ParseError::new(
            ErrorKind::RequestUri,
            "a URI between single spaces",
            uri,
        ))
    } else {
        None
    };
    let at = |n: usize| line.start().saturating_add(n);
    Ok((
        Start::Request {
            method,
            uri: Span::new(at(uri_start), at(uri_end)),
        },
        found,
    ))
}

fn status_line(bytes: &[u8], offset: usize) -> Result<(Start, Option<ParseError>), ParseError> {
    let fault = |kind, expected| ParseError::new(kind, expected, bytes);
    let rest = match bytes.split_at_checked(8) {
        Some((version, rest)) if version.eq_ignore_ascii_case(b"SIP/2.0 ") => rest,
        _ => return Err(fault(ErrorKind::Version, "SIP/2.0 and a space")),
    };
    // A missing space behind the code is borne: it is common, and nothing can be mistaken.
    let (code, reason) = match rest {
        [a, b, c, b' ', reason @ ..] => ([*a, *b, *c], reason),
        [a, b, c] => ([*a, *b, *c], [].as_slice()),
        _ => return Err(fault(ErrorKind::StartLine, "a status of three digits")),
    };
    let code = std::str::from_utf8(&code)
        .ok()
        .and_then(|code| number(code, 699))
        .filter(|code| *code >= 100);
    let code = code.and_then(|code| u16::try_from(code).ok());
    let code = code.ok_or_else(|| fault(ErrorKind::StartLine, "a status from 100 to 699"))?;
    let start = offset.saturating_add(bytes.len().saturating_sub(reason.len()));
    Ok((
        Start::Status {
            code,
            reason: Span::new(start, start.saturating_add(reason.len())),
        },
        None,
    ))
}
