//! Requests from bytes.

use convoke_types::FaultCode;
use convoke_types::limits::PARTIES_MAX;

use crate::cursor::Cursor;
use crate::error::SoapError;
use crate::headers::Headers;
use crate::model::{Create, OnOwnerLeft, Operation, Party, Policy, Request, Who};
use crate::names::{Ns, WAIT_MAX_MS};
use crate::text;
use crate::xml::{self, Element};

/// Reads a request to the conference service, as strictly as its schema. The error carries the headers when those were good,
/// so that a fault can be sent to their ReplyTo.
pub fn parse_request(bytes: &[u8]) -> Result<Request, SoapError> {
    let root = xml::read(bytes)?;
    let (headers, body, path) = envelope(&root)?;
    let operation = operation(body, &path).map_err(|e| with_headers(e, &headers))?;
    Ok(Request { headers, operation })
}

pub(crate) fn with_headers(mut error: SoapError, headers: &Headers) -> SoapError {
    error.headers = Some(Box::new(headers.clone()));
    error
}

/// SOAP 1.1 §4: an Envelope with at most one Header and one Body, here with exactly one element in the Body.
pub(crate) fn envelope(root: &Element) -> Result<(Headers, &Element, String), SoapError> {
    if root.ns != Ns::Soap || root.local != "Envelope" {
        return Err(SoapError::new(
            "document",
            "s:Envelope of SOAP 1.1",
            root.shown(),
        ));
    }
    let mut cursor = Cursor::new(root, "s:Envelope")?;
    let headers = match cursor.take(&Ns::Soap, "Header") {
        Some(header) => Headers::decode(header, "s:Envelope/s:Header")?,
        None => Headers::default(),
    };
    let body = (|| {
        let body = cursor
            .take(&Ns::Soap, "Body")
            .ok_or_else(|| cursor.missing("s:Body"))?;
        cursor.finish()?;
        let mut inner = Cursor::new(body, "s:Envelope/s:Body")?;
        let content = inner.any("one element")?;
        inner.finish()?;
        let path = inner.below(content);
        Ok((content, path))
    })();
    let (content, path) = body.map_err(|e| with_headers(e, &headers))?;
    Ok((headers, content, path))
}

pub(crate) fn unknown_operation(body: &Element, expected: &str) -> SoapError {
    let mut error = SoapError::new("s:Envelope/s:Body", expected, body.shown());
    error.code = FaultCode::UnknownOperation;
    error
}

fn operation(body: &Element, path: &str) -> Result<Operation, SoapError> {
    let unknown = || {
        unknown_operation(
            body,
            "c:create, add, call, disconnect, remove, mute, unmute, end, get or list",
        )
    };
    if body.ns != Ns::Conference {
        return Err(unknown());
    }
    match body.local.as_str() {
        "create" | "add" | "call" | "disconnect" | "remove" | "mute" | "unmute" | "end" | "get" => {
        }
        "list" => {
            Cursor::empty(body, path)?;
            return Ok(Operation::List);
        }
        _ => return Err(unknown()),
    }
    let mut c = Cursor::new(body, path)?;
    if body.local == "create" {
        let create = create(&mut c)?;
        c.finish()?;
        return Ok(Operation::Create(create));
    }
    let conference = c.leaf("conference", "an identifier", text::id)?;
    let operation = match body.local.as_str() {
        "add" => Operation::Add {
            conference,
            participants: parties(&mut c, 1)?,
        },
        "end" => Operation::End { conference },
        "get" => get(&mut c, conference)?,
        other => {
            let participant = c.leaf("participant", "an identifier", text::id)?;
            match other {
                "call" => Operation::Call {
                    conference,
                    participant,
                    place: c.optional("place", "1 to 64 characters", text::label)?,
                },
                "disconnect" => Operation::Disconnect {
                    conference,
                    participant,
                },
                "remove" => Operation::Remove {
                    conference,
                    participant,
                },
                "mute" => Operation::Mute {
                    conference,
                    participant,
                },
                _ => Operation::Unmute {
                    conference,
                    participant,
                },
            }
        }
    };
    c.finish()?;
    Ok(operation)
}

fn create(c: &mut Cursor<'_>) -> Result<Create, SoapError> {
    let title = c.optional("title", "at most 64 characters", text::name)?;
    let mut block = c.block("initiator")?;
    let initiator = party(&mut block)?;
    let participants = parties(c, 0)?;
    let policy = match c.optional_block("policy")? {
        Some(mut block) => Some(policy(&mut block)?),
        None => None,
    };
    Ok(Create {
        title,
        initiator,
        participants,
        policy,
        payer: c.optional("payer", "1 to 64 characters", text::label)?,
        account: c.optional("account", "1 to 64 characters", text::label)?,
    })
}

fn parties(c: &mut Cursor<'_>, min: usize) -> Result<Vec<Party>, SoapError> {
    let mut found = Vec::new();
    while let Some(mut block) = c.optional_block("participant")? {
        if found.len() >= PARTIES_MAX {
            return Err(SoapError::new(
                block.path(),
                format!("at most {PARTIES_MAX} participants"),
                "more",
            ));
        }
        found.push(party(&mut block)?);
    }
    if found.len() < min {
        return Err(c.missing("c:participant"));
    }
    Ok(found)
}

fn party(c: &mut Cursor<'_>) -> Result<Party, SoapError> {
    let person = c.optional("person", "1 to 320 characters", text::person)?;
    let who = match person {
        Some(person) => Who::Person(person),
        None => match c.optional("number", "a telephone number", text::number)? {
            Some(number) => Who::Number(number),
            None => match c.optional("sip", "a SIP URI", text::sip_uri)? {
                Some(uri) => Who::Sip(uri),
                None => return Err(c.missing("c:person, c:number or c:sip")),
            },
        },
    };
    let party = Party {
        who,
        name: c.optional("name", "at most 64 characters", text::name)?,
        place: c.optional("place", "1 to 64 characters", text::label)?,
    };
    c.finish()?;
    Ok(party)
}

fn policy(c: &mut Cursor<'_>) -> Result<Policy, SoapError> {
    let policy = Policy {
        call_all_at_once: c.optional("callAllAtOnce", "true or false", text::boolean)?,
        on_owner_left: c.optional(
            "onOwnerLeft",
            "end or hand-over",
            |t| match text::collapse(t).as_str() {
                "end" => Some(OnOwnerLeft::End),
                "hand-over" => Some(OnOwnerLeft::HandOver),
                _ => None,
            },
        )?,
    };
    c.finish()?;
    Ok(policy)
}

fn get(
    c: &mut Cursor<'_>,
    conference: convoke_types::ConferenceId,
) -> Result<Operation, SoapError> {
    let since = c.optional("since", "a version", version)?;
    let wait_ms = c.optional("waitMs", "0 to 25000", |t| {
        text::integer(t, 5, 0, u64::from(WAIT_MAX_MS)).and_then(|n| u32::try_from(n).ok())
    })?;
    let first = c.optional("first", "0 to 99999", count)?;
    Ok(Operation::Get {
        conference,
        since,
        wait_ms,
        first,
    })
}

/// Schema type `Version`: up to 18 digits.
pub(crate) fn version(text: &str) -> Option<u64> {
    text::integer(text, 18, 0, u64::MAX)
}
/// Schema type `Count`: up to 5 digits.
pub(crate) fn count(text: &str) -> Option<u32> {
    text::integer(text, 5, 0, 99_999).and_then(|n| u32::try_from(n).ok())
}
