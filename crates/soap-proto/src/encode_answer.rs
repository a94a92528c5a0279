//! Responses, faults and reports to bytes. Answers always fit into 64 kB: rosters and lists of reports are cut, and say so
//! (`count` beside `first`; the version of the last report).

use convoke_types::report::{Change, ParticipantRef, Report};
use convoke_types::{Cause, Fault, FaultCode, LegState};

use crate::decode_answer::{parse_report, switch_word};
use crate::encode::Out;
use crate::error::SoapError;
use crate::model::{
    Answer, LegSnapshot, MovingSnapshot, ParticipantSnapshot, ReportAck, ReportMessage, Response,
    Snapshot,
};
use crate::names::{LIST_MAX, REPORTS_MAX};
use crate::text::{aor, clean_name, clean_words};

/// Kept back for the ends of the elements that are open while a list is written, in bytes.
const TAIL_BYTES: usize = 256;
/// The most that the fields of a snapshot before its participants take, in bytes: a title of 64 characters, each of up to
/// five bytes when escaped, two ids of up to 128, and flags and numbers.
const HEAD_BYTES: usize = 1024;
/// Of the room that is left, the reports of `get` may take so much when the roster competes with them: a half.
const REPORTS_SHARE: usize = 2;

/// Writes a response or a SOAP Fault. What does not fit into 64 kB is left out from the end of the roster.
pub fn write_response(response: &Response) -> Vec<u8> {
    let mut out = Out::envelope(&response.headers);
    match &response.outcome {
        Err(fault) => write_fault(&mut out, fault),
        Ok(Answer::Done {
            operation,
            conference,
        }) => {
            let name = format!("c:{}Response", operation.as_str());
            out.open(&name);
            let room = out.room(TAIL_BYTES);
            out.raw(&snapshot(conference, room));
            out.close(&name);
        }
        Ok(Answer::Get {
            conference,
            reports,
        }) => {
            out.open("c:getResponse");
            let room = out.room(TAIL_BYTES);
            let mut entries = String::new();
            for report in reports.iter().take(REPORTS_MAX) {
                let entry = Out::piece(|o| write_entry(o, "c:report", report));
                if entries.len() + entry.len() > room / REPORTS_SHARE {
                    break;
                }
                entries.push_str(&entry);
            }
            out.raw(&snapshot(conference, room.saturating_sub(entries.len())));
            out.raw(&entries);
            out.close("c:getResponse");
        }
        Ok(Answer::List { conferences }) => {
            out.open("c:listResponse");
            let count = conferences.len().clamp(1, LIST_MAX);
            let share = out.room(TAIL_BYTES) / count;
            for conference in conferences.iter().take(LIST_MAX) {
                out.raw(&snapshot(conference, share));
            }
            out.close("c:listResponse");
        }
    }
    out.finish()
}

/// Writes a `report`. More than 100 reports, or 64 kB of them, are an error: the sender sends them in several messages.
pub fn write_report(report: &ReportMessage) -> Result<Vec<u8>, SoapError> {
    let mut out = Out::envelope(&report.headers);
    out.open("r:report");
    out.optional("r:user", report.user.as_ref().map(ToString::to_string));
    out.optional("r:address", report.address.clone());
    for entry in &report.reports {
        write_entry(&mut out, "r:entry", entry);
    }
    out.close("r:report");
    let bytes = out.finish();
    parse_report(&bytes).map(|_| bytes)
}

/// Writes the reporting service's answer.
pub fn write_report_ack(ack: &ReportAck) -> Vec<u8> {
    let mut out = Out::envelope(&ack.headers);
    match &ack.outcome {
        Ok(accepted) => {
            out.open("r:reportAck");
            out.leaf("r:accepted", &accepted.to_string());
            out.close("r:reportAck");
        }
        Err(fault) => write_fault(&mut out, fault),
    }
    out.finish()
}

pub(crate) fn write_fault(out: &mut Out, fault: &Fault) {
    // SOAP 1.1 §4.4.1: Client when the same message will fail again, Server when it may succeed later.
    let code = match fault.code {
        FaultCode::VersionMismatch => "s:VersionMismatch",
        FaultCode::MustUnderstand => "s:MustUnderstand",
        FaultCode::Internal | FaultCode::Overloaded | FaultCode::ShuttingDown => "s:Server",
        _ => "s:Client",
    };
    out.open("s:Fault");
    out.leaf("faultcode", code);
    out.leaf("faultstring", &clean_words(&fault.to_string()));
    out.open("detail");
    out.open("c:fault");
    out.leaf("c:code", fault.code.as_str());
    out.leaf("c:expected", &clean_words(&fault.expected));
    out.leaf("c:came", &clean_words(&fault.came));
    out.optional("c:why", fault.why.map(|why| why.as_str().to_owned()));
    out.optional("c:index", fault.index.map(|index| index.to_string()));
    out.close("c:fault");
    out.close("detail");
    out.close("s:Fault");
}

/// One snapshot in at most `room` bytes, as long as its own few fields fit.
fn snapshot(conference: &Snapshot, room: usize) -> String {
    Out::piece(|out| {
        out.open("c:conference");
        out.leaf("c:id", conference.id.as_str());
        out.leaf("c:title", &clean_name(&conference.title));
        out.leaf("c:state", conference.state.as_str());
        out.leaf("c:locked", &conference.locked.to_string());
        out.optional(
            "c:video",
            conference.video.as_ref().map(ToString::to_string),
        );
        let lost = conference.pictures_lost.then(|| "yes".to_owned());
        out.optional("c:picturesLost", lost);
        let moves = Some(conference.sound_moves).filter(|moves| *moves > 0);
        out.optional("c:soundMoves", moves.map(|moves| moves.to_string()));
        for feature in &conference.absent {
            out.leaf("c:absent", feature.as_str());
        }
        out.leaf("c:version", &conference.version.to_string());
        out.leaf("c:count", &conference.count.to_string());
        out.leaf("c:first", &conference.first.to_string());
        let mut left = room.saturating_sub(HEAD_BYTES);
        for participant in &conference.participants {
            let piece = Out::piece(|o| write_participant(o, participant));
            if piece.len() > left {
                break;
            }
            left -= piece.len();
            out.raw(&piece);
        }
        out.close("c:conference");
    })
}

