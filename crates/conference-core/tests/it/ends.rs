//! How conferences end: C10, C11, C12, empty, shutdown, and the races of ending.

use std::time::Duration;

use conference_core::limits::{IDLE_END, OWNER_RELEASE_WAIT, RELEASE_WAIT};
use conference_core::{OnOwnerLeft, Operation, Output};
use convoke_types::bridge::LegEvent;
use convoke_types::report::{Change, ConferenceEnd};
use convoke_types::{EndReason, FaultCode, LegState};

use crate::support::*;

fn end() -> Operation {
    Operation::End {
        conference: conference("x"),
    }
}

fn three() -> World {
    let mut world = World::wide();
    world.create(create(
        "x",
        party("alice"),
        vec![party("bob"), party("carol")],
    ));
    world.join("x/l1");
    world.pass(Duration::from_secs(1));
    world.join("x/l2");
    world.join("x/l3");
    world
}

fn how_it_ended(outputs: &[Output]) -> ConferenceEnd {
    let mut ends = outputs.iter().filter_map(|output| match output {
        Output::Report(report) => match &report.change {
            Change::Ended { cause } => Some(cause.clone()),
            _ => None,
        },
        _ => None,
    });
    ends.next().expect("an ended report")
}

#[test]
fn c10_when_the_owner_hangs_up_both_are_told() {
    let mut world = three();
    check(
        world.leg("x/l1", hung_up()),
        &[
            "p1 l1 left hung-up",
            "record l1 left",
            "release l2",
            "release l3",
        ],
    );
    check(
        world.leg("x/l3", hung_up()),
        &["p3 l3 left conference-ended", "record l3 left"],
    );
    check(
        world.leg("x/l2", hung_up()),
        &[
            "p2 l2 left conference-ended",
            "record l2 left",
            "ended owner-left",
            "close x",
        ],
    );
    assert_eq!(how_it_ended(&world.out).words, "alice left");
    assert!(world.focus.is_empty());
    assert_eq!(world.focus.poll_timeout(), None);
    assert_eq!(world.focus.lines_in_use("main"), Some(0));
}

#[test]
fn c11_by_command_the_others_go_first_and_the_owner_last() {
    let mut world = three();
    world.command(user("alice"), end()).unwrap();
    check(&world.out, &["reply", "release l2", "release l3"]);
    check(
        world.leg("x/l2", hung_up()),
        &["p2 l2 left conference-ended", "record l2 left"],
    );
    check(
        world.leg("x/l3", hung_up()),
        &[
            "p3 l3 left conference-ended",
            "record l3 left",
            "release l1",
        ],
    );
    check(
        world.leg("x/l1", hung_up()),
        &[
            "p1 l1 left conference-ended",
            "record l1 left",
            "ended by-command",
            "close x",
        ],
    );
    let fault = world.command(user("alice"), end()).unwrap_err();
    assert_eq!(fault.code, FaultCode::UnknownConference);
}

#[test]
fn reports_name_the_command_that_led_to_them() {
    let commands = |world: &World| -> Vec<String> {
        let reports = world.out.iter().filter_map(|output| match output {
            Output::Report(report) => report.command.as_ref(),
            _ => None,
        });
        reports.map(ToString::to_string).collect()
    };
    let mut world = three();
    world.leg("x/l3", hung_up());
    assert_eq!(commands(&world), ["c1"]);
    world.command(user("alice"), end()).unwrap();
    world.leg("x/l2", hung_up());
    assert_eq!(commands(&world), ["c2"]);
    world.leg("x/l1", hung_up());
    assert_eq!(commands(&world), ["c2", "c2"]);
}

