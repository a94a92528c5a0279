//! Requests to conferences and back: who may, over which connection, and what is put right when it goes wrong.

use std::time::Duration;

use sip_proto::{FlowId, HeaderName, Method, Transport, Uri};

use crate::dialogs::*;
use crate::world::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_subscription_to_a_conference_passes_with_its_watchers_identity() {
    for transport in [
        Transport::Wss,
        Transport::Ws,
        Transport::Tls,
        Transport::Tcp,
        Transport::Udp,
    ] {
        let mut world = World::new();
        let mut service = world.registered("focus", Transport::Tcp);
        let mut alice = world.registered("alice", transport);
        let forged = "P-Asserted-Identity: <sip:bob@example.org>\r\nP-Preferred-Identity: <sip:bob@example.org>\r\n";
        let mut end = End::new(&alice, "s1");
        let rest = format!("{SUBSCRIBE}{forged}");
        let request = through(
            &mut world,
            &mut end,
            &mut alice,
            &service,
            "SUBSCRIBE",
            &rest,
        );
        assert_eq!(request.request_uri(), Some(CONFERENCE));
        let identities: Vec<_> = request.headers(HeaderName::PAssertedIdentity).collect();
        assert_eq!(identities, ["<sip:alice@example.org>"], "{transport}");
        for gone in [
            HeaderName::PPreferredIdentity,
            HeaderName::ProxyAuthorization,
            HeaderName::Authorization,
        ] {
            assert!(!request.has(gone));
        }
        assert_eq!(request.max_forwards().unwrap(), Some(69));
        let routes = request.record_routes().unwrap();
        let sides = if transport == Transport::Tcp { 1 } else { 2 };
        assert_eq!(routes.len(), sides, "{transport}");
        let last = routes[sides - 1].uri().clone();
        assert_eq!(last.param("transport"), Some(transport.param_word()));
        assert!(last.param("lr").is_some());

        let mut theirs = End::of_request(&request);
        serve(&mut world, &service, &request, 200);
        let answers = world.received(&alice);
        assert_eq!(statuses(&answers), [200], "{transport}");
        assert_eq!(answers[0].vias().unwrap().len(), 1);
        end.learn(&answers[0]);

        // Back over the client's connection …
        let notify = theirs.next(&mut world, &mut service, "NOTIFY", "Event: conference\r\n");
        world.send(&service.source, &notify);
        let notify = world.request(&alice);
        assert_eq!(notify.method_ref(), Some(&Method::Notify));
        assert_eq!(notify.request_uri(), Some(alice.uri().as_str()));
        assert!(!notify.has(HeaderName::Route) && !notify.has(HeaderName::ProxyAuthorization));
        world.answer(&alice, &notify, 200);
        assert_eq!(statuses(&world.received(&service)), [200]);

        // … and on within the dialog.
        let renewal = through(
            &mut world,
            &mut end,
            &mut alice,
            &service,
            "SUBSCRIBE",
            SUBSCRIBE,
        );
        assert_eq!(renewal.request_uri(), Some(service.uri().as_str()));
        assert!(!renewal.has(HeaderName::Route) && !renewal.has(HeaderName::RecordRoute));
        assert_eq!(
            renewal.header(HeaderName::PAssertedIdentity),
            Some("<sip:alice@example.org>")
        );
        assert_eq!(world.server.forwarding(), 1);
        serve(&mut world, &service, &renewal, 200);
        assert_eq!(statuses(&world.received(&alice)), [200]);
        assert_eq!(world.server.forwarding(), 0);
    }
}

