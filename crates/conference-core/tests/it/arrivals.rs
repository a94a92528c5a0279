//! People's own clients, which are not dialled but call in.

use std::time::Duration;

use conference_core::Operation;
use convoke_types::bridge::LegEvent;
use convoke_types::limits::CALL_MAX_BYTES;
use convoke_types::{Address, FaultCode, LegState, Mode};

use crate::on;
use crate::support::*;

#[test]
fn an_initiator_at_a_browser_calls_in_and_then_the_others_are_called() {
    let mut world = World::wide();
    world.create(create("x", at_browser("alice"), vec![party("bob")]));
    check(
        &world.out,
        &[
            "reply",
            "created",
            "p1 added",
            "p1 l1 queued",
            "p1 l1 dialling",
            "p2 added",
            "p2 l2 queued",
        ],
    );
    world.pass(Duration::from_secs(3));
    check(world.arrive("c1", "alice"), &["admit c1 l1"]);
    check(world.leg("x/l1", LegEvent::Answered), &["p1 l1 answered"]);
    check(
        world.leg("x/l1", LegEvent::Joined),
        &["p1 l1 joined", "dial l2"],
    );
    // From here on it is a leg like any other.
    world.command(user("alice"), on!(Mute, "p1")).unwrap();
    check(
        &world.out,
        &["reply", "p1 muted themselves", "mute l1 true"],
    );
    check(
        world.leg("x/l1", hung_up()),
        &["p1 l1 left hung-up", "record l1 left", "release l2"],
    );
}

#[test]
fn an_initiator_who_never_calls_in_was_not_reached() {
    let mut world = World::wide();
    world.create(create("x", at_browser("alice"), vec![party("bob")]));
    world.pass(Duration::from_secs(44));
    check(&world.out, &[]);
    world.pass(Duration::from_secs(1));
    check(
        &world.out,
        &[
            "p1 l1 no-answer ring-timeout",
            "record l1 no-answer",
            "p2 l2 left conference-ended",
            "record l2 left",
            "ended owner-left",
            "close x",
        ],
    );
    assert_eq!(world.focus.poll_timeout(), None);
}

#[test]
fn others_at_a_browser_are_rung_there_once_the_owner_is_in() {
    let mut world = World::wide();
    let others = vec![at_browser("bob"), at_browser("carol")];
    world.create(create("x", party("alice"), others));
    let joined = world.join("x/l1");
    assert_eq!(
        words(&joined)[3..],
        ["p1 l1 joined", "p2 l2 ringing", "p3 l3 ringing"]
    );
    check(world.arrive("c1", "bob"), &["admit c1 l2"]);
    get_in(&mut world, "x/l2");
    world.pass(Duration::from_secs(45));
    check(
        &world.out,
        &["p3 l3 no-answer ring-timeout", "record l3 no-answer"],
    );
    let snapshot = world.focus.snapshot(&conference("x"), world.now).unwrap();
    assert_eq!(snapshot.roster[1].leg.state, LegState::Joined);
    assert_eq!(snapshot.roster[1].leg.mode, Mode::Computer);
}

#[test]
fn who_comes_before_their_time_is_let_in() {
    let mut world = World::wide();
    world.create(create("x", party("alice"), vec![at_browser("bob")]));
    check(
        world.arrive("c1", "bob"),
        &["p2 l2 dialling", "admit c1 l2"],
    );
    get_in(&mut world, "x/l2");
    // The owner need not wait for the telephone then: whoever is in can be handed it.
    let admin = conference_core::Actor::administrator();
    let late = Operation::Add {
        conference: conference("x"),
        parties: vec![party("carol")],
    };
    world.command(user("alice"), late).unwrap();
    world.pass(Duration::from_secs(1));
    world.command(admin, on!(HandOver, "p2")).unwrap();
    check(
        &world.out,
        &["reply", "p1 role moderator", "p2 role owner", "dial l3"],
    );
}

