//! Being called at another place while one is in: one stays in until one answers there.

use std::time::Duration;

use conference_core::{MovingView, Operation, Output};
use convoke_types::bridge::{BridgeCommand, LegEvent};
use convoke_types::{Address, FaultCode, LegState, Mode};

use crate::on;
use crate::support::*;

/// Alice or bob want to be called at another telephone of theirs.
fn home(who: &str) -> Operation {
    at(who, number("+15558888888"), Mode::Pstn, "home")
}

fn desk(who: &str) -> Operation {
    at(who, number("+15557777777"), Mode::Pstn, "desk")
}

/// Where somebody is, how their leg there stands, and what is told of the other place.
fn shown(world: &World, index: usize) -> (String, LegState, Option<MovingView>) {
    let snapshot = world.focus.snapshot(&conference("x"), world.now).unwrap();
    let one = &snapshot.roster[index];
    let place = one.participant.place.clone();
    (place, one.leg.state, one.moving.clone())
}

#[test]
fn who_is_in_stays_in_until_the_other_telephone_has_joined() {
    let mut world = two();
    world.command(user("alice"), on!(Mute, "p1")).unwrap();
    world.command(user("alice"), home("p1")).unwrap();
    check(
        &world.out,
        &["reply", "p1 l3 queued (moving)", "dial l3", "mute l3 true"],
    );
    world.leg("x/l3", LegEvent::Dialling);
    check(
        world.leg("x/l3", LegEvent::Ringing { sip: 180 }),
        &["p1 l3 ringing (moving)"],
    );
    let (place, state, moving) = shown(&world, 0);
    assert_eq!((place.as_str(), state), ("mobile", LegState::Joined));
    let moving = moving.unwrap();
    assert_eq!(
        (moving.place.as_str(), moving.leg.state, moving.leg.mode),
        ("home", LegState::Ringing, Mode::Pstn)
    );
    // Still heard where they are, and what they do there counts.
    world.command(user("alice"), on!(Unmute, "p1")).unwrap();
    check(
        &world.out,
        &["reply", "p1 muted false", "mute l1 false", "mute l3 false"],
    );
    check(
        world.leg("x/l1", LegEvent::Talking { on: true }),
        &["p1 talking true"],
    );
    check(world.leg("x/l3", LegEvent::Talking { on: true }), &[]);
    check(
        world.leg("x/l3", LegEvent::Answered),
        &["p1 l3 answered (moving)"],
    );
    check(
        world.leg("x/l3", LegEvent::Joined),
        &[
            "p1 l1 left joined-elsewhere",
            "record l1 left",
            "p1 l3 joined",
            "release l1",
        ],
    );
    assert_eq!(
        shown(&world, 0),
        ("home".to_owned(), LegState::Joined, None)
    );
    // The former telephone is hung up on; that is nobody's leaving.
    check(world.leg("x/l1", hung_up()), &[]);
    check(
        world.leg("x/l3", hung_up()),
        &["p1 l3 left hung-up", "record l3 left", "release l2"],
    );
}

#[test]
fn a_raised_hand_stays_up_at_the_other_place_and_keeps_its_place_in_the_queue() {
    let mut world = two();
    for who in ["p1", "p2"] {
        let raise = on!(RaiseHand, who);
        let whose = if who == "p1" { "alice" } else { "bob" };
        world.command(user(whose), raise).unwrap();
    }
    let hands = |world: &World| -> Vec<_> {
        let snapshot = world.focus.snapshot(&conference("x"), world.now).unwrap();
        snapshot.roster.iter().map(|one| one.hand).collect()
    };
    assert_eq!(hands(&world), [Some(1), Some(2)]);
    world.command(user("alice"), home("p1")).unwrap();
    for event in [LegEvent::Dialling, LegEvent::Answered] {
        world.leg("x/l3", event);
    }
    check(
        world.leg("x/l3", LegEvent::Joined),
        &[
            "p1 l1 left joined-elsewhere",
            "record l1 left",
            "p1 l3 joined",
            "release l1",
        ],
    );
    assert_eq!(hands(&world), [Some(1), Some(2)]);
    // Who hangs up and goes on where it only rings was out in between.
    world.command(user("bob"), desk("p2")).unwrap();
    world.leg("x/l4", LegEvent::Dialling);
    world.leg("x/l2", hung_up());
    assert_eq!(hands(&world), [Some(1), None]);
}

