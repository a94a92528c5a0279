//! Who speaks and where answers go.

use convoke_types::Aor;
use service_core::address::{aor, is_device_of};
use sip_proto::Uri;

use crate::words::Language;

/// The URI parameter by which a ReplyTo says: in words, to the address of record. Ours alone; no device may use it.
const WORDS_PARAM: &str = "convoke-words";

/// Whether this ReplyTo reaches exactly one device of this user: a public GRUU (RFC 5627 §3.1.1) whose address of record
/// is theirs. Anything else could send the user's reports to somebody else.
pub fn reply_address(address: &str, user: &Aor) -> bool {
    let Ok(uri) = Uri::parse(address) else {
        return false;
    };
    uri.param(WORDS_PARAM).is_none() && is_device_of(address, user)
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
}
