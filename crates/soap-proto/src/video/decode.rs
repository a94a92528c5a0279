//! Requests and answers of the video services from bytes.

use convoke_types::{Mode, ModeSource};

use super::{
    AskedPerson, CALLEES_MAX, Callee, Guest, INVITES_MAX, Invite, Invited, KnownMode, KnownPerson,
    MODES_MAX, MODES_PEOPLE_MAX, NoWay, Requested, VideoAnswer, VideoOperation, VideoRequest,
    VideoResponse, Way, WhyNoWay,
};
use crate::cursor::Cursor;
use crate::decode::{envelope, unknown_operation, with_headers};
use crate::decode_answer::fault;
use crate::error::SoapError;
use crate::names::Ns;
use crate::text;
use crate::xml::{self, Element};

/// Reads a request to a video service, as strictly as its schema. The error carries the headers when those were good.
pub fn parse_video_request(bytes: &[u8]) -> Result<VideoRequest, SoapError> {
    let root = xml::read(bytes)?;
    let (headers, body, path) = envelope(&root)?;
    let operation = operation(body, &path).map_err(|e| with_headers(e, &headers))?;
    Ok(VideoRequest { headers, operation })
}

/// Reads what a video service answered: a response element or a SOAP Fault.
pub fn parse_video_response(bytes: &[u8]) -> Result<VideoResponse, SoapError> {
    let root = xml::read(bytes)?;
    let (headers, body, path) = envelope(&root)?;
    let outcome = match body.ns == Ns::Soap && body.local == "Fault" {
        true => fault(body, &path).map(Err),
        false => answer(body, &path).map(Ok),
    };
    let outcome = outcome.map_err(|e| with_headers(e, &headers))?;
    Ok(VideoResponse { headers, outcome })
}

fn operation(body: &Element, path: &str) -> Result<VideoOperation, SoapError> {
    match (&body.ns, body.local.as_str()) {
        (Ns::Video, "request") => {
            let mut c = Cursor::new(body, path)?;
            let title = optional(&mut c, "title", "at most 64 characters", text::name)?;
            let invites = list(&mut c, "invite", (1, INVITES_MAX), invite)?;
            c.finish()?;
            Ok(VideoOperation::Request { title, invites })
        }
        (Ns::Video, "ways") => {
            let mut c = Cursor::new(body, path)?;
            let invites = list(&mut c, "invite", (1, INVITES_MAX), invite)?;
            c.finish()?;
            Ok(VideoOperation::Ways(invites))
        }
        (Ns::Video, "modes") => {
            let mut c = Cursor::new(body, path)?;
            let mut people = Vec::new();
            while let Some(person) =
                optional(&mut c, "person", "1 to 320 characters", text::person)?
            {
                if people.len() >= MODES_PEOPLE_MAX {
                    let expected = format!("at most {MODES_PEOPLE_MAX} people");
                    return Err(SoapError::new(c.path(), expected, "more"));
                }
                people.push(person);
            }
            if people.is_empty() {
                return Err(c.missing("v:person"));
            }
            c.finish()?;
            Ok(VideoOperation::Modes(people))
        }
        (Ns::Video, "callable") => {
            let mut c = Cursor::new(body, path)?;
            let mut callees = Vec::new();
            while let Some(callee) = callee(&mut c)? {
                if callees.len() >= CALLEES_MAX {
                    let expected = format!("at most {CALLEES_MAX} numbers and addresses");
                    return Err(SoapError::new(c.path(), expected, "more"));
                }
                callees.push(callee);
            }
            if callees.is_empty() {
                return Err(c.missing("v:number or v:sip"));
            }
            c.finish()?;
            Ok(VideoOperation::Callable(callees))
        }
        _ => {
            let expected = "v:request, v:ways, v:modes or v:callable";
            Err(unknown_operation(body, expected))
        }
    }
}

fn callee(c: &mut Cursor<'_>) -> Result<Option<Callee>, SoapError> {
    if let Some(number) = optional(c, "number", "a telephone number", text::number)? {
        return Ok(Some(Callee::Number(number)));
    }
    let uri = optional(c, "sip", "a SIP URI", text::sip_uri)?;
    Ok(uri.map(Callee::Sip))
}

fn invite(c: &mut Cursor<'_>) -> Result<Invite, SoapError> {
    let who = if let Some(person) = optional(c, "person", "1 to 320 characters", text::person)? {
        Invited::Person(person)
    } else if let Some(number) = optional(c, "number", "a telephone number", text::number)? {
        Invited::Number(number)
    } else if let Some(uri) = optional(c, "sip", "a SIP URI", text::sip_uri)? {
        Invited::Sip(uri)
    } else {
        let expected = "h323:, isdn:, atm: or gateway: and an address";
        match optional(c, "address", expected, text::network_address)? {
            Some(address) => Invited::Network(address),
            None => return Err(c.missing("v:person, v:number, v:sip or v:address")),
        }
    };
    Ok(Invite {
        who,
        name: optional(c, "name", "at most 64 characters", text::name)?,
        mode: optional(c, "mode", "a mode", mode)?,
    })
}

