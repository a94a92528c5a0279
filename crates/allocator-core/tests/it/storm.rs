//! Random requests, failures and time: no request hangs, and no room stands without a conference that owns it.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use crate::world::{Prepares, Service, World, device, person, server};

#[derive(Debug, Clone)]
enum Act {
    Ask(&'static str, Vec<&'static str>),
    Repeat,
    Pass(u64),
    Modes(Service),
    Conference(Service),
    Prepares(&'static str, Prepares),
    Up(&'static str),
    Lost(&'static str),
    Crash(&'static str),
    Gone(&'static str, bool),
    End(usize),
    Join(usize),
}

const PEOPLE: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];

fn act() -> impl Strategy<Value = Act> {
    let who = || select(PEOPLE.to_vec());
    let at = || select(vec!["one", "two"]);
    let service = || {
        select(vec![
            Service::Good,
            Service::Good,
            Service::Mute,
            Service::Refuses,
            Service::Away,
        ])
    };
    let prepares = select(vec![
        Prepares::Well,
        Prepares::Never,
        Prepares::Full,
        Prepares::Nonsense,
    ]);
    prop_oneof![
        6 => (who(), proptest::collection::vec(who(), 1..4)).prop_map(|(who, whom)| Act::Ask(who, whom)),
        1 => Just(Act::Repeat),
        6 => (0u64..9_000).prop_map(Act::Pass),
        1 => service().prop_map(Act::Modes),
        2 => service().prop_map(Act::Conference),
        2 => (at(), prepares).prop_map(|(at, how)| Act::Prepares(at, how)),
        2 => at().prop_map(Act::Up),
        2 => at().prop_map(Act::Lost),
        2 => at().prop_map(Act::Crash),
        2 => (who(), any::<bool>()).prop_map(|(who, gone)| Act::Gone(who, gone)),
        2 => (0usize..8).prop_map(Act::End),
        2 => (0usize..8).prop_map(Act::Join),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_hangs_and_nothing_is_left_behind(acts in proptest::collection::vec(act(), 1..60)) {
        let mut world = World::new();
        let mut asked = Vec::new();
        let mut ever_gone = std::collections::BTreeSet::new();
        for act in acts {
            match act {
                Act::Ask(who, whom) => {
                    let invites: Vec<_> = whom.into_iter().map(person).collect();
                    let before = world.answers.len();
                    let id = world.ask(who, invites.clone());
                    // Who has too much under way is told at once, and may come again.
                    if world.answers[before].1 == 202 {
                        asked.push((who, invites, id));
                    }
                }
                Act::Repeat => if let Some((who, invites, id)) = asked.last().cloned() {
                    world.ask_as(who, invites, &id);
                }
                Act::Pass(ms) => world.pass(Duration::from_millis(ms)),
                Act::Modes(service) => world.modes = service,
                Act::Conference(service) => world.conference = service,
                Act::Prepares(at, how) => { world.prepares.insert(server(at), how); }
                Act::Up(at) => world.server_up(at),
                Act::Lost(at) => world.server_lost(at),
                Act::Crash(at) => world.server_crashed(at),
                Act::Gone(who, true) => {
                    ever_gone.insert(who);
                    world.absent.insert(device(who), 480);
                }
                Act::Gone(who, false) => { world.absent.remove(&device(who)); }
                Act::End(n) => if let Some(id) = world.running.keys().nth(n).cloned() { world.end(&id); },
                Act::Join(n) => if let Some(id) = world.running.keys().nth(n).cloned() { world.join(&id, 0); },
            }
        }
        // Everything comes to its end.
        world.pass(Duration::from_secs(60));
        prop_assert_eq!(world.allocator.asks_under_way(), 0);
        for (who, _, id) in &asked {
            let told = world.answers_to(id).len();
            // A device that was away may have missed it.
            prop_assert!(told >= 1 || ever_gone.contains(who), "{} was never answered {}", who, id);
        }
        // When all servers and services are well again, each room has its conference and is in no two places.
        world.conference = Service::Good;
        world.prepares.clear();
        world.server_up("one");
        world.server_up("two");
        world.pass(Duration::from_secs(300));
        let mut seen = std::collections::BTreeSet::new();
        for (_, conference) in world.rooms.keys() {
            prop_assert!(world.running.contains_key(conference), "a room without a conference");
            prop_assert!(seen.insert(conference.clone()), "a room in two places");
        }
        // Each conference has its room, where everybody is told that it is.
        for id in world.running.keys() {
            let shown = world.shown_at(id);
            let there = shown.as_ref().is_some_and(|at| world.rooms_at(at).contains(id));
            prop_assert!(there, "{id} is shown at {shown:?}, and is not there");
        }
        // And the other way about: what was asked for and runs is known, and published.
        prop_assert!(world.allocator.conferences() >= world.rooms.len());
        let running: Vec<_> = world.running.keys().cloned().collect();
        for id in running {
            world.end(&id);
        }
        world.pass(Duration::from_secs(300));
        prop_assert!(world.rooms.is_empty() && world.published.is_empty());
        prop_assert_eq!(world.allocator.conferences(), 0);
    }
}
