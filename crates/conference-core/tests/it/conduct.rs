//! A conference while it goes on: C5, C7, C8, C9, mute, talking, the answers to `get`.

use std::time::Duration;

use conference_core::{Changes, ConferenceState, Config, Operation, PolicyOverrides};
use convoke_types::bridge::{BridgeCommand, LegEvent};
use convoke_types::report::{Change, ConferenceEndReason};
use convoke_types::{FaultCode, LegState, Role};

use crate::on;
use crate::support::*;

fn add(parties: Vec<conference_core::Party>) -> Operation {
    Operation::Add {
        conference: conference("x"),
        parties,
    }
}

/// Alice (owner, p1), bob (p2), carol (moderator, p3), all joined.
fn three() -> World {
    let mut world = World::wide();
    world.create(create(
        "x",
        party("alice"),
        vec![party("bob"), moderator("carol")],
    ));
    world.join("x/l1");
    world.pass(Duration::from_secs(1));
    world.join("x/l2");
    world.join("x/l3");
    world
}

#[test]
fn c5_creation_is_answered_at_once_and_every_step_is_told() {
    let mut world = World::wide();
    let reply = world.create(create("x", party("alice"), vec![party("bob")]));
    assert_eq!(reply.snapshot.state, ConferenceState::Starting);
    assert_eq!(reply.snapshot.version, 5);
    assert_eq!(reply.participants, [participant("p1"), participant("p2")]);
    check(
        &world.out,
        &[
            "reply",
            "created",
            "p1 added",
            "p1 l1 queued",
            "p2 added",
            "p2 l2 queued",
            "dial l1",
        ],
    );
    check(world.leg("x/l1", LegEvent::Dialling), &["p1 l1 dialling"]);
    check(
        world.leg("x/l1", LegEvent::Ringing { sip: 183 }),
        &["p1 l1 ringing"],
    );
    check(world.leg("x/l1", LegEvent::Answered), &["p1 l1 answered"]);
    check(
        world.leg("x/l1", LegEvent::Confirming),
        &["p1 l1 confirming"],
    );
    check(world.leg("x/l1", LegEvent::Joined), &["p1 l1 joined"]);
}

#[test]
fn c7_the_initiator_is_called_first_then_all_others_are_due_at_one_moment() {
    let mut world = World::new(Config::new(vec![trunk("main", 2.0, 10)]));
    let others = vec![party("bob"), party("carol"), party("dave")];
    world.create(create("x", party("alice"), others));
    assert!(dials(&world.pass(Duration::from_secs(20))).is_empty());
    let joined = world.join("x/l1");
    check(
        &joined,
        &[
            "p1 l1 dialling",
            "p1 l1 ringing",
            "p1 l1 answered",
            "p1 l1 joined",
            "dial l2",
        ],
    );
    let later = dials(&world.pass(Duration::from_secs(20)));
    let expected = [(20_500, "l3"), (21_000, "l4")];
    let expected = expected.map(|(at, leg)| (at, leg.to_owned(), "main".to_owned()));
    assert_eq!(later, expected);
}

#[test]
fn c7_by_policy_all_are_called_at_once() {
    let mut world = World::wide();
    let mut founding = create("x", party("alice"), vec![party("bob")]);
    founding.policy.call_all_at_once = Some(true);
    world.create(founding);
    world.pass(Duration::from_millis(1));
    check(&world.out, &["dial l2"]);
}

#[test]
fn c8_people_are_added_and_removed_at_any_time() {
    let mut world = three();
    let reply = world
        .command(user("bob"), add(vec![party("dave")]))
        .unwrap();
    assert_eq!(reply.participants, [participant("p4")]);
    check(
        &world.out,
        &["reply", "p4 added", "p4 l4 queued", "dial l4"],
    );
    world.join("x/l4");
    world.command(user("alice"), on!(Remove, "p4")).unwrap();
    check(&world.out, &["reply", "release l4"]);
    check(
        world.leg("x/l4", hung_up()),
        &["p4 l4 left by-moderator", "record l4 left", "p4 removed"],
    );
    let fault = world.command(user("alice"), on!(Remove, "p4")).unwrap_err();
    assert_eq!(fault.code, FaultCode::UnknownParticipant);
}

