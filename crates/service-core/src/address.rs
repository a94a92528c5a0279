//! Who speaks and where answers go.

use convoke_types::Aor;
use sip_proto::text::Elements;
use sip_proto::{NameAddr, Uri};

/// The address of record in a header's value: the first SIP one of a list (RFC 3325 §9.1 allows a SIP and a tel URI).
pub fn identity(value: &str) -> Option<Aor> {
    Elements::of(value)
        .filter_map(|element| NameAddr::parse(element).ok())
        .find_map(|address| aor(address.uri()))
}

/// The address of record that a SIP URI names.
pub fn aor(uri: &Uri) -> Option<Aor> {
    if !uri.is_sip() {
        return None;
    }
    Aor::new(&uri.user_decoded()?, uri.host()).ok()
}

/// Whose device, or who, this address is.
pub fn owner(address: &str) -> Option<Aor> {
    aor(&Uri::parse(address).ok()?)
}

/// Whether this ReplyTo reaches exactly one device of this user: a public GRUU (RFC 5627 §3.1.1) whose address of record
/// is theirs. Anything else could send what is the user's to somebody else.
pub fn is_device_of(address: &str, user: &Aor) -> bool {
    let Ok(uri) = Uri::parse(address) else {
        return false;
    };
    let device = uri.param("gr").is_some_and(|gr| !gr.is_empty());
    device && uri.headers().next().is_none() && aor(&uri).as_ref() == Some(user)
}

#[cfg(test)]
mod tests {
    use super::*;

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