#[test]
fn c11_the_owner_does_not_wait_for_ever() {
    let mut world = three();
    world.command(user("alice"), end()).unwrap();
    world.leg("x/l2", hung_up());
    world.pass(OWNER_RELEASE_WAIT - Duration::from_millis(1));
    check(&world.out, &[]);
    world.pass(Duration::from_millis(1));
    check(&world.out, &["release l1"]);
    world.leg("x/l1", hung_up());
    world.pass(RELEASE_WAIT);
    check(
        &world.out,
        &[
            "p3 l3 failed bridge",
            "record l3 failed",
            "ended by-command",
            "close x",
        ],
    );
    assert_eq!(world.focus.lines_in_use("main"), Some(0));
}

#[test]
fn c12_when_the_bridge_dies_all_legs_and_the_conference_end_by_an_error() {
    let mut world = three();
    world
        .command(
            user("alice"),
            Operation::Add {
                conference: conference("x"),
                parties: vec![party("dave")],
            },
        )
        .unwrap();
    check(
        world.lost("media process gone"),
        &[
            "p2 l2 failed bridge",
            "record l2 failed",
            "p3 l3 failed bridge",
            "record l3 failed",
            "p4 l4 failed bridge",
            "record l4 failed",
            "p1 l1 failed bridge",
            "record l1 failed",
            "ended error",
            "release l2",
            "release l3",
            "release l4",
            "release l1",
            "close x",
        ],
    );
    assert!(
        how_it_ended(&world.out)
            .words
            .contains("media process gone")
    );
    assert!(world.focus.is_empty());
    assert_eq!(world.focus.poll_timeout(), None);
    assert_eq!(world.focus.lines_in_use("main"), Some(0));
}

#[test]
fn when_the_bridge_of_one_conference_dies_another_one_goes_on() {
    let mut world = three();
    check(world.lost_in("other", "gone"), &[]);
    assert!(
        how_it_ended(world.lost_in("x", "gone"))
            .words
            .contains("gone")
    );
    assert!(world.focus.is_empty());
}

#[test]
fn when_another_bridge_goes_on_with_the_sound_everybody_stays_and_is_told() {
    let mut world = three();
    let words = "one is gone; two mixes now";
    check(
        world.moved("x", words),
        &["sound (one is gone; two mixes now)"],
    );
    let now = world.focus.snapshot(&conference("x"), world.now).unwrap();
    assert_eq!(now.sound_moves, 1);
    let mut legs = now.roster.iter().map(|entry| entry.leg.state);
    assert!(legs.all(|state| state == LegState::Joined));
    check(world.moved("nobody", words), &[]);
}

#[test]
fn c12_when_nobody_speaks_it_ends_by_an_error() {
    let mut world = three();
    // Idle time runs from the first join, which was a second ago; talking starts it anew when it stops.
    world.pass(IDLE_END - Duration::from_secs(2));
    check(&world.out, &[]);
    world.leg("x/l2", LegEvent::Talking { on: true });
    world.pass(IDLE_END * 2);
    check(&world.out, &[]);
    world.leg("x/l2", LegEvent::Talking { on: false });
    world.pass(IDLE_END - Duration::from_millis(1));
    check(&world.out, &[]);
    world.pass(Duration::from_millis(1));
    check(&world.out, &["release l2", "release l3"]);
    world.leg("x/l2", hung_up());
    world.leg("x/l3", hung_up());
    world.leg("x/l1", hung_up());
    let end = how_it_ended(&world.out);
    assert_eq!(end.reason.as_str(), "error");
    assert_eq!(end.words, "nobody spoke for 120 min");
}

#[test]
fn by_policy_silence_never_ends_it() {
    let mut world = World::wide();
    let mut founding = create("x", party("alice"), vec![]);
    founding.policy.idle_end = Some(Duration::ZERO);
    world.create(founding);
    world.join("x/l1");
    assert_eq!(world.focus.poll_timeout(), None);
}

#[test]
fn an_owner_who_is_not_reached_ends_it() {
    let mut world = World::wide();
    world.create(create("x", party("alice"), vec![party("bob")]));
    world.leg("x/l1", LegEvent::Dialling);
    check(
        world.leg("x/l1", busy()),
        &[
            "p1 l1 busy busy",
            "record l1 busy",
            "p2 l2 left conference-ended",
            "record l2 left",
            "ended owner-left",
            "close x",
        ],
    );
    assert_eq!(
        how_it_ended(&world.out).words,
        "alice was not reached: busy (486)"
    );
}

