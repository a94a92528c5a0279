//! The grammar that challenges and answers share: a scheme, then `name=value` pairs between commas (RFC 3261 §25.1).

/// Most parameters of one challenge or answer.
const PARAMS_MAX: usize = 32;
/// Longest parameter value, in bytes, after unquoting.
const VALUE_MAX_BYTES: usize = 1_024;

/// Why an authentication header field is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// Not `Digest`.
    #[error("expected the scheme Digest, came another")]
    OtherScheme,
    /// Not `name=value` pairs between commas, or too many or too long.
    #[error("expected name=value pairs between commas, came something else")]
    Malformed,
    /// The same parameter twice.
    #[error("expected each parameter once, came one twice")]
    Repeated,
    /// A needed parameter is absent or not of its form.
    #[error("expected a well-formed parameter {0}, came none or another form")]
    Parameter(&'static str),
    /// No algorithm or qop that we speak.
    #[error("expected MD5, SHA-256 or SHA-512-256 with qop auth, came another")]
    Unsupported,
}

/// The parameters of one header field value.
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads `Digest a=b, c="d"`.
    pub fn parse(value: &str) -> Result<Self, AuthError> {
        let value = value.trim();
        let (scheme, mut rest) = value
            .split_once(|c: char| c.is_ascii_whitespace())
            .ok_or(AuthError::Malformed)?;
        if !scheme.eq_ignore_ascii_case("digest") {
            return Err(AuthError::OtherScheme);
        }
        let mut params: Vec<(String, String)> = Vec::new();
        loop {
            // RFC 7235 §2.1's list rule allows empty elements.
            rest = rest.trim_start_matches(|c: char| c == ',' || c.is_ascii_whitespace());
            if rest.is_empty() {
                return Ok(Self(params));
            }
            let (name, after) = rest.split_once('=').ok_or(AuthError::Malformed)?;
            let name = name.trim_end();
            let (text, after) = value_of(after.trim_start())?;
            if !is_token(name) || text.len() > VALUE_MAX_BYTES || params.len() >= PARAMS_MAX {
                return Err(AuthError::Malformed);
            }
            if params
                .iter()
                .any(|(seen, _)| seen.eq_ignore_ascii_case(name))
            {
                return Err(AuthError::Repeated);
            }
            params.push((name.to_ascii_lowercase(), text));
            rest = after.trim_start();
            if !rest.is_empty() && !rest.starts_with(',') {
                return Err(AuthError::Malformed);
            }
        }
    }

    /// Takes a parameter by its lower-case name.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let index = self.0.iter().position(|(seen, _)| seen == name)?;
        Some(self.0.swap_remove(index).1)
    }

    /// Takes a parameter that must be there.
    pub fn need(&mut self, name: &'static str) -> Result<String, AuthError> {
        self.take(name).ok_or(AuthError::Parameter(name))
    }
}

/// One value, quoted or not, and what follows it. Control characters are refused: they could end a header field.
fn value_of(text: &str) -> Result<(String, &str), AuthError> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text
            .find(|c: char| c == ',' || c.is_ascii_whitespace())
            .unwrap_or(text.len());
        let (value, after) = text.split_at(end);
        // Wider than `token`: some clients send nonces and URIs without quotes.
        let plain = !value.is_empty()
            && value
                .bytes()
                .all(|b| (0x21..0x7f).contains(&b) && b != b'"');
        return if plain {
            Ok((value.to_owned(), after))
        } else {
            Err(AuthError::Malformed)
        };
    };
    let mut value = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return Ok((value, chars.as_str())),
            '\\' => value.push(
                chars
                    .next()
                    .filter(|c| !c.is_control())
                    .ok_or(AuthError::Malformed)?,
            ),
            c if c.is_control() && c != '\t' => return Err(AuthError::Malformed),
            c => value.push(c),
        }
    }
    Err(AuthError::Malformed)
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b))
}

/// Appends `, name="value"` with quotes and backslashes escaped; control characters are dropped, so no value can end the
/// header field.
pub(super) fn push_quoted(out: &mut String, name: &str, value: &str) {
    push_separator(out);
    out.push_str(name);
    out.push_str("=\"");
    for c in value.chars().filter(|c| !c.is_control()) {
        if c == '"' || c == '\\' {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

/// Appends `, name=token`.
pub(super) fn push_token(out: &mut String, name: &str, token: &str) {
    push_separator(out);
    out.push_str(name);
    out.push('=');
    out.push_str(token);
}

fn push_separator(out: &mut String) {
    out.push_str(if out.is_empty() { "Digest " } else { ", " });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_with_any_spacing_and_quoting() {
        let mut params =
            Params::parse("DIGEST  Realm = \"a \\\"b\\\", c\" ,nc=00000001,, qop=auth").unwrap();
        assert_eq!(params.take("realm").as_deref(), Some("a \"b\", c"));
        assert_eq!(params.take("nc").as_deref(), Some("00000001"));
        assert_eq!(params.take("qop").as_deref(), Some("auth"));
        assert_eq!(params.take("qop"), None);
    }

    #[test]
    fn what_is_not_a_list_of_pairs_is_refused() {
        for (value, error) in [
            ("Basic YTpi", AuthError::OtherScheme),
            ("Digest", AuthError::Malformed),
            ("Digest realm", AuthError::Malformed),
            ("Digest realm=\"open", AuthError::Malformed),
            ("Digest realm=\"a\"b=c", AuthError::Malformed),
            ("Digest realm=\"a\r\nVia: x\"", AuthError::Malformed),
            ("Digest re alm=a", AuthError::Malformed),
            ("Digest a=b, A=c", AuthError::Repeated),
        ] {
            assert_eq!(Params::parse(value).err(), Some(error), "{value}");
        }
    }

    #[test]
    fn no_value_can_leave_its_quotes() {
        let mut out = String::new();
        push_quoted(&mut out, "realm", "a\"\r\nVia: \\");
        assert_eq!(out, "Digest realm=\"a\\\"Via: \\\\\"");
    }
}
