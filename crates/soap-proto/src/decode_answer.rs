//! Responses, faults and reports from bytes.

use convoke_types::bridge_protocol::Feature;
use convoke_types::limits::PARTIES_MAX;
use convoke_types::report::{Change, ConferenceEnd, ConferenceEndReason, ParticipantRef, Report};
use convoke_types::{Cause, EndReason, Fault, FaultCode, LegState, MutedBy, NumberRefusal, Role};

use crate::cursor::Cursor;
use crate::decode::{count, envelope, unknown_operation, version, with_headers};
use crate::error::SoapError;
use crate::model::{
    Answer, ConferenceState, LegSnapshot, MovingSnapshot, OperationName, ParticipantSnapshot,
    ReportAck, ReportMessage, Response, Snapshot,
};
use crate::names::{LIST_MAX, Ns, REPORTS_MAX};
use crate::text;
use crate::time::UtcMillis;
use crate::xml::{self, Element};

/// Reads what the conference service answered: a response element or a SOAP Fault.
pub fn parse_response(bytes: &[u8]) -> Result<Response, SoapError> {
    let root = xml::read(bytes)?;
    let (headers, body, path) = envelope(&root)?;
    let outcome = outcome(body, &path).map_err(|e| with_headers(e, &headers))?;
    Ok(Response { headers, outcome })
}

/// Reads a `report` to the reporting service.
pub fn parse_report(bytes: &[u8]) -> Result<ReportMessage, SoapError> {
    let root = xml::read(bytes)?;
    let (headers, body, path) = envelope(&root)?;
    let read = || {
        if body.ns != Ns::Report || body.local != "report" {
            return Err(unknown_operation(body, "r:report"));
        }
        let mut c = Cursor::new(body, &path)?;
        let user = c.named_leaf(&Ns::Report, "user", "user@domain", text::aor)?;
        let address = c.named_leaf(&Ns::Report, "address", "a URI", text::uri)?;
        let mut reports = Vec::new();
        while let Some(entry) = c.take(&Ns::Report, "entry") {
            push_report(&mut reports, Cursor::new(entry, &c.below(entry))?)?;
        }
        if reports.is_empty() {
            return Err(c.missing("r:entry"));
        }
        c.finish()?;
        Ok((user, address, reports))
    };
    let (user, address, reports) = read().map_err(|e| with_headers(e, &headers))?;
    Ok(ReportMessage {
        headers,
        user,
        address,
        reports,
    })
}

/// Reads the reporting service's answer.
pub fn parse_report_ack(bytes: &[u8]) -> Result<ReportAck, SoapError> {
    let root = xml::read(bytes)?;
    let (headers, body, path) = envelope(&root)?;
    if body.ns == Ns::Soap && body.local == "Fault" {
        return Ok(ReportAck {
            headers,
            outcome: Err(fault(body, &path)?),
        });
    }
    if body.ns != Ns::Report || body.local != "reportAck" {
        return Err(unknown_operation(body, "r:reportAck"));
    }
    let mut c = Cursor::new(body, &path)?;
    let accepted = c
        .named_leaf(&Ns::Report, "accepted", "a number", count)?
        .ok_or_else(|| c.missing("r:accepted"))?;
    c.finish()?;
    Ok(ReportAck {
        headers,
        outcome: Ok(accepted),
    })
}

fn outcome(body: &Element, path: &str) -> Result<Result<Answer, Fault>, SoapError> {
    if body.ns == Ns::Soap && body.local == "Fault" {
        return fault(body, path).map(Err);
    }
    let operation = body
        .local
        .strip_suffix("Response")
        .and_then(|name| OperationName::ALL.into_iter().find(|o| o.as_str() == name));
    let operation = match operation {
        Some(operation) if body.ns == Ns::Conference => operation,
        _ => return Err(unknown_operation(body, "a response of ours or s:Fault")),
    };
    let mut c = Cursor::new(body, path)?;
    let answer = match operation {
        OperationName::List => {
            let mut conferences = Vec::new();
            while let Some(mut block) = c.optional_block("conference")? {
                if conferences.len() >= LIST_MAX {
                    let expected = format!("at most {LIST_MAX} conferences");
                    return Err(SoapError::new(block.path(), expected, "more"));
                }
                conferences.push(snapshot(&mut block)?);
            }
            Answer::List { conferences }
        }
        OperationName::Get => {
            let conference = snapshot(&mut c.block("conference")?)?;
            let mut reports = Vec::new();
            while let Some(block) = c.optional_block("report")? {
                push_report(&mut reports, block)?;
            }
            Answer::Get {
                conference,
                reports,
            }
        }
        OperationName::Create
        | OperationName::Add
        | OperationName::Call
        | OperationName::Disconnect
        | OperationName::Remove
        | OperationName::Mute
        | OperationName::Unmute
        | OperationName::Hide
        | OperationName::Unhide
        | OperationName::RaiseHand
        | OperationName::LowerHand
        | OperationName::GiveFloor
        | OperationName::Lock
        | OperationName::Unlock
        | OperationName::MakeModerator
        | OperationName::HandOver
        | OperationName::MuteAll
        | OperationName::UnmuteAll
        | OperationName::DisconnectAll
        | OperationName::Decline
        | OperationName::End
        | OperationName::Pictures => Answer::Done {
            operation,
            conference: snapshot(&mut c.block("conference")?)?,
        },
    };
    c.finish()?;
    Ok(Ok(answer))
}

