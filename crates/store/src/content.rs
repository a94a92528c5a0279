//! What a logged message is: words, an invitation or the answer to one, a notification about another message, or something
//! else. Never fails: what is not understood is something else.

use bytes::Bytes;
use sip_proto::cpim::{self, Cpim};

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Words.
    Text(String),
    /// An invitation into a conference: its XML document.
    Invitation(String),
    /// The answer to an invitation: its XML document.
    InvitationAnswer(String),
    /// Anything else that people send each other.
    Other,
    /// A notification (RFC 5438) about the message with this `imdn.Message-ID`.
    Receipt {
        /// Which message.
        imdn: String,
        /// Displayed; otherwise delivered.
        displayed: bool,
    },
    /// Nothing to show: somebody types (RFC 3994), or a notification that says nothing of use.
    Nothing,
}

/// A message's content, and by which name notifications speak of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub content: Content,
    pub imdn: Option<String>,
}

/// Longest `imdn.Message-ID` that is looked at, in bytes.
const IMDN_MAX_BYTES: usize = 256;

impl Content {
    /// Whether it is shown in a chat.
    pub fn is_shown(&self) -> bool {
        match self {
            Content::Text(_)
            | Content::Invitation(_)
            | Content::InvitationAnswer(_)
            | Content::Other => true,
            Content::Receipt { .. } | Content::Nothing => false,
        }
    }

    /// Whether it makes a chat unread.
    pub(crate) fn counts(&self) -> bool {
        match self {
            Content::Text(_) | Content::Invitation(_) | Content::Other => true,
            Content::InvitationAnswer(_) | Content::Receipt { .. } | Content::Nothing => false,
        }
    }
}

/// Reads a body by its Content-Type.
pub(crate) fn parse(content_type: &str, body: &Bytes) -> Parsed {
    if media_type(content_type) != cpim::CONTENT_TYPE {
        let content = simple(content_type, body);
        return Parsed {
            content,
            imdn: None,
        };
    }
    match Cpim::parse(body) {
        Ok(envelope) => Parsed {
            content: simple(envelope.content_type(), envelope.content()),
            imdn: envelope
                .imdn()
                .map(|imdn| imdn.message_id)
                .filter(|id| id.len() <= IMDN_MAX_BYTES),
        },
        Err(_) => Parsed {
            content: Content::Other,
            imdn: None,
        },
    }
}

fn media_type(content_type: &str) -> String {
    let bare = content_type.split(';').next().unwrap_or_default();
    bare.trim().to_ascii_lowercase()
}

fn simple(content_type: &str, body: &[u8]) -> Content {
    let text = || String::from_utf8_lossy(body).into_owned();
    match media_type(content_type).as_str() {
        "text/plain" => Content::Text(text()),
        "application/vnd.convoke.invitation+xml" => {
            let document = text();
            match root(&document) {
                Some("invitation") => Content::Invitation(document),
                Some("invitation-answer") => Content::InvitationAnswer(document),
                _ => Content::Other,
            }
        }
        cpim::IMDN_CONTENT_TYPE => receipt(&text()),
        cpim::TYPING_CONTENT_TYPE => Content::Nothing,
        _ => Content::Other,
    }
}

/// The local name of a document's root element.
fn root(document: &str) -> Option<&str> {
    document.split('<').skip(1).find_map(|tag| {
        let begins = tag.chars().next()?;
        (begins.is_alphabetic() || begins == '_').then(|| local_name(tag))
    })
}

