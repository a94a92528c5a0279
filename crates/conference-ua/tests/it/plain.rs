//! SIP telephones and clients that know no WebRTC call a conference, over plain RTP.

use std::net::SocketAddr;
use std::time::Duration;

use convoke_types::bridge::{BridgeCommand, LegEvent};
use convoke_types::media::{Codec, MediaCommand, MediaEvent, StreamParams};
use convoke_types::{Cause, EndReason, LegState};
use sip_proto::sdp::{Direction, Sdp};
use sip_proto::{HeaderName, Message, Method, ResponseBuilder};

use crate::calls::*;
use crate::scene::*;

/// At `port`, with these lines after its sound.
fn offer(port: u16, formats: &str, rest: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n{rest}"
    )
}

fn port(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 2], port))
}

fn opened(at: u16) -> MediaEvent {
    MediaEvent::Opened {
        leg: leg(),
        local: port(at),
    }
}

/// The sound of a description: where it is received.
fn received(message: &Message) -> (String, u16) {
    let sdp = Sdp::parse(&message.body()).unwrap();
    let sound = sdp.audio().unwrap();
    (sdp.address_of(sound).unwrap().to_string(), sound.port)
}

fn connected(scene: &mut Scene) -> StreamParams {
    match scene.media.remove(0) {
        MediaCommand::Connect { leg: of, params } => {
            assert_eq!(of, leg());
            params
        }
        other => panic!("{other:?}"),
    }
}

/// Called and admitted; the media bridge is asked for a port.
fn called(scene: &mut Scene, offer: &str) {
    request(scene, "INVITE", CONFERENCE, offer);
    let call = arrived(scene);
    admit(scene, &call);
    assert_eq!(scene.media.remove(0), MediaCommand::Open { leg: leg() });
}

/// In the mix; the To of the dialog.
fn in_the_mix(scene: &mut Scene) -> String {
    called(
        scene,
        &offer(4000, "0 8 101", "a=rtpmap:101 telephone-event/8000\r\n"),
    );
    media(scene, opened(20_000));
    let ok = answer(scene);
    assert_eq!(ok.status(), Some(200));
    assert_eq!(received(&ok), ("192.0.2.2".to_owned(), 20_000));
    let params = connected(scene);
    assert_eq!(params.remote, SocketAddr::from(([192, 0, 2, 9], 4000)));
    assert_eq!(
        (params.codec, params.dtmf_payload_type),
        (Codec::Pcmu, Some(101))
    );
    assert_eq!(event(scene), LegEvent::Answered);
    assert_eq!(scene.media.remove(0), MediaCommand::Join { leg: leg() });
    let to = ok.to().unwrap().tag().unwrap().to_owned();
    let to = format!("<{CONFERENCE}>;tag={to}");
    request(scene, "ACK", &to, "");
    media(scene, MediaEvent::Joined { leg: leg() });
    assert_eq!(event(scene), LegEvent::Joined);
    to
}

/// The client changes its call: our answer.
fn change(scene: &mut Scene, to: &str, offer: &str) -> Message {
    request(scene, "INVITE", to, offer);
    let ours = answer(scene);
    request(scene, "ACK", to, "");
    ours
}

