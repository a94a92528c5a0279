//! People's clients call a conference: the focus and the media bridge do what the test says.

use std::time::Duration;

use convoke_types::bridge::{BridgeCommand, BridgeEvent, LegEvent};
use convoke_types::media::{MediaCommand, MediaEvent, Prompt};
use convoke_types::{EndReason, LegKey, LegState};
use sip_proto::{HeaderName, Message, Method};

use crate::scene::*;

pub const CONFERENCE: &str = "sip:conf-c1@example.org";
const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\n";
const ANSWER: &str = "v=0\r\no=- 2 1 IN IP4 192.0.2.2\r\ns=-\r\nt=0 0\r\n";

pub const SECOND: Duration = Duration::from_secs(1);

pub fn leg() -> LegKey {
    LegKey {
        conference: "c1".parse().unwrap(),
        leg: "l1".parse().unwrap(),
    }
}

/// Somebody's INVITE, or a request within its dialog (`to` has a tag then), with a body.
pub fn request(scene: &mut Scene, method: &str, to: &str, body: &str) -> Message {
    let rest = if body.is_empty() {
        String::new()
    } else {
        "Content-Type: application/sdp\r\n".to_owned()
    };
    let bytes = scene.request(method, "alice", to, "call-1", &rest);
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let length = format!("Content-Length: {}\r\n", body.len());
    let text = text.replace("Content-Length: 0\r\n", &length) + body;
    // An ACK has the number of its INVITE, which was the request before it.
    let text = match text
        .split_once("CSeq: ")
        .and_then(|(_, rest)| rest.split_once(" ACK"))
    {
        Some((number, _)) => {
            let before = number.parse::<u32>().unwrap() - 1;
            text.replace(
                &format!("CSeq: {number} ACK"),
                &format!("CSeq: {before} ACK"),
            )
        }
        None => text,
    };
    let bytes = bytes::Bytes::from(text);
    let message = Message::parse_datagram(bytes.clone()).unwrap();
    scene.give(scene.flow, bytes);
    message
}

pub fn finals(scene: &mut Scene) -> Vec<Message> {
    let sent = scene.sent();
    let finals = sent.into_iter().filter(|m| m.status() != Some(100));
    finals.collect()
}

pub fn answer(scene: &mut Scene) -> Message {
    let mut finals = finals(scene);
    assert_eq!(finals.len(), 1, "{finals:?}");
    finals.remove(0)
}

/// The name of the call that arrived.
pub fn arrived(scene: &mut Scene) -> String {
    match scene.bridge.remove(0) {
        BridgeEvent::Arrived {
            call,
            conference,
            user,
            ..
        } => {
            assert_eq!(conference.as_str(), "c1");
            assert_eq!(user.to_string(), "alice@example.org");
            call
        }
        other => panic!("{other:?}"),
    }
}

pub fn command(scene: &mut Scene, command: BridgeCommand) {
    scene.core.handle_bridge(command, scene.now);
    scene.run();
}

pub fn media(scene: &mut Scene, event: MediaEvent) {
    scene.core.handle_media(event, scene.now);
    scene.run();
}

pub fn admit(scene: &mut Scene, call: &str) {
    command(
        scene,
        BridgeCommand::Admit {
            call: call.to_owned(),
            leg: leg(),
            language: "en".to_owned(),
        },
    );
}

pub fn event(scene: &mut Scene) -> LegEvent {
    match scene.bridge.remove(0) {
        BridgeEvent::Leg { leg: of, event } => {
            assert_eq!(of, leg());
            event
        }
        other => panic!("{other:?}"),
    }
}

/// Ended, and nothing more: state and reason.
pub fn ended(scene: &mut Scene) -> (LegState, EndReason) {
    let LegEvent::Ended { state, cause } = event(scene) else {
        panic!("not ended");
    };
    assert!(scene.bridge.is_empty(), "{:?}", scene.bridge);
    (state, cause.reason)
}

/// In the mix; the To of the dialog.
fn in_the_mix(scene: &mut Scene) -> String {
    request(scene, "INVITE", CONFERENCE, OFFER);
    let call = arrived(scene);
    admit(scene, &call);
    let open = MediaCommand::OpenWeb {
        leg: leg(),
        offer: OFFER.to_owned(),
    };
    assert_eq!(scene.media.remove(0), open);
    media(
        scene,
        MediaEvent::OpenedWeb {
            leg: leg(),
            answer: ANSWER.to_owned(),
        },
    );
    let ok = answer(scene);
    assert_eq!(ok.status(), Some(200));
    assert_eq!(ok.body(), ANSWER);
    assert_eq!(event(scene), LegEvent::Answered);
    assert_eq!(scene.media.remove(0), MediaCommand::Join { leg: leg() });
    let tag = ok.to().unwrap().tag().unwrap().to_owned();
    let to = format!("<{CONFERENCE}>;tag={tag}");
    request(scene, "ACK", &to, "");
    media(scene, MediaEvent::Joined { leg: leg() });
    assert_eq!(event(scene), LegEvent::Joined);
    to
}