#[test]
fn who_is_not_reached_elsewhere_is_where_they_were_and_told_why() {
    let mut world = two();
    for (event, state) in [
        (busy(), LegState::Busy),
        (
            LegEvent::Ended {
                state: LegState::Declined,
                cause: cause(convoke_types::EndReason::Declined, 603),
            },
            LegState::Declined,
        ),
        (trunk_failed(), LegState::Failed),
    ] {
        world.command(user("alice"), home("p1")).unwrap();
        world.pass(Duration::from_secs(1));
        let (_, _, moving) = shown(&world, 0);
        let key = format!("x/{}", moving.unwrap().leg.id);
        world.leg(&key, event);
        assert!(
            world
                .out
                .iter()
                .all(|output| !words(std::slice::from_ref(output))[0].contains("l1")),
            "{:?}",
            words(&world.out)
        );
        let (place, here, moving) = shown(&world, 0);
        assert_eq!((place.as_str(), here), ("mobile", LegState::Joined));
        let moving = moving.unwrap();
        assert_eq!((moving.place.as_str(), moving.leg.state), ("home", state));
        assert!(!moving.leg.cause.unwrap().words.is_empty());
    }
    // Nobody picks up.
    world.command(user("alice"), home("p1")).unwrap();
    world.leg("x/l6", LegEvent::Dialling);
    world.leg("x/l6", LegEvent::Ringing { sip: 180 });
    world.pass(Duration::from_secs(90));
    check(&world.out, &["release l6"]);
    check(
        world.leg("x/l6", hung_up()),
        &[
            "p1 l6 no-answer ring-timeout (moving)",
            "record l6 no-answer",
        ],
    );
    assert_eq!(shown(&world, 0).1, LegState::Joined);
    // That is told for a minute.
    for (wait, told) in [(59, true), (1, false)] {
        world.pass(Duration::from_secs(wait));
        assert_eq!(shown(&world, 0).2.is_some(), told);
    }
    // In all this the owner has not left, and can still do so.
    check(
        world.leg("x/l1", hung_up()),
        &["p1 l1 left hung-up", "record l1 left", "release l2"],
    );
}

#[test]
fn a_second_other_place_replaces_the_first_that_rings() {
    let mut world = two();
    world.command(user("bob"), home("p2")).unwrap();
    world.leg("x/l3", LegEvent::Dialling);
    world.leg("x/l3", LegEvent::Ringing { sip: 180 });
    world.pass(Duration::from_secs(1));
    world.command(user("bob"), desk("p2")).unwrap();
    check(
        &world.out,
        &[
            "reply",
            "p2 l3 left joined-elsewhere (moving)",
            "record l3 left",
            "p2 l4 queued (moving)",
            "release l3",
            "dial l4",
        ],
    );
    // Nobody is in at the newer one yet.
    let told = world.out.iter().find_map(|output| match output {
        Output::Record(record) => Some(record.cause.words.clone()),
        _ => None,
    });
    assert_eq!(told.as_deref(), Some("another place was chosen instead"));
    // Picked up in this moment: it must not stay up.
    check(world.leg("x/l3", LegEvent::Answered), &["release l3"]);
    // A client that comes in is a newer one still.
    check(
        world.arrive("c1", "bob"),
        &[
            "p2 l4 left joined-elsewhere (moving)",
            "record l4 left",
            "p2 l5 queued (moving)",
            "p2 l5 dialling (moving)",
            "release l4",
            "admit c1 l5",
        ],
    );
    get_in(&mut world, "x/l5");
    assert_eq!(
        shown(&world, 1),
        ("browser".to_owned(), LegState::Joined, None)
    );
}

#[test]
fn being_called_elsewhere_can_be_taken_back() {
    let mut world = two();
    world.command(user("bob"), home("p2")).unwrap();
    world.leg("x/l3", LegEvent::Dialling);
    world.command(user("bob"), decline("p2", None)).unwrap();
    check(&world.out, &["reply", "release l3"]);
    check(
        world.leg("x/l3", hung_up()),
        &["p2 l3 left hung-up (moving)", "record l3 left"],
    );
    assert_eq!(
        shown(&world, 1),
        ("mobile".to_owned(), LegState::Joined, None)
    );
    let fault = world.command(user("bob"), decline("p2", None)).unwrap_err();
    assert_eq!(fault.code, FaultCode::WrongState);
}

#[test]
fn whoever_hangs_up_goes_on_where_it_rings() {
    let mut world = two();
    world.command(user("alice"), home("p1")).unwrap();
    world.leg("x/l3", LegEvent::Dialling);
    world.leg("x/l3", LegEvent::Ringing { sip: 180 });
    check(
        world.leg("x/l1", hung_up()),
        &["p1 l1 left hung-up", "record l1 left", "p1 l3 ringing"],
    );
    let (place, state, moving) = shown(&world, 0);
    assert_eq!(
        (place.as_str(), state, moving),
        ("home", LegState::Ringing, None)
    );
    world.leg("x/l3", LegEvent::Answered);
    check(world.leg("x/l3", LegEvent::Joined), &["p1 l3 joined"]);
    // Where that comes to nothing either, they have left.
    let mut world = two();
    world.command(user("alice"), home("p1")).unwrap();
    world.leg("x/l3", LegEvent::Dialling);
    world.leg("x/l1", hung_up());
    check(
        world.leg("x/l3", busy()),
        &["p1 l3 busy busy", "record l3 busy", "release l2"],
    );
}

