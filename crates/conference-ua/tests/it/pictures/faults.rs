//! Video servers that are lost, refuse, are silent or talk nonsense; browsers that do not connect.

use bytes::Bytes;
use convoke_types::LegKey;
use convoke_types::LegState::Joined;
use convoke_types::video::{Picture, VideoCommand, VideoEvent};
use sip_proto::{HeaderName, Message, Method};

use super::stage::*;
use crate::scene::*;

#[test]
fn what_cannot_be_served_is_refused_in_words() {
    let mut stage = Stage::away(0);
    for body in [picture(""), String::new()] {
        stage.invite("alice", &body);
        let words = "This server has no video".to_owned();
        assert_eq!(stage.refused(), (488, words));
    }
    let mut stage = Stage::away(1);
    stage.invite("alice", &picture(""));
    stage.tell();
    let words = "The video server is away".to_owned();
    assert_eq!(stage.refused(), (503, words));
    assert!(stage.scene.watched.is_empty());
    stage.announce(0, 100);
    stage.scene.advance(SECOND);
    stage.invite("alice", &picture(""));
    stage.tell();
    let words = "The video server is full".to_owned();
    assert_eq!(stage.refused(), (503, words));
    // The server refuses the conference, or says nothing.
    stage.announce(0, 0);
    stage.scene.advance(SECOND);
    stage.invite("alice", &picture(""));
    stage.tell();
    stage.asked();
    stage.refuse(0, "all rooms are taken\r\nEvil: yes");
    let words = "all rooms are taken  Evil: yes".to_owned();
    assert_eq!(stage.refused(), (503, words));
    stage.scene.advance(SECOND);
    stage.invite("alice", &picture(""));
    stage.tell();
    stage.asked();
    stage.scene.advance(19 * SECOND);
    assert_eq!(stage.refused().0, 503);
    assert_eq!(stage.asked(), VideoCommand::End { conference: c1() });
    assert!(stage.scene.watched.is_empty());
    // What comes of it too late is nothing to anybody, also to who calls meanwhile: their turn is when it has ended there.
    stage.ready(0);
    stage.quiet();
    let mut waits = stage.invite("alice", &picture(""));
    stage.tell();
    stage.ready(0);
    stage.refuse(0, "the conference was ended");
    stage.quiet();
    stage.ended(0);
    stage.prepared(0);
    let VideoCommand::Publish { leg, .. } = stage.asked() else {
        panic!("not published");
    };
    let answer = ANSWER.to_owned();
    stage.event(
        0,
        VideoEvent::Answered {
            leg: leg.clone(),
            answer,
        },
    );
    stage.taken(&mut waits);
    stage.request(&mut waits, "ACK", "");
    stage.request(&mut waits, "BYE", "");
    assert_eq!(stage.answer().status(), Some(200));
    assert_eq!(stage.asked(), VideoCommand::Close { leg });
    // The offer is not one of a picture that is sent, or not one that the server takes.
    stage.scene.advance(SECOND);
    stage.invite("alice", &picture("").replace("sendonly", "sendrecv"));
    assert_eq!(stage.refused().0, 488);
    stage.invite("alice", &picture("a=x:\0\r\n"));
    let words = "The description has control characters".to_owned();
    assert_eq!(stage.refused(), (488, words));
    stage.invite("alice", &picture(""));
    let VideoCommand::Publish { leg, .. } = stage.asked() else {
        panic!("not published");
    };
    stage.failed(leg.clone());
    assert_eq!(stage.refused(), (488, "expected VP8".to_owned()));
    assert_eq!(stage.asked(), VideoCommand::Close { leg });
    // Nothing is shown.
    stage.invite("bob", "");
    let VideoCommand::Watch { leg, .. } = stage.asked() else {
        panic!("not watched");
    };
    stage.offer(&leg, &[]);
    let words = "Nobody shows a picture".to_owned();
    assert_eq!(stage.refused(), (480, words));
    assert_eq!(stage.asked(), VideoCommand::Close { leg });
}

#[test]
fn a_server_that_does_not_answer_or_answers_nonsense_ends_the_call() {
    let mut stage = Stage::new();
    let (_alice, camera) = stage.shows("alice", "");
    stage.scene.advance(SECOND);
    stage.invite("bob", "");
    let VideoCommand::Watch { leg, .. } = stage.asked() else {
        panic!("not watched");
    };
    stage.scene.advance(19 * SECOND);
    assert_eq!(stage.refused().0, 503);
    assert_eq!(stage.asked(), VideoCommand::Close { leg: leg.clone() });
    stage.offer(&leg, &[("p1", &camera)]);
    stage.scene.nothing();
    // A section that its own offer does not have.
    stage.invite("bob", "");
    let VideoCommand::Watch { leg, .. } = stage.asked() else {
        panic!("not watched");
    };
    let picture = Picture {
        mid: "7".to_owned(),
        participant: "p1".parse().unwrap(),
        leg: camera,
    };
    let offer = SEEN.to_owned();
    stage.event(
        0,
        VideoEvent::Offered {
            leg: leg.clone(),
            offer,
            pictures: vec![picture],
        },
    );
    let words = "The video server answered nonsense".to_owned();
    assert_eq!(stage.refused(), (503, words));
    assert_eq!(stage.asked(), VideoCommand::Close { leg });
}