#[test]
fn who_calls_in_leaves_the_telephone_that_rings_at_once() {
    let mut world = two();
    world.leg("x/l2", hung_up());
    world.command(user("alice"), call("p2")).unwrap();
    world.leg("x/l3", LegEvent::Dialling);
    world.leg("x/l3", LegEvent::Ringing { sip: 180 });
    check(
        world.arrive("c1", "bob"),
        &[
            "p2 l3 left joined-elsewhere",
            "record l3 left",
            "p2 l4 queued",
            "p2 l4 dialling",
            "release l3",
            "admit c1 l4",
        ],
    );
    let snapshot = world.focus.snapshot(&conference("x"), world.now).unwrap();
    assert_eq!(snapshot.roster[1].participant.place, "browser");
    // The telephone was picked up in this moment: it must not stay up.
    check(world.leg("x/l3", LegEvent::Answered), &["release l3"]);
    check(world.leg("x/l3", hung_up()), &[]);
    get_in(&mut world, "x/l4");
    // Another tab: this one goes on until that one is in.
    check(
        world.arrive("c2", "bob"),
        &[
            "p2 l5 queued (moving)",
            "p2 l5 dialling (moving)",
            "admit c2 l5",
        ],
    );
    // Told twice, answered twice, done once.
    check(world.arrive("c2", "bob"), &["admit c2 l5"]);
    check(world.arrive("c1", "bob"), &["admit c1 l4"]);
    get_in(&mut world, "x/l5");
    check(
        &world.out,
        &[
            "p2 l4 left joined-elsewhere",
            "record l4 left",
            "p2 l5 joined",
            "release l4",
        ],
    );
    check(world.arrive("c2", "bob"), &["admit c2 l5"]);
}

#[test]
fn an_owner_may_change_places_without_ending_it() {
    let mut world = two();
    world.command(user("alice"), on!(RaiseHand, "p1")).unwrap();
    check(
        world.arrive("c1", "alice"),
        &[
            "p1 l3 queued (moving)",
            "p1 l3 dialling (moving)",
            "admit c1 l3",
        ],
    );
    world.leg("x/l3", LegEvent::Answered);
    check(
        world.leg("x/l3", LegEvent::Joined),
        &[
            "p1 l1 left joined-elsewhere",
            "record l1 left",
            "p1 l3 joined",
            "release l1",
        ],
    );
    check(world.leg("x/l1", hung_up()), &[]);
    // Also while they are being hung up on.
    world.command(user("alice"), on!(Disconnect, "p1")).unwrap();
    check(
        world.arrive("c2", "alice"),
        &[
            "p1 hand false",
            "p1 l3 left hung-up",
            "record l3 left",
            "p1 l4 queued",
            "p1 l4 dialling",
            "admit c2 l4",
        ],
    );
    check(world.leg("x/l3", hung_up()), &[]);
}

#[test]
fn who_has_left_comes_back_and_stays_muted() {
    let mut world = two();
    world.command(user("alice"), on!(Mute, "p2")).unwrap();
    world.command(user("alice"), on!(Lock)).unwrap();
    world.leg("x/l2", hung_up());
    check(
        world.arrive("c1", "bob"),
        &[
            "p2 l3 queued",
            "p2 l3 dialling",
            "admit c1 l3",
            "mute l3 true",
        ],
    );
}

#[test]
fn whoever_is_not_on_the_roster_finds_no_conference() {
    let mut world = two();
    check(world.arrive("c1", "mallory"), &["refuse c1 404"]);
    check(world.arrive_at("y", "c2", "bob"), &["refuse c2 404"]);
    world.command(user("alice"), on!(Remove, "p2")).unwrap();
    check(world.arrive("c3", "bob"), &["refuse c3 404"]);
    world.leg("x/l2", hung_up());
    check(world.arrive("c4", "bob"), &["refuse c4 404"]);
    let end = Operation::End {
        conference: conference("x"),
    };
    let mut world = two();
    world.command(user("alice"), end).unwrap();
    check(world.arrive("c5", "bob"), &["refuse c5 404"]);
    let long = "c".repeat(CALL_MAX_BYTES + 1);
    let mut world = two();
    check(
        world.arrive(&long, "bob"),
        &[format!("refuse {long} 400").as_str()],
    );
}

#[test]
fn a_client_that_never_gets_in_is_given_up() {
    let mut world = World::wide();
    world.create(create("x", party("alice"), vec![at_browser("bob")]));
    world.join("x/l1");
    world.arrive("c1", "bob");
    world.pass(Duration::from_secs(34));
    check(&world.out, &[]);
    world.pass(Duration::from_secs(1));
    check(&world.out, &["release l2"]);
    check(
        world.leg("x/l2", hung_up()),
        &["p2 l2 failed media", "record l2 failed"],
    );
}