#[test]
fn a_client_calls_is_admitted_heard_and_hangs_up() {
    let mut scene = Scene::new();
    let to = in_the_mix(&mut scene);
    media(
        &mut scene,
        MediaEvent::Talking {
            leg: leg(),
            on: true,
        },
    );
    assert_eq!(event(&mut scene), LegEvent::Talking { on: true });
    media(
        &mut scene,
        MediaEvent::Key {
            leg: leg(),
            key: '*',
        },
    );
    assert_eq!(event(&mut scene), LegEvent::Key { key: '*' });
    command(
        &mut scene,
        BridgeCommand::Mute {
            leg: leg(),
            on: true,
        },
    );
    assert_eq!(
        scene.media.remove(0),
        MediaCommand::Mute {
            leg: leg(),
            on: true
        }
    );
    command(
        &mut scene,
        BridgeCommand::Announce {
            leg: leg(),
            prompt: Prompt::Goodbye,
            language: "de".to_owned(),
        },
    );
    assert!(matches!(
        scene.media.remove(0),
        MediaCommand::Play { repeat: 1, .. }
    ));
    request(&mut scene, "BYE", &to, "");
    assert_eq!(answer(&mut scene).status(), Some(200));
    assert_eq!(scene.media.remove(0), MediaCommand::Close { leg: leg() });
    assert_eq!(ended(&mut scene), (LegState::Left, EndReason::HungUp));
}

#[test]
fn a_fresh_offer_is_answered_in_the_same_leg() {
    let mut scene = Scene::new();
    let to = in_the_mix(&mut scene);
    request(&mut scene, "INVITE", &to, OFFER);
    let reoffer = MediaCommand::Reoffer {
        leg: leg(),
        offer: OFFER.to_owned(),
    };
    assert_eq!(scene.media.remove(0), reoffer);
    media(
        &mut scene,
        MediaEvent::OpenedWeb {
            leg: leg(),
            answer: ANSWER.to_owned(),
        },
    );
    let ok = answer(&mut scene);
    assert_eq!(
        (ok.status(), ok.body()),
        (Some(200), ANSWER.as_bytes().into())
    );
    request(&mut scene, "ACK", &to, "");
    scene.advance(SECOND);
    // One that the media bridge does not take leaves all as it is.
    request(&mut scene, "INVITE", &to, OFFER);
    scene.media.clear();
    let words = "expected Opus".to_owned();
    media(&mut scene, MediaEvent::Failed { leg: leg(), words });
    assert_eq!(answer(&mut scene).status(), Some(488));
    request(&mut scene, "ACK", &to, "");
    assert!(scene.bridge.is_empty() && scene.media.is_empty());
}

#[test]
fn who_may_not_come_in_is_refused() {
    let mut scene = Scene::new();
    // By the focus.
    request(&mut scene, "INVITE", CONFERENCE, OFFER);
    let call = arrived(&mut scene);
    command(
        &mut scene,
        BridgeCommand::Refuse {
            call,
            sip: 404,
            words: "Not Found".to_owned(),
        },
    );
    assert_eq!(answer(&mut scene).status(), Some(404));
    // By what it says itself.
    let status = |to: &str, body: &str, flow: Option<u64>| {
        let mut scene = Scene::new();
        let source_flow = scene.flow;
        if let Some(flow) = flow {
            scene.flow = sip_proto::FlowId(flow);
        }
        request(&mut scene, "INVITE", to, body);
        scene.flow = source_flow;
        assert!(scene.bridge.is_empty());
        answer(&mut scene).status().unwrap()
    };
    assert_eq!(status("sip:nobody@example.org", OFFER, None), 404);
    assert_eq!(status(CONFERENCE, "", None), 488);
    assert_eq!(status(CONFERENCE, OFFER, Some(99)), 403);
}

