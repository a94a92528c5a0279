//! The table of who may do what, cell by cell: as data, and through commands.

use std::time::Duration;

use conference_core::authority::{Cell, Right, may};
use conference_core::{Actor, Operation, Party};
use convoke_types::{FaultCode, Role};

use crate::on;
use crate::support::*;

/// Every cell as (policy allows adding) × (target is the actor): `y` yes, `n` no, in the order
/// owner, moderator, participant, outsider, administrator.
#[test]
fn every_cell_of_the_table() {
    // right, others' policy on, self policy on, others' policy off, self policy off
    let expected = [
        (Right::Create, "nnnny", "yyyyy", "nnnny", "yyyyy"),
        (Right::Add, "yyyny", "yyyny", "yynny", "yyyny"),
        (Right::Appoint, "yynny", "yynny", "yynny", "yynny"),
        (Right::Call, "yyyny", "yyyny", "yynny", "yyyny"),
        (Right::Disconnect, "yynny", "yyyny", "yynny", "yyyny"),
        (Right::Remove, "yynny", "yyyny", "yynny", "yyyny"),
        (Right::Mute, "yynny", "yyyny", "yynny", "yyyny"),
        (Right::Unmute, "yynny", "yyyny", "yynny", "yyyny"),
        (Right::Hide, "yynny", "yynny", "yynny", "yynny"),
        (Right::Unhide, "yynny", "yynny", "yynny", "yynny"),
        (Right::RaiseHand, "nnnnn", "yyyny", "nnnnn", "yyyny"),
        (Right::LowerHand, "yynny", "yyyny", "yynny", "yyyny"),
        (Right::GiveFloor, "yynny", "yynny", "yynny", "yynny"),
        (Right::Lock, "yynny", "yynny", "yynny", "yynny"),
        (Right::Unlock, "yynny", "yynny", "yynny", "yynny"),
        (Right::MakeModerator, "yynny", "yynny", "yynny", "yynny"),
        (Right::HandOver, "ynnny", "ynnny", "ynnny", "ynnny"),
        (Right::MuteAll, "yynny", "yynny", "yynny", "yynny"),
        (Right::UnmuteAll, "yynny", "yynny", "yynny", "yynny"),
        (Right::DisconnectAll, "yynny", "yynny", "yynny", "yynny"),
        (Right::Decline, "nnnnn", "yyyny", "nnnnn", "yyyny"),
        (Right::End, "yynny", "yynny", "yynny", "yynny"),
        (Right::Get, "yyyny", "yyyny", "yyyny", "yyyny"),
        (Right::Pictures, "nnnny", "nnnny", "nnnny", "nnnny"),
    ];
    let roles = [
        Role::Owner,
        Role::Moderator,
        Role::Participant,
        Role::Outsider,
        Role::Administrator,
    ];
    assert_eq!(expected.len(), Right::ALL.len());
    for (right, others, own, others_off, own_off) in expected {
        let row = |own: bool, policy: bool| -> String {
            roles
                .iter()
                .map(|role| {
                    if may(*role, right, own, policy) {
                        'y'
                    } else {
                        'n'
                    }
                })
                .collect()
        };
        assert_eq!(row(false, true), others, "{right:?}, somebody else");
        assert_eq!(row(true, true), own, "{right:?}, themselves");
        assert_eq!(
            row(false, false),
            others_off,
            "{right:?}, somebody else, adding off"
        );
        assert_eq!(
            row(true, false),
            own_off,
            "{right:?}, themselves, adding off"
        );
    }
    assert_eq!(
        conference_core::authority::cell(Role::Participant, Right::Add),
        Cell::ByPolicy
    );
}

/// Owner p1, moderator p2, participants p3 and p4, all joined; p5 has left.
fn world(participants_may_add: bool) -> World {
    let mut world = World::wide();
    let others = vec![
        moderator("mod"),
        party("part"),
        party("other"),
        party("gone"),
    ];
    let mut founding = create("x", party("own"), others);
    founding.policy.participants_may_add = Some(participants_may_add);
    world.create(founding);
    world.join("x/l1");
    world.pass(Duration::from_secs(1));
    for leg in ["x/l2", "x/l3", "x/l4", "x/l5"] {
        world.join(leg);
    }
    world.leg("x/l5", hung_up());
    world
}

