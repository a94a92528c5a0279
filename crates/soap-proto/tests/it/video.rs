//! The video services' documents: what is written is read again, and what the schema refuses is refused.

use convoke_types::{FaultCode, ModeSource};
use proptest::prelude::*;
use soap_proto::{
    AskedPerson, Headers, Invited, KnownMode, KnownPerson, VideoAnswer, VideoOperation,
    VideoResponse, parse_video_request, parse_video_response, write_video_request,
    write_video_response,
};

use crate::video_samples;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn video_requests(request in video_samples::request()) {
        let bytes = write_video_request(&request).unwrap();
        prop_assert_eq!(parse_video_request(&bytes).unwrap(), request);
    }

    #[test]
    fn video_responses(response in video_samples::response()) {
        let bytes = write_video_response(&response);
        prop_assert_eq!(parse_video_response(&bytes).unwrap(), response);
    }
}

fn envelope(body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/' xmlns:v='urn:convoke:video:1' \
         xmlns:c='urn:convoke:conference:1'><s:Body>{body}</s:Body></s:Envelope>"
    )
}

#[test]
fn a_request_names_people_numbers_rooms_and_addresses_of_other_networks() {
    let request = envelope(
        "<v:request><v:title> Plan  B </v:title><v:invite><v:person>bob</v:person></v:invite>\
         <v:invite><v:number>+1 555 0102</v:number><v:name>Carol</v:name></v:invite>\
         <v:invite><v:sip>sip:room@video.example</v:sip></v:invite>\
         <v:invite><v:address>isdn:+493012345</v:address><v:mode>isdn</v:mode></v:invite></v:request>",
    );
    let read = parse_video_request(request.as_bytes()).unwrap();
    let VideoOperation::Request { title, invites } = read.operation else {
        panic!("another operation")
    };
    assert_eq!(title.as_deref(), Some("Plan B"));
    assert_eq!(invites.len(), 4);
    assert!(matches!(&invites[3].who, Invited::Network(a) if a.address() == "+493012345"));
}

#[test]
fn what_the_schema_refuses_is_refused() {
    let many = "<v:invite><v:person>b</v:person></v:invite>".repeat(101);
    let crowd = "<v:person>b</v:person>".repeat(21);
    for (body, expected) in [
        ("<v:request/>".to_owned(), "v:invite"),
        ("<v:request><v:invite/></v:request>".to_owned(), "v:person"),
        (
            "<v:request><v:invite><v:address>ISDN:123</v:address></v:invite></v:request>".to_owned(),
            "h323:",
        ),
        (
            "<v:request><v:invite><v:person>b</v:person><v:mode>fax</v:mode></v:invite></v:request>"
                .to_owned(),
            "a mode",
        ),
        (format!("<v:request>{many}</v:request>"), "at most 100"),
        (format!("<v:modes>{crowd}</v:modes>"), "at most 20"),
        ("<v:modes/>".to_owned(), "v:person"),
        ("<v:callable/>".to_owned(), "v:number or v:sip"),
        (
            "<v:callable><v:number>bob</v:number></v:callable>".to_owned(),
            "a telephone number",
        ),
        (
            format!("<v:callable>{}</v:callable>", "<v:number>1</v:number>".repeat(51)),
            "at most 50",
        ),
    ] {
        let error = parse_video_request(envelope(&body).as_bytes()).expect_err(&body);
        assert!(error.expected.contains(expected), "{body}: {error}");
        assert_eq!(error.code, FaultCode::BadRequest);
    }
    let other = envelope("<c:list/>");
    let error = parse_video_request(other.as_bytes()).unwrap_err();
    assert_eq!(error.code, FaultCode::UnknownOperation);
}

#[test]
fn an_answer_that_does_not_fit_says_so() {
    let mode = KnownMode {
        mode: convoke_types::Mode::Sip,
        address: Some(format!("sip:{}", "&".repeat(240))),
        place: None,
        video: true,
        here: true,
        source: ModeSource::ByHand,
    };
    let person = |n: usize| AskedPerson {
        asked: n.to_string(),
        known: Some(KnownPerson {
            user: format!("u{n}@example.org").parse().unwrap(),
            name: String::new(),
            language: "en".to_owned(),
            modes: vec![mode.clone(); soap_proto::MODES_MAX],
        }),
    };
    let people = (0..soap_proto::MODES_PEOPLE_MAX).map(person).collect();
    let response = VideoResponse {
        headers: Headers::default(),
        outcome: Ok(VideoAnswer::Modes(people)),
    };
    let read = parse_video_response(&write_video_response(&response)).unwrap();
    assert_eq!(read.outcome.unwrap_err().code, FaultCode::LimitReached);
}