#[test]
fn who_proves_nothing_is_asked_and_who_lies_is_refused() {
    let mut world = World::new();
    let service = world.registered("focus", Transport::Tcp);
    let mut stranger = world.device("alice", Transport::Tcp);
    stranger.password = "wrong".to_owned();
    for method in ["SUBSCRIBE", "INVITE"] {
        let call = format!("{method}-1");
        let mut end = End::new(&stranger, &call);
        let request = end.next(&mut world, &mut stranger, method, SUBSCRIBE);
        let answer = world.ask(&stranger, &request);
        assert_eq!(answer.status(), Some(407));
        stranger.take_challenge(&answer);
        let request = end.next(&mut world, &mut stranger, method, SUBSCRIBE);
        assert_eq!(world.ask(&stranger, &request).status(), Some(407));
    }
    let mut alice = world.registered("alice", Transport::Tls);
    let mut end = End::new(&alice, "as-bob");
    let request = end.next(&mut world, &mut alice, "SUBSCRIBE", SUBSCRIBE);
    let as_bob = request.replace("From: <sip:alice@", "From: <sip:bob@");
    assert_eq!(world.ask(&alice, &as_bob).status(), Some(403));
    assert!(world.received(&service).is_empty());

    // Who answers as to a server is asked like one.
    let mut phone = world.device("bob", Transport::Udp);
    let mut end = End::new(&phone, "as-to-server");
    let bare = end.next(&mut world, &mut phone, "SUBSCRIBE", SUBSCRIBE);
    let nonsense = bare.replace(
        "Content-Length",
        "Authorization: Digest x\r\nContent-Length",
    );
    let answer = world.ask(&phone, &nonsense);
    assert_eq!(answer.status(), Some(401));
    phone.take_challenge(&answer);
    let proved = end.next(&mut world, &mut phone, "SUBSCRIBE", SUBSCRIBE);
    let proved = proved.replace("Proxy-Authorization:", "Authorization:");
    world.send(&phone.source, &proved);
    let request = world.request(&service);
    assert!(!request.has(HeaderName::Authorization));
}

#[test]
fn we_are_no_open_relay() {
    let mut world = World::new();
    let service = world.registered("focus", Transport::Tcp);
    let bob = world.registered("bob", Transport::Tcp);
    let mut alice = world.registered("alice", Transport::Tls);
    let mut end = End::new(&alice, "relay");
    for (from, to, status) in [
        (
            "SUBSCRIBE sip:conf-c1@example.org",
            "SUBSCRIBE sip:conf-c1@example.net",
            489,
        ),
        (
            "INVITE sip:conf-c1@example.org",
            "INVITE sip:conf-c1@example.net",
            405,
        ),
        (
            "INVITE sip:conf-c1@example.org",
            "INVITE sip:bob@example.org",
            405,
        ),
        (
            "INVITE sip:conf-c1@example.org",
            "INVITE sips:conf-c1@example.org",
            416,
        ),
        (
            "INVITE sip:conf-c1@example.org",
            "REFER sip:conf-c1@example.org",
            405,
        ),
        (
            "INVITE sip:conf-c1@example.org",
            "BYE sip:conf-c1@example.org",
            405,
        ),
        ("Max-Forwards: 70", "Max-Forwards: 0", 483),
        (
            "Max-Forwards: 70",
            "Proxy-Require: foo\r\nMax-Forwards: 70",
            420,
        ),
        (
            "Max-Forwards: 70",
            "Route: <sip:192.0.2.99;lr>\r\nMax-Forwards: 70",
            403,
        ),
        (
            "Max-Forwards: 70",
            "Route: <sip:example.org;lr>, <sip:192.0.2.99;lr>\r\nMax-Forwards: 70",
            403,
        ),
    ] {
        let method = from.split_once(' ').unwrap().0;
        let method = if method == "SUBSCRIBE" {
            method
        } else {
            "INVITE"
        };
        let request = end.next(&mut world, &mut alice, method, SUBSCRIBE);
        let other = to.split_once(' ').unwrap().0;
        let mut request = request.replacen(from, to, 1);
        if ["REFER", "BYE"].contains(&other) {
            request = request.replace(" INVITE\r\n", &format!(" {other}\r\n"));
        }
        let answer = world.ask(&alice, &request);
        assert_eq!(answer.status(), Some(status), "{to}");
    }
    // Our own Route alone is taken off.
    let request = end.next(&mut world, &mut alice, "SUBSCRIBE", SUBSCRIBE);
    let ours = "Route: <sip:example.org;lr>\r\nMax-Forwards: 70";
    world.send(&alice.source, &request.replace("Max-Forwards: 70", ours));
    assert!(!world.request(&service).has(HeaderName::Route));
    // And nobody takes messages there.
    let message = world.message(&mut alice, CONFERENCE, "", "hello?");
    assert_eq!(world.ask(&alice, &message).status(), Some(404));
    assert!(world.received(&bob).is_empty() && world.received(&service).is_empty());
}

