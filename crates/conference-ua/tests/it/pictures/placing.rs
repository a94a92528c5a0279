//! Which video server a conference is on, whom it serves there, and what it leaves behind.

use convoke_types::LegState::Joined;
use convoke_types::video::{Refusal, VideoCommand, VideoEvent};

use super::stage::*;

fn end() -> VideoCommand {
    VideoCommand::End { conference: c1() }
}

#[test]
fn who_comes_while_it_is_made_ready_is_told_when_it_is() {
    let mut stage = Stage::new();
    stage.invite("alice", &picture(""));
    stage.tell();
    assert!(matches!(stage.asked(), VideoCommand::Prepare { .. }));
    stage.people.push(("carol", Joined, false));
    stage.tell();
    stage.invite("carol", "");
    stage.quiet();
    stage.ready(0);
    let commands = std::mem::take(&mut stage.scene.video);
    let [
        (_, VideoCommand::Publish { leg, .. }),
        (_, VideoCommand::Prepare { guests, .. }),
    ] = &commands[..]
    else {
        panic!("{commands:?}");
    };
    assert_eq!(guests.len(), 3);
    // There is no room for her: she is refused, and alice shows on.
    stage.refuse(0, "full");
    assert_eq!(stage.refused(), (503, "full".to_owned()));
    stage.quiet();
    stage.event(0, VideoEvent::Closed { leg: leg.clone() });
    assert_eq!(stage.refused().0, 480);
    stage.scene.over();
    assert_eq!(stage.asked(), end());
}

#[test]
fn another_server_takes_what_one_refuses_or_leaves_unanswered() {
    let mut stage = Stage::away(3);
    stage.announce(0, 0);
    stage.announce(1, 10);
    stage.announce(2, 20);
    stage.invite("alice", &picture(""));
    stage.tell();
    assert!(matches!(
        stage.scene.video.remove(0),
        (0, VideoCommand::Prepare { .. })
    ));
    stage.refuse(0, "full");
    assert!(matches!(
        stage.scene.video.remove(0),
        (1, VideoCommand::Prepare { .. })
    ));
    stage.quiet();
    stage.scene.nothing();
    // Nobody waits any more when that one is found to be silent.
    stage.scene.advance(17 * SECOND);
    stage.invite("bob", "");
    stage.scene.advance(2 * SECOND);
    assert_eq!(stage.refused().0, 503);
    let commands = std::mem::take(&mut stage.scene.video);
    assert_eq!(commands[0], (1, end()));
    assert!(matches!(commands[1], (2, VideoCommand::Prepare { .. })));
    assert_eq!(commands.len(), 2);
    // What it makes of it later is nothing, and the third has it.
    stage.ready(1);
    stage.ended(1);
    stage.quiet();
    stage.ready(2);
    assert!(matches!(
        stage.scene.video.remove(0),
        (2, VideoCommand::Watch { .. })
    ));
    // And nor is what a server has of it that was not asked.
    stage.ready(0);
    assert_eq!(stage.scene.video, [(0, end())]);
    stage.scene.video.clear();
    stage.ended(0);
    stage.scene.over();
    assert_eq!(stage.scene.video, [(2, end())]);
    stage.ended(2);
    assert_eq!(stage.scene.core.pictures(), 0);
}

/// Alice shows at the server that was chosen, which dies: her window calls again before anybody knows of another.
fn lost_at_the_chosen_one() -> Stage {
    let mut stage = Stage::away(3);
    for server in 0..3 {
        stage.announce(server, 0);
    }
    stage.video = "v0".parse().ok();
    stage.shows("alice", "");
    stage.lose(0);
    stage.bye();
    stage.scene.advance(SECOND);
    stage.invite("alice", &picture(""));
    stage.tell();
    stage.quiet();
    stage
}

#[test]
fn whose_server_dies_is_served_by_the_one_that_is_chosen_next() {
    let mut stage = lost_at_the_chosen_one();
    // Not the one with the most room: the allocator's.
    stage.video = "v2".parse().ok();
    stage.tell();
    assert_eq!(stage.prepared(2), ["alice", "bob"]);
    assert!(matches!(
        stage.scene.video.remove(0),
        (2, VideoCommand::Publish { .. })
    ));
    // The former comes back, and is nobody's business here.
    stage.announce(0, 0);
    stage.quiet();
    // Another choice while that is there: all are asked to call again, and what was made here is ended here.
    stage.video = "v1".parse().ok();
    stage.tell();
    assert_eq!(
        stage.refused(),
        (
            503,
            "The pictures are at another video server now".to_owned()
        )
    );
    assert_eq!(stage.scene.video, [(2, end())]);
    stage.scene.video.clear();
    stage.ended(2);
    stage.scene.advance(SECOND);
    stage.invite("alice", &picture(""));
    stage.tell();
    assert_eq!(stage.prepared(1), ["alice", "bob"]);
}

