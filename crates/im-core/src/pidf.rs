//! Presence documents: PIDF (RFC 3863) with the person and activities of RPID (RFC 4479, RFC 4480) and what devices can do (RFC 5196).
//! What others publish is read into what we understand; everything else in it is left out.

use std::collections::BTreeSet;

use quick_xml::NsReader;
use quick_xml::escape::escape;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

use crate::caps::{CAPS, Feature, ServiceCaps};

/// The documents' type.
pub const CONTENT_TYPE: &str = "application/pidf+xml";
const PIDF: &str = "urn:ietf:params:xml:ns:pidf";
const DATA_MODEL: &str = "urn:ietf:params:xml:ns:pidf:data-model";
/// Ours: what a conference is like.
const VIDEO: &str = "urn:convoke:video:1";
const RPID: &str = "urn:ietf:params:xml:ns:pidf:rpid";
/// Largest document that is read, in bytes.
pub(crate) const DOCUMENT_MAX_BYTES: usize = 16 * 1024;
/// Deepest nesting that is read.
const DEPTH_MAX: usize = 16;
/// Longest note that is kept, in characters.
const NOTE_MAX_CHARS: usize = 256;

/// What somebody is doing (RFC 4480 §3.2). Of the RFC's list those that our clients set and show; others are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Activity {
    /// Not at the device.
    Away,
    /// Does not want to be disturbed.
    Busy,
    /// In a call.
    OnThePhone,
    /// In a meeting.
    Meeting,
    /// At a meal.
    Meal,
    /// On holiday.
    Vacation,
    /// At work.
    Working,
}

impl Activity {
    const ALL: [Self; 7] = [
        Self::Away,
        Self::Busy,
        Self::OnThePhone,
        Self::Meeting,
        Self::Meal,
        Self::Vacation,
        Self::Working,
    ];

    /// The element's name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::Busy => "busy",
            Self::OnThePhone => "on-the-phone",
            Self::Meeting => "meeting",
            Self::Meal => "meal",
            Self::Vacation => "vacation",
            Self::Working => "working",
        }
    }
}

/// What a document says of somebody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presence {
    /// Whether messages are taken; `None`: it does not say.
    pub open: Option<bool>,
    /// What they do.
    pub activities: BTreeSet<Activity>,
    /// What they say themselves.
    pub note: Option<String>,
    /// What their devices can do.
    pub caps: ServiceCaps,
    /// What it is like, where it is a conference.
    pub conference: Option<ConferencePresence>,
}

/// What a conference is like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConferencePresence {
    /// Its title; may be empty.
    pub title: String,
    /// How many are in.
    pub count: u32,
    /// Whether it has pictures.
    pub video: bool,
    /// Whether participants may add nobody.
    pub locked: bool,
    /// Who talks.
    pub talks: Vec<String>,
}

/// Most people that are named as talking.
const TALKS_MAX: usize = 8;

/// Not a presence document that we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a presence document of at most {DOCUMENT_MAX_BYTES} bytes without DTD, came something else"
)]
pub struct NoPidf;

/// Writes the document about `entity` (`user@domain`).
pub fn write(entity: &str, presence: &Presence) -> String {
    let uri = format!("sip:{entity}");
    let uri = escape(uri.as_str());
    let basic = if presence.open == Some(true) {
        "open"
    } else {
        "closed"
    };
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"{PIDF}\" xmlns:dm=\"{DATA_MODEL}\" xmlns:rpid=\"{RPID}\" \
         entity=\"{uri}\">\n <tuple id=\"im\"><status><basic>{basic}</basic></status>"
    );
    presence.caps.write(&mut out);
    out.push_str(&format!("<contact>{uri}</contact></tuple>\n"));
    if !presence.activities.is_empty() || presence.note.is_some() {
        out.push_str(" <dm:person id=\"p\">");
        if !presence.activities.is_empty() {
            out.push_str("<rpid:activities>");
            for activity in &presence.activities {
                out.push_str(&format!("<rpid:{}/>", activity.word()));
            }
            out.push_str("</rpid:activities>");
        }
        if let Some(note) = &presence.note {
            out.push_str(&format!("<dm:note>{}</dm:note>", escape(note.as_str())));
        }
        out.push_str("</dm:person>\n");
    }
    if let Some(conference) = &presence.conference {
        out.push_str(&format!(
            " <v:conference xmlns:v=\"{VIDEO}\" title=\"{}\" in=\"{}\" media=\"{}\" locked=\"{}\">",
            escape(conference.title.as_str()),
            conference.count,
            if conference.video { "video" } else { "audio" },
            conference.locked
        ));
        for name in &conference.talks {
            out.push_str(&format!("<v:talks>{}</v:talks>", escape(name.as_str())));
        }
        out.push_str("</v:conference>\n");
    }
    out.push_str("</presence>\n");
    out
}