#[test]
fn only_the_service_itself_reaches_a_client_by_its_token() {
    let mut world = World::new();
    let mut service = world.registered("focus", Transport::Tcp);
    let mut alice = world.registered("alice", Transport::Wss);
    let mut mallory = world.registered("bob", Transport::Tls);
    let (mut end, mut theirs) = dialog(&mut world, &mut alice, &service, "SUBSCRIBE", SUBSCRIBE);

    // A token that she overheard leads where any other does, and under her own name.
    let mut stolen = End::new(&mallory, "stolen");
    (stolen.routes, stolen.target) = (theirs.routes.clone(), alice.uri());
    stolen.remote = format!("<{CONFERENCE}>;tag=service");
    let request = through(
        &mut world,
        &mut stolen,
        &mut mallory,
        &service,
        "NOTIFY",
        "",
    );
    assert_eq!(
        request.header(HeaderName::PAssertedIdentity),
        Some("<sip:bob@example.org>")
    );
    assert!(world.received(&alice).is_empty());
    // One that nobody made leads nowhere.
    for route in [
        "<sip:00@192.0.2.1:5060;lr>".to_owned(),
        theirs.routes[0].replacen('@', "0@", 1),
        theirs.routes[0].replacen(':', ":00", 1),
    ] {
        stolen.routes = vec![route.clone()];
        let request = stolen.next(&mut world, &mut mallory, "NOTIFY", "");
        assert_eq!(world.ask(&mallory, &request).status(), Some(481), "{route}");
    }
    // Without any the dialog is not ours.
    stolen.routes.clear();
    stolen.target = CONFERENCE.to_owned();
    let request = stolen.next(&mut world, &mut mallory, "BYE", "");
    assert_eq!(world.ask(&mallory, &request).status(), Some(481));

    // What a client asserts within a dialog is worth nothing either.
    let forged = "P-Asserted-Identity: <sip:bob@example.org>\r\n";
    let request = through(
        &mut world,
        &mut end,
        &mut alice,
        &service,
        "SUBSCRIBE",
        forged,
    );
    let identities: Vec<_> = request.headers(HeaderName::PAssertedIdentity).collect();
    assert_eq!(identities, ["<sip:alice@example.org>"]);
    serve(&mut world, &service, &request, 200);
    world.received(&alice);

    // The service on another connection, where it did not register, is nobody.
    let mut impostor = world.device("focus", Transport::Tcp);
    impostor.password = "wrong".to_owned();
    let notify = theirs.next(&mut world, &mut impostor, "NOTIFY", "");
    let answer = world.ask(&impostor, &notify);
    assert!(matches!(answer.status(), Some(403 | 407)), "{answer:?}");
    assert!(world.received(&alice).is_empty());
    let notify = theirs.next(&mut world, &mut service, "NOTIFY", "");
    world.send(&service.source, &notify);
    world.request(&alice);
}

#[test]
fn without_the_service_conferences_are_not_available() {
    let mut world = World::new();
    let mut alice = world.registered("alice", Transport::Tls);
    let mut end = End::new(&alice, "absent");
    let request = end.next(&mut world, &mut alice, "SUBSCRIBE", SUBSCRIBE);
    assert_eq!(world.ask(&alice, &request).status(), Some(480));
    // Somebody of its name who is no service is not believed to be it.
    let mut world = World::with(|config| config.conferences = Some("bob".to_owned()));
    let bob = world.registered("bob", Transport::Tls);
    let mut alice = world.registered("alice", Transport::Tls);
    let request = end.next(&mut world, &mut alice, "SUBSCRIBE", SUBSCRIBE);
    assert_eq!(world.ask(&alice, &request).status(), Some(480));
    assert!(world.received(&bob).is_empty());
    // Nor over an address that could be forged.
    let mut world = World::new();
    let service = world.registered("focus", Transport::Udp);
    let mut alice = world.registered("alice", Transport::Tls);
    let request = end.next(&mut world, &mut alice, "SUBSCRIBE", SUBSCRIBE);
    assert_eq!(world.ask(&alice, &request).status(), Some(480));
    assert!(world.received(&service).is_empty());
    // And where there are to be none, `conf-` is a name like others.
    let mut world = World::with(|config| config.conferences = None);
    let mut alice = world.registered("alice", Transport::Tls);
    let request = end.next(&mut world, &mut alice, "INVITE", "");
    assert_eq!(world.ask(&alice, &request).status(), Some(405));
}

