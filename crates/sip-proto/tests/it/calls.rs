//! Calls between two sides: RFC 3261 §13 to §15.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use sip_proto::auth::{Login, Verifier, VerifierConfig};
use sip_proto::call::{Ended, EndedBy};
use sip_proto::{
    Edit, FlowId, HeaderName, Message, Method, RequestBuilder, ResponseBuilder, Source, Transport,
    Uri,
};

use crate::net::{Net, Random, addr};
use crate::phones::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_call_is_made_and_ended_by_either_side_over_a_network_that_loses_a_third() {
    for seed in 0..30 {
        let mut net = net(seed, POLITE);
        net.loss_percent = 33;
        net.delay_max_ms = 400;
        invite(&mut net);
        net.run(20 * SECOND);
        let caller = &net.nodes[0].user.log;
        assert_eq!(
            caller.last().unwrap(),
            "answered answer",
            "seed {seed}: {caller:?}"
        );
        let callee = &net.nodes[1].user.log;
        assert_eq!(callee, &["incoming", "confirmed"], "seed {seed}");
        hang_up(&mut net, usize::try_from(seed % 2).unwrap());
        net.run(5 * MINUTE);
        all_over(&net);
    }
}

#[test]
fn the_offer_ringing_and_answer_arrive_as_sent() {
    let mut net = net(
        1,
        Manners {
            ring: true,
            ..Manners::default()
        },
    );
    invite(&mut net);
    net.run(SECOND);
    let key = net.nodes[1].user.key.unwrap();
    at(&mut net, 1, |calls, ep, now| {
        calls.ring(ep, key, 183, Some(sdp("early")), now).unwrap();
        calls.answer(ep, key, sdp("final"), now).unwrap();
        assert!(calls.answer(ep, key, sdp("again"), now).is_err());
    });
    net.run(SECOND);
    assert_eq!(
        net.nodes[0].user.log,
        ["ringing 180", "ringing 183", "answered final"]
    );
    assert_eq!(net.nodes[1].user.invites[0].body(), sdp("offer"));
    assert_eq!(net.count(0, "SIP/2.0 200"), 1, "acknowledged: not repeated");
    let (us, them) = (EndedBy::Us, EndedBy::Peer);
    at(&mut net, 1, |calls, ep, now| {
        calls.hang_up(ep, key, Some("Q.850;cause=16;text=\"bye\""), now);
    });
    net.run(MINUTE);
    assert_eq!(net.nodes[1].user.ended[0].by, us);
    let ended = &net.nodes[0].user.ended[0];
    assert_eq!(
        (ended.by, ended.q850, ended.words.as_deref()),
        (them, Some(16), Some("bye"))
    );
    all_over(&net);
}

#[test]
fn invite_and_bye_are_repeated_with_credentials() {
    for (password, answered) in [("secret", true), ("wrong", false)] {
        let mut net = net(1, POLITE);
        net.nodes[1].user.verifier = Some(Verifier::new(
            "phones",
            [3; 32],
            VerifierConfig::default(),
            net.now,
        ));
        let mut outgoing = outgoing(net.target(1));
        outgoing.login = Some(Login {
            username: "alice".into(),
            password: password.into(),
        });
        let key = at(&mut net, 0, |calls, ep, now| {
            calls.invite(ep, outgoing, now)
        })
        .unwrap();
        net.nodes[0].user.key = Some(key);
        net.run(SECOND);
        if answered {
            assert_eq!(net.nodes[0].user.log, ["ringing 180", "answered answer"]);
            hang_up(&mut net, 0);
            net.run(MINUTE);
            assert_eq!(net.nodes[1].user.ended[0].by, EndedBy::Peer);
        } else {
            net.run(MINUTE);
            let ended = &net.nodes[0].user.ended[0];
            assert_eq!((ended.by, ended.status), (EndedBy::Peer, Some(401)));
            assert_eq!(net.count(1, "INVITE"), 2);
        }
        all_over(&net);
    }
}

