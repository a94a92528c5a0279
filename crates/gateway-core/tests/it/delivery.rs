//! How messages reach a device: in order, together, not for ever.
#![expect(clippy::unwrap_used, reason = "scenes fail by panicking")]

use convoke_types::LegState;
use convoke_types::report::{Change, Report};
use soap_proto::{Operation, Request, parse_report};

use crate::scene::{ALICE_DEVICE, Scene, command, create, leg, report};

fn versions(body: &str) -> Vec<u64> {
    let message = parse_report(body.as_bytes()).unwrap();
    message.reports.iter().map(|r| r.version).collect()
}

fn ringing(version: u64) -> Report {
    report(version, Some("Bob"), leg(LegState::Ringing))
}
fn talks(version: u64) -> Report {
    report(
        version,
        Some("Bob"),
        Change::Talking {
            on: version.is_multiple_of(2),
        },
    )
}

#[test]
fn one_message_at_a_time_and_what_waits_travels_together() {
    let mut scene = Scene::new();
    for version in 1..=30 {
        scene.reports(Some(ALICE_DEVICE), vec![ringing(version)]);
    }
    let mut seen = Vec::new();
    for together in [1, 20, 9] {
        let (_, body) = scene.delivered();
        let part = versions(&body);
        assert_eq!(part.len(), together);
        seen.extend(part);
    }
    assert_eq!(seen, (1..=30).collect::<Vec<_>>());
    assert!(scene.sent.is_empty());
    assert_eq!(
        scene.gateway.poll_timeout(),
        None,
        "an idle device costs nothing"
    );
}

#[test]
fn reports_of_talking_go_out_twice_a_second_and_never_hold_up_others() {
    let mut scene = Scene::new();
    let mut sent = 0;
    let mut seen = Vec::new();
    for version in 1..=40 {
        scene.reports(Some(ALICE_DEVICE), vec![talks(version)]);
        if !scene.sent.is_empty() {
            sent += 1;
            seen.extend(versions(&scene.delivered().1));
        }
        // 40 changes in 2 seconds.
        scene.wait(50);
        if !scene.sent.is_empty() {
            sent += 1;
            seen.extend(versions(&scene.delivered().1));
        }
    }
    assert!((4..=5).contains(&sent), "{sent}");
    scene.wait(500);
    while !scene.sent.is_empty() {
        seen.extend(versions(&scene.delivered().1));
    }
    assert_eq!(
        seen,
        (1..=40).collect::<Vec<_>>(),
        "none is lost, the order is kept"
    );
    scene.reports(Some(ALICE_DEVICE), vec![talks(41)]);
    assert_eq!(versions(&scene.delivered().1), [41]);
    scene.reports(Some(ALICE_DEVICE), vec![talks(42)]);
    assert!(scene.sent.is_empty(), "half a second has not passed");
    scene.reports(Some(ALICE_DEVICE), vec![ringing(43)]);
    let (_, body) = scene.delivered();
    assert_eq!(
        versions(&body),
        [42, 43],
        "at once, together with what waited"
    );
}

#[test]
fn when_a_slow_devices_queue_is_full_talking_goes_first() {
    let mut scene = Scene::new();
    scene.reports(Some(ALICE_DEVICE), vec![ringing(1)]);
    for version in 2..=300 {
        let one = if version <= 150 {
            talks(version)
        } else {
            ringing(version)
        };
        scene.reports(Some(ALICE_DEVICE), vec![one]);
    }
    let mut seen = Vec::new();
    while !scene.sent.is_empty() {
        seen.extend(versions(&scene.delivered().1));
    }
    assert_eq!(seen.len(), 1 + 256);
    assert!(seen.is_sorted());
    let states: Vec<u64> = seen.iter().copied().filter(|v| *v > 150).collect();
    assert_eq!(states, (151..=300).collect::<Vec<_>>(), "no state was lost");
}