#[test]
fn a_call_is_set_up_changed_from_both_ends_and_hung_up() {
    let mut world = World::new();
    let mut service = world.registered("focus", Transport::Tcp);
    let mut alice = world.registered("alice", Transport::Wss);
    let mut end = End::new(&alice, "call");
    let invite = through(&mut world, &mut end, &mut alice, &service, "INVITE", "");
    assert_eq!(
        invite.header(HeaderName::PAssertedIdentity),
        Some("<sip:alice@example.org>")
    );
    let mut theirs = End::of_request(&invite);
    world.advance(SECOND);
    assert_eq!(statuses(&world.received(&alice)), [100], "ours");
    for status in [100, 180, 183] {
        serve(&mut world, &service, &invite, status);
    }
    assert_eq!(statuses(&world.received(&alice)), [180, 183]);
    // A 2xx is repeated until its ACK comes, end to end.
    for _ in 0..2 {
        serve(&mut world, &service, &invite, 200);
    }
    let answers = world.received(&alice);
    assert_eq!(statuses(&answers), [200, 200]);
    end.learn(&answers[0]);
    let ack = end.write(
        &mut world,
        &mut alice,
        "ACK",
        "P-Asserted-Identity: <sip:x@example.org>\r\n",
    );
    world.send(&alice.source, &ack);
    let ack = world.request(&service);
    assert_eq!(ack.method_ref(), Some(&Method::Ack));
    assert_eq!(ack.request_uri(), Some(service.uri().as_str()));
    assert!(!ack.has(HeaderName::PAssertedIdentity) && !ack.has(HeaderName::Route));
    world.advance(33 * SECOND);
    assert_eq!(world.server.forwarding(), 0);

    for method in ["INVITE", "UPDATE", "INFO"] {
        let request = through(&mut world, &mut end, &mut alice, &service, method, "");
        assert_eq!(request.method_ref().unwrap().as_str(), method);
        serve(&mut world, &service, &request, 200);
        assert_eq!(statuses(&world.received(&alice)), [200], "{method}");
        if method == "INVITE" {
            let ack = end.write(&mut world, &mut alice, "ACK", "");
            world.send(&alice.source, &ack);
            world.request(&service);
        }
        let request = theirs.next(&mut world, &mut service, method, "");
        world.send(&service.source, &request);
        let request = world.request(&alice);
        world.answer(&alice, &request, 200);
        assert_eq!(statuses(&world.received(&service)), [200], "{method}");
        if method == "INVITE" {
            let ack = theirs.write(&mut world, &mut service, "ACK", "");
            world.send(&service.source, &ack);
            assert_eq!(world.request(&alice).method_ref(), Some(&Method::Ack));
        }
    }
    let bye = theirs.next(&mut world, &mut service, "BYE", "");
    world.send(&service.source, &bye);
    let bye = world.request(&alice);
    world.answer(&alice, &bye, 200);
    assert_eq!(statuses(&world.received(&service)), [200]);
}

#[test]
fn a_refused_call_is_acknowledged_hop_by_hop() {
    for transport in [Transport::Tls, Transport::Udp] {
        let mut world = World::new();
        let service = world.registered("focus", Transport::Tcp);
        let mut alice = world.registered("alice", transport);
        let mut end = End::new(&alice, "refused");
        let invite = through(&mut world, &mut end, &mut alice, &service, "INVITE", "");
        serve(&mut world, &service, &invite, 488);
        let ack = world.request(&service);
        assert_eq!(ack.method_ref(), Some(&Method::Ack));
        assert_eq!(ack.top_via().unwrap(), invite.top_via().unwrap());
        let answers = world.received(&alice);
        assert_eq!(statuses(&answers), [488]);
        let ack = format!(
            "ACK {CONFERENCE} SIP/2.0\r\nVia: {}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: refused\r\nCSeq: {} ACK\r\n\
             Content-Length: 0\r\n\r\n",
            answers[0].top_via().unwrap(),
            end.local,
            answers[0].header(HeaderName::To).unwrap(),
            end.cseq,
        );
        world.send(&alice.source, &ack);
        world.advance(40 * SECOND);
        assert!(world.received(&service).is_empty());
        assert!(world.received(&alice).is_empty(), "{transport}");
        assert_eq!(world.server.forwarding(), 0);
    }
}

