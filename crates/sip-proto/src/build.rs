//! Puts requests and responses together.

use crate::message::Message;
use crate::name::{HeaderName, Known, Method};
use crate::uri::{NameAddr, Uri};
use crate::via::Via;
use crate::write::Writer;
use bytes::Bytes;

/// A request in the making.
///
/// Nothing is added but Content-Length: Via, From, To, Call-ID and Max-Forwards come from the caller. Line ends in values become spaces, so no value
/// from outside can add a header field.
#[derive(Clone, Debug)]
pub struct RequestBuilder {
    method: Method,
    uri: Uri,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
}

impl RequestBuilder {
    /// A request to `uri`.
    pub fn new(method: Method, uri: &Uri) -> RequestBuilder {
        RequestBuilder {
            method,
            uri: uri.clone(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// Adds a header field behind those that are there.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl ToString) -> RequestBuilder {
        self.headers.push((name, value.to_string()));
        self
    }

    /// Adds Via.
    #[must_use]
    pub fn via(self, via: &Via) -> RequestBuilder {
        self.header(HeaderName::Via, via)
    }

    /// Adds From.
    #[must_use]
    pub fn from(self, from: &NameAddr) -> RequestBuilder {
        self.header(HeaderName::From, from)
    }

    /// Adds To.
    #[must_use]
    pub fn to(self, to: &NameAddr) -> RequestBuilder {
        self.header(HeaderName::To, to)
    }

    /// Adds Call-ID.
    #[must_use]
    pub fn call_id(self, call_id: &str) -> RequestBuilder {
        self.header(HeaderName::CallId, call_id)
    }

    /// Adds CSeq with the request's method.
    #[must_use]
    pub fn cseq(self, seq: u32) -> RequestBuilder {
        let value = format!("{seq} {}", self.method);
        self.header(HeaderName::CSeq, value)
    }

    /// Adds Max-Forwards; 70 is what RFC 3261 §8.1.1.6 asks of a client.
    #[must_use]
    pub fn max_forwards(self, hops: u8) -> RequestBuilder {
        self.header(HeaderName::MaxForwards, hops)
    }

    /// Sets the body and adds its Content-Type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> RequestBuilder {
        self.body = body.into();
        self.header(HeaderName::ContentType, content_type)
    }

    /// The message.
    pub fn build(self) -> Message {
        let mut writer = Writer::request(&self.method, self.uri.as_str(), self.body.len());
        write_headers(&mut writer, &self.headers, self.body.len());
        writer.finish(&self.body)
    }
}

/// A response in the making (RFC 3261 §8.2.6).
#[derive(Clone, Debug)]
pub struct ResponseBuilder {
    request: Message,
    status: u16,
    reason: String,
    to_tag: Option<String>,
    record_route: bool,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
}

impl ResponseBuilder {
    /// An answer to `request` (also to what a [`ParseError`](crate::error::ParseError) kept of one): its Via lines, From, To, Call-ID and CSeq go
    /// back byte for byte, in its order; 100 takes Timestamp along (§8.2.6.1).
    pub fn reply(request: &Message, status: u16, reason: &str) -> ResponseBuilder {
        ResponseBuilder {
            request: request.clone(),
            status,
            reason: reason.to_owned(),
            to_tag: None,
            record_route: false,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// The tag for To, if the request's has none: for every response but 100.
    #[must_use]
    pub fn to_tag(mut self, tag: &str) -> ResponseBuilder {
        self.to_tag = Some(tag.to_owned());
        self
    }

    /// Other words than those of `reply`.
    #[must_use]
    pub fn reason(mut self, reason: &str) -> ResponseBuilder {
        self.reason = reason.to_owned();
        self
    }

    /// Takes Record-Route along, as responses that make a dialog do (§12.1.1).
    #[must_use]
    pub fn record_route(mut self) -> ResponseBuilder {
        self.record_route = true;
        self
    }

    /// Adds a header field behind those that are there.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl ToString) -> ResponseBuilder {
        self.headers.push((name, value.to_string()));
        self
    }

    /// Sets the body and adds its Content-Type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> ResponseBuilder {
        self.body = body.into();
        self.header(HeaderName::ContentType, content_type)
    }

