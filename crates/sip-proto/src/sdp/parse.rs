//! Reading a session description: strict where the call depends on it, forgiving elsewhere.

use super::model::{Attribute, Media, Origin, Sdp};

/// Longest session description that is read, in bytes.
pub const SDP_MAX_BYTES: usize = 16 * 1024;
/// Most streams.
const MEDIA_MAX: usize = 16;
/// Most formats of one stream.
const FORMATS_MAX: usize = 64;

/// Why a session description cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Longer than [`SDP_MAX_BYTES`], or more streams or formats than we take.
    #[error(
        "expected at most {SDP_MAX_BYTES} bytes, {MEDIA_MAX} streams and {FORMATS_MAX} formats, came more"
    )]
    TooLarge,
    /// A line that is not of its form.
    #[error("line {line}: expected {expected}, came something else")]
    Line {
        /// Counted from 1; one more than there are when something is missing at the end.
        line: usize,
        /// The form.
        expected: &'static str,
    },
    /// No audio stream over `RTP/AVP`, or it was refused (port 0).
    #[error("expected an audio stream over RTP/AVP, came none")]
    NoAudio,
    /// None of our codecs.
    #[error("expected PCMU or PCMA, came neither")]
    NoCommonCodec,
    /// No `c=` line with an IP address.
    #[error("expected an IP address in a c= line, came none")]
    NoAddress,
}

impl Sdp {
    /// Reads a session description; lines end with CRLF or LF.
    ///
    /// # Errors
    /// When a line that a call depends on (`v= o= c= m=`) is not of its form, or there is too much.
    pub fn parse(body: &[u8]) -> Result<Sdp, SdpError> {
        if body.len() > SDP_MAX_BYTES {
            return Err(SdpError::TooLarge);
        }
        let text = String::from_utf8_lossy(body);
        let mut lines = text
            .split('\n')
            .map(|line| line.trim_end_matches('\r'))
            .enumerate()
            .filter(|(_, line)| !line.is_empty())
            .map(|(index, line)| (index.saturating_add(1), line));

        let version = lines.next();
        if !matches!(version, Some((_, line)) if line.trim_end() == "v=0") {
            return Err(bad(version.map_or(1, |(n, _)| n), "v=0"));
        }
        let (n, line) = lines.next().ok_or(bad(2, ORIGIN))?;
        let mut sdp = Sdp {
            origin: line
                .strip_prefix("o=")
                .and_then(parse_origin)
                .ok_or(bad(n, ORIGIN))?,
            name: String::from("-"),
            connection: None,
            attributes: Vec::new(),
            other: Vec::new(),
            media: Vec::new(),
        };
        for (n, line) in lines {
            parse_line(&mut sdp, n, line)?;
        }
        Ok(sdp)
    }
}

const ORIGIN: &str = "o=username session-id version IN IP4|IP6 address";
const CONNECTION: &str = "c=IN IP4|IP6 address";
const MEDIA: &str = "m=media port protocol formats";

fn bad(line: usize, expected: &'static str) -> SdpError {
    SdpError::Line { line, expected }
}

fn parse_line(sdp: &mut Sdp, n: usize, line: &str) -> Result<(), SdpError> {
    let (kind, content) = line
        .split_once('=')
        .filter(|(kind, _)| kind.len() == 1)
        .ok_or(bad(n, "one letter and ="))?;
    let kind = kind.chars().next().filter(char::is_ascii_lowercase);
    let kind = kind.ok_or(bad(n, "one letter and ="))?;
    if kind == 'm' {
        if sdp.media.len() >= MEDIA_MAX {
            return Err(SdpError::TooLarge);
        }
        sdp.media.push(parse_media(n, content)?);
        return Ok(());
    }
    let (connection, attributes, other) = match sdp.media.last_mut() {
        Some(media) => (
            &mut media.connection,
            &mut media.attributes,
            &mut media.other,
        ),
        None => (&mut sdp.connection, &mut sdp.attributes, &mut sdp.other),
    };
    match kind {
        'c' => *connection = Some(parse_connection(content).ok_or(bad(n, CONNECTION))?),
        'a' => attributes.push(parse_attribute(content)),
        's' => sdp.name = content.to_owned(),
        _ => other.push((kind, content.to_owned())),
    }
    Ok(())
}

fn parse_origin(content: &str) -> Option<Origin> {
    let mut words = content.split_ascii_whitespace();
    let origin = Origin {
        username: words.next()?.to_owned(),
        session_id: parse_number(words.next()?)?,
        version: parse_number(words.next()?)?,
        host: {
            words.next()?.eq_ignore_ascii_case("IN").then_some(())?;
            words.next()?;
            words.next()?.to_owned()
        },
    };
    words.next().is_none().then_some(origin)
}