fn cancel_of(request: &str) -> String {
    let lines = request.split("\r\n");
    let kept: Vec<_> = lines
        .filter(|line| {
            [
                "INVITE ",
                "Via:",
                "From:",
                "To:",
                "Call-ID:",
                "CSeq:",
                "Max-Forwards:",
            ]
            .iter()
            .any(|name| line.starts_with(name))
        })
        .map(|line| line.replace("INVITE", "CANCEL"))
        .collect();
    format!("{}\r\nContent-Length: 0\r\n\r\n", kept.join("\r\n"))
}

#[test]
fn a_call_that_is_given_up_is_cancelled() {
    let mut world = World::new();
    let service = world.registered("focus", Transport::Tcp);
    let mut alice = world.registered("alice", Transport::Tls);
    let mut end = End::new(&alice, "given-up");
    let request = end.next(&mut world, &mut alice, "INVITE", "");
    world.send(&alice.source, &request);
    let invite = world.request(&service);
    serve(&mut world, &service, &invite, 180);
    assert_eq!(statuses(&world.received(&alice)), [180]);
    assert_eq!(world.ask(&alice, &cancel_of(&request)).status(), Some(200));
    let cancel = world.request(&service);
    assert_eq!(cancel.method_ref(), Some(&Method::Cancel));
    world.answer(&service, &cancel, 200);
    serve(&mut world, &service, &invite, 487);
    assert_eq!(statuses(&world.received(&alice)), [487]);
    assert_eq!(world.server.forwarding(), 0);

    // Given up before it went on: it never does.
    let mut world = World::new();
    let service = world.registered("focus", Transport::Tcp);
    let mut phone = world.device("alice", Transport::Tcp);
    let mut end = End::new(&phone, "at-once");
    let bare = end.next(&mut world, &mut phone, "INVITE", "");
    let challenge = world.ask(&phone, &bare);
    phone.take_challenge(&challenge);
    world.accounts_answer = false;
    let request = end.next(&mut world, &mut phone, "INVITE", "");
    world.send(&phone.source, &request);
    world.send(&phone.source, &cancel_of(&request));
    let mut answers = statuses(&world.received(&phone));
    answers.sort_unstable();
    assert_eq!(answers, [200, 487]);
    world.let_accounts_answer();
    assert!(world.received(&service).is_empty() && world.received(&phone).is_empty());
}

#[test]
fn a_caller_who_is_gone_is_given_up() {
    let mut world = World::new();
    let mut service = world.registered("focus", Transport::Tcp);
    let mut alice = world.registered("alice", Transport::Wss);
    let (_, mut theirs) = dialog(&mut world, &mut alice, &service, "SUBSCRIBE", SUBSCRIBE);
    let mut end = End::new(&alice, "gone");
    let invite = through(&mut world, &mut end, &mut alice, &service, "INVITE", "");
    serve(&mut world, &service, &invite, 180);
    world.close(&alice);
    let cancel = world.request(&service);
    assert_eq!(cancel.method_ref(), Some(&Method::Cancel));
    // And what watched over that connection is told to be gone.
    let notify = theirs.next(&mut world, &mut service, "NOTIFY", "");
    assert_eq!(world.ask(&service, &notify).status(), Some(430));
}

/// RFC 5627: who names their device in Contact is reached over its next connection, and goes on there.
#[test]
fn a_call_outlives_the_connection_that_it_began_on() {
    let mut world = World::new();
    let mut service = world.registered("focus", Transport::Tcp);
    let mut alice = world.registered("alice", Transport::Wss);
    let bob = world.registered("bob", Transport::Wss);
    let mut end = End::new(&alice, "moves");
    let invite = through(&mut world, &mut end, &mut alice, &service, "INVITE", "");
    let mut theirs = End::of_request(&invite);
    theirs.target = gruu(&alice);
    serve(&mut world, &service, &invite, 200);
    end.learn(&world.received(&alice)[0]);
    world.close(&alice);
    let options = theirs.next(&mut world, &mut service, "OPTIONS", "");
    assert_eq!(world.ask(&service, &options).status(), Some(430));

    let mut moved = alice.clone();
    moved.source.flow = FlowId(900);
    assert_eq!(world.register(&mut moved, "", 3600).status(), Some(200));
    let options = theirs.next(&mut world, &mut service, "OPTIONS", "");
    world.send(&service.source, &options);
    let options = world.request(&moved);
    world.answer(&moved, &options, 200);
    assert_eq!(statuses(&world.received(&service)), [200]);

    let change = through(&mut world, &mut end, &mut moved, &service, "INVITE", "");
    serve(&mut world, &service, &change, 200);
    assert_eq!(statuses(&world.received(&moved)), [200]);
    let ack = end.write(&mut world, &mut moved, "ACK", "");
    world.send(&moved.source, &ack);
    assert_eq!(
        world.request(&service).method_ref(),
        Some(&Method::Ack),
        "over the new connection"
    );
    // Not from somebody who has proved nothing there.
    let stranger = world.device("alice", Transport::Wss);
    world.send(&stranger.source, &ack);
    assert!(world.received(&service).is_empty());
    // A dialog with alice leads to no device of somebody else, and not to one of hers that is another.
    let other = world.registered("alice", Transport::Wss);
    world.close(&moved);
    for target in [gruu(&bob), gruu(&moved), alice.uri()] {
        theirs.target = target;
        let bye = theirs.next(&mut world, &mut service, "BYE", "");
        assert_eq!(world.ask(&service, &bye).status(), Some(430));
    }
    assert!(world.received(&bob).is_empty() && world.received(&other).is_empty());
}

