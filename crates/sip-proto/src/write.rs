//! Writes a message and its index in one go, so that what was built need not be read again.

use crate::message::{Index, Message};
use crate::name::{HeaderName, Known, Method};
use crate::scan::{Line, Start};
use crate::text::Span;
use bytes::{BufMut, Bytes, BytesMut};

/// Bytes that a message without body usually needs.
const HEAD_BYTES_EXPECTED: usize = 1024;

pub(crate) struct Writer {
    buf: BytesMut,
    start: Start,
    lines: Vec<Line>,
    aux: Vec<u8>,
}

impl Writer {
    /// Starts a request. The URI stands for itself: it was read, so it holds no space or line end.
    pub(crate) fn request(method: &Method, uri: &str, body_len: usize) -> Writer {
        let mut buf = BytesMut::with_capacity(HEAD_BYTES_EXPECTED.saturating_add(body_len));
        buf.put_slice(method.as_str().as_bytes());
        buf.put_u8(b' ');
        let at = buf.len();
        buf.put_slice(uri.as_bytes());
        let span = Span::new(at, buf.len());
        buf.put_slice(b" SIP/2.0\r\n");
        Writer {
            buf,
            start: Start::Request {
                method: method.clone(),
                uri: span,
            },
            lines: Vec::new(),
            aux: Vec::new(),
        }
    }

    /// Starts a response; the status is kept within 100 to 699.
    pub(crate) fn response(status: u16, reason: &str, body_len: usize) -> Writer {
        let code = status.clamp(100, 699);
        let mut buf = BytesMut::with_capacity(HEAD_BYTES_EXPECTED.saturating_add(body_len));
        buf.put_slice(format!("SIP/2.0 {code} ").as_bytes());
        let at = buf.len();
        buf.put_slice(one_line(reason).as_bytes());
        let span = Span::new(at, buf.len());
        buf.put_slice(b"\r\n");
        Writer {
            buf,
            start: Start::Status { code, reason: span },
            lines: Vec::new(),
            aux: Vec::new(),
        }
    }

    /// Takes another message's start line as it stands.
    pub(crate) fn same_start(message: &Message, body_len: usize) -> Writer {
        let index = message.index();
        let end = index
            .lines
            .first()
            .map_or(index.head_len.saturating_sub(2), |line| line.whole.start());
        let mut buf =
            BytesMut::with_capacity(index.head_len.saturating_add(256).saturating_add(body_len));
        buf.put_slice(message.as_bytes().get(..end).unwrap_or_default());
        Writer {
            buf,
            start: index.start.clone(),
            lines: Vec::with_capacity(index.lines.len()),
            aux: Vec::new(),
        }
    }

    /// A header field of ours. Line ends in the value become spaces: no value can start a line of its own.
    pub(crate) fn header(&mut self, name: &HeaderName, value: &str) {
        let start = self.buf.len();
        self.buf.put_slice(name.as_str().as_bytes());
        let name_end = self.buf.len();
        self.buf.put_slice(b": ");
        let at = self.buf.len();
        self.buf.put_slice(one_line(value).as_bytes());
        let value = Span::new(at, self.buf.len());
        self.buf.put_slice(b"\r\n");
        self.lines.push(Line {
            known: Known::find(name.as_str().as_bytes()),
            name: Span::new(start, name_end),
            value,
            text: value,
            in_aux: false,
            whole: Span::new(start, self.buf.len()),
        });
    }

    /// A header field of another message, byte for byte.
    pub(crate) fn copy(&mut self, from: &Message, line: &Line) {
        let start = self.buf.len();
        self.buf.put_slice(line.whole.of(from.as_bytes()));
        let old = line.whole.start();
        let moved = |span: Span| {
            let shift = |n: usize| n.saturating_sub(old).saturating_add(start);
            Span::new(shift(span.start()), shift(span.end()))
        };
        let text = match line.in_aux {
            true => {
                let at = self.aux.len();
                self.aux.extend_from_slice(from.text_of(line).as_bytes());
                Span::new(at, self.aux.len())
            }
            false => moved(line.text),
        };
        self.lines.push(Line {
            name: moved(line.name),
            value: moved(line.value),
            whole: moved(line.whole),
            text,
            ..*line
        });
    }

    /// Ends the head and adds the body.
    pub(crate) fn finish(mut self, body: &[u8]) -> Message {
        self.buf.put_slice(b"\r\n");
        let head_len = self.buf.len();
        self.buf.put_slice(body);
        let index = Index {
            start: self.start,
            lines: self.lines,
            aux: Bytes::from(self.aux),
            head_len,
        };
        Message::from_index(self.buf.freeze(), index)
    }
}

/// The value on one line: trimmed, each CR and LF a space.
fn one_line(value: &str) -> std::borrow::Cow<'_, str> {
    let value = crate::text::trim(value);
    match value.contains(['\r', '\n']) {
        true => value.replace(['\r', '\n'], " ").into(),
        false => value.into(),
    }
}