fn push_report(reports: &mut Vec<Report>, mut block: Cursor<'_>) -> Result<(), SoapError> {
    if reports.len() >= REPORTS_MAX {
        let expected = format!("at most {REPORTS_MAX} reports");
        return Err(SoapError::new(block.path(), expected, "more"));
    }
    reports.push(report(&mut block)?);
    Ok(())
}

/// SOAP 1.1 §4.4; its children are without namespace.
pub(crate) fn fault(body: &Element, path: &str) -> Result<Fault, SoapError> {
    let mut c = Cursor::new(body, path)?;
    c.named_leaf(
        &Ns::None,
        "faultcode",
        "Client or Server, qualified",
        faultcode,
    )?
    .ok_or_else(|| c.missing("faultcode"))?;
    let words = c
        .named_leaf(
            &Ns::None,
            "faultstring",
            "at most 512 characters",
            text::words,
        )?
        .ok_or_else(|| c.missing("faultstring"))?;
    c.named_leaf(&Ns::None, "faultactor", "a URI", text::uri)?;
    let found = match c.take(&Ns::None, "detail") {
        Some(detail) => {
            let mut d = Cursor::new(detail, &c.below(detail))?;
            let mut f = d.block("fault")?;
            let code = f.leaf("code", "a code of ours", |t| {
                one_of(t, FaultCode::ALL, FaultCode::as_str)
            })?;
            let expected = f.leaf("expected", "at most 512 characters", text::words)?;
            let came = f.leaf("came", "at most 512 characters", text::words)?;
            let why = f.optional("why", "why a number is refused", |t| {
                one_of(t, NumberRefusal::ALL, NumberRefusal::as_str)
            })?;
            let index = f.optional("index", "a number", count)?;
            f.finish()?;
            d.finish()?;
            Fault {
                why,
                index,
                ..Fault::new(code, expected, came)
            }
        }
        None => Fault::new(FaultCode::Internal, "an answer", words),
    };
    c.finish()?;
    Ok(found)
}

/// Schema type `FaultCodeName`: `([A-Za-z_][A-Za-z0-9_.-]*:)?` and one of SOAP 1.1 §4.4.1.
fn faultcode(text: &str) -> Option<()> {
    let text = text::collapse(text);
    let (prefix, local) = match text.split_once(':') {
        Some((prefix, local)) => (Some(prefix), local),
        None => (None, text.as_str()),
    };
    let prefix_ok = prefix.is_none_or(|p| {
        p.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && p.chars()
                .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
    });
    let known = ["Client", "Server", "VersionMismatch", "MustUnderstand"];
    (prefix_ok && known.contains(&local)).then_some(())
}

fn sound_moves(told: Option<u64>) -> u32 {
    u32::try_from(told.unwrap_or_default()).unwrap_or(u32::MAX)
}

/// What the bridge cannot do, as often as the schema has it.
fn absent(c: &mut Cursor<'_>) -> Result<Vec<Feature>, SoapError> {
    let mut found = Vec::new();
    let known = |t: &str| one_of(t, Feature::OF_SOUND, Feature::as_str);
    while let Some(feature) = c.optional("absent", "what a bridge may lack", known)? {
        if found.len() >= Feature::OF_SOUND.len() {
            let expected = format!("at most {} c:absent", Feature::OF_SOUND.len());
            return Err(SoapError::new(c.path(), expected, "more"));
        }
        found.push(feature);
    }
    Ok(found)
}

