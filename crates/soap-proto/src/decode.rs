//! Requests from bytes.

use convoke_types::limits::PARTIES_MAX;
use convoke_types::{ConferenceId, FaultCode};

use crate::cursor::Cursor;
use crate::error::SoapError;
use crate::headers::Headers;
use crate::model::{
    CallAt, Create, OnOwnerLeft, Operation, OperationName, Party, Policy, Request, Who,
};
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
        let error = SoapError::new("document", "s:Envelope of SOAP 1.1", root.shown());
        // SOAP 1.1 §4.1.2: another namespace of the Envelope is another version of SOAP.
        return Err(match root.local.as_str() {
            "Envelope" => error.with_code(FaultCode::VersionMismatch),
            _ => error,
        });
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
    SoapError::new("s:Envelope/s:Body", expected, body.shown())
        .with_code(FaultCode::UnknownOperation)
}

fn operation(body: &Element, path: &str) -> Result<Operation, SoapError> {
    let name = OperationName::ALL
        .into_iter()
        .find(|name| name.as_str() == body.local && body.ns == Ns::Conference);
    let Some(name) = name else {
        let [first, rest @ ..] = OperationName::ALL.map(OperationName::as_str);
        let expected = format!("c:{first} or one of {}", rest.join(", "));
        return Err(unknown_operation(body, &expected));
    };
    match name {
        OperationName::List => {
            Cursor::empty(body, path)?;
            return Ok(Operation::List);
        }
        OperationName::Create => {
            let mut c = Cursor::new(body, path)?;
            let create = create(&mut c)?;
            c.finish()?;
            return Ok(Operation::Create(create));
        }
        _ => {}
    }
    let mut c = Cursor::new(body, path)?;
    let conference = c.leaf("conference", "an identifier", text::id)?;
    let operation = of_conference(name, conference, &mut c)?;
    c.finish()?;
    Ok(operation)
}

/// An operation on a conference that exists, after its id.
fn of_conference(
    name: OperationName,
    conference: ConferenceId,
    c: &mut Cursor<'_>,
) -> Result<Operation, SoapError> {
    let whom = |c: &mut Cursor<'_>| c.leaf("participant", "an identifier", text::id);
    macro_rules! whom {
        ($operation:ident) => {
            Operation::$operation {
                conference,
                participant: whom(c)?,
            }
        };
    }
    Ok(match name {
        OperationName::Add => Operation::Add {
            conference,
            participants: parties(c, 1)?,
        },
        OperationName::Call => Operation::Call {
            conference,
            participant: whom(c)?,
            at: call_at(c)?,
        },
        OperationName::Disconnect => whom!(Disconnect),
        OperationName::Remove => whom!(Remove),
        OperationName::Mute => whom!(Mute),
        OperationName::Unmute => whom!(Unmute),
        OperationName::Hide => whom!(Hide),
        OperationName::Unhide => whom!(Unhide),
        OperationName::RaiseHand => whom!(RaiseHand),
        OperationName::LowerHand => whom!(LowerHand),
        OperationName::GiveFloor => whom!(GiveFloor),
        OperationName::Lock => Operation::Lock { conference },
        OperationName::Unlock => Operation::Unlock { conference },
        OperationName::MakeModerator => whom!(MakeModerator),
        OperationName::HandOver => whom!(HandOver),
        OperationName::MuteAll => Operation::MuteAll { conference },
        OperationName::UnmuteAll => Operation::UnmuteAll { conference },
        OperationName::DisconnectAll => Operation::DisconnectAll { conference },
        OperationName::Decline => Operation::Decline {
            conference,
            participant: whom(c)?,
            words: c.optional("words", "at most 512 characters", text::words)?,
        },
        OperationName::End => Operation::End { conference },
        OperationName::Pictures => Operation::Pictures {
            conference,
            video: c.optional("video", "an identifier", text::id)?,
            words: c.optional("words", "at most 512 characters", text::words)?,
        },
        OperationName::Get => get(c, conference)?,
        // They name no conference that exists, and never come here.
        OperationName::Create | OperationName::List => return Err(c.missing("another operation")),
    })
}

fn call_at(c: &mut Cursor<'_>) -> Result<Option<CallAt>, SoapError> {
    if let Some(place) = c.optional("place", "1 to 64 characters", text::label)? {
        return Ok(Some(CallAt::Place(place)));
    }
    let number = c.optional("number", "a telephone number", text::number)?;
    Ok(number.map(CallAt::Number))
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
        conference: c.optional("conference", "an identifier", text::id)?,
        owner: c.optional("owner", "user@domain", text::aor)?,
        video: c.optional("video", "an identifier", text::id)?,
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

fn get(c: &mut Cursor<'_>, conference: ConferenceId) -> Result<Operation, SoapError> {
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