fn outcome(scene: &mut Scene) -> (LegState, Cause) {
    match event(scene) {
        LegEvent::Ended { state, cause } => (state, cause),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_telephone_calls_is_heard_presses_keys_and_hangs_up() {
    let mut scene = Scene::new();
    let to = in_the_mix(&mut scene);
    media(
        &mut scene,
        MediaEvent::Key {
            leg: leg(),
            key: '5',
        },
    );
    assert_eq!(event(&mut scene), LegEvent::Key { key: '5' });
    let mute = || MediaCommand::Mute {
        leg: leg(),
        on: true,
    };
    command(
        &mut scene,
        BridgeCommand::Mute {
            leg: leg(),
            on: true,
        },
    );
    assert_eq!(scene.media.remove(0), mute());
    request(&mut scene, "BYE", &to, "");
    assert_eq!(answer(&mut scene).status(), Some(200));
    assert_eq!(scene.media.remove(0), MediaCommand::Close { leg: leg() });
    assert_eq!(ended(&mut scene), (LegState::Left, EndReason::HungUp));
}

#[test]
fn who_offers_nothing_in_common_is_refused_and_the_board_says_why() {
    for formats in ["9", "18 101"] {
        let mut scene = Scene::new();
        called(&mut scene, &offer(4000, formats, ""));
        media(&mut scene, opened(20_000));
        assert_eq!(answer(&mut scene).status(), Some(488), "{formats}");
        request(&mut scene, "ACK", CONFERENCE, "");
        assert_eq!(scene.media.remove(0), MediaCommand::Close { leg: leg() });
        let (state, cause) = outcome(&mut scene);
        assert_eq!((state, cause.reason), (LegState::Failed, EndReason::Media));
        assert!(cause.words.contains("G.711"), "{}", cause.words);
    }
}

#[test]
fn hold_and_other_media_are_answered_in_the_same_leg() {
    let mut scene = Scene::new();
    let to = in_the_mix(&mut scene);
    let held = offer(4000, "0", "a=sendonly\r\n");
    let ok = change(&mut scene, &to, &held);
    let sdp = Sdp::parse(&ok.body()).unwrap();
    assert_eq!(
        sdp.audio().map(|sound| sdp.direction_of(sound).as_str()),
        Some("recvonly")
    );
    assert!(!connected(&mut scene).send);
    assert_eq!(event(&mut scene), LegEvent::Held { on: true });
    scene.advance(SECOND);
    // Back, and elsewhere.
    let ok = change(&mut scene, &to, &offer(4002, "8", ""));
    assert_eq!(ok.status(), Some(200));
    let params = connected(&mut scene);
    assert_eq!(
        (params.remote.port(), params.codec, params.send),
        (4002, Codec::Pcma, true)
    );
    assert_eq!(event(&mut scene), LegEvent::Held { on: false });
    scene.advance(SECOND);
    // What is not to be had leaves all as it is, and an INVITE without an offer gets ours.
    let refused = change(&mut scene, &to, &offer(4004, "9", ""));
    assert_eq!(refused.status(), Some(488));
    scene.advance(SECOND);
    request(&mut scene, "INVITE", &to, "");
    assert_eq!(received(&answer(&mut scene)).1, 20_000);
    assert!(scene.media.is_empty() && scene.bridge.is_empty());
}

#[test]
fn whoever_leaves_the_offer_to_us_is_taken_back_from_hold_by_their_answer() {
    let mut scene = Scene::new();
    let to = in_the_mix(&mut scene);
    change(&mut scene, &to, &offer(4000, "0", "a=sendonly\r\n"));
    connected(&mut scene);
    assert_eq!(event(&mut scene), LegEvent::Held { on: true });
    scene.advance(SECOND);
    request(&mut scene, "INVITE", &to, "");
    let ours = Sdp::parse(&answer(&mut scene).body()).unwrap();
    let sound = ours.audio().unwrap();
    assert_eq!(ours.direction_of(sound), Direction::SendRecv);
    assert!(scene.media.is_empty(), "it waits for their answer");
    request(&mut scene, "ACK", &to, &offer(4008, "8", ""));
    let params = connected(&mut scene);
    assert_eq!((params.remote.port(), params.send), (4008, true));
    assert_eq!(event(&mut scene), LegEvent::Held { on: false });
}

#[test]
fn who_calls_on_hold_is_shown_on_hold() {
    let mut scene = Scene::new();
    called(&mut scene, &offer(4000, "0", "a=sendonly\r\n"));
    media(&mut scene, opened(20_000));
    assert_eq!(answer(&mut scene).status(), Some(200));
    assert_eq!(event(&mut scene), LegEvent::Answered);
    media(&mut scene, MediaEvent::Joined { leg: leg() });
    assert_eq!(event(&mut scene), LegEvent::Joined);
    assert_eq!(event(&mut scene), LegEvent::Held { on: true });
}

#[test]
fn no_sound_is_sent_into_our_own_machine() {
    let mapped = ["::ffff:127.0.0.1", "::ffff:169.254.169.254"];
    for host in ["127.0.0.1", "169.254.1.1"].into_iter().chain(mapped) {
        let at = |offer: String| match host.contains(':') {
            true => offer.replace("c=IN IP4 192.0.2.9", &format!("c=IN IP6 {host}")),
            false => offer.replace("192.0.2.9", host),
        };
        let mut scene = Scene::new();
        called(&mut scene, &at(offer(4000, "0", "")));
        media(&mut scene, opened(20_000));
        assert_eq!(answer(&mut scene).status(), Some(488), "{host}");
        let mut scene = Scene::new();
        let to = in_the_mix(&mut scene);
        let elsewhere = at(offer(4000, "0", ""));
        request(&mut scene, "INVITE", &to, &elsewhere);
        assert_eq!(answer(&mut scene).status(), Some(488), "{host}");
        assert!(scene.media.is_empty());
    }
}

#[test]
fn what_fails_at_the_media_bridge_ends_the_call_with_its_words() {
    let failed = || MediaEvent::Failed {
        leg: leg(),
        words: "no port is free".to_owned(),
    };
    let said = |scene: &mut Scene| {
        let (state, cause) = outcome(scene);
        assert_eq!((state, cause.reason), (LegState::Failed, EndReason::Media));
        cause.words
    };
    let mut scene = Scene::new();
    called(&mut scene, &offer(4000, "0", ""));
    media(&mut scene, failed());
    // It says nothing of what the client offered.
    assert_eq!(answer(&mut scene).status(), Some(503));
    request(&mut scene, "ACK", CONFERENCE, "");
    assert_eq!(said(&mut scene), "no port is free");
    // In mid-call, or where it moves to.
    for moves in [false, true] {
        let mut scene = Scene::new();
        in_the_mix(&mut scene);
        if moves {
            scene.core.handle_media_moved(&leg().conference, scene.now);
            scene.run();
        }
        media(&mut scene, failed());
        let bye = scene.one("BYE");
        scene.answer(&bye, 200);
        assert_eq!(said(&mut scene), "no port is free");
    }
    // Nothing comes at all.
    let mut scene = Scene::new();
    in_the_mix(&mut scene);
    scene.core.handle_media_moved(&leg().conference, scene.now);
    scene.run();
    scene.advance(6 * SECOND);
    let bye = scene.one("BYE");
    scene.answer(&bye, 200);
    assert_eq!(said(&mut scene), "The media bridge does not answer.");
}

/// Each stream keeps its place in what we offer (RFC 3264 §8), also where theirs of pictures came first.
#[test]
fn what_is_left_to_us_is_offered_in_the_place_that_it_has() {
    let both = offer(4000, "0", "").replace("m=audio", "m=video 5000 RTP/AVP 97\r\nm=audio");
    let mut scene = Scene::new();
    called(&mut scene, &both);
    media(&mut scene, opened(20_000));
    let ok = answer(&mut scene);
    let to = format!("<{CONFERENCE}>;tag={}", ok.to().unwrap().tag().unwrap());
    request(&mut scene, "ACK", &to, "");
    scene.advance(SECOND);
    request(&mut scene, "INVITE", &to, "");
    let ours = Sdp::parse(&answer(&mut scene).body()).unwrap();
    let streams: Vec<_> = ours
        .media
        .iter()
        .map(|one| (&*one.kind, one.port))
        .collect();
    assert_eq!(streams, [("video", 0), ("audio", 20_000)]);
}

/// The port at the other bridge was in an offer that they had asked for and then did not take: it is offered once more.
#[test]
fn who_did_not_take_the_place_that_they_asked_for_is_offered_it_again() {
    let mut scene = Scene::new();
    let to = in_the_mix(&mut scene);
    let invite = moved(&mut scene, 30_000);
    answers(&mut scene, &invite, 491, "");
    scene.advance(SECOND);
    request(&mut scene, "INVITE", &to, "");
    assert_eq!(received(&answer(&mut scene)).1, 30_000);
    request(&mut scene, "ACK", &to, &offer(4000, "9", ""));
    assert!(scene.media.is_empty(), "nothing is agreed");
    scene.advance(SECOND);
    let invite = offered(&mut scene);
    answers(&mut scene, &invite, 200, &offer(4000, "0", ""));
    assert_eq!(connected(&mut scene).remote.port(), 4000);
}

/// Another media bridge has the conference, and has reserved a port: what the client is offered.
fn moved(scene: &mut Scene, at: u16) -> Message {
    scene.core.handle_media_moved(&leg().conference, scene.now);
    scene.run();
    media(scene, opened(at));
    offered(scene)
}

fn offered(scene: &mut Scene) -> Message {
    scene.one("INVITE")
}

/// It answers our INVITE: what is sent besides the ACK.
fn answers(scene: &mut Scene, invite: &Message, status: u16, body: &str) -> Vec<Message> {
    let contact = "<sip:alice@192.0.2.9>";
    let answer =
        ResponseBuilder::reply(invite, status, "As It Is").header(HeaderName::Contact, contact);
    let answer = match body {
        "" => answer.build(),
        _ => answer.body("application/sdp", body.to_owned()).build(),
    };
    scene.give(scene.flow, answer.as_bytes().clone());
    let mut sent = scene.sent();
    assert_eq!(sent.remove(0).method_ref(), Some(&Method::Ack));
    sent
}

#[test]
fn it_follows_its_sound_to_another_media_bridge() {
    let mut scene = Scene::new();
    in_the_mix(&mut scene);
    let invite = moved(&mut scene, 30_000);
    assert_eq!(received(&invite).1, 30_000);
    // It is busy for the moment, or being connected anew.
    answers(&mut scene, &invite, 491, "");
    scene.advance(2 * SECOND);
    let invite = offered(&mut scene);
    answers(&mut scene, &invite, 430, "");
    scene.advance(Duration::from_millis(1_900));
    scene.nothing();
    scene.advance(Duration::from_millis(200));
    let invite = offered(&mut scene);
    // That one is lost too, before it has answered.
    scene.core.handle_media_moved(&leg().conference, scene.now);
    scene.run();
    answers(&mut scene, &invite, 200, &offer(4000, "0", ""));
    assert!(scene.media.is_empty(), "{:?}", scene.media);
    media(&mut scene, opened(40_000));
    let invite = offered(&mut scene);
    assert_eq!(received(&invite).1, 40_000);
    answers(&mut scene, &invite, 200, &offer(4000, "0", ""));
    assert_eq!(connected(&mut scene).remote.port(), 4000);
    scene.advance(Duration::from_secs(60));
    assert!(scene.bridge.is_empty(), "{:?}", scene.bridge);
}

#[test]
fn a_change_of_theirs_tells_the_new_port_as_well() {
    let mut scene = Scene::new();
    let to = in_the_mix(&mut scene);
    scene.core.handle_media_moved(&leg().conference, scene.now);
    scene.run();
    // Theirs is answered first, and its ACK is on its way when the port comes.
    request(&mut scene, "INVITE", &to, &offer(4002, "0", ""));
    assert_eq!(received(&answer(&mut scene)).1, 20_000);
    connected(&mut scene);
    media(&mut scene, opened(30_000));
    scene.nothing();
    request(&mut scene, "ACK", &to, "");
    scene.advance(Duration::from_millis(500));
    let invite = offered(&mut scene);
    assert_eq!(received(&invite).1, 30_000);
    answers(&mut scene, &invite, 200, &offer(4002, "0", ""));
    assert_eq!(connected(&mut scene).remote.port(), 4002);
}

#[test]
fn who_does_not_follow_is_out_with_the_reason() {
    for refusal in [Some(488), None] {
        let mut scene = Scene::new();
        in_the_mix(&mut scene);
        let invite = moved(&mut scene, 30_000);
        if let Some(status) = refusal {
            let sent = answers(&mut scene, &invite, status, "");
            assert_eq!(sent[0].method_ref(), Some(&Method::Bye));
            scene.answer(&sent[0], 200);
        }
        scene.advance(Duration::from_secs(70));
        let (state, cause) = outcome(&mut scene);
        assert_eq!((state, cause.reason), (LegState::Failed, EndReason::Media));
        let words = "The client did not follow its sound to another media bridge.";
        assert_eq!(cause.words, words, "{refusal:?}");
    }
}

#[test]
fn a_silent_client_is_asked_whether_it_is_there() {
    let silent = |on| MediaEvent::Silent { leg: leg(), on };
    let mut scene = Scene::new();
    in_the_mix(&mut scene);
    media(&mut scene, silent(true));
    assert_eq!(event(&mut scene), LegEvent::Silent { on: true });
    scene.advance(Duration::from_secs(300));
    // It is there, and only says nothing.
    assert!(scene.bridge.is_empty(), "{:?}", scene.bridge);
    let asked = scene.probes;
    assert!((8..=12).contains(&asked), "{asked}");
    media(&mut scene, silent(false));
    assert_eq!(event(&mut scene), LegEvent::Silent { on: false });
    scene.advance(Duration::from_secs(120));
    assert_eq!(scene.probes, asked, "what is heard is there");
    // It is gone without a word.
    scene.there = Some(430);
    media(&mut scene, silent(true));
    event(&mut scene);
    scene.advance(Duration::from_secs(70));
    let (state, cause) = outcome(&mut scene);
    assert_eq!(
        (state, cause.reason),
        (LegState::Failed, EndReason::Network)
    );
    assert_eq!(cause.words, "The connection was lost.");
}

/// Nothing arrives of who agreed to send nothing, and no media bridge wonders.
#[test]
fn who_is_on_hold_and_gone_is_given_up() {
    let mut scene = Scene::new();
    let to = in_the_mix(&mut scene);
    change(&mut scene, &to, &offer(4000, "0", "a=inactive\r\n"));
    event(&mut scene);
    scene.advance(Duration::from_secs(300));
    assert!(scene.probes >= 8 && scene.bridge.is_empty());
    scene.there = Some(480);
    scene.advance(Duration::from_secs(100));
    let (state, cause) = outcome(&mut scene);
    assert_eq!(
        (state, cause.reason),
        (LegState::Failed, EndReason::Network)
    );
}
