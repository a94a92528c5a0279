//! SOAP 1.1 envelopes (document/literal) with WS-Addressing 1.0 headers for Convoke's web services: the *conference*
//! service (`urn:convoke:conference:1`), the *reporting* service (`urn:convoke:report:1`), and the *video* services
//! (`urn:convoke:video:1`), which are asked by SIP alone. Pure: bytes in, types out.
//!
//! The parser accepts exactly what the schemas under `schema/` accept; a test with PyPI's `xmlschema` on generated good
//! and bad documents shows it (`tests/py/agree.py`). Beyond the schema it refuses what SOAP 1.1 §3 and good sense forbid:
//! document type declarations, entities other than the five of XML, processing instructions, attributes of the
//! `xsi` namespace, encodings other than UTF-8, nesting over 32 and size over 64 kB.
//!
//! Rules of the wire format:
//! * Operations are dispatched on the body's qualified name; `SOAPAction` and `wsa:Action` are hints for others.
//! * `wsa:MessageID` is the command's id: a repeat within ten minutes gets the first answer.
//! * `c:expires` says when the command was sent (absolute UTC) and for how many seconds, at most 30, it may still be
//!   carried out: nobody's telephone rings for it after `sent + seconds`.
//! * `c:asserted` names the user for whom the gateway speaks; the conference service believes it from the gateway only.
//! * Free text that we write (names, titles, words) is collapsed, stripped of what XML cannot carry, and shortened to its
//!   maximum; identifiers are checked types and need no care.

mod cursor;
mod decode;
mod decode_answer;
mod encode;
mod encode_answer;
mod error;
mod headers;
pub mod invitation;
mod model;
pub mod names;
mod project;
mod text;
mod time;
mod video;
pub mod wsdl;
mod xml;

pub use decode::parse_request;
pub use decode_answer::{parse_report, parse_report_ack, parse_response};
pub use encode::write_request;
pub use encode_answer::{write_report, write_report_ack, write_response};
pub use error::SoapError;
pub use headers::{Expires, Headers};
pub use model::{
    Answer, BROWSER, CallAt, ConferenceState, Create, LegSnapshot, MovingSnapshot, OnOwnerLeft,
    Operation, OperationName, ParticipantSnapshot, Party, Policy, ReportAck, ReportMessage,
    Request, Response, Snapshot, Who,
};
pub use project::Applied;
pub use text::{clean, clean_name, clean_words};
pub use time::UtcMillis;
pub use video::{
    AskedPerson, CALLEES_MAX, Callee, Guest, INVITES_MAX, Invite, Invited, KnownMode, KnownPerson,
    MODES_MAX, MODES_PEOPLE_MAX, NoWay, Requested, VideoAnswer, VideoOperation, VideoRequest,
    VideoResponse, Way, WhyNoWay, parse_video_request, parse_video_response, write_video_request,
    write_video_response,
};

/// For the fuzz target: any bytes through every parser; what is accepted must be accepted again after being written.
///
/// # Panics
/// When a document that was accepted is refused after it was written again, which is a fault of this crate.
pub fn fuzz(bytes: &[u8]) {
    if let Ok(request) = parse_request(bytes)
        && let Ok(again) = write_request(&request)
    {
        let same = parse_request(&again) == Ok(request);
        assert!(same, "a request changed on its way");
    }
    if let Ok(response) = parse_response(bytes) {
        let again = write_response(&response);
        assert!(
            parse_response(&again).is_ok(),
            "a response was lost on its way"
        );
    }
    if let Ok(report) = parse_report(bytes)
        && let Ok(again) = write_report(&report)
    {
        let same = parse_report(&again) == Ok(report);
        assert!(same, "a report changed on its way");
    }
    if let Ok(request) = parse_video_request(bytes)
        && let Ok(again) = write_video_request(&request)
    {
        let same = parse_video_request(&again) == Ok(request);
        assert!(same, "a request for a video conference changed on its way");
    }
    if let Ok(response) = parse_video_response(bytes) {
        let again = write_video_response(&response);
        let read = parse_video_response(&again).is_ok();
        assert!(read, "an answer of a video service was lost on its way");
    }
    // Parsing has no effect of its own; only a panic would count.
    drop(parse_report_ack(bytes));
}