#[test]
fn a_lost_server_ends_pictures_and_nothing_else_and_another_takes_over() {
    let mut stage = Stage::away(2);
    stage.announce(0, 0);
    let now = conference(1, &stage.people);
    let (_alice, _camera) = stage.shows("alice", "");
    let told = stage.scene.follow("bob", &now);
    assert!(told.text.contains("<media"), "{}", told.text);
    stage.announce(1, 10);
    stage.lose(0);
    let sent = stage.scene.sent();
    let bye = sent.iter().find(|m| m.method_ref() == Some(&Method::Bye));
    let reason = bye.unwrap().header(HeaderName::Reason).unwrap();
    assert_eq!(reason, "SIP;cause=503;text=\"The video server is lost\"");
    stage.scene.answer(bye.unwrap(), 200);
    stage.scene.advance(PACE);
    let mut notified = sent;
    notified.extend(stage.scene.sent());
    let told = notified
        .iter()
        .find(|m| m.method_ref() == Some(&Method::Notify));
    let told = Told::of(told.unwrap());
    assert!(told.text.contains("participant=p1") && !told.text.contains("<media"));
    // It has nothing left to close, and the conference goes on.
    stage.quiet();
    assert!(stage.scene.bridge.is_empty() && stage.scene.media.is_empty());
    assert_eq!(stage.scene.watched, [c1()]);
    stage.scene.advance(SECOND);
    stage.invite("alice", &picture(""));
    assert_eq!(stage.prepared(1), ["alice", "bob"]);
    assert!(matches!(stage.asked(), VideoCommand::Publish { .. }));
    // The first is back: the conference stays where it is.
    stage.announce(0, 0);
    // What it may have of it still is ended there.
    let end = VideoCommand::End { conference: c1() };
    assert_eq!(stage.scene.video, [(0, end)]);
    stage.scene.video.clear();
    stage.ended(0);
    stage.scene.advance(SECOND);
    stage.invite("bob", "");
    let (server, command) = stage.scene.video.remove(0);
    assert!(server == 1 && matches!(command, VideoCommand::Watch { .. }));
    // A server that says it is not ready is lost.
    let mut said = announcement(0);
    said.ready = false;
    let now = stage.scene.now;
    stage.scene.core.handle_video_announced(1, &said, now);
    stage.scene.run();
    let statuses: Vec<_> = stage.scene.sent().iter().map(Message::status).collect();
    let refused = statuses.iter().filter(|status| **status == Some(503));
    assert_eq!(refused.count(), 2, "{statuses:?}");
}

/// As another asked of the server before this conference did: the room comes still.
#[test]
fn an_end_from_before_it_was_asked_for_takes_no_room_away() {
    let mut stage = Stage::new();
    stage.invite("alice", &picture(""));
    stage.tell();
    stage.ended(0);
    assert!(stage.scene.sent().iter().all(|m| m.status() == Some(100)));
    stage.prepared(0);
    assert!(matches!(stage.asked(), VideoCommand::Publish { .. }));
}

#[test]
fn a_room_that_its_server_drops_is_made_ready_anew() {
    let mut stage = Stage::new();
    stage.shows("alice", "");
    stage.event(
        0,
        VideoEvent::Ended {
            conference: c1(),
            lost: Some("Janus was restarted".to_owned()),
        },
    );
    assert!(stage.bye().contains("Janus was restarted"));
    stage.quiet();
    stage.scene.advance(SECOND);
    stage.invite("alice", &picture(""));
    stage.tell();
    stage.prepared(0);
    let VideoCommand::Publish { leg, .. } = stage.asked() else {
        panic!("not published");
    };
    // It refuses somebody who has come since: all is as it was.
    stage.people.push(("carol", Joined, false));
    stage.tell();
    assert!(matches!(stage.asked(), VideoCommand::Prepare { .. }));
    stage.refuse(0, "full");
    stage.quiet();
    stage.scene.nothing();
    // It is not asked again before they call, and then they wait for its answer.
    stage.tell();
    stage.quiet();
    stage.invite("carol", "");
    assert!(matches!(stage.asked(), VideoCommand::Prepare { .. }));
    stage.refuse(0, "full");
    assert_eq!(stage.refused(), (503, "full".to_owned()));
    stage.quiet();
    stage.scene.advance(SECOND);
    stage.invite("carol", "");
    assert_eq!(stage.prepared(0), ["alice", "bob", "carol"]);
    let VideoCommand::Watch { leg: watch, .. } = stage.asked() else {
        panic!("not watched");
    };
    stage.failed(watch.clone());
    assert_eq!(stage.refused().0, 488);
    assert_eq!(stage.asked(), VideoCommand::Close { leg: watch });
    // And so may a leg be.
    stage.event(0, VideoEvent::Closed { leg });
    assert_eq!(stage.refused().0, 480);
    stage.quiet();
}

