//! People's clients show pictures and see those of others: the focus and the video servers do what the test says.

mod faults;
mod placing;
mod rooms;
mod stage;
mod storm;

use convoke_types::LegKey;
use convoke_types::LegState::{Dialling, Joined, Left};
use convoke_types::video::{VideoCommand, VideoEvent};
use sip_proto::{HeaderName, Message, Method};

use crate::scene::*;
use stage::*;

#[test]
fn somebody_shows_a_picture_another_sees_it_and_both_go() {
    let mut stage = Stage::new();
    let (mut alice, camera) = stage.shows("alice", "");
    let (mut bob, watch) = stage.sees("bob", &[("p1", &camera)]);
    stage.request(&mut alice, "BYE", "");
    assert_eq!(stage.answer().status(), Some(200));
    assert_eq!(stage.asked(), VideoCommand::Close { leg: camera });
    stage.request(&mut bob, "BYE", "");
    assert_eq!(stage.answer().status(), Some(200));
    assert_eq!(stage.asked(), VideoCommand::Close { leg: watch });
    assert_eq!(stage.scene.watched, [c1()], "it is ready there still");
    stage.scene.over();
    assert_eq!(stage.asked(), VideoCommand::End { conference: c1() });
    assert!(stage.scene.bridge.is_empty() && stage.scene.media.is_empty());
}

#[test]
fn what_a_moderator_hides_is_hidden_and_what_comes_later_too() {
    let mut stage = Stage::new();
    let (_, camera) = stage.shows("alice", "");
    let hide = |leg: &LegKey, on| VideoCommand::Hide {
        leg: leg.clone(),
        on,
    };
    stage.hidden = vec!["alice"];
    stage.tell();
    assert_eq!(stage.asked(), hide(&camera, true));
    stage.tell();
    stage.quiet();
    stage.scene.advance(SECOND);
    stage.invite("alice", &picture("a=content:slides\r\n"));
    let commands = std::mem::take(&mut stage.scene.video);
    let [
        (_, VideoCommand::Publish { leg, .. }),
        (_, VideoCommand::Hide { leg: of, on: true }),
    ] = &commands[..]
    else {
        panic!("{commands:?}");
    };
    assert_eq!(leg, of);
    stage.hidden.clear();
    stage.tell();
    let commands = std::mem::take(&mut stage.scene.video);
    let mut seen: Vec<_> = commands.into_iter().map(|(_, command)| command).collect();
    seen.sort_by_key(|command| format!("{command:?}"));
    let mut expected = vec![hide(&camera, false), hide(leg, false)];
    expected.sort_by_key(|command| format!("{command:?}"));
    assert_eq!(seen, expected);
}

#[test]
fn what_there_is_to_see_is_offered_anew_when_it_is_asked_for() {
    let mut stage = Stage::new();
    let (_alice, camera) = stage.shows("alice", "");
    let (mut bob, watch) = stage.sees("bob", &[("p1", &camera)]);
    stage.scene.advance(SECOND);
    let (_alice, screen) = stage.shows("alice", "a=content:slides\r\n");
    stage.request(&mut bob, "INVITE", "");
    let again = VideoCommand::Watch {
        leg: watch.clone(),
        participant: "p2".parse().unwrap(),
    };
    assert_eq!(stage.asked(), again);
    stage.offer(&watch, &[("p1", &camera), ("p1", &screen)]);
    let offer = stage.taken(&mut bob);
    assert!(offer.contains("a=mid:0\r\na=label:p1-1\r\n"), "{offer}");
    assert!(
        offer.contains("a=mid:1\r\na=label:p1-2\r\na=content:slides\r\n"),
        "{offer}"
    );
    stage.request(&mut bob, "ACK", ANSWER);
    assert!(matches!(stage.asked(), VideoCommand::Answer { leg, .. } if leg == watch));
    // Too soon after that.
    stage.request(&mut bob, "INVITE", "");
    assert_eq!(stage.refused().0, 500);
    // An ACK without answer ends the call.
    stage.request(&mut bob, "ACK", "");
    stage.scene.advance(SECOND);
    stage.request(&mut bob, "INVITE", "");
    stage.asked();
    stage.offer(&watch, &[("p1", &camera)]);
    stage.taken(&mut bob);
    stage.request(&mut bob, "ACK", "");
    assert!(stage.bye().contains("No answer"));
    assert_eq!(stage.asked(), VideoCommand::Close { leg: watch });
}