/// The local name of a tag's element, from what stands behind its `<`.
fn local_name(tag: &str) -> &str {
    let name = tag
        .split(|c: char| c.is_whitespace() || c == '>' || c == '/')
        .next()
        .unwrap_or_default();
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// Reads message/imdn+xml (RFC 5438 §11): which message, and whether it was delivered or displayed. A notification that
/// something failed says nothing here: the message then has no mark, which is the truth.
fn receipt(document: &str) -> Content {
    let mut imdn = None;
    let (mut delivered, mut displayed) = (false, false);
    for tag in document.split('<').skip(1) {
        match local_name(tag) {
            "message-id" => {
                let text = tag.split_once('>').map_or("", |(_, text)| text.trim());
                if !text.is_empty() && text.len() <= IMDN_MAX_BYTES {
                    imdn.get_or_insert_with(|| text.to_owned());
                }
            }
            "delivered" => delivered = true,
            "displayed" => displayed = true,
            _ => {}
        }
    }
    match imdn {
        Some(imdn) if delivered || displayed => Content::Receipt { imdn, displayed },
        _ => Content::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content_type: &str, body: &str) -> Parsed {
        parse(content_type, &Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn words_come_out_of_their_wrapping() {
        let plain = read("text/plain;charset=UTF-8", "grüße");
        assert_eq!(plain.content, Content::Text("grüße".into()));
        assert_eq!(plain.imdn, None);
        let wrapped = "From: <sip:alice@x>\r\nTo: <sip:bob@x>\r\nNS: imdn <urn:ietf:params:imdn>\r\n\
                       imdn.Message-ID: m-1\r\nimdn.Disposition-Notification: positive-delivery, display\r\n\r\n\
                       Content-type: text/plain; charset=utf-8\r\n\r\nhello\r\nBob";
        let wrapped = read("Message/CPIM", wrapped);
        assert_eq!(wrapped.content, Content::Text("hello\r\nBob".into()));
        assert_eq!(wrapped.imdn.as_deref(), Some("m-1"));
        for broken in ["", "From", "From: x\r\n\r\nContent-Type: text/plain\r\n"] {
            let broken = read("message/cpim", broken);
            assert_eq!(broken.content, Content::Other);
        }
    }

    /// As devices of other makers write them: what the IM server opens for a device that knows no envelopes, the chat shows.
    #[test]
    fn envelopes_are_read_as_the_im_server_reads_them() {
        let named = "NS: MyIMDN <urn:ietf:params:imdn>\r\nMyIMDN.Message-ID: m-1\r\n\r\n\
                     Content-Type: text/plain;\r\n charset=utf-8\r\n\r\nhello";
        let named = read("message/cpim", named);
        assert_eq!(named.content, Content::Text("hello".into()));
        assert_eq!(named.imdn.as_deref(), Some("m-1"));
        let foreign = "NS: x <urn:other>\r\nx.Message-ID: m-1\r\n\r\n\r\nhello";
        let foreign = read("message/cpim", foreign);
        assert_eq!(foreign.content, Content::Text("hello".into()));
        assert_eq!(foreign.imdn, None, "of another namespace");
    }

    #[test]
    fn notifications_and_typing_are_not_shown() {
        let imdn = |status: &str| {
            format!(
                "<?xml version=\"1.0\"?><x:imdn xmlns:x=\"urn:ietf:params:xml:ns:imdn\"><x:message-id> m-1 </x:message-id>\
                 <x:display-notification><x:status><x:{status}/></x:status></x:display-notification></x:imdn>"
            )
        };
        let receipt = |status: &str| read("message/imdn+xml", &imdn(status)).content;
        for (status, displayed) in [("delivered", false), ("displayed", true)] {
            let imdn = "m-1".to_owned();
            assert_eq!(receipt(status), Content::Receipt { imdn, displayed });
        }
        assert_eq!(receipt("failed"), Content::Nothing);
        let typing = read("application/im-iscomposing+xml", "<isComposing/>").content;
        assert!(!typing.is_shown() && !receipt("displayed").is_shown());
    }

    #[test]
    fn invitations_are_told_from_their_answers() {
        let of = |document: &str| read("application/vnd.convoke.invitation+xml", document).content;
        let invitation = "<?xml version=\"1.0\"?>\n<!-- -->\n<invitation id=\"1\"/>";
        assert_eq!(of(invitation), Content::Invitation(invitation.into()));
        let answer = "<c:invitation-answer xmlns:c=\"urn:convoke:invitation:1\"/>";
        assert_eq!(of(answer), Content::InvitationAnswer(answer.into()));
        assert_eq!(of("<other/>"), Content::Other);
        assert_eq!(of(""), Content::Other);
    }
}
