//! The Reason header field (RFC 3326).

use crate::message::Message;
use crate::name::HeaderName;
use crate::text::{Params, unquote};

/// What the Reason header fields of a message say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reason {
    /// The cause of protocol `Q.850`.
    pub q850: Option<u8>,
    /// The text of the first one that has a text.
    pub text: Option<String>,
}

/// Reads all Reason values of a message; what is malformed is skipped.
pub fn reason_of(message: &Message) -> Reason {
    let mut reason = Reason::default();
    for value in message.headers(HeaderName::Reason) {
        let protocol = value.split(';').next().unwrap_or_default().trim();
        if protocol.eq_ignore_ascii_case("Q.850") && reason.q850.is_none() {
            reason.q850 = Params::of(value)
                .value_of("cause")
                .and_then(|cause| cause.parse().ok())
                .filter(|cause| *cause < 128);
        }
        if reason.text.is_none() {
            reason.text = Params::of(value).value_of("text").map(unquote);
        }
    }
    reason
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn read(value: &str) -> Reason {
        let text = format!(
            "BYE sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@y>;tag=2\r\n\
             Call-ID: c\r\nCSeq: 1 BYE\r\nReason: {value}\r\n\r\n"
        );
        reason_of(&Message::parse_datagram(Bytes::from(text)).unwrap())
    }

    #[test]
    fn causes_and_words_are_found_among_several() {
        let both =
            read("SIP;cause=200;text=\"Call completed elsewhere\", q.850 ; cause=16 ;text=\"x\"");
        assert_eq!(both.q850, Some(16));
        assert_eq!(both.text.as_deref(), Some("Call completed elsewhere"));
        assert_eq!(read("Q.850;cause=300"), Reason::default());
        assert_eq!(read("Q.850"), Reason::default());
    }
}