#[test]
fn a_picture_that_is_offered_anew_is_the_same_leg() {
    let mut stage = Stage::new();
    let (mut alice, camera) = stage.shows("alice", "");
    let other = picture("a=ice-ufrag:new\r\n");
    stage.request(&mut alice, "INVITE", &other);
    let publish = VideoCommand::Publish {
        leg: camera.clone(),
        participant: "p1".parse().unwrap(),
        offer: other,
    };
    assert_eq!(stage.asked(), publish);
    stage.event(
        0,
        VideoEvent::Answered {
            leg: camera.clone(),
            answer: ANSWER.to_owned(),
        },
    );
    assert_eq!(stage.taken(&mut alice), ANSWER);
    stage.request(&mut alice, "ACK", "");
    // What the server cannot take leaves all as it is, and so does what it does not answer.
    stage.scene.advance(SECOND);
    stage.request(&mut alice, "INVITE", &picture(""));
    stage.asked();
    stage.failed(camera.clone());
    assert_eq!(stage.refused(), (488, "expected VP8".to_owned()));
    stage.request(&mut alice, "ACK", "");
    stage.scene.advance(SECOND);
    stage.request(&mut alice, "INVITE", &picture(""));
    stage.asked();
    stage.scene.advance(19 * SECOND);
    assert_eq!(stage.refused().0, 503);
    stage.request(&mut alice, "ACK", "");
    // What comes of it too late is not what comes of the next.
    stage.request(&mut alice, "INVITE", &picture(""));
    stage.asked();
    let answered = |answer: &str| VideoEvent::Answered {
        leg: camera.clone(),
        answer: answer.to_owned(),
    };
    stage.event(0, answered("late"));
    let sent = stage.scene.sent();
    assert!(sent.iter().all(|message| message.status() == Some(100)));
    stage.event(0, answered(ANSWER));
    assert_eq!(stage.taken(&mut alice), ANSWER);
    stage.request(&mut alice, "ACK", "");
    // A camera does not become a screen, sound, or somebody who sees.
    for body in ["", &picture("a=content:slides\r\n"), ANSWER] {
        stage.scene.advance(SECOND);
        stage.request(&mut alice, "INVITE", body);
        assert_eq!(stage.refused().0, 488, "{body}");
        stage.request(&mut alice, "ACK", "");
    }
    stage.quiet();
}

#[test]
fn the_documents_say_who_shows_what() {
    let mut stage = Stage::new();
    let now = conference(1, &stage.people);
    let told = stage.scene.follow("bob", &now);
    assert!(!told.text.contains("<media"), "{}", told.text);
    // The focus was asked once, and what the followers know is known to those who show.
    let mut alice = stage.invite("alice", &picture(""));
    assert_eq!(stage.scene.watched, [c1()]);
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
    stage.taken(&mut alice);
    stage.request(&mut alice, "ACK", "");
    let visible = |on| VideoEvent::Visible {
        leg: leg.clone(),
        participant: "p1".parse().unwrap(),
        on,
    };
    stage.scene.advance(PACE);
    stage.scene.nothing();
    let media = "<media id=\"p1-1\"><display-text>Camera</display-text><type>video</type><label>p1-1</label>";
    for (on, kind) in [(true, "partial"), (false, "partial"), (true, "partial")] {
        stage.event(0, visible(on));
        stage.event(0, visible(on));
        stage.scene.advance(PACE);
        let told = stage.scene.told();
        assert_eq!(
            (told.kind.as_str(), told.text.contains(media)),
            (kind, on),
            "{}",
            told.text
        );
    }
    // It stays there whatever else changes, and who comes later is told all of it.
    stage.people[1].2 = true;
    stage.tell();
    stage.scene.advance(PACE);
    assert!(
        !stage.scene.told().text.contains("<media"),
        "alice is as she was"
    );
    let told = stage.scene.follow("alice", &now);
    assert_eq!(
        (told.kind.as_str(), told.text.contains(media)),
        ("full", true)
    );
    stage.request(&mut alice, "BYE", "");
    let mut sent = stage.scene.sent();
    stage.scene.advance(PACE);
    sent.extend(stage.scene.sent());
    sent.retain(|message| message.method_ref() == Some(&Method::Notify));
    assert_eq!(sent.len(), 2, "both are told");
    for notify in sent {
        let told = Told::of(&notify);
        assert!(told.text.contains("participant=p1") && !told.text.contains("<media"));
    }
}