/// What names a device whatever its connection.
fn gruu(device: &Device) -> String {
    let instance = device.instance.as_ref().unwrap();
    format!("sip:{}@{DOMAIN};gr={instance}", device.user)
}

#[test]
fn an_unanswered_call_ends_by_timer_c_and_a_silent_service_by_timer_b() {
    let mut world = World::new();
    let service = world.registered("focus", Transport::Tcp);
    let mut alice = world.registered("alice", Transport::Tls);
    let mut end = End::new(&alice, "rings");
    let invite = through(&mut world, &mut end, &mut alice, &service, "INVITE", "");
    serve(&mut world, &service, &invite, 180);
    world.advance(170 * SECOND);
    serve(&mut world, &service, &invite, 180);
    world.advance(170 * SECOND);
    assert!(
        world.received(&service).is_empty(),
        "each 180 gives it time"
    );
    world.advance(20 * SECOND);
    assert_eq!(world.request(&service).method_ref(), Some(&Method::Cancel));
    world.received(&alice);
    world.advance(40 * SECOND);
    assert_eq!(statuses(&world.received(&alice)), [408]);
    assert_eq!(world.server.forwarding(), 0);

    let mut end = End::new(&alice, "silent");
    through(&mut world, &mut end, &mut alice, &service, "INVITE", "");
    world.advance(33 * SECOND);
    assert_eq!(statuses(&world.received(&alice)), [100, 408]);
    let mut end = End::new(&alice, "silent-too");
    through(
        &mut world,
        &mut end,
        &mut alice,
        &service,
        "SUBSCRIBE",
        SUBSCRIBE,
    );
    world.advance(33 * SECOND);
    assert!(
        !statuses(&world.received(&alice)).contains(&408),
        "RFC 4320"
    );
    assert_eq!(world.server.forwarding(), 0);
}

#[test]
fn what_a_password_or_token_opened_ends_with_it() {
    let mut world = World::new();
    let mut service = world.registered("focus", Transport::Tcp);
    let mut alice = world.registered("alice", Transport::Wss);
    let (mut end, mut theirs) = dialog(&mut world, &mut alice, &service, "SUBSCRIBE", SUBSCRIBE);
    world.revoke("alice", PASSWORD);
    let notify = theirs.next(&mut world, &mut service, "NOTIFY", "");
    assert_eq!(world.ask(&service, &notify).status(), Some(430));
    assert!(world.received(&alice).is_empty());
    let renewal = end.next(&mut world, &mut alice, "SUBSCRIBE", SUBSCRIBE);
    assert_eq!(world.ask(&alice, &renewal).status(), Some(407));

    // A token's end counts as well, also of who never registered.
    world.mint("bob", 1, "token", 60 * SECOND);
    let mut bob = world.device("bob", Transport::Wss);
    bob.token = Some("token".to_owned());
    let (_, mut theirs) = dialog(&mut world, &mut bob, &service, "SUBSCRIBE", SUBSCRIBE);
    let notify = theirs.next(&mut world, &mut service, "NOTIFY", "");
    world.send(&service.source, &notify);
    let notify = world.request(&bob);
    world.answer(&bob, &notify, 200);
    world.received(&service);
    world.advance(61 * SECOND);
    let notify = theirs.next(&mut world, &mut service, "NOTIFY", "");
    assert_eq!(world.ask(&service, &notify).status(), Some(430));
}

