//! A trunk of several servers (RFC 3263 §4.3).

use std::time::Duration;

use convoke_types::bridge::LegEvent;
use convoke_types::media::{MediaCommand, MediaEvent};
use convoke_types::{EndReason, LegState};

use crate::stage::{Stage, addr, leg};

const JOINED: [LegEvent; 4] = [
    LegEvent::Dialling,
    LegEvent::Ringing { sip: 180 },
    LegEvent::Answered,
    LegEvent::Joined,
];

/// Their telephone rings, is answered and joins.
fn is_picked_up(stage: &mut Stage) {
    stage.trunk_rings(180);
    stage.trunk_answers();
    stage.media(MediaEvent::Joined { leg: leg() });
}

/// The leg is over; the next one is dialled as if it were the first.
fn again(stage: &mut Stage) {
    stage.trunk_hangs_up();
    assert!(stage.ours.is_empty());
    stage.media.clear();
    stage.events.clear();
    stage.invited.clear();
    stage.dial(false);
}

#[test]
fn a_server_that_is_silent_is_left_for_the_next_one_and_the_next_calls_begin_there() {
    let mut stage = Stage::over(&[3, 2]);
    stage.dead = vec![addr(3)];
    stage.dial(false);
    let began = stage.now;
    while !stage.invited.contains(&addr(2)) {
        assert!(stage.now < began + Duration::from_secs(6));
        stage.run(Duration::from_millis(100));
    }
    assert!(stage.now >= began + Duration::from_secs(5));
    is_picked_up(&mut stage);
    assert_eq!(stage.events, JOINED);
    let opened = |command: &&MediaCommand| matches!(command, MediaCommand::Open { .. });
    assert_eq!(stage.media.iter().filter(opened).count(), 1);
    // What the first one never answered ends by itself.
    stage.run(Duration::from_secs(40));
    assert_eq!(stage.events, JOINED);

    again(&mut stage);
    assert_eq!(stage.invited, [addr(2)]);
    is_picked_up(&mut stage);
}

#[test]
fn a_server_without_room_is_left_at_once() {
    let mut stage = Stage::over(&[2, 3]);
    stage.dial(false);
    stage.trunk_rejects(503);
    assert_eq!(stage.invited, [addr(2), addr(3)]);
    is_picked_up(&mut stage);
    assert_eq!(stage.events, JOINED);
}

#[test]
fn a_server_out_of_reach_is_left_at_once() {
    let mut stage = Stage::over(&[3, 2]);
    stage.dead = vec![addr(3)];
    stage.dial(false);
    stage.lose_connection();
    assert_eq!(stage.invited, [addr(3), addr(2)]);
    is_picked_up(&mut stage);
    assert_eq!(stage.events, JOINED);
}

#[test]
fn what_a_server_says_of_the_telephone_is_final() {
    let busy = "Q.850;cause=17;text=\"user busy\"";
    let answers = [
        (486, None, LegState::Busy),
        (603, None, LegState::Declined),
        (503, Some(busy), LegState::Busy),
    ];
    for (status, reason, state) in answers {
        let mut stage = Stage::over(&[2, 3]);
        stage.dial(false);
        stage.trunk_rejects_because(status, reason);
        assert_eq!(stage.invited, [addr(2)]);
        let Some(LegEvent::Ended { state: ended, .. }) = stage.events.last() else {
            panic!("{:?}", stage.events)
        };
        assert_eq!(*ended, state, "{status} {reason:?}");
    }
}

/// What rings by a server whose connection breaks cannot be taken back, so nobody else calls that telephone.
#[test]
fn a_telephone_that_rings_is_not_called_over_another_server() {
    let mut stage = Stage::over(&[2, 3]);
    stage.dial(false);
    stage.trunk_rings(180);
    stage.lose_connection();
    assert_eq!(stage.invited, [addr(2)]);
    assert!(matches!(stage.events.last(), Some(LegEvent::Ended { .. })));
}

#[test]
fn a_server_that_failed_is_tried_first_again_after_a_minute() {
    let mut stage = Stage::over(&[2, 3]);
    stage.dial(false);
    stage.trunk_rejects(503);
    is_picked_up(&mut stage);
    again(&mut stage);
    assert_eq!(stage.invited, [addr(3)]);
    is_picked_up(&mut stage);
    stage.run(Duration::from_secs(60));
    again(&mut stage);
    assert_eq!(stage.invited, [addr(2)]);
}

#[test]
fn a_server_that_is_heard_of_has_the_whole_time_to_ring() {
    let mut stage = Stage::over(&[2, 3]);
    stage.dial(false);
    // The endpoint of the trunk has said 100.
    stage.run(Duration::from_secs(40));
    assert_eq!(stage.invited, [addr(2)]);
    is_picked_up(&mut stage);
    assert_eq!(stage.events, JOINED);
}

#[test]
fn when_none_is_there_the_leg_fails_once() {
    let mut stage = Stage::over(&[2, 3, 4, 5]);
    stage.cut = true;
    stage.dial(false);
    stage.run(Duration::from_secs(120));
    let ends: Vec<_> = stage
        .events
        .iter()
        .filter_map(|event| match event {
            LegEvent::Ended { cause, .. } => Some(cause.reason),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [EndReason::Trunk]);
    assert!(stage.ours.is_empty());
    assert_eq!(stage.ours.poll_timeout(), None);
}