#[test]
fn who_is_removed_while_queued_is_never_dialled() {
    let mut world = World::wide();
    world.create(create("x", party("alice"), vec![party("bob")]));
    world.command(user("alice"), on!(Remove, "p2")).unwrap();
    check(
        &world.out,
        &[
            "reply",
            "p2 l2 left by-moderator",
            "record l2 left",
            "p2 removed",
        ],
    );
    world.join("x/l1");
    assert!(dials(&world.pass(Duration::from_secs(60))).is_empty());
}

#[test]
fn somebody_present_cannot_be_added_but_somebody_missed_is_called_again() {
    let mut world = three();
    let fault = world
        .command(user("alice"), add(vec![party("bob")]))
        .unwrap_err();
    assert_eq!(fault.code, FaultCode::WrongState);
    let same_number = conference_core::Party {
        user: None,
        ..party("bob")
    };
    let fault = world
        .command(user("alice"), add(vec![same_number.clone()]))
        .unwrap_err();
    assert_eq!(fault.code, FaultCode::WrongState);
    // All or nobody: dave is not called either.
    let fault = world.command(user("alice"), add(vec![party("dave"), party("bob")]));
    assert_eq!(fault.unwrap_err().code, FaultCode::WrongState);
    check(&world.out, &["fault wrong-state"]);

    world.leg("x/l2", hung_up());
    world
        .command(user("alice"), add(vec![same_number]))
        .unwrap();
    check(&world.out, &["reply", "p2 l4 queued", "dial l4"]);
    world.leg("x/l4", busy());
    check(&world.out, &["p2 l4 busy busy", "record l4 busy"]);
    world.pass(Duration::from_secs(1));
    world.command(user("bob"), call("p2")).unwrap();
    check(&world.out, &["reply", "p2 l5 queued", "dial l5"]);
    let fault = world.command(user("bob"), call("p2")).unwrap_err();
    assert_eq!(fault.code, FaultCode::WrongState);
}

#[test]
fn one_person_named_twice_is_refused() {
    let mut world = three();
    let fault = world.command(user("alice"), add(vec![party("dave"), party("dave")]));
    assert_eq!(fault.unwrap_err().code, FaultCode::BadRequest);
    world.leg("x/l2", hung_up());
    // Bob at a new number, and bob's old number without an account: both are p2.
    let elsewhere = conference_core::Party {
        address: number("+15559999999"),
        ..party("bob")
    };
    let old_number = conference_core::Party {
        user: None,
        ..party("bob")
    };
    let fault = world.command(user("alice"), add(vec![elsewhere, old_number]));
    assert_eq!(fault.unwrap_err().code, FaultCode::BadRequest);
}

#[test]
fn a_telephone_that_two_people_share_is_called_once_at_a_time() {
    let mut world = three();
    world.leg("x/l2", hung_up());
    let at_bobs = conference_core::Party {
        address: party("bob").address,
        ..party("dave")
    };
    world.command(user("alice"), add(vec![at_bobs])).unwrap();
    let fault = world.command(user("alice"), call("p2")).unwrap_err();
    assert_eq!(fault.code, FaultCode::WrongState);
    world.leg("x/l4", busy());
    assert!(world.command(user("alice"), call("p2")).is_ok());
}

#[test]
fn c9_who_hangs_up_has_left_and_stays_on_the_roster() {
    let mut world = three();
    check(
        world.leg("x/l2", hung_up()),
        &["p2 l2 left hung-up", "record l2 left"],
    );
    let snapshot = world.focus.snapshot(&conference("x"), world.now).unwrap();
    assert_eq!(snapshot.roster.len(), 3);
    assert_eq!(snapshot.roster[1].leg.state, LegState::Left);
    assert_eq!(snapshot.roster[0].leg.state, LegState::Joined);
}

