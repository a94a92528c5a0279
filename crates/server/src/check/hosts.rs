//! Hosts, ports and URLs as they are written in the file.

use std::net::{IpAddr, Ipv6Addr};

use reqwest::Url;

use super::Findings;

/// Longest name, and longest part of one between dots, in bytes (RFC 1035 §2.3.4).
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

/// Whether a text is a host: an address, IPv6 also in brackets, or a name of DNS (RFC 1123 §2.1). Underscores, which no such name
/// may have, are borne, since container networks give them.
pub(super) fn is_host(text: &str) -> bool {
    address(text).is_some() || is_name(text)
}

/// The address that a text is, if it is one; IPv6 also in brackets.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    match inner {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

fn is_name(text: &str) -> bool {
    // RFC 1034 §3.1: the dot at the end of a name that is whole.
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_label = |label: &str| {
        (1..=LABEL_MAX).contains(&label.len())
            && label.bytes().all(is_letter)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // RFC 3696 §2: what ends in a number would be an address.
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= NAME_MAX
        && name.split('.').all(is_label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// A host and what stands after its colon, which need not be a port.
fn split(text: &str) -> Option<(&str, &str)> {
    if address(text).is_some() {
        return None;
    }
    let (host, port) = text.rsplit_once(':')?;
    is_host(host).then_some((host, port))
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Whether a text is `host` or `host:port`.
fn is_host_and_port(text: &str) -> bool {
    is_host(text) || split(text).is_some_and(|(_, port)| is_port(port))
}

/// What to write in place of a text that is no host; a port has a key of its own.
pub(super) fn host_fix(text: &str, otherwise: &str) -> String {
    let bare = text
        .strip_prefix("sips:")
        .or_else(|| text.strip_prefix("sip:"));
    match (bare, split(text)) {
        (Some(bare), _) if is_host(bare) => format!("write {bare:?}, without a scheme"),
        (_, Some((host, port))) if is_port(port) => {
            format!("write {host:?}, and the port as port = {port}")
        }
        (_, Some((host, _))) => {
            format!("write {host:?}, and the port as port = N, with N from 1 to 65535")
        }
        _ => otherwise.to_owned(),
    }
}

/// Tells of a text that is no host.
pub(super) fn host(key: impl Into<String>, text: &str, fix: &str, findings: &mut Findings) {
    if !is_host(text) {
        let words = format!("expected a host name or address, came {text:?}");
        findings.error(key, words, fix);
    }
}

/// Tells of a text that is neither `host` nor `host:port`.
pub(super) fn host_and_port(key: impl Into<String>, text: &str, findings: &mut Findings) {
    if !is_host_and_port(text) {
        let words = format!("expected host or host:port, came {text:?}");
        let fix = "write a name or an address, with a port from 1 to 65535 if another is meant";
        findings.error(key, words, fix);
    }
}

/// Tells of a text that is no URL of one of two schemes.
pub(super) fn url(
    key: impl Into<String>,
    text: &str,
    schemes: [&str; 2],
    fix: &str,
    findings: &mut Findings,
) {
    let [plain, secure] = schemes;
    let expected = format!("expected {plain}://… or {secure}://…, came {text:?}");
    let begins = |scheme: &str| {
        text.strip_prefix(scheme)
            .is_some_and(|rest| rest.starts_with("://"))
    };
    if !schemes.into_iter().any(begins) {
        findings.error(key, expected, fix);
        return;
    }
    let words = match Url::parse(text) {
        Err(error) => format!("{expected}: {error}"),
        Ok(url) if url.port() == Some(0) => format!("{expected}: invalid port number"),
        Ok(url) if url.host_str().is_none_or(|host| !is_host(host)) => {
            format!("{expected}: invalid host")
        }
        Ok(_) => return,
    };
    findings.error(key, words, fix);
}

/// Tells of a text that no browser would send as the origin of a page (RFC 6454 §6.2).
pub(super) fn origin(key: &str, text: &str, findings: &mut Findings) {
    let is_origin = |text: &str| {
        Url::parse(text).is_ok_and(|url| {
            let ascii = url.origin().ascii_serialization();
            ["http", "https"].contains(&url.scheme()) && ascii.eq_ignore_ascii_case(text)
        })
    };
    if text != "*" && !is_origin(text) {
        let words = format!("expected scheme://host or scheme://host:port, came {text:?}");
        let fix =
            "write it as browsers do: without a path, a slash at the end, or the scheme's own port";
        findings.error(key, words, fix);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_and_addresses() {
        for host in [
            "localhost",
            "carrier.example",
            "carrier.example.",
            "a-b.example",
            "sip_1",
            "3com.example",
            "127.0.0.1",
            "::1",
            "[2001:db8::1]",
        ] {
            assert!(is_host(host), "{host}");
        }
        let long = format!("{}.example", "a".repeat(LABEL_MAX + 1));
        for other in [
            "",
            ".",
            "a..b",
            "-a.example",
            "a b",
            "carrier.example:5061",
            "sip:carrier.example",
            "a@b",
            "a/b",
            "[::1",
            "::1]",
            "[127.0.0.1]",
            "127.0.0",
            "1.2.3.4.5",
            "ö.example",
            &long,
        ] {
            assert!(!is_host(other), "{other}");
        }
        for (text, expected) in [
            ("a.example:5061", true),
            ("[::1]:5061", true),
            ("a.example", true),
            ("a.example:0", false),
            ("a.example:+1", false),
            ("a.example:65536", false),
            ("a.example:", false),
            ("::1:x", false),
        ] {
            assert_eq!(is_host_and_port(text), expected, "{text}");
        }
    }
}