#[test]
fn the_last_to_leave_ends_it_as_empty() {
    let mut world = World::wide();
    let mut founding = create("x", party("alice"), vec![]);
    founding.policy.on_owner_left = Some(OnOwnerLeft::HandOver);
    world.create(founding);
    world.join("x/l1");
    check(
        world.leg("x/l1", hung_up()),
        &[
            "p1 l1 left hung-up",
            "record l1 left",
            "ended empty",
            "close x",
        ],
    );
}

#[test]
fn by_policy_an_empty_conference_lingers() {
    let mut world = World::wide();
    let mut founding = create("x", party("alice"), vec![]);
    founding.policy.on_owner_left = Some(OnOwnerLeft::HandOver);
    founding.policy.linger = Some(Duration::from_secs(60));
    world.create(founding);
    world.join("x/l1");
    check(
        world.leg("x/l1", hung_up()),
        &["p1 l1 left hung-up", "record l1 left"],
    );
    world.pass(Duration::from_secs(50));
    world.command(user("alice"), call("p1")).unwrap();
    check(&world.out, &["reply", "p1 l2 queued", "dial l2"]);
    world.pass(Duration::from_secs(50));
    check(&world.out, &[]);
    world.leg("x/l2", busy());
    world.pass(Duration::from_secs(59));
    check(&world.out, &[]);
    world.pass(Duration::from_secs(1));
    check(&world.out, &["ended empty", "close x"]);
    assert_eq!(world.focus.poll_timeout(), None);
}

#[test]
fn an_owner_who_removes_themselves_leaves_and_ends_it() {
    let mut world = three();
    let remove = Operation::Remove {
        conference: conference("x"),
        participant: participant("p1"),
    };
    world.command(user("alice"), remove).unwrap();
    check(&world.out, &["reply", "release l1"]);
    world.leg("x/l1", hung_up());
    world.leg("x/l2", hung_up());
    check(
        world.leg("x/l3", hung_up()),
        &[
            "p3 l3 left conference-ended",
            "record l3 left",
            "p1 removed",
            "ended owner-left",
            "close x",
        ],
    );
}

#[test]
fn shutdown_ends_everything_and_refuses_the_rest() {
    let mut world = three();
    world.create(create("y", party("bob"), vec![]));
    check(
        world.shutdown(),
        &["release l2", "release l3", "release l1"],
    );
    let refused = world.command(
        user("dave"),
        Operation::Create(create("z", party("dave"), vec![])),
    );
    assert_eq!(refused.unwrap_err().code, FaultCode::ShuttingDown);
    world.leg("y/l1", hung_up());
    assert_eq!(how_it_ended(&world.out).reason.as_str(), "shutdown");
    world.leg("x/l2", hung_up());
    check(
        world.leg("x/l3", hung_up()),
        &["p3 l3 left shutdown", "record l3 left", "release l1"],
    );
    world.leg("x/l1", hung_up());
    assert!(world.focus.is_empty());
    assert_eq!(world.focus.poll_timeout(), None);
}

#[test]
fn the_end_while_somebody_is_being_dialled_cancels_them() {
    let mut world = World::wide();
    world.create(create(
        "x",
        party("alice"),
        vec![party("bob"), party("carol")],
    ));
    world.join("x/l1");
    world.pass(Duration::from_secs(1));
    world.leg("x/l2", LegEvent::Dialling);
    world.command(user("alice"), end()).unwrap();
    // l3 was told to be dialled, but no INVITE is out yet.
    check(&world.out, &["reply", "release l2", "release l3"]);
    // The answer crosses the cancel: nobody is told, the leg is on its way out.
    check(world.leg("x/l2", LegEvent::Answered), &[]);
    world.leg("x/l3", busy());
    check(
        &world.out,
        &["p3 l3 left conference-ended", "record l3 left"],
    );
    world.leg("x/l2", hung_up());
    check(
        &world.out,
        &[
            "p2 l2 left conference-ended",
            "record l2 left",
            "release l1",
        ],
    );
}

