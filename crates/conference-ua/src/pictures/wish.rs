//! What a call is for, read from its offer, and the labels by which its pictures are known.

use bytes::Bytes;
use convoke_types::ParticipantId;
use sip_proto::sdp::Sdp;

/// A picture call's kind: of each a person has one at most in a conference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Shows what a camera sees.
    Camera,
    /// Shows a screen: `a=content:slides` (RFC 4796).
    Screen,
    /// Sees the others.
    Watch,
}

/// What somebody calls for, with the offer that they made.
#[derive(Debug)]
pub(crate) enum Wish {
    /// To take part with sound.
    BeHeard(String),
    /// To show a picture.
    Show(Kind, String),
    /// To see the others': the offer is to come from here.
    See,
}

impl Wish {
    /// Sections of video alone are a picture; an offer that cannot be read is left to the media bridge, which says what is wrong.
    ///
    /// # Errors
    /// With the status to refuse it and its words.
    pub(crate) fn of(offer: Option<&Bytes>) -> Result<Self, (u16, &'static str)> {
        let Some(offer) = offer else {
            return Ok(Wish::See);
        };
        let text = description(offer).map_err(|words| (488, words))?;
        let Ok(read) = Sdp::parse(offer) else {
            return Ok(Wish::BeHeard(text));
        };
        let pictures = !read.media.is_empty() && read.media.iter().all(|m| m.kind == "video");
        if !pictures {
            return Ok(Wish::BeHeard(text));
        }
        let mut sending = Vec::new();
        for media in &read.media {
            let direction = read.direction_of(media);
            // A section that has come to nothing (RFC 8829 §5.2.2) may stand there still.
            let refused =
                media.port == 0 && !media.attributes.iter().any(|one| one.name == "bundle-only");
            if direction.receives() && !refused {
                return Err((488, "A picture is offered sendonly"));
            }
            if direction.sends() && !refused {
                sending.push(media);
            }
        }
        let picture = match &sending[..] {
            [] => return Err((488, "A picture is offered sendonly")),
            [picture] => picture,
            // Of each kind a person has one, and each has a label.
            _ => return Err((488, "Each picture is a call of its own")),
        };
        let slides = |value: &str| value.split(',').any(|one| one.trim() == "slides");
        let kind = match picture.attribute("content").is_some_and(slides) {
            true => Kind::Screen,
            false => Kind::Camera,
        };
        Ok(Wish::Show(kind, text))
    }

    /// Of a picture call.
    pub(crate) fn kind(&self) -> Option<Kind> {
        match self {
            Wish::BeHeard(_) => None,
            Wish::Show(kind, _) => Some(*kind),
            Wish::See => Some(Kind::Watch),
        }
    }
}

/// A session description as it may be passed on: text without NUL and other control characters but TAB and the ends of lines (RFC 8866
/// §9). Not every bridge could read it otherwise.
///
/// # Errors
/// With words to refuse it.
pub(super) fn description(sdp: &Bytes) -> Result<String, &'static str> {
    let text = String::from_utf8(sdp.to_vec()).map_err(|_| "Not Acceptable Here")?;
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\r' | '\n');
    match text.contains(control) {
        true => Err("The description has control characters"),
        false => Ok(text),
    }
}

/// By which a picture is known, in an offer (RFC 4574) and in documents (RFC 4575 §5.8.3): `p1-1` is somebody's camera, `p1-2` their
/// screen.
pub(crate) fn label_of(participant: &ParticipantId, kind: Kind) -> String {
    let number = match kind {
        Kind::Camera | Kind::Watch => 1,
        Kind::Screen => 2,
    };
    format!("{participant}-{number}")
}

/// A section of an offer and whose picture is in it.
pub(super) struct Labelled<'a> {
    pub mid: &'a str,
    pub participant: &'a ParticipantId,
    pub kind: Kind,
}

