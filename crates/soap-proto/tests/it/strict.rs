//! Documents that must be refused, each with what was expected and what came; and lawful unusual ones.

use convoke_types::FaultCode;
use soap_proto::{Headers, Operation, Response, parse_request, parse_response, write_response};

fn envelope(header: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/' xmlns:a='http://www.w3.org/2005/08/addressing' \
         xmlns:c='urn:convoke:conference:1'>{header}<s:Body>{body}</s:Body></s:Envelope>"
    )
}
const END: &str = "<c:end><c:conference>c1</c:conference></c:end>";

fn refused(document: &str, at: &str, expected: &str) {
    let error = parse_request(document.as_bytes()).expect_err(document);
    assert!(
        error.at == at && error.expected.contains(expected),
        "{document}\ngave {error}\nnot {at}: {expected}"
    );
}

#[test]
fn lawful_but_unusual_documents_are_read() {
    let plain = parse_request(envelope("", END).as_bytes()).unwrap();
    let Operation::End { conference } = &plain.operation else {
        panic!("not end")
    };
    assert_eq!(conference.as_str(), "c1");
    for document in [
        format!(
            "\u{feff}<?xml version='1.0' encoding='utf-8' standalone='yes' ?>\n{}\n<!-- after -->",
            envelope("", END)
        ),
        envelope("<s:Header/>", END),
        envelope(
            "",
            "<end xmlns='urn:convoke:conference:1'>\n <conference>\t c1 <!-- x --> </conference>\n</end>",
        ),
        envelope(
            "",
            "<c:end><c:conference>&#99;<![CDATA[1]]></c:conference></c:end>",
        ),
        envelope(
            "",
            "<q:end xmlns:q='urn:convoke:conference:1'><q:conference>&#x63;1</q:conference></q:end >",
        ),
    ] {
        assert_eq!(
            parse_request(document.as_bytes()).unwrap().operation,
            plain.operation,
            "{document}"
        );
    }
}

#[test]
fn what_soap_forbids_is_refused() {
    for (document, expected) in [
        (
            format!("<!DOCTYPE x [<!ENTITY e 'c1'>]>{}", envelope("", END)),
            "no document type",
        ),
        (
            envelope("", "<c:end><c:conference>&e;</c:conference></c:end>"),
            "one of lt gt amp quot apos",
        ),
        (
            format!("<?php x?>{}", envelope("", END)),
            "no processing instruction",
        ),
        (
            envelope(
                "",
                "<c:end><?go now?><c:conference>c1</c:conference></c:end>",
            ),
            "no processing instruction",
        ),
        (
            format!("{}{}", envelope("", END), envelope("", END)),
            "one element",
        ),
        (format!("{}x", envelope("", END)), "one element"),
        (" ".to_owned(), "an element"),
        (
            format!(" <?xml version='1.0'?>{}", envelope("", END)),
            "the XML declaration first",
        ),
        (
            format!("<?xml version='1.1'?>{}", envelope("", END)),
            "XML 1.0",
        ),
        (
            format!(
                "<?xml version='1.0' encoding='latin1'?>{}",
                envelope("", END)
            ),
            "XML 1.0 in UTF-8",
        ),
        (envelope("", &"<c:end>".repeat(40)), "at most 32 levels"),
        (
            envelope("", &format!("<c:end>{}</c:end>", " ".repeat(70_000))),
            "at most 65536 bytes",
        ),
        (
            envelope("", "<c:end><c:conference>\u{1}</c:conference></c:end>"),
            "characters of XML 1.0",
        ),
        (envelope("", "<c:end a='1'b='2'/>"), "name=\"value\""),
        (envelope("", "<c:end a='1' a='2'/>"), "each attribute once"),
        (envelope("", "<d:end/>"), "a declared prefix"),
        (
            envelope("", "<c:end xmlns:x='u' xmlns:y='u' x:a='' y:a=''/>"),
            "each attribute once",
        ),
        (
            envelope("", "<c:end><c:conference>c1</c:end></c:conference>"),
            "well-formed XML",
        ),
        (envelope("", "<c:end>"), "well-formed XML"),
        (envelope("", "<c:end>&#0;</c:end>"), "a character"),
        (envelope("", "<c:end>&#x+63;</c:end>"), "a character"),
        (envelope("", "<c:end>]]></c:end>"), "]]>"),
    ] {
        refused(&document, "document", expected);
    }
}