#[test]
fn a_device_that_is_gone_gets_three_tries_and_then_nothing_until_it_speaks() {
    let mut scene = Scene::new();
    for status in [404, 410, 480, 408, 503] {
        scene.reports(Some(ALICE_DEVICE), vec![ringing(1)]);
        scene.reports(Some(ALICE_DEVICE), vec![ringing(2)]);
        let (token, _, first) = scene.outgoing();
        scene.result(token, status);
        assert!(scene.sent.is_empty());
        scene.wait(1000);
        let (token, _, again) = scene.outgoing();
        assert_eq!(again, first, "the same message, not another");
        scene.result(token, status);
        scene.wait(3999);
        assert!(scene.sent.is_empty());
        scene.wait(1);
        let (token, _, _) = scene.outgoing();
        scene.result(token, status);
        scene.reports(Some(ALICE_DEVICE), vec![ringing(3)]);
        scene.wait(60_000);
        assert!(scene.sent.is_empty(), "{status}: stopped");

        let request = command(&scene, create());
        scene.sends("alice", &request);
        scene.calls.clear();
        scene.reports(Some(ALICE_DEVICE), vec![ringing(4)]);
        assert_eq!(
            versions(&scene.delivered().1),
            [4],
            "{status}: it spoke again"
        );
    }
}

#[test]
fn who_speaks_does_not_wait_for_the_pause_between_two_tries() {
    let mut scene = Scene::new();
    scene.reports(Some(ALICE_DEVICE), vec![ringing(1)]);
    let (token, _, first) = scene.outgoing();
    scene.result(token, 480);
    assert!(scene.sent.is_empty());
    let request = command(&scene, create());
    scene.sends("alice", &request);
    assert_eq!(scene.outgoing().2, first);
}

#[test]
fn a_message_that_is_refused_for_itself_is_dropped_and_the_next_goes_on() {
    let mut scene = Scene::new();
    scene.reports(Some(ALICE_DEVICE), vec![ringing(1)]);
    scene.reports(Some(ALICE_DEVICE), vec![ringing(2)]);
    let (token, _, _) = scene.outgoing();
    scene.result(token, 415);
    assert_eq!(versions(&scene.delivered().1), [2]);
}

#[test]
fn a_message_without_any_result_counts_as_a_try() {
    let mut scene = Scene::new();
    scene.reports(Some(ALICE_DEVICE), vec![ringing(1)]);
    let (old, _, _) = scene.outgoing();
    scene.wait(41_000);
    let (token, _, _) = scene.outgoing();
    scene.result(old, 200);
    scene.result(token, 200);
    assert_eq!(scene.gateway.poll_timeout(), None);
}

#[test]
fn devices_do_not_wait_for_each_other() {
    let mut scene = Scene::new();
    let other = "sip:bob@example.org;gr=b1";
    scene.reports(Some(ALICE_DEVICE), vec![ringing(1)]);
    scene.reports(Some(other), vec![ringing(1)]);
    assert_eq!(scene.sent.len(), 2);
    assert_eq!(
        (scene.sent[0].1.as_str(), scene.sent[1].1.as_str()),
        (ALICE_DEVICE, other)
    );
}

#[test]
fn one_person_with_many_devices_leaves_room_for_others() {
    let mut scene = Scene::new();
    for n in 0..10_000 {
        let conference = "c1".parse().unwrap();
        let id = format!("m{n}").parse().unwrap();
        let mut timeless = Request::new(Operation::End { conference }, id);
        timeless.headers.expires = None;
        timeless.headers.reply_to = Some(format!("sip:eve@example.org;gr={n}"));
        assert_eq!(scene.sends("eve", &timeless), 202);
        scene.answers.clear();
    }
    // None of them is there.
    for (token, _, _) in std::mem::take(&mut scene.sent) {
        scene.result(token, 480);
    }
    scene.wait(10_000);
    scene.sent.clear();
    scene.says("alice", "help");
    assert_eq!(scene.delivered().0, "sip:alice@example.org");
    // She is not counted for ever.
    scene.wait(700_000);
    scene.sent.clear();
    scene.says("eve", "help");
    assert_eq!(scene.delivered().0, "sip:eve@example.org");
}