#[test]
fn the_end_while_the_owner_is_queued_dials_nobody() {
    let mut world = World::new(conference_core::Config::new(vec![trunk("main", 1.0, 10)]));
    world.create(create("w", party("bob"), vec![]));
    world.create(create("x", party("alice"), vec![party("carol")]));
    check(
        &world.out,
        &[
            "reply",
            "created",
            "p1 added",
            "p1 l1 queued",
            "p2 added",
            "p2 l2 queued",
        ],
    );
    let reply = world.command(user("alice"), end()).unwrap();
    assert_eq!(reply.snapshot.state.as_str(), "ended");
    check(
        &world.out,
        &[
            "reply",
            "p2 l2 left conference-ended",
            "record l2 left",
            "p1 l1 left conference-ended",
            "record l1 left",
            "ended by-command",
            "close x",
        ],
    );
    assert!(dials(&world.pass(Duration::from_secs(30))).is_empty());
}

#[test]
fn an_end_that_crosses_the_release_is_one_end() {
    let mut world = three();
    let disconnect = Operation::Disconnect {
        conference: conference("x"),
        participant: participant("p2"),
    };
    world.command(user("alice"), disconnect).unwrap();
    check(
        world.leg("x/l2", hung_up()),
        &["p2 l2 left by-moderator", "record l2 left"],
    );
    check(world.leg("x/l2", hung_up()), &[]);
    assert_eq!(world.focus.lines_in_use("main"), Some(2));
}

#[test]
fn a_release_that_is_never_answered_is_given_up() {
    let mut world = three();
    let disconnect = Operation::Disconnect {
        conference: conference("x"),
        participant: participant("p2"),
    };
    world.command(user("alice"), disconnect).unwrap();
    world.pass(RELEASE_WAIT - Duration::from_millis(1));
    check(&world.out, &[]);
    world.pass(Duration::from_millis(1));
    check(&world.out, &["p2 l2 failed bridge", "record l2 failed"]);
    check(world.leg("x/l2", hung_up()), &[]);
}

#[test]
fn a_leg_that_the_bridge_forgets_is_cancelled_by_the_focus() {
    let mut world = World::wide();
    world.create(create("x", party("alice"), vec![]));
    let later = world.pass(Duration::from_secs(300));
    let times: Vec<u64> = later.iter().map(|(at, _)| at.as_secs()).collect();
    check(
        &world.out,
        &[
            "release l1",
            "p1 l1 failed bridge",
            "record l1 failed",
            "ended owner-left",
            "close x",
        ],
    );
    assert_eq!(times, [90, 130, 130, 130, 130]);
}

#[test]
fn a_guard_that_the_bridge_forgets_ends_as_voicemail() {
    let mut world = three();
    let add = Operation::Add {
        conference: conference("x"),
        parties: vec![outside("+15550107")],
    };
    world.command(user("alice"), add).unwrap();
    world.leg("x/l4", LegEvent::Answered);
    world.leg("x/l4", LegEvent::Confirming);
    world.pass(Duration::from_secs(120));
    check(&world.out, &["release l4"]);
    check(
        world.leg("x/l4", hung_up()),
        &["p4 l4 no-answer voicemail", "record l4 no-answer"],
    );
}

#[test]
fn an_end_that_is_none_counts_as_a_failure() {
    let mut world = three();
    let nonsense = LegEvent::Ended {
        state: LegState::Ringing,
        cause: cause(EndReason::Network, 500),
    };
    check(
        world.leg("x/l2", nonsense),
        &["p2 l2 failed network", "record l2 failed"],
    );
    check(
        world.leg("x/l3", busy()),
        &["p3 l3 left busy", "record l3 left"],
    );
}