fn write_participant(out: &mut Out, p: &ParticipantSnapshot) {
    out.open("c:participant");
    out.leaf("c:id", p.id.as_str());
    out.leaf("c:name", &clean_name(&p.name));
    out.optional("c:user", p.user.as_ref().map(ToString::to_string));
    out.leaf("c:place", &clean_name(&p.place));
    out.leaf("c:role", p.role.as_str());
    out.leaf("c:muted", &p.muted.to_string());
    out.optional("c:mutedBy", p.muted_by.map(|by| by.as_str().to_owned()));
    out.leaf("c:talking", &p.talking.to_string());
    out.leaf("c:silent", &p.silent.to_string());
    out.optional("c:hidden", p.hidden.then(|| "yes".to_owned()));
    out.optional("c:hand", p.hand.map(|place| place.to_string()));
    out.optional("c:handSince", p.hand_since.map(|at| at.to_string()));
    if let Some(leg) = &p.leg {
        write_leg(out, leg);
    }
    if let Some(MovingSnapshot { place, leg }) = &p.moving {
        out.open("c:moving");
        out.leaf("c:place", &clean_name(place));
        write_leg(out, leg);
        out.close("c:moving");
    }
    out.close("c:participant");
}

fn write_leg(out: &mut Out, leg: &LegSnapshot) {
    let LegSnapshot {
        id,
        state,
        cause,
        since,
    } = leg;
    out.open("c:leg");
    out.leaf("c:id", id.as_str());
    write_state(out, *state);
    write_cause(out, cause.as_ref());
    out.leaf("c:since", &since.to_string());
    out.close("c:leg");
}

fn write_state(out: &mut Out, state: LegState) {
    out.leaf("c:state", state.as_str());
    out.leaf("c:words", state.words());
}

fn write_cause(out: &mut Out, cause: Option<&Cause>) {
    let Some(cause) = cause else { return };
    out.open("c:cause");
    out.leaf("c:reason", cause.reason.as_str());
    // Codes out of their range would make the whole answer invalid.
    let sip = cause.sip.filter(|n| (100..700).contains(n));
    out.optional("c:sip", sip.map(|n| n.to_string()));
    let q850 = cause.q850.filter(|n| *n < 128);
    out.optional("c:q850", q850.map(|n| n.to_string()));
    out.leaf("c:words", &clean_words(&cause.words));
    out.close("c:cause");
}

fn write_entry(out: &mut Out, name: &str, report: &Report) {
    out.open(name);
    out.leaf("c:conference", report.conference.as_str());
    out.leaf("c:version", &report.version.to_string());
    if let Some(ParticipantRef {
        id,
        name,
        user,
        place,
        role,
    }) = &report.participant
    {
        out.open("c:participant");
        out.leaf("c:id", id.as_str());
        out.leaf("c:name", &clean_name(name));
        let user = user.as_deref().and_then(aor);
        out.optional("c:user", user.map(|u| u.to_string()));
        out.leaf("c:place", &clean_name(place));
        out.leaf("c:role", role.as_str());
        out.close("c:participant");
    }
    match &report.change {
        Change::Created => out.leaf("c:created", "yes"),
        Change::Added => out.leaf("c:added", "yes"),
        Change::Removed => out.leaf("c:removed", "yes"),
        Change::Leg {
            leg,
            state,
            cause,
            moving,
        } => {
            out.open("c:leg");
            out.leaf("c:id", leg.as_str());
            write_state(out, *state);
            write_cause(out, cause.as_ref());
            out.optional("c:moving", moving.then(|| "yes".to_owned()));
            out.close("c:leg");
        }
        Change::Muted { on, by } => {
            out.leaf("c:muted", switch_word(*on));
            out.optional("c:mutedBy", by.map(|by| by.as_str().to_owned()));
        }
        Change::Talking { on } => out.leaf("c:talking", switch_word(*on)),
        Change::Hidden { on } => out.leaf("c:hidden", switch_word(*on)),
        Change::Silent { on } => out.leaf("c:silent", switch_word(*on)),
        Change::Hand { on } => out.leaf("c:hand", switch_word(*on)),
        Change::Role => out.leaf("c:role", "yes"),
        Change::Locked { on } => out.leaf("c:locked", switch_word(*on)),
        Change::Pictures { video, words } => {
            out.open("c:pictures");
            out.optional("c:video", video.as_ref().map(ToString::to_string));
            out.leaf("c:words", &clean_words(words));
            out.close("c:pictures");
        }
        Change::Sound { words } => {
            out.open("c:sound");
            out.leaf("c:words", &clean_words(words));
            out.close("c:sound");
        }
        Change::Ended { cause } => {
            out.open("c:ended");
            out.leaf("c:reason", cause.reason.as_str());
            out.leaf("c:words", &clean_words(&cause.words));
            out.close("c:ended");
        }
    }
    if let Some(command) = &report.command {
        out.leaf("c:command", command.as_str());
    }
    out.close(name);
}
