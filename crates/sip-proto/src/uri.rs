//! URIs as SIP uses them (RFC 3261 §19.1, RFC 3966), kept as they were written.

use crate::error::{ErrorKind, ParseError, Result};
pub use crate::name_addr::NameAddr;
use crate::text::{Params, Span, Text, number};
use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest URI that is read, in bytes.
pub const URI_BYTES_MAX: usize = 16 * 1024;

/// What kind of URI it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:` (RFC 3966)
    Tel,
    /// Any other; only its text is known.
    Other,
}

/// A URI, read once and kept byte for byte; cloning shares the text. `==` compares the text, [`Uri::equivalent`] as RFC 3261 §19.1.4 asks.
#[derive(Clone)]
pub struct Uri {
    text: Text,
    scheme: Scheme,
    user: Option<Span>,
    password: Option<Span>,
    host: Span,
    port: Option<u16>,
    params: Span,
    headers: Span,
}

impl Uri {
    /// Reads a URI. Spaces, quotes, `<>`, controls, bytes beyond ASCII and half escapes are errors.
    pub fn parse(text: impl Into<Text>) -> Result<Uri> {
        let text: Text = text.into();
        let fault = |expected| ParseError::new(ErrorKind::Uri, expected, text.as_bytes());
        if text.len() > URI_BYTES_MAX {
            return Err(fault("a URI of at most 16 kB"));
        }
        if text
            .bytes()
            .any(|b| !b.is_ascii_graphic() || matches!(b, b'"' | b'<' | b'>'))
        {
            return Err(fault(
                "a URI without spaces, quotes, brackets or bytes beyond ASCII",
            ));
        }
        let (scheme, rest) = text
            .split_once(':')
            .ok_or_else(|| fault("a scheme and a colon"))?;
        let scheme_fine = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        if !scheme_fine || rest.is_empty() {
            return Err(fault("a scheme, a colon and something behind it"));
        }
        let known = [
            ("sip", Scheme::Sip),
            ("sips", Scheme::Sips),
            ("tel", Scheme::Tel),
        ];
        let scheme = known
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(scheme))
            .map_or(Scheme::Other, |(_, scheme)| *scheme);
        let whole = text.as_str();
        let span = |part: &str| Span::within(whole, part);
        let mut uri = Uri {
            text: text.clone(),
            scheme,
            user: None,
            password: None,
            host: Span::default(),
            port: None,
            params: Span::default(),
            headers: Span::default(),
        };
        match scheme {
            Scheme::Other => return Ok(uri),
            Scheme::Tel => {
                let (number, params) = split_before(rest, ";");
                if number.is_empty() || !number.bytes().all(is_telephone_byte) {
                    return Err(fault("a telephone number"));
                }
                uri.user = Some(span(number));
                uri.params = span(params);
            }
            Scheme::Sip | Scheme::Sips => {
                if !escapes_fine(rest) {
                    return Err(fault("two hexadecimal digits behind every %"));
                }
                // No part but the user's may hold an @ unescaped, so the first one ends it.
                let host_on = match rest.split_once('@') {
                    Some((userinfo, host_on)) => {
                        let (user, password) = split_before(userinfo, ":");
                        if user.is_empty() {
                            return Err(fault("a user before the @"));
                        }
                        uri.user = Some(span(user));
                        uri.password = password.get(1..).map(span);
                        host_on
                    }
                    None => rest,
                };
                let (hostport, tail) = split_before(host_on, ";?");
                let (params, headers) = split_before(tail, "?");
                let (host, port) =
                    host_and_port(hostport).ok_or_else(|| fault("a host and perhaps a port"))?;
                uri.host = span(host);
                uri.port = port;
                uri.params = span(params);
                uri.headers = span(headers);
            }
        }
        Ok(uri)
    }

    /// `sip:user@host`, the user escaped where it has to be; `host` may carry a port.
    pub fn sip(user: Option<&str>, host: &str) -> Result<Uri> {
        match user {
            Some(user) => Uri::parse(format!("sip:{}@{host}", escape(user, USER_MARKS))),
            None => Uri::parse(format!("sip:{host}")),
        }
    }

    /// The URI as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What kind of URI it is.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The scheme as it was written, without its colon.
    pub fn scheme_text(&self) -> &str {
        self.text.split_once(':').map_or("", |(scheme, _)| scheme)
    }

    /// The user as written (with escapes), or the number of a `tel:` URI.
    pub fn user(&self) -> Option<&str> {
        self.user.map(|span| self.text.at(span))
    }

    /// The user with its escapes undone; bytes that are not UTF-8 become U+FFFD.
    pub fn user_decoded(&self) -> Option<Cow<'_, str>> {
        self.user().map(unescape)
    }

    /// The password as written; never log it.
    pub fn password(&self) -> Option<&str> {
        self.password.map(|span| self.text.at(span))
    }

    /// The host: a name, an IPv4 address, or an IPv6 address in brackets; `""` when the scheme has none.
    pub fn host(&self) -> &str {
        self.text.at(self.host)
    }

    /// The host as an address; `None` when it is a name.
    pub fn host_ip(&self) -> Option<IpAddr> {
        ip_of(self.host())
    }

    /// The port, when one is written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The parameters in order, as written.
    pub fn params(&self) -> Params<'_> {
        Params::of(self.text.at(self.params))
    }

    /// The value of a parameter (`""` for a flag such as `lr`), as written.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params().value_of(name)
    }

    /// The headers behind `?` in order, as written.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = self.text.at(self.headers).trim_start_matches('?');
        text.split('&')
            .filter(|h| !h.is_empty())
            .map(|h| h.split_once('=').unwrap_or((h, "")))
    }

    /// Whether it is `sip:` or `sips:`.
    pub fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// The address of record as registrars compare it (RFC 3261 §10.3, step 5): no password, parameters, headers; escapes that were
    /// not needed undone, host in lower case. Any other scheme: the URI without parameters.
    pub fn aor(&self) -> String {
        let scheme = self.scheme_text().to_ascii_lowercase();
        match self.scheme {
            Scheme::Other => self.text.to_string(),
            Scheme::Tel => format!("tel:{}", plain_number(self.user().unwrap_or_default())),
            Scheme::Sip | Scheme::Sips => {
                let mut out = format!("{scheme}:");
                if let Some(user) = self.user() {
                    out.push_str(&normal(user));
                    out.push('@');
                }
                out.push_str(&self.host().to_ascii_lowercase());
                if let Some(port) = self.port {
                    out.push_str(&format!(":{port}"));
                }
                out
            }
        }
    }

    /// The URI with a parameter set, as the last one; `""` makes a flag, what may not stand in a value is escaped.
    #[must_use]
    pub fn with_param(&self, name: &str, value: &str) -> Uri {
        let mut params: String = self.params_without(name);
        params.push(';');
        params.push_str(&escape(name, PARAM_MARKS));
        if !value.is_empty() {
            params.push('=');
            params.push_str(&escape(value, PARAM_MARKS));
        }
        self.with_params(&params)
    }

    /// The URI without a parameter.
    #[must_use]
    pub fn without_param(&self, name: &str) -> Uri {
        match self.param(name) {
            Some(_) => self.with_params(&self.params_without(name)),
            None => self.clone(),
        }
    }

    /// The URI without its parameters and headers.
    #[must_use]
    pub fn bare(&self) -> Uri {
        let end = if self.scheme == Scheme::Other || self.params == Span::default() {
            self.text.len()
        } else {
            self.params.start()
        };
        Uri::parse(self.text.cut(Span::new(0, end))).unwrap_or_else(|_| self.clone())
    }

    /// Whether both name the same resource (RFC 3261 §19.1.4; RFC 3966 §4 for `tel:`). Not transitive, as the RFC says.
    pub fn equivalent(&self, other: &Uri) -> bool {
        match (self.scheme, other.scheme) {
            (Scheme::Sip, Scheme::Sip) | (Scheme::Sips, Scheme::Sips) => {
                same_text(self.user(), other.user())
                    && same_text(self.password(), other.password())
                    && self.host_equivalent(other)
                    && self.port == other.port
                    && self.params_equivalent(other)
                    && self.headers_equivalent(other)
            }
            (Scheme::Tel, Scheme::Tel) => {
                let number = |uri: &Uri| plain_number(uri.user().unwrap_or_default());
                number(self) == number(other) && tel_params(self) == tel_params(other)
            }
            (Scheme::Other, Scheme::Other) => {
                let rest = |uri: &Uri| uri.text.split_once(':').map(|(_, rest)| rest.to_owned());
                self.scheme_text().eq_ignore_ascii_case(other.scheme_text())
                    && rest(self) == rest(other)
            }
            _ => false,
        }
    }

    fn host_equivalent(&self, other: &Uri) -> bool {
        match (self.host_ip(), other.host_ip()) {
            (Some(a), Some(b)) => a == b,
            _ => self.host().eq_ignore_ascii_case(other.host()),
        }
    }

    fn params_equivalent(&self, other: &Uri) -> bool {
        // RFC 3261 §19.1.4: these never match an absent one, whatever their default; any other counts only when both have it.
        const STRICT: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];
        let strict = STRICT
            .iter()
            .all(|name| self.param(name).is_some() == other.param(name).is_some());
        strict
            // A name that stands there twice, which §19.1.1 forbids, counts as it stands first.
            && self.params().all(|(name, _)| match (self.param(name), other.param(name)) {
                (Some(ours), Some(theirs)) => normal(ours).eq_ignore_ascii_case(&normal(theirs)),
                _ => true,
            })
    }

    fn headers_equivalent(&self, other: &Uri) -> bool {
        let sorted = |uri: &Uri| {
            let mut all: Vec<_> = uri
                .headers()
                .map(|(n, v)| (n.to_ascii_lowercase(), unescape(v).into_owned()))
                .collect();
            all.sort();
            all
        };
        sorted(self) == sorted(other)
    }

    fn params_without(&self, name: &str) -> String {
        let mut out = String::new();
        for (n, value) in self.params().filter(|(n, _)| !n.eq_ignore_ascii_case(name)) {
            out.push(';');
            out.push_str(n);
            if let Some(value) = value {
                out.push('=');
                out.push_str(value);
            }
        }
        out
    }

    /// The URI with other parameters (each with its `;`); an opaque URI stays as it is.
    fn with_params(&self, params: &str) -> Uri {
        if self.scheme == Scheme::Other {
            return self.clone();
        }
        let before = self.text.at(Span::new(0, self.params.start()));
        let headers = self.text.at(self.headers);
        Uri::parse(format!("{before}{params}{headers}")).unwrap_or_else(|_| self.clone())
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the password, which no log may hold.
        match self.password {
            Some(_) => write!(
                f,
                "Uri({}:{}:…@{})",
                self.scheme_text(),
                self.user().unwrap_or_default(),
                self.host()
            ),
            None => write!(f, "Uri({})", self.text),
        }
    }
}

