//! Who speaks and where answers go.

use convoke_types::Aor;
use sip_proto::text::Elements;
use sip_proto::{NameAddr, Uri};

use crate::words::Language;

/// The URI parameter by which a ReplyTo says: in words, to the address of record. Ours alone; no device may use it.
const WORDS_PARAM: &str = "convoke-words";

/// The address of record in a header's value: the first SIP one of a list (RFC 3325 §9.1 allows a SIP and a tel URI).
pub(crate) fn identity(value: &str) -> Option<Aor> {
    Elements::of(value)
        .filter_map(|element| NameAddr::parse(element).ok())
        .find_map(|address| aor(address.uri()))
}

fn aor(uri: &Uri) -> Option<Aor> {
    if !uri.is_sip() {
        return None;
    }
    Aor::new(&uri.user_decoded()?, uri.host()).ok()
}

/// Whose device, or who, this address is.
pub(crate) fn owner(address: &str) -> Option<Aor> {
    aor(&Uri::parse(address).ok()?)
}

/// Whether this ReplyTo reaches exactly one device of this user: a public GRUU (RFC 5627 §3.1.1) whose address of record
/// is theirs. Anything else could send the user's reports to somebody else.
pub fn reply_address(address: &str, user: &Aor) -> bool {
    let Ok(uri) = Uri::parse(address) else {
        return false;
    };
    let device = uri.param("gr").is_some_and(|gr| !gr.is_empty());
    let plain = uri.headers().next().is_none() && uri.param(WORDS_PARAM).is_none();
    device && plain && aor(&uri).as_ref() == Some(user)
}

/// The ReplyTo of a conference that was started by words.
pub fn words_address(user: &Aor, language: Language) -> String {
    format!("{};{WORDS_PARAM}={}", user.to_uri(), language.tag())
}

/// Where reports go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subscriber {
    /// SOAP to this GRUU.
    Device(String),
    /// Words to this person.
    Person(Aor, Language),
}

impl Subscriber {
    /// Reads the ReplyTo of a `create`, as the service repeats it. `user` is the asserted user of that `create`.
    pub(crate) fn of(address: &str, user: Option<&Aor>) -> Option<Self> {
        let uri = Uri::parse(address).ok()?;
        let owner = aor(&uri)?;
        if user.is_some_and(|user| *user != owner) {
            return None;
        }
        match uri.param(WORDS_PARAM) {
            Some(tag) => Some(Subscriber::Person(owner, Language::of(tag))),
            None if reply_address(address, &owner) => Some(Subscriber::Device(address.to_owned())),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_users_own_gruu_is_a_reply_address() {
        let alice: Aor = "alice@example.org".parse().unwrap();
        for (address, right) in [
            ("sip:alice@example.org;gr=urn:uuid:1", true),
            ("sips:alice@EXAMPLE.org;gr=1;x=y", true),
            ("sip:alice@example.org", false),
            ("sip:alice@example.org;gr", false),
            ("sip:bob@example.org;gr=1", false),
            ("sip:alice@evil.example;gr=1", false),
            ("sip:alice@example.org;gr=1?Route=x", false),
            ("sip:alice@example.org;gr=1;convoke-words=en", false),
            ("tel:+1555;gr=1", false),
            ("http://www.w3.org/2005/08/addressing/anonymous", false),
            ("", false),
        ] {
            assert_eq!(reply_address(address, &alice), right, "{address}");
        }
    }

    #[test]
    fn the_asserted_identity_is_the_first_sip_one() {
        for (value, expected) in [
            ("<sip:alice@example.org>", Some("alice@example.org")),
            (
                "\"A, B\" <tel:+1555>, \"A\" <sips:alice@example.org;x=y>",
                Some("alice@example.org"),
            ),
            ("sip:alice@example.org", Some("alice@example.org")),
            ("<tel:+1555>", None),
            ("", None),
            ("<sip:example.org>", None),
        ] {
            assert_eq!(
                identity(value).map(|a| a.to_string()).as_deref(),
                expected,
                "{value}"
            );
        }
    }
}
