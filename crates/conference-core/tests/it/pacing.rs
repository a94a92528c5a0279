//! Rate, lines, routes and failover.

use std::time::Duration;

use conference_core::limits::NO_LINE_WAIT;
use conference_core::{Config, Operation, Output, Party};
use convoke_types::bridge::LegEvent;
use convoke_types::report::Change;
use convoke_types::{Address, FaultCode};

use crate::support::*;

fn crowd(count: u32) -> Vec<Party> {
    (0..count)
        .map(|index| Party {
            name: format!("guest{index}"),
            user: None,
            address: number(&format!("+4989{index:07}")),
            ..party("guest")
        })
        .collect()
}

/// A conference of alice, who has joined at once, and these.
fn world_with(config: Config, others: Vec<Party>) -> (World, Vec<(u128, String, String)>) {
    let mut world = World::new(config);
    world.create(create("x", party("alice"), others));
    let mut seen: Vec<(Duration, Output)> = Vec::new();
    seen.extend(
        world
            .out
            .iter()
            .map(|output| (Duration::ZERO, output.clone())),
    );
    let joined = world.join("x/l1");
    seen.extend(joined.into_iter().map(|output| (Duration::ZERO, output)));
    let dialled = dials(&seen);
    (world, dialled)
}

#[test]
fn calls_go_out_at_exactly_the_trunks_rate() {
    let (mut world, first) = world_with(Config::new(vec![trunk("main", 4.0, 100)]), crowd(9));
    assert_eq!(first.len(), 1, "only the owner at once");
    let times: Vec<u128> = dials(&world.pass(Duration::from_secs(60)))
        .iter()
        .map(|(at, _, _)| *at)
        .collect();
    assert_eq!(
        times,
        [250, 500, 750, 1_000, 1_250, 1_500, 1_750, 2_000, 2_250]
    );
}

#[test]
fn a_rate_that_does_not_divide_a_second_is_never_exceeded() {
    let (mut world, _) = world_with(Config::new(vec![trunk("main", 3.0, 100)]), crowd(6));
    let later = world.pass(Duration::from_secs(60));
    let times: Vec<Duration> = later.iter().map(|(at, _)| *at).collect();
    assert_eq!(times.len(), 6);
    assert!(times[2] >= Duration::from_secs(1), "{times:?}");
    assert!(times[5] >= Duration::from_secs(2), "{times:?}");
    assert!(times[5] < Duration::from_millis(2_001), "{times:?}");
}

#[test]
fn by_default_one_call_a_second_and_ten_lines() {
    let config = Config::new(vec![conference_core::TrunkConfig::new("main")]);
    let (mut world, _) = world_with(config, crowd(12));
    let later = dials(&world.pass(Duration::from_secs(30)));
    let times: Vec<u128> = later.iter().map(|(at, _, _)| *at).collect();
    assert_eq!(
        times,
        [
            1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000, 8_000, 9_000
        ]
    );
    assert_eq!(world.focus.lines_in_use("main"), Some(10));
}

#[test]
fn without_a_free_line_for_thirty_seconds_legs_fail_in_words() {
    let (mut world, _) = world_with(Config::new(vec![trunk("main", 10.0, 10)]), crowd(11));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.focus.lines_in_use("main"), Some(10));
    // The tenth line was taken at 0.9 s.
    world.pass(Duration::from_millis(29_899));
    check(&world.out, &[]);
    world.pass(Duration::from_millis(1));
    check(
        &world.out,
        &[
            "p11 l11 failed no-line",
            "record l11 failed",
            "p12 l12 failed no-line",
            "record l12 failed",
        ],
    );
    let Output::Report(report) = &world.out[0] else {
        panic!("{:?}", world.out)
    };
    let Change::Leg {
        cause: Some(cause), ..
    } = &report.change
    else {
        panic!("{report:?}")
    };
    assert_eq!(cause.words, "all 10 lines in use");
}

#[test]
fn a_line_that_becomes_free_goes_to_the_next_and_starts_the_wait_anew() {
    let (mut world, _) = world_with(Config::new(vec![trunk("main", 10.0, 2)]), crowd(3));
    world.pass(Duration::from_secs(20));
    check(
        world.leg("x/l2", busy()),
        &["p2 l2 busy busy", "record l2 busy", "dial l3"],
    );
    world.pass(NO_LINE_WAIT - Duration::from_millis(1));
    check(&world.out, &[]);
    world.pass(Duration::from_millis(1));
    check(&world.out, &["p4 l4 failed no-line", "record l4 failed"]);
}

#[test]
fn waiting_for_the_rate_is_not_waiting_for_a_line() {
    let (mut world, _) = world_with(Config::new(vec![trunk("main", 1.0, 100)]), crowd(60));
    let later = world.pass(Duration::from_secs(70));
    assert_eq!(dials(&later).len(), 60);
    // Other than dials, nothing has come: no leg has failed.
    assert_eq!(later.len(), 60);
}

#[test]
fn every_end_of_a_leg_gives_its_line_back() {
    let (mut world, _) = world_with(Config::new(vec![trunk("main", 100.0, 3)]), crowd(2));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.focus.lines_in_use("main"), Some(3));
    let disconnect = Operation::Disconnect {
        conference: conference("x"),
        participant: participant("p2"),
    };
    world.command(user("alice"), disconnect).unwrap();
    // The line is in use until the call has ended.
    assert_eq!(world.focus.lines_in_use("main"), Some(3));
    world.leg("x/l2", hung_up());
    assert_eq!(world.focus.lines_in_use("main"), Some(2));
    world.leg("x/l3", busy());
    assert_eq!(world.focus.lines_in_use("main"), Some(1));
    world.lost("gone");
    assert_eq!(world.focus.lines_in_use("main"), Some(0));
}