#[test]
fn a_failure_tells_its_status_cause_and_words() {
    let mut net = net(1, Manners::default());
    invite(&mut net);
    net.run(Duration::from_millis(50));
    let key = net.nodes[1].user.key.unwrap();
    at(&mut net, 1, |calls, ep, now| {
        calls.reject(ep, key, 486, "Busy Here", now)
    })
    .unwrap();
    net.run(MINUTE);
    let ended = Ended {
        by: EndedBy::Peer,
        status: Some(486),
        q850: None,
        words: Some("Busy Here".into()),
    };
    assert_eq!(net.nodes[0].user.ended, [ended]);
    all_over(&net);
}

#[test]
fn nobody_there_ends_in_408_and_a_caller_who_gives_up_cancels() {
    let mut silent = net(1, POLITE);
    silent.loss_percent = 100;
    invite(&mut silent);
    silent.run(MINUTE);
    let ended = &silent.nodes[0].user.ended[0];
    assert_eq!((ended.by, ended.status), (EndedBy::Network, Some(408)));
    all_over(&silent);

    let mut ringing = net(
        1,
        Manners {
            ring: true,
            ..Manners::default()
        },
    );
    invite(&mut ringing);
    ringing.run(10 * SECOND);
    hang_up(&mut ringing, 0);
    ringing.run(MINUTE);
    let statuses: Vec<_> = ringing
        .nodes
        .iter()
        .map(|n| n.user.ended[0].clone())
        .collect();
    assert_eq!(
        (statuses[0].by, statuses[0].status),
        (EndedBy::Us, Some(487))
    );
    assert_eq!(
        (statuses[1].by, statuses[1].status),
        (EndedBy::Peer, Some(487))
    );
    all_over(&ringing);
}

#[test]
fn cancel_and_answer_may_cross_at_any_moment() {
    let mut byes = 0;
    for seed in 0..200 {
        let mut net = net(
            seed,
            Manners {
                ring: true,
                ..Manners::default()
            },
        );
        net.delay_max_ms = 60;
        net.loss_percent = 10 * (seed % 3);
        let mut random = Random(seed);
        invite(&mut net);
        net.run(4 * SECOND);
        let mut answered = false;
        let (answer_at, cancel_at) = (random.below(80), random.below(80));
        for ms in 0..80 {
            if ms == cancel_at {
                hang_up(&mut net, 0);
            }
            if let Some(key) = net.nodes[1].user.key.filter(|_| ms == answer_at) {
                answered = at(&mut net, 1, |calls, ep, now| {
                    calls.answer(ep, key, sdp("answer"), now).is_ok()
                });
            }
            net.run(Duration::from_millis(1));
        }
        net.run(5 * MINUTE);
        all_over(&net);
        byes += usize::from(answered && net.count(1, "BYE") > 0);
    }
    assert!(byes > 20, "the race was met {byes} times");
}

#[test]
fn without_ack_the_2xx_is_repeated_for_32_seconds_then_the_call_ends() {
    let mut net = net(1, POLITE);
    invite(&mut net);
    net.run(Duration::from_millis(1));
    net.loss_percent = 100;
    net.run(3 * MINUTE);
    // At 0, 500, 1500, 3500, then every 4 s up to 31.5 s.
    assert_eq!(net.count(0, "SIP/2.0 200"), 11);
    let ended = &net.nodes[1].user.ended[0];
    assert_eq!((ended.by, ended.status), (EndedBy::Network, Some(408)));
    assert!(net.count(0, "BYE") > 1);
    assert!(net.nodes[1].user.calls.is_empty());
}

#[test]
fn who_hangs_up_before_the_ack_sends_bye_after_it() {
    let mut net = net(1, POLITE);
    net.delay_max_ms = 200;
    invite(&mut net);
    net.run(Duration::from_millis(1));
    while net.nodes[1].user.key.is_none() {
        net.run(Duration::from_millis(1));
    }
    hang_up(&mut net, 1);
    assert_eq!(net.nodes[1].user.ended.len(), 1);
    net.run(Duration::from_millis(1));
    assert_eq!(net.count(0, "BYE"), 0);
    net.run(5 * MINUTE);
    assert!(net.count(0, "BYE") > 0);
    all_over(&net);
}

