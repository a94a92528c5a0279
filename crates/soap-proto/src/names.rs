//! Namespaces, action URIs and the bounds of free text, as in the schemas.

/// SOAP 1.1 envelope.
pub const SOAP_NS: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// Who gets the message first (SOAP 1.1 §4.2.2).
pub(crate) const ACTOR_NEXT: &str = "http://schemas.xmlsoap.org/soap/actor/next";
/// WS-Addressing 1.0.
pub const WSA_NS: &str = "http://www.w3.org/2005/08/addressing";
/// Operations, types and header elements of the conference service.
pub const CONFERENCE_NS: &str = "urn:convoke:conference:1";
/// Operations of the reporting service.
pub const REPORT_NS: &str = "urn:convoke:report:1";
/// Operations of the video services.
pub const VIDEO_NS: &str = "urn:convoke:video:1";
/// XML namespace bound to the prefix `xml` (Namespaces in XML §3).
pub(crate) const XML_NS: &str = "http://www.w3.org/XML/1998/namespace";
/// Namespace of `xmlns` itself (Namespaces in XML §3).
pub(crate) const XMLNS_NS: &str = "http://www.w3.org/2000/xmlns/";

/// WS-Addressing: the reply goes back in the transport's own answer (WS-Addressing Core §2.1).
pub const WSA_ANONYMOUS: &str = "http://www.w3.org/2005/08/addressing/anonymous";

/// Content type of the envelope in HTTP and in SIP MESSAGE (SOAP 1.1 §6).
pub const CONTENT_TYPE: &str = "text/xml; charset=utf-8";

/// Longest name of a person, place or conference, in characters: 64 of four bytes are `NAME_MAX_BYTES`.
pub const NAME_MAX_CHARS: usize = 64;
/// Longest sentence for people, in characters.
pub const WORDS_MAX_CHARS: usize = 512;
/// Longest `person` of a party, in characters (a whole `user@domain`).
pub const PERSON_MAX_CHARS: usize = 320;
/// Longest URI, in characters.
pub const URI_MAX_CHARS: usize = 512;
/// Longest national or international number as written, in characters.
pub const NUMBER_MAX_CHARS: usize = 40;
/// Most conferences in one answer to `list`.
pub const LIST_MAX: usize = 32;
/// Most reports in one message or answer.
pub const REPORTS_MAX: usize = 100;
/// Longest wait of `get`, in milliseconds.
pub const WAIT_MAX_MS: u32 = 25_000;

/// A namespace as the parser keeps it: ours and SOAP's by name, every other one only to be refused with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ns {
    None,
    Soap,
    Wsa,
    Conference,
    Report,
    Video,
    Other(String),
}

impl Ns {
    pub(crate) fn of(uri: &str) -> Self {
        match uri {
            "" => Ns::None,
            SOAP_NS => Ns::Soap,
            WSA_NS => Ns::Wsa,
            CONFERENCE_NS => Ns::Conference,
            REPORT_NS => Ns::Report,
            VIDEO_NS => Ns::Video,
            other => Ns::Other(other.chars().take(128).collect()),
        }
    }
    /// The prefix that our own writer uses; for error messages.
    pub(crate) fn prefix(&self) -> &str {
        match self {
            Ns::None => "",
            Ns::Soap => "s:",
            Ns::Wsa => "a:",
            Ns::Conference => "c:",
            Ns::Report => "r:",
            Ns::Video => "v:",
            Ns::Other(_) => "?:",
        }
    }
}
