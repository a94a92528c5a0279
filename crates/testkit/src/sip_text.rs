//! SIP messages as a test sees them: lenient, independent of the parser under test.

/// One message, its head as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipText {
    /// Request or status line.
    pub start: String,
    /// Header fields in their order, names as written.
    pub headers: Vec<(String, String)>,
    /// What follows the empty line.
    pub body: Vec<u8>,
}

/// Short names of header fields (RFC 3261 §7.3.3) that tests meet.
const COMPACT: &[(&str, &str)] = &[
    ("c", "content-type"),
    ("f", "from"),
    ("i", "call-id"),
    ("k", "supported"),
    ("l", "content-length"),
    ("m", "contact"),
    ("t", "to"),
    ("v", "via"),
];

fn long_name(name: &str) -> String {
    let lower = name.trim().to_ascii_lowercase();
    COMPACT
        .iter()
        .find(|(short, _)| *short == lower)
        .map_or(lower, |(_, long)| (*long).to_owned())
}

impl SipText {
    /// Takes one message from the front of `buffer`; `None` when it is not whole yet. Line ends before it are skipped
    /// (keep-alives, RFC 5626 §3.5.1). Without Content-Length the body is the rest, as on UDP.
    pub fn take(buffer: &mut Vec<u8>) -> Option<Self> {
        let skip = buffer
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        buffer.drain(..skip);
        let head_end = buffer.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(buffer.get(..head_end)?).into_owned();
        let mut lines = head.split("\r\n");
        let start = lines.next()?.to_owned();
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = headers.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            } else if let Some((name, value)) = line.split_once(':') {
                headers.push((name.trim().to_owned(), value.trim().to_owned()));
            }
        }
        let mut message = Self {
            start,
            headers,
            body: Vec::new(),
        };
        let rest = buffer.len() - head_end - 4;
        let length = message
            .header("Content-Length")
            .and_then(|value| value.parse::<usize>().ok())
            .unwrap_or(rest);
        if length > rest {
            return None;
        }
        message.body = buffer
            .drain(..head_end + 4 + length)
            .skip(head_end + 4)
            .collect();
        Some(message)
    }

    /// The first header field of that (long) name, in any case and also in its short form.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every header field of that name.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let wanted = long_name(name);
        self.headers
            .iter()
            .filter(move |(name, _)| long_name(name) == wanted)
            .map(|(_, value)| value.as_str())
    }

    /// The method of a request.
    pub fn method(&self) -> Option<&str> {
        if self.status().is_some() {
            None
        } else {
            self.start.split(' ').next()
        }
    }

    /// The Request-URI of a request.
    pub fn uri(&self) -> Option<&str> {
        self.method()?;
        self.start.split(' ').nth(1)
    }

    /// The status code of a response.
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The value of a parameter of a header field value or URI: what follows `name=`, unquoted.
    pub fn param<'a>(value: &'a str, name: &str) -> Option<&'a str> {
        let lower = value.to_ascii_lowercase();
        let key = format!("{}=", name.to_ascii_lowercase());
        let at = lower.match_indices(&key).map(|(at, _)| at).find(|at| {
            lower
                .get(..*at)
                .is_none_or(|before| before.is_empty() || before.ends_with([';', ' ', ',']))
        })?;
        let rest = value.get(at + key.len()..)?;
        match rest.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => rest.split([';', ',', ' ', '>']).next(),
        }
    }

    /// The port and payload types of the first audio stream of an SDP body.
    pub fn sdp_audio(&self) -> Option<(u16, Vec<u8>)> {
        let text = self.text();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("m=audio "))?;
        let mut words = line.split_whitespace();
        let port = words.next()?.parse().ok()?;
        Some((
            port,
            words.skip(1).filter_map(|word| word.parse().ok()).collect(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_off_a_stream_one_by_one() {
        let mut buffer = b"\r\n\r\nMESSAGE sip:b@x SIP/2.0\r\nf: <sip:a@x>;tag=9\r\nl: 3\r\n\r\nabcSIP/2.0 202 Accepted\r\nContent-Length: 0\r\n\r\nrest".to_vec();
        let first = SipText::take(&mut buffer).unwrap();
        assert_eq!(
            (first.method(), first.uri()),
            (Some("MESSAGE"), Some("sip:b@x"))
        );
        assert_eq!(
            first
                .header("From")
                .and_then(|from| SipText::param(from, "tag")),
            Some("9")
        );
        assert_eq!(first.body, b"abc");
        let second = SipText::take(&mut buffer).unwrap();
        assert_eq!((second.status(), second.method()), (Some(202), None));
        assert_eq!(SipText::take(&mut buffer), None);
        assert_eq!(buffer, b"rest");
    }

    #[test]
    fn parameters_are_found_whole_and_unquoted() {
        let contact =
            "<sip:a@1.2.3.4;ob>;pub-gruu=\"sip:a@x;gr=urn:uuid:1\";temp-gruu=\"t\";expires=600";
        assert_eq!(
            SipText::param(contact, "pub-gruu"),
            Some("sip:a@x;gr=urn:uuid:1")
        );
        assert_eq!(SipText::param(contact, "expires"), Some("600"));
        assert_eq!(SipText::param(contact, "gruu"), None);
    }

    #[test]
    fn the_audio_stream_of_an_offer_is_read() {
        let mut wire =
            b"INVITE sip:b@x SIP/2.0\r\n\r\nv=0\r\nm=audio 4000 RTP/AVP 8 0 101\r\n".to_vec();
        assert_eq!(
            SipText::take(&mut wire).unwrap().sdp_audio(),
            Some((4000, vec![8, 0, 101]))
        );
    }
}