#[test]
fn a_second_fork_is_acknowledged_and_ended() {
    let mut net = net(1, POLITE);
    invite(&mut net);
    net.run(Duration::from_millis(5));
    let invite = net.nodes[1].user.invites[0].clone();
    let fork = ResponseBuilder::reply(&invite, 200, "OK")
        .to_tag("other")
        .header(HeaderName::Contact, "<sip:fork@192.0.2.77:5099>")
        .build();
    let source = Source {
        transport: Transport::Udp,
        remote: addr(1),
        local: addr(0),
        flow: FlowId(1),
    };
    let now = net.now;
    net.nodes[0].endpoint.handle_message(source, fork, now);
    net.run(SECOND);
    let sent: Vec<_> = net
        .sent
        .iter()
        .filter(|(_, to, _)| to.to_string() == "192.0.2.77:5099")
        .map(|(_, _, line)| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(sent, ["ACK", "BYE", "BYE"]);
    hang_up(&mut net, 0);
    net.run(5 * MINUTE);
    all_over(&net);
}

#[test]
fn changes_are_offered_both_ways_and_glare_is_491() {
    let mut net = net(1, POLITE);
    net.delay_max_ms = 5;
    invite(&mut net);
    net.run(SECOND);
    for node in [0, 1] {
        let key = net.nodes[node].user.key.unwrap();
        at(&mut net, node, |calls, ep, now| {
            calls.change(ep, key, sdp("hold"), now)
        })
        .unwrap();
        net.run(SECOND);
        assert_eq!(
            net.nodes[node].user.log.last().unwrap(),
            "reinvited 200 changed"
        );
        assert_eq!(
            net.nodes[1 - node].user.log.last().unwrap(),
            "reinvite hold"
        );
    }
    assert_eq!(net.count(1, "ACK"), 2);
    for node in [0, 1] {
        let key = net.nodes[node].user.key.unwrap();
        at(&mut net, node, |calls, ep, now| {
            calls.change(ep, key, sdp("both"), now)
        })
        .unwrap();
    }
    net.run(SECOND);
    for node in &net.nodes {
        assert_eq!(node.user.log.last().unwrap(), "reinvited 491 ");
    }
    net.nodes[1].user.manners.accept_changes = false;
    let key = net.nodes[0].user.key.unwrap();
    at(&mut net, 0, |calls, ep, now| {
        calls.change(ep, key, sdp("odd"), now)
    })
    .unwrap();
    net.run(SECOND);
    let key = net.nodes[1].user.key.unwrap();
    at(&mut net, 1, |calls, ep, now| {
        calls.reject_change(ep, key, 488, "Not Acceptable Here", now)
    })
    .unwrap();
    net.run(SECOND);
    assert_eq!(net.nodes[0].user.log.last().unwrap(), "reinvited 488 ");
    hang_up(&mut net, 1);
    net.run(5 * MINUTE);
    all_over(&net);
}

fn within(net: &mut Net<Phone>, method: Method, seq: u32, to_tag: &str) -> u16 {
    let invite = net.nodes[1].user.invites[0].clone();
    let request = RequestBuilder::new(method, &Uri::parse("sip:phone@192.0.2.2").unwrap())
        .max_forwards(70)
        .from(&invite.from().unwrap())
        .to(&invite.to().unwrap().with_tag(to_tag))
        .call_id(invite.call_id().unwrap())
        .cseq(seq)
        .build();
    let (target, now) = (net.target(1), net.now);
    let before = net.sent.len();
    net.nodes[0]
        .endpoint
        .send_request(&request, &target, "192.0.2.1", now)
        .unwrap();
    net.run(Duration::from_millis(100));
    let answer = net.sent[before..]
        .iter()
        .find(|(_, to, _)| *to == addr(0))
        .unwrap();
    answer.2.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn requests_within_the_call_get_their_answers() {
    let mut net = net(1, POLITE);
    let key = invite(&mut net);
    net.run(SECOND);
    at(&mut net, 0, |calls, ep, now| {
        calls.info(
            ep,
            key,
            "application/dtmf-relay",
            Bytes::from_static(b"Signal=1"),
            now,
        )
    })
    .unwrap();
    net.run(SECOND);
    assert_eq!(
        net.nodes[1].user.log.last().unwrap(),
        "info application/dtmf-relay"
    );
    let ok = net.nodes[0].user.calls.call_id(key).unwrap().to_owned();
    assert_eq!(net.nodes[1].user.invites[0].call_id(), Some(ok.as_str()));

    let bye = {
        let key = net.nodes[1].user.key.unwrap();
        assert!(net.nodes[1].user.calls.call_id(key).is_some());
        "nobody"
    };
    assert_eq!(within(&mut net, Method::Bye, 9, bye), 481);
    assert_eq!(within(&mut net, Method::Info, 9, bye), 481);
    let tag = callee_tag(&mut net);
    assert_eq!(within(&mut net, Method::Options, 20, &tag), 200);
    assert_eq!(within(&mut net, Method::Info, 19, &tag), 500);
    assert_eq!(within(&mut net, Method::Update, 21, &tag), 200);
    assert_eq!(within(&mut net, Method::Refer, 22, &tag), 405);
    assert_eq!(within(&mut net, Method::Bye, 23, &tag), 200);
}

/// The answer to a change, or its ACK, was lost with a connection: the change that is asked for next is taken all the same.
#[test]
fn a_change_is_taken_whose_predecessor_was_never_acknowledged() {
    let mut net = net(1, POLITE);
    invite(&mut net);
    net.run(SECOND);
    let tag = callee_tag(&mut net);
    for seq in [20, 21] {
        assert_eq!(within(&mut net, Method::Invite, seq, &tag), 200, "{seq}");
    }
    let changes = net.nodes[1].user.log.iter();
    assert_eq!(
        changes.filter(|line| line.starts_with("reinvite")).count(),
        2
    );
}

/// The callee's tag, read from a request of its own.
fn callee_tag(net: &mut Net<Phone>) -> String {
    let key = net.nodes[1].user.key.unwrap();
    let now = net.now;
    let node = &mut net.nodes[1];
    node.user
        .calls
        .info(
            &mut node.endpoint,
            key,
            "text/plain",
            Bytes::from_static(b"x"),
            now,
        )
        .unwrap();
    let Some(sip_proto::endpoint::Output::Send { bytes, .. }) = node.endpoint.poll_output() else {
        panic!("INFO expected");
    };
    let info = Message::parse_datagram(bytes).unwrap();
    info.from().unwrap().tag().unwrap().to_owned()
}

#[test]
fn invites_that_cannot_be_served_are_refused() {
    for (name, value, status) in [
        (HeaderName::Require, "100rel", 420),
        (HeaderName::ContentType, "text/plain", 415),
        (HeaderName::Contact, "", 400),
    ] {
        let mut net = net(1, POLITE);
        invite(&mut net);
        let Some(sip_proto::endpoint::Output::Send { bytes, .. }) =
            net.nodes[0].endpoint.poll_output()
        else {
            panic!("INVITE expected");
        };
        let invite = Edit::of(&Message::parse_datagram(bytes).unwrap());
        let invite = match value {
            "" => invite.remove_all(name),
            value => invite.set(name, value),
        };
        let source = Source {
            transport: Transport::Udp,
            remote: addr(0),
            local: addr(1),
            flow: FlowId(1),
        };
        let now = net.now;
        net.nodes[1]
            .endpoint
            .handle_message(source, invite.finish(), now);
        net.run(SECOND);
        assert_eq!(net.count(0, &format!("SIP/2.0 {status}")), 1, "{status}");
        assert!(net.nodes[1].user.calls.is_empty());
    }
}

#[test]
fn thousands_of_calls_stand_side_by_side_and_leave_nothing() {
    const CALLS: usize = 3_000;
    let mut net = net(1, POLITE);
    net.loss_percent = 5;
    net.delay_max_ms = 100;
    let keys: Vec<_> = (0..CALLS).map(|_| invite(&mut net)).collect();
    net.run(20 * SECOND);
    let answered = |log: &[String]| {
        log.iter()
            .filter(|line| line.starts_with("answered"))
            .count()
    };
    assert_eq!(answered(&net.nodes[0].user.log), CALLS);
    assert_eq!(net.nodes[1].user.calls.len(), CALLS);
    for key in keys {
        at(&mut net, 0, |calls, ep, now| {
            calls.hang_up(ep, key, None, now)
        });
    }
    net.run(5 * MINUTE);
    for node in &net.nodes {
        assert_eq!(node.user.ended.len(), CALLS);
        assert!(node.user.calls.is_empty());
        assert_eq!(node.endpoint.transactions(), 0);
        assert_eq!(node.endpoint.poll_timeout(), None);
        assert_eq!(node.user.calls.poll_timeout(), None);
    }
}

#[derive(Debug, Clone, Copy)]
enum Action {
    Run(u64),
    Loss(u64),
    Ring,
    Answer,
    Reject,
    Change(usize),
    Info(usize),
    HangUp(usize),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        4 => (0u64..3_000).prop_map(Action::Run),
        1 => prop_oneof![Just(0u64), Just(20), Just(50), Just(100)].prop_map(Action::Loss),
        1 => Just(Action::Ring),
        2 => Just(Action::Answer),
        1 => Just(Action::Reject),
        2 => (0usize..2).prop_map(Action::Change),
        1 => (0usize..2).prop_map(Action::Info),
        1 => (0usize..2).prop_map(Action::HangUp),
    ];
    prop::collection::vec(action, 1..30)
}

proptest! {
    #[test]
    fn no_sequence_leaves_a_call_hanging(seed in any::<u64>(), actions in actions()) {
        let mut net = net(seed, Manners { accept_changes: true, ..Manners::default() });
        net.delay_max_ms = 300;
        invite(&mut net);
        for action in actions {
            match action {
                Action::Run(ms) => net.run(Duration::from_millis(ms)),
                Action::Loss(percent) => net.loss_percent = percent,
                Action::Ring | Action::Answer | Action::Reject => {
                    let Some(key) = net.nodes[1].user.key else { continue };
                    // Refused once it is answered, which is as it should be.
                    let _ = at(&mut net, 1, |calls, ep, now| match action {
                        Action::Ring => calls.ring(ep, key, 180, None, now),
                        Action::Answer => calls.answer(ep, key, sdp("answer"), now),
                        _ => calls.reject(ep, key, 486, "Busy Here", now),
                    });
                }
                Action::Change(node) | Action::Info(node) => {
                    let Some(key) = net.nodes[node].user.key else { continue };
                    let _ = at(&mut net, node, |calls, ep, now| match action {
                        Action::Change(_) => calls.change(ep, key, sdp("other"), now),
                        _ => calls.info(ep, key, "text/plain", Bytes::from_static(b"x"), now),
                    });
                }
                Action::HangUp(node) => {
                    if net.nodes[node].user.key.is_some() {
                        hang_up(&mut net, node);
                    }
                }
            }
        }
        net.loss_percent = 0;
        net.run(MINUTE);
        for node in 0..2 {
            if net.nodes[node].user.key.is_some() {
                hang_up(&mut net, node);
            }
        }
        net.run(10 * MINUTE);
        all_over(&net);
    }
}

#[test]
fn who_is_asked_within_a_call_whether_they_are_there_says_so_and_nothing_else_happens() {
    let mut net = net(1, POLITE);
    let key = invite(&mut net);
    net.run(SECOND);
    let probe = |net: &mut Net<Phone>| at(net, 0, |calls, ep, now| calls.probe(ep, key, now));
    probe(&mut net).unwrap();
    net.run(SECOND);
    assert_eq!(net.nodes[0].user.log.last().unwrap(), "probed 200");
    // Nothing arrives for a while: the call goes on, since that may have been the way alone.
    net.loss_percent = 100;
    probe(&mut net).unwrap();
    net.run(MINUTE);
    assert_eq!(net.nodes[0].user.log.last().unwrap(), "probed 408");
    net.loss_percent = 0;
    probe(&mut net).unwrap();
    net.run(SECOND);
    assert_eq!(net.nodes[0].user.log.last().unwrap(), "probed 200");
    hang_up(&mut net, 1);
    net.run(MINUTE);
    all_over(&net);
    assert!(probe(&mut net).is_err());
}
