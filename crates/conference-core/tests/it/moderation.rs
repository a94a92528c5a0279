//! Who speaks, who is what, and what is done to everybody at once.

use std::time::Duration;

use conference_core::{Actor, Operation, Party};
use convoke_types::bridge::LegEvent;
use convoke_types::limits::DECLINE_MAX_CHARS;
use convoke_types::{FaultCode, Mode, Role};

use crate::on;
use crate::support::*;

/// Alice (owner, p1), bob (p2), carol (moderator, p3) and dave (p4), all joined.
fn four() -> World {
    let mut world = World::wide();
    let others = vec![party("bob"), moderator("carol"), party("dave")];
    world.create(create("x", party("alice"), others));
    world.join("x/l1");
    world.pass(Duration::from_secs(1));
    for leg in ["x/l2", "x/l3", "x/l4"] {
        world.join(leg);
    }
    world
}

/// Whose hands are up, with their places and for how many milliseconds.
fn hands(world: &World) -> Vec<(String, u32, u64)> {
    let snapshot = world.focus.snapshot(&conference("x"), world.now).unwrap();
    let roster = snapshot.roster.into_iter();
    roster
        .filter_map(|one| Some((one.participant.id.to_string(), one.hand?, one.hand_ms?)))
        .collect()
}

fn roles(world: &World) -> Vec<Role> {
    let snapshot = world.focus.snapshot(&conference("x"), world.now).unwrap();
    let roster = snapshot.roster.iter();
    roster.map(|one| one.participant.role).collect()
}

#[test]
fn hands_are_a_queue_in_the_order_of_raising() {
    let mut world = four();
    world.command(user("dave"), on!(RaiseHand, "p4")).unwrap();
    check(&world.out, &["reply", "p4 hand true"]);
    world.pass(Duration::from_secs(2));
    world.command(user("bob"), on!(RaiseHand, "p2")).unwrap();
    let up = |id: &str, place, ms| (id.to_owned(), place, ms);
    assert_eq!(hands(&world), [up("p2", 2, 0), up("p4", 1, 2_000)]);
    // Raising it again loses no place.
    world.command(user("dave"), on!(RaiseHand, "p4")).unwrap();
    check(&world.out, &["reply"]);
    world.command(user("carol"), on!(LowerHand, "p4")).unwrap();
    check(&world.out, &["reply", "p4 hand false"]);
    assert_eq!(hands(&world), [up("p2", 1, 0)]);
    world.command(user("carol"), on!(LowerHand, "p4")).unwrap();
    check(&world.out, &["reply"]);
}

#[test]
fn only_who_is_in_raises_a_hand_and_leaving_lowers_it() {
    let mut world = four();
    world.command(user("bob"), on!(RaiseHand, "p2")).unwrap();
    // On hold one is still in.
    world.leg("x/l2", LegEvent::Held { on: true });
    assert_eq!(hands(&world).len(), 1);
    check(
        world.leg("x/l2", hung_up()),
        &["p2 hand false", "p2 l2 left hung-up", "record l2 left"],
    );
    let fault = world.command(user("bob"), on!(RaiseHand, "p2"));
    assert_eq!(fault.unwrap_err().code, FaultCode::WrongState);
    world.command(user("dave"), on!(RaiseHand, "p4")).unwrap();
    world.command(user("alice"), on!(Remove, "p4")).unwrap();
    check(
        world.leg("x/l4", hung_up()),
        &[
            "p4 hand false",
            "p4 l4 left by-moderator",
            "record l4 left",
            "p4 removed",
        ],
    );
}

#[test]
fn the_floor_lifts_a_moderators_mute_and_ones_own_only_if_one_asked() {
    let mut world = four();
    world.command(user("alice"), on!(Mute, "p2")).unwrap();
    world.command(user("bob"), on!(Mute, "p2")).unwrap();
    world.command(user("bob"), on!(RaiseHand, "p2")).unwrap();
    world.command(user("carol"), on!(GiveFloor, "p2")).unwrap();
    check(
        &world.out,
        &[
            "reply",
            "p2 hand false",
            "p2 muted false",
            "mute l2 false",
            "say l2 Unmuted",
        ],
    );
    // Nobody is heard by surprise: without a hand their own mute stays.
    world.command(user("bob"), on!(Mute, "p2")).unwrap();
    world.command(user("carol"), on!(GiveFloor, "p2")).unwrap();
    check(&world.out, &["reply"]);
    world.command(user("alice"), on!(Mute, "p4")).unwrap();
    world.command(user("carol"), on!(GiveFloor, "p4")).unwrap();
    check(
        &world.out,
        &["reply", "p4 muted false", "mute l4 false", "say l4 Unmuted"],
    );
}