#[test]
fn who_is_not_in_with_sound_shows_and_sees_nothing() {
    let not_in_it = (403, "Join the conference first".to_owned());
    for body in [picture(""), String::new()] {
        let mut stage = Stage::new();
        stage.people = vec![("bob", Joined, false)];
        stage.invite("alice", &body);
        stage.tell();
        assert_eq!(stage.refused(), not_in_it);
        assert!(stage.scene.watched.is_empty());
        stage.people = vec![("alice", Left, false), ("bob", Joined, false)];
        stage.scene.advance(SECOND);
        stage.invite("alice", &body);
        stage.tell();
        assert_eq!(stage.refused(), not_in_it);
        // There is no such conference.
        stage.scene.advance(SECOND);
        stage.invite("alice", &body);
        stage.scene.over();
        assert_eq!(stage.refused().0, 404);
        stage.quiet();
    }
    // Whose sound is on its way waits for it, but not for ever.
    let mut stage = Stage::new();
    stage.people[0].1 = Dialling;
    stage.invite("alice", &picture(""));
    stage.tell();
    stage.quiet();
    stage.set("alice", Joined);
    stage.prepared(0);
    assert!(matches!(stage.asked(), VideoCommand::Publish { .. }));
    let mut stage = Stage::new();
    stage.people[0].1 = Dialling;
    stage.invite("alice", &picture(""));
    stage.tell();
    stage.scene.advance(11 * SECOND);
    assert_eq!(stage.refused(), not_in_it);
}

#[test]
fn of_each_kind_a_person_has_one() {
    let mut stage = Stage::new();
    let (_first, camera) = stage.shows("alice", "");
    let (_screen, screen) = stage.shows("alice", "a=content:slides\r\n");
    let (_bob, watch) = stage.sees("bob", &[("p1", &camera)]);
    stage.scene.advance(SECOND);
    stage.quiet();
    // Another tab, which cannot show.
    stage.invite("alice", &picture(""));
    let leg = published(&mut stage);
    stage.failed(leg.clone());
    assert_eq!(stage.refused().0, 488);
    assert_eq!(stage.asked(), VideoCommand::Close { leg });
    // And another, of which a third takes the place while it is decided; only then the first has to go.
    stage.scene.advance(SECOND);
    stage.invite("alice", &picture(""));
    let second = published(&mut stage);
    stage.scene.advance(SECOND);
    stage.invite("alice", &picture(""));
    let replaced = "Another call has taken its place".to_owned();
    assert_eq!(stage.refused(), (480, replaced));
    let third = std::mem::take(&mut stage.scene.video);
    let [(_, close), (_, VideoCommand::Publish { leg, .. })] = &third[..] else {
        panic!("{third:?}");
    };
    assert_eq!(*close, VideoCommand::Close { leg: second });
    assert!(*leg != screen && *leg != watch && *leg != camera);
    let answer = ANSWER.to_owned();
    stage.event(
        0,
        VideoEvent::Answered {
            leg: leg.clone(),
            answer,
        },
    );
    let sent = stage.scene.sent();
    let statuses: Vec<_> = sent.iter().filter_map(Message::status).collect();
    assert_eq!(statuses, [200]);
    let bye = sent.iter().find(|m| m.method_ref() == Some(&Method::Bye));
    let bye = bye.unwrap();
    assert_eq!(bye.call_id(), Some("picture-1"));
    assert_eq!(
        bye.header(HeaderName::Reason),
        Some("SIP;cause=480;text=\"Another call has taken its place\"")
    );
    stage.scene.answer(bye, 200);
    assert_eq!(stage.asked(), VideoCommand::Close { leg: camera });
    stage.quiet();
}