/// Where the reader is, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Presence,
    Tuple,
    Status,
    Basic,
    Note,
    Person,
    Activities,
    Conference,
    Talks,
    Caps,
    Can(Feature),
    Methods,
    Supported,
    Else,
}

/// Reads a document.
///
/// # Errors
/// When it is none, is too large or too deep, or has a document type.
pub fn read(document: &[u8]) -> Result<Presence, NoPidf> {
    if document.len() > DOCUMENT_MAX_BYTES {
        return Err(NoPidf);
    }
    let mut reader = NsReader::from_reader(document);
    reader.config_mut().expand_empty_elements = true;
    let mut path: Vec<Place> = Vec::new();
    let mut presence = Presence::default();
    let mut text = String::new();
    let mut began = false;
    loop {
        let (namespace, event) = reader.read_resolved_event().map_err(|_| NoPidf)?;
        match event {
            Event::Start(element) => {
                if path.len() >= DEPTH_MAX || (path.is_empty() && began) {
                    return Err(NoPidf);
                }
                began = true;
                let place = place_of(&namespace, &element, path.last().copied())?;
                if let (Place::Activities, Some(activity)) = (
                    path.last().copied().unwrap_or(Place::Else),
                    activity_of(&namespace, &element),
                ) {
                    presence.activities.insert(activity);
                }
                if path.last() == Some(&Place::Supported) && is_in(&namespace, CAPS) {
                    presence.caps.add_method(element.local_name().as_ref());
                }
                if place == Place::Conference && presence.conference.is_none() {
                    presence.conference = Some(conference_of(&element)?);
                }
                path.push(place);
                text.clear();
            }
            Event::End(_) => match path.pop() {
                Some(Place::Basic) => match text.trim() {
                    // Any device that takes messages makes the person reachable.
                    "open" => presence.open = Some(true),
                    "closed" => presence.open = presence.open.or(Some(false)),
                    _ => return Err(NoPidf),
                },
                Some(Place::Note) if presence.note.is_none() && !text.trim().is_empty() => {
                    presence.note = Some(plain(text.trim()));
                }
                Some(Place::Can(feature)) => match text.trim() {
                    "true" | "1" => presence.caps.set(feature, true),
                    "false" | "0" => presence.caps.set(feature, false),
                    _ => return Err(NoPidf),
                },
                Some(Place::Talks) => {
                    let conference = presence.conference.as_mut();
                    if let Some(one) = conference.filter(|one| one.talks.len() < TALKS_MAX) {
                        one.talks.push(plain(text.trim()));
                    }
                }
                Some(_) => {}
                None => return Err(NoPidf),
            },
            Event::Text(part) => text.push_str(&part.decode().map_err(|_| NoPidf)?),
            Event::CData(part) => text.push_str(&part.decode().map_err(|_| NoPidf)?),
            Event::GeneralRef(reference) => {
                let name = reference.decode().map_err(|_| NoPidf)?;
                match reference.resolve_char_ref().map_err(|_| NoPidf)? {
                    Some(character) => text.push(character),
                    None => text.push(match name.as_ref() {
                        "amp" => '&',
                        "lt" => '<',
                        "gt" => '>',
                        "quot" => '"',
                        "apos" => '\'',
                        _ => return Err(NoPidf),
                    }),
                }
            }
            // Nothing is declared or expanded here.
            Event::DocType(_) => return Err(NoPidf),
            Event::Eof if began && path.is_empty() => return Ok(presence),
            Event::Eof => return Err(NoPidf),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// What XML 1.0 may hold, cut to a length that people read.
fn plain(text: &str) -> String {
    let characters = text.chars().take(NOTE_MAX_CHARS);
    let plain = characters.map(|character| match character {
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        control if control.is_control() => ' ',
        other => other,
    });
    plain.collect()
}

fn is_in(namespace: &ResolveResult<'_>, wanted: &str) -> bool {
    matches!(namespace, ResolveResult::Bound(bound) if bound.as_ref() == wanted.as_bytes())
}

fn place_of(
    namespace: &ResolveResult<'_>,
    element: &BytesStart<'_>,
    parent: Option<Place>,
) -> Result<Place, NoPidf> {
    let name = element.local_name();
    let name = name.as_ref();
    let pidf = is_in(namespace, PIDF);
    let model = is_in(namespace, DATA_MODEL);
    let caps = is_in(namespace, CAPS);
    Ok(match (parent, name) {
        (None, b"presence") if pidf => Place::Presence,
        (None, _) => return Err(NoPidf),
        (Some(Place::Presence), b"tuple") if pidf => Place::Tuple,
        (Some(Place::Tuple), b"status") if pidf => Place::Status,
        (Some(Place::Status), b"basic") if pidf => Place::Basic,
        (Some(Place::Presence | Place::Tuple), b"note") if pidf => Place::Note,
        (Some(Place::Presence), b"person") if model => Place::Person,
        (Some(Place::Person), b"note") if model => Place::Note,
        (Some(Place::Person), b"activities") if is_in(namespace, RPID) => Place::Activities,
        (Some(Place::Presence), b"conference") if is_in(namespace, VIDEO) => Place::Conference,
        (Some(Place::Conference), b"talks") if is_in(namespace, VIDEO) => Place::Talks,
        (Some(Place::Tuple), b"servcaps") if caps => Place::Caps,
        (Some(Place::Caps), b"methods") if caps => Place::Methods,
        (Some(Place::Caps), name) if caps => {
            Feature::of_element(name).map_or(Place::Else, Place::Can)
        }
        (Some(Place::Methods), b"supported") if caps => Place::Supported,
        (Some(_), _) => Place::Else,
    })
}

/// What the attributes of our element say.
fn conference_of(element: &BytesStart<'_>) -> Result<ConferencePresence, NoPidf> {
    let mut conference = ConferencePresence::default();
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|_| NoPidf)?;
        let value = attribute.unescape_value().map_err(|_| NoPidf)?;
        match attribute.key.as_ref() {
            b"title" => conference.title = plain(&value),
            b"in" => conference.count = value.parse().map_err(|_| NoPidf)?,
            b"media" => conference.video = value == "video",
            b"locked" => conference.locked = value == "true",
            _ => {}
        }
    }
    Ok(conference)
}

fn activity_of(namespace: &ResolveResult<'_>, element: &BytesStart<'_>) -> Option<Activity> {
    let name = element.local_name();
    let mut all = Activity::ALL.into_iter();
    all.find(|activity| activity.word().as_bytes() == name.as_ref())
        .filter(|_| is_in(namespace, RPID))
}

#[cfg(test)]
mod tests {
    use sip_proto::NameAddr;

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for open in [true, false] {
            for note in [None, Some("in a <tent> & \"offline\"".to_owned())] {
                let presence = Presence {
                    open: Some(open),
                    activities: [Activity::Busy, Activity::OnThePhone].into(),
                    conference: note.as_ref().map(|_| ConferencePresence {
                        title: "Plan <B> & \"C\"".to_owned(),
                        count: 3,
                        video: open,
                        locked: !open,
                        talks: vec!["Bob & Co".to_owned(), "Carol".to_owned()],
                    }),
                    caps: match open {
                        true => ServiceCaps::of_contact(
                            &NameAddr::parse(
                                "<sip:bob@192.0.2.1>;audio;video=\"FALSE\";methods=\"INVITE\"",
                            )
                            .unwrap(),
                        ),
                        false => ServiceCaps::default(),
                    },
                    note,
                };
                let document = write("bob&co@example.org", &presence);
                assert_eq!(read(document.as_bytes()), Ok(presence), "{document}");
            }
        }
    }

    #[test]
    fn the_words_of_others_are_read_and_their_extensions_left_out() {
        // As RFC 3863 §4.2 and RFC 4480 §4 write them, with other prefixes and more than we understand.
        let document = r#"<?xml version="1.0"?>
            <impp:presence xmlns:impp="urn:ietf:params:xml:ns:pidf" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"
              xmlns:p="urn:ietf:params:xml:ns:pidf:data-model" xmlns:x="urn:x" entity="pres:someone@example.com">
              <impp:tuple id="a"><impp:status><impp:basic>closed</impp:basic><x:away>no</x:away></impp:status></impp:tuple>
              <impp:tuple id="b"><impp:status><impp:basic> open </impp:basic></impp:status>
                <impp:note xml:lang="en">Don&#39;t <!-- a remark -->disturb</impp:note></impp:tuple>
              <p:person id="p"><r:activities><r:meeting/><r:juggling/><x:busy/></r:activities></p:person>
              <x:busy/>
            </impp:presence>"#;
        let presence = read(document.as_bytes()).unwrap();
        assert_eq!(presence.open, Some(true));
        assert_eq!(presence.activities, [Activity::Meeting].into());
        assert_eq!(presence.note.as_deref(), Some("Don't disturb"));
    }

    #[test]
    fn a_note_can_spoil_no_document() {
        let document =
            format!("<presence xmlns=\"{PIDF}\"><note>a\u{1}b\u{ffff}c</note></presence>");
        let presence = read(document.as_bytes()).unwrap();
        assert_eq!(presence.note.as_deref(), Some("a b\u{fffd}c"));
        let referred = format!("<presence xmlns=\"{PIDF}\"><note>a&#1;b</note></presence>");
        match read(referred.as_bytes()) {
            Ok(presence) => assert_eq!(presence.note.as_deref(), Some("a b")),
            Err(refused) => assert_eq!(refused, NoPidf),
        }
    }

    #[test]
    fn what_is_no_presence_document_is_refused() {
        let deep = format!(
            "<presence xmlns=\"{PIDF}\">{}{}</presence>",
            "<a>".repeat(DEPTH_MAX),
            "</a>".repeat(DEPTH_MAX)
        );
        let large = format!(
            "<presence xmlns=\"{PIDF}\"><note>{}</note></presence>",
            "x".repeat(DOCUMENT_MAX_BYTES)
        );
        let entity = format!(
            "<!DOCTYPE p [<!ENTITY e \"x\">]><presence xmlns=\"{PIDF}\"><note>&e;</note></presence>"
        );
        for document in [
            "",
            "hello",
            "<presence/>",
            "<presence xmlns=\"urn:other\"/>",
            &format!("<presence xmlns=\"{PIDF}\">"),
            &format!("<presence xmlns=\"{PIDF}\"/><presence xmlns=\"{PIDF}\"/>"),
            &format!("<presence xmlns=\"{PIDF}\"><note>&e;</note></presence>"),
            &format!(
                "<presence xmlns=\"{PIDF}\"><tuple id=\"a\"><status/><servcaps xmlns=\"{CAPS}\"><audio>loud</audio></servcaps></tuple></presence>"
            ),
            &deep,
            &large,
            &entity,
        ] {
            assert_eq!(read(document.as_bytes()), Err(NoPidf), "{document}");
        }
    }
}
