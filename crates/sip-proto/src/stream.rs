//! Cuts a TCP or TLS stream into messages and keep-alives (RFC 3261 §18.3, RFC 5626 §3.5.1).

use crate::error::{ErrorKind, ParseError, Result};
use crate::message::Message;
use crate::name::HeaderName;
use crate::scan::{Limits, Scan, scan_head};
use bytes::{Buf, BytesMut};

/// What came out of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message.
    Message(Message),
    /// A double CRLF from the side that opened the connection: answer with one CRLF.
    Ping,
    /// A CRLF from the side that accepted it: the answer to our ping.
    Pong,
}

/// Which side of the connection we are. It tells what a CRLF between messages means, however the bytes were cut on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The peer opened it and sends pings; a single CRLF before a message means nothing (RFC 3261 §7.5).
    Accepted,
    /// We opened it, and every CRLF is a pong.
    Opened,
}

/// Reads one stream. After an error the stream cannot be read any further: answer if the error holds a message, and close.
#[derive(Debug)]
pub struct StreamParser {
    side: Side,
    limits: Limits,
    buf: BytesMut,
    /// How far the end of the head was looked for.
    searched: usize,
    pending: Option<Pending>,
    broken: Option<ParseError>,
}

/// A head whose body is still on its way.
#[derive(Debug)]
struct Pending {
    scan: Scan,
    head_len: usize,
    body_len: usize,
}

impl StreamParser {
    /// A parser with the usual limits.
    pub fn new(side: Side) -> StreamParser {
        StreamParser::with_limits(side, Limits::default())
    }

    /// A parser with other limits.
    pub fn with_limits(side: Side, limits: Limits) -> StreamParser {
        StreamParser {
            side,
            limits,
            buf: BytesMut::new(),
            searched: 0,
            pending: None,
            broken: None,
        }
    }