#[test]
fn what_the_schema_forbids_is_refused_with_its_place() {
    let body = "s:Envelope/s:Body";
    for (inner, at, expected) in [
        ("", "", "one element"),
        (
            "<c:end><c:conference>c1</c:conference></c:end><c:list/>",
            "",
            "nothing more",
        ),
        ("text<c:list/>", "", "no text"),
        ("<c:list> </c:list>", "/c:list", "an empty element"),
        ("<c:end/>", "/c:end", "c:conference"),
        ("<c:end x='1'/>", "/c:end", "no attribute"),
        (
            "<c:end xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:nil='true'/>",
            "/c:end",
            "no attribute",
        ),
        (
            "<c:end><c:conference>c 1</c:conference></c:end>",
            "/c:end/c:conference",
            "an identifier",
        ),
        (
            "<c:end><c:conference>c1<c:x/></c:conference></c:end>",
            "/c:end/c:conference",
            "an identifier",
        ),
        (
            "<c:end><c:conference>c1</c:conference><c:conference>c1</c:conference></c:end>",
            "/c:end",
            "nothing more",
        ),
        (
            "<c:end><conference>c1</conference></c:end>",
            "/c:end",
            "c:conference",
        ),
        (
            "<c:add><c:conference>c1</c:conference></c:add>",
            "/c:add",
            "c:participant",
        ),
        (
            "<c:create><c:initiator/></c:create>",
            "/c:create/c:initiator",
            "c:person, c:number or c:sip",
        ),
        (
            "<c:create><c:initiator><c:name>A</c:name><c:person>a</c:person></c:initiator></c:create>",
            "/c:create/c:initiator",
            "c:person, c:number",
        ),
        (
            "<c:create><c:initiator><c:number>five</c:number></c:initiator></c:create>",
            "/c:create/c:initiator/c:number",
            "a telephone number",
        ),
        (
            "<c:create><c:initiator><c:sip>tel:1</c:sip></c:initiator></c:create>",
            "/c:create/c:initiator/c:sip",
            "a SIP URI",
        ),
        (
            "<c:call><c:conference>c1</c:conference><c:participant>p1</c:participant><c:place>work</c:place><c:number>1</c:number></c:call>",
            "/c:call",
            "nothing more",
        ),
        (
            "<c:call><c:conference>c1</c:conference><c:participant>p1</c:participant><c:number>one</c:number></c:call>",
            "/c:call/c:number",
            "a telephone number",
        ),
        (
            "<c:muteAll><c:conference>c1</c:conference><c:participant>p1</c:participant></c:muteAll>",
            "/c:muteAll",
            "nothing more",
        ),
        (
            "<c:raiseHand><c:conference>c1</c:conference></c:raiseHand>",
            "/c:raiseHand",
            "c:participant",
        ),
        (
            "<c:get><c:conference>c1</c:conference><c:waitMs>25001</c:waitMs></c:get>",
            "/c:get/c:waitMs",
            "0 to 25000",
        ),
        (
            "<c:get><c:conference>c1</c:conference><c:since>-1</c:since></c:get>",
            "/c:get/c:since",
            "a version",
        ),
        (
            "<c:get><c:conference>c1</c:conference><c:first>0</c:first><c:since>1</c:since></c:get>",
            "/c:get",
            "nothing more",
        ),
    ] {
        refused(&envelope("", inner), &format!("{body}{at}"), expected);
    }
    let long = format!(
        "<c:create><c:initiator><c:person>{}</c:person></c:initiator></c:create>",
        "a".repeat(321)
    );
    refused(
        &envelope("", &long),
        "s:Envelope/s:Body/c:create/c:initiator/c:person",
        "1 to 320",
    );
}