#[test]
fn who_is_disconnected_has_left_by_moderator_and_stays_on_the_roster() {
    let mut world = three();
    world.command(user("carol"), on!(Disconnect, "p2")).unwrap();
    check(&world.out, &["reply", "release l2"]);
    let fault = world
        .command(user("carol"), on!(Disconnect, "p2"))
        .unwrap_err();
    assert_eq!(fault.code, FaultCode::WrongState);
    // What happens between the release and the end is not news.
    check(world.leg("x/l2", LegEvent::Held { on: true }), &[]);
    check(
        world.leg("x/l2", hung_up()),
        &["p2 l2 left by-moderator", "record l2 left"],
    );
    let snapshot = world.focus.snapshot(&conference("x"), world.now).unwrap();
    assert_eq!(snapshot.roster[1].participant.role, Role::Participant);
}

#[test]
fn hold_and_silence_are_told() {
    let mut world = three();
    check(
        world.leg("x/l2", LegEvent::Held { on: true }),
        &["p2 l2 held"],
    );
    check(world.leg("x/l2", LegEvent::Held { on: true }), &[]);
    check(
        world.leg("x/l2", LegEvent::Held { on: false }),
        &["p2 l2 joined"],
    );
    check(
        world.leg("x/l2", LegEvent::Silent { on: true }),
        &["p2 silent true"],
    );
    check(world.leg("x/l2", LegEvent::Silent { on: true }), &[]);
    check(
        world.leg("x/l2", LegEvent::Silent { on: false }),
        &["p2 silent false"],
    );
}

#[test]
fn steps_back_and_unknown_legs_change_nothing() {
    let mut world = three();
    check(world.leg("x/l2", LegEvent::Ringing { sip: 180 }), &[]);
    check(world.leg("x/l2", LegEvent::Joined), &[]);
    check(world.leg("x/l9", LegEvent::Talking { on: true }), &[]);
    check(world.leg("y/l1", hung_up()), &[]);
    world.leg("x/l2", hung_up());
    check(world.leg("x/l2", hung_up()), &[]);
    // A call that nobody counts any more must not stay up.
    check(world.leg("x/l2", LegEvent::Joined), &["release l2"]);
    check(world.leg("y/l1", LegEvent::Answered), &["release l1"]);
}

#[test]
fn events_for_a_leg_that_was_not_dialled_change_nothing() {
    let mut world = World::wide();
    world.create(create("x", party("alice"), vec![party("bob")]));
    for event in [LegEvent::Dialling, LegEvent::Joined, hung_up()] {
        check(world.leg("x/l2", event), &[]);
    }
}

#[test]
fn mute_is_kept_until_they_join() {
    let mut world = World::wide();
    world.create(create("x", party("alice"), vec![party("bob")]));
    world.command(user("alice"), on!(Mute, "p2")).unwrap();
    check(&world.out, &["reply", "p2 muted moderator"]);
    world.join("x/l1");
    world.pass(Duration::from_millis(1));
    check(&world.out, &["dial l2", "mute l2 true"]);
    let joined = world.join("x/l2");
    assert_eq!(words(&joined).last().unwrap(), "mute l2 true");
    world.command(user("alice"), on!(Unmute, "p2")).unwrap();
    check(&world.out, &["reply", "p2 muted false", "mute l2 false"]);
    world.command(user("alice"), on!(Unmute, "p2")).unwrap();
    check(&world.out, &["reply"]);
}

#[test]
fn whom_a_moderator_muted_only_moderators_unmute() {
    let mut world = three();
    world.command(user("carol"), on!(Mute, "p2")).unwrap();
    let fault = world.command(user("bob"), on!(Unmute, "p2")).unwrap_err();
    assert_eq!(fault.code, FaultCode::NotAllowed);
    world.command(user("alice"), on!(Unmute, "p2")).unwrap();
    check(&world.out, &["reply", "p2 muted false", "mute l2 false"]);
}

#[test]
fn who_muted_themselves_only_they_unmute() {
    let mut world = three();
    world.command(user("bob"), on!(Mute, "p2")).unwrap();
    let fault = world.command(user("alice"), on!(Unmute, "p2")).unwrap_err();
    assert_eq!(fault.code, FaultCode::NotAllowed);
    // Muted by both: the moderator lifts theirs, bob stays unheard until he lifts his own.
    world.command(user("alice"), on!(Mute, "p2")).unwrap();
    check(&world.out, &["reply", "p2 muted both"]);
    world.command(user("carol"), on!(Unmute, "p2")).unwrap();
    check(&world.out, &["reply", "p2 muted themselves"]);
    world.command(user("bob"), on!(Unmute, "p2")).unwrap();
    check(&world.out, &["reply", "p2 muted false", "mute l2 false"]);
}