fn snapshot(c: &mut Cursor<'_>) -> Result<Snapshot, SoapError> {
    let mut found = Snapshot {
        id: c.leaf("id", "an identifier", text::id)?,
        title: c.leaf("title", "at most 64 characters", text::name)?,
        state: c.leaf("state", "a conference state", |t| {
            one_of(t, ConferenceState::ALL, ConferenceState::as_str)
        })?,
        locked: c.leaf("locked", "true or false", text::boolean)?,
        video: c.optional("video", "an identifier", text::id)?,
        pictures_lost: c.optional("picturesLost", "yes", mark)?.is_some(),
        sound_moves: sound_moves(c.optional("soundMoves", "a number", version)?),
        absent: absent(c)?,
        version: c.leaf("version", "a version", version)?,
        count: c.leaf("count", "a number", count)?,
        first: c.leaf("first", "a number", count)?,
        participants: Vec::new(),
    };
    while let Some(mut block) = c.optional_block("participant")? {
        if found.participants.len() >= PARTIES_MAX {
            let expected = format!("at most {PARTIES_MAX} participants");
            return Err(SoapError::new(block.path(), expected, "more"));
        }
        found.participants.push(participant(&mut block)?);
    }
    c.finish()?;
    Ok(found)
}

fn participant(c: &mut Cursor<'_>) -> Result<ParticipantSnapshot, SoapError> {
    let found = ParticipantSnapshot {
        id: c.leaf("id", "an identifier", text::id)?,
        name: c.leaf("name", "at most 64 characters", text::name)?,
        user: c.optional("user", "user@domain", text::aor)?,
        place: c.leaf("place", "at most 64 characters", text::name)?,
        role: c.leaf("role", "a role", role)?,
        muted: c.leaf("muted", "true or false", text::boolean)?,
        muted_by: muted_by(c)?,
        talking: c.leaf("talking", "true or false", text::boolean)?,
        silent: c.leaf("silent", "true or false", text::boolean)?,
        hidden: c.optional("hidden", "yes", mark)?.is_some(),
        hand: c.optional("hand", "a number", count)?,
        hand_since: c.optional("handSince", "a UTC dateTime", UtcMillis::parse_token)?,
        leg: leg(c)?,
        moving: match c.optional_block("moving")? {
            Some(mut block) => {
                let place = block.leaf("place", "at most 64 characters", text::name)?;
                let leg = leg(&mut block)?.ok_or_else(|| block.missing("c:leg"))?;
                block.finish()?;
                Some(MovingSnapshot { place, leg })
            }
            None => None,
        },
    };
    c.finish()?;
    Ok(found)
}

fn leg(c: &mut Cursor<'_>) -> Result<Option<LegSnapshot>, SoapError> {
    let Some(mut block) = c.optional_block("leg")? else {
        return Ok(None);
    };
    let leg = LegSnapshot {
        id: block.leaf("id", "an identifier", text::id)?,
        state: leg_state(&mut block)?,
        cause: cause(&mut block)?,
        since: block.leaf("since", "a UTC dateTime", UtcMillis::parse_token)?,
    };
    block.finish()?;
    Ok(Some(leg))
}

/// The state for programs; its words, for people, are those of `LegState::words` and are not kept.
fn leg_state(c: &mut Cursor<'_>) -> Result<LegState, SoapError> {
    let state = c.leaf("state", "a leg state", |t| {
        one_of(t, LegState::ALL, LegState::as_str)
    })?;
    c.leaf("words", "at most 512 characters", text::words)?;
    Ok(state)
}

fn cause(c: &mut Cursor<'_>) -> Result<Option<Cause>, SoapError> {
    let Some(mut block) = c.optional_block("cause")? else {
        return Ok(None);
    };
    let found = Cause {
        reason: block.leaf("reason", "an end reason", |t| {
            one_of(t, EndReason::ALL, EndReason::as_str)
        })?,
        sip: block.optional("sip", "100 to 699", |t| {
            text::integer(t, 3, 100, 699).and_then(|n| u16::try_from(n).ok())
        })?,
        q850: block.optional("q850", "0 to 127", |t| {
            text::integer(t, 3, 0, 127).and_then(|n| u8::try_from(n).ok())
        })?,
        words: block.leaf("words", "at most 512 characters", text::words)?,
    };
    block.finish()?;
    Ok(Some(found))
}