#[test]
fn a_moderator_hides_pictures_and_lets_them_be_seen_again() {
    let mut world = four();
    let hidden = |world: &World| -> Vec<bool> {
        let now = world.focus.snapshot(&conference("x"), world.now).unwrap();
        now.roster.iter().map(|entry| entry.hidden).collect()
    };
    world.command(user("carol"), on!(Hide, "p2")).unwrap();
    check(&world.out, &["reply", "p2 hidden true"]);
    assert_eq!(hidden(&world), [false, true, false, false]);
    world.command(user("carol"), on!(Hide, "p2")).unwrap();
    check(&world.out, &["reply"]);
    let fault = world.command(user("bob"), on!(Unhide, "p2")).unwrap_err();
    assert_eq!(fault.code, FaultCode::NotAllowed, "they show none, or all");
    world.command(user("carol"), on!(Unhide, "p2")).unwrap();
    check(&world.out, &["reply", "p2 hidden false"]);
    assert_eq!(hidden(&world), [false; 4]);
}

#[test]
fn the_pictures_of_a_video_room_are_hidden_as_everybodys() {
    let mut world = four();
    for (mode, digits, who) in [
        (Mode::Sip, "+15550005", "p5"),
        (Mode::H323, "+15550006", "p6"),
    ] {
        let room = Party {
            mode,
            ..outside(digits)
        };
        let room = Operation::Add {
            conference: conference("x"),
            parties: vec![room],
        };
        world.command(user("alice"), room).unwrap();
        for (command, told) in [(on!(Hide, who), "true"), (on!(Unhide, who), "false")] {
            world.command(user("alice"), command).unwrap();
            check(&world.out, &["reply", &format!("{who} hidden {told}")]);
        }
    }
}

#[test]
fn pictures_move_are_lost_and_come_back_each_told_once() {
    let mut world = four();
    let pictures = |video: Option<&str>, words: &str| Operation::Pictures {
        conference: conference("x"),
        video: video.map(|name| name.parse().unwrap()),
        words: Some(words.to_owned()),
    };
    let shown = |world: &World| {
        let now = world.focus.snapshot(&conference("x"), world.now).unwrap();
        let at = now.video.map(|name| name.to_string());
        (at.unwrap_or_default(), now.pictures_lost)
    };
    let administrator = Actor::administrator;
    for (video, words, told, at) in [
        (
            Some("two"),
            "one is gone",
            "pictures two (one is gone)",
            ("two", false),
        ),
        (Some("two"), "again", "", ("two", false)),
        (
            None,
            "two is gone",
            "pictures lost (two is gone)",
            ("two", true),
        ),
        (None, "still", "", ("two", true)),
        (Some("two"), "", "pictures two ()", ("two", false)),
    ] {
        world
            .command(administrator(), pictures(video, words))
            .unwrap();
        let expected: Vec<&str> = ["reply", told]
            .into_iter()
            .filter(|one| !one.is_empty())
            .collect();
        check(&world.out, &expected);
        assert_eq!(shown(&world), (at.0.to_owned(), at.1));
    }
    // Nobody who takes part says so.
    let fault = world
        .command(user("alice"), pictures(None, "no"))
        .unwrap_err();
    assert_eq!(fault.code, FaultCode::NotAllowed);
}

