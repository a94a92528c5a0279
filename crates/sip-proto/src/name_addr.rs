//! An address in a header: `"Display" <uri>;params` or a bare URI (RFC 3261 §20.10).

use crate::error::{ErrorKind, ParseError, Result};
use crate::text::{Params, Span, Text, is_lws, is_token_byte, quote, quoted_end, trim, unquote};
use crate::uri::Uri;
use std::fmt;

/// A `name-addr` or `addr-spec` with its header parameters, kept byte for byte; cloning shares the text.
#[derive(Clone, PartialEq, Eq)]
pub struct NameAddr {
    text: Text,
    display: Option<(u32, u32)>,
    uri: Uri,
    params_at: usize,
}

impl NameAddr {
    /// Reads one address. A bare URI ends at its first `;` or white space and holds neither `?` nor `,` (RFC 3261 §20).
    pub fn parse(text: impl Into<Text>) -> Result<NameAddr> {
        let text: Text = text.into();
        let fault = |expected| ParseError::new(ErrorKind::Uri, expected, text.as_bytes());
        let whole = trim(&text);
        if whole.starts_with('"') {
            let end =
                quoted_end(whole).ok_or_else(|| fault("a display name that closes its quote"))?;
            let (display, rest) = whole
                .split_at_checked(end)
                .ok_or_else(|| fault("a display name"))?;
            return NameAddr::bracketed(&text, display, trim(rest), fault);
        }
        if let Some(open) = whole.find('<') {
            let (display, rest) = whole.split_at_checked(open).unwrap_or(("", whole));
            // RFC 3261 §25.1: display-name = *(token LWS) / quoted-string. Letters beyond ASCII are borne: many telephones send them.
            if !display
                .chars()
                .all(|c| is_lws(c) || !c.is_ascii() || u8::try_from(c).is_ok_and(is_token_byte))
            {
                return Err(fault("a display name of tokens, or in quotes"));
            }
            return NameAddr::bracketed(&text, trim(display), rest, fault);
        }
        let (uri, params) = match whole.find(';') {
            Some(at) => whole.split_at_checked(at).unwrap_or((whole, "")),
            None => (whole, whole.get(whole.len()..).unwrap_or_default()),
        };
        let uri = trim(uri);
        if uri.contains(['?', ',']) {
            return Err(fault("<…> around a URI that holds ? or ,"));
        }
        NameAddr::checked(&text, "", uri, params, fault)
    }

    fn bracketed(
        text: &Text,
        display: &str,
        rest: &str,
        fault: impl Fn(&'static str) -> ParseError,
    ) -> Result<NameAddr> {
        let inner = rest
            .strip_prefix('<')
            .ok_or_else(|| fault("< behind the display name"))?;
        let (uri, params) = inner
            .split_once('>')
            .ok_or_else(|| fault("> behind the URI"))?;
        NameAddr::checked(text, display, trim(uri), params, fault)
    }

    fn checked(
        text: &Text,
        display: &str,
        uri: &str,
        params: &str,
        fault: impl Fn(&'static str) -> ParseError,
    ) -> Result<NameAddr> {
        let params = params.trim_start_matches(is_lws);
        if !(params.is_empty() || params.starts_with(';')) {
            return Err(fault("; or nothing behind the address"));
        }
        if Params::of(params).fault().is_some() {
            return Err(fault("well-formed parameters"));
        }
        let span = |part: &str| Span::within(text, part);
        let bounds = |s: Span| Some((u32::try_from(s.start()).ok()?, u32::try_from(s.end()).ok()?));
        let params_at = if params.is_empty() {
            text.len()
        } else {
            span(params).start()
        };
        Ok(NameAddr {
            uri: Uri::parse(text.cut(span(uri)))?,
            display: if display.is_empty() {
                None
            } else {
                bounds(span(display))
            },
            params_at,
            text: text.clone(),
        })
    }

    /// `<uri>` alone.
    pub fn new(uri: &Uri) -> NameAddr {
        NameAddr::compose(None, uri, "")
    }

    /// The same address with a display name, quoted.
    #[must_use]
    pub fn with_display(&self, name: &str) -> NameAddr {
        let name = quote(name);
        NameAddr::compose(Some(&name), &self.uri, self.params_text())
    }

    /// The same address with a header parameter set, as the last one; `""` makes a flag, what is no token or host is quoted.
    #[must_use]
    pub fn with_param(&self, name: &str, value: &str) -> NameAddr {
        let mut params = self.params_without(name);
        params.push(';');
        params.push_str(name);
        if !value.is_empty() {
            params.push('=');
            if value
                .bytes()
                .all(|b| is_token_byte(b) || matches!(b, b'[' | b']' | b':'))
            {
                params.push_str(value);
            } else {
                params.push_str(&quote(value));
            }
        }
        NameAddr::compose(self.display_raw(), &self.uri, &params)
    }

    /// The same address with a tag (RFC 3261 §19.3).
    #[must_use]
    pub fn with_tag(&self, tag: &str) -> NameAddr {
        self.with_param("tag", tag)
    }

    /// The same address without a header parameter.
    #[must_use]
    pub fn without_param(&self, name: &str) -> NameAddr {
        match self.param(name) {
            Some(_) => NameAddr::compose(self.display_raw(), &self.uri, &self.params_without(name)),
            None => self.clone(),
        }
    }

    /// The same address with its URI replaced.
    #[must_use]
    pub fn with_uri(&self, uri: &Uri) -> NameAddr {
        NameAddr::compose(self.display_raw(), uri, self.params_text())
    }

    fn compose(display: Option<&str>, uri: &Uri, params: &str) -> NameAddr {
        let gap = if display.is_some() { " " } else { "" };
        let display = display.unwrap_or_default();
        let before = format!("{display}{gap}<{uri}>");
        let shown =
            (!display.is_empty()).then(|| (0, u32::try_from(display.len()).unwrap_or(u32::MAX)));
        let params_at = before.len();
        let text = Text::from(format!("{before}{params}").replace(['\r', '\n'], " "));
        NameAddr {
            text,
            display: shown,
            uri: uri.clone(),
            params_at,
        }
    }

    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        trim(&self.text)
    }

    /// The display name without quotes and escapes.
    pub fn display_name(&self) -> Option<String> {
        self.display_raw().map(unquote)
    }

    fn display_raw(&self) -> Option<&str> {
        let (start, end) = self.display?;
        self.text
            .get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }

    /// The URI.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The header parameters, in order; those of the URI are [`Uri::params`].
    pub fn params(&self) -> Params<'_> {
        Params::of(self.params_text())
    }