impl PartialEq for Uri {
    fn eq(&self, other: &Uri) -> bool {
        self.text == other.text
    }
}

impl Eq for Uri {}

impl std::hash::Hash for Uri {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl std::str::FromStr for Uri {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Uri> {
        Uri::parse(text)
    }
}

/// Splits before the first byte that is one of `stops`; the second half keeps it and is empty when there is none.
fn split_before<'a>(text: &'a str, stops: &str) -> (&'a str, &'a str) {
    match text.find(|c| stops.contains(c)) {
        Some(at) => text.split_at_checked(at).unwrap_or((text, "")),
        None => (text, text.get(text.len()..).unwrap_or_default()),
    }
}

/// Reads `host`, `host:port`, `[v6]` or `[v6]:port`; white space around the colon is allowed, as Via may have it (RFC 3261 §20.42).
pub(crate) fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let text = crate::text::trim(text);
    let host_len = match text.starts_with('[') {
        true => text.find(']')?.saturating_add(1),
        false => text.find(':').unwrap_or(text.len()),
    };
    let (host, port) = text.split_at_checked(host_len)?;
    let host = crate::text::trim(host);
    let name_fine = !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    if !name_fine && ip_of(host).is_none() {
        return None;
    }
    match crate::text::trim(port).strip_prefix(':') {
        Some(port) => {
            let port = number(crate::text::trim(port), u32::from(u16::MAX))?;
            Some((host, Some(u16::try_from(port).ok()?)))
        }
        None => crate::text::trim(port).is_empty().then_some((host, None)),
    }
}