#[test]
fn while_it_is_locked_only_who_moderates_adds_people() {
    let mut world = four();
    let add = |name: &str| Operation::Add {
        conference: conference("x"),
        parties: vec![party(name)],
    };
    world.command(user("carol"), on!(Lock)).unwrap();
    check(&world.out, &["reply", "locked true"]);
    world.command(user("carol"), on!(Lock)).unwrap();
    check(&world.out, &["reply"]);
    assert!(
        world
            .focus
            .snapshot(&conference("x"), world.now)
            .unwrap()
            .locked
    );
    let fault = world.command(user("bob"), add("erin")).unwrap_err();
    assert_eq!(fault.code, FaultCode::NotAllowed);
    assert_eq!(fault.came, "a locked one");
    assert!(world.command(user("alice"), add("erin")).is_ok());
    // They are on the roster already.
    world.leg("x/l2", hung_up());
    assert!(world.command(user("bob"), add("bob")).is_ok());
    world.command(user("carol"), on!(Unlock)).unwrap();
    check(&world.out, &["reply", "locked false"]);
    assert!(world.command(user("bob"), add("frank")).is_ok());
}

#[test]
fn a_moderator_is_made_once() {
    let mut world = four();
    world
        .command(user("carol"), on!(MakeModerator, "p2"))
        .unwrap();
    check(&world.out, &["reply", "p2 role moderator"]);
    world
        .command(user("bob"), on!(MakeModerator, "p2"))
        .unwrap();
    check(&world.out, &["reply"]);
    world
        .command(user("bob"), on!(MakeModerator, "p1"))
        .unwrap();
    check(&world.out, &["reply"]);
    use Role::{Moderator, Owner, Participant};
    assert_eq!(roles(&world), [Owner, Moderator, Moderator, Participant]);
}

#[test]
fn handed_over_it_ends_with_the_new_owner() {
    let mut world = four();
    let reply = world.command(user("alice"), on!(HandOver, "p2")).unwrap();
    assert_eq!(reply.snapshot.owner, participant("p2"));
    check(&world.out, &["reply", "p1 role moderator", "p2 role owner"]);
    let fault = world.command(user("alice"), on!(HandOver, "p1"));
    assert_eq!(fault.unwrap_err().code, FaultCode::NotAllowed);
    check(
        world.leg("x/l1", hung_up()),
        &["p1 l1 left hung-up", "record l1 left"],
    );
    check(
        world.leg("x/l2", hung_up()),
        &[
            "p2 l2 left hung-up",
            "record l2 left",
            "release l3",
            "release l4",
        ],
    );
}

#[test]
fn it_is_handed_over_to_somebody_with_an_account_who_is_in() {
    let mut world = four();
    world.leg("x/l2", hung_up());
    let guest = Operation::Add {
        conference: conference("x"),
        parties: vec![outside("+15550001")],
    };
    world.command(user("alice"), guest).unwrap();
    world.join("x/l5");
    for who in ["p2", "p5"] {
        let fault = world.command(user("alice"), on!(HandOver, who));
        assert_eq!(fault.unwrap_err().code, FaultCode::WrongState, "{who}");
    }
    world.command(user("alice"), on!(HandOver, "p1")).unwrap();
    check(&world.out, &["reply"]);
}

#[test]
fn everybody_of_role_participant_is_muted_and_unmuted_together() {
    let mut world = four();
    world.command(user("bob"), on!(Mute, "p2")).unwrap();
    let late = Operation::Add {
        conference: conference("x"),
        parties: vec![party("erin")],
    };
    world.command(user("alice"), late).unwrap();
    world.command(user("carol"), on!(MuteAll)).unwrap();
    check(
        &world.out,
        &[
            "reply",
            "p2 muted both",
            "p4 muted moderator",
            "p5 muted moderator",
            "mute l4 true",
            "mute l5 true",
        ],
    );
    // Who muted themselves stays unheard when the others are heard again.
    world.command(user("carol"), on!(UnmuteAll)).unwrap();
    check(
        &world.out,
        &[
            "reply",
            "p2 muted themselves",
            "p4 muted false",
            "p5 muted false",
            "mute l4 false",
            "mute l5 false",
        ],
    );
}