fn actors() -> [(&'static str, Actor); 5] {
    [
        ("owner", user("own")),
        ("moderator", user("mod")),
        ("participant", user("part")),
        ("outsider", user("stranger")),
        ("administrator", Actor::administrator()),
    ]
}

fn add(party: Party) -> Operation {
    Operation::Add {
        conference: conference("x"),
        parties: vec![party],
    }
}

/// What each role is answered, in the order of `actors`: `y` done, `n` not allowed, `?` unknown conference.
#[track_caller]
fn check_row(operation: &Operation, participants_may_add: bool, expected: &str) {
    let mut came = String::new();
    for (name, actor) in actors() {
        let mut world = world(participants_may_add);
        if matches!(operation, Operation::Unmute { .. }) {
            world
                .command(Actor::administrator(), on!(Mute, "p4"))
                .unwrap();
        }
        came.push(match world.command(actor, operation.clone()) {
            Ok(_) => 'y',
            Err(fault) => match fault.code {
                FaultCode::NotAllowed => 'n',
                FaultCode::UnknownConference => '?',
                other => panic!("{name}: {other}"),
            },
        });
    }
    assert_eq!(came, expected, "{operation:?}");
}

#[test]
fn every_command_obeys_the_table() {
    check_row(&add(party("dave")), true, "yyy?y");
    check_row(&add(party("dave")), false, "yyn?y");
    check_row(&add(moderator("dave")), true, "yyn?y");
    check_row(&call("p5"), true, "yyy?y");
    check_row(&call("p5"), false, "yyn?y");
    check_row(&on!(Disconnect, "p4"), true, "yyn?y");
    check_row(&on!(Remove, "p4"), true, "yyn?y");
    check_row(&on!(Mute, "p4"), true, "yyn?y");
    check_row(&on!(Unmute, "p4"), true, "yyn?y");
    check_row(&on!(Hide, "p4"), true, "yyn?y");
    check_row(&on!(Unhide, "p4"), true, "yyn?y");
    check_row(&on!(RaiseHand, "p4"), true, "nnn?n");
    check_row(&on!(LowerHand, "p4"), true, "yyn?y");
    check_row(&on!(GiveFloor, "p4"), true, "yyn?y");
    check_row(&on!(Lock), true, "yyn?y");
    check_row(&on!(Unlock), true, "yyn?y");
    check_row(&on!(MakeModerator, "p4"), true, "yyn?y");
    check_row(&on!(HandOver, "p4"), true, "ynn?y");
    check_row(&on!(MuteAll), true, "yyn?y");
    check_row(&on!(UnmuteAll), true, "yyn?y");
    check_row(&on!(DisconnectAll), true, "yyn?y");
    check_row(&decline("p4", None), true, "nnn?n");
    let end = Operation::End {
        conference: conference("x"),
    };
    check_row(&end, true, "yyn?y");
    let get = Operation::Get {
        conference: conference("x"),
        since: None,
    };
    check_row(&get, true, "yyy?y");
    let pictures = Operation::Pictures {
        conference: conference("x"),
        video: "two".parse().ok(),
        words: None,
    };
    check_row(&pictures, true, "nnn?y");
}

#[test]
fn everybody_may_act_on_themselves() {
    let own = [
        on!(Mute, "p3"),
        on!(Unmute, "p3"),
        on!(RaiseHand, "p3"),
        on!(LowerHand, "p3"),
        on!(Disconnect, "p3"),
        on!(Remove, "p3"),
    ];
    for operation in own {
        assert!(
            world(false)
                .command(user("part"), operation.clone())
                .is_ok(),
            "{operation:?}"
        );
    }
    // Whoever runs the server may act as somebody.
    let acting = Actor {
        administrator: true,
        ..user("part")
    };
    assert!(world(false).command(acting, on!(RaiseHand, "p3")).is_ok());
    let mut world = world(false);
    assert!(world.command(user("gone"), call("p5")).is_ok());
    assert!(world.command(user("gone"), decline("p5", None)).is_ok());
    world.leg("x/l6", busy());
    assert!(world.command(user("gone"), add(party("gone"))).is_ok());
}

#[test]
fn only_an_administrator_starts_conferences_for_others() {
    let mut world = World::wide();
    let create = || Operation::Create(create("x", party("alice"), vec![party("bob")]));
    let fault = world.command(user("bob"), create()).unwrap_err();
    assert_eq!(fault.code, FaultCode::NotAllowed);
    assert!(world.command(Actor::administrator(), create()).is_ok());
    let again = world.command(user("alice"), create()).unwrap_err();
    assert_eq!(again.code, FaultCode::WrongState);
}

#[test]
fn outsiders_cannot_tell_whether_a_conference_exists() {
    let mut world = world(true);
    let get = |name: &str| Operation::Get {
        conference: conference(name),
        since: None,
    };
    let there = world.command(user("stranger"), get("x")).unwrap_err();
    let not_there = world.command(user("stranger"), get("y")).unwrap_err();
    assert_eq!(
        (there.code, there.expected),
        (not_there.code, not_there.expected)
    );
    assert_eq!((there.came.as_str(), not_there.came.as_str()), ("x", "y"));
}

#[test]
fn nobody_may_do_nothing() {
    let mut world = world(true);
    let nobody = Actor {
        user: None,
        administrator: false,
    };
    let fault = world.command(nobody, on!(Mute, "p3")).unwrap_err();
    assert_eq!(fault.code, FaultCode::Unauthenticated);
}

#[test]
fn who_was_removed_is_an_outsider() {
    let mut world = world(true);
    world.command(user("own"), on!(Remove, "p5")).unwrap();
    let fault = world.command(user("gone"), call("p5")).unwrap_err();
    assert_eq!(fault.code, FaultCode::UnknownConference);
}

#[test]
fn limits_refuse_and_change_nothing() {
    let mut config = conference_core::Config::new(vec![wide_trunk("main")]);
    config.conferences_max = 1;
    config.participants_max = 3;
    let mut world = World::new(config);
    let crowd = vec![party("a"), party("b"), party("c")];
    let too_many = Operation::Create(create("x", party("own"), crowd));
    let fault = world.command(user("own"), too_many).unwrap_err();
    assert_eq!(fault.code, FaultCode::LimitReached);
    world.create(create("x", party("own"), vec![party("a")]));
    let second = Operation::Create(create("y", party("own"), vec![]));
    let fault = world.command(user("own"), second).unwrap_err();
    assert_eq!(fault.code, FaultCode::LimitReached);
    assert!(world.command(user("own"), add(party("b"))).is_ok());
    let fault = world.command(user("own"), add(party("c"))).unwrap_err();
    assert_eq!(fault.code, FaultCode::LimitReached);
    let mut nameless = party("d");
    nameless.name = String::new();
    let fault = world.command(user("own"), add(nameless)).unwrap_err();
    assert_eq!(fault.code, FaultCode::BadRequest);
}