#[test]
fn owners_and_moderators_go_first() {
    let mut others = crowd(2);
    others.push(moderator("mia"));
    let (mut world, _) = world_with(Config::new(vec![trunk("main", 1.0, 100)]), others);
    let mut second = create("y", party("yves"), vec![]);
    second.initiator.address = number("+33123456789");
    world.create(second);
    let order: Vec<String> = world
        .pass(Duration::from_secs(10))
        .iter()
        .flat_map(|(_, output)| match output {
            Output::Bridge(convoke_types::bridge::BridgeCommand::Dial { leg, .. }) => {
                Some(leg.to_string())
            }
            _ => None,
        })
        .collect();
    assert_eq!(order, ["x/l4", "y/l1", "x/l2", "x/l3"]);
}

#[test]
fn calls_are_spread_over_the_trunks_of_their_route() {
    let mut config = Config::new(vec![trunk("a", 1.0, 2), trunk("b", 1.0, 10)]);
    config.routes = vec![route("", &["a", "b"])];
    let (mut world, first) = world_with(config, crowd(4));
    let at_once: Vec<&str> = first.iter().map(|(_, _, trunk)| trunk.as_str()).collect();
    assert_eq!(at_once, ["a", "b"]);
    let later = dials(&world.pass(Duration::from_secs(10)));
    let later: Vec<(u128, &str)> = later
        .iter()
        .map(|(at, _, trunk)| (*at, trunk.as_str()))
        .collect();
    // a's second line is taken after a second; from then on b carries the rest.
    assert_eq!(later, [(1_000, "a"), (1_000, "b"), (2_000, "b")]);
}

#[test]
fn the_longest_prefix_chooses_the_trunk_and_no_route_is_a_refusal() {
    let mut config = Config::new(vec![wide_trunk("a"), wide_trunk("b")]);
    config.routes = vec![
        route("+1", &["a"]),
        route("+49", &["a"]),
        route("+4989", &["gone", "b"]),
    ];
    let (mut world, _) = world_with(config, crowd(1));
    let over_b = dials(&world.pass(Duration::from_secs(1)));
    assert!(over_b.is_empty());
    assert_eq!(world.focus.lines_in_use("b"), Some(1));
    let abroad = Party {
        user: None,
        address: number("+33123456789"),
        ..party("yves")
    };
    let add = Operation::Add {
        conference: conference("x"),
        parties: vec![abroad],
    };
    let fault = world.command(user("alice"), add).unwrap_err();
    assert_eq!(fault.code, FaultCode::NumberRefused);
    assert_eq!(fault.why, Some(convoke_types::NumberRefusal::NoRoute));
    assert_eq!(fault.index, Some(0));
    assert!(!fault.came.contains("1234"), "digits stay hidden: {fault}");
}

#[test]
fn when_a_trunk_fails_the_same_person_is_called_over_the_next() {
    let mut config = Config::new(vec![wide_trunk("a"), wide_trunk("b")]);
    config.routes = vec![route("", &["a", "b"])];
    let mut world = World::new(config);
    world.create(create("x", party("alice"), vec![]));
    world.leg("x/l1", LegEvent::Dialling);
    check(
        world.leg("x/l1", trunk_failed()),
        &[
            "p1 l1 failed trunk",
            "record l1 failed",
            "p1 l2 queued",
            "dial l2 b",
        ],
    );
    // Both have failed: now the owner was not reached.
    world.leg("x/l2", LegEvent::Dialling);
    check(
        world.leg("x/l2", trunk_failed()),
        &[
            "p1 l2 failed trunk",
            "record l2 failed",
            "ended owner-left",
            "close x",
        ],
    );
}

#[test]
fn a_trunk_that_fails_after_ringing_is_not_tried_again_elsewhere() {
    let mut config = Config::new(vec![wide_trunk("a"), wide_trunk("b")]);
    config.routes = vec![route("", &["a", "b"])];
    let (mut world, _) = world_with(config, crowd(1));
    world.leg("x/l2", LegEvent::Ringing { sip: 180 });
    check(
        world.leg("x/l2", trunk_failed()),
        &["p2 l2 failed trunk", "record l2 failed"],
    );
}

#[test]
fn sip_addresses_need_no_trunk() {
    let direct = Party {
        user: None,
        address: Address::Sip("sip:desk@127.0.0.1:5070".to_owned()),
        ..party("desk")
    };
    let (world, dialled) = world_with(Config::new(vec![trunk("main", 1.0, 1)]), vec![direct]);
    assert_eq!(dialled[1], (0, "l2".to_owned(), String::new()));
    assert_eq!(world.focus.lines_in_use("main"), Some(1));
}

#[test]
fn sip_addresses_go_over_the_trunk_that_leads_to_their_domain_in_its_pace() {
    let mut gateway = trunk("gateway", 1.0, 10);
    gateway.domains = vec!["gw.example".to_owned()];
    let mut config = Config::new(vec![wide_trunk("carrier"), gateway]);
    config.routes = vec![route("", &["carrier"])];
    let room = |uri: &str| Party {
        user: None,
        address: Address::Sip(uri.to_owned()),
        ..party("room")
    };
    let rooms = vec![
        room("sip:493012345@GW.example:5070;transport=tcp"),
        room("sip:47%23@gw.example"),
    ];
    let (mut world, first) = world_with(config, rooms);
    let later = dials(&world.pass(Duration::from_secs(5)));
    let over: Vec<&str> = first
        .iter()
        .chain(&later)
        .map(|(_, _, trunk)| trunk.as_str())
        .collect();
    assert_eq!(over, ["carrier", "gateway", "gateway"]);
}