#[test]
fn a_moderator_unmutes_themselves_whoever_muted_them() {
    let mut world = three();
    world.command(user("alice"), on!(Mute, "p3")).unwrap();
    world.command(user("carol"), on!(Mute, "p3")).unwrap();
    world.command(user("carol"), on!(Unmute, "p3")).unwrap();
    check(&world.out, &["reply", "p3 muted false", "mute l3 false"]);
}

#[test]
fn talking_is_told_at_most_five_times_a_second() {
    let mut world = three();
    for step in 0..5 {
        let on = step % 2 == 0;
        let expected = format!("p2 talking {on}");
        check(world.leg("x/l2", LegEvent::Talking { on }), &[&expected]);
    }
    // The sixth and seventh wait; bob's change is undone before its time and is never told.
    check(world.leg("x/l2", LegEvent::Talking { on: false }), &[]);
    check(world.leg("x/l1", LegEvent::Talking { on: true }), &[]);
    check(world.leg("x/l2", LegEvent::Talking { on: true }), &[]);
    let start = world.now - world.start;
    let later = world.pass(Duration::from_secs(5));
    assert_eq!(later.len(), 1);
    assert_eq!(later[0].0 - start, Duration::from_secs(1));
    check(&world.out, &["p1 talking true"]);
}

#[test]
fn who_is_muted_does_not_talk_and_who_left_does_not_either() {
    let mut world = three();
    world.leg("x/l2", LegEvent::Talking { on: true });
    world.command(user("alice"), on!(Mute, "p2")).unwrap();
    check(
        &world.out,
        &[
            "reply",
            "p2 muted moderator",
            "p2 talking false",
            "mute l2 true",
        ],
    );
    world.leg("x/l3", LegEvent::Talking { on: true });
    world.leg("x/l3", hung_up());
    let snapshot = world.focus.snapshot(&conference("x"), world.now).unwrap();
    assert!(snapshot.roster.iter().all(|entry| !entry.talking));
    assert!(snapshot.roster[1].muted);
}

#[test]
fn get_gives_the_state_and_what_was_missed() {
    let mut world = three();
    world.pass(Duration::from_secs(7));
    world.leg("x/l2", hung_up());
    world.pass(Duration::from_secs(3));
    let get = |since| Operation::Get {
        conference: conference("x"),
        since,
    };
    let reply = world.command(user("bob"), get(None)).unwrap();
    assert_eq!(reply.changes, Changes::NotAsked);
    let version = reply.snapshot.version;
    assert_eq!(reply.snapshot.roster[0].leg.joined_ms, Some(11_000));
    assert_eq!(reply.snapshot.roster[1].leg.since_ms, 3_000);
    assert_eq!(reply.snapshot.age_ms, 11_000);
    let missed = world
        .command(user("bob"), get(Some(version - 2)))
        .unwrap()
        .changes;
    let Changes::Since(missed) = missed else {
        panic!("{missed:?}")
    };
    assert_eq!(
        missed
            .iter()
            .map(|report| report.version)
            .collect::<Vec<_>>(),
        [version - 1, version]
    );
    assert!(matches!(
        missed[1].change,
        Change::Leg {
            state: LegState::Left,
            ..
        }
    ));
    let nothing = world.command(user("bob"), get(Some(version))).unwrap();
    assert_eq!(nothing.changes, Changes::Since(Vec::new()));
    let future = world.command(user("bob"), get(Some(version + 1))).unwrap();
    assert_eq!(future.changes, Changes::TooOld);
}

