//! What each fuzz target does with its bytes. A plain test of `sip-proto` replays the same functions on the seed corpus.

use bytes::Bytes;
use sip_proto::auth::{Bearer, Challenge, DigestResponse};
use sip_proto::cpim::Cpim;
use sip_proto::sdp::Sdp;
use sip_proto::{
    Edit, Frame, HeaderName, Limits, Message, NameAddr, ResponseBuilder, Side, StreamParser, Uri,
    Via,
};

/// A target and its name.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 6] = [
    ("sip_message", sip_message),
    ("sip_stream", sip_stream),
    ("sip_uri", sip_uri),
    ("sdp", sdp),
    ("auth", auth),
    ("cpim", cpim),
];

/// A datagram: whatever is accepted reads the same again, goes through a proxy unchanged, and can be answered.
pub fn sip_message(data: &[u8]) {
    match Message::parse_datagram(Bytes::copy_from_slice(data)) {
        Ok(message) => {
            touch(&message);
            assert_eq!(
                Edit::of(&message).finish(),
                message,
                "untouched is unchanged"
            );
            let again = Message::parse_datagram(message.as_bytes().clone());
            assert_eq!(
                again.as_ref(),
                Ok(&message),
                "what was accepted is accepted again"
            );
            assert!(message.top_via().is_ok() && message.from().is_ok() && message.to().is_ok());
            if message.is_request() {
                let reply = ResponseBuilder::reply(&message, 200, "OK")
                    .to_tag("t")
                    .build();
                let read = Message::parse_datagram(reply.as_bytes().clone());
                assert_eq!(read.as_ref(), Ok(&reply), "an answer can be read");
                assert_eq!(reply.call_id(), message.call_id());
            }
        }
        Err(error) => {
            assert!(
                error.status() >= 400 && error.came().len() <= 3 * sip_proto::error::EXCERPT_BYTES
            );
            if let Some(message) = error.message() {
                touch(message);
                let _ = ResponseBuilder::reply(message, error.status(), &error.reason())
                    .to_tag("t")
                    .build();
            }
        }
    }
}

/// A stream: the first byte is the size of the chunks, and the frames do not depend on it.
pub fn sip_stream(data: &[u8]) {
    let Some((chunk, stream)) = data.split_first() else {
        return;
    };
    for side in [Side::Accepted, Side::Opened] {
        let whole = frames(side, stream, stream.len().max(1));
        let cut = frames(side, stream, usize::from(*chunk).max(1));
        assert_eq!(whole, cut, "frames do not depend on the chunks");
    }
}

/// A URI, an address and a Via: what is accepted prints as it came and reads the same again.
pub fn sip_uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(uri) = Uri::parse(text) {
        assert_eq!(uri.to_string(), text);
        assert!(uri.equivalent(&uri), "everything is itself");
        let _ = (
            uri.aor(),
            uri.user_decoded(),
            uri.host_ip(),
            uri.bare(),
            uri.params().count(),
            uri.headers().count(),
        );
        let marked = uri.with_param("x-mark", "a;b=c>");
        assert!(marked == uri || marked.param("x-mark").is_some());
        let address = NameAddr::new(&uri)
            .with_display("a \"b\" <c>")
            .with_tag("t");
        let read = NameAddr::parse(address.as_str()).expect("what we put together can be read");
        assert_eq!((read.uri(), read.tag()), (&uri, Some("t")));
    }
    if let Ok(address) = NameAddr::parse(text) {
        assert_eq!(
            NameAddr::parse(address.as_str())
                .as_ref()
                .map(NameAddr::as_str),
            Ok(address.as_str())
        );
        let _ = (
            address.display_name(),
            address.tag(),
            address.params().count(),
        );
        let tagged = address.with_tag("t");
        assert_eq!(
            NameAddr::parse(tagged.as_str())
                .expect("a tag can be added")
                .tag(),
            Some("t")
        );
    }
    if let Ok(via) = Via::parse(text) {
        let stamped = via.stamped(([192, 0, 2, 1], 5060).into());
        assert_eq!(
            (stamped.host(), stamped.branch()),
            (via.host(), via.branch())
        );
        let _ = (
            via.received(),
            via.rport(),
            via.sent_by(),
            via.port_or_default(),
        );
    }
}

/// A session description: what is accepted prints as something that is accepted and means the same.
pub fn sdp(data: &[u8]) {
    if let Ok(sdp) = Sdp::parse(data) {
        let printed = sdp.to_string();
        let again = Sdp::parse(printed.as_bytes()).expect("what we print can be read");
        assert_eq!(again.to_string(), printed);
    }
}

/// Challenges and credentials.
pub fn auth(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = Challenge::parse(text);
    let _ = DigestResponse::parse(text);
    if let Some(bearer) = Bearer::parse(text) {
        assert!(text.len() > "bearer ".len() && !bearer.is(&[0; 32]));
    }
}

/// An envelope: what it wraps is its end.
pub fn cpim(data: &[u8]) {
    if let Ok(cpim) = Cpim::parse(&Bytes::copy_from_slice(data)) {
        assert!(data.ends_with(cpim.content()));
        let _ = cpim.content_type();
    }
}

/// Asks for everything that a message can tell.
fn touch(message: &Message) {
    let _ = (
        message.method(),
        message.request_uri(),
        message.status(),
        message.reason(),
        message.uri(),
    );
    let _ = (
        message.vias(),
        message.from(),
        message.to(),
        message.call_id(),
        message.cseq(),
    );
    let _ = (
        message.contacts(),
        message.contact_is_wildcard(),
        message.routes(),
        message.record_routes(),
    );
    let _ = (
        message.max_forwards(),
        message.expires(),
        message.content_type(),
        message.body(),
    );
    for (name, _) in message.raw_headers() {
        let name = std::str::from_utf8(name)
            .ok()
            .and_then(HeaderName::parse)
            .expect("names are tokens");
        assert!(message.header(name.clone()).is_some());
        let _ = message.headers(name).count();
    }
}

/// What comes out of a stream that arrives in chunks of this size; the last one is the error, if any.
fn frames(side: Side, stream: &[u8], chunk: usize) -> Vec<Result<Frame, String>> {
    let limits = Limits {
        head_bytes: 4096,
        header_lines: 32,
        body_bytes: 4096,
    };
    let mut parser = StreamParser::with_limits(side, limits);
    let mut out = Vec::new();
    for bytes in stream.chunks(chunk) {
        parser.push(bytes);
        loop {
            match parser.next() {
                Ok(Some(frame)) => out.push(Ok(frame)),
                Ok(None) => break,
                Err(error) => {
                    out.push(Err(error.to_string()));
                    return out;
                }
            }
        }
    }
    out
}