    /// Adds what was received. Call [`next`](StreamParser::next) until it has no more before reading on: then the buffer never holds more
    /// than one message within the limits and one read.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.buf.extend_from_slice(bytes);
        }
    }

    /// How many bytes wait for the rest of their message. Line ends before it mean nothing (RFC 3261 §7.5): a client that sends
    /// one now and then has not begun a message.
    pub fn buffered(&self) -> usize {
        match self.buf.as_ref() {
            [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => 0,
            begun => begun.len(),
        }
    }

    /// The next frame; `None` until more bytes come. An error comes again at every call.
    #[expect(
        clippy::should_implement_trait,
        reason = "more may come after None, and an error ends it"
    )]
    pub fn next(&mut self) -> Result<Option<Frame>> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let found = self.read();
        if let Err(error) = &found {
            self.broken = Some(error.clone());
            self.buf = BytesMut::new();
            self.pending = None;
        }
        found
    }

    fn read(&mut self) -> Result<Option<Frame>> {
        if self.pending.is_none() {
            if let Some(frame) = self.keep_alive() {
                return Ok(Some(frame));
            }
            self.pending = self.head()?;
        }
        match self.pending.take() {
            Some(pending) => self.message(pending),
            None => Ok(None),
        }
    }

    /// Reads line ends before a start line.
    fn keep_alive(&mut self) -> Option<Frame> {
        loop {
            let (skip, frame) = match (self.side, self.buf.as_ref()) {
                (Side::Accepted, [b'\r', b'\n', b'\r', b'\n', ..]) => (4, Some(Frame::Ping)),
                (Side::Opened, [b'\r', b'\n', ..]) => (2, Some(Frame::Pong)),
                // The rest of a ping may still come.
                (Side::Accepted, [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r']) => return None,
                (Side::Accepted, [b'\r', b'\n', ..]) => (2, None),
                _ => return None,
            };
            self.buf.advance(skip);
            self.searched = 0;
            if frame.is_some() {
                return frame;
            }
        }
    }

    /// Looks for the end of the head, from where it was looked for last.
    fn head(&mut self) -> Result<Option<Pending>> {
        const END: &[u8] = b"\r\n\r\n";
        let from = self.searched.saturating_sub(END.len().saturating_sub(1));
        let fresh = self.buf.get(from..).unwrap_or_default();
        let end = memchr::memmem::find(fresh, END)
            .map(|at| from.saturating_add(at).saturating_add(END.len()));
        self.searched = self.buf.len();
        let Some(head_len) = end.filter(|end| *end <= self.limits.head_bytes) else {
            if self.buf.len() < self.limits.head_bytes {
                return Ok(None);
            }
            let head = self.buf.get(..self.limits.head_bytes).unwrap_or_default();
            let mut scan = scan_head(head, &self.limits)?;
            scan.note(ParseError::new(
                ErrorKind::HeadTooLarge,
                "a smaller head",
                b"",
            ));
            let seen = self.buf.split_to(self.limits.head_bytes).freeze();
            return Message::checked(seen, scan, self.limits.head_bytes).map(|_| None);
        };
        let mut scan = scan_head(self.buf.get(..head_len).unwrap_or_default(), &self.limits)?;
        let body_len = match scan.content_length {
            Some(n) if n <= self.limits.body_bytes => n,
            Some(n) => {
                scan.note(ParseError::new(
                    ErrorKind::BodyTooLarge,
                    "a smaller body",
                    format!("{n} bytes"),
                ));
                0
            }
            None => {
                // RFC 3261 §20.14: it MUST be used over streams; without it nobody knows where the next message starts.
                let kind = ErrorKind::Missing(HeaderName::ContentLength);
                scan.note(ParseError::new(
                    kind,
                    "one in every message of a stream",
                    b"",
                ));
                0
            }
        };
        if scan.fault.is_some() {
            let head = self.buf.split_to(head_len).freeze();
            return Message::checked(head, scan, head_len).map(|_| None);
        }
        Ok(Some(Pending {
            scan,
            head_len,
            body_len,
        }))
    }

    fn message(&mut self, pending: Pending) -> Result<Option<Frame>> {
        let total = pending.head_len.saturating_add(pending.body_len);
        if self.buf.len() < total {
            self.pending = Some(pending);
            return Ok(None);
        }
        let bytes = self.buf.split_to(total).freeze();
        self.searched = 0;
        Message::checked(bytes, pending.scan, pending.head_len)
            .map(|message| Some(Frame::Message(message)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &str) -> String {
        let length = body.len();
        format!(
            "MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\n\
             Call-ID: x\r\nCSeq: 1 MESSAGE\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    }

    fn frames(side: Side, stream: &[u8], chunk: usize) -> Vec<String> {
        let mut parser = StreamParser::new(side);
        let mut out = Vec::new();
        for bytes in stream.chunks(chunk) {
            parser.push(bytes);
            loop {
                match parser.next() {
                    Ok(Some(Frame::Message(m))) => {
                        out.push(String::from_utf8(m.body().to_vec()).unwrap())
                    }
                    Ok(Some(other)) => out.push(format!("{other:?}")),
                    Ok(None) => break,
                    Err(error) => {
                        out.push(error.to_string());
                        return out;
                    }
                }
            }
        }
        out
    }

    #[test]
    fn frames_do_not_depend_on_the_chunks() {
        let stream = format!(
            "\r\n{}\r\n\r\n{}\r\n\r\n\r\n\r\n{}",
            text("one"),
            text(""),
            text("a\r\n\r\nb")
        );
        for chunk in 1..40 {
            let got = frames(Side::Accepted, stream.as_bytes(), chunk);
            assert_eq!(
                got,
                ["one", "Ping", "", "Ping", "Ping", "a\r\n\r\nb"],
                "{chunk}"
            );
        }
        let stream = format!("\r\n{}\r\n\r\n", text("one"));
        for chunk in 1..40 {
            assert_eq!(
                frames(Side::Opened, stream.as_bytes(), chunk),
                ["Pong", "one", "Pong", "Pong"]
            );
        }
    }

    #[test]
    fn line_ends_alone_are_no_message_on_its_way() {
        let mut parser = StreamParser::new(Side::Accepted);
        for part in ["\r\n", "\r"] {
            parser.push(part.as_bytes());
            assert_eq!(parser.next(), Ok(None));
            assert_eq!(parser.buffered(), 0, "{part:?}");
        }
        parser.push(b"\nMESS");
        assert_eq!(parser.next(), Ok(Some(Frame::Ping)));
        assert_eq!(parser.next(), Ok(None));
        assert_eq!(parser.buffered(), 4);
    }

    #[test]
    fn a_stream_needs_content_length_and_bounds() {
        let check = |stream: &str, kind: ErrorKind, status: u16| {
            let limits = Limits {
                head_bytes: 512,
                header_lines: 8,
                body_bytes: 16,
            };
            let mut parser = StreamParser::with_limits(Side::Accepted, limits);
            parser.push(stream.as_bytes());
            let error = parser.next().unwrap_err();
            assert_eq!((error.kind(), error.status()), (&kind, status));
            assert_eq!(error.message().unwrap().call_id(), Some("x"));
            assert_eq!(parser.next().unwrap_err(), error);
            assert_eq!(parser.buffered(), 0);
        };
        let good = text("");
        check(
            &good.replace("Content-Length: 0\r\n", ""),
            ErrorKind::Missing(HeaderName::ContentLength),
            400,
        );
        check(&text("seventeen letters"), ErrorKind::BodyTooLarge, 413);
        check(
            &good.replace("Content", &format!("X: {}\r\nContent", "x".repeat(600))),
            ErrorKind::HeadTooLarge,
            513,
        );
        check(
            &good.replace("Content", "X: 1\r\nX: 2\r\nX: 3\r\nContent"),
            ErrorKind::HeadTooLarge,
            513,
        );
    }
}