#[test]
fn a_caller_who_goes_while_it_is_decided_is_over_once() {
    let mut scene = Scene::new();
    let invite = request(&mut scene, "INVITE", CONFERENCE, OFFER);
    let call = arrived(&mut scene);
    let cancel = invite.as_bytes().clone();
    let cancel = String::from_utf8(cancel.to_vec()).unwrap();
    let (head, _) = cancel.split_once("\r\n\r\n").unwrap();
    let head = head
        .replace("INVITE ", "CANCEL ")
        .replace(" INVITE", " CANCEL");
    let head = head.replace("Content-Type: application/sdp\r\n", "");
    let length = format!("Content-Length: {}", OFFER.len());
    let cancel = head.replace(&length, "Content-Length: 0") + "\r\n\r\n";
    scene.give(scene.flow, cancel.into());
    let statuses: Vec<_> = finals(&mut scene).iter().map(|m| m.status()).collect();
    assert!(statuses.contains(&Some(487)), "{statuses:?}");
    assert!(scene.bridge.is_empty() && scene.media.is_empty());
    // The focus had said yes meanwhile: the leg ends at once.
    admit(&mut scene, &call);
    assert_eq!(ended(&mut scene), (LegState::Left, EndReason::HungUp));
    assert!(scene.media.is_empty());
}

#[test]
fn what_does_not_come_in_time_ends_the_call() {
    // No word from the focus.
    let mut scene = Scene::new();
    request(&mut scene, "INVITE", CONFERENCE, OFFER);
    arrived(&mut scene);
    scene.advance(Duration::from_secs(11));
    assert!(answer(&mut scene).status().unwrap() >= 400);
    assert!(scene.bridge.is_empty());
    // None from the media bridge.
    let mut scene = Scene::new();
    request(&mut scene, "INVITE", CONFERENCE, OFFER);
    let call = arrived(&mut scene);
    admit(&mut scene, &call);
    scene.media.clear();
    scene.advance(Duration::from_secs(6));
    assert!(answer(&mut scene).status().unwrap() >= 400);
    assert_eq!(scene.media.remove(0), MediaCommand::Close { leg: leg() });
    assert_eq!(ended(&mut scene), (LegState::Failed, EndReason::Media));
    // An offer that it does not take.
    let mut scene = Scene::new();
    request(&mut scene, "INVITE", CONFERENCE, OFFER);
    let call = arrived(&mut scene);
    admit(&mut scene, &call);
    let words = "expected Opus".to_owned();
    media(&mut scene, MediaEvent::Failed { leg: leg(), words });
    assert_eq!(answer(&mut scene).status(), Some(488));
    assert_eq!(ended(&mut scene), (LegState::Failed, EndReason::Media));
}

#[test]
fn released_by_the_focus_it_is_hung_up() {
    let mut scene = Scene::new();
    in_the_mix(&mut scene);
    command(&mut scene, BridgeCommand::Release { leg: leg() });
    let bye = scene.one("BYE");
    assert_eq!(bye.method_ref(), Some(&Method::Bye));
    scene.answer(&bye, 200);
    assert_eq!(scene.media.remove(0), MediaCommand::Close { leg: leg() });
    assert_eq!(ended(&mut scene), (LegState::Left, EndReason::ByModerator));
    // Again, and for legs of telephones, nothing comes of it.
    command(&mut scene, BridgeCommand::Release { leg: leg() });
    command(
        &mut scene,
        BridgeCommand::Mute {
            leg: leg(),
            on: true,
        },
    );
    assert!(scene.media.is_empty() && scene.bridge.is_empty());
}

#[test]
fn without_the_media_bridge_all_calls_end() {
    let mut scene = Scene::new();
    in_the_mix(&mut scene);
    let words = || "gone".to_owned();
    media(&mut scene, MediaEvent::Gone { words: words() });
    scene.one("BYE");
    let lost = BridgeEvent::Lost {
        conference: None,
        words: words(),
    };
    assert_eq!(scene.bridge.remove(0), lost, "the conference ends first");
    assert_eq!(ended(&mut scene), (LegState::Failed, EndReason::Bridge));
}

#[test]
fn a_browser_that_is_lost_and_does_not_come_back_is_given_up() {
    let lost = |on| MediaEvent::Lost { leg: leg(), on };
    let mut scene = Scene::new();
    in_the_mix(&mut scene);
    media(&mut scene, lost(true));
    scene.advance(40 * SECOND);
    media(&mut scene, lost(false));
    scene.advance(60 * SECOND);
    assert!(scene.bridge.is_empty() && scene.media.is_empty());
    media(&mut scene, lost(true));
    scene.advance(46 * SECOND);
    scene.one("BYE");
    assert_eq!(scene.media.remove(0), MediaCommand::Close { leg: leg() });
    let LegEvent::Ended { state, cause } = event(&mut scene) else {
        panic!("not ended");
    };
    assert_eq!(
        (state, cause.reason, cause.words.as_str()),
        (
            LegState::Failed,
            EndReason::Network,
            "The connection was lost."
        )
    );
}

