//! Commands, events, keys, ports and the end.

use std::collections::HashMap;
use std::net::UdpSocket;

use convoke_types::media::{Codec, MediaCommand, MediaEvent, Prompt};
use media::{Config, Engine};

use crate::phone::{Bridge, DEADLINE, key};

#[test]
fn a_key_is_told_once_before_and_after_joining() {
    let mut bridge = Bridge::start();
    let leg = key("c1", "l1");
    let mut phone = bridge.dial(&leg, Codec::Pcma);
    phone.hear();
    phone.press('1');
    let pressed = |event: &MediaEvent| match event {
        MediaEvent::Key { key, .. } => Some(*key),
        _ => None,
    };
    assert_eq!(bridge.wait_for(pressed), '1');
    bridge.join(&leg);
    phone.talk(5, || [0; 160]);
    phone.press('#');
    phone.talk(20, || [0; 160]);
    assert_eq!(bridge.wait_for(pressed), '#');
    bridge.command(MediaCommand::Close { leg: leg.clone() });
    bridge.wait_for(|event| matches!(event, MediaEvent::Closed { .. }).then_some(()));
    assert!(
        bridge.seen.iter().filter_map(pressed).next().is_none(),
        "{:?}",
        bridge.seen
    );
}

#[test]
fn a_closed_leg_tells_its_stream_and_frees_its_port() {
    let mut bridge = Bridge::start();
    let leg = key("c1", "l1");
    let mut phone = bridge.dial(&leg, Codec::Pcmu);
    bridge.join(&leg);
    // Every tenth packet is lost.
    for i in 0..100 {
        phone.hear();
        let packet = phone.packet(&[1_000; 160]);
        if i % 10 != 5 {
            phone.send(&packet);
        }
    }
    // The last one has been read when two more have come back.
    phone.hear();
    phone.hear();
    bridge.command(MediaCommand::Close { leg: leg.clone() });
    let stats = bridge.wait_for(|event| match event {
        MediaEvent::Closed { stats, .. } => Some(stats.clone()),
        _ => None,
    });
    assert_eq!((stats.received, stats.lost), (90, 10), "{stats:?}");
    assert!(stats.sent >= 102, "{stats:?}");
    assert!(stats.jitter_ms < 20.0, "{stats:?}");
    UdpSocket::bind(phone.bridge).expect("the port is free again");
    // Nothing is known of it any more.
    bridge.command(MediaCommand::Join { leg: leg.clone() });
    bridge.command(MediaCommand::Close { leg });
}

#[test]
fn the_mix_is_closed_with_all_its_legs() {
    let mut bridge = Bridge::start();
    for leg in ["l1", "l2", "l3"] {
        bridge.open(&key("c1", leg));
    }
    bridge.open(&key("c2", "l1"));
    bridge.command(MediaCommand::CloseMix {
        conference: "c1".parse().unwrap(),
    });
    let closed: Vec<_> = (0..3)
        .map(|_| {
            bridge.wait_for(|event| match event {
                MediaEvent::Closed { leg, .. } => Some(leg.to_string()),
                _ => None,
            })
        })
        .collect();
    assert_eq!(closed, ["c1/l1", "c1/l2", "c1/l3"]);
}

#[test]
fn without_a_free_port_the_leg_fails_in_words() {
    let taken = UdpSocket::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        & !1;
    let config = Config {
        port_range: Some((taken, taken)),
        threads: 1,
        ..Config::default()
    };
    let mut bridge = Bridge::with(&config);
    let local = bridge.open(&key("c1", "l1"));
    assert_eq!(local.port(), taken);
    bridge.command(MediaCommand::Open {
        leg: key("c1", "l2"),
    });
    let words = bridge.wait_for(|event| match event {
        MediaEvent::Failed { leg, words } => {
            assert_eq!(*leg, key("c1", "l2"));
            Some(words.clone())
        }
        _ => None,
    });
    assert!(words.starts_with("no port for sound is free"), "{words}");
}

