//! Properties that hold for every message, not for examples alone.

use bytes::Bytes;
use proptest::prelude::*;
use sip_proto::cpim::Cpim;
use sip_proto::{
    Edit, Frame, HeaderName, Message, Method, NameAddr, RequestBuilder, Side, StreamParser, Uri,
    Via,
};

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![
        Just("INVITE".to_owned()),
        Just("MESSAGE".to_owned()),
        Just("REGISTER".to_owned()),
        "[A-Za-z0-9.!%*_+`'~-]{1,20}",
    ]
    .prop_map(|text| Method::parse(&text).unwrap())
}

fn uri() -> impl Strategy<Value = Uri> {
    let host = prop_oneof![
        Just("[2001:db8::1]".to_owned()),
        Just("192.0.2.1:5070".to_owned()),
        "[a-z][a-z0-9-]{0,10}\\.example",
    ];
    let params = prop::collection::vec(("[a-z]{1,8}", "[ -~]{0,12}"), 0..3);
    ("[ -~äß]{1,20}", host, params).prop_map(|(user, host, params)| {
        let uri = Uri::sip(Some(&user), &host).unwrap();
        params
            .iter()
            .fold(uri, |uri, (name, value)| uri.with_param(name, value))
    })
}

fn address() -> impl Strategy<Value = NameAddr> {
    (uri(), "\\PC{0,20}", "[a-zA-Z0-9]{1,16}")
        .prop_map(|(uri, display, tag)| NameAddr::new(&uri).with_display(&display).with_tag(&tag))
}

/// Header fields that no role has to read, with values of any text.
fn extras() -> impl Strategy<Value = Vec<(HeaderName, String)>> {
    let extra = ("X-[a-zA-Z]{1,10}", any::<String>());
    prop::collection::vec(
        extra.prop_map(|(name, value)| (HeaderName::parse(&name).unwrap(), value)),
        0..6,
    )
}

fn request() -> impl Strategy<Value = Message> {
    let parts = (
        method(),
        uri(),
        address(),
        address(),
        "[!-~]{1,30}",
        0..=(u32::MAX >> 1),
        extras(),
    );
    (parts, prop::collection::vec(any::<u8>(), 0..200)).prop_map(
        |((method, uri, from, to, call_id, seq, extras), body)| {
            let via = Via::new("tcp", "h.example:5061", "z9hG4bKa", true).unwrap();
            let request = RequestBuilder::new(method, &uri)
                .via(&via)
                .from(&from)
                .to(&to)
                .call_id(&call_id)
                .cseq(seq)
                .max_forwards(70);
            let request = extras
                .iter()
                .fold(request, |r, (name, value)| r.header(name.clone(), value));
            request.body("application/octet-stream", body).build()
        },
    )
}

proptest! {
    #[test]
    fn what_is_built_reads_the_same(built in request()) {
        let read = Message::parse_datagram(built.as_bytes().clone()).unwrap();
        prop_assert_eq!(&read, &built);
        prop_assert_eq!(read.raw_headers().collect::<Vec<_>>(), built.raw_headers().collect::<Vec<_>>());
        prop_assert_eq!(read.method(), built.method());
        prop_assert_eq!(read.uri().unwrap(), built.uri().unwrap());
        prop_assert_eq!(read.from().unwrap(), built.from().unwrap());
        prop_assert_eq!(read.cseq().unwrap(), built.cseq().unwrap());
        prop_assert_eq!(read.body(), built.body());
    }

    #[test]
    fn an_edit_keeps_the_rest(message in request(), value in any::<String>()) {
        let name = HeaderName::from_static("X-Edit-Mark");
        let edited = Edit::of(&message)
            .push_front(HeaderName::Via, "SIP/2.0/UDP p.example;branch=z9hG4bKp")
            .append(name.clone(), &value)
            .finish();
        let read = Message::parse_datagram(edited.as_bytes().clone()).unwrap();
        prop_assert_eq!(&read, &edited);
        prop_assert_eq!(read.vias().unwrap().len(), 2);
        let kept: Vec<_> = read.raw_headers().skip(1).filter(|(n, _)| *n != name.as_str().as_bytes()).collect();
        prop_assert_eq!(kept, message.raw_headers().collect::<Vec<_>>());
        let back = Edit::of(&edited).remove_first(HeaderName::Via).remove_all(name).finish();
        prop_assert_eq!(back, message);
    }

    #[test]
    fn a_stream_gives_the_same_whatever_the_chunks(
        messages in prop::collection::vec(request(), 1..4),
        cuts in prop::collection::vec(1..400_usize, 1..20),
    ) {
        let stream: Vec<u8> = messages.iter().flat_map(|m| m.as_bytes().to_vec()).collect();
        let mut parser = StreamParser::new(Side::Accepted);
        let (mut rest, mut got) = (stream.as_slice(), Vec::new());
        for cut in cuts.iter().cycle() {
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            parser.push(now);
            while let Some(frame) = parser.next().unwrap() {
                got.push(frame);
            }
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(got, messages.into_iter().map(Frame::Message).collect::<Vec<_>>());
    }

    #[test]
    fn unknown_bytes_survive(value in prop::collection::vec(any::<u8>(), 0..60)) {
        prop_assume!(!value.contains(&b'\r') && !value.contains(&b'\n'));
        let mut bytes = b"ODD sip:a@b SIP/2.0\r\nX-Odd:".to_vec();
        bytes.extend_from_slice(&value);
        bytes.extend_from_slice(b"\r\nVia: SIP/2.0/UDP h\r\nf: <sip:a@b>\r\nt: <sip:a@b>\r\ni: x\r\nCSeq: 1 ODD\r\n\r\n");
        let message = Message::parse_datagram(Bytes::from(bytes)).unwrap();
        prop_assert!(message.header(HeaderName::parse("x-odd").unwrap()).is_some());
        let out = Edit::of(&message).append(HeaderName::Route, "<sip:r>").remove_all(HeaderName::Route).finish();
        prop_assert_eq!(out, message);
    }

    #[test]
    fn any_bytes_are_borne(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Message::parse_datagram(Bytes::from(bytes.clone()));
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let _ = (Uri::parse(text.as_str()), NameAddr::parse(text.as_str()), Via::parse(text.as_str()));
        let mut parser = StreamParser::new(Side::Opened);
        parser.push(&bytes);
        while let Ok(Some(_)) = parser.next() {}
    }

    #[test]
    fn any_text_of_sip_letters_is_borne(text in "[sip:tel@;,<>\"\\\\%\\[\\]?&=/. \t\r\n0-9a-f*-]{0,80}") {
        for text in [text.clone(), format!("sip:{text}"), format!("<sip:{text}>"), format!("SIP/2.0/UDP {text}")] {
            if let Ok(uri) = Uri::parse(text.as_str()) {
                prop_assert_eq!(uri.as_str(), text.as_str());
                prop_assert!(uri.equivalent(&uri));
            }
            if let Ok(address) = NameAddr::parse(text.as_str()) {
                let again = NameAddr::parse(address.with_tag("t").as_str()).unwrap();
                prop_assert_eq!((again.tag(), again.uri()), (Some("t"), address.uri()));
            }
            let _ = Via::parse(text.as_str());
        }
    }

    #[test]
    fn any_envelope_is_borne(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "[NS:<>imdn;. \t\r\nA-c\\\\u0]{0,200}") {
        for body in [Bytes::from(bytes), Bytes::from(text)] {
            if let Ok(cpim) = Cpim::parse(&body) {
                prop_assert!(body.ends_with(cpim.content()));
                let _ = cpim.content_type();
            }
        }
    }
}
