//! The messages of RFC 4475 and RFC 5118 with what has to become of each.

use crate::corpus::files;
use bytes::Bytes;
use sip_proto::{
    Edit, ErrorKind, Frame, HeaderName, Message, Method, ParseError, ResponseBuilder, Side,
    StreamParser,
};

fn parse(bytes: Vec<u8>) -> Result<Message, ParseError> {
    Message::parse_datagram(Bytes::from(bytes))
}

fn read(directory: &str, wanted: &str) -> Message {
    let all = files(&format!("tests/corpus/{directory}"));
    let (name, bytes) = all.into_iter().find(|(name, _)| name == wanted).unwrap();
    parse(bytes).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What is wrong with the message, as RFC 4475 tells; `None`: it has to be accepted (or, from §3.1.2 on, may be).
fn fault(name: &str) -> Option<(ErrorKind, u16)> {
    use ErrorKind::{
        BodyShort, CSeqMethod, Header, Missing, Repeated, RequestUri, StartLine, Version,
    };
    let kind = match name {
        "badinv01" => Header(HeaderName::Via),
        "clerr" => BodyShort,
        "ncl" => Header(HeaderName::ContentLength),
        "scalar02" | "scalarlg" => Header(HeaderName::CSeq),
        "quotbal" => Header(HeaderName::To),
        "ltgtruri" | "lwsruri" | "lwsstart" | "escruri" => RequestUri,
        "trws" | "bigcode" => StartLine,
        "baddn" => Header(HeaderName::From),
        "badvers" => Version,
        "mismatch01" | "mismatch02" => CSeqMethod,
        "insuf" => Missing(HeaderName::From),
        "multi01" => Repeated(HeaderName::From),
        "mcl01" => Repeated(HeaderName::ContentLength),
        "ipv6-bad" => RequestUri,
        _ => return None,
    };
    let status = if kind == Version { 505 } else { 400 };
    Some((kind, status))
}

#[test]
fn every_message_is_accepted_or_refused_as_the_rfcs_say() {
    for directory in ["rfc4475", "rfc5118"] {
        for (name, bytes) in files(&format!("tests/corpus/{directory}")) {
            let is_response = bytes.starts_with(b"SIP/");
            match (parse(bytes.clone()), fault(&name)) {
                (Ok(message), None) => {
                    // RFC 3261 §16.3: what a proxy does not understand goes on unchanged.
                    assert!(bytes.starts_with(message.as_bytes()), "{name}");
                    assert_eq!(
                        Edit::of(&message).finish().as_bytes(),
                        message.as_bytes(),
                        "{name}"
                    );
                }
                (Err(error), Some((kind, status))) => {
                    assert_eq!(
                        (error.kind(), error.status()),
                        (&kind, status),
                        "{name}: {error}"
                    );
                    assert_eq!(error.message().is_some(), !is_response, "{name}");
                    if let Some(request) = error.message() {
                        let reply = ResponseBuilder::reply(request, status, &error.reason())
                            .to_tag("t")
                            .build();
                        assert_eq!(reply.status(), Some(status), "{name}");
                        assert_eq!(reply.call_id(), request.call_id(), "{name}");
                    }
                }
                (Ok(_), Some(kind)) => panic!("{name}: accepted instead of {kind:?}"),
                (Err(error), None) => panic!("{name}: {error}"),
            }
        }
    }
}

#[test]
fn accepted_messages_come_out_of_a_stream_as_out_of_a_datagram() {
    let mut wanted = Vec::new();
    let mut stream = Vec::new();
    for directory in ["rfc4475", "rfc5118"] {
        for (_, bytes) in files(&format!("tests/corpus/{directory}")) {
            let Ok(message) = parse(bytes) else { continue };
            if message.has(HeaderName::ContentLength) {
                stream.extend_from_slice(message.as_bytes());
                wanted.push(message);
            }
        }
    }
    assert!(wanted.len() > 35);
    for chunk in [1, 7, 1460, usize::MAX] {
        let mut parser = StreamParser::new(Side::Accepted);
        let mut got = Vec::new();
        for bytes in stream.chunks(chunk) {
            parser.push(bytes);
            while let Some(frame) = parser.next().unwrap() {
                match frame {
                    Frame::Message(message) => got.push(message),
                    other @ (Frame::Ping | Frame::Pong) => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(got, wanted);
        assert_eq!(parser.buffered(), 0);
    }
}

#[test]
fn a_short_tortuous_invite() {
    let m = read("rfc4475", "wsinv");
    assert_eq!(m.to().unwrap().tag(), Some("1918181833n"));
    let from = m.from().unwrap();
    assert_eq!(
        (from.display_name().as_deref(), from.tag()),
        (Some(r#"J Rosenberg \""#), Some("98asjd8"))
    );
    assert_eq!(
        (m.max_forwards().unwrap(), m.cseq().unwrap().seq),
        (Some(68), 9)
    );
    let vias = m.vias().unwrap();
    let heard: Vec<_> = vias
        .iter()
        .map(|v| (v.transport(), v.host(), v.branch().unwrap()))
        .collect();
    assert_eq!(
        heard,
        [
            ("UDP", "192.0.2.2", "390skdjuw"),
            ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
            ("UDP", "192.168.255.111", "z9hG4bK30239"),
        ]
    );
    assert_eq!(m.header(HeaderName::Subject), Some(""));
    let new = HeaderName::parse("newfangledheader").unwrap();
    assert_eq!(
        m.header(new),
        Some("newfangled value continued newfangled value")
    );
    let contacts = m.contacts().unwrap();
    assert_eq!(
        contacts[0].display_name().as_deref(),
        Some(r#"Quoted string """#)
    );
    assert_eq!(
        (contacts[0].param("newparam"), contacts[0].param("q")),
        (Some("newvalue"), Some("0.33"))
    );
    assert_eq!(
        m.routes().unwrap()[0].uri().param("unknown-no-value"),
        Some("")
    );
    assert_eq!(m.body().len(), 150);
}

#[test]
fn a_wide_range_of_valid_characters() {
    let m = read("rfc4475", "intmeth");
    assert!(
        matches!(m.method(), Some(Method::Extension(t)) if t.as_str() == "!interesting-Method0123456789_*+`.%indeed'~")
    );
    assert_eq!(m.uri().unwrap().host(), "example.com");
    assert_eq!(
        m.to().unwrap().display_name().as_deref(),
        Some("BEL:\x07 NUL:\0 DEL:\x7f")
    );
    assert_eq!(
        m.from().unwrap().display_name().as_deref(),
        Some("token1~` token2'+_ token3*%!.-")
    );
    assert_eq!(
        m.from().unwrap().param("fromParam''~+*_!.-%"),
        Some("\"работающий\"")
    );
    assert_eq!(
        m.call_id(),
        Some("intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{")
    );
}

#[test]
fn escapes_mean_something_in_uris_alone() {
    let m = read("rfc4475", "esc01");
    assert_eq!(
        m.uri().unwrap().user_decoded().unwrap(),
        "sips:user@example.com"
    );
    assert_eq!(
        m.from().unwrap().uri().user_decoded().unwrap(),
        "I have spaces"
    );
    let contact = &m.contacts().unwrap()[0];
    assert_eq!(contact.uri().user_decoded().unwrap(), "caller");
    let m = read("rfc4475", "escnull");
    assert_eq!(
        m.to().unwrap().uri().user_decoded().unwrap(),
        "null-\0-null"
    );
    let m = read("rfc4475", "esc02");
    assert_ne!(m.method(), Some(Method::Register));
    assert_eq!(m.from().unwrap().display_name().as_deref(), Some("%Z%45"));
    assert_eq!(m.contacts().unwrap().len(), 2);
}

#[test]
fn valid_oddities_are_read() {
    assert_eq!(
        read("rfc4475", "lwsdisp")
            .from()
            .unwrap()
            .display_name()
            .as_deref(),
        Some("caller")
    );
    assert_eq!(read("rfc4475", "longreq").vias().unwrap().len(), 34);
    assert!(read("rfc4475", "dblreq").body().is_empty());
    assert_eq!(
        read("rfc4475", "semiuri")
            .uri()
            .unwrap()
            .user_decoded()
            .unwrap(),
        "user;par=u@example.net"
    );
    assert_eq!(
        read("rfc4475", "semiuri")
            .headers(HeaderName::Accept)
            .count(),
        6
    );
    assert_eq!(
        read("rfc4475", "transports").vias().unwrap()[3].transport(),
        "UNKNOWN"
    );
    assert_eq!(read("rfc4475", "mpart01").body().len(), 553);
    assert_eq!(
        read("rfc4475", "unreason").reason().unwrap(),
        "= 2**3 * 5**2 но сто девяносто девять - простое"
    );
    assert_eq!(read("rfc4475", "noreason").reason().unwrap(), "");
    assert_eq!(read("rfc4475", "zeromf").max_forwards().unwrap(), Some(0));
    assert_eq!(
        read("rfc4475", "cparam01").contacts().unwrap()[0].param("unknownparam"),
        Some("")
    );
    assert_eq!(
        read("rfc4475", "cparam02").contacts().unwrap()[0]
            .uri()
            .param("unknownparam"),
        Some("")
    );
    assert_eq!(read("rfc4475", "inv2543").top_via().unwrap().branch(), None);
    assert_eq!(
        read("rfc4475", "badbranch").top_via().unwrap().branch(),
        Some("z9hG4bK")
    );
    assert_eq!(
        read("rfc4475", "badaspec").to().unwrap().uri().host(),
        "example.org"
    );
    // Who needs Contact refuses this one (§3.1.2.13); a proxy sends it on.
    let error = read("rfc4475", "regbadct").contacts().unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Header(HeaderName::Contact));
    assert_eq!(
        read("rfc4475", "regescrt").contacts().unwrap()[0]
            .uri()
            .headers()
            .count(),
        1
    );
}

#[test]
fn ipv6_stands_wherever_a_host_does() {
    let uri = |name| read("rfc5118", name).uri().unwrap();
    assert_eq!(
        (uri("port-ambiguous").host(), uri("port-ambiguous").port()),
        ("[2001:db8::10:5070]", None)
    );
    assert_eq!(
        (
            uri("port-unambiguous").host(),
            uri("port-unambiguous").port()
        ),
        ("[2001:db8::10]", Some(5070))
    );
    for name in [
        "via-received-param-with-delim",
        "via-received-param-no-delim",
    ] {
        let via = read("rfc5118", name).top_via().unwrap();
        assert_eq!(via.received(), "2001:db8::9:255".parse().ok(), "{name}");
    }
    assert_eq!(
        read("rfc5118", "ipv4-mapped-ipv6")
            .top_via()
            .unwrap()
            .port(),
        Some(19823)
    );
    // RFC 5118 §4.10: both forms have to be borne, and mean the same.
    assert_eq!(
        uri("ipv6-bug-abnf-3-colons").host_ip(),
        uri("ipv6-correct-abnf-2-colons").host_ip()
    );
    for name in ["ipv6-in-sdp", "mult-ip-in-sdp", "ipv4-mapped-ipv6"] {
        let body = read("rfc5118", name).body();
        assert!(sip_proto::sdp::Sdp::parse(&body).is_ok(), "{name}");
    }
}