#[test]
fn peers_are_told_the_advertised_address() {
    let config = Config {
        advertised_ip: Some("192.0.2.7".parse().unwrap()),
        threads: 1,
        ..Config::default()
    };
    let mut bridge = Bridge::with(&config);
    assert_eq!(bridge.open(&key("c1", "l1")).ip().to_string(), "192.0.2.7");
}

#[test]
fn without_connected_legs_no_timer_runs() {
    let mut bridge = Bridge::start();
    let leg = key("c1", "l1");
    bridge.open(&leg);
    bridge.command(MediaCommand::Close { leg });
    bridge.wait_for(|event| matches!(event, MediaEvent::Closed { .. }).then_some(()));
    assert_eq!(bridge.engine.counters().timer_wakes, 0);

    let leg = key("c1", "l2");
    let mut phone = bridge.dial(&leg, Codec::Pcmu);
    phone.talk(3, || [0; 160]);
    bridge.command(MediaCommand::Close { leg });
    bridge.wait_for(|event| matches!(event, MediaEvent::Closed { .. }).then_some(()));
    let wakes = bridge.engine.counters().timer_wakes;
    assert!(wakes > 0);
    // Another leg's way through the thread takes longer than a phase would; no wake comes of it.
    for i in 0..50 {
        bridge.open(&key("c2", &format!("l{i}")));
    }
    assert_eq!(bridge.engine.counters().timer_wakes, wakes);
}

#[test]
fn an_operators_prompt_replaces_ours() {
    let own = HashMap::from([(
        (Prompt::Goodbye, "en".to_owned()),
        vec![8_000_i16; 160 * 10],
    )]);
    let mut bridge = Bridge::with(&Config {
        prompts: own,
        threads: 1,
        ..Config::default()
    });
    let leg = key("c1", "l1");
    let mut phone = bridge.dial(&leg, Codec::Pcma);
    bridge.command(MediaCommand::Play {
        leg: leg.clone(),
        prompt: Prompt::Goodbye,
        language: "en".into(),
        repeat: 1,
    });
    phone.talk(30, || [0; 160]);
    let loud = phone
        .heard
        .iter()
        .filter(|s| (7_500..8_500).contains(*s))
        .count();
    assert_eq!(loud, 1_600);
    bridge.wait_for(|event| (*event == MediaEvent::PromptDone { leg: leg.clone() }).then_some(()));
}

#[test]
fn no_packets_for_five_seconds_are_told_and_their_return() {
    let mut bridge = Bridge::start();
    let leg = key("c1", "l1");
    let mut phone = bridge.dial(&leg, Codec::Pcmu);
    bridge.join(&leg);
    phone.talk(10, || [0; 160]);
    let silent = |event: &MediaEvent| match event {
        MediaEvent::Silent { on, .. } => Some(*on),
        _ => None,
    };
    assert!(bridge.wait_for(silent));
    let heard = phone.sizes.len();
    for _ in 0..240 {
        phone.hear();
    }
    assert!(phone.sizes.len() >= heard + 240, "it is still sent to");
    phone.talk(5, || [0; 160]);
    assert!(!bridge.wait_for(silent));
}

#[tokio::test]
async fn events_can_be_awaited_and_end_with_the_engine() {
    let (engine, events) = Engine::start(&Config {
        threads: 2,
        ..Config::default()
    })
    .unwrap();
    let mut events = events.into_async().unwrap();
    for conference in ["c1", "c2"] {
        engine
            .command(MediaCommand::Open {
                leg: key(conference, "l1"),
            })
            .unwrap();
    }
    for _ in 0..2 {
        let event = tokio::time::timeout(DEADLINE, events.next())
            .await
            .unwrap()
            .unwrap();
        assert!(matches!(event, MediaEvent::Opened { .. }));
    }
    engine.stop();
    assert_eq!(
        tokio::time::timeout(DEADLINE, events.next()).await.unwrap(),
        None
    );
}