#[test]
fn a_browser_that_does_not_connect_or_is_lost_is_given_up() {
    let mut stage = Stage::new();
    let (_alice, camera) = stage.shows("alice", "");
    let (_bob, watch) = stage.sees("bob", &[("p1", &camera)]);
    let connected = |leg: &LegKey, on| VideoEvent::Connected {
        leg: leg.clone(),
        on,
    };
    stage.event(0, connected(&camera, false));
    stage.scene.advance(40 * SECOND);
    stage.event(0, connected(&camera, true));
    stage.scene.advance(60 * SECOND);
    stage.quiet();
    stage.event(0, connected(&watch, false));
    stage.scene.advance(46 * SECOND);
    assert!(stage.bye().contains("The connection was lost"));
    assert_eq!(stage.asked(), VideoCommand::Close { leg: watch });
    let mut carol = stage.invite("bob", &picture(""));
    let VideoCommand::Publish { leg, .. } = stage.asked() else {
        panic!("not published");
    };
    let answer = ANSWER.to_owned();
    stage.event(
        0,
        VideoEvent::Answered {
            leg: leg.clone(),
            answer,
        },
    );
    stage.taken(&mut carol);
    stage.request(&mut carol, "ACK", "");
    stage.scene.advance(31 * SECOND);
    assert!(stage.bye().contains("did not connect"));
    assert_eq!(stage.asked(), VideoCommand::Close { leg });
}

#[test]
fn an_answer_that_the_server_cannot_use_ends_the_call() {
    let mut stage = Stage::new();
    let (_alice, camera) = stage.shows("alice", "");
    let (_bob, watch) = stage.sees("bob", &[("p1", &camera)]);
    stage.failed(watch.clone());
    assert!(stage.bye().contains("expected VP8"));
    assert_eq!(stage.asked(), VideoCommand::Close { leg: watch });
    // Or that it could not even read.
    stage.scene.advance(SECOND);
    let mut bob = stage.invite("bob", "");
    let VideoCommand::Watch { leg, .. } = stage.asked() else {
        panic!("not watched");
    };
    stage.offer(&leg, &[("p1", &camera)]);
    stage.taken(&mut bob);
    stage.request(&mut bob, "ACK", &ANSWER.replace("s=-", "s=\0"));
    assert!(stage.bye().contains("control characters"));
    assert_eq!(stage.asked(), VideoCommand::Close { leg });
}

#[test]
fn a_caller_who_goes_while_it_is_decided_leaves_nothing() {
    let mut stage = Stage::new();
    let invite = stage.scene.request("INVITE", "alice", CONFERENCE, "x", "");
    let cancel = String::from_utf8(invite.to_vec()).unwrap();
    let cancel = cancel
        .replace("INVITE sip", "CANCEL sip")
        .replace(" INVITE\r\n", " CANCEL\r\n");
    stage.scene.give(stage.scene.flow, invite);
    assert_eq!(stage.scene.watched, [c1()]);
    stage.scene.give(stage.scene.flow, Bytes::from(cancel));
    assert!(stage.scene.watched.is_empty());
    let statuses: Vec<_> = stage.scene.sent().iter().map(Message::status).collect();
    assert!(statuses.contains(&Some(487)), "{statuses:?}");
    stage.tell();
    stage.scene.advance(20 * SECOND);
    stage.quiet();
    stage.scene.nothing();
}

#[test]
fn who_only_sees_and_is_gone_without_a_word_is_given_up() {
    for away in [Some(480), None] {
        let mut stage = Stage::new();
        let (_alice, camera) = stage.shows("alice", "");
        let (_bob, watch) = stage.sees("bob", &[("p1", &camera)]);
        // While his client answers, it may be whatever; what she shows tells of itself.
        for (minutes, status) in [200, 405, 503].into_iter().enumerate() {
            stage.scene.there = Some(status);
            stage.scene.advance(60 * SECOND);
            assert_eq!(stage.scene.probes, 2 * (minutes + 1));
        }
        stage.quiet();
        stage.scene.nothing();
        // It comes back in time.
        stage.scene.there = away;
        stage.scene.advance(40 * SECOND);
        stage.scene.there = Some(200);
        stage.scene.advance(60 * SECOND);
        stage.quiet();
        stage.scene.nothing();
        stage.scene.there = away;
        stage.scene.advance(150 * SECOND);
        assert!(stage.bye().contains("The connection was lost"));
        assert_eq!(stage.asked(), VideoCommand::Close { leg: watch });
        let probes = stage.scene.probes;
        stage.scene.advance(150 * SECOND);
        assert_eq!(stage.scene.probes, probes);
    }
}

#[test]
fn who_is_hidden_and_gone_without_a_word_is_given_up() {
    let mut stage = Stage::new();
    let (_alice, camera) = stage.shows("alice", "");
    stage.hidden = vec!["alice"];
    stage.tell();
    assert!(matches!(stage.asked(), VideoCommand::Hide { on: true, .. }));
    stage.scene.there = Some(430);
    stage.scene.advance(120 * SECOND);
    assert!(stage.bye().contains("The connection was lost"));
    assert_eq!(stage.asked(), VideoCommand::Close { leg: camera });
}