/// Writes labels into an offer, each to the section of that `mid` (RFC 5888) and in the place of any other there, and to screens what they
/// are; `None` when a section is missing.
pub(super) fn labelled(offer: &str, sections: &[Labelled<'_>]) -> Option<String> {
    let mut out = String::with_capacity(offer.len().saturating_add(sections.len() * 48));
    let mut written = 0_usize;
    for line in offer.lines().filter(|line| !line.is_empty()) {
        if line.starts_with("a=label:") || line.starts_with("a=content:") {
            continue;
        }
        out.push_str(line);
        out.push_str("\r\n");
        let section = line.strip_prefix("a=mid:").and_then(|mid| {
            let mut all = sections.iter();
            all.find(|section| section.mid == mid.trim())
        });
        let Some(section) = section else { continue };
        out.push_str("a=label:");
        out.push_str(&label_of(section.participant, section.kind));
        out.push_str("\r\n");
        if section.kind == Kind::Screen {
            out.push_str("a=content:slides\r\n");
        }
        written = written.saturating_add(1);
    }
    (written == sections.len()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(media: &str) -> Result<(Option<Kind>, bool), u16> {
        let offer = format!("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\n{media}");
        let offer = Bytes::from(offer);
        let wish = Wish::of(Some(&offer)).map_err(|(status, _)| status)?;
        Ok((wish.kind(), matches!(wish, Wish::BeHeard(_))))
    }

    #[test]
    fn the_offer_tells_what_a_call_is_for() {
        assert_eq!(Wish::of(None).unwrap().kind(), Some(Kind::Watch));
        let video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n";
        let heard = Ok((None, true));
        assert_eq!(wish(""), heard);
        assert_eq!(wish("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"), heard);
        let both = format!("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n{video}a=sendonly\r\n");
        assert_eq!(wish(&both), heard);
        let camera = Ok((Some(Kind::Camera), false));
        assert_eq!(wish(&format!("{video}a=sendonly\r\n")), camera);
        let idle = format!("{video}a=inactive\r\n{video}a=sendonly\r\n");
        assert_eq!(wish(&idle), camera);
        let screen = format!("{video}a=content:slides\r\na=sendonly\r\n");
        assert_eq!(wish(&screen), Ok((Some(Kind::Screen), false)));
        for direction in ["", "a=sendrecv\r\n", "a=recvonly\r\n", "a=inactive\r\n"] {
            assert_eq!(
                wish(&format!("{video}{direction}")),
                Err(488),
                "{direction}"
            );
        }
        let gone = "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=sendonly\r\n";
        assert_eq!(wish(gone), Err(488));
        // One picture, beside what has come to nothing.
        let one = format!("{video}a=sendonly\r\n");
        assert_eq!(wish(&format!("{gone}{one}{gone}")), camera);
        assert_eq!(
            wish(&format!("{gone}a=content:slides\r\n{one}")),
            camera,
            "of the picture"
        );
        assert_eq!(wish(&format!("{one}{one}")), Err(488));
        let bundled = format!("{gone}a=bundle-only\r\n");
        assert_eq!(wish(&format!("{one}{bundled}")), Err(488));
        assert_eq!(wish(&bundled), camera);
        // Of whatever kind.
        for control in ['\0', '\u{1b}', '\u{7f}', '\u{85}'] {
            assert_eq!(wish(&format!("{one}a=x:{control}\r\n")), Err(488));
            let sound = format!("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=x:{control}\r\n");
            assert_eq!(wish(&sound), Err(488));
        }
        assert_eq!(wish(&format!("{one}a=x:\t\r\n")), camera);
    }

    #[test]
    fn labels_stand_in_their_sections() {
        let offer =
            "v=0\r\nm=video 9 X 96\r\na=mid:0\r\na=label:old\r\nm=video 9 X 96\r\na=mid:10\r\n";
        let participant: ParticipantId = "p2".parse().unwrap();
        let at = |mid, kind| Labelled {
            mid,
            participant: &participant,
            kind,
        };
        let both = labelled(offer, &[at("10", Kind::Camera), at("0", Kind::Screen)]);
        let expected = "v=0\r\nm=video 9 X 96\r\na=mid:0\r\na=label:p2-2\r\na=content:slides\r\n\
                        m=video 9 X 96\r\na=mid:10\r\na=label:p2-1\r\n";
        assert_eq!(both.as_deref(), Some(expected));
        assert_eq!(labelled(offer, &[at("1", Kind::Camera)]), None);
    }
}
