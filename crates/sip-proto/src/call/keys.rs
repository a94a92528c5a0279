//! Keys by INFO, as old telephones send them: `application/dtmf-relay`, a line `Signal=5`.

use std::str;

/// The only bodies of INFO that mean something here.
pub(super) const CONTENT_TYPE: &str = "application/dtmf-relay";
/// No longer body is read.
const BODY_MAX_BYTES: usize = 256;

/// The key that an INFO tells of: `0`–`9`, `*`, `#`, `A`–`D`.
pub fn key_of_info(content_type: &str, body: &[u8]) -> Option<char> {
    let bare = content_type
        .split_once(';')
        .map_or(content_type, |(bare, _)| bare);
    if !bare.trim().eq_ignore_ascii_case(CONTENT_TYPE) || body.len() > BODY_MAX_BYTES {
        return None;
    }
    let mut fields = str::from_utf8(body).ok()?.lines();
    let signal = fields.find_map(|line| {
        let (name, value) = line.split_once('=')?;
        let is_it = name.trim().eq_ignore_ascii_case("Signal");
        is_it.then_some(value.trim())
    })?;
    let key = signal.chars().next()?.to_ascii_uppercase();
    "0123456789*#ABCD".contains(key).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_keys_and_nothing_else_is() {
        let key = |body: &str| key_of_info("Application/DTMF-Relay; x=y", body.as_bytes());
        assert_eq!(key("Signal=5\r\nDuration=160\r\n"), Some('5'));
        assert_eq!(key("Duration=160\nsignal = *\n"), Some('*'));
        assert_eq!(key("Signal=d"), Some('D'));
        for other in ["", "Signal", "Signal=", "Signal=x", "Duration=5"] {
            assert_eq!(key(other), None, "{other}");
        }
        assert_eq!(key(&format!("{}\nSignal=5", "x".repeat(300))), None);
        assert_eq!(key_of_info("text/plain", b"Signal=5"), None);
    }
}
