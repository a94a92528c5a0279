//! Video rooms: others bring their pictures to the video server, and are told who talks.

use conference_core::{ConferenceState, Outline};
use convoke_types::LegKey;
use convoke_types::LegState::{Held, Joined, Left};
use convoke_types::sight::SightCommand;
use convoke_types::video::{VideoCommand, VideoEvent};

use super::stage::*;

/// The conference with alice, who shows, bob, and a room.
fn with_room() -> (Stage, LegKey) {
    let mut stage = Stage::new();
    let (_alice, camera) = stage.shows("alice", "");
    stage.people.push(("#1", Joined, false));
    stage.tell();
    assert_eq!(stage.prepared(0), ["alice", "bob", "#1"]);
    (stage, camera)
}

#[test]
fn a_room_is_seen_while_others_bring_its_picture() {
    let (mut stage, camera) = with_room();
    let room = LegKey {
        conference: c1(),
        leg: "l3-shows".parse().unwrap(),
    };
    let visible = |on| VideoEvent::Visible {
        leg: room.clone(),
        participant: "p3".parse().unwrap(),
        on,
    };
    stage.event(0, visible(true));
    let (mut bob, watch) = stage.sees("bob", &[("p1", &camera), ("p3", &room)]);
    // It is gone, and so is its name.
    stage.event(0, visible(false));
    stage.scene.advance(SECOND);
    stage.request(&mut bob, "INVITE", "");
    stage.asked();
    stage.offer(&watch, &[("p1", &camera), ("p3", &room)]);
    let offer = stage.taken(&mut bob);
    assert!(offer.contains("a=label:p1-1"), "{offer}");
    assert!(!offer.contains("a=label:p3-1"), "{offer}");
}

#[test]
fn who_goes_on_talking_stays_the_one_whom_rooms_see() {
    let (mut stage, _) = with_room();
    let mut told = |talking: [bool; 2]| {
        for (person, talks) in stage.people.iter_mut().zip(talking) {
            person.2 = talks;
        }
        stage.tell();
        let told = stage.scene.sight.drain(..);
        let speaker = |command| match command {
            SightCommand::Speaker { participant, .. } => participant.to_string(),
            other => panic!("{other:?}"),
        };
        told.map(speaker).collect::<Vec<_>>()
    };
    assert_eq!(told([false, false]), [""; 0]);
    assert_eq!(told([true, false]), ["p1"]);
    assert_eq!(told([true, true]), [""; 0]);
    assert_eq!(told([false, true]), ["p2"]);
    assert_eq!(told([false, false]), [""; 0]);
    assert_eq!(told([false, true]), [""; 0]);
    // Another room comes at the moment that the first one leaves.
    stage.people[2].1 = Left;
    stage.people.push(("#2", Joined, false));
    stage.tell();
    let speaker = SightCommand::Speaker {
        conference: c1(),
        participant: "p2".parse().unwrap(),
    };
    assert_eq!(stage.scene.sight, [speaker]);
}

#[test]
fn rooms_are_told_who_talks_also_where_no_browser_shows_or_sees() {
    let mut stage = Stage::new();
    stage.people = vec![("alice", Joined, true), ("#1", Joined, false)];
    let leg = LegKey {
        conference: c1(),
        leg: "l2-shows".parse().unwrap(),
    };
    let visible = |on| VideoEvent::Visible {
        leg: leg.clone(),
        participant: "p2".parse().unwrap(),
        on,
    };
    stage.event(0, visible(true));
    assert_eq!(stage.scene.watched, [c1()]);
    stage.tell();
    let speaker = SightCommand::Speaker {
        conference: c1(),
        participant: "p1".parse().unwrap(),
    };
    assert_eq!(stage.scene.sight, [speaker]);
    stage.quiet();
    stage.event(0, visible(false));
    assert!(stage.scene.watched.is_empty());
    assert_eq!(stage.scene.core.pictures(), 0);
    // With the server it is gone too.
    stage.event(0, visible(true));
    assert_eq!(stage.scene.watched, [c1()]);
    stage.lose(0);
    assert!(stage.scene.watched.is_empty());
}