#[test]
fn what_is_under_way_is_bounded() {
    let mut world = World::with(|config| {
        config.limits.forwards = 3;
        config.limits.forwards_per_person = 2;
        config.limits.dialog_flows = 2;
    });
    let service = world.registered("focus", Transport::Tcp);
    let mut alice = world.registered("alice", Transport::Tls);
    let mut bob = world.registered("bob", Transport::Tls);
    for _ in 0..2 {
        let call = format!("alice-{}", world.word());
        let mut end = End::new(&alice, &call);
        through(&mut world, &mut end, &mut alice, &service, "INVITE", "");
    }
    let mut end = End::new(&alice, "one-more");
    let request = end.next(&mut world, &mut alice, "INVITE", "");
    assert_eq!(world.ask(&alice, &request).status(), Some(503));
    let mut end = End::new(&bob, "bob");
    let third = through(
        &mut world,
        &mut end,
        &mut bob,
        &service,
        "SUBSCRIBE",
        SUBSCRIBE,
    );
    let mut end = End::new(&bob, "bob-2");
    let request = end.next(&mut world, &mut bob, "SUBSCRIBE", SUBSCRIBE);
    assert_eq!(world.ask(&bob, &request).status(), Some(503));
    // A 503 of the service is not ours.
    serve(&mut world, &service, &third, 503);
    let refused = world.received(&bob);
    assert_eq!(statuses(&refused), [500]);
    assert_eq!(refused[0].reason().as_deref(), Some("As It Is"));
    assert_eq!(refused[0].header(HeaderName::RetryAfter), Some("5"));
    // A third connection has no room until one of them closes.
    let mut desk = world.registered("bob", Transport::Tls);
    let mut end = End::new(&desk, "bob-3");
    let request = end.next(&mut world, &mut desk, "SUBSCRIBE", SUBSCRIBE);
    assert_eq!(world.ask(&desk, &request).status(), Some(503));
    world.close(&bob);
    through(
        &mut world,
        &mut end,
        &mut desk,
        &service,
        "SUBSCRIBE",
        SUBSCRIBE,
    );
}

#[test]
fn what_does_not_fit_into_a_datagram_is_told_to_the_service() {
    let mut world = World::new();
    let mut service = world.registered("focus", Transport::Tcp);
    let mut alice = world.registered("alice", Transport::Udp);
    let (_, mut theirs) = dialog(&mut world, &mut alice, &service, "SUBSCRIBE", SUBSCRIBE);
    let long = format!("Subject: {}\r\n", "x".repeat(1_200));
    let notify = theirs.next(&mut world, &mut service, "NOTIFY", &long);
    assert_eq!(world.ask(&service, &notify).status(), Some(513));
    let notify = theirs.next(&mut world, &mut service, "NOTIFY", "");
    world.send(&service.source, &notify);
    let notify = world.request(&alice);
    world.answer(&alice, &notify, 200);
    assert_eq!(statuses(&world.received(&service)), [200]);
    // An address is written to only as long as its client renews.
    world.advance(Duration::from_secs(2 * 3600));
    let mut service = world.registered("focus", Transport::Tcp);
    let notify = theirs.next(&mut world, &mut service, "NOTIFY", "");
    assert_eq!(world.ask(&service, &notify).status(), Some(430));
}

#[test]
fn the_contact_that_a_dialog_names_gets_what_is_within_it() {
    let mut world = World::new();
    let first = world.registered("focus", Transport::Tcp);
    let mut alice = world.registered("alice", Transport::Tls);
    let (mut end, _) = dialog(&mut world, &mut alice, &first, "SUBSCRIBE", SUBSCRIBE);
    let second = world.registered("focus", Transport::Tcp);
    through(
        &mut world,
        &mut end,
        &mut alice,
        &first,
        "SUBSCRIBE",
        SUBSCRIBE,
    );
    assert!(Uri::parse(end.target.as_str()).is_ok());
    let mut new = End::new(&alice, "new");
    through(
        &mut world,
        &mut new,
        &mut alice,
        &second,
        "SUBSCRIBE",
        SUBSCRIBE,
    );
    // When it is gone, the newest gets it.
    world.close(&first);
    through(
        &mut world,
        &mut end,
        &mut alice,
        &second,
        "SUBSCRIBE",
        SUBSCRIBE,
    );
}