fn report(c: &mut Cursor<'_>) -> Result<Report, SoapError> {
    let conference = c.leaf("conference", "an identifier", text::id)?;
    let version = c.leaf("version", "a version", version)?;
    let participant = match c.optional_block("participant")? {
        Some(mut block) => {
            let found = ParticipantRef {
                id: block.leaf("id", "an identifier", text::id)?,
                name: block.leaf("name", "at most 64 characters", text::name)?,
                user: block
                    .optional("user", "user@domain", text::aor)?
                    .map(|user| user.to_string()),
                place: block.leaf("place", "at most 64 characters", text::name)?,
                role: block.leaf("role", "a role", role)?,
            };
            block.finish()?;
            Some(found)
        }
        None => None,
    };
    let mut change = change(c)?;
    let muted_by = muted_by(c)?;
    if let Change::Muted { by, .. } = &mut change {
        *by = muted_by;
    }
    let command = c.optional("command", "an identifier", text::id)?;
    c.finish()?;
    Ok(Report {
        conference,
        version,
        participant,
        change,
        command,
    })
}

fn change(c: &mut Cursor<'_>) -> Result<Change, SoapError> {
    for (name, change) in [
        ("created", Change::Created),
        ("added", Change::Added),
        ("removed", Change::Removed),
    ] {
        if c.optional(name, "yes", mark)?.is_some() {
            return Ok(change);
        }
    }
    if let Some(mut block) = c.optional_block("leg")? {
        let change = Change::Leg {
            leg: block.leaf("id", "an identifier", text::id)?,
            state: leg_state(&mut block)?,
            cause: cause(&mut block)?,
            moving: block.optional("moving", "yes", mark)?.is_some(),
        };
        block.finish()?;
        return Ok(change);
    }
    if let Some(on) = c.optional("muted", "on or off", switch)? {
        // By whom stands after the change.
        return Ok(Change::Muted { on, by: None });
    }
    if let Some(on) = c.optional("talking", "on or off", switch)? {
        return Ok(Change::Talking { on });
    }
    if let Some(on) = c.optional("hidden", "on or off", switch)? {
        return Ok(Change::Hidden { on });
    }
    if let Some(on) = c.optional("silent", "on or off", switch)? {
        return Ok(Change::Silent { on });
    }
    if let Some(on) = c.optional("hand", "on or off", switch)? {
        return Ok(Change::Hand { on });
    }
    if c.optional("role", "yes", mark)?.is_some() {
        return Ok(Change::Role);
    }
    if let Some(on) = c.optional("locked", "on or off", switch)? {
        return Ok(Change::Locked { on });
    }
    if let Some(mut block) = c.optional_block("pictures")? {
        let change = Change::Pictures {
            video: block.optional("video", "an identifier", text::id)?,
            words: block.leaf("words", "at most 512 characters", text::words)?,
        };
        block.finish()?;
        return Ok(change);
    }
    if let Some(mut block) = c.optional_block("sound")? {
        let words = block.leaf("words", "at most 512 characters", text::words)?;
        block.finish()?;
        return Ok(Change::Sound { words });
    }
    if let Some(mut block) = c.optional_block("ended")? {
        let cause = ConferenceEnd {
            reason: block.leaf("reason", "why a conference ended", |t| {
                one_of(t, END_REASONS, ConferenceEndReason::as_str)
            })?,
            words: block.leaf("words", "at most 512 characters", text::words)?,
        };
        block.finish()?;
        return Ok(Change::Ended { cause });
    }
    Err(c.missing(
        "c:created, added, removed, leg, muted, talking, hidden, silent, hand, role, locked, pictures or ended",
    ))
}

fn mark(t: &str) -> Option<()> {
    one_of(t, [()], |()| "yes")
}

/// Not `xs:boolean`: zeep takes a `false` of an `xs:choice` for an element that did not come, and an empty one too.
fn switch(t: &str) -> Option<bool> {
    one_of(t, [true, false], switch_word)
}

pub(crate) fn switch_word(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

const END_REASONS: [ConferenceEndReason; 5] = [
    ConferenceEndReason::ByCommand,
    ConferenceEndReason::OwnerLeft,
    ConferenceEndReason::Empty,
    ConferenceEndReason::Error,
    ConferenceEndReason::Shutdown,
];

fn muted_by(c: &mut Cursor<'_>) -> Result<Option<MutedBy>, SoapError> {
    c.optional("mutedBy", "who muted them", |t| {
        one_of(t, MutedBy::ALL, MutedBy::as_str)
    })
}

fn role(text: &str) -> Option<Role> {
    let roles = [
        Role::Owner,
        Role::Moderator,
        Role::Participant,
        Role::Outsider,
        Role::Administrator,
    ];
    one_of(text, roles, Role::as_str)
}

fn one_of<T: Copy, const N: usize>(
    text: &str,
    all: [T; N],
    name: fn(T) -> &'static str,
) -> Option<T> {
    let text = text::collapse(text);
    all.into_iter().find(|t| name(*t) == text)
}