#[test]
fn without_a_word_of_who_chose_it_another_is_taken_after_two_seconds() {
    let mut stage = lost_at_the_chosen_one();
    stage.scene.advance(SECOND);
    assert_eq!(stage.prepared(1), ["alice", "bob"]);
}

#[test]
fn where_the_loss_is_said_already_nobody_waits() {
    let mut stage = lost_at_the_chosen_one();
    stage.lose(1);
    stage.lose(2);
    stage.lost = true;
    stage.tell();
    let away = "The video server is away".to_owned();
    assert_eq!(stage.refused(), (503, away.clone()));
    stage.scene.advance(SECOND);
    stage.invite("alice", &picture(""));
    stage.tell();
    assert_eq!(stage.refused(), (503, away));
    // It comes back while somebody waits.
    let mut stage = lost_at_the_chosen_one();
    stage.announce(0, 0);
    // What it had is somebody else's to end.
    assert_eq!(stage.prepared(0), ["alice", "bob"]);
}

#[test]
fn what_was_lost_with_a_link_is_ended_when_it_is_back() {
    let mut stage = Stage::new();
    stage.shows("alice", "");
    stage.lose(0);
    stage.bye();
    // Also when it is over by then, and not earlier.
    stage.scene.over();
    stage.quiet();
    stage.announce(0, 0);
    assert_eq!(stage.asked(), end());
    stage.announce(0, 1);
    stage.quiet();
    // Once more, when that is lost, too.
    stage.lose(0);
    stage.announce(0, 0);
    assert_eq!(stage.asked(), end());
    stage.ended(0);
    assert_eq!(stage.scene.core.pictures(), 0);
    stage.lose(0);
    stage.announce(0, 0);
    stage.quiet();
}

#[test]
fn what_somebody_else_has_prepared_is_theirs_to_end() {
    let mut stage = Stage::new();
    stage.video = Some("v0".parse().unwrap());
    // Of that we hear, too.
    stage.ready(0);
    stage.invite("alice", &picture(""));
    stage.tell();
    assert!(matches!(stage.asked(), VideoCommand::Prepare { .. }));
    stage.scene.advance(19 * SECOND);
    assert_eq!(stage.refused().0, 503);
    stage.quiet();
    stage.invite("alice", &picture(""));
    stage.tell();
    stage.prepared(0);
    assert!(matches!(stage.asked(), VideoCommand::Publish { .. }));
    stage.lose(0);
    assert_eq!(stage.refused().0, 503);
    stage.announce(0, 0);
    stage.quiet();
    // Refused by another, while it was prepared there for them.
    stage.scene.advance(SECOND);
    stage.invite("alice", &picture(""));
    stage.tell();
    stage.asked();
    stage.refuse(0, "full");
    assert_eq!(stage.refused().0, 503);
    stage.ready(0);
    stage.quiet();
}

#[test]
fn a_late_answer_is_not_taken_for_that_to_a_later_question() {
    let mut stage = Stage::new();
    stage.video = Some("v0".parse().unwrap());
    let mut asked = Vec::new();
    for _ in 0..2 {
        stage.invite("alice", &picture(""));
        stage.tell();
        let VideoCommand::Prepare { serial, .. } = stage.asked() else {
            panic!("not asked");
        };
        asked.push(serial);
        if asked.len() == 1 {
            stage.scene.advance(19 * SECOND);
            assert_eq!(stage.refused().0, 503);
            stage.quiet();
        }
    }
    assert_ne!(asked[0], asked[1]);
    let (conference, serial) = (c1(), asked[0]);
    let words = "full".to_owned();
    let refused = VideoEvent::Refused {
        conference: conference.clone(),
        serial,
        refusal: Refusal::Full,
        words,
    };
    stage.event(0, refused);
    stage.event(0, VideoEvent::Prepared { conference, serial });
    stage.quiet();
    stage.scene.nothing();
    stage.ready(0);
    assert!(matches!(stage.asked(), VideoCommand::Publish { .. }));
}