#[test]
fn what_a_moderator_hides_of_a_room_is_hidden_while_it_is_in_and_shown_again() {
    let mut stage = Stage::new();
    stage.people = vec![("alice", Joined, false), ("#1", Joined, false)];
    let leg = LegKey {
        conference: c1(),
        leg: "l2-shows".parse().unwrap(),
    };
    let visible = |on| VideoEvent::Visible {
        leg: leg.clone(),
        participant: "p2".parse().unwrap(),
        on,
    };
    let hide = |on| VideoCommand::Hide {
        leg: leg.clone(),
        on,
    };
    stage.event(0, visible(true));
    stage.tell();
    stage.quiet();
    stage.hidden = vec!["#1"];
    stage.tell();
    assert_eq!(stage.asked(), hide(true));
    stage.event(0, visible(false));
    stage.tell();
    stage.quiet();
    assert_eq!(stage.scene.watched, [c1()], "it may be shown again");
    stage.hidden.clear();
    stage.tell();
    assert_eq!(stage.asked(), hide(false));
    stage.event(0, visible(true));
    // Also after the way to the server was lost; and what comes anew under the same name is hidden anew.
    stage.hidden = vec!["#1"];
    stage.tell();
    assert_eq!(stage.asked(), hide(true));
    stage.event(0, visible(false));
    stage.lose(0);
    stage.announce(0, 0);
    stage.event(0, visible(true));
    assert_eq!(stage.asked(), hide(true));
    stage.event(0, visible(false));
    // What is wanted while the way to the server is lost is told when it is there again, once.
    stage.lose(0);
    stage.hidden.clear();
    stage.tell();
    stage.quiet();
    stage.announce(0, 0);
    assert_eq!(stage.asked(), hide(false));
    stage.hidden = vec!["#1"];
    stage.tell();
    assert_eq!(stage.asked(), hide(true));
    // Nobody tells that a picture is gone which nobody sees: it is forgotten with whose it is.
    stage.set("#1", Left);
    stage.quiet();
    assert!(stage.scene.watched.is_empty());
    assert_eq!(stage.scene.core.pictures(), 0);
}

#[test]
fn contact_lists_are_told_whether_somebody_can_be_seen() {
    let mut stage = Stage::new();
    let outline = Outline {
        conference: c1(),
        title: "Budget".to_owned(),
        state: ConferenceState::Running,
        locked: false,
        video: None,
        inside: 2,
        talking: Vec::new(),
    };
    let now = stage.scene.now;
    stage.scene.core.handle_outline(&outline, now);
    stage.scene.run();
    let is_told = |stage: &mut Stage, video| {
        let made = stage.scene.one("PUBLISH");
        let presence = im_core::pidf::read(&made.body()).unwrap();
        assert_eq!(presence.conference.unwrap().video, video);
        let granted = [("SIP-ETag", "t1"), ("Expires", "120")];
        stage.scene.answer_with(&made, 200, &granted, None);
        stage.scene.advance(SECOND);
    };
    is_told(&mut stage, false);
    let (_alice, camera) = stage.shows("alice", "");
    is_told(&mut stage, true);
    let visible = |leg: &LegKey, participant: &str, on| VideoEvent::Visible {
        leg: leg.clone(),
        participant: participant.parse().unwrap(),
        on,
    };
    let room = LegKey {
        conference: c1(),
        leg: "l2-shows".parse().unwrap(),
    };
    // Two are seen, then one, then nobody.
    stage.event(0, visible(&room, "p2", true));
    stage.event(0, visible(&camera, "p1", false));
    stage.scene.nothing();
    stage.event(0, visible(&room, "p2", false));
    is_told(&mut stage, false);
}

#[test]
fn who_brings_a_rooms_picture_is_told_that_it_is_hidden_each_time_a_room_comes() {
    let (mut stage, _) = with_room();
    let hide = |on| SightCommand::Hide {
        conference: c1(),
        participant: "p3".parse().unwrap(),
        on,
    };
    stage.tell();
    assert_eq!(stage.scene.sight, []);
    stage.hidden = vec!["#1"];
    stage.tell();
    stage.tell();
    assert_eq!(stage.scene.sight.split_off(0), [hide(true)]);
    // Who comes in anew is shown anew.
    stage.set("#1", Left);
    stage.set("#1", Joined);
    assert_eq!(stage.scene.sight.split_off(0), [hide(false), hide(true)]);
    stage.hidden.clear();
    stage.tell();
    assert_eq!(stage.scene.sight, [hide(false)]);
    // A browser's picture is hidden at the video server alone.
    stage.scene.sight.clear();
    stage.hidden = vec!["alice"];
    stage.tell();
    assert_eq!(stage.scene.sight, []);
}