#[test]
fn who_is_disconnected_or_removed_is_called_nowhere_any_more() {
    for operation in [on!(Disconnect, "p2"), on!(Remove, "p2")] {
        let mut world = two();
        world.command(user("bob"), home("p2")).unwrap();
        world.leg("x/l3", LegEvent::Dialling);
        let removes = matches!(operation, Operation::Remove { .. });
        world.command(user("alice"), operation).unwrap();
        check(&world.out, &["reply", "release l3", "release l2"]);
        check(
            world.leg("x/l3", hung_up()),
            &["p2 l3 left by-moderator (moving)", "record l3 left"],
        );
        let mut expected = vec!["p2 l2 left by-moderator", "record l2 left"];
        if removes {
            expected.push("p2 removed");
        }
        check(world.leg("x/l2", hung_up()), &expected);
    }
    // The other way round: what is left of them is the telephone that is being hung up on.
    let mut world = two();
    world.command(user("bob"), home("p2")).unwrap();
    world.leg("x/l3", LegEvent::Dialling);
    world.command(user("alice"), on!(Remove, "p2")).unwrap();
    check(
        world.leg("x/l2", hung_up()),
        &[
            "p2 l2 left by-moderator",
            "record l2 left",
            "p2 l3 dialling",
        ],
    );
    check(
        world.leg("x/l3", hung_up()),
        &["p2 l3 left by-moderator", "record l3 left", "p2 removed"],
    );
}

#[test]
fn the_end_leaves_no_telephone_ringing() {
    let mut world = two();
    world.command(user("alice"), home("p1")).unwrap();
    world.leg("x/l3", LegEvent::Dialling);
    world.command(user("alice"), on!(End)).unwrap();
    check(&world.out, &["reply", "release l2", "release l3"]);
    world.leg("x/l3", hung_up());
    check(
        world.leg("x/l2", hung_up()),
        &[
            "p2 l2 left conference-ended",
            "record l2 left",
            "release l1",
        ],
    );
    world.leg("x/l1", hung_up());
    assert_eq!(words(&world.out).last().unwrap(), "close x");
    assert_eq!(world.focus.poll_timeout(), None);
}

#[test]
fn a_number_that_rings_for_somebody_is_nobody_elses_meanwhile() {
    let mut world = two();
    world.command(user("alice"), home("p1")).unwrap();
    for operation in [
        home("p2"),
        home("p1"),
        Operation::Add {
            conference: conference("x"),
            parties: vec![outside("+15558888888")],
        },
    ] {
        let fault = world.command(user("bob"), operation).unwrap_err();
        assert!(
            matches!(fault.code, FaultCode::WrongState | FaultCode::NotAllowed),
            "{fault:?}"
        );
    }
    let clients = at("p2", Address::Client, Mode::Computer, "browser");
    world.command(user("bob"), clients).unwrap();
    check(
        &world.out,
        &["reply", "p2 l4 queued (moving)", "p2 l4 dialling (moving)"],
    );
    world.pass(Duration::from_secs(46));
    let came = words(&world.out);
    let missed = "p2 l4 no-answer ring-timeout (moving)".to_owned();
    assert!(came.contains(&missed), "{came:?}");
    assert_eq!(shown(&world, 1).1, LegState::Joined);
}

/// Whether whoever answers the leg that is dialled has to press 1.
fn is_guarded(world: &World) -> bool {
    let mut dialled = world.out.iter().filter_map(|output| match output {
        Output::Bridge(BridgeCommand::Dial { guard, .. }) => Some(*guard),
        _ => None,
    });
    dialled.next().unwrap()
}

fn unguarded(mut operation: Operation) -> Operation {
    if let Operation::Call { at: Some(at), .. } = &mut operation {
        at.guard = Some(false);
    }
    operation
}

#[test]
fn a_mailbox_that_answers_puts_nobody_out() {
    let mut world = two();
    world.command(user("alice"), home("p1")).unwrap();
    assert!(is_guarded(&world));
    world.leg("x/l3", LegEvent::Answered);
    world.leg("x/l3", LegEvent::Confirming);
    assert_eq!(shown(&world, 0).1, LegState::Joined);
    // The mailbox presses nothing.
    world.pass(Duration::from_secs(120));
    check(&world.out, &["release l3"]);
    check(
        world.leg("x/l3", hung_up()),
        &["p1 l3 no-answer voicemail (moving)", "record l3 no-answer"],
    );
    let (place, state, moving) = shown(&world, 0);
    assert_eq!((place.as_str(), state), ("mobile", LegState::Joined));
    assert_eq!(moving.unwrap().leg.state, LegState::NoAnswer);
    // A telephone that its owner says has no mailbox asks for nothing.
    world.command(user("alice"), unguarded(home("p1"))).unwrap();
    assert!(!is_guarded(&world));
    // Nor does one that is called while its owner is in nowhere, also where they were called while they were in.
    world.pass(Duration::from_secs(1));
    world.command(user("bob"), desk("p2")).unwrap();
    assert!(is_guarded(&world));
    world.join("x/l5");
    world.leg("x/l5", hung_up());
    world.pass(Duration::from_secs(1));
    let again = Operation::Call {
        conference: conference("x"),
        participant: participant("p2"),
        at: None,
    };
    world.command(user("bob"), again).unwrap();
    assert!(!is_guarded(&world));
}