#[test]
fn who_talks_is_silenced_with_everybody() {
    let mut world = four();
    world.leg("x/l2", LegEvent::Talking { on: true });
    world.leg("x/l1", LegEvent::Talking { on: true });
    world.command(user("alice"), on!(MuteAll)).unwrap();
    let came = words(&world.out);
    assert!(came.contains(&"p2 talking false".to_owned()), "{came:?}");
    assert!(!came.contains(&"p1 talking false".to_owned()), "{came:?}");
}

#[test]
fn disconnecting_all_leaves_the_asker_in() {
    let mut world = four();
    let late = Operation::Add {
        conference: conference("x"),
        parties: vec![at_browser("erin")],
    };
    world.command(user("alice"), late).unwrap();
    world.command(user("alice"), on!(DisconnectAll)).unwrap();
    check(
        &world.out,
        &[
            "reply",
            "p5 l5 left by-moderator",
            "record l5 left",
            "release l2",
            "release l3",
            "release l4",
        ],
    );
    for leg in ["x/l2", "x/l3", "x/l4"] {
        world.leg(leg, hung_up());
    }
    let snapshot = world.focus.snapshot(&conference("x"), world.now).unwrap();
    assert_eq!(snapshot.roster.len(), 5);
    assert!(world.command(user("bob"), call("p2")).is_ok());
}

#[test]
fn a_moderator_who_disconnects_all_leaves_the_owner_in() {
    let mut world = four();
    world.command(user("carol"), on!(DisconnectAll)).unwrap();
    check(&world.out, &["reply", "release l2", "release l4"]);
    for leg in ["x/l2", "x/l4"] {
        world.leg(leg, hung_up());
    }
    let snapshot = world.focus.snapshot(&conference("x"), world.now).unwrap();
    assert_eq!(snapshot.state, conference_core::ConferenceState::Running);

    let mut world = four();
    let administrator = conference_core::Actor::administrator();
    world.command(administrator, on!(DisconnectAll)).unwrap();
    check(
        &world.out,
        &[
            "reply",
            "release l2",
            "release l3",
            "release l4",
            "release l1",
        ],
    );
}

#[test]
fn a_call_is_declined_in_words_until_it_is_answered() {
    let mut world = four();
    world.leg("x/l2", hung_up());
    world.command(user("alice"), call("p2")).unwrap();
    world.leg("x/l5", LegEvent::Dialling);
    world.leg("x/l5", LegEvent::Ringing { sip: 180 });
    let declined = decline("p2", Some("in a meeting"));
    world.command(user("bob"), declined).unwrap();
    check(&world.out, &["reply", "release l5"]);
    // The answer that crossed it changes nothing.
    check(world.leg("x/l5", LegEvent::Answered), &[]);
    check(
        world.leg("x/l5", hung_up()),
        &["p2 l5 declined declined", "record l5 declined"],
    );
    let snapshot = world.focus.snapshot(&conference("x"), world.now).unwrap();
    let cause = snapshot.roster[1].leg.cause.clone().unwrap();
    assert_eq!(cause.words, "in a meeting");

    let fault = world.command(user("dave"), decline("p4", None));
    assert_eq!(fault.unwrap_err().code, FaultCode::WrongState);
    world.pass(Duration::from_secs(1));
    world.command(user("alice"), call("p2")).unwrap();
    world.leg("x/l6", LegEvent::Answered);
    let fault = world.command(user("bob"), decline("p2", None));
    assert_eq!(fault.unwrap_err().code, FaultCode::WrongState);
}

#[test]
fn what_is_said_to_a_decline_is_bounded_and_never_empty() {
    for (said, expected) in [
        (None, "declined".to_owned()),
        (Some(" \t".to_owned()), "declined".to_owned()),
        (Some("ü".repeat(9_999)), "ü".repeat(DECLINE_MAX_CHARS)),
    ] {
        let mut world = World::wide();
        world.create(create("x", at_browser("alice"), vec![]));
        let declined = decline("p1", said.as_deref());
        let reply = world.command(user("alice"), declined).unwrap();
        let cause = reply.snapshot.roster[0].leg.cause.clone().unwrap();
        assert_eq!(cause.words, expected);
        assert_eq!(
            words(&world.out)[1..],
            [
                "p1 l1 declined declined",
                "record l1 declined",
                "ended owner-left",
                "close x",
            ]
        );
    }
}
