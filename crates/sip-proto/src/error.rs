//! What can be wrong with a message, as one typed error.

use crate::message::Message;
use crate::name::HeaderName;
use std::fmt;

/// How many bytes of the faulty text an error quotes.
pub const EXCERPT_BYTES: usize = 64;

/// The result of everything that reads SIP text.
pub type Result<T> = std::result::Result<T, ParseError>;

/// What was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Nothing but line ends: a keep-alive, not a message. Nothing is answered.
    Empty,
    /// The first line is neither a request line nor a status line.
    StartLine,
    /// A version other than SIP/2.0.
    Version,
    /// A Request-URI that cannot be read (RFC 3261 §19.1), or one that holds headers.
    RequestUri,
    /// A URI elsewhere.
    Uri,
    /// A line of the head that is no header field, or a CR or LF that stands alone.
    HeaderLine,
    /// The head does not end.
    HeadUnfinished,
    /// The head is larger than allowed, or has too many lines.
    HeadTooLarge,
    /// The body is larger than allowed.
    BodyTooLarge,
    /// The datagram is shorter than its Content-Length says.
    BodyShort,
    /// A header that has to be there is not.
    Missing(HeaderName),
    /// A header that may stand once only stands there again.
    Repeated(HeaderName),
    /// A header's value cannot be read.
    Header(HeaderName),
    /// The method in CSeq is not that of the request line (RFC 3261 §8.1.1.5).
    CSeqMethod,
}

/// Why text could not be read: what was expected and what came.
#[derive(Clone, Debug)]
pub struct ParseError {
    kind: ErrorKind,
    expected: &'static str,
    came: Box<str>,
    message: Option<Box<Message>>,
}

impl ParseError {
    /// An error that quotes at most [`EXCERPT_BYTES`] of `came`.
    pub fn new(kind: ErrorKind, expected: &'static str, came: impl AsRef<[u8]>) -> ParseError {
        let came = came.as_ref();
        let text = String::from_utf8_lossy(
            came.get(..EXCERPT_BYTES.min(came.len()))
                .unwrap_or_default(),
        );
        ParseError {
            kind,
            expected,
            came: text.into(),
            message: None,
        }
    }

    /// The same error about another thing: a URI's fault as that of the header that holds it.
    #[must_use]
    pub fn of_kind(self, kind: ErrorKind) -> ParseError {
        ParseError { kind, ..self }
    }

    /// The same error with as much of the message as could be read.
    #[must_use]
    pub(crate) fn with_message(self, message: Message) -> ParseError {
        ParseError {
            message: Some(Box::new(message)),
            ..self
        }
    }

    /// What was wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// What should have stood there, in words.
    pub fn expected(&self) -> &'static str {
        self.expected
    }

    /// The first bytes of what stood there (at most [`EXCERPT_BYTES`], other bytes than UTF-8 replaced).
    pub fn came(&self) -> &str {
        &self.came
    }

    /// What could be read of a request: enough for [`ResponseBuilder::reply`](crate::build::ResponseBuilder::reply). `None` for
    /// responses and for text that is no request at all.
    pub fn message(&self) -> Option<&Message> {
        self.message.as_deref()
    }

    /// The status that a server answers (RFC 3261 §21.4, §21.5).
    pub fn status(&self) -> u16 {
        match self.kind {
            ErrorKind::Version => 505,
            ErrorKind::HeadTooLarge => 513,
            ErrorKind::BodyTooLarge => 413,
            ErrorKind::Empty
            | ErrorKind::StartLine
            | ErrorKind::RequestUri
            | ErrorKind::Uri
            | ErrorKind::HeaderLine
            | ErrorKind::HeadUnfinished
            | ErrorKind::BodyShort
            | ErrorKind::Missing(_)
            | ErrorKind::Repeated(_)
            | ErrorKind::Header(_)
            | ErrorKind::CSeqMethod => 400,
        }
    }

    /// The reason phrase for [`status`](ParseError::status): RFC 3261's, with what is wrong for 400 (§21.4.1).
    pub fn reason(&self) -> String {
        match self.status() {
            505 => "Version Not Supported".to_owned(),
            513 => "Message Too Large".to_owned(),
            413 => "Request Entity Too Large".to_owned(),
            _ => match &self.kind {
                ErrorKind::Missing(name) => format!("Missing {name}"),
                ErrorKind::Repeated(name) => format!("Repeated {name}"),
                ErrorKind::Header(name) => format!("Bad {name}"),
                ErrorKind::RequestUri => "Bad Request-URI".to_owned(),
                ErrorKind::CSeqMethod => "CSeq Method Does Not Match".to_owned(),
                ErrorKind::BodyShort => "Body Shorter Than Content-Length".to_owned(),
                ErrorKind::Empty
                | ErrorKind::StartLine
                | ErrorKind::Version
                | ErrorKind::Uri
                | ErrorKind::HeaderLine
                | ErrorKind::HeadUnfinished
                | ErrorKind::HeadTooLarge
                | ErrorKind::BodyTooLarge => "Bad Request".to_owned(),
            },
        }
    }
}

impl PartialEq for ParseError {
    fn eq(&self, other: &ParseError) -> bool {
        self.kind == other.kind && self.expected == other.expected && self.came == other.came
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let came = &self.came;
        match &self.kind {
            ErrorKind::Missing(name) => write!(f, "{name} is missing: expected {}", self.expected),
            ErrorKind::Repeated(name) => write!(f, "{name} stands there again: {came:?}"),
            ErrorKind::Header(name) => {
                write!(f, "{name}: expected {}, came {came:?}", self.expected)
            }
            ErrorKind::Empty
            | ErrorKind::StartLine
            | ErrorKind::Version
            | ErrorKind::RequestUri
            | ErrorKind::Uri
            | ErrorKind::HeaderLine
            | ErrorKind::HeadUnfinished
            | ErrorKind::HeadTooLarge
            | ErrorKind::BodyTooLarge
            | ErrorKind::BodyShort
            | ErrorKind::CSeqMethod => write!(f, "expected {}, came {came:?}", self.expected),
        }
    }
}

impl std::error::Error for ParseError {}
