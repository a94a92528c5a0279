//! Programs: SOAP in, SOAP back to the device that asked.
#![expect(clippy::unwrap_used, reason = "scenes fail by panicking")]

use convoke_types::report::Change;
use convoke_types::{Fault, FaultCode, LegState};
use soap_proto::{Answer, Operation, OperationName, Request, parse_report, parse_response};

use crate::scene::{ALICE_DEVICE, Scene, command, conference, create, done, leg, report};

fn end() -> Operation {
    Operation::End {
        conference: "c1".parse().unwrap(),
    }
}

/// Sends a request that must be refused: the fault's code and where it went.
fn refused(scene: &mut Scene, request: &Request) -> (FaultCode, String) {
    assert_eq!(scene.sends("alice", request), 202);
    assert!(scene.calls.is_empty(), "nobody's telephone rings");
    let (to, body) = scene.delivered();
    let response = parse_response(body.as_bytes()).unwrap();
    assert_eq!(response.headers.relates_to, request.headers.message_id);
    (response.outcome.unwrap_err().code, to)
}

#[test]
fn a_command_is_answered_to_its_device_and_so_are_the_reports() {
    let mut scene = Scene::new();
    let request = command(&scene, create());
    assert_eq!(scene.sends("alice", &request), 202);
    let (token, called) = scene.call();
    assert_eq!(called.operation, request.operation);
    assert_eq!(called.headers.message_id, request.headers.message_id);
    assert_eq!(called.headers.reply_to.as_deref(), Some(ALICE_DEVICE));
    assert!(scene.sent.is_empty());

    scene.service_answers(
        token,
        &called,
        done(
            OperationName::Create,
            conference("c1", &[("Bob", "mobile")]),
        ),
    );
    let (to, body) = scene.delivered();
    assert_eq!(to, ALICE_DEVICE);
    let response = parse_response(body.as_bytes()).unwrap();
    assert_eq!(response.headers.relates_to, request.headers.message_id);
    assert!(
        matches!(response.outcome, Ok(Answer::Done { conference, .. }) if conference.id.as_str() == "c1")
    );

    // The service names the subscriber; a service that does not is helped by memory.
    for address in [Some(ALICE_DEVICE), None] {
        assert_eq!(
            scene.reports(
                address,
                vec![report(1, Some("Bob"), leg(LegState::Ringing))]
            ),
            200
        );
        let (to, body) = scene.delivered();
        assert_eq!(to, ALICE_DEVICE);
        let told = parse_report(body.as_bytes()).unwrap();
        assert_eq!(told.headers.relates_to, request.headers.message_id);
        assert_eq!(
            told.reports,
            vec![report(1, Some("Bob"), leg(LegState::Ringing))]
        );
    }
}

#[test]
fn without_a_reachable_reply_address_the_fault_goes_to_the_address_of_record() {
    let mut scene = Scene::new();
    for address in [
        None,
        Some("sip:bob@example.org;gr=1"),
        Some("sip:alice@example.org"),
        Some("sip:alice@evil.example;gr=1"),
        Some("http://www.w3.org/2005/08/addressing/anonymous"),
    ] {
        let mut request = command(&scene, create());
        request.headers.reply_to = address.map(str::to_owned);
        let answer = refused(&mut scene, &request);
        assert_eq!(
            answer,
            (FaultCode::NoReplyTo, "sip:alice@example.org".to_owned()),
            "{address:?}"
        );
    }
}

#[test]
fn what_breaks_the_rules_is_refused_to_the_device() {
    let mut scene = Scene::new();
    let at_device = |code| (code, ALICE_DEVICE.to_owned());
    let mut request = command(&scene, end());
    request.headers.expires = None;
    assert_eq!(
        refused(&mut scene, &request),
        at_device(FaultCode::BadRequest)
    );
    let mut request = command(&scene, end());
    request.headers.message_id = None;
    assert_eq!(
        refused(&mut scene, &request),
        at_device(FaultCode::BadRequest)
    );
    let mut request = command(&scene, end());
    request.headers.asserted = Some("bob@example.org".parse().unwrap());
    assert_eq!(
        refused(&mut scene, &request),
        at_device(FaultCode::NotAllowed)
    );
}

#[test]
fn the_service_judges_whether_a_command_is_late_for_a_repeat_gets_its_first_answer() {
    let mut scene = Scene::new();
    let late = command(&scene, create());
    scene.wait(30_001);
    assert_eq!(scene.sends("alice", &late), 202);
    let (token, called) = scene.call();
    assert_eq!(called.headers.expires, late.headers.expires);
    let first = done(OperationName::Create, conference("c1", &[]));
    scene.service_answers(token, &called, first);
    let (to, body) = scene.delivered();
    assert_eq!(to, ALICE_DEVICE);
    let response = parse_response(body.as_bytes()).unwrap();
    assert!(matches!(response.outcome, Ok(Answer::Done { .. })));
}

