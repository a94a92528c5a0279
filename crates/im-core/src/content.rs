//! What a message holds, as far as it changes how it is relayed: an envelope (RFC 3862) is opened for devices that know none, and
//! that somebody is typing (RFC 3994) is of no interest later.

use bytes::Bytes;
use sip_proto::cpim::{self, Cpim};
use sip_proto::{Message, NameAddr};

/// The feature tag of a Contact whose device takes envelopes.
const TAKES_ENVELOPES: &str = "+g.convoke.cpim";
/// The one type that is taken out of an envelope.
const TEXT: &str = "text/plain";

/// What an envelope holds for a device that knows none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Opened {
    /// A text.
    Text(OpenedText),
    /// Something that only clients understand which open envelopes themselves, such as a notification.
    Other,
}

/// A text that was in an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenedText {
    /// Its Content-Type.
    pub kind: String,
    pub text: Bytes,
    /// By this its device names it when it tells what became of it: clients that know no Message-ID, such as Linphone, take the Call-ID.
    pub call_id: Option<String>,
}

/// What a message holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Content {
    /// That somebody is typing.
    pub typing: bool,
    /// Words, bare or in an envelope.
    pub words: bool,
    /// What is in the envelope, if it is one.
    pub opened: Option<Opened>,
}

impl Content {
    /// That of a request; an envelope that cannot be read is passed on as it is.
    pub(crate) fn of(message: &Message) -> Self {
        let typing = message.content_type_is(cpim::TYPING_CONTENT_TYPE);
        if typing || !message.content_type_is(cpim::CONTENT_TYPE) {
            return Self {
                typing,
                words: message.content_type_is(TEXT) || message.content_type().is_none(),
                opened: None,
            };
        }
        match Cpim::parse(&message.body()) {
            Ok(envelope) => Self {
                typing: envelope.content_type_is(cpim::TYPING_CONTENT_TYPE),
                words: envelope.content_type_is(TEXT),
                opened: Some(Opened::of(&envelope)),
            },
            Err(_) => Self::default(),
        }
    }
}

impl Opened {
    fn of(envelope: &Cpim) -> Self {
        match envelope.content_type_is(TEXT) {
            true => Self::Text(OpenedText {
                kind: envelope.content_type().to_owned(),
                text: envelope.content().clone(),
                call_id: envelope.message_id_as_call_id().map(str::to_owned),
            }),
            false => Self::Other,
        }
    }

    /// That of a body that was kept; `None` when it is no envelope.
    pub(crate) fn of_kept(content_type: &str, body: &Bytes) -> Option<Self> {
        let bare = content_type
            .split_once(';')
            .map_or(content_type, |(t, _)| t);
        let is_envelope = bare.trim().eq_ignore_ascii_case(cpim::CONTENT_TYPE);
        let envelope = Cpim::parse(body).ok().filter(|_| is_envelope)?;
        Some(Self::of(&envelope))
    }
}

/// Whether a device opens envelopes itself.
pub(crate) fn takes_envelopes(contact: &NameAddr) -> bool {
    contact.param(TAKES_ENVELOPES).is_some()
}