#[test]
fn headers_are_as_strict_and_an_error_in_the_body_still_carries_them() {
    let at = "s:Envelope/s:Header";
    for (block, name, expected) in [
        (
            "<a:MessageID>m1</a:MessageID><a:MessageID>m1</a:MessageID>",
            "/a:MessageID",
            "each header once",
        ),
        (
            "<a:MessageID>m 1</a:MessageID>",
            "/a:MessageID",
            "an identifier",
        ),
        (
            "<a:MessageID s:mustUnderstand='2'>m1</a:MessageID>",
            "/a:MessageID",
            "s:mustUnderstand",
        ),
        ("<a:ReplyTo>sip:a@b</a:ReplyTo>", "/a:ReplyTo", "no text"),
        ("<a:From/>", "/a:From", "a:MessageID, a:RelatesTo"),
        (
            "<c:expires><c:sent>2026-11-20T15:00:00Z</c:sent><c:seconds>31</c:seconds></c:expires>",
            "/c:expires/c:seconds",
            "1 to 30",
        ),
        (
            "<c:expires><c:sent>2026-02-30T15:00:00Z</c:sent><c:seconds>3</c:seconds></c:expires>",
            "/c:expires/c:sent",
            "a UTC dateTime",
        ),
        (
            "<c:asserted>sip:alice@example.org</c:asserted>",
            "/c:asserted",
            "user@domain",
        ),
    ] {
        refused(
            &envelope(&format!("<s:Header>{block}</s:Header>"), END),
            &format!("{at}{name}"),
            expected,
        );
    }
    let header = "<s:Header><a:MessageID s:mustUnderstand='1'>m1</a:MessageID><a:ReplyTo><a:Address>sip:a@b;gr=1</a:Address></a:ReplyTo></s:Header>";
    let error = parse_request(envelope(header, "<c:dance/>").as_bytes()).unwrap_err();
    assert_eq!(error.code, FaultCode::UnknownOperation);
    let headers = error.headers.unwrap();
    assert_eq!(headers.message_id.unwrap().as_str(), "m1");
    assert_eq!(headers.reply_to.unwrap(), "sip:a@b;gr=1");
}

#[test]
fn other_versions_and_headers_that_must_be_understood_are_faults_of_their_own() {
    let soap_12 = "http://www.w3.org/2003/05/soap-envelope";
    let next = "http://schemas.xmlsoap.org/soap/actor/next";
    let with = |block: &str| envelope(&format!("<s:Header>{block}</s:Header>"), END);
    let security = |attributes: &str| with(&format!("<x:Security xmlns:x='urn:x' {attributes}/>"));
    let good = envelope("", END);
    for (text, code, at, faultcode) in [
        (
            good.replace("http://schemas.xmlsoap.org/soap/envelope/", soap_12),
            FaultCode::VersionMismatch,
            "document",
            "s:VersionMismatch",
        ),
        (
            "<Envelope/>".to_owned(),
            FaultCode::VersionMismatch,
            "document",
            "s:VersionMismatch",
        ),
        (
            "<html/>".to_owned(),
            FaultCode::BadRequest,
            "document",
            "s:Client",
        ),
        (
            security("s:mustUnderstand='1'"),
            FaultCode::MustUnderstand,
            "s:Envelope/s:Header/?:Security",
            "s:MustUnderstand",
        ),
        (
            security(&format!("s:mustUnderstand='1' s:actor='{next}'")),
            FaultCode::MustUnderstand,
            "s:Envelope/s:Header/?:Security",
            "s:MustUnderstand",
        ),
        // Whatever else is wrong with the headers before it.
        (
            with("<a:MessageID>m 1</a:MessageID><a:From s:mustUnderstand='1'/>"),
            FaultCode::MustUnderstand,
            "s:Envelope/s:Header/a:From",
            "s:MustUnderstand",
        ),
        // For somebody else, and of no weight: refused as the schema does.
        (
            security("s:mustUnderstand='1' s:actor='urn:somebody'"),
            FaultCode::BadRequest,
            "s:Envelope/s:Header/?:Security",
            "s:Client",
        ),
        (
            security("s:mustUnderstand='0'"),
            FaultCode::BadRequest,
            "s:Envelope/s:Header/?:Security",
            "s:Client",
        ),
        (
            security("mustUnderstand='1'"),
            FaultCode::BadRequest,
            "s:Envelope/s:Header/?:Security",
            "s:Client",
        ),
    ] {
        let error = parse_request(text.as_bytes()).unwrap_err();
        assert_eq!((error.code, error.at.as_str()), (code, at), "{text}");
        let answer = Response::to(&Headers::default(), Err(error.into()));
        let answer = String::from_utf8(write_response(&answer)).unwrap();
        let expected = format!("<faultcode>{faultcode}</faultcode>");
        assert!(answer.contains(&expected), "{answer}");
        // Our own reader takes it.
        let read = parse_response(answer.as_bytes()).unwrap();
        assert_eq!(read.outcome.unwrap_err().code, code);
    }
}

#[test]
fn a_command_is_over_after_its_life_and_when_its_clock_is_far_ahead() {
    use soap_proto::{Expires, UtcMillis};
    let sent = UtcMillis(1_795_187_078_000);
    let expires = Expires { sent, seconds: 20 };
    assert!(!expires.is_over(UtcMillis(sent.0 + 20_000)));
    assert!(expires.is_over(UtcMillis(sent.0 + 20_001)));
    assert!(!expires.is_over(UtcMillis(sent.0 - 20_000)));
    assert!(expires.is_over(UtcMillis(sent.0 - 20_001)));
}