/// The picture of the room, who has no browser beside it, can be seen at this server, or no longer.
fn seen(at: usize, stage: &mut Stage, on: bool) {
    let leg = LegKey {
        conference: c1(),
        leg: "l2-shows".parse().unwrap(),
    };
    let participant = "p2".parse().unwrap();
    let visible = VideoEvent::Visible {
        leg,
        participant,
        on,
    };
    stage.event(at, visible);
}

/// Where rooms were told that the pictures are.
fn told_where(stage: &mut Stage) -> Vec<String> {
    let told = stage.scene.sight.drain(..);
    let server = |command| match command {
        SightCommand::Server { server, .. } => Some(server.to_string()),
        SightCommand::Speaker { .. } => None,
        other => panic!("{other:?}"),
    };
    told.filter_map(server).collect()
}

#[test]
fn rooms_are_told_where_their_conference_is_now_also_while_no_browser_calls() {
    let mut stage = Stage::away(2);
    stage.announce(0, 0);
    stage.announce(1, 0);
    stage.people = vec![("alice", Joined, true), ("#1", Joined, false)];
    stage.video = Some("v0".parse().unwrap());
    seen(0, &mut stage, true);
    stage.tell();
    assert_eq!(told_where(&mut stage), ["v0"]);
    stage.tell();
    assert_eq!(told_where(&mut stage), [""; 0]);
    // Its server is lost, and until another is found it stays.
    stage.lose(0);
    assert_eq!(stage.scene.watched, [c1()]);
    stage.lost = true;
    stage.tell();
    assert_eq!(told_where(&mut stage), [""; 0]);
    (stage.video, stage.lost) = (Some("v1".parse().unwrap()), false);
    stage.tell();
    assert_eq!(told_where(&mut stage), ["v1"]);
    seen(1, &mut stage, true);
    // One that comes was called when it was elsewhere, perhaps.
    stage.people.push(("#2", Joined, false));
    stage.tell();
    assert_eq!(told_where(&mut stage), ["v1"]);
    // Also while they hold their calls, in which they may go on showing.
    stage.people[1].1 = Held;
    stage.set("#2", Held);
    assert_eq!(told_where(&mut stage), [""; 0]);
    stage.video = Some("v0".parse().unwrap());
    stage.tell();
    assert_eq!(told_where(&mut stage), ["v0"]);
    stage.video = Some("v1".parse().unwrap());
    stage.tell();
    assert_eq!(told_where(&mut stage), ["v1"]);
    seen(1, &mut stage, false);
    for room in ["#1", "#2"] {
        assert_eq!(stage.scene.watched, [c1()]);
        stage.set(room, Left);
    }
    assert!(stage.scene.watched.is_empty());
    assert_eq!(stage.scene.core.pictures(), 0);
}

#[test]
fn rooms_follow_to_a_server_that_nobody_chose() {
    let mut stage = Stage::away(2);
    stage.announce(0, 0);
    stage.people = vec![("alice", Joined, true), ("#1", Joined, false)];
    stage.video = Some("v0".parse().unwrap());
    stage.invite("alice", &picture(""));
    stage.tell();
    stage.prepared(0);
    assert_eq!(told_where(&mut stage), ["v0"]);
    stage.scene.video.clear();
    // Whoever chose that one says nothing for two seconds.
    stage.lose(0);
    assert_eq!(stage.refused().0, 503);
    stage.announce(1, 0);
    stage.scene.advance(SECOND);
    stage.invite("alice", &picture(""));
    stage.tell();
    stage.quiet();
    stage.scene.advance(2 * SECOND);
    assert_eq!(told_where(&mut stage), [""; 0], "it is only asked");
    stage.prepared(1);
    assert_eq!(told_where(&mut stage), ["v1"]);
}