#[test]
fn more_reports_than_are_kept_are_too_old() {
    let mut world = three();
    for step in 0..600 {
        for on in [true, false] {
            world.leg("x/l2", LegEvent::Silent { on });
        }
        assert!(step < 600);
    }
    let get = |since| Operation::Get {
        conference: conference("x"),
        since: Some(since),
    };
    let reply = world.command(user("bob"), get(1)).unwrap();
    assert_eq!(reply.changes, Changes::TooOld);
    let oldest = reply.snapshot.version - 1_000;
    let Changes::Since(all) = world.command(user("bob"), get(oldest)).unwrap().changes else {
        panic!("the last 1,000 are kept");
    };
    assert_eq!(all.len(), 1_000);
}

#[test]
fn c14_records_carry_payer_account_and_all_times() {
    let mut world = World::wide();
    let mut founding = create("x", party("alice"), vec![]);
    founding.payer = Some("sales".to_owned());
    founding.account = Some("bridge-7".to_owned());
    world.create(founding);
    world.pass(Duration::from_secs(2));
    world.leg("x/l1", LegEvent::Dialling);
    world.pass(Duration::from_secs(3));
    world.leg("x/l1", LegEvent::Answered);
    world.leg("x/l1", LegEvent::Joined);
    world.pass(Duration::from_secs(5));
    world.leg("x/l1", hung_up());
    let record = world.out.iter().find_map(|output| match output {
        conference_core::Output::Record(record) => Some(record.clone()),
        _ => None,
    });
    let record = record.unwrap();
    let at = |instant: Option<std::time::Instant>| (instant.unwrap() - world.start).as_secs();
    assert_eq!(at(Some(record.queued)), 0);
    assert_eq!(at(record.dialled), 2);
    assert_eq!(at(record.answered), 5);
    assert_eq!(at(record.joined), 5);
    assert_eq!(at(Some(record.ended)), 10);
    assert_eq!(record.payer.as_deref(), Some("sales"));
    assert_eq!(record.account.as_deref(), Some("bridge-7"));
    assert_eq!(record.trunk.as_deref(), Some("main"));
    assert_eq!(record.whom, party("alice").address);
    assert_eq!(record.owner, Some(aor("alice")));
}

#[test]
fn the_bridge_is_told_all_it_needs_to_dial() {
    let mut world = three();
    world
        .command(user("bob"), add(vec![outside("+498912345")]))
        .unwrap();
    let dial = world.out.iter().find_map(|output| match output {
        conference_core::Output::Bridge(dial @ BridgeCommand::Dial { .. }) => Some(dial.clone()),
        _ => None,
    });
    assert_eq!(
        dial.unwrap(),
        BridgeCommand::Dial {
            leg: leg_key("x/l4"),
            to: number("+498912345"),
            trunk: Some("main".to_owned()),
            guard: true,
            inviter: "bob".to_owned(),
            language: "en".to_owned(),
            ring_timeout_ms: 45_000,
            sight: None,
        }
    );
}

#[test]
fn handing_over_keeps_the_conference_with_the_moderator() {
    let mut world = World::wide();
    let mut founding = create("x", party("alice"), vec![party("bob"), moderator("carol")]);
    founding.policy = PolicyOverrides {
        on_owner_left: Some(conference_core::OnOwnerLeft::HandOver),
        ..PolicyOverrides::default()
    };
    world.create(founding);
    world.join("x/l1");
    world.pass(Duration::from_secs(1));
    world.join("x/l2");
    world.join("x/l3");
    check(
        world.leg("x/l1", hung_up()),
        &[
            "p1 l1 left hung-up",
            "record l1 left",
            "p1 role moderator",
            "p3 role owner",
        ],
    );
    let snapshot = world.focus.snapshot(&conference("x"), world.now).unwrap();
    assert_eq!(snapshot.owner, participant("p3"));
    assert_eq!(snapshot.roster[0].participant.role, Role::Moderator);
    assert_eq!(snapshot.roster[2].participant.role, Role::Owner);
    // With the new owner it ends, since no moderator is left in the call.
    world.leg("x/l3", hung_up());
    check(
        &world.out,
        &["p3 l3 left hung-up", "record l3 left", "release l2"],
    );
    world.leg("x/l2", hung_up());
    let ended = ConferenceEndReason::OwnerLeft.as_str();
    assert_eq!(words(&world.out)[2], format!("ended {ended}"));
}