    /// The message.
    pub fn build(self) -> Message {
        let mut writer = Writer::response(self.status, &self.reason, self.body.len());
        let tagged = self.tagged_to();
        for line in &self.request.index().lines {
            match (line.known, &tagged) {
                (Some(Known::To), Some(to)) => writer.header(&HeaderName::To, to),
                (Some(known), _) if self.takes(known) => writer.copy(&self.request, line),
                (Some(_) | None, _) => {}
            }
        }
        write_headers(&mut writer, &self.headers, self.body.len());
        writer.finish(&self.body)
    }

    fn takes(&self, known: Known) -> bool {
        use Known::{CSeq, CallId, From, RecordRoute, Timestamp, To, Via};
        matches!(known, Via | From | To | CallId | CSeq)
            || (known == Timestamp && self.status == 100)
            || (known == RecordRoute && self.record_route)
    }

    /// The To to send when it is not the request's own: with our tag. A To that cannot be read goes back as it came.
    fn tagged_to(&self) -> Option<String> {
        let tag = self.to_tag.as_ref()?;
        let to = self.request.to().ok()?;
        to.tag().is_none().then(|| format!("{to};tag={tag}"))
    }
}

fn write_headers(writer: &mut Writer, headers: &[(HeaderName, String)], body_len: usize) {
    for (name, value) in headers {
        // Content-Length is what the body is, whatever a caller says.
        if *name != HeaderName::ContentLength {
            writer.header(name, value);
        }
    }
    writer.header(&HeaderName::ContentLength, &body_len.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> RequestBuilder {
        let uri = Uri::parse("sip:bob@example.org").unwrap();
        RequestBuilder::new(Method::Message, &uri)
            .via(&Via::new("udp", "192.0.2.1:5060", "z9hG4bKx", true).unwrap())
            .from(&NameAddr::parse("<sip:alice@example.org>;tag=1").unwrap())
            .to(&NameAddr::new(&uri))
            .call_id("c@h")
            .cseq(1)
            .max_forwards(70)
    }

    #[test]
    fn what_is_built_reads_as_built() {
        let built = request().body("text/plain", "hi").build();
        let read = Message::parse_datagram(built.as_bytes().clone()).unwrap();
        assert_eq!(read, built);
        assert_eq!(
            read.raw_headers().collect::<Vec<_>>(),
            built.raw_headers().collect::<Vec<_>>()
        );
        assert_eq!(
            (read.body(), built.body()),
            (Bytes::from("hi"), Bytes::from("hi"))
        );
        assert_eq!(built.cseq().unwrap().method, Method::Message);
        assert_eq!(built.request_uri(), Some("sip:bob@example.org"));
    }

    #[test]
    fn no_value_adds_a_line() {
        let built = request()
            .header(HeaderName::Subject, "x\r\nEvil: yes\r\n\r\nbody")
            .build();
        let read = Message::parse_datagram(built.as_bytes().clone()).unwrap();
        assert!(!read.has(HeaderName::parse("Evil").unwrap()));
        assert_eq!(
            read.header(HeaderName::Subject),
            Some("x  Evil: yes    body")
        );
    }

    #[test]
    fn a_reply_takes_along_what_it_must() {
        let request = request()
            .header(HeaderName::RecordRoute, "<sip:p;lr>")
            .header(HeaderName::Subject, "s")
            .build();
        let reply = ResponseBuilder::reply(&request, 200, "OK")
            .to_tag("zz")
            .record_route()
            .build();
        let read = Message::parse_datagram(reply.as_bytes().clone()).unwrap();
        assert_eq!(
            (read.status(), read.reason().as_deref()),
            (Some(200), Some("OK"))
        );
        assert_eq!(read.to().unwrap().tag(), Some("zz"));
        assert_eq!(read.top_via().unwrap(), request.top_via().unwrap());
        assert!(read.has(HeaderName::RecordRoute) && !read.has(HeaderName::Subject));
        let again = ResponseBuilder::reply(&reply, 200, "OK")
            .to_tag("other")
            .build();
        assert_eq!(again.to().unwrap().tag(), Some("zz"));
    }
}
