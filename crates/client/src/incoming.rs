//! A message that came.

use bytes::Bytes;
use runtime::clock;
use sip_proto::{HeaderName, Message};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// In which our IM server names a message, the same in every copy.
pub(crate) const MESSAGE_ID: HeaderName = HeaderName::from_static("Convoke-Message-Id");

/// A MESSAGE that was taken (answered 200).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// URI of From: who it says that it is from. Our server lets nobody write under another's name.
    pub from: String,
    /// Display name of From, if there is one.
    pub name: Option<String>,
    /// Content-Type with its parameters; `text/plain` when there was none.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
    /// Call-ID of the copy that came.
    pub call_id: String,
    /// The IM server's id of the message, the same when it comes again.
    pub message_id: Option<String>,
    /// When it was sent as far as known (Date), else when it came: milliseconds since 1970.
    pub at_unix_ms: i64,
}

impl Incoming {
    /// Reads a MESSAGE; `None` without a readable From or Call-ID, which every request must have.
    pub(crate) fn of(message: &Message) -> Option<Self> {
        let from = message.from().ok()?;
        let sent = message
            .header(HeaderName::Date)
            .and_then(|date| OffsetDateTime::parse(date, &Rfc2822).ok())
            .and_then(|date| date.unix_timestamp().checked_mul(1000));
        Some(Self {
            from: from.uri().as_str().to_owned(),
            name: from.display_name().filter(|name| !name.is_empty()),
            content_type: message.content_type().unwrap_or("text/plain").to_owned(),
            body: message.body(),
            call_id: message.call_id()?.to_owned(),
            message_id: message.header(MESSAGE_ID).map(str::to_owned),
            at_unix_ms: sent.unwrap_or_else(|| clock::unix_ms(clock::wall())),
        })
    }

    /// Whether the type is this one, whatever its parameters and case.
    pub fn is_type(&self, wanted: &str) -> bool {
        let bare = self.content_type.split(';').next().unwrap_or_default();
        bare.trim().eq_ignore_ascii_case(wanted)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// `alice@example.org` out of `sip:alice@example.org;x=y`.
    pub fn sender(&self) -> &str {
        let bare = self.from.split([';', '?']).next().unwrap_or_default();
        bare.split_once(':').map_or(bare, |(_, rest)| rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(date: &str) -> Incoming {
        let text = format!(
            "MESSAGE sip:bob@x SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bKa\r\nMax-Forwards: 70\r\n\
             From: \"Alice A\" <sip:alice@x;y=z>;tag=1\r\nTo: <sip:bob@x>\r\nCall-ID: c@a\r\nCSeq: 1 MESSAGE\r\n\
             {date}Convoke-Message-Id: 7\r\nContent-Type: Text/Plain ; charset=utf-8\r\nContent-Length: 2\r\n\r\nhi"
        );
        let message = Message::parse_datagram(Bytes::from(text)).unwrap();
        Incoming::of(&message).unwrap()
    }

    #[test]
    fn a_message_is_read_with_its_time() {
        let message = read("Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n");
        assert_eq!(message.sender(), "alice@x");
        assert_eq!(message.name.as_deref(), Some("Alice A"));
        assert_eq!(message.message_id.as_deref(), Some("7"));
        assert_eq!(message.at_unix_ms, 1_700_000_000_000);
        assert!(message.is_type("text/plain"));
        assert_eq!(message.text(), "hi");
    }

    #[test]
    fn without_a_date_it_is_now() {
        let before = clock::unix_ms(clock::wall());
        assert!(read("").at_unix_ms >= before);
        assert!(read("Date: yesterday\r\n").at_unix_ms >= before);
    }
}