/// An address as a host may write it: IPv4, or IPv6 in brackets.
pub(crate) fn ip_of(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(inner) => ipv6_of(inner).map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// An IPv6 address. RFC 5118 §4.10: the grammar of RFC 3261 let `:::` stand before an IPv4 address, and readers have to bear it.
pub(crate) fn ipv6_of(text: &str) -> Option<Ipv6Addr> {
    text.parse().ok().or_else(|| {
        let (before, after) = text.split_once(":::")?;
        let _: Ipv4Addr = after.parse().ok()?;
        format!("{before}::{after}").parse().ok()
    })
}

/// What may stand in a user unescaped besides letters and digits (RFC 3261 §25.1, `user`).
const USER_MARKS: &[u8] = b"-_.!~*'()&=+$,;?/";
/// What may stand in a URI parameter unescaped (`paramchar`).
const PARAM_MARKS: &[u8] = b"-_.!~*'()[]/:&+$";
/// The marks that are never reserved: an escape of one of them means the same as the mark (RFC 2396 §2.3).
const PLAIN_MARKS: &[u8] = b"-_.!~*'()";

/// Escapes every byte that is no letter, digit or one of `marks`.
fn escape(text: &str, marks: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || marks.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|d| u8::try_from(d).ok())
}

/// The byte that an escape at the start of `bytes` stands for.
fn escaped_byte(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [b'%', high, low, ..] => Some(hex(*high)?.wrapping_shl(4) | hex(*low)?),
        _ => None,
    }
}