/// The leg that was published.
#[track_caller]
fn published(stage: &mut Stage) -> LegKey {
    match stage.asked() {
        VideoCommand::Publish { leg, .. } => leg,
        other => panic!("{other:?}"),
    }
}

#[test]
fn of_calls_that_wait_for_the_same_conference_the_youngest_is_taken() {
    // The places of calls that are over are given away anew, which says nothing of their age.
    for another_was_first in [false, true] {
        let mut stage = Stage::new();
        let first = stage
            .scene
            .request("INVITE", "bob", CONFERENCE, "first", "");
        if another_was_first {
            stage.scene.give(stage.scene.flow, first.clone());
        }
        stage.invite("alice", &picture(""));
        if another_was_first {
            let cancel = String::from_utf8(first.to_vec()).unwrap();
            let cancel = cancel.replace("INVITE", "CANCEL");
            stage.scene.give(stage.scene.flow, cancel.into());
            stage.scene.sent.clear();
        }
        stage.scene.advance(SECOND);
        let youngest = stage.invite("alice", &picture(""));
        stage.tell();
        let refusal = stage.answer();
        assert_eq!(refusal.status(), Some(480));
        assert_ne!(refusal.call_id(), Some(&*youngest.call));
        stage.prepared(0);
        published(&mut stage);
    }
}

#[test]
fn with_the_sound_the_pictures_end() {
    let mut stage = Stage::new();
    let (_alice, camera) = stage.shows("alice", "");
    let (_bob, watch) = stage.sees("bob", &[("p1", &camera)]);
    // On the way from one place to another she shows on; and the server learns of people who come.
    stage.set("alice", Dialling);
    stage.quiet();
    stage.people.push(("carol", Dialling, false));
    stage.tell();
    let VideoCommand::Prepare { guests, .. } = stage.asked() else {
        panic!("not told");
    };
    assert_eq!(guests.len(), 3);
    stage.ready(0);
    stage.set("alice", Left);
    assert!(stage.bye().contains("You have left the conference"));
    let close = stage.scene.video.remove(0).1;
    assert_eq!(close, VideoCommand::Close { leg: camera });
    // Who has left is no guest any more, and needs no place there.
    assert_eq!(stage.prepared(0), ["bob", "carol"]);
    // Off the roster.
    stage.people.truncate(1);
    stage.tell();
    assert!(stage.bye().contains("You have left the conference"));
    let commands = std::mem::take(&mut stage.scene.video);
    assert_eq!(commands[0].1, VideoCommand::Close { leg: watch });
    assert!(matches!(commands[1].1, VideoCommand::Prepare { .. }));
    assert_eq!(commands.len(), 2);
}

#[test]
fn with_the_conference_all_pictures_end() {
    let mut stage = Stage::new();
    stage.shows("alice", "");
    stage.scene.over();
    assert!(stage.bye().contains("The conference has ended"));
    // That frees its legs, too.
    assert_eq!(stage.asked(), VideoCommand::End { conference: c1() });
    assert!(stage.scene.watched.is_empty());
    assert_eq!(stage.scene.core.pictures(), 1, "until it has ended there");
    stage.ended(0);
    assert_eq!(stage.scene.core.pictures(), 0);
}