#[test]
fn a_change_without_an_answer_of_the_media_bridge_is_refused_in_the_end() {
    let mut scene = Scene::new();
    let to = in_the_mix(&mut scene);
    request(&mut scene, "INVITE", &to, OFFER);
    scene.advance(4 * SECOND);
    assert!(finals(&mut scene).is_empty());
    scene.advance(2 * SECOND);
    assert_eq!(answer(&mut scene).status(), Some(488));
    request(&mut scene, "ACK", &to, "");
    // What comes too late is nothing to anybody, and the next change is taken.
    let opened = MediaEvent::OpenedWeb {
        leg: leg(),
        answer: ANSWER.to_owned(),
    };
    media(&mut scene, opened.clone());
    assert!(finals(&mut scene).is_empty());
    request(&mut scene, "INVITE", &to, OFFER);
    media(&mut scene, opened);
    assert_eq!(answer(&mut scene).status(), Some(200));
    assert!(scene.bridge.is_empty());
}

#[test]
fn a_late_answer_of_the_media_bridge_is_not_taken_for_that_of_the_next_change() {
    let mut scene = Scene::new();
    let to = in_the_mix(&mut scene);
    request(&mut scene, "INVITE", &to, OFFER);
    scene.advance(6 * SECOND);
    assert_eq!(answer(&mut scene).status(), Some(488));
    request(&mut scene, "ACK", &to, "");
    request(&mut scene, "INVITE", &to, OFFER);
    let opened = |answer: &str| MediaEvent::OpenedWeb {
        leg: leg(),
        answer: answer.to_owned(),
    };
    media(&mut scene, opened("v=0 of the first"));
    assert!(finals(&mut scene).is_empty());
    media(&mut scene, opened(ANSWER));
    let taken = answer(&mut scene);
    assert_eq!(taken.status(), Some(200));
    assert_eq!(taken.body(), ANSWER.as_bytes());
}

#[test]
fn nobody_calls_or_changes_faster_than_their_pace() {
    let mut scene = Scene::new();
    let to = in_the_mix(&mut scene);
    let (mut changes, mut calls) = (0, 0);
    for _ in 0..20 {
        request(&mut scene, "INVITE", &to, OFFER);
        match scene.media.pop() {
            Some(MediaCommand::Reoffer { .. }) => {
                changes += 1;
                let words = String::new();
                media(&mut scene, MediaEvent::Failed { leg: leg(), words });
                assert_eq!(answer(&mut scene).status(), Some(488));
            }
            other => {
                assert!(other.is_none(), "{other:?}");
                let answer = answer(&mut scene);
                assert_eq!(answer.status(), Some(500));
                assert!(answer.header(HeaderName::RetryAfter).is_some());
            }
        }
        request(&mut scene, "ACK", &to, "");
        // Another tab.
        let invite = scene.request("INVITE", "alice", CONFERENCE, &format!("tab-{calls}"), "");
        let text = String::from_utf8(invite.to_vec()).unwrap();
        let head = format!(
            "Content-Type: application/sdp\r\nContent-Length: {}\r\n",
            OFFER.len()
        );
        let invite = text.replace("Content-Length: 0\r\n", &head) + OFFER;
        scene.give(scene.flow, invite.into());
        match scene.bridge.pop() {
            Some(BridgeEvent::Arrived { call, .. }) => {
                calls += 1;
                let words = "Not Found".to_owned();
                let refuse = BridgeCommand::Refuse {
                    call,
                    sip: 404,
                    words,
                };
                command(&mut scene, refuse);
                assert_eq!(answer(&mut scene).status(), Some(404));
            }
            other => {
                assert!(other.is_none(), "{other:?}");
                let answer = answer(&mut scene);
                assert_eq!(answer.status(), Some(500));
                assert!(answer.header(HeaderName::RetryAfter).is_some());
            }
        }
        scene.advance(SECOND / 4);
    }
    assert_eq!((changes, calls), (5, 4), "five seconds");
}

#[test]
fn keys_by_info_count_as_pressed() {
    let mut scene = Scene::new();
    let to = in_the_mix(&mut scene);
    let mut info = |kind: &str, body: &str| {
        let kind = format!("Content-Type: {kind}\r\n");
        let info = scene.request("INFO", "alice", &to, "call-1", &kind);
        let text = String::from_utf8(info.to_vec()).unwrap();
        let length = format!("Content-Length: {}\r\n", body.len());
        let info = text.replace("Content-Length: 0\r\n", &length) + body;
        scene.give(scene.flow, info.into());
        (
            answer(&mut scene).status().unwrap(),
            std::mem::take(&mut scene.bridge),
        )
    };
    let key = BridgeEvent::Leg {
        leg: leg(),
        event: LegEvent::Key { key: '5' },
    };
    let pressed = info("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n");
    assert_eq!(pressed, (200, vec![key]));
    assert_eq!(info("application/dtmf-relay", "Signal=?"), (200, vec![]));
    assert_eq!(info("text/plain", "5"), (415, vec![]));
}
