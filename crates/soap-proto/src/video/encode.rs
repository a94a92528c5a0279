//! Requests and answers of the video services to bytes.

use convoke_types::limits::SOAP_MAX_BYTES;
use convoke_types::{Fault, FaultCode};

use super::decode::parse_video_request;
use super::{
    AskedPerson, Callee, Guest, Invite, Invited, KnownMode, VideoAnswer, VideoOperation,
    VideoRequest, VideoResponse,
};
use crate::encode::Out;
use crate::encode_answer::write_fault;
use crate::error::SoapError;
use crate::names::PERSON_MAX_CHARS;
use crate::text::{clean, clean_name, clean_words};

/// Writes a request. Names and titles are made fit; anything else that the schema refuses is the error that the service would have
/// answered.
pub fn write_video_request(request: &VideoRequest) -> Result<Vec<u8>, SoapError> {
    let mut out = Out::envelope(&request.headers);
    let name = format!("v:{}", request.operation.name());
    out.open(&name);
    match &request.operation {
        VideoOperation::Request { title, invites } => {
            out.optional("v:title", title.as_deref().map(clean_name));
            for invite in invites {
                write_invite(&mut out, invite);
            }
        }
        VideoOperation::Ways(invites) => {
            for invite in invites {
                write_invite(&mut out, invite);
            }
        }
        VideoOperation::Modes(people) => {
            for person in people {
                out.leaf("v:person", &clean(person, PERSON_MAX_CHARS));
            }
        }
        VideoOperation::Callable(callees) => {
            for callee in callees {
                match callee {
                    Callee::Number(number) => out.leaf("v:number", number),
                    Callee::Sip(uri) => out.leaf("v:sip", uri),
                }
            }
        }
    }
    out.close(&name);
    let bytes = out.finish();
    parse_video_request(&bytes).map(|_| bytes)
}

fn write_invite(out: &mut Out, invite: &Invite) {
    out.open("v:invite");
    match &invite.who {
        Invited::Person(person) => out.leaf("v:person", &clean(person, PERSON_MAX_CHARS)),
        Invited::Number(number) => out.leaf("v:number", number),
        Invited::Sip(uri) => out.leaf("v:sip", uri),
        Invited::Network(address) => out.leaf("v:address", &address.to_string()),
    }
    out.optional("v:name", invite.name.as_deref().map(clean_name));
    out.optional("v:mode", invite.mode.map(|mode| mode.as_str().to_owned()));
    out.close("v:invite");
}

/// Writes a response or a SOAP Fault. An answer that does not fit into 64 kB becomes the fault that says so.
pub fn write_video_response(response: &VideoResponse) -> Vec<u8> {
    let mut out = Out::envelope(&response.headers);
    match &response.outcome {
        Err(fault) => write_fault(&mut out, fault),
        Ok(VideoAnswer::Requested(requested)) => {
            out.open("v:requested");
            out.leaf("v:conference", requested.conference.as_str());
            out.leaf("v:uri", &requested.uri);
            out.leaf("v:server", requested.server.as_str());
            out.optional("v:link", requested.link.clone());
            for guest in &requested.guests {
                write_guest(&mut out, guest);
            }
            out.close("v:requested");
        }
        Ok(VideoAnswer::Ways(guests)) => {
            out.open("v:waysResponse");
            for guest in guests {
                write_guest(&mut out, guest);
            }
            out.close("v:waysResponse");
        }
        Ok(VideoAnswer::Modes(people)) => {
            out.open("v:modesResponse");
            for person in people {
                write_person(&mut out, person);
            }
            out.close("v:modesResponse");
        }
        Ok(VideoAnswer::Callable(all)) => {
            out.open("v:callableResponse");
            for may in all {
                out.leaf("v:may", &may.to_string());
            }
            out.close("v:callableResponse");
        }
    }
    let bytes = out.finish();
    if bytes.len() <= SOAP_MAX_BYTES {
        return bytes;
    }
    let expected = format!("an answer of at most {SOAP_MAX_BYTES} bytes");
    let fault = Fault::new(FaultCode::LimitReached, expected, "a longer one");
    let mut out = Out::envelope(&response.headers);
    write_fault(&mut out, &fault);
    out.finish()
}

fn write_guest(out: &mut Out, guest: &Guest) {
    out.open("v:guest");
    out.leaf("v:name", &clean_name(&guest.name));
    out.optional("v:user", guest.user.as_ref().map(ToString::to_string));
    match &guest.way {
        Ok(way) => {
            out.open("v:way");
            out.leaf("v:mode", way.mode.as_str());
            out.leaf("v:shows", &way.shows.to_string());
            out.leaf("v:words", &clean_words(&way.words));
            out.close("v:way");
        }
        Err(none) => {
            out.leaf("v:none", &clean_words(&none.words));
            out.optional("v:why", none.why.map(|why| why.as_str().to_owned()));
            out.optional("v:mode", none.mode.map(|mode| mode.as_str().to_owned()));
        }
    }
    out.close("v:guest");
}

fn write_person(out: &mut Out, person: &AskedPerson) {
    out.open("v:person");
    out.leaf("v:asked", &clean(&person.asked, PERSON_MAX_CHARS));
    if let Some(known) = &person.known {
        out.open("v:known");
        out.leaf("v:user", &known.user.to_string());
        out.leaf("v:name", &clean_name(&known.name));
        out.leaf("v:language", &known.language);
        for mode in &known.modes {
            write_mode(out, mode);
        }
        out.close("v:known");
    }
    out.close("v:person");
}

fn write_mode(out: &mut Out, known: &KnownMode) {
    out.open("v:mode");
    out.leaf("v:mode", known.mode.as_str());
    out.optional("v:address", known.address.clone());
    out.optional("v:place", known.place.as_deref().map(clean_name));
    out.leaf("v:video", &known.video.to_string());
    out.leaf("v:here", &known.here.to_string());
    out.leaf("v:source", known.source.as_str());
    out.close("v:mode");
}