#[test]
fn the_bridge_knows_nothing_of_who_is_only_awaited() {
    let mut world = World::wide();
    world.create(create("x", party("alice"), vec![at_browser("bob")]));
    world.join("x/l1");
    for event in [LegEvent::Answered, LegEvent::Joined, hung_up()] {
        check(world.leg("x/l2", event), &[]);
    }
    world.command(user("alice"), on!(Mute, "p2")).unwrap();
    check(&world.out, &["reply", "p2 muted moderator"]);
    world.command(user("alice"), on!(Disconnect, "p2")).unwrap();
    check(
        &world.out,
        &["reply", "p2 l2 left by-moderator", "record l2 left"],
    );
}

#[test]
fn somebody_is_called_at_another_place() {
    let mut world = two();
    world.leg("x/l2", hung_up());
    let home = at("p2", number("+15558888888"), Mode::Pstn, "home");
    world.command(user("bob"), home).unwrap();
    let snapshot = world.focus.snapshot(&conference("x"), world.now).unwrap();
    assert_eq!(snapshot.roster[1].participant.place, "home");
    assert_eq!(snapshot.roster[1].participant.name, "bob");
    world.leg("x/l3", busy());
    let mine = at("p2", Address::Client, Mode::Computer, "browser");
    world.command(user("bob"), mine.clone()).unwrap();
    check(&world.out, &["reply", "p2 l4 queued", "p2 l4 dialling"]);
    world.command(user("bob"), on!(Disconnect, "p2")).unwrap();
    world.command(user("alice"), mine).unwrap();
    check(&world.out, &["reply", "p2 l5 queued", "p2 l5 ringing"]);
    world.command(user("alice"), on!(Disconnect, "p2")).unwrap();
    let alices = at("p2", party("alice").address, Mode::Mobile, "mobile");
    let fault = world.command(user("alice"), alices).unwrap_err();
    assert_eq!(fault.code, FaultCode::WrongState, "it is in use");
}

#[test]
fn nobody_moves_somebody_else_or_to_where_they_are() {
    let mut world = two();
    let mobile = |who: &str| at(who, number("+15558888888"), Mode::Mobile, "mobile");
    for (actor, operation) in [
        ("alice", mobile("p2")),
        (
            "bob",
            at("p2", party("bob").address, Mode::Mobile, "mobile"),
        ),
        (
            "bob",
            at("p2", party("alice").address, Mode::Mobile, "mobile"),
        ),
        ("bob", call("p2")),
    ] {
        let fault = world.command(user(actor), operation).unwrap_err();
        assert_eq!(fault.code, FaultCode::WrongState);
        check(&world.out, &["fault wrong-state"]);
    }
    // An owner who was never in was not reached, wherever they are called.
    let mut world = World::wide();
    world.create(create("x", party("alice"), vec![party("bob")]));
    world.command(user("alice"), mobile("p1")).unwrap();
    world.pass(Duration::from_secs(1));
    let came = words(world.leg("x/l3", busy()));
    assert!(came.contains(&"ended owner-left".to_owned()), "{came:?}");
}

#[test]
fn a_client_needs_an_account_and_is_nobody_elses_telephone() {
    let mut world = two();
    let add = |parties| Operation::Add {
        conference: conference("x"),
        parties,
    };
    let both = vec![at_browser("carol"), at_browser("dave")];
    world.command(user("alice"), add(both)).unwrap();
    let nobody = conference_core::Party {
        user: None,
        ..at_browser("erin")
    };
    let fault = world.command(user("alice"), add(vec![nobody])).unwrap_err();
    assert_eq!(fault.code, FaultCode::NoTelephone);
    world.arrive("c1", "dave");
    let snapshot = world.focus.snapshot(&conference("x"), world.now).unwrap();
    let states: Vec<_> = snapshot.roster.iter().map(|one| one.leg.state).collect();
    assert_eq!(
        states[2..],
        [LegState::Ringing, LegState::Ringing],
        "dave's leg is being answered"
    );
}

#[test]
fn whom_an_actor_may_call_is_told_to_them_only() {
    let mut world = two();
    let callable = |world: &World, who: &str, whom: &str| {
        let found = world
            .focus
            .callable(&user(who), &conference("x"), &participant(whom));
        found.map(|whom| whom.name).map_err(|fault| fault.code)
    };
    assert_eq!(callable(&world, "alice", "p2"), Ok("bob".to_owned()));
    assert_eq!(
        callable(&world, "mallory", "p2"),
        Err(FaultCode::UnknownConference)
    );
    assert_eq!(
        callable(&world, "alice", "p9"),
        Err(FaultCode::UnknownParticipant)
    );
    world.shutdown();
    assert_eq!(callable(&world, "alice", "p2"), Err(FaultCode::WrongState));
}