#[test]
fn questions_need_no_expiry() {
    let mut scene = Scene::new();
    let mut request = command(&scene, Operation::List);
    request.headers.expires = None;
    assert_eq!(scene.sends("alice", &request), 202);
    assert_eq!(scene.call().1.operation, Operation::List);
}

#[test]
fn a_document_that_the_schema_refuses_is_a_typed_fault_to_the_device_that_it_names() {
    let mut scene = Scene::new();
    let good =
        String::from_utf8(soap_proto::write_request(&command(&scene, end())).unwrap()).unwrap();
    let dance = good.replace("c:end>", "c:dance>");
    let soap_12 = good.replace(
        "http://schemas.xmlsoap.org/soap/envelope/",
        "http://www.w3.org/2003/05/soap-envelope",
    );
    let signed = good.replace(
        "<s:Header>",
        "<s:Header><x:Security xmlns:x=\"urn:x\" s:mustUnderstand=\"1\"/>",
    );
    for (document, code, device) in [
        (dance.as_str(), FaultCode::UnknownOperation, true),
        (
            &good.replace("<c:conference>c1</c:conference>", ""),
            FaultCode::BadRequest,
            true,
        ),
        (soap_12.as_str(), FaultCode::VersionMismatch, false),
        (signed.as_str(), FaultCode::MustUnderstand, false),
        ("<x/>", FaultCode::BadRequest, false),
        ("hello", FaultCode::BadRequest, false),
    ] {
        let message = scene.message("alice", "text/xml", document.to_owned());
        assert_eq!(scene.give(message), 202);
        let (to, body) = scene.delivered();
        let response = parse_response(body.as_bytes()).unwrap();
        assert_eq!(response.outcome.unwrap_err().code, code, "{document}");
        assert_eq!(
            to,
            if device {
                ALICE_DEVICE
            } else {
                "sip:alice@example.org"
            }
        );
    }
}

#[test]
fn the_services_faults_and_failures_come_back_typed() {
    let mut scene = Scene::new();
    let request = command(&scene, end());
    let fault = Fault::new(FaultCode::UnknownConference, "a running conference", "c1");
    scene.sends("alice", &request);
    let (token, called) = scene.call();
    scene.service_answers(token, &called, Err(fault.clone()));
    let response = parse_response(scene.delivered().1.as_bytes()).unwrap();
    assert_eq!(response.outcome, Err(fault));
    for (status, body, code) in [
        (0, "", FaultCode::Overloaded),
        (503, "busy", FaultCode::Overloaded),
        (401, "", FaultCode::Internal),
        (200, "<html/>", FaultCode::Internal),
    ] {
        scene.sends("alice", &request);
        let (token, _) = scene.call();
        scene.service_says(token, status, body.as_bytes());
        let response = parse_response(scene.delivered().1.as_bytes()).unwrap();
        assert_eq!(response.outcome.unwrap_err().code, code, "{status}");
    }
    // A service that never answers.
    scene.sends("alice", &request);
    let (token, called) = scene.call();
    scene.wait(34_999);
    assert!(scene.sent.is_empty());
    scene.wait(1);
    let response = parse_response(scene.delivered().1.as_bytes()).unwrap();
    assert_eq!(response.outcome.unwrap_err().code, FaultCode::Overloaded);
    scene.service_answers(
        token,
        &called,
        done(OperationName::End, conference("c1", &[])),
    );
    assert!(scene.sent.is_empty(), "an answer after that is nobody's");
    assert_eq!(scene.gateway.poll_timeout(), None);
}

#[test]
fn reports_are_taken_from_the_service_alone_and_for_the_subscriber_alone() {
    let mut scene = Scene::new();
    let one = || vec![report(1, None, Change::Created)];
    assert_eq!(scene.reports(None, one()), 500, "nobody subscribed");
    for address in [
        "sip:alice@example.org",
        "tel:+15550100",
        "sip:alice@example.org;gr",
    ] {
        assert_eq!(scene.reports(Some(address), one()), 500, "{address}");
    }
    assert_eq!(scene.report_bytes(b"<x/>".to_vec(), true), 500);
    let message = soap_proto::ReportMessage {
        headers: soap_proto::Headers::default(),
        user: Some("bob@example.org".parse().unwrap()),
        address: Some(ALICE_DEVICE.to_owned()),
        reports: one(),
    };
    let bytes = soap_proto::write_report(&message).unwrap();
    assert_eq!(
        scene.report_bytes(bytes, true),
        500,
        "bob's reports do not go to alice"
    );
    let message = soap_proto::ReportMessage {
        user: None,
        ..message
    };
    let bytes = soap_proto::write_report(&message).unwrap();
    assert_eq!(scene.report_bytes(bytes.clone(), false), 500);
    assert!(
        scene
            .report_answers
            .last()
            .unwrap()
            .1
            .contains("unauthenticated")
    );
    assert!(scene.sent.is_empty());
    assert_eq!(scene.report_bytes(bytes, true), 200);
    assert_eq!(scene.sent.len(), 1);
}
