//! Requests to bytes, and the little writer that every envelope is written with.

use convoke_types::limits::SOAP_MAX_BYTES;

use crate::decode::parse_request;
use crate::error::SoapError;
use crate::headers::Headers;
use crate::model::{CallAt, Create, Operation, Party, Policy, Request, Who};
use crate::names::{
    CONFERENCE_NS, NAME_MAX_CHARS, PERSON_MAX_CHARS, REPORT_NS, SOAP_NS, VIDEO_NS, WSA_NS,
};
use crate::text::{clean, clean_name, clean_words};

/// Writes a request. Names and titles are made fit; anything else that the schema refuses (a number with letters, more
/// than 64 kB …) is the error that the service would have answered.
pub fn write_request(request: &Request) -> Result<Vec<u8>, SoapError> {
    let mut out = Out::envelope(&request.headers);
    let name = format!("c:{}", request.operation.name().as_str());
    if request.operation == Operation::List {
        out.empty(&name);
        let bytes = out.finish();
        return parse_request(&bytes).map(|_| bytes);
    }
    out.open(&name);
    if let Some(conference) = request.operation.conference() {
        out.leaf("c:conference", conference.as_str());
    }
    match &request.operation {
        Operation::Create(create) => write_create(&mut out, create),
        Operation::Add { participants, .. } => write_parties(&mut out, participants),
        Operation::Call {
            participant, at, ..
        } => {
            out.leaf("c:participant", participant.as_str());
            match at {
                Some(CallAt::Place(place)) => out.leaf("c:place", &clean_name(place)),
                Some(CallAt::Number(number)) => out.leaf("c:number", number),
                None => {}
            }
        }
        Operation::Disconnect { participant, .. }
        | Operation::Remove { participant, .. }
        | Operation::Mute { participant, .. }
        | Operation::Unmute { participant, .. }
        | Operation::Hide { participant, .. }
        | Operation::Unhide { participant, .. }
        | Operation::RaiseHand { participant, .. }
        | Operation::LowerHand { participant, .. }
        | Operation::GiveFloor { participant, .. }
        | Operation::MakeModerator { participant, .. }
        | Operation::HandOver { participant, .. } => {
            out.leaf("c:participant", participant.as_str());
        }
        Operation::Decline {
            participant, words, ..
        } => {
            out.leaf("c:participant", participant.as_str());
            out.optional("c:words", words.as_deref().map(clean_words));
        }
        Operation::Pictures { video, words, .. } => {
            out.optional("c:video", video.as_ref().map(ToString::to_string));
            out.optional("c:words", words.as_deref().map(clean_words));
        }
        Operation::Get {
            since,
            wait_ms,
            first,
            ..
        } => {
            out.optional("c:since", since.map(|n| n.to_string()));
            out.optional("c:waitMs", wait_ms.map(|n| n.to_string()));
            out.optional("c:first", first.map(|n| n.to_string()));
        }
        Operation::Lock { .. }
        | Operation::Unlock { .. }
        | Operation::MuteAll { .. }
        | Operation::UnmuteAll { .. }
        | Operation::DisconnectAll { .. }
        | Operation::End { .. }
        | Operation::List => {}
    }
    out.close(&name);
    let bytes = out.finish();
    parse_request(&bytes).map(|_| bytes)
}

fn write_create(out: &mut Out, create: &Create) {
    out.optional("c:title", create.title.as_deref().map(clean_name));
    out.open("c:initiator");
    write_party(out, &create.initiator);
    out.close("c:initiator");
    write_parties(out, &create.participants);
    if let Some(Policy {
        call_all_at_once,
        on_owner_left,
    }) = create.policy
    {
        out.open("c:policy");
        out.optional("c:callAllAtOnce", call_all_at_once.map(|b| b.to_string()));
        out.optional(
            "c:onOwnerLeft",
            on_owner_left.map(|o| o.as_str().to_owned()),
        );
        out.close("c:policy");
    }
    out.optional("c:payer", create.payer.as_deref().map(clean_name));
    out.optional("c:account", create.account.as_deref().map(clean_name));
    out.optional(
        "c:conference",
        create.conference.as_ref().map(ToString::to_string),
    );
    out.optional("c:owner", create.owner.as_ref().map(ToString::to_string));
    out.optional("c:video", create.video.as_ref().map(ToString::to_string));
}

fn write_parties(out: &mut Out, parties: &[Party]) {
    for party in parties {
        out.open("c:participant");
        write_party(out, party);
        out.close("c:participant");
    }
}

fn write_party(out: &mut Out, party: &Party) {
    match &party.who {
        Who::Person(person) => out.leaf("c:person", &clean(person, PERSON_MAX_CHARS)),
        Who::Number(number) => out.leaf("c:number", number),
        Who::Sip(uri) => out.leaf("c:sip", uri),
    }
    out.optional("c:name", party.name.as_deref().map(clean_name));
    out.optional(
        "c:place",
        party.place.as_deref().map(|p| clean(p, NAME_MAX_CHARS)),
    );
}

/// An envelope being written.
pub(crate) struct Out {
    text: String,
}

impl Out {
    pub(crate) fn envelope(headers: &Headers) -> Self {
        let mut out = Self {
            text: String::with_capacity(1024),
        };
        out.text
            .push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        out.text.push_str(&format!(
            "<s:Envelope xmlns:s=\"{SOAP_NS}\" xmlns:a=\"{WSA_NS}\" xmlns:c=\"{CONFERENCE_NS}\" xmlns:r=\"{REPORT_NS}\" xmlns:v=\"{VIDEO_NS}\">"
        ));
        headers.encode(&mut out);
        out.open("s:Body");
        out
    }
    pub(crate) fn open(&mut self, name: &str) {
        self.text.push('<');
        self.text.push_str(name);
        self.text.push('>');
    }
    pub(crate) fn close(&mut self, name: &str) {
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }
    pub(crate) fn empty(&mut self, name: &str) {
        self.text.push('<');
        self.text.push_str(name);
        self.text.push_str("/>");
    }
    pub(crate) fn leaf(&mut self, name: &str, value: &str) {
        self.open(name);
        escape(value, &mut self.text);
        self.close(name);
    }
    pub(crate) fn optional(&mut self, name: &str, value: Option<String>) {
        if let Some(value) = value {
            self.leaf(name, &value);
        }
    }
    /// Something already written by another `Out::piece`.
    pub(crate) fn raw(&mut self, piece: &str) {
        self.text.push_str(piece);
    }
    /// A piece of an envelope, to learn its size before it is put in.
    pub(crate) fn piece(write: impl FnOnce(&mut Out)) -> String {
        let mut out = Self {
            text: String::new(),
        };
        write(&mut out);
        out.text
    }
    /// How many bytes may still be written, with `reserve` kept back for what must follow.
    pub(crate) fn room(&self, reserve: usize) -> usize {
        SOAP_MAX_BYTES.saturating_sub(self.text.len().saturating_add(reserve))
    }
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.close("s:Body");
        self.close("s:Envelope");
        self.text.into_bytes()
    }
}

fn escape(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            other => out.push(other),
        }
    }
}
