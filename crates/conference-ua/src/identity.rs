//! Who asks, by the word of the IM server (RFC 3325 §9.1).

use sip_proto::{HeaderName, Message, Uri};

/// The account, `user@domain`, that a request asserts; `None` when it asserts none of this domain.
pub(crate) fn asserted(request: &Message, domain: &str) -> Option<String> {
    let identities = request.addresses(HeaderName::PAssertedIdentity).ok()?;
    let mut accounts = identities
        .iter()
        .filter_map(|one| account_of(one.uri(), domain));
    accounts.next()
}

fn account_of(uri: &Uri, domain: &str) -> Option<String> {
    let user = uri.user_decoded().filter(|_| uri.is_sip())?;
    let ours = uri.host().eq_ignore_ascii_case(domain);
    ours.then(|| format!("{user}@{}", domain.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn the_first_account_of_the_domain_counts() {
        let check = |lines: &str, expected: Option<&str>| {
            let text = format!(
                "SUBSCRIBE sip:x SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:f@x>;tag=1\r\nTo: <sip:x>\r\n\
                 Call-ID: c\r\nCSeq: 1 SUBSCRIBE\r\n{lines}\r\n"
            );
            let request = Message::parse_datagram(Bytes::from(text)).unwrap();
            assert_eq!(asserted(&request, "example.org").as_deref(), expected);
        };
        let name = "P-Asserted-Identity";
        check("", None);
        check(
            &format!("{name}: \"A\" <sip:a@Example.ORG>\r\n"),
            Some("a@example.org"),
        );
        check(
            &format!("{name}: tel:+15550101, <sip:a@example.org>\r\n"),
            Some("a@example.org"),
        );
        check(&format!("{name}: <sip:a@example.net>\r\n"), None);
        check(&format!("{name}: <sip:example.org>\r\n"), None);
        check(&format!("{name}: nonsense <\r\n"), None);
    }
}