fn escapes_fine(text: &str) -> bool {
    memchr::memchr_iter(b'%', text.as_bytes())
        .all(|at| text.as_bytes().get(at..).and_then(escaped_byte).is_some())
}

/// Undoes every escape.
pub fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match escaped_byte(rest) {
            Some(byte) => {
                out.push(byte);
                rest = rest.get(3..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// The form in which two texts are compared: escapes of plain characters undone, all others in capitals.
fn normal(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match escaped_byte(rest.as_bytes()) {
            Some(byte) => {
                if byte.is_ascii_alphanumeric() || PLAIN_MARKS.contains(&byte) {
                    out.push(char::from(byte));
                } else {
                    out.push_str(&format!("%{byte:02X}"));
                }
                rest = rest.get(3..).unwrap_or_default();
            }
            None => {
                out.push(c);
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            }
        }
    }
    Cow::Owned(out)
}

fn same_text(a: Option<&str>, b: Option<&str>) -> bool {
    a.map(normal) == b.map(normal)
}

fn is_telephone_byte(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || b"+-.()*#".contains(&byte)
}

/// A telephone number without its visual separators (RFC 3966 §5.1.1).
fn plain_number(number: &str) -> String {
    number
        .chars()
        .filter(|c| !"-.()".contains(*c))
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

fn tel_params(uri: &Uri) -> Vec<(String, String)> {
    let mut all: Vec<_> = uri
        .params()
        .map(|(n, v)| {
            (
                n.to_ascii_lowercase(),
                normal(v.unwrap_or_default()).to_ascii_lowercase(),
            )
        })
        .collect();
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        Uri::parse(text).unwrap()
    }

    #[test]
    fn parts_are_found() {
        let u = uri(
            "sips:al%69ce;x=1:pw@[2001:db8::1]:5061;transport=tcp;lr;gr=urn:uuid:1?Subject=a%20b&p=",
        );
        assert_eq!(u.scheme(), Scheme::Sips);
        assert_eq!((u.user(), u.password()), (Some("al%69ce;x=1"), Some("pw")));
        assert_eq!(u.user_decoded().unwrap(), "alice;x=1");
        assert_eq!((u.host(), u.port()), ("[2001:db8::1]", Some(5061)));
        assert_eq!(u.host_ip(), "2001:db8::1".parse().ok());
        assert_eq!(
            (u.param("LR"), u.param("gr"), u.param("no")),
            (Some(""), Some("urn:uuid:1"), None)
        );
        assert_eq!(
            u.headers().collect::<Vec<_>>(),
            [("Subject", "a%20b"), ("p", "")]
        );
        assert_eq!(u.aor(), "sips:alice;x=1@[2001:db8::1]:5061");
        assert_eq!(
            uri("tel:+1-201-555-0123;phone-context=x").user(),
            Some("+1-201-555-0123")
        );
        assert_eq!(uri("isbn:2983792873").scheme(), Scheme::Other);
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for text in [
            "",
            "sip:",
            "sip",
            ":x",
            "sip:@h",
            "sip:a@",
            "sip:a b@h",
            "sip:a@h:99999",
            "sip:a@h:",
            "sip:%zz@h",
            "sip:2001:db8::10",
            "<sip:a@h>",
            "sip:a@[::1",
            "sip:a@[x]",
            "sip:a@h\r\n",
            "sip:ü@h",
            "tel:",
            "1x:y",
            "sip:a@b@c",
        ] {
            assert!(Uri::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn comparison_follows_the_examples_of_rfc3261_19_1_4() {
        for (a, b) in [
            (
                "sip:%61lice@atlanta.com;transport=TCP",
                "sip:alice@AtLanTa.CoM;Transport=tcp",
            ),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
            ("tel:+1-201-555-0123", "tel:+12015550123"),
        ] {
            assert!(
                uri(a).equivalent(&uri(b)) && uri(b).equivalent(&uri(a)),
                "{a} {b}"
            );
        }
        for (a, b) in [
            (
                "SIP:ALICE@AtLanTa.CoM;Transport=udp",
                "sip:alice@AtLanTa.CoM;Transport=UDP",
            ),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            (
                "sip:bob@biloxi.com",
                "sip:bob@biloxi.com:6000;transport=tcp",
            ),
            (
                "sip:carol@chicago.com",
                "sip:carol@chicago.com?Subject=next%20meeting",
            ),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            (
                "sip:carol@chicago.com;security=on",
                "sip:carol@chicago.com;security=off",
            ),
            ("sip:a@b", "sips:a@b"),
        ] {
            assert!(
                !uri(a).equivalent(&uri(b)) && !uri(b).equivalent(&uri(a)),
                "{a} {b}"
            );
        }
    }

    #[test]
    fn parameters_are_set_and_taken_away() {
        let u = uri("sip:a@h;lr;x=1?s=t");
        assert_eq!(u.with_param("ob", "").as_str(), "sip:a@h;lr;x=1;ob?s=t");
        assert_eq!(u.with_param("X", "2;3").as_str(), "sip:a@h;lr;X=2%3B3?s=t");
        assert_eq!(u.without_param("lr").as_str(), "sip:a@h;x=1?s=t");
        assert_eq!(u.bare().as_str(), "sip:a@h");
        assert_eq!(
            uri("sip:a@h").with_param("gr", "z").as_str(),
            "sip:a@h;gr=z"
        );
        assert_eq!(
            Uri::sip(Some("a b@c"), "h:5080").unwrap().as_str(),
            "sip:a%20b%40c@h:5080"
        );
    }
}