fn answer(body: &Element, path: &str) -> Result<VideoAnswer, SoapError> {
    let mut c = match (&body.ns, body.local.as_str()) {
        (Ns::Video, "requested" | "waysResponse" | "modesResponse" | "callableResponse") => {
            Cursor::new(body, path)?
        }
        _ => {
            let expected =
                "v:requested, v:waysResponse, v:modesResponse, v:callableResponse or s:Fault";
            return Err(unknown_operation(body, expected));
        }
    };
    let answer = match body.local.as_str() {
        "requested" => VideoAnswer::Requested(Requested {
            conference: leaf(&mut c, "conference", "an identifier", text::id)?,
            uri: leaf(&mut c, "uri", "a SIP URI", text::sip_uri)?,
            server: leaf(&mut c, "server", "an identifier", text::id)?,
            link: optional(&mut c, "link", "a URI", text::uri)?,
            // The asker is one of them.
            guests: list(&mut c, "guest", (1, INVITES_MAX + 1), guest)?,
        }),
        "waysResponse" => VideoAnswer::Ways(list(&mut c, "guest", (1, INVITES_MAX + 1), guest)?),
        "callableResponse" => VideoAnswer::Callable(may_be_called(&mut c)?),
        _ => VideoAnswer::Modes(list(&mut c, "person", (1, MODES_PEOPLE_MAX), asked)?),
    };
    c.finish()?;
    Ok(answer)
}

fn may_be_called(c: &mut Cursor<'_>) -> Result<Vec<bool>, SoapError> {
    let mut all = Vec::new();
    while let Some(may) = optional(c, "may", "true or false", text::boolean)? {
        if all.len() >= CALLEES_MAX {
            let expected = format!("at most {CALLEES_MAX} v:may");
            return Err(SoapError::new(c.path(), expected, "more"));
        }
        all.push(may);
    }
    match all.is_empty() {
        true => Err(c.missing("v:may")),
        false => Ok(all),
    }
}

fn guest(c: &mut Cursor<'_>) -> Result<Guest, SoapError> {
    let name = leaf(c, "name", "at most 64 characters", text::name)?;
    let user = optional(c, "user", "user@domain", text::aor)?;
    let way = match c.take(&Ns::Video, "way") {
        Some(element) => {
            let mut inner = Cursor::new(element, &c.below(element))?;
            let way = Way {
                mode: leaf(&mut inner, "mode", "a mode", mode)?,
                shows: leaf(&mut inner, "shows", "true or false", text::boolean)?,
                words: leaf(&mut inner, "words", "at most 512 characters", text::words)?,
            };
            inner.finish()?;
            Ok(way)
        }
        None => {
            let words = optional(c, "none", "at most 512 characters", text::words)?;
            Err(NoWay {
                words: words.ok_or_else(|| c.missing("v:way or v:none"))?,
                why: optional(c, "why", "a reason", why)?,
                mode: optional(c, "mode", "a mode", mode)?,
            })
        }
    };
    Ok(Guest { name, user, way })
}

fn asked(c: &mut Cursor<'_>) -> Result<AskedPerson, SoapError> {
    let asked = leaf(c, "asked", "1 to 320 characters", text::person)?;
    let known = match c.take(&Ns::Video, "known") {
        Some(element) => {
            let mut inner = Cursor::new(element, &c.below(element))?;
            let known = KnownPerson {
                user: leaf(&mut inner, "user", "user@domain", text::aor)?,
                name: leaf(&mut inner, "name", "at most 64 characters", text::name)?,
                language: leaf(&mut inner, "language", "a language", text::language)?,
                modes: list(&mut inner, "mode", (0, MODES_MAX), known_mode)?,
            };
            inner.finish()?;
            Some(known)
        }
        None => None,
    };
    Ok(AskedPerson { asked, known })
}

fn known_mode(c: &mut Cursor<'_>) -> Result<KnownMode, SoapError> {
    Ok(KnownMode {
        mode: leaf(c, "mode", "a mode", mode)?,
        address: optional(c, "address", "a URI", text::uri)?,
        place: optional(c, "place", "1 to 64 characters", text::label)?,
        video: leaf(c, "video", "true or false", text::boolean)?,
        here: leaf(c, "here", "true or false", text::boolean)?,
        source: leaf(c, "source", "a source", |t| {
            text::collapse(t).parse::<ModeSource>().ok()
        })?,
    })
}

fn why(word: &str) -> Option<WhyNoWay> {
    let word = text::collapse(word);
    WhyNoWay::ALL.into_iter().find(|why| word == why.as_str())
}

fn mode(word: &str) -> Option<Mode> {
    text::collapse(word).parse().ok()
}

/// The children of this name, each walked to its end.
fn list<T>(
    c: &mut Cursor<'_>,
    local: &str,
    (min, max): (usize, usize),
    read: impl Fn(&mut Cursor<'_>) -> Result<T, SoapError>,
) -> Result<Vec<T>, SoapError> {
    let mut found = Vec::new();
    while let Some(element) = c.take(&Ns::Video, local) {
        let mut inner = Cursor::new(element, &c.below(element))?;
        if found.len() >= max {
            let expected = format!("at most {max} v:{local}");
            return Err(SoapError::new(inner.path(), expected, "more"));
        }
        found.push(read(&mut inner)?);
        inner.finish()?;
    }
    if found.len() < min {
        return Err(c.missing(&format!("v:{local}")));
    }
    Ok(found)
}

fn leaf<T>(
    c: &mut Cursor<'_>,
    local: &str,
    expected: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, SoapError> {
    optional(c, local, expected, read)?.ok_or_else(|| c.missing(&format!("v:{local}")))
}

fn optional<T>(
    c: &mut Cursor<'_>,
    local: &str,
    expected: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, SoapError> {
    c.named_leaf(&Ns::Video, local, expected, read)
}