/// Numeric strings are unbounded in the grammar; of longer ones (some peers print NTP time with digits to spare) the last
/// digits are what changes.
fn parse_number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let start = text.len().saturating_sub(19);
    text.get(start..)?.parse().ok()
}

fn parse_connection(content: &str) -> Option<String> {
    let mut words = content.split_ascii_whitespace();
    words.next()?.eq_ignore_ascii_case("IN").then_some(())?;
    let kind = words.next()?;
    (kind == "IP4" || kind == "IP6").then_some(())?;
    let address = words.next()?;
    // Multicast addresses carry /ttl and /count.
    let host = address.split('/').next().unwrap_or(address);
    (!host.is_empty()).then(|| host.to_owned())
}

fn parse_attribute(content: &str) -> Attribute {
    match content.split_once(':') {
        Some((name, value)) => Attribute::new(name, value),
        None => Attribute::flag(content.trim_end()),
    }
}

fn parse_media(n: usize, content: &str) -> Result<Media, SdpError> {
    let mut words = content.split_ascii_whitespace();
    let mut word = || words.next().ok_or(bad(n, MEDIA));
    let kind = word()?.to_owned();
    let port = word()?;
    let port = port.split('/').next().unwrap_or(port);
    let port = port.parse().map_err(|_| bad(n, MEDIA))?;
    let protocol = word()?.to_owned();
    let formats: Vec<String> = words.map(str::to_owned).take(FORMATS_MAX + 1).collect();
    if formats.is_empty() {
        return Err(bad(n, MEDIA));
    }
    if formats.len() > FORMATS_MAX {
        return Err(SdpError::TooLarge);
    }
    Ok(Media {
        kind,
        port,
        protocol,
        formats,
        connection: None,
        attributes: Vec::new(),
        other: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: &str = "v=0\r\no=- 20 3 IN IP4 192.0.2.4\r\ns=call\r\ni=words\r\nc=IN IP4 192.0.2.4\r\nb=AS:64\r\n\
        t=0 0\r\na=tool:x\r\nm=audio 4000 RTP/AVP 9 8 101\r\nc=IN IP6 2001:db8::1\r\na=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:30\r\na=sendonly\r\nm=video 0 RTP/AVP 31\r\n";

    #[test]
    fn what_is_read_is_printed_again() {
        let sdp = Sdp::parse(PHONE.as_bytes()).unwrap();
        assert_eq!(sdp.to_string(), PHONE);
        assert_eq!(sdp, Sdp::parse(PHONE.replace('\r', "").as_bytes()).unwrap());
        let audio = sdp.audio().unwrap();
        assert_eq!(audio.rtpmap(101), Some("telephone-event/8000"));
        assert_eq!(audio.fmtp(101), Some("0-15"));
        assert_eq!(audio.ptime_ms(), Some(30));
        assert_eq!(sdp.address_of(audio), "2001:db8::1".parse().ok());
        assert!(sdp.is_hold());
    }

    #[test]
    fn faults_name_their_line() {
        let cases = [
            ("", 1),
            ("v=1\r\n", 1),
            ("v=0\r\no=- x 1 IN IP4 h\r\n", 2),
            ("v=0\r\no=- 1 1 IN IP4 h\r\nc=ATM\r\n", 3),
            (
                "v=0\r\no=- 1 1 IN IP4 h\r\n\r\nm=audio 70000 RTP/AVP 0\r\n",
                4,
            ),
            ("v=0\r\no=- 1 1 IN IP4 h\r\nm=audio 7 RTP/AVP\r\n", 3),
            ("v=0\r\no=- 1 1 IN IP4 h\r\nnonsense\r\n", 3),
        ];
        for (text, at) in cases {
            let error = Sdp::parse(text.as_bytes()).unwrap_err();
            assert!(
                matches!(error, SdpError::Line { line, .. } if line == at),
                "{text:?}: {error}"
            );
        }
        let long = "a".repeat(SDP_MAX_BYTES + 1);
        assert_eq!(Sdp::parse(long.as_bytes()), Err(SdpError::TooLarge));
    }

    proptest::proptest! {
        #[test]
        fn printing_what_was_read_reads_the_same(
            lines in proptest::collection::vec("(a=[a-z]{1,8}(:[ -~]{0,20})?|b=AS:[0-9]{1,4}|c=IN IP4 [0-9.]{1,15}|m=audio [0-9]{1,4} RTP/AVP 0( 101)?|[ -~]{0,10})", 0..12)
        ) {
            let text = format!("v=0\r\no=- 1 1 IN IP4 h\r\n{}\r\n", lines.join("\r\n"));
            if let Ok(sdp) = Sdp::parse(text.as_bytes()) {
                proptest::prop_assert_eq!(&sdp, &Sdp::parse(sdp.to_string().as_bytes()).unwrap());
            }
        }
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            drop(Sdp::parse(&bytes));
        }
    }
}