    /// A header parameter as written: `""` for a flag, quotes kept (see [`unquote`]).
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params().value_of(name)
    }

    /// The tag; `None` when there is none, or an empty one.
    pub fn tag(&self) -> Option<&str> {
        self.param("tag").filter(|tag| !tag.is_empty())
    }

    fn params_text(&self) -> &str {
        self.text.get(self.params_at..).unwrap_or_default()
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
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "NameAddr({:?} {:?} {:?})",
            self.display_raw().unwrap_or_default(),
            self.uri,
            self.params_text()
        )
    }
}

impl std::str::FromStr for NameAddr {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<NameAddr> {
        NameAddr::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        for (text, display, uri, tag) in [
            ("<sip:a@b>", None, "sip:a@b", None),
            ("sip:a@b;tag=1", None, "sip:a@b", Some("1")),
            (
                r#""A \"q\" <x>" <sip:a@b;lr>;x;tag=2"#,
                Some("A \"q\" <x>"),
                "sip:a@b;lr",
                Some("2"),
            ),
            (r#""A"<sip:a@b>"#, Some("A"), "sip:a@b", None),
            (
                "Joe  Doe <sip:a@b> ; tag = 3",
                Some("Joe  Doe"),
                "sip:a@b",
                Some("3"),
            ),
            ("sip:a@b ;   tag    = 4n", None, "sip:a@b", Some("4n")),
        ] {
            let addr = NameAddr::parse(text).unwrap();
            assert_eq!(addr.display_name().as_deref(), display, "{text}");
            assert_eq!((addr.uri().as_str(), addr.tag()), (uri, tag), "{text}");
            assert_eq!(addr.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "<sip:a@b",
            r#""Mr <sip:a@b>"#,
            "Bell, A <sip:a@b>",
            "sip:a@b?x=y",
            "<sip:a@b> x",
            "<sip:a@b>;;",
            "<>",
            r#"""Joe"" <sip:a@b>"#,
            "<sip:a@b>;=1",
            "sip:a@b;tag=",
            "<<sip:a@b>>",
            r#"<sip:a@b>;t="x"#,
        ] {
            assert!(NameAddr::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn addresses_are_put_together() {
        let addr = NameAddr::new(&Uri::parse("sip:a@b").unwrap())
            .with_display("A \"b\"")
            .with_tag("t");
        assert_eq!(addr.as_str(), r#""A \"b\"" <sip:a@b>;tag=t"#);
        assert_eq!(NameAddr::parse(addr.as_str()).unwrap(), addr);
        assert_eq!(addr.with_tag("u").tag(), Some("u"));
        assert_eq!(
            addr.with_param("+sip.instance", "<urn:uuid:1>")
                .param("+sip.instance"),
            Some("\"<urn:uuid:1>\"")
        );
        assert_eq!(addr.without_param("tag").as_str(), r#""A \"b\"" <sip:a@b>"#);
    }
}
